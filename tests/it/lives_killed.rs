//! Contracts whose parties are killed again and again: each after it has written something down and before it has sent what
//! follows. They end as they do undisturbed.

use crate::common;
use crate::common::table;

use narthex::{
    game_model::Template,
    harness::{Playable as _, play_on},
    play::{Event, PlayOptions},
    regtest::Embedded,
};

/// Scenarios of a template that parties live by their machines.
fn lives(template: Template) -> impl Iterator<Item = &'static str> {
    let all = PlayOptions::SCENARIOS.iter();
    let of_template = all.filter(move |scenario| scenario.needs == template);
    of_template.map(|scenario| scenario.name)
}

fn lived(template: Template, scenario: &str, kills: Option<u64>) -> narthex::play::Outcome {
    let mut options: PlayOptions = common::options(template, scenario, (2, 3));
    options.input = Some(common::few_images());
    options.kills = kills;
    let mut events: Vec<Event> = Vec::new();
    let played = play_on(&mut Embedded::new(), scenario, &options, &mut events);
    played.unwrap_or_else(|error| panic!("{scenario}, kills {kills:?}: {error}"))
}

fn goes_on(template: Template, scenarios: impl Iterator<Item = &'static str>) {
    let seed = std::env::var("NARTHEX_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(7u64);
    for scenario in scenarios {
        let (calm, killed) = (
            lived(template, scenario, None),
            lived(template, scenario, Some(seed)),
        );
        assert_eq!(
            calm.transactions, killed.transactions,
            "{scenario}, NARTHEX_SEED={seed}"
        );
        let of = |outcome: &narthex::play::Outcome| {
            let balances = outcome.balances.iter();
            balances
                .map(|balance| (balance.party.clone(), balance.settlement_sat))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&calm), of(&killed), "{scenario}, NARTHEX_SEED={seed}");
        let result = |outcome: &narthex::play::Outcome| outcome.figures.result.clone();
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
    let endings = lives(Template::Hardened).filter(|name| !table::is_of_rulings(name));
    goes_on(Template::Hardened, endings);
}

/// Whoever cheats is killed too.
#[test]
fn whoever_is_killed_among_cheats_goes_on() {
    let rulings = lives(Template::Hardened).filter(|name| table::is_of_rulings(name));
    goes_on(Template::Hardened, rulings);
}

/// And who looks for itself, challenges, and answers a challenge.
#[test]
fn whoever_is_killed_around_a_challenge_goes_on() {
    goes_on(Template::Audited, lives(Template::Audited));
}

/// And in the paper's template, whose machines share a secret.
#[test]
fn whoever_is_killed_on_the_paper_goes_on() {
    goes_on(Template::Paper, lives(Template::Paper));
}
