//! Receipts: the whole exchange with real roles and BIP340 signatures, and every forgery by name.

use crate::commitment_support::{open, perform, secrets};
use narthex_base::codec;

use narthex_base::codec::Message as _;
use narthex_game_model::commitment::{
    DecodeError, Exchange, Handover, Opening, Receipt, ReceiptError, ReceiptKind, ReceiptSigner,
    SignedReceipt,
};
use narthex_game_model::computation::{Computation, StepError};
use narthex_game_model::play::{BlindDigests, Strategy, Verdict, Work};
use narthex_game_model::sample;
use proptest::prelude::*;
use secp256k1::{Keypair, SECP256K1};

fn key(byte: u8) -> Keypair {
    Keypair::from_seckey_slice(SECP256K1, &[byte; 32]).unwrap()
}

/// Squares of 0, 1, 2, …
struct Squares;

impl Computation for Squares {
    fn job(&self) -> [u8; 32] {
        [4; 32]
    }

    fn steps(&self) -> u64 {
        50
    }

    fn output_bytes(&self) -> usize {
        8
    }

    fn step(&self, index: u64) -> Result<Vec<u8>, StepError> {
        Ok((index * index).to_be_bytes().to_vec())
    }
}

fn work(strategy: &Strategy) -> Work {
    perform(&Squares, strategy, &secrets(1)).unwrap()
}

fn exchange(contract: u8) -> (Exchange, Keypair, Keypair) {
    let (worker, verifier) = (key(5), key(6));
    let exchange = Exchange {
        contract: [contract; 32],
        worker: worker.key(),
        verifier: verifier.key(),
    };
    (exchange, worker, verifier)
}

/// commit → receipt → blind digests → receipt → opening → receipt → verdict.
fn play(strategy: &Strategy) -> (Verdict, [SignedReceipt; 3]) {
    let (exchange, worker_key, verifier_key) = exchange(1);
    let work = work(strategy);

    // The worker hands over its commitment. The verifier derives the same handover and signs it.
    let handover = exchange.commitment(work.commitment());
    let first = handover.acknowledge(100, &verifier_key).unwrap();
    let bound = handover.check(&first).unwrap();

    // A block later the sample is known; the verifier recomputes it and hands over a commitment.
    let seed = sample::seed(&work.commitment().id(), &[7; 32], &[8; 32]);
    let drawn = sample::draw(&seed, 50, 10).unwrap();
    let blind = BlindDigests::recompute(&Squares, &drawn, [9; 32]).unwrap();
    let handover = exchange.blind_digests(&bound, blind.commitment()).unwrap();
    let second = handover.acknowledge(102, &worker_key).unwrap();
    let blinded = handover.check(&second).unwrap();

    // Only now does the worker open.
    let opening = open(&work, &drawn);
    let handover = exchange.opening(&blinded, &opening).unwrap();
    let third = handover.acknowledge(102, &verifier_key).unwrap();
    handover.check(&third).unwrap();
    let verdict = blind.verdict(work.commitment(), &opening).unwrap();
    (verdict, [first, second, third])
}

#[test]
fn the_whole_exchange_leaves_three_receipts_in_order() {
    let (verdict, [first, second, third]) = play(&Strategy::Honest);
    assert!(verdict.approves());
    assert_eq!(second.receipt.previous, first.receipt.id());
    assert_eq!(third.receipt.previous, second.receipt.id());
    let all = Strategy::Target {
        steps: (0..50).collect(),
    };
    assert!(!play(&all).0.approves());
}

/// The second handover of the exchange with the receipt for it.
fn second() -> (Exchange, Handover, SignedReceipt, Receipt) {
    let (exchange, worker, verifier) = exchange(1);
    let first = exchange.commitment(work(&Strategy::Honest).commitment());
    let bound = first.acknowledge(100, &verifier).unwrap().receipt;
    let handover = exchange.blind_digests(&bound, [3; 32]).unwrap();
    let signed = handover.acknowledge(101, &worker).unwrap();
    (exchange, handover, signed, bound)
}

#[test]
fn each_forgery_has_its_name() {
    let (_, handover, signed, _) = second();
    let outsider = key(11);
    let check = |signed: &SignedReceipt| handover.check(signed).unwrap_err();
    // Signed by whom it says, but not what was to be acknowledged: that is named before the signature.
    let with = |change: fn(&mut Receipt)| {
        let mut receipt = signed.receipt;
        change(&mut receipt);
        let signature = key(5).sign(&receipt.id()).unwrap();
        check(&SignedReceipt { receipt, signature })
    };
    assert_eq!(with(|r| r.contract = [2; 32]), ReceiptError::OtherContract);
    let kind = ReceiptError::OtherKind {
        expected: ReceiptKind::BlindDigests,
        found: ReceiptKind::Opening,
    };
    assert_eq!(with(|r| r.kind = ReceiptKind::Opening), kind);
    assert_eq!(with(|r| r.item[0] ^= 1), ReceiptError::OtherItem);
    assert_eq!(with(|r| r.issuer[0] ^= 1), ReceiptError::OtherIssuer);
    assert_eq!(with(|r| r.holder[0] ^= 1), ReceiptError::OtherHolder);
    assert_eq!(with(|r| r.previous[0] ^= 1), ReceiptError::OtherPredecessor);

    // Another height, the signature of the old one.
    let mut moved = signed;
    moved.receipt.height += 1;
    assert_eq!(check(&moved), ReceiptError::Signature);
    // The right bytes signed by somebody else.
    let signature = outsider.sign(&signed.receipt.id()).unwrap();
    assert_eq!(
        check(&SignedReceipt {
            signature,
            ..signed
        }),
        ReceiptError::Signature
    );
    assert_eq!(
        handover.acknowledge(101, &outsider).unwrap_err(),
        ReceiptError::OtherSigner
    );
}

/// The other side's tip, or what it says of it, keeps nobody from acknowledging.
#[test]
fn a_height_is_the_issuers_word_and_holds_nobody_up() {
    let (exchange, worker, verifier) = exchange(1);
    let first = exchange.commitment(work(&Strategy::Honest).commitment());
    for (said, own) in [(100, 99), (u32::MAX, 100), (0, u32::MAX)] {
        let signed = first.acknowledge(said, &verifier).unwrap();
        let bound = first.check(&signed).unwrap();
        let second = exchange.blind_digests(&bound, [3; 32]).unwrap();
        let signed = second.acknowledge(own, &worker).unwrap();
        let receipt = second.check(&signed).unwrap();
        assert_eq!((receipt.height, receipt.previous), (own, bound.id()));
    }
}

#[test]
fn a_receipt_is_of_no_use_under_another_contract_or_out_of_order() {
    let (exchange, _, signed, bound) = second();
    let (other, ..) = self::exchange(2);
    // The same work, the same keys, another contract: the old receipt says nothing there.
    let replayed = other.commitment(work(&Strategy::Honest).commitment());
    let first = SignedReceipt {
        receipt: bound,
        ..signed
    };
    assert_eq!(replayed.check(&first), Err(ReceiptError::OtherContract));
    assert_eq!(
        other.blind_digests(&bound, [3; 32]),
        Err(ReceiptError::OtherContract)
    );

    let opening = open(&work(&Strategy::Honest), &[1, 2]);
    // An opening right after the commitment: the blind digests are missing.
    let missing = ReceiptError::OtherKind {
        expected: ReceiptKind::BlindDigests,
        found: ReceiptKind::Commitment,
    };
    assert_eq!(exchange.opening(&bound, &opening), Err(missing));
    assert!(exchange.opening(&signed.receipt, &opening).is_ok());
    // Half of an opening, under the name of the whole.
    let half = opening.clone().about(2);
    assert_eq!(half.id(), opening.id());
    let index = 1;
    assert_eq!(
        exchange.opening(&signed.receipt, &half),
        Err(ReceiptError::NoBox { index })
    );
    // The same two with their roles changed.
    let swapped = Exchange {
        worker: exchange.verifier,
        verifier: exchange.worker,
        ..exchange
    };
    assert_eq!(
        swapped.blind_digests(&bound, [3; 32]),
        Err(ReceiptError::OtherIssuer)
    );
    let foreign = Exchange {
        worker: [1; 32],
        ..exchange
    };
    assert_eq!(
        foreign.blind_digests(&bound, [3; 32]),
        Err(ReceiptError::OtherHolder)
    );
}

proptest! {
    #[test]
    fn no_altered_byte_is_accepted(at in 0usize..229, bit in 0u8..8) {
        let (_, handover, signed, _) = second();
        let mut bytes = signed.to_bytes();
        prop_assert_eq!(SignedReceipt::from_bytes(&bytes), Ok(signed));
        bytes[at] ^= 1 << bit;
        if let Ok(altered) = SignedReceipt::from_bytes(&bytes) {
            prop_assert!(handover.check(&altered).is_err());
        }
    }

    #[test]
    fn openings_read_back_exactly(
        picks in prop::collection::btree_set(0u64..50, 0..20), cut in any::<prop::sample::Index>(),
    ) {
        let indices: Vec<u64> = picks.into_iter().collect();
        let opening = open(&work(&Strategy::Honest), &indices);
        let bytes = opening.to_bytes();
        prop_assert_eq!(Opening::from_bytes(&bytes), Ok(opening));
        let short = Opening::from_bytes(&bytes[..cut.index(bytes.len())]);
        use codec::DecodeError::{Kind, Truncated};
        prop_assert!(matches!(short, Err(Truncated { .. } | Kind { .. })), "{short:?}");
        let long = Opening::from_bytes(&[&bytes[..], &[0, 0]].concat());
        prop_assert_eq!(long, Err(codec::DecodeError::Trailing { extra: 2 }));
    }
}

#[test]
fn hostile_bytes_are_named() {
    let (_, _, signed, _) = second();
    let bytes = signed.to_bytes();
    let mut kind = bytes;
    kind[0] = 11;
    let error = SignedReceipt::from_bytes(&kind).unwrap_err();
    assert_eq!(
        error,
        DecodeError::Codec(codec::DecodeError::invalid("kind of receipt", 11))
    );
    let short = SignedReceipt::from_bytes(&bytes[..228]).unwrap_err();
    assert_eq!(
        short,
        DecodeError::Codec(codec::DecodeError::Truncated {
            field: "signature",
            missing: 1
        })
    );
    let json = serde_json::to_string(&signed).unwrap();
    assert_eq!(
        serde_json::from_str::<SignedReceipt>(&json).unwrap(),
        signed
    );
    assert!(serde_json::from_str::<SignedReceipt>("\"00\"").is_err());
    // An opening of 2³² − 1 leaves, of 109 bytes at the least, in nine bytes.
    let huge = Opening::from_bytes(b"NXOP2\xff\xff\xff\xff").unwrap_err();
    assert_eq!(
        huge,
        codec::DecodeError::Truncated {
            field: "leaves",
            missing: 109 * u32::MAX as usize
        }
    );
    // The first version is not read.
    let first = Opening::from_bytes(&[0; 16]).unwrap_err();
    assert!(matches!(first, codec::DecodeError::Kind { .. }));
}
