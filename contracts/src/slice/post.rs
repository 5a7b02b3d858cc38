//! What a provider commits to, and how it signs what it says.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{
        Keypair, Message, PublicKey, Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
        schnorr,
    },
};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;
use zeroize::Zeroizing;

use super::{SliceError, SliceTerms};
use crate::seal::{Sealed, read_point};

const KIND: Kind = kinds::SLICE_POST;

/// Longest result that a post carries. A longer one travels apart, and its hash here.
pub const MAX_RESULT_BYTES: usize = 16 * 1024;

/// The opening and the commitment that stand before the result.
const HEAD_BYTES: usize = 64;

/// What a provider has computed.
#[derive(Clone, PartialEq, Eq)]
pub struct Work {
    /// Commitment to the whole computation, without salt: the same for everybody who did it right.
    pub commitment: [u8; 32],
    /// The result.
    pub result: Vec<u8>,
}

impl std::fmt::Debug for Work {
    /// Without the result, which somebody pays for.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Work({} bytes)", self.result.len())
    }
}

impl Work {
    /// The root that providers are compared by: job, computation and result.
    pub fn root(&self, terms: &SliceTerms) -> [u8; 32] {
        let job = terms.circle().job.as_byte_array();
        let result = sha256::Hash::hash(&self.result);
        let parts: [&[u8]; 3] = [job, &self.commitment, result.as_byte_array()];
        tagged_hash_parts("narthex/slice-root", &parts)
    }
}

/// A provider's commitment to its root, with the result sealed under the secret that pays it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Which slice.
    pub terms: [u8; 32],
    /// Which provider.
    pub from: u8,
    /// C = x·G + h(r)·H.
    pub commitment: PublicKey,
    /// x and the work, encrypted to S + U: neither its provider alone nor all the others open it.
    pub sealed: Sealed,
    signature: schnorr::Signature,
}

impl Post {
    /// Commits to `work` with the opening `x`.
    pub(super) fn new<R: RngCore + CryptoRng>(
        terms: &SliceTerms,
        (from, key): (u8, &SecretKey),
        (work, x): (&Work, &SecretKey),
        rng: &mut R,
    ) -> Result<Post, SliceError> {
        let bytes = work.result.len();
        if bytes > MAX_RESULT_BYTES {
            let max = MAX_RESULT_BYTES;
            return Err(SliceError::TooLarge { bytes, max });
        }
        let commitment = terms.commitment(&work.root(terms), x)?;
        let mut plain = Zeroizing::new(Vec::with_capacity(HEAD_BYTES + bytes));
        plain.extend(x.secret_bytes());
        plain.extend(work.commitment);
        plain.extend(&work.result);
        let bound = bound(&terms.id(), from, &commitment);
        let sealed = Sealed::new(&terms.claim_point(from)?, &bound, &plain, rng)?;
        Post::sign(terms, (from, key), (commitment, sealed), rng)
    }

    /// Signs any commitment and seal, true or not; [`super::Provider::commit`] makes true ones.
    pub fn sign<R: RngCore + CryptoRng>(
        terms: &SliceTerms,
        (from, key): (u8, &SecretKey),
        (commitment, sealed): (PublicKey, Sealed),
        rng: &mut R,
    ) -> Result<Post, SliceError> {
        let body = body(&terms.id(), from, &commitment, &sealed);
        Ok(Post {
            signature: signature(key, &digest(&body), rng),
            terms: terms.id(),
            from,
            commitment,
            sealed,
        })
    }

    /// Whether both say the same; signatures may differ.
    pub(super) fn same_as(&self, other: &Post) -> bool {
        let body = |post: &Post| body(&post.terms, post.from, &post.commitment, &post.sealed);
        body(self) == body(other)
    }

    /// Checks that it is of this slice and signed by whom it names.
    pub fn verify(&self, terms: &SliceTerms) -> Result<(), SliceError> {
        if self.terms != terms.id() {
            return Err(SliceError::Foreign);
        }
        let key = terms.circle().provider_key(self.from)?;
        let body = body(&self.terms, self.from, &self.commitment, &self.sealed);
        signed_by(&key, &digest(&body), &self.signature, self.from)
    }

    /// Opens it with the secret that pays its provider: the work and its root, if they are what it committed to.
    pub(super) fn open(&self, terms: &SliceTerms, secret: &SecretKey) -> Option<(Work, [u8; 32])> {
        let bound = bound(&self.terms, self.from, &self.commitment);
        let plain = self.sealed.open(secret, &bound)?;
        let (head, result) = plain.split_first_chunk::<HEAD_BYTES>()?;
        let (x, commitment) = head.split_first_chunk::<32>()?;
        let work = Work {
            commitment: commitment.try_into().ok()?,
            result: result.to_vec(),
        };
        let root = work.root(terms);
        let x = SecretKey::from_slice(x).ok()?;
        let committed = terms.commitment(&root, &x).ok()?;
        (committed == self.commitment).then_some((work, root))
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = body(&self.terms, self.from, &self.commitment, &self.sealed);
        bytes.extend(self.signature.serialize());
        bytes
    }

    /// From bytes; [`Post::verify`] checks what they say.
    pub fn from_bytes(bytes: &[u8]) -> Result<Post, DecodeError> {
        let mut r = Reader::new(KIND, bytes)?;
        let post = Post {
            terms: r.array("terms")?,
            from: r.u8("provider")?,
            commitment: read_point(&mut r, "commitment")?,
            sealed: Sealed::read(&mut r, "sealed result", HEAD_BYTES + MAX_RESULT_BYTES)?,
            signature: read_signature(&mut r)?,
        };
        r.finish()?;
        Ok(post)
    }
}

fn body(terms: &[u8; 32], from: u8, commitment: &PublicKey, sealed: &Sealed) -> Vec<u8> {
    let mut w = Writer::new(KIND);
    w.fixed(terms).u8(from).fixed(&commitment.serialize());
    sealed.write(&mut w);
    w.finish()
}

fn digest(body: &[u8]) -> [u8; 32] {
    tagged_hash_parts("narthex/slice-post", &[body])
}

fn bound(terms: &[u8; 32], from: u8, commitment: &PublicKey) -> [u8; 32] {
    let parts: [&[u8]; 3] = [terms, &[from], &commitment.serialize()];
    tagged_hash_parts("narthex/slice-result", &parts)
}

/// A BIP340 signature by a contract key. What is signed is a tagged hash with the slice or circle in it.
pub(super) fn signature<R: RngCore + CryptoRng>(
    key: &SecretKey,
    digest: &[u8; 32],
    rng: &mut R,
) -> schnorr::Signature {
    let secp = Secp256k1::signing_only();
    let mut pair = Keypair::from_secret_key(&secp, key);
    let mut aux = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *aux);
    let signature = secp.sign_schnorr_with_aux_rand(&Message::from_digest(*digest), &pair, &aux);
    pair.non_secure_erase();
    signature
}

pub(super) fn signed_by(
    key: &PublicKey,
    digest: &[u8; 32],
    signature: &schnorr::Signature,
    from: u8,
) -> Result<(), SliceError> {
    Secp256k1::verification_only()
        .verify_schnorr(
            signature,
            &Message::from_digest(*digest),
            &key.x_only_public_key().0,
        )
        .map_err(|_| SliceError::NotSigned { from })
}

pub(super) fn read_signature(r: &mut Reader<'_>) -> Result<schnorr::Signature, DecodeError> {
    schnorr::Signature::from_slice(r.slice("signature", 64)?)
        .map_err(|e| DecodeError::invalid("signature", e))
}
