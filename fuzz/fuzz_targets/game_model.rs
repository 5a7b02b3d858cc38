//! What a party, a store or a user's file gives to the game model. Property: the law of each decoder in the table that
//! takes it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::model::inputs(data));
