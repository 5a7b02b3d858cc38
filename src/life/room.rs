//! All parties of a contract in one process: each with its own machine, log and signer, and messages between them as bytes.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
};

use narthex_base::codec::Message as _;
use narthex_channel::contract::ContractMessage;
use narthex_contracts::terms::Role;
use narthex_regtest::NodeAccess;

use super::{
    LifeError, LifeParty, Record,
    party::{Heard, Letter},
};

/// Makes of a party's letter what is sent instead.
pub(crate) type GoBetween<'a> = Box<dyn FnMut(Role, Letter) -> Vec<Letter> + 'a>;

/// Everybody in one room.
#[derive(Default)]
pub struct Room<'a> {
    parties: BTreeMap<Role, LifeParty<'a>>,
    letters: VecDeque<(Role, Letter)>,
    /// Who neither hears nor is heard.
    silent: BTreeSet<Role>,
    /// Whoever has each letter in hand before it is on its way.
    between: Option<GoBetween<'a>>,
    /// What was said, for whoever begins anew.
    record: Record,
    /// What was refused: from whom, by whom, why.
    refused: Vec<(Role, Role, String)>,
    messages: u64,
    bytes: u64,
}

impl<'a> Room<'a> {
    /// An empty room.
    pub fn new() -> Room<'a> {
        Room::default()
    }

    /// A party takes its seat, with what it has to say.
    pub fn join(&mut self, (party, letters): (LifeParty<'a>, Vec<Letter>)) {
        let role = party.role();
        self.parties.insert(role, party);
        self.post(role, letters);
    }

    /// From now on somebody has each letter in hand before it is on its way.
    pub(crate) fn place_between(&mut self, between: GoBetween<'a>) {
        self.between = Some(between);
    }

    /// A party is killed, or leaves.
    pub fn leave(&mut self, role: Role) -> Option<LifeParty<'a>> {
        self.parties.remove(&role)
    }

    /// From now on nobody hears this party, nor it anybody.
    pub fn silence(&mut self, role: Role) {
        self.silent.insert(role);
    }

    /// A party.
    pub fn party(&self, role: Role) -> Option<&LifeParty<'a>> {
        self.parties.get(&role)
    }

    /// A party, to be ordered about.
    pub fn party_mut(&mut self, role: Role) -> Option<&mut LifeParty<'a>> {
        self.parties.get_mut(&role)
    }

    /// Those who are there.
    pub fn parties(&self) -> impl Iterator<Item = &LifeParty<'a>> {
        self.parties.values()
    }

    /// What was refused: from whom, by whom, why.
    pub fn refused(&self) -> &[(Role, Role, String)] {
        &self.refused
    }

    /// Number of messages that were sent, and their bytes.
    pub const fn traffic(&self) -> (u64, u64) {
        (self.messages, self.bytes)
    }

    /// Posts letters of a party.
    pub fn post(&mut self, from: Role, letters: Vec<Letter>) {
        let sent = match &mut self.between {
            None => letters,
            Some(between) => letters
                .into_iter()
                .flat_map(|letter| between(from, letter))
                .collect(),
        };
        for letter in sent {
            self.messages += 1;
            self.bytes += letter.1.len() as u64;
            self.letters.push_back((from, letter));
        }
    }

    /// A party that has begun anew has its own words back from whoever has them, and hears again what others have said to it: before anything
    /// else that is on its way, as their links do it.
    ///
    /// # Errors
    /// [`LifeError`].
    pub(crate) fn give_again(&mut self, to: Role) -> Result<(), LifeError> {
        for (by, bytes) in self.record.own_of(to) {
            let message = ContractMessage::from_bytes(&bytes);
            if let (Ok(message), Some(party)) = (message, self.parties.get_mut(&to)) {
                match party.recall(message)? {
                    Heard::Taken(letters) => self.post(to, letters),
                    Heard::Refused(why) => self.refused.push((by, to, why)),
                }
            }
        }
        let mut again = Vec::new();
        for (by, bytes) in self.record.said_to(to, 0) {
            let whole = match (Record::long(&bytes), self.parties.get_mut(&by)) {
                (None, _) => Some(bytes.to_vec()),
                (Some((message, hash)), Some(party)) => party.long_body(message, &hash)?,
                (Some(_), None) => None,
            };
            again.extend(whole.map(|bytes| (by, (to, bytes))));
        }
        for letter in again.into_iter().rev() {
            self.letters.push_front(letter);
        }
        Ok(())
    }

    /// Everybody looks at the chain.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn look(&mut self, chain: &mut dyn NodeAccess) -> Result<(), LifeError> {
        let roles: Vec<_> = self.parties.keys().copied().collect();
        for role in roles {
            let looked = self.parties.get_mut(&role).map(|party| party.look(chain));
            let letters = looked.transpose()?.unwrap_or_default();
            self.post(role, letters);
        }
        Ok(())
    }

    /// Everybody publishes what is due.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn publish(&mut self, chain: &mut dyn NodeAccess) -> Result<(), LifeError> {
        for party in self.parties.values_mut() {
            if !self.silent.contains(&party.role()) {
                party.resolve(chain)?.publish(chain)?;
            }
        }
        Ok(())
    }

    /// Number of entries in all logs.
    pub fn changes(&self) -> u64 {
        self.parties.values().map(LifeParty::changes).sum()
    }

    /// Delivers one letter, and says to whom. What the receiver would answer is lost if `is_killed`: its process ends before it has
    /// sent anything, and what it wrote down is all that is left.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn deliver_one(&mut self, is_killed: bool) -> Result<Option<Role>, LifeError> {
        while let Some((from, (to, bytes))) = self.letters.pop_front() {
            if self.silent.contains(&from) || self.silent.contains(&to) {
                continue;
            }
            let Some(party) = self.parties.get_mut(&to) else {
                continue;
            };
            let entries = party.changes();
            let heard = party.hear(from, &bytes)?;
            self.record.took((from, to), Rc::new(bytes), entries);
            match heard {
                Heard::Taken(_) if is_killed => {}
                Heard::Taken(letters) => self.post(to, letters),
                Heard::Refused(why) => self.refused.push((from, to, why)),
            }
            return Ok(Some(to));
        }
        Ok(None)
    }
}
