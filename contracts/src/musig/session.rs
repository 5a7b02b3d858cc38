//! One message, one set of nonces, at most one adaptor point: signing and checking of shares.

use bitcoin::secp256k1::SecretKey;
use secp256k1_musig as musig;

use super::{
    AdaptorPoint, AdaptorSignature, CheckedNonce, KeySet, PointTerm, PublicNonce, SecretNonce,
};
use crate::party::PartyName;

/// Why signing together failed, and by whose fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A signer's public nonce is no pair of points. The signer's fault.
    #[error("the public nonce of {signer} is not a pair of curve points")]
    BadNonce {
        /// Whose nonce it is.
        signer: PartyName,
    },
    /// The number of nonces or shares is not the number of signers. The caller's fault.
    #[error("{given} nonces or shares for {signers} signers")]
    Count {
        /// How many were given.
        given: usize,
        /// How many sign.
        signers: usize,
    },
    /// A partial signature is at least the group order. The signer's fault.
    #[error("the partial signature of {signer} is not a scalar")]
    BadShare {
        /// Whose share it is.
        signer: PartyName,
    },
    /// The adaptor point cannot be added to the nonces: unreachable for points that the library made itself.
    #[error("the adaptor point cannot be added to the nonces")]
    Point,
    /// The secret nonce was spent already, or the key signs nothing here. The caller's fault.
    #[error("{party} cannot sign in this session")]
    NotASigner {
        /// Who tried.
        party: PartyName,
    },
}

/// A secret key ready for MuSig2, with its public key.
pub struct MusigKeypair {
    pair: musig::Keypair,
}

impl MusigKeypair {
    /// From `bitcoin`'s secret key; `None` is unreachable for a key that this type holds.
    pub fn new(key: &SecretKey) -> Option<MusigKeypair> {
        let secret = musig::SecretKey::from_secret_bytes(key.secret_bytes()).ok()?;
        Some(MusigKeypair {
            pair: musig::Keypair::from_secret_key(&secret),
        })
    }

    pub(super) fn secret(&self) -> musig::SecretKey {
        self.pair.secret_key()
    }

    pub(super) fn public(&self) -> musig::PublicKey {
        self.pair.public_key()
    }
}

impl Drop for MusigKeypair {
    fn drop(&mut self) {
        self.pair.non_secure_erase();
    }
}

impl std::fmt::Debug for MusigKeypair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MusigKeypair(..)")
    }
}

/// A signer's share of a signature: a scalar, 32 bytes big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialSignature(pub [u8; 32]);

impl PartialSignature {
    fn parse(&self, signer: PartyName) -> Result<musig::musig::PartialSignature, SessionError> {
        musig::musig::PartialSignature::from_byte_array(&self.0)
            .map_err(|_| SessionError::BadShare { signer })
    }
}

/// The signing session of one message.
///
/// An adaptor point T is added to the first half of the aggregate nonce: the final nonce becomes
/// R₁ + T + b·R₂ with b hashing T too, shares verify as ever, and their sum is an adaptor signature under T.
/// The argument is in `docs/adr/0002-adaptor-in-aggregate-nonce.md`.
pub struct Session {
    inner: musig::musig::Session,
}

impl Session {
    /// Combines the signers' public nonces, in the key set's order, for `message`.
    pub fn new(
        keys: &KeySet,
        nonces: &[PublicNonce],
        adaptor: Option<&AdaptorPoint>,
        message: &[u8; 32],
    ) -> Result<Session, SessionError> {
        let aggregate = aggregate_nonces(keys, nonces, adaptor)?;
        Ok(Session::from_aggregate(keys, aggregate, message))
    }

    /// As [`Session::new`], of nonces that were checked when they came: no signer is at fault here any more.
    ///
    /// # Errors
    /// [`SessionError::Count`].
    pub fn of_checked(
        keys: &KeySet,
        nonces: &[&CheckedNonce],
        adaptor: Option<&PointTerm>,
        message: &[u8; 32],
    ) -> Result<Session, SessionError> {
        let aggregate = sum_nonces(keys, nonces, adaptor)?;
        Ok(Session::from_aggregate(keys, aggregate, message))
    }

    pub(super) fn from_aggregate(
        keys: &KeySet,
        aggregate: musig::musig::AggregatedNonce,
        message: &[u8; 32],
    ) -> Session {
        Session {
            inner: musig::musig::Session::new(keys.cache(), aggregate, message),
        }
    }

    /// Signs with a nonce that is used up by it.
    pub fn sign(
        &self,
        keys: &KeySet,
        party: impl Into<PartyName>,
        keypair: &MusigKeypair,
        nonce: SecretNonce,
    ) -> Result<PartialSignature, SessionError> {
        let party = party.into();
        let not_a_signer = SessionError::NotASigner { party };
        let own = keys.position(party).and_then(|i| keys.musig_key(i));
        // The library aborts the process when the nonce is another key's.
        if own != Some(keypair.public()) {
            return Err(not_a_signer);
        }
        let nonce = nonce.into_inner().ok_or(not_a_signer)?;
        Ok(PartialSignature(
            self.inner
                .partial_sign(nonce, &keypair.pair, keys.cache())
                .serialize(),
        ))
    }

    /// Whether `share` is `signer`'s share of this session: used to name who cheated, since one check of the
    /// aggregate costs less than one check of each share.
    pub fn verify_share(
        &self,
        keys: &KeySet,
        signer: impl Into<PartyName>,
        nonce: &PublicNonce,
        share: &PartialSignature,
    ) -> Result<bool, SessionError> {
        let signer = signer.into();
        let key = keys
            .position(signer)
            .and_then(|i| keys.musig_key(i))
            .ok_or(SessionError::NotASigner { party: signer })?;
        let nonce = musig::musig::PublicNonce::from_byte_array(&nonce.0)
            .map_err(|_| SessionError::BadNonce { signer })?;
        Ok(self
            .inner
            .partial_verify(keys.cache(), &share.parse(signer)?, &nonce, key))
    }

    /// Adds the shares up, in the key set's order. What comes out is a Schnorr signature, or an adaptor
    /// signature if the session has a point; neither is checked yet.
    pub fn aggregate(
        &self,
        keys: &KeySet,
        shares: &[PartialSignature],
    ) -> Result<AdaptorSignature, SessionError> {
        if shares.len() != keys.signers().len() {
            return Err(SessionError::Count {
                given: shares.len(),
                signers: keys.signers().len(),
            });
        }
        let parsed = shares
            .iter()
            .zip(keys.names())
            .map(|(s, signer)| s.parse(signer))
            .collect::<Result<Vec<_>, _>>()?;
        let sum = self
            .inner
            .partial_sig_agg(&parsed.iter().collect::<Vec<_>>());
        Ok(AdaptorSignature(*sum.assume_valid().as_byte_array()))
    }
}

/// Sums the nonces up (NonceAgg of BIP327), with the adaptor point in the first half.
pub(super) fn aggregate_nonces(
    keys: &KeySet,
    nonces: &[PublicNonce],
    adaptor: Option<&AdaptorPoint>,
) -> Result<musig::musig::AggregatedNonce, SessionError> {
    check_count(keys, nonces.len())?;
    let checked = nonces
        .iter()
        .zip(keys.names())
        .map(|(nonce, signer)| nonce.check().ok_or(SessionError::BadNonce { signer }))
        .collect::<Result<Vec<_>, _>>()?;
    let adaptor = adaptor.map(PointTerm::new).transpose()?;
    sum_nonces(keys, &checked.iter().collect::<Vec<_>>(), adaptor.as_ref())
}

fn check_count(keys: &KeySet, given: usize) -> Result<(), SessionError> {
    let signers = keys.signers().len();
    match given == signers {
        true => Ok(()),
        false => Err(SessionError::Count { given, signers }),
    }
}

fn sum_nonces(
    keys: &KeySet,
    nonces: &[&CheckedNonce],
    adaptor: Option<&PointTerm>,
) -> Result<musig::musig::AggregatedNonce, SessionError> {
    check_count(keys, nonces.len())?;
    let nonces = nonces.iter().map(|nonce| &nonce.points);
    let terms = adaptor.iter().flat_map(|term| term.nonces());
    let summed = nonces.chain(terms).collect::<Vec<_>>();
    Ok(musig::musig::AggregatedNonce::new(&summed))
}
