//! The last to sign the funding holds an option: it can publish it when it likes. That must gain it nothing.

use crate::common;

use bitcoin::{Amount, ScriptBuf, Transaction};
use common::company::{Company, RATE};
use narthex::{
    contracts::{
        setup::Secrets,
        template::{Exit, reclaim_stake},
        terms::{FeeRate, Role},
    },
    regtest::Chain,
};

on_both_chains!(
    a_late_funding_leaves_every_window,
    a_coin_spent_elsewhere_ends_it
);

/// Δ_T of the example: what the worker has after the funding in any case.
const WORK_BLOCKS: u32 = 12;
/// Δ_T + Δ_V + Δ_A + 2·Δ_D + n·Δ_Q: how long the stakes stay after the funding in any case.
const STAKE_BLOCKS: u32 = 12 + 6 + 6 + 2 * 12 + 3 * 2;

fn pass(chain: &mut dyn Chain, height: u32) {
    while chain.height().unwrap() < height {
        chain.mine_exactly(&[], &common::miner()).unwrap();
    }
}

/// ATTACK. The client keeps the funding back until the delivery deadline has passed, to take αw from a worker that
/// never had time to work. S1 also counts from the funding's block, and so do the stakes, which an appeal needs.
fn a_late_funding_leaves_every_window(chain: &mut dyn Chain) {
    let mut company = Company::gather(chain, 10);
    let terms = company.terms();
    let held = company.ceremony(&terms);
    let funding = company.fund(&held);
    // Even the stakes' absolute lock has passed.
    chain.mine(80, &common::miner()).unwrap();
    let complete = |role: Role, name| {
        let holdings = &held[&role];
        let id = holdings.graph().find(name).unwrap();
        holdings.complete(id, &Secrets::default()).unwrap()
    };
    let s1 = complete(Role::Client, Exit::WORKER_TIMEOUT);
    let delivery = complete(Role::Worker, Exit::DELIVERED);
    let refused = |chain: &mut dyn Chain, txs: &[Transaction]| {
        let reason = chain
            .mine_exactly(txs, &common::miner())
            .unwrap_err()
            .to_string();
        assert!(
            reason.contains("nonfinal") || reason.contains("BIP68"),
            "{reason}"
        );
    };
    refused(chain, &[funding.clone(), s1.clone()]);
    chain.submit(&funding).unwrap();
    chain.mine(1, &common::miner()).unwrap();
    let funded = chain.height().unwrap();
    assert!(funded > common::deliver_height(&terms) + 60);

    pass(chain, funded + WORK_BLOCKS - 2);
    refused(chain, std::slice::from_ref(&s1));
    chain.mine_exactly(&[delivery], &common::miner()).unwrap();
    chain.disconnect(1).unwrap();
    pass(chain, funded + WORK_BLOCKS - 1);
    chain.mine_exactly(&[s1], &common::miner()).unwrap();

    let key = company.fixtures.key(Role::Arbiter(0));
    let graph = held[&Role::Arbiter(0)].graph();
    let back = reclaim_stake(&terms, graph, 0, &key, common::miner(), RATE).unwrap();
    pass(chain, funded + STAKE_BLOCKS - 2);
    refused(chain, std::slice::from_ref(&back));
    pass(chain, funded + STAKE_BLOCKS - 1);
    chain.mine_exactly(&[back], &common::miner()).unwrap();
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
    let cancel = wallet
        .pay(&payment, FeeRate::from_sat_per_kwu(1_000))
        .unwrap();
    chain.submit(&cancel).unwrap();
    chain.mine(1, &common::miner()).unwrap();
    assert!(chain.submit(&funding).is_err());
    assert!(chain.mine_exactly(&[funding], &common::miner()).is_err());
}
