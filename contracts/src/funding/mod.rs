//! The funding transaction as a PSBT that any wallet can sign, the witnesses of it that parties exchange, the children that pay for all others,
//! how their fees rise, and sweeps of timelocked coins by their owner.

mod bump;
mod child;
mod contribution;
mod fee;
mod psbt;
mod sweep;
mod witnesses;

pub use bitcoin::FeeRate;
pub use bump::{BUDGET, Evicted, FeeCurve, RELAY, Urgency};
pub use child::{Child, ChildError, FeeCoin};
pub use contribution::{Change, Coin, Contribution, ContributionError, MAX_COINS, is_null};
pub(crate) use contribution::{is_standard, read_script, shortened};
pub use fee::{FeeError, FeeRules, Fees, SatPerVb};
pub(crate) use psbt::funding_psbt;
pub use psbt::{FundingError, merge_wallet_data};
pub use sweep::{Sweep, SweepError, Unlock};
pub use witnesses::{FundingWitnesses, check_witnesses, combine_witnesses, funding_witnesses};
