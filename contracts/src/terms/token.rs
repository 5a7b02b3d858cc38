//! What the verifier is paid to, where it is paid for its approval.
//!
//! Its output is a Taproot output by the key path alone (BIP86), of the sum of its contract key K and the token point X that the
//! worker brought. The worker gives x away sealed under the digests of the whole sample: a verifier that approves without
//! having computed them is paid to a key that nobody has. No byte of a transaction is spent on it, and no arbiter.
//!
//! The worker proves that it knows x ([`SecretPoint`]): with X = Y − K it would be paid itself, by a key y of its own. Both
//! secrets are needed, so that neither side alone spends the output.

use bitcoin::{
    NetworkKind, PrivateKey,
    secp256k1::{PublicKey, Scalar, SecretKey},
};
use zeroize::Zeroizing;

use narthex_base::secret::Secret;
use narthex_game_model::{
    ruling::{KeptError, SignedItem},
    token::Token,
};

use super::{TermsDraft, TermsError};
use crate::{derive::reply_secret, terms::Role};

/// K + X, the internal key of the output. `None` where the sum is no point: X is the negative of K.
pub fn token_key(verifier: &PublicKey, token: &PublicKey) -> Option<PublicKey> {
    verifier.combine(token).ok()
}

/// k + x, the secret of [`token_key`]: what the verifier puts into its wallet. `None` where the sum is zero.
pub fn token_secret(verifier: &SecretKey, token: &SecretKey) -> Option<SecretKey> {
    verifier.add_tweak(&Scalar::from(*token)).ok()
}

/// `tr(…)` of a secret key in wallet import format (BIP380, BIP386), without checksum, for wallets that import descriptors.
/// It spends what it names.
pub fn token_descriptor(secret: &SecretKey, network: NetworkKind) -> Zeroizing<String> {
    let key = Zeroizing::new(PrivateKey::new(*secret, network).to_wif());
    Zeroizing::new(format!("tr({})", *key))
}

impl TermsDraft {
    /// X, the point of the token; `None` in the `paper` template, where approvals are not backed by work.
    pub fn token_point(&self) -> Option<PublicKey> {
        self.record().token.map(|token| token.point)
    }

    /// The token out of the verifier's own reply, as a peer returned it: for a verifier that has its seed and nothing else.
    ///
    /// # Errors
    /// [`KeptError`]; [`KeptError::NoToken`] too where the terms have no token.
    pub fn kept_token(&self, reply: &SignedItem, seed: &Secret) -> Result<Token, KeptError> {
        let key = self.word_key(Role::Verifier);
        let (key, point) = key.zip(self.token_point()).ok_or(KeptError::NoToken)?;
        let own = reply_secret(seed, self.contract_id());
        reply.kept_token(self.contract_id(), &key, &point, &own)
    }

    /// K + X, to whose Taproot output an approval pays the verifier; `None` in the `paper` template.
    ///
    /// # Errors
    /// [`TermsError::TokenPoint`] never, for checked terms.
    pub fn token_key(&self) -> Result<Option<PublicKey>, TermsError> {
        let role = Role::Verifier;
        let Some(token) = self.token_point() else {
            return Ok(None);
        };
        let key = self.key(role).ok_or(TermsError::NoSuchParty { role })?;
        match token_key(&key, &token) {
            Some(sum) => Ok(Some(sum)),
            None => Err(TermsError::TokenPoint {
                problem: "the negative of the verifier's key",
            }),
        }
    }
}
