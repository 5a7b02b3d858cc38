//! The transitions of both sides.

use super::{BankEffect, BankInput, BankMachine, Paying, Receiving, Side};
use crate::{Tabled, Transition};

const fn row(
    from: &'static str,
    input: &'static str,
    to: &'static str,
    effects: &'static [&'static str],
    when: &'static str,
) -> Transition {
    Transition {
        from,
        input,
        to,
        effects,
        when,
    }
}

impl Side for Paying {
    const PAYS: bool = true;
    const NAME: &'static str = "bank-payer";
    const SUMMARY: &'static str =
        "The payer's side of a penny bank. See [penny bank](../contracts/bank.md).";
    const TABLE: &'static [Transition] = &[
        row("new", "propose", "proposed", &["cosign"], ""),
        row("proposed", "abandon", "new", &[], "its session died"),
        row("proposed", "signed", "signed", &["fund"], "it is of both"),
        row(
            "signed",
            "funded",
            "signed",
            &["publish"],
            "it is the funding",
        ),
        row("signed", "coin", "open", &[], "the funding is confirmed"),
        row(
            "signed",
            "coin",
            "open",
            &["give"],
            "the funding is confirmed; pennies were given before",
        ),
        row(
            "signed",
            "coin",
            "freezing",
            &["publish"],
            "the funding is confirmed; a freeze was ordered",
        ),
        row("signed", "coin", "frozen", &[], "the freeze is confirmed"),
        row("signed", "coin", "spent", &[], "it is spent"),
        row("signed", "coin", "over", &[], "it is spent, and deep"),
        row("open", "pay", "open", &["give"], "as many are left"),
        row("open", "freeze", "freezing", &["publish"], ""),
        row(
            "open",
            "coin",
            "signed",
            &["fund"],
            "a reorganisation took the funding away; it was not signed here",
        ),
        row(
            "open",
            "coin",
            "signed",
            &["publish"],
            "a reorganisation took the funding away",
        ),
        row("open", "coin", "frozen", &[], "the freeze is confirmed"),
        row("open", "coin", "spent", &[], "it is spent"),
        row("open", "coin", "over", &[], "it is spent, and deep"),
        row(
            "open",
            "leave",
            "leaving",
            &["sign"],
            "by the rules of its end",
        ),
        row(
            "freezing",
            "coin",
            "signed",
            &["fund"],
            "a reorganisation took the funding away; it was not signed here",
        ),
        row(
            "freezing",
            "coin",
            "signed",
            &["publish"],
            "a reorganisation took the funding away",
        ),
        row("freezing", "coin", "frozen", &[], "the freeze is confirmed"),
        row("freezing", "coin", "spent", &[], "it is spent"),
        row("freezing", "coin", "over", &[], "it is spent, and deep"),
        row(
            "freezing",
            "leave",
            "leaving",
            &["publish", "sign"],
            "by the rules of its end",
        ),
        row(
            "frozen",
            "coin",
            "signed",
            &["fund"],
            "a reorganisation took the funding away; it was not signed here",
        ),
        row(
            "frozen",
            "coin",
            "signed",
            &["publish"],
            "a reorganisation took the funding away",
        ),
        row(
            "frozen",
            "coin",
            "open",
            &[],
            "a reorganisation took the spend away",
        ),
        row(
            "frozen",
            "coin",
            "open",
            &["give"],
            "a reorganisation took the spend away; pennies were given before",
        ),
        row(
            "frozen",
            "coin",
            "freezing",
            &["publish"],
            "a reorganisation took the spend away",
        ),
        row("frozen", "coin", "frozen", &[], "at another height"),
        row("frozen", "coin", "spent", &[], "it is spent"),
        row("frozen", "coin", "over", &[], "it is spent, and deep"),
        row(
            "frozen",
            "leave",
            "leaving",
            &["sign"],
            "by the rules of its end",
        ),
        row(
            "leaving",
            "freeze",
            "leaving",
            &["publish"],
            "an agreed end does not confirm",
        ),
        row(
            "leaving",
            "freeze",
            "leaving",
            &["publish", "sign"],
            "an agreed end does not confirm",
        ),
        row(
            "leaving",
            "coin",
            "leaving",
            &["publish"],
            "it moved, and did not leave yet; signed",
        ),
        row(
            "leaving",
            "coin",
            "leaving",
            &["publish", "sign"],
            "it moved, and did not leave yet; to be frozen, not signed",
        ),
        row(
            "leaving",
            "coin",
            "leaving",
            &["sign"],
            "it moved, and did not leave yet; not signed",
        ),
        row("leaving", "coin", "spent", &[], "it is spent"),
        row("leaving", "coin", "over", &[], "it is spent, and deep"),
        row(
            "leaving",
            "leave",
            "leaving",
            &["publish", "sign"],
            "alone, after an end that was agreed to",
        ),
        row(
            "leaving",
            "leave",
            "leaving",
            &["sign"],
            "alone, after an end that was agreed to",
        ),
        row(
            "leaving",
            "left",
            "leaving",
            &["publish"],
            "it is what was asked for",
        ),
        row(
            "spent",
            "coin",
            "signed",
            &["fund"],
            "a reorganisation took the funding away; it was not signed here",
        ),
        row(
            "spent",
            "coin",
            "signed",
            &["publish"],
            "a reorganisation took the funding away",
        ),
        row(
            "spent",
            "coin",
            "open",
            &[],
            "a reorganisation took the spend away",
        ),
        row(
            "spent",
            "coin",
            "open",
            &["give"],
            "a reorganisation took the spend away; pennies were given before",
        ),
        row(
            "spent",
            "coin",
            "freezing",
            &["publish"],
            "a reorganisation took the spend away",
        ),
        row(
            "spent",
            "coin",
            "frozen",
            &[],
            "a reorganisation took the spend away",
        ),
        row(
            "spent",
            "coin",
            "leaving",
            &["publish"],
            "a reorganisation took the spend away; signed",
        ),
        row(
            "spent",
            "coin",
            "leaving",
            &["sign"],
            "a reorganisation took the spend away; not signed",
        ),
        row(
            "spent",
            "coin",
            "leaving",
            &["publish", "sign"],
            "a reorganisation took the spend away; to be frozen, not signed",
        ),
        row("spent", "coin", "over", &[], "it is spent, and deep"),
    ];
}

impl Side for Receiving {
    const PAYS: bool = false;
    const NAME: &'static str = "bank-provider";
    const SUMMARY: &'static str =
        "The provider's side of a penny bank. See [penny bank](../contracts/bank.md).";
    const TABLE: &'static [Transition] = &[
        row("new", "propose", "proposed", &["cosign"], ""),
        row("proposed", "abandon", "new", &[], "its session died"),
        row("proposed", "signed", "signed", &[], "it is of both"),
        row("signed", "coin", "open", &[], "the funding is confirmed"),
        row(
            "signed",
            "coin",
            "freezing",
            &["publish"],
            "the funding is confirmed; a freeze was ordered",
        ),
        row("signed", "coin", "frozen", &[], "the freeze is confirmed"),
        row("signed", "coin", "spent", &[], "it is spent"),
        row("signed", "coin", "over", &[], "it is spent, and deep"),
        row("open", "rungs", "open", &[], "they are good, and of use"),
        row(
            "open",
            "penny",
            "open",
            &[],
            "it is of the chain, and enforceable enough",
        ),
        row("open", "freeze", "freezing", &["publish"], ""),
        row(
            "open",
            "coin",
            "signed",
            &[],
            "a reorganisation took the funding away",
        ),
        row("open", "coin", "frozen", &[], "the freeze is confirmed"),
        row("open", "coin", "spent", &[], "it is spent"),
        row("open", "coin", "over", &[], "it is spent, and deep"),
        row(
            "open",
            "leave",
            "leaving",
            &["sign"],
            "by the rules of its end",
        ),
        row(
            "freezing",
            "coin",
            "signed",
            &[],
            "a reorganisation took the funding away",
        ),
        row("freezing", "coin", "frozen", &[], "the freeze is confirmed"),
        row("freezing", "coin", "spent", &[], "it is spent"),
        row("freezing", "coin", "over", &[], "it is spent, and deep"),
        row(
            "freezing",
            "leave",
            "leaving",
            &["publish", "sign"],
            "by the rules of its end",
        ),
        row(
            "frozen",
            "coin",
            "signed",
            &[],
            "a reorganisation took the funding away",
        ),
        row(
            "frozen",
            "coin",
            "open",
            &[],
            "a reorganisation took the spend away",
        ),
        row(
            "frozen",
            "coin",
            "freezing",
            &["publish"],
            "a reorganisation took the spend away",
        ),
        row("frozen", "coin", "frozen", &[], "at another height"),
        row("frozen", "coin", "spent", &[], "it is spent"),
        row("frozen", "coin", "over", &[], "it is spent, and deep"),
        row(
            "frozen",
            "leave",
            "leaving",
            &["sign"],
            "by the rules of its end",
        ),
        row(
            "leaving",
            "freeze",
            "leaving",
            &["publish"],
            "an agreed end does not confirm",
        ),
        row(
            "leaving",
            "freeze",
            "leaving",
            &["publish", "sign"],
            "an agreed end does not confirm",
        ),
        row(
            "leaving",
            "coin",
            "leaving",
            &["publish"],
            "it moved, and did not leave yet; signed",
        ),
        row(
            "leaving",
            "coin",
            "leaving",
            &["publish", "sign"],
            "it moved, and did not leave yet; to be frozen, not signed",
        ),
        row(
            "leaving",
            "coin",
            "leaving",
            &["sign"],
            "it moved, and did not leave yet; not signed",
        ),
        row("leaving", "coin", "spent", &[], "it is spent"),
        row("leaving", "coin", "over", &[], "it is spent, and deep"),
        row(
            "leaving",
            "leave",
            "leaving",
            &["sign"],
            "alone, after an end that was agreed to",
        ),
        row(
            "leaving",
            "left",
            "leaving",
            &["publish"],
            "it is what was asked for",
        ),
        row(
            "spent",
            "coin",
            "signed",
            &[],
            "a reorganisation took the funding away",
        ),
        row(
            "spent",
            "coin",
            "open",
            &[],
            "a reorganisation took the spend away",
        ),
        row(
            "spent",
            "coin",
            "freezing",
            &["publish"],
            "a reorganisation took the spend away",
        ),
        row(
            "spent",
            "coin",
            "frozen",
            &[],
            "a reorganisation took the spend away",
        ),
        row(
            "spent",
            "coin",
            "leaving",
            &["publish"],
            "a reorganisation took the spend away; signed",
        ),
        row(
            "spent",
            "coin",
            "leaving",
            &["publish", "sign"],
            "a reorganisation took the spend away; to be frozen, not signed",
        ),
        row(
            "spent",
            "coin",
            "leaving",
            &["sign"],
            "a reorganisation took the spend away; not signed",
        ),
        row("spent", "coin", "over", &[], "it is spent, and deep"),
    ];
}

impl<S: Side> Tabled for BankMachine<S> {
    const NAME: &'static str = S::NAME;
    const SUMMARY: &'static str = S::SUMMARY;
    const TABLE: &'static [Transition] = S::TABLE;

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
