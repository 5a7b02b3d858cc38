//! A party whose disk is an older copy: what it has back of its own words, and what it is told again.

use std::collections::BTreeMap;

use bitcoin::secp256k1::rand::Rng;
use narthex_channel::contract::ContractMessage;
use narthex_contracts::terms::Role;

use super::{
    node::{Took, took},
    talk::message,
    world::{Posted, World},
};
use crate::life::{Heard, Record};

impl World<'_> {
    /// A party's disk is an older copy. Before it says anything, it is told what it has said.
    pub(super) fn roll_back(&mut self, role: Role) {
        // What is on its way from before comes before.
        self.flush(u32::MAX);
        let writes = self.rng.gen_range(1..20usize);
        let Some(node) = self.nodes.get_mut(&role) else {
            return;
        };
        let left = match node.roll_back(writes) {
            Ok(Some(left)) => left,
            Ok(None) => return self.start(role),
            Err(error) => return self.defect(role, error.to_string()),
        };
        self.has_rolled_back = true;
        self.event(format!("{role} is rolled back by {writes} writes"));
        self.restart_told(role, left);
    }

    /// A party that has lost what was said starts, has its own words back, and is told by the others what it has lost since its log had so many
    /// entries.
    pub(super) fn restart_told(&mut self, role: Role, left: u64) {
        let own = self.record.own_of(role);
        // Peers have it on their way until it is taken, whoever is killed meanwhile.
        self.given_again(role, left);
        self.start(role);
        for said in own.iter().filter_map(|(_, said)| message(said)) {
            if !self.recalled(role, &said) {
                return;
            }
        }
    }

    /// An own message comes back, to a process that is started again until it has it: before that it would sign nothing new. Whether it has.
    fn recalled(&mut self, role: Role, said: &ContractMessage) -> bool {
        for _ in 0..8 {
            let ready = self.ready;
            let Some(node) = self.nodes.get_mut(&role) else {
                return false;
            };
            let started = match node.party {
                Some(_) => Took::Done(Vec::new()),
                None => node.start(ready, None),
            };
            let party = node.party.as_mut();
            let recalled = match (started, party) {
                (Took::Done(letters), Some(party)) => {
                    let heard = took(party.recall(said.clone()));
                    self.post(role, letters);
                    heard
                }
                (Took::Failed(reason), _) => Took::Failed(reason),
                _ => Took::Killed,
            };
            match recalled {
                // What it would answer, it says again anyhow.
                Took::Done(Heard::Taken(letters)) => self.post(role, letters),
                Took::Done(Heard::Refused(_)) => {}
                Took::Killed => {
                    self.ends(role, "reads its own words");
                    continue;
                }
                Took::Failed(reason) => {
                    self.defect(role, reason);
                    return false;
                }
            }
            return true;
        }
        false
    }

    /// Peers say once more what a party has forgotten that has so many entries left: what their links keep no body of, if they have it.
    fn given_again(&mut self, role: Role, left: u64) {
        let mut again: BTreeMap<Role, Vec<Posted>> = BTreeMap::new();
        for (peer, said) in self.record.said_to(role, left) {
            if let Some((message, hash)) = Record::long(&said) {
                let villain = self.is_villain(peer);
                let node = self.nodes.get_mut(&peer);
                let party = node.and_then(|node| node.party.as_mut());
                // Who is not there says it when it is: its disk has what it had.
                match party.map(|party| party.long_body(message, &hash)) {
                    // It has found meanwhile that this is not what it was said to be.
                    Some(Ok(None)) if !villain => continue,
                    Some(Err(error)) => self.defect(peer, error.to_string()),
                    _ => {}
                }
            }
            again.entry(peer).or_default().push(said);
        }
        for (peer, said) in again {
            let link = (peer.into(), role.into());
            self.net.send_again(link, said, self.tip);
        }
    }
}
