//! The last to sign the funding holds an option: it can publish it when it likes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use bitcoin::{Amount, ScriptBuf};
use common::company::Company;
use narthex::{
    contracts::{role::Role, setup::Secrets, template::Exit, terms::FeeRate},
    regtest::Chain,
};

on_both_chains!(funding_after_the_deadline, a_coin_spent_elsewhere_ends_it);

/// WEAKNESS. The client keeps the funding back until the delivery deadline has passed and then publishes it together
/// with S1: the worker loses αw without ever having had time to work. Nothing in the transactions prevents it.
fn funding_after_the_deadline(chain: &mut dyn Chain) {
    let mut company = Company::gather(chain, 10);
    let terms = company.terms();
    let held = company.ceremony(&terms);
    let funding = company.fund(&held);
    chain.mine(20, &common::miner()).unwrap();
    assert!(chain.height().unwrap() > common::deliver_height(&terms));
    let client = &held[&Role::Client];
    let id = client.graph().find(Exit::WORKER_TIMEOUT).unwrap();
    let s1 = client.complete(id, &Secrets::default()).unwrap();
    // Both in one block, with a miner's help; without, one block after the other.
    chain
        .mine_exactly(&[funding, s1.clone()], &common::miner())
        .unwrap();
    let paid = |role: Role| {
        let script = terms.payout(role).unwrap();
        s1.output
            .iter()
            .filter(|o| o.script_pubkey == *script)
            .map(|o| o.value)
            .sum::<Amount>()
    };
    assert_eq!(paid(Role::Worker), Amount::from_sat(100_000), "of 200,000");
    assert_eq!(paid(Role::Client), Amount::from_sat(100_000), "its deposit");
}

/// What a party must do that has signed and sees no funding in time: spend one of its coins elsewhere. Then the
/// funding can never be, whatever signatures others hold.
fn a_coin_spent_elsewhere_ends_it(chain: &mut dyn Chain) {
    let mut company = Company::gather(chain, 10);
    let terms = company.terms();
    let held = company.ceremony(&terms);
    let funding = company.fund(&held);
    let mut wallet = company.restarted(chain, Role::Worker);
    let payment = [(ScriptBuf::new_p2a(), Amount::from_sat(990_000))];
    let cancel = wallet.pay(&payment, FeeRate(1_000)).unwrap();
    chain.submit(&cancel).unwrap();
    chain.mine(1, &common::miner()).unwrap();
    assert!(chain.submit(&funding).is_err());
    assert!(chain.mine_exactly(&[funding], &common::miner()).is_err());
}
