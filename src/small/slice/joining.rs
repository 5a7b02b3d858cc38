//! A provider's part of the ceremony: what it deals follows from its node's seed and the participants, its nonces are in memory alone, its share of
//! the claim is kept before it leaves. Of what the others deal it keeps what everybody has seen, so that its shares of their secrets are on no disk.

use std::sync::Arc;

use bitcoin::{
    ScriptBuf,
    hashes::sha256,
    secp256k1::{PublicKey, SecretKey},
};
use narthex_base::{codec::Message, secret::Secret, tagged::tagged_hash_parts};
use narthex_channel::slice::{SliceFigures, SliceTalk};
use narthex_contracts::{
    depth::Depth,
    derive::{OwnSalt, Salted},
    enrolment::Enrolment,
    setup::ContractSignatures,
    slice::{
        Participants, ProviderKeys, SliceDealer, SliceDealing, SliceError, SliceSource, SliceTerms,
        resume,
    },
};

use super::{SIGNING, TERMS, ceremony::participants, circle};
use crate::small::{
    SmallError, SmallHeard, Surroundings,
    apart::Kept,
    ceremony::{Member, held},
};

/// Who a provider is in which slice.
pub(super) struct Place {
    pub(super) figures: SliceFigures,
    /// Id of the ask.
    pub(super) ask: [u8; 32],
    pub(super) client: PublicKey,
    /// Where it is paid.
    pub(super) script: ScriptBuf,
    pub(super) seat: u8,
    pub(super) depth: Depth,
}

/// What it says to the client, or why not.
pub(super) enum Joined {
    Says(SliceTalk),
    Held(Box<ContractSignatures<SliceTerms>>),
    Heard(SmallHeard),
}

impl Joined {
    fn refused(why: impl std::fmt::Display) -> Joined {
        Joined::Heard(SmallHeard::Refused(why.to_string()))
    }
}

/// How many calls are answered since the start of a process.
const MAX_CALLS: u8 = 32;

/// A session of its nonces.
#[derive(Default)]
pub(super) struct Session {
    calls: u8,
    /// Of the call that was answered last.
    dealer: Option<(Participants, SliceDealer)>,
    member: Member<SliceTerms>,
    /// Terms and dealings that its nonces are for, as they were said.
    proposed: Vec<u8>,
}

impl Place {
    /// A source of what it draws for this purpose among these participants: of others in the same ask it is another.
    pub(super) fn source(
        &self,
        participants: &Participants,
        purpose: [u8; 32],
        seed: &Secret,
    ) -> SliceSource {
        let parts: [&[u8]; 2] = [&self.ask, &participants.id()];
        let own = OwnSalt::from_bytes(tagged_hash_parts("narthex/slice-seed-salt", &parts));
        SliceSource::new(Salted::new(seed, own).slice_seed(), purpose)
    }

    fn dealer(
        &self,
        participants: Participants,
        key: SecretKey,
        seed: &Secret,
    ) -> Result<SliceDealer, SliceError> {
        let mut source = self.source(&participants, DEALS, seed);
        SliceDealer::new(participants, self.seat, key, &mut source)
    }

    /// Its keys, of terms that it has signed: its shares are put together anew from what all have dealt.
    pub(super) fn keys(
        &self,
        terms: &SliceTerms,
        kept: &Kept,
        with: &Surroundings<'_>,
    ) -> Result<ProviderKeys, SmallError> {
        let (_, dealings) = proposed(kept).ok_or(SmallError::Order("dealings"))?;
        let dealings = read_dealings(&dealings)?;
        let dealer = self.dealer(terms.participants().clone(), with.key, with.seed)?;
        let (_, shares) = dealer.finish(&dealings)?;
        Ok(ProviderKeys::restore(
            terms,
            with.key,
            &shares.to_secret_bytes(),
        )?)
    }
}

/// What the source of what it deals is for.
const DEALS: [u8; 32] = [0; 32];

/// What the source of a post of this root is for.
pub(super) fn posts(root: &[u8; 32]) -> [u8; 32] {
    tagged_hash_parts("narthex/slice-post-source", &[root])
}

/// The terms that it has signed, as JSON, and what all have dealt for them.
fn proposed(kept: &Kept) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    match SliceTalk::from_bytes(kept.get(TERMS)?) {
        Ok(SliceTalk::Terms { json, dealings }) => Some((json, dealings)),
        _ => None,
    }
}

fn read_dealings(all: &[Vec<u8>]) -> Result<Vec<SliceDealing>, SliceError> {
    let all = all.iter().map(|bytes| SliceDealing::from_bytes(bytes));
    Ok(all.collect::<Result<_, _>>()?)
}

impl Session {
    /// Something of the ceremony that the client says.
    pub(super) fn hear(
        &mut self,
        place: &Place,
        talk: SliceTalk,
        (kept, with): (&mut Kept, &mut Surroundings<'_>),
    ) -> Result<Joined, SmallError> {
        match talk {
            SliceTalk::Call { .. } if self.calls >= MAX_CALLS => {
                Ok(Joined::refused("too many calls that came to nothing"))
            }
            SliceTalk::Call {
                salt,
                client,
                enrolled,
            } => {
                self.calls = self.calls.saturating_add(1);
                Ok(match self.deal(place, (salt, client, &enrolled), with) {
                    Ok(talk) => Joined::Says(talk),
                    Err(error) => Joined::refused(error),
                })
            }
            SliceTalk::Terms { json, dealings } => self.terms(place, (json, dealings), with),
            SliceTalk::Nonces { terms, all } => self.nonces(place, (terms, &all), kept),
            SliceTalk::Shares { terms, all } => shares((terms, &all), kept),
            SliceTalk::Deal { .. }
            | SliceTalk::Held { .. }
            | SliceTalk::Again { .. }
            | SliceTalk::Lacks { .. } => Ok(Joined::refused("that is not the client's to say now")),
        }
    }

    /// All who take part are those that were asked: it deals.
    fn deal(
        &mut self,
        place: &Place,
        (salt, client, enrolled): (sha256::Hash, PublicKey, &[Enrolment]),
        with: &Surroundings<'_>,
    ) -> Result<SliceTalk, SliceError> {
        if with.tip >= place.figures.fund_height {
            let what = "it is too late for this slice to be funded";
            return Err(SliceError::Order { what });
        }
        place.figures.check_enrolled(&place.ask, enrolled)?;
        let of = (&place.client, &place.ask);
        let keys = enrolled.iter().map(|of| of.key);
        let participants = participants(&place.figures, of, (client, salt), keys);
        participants.check()?;
        let dealer = place.dealer(participants.clone(), with.key, with.seed)?;
        let dealing = dealer.dealt().to_bytes();
        self.dealer = Some((participants, dealer));
        Ok(SliceTalk::Deal { salt, dealing })
    }

    /// Terms of what was asked for, with its own script and what all have dealt, are bound to its part of its secret; then it draws nonces.
    fn terms(
        &mut self,
        place: &Place,
        (json, dealings): (Vec<u8>, Vec<Vec<u8>>),
        with: &mut Surroundings<'_>,
    ) -> Result<Joined, SmallError> {
        let terms = match SliceTerms::from_json(&json) {
            Ok(terms) => Arc::new(terms),
            Err(error) => return Ok(Joined::refused(error)),
        };
        let id = terms.id();
        let again = Ok(Joined::Says(SliceTalk::Again { terms: id }));
        let Some((participants, dealer)) = self.dealer.take() else {
            // What it dealt has died with its process.
            return again;
        };
        let script = terms.record().provider_scripts.get(usize::from(place.seat));
        if !place.figures.are_of(&participants, &terms) || script != Some(&place.script) {
            return Ok(Joined::refused(
                "terms with other figures than were asked for",
            ));
        }
        let shared = read_dealings(&dealings).and_then(|all| dealer.finish(&all));
        let (points, shares) = match shared {
            Ok(shared) => shared,
            Err(error) => return Ok(Joined::refused(error)),
        };
        let own = (shares, place.depth);
        let party = match terms.provider_party(&with.key, &points, own, &mut *with.bindings) {
            Ok((party, _)) => party,
            // A session of theirs has died with its process, or other terms were signed with this part.
            Err(SliceError::Bind(_)) => return again,
            Err(error) => return Ok(Joined::refused(error)),
        };
        self.proposed = SliceTalk::Terms { json, dealings }.to_bytes();
        let all = self.member.announce(terms, party);
        let all = all.map_err(SliceError::from)?;
        Ok(Joined::Says(SliceTalk::Nonces { terms: id, all }))
    }

    /// Everybody's nonces: it signs. Its share is kept before it leaves, so that from here on a crash costs nothing.
    fn nonces(
        &mut self,
        place: &Place,
        (id, all): ([u8; 32], &[Vec<u8>]),
        kept: &mut Kept,
    ) -> Result<Joined, SmallError> {
        let seats = u8::try_from(place.figures.seats.len()).unwrap_or(u8::MAX);
        let of = (circle(seats), place.seat);
        let signed = match self.member.sign::<SliceError>(&id, of, all) {
            Ok(Some(signed)) => signed,
            Ok(None) => return Ok(Joined::Says(SliceTalk::Again { terms: id })),
            Err(error) => return Ok(Joined::refused(error)),
        };
        kept.keep(TERMS, &self.proposed)?;
        kept.keep(SIGNING, &signed.signing)?;
        let all = signed.shares;
        Ok(Joined::Says(SliceTalk::Shares { terms: id, all }))
    }
}

/// The client's share: it holds its claim, encrypted.
fn shares((id, all): ([u8; 32], &[Vec<u8>]), kept: &mut Kept) -> Result<Joined, SmallError> {
    let again = Joined::Says(SliceTalk::Again { terms: id });
    let (Some((json, _)), Some(signing)) = (proposed(kept), kept.get(SIGNING)) else {
        return Ok(again);
    };
    let terms = Arc::new(SliceTerms::from_json(&json)?);
    if terms.id() != id {
        return Ok(again);
    }
    let signing = resume(&terms, signing)?;
    match held::<_, SliceError>(signing, all) {
        Ok(held) => Ok(Joined::Held(Box::new(held))),
        Err(error) => Ok(Joined::refused(error)),
    }
}
