//! The transitions of a job that travels.

use super::{FetchEffect, FetchInput, FetchMachine};
use crate::{Tabled, Transition, transitions};

const TABLE: &[Transition] = transitions! {
    new + wanted => fetching [fetch] "";
    new + packed => held [check] "";
    fetching + wanted => fetching [fetch] "by another contract";
    fetching + packed => held [check] "";
    fetching + kept => fetching [fetch] "not all of it";
    fetching + kept => held [check] "all of it";
    fetching + lost => fetching [fetch] "something was kept";
    fetching + dismissed => fetching [fetch] "";
    held + wanted => held [check] "by another contract";
    held + lost => fetching [fetch] "";
    held + useless => useless [] "";
    held + dismissed => held [check] "";
};

impl Tabled for FetchMachine {
    const NAME: &'static str = "fetch";
    const SUMMARY: &'static str = "A job that travels, as one node has it: how much of it is on the disk, and which contracts wait for it. It is looked at after every start, since a job in memory is not durable.";
    const TABLE: &'static [&'static [Transition]] = &[TABLE];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &FetchInput) -> &'static str {
        match input {
            FetchInput::Wanted { .. } => "wanted",
            FetchInput::Packed { .. } => "packed",
            FetchInput::Kept { .. } => "kept",
            FetchInput::Lost => "lost",
            FetchInput::Useless { .. } => "useless",
            FetchInput::Dismissed { .. } => "dismissed",
        }
    }

    fn effect_name(effect: &FetchEffect) -> &'static str {
        match effect {
            FetchEffect::Fetch => "fetch",
            FetchEffect::Check => "check",
        }
    }
}
