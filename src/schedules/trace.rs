//! What happened in a schedule, hashed, and the last of it for people.

use narthex_base::tagged::tagged_hash_parts;

/// Events that are kept to be shown, if nobody asks for more.
const SHOWN: usize = 40;

/// What happened.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub(super) hash: [u8; 32],
    shown: usize,
    /// The last events, one on a line.
    pub(super) last: Vec<String>,
}

impl Trace {
    /// That keeps so many events at least.
    pub(super) fn showing(events: Option<usize>) -> Trace {
        Trace {
            hash: [0; 32],
            shown: events.unwrap_or(SHOWN),
            last: Vec::new(),
        }
    }

    /// An event happened: it is part of the trace.
    pub(super) fn event(&mut self, what: String) {
        self.hash = tagged_hash_parts("narthex/trace", &[&self.hash, what.as_bytes()]);
        self.last.push(what);
        // By halves, not one for each that comes.
        if self.last.len() > self.shown.saturating_mul(2) {
            self.last.drain(..self.shown);
        }
    }
}
