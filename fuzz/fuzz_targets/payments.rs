//! Messages and records of point-locked payments. Property: what is accepted is written back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::payments::messages(data));
