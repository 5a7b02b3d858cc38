//! `narthex job run`.

use std::path::PathBuf;

use bitcoin::hex::DisplayHex;
use clap::Args;
use narthex::job::{Progress, Recovery, RunOptions, StateDir, run};

use super::{EngineArgs, StateArgs, print};
use crate::cli::bar::bar;

/// Options of `narthex job run`.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// The job; `narthex job example` writes one.
    job: PathBuf,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Runs each step twice and stops where the two differ.
    #[arg(long)]
    check_determinism: bool,
    /// Computes anew what is damaged in the directory.
    #[arg(long)]
    repair: bool,
    /// One JSON object per stage.
    #[arg(long)]
    json: bool,
}

impl RunArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plan = self.engine.load(&self.job, self.check_determinism)?;
        let state = StateDir::create(&self.state.state, &plan)?;
        let bar = bar(0, "{bar:30} {pos}/{len} {msg} {eta}", !self.json);
        let options = RunOptions::default().repairing(self.repair);
        let stages = run(&plan, &state, options, &mut |progress| match progress {
            Progress::Done(done) => bar.set_position(done),
            Progress::Stage {
                stage,
                stages,
                spec,
                recovery,
            } => {
                bar.reset();
                bar.set_length(spec.steps);
                bar.set_position(recovery.done);
                bar.set_message(format!("stage {} of {stages}", stage + 1));
            }
        })?;
        bar.finish_and_clear();
        let there = stages.iter().map(|stage| stage.recovery.done).sum::<u64>();
        if self.check_determinism && there > 0 {
            crate::cli::output::note(format_args!(
                "{there} steps were there already and are not run again: --check-determinism says nothing of them"
            ));
        }
        for stage in &stages {
            let job = stage.spec.id().to_lower_hex_string();
            if self.json {
                print(
                    &serde_json::json!({
                        "event": "run", "stage": stage.stage, "job": job, "steps": stage.spec.steps,
                        "output_bytes": stage.spec.output_bytes,
                        "input_root": stage.spec.input_root.to_lower_hex_string(),
                        "resumed_at": stage.recovery.done, "torn_bytes": stage.recovery.torn_bytes,
                        "thrown_away": stage.recovery.thrown_away,
                    })
                    .to_string(),
                )?;
            } else {
                let steps = stage.spec.steps;
                let resumed = resumed(&stage.recovery, steps);
                print(&format!(
                    "stage {}: {steps} steps{resumed}\n  job        {job}\n  input root {}",
                    stage.stage,
                    stage.spec.input_root.to_lower_hex_string()
                ))?;
            }
        }
        if !self.json {
            print(&format!(
                "next: narthex job commit --state {}",
                self.state.state.display()
            ))?;
        }
        Ok(())
    }
}

fn resumed(recovery: &Recovery, steps: u64) -> String {
    let mut text = match recovery.done {
        0 => String::new(),
        done if done == steps => ", all there already".into(),
        done => format!(", {done} of them there already"),
    };
    if recovery.torn_bytes > 0 {
        text += &format!(", {} torn bytes cut off", recovery.torn_bytes);
    }
    if recovery.thrown_away > 0 {
        text += &format!(", {} damaged ones computed anew", recovery.thrown_away);
    }
    text
}
