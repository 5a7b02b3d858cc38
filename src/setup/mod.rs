//! Setting up a contract of computation: what a party's [`SetupMachine`](narthex_channel::setup::SetupMachine) asks of its
//! keys and its wallet ([`ComputationSigner`]), and all parties of one in this process, each with its own log
//! ([`Meeting`]).

mod ceremony;
mod error;
mod meeting;
mod signer;
mod standing;

pub use error::SignerError;
pub use meeting::{Meeting, MeetingError, Watch};
pub use signer::{ComputationSigner, SignerMemory};
pub use standing::{Accord, OwnSecrets, Stake, Standing};
