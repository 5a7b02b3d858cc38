//! Stories of the hardened template.

use narthex_contracts::{
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{
    ArbiterSet, Outcome, Ruling, play::Strategy, settlement::MAX_PANEL_WITH_NAMED_SILENCE,
};

use super::{cheat_caught, cheating, honest_work_checked};
use crate::play::{PlayError, Scene, scene::Ending};

use Role::{Client, Verifier, Worker};

pub(super) fn normal(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    honest_work_checked(scene)?;
    scene.hand_over(Exit::NORMAL, "r = 1: the sample is right")?;
    let tx = scene.publish(
        Worker,
        Exit::NORMAL,
        "takes the reward; the signature carries the result secret",
    )?;
    scene.reveal(Exit::NORMAL, &tx)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn normal_long(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.work(&Strategy::Honest, "does the whole work")?;
    deliver(scene)?;
    scene.check()?;
    scene.publish(Verifier, Exit::APPROVED, "the sample is right")?;
    let tx = scene.publish(
        Worker,
        Exit::NORMAL_LONG,
        "takes the reward; the signature carries the result secret",
    )?;
    scene.reveal(Exit::NORMAL_LONG, &tx)?;
    Ok(Outcome::Normal.into())
}

pub(super) fn coop(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    honest_work_checked(scene)?;
    scene.agree_on(
        Outcome::Normal,
        "all three agree, so nothing of the contract shows on chain",
    )
}

pub(super) fn timeout(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.publish(
        Client,
        Exit::WORKER_TIMEOUT,
        "nothing was delivered by the deadline",
    )?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn timeout_long(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.work(&Strategy::Honest, "does the whole work")?;
    deliver(scene)?;
    scene.check()?;
    scene.publish(Verifier, Exit::APPROVED, "the sample is right")?;
    scene.publish(
        Verifier,
        Exit::WITHHELD,
        "the worker withholds the result secret",
    )?;
    Ok(Outcome::WorkerWithheld.into())
}

pub(super) fn silent_verifier(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.work(&Strategy::Honest, "does the whole work")?;
    deliver(scene)?;
    let tx = scene.publish(
        Worker,
        Exit::VERIFIER_TIMEOUT,
        "no verdict came; the result is revealed",
    )?;
    scene.reveal(Exit::VERIFIER_TIMEOUT, &tx)?;
    Ok(Outcome::VerifierTimedOut.into())
}

pub(super) fn abandoned(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.work(&Strategy::Honest, "does the whole work")?;
    deliver(scene)?;
    scene.publish(
        Client,
        Exit::ABANDONED,
        "worker and verifier are silent together, and the client need not wait for them",
    )?;
    Ok(Outcome::WorkerTimedOut.into())
}

pub(super) fn admit(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    cheat_caught(scene)?;
    scene.publish(
        Worker,
        Exit::ADMITTED,
        "admits: a dispute would cost the whole stake",
    )?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn admit_long(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    rejected(scene)?;
    scene.publish(Verifier, Exit::UNAPPEALED, "the worker did not appeal")?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn failed(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    rejected(scene)?;
    appeal(scene)?;
    // Fewer than a quorum on either side: the honest ones, some that err, and the rest silent.
    let (n, k) = (
        scene.terms().params().arbiters(),
        scene.terms().params().quorum(),
    );
    let right = k - 1;
    let wrong = right.min(n - right).min(n.saturating_sub(k).max(1));
    for arbiter in 0..right {
        let ruling = scene.find_ruling(arbiter)?;
        scene.attest(arbiter, ruling)?;
    }
    for arbiter in right..right + wrong {
        scene.attest(arbiter, Ruling::VerifierAtFault)?;
    }
    let (worker, verifier) = (range(0, right), range(right, right + wrong));
    let rulings = (n <= MAX_PANEL_WITH_NAMED_SILENCE).then_some(Rulings { worker, verifier });
    let name = Exit::failed(rulings, false);
    scene.publish(Client, name, "no majority agrees")?;
    Ok(Outcome::ArbitrationFailed {
        ruled: rulings.map_or(ArbiterSet::empty(), Rulings::ruled),
    }
    .into())
}

pub(super) fn failed_long(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    rejected(scene)?;
    appeal(scene)?;
    let nobody = Rulings {
        worker: ArbiterSet::empty(),
        verifier: ArbiterSet::empty(),
    };
    let rulings = (scene.terms().panel_size() <= MAX_PANEL_WITH_NAMED_SILENCE).then_some(nobody);
    let name = Exit::failed(rulings, true);
    scene.publish(
        Role::Arbiter(0),
        name,
        "nobody ruled and the client is gone: anybody ends it",
    )?;
    Ok(Outcome::ArbitrationFailed {
        ruled: ArbiterSet::empty(),
    }
    .into())
}

pub(super) fn worker_at_fault(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    convicted(scene, &[])
}

pub(super) fn worker_at_fault_long(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    let silent = missing(scene);
    convicted(scene, &silent)
}

pub(super) fn verifier_at_fault(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    cleared(scene, &[])
}

pub(super) fn verifier_at_fault_long(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    let silent = missing(scene);
    cleared(scene, &silent)
}

pub(super) fn idle_worker(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    let all = Strategy::Skip {
        fraction: narthex_game_model::Ratio::ONE,
        seed: 1,
    };
    scene.work(
        &all,
        "does nothing, and hopes to claim that the verifier was silent",
    )?;
    deliver(scene)?;
    if scene.check()? {
        return Err(PlayError::NoCheat(
            "the worker claims zeros without work, and all that were sampled are right",
        ));
    }
    scene.publish(
        Verifier,
        Exit::REJECTED,
        "the delivery is on chain, so the verifier can answer it there",
    )?;
    scene.publish(
        Client,
        Exit::UNAPPEALED,
        "the worker has nothing to appeal with",
    )?;
    Ok(Outcome::FaultyUnappealed.into())
}

pub(super) fn outbid_root(scene: &mut Scene<'_>) -> Result<Ending, PlayError> {
    scene.work(&Strategy::Honest, "does the whole work")?;
    scene.deliver_outbid(Verifier)?;
    scene.check()?;
    scene.publish(
        Verifier,
        Exit::APPROVED,
        "the root is on chain all the same, and the sample is right",
    )?;
    let tx = scene.publish(
        Worker,
        Exit::NORMAL_LONG,
        "takes the reward; the signature carries the result secret",
    )?;
    scene.reveal(Exit::NORMAL_LONG, &tx)?;
    Ok(Outcome::Normal.into())
}

fn deliver(scene: &mut Scene<'_>) -> Result<(), PlayError> {
    scene
        .publish(
            Worker,
            Exit::DELIVERED,
            "delivered; the paying child records the commitment root",
        )
        .map(|_| ())
}

/// A cheat is delivered, caught and rejected on chain.
fn rejected(scene: &mut Scene<'_>) -> Result<(), PlayError> {
    scene.work(
        &cheating(),
        "falsifies a tenth of the steps, hoping that the sample misses them",
    )?;
    deliver(scene)?;
    scene.check()?;
    scene
        .publish(Verifier, Exit::REJECTED, "the sample is wrong")
        .map(|_| ())
}

fn appeal(scene: &mut Scene<'_>) -> Result<(), PlayError> {
    scene
        .publish(
            Worker,
            Exit::APPEALED,
            "appeals: all stakes are in the pot now",
        )
        .map(|_| ())
}

/// Scheme 6 by everybody who is not silent.
fn convicted(scene: &mut Scene<'_>, silent: &[u8]) -> Result<Ending, PlayError> {
    rejected(scene)?;
    appeal(scene)?;
    scene.everyone_rules(silent)?;
    let majority = ruling_set(scene, silent);
    scene.publish(
        Verifier,
        Exit::ruled(Ruling::WorkerAtFault, majority),
        "the attestations of this majority open the settlement",
    )?;
    Ok(Outcome::WorkerAtFault { majority }.into())
}

/// Scheme 7 by everybody who is not silent, after a rejection against the verifier's own check.
fn cleared(scene: &mut Scene<'_>, silent: &[u8]) -> Result<Ending, PlayError> {
    scene.work(&Strategy::Honest, "does the whole work")?;
    deliver(scene)?;
    scene.check()?;
    scene.publish(
        Verifier,
        Exit::REJECTED,
        "rejects although all digests are equal",
    )?;
    appeal(scene)?;
    scene.everyone_rules(silent)?;
    let majority = ruling_set(scene, silent);
    let name = Exit::ruled(Ruling::VerifierAtFault, majority);
    let tx = scene.publish(
        Worker,
        name,
        "the attestations and its own secret open the settlement",
    )?;
    scene.reveal(name, &tx)?;
    Ok(Outcome::VerifierAtFault { majority }.into())
}

/// Arbiters beyond the smallest majority.
fn missing(scene: &Scene<'_>) -> Vec<u8> {
    (scene.terms().params().quorum()..scene.terms().panel_size()).collect()
}

fn ruling_set(scene: &Scene<'_>, silent: &[u8]) -> ArbiterSet {
    let mut set = ArbiterSet::full(scene.terms().panel_size());
    for arbiter in silent {
        let gone = ArbiterSet::new(1 << arbiter).unwrap_or(ArbiterSet::empty());
        set = ArbiterSet::new(set.mask() & !gone.mask()).unwrap_or(set);
    }
    set
}

fn range(from: u8, to: u8) -> ArbiterSet {
    let mut set = ArbiterSet::empty();
    for i in from..to {
        set.insert(i.into());
    }
    set
}
