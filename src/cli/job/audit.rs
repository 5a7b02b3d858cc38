//! `narthex job audit`.

use std::path::PathBuf;

use anyhow::bail;
use bitcoin::hex::DisplayHex;
use clap::Args;
use narthex::{
    game_model::play::Verdict,
    job::{AuditOptions, StageAudit, StateDir, audit},
};

use super::{ContractArgs, EngineArgs, StateArgs, print};
use crate::cli::value;

/// Options of `narthex job audit`.
#[derive(Args)]
pub(crate) struct AuditArgs {
    /// The job, as agreed on.
    #[arg(long)]
    job: PathBuf,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    contract: ContractArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Steps to sample in each stage; all, if there are fewer.
    #[arg(long, default_value_t = 100)]
    sample: u32,
    /// The verifier's nonce, 64 hex digits; drawn afresh without it.
    #[arg(long, value_parser = value::bytes32)]
    nonce: Option<[u8; 32]>,
    /// Hash of a block after the commitment, 64 hex digits, as bitcoind and explorers show it; drawn afresh without it,
    /// which shows the round but proves nothing to others.
    #[arg(long, value_parser = value::block_hash)]
    block_hash: Option<[u8; 32]>,
    /// One JSON object per stage.
    #[arg(long)]
    json: bool,
}

impl AuditArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // Twice: a step that differs on this machine must not convict anybody.
        let plan = self.engine.load(&self.job, true)?;
        let state = StateDir::open(&self.state.state)?;
        let contract = state.contract(self.contract.contract.clone());
        let mut options = AuditOptions::new(self.sample);
        (options.nonce, options.block_hash) = (self.nonce, self.block_hash);
        let mut printed = Ok(());
        let audits = audit(&plan, &contract, options, &mut |found| {
            if printed.is_ok() {
                printed = self.show(found);
            }
        })?;
        printed?;
        match audits.last().map(|last| (last.stage, last.verdict)) {
            Some((stage, Verdict::BadBox { index })) => bail!(
                "stage {stage}, step {index}: the worker's box does not open under its key to its own output; reject: \
                 commitment and opening convict the worker"
            ),
            Some((stage, Verdict::Differs { index, .. })) => bail!(
                "stage {stage}, step {index}: the worker's digest is of another output; reject, and dispute this step"
            ),
            _ => Ok(()),
        }
    }

    fn show(&self, found: &StageAudit) -> anyhow::Result<()> {
        let (count, steps) = (found.sampled.len(), found.file.spec.steps);
        let record = found.file.commitment.id().to_lower_hex_string();
        let (seed, blind) = (
            found.seed.to_lower_hex_string(),
            found.blind.to_lower_hex_string(),
        );
        if self.json {
            return print(
                &serde_json::json!({
                    "event": "audit", "stage": found.stage,
                    "job": found.file.commitment.job.to_lower_hex_string(),
                    "commitment": record, "seed": seed, "sampled": found.sampled, "steps": steps,
                    "blind_digests": blind, "verdict": found.verdict,
                })
                .to_string(),
            );
        }
        let verdict = match found.verdict {
            Verdict::Equal => "all equal; the sealed result opens and is the work".to_owned(),
            Verdict::Differs { index, .. } => format!("step {index} differs"),
            Verdict::BadBox { index } => format!("the box of step {index} holds garbage"),
        };
        print(&format!(
            "stage {}: {count} of {steps} steps computed again, {verdict}\n  root of record {record}\n  \
             seed           {seed}\n  blind digests  {blind}",
            found.stage
        ))
    }
}
