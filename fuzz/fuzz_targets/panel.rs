//! Offers, offer terms, answers and shares of the panel's secret. Property: only the bytes that a value
//! encodes to decode to it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::panel(data));
