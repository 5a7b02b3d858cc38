//! The secrets of a delivery. They are wiped when dropped and never printed; only records hold them in the open.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{
        PublicKey, Scalar, Secp256k1, SecretKey,
        ecdh::SharedSecret,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::secret;
use narthex_base::tagged::tagged_hash_parts;
use zeroize::Zeroizing;

use crate::binding::Mark;

secret! {
    serde
    /// What only sender and recipient of one delivery know. It pays nobody: whoever learns it reads the message, and
    /// finds out whose one-time key the recipient's is.
    Shared
}

secret! {
    serde
    /// Key of the envelope. Evidence shows it; it leads neither to the recipient nor to a signature of its.
    EnvelopeKey
}

secret! {
    serde
    /// What all secrets of a sender's delivery come from.
    DeliverySeed
}

secret! {
    serde
    /// u_i: the key of copy i. The agent's claim publishes it.
    UnsealingKey
}

impl Shared {
    /// As the sender derives it, with the ephemeral secret e of this delivery: from e·R.
    pub fn of_sender(ephemeral: &SecretKey, recipient: &PublicKey) -> Shared {
        let own = public(ephemeral);
        Shared::new(&SharedSecret::new(recipient, ephemeral), &own, recipient)
    }

    /// As the recipient derives it, with its own key r: from r·(e·G).
    pub fn of_recipient(key: &SecretKey, ephemeral: &PublicKey) -> Shared {
        let own = public(key);
        Shared::new(&SharedSecret::new(ephemeral, key), ephemeral, &own)
    }

    fn new(product: &SharedSecret, ephemeral: &PublicKey, recipient: &PublicKey) -> Shared {
        let product = Zeroizing::new(product.secret_bytes());
        let (ephemeral, recipient) = (ephemeral.serialize(), recipient.serialize());
        let parts: [&[u8]; 3] = [&*product, &ephemeral, &recipient];
        Shared::from_bytes(tagged_hash_parts("narthex/deliver-shared", &parts))
    }

    /// Four bytes by which the recipient knows a delivery for it among those of others. They hash the root, so that
    /// nobody can put them to copies of its own.
    pub fn view_tag(&self, root: &[u8; 32]) -> [u8; 4] {
        let [a, b, c, d, ..] = tagged_hash_parts("narthex/deliver-view", &[self.expose(), root]);
        [a, b, c, d]
    }

    /// Key of the envelope. It encrypts one message: the ephemeral key is of this delivery alone.
    pub fn envelope_key(&self) -> EnvelopeKey {
        EnvelopeKey::from_bytes(tagged_hash_parts(
            "narthex/deliver-envelope-key",
            &[self.expose()],
        ))
    }

    /// The recipient's key in this delivery: its own, and the tweak that both know. Nobody else can tell whose it is,
    /// and the recipient alone signs with it. A hash leads to no key once in 2¹²⁸.
    pub fn one_time_key(&self, recipient: &PublicKey) -> Option<PublicKey> {
        let secp = narthex_base::context::verifying();
        recipient.add_exp_tweak(secp, &self.tweak()?).ok()
    }

    /// The secret of [`Shared::one_time_key`], of the recipient's own.
    pub(super) fn one_time_secret(&self, recipient: &SecretKey) -> Option<SecretKey> {
        recipient.add_tweak(&self.tweak()?).ok()
    }

    fn tweak(&self) -> Option<Scalar> {
        Scalar::from_be_bytes(tagged_hash_parts(
            "narthex/deliver-recipient",
            &[self.expose()],
        ))
        .ok()
    }
}

impl EnvelopeKey {
    /// What the terms say of it, so that the sender cannot name another afterwards, nor the recipient.
    pub fn hash(&self) -> sha256::Hash {
        let hash = tagged_hash_parts("narthex/deliver-envelope-key-hash", &[self.expose()]);
        sha256::Hash::from_byte_array(hash)
    }
}

impl DeliverySeed {
    /// Draws a seed.
    pub(super) fn draw<R: RngCore + CryptoRng>(rng: &mut R) -> DeliverySeed {
        DeliverySeed::drawn(|bytes| rng.fill_bytes(bytes))
    }

    /// What is bound to the one delivery that it serves.
    pub(super) fn mark(&self) -> Mark {
        Mark::of("delivery seed", self.expose())
    }

    /// The ephemeral secret e. A hash is no scalar once in 2¹²⁸.
    pub(super) fn ephemeral(&self) -> Option<SecretKey> {
        SecretKey::from_slice(&tagged_hash_parts(
            "narthex/deliver-ephemeral",
            &[self.expose()],
        ))
        .ok()
    }

    /// Whether the terms with this ephemeral key were made of this seed.
    pub fn is_of(&self, ephemeral: &PublicKey) -> bool {
        let secret = self.ephemeral();
        secret.is_some_and(|secret| {
            PublicKey::from_secret_key(&Secp256k1::signing_only(), &secret) == *ephemeral
        })
    }

    /// u_i.
    pub(super) fn unsealing_key(&self, agent: u8) -> UnsealingKey {
        UnsealingKey::from_bytes(tagged_hash_parts(
            "narthex/deliver-unseal",
            &[self.expose(), &[agent]],
        ))
    }
}

impl UnsealingKey {
    /// What the agent's leaf asks for the preimage of.
    pub fn hash(&self) -> sha256::Hash {
        sha256::Hash::hash(self.expose())
    }

    /// Key of the cipher of copy i.
    pub(super) fn cipher_key(&self, agent: u8) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(tagged_hash_parts(
            "narthex/deliver-copy-key",
            &[self.expose(), &[agent]],
        ))
    }
}

fn public(key: &SecretKey) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::signing_only(), key)
}
