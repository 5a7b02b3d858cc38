//! How much a peer may send.

/// Bytes that flow out of a vessel at a steady rate: what overflows is too much.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    per_s: u64,
    holds: u64,
    level: u64,
    at_ms: u64,
}

impl Meter {
    /// A rate in bytes per second, and how many bytes may come at once.
    pub const fn new(per_s: u64, holds: u64) -> Meter {
        Meter {
            per_s,
            holds,
            level: 0,
            at_ms: 0,
        }
    }

    /// So many bytes at a time in milliseconds, from whatever start; a time that goes back counts as none. Whether they are
    /// within the measure: if not, they are not counted.
    pub const fn pour(&mut self, bytes: usize, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        let drained = passed_ms.saturating_mul(self.per_s) / 1_000;
        // What is less than a byte stays for the next time.
        if drained > 0 {
            self.level = self.level.saturating_sub(drained);
            self.at_ms = now_ms;
        }
        let level = self.level.saturating_add(bytes as u64);
        let is_within = level <= self.holds;
        if is_within {
            self.level = level;
        }
        is_within
    }

    /// Milliseconds after which what has come so far is within one second's measure: read no more for so long.
    pub const fn wait_ms(&self) -> u64 {
        let over = self.level.saturating_sub(self.per_s);
        // Rounded up, so that the wait is enough. A rate of 0 never drains.
        match self.per_s {
            0 => u64::MAX,
            per_s => over.saturating_mul(1_000).div_ceil(per_s),
        }
    }
}
