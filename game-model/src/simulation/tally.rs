//! Many games added up, exactly.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arena::Game;
use super::league::LeagueTally;
use crate::params::settlement::Outcome;

/// Satoshi by role, gains positive. 128 bits hold the whole supply in more games than can be played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    /// The client.
    pub client_sat: i128,
    /// The worker.
    pub worker_sat: i128,
    /// The verifier.
    pub verifier_sat: i128,
    /// All arbiters together.
    pub arbiters_sat: i128,
    /// The common fund.
    pub fund_sat: i128,
    /// What is in outputs whose keys nobody has.
    pub nobody_sat: i128,
}

impl std::ops::Add for Sums {
    type Output = Self;

    /// Role by role.
    fn add(self, other: Self) -> Self {
        sum_fields!(
            self + other,
            client_sat,
            worker_sat,
            verifier_sat,
            arbiters_sat,
            fund_sat,
            nobody_sat
        )
    }
}

impl Sums {
    /// The sum over all roles: 0 for transfers.
    pub const fn total(&self) -> i128 {
        let parties = self.client_sat + self.worker_sat + self.verifier_sat + self.arbiters_sat;
        parties + self.fund_sat + self.nobody_sat
    }

    /// Each role by name.
    pub const fn by_role(&self) -> [(&'static str, i128); 6] {
        [
            ("client", self.client_sat),
            ("worker", self.worker_sat),
            ("verifier", self.verifier_sat),
            ("arbiters", self.arbiters_sat),
            ("fund", self.fund_sat),
            ("nobody", self.nobody_sat),
        ]
    }
}

/// What many games came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Games played.
    pub games: u64,
    /// Games by settlement scheme: 1, 1' (result secret withheld), 2 to 7; `challenge` where the client's was upheld.
    pub schemes: BTreeMap<String, u64>,
    /// Games with a delivery that holds a wrong output.
    pub wrong_deliveries: u64,
    /// Those of them whose sample has a wrong step.
    pub sampled: u64,
    /// Games in which a verifier's own digests showed a difference.
    pub detected: u64,
    /// Games in which the client paid for a wrong result.
    pub wrong_accepted: u64,
    /// Deliveries whose opening did not answer the sample.
    pub unopened: u64,
    /// Approvals that the verifier could not back by digests.
    pub unbacked_approvals: u64,
    /// Arbiters whose two attestations gave their keys away.
    pub equivocations: u64,
    /// Trees made by grinding workers.
    pub tries: u64,
    /// Games in which a grinder found a tree that it was content with.
    pub ground: u64,
    /// Roots that workers showed after their first.
    pub other_roots: u64,
    /// Games in which the panel would find against the worker for another root (row 1).
    pub by_record: u64,
    /// Leagues of worker and verifier, and audits.
    pub league: LeagueTally,
    /// What the settlements moved, against the deposits.
    pub transfers: Sums,
    /// The same with costs and what results are worth.
    pub payoffs: Sums,
}

impl Tally {
    /// Counts a game.
    pub fn add(&mut self, game: &Game) {
        let count = u64::from;
        let label = match game.outcome {
            Outcome::WorkerWithheld => "1'".to_owned(),
            _ if game.league.is_some_and(|league| league.upheld) => "challenge".to_owned(),
            other => other.scheme().to_string(),
        };
        self.games += 1;
        *self.schemes.entry(label).or_default() += 1;
        self.wrong_deliveries += count(game.wrong_delivery);
        self.sampled += count(game.sampled);
        self.detected += count(game.detected);
        self.wrong_accepted += count(game.wrong_accepted);
        self.unopened += count(game.unopened);
        self.unbacked_approvals += count(game.unbacked_approval);
        self.equivocations += u64::from(game.equivocations);
        if let Some(grinding) = game.grinding {
            self.tries += u64::from(grinding.tries);
            self.ground += count(grinding.found);
        }
        self.other_roots += u64::from(game.other_roots);
        self.by_record += count(game.by_record);
        if let Some(league) = &game.league {
            let paid = &game.payoffs;
            let both = paid.worker_sat + paid.verifier_sat;
            self.league.add(league, (paid.client_sat, both));
        }
        self.transfers = self.transfers + game.transfers;
        self.payoffs = self.payoffs + game.payoffs;
    }

    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (scheme, games) in &other.schemes {
            *self.schemes.entry(scheme.clone()).or_default() += games;
        }
        sum_fields!(
            self + other,
            games,
            wrong_deliveries,
            sampled,
            detected,
            wrong_accepted,
            unopened,
            unbacked_approvals,
            equivocations,
            tries,
            ground,
            other_roots,
            by_record,
            league,
            transfers,
            payoffs;
            schemes: self.schemes
        )
    }

    /// Games that ended in this scheme: "1", "1'", "2" … "7", or "challenge" where the client's was upheld.
    pub fn scheme(&self, label: &str) -> u64 {
        self.schemes.get(label).copied().unwrap_or(0)
    }

    /// A sum's mean over the games, for display.
    pub fn mean(&self, sum: i128) -> f64 {
        sum as f64 / self.games.max(1) as f64
    }
}
