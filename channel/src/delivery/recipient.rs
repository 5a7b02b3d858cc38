//! The recipient of a delivery.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{Transaction, Txid, secp256k1::schnorr};
use narthex_contracts::{
    deliver::{Coin, DeliverError, Delivery, Handover, Served},
    depth::Depth,
};
use narthex_game_model::commitment::Multiproof;

use super::out_of_order;
use crate::{CoinSeen, Machine, Step};

/// What a recipient begins with, once its signer has found that the delivery is its own
/// ([`Recipient::open`](narthex_contracts::deliver::Recipient::open)).
#[derive(Clone, PartialEq, Eq)]
pub struct RecipientStart {
    /// The delivery.
    pub delivery: Arc<Delivery>,
    /// How deep the funding must be before anybody is accepted.
    pub depth: Depth,
}

impl std::fmt::Debug for RecipientStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecipientStart({} deep)", self.depth)
    }
}

/// Where the coin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientCoin {
    /// Not confirmed.
    Unfunded,
    /// Waits for a claim.
    Funded {
        /// Height that confirmed it.
        height: u32,
    },
    /// Gone.
    Spent {
        /// So deep that it stays gone.
        is_deep: bool,
        /// What spends it.
        by: Txid,
    },
}

/// What comes to the recipient.
#[derive(Clone, Debug)]
pub enum RecipientInput {
    /// The delivery is its own.
    Found(Box<RecipientStart>),
    /// A copy. It is durable before this is given.
    Kept(Box<Served>),
    /// Where the coin is, with the tip.
    Coin {
        /// Height of the tip.
        tip: u32,
        /// Where it is.
        coin: CoinSeen,
    },
    /// Its owner wants an agent to be paid for its copy.
    Accept {
        /// Which.
        agent: u8,
        /// Height of the tip.
        tip: u32,
        /// Where the coin is.
        coin: CoinSeen,
    },
    /// The signer has accepted an agent.
    Signed(Handover),
    /// What spends the coin: a claim, in a block or waiting for one; anything else only once the coin was seen spent by it.
    Spender(Transaction),
    /// The message was read out of this claim, or the sender's fraud found, and that is durable.
    Opened(Txid),
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientChange {
    /// The delivery is its own.
    Found(Box<RecipientStart>),
    /// A copy is kept.
    Kept {
        /// Whose.
        agent: u8,
        /// Shows that it is under the root.
        branch: Multiproof,
    },
    /// The coin is there now.
    Coin(RecipientCoin),
    /// An agent is to be accepted.
    Accepting(u8),
    /// An agent may have its acceptance.
    Handed {
        /// Which.
        agent: u8,
        /// That.
        signature: schnorr::Signature,
    },
    /// A claim has shown the key of its agent's copy.
    Claimed(Transaction),
    /// What this claim gives was read.
    Opened(Txid),
    /// What spends the coin shows no key: a refund.
    Keyless(Txid),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientEffect {
    /// Have the signer accept an agent: [`RecipientInput::Signed`].
    Sign {
        /// Which.
        agent: u8,
    },
    /// Send an agent its acceptance.
    HandOver(Handover),
    /// Find what spends the coin: [`RecipientInput::Spender`].
    Look,
    /// Read the message, or find the sender's fraud, with what this claim shows: [`RecipientInput::Opened`].
    Read(Transaction),
}

/// The recipient of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipientMachine {
    start: Option<Box<RecipientStart>>,
    kept: BTreeMap<u8, Multiproof>,
    coin: Option<RecipientCoin>,
    accepting: Option<u8>,
    handed: BTreeMap<u8, schnorr::Signature>,
    /// The claim that was shown last.
    claim: Option<Transaction>,
    /// The claim that was read last.
    opened: Option<Txid>,
    /// What spent the coin last and shows no key.
    keyless: Option<Txid>,
}

type Taking = Result<Option<RecipientChange>, DeliverError>;

impl RecipientMachine {
    /// What it found.
    pub fn start(&self) -> Option<&RecipientStart> {
        self.start.as_deref()
    }

    /// Of which agents a copy is kept, with its branch.
    pub const fn kept(&self) -> &BTreeMap<u8, Multiproof> {
        &self.kept
    }

    /// Which agents may have its acceptance, and that.
    pub const fn handed(&self) -> &BTreeMap<u8, schnorr::Signature> {
        &self.handed
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        if self.start.is_none() {
            return "new";
        }
        let is_accepting = self.accepting.is_some();
        match (self.coin, &self.claim) {
            (Some(RecipientCoin::Spent { by, .. }), _) if !self.is_known(by) => "spent",
            _ if self.unread().is_some() => "claimed",
            (Some(RecipientCoin::Spent { is_deep: true, .. }), _) => "over",
            (_, Some(_)) => "read",
            (Some(RecipientCoin::Spent { is_deep: false, .. }), None) => "refunded",
            (None | Some(RecipientCoin::Unfunded), None) => "unfunded",
            (Some(RecipientCoin::Funded { .. }), None) if is_accepting => "accepting",
            (Some(RecipientCoin::Funded { .. }), None) => "funded",
        }
    }

    /// The claim that was shown and not read: it is owed the message in it, however deep the claim lies.
    fn unread(&self) -> Option<&Transaction> {
        let claim = self.claim.as_ref();
        claim.filter(|claim| self.opened != Some(claim.compute_txid()))
    }

    /// Whether it has seen what spends the coin.
    fn is_known(&self, by: Txid) -> bool {
        let claim = self.claim.as_ref().map(Transaction::compute_txid);
        claim == Some(by) || self.keyless == Some(by)
    }

    fn taken(&self, input: &RecipientInput) -> Taking {
        let Some(start) = &self.start else {
            return match input {
                RecipientInput::Found(start) => Ok(Some(RecipientChange::Found(start.clone()))),
                _ => out_of_order("no delivery was found"),
            };
        };
        let (state, delivery) = (self.standing(), &start.delivery);
        if state == "over" {
            return match input {
                RecipientInput::Coin { .. } => Ok(None),
                _ => out_of_order("the delivery is over"),
            };
        }
        match input {
            RecipientInput::Found(again) if again == start => Ok(None),
            RecipientInput::Found(_) => out_of_order("another delivery was found"),
            RecipientInput::Kept(served) => {
                delivery.check_served(served)?;
                let (agent, branch) = (served.agent, served.branch.clone());
                let is_new = !self.kept.contains_key(&agent);
                Ok(is_new.then_some(RecipientChange::Kept { agent, branch }))
            }
            RecipientInput::Coin { tip, coin } => {
                let now = match *coin {
                    CoinSeen::Unfunded => RecipientCoin::Unfunded,
                    CoinSeen::Locked { height } => RecipientCoin::Funded { height },
                    CoinSeen::Spent { height, by } => RecipientCoin::Spent {
                        is_deep: start.depth.is_reached(height, *tip),
                        by,
                    },
                };
                Ok((self.coin != Some(now)).then_some(RecipientChange::Coin(now)))
            }
            RecipientInput::Accept { agent, tip, coin } => {
                let agent = *agent;
                if !self.kept.contains_key(&agent) {
                    return Err(DeliverError::NoCopy { agent });
                }
                delivery.check_time((*tip, Coin::from(*coin)), start.depth)?;
                match self.accepting {
                    _ if self.handed.contains_key(&agent) => Ok(None),
                    Some(known) if known == agent => Ok(None),
                    Some(_) => out_of_order("another agent is being accepted"),
                    None => Ok(Some(RecipientChange::Accepting(agent))),
                }
            }
            RecipientInput::Signed(handover) => {
                let (agent, signature) = (handover.agent, handover.signature);
                delivery.check_handover(agent, handover)?;
                match self.handed.contains_key(&agent) {
                    true => Ok(None),
                    false if self.accepting == Some(agent) => {
                        Ok(Some(RecipientChange::Handed { agent, signature }))
                    }
                    false => out_of_order("an acceptance that nobody asked for"),
                }
            }
            RecipientInput::Spender(tx) => self.spender(delivery, tx),
            RecipientInput::Opened(txid) => match &self.claim {
                _ if self.opened == Some(*txid) => Ok(None),
                Some(claim) if claim.compute_txid() == *txid => {
                    Ok(Some(RecipientChange::Opened(*txid)))
                }
                _ => out_of_order("read out of a claim that was not shown, or not last"),
            },
        }
    }

    fn spender(&self, delivery: &Delivery, tx: &Transaction) -> Taking {
        let txid = tx.compute_txid();
        let by = match self.coin {
            Some(RecipientCoin::Spent { by, .. }) => Some(by),
            _ => None,
        };
        match (delivery.claimed_by(tx), by) {
            (Some(_), _) if self.claim.as_ref() == Some(tx) => Ok(None),
            (Some(_), Some(by)) if by != txid => {
                out_of_order("another transaction spends the coin")
            }
            (Some(_), _) => Ok(Some(RecipientChange::Claimed(tx.clone()))),
            (None, Some(by)) if by == txid => {
                let is_new = self.keyless != Some(txid);
                Ok(is_new.then_some(RecipientChange::Keyless(txid)))
            }
            (None, _) => Err(DeliverError::NoClaim { txid }),
        }
    }
}

impl Machine for RecipientMachine {
    type Input = RecipientInput;
    type Change = RecipientChange;
    type Effect = RecipientEffect;
    type Error = DeliverError;

    /// The effects of a step are those that were not due before it.
    fn step(
        &self,
        input: &RecipientInput,
    ) -> Result<Step<RecipientChange, RecipientEffect>, DeliverError> {
        Ok(Step::of_new(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &RecipientChange) {
        match change {
            RecipientChange::Found(start) => self.start = Some(start.clone()),
            RecipientChange::Kept { agent, branch } => {
                self.kept.insert(*agent, branch.clone());
            }
            RecipientChange::Coin(coin) => self.coin = Some(*coin),
            RecipientChange::Accepting(agent) => self.accepting = Some(*agent),
            RecipientChange::Handed { agent, signature } => {
                self.accepting = None;
                self.handed.insert(*agent, *signature);
            }
            RecipientChange::Claimed(tx) => self.claim = Some(tx.clone()),
            RecipientChange::Opened(txid) => self.opened = Some(*txid),
            RecipientChange::Keyless(txid) => self.keyless = Some(*txid),
        }
    }

    fn pending(&self) -> Vec<RecipientEffect> {
        let Some(start) = &self.start else {
            return Vec::new();
        };
        let mut due = Vec::new();
        if matches!(self.coin, Some(RecipientCoin::Funded { .. })) {
            due.extend(self.accepting.map(|agent| RecipientEffect::Sign { agent }));
            let terms = start.delivery.terms().id();
            let handed = self.handed.iter().map(|(agent, signature)| {
                RecipientEffect::HandOver(Handover {
                    terms,
                    agent: *agent,
                    signature: *signature,
                })
            });
            due.extend(handed);
        }
        if self.standing() == "spent" {
            due.push(RecipientEffect::Look);
        }
        due.extend(self.unread().cloned().map(RecipientEffect::Read));
        due
    }
}
