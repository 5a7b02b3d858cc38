//! Programs in units, a world with a disputed step, and players of both kinds.

pub mod adversary;
pub mod branches;
pub mod programs;
pub mod small;

use narthex_game_model::commitment::{
    Commitment, Domain, LeafOpening, Opening, TreeBuilder, state_digest, work_leaf,
};
use narthex_game_model::computation::{Computation, Job, UnitProgram};
use narthex_game_model::dispute::{DisputeTerms, Move, Side, SignedMove};
use narthex_game_model::params::{AcceptedJob, JobBounds};
use narthex_game_model::workload::Records;
use secp256k1::{Keypair, Message, Secp256k1};

/// Height at which the disputes of these tests are opened.
pub const OPENED_AT: u32 = 1_000;
/// Their response window.
pub const WINDOW: u16 = 6;
/// How deep their dates have to lie.
pub const DEPTH: u16 = 2;

/// Bounds of these disputes' contracts: each of their programs fits into them.
pub const BOUNDS: JobBounds = JobBounds {
    fuel_per_second: u64::MAX,
    ..JobBounds::MOST
};

/// Signs whatever it is told, without a book: a party that means to sign twice has means of its own.
pub fn sign_without_a_book(
    keypair: &Keypair,
    dispute: &[u8; 32],
    (number, previous): (u32, [u8; 32]),
    action: Move,
    aux: &[u8; 32],
) -> SignedMove {
    let secp = Secp256k1::new();
    let sign = |hash| secp.sign_schnorr_with_aux_rand(&Message::from_digest(hash), keypair, aux);
    let mut signed = SignedMove {
        number,
        previous,
        action,
        signature: sign([0; 32]),
    };
    signed.signature = sign(signed.message(dispute));
    signed
}

/// A job, a worker's commitment to it, and keys.
pub struct World<P> {
    pub job: Job<P>,
    pub terms: DisputeTerms,
}

pub fn keypair(side: Side) -> Keypair {
    let byte = match side {
        Side::Worker => 7,
        Side::Challenger => 9,
    };
    Keypair::from_seckey_slice(&Secp256k1::new(), &[byte; 32]).unwrap()
}

impl<P: UnitProgram> World<P> {
    /// The worker has committed to `claimed` for step `index`; elsewhere to what is right, or to
    /// zeros where a step fails.
    pub fn new(program: P, records: Records, index: u64, claimed: [u8; 32], fan_out: u32) -> Self {
        let max_units = program.max_units();
        let job = Job::new(program, records).unwrap();
        let digest = |i: u64| match i == index {
            true => claimed,
            false => job.step(i).map_or([0; 32], |output| state_digest(&output)),
        };
        let salt = |i: u64| [i as u8; 32];
        let mut tree = TreeBuilder::proving(Domain::Work, job.steps(), &[index]).unwrap();
        for i in 0..job.steps() {
            tree.push(work_leaf(i, &salt(i), &digest(i)));
        }
        let (root, proof) = tree.finish().unwrap();
        let terms = DisputeTerms {
            contract: [0xc0; 32],
            job: *job.spec(),
            bounds: BOUNDS,
            commitment: Commitment {
                job: job.job(),
                steps: job.steps(),
                root,
                ciphertext_hash: [1; 32],
                plaintext_hash: [2; 32],
            },
            index,
            opening: Opening {
                leaves: vec![LeafOpening {
                    index,
                    salt: salt(index),
                    digest: claimed,
                }],
                proof,
            },
            worker: keypair(Side::Worker).x_only_public_key().0,
            challenger: keypair(Side::Challenger).x_only_public_key().0,
            max_units,
            fan_out,
            response_blocks: WINDOW,
            date_depth: DEPTH,
        };
        Self { job, terms }
    }

    /// The job, as the judge of the dispute accepted it.
    pub fn accepted(&self) -> AcceptedJob {
        self.terms.bounds.accepts_job(&self.job).unwrap()
    }
}
