//! The seal opens to who has all digests, and to nobody else; the figures that keep guesses dear.

use std::time::{Duration, Instant};

use narthex_base::codec::Message;
use narthex_game_model::commitment::state_digest;
use narthex_game_model::computation::StepProgram;
use narthex_game_model::token::{
    ReplySecret, SealCost, SealError, SealedToken, Token, TokenBox,
    entropy::{self, Guessable},
    open, seal,
};
use narthex_game_model::workload::digits;
use narthex_game_model::{Params, ParamsRecord};

const SEED: [u8; 32] = [5; 32];
const TRIFLING: SealCost = SealCost::TRIFLING;

fn token(byte: u8) -> Token {
    Token::from_bytes([byte; 32]).unwrap()
}

fn digests(count: u8) -> Vec<[u8; 32]> {
    (0..count).map(|n| [n; 32]).collect()
}

#[test]
fn the_seal_opens_under_all_digests_in_their_order_and_the_same_sample() {
    let x = token(7);
    let point = x.point().unwrap();
    let own = digests(5);
    let sealed = seal(&x, &SEED, &own, TRIFLING).unwrap();
    let opened = open(&sealed, &SEED, &own, &point, TRIFLING).unwrap();
    assert_eq!(opened.expose(), x.expose());
    fn shut(
        sealed: &SealedToken,
        seed: &[u8; 32],
        digests: &[[u8; 32]],
        point: &secp256k1::PublicKey,
    ) -> bool {
        matches!(
            open(sealed, seed, digests, point, TRIFLING),
            Err(SealError::Shut)
        )
    }
    for position in 0..own.len() {
        let mut wrong = own.clone();
        wrong[position][31] ^= 1;
        assert!(shut(&sealed, &SEED, &wrong, &point));
    }
    let mut turned = own.clone();
    turned.swap(0, 1);
    assert!(shut(&sealed, &SEED, &turned, &point));
    assert!(shut(&sealed, &SEED, &own[..4], &point));
    assert!(shut(&sealed, &SEED, &[], &point));
    assert!(shut(&sealed, &[6; 32], &own, &point));
    // Of another contract's token, and altered.
    assert!(shut(&sealed, &SEED, &own, &token(8).point().unwrap()));
    for bit in 0..48 {
        let mut other = sealed;
        match bit < 32 {
            true => other.ciphertext[bit] ^= 1,
            false => other.tag[bit - 32] ^= 1,
        }
        assert!(shut(&other, &SEED, &own, &point));
    }
    // Other costs are other keys, and some are none.
    let dearer = SealCost {
        passes: 2,
        ..TRIFLING
    };
    assert!(matches!(
        open(&sealed, &SEED, &own, &point, dearer),
        Err(SealError::Shut)
    ));
    for none in [
        SealCost {
            memory_kib: 7,
            passes: 1,
        },
        SealCost {
            memory_kib: 8,
            passes: 0,
        },
    ] {
        assert_eq!(seal(&x, &SEED, &own, none), Err(SealError::Cost(none)));
    }
}

/// A worker that seals something else than x under the right digests has sealed nothing: V checks x·G = X before it
/// approves.
#[test]
fn what_is_not_the_logarithm_of_the_point_does_not_open() {
    let x = token(7);
    let own = digests(3);
    // The key hangs on X: a seal made for the point of another scalar has another one.
    let other = seal(&token(9), &SEED, &own, TRIFLING).unwrap();
    let point = x.point().unwrap();
    assert!(matches!(
        open(&other, &SEED, &own, &point, TRIFLING),
        Err(SealError::Shut)
    ));
}

#[test]
fn a_token_is_a_scalar() {
    assert!(Token::from_bytes([0; 32]).is_none());
    assert!(Token::from_bytes([0xff; 32]).is_none());
    let drawn = Token::drawn(|bytes| bytes.fill(3)).unwrap();
    assert_eq!(drawn.point(), token(3).point());
    assert!(Token::drawn(|_| ()).is_none());
    // Named in one contract alone.
    let (one, two) = (drawn.shown(&[1; 32]), drawn.shown(&[2; 32]));
    assert_ne!(one, two);
    assert_ne!(one, token(4).shown(&[1; 32]));
}

#[test]
fn a_sealed_token_has_one_byte_form() {
    let sealed = seal(&token(7), &SEED, &digests(2), TRIFLING).unwrap();
    let bytes = sealed.to_bytes();
    assert_eq!(bytes.len(), 5 + 48);
    assert_eq!(SealedToken::from_bytes(&bytes), Ok(sealed));
    assert!(SealedToken::from_bytes(&bytes[..52]).is_err());
    let json = serde_json::to_string(&sealed).unwrap();
    assert_eq!(serde_json::from_str::<SealedToken>(&json).unwrap(), sealed);
}

/// M14: what the reply carries brings the token back to a verifier that has lost it, and to nobody else.
#[test]
fn the_reply_keeps_the_token_for_the_verifier_itself() {
    let x = token(7);
    let point = x.point().unwrap();
    let own = ReplySecret::from_bytes([1; 32]);
    let contract = [2; 32];
    let kept = TokenBox::seal(&x, &contract, &own).unwrap();
    assert_eq!(TokenBox::seal(&x, &contract, &own), Some(kept));
    let back = kept.open(&contract, &point, &own).unwrap();
    assert_eq!(back.expose(), x.expose());
    let other = ReplySecret::from_bytes([3; 32]);
    assert!(kept.open(&contract, &point, &other).is_none());
    assert!(kept.open(&[4; 32], &point, &own).is_none());
    assert!(
        kept.open(&contract, &token(8).point().unwrap(), &own)
            .is_none()
    );
    let mut altered = kept;
    altered.ciphertext[0] ^= 1;
    assert!(altered.open(&contract, &point, &own).is_none());
}

/// Two tries of the contract's own cost, so that the figure is seen with the test; nothing depends on the time.
#[test]
fn the_contracts_cost_opens_as_well() {
    let x = token(7);
    let own = digests(2);
    let begun = Instant::now();
    let sealed = seal(&x, &SEED, &own, SealCost::CONTRACT).unwrap();
    let point = x.point().unwrap();
    let opened = open(&sealed, &SEED, &own, &point, SealCost::CONTRACT).unwrap();
    let each: Duration = begun.elapsed() / 2;
    println!("a derivation at the contract's cost: {each:?}");
    assert_eq!(opened.expose(), x.expose());
}

#[test]
fn digests_that_are_easy_to_guess_seal_nothing() {
    // Labels: 0.96⁹⁰, less than a bit a step.
    assert_eq!(entropy::check(0, 90, 1), Err(Guessable::Unknown));
    let few = Guessable::Sample {
        bits: 1,
        sample: 39,
    };
    assert_eq!(entropy::check(1, 39, 1), Err(few));
    let said = few.to_string();
    assert!(
        said.contains("39 bits of entropy") && said.contains("sample 40 steps"),
        "{said}"
    );
    assert_eq!(entropy::least_sample(0), None);
    assert_eq!(entropy::least_sample(6), Some(7));
    assert_eq!(entropy::check(6, 7, 1), Ok(()));
    assert_eq!(entropy::check(1, 40, 1), Ok(()));
    // A step of 2^26 units of fuel takes as long as a try: 1 bit for the mean of the tries, 10 for better machines.
    let step = 1 << 26;
    assert_eq!(
        entropy::check(10, 1_000, step),
        Err(Guessable::Step {
            bits: 10,
            least: 11
        })
    );
    assert_eq!(entropy::check(11, 1_000, step), Ok(()));
    assert_eq!(
        entropy::check(24, 1_000, 1 << 40),
        Err(Guessable::Step {
            bits: 24,
            least: 25
        })
    );
    assert!(entropy::check(25, 1_000, u128::MAX).is_err());
}

#[test]
fn what_workloads_say_of_their_entropy_is_not_more_than_is_measured() {
    let job = digits::job(None).unwrap();
    // All shipped images that the reference has not, and each upside down, mirrored and both: with fewer no digest need be
    // there twice however few bits it has.
    let images: Vec<Vec<u8>> = job.records().iter().map(<[u8]>::to_vec).collect();
    let (mut traced, mut labelled) = (Vec::new(), Vec::new());
    for image in &images {
        let rows: Vec<Vec<u8>> = image.chunks(8).map(<[u8]>::to_vec).collect();
        let mirrored = |rows: &[Vec<u8>]| -> Vec<u8> {
            rows.iter()
                .flat_map(|row| row.iter().rev().copied())
                .collect()
        };
        let mut down = rows.clone();
        down.reverse();
        let shifted = [&image[8..], &image[..8]].concat();
        for image in [
            image.clone(),
            mirrored(&rows),
            down.concat(),
            mirrored(&down),
            shifted,
        ] {
            let output = job.program().run(&image).unwrap();
            traced.push(state_digest(&output));
        }
        labelled.push(state_digest(&job.program().run(image).unwrap()[..4]));
    }
    let (said, measured) = (digits::ENTROPY_BITS, entropy::measured(&traced));
    assert!(
        said <= measured,
        "{said} bits said, {measured} measured over {} steps",
        traced.len()
    );
    assert_eq!(job.program().entropy_bits(), said);
    let program = &job.program().program;
    assert_eq!(program.entropy_bits(), 0, "nobody reads it off a program");
    assert_eq!(program.id(), job.program().id());
    // Without the trace guessing them is cheaper than a step may be.
    let fuel = program.needs().step_fuel();
    let least = 1 + 10 + 23 - 26;
    assert_eq!(fuel.next_power_of_two(), 1 << 23);
    let bare = entropy::measured(&labelled);
    assert!(bare < least, "{bare}");
    let guessable = Guessable::Step { bits: bare, least };
    assert_eq!(entropy::check(bare, 90, fuel), Err(guessable));
    assert_eq!(entropy::check(said, 90, fuel), Ok(()));
    // In units a step may take more.
    let (few, _) = digits::Labelled::shipped().unwrap().split(900);
    let units = digits::unit_program(&few).unwrap();
    assert_eq!(entropy::check(said, 90, units.needs().step_fuel()), Ok(()));
    let whole = narthex_game_model::simulation::IndexHash;
    assert_eq!(whole.entropy_bits(), 128);
    let params = crate::ruling_support::params(3, 2);
    assert_eq!(params.seals_tokens(&whole), Ok(()));
    assert_eq!(params.seals_tokens(program), Err(Guessable::Unknown));
    let paper = Params::new(ParamsRecord::paper_example(3, 2, 800_000)).unwrap();
    assert_eq!(paper.seals_tokens(program), Ok(()), "it has no token");
    assert_eq!(entropy::measured(&[]), 0);
    assert_eq!(entropy::measured(&[[1; 32], [1; 32], [2; 32]]), 0);
    // What is there once refutes nothing.
    assert_eq!(entropy::refuted(7, &[[1; 32], [2; 32]]), 7);
    assert_eq!(
        entropy::refuted(7, &[[1; 32], [1; 32], [2; 32], [3; 32]]),
        1
    );
    assert_eq!(entropy::refuted(7, &[]), 7);
}
