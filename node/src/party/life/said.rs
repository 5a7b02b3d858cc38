//! What is said in a contract that lives: messages of its peers, own ones that come back, and what it has to say.

use narthex::{
    bitcoin::secp256k1::PublicKey,
    channel::{
        contract::ContractMessage,
        wire::{Head, contract_type},
    },
    contracts::party::{PartyId, PartySet},
    life::{Heard, Letter, LifeError, LifeParty},
};

use super::life_of;
use crate::party::{Core, Fatal, contract::Contract, peers::Due};

/// What became of a message for a contract's life.
pub(in crate::party) enum Told {
    Taken(Due),
    Refused(String),
    /// It has not begun, or something of this computer's failed.
    NotNow,
}

impl Core {
    /// A message for a contract's life.
    pub(in crate::party) fn life_hears(
        &mut self,
        id: [u8; 32],
        from: PartyId,
        message: ContractMessage,
    ) -> Result<Told, Fatal> {
        self.life_told(id, |party| party.hear_message(from.into(), message))
    }

    /// An own message of a contract's life that this disk has forgotten.
    pub(in crate::party) fn life_recalls(
        &mut self,
        id: [u8; 32],
        message: ContractMessage,
    ) -> Result<Told, Fatal> {
        self.life_told(id, |party| party.recall(message))
    }

    fn life_told(
        &mut self,
        id: [u8; 32],
        tell: impl FnOnce(&mut LifeParty<'static>) -> Result<Heard, LifeError>,
    ) -> Result<Told, Fatal> {
        let Some(life) = life_of(&mut self.contracts, &id) else {
            return Ok(Told::NotNow);
        };
        match tell(&mut life.party) {
            Ok(Heard::Refused(why)) => Ok(Told::Refused(why)),
            Ok(Heard::Taken(letters)) => Ok(Told::Taken(self.letters(id, letters)?)),
            Err(error) => {
                self.life_failed(id, error)?;
                Ok(Told::NotNow)
            }
        }
    }

    /// The body of a long message that this party has sent, if it has it: for a peer that has lost it. `None` while it does not live, or where
    /// this computer cannot read it.
    pub(in crate::party) fn life_has(
        &mut self,
        id: [u8; 32],
        head: &Head,
    ) -> Result<Option<Option<Vec<u8>>>, Fatal> {
        let Some(life) = life_of(&mut self.contracts, &id) else {
            return Ok(None);
        };
        match life.party.long_body(head.message, &head.body) {
            Ok(body) => Ok(Some(body)),
            Err(error) => {
                self.life_failed(id, error)?;
                Ok(None)
            }
        }
    }

    pub(super) fn send_letters(&mut self, id: [u8; 32], letters: Vec<Letter>) -> Result<(), Fatal> {
        let due = self.letters(id, letters)?;
        self.outcomes(due)
    }

    /// What a contract has to say is said as soon as the link to whom it is for is open.
    fn letters(&mut self, id: [u8; 32], letters: Vec<Letter>) -> Result<Due, Fatal> {
        self.tell_journal();
        for (to, body) in letters {
            let contract = self.contracts.get(&id);
            let node: Option<PublicKey> = contract.and_then(|c| c.node_of(to.into()));
            let attempt = contract.and_then(Contract::attempt).unwrap_or_default();
            if let (Some(node), Some(message)) = (node, contract_type(&body)) {
                let what = (PartySet::from([PartyId::from(to)]), attempt, message);
                self.say(id, node, what, body);
            }
        }
        self.flush(id)
    }
}
