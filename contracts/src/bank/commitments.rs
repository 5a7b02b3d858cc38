//! The chain of commitments: claims that the payer has signed under the points of their pennies. Signed lazily, in batches.
//!
//! Commitment i pays the provider i pennies. The payer's signature in it lacks w_i, so that the provider can publish it once
//! it was given w_i and not before; and it needs the provider's own signature, which nobody else ever sees, so that an
//! old commitment hurts nobody but the provider.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use std::collections::BTreeMap;

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{CryptoRng, RngCore},
};

use super::{Bank, BankError, Pebbles, scalar, template::PAYER};
use crate::{
    builder::{BuilderError, Task},
    graph::NodeId,
    musig::{AdaptorPoint, AdaptorSignature},
};

/// Most commitments of one message, and most that a provider keeps.
pub const MAX_COMMITMENTS: usize = 256;

/// Position of the payer's signature in a claim.
pub const PAYER_POSITION: usize = 0;
/// Position of the provider's in a claim that waits for one secret; behind all of the payer's in others.
pub const PROVIDER_POSITION: usize = 1;
/// The claim in its graph.
pub const CLAIM: NodeId = NodeId(0);

/// A commitment: the payer's adaptor signature on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptorCommitment {
    /// Number of its penny.
    pub index: u32,
    /// w_index·G, as the payer says.
    pub point: PublicKey,
    /// The payer's signature on the claim, lacking w_index.
    pub signature: AdaptorSignature,
}

/// Commitments as they travel. Read ones are not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdaptorCommitments {
    /// Which bank they are of.
    pub bank: [u8; 32],
    /// In rising order.
    pub commitments: Vec<AdaptorCommitment>,
}

impl Message for AdaptorCommitments {
    const KIND: Kind = kinds::COMMITMENTS;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank)
            .list(&self.commitments, |w, commitment| {
                w.u32(commitment.index)
                    .point(&commitment.point)
                    .fixed(&commitment.signature.0);
            });
    }

    fn read(r: &mut Reader<'_>) -> Result<AdaptorCommitments, DecodeError> {
        let commitment = |r: &mut Reader<'_>| {
            Ok(AdaptorCommitment {
                index: r.u32("commitment")?,
                point: r.point("point")?,
                signature: AdaptorSignature(r.array("signature")?),
            })
        };
        Ok(AdaptorCommitments {
            bank: r.array("bank")?,
            commitments: r.list_up_to("commitments", 4 + 33 + 64, MAX_COMMITMENTS, commitment)?,
        })
    }
}

impl AdaptorCommitment {
    /// Signs the claim of `index` pennies with the payer's key, under the point of `secret`, which is w_index for an
    /// honest payer.
    pub fn sign<R: RngCore + CryptoRng>(
        bank: &Bank,
        key: &SecretKey,
        index: u32,
        secret: &[u8; 32],
        rng: &mut R,
    ) -> Result<AdaptorCommitment, BankError> {
        let problem = "its secret is no scalar";
        let secret = scalar(secret).ok_or(BankError::AdaptorCommitment {
            commitment: index,
            problem,
        })?;
        let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), &secret);
        let adaptor = AdaptorPoint::try_from(point).map_err(BuilderError::from)?;
        let task = Task::new(&bank.claim(index)?, CLAIM, PAYER_POSITION)?;
        let signature = task.sign_alone((PAYER, key), Some(&adaptor), rng)?;
        Ok(AdaptorCommitment {
            index,
            point,
            signature,
        })
    }

    /// Checks that the payer's signature is one that the secret of the commitment's point completes.
    ///
    /// # Errors
    /// [`BuilderError::Signature`]: the payer's fault.
    pub fn verify(&self, bank: &Bank) -> Result<(), BankError> {
        let adaptor = AdaptorPoint::try_from(self.point).map_err(BuilderError::from)?;
        Task::new(&bank.claim(self.index)?, CLAIM, PAYER_POSITION)?
            .verify(&self.signature, Some(&adaptor))
            .map_err(|_| {
                let what = "a commitment";
                BuilderError::Signature {
                    signer: PAYER,
                    what,
                }
                .into()
            })
    }

    /// Whether its point is the one of its penny, of which this is the secret.
    pub fn is_true(&self, secret: &[u8; 32]) -> bool {
        scalar(secret).is_some_and(|secret| {
            PublicKey::from_secret_key(&Secp256k1::signing_only(), &secret) == self.point
        })
    }
}

/// The points of a whole chain of commitments, published before the bank is used: what third parties rely on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Points(pub BTreeMap<u32, PublicKey>);

/// Most commitments of a chain of commitments whose points are published.
pub const MAX_PUBLISHED_COMMITMENTS: usize = 4096;

impl Points {
    /// The points of every commitment that falls due from the first penny to the last, of the chain with this seed.
    pub fn of_chain(terms: &super::BankTerms, seed: [u8; 32]) -> Result<Points, BankError> {
        let mut chain = Pebbles::new(terms.bank(), terms.record().pennies, seed, 0);
        let secp = Secp256k1::signing_only();
        let (mut points, mut commitment) = (BTreeMap::new(), 0);
        while commitment < terms.record().pennies {
            commitment = terms.next_commitment(commitment);
            let problem = |problem| BankError::AdaptorCommitment {
                commitment,
                problem,
            };
            if points.len() >= MAX_PUBLISHED_COMMITMENTS {
                return Err(problem(
                    "a chain of commitments of so many commitments is not published",
                ));
            }
            let secret = chain.secret(commitment).ok_or(problem("beyond the last"))?;
            let secret = scalar(&secret).ok_or(problem("its secret is no scalar"))?;
            points.insert(commitment, PublicKey::from_secret_key(&secp, &secret));
        }
        Ok(Points(points))
    }

    /// Hash of all points with their numbers.
    pub fn root(&self) -> [u8; 32] {
        let mut w = Writer::default();
        for (index, point) in &self.0 {
            w.u32(*index).point(point);
        }
        narthex_base::tagged::tagged_hash_parts("narthex/bank-points", &[&w.finish()])
    }
}
