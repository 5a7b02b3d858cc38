//! The transitions of both sides.

use super::{
    Metering, PayingEffect, PayingInput, ServingEffect, ServingInput, StreamPayer, StreamProvider,
};
use crate::{Tabled, Transition, transitions};

const PAYING: &[Transition] = transitions! {
    new + order => asked [ask] "";
    asked | waiting + slice => holding [pay] "it is the next one, and what is committed to";
    holding + key => looking [look] "it is paid for, and opens";
    holding + key => false [stop] "it is paid for, and does not open to what is committed to";
    looking + looked => waiting [] "the step is the same here; more slices follow";
    looking + looked => done [] "the step is the same here; it was the last slice";
    looking + looked => false [stop] "the step is another here";
    asked | holding | waiting + stop => stopped [stop] "its own word";
    asked | holding | waiting + stop => stopped [] "the provider's word";
    looking + stop => stopped [look stop] "its own word";
    looking + stop => stopped [look] "the provider's word";
    stopped + key => stopped [look stop] "what was paid for before opens; its own word";
    stopped + key => stopped [look] "what was paid for before opens; the provider's word";
    stopped + key => false [stop] "it was paid for, and does not open to what is committed to";
    stopped + looked => stopped [stop] "the step is the same here; its own word";
    stopped + looked => stopped [] "the step is the same here; the provider's word";
    stopped + looked => false [stop] "the step is another here";
    done | stopped + order => asked [ask] "another stream";
};

const SERVING: &[Transition] = transitions! {
    new + order => asked [] "behind as many pennies as were taken";
    asked + serve => working [work] "";
    working + made => unpaid [give] "";
    unpaid + paid => working [key work] "more follow";
    unpaid + paid => done [key] "it was the last";
    asked | working | unpaid + stop => stopped [stop] "its own word";
    asked | working | unpaid + stop => stopped [] "the payer's word";
    stopped + paid => stopped [key] "for what was made before";
    done | stopped + order => asked [] "another stream";
    new | asked | working | unpaid | done | stopped + reserve => _ [] "so many pennies are free";
    new | asked | working | unpaid | done | stopped + debit => _ [] "so many are reserved";
    new | asked | working | unpaid | done | stopped + release => _ [] "";
};

impl Tabled for StreamPayer {
    const NAME: &'static str = "stream-payer";
    const SUMMARY: &'static str =
        "The payer of a stream over a penny bank. See [stream](../contracts/stream.md).";
    const TABLE: &'static [&'static [Transition]] = &[PAYING];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &PayingInput) -> &'static str {
        match input {
            PayingInput::Order(_) => "order",
            PayingInput::Slice(_) => "slice",
            PayingInput::Key { .. } => "key",
            PayingInput::Looked { .. } => "looked",
            PayingInput::Stop { .. } => "stop",
        }
    }

    fn effect_name(effect: &PayingEffect) -> &'static str {
        match effect {
            PayingEffect::Ask => "ask",
            PayingEffect::Pay { .. } => "pay",
            PayingEffect::Look { .. } => "look",
            PayingEffect::Stop => "stop",
        }
    }
}

impl Tabled for StreamProvider {
    const NAME: &'static str = "stream-provider";
    const SUMMARY: &'static str = "The provider of a stream over a penny bank, and its meter. See [stream](../contracts/stream.md).";
    const TABLE: &'static [&'static [Transition]] = &[SERVING];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &ServingInput) -> &'static str {
        match input {
            ServingInput::Order { .. } => "order",
            ServingInput::Serve => "serve",
            ServingInput::Made(_) => "made",
            ServingInput::Paid { .. } => "paid",
            ServingInput::Meter { what, .. } => match what {
                Metering::Reserve(_) => "reserve",
                Metering::Debit(_) => "debit",
                Metering::Release => "release",
            },
            ServingInput::Stop { .. } => "stop",
        }
    }

    fn effect_name(effect: &ServingEffect) -> &'static str {
        match effect {
            ServingEffect::Work { .. } => "work",
            ServingEffect::Give { .. } => "give",
            ServingEffect::Key { .. } => "key",
            ServingEffect::Stop => "stop",
        }
    }
}
