//! A recomputer's part of the ceremony: its offer follows from seed and call, its nonces are in memory alone, its shares are kept before
//! they leave.

use std::sync::Arc;

use bitcoin::{
    Amount,
    hashes::{Hash as _, sha256},
    secp256k1::PublicKey,
};
use narthex_base::tagged::tagged_hash_parts;
use narthex_channel::bounty::{BountyFigures, BountyTalk};
use narthex_contracts::{
    bounty::{BountyError, BountyTerms, RecomputerOffer, RecomputerSeed, recomputer_party, resume},
    depth::Depth,
    derive::{OwnSalt, Salted},
    setup::{Agreement as _, ContractSignatures},
};

use super::{SIGNING, TERMS, ceremony::circle};
use crate::small::{
    SmallError, SmallHeard, Surroundings,
    apart::Kept,
    ceremony::{Member, held},
};

/// Who a recomputer is in which bounty.
pub(super) struct Place {
    pub(super) figures: BountyFigures,
    /// Id of the ask.
    pub(super) ask: [u8; 32],
    pub(super) requester: PublicKey,
    pub(super) seat: u8,
    pub(super) depth: Depth,
}

/// What it says to the requester, or why not.
pub(super) enum Joined {
    Says(BountyTalk),
    Held(Box<ContractSignatures<BountyTerms>>),
    Heard(SmallHeard),
}

impl Joined {
    fn refused(why: impl std::fmt::Display) -> Joined {
        Joined::Heard(SmallHeard::Refused(why.to_string()))
    }
}

/// How many calls are answered since the start of a process: each leaves terms and shares on the disk.
const MAX_CALLS: u8 = 32;

/// A session of its nonces.
#[derive(Default)]
pub(super) struct Session {
    calls: u8,
    member: Member<BountyTerms>,
}

impl Place {
    /// The seed of its secrets, by ask and call: of another ask with the same salt it is another.
    pub(super) fn seed(&self, salt: &sha256::Hash, with: &Surroundings<'_>) -> RecomputerSeed {
        let parts: [&[u8]; 2] = [&self.ask, salt.as_byte_array()];
        let own = OwnSalt::from_bytes(tagged_hash_parts("narthex/bounty-seed-salt", &parts));
        RecomputerSeed::from_bytes(*Salted::new(with.seed, own).bounty_seed().expose())
    }

    pub(super) fn amount(&self) -> Amount {
        let seat = self.figures.seats.get(usize::from(self.seat));
        seat.map_or(Amount::ZERO, |seat| seat.amount)
    }
}

impl Session {
    /// Something of the ceremony that the requester says.
    pub(super) fn hear(
        &mut self,
        place: &Place,
        talk: BountyTalk,
        (kept, with): (&mut Kept, &mut Surroundings<'_>),
    ) -> Result<Joined, SmallError> {
        match talk {
            BountyTalk::Call { .. } if self.calls >= MAX_CALLS => {
                Ok(Joined::refused("too many calls that came to nothing"))
            }
            BountyTalk::Call { salt } => {
                self.calls = self.calls.saturating_add(1);
                offer(place, salt, with)
            }
            BountyTalk::Terms { json } => self.terms(place, &json, with),
            BountyTalk::Nonces { terms, all } => self.nonces(place, (terms, &all), kept),
            BountyTalk::Shares { terms, all } => shares((terms, &all), kept),
            BountyTalk::Offer { .. }
            | BountyTalk::Held { .. }
            | BountyTalk::Again { .. }
            | BountyTalk::Lacks { .. } => Ok(Joined::refused("that is a recomputer's to say")),
        }
    }

    /// Terms of what was asked for, with its own offer in them, are bound to its seed; then it draws nonces.
    fn terms(
        &mut self,
        place: &Place,
        json: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Result<Joined, SmallError> {
        let terms = match BountyTerms::from_json(json) {
            Ok(terms) => Arc::new(terms),
            Err(error) => return Ok(Joined::refused(error)),
        };
        if !place.figures.are_of(&place.requester, &place.ask, &terms) {
            return Ok(Joined::refused(
                "terms with other figures than were asked for",
            ));
        }
        let id = *terms.id();
        let seed = place.seed(&terms.record().call.salt, with);
        let policy = (seed, with.tip, place.depth);
        let party = recomputer_party(&terms, place.seat, &with.key, policy, &mut *with.bindings);
        let party = match party {
            Ok((party, _)) => party,
            // A session of theirs has died with its process, or other terms were signed with this seed.
            Err(BountyError::Bind(_)) => return Ok(Joined::Says(BountyTalk::Again { terms: id })),
            Err(error) => return Ok(Joined::refused(error)),
        };
        let all = self.member.announce(terms, party);
        let all = all.map_err(BountyError::from)?;
        Ok(Joined::Says(BountyTalk::Nonces { terms: id, all }))
    }

    /// Everybody's nonces: it signs. Its shares are kept before they leave, so that from here on a crash costs nothing.
    fn nonces(
        &mut self,
        place: &Place,
        (id, all): ([u8; 32], &[Vec<u8>]),
        kept: &mut Kept,
    ) -> Result<Joined, SmallError> {
        let seats = u8::try_from(place.figures.seats.len()).unwrap_or(u8::MAX);
        let circle = circle(seats);
        let signed = self
            .member
            .sign::<BountyError>(&id, (circle, place.seat), all);
        let signed = match signed {
            Ok(Some(signed)) => signed,
            Ok(None) => return Ok(Joined::Says(BountyTalk::Again { terms: id })),
            Err(error) => return Ok(Joined::refused(error)),
        };
        kept.keep(TERMS, &signed.terms.to_json())?;
        kept.keep(SIGNING, &signed.signing)?;
        let shares = signed.shares;
        let talk = BountyTalk::Shares {
            terms: id,
            all: shares,
        };
        Ok(Joined::Says(talk))
    }
}

fn offer(
    place: &Place,
    salt: sha256::Hash,
    with: &mut Surroundings<'_>,
) -> Result<Joined, SmallError> {
    let call = place.figures.call(&place.requester, &place.ask, salt);
    let seed = place.seed(&salt, with);
    let paid = (with.wallet.fresh_script(), place.amount());
    let keys = (&with.identity, &with.key);
    let offer = RecomputerOffer::new(&call, place.seat, keys, &seed, paid)?;
    // Plain data without maps always becomes JSON.
    let json = serde_json::to_vec(&offer).unwrap_or_default();
    Ok(Joined::Says(BountyTalk::Offer { salt, json }))
}

/// Everybody's shares: it holds what it relies on.
fn shares((id, all): ([u8; 32], &[Vec<u8>]), kept: &mut Kept) -> Result<Joined, SmallError> {
    let (Some(json), Some(signing)) = (kept.get(TERMS), kept.get(SIGNING)) else {
        return Ok(Joined::Says(BountyTalk::Again { terms: id }));
    };
    let terms = Arc::new(BountyTerms::from_json(json)?);
    if *terms.id() != id {
        return Ok(Joined::Says(BountyTalk::Again { terms: id }));
    }
    let signing = resume(&terms, signing);
    let signing = signing.map_err(SmallError::refused)?;
    match held::<_, BountyError>(signing, all) {
        Ok(held) => Ok(Joined::Held(Box::new(held))),
        Err(error) => Ok(Joined::refused(error)),
    }
}
