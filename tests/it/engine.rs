//! What the engine holds of contracts that are not built yet: a channel of alice and bob whose state has dozens of
//! outputs, which is revoked by a secret, and pays by hashes and by points.

use std::sync::Arc;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxOut,
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::thread_rng},
};
use narthex::{
    contracts::{
        binding::{Mark, MemoryBindings},
        graph::{
            Adaptor, NodeId, NodeInput, NodeName, SecretId, SecretName, SigningPlan, Source, Spend,
            TxGraph, Variant,
        },
        musig::{AdaptorPoint, KeySet},
        pact::{Draft, LeafPlan, Placed, Step, UNLOCKED, Vault, by, place_key, spend},
        party::{PartyId, PartyName, PartySet},
        setup::{Agreement, Holdings, HoldingsError, Party, Secrets, SetupError, ceremony},
    },
    regtest::Chain,
};

use crate::common::miner;

on_both_chains!(payments_are_claimed, a_revoked_state_is_lost);

const ALICE: PartyName = PartyName::new(PartyId(0), "alice");
const BOB: PartyName = PartyName::new(PartyId(1), "bob");
/// Payments of each kind.
const PAYMENTS: u8 = 24;
const EACH: Amount = Amount::from_sat(1_000_000);
/// Blocks that alice waits for her part of a state that she publishes.
const DELAY: u16 = 144;
/// Takes the state back.
const REVOCATION: SecretName = SecretName::new(SecretId(0), "alice's revocation secret");

const COMMIT: NodeName = NodeName::plain("Commit");
const PUNISH: NodeName = NodeName::plain("Punish");
/// Leaves of a payment: whom it is for, and back to alice.
const FORTH: usize = 0;
const BACK: usize = 1;

fn one_of(base: &'static str, payment: u8) -> NodeName {
    NodeName::with(base, Variant::of(1 << payment))
}

fn payment_secret(payment: u8) -> SecretName {
    let id = SecretId(1 + u16::from(payment));
    SecretName::numbered(id, "the secret of payment ", payment.into())
}

fn key(who: PartyName) -> SecretKey {
    SecretKey::from_slice(&[1 + who.id.0; 32]).unwrap()
}

/// What opens payment `n` by a point, and for 0 what revokes.
fn secret(n: u16) -> SecretKey {
    SecretKey::from_slice(&[0x40 + u8::try_from(n).unwrap(); 32]).unwrap()
}

fn preimage(payment: u8) -> [u8; 32] {
    [0x80 + payment; 32]
}

fn public(key: &SecretKey) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), key)
}

fn script(byte: u8) -> ScriptBuf {
    let key = public(&SecretKey::from_slice(&[byte; 32]).unwrap());
    ScriptBuf::new_p2wpkh(&bitcoin::key::PublicKey::new(key).wpubkey_hash().unwrap())
}

/// The channel, as far as signing goes.
#[derive(Debug)]
struct Channel {
    id: [u8; 32],
    /// Height from which payments go back.
    expiry: u32,
}

impl Agreement for Channel {
    fn id(&self) -> &[u8; 32] {
        &self.id
    }

    fn signer(&self, party: PartyId) -> Option<PublicKey> {
        let known = self.everyone().into_iter().find(|name| name.id == party);
        known.map(|name| public(&key(name)))
    }

    fn everyone(&self) -> Vec<PartyName> {
        vec![ALICE, BOB]
    }
}

fn owners() -> [(PartyName, PublicKey); 2] {
    [ALICE, BOB].map(|who| (who, public(&key(who))))
}

/// A leaf that wants both signatures, and what `rest` says.
fn of_both(
    channel: &Channel,
    place: &str,
    rest: Option<String>,
    hashes: Vec<sha256::Hash>,
) -> LeafPlan {
    let lone = |owner| place_key(&channel.id, place, owner).unwrap();
    let signers: Vec<KeySet> = owners().map(lone).into();
    let keys: Vec<_> = signers.iter().map(|k| k.output_key().to_string()).collect();
    let both = format!("multi_a(2,{})", keys.join(","));
    LeafPlan {
        script: match rest {
            Some(rest) => format!("and_v(v:{both},{rest})"),
            None => both,
        },
        signers,
        releasers: Vec::new(),
        hashes,
    }
}

fn alone(channel: &Channel, place: &str, lock: String) -> LeafPlan {
    let keys = place_key(&channel.id, place, owners()[0]).unwrap();
    LeafPlan {
        script: format!("and_v(v:pk({}),{lock})", keys.output_key()),
        signers: vec![keys],
        releasers: Vec::new(),
        hashes: Vec::new(),
    }
}

/// By a hash: bob shows the preimage; from the expiry on it is alice's.
fn by_hash(channel: &Channel, payment: u8) -> Vault {
    let hash = sha256::Hash::hash(&preimage(payment));
    let forth = format!("forth/hash/{payment}");
    let back = format!("back/hash/{payment}");
    let leaves = vec![
        of_both(channel, &forth, Some(format!("sha256({hash})")), vec![hash]),
        of_both(
            channel,
            &back,
            Some(format!("after({})", channel.expiry)),
            Vec::new(),
        ),
    ];
    Vault::new(&owners(), leaves).unwrap()
}

/// By a point: bob's signature takes the secret; from the expiry on it is alice's, by her own key alone.
fn by_point(channel: &Channel, payment: u8) -> Vault {
    let leaves = vec![
        of_both(channel, &format!("forth/point/{payment}"), None, Vec::new()),
        alone(
            channel,
            &format!("back/point/{payment}"),
            format!("after({})", channel.expiry),
        ),
    ];
    Vault::new(&owners(), leaves).unwrap()
}

fn under(draft: &mut Draft, name: SecretName, secret: &SecretKey) -> SigningPlan {
    draft.graph.secret(name);
    let adaptor = draft.graph.adaptor(Adaptor {
        point: AdaptorPoint::try_from(public(secret)).unwrap(),
        needs: vec![name.id],
    });
    SigningPlan {
        // Alice reads the secret out of what bob publishes.
        holders: [ALICE, BOB].into(),
        adaptor: Some(adaptor),
        ..by(&[BOB])
    }
}

/// The state that alice may publish, and everything that follows from it.
fn graph(channel: &Channel, (coin, prevout): (OutPoint, TxOut)) -> TxGraph {
    let mut draft = Draft::new([ALICE, BOB]);
    let funding = draft.vault(&Vault::new(&owners(), Vec::new()).unwrap());
    let own = alone(channel, "own", format!("older({DELAY})"));
    let own = draft.vault(&Vault::new(&owners(), vec![own]).unwrap());
    let all = 0..PAYMENTS;
    let hashed: Vec<Placed> = all
        .clone()
        .map(|i| draft.vault(&by_hash(channel, i)))
        .collect();
    let pointed: Vec<Placed> = all
        .clone()
        .map(|i| draft.vault(&by_point(channel, i)))
        .collect();
    let paid = EACH * 2 * u64::from(PAYMENTS);
    let half = (prevout.value - paid) / 2;
    let mut outputs = vec![
        own.output(half),
        draft.payout(BOB, &script(9), prevout.value - paid - half),
    ];
    outputs.extend(
        hashed
            .iter()
            .chain(&pointed)
            .map(|vault| vault.output(EACH)),
    );
    let external = Source::External {
        outpoint: coin,
        prevout,
    };
    let commit = draft
        .step(Step {
            name: COMMIT,
            meaning: "alice publishes her state",
            inputs: vec![NodeInput {
                source: external,
                sequence: UNLOCKED,
                spend: funding.key_path().unwrap(),
            }],
            lock_height: 0,
            plan: by(&[ALICE]),
            outputs,
        })
        .unwrap();
    let input = |vout: usize, how: Spend| spend(commit, vout as u32, how, UNLOCKED);
    // All that a revoked state leaves to alice, in one transaction of bob's.
    let revocation = SigningPlan {
        holders: [BOB].into(),
        ..under(&mut draft, REVOCATION, &secret(0))
    };
    let contested = std::iter::once((0, &own)).chain((2..).zip(hashed.iter().chain(&pointed)));
    let contested = contested.map(|(vout, vault)| input(vout, vault.key_path().unwrap()));
    let all_of_it = draft.payout(BOB, &script(8), half + paid);
    let step = |name, meaning, inputs, plan, outputs| Step {
        name,
        meaning,
        inputs,
        lock_height: 0,
        plan,
        outputs,
    };
    let punish = step(
        PUNISH,
        "revoked",
        contested.collect(),
        revocation,
        vec![all_of_it],
    );
    draft.step(punish).unwrap();
    let late = NodeInput {
        sequence: Sequence::from_height(DELAY),
        ..input(0, own.leaf(0).unwrap())
    };
    let back = draft.payout(ALICE, &script(7), half);
    let take = step(
        NodeName::plain("Own"),
        "her own part",
        vec![late],
        by(&[ALICE]),
        vec![back],
    );
    draft.step(take).unwrap();
    for i in all {
        let (hash_at, point_at) = (2 + usize::from(i), 2 + usize::from(PAYMENTS + i));
        let (hashed, pointed) = (&hashed[usize::from(i)], &pointed[usize::from(i)]);
        let to_bob = draft.payout(BOB, &script(6), EACH);
        let to_alice = draft.payout(ALICE, &script(5), EACH);
        let forth = vec![input(hash_at, hashed.leaf(FORTH).unwrap())];
        let forth = step(
            one_of("Claim", i),
            "by preimage",
            forth,
            by(&[BOB]),
            vec![to_bob.clone()],
        );
        draft.step(forth).unwrap();
        let plan = under(&mut draft, payment_secret(i), &secret(1 + u16::from(i)));
        let forth = vec![input(point_at, pointed.leaf(FORTH).unwrap())];
        draft
            .step(step(
                one_of("Pay", i),
                "by secret",
                forth,
                plan,
                vec![to_bob],
            ))
            .unwrap();
        for (base, at, vault) in [("Expire", hash_at, hashed), ("Return", point_at, pointed)] {
            let back = vec![input(at, vault.leaf(BACK).unwrap())];
            let outputs = vec![to_alice.clone()];
            let back = step(one_of(base, i), "expired", back, by(&[ALICE]), outputs);
            draft
                .step(Step {
                    lock_height: channel.expiry,
                    ..back
                })
                .unwrap();
        }
    }
    draft.graph.finish()
}

/// Alice and bob, with everything signed over a coin of this chain.
struct Signed {
    alice: Holdings<Channel>,
    bob: Holdings<Channel>,
}

impl Signed {
    fn new(chain: &mut dyn Chain) -> Signed {
        let funding = Vault::new(&owners(), Vec::new()).unwrap();
        chain.mine(1, &funding.script()).unwrap();
        let height = chain.height().unwrap();
        let block = chain.block(height).unwrap();
        let coinbase = &block.txdata[0];
        let coin = (
            OutPoint::new(coinbase.compute_txid(), 0),
            coinbase.output[0].clone(),
        );
        // A coinbase is mature behind a hundred blocks.
        chain.mine(100, &miner()).unwrap();
        let expiry = height + 100 + 60;
        let channel = Arc::new(Channel {
            id: [7; 32],
            expiry,
        });
        let party = |who: PartyName| {
            let mut store = MemoryBindings::default();
            let graph = graph(&channel, coin.clone());
            let bind = || Mark::of("channel", &who.id.0.to_be_bytes()).bind(channel.id, &mut store);
            Party::for_bound::<SetupError>(channel.clone(), graph, who, &key(who), bind).unwrap()
        };
        let parties = vec![party(ALICE), party(BOB)];
        let mut held = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
        held.iter().for_each(|held| held.verify().unwrap());
        let bob = held.remove(1);
        Signed {
            alice: held.remove(0),
            bob,
        }
    }

    fn node(&self, name: NodeName) -> NodeId {
        self.alice.graph().find(name).unwrap()
    }
}

fn confirmed(chain: &mut dyn Chain, holdings: &Holdings<Channel>, node: NodeId, tx: &Transaction) {
    let plan = holdings.graph().spend_plan(node).unwrap();
    assert_eq!(plan.weight, tx.weight(), "known before");
    assert_eq!(Some(tx.compute_txid()), holdings.graph().txid(node));
    chain.mine_exactly(&[tx.clone()], &miner()).unwrap();
}

fn payments_are_claimed(chain: &mut dyn Chain) {
    let signed = Signed::new(chain);
    let (alice, bob) = (&signed.alice, &signed.bob);
    let none = Secrets::default();
    let commit = signed.node(COMMIT);
    assert_eq!(alice.graph().node(commit).unwrap().outputs.len(), 51);
    // Bob does not hold alice's state; each holds what it may publish, and bob's own signatures are among them.
    let refused = bob.complete(commit, &none).unwrap_err().to_string();
    assert_eq!(refused, "bob does not hold the signatures of Commit");
    let tx = alice.complete(commit, &none).unwrap();
    confirmed(chain, alice, commit, &tx);

    for i in [0, 5, PAYMENTS - 1] {
        let claim = signed.node(one_of("Claim", i));
        let plan = bob.graph().spend_plan(claim).unwrap();
        assert_eq!((plan.keys.len(), plan.hashes.len()), (2, 1));
        for wrong in [&[][..], &[[3; 32]]] {
            let error = bob.complete_by_leaf(claim, &none, wrong).unwrap_err();
            let said = error.to_string();
            assert!(said.ends_with("it lacks the preimage of a hash"), "{said}");
        }
        assert!(
            alice
                .complete_by_leaf(claim, &none, &[preimage(i)])
                .is_err()
        );
        let tx = bob.complete_by_leaf(claim, &none, &[preimage(i)]).unwrap();
        confirmed(chain, bob, claim, &tx);
    }
    for i in [0, 7, PAYMENTS - 1] {
        let pay = signed.node(one_of("Pay", i));
        let name = payment_secret(i);
        let plan = bob.graph().spend_plan(pay).unwrap();
        assert_eq!(plan.secrets, [name.id]);
        let error = bob.complete(pay, &none).unwrap_err();
        let lacks = format!("Pay{{{i}}} is encrypted; it lacks the secret of payment {i}");
        assert_eq!(error.to_string(), lacks);
        let known = Secrets::default().with(name, secret(name.id.0));
        let tx = bob.complete(pay, &known).unwrap();
        confirmed(chain, bob, pay, &tx);
        let shown = alice.extract_secret(pay, &tx, name, &none);
        assert_eq!(
            shown,
            Ok(secret(name.id.0)),
            "alice reads what bob was paid for"
        );
    }
    // What was not claimed goes back at the expiry, and not a block before it.
    let expire = signed.node(one_of("Expire", 1));
    let tx = alice.complete(expire, &none).unwrap();
    let locks = alice.graph().spend_plan(expire).unwrap().locks;
    assert_eq!((locks.height, locks.blocks), (alice.terms().expiry, 0));
    let early = locks.height - chain.height().unwrap();
    chain.mine(early - 1, &miner()).unwrap();
    chain.mine_exactly(&[tx.clone()], &miner()).unwrap_err();
    chain.mine(1, &miner()).unwrap();
    confirmed(chain, alice, expire, &tx);
}

fn a_revoked_state_is_lost(chain: &mut dyn Chain) {
    let signed = Signed::new(chain);
    let (alice, bob) = (&signed.alice, &signed.bob);
    let none = Secrets::default();
    let commit = signed.node(COMMIT);
    let tx = alice.complete(commit, &none).unwrap();
    confirmed(chain, alice, commit, &tx);
    let punish = signed.node(PUNISH);
    let error = bob.complete(punish, &none).unwrap_err();
    let lacks = "Punish is encrypted; it lacks alice's revocation secret";
    assert_eq!(error.to_string(), lacks);
    let known = Secrets::default().with(REVOCATION, secret(0));
    let tx = bob.complete(punish, &known).unwrap();
    assert_eq!(tx.input.len(), 1 + 2 * usize::from(PAYMENTS));
    confirmed(chain, bob, punish, &tx);
    // Her own part waits for as long as bob needs to see it, and is gone.
    let locks = alice
        .graph()
        .spend_plan(signed.node(NodeName::plain("Own")));
    assert_eq!(locks.unwrap().locks.blocks, DELAY);
}

/// What one signs alone and holds alone is made when it is published: nobody draws a nonce for it.
#[test]
fn the_ceremony_signs_what_others_rely_on() {
    let mut chain = narthex::regtest::Embedded::new();
    let signed = Signed::new(&mut chain);
    let graph = signed.alice.graph();
    let party = |who: PartyName| {
        let mut store = MemoryBindings::default();
        let terms = signed.alice.terms().clone();
        let node = graph.node(signed.node(COMMIT)).unwrap();
        let Source::External { outpoint, prevout } = node.inputs[0].source.clone() else {
            panic!("the state spends a coin that was there");
        };
        let graph = self::graph(&terms, (outpoint, prevout));
        let (mark, id) = (Mark::of("channel", &[who.id.0]), terms.id);
        let bind = || mark.bind(id, &mut store);
        Party::for_bound::<SetupError>(terms, graph, who, &key(who), bind).unwrap()
    };
    let alice = party(ALICE);
    let alone = ["Own", "Return"];
    let items = alice.plan().items();
    for (id, node) in graph.nodes() {
        let of_node = items.iter().filter(|item| item.node == id).count();
        let wanted = graph.spend_plan(id).unwrap().keys.len();
        let signed = !alone.contains(&node.name.base);
        assert_eq!(of_node, if signed { wanted } else { 0 }, "{}", node.name);
    }
    let both: PartySet = [ALICE, BOB].into();
    assert!(items.iter().any(|item| item.signers == both));
    assert!(items.iter().any(|item| item.signers == [BOB].into()));
    // Nor does anybody complete it out of what was signed together.
    let returned = signed.node(one_of("Return", 0));
    let error = signed.alice.complete(returned, &Secrets::default());
    assert!(
        matches!(error, Err(HoldingsError::NotHeld { .. })),
        "{error:?}"
    );
    // Alice's state, what goes back to her by hash, and what she reads secrets out of.
    assert_eq!(
        signed.alice.complete_nodes().count(),
        1 + 2 * usize::from(PAYMENTS)
    );
}
