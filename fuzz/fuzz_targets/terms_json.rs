//! Terms as JSON. Property: whatever is accepted has one identity. Written out and read again it is equal, has
//! the same contract id, and derives a graph of the same ids or fails to derive one with the same error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::terms_json(data));
