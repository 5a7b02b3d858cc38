//! A party of a contract of computation as it lives: whoever does the work that its machine asks for
//! ([`narthex_channel::contract`]), what it reads of the chain, and what it publishes.

mod attest;
mod audit;
mod blobs;
mod bundle;
mod ending;
mod error;
mod evidence;
mod fees;
mod long;
mod mempool;
mod paper;
mod party;
mod publish;
mod purse;
mod reader;
mod record;
mod room;
mod seat;
mod sight;
mod signer;
mod stake;
mod tasks;
mod tower;
mod working;

pub use blobs::{Blobs, FolderBlobs, MemoryBlobs};
pub use bundle::NoBundle;
pub use ending::{NoEnding, ending_like};
pub use error::LifeError;
pub use fees::{Bumper, Due, Offered, Secrecy};
pub use paper::PaperWork;
pub use party::{Heard, Letter, LifeParty, Own, Resolved};
pub use publish::{Paid, Publisher, Refused, publish, record_root};
pub use purse::{FeeWallet, Held, Purse};
pub use reader::{Blocks, Reader, Watching};
pub(crate) use record::Record;
pub(crate) use room::GoBetween;
pub use room::Room;
pub(crate) use seat::Hands;
pub use sight::Sight;
pub use signer::{LifeSigner, LifeWork, Ruled, Watch};
pub use tower::{TowerError, Watchtower};
