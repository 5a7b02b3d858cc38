//! Purses without a key, and service for whoever brings pennies.

use crate::bank_support;

use bank_support::{open, rng, secret, terms};
use narthex_channel::bank::{Meter, MeterError, Purse};
use narthex_contracts::bank::{AdaptorCommitment, AdaptorCommitments, BankError, Penny};

#[test]
fn a_stolen_purse_is_worth_its_budget() {
    let (mut payer, mut provider) = open(&terms(100_000));
    provider
        .take_commitments(&payer.commitments(4, &mut rng()).unwrap())
        .unwrap();
    provider.accept(&payer.pay(600).unwrap()).unwrap();
    let (mut purse, commitments) = payer.purse(2_000, &mut rng()).unwrap();
    provider.take_commitments(&commitments).unwrap();
    let mut meter = Meter::new(10, 600);
    for _ in 0..50 {
        let penny = purse.pay(10).unwrap();
        meter.serve(&mut provider, 1, Some(&penny)).unwrap();
    }
    // The thief restores it from what it stole and spends what is left: 1,500 pennies, and no more.
    let top = purse.pay(1_500).unwrap();
    let mut stolen = Purse::restore(top, 1_100).unwrap();
    assert_eq!(
        provider.accept(&stolen.pay(1_500).unwrap()).unwrap().fresh,
        1_500
    );
    assert!(matches!(
        stolen.pay(1),
        Err(BankError::Spent { left: 0, .. })
    ));
    let more = Penny {
        index: 2_601,
        ..top
    };
    assert!(provider.accept(&more).is_err());
    // The owner pays on above the budget.
    provider
        .take_commitments(&payer.commitments(2, &mut rng()).unwrap())
        .unwrap();
    assert_eq!(
        provider.accept(&payer.pay(5).unwrap()).unwrap().total,
        2_605
    );
    assert!(payer.purse(1_000_000, &mut rng()).is_err());
}

#[test]
fn whoever_asks_brings_the_pennies() {
    let (mut payer, mut provider) = open(&terms(10_000));
    provider
        .take_commitments(&payer.commitments(4, &mut rng()).unwrap())
        .unwrap();
    let mut meter = Meter::new(7, 0);
    assert!(matches!(
        meter.serve(&mut provider, 1, None),
        Err(MeterError::Due {
            due: 7,
            credit: 0,
            ..
        })
    ));
    let penny = payer.pay(10).unwrap();
    meter.serve(&mut provider, 1, Some(&penny)).unwrap();
    // The same penny again buys nothing, and neither does what is left of it.
    assert!(meter.serve(&mut provider, 1, Some(&penny)).is_err());
    assert_eq!((meter.credit(&provider), meter.due(&provider, 1)), (3, 4));
    meter
        .serve(&mut provider, 1, Some(&payer.pay(4).unwrap()))
        .unwrap();
    assert_eq!(meter.served(), 14);
    assert!(meter.serve(&mut provider, u32::MAX, None).is_err());
}

/// A leap on a false commitment: the penny is genuine and kept, and buys nothing.
#[test]
fn a_false_commitment_buys_nothing() {
    let (mut payer, mut provider) = open(&terms(100_000));
    let lie = secret(77).secret_bytes();
    let commitment =
        AdaptorCommitment::sign(payer.bank(), &secret(1), 50_000, &lie, &mut rng()).unwrap();
    let (bank, commitments) = (provider.bank().terms().bank(), vec![commitment]);
    provider
        .take_commitments(&AdaptorCommitments { bank, commitments })
        .unwrap();
    let mut meter = Meter::new(10, 0);
    let leap = payer.pay(50_000).unwrap();
    let refused = meter.serve(&mut provider, 1, Some(&leap));
    assert_eq!(refused, Err(MeterError::Cheated));
    assert_eq!(
        meter.serve(&mut provider, 1, None),
        Err(MeterError::Cheated)
    );
    assert_eq!((meter.served(), provider.paid()), (0, 50_000));
}
