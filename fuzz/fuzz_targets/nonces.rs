//! Public nonces of a ceremony. Property: only the bytes that a message encodes to decode to it, and a count
//! that the message is too short for allocates nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::nonces(data));
