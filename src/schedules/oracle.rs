//! What must not happen in a set-up, whoever is killed and whatever an adversary does.

use narthex_channel::{
    setup::{Cause, Phase},
    toy::ToyViolation,
};
use narthex_contracts::party::{PartyId, PartyName};
use serde::Serialize;

use super::FaultKind;

/// Something that must not have happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// What no party sees alone: nonces, salts, and when witnesses left.
    #[error(transparent)]
    Ledger(#[from] ToyViolation),
    /// Somebody honest has a contract and somebody honest has none.
    #[error("{live} has a contract, and {other} is {phase}")]
    Divided {
        /// Who has one.
        live: PartyName,
        /// Who does not.
        other: PartyName,
        /// How it stands.
        phase: &'static str,
    },
    /// The funding is in a block, and somebody honest does not know.
    #[error("the funding is buried, and {party} is {phase}")]
    Unaware {
        /// Who.
        party: PartyName,
        /// How it stands.
        phase: &'static str,
    },
    /// Somebody honest found somebody honest at fault.
    #[error("{by} finds {party} at fault, which did nothing wrong: {reason}")]
    Blamed {
        /// Who found it.
        by: PartyName,
        /// Whom.
        party: PartyName,
        /// For what.
        reason: String,
    },
    /// It never ended.
    #[error("{party} is still {phase} long after the deadline")]
    Stuck {
        /// Who.
        party: PartyName,
        /// How it stands.
        phase: &'static str,
    },
    /// Nobody did anything wrong, nobody was away, and there is no contract.
    #[error("there is no contract, and no reason why: {cause:?}")]
    Lifeless {
        /// Why the first party says that there is none.
        cause: Option<Cause>,
    },
    /// A message of somebody honest was refused, and nobody does anything wrong.
    #[error("{by} refuses what {from} said: {reason}")]
    Refused {
        /// Who refuses.
        by: PartyName,
        /// Who said it.
        from: PartyName,
        /// Why.
        reason: String,
    },
    /// Lives: a settlement pays somebody honest less than its conduct deserves.
    #[error("{party} is wronged: the contract ends with {outcome}")]
    Money {
        /// Who.
        party: PartyName,
        /// How it ended.
        outcome: String,
    },
    /// Lives: an honest party's coins are locked longer than they may.
    #[error("the coins of {party} are still locked at height {height}")]
    Locked {
        /// Who.
        party: PartyName,
        /// Height.
        height: u32,
    },
    /// Lives: what an honest party had to publish was not on its way.
    #[error("{party} has to publish {what} until {until:?}, and it is not on its way: {why}")]
    Duty {
        /// Who.
        party: PartyName,
        /// What.
        what: String,
        /// Until when.
        until: Option<u32>,
        /// Why not, as far as it is known.
        why: String,
    },
    /// Lives: a log that does not give back what its machine knew.
    #[error("the log of {party} does not give its state back")]
    Replay {
        /// Who.
        party: PartyName,
    },
    /// Lives: two attestations with one nonce.
    #[error("{party} attests two rulings")]
    Twice {
        /// Who.
        party: PartyName,
    },
    /// Lives: an honest arbiter rules against an honest party.
    #[error("{by} convicts {party} by row {row}, which did nothing wrong")]
    Convicted {
        /// Who rules.
        by: PartyName,
        /// Against whom.
        party: PartyName,
        /// By which row.
        row: String,
    },
    /// Lives: what was paid for is not there.
    #[error("{reason}")]
    Result {
        /// What is wrong.
        reason: &'static str,
    },
    /// Lives: an honest party's receipt says another height than it was.
    #[error("{party} says at height {tip} that it had something at height {height}")]
    Dated {
        /// Who.
        party: PartyName,
        /// What it says.
        height: u32,
        /// Where the chain was.
        tip: u32,
    },
    /// A party could not go on: a defect of this program.
    #[error("{party} cannot go on: {reason}")]
    Defect {
        /// Who.
        party: PartyName,
        /// Why.
        reason: String,
    },
}

impl Violation {
    /// What sort it is, to count by.
    pub const fn sort(&self) -> &'static str {
        match self {
            Violation::Ledger(ToyViolation::NonceReused { .. }) => "nonce reused",
            Violation::Ledger(ToyViolation::SaltReused { .. }) => "salt reused",
            Violation::Ledger(ToyViolation::Barrier { .. }) => "witnesses before all held",
            Violation::Divided { .. } => "divided",
            Violation::Unaware { .. } => "unaware",
            Violation::Blamed { .. } => "honest party blamed",
            Violation::Stuck { .. } => "stuck",
            Violation::Lifeless { .. } => "lifeless",
            Violation::Refused { .. } => "honest message refused",
            Violation::Money { .. } => "money",
            Violation::Locked { .. } => "locked",
            Violation::Duty { .. } => "duty missed",
            Violation::Replay { .. } => "replay",
            Violation::Twice { .. } => "two attestations",
            Violation::Convicted { .. } => "honest party convicted",
            Violation::Result { .. } => "result",
            Violation::Dated { .. } => "false date",
            Violation::Defect { .. } => "defect",
        }
    }
}

/// How one honest party ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) party: PartyName,
    pub(super) phase: Phase,
    pub(super) cause: Option<Cause>,
}

/// What a schedule was disturbed by.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Disturbed {
    pub(super) kinds: Vec<FaultKind>,
    pub(super) kills: u32,
}

impl Disturbed {
    fn has(&self, kind: FaultKind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// Looks at the end.
pub(super) fn judge(ended: &[Ended], is_funded: bool, by: &Disturbed, found: &mut Vec<Violation>) {
    let live = ended.iter().find(|party| party.phase == Phase::Live);
    for party in ended {
        let (name, phase) = (party.party, party.phase.name());
        match (party.phase, live) {
            (Phase::Live, _) => {}
            (Phase::Dropped, None) if !is_funded => {}
            (_, Some(live)) => found.push(Violation::Divided {
                live: live.party,
                other: name,
                phase,
            }),
            (_, None) if is_funded => found.push(Violation::Unaware { party: name, phase }),
            _ => found.push(Violation::Stuck { party: name, phase }),
        }
    }
    // One kill costs one attempt; more of them may cost a party its seat.
    let quiet = [FaultKind::Adversary, FaultKind::Absence, FaultKind::Hurry];
    let is_quiet = !quiet.into_iter().any(|kind| by.has(kind)) && by.kills <= 1;
    if is_quiet && live.is_none() {
        let cause = ended.first().and_then(|party| party.cause.clone());
        found.push(Violation::Lifeless { cause });
    }
}

/// Whether somebody honest is found at fault by what this party knows. Where nobody is killed nor away, nobody honest is
/// silent either.
pub(super) fn blames(
    (by, cause): (PartyName, &Cause),
    is_steady: bool,
    is_honest: impl Fn(PartyId) -> bool,
    name: impl Fn(PartyId) -> PartyName,
) -> Option<Violation> {
    match cause {
        Cause::Silent(party) | Cause::Struck(party) if is_steady && is_honest(*party) => {
            Some(Violation::Blamed {
                by,
                party: name(*party),
                reason: format!("{cause:?}"),
            })
        }
        Cause::Fault { party, reason } if is_honest(*party) => Some(Violation::Blamed {
            by,
            party: name(*party),
            reason: reason.clone(),
        }),
        _ => None,
    }
}
