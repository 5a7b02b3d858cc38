//! A whole dispute over the real job: honest and cheating workers, the blind verifier, the arbiter.

use crate::commitment_support::{self as support, perform};

use narthex_game_model::commitment::{
    BookError, Commitment, Opening, OpeningBook, OpeningFault, ProofError, open, state_digest,
    work_leaf,
};
use narthex_game_model::computation::{
    Computation, Job, JobSpec, RunTwice, Stated, StepError, StepProgram,
};
use narthex_game_model::params::{AcceptedJob, JobBounds};
use narthex_game_model::play::{
    BlindDigests, Evidence, EvidenceError, OpeningError, Strategy, StrategyError, Verdict, Work,
    WorkError, WorkerSecrets, judge,
};
use narthex_game_model::workload::{Limits, Records, WasmProgram, digits};
use narthex_game_model::{Ratio, Ruling, sample};

fn secrets() -> WorkerSecrets {
    support::secrets(1)
}

fn digits_job(records: u64) -> Job<Stated<WasmProgram>> {
    let images = digits::job(None).unwrap();
    let bytes = images
        .records()
        .iter()
        .take(records as usize)
        .flatten()
        .copied()
        .collect();
    digits::job(Some(Records::from_bytes(digits::PIXELS, bytes).unwrap())).unwrap()
}

fn sampled(commitment: &Commitment, count: u32) -> Vec<u64> {
    let seed = sample::seed(&commitment.id(), &[3; 32], &[4; 32]);
    sample::draw(&seed, commitment.steps, count).unwrap()
}

fn play(
    job: &Job<Stated<WasmProgram>>,
    strategy: &Strategy,
    count: u32,
) -> (Work, Opening, Verdict) {
    let work = Work::perform(job, strategy, &secrets(), count).unwrap();
    let sample = sampled(work.commitment(), count);
    let blind = BlindDigests::recompute(job, &sample, [5; 32]).unwrap();
    let opening = support::open(&work, &sample);
    let verdict = blind.verdict(work.commitment(), &opening).unwrap();
    (work, opening, verdict)
}

fn tenth() -> Ratio {
    Ratio::new(1, 10).unwrap()
}

#[test]
fn honest_work_is_approved_and_opens_to_the_predictions() {
    let job = digits::job(None).unwrap();
    let (work, opening, verdict) = play(&job, &Strategy::Honest, 90);
    assert!(verdict.approves());
    let outputs = digits::OUTPUT_BYTES;
    let result = open(work.commitment(), outputs, work.sealed(), &secrets().result).unwrap();
    assert_eq!(digits::predictions(&result).len(), 897);
    let (_, rest) = digits::Labelled::shipped()
        .unwrap()
        .split(digits::REFERENCE_ROWS);
    let right = digits::predictions(&result)
        .zip(rest.labels())
        .filter(|(p, l)| p.digit == *l);
    assert!(right.count() > 850);

    // A verifier that rejects it nonetheless loses before any arbiter.
    let index = opening.leaves[0].index;
    let evidence = Evidence::gather(&job, index, opening).unwrap();
    let finding = judge(job.program(), &accepted(&job), work.commitment(), &evidence).unwrap();
    assert_eq!(finding.ruling, Ruling::VerifierAtFault);
}

#[test]
fn cheating_is_found_when_sampled_and_convicted() {
    let job = digits_job(60);
    for strategy in [
        Strategy::Falsify {
            fraction: tenth(),
            seed: 1,
        },
        Strategy::Skip {
            fraction: tenth(),
            seed: 2,
        },
        Strategy::Target { steps: [17].into() },
    ] {
        let (work, opening, verdict) = play(&job, &strategy, 60);
        let Verdict::Differs {
            index,
            claimed,
            recomputed,
        } = verdict
        else {
            panic!("{strategy:?} passed a full sample");
        };
        assert_eq!(recomputed, state_digest(&job.step(index).unwrap()));
        assert_ne!(claimed, recomputed);
        // The sampled opening is evidence enough; it survives a trip as JSON.
        let evidence = Evidence::gather(&job, index, opening).unwrap();
        let json = serde_json::to_string(&evidence).unwrap();
        let evidence: Evidence = serde_json::from_str(&json).unwrap();
        let finding = judge(job.program(), &accepted(&job), work.commitment(), &evidence).unwrap();
        assert_eq!(finding.ruling, Ruling::WorkerAtFault);
        assert!(
            finding.reason.contains(&format!("step {index}")),
            "{}",
            finding.reason
        );
    }
}

#[test]
fn a_cheat_outside_the_sample_passes_and_inside_does_not() {
    let job = digits_job(60);
    let bad = |count: u32| {
        let honest = perform(&job, &Strategy::Honest, &secrets()).unwrap();
        support::open(&honest, &sampled(honest.commitment(), count))
            .leaves
            .len() as u64
    };
    assert_eq!(bad(7), 7);
    // The sample follows the commitment, so it is drawn anew for each cheat.
    let caught = (0..60).filter(|step| {
        let strategy = Strategy::Target {
            steps: [*step].into(),
        };
        let (work, _, verdict) = play(&job, &strategy, 6);
        let sampled = sampled(work.commitment(), 6).contains(step);
        assert_eq!(!verdict.approves(), sampled, "step {step}");
        sampled
    });
    // 6 expected; these commitments are fixed, so the count is too.
    assert!((1..=20).contains(&caught.count()));
}

#[test]
fn the_fraction_of_a_strategy_is_exact() {
    let job = digits_job(60);
    let honest = perform(&job, &Strategy::Honest, &secrets()).unwrap();
    let all: Vec<u64> = (0..60).collect();
    let right = support::open(&honest, &all);
    for (fraction, bad) in [("1/60", 1), ("1/59", 2), ("1/2", 30), ("1", 60)] {
        let strategy = Strategy::Falsify {
            fraction: fraction.parse().unwrap(),
            seed: 9,
        };
        let work = perform(&job, &strategy, &secrets()).unwrap();
        let claimed = support::open(&work, &all);
        let differ = claimed
            .leaves
            .iter()
            .zip(&right.leaves)
            .filter(|(a, b)| a.digest != b.digest);
        assert_eq!(differ.count(), bad, "{fraction}");
    }
    // None of the steps, or more than all of them, is no cheat that could be meant.
    for fraction in ["0", "3"] {
        let fraction: Ratio = fraction.parse().unwrap();
        let refused = match fraction > Ratio::ONE {
            true => StrategyError::Share { fraction },
            false => StrategyError::NoEffect,
        };
        let strategy = Strategy::Falsify { fraction, seed: 9 };
        assert_eq!(strategy.check(60), Err(refused));
    }
}

#[test]
fn an_opening_that_does_not_answer_the_sample_is_named() {
    let job = digits_job(20);
    let work = perform(&job, &Strategy::Honest, &secrets()).unwrap();
    let blind = BlindDigests::recompute(&job, &[3, 9], [5; 32]).unwrap();
    let verdict = |opening: &Opening| blind.verdict(work.commitment(), opening);
    let good = support::open(&work, &[3, 9]);
    assert_eq!(verdict(&good), Ok(Verdict::Equal));
    assert_eq!(
        verdict(&support::open(&work, &[3, 8])),
        Err(OpeningError::OtherSteps)
    );
    assert_eq!(
        verdict(&support::open(&work, &[3])),
        Err(OpeningError::OtherSteps)
    );
    let mut forged = good.clone();
    forged.leaves[1].digest[0] ^= 1;
    assert_eq!(
        verdict(&forged),
        Err(OpeningError::Opening(OpeningFault::Leaves(
            ProofError::OtherRoot
        )))
    );
    let mut salted = good;
    salted.leaves[1].salt[0] ^= 1;
    assert_eq!(
        verdict(&salted),
        Err(OpeningError::Opening(OpeningFault::Leaves(
            ProofError::OtherRoot
        )))
    );
    // Steps come out of the book in order, and none that there is not.
    assert_eq!(support::allowed(&work, &[9, 3]).indices(), [3, 9]);
    let (index, steps) = (20, 20);
    let none = OpeningBook::new(work.commitment()).allow(&[20], |_| Ok(()));
    assert_eq!(none, Err(BookError::NoStep { index, steps }));
}

#[test]
fn blind_digests_bind_their_steps_digests_and_salt() {
    let job = digits_job(20);
    let blind = |sample: &[u64], salt| BlindDigests::recompute(&job, sample, [salt; 32]).unwrap();
    let base = blind(&[3, 9], 1).commitment();
    assert_eq!(base, blind(&[3, 9], 1).commitment());
    assert_ne!(base, blind(&[3, 9], 2).commitment());
    assert_ne!(base, blind(&[3, 8], 1).commitment());
    assert_ne!(base, blind(&[3], 1).commitment());
    let missing = BlindDigests::recompute(&job, &[20], [1; 32]);
    assert_eq!(
        missing,
        Err(StepError::NoSuchStep {
            index: 20,
            steps: 20
        })
    );
}

#[test]
fn leaves_can_not_be_copied_before_they_are_opened() {
    // Who knows a digest but not the salt can't tell whether the leaf commits to it.
    let job = digits_job(20);
    let work = perform(&job, &Strategy::Honest, &secrets()).unwrap();
    let opened = support::open(&work, &[3]).leaves.remove(0);
    let other = support::open(&work, &[4]).leaves.remove(0);
    assert_ne!(opened.salt, other.salt);
    let guessed = work_leaf(4, &opened.salt, &other.digest);
    assert_ne!(guessed, work_leaf(4, &other.salt, &other.digest));
}

/// The job, as an arbiter of a contract that allows everything accepts it.
fn accepted<P: StepProgram>(job: &Job<P>) -> AcceptedJob {
    JobBounds::MOST.accepts_job(job).unwrap()
}

#[test]
fn evidence_of_something_else_is_refused_by_name() {
    let job = digits_job(20);
    let work = perform(
        &job,
        &Strategy::Falsify {
            fraction: Ratio::ONE,
            seed: 0,
        },
        &secrets(),
    )
    .unwrap();
    let commitment = work.commitment();
    let evidence = Evidence::gather(&job, 3, support::open(&work, &[3, 9])).unwrap();
    let error = |evidence: &Evidence| {
        judge(job.program(), &accepted(&job), commitment, evidence).unwrap_err()
    };
    // A record that is not the job's, or is another step's.
    let mut forged = evidence.clone();
    forged.record[0] ^= 1;
    assert_eq!(error(&forged), EvidenceError::Record(ProofError::OtherRoot));
    let moved = Evidence {
        index: 9,
        ..evidence.clone()
    };
    assert_eq!(error(&moved), EvidenceError::Record(ProofError::OtherRoot));
    // A record larger than those that the arbiter accepted is not even hashed.
    let small = JobBounds::MOST.accepts(job.spec(), job.program(), 63);
    let (found, record_bytes) = (64, 63);
    assert_eq!(
        judge(job.program(), &small.unwrap(), commitment, &evidence),
        Err(EvidenceError::RecordTooLarge {
            found,
            record_bytes
        })
    );
    // A leaf that the worker never committed to.
    let mut framed = evidence.clone();
    framed.opening.leaves[0].digest = [0; 32];
    assert_eq!(
        error(&framed),
        EvidenceError::Leaf(OpeningFault::Leaves(ProofError::OtherRoot))
    );
    let elsewhere = Evidence::gather(&job, 4, support::open(&work, &[3, 9])).unwrap();
    assert_eq!(error(&elsewhere), EvidenceError::NotOpened { index: 4 });
    // Another program, another job.
    let other = digits_job(19);
    let for_other = judge(job.program(), &accepted(&other), commitment, &evidence).unwrap_err();
    assert_eq!(for_other, EvidenceError::OtherJob);
    let same_size = JobSpec {
        input_root: [0; 32],
        ..*job.spec()
    };
    let same_size = JobBounds::MOST.accepts(&same_size, job.program(), 64);
    let same_size = same_size.unwrap();
    let for_other = judge(job.program(), &same_size, commitment, &evidence).unwrap_err();
    assert_eq!(for_other, EvidenceError::OtherJob);
    let limits = Limits {
        fuel: 1,
        ..job.program().program.limits()
    };
    let program = WasmProgram::new(ECHO, limits).unwrap();
    let with_other = judge(&program, &accepted(&job), commitment, &evidence).unwrap_err();
    assert_eq!(with_other, EvidenceError::OtherProgram);
    assert!(Evidence::gather(&job, 20, support::open(&work, &[3])).is_err());
}

/// Gives back its record of four bytes; loops for ever if it starts with 255.
const ECHO: &[u8] = b"(module (memory (export \"memory\") 1) \
    (global (export \"input\") i32 (i32.const 0)) \
    (func (export \"step\") (param i32) (result i64) \
      (loop (br_if 0 (i32.eq (i32.load8_u (i32.const 0)) (i32.const 255)))) \
      (i64.extend_i32_u (local.get 0))))";

#[test]
fn a_step_that_cannot_finish_convicts_whoever_claims_its_output() {
    let limits = Limits {
        fuel: 10_000,
        memory_bytes: 65_536,
        output_bytes: 4,
    };
    let bytes = vec![1, 2, 3, 4, 255, 0, 0, 0, 5, 6, 7, 8];
    let records = Records::from_bytes(4, bytes).unwrap();
    let job = Job::new(WasmProgram::new(ECHO, limits).unwrap(), records).unwrap();
    let error = StepError::OutOfFuel { limit: 10_000 };
    let honest = perform(&job, &Strategy::Honest, &secrets()).unwrap_err();
    assert_eq!(honest, WorkError::Step { index: 1, error });

    // Only a worker that skips the step can commit at all.
    let skip = |seed| {
        let strategy = Strategy::Skip {
            fraction: Ratio::new(1, 3).unwrap(),
            seed,
        };
        perform(&job, &strategy, &secrets()).ok()
    };
    let work = (0..50).find_map(skip).unwrap();
    let evidence = Evidence::gather(&job, 1, support::open(&work, &[1])).unwrap();
    let finding = judge(job.program(), &accepted(&job), work.commitment(), &evidence).unwrap();
    assert_eq!(finding.ruling, Ruling::WorkerAtFault);
    assert!(finding.reason.contains("fuel"), "{}", finding.reason);
}

/// A program whose two runs of a step differ, as on a machine with bad memory.
struct Unsteady(std::sync::atomic::AtomicU8, [u8; 32]);

impl StepProgram for Unsteady {
    fn id(&self) -> [u8; 32] {
        self.1
    }

    fn output_bytes(&self) -> usize {
        digits::OUTPUT_BYTES
    }

    fn run(&self, _: &[u8]) -> Result<Vec<u8>, StepError> {
        let run = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(vec![run; digits::OUTPUT_BYTES])
    }
}

#[test]
fn nobody_is_convicted_on_a_defect_of_the_arbiters_machine() {
    let job = digits_job(20);
    let (work, opening, _) = play(&job, &Strategy::Honest, 5);
    let index = opening.leaves[0].index;
    let evidence = Evidence::gather(&job, index, opening).unwrap();
    let program = RunTwice(Unsteady(0.into(), job.program().id()));
    let error = judge(&program, &accepted(&job), work.commitment(), &evidence).unwrap_err();
    assert!(matches!(error, EvidenceError::Defect { .. }), "{error}");
}
