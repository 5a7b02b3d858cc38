//! Shares that a provider releases: each readable only to a provider that committed to the same root.

use bitcoin::secp256k1::{
    PublicKey, SecretKey,
    rand::{CryptoRng, RngCore},
    schnorr,
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;

use zeroize::Zeroizing;

use super::{
    Post, SliceError, SliceTerms,
    participants::member,
    pedersen,
    post::{signature, signed_by},
};
use crate::{
    seal::{Sealed, TAG_BYTES},
    shared_secret::RevealedShare,
};

/// Length of a share.
const SHARE_BYTES: usize = 32;

/// One provider's shares of the others' secrets, each encrypted to its owner's commitment less the own root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Which slice.
    pub terms: [u8; 32],
    /// Who releases.
    pub from: u8,
    /// To whom, and the share.
    pub shares: Vec<(u8, Sealed)>,
    signature: schnorr::Signature,
}

/// What a ciphertext turned out to be.
pub(super) enum Found {
    /// A share that fits what was dealt.
    Share(RevealedShare),
    /// Not readable: made for another root, or rubbish.
    Closed,
    /// Readable, so made for this root, and no share: its sender lied.
    False,
}

impl Bundle {
    /// Encrypts to each post's provider, if it committed to `root`, the scalar beside it, and signs it all: true shares or
    /// not. [`super::Provider::release`] makes true ones for everybody.
    pub fn sign<'a, R: RngCore + CryptoRng>(
        terms: &SliceTerms,
        (from, key): (u8, &SecretKey),
        root: &[u8; 32],
        shares: impl IntoIterator<Item = (&'a Post, SecretKey)>,
        rng: &mut R,
    ) -> Result<Bundle, SliceError> {
        let mut released = Vec::new();
        for (post, share) in shares {
            let to = post.from;
            // A commitment that cancels has no opening that its provider could know.
            let Ok(lock) = pedersen::lock(terms, &post.commitment, root) else {
                continue;
            };
            let bound = bound(terms, from, (to, &post.commitment));
            let plain = Zeroizing::new(share.secret_bytes());
            released.push((to, Sealed::new(&lock, &bound, &*plain, rng)?));
        }
        let digest = digest(&terms.id(), from, &released);
        Ok(Bundle {
            signature: signature(key, &digest, rng),
            terms: terms.id(),
            from,
            shares: released,
        })
    }

    /// Checks that it is of this slice and signed by whom it names.
    pub fn verify(&self, terms: &SliceTerms) -> Result<(), SliceError> {
        if self.terms != terms.id() {
            return Err(SliceError::Foreign);
        }
        let key = terms.participants().provider_key(self.from)?;
        let digest = digest(&self.terms, self.from, &self.shares);
        signed_by(&key, &digest, &self.signature, self.from)
    }

    /// Whether there is anything for this provider in it.
    pub fn is_for(&self, to: u8) -> bool {
        self.shares.iter().any(|(known, _)| *known == to)
    }

    /// Reads what it has for the provider that posted `commitment` and opens it with `x`.
    pub(super) fn read(
        &self,
        terms: &SliceTerms,
        (to, commitment): (u8, &PublicKey),
        x: &SecretKey,
    ) -> Result<Found, SliceError> {
        let bound = bound(terms, self.from, (to, commitment));
        let mut own = self.shares.iter().filter(|(known, _)| *known == to);
        let Some(plain) = own.find_map(|(_, sealed)| sealed.open(x, &bound)) else {
            return Ok(Found::Closed);
        };
        let Ok(value) = SecretKey::from_slice(&plain) else {
            return Ok(Found::False);
        };
        let member = member(to, self.from).ok_or(SliceError::Foreign)?;
        let share = RevealedShare { member, value };
        let secp = bitcoin::secp256k1::Secp256k1::new();
        Ok(match terms.point(to)?.verify(&secp, &share) {
            Ok(()) => Found::Share(share),
            Err(_) => Found::False,
        })
    }
}

impl Message for Bundle {
    const KIND: Kind = kinds::SLICE_BUNDLE;

    fn write(&self, w: &mut Writer) {
        write_body(w, &self.terms, self.from, &self.shares);
        w.signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Bundle, DecodeError> {
        let least = 1 + 33 + 4 + TAG_BYTES;
        Ok(Bundle {
            terms: r.array("terms")?,
            from: r.u8("provider")?,
            shares: r.list_up_to("shares", least, super::MAX_PROVIDERS, |r| {
                let to = r.u8("addressee")?;
                Ok((to, Sealed::read(r, "share", SHARE_BYTES)?))
            })?,
            signature: r.signature("signature")?,
        })
    }
}

fn write_body(w: &mut Writer, terms: &[u8; 32], from: u8, shares: &[(u8, Sealed)]) {
    w.fixed(terms).u8(from).list(shares, |w, (to, sealed)| {
        w.u8(*to);
        sealed.write(w);
    });
}

/// What a provider signs: the message without the signature.
fn digest(terms: &[u8; 32], from: u8, shares: &[(u8, Sealed)]) -> [u8; 32] {
    let mut w = Writer::new(Bundle::KIND);
    write_body(&mut w, terms, from, shares);
    tagged_hash_parts("narthex/slice-bundle", &[&w.finish()])
}

fn bound(terms: &SliceTerms, from: u8, (to, commitment): (u8, &PublicKey)) -> [u8; 32] {
    let parts: [&[u8]; 3] = [&terms.id(), &[from, to], &commitment.serialize()];
    tagged_hash_parts("narthex/slice-share", &parts)
}
