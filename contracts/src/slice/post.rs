//! What a provider commits to, and how it signs what it says.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{
        Keypair, PublicKey, Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
        schnorr,
    },
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;
use zeroize::Zeroizing;

use super::{SliceError, SliceTerms};
use crate::seal::Sealed;

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
        let job = terms.participants().job.as_byte_array();
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
        let terms = terms.id();
        let digest = digest(&terms, from, &commitment, &sealed);
        Ok(Post {
            signature: signature(key, &digest, rng),
            terms,
            from,
            commitment,
            sealed,
        })
    }

    /// Whether both say the same; signatures may differ.
    pub(super) fn same_as(&self, other: &Post) -> bool {
        let body = |post: &Post| (post.terms, post.from, post.commitment);
        body(self) == body(other) && self.sealed == other.sealed
    }

    /// Checks that it is of this slice and signed by whom it names.
    pub fn verify(&self, terms: &SliceTerms) -> Result<(), SliceError> {
        if self.terms != terms.id() {
            return Err(SliceError::Foreign);
        }
        let key = terms.participants().provider_key(self.from)?;
        let digest = digest(&self.terms, self.from, &self.commitment, &self.sealed);
        signed_by(&key, &digest, &self.signature, self.from)
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
}

impl Message for Post {
    const KIND: Kind = kinds::SLICE_POST;

    fn write(&self, w: &mut Writer) {
        write_body(w, &self.terms, self.from, &self.commitment, &self.sealed);
        w.signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Post, DecodeError> {
        Ok(Post {
            terms: r.array("terms")?,
            from: r.u8("provider")?,
            commitment: r.point("commitment")?,
            sealed: Sealed::read(r, "sealed result", HEAD_BYTES + MAX_RESULT_BYTES)?,
            signature: r.signature("signature")?,
        })
    }
}

fn write_body(w: &mut Writer, terms: &[u8; 32], from: u8, commitment: &PublicKey, sealed: &Sealed) {
    w.fixed(terms).u8(from).point(commitment);
    sealed.write(w);
}

/// What a provider signs: the message without the signature.
fn digest(terms: &[u8; 32], from: u8, commitment: &PublicKey, sealed: &Sealed) -> [u8; 32] {
    let mut w = Writer::new(Post::KIND);
    write_body(&mut w, terms, from, commitment, sealed);
    tagged_hash_parts("narthex/slice-post", &[&w.finish()])
}

fn bound(terms: &[u8; 32], from: u8, commitment: &PublicKey) -> [u8; 32] {
    let parts: [&[u8]; 3] = [terms, &[from], &commitment.serialize()];
    tagged_hash_parts("narthex/slice-result", &parts)
}

/// A BIP340 signature by a contract key. What is signed is a tagged hash with the slice or participants in it.
pub(super) fn signature<R: RngCore + CryptoRng>(
    key: &SecretKey,
    digest: &[u8; 32],
    rng: &mut R,
) -> schnorr::Signature {
    let secp = Secp256k1::signing_only();
    let mut pair = Keypair::from_secret_key(&secp, key);
    let mut aux = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *aux);
    let signature = statement::sign_with(digest, &pair, &aux);
    pair.non_secure_erase();
    signature
}

pub(super) fn signed_by(
    key: &PublicKey,
    digest: &[u8; 32],
    signature: &schnorr::Signature,
    from: u8,
) -> Result<(), SliceError> {
    statement::verify(digest, signature, &key.x_only_public_key().0)
        .map_err(|_| SliceError::NotSigned { from })
}
