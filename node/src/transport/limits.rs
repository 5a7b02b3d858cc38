//! What a transport bears.

use std::time::Duration;

/// Largest message, in bytes without its type: BOLT 8 frames hold 65,535 bytes, and the type takes two.
pub const MAX_MESSAGE_BYTES: usize = 65_533;

/// Types of messages that nodes of Narthex send each other. BOLT 1 leaves those from 32,768 on to whoever wants them.
pub const MESSAGE_TYPES: std::ops::RangeInclusive<u16> = 33_000..=33_090;

/// Type of the message by which a transport grants credit: 8 bytes, big-endian, the sum of what has been taken out since
/// the connection began. Even, since nothing works without it. It stands behind the types of parties, none of which sends
/// or sees one.
pub const CREDIT: u16 = 33_092;

/// What either side may send beyond what the other has taken out, in bytes with [`MESSAGE_OVERHEAD`]. Both sides know
/// it, so it is not sent.
pub const WINDOW: u64 = 512 * 1024;

/// What each message counts beside its bytes: so many short ones are a flood too.
pub const MESSAGE_OVERHEAD: u64 = 64;

/// Bounds of one transport. The defaults are for a party with some tens of counterparties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may wait for one peer, with [`MESSAGE_OVERHEAD`], beside the [`WINDOW`] that is on its way.
    pub queued_bytes: u64,
    /// Bytes of messages that may wait to be read from peers that have gone; with more, nobody new is let in.
    pub left_bytes: u64,
    /// Events that may wait to be read; with more, nobody new is let in.
    pub events: usize,
    /// Connections at once that have not shown a key yet. One more, and the oldest goes.
    pub unfinished: usize,
    /// Peers at once that have shown a key which is not known. One more, and the oldest goes.
    pub strangers: usize,
    /// Bytes that a stranger may send in one connection, with [`MESSAGE_OVERHEAD`].
    pub stranger_bytes: u64,
    /// Time for a connection to be made, and again for both sides to show their keys.
    pub handshake: Duration,
    /// Between two looks at who is alive. Who answers no ping for about two of them is gone.
    pub tick: Duration,
    /// Looks in a row at which a peer has taken out nothing of what waits for it, after which it is closed.
    pub idle_ticks: u32,
    /// Bytes a second that a peer may go on sending, above the first [`WINDOW`]. Slowed down, not closed.
    pub bytes_per_second: u64,
    /// Shortest and longest time before another try to reach a peer; it doubles, and half of it is chance.
    pub backoff: (Duration, Duration),
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            queued_bytes: 4 * 1024 * 1024,
            left_bytes: 4 * 1024 * 1024,
            events: 4096,
            unfinished: 64,
            strangers: 64,
            stranger_bytes: 16 * 1024,
            handshake: Duration::from_secs(10),
            tick: Duration::from_secs(10),
            idle_ticks: 6,
            bytes_per_second: 4 * 1024 * 1024,
            backoff: (Duration::from_millis(500), Duration::from_secs(60)),
        }
    }
}
