//! "Everything random follows from this seed": two whole runs of the real command, byte for byte.

use crate::common;

use common::cli::words;

/// Whatever draws something, and takes a seed for it.
const DRAWING: [&str; 16] = [
    "play",
    "play --scenario worker-at-fault",
    "play --scenario coop",
    "play --arbiters 3-of-4 --scenario failed-long",
    "play --template paper --research",
    "play --template paper --research --scenario failed",
    "bond play",
    "bond play --form bip46",
    "bank play --scenario banker",
    "bank play --scenario chosen",
    "slice play --scenario crash",
    "deliver play --scenario replaced",
    "bounty play",
    "bounty play --recomputers 4 --scenario hiring",
    "market calibrate --requests 200",
    "simulate --games 200 --sample 40 --worker falsify:1%",
];

fn run(args: &str, seed: &str, json: bool) -> String {
    let (name, rest) = args.split_once(' ').unwrap_or((args, ""));
    let json = if json { " --json" } else { "" };
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
            let differing = run(args, &other, json);
            assert_ne!(
                without(&first, &one),
                without(&differing, &other),
                "{args}, json: {json}: the seed changes nothing"
            );
        }
    }
}

/// A seed that is printed plays what was played.
#[test]
fn a_printed_seed_repeats_the_run() {
    for name in ["play", "bank play", "bond play"] {
        let (command, rest) = name.split_once(' ').unwrap_or((name, ""));
        let (fine, first, err) = words(command, rest);
        assert!(fine, "{name}: {err}");
        let seed = first.split_whitespace().last().unwrap();
        assert_eq!(seed.len(), 64, "{name}: {seed}");
        assert_eq!(first, run(name, seed, false), "{name}");
    }
}
