//! `narthex game rule`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;
use narthex::{
    game_model::{
        computation::StepProgram,
        ruling::{CaseFinding, Rerun, rule},
        token::SealCost,
    },
    job::{Plan, Running},
    job_dispute::DisputeFile,
    ruling::{CaseFile, MAX_CASE_BYTES, MadeUp, made_up},
};

use crate::cli::{input, output};

/// What goes wrong in a made-up case.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ExampleArg {
    /// The verifier shows no nonce.
    NoSample,
    /// The worker hands over no token.
    NoToken,
    /// The verifier does not answer the token.
    NoReply,
    /// The verifier denies that the seal opens under its digests.
    FalseRejection,
    /// The worker seals right digests, and its tree holds others.
    FalseSeal,
    /// The verifier rejects what is right, without a ground.
    NoGround,
}

/// Options of `narthex game rule`.
#[derive(Args)]
pub(crate) struct RuleArgs {
    /// A case as JSON; `-` for standard input.
    #[arg(required_unless_present = "example")]
    case: Option<PathBuf>,
    /// Writes a made-up case in place of ruling on one.
    #[arg(long, value_enum, conflicts_with_all = ["case", "job", "dispute", "tip"])]
    example: Option<ExampleArg>,
    /// The job, for cases in which a step is run again.
    #[arg(long)]
    job: Option<PathBuf>,
    /// Largest input record of the job that was accepted, in bytes; without it, what the parameters allow.
    #[arg(long, requires = "job", value_name = "BYTES")]
    record_bytes: Option<u64>,
    /// The search inside that step, as `narthex job dispute --out` writes it.
    #[arg(long, requires = "job", requires = "tip")]
    dispute: Option<PathBuf>,
    /// Height of the tip of the chain as you see it.
    #[arg(long, requires = "dispute")]
    tip: Option<u32>,
    /// One JSON object. An example is JSON in any case.
    #[arg(long)]
    json: bool,
}

impl RuleArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if let Some(example) = self.example {
            let file = made_up(match example {
                ExampleArg::NoSample => MadeUp::NoSample,
                ExampleArg::NoToken => MadeUp::NoToken,
                ExampleArg::NoReply => MadeUp::NoReply,
                ExampleArg::FalseRejection => MadeUp::FalseRejection,
                ExampleArg::FalseSeal => MadeUp::FalseSeal,
                ExampleArg::NoGround => MadeUp::NoGround,
            })?;
            let text = serde_json::to_string_pretty(&file)?;
            return Ok(writeln!(output::out(), "{text}")?);
        }
        let path = self.case.as_deref().unwrap_or(Path::new("-"));
        let file: CaseFile = input::json(
            path,
            MAX_CASE_BYTES,
            "case; `narthex game rule --example no-reply` writes one",
        )?;
        let found = self.found(&file)?;
        let mut out = output::out();
        if self.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(&found)?)?);
        }
        write_finding(&mut out, &found)
    }

    fn found(&self, file: &CaseFile) -> anyhow::Result<CaseFinding> {
        let case = file.case().context("the parameters are refused")?;
        let ruled = |rerun| Ok(rule(&case, &file.evidence, rerun, SealCost::CONTRACT)?);
        let Some(job) = &self.job else {
            return ruled(Rerun::None);
        };
        let plan = Plan::load(job, &Running::default())?;
        let program = plan.first().program();
        let most = case.terms.params.job_bounds().record_bytes;
        let record_bytes = self.record_bytes.unwrap_or(most);
        let accepted = case
            .terms
            .params
            .accepts(&file.job, program, record_bytes)
            .with_context(|| format!("{} is not the case's job", job.display()))?;
        let Some(dispute) = &self.dispute else {
            return ruled(Rerun::Step {
                program,
                job: &accepted,
            });
        };
        let searched = DisputeFile::read(dispute)?;
        let units = program.units().context("the job's program has no units")?;
        ruled(Rerun::Search {
            program: units,
            job: &accepted,
            terms: &searched.terms,
            transcript: &searched.transcript,
            tip: self.tip.unwrap_or(0),
        })
    }
}

fn write_finding(out: &mut impl Write, found: &CaseFinding) -> anyhow::Result<()> {
    let CaseFinding {
        row,
        ruling,
        reason,
        unpaid,
        refused,
    } = found;
    writeln!(out, "ruling: {ruling}")?;
    writeln!(out, "row {row}: {reason}")?;
    if let Some(why) = unpaid {
        writeln!(out, "the worker is not paid by it: {why}")?;
    }
    for part in refused {
        let (by, what, why) = (part.by, &part.what, &part.why);
        writeln!(out, "refused from the {by}: {what}: {why}")?;
    }
    Ok(())
}
