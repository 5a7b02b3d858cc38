//! The transitions of both sides.

use super::{BankEffect, BankInput, BankMachine, Paying, Receiving, Side};
use crate::{Tabled, Transition, transitions};

/// What happens to the coin, and how a bank ends, is the same on both sides.
const SHARED: &[Transition] = transitions! {
    new + propose => proposed [cosign] "";
    proposed + abandon => new [] "its session died";
    signed + coin => open [] "the funding is confirmed";
    signed + coin => freezing [publish] "the funding is confirmed; a freeze was ordered";
    signed + coin => frozen [] "the freeze is confirmed";
    signed + coin => spent [] "it is spent";
    signed + coin => over [] "it is spent, and deep";
    open + freeze => freezing [publish] "";
    open + coin => open [] "deep enough, or not any more";
    open + coin => frozen [] "the freeze is confirmed";
    open + coin => spent [] "it is spent";
    open + coin => over [] "it is spent, and deep";
    open + leave => leaving [sign] "by the rules of its end";
    freezing + coin => freezing [publish] "deep enough, or not any more";
    freezing + coin => frozen [] "the freeze is confirmed";
    freezing + coin => spent [] "it is spent";
    freezing + coin => over [] "it is spent, and deep";
    freezing + leave => leaving [publish sign] "by the rules of its end";
    frozen + coin => open [] "a reorganisation took the spend away";
    frozen + coin => freezing [publish] "a reorganisation took the spend away";
    frozen + coin => frozen [] "at another height";
    frozen + coin => spent [] "it is spent";
    frozen + coin => over [] "it is spent, and deep";
    frozen + leave => leaving [sign] "by the rules of its end";
    leaving + freeze => leaving [publish] "an agreed end does not confirm";
    leaving + freeze => leaving [publish sign] "an agreed end does not confirm";
    leaving + coin => leaving [publish] "it moved, and did not leave yet; signed";
    leaving + coin => leaving [publish sign] "it moved, and did not leave yet; to be frozen, not signed";
    leaving + coin => leaving [sign] "it moved, and did not leave yet; not signed";
    leaving + coin => leaving [] "it moved to where that end does not spend it";
    leaving + coin => spent [] "it is spent";
    leaving + coin => over [] "it is spent, and deep";
    leaving + leave => leaving [sign] "alone, after an end that was agreed to, or after one that does not spend the coin where it is";
    leaving + leave => leaving [publish sign] "the same; to be frozen";
    leaving + left => leaving [publish] "it is what was asked for";
    leaving + left => leaving [] "it is what was asked for, where the coin was";
    spent + coin => open [] "a reorganisation took the spend away";
    spent + coin => freezing [publish] "a reorganisation took the spend away";
    spent + coin => frozen [] "a reorganisation took the spend away";
    spent + coin => leaving [publish] "a reorganisation took the spend away; signed";
    spent + coin => leaving [sign] "a reorganisation took the spend away; not signed";
    spent + coin => leaving [] "a reorganisation took the spend away, and the coin back to where that end does not spend it";
    spent + coin => leaving [publish sign] "a reorganisation took the spend away; to be frozen, not signed";
    spent + coin => over [] "it is spent, and deep";
};

const PAYING: &[Transition] = transitions! {
    proposed + signed => signed [fund] "it is of both";
    signed + funded => signed [publish] "it is the funding";
    signed + coin => open [give] "the funding is confirmed; pennies were given before";
    open + coin => open [give] "deep enough; pennies were given before";
    open + pay => open [give] "as many are left";
    open + coin => signed [fund] "a reorganisation took the funding away; it was not signed here";
    open + coin => signed [publish] "a reorganisation took the funding away";
    freezing + coin => signed [fund] "a reorganisation took the funding away; it was not signed here";
    freezing + coin => signed [publish] "a reorganisation took the funding away";
    frozen + coin => signed [fund] "a reorganisation took the funding away; it was not signed here";
    frozen + coin => signed [publish] "a reorganisation took the funding away";
    frozen + coin => open [give] "a reorganisation took the spend away; pennies were given before";
    spent + coin => signed [fund] "a reorganisation took the funding away; it was not signed here";
    spent + coin => signed [publish] "a reorganisation took the funding away";
    spent + coin => open [give] "a reorganisation took the spend away; pennies were given before";
};

const RECEIVING: &[Transition] = transitions! {
    proposed + signed => signed [] "it is of both";
    open + rungs => open [] "they are good, and of use";
    open + penny => open [] "it is of the chain, and enforceable enough";
    open + coin => signed [] "a reorganisation took the funding away";
    freezing + coin => signed [] "a reorganisation took the funding away";
    frozen + coin => signed [] "a reorganisation took the funding away";
    spent + coin => signed [] "a reorganisation took the funding away";
};

impl Side for Paying {
    const PAYS: bool = true;
    const NAME: &'static str = "bank-payer";
    const SUMMARY: &'static str =
        "The payer's side of a penny bank. See [penny bank](../contracts/bank.md).";
    const TABLE: &'static [&'static [Transition]] = &[SHARED, PAYING];
}

impl Side for Receiving {
    const PAYS: bool = false;
    const NAME: &'static str = "bank-provider";
    const SUMMARY: &'static str =
        "The provider's side of a penny bank. See [penny bank](../contracts/bank.md).";
    const TABLE: &'static [&'static [Transition]] = &[SHARED, RECEIVING];
}

impl<S: Side> Tabled for BankMachine<S> {
    const NAME: &'static str = S::NAME;
    const SUMMARY: &'static str = S::SUMMARY;
    const TABLE: &'static [&'static [Transition]] = S::TABLE;

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &BankInput) -> &'static str {
        match input {
            BankInput::Propose(_) => "propose",
            BankInput::Abandon => "abandon",
            BankInput::Signed { .. } => "signed",
            BankInput::Funded(_) => "funded",
            BankInput::Coin(_) => "coin",
            BankInput::Pay { .. } => "pay",
            BankInput::Rungs(_) => "rungs",
            BankInput::Penny(_) => "penny",
            BankInput::Freeze => "freeze",
            BankInput::Leave { .. } => "leave",
            BankInput::Left(_) => "left",
        }
    }

    fn effect_name(effect: &BankEffect) -> &'static str {
        match effect {
            BankEffect::Cosign => "cosign",
            BankEffect::Fund => "fund",
            BankEffect::Give { .. } => "give",
            BankEffect::Publish(_) | BankEffect::PublishWithChild(_) => "publish",
            BankEffect::Sign(_) => "sign",
        }
    }
}
