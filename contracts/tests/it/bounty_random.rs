//! Random courses: recomputers that are wrong, absent, silent at any step, or crash; what must hold in each.

use crate::bounty_support;

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use bounty_support::{LAYERS, RIGHT, ROUND, SETTLING, WRONG, at, of, set, signed};
use narthex_contracts::bounty::{Answer, BountyError, Closing};
use narthex_game_model::market::LayerSet;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conduct {
    Honest,
    Wrong,
    Absent,
    OpensNothing,
    DeliversNothing,
    GivesNothing,
}

use Conduct::{Absent, DeliversNothing, GivesNothing, Honest, OpensNothing, Wrong};

fn draw(rng: &mut StdRng) -> Conduct {
    match rng.gen_range(0..10) {
        0 => Wrong,
        1 => Absent,
        2 => OpensNothing,
        3 => DeliversNothing,
        4 => GivesNothing,
        _ => Honest,
    }
}

fn seats(of_these: &[Conduct], like: impl Fn(Conduct) -> bool) -> Vec<u8> {
    let all = (0u8..).zip(of_these);
    all.filter(|(_, c)| like(**c)).map(|(s, _)| s).collect()
}

/// Who is right and does all of its part is paid whenever anybody is that agrees with it; a settlement pays nobody
/// else; and with it the requester has the right result.
#[test]
fn random_courses() {
    let seed: u64 = match std::env::var("NARTHEX_TEST_SEED_U64") {
        Ok(text) => text.parse().unwrap(),
        Err(_) => bitcoin::secp256k1::rand::random(),
    };
    println!("NARTHEX_TEST_SEED_U64={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut settled, mut cancelled) = (0, 0);
    for _ in 0..40 {
        let recomputers = rng.gen_range(1..=5u8);
        let quorum = rng.gen_range(1..=recomputers);
        let conduct: Vec<Conduct> = (0..recomputers).map(|_| draw(&mut rng)).collect();
        match course(recomputers, quorum, &conduct, &mut rng) {
            Some(paid) => {
                settled += 1;
                let mut right = seats(&conduct, |c| c == Honest);
                if paid != set(&right) {
                    // Only where the wrong ones are more, or nobody else is.
                    right = seats(&conduct, |c| c == Wrong);
                }
                assert_eq!(paid, set(&right), "{recomputers} {quorum} {conduct:?}");
                assert!(paid.len() >= quorum);
            }
            None => cancelled += 1,
        }
    }
    println!("{settled} settled, {cancelled} not");
}

/// Plays to the end; whom the settlement paid, if there was one.
fn course(recomputers: u8, quorum: u8, conduct: &[Conduct], rng: &mut StdRng) -> Option<LayerSet> {
    let mut bounty = signed(recomputers, quorum);
    let results: Vec<(u8, &[u8])> = (0u8..)
        .zip(conduct)
        .filter(|(_, c)| **c != Absent)
        .map(|(seat, c)| (seat, if *c == Wrong { WRONG } else { RIGHT }))
        .collect();
    let seal = bounty.sealed(&results);
    for (seat, _) in &results {
        if conduct[usize::from(*seat)] == OpensNothing {
            continue;
        }
        let opening = bounty.recomputer(*seat).open(at(LAYERS), &seal).unwrap();
        bounty.requester.take_opening(&opening).unwrap();
        for (other, _) in results
            .iter()
            .filter(|(o, _)| conduct[usize::from(*o)] != OpensNothing)
        {
            // Whoever has not opened yet hears it later; here at once or never.
            let _ = bounty.recomputer(*other).hear_opening(&opening);
        }
    }
    if rng.r#gen() {
        bounty.restart();
    }
    let mut height = LAYERS + u32::from(ROUND);
    let mut closing = bounty.requester.close(height).unwrap();
    loop {
        let paid = answers(&mut bounty, conduct, height, &closing);
        if paid.is_empty() {
            return None;
        }
        if rng.r#gen() {
            bounty.restart();
        }
        let mut late = seats(conduct, |c| c == DeliversNothing);
        if bounty.requester.grant().is_ok() {
            let givers: Vec<u8> = of(paid)
                .into_iter()
                .filter(|seat| conduct[usize::from(*seat)] != GivesNothing)
                .collect();
            bounty.granted(height, paid, &givers);
            late = of(paid)
                .into_iter()
                .filter(|seat| !givers.contains(seat))
                .collect();
        }
        late.retain(|seat| paid.contains(usize::from(*seat)));
        if late.is_empty() {
            let first = of(paid)[0];
            let (whom, tx) = bounty.recomputer(first).settle(SETTLING).unwrap().unwrap();
            let learned = bounty.requester.learn(&tx).unwrap();
            let right = conduct[usize::from(first)] != Wrong;
            assert_eq!(
                learned.result.as_deref(),
                Some(if right { RIGHT } else { WRONG })
            );
            assert_eq!(whom, paid);
            return Some(paid);
        }
        height = bounty.terms.round_height(closing.round + 1);
        closing = match bounty.requester.close_again(height, set(&late)) {
            Ok(closing) => closing,
            // Too few are left: the requester waits for T.
            Err(BountyError::Requester { .. }) => return None,
            Err(e) => panic!("{e}"),
        };
    }
}

fn answers(
    bounty: &mut bounty_support::Bounty,
    conduct: &[Conduct],
    height: u32,
    closing: &Closing,
) -> LayerSet {
    let paid = closing.verify(&bounty.terms).unwrap().paid;
    for seat in of(closing.opened()) {
        if conduct[usize::from(seat)] == DeliversNothing || closing.late.contains(seat.into()) {
            continue;
        }
        match bounty.recomputer(seat).accept(at(height), closing).unwrap() {
            Answer::Deliver(made) => {
                bounty.requester.take_delivery(&made).unwrap();
                for other in of(paid) {
                    bounty
                        .recomputer(other)
                        .hear_delivery(height, &made)
                        .unwrap();
                }
            }
            Answer::GiveBack(_) => assert!(paid.is_empty()),
            Answer::Nothing => assert!(!paid.contains(seat.into()) || paid.is_empty()),
        }
    }
    paid
}
