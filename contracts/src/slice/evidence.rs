//! Proof that a provider cheated, for anybody who has the terms.

use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};

use super::{Bundle, Post, SliceError, SliceTerms, bundle::Found, post::MAX_RESULT_BYTES};

/// Most bytes of a message inside the evidence.
const MAX_MESSAGE: usize = MAX_RESULT_BYTES + 1024;

/// Signed messages of a provider that an honest one never signs, with the secret that shows it.
#[derive(Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It was paid, and what its secret opens is not what it committed to.
    FalseSeal {
        /// What it posted.
        post: Post,
        /// s + u, which its claim revealed.
        secret: SecretKey,
    },
    /// It released something that is no share to a provider of the same root.
    FalseShare {
        /// What the provider that was lied to had posted.
        post: Post,
        /// What was released.
        bundle: Bundle,
        /// x: opens the post's commitment to `root`.
        opening: SecretKey,
        /// The root of both.
        root: [u8; 32],
    },
    /// It posted twice.
    TwoPosts {
        /// A post.
        first: Post,
        /// Another.
        second: Post,
    },
}

/// Shows who is accused, and no secret.
impl std::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Evidence::FalseSeal { post, .. } => write!(f, "FalseSeal({})", post.from),
            Evidence::FalseShare { bundle, .. } => write!(f, "FalseShare({})", bundle.from),
            Evidence::TwoPosts { first, .. } => write!(f, "TwoPosts({})", first.from),
        }
    }
}

impl Evidence {
    /// What it is evidence of, in a few words.
    pub fn charge(&self) -> &'static str {
        match self {
            Evidence::FalseSeal { .. } => "a seal with nothing true under it",
            Evidence::FalseShare { .. } => "a false share",
            Evidence::TwoPosts { .. } => "two posts",
        }
    }
    /// Who is convicted by it, counted from 0. Evidence that proves nothing is its bearer's fault.
    ///
    /// Evidence of a false share shows the root and lets everybody read what else was released to the same provider:
    /// it is for the time after the slice has ended.
    pub fn verify(&self, terms: &SliceTerms) -> Result<u8, SliceError> {
        match self {
            Evidence::FalseSeal { post, secret } => {
                post.verify(terms)?;
                let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), secret);
                if point != terms.claim_point(post.from)? {
                    return Err(SliceError::NoEvidence("another secret than the provider's"));
                }
                match post.open(terms, secret) {
                    None => Ok(post.from),
                    Some(_) => Err(SliceError::NoEvidence("the seal is true")),
                }
            }
            Evidence::FalseShare {
                post,
                bundle,
                opening,
                root,
            } => {
                post.verify(terms)?;
                bundle.verify(terms)?;
                if terms.commitment(root, opening)? != post.commitment {
                    return Err(SliceError::NoEvidence("not the opening of the post"));
                }
                match bundle.read(terms, (post.from, &post.commitment), opening)? {
                    Found::False => Ok(bundle.from),
                    Found::Share(_) => Err(SliceError::NoEvidence("the share is true")),
                    Found::Closed => Err(SliceError::NoEvidence("made for another root")),
                }
            }
            Evidence::TwoPosts { first, second } => {
                first.verify(terms)?;
                second.verify(terms)?;
                match first.from == second.from && !first.same_as(second) {
                    true => Ok(first.from),
                    false => Err(SliceError::NoEvidence("not two posts of one provider")),
                }
            }
        }
    }
}

impl Message for Evidence {
    const KIND: Kind = kinds::SLICE_EVIDENCE;

    fn write(&self, w: &mut Writer) {
        match self {
            Evidence::FalseSeal { post, secret } => w.u8(0).message(post).scalar(secret),
            Evidence::FalseShare {
                post,
                bundle,
                opening,
                root,
            } => w
                .u8(1)
                .message(post)
                .message(bundle)
                .scalar(opening)
                .fixed(root),
            Evidence::TwoPosts { first, second } => w.u8(2).message(first).message(second),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Evidence, DecodeError> {
        Ok(match r.u8("kind of evidence")? {
            0 => Evidence::FalseSeal {
                post: inner(r, "post")?,
                secret: r.scalar("secret")?,
            },
            1 => Evidence::FalseShare {
                post: inner(r, "post")?,
                bundle: inner(r, "bundle")?,
                opening: r.scalar("opening")?,
                root: r.array("root")?,
            },
            2 => Evidence::TwoPosts {
                first: inner(r, "first post")?,
                second: inner(r, "second post")?,
            },
            other => return Err(DecodeError::invalid("kind of evidence", other)),
        })
    }
}

fn inner<T: Message>(r: &mut Reader<'_>, field: &'static str) -> Result<T, DecodeError> {
    T::from_bytes(r.bytes_up_to(field, MAX_MESSAGE)?)
}
