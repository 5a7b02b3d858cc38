//! The provider of a stream.

use std::{collections::BTreeSet, sync::Arc};

use narthex_base::{codec::Message as _, kinds, secret::Secret};
use narthex_channel::{
    Logged,
    bank::{BankMachine, Receiving},
    log::Log,
    offer::Decline,
    stream::{Metering, ServingEffect, ServingInput, StreamOrder, StreamProvider, StreamTalk},
};

use super::{
    because, check_bank, heard, is_open, shown, talk,
    work::{Made, Work, key},
};
use crate::small::{SmallError, SmallHeard};

/// What is said once since the start: a slice, its key, the stop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Slice(u32),
    Key(u32),
    Stop,
}

/// The provider's side of a stream, beside the bank's.
pub(in crate::small::bank) struct Serving {
    machine: Logged<StreamProvider, Box<dyn Log>>,
    work: Option<Work>,
    told: BTreeSet<([u8; 32], Told)>,
}

impl Serving {
    pub(in crate::small::bank) fn open(log: Box<dyn Log>) -> Result<Serving, SmallError> {
        Ok(Serving {
            machine: Logged::open(StreamProvider::default(), log)?,
            work: None,
            told: BTreeSet::new(),
        })
    }

    pub(in crate::small::bank) fn machine(&self) -> &StreamProvider {
        self.machine.machine()
    }

    pub(in crate::small::bank) fn changes(&self) -> u64 {
        self.machine.changes()
    }

    /// The owner serves what was ordered.
    pub(in crate::small::bank) fn serve(&mut self) -> Result<(), SmallError> {
        self.machine.step(&ServingInput::Serve)?;
        Ok(())
    }

    /// Something for pennies that are no stream's.
    pub(in crate::small::bank) fn meter(
        &mut self,
        key: [u8; 32],
        what: Metering,
        enforceable: u32,
    ) -> Result<(), SmallError> {
        // What a stream was paid first is the stream's.
        self.machine.step(&ServingInput::Paid { enforceable })?;
        self.machine.step(&ServingInput::Meter {
            key,
            what,
            enforceable,
        })?;
        Ok(())
    }

    pub(in crate::small::bank) fn stop(&mut self, why: &str) -> Result<(), SmallError> {
        let (is_own, why) = (true, because(why));
        self.machine.step(&ServingInput::Stop { is_own, why })?;
        Ok(())
    }

    /// What the payer says, if it is of a stream.
    pub(in crate::small::bank) fn hear(
        &mut self,
        body: &[u8],
        bank: &BankMachine<Receiving>,
    ) -> Result<Option<SmallHeard>, SmallError> {
        let refused = |why: String| Ok(Some(SmallHeard::Refused(why)));
        if body.starts_with(kinds::STREAM_ORDER.as_bytes()) {
            return match StreamOrder::from_bytes(body) {
                Ok(order) => self.ordered(Arc::new(order), bank).map(Some),
                Err(error) => refused(error.to_string()),
            };
        }
        match talk(body, self.machine().id()) {
            None => Ok(None),
            Some(Err(refused)) => Ok(Some(refused)),
            Some(Ok(StreamTalk::Stop(_, why))) => {
                let stop = ServingInput::Stop { is_own: false, why };
                heard(self.machine.step(&stop)).map(Some)
            }
            Some(Ok(_)) => refused("it is the provider who gives that".into()),
        }
    }

    /// Before the coin lies deep for this side, an order waits as a penny does.
    fn ordered(
        &mut self,
        order: Arc<StreamOrder>,
        bank: &BankMachine<Receiving>,
    ) -> Result<SmallHeard, SmallError> {
        if matches!(bank.standing(), "signed" | "open") && !is_open(bank) {
            return Ok(SmallHeard::Later);
        }
        let checked = Work::load(&order).and_then(|work| check_bank(bank, &order).map(|()| work));
        let work = match checked {
            Ok(work) => work,
            Err(SmallError::Refused(why)) => return Ok(SmallHeard::Refused(why)),
            Err(error) => return Err(error),
        };
        let taken = bank.pennies();
        let heard = heard(self.machine.step(&ServingInput::Order { order, taken }))?;
        if work.is_of(self.machine().id()) {
            self.work = Some(work);
        }
        Ok(heard)
    }

    /// Does what is due, and gives what is to be said.
    pub(in crate::small::bank) fn go_on(
        &mut self,
        bank: &BankMachine<Receiving>,
        (seed, may_sign): (&Secret, bool),
    ) -> Result<Vec<Vec<u8>>, SmallError> {
        let enforceable = bank.book().map_or(0, |book| book.enforceable());
        self.machine.step(&ServingInput::Paid { enforceable })?;
        if !may_sign {
            return Ok(Vec::new());
        }
        let due = self.machine.pending().into_iter();
        let due = due.filter_map(|effect| match effect {
            ServingEffect::Work { slice } => Some(slice),
            _ => None,
        });
        // Of a bank that ends nothing more is paid for.
        if let Some(slice) = due.take(1).find(|_| is_open(bank)) {
            self.make(slice, seed)?;
        }
        let (mut said, stream) = (Vec::new(), *self.machine().id());
        for effect in self.machine.pending() {
            let talk = match effect {
                ServingEffect::Work { .. } => continue,
                ServingEffect::Give { slice } => {
                    let made = self.machine().made().map(|made| (**made).clone());
                    let made = made.ok_or(SmallError::Order("a slice that is made"))?;
                    (
                        Told::Slice(slice),
                        StreamTalk::Slice(stream, Box::new(made)),
                    )
                }
                ServingEffect::Key { slice } => {
                    let secret = key(seed, &stream, slice)?;
                    (Told::Key(slice), StreamTalk::Key(stream, slice, secret))
                }
                ServingEffect::Stop => {
                    let why = self.machine().why_stopped().cloned();
                    let why = why.unwrap_or_else(|| Decline::new(""));
                    (Told::Stop, StreamTalk::Stop(stream, why))
                }
            };
            // Once, until it starts again; the link says nothing twice.
            if self.told.insert((stream, talk.0)) {
                said.push(talk.1.to_bytes());
            }
        }
        Ok(said)
    }

    fn make(&mut self, slice: u32, seed: &Secret) -> Result<(), SmallError> {
        let machine = self.machine.machine();
        let order = machine.order().cloned();
        let order = order.ok_or(SmallError::Order("an order"))?;
        if !self
            .work
            .as_ref()
            .is_some_and(|work| work.is_of(machine.id()))
        {
            self.work = Some(Work::load(&order)?);
        }
        let work = self.work.as_ref().ok_or(SmallError::Order("a program"))?;
        match work.make(slice, seed)? {
            Made::Sealed(made) => {
                self.machine.step(&ServingInput::Made(made))?;
            }
            Made::None(error) => {
                self.stop(&format!("a step of slice {slice} has no output: {error}"))?;
            }
        }
        Ok(())
    }

    pub(in crate::small::bank) fn figures(&self, enforceable: u32) -> Vec<(String, u64)> {
        let machine = self.machine();
        let meter = machine.meter();
        let metered = [
            ("meter_credit", machine.credit(enforceable)),
            ("meter_reserved", meter.reserved()),
            ("meter_served", meter.served()),
        ];
        let metered = metered.map(|(name, figure)| (name.to_owned(), u64::from(figure)));
        let streamed = machine.order().map_or_else(Vec::new, |order| {
            let reached = [
                ("made", machine.made_count()),
                ("paid", machine.paid()),
                ("exposure", machine.exposure(enforceable)),
            ];
            shown(order, &reached)
        });
        streamed.into_iter().chain(metered).collect()
    }
}
