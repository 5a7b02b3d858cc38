//! Contracts on outputs of another transaction: the same graph from there, ids that cover the place, and nothing signed over
//! a transaction that is not what the terms say.

use crate::laws_support;

use std::sync::Arc;

use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, secp256k1::rand::thread_rng};
use laws_support::{TEMPLATES, example};
use narthex_contracts::{
    binding::MemoryBindings,
    coop,
    fixtures::Fixtures,
    funding::{FundingError, combine_witnesses},
    graph::{Node, NodeName, Source, TxGraph},
    setup::{ContractSignatures, Party, Signing, ceremony},
    template::{
        self, HostError, HostOutputs, PartyError, check_host, derive_on, host_outputs, root_coin,
        stake_output,
    },
    terms::{Change, Host, Role, Terms, TermsDraft, TermsError, UnplacedDraft},
};
use narthex_game_model::{Params, Template};

struct Hosted {
    fixtures: Fixtures,
    terms: Arc<Terms>,
    tx: Transaction,
    graph: TxGraph,
}

fn hosted(template: Template) -> Hosted {
    let fixtures = Fixtures::new(Params::new(example(template, 3, 2)).unwrap(), [5; 32]);
    let (terms, tx) = fixtures.hosted().unwrap();
    let graph = derive_on(&terms, &tx).unwrap();
    Hosted {
        fixtures,
        terms: Arc::new(terms),
        tx,
        graph,
    }
}

fn outputs_of(terms: &Terms) -> HostOutputs {
    let mut record = terms.record().clone();
    record.host = None;
    host_outputs(&UnplacedDraft::new(record).unwrap()).unwrap()
}

/// What of a transaction does not depend on where the contract stands.
fn shape(graph: &TxGraph, node: &Node) -> String {
    let sequences: Vec<Sequence> = node.inputs.iter().map(|input| input.sequence).collect();
    let outputs = node.outputs.iter().map(|o| {
        let contract = matches!(o.purpose, narthex_contracts::graph::Purpose::Contract(_));
        // Keys are other ones in any two contracts; whom it pays is not.
        let script = (!contract).then(|| graph.script(o.script));
        (o.value, contract, script)
    });
    let signing = node.signing.unwrap();
    let needs = signing
        .adaptor
        .map(|id| graph.adaptor(id).unwrap().needs.clone());
    let outputs: Vec<_> = outputs.collect();
    format!(
        "{} {} {sequences:?} {outputs:?} {:?} {:?} {:?} {:?} {needs:?} {:?}",
        node.name,
        node.lock_height,
        signing.stage,
        signing.broadcasters,
        signing.signature_holders,
        signing.withheld,
        graph
            .spend_plan(graph.find(node.name).unwrap())
            .unwrap()
            .weight,
    )
}

#[test]
fn below_its_root_the_graph_is_the_same() {
    for template in TEMPLATES {
        let Hosted {
            fixtures, graph, ..
        } = hosted(template);
        let own = template::derive(&fixtures.terms().unwrap()).unwrap();
        let wanted: Vec<_> = own
            .nodes()
            .skip(1)
            .map(|(_, node)| shape(&own, node))
            .collect();
        let found: Vec<_> = graph.nodes().map(|(_, node)| shape(&graph, node)).collect();
        assert_eq!(found, wanted, "{template:?}");
        assert_eq!(
            own.node(TxGraph::FUNDING).unwrap().name,
            NodeName::plain("Tx0")
        );
    }
}

/// Every coin that the graph takes from outside is an output of the host, or an arbiter's own in the paper's template, and
/// what each transaction takes it pays.
#[test]
fn money_comes_from_the_host_alone() {
    for template in TEMPLATES {
        let Hosted {
            terms, tx, graph, ..
        } = hosted(template);
        let host = terms.host().unwrap();
        let mut used: Vec<OutPoint> = Vec::new();
        for (id, node) in graph.nodes() {
            for input in &node.inputs {
                let Source::External { outpoint, prevout } = &input.source else {
                    continue;
                };
                match outpoint.txid == host.txid {
                    true => assert_eq!(tx.output[outpoint.vout as usize], *prevout),
                    false => assert_eq!(template, Template::Paper),
                }
                used.push(*outpoint);
            }
            let taken: Amount = graph.prevouts(id).unwrap().iter().map(|o| o.value).sum();
            let paid: Amount = node.outputs.iter().map(|o| o.value).sum();
            assert_eq!(taken, paid, "{}", node.name);
        }
        used.retain(|outpoint| outpoint.txid == host.txid);
        used.sort();
        used.dedup();
        let mut spent: Vec<_> = host.spent().collect();
        spent.sort();
        assert_eq!(used, spent);
        for i in 0..3 {
            let stake = stake_output(&terms, &graph, i);
            let wanted = host.stakes.get(usize::from(i));
            assert_eq!(stake.map(|(o, _)| o.vout), wanted.copied());
        }
        let coin = root_coin(&terms, &graph);
        assert_eq!(coin, host.root_coin.map(|vout| host.outpoint(vout)));
    }
}

/// The place is part of the id, of the arbiters' nonces and of all that is signed; what the host pays to is not.
#[test]
fn another_place_is_another_contract() {
    let Hosted {
        fixtures,
        terms,
        graph,
        ..
    } = hosted(Template::Hardened);
    let host = terms.host().unwrap();
    let mut ids = vec![*terms.contract_id(), *terms.unplaced_id()];
    let mut others = Vec::new();
    for vout in [host.contract, host.stakes[1], host.root_coin.unwrap()] {
        let mut moved = host.clone();
        let new = 40 + vout;
        moved.contract = if moved.contract == vout {
            new
        } else {
            moved.contract
        };
        moved
            .stakes
            .iter_mut()
            .filter(|v| **v == vout)
            .for_each(|v| *v = new);
        moved.root_coin = moved.root_coin.map(|v| if v == vout { new } else { v });
        others.push(moved);
    }
    let mut other_tx = host.clone();
    other_tx.txid = "1f".repeat(32).parse().unwrap();
    let mut swapped = host.clone();
    swapped.stakes.swap(0, 1);
    others.extend([other_tx, swapped]);
    let messages = |graph: &TxGraph| {
        let all = graph.nodes().flat_map(|(id, node)| {
            let hashes = graph.sighashes(id).unwrap().into_iter();
            hashes.map(|hash| (node.name.to_string(), hash))
        });
        all.collect::<Vec<_>>()
    };
    let first = messages(&graph);
    for moved in others {
        let draft = fixtures.unplaced().unwrap();
        let other = fixtures.placed(draft, moved).unwrap();
        assert_eq!(other.unplaced_id(), terms.unplaced_id());
        assert_eq!(outputs_of(&other), outputs_of(&terms));
        assert_ne!(other.agreement_id(), terms.agreement_id());
        assert_ne!(
            other.announcements()[0].nonce,
            terms.announcements()[0].nonce
        );
        assert!(!ids.contains(other.contract_id()));
        ids.push(*other.contract_id());
        let elsewhere = template::derive(&other).unwrap();
        let found = messages(&elsewhere).into_iter();
        let found = found.filter(|(_, message)| first.iter().any(|(_, own)| own == message));
        let same: Vec<_> = found.map(|(name, _)| name).collect();
        // What spends the one coin to the same payouts says the same: that no salt serves both is what keeps them apart.
        match other.host().unwrap().spent().next() == host.spent().next() {
            true => assert_eq!(same, ["S3", "S4", "S1"]),
            false => assert!(same.is_empty(), "{same:?}"),
        }
    }
    // With a funding of its own there is nothing to be placed.
    let own = fixtures.terms().unwrap();
    assert_eq!(own.unplaced_id(), own.contract_id());
    assert!(!ids.contains(own.contract_id()));
}

/// A new attempt has new salts: nothing that a host pays to is met again but the stakes, whose owners have one key in all of
/// them.
#[test]
fn another_attempt_pays_to_another_key() {
    let mut fixtures = hosted(Template::Hardened).fixtures;
    let first = host_outputs(&fixtures.unplaced().unwrap()).unwrap();
    fixtures.next_attempt();
    let next = host_outputs(&fixtures.unplaced().unwrap()).unwrap();
    assert_ne!(first.contract, next.contract);
    assert_eq!(first.contract.value, next.contract.value);
}

fn problem(record: Result<TermsDraft, TermsError>) -> &'static str {
    match record {
        Err(TermsError::Host { problem }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn places_that_are_none_are_refused() {
    let Hosted {
        fixtures, terms, ..
    } = hosted(Template::Hardened);
    let host = terms.host().unwrap();
    let place = |change: &dyn Fn(&mut Host)| {
        let mut moved = host.clone();
        change(&mut moved);
        problem(fixtures.unplaced().unwrap().place(moved))
    };
    let stakes = "has not one stake for each arbiter that stakes in it";
    assert_eq!(place(&|h| h.stakes.truncate(2)), stakes);
    assert_eq!(place(&|h| h.stakes.push(30)), stakes);
    let root = "has a root coin where the template has none, or lacks it";
    assert_eq!(place(&|h| h.root_coin = None), root);
    let twice = "has one output for two purposes";
    assert_eq!(place(&|h| h.contract = h.stakes[2]), twice);
    assert_eq!(place(&|h| h.root_coin = Some(h.contract)), twice);
    assert_eq!(place(&|h| h.stakes[0] = h.stakes[1]), twice);
    let nowhere = "is at a place where no transaction is";
    assert_eq!(place(&|h| h.contract = u32::MAX), nowhere);
    assert_eq!(
        place(&|h| h.txid = "00".repeat(32).parse().unwrap()),
        nowhere
    );
    // Named already.
    let named = UnplacedDraft::new(terms.record().clone()).map(|d| d.place(host.clone()));
    assert!(matches!(
        named,
        Err(TermsError::Host {
            problem: "is named already"
        })
    ));

    // In the paper's template there are no stakes, and no root coin.
    let paper = hosted(Template::Paper);
    let own = paper.terms.host().unwrap();
    let refused = |moved| problem(paper.fixtures.unplaced().unwrap().place(moved));
    let with_stake = Host {
        stakes: vec![9],
        ..own.clone()
    };
    assert_eq!(refused(with_stake), stakes);
    let with_coin = Host {
        root_coin: Some(9),
        ..own.clone()
    };
    assert_eq!(refused(with_coin), root);
    let coin = paper.terms.record().arbiters[1].funding.coins[0].outpoint;
    let on_a_stake = Host {
        txid: coin.txid,
        contract: coin.vout,
        ..own.clone()
    };
    let taken = "has an output that an arbiter brings as its own coin";
    assert_eq!(refused(on_a_stake), taken);
}

#[test]
fn nobody_brings_coins_to_a_host() {
    let Hosted {
        fixtures, terms, ..
    } = hosted(Template::Hardened);
    let own = fixtures.terms().unwrap();
    let brings = |role| Err(TermsError::Hosted { role });
    for (role, with) in [
        (Role::Client, own.record().client.funding.clone()),
        (Role::Arbiter(2), own.record().arbiters[2].funding.clone()),
    ] {
        let mut change_alone = with.clone();
        change_alone.coins.clear();
        for funding in [with, change_alone] {
            let mut record = terms.record().clone();
            match role {
                Role::Arbiter(i) => record.arbiters[usize::from(i)].funding = funding,
                _ => record.client.funding = funding,
            }
            assert_eq!(TermsDraft::new(record), brings(role));
        }
    }
    let mut record = terms.record().clone();
    record.worker.funding = own.record().worker.funding.clone();
    assert_eq!(TermsDraft::new(record.clone()), brings(Role::Worker));
    // Without a root coin nobody knows whose root it is.
    record.worker.funding.coins.clear();
    record.worker.funding.change = None;
    let none = TermsDraft::new(record.clone());
    assert!(
        matches!(none, Err(TermsError::NoRootCoin { .. })),
        "{none:?}"
    );
    let script = ScriptBuf::from_bytes(vec![0x51]);
    record.worker.funding.change = Some(Change {
        value_sat: Amount::from_sat(50_000),
        script,
    });
    let odd = TermsDraft::new(record);
    assert!(matches!(odd, Err(TermsError::NoRootCoin { .. })), "{odd:?}");
    // And terms without a host are funded by their parties.
    let mut record = own.record().clone();
    record.client.funding = Default::default();
    let unfunded = TermsDraft::new(record);
    assert!(matches!(
        unfunded,
        Err(TermsError::Contribution {
            role: Role::Client,
            ..
        })
    ));
}

/// Whoever names another script for the root coin than the worker's is not followed by the worker.
#[test]
fn the_root_coin_is_the_workers_own() {
    let Hosted {
        fixtures, terms, ..
    } = hosted(Template::Hardened);
    let proposal = fixtures.proposal(Role::Worker, &terms).unwrap();
    let mut record = terms.record().clone();
    let change = record.worker.funding.change.as_mut().unwrap();
    change.script = record.client.payout.clone();
    record.host = None;
    let draft = UnplacedDraft::new(record).unwrap();
    let draft = draft.place(terms.host().unwrap().clone()).unwrap();
    let found = draft.check_proposal(&proposal);
    let field = "funding";
    let role = Role::Worker;
    assert_eq!(found, Err(TermsError::NotAsProposed { role, field }));
    assert_eq!(terms.check_proposal(&proposal), Ok(()));
}

#[test]
fn nothing_is_signed_over_a_host_that_is_not_as_it_must_be() {
    let Hosted {
        fixtures,
        terms,
        tx,
        ..
    } = hosted(Template::Audited);
    let host = terms.host().unwrap().clone();
    check_host(&terms, &tx).unwrap();
    let named = host.txid;
    let role = Role::Worker;
    let policy = Fixtures::policy(&terms);
    let unseen = Party::new(
        fixtures.bound(role, &terms).unwrap(),
        &fixtures.key(role),
        &policy,
    );
    let txid = named;
    let error = unseen.map(|_| ()).unwrap_err();
    assert_eq!(error, PartyError::Host(HostError::Unseen { txid }));

    // Each output in turn: another value, another script, not there. The terms name what is shown.
    let all: Vec<u32> = host.spent().map(|o| o.vout).chain(host.root_coin).collect();
    assert_eq!(all.len(), 5);
    for vout in all {
        let placed = |tx: &Transaction| {
            let host = Host {
                txid: tx.compute_txid(),
                ..host.clone()
            };
            fixtures.placed(fixtures.unplaced().unwrap(), host).unwrap()
        };
        let mut less = tx.clone();
        less.output[vout as usize].value -= Amount::from_sat(1);
        let mut elsewhere = tx.clone();
        elsewhere.output[vout as usize].script_pubkey = tx.output[0].script_pubkey.clone();
        for bad in [less, elsewhere] {
            let found = check_host(&placed(&bad), &bad);
            let Err(HostError::OtherOutput {
                vout: at,
                found,
                wanted,
                ..
            }) = found
            else {
                panic!("{found:?}");
            };
            assert_eq!(at, vout);
            assert_eq!(found, bad.output[vout as usize].value);
            assert_eq!(wanted, tx.output[vout as usize].value);
            assert!(derive_on(&placed(&bad), &bad).is_err());
        }
        let mut short = tx.clone();
        short.output.truncate(vout as usize);
        let found = check_host(&placed(&short), &short);
        assert!(
            matches!(found, Err(HostError::NoOutput { .. })),
            "{found:?}"
        );
    }
    let mut other = tx.clone();
    other.input[0].sequence = Sequence::MAX;
    let found = check_host(&terms, &other);
    let other = other.compute_txid();
    assert_eq!(
        found,
        Err(HostError::OtherTransaction {
            named,
            found: other
        })
    );
    // Whoever signs an input with a script signature can change the id when everything below it is signed.
    let mut open = tx.clone();
    open.input[0].script_sig = ScriptBuf::from_bytes(vec![0x51]);
    let txid = open.compute_txid();
    let moved = Host { txid, ..host };
    let moved = fixtures
        .placed(fixtures.unplaced().unwrap(), moved)
        .unwrap();
    assert_eq!(
        check_host(&moved, &open),
        Err(HostError::Malleable { txid, input: 0 })
    );
    // Terms with a funding of their own stand on nothing.
    assert_eq!(
        check_host(&fixtures.terms().unwrap(), &tx),
        Err(HostError::OwnFunding)
    );
}

/// The whole ceremony, stored and read back; and there is nothing that a party could fund.
#[test]
fn a_hosted_contract_is_set_up_and_read_back() {
    for template in TEMPLATES {
        let Hosted {
            fixtures,
            terms,
            tx,
            ..
        } = hosted(template);
        let json = terms.to_json().unwrap();
        assert_eq!(Terms::from_json(json.as_bytes()).unwrap(), *terms);
        let parties = fixtures.hosted_parties(&terms, &tx).unwrap();
        let held = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
        for held in &held {
            held.verify().unwrap();
            let bytes = held.to_bytes();
            let again = ContractSignatures::<Terms>::from_bytes(terms.clone(), &bytes).unwrap();
            assert_eq!(again.to_bytes(), bytes);
            let none = combine_witnesses(held, []).unwrap_err();
            assert_eq!(none, FundingError::NoFunding);
        }
    }
}

#[test]
fn a_ceremony_on_a_host_goes_on_after_a_crash() {
    let Hosted {
        fixtures,
        terms,
        tx,
        ..
    } = hosted(Template::Hardened);
    let mut announced = Vec::new();
    let mut nonces = Vec::new();
    for party in fixtures.hosted_parties(&terms, &tx).unwrap() {
        let (next, message) = party.announce(&mut thread_rng()).unwrap();
        announced.push(next);
        nonces.push(message);
    }
    let client = announced.remove(0);
    let others = nonces[1..].iter().cloned();
    let signing = client.sign_with(others).unwrap();
    let bytes = signing.to_bytes();
    let again = Signing::<Terms>::from_bytes(terms, &bytes).unwrap();
    assert_eq!(again.to_bytes(), bytes);
}

/// What the three agree on later spends the host's output, as it would the funding's.
#[test]
fn an_ending_is_agreed_on_over_a_host() {
    let Hosted {
        fixtures,
        terms,
        tx,
        graph,
    } = hosted(Template::Hardened);
    let proposal = coop::Proposal {
        spends: NodeName::plain("Tx0"),
        payouts: vec![(Role::Worker, Amount::from_sat(200_000))],
        reveals_result: true,
        attempt: 0,
        expires_height: 600,
    };
    let party = |role| {
        let key = fixtures.key(role);
        let mut store = MemoryBindings::default();
        let party = proposal.party(&terms, &graph, (role, &key), 500, &mut store);
        party.unwrap()
    };
    let parties = Role::PRINCIPALS.map(party).into();
    let mut held = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
    let node = held[0].graph().find(coop::COOP).unwrap();
    let shares = held[0].release(node, 500).unwrap();
    let mut worker = held.remove(1);
    for share in &shares {
        worker.accept(share).unwrap();
    }
    let ending = worker.complete(node, &fixtures.worker_secrets()).unwrap();
    let host = terms.host().unwrap();
    assert_eq!(
        ending.input[0].previous_output,
        host.outpoint(host.contract)
    );
    let coin = worker.graph().prevouts(node).unwrap();
    assert_eq!(coin, [tx.output[host.contract as usize].clone()]);
    let none = coop::Proposal {
        spends: NodeName::plain("TxA"),
        ..proposal
    };
    assert!(none.plan(&terms, &graph).is_err());
}
