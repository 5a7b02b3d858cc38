//! The transitions of an offer.

use super::{OfferEffect, OfferInput, OfferMachine};
use crate::{Tabled, Transition, transitions};

const TABLE: &[Transition] = transitions! {
    new + offered => waiting [offer] "it is this party's own";
    new + offered => asked [] "it is the client's";
    asked + accepted => asked [] "it is another's word";
    asked + accepted => waiting [accept] "it is this party's own";
    asked + accepted => joined [accept begin] "the last one, and it is this party's own";
    waiting + accepted => waiting [] "it is not the last one";
    waiting + accepted => joined [begin] "the last one";
    asked | waiting + declined => over [] "it is another's word";
    asked | waiting + declined => declined [decline] "it is this party's own";
    asked | waiting + tick => over [] "it has expired";
};

impl Tabled for OfferMachine {
    const NAME: &'static str = "offer";
    const SUMMARY: &'static str = "One offer of a contract, as one of its parties knows it: what is offered, and who takes part. Once everybody does, the set-up begins.";
    const TABLE: &'static [&'static [Transition]] = &[TABLE];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &OfferInput) -> &'static str {
        match input {
            OfferInput::Offered { .. } => "offered",
            OfferInput::Accepted { .. } => "accepted",
            OfferInput::Declined { .. } => "declined",
            OfferInput::Tick { .. } => "tick",
        }
    }

    fn effect_name(effect: &OfferEffect) -> &'static str {
        match effect {
            OfferEffect::Offer => "offer",
            OfferEffect::Accept => "accept",
            OfferEffect::Decline => "decline",
            OfferEffect::Begin => "begin",
        }
    }
}
