//! Bounties in which somebody is killed after every message, silent, gone, late, or left out.

use bitcoin::Amount;

use crate::small_bounty_support::{AMOUNT, FIRST, Hiring, REQUESTER, RESULT, ROUND};

#[test]
fn whoever_is_killed_after_whichever_message_it_is_paid_and_read() {
    for (recomputers, quorum) in [(1, 1), (2, 2), (3, 2)] {
        let messages = Hiring::new(recomputers, quorum).whole();
        println!("{recomputers} recomputers: {messages} messages");
        for kill_at in 1..=messages {
            let mut hiring = Hiring::new(recomputers, quorum);
            hiring.kill_at = Some(kill_at);
            hiring.whole();
        }
    }
}

#[test]
fn each_who_agrees_is_paid_its_amount() {
    let mut hiring = Hiring::new(3, 2);
    let before: Vec<_> = (0..4).map(|at| hiring.balance(at)).collect();
    hiring.fund();
    hiring.work_all();
    assert!(hiring.refused.is_empty(), "{:?}", hiring.refused);
    hiring.mine(3);
    hiring.over();
    for (at, before) in before.iter().enumerate().skip(FIRST) {
        let earned = hiring.balance(at).checked_sub(*before).unwrap();
        // One of them has paid the child.
        assert!(
            earned <= AMOUNT && earned + Amount::from_sat(2_000) > AMOUNT,
            "{earned}"
        );
    }
    let cost = before[REQUESTER] - hiring.balance(REQUESTER);
    assert!(cost >= AMOUNT * 3 && cost < AMOUNT * 3 + Amount::from_sat(2_000));
    hiring.fair();
}

#[test]
fn a_recomputer_that_is_gone_is_passed_over_and_paid_nothing() {
    for gone in FIRST..4 {
        let mut hiring = Hiring::new(3, 2);
        hiring.fund();
        hiring.all[gone].is_gone = true;
        let before = hiring.balance(gone);
        for at in (FIRST..4).filter(|at| *at != gone) {
            hiring.work(at, RESULT);
        }
        let layers = hiring.figures.layer_height;
        hiring.mine_to(layers);
        assert_eq!(hiring.read(), None);
        hiring.mine(2);
        assert_eq!(hiring.read().unwrap(), RESULT, "{:?}", hiring.refused);
        hiring.mine(2);
        hiring.over();
        assert_eq!(hiring.balance(gone), before);
        hiring.fair();
    }
}

#[test]
fn who_comes_to_something_else_is_not_paid() {
    let mut hiring = Hiring::new(3, 2);
    hiring.fund();
    let before = hiring.balance(2);
    hiring.work(1, RESULT);
    hiring.work(2, b"forty-three");
    hiring.work(3, RESULT);
    hiring.settle();
    hiring.mine(3);
    assert_eq!(hiring.read().unwrap(), RESULT);
    assert_eq!(hiring.balance(2), before);
    hiring.over();
    hiring.fair();
}

#[test]
fn where_nobody_agrees_all_goes_back_at_once() {
    let mut hiring = Hiring::new(3, 2);
    hiring.fund();
    for at in FIRST..4 {
        hiring.work(at, &[at as u8; 9]);
    }
    hiring.settle();
    assert_eq!(hiring.waiting(), 2, "Cancel and its child");
    hiring.mine(3);
    assert_eq!(hiring.path(REQUESTER), ["Bounty", "Cancel"]);
    hiring.over();
    hiring.fair();
}

#[test]
fn a_requester_whose_recomputers_are_silent_has_its_coin_back_above_t_and_not_before() {
    let mut hiring = Hiring::new(2, 2);
    hiring.fund();
    (1..3).for_each(|at| hiring.all[at].is_gone = true);
    let refund_height = hiring.figures.refund_height;
    assert_eq!(
        hiring.all[REQUESTER].host.side().acts_at(),
        Some(hiring.figures.layer_height)
    );
    hiring.mine_to(refund_height - 1);
    assert_eq!(hiring.waiting(), 0);
    hiring.start(REQUESTER);
    hiring.mine(1);
    assert_eq!(hiring.waiting(), 2, "Refund and its child");
    hiring.start(REQUESTER);
    hiring.mine(2);
    assert_eq!(hiring.path(REQUESTER), ["Bounty", "Refund"]);
    (1..3).for_each(|at| hiring.all[at].is_gone = false);
    hiring.settle();
    hiring.over();
    hiring.fair();
}

/// Its own terms come back from the recomputers: they are all that the refund needs, and no other bounty is begun beside it.
#[test]
fn a_requester_whose_disk_went_back_has_its_coin_back_above_t() {
    let mut hiring = Hiring::new(2, 2);
    hiring.fund();
    hiring.all[REQUESTER].host.forget();
    hiring.start(REQUESTER);
    let said = hiring.all[REQUESTER].posted.clone();
    for (_, body) in said {
        let side = hiring.all[REQUESTER].host.side_mut();
        side.came_back(&body).unwrap();
    }
    assert_eq!(hiring.standing(REQUESTER), "lost");
    hiring.start(REQUESTER);
    hiring.work_all();
    assert_eq!(hiring.standing(REQUESTER), "lost");
    let refund_height = hiring.figures.refund_height;
    hiring.mine_to(refund_height - 1);
    assert_eq!(hiring.waiting(), 0);
    hiring.mine(1);
    assert_eq!(hiring.waiting(), 2, "Refund and its child");
    hiring.mine(2);
    assert_eq!(hiring.path(REQUESTER), ["Bounty", "Refund"]);
    hiring.over();
    hiring.fair();
}

/// It opens, and is never heard of again: the others are closed for without it.
#[test]
fn a_member_that_withholds_its_delivery_is_left_out() {
    let mut hiring = Hiring::new(3, 2);
    hiring.fund();
    hiring.way = Some(Box::new(|from, _, body| {
        let is_withheld = from == 2 && body.starts_with(b"NXYD1");
        (!is_withheld).then(|| body.to_vec())
    }));
    let before = hiring.balance(2);
    // Until the second's layer is opened it does all: its delivery never leaves, of its own and others' it hears.
    hiring.work_all();
    let round = hiring.figures.layer_height + 2 * u32::from(ROUND);
    hiring.mine_to(round - 1);
    assert_eq!((hiring.waiting(), hiring.read()), (0, None));
    hiring.mine(2);
    assert_eq!(hiring.figure(REQUESTER, "round"), 1);
    hiring.mine(2);
    assert_eq!(hiring.read().unwrap(), RESULT, "{:?}", hiring.refused);
    assert_eq!(hiring.balance(2), before);
    hiring.mine(2);
    hiring.over();
    hiring.fair();
}

/// It delivers, and keeps its secret to itself: what the members tell the requester has it left out.
#[test]
fn a_member_that_withholds_its_secret_is_left_out() {
    let mut hiring = Hiring::new(3, 2);
    hiring.fund();
    hiring.way = Some(Box::new(|from, _, body| {
        let is_withheld = from == 2 && body.starts_with(b"NXYK1");
        (!is_withheld).then(|| body.to_vec())
    }));
    // It would settle by itself with the others' secrets.
    hiring.work_all();
    hiring.all[2].is_gone = true;
    let round = hiring.figures.layer_height + 2 * u32::from(ROUND);
    hiring.mine_to(round + 4);
    assert_eq!(hiring.read().unwrap(), RESULT, "{:?}", hiring.refused);
    assert_eq!(hiring.figure(REQUESTER, "round"), 1);
    hiring.mine(2);
    hiring.over();
    hiring.fair();
}

/// The requester tells one of three nothing from the closing on: the others do, and it is paid.
#[test]
fn whom_the_requester_cuts_off_its_fellows_tell() {
    for cut in FIRST..4 {
        let mut hiring = Hiring::new(3, 2);
        hiring.fund();
        hiring.way = Some(Box::new(move |from, to, body| {
            let is_kept = [&b"NXYC1"[..], b"NXYG1"];
            let is_kept = is_kept.iter().any(|kind| body.starts_with(kind));
            (from != REQUESTER || to != cut || !is_kept).then(|| body.to_vec())
        }));
        let before = hiring.balance(cut);
        hiring.work_all();
        hiring.mine(1);
        assert_eq!(hiring.read().unwrap(), RESULT);
        hiring.mine(2);
        let earned = hiring.balance(cut).checked_sub(before).unwrap();
        assert!(earned + Amount::from_sat(2_000) > AMOUNT, "{earned}");
        hiring.over();
    }
}

/// It takes all others: whom its fellows tell nothing either has no closing to deliver for, and is left out.
#[test]
fn whom_all_cut_off_is_left_out() {
    let mut hiring = Hiring::new(3, 2);
    hiring.fund();
    let cut = 2;
    hiring.way = Some(Box::new(move |_, to, body| {
        (to != cut || !body.starts_with(b"NXYC1")).then(|| body.to_vec())
    }));
    let before = hiring.balance(cut);
    hiring.work_all();
    let round = hiring.figures.layer_height + 2 * u32::from(ROUND);
    hiring.mine_to(round + 4);
    assert_eq!(hiring.read().unwrap(), RESULT, "{:?}", hiring.refused);
    assert_eq!(hiring.balance(cut), before);
    hiring.mine(2);
    hiring.over();
    hiring.fair();
}

/// A fellow hears nothing of another directly, and the requester is honest: what it passes on suffices.
#[test]
fn members_without_a_link_between_them_are_paid_by_those_with_one() {
    let mut hiring = Hiring::new(3, 2);
    hiring.fund();
    hiring.way = Some(Box::new(|from, to, body| {
        let is_broken = matches!((from, to), (1, 2) | (2, 1));
        (!is_broken).then(|| body.to_vec())
    }));
    (FIRST..4).for_each(|at| hiring.work(at, RESULT));
    // The second waits for the first's layer until its turn.
    let layers = hiring.figures.layer_height;
    hiring.mine_to(layers + u32::from(ROUND) + 1);
    hiring.mine(3);
    assert_eq!(hiring.read().unwrap(), RESULT, "{:?}", hiring.refused);
    hiring.over();
    hiring.fair();
}
