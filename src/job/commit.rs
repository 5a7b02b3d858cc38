//! Committing to what was run, and opening leaves of it.

use std::{fs::File, io::BufReader, io::Read, path::Path};

use bitcoin::hex::{DisplayHex, FromHex};
use bitcoin::secp256k1::rand::{RngCore, thread_rng};
use narthex_game_model::{
    commitment::{
        self, Commitment, Domain, LeafOpening, MAX_RESULT_BYTES, Multiproof, OpenError, Opening,
        ResultSecret, SaltSeed, TreeBuilder, TreeError, seal, state_digest, work_leaf,
    },
    computation::{Computation, JobSpec, StepError},
    play::{Strategy, Work, WorkerSecrets},
};
use serde::{Deserialize, Serialize};

use super::{JobError, OutputLog, StateDir, state::read_limited};

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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretsFile {
    result: String,
    salts: String,
}

/// Commits to every stage that was run; makes the secrets if there are none. `cheat` is for demonstrations: a stage, and
/// what the worker claims for it.
pub fn commit(
    state: &StateDir,
    cheat: Option<(u32, &Strategy)>,
) -> Result<Vec<Committed>, JobError> {
    let mut all = Vec::new();
    for stage in 0.. {
        let Some(spec) = state.spec(stage)? else {
            break;
        };
        let log = OutputLog::complete(state, stage, &spec)?;
        let secrets = make_secrets(state, stage)?;
        let strategy = cheat.filter(|(cheated, _)| *cheated == stage);
        let (commitment, sealed) = match strategy {
            None => honest(&log, &spec, &secrets)?,
            Some((_, strategy)) => cheating(state, stage, &log, &spec, &secrets, strategy)?,
        };
        let file = StageCommitment {
            stage,
            spec,
            commitment,
        };
        let name = format!("commitment-{stage}.json");
        let before: Option<StageCommitment> = state.read_json(&name)?;
        if before.is_some_and(|before| before != file) {
            let path = state.path(&name);
            return Err(JobError::AlreadyCommitted { path });
        }
        state.write(&format!("result-{stage}.sealed"), &sealed)?;
        state.write_json(&name, &file)?;
        all.push(Committed {
            file,
            sealed_bytes: sealed.len() as u64,
        });
    }
    Ok(all)
}

/// Opens these leaves (strictly ascending) of a stage that was committed to.
pub fn open_steps(state: &StateDir, stage: u32, indices: &[u64]) -> Result<Opening, JobError> {
    let spec = state.spec(stage)?.ok_or(JobError::NoStage { stage })?;
    let salts = read_secrets(state, stage)?
        .ok_or(JobError::NoStage { stage })?
        .salts;
    let mut leaves = Vec::with_capacity(indices.len());
    let mut wanted = indices.iter().peekable();
    let tree = TreeBuilder::proving(Domain::Work, spec.steps, indices)?;
    let (_, proof) = fill(
        tree,
        claimed(state, stage, &spec)?,
        &spec,
        &salts,
        |index, digest| {
            if wanted.next_if_eq(&&index).is_some() {
                leaves.push(LeafOpening {
                    index,
                    salt: salts.salt(index),
                    digest,
                });
            }
        },
    )?;
    Ok(Opening { leaves, proof })
}

/// What the worker sealed, decrypted with its secret and checked: the result as the client has it once the worker is
/// paid.
pub(super) fn sealed_result(state: &StateDir, file: &StageCommitment) -> Result<Vec<u8>, JobError> {
    let stage = file.stage;
    let secrets = read_secrets(state, stage)?.ok_or(JobError::NoStage { stage })?;
    let path = state.path(&format!("result-{stage}.sealed"));
    let sealed = read_limited(&path, MAX_RESULT_BYTES as u64 + 16)?;
    let width = usize::try_from(file.spec.output_bytes).unwrap_or(usize::MAX);
    commitment::open(&file.commitment, width, &sealed, &secrets.result).map_err(|source| {
        match source.convicts_worker() {
            true => JobError::Sealed { stage, source },
            false => JobError::NotTheResult { stage },
        }
    })
}

/// A commitment of the directory.
pub(super) fn committed(state: &StateDir, stage: u32) -> Result<StageCommitment, JobError> {
    state
        .read_json(&format!("commitment-{stage}.json"))?
        .ok_or(JobError::NoStage { stage })
}

fn honest(
    log: &OutputLog,
    spec: &JobSpec,
    secrets: &WorkerSecrets,
) -> Result<(Commitment, Vec<u8>), JobError> {
    let tree = TreeBuilder::new(Domain::Work);
    let (root, _) = fill(tree, log.reader()?, spec, &secrets.salts, |_, _| ())?;
    let size = spec.steps.saturating_mul(spec.output_bytes);
    if size > MAX_RESULT_BYTES as u64 {
        let bytes = usize::try_from(size).unwrap_or(usize::MAX);
        return Err(OpenError::TooLarge { bytes }.into());
    }
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

fn cheating(
    state: &StateDir,
    stage: u32,
    log: &OutputLog,
    spec: &JobSpec,
    secrets: &WorkerSecrets,
    strategy: &Strategy,
) -> Result<(Commitment, Vec<u8>), JobError> {
    let outputs = log.read_all()?;
    let recorded = Recorded { spec, outputs };
    let work = Work::perform(&recorded, strategy, secrets)?;
    let (commitment, sealed) = (*work.commitment(), work.ciphertext().to_vec());
    let width = recorded.output_bytes();
    let claimed = commitment::open(&commitment, width, &sealed, &secrets.result)?;
    state.write(&format!("claimed-{stage}.bin"), &claimed)?;
    Ok((commitment, sealed))
}

/// The outputs that the worker claims: those it computed, but for a cheat.
fn claimed(state: &StateDir, stage: u32, spec: &JobSpec) -> Result<BufReader<File>, JobError> {
    let path = state.path(&format!("claimed-{stage}.bin"));
    match path.exists() {
        true => reader(&path),
        false => OutputLog::complete(state, stage, spec)?.reader(),
    }
}

fn reader(path: &Path) -> Result<BufReader<File>, JobError> {
    let file = File::open(path).map_err(JobError::io("cannot read", path))?;
    Ok(BufReader::with_capacity(1 << 20, file))
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

fn make_secrets(state: &StateDir, stage: u32) -> Result<WorkerSecrets, JobError> {
    if let Some(secrets) = read_secrets(state, stage)? {
        return Ok(secrets);
    }
    // Each stage is a contract of its own: salts of one must not open leaves of another.
    let fresh = || {
        let mut bytes = [0; 32];
        thread_rng().fill_bytes(&mut bytes);
        bytes.to_lower_hex_string()
    };
    let file = SecretsFile {
        result: fresh(),
        salts: fresh(),
    };
    let name = secrets_name(stage);
    state.write_secret(&name, &state.to_json(&name, &file)?)?;
    read_secrets(state, stage)?.ok_or(JobError::NoStage { stage })
}

fn read_secrets(state: &StateDir, stage: u32) -> Result<Option<WorkerSecrets>, JobError> {
    let name = secrets_name(stage);
    let Some(file) = state.read_json::<SecretsFile>(&name)? else {
        return Ok(None);
    };
    let bytes = |hex: &str| {
        <[u8; 32]>::from_hex(hex).map_err(|error| JobError::Json {
            path: state.path(&name),
            source: <serde_json::Error as serde::de::Error>::custom(error),
            hint: "the secrets are damaged: restore them from a copy",
        })
    };
    Ok(Some(WorkerSecrets {
        result: ResultSecret::from_bytes(bytes(&file.result)?),
        salts: SaltSeed::from_bytes(bytes(&file.salts)?),
    }))
}

fn secrets_name(stage: u32) -> String {
    format!("secrets-{stage}.json")
}
