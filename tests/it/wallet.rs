//! What a wallet refuses leaves it as it was.

use bitcoin::{Amount, ScriptBuf, Transaction, absolute::LockTime, transaction::Version};
use narthex::{
    contracts::terms::FeeRate,
    regtest::{Broadcaster, Embedded, mine_coins},
    wallet::{ChildRequest, PartyWallet},
};

#[test]
fn a_child_that_is_refused_uses_up_no_address() {
    let mut chain = Embedded::new();
    let mut wallet = PartyWallet::new("owner", &[7; 32]).unwrap();
    let own = wallet.fresh_script();
    mine_coins(&mut chain, 3, &own, &ScriptBuf::new_p2a()).unwrap();
    wallet.sync(&mut chain).unwrap();
    let mut twin = PartyWallet::new("owner", &[7; 32]).unwrap();
    twin.fresh_script();
    // No anchor, so nothing that a child could spend.
    let parent = Transaction {
        version: Version::non_standard(3),
        lock_time: LockTime::ZERO,
        input: vec![],
        output: vec![],
    };
    let request = || ChildRequest {
        parent: &parent,
        coins: vec![],
        data: None,
        rate: FeeRate::from_sat_per_kwu(1_000),
        least_fee: Amount::ZERO,
    };
    assert!(wallet.child(request()).is_err());
    assert!(wallet.child(request()).is_err());
    assert_eq!(wallet.fresh_script(), twin.fresh_script());
    // A payment that is refused reserves nothing: all can still be paid with.
    let to = ScriptBuf::new_p2a();
    let balance = wallet.balance();
    assert!(
        wallet
            .pay(
                &[(to.clone(), balance * 2)],
                FeeRate::from_sat_per_kwu(1_000)
            )
            .is_err()
    );
    let most = balance - Amount::from_sat(10_000);
    let paid = wallet
        .pay(&[(to, most)], FeeRate::from_sat_per_kwu(1_000))
        .unwrap();
    assert_eq!(paid.input.len(), 3);
    chain.submit(&paid).unwrap();
}
