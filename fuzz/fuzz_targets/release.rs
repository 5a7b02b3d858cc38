//! A share that was kept back. Property: only the bytes that a release encodes to decode to it, and no release
//! changes holdings unless it completes a valid signature.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::release(data));
