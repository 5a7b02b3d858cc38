//! Both chains keep the same laws.

use narthex_regtest::{Bitcoind, Embedded, suite};

#[test]
fn the_embedded_chain_keeps_the_laws() {
    suite::suite(&mut Embedded::new()).unwrap_or_else(|violation| panic!("{violation}"));
}

#[test]
fn bitcoind_keeps_the_laws() {
    suite::suite(&mut Bitcoind::start().unwrap()).unwrap_or_else(|violation| panic!("{violation}"));
}
