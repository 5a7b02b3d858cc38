//! Terms of a contract that stands on outputs of another transaction, such as a channel's, instead of a funding
//! transaction of its own.
//!
//! Its own outputs are paid to keys that follow from the terms, and the terms name the transaction that has them: so they
//! come about in two steps. [`UnplacedDraft`] is all of the terms but the place. It has an id that the outputs' keys commit
//! to ([`TermsDraft::unplaced_id`]); whoever makes the host puts the outputs into it
//! ([`host_outputs`](crate::template::host_outputs)). [`UnplacedDraft::place`] then names them, and with that the contract
//! has its id, which covers the place.
//!
//! Nobody brings coins to such terms. The worker's change is the output of the host that pays the worker and whose
//! spending records its root; others have none here.

use bitcoin::{OutPoint, Txid, hashes::Hash};
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::Params;
use serde::{Deserialize, Serialize};

use super::{Contribution, Role, TermsDraft, TermsError, TermsRecord};
use crate::funding::is_null;

/// Where the outputs are that a contract stands on: all in one transaction, so that their relative locks begin together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The transaction. Its inputs are segwit, or its id might change.
    pub txid: Txid,
    /// Number of its output that holds the pot.
    pub contract: u32,
    /// Numbers of the arbiters' stakes, in order of the panel; none in the `paper` template, where stakes are coins of the
    /// arbiters' own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stakes: Vec<u32>,
    /// Number of the output that pays the worker its change: the root coin. None in the `paper` template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_coin: Option<u32>,
}

impl Host {
    /// The place of one of its outputs.
    pub fn outpoint(&self, vout: u32) -> OutPoint {
        OutPoint {
            txid: self.txid,
            vout,
        }
    }

    /// The outputs that the contract's transactions spend: the pot, then the stakes.
    pub fn spent(&self) -> impl Iterator<Item = OutPoint> + '_ {
        let vouts = self.vouts().take(1 + self.stakes.len());
        vouts.map(|vout| self.outpoint(vout))
    }

    /// All of them: the pot, the stakes, the root coin.
    fn vouts(&self) -> impl Iterator<Item = u32> + '_ {
        let pot = std::iter::once(self.contract);
        pot.chain(self.stakes.iter().copied()).chain(self.root_coin)
    }

    pub(super) fn check(&self, params: &Params) -> Result<(), TermsError> {
        let delivers = params.template().has_delivery();
        let stakes = if delivers { params.arbiters() } else { 0 };
        let problem = if self.stakes.len() != usize::from(stakes) {
            "has not one stake for each arbiter that stakes in it"
        } else if self.root_coin.is_some() != delivers {
            "has a root coin where the template has none, or lacks it"
        } else if self.vouts().any(|vout| is_null(&self.outpoint(vout))) {
            "is at a place where no transaction is"
        } else if (self.vouts().enumerate())
            .any(|(i, vout)| self.vouts().take(i).any(|before| before == vout))
        {
            "has one output for two purposes"
        } else {
            return Ok(());
        };
        Err(TermsError::Host { problem })
    }

    /// The contract's id: the id without the place, and the place. Each part has its length from the parameters, which
    /// the first one commits to.
    pub(super) fn contract_id(&self, unplaced: &[u8; 32]) -> [u8; 32] {
        let vouts: Vec<u8> = self.vouts().flat_map(u32::to_be_bytes).collect();
        let parts: [&[u8]; 3] = [unplaced, self.txid.as_byte_array(), &vouts];
        tagged_hash_parts("narthex/hosted-contract", &parts)
    }
}

/// What a party brings to terms without a funding transaction: nothing, but for where the worker's root coin pays.
pub(super) fn check_hosted(
    role: Role,
    funding: &Contribution,
    root_coin: bool,
) -> Result<(), TermsError> {
    // A root coin is no dust: its least value and its types of script are those of every contract.
    match funding.coins.is_empty() && (funding.change.is_none() || root_coin) {
        true => Ok(()),
        false => Err(TermsError::Hosted { role }),
    }
}

/// Checked terms of a contract that is to stand on another transaction's outputs, before they are made.
#[derive(Debug, Clone, PartialEq)]
pub struct UnplacedDraft(TermsDraft);

impl UnplacedDraft {
    /// Checks proposed terms that name no host yet.
    ///
    /// # Errors
    /// [`TermsError::Host`] if they name one; [`TermsError::Hosted`] for a party that brings coins; the others of
    /// [`TermsDraft::new`].
    pub fn new(record: TermsRecord) -> Result<UnplacedDraft, TermsError> {
        if record.host.is_some() {
            let problem = "is named already";
            return Err(TermsError::Host { problem });
        }
        TermsDraft::checked(record, true).map(UnplacedDraft)
    }

    /// The terms of the contract at this place.
    ///
    /// # Errors
    /// [`TermsError::Host`]: a place that cannot be one under these parameters.
    pub fn place(self, host: Host) -> Result<TermsDraft, TermsError> {
        let record = self.0.record().clone();
        TermsDraft::new(TermsRecord {
            host: Some(host),
            ..record
        })
    }

    /// What was proposed.
    pub fn record(&self) -> &TermsRecord {
        self.0.record()
    }

    pub(crate) fn draft(&self) -> &TermsDraft {
        &self.0
    }
}
