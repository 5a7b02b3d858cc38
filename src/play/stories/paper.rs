//! Stories of the paper's template: its seven schemes, and attacks that it does not withstand.

use narthex_contracts::{graph::NodeName, template::Rulings, terms::Role};
use narthex_game_model::{ArbiterSet, Outcome, Ruling, play::Strategy};

use super::{cheat_caught, honest_work_checked};
use crate::play::{PlayError, Scene, scene::Ending};

use Role::{Client, Verifier, Worker};

const fn tx(name: &'static str) -> NodeName {
    NodeName::plain(name)
}

pub(super) fn normal(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    honest_work_checked(scene)?;
    scene.hand_over(tx("Tx4"), "r = 1: the sample is right")?;
    let published = scene.publish(
        Worker,
        tx("Tx4"),
        "takes the reward; the signature carries the secret",
    )?;
    scene.reveal(tx("Tx4"), &published)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn timeout(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.publish(Client, tx("Tx2"), "nothing was delivered by t3")?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn timeout_verifier(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.publish(Verifier, tx("Tx1"), "nothing was delivered by t3")?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn silent_verifier(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.work(&Strategy::Honest, "does the whole work")?;
    claim_silence(scene, "no verdict came by t1; the result is revealed")
}

pub(super) fn admit(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    cheat_caught(scene)?;
    scene.publish(
        Verifier,
        tx("Tx5"),
        "the sample was wrong and no appeal came by t2",
    )?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn failed(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    cheat_caught(scene)?;
    appeal(scene)?;
    scene.publish(
        Client,
        tx("Tx6"),
        "the panel's secret was not revealed by t4",
    )?;
    Ok(Outcome::ArbitrationFailed {
        ruled: ArbiterSet::empty(),
    }
    .into())
}

pub(super) fn worker_at_fault(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    cheat_caught(scene)?;
    appeal(scene)?;
    let majority = reveal_panel_secret(scene)?;
    let name = NodeName::with("Tx7", Rulings::of(Ruling::WorkerAtFault, majority));
    scene.publish(Verifier, name, "the panel's secret opens it")?;
    Ok(Outcome::WorkerAtFault { majority }.into())
}

pub(super) fn verifier_at_fault(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    honest_work_checked(scene)?;
    appeal(scene)?;
    let majority = reveal_panel_secret(scene)?;
    open_eight(scene, majority, "the panel's secret and its own open it")
}

/// t1 comes before any deadline for delivery, and nothing on chain says whether there was one.
pub(super) fn idle_worker(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    claim_silence(
        scene,
        "ATTACK: delivered nothing, and claims that the verifier was silent",
    )
}

/// The verifier's half of the appeal is its own signature, which it keeps.
pub(super) fn mute_verifier(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    honest_work_checked(scene)?;
    let node = scene.find(tx("TxA"))?;
    if scene.complete(Worker, node).is_ok() {
        return Err(PlayError::Broken(
            "the worker could appeal without the verifier".into(),
        ));
    }
    // The worker could still take Tx3 after t1; it must be offline then, or lose the race.
    scene.publish(
        Verifier,
        tx("Tx5"),
        "ATTACK: says the sample was wrong, and keeps its half of the appeal",
    )?;
    Ok(Outcome::FaultyUnappealed.into())
}

/// Nothing keeps an arbiter's coin for the appeal.
pub(super) fn sideways(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    cheat_caught(scene)?;
    scene.sideways.push(0);
    scene.take_stake_back(0, "ATTACK: spends its stake before the appeal")?;
    scene.hand_over(tx("TxA"), "rejects: the worker may appeal")?;
    let node = scene.find(tx("TxA"))?;
    let appeal = scene.complete(Worker, node)?;
    let (child, _) = scene.pay_for(Worker, &appeal, tx("TxA"))?;
    if scene.chain().submit_package(&[appeal, child]).is_ok() {
        return Err(PlayError::Broken(
            "an appeal with a spent stake was taken".into(),
        ));
    }
    scene.publish(Verifier, tx("Tx5"), "the appeal cannot be made any more")?;
    Ok(Outcome::FaultyUnappealed.into())
}

/// The arbiters reveal their secret to convict, and the worker uses it to be cleared.
pub(super) fn one_secret(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    cheat_caught(scene)?;
    appeal(scene)?;
    let majority = reveal_panel_secret(scene)?;
    open_eight(
        scene,
        majority,
        "ATTACK: the secret that was revealed to convict it opens #7 as well",
    )
}

fn claim_silence(scene: &mut Scene<'_>, why: &str) -> Result<Ending, PlayError> {
    let published = scene.publish(Worker, tx("Tx3"), why)?;
    scene.reveal(tx("Tx3"), &published)?;
    Ok(Outcome::VerifierTimedOut.into())
}

fn appeal(scene: &mut Scene<'_>) -> Result<(), PlayError> {
    scene.hand_over(tx("TxA"), "r = 0: its signature is its verdict")?;
    scene
        .publish(Worker, tx("TxA"), "appeals; takes the arbiters' stakes in")
        .map(|_| ())
}

/// The panel puts its secret together, as k of its members can.
fn reveal_panel_secret(scene: &mut Scene<'_>) -> Result<ArbiterSet, PlayError> {
    for arbiter in 0..scene.terms().panel_size() {
        scene.find_ruling(arbiter)?;
    }
    scene.open_panel_secret()?;
    Ok(ArbiterSet::full(scene.terms().panel_size()))
}

fn open_eight(scene: &mut Scene<'_>, majority: ArbiterSet, why: &str) -> Result<Ending, PlayError> {
    let name = NodeName::with("Tx8", Rulings::of(Ruling::VerifierAtFault, majority));
    let published = scene.publish(Worker, name, why)?;
    scene.reveal(name, &published)?;
    Ok(Outcome::VerifierAtFault { majority }.into())
}
