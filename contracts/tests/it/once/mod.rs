//! What serves one small contract serves it once, whatever a party is asked and however often it goes down. Each check
//! takes one party's record and a way to reopen it.

use std::{fmt::Debug, sync::Arc};

use bitcoin::{Amount, secp256k1::Secp256k1};
use narthex_contracts::{
    attest::{Attester, BoundRuling, RulingError},
    bank::{Bank, BankError, BankTerms, PayerOpening, Pebbles, ProviderOpening},
    binding::{BindError, conformance::Reopen},
    bounty::{BountyError, BountyTerms, recomputer_party, requester_party},
    deliver::{DeliverError, Sender},
    depth::Depth,
    setup::Agreement,
    slice::{SliceError, SliceTerms},
};

use narthex_game_model::Ruling;

use super::{bank_support, bounty_support, deliver_support, slice_support};

/// A source that repeats itself, or terms that are brought again: refused, and the record says for what it served.
fn is_used<T: Debug>(again: Result<T, BindError>, id: &[u8; 32]) {
    match again {
        Err(BindError::Used { bound_to, .. }) => assert_eq!(bound_to, *id),
        other => panic!("signed a second time: {other:?}"),
    }
}

/// Whether somebody could sign. Nothing but what was used before may stand in the way.
fn bound<T, E: std::fmt::Display>(
    made: Result<T, E>,
    bind: impl FnOnce(E) -> Result<BindError, E>,
) -> Result<(), BindError> {
    match made.map_err(bind) {
        Ok(_) => Ok(()),
        Err(Ok(error)) => Err(error),
        Err(Err(other)) => panic!("{other}"),
    }
}

/// A provider with the same shares: other terms of them, and the same once more.
pub fn shares(record: &mut impl Reopen<Store: Sized>) {
    let participants = slice_support::participants(2, 3, 7);
    // A source that repeats itself gives the same sharing.
    let shared = || slice_support::shared(&participants, &mut slice_support::rng(7));
    let (points, _) = shared();
    let data = slice_support::record(&participants, &points);
    let terms = data.clone().check().unwrap();
    let mut cheaper = data;
    cheaper.price_sat -= Amount::from_sat(1);
    let coin = &mut cheaper.contribution.coins[0];
    coin.value_sat -= Amount::from_sat(3);
    let cheaper = cheaper.check().unwrap();
    assert_ne!(terms.id(), cheaper.id());
    for round in 0..3 {
        let store = record.store().unwrap();
        let mut sign = |terms: &SliceTerms| {
            let (own, key) = (shared().1.remove(0), slice_support::key(0));
            bound(
                terms.provider_party(&key, &points, (own, Depth::LEAST), store),
                |e| match e {
                    SliceError::Bind(error) => Ok(error),
                    other => Err(other),
                },
            )
        };
        if round == 0 {
            sign(&terms).unwrap();
        }
        for again in [&terms, &cheaper] {
            is_used(sign(again), &terms.id());
        }
        record.reopen().unwrap();
    }
}

/// A client with the same salt.
pub fn slice_salts(record: &mut impl Reopen<Store: Sized>) {
    let participants = slice_support::participants(2, 3, 8);
    let (points, _) = slice_support::shared(&participants, &mut slice_support::rng(8));
    let (other, _) = slice_support::shared(&participants, &mut slice_support::rng(9));
    let terms = slice_support::record(&participants, &points)
        .check()
        .unwrap();
    let twin = slice_support::record(&participants, &other)
        .check()
        .unwrap();
    for round in 0..3 {
        let store = record.store().unwrap();
        let mut sign = |terms: &SliceTerms, points| {
            let salt = slice_support::drawn_salt(terms);
            bound(
                terms.client_party(&slice_support::secret(1), points, salt, store),
                |e| match e {
                    SliceError::Bind(error) => Ok(error),
                    other => Err(other),
                },
            )
        };
        if round == 0 {
            sign(&terms, &points).unwrap();
        }
        is_used(sign(&terms, &points), &terms.id());
        is_used(sign(&twin, &other), &terms.id());
        record.reopen().unwrap();
    }
}

/// Two terms of one call.
fn bounties() -> [Arc<BountyTerms>; 2] {
    let data = bounty_support::record(3, 2, 7);
    let mut later = data.clone();
    later.refund_height += 1;
    [data, later].map(|data| Arc::new(data.check().unwrap()))
}

/// A recomputer with the seed of its offer.
pub fn recomputer_seeds(record: &mut impl Reopen<Store: Sized>) {
    let [terms, later] = bounties();
    let (_, key) = bounty_support::roles(3).nth(1).unwrap();
    for round in 0..3 {
        let store = record.store().unwrap();
        let mut sign = |terms| {
            bound(
                recomputer_party(
                    terms,
                    0,
                    &key,
                    (bounty_support::seed(0), 100, Depth::LEAST),
                    store,
                ),
                |e| match e {
                    BountyError::Bind(error) => Ok(error),
                    other => Err(other),
                },
            )
        };
        if round == 0 {
            sign(&terms).unwrap();
        }
        is_used(sign(&terms), terms.id());
        is_used(sign(&later), terms.id());
        record.reopen().unwrap();
    }
}

/// A requester with the salt of its call.
pub fn bounty_salts(record: &mut impl Reopen<Store: Sized>) {
    let [terms, later] = bounties();
    let (_, key) = bounty_support::roles(3).next().unwrap();
    for round in 0..3 {
        let store = record.store().unwrap();
        let mut sign = |terms: &Arc<BountyTerms>| {
            let salt = bounty_support::drawn_salt(terms);
            bound(requester_party(terms, &key, salt, store), |e| match e {
                BountyError::Bind(error) => Ok(error),
                other => Err(other),
            })
        };
        if round == 0 {
            sign(&terms).unwrap();
        }
        is_used(sign(&terms), terms.id());
        is_used(sign(&later), terms.id());
        record.reopen().unwrap();
    }
}

fn opened(
    terms: &BankTerms,
    seed: [u8; 32],
    record: &mut impl Reopen<Store: Sized>,
) -> Result<(), BindError> {
    let fresh = bank_support::fresh(terms, seed);
    let bank = Bank::new(terms.clone()).unwrap();
    let (key, mut rng) = (bank_support::secret(1), bank_support::rng());
    let store = record.store().unwrap();
    bound(
        PayerOpening::new(bank, key, fresh, store, &mut rng),
        |e| match e {
            BankError::Bind(error) => Ok(error),
            other => Err(other),
        },
    )
}

/// A payer with one chain for two banks: who has been given all pennies of one has w_N, and is paid all of the other.
pub fn chains(record: &mut impl Reopen<Store: Sized>) {
    let one = bank_support::terms(1_000);
    let mut data = one.record().clone();
    data.salt = bitcoin::hashes::Hash::from_byte_array([99; 32]);
    bank_support::retip(&mut data);
    let two = data.check().unwrap();
    assert_ne!(one.bank(), two.bank());
    let last = |terms: &BankTerms| {
        let mut chain = Pebbles::new(terms.bank(), 1_000, bank_support::SEED, 0);
        chain.reveal(1_000).unwrap().secret
    };
    assert_eq!(
        last(&one),
        last(&two),
        "the attack: one secret pays all of both"
    );
    opened(&one, bank_support::SEED, record).unwrap();
    for _ in 0..2 {
        is_used(opened(&one, bank_support::SEED, record), &one.id());
        is_used(opened(&two, bank_support::SEED, record), &one.id());
        record.reopen().unwrap();
    }
    // The salt alone, with another chain.
    let mut data = one.record().clone();
    let tip = Pebbles::root(data.bank(), 1_000, [44; 32]);
    data.chain_root = bitcoin::hashes::Hash::from_byte_array(tip);
    let same_salt = data.check().unwrap();
    is_used(opened(&same_salt, [44; 32], record), &one.id());
}

/// A provider of a bank that is opened again, or under other terms.
pub fn banks_of_a_provider(record: &mut impl Reopen<Store: Sized>) {
    let one = bank_support::terms(1_000);
    let mut data = one.record().clone();
    data.refund_height += 1;
    let two = data.check().unwrap();
    assert_eq!(one.bank(), two.bank());
    answered(&one, record).unwrap();
    for _ in 0..2 {
        is_used(answered(&one, record), &one.id());
        is_used(answered(&two, record), &one.id());
        record.reopen().unwrap();
    }
}

fn answered(terms: &BankTerms, record: &mut impl Reopen<Store: Sized>) -> Result<(), BindError> {
    let bank = || Bank::new(terms.clone()).unwrap();
    let mut rng = bank_support::rng();
    let mut payers = narthex_contracts::binding::MemoryBindings::default();
    let fresh = bank_support::fresh(terms, bank_support::SEED);
    let key = bank_support::secret(1);
    let opening = PayerOpening::new(bank(), key, fresh, &mut payers, &mut rng);
    let (_, nonce) = opening.map_err(|e| e.to_string()).unwrap();
    let key = bank_support::secret(2);
    bound(
        ProviderOpening::new(bank(), key, nonce, record.store().unwrap(), &mut rng),
        |e| match e {
            BankError::Bind(error) => Ok(error),
            other => Err(other),
        },
    )
}

/// A sender whose source repeats itself, with another message or the same.
pub fn deliveries(record: &mut impl Reopen<Store: Sized>) {
    let mut first = None;
    for _ in 0..3 {
        for message in [deliver_support::MESSAGE, b"another"] {
            let (plan, mut rng) = (deliver_support::plan(2), deliver_support::rng());
            let (key, store) = (deliver_support::secret(1), record.store().unwrap());
            let made = Sender::new(plan, key, message, store, &mut rng);
            match (first, made) {
                (None, made) => first = Some(made.unwrap().delivery().terms().id()),
                (Some(id), Err(DeliverError::Bind(error))) => is_used(Err::<(), _>(error), &id),
                (_, made) => panic!("{made:?}"),
            }
        }
        record.reopen().unwrap();
    }
}

/// An arbiter that was restarted, and that is asked for the other ruling, of one contract and of another.
pub fn rulings(record: &mut impl Reopen<Store: Sized>) {
    let secp = Secp256k1::new();
    let identity = bank_support::secret(1);
    let name = identity.x_only_public_key(&secp).0;
    for (case, bound) in [
        ([1; 32], Ruling::WorkerAtFault),
        ([2; 32], Ruling::VerifierAtFault),
    ] {
        let mut signed = None;
        for _ in 0..3 {
            for asked in Ruling::ALL {
                let store = record.store().unwrap();
                // The first case is bound first to the first ruling, the second to the second.
                if signed.is_none() && asked != bound {
                    continue;
                }
                let attester = Attester::of(&identity, &case).unwrap();
                match BoundRuling::bind(&case, &name, asked, store) {
                    Ok(ruling) => {
                        assert_eq!((asked, ruling.ruling()), (bound, bound));
                        let attested = attester.attest(&secp, 0, ruling).unwrap();
                        assert_eq!(*signed.get_or_insert(attested), attested);
                    }
                    Err(error) => {
                        assert_ne!(asked, bound, "{error}");
                        assert_eq!(error, RulingError::Contradicts { bound, asked });
                    }
                }
            }
            record.reopen().unwrap();
        }
        assert!(signed.is_some());
    }
    // The case is of the contract and the arbiter: another one of a panel rules as it finds.
    let colleague = bank_support::secret(2).x_only_public_key(&secp).0;
    let (case, ruling) = ([1; 32], Ruling::VerifierAtFault);
    let mut of_colleague =
        || BoundRuling::bind(&case, &colleague, ruling, record.store().unwrap()).unwrap();
    // What was bound for one is attested by no other, nor in another contract.
    for (id, key) in [(case, &identity), ([3; 32], &bank_support::secret(2))] {
        let attester = Attester::of(key, &id).unwrap();
        let attested = attester.attest(&secp, 0, of_colleague());
        assert_eq!(attested, Err(RulingError::OtherCase));
    }
}

/// The tests of this page with records that `$new` makes: one for what is in memory, one for what is in files.
macro_rules! signed_once {
    ($new:expr) => {
        once::signed_once! { $new,
            shares_of_a_slice_sign_once: shares,
            a_salt_of_a_slice_signs_once: slice_salts,
            a_seed_of_a_recomputer_signs_once: recomputer_seeds,
            a_salt_of_a_bounty_signs_once: bounty_salts,
            a_chain_opens_one_bank: chains,
            a_provider_opens_a_bank_once: banks_of_a_provider,
            a_seed_of_a_delivery_serves_once: deliveries,
            a_case_is_ruled_once: rulings,
        }
    };
    ($new:expr, $($name:ident: $check:ident,)+) => {
        $(
            #[test]
            fn $name() {
                once::$check(&mut $new);
            }
        )+
    };
}
pub(crate) use signed_once;
