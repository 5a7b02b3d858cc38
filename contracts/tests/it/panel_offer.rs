//! Offers: what is built is found again, everything else is refused by name, and the bond holds until it expires.

use crate::panel_support;
use narthex_base::codec::Message as _;

use std::str::FromStr;

use bdk_wallet::{
    KeychainKind, SignOptions, Wallet, descriptor::policy::Condition, signer::SignersContainer,
};
use bitcoin::{
    Amount, FeeRate, Network, PrivateKey, ScriptBuf, TxOut,
    absolute::LockTime,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::Secp256k1,
};
use miniscript::{Descriptor, DescriptorPublicKey, interpreter::Interpreter};
use narthex_contracts::panel::{
    BondError, Offer, OfferDraft, OfferError, OfferPayload, OfferTerms, OfferTermsError,
    UNSPENDABLE_KEY, Unacceptable, bond_descriptor, bond_script,
};
use narthex_game_model::{Params, ParamsRecord, Ratio, Template};
use panel_support::{
    arbiter, coin, identity, offer, params, standard_terms, transaction, verifier_terms,
};
use proptest::prelude::*;

#[test]
fn an_offer_is_found_with_its_outputs_in_any_order() {
    let draft = OfferDraft::new(
        identity(1),
        900,
        Amount::from_sat(50_000),
        &standard_terms(),
    )
    .unwrap();
    let [bond, data] = draft.outputs().unwrap();
    let change = TxOut {
        value: Amount::from_sat(1),
        script_pubkey: ScriptBuf::new(),
    };
    for outputs in [
        vec![bond.clone(), data.clone(), change.clone()],
        vec![data.clone(), change.clone(), bond.clone()],
    ] {
        let tx = transaction(coin(0), outputs);
        let found = Offer::from_transaction(&tx, 100).unwrap().unwrap();
        assert_eq!(found.identity, identity(1));
        assert_eq!(found.value_sat.to_sat(), 50_000);
        assert_eq!(found.terms_hash, standard_terms().hash());
        assert_eq!(tx.output[found.outpoint.vout as usize], bond);
        assert_eq!(found.outpoint.txid, tx.compute_txid());
    }
    assert_eq!(
        Offer::from_transaction(&transaction(coin(0), vec![bond, change]), 100),
        Ok(None)
    );
    // OP_RETURN, one push of 72 bytes.
    assert_eq!(data.script_pubkey.len(), 74);
}

#[test]
fn false_offers_are_refused_by_name() {
    let draft = OfferDraft::new(
        identity(1),
        900,
        Amount::from_sat(50_000),
        &standard_terms(),
    )
    .unwrap();
    let [bond, data] = draft.outputs().unwrap();
    let found = |outputs, height| Offer::from_transaction(&transaction(coin(0), outputs), height);
    assert_eq!(
        found(vec![data.clone()], 100),
        Err(OfferError::NoBond {
            identity: identity(1),
            expiry_height: 900
        })
    );
    // Somebody else's bond, or one with another expiry, is none of this identity.
    for script in [
        bond_script(&identity(2), 900).unwrap(),
        bond_script(&identity(1), 901).unwrap(),
        ScriptBuf::new_p2tr(&Secp256k1::new(), identity(1), None),
    ] {
        let foreign = TxOut {
            script_pubkey: script,
            ..bond.clone()
        };
        assert!(matches!(
            found(vec![data.clone(), foreign], 100),
            Err(OfferError::NoBond { .. })
        ));
    }
    assert_eq!(
        found(vec![bond.clone(), data.clone(), data.clone()], 100),
        Err(OfferError::SeveralPayloads {
            first: 1,
            second: 2
        })
    );
    assert_eq!(
        found(vec![bond.clone(), data.clone()], 900),
        Err(OfferError::Expired {
            confirmed_height: 900,
            expiry_height: 900
        })
    );
    assert!(found(vec![bond, data], 899).unwrap().is_some());
    for expiry_height in [0, 500_000_000, u32::MAX] {
        assert_eq!(
            OfferDraft::new(
                identity(1),
                expiry_height,
                Amount::from_sat(50_000),
                &standard_terms()
            ),
            Err(OfferError::Bond(BondError::Expiry { expiry_height }))
        );
    }
    let dust = OfferDraft::new(identity(1), 900, Amount::from_sat(329), &standard_terms());
    assert!(matches!(dust, Err(OfferError::Value { .. })), "{dust:?}");
}

#[test]
fn a_payload_has_one_script() {
    let payload = OfferPayload {
        identity: identity(3),
        expiry_height: 7,
        terms_hash: sha256::Hash::hash(b"terms"),
    };
    let mut long_push = vec![0x6a, 0x4c, 72];
    long_push.extend(payload.to_bytes());
    let mut second_push = payload.script().into_bytes();
    second_push.push(0x51);
    for bytes in [long_push, second_push] {
        let script = ScriptBuf::from_bytes(bytes);
        assert!(OfferPayload::from_script(&script).unwrap().is_err());
    }
    let mut no_point = payload.to_bytes();
    no_point[4..36].fill(0xff);
    assert!(OfferPayload::from_bytes(&no_point).is_err());
    assert!(OfferPayload::from_script(&ScriptBuf::new_op_return([1, 2, 3])).is_none());
}

/// A wallet that knows descriptors and nothing of this crate watches the bond and withdraws it, but not early.
#[test]
fn any_descriptor_wallet_withdraws_the_bond_after_its_expiry() {
    let expiry = 900;
    let tx = offer(4, 60_000, expiry);
    let bond = Offer::from_transaction(&tx, 100).unwrap().unwrap();
    let nums = XOnlyPublicKey::from_slice(&UNSPENDABLE_KEY).unwrap();
    let wif = PrivateKey::new(arbiter(4).secret_key(), Network::Regtest);
    let secret = format!("tr({nums},and_v(v:pk({wif}),after({expiry})))");
    let mut wallet = Wallet::create_single(secret.clone())
        .network(Network::Regtest)
        .create_wallet_no_persist()
        .unwrap();
    wallet.apply_unconfirmed_txs([(tx.clone(), 1)]);
    assert_eq!(wallet.balance().total(), bond.value_sat);

    let public = wallet.public_descriptor(KeychainKind::External).to_string();
    let own = bond_descriptor(&identity(4), expiry).unwrap();
    // The wallet names the key as a full one; the scripts decide.
    assert!(public.contains(&format!("after({expiry})")));
    assert_eq!(
        own.script_pubkey(),
        wallet
            .peek_address(KeychainKind::External, 0)
            .script_pubkey()
    );

    let spend = |wallet: &mut Wallet, height: u32| {
        let condition = Condition {
            timelock: Some(LockTime::from_height(expiry).unwrap()),
            ..Condition::default()
        };
        let mut builder = wallet.build_tx();
        builder
            .set_condition(condition)
            .nlocktime(LockTime::from_height(height).unwrap())
            .drain_wallet()
            .drain_to(ScriptBuf::new_p2tr(&Secp256k1::new(), identity(9), None))
            .fee_rate(FeeRate::from_sat_per_vb(2).unwrap());
        builder.finish()
    };
    assert!(spend(&mut wallet, expiry - 1).is_err(), "before the expiry");
    let mut psbt = spend(&mut wallet, expiry).unwrap();
    let options = SignOptions {
        assume_height: Some(expiry),
        ..SignOptions::default()
    };
    let secp = Secp256k1::new();
    let (descriptor, keys) =
        Descriptor::<DescriptorPublicKey>::parse_descriptor(&secp, &secret).unwrap();
    let signers = SignersContainer::build(keys, &descriptor, &secp);
    assert!(
        wallet
            .sign_with_signers(&mut psbt, &[&signers], options)
            .unwrap()
    );
    let withdrawal = psbt.extract_tx().unwrap();
    // Two elements more than a key path: signature, script, control block.
    assert_eq!(withdrawal.input[0].witness.len(), 3);
    let check = |lock: u32| {
        let prevout = &tx.output[bond.outpoint.vout as usize];
        let mut withdrawal = withdrawal.clone();
        withdrawal.lock_time = LockTime::from_height(lock).unwrap();
        let interpreter = Interpreter::from_txdata(
            &prevout.script_pubkey,
            &withdrawal.input[0].script_sig,
            &withdrawal.input[0].witness,
            withdrawal.input[0].sequence,
            withdrawal.lock_time,
        )
        .unwrap();
        let prevouts = bitcoin::sighash::Prevouts::All(std::slice::from_ref(prevout));
        interpreter
            .iter(&secp, &withdrawal, 0, &prevouts)
            .all(|step| step.is_ok())
    };
    assert!(check(expiry));
    assert!(
        !check(expiry - 1),
        "an earlier lock time breaks the script and the signature"
    );
}

#[test]
fn the_key_path_is_closed_to_the_identity() {
    // The internal key is BIP341's: x of the SHA256 of the uncompressed generator.
    let generator = bitcoin::secp256k1::constants::GENERATOR_X
        .iter()
        .chain(&bitcoin::secp256k1::constants::GENERATOR_Y)
        .copied();
    let uncompressed = std::iter::once(4).chain(generator).collect::<Vec<u8>>();
    assert_eq!(
        sha256::Hash::hash(&uncompressed).to_byte_array(),
        UNSPENDABLE_KEY
    );
    let descriptor = bond_descriptor(&identity(1), 900).unwrap();
    let Descriptor::Tr(tr) = &descriptor else {
        panic!("not Taproot")
    };
    assert_eq!(tr.internal_key().serialize(), UNSPENDABLE_KEY);
    let text = descriptor.to_string();
    assert_eq!(
        Descriptor::<XOnlyPublicKey>::from_str(&text).unwrap(),
        descriptor
    );
}

#[test]
fn offer_terms_name_the_bound_that_a_contract_breaks() {
    let good = standard_terms();
    assert_eq!(good.accepts(&params(3, 2)), Ok(()));
    let sat = Amount::from_sat;
    type Case = (OfferTerms, fn(&Unacceptable) -> bool);
    let cases: Vec<Case> = vec![
        (
            OfferTerms {
                template: Template::Paper,
                ..good
            },
            |e| matches!(e, Unacceptable::Template { .. }),
        ),
        (
            OfferTerms {
                stake_sat: sat(249_999),
                ..good
            },
            |e| matches!(e, Unacceptable::Stake { .. }),
        ),
        (
            OfferTerms {
                stake_sat: sat(250_001),
                ..good
            },
            |e| matches!(e, Unacceptable::Stake { .. }),
        ),
        (
            OfferTerms {
                min_retainer_sat: sat(1),
                ..good
            },
            |e| {
                matches!(
                    e,
                    Unacceptable::Pay {
                        what: "retainer",
                        ..
                    }
                )
            },
        ),
        // (200,000 − 20,000 − 30,000)/3 = 50,000.
        (
            OfferTerms {
                min_fee_sat: sat(50_001),
                ..good
            },
            |e| matches!(e, Unacceptable::Pay { what: "fee", .. }),
        ),
        (
            OfferTerms {
                max_epsilon: Ratio::new(49, 100).unwrap(),
                ..good
            },
            |e| matches!(e, Unacceptable::Share { symbol: "ε", .. }),
        ),
        (
            OfferTerms {
                min_mu: Ratio::new(67, 100).unwrap(),
                ..good
            },
            |e| matches!(e, Unacceptable::Share { symbol: "μ", .. }),
        ),
        (
            OfferTerms {
                min_panel: 4,
                ..good
            },
            |e| matches!(e, Unacceptable::PanelSize { .. }),
        ),
        (
            OfferTerms {
                min_decide_blocks: 13,
                ..good
            },
            |e| {
                matches!(
                    e,
                    Unacceptable::Time {
                        what: "time to judge",
                        ..
                    }
                )
            },
        ),
        (
            OfferTerms {
                max_step_fuel: 99_999_999,
                ..good
            },
            |e| {
                *e == Unacceptable::Job {
                    what: "units of fuel for a step",
                    contract: 100_000_000,
                    bound: 99_999_999,
                }
            },
        ),
        (
            OfferTerms {
                max_memory_bytes: (64 << 20) - 1,
                ..good
            },
            |e| {
                matches!(
                    e,
                    Unacceptable::Job {
                        what: "bytes of memory for a step",
                        contract: 67_108_864,
                        ..
                    }
                )
            },
        ),
        (
            OfferTerms {
                max_program_bytes: (4 << 20) - 1,
                ..good
            },
            |e| {
                matches!(
                    e,
                    Unacceptable::Job {
                        what: "bytes of program",
                        ..
                    }
                )
            },
        ),
        // A record of 1 MiB with a path of 10 hashes; 100 leaves of 157 bytes beside outputs of 64 KiB, with a point each; 424
        // hashes in each of two trees; what was said, 100 digests, and 5 receipts for each of 6 things.
        (
            OfferTerms {
                max_evidence_bytes: (1 << 20)
                    + 320
                    + 100 * (157 + 65_536 + 33)
                    + 2 * 32 * 424
                    + 1_500
                    + 3_200
                    + 6 * 5 * 229
                    - 1,
                ..good
            },
            |e| {
                matches!(
                    e,
                    Unacceptable::Job {
                        what: "bytes of evidence about a step",
                        contract: 7_660_202,
                        ..
                    }
                )
            },
        ),
        // 12 blocks, of which 60 seconds each count: 720 seconds, and 138,888.9 · 720 = 100,000,000.
        (
            OfferTerms {
                fuel_per_second: 138_888,
                ..good
            },
            |e| {
                *e == Unacceptable::JudgingTime {
                    step_fuel: 100_000_000,
                    blocks: 12,
                    fuel_per_second: 138_888,
                    fits: 99_999_360,
                }
            },
        ),
        // 6 + 6 + 2·12 = 36.
        (
            OfferTerms {
                max_dispute_blocks: 35,
                ..good
            },
            |e| matches!(e, Unacceptable::Time { what: "lock", .. }),
        ),
    ];
    for (terms, is) in cases {
        let error = terms.accepts(&params(3, 2)).unwrap_err();
        assert!(is(&error), "{error}");
        assert_ne!(terms.hash(), good.hash());
    }
    // A verifier's bounds, one beyond the border.
    let good = verifier_terms();
    assert_eq!(good.accepts(&params(3, 2)), Ok(()));
    let cases: Vec<Case> = vec![
        (
            OfferTerms {
                stake_sat: sat(220_001),
                ..good
            },
            |e| matches!(e, Unacceptable::Stake { .. }),
        ),
        (
            OfferTerms {
                min_fee_sat: sat(20_001),
                ..good
            },
            |e| matches!(e, Unacceptable::Pay { what: "reward", .. }),
        ),
        (
            OfferTerms {
                max_epsilon: Ratio::new(24, 100).unwrap(),
                ..good
            },
            |e| matches!(e, Unacceptable::Share { symbol: "β", .. }),
        ),
        (
            OfferTerms {
                min_decide_blocks: 3,
                ..good
            },
            |e| {
                *e == Unacceptable::Time {
                    what: "time to verify",
                    contract: 2,
                    bound: 3,
                }
            },
        ),
        (
            OfferTerms {
                max_blob_bytes: good.max_blob_bytes - 1,
                ..good
            },
            |e| {
                *e == Unacceptable::Job {
                    what: "bytes of data to keep",
                    contract: 72_218_952,
                    bound: 72_218_951,
                }
            },
        ),
        (
            OfferTerms {
                fuel_per_second: 83_333_333,
                ..good
            },
            |e| {
                *e == Unacceptable::VerifyingTime {
                    sample: 100,
                    fuel: 10_000_000_000,
                    blocks: 2,
                    fuel_per_second: 83_333_333,
                    fits: 9_999_999_960,
                }
            },
        ),
    ];
    for (terms, is) in cases {
        let error = terms.accepts(&params(3, 2)).unwrap_err();
        assert!(is(&error), "{error}");
        assert_ne!(terms.hash(), good.hash());
    }
    let good = standard_terms();
    let edge = OfferTerms {
        min_fee_sat: sat(50_000),
        min_decide_blocks: 12,
        max_dispute_blocks: 36,
        ..good
    };
    assert_eq!(edge.accepts(&params(3, 2)), Ok(()));
    // A challenge pays 60,000/3, and its window makes the longest dispute longer.
    let audited = Params::new(ParamsRecord::audited_example(3, 2, 500)).unwrap();
    let terms = |min_fee: u64, max_dispute_blocks| OfferTerms {
        template: Template::Audited,
        min_fee_sat: sat(min_fee),
        max_dispute_blocks,
        ..good
    };
    assert_eq!(terms(20_000, 42).accepts(&audited), Ok(()));
    let error = terms(20_001, 42).accepts(&audited).unwrap_err();
    assert!(
        matches!(error, Unacceptable::Pay { what: "fee", .. }),
        "{error}"
    );
    let error = terms(20_000, 41).accepts(&audited).unwrap_err();
    assert!(
        matches!(error, Unacceptable::Time { what: "lock", .. }),
        "{error}"
    );
    let paper = Params::new(ParamsRecord::paper_example(3, 2, 500)).unwrap();
    let terms = OfferTerms {
        template: Template::Paper,
        min_decide_blocks: 24,
        max_dispute_blocks: 36,
        ..good
    };
    assert_eq!(terms.accepts(&paper), Ok(()));
}

/// Data is kept for a retainer, and where one is paid, data is kept.
#[test]
fn mailboxes_are_paid_for_or_there_are_none() {
    let sat = Amount::from_sat;
    let paying = |retainer| {
        let record = ParamsRecord {
            retainer: sat(retainer),
            ..ParamsRecord::example(3, 2, 500)
        };
        Params::new(record).unwrap()
    };
    let none = standard_terms();
    let contract = 72_218_952;
    assert_eq!(paying(1_000).blob_bytes(), contract);
    let what = "bytes of data to keep";
    let lacks = |bound| {
        Err(Unacceptable::Job {
            what,
            contract,
            bound,
        })
    };
    assert_eq!(none.accepts(&paying(0)), Ok(()));
    assert_eq!(none.accepts(&paying(1_000)), lacks(0));
    let keeps = OfferTerms {
        min_retainer_sat: sat(1_000),
        max_blob_bytes: 72_218_952,
        ..none
    };
    assert_eq!(keeps.accepts(&paying(1_000)), Ok(()));
    for retainer in [0, 999] {
        let unpaid = Unacceptable::Pay {
            what: "retainer",
            contract: sat(retainer),
            least: sat(1_000),
        };
        assert_eq!(keeps.accepts(&paying(retainer)), Err(unpaid));
    }
    let smaller = OfferTerms {
        max_blob_bytes: 72_218_951,
        ..keeps
    };
    assert_eq!(smaller.accepts(&paying(1_000)), lacks(72_218_951));

    // What nobody may offer is not published, not drawn by and not read.
    let unpaid = OfferTerms {
        min_retainer_sat: Amount::ZERO,
        ..keeps
    };
    let idle = OfferTerms {
        max_cases: 0,
        ..none
    };
    let retained = OfferTerms {
        min_retainer_sat: sat(1),
        ..verifier_terms()
    };
    let upside_down = OfferTerms {
        min_panel: 5,
        max_panel: 3,
        ..none
    };
    let max_blob_bytes = 72_218_952;
    for (terms, fault) in [
        (unpaid, OfferTermsError::UnpaidMailbox { max_blob_bytes }),
        (idle, OfferTermsError::NoCases),
        (
            retained,
            OfferTermsError::VerifierRetainer { retainer: sat(1) },
        ),
        (upside_down, OfferTermsError::Panel { least: 5, most: 3 }),
    ] {
        assert_eq!(terms.check(), Err(fault.clone()));
        assert!(OfferTerms::from_bytes(&terms.to_bytes()).is_err());
        assert_eq!(
            terms.accepts(&paying(1_000)),
            Err(Unacceptable::Terms(fault.clone()))
        );
        let published = OfferDraft::new(identity(1), 900, sat(50_000), &terms);
        assert_eq!(published, Err(OfferError::Terms(fault)));
    }
}

#[test]
fn who_serves_in_as_many_contracts_as_it_offered_takes_no_more() {
    let terms = standard_terms();
    assert_eq!(terms.max_cases, 3);
    assert_eq!(terms.has_room(2), Ok(()));
    let full = Unacceptable::Full { open: 3, most: 3 };
    assert_eq!(terms.has_room(3), Err(full));
    assert!(terms.has_room(u32::MAX).is_err());
}

proptest! {
    /// Whatever stands on the chain is an offer, no offer, or an error; never a panic. And what is accepted is
    /// canonical.
    #[test]
    fn arbitrary_scripts_are_read_or_refused(tail in prop::collection::vec(any::<u8>(), 0..90), kind in 0..3) {
        let mut bytes = match kind {
            0 => vec![],
            1 => vec![0x6a, 0x48],
            _ => [&[0x6a, 0x48][..], b"NXO1"].concat(),
        };
        bytes.extend(tail);
        let script = ScriptBuf::from_bytes(bytes);
        if let Some(Ok(payload)) = OfferPayload::from_script(&script) {
            prop_assert_eq!(payload.script(), script.clone());
        }
        let out = TxOut { value: Amount::ZERO, script_pubkey: script };
        if let Err(error) = Offer::from_transaction(&transaction(coin(0), vec![out]), 5) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn payloads_and_terms_survive_their_encoding(
        n in 0u64..50, expiry in any::<u32>(), hash in any::<[u8; 32]>(),
        stake in 0u64..=2_100_000_000_000_000, num in 0u32..100, panel in 0u8..=15, blocks in any::<u32>(),
    ) {
        let payload = OfferPayload { identity: identity(n), expiry_height: expiry, terms_hash: sha256::Hash::from_byte_array(hash) };
        prop_assert_eq!(OfferPayload::from_bytes(&payload.to_bytes()), Ok(payload));
        prop_assert_eq!(OfferPayload::from_script(&payload.script()), Some(Ok(payload)));
        let terms = OfferTerms {
            stake_sat: Amount::from_sat(stake), max_epsilon: Ratio::new(num, 100).unwrap(),
            min_panel: panel.min(3), max_panel: panel, min_decide_blocks: blocks, ..standard_terms()
        };
        let bytes = terms.to_bytes();
        prop_assert_eq!(OfferTerms::from_bytes(&bytes), Ok(terms));
        for cut in 0..bytes.len() {
            prop_assert!(OfferTerms::from_bytes(&bytes[..cut]).is_err());
        }
        let json = serde_json::to_string(&terms).unwrap();
        prop_assert_eq!(serde_json::from_str::<OfferTerms>(&json).unwrap(), terms);
    }

    /// One record, one encoding: what decodes encodes to the same bytes.
    #[test]
    fn arbitrary_terms_are_canonical_or_refused(tail in prop::collection::vec(any::<u8>(), 0..70), flips in prop::collection::vec((0usize..56, any::<u8>()), 0..4)) {
        let _ = OfferTerms::from_bytes(&[b"NXOT1", &tail[..]].concat());
        let mut bytes = standard_terms().to_bytes();
        for (at, value) in flips {
            let len = bytes.len();
            bytes[at % len] = value;
        }
        if let Ok(terms) = OfferTerms::from_bytes(&bytes) {
            prop_assert_eq!(terms.to_bytes(), bytes);
        }
    }
}
