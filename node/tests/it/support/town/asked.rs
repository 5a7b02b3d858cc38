//! What a town is asked for, and how it stands.

use std::collections::BTreeMap;

use narthex::{game_model::ParamsRecord, regtest::ChainSource as _};
use narthex_node::party::{Command, ContractStatus, NewOffer, Reply, job_of};

use super::{ARBITERS, Town, id_of};

impl Town {
    /// Where a node is reached, as its operator gives it to others.
    pub fn place(&self, at: usize) -> String {
        let node = &self.nodes[at];
        format!("{}@127.0.0.1:{}", node.id, 9_000 + u16::from(node.byte))
    }

    /// What the first six are asked for.
    pub fn order(&mut self) -> NewOffer {
        let spec = job_of(&self.job).unwrap();
        let due = self.chain.height().unwrap() + 120;
        let mut params = ParamsRecord::example_of(self.template, ARBITERS, 2, due);
        if let Some(audit) = &mut params.audit {
            // Time for messages between blocks, behind a delivery too.
            params.windows.verdict_blocks = 24;
            audit.challenge_blocks = 36;
        }
        let places: Vec<_> = (0..self.nodes.len()).map(|at| self.place(at)).collect();
        NewOffer {
            job: Some(self.job.clone()),
            job_id: None,
            params: Box::new(params.for_job(spec.steps, 20).unwrap()),
            worker: places[1].clone(),
            verifier: places[2].clone(),
            arbiters: places[3..6].to_vec(),
            rate_sat_kwu: 500,
            patience_s: 60,
            open_s: 3600,
            burial: 1,
            arbiter_bond_sat: 0,
        }
    }

    /// The client makes an offer; its id.
    pub fn offer(&mut self) -> [u8; 32] {
        let order = Box::new(self.order());
        match self.ask(0, Command::Offer(order)) {
            Ok(Reply::Contract(status)) => id_of(&status),
            other => panic!("{other:?}"),
        }
    }

    pub fn show(&self, at: usize, id: &[u8; 32]) -> Option<ContractStatus> {
        self.nodes[at].core.as_ref()?.contract_status(id)
    }

    pub fn state(&self, at: usize, id: &[u8; 32]) -> String {
        self.show(at, id)
            .map_or("unknown".into(), |status| status.state)
    }

    /// How all stand who are named in an offer.
    pub fn states(&self, id: &[u8; 32]) -> BTreeMap<String, usize> {
        let mut states = BTreeMap::new();
        for at in 0..6 {
            *states.entry(self.state(at, id)).or_default() += 1;
        }
        states
    }

    pub fn all(&self, id: &[u8; 32], state: &str) -> bool {
        self.states(id) == BTreeMap::from([(state.to_owned(), 6)])
    }

    /// Where a party stands in a contract that lives.
    pub fn standing(&self, at: usize, id: &[u8; 32]) -> String {
        let status = self.show(at, id);
        let standing = status.and_then(|status| status.standing);
        standing.unwrap_or_else(|| self.state(at, id))
    }

    /// What all notes say, for a test that fails.
    pub fn notes(&self) -> String {
        let notes = self.nodes.iter().enumerate();
        let notes = notes
            .flat_map(|(at, node)| node.notes.iter().map(move |note| format!("{at}: {note}\n")));
        notes.collect()
    }
}
