//! The ladder: claims that the payer has signed under the points of their pennies. Signed lazily, in batches.
//!
//! Rung i pays the provider i pennies. The payer's signature in it lacks w_i, so that the provider can publish it once
//! it was given w_i and not before; and it needs the provider's own signature, which nobody else ever sees, so that an
//! old rung hurts nobody but the provider.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use std::collections::BTreeMap;

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey,
    rand::{CryptoRng, RngCore},
};

use super::{Bank, BankError, Pebbles, scalar, template::PAYER};
use crate::{
    graph::NodeId,
    musig::{AdaptorPoint, AdaptorSignature},
    pact::{PactError, Task},
};

/// Most rungs of one message, and most that a provider keeps.
pub const MAX_RUNGS: usize = 256;

/// Position of the payer's signature in a claim.
pub const PAYER_POSITION: usize = 0;
/// Position of the provider's in a claim that waits for one secret; behind all of the payer's in others.
pub const PROVIDER_POSITION: usize = 1;
/// The claim in its graph.
pub const CLAIM: NodeId = NodeId(0);

/// A rung: the payer's adaptor signature on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// Number of its penny.
    pub index: u32,
    /// w_index·G, as the payer says.
    pub point: PublicKey,
    /// The payer's signature on the claim, lacking w_index.
    pub signature: AdaptorSignature,
}

/// Rungs as they travel. Read ones are not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rungs {
    /// Which bank they are of.
    pub bank: [u8; 32],
    /// In rising order.
    pub rungs: Vec<Rung>,
}

impl Message for Rungs {
    const KIND: Kind = kinds::RUNGS;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank).list(&self.rungs, |w, rung| {
            w.u32(rung.index)
                .point(&rung.point)
                .fixed(&rung.signature.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Rungs, DecodeError> {
        let rung = |r: &mut Reader<'_>| {
            Ok(Rung {
                index: r.u32("rung")?,
                point: r.point("point")?,
                signature: AdaptorSignature(r.array("signature")?),
            })
        };
        Ok(Rungs {
            bank: r.array("bank")?,
            rungs: r.list_up_to("rungs", 4 + 33 + 64, MAX_RUNGS, rung)?,
        })
    }
}

impl Rung {
    /// Signs the claim of `index` pennies with the payer's key, under the point of `secret`, which is w_index for an
    /// honest payer.
    pub fn sign<R: RngCore + CryptoRng>(
        bank: &Bank,
        key: &SecretKey,
        index: u32,
        secret: &[u8; 32],
        rng: &mut R,
    ) -> Result<Rung, BankError> {
        let problem = "its secret is no scalar";
        let secret = scalar(secret).ok_or(BankError::Rung {
            rung: index,
            problem,
        })?;
        let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), &secret);
        let adaptor = AdaptorPoint::try_from(point).map_err(PactError::from)?;
        let task = Task::new(&bank.claim(index)?, CLAIM, PAYER_POSITION)?;
        let signature = task.sign_alone((PAYER, key), Some(&adaptor), rng)?;
        Ok(Rung {
            index,
            point,
            signature,
        })
    }

    /// Checks that the payer's signature is one that the secret of the rung's point completes.
    ///
    /// # Errors
    /// [`PactError::Signature`]: the payer's fault.
    pub fn verify(&self, bank: &Bank) -> Result<(), BankError> {
        let adaptor = AdaptorPoint::try_from(self.point).map_err(PactError::from)?;
        Task::new(&bank.claim(self.index)?, CLAIM, PAYER_POSITION)?
            .verify(&self.signature, Some(&adaptor))
            .map_err(|_| {
                let what = "a rung";
                PactError::Signature {
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

/// The points of a whole ladder, published before the bank is used: what third parties rely on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Points(pub BTreeMap<u32, PublicKey>);

/// Most rungs of a ladder whose points are published.
pub const MAX_LADDER: usize = 4096;

impl Points {
    /// The points of every rung that falls due from the first penny to the last, of the chain with this seed.
    pub fn of_chain(terms: &super::BankTerms, seed: [u8; 32]) -> Result<Points, BankError> {
        let mut chain = Pebbles::new(terms.bank(), terms.record().pennies, seed, 0);
        let secp = Secp256k1::signing_only();
        let (mut points, mut rung) = (BTreeMap::new(), 0);
        while rung < terms.record().pennies {
            rung = terms.next_rung(rung);
            let problem = |problem| BankError::Rung { rung, problem };
            if points.len() >= MAX_LADDER {
                return Err(problem("a ladder of so many rungs is not published"));
            }
            let secret = chain.secret(rung).ok_or(problem("beyond the last"))?;
            let secret = scalar(&secret).ok_or(problem("its secret is no scalar"))?;
            points.insert(rung, PublicKey::from_secret_key(&secp, &secret));
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
