//! The hardened template: delivery and verdict are facts on chain when they are disputed.
//!
//! ```text
//! Tx0 ─┬─ S3, S4, S1
//!      └─ TxD ─┬─ S2, S1''
//!              ├─ TxV1 ─ S3', S1'
//!              └─ TxV0 ─┬─ S4'
//!                       └─ TxA ─ S6, S7 per majority set; S5 per set that ruled
//! ```

use narthex_game_model::Template;

use super::{
    Accusation, TemplateEntry, TemplateError,
    arbitration::Panel,
    common::Draft,
    delivery::{appeal, until_verdict},
};
use crate::{graph::TxGraph, terms::Terms};

/// Registry entry.
pub(super) const TEMPLATE: TemplateEntry = TemplateEntry {
    name: "hardened",
    template: Template::Hardened,
    summary: "delivery and verdict on chain before a dispute, relative windows, one point per verdict and majority",
    derive,
};

/// Derives the graph.
fn derive(terms: &Terms) -> Result<TxGraph, TemplateError> {
    let mut draft = Draft::new(terms);
    let verdicts = until_verdict(&mut draft)?;
    let appealed = appeal(&mut draft, &verdicts)?;
    Panel::of(terms)?.decide(&mut draft, Accusation::Appeal, appealed)?;
    Ok(draft.plain.graph.finish())
}
