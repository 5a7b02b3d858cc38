//! Payments through bankers, and what cheats can do to them.

use narthex_channel::{
    bank::{BankerDuty, BankerError, Coin, ProviderDuty},
    ptlc::Route,
};

use narthex_regtest::Chain;

use super::{BankersOptions, BankersPlay};
use crate::harness::{
    HarnessOptions, Playable, Reporter, Scenario, ScenarioError, expect, is_refused, on_harness,
};

impl Playable for BankersOptions {
    const COMMAND: &'static str = "bank play";
    const SCENARIOS: &'static [Scenario<Self>] = &[
        Scenario::<Self>::needing(
            1,
            "banker",
            "two customers of one banker: paid three times, and closed",
            banker,
        ),
        Scenario::<Self>::needing(
            2,
            "bankers",
            "customers of two bankers; the bankers crash on the way",
            bankers,
        ),
        Scenario::<Self>::needing(
            1,
            "banker-vanishes",
            "ATTACK: the banker falls silent once the payee was paid; the payee claims by the promise",
            banker_vanishes,
        ),
        Scenario::<Self>::needing(
            1,
            "banker-late-secret",
            "ATTACK: the payee holds the secret back until T and D of its bank; the banker collects in time",
            late_secret,
        ),
        Scenario::<Self>::needing(
            1,
            "banker-force-closed",
            "ATTACK: the payer force-closes its bank on the way; the payee claims in the last block; the banker still collects",
            force_closed,
        ),
        Scenario::<Self>::needing(
            1,
            "banker-griefed",
            "ATTACK: the payer never ends a payment; everybody has its coin back",
            griefed,
        ),
        Scenario::<Self>::needing(
            2,
            "bankers-vanish",
            "ATTACK: the second banker vanishes after it promised; it alone loses",
            second_vanishes,
        ),
        Scenario::<Self>::needing(
            2,
            "bankers-cut",
            "ATTACK: the second banker vanishes before it promised; nothing is paid",
            cut,
        ),
    ];

    type Needs = usize;
    on_harness!(BankersPlay);

    fn common(&self) -> &HarnessOptions {
        &self.last.common
    }

    fn check(&self, _: &Scenario<Self>) -> Result<(), ScenarioError> {
        self.last.check_figures()
    }

    fn prepare<'c>(
        &self,
        scenario: &Scenario<Self>,
        chain: &'c mut dyn Chain,
        reporter: &'c mut dyn Reporter,
    ) -> Result<BankersPlay<'c>, ScenarioError> {
        BankersPlay::prepare(chain, &self.last, scenario.needs, reporter)
    }
}

/// Pennies of one payment.
const PAYMENT: u32 = 700;

fn banker(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    for _ in 0..3 {
        play.pay(PAYMENT)?;
    }
    play.close_all()
}

fn bankers(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.pay(PAYMENT)?;
    let mut route = play.begin(PAYMENT)?;
    play.restart()?;
    play.pass_all(&route)?;
    play.restart()?;
    let release = play.release(&mut route)?;
    let release = play.show(1, &release)?;
    play.restart()?;
    play.show_back(0, release, &route)?;
    play.close_all()
}

/// What the payee must do now is this.
fn payee_duty(
    play: &mut BankersPlay<'_>,
    expected: impl Fn(ProviderDuty) -> bool,
) -> Result<(), ScenarioError> {
    let last = play.banks.len() - 1;
    let (tip, coin) = (play.chain().height()?, play.coin(last)?);
    let duty = play.payee().duty(tip, coin);
    expect(expected(duty), format!("the payee is to {duty:?}"))
}

/// Banks that are funded, and a payment through them whose secret the payee has shown.
fn released(play: &mut BankersPlay<'_>) -> Result<Route, ScenarioError> {
    play.fund()?;
    let mut route = play.begin(PAYMENT)?;
    play.pass_all(&route)?;
    play.release(&mut route)?;
    Ok(route)
}

fn banker_vanishes(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    let route = released(play)?;
    // Nobody answers until the payee's bank comes near its end.
    let force_close = play.payee().bank().terms().force_close_height();
    play.harness().wait_for(force_close)?;
    payee_duty(play, |duty| duty == ProviderDuty::ForceClose)?;
    play.force_close(1, 2, "T comes near and nobody answers")?;
    payee_duty(play, |duty| matches!(duty, ProviderDuty::Claim { .. }))?;
    play.claim(1, "the promise, with its secret")?;
    // The banker comes back and reads the claim.
    play.tend(0)?;
    let settled = route.settle(play.payer())?;
    play.settle(0, &settled)?;
    play.close(0)
}

fn late_secret(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    released(play)?;
    let record = play.payee().bank().terms().record().clone();
    // The force close confirms at T itself, where the banker can take nothing back yet.
    play.harness().wait_for(record.refund_height)?;
    play.force_close(1, 2, "held back until T")?;
    let Coin::ForceClosed { height } = play.coin(1)? else {
        return Err(ScenarioError::broken("not force-closed"));
    };
    let last = height + u32::from(record.claim_blocks) - 1;
    while play.chain().height()? + 1 < last {
        if !play.tend(0)? {
            play.harness().mine(1)?;
        }
    }
    play.claim(
        1,
        "held back until the last block before the timeout refund",
    )?;
    // The payer is silent too: the banker, which force-closed its bank in time, claims there within its margin.
    while play.coin(0)? != Coin::Spent {
        if !play.tend(0)? {
            play.harness().mine(1)?;
        }
    }
    in_time(play)
}

/// The banker collected before its payer could take anything back.
fn in_time(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    let record = play.payer().bank().terms().record().clone();
    let tip = play.chain().height()?;
    expect(tip <= record.refund_height, "collected above T")
}

fn force_closed(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    released(play)?;
    play.force_close(0, 0, "to take back what it has paid with")?;
    match play.duties(0)?.as_slice() {
        [(1, BankerDuty::ForceClose)] => {}
        other => return Err(ScenarioError::broken(format!("the banker is to {other:?}"))),
    }
    play.tend(0)?;
    let Coin::ForceClosed { height } = play.coin(1)? else {
        return Err(ScenarioError::broken("not force-closed"));
    };
    let d = play.payee().bank().terms().record().claim_blocks;
    play.harness().wait_for(height + u32::from(d) - 1)?;
    play.claim(1, "in the last block before the timeout refund")?;
    play.tend(0)?;
    match play.coin(0)? {
        Coin::Spent => Ok(()),
        other => Err(ScenarioError::broken(format!("not collected: {other:?}"))),
    }
}

fn griefed(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    play.pay(PAYMENT)?;
    let route = play.begin(PAYMENT)?;
    play.pass_all(&route)?;
    // A second payer's payment goes through beside it.
    play.pay(PAYMENT)?;
    let force_close = play.payee().bank().terms().force_close_height();
    play.harness().wait_for(force_close)?;
    while play.coin(0)? != Coin::Spent || play.coin(1)? != Coin::Spent {
        if !play.tend(0)? && !play.payee_tends()? {
            play.harness().mine(1)?;
        }
    }
    Ok(())
}

fn second_vanishes(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    released(play)?;
    let force_close = play.payee().bank().terms().force_close_height();
    play.harness().wait_for(force_close)?;
    // The payee claims; the second banker is not there to read the secret, nor ever again.
    while play.coin(2)? != Coin::Spent {
        if !play.payee_tends()? {
            play.harness().mine(1)?;
        }
    }
    ends_alone(play)
}

/// The first banker and the payer take back what nobody claims, when they may.
fn ends_alone(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    while play.coin(1)? != Coin::Spent {
        if !play.tend(0)? {
            play.harness().mine(4)?;
        }
    }
    // Deep enough that the banker counts on it.
    let depth = play.policy.depth.blocks();
    play.harness().mine(depth)?;
    play.tend(0)?;
    match play.coin(0)? {
        Coin::Banked { .. } => play.close(0),
        Coin::ForceClosed { height } => {
            let d = play.payer().bank().terms().record().claim_blocks;
            play.harness().wait_for(height + u32::from(d))?;
            play.timeout_refund(0)
        }
        other => Err(ScenarioError::broken(format!(
            "the first bank is {other:?}"
        ))),
    }
}

fn cut(play: &mut BankersPlay<'_>) -> Result<(), ScenarioError> {
    play.fund()?;
    let mut route = play.begin(PAYMENT)?;
    let orders = route.orders();
    let first = orders.first();
    play.pass(0, first.ok_or_else(|| ScenarioError::broken("no order"))?)?;
    let paid = play.release(&mut route);
    let is_refusal = is_refused(&paid, |_: &BankerError| true);
    expect(is_refusal, format!("paid for nothing: {paid:?}"))?;
    ends_alone(play)?;
    // The vanished banker's own coin comes back when it does.
    let t = play.payee().bank().terms().record().refund_height;
    play.harness().wait_for(t + 1)?;
    play.refund(2)
}
