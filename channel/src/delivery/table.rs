//! The transitions of the three sides.

use super::{
    AgentEffect, AgentInput, AgentMachine, RecipientEffect, RecipientInput, RecipientMachine,
    SenderEffect, SenderInput, SenderMachine,
};
use crate::{Tabled, Transition, transitions};

const AGENT: &[Transition] = transitions! {
    new + agreed => agreed [consent] "";
    agreed | waiting | serving | claiming | spent + coin => over [] "it is gone, and deep";
    agreed | waiting | serving | claiming + coin => spent [] "it is gone";
    agreed | waiting | serving | claiming + coin => waiting [] "it is shallow, or there is no time";
    waiting | serving | claiming | spent + coin => agreed [consent] "a reorganisation: it is not there";
    agreed | waiting | claiming + coin => claiming [claim] "it is deep";
    agreed | waiting + coin => serving [serve] "it is deep, and there is time";
    agreed + coin => agreed [consent] "it is not there";
    spent + coin => claiming [claim] "a reorganisation: it is deep";
    spent + coin => serving [serve] "a reorganisation: it is deep, and there is time";
    spent + coin => waiting [] "a reorganisation: it is shallow, or there is no time";
    waiting | serving + accepted => claiming [claim] "it is the recipient's word";
    waiting | spent + accepted => _ [] "it is the recipient's word";
    agreed + accepted => agreed [consent] "it is the recipient's word";
};

const SENDER: &[Transition] = transitions! {
    new + made => assigning [assign] "";
    assigning | ready | funding | abandoned | funded | refunding | spent + coin => over [] "it is gone, and deep";
    assigning | ready | funding | abandoned | funded | refunding + coin => spent [] "it is gone";
    assigning | ready | funding | abandoned | refunding + coin => funded [] "it is there";
    assigning | ready | funding | abandoned | funded + coin => refunding [refund] "the refund is valid";
    assigning | ready | funding + coin => abandoned [] "too late for a funding";
    funded | refunding | spent + coin => abandoned [] "a reorganisation: too late for a funding";
    funded | refunding | spent + coin => assigning [assign] "a reorganisation: it is not there";
    funded | refunding | spent + coin => funding [publish] "a reorganisation: it is not there";
    funded | refunding | spent + coin => ready [fund] "a reorganisation: it is not there";
    assigning | abandoned + coin => assigning [assign] "it is not there";
    ready | abandoned + coin => ready [fund] "it is not there";
    funding | abandoned + coin => funding [publish] "it is not there";
    spent + coin => funded [] "a reorganisation: it is there";
    spent + coin => refunding [refund] "a reorganisation: the refund is valid";
    abandoned | funded | spent + consent => _ [] "it is an agent's word";
    assigning + consent => assigning [assign] "it is an agent's word";
    assigning + consent => ready [fund] "the last one";
    refunding + consent => refunding [refund] "it is an agent's word";
    ready + signed => funding [publish] "it is the funding";
};

const RECIPIENT: &[Transition] = transitions! {
    new + found => unfunded [] "";
    unfunded | funded | accepting | claimed | read | refunded + coin => spent [look] "it is gone, and it is not known how";
    unfunded | funded | accepting | read | refunded | spent + coin => over [] "it is gone, and deep; what spends it is known, and read if it is a claim";
    unfunded | funded | accepting | spent + coin => refunded [] "a spend that shows no key has it once more";
    funded | accepting | refunded | spent + coin => unfunded [] "a reorganisation: it is not there";
    unfunded | refunded | spent + coin => accepting [sign hand_over] "it is there, and agents were accepted";
    unfunded | refunded | spent + coin => accepting [sign] "it is there";
    unfunded | refunded | spent + coin => funded [hand_over] "it is there, and agents were accepted";
    unfunded | refunded | spent + coin => funded [] "it is there";
    unfunded + coin => unfunded [] "it is not there";
    spent + coin => spent [] "deep enough, or another has it";
    claimed | read + coin => _ [hand_over] "it moved";
    claimed | read + coin => _ [sign hand_over] "it moved";
    claimed | read + coin => _ [sign] "it moved";
    claimed | read + coin => _ [] "it moved";
    spent + coin => claimed [hand_over] "it moved to where the claim that is to be read may have it";
    spent + coin => claimed [sign hand_over] "it moved to where the claim that is to be read may have it";
    spent + coin => claimed [sign] "it moved to where the claim that is to be read may have it";
    spent + coin => claimed [] "it moved to where the claim that is to be read may have it";
    spent + coin => read [hand_over] "it moved to where the claim that was read may have it";
    spent + coin => read [sign hand_over] "it moved to where the claim that was read may have it";
    spent + coin => read [sign] "it moved to where the claim that was read may have it";
    spent + coin => read [] "it moved to where the claim that was read may have it";
    unfunded | claimed | read | refunded | spent + accept => _ [] "its copy is kept, the coin deep, and there is time";
    funded + accept => accepting [sign] "its copy is kept, the coin deep, and there is time";
    claimed | read + accept => _ [sign] "its copy is kept, the coin deep, and there is time";
    unfunded | funded | accepting | claimed | read | spent + spender => claimed [read] "it shows a key";
    claimed | spent + spender => read [] "it shows a key, and was read before";
    spent + spender => claimed [] "it shows no key; an earlier one does, and is not read";
    spent + spender => refunded [] "it shows no key";
    spent + spender => over [] "it is deep, and shows no key or was read before";
    claimed + opened => read [] "the message, or the fraud, is durable";
    claimed + opened => over [] "the message, or the fraud, is durable, and the claim deep";
    spent + opened => spent [] "of a claim that another may have replaced";
    unfunded | funded | accepting | claimed | read | refunded | spent + kept => _ [] "it is under the root";
    unfunded | claimed | read | refunded | spent + signed => _ [] "it was ordered";
    accepting + signed => funded [hand_over] "it was ordered";
    claimed | read + signed => _ [hand_over] "it was ordered";
};

impl Tabled for AgentMachine {
    const NAME: &'static str = "delivery-agent";
    const SUMMARY: &'static str =
        "An agent of a sealed delivery. See [sealed delivery](../contracts/deliver.md).";
    const TABLE: &'static [&'static [Transition]] = &[AGENT];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &AgentInput) -> &'static str {
        match input {
            AgentInput::Agreed(_) => "agreed",
            AgentInput::Coin { .. } => "coin",
            AgentInput::Accepted(_) => "accepted",
        }
    }

    fn effect_name(effect: &AgentEffect) -> &'static str {
        match effect {
            AgentEffect::Consent => "consent",
            AgentEffect::Serve => "serve",
            AgentEffect::Claim => "claim",
        }
    }
}

impl Tabled for SenderMachine {
    const NAME: &'static str = "delivery-sender";
    const SUMMARY: &'static str =
        "The sender of a sealed delivery. See [sealed delivery](../contracts/deliver.md).";
    const TABLE: &'static [&'static [Transition]] = &[SENDER];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &SenderInput) -> &'static str {
        match input {
            SenderInput::Made(_) => "made",
            SenderInput::Consent(_) => "consent",
            SenderInput::Coin { .. } => "coin",
            SenderInput::Funded(_) => "signed",
        }
    }

    fn effect_name(effect: &SenderEffect) -> &'static str {
        match effect {
            SenderEffect::Assign { .. } => "assign",
            SenderEffect::Fund => "fund",
            SenderEffect::Publish(_) => "publish",
            SenderEffect::Refund => "refund",
        }
    }
}

impl Tabled for RecipientMachine {
    const NAME: &'static str = "delivery-recipient";
    const SUMMARY: &'static str =
        "The recipient of a sealed delivery. See [sealed delivery](../contracts/deliver.md).";
    const TABLE: &'static [&'static [Transition]] = &[RECIPIENT];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &RecipientInput) -> &'static str {
        match input {
            RecipientInput::Found(_) => "found",
            RecipientInput::Kept(_) => "kept",
            RecipientInput::Coin { .. } => "coin",
            RecipientInput::Accept { .. } => "accept",
            RecipientInput::Signed(_) => "signed",
            RecipientInput::Spender(_) => "spender",
            RecipientInput::Opened(_) => "opened",
        }
    }

    fn effect_name(effect: &RecipientEffect) -> &'static str {
        match effect {
            RecipientEffect::Sign { .. } => "sign",
            RecipientEffect::HandOver(_) => "hand_over",
            RecipientEffect::Look => "look",
            RecipientEffect::Read(_) => "read",
        }
    }
}
