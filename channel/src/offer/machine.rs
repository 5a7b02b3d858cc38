//! The machine of one offer, of the client as of whoever is asked.

use std::collections::BTreeMap;

use narthex_contracts::{
    enrolment::Enrolment,
    party::{PartyId, PartyName},
    terms::Role,
};

use super::{Accept, Decline, Offer, OfferFault, Offering, Unbonded};
use crate::{Machine, Step};

/// What comes to an offer.
#[derive(Clone, Debug)]
pub enum OfferInput {
    /// The client's offer: made here, or come from the client. `me` is the role that this node is asked for in it.
    Offered {
        /// As whom this node takes part.
        me: Role,
        /// The offer.
        offering: Box<Offering>,
    },
    /// This party takes part, with these keys; or another one says so.
    Accepted {
        /// Who.
        by: PartyId,
        /// Its keys, and its bond if it has one.
        accept: Box<Accept>,
    },
    /// This party does not take part; or another one says so.
    Declined {
        /// Who.
        by: PartyId,
        /// Why.
        decline: Decline,
    },
    /// The time.
    Tick {
        /// Seconds since 1970.
        unix_s: u64,
    },
}

/// What is written down of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfferChange {
    /// The offer.
    Offered {
        /// As whom this node takes part.
        me: PartyId,
        /// What is offered.
        offering: Box<Offering>,
    },
    /// A party takes part.
    Accepted(Box<Accept>),
    /// A party does not: the offer is over.
    Declined {
        /// Who.
        by: PartyId,
        /// Why.
        reason: String,
    },
    /// Not everybody has accepted in time.
    Expired,
}

/// What is to be done for an offer. Doing it twice does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferEffect {
    /// Send the offer to everybody: [`OfferMachine::offering`].
    Offer,
    /// Say to everybody that this party takes part: [`OfferMachine::accept`].
    Accept,
    /// Say to everybody that it does not: [`OfferMachine::declined`].
    Decline,
    /// Begin the set-up: everybody takes part.
    Begin,
}

/// Why an input of an offer changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferRefusal {
    /// The fault of whoever sent it.
    #[error(transparent)]
    Fault(#[from] OfferFault),
    /// Something else was offered under this id. The caller's fault: an id is the hash of its offer.
    #[error("another offer under one id")]
    OtherOffer,
    /// Nothing was offered yet. The caller's fault.
    #[error("nothing was offered")]
    Nothing,
    /// From nobody of this offer.
    #[error("{0} is not asked to take part")]
    Stranger(PartyName),
    /// It has answered otherwise before. Its fault, or the operator's whose party it is.
    #[error("{0} has answered already")]
    Answered(PartyName),
    /// It is over, or was begun. Nobody's fault.
    #[error("the offer is {state}")]
    Over {
        /// How it stands.
        state: &'static str,
    },
}

/// How an offer ended without a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Declined { by: PartyId, reason: String },
    Expired,
}

/// An offer as one of its parties knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferMachine {
    offered: Option<(PartyId, Box<Offering>)>,
    accepted: BTreeMap<PartyId, Accept>,
    end: Option<End>,
}

impl OfferMachine {
    /// What is offered.
    pub fn offering(&self) -> Option<&Offering> {
        self.offered.as_ref().map(|(_, offering)| &**offering)
    }

    /// What is offered, without the client's keys.
    pub fn offer(&self) -> Option<&Offer> {
        self.offering().map(|offering| &offering.offer)
    }

    /// As whom this node takes part.
    pub fn me(&self) -> Option<Role> {
        let (me, offering) = self.offered.as_ref()?;
        let mut roles = offering.offer.roles();
        roles.find_map(|(role, _)| (PartyId::from(role) == *me).then_some(role))
    }

    /// The keys of a party that takes part.
    pub fn enrolment(&self, party: PartyId) -> Option<&Enrolment> {
        self.accept(party).map(|accept| &accept.enrolment)
    }

    /// What a party that takes part has said: its keys, and its bond if it has one.
    pub fn accept(&self, party: PartyId) -> Option<&Accept> {
        self.accepted.get(&party)
    }

    /// Who has said so, this party among them.
    pub fn accepted(&self) -> impl Iterator<Item = PartyId> {
        self.accepted.keys().copied()
    }

    /// Who does not take part, and why.
    pub fn declined(&self) -> Option<(PartyId, &str)> {
        match &self.end {
            Some(End::Declined { by, reason }) => Some((*by, reason)),
            _ => None,
        }
    }

    /// How it stands, in a word.
    pub fn standing(&self) -> &'static str {
        let Some((me, offering)) = &self.offered else {
            return "new";
        };
        let is_here = |role: Role| self.accepted.contains_key(&role.into());
        match &self.end {
            Some(End::Declined { by, .. }) if by == me => "declined",
            Some(_) => "over",
            None if offering.offer.roles().all(|(role, _)| is_here(role)) => "joined",
            None if self.accepted.contains_key(me) => "waiting",
            None => "asked",
        }
    }

    fn taken(&self, input: &OfferInput) -> Result<Option<OfferChange>, OfferRefusal> {
        let Some((own, known)) = &self.offered else {
            return match input {
                OfferInput::Offered { me, offering } => {
                    offering.check()?;
                    if !offering.offer.roles().any(|(role, _)| role == *me) {
                        return Err(OfferRefusal::Stranger((*me).into()));
                    }
                    Ok(Some(OfferChange::Offered {
                        me: (*me).into(),
                        offering: offering.clone(),
                    }))
                }
                _ => Err(OfferRefusal::Nothing),
            };
        };
        let state = self.standing();
        let is_open = matches!(state, "asked" | "waiting");
        let name = |by: PartyId| {
            let role = known
                .offer
                .roles()
                .find(|(role, _)| PartyId::from(*role) == by);
            let role = role.map(|(role, _)| role);
            role.ok_or(OfferRefusal::Stranger(PartyName::unnamed(by)))
        };
        match input {
            OfferInput::Offered { me, offering } => {
                match own == &PartyId::from(*me) && known.offer == offering.offer {
                    true => Ok(None),
                    false => Err(OfferRefusal::OtherOffer),
                }
            }
            OfferInput::Accepted { by, accept } => {
                let role = name(*by)?;
                match self.accepted.get(by) {
                    Some(same) if *same == **accept => return Ok(None),
                    Some(_) => return Err(OfferRefusal::Answered(role.into())),
                    None => {}
                }
                known.offer.check_accept(role, accept)?;
                let mut others = self.accepted.values().filter(|_| accept.bond.is_some());
                if others.any(|other| other.identity() == accept.identity()) {
                    let (role, why) = (role.into(), Unbonded::Twice);
                    return Err(OfferFault::Bond { role, why }.into());
                }
                match is_open {
                    true => Ok(Some(OfferChange::Accepted(accept.clone()))),
                    false => Err(OfferRefusal::Over { state }),
                }
            }
            OfferInput::Declined { by, decline } => {
                let role = name(*by)?;
                if self.end.is_some() {
                    return Ok(None);
                }
                // Whoever has accepted leaves the set-up, where that has begun.
                if state == "joined" {
                    return Err(OfferRefusal::Answered(role.into()));
                }
                Ok(Some(OfferChange::Declined {
                    by: *by,
                    reason: decline.reason.clone(),
                }))
            }
            OfferInput::Tick { unix_s } => {
                let is_late = is_open && *unix_s >= known.offer.expires_s;
                Ok(is_late.then_some(OfferChange::Expired))
            }
        }
    }
}

impl Machine for OfferMachine {
    type Input = OfferInput;
    type Change = OfferChange;
    type Effect = OfferEffect;
    type Error = OfferRefusal;

    fn step(&self, input: &OfferInput) -> Result<Step<OfferChange, OfferEffect>, OfferRefusal> {
        Ok(Step::of_new(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &OfferChange) {
        match change {
            OfferChange::Offered { me, offering } => {
                let client = PartyId::from(Role::Client);
                let (enrolment, bond) = (offering.enrolment, None);
                self.accepted.insert(client, Accept { enrolment, bond });
                self.offered = Some((*me, offering.clone()));
            }
            OfferChange::Accepted(accept) => {
                self.accepted.insert(accept.enrolment.role.into(), **accept);
            }
            OfferChange::Declined { by, reason } => {
                let (by, reason) = (*by, reason.clone());
                self.end = Some(End::Declined { by, reason });
            }
            OfferChange::Expired => self.end = Some(End::Expired),
        }
    }

    fn pending(&self) -> Vec<OfferEffect> {
        let is_client = self.me() == Some(Role::Client);
        let own = match is_client {
            true => OfferEffect::Offer,
            false => OfferEffect::Accept,
        };
        match self.standing() {
            "waiting" => vec![own],
            "joined" => vec![own, OfferEffect::Begin],
            // What it said before comes before: all that it says to everybody has one order.
            "declined" => {
                let me = self.offered.as_ref().map(|(me, _)| *me);
                let has_spoken = me.is_some_and(|me| self.accepted.contains_key(&me));
                let said = has_spoken.then_some(own);
                said.into_iter().chain([OfferEffect::Decline]).collect()
            }
            _ => Vec::new(),
        }
    }
}
