//! `narthex job verify`.

use std::path::PathBuf;

use anyhow::bail;
use bitcoin::hex::DisplayHex;
use clap::Args;
use narthex::{game_model::play::Verdict, job::verify};

use super::{EngineArgs, print};

/// Options of `narthex job verify`.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The job, as agreed on.
    #[arg(long)]
    job: PathBuf,
    /// The worker's commitment.
    #[arg(long)]
    commitment: PathBuf,
    /// Opened leaves; may be given more than once.
    #[arg(long, required = true)]
    opening: Vec<PathBuf>,
    /// Outputs of the stage before, for stages after the first; the first has none.
    #[arg(long)]
    previous: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    /// One JSON object per opening.
    #[arg(long)]
    json: bool,
}

impl VerifyArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plan = self.engine.load(&self.job, true)?;
        let mut differing = Vec::new();
        for opening in &self.opening {
            let found = verify(&plan, &self.commitment, opening, self.previous.as_deref())?;
            let (stage, steps) = (found.stage, found.steps);
            let id = found.commitment.to_lower_hex_string();
            match found.verdict {
                Verdict::Equal => {}
                Verdict::Differs { index, .. } => differing.push(format!(
                    "stage {stage}, step {index}: the worker's digest is of another output"
                )),
                Verdict::BadBox { index } => differing.push(format!(
                    "stage {stage}, step {index}: the worker's box holds something else than its leaf"
                )),
            }
            match self.json {
                true => print(
                    &serde_json::json!({
                        "event": "verify", "stage": stage, "commitment": id, "steps": steps,
                        "verdict": found.verdict,
                    })
                    .to_string(),
                )?,
                false if found.verdict.approves() => print(&format!(
                    "stage {stage}: all {steps} opened steps are right (root of record {id})"
                ))?,
                false => {}
            }
        }
        if !differing.is_empty() {
            bail!("{}; reject, and dispute this step", differing.join("; "));
        }
        Ok(())
    }
}
