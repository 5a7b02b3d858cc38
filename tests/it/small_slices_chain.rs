//! What the chain does to gated slices: a funding that is lost, a claim that comes beside a refund; and what a false share and a false seal
//! leave behind.

use std::collections::BTreeMap;

use bitcoin::secp256k1::{SecretKey, rand::thread_rng};
use narthex::{
    channel::slice::SliceTalk,
    contracts::{
        derive::{OwnSalt, Salted},
        slice::{Bundle, Evidence, Post, SliceDealer, SliceDealing, SliceSource, SliceTerms, Work},
    },
    regtest::{ChainSource as _, Miner as _},
    small::SmallHeard,
};
use narthex_base::{codec::Message as _, tagged::tagged_hash_parts};

use crate::{
    common::miner,
    small_several_support::talk,
    small_slices_support::{ASK, CLIENT, FIRST, REFUND_BLOCKS, RESULT, Slicing, work},
};

const BUNDLE: &[u8] = b"NXGB1";

/// Whoever has posted goes on when the funding is in a block again, and nothing was shown for the one that was lost.
#[test]
fn a_funding_that_is_lost_is_waited_for() {
    let mut slicing = Slicing::new(3, 2);
    slicing.fund();
    slicing.work(1, &work(1, RESULT));
    slicing.work(2, &work(1, RESULT));
    slicing.settle();
    slicing.chain.reorg(2, &miner()).unwrap();
    slicing.start(1);
    slicing.settle();
    slicing.mine(2);
    slicing.funded = slicing.chain.height().unwrap() - 1;
    slicing.work(3, &work(1, RESULT));
    slicing.settle();
    slicing.mine(2);
    assert_eq!(slicing.read().unwrap(), RESULT, "{:?}", slicing.refused);
    slicing.end();
    assert_eq!(slicing.ends(), [3, 0]);
    slicing.fair();
}

/// It is paid by a share that comes when the refund waits already: its claim would be read and perhaps not paid, so it is not shown. A block
/// before it is in time.
#[test]
fn a_claim_is_not_shown_beside_a_refund_that_waits() {
    for (early, is_shown) in [(0, false), (1, true)] {
        let mut slicing = Slicing::new(2, 2);
        slicing.way = Some(Box::new(|_, _, body| {
            (!body.starts_with(BUNDLE)).then(|| body.to_vec())
        }));
        slicing.fund();
        slicing.work_all();
        let refund = slicing.funded + u32::from(REFUND_BLOCKS);
        slicing.mine_to(refund - 1 - early);
        let waiting = if is_shown { 0 } else { 4 };
        assert_eq!(slicing.waiting(), waiting, "two refunds and their children");
        let said = slicing.all[FIRST].posted.clone();
        let bundle = said
            .iter()
            .find(|(to, body)| *to == 2 && body.starts_with(BUNDLE));
        slicing.hear(2, talk(2, FIRST), &bundle.unwrap().1);
        slicing.settle();
        assert_eq!(slicing.figure(2, "shares"), 1);
        assert_eq!(slicing.waiting(), if is_shown { 2 } else { 4 });
        slicing.mine(1);
        let read = slicing.read();
        assert_eq!(read.is_some(), is_shown);
        slicing.end();
        let expected = if is_shown { [1, 1] } else { [0, 2] };
        assert_eq!((slicing.ends(), slicing.read()), (expected, read));
        slicing.fair();
    }
}

/// What somebody on the way has seen of a slice, with the keys of those who lie.
#[derive(Default)]
struct Seen {
    terms: Option<SliceTerms>,
    posts: BTreeMap<u8, Post>,
}

impl Seen {
    fn see(&mut self, body: &[u8]) {
        if let Ok(SliceTalk::Terms { json, .. }) = SliceTalk::from_bytes(body) {
            self.terms = Some(SliceTerms::from_json(&json).unwrap());
        }
        if let Ok(post) = Post::from_bytes(body) {
            self.posts.insert(post.from, post);
        }
    }
}

/// The terms that were signed, and all posts.
fn seen_of(slicing: &Slicing) -> (SliceTerms, BTreeMap<u8, Post>) {
    let mut seen = Seen::default();
    let said = slicing.all.iter().flat_map(|one| &one.posted);
    said.for_each(|(_, body)| seen.see(body));
    (seen.terms.unwrap(), seen.posts)
}

/// Something that is no share, released by the second provider to who has posted this.
fn lie_to(victim: &Post, terms: &SliceTerms, key: &SecretKey) -> Bundle {
    let done = Work {
        commitment: [1; 32],
        result: RESULT.to_vec(),
    };
    let shares = [(victim, SecretKey::new(&mut thread_rng()))];
    Bundle::sign(
        terms,
        (1, key),
        &done.root(terms),
        shares,
        &mut thread_rng(),
    )
    .unwrap()
}

/// It releases a share that is none to who has its root. Its fellow is paid by the third, and has proof when nobody is owed anything any more.
#[test]
fn a_false_share_is_evidence_behind_the_end() {
    let mut slicing = Slicing::new(3, 2);
    let key = slicing.all[2].host.key;
    let (mut seen, mut lie) = (Seen::default(), None);
    slicing.way = Some(Box::new(move |from, _, body| {
        seen.see(body);
        if from != 2 || !body.starts_with(BUNDLE) {
            return Some(body.to_vec());
        }
        let (terms, victim) = (seen.terms.as_ref().unwrap(), &seen.posts[&0]);
        let lie = lie.get_or_insert_with(|| lie_to(victim, terms, &key).to_bytes());
        Some(lie.clone())
    }));
    slicing.fund();
    slicing.work_all();
    // One is proof enough of as many as it tells.
    assert_eq!(slicing.figure(FIRST, "lies"), 1);
    let (terms_of, posts) = seen_of(&slicing);
    let again = lie_to(&posts[&0], &terms_of, &key).to_bytes();
    let changes = slicing.changes();
    assert_eq!(
        slicing.hear(FIRST, talk(FIRST, 2), &again),
        SmallHeard::Taken
    );
    assert_eq!(slicing.changes(), changes);
    slicing.mine(1);
    assert_eq!(slicing.read().unwrap(), RESULT);
    assert_eq!(
        slicing.delivered(FIRST),
        None,
        "others are owed something still"
    );
    slicing.end();
    let (what, bytes) = slicing.delivered(FIRST).unwrap();
    assert_eq!(what, "evidence");
    let evidence = Evidence::from_bytes(&bytes).unwrap();
    assert_eq!(evidence.verify(&terms_of), Ok(1));
    slicing.fair();
}

/// Both have sealed what is not their result: the client pays, and has proof of it against either.
#[test]
fn a_false_seal_is_evidence_for_the_client() {
    let mut slicing = Slicing::new(2, 2);
    let keys = [1, 2].map(|at: usize| slicing.all[at].host.key);
    let (mut seen, mut lies) = (Seen::default(), BTreeMap::new());
    slicing.way = Some(Box::new(move |_, _, body| {
        seen.see(body);
        let Ok(post) = Post::from_bytes(body) else {
            return Some(body.to_vec());
        };
        let lie = lies.entry(post.from).or_insert_with(|| {
            let mut sealed = post.clone().sealed;
            sealed.ciphertext[0] ^= 1;
            let terms = seen.terms.as_ref().unwrap();
            let by = (post.from, &keys[usize::from(post.from)]);
            let lie = Post::sign(terms, by, (post.commitment, sealed), &mut thread_rng());
            lie.unwrap().to_bytes()
        });
        Some(lie.clone())
    }));
    slicing.fund();
    slicing.work_all();
    slicing.mine(1);
    assert_eq!(slicing.figure(CLIENT, "opened"), 2);
    let (what, bytes) = slicing.delivered(CLIENT).unwrap();
    assert_eq!(what, "evidence");
    let evidence = Evidence::from_bytes(&bytes).unwrap();
    assert_eq!(evidence.verify(&seen_of(&slicing).0), Ok(0));
    slicing.end();
    slicing.fair();
}

/// Whoever reads its logs, as the operator of a database may, finds neither its shares of the others' secrets nor its own part of its secret.
#[test]
fn no_share_of_anothers_secret_is_on_a_disk() {
    let mut slicing = Slicing::new(3, 2);
    slicing.fund();
    slicing.work_all();
    slicing.mine(1);
    let (terms, dealings) = {
        let mut said = slicing.all[CLIENT].posted.iter();
        let found = said.find_map(|(_, body)| match SliceTalk::from_bytes(body) {
            Ok(SliceTalk::Terms { json, dealings }) => Some((json, dealings)),
            _ => None,
        });
        let (json, dealings) = found.unwrap();
        let read = dealings.iter().map(|of| SliceDealing::from_bytes(of));
        let read = read.collect::<Result<Vec<_>, _>>().unwrap();
        (SliceTerms::from_json(&json).unwrap(), read)
    };
    let participants = terms.participants();
    for at in slicing.seats() {
        let host = &mut slicing.all[at].host;
        let parts: [&[u8]; 2] = [&ASK, &participants.id()];
        let salt = OwnSalt::from_bytes(tagged_hash_parts("narthex/slice-seed-salt", &parts));
        let seed = Salted::new(&host.seed, salt).slice_seed();
        let mut source = SliceSource::new(seed, [0; 32]);
        let seat = (at - FIRST) as u8;
        let dealer = SliceDealer::new(participants.clone(), seat, host.key, &mut source).unwrap();
        let (_, shares) = dealer.finish(&dealings).unwrap();
        let bytes = shares.to_secret_bytes();
        // Kind and provider, its part, the number of shares, two of them.
        let secrets = [&bytes[6..38], &bytes[42..74], &bytes[74..]];
        let logs = host.snapshot();
        let entries = logs.iter().flat_map(|(_, entries)| entries);
        let entries: Vec<_> = entries.collect();
        assert!(entries.len() > 6);
        for secret in secrets {
            assert_eq!(secret.len(), 32);
            let mut all = entries.iter();
            assert!(!all.any(|entry| entry.windows(32).any(|part| part == secret)));
        }
    }
}
