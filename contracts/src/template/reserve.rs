//! What a party holds in confirmed coins before it funds a contract, so that it can pay for what it may have to publish.

use bitcoin::{Amount, Weight};
use narthex_game_model::{Params, Template};

use crate::terms::{FeeError, FeeRate, FeeRules, Role};

/// Weight of a child that spends an anchor and one P2TR coin, carries a root and leaves P2TR change: version, counts and lock time
/// of 10 vB, marker and flag; two inputs of 41 vB with 1 and 66 wu of witness; outputs of 47 and 43 vB.
const LARGEST_CHILD: Weight = Weight::from_wu(4 * (10 + 2 * 41 + 47 + 43) + 2 + 1 + 66);

/// Coins of a contract's reserve: one may be of no use while the other pays.
const COINS: u32 = 2;

/// Coins for fees: so many, each worth so much that it pays for the largest exit alone, and all together for as many as
/// there may be.
///
/// Several, because a coin is of no use while a child that spends it waits: of a version 3 transaction's child all other
/// parents must be confirmed (BIP431), so neither its change nor the coin itself pays for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserve {
    /// Number of coins.
    pub coins: u32,
    /// What each is worth at least.
    pub each: Amount,
}

impl Reserve {
    /// None.
    pub const NONE: Reserve = Reserve {
        coins: 0,
        each: Amount::ZERO,
    };

    /// What a party of this contract holds to pay for each of its exits at `rate`, the most that it reckons with.
    ///
    /// # Errors
    /// [`FeeError`] if the rate is taken for a mistake.
    pub fn of(params: &Params, role: Role, rate: FeeRate) -> Result<Reserve, FeeError> {
        let one = largest_exit(params) + LARGEST_CHILD;
        let all = longest_path(params.template(), role);
        // What is left of a coin must be worth an output (P2TR, at Bitcoin Core's dust rate).
        let each = rate.checked_fee(one * u64::from(all.div_ceil(COINS)))? + Amount::from_sat(330);
        let coins = COINS;
        Ok(Reserve { coins, each })
    }

    /// For another contract too, at the same time.
    #[must_use]
    pub fn and(self, other: Reserve) -> Reserve {
        Reserve {
            coins: self.coins.saturating_add(other.coins),
            each: self.each.max(other.each),
        }
    }

    /// All of it.
    pub fn total(&self) -> Amount {
        let sat = self.each.to_sat().saturating_mul(self.coins.into());
        Amount::from_sat(sat).min(Amount::MAX_MONEY)
    }

    /// Which of these coins to keep for it: the smallest that suffice, so that larger ones can be staked.
    ///
    /// # Errors
    /// What is missing.
    pub fn choose<T: Clone>(&self, coins: &[(T, Amount)]) -> Result<Vec<T>, Missing> {
        let wanted = self.coins as usize;
        let (mut fit, mut small): (Vec<_>, Vec<_>) =
            coins.iter().partition(|(_, value)| *value >= self.each);
        fit.sort_by_key(|(_, value)| *value);
        if let Some(chosen) = fit.get(..wanted) {
            return Ok(chosen.iter().map(|(coin, _)| coin.clone()).collect());
        }
        // What the next largest lack.
        small.sort_by_key(|(_, value)| std::cmp::Reverse(*value));
        let lacking = wanted - fit.len();
        let mut amount = Amount::ZERO;
        for slot in 0..lacking {
            let has = small.get(slot).map_or(Amount::ZERO, |(_, value)| *value);
            let lacks = self.each.checked_sub(has).unwrap_or(Amount::ZERO);
            amount = amount.checked_add(lacks).unwrap_or(Amount::MAX_MONEY);
        }
        Err(Missing {
            reserve: *self,
            coins: u32::try_from(lacking).unwrap_or(u32::MAX),
            amount,
        })
    }
}

/// A reserve that is not there. The fault of whoever is to hold it; nothing was locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{coins} of {} confirmed coins of {} or more that pay fees are missing, {amount} in all",
    reserve.coins, reserve.each
)]
pub struct Missing {
    /// What is to be held.
    pub reserve: Reserve,
    /// Coins that are missing.
    pub coins: u32,
    /// What they lack together.
    pub amount: Amount,
}

/// Transactions that a party may have to publish one after the other.
const fn longest_path(template: Template, role: Role) -> u32 {
    match (template, role) {
        // TxD, the root in a transaction of its own, TxA, S7. Where the root needs none, one is spare.
        (Template::Hardened | Template::Audited, Role::Worker) => 4,
        // A verdict, or a challenge, and what follows from it; others have one exit.
        _ => 2,
    }
}

/// Weight of the largest exit: it spends the pot and every stake by key path and pays everybody to scripts of 34 bytes, the fund
/// and an anchor.
fn largest_exit(params: &Params) -> Weight {
    let panel = u64::from(params.arbiters());
    let (inputs, outputs) = (panel + 1, panel + 4);
    Weight::from_wu(4 * (10 + 41 * inputs + 43 * outputs + 13) + 2 + 66 * inputs)
}
