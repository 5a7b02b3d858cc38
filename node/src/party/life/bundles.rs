//! What a party of a contract gives out of it: the case that it has ruled on, and what a watchtower takes.

use narthex::{
    bitcoin::{Network, constants::ChainHash, hex::DisplayHex},
    channel::follow::MAX_REORG_BLOCKS,
    contracts::template::{TowerBundle, TowerPace},
    regtest::NodeAccess,
};

use narthex_base::codec::Message as _;

use super::{Answer, Core, Reply, life_of, refused, short};
use crate::party::BundleStatus;

impl Core {
    /// Draws up the bundle of a case that this arbiter has ruled on, once for each branch of the chain.
    pub(super) fn draw_up(&mut self, id: [u8; 32], chain: &mut dyn NodeAccess) {
        let network = Network::from_chain_hash(ChainHash::from(self.chain));
        let Some((life, network)) = life_of(&mut self.contracts, &id).zip(network) else {
            return;
        };
        let Some(branch) = life.party.bundle_branch() else {
            return;
        };
        if matches!(&life.bundle, Some((known, _)) if *known == branch) {
            return;
        }
        let bundle = life.party.bundle(chain, network);
        match bundle {
            Ok(bundle) => {
                life.row = Some(bundle.report().finding.row);
                life.bundle = Some((branch, Some(bundle.to_bytes())));
            }
            Err(why) => {
                life.bundle = Some((branch, None));
                self.note_of(
                    id,
                    format_args!("{}: no bundle of its case: {why}", short(&id)),
                );
            }
        }
    }

    /// What a watchtower is given for this party of a contract, as far as it holds it and the panel has ruled.
    pub(in crate::party) fn bundle(&self, id: &[u8; 32]) -> Answer {
        let contract = self.contracts.get(id);
        let contract = contract.ok_or_else(|| refused("unknown", "there is no such contract"))?;
        let none = || refused("none", "it is not funded, or not ready yet");
        let party = &contract.life.as_ref().ok_or_else(none)?.party;
        let (book, signatures) = (party.book(), party.signer().signatures());
        let (_, funded) = book.facts().path.first().copied().ok_or_else(none)?;
        let policy = book.contract().policy();
        let pace = TowerPace {
            // A reorganisation may bring the funding lower before the tower looks.
            since: funded.saturating_sub(MAX_REORG_BLOCKS),
            depth: policy.depth.blocks(),
            confirm: policy.confirm,
            message: policy.message,
        };
        let bundle = TowerBundle::of(signatures, pace, book.attestations());
        let bundle = bundle.map_err(|error| refused("none", error))?;
        let graph = signatures.graph();
        let names = bundle.transactions().filter_map(|node| graph.node(node));
        Ok(Reply::Bundle(BundleStatus {
            role: bundle.role().to_string(),
            transactions: names.map(|node| node.name.to_string()).collect(),
            bundle: bundle.to_bytes().to_lower_hex_string(),
        }))
    }
}
