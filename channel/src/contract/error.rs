//! Why something is refused, and by whose fault.

use narthex_contracts::{
    attest::AttestError, coop::CoopError, graph::NodeName, shared_secret::SharingError, terms::Role,
};
use narthex_game_model::Template;

/// Why a party does not go by a contract so. The caller's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Nobody goes by such a contract for money.
    #[error(
        "a contract of the {template} template has no delivery on chain and is known not to withstand attacks: it is lived for research alone, and by no node"
    )]
    Template {
        /// Which template.
        template: Template,
    },
    /// Research is of the paper's template.
    #[error("a contract of the {template} template is no research: it is lived as it is meant")]
    NoResearch {
        /// Which template.
        template: Template,
    },
    /// What the panel shares is of another point.
    #[error("the panel's shared secret is not that of the terms")]
    Shared,
    /// The terms do not name it.
    #[error("the terms have no {role}")]
    NoParty {
        /// Who.
        role: Role,
    },
    /// The machine is another party's.
    #[error("this is the {machine}'s machine, and not the {role}'s")]
    OtherSide {
        /// Whose.
        machine: &'static str,
        /// For whom it was asked.
        role: Role,
    },
}

/// Nothing has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractRefusal {
    /// Its author has not signed it in this contract. The fault of whoever sent it.
    #[error("{from} sent a {what} that its author has not signed in this contract")]
    Unsigned {
        /// Who sent it.
        from: Role,
        /// What.
        what: &'static str,
    },
    /// Nobody sends this party such a thing. The sender's fault.
    #[error("{from} sent the {to} a {what}, which is not of its part")]
    NotItsPart {
        /// Sender.
        from: Role,
        /// Oneself.
        to: Role,
        /// What.
        what: &'static str,
    },
    /// A token, or the input of a step, is evidence and nothing else. The sender's fault.
    #[error("a piece of evidence was handed over by itself")]
    Loose,
    /// An attestation that is none. The sender's fault.
    #[error("{from}: {error}")]
    Attestation {
        /// Who sent it.
        from: Role,
        /// Why not.
        error: AttestError,
    },
    /// A share of the panel's secret that is none. The sender's fault.
    #[error("{from}: {error}")]
    Share {
        /// Who sent it.
        from: Role,
        /// Why not.
        error: SharingError,
    },
    /// What the chain is said to be cannot be. The fault of whoever reads it.
    #[error("a view of the chain at height {tip} that is no contract's")]
    View {
        /// Height of its tip.
        tip: u32,
    },
    /// Nobody asked for it as it stands. The fault of whoever drives the machine, or its owner's, who came too late.
    #[error("{what} is not asked for: the contract is {state}")]
    NotAsked {
        /// What.
        what: &'static str,
        /// Where it stands.
        state: &'static str,
    },
    /// There is no such ending of this contract. The owner's fault.
    #[error("the ending: {0}")]
    Ending(CoopError),
    /// Nobody agrees to it as the contract stands. The owner's fault, who came too late, or tried too often.
    #[error(
        "no ending that spends {spends} is agreed to now: the coin is elsewhere or being spent, or there were too many attempts"
    )]
    NoEnding {
        /// What it would spend.
        spends: NodeName,
    },
    /// The contract is over. Nobody's fault: it came late.
    #[error("the contract is over")]
    Over,
}
