//! Builders that are saved and taken up again, and proofs from one kept level of the tree.

use narthex_base::codec;
use std::collections::BTreeSet;
use std::convert::Infallible;

use narthex_game_model::commitment::{
    CheckpointBuilder, CheckpointError, Checkpoints, DecodeError, Domain, Multiproof, ProofError,
    TreeBuilder, TreeError, checkpoint_level, work_leaf,
};
use narthex_game_model::sample;
use narthex_game_model::tagged::tagged_hash;
use proptest::prelude::*;

fn leaf(index: u64) -> [u8; 32] {
    work_leaf(index, &[7; 32], &[index as u8; 32])
}

fn given(index: u64) -> Result<[u8; 32], Infallible> {
    Ok(leaf(index))
}

fn proving(count: u64, indices: &[u64]) -> ([u8; 32], Multiproof) {
    let mut tree = TreeBuilder::proving(Domain::Work, count, indices).unwrap();
    (0..count).for_each(|index| tree.push(leaf(index)));
    tree.finish().unwrap()
}

fn checkpoints(count: u64, level: u32) -> Checkpoints {
    let mut tree = CheckpointBuilder::new(Domain::Work, level);
    (0..count).for_each(|index| tree.push(leaf(index)));
    tree.finish().unwrap()
}

/// The bytes with a checksum that fits, so that what is inside gets looked at.
fn resealed(mut body: Vec<u8>, tag: &str) -> Vec<u8> {
    let checksum = tagged_hash(tag, &body);
    body.extend(checksum);
    body
}

fn indices(picks: &[prop::sample::Index], count: u64) -> Vec<u64> {
    let all: BTreeSet<u64> = picks
        .iter()
        .map(|p| p.index(count as usize) as u64)
        .collect();
    all.into_iter().collect()
}

proptest! {
    /// Saved after any leaf, even after each one, a builder ends as if it had never stopped.
    #[test]
    fn a_builder_taken_up_again_ends_the_same(
        count in 1u64..400,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        stops in prop::collection::btree_set(0u64..400, 0..6),
        level in 0u32..6,
    ) {
        let indices = indices(&picks, count);
        let mut plain = TreeBuilder::new(Domain::Work);
        let mut proof = TreeBuilder::proving(Domain::Work, count, &indices).unwrap();
        let mut kept = CheckpointBuilder::new(Domain::Work, level);
        for index in 0..count {
            if stops.contains(&index) {
                plain = TreeBuilder::resume(&plain.save()).unwrap();
                proof = TreeBuilder::resume(&proof.save()).unwrap();
                kept = CheckpointBuilder::resume(&kept.save()).unwrap();
                prop_assert_eq!(plain.leaves(), index);
                prop_assert_eq!(kept.leaves(), index);
            }
            plain.push(leaf(index));
            proof.push(leaf(index));
            kept.push(leaf(index));
        }
        let expected = proving(count, &indices);
        prop_assert_eq!(plain.finish().unwrap().0, expected.0);
        prop_assert_eq!(proof.finish().unwrap(), expected);
        prop_assert_eq!(kept.finish().unwrap(), checkpoints(count, level));
    }

    /// From any level come the same root and proofs as from the whole tree, and no more leaves are
    /// asked for than the opened groups hold.
    #[test]
    fn checkpoints_prove_what_the_whole_tree_proves(
        count in 1u64..700,
        level in 0u32..11,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
    ) {
        let indices = indices(&picks, count);
        let (root, proof) = proving(count, &indices);
        let kept = checkpoints(count, level);
        let kept = Checkpoints::from_bytes(&kept.to_bytes()).unwrap();
        prop_assert_eq!(kept.root(), &root);
        prop_assert_eq!(kept.leaves(), count);
        let mut asked = Vec::new();
        let found = kept.prove(&indices, |index| {
            asked.push(index);
            given(index)
        });
        prop_assert_eq!(found.unwrap(), proof.clone());
        prop_assert!(asked.windows(2).all(|w| w[0] < w[1]));
        let groups: BTreeSet<u64> = indices.iter().map(|i| i >> level).collect();
        prop_assert!(asked.iter().all(|index| groups.contains(&(index >> level))));

        // Each single hash of the proof counts, and so does its place.
        let claims: Vec<_> = indices.iter().map(|i| (*i, leaf(*i))).collect();
        for position in 0..proof.siblings.len() {
            let mut bent = proof.clone();
            bent.siblings[position][position % 32] ^= 0x10;
            let verdict = bent.verify(Domain::Work, count, &claims, &root);
            prop_assert_eq!(verdict, Err(ProofError::OtherRoot));
            let mut swapped = proof.clone();
            let other = (position + 1) % proof.siblings.len();
            swapped.siblings.swap(position, other);
            let verdict = swapped.verify(Domain::Work, count, &claims, &root);
            prop_assert_eq!(verdict.is_ok(), position == other);
        }
    }

    /// No bytes make a reader panic, and no damaged byte goes unseen.
    #[test]
    fn damaged_states_are_refused(
        count in 1u64..100,
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut plain = TreeBuilder::proving(Domain::Work, 100, &[3, 50]).unwrap();
        let mut kept = CheckpointBuilder::new(Domain::Work, 3);
        for index in 0..count {
            plain.push(leaf(index));
            kept.push(leaf(index));
        }
        let good = [plain.save(), kept.save(), kept.finish().unwrap().to_bytes()];
        for (which, good) in good.into_iter().enumerate() {
            let read = |bytes: &[u8]| match which {
                0 => TreeBuilder::resume(bytes).map(|_| ()),
                1 => CheckpointBuilder::resume(bytes).map(|_| ()),
                _ => Checkpoints::from_bytes(bytes).map(|_| ()),
            };
            prop_assert_eq!(read(&good), Ok(()));
            let mut bent = good.clone();
            bent[at.index(good.len())] ^= 1 << bit;
            prop_assert!(read(&bent).is_err());
            let cut = read(&good[..at.index(good.len())]);
            prop_assert!(matches!(cut, Err(DecodeError::Codec(codec::DecodeError::Truncated { .. }))), "{cut:?}");
            let long = [&good[..], &[0]].concat();
            prop_assert_eq!(read(&long), Err(codec::DecodeError::Trailing { extra: 1 }.into()));
            prop_assert!(read(&noise).is_err());
        }
    }
}

#[test]
fn hostile_states_are_named_and_allocate_nothing() {
    const TAG: &str = "narthex/tree-state";
    let tree = |body: Vec<u8>| {
        TreeBuilder::resume(&resealed(body, TAG))
            .map(|_| ())
            .unwrap_err()
    };
    let field = |field, found: u64| DecodeError::Codec(codec::DecodeError::invalid(field, found));
    assert_eq!(tree(vec![2, 1]), field("version", 2));
    assert_eq!(tree(vec![1, 9]), field("domain", 9));
    let with = |parts: &[&[u8]]| [&[1, 1][..], &parts.concat()].concat();
    let huge = u64::MAX.to_be_bytes();
    assert_eq!(tree(with(&[&huge])), field("number of leaves", u64::MAX));
    // One leaf: one subtree, then the flag.
    let one = [&1u64.to_be_bytes()[..], &[5; 32]].concat();
    assert_eq!(tree(with(&[&one, &[2]])), field("proof flag", 2));
    let announced = |leaves: u64, count: u64, rest: &[u8]| {
        let numbers = [leaves.to_be_bytes(), count.to_be_bytes()].concat();
        tree(with(&[&one, &[1], &numbers, rest]))
    };
    // 2⁶⁰ indices are announced, four would fit.
    let truncated = DecodeError::Codec(codec::DecodeError::Truncated {
        field: "indices",
        missing: (1 << 63) - 32,
    });
    assert_eq!(announced(8, 1 << 60, &[]), truncated);
    assert_eq!(
        announced(u64::MAX, 0, &[]),
        field("number of leaves announced", u64::MAX)
    );
    let backwards = [7u64.to_be_bytes(), 2u64.to_be_bytes()].concat();
    assert_eq!(
        announced(8, 2, &backwards),
        DecodeError::Contradiction("proven indices do not ascend below the leaves")
    );
    let body = [&[1, 1, 21][..], &[0; 8]].concat();
    let bytes = resealed(body, "narthex/checkpoints");
    assert_eq!(Checkpoints::from_bytes(&bytes), Err(field("level", 21)));
    let none = resealed(vec![1, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0], "narthex/checkpoints");
    assert_eq!(
        Checkpoints::from_bytes(&none),
        Err(field("number of leaves", 0))
    );
    // A state of one kind is not one of another.
    let kept = checkpoints(5, 1).to_bytes();
    assert_eq!(
        CheckpointBuilder::resume(&kept).unwrap_err(),
        DecodeError::Checksum
    );
}

#[test]
fn trees_without_leaves_and_with_one() {
    let empty = CheckpointBuilder::new(Domain::Work, 4);
    let empty = CheckpointBuilder::resume(&empty.save()).unwrap();
    assert_eq!(empty.finish(), Err(TreeError::Empty));
    let empty = TreeBuilder::resume(&TreeBuilder::new(Domain::Input).save()).unwrap();
    assert_eq!(empty.finish(), Err(TreeError::Empty));
    assert!(TreeBuilder::proving(Domain::Work, 0, &[0]).is_err());

    let (root, proof) = proving(1, &[0]);
    assert!(proof.siblings.is_empty());
    let claim = [(0, leaf(0))];
    assert_eq!(proof.verify(Domain::Work, 1, &claim, &root), Ok(()));
    let indices = Err(ProofError::Indices { count: 0 });
    assert_eq!(proof.verify(Domain::Work, 0, &claim, &root), indices);
    for level in 0..4 {
        let kept = checkpoints(1, level);
        assert_eq!(kept.root(), &root);
        assert_eq!(kept.prove(&[0], given), Ok(Multiproof::default()));
    }
}

#[test]
fn proofs_of_another_tree_size_or_domain_prove_nothing() {
    let (root, proof) = proving(13, &[2, 9]);
    let claims = [(2, leaf(2)), (9, leaf(9))];
    let verify = |domain, count, root: &[u8; 32]| proof.verify(domain, count, &claims, root);
    assert_eq!(verify(Domain::Work, 13, &root), Ok(()));
    let other = Err(ProofError::OtherRoot);
    assert_eq!(verify(Domain::Work, 13, &[0; 32]), other);
    assert_eq!(verify(Domain::Input, 13, &root), other);
    assert_eq!(verify(Domain::Chunks, 13, &root), other);
    for count in (10..40).filter(|count| *count != 13) {
        assert!(verify(Domain::Work, count, &root).is_err(), "{count}");
    }
    // The same leaves in a tree of another domain have another root.
    let mut foreign = TreeBuilder::new(Domain::Chunks);
    (0..13).for_each(|index| foreign.push(leaf(index)));
    assert_ne!(foreign.finish().unwrap().0, root);
}

#[test]
fn checkpoints_notice_leaves_that_changed() {
    let kept = checkpoints(100, 3);
    let changed = |index| Ok::<_, Infallible>(if index == 41 { [0; 32] } else { leaf(index) });
    let error = kept.prove(&[2, 43], changed).unwrap_err();
    assert_eq!(
        error,
        CheckpointError::Changed {
            first: 40,
            last: 47
        }
    );
    assert_eq!(
        error.to_string(),
        "leaves 40 to 47 are not those committed to"
    );
    // Where no opened leaf shares a group with it, the change is not looked at.
    assert!(kept.prove(&[2, 99], changed).is_ok());
    let lost = kept.prove(&[2], |_| Err("disk gone"));
    assert_eq!(lost, Err(CheckpointError::Leaf("disk gone")));
    for bad in [&[100][..], &[4, 4], &[5, 4]] {
        let indices = CheckpointError::Tree(TreeError::Indices { leaves: 100 });
        assert_eq!(kept.prove(bad, given), Err(indices));
    }
}

/// A million leaves with a stop in the middle; what is saved stays small, and 300 openings look at a
/// few per cent of the leaves.
#[test]
fn a_million_leaves_are_saved_resumed_and_opened() {
    const LEAVES: u64 = 1_000_000;
    let level = checkpoint_level(LEAVES, 300);
    let mut plain = TreeBuilder::new(Domain::Work);
    let mut kept = CheckpointBuilder::new(Domain::Work, level);
    for index in 0..LEAVES {
        if index == 499_999 {
            let saved = plain.save();
            assert!(saved.len() < 64 * 32, "{}", saved.len());
            plain = TreeBuilder::resume(&saved).unwrap();
            kept = CheckpointBuilder::resume(&kept.save()).unwrap();
        }
        let leaf = leaf(index);
        plain.push(leaf);
        kept.push(leaf);
    }
    let (root, _) = plain.finish().unwrap();
    let kept = kept.finish().unwrap();
    assert_eq!(kept.root(), &root);
    assert!(kept.to_bytes().len() as u64 <= (LEAVES >> level) * 32 + 100);
    let seed = sample::seed(&root, &[2; 32], &[3; 32]);
    let drawn = sample::draw(&seed, LEAVES, 300).unwrap();
    let mut asked = 0;
    let proof = kept.prove(&drawn, |index| {
        asked += 1;
        given(index)
    });
    assert!(asked <= 300 << level);
    let claims: Vec<_> = drawn.iter().map(|i| (*i, leaf(*i))).collect();
    let verdict = proof.unwrap().verify(Domain::Work, LEAVES, &claims, &root);
    assert_eq!(verdict, Ok(()));
}
