//! Sealed results on disk: checking them against their commitment, opening steps of them, opening them all.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use bitcoin::hex::DisplayHex;
use narthex_game_model::commitment::{
    AllowedOpening, Boxed, KeyPolynomial, OpenError, Opener, OpenerError, Opening, OpeningBook,
    SealedCheck, SealedShape, Sealing, TreeError, Unsealer, state_digest,
};
use serde::{Deserialize, Serialize};

use super::contract::{opened_name, sealed_name};
use super::secrets::read_secrets;
use super::{ContractDir, JobError, StageCommitment};
use crate::disk::Readers;

/// What was opened of a stage, as a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenedFile {
    /// Of which commitment.
    commitment: String,
    /// The steps, ascending.
    steps: BTreeSet<u64>,
}

/// A sealed result, read from its coefficient box on.
struct SealedFile<'a> {
    file: BufReader<File>,
    path: &'a Path,
    shape: SealedShape,
    coefficients: Vec<u8>,
}

impl<'a> SealedFile<'a> {
    fn open(file: &StageCommitment, path: &'a Path) -> Result<Self, JobError> {
        let width = usize::try_from(file.spec.output_bytes).unwrap_or(usize::MAX);
        let shape = SealedShape::of(&file.commitment, width);
        let shape = shape.ok_or(JobError::Sealed {
            stage: file.stage,
            source: OpenError::Shape,
        })?;
        let opened = File::open(path).map_err(JobError::io("cannot read", path))?;
        let mut file = BufReader::with_capacity(1 << 20, opened);
        let mut coefficients = vec![0; shape.coefficient_bytes()];
        file.read_exact(&mut coefficients)
            .map_err(JobError::io("cannot read", path))?;
        Ok(Self {
            file,
            path,
            shape,
            coefficients,
        })
    }

    /// Each record; nothing may follow the last.
    fn records(
        mut self,
        mut seen: impl FnMut(&[u8]) -> Result<(), JobError>,
    ) -> Result<(), JobError> {
        let sizes = (self.shape.steps(), self.shape.record_bytes());
        each(&mut self.file, self.path, sizes, |_, record| seen(record))?;
        let after = self.file.read(&mut [0]);
        match after.map_err(JobError::io("cannot read", self.path))? {
            0 => Ok(()),
            _ => Err(JobError::io("cannot use", self.path)(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "it is longer than what was committed to",
            ))),
        }
    }
}

/// So many pieces of this length; one at a time is in memory.
pub(super) fn each(
    mut source: impl Read,
    path: &Path,
    (count, bytes): (u64, usize),
    mut seen: impl FnMut(u64, &[u8]) -> Result<(), JobError>,
) -> Result<(), JobError> {
    let mut piece = vec![0; bytes];
    for index in 0..count {
        match source.read_exact(&mut piece) {
            Ok(()) => seen(index, &piece)?,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                let (expected, found) = (count, index);
                return Err(TreeError::Count { expected, found }.into());
            }
            Err(error) => return Err(JobError::io("cannot read", path)(error)),
        }
    }
    Ok(())
}

/// Checks that the sealed result of a stage is the one committed to.
pub(super) fn is_committed(
    contract: &ContractDir<'_>,
    file: &StageCommitment,
) -> Result<(), JobError> {
    let stage = file.stage;
    let path = contract.path(&sealed_name(stage));
    let sealed = SealedFile::open(file, &path)?;
    let refused = |source| refused(stage, source);
    let (width, coefficients) = (sealed.shape.output_bytes(), &sealed.coefficients);
    let mut check = SealedCheck::new(&file.commitment, width, coefficients).map_err(refused)?;
    sealed.records(|record| check.push(record).map_err(refused))?;
    check.finish().map(drop).map_err(refused)
}

/// What the worker sealed, opened with its secret and checked: the result as the client has it once the worker is paid.
pub(super) fn sealed_result(
    contract: &ContractDir<'_>,
    file: &StageCommitment,
) -> Result<Vec<u8>, JobError> {
    let (stage, commitment) = (file.stage, &file.commitment);
    // Whatever does not open then is the worker's.
    is_committed(contract, file)?;
    let secrets = read_secrets(contract, stage)?;
    let path = contract.path(&sealed_name(stage));
    let sealed = SealedFile::open(file, &path)?;
    let refused = |source| refused(stage, source);
    let width = sealed.shape.output_bytes();
    let polynomial = KeyPolynomial::from_box(commitment, &secrets.result, &sealed.coefficients);
    let mut unsealer =
        Unsealer::new(commitment, width, &polynomial.map_err(refused)?).map_err(refused)?;
    let mut outputs = Vec::new();
    sealed.records(|record| {
        outputs.append(&mut unsealer.push(record).map_err(refused)?);
        Ok(())
    })?;
    unsealer.finish().map_err(refused)?;
    Ok(outputs)
}

/// What is the worker's fault, and what merely is not the right file.
fn refused(stage: u32, source: OpenError) -> JobError {
    match source.convicts_worker() {
        true => JobError::Sealed { stage, source },
        false => JobError::NotTheResult { stage, source },
    }
}

/// Opens these steps of a stage that was committed to. All that were ever opened are written down before any of them
/// leaves; more than were committed to are refused.
pub fn open_steps(
    contract: &ContractDir<'_>,
    stage: u32,
    indices: &[u64],
) -> Result<Opening, JobError> {
    let file = contract.committed(stage)?;
    let (spec, commitment) = (file.spec, file.commitment);
    let secrets = read_secrets(contract, stage)?;
    let mut book = read_book(contract, &file)?;
    let path = contract.path(&sealed_name(stage));
    let what = Sealing {
        job: commitment.job,
        root: commitment.root,
        shape: SealedFile::open(&file, &path)?.shape,
    };
    let polynomial = what.polynomial(&secrets)?;
    // First with the steps that were opened before, or none: that all is what was committed to is found before anything
    // is written down.
    let pass = |allowed: &AllowedOpening| -> Result<Opening, JobError> {
        let (outputs, claimed) = contract.claimed(stage, &spec)?;
        let other_root = |error| match error {
            OpenerError::OtherRoot => JobError::OtherRoot {
                path: claimed.clone(),
            },
            error => error.into(),
        };
        let mut opener = Opener::new(&commitment, allowed, &polynomial).map_err(other_root)?;
        let mut outputs = outputs;
        let mut output = vec![0; what.shape.output_bytes()];
        let mut index = 0;
        SealedFile::open(&file, &path)?.records(|record| {
            outputs
                .read_exact(&mut output)
                .map_err(JobError::io("cannot read", &claimed))?;
            let sealed = Boxed::Whole(record[SealedShape::LEAF_BYTES..].to_vec());
            opener
                .push(secrets.salts.salt(index), state_digest(&output), sealed)
                .map_err(JobError::from)?;
            index += 1;
            Ok(())
        })?;
        opener.finish().map_err(other_root)
    };
    let before = book.opened().clone();
    let name = opened_name(stage);
    let mut kept = Ok(());
    let allowed = book.allow(indices, |all| {
        // What it opened before: nothing new leaves by this pass.
        let known: Vec<_> = before.iter().copied().collect();
        let write = || -> Result<(), JobError> {
            let mut known_book = read_book(contract, &file)?;
            pass(&known_book.allow(&known, |_| Ok(()))?)?;
            let opened = OpenedFile {
                commitment: commitment.id().to_lower_hex_string(),
                steps: all.clone(),
            };
            let bytes = contract.state().to_json(&name, &opened)?;
            contract.publish(contract.draft(&bytes, Readers::Owner)?, &name)
        };
        let written = write();
        kept = written;
        match &kept {
            Ok(()) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    });
    kept?;
    pass(&allowed?)
}

fn read_book(contract: &ContractDir<'_>, file: &StageCommitment) -> Result<OpeningBook, JobError> {
    let commitment = &file.commitment;
    let name = opened_name(file.stage);
    let Some(opened) = contract.read_json::<OpenedFile>(&name)? else {
        return Ok(OpeningBook::new(commitment));
    };
    // That of another commitment says nothing of what was opened of this one.
    if opened.commitment != commitment.id().to_lower_hex_string() {
        let path = contract.path(&name);
        return Err(JobError::OthersOpened { path });
    }
    Ok(OpeningBook::restore(commitment, opened.steps)?)
}
