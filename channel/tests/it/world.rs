//! A worker's wrong claim about a small step, to dispute.

use narthex_game_model::{
    commitment::{
        Boxed, Commitment, Domain, Opener, OpeningBook, PolynomialSeed, ResultSecret, SaltSeed,
        SealedShape, Sealing, TreeBuilder, WorkerSecrets, box_leaf, state_digest, work_leaf,
    },
    computation::{Computation, Job, StepError, StepProgram, UnitProgram},
    dispute::{DisputeTerms, Side},
    params::JobBounds,
    tagged::TaggedHasher,
    workload::Records,
};
use secp256k1::{Keypair, Secp256k1};

pub const OPENED_AT: u32 = 1_000;
pub const INDEX: u64 = 1;

/// Counts up from its record, one a unit.
#[derive(Debug)]
pub struct Chain(pub u64);

impl StepProgram for Chain {
    fn id(&self) -> [u8; 32] {
        TaggedHasher::new("test/count").number(self.0).finish()
    }

    fn output_bytes(&self) -> usize {
        8
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        self.output(&self.state(record, self.0 + 1))
    }
}

impl Chain {
    /// The state at a point above 0.
    pub fn state(&self, record: &[u8], point: u64) -> Vec<u8> {
        let first = u64::from(record[0]);
        (first + point - 1).to_be_bytes().to_vec()
    }
}

impl UnitProgram for Chain {
    fn max_units(&self) -> u64 {
        self.0
    }

    fn start(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        Ok(self.state(record, 1))
    }

    fn advance(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        let bytes = state.len();
        let why = "not a count";
        let state = <[u8; 8]>::try_from(state).map_err(|_| StepError::NotAState { bytes, why })?;
        Ok((u64::from_be_bytes(state) + 1).to_be_bytes().to_vec())
    }

    fn output(&self, state: &[u8]) -> Result<Vec<u8>, StepError> {
        Ok(state.to_vec())
    }
}

pub fn keypair(side: Side) -> Keypair {
    let byte = match side {
        Side::Worker => 7,
        Side::Challenger => 9,
    };
    Keypair::from_seckey_slice(&Secp256k1::new(), &[byte; 32]).unwrap()
}

pub fn job() -> Job<Chain> {
    let records = Records::from_bytes(1, vec![10, 20, 30]).unwrap();
    Job::new(Chain(30), records).unwrap()
}

/// The worker has committed to a wrong output of step [`INDEX`].
pub fn terms(job: &Job<Chain>) -> DisputeTerms {
    let digest = |i: u64| match i == INDEX {
        true => [9; 32],
        false => state_digest(&job.step(i).unwrap()),
    };
    let salt = |i: u64| [i as u8; 32];
    // What lies in the boxes is not looked at.
    let boxed = |i: u64| Boxed::Hash([i as u8; 32]);
    let secrets = WorkerSecrets {
        result: ResultSecret::from_bytes([1; 32]),
        salts: SaltSeed::from_bytes([2; 32]),
        polynomial: PolynomialSeed::from_bytes([3; 32]),
    };
    let [mut leaves, mut boxes] = [Domain::Work, Domain::Sealed].map(TreeBuilder::new);
    for i in 0..job.steps() {
        let leaf = work_leaf(i, &salt(i), &digest(i));
        leaves.push(leaf);
        boxes.push(box_leaf(i, &leaf, &boxed(i).hash()));
    }
    let (root, _) = leaves.finish().unwrap();
    let what = Sealing {
        job: job.job(),
        root,
        shape: SealedShape::new(job.steps(), job.output_bytes(), 1).unwrap(),
    };
    let polynomial = what.polynomial(&secrets).unwrap();
    let commitment = Commitment {
        job: job.job(),
        steps: job.steps(),
        root,
        result: secrets.result.point().unwrap(),
        openings: 1,
        points: polynomial.points().unwrap().id(),
        boxes: boxes.finish().unwrap().0,
        coefficients: [1; 32],
    };
    let allowed = OpeningBook::new(&commitment).allow(&[INDEX], |_| Ok(()));
    let allowed = allowed.unwrap();
    let mut opener = Opener::new(&commitment, &allowed, &polynomial).unwrap();
    for i in 0..job.steps() {
        opener.push(salt(i), digest(i), boxed(i)).unwrap();
    }
    DisputeTerms {
        contract: [0xc0; 32],
        job: *job.spec(),
        bounds: JobBounds {
            fuel_per_second: u64::MAX,
            ..JobBounds::MOST
        },
        commitment,
        index: INDEX,
        opening: opener.finish().unwrap(),
        worker: keypair(Side::Worker).x_only_public_key().0,
        challenger: keypair(Side::Challenger).x_only_public_key().0,
        max_units: 30,
        fan_out: 4,
        response_blocks: 6,
        date_depth: 2,
    }
}
