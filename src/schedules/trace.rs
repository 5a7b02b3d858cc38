//! What happened in a schedule, hashed, and the last of it for people.

use narthex_base::tagged::tagged_hash_parts;

/// Events that are kept to be shown.
const SHOWN: usize = 40;

/// What happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    pub(super) hash: [u8; 32],
    /// The last events, one on a line.
    pub(super) last: Vec<String>,
}

impl Trace {
    /// An event happened: it is part of the trace.
    pub(super) fn event(&mut self, what: String) {
        self.hash = tagged_hash_parts("narthex/trace", &[&self.hash, what.as_bytes()]);
        self.last.push(what);
        if self.last.len() > 2 * SHOWN {
            self.last.drain(..SHOWN);
        }
    }
}
