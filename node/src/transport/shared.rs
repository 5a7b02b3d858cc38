//! What the tasks of a transport share, and what wakes them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, oneshot, watch};

use super::state::State;

/// Decisions under one lock, and who waits for them.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something may leave, or is to be closed.
    pub(super) work: Notify,
    /// Something is there to be read.
    pub(super) news: Notify,
    /// Counts changes of who is connected and of how much room there is.
    pub(super) changes: watch::Sender<u64>,
    unfinished: Mutex<Unfinished>,
}

/// The other end of a connection, and whether it came from there. Scopes and flows are left out: the library does not know
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    inbound: bool,
    ip: IpAddr,
    port: u16,
}

impl End {
    pub(super) fn new(inbound: bool, at: &SocketAddr) -> End {
        End {
            inbound,
            ip: at.ip(),
            port: at.port(),
        }
    }
}

/// What became of a connection that had shown no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Both sides have.
    Key,
    /// Another one needs its place.
    Nothing,
}

/// Connections that have not shown a key yet, and who waits for what becomes of each.
#[derive(Debug, Default)]
struct Unfinished {
    next: u64,
    by_end: BTreeMap<End, (u64, oneshot::Sender<Shown>)>,
}

impl Shared {
    pub(super) fn new(state: State) -> Shared {
        Shared {
            state: Mutex::new(state),
            work: Notify::new(),
            news: Notify::new(),
            changes: watch::Sender::new(0),
            unfinished: Mutex::default(),
        }
    }

    /// The state. Nobody panics while holding it; if somebody did, it is whole between two of its calls.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn unfinished(&self) -> MutexGuard<'_, Unfinished> {
        self.unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that has to show a key. If too many have come, the oldest is ended: whoever opens many and says nothing
    /// keeps nobody out, since an honest one is done within two round trips.
    pub(super) fn begin(&self, end: End) -> oneshot::Receiver<Shown> {
        let most = self.state().limits().unfinished.max(1);
        let mut unfinished = self.unfinished();
        let oldest = |unfinished: &Unfinished| {
            let inbound = unfinished.by_end.iter().filter(|(end, _)| end.inbound);
            let ages: Vec<_> = inbound.map(|(end, (age, _))| (*age, *end)).collect();
            let oldest = ages.iter().min().filter(|_| ages.len() >= most);
            oldest.map(|(_, end)| *end)
        };
        if end.inbound
            && let Some(oldest) = oldest(&unfinished)
            && let Some((_, waits)) = unfinished.by_end.remove(&oldest)
        {
            // One that is over already is what is wanted.
            let _ = waits.send(Shown::Nothing);
        }
        let (send, receive) = oneshot::channel();
        let age = unfinished.next;
        unfinished.next += 1;
        unfinished.by_end.insert(end, (age, send));
        receive
    }

    /// Both sides have shown their keys.
    pub(super) fn finish(&self, end: End) {
        if let Some((_, waits)) = self.unfinished().by_end.remove(&end) {
            // One that is over already needs to know nothing.
            let _ = waits.send(Shown::Key);
        }
    }

    /// It is over, or too late.
    pub(super) fn give_up(&self, end: End) {
        self.unfinished().by_end.remove(&end);
    }
}
