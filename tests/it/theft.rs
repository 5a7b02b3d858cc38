//! Thefts: every output of a contract against every party and coalition that does not own it, with a miner's help.

use crate::common;

use bitcoin::{
    OutPoint, Sequence, TapLeafHash, TapSighashType, Transaction, TxOut, Witness,
    absolute::LockTime,
    hashes::Hash,
    key::TapTweak,
    secp256k1::{Keypair, Message, Secp256k1, SecretKey},
    sighash::{Prevouts, SighashCache},
    taproot::LeafVersion,
};
use common::{forge, forge::Coin, is_bad_script, is_bad_signature, is_too_early, miner, refused};
use narthex::{
    contracts::{
        graph::{NodeName, Purpose, Spend},
        template::{Exit, reclaim_stake, stake_output, stake_unlock_height},
        terms::{FeeRate, Role},
    },
    game_model::{ArbiterSet, Ruling},
    play::ContractPlay,
    regtest::Chain,
};

on_both_chains!(contract_outputs, stakes, payouts_and_anchors);

fn key(play: &ContractPlay<'_>, role: Role) -> SecretKey {
    play.participant(role).unwrap().key().unwrap()
}

fn coin(play: &ContractPlay<'_>, name: NodeName, vout: u32) -> Coin {
    let id = play.find(name).unwrap();
    let graph = play.graph();
    let output = &graph.node(id).unwrap().outputs[vout as usize];
    let script_pubkey = graph.script(output.script).unwrap().script.clone();
    (
        common::output_of(graph, id, vout),
        TxOut {
            value: output.value,
            script_pubkey,
        },
    )
}

/// Root of an output's script tree, or what stands in its place.
fn root(play: &ContractPlay<'_>, name: NodeName, vout: u32) -> Option<[u8; 32]> {
    let id = play.find(name).unwrap();
    let purpose = play.graph().node(id).unwrap().outputs[vout as usize].purpose;
    let (Purpose::Contract(keys) | Purpose::Held { keys, .. }) = purpose else {
        return None;
    };
    play.graph()
        .key_set(keys)
        .unwrap()
        .merkle_root()
        .map(|root| root.to_byte_array())
}

/// What a coalition can sign with all that it has: the sum of its terms of the aggregate, tweaked as the output is.
fn by_coalition(
    play: &ContractPlay<'_>,
    signers: &[Role],
    coalition: &[Role],
    at: (NodeName, u32),
) -> Transaction {
    let keys: Vec<_> = signers
        .iter()
        .map(|r| play.terms().key(*r).unwrap())
        .collect();
    let secrets: Vec<_> = coalition.iter().map(|r| key(play, *r)).collect();
    let secp = Secp256k1::new();
    let sum = Keypair::from_secret_key(&secp, &forge::coalition(&keys, &secrets));
    let root = root(play, at.0, at.1).map(bitcoin::TapNodeHash::from_byte_array);
    let signer = sum.tap_tweak(&secp, root).to_keypair();
    let coins = [coin(play, at.0, at.1)];
    let mut tx = forge::take(&coins, &miner(), 0);
    let message = Message::from_digest(forge::sighash(&tx, 0, &coins));
    tx.input[0].witness = Witness::from_slice(&[secp.sign_schnorr(&message, &signer).serialize()]);
    tx
}

/// No party alone and no coalition short of all signers can take the output.
fn holds_against_all(play: &mut ContractPlay<'_>, signers: &[Role], at: (NodeName, u32)) {
    let coin = coin(play, at.0, at.1);
    let root = root(play, at.0, at.1);
    for role in common::roles(play) {
        for theft in forge::single_key(&key(play, role), &coin, root, &miner()) {
            let reason = refused(play, &theft);
            assert!(
                is_bad_signature(&reason),
                "{role} takes {}:{}: {reason}",
                at.0,
                at.1
            );
        }
    }
    let all = (1u32 << signers.len()) - 1;
    for mask in 1..all {
        let coalition: Vec<_> = signers
            .iter()
            .enumerate()
            .filter(|(i, _)| mask >> i & 1 == 1)
            .map(|(_, r)| *r)
            .collect();
        let theft = by_coalition(play, signers, &coalition, at);
        let reason = refused(play, &theft);
        assert!(
            is_bad_signature(&reason),
            "{coalition:?} take {}:{}: {reason}",
            at.0,
            at.1
        );
    }
}

/// All signers together own it: the test's arithmetic is right, and its thefts fail for the reason they should.
fn falls_to_all(play: &mut ContractPlay<'_>, signers: &[Role], at: (NodeName, u32)) {
    let tx = by_coalition(play, signers, signers, at);
    common::mined(play, &tx);
}

fn contract_outputs(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let everybody = common::roles(&play);
    let three = Role::PRINCIPALS;
    holds_against_all(&mut play, &three, (NodeName::plain("Tx0"), 0));
    common::deliver(&mut play);
    holds_against_all(&mut play, &three, (Exit::DELIVERED, 0));
    play.publish(Role::Verifier, Exit::REJECTED, "test")
        .unwrap();
    holds_against_all(&mut play, &three, (Exit::REJECTED, 0));
    play.publish(Role::Worker, Exit::APPEALED, "test").unwrap();
    holds_against_all(&mut play, &everybody, (Exit::APPEALED, 0));
    falls_to_all(&mut play, &everybody, (Exit::APPEALED, 0));
    // The same contract in another ending; the appeal is unconfirmed again.
    play.chain().disconnect(3).unwrap();
    let approve = node_tx(&play, Role::Verifier, Exit::APPROVED);
    common::mined(&mut play, &approve);
    holds_against_all(&mut play, &three, (Exit::APPROVED, 0));
    falls_to_all(&mut play, &three, (Exit::APPROVED, 0));
}

fn node_tx(play: &ContractPlay<'_>, who: Role, name: NodeName) -> Transaction {
    play.complete(who, play.find(name).unwrap()).unwrap()
}

/// A stake belongs to all together, or after the last deadline to its owner; to nobody else at any time.
fn stakes(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let everybody = common::roles(&play);
    let unlock = stake_unlock_height(play.terms().params());
    assert_eq!(
        unlock,
        common::deliver_height(play.terms()) + 6 + 6 + 2 * 12
    );
    for vout in 1..=3 {
        holds_against_all(&mut play, &everybody, (NodeName::plain("Tx0"), vout));
    }
    let reclaim = |play: &ContractPlay<'_>, i: u8, by: u8| {
        let key = key(play, Role::Arbiter(by));
        reclaim_stake(
            play.terms(),
            play.graph(),
            i,
            &key,
            miner(),
            FeeRate::from_sat_per_kwu(500),
        )
    };
    assert!(
        reclaim(&play, 0, 1).is_err(),
        "the code refuses another's key"
    );
    let own = reclaim(&play, 0, 0).unwrap();
    assert!(is_too_early(&refused(&mut play, &own)));
    // Without either wait: the script demands what the transaction does not say any more.
    let height = play.chain().height().unwrap();
    let hasty = |tx: &Transaction, height: Option<u32>, no_relative_lock: bool| {
        let mut hasty = tx.clone();
        if let Some(height) = height {
            hasty.lock_time = LockTime::from_height(height).unwrap();
        }
        if no_relative_lock {
            hasty.input[0].sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;
        }
        hasty
    };
    let mut neither = hasty(&own, Some(height), true);
    resign_leaf(&play, &mut neither, 0, 0);
    let reason = refused(&mut play, &neither);
    assert!(is_bad_script(&reason), "{reason}");

    let funded = node_height(&mut play, "Tx0");
    let relative = u32::from(play.terms().params().stake_lock_blocks());
    let first = (unlock + 1).max(funded + relative);
    common::before(&mut play, first - 1);
    let reason = refused(&mut play, &own);
    assert!(is_too_early(&reason), "one block too early: {reason}");
    common::before(&mut play, first);
    // Both waits are over, and still the script wants to read both.
    for mut cut in [
        hasty(&own, Some(unlock - 1), false),
        hasty(&own, None, true),
    ] {
        resign_leaf(&play, &mut cut, 0, 0);
        let reason = refused(&mut play, &cut);
        assert!(is_bad_script(&reason), "{reason}");
    }
    for thief in [1, 2] {
        let mut theft = own.clone();
        resign_leaf(&play, &mut theft, 0, thief);
        let reason = refused(&mut play, &theft);
        assert!(is_bad_signature(&reason), "{reason}");
    }
    common::mined(&mut play, &own);
    falls_to_all(&mut play, &everybody, (NodeName::plain("Tx0"), 2));
}

fn node_height(play: &mut ContractPlay<'_>, base: &'static str) -> u32 {
    let txid = play
        .graph()
        .txid(play.find(NodeName::plain(base)).unwrap())
        .unwrap();
    play.chain().transaction(txid).unwrap().unwrap().1.unwrap()
}

/// Signs the owner's leaf of stake `i` with the key of arbiter `by`.
fn resign_leaf(play: &ContractPlay<'_>, tx: &mut Transaction, i: u8, by: u8) {
    let (_, prevout) = stake_output(play.terms(), play.graph(), i).unwrap();
    let leaf = bitcoin::ScriptBuf::from_bytes(tx.input[0].witness.nth(1).unwrap().to_vec());
    let hash = TapLeafHash::from_script(&leaf, LeafVersion::TapScript);
    let sighash = SighashCache::new(&*tx)
        .taproot_script_spend_signature_hash(
            0,
            &Prevouts::All(&[prevout]),
            hash,
            TapSighashType::Default,
        )
        .unwrap();
    let secp = Secp256k1::new();
    let pair = Keypair::from_secret_key(&secp, &key(play, Role::Arbiter(by)));
    let signature = secp.sign_schnorr(&Message::from_digest(sighash.to_byte_array()), &pair);
    let mut items = tx.input[0].witness.to_vec();
    items[0] = signature.serialize().to_vec();
    tx.input[0].witness = Witness::from_slice(&items);
}

/// What has been paid out is its owner's alone; an anchor is anybody's, and worth nothing.
fn payouts_and_anchors(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    common::appeal(&mut play);
    common::rule(&mut play, 0..3, Ruling::WorkerAtFault);
    let name = Exit::ruled(Ruling::WorkerAtFault, ArbiterSet::full(3));
    // Whoever has the attestations settles, not only a party that gains by it.
    let tx = play.publish(Role::Worker, name, "test").unwrap();
    let id = play.find(name).unwrap();
    let node = play.graph().node(id).unwrap().clone();
    assert_eq!(node.inputs.len(), 1);
    assert!(matches!(node.inputs[0].spend, Spend::KeyPath(_)));
    for (vout, output) in node.outputs.iter().enumerate() {
        let Purpose::Payout(owner) = output.purpose else {
            continue;
        };
        let owner = Role::from(owner);
        assert_eq!(
            &tx.output[vout].script_pubkey,
            play.terms().payout(owner).unwrap()
        );
        for thief in common::roles(&play) {
            for theft in forge::single_key(
                &key(&play, thief),
                &coin(&play, name, vout as u32),
                None,
                &miner(),
            ) {
                let reason = refused(&mut play, &theft);
                assert!(
                    is_bad_signature(&reason),
                    "{thief} takes {owner}'s payout: {reason}"
                );
            }
        }
    }
    // The anchors were spent by the children; one that is left is anybody's.
    let anchors: Vec<_> = play
        .graph()
        .nodes()
        .flat_map(|(_, n)| n.outputs.iter().filter(|o| o.purpose == Purpose::Anchor))
        .map(|o| o.value)
        .collect();
    assert!(anchors.iter().all(|value| value.to_sat() == 0));
    let spent = OutPoint {
        txid: tx.compute_txid(),
        vout: tx.output.len() as u32 - 1,
    };
    assert!(
        play.chain().utxo(spent).unwrap().is_none(),
        "the child spent it"
    );
}
