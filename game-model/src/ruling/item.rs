//! What worker and verifier (and a client that audits) sign for each other, so that a panel can judge it later.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use secp256k1::{Keypair, PublicKey, XOnlyPublicKey, schnorr};
use serde::{Deserialize, Serialize};

use super::Litigant;
use crate::caps::MAX_OPENINGS;
use crate::commitment::{Commitment, ReceiptKind};
use crate::tagged::TaggedHasher;
use crate::token::{ReplySecret, SealedToken, Token, TokenBox};

/// One step of the talk between worker and verifier. Each names the one before it by its id, so that no answer can be
/// shown beside another question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Item {
    /// Worker: what it is bound to.
    Commitment(Box<Commitment>),
    /// Verifier: what draws the sample.
    Sample {
        /// The nonce that it committed to in the terms.
        #[serde(with = "narthex_base::hex::array")]
        nonce: [u8; 32],
        /// Height of the block.
        height: u32,
        /// Its hash, in the byte order in which it is hashed.
        #[serde(with = "narthex_base::hex::array")]
        block: [u8; 32],
    },
    /// Worker: the token, sealed under the digests of that sample.
    Token {
        /// Id of the sample.
        #[serde(with = "narthex_base::hex::array")]
        sample: [u8; 32],
        /// The seal.
        sealed: SealedToken,
    },
    /// Verifier: what came of opening the seal.
    Reply {
        /// Id of the token.
        #[serde(with = "narthex_base::hex::array")]
        token: [u8; 32],
        /// What came of it.
        answer: Answer,
    },
    /// Worker: the opening of the sample.
    Opening {
        /// Id of the reply.
        #[serde(with = "narthex_base::hex::array")]
        reply: [u8; 32],
        /// [`Opening::id`](crate::commitment::Opening::id).
        #[serde(with = "narthex_base::hex::array")]
        opening: [u8; 32],
    },
    /// Verifier: why it rejects what was opened.
    Verdict {
        /// Id of the opening's item.
        #[serde(with = "narthex_base::hex::array")]
        opening: [u8; 32],
        /// The step whose box does not open to its leaf.
        bad_box: u64,
    },
    /// Client: what draws the steps that it looks at itself, before it hands the settlement on. It signs one.
    Audit {
        /// The worker's root, which it has been shown.
        #[serde(with = "narthex_base::hex::array")]
        root: [u8; 32],
        /// Drawn when that is known.
        #[serde(with = "narthex_base::hex::array")]
        nonce: [u8; 32],
    },
    /// Worker: the opening of those steps.
    AuditOpening {
        /// Id of the client's draw; zeros, where a block drew because the client did not.
        #[serde(with = "narthex_base::hex::array")]
        audit: [u8; 32],
        /// [`Opening::id`](crate::commitment::Opening::id).
        #[serde(with = "narthex_base::hex::array")]
        opening: [u8; 32],
    },
    /// Verifier: that it has computed the sample before anything of it is opened (`paper` template, which has no token). What it opens
    /// names this item as its reply.
    Blind {
        /// Id of the sample.
        #[serde(with = "narthex_base::hex::array")]
        sample: [u8; 32],
        /// [`BlindDigests::commitment`](crate::play::BlindDigests::commitment).
        #[serde(with = "narthex_base::hex::array")]
        digests: [u8; 32],
    },
}

/// What a verifier found under the seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It has opened: [`Token::shown`](crate::token::Token::shown), and the token for its own later self.
    Shown {
        /// The hash.
        #[serde(with = "narthex_base::hex::array")]
        hash: [u8; 32],
        /// x, encrypted to the verifier itself. Nobody else can check it, and no ruling depends on it.
        kept: TokenBox,
    },
    /// It has not: the verifier's own digests of the sample, in order. It never approves after that.
    Digests(#[serde(with = "narthex_base::hex::list")] Vec<[u8; 32]>),
}

impl Item {
    /// Who says it.
    pub const fn author(&self) -> Litigant {
        match self {
            Self::Commitment(_)
            | Self::Token { .. }
            | Self::Opening { .. }
            | Self::AuditOpening { .. } => Litigant::Worker,
            Self::Audit { .. } => Litigant::Client,
            Self::Sample { .. }
            | Self::Reply { .. }
            | Self::Verdict { .. }
            | Self::Blind { .. } => Litigant::Verifier,
        }
    }

    /// Its kind as receipts name it; a verdict has none, since nothing follows it.
    pub const fn receipt(&self) -> Option<ReceiptKind> {
        match self {
            Self::Commitment(_) => Some(ReceiptKind::Commitment),
            Self::Sample { .. } => Some(ReceiptKind::Sample),
            Self::Token { .. } => Some(ReceiptKind::Token),
            Self::Reply { .. } | Self::Blind { .. } => Some(ReceiptKind::Reply),
            Self::Opening { .. } | Self::AuditOpening { .. } => Some(ReceiptKind::Opening),
            Self::Audit { .. } => Some(ReceiptKind::Sample),
            Self::Verdict { .. } => None,
        }
    }

    /// The opening that it names as the worker's ([`Opening::id`](crate::commitment::Opening::id)).
    pub const fn opened(&self) -> Option<&[u8; 32]> {
        match self {
            Self::Opening { opening, .. } | Self::AuditOpening { opening, .. } => Some(opening),
            _ => None,
        }
    }

    /// What it is, for reasons.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Commitment(_) => "commitment",
            Self::Sample { .. } => "sample",
            Self::Token { .. } => "token",
            Self::Reply { .. } => "reply",
            Self::Opening { .. } => "opening",
            Self::Verdict { .. } => "verdict",
            Self::Audit { .. } => "audit",
            Self::AuditOpening { .. } => "opening of the audit",
            Self::Blind { .. } => "blind digests",
        }
    }

    pub(super) const fn code(&self) -> u8 {
        match self {
            Self::Commitment(_) => 1,
            Self::Sample { .. } => 2,
            Self::Token { .. } => 3,
            Self::Reply { .. } => 4,
            Self::Opening { .. } => 5,
            Self::Verdict { .. } => 6,
            Self::Audit { .. } => 7,
            Self::AuditOpening { .. } => 8,
            Self::Blind { .. } => 9,
        }
    }

    /// What is signed, and how later items and receipts name it: tagged hash of contract and bytes.
    pub fn id(&self, contract: &[u8; 32]) -> [u8; 32] {
        TaggedHasher::new("narthex/case-item")
            .fixed(contract)
            .fixed(&self.to_bytes())
            .finish()
    }

    /// Signs it for a contract, with the author's word key. The same words have one signature, so that who says a thing
    /// again after a crash says nothing else.
    pub fn signed(self, contract: &[u8; 32], key: &Keypair) -> SignedItem {
        let signature = statement::sign(&self.id(contract), key);
        SignedItem {
            item: self,
            signature,
        }
    }
}

/// What a receipt for all boxes of a commitment names, in a contract.
pub fn data_id(contract: &[u8; 32], root: &[u8; 32]) -> [u8; 32] {
    TaggedHasher::new("narthex/case-data")
        .fixed(contract)
        .fixed(root)
        .finish()
}

impl Message for Item {
    const KIND: Kind = kinds::CASE_ITEM;

    /// A byte that says which, then its fields in order: 1 commitment (length, message); 2 nonce, height (4), block; 3
    /// sample, seal (length, message); 4 token, then 0 with hash and box (length, message) or 1 with number of digests (4) and digests; 5
    /// reply, opening; 6 opening, step (8); 7 root, nonce; 8 audit, opening; 9 sample, hash of the digests.
    fn write(&self, w: &mut Writer) {
        w.u8(self.code());
        match self {
            Self::Commitment(commitment) => w.message(commitment.as_ref()),
            Self::Sample {
                nonce,
                height,
                block,
            } => w.fixed(nonce).u32(*height).fixed(block),
            Self::Token { sample, sealed } => w.fixed(sample).message(sealed),
            Self::Reply { token, answer } => {
                w.fixed(token);
                match answer {
                    Answer::Shown { hash, kept } => w.flag(false).fixed(hash).message(kept),
                    Answer::Digests(digests) => w.flag(true).list(digests, |w, digest| {
                        w.fixed(digest);
                    }),
                }
            }
            Self::Opening { reply, opening } => w.fixed(reply).fixed(opening),
            Self::Verdict { opening, bad_box } => w.fixed(opening).u64(*bad_box),
            Self::Audit { root, nonce } => w.fixed(root).fixed(nonce),
            Self::AuditOpening { audit, opening } => w.fixed(audit).fixed(opening),
            Self::Blind { sample, digests } => w.fixed(sample).fixed(digests),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("which item")? {
            1 => Self::Commitment(Box::new(r.message("commitment")?)),
            2 => Self::Sample {
                nonce: r.array("nonce")?,
                height: r.u32("height")?,
                block: r.array("block")?,
            },
            3 => Self::Token {
                sample: r.array("sample")?,
                sealed: r.message("seal")?,
            },
            4 => Self::Reply {
                token: r.array("token")?,
                answer: match r.flag("whether there are digests")? {
                    false => Answer::Shown {
                        hash: r.array("hash")?,
                        kept: r.message("token for the verifier itself")?,
                    },
                    true => {
                        let most = MAX_OPENINGS as usize;
                        Answer::Digests(r.list_up_to("digests", 32, most, |r| r.array("digest"))?)
                    }
                },
            },
            5 => Self::Opening {
                reply: r.array("reply")?,
                opening: r.array("opening")?,
            },
            6 => Self::Verdict {
                opening: r.array("opening")?,
                bad_box: r.u64("step")?,
            },
            7 => Self::Audit {
                root: r.array("root")?,
                nonce: r.array("nonce")?,
            },
            8 => Self::AuditOpening {
                audit: r.array("audit")?,
                opening: r.array("opening")?,
            },
            9 => Self::Blind {
                sample: r.array("sample")?,
                digests: r.array("digests")?,
            },
            other => return Err(DecodeError::invalid("which item", other)),
        })
    }
}

/// Why a verifier does not have its token back from what a peer returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// It was not signed by this verifier in this contract, or was altered. The peer's fault.
    #[error("what was returned is not signed by the verifier's word key in this contract")]
    NotOwn,
    /// It is no reply of a verifier that had the token. Not a fault: another item of one's own.
    #[error("what was returned is no reply that keeps a token")]
    NoToken,
    /// The box in it does not open to the contract's token: it was made from another seed. The caller's fault.
    #[error("the token in the reply does not open: it was kept under another seed")]
    Shut,
}

/// An item with its author's signature. It says something only under the author's key ([`Self::is_by`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedItem {
    /// What is said.
    pub item: Item,
    /// BIP340 signature of [`Item::id`] under the author's word key.
    pub signature: schnorr::Signature,
}

impl SignedItem {
    /// Whether this key said it in this contract.
    pub fn is_by(&self, contract: &[u8; 32], key: &XOnlyPublicKey) -> bool {
        statement::verify(&self.item.id(contract), &self.signature, key).is_ok()
    }

    /// The token out of a verifier's own reply, as a peer returned it after the verifier lost its copy. `key` is its word
    /// key, `point` that of the token in the terms.
    ///
    /// # Errors
    /// [`KeptError`]; then the peer returned something else, or this is not the seed.
    pub fn kept_token(
        &self,
        contract: &[u8; 32],
        key: &XOnlyPublicKey,
        point: &PublicKey,
        own: &ReplySecret,
    ) -> Result<Token, KeptError> {
        if !self.is_by(contract, key) {
            return Err(KeptError::NotOwn);
        }
        match &self.item {
            Item::Reply {
                answer: Answer::Shown { kept, .. },
                ..
            } => kept.open(contract, point, own).ok_or(KeptError::Shut),
            _ => Err(KeptError::NoToken),
        }
    }
}
