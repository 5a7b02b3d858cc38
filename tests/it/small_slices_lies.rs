//! What is said in gated slices and is not true.

use bitcoin::{
    hashes::Hash as _,
    secp256k1::rand::{Rng as _, SeedableRng as _, rngs::StdRng},
};
use narthex::{
    channel::slice::{SliceFigures, SliceTalk},
    small::{SmallHeard, Talk, check_ask, members, named_at},
};
use narthex_base::codec::Message as _;

use crate::small_slices_support::{
    ASK, CLIENT, FIRST, FUND_BLOCKS, RESULT, Slicing, consent, node_of, work,
};

/// What is done to the bytes of a message.
type Lie<'a> = dyn Fn(&mut Vec<u8>) + 'a;

/// Each message of an honest slice is altered in its turn, and the true one is never said: whoever it comes to panics at nothing, every price is
/// claimed or goes back, nothing is read that was not paid, and nothing is gone but fees.
#[test]
fn whichever_message_is_a_lie_it_ends_fairly() {
    let seed = std::env::var("NARTHEX_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(7u64);
    println!("NARTHEX_SEED={seed}");
    let messages = {
        let mut slicing = Slicing::new(3, 2);
        slicing.fund();
        slicing.work_all();
        slicing.taken
    };
    let (mut paid, mut refused) = (0, 0);
    for lie in 0..messages {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(lie as u64));
        let mut slicing = Slicing::new(3, 2);
        let mut said = 0;
        slicing.way = Some(Box::new(move |_, _, body| {
            let mut body = body.to_vec();
            if said == lie {
                // Behind its kind.
                let at = rng.gen_range(5..body.len());
                body[at] ^= 1 << rng.gen_range(0..8);
            }
            said += 1;
            Some(body)
        }));
        slicing.settle();
        slicing.mine(1);
        slicing.funded = slicing.figures.fund_height - FUND_BLOCKS + 1;
        slicing.mine(1);
        for at in slicing.seats() {
            // Where nothing was funded nobody has worked, and it may be too late.
            let _ = slicing.all[at].host.side_mut().give(&work(1, RESULT));
        }
        slicing.settle();
        slicing.mine(FUND_BLOCKS);
        slicing.end();
        slicing.fair();
        refused += usize::from(!slicing.refused.is_empty());
        if let Some(read) = slicing.read() {
            assert_eq!(read, RESULT);
            paid += 1;
        }
    }
    println!("{messages} lies: {refused} were refused, {paid} slices were paid all the same");
    assert!(refused * 2 > messages, "{refused} of {messages}");
    assert!(paid * 2 > messages, "{paid} of {messages}");
}

/// Whoever says what is another's to say is refused, and so is what is altered.
#[test]
fn what_is_anothers_to_say_is_refused() {
    let mut slicing = Slicing::new(3, 2);
    slicing.fund();
    slicing.work_all();
    let changes = slicing.changes();
    let terms = [3; 32];
    let all = vec![vec![1; 40]];
    let talks = [
        SliceTalk::Nonces {
            terms,
            all: all.clone(),
        },
        SliceTalk::Shares { terms, all },
        SliceTalk::Terms {
            json: b"{}".to_vec(),
            dealings: Vec::new(),
        },
        SliceTalk::Lacks { terms, post_of: 0 },
    ];
    for talk in &talks {
        let body = talk.to_bytes();
        // A provider to another, and the client to one that has signed.
        for from in [Talk::Peer(2), Talk::Peer(0)] {
            let heard = slicing.hear(FIRST, from, &body);
            assert!(matches!(heard, SmallHeard::Refused(_)), "{heard:?}");
        }
    }
    let said = slicing.all[2].posted.clone();
    let mut altered = 0;
    for (to, body) in said.iter().filter(|(_, body)| body[..4] != *b"NXGT") {
        let mut body = body.clone();
        *body.last_mut().unwrap() ^= 1;
        let heard = slicing.hear(*to, crate::small_several_support::talk(*to, 2), &body);
        assert!(matches!(heard, SmallHeard::Refused(_)), "{heard:?}");
        altered += 1;
    }
    assert_eq!(altered, 6, "post and bundle, to each");
    assert_eq!(slicing.changes(), changes);
}

/// A post that its provider changes behind the first: nobody takes the second, and what was posted is what is paid for.
#[test]
fn a_second_post_is_refused_by_all() {
    let mut one = Slicing::new(3, 2);
    one.fund();
    one.work_all();
    // The same terms in another life of the same provider, which comes to something else.
    let mut other = Slicing::new(3, 2);
    other.fund();
    other.work(2, &work(1, b"forty-three"));
    other.settle();
    let is_post = |body: &&(usize, Vec<u8>)| body.1.starts_with(b"NXGC1");
    let said: Vec<_> = other.all[2]
        .posted
        .iter()
        .filter(is_post)
        .cloned()
        .collect();
    assert_eq!(said.len(), 3);
    for (to, body) in said {
        let heard = one.hear(to, crate::small_several_support::talk(to, 2), &body);
        // Each ceremony has a salt of its own: it is of another slice.
        assert!(
            matches!(&heard, SmallHeard::Refused(why) if why.contains("another slice")),
            "{heard:?}"
        );
    }
}

/// A provider whose disk went back behind its post posts nothing else, whatever its owner gives it; the same again it does.
#[test]
fn who_posts_again_behind_a_disk_that_went_back_posts_the_same() {
    for (given, is_same) in [(work(1, RESULT), true), (work(1, b"forty-three"), false)] {
        let mut slicing = Slicing::new(3, 2);
        slicing.fund();
        // Its disk as it was before it worked.
        let before = slicing.all[2].host.snapshot();
        slicing.start(2);
        slicing.work(2, &work(1, RESULT));
        slicing.settle();
        let said = slicing.all[2].posted.clone();
        let posts = |said: &std::collections::BTreeSet<(usize, Vec<u8>)>| {
            let all = said.iter().filter(|(_, body)| body.starts_with(b"NXGC1"));
            all.map(|(_, body)| body.clone())
                .collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(posts(&said).len(), 1);
        slicing.all[2].host.put_back(before);
        slicing.start(2);
        for (_, body) in &said {
            slicing.all[2].host.side_mut().came_back(body).unwrap();
        }
        // A bundle that comes before its owner has given the work again waits.
        slicing.work(1, &work(1, RESULT));
        slicing.work(3, &work(1, RESULT));
        slicing.settle();
        slicing.work(2, &given);
        slicing.settle();
        assert_eq!(posts(&slicing.all[2].posted), posts(&said), "no other post");
        assert_eq!(slicing.standing(2) == "forgotten", !is_same);
        slicing.mine(1);
        assert_eq!(slicing.read().unwrap(), RESULT);
        slicing.end();
        let expected = if is_same { [3, 0] } else { [2, 1] };
        assert_eq!(slicing.ends(), expected, "{:?}", slicing.refused);
        slicing.fair();
    }
}

/// Providers that were asked by different asks have no id in common to speak under: no terms are those of both.
#[test]
fn nobody_signs_with_others_who_were_asked_otherwise() {
    let mut slicing = Slicing::new(3, 2);
    slicing.deceived.set(Some(2));
    slicing.start(2);
    slicing.settle();
    assert_eq!((slicing.standing(CLIENT), slicing.waiting()), ("new", 0));
    assert!(!slicing.refused.is_empty());
    slicing.mine(FUND_BLOCKS + 1);
    slicing.over();
    slicing.fair();
}

/// What a provider brings does not hold: nothing is begun with it, and the client is over when the time for the funding is.
#[test]
fn what_a_provider_brings_is_looked_at() {
    let alter: [&Lie; 4] = [
        &|bytes| bytes.clear(),
        // A signature of its node.
        &|bytes| bytes[120] ^= 1,
        // A script that is no P2TR.
        &|bytes| {
            let at = bytes.len() - 34;
            bytes[at] ^= 1;
        },
        &|bytes| bytes.push(0),
    ];
    for (at, alter) in alter.iter().enumerate() {
        let mut slicing = Slicing::with(2, 2, |of, consent| {
            let mut bytes = consent.to_bytes();
            if of == 2 {
                alter(&mut bytes);
            }
            bytes
        });
        slicing.settle();
        assert_eq!(slicing.standing(CLIENT), "refused", "{at}");
        assert_eq!(slicing.figure(CLIENT, "refused_provider"), 2);
        slicing.mine(FUND_BLOCKS + 1);
        slicing.over();
        slicing.fair();
    }
}

/// A client that puts a key of its own in a provider's place: no other provider deals with it.
#[test]
fn nobody_stands_in_for_a_provider() {
    let mut slicing = Slicing::new(3, 2);
    let mut call = None;
    slicing.settle();
    for (_, body) in &slicing.all[CLIENT].posted {
        if let Ok(talk @ SliceTalk::Call { .. }) = SliceTalk::from_bytes(body) {
            call = Some(talk);
        }
    }
    let Some(SliceTalk::Call {
        salt,
        client,
        enrolled,
    }) = call
    else {
        panic!("no call");
    };
    // In a life in which it has signed nothing.
    let mut slicing = Slicing::new(3, 2);
    slicing.way = Some(Box::new(|_, _, _| None));
    slicing.settle();
    let true_call = |enrolled: &[_]| SliceTalk::Call {
        salt,
        client,
        enrolled: enrolled.to_vec(),
    };
    let heard = |slicing: &mut Slicing, talk: &SliceTalk| {
        slicing.hear(FIRST, Talk::Peer(0), &talk.to_bytes())
    };
    // The first node in the second's seat; a key of another ask; two swapped; one too few.
    let one = &mut slicing.all[FIRST];
    let own_in_second = consent(one, 1, ASK).enrolment;
    let of_other_ask = consent(&mut slicing.all[2], 1, [9; 32]).enrolment;
    let mut false_calls = Vec::new();
    for (seat, with) in [(1, own_in_second), (1, of_other_ask)] {
        let mut all = enrolled.clone();
        all[seat] = with;
        false_calls.push(all);
    }
    let mut swapped = enrolled.clone();
    swapped.swap(1, 2);
    false_calls.push(swapped);
    false_calls.push(enrolled[..2].to_vec());
    for all in &false_calls {
        let why = heard(&mut slicing, &true_call(all));
        assert!(matches!(why, SmallHeard::Refused(_)), "{why:?}");
    }
    assert_eq!(
        heard(&mut slicing, &true_call(&enrolled)),
        SmallHeard::Taken
    );
    // Nobody works off more calls than there are attempts.
    let mut answers = (0..40).map(|_| heard(&mut slicing, &true_call(&enrolled)));
    assert!(answers.any(|heard| matches!(heard, SmallHeard::Refused(_))));
}

/// A node looks at what it is asked for before its owner does.
#[test]
fn asks_that_cannot_be_are_turned_away() {
    let slicing = Slicing::new(3, 2);
    let tip = slicing.figures.fund_height - FUND_BLOCKS;
    let node = node_of(&slicing.all[2]);
    let check = |figures: &SliceFigures| check_ask(&figures.to_bytes(), (&node, &node), tip);
    check(&slicing.figures).unwrap();
    let bytes = slicing.figures.to_bytes();
    let met = members(&bytes, &node);
    let places: Vec<_> = met
        .iter()
        .map(|member| (member.place, member.asks))
        .collect();
    assert_eq!(places, [(1, false), (3, true)]);
    assert_eq!(named_at(&bytes, &node).unwrap(), "127.0.0.1:1");
    let bad: [&dyn Fn(&mut SliceFigures); 10] = [
        &|figures| figures.seats[1].node = figures.seats[0].node,
        &|figures| {
            figures.seats.remove(1);
        },
        &|figures| figures.seats.truncate(1),
        &|figures| figures.seats.clear(),
        &|figures| figures.quorum = 4,
        &|figures| figures.quorum = 1,
        &|figures| figures.post_blocks = 2,
        &|figures| figures.refund_blocks = figures.post_blocks + 2,
        &|figures| figures.price = bitcoin::Amount::from_sat(300),
        &|figures| figures.fund_height -= FUND_BLOCKS,
    ];
    for (at, change) in bad.iter().enumerate() {
        let mut figures = slicing.figures.clone();
        change(&mut figures);
        let why = check(&figures).unwrap_err();
        println!("{at}: {why}");
    }
    let most = bitcoin::Amount::MAX_MONEY;
    let rich = SliceFigures {
        price: most,
        ..slicing.figures.clone()
    };
    check(&rich).unwrap_err();
    assert_eq!(slicing.figures.job.to_byte_array(), [9; 32]);
}
