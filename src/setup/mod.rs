//! Setting up a contract of computation: what a party's [`SetupMachine`](narthex_channel::setup::SetupMachine) asks of its
//! keys and its wallet ([`ComputationSigner`]), and all parties of one in this process, each with its own log
//! ([`Meeting`]).

mod ceremony;
mod meeting;
mod signer;

pub use meeting::{Meeting, MeetingError, Watch};
pub use signer::{
    Accord, ComputationSigner, OwnSecrets, SignerError, SignerMemory, Stake, Standing,
};
