//! What a contract's moves cost on chain, from the weights of its transactions.

use bitcoin::{Amount, Weight};
use narthex_contracts::{
    fixtures::Fixtures,
    graph::NodeName,
    template::{self, Exit},
    terms::{FeeRate, FeeRules},
};
use narthex_game_model::{Template, game::Fees};

/// Weight of the child that pays for a transaction: one Taproot coin and the anchor in, change out
/// (`docs/weights.md`).
const CHILD: Weight = Weight::from_wu(609);

/// Fees of the moves of a contract with a panel of `k` of `n` at `rate`.
///
/// # Errors
/// If there is no contract with such a panel, or the rate is taken for a mistake.
pub fn fees(template: Template, n: u8, k: u8, rate: FeeRate) -> anyhow::Result<Fees> {
    let graph = template::derive(&Fixtures::example(template, n, k, 800_000, [1; 32])?.terms()?)?;
    let cost = |names: &[NodeName]| -> anyhow::Result<Amount> {
        let weight = names
            .iter()
            .find_map(|name| graph.weight(graph.find(*name)?));
        let Some(weight) = weight else {
            // The template has no such move.
            return Ok(Amount::ZERO);
        };
        Ok(rate.checked_fee(weight + CHILD)?)
    };
    Ok(Fees {
        settlement: cost(&[Exit::NORMAL, NodeName::plain("Tx4")])?,
        delivery: cost(&[Exit::DELIVERED])?,
        rejection: cost(&[Exit::REJECTED])?,
        appeal: cost(&[Exit::APPEALED])?,
    })
}
