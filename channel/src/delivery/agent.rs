//! An agent of a delivery.

use std::sync::Arc;

use bitcoin::secp256k1::schnorr;
use narthex_contracts::{
    deliver::{AgentDuty, DeliverError, Delivery, Handover},
    depth::Depth,
};
use narthex_game_model::commitment::Multiproof;

use super::out_of_order;
use crate::{CoinSeen, Machine, Step};

/// What an agent begins with, once it has checked its copy and agreed. The copy is durable before that.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentStart {
    /// The delivery.
    pub delivery: Arc<Delivery>,
    /// Own index.
    pub agent: u8,
    /// Shows that the copy is under the root.
    pub branch: Multiproof,
    /// How deep the funding must be before it serves and claims.
    pub depth: Depth,
    /// Whether it serves only while no other agent was accepted.
    pub alone: bool,
}

impl std::fmt::Debug for AgentStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AgentStart(agent {}, {} deep)", self.agent, self.depth)
    }
}

/// Where the coin is, by the agent's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentCoin {
    /// Not confirmed.
    Unfunded,
    /// Waits for a claim.
    Funded {
        /// Height that confirmed it.
        height: u32,
        /// As deep as the policy asks for.
        is_deep: bool,
        /// A claim has time before the refund.
        in_time: bool,
    },
    /// Gone.
    Spent {
        /// So deep that it stays gone.
        is_deep: bool,
    },
}

/// What comes to an agent.
#[derive(Clone, Debug)]
pub enum AgentInput {
    /// It has checked its assignment and agreed.
    Agreed(Box<AgentStart>),
    /// Where the coin is, with the tip.
    Coin {
        /// Height of the tip.
        tip: u32,
        /// Where it is.
        coin: CoinSeen,
    },
    /// The recipient's word that it may be paid.
    Accepted(Handover),
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentChange {
    /// It has agreed.
    Agreed(Box<AgentStart>),
    /// The coin is there now.
    Coin(AgentCoin),
    /// The recipient has accepted it.
    Accepted(schnorr::Signature),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentEffect {
    /// Send the sender the consent.
    Consent,
    /// Serve the copy to who asks, if [`Delivery::check_request`] takes the request.
    Serve,
    /// Have a claim signed at the fee of the day, and publish it; with a higher fee if it does not confirm.
    Claim,
}

/// An agent of one delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentMachine {
    start: Option<Box<AgentStart>>,
    coin: Option<AgentCoin>,
    accepted: Option<schnorr::Signature>,
}

impl AgentMachine {
    /// What it agreed to.
    pub fn start(&self) -> Option<&AgentStart> {
        self.start.as_deref()
    }

    /// The recipient's word, once it gave it.
    pub const fn accepted(&self) -> Option<&schnorr::Signature> {
        self.accepted.as_ref()
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        if self.start.is_none() {
            return "new";
        }
        match self.coin {
            None | Some(AgentCoin::Unfunded) => "agreed",
            Some(AgentCoin::Spent { is_deep: true }) => "over",
            Some(AgentCoin::Spent { is_deep: false }) => "spent",
            Some(AgentCoin::Funded {
                is_deep, in_time, ..
            }) => match AgentDuty::of_funded(self.accepted.is_some(), is_deep, in_time) {
                AgentDuty::Claim => "claiming",
                AgentDuty::Serve => "serving",
                AgentDuty::Wait | AgentDuty::Done => "waiting",
            },
        }
    }

    fn taken(&self, input: &AgentInput) -> Result<Option<AgentChange>, DeliverError> {
        let Some(start) = &self.start else {
            return match input {
                AgentInput::Agreed(start) => {
                    start.delivery.terms().agent(start.agent)?;
                    Ok(Some(AgentChange::Agreed(start.clone())))
                }
                _ => out_of_order("nothing was agreed to"),
            };
        };
        if self.standing() == "over" {
            return match input {
                AgentInput::Coin { .. } => Ok(None),
                _ => out_of_order("the delivery is over"),
            };
        }
        match input {
            AgentInput::Agreed(again) if again == start => Ok(None),
            AgentInput::Agreed(_) => out_of_order("another delivery was agreed to"),
            AgentInput::Coin { tip, coin } => {
                let now = match *coin {
                    CoinSeen::Unfunded => AgentCoin::Unfunded,
                    CoinSeen::Locked { height } => AgentCoin::Funded {
                        height,
                        is_deep: start.depth.is_reached(height, *tip),
                        in_time: start.delivery.terms().in_time(*tip),
                    },
                    CoinSeen::Spent { height, .. } => AgentCoin::Spent {
                        is_deep: start.depth.is_reached(height, *tip),
                    },
                };
                Ok((self.coin != Some(now)).then_some(AgentChange::Coin(now)))
            }
            AgentInput::Accepted(handover) => {
                start.delivery.check_handover(start.agent, handover)?;
                // One that comes twice, signed anew or not, says the same.
                let is_new = self.accepted.is_none();
                Ok(is_new.then_some(AgentChange::Accepted(handover.signature)))
            }
        }
    }
}

impl Machine for AgentMachine {
    type Input = AgentInput;
    type Change = AgentChange;
    type Effect = AgentEffect;
    type Error = DeliverError;

    fn step(&self, input: &AgentInput) -> Result<Step<AgentChange, AgentEffect>, DeliverError> {
        Ok(Step::of(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &AgentChange) {
        match change {
            AgentChange::Agreed(start) => self.start = Some(start.clone()),
            AgentChange::Coin(coin) => self.coin = Some(*coin),
            AgentChange::Accepted(signature) => self.accepted = Some(*signature),
        }
    }

    fn pending(&self) -> Vec<AgentEffect> {
        match self.standing() {
            "agreed" => vec![AgentEffect::Consent],
            "serving" => vec![AgentEffect::Serve],
            "claiming" => vec![AgentEffect::Claim],
            _ => Vec::new(),
        }
    }
}
