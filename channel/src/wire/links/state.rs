//! What a link knows.

use std::collections::{BTreeMap, BTreeSet};

use narthex_contracts::party::PartySet;

use super::{Kept, LinksChange, Membership};
use crate::wire::{Contradiction, MessageType, SignedHead};

/// What one side numbers in a contract for the same receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Way {
    /// By number. There are gaps only where the operator has cleared a rolled back disk.
    pub(super) kept: BTreeMap<u64, Kept>,
    /// The next number.
    pub(super) next: u64,
    /// Own ones: all below it the peer has.
    pub(super) acked: u64,
    /// Own ones: the last that the peer has proved; at or above `next` if this disk is too old.
    pub(super) claim: Option<SignedHead>,
}

impl Way {
    /// The number behind the last that the peer has proved.
    pub(super) fn claimed(&self) -> u64 {
        self.claim
            .map_or(0, |signed| signed.head.seq.saturating_add(1))
    }

    fn push(&mut self, kept: &Kept) {
        let seq = kept.signed.head.seq;
        self.kept.insert(seq, kept.clone());
        self.next = self.next.max(seq.saturating_add(1));
    }

    /// What the peer has, and could not lose with any harm, need not be kept.
    fn prune(&mut self) {
        for kept in self.kept.range_mut(..self.acked).map(|(_, kept)| kept) {
            let row = MessageType::known(kept.signed.head.message);
            if row.is_some_and(|row| !row.is_kept) {
                kept.body = None;
            }
        }
    }
}

/// A contract with the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) of: Membership,
    pub(super) is_settled: bool,
    pub(super) own: BTreeMap<PartySet, Way>,
    pub(super) theirs: BTreeMap<PartySet, Way>,
    pub(super) contradiction: Option<Contradiction>,
    pub(super) is_noted: bool,
}

impl Talk {
    const fn new(of: Membership) -> Talk {
        Talk {
            of,
            is_settled: false,
            own: BTreeMap::new(),
            theirs: BTreeMap::new(),
            contradiction: None,
            is_noted: false,
        }
    }
}

/// Where a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPhase {
    /// Since the start the peer has not said how far it has read.
    Waking,
    /// Messages are signed and taken.
    Open,
    /// This disk is older than what was said: nothing new is signed until the rest has come back.
    RolledBack,
    /// Own key has signed two things: nothing new is signed until the operator has looked.
    Forked,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) boot: u64,
    is_resumed: bool,
    pub(super) talks: BTreeMap<[u8; 32], Talk>,
    pub(super) ended: BTreeSet<[u8; 32]>,
    pub(super) forked: Option<Contradiction>,
}

impl State {
    pub(super) fn phase(&self) -> LinkPhase {
        let mut own = self.talks.values().flat_map(|talk| talk.own.values());
        match () {
            () if self.forked.is_some() => LinkPhase::Forked,
            () if own.any(|way| way.claimed() > way.next) => LinkPhase::RolledBack,
            () if self.is_resumed => LinkPhase::Open,
            () => LinkPhase::Waking,
        }
    }

    pub(super) const fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    fn own(&mut self, contract: &[u8; 32], to: PartySet) -> Option<&mut Way> {
        let talk = self.talks.get_mut(contract)?;
        Some(talk.own.entry(to).or_default())
    }

    pub(super) fn apply(&mut self, change: &LinksChange) {
        match change {
            LinksChange::Booted { boot } => {
                self.boot = *boot;
                self.is_resumed = false;
            }
            LinksChange::Resumed => self.is_resumed = true,
            LinksChange::Opened { contract, of } => {
                let talk = self.talks.entry(*contract);
                talk.or_insert_with(|| Talk::new(*of)).of = *of;
            }
            LinksChange::Settled { contract } => {
                if let Some(talk) = self.talks.get_mut(contract) {
                    talk.is_settled = true;
                }
            }
            LinksChange::Ended { contract } => {
                self.talks.remove(contract);
                self.ended.insert(*contract);
            }
            LinksChange::Closed { contract } => drop(self.talks.remove(contract)),
            LinksChange::Posted(kept) => {
                let head = &kept.signed.head;
                if let Some(way) = self.own(&head.contract, head.to) {
                    way.push(kept);
                }
            }
            LinksChange::Taken(kept) => {
                let head = &kept.signed.head;
                if let Some(talk) = self.talks.get_mut(&head.contract) {
                    talk.theirs.entry(head.to).or_default().push(kept);
                }
            }
            LinksChange::Marked { contract, to, next } => {
                if let Some(way) = self.own(contract, *to) {
                    way.acked = *next;
                    way.prune();
                }
            }
            LinksChange::Claimed(signed) => {
                let head = &signed.head;
                if let Some(way) = self.own(&head.contract, head.to) {
                    way.claim = Some(*signed);
                }
            }
            LinksChange::Imported(kept) => {
                let head = &kept.signed.head;
                if let Some(way) = self.own(&head.contract, head.to) {
                    way.push(kept);
                    // It came from the peer, which has it therefore.
                    way.acked = way.acked.max(way.next);
                    way.prune();
                }
            }
            LinksChange::Forked(proof) => self.forked = Some(*proof),
            LinksChange::Contradicted(proof) => {
                if let Some(talk) = self.talks.get_mut(&proof.first.head.contract) {
                    talk.contradiction = Some(*proof);
                    talk.is_noted = false;
                }
            }
            LinksChange::Noted { contract } => {
                if let Some(talk) = self.talks.get_mut(contract) {
                    talk.is_noted = true;
                }
            }
            LinksChange::Skipped { contract, to, next } => {
                if let Some(way) = self.own(contract, *to) {
                    way.next = way.next.max(*next);
                }
            }
            LinksChange::Cleared => self.forked = None,
        }
    }
}
