//! Stored holdings. Property: what is accepted verifies, and encoding it is a fixed point.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::holdings(data));
