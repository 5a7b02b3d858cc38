//! The seed: commit, wait for a block, reveal; who breaks it is named, and who tries to grind it gains nothing.

use crate::panel_support;

use bitcoin::{
    BlockHash,
    hashes::Hash,
    secp256k1::rand::{RngCore, SeedableRng, rngs::StdRng},
};
use narthex_contracts::{
    panel::{
        Commitment, Committing, DrawCase, Order, Seed, SeedBlock, SeedError, SeedNonce, Snapshot,
    },
    terms::Role,
};
use panel_support::{case, digest, identity, pool};

fn nonce(n: u64, case: &DrawCase, own: Role) -> SeedNonce {
    SeedNonce::draw(case, own, &mut StdRng::seed_from_u64(n))
}

/// What it draws.
fn nonce_of(n: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    StdRng::seed_from_u64(n).fill_bytes(&mut bytes);
    bytes
}

fn block(n: u64) -> SeedBlock {
    SeedBlock {
        height: 306,
        hash: BlockHash::from_byte_array(digest("block", n)),
        tip: 308,
    }
}

/// The seed of these nonces and this block, by the whole procedure.
fn seed(case: &DrawCase, nonces: [u64; 3], block: SeedBlock) -> Seed {
    let mut committing = Committing::new(case.clone());
    for (role, n) in Role::PRINCIPALS.into_iter().zip(nonces) {
        let commitment = nonce(n, case, role).commitment();
        committing.accept(role, commitment, 305).unwrap();
    }
    let mut revealing = committing.close().unwrap().open(block).unwrap();
    for (role, n) in Role::PRINCIPALS.into_iter().zip(nonces) {
        let opened = nonce(n, case, role).reveal(&revealing).unwrap();
        revealing.accept(role, opened).unwrap();
    }
    revealing.finish().unwrap()
}

#[test]
fn each_breach_is_named_with_its_party() {
    let case = case(3, 2);
    let mut committing = Committing::new(case.clone());
    let commitment = |n, role| nonce(n, &case, role).commitment();
    assert_eq!(
        committing.accept(Role::Arbiter(0), commitment(0, Role::Arbiter(0)), 300),
        Err(SeedError::NotAPrincipal {
            role: Role::Arbiter(0)
        })
    );
    committing
        .accept(Role::Client, commitment(0, Role::Client), 300)
        .unwrap();
    committing
        .accept(Role::Client, commitment(0, Role::Client), 400)
        .expect("a repetition is no contradiction, and not late");
    assert_eq!(
        committing.accept(Role::Client, commitment(9, Role::Client), 300),
        Err(SeedError::Contradiction { from: Role::Client })
    );
    // The seed's block is 306: with 306 as tip it may be known.
    assert_eq!(
        committing.accept(Role::Worker, commitment(1, Role::Worker), 306),
        Err(SeedError::TooLate {
            from: Role::Worker,
            tip: 306,
            seed_height: 306
        })
    );
    committing
        .accept(Role::Worker, commitment(1, Role::Worker), 305)
        .unwrap();
    assert_eq!(
        committing.close().unwrap_err(),
        SeedError::NotCommitted {
            from: Role::Verifier
        }
    );
    // The verifier copies the worker's commitment and later its nonce.
    committing
        .accept(Role::Verifier, commitment(1, Role::Worker), 305)
        .unwrap();
    let committed = committing.close().unwrap();
    for height in [299, 300, 305, 307] {
        assert_eq!(
            committed
                .open(SeedBlock { height, ..block(0) })
                .unwrap_err(),
            SeedError::OtherBlock {
                found: height,
                seed_height: 306
            }
        );
    }
    assert_eq!(
        committed
            .open(SeedBlock {
                tip: 307,
                ..block(0)
            })
            .unwrap_err(),
        SeedError::NotBuried {
            tip: 307,
            reveal_height: 308
        }
    );
    let mut revealing = committed.open(block(0)).unwrap();
    assert_eq!(
        revealing.accept(Role::Client, nonce_of(5)),
        Err(SeedError::WrongReveal { from: Role::Client })
    );
    revealing.accept(Role::Client, nonce_of(0)).unwrap();
    revealing.accept(Role::Worker, nonce_of(1)).unwrap();
    assert_eq!(
        revealing.accept(Role::Verifier, nonce_of(1)),
        Err(SeedError::WrongReveal {
            from: Role::Verifier
        })
    );
    assert_eq!(
        revealing.finish(),
        Err(SeedError::NotRevealed {
            from: Role::Verifier
        })
    );
}

#[test]
fn every_input_changes_the_seed_and_nothing_else_does() {
    let (three, five) = (case(3, 2), case(5, 3));
    let base = seed(&three, [0, 1, 2], block(0));
    assert_eq!(base, seed(&three, [0, 1, 2], block(0)));
    for other in [
        seed(&three, [9, 1, 2], block(0)),
        seed(&three, [0, 9, 2], block(0)),
        seed(&three, [0, 1, 9], block(0)),
        seed(&three, [1, 0, 2], block(0)),
        seed(&three, [0, 1, 2], block(1)),
        seed(&five, [0, 1, 2], block(0)),
    ] {
        assert_ne!(base, other);
    }
    // A later tip is another view of the same block.
    let later = SeedBlock {
        tip: 400,
        ..block(0)
    };
    assert_eq!(base, seed(&three, [0, 1, 2], later));
    assert_eq!(Seed::from_bytes(base.to_bytes()), base);
}

#[test]
fn a_draw_takes_only_the_snapshot_that_was_agreed_on() {
    let (pool, case) = (pool(&[20_000, 30_000, 40_000]), case(3, 2));
    let mut rules = case.rules().clone();
    rules.min_bond_sat = bitcoin::Amount::from_sat(25_000);
    let snapshot = pool.snapshot(&rules).unwrap();
    assert!(Order::draw(&case, &snapshot, &Seed::from_bytes([0; 32])).is_err());
}

fn first_seat(case: &DrawCase, snapshot: &Snapshot, seed: Seed) -> bool {
    // The worker's own arbiter is number 0, with a fifth of all bonds.
    Order::draw(case, snapshot, &seed).unwrap().entries()[0].identity == identity(0)
}

/// A worker that sees the others' commitments tries many nonces before it commits, each against blocks that it
/// imagines, and commits to the best. Then the real block comes. Its arbiter gets the first seat as often as its
/// bond says. The control shows that the measurement would see grinding: a worker that knew the others' nonces and
/// the block would win nearly always.
#[test]
fn trying_many_nonces_before_the_block_gains_nothing() {
    const ROUNDS: u64 = 2_000;
    const TRIES: u64 = 8;
    let case = case(3, 2);
    let snapshot = pool(&[20_000, 20_000, 20_000, 20_000, 20_000])
        .snapshot(case.rules())
        .unwrap();
    let (mut wins, mut control) = (0u64, 0u64);
    for round in 0..ROUNDS {
        // It sees commitments only; the best guess about the nonces behind them is any nonce at all.
        let guess = |n, imagined| {
            let nonces = [1 << 40 | imagined, n, 1 << 41 | imagined];
            first_seat(
                &case,
                &snapshot,
                seed(&case, nonces, block(1 << 42 | imagined)),
            )
        };
        let own = |k: u64| round * TRIES + k;
        let score = |k: &u64| (0..2).filter(|i| guess(own(*k), round * 2 + i)).count();
        let best = (0..TRIES).max_by_key(score).unwrap();
        let truth = |k| {
            let nonces = [1 << 50 | round, own(k), 1 << 51 | round];
            first_seat(
                &case,
                &snapshot,
                seed(&case, nonces, block(1 << 52 | round)),
            )
        };
        wins += u64::from(truth(best));
        control += u64::from((0..TRIES).any(truth));
    }
    let share = |n: u64| n as f64 / ROUNDS as f64;
    println!(
        "own arbiter first: {:.4} of {ROUNDS} draws after choosing among {TRIES} nonces (share 0.2); {:.4} if block and nonces were known",
        share(wins),
        share(control)
    );
    // Four standard deviations of a binomial with p = 1/5.
    let sigma = (0.2f64 * 0.8 / ROUNDS as f64).sqrt();
    assert!((share(wins) - 0.2).abs() < 4.0 * sigma, "{}", share(wins));
    // 1 − 0.8⁸ = 0.832.
    assert!(share(control) > 0.8, "{}", share(control));
}

#[test]
fn commitments_hide_nothing_twice() {
    // The same nonce commits differently in another draw and for another party.
    let (three, five) = (case(3, 2), case(5, 3));
    let all: Vec<Commitment> = vec![
        nonce(1, &three, Role::Client).commitment(),
        nonce(1, &three, Role::Worker).commitment(),
        nonce(1, &five, Role::Client).commitment(),
    ];
    assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2]);
    let own = nonce(1, &three, Role::Client);
    assert_eq!(format!("{own:?}"), "SeedNonce(..)");
}

/// A nonce that another draw asks for stays hidden: revealed there, it would be known before this draw is committed to.
#[test]
fn a_nonce_is_revealed_in_its_own_draw_only() {
    let (three, five) = (case(3, 2), case(5, 3));
    let revealing = |case: &DrawCase| {
        let mut committing = Committing::new(case.clone());
        for role in Role::PRINCIPALS {
            let commitment = nonce(1, case, role).commitment();
            committing.accept(role, commitment, 305).unwrap();
        }
        committing.close().unwrap().open(block(0)).unwrap()
    };
    let own = nonce(1, &three, Role::Client);
    assert_eq!(own.reveal(&revealing(&three)), Ok(nonce_of(1)));
    assert_eq!(own.reveal(&revealing(&five)), Err(SeedError::OtherDraw));
}
