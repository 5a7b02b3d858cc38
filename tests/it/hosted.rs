//! Contracts on outputs of another transaction, to every ending: a chain takes each, when its locks are over and not a block
//! earlier, and it pays what the settlement table says.

use std::{collections::BTreeSet, sync::Arc};

use bitcoin::{Amount, OutPoint, Transaction, TxOut, secp256k1::rand::thread_rng};
use narthex::{
    contracts::{
        fixtures::Fixtures,
        graph::{NodeId, NodeName, Purpose, Source, TxGraph},
        party::PartyId,
        setup::{ContractSignatures, Secrets, ceremony},
        template::{Rulings, host_outputs, reclaim_stake, root_coin},
        terms::{FeeRate, Host, Role, Terms, TermsRecord, UnplacedDraft, stake_coin_script},
    },
    game_model::{Ruling, Template},
    regtest::{
        ChainSource, Embedded, Miner,
        suite::{Signer, spend},
    },
};

use crate::common::miner;

/// First height of the tip that is above all coins' maturity, and so the delivery's deadline is behind it.
const READY: u32 = 110;
const DELIVER: u32 = 130;

/// The parties' signatures over a host that is signed too, for a chain that is made anew for each ending.
struct World {
    fixtures: Fixtures,
    terms: Arc<Terms>,
    host: Transaction,
    held: Vec<ContractSignatures<Terms>>,
    /// Who brings the arbiters' own coins in the paper's template.
    stakes: Option<Transaction>,
}

fn funder() -> Signer {
    Signer::new(0x21).unwrap()
}

/// A chain with coins of the funder's, always the same, and where they are.
fn chain() -> (Embedded, Vec<(OutPoint, TxOut)>) {
    let mut chain = Embedded::new();
    chain.mine(2, &funder().script()).unwrap();
    let coins = (1..=2).map(|height| {
        let coinbase = chain.block(height).unwrap().txdata.remove(0);
        let at = OutPoint::new(coinbase.compute_txid(), 0);
        (at, coinbase.output[0].clone())
    });
    let coins = coins.collect();
    chain.mine(READY - 2, &miner()).unwrap();
    (chain, coins)
}

fn signed(mut tx: Transaction, coin: TxOut) -> Transaction {
    funder().sign(&mut tx, &[coin]).unwrap();
    tx
}

/// Terms that the arbiters' coins of the paper's template are in, if it is that; they are made on the chain.
fn record(
    fixtures: &Fixtures,
    template: Template,
    coin: &(OutPoint, TxOut),
) -> (TermsRecord, Option<Transaction>) {
    let draft = fixtures.unplaced().unwrap();
    let mut record = draft.record().clone();
    if template.has_delivery() {
        return (record, None);
    }
    let stake = fixtures.params().arbiter_stake();
    let outputs = record
        .arbiters
        .iter()
        .enumerate()
        .map(|(i, arbiter)| TxOut {
            value: stake,
            script_pubkey: stake_coin_script(Role::Arbiter(i as u8), arbiter.key).unwrap(),
        });
    let tx = signed(spend(&[coin.0], outputs.collect()), coin.1.clone());
    for (vout, arbiter) in (0u32..).zip(&mut record.arbiters) {
        arbiter.funding.coins[0].outpoint = OutPoint::new(tx.compute_txid(), vout);
    }
    (record, Some(tx))
}

impl World {
    fn new(template: Template) -> World {
        let fixtures = Fixtures::example(template, 3, 2, DELIVER, [9; 32]).unwrap();
        let (_, coins) = chain();
        let (record, stakes) = record(&fixtures, template, &coins[1]);
        let draft = UnplacedDraft::new(record).unwrap();
        let outputs = host_outputs(&draft).unwrap();
        // Somebody's balance is in the host too; what is left is its fee.
        let balance = TxOut {
            value: Amount::from_sat(1_000_000),
            script_pubkey: miner(),
        };
        let (tx, host) = Fixtures::host(&outputs, [coins[0].0], &[balance]);
        let terms = fixtures.placed(draft, host).unwrap();
        let parties = fixtures.hosted_parties(&terms, &tx).unwrap();
        let held = ceremony::run(parties, &mut thread_rng(), |_| ()).unwrap();
        World {
            host: signed(tx, coins[0].1.clone()),
            fixtures,
            terms: Arc::new(terms),
            held,
            stakes,
        }
    }

    fn graph(&self) -> &TxGraph {
        self.held[0].graph()
    }

    /// A chain on which the host has just confirmed.
    fn chain(&self) -> Embedded {
        let (mut chain, _) = chain();
        let first: Vec<_> = self.stakes.iter().chain([&self.host]).cloned().collect();
        chain.mine_exactly(&first, &miner()).unwrap();
        chain
    }

    /// All that the ending takes: the worker's own, and what those who ruled attest.
    fn secrets(&self, node: NodeId) -> Secrets {
        let mut secrets = self.fixtures.worker_secrets();
        if self.terms.template() == Template::Paper {
            let panel = narthex::contracts::template::ContractSecret::Panel;
            return secrets.with(panel, self.fixtures.panel());
        }
        let name = self.graph().node(node).unwrap().name;
        if let Some(rulings) = name.variant.map(Rulings::from) {
            for (ruling, set) in [
                (Ruling::WorkerAtFault, rulings.worker),
                (Ruling::VerifierAtFault, rulings.verifier),
            ] {
                for arbiter in set.iter() {
                    let id = self.terms.contract_id();
                    let attested = self
                        .fixtures
                        .attestation(arbiter as u8, id, ruling)
                        .unwrap();
                    secrets.attest(&attested);
                }
            }
        }
        secrets
    }

    fn held_by(&self, party: PartyId) -> ContractSignatures<Terms> {
        let bytes = self.held[Role::from(party).index()].to_bytes();
        ContractSignatures::<Terms>::from_bytes(self.terms.clone(), &bytes).unwrap()
    }

    /// As whoever may publish it holds it, with the shares that others release when they agree.
    fn complete(&self, node: NodeId) -> Transaction {
        let signing = self.graph().node(node).unwrap().signing.unwrap();
        let by = signing.broadcasters.iter().next().unwrap();
        let mut own = self.held_by(by);
        if let Some(withheld) = signing.withheld {
            let token = self.terms.token_point().map(|_| self.fixtures.token());
            let signer = &self.held[Role::from(withheld.signer).index()];
            let shares = signer.release(node, token.as_ref()).unwrap();
            match withheld.holder == by {
                true => shares.iter().for_each(|share| own.accept(share).unwrap()),
                // The client gathers the approval, and hands the whole adaptor signature on.
                false => {
                    let mut holder = self.held_by(withheld.holder);
                    shares
                        .iter()
                        .for_each(|share| holder.accept(share).unwrap());
                    for handed in holder.hand_over(node).unwrap() {
                        own.take(&handed).unwrap();
                    }
                }
            }
        }
        own.complete(node, &self.secrets(node)).unwrap()
    }

    /// The way from the host to this transaction, it included.
    fn way(&self, node: NodeId) -> Vec<NodeId> {
        let mut way = vec![node];
        while let Source::Output { node: parent, .. } =
            self.graph().node(*way.last().unwrap()).unwrap().inputs[0].source
        {
            way.push(parent);
        }
        way.reverse();
        way
    }

    fn play(&self, chain: &mut Embedded, node: NodeId) {
        for step in self.way(node) {
            let plan = self.graph().spend_plan(step).unwrap();
            let name = self.graph().node(step).unwrap().name;
            let tx = self.complete(step);
            assert_eq!(tx.weight(), plan.weight, "{name}");
            let mut least = chain.height().unwrap() + u32::from(plan.locks.blocks).max(1);
            if plan.locks.height > 0 {
                least = least.max(plan.locks.height + 1);
            }
            let wait = least - 1 - chain.height().unwrap();
            if wait > 0 {
                chain.mine(wait - 1, &miner()).unwrap();
                let early = chain.mine_exactly(std::slice::from_ref(&tx), &miner());
                assert!(early.is_err(), "{name} is taken a block early");
                chain.mine(1, &miner()).unwrap();
            }
            let block = chain.mine_exactly(std::slice::from_ref(&tx), &miner());
            block.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

/// Every transaction that ends the contract, all its variants where there are few.
fn endings(graph: &TxGraph) -> Vec<NodeId> {
    let ends = |purpose| !matches!(purpose, Purpose::Contract(_));
    let nodes = graph.nodes();
    let ending = nodes.filter(|(_, node)| node.outputs.iter().all(|o| ends(o.purpose)));
    ending.map(|(id, _)| id).collect()
}

fn every_scheme_ends(template: Template, schemes: &[&str]) {
    let world = World::new(template);
    let mut seen = BTreeSet::new();
    for node in endings(world.graph()) {
        let name: NodeName = world.graph().node(node).unwrap().name;
        // One of each name; the first is that of the fullest set.
        if !seen.insert(name.base) {
            continue;
        }
        let mut chain = world.chain();
        world.play(&mut chain, node);
        let txid = world.graph().txid(node).unwrap();
        let height = chain.transaction(txid).unwrap().unwrap().1;
        assert_eq!(height, Some(chain.height().unwrap()), "{name}");
        let pot = world.terms.host().unwrap();
        assert!(chain.utxo(pot.outpoint(pot.contract)).unwrap().is_none());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), schemes);
}

#[test]
fn hardened() {
    let schemes = [
        "S1", "S1'", "S1''", "S2", "S3", "S3'", "S4", "S4'", "S5", "S5any", "S6", "S7",
    ];
    every_scheme_ends(Template::Hardened, &schemes);
}

#[test]
fn audited() {
    let schemes = [
        "S1", "S1'", "S1''", "S2", "S3", "S3'", "S4", "S4'", "S5", "S5'", "S5any", "S5any'", "S6",
        "S6'", "S7", "S7'",
    ];
    every_scheme_ends(Template::Audited, &schemes);
}

#[test]
fn paper() {
    let schemes = ["Tx1", "Tx2", "Tx3", "Tx4", "Tx5", "Tx6", "Tx7", "Tx8"];
    every_scheme_ends(Template::Paper, &schemes);
}

/// Beside the contract: a stake goes back to its owner when the contract is over and not before, and the worker's coin,
/// which records its root, is spent by the worker alone.
#[test]
fn stakes_come_back_from_the_host() {
    let world = World::new(Template::Hardened);
    let mut chain = world.chain();
    let node = world.graph().find(NodeName::plain("S3")).unwrap();
    world.play(&mut chain, node);
    let rate = FeeRate::from_sat_per_kwu(500);
    let key = world.fixtures.key(Role::Arbiter(1));
    let terms = &world.terms;
    let back = reclaim_stake(terms, world.graph(), 1, &key, miner(), rate).unwrap();
    let early = chain.mine_exactly(std::slice::from_ref(&back), &miner());
    assert!(early.is_err());
    let unlock = back.lock_time.to_consensus_u32();
    let host: &Host = terms.host().unwrap();
    let lock = u32::from(terms.params().stake_lock_blocks());
    let least = (unlock + 1).max(READY + 1 + lock);
    let wait = least - 1 - chain.height().unwrap();
    chain.mine(wait, &miner()).unwrap();
    chain.mine_exactly(&[back], &miner()).unwrap();
    assert!(chain.utxo(host.outpoint(host.stakes[1])).unwrap().is_none());
    let coin = root_coin(terms, world.graph()).unwrap();
    let (output, _) = chain.utxo(coin).unwrap().unwrap();
    let change = terms.record().worker.funding.change.as_ref().unwrap();
    assert_eq!(
        (output.value, &output.script_pubkey),
        (change.value_sat, &change.script)
    );
}
