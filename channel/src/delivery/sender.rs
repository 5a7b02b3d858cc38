//! The sender of a delivery.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{Transaction, secp256k1::schnorr};
use narthex_contracts::{
    deliver::{Consent, DeliverError, Delivery, SenderDuty},
    depth::Depth,
};

use super::out_of_order;
use crate::{CoinSeen, Machine, Step};

/// What a sender begins with, once its seed is bound to the terms. Seed and envelope are durable before that.
#[derive(Clone, PartialEq, Eq)]
pub struct SenderStart {
    /// The delivery.
    pub delivery: Arc<Delivery>,
    /// How deep a spend must be before the delivery is over for it.
    pub depth: Depth,
}

impl std::fmt::Debug for SenderStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SenderStart({} deep)", self.depth)
    }
}

/// Where the coin is, as far as it matters to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderCoin {
    /// Not confirmed.
    Unfunded {
        /// A funding that is published now would still be served.
        has_room: bool,
    },
    /// Waits for a claim.
    Funded {
        /// Height that confirmed it.
        height: u32,
        /// The next block may hold the refund.
        is_due: bool,
    },
    /// Gone.
    Spent {
        /// So deep that it stays gone.
        is_deep: bool,
    },
}

/// What comes to the sender.
#[derive(Clone, Debug)]
pub enum SenderInput {
    /// Message and terms are made.
    Made(Box<SenderStart>),
    /// An agent's word that it keeps its copy.
    Consent(Consent),
    /// Where the coin is, with the tip.
    Coin {
        /// Height of the tip.
        tip: u32,
        /// Where it is.
        coin: CoinSeen,
    },
    /// The wallet has signed the funding.
    Funded(Transaction),
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderChange {
    /// Terms are made.
    Made(Box<SenderStart>),
    /// An agent has agreed.
    Consented {
        /// Which.
        agent: u8,
        /// Its signature.
        signature: schnorr::Signature,
    },
    /// The coin is there now.
    Coin(SenderCoin),
    /// The funding, signed.
    Funded(Transaction),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SenderEffect {
    /// Give an agent its copy, and ask for its consent.
    Assign {
        /// Which.
        agent: u8,
    },
    /// Have the wallet sign the funding: [`SenderInput::Funded`].
    Fund,
    /// Publish the funding.
    Publish(Transaction),
    /// Have a refund signed at the fee of the day, and publish it; with a higher fee if it does not confirm.
    Refund,
}

/// The sender of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderMachine {
    start: Option<Box<SenderStart>>,
    consents: BTreeMap<u8, schnorr::Signature>,
    coin: Option<SenderCoin>,
    funding: Option<Transaction>,
}

impl SenderMachine {
    /// What was made.
    pub fn start(&self) -> Option<&SenderStart> {
        self.start.as_deref()
    }

    /// Signatures of the agents that agreed.
    pub const fn consents(&self) -> &BTreeMap<u8, schnorr::Signature> {
        &self.consents
    }

    /// The funding, once the wallet has signed it.
    pub const fn funding(&self) -> Option<&Transaction> {
        self.funding.as_ref()
    }

    /// Agents that have not agreed.
    fn missing(&self) -> impl Iterator<Item = u8> {
        let agents = self.start.as_ref();
        let agents = agents.map_or(0, |start| start.delivery.terms().agents());
        (0..agents).filter(|agent| !self.consents.contains_key(agent))
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        if self.start.is_none() {
            return "new";
        }
        let coin = self.coin.unwrap_or(SenderCoin::Unfunded { has_room: true });
        match coin {
            SenderCoin::Spent { is_deep: true } => "over",
            SenderCoin::Spent { is_deep: false } => "spent",
            SenderCoin::Funded { is_due: true, .. } => "refunding",
            SenderCoin::Funded { is_due: false, .. } => "funded",
            SenderCoin::Unfunded { has_room } => {
                match SenderDuty::of_unfunded(has_room, self.missing().next().is_some()) {
                    SenderDuty::Abandon => "abandoned",
                    SenderDuty::Assign => "assigning",
                    _ if self.funding.is_some() => "funding",
                    _ => "ready",
                }
            }
        }
    }

    fn taken(&self, input: &SenderInput) -> Result<Option<SenderChange>, DeliverError> {
        let Some(start) = &self.start else {
            return match input {
                SenderInput::Made(start) => Ok(Some(SenderChange::Made(start.clone()))),
                _ => out_of_order("nothing was made"),
            };
        };
        let state = self.standing();
        if state == "over" {
            return match input {
                SenderInput::Coin { .. } => Ok(None),
                _ => out_of_order("the delivery is over"),
            };
        }
        match input {
            SenderInput::Made(again) if again == start => Ok(None),
            SenderInput::Made(_) => out_of_order("another delivery was made"),
            SenderInput::Consent(consent) => {
                start.delivery.check_consent(consent)?;
                let (agent, signature) = (consent.agent, consent.signature);
                let is_new = !self.consents.contains_key(&agent);
                Ok(is_new.then_some(SenderChange::Consented { agent, signature }))
            }
            SenderInput::Coin { tip, coin } => {
                let now = match *coin {
                    CoinSeen::Unfunded => SenderCoin::Unfunded {
                        has_room: start.delivery.has_room(*tip),
                    },
                    CoinSeen::Locked { height } => SenderCoin::Funded {
                        height,
                        is_due: start.delivery.is_refundable(*tip),
                    },
                    CoinSeen::Spent { height, .. } => SenderCoin::Spent {
                        is_deep: start.depth.is_reached(height, *tip),
                    },
                };
                Ok((self.coin != Some(now)).then_some(SenderChange::Coin(now)))
            }
            SenderInput::Funded(tx) => {
                start.delivery.check_funding(tx.compute_txid())?;
                match (&self.funding, state) {
                    (Some(known), _) if known == tx => Ok(None),
                    (None, "ready") => Ok(Some(SenderChange::Funded(tx.clone()))),
                    _ => out_of_order("funded twice, too early or too late"),
                }
            }
        }
    }
}

impl Machine for SenderMachine {
    type Input = SenderInput;
    type Change = SenderChange;
    type Effect = SenderEffect;
    type Error = DeliverError;

    fn step(&self, input: &SenderInput) -> Result<Step<SenderChange, SenderEffect>, DeliverError> {
        Ok(Step::of(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &SenderChange) {
        match change {
            SenderChange::Made(start) => self.start = Some(start.clone()),
            SenderChange::Consented { agent, signature } => {
                self.consents.insert(*agent, *signature);
            }
            SenderChange::Coin(coin) => self.coin = Some(*coin),
            SenderChange::Funded(tx) => self.funding = Some(tx.clone()),
        }
    }

    fn pending(&self) -> Vec<SenderEffect> {
        match (self.standing(), &self.funding) {
            ("assigning", _) => {
                let missing = self.missing();
                missing
                    .map(|agent| SenderEffect::Assign { agent })
                    .collect()
            }
            ("ready", _) => vec![SenderEffect::Fund],
            ("funding", Some(tx)) => vec![SenderEffect::Publish(tx.clone())],
            ("refunding", _) => vec![SenderEffect::Refund],
            _ => Vec::new(),
        }
    }
}
