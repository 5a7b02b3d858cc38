//! `narthex job open`.

use clap::Args;
use narthex::job::{StateDir, open_steps};

use super::{ContractArgs, StateArgs, print, warn_if_exposed};

/// Options of `narthex job open`.
#[derive(Args)]
pub(crate) struct OpenArgs {
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    contract: ContractArgs,
    /// The stage.
    #[arg(long, default_value_t = 0)]
    stage: u32,
    /// Steps to open, each once, in order; in all no more than were committed to (`commit --sample`), since with one more
    /// the result secret could be computed. Open only what was sampled, after the verifier has committed to its digests: an opened leaf can
    /// be copied.
    #[arg(long, value_delimiter = ',', required = true)]
    steps: Vec<u64>,
    /// Nothing changes by it: opened leaves are JSON in any case.
    #[arg(long)]
    json: bool,
}

impl OpenArgs {
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let state = StateDir::open(&self.state.state)?;
        let contract = state.contract(self.contract.contract);
        warn_if_exposed(&contract);
        self.steps.sort_unstable();
        self.steps.dedup();
        let opening = open_steps(&contract, self.stage, &self.steps)?;
        print(&serde_json::to_string_pretty(&opening)?)
    }
}
