//! "Everything random follows from this seed": two whole runs of the real command, byte for byte.

use crate::common;

use common::cli::words;
use narthex::{
    harness::{
        ChainKind, Figures, Harness, HarnessOptions, Outcome, Playable, Reporter, Scenario,
        ScenarioError, play,
    },
    regtest::Chain,
};

/// Stands for a file of images: most plays need no more of them.
const FEW: &str = "FEW";

/// Whatever draws something, and takes a seed for it.
const DRAWING: [&str; 19] = [
    "play --input FEW",
    "play --scenario worker-at-fault --input FEW",
    "play --scenario coop --input FEW",
    "play --arbiters 3-of-4 --scenario failed-long --input FEW",
    "play --template paper --research --input FEW",
    "play --template paper --research --scenario failed --input FEW",
    "bond play",
    "bond play --form bip46",
    "bank play --scenario banker",
    "bank play --scenario chosen",
    "slice play --scenario crash",
    "deliver play --scenario replaced",
    "bounty play",
    "bounty play --recomputers 4 --scenario hiring",
    "market calibrate --requests 200",
    "simulate games --games 40 --sample 40 --worker falsify:1%",
    "simulate schedules --schedules 100",
    "simulate games --games 80 --sample 40 --worker redraw:5%",
    "simulate games --games 80 --sample 40 --worker skip:5% --league 1/2 --cheat-rate 1/2 --audit-rate 1/3",
];

fn run(args: &str, seed: &str, json: bool) -> String {
    let (name, rest) = args.split_once(' ').unwrap_or((args, ""));
    let json = if json { " --json" } else { "" };
    let few = common::few_images();
    let rest = rest.replace(FEW, few.to_str().unwrap());
    let (fine, out, err) = words(name, &format!("{rest} --seed {seed}{json}"));
    assert!(fine && !out.is_empty(), "{args}: {err}");
    out
}

/// What is left of an output when its last word on the seed is taken off.
fn without(out: &str, seed: &str) -> String {
    out.replace(seed, "")
}

#[test]
fn two_runs_of_one_seed_are_equal_and_of_two_are_not() {
    let (one, other) = ("5a".repeat(32), "a5".repeat(32));
    for args in DRAWING {
        for json in [false, true] {
            let first = run(args, &one, json);
            assert_eq!(first, run(args, &one, json), "{args}, json: {json}");
            // The same run tells both, so that one of them shows it.
            if json {
                let differing = run(args, &other, json);
                assert_ne!(
                    without(&first, &one),
                    without(&differing, &other),
                    "{args}: the seed changes nothing"
                );
            }
        }
    }
}

/// A seed that is printed plays what was played.
#[test]
fn a_printed_seed_repeats_the_run() {
    for name in ["play --input FEW", "bank play", "bond play"] {
        let (command, rest) = name.split_once(' ').unwrap_or((name, ""));
        let few = common::few_images();
        let (fine, first, err) = words(command, &rest.replace(FEW, few.to_str().unwrap()));
        assert!(fine, "{name}: {err}");
        let seed = first.split_whitespace().last().unwrap();
        assert_eq!(seed.len(), 64, "{name}: {seed}");
        assert_eq!(first, run(name, seed, false), "{name}");
    }
}

/// A contract of nobody, whose only scenario goes wrong by what it draws.
struct Wrong(HarnessOptions);

impl Playable for Wrong {
    const COMMAND: &'static str = "wrong play";
    const SCENARIOS: &'static [Scenario<Self>] = &[Scenario::<Self>::new("wrong", "", wrong)];

    type Play<'c> = Harness<'c>;
    type Needs = ();
    type Ending = ();
    type Figures = Figures;

    fn common(&self) -> &HarnessOptions {
        &self.0
    }

    fn check(&self, _: &Scenario<Self>) -> Result<(), ScenarioError> {
        Ok(())
    }

    fn prepare<'c>(
        &self,
        _: &Scenario<Self>,
        chain: &'c mut dyn Chain,
        reporter: &'c mut dyn Reporter,
    ) -> Result<Harness<'c>, ScenarioError> {
        Harness::new(chain, ["one"], &self.0, reporter)
    }

    fn end(
        mut play: Harness<'_>,
        scenario: &Scenario<Self>,
        (): (),
    ) -> Result<Outcome, ScenarioError> {
        let outcome = play.outcome(scenario.name);
        Ok(play.end(outcome))
    }
}

fn wrong(play: &mut Harness<'_>) -> Result<(), ScenarioError> {
    let drawn = u64::from_be_bytes(play.random()[..8].try_into().unwrap());
    Err(ScenarioError::Broken(format!("drew {drawn:016x}")))
}

#[test]
fn a_scenario_that_fails_names_its_seed() {
    let fails = |seed: u8| {
        let options = Wrong(HarnessOptions::seeded([seed; 32]));
        let failed = play(ChainKind::Embedded, "wrong", &options, &mut ());
        failed.unwrap_err().to_string()
    };
    let said = fails(7);
    let seed = "07".repeat(32);
    assert!(said.contains("broken expectation: drew "), "{said}");
    assert!(
        said.ends_with(&format!("`--scenario wrong --seed {seed}` repeats it")),
        "{said}"
    );
    assert_eq!(said, fails(7));
    let drawn = |said: &str| said.split(';').next().unwrap().to_owned();
    assert_ne!(
        drawn(&said),
        drawn(&fails(8)),
        "what goes wrong follows from the seed"
    );
    let options = Wrong(HarnessOptions::seeded([7; 32]));
    let unknown = play(ChainKind::Embedded, "right", &options, &mut ());
    let unknown = unknown.unwrap_err().to_string();
    assert_eq!(
        unknown,
        "no such scenario; `narthex wrong play --list` names them"
    );
}
