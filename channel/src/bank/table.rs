//! The transitions of both sides.

use super::{BankEffect, BankInput, BankMachine, Paying, Receiving, Side};
use crate::{Tabled, Transition, transitions};

/// What happens to the coin, and how a bank ends, is the same on both sides.
const SHARED: &[Transition] = transitions! {
    new + propose => proposed [cosign] "";
    proposed + abandon => new [] "its session died";
    signed + coin => open [] "the funding is confirmed";
    signed + coin => force_closing [publish] "the funding is confirmed; a force close was ordered";
    signed + coin => force_closed [] "the force close is confirmed";
    signed + coin => spent [] "it is spent";
    signed + coin => over [] "it is spent, and deep";
    open + force_close => force_closing [publish] "";
    open + coin => open [] "deep enough, or not any more";
    open + coin => force_closed [] "the force close is confirmed";
    open + coin => spent [] "it is spent";
    open + coin => over [] "it is spent, and deep";
    open + leave => leaving [sign] "by the rules of its end";
    force_closing + coin => force_closing [publish] "deep enough, or not any more";
    force_closing + coin => force_closed [] "the force close is confirmed";
    force_closing + coin => spent [] "it is spent";
    force_closing + coin => over [] "it is spent, and deep";
    force_closing + leave => leaving [publish sign] "by the rules of its end";
    force_closed + coin => open [] "a reorganisation took the spend away";
    force_closed + coin => force_closing [publish] "a reorganisation took the spend away";
    force_closed + coin => force_closed [] "at another height";
    force_closed + coin => spent [] "it is spent";
    force_closed + coin => over [] "it is spent, and deep";
    force_closed + leave => leaving [sign] "by the rules of its end";
    leaving + force_close => leaving [publish] "an agreed end does not confirm";
    leaving + force_close => leaving [publish sign] "an agreed end does not confirm";
    leaving + coin => leaving [publish] "it moved, and did not leave yet; signed";
    leaving + coin => leaving [publish sign] "it moved, and did not leave yet; to be force-closed, not signed";
    leaving + coin => leaving [sign] "it moved, and did not leave yet; not signed";
    leaving + coin => leaving [] "it moved to where that end does not spend it";
    leaving + coin => spent [] "it is spent";
    leaving + coin => over [] "it is spent, and deep";
    leaving + leave => leaving [sign] "alone, after an end that was agreed to, or after one that does not spend the coin where it is";
    leaving + leave => leaving [publish sign] "the same; to be force-closed";
    leaving + left => leaving [publish] "it is what was asked for";
    leaving + left => leaving [] "it is what was asked for, where the coin was";
    spent + coin => open [] "a reorganisation took the spend away";
    spent + coin => force_closing [publish] "a reorganisation took the spend away";
    spent + coin => force_closed [] "a reorganisation took the spend away";
    spent + coin => leaving [publish] "a reorganisation took the spend away; signed";
    spent + coin => leaving [sign] "a reorganisation took the spend away; not signed";
    spent + coin => leaving [] "a reorganisation took the spend away, and the coin back to where that end does not spend it";
    spent + coin => leaving [publish sign] "a reorganisation took the spend away; to be force-closed, not signed";
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
    force_closing + coin => signed [fund] "a reorganisation took the funding away; it was not signed here";
    force_closing + coin => signed [publish] "a reorganisation took the funding away";
    force_closed + coin => signed [fund] "a reorganisation took the funding away; it was not signed here";
    force_closed + coin => signed [publish] "a reorganisation took the funding away";
    force_closed + coin => open [give] "a reorganisation took the spend away; pennies were given before";
    spent + coin => signed [fund] "a reorganisation took the funding away; it was not signed here";
    spent + coin => signed [publish] "a reorganisation took the funding away";
    spent + coin => open [give] "a reorganisation took the spend away; pennies were given before";
};

const RECEIVING: &[Transition] = transitions! {
    proposed + signed => signed [] "it is of both";
    open + commitments => open [] "they are good, and of use";
    open + penny => open [] "it is of the chain, and enforceable enough";
    open + coin => signed [] "a reorganisation took the funding away";
    force_closing + coin => signed [] "a reorganisation took the funding away";
    force_closed + coin => signed [] "a reorganisation took the funding away";
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
            BankInput::AdaptorCommitments(_) => "commitments",
            BankInput::Penny(_) => "penny",
            BankInput::ForceClose => "force_close",
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
