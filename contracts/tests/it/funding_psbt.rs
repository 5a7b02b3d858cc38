//! Funding: what wallets bring and sign as PSBTs, what peers send of it, and what of that is taken.

use crate::golden_json;
use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Amount, EcdsaSighashType, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    WPubkeyHash, Witness,
    absolute::LockTime,
    ecdsa,
    hashes::Hash,
    hex::DisplayHex,
    secp256k1::{self, PublicKey, Secp256k1, SecretKey, rand::thread_rng},
    sighash::SighashCache,
    transaction::Version,
};
use narthex_base::codec::Message as _;
use narthex_contracts::{
    fixtures::{Fixtures, MadeUpNode},
    funding::{
        FundingError, FundingWitnesses, check_witnesses, combine_witnesses, funding_witnesses,
        merge_wallet_data,
    },
    graph::TxGraph,
    setup::{ContractSignatures, ceremony},
    terms::{Change, Coin, Contribution, FeeRate, Role, Terms, deposit},
};
use narthex_game_model::Template;

/// A wallet of one P2WPKH key per party.
fn wallet(role: Role) -> (SecretKey, ScriptBuf) {
    let secret = SecretKey::from_slice(&[100 + role.index() as u8; 32]).unwrap();
    let key = bitcoin::CompressedPublicKey(PublicKey::from_secret_key(&Secp256k1::new(), &secret));
    (secret, ScriptBuf::new_p2wpkh(&key.wpubkey_hash()))
}

fn holdings() -> Vec<ContractSignatures<Terms>> {
    let fixtures = Fixtures::example(Template::Hardened, 3, 2, 500, [7; 32]).unwrap();
    let funding = Role::all(3)
        .map(|role| {
            let script = wallet(role).1;
            let change = Amount::from_sat(40_000);
            let coin = Coin {
                outpoint: OutPoint {
                    txid: Txid::from_byte_array([1 + role.index() as u8; 32]),
                    vout: 1,
                },
                value_sat: deposit(fixtures.params(), role) + change + Amount::from_sat(1_000),
                script: script.clone(),
            };
            (
                role,
                Contribution {
                    coins: vec![coin],
                    change: Some(Change {
                        value_sat: change,
                        script,
                    }),
                },
            )
        })
        .collect::<BTreeMap<_, _>>();
    let payouts = Role::all(3).map(|role| (role, wallet(role).1)).collect();
    let terms = Arc::new(
        fixtures
            .terms_with(funding, payouts, FeeRate::from_sat_per_kwu(500))
            .unwrap(),
    );
    ceremony::run(fixtures.parties(&terms).unwrap(), &mut thread_rng(), |_| ()).unwrap()
}

/// The inputs of `role`, signed as a wallet does: not finished yet.
fn signed(holdings: &ContractSignatures<Terms>, role: Role) -> Psbt {
    let secp = Secp256k1::new();
    let mut psbt = holdings.funding_psbt(&MadeUpNode).unwrap();
    let (secret, script) = wallet(role);
    let tx = psbt.unsigned_tx.clone();
    let mut cache = SighashCache::new(&tx);
    for (i, input) in psbt.inputs.iter_mut().enumerate() {
        let prevout = input.witness_utxo.clone().unwrap();
        if prevout.script_pubkey != script {
            continue;
        }
        let sighash = cache
            .p2wpkh_signature_hash(i, &script, prevout.value, EcdsaSighashType::All)
            .unwrap();
        let signature = secp.sign_ecdsa(
            &secp256k1::Message::from_digest(sighash.to_byte_array()),
            &secret,
        );
        let key = bitcoin::PublicKey::new(PublicKey::from_secret_key(&secp, &secret));
        input
            .partial_sigs
            .insert(key, ecdsa::Signature::sighash_all(signature));
    }
    psbt
}

fn all(holdings: &[ContractSignatures<Terms>]) -> Vec<FundingWitnesses> {
    let sent = holdings.iter();
    sent.map(|held| funding_witnesses(held, &signed(held, held.role())).unwrap())
        .collect()
}

fn input_of(holdings: &ContractSignatures<Terms>, role: Role) -> usize {
    let script = wallet(role).1;
    let prevouts = holdings.graph().prevouts(TxGraph::FUNDING).unwrap();
    prevouts
        .iter()
        .position(|o| o.script_pubkey == script)
        .unwrap()
}

#[test]
fn all_signatures_together_make_the_transaction_of_the_graph() {
    let holdings = holdings();
    let tx = combine_witnesses(&holdings[3], all(&holdings)).unwrap();
    assert_eq!(
        Some(tx.compute_txid()),
        holdings[0].graph().txid(TxGraph::FUNDING)
    );
    assert!(tx.input.iter().all(|input| input.witness.len() == 2));
    assert!(tx.weight() <= holdings[0].graph().weight(TxGraph::FUNDING).unwrap());
}

#[test]
fn who_has_not_signed_is_named() {
    let holdings = holdings();
    let mut given = all(&holdings);
    given.remove(4);
    given.remove(1);
    match combine_witnesses(&holdings[0], given).unwrap_err() {
        FundingError::Unsigned { missing, reason } => {
            assert_eq!(missing, [Role::Worker, Role::Arbiter(1)]);
            assert!(reason.contains("no signature"), "{reason}");
        }
        other => panic!("{other}"),
    }
    // An own wallet that has not signed.
    let unsigned = holdings[1].funding_psbt(&MadeUpNode).unwrap();
    match funding_witnesses(&holdings[1], &unsigned).unwrap_err() {
        FundingError::Unsigned { missing, reason } => {
            assert_eq!(missing, [Role::Worker]);
            assert!(reason.contains("no signature"), "{reason}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_foreign_transaction_is_refused_with_both_ids() {
    let holdings = holdings();
    let mut psbt = signed(&holdings[2], Role::Verifier);
    psbt.unsigned_tx.output[0].value -= Amount::from_sat(1);
    let expected = holdings[0].graph().txid(TxGraph::FUNDING).unwrap();
    let found = psbt.unsigned_tx.compute_txid();
    let error = funding_witnesses(&holdings[2], &psbt).unwrap_err();
    assert_eq!(error, FundingError::OtherTransaction { found, expected });
}

/// What a PSBT says of inputs that are not its wallet's goes nowhere, and a false one of its own stays at home.
#[test]
fn rubbish_in_a_psbt_is_not_handed_on() {
    let holdings = holdings();
    let [mine, victim] = [Role::Verifier, Role::Client].map(|role| input_of(&holdings[0], role));
    let secp = Secp256k1::new();
    let key = bitcoin::PublicKey::new(PublicKey::from_secret_key(&secp, &wallet(Role::Client).0));
    let own = bitcoin::PublicKey::new(PublicKey::from_secret_key(&secp, &wallet(Role::Verifier).0));
    let of = |role: Role, holdings: &ContractSignatures<Terms>| {
        let input = input_of(holdings, role);
        signed(holdings, role).inputs[input]
            .partial_sigs
            .pop_first()
            .unwrap()
            .1
    };
    let (clients, verifiers) = (
        of(Role::Client, &holdings[0]),
        of(Role::Verifier, &holdings[2]),
    );
    let rubbish: [fn(&mut bitcoin::psbt::Input, bitcoin::PublicKey, ecdsa::Signature); 5] = [
        |input, _, _| input.final_script_witness = Some(Witness::from_slice(&[[1; 3]])),
        |input, _, _| input.final_script_witness = Some(Witness::new()),
        |input, _, _| input.final_script_witness = Some(Witness::from_slice(&[vec![7; 400_000]])),
        |input, key, signature| input.partial_sigs = [(key, signature)].into(),
        |input, _, _| input.final_script_sig = Some(ScriptBuf::from_bytes(vec![0x51])),
    ];
    let clean = &all(&holdings)[2];
    for spoil in rubbish {
        let mut psbt = signed(&holdings[2], Role::Verifier);
        spoil(&mut psbt.inputs[victim], key, verifiers);
        // A false amount is not believed either.
        psbt.inputs[victim].witness_utxo.as_mut().unwrap().value = Amount::from_sat(1);
        assert_eq!(&funding_witnesses(&holdings[2], &psbt).unwrap(), clean);
        spoil(&mut psbt.inputs[mine], own, clients);
        psbt.inputs[mine].partial_sigs.retain(|_, s| *s == clients);
        let error = funding_witnesses(&holdings[2], &psbt).unwrap_err();
        assert!(
            matches!(&error, FundingError::Unsigned { missing, .. } if *missing == [Role::Verifier]),
            "{error}"
        );
    }
}

/// A witness that its coin's script does not take neither passes for the party's nor hides its true one, in whatever order
/// they come; alone, it is named with its input.
#[test]
fn a_false_witness_changes_nothing_and_names_its_sender() {
    let holdings = holdings();
    let victim = input_of(&holdings[0], Role::Client) as u32;
    let [clients, .., verifiers] = [0usize, 1, 2].map(|at| all(&holdings)[at].inputs[0].1.clone());
    let element = |at: usize, f: fn(&mut Vec<u8>)| {
        let mut elements = clients.to_vec();
        f(&mut elements[at]);
        Witness::from_slice(&elements)
    };
    let rubbish = [
        Witness::from_slice(&[[1; 3]]),
        Witness::new(),
        Witness::from_slice(&[vec![7; 400_000]]),
        verifiers,
        element(0, |signature| signature[20] ^= 1),
        element(0, |signature| *signature.last_mut().unwrap() = 0x83),
        element(1, |key| key[0] ^= 1),
    ];
    for spoilt in rubbish {
        let mut message = all(&holdings)[0].clone();
        message.inputs[0].1 = spoilt;
        let error = check_witnesses(&holdings[5], &message).unwrap_err();
        assert!(
            matches!(&error, FundingError::FalseWitness { from, input, .. } if *from == Role::Client && *input == victim),
            "{error}"
        );
        for first in [true, false] {
            let mut given = all(&holdings);
            given.insert(if first { 0 } else { 6 }, message.clone());
            let tx = combine_witnesses(&holdings[5], given.clone()).unwrap();
            assert_eq!(
                Some(tx.compute_txid()),
                holdings[0].graph().txid(TxGraph::FUNDING)
            );
            assert_eq!(tx.input[victim as usize].witness, clients);
            // Without the client's own there is only the rubbish, which is none.
            given.remove(usize::from(first));
            let given = given
                .into_iter()
                .filter(|m| m.from != Role::Client || *m == message);
            assert_eq!(combine_witnesses(&holdings[5], given).unwrap_err(), error);
        }
    }
}

#[test]
fn wrong_missing_and_foreign_inputs_are_named() {
    let holdings = holdings();
    let [victim, own] =
        [Role::Client, Role::Verifier].map(|role| input_of(&holdings[0], role) as u32);
    let from = Role::Verifier.into();
    let said = |change: &dyn Fn(&mut FundingWitnesses)| {
        let mut given = all(&holdings);
        change(&mut given[2]);
        let error = check_witnesses(&holdings[4], &given[2]).unwrap_err();
        assert_eq!(combine_witnesses(&holdings[4], given).unwrap_err(), error);
        error
    };
    let clients = all(&holdings)[0].inputs[0].clone();
    let foreign = |input| FundingError::ForeignInput { from, input };
    let missing = FundingError::MissingInput { from, input: own };
    assert_eq!(said(&|m| m.inputs.clear()), missing);
    assert_eq!(said(&|m| m.inputs.push(clients.clone())), foreign(victim));
    assert_eq!(
        said(&|m| m.inputs.insert(0, clients.clone())),
        foreign(victim)
    );
    assert_eq!(said(&|m| m.inputs = vec![clients.clone()]), foreign(victim));
    assert_eq!(said(&|m| m.inputs.push(m.inputs[0].clone())), foreign(own));
    assert_eq!(said(&|m| m.inputs[0].0 = u32::MAX), missing);
    let other = FundingError::OtherAgreement { from };
    assert_eq!(said(&|m| m.agreement_id[0] ^= 1), other);
    let mut stranger = all(&holdings)[2].clone();
    stranger.from = Role::Arbiter(14).into();
    assert_eq!(
        check_witnesses(&holdings[4], &stranger).unwrap_err(),
        FundingError::Stranger {
            party: Role::Arbiter(14).into()
        }
    );
}

#[test]
fn witnesses_survive_their_encoding_and_large_ones_are_refused() {
    let holdings = holdings();
    for message in all(&holdings) {
        let bytes = message.to_bytes();
        assert_eq!(FundingWitnesses::from_bytes(&bytes), Ok(message.clone()));
        assert!(bytes.len() <= 155, "{}", bytes.len());
    }
    let with = |inputs: usize, elements: usize, len: usize| FundingWitnesses {
        inputs: vec![(0, Witness::from_slice(&vec![vec![7; len]; elements])); inputs],
        ..all(&holdings)[0].clone()
    };
    let read = |message: &FundingWitnesses| FundingWitnesses::from_bytes(&message.to_bytes());
    let most = with(20, 2, 73);
    assert_eq!(read(&most), Ok(most.clone()));
    for (large, says) in [
        (with(21, 2, 73), "inputs"),
        (with(20, 3, 73), "elements"),
        (with(20, 2, 74), "element length"),
    ] {
        let error = read(&large).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn wallet_data_comes_in_without_signatures() {
    let holdings = holdings();
    let mut funding = holdings[0].funding_psbt(&MadeUpNode).unwrap();
    let clean = funding.clone();
    let mut contributed = signed(&holdings[0], Role::Client);
    let mine = input_of(&holdings[0], Role::Client);
    contributed.inputs[mine].final_script_witness = Some(Witness::from_slice(&[[1; 3]]));
    contributed.inputs[mine]
        .witness_utxo
        .as_mut()
        .unwrap()
        .value = Amount::from_sat(1);
    contributed.inputs[mine].redeem_script = Some(ScriptBuf::new());
    merge_wallet_data(&mut funding, &contributed);
    let input = &funding.inputs[mine];
    assert!(input.partial_sigs.is_empty() && input.final_script_witness.is_none());
    assert_eq!(input.witness_utxo, clean.inputs[mine].witness_utxo);
    assert_eq!(
        input.redeem_script,
        Some(ScriptBuf::new()),
        "what the wallet knows is taken over"
    );
}

const DEPOSIT: Amount = Amount::from_sat(200_000);

fn placeholder() -> ScriptBuf {
    ScriptBuf::new_p2wsh(&bitcoin::WScriptHash::all_zeros())
}

/// A wallet's PSBT: one coin with its whole parent, the deposit, change.
fn contributed() -> Psbt {
    let own = ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros());
    let out = |value, script: &ScriptBuf| TxOut {
        value,
        script_pubkey: script.clone(),
    };
    let tx = |input, output| Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input,
        output,
    };
    let parent = tx(Vec::new(), vec![out(Amount::from_sat(251_000), &own)]);
    let input = TxIn {
        previous_output: OutPoint {
            txid: parent.compute_txid(),
            vout: 0,
        },
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let outputs = vec![
        out(Amount::from_sat(50_000), &own),
        out(DEPOSIT, &placeholder()),
    ];
    let mut psbt = Psbt::from_unsigned_tx(tx(vec![input], outputs)).unwrap();
    psbt.inputs[0].witness_utxo = Some(parent.output[0].clone());
    psbt.inputs[0].non_witness_utxo = Some(parent);
    psbt
}

#[test]
fn a_contribution_is_what_the_wallet_spends() {
    let found = Contribution::from_psbt(&contributed(), &placeholder(), DEPOSIT).unwrap();
    assert_eq!(
        (found.coins.len(), found.coins[0].value_sat.to_sat()),
        (1, 251_000)
    );
    assert_eq!(found.change.as_ref().unwrap().value_sat.to_sat(), 50_000);
    found
        .check(DEPOSIT, FeeRate::from_sat_per_kwu(500))
        .unwrap();
    // Either form of the coin alone is enough.
    for drop_one in [
        |i: &mut bitcoin::psbt::Input| i.witness_utxo = None,
        |i: &mut bitcoin::psbt::Input| i.non_witness_utxo = None,
    ] {
        let mut psbt = contributed();
        drop_one(&mut psbt.inputs[0]);
        assert_eq!(
            Contribution::from_psbt(&psbt, &placeholder(), DEPOSIT).as_ref(),
            Ok(&found)
        );
    }
}

#[test]
fn contributions_that_do_not_add_up_are_named() {
    type Spoil = (&'static str, fn(&mut Psbt));
    let spoils: [Spoil; 9] = [
        ("what its coins hold", |p| {
            p.inputs[0].witness_utxo = None;
            p.inputs[0].non_witness_utxo = None;
        }),
        ("parent of another coin", |p| {
            p.unsigned_tx.input[0].previous_output.txid = Txid::all_zeros()
        }),
        ("does not have", |p| {
            p.unsigned_tx.input[0].previous_output.vout = 1
        }),
        ("states another coin", |p| {
            p.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(999_999)
        }),
        ("does not pay the deposit", |p| {
            p.unsigned_tx.output[1].value -= Amount::from_sat(1)
        }),
        ("does not pay the deposit", |p| {
            p.unsigned_tx.output[1].script_pubkey = ScriptBuf::new()
        }),
        ("more outputs", |p| {
            p.unsigned_tx.output.push(p.unsigned_tx.output[0].clone())
        }),
        ("placeholder twice", |p| {
            p.unsigned_tx.output[0].script_pubkey = p.unsigned_tx.output[1].script_pubkey.clone()
        }),
        ("more or fewer inputs", |p| p.inputs.clear()),
    ];
    for (says, spoil) in spoils {
        let mut psbt = contributed();
        spoil(&mut psbt);
        let error = Contribution::from_psbt(&psbt, &placeholder(), DEPOSIT)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{error:?} does not say {says:?}");
    }
}

/// What each party of a 2-of-3 sends of Tx0, byte for byte. `NARTHEX_BLESS=1` writes the file anew.
#[test]
fn golden_witnesses() {
    let messages = all(&holdings()).into_iter().map(|message| {
        let inputs = message.inputs.iter().map(|(input, witness)| {
            let elements = witness.iter().map(DisplayHex::to_lower_hex_string);
            serde_json::json!({ "input": input, "witness": elements.collect::<Vec<_>>() })
        });
        serde_json::json!({
            "agreement": message.agreement_id.to_lower_hex_string(),
            "from": Role::from(message.from),
            "inputs": inputs.collect::<Vec<_>>(),
            "bytes": message.to_bytes().to_lower_hex_string(),
        })
    });
    let found = serde_json::Value::Array(messages.collect());
    golden_json::holds("funding_witnesses.json", &found);
}
