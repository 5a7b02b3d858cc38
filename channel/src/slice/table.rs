//! The transitions of both sides.

use super::{
    ClientEffect, ClientInput, ClientMachine, ProviderEffect, ProviderInput, ProviderMachine,
};
use crate::{Tabled, Transition, transitions};

const PROVIDER: &[Transition] = transitions! {
    new + held => unfunded [] "";
    unfunded | spent + bundle => _ [] "a good share, or a lie";
    released + bundle => _ [ask claim] "a good share, or a lie; the claim is due beside";
    released + bundle => _ [ask publish] "a good share, or a lie; the claim waits for its block beside";
    released | claimed + bundle => _ [ask] "a good share, or a lie";
    releasing + bundle => _ [release claim] "a good share, or a lie; the claim is due beside";
    releasing + bundle => _ [release publish] "a good share, or a lie; the claim waits for its block beside";
    releasing | claimed + bundle => _ [release] "a good share, or a lie";
    posted + bundle => _ [show claim] "a good share, or a lie; the claim is due beside";
    posted + bundle => _ [show publish] "a good share, or a lie; the claim waits for its block beside";
    posted | claimed + bundle => _ [show] "a good share, or a lie";
    claimed + bundle => _ [] "a good share, or a lie, of who owes nothing: it never worked";
    released + claimed => _ [ask publish] "it is the own claim";
    releasing + claimed => _ [release publish] "it is the own claim";
    posted + claimed => _ [show publish] "it is the own claim";
    working + committed => posted [show] "the others' are missing, or it is shallow";
    working + committed => releasing [release] "the last one, of a deep price";
    posted + post => releasing [release claim] "the last one, of a deep price; the claim is due beside";
    posted + post => releasing [release publish] "the last one, of a deep price; the claim waits for its block beside";
    posted + post => releasing [release] "the last one, of a deep price";
    unfunded | claimed + post => _ [] "a new one";
    releasing + post => _ [release claim] "a new one; the claim is due beside";
    releasing + post => _ [release publish] "a new one; the claim waits for its block beside";
    releasing | claimed + post => _ [release] "a new one";
    posted + post => _ [show] "a new one";
    working + post => _ [work] "a new one";
    idle | working | posted | releasing | released | claimed | spent + price => unfunded [] "a reorganisation took the funding away";
    unfunded | working | claimed | spent + price => idle [] "the time for posts is over";
    unfunded | idle | claimed | spent + price => working [work] "it is locked, and posts are taken";
    unfunded | claimed | spent + price => posted [show claim] "it is shallow, or a post is missing; the claim is due beside";
    unfunded | releasing | claimed | spent + price => posted [show publish] "it is shallow, or a post is missing; the claim waits for its block beside";
    unfunded | releasing | claimed | spent + price => posted [show] "it is shallow, or a post is missing";
    unfunded | posted | claimed | spent + price => releasing [release claim] "it is deep, and all posts are in or their time is over; the claim is due beside";
    unfunded | posted | claimed | spent + price => releasing [release publish] "it is deep, and all posts are in or their time is over; the claim waits for its block beside";
    unfunded | posted | claimed | spent + price => releasing [release] "it is deep, and all posts are in or their time is over";
    unfunded | claimed | spent + price => released [ask claim] "it is locked; the others may want its bundle; the claim is due beside";
    unfunded | claimed | spent + price => released [ask publish] "it is locked; the others may want its bundle; the claim waits for its block beside";
    unfunded | claimed | spent + price => released [ask] "it is locked; the others may want its bundle";
    unfunded | idle | working | posted | releasing | released | spent + price => claimed [] "by its claim; nothing is owed any more, or it never worked";
    unfunded | released | spent + price => claimed [ask] "by its claim; the others may want its bundle still";
    unfunded | posted | releasing | spent + price => claimed [release] "by its claim; the others are owed its shares still";
    unfunded | posted | releasing | spent + price => claimed [show] "by its claim; the others are owed its post still";
    unfunded | idle | working | posted | releasing | released | claimed + price => spent [] "the client has it back";
    unfunded | idle | working | posted | releasing | released | claimed | spent + price => over [] "it is gone, and deep, and nothing is owed";
    claimed + price => _ [] "another height, or depth";
    released + price => _ [ask claim] "another height, or depth; the claim is due beside";
    released + price => _ [ask publish] "another height, or depth; the claim waits for its block beside";
    released | claimed + price => _ [ask] "another height, or depth";
    releasing + price => _ [release publish] "another height, or depth; the claim waits for its block beside";
    releasing | claimed + price => _ [release] "another height, or depth";
    posted + price => _ [show claim] "another height, or depth; the claim is due beside";
    posted + price => _ [show publish] "another height, or depth; the claim waits for its block beside";
    posted | claimed + price => _ [show] "another height, or depth";
    working + price => _ [work] "another height, or depth";
    releasing + released => released [ask claim] "the claim is due beside";
    releasing + released => released [ask publish] "the claim waits for its block beside";
    releasing + released => released [ask] "";
    claimed + released => _ [ask] "";
};

const CLIENT: &[Transition] = transitions! {
    new + held => signed [fund] "";
    signed | funding | running | ending + bundle => _ [] "the first, or not for each other";
    signed | funding | running | ending + bundle => _ [hand_out] "both have something for each other";
    ending + claim => over [] "the last one that was missing";
    signed | funding | running | ending + claim => _ [] "it shows its secret";
    signed | funding | running | ending + claim => _ [ask] "it shows its secret, and the post that this opens is missing";
    signed + funded => funding [publish] "";
    ending + give_up => over [] "the last one that was missing";
    signed | funding | running | ending + give_up => _ [] "the owner waits for the post no longer";
    ending + post => over [] "the last one that was missing";
    signed | funding | running | ending + post => _ [] "";
    running | ending + price => signed [fund] "a reorganisation took the funding away; it was not signed here";
    running | ending + price => funding [publish] "a reorganisation took the funding away";
    signed | funding | ending + price => running [] "a price is locked";
    signed | funding + price => running [ask] "it is claimed, and the post that the claim opens is missing";
    signed | funding + price => running [find] "it is claimed, and the claim is not read yet";
    signed | funding | ending + price => running [publish] "nobody claimed it in d blocks; its refund is signed";
    signed | funding | ending + price => running [refund] "nobody claimed it in d blocks";
    signed | funding | running + price => ending [] "the last price is gone";
    signed | funding | running + price => ending [ask] "it is claimed, and the post that the claim opens is missing";
    signed | funding | running + price => ending [find] "it is claimed, and the claim is not read yet";
    signed | funding | running | ending + price => over [] "all are gone, deep, with all that was paid for";
    signed | funding | running | ending + price => _ [] "one of several prices is seen, or another height, or depth";
    signed | funding | running | ending + price => _ [ask] "it is claimed, and the post that the claim opens is missing";
    signed | funding | running | ending + price => _ [find] "it is claimed, and the claim is not read yet";
    signed | funding | running + price => _ [publish] "nobody claimed it in d blocks; its refund is signed";
    signed | funding | running + price => _ [refund] "nobody claimed it in d blocks";
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
            ClientInput::GiveUp { .. } => "give_up",
        }
    }

    fn effect_name(effect: &ClientEffect) -> &'static str {
        match effect {
            ClientEffect::Fund => "fund",
            ClientEffect::Publish(_) | ClientEffect::PublishRefund { .. } => "publish",
            ClientEffect::HandOut { .. } => "hand_out",
            ClientEffect::Find { .. } => "find",
            ClientEffect::Ask { .. } => "ask",
            ClientEffect::Refund { .. } => "refund",
        }
    }
}
