//! Jobs as they travel: every chunk in its place, and nothing else in it.

use narthex_game_model::{
    bundle::{
        Bundle, BundleFault, BundleTree, CHUNK_BYTES, ChunkFault, MAX_BUNDLE_BYTES,
        MAX_BUNDLE_FILES, MAX_BUNDLE_SIBLINGS,
    },
    commitment::Checkpoints,
};

use crate::common::seed;

/// Numbers that a seed gives.
struct Draw(u64);

impl Draw {
    /// One below this.
    fn below(&mut self, most: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % most as u64) as usize
    }
}

struct Files {
    bundle: Bundle,
    checkpoints: Checkpoints,
    leaves: Vec<[u8; 32]>,
    chunks: Vec<Vec<u8>>,
}

fn files(all: &[Vec<u8>]) -> Files {
    let lengths: Vec<_> = all.iter().map(|file| file.len() as u64).collect();
    let mut tree = BundleTree::new(&lengths).unwrap();
    let chunks = all.iter().flat_map(|file| file.chunks(CHUNK_BYTES));
    let chunks: Vec<_> = chunks.map(<[u8]>::to_vec).collect();
    let leaves = chunks.iter().map(|chunk| tree.push(chunk)).collect();
    let (bundle, checkpoints) = tree.finish().unwrap();
    Files {
        bundle,
        checkpoints,
        leaves,
        chunks,
    }
}

#[test]
fn each_chunk_is_proved_and_no_other_is() {
    let seed = seed();
    println!("NARTHEX_SEED={seed}");
    let mut draw = Draw(seed);
    for _ in 0..30 {
        let count = 1 + draw.below(4);
        let mut all: Vec<Vec<u8>> = Vec::new();
        for at in 0..count {
            let least = usize::from(at == 0);
            let bytes = least + draw.below(5 * CHUNK_BYTES);
            let byte = draw.below(256);
            all.push((0..bytes).map(|at| (at * 31 / 7 + byte) as u8).collect());
        }
        let made = files(&all);
        let (bundle, chunks) = (&made.bundle, &made.chunks);
        assert_eq!(bundle.chunks() as usize, chunks.len());
        assert_eq!(
            bundle.bytes(),
            all.iter().map(|f| f.len() as u64).sum::<u64>()
        );
        let leaf = |at: u64| Ok::<_, ()>(made.leaves[at as usize]);
        let mut sum = 0;
        for (index, chunk) in (0..).zip(chunks) {
            let place = bundle.place(index).unwrap();
            let start = place.offset as usize;
            assert_eq!(all[place.file][start..start + place.bytes], chunk[..]);
            assert_eq!(bundle.bytes_of(index), sum);
            sum += chunk.len() as u64;
            let proof = made.checkpoints.prove(&[index.into()], leaf).unwrap();
            assert!(proof.siblings.len() <= MAX_BUNDLE_SIBLINGS);
            assert_eq!(bundle.check(index, chunk, &proof), Ok(()));
            let mut other = chunk.clone();
            let at = draw.below(other.len());
            other[at] ^= 1 << draw.below(8);
            let fault = bundle.check(index, &other, &proof);
            assert!(matches!(fault, Err(ChunkFault::Proof { .. })), "{fault:?}");
            let fault = bundle.check(index, &chunk[1..], &proof);
            assert!(matches!(fault, Err(ChunkFault::Length { .. })), "{fault:?}");
            // In another's place, also where that has the same length.
            let other = draw.below(chunks.len()) as u32;
            assert_eq!(bundle.check(other, chunk, &proof).is_ok(), other == index);
        }
        assert_eq!(bundle.bytes_of(bundle.chunks()), bundle.bytes());
        assert_eq!(bundle.place(bundle.chunks()), None);
        let fault = bundle.check(bundle.chunks(), &chunks[0], &Default::default());
        assert!(matches!(fault, Err(ChunkFault::Index { .. })), "{fault:?}");
    }
}

#[test]
fn the_same_bytes_in_other_files_are_another_job() {
    let one = files(&[vec![1; 10], vec![2; CHUNK_BYTES]]);
    let moved = Bundle::new(*one.bundle.root(), vec![10, 0, CHUNK_BYTES as u64]).unwrap();
    assert_ne!(one.bundle.id(), moved.id());
    assert_ne!(
        one.bundle.id(),
        files(&[vec![1; 10], vec![3; CHUNK_BYTES]]).bundle.id()
    );
    assert_eq!(
        one.bundle.id(),
        files(&[vec![1; 10], vec![2; CHUNK_BYTES]]).bundle.id()
    );
}

#[test]
fn what_is_too_large_is_no_bundle() {
    let made = |files: Vec<u64>| Bundle::new([7; 32], files).map(|bundle| bundle.chunks());
    assert_eq!(made(vec![]), Err(BundleFault::Files { given: 0 }));
    assert_eq!(made(vec![0, 7]), Err(BundleFault::Empty));
    let given = MAX_BUNDLE_FILES + 1;
    assert_eq!(made(vec![1; given]), Err(BundleFault::Files { given }));
    let given = MAX_BUNDLE_BYTES + 1;
    assert_eq!(made(vec![given]), Err(BundleFault::Bytes { given }));
    let given = u64::MAX;
    let overflow = made(vec![1, u64::MAX, 1]);
    assert_eq!(overflow, Err(BundleFault::Bytes { given }));
    // The most chunks that there are, and the longest proof.
    let mut most = vec![1; MAX_BUNDLE_FILES];
    most[0] = MAX_BUNDLE_BYTES - MAX_BUNDLE_FILES as u64 + 1;
    let chunks = made(most).unwrap();
    assert!(chunks <= 1 << MAX_BUNDLE_SIBLINGS, "{chunks}");
    assert!(chunks > 1 << (MAX_BUNDLE_SIBLINGS - 1), "{chunks}");
}

#[test]
fn a_tree_of_other_lengths_is_not_finished() {
    let mut tree = BundleTree::new(&[10, 10]).unwrap();
    tree.push(&[1; 10]);
    assert!(matches!(tree.finish(), Err(BundleFault::Tree(_))));
}
