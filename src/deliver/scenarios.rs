//! Whole deliveries.

use narthex_channel::delivery::{AgentEffect, SenderEffect};
use narthex_contracts::deliver::{
    AgentDuty, Coin, DeliverError, Evidence, Fault, Reading, SenderDuty,
};
use narthex_contracts::terms::FeeRate;

use narthex_regtest::Chain;

use super::{DeliveryOptions, DeliveryPlay, moves::name};
use crate::harness::{
    HarnessOptions, Playable, Reporter, Scenario, ScenarioError, expect, is_refused, on_harness,
};

impl Playable for DeliveryOptions {
    const COMMAND: &'static str = "deliver play";
    const SCENARIOS: &'static [Scenario<Self>] = &[
        Scenario::<Self>::needing(
            1,
            "delivered",
            "asked for, checked, claimed, read",
            delivered,
        ),
        Scenario::<Self>::needing(1, "refund", "nobody asks; the sender waits for T", refund),
        Scenario::<Self>::needing(
            1,
            "late",
            "the recipient comes too late to pay anybody",
            late,
        ),
        Scenario::<Self>::needing(
            1,
            "away",
            "the recipient comes back when the claim is deep, and reads it",
            away,
        ),
        Scenario::<Self>::needing(1, "crash", "all parties crash after every step", crash),
        Scenario::<Self>::needing(
            1,
            "replaced",
            "fees rise; the claim is replaced by one that pays more",
            replaced,
        ),
        Scenario::<Self>::needing(
            2,
            "silent",
            "the first agent is accepted and does nothing; another is paid",
            silent,
        ),
        Scenario::<Self>::needing(2, "race", "two agents are accepted; one is paid", race),
        Scenario::<Self>::needing(
            2,
            "bad-leaf",
            "ATTACK: an agent serves other bytes, and another's branch",
            bad_leaf,
        ),
        Scenario::<Self>::needing(
            1,
            "no-message",
            "ATTACK: the sender commits to bytes that are no message, and is convicted",
            no_message,
        ),
    ];

    type Needs = u8;
    on_harness!(DeliveryPlay);

    fn common(&self) -> &HarnessOptions {
        &self.common
    }

    fn check(&self, scenario: &Scenario<Self>) -> Result<(), ScenarioError> {
        let (given, least) = (self.agents, scenario.needs);
        if given < least {
            let what = "agents";
            return Err(ScenarioError::Few { what, given, least });
        }
        self.check_figures()
    }

    fn prepare<'c>(
        &self,
        _: &Scenario<Self>,
        chain: &'c mut dyn Chain,
        reporter: &'c mut dyn Reporter,
    ) -> Result<DeliveryPlay<'c>, ScenarioError> {
        DeliveryPlay::prepare(chain, self, reporter)
    }
}

fn agent_duty(
    play: &mut DeliveryPlay<'_>,
    agent: u8,
    expected: AgentDuty,
) -> Result<(), ScenarioError> {
    let (tip, coin) = play.status()?;
    let duty = play.agent(agent)?.duty(tip, coin);
    expect(duty == expected, format!("{} is to {duty:?}", name(agent)))?;
    // Its machine says the same.
    play.look()?;
    let due = play.agent_side(agent)?.side.pending();
    let is_same = match expected {
        AgentDuty::Serve => due == [AgentEffect::Serve],
        AgentDuty::Claim => due == [AgentEffect::Claim],
        AgentDuty::Wait | AgentDuty::Done => due.is_empty(),
    };
    expect(
        is_same,
        format!("the machine of {} has {due:?}", name(agent)),
    )
}

fn sender_duty(play: &mut DeliveryPlay<'_>, expected: SenderDuty) -> Result<(), ScenarioError> {
    let (tip, coin) = play.status()?;
    let duty = play.sender()?.duty(tip, coin);
    expect(duty == expected, format!("the sender is to {duty:?}"))?;
    // Its machine says the same.
    play.look()?;
    let due = play.sender.side.pending();
    let is_same = match expected {
        SenderDuty::Fund => due == [SenderEffect::Fund],
        SenderDuty::Refund => due == [SenderEffect::Refund],
        _ => due.is_empty(),
    };
    expect(is_same, format!("the sender's machine has {due:?}"))
}

/// Funded, deep enough, found by the recipient.
fn begin(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    sender_duty(play, SenderDuty::Fund)?;
    play.fund()?;
    agent_duty(play, 0, AgentDuty::Wait)?;
    play.bury()?;
    agent_duty(play, 0, AgentDuty::Serve)?;
    play.scan()
}

fn read_all(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    let reading = play.read()?;
    let same = reading == Reading::Message(play.options.message.clone());
    expect(same, "the recipient read something else")?;
    expect(play.coin()? == Coin::Spent, "the coin is still there")?;
    play.finish()
}

fn delivered(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    begin(play)?;
    play.ask(0)?;
    play.hand_over(0)?;
    agent_duty(play, 0, AgentDuty::Claim)?;
    play.claim(0, "it was accepted, and the key is its own to show")?;
    agent_duty(play, 0, AgentDuty::Done)?;
    read_all(play)
}

/// Waits until the refund is due, and lets the sender do what it must.
fn take_back(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    let t = play.delivery().terms().record().refund_height;
    play.harness.wait_for(t)?;
    sender_duty(play, SenderDuty::Wait)?;
    play.harness.wait_for(t.saturating_add(1))?;
    sender_duty(play, SenderDuty::Refund)?;
    play.refund("nobody claimed until T")
}

fn refund(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    begin(play)?;
    take_back(play)
}

fn late(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    begin(play)?;
    play.ask(0)?;
    let terms = play.delivery().terms().record();
    let last = terms
        .refund_height
        .saturating_sub(terms.claim_blocks.into());
    // The tip is then one above the last at which a claim has its blocks.
    play.harness.wait_for(last.saturating_add(2))?;
    let late = play.hand_over(0);
    let is_late = |error: &DeliverError| matches!(error, DeliverError::TooLate { .. });
    expect(
        is_refused(&late, is_late),
        format!("handed over late: {late:?}"),
    )?;
    let what = "signs nothing".into();
    play.harness.step(
        "recipient",
        what,
        "a claim might not confirm before the refund",
    )?;
    agent_duty(play, 0, AgentDuty::Wait)?;
    take_back(play)?;
    play.finish()
}

fn away(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    begin(play)?;
    play.ask(0)?;
    play.hand_over(0)?;
    play.claim(0, "it was accepted, and the key is its own to show")?;
    play.bury()?;
    play.restart()?;
    let what = "comes back when the claim is deep".into();
    (play.harness).step("recipient", what, "it was away since it accepted")?;
    read_all(play)
}

fn crash(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    play.restart()?;
    begin(play)?;
    play.restart()?;
    play.ask(0)?;
    play.restart()?;
    play.hand_over(0)?;
    play.restart()?;
    play.claim(0, "its acceptance was written down")?;
    play.restart()?;
    read_all(play)
}

fn replaced(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    begin(play)?;
    play.ask(0)?;
    play.hand_over(0)?;
    let (low, _) = play.claim_of(0)?;
    play.chain().submit(&low)?;
    let what = "publishes a claim that does not confirm".into();
    play.harness.step(&name(0), what, "fees have risen")?;
    let rate = play.harness.rate();
    play.harness.set_rate(FeeRate::from_sat_per_kwu(
        rate.to_sat_per_kwu().saturating_mul(4),
    ));
    let high = play.claim(0, "the same coin, signed again with a higher fee")?;
    expect(
        high.compute_txid() != low.compute_txid(),
        "nothing was replaced",
    )?;
    read_all(play)
}

/// Whether a second agent serves although one was accepted. One that serves alone says why not.
fn second_serves(play: &mut DeliveryPlay<'_>) -> Result<bool, ScenarioError> {
    let asked = play.ask(1);
    let not_alone = |error: &DeliverError| matches!(error, DeliverError::NotAlone { .. });
    match asked {
        Ok(()) => Ok(true),
        asked if play.options.alone && is_refused(&asked, not_alone) => {
            let what = "declines: another was accepted".into();
            let why = "that other might outbid its claim";
            play.harness.step(&name(1), what, why)?;
            Ok(false)
        }
        other => other.map(|()| true),
    }
}

fn silent(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    begin(play)?;
    play.ask(0)?;
    play.hand_over(0)?;
    play.harness.mine(6)?;
    let what = "did not claim in 6 blocks".into();
    play.harness
        .step(&name(0), what, "ATTACK: it wants the recipient to wait")?;
    if second_serves(play)? {
        play.hand_over(1)?;
        play.claim(1, "the first agent slept")?;
    } else {
        play.claim(0, "nobody else would serve, and it wants its pay")?;
    }
    read_all(play)
}

fn race(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    begin(play)?;
    play.ask(0)?;
    play.hand_over(0)?;
    if !second_serves(play)? {
        play.claim(0, "there is no race")?;
        return read_all(play);
    }
    play.hand_over(1)?;
    let (first, _) = play.claim_of(0)?;
    play.chain().submit(&first)?;
    let what = format!("publishes {}", first.compute_txid());
    play.harness.step(&name(0), what, "it was asked first")?;
    let rate = play.harness.rate();
    play.harness.set_rate(FeeRate::from_sat_per_kwu(
        rate.to_sat_per_kwu().saturating_mul(3),
    ));
    play.claim(1, "a higher fee replaces the other's claim")?;
    let lost = play.harness.confirmed_at(first.compute_txid())?;
    expect(lost.is_none(), "two agents were paid")?;
    read_all(play)
}

fn bad_leaf(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    begin(play)?;
    let good = play.served(0)?;
    let other = play.served(1)?;
    let mut bytes = good.clone();
    if let Some(first) = bytes.copy.first_mut() {
        *first ^= 1;
    }
    let mut branch = good.clone();
    branch.branch = other.branch.clone();
    let mut index = good.clone();
    index.agent = 1;
    for (bad, what) in [
        (bytes, "other bytes"),
        (branch, "a false branch"),
        (index, "as another's"),
    ] {
        let kept = play.keep(bad);
        let is_false = |error: &DeliverError| matches!(error, DeliverError::Leaf { .. });
        expect(
            is_refused(&kept, is_false),
            format!("{what} was taken: {kept:?}"),
        )?;
        let why = "ATTACK: it wants to be paid for nothing";
        play.harness
            .step(&name(0), format!("serves {what}; refused"), why)?;
    }
    play.ask(1)?;
    play.hand_over(1)?;
    play.claim(1, "it served what the root says")?;
    read_all(play)
}

fn no_message(play: &mut DeliveryPlay<'_>) -> Result<(), ScenarioError> {
    let length = play.sender.envelope.len();
    play.lie(vec![0x5a; length])?;
    begin(play)?;
    play.ask(0)?;
    play.hand_over(0)?;
    play.claim(0, "it served what it was given")?;
    let Reading::Fraud(evidence) = play.read()? else {
        return Err(ScenarioError::broken("garbage was read"));
    };
    let evidence: Evidence = play.harness.send("recipient", "anybody", &*evidence)?;
    let guilt = evidence.judge()?;
    expect(guilt.fault == Fault::DoesNotDecrypt, "another fault")?;
    let funded = play.harness.confirmed_at(guilt.funding)?;
    expect(funded.is_some(), "the evidence is about another funding")?;
    let what = format!("convicts who funded {}", guilt.funding);
    play.harness.step(
        "anybody",
        what,
        "its envelope does not decrypt under its own key",
    )
}
