//! Trees, proofs, samples and sealed results: what holds, and what each forgery is called.

use std::collections::BTreeSet;

use narthex_game_model::commitment::{
    Domain, Multiproof, ProofError, TreeBuilder, TreeError, state_digest, work_leaf,
};
use narthex_game_model::sample;
use narthex_game_model::tagged::TaggedHasher;
use proptest::prelude::*;

fn leaf(index: u64) -> [u8; 32] {
    work_leaf(index, &[7; 32], &state_digest(&index.to_be_bytes()))
}

fn tree(count: u64, indices: &[u64]) -> ([u8; 32], Multiproof) {
    let mut tree = TreeBuilder::proving(Domain::Work, count, indices).unwrap();
    (0..count).for_each(|index| tree.push(leaf(index)));
    tree.finish().unwrap()
}

fn opened(indices: &[u64]) -> Vec<(u64, [u8; 32])> {
    indices.iter().map(|index| (*index, leaf(*index))).collect()
}

/// The root by the recursive definition of RFC 6962, sharing no code with the builder.
fn reference_root(leaves: &[[u8; 32]]) -> [u8; 32] {
    fn top(leaves: &[[u8; 32]]) -> [u8; 32] {
        if let [only] = leaves {
            return *only;
        }
        let mut left = 1;
        while left * 2 < leaves.len() {
            left *= 2;
        }
        let (a, b) = leaves.split_at(left);
        TaggedHasher::new("narthex/node")
            .fixed(&top(a))
            .fixed(&top(b))
            .finish()
    }
    TaggedHasher::new("narthex/root")
        .fixed(b"work\0")
        .number(leaves.len() as u64)
        .fixed(&top(leaves))
        .finish()
}

proptest! {
    #[test]
    fn multiproofs_prove_exactly_their_leaves(
        count in 1u64..300,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
        flip in any::<prop::sample::Index>(),
    ) {
        let indices: BTreeSet<u64> = picks.iter().map(|p| p.index(count as usize) as u64).collect();
        let indices: Vec<u64> = indices.into_iter().collect();
        let (root, proof) = tree(count, &indices);
        let leaves: Vec<_> = (0..count).map(leaf).collect();
        prop_assert_eq!(root, reference_root(&leaves));
        let claims = opened(&indices);
        prop_assert_eq!(proof.verify(Domain::Work, count, &claims, &root), Ok(()));
        let log = u64::BITS - count.leading_zeros();
        prop_assert!(proof.siblings.len() <= indices.len() * log as usize);

        // Another leaf, another count, another domain, another hash in the proof.
        let mut forged = claims.clone();
        let position = flip.index(forged.len());
        forged[position].1[0] ^= 1;
        let other_root = Err(ProofError::OtherRoot);
        prop_assert_eq!(proof.verify(Domain::Work, count, &forged, &root), other_root.clone());
        prop_assert_eq!(proof.verify(Domain::Input, count, &claims, &root), other_root.clone());
        prop_assert!(proof.verify(Domain::Work, count + 1, &claims, &root).is_err());
        if !proof.siblings.is_empty() {
            let mut bent = proof.clone();
            let position = flip.index(bent.siblings.len());
            bent.siblings[position][31] ^= 1;
            prop_assert_eq!(bent.verify(Domain::Work, count, &claims, &root), other_root);
            bent.siblings.pop();
            let short = bent.verify(Domain::Work, count, &claims, &root);
            prop_assert_eq!(short, Err(ProofError::TooShort));
        }
        let mut long = proof;
        long.siblings.push([0; 32]);
        let verdict = long.verify(Domain::Work, count, &claims, &root);
        prop_assert_eq!(verdict, Err(ProofError::TooLong { unused: 1 }));
    }

    #[test]
    fn samples_are_distinct_sorted_in_range_and_repeatable(
        seed in any::<[u8; 32]>(), steps in 1u64.., count in 1u32..200,
    ) {
        match sample::draw(&seed, steps, count) {
            Ok(drawn) => {
                prop_assert_eq!(drawn.len(), count as usize);
                prop_assert!(drawn.windows(2).all(|w| w[0] < w[1]));
                prop_assert!(drawn.iter().all(|index| *index < steps));
                prop_assert_eq!(drawn, sample::draw(&seed, steps, count).unwrap());
            }
            Err(error) => prop_assert!(u64::from(count) > steps, "{}", error),
        }
    }
}

#[test]
fn malformed_questions_are_named() {
    let (root, proof) = tree(8, &[2, 5]);
    let verify = |claims: &[(u64, [u8; 32])]| proof.verify(Domain::Work, 8, claims, &root);
    assert_eq!(verify(&[]), Err(ProofError::NothingProven));
    let indices = Err(ProofError::Indices { count: 8 });
    assert_eq!(verify(&opened(&[5, 2])), indices);
    assert_eq!(verify(&opened(&[2, 2])), indices);
    assert_eq!(verify(&opened(&[2, 8])), indices);
    // A hostile number of leaves costs 64 levels at most, not memory.
    let huge = proof.verify(Domain::Work, u64::MAX, &opened(&[2, 5]), &root);
    assert_eq!(huge, Err(ProofError::TooShort));

    assert_eq!(
        TreeBuilder::new(Domain::Work).finish(),
        Err(TreeError::Empty)
    );
    let proving = |indices| TreeBuilder::proving(Domain::Work, 4, indices).map(|_| ());
    assert_eq!(proving(&[4]), Err(TreeError::Indices { leaves: 4 }));
    assert_eq!(proving(&[1, 0]), Err(TreeError::Indices { leaves: 4 }));
    let mut few = TreeBuilder::proving(Domain::Work, 4, &[0]).unwrap();
    few.push(leaf(0));
    assert_eq!(
        few.finish(),
        Err(TreeError::Count {
            expected: 4,
            found: 1
        })
    );
}

/// A million leaves are committed to and 100 of them proven; what the builder holds while it runs
/// is bounded by the proof and the height of the tree.
#[test]
fn a_million_leaves_stream() {
    let seed = sample::seed(&[1; 32], &[2; 32], &[3; 32]);
    let indices = sample::draw(&seed, 1_000_000, 100).unwrap();
    let (root, proof) = tree(1_000_000, &indices);
    assert!(proof.siblings.len() <= 100 * 20);
    assert_eq!(
        proof.verify(Domain::Work, 1_000_000, &opened(&indices), &root),
        Ok(())
    );
}

#[test]
fn samples_are_unbiased_and_depend_on_each_input() {
    // 3 of 10, 20,000 times: each index is expected 6,000 times, standard deviation 65.
    let mut hits = [0u32; 10];
    for round in 0..20_000u64 {
        let seed = TaggedHasher::new("test").number(round).finish();
        for index in sample::draw(&seed, 10, 3).unwrap() {
            hits[index as usize] += 1;
        }
    }
    assert!(
        hits.iter().all(|hits| (5_610..=6_390).contains(hits)),
        "{hits:?}"
    );
    let base = sample::seed(&[1; 32], &[2; 32], &[3; 32]);
    assert_ne!(base, sample::seed(&[0; 32], &[2; 32], &[3; 32]));
    assert_ne!(base, sample::seed(&[1; 32], &[0; 32], &[3; 32]));
    assert_ne!(base, sample::seed(&[1; 32], &[2; 32], &[0; 32]));
    assert_eq!(sample::draw(&base, 5, 5).unwrap(), [0, 1, 2, 3, 4]);
    let error = sample::draw(&base, 5, 6).unwrap_err();
    assert_eq!(error.to_string(), "cannot sample 6 of 5 steps");
    assert!(sample::draw(&base, 5, 0).is_err());
    // A sample that nobody could hold is refused before it is drawn.
    let error = sample::draw(&base, u64::MAX, u32::MAX).unwrap_err();
    assert!(error.to_string().contains("at most 1048576"), "{error}");
}
