//! Serde helpers for values whose text form `bitcoin-units` and `serde` leave open; hexadecimal ones are in `narthex_base::hex`.

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
