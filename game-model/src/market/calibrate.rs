//! A simulated market: recomputers whose true reliability is hidden, a client that knows its ledger only.
//!
//! Each request asks for a reliability; the ledger prices the recomputers, the cheapest line-up answers, the
//! split pays. Some requests are audited whole, and some recomputers that were not hired are tried on a job
//! whose answer is known, for which nobody pays them. All randomness follows from the seed.

mod cast;
mod report;

use bitcoin_units::Amount;

pub use cast::{Character, Conduct, drawn};
pub use report::{AskedLine, Bin, Report, SlotLine};

use self::cast::Slot;
use self::report::Tally;
use super::chance::Chance;
use super::ledger::{Audit, Ledger, LedgerError, RecomputerId};
use super::odds::{Ending, Faults};
use super::policy::{Policy, PolicyError, PolicyRecord};
use super::price::{Book, LineUp, MAX_QUOTES, PriceError, QuoteError};
use super::quote::{Latency, LatencyOffer, Quote, Request};
use super::split::{SplitError, split};
use crate::simulation::Dice;

/// Most requests of a run, so that its audits fit a ledger.
pub const MAX_REQUESTS: u32 = 100_000;

/// The one latency of a simulated market.
const LATENCY: Latency = Latency::Blocks(1);

/// A market to simulate.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The same seed plays the same market.
    pub seed: [u8; 32],
    /// Requests, one after another.
    pub requests: u32,
    /// Requests at the start that no prediction is judged by.
    pub burn_in: u32,
    /// How the client's ledger counts.
    pub policy: PolicyRecord,
    /// Reliabilities asked for, in turn.
    pub asked: Vec<Chance>,
    /// Most recomputers in a line-up.
    pub hops: u8,
    /// How often a request that was answered is audited.
    pub audited: Chance,
    /// How often one recomputer that was not hired is tried, chosen evenly.
    pub tried: Chance,
    /// The recomputers.
    pub cast: Vec<Character>,
}

impl Setup {
    /// Recomputers of every kind: five steady ones, one that wears out, one that turns bad half-way, and two
    /// names of one cluster that are right for `patience` audits, then wrong together, then new.
    pub fn mixed(seed: [u8; 32], requests: u32, patience: u32) -> Self {
        let chance = |percent_tenths: u64| Chance::floor_of(percent_tenths, 1000);
        let character = |conduct, base: u64| Character {
            conduct,
            base: Amount::from_sat(base),
            hop_fee: Amount::from_sat(1),
            cost: Amount::from_sat(30),
        };
        let steady = |tenths, base| {
            character(
                Conduct::Steady {
                    right: chance(tenths),
                },
                base,
            )
        };
        let drifts = Conduct::Drifts {
            from: chance(990),
            to: chance(880),
        };
        let turns = Conduct::Turns {
            before: chance(990),
            after: chance(300),
            at: requests / 2,
        };
        let sybil = Conduct::Whitewashes { patience };
        Self {
            seed,
            requests,
            burn_in: requests / 10,
            policy: PolicyRecord::default(),
            asked: [900, 950, 980, 990].map(chance).into(),
            hops: 5,
            audited: chance(500),
            tried: chance(500),
            cast: vec![
                steady(995, 110),
                steady(990, 90),
                steady(970, 70),
                steady(950, 55),
                steady(900, 45),
                character(drifts, 75),
                character(turns, 50),
                character(sybil, 50),
                character(sybil, 50),
            ],
        }
    }

    /// A market in which the prior is true: reliabilities drawn from Beta(α₀, β₀) with the policy's own
    /// start values, nothing forgotten. Then ρ is the posterior mean, and right whoever is hired.
    pub fn matched(seed: [u8; 32], requests: u32, alpha: u8, beta: u8) -> Self {
        let dice = Dice::new(seed, u64::MAX);
        let character = |slot: u8| Character {
            conduct: Conduct::Steady {
                right: drawn(&dice, slot.into(), alpha, beta),
            },
            base: Amount::from_sat(40 + 10 * u64::from(slot)),
            hop_fee: Amount::from_sat(1),
            cost: Amount::from_sat(30),
        };
        let whole = |count: u8| crate::Ratio::new(count.into(), 1).unwrap_or(crate::Ratio::ONE);
        Self {
            policy: PolicyRecord {
                lambda: crate::Ratio::ONE,
                alpha: whole(alpha),
                beta: whole(beta),
                ..PolicyRecord::default()
            },
            cast: (0..10).map(character).collect(),
            ..Self::mixed(seed, requests, 0)
        }
    }
}

/// Why a market was not simulated to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// The setup has no requests, too many, or nobody and nothing to ask for.
    #[error(
        "{requests} requests to {recomputers} recomputers for {asked} reliabilities; 1 to {MAX_REQUESTS}, 1 to {MAX_QUOTES}, at least 1"
    )]
    Empty {
        /// Requests.
        requests: u32,
        /// Recomputers.
        recomputers: usize,
        /// Reliabilities.
        asked: usize,
    },
    /// The policy is none.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A recomputer's quote is none.
    #[error(transparent)]
    Quote(#[from] QuoteError),
    /// The requests are none.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// The ledger is full.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A line-up that was chosen is none: a defect.
    #[error(transparent)]
    Split(#[from] SplitError),
}

/// Simulates a market; `progress` hears of each request.
///
/// # Errors
/// [`CalibrateError`] if the setup is none.
pub fn calibrate(setup: &Setup, mut progress: impl FnMut()) -> Result<Report, CalibrateError> {
    let (recomputers, asked) = (setup.cast.len(), setup.asked.len());
    let requests = setup.requests;
    if !(1..=MAX_REQUESTS).contains(&requests)
        || !(1..=MAX_QUOTES).contains(&recomputers)
        || asked == 0
    {
        return Err(CalibrateError::Empty {
            requests,
            recomputers,
            asked,
        });
    }
    let mut market = Market {
        setup,
        ledger: Ledger::new(Policy::new(setup.policy)?),
        slots: setup.cast.iter().enumerate().map(Slot::new).collect(),
        tally: Tally::new(&setup.asked),
    };
    for number in 0..requests {
        market.request(number)?;
        progress();
    }
    Ok(market.report())
}

struct Market<'a> {
    setup: &'a Setup,
    ledger: Ledger,
    slots: Vec<Slot>,
    tally: Tally,
}

impl Market<'_> {
    fn request(&mut self, number: u32) -> Result<(), CalibrateError> {
        let dice = Dice::new(self.setup.seed, number.into());
        let which = number as usize % self.setup.asked.len();
        let request = Request {
            reliability: self.setup.asked[which],
            hops: self.setup.hops,
            latency: LATENCY,
        };
        let truth: Vec<Chance> = self
            .slots
            .iter()
            .map(|slot| slot.truth(number, self.setup))
            .collect();
        // Someone who knew would never hire one that whitewashes.
        let known = self
            .book(|slot, _| self.slots[slot].known(truth[slot]))?
            .choose(&request);
        let policy = *self.ledger.policy();
        let found = self.book(|_, id| self.ledger.standing(&id).priced(&policy))?;
        let right: Vec<bool> = truth
            .iter()
            .enumerate()
            .map(|(slot, chance)| happens(&dice, "right", slot, *chance))
            .collect();
        let hired = match found.choose(&request) {
            Ok(line_up) => {
                let hired = self.answer(number, which, &line_up, &right)?;
                if let Ok(known) = known {
                    self.tally.prices(line_up.price, known.price);
                }
                hired
            }
            Err(PriceError::Unobtainable { .. }) => {
                self.tally.unserved(which, known.is_ok());
                vec![]
            }
            Err(error) => return Err(error.into()),
        };
        let audited = happens(&dice, "audit", 0, self.setup.audited);
        let mut audits = if audited { hired.clone() } else { vec![] };
        let free: Vec<usize> = (0..self.slots.len())
            .filter(|slot| !hired.contains(slot))
            .collect();
        if !free.is_empty() && happens(&dice, "trial", 0, self.setup.tried) {
            let tried = free[(dice.number("tried", 0) % free.len() as u64) as usize];
            self.slots[tried].works(right[tried]);
            audits.push(tried);
        }
        for slot in audits {
            self.audit(number, &dice, slot, right[slot])?;
        }
        Ok(())
    }

    /// Quotes of all recomputers under their present names.
    fn book(
        &self,
        reliability: impl Fn(usize, RecomputerId) -> Chance,
    ) -> Result<Book, QuoteError> {
        let quote = |(number, slot): (usize, &Slot)| Quote {
            recomputer: slot.id(),
            base: slot.character.base,
            hop_fee: slot.character.hop_fee,
            latencies: vec![LatencyOffer {
                within: LATENCY,
                premium: Amount::ZERO,
            }],
            reliability: reliability(number, slot.id()),
        };
        let quotes = self.slots.iter().enumerate().map(quote).collect();
        Book::new(quotes, Faults::Agreeing)
    }

    /// The line-up works, the split pays; who was hired.
    fn answer(
        &mut self,
        number: u32,
        which: usize,
        line_up: &LineUp,
        right: &[bool],
    ) -> Result<Vec<usize>, CalibrateError> {
        let of = |id: RecomputerId| self.slots.iter().position(|slot| slot.id() == id);
        let hired: Vec<usize> = line_up
            .seats
            .iter()
            .filter_map(|seat| of(seat.recomputer))
            .collect();
        let root = |slot: &usize| Some([u8::from(right[*slot]); 32]);
        let layers: Vec<_> = hired.iter().map(root).collect();
        let paid = split(&layers, line_up.quorum)?;
        let ending = match paid.iter().next() {
            None => Ending::Nobody,
            Some(seat) if right[hired[seat]] => Ending::Right,
            Some(_) => Ending::Wrong,
        };
        for (seat, slot) in hired.iter().enumerate() {
            let pay = match paid.contains(seat) {
                true => line_up.seats[seat].pay,
                false => Amount::ZERO,
            };
            self.slots[*slot].hired(number, right[*slot], pay);
        }
        if number >= self.setup.burn_in {
            self.tally.ended(which, line_up.odds.right, ending);
        }
        Ok(hired)
    }

    fn audit(
        &mut self,
        number: u32,
        dice: &Dice,
        slot: usize,
        passed: bool,
    ) -> Result<(), CalibrateError> {
        let recomputer = self.slots[slot].id();
        let standing = self.ledger.standing(&recomputer);
        if number >= self.setup.burn_in {
            self.tally.predicted(
                standing.expected(),
                standing.priced(self.ledger.policy()),
                passed,
            );
        }
        let job = dice.bytes("job", 0);
        self.ledger.enter(Audit {
            job,
            recomputer,
            passed,
            height: number,
        })?;
        self.slots[slot].audited(passed);
        Ok(())
    }

    fn report(self) -> Report {
        let line = |slot: &Slot| slot.line(self.ledger.standing(&slot.id()).expected());
        let slots = self.slots.iter().map(line).collect();
        self.tally.report(
            self.setup.seed,
            self.setup.requests,
            self.ledger.audits().len(),
            slots,
        )
    }
}

/// Whether an event of this chance happens, to 2⁻⁶⁴.
fn happens(dice: &Dice, purpose: &str, number: usize, chance: Chance) -> bool {
    let roll = u128::from(dice.number(purpose, number as u64)) * u128::from(Chance::ONE.atto());
    (roll >> 64) < u128::from(chance.atto())
}
