//! A party's coins from the PSBT of its wallet. Property: what is accepted names every input of the PSBT and
//! nothing else, its amounts are those of the PSBT, and the check of its amounts never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::contribution(data));
