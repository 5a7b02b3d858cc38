//! A wallet follows the chain.

use std::collections::BTreeSet;

use bdk_wallet::{ChangeSet, Wallet, chain::Merge as _};
use narthex_regtest::ChainSource;

use super::{PartyWallet, WalletError};

impl PartyWallet {
    /// Reads the blocks that it has not seen, and forgets those that were reorganised away.
    pub fn sync(&mut self, chain: &mut dyn ChainSource) -> Result<(), WalletError> {
        for (index, wallet) in std::iter::once(&mut self.inner)
            .chain(&mut self.imported)
            .enumerate()
        {
            let checkpoints = wallet.latest_checkpoint();
            let seen = checkpoints.height();
            let known = |height| Some(checkpoints.get(height)?.hash());
            let way = chain.way(&known, 0)?;
            if let Some(known) = way.from.filter(|known| *known < seen) {
                self.has_forgotten |= index == 0;
                if self.changes.len() <= index {
                    self.changes.resize_with(index + 1, ChangeSet::default);
                }
                let forgotten = forget_after(known, (wallet, &mut self.changes[index]));
                forgotten.map_err(|reason| WalletError::Setup {
                    owner: self.owner.clone(),
                    reason,
                })?;
            }
            for (height, hash) in way.blocks {
                let block = chain.block_of(hash)?;
                wallet
                    .apply_block(&block, height)
                    .map_err(|_| WalletError::Disconnected {
                        height,
                        owner: self.owner.clone(),
                    })?;
            }
        }
        Ok(())
    }
}

/// Forgets the blocks above this height, and what they confirmed. The library goes on to count what was in them as spent, for it may
/// confirm again: so it may not, and its coins must pay for what takes its place.
fn forget_after(
    known: u32,
    (wallet, changes): (&mut Wallet, &mut ChangeSet),
) -> Result<(), String> {
    let mut all = std::mem::take(changes);
    all.merge(wallet.take_staged().unwrap_or_default());
    all.local_chain.blocks.retain(|height, _| *height <= known);
    let graph = &mut all.tx_graph;
    graph
        .anchors
        .retain(|(anchor, _)| anchor.block_id.height <= known);
    let confirmed: BTreeSet<_> = graph.anchors.iter().map(|(_, txid)| *txid).collect();
    graph
        .txs
        .retain(|tx| confirmed.contains(&tx.compute_txid()));
    *changes = all.clone();
    // With public descriptors: this module signs by itself.
    let loaded = Wallet::load().load_wallet_no_persist(all);
    let loaded = loaded.map_err(|error| error.to_string())?;
    *wallet = loaded.ok_or("a wallet that has learned nothing")?;
    Ok(())
}
