//! Shares of a ceremony. Property: only the bytes that a message encodes to decode to it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::shares(data));
