//! The transitions of a small contract that is asked for.

use super::{SmallEffect, SmallInput, SmallMachine};
use crate::{Tabled, Transition, transitions};

const TABLE: &[Transition] = transitions! {
    new + asked => waiting [ask] "it is this node's own";
    new + asked => asked [] "it is the peer's";
    asked + answered => joined [answer] "it is taken";
    asked + answered => declined [answer] "it is not";
    waiting + answered => waiting [ask] "others are to answer too";
    waiting + answered => joined [ask] "so many have taken it; others may";
    waiting + answered => joined [] "so many have taken it";
    waiting + answered => declined [] "so many do not take it any more";
    joined + answered => joined [ask] "another's; more may come";
    joined + answered => joined [] "another's";
    declined + answered => declined [] "another's";
    asked | waiting | joined | declined + ended => over [] "";
};

impl Tabled for SmallMachine {
    const NAME: &'static str = "small";
    const SUMMARY: &'static str = "A small contract between nodes, from the ask on, as one of them has it. Once it is joined, the contract's own machines go on.";
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
            SmallEffect::Ask(_) => "ask",
            SmallEffect::Answer => "answer",
        }
    }
}
