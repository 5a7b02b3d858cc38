//! What happened since the node started, as far as it is kept: for whoever looks, and for whoever waits.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bitcoin::hex::DisplayHex;
use serde::Serialize;
use tokio::sync::watch;

use crate::party::{ContractStatus, Note};

/// Events that are kept; of more the oldest is forgotten.
const MOST: usize = 1000;

/// Longest words that are kept of one, in characters.
const MAX_WORDS: usize = 500;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct EventStatus {
    /// Its number, from 1.
    pub(super) number: u64,
    /// When it was noted, in seconds since 1970.
    pub(super) unix_s: u64,
    /// Which contract it is about, if it is about one.
    pub(super) contract: Option<String>,
    /// What happened.
    pub(super) words: String,
}

/// What happened after a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct EventsStatus {
    /// Which start of the node these numbers are of: with another one they begin anew.
    pub(super) run: String,
    /// The number of the last event; to be given as `after`.
    pub(super) last: u64,
    /// Those that are kept, the oldest first.
    pub(super) events: Vec<EventStatus>,
}

/// Of a contract: state, standing, attempt, trouble.
type Looked = (String, Option<String>, Option<u8>, Option<String>);

#[derive(Default)]
struct Kept {
    events: VecDeque<EventStatus>,
    last: u64,
    /// How each contract stood when it was looked at.
    seen: BTreeMap<String, Looked>,
}

/// The log. In memory: what must outlive the process is in the logs of the machines.
pub(crate) struct EventLog {
    run: String,
    kept: Mutex<Kept>,
    last: watch::Sender<u64>,
}

impl EventLog {
    /// An empty one; `run` tells this start of the node from others.
    pub(crate) fn new(run: String) -> EventLog {
        EventLog {
            run,
            kept: Mutex::default(),
            last: watch::Sender::new(0),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // What is kept is whole between two lines.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, kept: &mut Kept, unix_s: u64, contract: Option<&str>, words: &str) {
        kept.last += 1;
        kept.events.push_back(EventStatus {
            number: kept.last,
            unix_s,
            contract: contract.map(str::to_owned),
            words: words.chars().take(MAX_WORDS).collect(),
        });
        if kept.events.len() > MOST {
            kept.events.pop_front();
        }
        self.last.send_replace(kept.last);
    }

    /// The node has said something.
    pub(crate) fn note(&self, unix_s: u64, note: &Note) {
        let contract = note.contract.map(|id| id.to_lower_hex_string());
        self.push(&mut self.kept(), unix_s, contract.as_deref(), &note.words);
    }

    /// How all contracts stand.
    pub(crate) fn look(&self, unix_s: u64, all: &[ContractStatus]) {
        let mut kept = self.kept();
        let mut seen = BTreeMap::new();
        for status in all {
            let ContractStatus {
                state,
                standing,
                attempt,
                trouble,
                ..
            } = status;
            let now = (state.clone(), standing.clone(), *attempt, trouble.clone());
            if kept.seen.get(&status.id) != Some(&now) {
                let attempt = status.attempt.filter(|attempt| *attempt > 0);
                let attempt = attempt.map(|attempt| format!(", attempt {attempt}"));
                let trouble = status.trouble.as_ref().map(|why| format!("; {why}"));
                let standing = standing.as_ref().map(|word| format!(", {word}"));
                let words = format!(
                    "{state}{}, as {}{}{}",
                    standing.unwrap_or_default(),
                    status.role,
                    attempt.unwrap_or_default(),
                    trouble.unwrap_or_default()
                );
                self.push(&mut kept, unix_s, Some(&status.id), &words);
            }
            seen.insert(status.id.clone(), now);
        }
        kept.seen = seen;
    }

    /// What happened after a number.
    pub(super) fn after(&self, number: u64) -> EventsStatus {
        let kept = self.kept();
        let events = kept.events.iter().filter(|event| event.number > number);
        EventsStatus {
            run: self.run.clone(),
            last: kept.last,
            events: events.cloned().collect(),
        }
    }

    /// Waits as long as this is the last number. One that is larger is of another start of the node, and waits for nothing.
    pub(super) async fn happens_after(&self, number: u64) {
        let mut last = self.last.subscribe();
        // It fails only if the sender is gone, which lives as long as this.
        let _ = last.wait_for(|last| *last != number).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_numbers_go_on() {
        let log = EventLog::new("a".into());
        for number in 1..=MOST + 5 {
            log.note(7, &Note::from("é".repeat(MAX_WORDS + number)));
        }
        let all = log.after(0);
        assert_eq!(all.last, MOST as u64 + 5);
        assert_eq!(all.events.len(), MOST);
        assert_eq!(all.events[0].number, 6);
        assert_eq!(all.events[0].words.chars().count(), MAX_WORDS);
        assert_eq!(log.after(all.last).events, []);
        assert_eq!(log.after(all.last - 1).events.len(), 1);
    }
}
