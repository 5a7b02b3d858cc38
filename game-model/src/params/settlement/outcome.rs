//! The ways in which a contract ends.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::arbiters::{Accusation, ArbiterSet, Ruling};
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
    /// Scheme 5 after a challenge: no coherent majority. Only in the audited template, as all three of these.
    ChallengeUndecided {
        /// Arbiters that revealed any ruling.
        ruled: ArbiterSet,
    },
    /// Scheme 6 after a challenge: `majority` found that the approved work is wrong, so worker and verifier lose.
    ChallengeUpheld {
        /// The coherent majority A⁺.
        majority: ArbiterSet,
    },
    /// Scheme 7 after a challenge: `majority` found nothing wrong, so the client pays and loses its bond.
    ChallengeDismissed {
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
            Self::ArbitrationFailed { .. } | Self::ChallengeUndecided { .. } => 5,
            Self::WorkerAtFault { .. } | Self::ChallengeUpheld { .. } => 6,
            Self::VerifierAtFault { .. } | Self::ChallengeDismissed { .. } => 7,
        }
    }

    /// Whether the arbiters' stakes are among the coins that the settlement spends.
    pub const fn spends_stakes(self) -> bool {
        self.scheme() >= 5
    }

    /// The arbiter set that the outcome names, if any.
    pub const fn named_arbiters(self) -> Option<ArbiterSet> {
        match self {
            Self::ArbitrationFailed { ruled } | Self::ChallengeUndecided { ruled } => Some(ruled),
            Self::WorkerAtFault { majority }
            | Self::VerifierAtFault { majority }
            | Self::ChallengeUpheld { majority }
            | Self::ChallengeDismissed { majority } => Some(majority),
            _ => None,
        }
    }

    /// Whether contracts of this template can end so.
    pub const fn is_in(self, template: Template) -> bool {
        match self {
            Self::WorkerWithheld => template.has_delivery(),
            other => !other.is_challenged() || matches!(template, Template::Audited),
        }
    }

    /// Whether it follows a challenge of the client.
    pub const fn is_challenged(self) -> bool {
        matches!(
            self,
            Self::ChallengeUndecided { .. }
                | Self::ChallengeUpheld { .. }
                | Self::ChallengeDismissed { .. }
        )
    }

    /// Whether no majority was needed for it.
    pub const fn is_undecided(self) -> bool {
        matches!(
            self,
            Self::ArbitrationFailed { .. } | Self::ChallengeUndecided { .. }
        )
    }

    /// Whether what the verifier gets here it gets for an approval: then it is locked to the token as well, which only
    /// who computed the sample can open.
    pub const fn pays_an_approval(self) -> bool {
        matches!(self, Self::Normal) || self.is_challenged()
    }

    /// One outcome of every kind that has a payout of its own: each scheme of the template, scheme 5
    /// with nobody and with everybody ruling, schemes 6 and 7 with every majority size. Which
    /// arbiters are in a set changes only whose output is whose.
    pub fn kinds(template: Template, panel: u8, quorum: u8) -> impl Iterator<Item = Self> {
        let withheld = template.has_delivery().then_some(Self::WorkerWithheld);
        let challenges = matches!(template, Template::Audited);
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
        let arbitrated = failed.into_iter().chain(ruled);
        let challenged = arbitrated
            .clone()
            .filter(move |_| challenges)
            .map(Self::after_challenge);
        unnamed
            .into_iter()
            .chain(withheld)
            .chain(arbitrated)
            .chain(challenged)
    }
}

impl Outcome {
    /// What the panel's decision means after a challenge in place of an appeal; anything else stays as it is.
    pub const fn after_challenge(self) -> Self {
        match self {
            Self::ArbitrationFailed { ruled } => Self::ChallengeUndecided { ruled },
            Self::WorkerAtFault { majority } => Self::ChallengeUpheld { majority },
            Self::VerifierAtFault { majority } => Self::ChallengeDismissed { majority },
            other => other,
        }
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
            Self::ChallengeUndecided { ruled } => {
                write!(f, "5: challenge undecided, {ruled} ruled")
            }
            Self::ChallengeUpheld { majority } => {
                write!(f, "6: {majority} uphold the client's challenge")
            }
            Self::ChallengeDismissed { majority } => {
                write!(f, "7: {majority} dismiss the client's challenge")
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

impl Accusation {
    /// How a contract ends by the panel's decision, given how it would by the same decision on an appeal.
    pub const fn outcome(self, on_appeal: Outcome) -> Outcome {
        match self {
            Self::Appeal => on_appeal,
            Self::Challenge => on_appeal.after_challenge(),
        }
    }
}
