//! `narthex game schedule`.

use std::{io::Write, process::ExitCode};

use anyhow::Context;
use clap::Args;
use narthex::game_model::{
    Params,
    schedule::{
        ChallengeSchedule, Dates, LedgerError, Pace, PanelSchedule, Schedule, stake_unlock_height,
    },
};
use serde_json::json;

use super::CaseArgs;
use crate::cli::output;

/// How fast messages, machines and transactions are.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum PaceArg {
    /// Six blocks for what must confirm, six for what must last.
    Mainnet,
    /// A block for everything.
    Regtest,
}

/// Options of `narthex game schedule`.
#[derive(Args)]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    case: CaseArgs,
    /// Height of the delivery; without it, the last that is in time.
    #[arg(long, value_name = "HEIGHT")]
    delivered: Option<u32>,
    /// Height of the appeal, or of the challenge; without it, the last of an appeal that is in time after a verdict that was.
    #[arg(long, value_name = "HEIGHT")]
    accused: Option<u32>,
    /// What a party counts on.
    #[arg(long, value_enum, default_value = "mainnet")]
    pace: PaceArg,
    /// Height of the best chain.
    #[arg(long, value_name = "HEIGHT", requires = "funding")]
    tip: Option<u32>,
    /// Last height at which the funding may confirm.
    #[arg(long, value_name = "HEIGHT")]
    funding: Option<u32>,
    /// Height at which the first of the arbiters' offers or bonds ends.
    #[arg(long, value_name = "HEIGHT")]
    bonds_end: Option<u32>,
    /// Longest dispute that each arbiter takes part in.
    #[arg(long, value_name = "BLOCKS")]
    longest_dispute: Option<u32>,
    /// Blocks of the longest search inside a step.
    #[arg(long, value_name = "BLOCKS", default_value_t = 0)]
    search: u32,
    /// Writes the case with the shortest windows that fit, in place of its schedule.
    #[arg(long, conflicts_with_all = ["delivered", "accused", "tip", "funding", "bonds_end", "longest_dispute"])]
    fit: bool,
    /// One JSON object. A case is JSON in any case.
    #[arg(long)]
    json: bool,
}

impl ScheduleArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let pace = match self.pace {
            PaceArg::Mainnet => Pace::MAINNET,
            PaceArg::Regtest => Pace::REGTEST,
        };
        let mut case = self.case.read()?;
        if self.fit {
            case.params = case.params.paced(&pace, self.search)?;
            Params::new(case.params.clone()).context("the parameters are refused")?;
            let text = serde_json::to_string_pretty(&case)?;
            writeln!(output::out(), "{text}")?;
            return Ok(ExitCode::SUCCESS);
        }
        let params = Params::new(case.params).context("the parameters are refused")?;
        let dates = Dates {
            tip: self.tip,
            funding: self.funding,
            bonds_end: self.bonds_end,
            longest_dispute: self.longest_dispute,
            search_blocks: self.search,
        };
        let delivered = self.delivered.unwrap_or(params.deliver_height());
        let schedule = Schedule::of(&params, delivered);
        let last = schedule
            .verdict
            .saturating_add(params.windows().appeal_blocks.into());
        let panel = PanelSchedule::of(&params, self.accused.unwrap_or(last));
        // An approval may come as late as a rejection.
        let challenge = params
            .audit()
            .map(|_| ChallengeSchedule::of(&params, schedule.verdict));
        let kept = pace.check(&params, &dates);
        let unlock = stake_unlock_height(&params);
        let mut out = output::out();
        match self.json {
            true => {
                let broken = kept.as_ref().err().map(LedgerError::broken);
                let broken = broken.unwrap_or_default().iter().map(|broken| {
                    let (name, left, relation, right) = broken.row.inequality();
                    json!({
                        "row": broken.row,
                        "name": name,
                        "must_hold": format!("{left} {relation} {right}"),
                        "left": broken.lhs.to_string(),
                        "right": broken.rhs.to_string(),
                    })
                });
                let line = json!({
                    "schedule": schedule,
                    "panel": panel,
                    "challenge": challenge,
                    "stake_unlock_height": unlock,
                    "pace": pace,
                    "fits": kept.is_ok(),
                    "broken": broken.collect::<Vec<_>>(),
                });
                writeln!(out, "{line}")?;
            }
            false => {
                write_schedule(&mut out, (&schedule, challenge), &panel, unlock)?;
                write_ledger(&mut out, &kept)?;
            }
        }
        Ok(match kept {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(super::NO),
        })
    }
}

fn write_schedule(
    out: &mut impl Write,
    (schedule, challenge): (&Schedule, Option<ChallengeSchedule>),
    panel: &PanelSchedule,
    unlock: u32,
) -> anyhow::Result<()> {
    let challenge = challenge.map(|dates| {
        [
            (dates.served, "worker", "client served; it can challenge"),
            (dates.claimed, "client", "challenge confirmed before that"),
        ]
    });
    let mut rows = vec![
        (schedule.delivered, "worker", "delivery confirmed"),
        (
            schedule.record,
            "worker",
            "root on record, boxes handed over",
        ),
        (schedule.nonce, "verifier", "nonce, which draws the sample"),
        (schedule.token, "worker", "sealed token"),
        (
            schedule.reply,
            "verifier",
            "reply: the token's hash, or digests",
        ),
        (schedule.opening, "worker", "opening of the sample"),
        (schedule.verdict, "verifier", "verdict confirmed"),
        (panel.accused, "worker", "appeal confirmed"),
        (panel.evidence, "all", "evidence"),
        (
            panel.heard,
            "panel",
            "heard: arbiters have passed on what they were brought",
        ),
        (panel.moves, "both", "moves inside the disputed step"),
        (panel.settled, "panel", "attested, settlement confirmed"),
        (unlock, "arbiters", "stakes are free from here on"),
    ];
    // Beside the appeal: a contract comes to one of them.
    rows.splice(7..7, challenge.into_iter().flatten());
    for (height, who, what) in rows {
        writeln!(out, "{height:>9}  {who:9} {what}")?;
    }
    Ok(())
}

fn write_ledger(out: &mut impl Write, kept: &Result<(), LedgerError>) -> anyhow::Result<()> {
    match kept {
        Ok(()) => writeln!(out, "a party of this pace keeps every deadline")?,
        Err(error) => {
            writeln!(out, "a party of this pace does not keep every deadline:")?;
            for broken in error.broken() {
                writeln!(out, "  {broken}")?;
            }
        }
    }
    Ok(())
}
