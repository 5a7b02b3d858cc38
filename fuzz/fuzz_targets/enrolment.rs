//! Enrolments. Property: only the bytes that one encodes to decode to it, and none counts for what it was not signed for.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::enrolment(data));
