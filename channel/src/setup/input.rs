//! What comes to a set-up.

use std::collections::BTreeMap;

use narthex_contracts::party::PartyId;

use super::SetupMessage;

/// How long what others send must be: known as soon as one has bound oneself to terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// Bytes of each other party's nonces; those who sign nothing are not in it.
    pub nonces: BTreeMap<PartyId, u32>,
    /// For each stage, bytes of the shares of those who owe one some.
    pub shares: Vec<BTreeMap<PartyId, u32>>,
}

/// What follows from binding oneself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Id of the agreement.
    pub agreement: [u8; 32],
    /// An arbiter's announcement; empty for others.
    pub announcement: Vec<u8>,
    /// How long what others send must be.
    pub lengths: Lengths,
}

/// What is known of the funding transaction at a tip. Facts, all of them each time: what is no longer among them was
/// taken back by a reorganisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainView {
    /// Height of the tip.
    pub tip: u32,
    /// Height of the block with the funding transaction.
    pub funded_at: Option<u32>,
    /// Height of the block in which an input of the funding transaction was spent otherwise, by oneself or another.
    pub spent_at: Option<u32>,
}

/// What comes: results of own work, messages, blocks, the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupInput {
    /// Own part of the terms, with a salt drawn for this attempt alone.
    Proposed {
        /// Which attempt it is for.
        attempt: u8,
        /// The part.
        proposal: Vec<u8>,
    },
    /// The lead's terms, out of everybody's proposals.
    Assembled {
        /// Which attempt.
        attempt: u8,
        /// The terms.
        terms: Vec<u8>,
    },
    /// The terms are as one proposed, and one's salt is bound to them, durably.
    Bound {
        /// Which attempt.
        attempt: u8,
        /// What follows.
        bound: Bound,
    },
    /// Own nonces. The secret ones are in the signer's memory alone.
    Announced {
        /// Which attempt.
        attempt: u8,
        /// The public ones.
        nonces: Vec<u8>,
    },
    /// Own shares of everything, with everybody's nonces; no secret nonce exists any more.
    Signed {
        /// Which attempt.
        attempt: u8,
        /// All that is needed to go on.
        signing: Vec<u8>,
    },
    /// Everybody's shares of a stage are right.
    Closed {
        /// Which attempt.
        attempt: u8,
        /// Which stage.
        stage: u8,
        /// Every signature, where this was the last stage.
        signatures: Option<Vec<u8>>,
    },
    /// Own inputs of the funding are signed; the lead has put everybody's to its own.
    Funded {
        /// Which attempt.
        attempt: u8,
        /// Own witnesses; the lead's whole transaction.
        funding: Vec<u8>,
        /// Height of the tip when they were made.
        tip: u32,
    },
    /// Own work found that what a party sent is wrong.
    Faulty {
        /// Which attempt.
        attempt: u8,
        /// Who sent it.
        party: PartyId,
        /// What is wrong.
        reason: String,
    },
    /// A party signed with other nonces than one has oneself. It, one of those who sent them, or nobody but a carrier is at
    /// fault: everybody's signed messages tell.
    Differ {
        /// Which attempt.
        attempt: u8,
        /// Who.
        party: PartyId,
    },
    /// One does not want this contract, or cannot sign it.
    Declined {
        /// Why, for the others to read.
        reason: String,
    },
    /// The signer has none of what it drew for this attempt: the process was killed.
    Lost {
        /// Which attempt.
        attempt: u8,
    },
    /// An own message came back that this log does not know: an older disk was put back. What was said in its attempt is a fact,
    /// and what was drawn for it is gone.
    Imported {
        /// Which attempt it is of.
        attempt: u8,
        /// Whether it says that everything is held, or has own witnesses: the others may fund without this party.
        is_final: bool,
    },
    /// A message, from whom it is known to be.
    Message {
        /// Who sent it.
        from: PartyId,
        /// What.
        message: SetupMessage,
    },
    /// A new tip.
    Chain(ChainView),
    /// The time; whether somebody is late is known by it alone.
    Tick {
        /// Seconds since 1970.
        unix_s: u64,
    },
}
