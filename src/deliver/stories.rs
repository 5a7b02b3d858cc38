//! Whole deliveries.

use narthex_base::codec::Message as _;
use narthex_contracts::deliver::{
    AgentDuty, Coin, DeliverError, Evidence, Fault, Reading, SenderDuty,
};
use narthex_contracts::terms::FeeRate;

use super::{Post, PostError, moves::name};

/// A delivery from its first coin to its end.
pub struct DeliverStory {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub summary: &'static str,
    /// Fewest agents that it takes.
    pub least_agents: u8,
    /// The moves.
    pub play: fn(&mut Post<'_>) -> Result<(), PostError>,
}

/// All stories.
pub const DELIVER_STORIES: [DeliverStory; 9] = [
    story(
        "delivered",
        "asked for, checked, claimed, read",
        1,
        delivered,
    ),
    story("refund", "nobody asks; the sender waits for T", 1, refund),
    story(
        "late",
        "the recipient comes too late to pay anybody",
        1,
        late,
    ),
    story("crash", "all parties crash after every step", 1, crash),
    story(
        "replaced",
        "fees rise; the claim is replaced by one that pays more",
        1,
        replaced,
    ),
    story(
        "silent",
        "the first agent is accepted and does nothing; another is paid",
        2,
        silent,
    ),
    story("race", "two agents are accepted; one is paid", 2, race),
    story(
        "bad-leaf",
        "ATTACK: an agent serves other bytes, and another's branch",
        2,
        bad_leaf,
    ),
    story(
        "no-message",
        "ATTACK: the sender commits to bytes that are no message, and is convicted",
        1,
        no_message,
    ),
];

const fn story(
    name: &'static str,
    summary: &'static str,
    least_agents: u8,
    play: fn(&mut Post<'_>) -> Result<(), PostError>,
) -> DeliverStory {
    DeliverStory {
        name,
        summary,
        least_agents,
        play,
    }
}

fn expect(fine: bool, what: impl Into<String>) -> Result<(), PostError> {
    match fine {
        true => Ok(()),
        false => Err(PostError::broken(what)),
    }
}

fn agent_duty(post: &mut Post<'_>, agent: u8, expected: AgentDuty) -> Result<(), PostError> {
    let (tip, coin) = post.status()?;
    let duty = post.agent(agent)?.duty(tip, coin);
    expect(duty == expected, format!("{} is to {duty:?}", name(agent)))
}

fn sender_duty(post: &mut Post<'_>, expected: SenderDuty) -> Result<(), PostError> {
    let (tip, coin) = post.status()?;
    let duty = post.sender.duty(tip, coin);
    expect(duty == expected, format!("the sender is to {duty:?}"))
}

/// Funded, deep enough, found by the recipient.
fn begin(post: &mut Post<'_>) -> Result<(), PostError> {
    sender_duty(post, SenderDuty::Fund)?;
    post.fund()?;
    agent_duty(post, 0, AgentDuty::Wait)?;
    post.bury()?;
    agent_duty(post, 0, AgentDuty::Serve)?;
    post.scan()
}

fn read_all(post: &mut Post<'_>) -> Result<(), PostError> {
    let reading = post.read()?;
    let same = reading == Reading::Message(post.options.message.clone());
    expect(same, "the recipient read something else")?;
    expect(post.coin()? == Coin::Spent, "the coin is still there")
}

fn delivered(post: &mut Post<'_>) -> Result<(), PostError> {
    begin(post)?;
    post.ask(0)?;
    post.hand_over(0)?;
    agent_duty(post, 0, AgentDuty::Claim)?;
    post.claim(0, "it was accepted, and the key is its own to show")?;
    agent_duty(post, 0, AgentDuty::Done)?;
    read_all(post)
}

/// Waits until the refund is due, and lets the sender do what it must.
fn take_back(post: &mut Post<'_>) -> Result<(), PostError> {
    let t = post.delivery().terms().record().refund_height;
    post.table.wait_for(t)?;
    sender_duty(post, SenderDuty::Wait)?;
    post.table.wait_for(t.saturating_add(1))?;
    sender_duty(post, SenderDuty::Refund)?;
    post.refund("nobody claimed until T")
}

fn refund(post: &mut Post<'_>) -> Result<(), PostError> {
    begin(post)?;
    take_back(post)
}

fn late(post: &mut Post<'_>) -> Result<(), PostError> {
    begin(post)?;
    post.ask(0)?;
    let terms = post.delivery().terms().record();
    let last = terms
        .refund_height
        .saturating_sub(terms.claim_blocks.into());
    // The tip is then one above the last at which a claim has its blocks.
    post.table.wait_for(last.saturating_add(2))?;
    match post.hand_over(0) {
        Err(PostError::Deliver(DeliverError::TooLate { .. })) => {}
        other => return Err(PostError::broken(format!("handed over late: {other:?}"))),
    }
    let what = "signs nothing".into();
    post.table.step(
        "recipient",
        what,
        "a claim might not confirm before the refund",
    )?;
    agent_duty(post, 0, AgentDuty::Wait)?;
    take_back(post)
}

fn crash(post: &mut Post<'_>) -> Result<(), PostError> {
    post.restart()?;
    begin(post)?;
    post.restart()?;
    post.ask(0)?;
    post.restart()?;
    post.hand_over(0)?;
    post.restart()?;
    post.claim(0, "its acceptance was written down")?;
    post.restart()?;
    read_all(post)
}

fn replaced(post: &mut Post<'_>) -> Result<(), PostError> {
    begin(post)?;
    post.ask(0)?;
    post.hand_over(0)?;
    let (low, _) = post.claim_of(0)?;
    post.chain().submit(&low)?;
    let what = "publishes a claim that does not confirm".into();
    post.table.step(&name(0), what, "fees have risen")?;
    let rate = post.table.rate();
    post.table.set_rate(FeeRate::from_sat_per_kwu(
        rate.to_sat_per_kwu().saturating_mul(4),
    ));
    let high = post.claim(0, "the same coin, signed again with a higher fee")?;
    expect(
        high.compute_txid() != low.compute_txid(),
        "nothing was replaced",
    )?;
    read_all(post)
}

/// Whether a second agent serves although one was accepted. One that serves alone says why not.
fn second_serves(post: &mut Post<'_>) -> Result<bool, PostError> {
    match post.ask(1) {
        Ok(()) => Ok(true),
        Err(PostError::Deliver(DeliverError::NotAlone { .. })) if post.options.alone => {
            let what = "declines: another was accepted".into();
            let why = "that other might outbid its claim";
            post.table.step(&name(1), what, why)?;
            Ok(false)
        }
        Err(other) => Err(other),
    }
}

fn silent(post: &mut Post<'_>) -> Result<(), PostError> {
    begin(post)?;
    post.ask(0)?;
    post.hand_over(0)?;
    post.table.mine(6)?;
    let what = "did not claim in 6 blocks".into();
    post.table
        .step(&name(0), what, "ATTACK: it wants the recipient to wait")?;
    if second_serves(post)? {
        post.hand_over(1)?;
        post.claim(1, "the first agent slept")?;
    } else {
        post.claim(0, "nobody else would serve, and it wants its pay")?;
    }
    read_all(post)
}

fn race(post: &mut Post<'_>) -> Result<(), PostError> {
    begin(post)?;
    post.ask(0)?;
    post.hand_over(0)?;
    if !second_serves(post)? {
        post.claim(0, "there is no race")?;
        return read_all(post);
    }
    post.hand_over(1)?;
    let (first, _) = post.claim_of(0)?;
    post.chain().submit(&first)?;
    let what = format!("publishes {}", first.compute_txid());
    post.table.step(&name(0), what, "it was asked first")?;
    let rate = post.table.rate();
    post.table.set_rate(FeeRate::from_sat_per_kwu(
        rate.to_sat_per_kwu().saturating_mul(3),
    ));
    post.claim(1, "a higher fee replaces the other's claim")?;
    let lost = post.table.confirmed_at(first.compute_txid())?;
    expect(lost.is_none(), "two agents were paid")?;
    read_all(post)
}

fn bad_leaf(post: &mut Post<'_>) -> Result<(), PostError> {
    begin(post)?;
    let good = post.served(0)?;
    let other = post.served(1)?;
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
        match post.keep(bad) {
            Err(PostError::Deliver(DeliverError::Leaf { .. })) => {}
            taken => return Err(PostError::broken(format!("{what} was taken: {taken:?}"))),
        }
        let why = "ATTACK: it wants to be paid for nothing";
        post.table
            .step(&name(0), format!("serves {what}; refused"), why)?;
    }
    post.ask(1)?;
    post.hand_over(1)?;
    post.claim(1, "it served what the root says")?;
    read_all(post)
}

fn no_message(post: &mut Post<'_>) -> Result<(), PostError> {
    let length = post.sender.envelope().len();
    post.lie(vec![0x5a; length])?;
    begin(post)?;
    post.ask(0)?;
    post.hand_over(0)?;
    post.claim(0, "it served what it was given")?;
    let Reading::Fraud(evidence) = post.read()? else {
        return Err(PostError::broken("garbage was read"));
    };
    let bytes = evidence.to_bytes();
    let evidence = Evidence::from_bytes(&bytes).map_err(DeliverError::from)?;
    let guilt = evidence.judge()?;
    expect(guilt.fault == Fault::DoesNotDecrypt, "another fault")?;
    let funded = post.table.confirmed_at(guilt.funding)?;
    expect(funded.is_some(), "the evidence is about another funding")?;
    let what = format!("convicts who funded {}", guilt.funding);
    Ok(post.table.step(
        "anybody",
        what,
        "its envelope does not decrypt under its own key",
    )?)
}
