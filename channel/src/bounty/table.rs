//! The transitions of both sides.

use super::{
    RecomputerEffect, RecomputerInput, RecomputerMachine, RequesterEffect, RequesterInput,
    RequesterMachine,
};
use crate::{Tabled, Transition, transitions};

const REQUESTER: &[Transition] = transitions! {
    new + held => unfunded [fund] "";
};

const RECOMPUTER: &[Transition] = transitions! {
    new + held => idle [] "";
};

impl Tabled for RequesterMachine {
    const NAME: &'static str = "bounty-requester";
    const SUMMARY: &'static str =
        "The requester of a bounty. See [bounties](../contracts/bounty.md).";
    const TABLE: &'static [&'static [Transition]] = &[REQUESTER];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &RequesterInput) -> &'static str {
        match input {
            RequesterInput::Held(_) => "held",
            RequesterInput::Funded(_) => "funded",
            RequesterInput::Coin { .. } => "coin",
            RequesterInput::Envelope(_) => "envelope",
            RequesterInput::Sealed(_) => "signed_seal",
            RequesterInput::Opening(_) => "opening",
            RequesterInput::LeaveOut(_) => "leave_out",
            RequesterInput::Closed(_) => "signed_closing",
            RequesterInput::Delivery(_) => "delivery",
            RequesterInput::Share(_) => "share",
            RequesterInput::Settlement(_) => "settlement",
        }
    }

    fn effect_name(effect: &RequesterEffect) -> &'static str {
        match effect {
            RequesterEffect::Fund => "fund",
            RequesterEffect::Publish(_) => "publish",
            RequesterEffect::SignSeal(_) => "sign_seal",
            RequesterEffect::Seal(_) => "seal",
            RequesterEffect::SignClosing(_) => "sign_closing",
            RequesterEffect::Close(_) => "close",
            RequesterEffect::Grant(_) => "grant",
            RequesterEffect::Ask { .. } => "ask",
            RequesterEffect::Cancel(_) => "cancel",
            RequesterEffect::Refund => "refund",
            RequesterEffect::Look => "look",
            RequesterEffect::Read(_) => "read",
        }
    }
}

impl Tabled for RecomputerMachine {
    const NAME: &'static str = "bounty-recomputer";
    const SUMMARY: &'static str =
        "A recomputer of a bounty. See [bounties](../contracts/bounty.md).";
    const TABLE: &'static [&'static [Transition]] = &[RECOMPUTER];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &RecomputerInput) -> &'static str {
        match input {
            RecomputerInput::Held(_) => "held",
            RecomputerInput::Coin { .. } => "coin",
            RecomputerInput::Work { .. } => "work",
            RecomputerInput::Layer(_) => "signed_layer",
            RecomputerInput::Envelope { .. } => "envelope",
            RecomputerInput::Seal { .. } => "seal",
            RecomputerInput::Opening(_) => "opening",
            RecomputerInput::Closing { .. } => "closing",
            RecomputerInput::Delivery { .. } => "delivery",
            RecomputerInput::Grant { .. } => "grant",
            RecomputerInput::Share { .. } => "share",
        }
    }

    fn effect_name(effect: &RecomputerEffect) -> &'static str {
        match effect {
            RecomputerEffect::Sign { .. } => "sign_layer",
            RecomputerEffect::Pass(_) => "pass",
            RecomputerEffect::Open => "open",
            RecomputerEffect::Deliver { .. } => "deliver",
            RecomputerEffect::GiveBack => "give_back",
            RecomputerEffect::Forward(_) => "forward",
            RecomputerEffect::Settle { .. } => "settle",
        }
    }
}
