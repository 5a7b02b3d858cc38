//! The transitions of both sides.

use super::{
    ClientEffect, ClientInput, ClientMachine, ProviderEffect, ProviderInput, ProviderMachine,
};
use crate::{Tabled, Transition, transitions};

const PROVIDER: &[Transition] = transitions! {
    new + held => unfunded [] "";
    unfunded | working | idle | posted | releasing | released | paid | claiming | spent + price => over [] "it is gone, and deep";
    unfunded | working | idle | posted | releasing | released | paid | claiming + price => spent [] "it is gone";
    working | idle | posted | releasing | released | paid | claiming | spent + price => unfunded [] "a reorganisation took the funding away";
    unfunded | releasing | paid | claiming + price => posted [show] "it is shallow, or a post is missing";
    unfunded | posted | released + price => claiming [publish] "it is deep, with the claim";
    unfunded | posted | released + price => paid [claim] "it is deep, with shares enough";
    unfunded | paid | claiming + price => released [ask] "it is locked, or shallow again";
    unfunded | working + price => idle [] "the time for posts is over";
    unfunded | posted + price => releasing [release] "it is deep, and all posts are in or their time is over";
    unfunded | idle + price => working [work] "it is locked, and posts are taken";
    working + price => working [work] "another height, or depth";
    posted + price => posted [show] "another height, or depth";
    releasing + price => releasing [release] "another height, or depth";
    released + price => released [ask] "another height, or depth";
    paid + price => paid [claim] "another height, or depth";
    claiming + price => claiming [publish] "another height, or depth";
    spent + price => claiming [publish] "a reorganisation took the spend away: it is deep, with the claim";
    spent + price => idle [] "a reorganisation took the spend away: the time for posts is over";
    spent + price => paid [claim] "a reorganisation took the spend away: it is deep, with shares enough";
    spent + price => posted [show] "a reorganisation took the spend away: it is shallow, or a post is missing";
    spent + price => released [ask] "a reorganisation took the spend away: it is locked, or shallow again";
    spent + price => releasing [release] "a reorganisation took the spend away: it is deep, and all posts are in or their time is over";
    spent + price => working [work] "a reorganisation took the spend away: it is locked, and posts are taken";
    posted | releasing | released + bundle => paid [claim] "a good share, and enough of them, of a deep price";
    unfunded | spent + bundle => _ [] "a good share, or a lie";
    posted + bundle => posted [show] "a good share, or a lie";
    releasing + bundle => releasing [release] "a good share, or a lie";
    released + bundle => released [ask] "a good share, or a lie";
    paid + bundle => paid [claim] "a good share, or a lie";
    claiming + bundle => claiming [publish] "a good share, or a lie";
    unfunded + post => unfunded [] "a new one";
    working + post => working [work] "a new one";
    posted + post => posted [show] "a new one";
    posted + post => releasing [release] "the last one, of a deep price";
    releasing + post => releasing [release] "a new one";
    working + committed => posted [show] "the others' are missing, or it is shallow";
    working + committed => releasing [release] "the last one, of a deep price";
    releasing + released => released [ask] "";
    paid + claimed => claiming [publish] "it is the own claim";
};

const CLIENT: &[Transition] = transitions! {
    new + held => signed [fund] "";
    signed | funding | running | ending + price => ending [find] "it is claimed, and the claim is not read yet";
    signed | funding | running | ending + price => over [] "all are gone, deep, and all claims are read";
    signed | funding | running | ending + price => running [publish] "nobody claimed it in d blocks; its refund is signed";
    signed | funding | running | ending + price => running [refund] "nobody claimed it in d blocks";
    signed | funding | running + price => ending [] "the last price is gone";
    signed | funding | ending + price => running [] "a price is locked";
    signed | funding | running + price => running [find] "it is claimed, and the claim is not read yet";
    signed | funding + price => _ [] "one of several prices is seen";
    signed | funding + price => _ [find] "it is claimed, and the claim is not read yet";
    signed | funding + price => _ [publish] "nobody claimed it in d blocks; its refund is signed";
    signed | funding + price => _ [refund] "nobody claimed it in d blocks";
    running | ending + price => funding [publish] "a reorganisation took the funding away";
    running | ending + price => _ [] "another height, or depth";
    running | ending + price => signed [fund] "a reorganisation took the funding away; it was not signed here";
    signed | funding | running | ending + bundle => _ [] "the first, or not for each other";
    signed | funding | running | ending + bundle => _ [hand_out] "both have something for each other";
    signed | funding | running | ending + claim => _ [] "it shows its secret";
    ending + claim => over [] "the last one that was missing";
    signed + funded => funding [publish] "";
    signed | funding | running | ending + post => _ [] "";
    signed | funding | running + refunded => _ [publish] "it is due";
};

impl Tabled for ProviderMachine {
    const NAME: &'static str = "slice-provider";
    const SUMMARY: &'static str =
        "A provider of a gated slice. See [gated slices](../contracts/slice.md).";
    const TABLE: &'static [&'static [Transition]] = &[PROVIDER];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &ProviderInput) -> &'static str {
        match input {
            ProviderInput::Held(_) => "held",
            ProviderInput::Price { .. } => "price",
            ProviderInput::Committed { .. } => "committed",
            ProviderInput::Post(_) => "post",
            ProviderInput::Released(_) => "released",
            ProviderInput::Bundle(_) => "bundle",
            ProviderInput::Claimed(_) => "claimed",
        }
    }

    fn effect_name(effect: &ProviderEffect) -> &'static str {
        match effect {
            ProviderEffect::Work => "work",
            ProviderEffect::Show(_) => "show",
            ProviderEffect::Release => "release",
            ProviderEffect::Ask(_) => "ask",
            ProviderEffect::Claim => "claim",
            ProviderEffect::Publish(_) => "publish",
        }
    }
}

impl Tabled for ClientMachine {
    const NAME: &'static str = "slice-client";
    const SUMMARY: &'static str =
        "The client of a gated slice. See [gated slices](../contracts/slice.md).";
    const TABLE: &'static [&'static [Transition]] = &[CLIENT];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &ClientInput) -> &'static str {
        match input {
            ClientInput::Held(_) => "held",
            ClientInput::Funded(_) => "funded",
            ClientInput::Price { .. } => "price",
            ClientInput::Post(_) => "post",
            ClientInput::Bundle(_) => "bundle",
            ClientInput::Claim { .. } => "claim",
            ClientInput::Refunded { .. } => "refunded",
        }
    }

    fn effect_name(effect: &ClientEffect) -> &'static str {
        match effect {
            ClientEffect::Fund => "fund",
            ClientEffect::Publish(_) | ClientEffect::PublishRefund { .. } => "publish",
            ClientEffect::HandOut { .. } => "hand_out",
            ClientEffect::Find { .. } => "find",
            ClientEffect::Refund { .. } => "refund",
        }
    }
}
