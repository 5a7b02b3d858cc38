//! The laws of the engine, for every transaction of a bounty; golden bytes; terms and offers that are refused; a
//! requester that tries to take the coin back without the recomputers.

use crate::bounty_support;

use std::sync::Arc;

use bitcoin::{
    Amount, ScriptBuf, Transaction, TxOut,
    hashes::{Hash, sha256},
    hex::DisplayHex,
    secp256k1::PublicKey,
};
use bounty_support::{
    RIGHT, amount, call, identity, of, offer, parties, public, record, rng, script, secret, seed,
    set, signed,
};
use narthex_contracts::fixtures::MadeUpNode;
use narthex_contracts::{
    bounty::{
        BountyError, BountyRecord, BountyTerms, CANCEL, REFUND, REQUESTER, RecomputerOffer, derive,
        recomputer_name, settlement,
    },
    builder::{BuilderError, STAGE},
    graph::{NodeId, Spend, Stage, TxGraph, anchor_script},
    setup::{Agreement, SetupError, Signing},
    terms::FeeRate,
};
use narthex_game_model::market::{LayerSet, payable};

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

/// Every subset of four recomputers settles, with the amounts fixed at funding and the rest to the requester.
#[test]
fn every_set_is_paid_exactly() {
    for seats in payable(4, 1) {
        let mut bounty = signed(4, 1);
        let results: Vec<(u8, &[u8])> = of(seats).into_iter().map(|seat| (seat, RIGHT)).collect();
        let (paid, tx) = bounty.settled(&results);
        assert_eq!(paid, seats);
        let graph = bounty.requester.holdings().graph();
        lawful(graph, settlement(&bounty.terms, seats).unwrap(), &tx);
        let mut rest = bounty.terms.total();
        for (seat, output) in of(seats).into_iter().zip(&tx.output) {
            assert_eq!(
                (output.value, &output.script_pubkey),
                (amount(seat), &script(seat))
            );
            rest -= amount(seat);
        }
        let back = tx
            .output
            .iter()
            .find(|output| output.script_pubkey == script(91));
        assert_eq!(back.map_or(Amount::ZERO, |output| output.value), rest);
        assert_eq!(back.is_none(), seats.len() == 4);
        assert_eq!(
            bounty.requester.learn(&tx).unwrap().result.as_deref(),
            Some(RIGHT)
        );
    }
}

/// The whole graph of each line-up up to six: funding, refund, cancellation and a settlement for each payable set.
#[test]
fn every_line_up_has_all_settlements() {
    for (recomputers, quorum, sets) in [
        (1, 1, 1),
        (2, 1, 3),
        (3, 2, 4),
        (5, 3, 16),
        (6, 1, 63),
        (6, 4, 22),
    ] {
        let terms = record(recomputers, quorum, 7).check().unwrap();
        let graph = derive(&terms).unwrap();
        assert_eq!(graph.nodes().len(), 3 + sets);
        assert_eq!(terms.sets().count(), 1 + sets);
        for payable in terms.sets() {
            let id = settlement(&terms, payable).unwrap();
            let node = graph.node(id).unwrap();
            let mut tx = graph.assemble(id).unwrap();
            tx.input[0].witness.push([0; 64]);
            lawful(&graph, id, &tx);
            let plan = node.signing.unwrap();
            let name = match payable.is_empty() {
                true => "Cancel".to_owned(),
                false => format!("Settle{payable}"),
            };
            assert_eq!(node.name.to_string(), name);
            // Recomputers hold and verify what would give everything back; the requester alone what pays.
            let signature_holders = if payable.is_empty() {
                1 + usize::from(recomputers)
            } else {
                1
            };
            assert_eq!(plan.signature_holders.len(), signature_holders);
            assert!(plan.signature_holders.contains(REQUESTER) && plan.adaptor.is_some());
            assert_eq!(node.lock_height, 0);
        }
        assert!(settlement(&terms, LayerSet::new(1 << 5).unwrap()).is_err() || quorum == 1);
    }
}

/// The requester has an exit alone at a stated height; nobody else's consent or secret is in it.
#[test]
fn the_requester_has_an_exit_alone() {
    let bounty = signed(3, 2);
    let graph = bounty.requester.holdings().graph();
    let tx = bounty.requester.refund(&mut rng()).unwrap();
    lawful(graph, REFUND, &tx);
    let node = graph.node(REFUND).unwrap();
    assert_eq!(node.lock_height, 260);
    assert_eq!(node.signing.unwrap().broadcasters, [REQUESTER].into());
    assert!(matches!(node.inputs[0].spend, Spend::Leaf(_)));
    assert_eq!(tx.output[0].value, bounty.terms.total());
    // A recomputer has no coin in it, so it needs none: it loses its work at most.
    assert_eq!(graph.prevouts(TxGraph::FUNDING).unwrap().len(), 1);
    assert!(matches!(
        graph.node(TxGraph::FUNDING).unwrap().inputs[0].spend,
        Spend::Wallet(party) if party == REQUESTER
    ));
    assert!(bounty.requester.funding_psbt(100, &MadeUpNode).is_ok());
}

/// What `docs/contracts/bounty.md` shows: 2 of 3, P2TR everywhere, real heights.
pub fn page_terms() -> BountyTerms {
    let p2tr = |byte: u8| ScriptBuf::from_bytes([&[0x51, 0x20][..], &[byte; 32]].concat());
    let mut page = record(3, 2, 7);
    page.requester_script = p2tr(91);
    page.recomputers = (0..3)
        .map(|seat| {
            let (identity, key) = (identity(seat), secret(11 + seat));
            let paid = (p2tr(seat), amount(seat));
            RecomputerOffer::new(&page.call, seat, (&identity, &key), &seed(seat), paid).unwrap()
        })
        .collect();
    (page.layer_height, page.refund_height) = (900_000, 900_144);
    page.contribution.coins[0].script = p2tr(90);
    page.contribution.coins[0].value_sat += Amount::from_sat(50_000);
    page.contribution.change = Some(narthex_contracts::terms::Change {
        value_sat: Amount::from_sat(50_000),
        script: p2tr(92),
    });
    page.check().unwrap()
}

/// The table of `docs/contracts/bounty.md`.
#[test]
fn weights_are_those_of_the_page() {
    let terms = page_terms();
    let graph = derive(&terms).unwrap();
    let page = include_str!("../../../docs/contracts/bounty.md");
    let rows = [
        ("Bounty", TxGraph::FUNDING),
        (
            "Settle, all three",
            settlement(&terms, terms.all()).unwrap(),
        ),
        ("Settle, two", settlement(&terms, set(&[0, 1])).unwrap()),
        ("Cancel", CANCEL),
        ("Refund", REFUND),
    ];
    for (name, id) in rows {
        let weight = graph.weight(id).unwrap();
        let row = format!(
            "| {name} | {} | {} |",
            weight.to_wu(),
            weight.to_vbytes_ceil()
        );
        assert!(page.contains(&row), "{row}");
    }
}

/// Same terms, same bytes: a change of any that parties sign shows here.
#[test]
fn golden_graph() {
    let pin = |terms: &BountyTerms| {
        let graph = derive(terms).unwrap();
        let lines = graph.nodes().map(|(id, node)| {
            let hashes = match node.signing {
                None => String::new(),
                Some(_) => graph.sighashes(id).unwrap()[0].to_lower_hex_string(),
            };
            let (txid, weight) = (graph.txid(id).unwrap(), graph.weight(id).unwrap().to_wu());
            format!(
                "{:16} {txid} {weight} {} {hashes}\n",
                node.name.to_string(),
                node.lock_height
            )
        });
        lines.collect::<String>()
    };
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/graphs");
    let (json, text) = (
        format!("{dir}/bounty-2-of-3.json"),
        format!("{dir}/bounty-2-of-3.txt"),
    );
    if std::env::var_os("NARTHEX_BLESS").is_some() {
        let record = page_terms().record().clone();
        std::fs::write(&json, serde_json::to_string(&record).unwrap() + "\n").unwrap();
        let id = page_terms().id().to_lower_hex_string();
        std::fs::write(&text, format!("{id}\n{}", pin(&page_terms()))).unwrap();
    }
    let terms = BountyTerms::from_json(&std::fs::read(&json).unwrap()).unwrap();
    let found = format!("{}\n{}", terms.id().to_lower_hex_string(), pin(&terms));
    assert_eq!(found, std::fs::read_to_string(&text).unwrap());
}

type Defect = (&'static str, fn(&mut BountyRecord));

#[test]
fn bad_terms_are_named() {
    let defects: [Defect; 13] = [
        ("recomputers", |r| r.call.recomputers = 0),
        ("recomputers", |r| r.call.recomputers = 7),
        ("recomputers", |r| drop(r.recomputers.pop())),
        ("quorum", |r| r.call.quorum = 0),
        ("quorum", |r| r.call.quorum = 4),
        ("requester_script", |r| {
            r.requester_script = vec![0x6a].into()
        }),
        ("round_blocks", |r| r.round_blocks = 2),
        ("refund_height", |r| r.refund_height = 200 + 4 * 6 - 1),
        ("refund_height", |r| r.layer_height = u32::MAX),
        ("refund_height", |r| r.layer_height = 0),
        ("refund_height", |r| r.refund_height = 500_000_000),
        ("json", |_| ()),
        ("json", |_| ()),
    ];
    for (at, (field, change)) in defects.into_iter().enumerate() {
        let mut bad = record(3, 2, 7);
        change(&mut bad);
        let refused = match at {
            11 => BountyTerms::from_json(&[b' '; 200_000]),
            12 => BountyTerms::from_json(b"{\"call\":1}"),
            _ => bad.check(),
        };
        match refused {
            Err(BountyError::Terms { field: found, .. }) => assert_eq!(found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
    let mut short = record(3, 2, 7);
    short.contribution.coins[0].value_sat -= Amount::from_sat(400);
    assert!(matches!(
        short.check(),
        Err(BountyError::Pact(BuilderError::Contribution(_)))
    ));
    let least = record(3, 2, 7);
    assert_eq!(
        BountyRecord {
            refund_height: 224,
            ..least
        }
        .check()
        .unwrap()
        .last_round(),
        1
    );
    let json = serde_json::to_vec(&record(6, 1, 7)).unwrap();
    assert!(
        json.len() < narthex_contracts::bounty::MAX_BOUNTY_TERMS_BYTES / 2,
        "{}",
        json.len()
    );
    assert_eq!(
        BountyTerms::from_json(&json).unwrap(),
        record(6, 1, 7).check().unwrap()
    );
}

/// An offer's every part is bound to call, seat and identity; a point without proof is no point.
#[test]
fn bad_offers_name_their_seat() {
    let other_call = offer(&call(3, 2, 9), 1);
    let other_seat = offer(&call(3, 2, 7), 2);
    type Change<'a> = Box<dyn Fn(&mut RecomputerOffer) + 'a>;
    let changes: Vec<Change<'_>> = vec![
        Box::new(|o| o.amount_sat += Amount::ONE_SAT),
        Box::new(|o| o.amount_sat = Amount::from_sat(293)),
        Box::new(|o| o.amount_sat = Amount::MAX),
        Box::new(|o| o.script = script(77)),
        Box::new(|o| o.script = vec![0x6a].into()),
        Box::new(|o| o.key = public(55)),
        Box::new(|o| *o = other_call.clone()),
        Box::new(|o| *o = other_seat.clone()),
        Box::new(|o| o.points.truncate(2)),
        Box::new(|o| o.points.push(o.points[0])),
        Box::new(|o| o.points.swap(0, 1)),
        Box::new(|o| o.points[2] = other_call.points[2]),
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut bad = record(3, 2, 7);
        change(&mut bad.recomputers[1]);
        match bad.check() {
            Err(BountyError::Offer { seat: 1, .. }) => {}
            other => panic!("{at}: {other:?}"),
        }
    }
    // A recomputer that chooses its point so that another's cancels out signs its offer, and proves nothing.
    let mut rogue = record(2, 2, 7);
    let theirs = rogue.recomputers[0].points[1].point;
    let known = public(66);
    let chosen: PublicKey = known.combine(&theirs.negate(&secp())).unwrap();
    rogue.recomputers[1].points[1].point = chosen;
    assert!(matches!(
        rogue.check(),
        Err(BountyError::Offer { seat: 1, .. })
    ));
    // Nobody sits twice, under one identity or one key.
    let mut twice = record(3, 2, 7);
    let keys = (&identity(0), &secret(50));
    let paid = (script(1), amount(1));
    twice.recomputers[1] = RecomputerOffer::new(&twice.call, 1, keys, &seed(1), paid).unwrap();
    assert!(matches!(
        twice.check(),
        Err(BountyError::Offer { seat: 1, .. })
    ));
}

fn secp() -> bitcoin::secp256k1::Secp256k1<bitcoin::secp256k1::All> {
    bitcoin::secp256k1::Secp256k1::new()
}

#[test]
fn every_field_is_in_the_id() {
    let id = *record(3, 2, 7).check().unwrap().id();
    let changes: [fn(&mut BountyRecord); 8] = [
        |r| r.requester_key = public(102),
        |r| r.requester_script = script(92),
        |r| r.layer_height += 1,
        |r| r.round_blocks += 1,
        |r| r.refund_height += 1,
        |r| r.rate_sat_per_kwu = FeeRate::from_sat_per_kwu(r.rate_sat_per_kwu.to_sat_per_kwu() - 1),
        |r| r.contribution.coins[0].outpoint.vout += 1,
        |r| r.contribution.coins[0].value_sat += Amount::ONE_SAT,
    ];
    for change in changes {
        let mut other = record(3, 2, 7);
        change(&mut other);
        assert_ne!(*other.check().unwrap().id(), id);
    }
    for other in [record(3, 2, 8), record(3, 1, 7), record(4, 2, 7)] {
        assert_ne!(*other.check().unwrap().id(), id);
    }
    let mut job = record(3, 2, 7);
    job.call.job = sha256::Hash::hash(b"another");
    assert!(job.check().is_err(), "the offers are for this job");
}

/// The requester takes the recomputers' point off its nonce, to cancel alone with what they send it. What it would owe them
/// then it cannot make, and they stop before there is a coin.
#[test]
fn a_requester_that_cancels_the_recomputers_point() {
    let terms = Arc::new(record(2, 2, 7).check().unwrap());
    let point = terms
        .point_of(LayerSet::empty())
        .unwrap()
        .to_public_key()
        .unwrap();
    let mut rng = rng();
    let mut announced = Vec::new();
    let mut honest = Vec::new();
    for party in parties(&terms).0 {
        let (next, message) = party.announce(&mut rng).unwrap();
        announced.push(next);
        honest.push(message);
    }
    let mut shown = honest.clone();
    let first = &mut shown[0].nonces[0].0;
    let nonce = PublicKey::from_slice(&first[..33]).unwrap();
    let less = nonce.combine(&point.negate(&secp())).unwrap();
    first[..33].copy_from_slice(&less.serialize());
    let mut parties = announced.into_iter();
    // The requester goes on with its own nonce, the recomputers with what they were shown.
    let mut cheat = parties.next().unwrap().sign_with(honest.clone()).unwrap();
    let mut recomputers: Vec<Signing<BountyTerms>> = parties
        .map(|next| next.sign_with(shown.clone()).unwrap())
        .collect();
    let seen = recomputers[0]
        .shares_for(Stage(0), REQUESTER)
        .unwrap()
        .transcript;
    for stage in [Stage(0), Stage(1)] {
        for recomputer in &mut recomputers {
            recomputer.close(stage).unwrap();
        }
    }
    let crossed = recomputers[1]
        .shares_for(STAGE, recomputer_name(0))
        .unwrap();
    recomputers[0].accept(crossed).unwrap();
    for stage in [Stage(0), Stage(1)] {
        cheat.close(stage).unwrap();
    }
    let message = cheat.shares_for(STAGE, recomputer_name(0));
    let mut message = message.unwrap();
    assert_eq!(
        recomputers[0].accept(message.clone()),
        Err(SetupError::Transcript { from: REQUESTER }),
        "its own message shows it"
    );
    message.transcript = seen;
    recomputers[0].accept(message).unwrap();
    match recomputers[0].close(STAGE) {
        Err(SetupError::FaultyShare {
            signer,
            transaction,
            ..
        }) => {
            assert_eq!((signer, transaction.as_str()), (REQUESTER, "Cancel"));
        }
        other => panic!("{other:?}"),
    }
}
