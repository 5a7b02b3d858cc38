//! What the process adds to the answers of its party: what it has measured, and whether it can do what its node is there for.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use narthex_disk::{Readers, remove, replace};

use crate::{
    meters::Meters,
    party::{Core, Figures, ReadyStatus, Reply},
};

/// Time for which it is believed that the folder can be written.
const WRITTEN: Duration = Duration::from_secs(10);

/// A file that is written, made durable and removed again.
const TRIED: &str = "ready.tried";

/// What the process knows.
pub(super) struct Process {
    meters: Arc<Meters>,
    tried: PathBuf,
    /// Whether the box holds in which questions are judged, if there is one.
    holds: bool,
    written: Option<Instant>,
}

impl Process {
    /// Of a folder that this process uses.
    pub(super) fn new(folder: &Path, meters: Arc<Meters>, holds: bool) -> Process {
        Process {
            meters,
            tried: folder.join(TRIED),
            holds,
            written: None,
        }
    }

    /// An answer, with what the process adds.
    pub(super) fn completes(&mut self, reply: Reply, core: &Core) -> Reply {
        match reply {
            Reply::Metrics(text) => {
                let mut figures = Figures::from(text);
                self.meters.say(&mut figures, core.bad_input());
                Reply::Metrics(figures.into_text())
            }
            Reply::Ready(status) => Reply::Ready(self.ready(status, core.judges())),
            other => other,
        }
    }

    /// What speaks against it here; the box only where the node judges.
    fn ready(&mut self, mut status: ReadyStatus, judges: bool) -> ReadyStatus {
        if judges && !self.holds {
            let why = "the box in which arbiters' questions are judged does not hold: see what the node said when it started";
            status = status.but("box", why);
        }
        if self.written.is_some_and(|then| then.elapsed() < WRITTEN) {
            return status;
        }
        let tried = replace(&self.tried, b"", Readers::Owner).and_then(|()| remove(&self.tried));
        self.written = tried.is_ok().then(Instant::now);
        match tried {
            Ok(()) => status,
            Err(error) => {
                let why = format_args!("the node's folder is not written: {error}");
                status.but("store", why)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_box_that_does_not_hold_is_for_who_judges_and_a_disk_for_everybody() {
        let folder = narthex_disk::temporary_folder("process", None).unwrap();
        let codes = |holds, judges| {
            let mut process = Process::new(folder.path(), Arc::default(), holds);
            let status = process.ready(ReadyStatus::ready(), judges);
            let codes = status.reasons.into_iter().map(|reason| reason.code);
            (status.ready, codes.collect::<Vec<_>>())
        };
        let ready = (true, Vec::new());
        assert_eq!(codes(true, true), ready);
        assert_eq!(codes(false, false), ready);
        assert_eq!(codes(false, true), (false, vec!["box".to_owned()]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::create_dir(folder.path().join(TRIED)).unwrap();
        assert_eq!(codes(true, false), (false, vec!["store".to_owned()]));
    }
}
