//! The transitions of a small contract that is asked for.

use super::{SmallEffect, SmallInput, SmallMachine};
use crate::{Tabled, Transition, transitions};

const TABLE: &[Transition] = transitions! {
    new + asked => waiting [ask] "it is this node's own";
    new + asked => asked [] "it is the peer's";
    asked + answered => joined [answer] "it is taken";
    asked + answered => declined [answer] "it is not";
    waiting + answered => joined [] "it is taken";
    waiting + answered => declined [] "it is not";
    asked | waiting | joined | declined + ended => over [] "";
};

impl Tabled for SmallMachine {
    const NAME: &'static str = "small";
    const SUMMARY: &'static str = "A small contract between two nodes, from the ask on, as one of them has it. Once it is joined, the contract's own machines go on.";
    const TABLE: &'static [&'static [Transition]] = &[TABLE];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &SmallInput) -> &'static str {
        match input {
            SmallInput::Asked(..) => "asked",
            SmallInput::Answered(..) => "answered",
            SmallInput::Ended => "ended",
        }
    }

    fn effect_name(effect: &SmallEffect) -> &'static str {
        match effect {
            SmallEffect::Ask => "ask",
            SmallEffect::Answer => "answer",
        }
    }
}
