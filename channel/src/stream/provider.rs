//! The provider of a stream.

use std::sync::Arc;

use super::{
    SealedSlice, StreamError, StreamOrder,
    meter::{MeterBook, Metering},
};
use crate::{Machine, Step, offer::Decline};

/// What comes to the provider.
#[derive(Clone, Debug)]
pub enum ServingInput {
    /// The payer orders a stream, when so many pennies of the bank were taken.
    Order {
        /// What.
        order: Arc<StreamOrder>,
        /// Pennies of the bank that were taken so far.
        taken: u32,
    },
    /// Its owner serves it.
    Serve,
    /// The slice that was due is computed and sealed.
    Made(Box<SealedSlice>),
    /// So many pennies of the bank are enforceable.
    Paid {
        /// Up to which.
        enforceable: u32,
    },
    /// Something for pennies that are no stream's: by a request's key, as often as it is said.
    Meter {
        /// Of the request, drawn by whoever makes it.
        key: [u8; 32],
        /// What.
        what: Metering,
        /// Pennies of the bank that are enforceable.
        enforceable: u32,
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
pub enum ServingChange {
    /// A stream is ordered; one before it is over.
    Ordered(Arc<StreamOrder>),
    /// It is served.
    Served,
    /// The next slice is made.
    Made(Arc<SealedSlice>),
    /// That slice is paid for.
    Paid,
    /// Something of a request.
    Metered([u8; 32], Metering),
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
pub enum ServingEffect {
    /// Compute and seal this slice: [`ServingInput::Made`].
    Work {
        /// Which, from 1.
        slice: u32,
    },
    /// Give the slice that is made, sealed.
    Give {
        /// Which, from 1.
        slice: u32,
    },
    /// Give the key of this slice: it is paid for.
    Key {
        /// Which, from 1.
        slice: u32,
    },
    /// Say that it goes no further.
    Stop,
}

/// The provider of a stream, beside its side of the bank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamProvider {
    order: Option<Arc<StreamOrder>>,
    id: [u8; 32],
    is_served: bool,
    made: Option<Arc<SealedSlice>>,
    paid: u32,
    stopped: Option<(bool, Decline)>,
    meter: MeterBook,
}

impl StreamProvider {
    /// What is ordered.
    pub fn order(&self) -> Option<&Arc<StreamOrder>> {
        self.order.as_ref()
    }

    /// What the stream is known by; zeros before there is one.
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The slice that was made last.
    pub fn made(&self) -> Option<&Arc<SealedSlice>> {
        self.made.as_ref()
    }

    /// Slices that are made.
    pub fn made_count(&self) -> u32 {
        self.made.as_ref().map_or(0, |made| made.slice)
    }

    /// Slices that are paid for.
    pub const fn paid(&self) -> u32 {
        self.paid
    }

    /// What was served for pennies of the bank, streams too.
    pub const fn meter(&self) -> &MeterBook {
        &self.meter
    }

    /// Pennies that are enforceable, and neither served off nor reserved; what is given while a stream runs is the stream's.
    pub fn credit(&self, enforceable: u32) -> u32 {
        let runs = matches!(self.standing(), "asked" | "working" | "unpaid");
        let order = self.order.as_ref().filter(|_| runs);
        let bound = order.map_or(enforceable, |order| order.penny(self.paid));
        self.meter.credit(enforceable.min(bound))
    }

    /// Why it goes no further, if either side has said so.
    pub fn why_stopped(&self) -> Option<&Decline> {
        self.stopped.as_ref().map(|(_, why)| why)
    }

    /// Slices that are made, and not paid for by what is enforceable: what the provider would lose.
    pub fn exposure(&self, enforceable: u32) -> u32 {
        let paid = self.order.as_ref().map(|o| o.paid_slices(enforceable));
        self.made_count().saturating_sub(paid.unwrap_or(0))
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        let Some(order) = &self.order else {
            return "new";
        };
        match (&self.stopped, self.is_served) {
            (Some(_), _) => "stopped",
            (_, false) => "asked",
            _ if self.made_count() > self.paid => "unpaid",
            _ if self.paid == order.slices => "done",
            _ => "working",
        }
    }

    fn state<T>(&self, what: &'static str) -> Result<T, StreamError> {
        let state = self.standing();
        Err(StreamError::State { state, what })
    }

    fn taken(&self, input: &ServingInput) -> Result<Option<ServingChange>, StreamError> {
        match input {
            ServingInput::Order { order, taken } => {
                if self.order.as_ref() == Some(order) {
                    return Ok(None);
                }
                if !matches!(self.standing(), "new" | "done" | "stopped") {
                    return self.state("order");
                }
                order.check()?;
                match order.first == *taken {
                    true => Ok(Some(ServingChange::Ordered(order.clone()))),
                    false => Err(StreamError::Order("another number of pennies before it")),
                }
            }
            ServingInput::Serve => match self.standing() {
                "new" | "stopped" => self.state("serving"),
                _ if self.is_served => Ok(None),
                _ => Ok(Some(ServingChange::Served)),
            },
            ServingInput::Made(slice) => {
                if self.made.as_ref().is_some_and(|made| **made == **slice) {
                    return Ok(None);
                }
                let due = self.paid.saturating_add(1);
                match (self.standing(), slice.slice == due) {
                    ("working", true) => Ok(Some(ServingChange::Made(Arc::new((**slice).clone())))),
                    ("working", false) => {
                        let found = slice.slice;
                        Err(StreamError::Slice { found, due })
                    }
                    _ => self.state("slice"),
                }
            }
            ServingInput::Paid { enforceable } => {
                let paid = self.order.as_ref().map(|o| o.paid_slices(*enforceable));
                // Before a slice is made nothing of it is owed.
                let is_news = self.made_count() > self.paid && paid > Some(self.paid);
                Ok(is_news.then_some(ServingChange::Paid))
            }
            ServingInput::Meter {
                key,
                what,
                enforceable,
            } => {
                let is_news = self.meter.check(key, what, self.credit(*enforceable))?;
                Ok(is_news.then_some(ServingChange::Metered(*key, *what)))
            }
            ServingInput::Stop { is_own, why } => match self.standing() {
                "new" => self.state("stop"),
                "stopped" | "done" => Ok(None),
                _ => Ok(Some(ServingChange::Stopped {
                    is_own: *is_own,
                    why: why.clone(),
                })),
            },
        }
    }
}

impl Machine for StreamProvider {
    type Input = ServingInput;
    type Change = ServingChange;
    type Effect = ServingEffect;
    type Error = StreamError;

    fn step(
        &self,
        input: &ServingInput,
    ) -> Result<Step<ServingChange, ServingEffect>, StreamError> {
        Ok(Step::of_new(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &ServingChange) {
        match change {
            ServingChange::Ordered(order) => {
                *self = StreamProvider {
                    id: order.id(),
                    order: Some(order.clone()),
                    meter: std::mem::take(&mut self.meter),
                    ..StreamProvider::default()
                };
            }
            ServingChange::Served => self.is_served = true,
            ServingChange::Made(slice) => self.made = Some(slice.clone()),
            ServingChange::Paid => {
                self.paid = self.paid.saturating_add(1);
                let price = self.order.as_ref().map_or(0, |order| order.price);
                self.meter.serve(price);
            }
            ServingChange::Metered(key, what) => self.meter.take(key, what),
            ServingChange::Stopped { is_own, why } => self.stopped = Some((*is_own, why.clone())),
        }
    }

    fn pending(&self) -> Vec<ServingEffect> {
        let mut due = Vec::new();
        if self.paid > 0 {
            // Until the payer has shown that it has it, by the next payment.
            due.push(ServingEffect::Key { slice: self.paid });
        }
        let next = self.paid.saturating_add(1);
        match self.standing() {
            "working" => due.push(ServingEffect::Work { slice: next }),
            "unpaid" => due.push(ServingEffect::Give { slice: next }),
            _ => {}
        }
        if self.stopped.as_ref().is_some_and(|(is_own, _)| *is_own) {
            due.push(ServingEffect::Stop);
        }
        due
    }
}
