//! Scenarios of the hardened template.

use narthex_contracts::{
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
        lives::{Conduct, FUNDING},
    },
};

use Role::{Client, Verifier, Worker};

pub(super) fn normal(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    lives(play, &Conduct::default(), Exit::NORMAL)?;
    Ok(Outcome::Normal.into())
}

/// The worker goes on chain at once.
fn on_chain() -> Conduct {
    Conduct {
        delivers: true,
        ..Conduct::default()
    }
}

/// A cheat that goes on chain, and does not say that it is one.
fn rejected_on_chain() -> Conduct {
    Conduct {
        strategy: (cheating(), super::FALSIFIES),
        admits: false,
        ..on_chain()
    }
}

/// Everybody lives by its machine, and this is how it must end.
fn lives(
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
    honest_work_checked(play)?;
    play.lose_token()?;
    play.settle_off_chain("r = 1: it is paid by the token that it has again")?;
    rewarded(play, Exit::NORMAL)
}

pub(super) fn normal_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    lives(play, &on_chain(), Exit::NORMAL_LONG)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn coop(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest_work_checked(play)?;
    Ok(play.agree_on(
        Outcome::Normal,
        "all three agree, so nothing of the contract shows on chain",
    )?)
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
        strategy: (cheating(), super::FALSIFIES),
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
    rejected(play)?;
    appeal(play)?;
    // Fewer than a quorum on either side: the honest ones, some that err, and the rest silent.
    let (n, k) = (
        play.terms().params().arbiters(),
        play.terms().params().quorum(),
    );
    let right = k - 1;
    let wrong = right.min(n - right).min(n.saturating_sub(k).max(1));
    for arbiter in 0..right {
        let ruling = play.find_ruling(arbiter)?;
        play.attest(arbiter, ruling)?;
    }
    for arbiter in right..right + wrong {
        play.attest(arbiter, Ruling::VerifierAtFault)?;
    }
    let (worker, verifier) = (range(0, right), range(right, right + wrong));
    let rulings = (n <= MAX_PANEL_WITH_NAMED_SILENCE).then_some(Rulings { worker, verifier });
    let name = Exit::failed(rulings, false);
    play.publish(Client, name, "no majority agrees")?;
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
        strategy: (
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
    play.work(&Strategy::Honest, "does the whole work")?;
    play.deliver_outbid(Verifier)?;
    super::approved(play.check()?)?;
    play.publish(
        Verifier,
        Exit::APPROVED,
        "the root is on chain all the same, and the sample is right",
    )?;
    rewarded(play, Exit::NORMAL_LONG)
}

/// The worker takes its reward by this settlement, and the client reads the result secret out of it.
pub(super) fn rewarded(
    play: &mut ContractPlay<'_>,
    exit: NodeName,
) -> Result<Ending, ScenarioError> {
    let why = "takes the reward; the signature carries the result secret";
    let tx = play.publish(Worker, exit, why)?;
    play.reveal(exit, &tx)?;
    Ok(Outcome::Normal.into())
}

/// Honest work, delivered on chain.
pub(super) fn honest(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.work(&Strategy::Honest, "does the whole work")?;
    deliver(play)
}

pub(super) fn deliver(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.publish(
        Worker,
        Exit::DELIVERED,
        "delivered; the paying child records the commitment root",
    )?;
    Ok(())
}

/// A cheat is delivered, caught and rejected on chain.
pub(super) fn rejected(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.work(&cheating(), super::FALSIFIES)?;
    deliver(play)?;
    super::caught(!play.check()?)?;
    play.publish(Verifier, Exit::REJECTED, "the sample is wrong")?;
    Ok(())
}

/// Works honestly and has the verifier check.
fn honest_work_checked(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.work(&Strategy::Honest, "does the whole work")?;
    super::approved(play.check()?)
}

/// Cheats and is caught, off chain.
pub(super) fn sample_refused(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.work(&cheating(), super::FALSIFIES)?;
    super::caught(!play.check()?)
}

pub(super) fn appeal(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.publish(
        Worker,
        Exit::APPEALED,
        "appeals: all stakes are in the pot now",
    )?;
    Ok(play.bring_evidence()?)
}

/// Scheme 6 by everybody who is not silent.
fn convicted(play: &mut ContractPlay<'_>, silent: &[u8]) -> Result<Ending, ScenarioError> {
    let majority = ruling_set(play, silent);
    let silent = silent
        .iter()
        .map(|arbiter| (Role::Arbiter(*arbiter), FUNDING));
    let conduct = Conduct {
        silent: silent.collect(),
        ..rejected_on_chain()
    };
    let ruling = Ruling::WorkerAtFault;
    lives(play, &conduct, Exit::ruled(ruling, majority))?;
    let by = play.row();
    expect(by == Some(Row::Rerun), format!("ruled by row {by:?}"))?;
    Ok(ruling.outcome(majority).into())
}

/// Scheme 7 by everybody who is not silent, after a rejection against the verifier's own check.
fn cleared(play: &mut ContractPlay<'_>, silent: &[u8]) -> Result<Ending, ScenarioError> {
    honest_work_delivered(play)?;
    play.publish(
        Verifier,
        Exit::REJECTED,
        "rejects although all digests are equal",
    )?;
    appeal(play)?;
    decided(play, silent, Row::Else, Ruling::VerifierAtFault)
}

/// Works honestly, delivers on chain and has the verifier check there.
fn honest_work_delivered(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    honest(play)?;
    super::approved(play.check()?)
}

/// Everybody who is not silent rules by this row, and whom that pays settles.
pub(super) fn decided(
    play: &mut ContractPlay<'_>,
    silent: &[u8],
    row: Row,
    ruling: Ruling,
) -> Result<Ending, ScenarioError> {
    let found = play.everyone_rules(silent)?;
    let by = play.row();
    expect(
        found == ruling && by == Some(row),
        format!("ruled {found:?} by row {by:?}, and not {ruling:?} by row {row}"),
    )?;
    let majority = ruling_set(play, silent);
    let accusation = play.accusation();
    let name = Exit::ruled_on(accusation, ruling, majority);
    match ruling {
        Ruling::WorkerAtFault => {
            // Whoever it pays.
            let accuser = match accusation {
                Accusation::Appeal => Verifier,
                Accusation::Challenge => Client,
            };
            let why = "the attestations of this majority open the settlement";
            play.publish(accuser, name, why)?;
        }
        Ruling::VerifierAtFault => {
            let why = "the attestations and its own secret open the settlement";
            let tx = play.publish(Worker, name, why)?;
            play.reveal(name, &tx)?;
        }
    }
    Ok(accusation.outcome(ruling.outcome(majority)).into())
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
    let mut set = ArbiterSet::empty();
    for i in from..to {
        set.insert(i.into());
    }
    set
}
