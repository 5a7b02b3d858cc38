//! Serde helpers for values whose text form `bitcoin-units` and `serde` leave open.

/// A list of amounts as integers in satoshi.
pub(crate) mod list {
    use bitcoin_units::Amount;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(list: &[Amount], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(list.iter().map(|amount| amount.to_sat()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Amount>, D::Error> {
        let list = Vec::<u64>::deserialize(d)?;
        Ok(list.into_iter().map(Amount::from_sat).collect())
    }
}

/// Bytes as lower-case hexadecimal text.
pub(crate) mod hex {
    use hex_conservative::{DisplayHex, FromHex};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&bytes.as_hex())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(d)?;
        Vec::from_hex(&text).map_err(serde::de::Error::custom)
    }
}

/// A 32-byte value as hexadecimal text.
pub(crate) mod hex32 {
    use hex_conservative::{DisplayHex, FromHex};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&bytes.as_hex())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(d)?;
        <[u8; 32]>::from_hex(&text).map_err(serde::de::Error::custom)
    }
}

/// A list of 32-byte values as hexadecimal texts.
pub(crate) mod hex32_list {
    use hex_conservative::{DisplayHex, FromHex};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(list: &[[u8; 32]], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(list.iter().map(|bytes| bytes.to_lower_hex_string()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<[u8; 32]>, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        let read = |text: &String| <[u8; 32]>::from_hex(text).map_err(serde::de::Error::custom);
        texts.iter().map(read).collect()
    }
}
