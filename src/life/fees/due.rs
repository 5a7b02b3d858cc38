//! What is to be published, how it stands to a secret, and what came of an offer.

use bitcoin::{Amount, Transaction};
use narthex_contracts::funding::Urgency;

/// Something to be published, and what it is worth.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// Last height at which it is surely in time.
    pub until: Option<u32>,
    /// b: blocks until it confirms at the usual rate.
    pub confirm: u32,
    /// What its owner loses if it does not confirm.
    pub at_stake: Amount,
    /// What it shows to whoever sees it.
    pub secret: Secrecy,
}

/// How a transaction stands to the secret that it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// It shows none.
    None,
    /// It shows one that nobody has seen, and that it is about to is not written down: it is not offered.
    Kept,
    /// The same, but it is written down. It is not offered beside a rival, before which it would be fought over with the secret in the
    /// open.
    Written,
    /// It shows one that was shown before, or may have been before a crash: to hold it back saves nothing.
    Shown,
}

impl Secrecy {
    /// Whether what has not been shown yet is held back.
    pub(in crate::life) const fn is_held(self, has_rival: bool) -> bool {
        match self {
            Secrecy::None | Secrecy::Shown => false,
            Secrecy::Kept => true,
            Secrecy::Written => has_rival,
        }
    }
}

/// What came of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It waits, and what it pays is enough for now, whoever pays it; or it has confirmed.
    Waits,
    /// The node has taken it: what pays for it, and how much.
    Taken {
        /// The child, or the transaction that pays for itself.
        by: Transaction,
        /// The fee.
        fee: Amount,
    },
    /// Another transaction on its coin waits, and it would show a secret beside that.
    Held,
    /// What takes its place pays more than it is worth, or more than there is.
    Outbid {
        /// What it would have to pay.
        least: Amount,
    },
    /// The node has not taken it, and why. It is offered again with the next block.
    Refused(String),
}

impl std::fmt::Display for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Offered::Waits => write!(f, "it waits"),
            Offered::Taken { fee, .. } => write!(f, "taken for a fee of {fee}"),
            Offered::Held => write!(
                f,
                "held back: it would show a secret beside its rival, or before that is written down"
            ),
            Offered::Outbid { least } => {
                write!(
                    f,
                    "its place costs {least}, more than it is worth or than there is"
                )
            }
            Offered::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

impl Due {
    pub(super) const fn urgency(&self, since: u32, tip: u32) -> Urgency {
        Urgency {
            since,
            tip,
            until: self.until,
            confirm: self.confirm,
        }
    }
}
