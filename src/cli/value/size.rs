//! Sizes.

use super::decimal;

/// A size in bytes, or with its unit: `65536`, `64KiB`, `1.5MiB`, `4GiB`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let units = [("kib", 10), ("mib", 20), ("gib", 30)];
    let unit = units
        .iter()
        .find_map(|(unit, shift)| Some((lower.strip_suffix(unit)?, *shift)));
    let (number, shift) = unit.unwrap_or((&lower, 0));
    let grammar = || "a size is written 65536 (bytes), 64KiB, 1.5MiB or 4GiB".to_owned();
    let thousandths = decimal(number.trim_end(), 3).ok_or_else(grammar)?;
    let bytes = thousandths.checked_mul(1 << shift);
    let bytes = bytes.ok_or_else(|| format!("{text} is more than any machine has"))?;
    if bytes % 1_000 != 0 {
        return Err(format!("{text} is no whole number of bytes: {}", grammar()));
    }
    u64::try_from(bytes / 1_000).map_err(|_| format!("{text} is more than any machine has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_two() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("64KiB", 65_536),
            ("1.5 mib", 1_572_864),
            ("0.125kib", 128),
            ("4GiB", 4_294_967_296),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for (text, part) in [
            ("", "is written"),
            ("-1", "is written"),
            ("64MB", "is written"),
            ("64k", "is written"),
            ("MiB", "is written"),
            ("1.2345MiB", "is written"),
            ("0.5", "no whole number"),
            ("0.1KiB", "no whole number"),
            ("18446744073709551616", "any machine"),
            ("17179869184GiB", "any machine"),
            ("340282366920938463463374607431768211455GiB", "is written"),
        ] {
            let error = size(text).err().unwrap_or_default();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
