//! Most of what the paper's template is known not to withstand is found by adversaries that do anything at random.

use std::collections::BTreeMap;

use narthex::schedules::{
    lives::{KnownAttack, PaperPool, live_paper},
    seed_of,
};

/// Lives in which all but one must have been found.
const SEEDS: u64 = 10_000;

/// Not found by chance yet: it wants a worker that is away from t1 to t2, beside a verifier that never hands anything over.
const RARE: KnownAttack = KnownAttack::MuteVerifier;

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
        if let Some(attack) = outcome.attack.filter(|attack| *attack != RARE) {
            found.entry(attack).or_insert(number);
        }
        if found.len() + 1 == KnownAttack::ALL.len() {
            break;
        }
    }
    let all: Vec<_> = found.keys().copied().collect();
    let known = KnownAttack::ALL.into_iter();
    let known: Vec<_> = known.filter(|attack| *attack != RARE).collect();
    assert_eq!(all, known, "first found in {found:?}; {exits:?}");
}
