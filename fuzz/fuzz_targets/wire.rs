//! Frames of links between nodes. Property: what is accepted is written back as it was, and a link bears any frame.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| narthex_fuzz::wire::messages(data));
