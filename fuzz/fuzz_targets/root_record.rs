//! The worker's root in a transaction. Property: a root that is found stands in exactly one output of a
//! transaction that spends the worker's root coin.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::root_record(data));
