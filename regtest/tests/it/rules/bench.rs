//! A chain, a key and coins.

use bitcoin::transaction::Version;
use bitcoin::{Block, OutPoint, ScriptBuf, Transaction, TxMerkleNode, TxOut};
use narthex_regtest::suite::{Signer, pay, spend};
use narthex_regtest::{Chain, Error, mine_coins};

pub(crate) type Coin = (OutPoint, TxOut);

pub(crate) struct Bench {
    pub(crate) chain: Box<dyn Chain>,
    pub(crate) signer: Signer,
    coins: Vec<Coin>,
}

pub(crate) fn anyone() -> ScriptBuf {
    ScriptBuf::new_p2a()
}

pub(crate) fn output(tx: &Transaction, vout: u32) -> Coin {
    (
        OutPoint {
            txid: tx.compute_txid(),
            vout,
        },
        tx.output[vout as usize].clone(),
    )
}

/// `OP_RETURN` with so many bytes behind it.
pub(crate) fn data(bytes: usize) -> TxOut {
    pay(
        0,
        &ScriptBuf::from_bytes([&[0x6a][..], &vec![0x51; bytes]].concat()),
    )
}

impl Bench {
    pub(crate) fn new(chain: impl Chain + 'static) -> Self {
        Self {
            chain: Box::new(chain),
            signer: Signer::new(3).unwrap(),
            coins: vec![],
        }
    }

    pub(crate) fn coin(&mut self) -> Coin {
        if self.coins.is_empty() {
            self.coins =
                mine_coins(&mut *self.chain, 15, &self.signer.script(), &anyone()).unwrap();
        }
        self.coins.pop().unwrap()
    }

    /// Spends the coins to `outputs`; what is left of their value is fee.
    pub(crate) fn tx(&self, version: i32, coins: &[&Coin], outputs: Vec<TxOut>) -> Transaction {
        let outpoints: Vec<_> = coins.iter().map(|coin| coin.0).collect();
        let mut tx = Transaction {
            version: Version(version),
            ..spend(&outpoints, outputs)
        };
        let spent: Vec<_> = coins.iter().map(|coin| coin.1.clone()).collect();
        self.signer.sign(&mut tx, &spent).unwrap();
        tx
    }

    /// Spends the coins to one output of the bench's own and `more`, with this fee.
    pub(crate) fn pay(
        &self,
        version: i32,
        coins: &[&Coin],
        fee_sat: u64,
        more: Vec<TxOut>,
    ) -> Transaction {
        let value: u64 = coins.iter().map(|coin| coin.1.value.to_sat()).sum();
        let elsewhere: u64 = more.iter().map(|output| output.value.to_sat()).sum();
        let mut outputs = vec![pay(value - elsewhere - fee_sat, &self.signer.script())];
        outputs.extend(more);
        self.tx(version, coins, outputs)
    }

    pub(crate) fn submit(&mut self, tx: &Transaction) {
        self.chain.submit(tx).unwrap();
    }

    #[track_caller]
    pub(crate) fn refused(&mut self, tx: &Transaction, code: &str) {
        is_refusal(self.chain.submit(tx), code);
    }

    #[track_caller]
    pub(crate) fn package_refused(&mut self, txs: &[&Transaction], code: &str) {
        let txs: Vec<_> = txs.iter().map(|tx| (*tx).clone()).collect();
        is_refusal(self.chain.submit_package(&txs), code);
    }

    pub(crate) fn submit_package(&mut self, txs: &[&Transaction]) {
        let txs: Vec<_> = txs.iter().map(|tx| (*tx).clone()).collect();
        self.chain.submit_package(&txs).unwrap();
    }

    pub(crate) fn waits(&mut self, tx: &Transaction) -> bool {
        self.chain.mempool().unwrap().contains(&tx.compute_txid())
    }

    pub(crate) fn mine(&mut self) -> Block {
        self.chain.mine(1, &anyone()).unwrap();
        let height = self.chain.height().unwrap();
        self.chain.block(height).unwrap()
    }
}

#[track_caller]
pub(crate) fn is_refusal<T>(result: Result<T, Error>, code: &str) {
    match result {
        Ok(_) => panic!("`{code}` expected, but it was taken"),
        Err(error) => assert_eq!(error.code(), Some(code), "{error}"),
    }
}

/// Repairs what a change to a block's transactions or header breaks, except witness commitments.
pub(crate) fn reseal(block: &mut Block) {
    block.header.merkle_root = block.compute_merkle_root().unwrap_or_else(|| {
        use bitcoin::hashes::Hash;
        TxMerkleNode::all_zeros()
    });
    while block.header.validate_pow(block.header.target()).is_err() {
        block.header.nonce += 1;
    }
}
