//! What the engine holds of contracts that are not built yet: a channel of alice and bob whose state has dozens of
//! outputs, which is revoked by a secret, and pays by hashes and by points.

use std::sync::Arc;

use bitcoin::{OutPoint, Transaction, secp256k1::rand::thread_rng};
use narthex::{
    contracts::{
        binding::{Mark, MemoryBindings},
        builder::Vault,
        graph::{NodeId, NodeName, Source},
        party::{PartyName, PartySet},
        setup::{ContractSignatures, Party, Secrets, SetupError, SignaturesError, ceremony},
    },
    regtest::Chain,
};

use crate::{
    common::{miner, sources},
    engine_channel::{
        ALICE, BOB, COMMIT, Channel, DELAY, PAYMENTS, PUNISH, REVOCATION, graph, key, one_of,
        owners, payment_secret, preimage, secret,
    },
};

on_both_chains!(payments_are_claimed, a_revoked_state_is_lost);

/// Alice and bob, with everything signed over a coin of this chain.
struct Signed {
    alice: ContractSignatures<Channel>,
    bob: ContractSignatures<Channel>,
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

fn confirmed(
    chain: &mut dyn Chain,
    holdings: &ContractSignatures<Channel>,
    node: NodeId,
    tx: &Transaction,
) {
    let plan = holdings.graph().spend_plan(node).unwrap();
    assert_eq!(plan.weight, tx.weight(), "known before");
    assert_eq!(Some(tx.compute_txid()), holdings.graph().txid(node));
    chain
        .mine_exactly(std::slice::from_ref(tx), &miner())
        .unwrap();
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
    chain
        .mine_exactly(std::slice::from_ref(&tx), &miner())
        .unwrap_err();
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
        matches!(error, Err(SignaturesError::NotHeld { .. })),
        "{error:?}"
    );
    // Alice's state, what goes back to her by hash, and what she reads secrets out of.
    assert_eq!(
        signed.alice.complete_nodes().count(),
        1 + 2 * usize::from(PAYMENTS)
    );
}

/// Nothing that contracts stand on says a word of one of them.
#[test]
fn the_engine_has_no_contracts_words() {
    let words = [
        "Role",
        "Arbiter",
        "Verifier",
        "Worker",
        "Appeal",
        "Ruling",
        "Stake",
        "terms::",
        "template::",
        "game_model",
    ];
    let parts = ["party.rs", "graph", "musig", "setup", "builder", "funding"];
    let mut seen = 0;
    for (path, code) in parts
        .iter()
        .flat_map(|part| sources::code(&format!("contracts/src/{part}")))
    {
        let of_tests = ["tests", "tests.rs", "vectors"];
        if path.iter().any(|part| of_tests.iter().any(|t| part == *t)) {
            continue;
        }
        seen += 1;
        let said = words.iter().find(|word| code.contains(**word));
        assert_eq!(said, None, "{}", path.display());
    }
    assert!(seen > 40, "{seen} files: the test looks at nothing");
}
