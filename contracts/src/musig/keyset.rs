//! The parties that sign together for one output, and the Taproot output key that they own.

use bitcoin::{
    ScriptBuf, TapNodeHash,
    hashes::Hash,
    key::{TweakedPublicKey, XOnlyPublicKey},
    secp256k1::PublicKey,
    taproot::TapTweakHash,
};
use secp256k1_musig as musig;

use crate::party::{PartyId, PartyName};

/// Why a set of keys cannot sign together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// There is nobody in the set.
    #[error("a key set needs at least one signer")]
    Empty,
    /// Two parties brought the same key; one of them would sign for both.
    #[error("{first} and {second} have the same key {key}")]
    Duplicate {
        /// Earlier party in canonical order.
        first: PartyName,
        /// Later party.
        second: PartyName,
        /// The key that both brought. Apart, so that every error that may be this one stays small.
        key: Box<PublicKey>,
    },
    /// The tweak is no scalar or leads to the point at infinity: cannot happen with honest hashes.
    #[error("the taproot tweak of this key set is not valid")]
    Tweak,
}

/// Signers in canonical order, their MuSig2 aggregate key and the Taproot output key made of it.
///
/// Key aggregation costs about 20 µs per signer, so it is done once and kept.
#[derive(Debug, Clone)]
pub struct KeySet {
    signers: Vec<(PartyName, PublicKey)>,
    musig_keys: Vec<musig::PublicKey>,
    /// The aggregate before any tweak.
    aggregate: musig::musig::KeyAggCache,
    /// The tweaked aggregate, which signs.
    cache: musig::musig::KeyAggCache,
    internal_key: XOnlyPublicKey,
    output_key: XOnlyPublicKey,
    merkle_root: Option<TapNodeHash>,
}

impl KeySet {
    /// Aggregates `signers` (KeyAgg of BIP327, in the order given) and tweaks the aggregate as BIP341 says with
    /// `merkle_root`. A root that is no hash of a script tree commits to data at no cost on chain: nobody can
    /// show a script behind it.
    pub fn new<P: Into<PartyName> + Copy>(
        signers: &[(P, PublicKey)],
        merkle_root: Option<TapNodeHash>,
    ) -> Result<KeySet, KeySetError> {
        KeySet::untweaked(signers)?.with_root(merkle_root)
    }

    /// The same signers with another root, without aggregating again: one addition for a multiplication each.
    pub fn with_root(&self, merkle_root: Option<TapNodeHash>) -> Result<KeySet, KeySetError> {
        let mut keys = self.clone();
        keys.cache = keys.aggregate;
        keys.tweak_x_only(taproot_tweak_hash(keys.internal_key, merkle_root))?;
        keys.merkle_root = merkle_root;
        Ok(keys)
    }

    /// The aggregate as it is before BIP341's tweak.
    pub(super) fn untweaked<P: Into<PartyName> + Copy>(
        signers: &[(P, PublicKey)],
    ) -> Result<KeySet, KeySetError> {
        let signers = signers.iter().map(|(who, key)| ((*who).into(), *key));
        let signers = signers.collect::<Vec<(PartyName, PublicKey)>>();
        if signers.is_empty() {
            return Err(KeySetError::Empty);
        }
        for (i, (second, key)) in signers.iter().enumerate() {
            if let Some((first, _)) = signers[..i].iter().find(|(_, k)| k == key) {
                return Err(KeySetError::Duplicate {
                    first: *first,
                    second: *second,
                    key: Box::new(*key),
                });
            }
        }
        let musig_keys = signers
            .iter()
            .map(|(_, key)| to_musig(key))
            .collect::<Option<Vec<_>>>()
            .ok_or(KeySetError::Tweak)?;
        let cache = musig::musig::KeyAggCache::new(&musig_keys.iter().collect::<Vec<_>>());
        let internal_key = XOnlyPublicKey::from_slice(&cache.agg_pk().to_byte_array())
            .map_err(|_| KeySetError::Tweak)?;
        Ok(KeySet {
            signers,
            musig_keys,
            aggregate: cache,
            cache,
            internal_key,
            output_key: internal_key,
            merkle_root: None,
        })
    }

    /// Adds `tweak`·G to the aggregate, taken with an even y (ApplyTweak of BIP327, x-only).
    pub(super) fn tweak_x_only(&mut self, tweak: [u8; 32]) -> Result<(), KeySetError> {
        let tweak = musig::Scalar::from_be_bytes(tweak).map_err(|_| KeySetError::Tweak)?;
        let tweaked = self
            .cache
            .pubkey_xonly_tweak_add(&tweak)
            .map_err(|_| KeySetError::Tweak)?;
        self.set_output_key(&tweaked)
    }

    /// Adds `tweak`·G to the aggregate as it is (ApplyTweak of BIP327, plain). Contracts never do; the vectors
    /// mix both kinds.
    #[cfg(test)]
    pub(super) fn tweak_plain(&mut self, tweak: [u8; 32]) -> Result<(), KeySetError> {
        let tweak = musig::Scalar::from_be_bytes(tweak).map_err(|_| KeySetError::Tweak)?;
        let tweaked = self
            .cache
            .pubkey_ec_tweak_add(&tweak)
            .map_err(|_| KeySetError::Tweak)?;
        self.set_output_key(&tweaked)
    }

    fn set_output_key(&mut self, key: &musig::PublicKey) -> Result<(), KeySetError> {
        self.output_key = XOnlyPublicKey::from_slice(&key.x_only_public_key().0.to_byte_array())
            .map_err(|_| KeySetError::Tweak)?;
        Ok(())
    }

    /// Who signs, in the order of aggregation.
    pub fn signers(&self) -> impl ExactSizeIterator<Item = PartyId> + '_ {
        self.names().map(|name| name.id)
    }

    /// Who signs, with what the contract calls them, in the order of aggregation.
    pub fn names(&self) -> impl ExactSizeIterator<Item = PartyName> + '_ {
        self.signers.iter().map(|(name, _)| *name)
    }

    /// Position of `party` among the signers.
    pub fn position(&self, party: impl Into<PartyId>) -> Option<usize> {
        let party = party.into();
        self.signers.iter().position(|(name, _)| name.id == party)
    }

    /// The aggregate before the Taproot tweak.
    pub fn internal_key(&self) -> XOnlyPublicKey {
        self.internal_key
    }

    /// The Taproot output key, the one that signatures are checked against.
    pub fn output_key(&self) -> XOnlyPublicKey {
        self.output_key
    }

    /// The script of outputs that are paid to the key.
    pub(crate) fn script(&self) -> ScriptBuf {
        let key = TweakedPublicKey::dangerous_assume_tweaked(self.output_key);
        ScriptBuf::new_p2tr_tweaked(key)
    }

    /// What the tweak commits to.
    pub fn merkle_root(&self) -> Option<TapNodeHash> {
        self.merkle_root
    }

    pub(super) fn cache(&self) -> &musig::musig::KeyAggCache {
        &self.cache
    }

    pub(super) fn musig_key(&self, position: usize) -> Option<musig::PublicKey> {
        self.musig_keys.get(position).copied()
    }
}

/// The TapTweak hash of BIP341 for an internal key and a root.
pub fn taproot_tweak_hash(
    internal_key: XOnlyPublicKey,
    merkle_root: Option<TapNodeHash>,
) -> [u8; 32] {
    TapTweakHash::from_key_and_tweak(internal_key, merkle_root).to_byte_array()
}

/// The same point in the other crate's type. The uncompressed form saves a square root.
pub(super) fn to_musig(key: &PublicKey) -> Option<musig::PublicKey> {
    musig::PublicKey::from_slice(&key.serialize_uncompressed()).ok()
}

/// Back from the other crate's type.
pub(super) fn from_musig(key: &musig::PublicKey) -> Option<PublicKey> {
    PublicKey::from_slice(&key.serialize_uncompressed()).ok()
}
