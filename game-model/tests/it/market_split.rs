//! The split of a bounty beside its naive definition, for every envelope of up to five layers.

use narthex_game_model::market::{LayerSet, MAX_LAYERS, SplitError, payable, split};

/// Layers by letter: 0 is an absent one.
type Word = Vec<u8>;

fn words(alphabet: u8, len: usize) -> Vec<Word> {
    (0..len).fold(vec![vec![]], |words, _| {
        let longer = |word: &Word| {
            let word = word.clone();
            (0..=alphabet).map(move |letter| [&word[..], &[letter]].concat())
        };
        words.iter().flat_map(longer).collect()
    })
}

/// Straight from the definition: the one letter that more layers have than any other letter, if at
/// least `quorum` have it.
fn naive(word: &Word, quorum: usize) -> Vec<usize> {
    let count = |letter: u8| word.iter().filter(|l| **l == letter).count();
    let winners = (1..=9_u8).filter(|letter| {
        count(*letter) >= quorum
            && (1..=9).all(|other| other == *letter || count(other) < count(*letter))
    });
    match winners.collect::<Vec<_>>()[..] {
        [winner] => (0..word.len()).filter(|i| word[*i] == winner).collect(),
        _ => vec![],
    }
}

fn layers(word: &Word) -> Vec<Option<[u8; 32]>> {
    let root = |letter: &u8| (*letter > 0).then_some([*letter; 32]);
    word.iter().map(root).collect()
}

#[test]
fn every_envelope_of_up_to_five_layers() {
    let mut paid = 0;
    for (alphabet, longest) in [(1, 5), (2, 5), (3, 5), (5, 5), (2, MAX_LAYERS)] {
        for len in 1..=longest {
            for word in words(alphabet, len) {
                for quorum in 1..=len {
                    let found = split(&layers(&word), quorum as u8).unwrap();
                    let seats: Vec<_> = found.iter().collect();
                    assert_eq!(seats, naive(&word, quorum), "{word:?}, quorum {quorum}");
                    let payable = payable(len, quorum as u8).any(|set| set == found);
                    assert!(found.is_empty() || payable, "{word:?} pays {found}");
                    paid += u32::from(!found.is_empty());
                }
            }
        }
    }
    assert!(paid > 10_000, "{paid}");
}

#[test]
fn a_root_that_differs_in_its_last_bit_is_another() {
    let (mut a, b) = ([7; 32], [7; 32]);
    a[31] ^= 1;
    let set = split(&[Some(a), Some(b), Some(b)], 2).unwrap();
    assert_eq!(set.to_string(), "{1,2}");
}

#[test]
fn what_is_no_line_up_is_refused() {
    let seven = [Some([1; 32]); 7];
    assert_eq!(split(&seven, 4), Err(SplitError::TooManyLayers(7)));
    for (layers, quorum) in [(0, 0), (0, 1), (3, 0), (3, 4), (6, 255)] {
        let refused = Err(SplitError::Quorum { quorum, layers });
        assert_eq!(split(&seven[..layers], quorum), refused);
    }
    assert!(LayerSet::new(0b100_0000).is_none());
    assert!(serde_json::from_str::<LayerSet>("64").is_err());
    let set: LayerSet = serde_json::from_str("63").unwrap();
    assert_eq!(
        (set.len(), serde_json::to_string(&set).unwrap()),
        (6, "63".into())
    );
}
