//! Why a side of a stream does not take something.

use narthex_game_model::commitment::OpenError;

/// Why a side of a stream does not take something. Nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// Not as it stands.
    #[error("a stream that is {state} takes no {what}")]
    State {
        /// Where it stands.
        state: &'static str,
        /// What came.
        what: &'static str,
    },
    /// There can be no such stream. The fault of whoever ordered it.
    #[error("no stream has {0}")]
    Order(&'static str),
    /// Of another stream. The sender's fault.
    #[error("it is of another stream")]
    Other,
    /// Of another slice than is due. The sender's fault.
    #[error("slice {found}, where slice {due} is due")]
    Slice {
        /// What came.
        found: u32,
        /// What is due.
        due: u32,
    },
    /// The commitment is not to this slice of this stream. The provider's fault; nothing is paid for it.
    #[error("a commitment to something else than slice {0} of this stream")]
    Commitment(u32),
    /// What was given is not what is committed to, or the key is not its key. The provider's fault.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A request that is not taken, and why. The fault of whoever makes it.
    #[error("the request is not taken: {0}")]
    Request(&'static str),
    /// Not so many pennies are free.
    #[error("{wanted} pennies are wanted, {credit} are free")]
    Credit {
        /// Pennies asked for.
        wanted: u32,
        /// Pennies that are there.
        credit: u32,
    },
    /// The key came before the pennies. Whoever gives it so is at fault, and nothing is opened by it.
    #[error("slice {0} is not paid for")]
    Unpaid(u32),
}
