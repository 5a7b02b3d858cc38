//! Recomputers of a simulated market.

use bitcoin_units::Amount;
use serde::Serialize;

use super::super::chance::Chance;
use super::super::ledger::RecomputerId;
use super::Setup;
use super::report::SlotLine;
use crate::simulation::Dice;
use crate::tagged::TaggedHasher;

/// What a recomputer does, which no client sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conduct {
    /// Right with one probability throughout.
    Steady {
        /// Probability of a right layer.
        right: Chance,
    },
    /// From one probability to another, linearly over the run.
    Drifts {
        /// At the first request.
        from: Chance,
        /// At the last.
        to: Chance,
    },
    /// Another probability from some request on.
    Turns {
        /// Before.
        before: Chance,
        /// From then on.
        after: Chance,
        /// The first request of the second kind.
        at: u32,
    },
    /// Right for so many audits, then wrong without working, with all of its kind; after a failed audit
    /// it comes back under a new name.
    Whitewashes {
        /// Passed audits that each name waits for.
        patience: u32,
    },
}

/// A recomputer: its conduct, what it asks, and what working costs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Character {
    /// What it does.
    pub conduct: Conduct,
    /// Asked for a recomputation.
    pub base: Amount,
    /// Asked per hop.
    pub hop_fee: Amount,
    /// What a recomputation costs it. One that whitewashes saves this when it is wrong; others are wrong
    /// by accident and save nothing.
    pub cost: Amount,
}

/// A draw from Beta(α, β) for whole α, β ≥ 1: the α-th smallest of α + β − 1 even numbers in [0, 1).
/// Counts of 0 are taken as 1.
pub fn drawn(dice: &Dice, slot: u64, alpha: u8, beta: u8) -> Chance {
    let (alpha, beta) = (u64::from(alpha.max(1)), u64::from(beta.max(1)));
    let number = |i| dice.number("reliability", slot * 512 + i);
    let mut numbers: Vec<u64> = (0..alpha + beta - 1).map(number).collect();
    numbers.sort_unstable();
    let found = numbers.get(alpha as usize - 1).copied().unwrap_or(0);
    Chance::floor_of(found, 1 << 64)
}

/// A recomputer and all names that it has had.
pub(super) struct Slot {
    pub(super) character: Character,
    number: usize,
    id: RecomputerId,
    names: u32,
    /// Audits passed under this name.
    passed: u32,
    hired: u32,
    hired_after_turn: u32,
    last_hired: Option<u32>,
    audits: u32,
    paid_sat: u64,
    cost_sat: u64,
}

impl Slot {
    pub(super) fn new((number, character): (usize, &Character)) -> Self {
        Self {
            character: *character,
            number,
            id: name(number, 0),
            names: 1,
            passed: 0,
            hired: 0,
            hired_after_turn: 0,
            last_hired: None,
            audits: 0,
            paid_sat: 0,
            cost_sat: 0,
        }
    }

    /// Its present name.
    pub(super) fn id(&self) -> RecomputerId {
        self.id
    }

    /// True probability of a right layer.
    pub(super) fn truth(&self, number: u32, setup: &Setup) -> Chance {
        match self.character.conduct {
            Conduct::Steady { right } => right,
            Conduct::Drifts { from, to } => {
                let (whole, gone) = (u128::from(setup.requests), u128::from(number));
                let left = whole.saturating_sub(gone);
                let sum = u128::from(from.atto()) * left + u128::from(to.atto()) * gone;
                Chance::from_atto(sum / whole.max(1))
            }
            Conduct::Turns { before, after, at } => match number < at {
                true => before,
                false => after,
            },
            Conduct::Whitewashes { patience } => match self.passed < patience {
                true => Chance::ONE,
                false => Chance::ZERO,
            },
        }
    }

    /// What someone who saw through every recomputer would price it by.
    pub(super) fn known(&self, truth: Chance) -> Chance {
        match self.character.conduct {
            Conduct::Whitewashes { .. } => Chance::ZERO,
            _ => truth,
        }
    }

    /// It does a job, or pretends to.
    pub(super) fn works(&mut self, right: bool) {
        let pretends = matches!(self.character.conduct, Conduct::Whitewashes { .. }) && !right;
        if !pretends {
            self.cost_sat = self.cost_sat.saturating_add(self.character.cost.to_sat());
        }
    }

    pub(super) fn hired(&mut self, number: u32, right: bool, pay: Amount) {
        self.works(right);
        self.hired += 1;
        self.last_hired = Some(number);
        self.paid_sat = self.paid_sat.saturating_add(pay.to_sat());
        if let Conduct::Turns { at, .. } = self.character.conduct {
            self.hired_after_turn += u32::from(number >= at);
        }
    }

    pub(super) fn audited(&mut self, passed: bool) {
        self.audits += 1;
        self.passed += u32::from(passed);
        if !passed && matches!(self.character.conduct, Conduct::Whitewashes { .. }) {
            self.id = name(self.number, self.names);
            self.names += 1;
            self.passed = 0;
        }
    }

    pub(super) fn line(&self, estimate: Chance) -> SlotLine {
        SlotLine {
            conduct: self.character.conduct,
            names: self.names,
            hired: self.hired,
            hired_after_turn: self.hired_after_turn,
            last_hired: self.last_hired,
            audits: self.audits,
            paid_sat: self.paid_sat,
            cost_sat: self.cost_sat,
            estimate,
        }
    }
}

fn name(slot: usize, names: u32) -> RecomputerId {
    let hasher = TaggedHasher::new("narthex/simulated-relay").number(slot as u64);
    RecomputerId(hasher.number(names.into()).finish())
}
