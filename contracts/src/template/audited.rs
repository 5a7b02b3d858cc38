//! The audited template: the client can challenge what the verifier approved.
//!
//! A verifier that is the worker approves anything. Here its approval is not the last word: on chain the worker's
//! settlement waits Δ_C, and until then the client can put the case before the panel, with a bond that it loses if nothing
//! is found. If something is, worker and verifier lose both stakes. It cannot in the first third of Δ_C, or client and
//! verifier together could approve and challenge before the worker's root is on record.
//!
//! ```text
//! Tx0 ─┬─ S3, S4, S1
//!      └─ TxD ─┬─ S2, S1''
//!              ├─ TxV1 ─┬─ S3' after Δ_C, S1'
//!              │        └─ TxC after ⌊Δ_C/3⌋ ─ S6', S7' per majority set; S5' per set that ruled
//!              └─ TxV0 ─┬─ S4'
//!                       └─ TxA ─ S6, S7 per majority set; S5 per set that ruled
//! ```
//!
//! Either appeal or challenge, never both: so one attestation point an arbiter and ruling serves both. The bond is part of
//! the contract output, so that it comes back with whatever ends the contract and costs no output of its own.

use super::{
    Accusation, TemplateError,
    arbitration::Panel,
    common::Draft,
    delivery::{appeal, challenge, until_verdict},
};
use crate::{graph::TxGraph, terms::Terms};

/// Derives the graph.
pub(super) fn derive(terms: &Terms) -> Result<TxGraph, TemplateError> {
    let mut draft = Draft::new(terms)?;
    let verdicts = until_verdict(&mut draft)?;
    let panel = Panel::of(terms)?;
    let appealed = appeal(&mut draft, &verdicts)?;
    panel.decide(&mut draft, Accusation::Appeal, appealed)?;
    let challenged = challenge(&mut draft, &verdicts)?;
    panel.decide(&mut draft, Accusation::Challenge, challenged)?;
    Ok(draft.plain.graph.finish())
}
