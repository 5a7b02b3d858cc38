//! What is said in bounties and is not true.

use bitcoin::secp256k1::rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use narthex::{
    channel::bounty::{BountyFigures, BountyTalk},
    small::{SmallHeard, Talk, check_ask, members},
};
use narthex_base::codec::Message as _;

use crate::small_bounty_support::{FIRST, Hiring, LAYER_BLOCKS, REQUESTER, RESULT};

/// Each message of an honest bounty is altered in its turn, and the true one is never said: whoever it comes to panics at nothing, nobody is
/// paid for what was not read, nothing is read that was not paid, and nothing is gone but fees.
#[test]
fn whichever_message_is_a_lie_it_ends_fairly() {
    let seed = std::env::var("NARTHEX_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(7u64);
    println!("NARTHEX_SEED={seed}");
    let messages = {
        let mut hiring = Hiring::new(3, 2);
        hiring.fund();
        hiring.work_all();
        hiring.taken
    };
    let (mut settled, mut refused) = (0, 0);
    for lie in 0..messages {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(lie as u64));
        let mut hiring = Hiring::new(3, 2);
        let mut said = 0;
        hiring.way = Some(Box::new(move |_, _, body| {
            let mut body = body.to_vec();
            if said == lie {
                // Behind its kind.
                let at = rng.gen_range(5..body.len());
                body[at] ^= 1 << rng.gen_range(0..8);
            }
            said += 1;
            Some(body)
        }));
        hiring.settle();
        hiring.mine(2);
        hiring.work_all();
        let refund_height = hiring.figures.refund_height;
        hiring.mine_to(refund_height + 4);
        hiring.over();
        hiring.fair();
        settled += usize::from(hiring.read().is_some());
        refused += usize::from(!hiring.refused.is_empty());
        if let Some(read) = hiring.read() {
            assert_eq!(read, RESULT);
        }
    }
    println!(
        "{messages} lies: {refused} were refused, {settled} bounties were settled all the same"
    );
    assert!(refused * 2 > messages, "{refused} of {messages}");
    assert!(settled * 2 > messages, "{settled} of {messages}");
}

/// Whoever says what is another's to say is refused, and so is what is of no kind that is heard.
#[test]
fn what_is_anothers_to_say_is_refused() {
    let mut hiring = Hiring::new(3, 2);
    hiring.fund();
    hiring.work_all();
    let changes = hiring.changes();
    let terms = [3; 32];
    let all = vec![vec![1; 40]];
    let talks = [
        BountyTalk::Nonces {
            terms,
            all: all.clone(),
        },
        BountyTalk::Shares { terms, all },
        BountyTalk::Terms {
            json: b"{}".to_vec(),
        },
    ];
    for talk in &talks {
        let body = talk.to_bytes();
        // A recomputer to another, and the requester to one that has signed.
        for from in [Talk::Peer(2), Talk::Peer(0)] {
            let heard = hiring.hear(FIRST, from, &body);
            assert!(matches!(heard, SmallHeard::Refused(_)), "{heard:?}");
        }
    }
    let all = hiring.all[REQUESTER].posted.clone();
    let mut altered = 0;
    for (to, body) in all.iter().filter(|(_, body)| body[..4] != *b"NXYT") {
        // The requester's words with a false end.
        let mut body = body.clone();
        *body.last_mut().unwrap() ^= 1;
        let heard = hiring.hear(*to, Talk::Peer(0), &body);
        assert!(matches!(heard, SmallHeard::Refused(_)), "{heard:?}");
        altered += 1;
    }
    assert!(altered >= 6, "seal, closing and grant to each: {altered}");
    assert_eq!(hiring.changes(), changes);
}

/// Members that were asked by different asks have no id in common to speak under: no terms are those of both.
#[test]
fn nobody_signs_with_others_who_were_asked_otherwise() {
    let mut hiring = Hiring::new(3, 2);
    hiring.deceived.set(Some(2));
    hiring.start(2);
    hiring.settle();
    assert_eq!((hiring.standing(REQUESTER), hiring.waiting()), ("new", 0));
    assert!(!hiring.refused.is_empty());
    let refund_height = hiring.figures.refund_height;
    hiring.mine_to(refund_height + 1);
    hiring.over();
    hiring.fair();
}

/// A node looks at what it is asked for before its owner does.
#[test]
fn asks_that_cannot_be_are_turned_away() {
    let hiring = Hiring::new(3, 2);
    let tip = hiring.figures.layer_height - LAYER_BLOCKS;
    let node = hiring.figures.seats[1].node;
    let check = |figures: &BountyFigures| check_ask(&figures.to_bytes(), (&node, &node), tip);
    check(&hiring.figures).unwrap();
    let met = members(&hiring.figures.to_bytes(), &node);
    let places: Vec<_> = met
        .iter()
        .map(|member| (member.place, member.asks))
        .collect();
    assert_eq!(places, [(1, false), (3, true)]);
    let of = |change: &dyn Fn(&mut BountyFigures)| {
        let mut figures = hiring.figures.clone();
        change(&mut figures);
        check(&figures)
    };
    let bad: [&dyn Fn(&mut BountyFigures); 8] = [
        &|figures| figures.seats[1].node = figures.seats[0].node,
        &|figures| {
            figures.seats.remove(1);
        },
        &|figures| figures.seats.clear(),
        &|figures| figures.quorum = 4,
        &|figures| figures.quorum = 0,
        &|figures| figures.round_blocks = 2,
        &|figures| figures.refund_height -= 9,
        &|figures| figures.seats[2].amount = bitcoin::Amount::from_sat(300),
    ];
    for (at, change) in bad.iter().enumerate() {
        let why = of(*change).unwrap_err();
        println!("{at}: {why}");
    }
    let late = |figures: &mut BountyFigures| {
        figures.layer_height = tip + 8;
    };
    of(&late).unwrap_err();
}
