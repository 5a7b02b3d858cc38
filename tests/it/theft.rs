//! Thefts: every output of a contract against every party and coalition that does not own it, with a miner's help.

use crate::common;

use bitcoin::{
    OutPoint, Sequence, TapLeafHash, TapSighashType, Transaction, TxOut, Witness,
    absolute::LockTime,
    hashes::Hash,
    key::TapTweak,
    secp256k1::{Keypair, Message, Secp256k1, SecretKey},
    sighash::{Prevouts, SighashCache},
    taproot::LeafVersion,
};
use common::{forge, forge::Coin, is_bad_script, is_bad_signature, is_too_early, miner, refused};
use narthex::{
    contracts::{
        graph::{NodeName, Purpose, Spend},
        template::{Exit, reclaim_stake, stake_output, stake_unlock_height},
        terms::{FeeRate, Role},
    },
    game_model::{ArbiterSet, Ruling},
    play::Scene,
    regtest::Chain,
};

on_both_chains!(contract_outputs, stakes, payouts_and_anchors);

fn key(scene: &Scene<'_>, role: Role) -> SecretKey {
    scene.actor(role).unwrap().key().unwrap()
}

fn coin(scene: &Scene<'_>, name: NodeName, vout: u32) -> Coin {
    let id = scene.find(name).unwrap();
    let graph = scene.graph();
    let output = &graph.node(id).unwrap().outputs[vout as usize];
    let script_pubkey = graph.script(output.script).unwrap().script.clone();
    (
        common::output_of(graph, id, vout),
        TxOut {
            value: output.value,
            script_pubkey,
        },
    )
}

/// Root of an output's script tree, or what stands in its place.
fn root(scene: &Scene<'_>, name: NodeName, vout: u32) -> Option<[u8; 32]> {
    let id = scene.find(name).unwrap();
    let purpose = scene.graph().node(id).unwrap().outputs[vout as usize].purpose;
    let (Purpose::Contract(keys) | Purpose::Held { keys, .. }) = purpose else {
        return None;
    };
    scene
        .graph()
        .key_set(keys)
        .unwrap()
        .merkle_root()
        .map(|root| root.to_byte_array())
}

/// What a coalition can sign with all that it has: the sum of its terms of the aggregate, tweaked as the output is.
fn by_coalition(
    scene: &Scene<'_>,
    signers: &[Role],
    coalition: &[Role],
    at: (NodeName, u32),
) -> Transaction {
    let keys: Vec<_> = signers
        .iter()
        .map(|r| scene.terms().key(*r).unwrap())
        .collect();
    let secrets: Vec<_> = coalition.iter().map(|r| key(scene, *r)).collect();
    let secp = Secp256k1::new();
    let sum = Keypair::from_secret_key(&secp, &forge::coalition(&keys, &secrets));
    let root = root(scene, at.0, at.1).map(bitcoin::TapNodeHash::from_byte_array);
    let signer = sum.tap_tweak(&secp, root).to_keypair();
    let coins = [coin(scene, at.0, at.1)];
    let mut tx = forge::take(&coins, &miner(), 0);
    let message = Message::from_digest(forge::sighash(&tx, 0, &coins));
    tx.input[0].witness = Witness::from_slice(&[secp.sign_schnorr(&message, &signer).serialize()]);
    tx
}

/// No party alone and no coalition short of all signers can take the output.
fn holds_against_all(scene: &mut Scene<'_>, signers: &[Role], at: (NodeName, u32)) {
    let coin = coin(scene, at.0, at.1);
    let root = root(scene, at.0, at.1);
    for role in common::roles(scene) {
        for theft in forge::single_key(&key(scene, role), &coin, root, &miner()) {
            let reason = refused(scene, &theft);
            assert!(
                is_bad_signature(&reason),
                "{role} takes {}:{}: {reason}",
                at.0,
                at.1
            );
        }
    }
    let all = (1u32 << signers.len()) - 1;
    for mask in 1..all {
        let coalition: Vec<_> = signers
            .iter()
            .enumerate()
            .filter(|(i, _)| mask >> i & 1 == 1)
            .map(|(_, r)| *r)
            .collect();
        let theft = by_coalition(scene, signers, &coalition, at);
        let reason = refused(scene, &theft);
        assert!(
            is_bad_signature(&reason),
            "{coalition:?} take {}:{}: {reason}",
            at.0,
            at.1
        );
    }
}

/// All signers together own it: the test's arithmetic is right, and its thefts fail for the reason they should.
fn falls_to_all(scene: &mut Scene<'_>, signers: &[Role], at: (NodeName, u32)) {
    let tx = by_coalition(scene, signers, signers, at);
    common::mined(scene, &tx);
}

fn contract_outputs(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    let everybody = common::roles(&scene);
    let three = Role::PRINCIPALS;
    holds_against_all(&mut scene, &three, (NodeName::plain("Tx0"), 0));
    common::deliver(&mut scene);
    holds_against_all(&mut scene, &three, (Exit::DELIVERED, 0));
    scene
        .publish(Role::Verifier, Exit::REJECTED, "test")
        .unwrap();
    holds_against_all(&mut scene, &three, (Exit::REJECTED, 0));
    scene.publish(Role::Worker, Exit::APPEALED, "test").unwrap();
    holds_against_all(&mut scene, &everybody, (Exit::APPEALED, 0));
    falls_to_all(&mut scene, &everybody, (Exit::APPEALED, 0));
    // The same contract in another ending; the appeal is unconfirmed again.
    scene.chain().disconnect(3).unwrap();
    let approve = node_tx(&scene, Role::Verifier, Exit::APPROVED);
    common::mined(&mut scene, &approve);
    holds_against_all(&mut scene, &three, (Exit::APPROVED, 0));
    falls_to_all(&mut scene, &three, (Exit::APPROVED, 0));
}

fn node_tx(scene: &Scene<'_>, who: Role, name: NodeName) -> Transaction {
    scene.complete(who, scene.find(name).unwrap()).unwrap()
}

/// A stake belongs to all together, or after the last deadline to its owner; to nobody else at any time.
fn stakes(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    let everybody = common::roles(&scene);
    let unlock = stake_unlock_height(scene.terms().params());
    assert_eq!(
        unlock,
        common::deliver_height(scene.terms()) + 6 + 6 + 2 * 12
    );
    for vout in 1..=3 {
        holds_against_all(&mut scene, &everybody, (NodeName::plain("Tx0"), vout));
    }
    let reclaim = |scene: &Scene<'_>, i: u8, by: u8| {
        let key = key(scene, Role::Arbiter(by));
        reclaim_stake(
            scene.terms(),
            scene.graph(),
            i,
            &key,
            miner(),
            FeeRate::from_sat_per_kwu(500),
        )
    };
    assert!(
        reclaim(&scene, 0, 1).is_err(),
        "the code refuses another's key"
    );
    let own = reclaim(&scene, 0, 0).unwrap();
    assert!(is_too_early(&refused(&mut scene, &own)));
    // Without either wait: the script demands what the transaction does not say any more.
    let height = scene.chain().height().unwrap();
    let hasty = |tx: &Transaction, height: Option<u32>, no_relative_lock: bool| {
        let mut hasty = tx.clone();
        if let Some(height) = height {
            hasty.lock_time = LockTime::from_height(height).unwrap();
        }
        if no_relative_lock {
            hasty.input[0].sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;
        }
        hasty
    };
    let mut neither = hasty(&own, Some(height), true);
    resign_leaf(&scene, &mut neither, 0, 0);
    let reason = refused(&mut scene, &neither);
    assert!(is_bad_script(&reason), "{reason}");

    let funded = node_height(&mut scene, "Tx0");
    let relative = u32::from(scene.terms().params().stake_lock_blocks());
    let first = (unlock + 1).max(funded + relative);
    common::before(&mut scene, first - 1);
    let reason = refused(&mut scene, &own);
    assert!(is_too_early(&reason), "one block too early: {reason}");
    common::before(&mut scene, first);
    // Both waits are over, and still the script wants to read both.
    for mut cut in [
        hasty(&own, Some(unlock - 1), false),
        hasty(&own, None, true),
    ] {
        resign_leaf(&scene, &mut cut, 0, 0);
        let reason = refused(&mut scene, &cut);
        assert!(is_bad_script(&reason), "{reason}");
    }
    for thief in [1, 2] {
        let mut theft = own.clone();
        resign_leaf(&scene, &mut theft, 0, thief);
        let reason = refused(&mut scene, &theft);
        assert!(is_bad_signature(&reason), "{reason}");
    }
    common::mined(&mut scene, &own);
    falls_to_all(&mut scene, &everybody, (NodeName::plain("Tx0"), 2));
}

fn node_height(scene: &mut Scene<'_>, base: &'static str) -> u32 {
    let txid = scene
        .graph()
        .txid(scene.find(NodeName::plain(base)).unwrap())
        .unwrap();
    scene.chain().transaction(txid).unwrap().unwrap().1.unwrap()
}

/// Signs the owner's leaf of stake `i` with the key of arbiter `by`.
fn resign_leaf(scene: &Scene<'_>, tx: &mut Transaction, i: u8, by: u8) {
    let (_, prevout) = stake_output(scene.graph(), i).unwrap();
    let leaf = bitcoin::ScriptBuf::from_bytes(tx.input[0].witness.nth(1).unwrap().to_vec());
    let hash = TapLeafHash::from_script(&leaf, LeafVersion::TapScript);
    let sighash = SighashCache::new(&*tx)
        .taproot_script_spend_signature_hash(
            0,
            &Prevouts::All(&[prevout]),
            hash,
            TapSighashType::Default,
        )
        .unwrap();
    let secp = Secp256k1::new();
    let pair = Keypair::from_secret_key(&secp, &key(scene, Role::Arbiter(by)));
    let signature = secp.sign_schnorr(&Message::from_digest(sighash.to_byte_array()), &pair);
    let mut items = tx.input[0].witness.to_vec();
    items[0] = signature.serialize().to_vec();
    tx.input[0].witness = Witness::from_slice(&items);
}

/// What has been paid out is its owner's alone; an anchor is anybody's, and worth nothing.
fn payouts_and_anchors(chain: &mut dyn Chain) {
    let mut scene = common::funded(chain);
    common::appeal(&mut scene);
    common::rule(&mut scene, 0..3, Ruling::WorkerAtFault);
    let name = Exit::ruled(Ruling::WorkerAtFault, ArbiterSet::full(3));
    // Whoever has the attestations settles, not only a party that gains by it.
    let tx = scene.publish(Role::Worker, name, "test").unwrap();
    let id = scene.find(name).unwrap();
    let node = scene.graph().node(id).unwrap().clone();
    assert_eq!(node.inputs.len(), 1);
    assert!(matches!(node.inputs[0].spend, Spend::KeyPath(_)));
    for (vout, output) in node.outputs.iter().enumerate() {
        let Purpose::Payout(owner) = output.purpose else {
            continue;
        };
        let owner = Role::from(owner);
        assert_eq!(
            &tx.output[vout].script_pubkey,
            scene.terms().payout(owner).unwrap()
        );
        for thief in common::roles(&scene) {
            for theft in forge::single_key(
                &key(&scene, thief),
                &coin(&scene, name, vout as u32),
                None,
                &miner(),
            ) {
                let reason = refused(&mut scene, &theft);
                assert!(
                    is_bad_signature(&reason),
                    "{thief} takes {owner}'s payout: {reason}"
                );
            }
        }
    }
    // The anchors were spent by the children; one that is left is anybody's.
    let anchors: Vec<_> = scene
        .graph()
        .nodes()
        .flat_map(|(_, n)| n.outputs.iter().filter(|o| o.purpose == Purpose::Anchor))
        .map(|o| o.value)
        .collect();
    assert!(anchors.iter().all(|value| value.to_sat() == 0));
    let spent = OutPoint {
        txid: tx.compute_txid(),
        vout: tx.output.len() as u32 - 1,
    };
    assert!(
        scene.chain().utxo(spent).unwrap().is_none(),
        "the child spent it"
    );
}
