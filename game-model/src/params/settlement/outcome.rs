//! The ways in which a contract ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::arbiters::{ArbiterSet, Ruling};
use crate::params::Template;

/// How a contract ends: one of the seven settlement schemes, with what selects its variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// Scheme 1: the worker delivered nothing in time.
    WorkerTimedOut,
    /// Scheme 1': the verifier approved, then the worker withheld the result secret. Not part of
    /// the paper's template.
    WorkerWithheld,
    /// Scheme 2: the verifier gave no verdict in time.
    VerifierTimedOut,
    /// Scheme 3: delivered, approved, opened.
    Normal,
    /// Scheme 4: rejected, and the worker admits or does not appeal.
    FaultyUnappealed,
    /// Scheme 5: the panel reached no coherent majority; `ruled` revealed a ruling nonetheless.
    /// Layouts and panels that do not tell silence apart ignore `ruled`.
    ArbitrationFailed {
        /// Arbiters that revealed any ruling.
        ruled: ArbiterSet,
    },
    /// Scheme 6: `majority` found the worker at fault.
    WorkerAtFault {
        /// The coherent majority A⁺.
        majority: ArbiterSet,
    },
    /// Scheme 7: `majority` found the verifier at fault.
    VerifierAtFault {
        /// The coherent majority A⁺.
        majority: ArbiterSet,
    },
}

impl Outcome {
    /// Number of the settlement scheme, 1 to 7; both forms of the worker's time-out are 1.
    pub const fn scheme(self) -> u8 {
        match self {
            Self::WorkerTimedOut | Self::WorkerWithheld => 1,
            Self::VerifierTimedOut => 2,
            Self::Normal => 3,
            Self::FaultyUnappealed => 4,
            Self::ArbitrationFailed { .. } => 5,
            Self::WorkerAtFault { .. } => 6,
            Self::VerifierAtFault { .. } => 7,
        }
    }

    /// Whether the arbiters' stakes are among the coins that the settlement spends.
    pub const fn spends_stakes(self) -> bool {
        self.scheme() >= 5
    }

    /// The arbiter set that the outcome names, if any.
    pub const fn named_arbiters(self) -> Option<ArbiterSet> {
        match self {
            Self::ArbitrationFailed { ruled } => Some(ruled),
            Self::WorkerAtFault { majority } | Self::VerifierAtFault { majority } => Some(majority),
            _ => None,
        }
    }

    /// One outcome of every kind that has a payout of its own: each scheme of the template, scheme 5
    /// with nobody and with everybody ruling, schemes 6 and 7 with every majority size. Which
    /// arbiters are in a set changes only whose output is whose.
    pub fn kinds(template: Template, panel: u8, quorum: u8) -> impl Iterator<Item = Self> {
        let withheld = matches!(template, Template::Hardened).then_some(Self::WorkerWithheld);
        let unnamed = [
            Self::WorkerTimedOut,
            Self::VerifierTimedOut,
            Self::Normal,
            Self::FaultyUnappealed,
        ];
        let failed = [ArbiterSet::empty(), ArbiterSet::full(panel)]
            .map(|ruled| Self::ArbitrationFailed { ruled });
        let ruled = (quorum..=panel).flat_map(|size| {
            let majority = ArbiterSet::full(size);
            [
                Self::WorkerAtFault { majority },
                Self::VerifierAtFault { majority },
            ]
        });
        unnamed
            .into_iter()
            .chain(withheld)
            .chain(failed)
            .chain(ruled)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkerTimedOut => f.write_str("1: worker timed out"),
            Self::WorkerWithheld => f.write_str("1': worker withheld the result secret"),
            Self::VerifierTimedOut => f.write_str("2: verifier timed out"),
            Self::Normal => f.write_str("3: normal"),
            Self::FaultyUnappealed => f.write_str("4: worker faulty, no appeal"),
            Self::ArbitrationFailed { ruled } => {
                write!(f, "5: arbitration failed, {ruled} ruled")
            }
            Self::WorkerAtFault { majority } => write!(f, "6: {majority} find worker at fault"),
            Self::VerifierAtFault { majority } => {
                write!(f, "7: {majority} find verifier at fault")
            }
        }
    }
}

impl Ruling {
    /// The outcome in which `majority` rules so.
    pub const fn outcome(self, majority: ArbiterSet) -> Outcome {
        match self {
            Self::WorkerAtFault => Outcome::WorkerAtFault { majority },
            Self::VerifierAtFault => Outcome::VerifierAtFault { majority },
        }
    }
}
