//! The hardened template: delivery and verdict are facts on chain when they are disputed.
//!
//! ```text
//! Tx0 ─┬─ S3, S4, S1
//!      └─ TxD ─┬─ S2, S1''
//!              ├─ TxV1 ─ S3', S1'
//!              └─ TxV0 ─┬─ S4'
//!                       └─ TxA ─ S6, S7 per majority set; S5 per set that ruled
//! ```

use super::{
    Accusation, TemplateError,
    arbitration::Panel,
    common::Draft,
    delivery::{appeal, until_verdict},
};
use crate::{graph::TxGraph, terms::Terms};

/// Derives the graph.
pub(super) fn derive(terms: &Terms) -> Result<TxGraph, TemplateError> {
    let mut draft = Draft::new(terms)?;
    let verdicts = until_verdict(&mut draft)?;
    let appealed = appeal(&mut draft, &verdicts)?;
    Panel::of(terms)?.decide(&mut draft, Accusation::Appeal, appealed)?;
    Ok(draft.plain.graph.finish())
}
