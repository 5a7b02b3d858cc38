//! How a contract that lives stands, for whoever asks.

use narthex::{
    bitcoin::{BlockHash, hex::DisplayHex},
    channel::contract::{ContractErrand, NextMove},
    contracts::{coop::COOP, graph::NodeId, terms::Role},
};

use super::{Life, STAKE};
use crate::party::{DueStatus, EndingStatus, OnChain, ResultStatus};

impl Life {
    /// Whether it has seen the chain up to this block.
    pub(in crate::party) fn has_looked(&self, tip: BlockHash) -> bool {
        self.looked == Some(tip)
    }

    pub(in crate::party) fn standing(&self) -> &'static str {
        self.party.standing()
    }

    pub(in crate::party) fn name(&self, node: NodeId) -> String {
        let graph = self.party.book().contract().graph();
        graph
            .node(node)
            .map(|node| node.name.to_string())
            .unwrap_or_default()
    }

    /// Its transactions that are in blocks.
    pub(in crate::party) fn path(&self) -> Vec<OnChain> {
        let book = self.party.book();
        let path = book.facts().path.iter();
        let path = path.filter_map(|(node, height)| {
            Some(OnChain {
                name: self.name(*node),
                txid: book.contract().graph().txid(*node)?.to_string(),
                height: *height,
            })
        });
        let ending = book.facts().agreed.and_then(|height| {
            let coin = book.facts().coin(book.contract().graph())?;
            let tx = self.party.signer().sight().spender(coin)?;
            Some(OnChain {
                name: COOP.to_string(),
                txid: tx.compute_txid().to_string(),
                height,
            })
        });
        path.chain(ending).collect()
    }

    /// What its parties have agreed to, as far as this one knows.
    pub(in crate::party) fn agreed(&self) -> Vec<EndingStatus> {
        let book = self.party.book();
        let (me, endings) = (self.party.role(), book.endings());
        let of = |role: Role| match role == me {
            true => endings.own(),
            false => endings.of(role),
        };
        let all = Role::PRINCIPALS.into_iter();
        all.filter_map(|role| Some(EndingStatus::of(role, of(role)?)))
            .collect()
    }

    /// What it publishes next if nothing else happens. It is reckoned once for each block and change.
    pub(in crate::party) fn next_move(&self) -> Option<NextMove> {
        let now = (self.party.signer().sight().tip(), self.party.changes());
        match self.next.get().filter(|(then, _)| *then == now) {
            Some((_, next)) => next,
            None => {
                let next = self.party.next_move();
                self.next.set(Some((now, next)));
                next
            }
        }
    }

    /// What it publishes as it stands.
    pub(in crate::party) fn due(&self) -> Vec<DueStatus> {
        let due = self.party.on_chain().into_iter();
        let due = due.filter_map(|errand| match errand {
            ContractErrand::Publish { node, until } => Some(DueStatus {
                name: self.name(node),
                until,
            }),
            ContractErrand::PublishEnding { until } => Some(DueStatus {
                name: COOP.to_string(),
                until,
            }),
            ContractErrand::Record { until } => Some(DueStatus {
                name: "root".to_owned(),
                until: Some(until),
            }),
            ContractErrand::Send { .. } => None,
        });
        let stake = self.party.stake_due().map(|_| DueStatus {
            name: STAKE.to_owned(),
            until: None,
        });
        due.chain(stake).collect()
    }

    /// What was decrypted.
    pub(in crate::party) fn result(&self, id: &[u8; 32]) -> Option<ResultStatus> {
        let (_, hash) = self.party.book().decrypted()?;
        let hash = hash?;
        Some(ResultStatus {
            id: id.to_lower_hex_string(),
            sha256: hash.to_lower_hex_string(),
            file: self.party.signer().blob_file(&hash),
        })
    }
}
