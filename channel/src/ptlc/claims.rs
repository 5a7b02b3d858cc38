//! Claims that the offerer signs ahead, each signature under the point of one PTLC.

use bitcoin::secp256k1::{PublicKey, SecretKey};
use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_contracts::{
    builder::{BuilderError, Task},
    musig::{AdaptorPoint, AdaptorSignature},
};

/// The transactions by which the PTLCs of a place are claimed. A penny bank has one for each choice of pending PTLCs, with
/// a signature for each that was chosen; a commitment transaction has one for each PTLC.
///
/// A signature of its own for each secret: whoever publishes a claim shows the offerer each of them. One signature under
/// the sum of the points would show the sum alone.
pub trait Claims {
    /// Why a transaction cannot be built.
    type Error: From<BuilderError>;

    /// How many there are.
    fn count(&self) -> usize;

    /// The points under which the offerer signs a claim, in the order of its signatures.
    fn points(&self, claim: usize) -> Vec<PublicKey>;

    /// What the offerer signs there, in the same order.
    ///
    /// # Errors
    /// The place cannot build it.
    fn tasks(&self, claim: usize) -> Result<Vec<Task>, Self::Error>;
}

/// The offerer's signatures on all claims of some PTLCs. A later set takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimSet(Vec<Vec<AdaptorSignature>>);

impl ClaimSet {
    /// Signs every claim. `sign` makes the offerer's signature of a task under a point.
    ///
    /// # Errors
    /// What the place or the signer says.
    pub fn sign<C: Claims>(
        claims: &C,
        sign: impl Fn(&Task, &AdaptorPoint) -> Result<AdaptorSignature, BuilderError>,
    ) -> Result<ClaimSet, C::Error> {
        let mut signatures = Vec::with_capacity(claims.count());
        for claim in 0..claims.count() {
            let tasks = claims.tasks(claim)?;
            let slots = tasks.iter().zip(claims.points(claim));
            let signed = slots.map(|(task, point)| sign(task, &AdaptorPoint::try_from(point)?));
            signatures.push(signed.collect::<Result<_, _>>()?);
        }
        Ok(ClaimSet(signatures))
    }

    /// Whether there is a good signature for each place of each claim, each lacking the secret of its point and nothing
    /// else.
    ///
    /// # Errors
    /// What the place says; a signature that is missing or false is `Ok(false)`, the offerer's fault.
    pub fn verify<C: Claims>(&self, claims: &C) -> Result<bool, C::Error> {
        if self.0.len() != claims.count() {
            return Ok(false);
        }
        for (claim, held) in self.0.iter().enumerate() {
            let (tasks, points) = (claims.tasks(claim)?, claims.points(claim));
            if held.len() != points.len() || tasks.len() != points.len() {
                return Ok(false);
            }
            for ((task, point), signature) in tasks.iter().zip(points).zip(held) {
                let point = AdaptorPoint::try_from(point).map_err(BuilderError::from)?;
                if task.verify(signature, Some(&point)).is_err() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The offerer's signatures of one claim, completed. `None` if there is no such claim, or a secret is missing.
    ///
    /// # Errors
    /// What the place says, or a false secret.
    pub fn complete<C: Claims>(
        &self,
        claims: &C,
        claim: usize,
        secret: impl Fn(&PublicKey) -> Option<SecretKey>,
    ) -> Result<Option<Vec<[u8; 64]>>, C::Error> {
        let Some(held) = self.0.get(claim) else {
            return Ok(None);
        };
        let mut complete = Vec::with_capacity(held.len() + 1);
        let slots = claims.tasks(claim)?.into_iter().zip(claims.points(claim));
        for ((task, point), signature) in slots.zip(held) {
            let Some(secret) = secret(&point) else {
                return Ok(None);
            };
            complete.push(task.complete(signature, &secret)?);
        }
        Ok(Some(complete))
    }

    /// All signatures, without their number: what they belong to says it.
    pub(crate) fn write(&self, w: &mut Writer) {
        for signature in self.0.iter().flatten() {
            w.fixed(&signature.0);
        }
    }

    /// As many signatures as each claim has.
    pub(crate) fn read(
        r: &mut Reader<'_>,
        counts: impl Iterator<Item = usize>,
    ) -> Result<ClaimSet, DecodeError> {
        let signature = |r: &mut Reader<'_>| r.array("signature").map(AdaptorSignature);
        let claims = counts.map(|count| (0..count).map(|_| signature(r)).collect());
        Ok(ClaimSet(claims.collect::<Result<_, _>>()?))
    }
}

/// The secrets that a published claim shows, of these points: `published` are what the offerer signs there, and its
/// completed signatures. It makes its own signatures again, by `sign`, instead of keeping those of every set that it
/// ever sent.
///
/// # Errors
/// What the signer says.
pub fn extract(
    published: impl IntoIterator<Item = (Task, [u8; 64])>,
    points: impl Iterator<Item = PublicKey> + Clone,
    sign: impl Fn(&Task, &AdaptorPoint) -> Result<AdaptorSignature, BuilderError>,
) -> Result<Vec<(PublicKey, SecretKey)>, BuilderError> {
    let mut found = Vec::new();
    for (task, published) in published {
        for point in points.clone() {
            let adaptor = AdaptorPoint::try_from(point)?;
            let own = sign(&task, &adaptor)?;
            if let Ok(secret) = task.extract(&own, &published, &adaptor) {
                found.push((point, secret));
            }
        }
    }
    Ok(found)
}
