//! One side's secrets of a channel, all out of one seed, and what the counterparty is told of them.

use bitcoin::{
    Txid,
    hashes::Hash,
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_base::{
    codec::{DecodeError, Reader, Writer},
    secret::Secret,
    tagged::{tagged_hash, tagged_hash_parts},
};

use super::{Channel, ChannelError, MAX_NUMBER, Side, per_commitment_secret, revocation_secret};
use crate::musig::{MusigKeypair, PublicNonce, SecretNonce};

/// One side's public keys of a channel. They are the same for all its commitments; the revocation key alone changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basepoints {
    /// Half of the funding key.
    pub funding: PublicKey,
    /// Base of the revocation keys of the *counterparty's* commitments.
    pub revocation: PublicKey,
    /// What its own balance is paid to, after the delay, on its own commitments.
    pub delayed: PublicKey,
    /// What its balance is paid to on the counterparty's commitments, and what it claims there.
    pub payout: PublicKey,
    /// What pending payments are claimed and taken back with.
    pub payment: PublicKey,
}

impl Basepoints {
    /// Writes the five, 33 bytes each.
    pub fn write(&self, w: &mut Writer) {
        self.all().iter().for_each(|key| {
            w.point(key);
        });
    }

    /// Reads the same.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<Basepoints, DecodeError> {
        Ok(Basepoints {
            funding: r.point("funding key")?,
            revocation: r.point("revocation base")?,
            delayed: r.point("delayed key")?,
            payout: r.point("payout key")?,
            payment: r.point("payment key")?,
        })
    }

    pub(super) fn all(&self) -> [PublicKey; 5] {
        [
            self.funding,
            self.revocation,
            self.delayed,
            self.payout,
            self.payment,
        ]
    }
}

/// One side's seed of one channel. Everything secret of it follows: a side that lost its disk has the keys again, and which commitments were
/// revoked it has not.
#[derive(Clone)]
pub struct ChannelKeys(Secret);

impl std::fmt::Debug for ChannelKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChannelKeys(..)")
    }
}

impl ChannelKeys {
    /// Of 32 bytes that are secret and of this channel alone.
    pub const fn new(seed: [u8; 32]) -> ChannelKeys {
        ChannelKeys(Secret::from_bytes(seed))
    }

    /// What the counterparty is told.
    pub fn basepoints(&self) -> Basepoints {
        let secp = Secp256k1::signing_only();
        let public = |name| self.secret(name).public_key(&secp);
        Basepoints {
            funding: public("funding"),
            revocation: public("revocation"),
            delayed: public("delayed"),
            payout: public("payout"),
            payment: public("payment"),
        }
    }

    /// The secret of commitment `number`: shown when the commitment is revoked, and never before.
    pub fn commitment_secret(&self, number: u64) -> SecretKey {
        // A hash is no scalar with a chance of 2^-128, and then a commitment cannot be revoked: the next key takes its place.
        let seed = self.hash("commitments");
        let secret = per_commitment_secret(seed.expose(), number.min(MAX_NUMBER));
        SecretKey::from_slice(secret.expose()).unwrap_or_else(|_| self.secret("no commitment"))
    }

    /// Its point, which the counterparty is told two commitments ahead.
    pub fn point(&self, number: u64) -> PublicKey {
        let secp = Secp256k1::signing_only();
        self.commitment_secret(number).public_key(&secp)
    }

    /// Whether this is the secret of one's own commitment `number`: who shows it knows that it was revoked.
    pub fn is_own_secret(&self, number: u64, secret: &SecretKey) -> bool {
        number <= MAX_NUMBER && self.commitment_secret(number) == *secret
    }

    /// The public nonce by which the counterparty signs this side's commitment `number`. It follows from seed, coin and number, so
    /// that it is never kept; the secret half makes one share at most, that of this side's own commitment.
    ///
    /// # Errors
    /// [`ChannelError`]: unreachable for checked terms.
    pub fn verification_nonce(
        &self,
        channel: &Channel,
        number: u64,
    ) -> Result<PublicNonce, ChannelError> {
        Ok(self.verification(channel, number)?.1)
    }

    pub(super) fn verification(
        &self,
        channel: &Channel,
        number: u64,
    ) -> Result<(SecretNonce, PublicNonce), ChannelError> {
        let txid: &Txid = &channel.funding().txid;
        let parts: [&[u8]; 4] = [
            self.0.expose(),
            &txid.to_byte_array(),
            &channel.funding().vout.to_be_bytes(),
            &number.to_be_bytes(),
        ];
        let seed = Secret::from_bytes(tagged_hash_parts("narthex/verify-nonce", &parts));
        let pair = self.funding_pair()?;
        let drawn = PublicNonce::generate_ahead(seed.expose(), &pair, channel.funding_keys());
        let (secret, public) = drawn.ok_or(ChannelError::Randomness)?;
        Ok((secret, public.to_public()))
    }

    pub(super) fn funding_pair(&self) -> Result<MusigKeypair, ChannelError> {
        let pair = MusigKeypair::new(&self.secret("funding"));
        pair.ok_or(ChannelError::Point)
    }

    pub(super) fn payment_key(&self) -> SecretKey {
        self.secret("payment")
    }

    pub(super) fn payout_key(&self) -> SecretKey {
        self.secret("payout")
    }

    pub(super) fn delayed_key(&self) -> SecretKey {
        self.secret("delayed")
    }

    /// The key of everything on a commitment that the counterparty has revoked.
    pub(super) fn penalty_key(&self, secret: &SecretKey) -> Result<SecretKey, ChannelError> {
        revocation_secret(&self.secret("revocation"), secret)
    }

    /// Which side of a channel this is.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] for another channel's.
    pub fn side(&self, channel: &Channel) -> Result<Side, ChannelError> {
        let own = self.basepoints();
        let mut sides = Side::BOTH.into_iter();
        let found = sides.find(|side| *channel.basepoints(*side) == own);
        found.ok_or(ChannelError::Missing("side with these keys"))
    }

    fn secret(&self, name: &str) -> SecretKey {
        let mut hash = self.hash(name);
        // One hash in 2^128 is no scalar; then the hash of it is.
        loop {
            match SecretKey::from_slice(hash.expose()) {
                Ok(key) => return key,
                Err(_) => {
                    hash = Secret::from_bytes(tagged_hash("narthex/channel-key", hash.expose()))
                }
            }
        }
    }

    fn hash(&self, name: &str) -> Secret {
        let parts: [&[u8]; 2] = [self.0.expose(), name.as_bytes()];
        Secret::from_bytes(tagged_hash_parts("narthex/channel-key", &parts))
    }
}
