//! What is wrong with proposed terms.

use bitcoin::{Amount, OutPoint, ScriptBuf};
use narthex_game_model::{JobMisfit, ParamsError};

use super::{Change, ContributionError};
use crate::{
    attest::AnnounceError,
    binding::BindError,
    graph::GraphError,
    musig::{KeySetError, PointError},
    terms::Role,
};

/// Why terms are refused. Each names whose proposal is at fault where that is one party's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// Longer than any real contract's terms.
    #[error("terms of {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Length given.
        bytes: usize,
        /// Length allowed.
        limit: usize,
    },
    /// Not JSON, a field is missing, or one is unknown.
    #[error("the terms cannot be read: {0}")]
    Json(String),
    /// The parameters break a bound.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The own job was accepted under other parameters than those of the terms. The fault of whoever binds.
    #[error(transparent)]
    Job(#[from] JobMisfit),
    /// A judge has another job than the terms name. The fault of whoever gave it to the judge.
    #[error("the job is not the one that the terms name")]
    OtherJob,
    /// The paper's template: arbiters there run a step again, and no table says what follows from a case.
    #[error("no panel rules by evidence under these terms: their template has no token")]
    NoRulings,
    /// Keys that cannot sign together.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// A transaction that the terms lead to breaks a law.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Points cancel.
    #[error(transparent)]
    Point(#[from] PointError),
    /// A party's coins do not fit.
    #[error("funding of {role}: {error}")]
    Contribution {
        /// Whose contribution.
        role: Role,
        /// What is wrong.
        error: ContributionError,
    },
    /// An arbiter's announcement does not verify.
    #[error("announcement of arbiter{arbiter}: {error}")]
    Announcement {
        /// Index on the panel.
        arbiter: u8,
        /// What is wrong.
        error: AnnounceError,
    },
    /// Not every arbiter has announced, or somebody else has.
    #[error("{given} announcements for a panel of {wanted}")]
    Announcements {
        /// Announcements given.
        given: usize,
        /// Arbiters on the panel.
        wanted: u8,
    },
    /// The own salt could not be bound to these terms, so nothing that depends on it may be sent.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The place of a contract without a funding transaction of its own cannot be one. The fault of whoever named it.
    #[error("the transaction that the contract is to stand on {problem}")]
    Host {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A party brings coins or change to terms that have no funding transaction.
    #[error(
        "{role} brings coins or change, but the contract has no funding transaction of its own"
    )]
    Hosted {
        /// Whose contribution.
        role: Role,
    },
    /// Two arbiters are the same.
    #[error("arbiter{first} and arbiter{second} have the same identity key")]
    SameArbiter {
        /// Earlier index.
        first: u8,
        /// Later index.
        second: u8,
    },
    /// The panel is not of the size that the parameters state.
    #[error("{given} arbiters are named, the parameters want {wanted}")]
    PanelSize {
        /// Arbiters named.
        given: usize,
        /// Arbiters wanted.
        wanted: u8,
    },
    /// A secret's point comes without proof that the party knows the secret.
    #[error("the worker does not prove that it knows the secret of its {what} point")]
    PointProof {
        /// Which point.
        what: &'static str,
    },
    /// A party is paid to a script that nodes do not relay, or whose dust limit exceeds the parameters'.
    #[error(
        "{role} wants to be paid to a script with dust limit {limit}, the parameters allow for {allowed}"
    )]
    PayoutScript {
        /// Whose script; the common fund's is the client's.
        role: Role,
        /// Its dust limit.
        limit: Amount,
        /// Limit in the parameters.
        allowed: Amount,
    },
    /// The payout script is not of a standard type.
    #[error(
        "{role} wants to be paid to the script {script:x}, which is not of a type that nodes relay"
    )]
    NonStandard {
        /// Whose script.
        role: Role,
        /// Its beginning.
        script: ScriptBuf,
    },
    /// The common fund's script is not of a standard type: settlements with a penalty could not be relayed.
    #[error(
        "the common fund's script {script:x} is not of a type that nodes relay, or not of pushes alone"
    )]
    FundScript {
        /// The script.
        script: ScriptBuf,
    },
    /// The funding transaction would be relayed by nobody, or pay an absurd fee.
    #[error("a funding fee rate of {rate} sat/kwu; between {least} and {most} are taken")]
    FundingRate {
        /// Rate in the terms.
        rate: u64,
        /// What nodes relay at least.
        least: u64,
        /// More is taken for a mistake.
        most: u64,
    },
    /// Stakes come back at a height that locktime reads as a time long past.
    #[error("stakes would come back at height {height}; locktimes from {limit} on are times")]
    UnlockHeight {
        /// Height that the parameters lead to.
        height: u32,
        /// First value that is no height.
        limit: u32,
    },
    /// Two parties fund with one coin.
    #[error("{first} and {second} both bring the coin {outpoint}")]
    SharedCoin {
        /// Earlier party.
        first: Role,
        /// Later party.
        second: Role,
        /// The coin.
        outpoint: OutPoint,
    },
    /// The token point is one that does not do its work. The worker's fault.
    #[error("the token point is {problem}")]
    TokenPoint {
        /// What it is.
        problem: &'static str,
    },
    /// The fields of the `paper` template are missing there or given elsewhere.
    #[error("the {field} is {state} in the {template} template")]
    Template {
        /// Field.
        field: &'static str,
        /// `missing` or `not allowed`.
        state: &'static str,
        /// Template of the terms.
        template: narthex_game_model::Template,
    },
    /// The terms say something else of a party than it proposed. The fault of whoever put them together.
    #[error("the terms have another {field} than {role} proposed or agreed to")]
    NotAsProposed {
        /// Who asks.
        role: Role,
        /// What differs.
        field: &'static str,
    },
    /// The worker's change carries the commitment root later and cannot be missing.
    #[error(
        "funding of worker: the worker needs change of at least {least} to P2WPKH or P2TR, not {found}: it pays for the record of its commitment root"
    )]
    NoRootCoin {
        /// Smallest value that is accepted.
        least: Amount,
        /// What there is: none, or change of another value or script type.
        found: RootCoinFound,
    },
    /// In the `paper` template an arbiter brings its one stake coin.
    #[error(
        "funding of {role}: an arbiter's stake must be one coin of exactly {stake} to its own contract key, without change"
    )]
    StakeCoin {
        /// Whose it should be.
        role: Role,
        /// The stake.
        stake: Amount,
    },
    /// A role outside the panel.
    #[error("{role} is no party of this contract")]
    NoSuchParty {
        /// The role.
        role: Role,
    },
    /// An attestation point degenerates; needs a broken hash function.
    #[error("arbiter{arbiter} cannot attest under these terms; it must announce another nonce")]
    DegenerateRuling {
        /// Index on the panel.
        arbiter: u8,
    },
}

impl TermsError {
    /// Whose part is wrong, where that is one party's: of what is left the fault is of whoever put the terms together, or
    /// one's own.
    pub fn at_fault(&self) -> Option<Role> {
        match self {
            TermsError::Contribution { role, .. }
            | TermsError::NonStandard { role, .. }
            | TermsError::PayoutScript { role, .. }
            | TermsError::Hosted { role }
            | TermsError::StakeCoin { role, .. } => Some(*role),
            TermsError::PointProof { .. }
            | TermsError::TokenPoint { .. }
            | TermsError::NoRootCoin { .. } => Some(Role::Worker),
            TermsError::Announcement { arbiter, .. } | TermsError::DegenerateRuling { arbiter } => {
                Some(Role::Arbiter(*arbiter))
            }
            _ => None,
        }
    }
}

/// The change that is no root coin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootCoinFound(pub Option<Change>);

impl std::fmt::Display for RootCoinFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            None => f.write_str("none"),
            Some(change) => write!(f, "{} to the script {:x}", change.value_sat, change.script),
        }
    }
}
