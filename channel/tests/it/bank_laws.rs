//! The laws of the engine, for every transaction of a bank; terms that are refused; cut and choose.

use crate::bank_support;

use bank_support::{SEED, open, public, record, retip, rng, script, secret, terms};
use bitcoin::{Amount, Transaction, TxOut, hashes::Hash, hashes::sha256};
use narthex_channel::bank::{Payer, Provider};
use narthex_contracts::{
    bank::{
        Bank, BankError, BankFunding, BankRecord, BankTerms, Candidates, ChooseError, FORCE_CLOSE,
        Opened, PAYER, PROVIDER, PayerOpening, Pebbles, Points, ProviderOpening, REFUND,
        TIMEOUT_REFUND,
    },
    binding::MemoryBindings,
    builder::BuilderError,
    graph::{
        GraphBuilder, GraphError, KeySetId, Leaf, LeafId, NodeId, Source, Spend, TxGraph,
        anchor_script,
    },
};

/// What every pre-signed transaction keeps: no fee, one anchor, no dust, the weight that was foretold.
fn lawful(graph: &TxGraph, id: NodeId, tx: &Transaction) {
    let inputs: Amount = graph.prevouts(id).unwrap().iter().map(|o| o.value).sum();
    let outputs: Amount = tx.output.iter().map(|o| o.value).sum();
    assert_eq!(inputs, outputs);
    assert_eq!(tx.version.0, 3);
    let anchor = |o: &&TxOut| o.script_pubkey == anchor_script();
    assert_eq!(tx.output.iter().filter(anchor).count(), 1);
    for output in tx.output.iter().filter(|o| !anchor(o)) {
        assert!(output.value >= output.script_pubkey.minimal_non_dust());
    }
    assert_eq!(graph.weight(id).unwrap(), tx.weight());
    assert_eq!(graph.txid(id).unwrap(), tx.compute_txid());
}

#[test]
fn every_transaction_keeps_the_laws() {
    let (mut payer, mut provider) = open(&terms(10_000));
    provider
        .take_commitments(&payer.commitments(8, &mut rng()).unwrap())
        .unwrap();
    provider.accept(&payer.pay(1_600).unwrap()).unwrap();
    let graph = payer.bank().graph();
    lawful(graph, FORCE_CLOSE, &provider.force_close().unwrap());
    lawful(graph, REFUND, &payer.refund(&mut rng()).unwrap());
    lawful(
        graph,
        TIMEOUT_REFUND,
        &payer.timeout_refund(&mut rng()).unwrap(),
    );
    let best = provider.enforceable();
    let claim = provider.claim(best, &mut rng()).unwrap();
    lawful(&payer.bank().claim(best).unwrap(), NodeId(0), &claim);
    assert_eq!(claim.output[0].value, Amount::from_sat(best.into()));
    // A commitment whose penny was not given cannot be published, nor one that was never signed.
    for commitment in [best + 500, best - 1, 0] {
        assert!(provider.claim(commitment, &mut rng()).is_err());
    }
    // Each has an exit alone: the payer by T or by D after a force close, the provider by its force close at any time.
    let broadcasters = |id| graph.node(id).unwrap().signing.unwrap().broadcasters;
    assert!(broadcasters(REFUND).contains(PAYER) && broadcasters(REFUND).len() == 1);
    assert_eq!(graph.node(REFUND).unwrap().lock_height, 1_000);
    let timeout_refund = graph.node(TIMEOUT_REFUND).unwrap();
    assert_eq!(TxGraph::relative_lock_blocks(timeout_refund), 20);
    assert!(broadcasters(FORCE_CLOSE).contains(PROVIDER));
}

/// The table of `docs/contracts/bank.md`.
#[test]
fn weights_are_those_of_the_page() {
    let mut record = record(10_000);
    let p2tr = |byte: u8| bitcoin::ScriptBuf::from_bytes([&[0x51, 0x20][..], &[byte; 32]].concat());
    (record.payer_script, record.provider_script) = (p2tr(1), p2tr(2));
    (record.refund_height, record.claim_blocks) = (900_000, 144);
    let BankFunding::Wallet { contribution, .. } = &mut record.funding else {
        panic!("funded by a wallet");
    };
    contribution.coins[0].script = p2tr(3);
    contribution.coins[0].value_sat += Amount::from_sat(50_000);
    contribution.change = Some(narthex_contracts::terms::Change {
        value_sat: Amount::from_sat(50_000),
        script: p2tr(4),
    });
    let bank = Bank::new(record.check().unwrap()).unwrap();
    let graph = bank.picture(1_000, Amount::from_sat(300)).unwrap();
    let page = include_str!("../../../docs/contracts/bank.md");
    assert_eq!(graph.nodes().len(), 6);
    for (id, node) in graph.nodes() {
        let weight = graph.weight(id).unwrap();
        let row = format!(
            "| {} | {} | {} |",
            node.name,
            weight.to_wu(),
            weight.to_vbytes_ceil()
        );
        assert!(page.contains(&row), "{row}");
    }
}

/// The engine refuses a spend by a leaf of another output, by a leaf that is not there, and by keys that are not.
#[test]
fn a_leaf_of_another_output_is_refused() {
    let bank = Bank::new(terms(10_000)).unwrap();
    let node = bank.graph().node(REFUND).unwrap().clone();
    let Spend::Leaf(id) = node.inputs[0].spend else {
        panic!("the refund is no spend by a leaf");
    };
    let leaf = bank.graph().leaf(id).unwrap();
    let spend = |force_closed: bool, leaf: Option<Leaf>| {
        let mut graph = GraphBuilder::default();
        let (outpoint, prevout) = bank.coin(force_closed).unwrap();
        let keys = bank.graph().key_set(KeySetId(0)).unwrap().clone();
        graph.key_set(keys, None);
        let script = graph.script(&script(1), String::new);
        let id = leaf.map_or(LeafId(7), |leaf| graph.leaf(leaf));
        let mut node = node.clone();
        node.inputs[0].source = Source::External { outpoint, prevout };
        node.inputs[0].spend = Spend::Leaf(id);
        node.outputs.truncate(1);
        node.outputs[0].script = script;
        node.outputs.push(graph.anchor());
        graph.node(node).map(drop)
    };
    let own = Leaf {
        signers: vec![KeySetId(0)],
        ..leaf.clone()
    };
    spend(false, Some(own.clone())).unwrap();
    assert!(matches!(
        spend(true, Some(own.clone())),
        Err(GraphError::Shape { .. })
    ));
    let strangers = Leaf {
        signers: vec![KeySetId(9)],
        ..own
    };
    for missing in [None, Some(strangers)] {
        let refused = spend(false, missing).unwrap_err();
        assert!(matches!(refused, GraphError::Missing { .. }), "{refused}");
    }
}

#[test]
fn the_last_commitment_pays_all_and_the_least_pays_no_dust() {
    for pennies in [500, 10_000] {
        let bank = Bank::new(terms(pennies)).unwrap();
        let graph = bank.claim(pennies).unwrap();
        let node = graph.node(NodeId(0)).unwrap();
        assert_eq!(node.outputs[0].value.to_sat(), u64::from(pennies));
        assert_eq!(node.outputs[1].value.to_sat(), 1_000);
        // 294 sat is P2WPKH's limit.
        assert!(bank.claim(294).is_ok() && bank.claim(293).is_err());
        assert!(bank.claim(pennies + 1).is_err() && bank.claim(u32::MAX).is_err());
    }
}

/// A field and a change of it that makes the terms unusable.
type Defect = (&'static str, fn(&mut BankRecord));

#[test]
fn bad_terms_are_named() {
    let defects: [Defect; 13] = [
        ("provider", |r| r.provider = r.payer),
        ("pennies", |r| r.pennies = 0),
        ("pennies", |r| r.pennies = u32::MAX),
        ("step", |r| r.step = 0),
        ("step", |r| r.step = 10_001),
        ("step", |r| r.step = 293),
        ("step", |r| r.value_sat = Amount::ZERO),
        ("shift", |r| r.shift = 32),
        ("capacity_sat", |r| r.value_sat = Amount::from_sat(2)),
        ("step", |r| r.value_sat = Amount::MAX),
        ("refund_height", |r| r.refund_height = 500_000_000),
        ("claim_blocks", |r| r.claim_blocks = 5),
        ("payer_script", |r| r.payer_script = vec![0x6a].into()),
    ];
    for (field, change) in defects {
        let mut bad = record(10_000);
        change(&mut bad);
        match bad.check() {
            Err(BankError::Terms { field: found, .. }) => assert_eq!(found, field),
            // A value that overflows with the step is named there.
            other => panic!("{field}: {other:?}"),
        }
    }
    let mut short = record(10_000);
    short.capacity_sat += Amount::from_sat(400);
    assert!(matches!(
        short.check(),
        Err(BankError::Pact(BuilderError::Contribution(_)))
    ));
    assert!(BankTerms::from_json(&[b' '; 100_000]).is_err());
    let json = serde_json::to_vec(&record(10_000)).unwrap();
    assert_eq!(BankTerms::from_json(&json).unwrap(), terms(10_000));
    let unknown = String::from_utf8(json)
        .unwrap()
        .replacen('{', "{\"x\":1,", 1);
    assert!(BankTerms::from_json(unknown.as_bytes()).is_err());
}

#[test]
fn every_field_is_in_the_id() {
    let id = terms(10_000).id();
    let changes: [fn(&mut BankRecord); 10] = [
        |r| r.salt = sha256::Hash::from_byte_array([1; 32]),
        |r| r.chain_root = sha256::Hash::from_byte_array([1; 32]),
        |r| r.provider = public(5),
        |r| r.refund_height += 1,
        |r| r.claim_blocks += 1,
        |r| r.step += 1,
        |r| r.shift += 1,
        |r| r.promises += 1,
        |r| r.payer_script = script(9),
        |r| {
            let BankFunding::Wallet { contribution, .. } = &mut r.funding else {
                return;
            };
            contribution.coins[0].outpoint.vout += 1;
        },
    ];
    for change in changes {
        let mut other = record(10_000);
        change(&mut other);
        assert_ne!(other.check().unwrap().id(), id);
    }
}

#[test]
fn a_false_share_of_the_force_close_names_its_signer() {
    let bank = || Bank::new(terms(10_000)).unwrap();
    let mut rng = rng();
    let fresh = |seed| bank_support::fresh(&terms(10_000), seed);
    let mut payers = MemoryBindings::default();
    let mut providers = MemoryBindings::default();
    let opening = PayerOpening::new(bank(), secret(1), fresh(SEED), &mut payers, &mut rng);
    let (payer, nonce) = opening.unwrap();
    let opening = ProviderOpening::new(bank(), secret(2), nonce, &mut providers, &mut rng);
    let (_, theirs, mut share) = opening.unwrap();
    share.0[31] ^= 1;
    match payer.finish(theirs, share) {
        Err(BankError::Pact(BuilderError::Signature { signer, .. })) => {
            assert_eq!(signer, PROVIDER)
        }
        _ => panic!("a false share was taken"),
    }
    let mut unused = MemoryBindings::default();
    assert!(PayerOpening::new(bank(), secret(2), fresh(SEED), &mut unused, &mut rng).is_err());
    assert!(matches!(
        PayerOpening::new(bank(), secret(1), fresh([1; 32]), &mut unused, &mut rng),
        Err(BankError::WrongSeed)
    ));
}

/// The record of a bank that goes on with what `paid` pennies leave.
fn resumed(prior: &Bank, paid: u32) -> BankRecord {
    let mut next = prior.terms().record().clone();
    next.salt = sha256::Hash::from_byte_array([8; 32]);
    next.capacity_sat -= prior.terms().worth(paid);
    next.pennies -= paid;
    next.funding = BankFunding::ForceClosed {
        prior: sha256::Hash::from_byte_array(prior.terms().id()),
        paid,
    };
    retip(&mut next);
    next
}

#[test]
fn a_bank_goes_on_with_what_is_left() {
    let prior = Bank::new(terms(10_000)).unwrap();
    let next = Bank::resumed(resumed(&prior, 700).check().unwrap(), &prior).unwrap();
    let node = next.graph().node(TxGraph::FUNDING).unwrap();
    assert_eq!(node.outputs[0].value.to_sat(), 10_300);
    assert_eq!(node.outputs[1].value.to_sat(), 700);
    let other = Bank::new(terms(20_000)).unwrap();
    let terms_of = |record: BankRecord| record.check().unwrap();
    assert!(Bank::resumed(terms_of(resumed(&prior, 700)), &other).is_err());
    assert!(
        Bank::resumed(terms_of(resumed(&prior, 200)), &prior).is_err(),
        "dust"
    );
    assert!(Bank::resumed(terms_of(record(10_000)), &prior).is_err());
    let mut greedy = resumed(&prior, 700);
    greedy.capacity_sat += Amount::ONE_SAT;
    assert!(Bank::resumed(terms_of(greedy), &prior).is_err());
    assert!(Bank::new(terms_of(resumed(&prior, 700))).is_err());
}

fn seeds(count: u8) -> Vec<([u8; 32], [u8; 32])> {
    (1..=count).map(|i| ([i; 32], [100 + i; 32])).collect()
}

#[test]
fn cut_and_choose() {
    let model = record(4_000);
    let seeds = seeds(6);
    let honest = seeds
        .iter()
        .map(|(salt, seed)| Candidates::entry(&model, *salt, *seed).unwrap())
        .collect::<Vec<_>>();
    let set = Candidates::new(model.clone(), honest.clone()).unwrap();
    let beacon = [5; 32];
    let kept = set.kept(&beacon);
    let open = |kept: usize| {
        let others = seeds.iter().enumerate().filter(move |(i, _)| *i != kept);
        others
            .map(|(candidate, (_, seed))| Opened {
                candidate,
                seed: *seed,
            })
            .collect::<Vec<_>>()
    };
    let points = |set: &Candidates, kept: usize| {
        Points::of_chain(&set.terms(kept).unwrap(), seeds[kept].1).unwrap()
    };
    let (terms, relied) = set.check(&beacon, &open(kept), points(&set, kept)).unwrap();
    let tip = Pebbles::root(terms.bank(), 4_000, seeds[kept].1);
    assert_eq!(terms.record().chain_root.to_byte_array(), tip);
    // The provider holds commitments to the points that everybody relies on.
    let bank = || Bank::new(terms.clone()).unwrap();
    let mut rng = rng();
    let fresh = bank_support::fresh(&terms, seeds[kept].1);
    let mut own = MemoryBindings::default();
    let opening = PayerOpening::new(bank(), secret(1), fresh, &mut own, &mut rng);
    let (payer, n) = opening.unwrap();
    let mut own = MemoryBindings::default();
    let opening = ProviderOpening::new(bank(), secret(2), n, &mut own, &mut rng);
    let (provider, m, share) = opening.unwrap();
    let (payer, share) = payer.finish(m, share).unwrap();
    let mut payer = Payer::from(payer);
    let mut provider = Provider::from(provider.finish(share).unwrap());
    let mut false_points = relied.clone();
    false_points.0.insert(500, public(6));
    provider.rely_on(false_points);
    let commitments = payer.commitments(4, &mut rng).unwrap();
    assert!(provider.take_commitments(&commitments).is_err());
    provider.rely_on(relied.clone());
    provider.take_commitments(&commitments).unwrap();
    // Openings that are missing, of the wrong ones, too many or wrong.
    let mut wrong = open(kept);
    wrong[0].seed = [0; 32];
    let mut extra = open(kept);
    extra.push(Opened {
        candidate: 6,
        seed: [0; 32],
    });
    for opened in [open(kept)[1..].to_vec(), open((kept + 1) % 6), wrong, extra] {
        assert!(set.check(&beacon, &opened, relied.clone()).is_err());
    }
    assert!(set.check(&beacon, &open(kept), Points::default()).is_err());
    assert!(matches!(
        Candidates::new(model.clone(), honest[..1].to_vec()),
        Err(ChooseError::Count { given: 1 })
    ));
    assert!(matches!(
        Candidates::new(model, vec![honest[0], honest[1], honest[0]]),
        Err(ChooseError::Repeated {
            first: 0,
            second: 2
        })
    ));
}

/// One false candidate of six passes when it is the one that is kept, and only then.
#[test]
fn a_false_candidate_is_found_unless_kept() {
    let model = record(2_000);
    let seeds = seeds(6);
    let mut entries = seeds
        .iter()
        .map(|(salt, seed)| Candidates::entry(&model, *salt, *seed).unwrap())
        .collect::<Vec<_>>();
    let mut lie = Points::of_chain(
        &Candidates::new(model.clone(), entries.clone())
            .unwrap()
            .terms(2)
            .unwrap(),
        seeds[2].1,
    )
    .unwrap();
    lie.0.insert(500, public(6));
    entries[2].points = lie.root();
    let set = Candidates::new(model, entries).unwrap();
    let mut passed = 0;
    for beacon in 0..60u8 {
        let kept = set.kept(&[beacon; 32]);
        let opened = seeds
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != kept)
            .map(|(candidate, (_, seed))| Opened {
                candidate,
                seed: *seed,
            })
            .collect::<Vec<_>>();
        let points = match kept {
            2 => lie.clone(),
            _ => Points::of_chain(&set.terms(kept).unwrap(), seeds[kept].1).unwrap(),
        };
        let checked = set.check(&[beacon; 32], &opened, points);
        assert_eq!(checked.is_ok(), kept == 2, "{checked:?}");
        passed += u32::from(kept == 2);
    }
    println!("undetected {passed} of 60 times, 10 expected");
    assert!((2..25).contains(&passed));
}
