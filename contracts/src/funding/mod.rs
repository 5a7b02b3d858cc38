//! The funding transaction as a PSBT that any wallet can sign, the children that pay for all others,
//! and sweeps of timelocked coins by their owner.

mod child;
mod psbt;
mod root;
mod sweep;

pub use child::{Child, ChildError, FeeCoin};
pub(crate) use psbt::funding_psbt;
pub use psbt::{FundingError, combine_funding, merge_wallet_data};
pub use root::{Hasty, NoRecord, RootRecord, root_coin};
pub use sweep::{Sweep, SweepError, Unlock};
