//! One scenario for each row of the table of rulings that a play can reach.

use narthex_contracts::{template::Exit, terms::Role};
use narthex_game_model::{Ruling, play::Strategy, ruling::Row};

use super::{
    cheating,
    hardened::{appeal, decided, deliver, honest, rewarded, sample_refused},
};
use crate::{
    harness::{ScenarioError, expect},
    play::{ContractPlay, Ending, PlayError, Reply, Under},
};

use Role::{Client, Verifier, Worker};

const W: Ruling = Ruling::WorkerAtFault;
const V: Ruling = Ruling::VerifierAtFault;

/// Rejected, appealed, and ruled on by this row.
fn disputed(
    play: &mut ContractPlay<'_>,
    why: &str,
    row: Row,
    ruling: Ruling,
) -> Result<Ending, ScenarioError> {
    play.publish(Verifier, Exit::REJECTED, why)?;
    play.await_substitute()?;
    appeal(play)?;
    decided(play, &[], row, ruling)
}

/// Honest work, delivered on chain, with a sample drawn.
fn sampled(play: &mut ContractPlay<'_>) -> Result<(), ScenarioError> {
    honest(play)?;
    Ok(play.draw_sample()?)
}

/// The same, the token sealed under something and answered somehow.
fn answered(
    play: &mut ContractPlay<'_>,
    under: &Under,
    reply: &Reply,
) -> Result<(), ScenarioError> {
    sampled(play)?;
    play.seal_token(under)?;
    play.answer(reply)?;
    Ok(())
}

pub(super) fn two_roots(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.work(&cheating(), "falsifies a tenth of the steps")?;
    play.compute(&Strategy::Honest, "ATTACK: has right work beside it")?;
    play.commit_to_panel("ATTACK: the verifier has its signature under another root")?;
    deliver(play)?;
    let why = "the root of record is not the one that it was shown";
    disputed(play, why, Row::Contradiction, W)
}

pub(super) fn two_samples(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    sampled(play)?;
    play.seal_token(&Under::Leaves)?;
    play.draw_again()?;
    play.answer(&Reply::Checked)?;
    play.open_sample()?;
    super::approved(play.compare()?.approves())?;
    let why = "ATTACK: the worker opened the one sample that it sealed for, and is to be asked for the other";
    disputed(play, why, Row::Contradiction, V)
}

pub(super) fn redraw(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    sample_refused(play)?;
    play.compute(
        &Strategy::Honest,
        "ATTACK: caught off chain, it goes on chain with another root, to be sampled anew",
    )?;
    deliver(play)?;
    let why = "the worker signed another root, and one root has one sample";
    disputed(play, why, Row::Record, W)
}

pub(super) fn withheld_boxes(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.compute(&Strategy::Honest, "does the whole work")?;
    play.commit()?;
    deliver(play)?;
    let deadline = play.schedule()?.record;
    play.pass(deadline, "the worker may still hand over its boxes")?;
    disputed(play, "there are no boxes", Row::Boxes, W)
}

pub(super) fn empty_boxes(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.compute(&Strategy::Honest, "does the whole work")?;
    play.commit()?;
    play.hand_zeros()?;
    deliver(play)?;
    let deadline = play.schedule()?.record;
    play.pass(deadline, "the worker may still hand over its boxes")?;
    let why = "what it was handed is not what was committed to, and it has not acknowledged it";
    disputed(play, why, Row::Boxes, W)
}

pub(super) fn withheld_nonce(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest(play)?;
    let why = "ATTACK: rejects what it has not sampled";
    disputed(play, why, Row::Sample, V)
}

pub(super) fn withheld_token(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    sampled(play)?;
    let deadline = play.schedule()?.token;
    play.pass(deadline, "the worker may still hand over the token")?;
    disputed(play, "there is no token", Row::Token, W)
}

pub(super) fn withheld_reply(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    sampled(play)?;
    play.seal_token(&Under::Leaves)?;
    let why = "ATTACK: rejects, and answers nothing to the token";
    disputed(play, why, Row::Reply, V)
}

pub(super) fn false_hash(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    answered(play, &Under::Leaves, &Reply::Guessed)?;
    expect(
        matches!(play.open_sample(), Err(PlayError::NoAnswer)),
        "leaves are opened to who has not got the token",
    )?;
    let why = "ATTACK: was shown nothing, and rejects";
    disputed(play, why, Row::Reply, V)
}

pub(super) fn denied_seal(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    answered(play, &Under::Leaves, &Reply::Denied)?;
    let why = "ATTACK: rejects what it has found right";
    disputed(play, why, Row::OpenSeal, V)
}

pub(super) fn false_token(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    answered(play, &Under::Nothing, &Reply::Checked)?;
    disputed(play, "the seal is shut", Row::Leaves, W)
}

pub(super) fn made_up_digests(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    answered(play, &Under::Leaves, &Reply::Invented)?;
    let why = "ATTACK: who answers with digests can only reject";
    disputed(play, why, Row::Rerun, V)
}

pub(super) fn withheld_opening(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    answered(play, &Under::Leaves, &Reply::Checked)?;
    let deadline = play.schedule()?.opening;
    play.pass(deadline, "the worker may still open the sample")?;
    disputed(play, "nothing is opened", Row::Opening, W)
}

pub(super) fn hollow_opening(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    answered(play, &Under::Leaves, &Reply::Checked)?;
    play.open_hollow()?;
    let deadline = play.schedule()?.opening;
    play.pass(deadline, "the worker may still hand over what it signed")?;
    disputed(play, "what was signed was not opened", Row::Opening, W)
}

pub(super) fn false_seal(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.work(&cheating(), super::FALSIFIES)?;
    deliver(play)?;
    play.draw_sample()?;
    play.seal_token(&Under::Steps)?;
    play.answer(&Reply::Checked)?;
    play.open_sample()?;
    super::caught(!play.compare()?.approves())?;
    let why = "the seal opens, and a leaf says something else";
    disputed(play, why, Row::FalseSeal, W)
}

pub(super) fn garbage_boxes(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.work(&super::garbage_boxes(), super::SEALS_GARBAGE)?;
    deliver(play)?;
    super::caught(!play.check()?)?;
    disputed(play, "the key opens no result", Row::BadBox, W)
}

pub(super) fn outside_sample(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest(play)?;
    super::approved(play.check()?)?;
    play.name_box_outside()?;
    let why = "ATTACK: disputes a step that nobody sampled";
    disputed(play, why, Row::Else, V)
}

pub(super) fn unearned_approval(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    honest(play)?;
    play.publish(
        Verifier,
        Exit::APPROVED,
        "ATTACK: the verifier approves without looking; what it is paid is nobody's",
    )?;
    rewarded(play, Exit::NORMAL_LONG)
}

/// The client has the verifier's share, so nobody else has the whole settlement; its data the arbiters keep.
pub(super) fn withheld_settlement(play: &mut ContractPlay<'_>) -> Result<Ending, ScenarioError> {
    play.mute(Client);
    play.work(&Strategy::Honest, "does the whole work")?;
    super::approved(play.check()?)?;
    play.hand_over(
        Exit::NORMAL,
        "r = 1: the arbiters keep all that the key opens",
    )?;
    let node = play.find(Exit::NORMAL)?;
    expect(
        play.complete(Worker, node).is_err(),
        "the worker has a settlement that the client has not verified",
    )?;
    deliver(play)?;
    play.publish(
        Verifier,
        Exit::APPROVED,
        "ATTACK: the client keeps the settlement; sample and token stand on chain too",
    )?;
    rewarded(play, Exit::NORMAL_LONG)
}
