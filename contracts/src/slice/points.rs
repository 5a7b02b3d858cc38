//! What the sharing gives: points for everybody, shares for each provider.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;

use super::{
    Participants, SliceDealing, SliceError, SliceTerms, deal::in_sharing, participants::member,
};
use crate::{
    binding::Mark,
    depth::Depth,
    shared_secret::{RevealedShare, SharedPoint},
};

/// What everybody knows of the secrets of a participants: for each provider one shared point S and one of its own, U.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Points {
    participants: [u8; 32],
    points: Vec<SharedPoint>,
    own_points: Vec<PublicKey>,
}

/// One provider's shares of the others' secrets, and its own part of its own. Erased when dropped.
pub struct Shares {
    pub(super) own: u8,
    /// u.
    pub(super) part: SecretKey,
    /// In order of the others.
    pub(super) values: Vec<SecretKey>,
}

/// Shares that are bound to the terms of one slice: [`SliceTerms::provider_party`] makes them, and nothing else does.
#[derive(Debug)]
pub struct BoundShares {
    pub(super) shares: Shares,
    /// How deep the funding must be for this provider.
    pub(super) depth: Depth,
}

impl BoundShares {
    /// How deep the funding must be for this provider.
    pub fn depth(&self) -> Depth {
        self.depth
    }
}

impl Points {
    /// Adds everybody's dealings up, after checking them all: for the client, and for each provider its own point.
    pub fn gather(participants: &Participants, all: &[SliceDealing]) -> Result<Points, SliceError> {
        participants.check()?;
        for dealt in all {
            dealt.verify(participants)?;
        }
        for from in participants.indices() {
            match all.iter().filter(|dealt| dealt.from == from).count() {
                1 => {}
                _ => return Err(SliceError::Missing { from }),
            }
        }
        let secp = narthex_base::context::verifying();
        let point = |of: u8| {
            let others = all.iter().filter(|dealt| dealt.from != of);
            let dealings = others.map(|dealt| dealt.dealing(of).cloned());
            let dealings = dealings.collect::<Result<Vec<_>, _>>()?;
            SharedPoint::of(secp, participants.sharing(of)?, &dealings).map_err(in_sharing(of))
        };
        let own_point = |of: u8| all.iter().find(|dealt| dealt.from == of);
        let own_points = participants.indices().filter_map(own_point);
        Ok(Points {
            participants: participants.id(),
            own_points: own_points.map(|dealt| dealt.own_point).collect(),
            points: participants
                .indices()
                .map(point)
                .collect::<Result<_, _>>()?,
        })
    }

    /// As the terms carry them: for each provider the points of its polynomial.
    pub fn commitments(&self) -> Vec<Vec<PublicKey>> {
        let points = self.points.iter();
        points.map(|point| point.commitments().to_vec()).collect()
    }

    /// U of each provider.
    pub fn own_points(&self) -> &[PublicKey] {
        &self.own_points
    }

    /// Hash of all, to compare with others before anything is signed.
    pub fn fingerprint(&self) -> sha256::Hash {
        let mut w = Writer::default();
        w.fixed(&self.participants);
        let shared = self.points.iter().flat_map(SharedPoint::commitments);
        for point in shared.chain(&self.own_points) {
            w.point(point);
        }
        sha256::Hash::from_byte_array(tagged_hash_parts("narthex/slice-points", &[&w.finish()]))
    }

    /// What is shared for a provider.
    pub(super) fn of(&self, of: u8) -> Option<&SharedPoint> {
        self.points.get(usize::from(of))
    }

    pub(super) fn participants(&self) -> [u8; 32] {
        self.participants
    }
}

impl Shares {
    /// Whose they are.
    pub fn own(&self) -> u8 {
        self.own
    }

    /// What is bound to the terms that they serve.
    pub(super) fn mark(&self) -> Mark {
        let part = PublicKey::from_secret_key(&Secp256k1::signing_only(), &self.part);
        Mark::of("slice part", &part.serialize())
    }

    /// Checks that they are those of the sharing that the terms are about.
    pub(super) fn check(&self, terms: &SliceTerms) -> Result<(), SliceError> {
        let secp = Secp256k1::new();
        let part = PublicKey::from_secret_key(&secp, &self.part);
        let own_points = &terms.record().own_points;
        if own_points.get(usize::from(self.own)) != Some(&part) {
            return Err(SliceError::OtherPoints);
        }
        for of in terms.participants().others(self.own) {
            let share = self.of(of).ok_or(SliceError::OtherPoints)?;
            let check = terms.point(of)?.verify(&secp, &share);
            check.map_err(|_| SliceError::OtherPoints)?;
        }
        Ok(())
    }

    /// The share of a provider's secret; `None` of the own one.
    pub(super) fn of(&self, of: u8) -> Option<RevealedShare> {
        let at = usize::from(member(self.own, of)?);
        Some(RevealedShare {
            member: member(of, self.own)?,
            value: *self.values.get(at)?,
        })
    }
}

impl Message for Shares {
    const KIND: Kind = kinds::SLICE_SHARES;

    fn write(&self, w: &mut Writer) {
        w.u8(self.own).scalar(&self.part);
        w.list(&self.values, |w, value| {
            w.scalar(value);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Shares, DecodeError> {
        Ok(Shares {
            own: r.u8("provider")?,
            part: r.scalar("own part")?,
            values: r.list_up_to("shares", 32, super::MAX_PROVIDERS, |r| r.scalar("share"))?,
        })
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        self.part.non_secure_erase();
        self.values.iter_mut().for_each(SecretKey::non_secure_erase);
    }
}

impl std::fmt::Debug for Shares {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shares(of {})", self.own)
    }
}
