//! `narthex market calibrate`.

use std::io::Write;

use clap::{Args, ValueEnum};
use narthex::game_model::{
    Ratio,
    market::{
        Chance,
        calibrate::{Bin, Report, Setup, calibrate},
    },
};

use crate::cli::{Misuse, bar::bar, value};

/// Options of `narthex market calibrate`.
#[derive(Args)]
pub(crate) struct CalibrateArgs {
    /// Recomputers of all kinds, or recomputers drawn from the ledger's own prior.
    #[arg(long, value_enum, default_value = "mixed")]
    market: MarketArg,
    /// Requests, up to 100000.
    #[arg(long, default_value_t = 4_000)]
    requests: u32,
    /// Forgetting of the ledger in the mixed market; 999/1000 without it.
    #[arg(long, value_name = "SHARE", value_parser = value::share)]
    lambda: Option<Ratio>,
    /// Passed audits that a whitewasher of the mixed market waits for under each name; 20 without it.
    #[arg(long)]
    patience: Option<u32>,
    /// 64 hex digits: the same seed plays the same market.
    #[arg(long, default_value = "1515151515151515151515151515151515151515151515151515151515151515", value_parser = value::bytes32)]
    seed: [u8; 32],
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Patience of whitewashers, unless it is said.
const USUAL_PATIENCE: u32 = 20;

#[derive(Clone, Copy, ValueEnum)]
enum MarketArg {
    /// Steady recomputers, one that wears out, one that turns bad, a cluster that whitewashes.
    Mixed,
    /// Reliabilities drawn from Beta(12, 1), which the ledger starts from; nothing is forgotten.
    Matched,
}

impl CalibrateArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let seed = self.seed;
        let setup = match self.market {
            MarketArg::Mixed => {
                let patience = self.patience.unwrap_or(USUAL_PATIENCE);
                let mut setup = Setup::mixed(seed, self.requests, patience);
                if let Some(lambda) = self.lambda {
                    setup.policy.lambda = lambda;
                }
                setup
            }
            MarketArg::Matched if self.lambda.is_some() || self.patience.is_some() => {
                return Err(Misuse(
                    "in the matched market nothing is forgotten and nobody whitewashes: --lambda and --patience are for --market mixed".into(),
                ).into());
            }
            MarketArg::Matched => Setup::matched(seed, self.requests, 12, 1),
        };
        let style = "{bar:30} {pos}/{len} requests {elapsed}";
        let bar = bar(self.requests.into(), style, true);
        let report = calibrate(&setup, || bar.inc(1));
        bar.finish_and_clear();
        let report = report?;
        let mut out = crate::cli::output::out();
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string(&report)?)?,
            false => print(&mut out, &report)?,
        }
        Ok(())
    }
}

fn print(out: &mut impl Write, report: &Report) -> anyhow::Result<()> {
    let Report {
        requests,
        audits,
        seed,
        ..
    } = report;
    writeln!(out, "{requests} requests, {audits} audits, seed {seed}")?;
    for (what, bins) in [
        ("by estimate", &report.by_estimate),
        ("by price", &report.by_price),
    ] {
        writeln!(
            out,
            "  audited layers {what}: up to, count, predicted, observed, deviations"
        )?;
        for bin in bins.iter().filter(|bin| bin.count > 0) {
            print_bin(out, bin.up_to, bin)?;
        }
    }
    writeln!(out, "  requests by reliability asked for")?;
    for line in &report.by_asked {
        print_bin(out, line.asked, &line.served)?;
        writeln!(
            out,
            "{:>11} wrong paid {}, nobody {}, unserved {}",
            "", line.wrong, line.nobody, line.unserved
        )?;
    }
    writeln!(
        out,
        "  paid {} sat; with known reliabilities {} sat: regret {:.1}%",
        report.price_sat,
        report.known_price_sat,
        100.0 * report.regret
    )?;
    for line in &report.recomputers {
        let last = line
            .last_hired
            .map_or("never".into(), |last| last.to_string());
        writeln!(
            out,
            "  {:<11} names {:>4}, hired {:>5} (after turning {}, last {last}), gains {} sat",
            serde_json::to_value(line.conduct)?
                .as_object()
                .and_then(|kind| kind.keys().next().cloned())
                .unwrap_or_default(),
            line.names,
            line.hired,
            line.hired_after_turn,
            line.gain_sat()
        )?;
    }
    Ok(())
}

fn print_bin(out: &mut impl Write, up_to: Chance, bin: &Bin) -> anyhow::Result<()> {
    writeln!(
        out,
        "  {:>8} {:>7} {:>9.4} {:>9.4} [{:.4}, {:.4}] {:>+6.1}",
        up_to.percent(),
        bin.count,
        bin.predicted,
        bin.observed,
        bin.low,
        bin.high,
        bin.deviations
    )?;
    Ok(())
}
