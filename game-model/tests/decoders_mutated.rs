//! Every decoder of the game model on damaged inputs: the table that `fuzz/` runs under libFuzzer, in every test run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "../../fuzz/src/model.rs"]
#[allow(dead_code)]
mod model;
#[path = "../../fuzz/src/table.rs"]
#[allow(dead_code)]
mod table;

/// Alone in its file: what other tests ask for would count.
#[test]
fn damaged_inputs_are_refused_or_keep_their_law() {
    let decoders = model::decoders();
    let before = table::most_memory();
    let read = table::damage_all(&decoders, 0x6e61_7274_6865_7839, 4_000);
    // Some damage is none: flags of JSON, spaces, hashes.
    assert!(read > 100, "{read} damaged inputs were read");
    if let (Some(before), Some(after)) = (before, table::most_memory()) {
        let grown = after - before;
        assert!(grown < 256 << 20, "decoders asked for {grown} bytes");
    }
}
