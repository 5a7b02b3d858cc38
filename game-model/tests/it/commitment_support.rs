//! What tests of commitments and of plays share.

use narthex_game_model::commitment::{
    AllowedOpening, Opening, OpeningBook, PolynomialSeed, ResultSecret, SaltSeed, WorkerSecrets,
};
use narthex_game_model::computation::Computation;
use narthex_game_model::play::{Strategy, Work, WorkError};

/// Secrets that follow from a byte, not 0 and not above 0xfe.
pub fn secrets(byte: u8) -> WorkerSecrets {
    WorkerSecrets {
        result: ResultSecret::from_bytes([byte; 32]),
        salts: SaltSeed::from_bytes([byte ^ 0xff; 32]),
        polynomial: PolynomialSeed::from_bytes([byte ^ 0xaa; 32]),
    }
}

/// Work with keys for all steps.
pub fn perform<C: Computation>(
    job: &C,
    strategy: &Strategy,
    secrets: &WorkerSecrets,
) -> Result<Work, WorkError> {
    let openings = u32::try_from(job.steps()).unwrap();
    Work::perform(job, strategy, secrets, openings)
}

/// Steps out of a book that nothing else is opened by.
pub fn allowed(work: &Work, indices: &[u64]) -> AllowedOpening {
    OpeningBook::new(work.commitment())
        .allow(indices, |_| Ok(()))
        .unwrap()
}

pub fn open(work: &Work, indices: &[u64]) -> Opening {
    work.open(&allowed(work, indices)).unwrap()
}
