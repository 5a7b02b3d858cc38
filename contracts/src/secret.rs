//! Secrets of 32 bytes: wiped when dropped, never printed, in the open in records alone.

/// Defines such a secret.
macro_rules! secret_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
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

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        /// Hex, for records that are kept as safe as keys.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(&hex_conservative::DisplayHex::as_hex(&self.0))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(d)?;
                let text = zeroize::Zeroizing::new(text);
                <[u8; 32] as hex_conservative::FromHex>::from_hex(&text)
                    .map($name)
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use secret_bytes;
