//! Relays that recompute a job: what is known of them, whom to ask, what that costs, who is paid.
//!
//! - [`Ledger`] counts audits of relays under a [`Policy`]; a [`Standing`] is what it says of one.
//! - [`split`] says which layers of an envelope a bounty is split among.
//!
//! Nothing here is a float: counts have 32 bits behind the point with stated rounding, chances are
//! whole numbers of 10⁻¹⁸. `docs/market.md` has formulas and what can be gamed.

mod ledger;
mod policy;
mod split;

pub use ledger::{Audit, Ledger, LedgerError, LedgerRecord, MAX_AUDITS, RelayId, Standing};
pub use policy::{Decay, ONE, Policy, PolicyError, PolicyRecord};
pub use split::{LayerSet, MAX_LAYERS, NoSuchLayer, SplitError, split};
