//! Heights, times and months.

use std::str::FromStr;

use bitcoin::absolute::LOCK_TIME_THRESHOLD;
use narthex::contracts::bond::{BlockTime, BondError, Lock, bip46::Month};

/// When something is: a height, a Unix time, or a month (its first second).
///
/// `800000` is a height, `1900000000` a time (BIP65: from 500,000,000 on), `2030-01` a month. A number of four digits
/// could be a year and is refused; `height:2030` and `time:1900000000` leave no doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Of a block.
    Height(u32),
    /// Unix seconds.
    Time(u32),
    /// Of a year up to 2099, as BIP46 numbers them.
    Month(Month),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<When, String> {
        if let Some(number) = text.strip_prefix("height:") {
            return height(number).map(When::Height);
        }
        if let Some(number) = text.strip_prefix("time:") {
            let time = digits(number)?;
            return match time >= LOCK_TIME_THRESHOLD {
                true => Ok(When::Time(time)),
                false => Err(format!(
                    "{time} is below {LOCK_TIME_THRESHOLD}, where times begin (BIP65): it would be read as a height"
                )),
            };
        }
        if text.contains('-') && !text.starts_with('-') {
            return text.parse().map(When::Month).map_err(|_| {
                "a month is written 2030-01, from 2020-01 to 2099-12 (BIP46)".to_owned()
            });
        }
        let number = digits(text)?;
        if text.len() == 4 {
            return Err(format!(
                "is {number} a year or a height? Write {number}-01 for a month of the year, height:{number} for the height"
            ));
        }
        Ok(match number < LOCK_TIME_THRESHOLD {
            true => When::Height(number),
            false => When::Time(number),
        })
    }
}

impl When {
    /// As what a coin is locked until.
    pub(crate) fn lock(self) -> Result<Lock, BondError> {
        match self {
            When::Height(height) => Lock::height(height),
            When::Time(time) => Lock::time(time),
            When::Month(month) => month.lock(),
        }
    }

    /// As a moment to compare with a lock. Only the one of height and time that `lock` is in is looked at; a moment in
    /// the other is refused.
    pub(crate) fn beside(self, lock: Lock) -> anyhow::Result<BlockTime> {
        let (number, is_time) = match self {
            When::Height(height) => (height, false),
            When::Time(time) => (time, true),
            When::Month(month) => (month.lock()?.to_consensus(), true),
        };
        let kind = |is_time| if is_time { "time" } else { "height" };
        anyhow::ensure!(
            is_time == lock.is_time(),
            "the lock is {lock}: it is compared with a {}, and {} {number} is none",
            kind(lock.is_time()),
            kind(is_time)
        );
        Ok(BlockTime {
            height: number,
            median_time: number,
        })
    }
}

/// A height: digits, below 500,000,000. `height:` before it is taken as well.
pub(crate) fn height(text: &str) -> Result<u32, String> {
    let text = text.strip_prefix("height:").unwrap_or(text);
    let number = digits(text)?;
    match number < LOCK_TIME_THRESHOLD {
        true => Ok(number),
        false => Err(format!(
            "{number} is a Unix time: heights are below {LOCK_TIME_THRESHOLD} (BIP65)"
        )),
    }
}

fn digits(text: &str) -> Result<u32, String> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(
            "a height such as 800000, a Unix time from 500000000 on, or a month such as 2030-01"
                .into(),
        );
    }
    text.parse::<u32>().map_err(|_| {
        let most = u32::MAX;
        format!("no lock holds it: heights are below {LOCK_TIME_THRESHOLD}, times at most {most}")
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn when(text: &str) -> Result<When, String> {
        text.parse()
    }

    #[test]
    fn the_border_of_bip65() {
        assert_eq!(when("499999999"), Ok(When::Height(499_999_999)));
        assert_eq!(when("500000000"), Ok(When::Time(500_000_000)));
        assert_eq!(when("height:499999999"), Ok(When::Height(499_999_999)));
        assert_eq!(when("time:500000000"), Ok(When::Time(500_000_000)));
        assert!(when("height:500000000").is_err_and(|e| e.contains("is a Unix time")));
        assert!(when("time:499999999").is_err_and(|e| e.contains("as a height")));
        assert_eq!(height("499999999"), Ok(499_999_999));
        assert!(height("500000000").is_err_and(|e| e.contains("500000000 is a Unix time")));
        assert_eq!(when("4294967295"), Ok(When::Time(u32::MAX)));
        assert!(when("4294967296").is_err_and(|e| e.contains("at most 4294967295")));
    }

    #[test]
    fn a_year_is_no_height() {
        for year in ["2030", "1999", "0001", "9999"] {
            let error = when(year).err().unwrap_or_default();
            assert!(error.contains("height:"), "{error}");
        }
        assert_eq!(when("height:2030"), Ok(When::Height(2_030)));
        assert_eq!(when("999"), Ok(When::Height(999)));
        assert_eq!(when("10000"), Ok(When::Height(10_000)));
        // Where no month can be meant there is no doubt.
        assert_eq!(height("2030"), Ok(2_030));
    }

    #[test]
    fn months_to_the_end_of_bip46() {
        let month = |text: &str| When::Month(text.parse().unwrap());
        assert_eq!(when("2020-01"), Ok(month("2020-01")));
        assert_eq!(when("2099-12"), Ok(month("2099-12")));
        for text in [
            "2019-12",
            "2100-01",
            "2030-13",
            "2030-1",
            "2030-01-01",
            "30-01",
        ] {
            assert!(when(text).is_err_and(|e| e.contains("2099-12")), "{text}");
        }
        for text in [
            "",
            "-1",
            "+5",
            "tomorrow",
            "0x10",
            "1 000",
            "height:",
            "height:-1",
            "time:",
        ] {
            assert!(when(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_of_the_other_kind_is_refused() {
        let height = Lock::height(800_000).unwrap();
        let time = Lock::time(1_900_000_000).unwrap();
        assert_eq!(When::Height(7).beside(height).unwrap().height, 7);
        let month = When::Month("2020-01".parse().unwrap());
        assert_eq!(month.beside(time).unwrap().median_time, 1_577_836_800);
        assert!(When::Height(7).beside(time).is_err());
        assert!(month.beside(height).is_err());
        assert!(When::Time(1_900_000_000).beside(height).is_err());
    }
}
