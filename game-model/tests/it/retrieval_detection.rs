//! Measured detection of a provider that lost some of its chunks, against the exact probability.

use std::collections::BTreeSet;
use std::io::Cursor;

use narthex_game_model::retrieval::detection::{
    caught, challenges, challenges_for_recovery, promised,
};
use narthex_game_model::retrieval::{Challenge, Shape, encode, prove, recover, survey, verify};
use narthex_game_model::sample;
use narthex_game_model::tagged::tagged_hash;
use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};
use proptest::prelude::*;

fn ratio(num: u64, den: u64) -> BigRational {
    BigRational::new(num.into(), den.into())
}

/// Whether `hits` of `trials` is what probability `p` gives, within five standard deviations: a right
/// rate fails once in 1.7 million runs, and the seeds are fixed.
fn plausible(hits: u64, trials: u64, p: &BigRational) -> bool {
    let (p, n) = (p.to_f64().unwrap(), trials as f64);
    (hits as f64 - n * p).abs() <= 5.0 * (n * p * (1.0 - p)).sqrt() + 1.0
}

/// A real provider over real chunks: the proofs of a provider that answers zeros for what it lost.
#[test]
fn audits_catch_a_lossy_provider_as_often_as_the_closed_form_says() {
    const AUDITS: u64 = 400;
    let file: Vec<u8> = (0..512 * 64u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let shape = Shape::new(file.len() as u64, 64, 256).unwrap();
    let mut whole = Cursor::new(Vec::new());
    let (archive, hashes) = encode(shape, &file[..], &mut whole, 1 << 20, &mut |_, _| ()).unwrap();
    // Shares lost: 1 %, 5 %, a third (just what parity can replace).
    for (lost, challenged) in [(8u32, 60u32), (38, 30), (256, 3)] {
        let order =
            |i: &u64| tagged_hash("test/lost", &[i.to_be_bytes(), [lost as u8; 8]].concat());
        let mut dropped: Vec<u64> = (0..shape.chunks()).collect();
        dropped.sort_by_key(order);
        dropped.truncate(lost as usize);
        let mut hits = 0;
        for audit in 0..AUDITS {
            let challenge = Challenge {
                archive: archive.id(),
                nonce: tagged_hash("test/nonce", &audit.to_be_bytes()),
                block_hash: [lost as u8; 32],
                chunks: challenged,
            };
            // What the provider had, with zeros where it has nothing any more.
            let mut proof = Vec::new();
            prove(&archive, &hashes, &challenge, &mut whole, &mut proof).unwrap();
            for (position, index) in challenge.indices(&archive).unwrap().iter().enumerate() {
                if dropped.contains(index) {
                    proof[64 + position * 64..][..64].fill(0);
                }
            }
            hits += u64::from(verify(&archive, &challenge, &proof[..]).is_err());
        }
        let exact = caught(768, lost, challenged);
        assert!(
            plausible(hits, AUDITS, &exact),
            "{lost} lost: {hits} of {AUDITS}, {exact}"
        );
        // None of these losses is beyond repair.
        let mut store = whole.clone();
        for index in &dropped {
            store.get_mut()[*index as usize * 64..][..64].fill(0);
        }
        let found = survey(&archive, &hashes, &mut store, &mut |_, _| ()).unwrap();
        assert_eq!(
            found.lost().collect::<BTreeSet<_>>(),
            dropped.into_iter().collect()
        );
        let mut out = Cursor::new(Vec::new());
        recover(
            &archive,
            &hashes,
            &found,
            &mut store,
            &mut out,
            1 << 20,
            &mut |_, _| (),
        )
        .unwrap();
        assert_eq!(out.into_inner(), file);
    }
}

/// The same with the draw alone, at the size of a real archive and many more audits.
#[test]
fn draws_hit_lost_chunks_as_often_as_the_closed_form_says() {
    const AUDITS: u64 = 20_000;
    const CHUNKS: u32 = 49_152;
    for (percent, challenged) in [(1, 100), (1, 300), (5, 20), (33, 5)] {
        let lost = CHUNKS * percent / 100;
        let mut hits = 0;
        for audit in 0..AUDITS {
            let nonce = tagged_hash("test/nonce", &audit.to_be_bytes());
            let seed = sample::seed(&[percent as u8; 32], &nonce, &[challenged as u8; 32]);
            let drawn = sample::draw(&seed, CHUNKS.into(), challenged).unwrap();
            hits += u64::from(drawn.iter().any(|index| *index < u64::from(lost)));
        }
        let exact = caught(CHUNKS, lost, challenged);
        assert!(
            plausible(hits, AUDITS, &exact),
            "{percent} %, {challenged}: {hits} of {AUDITS}"
        );
        // The promise 1 − (1−x)^k is kept, and at this size nearly exact.
        let promised = promised(&ratio(lost.into(), CHUNKS.into()), challenged);
        assert!(promised <= exact && &exact - &promised < ratio(1, 500));
    }
}

/// 100 samples catch 1 % with 63 %, 300 with 95 %, 460 with 99 %.
#[test]
fn the_usual_figures() {
    let percent = |k| {
        (promised(&ratio(1, 100), k) * ratio(100, 1))
            .to_integer()
            .to_u32()
    };
    assert_eq!([100, 300, 460].map(percent), [Some(63), Some(95), Some(99)]);
    let most = |k| caught(1_000_000, 10_000, k);
    assert!(most(300) > ratio(95, 100) && most(298) < ratio(951, 1000));
    // Why one codeword: six chunks of a stripe of 10 + 5 are gone, and 300 of 50,000 miss it in 96 %.
    let striped = caught(50_000, 6, 300);
    assert!(
        striped > ratio(3, 100) && striped < ratio(4, 100),
        "{striped}"
    );
    // Of a file past recovery with M = K/2, one audit of 30 chunks misses one in 190,000.
    let shape = Shape::new(1 << 30, 32 << 10, 16 << 10).unwrap();
    let missed = BigRational::one() - caught(49_152, 16_385, 30);
    assert!(missed < ratio(1, 190_000), "{missed}");
    let few = challenges_for_recovery(shape, &ratio(999_999, 1_000_000)).unwrap();
    assert!((30..=35).contains(&few), "{few}");
}

proptest! {
    #[test]
    fn the_exact_probability_is_the_counted_one(chunks in 1u32..13, lost in 0u32..13, k in 0u32..13) {
        let (lost, k) = (lost.min(chunks), k.min(chunks));
        let subsets = (0u32..1 << chunks).filter(|set| set.count_ones() == k);
        let (mut all, mut hits) = (0u64, 0u64);
        for set in subsets {
            all += 1;
            hits += u64::from(set & ((1 << lost) - 1) != 0);
        }
        prop_assert_eq!(caught(chunks, lost, k), ratio(hits, all));
        if chunks > 0 {
            prop_assert!(promised(&ratio(lost.into(), chunks.into()), k) <= ratio(hits, all));
        }
    }

    #[test]
    fn challenges_are_the_fewest(chunks in 1u32..400, lost in 1u32..400, num in 1u64..1000) {
        let (lost, wanted) = (lost.min(chunks), ratio(num, 1000));
        let k = challenges(chunks, lost, &wanted).unwrap();
        prop_assert!(caught(chunks, lost, k) >= wanted);
        prop_assert!(k == 1 || caught(chunks, lost, k - 1) < wanted);
    }
}

#[test]
fn questions_without_an_answer() {
    assert_eq!(challenges(100, 0, &ratio(1, 2)), None);
    assert_eq!(challenges(100, 5, &ratio(3, 2)), None);
    assert_eq!(challenges(0, 0, &ratio(1, 2)), None);
    assert_eq!(challenges(100, 100, &ratio(1, 1)), Some(1));
    assert_eq!(challenges(65_536, 1, &ratio(1, 1)), Some(65_536));
    assert!(caught(0, 0, 0).is_zero());
    assert!(caught(10, 99, 99).is_one());
    assert!(promised(&ratio(7, 5), 3).is_one());
    assert!(promised(&-ratio(7, 5), 3).is_zero());
}
