//! Contracts whose parties are killed again and again: each after it has written something down and before it has sent what
//! follows. They end as they do undisturbed.

use crate::{
    common::{self, table},
    exits,
};

use narthex::{
    game_model::Template,
    harness::{Playable as _, Scenario, play_on},
    play::{Event, Outcome, PlayOptions},
    regtest::Embedded,
};

/// Scenarios of a template that parties live by their machines.
fn lives(template: Template) -> impl Iterator<Item = &'static Scenario<PlayOptions>> {
    let all = PlayOptions::SCENARIOS.iter();
    all.filter(move |scenario| scenario.needs == template)
}

fn killed(scenario: &Scenario<PlayOptions>, seed: u64) -> Outcome {
    let mut options: PlayOptions = common::options(scenario.needs, scenario.name, (2, 3));
    options.input = Some(common::few_images());
    options.kills = Some(seed);
    let mut events: Vec<Event> = Vec::new();
    let played = play_on(&mut Embedded::new(), scenario.name, &options, &mut events);
    played.unwrap_or_else(|error| panic!("{}, NARTHEX_SEED={seed}: {error}", scenario.name))
}

fn goes_on(scenarios: impl Iterator<Item = &'static Scenario<PlayOptions>>) {
    let seed = std::env::var("NARTHEX_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(7u64);
    for scenario in scenarios {
        let (calm, killed) = (exits::calm(scenario), killed(scenario, seed));
        let scenario = scenario.name;
        assert_eq!(
            calm.transactions, killed.transactions,
            "{scenario}, NARTHEX_SEED={seed}"
        );
        let of = |outcome: &Outcome| {
            let balances = outcome.balances.iter();
            balances
                .map(|balance| (balance.party.clone(), balance.settlement_sat))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&calm), of(&killed), "{scenario}, NARTHEX_SEED={seed}");
        let result = |outcome: &Outcome| outcome.figures.result.clone();
        assert_eq!(
            result(&calm),
            result(&killed),
            "{scenario}, NARTHEX_SEED={seed}"
        );
        assert!(killed.balances.iter().all(|balance| balance.is_exact()));
    }
}

#[test]
fn whoever_is_killed_goes_on() {
    let endings = lives(Template::Hardened).filter(|s| !table::is_of_rulings(s.name));
    goes_on(endings);
}

/// Whoever cheats is killed too.
#[test]
fn whoever_is_killed_among_cheats_goes_on() {
    let rulings = lives(Template::Hardened).filter(|s| table::is_of_rulings(s.name));
    goes_on(rulings);
}

/// And who looks for itself, challenges, and answers a challenge.
#[test]
fn whoever_is_killed_around_a_challenge_goes_on() {
    goes_on(lives(Template::Audited));
}

/// And in the paper's template, whose machines share a secret.
#[test]
fn whoever_is_killed_on_the_paper_goes_on() {
    goes_on(lives(Template::Paper));
}
