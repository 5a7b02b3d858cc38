//! Messages between parties of a contract, and what each writes down. Property: what is accepted is written back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::contract::messages(data));
