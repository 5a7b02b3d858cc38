//! Gated slices in which somebody is killed at every message, silent, gone, late, or whose disk went back.

use bitcoin::Amount;
use narthex::small::SmallOrder;

use crate::small_slices_support::{
    CLIENT, FIRST, FUND_BLOCKS, POST_BLOCKS, PRICE, REFUND_BLOCKS, RESULT, Slicing, work,
};

const POST: &[u8] = b"NXGC1";
const BUNDLE: &[u8] = b"NXGB1";

#[test]
fn whoever_is_killed_at_whichever_message_all_are_paid_and_it_is_read() {
    for (providers, quorum) in [(2, 2), (3, 2)] {
        let messages = Slicing::new(providers, quorum).whole();
        println!("{providers} providers: {messages} messages");
        for at in 1..=messages {
            let mut after = Slicing::new(providers, quorum);
            after.kill_at = Some(at);
            after.whole();
            let mut silent = Slicing::new(providers, quorum);
            silent.silent_at = Some(at);
            silent.whole();
        }
    }
}

#[test]
fn each_who_agrees_is_paid_its_price() {
    let mut slicing = Slicing::new(3, 2);
    let before: Vec<_> = (0..4).map(|at| slicing.balance(at)).collect();
    slicing.fund();
    slicing.work_all();
    assert!(slicing.refused.is_empty(), "{:?}", slicing.refused);
    slicing.mine(1);
    for at in slicing.seats() {
        let earned = slicing.balance(at).checked_sub(before[at]).unwrap();
        // It has paid the child.
        assert!(
            earned < PRICE && earned + Amount::from_sat(2_000) > PRICE,
            "{earned}"
        );
    }
    let cost = before[CLIENT] - slicing.balance(CLIENT);
    assert!(cost >= PRICE * 3 && cost < PRICE * 3 + Amount::from_sat(2_000));
    slicing.end();
    slicing.fair();
}

/// Two of three are paid: the third's price goes back to the client, when it may and not a block before.
#[test]
fn a_provider_that_is_gone_is_not_paid_and_its_price_goes_back() {
    for gone in FIRST..4 {
        let mut slicing = Slicing::new(3, 2);
        slicing.fund();
        slicing.all[gone].is_gone = true;
        let before = slicing.balance(gone);
        for at in (FIRST..4).filter(|at| *at != gone) {
            slicing.work(at, &work(1, RESULT));
        }
        // The others wait for its post until the time for posts is over, and not a block longer.
        let posts = slicing.funded + u32::from(POST_BLOCKS);
        let other = if gone == FIRST { 2 } else { FIRST };
        slicing.settle();
        assert_eq!(slicing.all[other].host.side().acts_at(), Some(posts));
        slicing.mine_to(posts - 1);
        assert_eq!((slicing.standing(other), slicing.waiting()), ("posted", 0));
        slicing.mine(1);
        assert_eq!(slicing.waiting(), 4, "two claims and their children");
        slicing.mine(1);
        assert_eq!(slicing.read().unwrap(), RESULT);
        let refund = slicing.funded + u32::from(REFUND_BLOCKS);
        assert_eq!(slicing.all[CLIENT].host.side().acts_at(), Some(refund - 1));
        slicing.mine_to(refund - 2);
        assert_eq!(slicing.waiting(), 0, "not a block early");
        slicing.mine(1);
        assert_eq!(slicing.waiting(), 2, "Refund and its child");
        slicing.mine(1);
        assert_eq!(slicing.ends(), [2, 1]);
        slicing.all[gone].is_gone = false;
        slicing.end();
        assert_eq!(slicing.balance(gone), before);
        slicing.fair();
    }
}

/// All refunds, with one coin to pay for them: one after another. Whoever is killed between them goes on.
#[test]
fn a_client_whose_providers_are_silent_has_all_prices_back() {
    let mut slicing = Slicing::new(3, 2);
    slicing.fund();
    let refund = slicing.funded + u32::from(REFUND_BLOCKS);
    (FIRST..4).for_each(|at| slicing.all[at].is_gone = true);
    slicing.mine_to(refund - 2);
    assert_eq!(slicing.waiting(), 0);
    slicing.mine(1);
    assert!(slicing.waiting() >= 2, "a refund and its child");
    slicing.start(CLIENT);
    slicing.mine(4);
    assert_eq!(slicing.ends(), [0, 3]);
    assert_eq!(slicing.read(), None);
    (FIRST..4).for_each(|at| slicing.all[at].is_gone = false);
    slicing.end();
    slicing.fair();
}

/// Before the funding is as deep as it asks for, a provider gives nothing and claims nothing.
#[test]
fn nothing_is_released_for_a_coin_that_is_not_deep() {
    let mut slicing = Slicing::new(2, 2);
    slicing.settle();
    slicing.mine(1);
    slicing.work_all();
    assert_eq!(slicing.standing(FIRST), "posted");
    let bundles = |slicing: &Slicing| {
        let said = slicing.all[FIRST..].iter().flat_map(|one| &one.posted);
        said.filter(|(_, body)| body.starts_with(BUNDLE)).count()
    };
    assert_eq!((bundles(&slicing), slicing.waiting()), (0, 0));
    slicing.mine(1);
    assert_eq!(slicing.waiting(), 4, "two claims and their children");
}

#[test]
fn who_comes_to_something_else_is_not_paid() {
    // Another result, or the same of another computation.
    for other in [work(1, b"forty-three"), work(2, RESULT)] {
        let mut slicing = Slicing::new(3, 2);
        slicing.fund();
        let before = slicing.balance(2);
        slicing.work(1, &work(1, RESULT));
        slicing.work(2, &other);
        slicing.work(3, &work(1, RESULT));
        slicing.settle();
        slicing.mine(1);
        assert_eq!(slicing.read().unwrap(), RESULT);
        slicing.end();
        assert_eq!(slicing.balance(2), before);
        assert_eq!(slicing.ends(), [2, 1]);
        slicing.fair();
    }
}

#[test]
fn where_nobody_agrees_nobody_is_paid_and_nothing_is_read() {
    let mut slicing = Slicing::new(3, 2);
    slicing.fund();
    for at in slicing.seats() {
        slicing.work(at, &work(1, &[at as u8; 9]));
    }
    slicing.settle();
    assert_eq!(slicing.waiting(), 0);
    slicing.end();
    assert_eq!((slicing.ends(), slicing.read()), ([0, 3], None));
    slicing.fair();
}

/// It works when posts are not taken any more: unpaid, and its owner is told so.
#[test]
fn who_works_late_is_not_paid() {
    let mut slicing = Slicing::new(3, 2);
    slicing.fund();
    slicing.work(1, &work(1, RESULT));
    slicing.work(2, &work(1, RESULT));
    let posts = slicing.funded + u32::from(POST_BLOCKS);
    slicing.mine_to(posts);
    let late = slicing.all[3].host.side_mut().give(&work(1, RESULT));
    assert!(late.unwrap_err().to_string().contains("too late"));
    slicing.mine(1);
    assert_eq!(slicing.read().unwrap(), RESULT);
    slicing.end();
    assert_eq!(slicing.ends(), [2, 1]);
    slicing.fair();
}

/// Whoever is never funded is over, and its client locks nothing behind that height.
#[test]
fn what_is_not_funded_in_time_is_over() {
    let mut slicing = Slicing::new(2, 2);
    slicing.all[2].is_gone = true;
    slicing.settle();
    slicing.mine(FUND_BLOCKS);
    slicing.all[2].is_gone = false;
    slicing.settle();
    slicing.mine(1);
    assert_eq!((slicing.standing(CLIENT), slicing.waiting()), ("new", 0));
    slicing.over();
    slicing.fair();
}

/// It carries no post, and hands no bundle out: the providers show each other theirs, and are paid.
#[test]
fn a_client_that_carries_nothing_gains_nothing() {
    let mut slicing = Slicing::new(3, 3);
    slicing.way = Some(Box::new(|from, _, body| {
        let is_kept = [POST, BUNDLE].iter().any(|kind| body.starts_with(kind));
        (from != CLIENT || !is_kept).then(|| body.to_vec())
    }));
    slicing.fund();
    slicing.work_all();
    slicing.mine(1);
    assert_eq!(slicing.read().unwrap(), RESULT);
    slicing.end();
    assert_eq!(slicing.ends(), [3, 0]);
    slicing.fair();
}

/// No two providers have a link: what the client carries suffices.
#[test]
fn providers_without_links_are_paid_by_what_the_client_carries() {
    let mut slicing = Slicing::new(3, 3);
    slicing.way = Some(Box::new(|from, to, body| {
        (from == CLIENT || to == CLIENT).then(|| body.to_vec())
    }));
    slicing.fund();
    slicing.work_all();
    slicing.mine(1);
    assert_eq!(slicing.read().unwrap(), RESULT, "{:?}", slicing.refused);
    slicing.end();
    assert_eq!(slicing.ends(), [3, 0]);
    slicing.fair();
}

/// It takes the others' shares and gives none: it is paid by them, and they by each other.
#[test]
fn who_withholds_its_shares_hurts_nobody_where_others_suffice() {
    let mut slicing = Slicing::new(3, 2);
    slicing.way = Some(Box::new(|from, _, body| {
        (from != 2 || !body.starts_with(BUNDLE)).then(|| body.to_vec())
    }));
    slicing.fund();
    slicing.work_all();
    slicing.mine(1);
    assert_eq!(slicing.read().unwrap(), RESULT);
    slicing.end();
    assert_eq!(slicing.ends(), [3, 0]);
    slicing.fair();
}

/// It shows its post to those only who pay it: they show it to the client, once its claim is there.
#[test]
fn a_post_that_is_kept_from_the_client_comes_from_those_who_paid_for_it() {
    let mut slicing = Slicing::new(2, 2);
    slicing.way = Some(Box::new(|from, to, body| {
        (from != FIRST || to != CLIENT || !body.starts_with(POST)).then(|| body.to_vec())
    }));
    slicing.fund();
    slicing.work_all();
    let refused = slicing.order(CLIENT, SmallOrder::GiveUp { provider: 1 });
    assert!(refused.unwrap_err().contains("not waited for"));
    slicing.mine(1);
    assert_eq!(slicing.figure(CLIENT, "opened"), 2);
    slicing.end();
    slicing.fair();
}

/// The same, and nobody shows it: the client waits until its owner gives it up.
#[test]
fn a_post_that_nobody_shows_is_given_up_by_the_owner() {
    let mut slicing = Slicing::new(2, 2);
    slicing.way = Some(Box::new(|_, to, body| {
        let is_firsts = body.starts_with(POST) && body[5 + 32] == 0;
        (to != CLIENT || !is_firsts).then(|| body.to_vec())
    }));
    slicing.fund();
    slicing.work_all();
    let end = slicing.funded + u32::from(REFUND_BLOCKS) + 6;
    slicing.mine_to(end);
    assert_eq!(slicing.figure(CLIENT, "opened"), 1);
    assert_eq!(slicing.standing(CLIENT), "ending");
    assert!(
        slicing
            .order(CLIENT, SmallOrder::GiveUp { provider: 9 })
            .is_err()
    );
    slicing
        .order(CLIENT, SmallOrder::GiveUp { provider: 1 })
        .unwrap();
    slicing.over();
    assert_eq!(slicing.read().unwrap(), RESULT);
    slicing.fair();
}

/// What it has said comes back to a disk that is as it was before the contract.
fn forget(slicing: &mut Slicing, at: usize) {
    slicing.all[at].host.forget();
    slicing.start(at);
    let said = slicing.all[at].posted.clone();
    for (_, body) in said {
        slicing.all[at].host.side_mut().came_back(&body).unwrap();
    }
}

/// Its own terms come back from the providers: they are all that the refunds need, and no other slice is begun beside it.
#[test]
fn a_client_whose_disk_went_back_has_back_what_nobody_claims() {
    let mut slicing = Slicing::new(3, 2);
    slicing.fund();
    forget(&mut slicing, CLIENT);
    assert_eq!(slicing.standing(CLIENT), "lost");
    slicing.start(CLIENT);
    slicing.all[3].is_gone = true;
    slicing.work(1, &work(1, RESULT));
    slicing.work(2, &work(1, RESULT));
    slicing.settle();
    let refund = slicing.funded + u32::from(REFUND_BLOCKS);
    slicing.mine_to(refund - 2);
    assert_eq!((slicing.standing(CLIENT), slicing.waiting()), ("lost", 0));
    assert_eq!(slicing.ends(), [2, 0]);
    slicing.mine(1);
    assert_eq!(slicing.waiting(), 2, "Refund and its child");
    slicing.mine(1);
    slicing.all[3].is_gone = false;
    slicing.end();
    assert_eq!(slicing.ends(), [2, 1]);
    slicing.fair();
}

/// A provider whose disk went back behind the ceremony has lost its claim, and takes no more part: the others are paid.
#[test]
fn a_provider_whose_disk_went_back_before_the_ceremony_takes_no_more_part() {
    let mut slicing = Slicing::new(3, 2);
    slicing.fund();
    forget(&mut slicing, 2);
    assert_eq!(slicing.standing(2), "new");
    slicing.work_all();
    slicing.end();
    assert_eq!(slicing.read().unwrap(), RESULT);
    assert_eq!(slicing.ends(), [2, 1]);
    slicing.fair();
}
