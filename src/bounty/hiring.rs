//! One bounty after the other: audits price the next line-up, and who turned bad is not hired any more.

use bitcoin::Amount;
use narthex_game_model::{
    Ratio,
    market::{
        Audit, Book, Chance, Decay, Faults, Latency, LatencyOffer, Ledger, LineUp, Policy,
        PolicyRecord, Quote, Request,
    },
};

use super::{BountyPlay, Conduct, Hired, scenarios::conclude};
use crate::harness::ScenarioError;

/// Audits that the requester has of each recomputer before.
const HISCENARIO: u32 = 12;
/// Bounties of the scenario.
const ROUNDS: u32 = 4;
/// The recomputer that turns bad, by its place in the play: the cheapest.
const BAD: usize = 1;
/// The bounty from which on it is bad, counted from 1.
const BAD_FROM: u32 = 2;

/// The requester asks for a reliability, and hires whom its ledger makes the cheapest for it.
pub(super) fn hiring(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    if play.options.recomputers < 4 {
        return Err(ScenarioError::Figures("four recomputers or more"));
    }
    // It forgets fast, so that the scenario is short.
    let ratio = |of: u32, whole: u32| {
        Ratio::new(of, whole).map_err(|e| ScenarioError::broken(e.to_string()))
    };
    play.ledger = Ledger::new(Policy::new(PolicyRecord {
        lambda: ratio(9, 10)?,
        alpha: ratio(1, 1)?,
        beta: ratio(1, 1)?,
        caution: ratio(1, 2)?,
        decay: Decay::Both,
    })?);
    remember(play)?;
    let (mut prices, mut hires) = (Vec::new(), Vec::new());
    for number in 1..=ROUNDS {
        let line_up = choose(play)?;
        let bad = play.recomputer_id(BAD)?;
        let hired = hired(play, &line_up)?;
        prices.push(line_up.price.to_sat());
        hires.push(hired.iter().any(|hire| hire.seat == BAD));
        let standing = play.ledger.standing(&bad).priced(play.ledger.policy());
        let recomputers = hired.iter().map(|hire| format!("recomputer {}", hire.seat));
        let recomputers = recomputers.collect::<Vec<_>>().join(", ");
        let what = format!(
            "hires {recomputers}, {} of them to agree, for {}; recomputer {BAD} counts as {} reliable",
            line_up.quorum,
            line_up.price,
            short(standing)
        );
        let odds = format!("right in at least {} of cases", short(line_up.odds.right));
        play.harness.step("requester", what, &odds)?;
        play.renew(line_up.quorum, &hired)?;
        let conduct = |hire: &Hired| match hire.seat == BAD && number >= BAD_FROM {
            true => Conduct::Lazy(2_000),
            false => Conduct::Honest,
        };
        let conduct: Vec<Conduct> = hired.iter().map(conduct).collect();
        play.fund()?;
        play.layers(&conduct)?;
        play.open(None)?;
        let closing = play.close()?;
        conclude(play, &closing)?;
    }
    match hires[..] {
        [true, true, false, false] => Ok(()),
        _ => Err(ScenarioError::broken(format!(
            "hired {hires:?} for {prices:?}"
        ))),
    }
}

/// What the requester knows from other bounties: all have passed so far.
fn remember(play: &mut BountyPlay<'_>) -> Result<(), ScenarioError> {
    let height = play.chain().height()?;
    for number in 0..HISCENARIO {
        for seat in 1..=usize::from(play.options.recomputers) {
            let recomputer = play.recomputer_id(seat)?;
            let mut job = [0; 32];
            job[..4].copy_from_slice(&number.to_be_bytes());
            let passed = true;
            play.ledger.enter(Audit {
                job,
                recomputer,
                passed,
                height,
            })?;
        }
    }
    Ok(())
}

/// The cheapest line-up for 97% among all recomputers, at their quotes: each asks 500 sat more than the one before.
fn choose(play: &BountyPlay<'_>) -> Result<LineUp, ScenarioError> {
    let within = Latency::Blocks(play.options.layer_blocks);
    let mut quotes = Vec::new();
    for seat in 1..=usize::from(play.options.recomputers) {
        let recomputer = play.recomputer_id(seat)?;
        let more = Amount::from_sat(500).checked_mul(seat as u64);
        let base = more.and_then(|more| play.options.amount.checked_add(more));
        let standing = play.ledger.standing(&recomputer);
        quotes.push(Quote {
            recomputer,
            base: base.ok_or_else(|| ScenarioError::broken("amounts of more than there is"))?,
            hop_fee: Amount::from_sat(10),
            latencies: vec![LatencyOffer {
                within,
                premium: Amount::ZERO,
            }],
            reliability: standing.priced(play.ledger.policy()),
        });
    }
    let request = Request {
        reliability: Chance::from_atto(970_000_000_000_000_000),
        hops: 3,
        latency: within,
    };
    Ok(Book::new(quotes, Faults::Agreeing)?.choose(&request)?)
}

/// Where those of a line-up sit.
fn hired(play: &BountyPlay<'_>, line_up: &LineUp) -> Result<Vec<Hired>, ScenarioError> {
    let mut hired = Vec::with_capacity(line_up.seats.len());
    for chosen in &line_up.seats {
        for seat in 1..=usize::from(play.options.recomputers) {
            if play.recomputer_id(seat)? == chosen.recomputer {
                let amount = chosen.pay;
                hired.push(Hired { seat, amount });
            }
        }
    }
    match hired.len() == line_up.seats.len() {
        true => Ok(hired),
        false => Err(ScenarioError::broken("a stranger is hired")),
    }
}

/// A chance in percent with one decimal, rounded down.
fn short(chance: Chance) -> String {
    let tenths = chance.atto() / 1_000_000_000_000_000;
    format!("{}.{}%", tenths / 10, tenths % 10)
}
