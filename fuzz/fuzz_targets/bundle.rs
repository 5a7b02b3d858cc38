//! What a watchtower is given. Property: what is accepted is written back as it was, and what is opened is complete.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::bundle(data));
