//! The transitions of the three sides.

use super::{
    AgentEffect, AgentInput, AgentMachine, RecipientEffect, RecipientInput, RecipientMachine,
    SenderEffect, SenderInput, SenderMachine,
};
use crate::{Tabled, Transition, transitions};

const AGENT: &[Transition] = transitions! {
    new + agreed => agreed [consent] "";
    agreed + accepted => agreed [consent] "it is the recipient's word";
    agreed + coin => agreed [consent] "it is not there";
    agreed + coin => claiming [claim] "it is deep";
    agreed + coin => over [] "it is gone, and deep";
    agreed + coin => serving [serve] "it is deep, and there is time";
    agreed + coin => spent [] "it is gone";
    agreed + coin => waiting [] "it is shallow, or there is no time";
    waiting + accepted => claiming [claim] "it is the recipient's word";
    waiting + accepted => waiting [] "it is the recipient's word";
    waiting + coin => agreed [consent] "a reorganisation: it is not there";
    waiting + coin => claiming [claim] "it is deep";
    waiting + coin => over [] "it is gone, and deep";
    waiting + coin => serving [serve] "it is deep, and there is time";
    waiting + coin => spent [] "it is gone";
    waiting + coin => waiting [] "it is shallow, or there is no time";
    serving + accepted => claiming [claim] "it is the recipient's word";
    serving + coin => agreed [consent] "a reorganisation: it is not there";
    serving + coin => over [] "it is gone, and deep";
    serving + coin => spent [] "it is gone";
    serving + coin => waiting [] "it is shallow, or there is no time";
    claiming + coin => agreed [consent] "a reorganisation: it is not there";
    claiming + coin => claiming [claim] "it is deep";
    claiming + coin => over [] "it is gone, and deep";
    claiming + coin => spent [] "it is gone";
    claiming + coin => waiting [] "it is shallow, or there is no time";
    spent + accepted => spent [] "it is the recipient's word";
    spent + coin => agreed [consent] "a reorganisation: it is not there";
    spent + coin => claiming [claim] "a reorganisation: it is deep";
    spent + coin => over [] "it is gone, and deep";
    spent + coin => serving [serve] "a reorganisation: it is deep, and there is time";
    spent + coin => waiting [] "a reorganisation: it is shallow, or there is no time";
};

const SENDER: &[Transition] = transitions! {
    new + made => assigning [assign] "";
    assigning + coin => abandoned [] "too late for a funding";
    assigning + coin => assigning [assign] "it is not there";
    assigning + coin => funded [] "it is there";
    assigning + coin => over [] "it is gone, and deep";
    assigning + coin => refunding [refund] "the refund is valid";
    assigning + coin => spent [] "it is gone";
    assigning + consent => assigning [assign] "it is an agent's word";
    assigning + consent => ready [fund] "the last one";
    ready + coin => abandoned [] "too late for a funding";
    ready + coin => funded [] "it is there";
    ready + coin => over [] "it is gone, and deep";
    ready + coin => ready [fund] "it is not there";
    ready + coin => refunding [refund] "the refund is valid";
    ready + coin => spent [] "it is gone";
    ready + signed => funding [publish] "it is the funding";
    funding + coin => abandoned [] "too late for a funding";
    funding + coin => funded [] "it is there";
    funding + coin => funding [publish] "it is not there";
    funding + coin => over [] "it is gone, and deep";
    funding + coin => refunding [refund] "the refund is valid";
    funding + coin => spent [] "it is gone";
    abandoned + coin => assigning [assign] "it is not there";
    abandoned + coin => funded [] "it is there";
    abandoned + coin => funding [publish] "it is not there";
    abandoned + coin => over [] "it is gone, and deep";
    abandoned + coin => ready [fund] "it is not there";
    abandoned + coin => refunding [refund] "the refund is valid";
    abandoned + coin => spent [] "it is gone";
    abandoned + consent => abandoned [] "it is an agent's word";
    funded + coin => abandoned [] "a reorganisation: too late for a funding";
    funded + coin => assigning [assign] "a reorganisation: it is not there";
    funded + coin => funding [publish] "a reorganisation: it is not there";
    funded + coin => over [] "it is gone, and deep";
    funded + coin => ready [fund] "a reorganisation: it is not there";
    funded + coin => refunding [refund] "the refund is valid";
    funded + coin => spent [] "it is gone";
    funded + consent => funded [] "it is an agent's word";
    refunding + coin => abandoned [] "a reorganisation: too late for a funding";
    refunding + coin => assigning [assign] "a reorganisation: it is not there";
    refunding + coin => funded [] "it is there";
    refunding + coin => funding [publish] "a reorganisation: it is not there";
    refunding + coin => over [] "it is gone, and deep";
    refunding + coin => ready [fund] "a reorganisation: it is not there";
    refunding + coin => spent [] "it is gone";
    refunding + consent => refunding [refund] "it is an agent's word";
    spent + coin => abandoned [] "a reorganisation: too late for a funding";
    spent + coin => assigning [assign] "a reorganisation: it is not there";
    spent + coin => funded [] "a reorganisation: it is there";
    spent + coin => funding [publish] "a reorganisation: it is not there";
    spent + coin => over [] "it is gone, and deep";
    spent + coin => ready [fund] "a reorganisation: it is not there";
    spent + coin => refunding [refund] "a reorganisation: the refund is valid";
    spent + consent => spent [] "it is an agent's word";
};

const RECIPIENT: &[Transition] = transitions! {
    new + found => unfunded [] "";
    unfunded + accept => unfunded [] "its copy is kept, the coin deep, and there is time";
    unfunded + claim => claimed [read] "it shows a key";
    unfunded + coin => accepting [sign hand_over] "it is there, and agents were accepted";
    unfunded + coin => accepting [sign] "it is there";
    unfunded + coin => funded [hand_over] "it is there, and agents were accepted";
    unfunded + coin => funded [] "it is there";
    unfunded + coin => over [] "it is gone, and deep";
    unfunded + coin => spent [look] "it is gone";
    unfunded + coin => unfunded [] "it is not there";
    unfunded + kept => unfunded [] "it is under the root";
    unfunded + signed => unfunded [] "it was ordered";
    funded + accept => accepting [sign] "its copy is kept, the coin deep, and there is time";
    funded + claim => claimed [read] "it shows a key";
    funded + coin => over [] "it is gone, and deep";
    funded + coin => spent [look] "it is gone";
    funded + coin => unfunded [] "a reorganisation: it is not there";
    funded + kept => funded [] "it is under the root";
    accepting + claim => claimed [read] "it shows a key";
    accepting + coin => over [] "it is gone, and deep";
    accepting + coin => spent [look] "it is gone";
    accepting + coin => unfunded [] "a reorganisation: it is not there";
    accepting + kept => accepting [] "it is under the root";
    accepting + signed => funded [hand_over] "it was ordered";
    claimed + accept => claimed [sign] "its copy is kept, the coin deep, and there is time";
    claimed + accept => claimed [] "its copy is kept, the coin deep, and there is time";
    claimed + claim => claimed [read] "it shows a key";
    claimed + coin => claimed [hand_over] "it moved";
    claimed + coin => claimed [sign hand_over] "it moved";
    claimed + coin => claimed [sign] "it moved";
    claimed + coin => claimed [] "it moved";
    claimed + coin => over [] "it is gone, and deep";
    claimed + kept => claimed [] "it is under the root";
    claimed + signed => claimed [hand_over] "it was ordered";
    claimed + signed => claimed [] "it was ordered";
    spent + accept => spent [] "its copy is kept, the coin deep, and there is time";
    spent + claim => claimed [read] "it shows a key";
    spent + coin => accepting [sign hand_over] "a reorganisation: it is there, and agents were accepted";
    spent + coin => accepting [sign] "a reorganisation: it is there";
    spent + coin => funded [hand_over] "a reorganisation: it is there, and agents were accepted";
    spent + coin => funded [] "a reorganisation: it is there";
    spent + coin => over [] "it is gone, and deep";
    spent + coin => unfunded [] "a reorganisation: it is not there";
    spent + kept => spent [] "it is under the root";
    spent + signed => spent [] "it was ordered";
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
            RecipientInput::Claim(_) => "claim",
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
