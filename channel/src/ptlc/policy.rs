//! What a forwarder asks of the two places that a payment goes through.

use bitcoin::Amount;
use narthex_contracts::depth::Depth;
use serde::{Deserialize, Serialize};

use super::{Expiry, Ptlc, PtlcError};

/// Fewest blocks that a forwarder keeps for itself. Between them it must have confirmed, one after the other: the force
/// close of the place in which it pays, its end, and the claim in the place in which it is paid.
pub const MIN_MARGIN: u16 = 6;

/// On what conditions a forwarder passes payments on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Blocks that it keeps for itself, at least [`MIN_MARGIN`].
    pub margin: u16,
    /// How deep a place's coin must be, and what ends it.
    pub depth: Depth,
    /// What it keeps of each payment, in sat…
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub fee_sat: Amount,
    /// …and of each million of what it passes on.
    pub fee_ppm: u32,
}

impl Policy {
    /// Checks the policy.
    ///
    /// # Errors
    /// [`PtlcError::Policy`]: the forwarder's own fault.
    pub fn check(self) -> Result<Policy, PtlcError> {
        let bad = |field, given: u32, least: u32| PtlcError::Policy {
            field,
            given,
            least,
        };
        if self.margin < MIN_MARGIN {
            return Err(bad("margin", self.margin.into(), MIN_MARGIN.into()));
        }
        Ok(self)
    }

    /// What is kept of a payment that passes `amount` on, rounded down to a sat.
    pub fn fee(&self, amount: Amount) -> Option<Amount> {
        let part = u128::from(amount.to_sat()) * u128::from(self.fee_ppm) / 1_000_000;
        let part = Amount::from_sat(u64::try_from(part).ok()?);
        self.fee_sat.checked_add(part)
    }

    /// Checks that the forwarder can claim in `from` whatever happens at the end of `to`, however late, seen with the tip
    /// at `tip`:
    ///
    /// * if `from` is closed by force now, `to` is closed at once too, and its receiver must have shown the secret
    ///   `margin` blocks before the offerer of `from` may take it back;
    /// * T of `from` ≥ the latest height at which the secret may show in `to` + `margin`.
    ///
    /// # Errors
    /// [`PtlcError::Timing`]: the fault of whoever chose the way.
    pub fn check_expiry(&self, from: &Expiry, to: &Expiry, tip: u32) -> Result<(), PtlcError> {
        let margin = u32::from(self.margin);
        let least = |what, given: u32, wanted: u32| match given < wanted {
            true => Err(PtlcError::Timing {
                what,
                given,
                wanted,
            }),
            false => Ok(()),
        };
        if let Some(window) = from.window {
            let open = to.open_after_close(tip);
            least("D", window.into(), open.saturating_add(margin))?;
        }
        least("T", from.height, to.latest_claim().saturating_add(margin))
    }

    /// Checks that what comes in pays for what goes out and the fee.
    ///
    /// # Errors
    /// [`PtlcError::Fee`]: the sender's fault.
    pub fn check_fee(&self, from: &Ptlc, to: &Ptlc) -> Result<(), PtlcError> {
        let due = self.fee(to.amount).unwrap_or(Amount::MAX_MONEY);
        let kept = from.amount.checked_sub(to.amount);
        match kept.is_some_and(|kept| kept >= due) {
            true => Ok(()),
            false => Err(PtlcError::Fee {
                given: kept.unwrap_or(Amount::ZERO),
                due,
            }),
        }
    }
}
