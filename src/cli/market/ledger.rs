//! `narthex market ledger`.

use std::{io::Write, path::PathBuf};

use bitcoin::hex::DisplayHex;
use clap::{Args, Subcommand, ValueEnum};
use narthex::{
    game_model::{
        Ratio,
        market::{Audit, Decay, Ledger, Policy, PolicyRecord, RecomputerId, Standing},
        rational::rounded,
    },
    market::LedgerFile,
};
use serde_json::json;

use crate::cli::{Misuse, value};

/// `narthex market ledger …`.
#[derive(Subcommand)]
pub(crate) enum LedgerCommand {
    /// Begins a ledger.
    Init(InitArgs),
    /// Counts an audit.
    Audit(AuditArgs),
    /// Shows where recomputers stand.
    Show(ShowArgs),
}

/// Options of `narthex market ledger init`.
#[derive(Args)]
pub(crate) struct InitArgs {
    /// File of the ledger, which must not exist.
    file: PathBuf,
    /// What is left of a count after the next audit, above 0 and at most 1.
    #[arg(long, value_name = "SHARE", default_value = "999/1000", value_parser = value::share)]
    lambda: Ratio,
    /// Passed audits that a newcomer is credited with.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = value::factor)]
    alpha: Ratio,
    /// Failed audits that a newcomer is debited with.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = value::factor)]
    beta: Ratio,
    /// Failed audits added when a recomputer is priced.
    #[arg(long, value_name = "FACTOR", default_value = "2", value_parser = value::factor)]
    caution: Ratio,
    /// Which counts an audit lets fade; both without it. With --lambda 1 none does.
    #[arg(long, value_enum)]
    decay: Option<DecayArg>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum DecayArg {
    /// Passed and failed ones alike.
    Both,
    /// Only that which grows: for short records, see docs/market.md.
    Counted,
}

/// Options of `narthex market ledger audit`.
#[derive(Args)]
pub(crate) struct AuditArgs {
    /// File of the ledger.
    file: PathBuf,
    /// The job, 64 hex digits.
    #[arg(long, value_parser = value::bytes32)]
    job: [u8; 32],
    /// The recomputer, 64 hex digits.
    #[arg(long)]
    recomputer: RecomputerId,
    /// Its layer was there and right.
    #[arg(long, conflicts_with = "failed", required_unless_present = "failed")]
    passed: bool,
    /// Its layer was wrong or missing.
    #[arg(long)]
    failed: bool,
    /// Height of the chain's tip.
    #[arg(long, value_name = "HEIGHT", value_parser = value::height)]
    height: u32,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex market ledger show`.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// File of the ledger.
    file: PathBuf,
    /// This recomputer only, known or new.
    #[arg(long)]
    recomputer: Option<RecomputerId>,
    /// One JSON object a recomputer.
    #[arg(long)]
    json: bool,
}

impl LedgerCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            LedgerCommand::Init(args) => args.run(),
            LedgerCommand::Audit(args) => args.run(),
            LedgerCommand::Show(args) => args.run(),
        }
    }
}

impl InitArgs {
    fn run(self) -> anyhow::Result<()> {
        Misuse::unless(self.decay.is_none() || self.lambda != Ratio::ONE, || {
            "with --lambda 1 no count ever fades: --decay would choose between nothing and nothing"
                .into()
        })?;
        let policy = Policy::new(PolicyRecord {
            lambda: self.lambda,
            alpha: self.alpha,
            beta: self.beta,
            caution: self.caution,
            decay: match self.decay {
                None | Some(DecayArg::Both) => Decay::Both,
                Some(DecayArg::Counted) => Decay::Counted,
            },
        })?;
        let ledger = Ledger::new(policy);
        LedgerFile::new(self.file).create(&ledger)?;
        let (head, keeps) = (
            ledger.head().to_lower_hex_string(),
            policy.record_worth_keeping(1),
        );
        let mut out = crate::cli::output::out();
        match (self.json, keeps) {
            (true, _) => writeln!(
                out,
                "{}",
                json!({ "head": head, "record_worth_keeping": keeps })
            )?,
            (false, Some(keeps)) => writeln!(
                out,
                "head {head}\nafter {keeps} passed audits one failure leaves a recomputer above a newcomer"
            )?,
            (false, None) => writeln!(
                out,
                "head {head}\nbeware: after a failure a new name is always priced as well or better"
            )?,
        }
        Ok(())
    }
}

impl AuditArgs {
    fn run(self) -> anyhow::Result<()> {
        let audit = Audit {
            job: self.job,
            recomputer: self.recomputer,
            passed: self.passed,
            height: self.height,
        };
        let (ledger, standing) = LedgerFile::new(self.file).enter(audit)?;
        print(
            &mut crate::cli::output::out(),
            self.json,
            &ledger,
            &self.recomputer,
            &standing,
        )
    }
}

impl ShowArgs {
    fn run(self) -> anyhow::Result<()> {
        let ledger = LedgerFile::new(self.file).read()?;
        let mut out = crate::cli::output::out();
        if let Some(recomputer) = self.recomputer {
            return print(
                &mut out,
                self.json,
                &ledger,
                &recomputer,
                &ledger.standing(&recomputer),
            );
        }
        if !self.json {
            let (audits, head) = (ledger.audits().len(), ledger.head().to_lower_hex_string());
            writeln!(out, "{audits} audits, head {head}")?;
        }
        for (recomputer, standing) in ledger.standings() {
            print(&mut out, self.json, &ledger, recomputer, standing)?;
        }
        Ok(())
    }
}

fn print(
    out: &mut impl Write,
    json: bool,
    ledger: &Ledger,
    recomputer: &RecomputerId,
    standing: &Standing,
) -> anyhow::Result<()> {
    let priced = standing.priced(ledger.policy());
    let Standing {
        alpha,
        beta,
        passed,
        failed,
    } = *standing;
    let estimate = standing.expected();
    if json {
        let line = json!({ "recomputer": recomputer, "passed": passed, "failed": failed,
            "alpha_q32": alpha.to_string(), "beta_q32": beta.to_string(),
            "estimate": estimate, "priced": priced, "head": ledger.head().to_lower_hex_string() });
        writeln!(out, "{line}")?;
        return Ok(());
    }
    writeln!(
        out,
        "{recomputer} {passed} passed, {failed} failed: estimate {}, priced as {}",
        rounded(&estimate.exact(), 6),
        rounded(&priced.exact(), 6)
    )?;
    Ok(())
}
