//! What a bounty costs each party, ending by ending: real weights, and how likely each ending is.

use bitcoin::{Amount, Weight};
use narthex_contracts::{
    bounty::{BountyTerms, CANCEL, REFUND, derive, settlement},
    graph::{NodeId, TxGraph},
    terms::{FeeRate, FeeRules},
};
use narthex_game_model::market::{Chance, Faults, LayerSet, Odds, odds};
use narthex_regtest::Embedded;
use serde::Serialize;

use super::{BountyOptions, BountyPlay};
use crate::harness::ScenarioError;

/// Size of a child with one P2TR coin and a P2TR change, vB.
const CHILD_VBYTES: u64 = 153;

/// One transaction of a bounty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Its name.
    pub transaction: String,
    /// How many recomputers it pays.
    pub paid: u8,
    /// What the recomputers get together, at most, sat.
    pub recomputers_sat: u64,
    /// What goes back to the requester with it, at least, sat.
    pub requester_sat: u64,
    /// Its size, vB.
    pub vbytes: u64,
    /// Fee of it and, unless it is the funding, of a child with one coin, sat.
    pub fee_sat: u64,
}

/// What a bounty costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prices {
    /// What the requester locks, sat.
    pub locked_sat: u64,
    /// Each transaction; settlements by the number of those whom they pay, the dearest of each.
    pub costs: Vec<Cost>,
    /// How it ends if each recomputer is as reliable as was said, and false ones agree with each other.
    pub odds: Odds,
}

/// What a bounty of these figures costs at this fee rate.
pub fn price(options: &BountyOptions, reliability: Chance) -> Result<Prices, ScenarioError> {
    let (mut chain, mut silent) = (Embedded::new(), ());
    let play = BountyPlay::prepare(&mut chain, options, &mut silent)?;
    let (terms, graph) = (play.terms(), derive(play.terms())?);
    let mut costs = vec![cost(
        terms,
        &graph,
        TxGraph::FUNDING,
        LayerSet::empty(),
        options.common.rate,
    )?];
    for paid in (options.quorum..=options.recomputers).rev() {
        let sets = terms
            .sets()
            .filter(|set| set.len() == paid && !set.is_empty());
        let worth = |set: LayerSet| amount(terms, set);
        let dearest = sets.max_by_key(|set| worth(*set));
        let Some(set) = dearest else { continue };
        costs.push(cost(
            terms,
            &graph,
            settlement(terms, set)?,
            set,
            options.common.rate,
        )?);
    }
    for node in [CANCEL, REFUND] {
        costs.push(cost(
            terms,
            &graph,
            node,
            LayerSet::empty(),
            options.common.rate,
        )?);
    }
    let reliabilities = vec![reliability; usize::from(options.recomputers)];
    Ok(Prices {
        locked_sat: terms.total().to_sat(),
        costs,
        odds: odds(&reliabilities, options.quorum, Faults::Agreeing)?,
    })
}

fn amount(terms: &BountyTerms, set: LayerSet) -> Amount {
    let recomputers = (0u8..).zip(&terms.record().recomputers);
    let paid = recomputers.filter(|(seat, _)| set.contains(usize::from(*seat)));
    // The terms have checked that even all of them fit.
    paid.map(|(_, recomputer)| recomputer.amount_sat).sum()
}

fn cost(
    terms: &BountyTerms,
    graph: &TxGraph,
    node: NodeId,
    set: LayerSet,
    rate: FeeRate,
) -> Result<Cost, ScenarioError> {
    let missing = || ScenarioError::broken("a transaction is missing");
    let weight = graph.spend_plan(node).ok_or_else(missing)?.weight;
    let name = graph.node(node).ok_or_else(missing)?.name.base;
    let vbytes = weight.to_vbytes_ceil();
    // Nodes round each transaction's size up to whole vB.
    let whole = match node {
        TxGraph::FUNDING => weight,
        _ => Weight::from_wu(4 * (vbytes + CHILD_VBYTES)),
    };
    let recomputers = amount(terms, set);
    let back = match node {
        TxGraph::FUNDING => Amount::ZERO,
        _ => terms.total() - recomputers,
    };
    Ok(Cost {
        transaction: name.into(),
        paid: set.len(),
        recomputers_sat: recomputers.to_sat(),
        requester_sat: back.to_sat(),
        vbytes,
        fee_sat: rate
            .checked_fee(whole)
            .map_err(ScenarioError::from)?
            .to_sat(),
    })
}
