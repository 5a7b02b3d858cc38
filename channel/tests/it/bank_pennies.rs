//! Pennies, commitments, purses: what a provider takes and what it refuses, without a chain.

use crate::bank_support;
use narthex_base::codec::Message as _;

use bank_support::{SEED, kept, open, public, record, retip, rng, secret, terms};
use bitcoin::{Amount, hashes::Hash};
use narthex_channel::bank::{Coin, Payer, Provider, ProviderDuty, ProviderRecord};
use narthex_contracts::bank::{
    AdaptorCommitments, Bank, BankError, Links, MAX_COMMITMENTS, Pebbles, Penny, Phase,
};
use narthex_contracts::builder::BuilderError;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the steps, pebbles give the secrets of the chain, in memory that grows with its logarithm.
    #[test]
    fn pebbles_are_the_chain(top in 1u32..3_000, steps in prop::collection::vec(1u32..400, 1..60)) {
        let (bank, links) = ([4; 32], Links::new(&[4; 32]));
        let mut pebbles = Pebbles::new(bank, top, SEED, 0);
        let mut at = 0;
        for step in steps {
            let Some(penny) = pebbles.reveal(step) else {
                prop_assert!(at + step > top);
                continue;
            };
            at += step;
            prop_assert_eq!(penny.index, at);
            prop_assert_eq!(penny.secret, links.down(top, SEED, at));
            prop_assert!(pebbles.held() <= 2 + top.ilog2() as usize);
        }
    }

    /// A penny with anything changed is refused and changes nothing; the true one is then still good.
    #[test]
    fn changed_pennies_do_not_pay(byte in 4usize..72, flip in 1u8..=255) {
        let (mut payer, mut provider) = open(&terms(10_000));
        provider.take_commitments(&payer.commitments(3, &mut rng()).unwrap()).unwrap();
        let penny = payer.pay(300).unwrap();
        let mut bytes = penny.to_bytes();
        bytes[byte] ^= flip;
        let before = provider.record();
        prop_assert!(provider.accept(&Penny::from_bytes(&bytes).unwrap()).is_err());
        prop_assert_eq!(provider.record(), before);
        prop_assert_eq!(provider.accept(&penny).unwrap().fresh, 300);
    }

    /// Bytes of any kind are refused without a panic.
    #[test]
    fn noise_is_no_message(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Penny::from_bytes(&bytes).is_err());
        prop_assert!(AdaptorCommitments::from_bytes(&bytes).is_err());
    }

    /// However payments and batches of commitments alternate, what is not enforceable stays below the allowance.
    #[test]
    fn exposure_is_bounded(steps in prop::collection::vec((1u32..700, 0usize..4), 1..14)) {
        let terms = terms(20_000);
        let (mut payer, mut provider) = open(&terms);
        for (count, batch) in steps {
            provider.take_commitments(&payer.commitments(batch, &mut rng()).unwrap()).unwrap();
            let Ok(penny) = payer.pay(count) else { break };
            match provider.accept(&penny) {
                Ok(taken) => {
                    prop_assert!(taken.total - taken.enforceable < terms.allowance(taken.enforceable));
                    prop_assert_eq!(taken.false_commitment, None);
                }
                Err(BankError::Unenforceable { .. }) => {}
                Err(e) => prop_assert!(false, "{e}"),
            }
        }
    }
}

#[test]
fn old_foreign_and_later_pennies() {
    let (mut payer, mut provider) = open(&terms(10_000));
    provider
        .take_commitments(&payer.commitments(8, &mut rng()).unwrap())
        .unwrap();
    let [first, second] = [payer.pay(10).unwrap(), payer.pay(10).unwrap()];
    // A lost penny costs nothing: the next one counts for both.
    assert_eq!(provider.accept(&second).unwrap().fresh, 20);
    for old in [first, second] {
        let refused = provider.accept(&old).unwrap_err();
        let index = old.index;
        assert_eq!(refused, BankError::Old { index, latest: 20 });
    }
    let mut other = record(10_000);
    other.salt = bitcoin::hashes::sha256::Hash::from_byte_array([8; 32]);
    retip(&mut other);
    let (mut stranger, _) = open(&other.check().unwrap());
    let foreign = stranger.pay(30).unwrap();
    assert_eq!(provider.accept(&foreign), Err(BankError::Foreign));
    // The same secret under this bank's name is no link of its chain.
    let bank = provider.bank().terms().bank();
    let renamed = Penny { bank, ..foreign };
    assert_eq!(
        provider.accept(&renamed),
        Err(BankError::Forged { index: 30 })
    );
    let beyond = Penny {
        index: 10_001,
        ..renamed
    };
    assert!(matches!(
        provider.accept(&beyond),
        Err(BankError::Beyond { .. })
    ));
}

#[test]
fn a_million_pennies_in_bounded_memory() {
    let terms = terms(1_000_000);
    let (mut payer, mut provider) = open(&terms);
    let (mut signed, mut secrets, mut held) = (0, 0, 0);
    while payer.left() > 0 {
        let penny = payer.pay(payer.left().min(250)).unwrap();
        let taken = match provider.accept(&penny) {
            Err(BankError::Unenforceable { .. }) => {
                let commitments = payer.commitments(16, &mut rng()).unwrap();
                signed += commitments.commitments.len();
                provider.take_commitments(&commitments).unwrap();
                provider.accept(&penny).unwrap()
            }
            taken => taken.unwrap(),
        };
        assert_eq!(taken.fresh, 250);
        secrets = secrets.max(payer.secrets_held());
        held = held.max(provider.commitments_held());
    }
    assert_eq!(provider.enforceable(), 1_000_000);
    println!(
        "{signed} commitments signed; at most {secrets} secrets and {held} commitments in memory"
    );
    assert!(signed < 200 && secrets <= 22 && held <= 17);
}

/// A payer that leaps beyond its commitments is refused and not stuck: the next commitment is at its last penny.
#[test]
fn a_leap_needs_one_commitment() {
    let (mut payer, mut provider) = open(&terms(1_000_000));
    provider
        .take_commitments(&payer.commitments(2, &mut rng()).unwrap())
        .unwrap();
    let covered = payer.covered();
    assert_eq!(covered, 1_499);
    provider.accept(&payer.pay(covered).unwrap()).unwrap();
    let passed = payer.pay(1).unwrap();
    let leap = payer.pay(700_000).unwrap();
    for penny in [&passed, &leap] {
        assert!(matches!(
            provider.accept(penny),
            Err(BankError::Unenforceable { .. })
        ));
    }
    let commitments = payer.commitments(1, &mut rng()).unwrap();
    assert_eq!(commitments.commitments[0].index, leap.index);
    provider.take_commitments(&commitments).unwrap();
    assert!(
        provider.accept(&passed).is_err(),
        "its commitment was passed by"
    );
    let taken = provider.accept(&leap).unwrap();
    assert_eq!((taken.fresh, taken.enforceable), (700_001, leap.index));
}

#[test]
fn a_false_commitment_shows_with_its_penny() {
    let (mut payer, mut provider) = open(&terms(10_000));
    let mut commitments = payer.commitments(2, &mut rng()).unwrap();
    // Commitment 500 under the point of another secret: the payer's own chain of another bank.
    let mut other = record(10_000);
    other.step = 500;
    other.salt = bitcoin::hashes::sha256::Hash::from_byte_array([8; 32]);
    retip(&mut other);
    let point = public(77);
    commitments.commitments[0].point = point;
    assert!(matches!(
        provider.take_commitments(&commitments),
        Err(BankError::Pact(BuilderError::Signature { .. }))
    ));
    assert_eq!(provider.commitments_held(), 0, "all or none");
    let lie = lying_commitment(&payer, 500, 77);
    let bank = commitments.bank;
    provider
        .take_commitments(&AdaptorCommitments {
            bank,
            commitments: vec![lie],
        })
        .unwrap();
    let taken = provider.accept(&payer.pay(700).unwrap()).unwrap();
    assert_eq!((taken.false_commitment, taken.enforceable), (Some(500), 0));
    assert!(matches!(
        provider.accept(&payer.pay(1).unwrap()),
        Err(BankError::Phase {
            phase: Phase::Cheated,
            ..
        })
    ));
    // The honest commitment of the same penny makes good for it: the provider may still claim.
    commitments.commitments = vec![payer_commitment(&payer, 500)];
    provider.take_commitments(&commitments).unwrap();
    assert_eq!(provider.enforceable(), 500);
    assert_eq!(
        provider.duty(10, Coin::Banked { is_deep: true }),
        ProviderDuty::ForceClose
    );
}

/// A commitment that a cheating payer signs under the point of `byte` instead of its penny's: as a payer whose chain has
/// that secret at the index would.
fn lying_commitment(
    payer: &Payer,
    index: u32,
    byte: u8,
) -> narthex_contracts::bank::AdaptorCommitment {
    narthex_contracts::bank::AdaptorCommitment::sign(
        payer.bank(),
        &secret(1),
        index,
        &secret(byte).secret_bytes(),
        &mut rng(),
    )
    .unwrap()
}

fn payer_commitment(payer: &Payer, index: u32) -> narthex_contracts::bank::AdaptorCommitment {
    let links = Links::new(&payer.bank().terms().bank());
    let secret = links.down(10_000, SEED, index);
    narthex_contracts::bank::AdaptorCommitment::sign(
        payer.bank(),
        &bank_support::secret(1),
        index,
        &secret,
        &mut rng(),
    )
    .unwrap()
}

#[test]
fn commitments_in_excess_and_out_of_place() {
    let (mut payer, mut provider) = open(&terms(1_000_000));
    let commitments = payer.commitments(4, &mut rng()).unwrap();
    let mut foreign = commitments.clone();
    foreign.bank[0] ^= 1;
    assert_eq!(provider.take_commitments(&foreign), Err(BankError::Foreign));
    // A commitment under another's number: its signature is of another claim.
    let mut moved = commitments.clone();
    moved.commitments[0].index += 1;
    assert!(matches!(
        provider.take_commitments(&moved),
        Err(BankError::Pact(BuilderError::Signature { .. }))
    ));
    for index in [0, 1, 293, 1_000_001, u32::MAX] {
        let mut absent = commitments.clone();
        absent.commitments[0].index = index;
        let taken = provider.take_commitments(&absent);
        // Commitment 0 pays nothing and is passed over; others are no commitments: dust, or beyond the last.
        assert_eq!(taken.is_ok(), index == 0, "{index}: {taken:?}");
        assert!(provider.commitments_held() <= 4);
    }
    // Twice the same is once.
    provider.take_commitments(&commitments).unwrap();
    provider.take_commitments(&commitments).unwrap();
    assert_eq!(provider.commitments_held(), 4);
    let bytes = commitments.to_bytes();
    assert_eq!(AdaptorCommitments::from_bytes(&bytes).unwrap(), commitments);
    for cut in 0..bytes.len() {
        assert!(AdaptorCommitments::from_bytes(&bytes[..cut]).is_err());
    }
    let mut count = bytes.clone();
    count[36..40].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(
        AdaptorCommitments::from_bytes(&count).is_err(),
        "nothing is allocated"
    );
}

#[test]
fn a_provider_keeps_no_more_than_its_limit() {
    let mut record = record(600_000);
    (record.step, record.shift) = (500, 31);
    let (mut payer, mut provider) = open(&record.check().unwrap());
    let first = payer.commitments(MAX_COMMITMENTS, &mut rng()).unwrap();
    provider.take_commitments(&first).unwrap();
    let more = payer.commitments(1, &mut rng()).unwrap();
    assert!(matches!(
        provider.take_commitments(&more),
        Err(BankError::AdaptorCommitment { .. })
    ));
    assert_eq!(provider.commitments_held(), MAX_COMMITMENTS);
}

#[test]
fn after_a_crash_nothing_is_lost() {
    let terms = terms(10_000);
    let (mut payer, mut provider) = open(&terms);
    provider
        .take_commitments(&payer.commitments(4, &mut rng()).unwrap())
        .unwrap();
    provider.accept(&payer.pay(800).unwrap()).unwrap();
    let again = |provider: &Provider| {
        let json = serde_json::to_string(&provider.record()).unwrap();
        let record: ProviderRecord = serde_json::from_str(&json).unwrap();
        Provider::restore(Bank::new(terms.clone()).unwrap(), secret(2), record).unwrap()
    };
    // The payer wrote its record and went down before it sent penny 850.
    payer.pay(50).unwrap();
    let bank = Bank::new(terms.clone()).unwrap();
    let mut payer = Payer::restore(bank, secret(1), &kept(SEED), payer.record()).unwrap();
    let mut restored = again(&provider);
    assert_eq!(restored.record(), provider.record());
    let penny = payer.last_penny().unwrap();
    assert_eq!(restored.accept(&penny).unwrap().total, 850);
    // It does not know which commitments it signed: the chain of commitments goes on at the last penny.
    let commitments = payer.commitments(2, &mut rng()).unwrap();
    assert_eq!(commitments.commitments[0].index, 850);
    restored.take_commitments(&commitments).unwrap();
    assert_eq!(restored.enforceable(), 850);
    // Records of other keys, seeds, banks or pennies are refused.
    let bank = || Bank::new(terms.clone()).unwrap();
    assert!(Payer::restore(bank(), secret(2), &kept(SEED), payer.record()).is_err());
    assert!(Payer::restore(bank(), secret(1), &kept([1; 32]), payer.record()).is_err());
    let mut forged = restored.record();
    forged.latest += 1;
    assert!(Provider::restore(bank(), secret(2), forged).is_err());
    let mut forged = restored.record();
    forged.force_close[40] ^= 1;
    assert!(Provider::restore(bank(), secret(2), forged).is_err());
}

#[test]
fn an_end_pays_what_was_given() {
    let (mut payer, mut provider) = open(&terms(10_000));
    provider
        .take_commitments(&payer.commitments(4, &mut rng()).unwrap())
        .unwrap();
    provider.accept(&payer.pay(900).unwrap()).unwrap();
    let fee = Amount::from_sat(300);
    assert!(matches!(
        provider.close(899, fee, false, &mut rng()),
        Err(BankError::Ending { .. })
    ));
    assert!(matches!(
        payer.close(901, fee, false, &mut rng()),
        Err(BankError::Ending { .. })
    ));
    assert_eq!(payer.record().phase, Phase::Open);
    let (_, ours, nonce) = payer.close(900, fee, false, &mut rng()).unwrap();
    let (_, theirs, their_nonce) = provider.close(900, fee, false, &mut rng()).unwrap();
    let (ours, share) = ours.sign(their_nonce).unwrap();
    let (theirs, their_share) = theirs.sign(nonce).unwrap();
    assert_eq!(
        ours.finish(their_share).unwrap(),
        theirs.finish(share).unwrap()
    );
    assert!(payer.pay(1).is_err());
}
