//! What a case is about, and what the chain says about it.

use std::collections::BTreeMap;
use std::fmt;

use secp256k1::{PublicKey, XOnlyPublicKey};
use serde::{Deserialize, Serialize};

use super::RuleError;
use crate::arbiters::Accusation;
use crate::computation::JobSpec;
use crate::params::Params;
use crate::schedule::{ChallengeSchedule, Schedule};

/// Who brings evidence. Arbiters bring none: they rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Litigant {
    /// Pays for the result.
    Client,
    /// Has done the work.
    Worker,
    /// Has checked it.
    Verifier,
}

impl Litigant {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Client, Self::Worker, Self::Verifier];
}

impl fmt::Display for Litigant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Worker => "worker",
            Self::Verifier => "verifier",
        })
    }
}

/// What of a contract's terms a ruling depends on. A judge derives it from the terms alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseTerms {
    /// Identity of the contract, which every item and receipt names.
    pub contract: [u8; 32],
    /// Its parameters.
    pub params: Params,
    /// The job.
    pub job: JobSpec,
    /// T: point of the result secret.
    pub result: PublicKey,
    /// X: point of the token.
    pub token: PublicKey,
    /// What the verifier committed to its nonce with ([`crate::sample::nonce_commitment`]).
    pub sample_nonce: [u8; 32],
    /// The client's word key.
    pub client: XOnlyPublicKey,
    /// The worker's.
    pub worker: XOnlyPublicKey,
    /// The verifier's.
    pub verifier: XOnlyPublicKey,
    /// The panel's, n of them.
    pub arbiters: Vec<XOnlyPublicKey>,
}

impl CaseTerms {
    /// A party's word key.
    pub const fn key(&self, who: Litigant) -> &XOnlyPublicKey {
        match who {
            Litigant::Client => &self.client,
            Litigant::Worker => &self.worker,
            Litigant::Verifier => &self.verifier,
        }
    }
}

/// A root in the spend of the worker's root coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootOfRecord {
    /// Height at which it confirmed, maybe before the delivery.
    pub height: u32,
    /// [`Commitment::id`](crate::commitment::Commitment::id).
    #[serde(with = "narthex_base::hex::array")]
    pub root: [u8; 32],
}

/// What the judge itself has read from the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFacts {
    /// Height of Tx0. No sample is drawn by an earlier block.
    pub funded: u32,
    /// Height of TxD.
    pub delivered: u32,
    /// The root of record, if the root coin was spent with exactly one.
    pub record: Option<RootOfRecord>,
    /// What put the case before the panel.
    pub accusation: Accusation,
    /// Height of TxV0, or of TxV1 where the client challenges it.
    pub verdict: u32,
    /// Height of TxA, or of TxC.
    pub accused: u32,
    /// Hashes of blocks by height, in the byte order in which they are hashed: at least those that
    /// [`RuleError::Block`] asks for.
    pub blocks: BTreeMap<u32, [u8; 32]>,
}

/// A case: what was agreed and what is on chain. What parties say is evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What was agreed.
    pub terms: CaseTerms,
    /// What is on chain.
    pub chain: ChainFacts,
}

impl Case {
    /// Deadlines from the delivery.
    pub fn schedule(&self) -> Schedule {
        Schedule::of(&self.terms.params, self.chain.delivered)
    }

    /// Height of the block that draws a sample where the verifier has drawn none: that of the token's deadline, or the
    /// first after the accusation, if that comes before. The worker's root is on record before it.
    pub fn substitute_height(&self) -> u32 {
        let after = self.chain.accused.saturating_add(1);
        self.schedule().token.min(after)
    }

    /// Height of the block that draws what the client looks at, where it has drawn nothing: the first after approval and
    /// root. Who could still choose its root would choose one that draws well.
    pub fn audit_height(&self) -> u32 {
        let record = self.chain.record.map_or(0, |record| record.height);
        Schedule::sample_height(self.chain.verdict, record)
    }

    /// The word key of whoever accuses the worker: the verifier that rejected, or the client that challenges.
    pub const fn accuser(&self) -> &XOnlyPublicKey {
        match self.chain.accusation {
            Accusation::Appeal => &self.terms.verifier,
            Accusation::Challenge => &self.terms.client,
        }
    }

    /// A block's hash.
    pub(super) fn block(&self, height: u32) -> Result<[u8; 32], RuleError> {
        let known = self.chain.blocks.get(&height).copied();
        known.ok_or(RuleError::Block { height })
    }

    /// Fails if the facts cannot be those of one contract. The judge's own fault, who read them.
    ///
    /// # Errors
    /// [`RuleError::Facts`].
    pub fn check(&self) -> Result<(), RuleError> {
        let chain = &self.chain;
        let order = [chain.funded, chain.delivered, chain.verdict, chain.accused];
        if !order.is_sorted() {
            return Err(RuleError::Facts(
                "funding, delivery, verdict and appeal or challenge confirm in this order",
            ));
        }
        if chain.accusation == Accusation::Challenge {
            if self.terms.params.audit().is_none() {
                return Err(RuleError::Facts(
                    "only an audited contract's approval is challenged",
                ));
            }
            let dates = ChallengeSchedule::of(&self.terms.params, chain.verdict);
            if chain.accused < dates.served {
                return Err(RuleError::Facts(
                    "a challenge confirms a third of its window after the approval",
                ));
            }
        }
        if self.terms.arbiters.len() != usize::from(self.terms.params.arbiters()) {
            return Err(RuleError::Facts(
                "there are as many arbiters' keys as arbiters",
            ));
        }
        let mut keys: Vec<_> = Litigant::ALL
            .iter()
            .map(|who| self.terms.key(*who))
            .collect();
        keys.extend(&self.terms.arbiters);
        let parties = keys.len();
        keys.sort_unstable();
        keys.dedup();
        match keys.len() == parties {
            true => Ok(()),
            false => Err(RuleError::Facts("no two have one word key")),
        }
    }
}
