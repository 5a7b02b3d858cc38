//! One contract that a worker sells its result in: what is secret in it, what was committed to, what is claimed.
//!
//! A job is computed once and may be sold many times. Each sale is a contract of its own and has its own result secret,
//! salts, keys, boxes and claims: with those of another, one client's payment would open the result for all, and leaves
//! opened for one verifier could be shown to the next.

use std::{fs::File, io::BufReader, path::PathBuf, str::FromStr};

use narthex_game_model::computation::JobSpec;
use serde::de::DeserializeOwned;

use super::{JobError, OutputLog, StageCommitment, StateDir};
use crate::disk::{self, Draft, Readers};

/// Longest name, in characters; an id in hex has 64.
const MAX_NAME: usize = 64;
/// Folder of the named contracts.
const CONTRACTS: &str = "contracts";

/// What a worker calls a contract in its directory: its id, or any word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractName(String);

impl FromStr for ContractName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        // It is the name of a folder.
        match begins && text.len() <= MAX_NAME && text.chars().all(plain) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "a contract's name has 1 to {MAX_NAME} letters, digits, dots, dashes and underscores, and begins with a \
                 letter or digit"
            )),
        }
    }
}

impl std::fmt::Display for ContractName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part of a worker's directory that belongs to one contract. The one without a name lies in the directory itself,
/// the others in folders of their own.
#[derive(Debug)]
pub struct ContractDir<'a> {
    state: &'a StateDir,
    name: Option<ContractName>,
}

impl StateDir {
    /// The contract of this name, or the one without. It need not exist yet; nothing is written by this.
    pub fn contract(&self, name: Option<ContractName>) -> ContractDir<'_> {
        ContractDir { state: self, name }
    }
}

impl ContractDir<'_> {
    /// The directory that it is part of.
    pub fn state(&self) -> &StateDir {
        self.state
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&ContractName> {
        self.name.as_ref()
    }

    /// A file of the contract.
    pub fn path(&self, file: &str) -> PathBuf {
        self.state.path(&self.within(file))
    }

    /// What was committed to for a stage.
    pub fn committed(&self, stage: u32) -> Result<StageCommitment, JobError> {
        self.read_json(&commitment_name(stage))?
            .ok_or_else(|| self.not_committed(stage))
    }

    /// The files with secrets.
    pub fn secret_files(&self) -> Vec<PathBuf> {
        (0..)
            .map(|stage| self.path(&super::secrets::file_name(stage)))
            .take_while(|path| path.exists())
            .collect()
    }

    /// The outputs that the worker claims: those it computed, but for a cheat.
    pub(super) fn claimed(
        &self,
        stage: u32,
        spec: &JobSpec,
    ) -> Result<(BufReader<File>, PathBuf), JobError> {
        let path = self.path(&claimed_name(stage));
        if !path.exists() {
            let log = OutputLog::complete(self.state, stage, spec)?;
            return Ok((log.reader()?, log.path().to_owned()));
        }
        let file = File::open(&path).map_err(JobError::io("cannot read", &path))?;
        Ok((BufReader::with_capacity(1 << 20, file), path))
    }

    /// Nothing was committed to: says by which command it is.
    pub(super) fn not_committed(&self, stage: u32) -> JobError {
        let mut command = format!(
            "narthex job commit --state {}",
            self.state.folder().display()
        );
        if let Some(name) = &self.name {
            command += &format!(" --contract {name}");
        }
        JobError::NotCommitted {
            stage,
            command,
            others: self.others(),
        }
    }

    /// Contracts of the directory that something was committed to for.
    fn others(&self) -> Vec<String> {
        let mut names = Vec::new();
        if self.name.is_some() && self.state.path(&commitment_name(0)).exists() {
            names.push("the one without a name".into());
        }
        let folders = std::fs::read_dir(self.state.path(CONTRACTS));
        for folder in folders.into_iter().flatten().flatten() {
            let name = folder.file_name().to_string_lossy().into_owned();
            let committed = folder.path().join(commitment_name(0)).exists();
            if committed && name.parse::<ContractName>().is_ok() {
                names.push(name);
            }
        }
        names.sort();
        names
    }

    pub(super) fn read_json<T: DeserializeOwned>(&self, file: &str) -> Result<Option<T>, JobError> {
        self.state.read_json(&self.within(file))
    }

    /// Makes the folder of a named contract.
    pub(super) fn make(&self) -> Result<(), JobError> {
        if self.name.is_none() {
            return Ok(());
        }
        let folder = self.path("");
        let made = disk::make_folder(&folder, Readers::Owner);
        made.map(drop).map_err(JobError::io("cannot make", &folder))
    }

    /// A file that gets its name with [`ContractDir::publish`].
    pub(super) fn draft(&self, bytes: &[u8], readers: Readers) -> Result<Draft, JobError> {
        let mut draft = self.open_draft(readers)?;
        let written = std::io::Write::write_all(draft.file(), bytes);
        written.map_err(JobError::io("cannot write in", self.state.folder()))?;
        Ok(draft)
    }

    /// A file of nothing yet, to be written piece by piece.
    pub(super) fn open_draft(&self, readers: Readers) -> Result<Draft, JobError> {
        let draft = Draft::beside(&self.state.path("draft"), readers);
        draft.map_err(JobError::io("cannot write in", self.state.folder()))
    }

    pub(super) fn publish(&self, draft: Draft, file: &str) -> Result<(), JobError> {
        let path = self.path(file);
        let done = draft.publish_over(&path);
        done.map_err(JobError::io("cannot write", &path))
    }

    /// Nothing may lie in the way of a stage's files, and no link may lead them elsewhere.
    pub(super) fn check_names(&self, stage: u32) -> Result<(), JobError> {
        if self.name.is_some() {
            for folder in [self.state.path(CONTRACTS), self.path("")] {
                disk::check_folder(&folder).map_err(JobError::io("cannot use", &folder))?;
            }
        }
        let secrets = super::secrets::file_name(stage);
        let names = [
            secrets,
            claimed_name(stage),
            sealed_name(stage),
            commitment_name(stage),
            opened_name(stage),
        ];
        names.iter().try_for_each(|name| {
            let path = self.path(name);
            disk::check_name(&path).map_err(JobError::io("cannot write", &path))
        })
    }

    pub(super) fn remove(&self, file: &str) -> Result<(), JobError> {
        let path = self.path(file);
        disk::remove(&path).map_err(JobError::io("cannot remove", &path))
    }

    /// Whether a file has these bytes already.
    pub(super) fn holds(&self, file: &str, bytes: &[u8]) -> bool {
        let path = self.path(file);
        let read = super::state::read_limited(&path, bytes.len() as u64);
        read.is_ok_and(|found| found == bytes)
    }

    fn within(&self, file: &str) -> String {
        match &self.name {
            None => file.to_owned(),
            Some(name) => format!("{CONTRACTS}/{name}/{file}"),
        }
    }
}

pub(super) fn commitment_name(stage: u32) -> String {
    format!("commitment-{stage}.json")
}

pub(super) fn sealed_name(stage: u32) -> String {
    format!("result-{stage}.sealed")
}

pub(super) fn opened_name(stage: u32) -> String {
    format!("opened-{stage}.json")
}

pub(super) fn claimed_name(stage: u32) -> String {
    format!("claimed-{stage}.bin")
}
