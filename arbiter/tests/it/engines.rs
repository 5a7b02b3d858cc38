//! Two engines: they agree, or nothing is ruled.

use narthex_arbiter::{Engines, Judged, Opinion, SecondEngine, Silence, judge};
use narthex_game_model::computation::{Clock, StepError, StepNeeds, StepProgram, TimeBudget};
use narthex_game_model::workload::load;

use crate::vector::bundle;

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// An engine that says what it is told to, whatever the program does.
struct Says(fn(&[u8]) -> Opinion);

impl SecondEngine for Says {
    fn name(&self) -> &str {
        "a liar"
    }

    fn opinion(&self, record: &[u8]) -> Opinion {
        (self.0)(record)
    }
}

type Ran = Result<Vec<u8>, StepError>;
type Lie = fn(Ran) -> Ran;
/// What a second engine says, and what comes of it.
type Liar = (fn(&[u8]) -> Opinion, Silence);

/// A program that gives something else than it gives.
struct Lies<P>(P, Lie);

impl<P: StepProgram> StepProgram for Lies<P> {
    fn id(&self) -> [u8; 32] {
        self.0.id()
    }

    fn output_bytes(&self) -> usize {
        self.0.output_bytes()
    }

    fn needs(&self) -> StepNeeds {
        self.0.needs()
    }

    fn entropy_bits(&self) -> u32 {
        self.0.entropy_bits()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        (self.1)(self.0.run(record))
    }
}

fn program() -> impl StepProgram {
    let question = bundle().open(None).unwrap();
    let budget = TimeBudget::new(
        std::sync::Arc::new(Still),
        std::time::Duration::from_secs(1),
    );
    load(question.dossier.program().unwrap(), budget).unwrap()
}

fn honest(record: &[u8]) -> Opinion {
    Opinion::Output {
        bytes: program().run(record).unwrap(),
        may_exceed: false,
    }
}

#[test]
fn two_that_agree_rule_and_it_is_said() {
    let question = bundle().open(None).unwrap();
    let (ruling, second) = (program(), Says(honest));
    let engines = Engines {
        name: "wasmi",
        ruling: &ruling,
        other: Ok(&second),
    };
    let report = judge(&question, Some(engines)).unwrap();
    assert_eq!(report.finding, bundle().report().finding);
    let both = Judged::Both {
        engine: "wasmi".into(),
        other: "a liar".into(),
    };
    assert_eq!(report.judged, both);
    // One alone says so, and why.
    let other = Err("this build has no other");
    let report = judge(&question, Some(Engines { other, ..engines })).unwrap();
    assert_eq!(report.finding, bundle().report().finding);
    assert!(
        report
            .judged
            .to_string()
            .contains("alone: this build has no other"),
        "{}",
        report.judged
    );
    // And none judges no step.
    let silent = judge(&question, None).unwrap_err();
    assert_eq!(silent.why, Silence::Case);
}

/// Whichever of the two lies, and however: nobody is ruled against, not even the one that would be without the lie.
#[test]
fn an_engine_that_lies_ends_in_silence() {
    let question = bundle().open(None).unwrap();
    let right = program();
    let liars: [Liar; 5] = [
        (
            |record| Opinion::Output {
                bytes: program()
                    .run(record)
                    .unwrap()
                    .iter()
                    .map(|byte| byte ^ 1)
                    .collect(),
                may_exceed: false,
            },
            Silence::EnginesDiffer,
        ),
        (
            |_| Opinion::Output {
                bytes: Vec::new(),
                may_exceed: true,
            },
            Silence::EnginesDiffer,
        ),
        (
            |_| Opinion::NoOutput("it says that it fails".into()),
            Silence::EnginesDiffer,
        ),
        (|_| Opinion::MetLimit, Silence::Machine),
        (
            |_| Opinion::Undecided("it has no time".into()),
            Silence::Machine,
        ),
    ];
    for (liar, expected) in liars {
        let second = Says(liar);
        let engines = Engines {
            name: "wasmi",
            ruling: &right,
            other: Ok(&second),
        };
        let silent = judge(&question, Some(engines)).unwrap_err();
        assert_eq!(silent.why, expected, "{silent}");
        assert!(silent.to_string().contains("nothing is ruled"), "{silent}");
    }
    let lies: [Lie; 3] = [
        |ran| ran.map(|bytes| bytes.iter().map(|byte| byte ^ 1).collect()),
        |_| Err(StepError::Trap("it says that it fails".into())),
        |_| Err(StepError::OutOfFuel { limit: 1 }),
    ];
    for lie in lies {
        let (ruling, second) = (Lies(program(), lie), Says(honest));
        let engines = Engines {
            name: "wasmi",
            ruling: &ruling,
            other: Ok(&second),
        };
        let silent = judge(&question, Some(engines)).unwrap_err();
        assert_eq!(silent.why, Silence::EnginesDiffer, "{silent}");
        // Alone it would have been believed: that is what the second is for.
        let alone = Engines {
            other: Err("a test"),
            ..engines
        };
        let report = judge(&question, Some(alone)).unwrap();
        assert_ne!(report.finding.ruling, bundle().report().finding.ruling);
    }
    // Steps that fail for both are no contradiction, by whichever limit.
    for opinion in [
        Says(|_| Opinion::NoOutput("it fails".into())),
        Says(|_| Opinion::MetLimit),
        Says(|_| Opinion::Output {
            bytes: Vec::new(),
            may_exceed: true,
        }),
    ] {
        let ruling = Lies(program(), |_| Err(StepError::OutOfFuel { limit: 1 }));
        let engines = Engines {
            name: "wasmi",
            ruling: &ruling,
            other: Ok(&opinion),
        };
        assert!(judge(&question, Some(engines)).is_ok());
    }
    // This machine's own limit rules on nothing, whatever the other says.
    let ruling = Lies(program(), |_| Err(StepError::engine("no memory")));
    let second = Says(honest);
    let engines = Engines {
        name: "wasmi",
        ruling: &ruling,
        other: Ok(&second),
    };
    let silent = judge(&question, Some(engines)).unwrap_err();
    assert_eq!(silent.why, Silence::Machine, "{silent}");
}
