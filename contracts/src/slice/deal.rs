//! The sharing before the terms: each provider deals shares of all others' secrets, so that nobody ever has one.

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{CryptoRng, RngCore},
    schnorr,
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;
use zeroize::Zeroizing;

use super::{
    Participants, Points, Shares, SliceError,
    participants::{dealer, member, provider},
    post::{signature, signed_by},
};
use crate::{
    builder::check_key,
    seal::{Sealed, TAG_BYTES},
    shared_secret::{Collector, Dealer, Dealing, Share, SharingError},
};

/// Length of a share as bytes.
const SHARE_BYTES: usize = 39;

/// What one provider deals, for everybody to see. The shares in it are encrypted, each bundle to its addressee's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceDealing {
    /// [`Participants::id`].
    pub participants: [u8; 32],
    /// Who deals.
    pub from: u8,
    /// U: the point of the own part of the own secret.
    pub own_point: PublicKey,
    /// BIP340 signature by the own part: proof that it is known, and U no difference of other points.
    pub own_proof: schnorr::Signature,
    /// Its dealing for each other's secret, in order of the providers.
    pub dealings: Vec<Dealing>,
    /// For each other provider: its shares of all secrets but its own and the dealer's.
    pub shares: Vec<Sealed>,
    signature: schnorr::Signature,
}

/// A provider that has dealt and waits for the others.
pub struct SliceDealer {
    participants: Participants,
    own: u8,
    key: SecretKey,
    dealt: SliceDealing,
    /// u, the own part of the own secret.
    part: SecretKey,
    /// Own shares of what it dealt itself: by whose secret.
    kept: Vec<(u8, Share)>,
}

impl SliceDealer {
    /// Draws a polynomial for each other provider's secret. `key` is the own contract key.
    pub fn new<R: RngCore + CryptoRng>(
        participants: Participants,
        own: u8,
        key: SecretKey,
        rng: &mut R,
    ) -> Result<SliceDealer, SliceError> {
        participants.check()?;
        check_key(&key, participants.provider_key(own)?, provider(own))?;
        let mut dealers = Vec::new();
        for of in participants.others(own) {
            let at = member(of, own).ok_or(SliceError::Degenerate)?;
            let dealer = Dealer::new(participants.sharing(of)?, at, rng);
            dealers.push((of, dealer.map_err(in_sharing(of))?));
        }
        let secp = Secp256k1::signing_only();
        let dealing = |(of, dealer): &(u8, Dealer)| dealer.dealing(&secp).map_err(in_sharing(*of));
        let dealings = dealers.iter().map(dealing).collect::<Result<_, _>>()?;
        let mut shares = Vec::new();
        for to in participants.others(own) {
            let mut plain = Zeroizing::new(Vec::new());
            for (of, dealer) in dealers.iter().filter(|(of, _)| *of != to) {
                plain.extend(share(dealer, *of, to)?.to_secret_bytes().iter());
            }
            let bound = bound(&participants, own, to);
            shares.push(Sealed::new(
                &participants.provider_key(to)?,
                &bound,
                &plain,
                rng,
            )?);
        }
        let kept = dealers.iter();
        let kept = kept.map(|(of, dealer)| Ok((*of, share(dealer, *of, own)?)));
        let kept = kept.collect::<Result<_, SliceError>>()?;
        let part = SecretKey::new(rng);
        let own_point = PublicKey::from_secret_key(&secp, &part);
        let mut dealt = SliceDealing {
            participants: participants.id(),
            from: own,
            own_point,
            own_proof: signature(&part, &proof(&participants.id(), own, &own_point), rng),
            dealings,
            shares,
            // Replaced below: what is signed is the rest.
            signature: signature(&key, &[0; 32], rng),
        };
        dealt.signature = signature(&key, &dealt.digest(), rng);
        Ok(SliceDealer {
            participants,
            own,
            key,
            dealt,
            part,
            kept,
        })
    }

    /// The own message, the same whenever it is asked for.
    pub fn dealt(&self) -> &SliceDealing {
        &self.dealt
    }

    /// Everybody has dealt. Names whoever dealt badly; nothing is locked yet.
    pub fn finish(mut self, all: &[SliceDealing]) -> Result<(Points, Shares), SliceError> {
        let points = Points::gather(&self.participants, all)?;
        let (own, participants) = (self.own, &self.participants);
        if all.iter().find(|dealt| dealt.from == own) != Some(&self.dealt) {
            return Err(SliceError::Missing { from: own });
        }
        let secp = Secp256k1::new();
        let mut values = Vec::new();
        for of in participants.others(own) {
            let at = member(of, own).ok_or(SliceError::Degenerate)?;
            let collector = Collector::new(participants.sharing(of)?, at);
            let mut collector = collector.map_err(in_sharing(of))?;
            for dealt in all.iter().filter(|dealt| dealt.from != of) {
                let dealer = dealt.from;
                let share = match dealer == own {
                    true => self.kept_share(of)?,
                    false => self.share_from(dealt, of)?,
                };
                let dealing = dealt.dealing(of)?.clone();
                collector
                    .accept_dealing(&secp, dealing)
                    .map_err(in_sharing(of))?;
                collector
                    .accept_share(&secp, share)
                    .map_err(|_| SliceError::FalseDeal { dealer, of })?;
            }
            let (point, share) = collector.finish().map_err(in_sharing(of))?;
            if points.of(of) != Some(&point) {
                return Err(SliceError::OtherPoints);
            }
            values.push(share.reveal().value);
        }
        let part = self.part;
        self.part.non_secure_erase();
        Ok((points, Shares { own, part, values }))
    }

    fn kept_share(&self, of: u8) -> Result<Share, SliceError> {
        let kept = self.kept.iter().find(|(kept, _)| *kept == of);
        let (_, share) = kept.ok_or(SliceError::Missing { from: self.own })?;
        Ok(Share::from_bytes(&share.to_secret_bytes())?)
    }

    fn share_from(&self, dealt: &SliceDealing, of: u8) -> Result<Share, SliceError> {
        let (dealer, own) = (dealt.from, self.own);
        let fail = SliceError::FalseDeal { dealer, of };
        let to = member(dealer, own).ok_or(SliceError::Degenerate)?;
        let sealed = dealt.shares.get(usize::from(to)).ok_or(fail.clone())?;
        let bound = bound(&self.participants, dealer, own);
        let plain = sealed.open(&self.key, &bound).ok_or(fail.clone())?;
        let mut others = self
            .participants
            .others(dealer)
            .filter(|other| *other != own);
        let at = others.position(|other| other == of).ok_or(fail.clone())?;
        let bytes = plain.chunks_exact(SHARE_BYTES).nth(at);
        Share::from_bytes(bytes.ok_or(fail.clone())?).map_err(|_| fail)
    }
}

impl std::fmt::Debug for SliceDealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SliceDealer({})", self.own)
    }
}

fn share(dealer: &Dealer, of: u8, to: u8) -> Result<Share, SliceError> {
    let to = member(of, to).ok_or(SliceError::Degenerate)?;
    dealer.share(to).map_err(in_sharing(of))
}

pub(super) fn in_sharing(of: u8) -> impl Fn(SharingError) -> SliceError {
    move |error| SliceError::Sharing { of, error }
}

fn proof(participants: &[u8; 32], from: u8, point: &PublicKey) -> [u8; 32] {
    let parts: [&[u8]; 3] = [participants, &[from], &point.serialize()];
    tagged_hash_parts("narthex/slice-own-part", &parts)
}

fn bound(participants: &Participants, from: u8, to: u8) -> [u8; 32] {
    tagged_hash_parts("narthex/slice-deal-to", &[&participants.id(), &[from, to]])
}

impl SliceDealing {
    pub(super) fn dealing(&self, of: u8) -> Result<&Dealing, SliceError> {
        let at = member(self.from, of).map(usize::from);
        let dealing = at.and_then(|at| self.dealings.get(at));
        dealing.ok_or(SliceError::Missing { from: self.from })
    }

    /// Checks signature, numbers and every dealing.
    pub fn verify(&self, participants: &Participants) -> Result<(), SliceError> {
        if self.participants != participants.id() {
            return Err(SliceError::Foreign);
        }
        let from = self.from;
        signed_by(
            &participants.provider_key(from)?,
            &self.digest(),
            &self.signature,
            from,
        )?;
        let proof = proof(&self.participants, from, &self.own_point);
        signed_by(&self.own_point, &proof, &self.own_proof, from)
            .map_err(|_| SliceError::Unproven { from })?;
        let others = usize::from(participants.size()).saturating_sub(1);
        if self.dealings.len() != others || self.shares.len() != others {
            return Err(SliceError::Missing { from });
        }
        let secp = narthex_base::context::verifying();
        for of in participants.others(from) {
            let dealing = self.dealing(of)?;
            let check = dealing.verify(secp, &participants.sharing(of)?);
            check.map_err(in_sharing(of))?;
            if dealer(of, dealing.dealer) != from {
                return Err(SliceError::Stranger {
                    index: dealing.dealer,
                    providers: participants.size(),
                });
            }
        }
        Ok(())
    }

    fn digest(&self) -> [u8; 32] {
        let mut w = Writer::new(SliceDealing::KIND);
        self.write_body(&mut w);
        tagged_hash_parts("narthex/slice-dealt", &[&w.finish()])
    }

    /// All but the signature.
    fn write_body(&self, w: &mut Writer) {
        w.fixed(&self.participants)
            .u8(self.from)
            .point(&self.own_point)
            .signature(&self.own_proof)
            .list(&self.dealings, |w, dealing| {
                w.message(dealing);
            })
            .list(&self.shares, |w, sealed| sealed.write(w));
    }
}

impl Message for SliceDealing {
    const KIND: Kind = kinds::SLICE_DEAL;

    fn write(&self, w: &mut Writer) {
        self.write_body(w);
        w.signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<SliceDealing, DecodeError> {
        let max = SHARE_BYTES * super::MAX_PROVIDERS;
        let share = |r: &mut Reader<'_>| Sealed::read(r, "shares", max);
        Ok(SliceDealing {
            participants: r.array("participants")?,
            from: r.u8("dealer")?,
            own_point: r.point("own point")?,
            own_proof: r.signature("signature")?,
            dealings: r.list("dealings", 4 + 70, |r| r.message("dealing"))?,
            shares: r.list("shares", 33 + 4 + TAG_BYTES, share)?,
            signature: r.signature("signature")?,
        })
    }
}
