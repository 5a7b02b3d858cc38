//! The library's log lines, which are of Lightning and go nowhere: what matters here is told as events.

use lightning::util::logger::{Logger, Record};

/// Says nothing.
#[derive(Debug)]
pub(super) struct Silent;

impl Logger for Silent {
    fn log(&self, _: Record<'_>) {}
}
