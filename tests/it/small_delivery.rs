//! Sealed deliveries in which somebody is killed after every message, silent, gone or late.

use std::collections::BTreeSet;

use bitcoin::Amount;
use narthex::{
    contracts::{binding::MemoryBindings, deliver::Request},
    regtest::ChainSource as _,
    small::{SmallOrder, Welcome},
};
use narthex_base::codec::Message as _;

use crate::small_delivery_support::{AGENT, Delivering, MESSAGE, RECIPIENT, SENDER};

#[test]
fn whoever_is_killed_after_whichever_message_it_is_delivered() {
    for agents in [1, 2] {
        let messages = Delivering::new(agents).whole();
        assert!(messages >= 4, "{messages}");
        for kill_at in 1..=messages {
            let mut delivering = Delivering::new(agents);
            delivering.kill_at = Some(kill_at);
            let taken = delivering.whole();
            println!("{agents} agents, killed after {kill_at}: {taken} messages");
        }
    }
}

/// It was killed when its seed was bound to terms, and before these were on its disk: it makes others at once, and that more than once. A host forgets a
/// side that fails, and with it how often that was.
#[test]
fn a_sender_that_was_killed_over_its_terms_makes_others() {
    let mut before = MemoryBindings::default();
    for killed in 0..3 {
        let mut delivering = Delivering::new(1);
        let host = &mut delivering.all[SENDER].host;
        host.bindings = before;
        // What it makes now has another script.
        for _ in 0..killed {
            host.wallet.fresh_script();
        }
        delivering.settle();
        assert_eq!(delivering.standing(SENDER), "funding", "{killed}");
        before = std::mem::take(&mut delivering.all[SENDER].host.bindings);
    }
}

#[test]
fn a_sender_whose_recipient_is_silent_has_its_coin_back_at_t_and_not_before() {
    let mut delivering = Delivering::new(2);
    let before = delivering.balance(SENDER);
    delivering.settle();
    delivering.mine(1);
    let acts_at = delivering.all[SENDER].host.side().acts_at();
    assert_eq!(acts_at, Some(delivering.figures.refund_height + 1));
    let tip = delivering.chain.height().unwrap();
    delivering.mine(delivering.figures.refund_height - tip - 1);
    assert_eq!(
        (delivering.standing(SENDER), delivering.waiting()),
        ("funded", 0)
    );
    // Killed a block before.
    delivering.start(SENDER);
    delivering.mine(1);
    assert_eq!(
        (delivering.standing(SENDER), delivering.waiting()),
        ("refunding", 1)
    );
    delivering.start(SENDER);
    delivering.settle();
    assert_eq!(delivering.waiting(), 1);
    delivering.mine(2);
    delivering.over(&[SENDER, AGENT, AGENT + 1]);
    let cost = before - delivering.balance(SENDER);
    assert!(cost < Amount::from_sat(2_000), "{cost}");
    // Whoever asks now is served nothing.
    let funding = delivering.all[SENDER].host.reader.as_ref().unwrap();
    let funding = funding.follower().found().next().unwrap().1.compute_txid();
    let accepted = BTreeSet::new();
    let ask = Request { funding, accepted }.to_bytes();
    let side = delivering.all[AGENT].host.side();
    assert!(!matches!(side.welcomes(&ask), Some(Welcome::Now)));
}

#[test]
fn agent_and_recipient_need_no_sender_once_it_is_funded() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.all[SENDER].is_gone = true;
    delivering.mine(1);
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
    delivering.mine(2);
    delivering.over(&[RECIPIENT, AGENT]);
    // It comes back to an end that it had no part in.
    delivering.all[SENDER].is_gone = false;
    delivering.start(SENDER);
    delivering.settle();
    delivering.over(&[SENDER]);
}

#[test]
fn another_agent_is_accepted_where_the_first_is_silent() {
    let mut delivering = Delivering::new(2);
    delivering.fund();
    // It serves, is accepted, and is never heard of again.
    delivering.mine(1);
    let order = |delivering: &mut Delivering| delivering.order(RECIPIENT, SmallOrder::Next);
    let first = delivering.all[RECIPIENT].host.side().figures()["accepted"];
    assert_eq!(first, 1);
    order(&mut delivering).unwrap();
    delivering.start(RECIPIENT);
    delivering.settle();
    let accepted = delivering.all[RECIPIENT].host.side().figures()["accepted"];
    assert_eq!(accepted, 2, "it was ordered, and is done after a crash");
    assert!(order(&mut delivering).is_err(), "there is nobody else");
    // Beside the first one's claim the second shows its key to nobody.
    assert_eq!(delivering.waiting(), 1);
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
    delivering.mine(2);
    delivering.over(&[SENDER, RECIPIENT, AGENT, AGENT + 1]);
    let paid = [AGENT, AGENT + 1].map(|at| delivering.balance(at));
    assert_eq!(paid.iter().filter(|paid| **paid > Amount::ZERO).count(), 1);
}

#[test]
fn the_second_agent_is_paid_where_the_first_is_gone() {
    let mut delivering = Delivering::new(2);
    delivering.fund();
    delivering.all[AGENT].is_gone = true;
    delivering.mine(1);
    delivering.mine(1);
    assert_eq!(delivering.read().unwrap(), MESSAGE);
    assert_eq!(delivering.balance(AGENT), Amount::ZERO);
    assert!(delivering.balance(AGENT + 1) > Amount::ZERO);
}

#[test]
fn a_recipient_that_comes_too_late_accepts_nobody() {
    let mut delivering = Delivering::new(1);
    delivering.fund();
    delivering.all[RECIPIENT].is_gone = true;
    // The copy comes in time; it is read of it too late.
    delivering.mine(2);
    assert!(!delivering.all[RECIPIENT].inbox.is_empty());
    let last = delivering.figures.refund_height - u32::from(delivering.figures.claim_blocks);
    let tip = delivering.chain.height().unwrap();
    delivering.mine(last - tip + 2);
    delivering.all[RECIPIENT].is_gone = false;
    delivering.settle();
    let side = delivering.all[RECIPIENT].host.side();
    assert_eq!((side.figures()["kept"], side.figures()["accepted"]), (1, 0));
    assert!(delivering.order(RECIPIENT, SmallOrder::Next).is_err());
    let before = delivering.balance(SENDER);
    let tip = delivering.chain.height().unwrap();
    delivering.mine(delivering.figures.refund_height - tip);
    delivering.mine(3);
    delivering.over(&[SENDER, RECIPIENT, AGENT]);
    assert!(delivering.balance(SENDER) > before);
    assert_eq!(
        (delivering.read(), delivering.balance(AGENT)),
        (None, Amount::ZERO)
    );
}
