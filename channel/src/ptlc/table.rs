//! The transitions of a forwarded payment.

use super::{ForwardEffect, ForwardInput, ForwardMachine};
use crate::{Tabled, Transition, transitions};

const FORWARD: &[Transition] = transitions! {
    new + offer => offered [offer] "proven, in time, with the fee";
    offered + sent => forwarded [] "";
    offered + revealed => revealed [settle claim] "";
    offered + collected => collected [settle] "its payer shows the secret";
    offered + upstream => stranded [force_close] "it closes, or is gone";
    offered + ended => failing [fail] "";
    forwarded + revealed => revealed [settle claim] "";
    forwarded + collected => collected [settle] "its payer shows the secret";
    forwarded + upstream => stranded [force_close] "it closes, or is gone";
    forwarded + ended => failing [fail] "";
    stranded + sent => stranded [force_close] "it was out after all";
    stranded + upstream => offered [offer] "a reorganisation took the close away";
    stranded + upstream => forwarded [] "a reorganisation took the close away";
    stranded + upstream => stranded [force_close] "it is gone";
    stranded + revealed => revealed [settle claim] "in time";
    stranded + revealed => losing [settle] "too late";
    stranded + collected => collected [settle] "its payer shows the secret";
    stranded + ended => failing [fail] "it was closing";
    stranded + ended => expired [] "it was gone";
    revealed + paid => paid [claim] "";
    revealed + ended => paid [claim] "it was claimed";
    revealed + collected => collected [settle] "";
    revealed + upstream => collected [settle] "it is gone, by the claim";
    paid + collected => fulfilled [] "";
    paid + upstream => fulfilled [] "it is gone, by the claim";
    collected + paid => fulfilled [] "";
    collected + ended => fulfilled [] "it was claimed";
    losing + paid => lost [] "";
    losing + ended => lost [] "it was claimed";
    losing + collected => collected [settle] "its payer pays all the same";
    failing + failed => expired [] "";
    failing + upstream => expired [] "it is gone";
    failing + revealed => paid [claim] "shown after its end";
    failing + collected => fulfilled [] "its payer pays all the same";
};

impl Tabled for ForwardMachine {
    const NAME: &'static str = "forward";
    const SUMMARY: &'static str = "A payment that is forwarded from one place to another: `upstream` is the place of the incoming PTLC, and the outgoing one has ended by `ended`. See [penny bankers](../contracts/bankers.md).";
    const TABLE: &'static [&'static [Transition]] = &[FORWARD];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &ForwardInput) -> &'static str {
        match input {
            ForwardInput::Offer(..) => "offer",
            ForwardInput::Sent => "sent",
            ForwardInput::Revealed(_) => "revealed",
            ForwardInput::Paid => "paid",
            ForwardInput::Collected(_) => "collected",
            ForwardInput::Upstream(_) => "upstream",
            ForwardInput::Ended => "ended",
            ForwardInput::Failed => "failed",
        }
    }

    fn effect_name(effect: &ForwardEffect) -> &'static str {
        match effect {
            ForwardEffect::Offer(_) => "offer",
            ForwardEffect::Settle(..) => "settle",
            ForwardEffect::Claim(..) => "claim",
            ForwardEffect::Fail(_) => "fail",
            ForwardEffect::ForceClose(_) => "force_close",
        }
    }
}
