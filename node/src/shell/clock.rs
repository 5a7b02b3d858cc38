//! The clocks that a party is told by.

use std::time::{Instant, SystemTime};

use crate::party::Now;

/// The system's clocks, as long as a process runs.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// From now on.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// What they say.
    pub fn now(&self) -> Now {
        Now {
            ms: u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix_s: unix_s(),
        }
    }
}

pub(super) fn unix_s() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed();
    since.map_or(0, |since| since.as_secs())
}
