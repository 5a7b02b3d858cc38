//! Jobs on disk: run, commit to, open, verify, audit. `docs/jobs.md` describes files and commands.
//!
//! A [`Manifest`] says what is to be computed; a [`Plan`] makes jobs of it, one per stage: a map-reduce has a stage for
//! the map and one for each round of merges, everything else has one. A [`StateDir`] holds what a worker has done, so
//! that a killed run goes on where it was: the outputs are the same, and so is the root.

mod audit;
mod bundle;
mod commit;
mod contract;
mod engine;
mod error;
mod manifest;
mod outputs;
mod plan;
mod run;
mod running;
mod sealed;
mod secrets;
mod state;
mod verify;

pub use audit::{AuditOptions, StageAudit, audit};
pub use bundle::{BundleServer, BundleWriter, HeldBundle, Looked, pack, pack_of, packed_bundle};
pub use commit::{Committed, StageCommitment, commit};
pub use contract::{ContractDir, ContractName};
pub use engine::Engine;
pub use error::JobError;
pub use manifest::{Input, Limits, Manifest, Source, Work};
pub use outputs::{CompleteLog, OutputLog, Recovery};
pub use plan::{Plan, StageJob};
pub use run::{Progress, RunOptions, StageRun, run};
pub use running::Running;
pub use sealed::open_steps;
pub use state::StateDir;
pub use verify::{Checked, verify};

pub(crate) use plan::fits_result;
pub(crate) use verify::recompute;
