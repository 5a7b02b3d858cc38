//! An arbiter's ruling. Property: only the bytes that an attestation encodes to decode to it, and none that
//! was not made by the arbiter verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::attestation(data));
