//! `narthex job entropy`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use narthex::game_model::{
    commitment::state_digest,
    computation::{Computation, StepProgram},
    token::entropy,
};
use serde_json::json;

use super::{EngineArgs, print};

/// Options of `narthex job entropy`.
#[derive(Args)]
pub(crate) struct EntropyArgs {
    /// The job, as agreed on.
    #[arg(long)]
    job: PathBuf,
    #[command(flatten)]
    engine: EngineArgs,
    /// Steps of a sample.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..))]
    sample: u32,
    /// Steps that are run to measure, from the first on; at most all of the first stage.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    measure: u64,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl EntropyArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plan = self.engine.load(&self.job, false)?;
        let job = plan.first();
        let run = self.measure.min(job.steps());
        let digest = |index| {
            let output = job.step(index).with_context(|| format!("step {index}"))?;
            Ok(state_digest(&output))
        };
        let digests = (0..run).map(digest).collect::<anyhow::Result<Vec<_>>>()?;
        let (said, measured) = (job.program().entropy_bits(), entropy::measured(&digests));
        let fuel = job.program().needs().step_fuel();
        // What is measured bounds what can be true.
        let bits = entropy::refuted(said, &digests);
        let sealed = entropy::check(bits, self.sample, fuel);
        if self.json {
            let line = json!({
                "stated_bits": said,
                "measured_bits": measured,
                "measured_steps": run,
                "counted_bits": bits,
                "sample": self.sample,
                "seals_tokens": sealed.is_ok(),
                "why_not": sealed.err().map(|why| why.to_string()),
            });
            return print(&line.to_string());
        }
        let measure = match bits == said && measured < said {
            true => format!("all digests of {run} steps differ, which does not refute it"),
            false => format!("at most {measured} measured over {run} steps"),
        };
        print(&format!("{said} bits a step stated, {measure}"))?;
        match sealed {
            Ok(()) => print(&format!(
                "a sample of {} steps can seal a token",
                self.sample
            )),
            Err(why) => print(&format!("no token is sealed under such digests: {why}")),
        }
    }
}
