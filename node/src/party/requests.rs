//! Orders that were given under a key: whoever repeats one, because no answer came, has the answer of the first.

use std::collections::{BTreeMap, VecDeque};

use narthex::channel::{Machine, Step, Summary};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    tagged::tagged_hash,
};

use super::{
    Core, Fatal, Now,
    command::{Answer, Command, refused},
};
use narthex::channel::{Logged, log::Identity};

/// Answers that are kept; of more the oldest is forgotten.
const MOST: usize = 1024;

/// Entries more than answers after which the log is written anew.
const SPARE: u64 = 1024;

/// Longest answer that is kept, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// What an order is told again by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    key: [u8; 32],
    body: [u8; 32],
}

impl Once {
    /// For an order under this key.
    pub fn new(key: &str, command: &Command) -> Once {
        // Fields stand in the order of the type, so that the same order has the same bytes.
        let body = serde_json::to_vec(command).unwrap_or_default();
        Once {
            key: tagged_hash("narthex/request-key", key.as_bytes()),
            body: tagged_hash("narthex/request", &body),
        }
    }
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    key: [u8; 32],
    body: [u8; 32],
    reply: Vec<u8>,
}

impl Message for Answered {
    const KIND: Kind = kinds::ANSWERED;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.key).fixed(&self.body).bytes(&self.reply);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Answered {
            key: r.array("key")?,
            body: r.array("order")?,
            reply: r.bytes_up_to("answer", MAX_ANSWER)?.to_vec(),
        })
    }
}

/// The same key for another order: whoever asks is at fault.
#[derive(Debug, thiserror::Error)]
#[error("this key was used for another order")]
pub(super) struct OtherOrder;

/// What was answered, the newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests {
    answers: BTreeMap<[u8; 32], Answered>,
    order: VecDeque<[u8; 32]>,
}

impl Requests {
    /// What was answered, if this order was given before.
    fn find(&self, once: &Once) -> Result<Option<&Answered>, OtherOrder> {
        match self.answers.get(&once.key) {
            Some(known) if known.body != once.body => Err(OtherOrder),
            known => Ok(known),
        }
    }
}

impl Machine for Requests {
    type Input = Answered;
    type Change = Answered;
    type Effect = ();
    type Error = OtherOrder;

    fn step(&self, input: &Answered) -> Result<Step<Answered, ()>, OtherOrder> {
        let (key, body) = (input.key, input.body);
        Ok(match self.find(&Once { key, body })? {
            Some(_) => Step::seen(Vec::new()),
            None => Step::new(vec![input.clone()], Vec::new()),
        })
    }

    fn apply(&mut self, change: &Answered) {
        self.answers.insert(change.key, change.clone());
        self.order.push_back(change.key);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }

    fn pending(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Summary for Requests {
    fn summary(&self) -> Vec<Answered> {
        let known = self.order.iter().filter_map(|key| self.answers.get(key));
        known.cloned().collect()
    }
}

impl Core {
    /// Whether this order was given and done before.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn has_done(&mut self, once: &Once) -> Result<bool, Fatal> {
        let known = self.requests()?.machine().find(once);
        Ok(matches!(known, Ok(Some(_)) | Err(OtherOrder)))
    }

    /// Does what the operator asks for, once for each key: what it changes and its answer become durable together, and whoever
    /// asks again has that answer. What is refused has changed nothing; it is not kept, and may be asked for again.
    ///
    /// # Errors
    /// [`Fatal`].
    pub fn command_once(
        &mut self,
        once: &Once,
        command: Command,
        now: Now,
    ) -> Result<Answer, Fatal> {
        // What was answered before may not be durable yet.
        self.must_keep = true;
        match self.requests()?.machine().find(once) {
            Err(other) => return Ok(Err(refused("key-reused", other))),
            Ok(Some(known)) => {
                let reply = serde_json::from_slice(&known.reply);
                return reply
                    .map(Ok)
                    .map_err(|error| Fatal::Step(error.to_string()));
            }
            Ok(None) => {}
        }
        let answer = self.command(command, now)?;
        if let Ok(reply) = &answer {
            let reply = serde_json::to_vec(reply);
            let reply = reply.map_err(|error| Fatal::Step(error.to_string()))?;
            let Once { key, body } = *once;
            let requests = self.requests()?;
            requests
                .step(&Answered { key, body, reply })
                .map_err(Fatal::step)?;
            requests.compact(SPARE)?;
        }
        Ok(answer)
    }

    /// Opened when it is needed: a node that is asked over its socket alone has none.
    fn requests(&mut self) -> Result<&mut Logged<Requests, super::AnyLog>, Fatal> {
        if self.requests.is_none() {
            let log = self.store.open(&Identity::new("requests", [0; 32]))?;
            self.requests = Some(Logged::open(Requests::default(), log)?);
        }
        self.requests.as_mut().ok_or(Fatal::Key)
    }
}
