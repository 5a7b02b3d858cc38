//! Outputs of a stage on disk, with a journal that tells how much of them is durable.
//!
//! A batch of outputs is written and synced, then a line of the journal: number of steps so far and a hash that chains
//! the batches. Whatever follows the last whole line was torn by a crash and is cut off; whatever disagrees with a line
//! was damaged and is never used.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

use bitcoin::hex::{DisplayHex, FromHex};
use narthex_game_model::{computation::JobSpec, tagged::TaggedHasher};

use super::state::read_limited;
use super::{JobError, StateDir};
use crate::disk::{self, Readers};

/// Largest journal: a line per batch, of which there are far fewer than steps.
const MAX_JOURNAL_BYTES: u64 = 1 << 30;
/// Length of a line: 20 digits, a space, 64 hex digits, an end of line.
const LINE_BYTES: usize = 20 + 1 + 64 + 1;

/// Outputs of a stage, ready for more.
#[derive(Debug)]
pub struct OutputLog {
    data: File,
    journal: File,
    path: PathBuf,
    steps: u64,
    done: u64,
    width: u64,
    chain: [u8; 32],
}

/// What opening a log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Steps that are done and durable.
    pub done: u64,
    /// Bytes without an entry in the journal, cut off.
    pub torn_bytes: u64,
    /// Steps thrown away because they were damaged and `repair` was asked for.
    pub thrown_away: u64,
}

struct Line {
    done: u64,
    chain: [u8; 32],
}

impl OutputLog {
    /// Opens the log of a stage, or makes one. Damage is an error unless `repair`, which goes back to the last step
    /// before it.
    pub fn open(
        state: &StateDir,
        stage: u32,
        spec: &JobSpec,
        repair: bool,
    ) -> Result<(Self, Recovery), JobError> {
        let path = state.path(&format!("outputs-{stage}.bin"));
        let journal_path = state.path(&format!("outputs-{stage}.journal"));
        // The outputs are what is for sale.
        let open = |path: &PathBuf| {
            disk::open_log(path, Readers::Owner).map_err(JobError::io("cannot open", path))
        };
        let mut log = Self {
            data: open(&path)?,
            journal: open(&journal_path)?,
            path,
            steps: spec.steps,
            done: 0,
            width: spec.output_bytes,
            chain: spec.id(),
        };
        let text = read_limited(&journal_path, MAX_JOURNAL_BYTES)?;
        let recovery = log.recover(&text, repair)?;
        Ok((log, recovery))
    }

    /// Opens the log of a finished stage.
    pub fn complete(state: &StateDir, stage: u32, spec: &JobSpec) -> Result<Self, JobError> {
        let (log, recovery) = Self::open(state, stage, spec, false)?;
        match recovery.done == spec.steps {
            true => Ok(log),
            false => Err(JobError::Incomplete {
                stage,
                done: recovery.done,
                steps: spec.steps,
            }),
        }
    }

    /// Number of steps done.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// Adds the outputs of the next `steps` steps; durable on return.
    pub fn append(&mut self, steps: u64, outputs: &[u8]) -> Result<(), JobError> {
        let done = self.done + steps;
        let chain = link(&self.chain, done, outputs);
        let line = format!("{done:020} {}\n", chain.to_lower_hex_string());
        let write = |file: &mut File, bytes: &[u8]| {
            file.write_all(bytes)?;
            file.sync_data()
        };
        // The journal must not speak of outputs that are not there yet.
        write(&mut self.data, outputs)
            .and_then(|()| write(&mut self.journal, line.as_bytes()))
            .map_err(JobError::io("cannot write", &self.path))?;
        (self.done, self.chain) = (done, chain);
        Ok(())
    }

    /// All outputs so far, as a stream.
    pub fn reader(&self) -> Result<BufReader<File>, JobError> {
        let file = File::open(&self.path).map_err(JobError::io("cannot read", &self.path))?;
        Ok(BufReader::with_capacity(1 << 20, file))
    }

    /// All outputs so far.
    pub fn read_all(&self) -> Result<Vec<u8>, JobError> {
        read_limited(&self.path, self.done.saturating_mul(self.width))
    }

    fn recover(&mut self, text: &[u8], repair: bool) -> Result<Recovery, JobError> {
        let size = self.data.metadata();
        let size = size.map_err(JobError::io("cannot read", &self.path))?.len();
        let (mut good, mut damage, mut claimed) = (0, None, 0);
        for bytes in text.chunks_exact(LINE_BYTES) {
            let Some(line) = self.parse(bytes) else {
                damage = Some("its journal is not what was written");
                break;
            };
            claimed = line.done;
            match self.verify(&line, size)? {
                None => (self.done, self.chain) = (line.done, line.chain),
                why => {
                    damage = why;
                    break;
                }
            }
            good += LINE_BYTES as u64;
        }
        if let Some(why) = damage.filter(|_| !repair) {
            let (path, from) = (self.path.clone(), self.done);
            return Err(JobError::Damaged { path, why, from });
        }
        let kept = self.done.saturating_mul(self.width);
        let recovery = Recovery {
            done: self.done,
            torn_bytes: if damage.is_none() { size - kept } else { 0 },
            thrown_away: claimed.saturating_sub(self.done),
        };
        let cut = |file: &mut File, length| {
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
            file.sync_all()
        };
        cut(&mut self.journal, good)
            .and_then(|()| cut(&mut self.data, kept))
            .map_err(JobError::io("cannot cut", &self.path))?;
        Ok(recovery)
    }

    /// Reads a line; it must say more than the one before and no more than there is.
    fn parse(&self, bytes: &[u8]) -> Option<Line> {
        let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (done, chain) = text.split_once(' ')?;
        let done = done.parse().ok()?;
        let chain = <[u8; 32]>::from_hex(chain).ok()?;
        (self.done < done && done <= self.steps).then_some(Line { done, chain })
    }

    /// Reads the batch of a line and says what is wrong with it.
    fn verify(&mut self, line: &Line, size: u64) -> Result<Option<&'static str>, JobError> {
        let (start, end) = (
            self.done.checked_mul(self.width),
            line.done.checked_mul(self.width),
        );
        let (Some(start), Some(end)) = (start, end.filter(|end| *end <= size)) else {
            return Ok(Some("outputs are missing that its journal has"));
        };
        // No more than the file has, so its size bounds what is allocated.
        let mut outputs = Vec::new();
        self.data
            .seek(SeekFrom::Start(start))
            .and_then(|_| (&mut self.data).take(end - start).read_to_end(&mut outputs))
            .map_err(JobError::io("cannot read", &self.path))?;
        let same = link(&self.chain, line.done, &outputs) == line.chain;
        Ok((!same).then_some("outputs are not those that its journal has"))
    }
}

fn link(chain: &[u8; 32], done: u64, outputs: &[u8]) -> [u8; 32] {
    TaggedHasher::new("narthex/job-batch")
        .fixed(chain)
        .number(done)
        .sized(outputs)
        .finish()
}
