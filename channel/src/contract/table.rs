//! The transitions of the four sides.

use crate::Transition;

pub(super) const CLIENT: &[&[Transition]] = &[];
pub(super) const WORKER: &[&[Transition]] = &[];
pub(super) const VERIFIER: &[&[Transition]] = &[];
pub(super) const ARBITER: &[&[Transition]] = &[];
