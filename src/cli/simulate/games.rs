//! `narthex simulate games`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use narthex::{
    game::Case,
    game_model::{
        Amount, Params, ParamsRecord,
        game::{Economics, Fees, League, TimeOuts},
        play::{Appeal, ArbiterStrategy, Strategy, VerifierStrategy, WorkerStrategy},
        simulation::{Costs, RootRule, SeedRule, Setup, Unbacked},
    },
    simulate::{self, Report},
};

use super::{
    super::{Misuse, PanelArg, bar::bar, output, value},
    league::LeagueArgs,
    strategy::{appeal, arbiter, verifier, worker},
};

/// Options of `narthex simulate games`.
#[derive(Args)]
pub(crate) struct GamesArgs {
    /// honest, skip:1%, falsify:1%, garbage:1% (right leaves, garbage in the boxes), target:3,17, time-out, copy, grind:5% (falsifies 5 % and salts its tree
    /// anew), redraw:5% (falsifies 5 % and, if the sample finds it, shows another root for another sample).
    #[arg(long, default_value = "honest", value_parser = worker)]
    worker: WorkerStrategy,
    /// honest, rubber-stamp, blind-accuse or silent.
    #[arg(long, default_value = "honest", value_parser = verifier)]
    verifier: VerifierStrategy,
    /// honest, guess, silent, equivocate, or erring:1/100,1/100,0 (convicts the innocent, acquits the guilty,
    /// undecided); one for all, or one for each, with spaces between. Honest without it; for games in which somebody appeals.
    #[arg(long, num_args = 1.., value_parser = arbiter)]
    arbiter: Vec<ArbiterStrategy>,
    /// Parameters, costs and values, as `narthex game plan --out` writes them; a simulation has neither fees nor a model of
    /// arbiters other than --arbiter.
    #[arg(long)]
    case: Option<PathBuf>,
    /// Panel, as k-of-n.
    #[arg(long, default_value = "2-of-3", conflicts_with = "case")]
    arbiters: PanelArg,
    /// A rejected worker appeals: when-right (without it), always, never (it admits) or idle (never, and it lets its time run
    /// out). For games in which one is rejected.
    #[arg(long, value_parser = appeal)]
    appeal: Option<Appeal>,
    /// Games to play.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    games: u64,
    /// N, steps of the job.
    #[arg(long, default_value_t = 1_000, conflicts_with = "case")]
    steps: u64,
    /// k, sampled steps.
    #[arg(long, default_value_t = 100, conflicts_with = "case")]
    sample: u32,
    /// Draws the sample from the root alone, as the Prometheus paper does: the worker can grind it. For workers that cheat.
    #[arg(long)]
    root_alone: bool,
    /// An approval without digests to back it is paid, as in the Prometheus paper; else it burns stake and reward. For
    /// --verifier rubber-stamp.
    #[arg(long)]
    nobody_checks: bool,
    /// The latest root that a worker shows counts, as if no ruling bound it to one. For --worker redraw.
    #[arg(long)]
    any_root: bool,
    #[command(flatten)]
    league: LeagueArgs,
    /// Most trees that a grinder makes in a game, 10,000 without it; most roots that a redrawer shows, 2 without it.
    #[arg(long)]
    most_tries: Option<u32>,
    /// z: what computing all steps costs, in satoshi.
    #[arg(long, value_name = "SAT", default_value = "5000", value_parser = value::amount, conflicts_with = "case")]
    cost_work_sat: Amount,
    /// y: what recomputing the sample costs, in satoshi.
    #[arg(long, value_name = "SAT", default_value = "500", value_parser = value::amount, conflicts_with = "case")]
    cost_verify_sat: Amount,
    /// g: what running a disputed step costs an arbiter, in satoshi.
    #[arg(long, value_name = "SAT", default_value = "1000", value_parser = value::amount, conflicts_with = "case")]
    cost_arbitrate_sat: Amount,
    /// B: what the worker gains outside from an accepted wrong result, in satoshi.
    #[arg(long, value_name = "SAT", default_value = "20000", value_parser = value::amount, conflicts_with = "case")]
    outside_gain_sat: Amount,
    /// 64 hex digits: the same seed plays the same games; zeros without it.
    #[arg(long, value_parser = value::bytes32)]
    seed: Option<[u8; 32]>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl GamesArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        self.check_effects()?;
        let setup = self.setup()?;
        let bar = bar(
            self.games,
            "{bar:30} {pos}/{len} games {elapsed}",
            !self.json,
        );
        let report = simulate::run(&setup, self.seed.unwrap_or_default(), self.games, |done| {
            bar.inc(done)
        })?;
        bar.finish_and_clear();
        let mut out = output::out();
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string(&report)?)?,
            false => print(&mut out, &report)?,
        }
        Ok(())
    }

    /// Refuses what no game of these strategies comes to.
    fn check_effects(&self) -> Result<(), Misuse> {
        use {VerifierStrategy as V, WorkerStrategy as W};
        let (worker, verifier) = (&self.worker, self.verifier);
        if self.league.is_given() {
            return self.check_league();
        }
        let delivers = !matches!(worker, W::TimeOut);
        let honest = matches!(worker, W::Deliver(Strategy::Honest));
        let tries = matches!(worker, W::Grind { .. } | W::Redraw { .. });
        let redraws = matches!(worker, W::Redraw { .. });
        let rejects = delivers
            && match verifier {
                V::BlindAccuse => true,
                V::Honest => !honest,
                V::RubberStamp | V::Silent => false,
            };
        // Whoever copies has nothing to appeal with.
        let may_appeal = rejects && !matches!(worker, W::Copy);
        // A worker that appeals when it is right is rejected rightly by an honest verifier.
        let appeals = may_appeal
            && match self.appeal.unwrap_or(Appeal::WhenRight) {
                Appeal::Always => true,
                Appeal::Never | Appeal::Idle => false,
                Appeal::WhenRight => verifier != V::Honest,
            };
        let refuse = changes_nothing;
        let (given, no) = (
            self.most_tries.is_some(),
            "it is a grinder's or redrawer's; say --worker grind:SHARE or redraw:SHARE",
        );
        refuse(!given || tries, "--most-tries", no)?;
        let no = "only --worker redraw shows a second root, and only to a verifier that has found it out";
        let caught = redraws && verifier == V::Honest;
        refuse(!self.any_root || caught, "--any-root", no)?;
        let no = "only --verifier rubber-stamp approves without digests of its own, and only of what is delivered";
        let stamps = verifier == V::RubberStamp && delivers;
        refuse(!self.nobody_checks || stamps, "--nobody-checks", no)?;
        let no = "whom the sample hits matters to a worker that delivers wrong work alone";
        refuse(
            !self.root_alone || (delivers && !honest),
            "--root-alone",
            no,
        )?;
        let no = "this verifier rejects nobody that could appeal";
        refuse(self.appeal.is_none() || may_appeal, "--appeal", no)?;
        let no =
            "nobody appeals to them; say --verifier blind-accuse, or --worker and --appeal always";
        refuse(self.arbiter.is_empty() || appeals, "--arbiter", no)
    }

    /// What a league does not come to: its verifier approves, and the others are honest.
    fn check_league(&self) -> Result<(), Misuse> {
        let no = "in these games nobody is rejected, and nobody appeals: a league approves its own work, and strangers are honest";
        let given = [
            (self.most_tries.is_some(), "--most-tries"),
            (self.any_root, "--any-root"),
            (self.nobody_checks, "--nobody-checks"),
            (self.root_alone, "--root-alone"),
            (self.appeal.is_some(), "--appeal"),
            (!self.arbiter.is_empty(), "--arbiter"),
        ];
        let mut each = given.into_iter();
        each.try_for_each(|(given, option)| changes_nothing(!given, option, no))
    }

    fn setup(&self) -> anyhow::Result<Setup> {
        let (params, costs, known) = match &self.case {
            Some(path) => of_case(path)?,
            None => self.of_example()?,
        };
        let arbiters = params.arbiters();
        let panel = match self.arbiter[..] {
            [] => vec![ArbiterStrategy::Honest; usize::from(arbiters)],
            [one] => vec![one; usize::from(arbiters)],
            _ => self.arbiter.clone(),
        };
        let mut worker = self.worker.clone();
        match &mut worker {
            WorkerStrategy::Grind { most_tries, .. } => {
                *most_tries = self.most_tries.unwrap_or(USUAL_TRIES);
            }
            WorkerStrategy::Redraw { most_roots, .. } => {
                *most_roots = self.most_tries.unwrap_or(USUAL_ROOTS);
            }
            _ => {}
        }
        let mut setup = Setup {
            params,
            worker,
            appeal: self.appeal.unwrap_or(Appeal::WhenRight),
            verifier: self.verifier,
            arbiters: panel,
            seed_rule: match self.root_alone {
                true => SeedRule::RootAlone,
                false => SeedRule::Full,
            },
            unbacked: match self.nobody_checks {
                true => Unbacked::Stands,
                false => Unbacked::Burns,
            },
            roots: match self.any_root {
                true => RootRule::Latest,
                false => RootRule::One,
            },
            league: None,
            costs,
        };
        setup.league = self.league.played(&setup, known)?;
        Ok(setup)
    }

    fn of_example(&self) -> anyhow::Result<(Params, Costs, Option<League>)> {
        let PanelArg { quorum, arbiters } = self.arbiters;
        let record = ParamsRecord::example(arbiters, quorum, 800_000)
            .for_job(self.steps, self.sample)
            .context("--steps and --sample make no fraction; sample fewer steps than there are")?;
        // A right result is worth half more than its price to this client, a wrong one costs as much.
        let price = Amount::to_sat(record.reward);
        let costs = Costs {
            work_sat: self.cost_work_sat.to_sat(),
            verify_sat: self.cost_verify_sat.to_sat(),
            arbitrate_sat: self.cost_arbitrate_sat.to_sat(),
            outside_gain_sat: self.outside_gain_sat.to_sat(),
            right_result_sat: price.saturating_add(price / 2),
            wrong_result_sat: price,
            bad_steps: 0,
        };
        Ok((Params::new(record)?, costs, None))
    }
}

/// Most trees that a grinder makes, unless it is said.
const USUAL_TRIES: u32 = 10_000;

/// Most roots that a redrawer shows, unless it is said.
pub(super) const USUAL_ROOTS: u32 = 2;

fn changes_nothing(fine: bool, option: &str, why: &str) -> Result<(), Misuse> {
    Misuse::unless(fine, || format!("{option} changes nothing here: {why}"))
}

/// A case's parameters, and of its costs and values what a simulation knows.
fn of_case(path: &Path) -> anyhow::Result<(Params, Costs, Option<League>)> {
    let Case { params, economics } = super::super::game::read_case(path)?;
    let params = Params::new(params).with_context(|| format!("{} is refused", path.display()))?;
    let costs = Costs {
        work_sat: economics.worker_cost.to_sat(),
        verify_sat: economics.verifier_cost.to_sat(),
        arbitrate_sat: economics.arbiter_cost.to_sat(),
        outside_gain_sat: economics.outside_gain.to_sat(),
        right_result_sat: economics.right_value.to_sat(),
        wrong_result_sat: economics.wrong_loss.to_sat(),
        bad_steps: economics.bad_steps,
    };
    if economics.fees != Fees::default() {
        output::note("the fees of the case are not simulated; `narthex game solve` counts them");
    }
    if economics.time_outs != TimeOuts::default() {
        output::note("an S1 that pays for a rejection is the solver's; here it pays nobody");
    }
    if economics.arbiters != Economics::example().arbiters || economics.verdicts.is_some() {
        output::note(
            "the case's model of arbiters and verdicts is the solver's; here they play as --arbiter and --nobody-checks say",
        );
    }
    Ok((params, costs, economics.league))
}

fn print(out: &mut impl Write, report: &Report) -> anyhow::Result<()> {
    let tally = &report.tally;
    writeln!(out, "{} games, seed {}", tally.games, report.seed)?;
    for (scheme, games) in &tally.schemes {
        writeln!(out, "  scheme {scheme:2} {games:>10}")?;
    }
    for line in &report.comparisons {
        writeln!(
            out,
            "  {:34} measured {:>10.4}   closed form {:>10.4}   {:+.1} standard deviations",
            line.what, line.measured, line.closed_form, line.deviations
        )?;
    }
    if let Some(league) = &report.league {
        let play = &tally.league;
        writeln!(
            out,
            "  leagues: {} games of {}, {} of them cheated; the client audited {} games\n  \
             with f = {}, ε = {}, q = {}: at most f·ε = {} wrong results accepted",
            play.leagues,
            tally.games,
            play.cheats,
            play.audits,
            league.worker_verifier,
            league.cheat_rate,
            league.audit_rate,
            league.accepted_at_most
        )?;
    }
    for (what, count) in [
        ("other roots shown", tally.other_roots),
        ("rejected by the record (row 1)", tally.by_record),
        ("wrong results paid for", tally.wrong_accepted),
        ("deliveries that did not open", tally.unopened),
        ("approvals without digests", tally.unbacked_approvals),
        ("equivocations, each with a key", tally.equivocations),
    ] {
        if count > 0 {
            writeln!(out, "  {what:34} {count:>10}")?;
        }
    }
    writeln!(
        out,
        "  mean per game in satoshi       settlement   with costs and worth"
    )?;
    for ((role, moved), (_, payoff)) in tally
        .transfers
        .by_role()
        .iter()
        .zip(tally.payoffs.by_role())
    {
        let (moved, payoff) = (tally.mean(*moved), tally.mean(payoff));
        writeln!(out, "  {role:25} {moved:>15.1} {payoff:>22.1}")?;
    }
    Ok(())
}
