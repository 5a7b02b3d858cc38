//! The requester's part of the ceremony, in memory alone: whoever was killed over it begins another.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    OutPoint,
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::rngs::OsRng},
};
use narthex_base::codec::Message as _;
use narthex_channel::bounty::{BountyFigures, BountyTalk};
use narthex_contracts::{
    binding::{Bindings, FreshSalt},
    bounty::{
        BountyError, BountyRecord, BountyTerms, REQUESTER, RecomputerOffer, recomputer_name,
        requester_party,
    },
    party::PartyId,
    setup::{
        Agreement as _, Announced, ContractSignatures, NoncesMessage, SetupError, SharesMessage,
        Signing,
    },
    terms::Contribution,
};

/// How far a ceremony has come.
enum Stage {
    /// Offers come in.
    Calling {
        salt: FreshSalt,
        offers: BTreeMap<u8, RecomputerOffer>,
    },
    /// Nonces do.
    Announced {
        own: Vec<u8>,
        announced: Box<Announced<BountyTerms>>,
        nonces: BTreeMap<u8, Vec<u8>>,
    },
    /// Shares do: those of the recomputers for each other, by whom they are for.
    Signing {
        signing: Box<Signing<BountyTerms>>,
        shared: BTreeMap<u8, Vec<SharesMessage>>,
    },
    /// Something failed, or it is over.
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
        let (announced, nonces) = party.announce(&mut OsRng)?;
        let json = terms.to_json();
        self.stage = Stage::Announced {
            own: nonces.to_bytes(),
            announced: Box::new(announced),
            nonces: BTreeMap::new(),
        };
        let says = (0..terms.recomputers()).map(|seat| {
            let json = json.clone();
            (seat, BountyTalk::Terms { json })
        });
        let says = says.collect();
        self.terms = Some(terms);
        Ok(Follows { says, held: None })
    }

    /// A recomputer's nonces. With the last of them it signs, and tells each all the others'.
    pub(super) fn nonces(&mut self, seat: u8, bytes: &[u8]) -> Result<Follows, BountyError> {
        let Stage::Announced {
            announced, nonces, ..
        } = &mut self.stage
        else {
            return Ok(Follows::nothing());
        };
        announced.accept_bytes(recomputer_name(seat), bytes)?;
        nonces.insert(seat, bytes.to_vec());
        if !announced.missing().is_empty() {
            return Ok(Follows::nothing());
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        let (
            Some(terms),
            Stage::Announced {
                own,
                announced,
                nonces,
            },
        ) = (&self.terms, stage)
        else {
            return Ok(Follows::nothing());
        };
        let signing = signed(*announced)?;
        let says = nonces.keys().map(|to| {
            let others = nonces.iter().filter(|(from, _)| *from != to);
            let others = others.map(|(_, bytes)| bytes.clone());
            let all = std::iter::once(own.clone()).chain(others).collect();
            let terms = *terms.id();
            (*to, BountyTalk::Nonces { terms, all })
        });
        let says = says.collect();
        self.stage = Stage::Signing {
            signing: Box::new(signing),
            shared: BTreeMap::new(),
        };
        Ok(Follows { says, held: None })
    }

    /// A recomputer's shares, for all others. With the last of them it holds all signatures, and tells each the shares for it.
    pub(super) fn shares(&mut self, seat: u8, all: &[Vec<u8>]) -> Result<Follows, BountyError> {
        let Stage::Signing { signing, shared } = &mut self.stage else {
            return Ok(Follows::nothing());
        };
        let from = recomputer_name(seat);
        let mut own = Vec::new();
        for bytes in all {
            let message = SharesMessage::from_bytes(bytes)?;
            if message.from != from.id {
                return Err(SetupError::Stranger { party: from }.into());
            }
            match message.to == REQUESTER.id {
                true => signing.accept(message)?,
                false => own.push(message),
            }
        }
        shared.insert(seat, own);
        let Some(terms) = &self.terms else {
            return Ok(Follows::nothing());
        };
        if shared.len() < usize::from(terms.recomputers()) {
            return Ok(Follows::nothing());
        }
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        let Stage::Signing { signing, shared } = stage else {
            return Ok(Follows::nothing());
        };
        let mut says = Vec::new();
        for to in 0..terms.recomputers() {
            let party = recomputer_name(to);
            let mut all = shares_for(&signing, party.id)?;
            let others = shared.values().flatten();
            let others = others.filter(|message| message.to == party.id);
            all.extend(others.map(SharesMessage::to_bytes));
            let terms = *terms.id();
            says.push((to, BountyTalk::Shares { terms, all }));
        }
        let held = Some(finished(*signing)?);
        Ok(Follows { says, held })
    }
}

/// Signs with everybody's nonces. All that a bounty signs is of the last stage: those before it are closed as they are.
fn signed(announced: Announced<BountyTerms>) -> Result<Signing<BountyTerms>, SetupError> {
    let mut signing = announced.sign()?;
    let stages = signing.graph().stages();
    let before_last = stages.len().saturating_sub(1);
    for stage in stages.take(before_last) {
        signing.close(stage)?;
    }
    Ok(signing)
}

/// The shares for a party.
pub(super) fn shares_for(
    signing: &Signing<BountyTerms>,
    to: PartyId,
) -> Result<Vec<Vec<u8>>, SetupError> {
    let last = signing.graph().stages().last();
    let last = last
        .map(|stage| signing.shares_for(stage, to))
        .transpose()?;
    let said = last.filter(|message| !message.shares.is_empty());
    Ok(said.iter().map(SharesMessage::to_bytes).collect())
}

/// Everybody's shares are there: what it holds.
pub(super) fn finished(
    mut signing: Signing<BountyTerms>,
) -> Result<ContractSignatures<BountyTerms>, SetupError> {
    let graph = std::sync::Arc::clone(signing.graph());
    for stage in graph.stages() {
        signing.close(stage)?;
    }
    signing.finish()
}

/// All others' nonces, as the requester passes them on.
pub(super) fn with_nonces(
    mut announced: Announced<BountyTerms>,
    all: &[Vec<u8>],
) -> Result<Signing<BountyTerms>, BountyError> {
    for bytes in all {
        announced.accept(NoncesMessage::from_bytes(bytes)?)?;
    }
    Ok(signed(announced)?)
}
