//! `narthex job commit`.

use anyhow::{Context, bail};
use bitcoin::hex::DisplayHex;
use clap::Args;
use narthex::{
    game_model::play::Strategy,
    job::{StateDir, commit},
};

use super::{ContractArgs, StateArgs, print, warn_if_exposed};
use crate::cli::value;

/// Options of `narthex job commit`.
#[derive(Args)]
pub(crate) struct CommitArgs {
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    contract: ContractArgs,
    /// Steps of each stage that the contract samples; all, if there are fewer. No more are ever opened.
    #[arg(long, default_value_t = 100)]
    sample: u32,
    /// For demonstrations, claims other outputs than were computed: `skip:1/10` (zeros for a tenth of the steps),
    /// `falsify:1/10`, `target:3,17` (just these); or seals garbage: `garbage:1/10`.
    #[arg(long, value_parser = strategy)]
    cheat: Option<Strategy>,
    /// Stage to cheat on.
    #[arg(long, default_value_t = 0, requires = "cheat")]
    cheat_stage: u32,
    /// One JSON object per stage.
    #[arg(long)]
    json: bool,
}

impl CommitArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let state = StateDir::open(&self.state.state)?;
        let cheat = self.cheat.as_ref().map(|cheat| (self.cheat_stage, cheat));
        let contract = state.contract(self.contract.contract);
        let committed = commit(&contract, self.sample, cheat)?;
        warn_if_exposed(&contract);
        for done in committed {
            let file = done.file;
            let id = file.commitment.id().to_lower_hex_string();
            let root = file.commitment.root.to_lower_hex_string();
            let job = file.commitment.job.to_lower_hex_string();
            if self.json {
                print(&serde_json::json!({
                    "event": "commit", "stage": file.stage, "job": job, "steps": file.spec.steps,
                    "root": root, "commitment": id, "openings": file.commitment.openings,
                    "sealed_bytes": done.sealed_bytes,
                    "contract": contract.name().map(ToString::to_string),
                }).to_string())?;
            } else {
                print(&format!(
                    "stage {}: committed to {} steps\n  job            {job}\n  root of leaves {root}\n  \
                     root of record {id}\n  sealed result  {} bytes",
                    file.stage, file.spec.steps, done.sealed_bytes
                ))?;
            }
        }
        if !self.json {
            print(&format!(
                "keep {} to yourself: they open the result\n\
                 this is for one contract; to sell the same result again, commit anew with --contract NAME",
                contract.path("secrets-*.json").display()
            ))?;
        }
        Ok(())
    }
}

fn strategy(text: &str) -> anyhow::Result<Strategy> {
    let (kind, what) = text.split_once(':').context("write it as kind:what")?;
    let fraction = || {
        let (ratio, seed) = what.split_once(':').unwrap_or((what, "0"));
        let share = value::share(ratio).map_err(anyhow::Error::msg)?;
        Ok::<_, anyhow::Error>((share, seed.parse().context("a seed is a number")?))
    };
    Ok(match kind {
        "skip" => {
            let (fraction, seed) = fraction()?;
            Strategy::Skip { fraction, seed }
        }
        "falsify" => {
            let (fraction, seed) = fraction()?;
            Strategy::Falsify { fraction, seed }
        }
        "garbage" => {
            let (fraction, seed) = fraction()?;
            Strategy::Garbage { fraction, seed }
        }
        "target" => {
            let steps = what.split(',').map(|step| step.trim().parse());
            let steps = steps.collect::<Result<_, _>>();
            Strategy::Target {
                steps: steps.context("steps are numbers")?,
            }
        }
        other => bail!("no cheat {other:?}; there are skip, falsify, target and garbage"),
    })
}
