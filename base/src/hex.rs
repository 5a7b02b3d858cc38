//! Serde bridges for values whose text form is lower-case hexadecimal: `#[serde(with = "narthex_base::hex")]` for byte
//! strings, and one module for each other shape.

use hex_conservative::{DisplayHex, FromHex};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

use crate::codec::Message;

/// A byte string.
///
/// # Errors
/// What the serializer says.
pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(&bytes.as_hex())
}

/// A byte string.
///
/// # Errors
/// Not hexadecimal.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
    Vec::from_hex(&String::deserialize(d)?).map_err(D::Error::custom)
}

/// A value of N bytes.
pub mod array {
    use super::*;

    /// Of N bytes.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        s: S,
    ) -> Result<S::Ok, S::Error> {
        super::serialize(bytes, s)
    }

    /// Of N bytes.
    ///
    /// # Errors
    /// Not hexadecimal, or of another length.
    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        d: D,
    ) -> Result<[u8; N], D::Error> {
        let bytes = super::deserialize(d)?;
        let found = bytes.len();
        <[u8; N]>::try_from(bytes)
            .map_err(|_| D::Error::custom(format!("{found} bytes, expected {N}")))
    }
}

/// A list of values of 32 bytes.
pub mod list {
    use super::*;

    /// Each as a text.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<S: Serializer>(list: &[[u8; 32]], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(list.iter().map(|bytes| bytes.to_lower_hex_string()))
    }

    /// Each from a text.
    ///
    /// # Errors
    /// Not hexadecimal, or not of 32 bytes each.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<[u8; 32]>, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        let read = |text: &String| <[u8; 32]>::from_hex(text).map_err(D::Error::custom);
        texts.iter().map(read).collect()
    }
}

/// A [`Message`], as the hex of its bytes.
pub mod message {
    use super::*;

    /// Of its bytes, the kind included.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<T: Message, S: Serializer>(message: &T, s: S) -> Result<S::Ok, S::Error> {
        super::serialize(&message.to_bytes(), s)
    }

    /// From its bytes.
    ///
    /// # Errors
    /// Not hexadecimal, or no such message.
    pub fn deserialize<'de, T: Message, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        super::read_message(&String::deserialize(d)?)
    }
}

/// A [`Message`] that may be missing.
pub mod optional_message {
    use super::*;

    /// Of its bytes, the kind included.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<T: Message, S: Serializer>(
        message: &Option<T>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        match message {
            None => s.serialize_none(),
            Some(message) => s.serialize_some(&message.to_bytes().to_lower_hex_string()),
        }
    }

    /// From its bytes.
    ///
    /// # Errors
    /// Not hexadecimal, or no such message.
    pub fn deserialize<'de, T: Message, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(d)?;
        text.map(|text| super::read_message(&text)).transpose()
    }
}

/// A list of [`Message`]s.
pub mod messages {
    use super::*;

    /// Each of its bytes, the kind included.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<T: Message, S: Serializer>(list: &[T], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(list.iter().map(|m| m.to_bytes().to_lower_hex_string()))
    }

    /// Each from its bytes.
    ///
    /// # Errors
    /// Not hexadecimal, or no such messages.
    pub fn deserialize<'de, T: Message, D: Deserializer<'de>>(d: D) -> Result<Vec<T>, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        texts.iter().map(|text| super::read_message(text)).collect()
    }
}

fn read_message<T: Message, E: Error>(text: &str) -> Result<T, E> {
    T::from_bytes(&Vec::from_hex(text).map_err(E::custom)?).map_err(E::custom)
}
