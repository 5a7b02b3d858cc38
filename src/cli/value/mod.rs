//! How values are written on the command line: one grammar for each kind, the same in every command.
//!
//! A refusal says what was understood, not only that something is wrong.

mod amount;
mod coin;
mod fee;
mod share;
mod size;
mod when;

pub(super) use amount::amount;
pub(super) use coin::{network, outpoint};
pub(super) use fee::{fee_rate, play_fee_rate};
pub(super) use share::{chance, factor, share};
pub(super) use size::size;
pub(super) use when::{When, height};

use bitcoin::hex::FromHex;

/// 32 bytes: 64 hexadecimal digits.
pub(super) fn bytes32(text: &str) -> Result<[u8; 32], String> {
    <[u8; 32]>::from_hex(text).map_err(|_| {
        let digits = text.chars().count();
        match text.chars().all(|c| c.is_ascii_hexdigit()) {
            true => format!("64 hex digits are wanted, not {digits}"),
            false => "64 hex digits are wanted, and nothing else".into(),
        }
    })
}

/// The hash of a block, as explorers and bitcoind show it: its bytes from the last to the first. Here as they are hashed.
pub(super) fn block_hash(text: &str) -> Result<[u8; 32], String> {
    let mut hash = bytes32(text)?;
    hash.reverse();
    Ok(hash)
}

/// A number with at most `places` decimals, in units of 10^-places. Digits and one point, nothing else; `None` also if
/// it does not fit.
fn decimal(text: &str, places: u32) -> Option<u128> {
    let (whole, part) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let length = u32::try_from(part.len()).ok().filter(|n| *n <= places)?;
    if whole.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let number = format!("{whole}{part}").parse::<u128>().ok()?;
    number.checked_mul(10u128.checked_pow(places - length)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, places, number) in [
            ("0", 3, 0),
            ("1", 3, 1_000),
            ("1.5", 3, 1_500),
            ("007.250", 3, 7_250),
            ("1.5", 1, 15),
            ("340282366920938463463374607431768211455", 0, u128::MAX),
        ] {
            assert_eq!(decimal(text, places), Some(number), "{text}");
        }
        for text in [
            "",
            ".",
            ".5",
            "1.",
            "-1",
            "+1",
            "1e3",
            "1_000",
            " 1",
            "1 ",
            "1.2.3",
            "1.2345",
            "0x1",
            "١",
            "340282366920938463463374607431768211456",
        ] {
            assert_eq!(decimal(text, 3), None, "{text}");
        }
    }

    #[test]
    fn block_hashes_are_shown_backwards() {
        let genesis = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
        let hash = bitcoin::constants::genesis_block(bitcoin::Network::Bitcoin).block_hash();
        assert_eq!(hash.to_string(), genesis);
        let bytes: &[u8; 32] = hash.as_ref();
        assert_eq!(block_hash(genesis).as_ref(), Ok(bytes));
        assert!(block_hash("00").is_err());
    }

    #[test]
    fn bytes_are_64_digits() {
        assert_eq!(bytes32(&"0a".repeat(32)), Ok([10; 32]));
        assert!(bytes32("0a").is_err_and(|e| e.contains("not 2")));
        assert!(bytes32(&"0g".repeat(32)).is_err());
    }
}
