//! What parties have said to each other, as the links between them keep it: it is given again to one whose disk went back.

use std::{collections::BTreeMap, rc::Rc};

use narthex_channel::wire::{MessageType, body_hash, contract_type};
use narthex_contracts::terms::Role;

/// A message that was taken, and how many entries its receiver's log had then.
type Taken = (u64, Rc<Vec<u8>>);

/// All messages that were taken, by who said them to whom.
#[derive(Debug, Default)]
pub(crate) struct Record(BTreeMap<(Role, Role), Vec<Taken>>);

/// Whether links keep the body of a message, so that its receiver has it for a sender that lost it.
fn is_kept(bytes: &[u8]) -> bool {
    let row = contract_type(bytes).and_then(MessageType::known);
    row.is_none_or(|row| row.is_kept)
}

impl Record {
    /// A message was taken, or refused for good, by a party whose log had so many entries.
    pub(crate) fn took(&mut self, link: (Role, Role), bytes: Rc<Vec<u8>>, entries: u64) {
        let taken = self.0.entry(link).or_default();
        // The same again is no second message.
        if !taken.iter().any(|(_, known)| *known == bytes) {
            taken.push((entries, bytes));
        }
    }

    /// A party's own words that a peer has, in order, but for what is too long to be kept.
    pub(crate) fn own_of(&self, role: Role) -> Vec<(Role, Rc<Vec<u8>>)> {
        let own = self.0.iter().filter(|((from, _), _)| *from == role);
        let all = own.flat_map(|((_, peer), taken)| taken.iter().map(|(_, said)| (*peer, said)));
        all.filter(|(_, said)| is_kept(said))
            .map(|(peer, said)| (peer, Rc::clone(said)))
            .collect()
    }

    /// What others have said to a party since its log had so many entries, by whom, in order.
    pub(crate) fn said_to(&self, role: Role, since: u64) -> Vec<(Role, Rc<Vec<u8>>)> {
        let said = self.0.iter().filter(|((_, to), _)| *to == role);
        let all = said.flat_map(|((from, _), taken)| taken.iter().map(|taken| (*from, taken)));
        all.filter(|(_, (entries, _))| *entries >= since)
            .map(|(from, (_, said))| (from, Rc::clone(said)))
            .collect()
    }

    /// The type and the hash of a long message, by which whoever said it is asked for it again; `None` for one that links keep.
    pub(crate) fn long(bytes: &[u8]) -> Option<(u16, [u8; 32])> {
        let message = contract_type(bytes).filter(|_| !is_kept(bytes))?;
        Some((message, body_hash(bytes)))
    }
}
