//! Bounds of a contract's job: who judges it must know beforehand that it can.

use narthex_game_model::caps::{
    MAX_MEMORY_BYTES, MAX_OPENINGS, MAX_OUTPUT_BYTES, MAX_PROGRAM_BYTES, MAX_RECORD_BYTES,
    MAX_STEP_FUEL,
};
use narthex_game_model::computation::{Job, Stated, StepProgram};
use narthex_game_model::params::Bound;
use narthex_game_model::token::entropy::Guessable;
use narthex_game_model::workload::digits;
use narthex_game_model::{AcceptedJob, JobBounds, JobMisfit, Params, ParamsRecord};

const HEIGHT: u32 = 800_000;

/// Each bound of the job at its border and one beyond, with both values in the message.
#[test]
fn a_job_that_nobody_can_judge_makes_no_contract() {
    let changed = |change: &dyn Fn(&mut ParamsRecord)| {
        let mut record = ParamsRecord::example(3, 2, HEIGHT);
        change(&mut record);
        Params::new(record)
    };
    let broken = |change: &dyn Fn(&mut JobBounds)| match changed(&|r| change(&mut r.job_bounds)) {
        Ok(_) => Vec::new(),
        Err(error) => error.broken().iter().map(|b| b.bound).collect(),
    };
    assert_eq!(broken(&|_| {}), []);
    let fast = |b: &mut JobBounds| b.fuel_per_second = u64::MAX;
    let one = |bound| vec![bound];
    assert_eq!(broken(&|b| b.fuel = 0), one(Bound::JobFuelPositive));
    assert_eq!(broken(&|b| b.units = 0), one(Bound::JobUnitsPositive));
    assert_eq!(
        broken(&|b| b.output_bytes = 0),
        one(Bound::JobOutputPositive)
    );
    type Field = fn(&mut JobBounds) -> &mut u64;
    let caps: [(Field, u64, Bound); 5] = [
        (|b| &mut b.fuel, MAX_STEP_FUEL, Bound::JobFuelAtMost),
        (
            |b| &mut b.memory_bytes,
            MAX_MEMORY_BYTES,
            Bound::JobMemoryAtMost,
        ),
        (
            |b| &mut b.program_bytes,
            MAX_PROGRAM_BYTES as u64,
            Bound::JobProgramAtMost,
        ),
        (
            |b| &mut b.record_bytes,
            MAX_RECORD_BYTES as u64,
            Bound::JobRecordAtMost,
        ),
        (
            |b| &mut b.output_bytes,
            MAX_OUTPUT_BYTES as u64,
            Bound::JobOutputAtMost,
        ),
    ];
    for (field, most, bound) in caps {
        for (value, expected) in [
            (most, vec![]),
            (most + 1, one(bound)),
            (u64::MAX, one(bound)),
        ] {
            let found = broken(&|b| {
                fast(b);
                *field(b) = value;
            });
            assert_eq!(found, expected, "{value}");
        }
    }
    let found = broken(&|b| {
        fast(b);
        (b.fuel, b.units) = (u64::MAX, u64::MAX);
    });
    let all = [
        Bound::JobUnitsAtMost,
        Bound::JobFuelAtMost,
        Bound::JobJudgedInWindow,
    ];
    assert_eq!(found, all);
    // Fuel × units = rate × 12 blocks × 60 s, and one more unit of fuel.
    let tight = |fuel: u64| {
        changed(&|r| {
            r.windows.decide_blocks = 12;
            r.job_bounds.fuel_per_second = 1_000;
            (r.job_bounds.fuel, r.job_bounds.units) = (fuel, 72);
            // 8,192 units of fuel between any two units.
            r.job_bounds.memory_bytes = 65_536;
        })
    };
    assert!(tight(1_808).is_ok());
    let error = tight(1_809).unwrap_err();
    assert!(error.breaks(Bound::JobJudgedInWindow));
    assert!(
        error.to_string().contains("= 720072 fuel,")
            && error.to_string().ends_with("= 720000 fuel"),
        "{error}"
    );
    // In the paper template the time is that from t2 to t4.
    let mut paper = ParamsRecord::paper_example(3, 2, HEIGHT);
    paper.job_bounds.fuel_per_second = 1_000;
    paper.job_bounds.fuel = 24 * 60 * 1_000;
    assert!(Params::new(paper.clone()).is_ok());
    paper.job_bounds.fuel += 1;
    let error = Params::new(paper).unwrap_err();
    assert!(error.breaks(Bound::JobJudgedInWindow), "{error}");
    // The sample, whose opening is evidence.
    let sampled = |sample: u32| changed(&|r| *r = r.clone().for_job(1 << 30, sample).unwrap());
    assert!(sampled(MAX_OPENINGS).is_ok());
    assert!(
        sampled(MAX_OPENINGS * 2)
            .unwrap_err()
            .breaks(Bound::SampleAtMost)
    );
}

/// A file from before there were bounds means the documented ones, and is hashed with them.
#[test]
fn a_record_without_bounds_of_the_job_has_the_usual_ones() {
    let record = ParamsRecord::example(3, 2, HEIGHT);
    let mut json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["job_bounds"]["fuel"], 100_000_000);
    json.as_object_mut().unwrap().remove("job_bounds").unwrap();
    let read: ParamsRecord = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(read, record);
    // But none of them is made up where some are given.
    json["job_bounds"] = serde_json::json!({"fuel": 5});
    let error = serde_json::from_value::<ParamsRecord>(json).unwrap_err();
    assert!(
        error.to_string().contains("missing field `units`"),
        "{error}"
    );
}

/// Why a job was refused, if it was.
fn refusal(accepted: Result<AcceptedJob, JobMisfit>) -> Result<(), JobMisfit> {
    accepted.map(|_| ())
}

#[test]
fn a_job_that_does_not_fit_its_parameters_is_refused() {
    let job = digits::job(None).unwrap();
    let params = |change: &dyn Fn(&mut ParamsRecord)| {
        let record = ParamsRecord::example(3, 2, HEIGHT).for_job(897, 90);
        let mut record = record.unwrap();
        change(&mut record);
        Params::new(record).unwrap()
    };
    let bounds = |change: &dyn Fn(&mut JobBounds)| {
        refusal(params(&|r| change(&mut r.job_bounds)).accepts_job(&job))
    };
    assert_eq!(bounds(&|_| {}), Ok(()));
    let exceeds = |what, job, bound| Err(JobMisfit::Exceeds { what, job, bound });
    let fuel = bounds(&|b| b.fuel = 7_999_999);
    assert_eq!(fuel, exceeds("fuel for a unit", 8_000_000, 7_999_999));
    let memory = bounds(&|b| b.memory_bytes = 196_607);
    assert_eq!(
        memory,
        exceeds("bytes of memory for a step", 196_608, 196_607)
    );
    assert_eq!(
        bounds(&|b| b.record_bytes = 63),
        exceeds("bytes a record", 64, 63)
    );
    assert_eq!(
        bounds(&|b| b.output_bytes = 7),
        exceeds("bytes an output", 8, 7)
    );
    assert!(bounds(&|b| b.program_bytes = 1_000).is_err());
    let other = params(&|r| *r = r.clone().for_job(896, 90).unwrap());
    let steps = JobMisfit::Steps {
        job: 897,
        params: 896,
    };
    assert_eq!(other.accepts_job(&job), Err(steps.clone()));
    let (reference, rest) = digits::Labelled::shipped().unwrap().split(900);
    let program = digits::unit_program(&reference).unwrap();
    let cut = Job::new(program, rest.images().unwrap()).unwrap();
    assert_eq!(
        refusal(params(&|_| {}).accepts_job(&cut)),
        exceeds("units", 902, 1)
    );
    let memory = cut.program().needs().memory_bytes;
    let with_units = |units| {
        params(&|r| {
            (r.job_bounds.fuel, r.job_bounds.units) = (10_000, units);
            r.job_bounds.memory_bytes = memory;
        })
    };
    assert_eq!(
        refusal(with_units(901).accepts_job(&cut)),
        exceeds("units", 902, 901)
    );
    // What a dispute reveals of such a step is evidence too.
    let evidence = |units| with_units(units).evidence_bytes();
    assert_eq!(evidence(902) - evidence(1), u128::from(memory) * 257 / 256);
    let with_units = with_units(902);
    let accepted = with_units.accepts_job(&cut).unwrap();
    assert_eq!(accepted.spec(), cut.spec());
    assert_eq!(accepted.record_bytes(), 64);

    // What was accepted under other parameters is not accepted under these.
    let ours = params(&|_| {});
    assert_eq!(ours.has_accepted(&ours.accepts_job(&job).unwrap()), Ok(()));
    assert_eq!(
        ours.has_accepted(&accepted),
        Err(JobMisfit::OtherBounds),
        "two bounds"
    );
    let here = ours.accepts_job(&job).unwrap();
    assert_eq!(other.has_accepted(&here), Err(steps));
    // Who has the description and the program alone accepts the same, and no description of another program.
    let described = ours.accepts(job.spec(), job.program(), 64);
    assert_eq!(described, Ok(here));
    let foreign = with_units.accepts(job.spec(), cut.program(), 64);
    assert_eq!(foreign, Err(JobMisfit::OtherProgram));
}

#[test]
fn a_job_whose_digests_can_be_guessed_is_refused() {
    let job = digits::job(None).unwrap();
    let stating = |entropy_bits| {
        let program = Stated {
            program: job.program().program.clone(),
            entropy_bits,
        };
        Job::new(program, job.records().clone()).unwrap()
    };
    let params = |record: ParamsRecord, sample| {
        let mut record = record.for_job(897, sample).unwrap();
        record.job_bounds.fuel = 8_000_000;
        Params::new(record).unwrap()
    };
    let hardened = |sample| params(ParamsRecord::example(3, 2, HEIGHT), sample);
    let ours = hardened(90);
    assert_eq!(refusal(ours.accepts_job(&job)), Ok(()));
    let unknown = Err(JobMisfit::Guessable(Guessable::Unknown));
    assert_eq!(refusal(ours.accepts_job(&stating(0))), unknown);
    let step = Err(JobMisfit::Guessable(Guessable::Step { bits: 7, least: 8 }));
    assert_eq!(refusal(ours.accepts_job(&stating(7))), step);
    assert_eq!(refusal(ours.accepts_job(&stating(8))), Ok(()));
    let few = |sample| Err(JobMisfit::Guessable(Guessable::Sample { bits: 8, sample }));
    assert_eq!(refusal(hardened(4).accepts_job(&stating(8))), few(4));
    assert_eq!(refusal(hardened(5).accepts_job(&stating(8))), Ok(()));
    // So is one that was held against bounds alone, or accepted for a larger sample under the same bounds.
    let bounds = ours.job_bounds();
    let aside = bounds.accepts_job(&stating(0)).unwrap();
    assert_eq!(ours.has_accepted(&aside), unknown);
    let larger = hardened(5).accepts_job(&stating(8)).unwrap();
    assert_eq!(hardened(5).has_accepted(&larger), Ok(()));
    assert_eq!(hardened(4).has_accepted(&larger), few(4));
    // Who has description and program alone, too.
    let program = stating(0);
    let described = ours.accepts(job.spec(), program.program(), 64);
    assert_eq!(refusal(described), unknown);
    // The other template has no token.
    let paper = params(ParamsRecord::paper_example(3, 2, HEIGHT), 90);
    assert_eq!(refusal(paper.accepts_job(&stating(0))), Ok(()));
}
