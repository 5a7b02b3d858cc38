//! The payer of a stream.

use std::sync::Arc;

use narthex_game_model::commitment::{ResultSecret, check_sealed, open};

use super::{SealedSlice, StreamError, StreamOrder, order::OPENINGS};
use crate::{Machine, Step, offer::Decline};

/// What comes to the payer.
#[derive(Clone, Debug)]
pub enum PayingInput {
    /// Its owner orders a stream.
    Order(Arc<StreamOrder>),
    /// The provider gives a slice, sealed.
    Slice(Box<SealedSlice>),
    /// The provider gives the key of one.
    Key {
        /// Which, from 1.
        slice: u32,
        /// Its key.
        secret: ResultSecret,
        /// Pennies of the bank that were given so far.
        given: u32,
    },
    /// A step of an opened slice was run here.
    Looked {
        /// Which, from 1.
        slice: u32,
        /// Whether the provider's output is what this machine came to.
        is_true: bool,
    },
    /// It goes no further.
    Stop {
        /// Whether this side says so.
        is_own: bool,
        /// Why.
        why: Decline,
    },
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayingChange {
    /// A stream is ordered; one before it is over.
    Ordered(Arc<StreamOrder>),
    /// The next slice is held, as it was committed to. It is to be paid for.
    Held(Arc<SealedSlice>),
    /// It is open.
    Opened {
        /// Its key.
        secret: ResultSecret,
        /// All outputs of its steps, one after the other.
        outputs: Vec<u8>,
    },
    /// A step of it is what this machine came to.
    Looked,
    /// The provider is convicted: its key does not open what it committed to, or a step of it is another. Nothing is paid any more.
    False(ResultSecret),
    /// It goes no further.
    Stopped {
        /// Whether this side says so.
        is_own: bool,
        /// Why.
        why: Decline,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayingEffect {
    /// Say the order.
    Ask,
    /// Pay up to this penny of the bank, if its coin lies deep.
    Pay {
        /// Its number.
        to: u32,
    },
    /// Run a step of this slice: [`PayingInput::Looked`].
    Look {
        /// Which, from 1.
        slice: u32,
    },
    /// Say that it goes no further.
    Stop,
}

/// A slice that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSlice {
    /// As it came.
    pub sealed: Arc<SealedSlice>,
    /// Its key, once it is open.
    pub secret: Option<ResultSecret>,
}

/// The payer of a stream, beside its side of the bank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamPayer {
    order: Option<Arc<StreamOrder>>,
    id: [u8; 32],
    opened: Vec<Vec<u8>>,
    held: Option<HeldSlice>,
    is_false: bool,
    stopped: Option<(bool, Decline)>,
}

impl StreamPayer {
    /// What is ordered.
    pub fn order(&self) -> Option<&Arc<StreamOrder>> {
        self.order.as_ref()
    }

    /// What the stream is known by; zeros before there is one.
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Outputs of the slices that are open, in order.
    pub fn opened(&self) -> &[Vec<u8>] {
        &self.opened
    }

    /// The slice that is held and not looked at, or that convicts its provider.
    pub const fn held(&self) -> Option<&HeldSlice> {
        self.held.as_ref()
    }

    /// Why it goes no further, if either side has said so.
    pub fn why_stopped(&self) -> Option<&Decline> {
        self.stopped.as_ref().map(|(_, why)| why)
    }

    /// Whether pennies of the bank are this stream's to pay.
    pub fn runs(&self) -> bool {
        matches!(self.standing(), "asked" | "holding" | "looking" | "waiting")
    }

    /// Slices that are paid for, when so many pennies of the bank were given. Of a stream that goes no further later pennies pay nothing.
    pub fn paid(&self, given: u32) -> u32 {
        let paid = self.order.as_ref().map(|order| order.paid_slices(given));
        let held = self.held.as_ref().map(|held| held.sealed.slice);
        let most = match self.runs() {
            true => u32::MAX,
            false => self.open_count().max(held.unwrap_or(0)),
        };
        paid.unwrap_or(0).min(most)
    }

    /// Slices that are paid for and not open, when so many pennies of the bank were given: what the payer would lose.
    pub fn exposure(&self, given: u32) -> u32 {
        self.paid(given).saturating_sub(self.open_count())
    }

    /// Whether a slice was opened before: whatever comes of it again says nothing.
    fn is_open(&self, slice: u32) -> bool {
        (1..=self.open_count()).contains(&slice)
    }

    fn open_count(&self) -> u32 {
        u32::try_from(self.opened.len()).unwrap_or(u32::MAX)
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        let Some(order) = &self.order else {
            return "new";
        };
        let is_open = self.held.as_ref().map(|held| held.secret.is_some());
        match (self.is_false, &self.stopped, is_open) {
            (true, ..) => "false",
            (_, Some(_), _) => "stopped",
            (.., Some(true)) => "looking",
            (.., Some(false)) => "holding",
            _ if self.open_count() == order.slices => "done",
            _ if self.opened.is_empty() => "asked",
            _ => "waiting",
        }
    }

    fn state<T>(&self, what: &'static str) -> Result<T, StreamError> {
        let state = self.standing();
        Err(StreamError::State { state, what })
    }

    fn taken(&self, input: &PayingInput) -> Result<Option<PayingChange>, StreamError> {
        match input {
            PayingInput::Order(order) => self.ordered(order),
            PayingInput::Slice(slice) => self.sliced(slice),
            PayingInput::Key {
                slice,
                secret,
                given,
            } => self.keyed(*slice, secret, *given),
            PayingInput::Looked { slice, is_true } => {
                let Some(secret) = self.held.as_ref().and_then(|held| held.secret.as_ref()) else {
                    return self.state("look");
                };
                match (self.is_false, *slice == self.open_count(), is_true) {
                    (true, ..) => Ok(None),
                    (_, false, _) => Err(StreamError::Slice {
                        found: *slice,
                        due: self.open_count(),
                    }),
                    (_, _, true) => Ok(Some(PayingChange::Looked)),
                    (_, _, false) => Ok(Some(PayingChange::False(secret.clone()))),
                }
            }
            PayingInput::Stop { is_own, why } => match self.standing() {
                "new" | "done" => self.state("stop"),
                "stopped" | "false" => Ok(None),
                _ => Ok(Some(PayingChange::Stopped {
                    is_own: *is_own,
                    why: why.clone(),
                })),
            },
        }
    }

    fn ordered(&self, order: &Arc<StreamOrder>) -> Result<Option<PayingChange>, StreamError> {
        if self.order.as_ref() == Some(order) {
            return Ok(None);
        }
        let is_looking = self.held.as_ref().is_some_and(|held| held.secret.is_some());
        if is_looking || !matches!(self.standing(), "new" | "done" | "stopped") {
            return self.state("order");
        }
        order.check()?;
        Ok(Some(PayingChange::Ordered(order.clone())))
    }

    /// Whatever fails here is not paid for.
    fn sliced(&self, slice: &SealedSlice) -> Result<Option<PayingChange>, StreamError> {
        if self
            .held
            .as_ref()
            .is_some_and(|held| *held.sealed == *slice)
        {
            return Ok(None);
        }
        if self.is_open(slice.slice) {
            return Ok(None);
        }
        let order = match (&self.order, self.standing()) {
            (Some(order), "asked" | "waiting") => order,
            _ => return self.state("slice"),
        };
        let (found, due) = (slice.slice, self.open_count().saturating_add(1));
        if found != due {
            return Err(StreamError::Slice { found, due });
        }
        let commitment = &slice.commitment;
        let is_of_it = commitment.job == StreamOrder::slice_id(&self.id, found)
            && commitment.steps == u64::from(order.steps)
            && commitment.openings == OPENINGS;
        if !is_of_it {
            return Err(StreamError::Commitment(found));
        }
        check_sealed(commitment, order.output_bytes as usize, &slice.sealed)?;
        Ok(Some(PayingChange::Held(Arc::new(slice.clone()))))
    }

    /// What is paid for is opened, also when it goes no further.
    fn keyed(
        &self,
        slice: u32,
        secret: &ResultSecret,
        given: u32,
    ) -> Result<Option<PayingChange>, StreamError> {
        if self.held.is_none() && self.is_open(slice) {
            return Ok(None);
        }
        let (Some(order), Some(held), false) = (&self.order, &self.held, self.is_false) else {
            return self.state("key");
        };
        let due = held.sealed.slice;
        if slice != due {
            return Err(StreamError::Slice { found: slice, due });
        }
        if let Some(known) = &held.secret {
            return match known == secret {
                true => Ok(None),
                false => self.state("other key"),
            };
        }
        if given < order.penny(slice) {
            return Err(StreamError::Unpaid(slice));
        }
        let (commitment, sealed) = (&held.sealed.commitment, &held.sealed.sealed);
        let secret = secret.clone();
        match open(commitment, order.output_bytes as usize, sealed, &secret) {
            Ok(outputs) => Ok(Some(PayingChange::Opened { secret, outputs })),
            Err(error) if error.convicts_worker() => Ok(Some(PayingChange::False(secret))),
            Err(error) => Err(error.into()),
        }
    }
}

impl Machine for StreamPayer {
    type Input = PayingInput;
    type Change = PayingChange;
    type Effect = PayingEffect;
    type Error = StreamError;

    fn step(&self, input: &PayingInput) -> Result<Step<PayingChange, PayingEffect>, StreamError> {
        Ok(Step::of(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &PayingChange) {
        match change {
            PayingChange::Ordered(order) => {
                *self = StreamPayer {
                    id: order.id(),
                    order: Some(order.clone()),
                    ..StreamPayer::default()
                };
            }
            PayingChange::Held(slice) => {
                let sealed = slice.clone();
                self.held = Some(HeldSlice {
                    sealed,
                    secret: None,
                });
            }
            PayingChange::Opened { secret, outputs } => {
                self.opened.push(outputs.clone());
                if let Some(held) = &mut self.held {
                    held.secret = Some(secret.clone());
                }
            }
            PayingChange::Looked => self.held = None,
            PayingChange::False(secret) => {
                self.is_false = true;
                let open = self.open_count();
                if let Some(held) = &mut self.held {
                    held.secret = Some(secret.clone());
                    // What it opened to is nobody's result.
                    if open == held.sealed.slice {
                        self.opened.pop();
                    }
                }
            }
            PayingChange::Stopped { is_own, why } => self.stopped = Some((*is_own, why.clone())),
        }
    }

    fn pending(&self) -> Vec<PayingEffect> {
        let mut due = Vec::new();
        let slice = self.open_count();
        let standing = self.standing();
        match (standing, &self.order, &self.held) {
            ("asked", ..) => due.push(PayingEffect::Ask),
            ("holding", Some(order), Some(held)) => {
                let to = order.penny(held.sealed.slice);
                due.push(PayingEffect::Pay { to });
            }
            ("looking", ..) => due.push(PayingEffect::Look { slice }),
            ("stopped", _, Some(held)) if held.secret.is_some() => {
                due.push(PayingEffect::Look { slice });
            }
            _ => {}
        }
        let says_stop = self.stopped.as_ref().is_some_and(|(is_own, _)| *is_own);
        if standing == "false" || says_stop {
            due.push(PayingEffect::Stop);
        }
        due
    }
}
