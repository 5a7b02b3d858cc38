//! Options of games in which worker and verifier may have one owner.

use anyhow::Context;
use clap::Args;
use narthex::game_model::{
    Amount, Ratio,
    game::{Economics, League},
    simulation::{LeaguePlay, Setup},
};

use crate::cli::value;

/// How often there is a league, and how it and the client play.
#[derive(Args)]
pub(super) struct LeagueArgs {
    /// f: share of the games in which worker and verifier have one owner. It cheats as --worker says, now and then; the
    /// others are honest. The client audits and may challenge.
    #[arg(long, value_name = "SHARE", value_parser = value::share)]
    league: Option<Ratio>,
    /// ε: how often a league cheats; without it as often as in equilibrium. For --league.
    #[arg(long, value_name = "SHARE", requires = "league", value_parser = value::share)]
    cheat_rate: Option<Ratio>,
    /// q: how often the client audits; without it as often as in equilibrium, and 0 is a contract without challenges. For
    /// --league.
    #[arg(long, value_name = "SHARE", requires = "league", value_parser = value::share)]
    audit_rate: Option<Ratio>,
    /// What an audit costs the client; 500, or the case's, without it. For --league.
    #[arg(long, value_name = "SAT", requires = "league", value_parser = value::amount)]
    audit_cost_sat: Option<Amount>,
    /// κ: what a challenge that is upheld pays the client beside its reward back; 100,000, or the case's, without it. For
    /// --league.
    #[arg(long, value_name = "SAT", requires = "league", value_parser = value::amount)]
    kappa_sat: Option<Amount>,
}

impl LeagueArgs {
    pub(super) const fn is_given(&self) -> bool {
        self.league.is_some()
    }

    /// The league, if any, with the rates that were given, and those of the equilibrium in place of others.
    pub(super) fn played(
        &self,
        setup: &Setup,
        known: Option<League>,
    ) -> anyhow::Result<Option<LeaguePlay>> {
        let Some(worker_verifier) = self.league else {
            return Ok(None);
        };
        let usual = known.or(Economics::example().league);
        let usual = |of: fn(League) -> Amount| usual.map_or(Amount::ZERO, of);
        let league = League {
            worker_verifier,
            audit_cost: self.audit_cost_sat.unwrap_or(usual(|l| l.audit_cost)),
            kappa: self.kappa_sat.unwrap_or(usual(|l| l.kappa)),
        };
        // Where there is nothing to find there is no equilibrium either; the setup says so.
        let never = LeaguePlay {
            league,
            cheats: Ratio::ZERO,
            audits: Ratio::ZERO,
        };
        let bad = setup
            .worker
            .work()
            .map(|work| work.bad_steps(setup.params.steps()));
        let play = match (
            bad.is_some_and(|bad| !bad.is_empty()),
            self.cheat_rate,
            self.audit_rate,
        ) {
            (true, None, _) | (true, _, None) => LeaguePlay::equilibrium(setup, league).context(
                "the rates of the equilibrium cannot be had; say --cheat-rate and --audit-rate",
            )?,
            _ => never,
        };
        Ok(Some(LeaguePlay {
            cheats: self.cheat_rate.unwrap_or(play.cheats),
            audits: self.audit_rate.unwrap_or(play.audits),
            league,
        }))
    }
}
