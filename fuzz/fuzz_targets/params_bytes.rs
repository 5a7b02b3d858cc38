//! Canonical parameters. Property: only the bytes that a record encodes to decode to it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::params_bytes(data));
