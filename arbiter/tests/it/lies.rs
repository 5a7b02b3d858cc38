//! Bundles that an arbiter has signed, and that lie.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{Amount, Network, Transaction, TxOut, script::ScriptBuf};
use narthex_arbiter::{
    Anchor, AtFault, Body, BundleFault, Dossier, Engines, Headers, ProofFault, ProvenBlock,
    differences, judge, shown,
};
use narthex_channel::contract::{Contract, Policy};
use narthex_contracts::{
    depth::Depth,
    template::{derive, root_coin},
    terms::Role,
};
use narthex_game_model::{
    Ruling,
    computation::{Clock, StepProgram, TimeBudget},
    ruling::{Brought, Litigant, Row},
    workload::load,
};

use crate::{
    headers::{chain, mined},
    vector::{anchor, bundle, signed},
};

/// Transactions by the heights of their blocks.
type Blocks = BTreeMap<u32, Vec<Transaction>>;

/// What is wrong with a lie, whose fault is the arbiter's.
fn caught(body: Body) -> BundleFault {
    let fault = signed(body).open(Some(&anchor())).unwrap_err();
    assert_eq!(fault.at_fault(), AtFault::Arbiter, "{fault}");
    fault
}

fn body() -> Body {
    bundle().body().clone()
}

#[test]
fn the_vector_signed_again_is_the_vector() {
    assert_eq!(signed(body()), bundle());
}

#[test]
fn another_arbiter_has_not_signed_it() {
    let bundle = bundle();
    let body = bundle.body().clone();
    let other = signed(body.clone());
    let moved = body.clone().signed(2, {
        // The signature of arbiter 1, as that of arbiter 2.
        let bytes = narthex_base::codec::Message::to_bytes(&other);
        let signature = &bytes[bytes.len() - 64..];
        bitcoin::secp256k1::schnorr::Signature::from_slice(signature).unwrap()
    });
    let fault = moved.open(None).unwrap_err();
    assert!(
        matches!(fault, BundleFault::Unsigned { seat: 2 }),
        "{fault}"
    );
    assert_eq!(fault.at_fault(), AtFault::Bearer);
}

/// A chain that somebody made, with work and all, and the same transactions nowhere in it.
#[test]
fn headers_of_another_chain() {
    let body = body();
    let made = mined(body.headers.first(), body.headers.last(), 7);
    let fault = caught(Body {
        headers: made,
        ..body
    });
    // Before a transaction is looked at: the anchor is not in it.
    assert!(matches!(fault, BundleFault::OtherChain { .. }), "{fault}");
}

/// Without an anchor a made chain is found as long as the transactions are not in it; one that has them all, nobody can tell from headers.
#[test]
fn a_made_chain_does_not_have_the_transactions() {
    let body = body();
    let made = mined(body.headers.first(), body.headers.last(), 7);
    let fault = signed(Body {
        headers: made,
        ..body
    })
    .open(None)
    .unwrap_err();
    let is_root = matches!(fault, BundleFault::Proof(ProofFault::OtherRoot { .. }));
    assert!(is_root, "{fault}");
}

#[test]
fn another_network() {
    let fault = caught(Body {
        network: Network::Bitcoin,
        ..body()
    });
    // Its headers do not hold the work that mainnet asks for.
    assert!(matches!(fault, BundleFault::Headers(_)), "{fault}");
}

#[test]
fn heights_that_are_moved() {
    let body = body();
    // All headers again, as if they were one higher.
    let moved = Headers::new(body.headers.first() + 1, headers_of(&body));
    let open = |anchor: Option<&Anchor>| {
        signed(Body {
            headers: moved.clone(),
            ..body.clone()
        })
        .open(anchor)
        .unwrap_err()
    };
    // The anchor's height has another hash; without one the coinbases say otherwise.
    assert!(matches!(
        open(Some(&anchor())),
        BundleFault::OtherChain { .. }
    ));
    let fault = open(None);
    assert!(
        matches!(fault, BundleFault::NoHeader { .. } | BundleFault::Proof(_)),
        "{fault}"
    );
}

fn headers_of(body: &Body) -> Vec<bitcoin::block::Header> {
    body.headers.all().to_vec()
}

#[test]
fn a_header_is_left_out_or_too_many() {
    let body = body();
    let all = headers_of(&body);
    let first = body.headers.first();
    let mut gap = all.clone();
    gap.remove(all.len() / 2);
    let last = all[..all.len() - 1].to_vec();
    for (headers, what) in [
        (Headers::new(first, gap), "gap"),
        (Headers::new(first, last), "end"),
        (Headers::new(first + 1, all[1..].to_vec()), "start"),
        (Headers::new(first, Vec::new()), "none"),
    ] {
        let lie = signed(Body {
            headers,
            ..body.clone()
        });
        let fault = lie.open(None).unwrap_err();
        println!("{what}: {fault}");
        assert_eq!(fault.at_fault(), AtFault::Arbiter, "{what}: {fault}");
    }
}

/// A verdict, a record, an appeal or the funding is left out.
#[test]
fn a_transaction_is_left_out() {
    let body = body();
    assert!(body.blocks.len() >= 4);
    for at in 0..body.blocks.len() {
        let mut less = body.clone();
        let gone = less.blocks.remove(at);
        let lie = signed(less);
        match lie.open(Some(&anchor())) {
            Err(fault) => assert_eq!(fault.at_fault(), AtFault::Arbiter, "{fault}"),
            // That nothing has spent the root coin, headers do not prove: it is said.
            Ok(question) => {
                assert_eq!(question.facts.record, None, "block {}", gone.height);
                assert!(!lie.shows_root_coin().unwrap());
            }
        }
    }
}

/// A chain with the transactions in it, made for the purpose: the case without an anchor of its own to compare with.
fn remade(body: Body, change: impl FnOnce(&mut Blocks)) -> Body {
    let (first, last) = (body.headers.first(), body.headers.last());
    let mut all = BTreeMap::new();
    for block in &body.blocks {
        all.insert(block.height, block.transactions().cloned().collect());
    }
    change(&mut all);
    let (headers, blocks) = chain(first, last, &all, 9);
    let proven = blocks.iter().filter_map(|(height, block)| {
        let txids: Vec<_> = all
            .get(height)?
            .iter()
            .map(Transaction::compute_txid)
            .collect();
        Some(ProvenBlock::of(block, *height, &txids).unwrap())
    });
    Body {
        blocks: proven.collect(),
        headers,
        ..body
    }
}

/// Whoever makes a chain of least work with the transactions in it has a bundle that opens: an anchor alone tells it from the real one.
#[test]
fn a_made_chain_with_the_transactions_is_told_by_the_anchor_alone() {
    let made = signed(remade(body(), |_| ()));
    made.open(None).unwrap();
    let fault = made.open(Some(&anchor())).unwrap_err();
    assert!(matches!(fault, BundleFault::OtherChain { .. }), "{fault}");
    let far = Anchor {
        height: 1,
        ..anchor()
    };
    let fault = made.open(Some(&far)).unwrap_err();
    assert_eq!(fault.at_fault(), AtFault::Opener, "{fault}");
}

/// Transactions that are in the chain, and none of the contract's, or not the next of it.
#[test]
fn a_transaction_of_another_contract() {
    let accused = body().blocks.last().unwrap().height;
    let open = |change: &dyn Fn(&mut Blocks)| {
        let fault = signed(remade(body(), change)).open(None).unwrap_err();
        println!("{fault}");
        assert_eq!(fault.at_fault(), AtFault::Arbiter);
        fault
    };
    // Like the appeal, with another output: not the graph's own.
    let fault = open(&|all| {
        let txs = all.get_mut(&accused).unwrap();
        let spoiled = spoiled(&txs[0]);
        txs[0] = spoiled;
    });
    assert!(matches!(fault, BundleFault::NoCase), "{fault}");
    // Something else beside it.
    let fault = open(&|all| {
        let txs = all.get_mut(&accused).unwrap();
        let mut foreign = spoiled(&txs[0]);
        foreign.input[0].previous_output.vout ^= 1 << 9;
        txs.push(foreign);
    });
    assert!(matches!(fault, BundleFault::Foreign { .. }), "{fault}");
    // The verdict in the block of the funding, before the delivery that it spends.
    let fault = open(&|all| {
        let heights: Vec<_> = all.keys().copied().collect();
        let verdict = all.remove(&heights[heights.len() - 2]).unwrap();
        all.entry(heights[0]).or_default().extend(verdict);
    });
    assert!(matches!(fault, BundleFault::Foreign { .. }), "{fault}");
}

/// The same transaction, proven in the same block, a second time; the codec takes no two blocks of one height.
#[test]
fn blocks_twice_or_out_of_order_are_not_read() {
    use narthex_base::codec::Message as _;
    let mut body = body();
    body.blocks.swap(0, 1);
    let bytes = signed(body.clone()).to_bytes();
    assert!(narthex_arbiter::Bundle::from_bytes(&bytes).is_err());
    body.blocks.swap(0, 1);
    let twice = body.blocks[0].clone();
    body.blocks.insert(0, twice);
    let bytes = signed(body).to_bytes();
    assert!(narthex_arbiter::Bundle::from_bytes(&bytes).is_err());
}

/// Parts are put in order, and one that is there twice is one.
#[test]
fn evidence_twice_is_once() {
    let body = body();
    let dossier = &body.dossier;
    let mut parts = dossier.evidence().to_vec();
    parts.extend(dossier.evidence().to_vec());
    parts.reverse();
    let again = Dossier::new(
        dossier.terms().clone(),
        *dossier.job(),
        dossier.program().cloned(),
        parts,
    );
    assert_eq!(again, *dossier);
}

#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// Rules again on what a lie opens to.
fn ruled(bundle: &narthex_arbiter::Bundle) -> narthex_arbiter::Report {
    let question = bundle.open(Some(&anchor())).unwrap();
    let budget = TimeBudget::new(
        std::sync::Arc::new(Still),
        std::time::Duration::from_secs(1),
    );
    let program = load(question.dossier.program().unwrap(), budget).unwrap();
    let engines = Engines {
        name: "wasmi",
        ruling: &program,
        other: Err("a test of what is signed"),
    };
    judge(&question, Some(engines)).unwrap()
}

/// An arbiter signs the other ruling: whoever rules again finds in what it differs.
#[test]
fn a_false_finding() {
    let mut body = body();
    assert_eq!(
        differences(&body.report.finding, &ruled(&bundle()).finding),
        []
    );
    body.report.finding.ruling = Ruling::WorkerAtFault;
    body.report.finding.row = Row::Leaves;
    let lie = signed(body);
    let found = ruled(&lie);
    let differs = differences(&lie.report().finding, &found.finding);
    let fields: Vec<_> = differs.iter().map(|one| one.field).collect();
    assert_eq!(fields, ["ruling", "row"]);
}

/// An arbiter leaves evidence out, or adds what strangers have signed: what follows is found, and that the finding does not.
#[test]
fn evidence_that_is_left_out_or_foreign() {
    let body = body();
    let dossier = &body.dossier;
    let with = |parts| {
        let job = *dossier.job();
        let program = dossier.program().cloned();
        let dossier = Dossier::new(dossier.terms().clone(), job, program, parts);
        signed(Body {
            dossier,
            ..body.clone()
        })
    };
    let nothing = with(Vec::new());
    let differs = differences(&nothing.report().finding, &ruled(&nothing).finding);
    assert!(
        differs
            .iter()
            .any(|one| one.field == "ruling" || one.field == "row")
    );

    // Receipts with another issuer: refused by name, and the finding says so.
    let mut parts = dossier.evidence().to_vec();
    let worker = parts
        .iter_mut()
        .find(|part| part.by == Litigant::Worker)
        .unwrap();
    let own = worker.receipts[0];
    let mut strange = own;
    strange.receipt.issuer[0] ^= 1;
    worker.receipts.push(strange);
    let lie = with(parts);
    let found = ruled(&lie).finding;
    assert_eq!(found.ruling, body.report.finding.ruling);
    let refused = found
        .refused
        .iter()
        .find(|one| one.what == "receipt")
        .unwrap();
    assert_eq!(refused.by, Litigant::Worker);
    let fields: Vec<_> = differences(&lie.report().finding, &found)
        .iter()
        .map(|one| one.field)
        .collect();
    assert_eq!(fields, ["refused"]);

    // A second part of one party: the one with more in it counts, whatever the order.
    let mut parts = dossier.evidence().to_vec();
    parts.push(Brought::by(Litigant::Verifier));
    let found = ruled(&with(parts)).finding;
    assert_eq!(found.row, body.report.finding.row);
    assert!(
        found
            .refused
            .iter()
            .any(|one| one.why.contains("second part"))
    );
}

/// Another program than the job's gives no ruling at all.
#[test]
fn another_program() {
    use narthex_game_model::computation::ProgramData;
    let body = body();
    let mut program = body.dossier.program().cloned().unwrap();
    let ProgramData::Wasm { fuel, .. } = &mut program.data else {
        panic!("the vector has WebAssembly");
    };
    *fuel += 1;
    let dossier = &body.dossier;
    let lie = Dossier::new(
        dossier.terms().clone(),
        *dossier.job(),
        Some(program.clone()),
        dossier.evidence().to_vec(),
    );
    let question = signed(Body {
        dossier: lie,
        ..body
    })
    .open(Some(&anchor()))
    .unwrap();
    let budget = TimeBudget::new(
        std::sync::Arc::new(Still),
        std::time::Duration::from_secs(1),
    );
    let program = load(&program, budget).unwrap();
    assert_ne!(program.id(), question.dossier.job().program);
    let engines = Engines {
        name: "wasmi",
        ruling: &program,
        other: Err("a test"),
    };
    let silent = judge(&question, Some(engines)).unwrap_err();
    assert_eq!(silent.why, narthex_arbiter::Silence::Case, "{silent}");
}

/// An output of no use, so that a transaction is another one.
fn spoiled(tx: &bitcoin::Transaction) -> bitcoin::Transaction {
    let mut tx = tx.clone();
    tx.output.push(TxOut {
        value: Amount::ZERO,
        script_pubkey: ScriptBuf::new_op_return([1]),
    });
    tx
}

/// Once a case is over its worker may spend the root coin for something else: a bundle that is drawn up then is whole all the same.
#[test]
fn a_root_coin_that_is_spent_after_the_case_is_not_shown() {
    let bundle = bundle();
    let terms = bundle.body().dossier.terms().clone();
    let graph = Arc::new(derive(&terms).unwrap());
    let coin = root_coin(&terms, &graph).unwrap();
    let policy = Policy {
        depth: Depth::LEAST,
        confirm: 1,
        message: 1,
    };
    let contract = Contract::new(terms, graph, Role::Arbiter(1), policy).unwrap();
    let mut found = Vec::new();
    for block in &bundle.body().blocks {
        found.extend(block.transactions().map(|tx| (block.height, tx.clone())));
    }
    let all = |found: &[(u32, Transaction)]| {
        shown(&contract, found.iter().map(|(height, tx)| (*height, tx)))
    };
    assert_eq!(all(&found).len(), found.len());
    let spends = |tx: &Transaction| tx.input.iter().any(|i| i.previous_output == coin);
    let record = found.iter().position(|(_, tx)| spends(tx)).unwrap();
    let (_, mut plain) = found.remove(record);
    assert!(all(&found).len() == found.len());
    let (accused, _) = found.last().unwrap().clone();
    // With its root it says something however late it is: that it is too late.
    for (above, has_root, is_shown) in [(1, false, true), (2, false, false), (50, true, true)] {
        if !has_root {
            plain.output.retain(|out| !out.script_pubkey.is_op_return());
        } else {
            plain = bundle.body().blocks[..]
                .iter()
                .flat_map(ProvenBlock::transactions)
                .find(|tx| spends(tx))
                .unwrap()
                .clone();
        }
        let mut more = found.clone();
        more.push((accused + above, plain.clone()));
        let expected = found.len() + usize::from(is_shown);
        assert_eq!(all(&more).len(), expected, "{above} blocks above");
    }
}
