//! Bundles of cases and questions to judges. Property: what is accepted is written back as it was, and a bundle that is signed gives a question, or
//! says whose fault it is that it gives none.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::cases::cases(data));
