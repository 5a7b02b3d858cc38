//! The laws of the engine, for every transaction of a delivery; terms that are refused; graph and weights as pinned.

use crate::deliver_support;

use std::{fmt::Write, path::PathBuf};

use bitcoin::{Amount, ScriptBuf, Transaction, hashes::Hash, hashes::sha256};
use deliver_support::{
    AMOUNT, FUNDED, MESSAGE, T, TIP, agreed, pay, plan, public, recipient, record, rng, script,
};
use narthex_contracts::fixtures::MadeUpNode;
use narthex_contracts::{
    builder::BuilderError,
    deliver::{
        DeliverError, DeliverRecord, DeliverTerms, Delivery, MAX_AGENTS, Plan, SENDER, agent_name,
    },
    graph::{NodeId, Purpose, TxGraph},
    party::PartySet,
    terms::FeeRate,
};

const FEE: Amount = Amount::from_sat(400);

/// What claim and refund keep: one input, one output, the fee that was asked for, no dust, the weight that was foretold.
fn lawful(graph: &TxGraph, tx: &Transaction, fee: Amount) {
    let id = NodeId(0);
    let inputs: Amount = graph.prevouts(id).unwrap().iter().map(|o| o.value).sum();
    let outputs: Amount = tx.output.iter().map(|o| o.value).sum();
    assert_eq!(inputs, AMOUNT);
    assert_eq!(inputs, outputs + fee);
    assert_eq!((tx.version.0, tx.input.len(), tx.output.len()), (2, 1, 1));
    assert!(tx.output[0].value >= tx.output[0].script_pubkey.minimal_non_dust());
    assert_eq!(graph.weight(id).unwrap(), tx.weight());
    assert_eq!(graph.txid(id).unwrap(), tx.compute_txid());
    assert!(tx.is_explicitly_rbf());
}

#[test]
fn every_transaction_keeps_the_laws() {
    for count in [1, 2, 3, 5, 8, 15] {
        let (sender, mut agents) = agreed(count);
        let mut recipient = recipient(&sender, &agents);
        let delivery = sender.delivery();
        for agent in &mut agents {
            pay(&mut recipient, agent);
            let index = agent.record().agent;
            let claim = agent.claim((TIP, FUNDED), FEE, &mut rng()).unwrap();
            let graph = delivery.claim(index, FEE).unwrap();
            lawful(&graph, &claim, FEE);
            assert_eq!(claim.output[0].script_pubkey, script(10 + index));
            let broadcasters = graph.node(NodeId(0)).unwrap().signing.unwrap().broadcasters;
            assert_eq!(broadcasters, PartySet::from([agent_name(index)]));
            assert_eq!(delivery.claimed_by(&claim).unwrap().agent, index);
        }
        // The sender, the one party with a coin in it, has an exit alone above T.
        let refund = sender.refund(FEE, &mut rng()).unwrap();
        let graph = delivery.refund(FEE).unwrap();
        lawful(&graph, &refund, FEE);
        assert_eq!(refund.lock_time.to_consensus_u32(), T);
        assert_eq!(refund.output[0].script_pubkey, script(1));
        let broadcasters = graph.node(NodeId(0)).unwrap().signing.unwrap().broadcasters;
        assert_eq!(broadcasters, PartySet::from([SENDER]));
        assert!(delivery.claimed_by(&refund).is_none());
    }
}

#[test]
fn the_funding_pays_what_was_agreed_and_its_fee() {
    let (sender, _) = agreed(3);
    let psbt = sender.funding_psbt(890, &MadeUpNode).unwrap();
    let tx = psbt.unsigned_tx;
    let (outpoint, prevout) = sender.delivery().coin().unwrap();
    assert_eq!(outpoint.txid, tx.compute_txid());
    assert_eq!(tx.output[0], prevout);
    let terms = sender.delivery().terms().record();
    let data = terms.announcement().script();
    assert_eq!(tx.output[1].script_pubkey, data);
    assert_eq!(tx.output[1].value, Amount::ZERO);
    // OP_RETURN, one push of 73 bytes: below the 83 that every node relays. The plan counts just its weight.
    assert_eq!(data.len(), 75);
    let rate = FeeRate::from_sat_per_kwu(1_000);
    let fee = Plan::deposit(AMOUNT, rate).unwrap() - AMOUNT;
    assert_eq!(fee.to_sat(), 4 * (8 + 1 + data.len() as u64));
    let node = sender.delivery().graph().node(TxGraph::FUNDING).unwrap();
    assert_eq!(node.outputs[1].purpose, Purpose::Data);
}

#[test]
fn fees_that_leave_dust_are_refused() {
    let delivery = Delivery::new(record(2).check().unwrap()).unwrap();
    let most = AMOUNT - Amount::from_sat(294);
    assert!(delivery.claim(0, most).is_ok() && delivery.refund(most).is_ok());
    let refused = [Amount::ZERO, most + Amount::ONE_SAT, AMOUNT, Amount::MAX];
    for fee in refused {
        for graph in [
            delivery.claim(0, fee),
            delivery.refund(fee),
            delivery.picture(fee),
        ] {
            assert!(matches!(graph, Err(DeliverError::Fee { .. })));
        }
    }
    assert!(matches!(
        delivery.claim(2, FEE),
        Err(DeliverError::NoAgent {
            agent: 2,
            agents: 2
        })
    ));
}

/// A field and a change of it that makes the terms unusable.
type Defect = (&'static str, fn(&mut DeliverRecord));

#[test]
fn bad_terms_are_named() {
    let defects: [Defect; 18] = [
        ("agents", |r| r.agents.clear()),
        ("agents", |r| {
            let one = r.agents[0].clone();
            r.agents = vec![one; MAX_AGENTS + 1];
        }),
        ("agents.key", |r| r.agents[0].key = r.sender),
        ("agents.key", |r| r.agents[2].key = r.agents[0].key),
        ("agents.key", |r| r.agents[1].key = r.recipient),
        ("recipient", |r| r.recipient = r.sender),
        ("agents.unseal_hash", |r| {
            r.agents[2].unseal_hash = r.agents[0].unseal_hash
        }),
        ("agents.script", |r| r.agents[1].script = ScriptBuf::new()),
        ("sender_script", |r| r.sender_script = vec![0x6a].into()),
        ("envelope_bytes", |r| r.envelope_bytes = 15),
        ("envelope_bytes", |r| r.envelope_bytes = u64::MAX),
        ("refund_height", |r| r.refund_height = 12),
        ("refund_height", |r| r.refund_height = 500_000_000),
        ("claim_blocks", |r| r.claim_blocks = 5),
        ("amount_sat", |r| r.amount_sat = Amount::from_sat(294)),
        ("amount_sat", |r| r.amount_sat = Amount::MAX),
        ("amount_sat", |r| r.amount_sat = Amount::ZERO),
        ("rate_sat_per_kwu", |r| {
            r.rate_sat_per_kwu = FeeRate::from_sat_per_kwu(u64::MAX)
        }),
    ];
    for (field, change) in defects {
        let mut bad = record(3);
        change(&mut bad);
        match bad.check() {
            Err(DeliverError::Terms { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    // Coins that do not pay for the data output.
    let mut short = record(3);
    short.amount_sat += Amount::from_sat(420);
    assert!(matches!(
        short.check(),
        Err(DeliverError::Pact(BuilderError::Contribution(_)))
    ));
    let json = record(3).check().unwrap().to_json().unwrap();
    let terms = DeliverTerms::from_json(&json).unwrap();
    assert_eq!(terms.record(), &record(3));
    assert!(DeliverTerms::from_json(&[b' '; 100_000]).is_err());
    let text = String::from_utf8(json).unwrap();
    let unknown = text.replacen('{', "{\"x\":1,", 1);
    assert!(DeliverTerms::from_json(unknown.as_bytes()).is_err());
}

#[test]
fn every_field_is_in_the_id() {
    let terms = record(3).check().unwrap();
    let changes: [fn(&mut DeliverRecord); 19] = [
        |r| r.sender = public(99),
        |r| r.recipient = public(99),
        |r| r.view_tag[0] ^= 1,
        |r| r.envelope_key = sha256::Hash::from_byte_array([1; 32]),
        |r| r.agents[1].key = public(99),
        |r| r.agents[1].script = script(99),
        |r| r.agents[1].unseal_hash = sha256::Hash::from_byte_array([1; 32]),
        |r| r.agents.truncate(2),
        |r| r.root = sha256::Hash::from_byte_array([1; 32]),
        |r| r.ephemeral = public(99),
        |r| r.envelope = sha256::Hash::from_byte_array([1; 32]),
        |r| r.envelope_bytes += 1,
        |r| r.amount_sat -= Amount::ONE_SAT,
        |r| r.refund_height += 1,
        |r| r.claim_blocks += 1,
        |r| r.sender_script = script(99),
        |r| r.rate_sat_per_kwu = FeeRate::from_sat_per_kwu(r.rate_sat_per_kwu.to_sat_per_kwu() - 1),
        |r| r.contribution.coins[0].outpoint.vout += 1,
        |r| r.contribution.coins[0].value_sat += Amount::ONE_SAT,
    ];
    for change in &changes {
        let mut other = record(3);
        change(&mut other);
        let other = other.check().unwrap();
        assert_ne!(other.id(), terms.id());
    }
}

/// A delivery with Taproot coins and payouts at the height of the page.
fn on_the_page(agents: u8) -> Delivery {
    let p2tr = |byte: u8| ScriptBuf::from_bytes([&[0x51, 0x20][..], &[byte; 32]].concat());
    let mut plan = plan(agents);
    for (i, agent) in (0..).zip(&mut plan.agents) {
        agent.1 = p2tr(100 + i);
    }
    plan.sender_script = p2tr(1);
    plan.refund_height = 900_000;
    plan.contribution.coins[0].script = p2tr(3);
    plan.contribution.coins[0].value_sat += Amount::from_sat(50_000);
    plan.contribution.change = Some(narthex_contracts::terms::Change {
        value_sat: Amount::from_sat(50_000),
        script: p2tr(4),
    });
    let sender = deliver_support::sending(plan, MESSAGE);
    Delivery::new(sender.record().terms.check().unwrap()).unwrap()
}

/// The graph of the page's picture.
pub fn picture(agents: u8) -> TxGraph {
    on_the_page(agents).picture(FEE).unwrap()
}

/// The tables of `docs/contracts/deliver.md`.
#[test]
fn weights_are_those_of_the_page() {
    let page = include_str!("../../../docs/contracts/deliver.md");
    for agents in [1, 2, 3, 4, 5, 7, 8, 12, 15] {
        let graph = on_the_page(agents).picture(FEE).unwrap();
        let weigh = |id| graph.weight(NodeId(id)).unwrap();
        let claims = (1..=u32::from(agents)).map(weigh).collect::<Vec<_>>();
        let (least, most) = (claims.iter().min().unwrap(), claims.iter().max().unwrap());
        let span = match least == most {
            true => format!("{}", least.to_wu()),
            false => format!("{}–{}", least.to_wu(), most.to_wu()),
        };
        let vbytes = match least.to_vbytes_ceil() == most.to_vbytes_ceil() {
            true => format!("{}", least.to_vbytes_ceil()),
            false => format!("{}–{}", least.to_vbytes_ceil(), most.to_vbytes_ceil()),
        };
        let refund = weigh(u32::from(agents) + 1);
        let row = format!(
            "| {agents} | {span} | {vbytes} | {} | {} |",
            refund.to_wu(),
            refund.to_vbytes_ceil()
        );
        assert!(page.contains(&row), "{row}");
        let funding = graph.weight(TxGraph::FUNDING).unwrap();
        let row = format!(
            "| Delivery | {} | {} |",
            funding.to_wu(),
            funding.to_vbytes_ceil()
        );
        assert!(page.contains(&row), "{row}");
    }
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), name].iter().collect()
}

/// `text` is what the file holds; `NARTHEX_BLESS=1` writes it anew.
fn pinned(name: &str, text: &str) {
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        std::fs::write(path(name), text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path(name)).unwrap(), "{name}");
}

/// Every byte that anybody signs. Deliveries made before a change of it cannot be claimed after it.
#[test]
fn the_graph_is_as_pinned() {
    let terms = record(3).check().unwrap();
    let id = sha256::Hash::from_byte_array(terms.id());
    let json = String::from_utf8(terms.to_json().unwrap()).unwrap();
    let graph = Delivery::new(terms).unwrap().picture(FEE).unwrap();
    let mut text = format!("{{\n\"id\": \"{id}\",\n\"terms\": {json},\n\"transactions\": [\n");
    for (index, node) in graph.nodes() {
        let sighash = node.signing.map(|_| {
            let messages = graph.sighashes(index).unwrap();
            sha256::Hash::from_byte_array(messages[0]).to_string()
        });
        let line = serde_json::json!({
            "name": node.name.to_string(),
            "txid": graph.txid(index).unwrap(),
            "weight_wu": graph.weight(index).unwrap().to_wu(),
            "lock_height": node.lock_height,
            "sighash": sighash,
        });
        let comma = if index.0 + 1 < graph.nodes().len() as u32 {
            ","
        } else {
            ""
        };
        writeln!(text, "{line}{comma}").unwrap();
    }
    text.push_str("]\n}\n");
    pinned("tests/vectors/graphs/deliver-3.json", &text);
}

/// The descriptor that the page states.
#[test]
fn the_output_is_the_one_of_the_page() {
    let graph = on_the_page(1).picture(FEE).unwrap();
    let node = graph.node(TxGraph::FUNDING).unwrap();
    let output = graph.script(node.outputs[0].script).unwrap();
    let shape: String = {
        let text = output
            .descriptor
            .replace("and_v", "AND")
            .replace("sha256", "SHA");
        let mut out = String::new();
        let mut run = 0;
        for c in text.chars() {
            run = if c.is_ascii_hexdigit() { run + 1 } else { 0 };
            if run < 9 {
                out.push(c);
            }
        }
        out
    };
    assert!(shape.starts_with("tr(50929b74,{AND(v:pk("), "{shape}");
    assert!(
        shape.contains("),AND(v:pk(") && shape.contains("),SHA("),
        "{shape}"
    );
    assert!(shape.ends_with(",after(900000))})"), "{shape}");
    assert_eq!(node.outputs[0].purpose, Purpose::Locked);
}
