//! No byte of a bundle can be altered, and nothing that reads one falls over.

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex_arbiter::{Answer, AtFault, Bundle, BundleFault, Question};
use narthex_base::codec::Message as _;

use crate::vector::{anchor, bundle, bytes};

fn seed() -> u64 {
    let given = std::env::var("NARTHEX_SEED").ok();
    let seed = given.map_or_else(bitcoin::secp256k1::rand::random, |s| s.parse().unwrap());
    println!("NARTHEX_SEED={seed}");
    seed
}

/// What is wrong with altered bytes; it must be something.
fn fault(bytes: &[u8]) -> BundleFault {
    let read = Bundle::from_bytes(bytes).map_err(BundleFault::from);
    match read.and_then(|bundle| bundle.open(Some(&anchor())).map(drop)) {
        Ok(()) => panic!("nothing is wrong with it"),
        Err(fault) => fault,
    }
}

/// Each byte in turn, by a bit that is drawn: somebody who is no arbiter has altered it, and nobody else is blamed.
#[test]
fn a_byte_that_is_altered_is_found_and_the_bearer_is_named() {
    let (whole, mut rng) = (bytes(), StdRng::seed_from_u64(seed()));
    // Reading terms takes a while: all bytes of small parts, and of the terms and long ones some.
    let mut at = 0;
    let mut tried = 0;
    while at < whole.len() {
        let mut altered = whole.clone();
        altered[at] ^= 1 << rng.gen_range(0..8);
        let fault = fault(&altered);
        assert_eq!(fault.at_fault(), AtFault::Bearer, "byte {at}: {fault}");
        tried += 1;
        at += rng.gen_range(1..=2 * whole.len() / 3_000);
    }
    assert!(tried > 1_000, "{tried}");
}

#[test]
fn a_bundle_is_whole_or_none() {
    let (whole, mut rng) = (bytes(), StdRng::seed_from_u64(seed()));
    for _ in 0..500 {
        let cut = rng.gen_range(0..whole.len());
        assert!(matches!(fault(&whole[..cut]), BundleFault::Decode(_)));
        let mut longer = whole.clone();
        longer.push(rng.r#gen());
        assert!(matches!(fault(&longer), BundleFault::Decode(_)));
        // A part of another place.
        let (from, to, len) = (
            rng.gen_range(0..whole.len()),
            rng.gen_range(0..whole.len()),
            rng.gen_range(1..200),
        );
        let mut mixed = whole.clone();
        let taken: Vec<_> = whole.iter().skip(from).take(len).copied().collect();
        let end = (to + taken.len()).min(mixed.len());
        let count = end - to;
        mixed[to..end].copy_from_slice(&taken[..count]);
        if mixed != whole {
            assert_eq!(fault(&mixed).at_fault(), AtFault::Bearer);
        }
    }
}

/// Lengths of which there are not so many bytes are refused before there is room made for them.
#[test]
fn huge_lengths_are_refused() {
    let whole = bytes();
    for at in 0..whole.len().min(400) {
        let mut altered = whole.clone();
        let end = (at + 4).min(altered.len());
        altered[at..end].fill(0xff);
        assert_eq!(fault(&altered).at_fault(), AtFault::Bearer);
    }
    // Every count of a bundle of nothing but counts.
    let mut bytes = Bundle::KIND.as_bytes().to_vec();
    bytes.extend([0xfa, 0xbf, 0xb5, 0xda]);
    bytes.extend([0xff; 64]);
    assert!(matches!(fault(&bytes), BundleFault::Decode(_)));
}

#[test]
fn a_question_and_an_answer_are_read_as_they_are_written() {
    let question = bundle().open(None).unwrap();
    let bytes = question.to_bytes();
    assert_eq!(Question::from_bytes(&bytes).unwrap(), question);
    let answer = Answer {
        question: question.id(),
        found: Ok(bundle().report().clone()),
    };
    assert_eq!(Answer::from_bytes(&answer.to_bytes()).unwrap(), answer);
    let mut rng = StdRng::seed_from_u64(seed());
    for _ in 0..300 {
        let mut altered = answer.to_bytes();
        let at = rng.gen_range(0..altered.len());
        altered[at] ^= 1 << rng.gen_range(0..8);
        // It is another answer, or none.
        assert_ne!(Answer::from_bytes(&altered).ok(), Some(answer.clone()));
    }
}
