//! Whole lives of banks.

use bitcoin::hashes::Hash;
use narthex_channel::bank::{Coin, Meter, MeterError, PayerDuty, ProviderDuty};
use narthex_contracts::{
    bank::{
        AdaptorCommitment, AdaptorCommitments, BankError, Candidates, FreshChain, Opened, PAYER,
        PROVIDER, Points,
    },
    depth::Depth,
};

use super::{Desk, DeskError, container::Container};

/// A bank's life.
pub struct BankStory {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub summary: &'static str,
    /// The moves.
    pub play: fn(&mut Desk<'_>) -> Result<(), DeskError>,
}

/// All stories.
pub const BANK_STORIES: [BankStory; 9] = [
    story("close", "paid, and closed by both", close),
    story(
        "claim",
        "the payer falls silent; the provider force-closes and claims its best commitment",
        claim,
    ),
    story(
        "refund",
        "the provider never serves; the payer waits for T",
        refund,
    ),
    story(
        "timeout-refund",
        "force-closed by the provider without a penny; the payer waits D blocks",
        timeout_refund,
    ),
    story(
        "resume",
        "stopped by the payer, and gone on with in a new bank",
        resume,
    ),
    story(
        "purse",
        "a program pays for itself until its purse is empty; both crash on the way",
        purse,
    ),
    story(
        "accessor",
        "whoever asks brings the pennies, slice by slice",
        accessor,
    ),
    story(
        "chosen",
        "a bank whose chain of commitments third parties rely on, by cut and choose",
        chosen,
    ),
    story(
        "false-commitment",
        "ATTACK: the payer signs a commitment that its penny does not complete",
        false_commitment,
    ),
];

const fn story(
    name: &'static str,
    summary: &'static str,
    play: fn(&mut Desk<'_>) -> Result<(), DeskError>,
) -> BankStory {
    BankStory {
        name,
        summary,
        play,
    }
}

fn close(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    desk.fund()?;
    desk.pay(1_300)?;
    desk.close(false).map(drop)
}

/// Waits until the provider must force-close, and lets it do what it must.
fn end_by_the_provider(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    let force_close = desk.provider.bank().terms().force_close_height();
    desk.table.wait_for(force_close)?;
    provider_duty(desk, |duty| duty == ProviderDuty::ForceClose)?;
    desk.force_close(PROVIDER, "T comes near and nobody answers")?;
    provider_duty(desk, |duty| matches!(duty, ProviderDuty::Claim { .. }))?;
    desk.claim()
}

fn provider_duty(
    desk: &mut Desk<'_>,
    expected: impl Fn(ProviderDuty) -> bool,
) -> Result<(), DeskError> {
    let (tip, coin) = (desk.chain().height()?, desk.coin()?);
    let duty = desk.provider.duty(tip, coin);
    match expected(duty) {
        true => Ok(()),
        false => Err(DeskError::broken(format!("the provider is to {duty:?}"))),
    }
}

fn payer_duty(desk: &mut Desk<'_>, expected: PayerDuty) -> Result<(), DeskError> {
    let (tip, coin) = (desk.chain().height()?, desk.coin()?);
    let duty = desk.payer.duty(tip, coin);
    match duty == expected {
        true => Ok(()),
        false => Err(DeskError::broken(format!("the payer is to {duty:?}"))),
    }
}

fn claim(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    desk.fund()?;
    desk.pay(1_300)?;
    end_by_the_provider(desk)
}

fn refund(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    desk.fund()?;
    let t = desk.payer.bank().terms().record().refund_height;
    desk.table.wait_for(t)?;
    payer_duty(desk, PayerDuty::None)?;
    desk.table.wait_for(t.saturating_add(1))?;
    payer_duty(desk, PayerDuty::Refund)?;
    desk.refund()
}

fn timeout_refund(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    desk.fund()?;
    desk.force_close(
        PROVIDER,
        "ATTACK: stops a bank that it was paid nothing from",
    )?;
    let blocks = u32::from(desk.payer.bank().terms().record().claim_blocks);
    let ripe = desk.force_closed_at()?.saturating_add(blocks);
    desk.table.wait_for(ripe.saturating_sub(1))?;
    payer_duty(desk, PayerDuty::None)?;
    desk.table.wait_for(ripe)?;
    payer_duty(desk, PayerDuty::TimeoutRefund)?;
    desk.timeout_refund()
}

fn resume(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    desk.fund()?;
    desk.pay(700)?;
    desk.force_close(PAYER, "a pause")?;
    desk.resume()?;
    desk.pay(400)?;
    desk.restart()?;
    desk.pay(500)?;
    desk.close(false).map(drop)
}

/// Pennies for one slice of a program's run.
const SLICE: u32 = 20;

fn purse(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    desk.fund()?;
    let (mut purse, commitments) = desk.payer.purse(1_000, desk.table.rng())?;
    desk.provider.take_commitments(&commitments)?;
    desk.commitments += commitments.commitments.len();
    let mut top = None;
    let (mut meter, mut program) = (Meter::new(SLICE, 0), Container::new()?);
    let mut slices = 0;
    while let Ok(penny) = purse.pay(SLICE) {
        meter.serve(&mut desk.provider, 1, Some(&penny))?;
        program.slice()?;
        slices += 1;
        if slices == 20 {
            desk.restart()?;
            // The container, too, comes back from what it wrote: how far it is.
            let (steps, before) = (program.steps(), program.digest());
            program = Container::resume(steps)?;
            if program.digest() != before {
                return Err(DeskError::broken("the program went on from elsewhere"));
            }
        }
        top = Some(penny);
    }
    let spent = top.map_or(0, |penny| penny.index);
    if purse.left() > 0 || spent != desk.provider.paid() {
        return Err(DeskError::broken("the purse was not spent to its end"));
    }
    let (served, steps) = (meter.served(), program.steps());
    let what = format!(
        "reads {steps} images in {slices} slices for {served} pennies without a key: {:.8}",
        program.digest()
    );
    desk.table
        .step("program", what, "the container pays for itself")?;
    end_by_the_provider(desk)
}

fn accessor(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    desk.fund()?;
    desk.sign_commitments(8)?;
    let (mut meter, mut program) = (Meter::new(SLICE, 0), Container::new()?);
    match meter.serve(&mut desk.provider, 1, None) {
        Err(MeterError::Due { due: SLICE, .. }) => {}
        other => return Err(DeskError::broken(format!("served for nothing: {other:?}"))),
    }
    for _ in 0..40 {
        let due = meter.due(&desk.provider, 1);
        let penny = desk.payer.pay(due)?;
        meter.serve(&mut desk.provider, 1, Some(&penny))?;
        program.slice()?;
    }
    let what = format!(
        "asks for 40 slices with {SLICE} pennies each: {} images, {:.8}",
        program.steps(),
        program.digest()
    );
    desk.table.step("payer", what, "accessor pays")?;
    desk.close(false).map(drop)
}

/// Candidates of the cut and choose.
const CANDIDATES: usize = 8;

fn chosen(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    let model = desk.payer.bank().terms().record().clone();
    let mut secrets = Vec::with_capacity(CANDIDATES);
    let mut entries = Vec::with_capacity(CANDIDATES);
    for _ in 0..CANDIDATES {
        let fresh = FreshChain::draw(desk.table.rng());
        let (salt, seed) = (fresh.salt().to_byte_array(), *fresh.seed().expose());
        entries.push(Candidates::entry(&model, salt, seed)?);
        secrets.push(fresh);
    }
    let set = Candidates::new(model, entries)?;
    desk.table.step(
        "payer",
        format!("publishes {CANDIDATES} candidates"),
        "others rely on one",
    )?;
    // The block after the commitment is the beacon, once it is buried: secrets shown for one that a reorganisation takes
    // away would let the payer know two draws and choose.
    let height = desk.chain().height()?.saturating_add(1);
    desk.table
        .wait_for(Depth::LEAST.reached_at(height).saturating_add(1))?;
    let beacon = desk.chain().block_hash(height)?.to_byte_array();
    let kept = set.kept(&beacon);
    let opened = secrets.iter().enumerate().filter(|(i, _)| *i != kept);
    let opened = opened
        .map(|(candidate, fresh)| Opened {
            candidate,
            seed: *fresh.seed().expose(),
        })
        .collect::<Vec<_>>();
    let fresh = secrets.into_iter().nth(kept);
    let fresh = fresh.ok_or_else(|| DeskError::broken("no candidate kept"))?;
    let seed = *fresh.seed().expose();
    let points = Points::of_chain(&set.terms(kept)?, seed)?;
    let (terms, points) = set.check(&beacon, &opened, points)?;
    let what = format!("recompute {} and rely on number {kept}", opened.len());
    desk.table.step(
        "third parties",
        what,
        "one false candidate would pass once in 8 times",
    )?;
    desk.replace(terms.record().clone(), fresh, points)?;
    desk.fund()?;
    desk.pay(1_300)?;
    end_by_the_provider(desk)
}

fn false_commitment(desk: &mut Desk<'_>) -> Result<(), DeskError> {
    desk.fund()?;
    desk.pay(700)?;
    // The next commitment that falls due, under the point of a secret that is not its penny's.
    let lie = desk.table.random();
    let key = desk.key(PAYER)?;
    let due = desk.payer.commitments(1, desk.table.rng())?;
    let index = due.commitments.first().map(|commitment| commitment.index);
    let index = index.ok_or_else(|| DeskError::broken("no commitment is due"))?;
    let commitment =
        AdaptorCommitment::sign(desk.payer.bank(), &key, index, &lie, desk.table.rng())?;
    let (bank, commitments) = (due.bank, vec![commitment]);
    desk.provider
        .take_commitments(&AdaptorCommitments { bank, commitments })?;
    desk.commitments += 1;
    let penny = desk.payer.pay(index - desk.provider.paid())?;
    let taken = desk.provider.accept(&penny)?;
    if taken.false_commitment != Some(index) {
        return Err(DeskError::broken("the false commitment was not found"));
    }
    let (lost, enforceable) = (taken.total - taken.enforceable, taken.enforceable);
    let what = format!(
        "finds commitment {index} false: {enforceable} pennies are enforceable, {lost} are not"
    );
    desk.table.step(
        "provider",
        what,
        "the penny shows its point; nothing was served for it",
    )?;
    match desk.payer.pay(1).map(|penny| desk.provider.accept(&penny)) {
        Ok(Err(BankError::Phase { .. })) => {}
        other => return Err(DeskError::broken(format!("served a cheater: {other:?}"))),
    }
    if !matches!(desk.coin()?, Coin::Banked { .. }) {
        return Err(DeskError::broken("the coin moved"));
    }
    provider_duty(desk, |duty| duty == ProviderDuty::ForceClose)?;
    desk.force_close(PROVIDER, "the payer cheated")?;
    desk.claim()
}
