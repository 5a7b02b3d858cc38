//! How long evidence is: the bound that arbiters hold a contract against, beside the bytes of what is brought.

use narthex_base::codec::Message as _;
use narthex_game_model::commitment::{
    Boxed, Domain, KeyPolynomial, LeafOpening, Multiproof, Opening, PolynomialSeed, ReceiptKind,
    ResultSecret, TreeBuilder,
};
use narthex_game_model::play::Strategy;
use narthex_game_model::ruling::{Item, Litigant, SignedItem};
use narthex_game_model::token::SealedToken;
use narthex_game_model::{Params, ParamsRecord};
use proptest::prelude::*;

use crate::ruling_support::{NONCE, Scene, block, digests, id, key_of, opens, receipt, sign};

/// A tree of so many leaves, of which these are proven.
fn proof(domain: Domain, steps: u64, indices: &[u64]) -> Multiproof {
    let mut tree = TreeBuilder::proving(domain, steps, indices).unwrap();
    for index in 0..steps {
        let mut leaf = [0; 32];
        leaf[..8].copy_from_slice(&index.to_be_bytes());
        tree.push(leaf);
    }
    tree.finish().unwrap().1
}

/// An opening of this shape, as long as a worker's own.
fn opening(steps: u64, indices: &[u64], output_bytes: usize) -> Opening {
    let result = ResultSecret::from_bytes([9; 32]);
    let seed = PolynomialSeed::from_bytes([4; 32]);
    let of = (&[1; 32], &[2; 32]);
    let degree = u32::try_from(indices.len()).unwrap();
    let keys = KeyPolynomial::draw(&result, &seed, of, degree, steps).unwrap();
    let leaf = |index: &u64| LeafOpening {
        index: *index,
        salt: [1; 32],
        digest: [2; 32],
        share: keys.share(*index).unwrap(),
        sealed: Boxed::Whole(vec![3; 32 + output_bytes + 16]),
    };
    Opening {
        leaves: indices.iter().map(leaf).collect(),
        proof: proof(Domain::Work, steps, indices),
        boxes: proof(Domain::Sealed, steps, indices),
        points: keys.points().unwrap(),
    }
}

fn params(steps: u64, sample: u32, arbiters: u8, output: u64, record: u64) -> Params {
    let example = ParamsRecord::example(arbiters, arbiters / 2 + 1, 800_000);
    let mut example = example.for_job(steps, sample).unwrap();
    example.job_bounds.output_bytes = output;
    example.job_bounds.record_bytes = record;
    Params::new(example).unwrap()
}

/// Bytes of items with their signatures.
fn said(items: &[Item]) -> usize {
    let signed = items.iter().map(sign);
    signed
        .map(|SignedItem { item, signature }| item.to_bytes().len() + signature.serialize().len())
        .sum()
}

/// The longest part that has to be brought about this opening: everything that was said, with digests, and a receipt of
/// every arbiter and of both others for each thing.
fn part(
    scene: &Scene,
    opening: &Opening,
    arbiters: u8,
    record: usize,
    proof: &Multiproof,
) -> usize {
    let sample = Item::Sample {
        nonce: NONCE,
        height: 1,
        block: block(1),
    };
    let token = Item::Token {
        sample: id(&sample),
        sealed: SealedToken {
            ciphertext: [0; 32],
            tag: [0; 16],
        },
    };
    let reply = digests(&token, vec![[5; 32]; opening.leaves.len()]);
    let verdict = Item::Verdict {
        opening: [0; 32],
        bad_box: 7,
    };
    let commitment = Item::Commitment(Box::new(scene.commitment()));
    let opened = opens(&reply, opening);
    let items = [commitment, sample, token, reply, opened, verdict];
    let one = receipt(ReceiptKind::Kept, [1; 32], &key_of(Litigant::Client), 1);
    let receipts = items.len() * (usize::from(arbiters) + 2) * one.to_bytes().len();
    let input = 8 + 4 + record + 4 + 32 * proof.siblings.len();
    // x, and the commitment once more in the open.
    let open = 32 + scene.commitment().to_bytes().len();
    opening.to_bytes().len() + said(&items) + receipts + input + open
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Random shapes: small and large trees, samples of one step and of all, outputs of a byte and of many.
    #[test]
    fn the_bound_holds_what_is_brought_and_is_not_twice_as_much(
        steps in prop_oneof![1u64..40, 1u64..3_000, 4_000u64..20_000],
        share in prop_oneof![0.0f64..0.02, 0.0f64..1.0, Just(1.0)],
        output in prop_oneof![1usize..40, 1usize..3_000, 30_000usize..66_000],
        record in prop_oneof![0usize..100, 0usize..200_000],
        arbiters in 3u8..=15,
        picks in any::<u64>(),
    ) {
        // As many megabytes as a test can hash in no time.
        let most = (8_000_000 / output as u64).clamp(1, 400);
        let sample = ((steps as f64 * share).ceil() as u64).clamp(1, steps.min(most)) as u32;
        let params = params(steps, sample, arbiters, output as u64, record as u64);
        let seed = picks.to_be_bytes().repeat(4).try_into().unwrap();
        let indices = narthex_game_model::sample::draw(&seed, steps, sample).unwrap();
        let scene = Scene::new(3, 2, &Strategy::Honest);
        let opening = opening(steps, &indices, output);
        let input = proof(Domain::Input, steps, &indices[..1]);
        let actual = part(&scene, &opening, arbiters, record, &input) as u128;
        let bound = params.evidence_bytes();
        prop_assert!(actual <= bound, "{actual} bytes brought, {bound} allowed");
        prop_assert!(bound <= 2 * actual, "{actual} bytes brought, {bound} allowed");
    }
}

/// The sample that is hardest to prove: every other leaf, every fourth, and all on one side.
#[test]
fn no_choice_of_steps_is_beyond_the_bound() {
    let scene = Scene::new(3, 2, &Strategy::Honest);
    for steps in [1u64, 2, 3, 5, 8, 24, 33, 64, 100, 127, 129] {
        for stride in [1, 2, 3, 4, 7, 16] {
            for from in 0..stride.min(steps) {
                let indices: Vec<_> = (from..steps).step_by(stride as usize).collect();
                let opening = opening(steps, &indices, 1);
                let input = proof(Domain::Input, steps, &indices[..1]);
                let params = params(steps, indices.len() as u32, 3, 1, 8);
                let actual = part(&scene, &opening, 3, 8, &input) as u128;
                assert!(actual <= params.evidence_bytes(), "{steps} by {stride}");
            }
        }
    }
}

/// What the worker of a contract really brings, and that its boxes are most of it where outputs are long.
#[test]
fn a_workers_own_opening_is_within_the_bound() {
    let scene = Scene::new(3, 2, &Strategy::Honest);
    let sample = scene.sample();
    let indices = scene.indices(&sample);
    let opening = scene.open(&indices);
    let record = scene.record(indices[0]);
    let actual = part(&scene, &opening, 3, record.record.len(), &record.proof) as u128;
    let terms = &scene.case.terms;
    let params = params(
        terms.params.steps(),
        terms.params.sample(),
        3,
        terms.job.output_bytes,
        8,
    );
    let bound = params.evidence_bytes();
    assert!(
        actual <= bound && bound <= 2 * actual,
        "{actual} of {bound}"
    );
    // Each step of the sample adds a whole output.
    let longer = self::params(24, 6, 3, 1_016, 8).evidence_bytes();
    assert_eq!(
        longer - self::params(24, 6, 3, 16, 8).evidence_bytes(),
        6 * 1_000
    );
}

/// A client that looks for itself is opened all that may be opened, and brings that.
#[test]
fn what_is_opened_to_the_client_fits_too() {
    let (steps, output) = (1_000u64, 16usize);
    let mut record = ParamsRecord::audited_example(3, 2, 800_000)
        .for_job(steps, 10)
        .unwrap();
    record.job_bounds.output_bytes = output as u64;
    record.audit.as_mut().unwrap().steps = 30;
    let params = Params::new(record).unwrap();
    let bytes = |count: u64| {
        let indices: Vec<u64> = (0..count).map(|i| i * (steps / count)).collect();
        opening(steps, &indices, output).to_bytes().len() as u128
    };
    let (sample, all) = (bytes(10), bytes(40));
    assert!(all <= params.evidence_bytes());
    // Of both a mailbox keeps one, beside the boxes.
    let boxes = u128::from(steps) * (32 + 32 + output as u128 + 16);
    assert!(boxes + sample + all <= params.blob_bytes());
}
