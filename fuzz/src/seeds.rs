//! Valid inputs, one or a few per target.

use bitcoin::{
    Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, WPubkeyHash, Witness,
    absolute::LockTime,
    hashes::Hash,
    secp256k1::{Secp256k1, SecretKey},
    transaction::Version,
};
use narthex_base::codec::Message as _;
use narthex_contracts::{
    enrolment::{Enrolment, Scope},
    funding::FundingWitnesses,
    musig::PartialSignature,
    setup::SharesMessage,
    template::{Exit, RootRecord, TowerBundle, TowerPace, stage},
    terms::Role,
};
use narthex_game_model::Ruling;

use super::{
    properties::{deposit, root_place, world},
    small,
};

/// Name of a target and an input that it accepts.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let world = world();
    let mut seeds = vec![
        (
            "terms_json",
            world.terms.to_json().expect("JSON").into_bytes(),
        ),
        ("params_bytes", world.terms.params().to_bytes()),
        ("shares", shares()),
        ("contribution", contribution()),
        ("root_record", root_record()),
    ];
    seeds.push(("witnesses", witnesses()));
    seeds.push(("enrolment", enrolment()));
    seeds.extend(world.signing.iter().map(|bytes| ("signing", bytes.clone())));
    seeds.extend(world.nonces.iter().map(|bytes| ("nonces", bytes.clone())));
    seeds.extend(
        world
            .holdings
            .iter()
            .map(|held| ("holdings", held.to_bytes())),
    );
    seeds.extend(world.holdings.iter().map(|held| {
        let pace = TowerPace {
            since: 100,
            depth: 2,
            confirm: 1,
            message: 1,
        };
        let bundle = TowerBundle::of(held, pace, &[]).expect("something to watch with");
        ("bundle", bundle.to_bytes())
    }));
    let verifier = &world.holdings[Role::Verifier.index()];
    let s3 = verifier.graph().find(Exit::NORMAL).expect("S3");
    let releases = verifier.release(s3, Some(&world.fixtures.token()));
    let releases = releases.expect("the verifier keeps S3 back");
    seeds.extend(
        releases
            .iter()
            .map(|release| ("release", release.to_bytes())),
    );
    seeds.extend(
        small::seeds()
            .into_iter()
            .map(|bytes| ("small_contracts", bytes)),
    );
    for ruling in Ruling::ALL {
        let id = world.terms.contract_id();
        let attestation = world
            .fixtures
            .attestation(1, id, ruling)
            .expect("attestation");
        seeds.push(("attestation", attestation.to_bytes()));
    }
    seeds
}

fn enrolment() -> Vec<u8> {
    let world = world();
    let pair = |secret: SecretKey| secret.keypair(&Secp256k1::new());
    let (node, key) = (
        world.fixtures.identity(1),
        world.fixtures.key(Role::Arbiter(1)),
    );
    let scope = Scope::Contract(*world.terms.contract_id());
    let signed = Enrolment::sign(scope, Role::Arbiter(1), &pair(node), &pair(key));
    signed.expect("two keys").to_bytes()
}

fn witnesses() -> Vec<u8> {
    FundingWitnesses {
        agreement_id: [5; 32],
        from: Role::Worker.into(),
        inputs: vec![
            (1, Witness::from_slice(&[vec![6; 64]])),
            (2, Witness::from_slice(&[vec![7; 72], vec![2; 33]])),
        ],
    }
    .to_bytes()
}

fn shares() -> Vec<u8> {
    SharesMessage {
        session_id: [3; 32],
        transcript: [4; 32],
        from: Role::Client.into(),
        to: Role::Arbiter(2).into(),
        stage: stage::DELIVERY.id,
        shares: vec![PartialSignature([1; 32]); 3],
    }
    .to_bytes()
}

fn transaction(inputs: &[OutPoint], outputs: Vec<(Amount, ScriptBuf)>) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: inputs
            .iter()
            .map(|outpoint| TxIn {
                previous_output: *outpoint,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            })
            .collect(),
        output: outputs
            .into_iter()
            .map(|(value, script_pubkey)| TxOut {
                value,
                script_pubkey,
            })
            .collect(),
    }
}

fn contribution() -> Vec<u8> {
    let (placeholder, amount) = deposit();
    let own = ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros());
    let coin = OutPoint {
        txid: bitcoin::Txid::from_byte_array([7; 32]),
        vout: 1,
    };
    let change = Amount::from_sat(50_000);
    let tx = transaction(&[coin], vec![(amount, placeholder), (change, own.clone())]);
    let mut psbt = Psbt::from_unsigned_tx(tx).expect("unsigned");
    psbt.inputs[0].witness_utxo = Some(TxOut {
        value: amount + change + Amount::from_sat(1_000),
        script_pubkey: own,
    });
    psbt.serialize()
}

fn root_record() -> Vec<u8> {
    let script = RootRecord { root: [9; 32] }.script();
    let tx = transaction(&[root_place()], vec![(Amount::ZERO, script)]);
    bitcoin::consensus::serialize(&tx)
}
