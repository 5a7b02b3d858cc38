//! The root of record: where the worker's commitment stands on chain.
//!
//! TxD is pre-signed and must keep its id, so the root cannot stand in it. It stands in an OP_RETURN of the
//! transaction that spends the worker's change of the funding transaction, the *root coin*: nobody else can spend
//! that coin, and everybody knows it from the terms, so the root is authenticated by a signature that is there
//! anyway. Ordinarily that transaction is the child that pays TxD's fee. If somebody else's child pays it (anybody
//! can spend an anchor), the worker records its root by a transaction of its own: [`RootRecord::transaction`].
//! Either way it must confirm by [`RootRecord::deadline`].

use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime, script::PushBytesBuf, transaction::Version,
};
use narthex_base::kinds::{self, Kind};
use narthex_game_model::{Params, Schedule};

use crate::{
    depth::{Depth, Shallow},
    funding::{ChildError, FeeCoin},
    graph::{Purpose, TxGraph, signed_weight},
    terms::{Fees, Role, TermsDraft},
};

/// Marks a root among data outputs.
const KIND: Kind = kinds::ROOT_RECORD;

/// A commitment root on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootRecord {
    /// Merkle root of the worker's commitment.
    pub root: [u8; 32],
}

impl RootRecord {
    /// The data output that carries it: 36 bytes after OP_RETURN.
    pub fn script(&self) -> ScriptBuf {
        let mut data = PushBytesBuf::new();
        // 36 bytes are far below what a push can hold.
        let _ = data.extend_from_slice(KIND.as_bytes());
        let _ = data.extend_from_slice(&self.root);
        ScriptBuf::new_op_return(data)
    }

    /// Reads the root from the transaction that spends the root coin; `None` if `tx` does not, or has not exactly
    /// one root output.
    pub fn find(tx: &Transaction, root_coin: OutPoint) -> Option<RootRecord> {
        if !tx
            .input
            .iter()
            .any(|input| input.previous_output == root_coin)
        {
            return None;
        }
        let mut roots = tx.output.iter().filter_map(|out| {
            let bytes = out.script_pubkey.as_bytes();
            // OP_RETURN, a push of 36 bytes.
            let data = bytes
                .strip_prefix(&[0x6a, 36])?
                .strip_prefix(KIND.as_bytes())?;
            Some(RootRecord {
                root: data.try_into().ok()?,
            })
        });
        match (roots.next(), roots.next()) {
            (Some(root), None) => Some(root),
            _ => None,
        }
    }

    /// Last height at which the record counts, for a delivery confirmed at `delivered_height`
    /// ([`Schedule::record`]).
    pub fn deadline(params: &Params, delivered_height: u32) -> u32 {
        Schedule::of(params, delivered_height).record
    }

    /// The root of record of a delivery confirmed at `delivered_height`: what verifier and arbiters all judge by.
    /// `spend` is the confirmed transaction that spends the root coin, with its height. It may have confirmed before
    /// the delivery.
    pub fn of_record(
        params: &Params,
        delivered_height: u32,
        root_coin: OutPoint,
        spend: Option<(u32, &Transaction)>,
    ) -> Result<RootRecord, NoRecord> {
        let deadline = RootRecord::deadline(params, delivered_height);
        let (height, tx) = spend.ok_or(NoRecord::Unspent { deadline })?;
        if height > deadline {
            return Err(NoRecord::Late { height, deadline });
        }
        RootRecord::find(tx, root_coin).ok_or(NoRecord::NoRoot {
            txid: tx.compute_txid(),
        })
    }

    /// Height of the block whose hash goes into the seed of the sample ([`Schedule::sample_height`]).
    pub const fn sample_height(delivered_height: u32, record_height: u32) -> u32 {
        Schedule::sample_height(delivered_height, record_height)
    }

    /// Height of the sample's block for a delivery and a record that confirmed there, if that block is deep enough at
    /// this tip for the sample to be drawn: by who checks, and by who opens. A sample that is drawn earlier may be
    /// another one tomorrow, and who opened the first opens both.
    ///
    /// # Errors
    /// [`Shallow`]; nothing is to be drawn or opened yet.
    pub fn sample_block(
        (delivered_height, record_height): (u32, u32),
        tip: u32,
        depth: Depth,
    ) -> Result<u32, Shallow> {
        let height = RootRecord::sample_height(delivered_height, record_height);
        depth.check(height, tip)?;
        Ok(height)
    }

    /// Fails if the verdict window leaves a verifier with this policy no block for its verdict: behind the last moment of
    /// the record, the sample's block must become so deep, and then the verdict confirm before the time-out can.
    ///
    /// # Errors
    /// [`Hasty`], with the values. In terms of [`Depth::LEAST`] and the shortest window there is room.
    pub fn check_room(params: &Params, depth: Depth) -> Result<(), Hasty> {
        let verdict_blocks = params.windows().verdict_blocks;
        // From a delivery at 0: drawn at this tip, and in the block above it there is a verdict.
        let latest = RootRecord::sample_height(0, Schedule::of(params, 0).record);
        let verdict = depth.reached_at(latest).saturating_add(1);
        match verdict < u32::from(verdict_blocks) {
            true => Ok(()),
            false => Err(Hasty {
                verdict_blocks,
                depth,
            }),
        }
    }

    /// The record as a transaction of its own, unsigned: root coin and further coins in, record and change out. It
    /// pays at least `least_fee`, for replacing an earlier one (BIP125 rules 3 and 4).
    pub fn transaction(
        &self,
        root_coin: FeeCoin,
        more_coins: &[FeeCoin],
        change: ScriptBuf,
        fees: impl Into<Fees>,
        least_fee: Amount,
    ) -> Result<Psbt, ChildError> {
        let spent = std::iter::once(&root_coin).chain(more_coins);
        let input = |coin: &FeeCoin| TxIn {
            previous_output: coin.outpoint,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        };
        let output = |script_pubkey| TxOut {
            value: Amount::ZERO,
            script_pubkey,
        };
        let mut tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: spent.clone().map(input).collect(),
            output: vec![output(self.script()), output(change)],
        };
        let witnesses = spent.clone().map(FeeCoin::witness);
        let witnesses = witnesses.collect::<Option<Vec<_>>>();
        let weight = signed_weight(&tx, witnesses.ok_or(ChildError::Coins)?);
        let mut coins = Amount::ZERO;
        for coin in spent.clone() {
            coins = coins
                .checked_add(coin.prevout.value)
                .ok_or(ChildError::Coins)?;
        }
        let fee = fees.into().in_time(weight, least_fee)?;
        let limit = tx.output[1].script_pubkey.minimal_non_dust();
        tx.output[1].value = coins
            .checked_sub(fee)
            .filter(|rest| *rest >= limit)
            .ok_or(ChildError::Short { coins, fee })?;
        let mut psbt = Psbt::from_unsigned_tx(tx).map_err(|e| ChildError::Psbt(e.to_string()))?;
        for (input, coin) in psbt.inputs.iter_mut().zip(spent) {
            input.witness_utxo = Some(coin.prevout.clone());
        }
        Ok(psbt)
    }
}

/// A verdict window that a verifier with this policy cannot keep. The proposer's fault, or a matter of taste.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a verdict window of {verdict_blocks} blocks leaves no time for a verdict on a sample whose block is to be {depth} blocks deep"
)]
pub struct Hasty {
    /// Δ_V.
    pub verdict_blocks: u16,
    /// What the verifier waits for.
    pub depth: Depth,
}

/// Why a delivery has no root. The worker's fault: it is as if nothing had been delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRecord {
    /// The root coin is unspent.
    #[error("the root coin is unspent; it had to be spent by height {deadline}")]
    Unspent {
        /// Last height at which a record counts.
        deadline: u32,
    },
    /// It was spent too late.
    #[error("the root coin was spent at height {height}, after {deadline}")]
    Late {
        /// Height of the record.
        height: u32,
        /// Last height at which a record counts.
        deadline: u32,
    },
    /// It was spent for something else.
    #[error("transaction {txid} spends the root coin without exactly one root")]
    NoRoot {
        /// The transaction.
        txid: bitcoin::Txid,
    },
}

/// The worker's change in the funding transaction or in the host, whose spending authenticates the root.
pub fn root_coin(terms: &TermsDraft, graph: &TxGraph) -> Option<OutPoint> {
    if let Some(host) = terms.host() {
        return host.root_coin.map(|vout| host.outpoint(vout));
    }
    let node = graph.node(TxGraph::FUNDING)?;
    let vout = node
        .outputs
        .iter()
        .position(|o| o.purpose == Purpose::Change(Role::Worker.into()))?;
    Some(OutPoint {
        txid: graph.txid(TxGraph::FUNDING)?,
        vout: vout as u32,
    })
}
