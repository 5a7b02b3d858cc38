//! Outputs of a stage on disk, with a journal that tells how much of them is durable.
//!
//! A batch of outputs is written and synced, then a line of the journal: number of steps so far and a hash that chains
//! the batches. Whatever follows the last whole line was torn by a crash and is cut off; whatever disagrees with a line
//! was damaged and is never used.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
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
    checked: Checked,
    /// Length of what counts of the journal.
    journal_bytes: u64,
    /// A write failed: what it left is cut off before the next.
    torn: bool,
}

/// Outputs of a finished stage.
#[derive(Debug)]
pub struct CompleteLog {
    path: PathBuf,
    bytes: u64,
}

/// How far journal and outputs agree.
#[derive(Debug)]
struct Checked {
    steps: u64,
    width: u64,
    done: u64,
    chain: [u8; 32],
    /// Length of the journal's lines that count.
    journal_bytes: u64,
    /// Steps that the journal speaks of.
    claimed: u64,
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
        let [path, journal_path] = paths(state, stage);
        // The outputs are what is for sale.
        let open = |path: &PathBuf| {
            disk::open_log(path, Readers::Owner).map_err(JobError::io("cannot open", path))
        };
        let mut data = open(&path)?;
        let journal = open(&journal_path)?;
        let text = read_limited(&journal_path, MAX_JOURNAL_BYTES)?;
        let mut checked = Checked::new(spec);
        let damage = checked.follow(&text, &mut data, &path)?;
        if let Some(why) = damage.filter(|_| !repair) {
            return Err(checked.damaged(path, why));
        }
        let size = data.metadata();
        let size = size.map_err(JobError::io("cannot read", &path))?.len();
        let recovery = Recovery {
            done: checked.done,
            torn_bytes: match damage {
                None => size.saturating_sub(checked.bytes()),
                Some(_) => 0,
            },
            thrown_away: checked.claimed.saturating_sub(checked.done),
        };
        let mut log = Self {
            data,
            journal,
            path,
            journal_bytes: checked.journal_bytes,
            checked,
            torn: true,
        };
        log.cut()?;
        Ok((log, recovery))
    }

    /// The outputs of a finished stage, to read: nothing is cut off or made by this.
    pub fn complete(state: &StateDir, stage: u32, spec: &JobSpec) -> Result<CompleteLog, JobError> {
        let [path, journal_path] = paths(state, stage);
        let mut done = Checked::new(spec);
        if path.exists() && journal_path.exists() {
            let mut data = File::open(&path).map_err(JobError::io("cannot read", &path))?;
            let text = read_limited(&journal_path, MAX_JOURNAL_BYTES)?;
            let damage = done.follow(&text, &mut data, &path)?;
            if let Some(why) = damage {
                return Err(done.damaged(path, why));
            }
        }
        match done.done == spec.steps {
            true => Ok(CompleteLog {
                path,
                bytes: done.bytes(),
            }),
            false => Err(JobError::Incomplete {
                stage,
                done: done.done,
                steps: spec.steps,
            }),
        }
    }

    /// Number of steps done.
    pub const fn done(&self) -> u64 {
        self.checked.done
    }

    /// Adds the outputs of the next `steps` steps; durable on return. After an error they are not there, and may be added
    /// again.
    pub fn append(&mut self, steps: u64, outputs: &[u8]) -> Result<(), JobError> {
        if self.torn {
            self.cut()?;
        }
        let done = self.checked.done + steps;
        let chain = link(&self.checked.chain, done, outputs);
        let line = format!("{done:020} {}\n", chain.to_lower_hex_string());
        let write = |file: &mut File, bytes: &[u8]| {
            file.write_all(bytes)?;
            file.sync_data()
        };
        self.torn = true;
        // The journal must not speak of outputs that are not there yet.
        write(&mut self.data, outputs)
            .and_then(|()| write(&mut self.journal, line.as_bytes()))
            .map_err(JobError::io("cannot write", &self.path))?;
        self.torn = false;
        (self.checked.done, self.checked.chain) = (done, chain);
        self.journal_bytes += line.len() as u64;
        Ok(())
    }

    /// All outputs so far.
    pub fn read_all(&self) -> Result<Vec<u8>, JobError> {
        read_limited(&self.path, self.checked.bytes())
    }

    /// Cuts off what does not count.
    fn cut(&mut self) -> Result<(), JobError> {
        let cut = |file: &mut File, length| {
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
            file.sync_all()
        };
        cut(&mut self.journal, self.journal_bytes)
            .and_then(|()| cut(&mut self.data, self.checked.bytes()))
            .map_err(JobError::io("cannot cut", &self.path))?;
        self.torn = false;
        Ok(())
    }
}

impl CompleteLog {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All outputs, as a stream.
    pub fn reader(&self) -> Result<BufReader<File>, JobError> {
        let file = File::open(&self.path).map_err(JobError::io("cannot read", &self.path))?;
        Ok(BufReader::with_capacity(1 << 20, file))
    }

    /// All outputs.
    pub fn read_all(&self) -> Result<Vec<u8>, JobError> {
        let mut bytes = Vec::new();
        // What a crash tore off behind them does not count.
        let file = File::open(&self.path);
        file.and_then(|file| file.take(self.bytes).read_to_end(&mut bytes))
            .map_err(JobError::io("cannot read", &self.path))?;
        Ok(bytes)
    }
}

impl Checked {
    fn new(spec: &JobSpec) -> Self {
        Self {
            steps: spec.steps,
            width: spec.output_bytes,
            done: 0,
            chain: spec.id(),
            journal_bytes: 0,
            claimed: 0,
        }
    }

    /// Length of the outputs that count.
    fn bytes(&self) -> u64 {
        self.done.saturating_mul(self.width)
    }

    fn damaged(&self, path: PathBuf, why: &'static str) -> JobError {
        let from = self.done;
        JobError::Damaged { path, why, from }
    }

    /// Goes along the journal as far as the outputs are what it says, and tells what is wrong then.
    fn follow(
        &mut self,
        text: &[u8],
        data: &mut File,
        path: &Path,
    ) -> Result<Option<&'static str>, JobError> {
        let size = data.metadata();
        let size = size.map_err(JobError::io("cannot read", path))?.len();
        for bytes in text.chunks_exact(LINE_BYTES) {
            let Some(line) = self.parse(bytes) else {
                return Ok(Some("its journal is not what was written"));
            };
            self.claimed = line.done;
            if let Some(why) = self.verify(&line, data, size, path)? {
                return Ok(Some(why));
            }
            (self.done, self.chain) = (line.done, line.chain);
            self.journal_bytes += LINE_BYTES as u64;
        }
        Ok(None)
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
    fn verify(
        &self,
        line: &Line,
        data: &mut File,
        size: u64,
        path: &Path,
    ) -> Result<Option<&'static str>, JobError> {
        let (start, end) = (
            self.done.checked_mul(self.width),
            line.done.checked_mul(self.width),
        );
        let (Some(start), Some(end)) = (start, end.filter(|end| *end <= size)) else {
            return Ok(Some("outputs are missing that its journal has"));
        };
        // No more than the file has, so its size bounds what is allocated.
        let mut outputs = Vec::new();
        data.seek(SeekFrom::Start(start))
            .and_then(|_| data.take(end - start).read_to_end(&mut outputs))
            .map_err(JobError::io("cannot read", path))?;
        let same = link(&self.chain, line.done, &outputs) == line.chain;
        Ok((!same).then_some("outputs are not those that its journal has"))
    }
}

/// Outputs and journal of a stage.
fn paths(state: &StateDir, stage: u32) -> [PathBuf; 2] {
    ["bin", "journal"].map(|kind| state.path(&format!("outputs-{stage}.{kind}")))
}

fn link(chain: &[u8; 32], done: u64, outputs: &[u8]) -> [u8; 32] {
    TaggedHasher::new("narthex/job-batch")
        .fixed(chain)
        .number(done)
        .sized(outputs)
        .finish()
}
