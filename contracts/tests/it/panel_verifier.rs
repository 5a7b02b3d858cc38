//! A verifier is drawn from bonded offers like a panel, by client and worker, and takes no seat on the panel.

use crate::panel_support;

use bitcoin::{
    Amount, BlockHash,
    hashes::Hash,
    secp256k1::{Keypair, Secp256k1, rand::thread_rng},
};
use narthex_base::codec::Message;
use narthex_contracts::{
    enrolment::{Enrolment, EnrolmentFault, Scope},
    fixtures::Fixtures,
    panel::{
        AgreeError, AnswerSet, CaseError, Committing, DrawCase, DrawnVerifier, Offer, OfferRole,
        Order, Panel, Pool, Revealing, Seed, SeedBlock, SeedError, SeedNonce, TermsMismatch,
        Unacceptable, VerifierMismatch, Willingness,
    },
    terms::{Role, Terms},
};
use narthex_game_model::Template;
use panel_support::{
    TIMING, arbiter, digest, identity, mine, offer, offer_under, principals, standard_terms,
    verifier_terms,
};

const LEAST: Amount = Amount::from_sat(10_000);
const DRAWERS: [Role; 2] = [Role::Client, Role::Worker];

fn fixtures() -> Fixtures {
    Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap()
}

fn verifier_case(fixtures: &Fixtures) -> DrawCase {
    let [client, worker, _] = principals(fixtures);
    let terms = [verifier_terms()];
    DrawCase::for_verifier(fixtures.params(), [client, worker], &terms, LEAST, TIMING).unwrap()
}

fn panel_case(fixtures: &Fixtures) -> DrawCase {
    let terms = [standard_terms()];
    DrawCase::new(
        fixtures.params(),
        principals(fixtures),
        &terms,
        LEAST,
        TIMING,
    )
    .unwrap()
}

/// Arbiters 0 to 5 offer to judge; 4 to 9 to verify, with bonds of 10,000, 20,000, … sat.
fn pool() -> Pool {
    let mut pool = Pool::default();
    let arbiters = (0..6).map(|n| offer(n, 50_000, 10_300));
    let verifiers = (4..10).map(|n| offer_under(n, 10_000 * (n - 3), 10_301, &verifier_terms()));
    mine(&mut pool, 300, arbiters.chain(verifiers).collect());
    pool
}

fn order(case: &DrawCase, seed: u64) -> Order {
    let snapshot = pool().snapshot(case.rules()).unwrap();
    Order::draw(case, &snapshot, &Seed::from_bytes(digest("seed", seed))).unwrap()
}

/// Answers of these, shown by client and worker.
fn sets(order: &Order, willing: &[u64]) -> [AnswerSet; 2] {
    let secp = Secp256k1::new();
    let sign = |n: &u64| Willingness::sign(&secp, &arbiter(*n), order.id());
    DRAWERS.map(|by| AnswerSet {
        by,
        answers: willing.iter().map(sign).collect(),
    })
}

fn number(who: bitcoin::XOnlyPublicKey) -> u64 {
    (0..10).find(|n| identity(*n) == who).unwrap()
}

fn contract_pair(fixtures: &Fixtures) -> Keypair {
    Keypair::from_secret_key(&Secp256k1::new(), &fixtures.key(Role::Verifier))
}

#[test]
fn offers_are_drawn_for_what_they_are_offers_of() {
    let fixtures = fixtures();
    let [client, worker, _] = principals(&fixtures);
    let wrong = DrawCase::new(
        fixtures.params(),
        principals(&fixtures),
        &[standard_terms(), verifier_terms()],
        LEAST,
        TIMING,
    );
    assert_eq!(
        wrong,
        Err(CaseError::Role {
            index: 1,
            found: OfferRole::Verifier,
            wanted: OfferRole::Arbiter
        })
    );
    let terms = [standard_terms()];
    let wrong = DrawCase::for_verifier(fixtures.params(), [client, worker], &terms, LEAST, TIMING);
    assert_eq!(
        wrong,
        Err(CaseError::Role {
            index: 0,
            found: OfferRole::Arbiter,
            wanted: OfferRole::Verifier
        })
    );
    for seed in 0..20 {
        let drawn = |case: &DrawCase| {
            let order = order(case, seed);
            let mut all: Vec<u64> = order.entries().iter().map(|e| number(e.identity)).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(drawn(&verifier_case(&fixtures)), [4, 5, 6, 7, 8, 9]);
        assert_eq!(drawn(&panel_case(&fixtures)), [0, 1, 2, 3, 4, 5]);
        // Who offers both serves in one role of a contract.
        let without = panel_case(&fixtures).without(identity(4));
        assert_eq!(drawn(&without), [0, 1, 2, 3, 5]);
        assert_ne!(without.id(), panel_case(&fixtures).id());
    }
    // Nor does the order of one fill a seat of the other.
    let (verifiers, arbiters) = (
        order(&verifier_case(&fixtures), 1),
        order(&panel_case(&fixtures), 1),
    );
    let other = Panel::agree(&verifiers, &sets(&verifiers, &[4, 5, 6]));
    assert_eq!(
        other,
        Err(AgreeError::OtherRole {
            found: OfferRole::Verifier,
            wanted: OfferRole::Arbiter
        })
    );
    let other = DrawnVerifier::agree(&arbiters, &sets(&arbiters, &[0]));
    assert_eq!(
        other,
        Err(AgreeError::OtherRole {
            found: OfferRole::Arbiter,
            wanted: OfferRole::Verifier
        })
    );
    assert_eq!(Order::from_bytes(&verifiers.to_bytes()), Ok(verifiers));
}

/// Client and worker alone draw, with the discipline of a panel's seed; who looks on finds the same seed.
#[test]
fn client_and_worker_draw() {
    let case = verifier_case(&fixtures());
    let nonces = DRAWERS.map(|role| (role, SeedNonce::draw(&case, role, &mut thread_rng())));
    let mut committing = Committing::new(case.clone());
    let own = SeedNonce::draw(&case, Role::Verifier, &mut thread_rng());
    let no = SeedError::NotAPrincipal {
        role: Role::Verifier,
    };
    let refused = committing.accept(Role::Verifier, own.commitment(), 305);
    assert_eq!(refused, Err(no.clone()));
    committing
        .accept(Role::Client, nonces[0].1.commitment(), 305)
        .unwrap();
    assert_eq!(
        committing.close().unwrap_err(),
        SeedError::NotCommitted { from: Role::Worker }
    );
    committing
        .accept(Role::Worker, nonces[1].1.commitment(), 305)
        .unwrap();
    let block = SeedBlock {
        height: 306,
        hash: BlockHash::from_byte_array(digest("block", 1)),
        tip: 308,
    };
    let mut revealing: Revealing = committing.close().unwrap().open(block).unwrap();
    let mut shown = Vec::new();
    for (role, nonce) in &nonces {
        let opened = nonce.reveal(&revealing).unwrap();
        assert_eq!(revealing.accept(Role::Verifier, opened), Err(no.clone()));
        revealing.accept(*role, opened).unwrap();
        shown.push(opened);
    }
    let seed = revealing.finish().unwrap();
    assert_eq!(seed, Seed::of(&case, &shown, &block.hash));
    shown.swap(0, 1);
    assert_ne!(seed, Seed::of(&case, &shown, &block.hash));
}

#[test]
fn the_first_willing_one_is_seated_and_who_hides_it_is_named() {
    let case = verifier_case(&fixtures());
    let order = order(&case, 3);
    let first = order.entries()[0].identity;
    let all = [4, 5, 6, 7, 8, 9];
    let (drawn, report) = DrawnVerifier::agree(&order, &sets(&order, &all)).unwrap();
    assert_eq!(drawn.offer.identity, first);
    assert!(report.concealed.is_empty() && report.useless.is_empty());
    let mut hidden = sets(&order, &all);
    hidden[1].answers.retain(|answer| answer.identity != first);
    let (same, report) = DrawnVerifier::agree(&order, &hidden).unwrap();
    assert_eq!(same.offer, drawn.offer, "one honest party suffices");
    let [concealed] = report.concealed[..] else {
        panic!("{report:?}")
    };
    assert_eq!((concealed.by, concealed.arbiter), (Role::Worker, first));
    // Who was not drawn has no say, and nobody willing is nobody.
    let stranger = DrawnVerifier::agree(&order, &sets(&order, &[0])).unwrap_err();
    assert_eq!(
        stranger,
        AgreeError::TooFew {
            willing: 0,
            wanted: 1
        }
    );
    let alone = DrawnVerifier::agree(&order, &sets(&order, &all)[..1]);
    assert_eq!(
        alone.unwrap_err(),
        AgreeError::MissingSet { role: Role::Worker }
    );
}

/// Shares of the bonds are shares of the draws, to 5 σ.
#[test]
fn verifiers_are_drawn_in_proportion_to_their_bonds() {
    const DRAWS: u64 = 3_000;
    let case = verifier_case(&fixtures());
    let snapshot = pool().snapshot(case.rules()).unwrap();
    let weight = |n: u64| 10_000.0 * (n as f64 - 3.0);
    let total: f64 = (4..10).map(weight).sum();
    let mut first = [0_u32; 10];
    for n in 0..DRAWS {
        let seed = Seed::from_bytes(digest("proportion", n));
        let order = Order::draw(&case, &snapshot, &seed).unwrap();
        first[number(order.entries()[0].identity) as usize] += 1;
    }
    for n in 4..10 {
        let p = weight(n) / total;
        let (mean, sigma) = (p * DRAWS as f64, (DRAWS as f64 * p * (1.0 - p)).sqrt());
        let off = (f64::from(first[n as usize]) - mean).abs() / sigma;
        assert!(off < 5.0, "verifier {n}: {first:?}, {off} sigma");
    }
}

/// Whoever has the draw, the enrolment and the terms can tell whether the terms name who was drawn.
#[test]
fn terms_are_held_to_the_verifier_that_was_drawn() {
    let fixtures = fixtures();
    let terms: Terms = fixtures.terms().unwrap();
    let case = verifier_case(&fixtures);
    let order = order(&case, 5);
    let (drawn, _) = DrawnVerifier::agree(&order, &sets(&order, &[4, 5, 6, 7, 8, 9])).unwrap();
    let node = arbiter(number(drawn.offer.identity));
    let scope = Scope::Negotiation(*case.id());
    let enrol = |scope, role, node: &Keypair, key: &Keypair| {
        Enrolment::sign(scope, role, node, key).unwrap()
    };
    let own = contract_pair(&fixtures);
    let good = enrol(scope, Role::Verifier, &node, &own);
    assert_eq!(drawn.check_terms(&case, &terms, &good), Ok(()));

    // Somebody else than the one drawn, with the key that terms name.
    let friend = arbiter((number(drawn.offer.identity) + 1) % 6 + 4);
    let found = drawn.check_terms(&case, &terms, &enrol(scope, Role::Verifier, &friend, &own));
    assert_eq!(
        found,
        Err(VerifierMismatch::NotDrawn {
            drawn: drawn.offer.identity,
            enrolled: Box::new(friend.x_only_public_key().0)
        })
    );
    // The one drawn, and terms with another key.
    let other = enrol(scope, Role::Verifier, &node, &arbiter(77));
    let key = VerifierMismatch::Key {
        drawn: drawn.offer.identity,
    };
    assert_eq!(drawn.check_terms(&case, &terms, &other), Err(key));
    // Its enrolment for another draw, as something else, or by who has not its key.
    let elsewhere = Scope::Negotiation([1; 32]);
    let again = enrol(elsewhere, Role::Verifier, &node, &own);
    let fault = EnrolmentFault::OtherScope { found: elsewhere };
    assert_eq!(
        drawn.check_terms(&case, &terms, &again),
        Err(VerifierMismatch::Enrolment(fault))
    );
    let worker = enrol(scope, Role::Worker, &node, &own);
    assert!(drawn.check_terms(&case, &terms, &worker).is_err());
    let forged = Enrolment {
        node: node.public_key(),
        ..enrol(scope, Role::Verifier, &friend, &own)
    };
    assert!(drawn.check_terms(&case, &terms, &forged).is_err());
    // Other parameters, other parties, the draw of a panel.
    let later = Fixtures::example(Template::Hardened, 3, 2, 501, [7; 32]).unwrap();
    assert_eq!(
        drawn.check_terms(&case, &later.terms().unwrap(), &good),
        Err(VerifierMismatch::Params)
    );
    let strangers = Fixtures::example(Template::Hardened, 3, 2, 500, [8; 32]).unwrap();
    assert_eq!(
        drawn.check_terms(&case, &strangers.terms().unwrap(), &good),
        Err(VerifierMismatch::Principal { role: Role::Client })
    );
    assert_eq!(
        drawn.check_terms(&panel_case(&fixtures), &terms, &good),
        Err(VerifierMismatch::NotAVerifier)
    );
    // An offer that was not among those drawn.
    let mut foreign = drawn.clone();
    foreign.offer.terms_hash = standard_terms().hash();
    assert_eq!(
        foreign.check_terms(&case, &terms, &good),
        Err(VerifierMismatch::UnknownOffer {
            drawn: drawn.offer.identity
        })
    );

    // And the panel's draw leaves it out.
    let left_out = panel_case(&fixtures).without(drawn.offer.identity);
    let seats = |identities: &[u64]| Panel {
        arbiters: (identities.iter())
            .map(|n| {
                let tx = offer(*n, 50_000, 10_300);
                let offer = Offer::from_transaction(&tx, 300).unwrap().unwrap();
                narthex_contracts::panel::Entry {
                    identity: offer.identity,
                    outpoint: offer.outpoint,
                    value_sat: offer.value_sat,
                    expiry_height: offer.expiry_height,
                    terms_hash: offer.terms_hash,
                }
            })
            .collect(),
        transcript: [0; 32],
    };
    let own = number(drawn.offer.identity);
    assert_eq!(drawn.check_panel(&left_out, &seats(&[0, 1, 2])), Ok(()));
    let not = Err(VerifierMismatch::NotLeftOut {
        drawn: drawn.offer.identity,
    });
    assert_eq!(
        drawn.check_panel(&panel_case(&fixtures), &seats(&[0, 1, 2])),
        not
    );
    assert_eq!(drawn.check_panel(&left_out, &seats(&[0, own, 2])), not);
}

/// A contract that asks more of an arbiter than it offers names the arbiter and the figures.
#[test]
fn a_panel_is_held_to_its_offers() {
    let fixtures = fixtures();
    let terms = fixtures.terms().unwrap();
    let secp = Secp256k1::new();
    let case = panel_case(&fixtures);
    let seat = |i: u8, terms_hash| narthex_contracts::panel::Entry {
        identity: fixtures.identity(i).x_only_public_key(&secp).0,
        outpoint: panel_support::coin(u64::from(i)),
        value_sat: Amount::from_sat(50_000),
        expiry_height: 10_300,
        terms_hash,
    };
    let hash = standard_terms().hash();
    let panel = |hashes: [bitcoin::hashes::sha256::Hash; 3]| Panel {
        arbiters: vec![seat(0, hashes[0]), seat(1, hashes[1]), seat(2, hashes[2])],
        transcript: [0; 32],
    };
    assert_eq!(panel([hash; 3]).check_terms(&case, &terms), Ok(()));
    let drawn = seat(1, hash).identity;
    let narrow = verifier_terms().hash();
    assert_eq!(
        panel([hash, narrow, hash]).check_terms(&case, &terms),
        Err(TermsMismatch::UnknownOffer {
            seat: 1,
            drawn,
            terms: narrow
        })
    );
    let left_out = panel_case(&fixtures).without(drawn);
    assert_eq!(
        panel([hash; 3]).check_terms(&left_out, &terms),
        Err(TermsMismatch::BothRoles { seat: 1, drawn })
    );
    // Nobody draws among offers that the contract breaks; the message has both figures.
    let small = narthex_contracts::panel::OfferTerms {
        max_evidence_bytes: 1_000_000,
        ..standard_terms()
    };
    let [offers, broken] = [standard_terms(), small];
    let refused = DrawCase::new(
        fixtures.params(),
        principals(&fixtures),
        &[offers, broken],
        LEAST,
        TIMING,
    );
    let Err(CaseError::Unacceptable { index: 1, error }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        error,
        Unacceptable::Job {
            what: "bytes of evidence about a step",
            contract: 7_660_202,
            bound: 1_000_000
        }
    );
    let said = TermsMismatch::Offer {
        seat: 1,
        drawn,
        error: Box::new(error),
    }
    .to_string();
    assert!(
        said.contains(&drawn.to_string()) && said.contains("7660202") && said.contains("1000000"),
        "{said}"
    );
}
