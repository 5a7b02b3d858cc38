//! What comes to a side of a channel, what is kept of it, and what is to be done.

use bitcoin::{Amount, FeeRate, ScriptBuf, Transaction};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::channel::{ChannelSpend, Lock, PaymentId, Proof, SecondLevel};

use super::ChannelMessage;
use crate::fields::{read_script, read_transaction, unknown, write_transaction};

/// An order of a side's owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Pay so much under a lock until a height. `number` is how many were ordered before, which tells a repetition.
    Pay {
        /// From 0; it becomes the payment's.
        number: u64,
        /// How much.
        amount: Amount,
        /// What it waits for.
        lock: Lock,
        /// Height from which it is taken back.
        expiry: u32,
    },
    /// Take a payment that is locked.
    Settle(PaymentId, Proof),
    /// Give one back.
    GiveBack(PaymentId),
    /// No more payments, and close when none is pending, to this script. The opener says at which rate.
    Shutdown(ScriptBuf, FeeRate),
    /// Go on chain.
    ForceClose,
    /// What there is of confirmed coins for fees, and how many they are.
    FeeCoins(Amount, u32),
}

/// What comes to a side of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelInput {
    /// Its owner wants something.
    Order(Order),
    /// What the signer made, to be sent.
    Signed(ChannelMessage),
    /// What the counterparty said.
    Heard(ChannelMessage),
    /// The signer says whether a secret that was shown is one's own.
    Judged {
        /// Whose commitment it is said to be of.
        number: u64,
        /// Whether it is.
        is_own: bool,
    },
    /// The signer has completed the agreed close.
    Closed(Transaction),
    /// The tip of the chain.
    Tip(u32),
    /// A transaction that concerns the channel is in a block: the funding, and whatever spends an output of it.
    Confirmed(Transaction, u32),
    /// All above this height was reorganised away.
    Reorganised(u32),
    /// A transaction in the mempool that spends an output of a commitment.
    Seen(Transaction),
    /// The signer has read a secret out of such a transaction.
    Learned(PaymentId, Proof),
    /// The signer has read all of it.
    Read(Transaction),
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelChange {
    /// An order was taken.
    Ordered(Order),
    /// This goes out.
    Sent(ChannelMessage),
    /// This came, and is good.
    Heard(ChannelMessage),
    /// This side's disk is older than what it said.
    Behind,
    /// A secret that was shown is no secret of this side: the counterparty lied.
    NotBehind,
    /// The agreed close, whole.
    Closed(Transaction),
    /// The tip.
    Tip(u32),
    /// In a block.
    Confirmed(Transaction, u32),
    /// Out of the chain above this height.
    Reorganised(u32),
    /// To be read for secrets.
    Seen(Transaction),
    /// A secret.
    Learned(PaymentId, Proof),
    /// It was read.
    Read(Transaction),
}

/// What is asked of the signer. It looks at the machine for what it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Answer an offer.
    Consent,
    /// Make the funding transaction and say where its coin is.
    Funded,
    /// The first share, of the opener's commitment.
    First,
    /// The second, of the accepter's.
    Second,
    /// Begin a round with so much of what is staged.
    Propose([u64; 2]),
    /// Answer it.
    Accept(u64),
    /// Go through with it.
    Commit(u64),
    /// Finish it.
    Revoke(u64),
    /// Say whether a secret is one's own.
    Judge(u64),
    /// Begin an attempt to close.
    CloseNonce,
    /// Answer one.
    CloseShare,
    /// Complete it, or begin another if its nonce is gone.
    Close,
    /// Read secrets out of a transaction.
    Read(Transaction),
}

/// What a side takes on chain.
#[derive(Debug, Clone)]
pub enum ChannelClaim {
    /// With its own signature, paying the fee out of it.
    Spend(Box<ChannelSpend>),
    /// By what the counterparty signed ahead, with a coin for the fee.
    Second {
        /// Which transaction.
        second: Box<SecondLevel>,
        /// What was signed.
        ahead: narthex_contracts::musig::AdaptorSignature,
        /// What opens it, for a claim.
        proof: Option<Proof>,
    },
}

impl ChannelClaim {
    /// What it spends.
    pub fn outpoint(&self) -> bitcoin::OutPoint {
        match self {
            Self::Spend(spend) => spend.outpoint(),
            Self::Second { second, .. } => second.outpoint(),
        }
    }
}

impl PartialEq for ChannelClaim {
    /// One output, one right: the same claim.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Spend(a), Self::Spend(b)) => a == b,
            (Self::Second { second: a, .. }, Self::Second { second: b, .. }) => a.tx() == b.tx(),
            _ => false,
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum ChannelEffect {
    /// Tell the counterparty.
    Send(ChannelMessage),
    /// Ask the signer.
    Sign(Ask),
    /// Publish the funding transaction.
    Fund,
    /// Complete this side's commitment of this number, and publish it with a child that pays.
    PublishOwn(u64),
    /// Publish the agreed close.
    PublishClose(Transaction),
    /// Take an output; again in each block until it is taken.
    Claim(ChannelClaim),
}

impl Order {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Pay {
                number,
                amount,
                lock,
                expiry,
            } => {
                lock.write(w.u8(0).u64(*number).amount(*amount));
                w.u32(*expiry);
            }
            Self::Settle(id, proof) => {
                id.write(w.u8(1));
                proof.write(w);
            }
            Self::GiveBack(id) => id.write(w.u8(2)),
            Self::Shutdown(script, rate) => {
                w.u8(3).bytes(script.as_bytes()).u64(rate.to_sat_per_kwu());
            }
            Self::ForceClose => {
                w.u8(4);
            }
            Self::FeeCoins(amount, count) => {
                w.u8(5).amount(*amount).u32(*count);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Order, DecodeError> {
        Ok(match r.u8("order")? {
            0 => Self::Pay {
                number: r.u64("number")?,
                amount: r.amount("amount")?,
                lock: Lock::read(r)?,
                expiry: r.u32("expiry")?,
            },
            1 => Self::Settle(PaymentId::read(r)?, Proof::read(r)?),
            2 => Self::GiveBack(PaymentId::read(r)?),
            3 => Self::Shutdown(read_script(r)?, FeeRate::from_sat_per_kwu(r.u64("rate")?)),
            4 => Self::ForceClose,
            5 => Self::FeeCoins(r.amount("coins")?, r.u32("count")?),
            other => return Err(unknown("order", other)),
        })
    }
}

impl Message for ChannelChange {
    const KIND: Kind = kinds::CHANNEL_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Ordered(order) => order.write(w.u8(0)),
            Self::Sent(message) => {
                w.u8(1).message(message);
            }
            Self::Heard(message) => {
                w.u8(2).message(message);
            }
            Self::Behind => {
                w.u8(3);
            }
            Self::NotBehind => {
                w.u8(4);
            }
            Self::Closed(tx) => write_transaction(w.u8(5), tx),
            Self::Tip(height) => {
                w.u8(6).u32(*height);
            }
            Self::Confirmed(tx, height) => write_transaction(w.u8(7).u32(*height), tx),
            Self::Reorganised(height) => {
                w.u8(8).u32(*height);
            }
            Self::Seen(tx) => write_transaction(w.u8(9), tx),
            Self::Learned(id, proof) => {
                id.write(w.u8(10));
                proof.write(w);
            }
            Self::Read(tx) => write_transaction(w.u8(11), tx),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("change")? {
            0 => Self::Ordered(Order::read(r)?),
            1 => Self::Sent(r.message("message")?),
            2 => Self::Heard(r.message("message")?),
            3 => Self::Behind,
            4 => Self::NotBehind,
            5 => Self::Closed(read_transaction(r)?),
            6 => Self::Tip(r.u32("height")?),
            7 => {
                let height = r.u32("height")?;
                Self::Confirmed(read_transaction(r)?, height)
            }
            8 => Self::Reorganised(r.u32("height")?),
            9 => Self::Seen(read_transaction(r)?),
            10 => Self::Learned(PaymentId::read(r)?, Proof::read(r)?),
            11 => Self::Read(read_transaction(r)?),
            other => return Err(unknown("change", other)),
        })
    }
}
