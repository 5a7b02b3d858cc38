//! Set-ups by the thousand: killed, delayed, reorganised, and with an adversary among them.

use crate::common::cli::{refuses, words};
use bitcoin::hex::DisplayHex;
use narthex::{
    channel::log::Fault,
    contracts::{party::PartyId, terms::Role},
    schedules::{FaultKind, Flaw, Kill, Outcome, Plan, Strategy, play, run},
};

fn seed(number: u32) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    seed
}

fn assert_clean(outcome: &Outcome, number: u32) {
    assert_eq!(
        outcome.violations,
        [],
        "seed {} of {:?}, {:?}",
        seed(number).to_lower_hex_string(),
        outcome.kinds,
        outcome.strategy
    );
}

#[test]
fn nothing_happens_that_must_not() {
    let report = run(&[26; 32], (4_000, &Plan::default()), |_| ());
    assert!(report.is_clean(), "{:#?}", report.violations);
    // It is no desert: most schedules without an adversary come to a contract, and all disturbances were tried.
    assert!(report.live > 1_500, "{} of 4,000 live", report.live);
    assert!(report.kills > 1_000, "{} kills", report.kills);
    let kinds = FaultKind::SETUP.len() + Strategy::ALL.len();
    assert_eq!(report.tried.len(), kinds, "{:?}", report.tried);
}

#[test]
fn a_party_that_is_killed_at_any_write_costs_an_attempt_at_most() {
    for role in [Role::Client, Role::Worker, Role::Arbiter(0)] {
        for side in [Fault::Before, Fault::After] {
            let mut writes = 0;
            for write in 0.. {
                let kill = Kill {
                    party: PartyId::from(role),
                    write,
                    side,
                };
                let plan = Plan {
                    kinds: Some(Vec::new()),
                    kill: Some(kill),
                    ..Plan::default()
                };
                let outcome = play(&seed(7), &plan);
                assert_clean(&outcome, 7);
                if outcome.kills == 0 {
                    // It never wrote as much.
                    break;
                }
                writes += 1;
                assert!(outcome.is_live, "{role} killed {side:?} write {write}");
                assert!(
                    outcome.attempts <= 2,
                    "{role} killed {side:?} write {write}"
                );
            }
            assert!(writes > 15, "{role} wrote {writes} times");
        }
    }
}

#[test]
fn no_adversary_turns_it_against_anybody() {
    for strategy in Strategy::ALL {
        let mut contracts = 0;
        for number in 0..60 {
            let kinds = match number % 3 {
                0 => vec![FaultKind::Adversary],
                1 => vec![FaultKind::Adversary, FaultKind::Kill, FaultKind::Delay],
                _ => vec![FaultKind::Adversary, FaultKind::Reorg, FaultKind::Hurry],
            };
            let plan = Plan {
                kinds: Some(kinds),
                strategy: Some(strategy),
                ..Plan::default()
            };
            let outcome = play(&seed(number), &plan);
            assert_clean(&outcome, number);
            contracts += u32::from(outcome.is_live);
        }
        // What makes a party useless keeps it from every contract.
        if matches!(
            strategy,
            Strategy::TwoNonces | Strategy::Lose | Strategy::Ignore
        ) {
            assert_eq!(contracts, 0, "{strategy:?}");
        }
    }
}

#[test]
fn a_rule_that_is_not_kept_is_missed() {
    let found = |flaw, kinds: &[FaultKind]| {
        let plan = Plan {
            kinds: Some(kinds.to_vec()),
            flaw: Some(flaw),
            ..Plan::default()
        };
        let report = run(&[1; 32], (300, &plan), |_| ());
        report.violations.keys().cloned().collect::<Vec<_>>()
    };
    let same = found(Flaw::SameDraws, &[FaultKind::Kill]);
    assert!(same.contains(&"nonce reused".to_owned()), "{same:?}");
    assert!(same.contains(&"salt reused".to_owned()), "{same:?}");
    let trusting = found(Flaw::Trusting, &[]);
    assert!(
        trusting.contains(&"witnesses before all held".to_owned()),
        "{trusting:?}"
    );
}

#[test]
fn a_seed_repeats_its_schedule() {
    for number in 0..20 {
        let (one, other) = (
            play(&seed(number), &Plan::default()),
            play(&seed(number), &Plan::default()),
        );
        assert_eq!(one.trace, other.trace);
        assert_ne!(one.trace, play(&seed(number + 1), &Plan::default()).trace);
    }
}

#[test]
fn the_disturbances_of_every_schedule_are_chosen() {
    let tried = |kinds: &str| {
        let args = format!("schedules --schedules 30 --disturbances {kinds} --json");
        let (fine, out, err) = words("simulate", &args);
        assert!(fine, "{kinds}: {err}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        report["tried"].clone()
    };
    let all = tried("all");
    for kind in FaultKind::SETUP {
        let name = serde_json::to_value(kind).unwrap();
        let name = name.as_str().unwrap();
        assert_eq!(all[name], 30, "{all}");
        assert_eq!(tried(name)[name], 30);
    }
    let two = tried("kill,reorg");
    assert!(two["delay"].is_null() && two["kill"] == 30, "{two}");
    // What has no effect is refused, and what is none.
    let refused = [
        ("schedules --disturbances censor", "lives only"),
        ("schedules --disturbances thunder", "thunder"),
    ];
    refuses("simulate", &refused);
}
