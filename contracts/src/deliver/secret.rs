//! The secrets of a delivery. They are wiped when dropped and never printed; only records hold them in the open.

use std::fmt;

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey, ecdh::SharedSecret},
};
use hex_conservative::{DisplayHex, FromHex};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hash::tagged_hash;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes 32 secret bytes; the caller wipes its own copy.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The secret bytes, for handing over on purpose.
            pub const fn expose(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        /// Hex, for records that are kept as safe as keys.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(&self.0.as_hex())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = Zeroizing::new(String::deserialize(d)?);
                <[u8; 32]>::from_hex(&text).map($name).map_err(D::Error::custom)
            }
        }
    };
}

secret! {
    /// What only sender and recipient of one delivery know. Whoever learns it reads the message and derives every
    /// agent's claim secret.
    Shared
}

secret! {
    /// d_i: what agent i claims with, besides its unsealing key. Good for one agent of one delivery.
    ClaimSecret
}

secret! {
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
        Shared(tagged_hash("narthex/deliver-shared", &parts))
    }

    /// Four bytes by which the recipient knows a delivery for it among those of others. They hash the root, so that
    /// nobody can put them to copies of its own.
    pub fn view_tag(&self, root: &[u8; 32]) -> [u8; 4] {
        let [a, b, c, d, ..] = tagged_hash("narthex/deliver-view", &[&self.0, root]);
        [a, b, c, d]
    }

    /// d_i of the agent with this index. `delivery` is [`DeliverRecord::delivery`](super::DeliverRecord::delivery),
    /// which no other delivery has.
    pub fn claim_secret(&self, delivery: &[u8; 32], agent: u8) -> ClaimSecret {
        let parts: [&[u8]; 3] = [&self.0, delivery, &[agent]];
        ClaimSecret(tagged_hash("narthex/deliver-claim", &parts))
    }

    /// Key of the envelope. It encrypts one message: the ephemeral key is of this delivery alone.
    pub(super) fn envelope_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(tagged_hash("narthex/deliver-envelope-key", &[&self.0]))
    }
}

impl ClaimSecret {
    /// What the agent's leaf asks for the preimage of.
    pub fn hash(&self) -> sha256::Hash {
        sha256::Hash::hash(&self.0)
    }
}

impl UnsealingKey {
    /// u_i of a delivery whose secrets come from this seed.
    pub(super) fn derive(seed: &[u8; 32], agent: u8) -> UnsealingKey {
        UnsealingKey(tagged_hash("narthex/deliver-unseal", &[seed, &[agent]]))
    }

    /// What the agent's leaf asks for the preimage of.
    pub fn hash(&self) -> sha256::Hash {
        sha256::Hash::hash(&self.0)
    }

    /// Key of the cipher of copy i.
    pub(super) fn cipher_key(&self, agent: u8) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(tagged_hash(
            "narthex/deliver-copy-key",
            &[&self.0, &[agent]],
        ))
    }
}

/// The ephemeral secret e of a delivery whose secrets come from this seed. A hash is no scalar once in 2¹²⁸.
pub(super) fn ephemeral(seed: &[u8; 32]) -> Option<SecretKey> {
    SecretKey::from_slice(&tagged_hash("narthex/deliver-ephemeral", &[seed])).ok()
}

fn public(key: &SecretKey) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::signing_only(), key)
}
