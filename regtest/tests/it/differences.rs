//! Where the embedded chain is known to differ from a bitcoind: the table in docs/chains.md, row by row. When a
//! difference goes away, its test fails and its row is to be struck.

use bitcoin::opcodes::all::{OP_NOP10, OP_PUSHNUM_1};
use bitcoin::script::Builder;
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Witness};
use narthex_regtest::suite::{Signer, pay, spend};
use narthex_regtest::{
    Bitcoind, Broadcaster, Chain, ChainSource, Embedded, Error, Miner, mine_coins,
};

fn anyone() -> ScriptBuf {
    ScriptBuf::new_p2a()
}

/// Both chains with the same coin of 50 bitcoins for the signer.
fn both(signer: &Signer) -> (Bitcoind, Embedded, (OutPoint, TxOut)) {
    let (mut bitcoind, mut embedded) = (Bitcoind::start().unwrap(), Embedded::new());
    let coin = mine_coins(&mut embedded, 1, &signer.script(), &anyone())
        .unwrap()
        .remove(0);
    for height in 1..=embedded.height().unwrap() {
        bitcoind
            .submit_block(&embedded.block(height).unwrap())
            .unwrap();
    }
    (bitcoind, embedded, coin)
}

fn payment(signer: &Signer, coin: &(OutPoint, TxOut), script: &ScriptBuf) -> Transaction {
    let mut tx = spend(&[coin.0], vec![pay(coin.1.value.to_sat() - 1_000, script)]);
    signer.sign(&mut tx, std::slice::from_ref(&coin.1)).unwrap();
    tx
}

#[track_caller]
fn assert_refused<T>(result: Result<T, Error>, code: &str) {
    let error = result.map(|_| ()).unwrap_err();
    assert!(
        error.code().is_some_and(|found| found.starts_with(code)),
        "{error}"
    );
}

#[test]
fn scripts_that_policy_only_discourages_are_relayed_by_the_embedded_chain() {
    let signer = Signer::new(1).unwrap();
    let (mut bitcoind, mut embedded, coin) = both(&signer);
    let script = Builder::new()
        .push_opcode(OP_NOP10)
        .push_opcode(OP_PUSHNUM_1)
        .into_script();
    let funding = payment(&signer, &coin, &script.to_p2wsh());
    bitcoind.submit(&funding).unwrap();
    embedded.submit(&funding).unwrap();
    let output = OutPoint {
        txid: funding.compute_txid(),
        vout: 0,
    };
    let mut tx = spend(&[output], vec![pay(1_000_000, &signer.script())]);
    tx.input[0].witness = Witness::from_slice(&[script.as_bytes()]);

    assert_refused(bitcoind.submit(&tx), "mempool-script-verify-flag-failed");
    embedded.submit(&tx).unwrap();
    // Consensus has nothing against it.
    bitcoind.mine_exactly(&[funding, tx], &anyone()).unwrap();
}

#[test]
fn a_transaction_without_inputs_is_undecodable_for_bitcoind() {
    let (mut bitcoind, mut embedded) = (Bitcoind::start().unwrap(), Embedded::new());
    let tx = spend(&[], vec![pay(1_000, &anyone())]);
    assert_refused(bitcoind.submit(&tx), "TX decode failed");
    assert_refused(embedded.submit(&tx), "bad-txns-vin-empty");
}

#[test]
fn bitcoind_keeps_side_branches_and_the_embedded_chain_does_not() {
    let signer = Signer::new(1).unwrap();
    let (mut bitcoind, mut embedded, _) = both(&signer);
    let mut other = Embedded::new();
    let side = other.mine(1, &signer.script()).unwrap();
    let side = other
        .block(1)
        .ok()
        .filter(|block| side == [block.block_hash()])
        .unwrap();
    // The same height-1 block is in both; another one is not.
    let mut rival = side.clone();
    rival.header.time += 1;
    while rival.header.validate_pow(rival.header.target()).is_err() {
        rival.header.nonce += 1;
    }
    assert_refused(bitcoind.submit_block(&rival), "inconclusive");
    assert_refused(embedded.submit_block(&rival), "prev-blk-not-found");
}

#[test]
fn a_cluster_that_grows_by_a_disconnection_is_trimmed_by_bitcoind_only() {
    let signer = Signer::new(1).unwrap();
    let (mut bitcoind, mut embedded, mut coin) = both(&signer);
    let mut chain_of = |count: usize| {
        let mut txs = Vec::new();
        for _ in 0..count {
            let tx = payment(&signer, &coin, &signer.script());
            coin = (
                OutPoint {
                    txid: tx.compute_txid(),
                    vout: 0,
                },
                tx.output[0].clone(),
            );
            txs.push(tx);
        }
        txs
    };
    let (mined, waiting) = (chain_of(60), chain_of(10));
    for chain in [&mut bitcoind as &mut dyn Chain, &mut embedded] {
        chain.mine_exactly(&mined, &anyone()).unwrap();
        for tx in &waiting {
            chain.submit(tx).unwrap();
        }
        chain.disconnect(1).unwrap();
    }
    assert_eq!(bitcoind.mempool().unwrap().len(), 64);
    assert_eq!(embedded.mempool().unwrap().len(), 70);
}
