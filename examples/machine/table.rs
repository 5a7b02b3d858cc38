//! Its transitions, as a value.

use narthex::channel::{Tabled, Transition, transitions};

use crate::call::{Call, Effect, Input};

const ROWS: &[Transition] = transitions! {
    new + ask => billed [bill] "";
    billed + payment => paid [answer] "it is enough";
    paid + answered => over [] "";
};

impl Tabled for Call {
    const NAME: &'static str = "call";
    const SUMMARY: &'static str = "A call that is paid for before it is answered.";
    const TABLE: &'static [&'static [Transition]] = &[ROWS];

    fn state(&self) -> &'static str {
        ["new", "billed", "paid", "over"][self.standing as usize]
    }

    fn input_name(input: &Input) -> &'static str {
        match input {
            Input::Ask { .. } => "ask",
            Input::Payment { .. } => "payment",
            Input::Answered => "answered",
        }
    }

    fn effect_name(effect: &Effect) -> &'static str {
        match effect {
            Effect::Bill { .. } => "bill",
            Effect::Answer => "answer",
        }
    }
}
