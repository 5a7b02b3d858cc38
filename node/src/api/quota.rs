//! How often an address may ask for what needs no token.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Requests of one address in a minute.
pub(super) const A_MINUTE: u32 = 60;

/// Addresses that are remembered; where there are more in one minute, all others are one.
const MOST: usize = 4096;

/// Requests of this minute by address.
#[derive(Debug)]
pub(super) struct Quota {
    since: Instant,
    asked: BTreeMap<IpAddr, u32>,
}

impl Default for Quota {
    fn default() -> Self {
        Quota {
            since: Instant::now(),
            asked: BTreeMap::new(),
        }
    }
}

/// Whose it is: of version 6 whoever has an address has 2^64.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        four => four,
    }
}

impl Quota {
    fn takes(&mut self, address: IpAddr, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(60) {
            self.since = now;
            self.asked.clear();
        }
        let address = whose(address);
        let is_known = self.asked.contains_key(&address);
        let address = match is_known || self.asked.len() < MOST {
            true => address,
            false => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let count = self.asked.entry(address).or_default();
        *count = count.saturating_add(1);
        *count <= A_MINUTE
    }

    /// Whether this address may ask once more.
    pub(super) fn may(quota: &Mutex<Quota>, address: IpAddr) -> bool {
        let mut quota = quota.lock().unwrap_or_else(PoisonError::into_inner);
        quota.takes(address, Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_minute_and_memory_is_bounded() {
        let (mut quota, start) = (Quota::default(), Instant::now());
        let one: IpAddr = [10, 0, 0, 1].into();
        let six = |last: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 3, 4, 5, last));
        for number in 0..A_MINUTE {
            assert!(quota.takes(one, start), "{number}");
            assert!(quota.takes(six(u16::try_from(number).unwrap_or_default()), start));
        }
        // The same address, however it is written; the same network; and not another.
        assert!(!quota.takes(one, start));
        assert!(!quota.takes("::ffff:10.0.0.1".parse().unwrap_or(one), start));
        assert!(!quota.takes(six(9_999), start));
        assert!(quota.takes([10, 0, 0, 2].into(), start));
        // Crowds share what is left.
        for number in 0..20_000_u32 {
            quota.takes(IpAddr::V4((0x0b00_0000 + number).into()), start);
        }
        assert!(quota.asked.len() <= MOST + 1);
        assert!(!quota.takes([12, 0, 0, 1].into(), start));
        assert!(quota.takes(one, start + Duration::from_secs(60)));
        assert!(quota.takes([12, 0, 0, 1].into(), start + Duration::from_secs(61)));
    }
}
