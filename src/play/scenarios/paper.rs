//! Scenarios of the paper's template: its seven schemes, and attacks that it does not withstand.

use narthex_contracts::{graph::NodeName, template::Rulings, terms::Role};
use narthex_game_model::{ArbiterSet, Outcome, Ruling, play::Strategy};

use super::cheating;
use crate::{
    harness::ScenarioError,
    play::{ContractPlay, Ending},
};

use Role::{Client, Verifier, Worker};

const fn tx(name: &'static str) -> NodeName {
    NodeName::plain(name)
}

pub(super) fn normal(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest_work_checked(play)?;
    play.hand_over(tx("Tx4"), "r = 1: the sample is right")?;
    let published = play.publish(
        Worker,
        tx("Tx4"),
        "takes the reward; the signature carries the secret",
    )?;
    play.reveal(tx("Tx4"), &published)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn timeout(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.publish(Client, tx("Tx2"), "nothing was delivered by t3")?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn timeout_verifier(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.publish(Verifier, tx("Tx1"), "nothing was delivered by t3")?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn silent_verifier(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.work(&Strategy::Honest, "does the whole work")?;
    claim_silence(play, "no verdict came by t1; the result is revealed")
}

pub(super) fn admit(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    cheat_caught(play)?;
    play.publish(
        Verifier,
        tx("Tx5"),
        "the sample was wrong and no appeal came by t2",
    )?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn failed(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    cheat_caught(play)?;
    appeal(play)?;
    play.publish(
        Client,
        tx("Tx6"),
        "the panel's secret was not revealed by t4",
    )?;
    Ok(Outcome::ArbitrationFailed {
        ruled: ArbiterSet::empty(),
    }
    .into())
}

pub(super) fn worker_at_fault(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    cheat_caught(play)?;
    appeal(play)?;
    let majority = reveal_panel_secret(play)?;
    let name = NodeName::with("Tx7", Rulings::of(Ruling::WorkerAtFault, majority));
    play.publish(Verifier, name, "the panel's secret opens it")?;
    Ok(Outcome::WorkerAtFault { majority }.into())
}

pub(super) fn verifier_at_fault(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest_work_checked(play)?;
    appeal(play)?;
    let majority = reveal_panel_secret(play)?;
    open_eight(play, majority, "the panel's secret and its own open it")
}

/// t1 comes before any deadline for delivery, and nothing on chain says whether there was one.
pub(super) fn idle_worker(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    claim_silence(
        play,
        "ATTACK: delivered nothing, and claims that the verifier was silent",
    )
}

/// The verifier's half of the appeal is its own signature, which it keeps.
pub(super) fn mute_verifier(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest_work_checked(play)?;
    let node = play.find(tx("TxA"))?;
    if play.complete(Worker, node).is_ok() {
        return Err(ScenarioError::Broken(
            "the worker could appeal without the verifier".into(),
        ));
    }
    // The worker could still take Tx3 after t1; it must be offline then, or lose the race.
    play.publish(
        Verifier,
        tx("Tx5"),
        "ATTACK: says the sample was wrong, and keeps its half of the appeal",
    )?;
    Ok(Outcome::FaultyUnappealed.into())
}

/// Nothing keeps an arbiter's coin for the appeal.
pub(super) fn sideways(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    cheat_caught(play)?;
    play.sideways.push(0);
    play.take_stake_back(0, "ATTACK: spends its stake before the appeal")?;
    play.hand_over(tx("TxA"), "rejects: the worker may appeal")?;
    let node = play.find(tx("TxA"))?;
    let appeal = play.complete(Worker, node)?;
    let (child, _) = play.pay_for(Worker, &appeal)?;
    if play.chain().submit_package(&[appeal, child]).is_ok() {
        return Err(ScenarioError::Broken(
            "an appeal with a spent stake was taken".into(),
        ));
    }
    play.publish(Verifier, tx("Tx5"), "the appeal cannot be made any more")?;
    Ok(Outcome::FaultyUnappealed.into())
}

/// The arbiters reveal their secret to convict, and the worker uses it to be cleared.
pub(super) fn one_secret(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    cheat_caught(play)?;
    appeal(play)?;
    let majority = reveal_panel_secret(play)?;
    open_eight(
        play,
        majority,
        "ATTACK: the secret that was revealed to convict it opens #7 as well",
    )
}

fn claim_silence(play: &mut ContractPlay<'_>, why: &str) -> Result<Ending, ScenarioError> {
    let published = play.publish(Worker, tx("Tx3"), why)?;
    play.reveal(tx("Tx3"), &published)?;
    Ok(Outcome::VerifierTimedOut.into())
}

fn appeal(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.hand_over(tx("TxA"), "r = 0: its signature is its verdict")?;
    play.publish(Worker, tx("TxA"), "appeals; takes the arbiters' stakes in")?;
    Ok(())
}

/// The panel puts its secret together, as k of its members can.
fn reveal_panel_secret(play: &mut ContractPlay<'_>) -> Result<ArbiterSet, ScenarioError> {
    for arbiter in 0..play.terms().panel_size() {
        play.judge_step(arbiter)?;
    }
    play.open_panel_secret()?;
    Ok(ArbiterSet::full(play.terms().panel_size()))
}

fn open_eight(
    play: &mut ContractPlay<'_>,
    majority: ArbiterSet,
    why: &str,
) -> Result<Ending, ScenarioError> {
    let name = NodeName::with("Tx8", Rulings::of(Ruling::VerifierAtFault, majority));
    let published = play.publish(Worker, name, why)?;
    play.reveal(name, &published)?;
    Ok(Outcome::VerifierAtFault { majority }.into())
}

fn honest_work_checked(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.work(&Strategy::Honest, "does the whole work")?;
    super::approved(play.check_blindly()?)
}

fn cheat_caught(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    play.work(&cheating(), super::FALSIFIES)?;
    super::caught(!play.check_blindly()?)
}
