//! Names of the transactions of the templates, for callers that look them up.

use narthex_game_model::{ArbiterSet, Ruling};

use super::{Accusation, Rulings};
use crate::graph::NodeName;

/// Names of the endings and steps of templates with deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit;

impl Exit {
    /// Settlement 3, from the funding output.
    pub const NORMAL: NodeName = NodeName::plain("S3");
    /// Settlement 4, from the funding output.
    pub const ADMITTED: NodeName = NodeName::plain("S4");
    /// Settlement 1, from the funding output.
    pub const WORKER_TIMEOUT: NodeName = NodeName::plain("S1");
    /// The worker says that it delivered.
    pub const DELIVERED: NodeName = NodeName::plain("TxD");
    /// Settlement 2.
    pub const VERIFIER_TIMEOUT: NodeName = NodeName::plain("S2");
    /// Settlement 1 after a delivery that neither worker nor verifier followed up.
    pub const ABANDONED: NodeName = NodeName::plain("S1''");
    /// The verifier approves on chain.
    pub const APPROVED: NodeName = NodeName::plain("TxV1");
    /// Settlement 3 after approval on chain.
    pub const NORMAL_LONG: NodeName = NodeName::plain("S3'");
    /// Settlement 1 after approval on chain: the worker withheld the secret.
    pub const WITHHELD: NodeName = NodeName::plain("S1'");
    /// The verifier rejects.
    pub const REJECTED: NodeName = NodeName::plain("TxV0");
    /// Settlement 4 after a rejection without appeal.
    pub const UNAPPEALED: NodeName = NodeName::plain("S4'");
    /// The worker appeals.
    pub const APPEALED: NodeName = NodeName::plain("TxA");
    /// The client challenges an approval (`audited` template).
    pub const CHALLENGED: NodeName = NodeName::plain("TxC");

    /// Settlement 6 or 7 by this majority after an appeal.
    pub fn ruled(ruling: Ruling, majority: ArbiterSet) -> NodeName {
        Exit::ruled_on(Accusation::Appeal, ruling, majority)
    }

    /// Settlement 6 or 7 by this majority.
    pub fn ruled_on(accusation: Accusation, ruling: Ruling, majority: ArbiterSet) -> NodeName {
        let base = match (accusation, ruling) {
            (Accusation::Appeal, Ruling::WorkerAtFault) => "S6",
            (Accusation::Appeal, Ruling::VerifierAtFault) => "S7",
            (Accusation::Challenge, Ruling::WorkerAtFault) => "S6'",
            (Accusation::Challenge, Ruling::VerifierAtFault) => "S7'",
        };
        NodeName::with(base, Rulings::of(ruling, majority))
    }

    /// As [`Self::failed_on`], after an appeal.
    pub fn failed(rulings: Option<Rulings>, by_anyone: bool) -> NodeName {
        Exit::failed_on(Accusation::Appeal, rulings, by_anyone)
    }

    /// Settlement 5: `by_anyone` after twice the window, else by the client and the arbiters that ruled.
    pub fn failed_on(
        accusation: Accusation,
        rulings: Option<Rulings>,
        by_anyone: bool,
    ) -> NodeName {
        NodeName {
            base: match (accusation, by_anyone) {
                (Accusation::Appeal, false) => "S5",
                (Accusation::Appeal, true) => "S5any",
                (Accusation::Challenge, false) => "S5'",
                (Accusation::Challenge, true) => "S5any'",
            },
            variant: rulings.map(Into::into),
        }
    }
}

/// Names of the transactions of the `paper` template, as the paper numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaperExit;

impl PaperExit {
    /// Settlement 1, by the verifier.
    pub const TIMEOUT_BY_VERIFIER: NodeName = NodeName::plain("Tx1");
    /// Settlement 1, by the client.
    pub const TIMEOUT_BY_CLIENT: NodeName = NodeName::plain("Tx2");
    /// Settlement 2: the verifier was silent, as the worker says.
    pub const SILENT_VERIFIER: NodeName = NodeName::plain("Tx3");
    /// Settlement 3.
    pub const NORMAL: NodeName = NodeName::plain("Tx4");
    /// Settlement 4: rejected, as the verifier says, and not appealed.
    pub const UNAPPEALED: NodeName = NodeName::plain("Tx5");
    /// The worker appeals. The same name as elsewhere.
    pub const APPEALED: NodeName = Exit::APPEALED;
    /// Settlement 5.
    pub const FAILED: NodeName = NodeName::plain("Tx6");

    /// Settlement 6 or 7 by this majority. One secret opens all of them.
    pub fn ruled(ruling: Ruling, majority: ArbiterSet) -> NodeName {
        let base = match ruling {
            Ruling::WorkerAtFault => "Tx7",
            Ruling::VerifierAtFault => "Tx8",
        };
        NodeName::with(base, Rulings::of(ruling, majority))
    }
}
