//! Committing to what was run, and opening leaves of it.

use std::io::{BufWriter, Write};

use narthex_game_model::{
    commitment::{
        Commitment, Domain, SealError, SealedShape, Sealer, Sealing, TreeBuilder, state_digest,
        work_leaf,
    },
    computation::{Computation, JobSpec, StepError},
    play::{Strategy, Work, WorkerSecrets},
};
use serde::{Deserialize, Serialize};

use super::contract::{claimed_name, commitment_name, sealed_name};
use super::plan::fits_result;
use super::sealed::{each, is_committed};
use super::secrets::{self, SecretsFile};
use super::{CompleteLog, ContractDir, JobError, OutputLog};
use crate::disk::{Draft, Readers};

/// A commitment as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageCommitment {
    /// Number of the stage, from 0.
    pub stage: u32,
    /// The stage's job.
    pub spec: JobSpec,
    /// What the worker is bound to.
    pub commitment: Commitment,
}

/// A commitment that was made.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// The commitment.
    pub file: StageCommitment,
    /// Size of the sealed result in bytes.
    pub sealed_bytes: u64,
}

/// Commits to every stage that was run, for one contract; makes its secrets if it has none. Done again, it gives the same
/// commitment. `openings` is how many steps of a stage the contract samples: no more are ever opened; all, where a stage
/// has fewer. `cheat` is for demonstrations: a stage, and what the worker claims for it.
///
/// All is computed and checked before anything is written: what is refused leaves the directory as it was.
pub fn commit(
    contract: &ContractDir<'_>,
    openings: u32,
    cheat: Option<(u32, &Strategy)>,
) -> Result<Vec<Committed>, JobError> {
    let state = contract.state();
    let mut specs = Vec::new();
    for stage in 0.. {
        match state.spec(stage)? {
            Some(spec) => specs.push((stage, spec)),
            None => break,
        }
    }
    if specs.is_empty() {
        let path = state.folder().to_owned();
        return Err(JobError::NothingRun { path });
    }
    if let Some((stage, _)) = cheat.filter(|(stage, _)| specs.iter().all(|(s, _)| s != stage)) {
        let stages = specs.len() as u32;
        return Err(JobError::NoStage { stage, stages });
    }
    for (stage, _) in &specs {
        contract.check_names(*stage)?;
    }
    let prepare = |(stage, spec)| {
        let cheat = cheat.filter(|(cheated, _)| *cheated == stage);
        let strategy = cheat.map(|(_, strategy)| strategy);
        Prepared::new(contract, stage, spec, openings, strategy)
    };
    let prepared: Vec<_> = specs
        .iter()
        .copied()
        .map(prepare)
        .collect::<Result<_, _>>()?;
    contract.make()?;
    let done = prepared.into_iter().map(|stage| stage.publish(contract));
    let done = done.collect::<Result<_, _>>()?;
    state.sweep()?;
    Ok(done)
}

/// A stage that can be committed to, with files that have no names yet.
struct Prepared {
    done: Committed,
    /// If there are none yet.
    secrets: Option<Draft>,
    /// If it is not there yet.
    sealed: Option<Draft>,
    /// What a cheat claims.
    claimed: Option<Draft>,
    /// If it is not there yet.
    commitment: Option<Draft>,
}

impl Prepared {
    fn new(
        contract: &ContractDir<'_>,
        stage: u32,
        spec: JobSpec,
        openings: u32,
        cheat: Option<&Strategy>,
    ) -> Result<Self, JobError> {
        let state = contract.state();
        let log = OutputLog::complete(state, stage, &spec)?;
        let name = commitment_name(stage);
        let before: Option<StageCommitment> = contract.read_json(&name)?;
        let (file, fresh) = match SecretsFile::read(contract, stage)? {
            Some(file) => (file, false),
            None if before.is_some() => {
                let path = contract.path(&secrets::file_name(stage));
                return Err(JobError::NoSecrets { path });
            }
            None => (SecretsFile::draw(contract)?, true),
        };
        let secrets = file.secrets(contract, stage)?;
        let shape = shape(&spec, openings)?;
        let work = |out: &mut dyn Write| -> Result<(Commitment, Option<Vec<u8>>), JobError> {
            let Some(strategy) = cheat else {
                let commitment = honest(contract, &log, &spec, (shape, &secrets), out)?;
                return Ok((commitment, None));
            };
            let work = cheating(&log, &spec, (shape, &secrets), strategy)?;
            let written = out.write_all(work.sealed());
            written.map_err(JobError::io("cannot write in", state.folder()))?;
            Ok((*work.commitment(), Some(work.outputs().to_vec())))
        };
        let write = || {
            let mut sealed = contract.open_draft(Readers::Umask)?;
            let done = work(sealed.file())?;
            Ok::<_, JobError>((done, Some(sealed)))
        };
        // Where all is there already, nothing is written.
        let ((commitment, claimed), sealed) = match before {
            None => write()?,
            Some(before) => match is_committed(contract, &before) {
                Ok(()) => (work(&mut std::io::sink())?, None),
                Err(_) => write()?,
            },
        };
        let done = StageCommitment {
            stage,
            spec,
            commitment,
        };
        if before.is_some_and(|before| before != done) {
            let path = contract.path(&name);
            return Err(JobError::AlreadyCommitted { path });
        }
        let (owner, all) = (Readers::Owner, Readers::Umask);
        let draft = |bytes: &[u8], readers| contract.draft(bytes, readers);
        let secrets = match fresh {
            true => Some(draft(
                &state.to_json(&secrets::file_name(stage), &file)?,
                owner,
            )?),
            false => None,
        };
        let mut json = state.to_json(&name, &done)?;
        json.push(b'\n');
        Ok(Self {
            done: Committed {
                file: done,
                sealed_bytes: shape.total_bytes(),
            },
            secrets,
            sealed,
            claimed: match &claimed {
                Some(bytes) if before.is_none() || !contract.holds(&claimed_name(stage), bytes) => {
                    Some(draft(bytes, owner)?)
                }
                _ => None,
            },
            commitment: match before {
                Some(_) => None,
                None => Some(draft(&json, all)?),
            },
        })
    }

    /// Gives the files their names. The commitment comes last: whoever has it has all else.
    fn publish(self, contract: &ContractDir<'_>) -> Result<Committed, JobError> {
        let stage = self.done.file.stage;
        if let Some(secrets) = self.secrets {
            contract.publish(secrets, &secrets::file_name(stage))?;
        }
        match self.claimed {
            Some(claimed) => contract.publish(claimed, &claimed_name(stage))?,
            // Left by a cheat that was killed before it had committed.
            None if self.commitment.is_some() => contract.remove(&claimed_name(stage))?,
            None => {}
        }
        if let Some(sealed) = self.sealed {
            contract.publish(sealed, &sealed_name(stage))?;
        }
        if let Some(commitment) = self.commitment {
            contract.publish(commitment, &commitment_name(stage))?;
        }
        Ok(self.done)
    }
}

/// Sizes of a stage's sealed result.
fn shape(spec: &JobSpec, openings: u32) -> Result<SealedShape, JobError> {
    fits_result(spec)?;
    let openings = openings.min(u32::try_from(spec.steps).unwrap_or(u32::MAX));
    let output_bytes = usize::try_from(spec.output_bytes).unwrap_or(usize::MAX);
    let none = SealError::Shape {
        steps: spec.steps,
        output_bytes,
        openings,
    };
    SealedShape::new(spec.steps, output_bytes, openings).ok_or_else(|| none.into())
}

/// Passes the outputs twice, since the keys depend on all of them; one at a time is in memory.
fn honest(
    contract: &ContractDir<'_>,
    log: &CompleteLog,
    spec: &JobSpec,
    (shape, secrets): (SealedShape, &WorkerSecrets),
    out: &mut dyn Write,
) -> Result<Commitment, JobError> {
    let width = shape.output_bytes();
    let mut leaves = TreeBuilder::new(Domain::Work);
    each(
        log.reader()?,
        log.path(),
        (spec.steps, width),
        |index, output| {
            let salt = secrets.salts.salt(index);
            leaves.push(work_leaf(index, &salt, &state_digest(output)));
            Ok(())
        },
    )?;
    let (root, _) = leaves.finish()?;
    let job = spec.id();
    let mut sealer = Sealer::new(&Sealing { job, root, shape }, secrets)?;
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let folder = contract.state().folder();
    let io = || JobError::io("cannot write in", folder);
    out.write_all(sealer.coefficients()).map_err(io())?;
    each(
        log.reader()?,
        log.path(),
        (spec.steps, width),
        |_, output| out.write_all(&sealer.push(output)?).map_err(io()),
    )?;
    out.flush().map_err(io())?;
    Ok(sealer.finish()?)
}

/// Outputs that were computed, as a computation that a simulated worker can cheat on.
struct Recorded<'a> {
    spec: &'a JobSpec,
    outputs: Vec<u8>,
}

impl Computation for Recorded<'_> {
    fn job(&self) -> [u8; 32] {
        self.spec.id()
    }

    fn steps(&self) -> u64 {
        self.spec.steps
    }

    fn output_bytes(&self) -> usize {
        usize::try_from(self.spec.output_bytes).unwrap_or(usize::MAX)
    }

    fn step(&self, index: u64) -> Result<Vec<u8>, StepError> {
        let output = usize::try_from(index)
            .ok()
            .and_then(|i| self.outputs.chunks_exact(self.output_bytes()).nth(i));
        output.map(<[u8]>::to_vec).ok_or(StepError::NoSuchStep {
            index,
            steps: self.spec.steps,
        })
    }
}

/// The work of a worker that cheats on what was computed.
fn cheating(
    log: &CompleteLog,
    spec: &JobSpec,
    (shape, secrets): (SealedShape, &WorkerSecrets),
    strategy: &Strategy,
) -> Result<Work, JobError> {
    let outputs = log.read_all()?;
    let recorded = Recorded { spec, outputs };
    Ok(Work::perform(
        &recorded,
        strategy,
        secrets,
        shape.openings(),
    )?)
}
