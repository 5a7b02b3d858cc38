//! The transitions of a set-up.

use super::{Parcel, Phase, SetupEffect, SetupInput, SetupMachine};
use crate::{Tabled, Transition, transitions};

impl Phase {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Proposing => "proposing",
            Phase::Agreed => "agreed",
            Phase::Announcing => "announcing",
            Phase::Signing => "signing",
            Phase::Exchanging => "exchanging",
            Phase::Holding => "holding",
            Phase::Funding => "funding",
            Phase::Committed => "committed",
            Phase::Live => "live",
            Phase::Withdrawing => "withdrawing",
            Phase::Dropped => "dropped",
        }
    }
}

/// What may come in each phase before own witnesses leave.
macro_rules! disturbed {
    ($($phase:ident)*) => {
        transitions! { $(
            $phase + chain => dropped [send_abort forget] "too late to fund, or a coin of the terms is gone";
            $phase + declined => dropped [send_abort forget] "";
            $phase + faulty => proposing [send_abort forget propose] "a peer's fault";
            $phase + faulty => dropped [send_abort forget] "the same, once too often, or others' witnesses may have left";
            $phase + message => proposing [send_abort forget propose] "it voids the attempt, or contradicts";
            $phase + message => dropped [send_abort forget] "the same, once too often, or it ends the negotiation";
            $phase + tick => $phase [] "the clock of this phase is set";
        )* }
    };
}

/// Where others are waited for, and one of them may be given up.
macro_rules! late {
    ($($phase:ident)*) => {
        transitions! { $(
            $phase + tick => proposing [send_abort forget propose] "somebody is late";
            $phase + tick => dropped [send_abort forget] "the same, once too often";
        )* }
    };
}

/// Where what was drawn lives in memory alone.
macro_rules! volatile {
    ($($phase:ident)*) => {
        transitions! { $(
            $phase + lost => proposing [send_abort forget propose] "killed before everything was signed";
            $phase + lost => dropped [send_abort forget] "the same, once too often";
        )* }
    };
}

/// Where it does not.
macro_rules! durable {
    ($($phase:ident)*) => {
        transitions! { $(
            $phase + lost => $phase [] "it was away: the others' time begins anew";
        )* }
    };
}

/// Where an own message may come back that the log does not know.
macro_rules! imported {
    ($($phase:ident)*) => {
        transitions! { $(
            $phase + imported => proposing [send_abort forget propose] "an old disk was put back: what was drawn is gone";
            $phase + imported => dropped [send_abort forget] "the same, once too often, or own witnesses may have left";
        )* }
    };
}

/// Where the terms are known, so that the chain may know more than an old disk.
macro_rules! restored {
    ($($phase:ident)*) => {
        transitions! { $(
            $phase + chain => committed [] "the funding is in a block: an old disk was put back";
            $phase + chain => live [] "the same, and it is buried";
        )* }
    };
}

const SETUP: &[Transition] = transitions! {
    proposing + proposed => proposing [] "one leads, and others have not proposed";
    proposing + proposed => proposing [assemble] "one leads, and everybody has";
    proposing + proposed => proposing [send_proposal] "one does not lead";
    proposing + assembled => agreed [send_terms bind] "";
    proposing + message => proposing [] "a proposal or a bind; others are missing";
    proposing + message => proposing [assemble] "the last proposal";
    proposing + message => agreed [bind] "the terms";
    agreed + bound => agreed [send_bind] "others have not bound themselves";
    agreed + bound => announcing [send_bind announce] "everybody has";
    agreed + bound => proposing [send_abort forget propose] "to other terms than another did";
    agreed + bound => dropped [send_abort forget] "the same, once too often";
    agreed + message => agreed [] "a bind or what comes later; others are missing";
    agreed + message => announcing [announce] "the last bind";
    announcing + announced => announcing [send_nonces] "others have not announced";
    announcing + announced => signing [send_nonces sign] "everybody has";
    announcing + message => announcing [] "nonces or what comes later; others are missing";
    announcing + message => signing [sign] "the last nonces";
    signing + signed => exchanging [send_shares] "shares of the first stage are missing";
    signing + signed => exchanging [send_shares close] "the first stage's shares are there";
    signing + message => signing [] "shares";
    exchanging + closed => exchanging [send_shares] "the next stage's shares are missing";
    exchanging + closed => exchanging [send_shares close] "they are there";
    exchanging + closed => holding [send_held] "it was the last, and others do not hold all";
    exchanging + closed => funding [send_held fund] "it was the last, everybody holds all, and it is one's turn";
    exchanging + closed => funding [send_held] "it was the last, and the lead waits for witnesses";
    exchanging + message => exchanging [] "shares or what comes later; others are missing";
    exchanging + message => exchanging [close] "the last shares of the stage";
    signing + differ => proposing [send_abort forget propose] "a peer signs something else";
    signing + differ => dropped [send_abort forget] "the same, once too often";
    exchanging + differ => proposing [send_abort forget propose] "a peer signed with other nonces";
    exchanging + differ => dropped [send_abort forget] "the same, once too often";
    holding + message => holding [] "others are missing";
    holding + message => funding [fund] "the last that holds all, and it is one's turn";
    holding + message => funding [] "the last that holds all, and the lead waits for witnesses";
    funding + funded => committed [send_funding] "one does not lead";
    funding + funded => committed [send_whole broadcast] "one leads";
    funding + funded => dropped [send_abort forget] "too late";
    funding + message => funding [] "witnesses; others are missing";
    funding + message => funding [fund] "the last witnesses";
    funding + tick => dropped [send_abort forget] "somebody's witnesses are late";
    proposing + lost => proposing [] "it was away before it had proposed";
    agreed + differ => proposing [send_abort forget propose] "the terms name what may be the lead's fault or another's";
    agreed + differ => dropped [send_abort forget] "the same, once too often";
    committed + message => committed [broadcast] "the whole funding";
    committed + chain => live [] "the funding is buried";
    committed + chain => withdrawing [withdraw] "the funding is overdue";
    committed + chain => dropped [send_abort forget] "an input was spent otherwise, and that is buried";
    live + message => live [] "the whole funding";
    live + chain => live [] "buried in another block";
    live + chain => committed [] "a reorganisation took it back, and it was found by an old disk";
    live + chain => committed [broadcast] "the same, where one has the whole";
    live + chain => committed [send_funding] "a reorganisation took it back";
    live + chain => committed [send_funding broadcast] "the same, where one has the whole";
    live + chain => committed [send_whole broadcast] "the same, where one leads";
    live + chain => withdrawing [withdraw] "a reorganisation took it back, and it is overdue";
    live + chain => dropped [send_abort forget] "an input was spent otherwise, and that is buried";
    dropped + chain => live [] "the funding is buried after all";
    withdrawing + message => withdrawing [] "the whole funding";
    withdrawing + chain => live [] "the funding is buried after all";
    withdrawing + chain => dropped [send_abort forget] "an input was spent otherwise, and that is buried";
};

impl Tabled for SetupMachine {
    const NAME: &'static str = "setup";
    const SUMMARY: &'static str = "One party's way from a proposal to a contract that is signed, funded and buried. The lead puts the terms together and parts with its witnesses last. What a signer draws before `exchanging` lives in its memory alone: if it is lost, so is the attempt.";
    const TABLE: &'static [&'static [Transition]] = &[
        SETUP,
        disturbed!(proposing agreed announcing signing exchanging holding funding),
        late!(proposing agreed announcing exchanging holding),
        volatile!(proposing agreed announcing signing),
        durable!(exchanging holding funding),
        imported!(proposing agreed announcing signing exchanging holding funding),
        restored!(agreed announcing signing exchanging holding funding),
    ];

    fn state(&self) -> &'static str {
        self.phase().name()
    }

    fn input_name(input: &SetupInput) -> &'static str {
        match input {
            SetupInput::Proposed { .. } => "proposed",
            SetupInput::Assembled { .. } => "assembled",
            SetupInput::Bound { .. } => "bound",
            SetupInput::Announced { .. } => "announced",
            SetupInput::Signed { .. } => "signed",
            SetupInput::Closed { .. } => "closed",
            SetupInput::Funded { .. } => "funded",
            SetupInput::Faulty { .. } => "faulty",
            SetupInput::Differ { .. } => "differ",
            SetupInput::Declined { .. } => "declined",
            SetupInput::Lost { .. } => "lost",
            SetupInput::Message { .. } => "message",
            SetupInput::Chain(_) => "chain",
            SetupInput::Tick { .. } => "tick",
            SetupInput::Imported { .. } => "imported",
        }
    }

    fn effect_name(effect: &SetupEffect) -> &'static str {
        match effect {
            SetupEffect::Propose { .. } => "propose",
            SetupEffect::Assemble { .. } => "assemble",
            SetupEffect::Bind { .. } => "bind",
            SetupEffect::Announce { .. } => "announce",
            SetupEffect::Sign { .. } => "sign",
            SetupEffect::Close { .. } => "close",
            SetupEffect::Fund { .. } => "fund",
            SetupEffect::Broadcast => "broadcast",
            SetupEffect::Withdraw => "withdraw",
            SetupEffect::Forget { .. } => "forget",
            SetupEffect::Send { what, .. } => match what {
                Parcel::Proposal => "send_proposal",
                Parcel::Terms => "send_terms",
                Parcel::Bind => "send_bind",
                Parcel::Nonces => "send_nonces",
                Parcel::Shares(_) => "send_shares",
                Parcel::Held => "send_held",
                Parcel::Funding => "send_funding",
                Parcel::Whole => "send_whole",
                Parcel::Abort => "send_abort",
            },
        }
    }
}
