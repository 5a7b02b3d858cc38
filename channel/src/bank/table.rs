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
    const TABLE: &'static [Transition] = &[row("new", "propose", "proposed", &["cosign"], "")];
}

impl Side for Receiving {
    const PAYS: bool = false;
    const NAME: &'static str = "bank-provider";
    const SUMMARY: &'static str =
        "The provider's side of a penny bank. See [penny bank](../contracts/bank.md).";
    const TABLE: &'static [Transition] = &[row("new", "propose", "proposed", &["cosign"], "")];
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
            BankEffect::Publish(_) => "publish",
            BankEffect::PublishWithChild(_) => "publish-with-child",
            BankEffect::Sign(_) => "sign",
        }
    }
}
