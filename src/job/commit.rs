//! Committing to what was run, and opening leaves of it.

use std::{io::Read, path::Path};

use narthex_game_model::{
    commitment::{
        self, Commitment, Domain, LeafOpening, MAX_RESULT_BYTES, Multiproof, Opening, SaltSeed,
        TreeBuilder, TreeError, seal, state_digest, work_leaf,
    },
    computation::{Computation, JobSpec, StepError},
    play::{Strategy, Work, WorkerSecrets},
};
use serde::{Deserialize, Serialize};

use super::contract::{claimed_name, commitment_name, sealed_name};
use super::plan::fits_result;
use super::secrets::{self, SecretsFile, read_secrets};
use super::{CompleteLog, ContractDir, JobError, OutputLog, state::read_limited};
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
/// commitment. `cheat` is for demonstrations: a stage, and what the worker claims for it.
///
/// All is computed and checked before anything is written: what is refused leaves the directory as it was.
pub fn commit(
    contract: &ContractDir<'_>,
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
        Prepared::new(contract, stage, spec, cheat.map(|(_, strategy)| strategy))
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
        let (commitment, sealed, claimed) = match cheat {
            None => {
                let (commitment, sealed) = honest(&log, &spec, &secrets)?;
                (commitment, sealed, None)
            }
            Some(strategy) => cheating(&log, &spec, &secrets, strategy)?,
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
                sealed_bytes: sealed.len() as u64,
            },
            secrets,
            sealed: match before.is_some() && contract.holds(&sealed_name(stage), &sealed) {
                true => None,
                false => Some(draft(&sealed, all)?),
            },
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

/// Opens these leaves (strictly ascending) of a stage that was committed to.
pub fn open_steps(
    contract: &ContractDir<'_>,
    stage: u32,
    indices: &[u64],
) -> Result<Opening, JobError> {
    let committed = contract.committed(stage)?;
    let spec = committed.spec;
    let salts = read_secrets(contract, stage)?.salts;
    let mut leaves = Vec::with_capacity(indices.len());
    let mut wanted = indices.iter().peekable();
    let tree = TreeBuilder::proving(Domain::Work, spec.steps, indices)?;
    let (outputs, path) = contract.claimed(stage, &spec)?;
    let (root, proof) = fill(tree, outputs, &spec, &salts, |index, digest| {
        if wanted.next_if_eq(&&index).is_some() {
            leaves.push(LeafOpening {
                index,
                salt: salts.salt(index),
                digest,
            });
        }
    })?;
    // An opening of another tree would be held against the worker.
    if root != committed.commitment.root {
        return Err(JobError::OtherRoot { path });
    }
    Ok(Opening { leaves, proof })
}

/// What the worker sealed, decrypted with its secret and checked: the result as the client has it once the worker is
/// paid.
pub(super) fn sealed_result(
    contract: &ContractDir<'_>,
    file: &StageCommitment,
) -> Result<Vec<u8>, JobError> {
    let stage = file.stage;
    let secrets = read_secrets(contract, stage)?;
    let path = contract.path(&sealed_name(stage));
    let sealed = read_limited(&path, MAX_RESULT_BYTES as u64 + 16)?;
    let width = usize::try_from(file.spec.output_bytes).unwrap_or(usize::MAX);
    commitment::open(&file.commitment, width, &sealed, &secrets.result).map_err(|source| {
        match source.convicts_worker() {
            true => JobError::Sealed { stage, source },
            false => JobError::NotTheResult { stage },
        }
    })
}

fn honest(
    log: &CompleteLog,
    spec: &JobSpec,
    secrets: &WorkerSecrets,
) -> Result<(Commitment, Vec<u8>), JobError> {
    let tree = TreeBuilder::new(Domain::Work);
    let (root, _) = fill(tree, log.reader()?, spec, &secrets.salts, |_, _| ())?;
    fits_result(spec)?;
    let job = spec.id();
    // The cipher authenticates the result as a whole, so it needs all of it.
    let sealed = seal(&secrets.result, &secrets.salts, &job, &log.read_all()?)?;
    let commitment = Commitment {
        job,
        steps: spec.steps,
        root,
        ciphertext_hash: sealed.ciphertext_hash,
        plaintext_hash: sealed.plaintext_hash,
    };
    Ok((commitment, sealed.ciphertext))
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

/// Commitment, ciphertext and claimed outputs of a worker that cheats.
type Claimed = (Commitment, Vec<u8>, Option<Vec<u8>>);

fn cheating(
    log: &CompleteLog,
    spec: &JobSpec,
    secrets: &WorkerSecrets,
    strategy: &Strategy,
) -> Result<Claimed, JobError> {
    let outputs = log.read_all()?;
    let recorded = Recorded { spec, outputs };
    let work = Work::perform(&recorded, strategy, secrets)?;
    let (commitment, sealed) = (*work.commitment(), work.ciphertext().to_vec());
    let width = recorded.output_bytes();
    let claimed = commitment::open(&commitment, width, &sealed, &secrets.result)?;
    Ok((commitment, sealed, Some(claimed)))
}

/// Streams outputs into a tree; one output at a time is in memory.
fn fill(
    mut tree: TreeBuilder,
    mut outputs: impl Read,
    spec: &JobSpec,
    salts: &SaltSeed,
    mut seen: impl FnMut(u64, [u8; 32]),
) -> Result<([u8; 32], Multiproof), JobError> {
    let mut output = Vec::new();
    for index in 0..spec.steps {
        output.clear();
        let read = (&mut outputs)
            .take(spec.output_bytes)
            .read_to_end(&mut output)
            .map_err(JobError::io("cannot read outputs of step", Path::new("")))?;
        if read as u64 != spec.output_bytes {
            let (expected, found) = (spec.steps, index);
            return Err(TreeError::Count { expected, found }.into());
        }
        let digest = state_digest(&output);
        seen(index, digest);
        tree.push(work_leaf(index, &salts.salt(index), &digest));
    }
    Ok(tree.finish()?)
}
