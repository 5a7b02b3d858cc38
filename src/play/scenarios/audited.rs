//! Scenarios of the audited template: what differs from the hardened one's.

use narthex_contracts::{
    graph::NodeName,
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{
    Accusation, ArbiterSet, Outcome, Ruling, play::Strategy, ruling::Row,
    settlement::MAX_PANEL_WITH_NAMED_SILENCE,
};

use super::{
    cheating, garbage_boxes,
    hardened::{missing, ruling_set},
};
use crate::{
    harness::{ScenarioError, expect},
    play::{ContractPlay, Ending, Look},
};

use Role::{Client, Verifier, Worker};

const UPHELD: Ruling = Ruling::WorkerAtFault;
const DISMISSED: Ruling = Ruling::VerifierAtFault;

pub(super) fn normal(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.work(&Strategy::Honest, "does the whole work")?;
    super::approved(play.check()?)?;
    play.draw_audit()?;
    play.serve_client()?;
    nothing_wrong(play)?;
    play.settle_off_chain("r = 1: the sample is right, and the client has all that the key opens")?;
    rewarded(play, Exit::NORMAL)
}

pub(super) fn timeout_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest(play)?;
    super::approved(play.check()?)?;
    play.publish(Verifier, Exit::APPROVED, "the sample is right")?;
    let why = "the worker withholds the result secret";
    play.publish(Verifier, Exit::WITHHELD, why)?;
    Ok(Outcome::WorkerWithheld.into())
}

pub(super) fn worker_at_fault(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    rejected(play)?;
    appeal(play)?;
    decided(play, &[], Row::Rerun, Ruling::WorkerAtFault)
}

pub(super) fn normal_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest(play)?;
    super::approved(play.check()?)?;
    play.publish(Verifier, Exit::APPROVED, "the sample is right")?;
    play.serve_client()?;
    nothing_wrong(play)?;
    rewarded(play, Exit::NORMAL_LONG)
}

pub(super) fn upheld(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let bad = league(play)?;
    challenge(play, Some(bad))?;
    decided(play, &[], Row::ChallengedStep, UPHELD)
}

pub(super) fn upheld_long(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let bad = league(play)?;
    challenge(play, Some(bad))?;
    let silent = missing(play);
    decided(play, &silent, Row::ChallengedStep, UPHELD)
}

pub(super) fn unserved(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.compute(&cheating(), super::FALSIFIES)?;
    play.commit()?;
    deliver(play)?;
    play.publish(
        Verifier,
        Exit::APPROVED,
        "ATTACK: approves at once; nobody has shown the client anything",
    )?;
    // It can see nothing, and need not guess.
    challenge(play, None)?;
    decided(play, &[], Row::Unserved, UPHELD)
}

pub(super) fn garbage(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.work(&garbage_boxes(), super::SEALS_GARBAGE)?;
    deliver(play)?;
    sampled_in_league(play)?;
    approved_in_league(play)?;
    unopened(play)
}

pub(super) fn dodged(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.work(&cheating(), super::FALSIFIES)?;
    sampled_in_league(play)?;
    // It sees by the draw that it is found out. The client has the arbiters keep it before the worker knows it.
    play.mute(Worker);
    play.draw_audit()?;
    play.listen(Worker);
    deliver(play)?;
    approved_in_league(play)?;
    unopened(play)
}

pub(super) fn dismissed(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest(play)?;
    super::approved(play.check()?)?;
    play.publish(Verifier, Exit::APPROVED, "the sample is right")?;
    play.serve_client()?;
    nothing_wrong(play)?;
    let opened = play.opened_to_client()?;
    challenge(play, opened)?;
    decided(play, &[], Row::NoGround, DISMISSED)
}

pub(super) fn bluff(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    approved_unasked(play)?;
    challenge(play, None)?;
    decided(play, &[], Row::NoGround, DISMISSED)
}

pub(super) fn unearned_approval(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    approved_unasked(play)?;
    nothing_wrong(play)?;
    rewarded(play, Exit::NORMAL_LONG)
}

/// Honest work that a verifier approves on chain without asking for anything.
fn approved_unasked(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    honest(play)?;
    play.publish(
        Verifier,
        Exit::APPROVED,
        "ATTACK: approves without looking; what it is paid is nobody's",
    )?;
    Ok(play.serve_client()?)
}

pub(super) fn undecided(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let bad = league(play)?;
    challenge(play, Some(bad))?;
    // One arbiter rules, which is no majority.
    let ruling = play.find_ruling(0)?;
    play.attest(0, ruling)?;
    let one = ArbiterSet::full(1);
    let rulings = (play.terms().panel_size() <= MAX_PANEL_WITH_NAMED_SILENCE)
        .then_some(Rulings::of(ruling, one));
    let name = Exit::failed_on(Accusation::Challenge, rulings, false);
    play.publish(Client, name, "no majority rules on the challenge")?;
    Ok(Outcome::ChallengeUndecided {
        ruled: rulings.map_or(ArbiterSet::empty(), Rulings::ruled),
    }
    .into())
}

/// The client's own look finds nothing.
fn nothing_wrong(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    let found = play.audit()?;
    expect(
        found == Look::Right,
        format!("an audit found {found:?} in honest work"),
    )
}

/// One owner of worker and verifier delivers wrong work and approves it on chain. The step that the client's audit finds.
fn league(play: &mut ContractPlay<'_>) -> Result<u64, ScenarioError> {
    play.work(&cheating(), super::FALSIFIES)?;
    deliver(play)?;
    sampled_in_league(play)?;
    approved_in_league(play)?;
    let found = play.audit()?;
    super::caught(matches!(found, Look::Wrong(_)))?;
    Ok(match found {
        Look::Wrong(step) => step,
        Look::Right | Look::Unopened => 0,
    })
}

/// The league goes through the motions of a check.
fn sampled_in_league(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.draw_sample()?;
    play.seal_token()?;
    play.answer_in_league()?;
    Ok(play.open_sample()?)
}

fn approved_in_league(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.publish(
        Verifier,
        Exit::APPROVED,
        "ATTACK: approves what it knows to be wrong",
    )?;
    Ok(play.serve_client()?)
}

/// The client cannot look at what it has drawn, and need name no step.
fn unopened(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    let found = play.audit()?;
    expect(
        found == Look::Unopened,
        format!("the league opened what it should, and the audit found {found:?}"),
    )?;
    challenge(play, None)?;
    decided(play, &[], Row::Unopened, UPHELD)
}

/// The client takes the approval to the panel.
fn challenge(play: &mut ContractPlay<'_>, step: Option<u64>) -> Result<(), ScenarioError> {
    play.publish(
        Client,
        Exit::CHALLENGED,
        "challenges: its bond and all stakes are in the pot now",
    )?;
    Ok(play.bring_challenge(step)?)
}

pub(super) fn verifier_at_fault(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest(play)?;
    super::approved(play.check()?)?;
    let why = "rejects although all digests are equal";
    play.publish(Verifier, Exit::REJECTED, why)?;
    appeal(play)?;
    decided(play, &[], Row::Else, Ruling::VerifierAtFault)
}

/// Honest work, delivered on chain.
fn honest(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.work(&Strategy::Honest, "does the whole work")?;
    deliver(play)
}

fn deliver(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.publish(
        Worker,
        Exit::DELIVERED,
        "delivered; the paying child records the commitment root",
    )?;
    Ok(())
}

/// A cheat is delivered, caught and rejected on chain.
fn rejected(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.work(&cheating(), super::FALSIFIES)?;
    deliver(play)?;
    super::caught(!play.check()?)?;
    play.publish(Verifier, Exit::REJECTED, "the sample is wrong")?;
    Ok(())
}

fn appeal(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.publish(
        Worker,
        Exit::APPEALED,
        "appeals: all stakes are in the pot now",
    )?;
    Ok(play.bring_evidence()?)
}

/// The worker takes its reward by this settlement, and the client reads the result secret out of it.
fn rewarded(play: &mut ContractPlay<'_>, exit: NodeName) -> Result<Ending, ScenarioError> {
    let why = "takes the reward; the signature carries the result secret";
    let tx = play.publish(Worker, exit, why)?;
    play.reveal(exit, &tx)?;
    Ok(Outcome::Normal.into())
}

/// Everybody who is not silent rules by this row, and whom that pays settles.
fn decided(
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
