//! Scenarios of the hardened template.

use narthex_contracts::{
    coop::COOP,
    graph::NodeName,
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{
    Accusation, ArbiterSet, Outcome, Ruling, play::Strategy, ruling::Row,
    settlement::MAX_PANEL_WITH_NAMED_SILENCE,
};

use super::cheating;
use crate::{
    harness::{ScenarioError, expect},
    play::{
        ContractPlay, Ending, PlayError,
        cheat::Cheat,
        conduct::{Anew, Conduct, FUNDING},
    },
};

use Role::{Client, Verifier, Worker};

pub(super) fn normal(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    lives(play, &Conduct::default(), Exit::NORMAL)?;
    Ok(Outcome::Normal.into())
}

/// The worker goes on chain at once.
pub(super) fn on_chain() -> Conduct {
    Conduct {
        delivers: true,
        ..Conduct::default()
    }
}

/// A cheat that goes on chain, and does not say that it is one.
pub(super) fn rejected_on_chain() -> Conduct {
    Conduct {
        works: (cheating(), super::FALSIFIES),
        admits: false,
        ..on_chain()
    }
}

/// Everybody lives by its machine, and this is how it must end.
pub(super) fn lives(
    play: &mut ContractPlay<'_>,
    conduct: &Conduct,
    exit: NodeName,
) -> Result<(), ScenarioError> {
    ended_by(play.live(conduct)?, exit)
}

fn ended_by(ended: NodeName, exit: NodeName) -> Result<(), ScenarioError> {
    let what = format!("ended by {ended}, and not by {exit}");
    expect(ended == exit, what)
}

pub(super) fn lost_token(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        anew: Some(Anew {
            who: Verifier,
            when: (Worker, "opened"),
            works: None,
            cheat: None,
            is_told: true,
            told: &[
                (
                    "loses its disk, and with it the token: it has its seed",
                    "it has said that it has the token; an approval without it burns stake and reward",
                ),
                (
                    "has its own reply back from the worker, and the token out of it",
                    "its seed opens what it kept there; nobody else's does",
                ),
            ],
        }),
        ..Conduct::default()
    };
    lives(play, &conduct, Exit::NORMAL)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn normal_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    lives(play, &on_chain(), Exit::NORMAL_LONG)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn coop(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let why = "all three agree, so nothing of the contract shows on chain";
    let conduct = Conduct {
        agrees: Some(Outcome::Normal),
        why: vec![(COOP, why)],
        ..Conduct::default()
    };
    lives(play, &conduct, COOP)?;
    Ok(Ending::agreed(Outcome::Normal))
}

pub(super) fn timeout(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        silent: vec![(Worker, FUNDING)],
        ..Conduct::default()
    };
    lives(play, &conduct, Exit::WORKER_TIMEOUT)?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn timeout_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        silent: vec![(Worker, Exit::APPROVED)],
        ..on_chain()
    };
    lives(play, &conduct, Exit::WITHHELD)?;
    Ok(Outcome::WorkerWithheld.into())
}

pub(super) fn silent_verifier(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        silent: vec![(Verifier, FUNDING)],
        ..on_chain()
    };
    lives(play, &conduct, Exit::VERIFIER_TIMEOUT)?;
    Ok(Outcome::VerifierTimedOut.into())
}

pub(super) fn abandoned(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        silent: vec![(Verifier, FUNDING), (Worker, Exit::DELIVERED)],
        ..on_chain()
    };
    lives(play, &conduct, Exit::ABANDONED)?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn admit(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        works: (cheating(), super::FALSIFIES),
        ..Conduct::default()
    };
    lives(play, &conduct, Exit::ADMITTED)?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn admit_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        admits: true,
        ..rejected_on_chain()
    };
    lives(play, &conduct, Exit::UNAPPEALED)?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn failed(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    // Fewer than a quorum on either side: the honest ones, some that err, and the rest silent.
    let (n, k) = (
        play.terms().params().arbiters(),
        play.terms().params().quorum(),
    );
    let right = k - 1;
    let wrong = right.min(n - right).min(n.saturating_sub(k).max(1));
    let (worker, verifier) = (range(0, right), range(right, right + wrong));
    let rulings = (n <= MAX_PANEL_WITH_NAMED_SILENCE).then_some(Rulings { worker, verifier });
    let erring = (right..right + wrong).map(Role::Arbiter);
    let silent = (right + wrong..n).map(Role::Arbiter);
    let conduct = Conduct {
        cheats: erring.map(|role| (role, Cheat::RulesForWorker)).collect(),
        silent: silent.map(|role| (role, FUNDING)).collect(),
        ..rejected_on_chain()
    };
    lives(play, &conduct, Exit::failed(rulings, false))?;
    Ok(Outcome::ArbitrationFailed {
        ruled: rulings.map_or(ArbiterSet::empty(), Rulings::ruled),
    }
    .into())
}

pub(super) fn failed_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let nobody = Rulings {
        worker: ArbiterSet::empty(),
        verifier: ArbiterSet::empty(),
    };
    let rulings = (play.terms().panel_size() <= MAX_PANEL_WITH_NAMED_SILENCE).then_some(nobody);
    let arbiters = (0..play.terms().panel_size()).map(Role::Arbiter);
    let silent = arbiters.map(|arbiter| (arbiter, FUNDING));
    let conduct = Conduct {
        silent: silent.chain([(Client, Exit::APPEALED)]).collect(),
        ..rejected_on_chain()
    };
    lives(play, &conduct, Exit::failed(rulings, true))?;
    Ok(Outcome::ArbitrationFailed {
        ruled: ArbiterSet::empty(),
    }
    .into())
}

pub(super) fn worker_at_fault(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    convicted(play, &[])
}

pub(super) fn worker_at_fault_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let silent = missing(play);
    convicted(play, &silent)
}

pub(super) fn verifier_at_fault(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    cleared(play, &[])
}

pub(super) fn verifier_at_fault_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let silent = missing(play);
    cleared(play, &silent)
}

pub(super) fn idle_worker(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let all = Strategy::Skip {
        fraction: narthex_game_model::Ratio::ONE,
        seed: 1,
    };
    let conduct = Conduct {
        works: (
            all,
            "does nothing, and hopes to claim that the verifier was silent",
        ),
        ..on_chain()
    };
    let ended = play.live(&conduct)?;
    if ended == Exit::NORMAL_LONG {
        // What it claims is right: zeros are what such steps give.
        let why = "the worker claims zeros without work, and all that were sampled are right";
        return Err(PlayError::NoCheat(why).into());
    }
    ended_by(ended, Exit::UNAPPEALED)?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn outbid_root(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        outbids: Some(Verifier),
        why: vec![
            (
                Exit::DELIVERED,
                "ATTACK: another child pays for the delivery, so that the worker's root is not recorded with it",
            ),
            (
                Exit::APPROVED,
                "the root is on chain all the same, and the sample is right",
            ),
        ],
        ..on_chain()
    };
    lives(play, &conduct, Exit::NORMAL_LONG)?;
    Ok(Outcome::Normal.into())
}

/// Scheme 6 by everybody who is not silent.
fn convicted(play: &mut ContractPlay<'_>, silent: &[u8]) -> Result<Ending, ScenarioError> {
    let conduct = Conduct {
        silent: gone(silent),
        ..rejected_on_chain()
    };
    ruled(play, &conduct, silent, (Row::Rerun, Ruling::WorkerAtFault))
}

/// Scheme 7 by everybody who is not silent, after a rejection against the verifier's own check.
fn cleared(play: &mut ContractPlay<'_>, silent: &[u8]) -> Result<Ending, ScenarioError> {
    let why = "rejects although all digests are equal";
    let conduct = Conduct {
        silent: gone(silent),
        cheats: [(Verifier, Cheat::Spites)].into(),
        why: vec![(Exit::REJECTED, why)],
        ..on_chain()
    };
    let by = (Row::Else, Ruling::VerifierAtFault);
    ruled(play, &conduct, silent, by)
}

/// Everybody who is not silent rules on the appeal by this row, and whom that pays settles.
pub(super) fn ruled(
    play: &mut ContractPlay<'_>,
    conduct: &Conduct,
    silent: &[u8],
    by: (Row, Ruling),
) -> Result<Ending, ScenarioError> {
    ruled_on(play, conduct, silent, (Accusation::Appeal, by))
}

/// The same of an appeal or a challenge.
pub(super) fn ruled_on(
    play: &mut ContractPlay<'_>,
    conduct: &Conduct,
    silent: &[u8],
    (accusation, (row, ruling)): (Accusation, (Row, Ruling)),
) -> Result<Ending, ScenarioError> {
    let majority = ruling_set(play, silent);
    let ended = play.live(conduct)?;
    let by = play.row();
    let exit = Exit::ruled_on(accusation, ruling, majority);
    expect(
        ended == exit && by == Some(row),
        format!("ended by {ended}, ruled by row {by:?}, and not by {exit} and row {row}"),
    )?;
    Ok(accusation.outcome(ruling.outcome(majority)).into())
}

/// Who says nothing from the beginning.
pub(super) fn gone(silent: &[u8]) -> Vec<(Role, NodeName)> {
    let silent = silent.iter().copied().map(Role::Arbiter);
    silent.map(|role| (role, FUNDING)).collect()
}

/// Arbiters beyond the smallest majority.
pub(super) fn missing(play: &ContractPlay<'_>) -> Vec<u8> {
    (play.terms().params().quorum()..play.terms().panel_size()).collect()
}

fn ruling_set(play: &ContractPlay<'_>, silent: &[u8]) -> ArbiterSet {
    let gone: ArbiterSet = silent.iter().map(|arbiter| usize::from(*arbiter)).collect();
    gone.complement(play.terms().panel_size())
}

fn range(from: u8, to: u8) -> ArbiterSet {
    (from..to).map(usize::from).collect()
}
