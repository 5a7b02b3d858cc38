use narthex_game_model::{
    Ruling,
    workload::{
        Records,
        digits::{self, Labelled},
        model::{Model, ModelProgram},
    },
};

use super::*;

fn options(liar: Side) -> DemoOptions {
    DemoOptions {
        fan_out: Some(4),
        answer_blocks: 2,
        opened_at: 100,
        ..DemoOptions::new(3, liar)
    }
}

fn model_job() -> Job<ModelProgram> {
    let (_, rest) = Labelled::shipped().unwrap().split(digits::REFERENCE_ROWS);
    Job::new(
        ModelProgram::new(Model::shipped().unwrap()),
        rest.images().unwrap(),
    )
    .unwrap()
}

#[test]
fn real_jobs_are_disputed_down_to_one_unit() {
    let (reference, rest) = Labelled::shipped().unwrap().split(60);
    let images = rest.images().unwrap();
    let few = images.iter().take(5).flatten().copied().collect();
    let few = Records::from_bytes(digits::PIXELS, few).unwrap();
    let wasm = Job::new(digits::unit_program(&reference).unwrap(), few).unwrap();
    let model = model_job();
    for (liar, ruling) in [
        (Side::Worker, Ruling::WorkerAtFault),
        (Side::Challenger, Ruling::VerifierAtFault),
    ] {
        // Lies at the start, in the middle, about the last state.
        for from_unit in [Some(0), None, Some(40)] {
            let options = DemoOptions {
                from_unit,
                ..options(liar)
            };
            let accounts = [
                account(&wasm, &demonstrate(&wasm, &options).unwrap()).unwrap(),
                account(&model, &demonstrate(&model, &options).unwrap()).unwrap(),
            ];
            for account in accounts {
                let finding = account.finding().unwrap();
                assert_eq!(finding.ruling, ruling, "{}", finding.reason);
                assert!(account.moves.len() as u32 <= account.plan.moves);
                assert!(account.moves.iter().all(|m| m.height <= m.deadline));
            }
        }
    }
}

#[test]
fn files_of_something_else_are_refused_and_silence_loses() {
    let job = model_job();
    let mut file = demonstrate(&job, &options(Side::Worker)).unwrap();
    let json = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<DisputeFile>(&json).unwrap(), file);
    let other = DemoOptions {
        index: 10_000,
        ..options(Side::Worker)
    };
    assert!(matches!(
        demonstrate(&job, &other),
        Err(JobDisputeError::NoSuchStep { .. })
    ));
    assert!(matches!(
        account(&digits::job(None).unwrap(), &file),
        Err(JobDisputeError::NoUnits)
    ));
    file.transcript.entries.remove(0);
    assert!(matches!(
        account(&job, &file),
        Err(JobDisputeError::Replay(_))
    ));
    file.terms.job.steps += 1;
    assert!(matches!(
        account(&job, &file),
        Err(JobDisputeError::OtherJob { .. })
    ));

    let silent = DemoOptions {
        silent_from: Some(1),
        ..options(Side::Challenger)
    };
    let account = account(&job, &demonstrate(&job, &silent).unwrap()).unwrap();
    assert_eq!(account.moves.len(), 1);
    let finding = account.finding().unwrap();
    assert_eq!(finding.ruling, Ruling::VerifierAtFault);
    assert!(
        finding.reason.contains("did not make move 1"),
        "{}",
        finding.reason
    );
}
