//! Secrets of 32 bytes: wiped when dropped, never printed, in the open in records alone.
//!
//! [`Secret`] holds the bytes. Each secret of a protocol is a type of its own around one, so that none is taken for
//! another: [`secret!`](crate::secret!) defines such a type. What may sign only once (a nonce) is no such secret: it must
//! not be cloned.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 32 secret bytes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; 32]);

impl Secret {
    /// Takes 32 secret bytes; the caller wipes its own copy.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Filled in place, so that no copy is left to wipe: `Secret::drawn(|bytes| rng.fill_bytes(bytes))`.
    pub fn drawn(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut secret = Self([0; 32]);
        fill(&mut secret.0);
        secret
    }

    /// The secret bytes, for handing over on purpose.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    /// Without the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Hex, for records that are kept as safe as keys.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&hex_conservative::DisplayHex::as_hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(d)?);
        <[u8; 32] as hex_conservative::FromHex>::from_hex(&text)
            .map(Secret)
            .map_err(D::Error::custom)
    }
}

/// Defines a secret of its own type around [`Secret`]. With `serde` in front, records may hold it, in hex.
#[macro_export]
macro_rules! secret {
    (serde $(#[$doc:meta])* $name:ident) => {
        $crate::secret! {
            #[derive(serde::Serialize, serde::Deserialize)]
            #[serde(transparent)]
            $(#[$doc])*
            $name
        }
    };
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name($crate::secret::Secret);

        impl $name {
            /// Takes 32 secret bytes; the caller wipes its own copy.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self($crate::secret::Secret::from_bytes(bytes))
            }

            /// Filled in place, so that no copy is left to wipe.
            pub fn drawn(fill: impl FnOnce(&mut [u8; 32])) -> Self {
                Self($crate::secret::Secret::drawn(fill))
            }

            /// The secret bytes, for handing over on purpose.
            pub const fn expose(&self) -> &[u8; 32] {
                self.0.expose()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}
