//! The funding transaction as a PSBT that any wallet can sign, and the children that pay for all others.

mod child;
mod psbt;
mod root;

pub use child::{Child, ChildError, FeeCoin};
pub(crate) use psbt::funding_psbt;
pub use psbt::{FundingError, combine_funding, merge_wallet_data};
pub use root::{NoRecord, RootRecord, root_coin};
