//! What the operator orders about small contracts.

use narthex::{
    bitcoin::{
        Amount, FeeRate,
        hashes::{Hash as _, sha256},
        hex::FromHex as _,
        secp256k1::rand::{RngCore, rngs::OsRng},
    },
    channel::{
        offer::{Decline, MAX_ADDRESS},
        small::{SmallAnswer, SmallBeginning, SmallPeer},
    },
    contracts::depth::Depth,
    small::{SmallError, SmallOrder, SmallSide, Surroundings, family_of, is_guests},
};
use narthex_base::codec::Message as _;
use serde::{Deserialize, Serialize};

use super::{NewBank, NewBounty, NewCollection, NewDelivery, NewSlice, NewStream, Small};
use crate::{
    party::{
        Core, Fatal, Reply,
        command::{Answer, CommandError, id_of, refused},
    },
    transport::PeerAddress,
};

/// What is asked for of small contracts.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SmallCommand {
    /// Asks a node for a penny bank, as its payer: [`Reply::Small`].
    Bank(NewBank),
    /// Asks agents for a sealed delivery, as its sender: [`Reply::Small`].
    Deliver(NewDelivery),
    /// Asks agents for a delivery to this node: [`Reply::Small`].
    Collect(NewCollection),
    /// Asks recomputers for a bounty, as its requester: [`Reply::Small`].
    Bounty(NewBounty),
    /// Asks providers for a gated slice, as its client: [`Reply::Small`].
    Slice(NewSlice),
    /// As the payer of a bank: orders work in slices, paid for slice by slice: [`Reply::Small`].
    Stream(NewStream),
    /// As a recomputer of a bounty or a provider of a slice: gives the result that this node has come to: [`Reply::Small`].
    Work {
        /// The contract's id in hex.
        id: String,
        /// The result in hex, up to 256 KiB of it; of a slice 16 KiB.
        result: String,
        /// Of a slice: a commitment to the whole computation, without salt, the same for everybody who did it right. Without one results alone are
        /// compared: who guesses the result is paid as well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
        commitment: Option<sha256::Hash>,
    },
    /// What was delivered: [`Reply::SmallDelivered`].
    Read {
        /// The contract's id in hex.
        id: String,
    },
    /// Takes what another node asks for: [`Reply::Small`].
    Take {
        /// Its id in hex.
        id: String,
        /// Blocks that a coin lies deep before anything is given for it.
        depth: u32,
    },
    /// Does not take it: [`Reply::Small`].
    Decline {
        /// Its id in hex.
        id: String,
        /// Why, for the other to read.
        reason: String,
    },
    /// Does something in one that is joined: [`Reply::Small`].
    Order {
        /// Its id in hex.
        id: String,
        /// What: `"close"`, `"force-close"`, `"next"`, `"serve"`, `"stop"`, `{"reserve": {"key": HEX, "pennies": 3}}`, `debit` alike, `{"release": {"key": HEX}}`, `{"give-up": {"provider": 2}}`, or `{"pay": {"to": 7}}`.
        #[schema(value_type = Object)]
        what: SmallOrder,
    },
    /// One of them: [`Reply::Small`].
    Show {
        /// Its id in hex.
        id: String,
    },
    /// All of them: [`Reply::Smalls`].
    List,
}

impl SmallCommand {
    /// Its name, for logs.
    pub const fn name(&self) -> &'static str {
        match self {
            SmallCommand::Bank(_) => "small bank",
            SmallCommand::Deliver(_) => "small deliver",
            SmallCommand::Collect(_) => "small collect",
            SmallCommand::Bounty(_) => "small bounty",
            SmallCommand::Slice(_) => "small slice",
            SmallCommand::Stream(_) => "small stream",
            SmallCommand::Work { .. } => "small work",
            SmallCommand::Read { .. } => "small read",
            SmallCommand::Take { .. } => "small take",
            SmallCommand::Decline { .. } => "small decline",
            SmallCommand::Order { what, .. } => match what {
                SmallOrder::Pay { .. } => "small pay",
                SmallOrder::Close => "small close",
                SmallOrder::ForceClose => "small force-close",
                SmallOrder::Next => "small next",
                SmallOrder::Serve => "small serve",
                SmallOrder::Stop => "small stop",
                SmallOrder::Reserve { .. } => "small reserve",
                SmallOrder::Debit { .. } => "small debit",
                SmallOrder::Release { .. } => "small release",
                SmallOrder::GiveUp { .. } => "small give-up",
            },
            SmallCommand::Show { .. } => "small show",
            SmallCommand::List => "small list",
        }
    }

    /// Whether it changes nothing but what is shown.
    pub const fn only_asks(&self) -> bool {
        matches!(
            self,
            SmallCommand::List | SmallCommand::Show { .. } | SmallCommand::Read { .. }
        )
    }

    /// The contract that it is about, as it was written.
    pub fn contract(&self) -> Option<&str> {
        match self {
            SmallCommand::Take { id, .. }
            | SmallCommand::Decline { id, .. }
            | SmallCommand::Order { id, .. }
            | SmallCommand::Work { id, .. }
            | SmallCommand::Read { id }
            | SmallCommand::Show { id } => Some(id),
            SmallCommand::Stream(new) => Some(&new.id),
            SmallCommand::Bank(_)
            | SmallCommand::Deliver(_)
            | SmallCommand::Collect(_)
            | SmallCommand::Bounty(_)
            | SmallCommand::Slice(_)
            | SmallCommand::List => None,
        }
    }
}

/// What every own ask has.
pub(super) struct Asking {
    pub(super) rate: FeeRate,
    pub(super) tip: u32,
    pub(super) salt: [u8; 32],
    pub(super) expires_s: u64,
}

/// An order that is wrong in itself: the caller's fault.
pub(super) fn bad(error: &dyn std::fmt::Display) -> CommandError {
    refused("bad-offer", error)
}

/// Whom to ask, and where it listens.
pub(super) fn peer_of(with: &PeerAddress) -> Result<SmallPeer, CommandError> {
    let place = with.to_string();
    let (_, address) = place.split_once('@').unwrap_or_default();
    if address.len() > MAX_ADDRESS {
        return Err(refused("bad-offer", "an address that is too long"));
    }
    Ok(SmallPeer {
        node: with.node,
        address: address.to_owned(),
    })
}

impl Core {
    /// Does what is asked for of small contracts.
    pub(in crate::party) fn small_ordered(&mut self, order: SmallCommand) -> Result<Answer, Fatal> {
        match order {
            SmallCommand::Bank(new) => {
                let planned = self.planned_bank(&new);
                self.ask_planned(planned)
            }
            SmallCommand::Deliver(new) => self.ask_delivery(&new),
            SmallCommand::Collect(new) => {
                let planned = self.planned_collection(&new);
                self.ask_planned(planned)
            }
            SmallCommand::Bounty(new) => {
                let planned = self.planned_bounty(&new);
                self.ask_planned(planned)
            }
            SmallCommand::Slice(new) => {
                let planned = self.planned_slice(&new);
                self.ask_planned(planned)
            }
            SmallCommand::Stream(new) => self.order_stream(&new),
            SmallCommand::Work {
                id,
                result,
                commitment,
            } => self.work_small(&id, &result, commitment),
            SmallCommand::Read { id } => Ok(id_of(&id).and_then(|id| self.read_small(&id))),
            SmallCommand::Take { id, depth } => self.take_small(&id, depth),
            SmallCommand::Decline { id, reason } => {
                let answer = SmallAnswer::Declines(Decline::new(&reason));
                match id_of(&id) {
                    Ok(id) => self.answered_small(id, answer, None),
                    Err(error) => Ok(Err(error)),
                }
            }
            SmallCommand::Order { id, what } => match id_of(&id) {
                Ok(id) => self.order_side(id, what),
                Err(error) => Ok(Err(error)),
            },
            SmallCommand::Show { id } => Ok(id_of(&id).and_then(|id| self.show_small(&id))),
            SmallCommand::List => Ok(Ok(Reply::Smalls(self.small_statuses()))),
        }
    }

    pub(super) fn show_small(&self, id: &[u8; 32]) -> Answer {
        let status = self.small_status(id).map(Box::new).map(Reply::Small);
        status.ok_or_else(|| refused("unknown", "there is no such small contract"))
    }

    fn read_small(&self, id: &[u8; 32]) -> Answer {
        let small = self.small.get(id);
        let small = small.ok_or_else(|| refused("unknown", "there is no such small contract"))?;
        let delivered = small.delivered(id).map(Reply::SmallDelivered);
        delivered.ok_or_else(|| refused("not-now", "nothing was delivered in it, so far"))
    }

    pub(super) fn ask_planned(
        &mut self,
        planned: Result<(SmallBeginning, Depth), CommandError>,
    ) -> Result<Answer, Fatal> {
        let (begun, depth) = match planned {
            Ok(planned) => planned,
            Err(error) => return Ok(Err(error)),
        };
        Ok(match self.ask_small(begun, depth)? {
            Ok(id) => self.show_small(&id),
            Err(refusal) => Err(refused("bad-offer", refusal)),
        })
    }

    /// The fee rate, the time until which it is open, and height: what every order of an own ask has.
    pub(super) fn asking(&self, rate_sat_kwu: u64, open_s: u64) -> Result<Asking, CommandError> {
        let rate = FeeRate::from_sat_per_kwu(rate_sat_kwu);
        let most = self.policy.max_rate;
        if rate > most {
            return Err(bad(&format_args!(
                "a fee rate of {rate}; at most {most} is paid"
            )));
        }
        let most = self.policy.max_open_s;
        if !(1..=most).contains(&open_s) {
            return Err(bad(&format_args!("it may be open for 1 to {most} seconds")));
        }
        let tip = self.tip.ok_or_else(|| bad(&"the chain was not seen yet"))?;
        let mut salt = [0; 32];
        OsRng.fill_bytes(&mut salt);
        Ok(Asking {
            rate,
            tip,
            salt,
            expires_s: self.now.unix_s.saturating_add(open_s),
        })
    }

    /// Whether this node has so much that is free, for what is ordered.
    pub(super) fn spares(
        &self,
        total: Amount,
        what: std::fmt::Arguments<'_>,
    ) -> Result<(), CommandError> {
        let spare = self.own.borrow().wallet.spare();
        match total > spare {
            true => Err(refused(
                "funds",
                format_args!("{what}, of {spare} that are free"),
            )),
            false => Ok(()),
        }
    }

    fn take_small(&mut self, id: &str, depth: u32) -> Result<Answer, Fatal> {
        let taken = id_of(id).and_then(|id| {
            let depth = Depth::new(depth).map_err(|error| refused("bad-offer", error))?;
            let asked = self.small.get(&id).filter(|s| s.standing() == "asked");
            let begun = asked.and_then(Small::begun).cloned();
            let begun = begun.ok_or_else(|| refused("unknown", "there is no such ask"))?;
            if is_guests(&begun.ask.figures) {
                return Err(refused("not-now", "a guest is served by itself"));
            }
            let figures = match family_of(&begun.ask.figures) {
                Ok("bank") => self.bank_consent(&id, &begun, depth)?.to_bytes(),
                Ok("bounty") => self.bounty_seat(&begun, depth)?,
                Ok("slice") => self.slice_consent(&id, &begun, depth)?.to_bytes(),
                _ => self.delivery_agent(&id, &begun, depth)?.to_bytes(),
            };
            Ok((id, figures, depth))
        });
        match taken {
            Ok((id, figures, depth)) => {
                let answer = SmallAnswer::Takes(figures);
                self.answered_small(id, answer, Some(depth))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn answered_small(
        &mut self,
        id: [u8; 32],
        answer: SmallAnswer,
        depth: Option<Depth>,
    ) -> Result<Answer, Fatal> {
        let is_own = |small: &Small| small.begun().is_none_or(|begun| begun.is_own);
        let is_asked = |small: &Small| !is_own(small) && !small.is_guest();
        if !self.small.get(&id).is_some_and(is_asked) {
            return Ok(Err(refused("unknown", "there is no such ask")));
        }
        match self.answer_small(id, (0, answer), depth)? {
            Ok(due) => {
                self.outcomes(due)?;
                Ok(self.show_small(&id))
            }
            Err(why) => Ok(Err(refused("answered", why))),
        }
    }

    /// The result that this node has come to; of a slice a commitment to the whole computation stands before it.
    fn work_small(
        &mut self,
        id: &str,
        result: &str,
        commitment: Option<sha256::Hash>,
    ) -> Result<Answer, Fatal> {
        let given = id_of(id).and_then(|id| {
            let mut result = Vec::<u8>::from_hex(result).map_err(|error| bad(&error))?;
            let begun = self.small.get(&id).and_then(Small::begun);
            let family = begun.map(|begun| family_of(&begun.ask.figures));
            match (family, commitment) {
                (Some(Ok("slice")), commitment) => {
                    let commitment = commitment.unwrap_or(sha256::Hash::all_zeros());
                    result.splice(..0, commitment.to_byte_array());
                }
                (_, None) => {}
                (_, Some(_)) => return Err(bad(&"a commitment is of a slice's work alone")),
            }
            Ok((id, result))
        });
        match given {
            Ok((id, given)) => self.do_with_side(id, |side, _| side.give(&given)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn order_side(&mut self, id: [u8; 32], what: SmallOrder) -> Result<Answer, Fatal> {
        self.do_with_side(id, |side, with| side.order(what, with))
    }

    /// The owner does something in a contract that is joined.
    pub(super) fn do_with_side(
        &mut self,
        id: [u8; 32],
        act: impl FnOnce(&mut dyn SmallSide, &mut Surroundings<'_>) -> Result<(), SmallError>,
    ) -> Result<Answer, Fatal> {
        let is_joined = |small: &Small| small.standing() == "joined";
        if !self.small.get(&id).is_some_and(is_joined) {
            return Ok(Err(refused(
                "not-now",
                "there is no such small contract that is joined",
            )));
        }
        match self.with_side(&id, act) {
            None => Ok(Err(refused("not-now", "it is not ready; see its trouble"))),
            Some(Ok(())) => {
                if let Some(small) = self.small.get_mut(&id) {
                    small.is_due = true;
                }
                Ok(self.show_small(&id))
            }
            Some(Err(SmallError::Refused(why))) => Ok(Err(refused("not-now", why))),
            Some(Err(error)) => {
                let why = error.to_string();
                self.small_failed(id, error)?;
                Ok(Err(refused("not-now", why)))
            }
        }
    }
}
