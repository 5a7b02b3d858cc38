//! The machine: what comes, what is written down, what is to be done.

use narthex::channel::{Machine, Step};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

/// A call on its way, on the side of who answers it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Call {
    pub(crate) standing: Standing,
    price_sat: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Standing {
    #[default]
    New,
    Billed,
    Paid,
    Over,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    Ask { price_sat: u64 },
    Payment { sat: u64 },
    Answered,
}

/// What is written down: where the call stands now, and its price.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change(Call);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    Bill { sat: u64 },
    Answer,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the caller's fault: {sat} sat for a call of {price_sat}")]
    Underpaid { sat: u64, price_sat: u64 },
    #[error("{input:?} does not come while the call is {standing:?}")]
    Untimely { input: Input, standing: Standing },
}

impl Message for Change {
    // Borrowed: a machine of this repository has a line of its own in base/src/kinds.rs.
    const KIND: Kind = kinds::PENNY;

    fn write(&self, w: &mut Writer) {
        w.u8(self.0.standing as u8).u64(self.0.price_sat);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (standing, price_sat) = (r.u8("standing")?, r.u64("price")?);
        let all = [
            Standing::New,
            Standing::Billed,
            Standing::Paid,
            Standing::Over,
        ];
        let known = all.get(usize::from(standing)).copied();
        let standing = known.ok_or_else(|| DecodeError::invalid("standing", standing))?;
        Ok(Change(Call {
            standing,
            price_sat,
        }))
    }
}

impl Machine for Call {
    type Input = Input;
    type Change = Change;
    type Effect = Effect;
    type Error = Refused;

    fn step(&self, input: &Input) -> Result<Step<Change, Effect>, Refused> {
        use Standing::{Billed, New, Over, Paid};
        let price_sat = self.price_sat;
        let next = match (self.standing, input) {
            (New, Input::Ask { price_sat }) => Call {
                standing: Billed,
                price_sat: *price_sat,
            },
            (Billed, Input::Payment { sat }) if *sat < price_sat => {
                return Err(Refused::Underpaid {
                    sat: *sat,
                    price_sat,
                });
            }
            (Billed, Input::Payment { .. }) => Call {
                standing: Paid,
                price_sat,
            },
            (Paid, Input::Answered) => Call {
                standing: Over,
                price_sat,
            },
            // What came before is said again as often as it comes, and changes nothing.
            (_, Input::Ask { price_sat: again }) if *again == price_sat => {
                return Ok(Step::seen(self.pending()));
            }
            (Paid | Over, Input::Payment { .. }) | (Over, Input::Answered) => {
                return Ok(Step::seen(self.pending()));
            }
            (standing, input) => {
                return Err(Refused::Untimely {
                    input: input.clone(),
                    standing,
                });
            }
        };
        let effects = next.pending();
        Ok(Step::new(vec![Change(next)], effects))
    }

    fn apply(&mut self, Change(next): &Change) {
        self.clone_from(next);
    }

    fn pending(&self) -> Vec<Effect> {
        match self.standing {
            Standing::Billed => vec![Effect::Bill {
                sat: self.price_sat,
            }],
            Standing::Paid => vec![Effect::Answer],
            Standing::New | Standing::Over => Vec::new(),
        }
    }
}
