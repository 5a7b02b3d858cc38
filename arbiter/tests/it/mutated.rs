//! Bundles and questions that were damaged: the table that `fuzz/` runs under libFuzzer, in every test run.

#[path = "../../../fuzz/src/cases.rs"]
#[allow(dead_code)]
mod cases;
#[path = "../../../fuzz/src/table.rs"]
#[allow(dead_code)]
mod table;

#[test]
fn a_damaged_case_is_refused_or_keeps_its_law() {
    let decoders = cases::decoders();
    assert!(decoders.iter().all(|decoder| !decoder.seeds.is_empty()));
    let read = table::damage_all(&decoders, 0x6361_7365, 200);
    assert!(read > 50, "{read} damaged inputs were read");
}
