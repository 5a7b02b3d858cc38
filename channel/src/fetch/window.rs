//! Which chunks were asked for.

/// Chunks that are asked for at once and have not come: 256 KiB of them, half of what a transport lets be on its way.
pub const FETCH_WINDOW: u32 = 8;

/// What was asked for on a connection and has not come. Chunks are taken in order: whoever serves them sends them so, and one
/// that is missing is asked for again with all behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchWindow {
    /// The chunk that is awaited.
    next: u32,
    /// Those before this one were asked for.
    asked: u32,
    all: u32,
    /// When something came, or it began; in milliseconds of the driver's clock.
    moved_ms: u64,
}

impl FetchWindow {
    /// From this chunk on, of so many.
    pub const fn new(next: u32, all: u32, now_ms: u64) -> FetchWindow {
        FetchWindow {
            next,
            asked: next,
            all,
            moved_ms: now_ms,
        }
    }

    /// The chunk that is awaited; all before it have come.
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// What is to be asked for now.
    pub fn ask(&mut self) -> std::ops::Range<u32> {
        let end = self.next.saturating_add(FETCH_WINDOW).min(self.all);
        let asked = self.asked.max(self.next);
        self.asked = end.max(asked);
        asked..self.asked
    }

    /// Whether a chunk that comes is the awaited one.
    pub const fn awaits(&self, index: u32) -> bool {
        index == self.next && index < self.asked
    }

    /// The awaited one has come, and is right.
    pub const fn took(&mut self, now_ms: u64) {
        self.next = self.next.saturating_add(1);
        self.moved_ms = now_ms;
    }

    /// Milliseconds since something came.
    pub const fn silent_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.moved_ms)
    }
}
