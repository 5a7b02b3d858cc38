//! Payments through bankers, and what cheats can do to them.

use narthex_channel::bank::{BankerDuty, Coin, ProviderDuty};

use super::{DeskError, Exchange};

/// A story of customers and bankers.
pub struct BankerStory {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub summary: &'static str,
    /// How many bankers there are.
    pub bankers: usize,
    /// The moves.
    pub play: fn(&mut Exchange<'_>) -> Result<(), DeskError>,
}

/// All stories.
pub const BANKER_STORIES: [BankerStory; 8] = [
    story(
        ("banker", 1),
        "two customers of one banker: paid three times, and closed",
        banker,
    ),
    story(
        ("bankers", 2),
        "customers of two bankers; the bankers crash on the way",
        bankers,
    ),
    story(
        ("banker-vanishes", 1),
        "ATTACK: the banker falls silent once the payee was paid; the payee claims by the promise",
        banker_vanishes,
    ),
    story(
        ("banker-late-secret", 1),
        "ATTACK: the payee holds the secret back until T and D of its bank; the banker collects in time",
        late_secret,
    ),
    story(
        ("banker-force-closed", 1),
        "ATTACK: the payer force-closes its bank on the way; the payee claims in the last block; the banker still collects",
        force_closed,
    ),
    story(
        ("banker-griefed", 1),
        "ATTACK: the payer never ends a payment; everybody has its coin back",
        griefed,
    ),
    story(
        ("bankers-vanish", 2),
        "ATTACK: the second banker vanishes after it promised; it alone loses",
        second_vanishes,
    ),
    story(
        ("bankers-cut", 2),
        "ATTACK: the second banker vanishes before it promised; nothing is paid",
        cut,
    ),
];

const fn story(
    (name, bankers): (&'static str, usize),
    summary: &'static str,
    play: fn(&mut Exchange<'_>) -> Result<(), DeskError>,
) -> BankerStory {
    BankerStory {
        name,
        summary,
        bankers,
        play,
    }
}

/// Pennies of one payment.
const PAYMENT: u32 = 700;

fn banker(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    exchange.fund()?;
    for _ in 0..3 {
        exchange.pay(PAYMENT)?;
    }
    exchange.close_all()
}

fn bankers(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    exchange.fund()?;
    exchange.pay(PAYMENT)?;
    let mut route = exchange.begin(PAYMENT)?;
    exchange.restart()?;
    exchange.pass_all(&route)?;
    exchange.restart()?;
    let release = exchange.release(&mut route)?;
    let release = exchange.show(1, &release)?;
    exchange.restart()?;
    exchange.show_back(0, release, &route)?;
    exchange.close_all()
}

/// What the payee must do now is this.
fn payee_duty(
    exchange: &mut Exchange<'_>,
    expected: impl Fn(ProviderDuty) -> bool,
) -> Result<(), DeskError> {
    let last = exchange.banks.len() - 1;
    let (tip, coin) = (exchange.chain().height()?, exchange.coin(last)?);
    let duty = exchange.payee().duty(tip, coin);
    match expected(duty) {
        true => Ok(()),
        false => Err(DeskError::broken(format!("the payee is to {duty:?}"))),
    }
}

fn banker_vanishes(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    exchange.fund()?;
    let mut route = exchange.begin(PAYMENT)?;
    exchange.pass_all(&route)?;
    exchange.release(&mut route)?;
    // Nobody answers until the payee's bank comes near its end.
    let force_close = exchange.payee().bank().terms().force_close_height();
    exchange.table().wait_for(force_close)?;
    payee_duty(exchange, |duty| duty == ProviderDuty::ForceClose)?;
    exchange.force_close(1, 2, "T comes near and nobody answers")?;
    payee_duty(exchange, |duty| matches!(duty, ProviderDuty::Claim { .. }))?;
    exchange.claim(1, "the promise, with its secret")?;
    // The banker comes back and reads the claim.
    exchange.tend(0)?;
    let settled = route.settle(exchange.payer())?;
    exchange.settle(0, &settled)?;
    exchange.close(0)
}

fn late_secret(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    exchange.fund()?;
    let mut route = exchange.begin(PAYMENT)?;
    exchange.pass_all(&route)?;
    exchange.release(&mut route)?;
    let record = exchange.payee().bank().terms().record().clone();
    // The force close confirms at T itself, where the banker can take nothing back yet.
    exchange.table().wait_for(record.refund_height)?;
    exchange.force_close(1, 2, "held back until T")?;
    let Coin::ForceClosed { height } = exchange.coin(1)? else {
        return Err(DeskError::broken("not force-closed"));
    };
    let last = height + u32::from(record.claim_blocks) - 1;
    while exchange.chain().height()? + 1 < last {
        if !exchange.tend(0)? {
            exchange.table().mine(1)?;
        }
    }
    exchange.claim(
        1,
        "held back until the last block before the timeout refund",
    )?;
    // The payer is silent too: the banker, which force-closed its bank in time, claims there within its margin.
    while exchange.coin(0)? != Coin::Spent {
        if !exchange.tend(0)? {
            exchange.table().mine(1)?;
        }
    }
    in_time(exchange)
}

/// The banker collected before its payer could take anything back.
fn in_time(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    let record = exchange.payer().bank().terms().record().clone();
    let tip = exchange.chain().height()?;
    match tip <= record.refund_height {
        true => Ok(()),
        false => Err(DeskError::broken("collected above T")),
    }
}

fn force_closed(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    exchange.fund()?;
    let mut route = exchange.begin(PAYMENT)?;
    exchange.pass_all(&route)?;
    exchange.release(&mut route)?;
    exchange.force_close(0, 0, "to take back what it has paid with")?;
    match exchange.duties(0)?.as_slice() {
        [(1, BankerDuty::ForceClose)] => {}
        other => return Err(DeskError::broken(format!("the banker is to {other:?}"))),
    }
    exchange.tend(0)?;
    let Coin::ForceClosed { height } = exchange.coin(1)? else {
        return Err(DeskError::broken("not force-closed"));
    };
    let d = exchange.payee().bank().terms().record().claim_blocks;
    exchange.table().wait_for(height + u32::from(d) - 1)?;
    exchange.claim(1, "in the last block before the timeout refund")?;
    exchange.tend(0)?;
    match exchange.coin(0)? {
        Coin::Spent => Ok(()),
        other => Err(DeskError::broken(format!("not collected: {other:?}"))),
    }
}

fn griefed(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    exchange.fund()?;
    exchange.pay(PAYMENT)?;
    let route = exchange.begin(PAYMENT)?;
    exchange.pass_all(&route)?;
    // A second payer's payment goes through beside it.
    exchange.pay(PAYMENT)?;
    let force_close = exchange.payee().bank().terms().force_close_height();
    exchange.table().wait_for(force_close)?;
    while exchange.coin(0)? != Coin::Spent || exchange.coin(1)? != Coin::Spent {
        if !exchange.tend(0)? && !exchange.payee_tends()? {
            exchange.table().mine(1)?;
        }
    }
    Ok(())
}

fn second_vanishes(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    exchange.fund()?;
    let mut route = exchange.begin(PAYMENT)?;
    exchange.pass_all(&route)?;
    exchange.release(&mut route)?;
    let force_close = exchange.payee().bank().terms().force_close_height();
    exchange.table().wait_for(force_close)?;
    // The payee claims; the second banker is not there to read the secret, nor ever again.
    while exchange.coin(2)? != Coin::Spent {
        if !exchange.payee_tends()? {
            exchange.table().mine(1)?;
        }
    }
    ends_alone(exchange)
}

/// The first banker and the payer take back what nobody claims, when they may.
fn ends_alone(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    while exchange.coin(1)? != Coin::Spent {
        if !exchange.tend(0)? {
            exchange.table().mine(4)?;
        }
    }
    // Deep enough that the banker counts on it.
    let depth = exchange.policy.depth.blocks();
    exchange.table().mine(depth)?;
    exchange.tend(0)?;
    match exchange.coin(0)? {
        Coin::Banked { .. } => exchange.close(0),
        Coin::ForceClosed { height } => {
            let d = exchange.payer().bank().terms().record().claim_blocks;
            exchange.table().wait_for(height + u32::from(d))?;
            exchange.timeout_refund(0)
        }
        other => Err(DeskError::broken(format!("the first bank is {other:?}"))),
    }
}

fn cut(exchange: &mut Exchange<'_>) -> Result<(), DeskError> {
    exchange.fund()?;
    let mut route = exchange.begin(PAYMENT)?;
    let orders = route.orders();
    let first = orders.first();
    exchange.pass(0, first.ok_or_else(|| DeskError::broken("no order"))?)?;
    match exchange.release(&mut route) {
        Err(DeskError::Banker(_)) => {}
        other => return Err(DeskError::broken(format!("paid for nothing: {other:?}"))),
    }
    ends_alone(exchange)?;
    // The vanished banker's own coin comes back when it does.
    let t = exchange.payee().bank().terms().record().refund_height;
    exchange.table().wait_for(t + 1)?;
    exchange.refund(2)
}
