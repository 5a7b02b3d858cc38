//! Whole lives of banks.

use bitcoin::hashes::Hash;
use narthex_channel::{
    StepError,
    bank::{BankInput, Coin, Meter, MeterError, PayerDuty, ProviderDuty, SideError},
};
use narthex_contracts::{
    bank::{
        AdaptorCommitment, BankError, Candidates, FreshChain, Opened, PAYER, PROVIDER, Phase,
        Points,
    },
    depth::Depth,
};
use narthex_regtest::Chain;

use super::{
    BankOptions, BankPlay, KeptError, container::Container, keeper::Keeper as _, sides::Who,
};
use crate::harness::{
    HarnessOptions, Playable, Reporter, Scenario, ScenarioError, expect, is_refused, on_harness,
};

impl Playable for BankOptions {
    const COMMAND: &'static str = "bank play";
    const SCENARIOS: &'static [Scenario<Self>] = &[
        Scenario::<Self>::new("close", "paid, and closed by both", close),
        Scenario::<Self>::new(
            "claim",
            "the payer falls silent; the provider force-closes and claims its best commitment",
            claim,
        ),
        Scenario::<Self>::new(
            "refund",
            "the provider never serves; the payer waits for T",
            refund,
        ),
        Scenario::<Self>::new(
            "timeout-refund",
            "force-closed by the provider without a penny; the payer waits D blocks",
            timeout_refund,
        ),
        Scenario::<Self>::new(
            "resume",
            "stopped by the payer, and gone on with in a new bank",
            resume,
        ),
        Scenario::<Self>::new(
            "purse",
            "a program pays for itself until its purse is empty; both crash on the way",
            purse,
        ),
        Scenario::<Self>::new(
            "accessor",
            "whoever asks brings the pennies, slice by slice",
            accessor,
        ),
        Scenario::<Self>::new(
            "chosen",
            "a bank whose chain of commitments third parties rely on, by cut and choose",
            chosen,
        ),
        Scenario::<Self>::new(
            "false-commitment",
            "ATTACK: the payer signs a commitment that its penny does not complete",
            false_commitment,
        ),
    ];

    type Needs = ();
    on_harness!(BankPlay);

    fn common(&self) -> &HarnessOptions {
        &self.common
    }

    fn check(&self, _: &Scenario<Self>) -> Result<(), ScenarioError> {
        self.check_figures()
    }

    fn prepare<'c>(
        &self,
        _: &Scenario<Self>,
        chain: &'c mut dyn Chain,
        reporter: &'c mut dyn Reporter,
    ) -> Result<BankPlay<'c>, ScenarioError> {
        BankPlay::prepare(chain, self, reporter)
    }
}

fn close(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.pay(1_300)?;
    play.close()
}

/// Waits until the provider must force-close, and lets it do what it must.
fn end_by_the_provider(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    let force_close = play.provider()?.bank().terms().force_close_height();
    play.harness.wait_for(force_close)?;
    provider_duty(play, |duty| duty == ProviderDuty::ForceClose)?;
    play.force_close(PROVIDER, "T comes near and nobody answers")?;
    provider_duty(play, |duty| matches!(duty, ProviderDuty::Claim { .. }))?;
    play.claim()
}

fn provider_duty(
    play: &mut BankPlay<'_>,
    expected: impl Fn(ProviderDuty) -> bool,
) -> Result<(), ScenarioError> {
    let (tip, coin) = (play.chain().height()?, play.coin()?);
    let duty = play.provider()?.duty(tip, coin);
    expect(expected(duty), format!("the provider is to {duty:?}"))
}

fn payer_duty(play: &mut BankPlay<'_>, expected: PayerDuty) -> Result<(), ScenarioError> {
    let (tip, coin) = (play.chain().height()?, play.coin()?);
    let duty = play.payer()?.duty(tip, coin);
    expect(duty == expected, format!("the payer is to {duty:?}"))
}

fn claim(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.pay(1_300)?;
    end_by_the_provider(play)
}

fn refund(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let t = play.payer()?.bank().terms().record().refund_height;
    play.harness.wait_for(t)?;
    payer_duty(play, PayerDuty::None)?;
    play.harness.wait_for(t.saturating_add(1))?;
    payer_duty(play, PayerDuty::Refund)?;
    play.refund()
}

fn timeout_refund(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.force_close(
        PROVIDER,
        "ATTACK: stops a bank that it was paid nothing from",
    )?;
    let blocks = u32::from(play.payer()?.bank().terms().record().claim_blocks);
    let ripe = play.force_closed_at()?.saturating_add(blocks);
    play.harness.wait_for(ripe.saturating_sub(1))?;
    payer_duty(play, PayerDuty::None)?;
    play.harness.wait_for(ripe)?;
    payer_duty(play, PayerDuty::TimeoutRefund)?;
    play.timeout_refund()
}

fn resume(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.pay(700)?;
    play.force_close(PAYER, "a pause")?;
    play.resume()?;
    play.pay(400)?;
    play.restart()?;
    play.pay(500)?;
    play.close()
}

/// Pennies of a purse.
const PURSE: u32 = 1_000;

/// Pennies for one slice of a program's run.
const SLICE: u32 = 20;

fn purse(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.wait_deep()?;
    // They count as paid; the program carries them in the payer's place.
    play.sides.payer(&BankInput::Pay { to: PURSE })?;
    let (mut purse, commitments) = play.with_payer(|payer, rng| Ok(payer.purse(PURSE, rng)?))?;
    play.take_commitments(commitments)?;
    let mut top = None;
    let (mut meter, mut program) = (Meter::new(SLICE, 0), Container::new()?);
    let mut slices = 0;
    while let Ok(penny) = purse.pay(SLICE) {
        let brought = play.carry(penny)?;
        play.sides.provider(&BankInput::Penny(brought))?;
        meter.count(&*play.provider()?, 1)?;
        program.slice()?;
        slices += 1;
        if slices == 20 {
            play.restart()?;
            // The container, too, comes back from what it wrote: how far it is.
            let (steps, before) = (program.steps(), program.digest());
            program = Container::resume(steps)?;
            if program.digest() != before {
                return Err(ScenarioError::broken("the program went on from elsewhere"));
            }
        }
        top = Some(penny);
    }
    let spent = top.map_or(0, |penny| penny.index);
    if purse.left() > 0 || spent != play.provider()?.paid() {
        return Err(ScenarioError::broken("the purse was not spent to its end"));
    }
    let (served, steps) = (meter.served(), program.steps());
    let what = format!(
        "reads {steps} images in {slices} slices for {served} pennies without a key: {:.8}",
        program.digest()
    );
    play.harness
        .step("program", what, "the container pays for itself")?;
    end_by_the_provider(play)
}

fn accessor(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.wait_deep()?;
    play.give_commitments(8)?;
    let (mut meter, mut program) = (Meter::new(SLICE, 0), Container::new()?);
    match meter.count(&*play.provider()?, 1) {
        Err(MeterError::Due { due: SLICE, .. }) => {}
        other => {
            return Err(ScenarioError::broken(format!(
                "served for nothing: {other:?}"
            )));
        }
    }
    for _ in 0..40 {
        let due = meter.due(&*play.provider()?, 1);
        play.pay_at_once(due)?;
        meter.count(&*play.provider()?, 1)?;
        program.slice()?;
    }
    let what = format!(
        "asks for 40 slices with {SLICE} pennies each: {} images, {:.8}",
        program.steps(),
        program.digest()
    );
    play.harness.step("payer", what, "accessor pays")?;
    play.close()
}

/// Candidates of the cut and choose.
const CANDIDATES: usize = 8;

fn chosen(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    let model = play.payer()?.bank().terms().record().clone();
    let mut secrets = Vec::with_capacity(CANDIDATES);
    let mut entries = Vec::with_capacity(CANDIDATES);
    for _ in 0..CANDIDATES {
        let fresh = FreshChain::draw(play.harness.rng());
        let (salt, seed) = (fresh.salt().to_byte_array(), *fresh.seed().expose());
        entries.push(Candidates::entry(&model, salt, seed)?);
        secrets.push(fresh);
    }
    let set = Candidates::new(model, entries)?;
    play.harness.step(
        "payer",
        format!("publishes {CANDIDATES} candidates"),
        "others rely on one",
    )?;
    // The block after the commitment is the beacon, once it is buried: secrets shown for one that a reorganisation takes
    // away would let the payer know two draws and choose.
    let height = play.chain().height()?.saturating_add(1);
    play.harness
        .wait_for(Depth::LEAST.reached_at(height).saturating_add(1))?;
    let beacon = play.chain().block_hash(height)?.to_byte_array();
    let kept = set.kept(&beacon);
    let opened = secrets.iter().enumerate().filter(|(i, _)| *i != kept);
    let opened = opened
        .map(|(candidate, fresh)| Opened {
            candidate,
            seed: *fresh.seed().expose(),
        })
        .collect::<Vec<_>>();
    let fresh = secrets.into_iter().nth(kept);
    let fresh = fresh.ok_or_else(|| ScenarioError::broken("no candidate kept"))?;
    let seed = *fresh.seed().expose();
    let points = Points::of_chain(&set.terms(kept)?, seed)?;
    let (terms, points) = set.check(&beacon, &opened, points)?;
    let what = format!("recompute {} and rely on number {kept}", opened.len());
    play.harness.step(
        "third parties",
        what,
        "one false candidate would pass once in 8 times",
    )?;
    play.replace(terms.record().clone(), fresh, points)?;
    play.fund()?;
    play.pay(1_300)?;
    end_by_the_provider(play)
}

fn false_commitment(play: &mut BankPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.pay(700)?;
    // The next commitment that falls due, under the point of a secret that is not its penny's.
    let (lie, key) = (play.harness.random(), play.key(Who::Payer)?);
    let due = play.with_payer(|payer, rng| {
        let mut due = payer.commitments(1, rng)?;
        for one in &mut due.commitments {
            *one = AdaptorCommitment::sign(payer.bank(), &key, one.index, &lie, rng)?;
        }
        Ok(due)
    })?;
    let index = due.commitments.first().map(|commitment| commitment.index);
    let index = index.ok_or_else(|| ScenarioError::broken("no commitment is due"))?;
    play.take_commitments(due)?;
    play.pay_at_once(index - play.provider()?.paid())?;
    let book = play.provider()?;
    let is_found = book.phase() == Phase::Cheated && book.enforceable() < index;
    expect(is_found, "the false commitment was not found")?;
    let enforceable = book.enforceable();
    let lost = book.paid() - enforceable;
    let what = format!(
        "finds commitment {index} false: {enforceable} pennies are enforceable, {lost} are not"
    );
    play.harness.step(
        "provider",
        what,
        "the penny shows its point; nothing was served for it",
    )?;
    let served = play.pay_at_once(1);
    let is_refusal = is_refused(&served, |error: &KeptError| {
        let KeptError::Side { error, .. } = error else {
            return false;
        };
        let refused = StepError::Refused(SideError::Bank(BankError::Phase {
            phase: Phase::Cheated,
            what: "penny",
        }));
        error.to_string() == refused.to_string()
    });
    expect(is_refusal, format!("served a cheater: {served:?}"))?;
    if !matches!(play.coin()?, Coin::Banked { .. }) {
        return Err(ScenarioError::broken("the coin moved"));
    }
    provider_duty(play, |duty| duty == ProviderDuty::ForceClose)?;
    play.force_close(PROVIDER, "the payer cheated")?;
    play.claim()
}
