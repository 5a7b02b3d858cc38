//! The transitions of both sides.

use super::{
    ClientEffect, ClientInput, ClientMachine, ProviderEffect, ProviderInput, ProviderMachine,
};
use crate::{Tabled, Transition, transitions};

const PROVIDER: &[Transition] = transitions! {
    new + held => unfunded [] "";
    unfunded + bundle => unfunded [] "a good share, or a lie";
    unfunded + post => unfunded [] "a new one";
    unfunded + price => claiming [publish] "it is deep, with the claim";
    unfunded + price => idle [] "the time for posts is over";
    unfunded + price => over [] "it is gone, and deep";
    unfunded + price => paid [claim] "it is deep, with shares enough";
    unfunded + price => posted [show] "it is shallow, or a post is missing";
    unfunded + price => released [ask] "it is locked, or shallow again";
    unfunded + price => releasing [release] "it is deep, and all posts are in or their time is over";
    unfunded + price => spent [] "it is gone";
    unfunded + price => working [work] "it is locked, and posts are taken";
    working + committed => posted [show] "the others' are missing, or it is shallow";
    working + committed => releasing [release] "the last one, of a deep price";
    working + post => working [work] "a new one";
    working + price => idle [] "the time for posts is over";
    working + price => over [] "it is gone, and deep";
    working + price => spent [] "it is gone";
    working + price => unfunded [] "a reorganisation took the funding away";
    working + price => working [work] "another height, or depth";
    idle + price => over [] "it is gone, and deep";
    idle + price => spent [] "it is gone";
    idle + price => unfunded [] "a reorganisation took the funding away";
    idle + price => working [work] "it is locked, and posts are taken";
    posted + bundle => paid [claim] "a good share, and enough of them, of a deep price";
    posted + bundle => posted [show] "a good share, or a lie";
    posted + post => posted [show] "a new one";
    posted + post => releasing [release] "the last one, of a deep price";
    posted + price => claiming [publish] "it is deep, with the claim";
    posted + price => over [] "it is gone, and deep";
    posted + price => paid [claim] "it is deep, with shares enough";
    posted + price => posted [show] "another height, or depth";
    posted + price => releasing [release] "it is deep, and all posts are in or their time is over";
    posted + price => spent [] "it is gone";
    posted + price => unfunded [] "a reorganisation took the funding away";
    releasing + bundle => paid [claim] "a good share, and enough of them, of a deep price";
    releasing + bundle => releasing [release] "a good share, or a lie";
    releasing + post => releasing [release] "a new one";
    releasing + price => over [] "it is gone, and deep";
    releasing + price => posted [show] "it is shallow, or a post is missing";
    releasing + price => releasing [release] "another height, or depth";
    releasing + price => spent [] "it is gone";
    releasing + price => unfunded [] "a reorganisation took the funding away";
    releasing + released => released [ask] "";
    released + bundle => paid [claim] "a good share, and enough of them, of a deep price";
    released + bundle => released [ask] "a good share, or a lie";
    released + price => claiming [publish] "it is deep, with the claim";
    released + price => over [] "it is gone, and deep";
    released + price => paid [claim] "it is deep, with shares enough";
    released + price => released [ask] "another height, or depth";
    released + price => spent [] "it is gone";
    released + price => unfunded [] "a reorganisation took the funding away";
    paid + bundle => paid [claim] "a good share, or a lie";
    paid + claimed => claiming [publish] "it is the own claim";
    paid + price => over [] "it is gone, and deep";
    paid + price => paid [claim] "another height, or depth";
    paid + price => posted [show] "it is shallow, or a post is missing";
    paid + price => released [ask] "it is locked, or shallow again";
    paid + price => spent [] "it is gone";
    paid + price => unfunded [] "a reorganisation took the funding away";
    claiming + bundle => claiming [publish] "a good share, or a lie";
    claiming + price => claiming [publish] "another height, or depth";
    claiming + price => over [] "it is gone, and deep";
    claiming + price => posted [show] "it is shallow, or a post is missing";
    claiming + price => released [ask] "it is locked, or shallow again";
    claiming + price => spent [] "it is gone";
    claiming + price => unfunded [] "a reorganisation took the funding away";
    spent + bundle => spent [] "a good share, or a lie";
    spent + price => claiming [publish] "a reorganisation took the spend away: it is deep, with the claim";
    spent + price => idle [] "a reorganisation took the spend away: the time for posts is over";
    spent + price => over [] "it is gone, and deep";
    spent + price => paid [claim] "a reorganisation took the spend away: it is deep, with shares enough";
    spent + price => posted [show] "a reorganisation took the spend away: it is shallow, or a post is missing";
    spent + price => released [ask] "a reorganisation took the spend away: it is locked, or shallow again";
    spent + price => releasing [release] "a reorganisation took the spend away: it is deep, and all posts are in or their time is over";
    spent + price => unfunded [] "a reorganisation took the funding away";
    spent + price => working [work] "a reorganisation took the spend away: it is locked, and posts are taken";
};

const CLIENT: &[Transition] = transitions! {
    new + held => signed [fund] "";
    new + held => signed [fund] "";
    signed + bundle => signed [] "the first, or not for each other";
    signed + bundle => signed [hand_out] "both have something for each other";
    signed + claim => signed [] "it shows its secret";
    signed + funded => funding [publish] "";
    signed + post => signed [] "";
    signed + price => ending [] "the last price is gone";
    signed + price => ending [find] "it is claimed, and the claim is not read yet";
    signed + price => over [] "all are gone, deep, and all claims are read";
    signed + price => running [] "a price is locked";
    signed + price => running [find] "it is claimed, and the claim is not read yet";
    signed + price => running [publish] "nobody claimed it in d blocks; its refund is signed";
    signed + price => running [refund] "nobody claimed it in d blocks";
    signed + price => signed [] "one of several prices is seen";
    signed + price => signed [find] "it is claimed, and the claim is not read yet";
    signed + price => signed [publish] "nobody claimed it in d blocks; its refund is signed";
    signed + price => signed [refund] "nobody claimed it in d blocks";
    signed + refunded => signed [publish] "it is due";
    funding + bundle => funding [] "the first, or not for each other";
    funding + bundle => funding [hand_out] "both have something for each other";
    funding + claim => funding [] "it shows its secret";
    funding + post => funding [] "";
    funding + price => ending [] "the last price is gone";
    funding + price => ending [find] "it is claimed, and the claim is not read yet";
    funding + price => funding [] "one of several prices is seen";
    funding + price => funding [find] "it is claimed, and the claim is not read yet";
    funding + price => funding [publish] "nobody claimed it in d blocks; its refund is signed";
    funding + price => funding [refund] "nobody claimed it in d blocks";
    funding + price => over [] "all are gone, deep, and all claims are read";
    funding + price => running [] "a price is locked";
    funding + price => running [find] "it is claimed, and the claim is not read yet";
    funding + price => running [publish] "nobody claimed it in d blocks; its refund is signed";
    funding + price => running [refund] "nobody claimed it in d blocks";
    funding + refunded => funding [publish] "it is due";
    running + bundle => running [] "the first, or not for each other";
    running + bundle => running [hand_out] "both have something for each other";
    running + claim => running [] "it shows its secret";
    running + post => running [] "";
    running + price => ending [] "the last price is gone";
    running + price => ending [find] "it is claimed, and the claim is not read yet";
    running + price => funding [publish] "a reorganisation took the funding away";
    running + price => over [] "all are gone, deep, and all claims are read";
    running + price => running [] "another height, or depth";
    running + price => running [find] "it is claimed, and the claim is not read yet";
    running + price => running [publish] "nobody claimed it in d blocks; its refund is signed";
    running + price => running [refund] "nobody claimed it in d blocks";
    running + price => signed [fund] "a reorganisation took the funding away; it was not signed here";
    running + refunded => running [publish] "it is due";
    ending + bundle => ending [] "the first, or not for each other";
    ending + bundle => ending [hand_out] "both have something for each other";
    ending + claim => ending [] "it shows its secret";
    ending + claim => over [] "the last one that was missing";
    ending + post => ending [] "";
    ending + price => ending [] "another height, or depth";
    ending + price => ending [find] "it is claimed, and the claim is not read yet";
    ending + price => funding [publish] "a reorganisation took the funding away";
    ending + price => over [] "all are gone, deep, and all claims are read";
    ending + price => running [] "a price is locked";
    ending + price => running [publish] "nobody claimed it in d blocks; its refund is signed";
    ending + price => running [refund] "nobody claimed it in d blocks";
    ending + price => signed [fund] "a reorganisation took the funding away; it was not signed here";
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
