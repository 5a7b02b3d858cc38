//! What a contract's moves cost on chain, from the weights of its transactions.

use std::collections::BTreeMap;

use bitcoin::{Amount, Weight};
use narthex_contracts::{
    fixtures::Fixtures,
    graph::{NodeName, TxGraph},
    template::{self, Exit},
    terms::{FeeRate, FeeRules},
};
use narthex_game_model::{
    Params, ParamsRecord, Template,
    game::{Economics, EconomicsError, Fees, build, inequalities, solve},
};

/// Weight of the child that pays for a transaction: one Taproot coin and the anchor in, change out
/// (`docs/weights.md`).
const CHILD: Weight = Weight::from_wu(609);

/// The graph of a contract with these parameters, whose coins and payouts are Taproot and whose parties are made up: for its
/// sizes, which depend on neither.
pub(super) fn made_up_graph(params: &Params) -> anyhow::Result<TxGraph> {
    Ok(template::derive(
        &Fixtures::new(params.clone(), [1; 32]).terms()?,
    )?)
}

/// Weights of a contract's transactions by their names; the heaviest of each name's variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveWeights(BTreeMap<&'static str, Weight>);

impl MoveWeights {
    /// Those of a contract with these parameters, whose coins and payouts are Taproot.
    ///
    /// # Errors
    /// If there is no such contract.
    pub fn of(params: &Params) -> anyhow::Result<MoveWeights> {
        let graph = made_up_graph(params)?;
        let mut heaviest = BTreeMap::new();
        for (id, node) in graph.nodes() {
            if let Some(weight) = graph.weight(id) {
                let known = heaviest.entry(node.name.base).or_insert(weight);
                *known = weight.max(*known);
            }
        }
        Ok(MoveWeights(heaviest))
    }

    /// Those of the example contract with a panel of `k` of `n`.
    ///
    /// # Errors
    /// If there is no such panel.
    pub fn example(template: Template, n: u8, k: u8) -> anyhow::Result<MoveWeights> {
        let record = ParamsRecord::example_of(template, n, k, 800_000);
        MoveWeights::of(&Params::new(record)?)
    }

    /// Fees at `rate`, each with its child's. A move that the template does not have costs nothing.
    ///
    /// # Errors
    /// If the rate is taken for a mistake.
    pub fn fees(&self, rate: FeeRate) -> anyhow::Result<Fees> {
        let cost = |names: &[NodeName]| -> anyhow::Result<Amount> {
            let weights = names.iter().filter_map(|name| self.0.get(name.base));
            match weights.max() {
                Some(weight) => Ok(rate.checked_fee(*weight + CHILD)?),
                None => Ok(Amount::ZERO),
            }
        };
        let paper = NodeName::plain;
        Ok(Fees {
            settlement: cost(&[Exit::NORMAL, Exit::NORMAL_LONG, paper("Tx4")])?,
            time_out: cost(&[Exit::WORKER_TIMEOUT, Exit::WITHHELD, Exit::ABANDONED])?,
            late: cost(&[Exit::VERIFIER_TIMEOUT])?,
            admission: cost(&[Exit::ADMITTED])?,
            unappealed: cost(&[Exit::UNAPPEALED])?,
            failed: cost(&[NodeName::plain("S5"), NodeName::plain("S5any")])?,
            convicted: cost(&[NodeName::plain("S6")])?,
            acquitted: cost(&[NodeName::plain("S7")])?,
            delivery: cost(&[Exit::DELIVERED])?,
            approval: cost(&[Exit::APPROVED])?,
            rejection: cost(&[Exit::REJECTED])?,
            appeal: cost(&[Exit::APPEALED])?,
        })
    }

    /// The highest fee rate at which all conditions of honest play hold and the tree says that it is the only equilibrium;
    /// whatever fees the economics have. `None` if not even the least rate that nodes relay is such.
    ///
    /// # Errors
    /// If the figures make no game.
    pub fn honest_up_to(
        &self,
        params: &Params,
        economics: &Economics,
    ) -> anyhow::Result<Option<FeeRate>> {
        let at = |rate: u64| -> anyhow::Result<Economics> {
            let fees = self.fees(FeeRate::from_sat_per_kwu(rate))?;
            Ok(Economics {
                fees,
                ..economics.clone()
            })
        };
        // Each condition gets worse with the rate, so they change once.
        let hold = |rate: u64| -> anyhow::Result<bool> {
            match inequalities(params, &at(rate)?) {
                Ok(rows) => Ok(rows.iter().all(|row| row.holds())),
                // One more thing that gets worse with the rate.
                Err(EconomicsError::Bond { .. }) => Ok(false),
                Err(other) => Err(other.into()),
            }
        };
        let (mut low, mut high) = (
            FeeRate::LEAST.to_sat_per_kwu(),
            FeeRate::MOST.to_sat_per_kwu(),
        );
        if !hold(low)? {
            return Ok(None);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            match hold(middle)? {
                true => low = middle,
                false => high = middle,
            }
        }
        let game = build(params, &at(low)?)?;
        let honest = solve(&game).verdict.honest_play_pays();
        Ok(honest.then(|| FeeRate::from_sat_per_kwu(low)))
    }
}
