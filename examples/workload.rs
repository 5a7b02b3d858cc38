//! Work of one's own: how many steps a number takes to 1, run, committed to, sampled and verified.
//!
//! `cargo run --example workload`. CONTRIBUTING.md walks through it.

use std::error::Error;

use narthex::{
    bitcoin::secp256k1::rand::{RngCore, thread_rng},
    game_model::{
        commitment::{OpeningBook, PolynomialSeed, ResultSecret, SaltSeed, open},
        computation::{Computation, Job, StepError, StepProgram},
        params::JobBounds,
        play::{BlindDigests, Evidence, Strategy, Verdict, Work, WorkerSecrets, judge},
        sample,
        workload::Records,
    },
};
use narthex_base::tagged::tagged_hash;

/// Most steps that are counted: a limit of the program, and so a part of its id.
const MOST: u32 = 10_000;

/// From a number of 8 bytes to 4 bytes, the length of its Collatz sequence.
struct Collatz;

impl StepProgram for Collatz {
    fn id(&self) -> [u8; 32] {
        tagged_hash("example/collatz", &MOST.to_le_bytes())
    }

    fn output_bytes(&self) -> usize {
        4
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let bad = |why| StepError::BadRecord { why };
        let bytes: [u8; 8] = record.try_into().map_err(|_| bad("a number has 8 bytes"))?;
        let mut n = u64::from_le_bytes(bytes);
        if n == 0 {
            return Err(bad("0 never comes to 1"));
        }
        let mut length = 0_u32;
        while n != 1 {
            n = match n % 2 {
                0 => n / 2,
                _ => (n.checked_mul(3).and_then(|n| n.checked_add(1)))
                    .ok_or(bad("it grows beyond 64 bits"))?,
            };
            length += 1;
            if length == MOST {
                return Err(StepError::OutOfFuel { limit: MOST.into() });
            }
        }
        Ok(length.to_le_bytes().to_vec())
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    thread_rng().fill_bytes(&mut bytes);
    bytes
}

/// Steps that the verifier computes again.
const SAMPLE: u32 = 200;

/// The worker works as its strategy says and commits; the verifier recomputes a sample that neither could choose.
fn play(job: &Job<Collatz>, strategy: &Strategy) -> Result<Verdict, Box<dyn Error>> {
    let secrets = WorkerSecrets {
        result: ResultSecret::from_bytes(random()),
        salts: SaltSeed::from_bytes(random()),
        polynomial: PolynomialSeed::from_bytes(random()),
    };
    // As many openings as the sample has steps: so many keys say nothing about the result secret.
    let work = Work::perform(job, strategy, &secrets, SAMPLE)?;
    let mut book = OpeningBook::new(work.commitment());
    let commitment = work.commitment();
    // Root, the verifier's nonce, and the hash of a block behind the commitment.
    let seed = sample::seed(&commitment.id(), &random(), &random());
    let sampled = sample::draw(&seed, job.steps(), SAMPLE)?;
    let digests = BlindDigests::recompute(job, &sampled, random())?;
    // A worker on a machine that may stop writes them down before it shows them.
    let opening = work.open(&book.allow(&sampled, |_| Ok(()))?)?;
    let verdict = digests.verdict(commitment, &opening)?;
    if let Some(index) = verdict.disputed() {
        let evidence = Evidence::gather(job, index, opening)?;
        let accepted = JobBounds::MOST.accepts_job(job)?;
        let finding = judge(job.program(), &accepted, commitment, &evidence)?;
        println!("  the arbiters: {:?}, {}", finding.ruling, finding.reason);
    } else {
        let result = open(
            commitment,
            job.output_bytes(),
            work.sealed(),
            &secrets.result,
        )?;
        let lengths = result
            .chunks(4)
            .map(|l| u32::from_le_bytes([l[0], l[1], l[2], l[3]]));
        let (length, n) = lengths.zip(1_u32..).max().ok_or("no result")?;
        println!(
            "  the client: of 1 to {}, {n} takes longest: {length} steps",
            job.steps()
        );
    }
    Ok(verdict)
}

fn main() -> Result<(), Box<dyn Error>> {
    let numbers = (1..=1000_u64).flat_map(u64::to_le_bytes).collect();
    let job = Job::new(Collatz, Records::from_bytes(8, numbers)?)?;
    println!("an honest worker:");
    let honest = play(&job, &Strategy::Honest)?;
    assert!(honest.approves());
    println!("one that skips half of the steps:");
    let fraction = "1/2".parse()?;
    let lazy = play(&job, &Strategy::Skip { fraction, seed: 1 })?;
    assert!(!lazy.approves());
    Ok(())
}

#[test]
fn runs() -> Result<(), Box<dyn Error>> {
    main()
}
