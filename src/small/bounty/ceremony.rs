//! The requester's part of the ceremony, in memory alone: whoever was killed over it begins another.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    OutPoint,
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::rngs::OsRng},
};
use narthex_channel::bounty::{BountyFigures, BountyTalk};
use narthex_contracts::{
    binding::{Bindings, FreshSalt},
    bounty::{
        BountyError, BountyRecord, BountyTerms, REQUESTER, RecomputerOffer, recomputer_name,
        requester_party,
    },
    setup::{Agreement as _, ContractSignatures},
    terms::Contribution,
};

use crate::small::ceremony::{Circle, Closed, Hub};

/// How far a ceremony has come.
enum Stage {
    /// Offers come in.
    Calling {
        salt: FreshSalt,
        offers: BTreeMap<u8, RecomputerOffer>,
    },
    /// All sign.
    Signing(Hub<BountyTerms>),
    /// Something failed.
    Ended,
}

/// One attempt at it.
pub(super) struct Ceremony {
    stage: Stage,
    salt: bitcoin::hashes::sha256::Hash,
    terms: Option<Arc<BountyTerms>>,
}

/// What follows from a message: something for each seat, and the signatures at its end.
pub(super) struct Follows {
    pub(super) says: Vec<(u8, BountyTalk)>,
    pub(super) held: Option<ContractSignatures<BountyTerms>>,
}

impl Follows {
    const fn nothing() -> Follows {
        Follows {
            says: Vec::new(),
            held: None,
        }
    }
}

/// Who is who in the ceremony of so many recomputers.
pub(super) const fn circle(seats: u8) -> Circle {
    Circle {
        hub: REQUESTER,
        seats,
        name: recomputer_name,
    }
}

/// What the requester brings to its terms.
pub(super) struct Own {
    pub(super) requester: PublicKey,
    pub(super) ask: [u8; 32],
    pub(super) key: SecretKey,
    pub(super) script: bitcoin::ScriptBuf,
    pub(super) contribution: Contribution,
}

impl Ceremony {
    /// A call, with a salt that serves this attempt alone.
    pub(super) fn begin() -> Ceremony {
        let salt = FreshSalt::draw(&mut OsRng);
        Ceremony {
            salt: salt.value(),
            stage: Stage::Calling {
                salt,
                offers: BTreeMap::new(),
            },
            terms: None,
        }
    }

    pub(super) fn call(&self) -> BountyTalk {
        BountyTalk::Call { salt: self.salt }
    }

    /// Whether a message is of this attempt's terms.
    pub(super) fn is_of(&self, terms: &[u8; 32]) -> bool {
        self.terms.as_ref().is_some_and(|own| own.id() == terms)
    }

    /// Coins of its terms, to be freed if it comes to nothing.
    pub(super) fn coins(&self) -> Vec<OutPoint> {
        let coins = self.terms.iter();
        let coins = coins.flat_map(|terms| &terms.record().contribution.coins);
        coins.map(|coin| coin.outpoint).collect()
    }

    /// An offer; whether all are there, and its terms can be made. One for another call is of an attempt that is over.
    pub(super) fn offered(
        &mut self,
        figures: &BountyFigures,
        seat: u8,
        offer: (bitcoin::hashes::sha256::Hash, RecomputerOffer),
    ) -> Result<bool, BountyError> {
        let (Stage::Calling { offers, .. }, true) = (&mut self.stage, offer.0 == self.salt) else {
            return Ok(false);
        };
        let wanted = figures.seats.get(usize::from(seat));
        let wanted = wanted.ok_or(BountyError::Seat { seat })?;
        let problem = match &offer.1 {
            of if of.identity != wanted.node.x_only_public_key().0 => "has another identity",
            of if of.amount_sat != wanted.amount => "asks for another amount",
            _ => {
                offers.insert(seat, offer.1);
                return Ok(offers.len() == figures.seats.len());
            }
        };
        Err(BountyError::Offer { seat, problem })
    }

    /// The terms, bound to its salt, with its nonces.
    pub(super) fn propose(
        &mut self,
        figures: &BountyFigures,
        own: Own,
        bindings: &mut dyn Bindings,
    ) -> Result<Follows, BountyError> {
        let Stage::Calling { salt, offers } = std::mem::replace(&mut self.stage, Stage::Ended)
        else {
            return Ok(Follows::nothing());
        };
        let record = BountyRecord {
            call: figures.call(&own.requester, &own.ask, self.salt),
            requester_key: PublicKey::from_secret_key(&Secp256k1::signing_only(), &own.key),
            requester_script: own.script,
            recomputers: offers.into_values().collect(),
            layer_height: figures.layer_height,
            round_blocks: figures.round_blocks,
            refund_height: figures.refund_height,
            contribution: own.contribution,
            rate_sat_per_kwu: figures.rate,
        };
        let terms = Arc::new(record.check()?);
        let party = requester_party(&terms, &own.key, salt, bindings)?;
        self.stage = Stage::Signing(Hub::begin(circle(terms.recomputers()), party)?);
        let json = terms.to_json();
        let says = (0..terms.recomputers()).map(|seat| {
            let json = json.clone();
            (seat, BountyTalk::Terms { json })
        });
        let says = says.collect();
        self.terms = Some(terms);
        Ok(Follows { says, held: None })
    }

    /// A recomputer's nonces. With the last of them each is told all the others'.
    pub(super) fn nonces(&mut self, seat: u8, bytes: &[u8]) -> Result<Follows, BountyError> {
        let (Some(terms), Stage::Signing(hub)) = (&self.terms, &mut self.stage) else {
            return Ok(Follows::nothing());
        };
        let terms = *terms.id();
        let says = hub.nonces(seat, bytes)?.into_iter();
        let says = says.map(|(to, all)| (to, BountyTalk::Nonces { terms, all }));
        Ok(Follows {
            says: says.collect(),
            held: None,
        })
    }

    /// A recomputer's shares, for all others. With the last of them it holds all signatures, and tells each the shares for it.
    pub(super) fn shares(&mut self, seat: u8, all: &[Vec<u8>]) -> Result<Follows, BountyError> {
        let (Some(terms), Stage::Signing(hub)) = (&self.terms, &mut self.stage) else {
            return Ok(Follows::nothing());
        };
        let terms = *terms.id();
        let closed: Option<Closed<_>> = hub.shares::<BountyError>(seat, all)?;
        let Some(Closed { gives, held }) = closed else {
            return Ok(Follows::nothing());
        };
        let says = gives.into_iter();
        let says = says.map(|(to, all)| (to, BountyTalk::Shares { terms, all }));
        Ok(Follows {
            says: says.collect(),
            held: Some(held),
        })
    }
}
