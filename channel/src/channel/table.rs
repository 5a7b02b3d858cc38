//! The transitions of either side.

use super::{ChannelEffect, ChannelInput, ChannelMachine, ChannelMessage, Order};
use crate::{Tabled, Transition, transitions};

const CHANNEL: &[Transition] = transitions! {
    new + heard_opening => offered [sign] "the next of the opening, and good";
    new + signed => offered [send] "as it was asked for";
    new | offered | consented | funded | half_signed | signed | idle | waiting | proposed | agreed | committed | asked | accepted | relieved | shut | closing | closed | force_closing | behind | own_close | their_close | breached + tip => _ [] "another height";
    offered | consented | funded | half_signed | signed | idle | waiting | proposed | agreed | committed | asked | accepted | relieved | shut | closing | force_closing | behind | own_close | their_close | breached + fee_coins => _ [] "";
    offered + heard_opening => consented [sign] "the next of the opening, and good";
    offered + signed => consented [send] "as it was asked for";
    consented + heard_opening => funded [sign] "the next of the opening, and good";
    consented + signed => funded [send] "as it was asked for";
    funded + heard_opening => half_signed [sign] "the next of the opening, and good";
    funded + signed => half_signed [send] "as it was asked for";
    half_signed | signed | own_close | their_close + confirmed => _ [] "it concerns the channel";
    half_signed | signed | idle | waiting | proposed | agreed | accepted | force_closing | behind | own_close + confirmed => their_close [claim] "it concerns the channel";
    half_signed | signed + force_close => force_closing [] "";
    half_signed + heard_opening => signed [] "the next of the opening, and good";
    half_signed | signed | idle | waiting | proposed | agreed | committed | asked | accepted | relieved | shut | closing | force_closing | own_close | their_close | breached + heard_reestablish => _ [sign] "it shows a secret of a commitment that is not revoked here";
    half_signed | signed | waiting | proposed | agreed | committed | asked | accepted | relieved | shut | force_closing + heard_stage => _ [] "the next, by the rules";
    half_signed | signed | idle | waiting | proposed | agreed | committed | asked | accepted | relieved | shut | closing | closed | force_closing | own_close | their_close | breached + judged => _ [] "by the signer";
    half_signed | signed | idle | waiting | proposed | agreed | committed | asked | accepted | relieved + pay => _ [] "the next, in time, with fee coins";
    half_signed | signed | waiting | proposed | agreed | committed | asked | accepted | relieved + pay => _ [send] "the next, in time, with fee coins";
    half_signed | signed | idle | waiting | proposed | agreed | committed | asked | accepted | shut | force_closing | behind | own_close | their_close | breached + reorganised => _ [] "something is gone";
    half_signed + signed => signed [send fund] "as it was asked for";
    signed | idle | waiting | proposed | committed | asked | accepted + force_close => force_closing [publish_own] "";
    signed | agreed | committed | relieved | shut + heard_close => _ [] "in its order";
    signed + heard_close => _ [send] "in its order";
    signed + heard_commit => _ [sign] "the same, and the old one of the other is revoked";
    signed | force_closing + heard_revoke => _ [] "the old commitment of the other is revoked";
    signed | waiting | committed + judged => behind [] "by the signer";
    signed | force_closing + reorganised => _ [fund] "something is gone";
    signed | waiting | proposed | agreed | committed | asked | accepted | relieved | shut + settle => _ [send] "locked, and this opens it";
    signed | relieved + shutdown => _ [send] "";
    signed + tip => idle [] "another height";
    signed + tip => idle [sign] "another height";
    signed + tip => waiting [] "another height";
    signed + tip => asked [] "another height";
    signed + tip => shut [] "another height";
    signed + tip => shut [sign] "another height";
    idle + confirmed => breached [claim] "it concerns the channel";
    idle + give_back => _ [send sign] "locked";
    idle + heard_stage => _ [send sign] "the next, by the rules";
    idle | shut + heard_stage => _ [sign] "the next, by the rules";
    idle + pay => _ [send sign] "the next, in time, with fee coins";
    idle | waiting | committed | asked | accepted + reorganised => signed [] "something is gone";
    idle | shut + settle => _ [send sign] "locked, and this opens it";
    idle | shut + signed => proposed [send] "as it was asked for";
    waiting | proposed | agreed | committed | asked | accepted | relieved + give_back => _ [send] "locked";
    waiting + heard_close => shut [send] "in its order";
    waiting | shut + heard_propose => asked [sign] "the next state, every claim signed ahead";
    waiting | proposed | agreed | committed | asked | accepted | relieved + heard_stage => _ [send] "the next, by the rules";
    waiting | proposed + tip => force_closing [publish_own] "another height";
    proposed + heard_accept => agreed [sign] "this side's new commitment is whole by it";
    agreed + signed => committed [send] "as it was asked for";
    committed + heard_revoke => idle [] "the old commitment of the other is revoked";
    committed + heard_revoke => idle [sign] "the old commitment of the other is revoked";
    committed + heard_revoke => waiting [] "the old commitment of the other is revoked";
    committed + heard_revoke => shut [] "the old commitment of the other is revoked";
    committed + heard_revoke => shut [sign] "the old commitment of the other is revoked";
    asked + signed => accepted [send] "as it was asked for";
    accepted + heard_commit => relieved [sign] "the same, and the old one of the other is revoked";
    relieved + signed => idle [send sign] "as it was asked for";
    relieved + signed => waiting [send] "as it was asked for";
    relieved + signed => shut [send] "as it was asked for";
    relieved + signed => shut [send sign] "as it was asked for";
    shut + heard_close => closing [sign] "in its order";
    shut + signed => closing [send] "as it was asked for";
    closing + closed => closed [publish_close] "";
    closing + heard_close => _ [sign] "in its order";
    closing + signed => _ [send] "as it was asked for";
    closed + confirmed => agreed_close [] "it concerns the channel";
    force_closing + confirmed => _ [publish_own] "it concerns the channel";
    force_closing + confirmed => own_close [] "it concerns the channel";
    force_closing + confirmed => own_close [claim] "it concerns the channel";
    force_closing + give_back => _ [] "locked";
    force_closing + settle => _ [] "locked, and this opens it";
    force_closing + signed => _ [fund] "as it was asked for";
    agreed_close + reorganised => closed [publish_close] "something is gone";
    agreed_close | their_close + tip => over [] "another height";
    own_close | their_close + confirmed => _ [sign] "it concerns the channel";
    own_close | their_close + read => _ [] "";
    own_close | their_close + seen => _ [sign] "secrets may stand in it";
    their_close + force_close => _ [] "";
    their_close + learned => _ [] "it opens the payment";
    their_close + settle => _ [claim] "locked, and this opens it";
    their_close + tip => _ [claim] "another height";
};

impl Tabled for ChannelMachine {
    const NAME: &'static str = "channel";
    const SUMMARY: &'static str = "Either side of a payment channel: what is said in which order stands in [channels](../channels.md).";
    const TABLE: &'static [&'static [Transition]] = &[CHANNEL];

    fn state(&self) -> &'static str {
        self.standing()
    }

    fn input_name(input: &ChannelInput) -> &'static str {
        match input {
            ChannelInput::Order(Order::Pay { .. }) => "pay",
            ChannelInput::Order(Order::Settle(..)) => "settle",
            ChannelInput::Order(Order::GiveBack(_)) => "give_back",
            ChannelInput::Order(Order::Shutdown(..)) => "shutdown",
            ChannelInput::Order(Order::ForceClose) => "force_close",
            ChannelInput::Order(Order::FeeCoins(..)) => "fee_coins",
            ChannelInput::Signed(_) => "signed",
            ChannelInput::Heard(message) => match message {
                ChannelMessage::Stage { .. } => "heard_stage",
                ChannelMessage::Propose { .. } => "heard_propose",
                ChannelMessage::Accept { .. } => "heard_accept",
                ChannelMessage::Commit { .. } => "heard_commit",
                ChannelMessage::Revoke { .. } => "heard_revoke",
                ChannelMessage::Reestablish { .. } => "heard_reestablish",
                ChannelMessage::Shutdown(_)
                | ChannelMessage::CloseNonce(..)
                | ChannelMessage::CloseShare(_) => "heard_close",
                _ => "heard_opening",
            },
            ChannelInput::Judged { .. } => "judged",
            ChannelInput::Closed(_) => "closed",
            ChannelInput::Tip(_) => "tip",
            ChannelInput::Confirmed(..) => "confirmed",
            ChannelInput::Reorganised(_) => "reorganised",
            ChannelInput::Seen(_) => "seen",
            ChannelInput::Learned(..) => "learned",
            ChannelInput::Read(_) => "read",
        }
    }

    fn effect_name(effect: &ChannelEffect) -> &'static str {
        match effect {
            ChannelEffect::Send(_) => "send",
            ChannelEffect::Sign(_) => "sign",
            ChannelEffect::Fund => "fund",
            ChannelEffect::PublishOwn(_) => "publish_own",
            ChannelEffect::PublishClose(_) => "publish_close",
            ChannelEffect::Claim(_) => "claim",
        }
    }
}
