//! Three parties arrive at the same panel alone, and whoever keeps a willing arbiter back is found out.

use crate::panel_support;
use narthex_base::codec::{DecodeError, Message};

use std::{collections::BTreeSet, sync::LazyLock};

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Secp256k1},
};
use narthex_contracts::{
    fixtures::Fixtures,
    panel::{
        AgreeError, AnswerSet, DrawCase, MAX_ANSWERS, Order, Panel, Seed, Snapshot, TermsMismatch,
        Willingness,
    },
    terms::Role,
};
use narthex_game_model::Template;
use panel_support::{arbiter, case, identity, mine, pool, principals, standard_terms};
use proptest::prelude::*;

const POOL: u64 = 12;

static DRAW: LazyLock<(DrawCase, Order)> = LazyLock::new(|| {
    let case = case(3, 2);
    let bonds = (0..POOL).map(|i| 10_000 * (i + 1)).collect::<Vec<_>>();
    let snapshot = pool(&bonds).snapshot(case.rules()).unwrap();
    let order = Order::draw(&case, &snapshot, &Seed::from_bytes([3; 32])).unwrap();
    (case, order)
});

static ANSWERS: LazyLock<Vec<Willingness>> = LazyLock::new(|| {
    let secp = Secp256k1::new();
    (0..POOL)
        .map(|n| Willingness::sign(&secp, &arbiter(n), DRAW.1.id()))
        .collect()
});

/// The answers of the arbiters whose bit is set.
fn set(by: Role, mask: u16) -> AnswerSet {
    let answers = (0..POOL as usize)
        .filter(|i| mask >> i & 1 == 1)
        .map(|i| ANSWERS[i])
        .collect();
    AnswerSet { by, answers }
}

fn sets(masks: [u16; 3]) -> Vec<AnswerSet> {
    Role::PRINCIPALS
        .into_iter()
        .zip(masks)
        .map(|(by, mask)| set(by, mask))
        .collect()
}

/// The first three willing arbiters of the order, straight from the definition.
fn expected(willing: u16) -> Vec<XOnlyPublicKey> {
    let all = (0..POOL).map(identity).collect::<Vec<_>>();
    let is_willing =
        |who: &XOnlyPublicKey| willing >> all.iter().position(|i| i == who).unwrap() & 1 == 1;
    let drawn = DRAW.1.entries().iter().map(|e| e.identity);
    drawn.filter(is_willing).take(3).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each party holds the three sets in an order of its own, with answers shuffled and repeated and with rubbish
    /// in between, and gets the panel of the definition. Exactly the missing answers of seated arbiters are
    /// reported.
    #[test]
    fn all_parties_arrive_at_the_panel_of_the_union(
        masks in any::<[u16; 3]>(), rotation in 0usize..3, repeat in any::<bool>(),
        rubbish in 0usize..3,
    ) {
        let masks = masks.map(|m| m & ((1 << POOL) - 1));
        let union = masks[0] | masks[1] | masks[2];
        let plain = sets(masks);
        let mut shuffled = plain.clone();
        shuffled.rotate_left(rotation);
        for set in &mut shuffled {
            set.answers.reverse();
            if repeat {
                set.answers.extend(set.answers.clone());
            }
            for stranger in 0..rubbish as u64 {
                set.answers.push(Willingness::sign(&Secp256k1::new(), &arbiter(100 + stranger), DRAW.1.id()));
            }
            *set = AnswerSet::from_bytes(&set.to_bytes()).unwrap();
        }
        let (a, b) = (Panel::agree(&DRAW.1, &plain), Panel::agree(&DRAW.1, &shuffled));
        let wanted = expected(union);
        if wanted.len() < 3 {
            prop_assert_eq!(a, Err(AgreeError::TooFew { willing: wanted.len(), wanted: 3 }));
            prop_assert!(b.is_err());
            return Ok(());
        }
        let (a, b) = (a.unwrap(), b.unwrap());
        prop_assert_eq!(&a.panel, &b.panel);
        prop_assert_eq!(&a.report.concealed, &b.report.concealed);
        prop_assert_eq!(b.report.useless.len(), 3 * rubbish);
        let seated = a.panel.arbiters.iter().map(|e| e.identity).collect::<Vec<_>>();
        prop_assert_eq!(&seated, &wanted);
        let reported = a.report.concealed.iter().map(|c| (c.by, c.arbiter.serialize())).collect::<BTreeSet<_>>();
        let mut missing = BTreeSet::new();
        for who in &seated {
            let n = (0..POOL).position(|n| identity(n) == *who).unwrap();
            for (by, mask) in Role::PRINCIPALS.into_iter().zip(masks) {
                if mask >> n & 1 == 0 {
                    missing.insert((by, who.serialize()));
                }
            }
        }
        prop_assert_eq!(reported, missing);
    }

    /// A party that hides every willing arbiter but its friends changes nothing, and is named for each seat.
    #[test]
    fn hiding_is_found_out_and_useless(willing in any::<u16>(), friends in any::<u16>(), hider in 0usize..3) {
        let willing = willing & ((1 << POOL) - 1);
        prop_assume!(willing.count_ones() >= 3);
        let honest = Panel::agree(&DRAW.1, &sets([willing; 3])).unwrap();
        prop_assert!(honest.report.concealed.is_empty() && honest.report.useless.is_empty());
        let mut masks = [willing; 3];
        masks[hider] &= friends;
        let agreed = Panel::agree(&DRAW.1, &sets(masks)).unwrap();
        prop_assert_eq!(&agreed.panel.arbiters, &honest.panel.arbiters);
        prop_assert!(agreed.report.concealed.iter().all(|c| c.by == Role::PRINCIPALS[hider] && c.shown_by.len() == 2));
        let hidden = honest.panel.arbiters.iter().filter(|e| {
            let n = (0..POOL).position(|n| identity(n) == e.identity).unwrap();
            masks[hider] >> n & 1 == 0
        }).count();
        prop_assert_eq!(agreed.report.concealed.len(), hidden);
        prop_assert_eq!(masks[hider] == willing, agreed.panel.transcript == honest.panel.transcript);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..300), count in any::<u32>()) {
        let _ = Willingness::from_bytes(&[b"NXW1", &tail[..]].concat());
        let _ = AnswerSet::from_bytes(&[b"NXWS1\x01", &tail[..]].concat());
        // A claimed length is checked before anything is allocated.
        let claimed = [b"NXWS1\x01", &count.to_be_bytes()[..], &tail].concat();
        if count > 3 {
            prop_assert!(AnswerSet::from_bytes(&claimed).is_err());
        }
        let bytes = ANSWERS[0].to_bytes();
        prop_assert_eq!(Willingness::from_bytes(&bytes), Ok(ANSWERS[0]));
    }
}

#[test]
fn answers_to_another_draw_or_by_another_key_do_not_count() {
    let secp = Secp256k1::new();
    let foreign = Willingness::sign(&secp, &arbiter(0), &[9; 32]);
    let forged = Willingness {
        identity: identity(1),
        ..Willingness::sign(&secp, &arbiter(2), DRAW.1.id())
    };
    let mut sets = sets([0b111 << 5; 3]);
    sets[1].answers.extend([foreign, forged]);
    let agreed = Panel::agree(&DRAW.1, &sets).unwrap();
    let useless = agreed.report.useless;
    assert_eq!(useless.len(), 2);
    assert!(useless.iter().all(|u| u.by == Role::Worker));
    assert!(
        agreed
            .panel
            .arbiters
            .iter()
            .all(|e| e.identity != identity(0) && e.identity != identity(1))
    );
}

#[test]
fn each_principal_shows_one_set_of_bounded_size() {
    let missing = Panel::agree(&DRAW.1, &sets([7; 3])[..2]);
    assert_eq!(
        missing,
        Err(AgreeError::MissingSet {
            role: Role::Verifier
        })
    );
    let twice = [
        set(Role::Client, 7),
        set(Role::Client, 7),
        set(Role::Worker, 7),
    ];
    assert!(Panel::agree(&DRAW.1, &twice).is_err());
    let mut flood = sets([7; 3]);
    flood[0].answers = vec![ANSWERS[0]; MAX_ANSWERS + 1];
    assert_eq!(
        Panel::agree(&DRAW.1, &flood),
        Err(AgreeError::TooMany {
            by: Role::Client,
            given: MAX_ANSWERS + 1
        })
    );
    assert!(AnswerSet::from_bytes(&flood[0].to_bytes()).is_err());
}

/// From offers to terms: the arbiters that were drawn, and only they, in drawn order, are those of the contract.
#[test]
fn terms_are_held_to_the_panel_that_was_drawn() {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    let secp = Secp256k1::new();
    let keys = (0..3)
        .map(|i| Keypair::from_secret_key(&secp, &fixtures.identity(i)))
        .collect::<Vec<_>>();
    let case = case(3, 2);
    let mut pool = panel_support::pool(&[]);
    assert_eq!(pool.tip().map(|t| t.0), Some(300));
    // The fixtures' arbiters offer; the seed is searched so that they are drawn in the order of the terms.
    let mut offers = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let draft = narthex_contracts::panel::OfferDraft::new(
            key.x_only_public_key().0,
            9_000,
            bitcoin::Amount::from_sat(50_000),
            &standard_terms(),
        )
        .unwrap();
        offers.push(panel_support::transaction(
            panel_support::coin(i as u64),
            draft.outputs().unwrap().to_vec(),
        ));
    }
    let tip = pool.tip().unwrap().1;
    let changes = pool.disconnect(tip).unwrap();
    pool.apply(&changes);
    mine(&mut pool, 300, offers);
    let snapshot = pool.snapshot(case.rules()).unwrap();
    let terms = fixtures.terms().unwrap();
    let mut verdicts = Vec::new();
    for n in 0..40u8 {
        let order = Order::draw(&case, &snapshot, &Seed::from_bytes([n; 32])).unwrap();
        let answers = keys
            .iter()
            .map(|k| Willingness::sign(&secp, k, order.id()))
            .collect::<Vec<_>>();
        let sets = Role::PRINCIPALS.map(|by| AnswerSet {
            by,
            answers: answers.clone(),
        });
        let panel = Panel::agree(&order, &sets).unwrap().panel;
        let in_order = panel
            .arbiters
            .iter()
            .zip(&keys)
            .all(|(e, k)| e.identity == k.x_only_public_key().0);
        let verdict = panel.check_terms(&case, &terms);
        assert_eq!(verdict.is_ok(), in_order, "{verdict:?}");
        verdicts.push(in_order);
        if in_order {
            let other = Fixtures::example(Template::Hardened, 3, 2, 501, [7; 32]).unwrap();
            assert_eq!(
                panel.check_terms(&case, &other.terms().unwrap()),
                Err(TermsMismatch::Params)
            );
            let stranger = Fixtures::example(Template::Hardened, 3, 2, 500, [8; 32]).unwrap();
            assert_eq!(
                panel.check_terms(&case, &stranger.terms().unwrap()),
                Err(TermsMismatch::Principal { role: Role::Client })
            );
        }
    }
    assert!(verdicts.contains(&true) && verdicts.contains(&false));
    assert_eq!(
        principals(&fixtures)[0],
        *case.principal(Role::Client).unwrap()
    );
}

/// Whole, cut, followed by more, and with each byte changed: read as it stands or refused.
fn kept<T: Message + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = value.to_bytes();
    assert_eq!(T::from_bytes(&bytes).as_ref(), Ok(value));
    for cut in 0..bytes.len() {
        assert!(T::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    let longer = T::from_bytes(&[&bytes[..], &[0]].concat());
    assert_eq!(longer, Err(DecodeError::Trailing { extra: 1 }));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        if let Ok(read) = T::from_bytes(&changed) {
            assert_eq!(read.to_bytes(), changed, "{at}");
            assert_ne!(&read, value, "{at}");
        }
    }
}

#[test]
fn what_a_draw_comes_to_is_kept_as_bytes() {
    let (case, order) = &*DRAW;
    let snapshot = pool(&[10_000, 20_000, 30_000])
        .snapshot(case.rules())
        .unwrap();
    kept(case.rules());
    kept(&snapshot);
    kept(order);
    let panel = Panel::agree(order, &sets([0xfff; 3])).unwrap().panel;
    kept(&panel);
    assert_eq!(panel.to_bytes().len(), 5 + 4 + 3 * 112 + 32);
    // The hash, which parties compare, is made of what is read.
    let read = Snapshot::from_bytes(&snapshot.to_bytes()).unwrap();
    assert_eq!(read.hash(), snapshot.hash());
    // Kind, rules with their length, block, number of entries, entries: out of order, twice, below the least bond.
    let bytes = snapshot.to_bytes();
    let entries = bytes.len() - 3 * 112;
    let with = |order: [usize; 3]| {
        let entry = |at: usize| &bytes[entries + at * 112..][..112];
        let changed = [
            &bytes[..entries],
            entry(order[0]),
            entry(order[1]),
            entry(order[2]),
        ];
        Snapshot::from_bytes(&changed.concat())
    };
    assert_eq!(with([0, 1, 2]).as_ref(), Ok(&snapshot));
    for wrong in [[1, 0, 2], [0, 0, 2]] {
        let refused = DecodeError::invalid("entries", "not in order");
        assert_eq!(with(wrong), Err(refused));
    }
    let mut poor = bytes.clone();
    poor[entries + 68..entries + 76].copy_from_slice(&1u64.to_be_bytes());
    let outpoint = snapshot.entries()[0].outpoint;
    let refused = DecodeError::invalid("entries", outpoint);
    assert_eq!(Snapshot::from_bytes(&poor), Err(refused));
}
