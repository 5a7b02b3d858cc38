//! Programs in units, a world with a disputed step, and players of both kinds.

pub mod adversary;
pub mod branches;
pub mod programs;
pub mod small;

use crate::commitment_support::secrets;

use narthex_game_model::commitment::{
    Boxed, Commitment, Domain, Opener, Opening, OpeningBook, SealedShape, Sealing, TreeBuilder,
    box_leaf, seal_box, state_digest, work_leaf,
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

/// A commitment to leaves of these salts and digests, and the opening of one of them. Boxes hold what the job gives.
fn opened<P: UnitProgram>(
    job: &Job<P>,
    root: [u8; 32],
    index: u64,
    leaf: &dyn Fn(u64) -> ([u8; 32], [u8; 32]),
) -> (Commitment, Opening) {
    let secrets = secrets(1);
    let (steps, output_bytes) = (job.steps(), job.output_bytes());
    let shape = SealedShape::new(steps, output_bytes, 1).unwrap();
    // The keys of other leaves: those of a worker that commits to any digest have no outputs to be sealed with.
    let what = Sealing {
        job: job.job(),
        root,
        shape,
    };
    let polynomial = what.polynomial(&secrets).unwrap();
    let points = polynomial.points().unwrap();
    let boxed = |i: u64| {
        let output = job.step(i).unwrap_or_else(|_| vec![0; output_bytes]);
        let share = polynomial.share(i).unwrap();
        Boxed::Whole(seal_box(&share, &job.job(), i, &leaf(i).0, &output))
    };
    let mut boxes = TreeBuilder::new(Domain::Sealed);
    for i in 0..steps {
        let (salt, digest) = leaf(i);
        boxes.push(box_leaf(i, &work_leaf(i, &salt, &digest), &boxed(i).hash()));
    }
    let commitment = Commitment {
        job: job.job(),
        steps,
        root,
        result: secrets.result.point().unwrap(),
        openings: 1,
        points: points.id(),
        boxes: boxes.finish().unwrap().0,
        coefficients: [2; 32],
    };
    let allowed = OpeningBook::new(&commitment)
        .allow(&[index], |_| Ok(()))
        .unwrap();
    let mut opener = Opener::new(&commitment, &allowed, &polynomial).unwrap();
    for i in 0..steps {
        let (salt, digest) = leaf(i);
        opener.push(salt, digest, boxed(i)).unwrap();
    }
    (commitment, opener.finish().unwrap())
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
        let mut tree = TreeBuilder::new(Domain::Work);
        for i in 0..job.steps() {
            tree.push(work_leaf(i, &salt(i), &digest(i)));
        }
        let (root, _) = tree.finish().unwrap();
        let (commitment, opening) = opened(&job, root, index, &|i| (salt(i), digest(i)));
        let terms = DisputeTerms {
            contract: [0xc0; 32],
            job: *job.spec(),
            bounds: BOUNDS,
            commitment,
            index,
            opening,
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
