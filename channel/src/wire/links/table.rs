//! The table.

use super::{LinkPhase, LinksEffect, LinksInput, LinksMachine};
use crate::{Tabled, Transition, transitions};

const MORE: &str = "the contract may have longer bodies, or there is one";
const LAST: &str = "what was missing of another contract is forgotten with it";

/// What goes on whether or not something new may be signed.
const ALWAYS: &[Transition] = transitions! {
    waking + booted => waking [] "";
    open + booted => waking [] "";
    rolled_back + booted => rolled_back [] "";
    forked + booted => forked [] "";
    waking + opened => waking [] MORE;
    open + opened => open [] MORE;
    rolled_back + opened => rolled_back [] MORE;
    forked + opened => forked [] MORE;
    waking + settled => waking [] "";
    open + settled => open [] "";
    rolled_back + settled => rolled_back [] "";
    forked + settled => forked [] "";
    waking + ended => waking [] "";
    open + ended => open [] "";
    rolled_back + ended => rolled_back [] "";
    rolled_back + ended => waking [] LAST;
    rolled_back + ended => open [] LAST;
    forked + ended => forked [] "";
    waking + closed => waking [] "";
    open + closed => open [] "";
    rolled_back + closed => rolled_back [] "";
    rolled_back + closed => waking [] LAST;
    rolled_back + closed => open [] LAST;
    forked + closed => forked [] "";
    waking + taken => waking [] "";
    open + taken => open [] "";
    rolled_back + taken => rolled_back [] "";
    forked + taken => forked [] "";
    waking + taken => waking [prove] "it contradicts an earlier one";
    open + taken => open [prove] "it contradicts an earlier one";
    rolled_back + taken => rolled_back [prove] "it contradicts an earlier one";
    forked + taken => forked [prove] "it contradicts an earlier one";
    waking + contradiction => waking [prove] "";
    open + contradiction => open [prove] "";
    rolled_back + contradiction => rolled_back [prove] "";
    forked + contradiction => forked [prove] "";
    waking + noted => waking [] "";
    open + noted => open [] "";
    rolled_back + noted => rolled_back [] "";
    forked + noted => forked [] "";
    waking + acked => waking [] "";
    open + acked => open [] "";
    rolled_back + acked => rolled_back [] "";
    forked + acked => forked [] "";
};

const KNOWN: &str = "the peer proves nothing that this disk does not know";
const CLAIM: &str = "the peer proves an own message that this disk does not know";
const FORK: &str = "the peer has an own message that differs from the one on this disk";

/// What decides whether something new may be signed.
const OWN: &[Transition] = transitions! {
    open + post => open [send] "";
    waking + resumed => open [] KNOWN;
    waking + resumed => open [send] "the same, and not all was read";
    waking + resumed => rolled_back [recall] CLAIM;
    waking + resumed => forked [alarm] FORK;
    open + resumed => open [] KNOWN;
    open + resumed => open [send] "the same, and not all was read";
    open + resumed => rolled_back [recall] CLAIM;
    open + resumed => forked [alarm] FORK;
    rolled_back + resumed => rolled_back [recall] "something is still missing";
    rolled_back + resumed => forked [alarm] FORK;
    forked + resumed => forked [] "";
    waking + claimed => rolled_back [recall] CLAIM;
    open + claimed => rolled_back [recall] CLAIM;
    rolled_back + claimed => rolled_back [recall] "one that is farther on than was known";
    waking + claimed => forked [alarm] FORK;
    open + claimed => forked [alarm] FORK;
    rolled_back + claimed => forked [alarm] FORK;
    forked + claimed => forked [recall] CLAIM;
    waking + imported => waking [] "the next one, which nobody claimed before";
    open + imported => open [] "the next one, which nobody claimed before";
    rolled_back + imported => rolled_back [] "the next one, and more are missing";
    rolled_back + imported => open [] "the last that was missing";
    rolled_back + imported => waking [] "the same, and since the start the peer has said nothing";
    forked + imported => forked [] "the next one";
    rolled_back + cleared => open [] "the operator says that nothing else is missing";
    rolled_back + cleared => waking [] "the same, and since the start the peer has said nothing";
    forked + cleared => open [] "the operator says that no copy runs";
    forked + cleared => waking [] "the same, and since the start the peer has said nothing";
};

impl Tabled for LinksMachine {
    const NAME: &'static str = "links";
    const SUMMARY: &'static str = "What two nodes have told each other: who has read how far, what is still to be said, who has contradicted itself, and whether this disk is older than what was said with it.";
    const TABLE: &'static [&'static [Transition]] = &[ALWAYS, OWN];

    fn state(&self) -> &'static str {
        match self.phase() {
            LinkPhase::Waking => "waking",
            LinkPhase::Open => "open",
            LinkPhase::RolledBack => "rolled_back",
            LinkPhase::Forked => "forked",
        }
    }

    fn input_name(input: &LinksInput) -> &'static str {
        match input {
            LinksInput::Booted { .. } => "booted",
            LinksInput::Opened { .. } => "opened",
            LinksInput::Settled { .. } => "settled",
            LinksInput::Ended { .. } => "ended",
            LinksInput::Closed { .. } => "closed",
            LinksInput::Post(_) => "post",
            LinksInput::Taken(_) => "taken",
            LinksInput::Resumed(_) => "resumed",
            LinksInput::Acked(_) => "acked",
            LinksInput::Claimed(_) => "claimed",
            LinksInput::Imported(_) => "imported",
            LinksInput::Contradiction(_) => "contradiction",
            LinksInput::Noted { .. } => "noted",
            LinksInput::Cleared => "cleared",
        }
    }

    fn effect_name(effect: &LinksEffect) -> &'static str {
        match effect {
            LinksEffect::Send { .. } => "send",
            LinksEffect::Recall { .. } => "recall",
            LinksEffect::Prove { .. } => "prove",
            LinksEffect::Alarm => "alarm",
        }
    }
}
