//! Why the embedded chain refuses, in Bitcoin Core's words.

/// What a refusal means for the package that the transaction came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Too little fee on its own: a child may still pay for it.
    Reconsiderable,
    /// An input is unknown: its parent may be in the same package.
    MissingInputs,
    /// No company would change it.
    Final,
}

/// A transaction, or a block, that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    /// Core's code, then `, ` and details where Core gives any.
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            kind: Kind::Final,
            reason: reason.into(),
        }
    }

    pub(crate) fn reconsiderable(reason: impl Into<String>) -> Self {
        Self {
            kind: Kind::Reconsiderable,
            reason: reason.into(),
        }
    }

    pub(crate) fn missing_inputs() -> Self {
        Self {
            kind: Kind::MissingInputs,
            reason: crate::package::MISSING_INPUTS.into(),
        }
    }
}
