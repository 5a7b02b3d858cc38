//! What the figures of a bank are checked with.
#![allow(clippy::unwrap_used)]

use bitcoin::Weight;
use narthex_contracts::bank::PROVIDER;
use narthex_regtest::Embedded;

use super::{BankOptions, BankPlay, play::CLOSE};

/// What `check_figures` reckons with is what a close weighs that pays both, planned and signed, of either coin. One that
/// pays the payer alone has an output less.
#[test]
fn a_close_weighs_what_the_figures_are_checked_with() {
    let options = BankOptions {
        pennies: 5_000,
        ..BankOptions::default()
    };
    for force_closes in [false, true] {
        let (mut chain, mut silent) = (Embedded::new(), ());
        let mut play = BankPlay::prepare(&mut chain, &options, &mut silent).unwrap();
        play.fund().unwrap();
        play.pay(700).unwrap();
        if force_closes {
            play.force_close(PROVIDER, "test").unwrap();
        }
        let bank = play.payer().unwrap().bank();
        let planned = |paid| bank.close_plan(paid, force_closes).unwrap().weight;
        assert_eq!(planned(700), CLOSE);
        let output = Weight::from_non_witness_data_size(8 + 1 + 34);
        assert_eq!(planned(0), CLOSE - output);
        assert_eq!(play.sign_close().unwrap().weight(), CLOSE);
    }
}
