//! Map-reduce over texts: the chain counts what a plain count counts, and refuses what is malformed.

use narthex_game_model::computation::{Computation, Job, StepError, StepProgram};
use narthex_game_model::workload::RecordsError;
use narthex_game_model::workload::words::table::{self, Table};
use narthex_game_model::workload::words::{
    Chain, ChainError, MAX_PARTITION_BYTES, MAX_WORD_BYTES, PartitionError, WordCount, partitions,
};
use proptest::prelude::*;

fn outputs<C: Computation>(job: &C) -> Result<Vec<u8>, StepError> {
    let all: Result<Vec<_>, _> = (0..job.steps()).map(|index| job.step(index)).collect();
    all.map(|outputs| outputs.concat())
}

/// The whole chain.
fn count(texts: &[&[u8]], size: usize, fan_in: usize) -> Result<(Table, u32), StepError> {
    let (program, chain) = (WordCount::new(size).unwrap(), Chain::new(fan_in).unwrap());
    let job = Job::new(program, partitions(texts, size).unwrap()).unwrap();
    let (mut bytes, mut width, mut rounds) = (outputs(&job)?, job.output_bytes(), 0);
    let expected_rounds = chain.rounds(job.steps());
    while let Some((program, records)) = chain.next(&bytes, width).unwrap() {
        let job = Job::new(program, records).unwrap();
        (bytes, width, rounds) = (outputs(&job)?, job.output_bytes(), rounds + 1);
    }
    assert_eq!(rounds, expected_rounds);
    Ok((table::decode(&bytes)?, rounds))
}

/// Words by the description, written another way.
fn plainly(texts: &[&[u8]]) -> Table {
    let mut table = Table::new();
    for text in texts {
        let mut word = Vec::new();
        for byte in text.iter().chain(b" ") {
            match byte {
                b'A'..=b'Z' => word.push(byte + 32),
                b'a'..=b'z' | b'0'..=b'9' | b'\'' | 128.. => word.push(*byte),
                _ => {
                    let start = word.iter().take_while(|byte| **byte == b'\'').count();
                    let mut word: Vec<u8> = std::mem::take(&mut word).split_off(start);
                    word.truncate(MAX_WORD_BYTES);
                    while word.last() == Some(&b'\'') {
                        word.pop();
                    }
                    if !word.is_empty() {
                        *table.entry(word).or_default() += 1;
                    }
                }
            }
        }
    }
    table
}

#[test]
fn words_are_what_the_rule_says() {
    let words = |text: &str| {
        WordCount::words(text.as_bytes())
            .map(|word| String::from_utf8(word).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words("It's 'quoted', NOT...x"),
        ["it's", "quoted", "not", "x"]
    );
    // Letters beyond ASCII are bytes: capitals among them stay.
    assert_eq!(words("Éclair—über"), ["Éclair—über"]);
    assert_eq!(words("''' '' '"), [""; 0]);
    assert_eq!(words(&"a".repeat(100)), ["a".repeat(64)]);
    // Apostrophes at the end of what counts are left out, however the run goes on.
    let long = "a".repeat(60);
    for end in ["", "b", "'", " "] {
        let quotes = "'".repeat(6);
        assert_eq!(words(&format!("'{long}{quotes}{end}"))[0], long);
    }
    // A byte order mark and spaces beyond ASCII are bytes above 127, like letters.
    assert_eq!(
        words("\u{feff}a b\u{a0}c\u{2003}d"),
        ["\u{feff}a", "b\u{a0}c\u{2003}d"]
    );
}

#[test]
fn the_shipped_texts_are_counted() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/texts");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    let texts: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    let (table, rounds) = count(&texts, 4_096, 4).unwrap();
    assert_eq!(table, plainly(&texts));
    assert!(rounds >= 3 && table[&b"the"[..]] > 500, "{rounds} rounds");
}

#[test]
fn partitions_end_where_lines_do() {
    let line = [&[b'x'; 99][..], b"\n"].concat();
    let text = line.repeat(5);
    let records = partitions(&[&text[..], b"", b"end"], 256).unwrap();
    let sizes: Vec<_> = records.iter().map(|r| r[0]).collect();
    assert_eq!(sizes, [200, 200, 100, 3]);
    // A longer line is cut between words, a longer word anywhere.
    let spaced = [&[b'x'; 200][..], b" ", &[b'y'; 400]].concat();
    let records = partitions(&[&spaced], 256).unwrap();
    let sizes: Vec<_> = records
        .iter()
        .map(|r| u16::from_le_bytes([r[0], r[1]]))
        .collect();
    assert_eq!(sizes, [201, 256, 144]);
    for bytes in [0, 127, MAX_PARTITION_BYTES + 1, usize::MAX] {
        let refused = PartitionError::Size { bytes };
        assert_eq!(partitions(&[b"x"], bytes), Err(refused.clone()));
        assert_eq!(WordCount::new(bytes), Err(refused));
    }
    let empty: [&[u8]; 2] = [b"", b""];
    let refused = Err(PartitionError::Records(RecordsError::Empty));
    assert_eq!(partitions(&empty, 256), refused);
}

#[test]
fn malformed_records_are_refused() {
    let program = WordCount::new(128).unwrap();
    let record = |length: u32, text: &[u8]| {
        let mut record = length.to_le_bytes().to_vec();
        record.extend_from_slice(text);
        record.resize(132, 0);
        record
    };
    assert!(program.run(&record(3, b"abc")).is_ok());
    for bad in [
        record(2, b"abc"),
        record(129, b"abc"),
        record(u32::MAX, b""),
        vec![0; 131],
        vec![0; 133],
        vec![],
    ] {
        let refused = program.run(&bad).unwrap_err();
        assert!(matches!(refused, StepError::BadRecord { .. }), "{refused}");
    }
}

#[test]
fn malformed_tables_are_refused() {
    let table: Table = [(b"a".to_vec(), 1), (b"bb".to_vec(), 2)].into();
    let good = table::encode(&table, 40).unwrap();
    assert_eq!(table::decode(&good).unwrap(), table);
    let does_not_fit = StepError::OutputDoesNotFit {
        needed: 25,
        limit: 24,
    };
    assert_eq!(table::encode(&table, 24), Err(does_not_fit));
    let refused = |bytes: &[u8]| {
        let error = table::decode(bytes).unwrap_err();
        assert!(matches!(error, StepError::BadRecord { .. }), "{error}");
    };
    for end in 0..25 {
        refused(&good[..end]);
    }
    let with = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        bytes
    };
    refused(&with(0, 1)); // an entry too many
    refused(&with(0, 3)); // an entry missing
    refused(&with(3, 255));
    refused(&with(4, 0)); // an empty word
    refused(&with(4, 65)); // a word too long
    refused(&with(5, b'c')); // out of order
    refused(&with(6, 0)); // not once
    refused(&with(39, 1)); // followed by something
    let twice = [&[2, 0, 0, 0][..], &good[4..14], &good[4..14]].concat();
    refused(&twice);
}

#[test]
fn merging_refuses_foreign_results_and_overflow() {
    let chain = Chain::new(2).unwrap();
    for fan_in in [0, 1, 65] {
        assert_eq!(Chain::new(fan_in), Err(ChainError::FanIn { found: fan_in }));
    }
    for (bytes, table_bytes) in [(0, 10), (15, 10), (10, 0)] {
        let refused = ChainError::Result { bytes, table_bytes };
        assert_eq!(chain.next(&vec![0; bytes], table_bytes), Err(refused));
    }
    assert_eq!(chain.next(&[0; 10], 10), Ok(None));
    let most = table::encode(&[(b"a".to_vec(), u64::MAX)].into(), 20).unwrap();
    let (program, records) = chain.next(&most.repeat(2), 20).unwrap().unwrap();
    let refused = program.run(records.get(0).unwrap());
    assert!(matches!(refused, Err(StepError::BadRecord { .. })));
    assert!(matches!(
        program.run(&[0; 39]),
        Err(StepError::BadRecord { .. })
    ));
    // The same words in every table merge to fewer bytes than both have.
    let one = table::encode(&[(b"a".to_vec(), 3)].into(), 20).unwrap();
    let (program, records) = chain.next(&one.repeat(3), 20).unwrap().unwrap();
    assert_eq!(records.len(), 2);
    let merged = program.run(records.get(0).unwrap()).unwrap();
    assert_eq!(table::decode(&merged).unwrap()[&b"a"[..]], 6);
}

/// Counts by partitions of this size, without the rounds of merges.
fn by_partitions(texts: &[&[u8]], size: usize) -> Table {
    let program = WordCount::new(size).unwrap();
    let mut table = Table::new();
    // Texts without a byte have no words, and make no records.
    for record in partitions(texts, size)
        .iter()
        .flat_map(|records| records.iter())
    {
        for (word, count) in table::decode(&program.run(record).unwrap()).unwrap() {
            *table.entry(word).or_default() += count;
        }
    }
    table
}

#[test]
fn words_do_not_depend_on_the_cut() {
    let commas: Vec<_> = (0..1_000).map(|i| format!("word{i}")).collect();
    let csv = commas.join(",");
    let lines = |end: &str| {
        (0..200)
            .map(|i| format!("{i},a;b{end}"))
            .collect::<String>()
    };
    let texts = [
        csv,
        lines("\r\n"),
        lines("\n"),
        lines("\r"),
        // The last line has no end.
        lines("\n") + "last",
        "é".repeat(300),
        "-".repeat(500),
        "'".repeat(500) + "x",
        "x".to_owned() + &"'".repeat(500) + "y z",
        "'".repeat(100) + &"w".repeat(400) + "'v u",
        "a\u{2003}b\u{a0}c\u{3000}".repeat(100),
        String::new(),
    ];
    for text in &texts {
        let text: &[&[u8]] = &[text.as_bytes(), b"end"];
        let whole = plainly(text);
        for size in (128..400).chain([4_096, MAX_PARTITION_BYTES]) {
            assert_eq!(by_partitions(text, size), whole, "partitions of {size}");
        }
    }
    assert_eq!(by_partitions(&[b"", b""], 128), Table::new());
}

#[test]
fn a_piece_of_a_long_word_says_so() {
    let text = [&[b'y'; 300][..], b"'s z"].concat();
    let records = partitions(&[text], 128).unwrap();
    let heads: Vec<_> = records.iter().map(|r| [r[0], r[3]]).collect();
    assert_eq!(heads, [[128, 0], [128, 128], [48, 128]]);
    let program = WordCount::new(128).unwrap();
    let tables = records
        .iter()
        .map(|r| table::decode(&program.run(r).unwrap()).unwrap());
    let found: Vec<Vec<_>> = tables.map(|t| t.into_keys().collect()).collect();
    assert_eq!(found, [vec![vec![b'y'; 64]], vec![], vec![b"z".to_vec()]]);
}

/// Pieces of text that separate, do not separate, or are no text.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    prop_oneof![
        4 => prop::sample::select(vec![" ", "\n", "\r\n", "\t", "\x0b", "\x0c", "\0", ",", ";", "-", ".", "\"", "_"]).prop_map(bytes),
        2 => prop::sample::select(vec!["'", "''", "\u{a0}", "\u{2003}", "\u{2028}", "\u{3000}", "—", "é", "字", "😀"]).prop_map(bytes),
        4 => "[A-Za-z0-9]{1,9}".prop_map(String::into_bytes),
        1 => (prop::sample::select(vec![b'a', b'\'', b' ', 0xff]), 1usize..400).prop_map(|(byte, n)| vec![byte; n]),
        // Bytes of no character.
        1 => prop::collection::vec(any::<u8>(), 1..8),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Lines shorter than a partition are never cut, so the chain counts what one pass counts.
    #[test]
    fn the_chain_counts_like_one_pass(
        lines in prop::collection::vec("[ -~éÀ\t]{0,60}", 1..60),
        cut in 0usize..60,
        size in 128usize..700,
        fan_in in 2usize..6,
    ) {
        let (first, second) = lines.split_at(cut.min(lines.len()));
        let texts = [first.join("\n"), second.join("\n") + "."];
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        let (table, _) = count(&texts, size, fan_in).unwrap();
        prop_assert_eq!(table, plainly(&texts));
    }

    /// Whatever separates, and wherever it is cut: the counts are those of the whole texts.
    #[test]
    fn every_cut_counts_the_same(
        pieces in prop::collection::vec(piece(), 0..120),
        text_at in 0usize..120,
        sizes in prop::collection::vec(prop_oneof![3 => 128usize..300, 1 => 300usize..3_000], 3),
    ) {
        let (first, second) = pieces.split_at(text_at.min(pieces.len()));
        let (first, second) = (first.concat(), second.concat());
        let texts: [&[u8]; 2] = [&first, &second];
        let whole = plainly(&texts);
        for size in sizes {
            prop_assert_eq!(&by_partitions(&texts, size), &whole, "partitions of {}", size);
        }
    }

    /// The bound on a partition's table holds for every text.
    #[test]
    fn every_text_fits_its_table(text in prop::collection::vec(any::<u8>(), 1..2000)) {
        let records = partitions(&[text], 128).unwrap();
        let program = WordCount::new(128).unwrap();
        for record in records.iter() {
            prop_assert!(program.run(record).is_ok());
        }
    }
}
