//! Offers found in transactions. Property: reading an offer from any transaction never panics, and what is
//! found is in the transaction.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::properties::offer_transaction(data));
