//! The transitions of both sides.

use super::{
    RecomputerEffect, RecomputerInput, RecomputerMachine, RequesterEffect, RequesterInput,
    RequesterMachine,
};
use crate::{Tabled, Transition, transitions};

const REQUESTER: &[Transition] = transitions! {
    new + held => signed [fund] "";
    signed + coin => abandoned [] "it is not there, and too late for a funding";
    signed + coin => closed [close] "it is there, or moved";
    signed + coin => closing [seal sign_closing] "it is there, and the openings complete or due";
    signed + coin => layering [] "it is there, or moved";
    signed + coin => over [] "it is gone, and deep";
    signed + coin => refunding [refund] "above T";
    signed + coin => sealing [sign_seal] "it is there, and the envelope complete or due";
    signed + coin => settled [] "it is gone";
    signed + coin => signed [] "it is not there";
    signed + coin => spent [look] "a settlement has it";
    signed + envelope => signed [] "it holds";
    signed + funded => funding [publish] "it is the funding";
    signed + opening => signed [] "it is what the layer commits to";
    signed + settlement => signed [] "it shows the sum of the secrets";
    signed + share => signed [] "it is the secret of its point";
    funding + coin => abandoned [] "it is not there, and too late for a funding";
    funding + coin => asking [close ask] "the round is over";
    funding + coin => closed [close] "it is there, or moved";
    funding + coin => closing [close sign_closing] "it is there, and the openings complete or due";
    funding + coin => closing [seal sign_closing] "it is there, and the openings complete or due";
    funding + coin => funding [] "it is not there";
    funding + coin => granted [grant] "it is there, or moved";
    funding + coin => layering [] "it is there, or moved";
    funding + coin => over [] "it is gone, and deep";
    funding + coin => refunding [refund] "above T";
    funding + coin => sealed [seal] "it is there, or moved";
    funding + coin => sealing [sign_seal] "it is there, and the envelope complete or due";
    funding + coin => settled [] "it is gone";
    funding + coin => settled [read] "it is gone";
    funding + coin => spent [look] "a settlement has it";
    funding + delivery => funding [] "its sender signed it";
    funding + envelope => funding [] "it holds";
    funding + opening => funding [] "it is what the layer commits to";
    funding + settlement => funding [] "it shows the sum of the secrets";
    funding + share => funding [] "it is the secret of its point";
    abandoned + coin => asking [close ask] "the round is over";
    abandoned + coin => closed [close] "it is there, or moved";
    abandoned + coin => closing [close sign_closing] "it is there, and the openings complete or due";
    abandoned + coin => closing [grant sign_closing] "it is there, and the openings complete or due";
    abandoned + coin => closing [seal sign_closing] "it is there, and the openings complete or due";
    abandoned + coin => funding [publish] "it is not there";
    abandoned + coin => granted [grant] "it is there, or moved";
    abandoned + coin => layering [] "it is there, or moved";
    abandoned + coin => over [] "it is gone, and deep";
    abandoned + coin => refunding [refund] "above T";
    abandoned + coin => sealed [seal] "it is there, or moved";
    abandoned + coin => sealing [sign_seal] "it is there, and the envelope complete or due";
    abandoned + coin => settled [] "it is gone";
    abandoned + coin => settled [read] "it is gone";
    abandoned + coin => signed [fund] "it is not there";
    abandoned + coin => spent [look] "a settlement has it";
    abandoned + delivery => abandoned [] "its sender signed it";
    abandoned + envelope => abandoned [] "it holds";
    abandoned + opening => abandoned [] "it is what the layer commits to";
    abandoned + settlement => abandoned [] "it shows the sum of the secrets";
    abandoned + share => abandoned [] "it is the secret of its point";
    layering + coin => abandoned [] "it is not there, and too late for a funding";
    layering + coin => funding [publish] "it is not there";
    layering + coin => over [] "it is gone, and deep";
    layering + coin => refunding [refund] "above T";
    layering + coin => sealing [sign_seal] "it is there, and the envelope complete or due";
    layering + coin => settled [] "it is gone";
    layering + coin => settled [read] "it is gone";
    layering + coin => signed [fund] "it is not there";
    layering + coin => spent [look] "a settlement has it";
    layering + envelope => layering [] "it holds";
    layering + envelope => sealing [sign_seal] "it holds";
    layering + settlement => layering [] "it shows the sum of the secrets";
    layering + share => layering [] "it is the secret of its point";
    sealing + coin => abandoned [] "it is not there, and too late for a funding";
    sealing + coin => funding [publish] "it is not there";
    sealing + coin => layering [] "it is there, or moved";
    sealing + coin => over [] "it is gone, and deep";
    sealing + coin => refunding [refund] "above T";
    sealing + coin => sealing [] "it is there, and the envelope complete or due";
    sealing + coin => settled [] "it is gone";
    sealing + coin => settled [read] "it is gone";
    sealing + coin => signed [fund] "it is not there";
    sealing + coin => spent [look] "a settlement has it";
    sealing + envelope => sealing [] "it holds";
    sealing + envelope => sealing [sign_seal] "it holds";
    sealing + settlement => sealing [] "it shows the sum of the secrets";
    sealing + share => sealing [] "it is the secret of its point";
    sealing + signed_seal => closing [seal sign_closing] "it is what was to be sealed";
    sealing + signed_seal => sealed [seal] "it is what was to be sealed";
    sealed + coin => abandoned [] "it is not there, and too late for a funding";
    sealed + coin => closing [sign_closing] "it is there, and the openings complete or due";
    sealed + coin => funding [publish] "it is not there";
    sealed + coin => over [] "it is gone, and deep";
    sealed + coin => refunding [refund] "above T";
    sealed + coin => sealed [] "it is there, or moved";
    sealed + coin => settled [] "it is gone";
    sealed + coin => settled [read] "it is gone";
    sealed + coin => signed [fund] "it is not there";
    sealed + coin => spent [look] "a settlement has it";
    sealed + envelope => sealed [] "it holds";
    sealed + opening => closing [sign_closing] "it is what the layer commits to";
    sealed + opening => sealed [] "it is what the layer commits to";
    sealed + settlement => sealed [] "it shows the sum of the secrets";
    sealed + share => sealed [] "it is the secret of its point";
    closing + coin => abandoned [] "it is not there, and too late for a funding";
    closing + coin => closed [] "it is there, or moved";
    closing + coin => closing [] "it is there, and the openings complete or due";
    closing + coin => funding [publish] "it is not there";
    closing + coin => over [] "it is gone, and deep";
    closing + coin => refunding [refund] "above T";
    closing + coin => sealed [] "it is there, or moved";
    closing + coin => settled [] "it is gone";
    closing + coin => settled [read] "it is gone";
    closing + coin => signed [fund] "it is not there";
    closing + coin => spent [look] "a settlement has it";
    closing + envelope => closing [] "it holds";
    closing + opening => closing [sign_closing] "it is what the layer commits to";
    closing + settlement => closing [] "it shows the sum of the secrets";
    closing + share => closing [] "it is the secret of its point";
    closing + signed_closing => asking [close ask] "it is what was to be closed";
    closing + signed_closing => closed [close] "it is what was to be closed";
    closed + coin => abandoned [] "it is not there, and too late for a funding";
    closed + coin => asking [ask] "the round is over";
    closed + coin => closed [] "it is there, or moved";
    closed + coin => closing [sign_closing] "it is there, and the openings complete or due";
    closed + coin => funding [publish] "it is not there";
    closed + coin => over [] "it is gone, and deep";
    closed + coin => refunding [refund] "above T";
    closed + coin => settled [] "it is gone";
    closed + coin => settled [read] "it is gone";
    closed + coin => signed [fund] "it is not there";
    closed + coin => spent [look] "a settlement has it";
    closed + delivery => closed [] "its sender signed it";
    closed + delivery => granted [grant] "the last one";
    closed + envelope => closed [] "it holds";
    closed + opening => closed [] "it is what the layer commits to";
    closed + opening => closing [sign_closing] "it is what the layer commits to";
    closed + settlement => closed [] "it shows the sum of the secrets";
    closed + share => closed [] "it is the secret of its point";
    granted + coin => abandoned [] "it is not there, and too late for a funding";
    granted + coin => asking [ask] "the round is over";
    granted + coin => funding [publish] "it is not there";
    granted + coin => granted [] "it is there, or moved";
    granted + coin => over [] "it is gone, and deep";
    granted + coin => refunding [refund] "above T";
    granted + coin => settled [read] "it is gone";
    granted + coin => signed [fund] "it is not there";
    granted + coin => spent [look] "a settlement has it";
    granted + settlement => granted [] "it shows the sum of the secrets";
    granted + share => granted [] "it is the secret of its point";
    asking + coin => abandoned [] "it is not there, and too late for a funding";
    asking + coin => closed [] "it is there, or moved";
    asking + coin => funding [publish] "it is not there";
    asking + coin => granted [] "it is there, or moved";
    asking + coin => over [] "it is gone, and deep";
    asking + coin => refunding [refund] "above T";
    asking + coin => settled [] "it is gone";
    asking + coin => settled [read] "it is gone";
    asking + coin => spent [look] "a settlement has it";
    asking + delivery => asking [ask] "its sender signed it";
    asking + leave_out => closing [sign_closing] "the round is over, and enough are left";
    asking + opening => closing [sign_closing] "it is what the layer commits to";
    asking + settlement => asking [] "it shows the sum of the secrets";
    asking + share => asking [] "it is the secret of its point";
    refunding + coin => abandoned [] "it is not there, and too late for a funding";
    refunding + coin => asking [close ask] "the round is over";
    refunding + coin => asking [grant ask] "the round is over";
    refunding + coin => closed [close] "it is there, or moved";
    refunding + coin => closing [seal sign_closing] "it is there, and the openings complete or due";
    refunding + coin => funding [publish] "it is not there";
    refunding + coin => granted [grant] "it is there, or moved";
    refunding + coin => layering [] "it is there, or moved";
    refunding + coin => over [] "it is gone, and deep";
    refunding + coin => sealed [seal] "it is there, or moved";
    refunding + coin => sealing [sign_seal] "it is there, and the envelope complete or due";
    refunding + coin => settled [] "it is gone";
    refunding + coin => settled [read] "it is gone";
    refunding + coin => signed [fund] "it is not there";
    refunding + coin => spent [look] "a settlement has it";
    refunding + delivery => refunding [] "its sender signed it";
    refunding + envelope => refunding [] "it holds";
    refunding + opening => refunding [] "it is what the layer commits to";
    refunding + settlement => refunding [] "it shows the sum of the secrets";
    refunding + share => refunding [] "it is the secret of its point";
    refunding + signed_seal => refunding [] "it is what was to be sealed";
    spent + coin => abandoned [] "it is not there, and too late for a funding";
    spent + coin => asking [close ask] "the round is over";
    spent + coin => closed [close] "it is there, or moved";
    spent + coin => closing [close sign_closing] "it is there, and the openings complete or due";
    spent + coin => closing [seal sign_closing] "it is there, and the openings complete or due";
    spent + coin => funding [publish] "it is not there";
    spent + coin => layering [] "it is there, or moved";
    spent + coin => over [] "it is gone, and deep";
    spent + coin => refunding [refund] "above T";
    spent + coin => sealed [seal] "it is there, or moved";
    spent + coin => sealing [sign_seal] "it is there, and the envelope complete or due";
    spent + coin => settled [] "it is gone";
    spent + coin => settled [read] "it is gone";
    spent + coin => signed [fund] "it is not there";
    spent + coin => spent [] "it is gone";
    spent + delivery => spent [] "its sender signed it";
    spent + envelope => spent [] "it holds";
    spent + opening => spent [] "it is what the layer commits to";
    spent + settlement => over [] "it shows the sum of the secrets";
    spent + settlement => settled [read] "it shows the sum of the secrets";
    spent + settlement => spent [] "it shows the sum of the secrets";
    spent + share => spent [] "it is the secret of its point";
    settled + coin => abandoned [] "it is not there, and too late for a funding";
    settled + coin => asking [close ask] "the round is over";
    settled + coin => closed [close] "it is there, or moved";
    settled + coin => closing [seal sign_closing] "it is there, and the openings complete or due";
    settled + coin => funding [publish] "it is not there";
    settled + coin => granted [grant] "it is there, or moved";
    settled + coin => layering [] "it is there, or moved";
    settled + coin => over [] "it is gone, and deep";
    settled + coin => refunding [refund] "above T";
    settled + coin => sealed [seal] "it is there, or moved";
    settled + coin => sealing [sign_seal] "it is there, and the envelope complete or due";
    settled + coin => settled [] "it is gone";
    settled + coin => signed [fund] "it is not there";
    settled + coin => spent [look] "a settlement has it";
    settled + delivery => settled [] "its sender signed it";
    settled + envelope => settled [] "it holds";
    settled + opening => settled [] "it is what the layer commits to";
    settled + settlement => settled [read] "it shows the sum of the secrets";
    settled + settlement => spent [look] "it shows the sum of the secrets";
    settled + share => settled [] "it is the secret of its point";
};

const RECOMPUTER: &[Transition] = transitions! {
    new + held => idle [] "";
    idle + coin => idle [] "it is there, or moved";
    idle + coin => over [] "it is gone, and deep";
    idle + coin => spent [] "it is gone";
    idle + delivery => idle [] "its sender signed it";
    idle + share => idle [] "it is the secret of its point";
    idle + work => working [sign_layer] "no layer was signed";
    working + coin => over [] "it is gone, and deep";
    working + coin => spent [] "it is gone";
    working + coin => working [] "it is there, or moved";
    working + delivery => working [] "its sender signed it";
    working + share => working [] "it is the secret of its point";
    working + signed_layer => layered [pass] "it was ordered";
    layered + coin => layered [] "it is there, or moved";
    layered + coin => over [] "it is gone, and deep";
    layered + coin => spent [] "it is gone";
    layered + delivery => layered [] "its sender signed it";
    layered + envelope => layered [] "it holds";
    layered + envelope => layered [pass] "it holds";
    layered + seal => sealed [open] "the own layer is in it, and none is missing that came in time";
    layered + seal => shallow [] "the own layer is in it, and none is missing that came in time";
    layered + share => layered [] "it is the secret of its point";
    shallow + closing => shallow [] "it says what envelope and openings do";
    shallow + coin => closed [deliver forward] "it is deep";
    shallow + coin => closed [give_back] "it is deep";
    shallow + coin => granted [deliver give forward] "it is deep";
    shallow + coin => over [] "it is gone, and deep";
    shallow + coin => sealed [open] "it is deep";
    shallow + coin => settling [deliver give forward settle] "it is deep";
    shallow + coin => shallow [] "it is not there, or not deep";
    shallow + coin => spent [] "it is gone";
    shallow + delivery => shallow [] "its sender signed it";
    shallow + envelope => shallow [] "it holds";
    shallow + grant => shallow [] "it is of the set that was closed for last";
    shallow + opening => shallow [] "it is what the layer commits to";
    shallow + share => shallow [] "it is the secret of its point";
    sealed + closing => closed [deliver forward] "it says what envelope and openings do";
    sealed + closing => closed [give_back] "it says what envelope and openings do";
    sealed + coin => over [] "it is gone, and deep";
    sealed + coin => shallow [] "it is not there, or not deep";
    sealed + coin => spent [] "it is gone";
    sealed + delivery => sealed [] "its sender signed it";
    sealed + envelope => sealed [] "it holds";
    sealed + opening => sealed [] "it is what the layer commits to";
    sealed + share => sealed [] "it is the secret of its point";
    closed + closing => closed [deliver forward] "it says what envelope and openings do";
    closed + coin => over [] "it is gone, and deep";
    closed + coin => shallow [] "it is not there, or not deep";
    closed + coin => spent [] "it is gone";
    closed + delivery => closed [] "its sender signed it";
    closed + delivery => closed [forward] "its sender signed it";
    closed + envelope => closed [] "it holds";
    closed + grant => granted [give forward] "it is of the set that was closed for last";
    closed + grant => settling [give forward settle] "it is of the set that was closed for last";
    closed + opening => closed [] "it is what the layer commits to";
    closed + share => closed [] "it is the secret of its point";
    closed + share => settling [settle] "the last one";
    granted + closing => closed [deliver forward] "it says what envelope and openings do";
    granted + coin => over [] "it is gone, and deep";
    granted + coin => shallow [] "it is not there, or not deep";
    granted + coin => spent [] "it is gone";
    granted + delivery => granted [] "its sender signed it";
    granted + delivery => granted [forward] "its sender signed it";
    granted + envelope => granted [] "it holds";
    granted + opening => granted [] "it is what the layer commits to";
    granted + share => granted [] "it is the secret of its point";
    granted + share => granted [forward] "it is the secret of its point";
    granted + share => settling [forward settle] "the last one";
    granted + share => settling [settle] "the last one";
    settling + closing => settling [deliver forward] "it says what envelope and openings do";
    settling + coin => over [] "it is gone, and deep";
    settling + coin => shallow [] "it is not there, or not deep";
    settling + coin => spent [] "it is gone";
    settling + delivery => settling [] "its sender signed it";
    settling + delivery => settling [forward] "its sender signed it";
    settling + envelope => settling [] "it holds";
    settling + grant => settling [give forward] "it is of the set that was closed for last";
    settling + grant => settling [give forward settle] "it is of the set that was closed for last";
    settling + opening => settling [] "it is what the layer commits to";
    settling + share => settling [] "the last one";
    settling + share => settling [forward settle] "the last one";
    spent + coin => closed [deliver forward] "it is deep";
    spent + coin => closed [give_back] "it is deep";
    spent + coin => granted [deliver give forward] "it is deep";
    spent + coin => idle [] "it is there, or moved";
    spent + coin => layered [pass] "it is there, or moved";
    spent + coin => over [] "it is gone, and deep";
    spent + coin => sealed [open] "it is deep";
    spent + coin => settling [deliver give forward settle] "it is deep";
    spent + coin => shallow [] "it is not there, or not deep";
    spent + coin => working [sign_layer] "it is there, or moved";
    spent + delivery => spent [] "its sender signed it";
    spent + envelope => spent [] "it holds";
    spent + opening => spent [] "it is what the layer commits to";
    spent + share => spent [] "it is the secret of its point";
    spent + signed_layer => spent [] "it was ordered";
    spent + work => spent [] "no layer was signed";
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
            RecomputerEffect::Give { .. } => "give",
            RecomputerEffect::Forward(_) => "forward",
            RecomputerEffect::Settle { .. } => "settle",
        }
    }
}
