//! Commitment transactions: what a side publishes to end a channel alone.

use std::cmp::Ordering;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Txid, Witness,
    hashes::Hash,
    secp256k1::PublicKey,
    sighash::{Prevouts, SighashCache, TapSighashType},
    taproot::TaprootSpendInfo,
    transaction::Version,
};
use narthex_base::context;

use super::{
    Channel, ChannelError, Payment, PaymentId, Side, State,
    output::{Leaves, delayed_output, tree},
};
use crate::graph::anchor_script;

/// Most that an anchor holds: what of the coin is left over beyond it is a fee.
const MOST_ANCHOR: Amount = Amount::from_sat(240);
/// Least that a balance needs for an output: dust of Taproot.
const LEAST_BALANCE: Amount = Amount::from_sat(330);

/// What an output of a commitment is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Anybody's: a child spends it and pays the fee.
    Anchor,
    /// The publisher's balance.
    ToOwner,
    /// The counterparty's.
    ToPeer,
    /// A pending payment.
    Payment(Payment),
}

/// An output of a commitment, with what shows how it is spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitmentOutput {
    /// What for.
    pub purpose: Purpose,
    /// Value and script.
    pub output: TxOut,
    /// Key and leaves; an anchor has none.
    pub spend: Option<TaprootSpendInfo>,
}

/// The commitment of one side to one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    owner: Side,
    number: u64,
    point: PublicKey,
    tx: Transaction,
    txid: Txid,
    outputs: Vec<CommitmentOutput>,
    message: [u8; 32],
}

impl Channel {
    /// The commitment of `owner` to this state, whose secret has this point.
    ///
    /// # Errors
    /// [`ChannelError::Sum`] if the state does not add up to the coin; [`ChannelError::Number`], [`ChannelError::Point`].
    pub fn commitment(
        &self,
        owner: Side,
        state: &State,
        point: &PublicKey,
    ) -> Result<Commitment, ChannelError> {
        if state.sum() != Some(self.terms().capacity) {
            return Err(ChannelError::Sum);
        }
        let mut outputs = self.outputs(owner, state, point)?;
        let paid = outputs.iter().map(|output| output.output.value);
        let paid: Amount = paid.sum();
        let left = self.terms().capacity - paid;
        outputs.push(CommitmentOutput {
            purpose: Purpose::Anchor,
            output: TxOut {
                value: left.min(MOST_ANCHOR),
                script_pubkey: anchor_script(),
            },
            spend: None,
        });
        outputs.sort_by(order);
        let (sequence, lock_time) = self.obscured().hide(state.number)?;
        let tx = Transaction {
            version: Version(3),
            lock_time,
            input: vec![TxIn {
                previous_output: *self.funding(),
                script_sig: ScriptBuf::new(),
                sequence,
                witness: Witness::new(),
            }],
            output: outputs.iter().map(|output| output.output.clone()).collect(),
        };
        let coin = [self.funding_output()];
        let message = SighashCache::new(&tx)
            .taproot_key_spend_signature_hash(0, &Prevouts::All(&coin), TapSighashType::Default)
            .map_err(|_| ChannelError::Script("sighash"))?;
        Ok(Commitment {
            owner,
            number: state.number,
            point: *point,
            txid: tx.compute_txid(),
            message: message.to_byte_array(),
            tx,
            outputs,
        })
    }

    fn outputs(
        &self,
        owner: Side,
        state: &State,
        point: &PublicKey,
    ) -> Result<Vec<CommitmentOutput>, ChannelError> {
        let revocation = self.revocation(owner, point)?;
        let mut outputs = Vec::with_capacity(state.payments.len() + 3);
        let mut put = |purpose, value, info: TaprootSpendInfo| {
            let script_pubkey = ScriptBuf::new_p2tr_tweaked(info.output_key());
            outputs.push(CommitmentOutput {
                purpose,
                output: TxOut {
                    value,
                    script_pubkey,
                },
                spend: Some(info),
            });
        };
        let balance = |side: Side| {
            let balance = state.balances[side.index()];
            Some(balance).filter(|balance| *balance >= LEAST_BALANCE)
        };
        if let Some(value) = balance(owner) {
            let info = delayed_output(revocation, &self.delayed(owner))?;
            put(Purpose::ToOwner, value, info);
        }
        if let Some(value) = balance(owner.other()) {
            let key = self.basepoints(owner.other()).payout.x_only_public_key().0;
            let info = TaprootSpendInfo::new_key_spend(context::verifying(), key, None);
            put(Purpose::ToPeer, value, info);
        }
        for payment in &state.payments {
            if self.is_trimmed(payment.amount) {
                continue;
            }
            let leaves = Leaves::new(self, owner, payment);
            let info = tree(revocation, &[&leaves.success, &leaves.timeout])?;
            put(Purpose::Payment(*payment), payment.amount, info);
        }
        Ok(outputs)
    }
}

/// BIP69, and where two outputs are the same bytes, by expiry and then by identity: both sides sign the same payment's claim under the
/// same number.
fn order(a: &CommitmentOutput, b: &CommitmentOutput) -> Ordering {
    let bytes =
        |output: &CommitmentOutput| (output.output.value, output.output.script_pubkey.clone());
    let payment = |output: &CommitmentOutput| match &output.purpose {
        Purpose::Payment(payment) => Some((payment.expiry, payment.id)),
        _ => None,
    };
    let by_bytes = bytes(a).cmp(&bytes(b));
    by_bytes.then_with(|| payment(a).cmp(&payment(b)))
}

impl Commitment {
    /// Who may publish it.
    pub const fn owner(&self) -> Side {
        self.owner
    }

    /// Its number.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The point of its secret.
    pub const fn point(&self) -> &PublicKey {
        &self.point
    }

    /// Without witness.
    pub const fn tx(&self) -> &Transaction {
        &self.tx
    }

    /// Its id, which no signature changes.
    pub const fn txid(&self) -> Txid {
        self.txid
    }

    /// Outputs, in the order of the transaction.
    pub fn outputs(&self) -> &[CommitmentOutput] {
        &self.outputs
    }

    /// What both sign.
    pub const fn message(&self) -> &[u8; 32] {
        &self.message
    }

    /// The outputs with their places.
    pub fn placed(&self) -> impl Iterator<Item = (OutPoint, &CommitmentOutput)> {
        let txid = self.txid;
        let outputs = (0u32..).zip(&self.outputs);
        outputs.map(move |(vout, output)| (OutPoint { txid, vout }, output))
    }

    /// Where a payment's output is.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] if it is not in this commitment, or trimmed.
    pub fn payment(
        &self,
        id: PaymentId,
    ) -> Result<(OutPoint, &CommitmentOutput, &Payment), ChannelError> {
        let mut placed = self.placed();
        let found = placed.find_map(|(at, output)| match &output.purpose {
            Purpose::Payment(payment) if payment.id == id => Some((at, output, payment)),
            _ => None,
        });
        found.ok_or(ChannelError::Missing("payment"))
    }
}
