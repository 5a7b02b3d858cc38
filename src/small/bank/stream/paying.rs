//! The payer of a stream.

use std::sync::Arc;

use bitcoin::secp256k1::rand::{Rng as _, rngs::OsRng};
use narthex_base::codec::Message as _;
use narthex_channel::{
    Logged,
    bank::{BankMachine, Paying as PayingBank},
    log::Log,
    offer::Decline,
    stream::{PayingEffect, PayingInput, StreamOrder, StreamPayer, StreamTalk},
};

use super::{because, check_bank, heard, is_open, shown, talk, work::Work};
use crate::small::{SmallError, SmallHeard};

/// The payer's side of a stream, beside the bank's.
pub(in crate::small::bank) struct Paying {
    machine: Logged<StreamPayer, Box<dyn Log>>,
    work: Option<Work>,
    /// Of which stream the order was said since the start, and the stop.
    told: [Option<[u8; 32]>; 2],
}

/// What the bank's side does for a stream.
pub(in crate::small::bank) enum Doing {
    /// Pays up to this penny.
    Pay(u32),
    /// Says this.
    Say(Vec<u8>),
}

impl Paying {
    pub(in crate::small::bank) fn open(log: Box<dyn Log>) -> Result<Paying, SmallError> {
        Ok(Paying {
            machine: Logged::open(StreamPayer::default(), log)?,
            work: None,
            told: [None; 2],
        })
    }

    pub(in crate::small::bank) fn machine(&self) -> &StreamPayer {
        self.machine.machine()
    }

    pub(in crate::small::bank) fn changes(&self) -> u64 {
        self.machine.changes()
    }

    /// The owner orders a stream: `bytes` are an order whose bank and pennies before are filled in here.
    pub(in crate::small::bank) fn give(
        &mut self,
        bytes: &[u8],
        bank: &BankMachine<PayingBank>,
    ) -> Result<(), SmallError> {
        if !is_open(bank) {
            return Err(SmallError::refused(
                "a stream is ordered of a bank that is open, and whose coin lies deep",
            ));
        }
        let order = StreamOrder::from_bytes(bytes).map_err(SmallError::refused)?;
        let terms = bank.lineage().map(|lineage| lineage.bank().terms());
        let terms = terms.ok_or(SmallError::Order("terms of a bank"))?;
        let order = Arc::new(StreamOrder {
            bank: terms.bank(),
            first: bank.pennies(),
            ..order
        });
        let work = Work::load(&order)?;
        check_bank(bank, &order)?;
        self.machine.step(&PayingInput::Order(order))?;
        self.work = Some(work);
        Ok(())
    }

    /// An order that this side gave and its disk forgot.
    pub(in crate::small::bank) fn came_back(&mut self, body: &[u8]) -> Result<(), SmallError> {
        if let Ok(order) = StreamOrder::from_bytes(body) {
            // One that was over by then is another's story.
            let _ = heard(self.machine.step(&PayingInput::Order(Arc::new(order))))?;
        }
        Ok(())
    }

    pub(in crate::small::bank) fn stop(&mut self, why: &str) -> Result<(), SmallError> {
        let (is_own, why) = (true, because(why));
        self.machine.step(&PayingInput::Stop { is_own, why })?;
        Ok(())
    }

    /// What the provider says, if it is of a stream.
    pub(in crate::small::bank) fn hear(
        &mut self,
        body: &[u8],
        given: u32,
    ) -> Result<Option<SmallHeard>, SmallError> {
        let talk = match talk(body, self.machine().id()) {
            None => return Ok(None),
            Some(Err(refused)) => return Ok(Some(refused)),
            Some(Ok(talk)) => talk,
        };
        let input = match talk {
            StreamTalk::Slice(_, slice) => PayingInput::Slice(slice),
            StreamTalk::Key(_, slice, secret) => PayingInput::Key {
                slice,
                secret,
                given,
            },
            StreamTalk::Stop(_, why) => PayingInput::Stop { is_own: false, why },
        };
        heard(self.machine.step(&input)).map(Some)
    }

    /// Does what is due, and says what the bank's side has to do.
    pub(in crate::small::bank) fn go_on(
        &mut self,
        bank: &BankMachine<PayingBank>,
    ) -> Result<Vec<Doing>, SmallError> {
        let look = |effect: &PayingEffect| match effect {
            PayingEffect::Look { slice } => Some(*slice),
            _ => None,
        };
        if let Some(slice) = self.machine.pending().iter().find_map(look) {
            self.look(slice)?;
        }
        let mut doing = Vec::new();
        let stream = *self.machine().id();
        for effect in self.machine.pending() {
            match effect {
                PayingEffect::Ask => self.tell_order(&stream, &mut doing),
                PayingEffect::Pay { to } if is_open(bank) && bank.pennies() < to => {
                    doing.push(Doing::Pay(to));
                }
                PayingEffect::Stop if self.told[1] != Some(stream) => {
                    self.told[1] = Some(stream);
                    let why = self.machine().why_stopped().cloned();
                    let why = why.unwrap_or_else(|| {
                        Decline::new("a slice was not what was committed to, or is false")
                    });
                    doing.push(Doing::Say(StreamTalk::Stop(stream, why).to_bytes()));
                }
                PayingEffect::Pay { .. } | PayingEffect::Look { .. } | PayingEffect::Stop => {}
            }
        }
        Ok(doing)
    }

    fn tell_order(&mut self, stream: &[u8; 32], doing: &mut Vec<Doing>) {
        let order = self.machine().order().map(|order| order.to_bytes());
        if self.told[0] != Some(*stream) {
            self.told[0] = Some(*stream);
            doing.extend(order.map(Doing::Say));
        }
    }

    /// Runs a step of an opened slice, drawn when it is open, and compares.
    fn look(&mut self, slice: u32) -> Result<(), SmallError> {
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
        let step = OsRng.gen_range(0..order.steps);
        let own = match work.run(slice, step) {
            Ok(output) => Some(output),
            // Nobody has an output of it: whoever gives one lies.
            Err(SmallError::Step(error)) if error.is_of_the_step() => None,
            Err(error) => return Err(error),
        };
        let outputs = machine.opened().last();
        let outputs = outputs.ok_or(SmallError::Order("outputs of a slice"))?;
        let given = outputs
            .chunks_exact(order.output_bytes as usize)
            .nth(step as usize);
        let is_true = own.is_some() && given == own.as_deref();
        self.machine.step(&PayingInput::Looked { slice, is_true })?;
        Ok(())
    }

    /// Whether a slice is paid for by just this penny: it needs a commitment of its own.
    pub(in crate::small::bank) fn ends_at(&self, penny: u32) -> bool {
        let order = self.machine().order();
        order.is_some_and(|order| {
            let slices = order.paid_slices(penny);
            slices > 0 && order.penny(slices) == penny
        })
    }

    pub(in crate::small::bank) fn figures(&self, given: u32) -> Vec<(String, u64)> {
        let machine = self.machine();
        let order = machine.order();
        order.map_or_else(Vec::new, |order| {
            let reached = [
                ("paid", machine.paid(given)),
                (
                    "opened",
                    machine.opened().len().try_into().unwrap_or(u32::MAX),
                ),
                ("exposure", machine.exposure(given)),
            ];
            shown(order, &reached)
        })
    }
}
