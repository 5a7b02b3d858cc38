//! Witnesses of the funding transaction. Property: what is read is written back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::witnesses(data));
