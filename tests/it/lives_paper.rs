//! What the paper's template does not withstand is found by adversaries that do anything at random.

use std::collections::BTreeMap;

use narthex::schedules::{
    lives::{KnownAttack, PaperPool, live_paper},
    seed_of,
};

/// Lives in which all five must have been found.
const SEEDS: u64 = 10_000;

#[test]
fn the_known_attacks_on_the_paper_are_found_by_chance() {
    let pool = PaperPool::make(&[7; 32]).unwrap();
    let (mut found, mut exits) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..SEEDS {
        let outcome = live_paper(&seed_of(&[0; 32], number), &pool).unwrap();
        if outcome.villains.is_empty() {
            assert!(outcome.wronged.is_empty(), "{number}: {outcome:?}");
        }
        // Nobody is wronged by somebody honest, and an attack wrongs somebody.
        assert!(outcome.attack.is_none() || !outcome.wronged.is_empty());
        *exits.entry(outcome.exit).or_insert(0u32) += 1;
        if let Some(attack) = outcome.attack {
            found.entry(attack).or_insert(number);
        }
        if found.len() == KnownAttack::ALL.len() && number >= 200 {
            break;
        }
    }
    let all: Vec<_> = found.keys().copied().collect();
    assert_eq!(all, KnownAttack::ALL, "first found in {found:?}; {exits:?}");
}
