//! The transitions of a follower.

use std::convert::Infallible;

use super::{FollowInput, Follower};
use crate::{Tabled, Transition, transitions};

const FOLLOWER: &[Transition] = transitions! {
    new + begin => following [] "a block to begin at";
    following + connect => following [] "it stands on the block that was read last";
    following + fork => following [] "to a block of the last 144";
};

impl Tabled for Follower {
    const NAME: &'static str = "follower";
    const SUMMARY: &'static str = "Follows a chain for one contract: block behind block, back where a reorganisation takes some away, and keeps what spends the outputs that it watches. See [the life of a contract](../adr/0082-life-of-a-contract.md).";
    const TABLE: &'static [&'static [Transition]] = &[FOLLOWER];

    fn state(&self) -> &'static str {
        match self.tip() {
            None => "new",
            Some(_) => "following",
        }
    }

    fn input_name(input: &FollowInput) -> &'static str {
        match input {
            FollowInput::Begin { .. } => "begin",
            FollowInput::Connect { .. } => "connect",
            FollowInput::Fork { .. } => "fork",
        }
    }

    fn effect_name(effect: &Infallible) -> &'static str {
        match *effect {}
    }
}
