//! Coins and networks.

use bitcoin::{Network, OutPoint};
use narthex::contracts::terms::is_null;

/// A coin, as `txid:vout`.
pub(crate) fn outpoint(text: &str) -> Result<OutPoint, String> {
    let outpoint: OutPoint = text
        .parse()
        .map_err(|_| "a coin is written TXID:VOUT, 64 hexadecimal digits and a number")?;
    match is_null(&outpoint) {
        true => {
            Err("no transaction has this output: it is the null outpoint, or half of it".into())
        }
        false => Ok(outpoint),
    }
}

/// A network by name.
pub(crate) fn network(text: &str) -> Result<Network, String> {
    text.parse()
        .map_err(|_| "a network is bitcoin, testnet, testnet4, signet or regtest".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_that_cannot_be() {
        let id = "ab".repeat(32);
        assert!(outpoint(&format!("{id}:0")).is_ok());
        assert!(outpoint(&format!("{id}:4294967294")).is_ok());
        for text in [
            format!("{id}:4294967295"),
            format!("{}:0", "00".repeat(32)),
            format!("{}:4294967295", "00".repeat(32)),
        ] {
            assert!(outpoint(&text).is_err_and(|e| e.contains("null")), "{text}");
        }
        for text in [
            "",
            ":",
            &id,
            &format!("{id}:-1"),
            &format!("{id}:4294967296"),
        ] {
            assert!(
                outpoint(text).is_err_and(|e| e.contains("TXID:VOUT")),
                "{text}"
            );
        }
        assert!(network("mainnet").is_err() && network("regtest") == Ok(Network::Regtest));
    }
}
