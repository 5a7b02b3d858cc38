//! Bounds for tests: nothing waits for seconds, and what is not tried does not come into the way.

use std::time::Duration;

use narthex_node::transport::Limits;

pub fn quick() -> Limits {
    Limits {
        backoff: (Duration::from_millis(5), Duration::from_millis(50)),
        bytes_per_second: 1 << 40,
        ..Limits::default()
    }
}

/// Looks often, so that who is silent is found soon.
pub fn watchful() -> Limits {
    Limits {
        tick: Duration::from_millis(300),
        idle_ticks: 3,
        ..quick()
    }
}
