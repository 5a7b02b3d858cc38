//! The transitions of both sides.

use super::{
    RecomputerEffect, RecomputerInput, RecomputerMachine, RequesterEffect, RequesterInput,
    RequesterMachine,
};
use crate::{Tabled, Transition, transitions};

const REQUESTER: &[Transition] = transitions! {
    new + held => unfunded [fund] "";
    unfunded + funded => unfunded [publish] "it is the funding";
    unfunded | layering | sealed | closed | spent + coin => over [] "it is gone, and deep, and a settlement is read";
    unfunded | layering | sealed | closed | spent + coin => spent [look] "a settlement has it, and is not read yet";
    unfunded | layering | sealed | closed | spent + coin => spent [] "it is gone";
    unfunded | layering | sealed | closed | spent + coin => unfunded [] "it is not there, and too late for a funding";
    unfunded | layering | sealed | closed | spent + coin => unfunded [fund] "it is not there";
    unfunded | layering | sealed | closed | spent + coin => unfunded [publish] "it is not there, and the funding signed";
    unfunded | layering | spent + coin => layering [] "the envelope is neither complete nor due, or moved";
    unfunded | layering | spent + coin => layering [sign_seal] "the envelope is complete, or due";
    unfunded | layering | spent + coin => layering [refund] "the next block may hold the refund";
    unfunded | sealed | spent + coin => sealed [seal] "openings are neither complete nor due";
    unfunded | sealed | spent + coin => sealed [seal sign_closing] "openings are complete, or due";
    unfunded | sealed | spent + coin => sealed [refund] "the next block may hold the refund";
    sealed + coin => sealed [sign_closing] "openings are due";
    sealed + coin => sealed [] "it moved";
    unfunded | closed | spent + coin => closed [close] "results are missing";
    unfunded | closed | spent + coin => closed [close sign_closing] "results are missing; openings came since, or somebody is left out";
    unfunded | closed | spent + coin => closed [close ask] "results are missing, and the round is over";
    unfunded | closed | spent + coin => closed [grant] "all results are there";
    unfunded | closed | spent + coin => closed [grant sign_closing] "all results are there; openings came since, or somebody is left out";
    unfunded | closed | spent + coin => closed [grant ask] "all results are there, and the round is over";
    unfunded | closed | spent + coin => closed [cancel] "nobody is paid, and all give back";
    unfunded | closed | spent + coin => closed [refund] "the next block may hold the refund";
    closed + coin => closed [sign_closing] "openings are due, or somebody is left out";
    closed + coin => closed [ask] "the round is over";
    closed + coin => closed [] "it moved";
    unfunded | layering | spent + envelope => _ [] "it has more layers";
    layering + envelope => layering [sign_seal] "it has more layers, and is complete or due";
    layering + signed_seal => sealed [seal] "it is what was to be sealed";
    layering + signed_seal => sealed [seal sign_closing] "it is what was to be sealed, and openings are due";
    unfunded | sealed | closed | spent + opening => _ [] "it is what its layer commits to";
    sealed | closed + opening => _ [sign_closing] "it is what its layer commits to, and openings are complete or due";
    sealed | closed + signed_closing => closed [close] "it is what was to be closed";
    sealed | closed + signed_closing => closed [close ask] "it is what was to be closed, and the next round is over too";
    sealed | closed + signed_closing => closed [cancel] "it is what was to be closed: nobody is paid, and all gave back";
    closed + signed_closing => closed [grant] "it is what was to be closed, with who had delivered before";
    closed + signed_closing => closed [grant ask] "it is what was to be closed, with who had delivered before; the next round is over too";
    closed + leave_out => closed [sign_closing] "the round is over, and somebody is left to be paid";
    unfunded | closed | spent + delivery => _ [] "its sender signed it";
    closed + delivery => closed [ask] "its sender signed it, and the round is over";
    closed + delivery => closed [grant] "the last one";
    closed + delivery => closed [grant ask] "the last one, and the round is over";
    unfunded | layering | sealed | closed | spent + share => _ [] "it is the secret of its point";
    closed + share => closed [cancel] "the last one, and nobody is paid";
    unfunded | layering | sealed | closed | spent + settlement => _ [read] "it shows the sum of the secrets";
    spent + settlement => over [read] "it shows the sum of the secrets, and is deep";
};

const RECOMPUTER: &[Transition] = transitions! {
    new + held => idle [] "";
    idle | working | layered | sealed | closed | spent + coin => over [] "it is gone, and deep";
    idle | working | layered | sealed | closed + coin => spent [] "it is gone";
    idle | working | layered | sealed | closed + coin => _ [] "it is there or not, or moved";
    spent + coin => idle [] "a reorganisation took the spend away";
    spent + coin => working [sign_layer] "a reorganisation took the spend away";
    spent + coin => layered [pass] "a reorganisation took the spend away";
    spent + coin => sealed [] "a reorganisation took the spend away: it is shallow, or not there";
    spent + coin => closed [] "a reorganisation took the spend away: it is shallow, not there, or too late";
    sealed | spent + coin => sealed [open] "it is deep";
    closed | spent + coin => closed [deliver] "it is deep, and nobody else is paid";
    closed | spent + coin => closed [deliver settle] "it is deep, and nobody else is paid; with a grant";
    closed | spent + coin => closed [deliver forward] "it is deep";
    closed | spent + coin => closed [deliver forward settle] "it is deep, with a grant and all secrets";
    closed | spent + coin => closed [forward] "it is deep, and others are paid";
    closed | spent + coin => closed [forward settle] "it is deep, and others are paid; with an earlier grant and all secrets";
    closed | spent + coin => closed [settle] "it is deep, and late; with a grant and all secrets";
    closed | spent + coin => closed [give_back] "it is deep, and nobody is paid";
    idle + work => working [sign_layer] "no layer was signed";
    working + signed_layer => layered [pass] "it was ordered";
    spent + signed_layer => spent [] "it was ordered";
    layered | spent + envelope => _ [] "it came in time, and was known";
    layered + envelope => layered [pass] "it goes on from its own";
    layered + seal => sealed [] "its own layer is in it, and none that came in time is missing";
    layered + seal => sealed [open] "its own layer is in it, and none that came in time is missing; the coin was seen deep";
    sealed | closed | spent + opening => _ [] "it is what its layer commits to";
    sealed | closed + closing => closed [] "it follows from envelope and openings; the coin was not seen deep, or it is late";
    sealed | closed + closing => closed [deliver] "nobody else is paid";
    sealed | closed + closing => closed [deliver forward] "it is paid";
    sealed | closed + closing => closed [forward] "others are paid, or the same";
    sealed | closed + closing => closed [give_back] "nobody is paid";
    idle | working | layered | sealed | closed | spent + delivery => _ [] "its sender signed it";
    closed + delivery => closed [forward] "its sender signed it, for those who are paid";
    closed + grant => closed [] "it is of whom it closed for last; the coin was not seen deep";
    closed + grant => closed [forward] "it is of whom it closed for last";
    closed + grant => closed [forward settle] "it is of whom it closed for last, and all secrets are there";
    closed + grant => closed [settle] "it is of whom it closed for last, nobody else";
    idle | working | layered | sealed | closed | spent + share => _ [] "it is the secret of its point";
    closed + share => closed [forward] "it is of whom it closed for last, with a grant";
    closed + share => closed [forward settle] "the last one, of whom it closed for last, with a grant";
    closed + share => closed [settle] "the last one of those with an earlier grant";
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
