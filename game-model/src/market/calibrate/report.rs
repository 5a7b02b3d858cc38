//! What a simulated market came to. Floats here are statistics; nothing is decided by them.

use bitcoin_units::Amount;
use hex_conservative::DisplayHex;
use serde::Serialize;

use super::super::chance::Chance;
use super::super::odds::Ending;
use super::Conduct;

/// Upper ends of the bins of predicted reliability.
const EDGES: [&str; 9] = [
    "0.5", "0.8", "0.9", "0.93", "0.95", "0.97", "0.98", "0.99", "1",
];

/// Predicted probabilities in one range, and what came of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    /// The range is above that of the bin before and at most this.
    pub up_to: Chance,
    /// Events.
    pub count: u64,
    /// How many of them were right.
    pub right: u64,
    /// Mean of the predictions.
    pub predicted: f64,
    /// Share that was right.
    pub observed: f64,
    /// Lower end of Wilson's interval of the observed share, five standard deviations wide each way.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// (observed − predicted) in standard deviations of a sum of independent predictions.
    pub deviations: f64,
    #[serde(skip)]
    sum: f64,
    #[serde(skip)]
    variance: f64,
}

impl Bin {
    fn add(&mut self, predicted: Chance, right: bool) {
        let p = predicted.to_f64();
        self.count += 1;
        self.right += u64::from(right);
        self.sum += p;
        self.variance += p * (1.0 - p);
    }

    fn finished(mut self) -> Self {
        if self.count == 0 {
            return self;
        }
        let (n, right) = (self.count as f64, self.right as f64);
        (self.predicted, self.observed) = (self.sum / n, right / n);
        (self.low, self.high) = wilson(right, n, 5.0);
        // At least one event's worth, so that a bin of certainties divides by something.
        self.deviations = (right - self.sum) / self.variance.max(1e-9).sqrt();
        self
    }
}

/// Wilson's score interval for `right` of `n`, `z` standard deviations wide each way.
fn wilson(right: f64, n: f64, z: f64) -> (f64, f64) {
    let (share, square) = (right / n, z * z);
    let centre = share + square / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let scale = 1.0 + square / n;
    ((centre - spread) / scale, (centre + spread) / scale)
}

/// What came of requests for one reliability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AskedLine {
    /// What was asked for.
    pub asked: Chance,
    /// Requests for which the ledger found no line-up (during the burn-in, too).
    pub unserved: u64,
    /// Those of them that could have been served by someone who knew the true reliabilities.
    pub unserved_though_possible: u64,
    /// Requests after the burn-in that ended with a wrong root paid.
    pub wrong: u64,
    /// Requests after the burn-in that paid nobody.
    pub nobody: u64,
    /// All requests after the burn-in that were served: predicted and observed to end right.
    pub served: Bin,
}

/// A recomputer after the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SlotLine {
    /// What it did.
    pub conduct: Conduct,
    /// Names it has had.
    pub names: u32,
    /// Requests it was hired for.
    pub hired: u32,
    /// Those after it turned, if it is one that turns.
    pub hired_after_turn: u32,
    /// The last request it was hired for.
    pub last_hired: Option<u32>,
    /// Audits of it, trials included.
    pub audits: u32,
    /// What it was paid.
    pub paid_sat: u64,
    /// What its work cost it, trials included.
    pub cost_sat: u64,
    /// What the ledger says of its present name: α/(α+β), rounded down.
    pub estimate: Chance,
}

impl SlotLine {
    /// What it was paid less what its work cost, in satoshi.
    pub fn gain_sat(&self) -> i64 {
        i64::try_from(self.paid_sat).unwrap_or(i64::MAX)
            - i64::try_from(self.cost_sat).unwrap_or(i64::MAX)
    }
}

/// What a simulated market came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Seed of the run, hex.
    pub seed: String,
    /// Requests.
    pub requests: u32,
    /// Audits in the ledger at the end.
    pub audits: usize,
    /// Audited layers by ρ = α/(α+β).
    pub by_estimate: Vec<Bin>,
    /// Audited layers by the cautious figure that they were priced by.
    pub by_price: Vec<Bin>,
    /// Requests by what they asked for.
    pub by_asked: Vec<AskedLine>,
    /// Price of the requests that both the ledger and someone who knew could serve.
    pub price_sat: u64,
    /// What someone who knew the true reliabilities would have paid for them.
    pub known_price_sat: u64,
    /// `price_sat / known_price_sat − 1`.
    pub regret: f64,
    /// The recomputers, in order of the cast.
    pub recomputers: Vec<SlotLine>,
}

pub(super) struct Tally {
    by_estimate: Vec<Bin>,
    by_price: Vec<Bin>,
    by_asked: Vec<AskedLine>,
    price_sat: u64,
    known_price_sat: u64,
}

impl Tally {
    pub(super) fn new(asked: &[Chance]) -> Self {
        let edge = |text: &&str| Bin {
            // The texts are literals; one that were wrong would be the last bin.
            up_to: text.parse().unwrap_or(Chance::ONE),
            ..Bin::default()
        };
        let bins: Vec<Bin> = EDGES.iter().map(edge).collect();
        let line = |asked: &Chance| AskedLine {
            asked: *asked,
            unserved: 0,
            unserved_though_possible: 0,
            wrong: 0,
            nobody: 0,
            served: Bin {
                up_to: Chance::ONE,
                ..Bin::default()
            },
        };
        Self {
            by_estimate: bins.clone(),
            by_price: bins,
            by_asked: asked.iter().map(line).collect(),
            price_sat: 0,
            known_price_sat: 0,
        }
    }

    pub(super) fn predicted(&mut self, estimate: Chance, priced: Chance, right: bool) {
        for (bins, chance) in [
            (&mut self.by_estimate, estimate),
            (&mut self.by_price, priced),
        ] {
            if let Some(bin) = bins.iter_mut().find(|bin| chance <= bin.up_to) {
                bin.add(chance, right);
            }
        }
    }

    pub(super) fn ended(&mut self, which: usize, predicted: Chance, ending: Ending) {
        let line = &mut self.by_asked[which];
        line.served.add(predicted, ending == Ending::Right);
        line.wrong += u64::from(ending == Ending::Wrong);
        line.nobody += u64::from(ending == Ending::Nobody);
    }

    pub(super) fn unserved(&mut self, which: usize, possible: bool) {
        self.by_asked[which].unserved += 1;
        self.by_asked[which].unserved_though_possible += u64::from(possible);
    }

    pub(super) fn prices(&mut self, paid: Amount, known: Amount) {
        self.price_sat = self.price_sat.saturating_add(paid.to_sat());
        self.known_price_sat = self.known_price_sat.saturating_add(known.to_sat());
    }

    pub(super) fn report(
        self,
        seed: [u8; 32],
        requests: u32,
        audits: usize,
        recomputers: Vec<SlotLine>,
    ) -> Report {
        let finished = |bins: Vec<Bin>| bins.into_iter().map(Bin::finished).collect();
        let asked = |line: AskedLine| AskedLine {
            served: line.served.finished(),
            ..line
        };
        Report {
            seed: seed.to_lower_hex_string(),
            requests,
            audits,
            by_estimate: finished(self.by_estimate),
            by_price: finished(self.by_price),
            by_asked: self.by_asked.into_iter().map(asked).collect(),
            price_sat: self.price_sat,
            known_price_sat: self.known_price_sat,
            regret: self.price_sat as f64 / (self.known_price_sat.max(1)) as f64 - 1.0,
            recomputers,
        }
    }
}
