//! A sender that commits to an envelope which is no message of the recipient's.

use bitcoin::hashes::{Hash, sha256};
use narthex_contracts::deliver::{Copies, Sender, SenderRecord, Shared, copy_leaf, seal};

use super::{
    DeliveryPlay,
    play::{SenderSide, agree_all, participant},
};
use crate::harness::ScenarioError;

impl DeliveryPlay<'_> {
    /// The sender makes new terms whose copies all open to `envelope`. Its agents cannot tell: they agree.
    pub fn lie(&mut self, envelope: Vec<u8>) -> Result<(), ScenarioError> {
        let honest = self.sender()?;
        let mut terms = honest.record().terms;
        let mut leaves = Vec::with_capacity(terms.agents.len());
        for agent in 0..self.options.agents {
            let key = honest.assignment(agent)?.key;
            leaves.push(copy_leaf(agent, &seal(&key, agent, &envelope)?));
        }
        let root = Copies(leaves).root()?;
        terms.root = sha256::Hash::from_byte_array(root);
        terms.envelope_bytes = envelope.len() as u64;
        terms.envelope = narthex_contracts::deliver::envelope_hash(&envelope);
        // It derives the same with the ephemeral secret.
        let shared = Shared::of_recipient(&self.recipient_key, &terms.ephemeral);
        terms.view_tag = shared.view_tag(&root);
        let record = SenderRecord {
            seed: honest.record().seed,
            consents: vec![None; terms.agents.len()],
            terms,
        };
        let key = self.harness.key(0, 0)?;
        let liar = Sender::restore(record, key, envelope)?;
        self.sender = SenderSide::new(&liar, self.options.depth)?;
        self.delivery = liar.delivery().clone();
        self.agents = agree_all(&mut self.harness, &self.options, &mut self.sender)?;
        let last = participant(self.options.agents).saturating_sub(1);
        let what = format!("gives {last} agents copies of bytes that are no message");
        self.harness
            .step("sender", what, "ATTACK: they open to one envelope")
    }
}
