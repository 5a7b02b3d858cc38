//! A bond as somebody claims it, held against what the chain shows.

use bitcoin::{Amount, OutPoint, ScriptBuf, TxOut, key::XOnlyPublicKey};

use super::{BlockTime, BondError, BondScript, Lock, Locked};
use crate::funding::is_null;

/// A bond and whom it stands for. That the bond's key agrees is the certificate's business, or the offer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What it is locked by.
    pub script: BondScript,
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it holds.
    pub value: Amount,
    /// Height of the block that confirmed it.
    pub confirmed_height: u32,
    /// Whom it stands for.
    pub identity: XOnlyPublicKey,
}

/// What a chain shows at an outpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// No such output.
    Missing,
    /// It waits for a block.
    Waiting,
    /// It is, or was, there.
    Confirmed {
        /// The output.
        output: TxOut,
        /// The block that confirmed it.
        at: BlockTime,
        /// Whether a confirmed transaction spends it.
        spent: bool,
    },
}

/// Why a bond counts nothing. The fault of whoever claims it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BondFault {
    /// The chain has no such output.
    #[error("there is no output {outpoint}")]
    Missing {
        /// Where it should be.
        outpoint: OutPoint,
    },
    /// Not in a block, or not deep enough.
    #[error("the bond has {depth} confirmations; {wanted} are wanted")]
    Unconfirmed {
        /// Blocks from its own to the tip.
        depth: u32,
        /// Least number.
        wanted: u32,
    },
    /// Spent by a confirmed transaction.
    #[error("the bond {outpoint} is spent")]
    Spent {
        /// Where it was.
        outpoint: OutPoint,
    },
    /// Its owner can have it back in the next block.
    #[error("the bond was locked until {lock}; the tip is at height {}, median time {}", .tip.height, .tip.median_time)]
    Expired {
        /// Its lock.
        lock: Lock,
        /// The chain.
        tip: BlockTime,
    },
    /// The output pays to another script.
    #[error("the output pays to {found:x}, the bond's script is {wanted:x}")]
    WrongScript {
        /// Of the output.
        found: ScriptBuf,
        /// Of the claim.
        wanted: ScriptBuf,
    },
    /// It holds another amount than claimed.
    #[error("the bond holds {found}, not {claimed}")]
    WrongAmount {
        /// Claimed.
        claimed: Amount,
        /// On chain.
        found: Amount,
    },
    /// Another block confirmed it than claimed, as after a reorganisation.
    #[error("the bond was confirmed at height {found}, not {claimed}")]
    WrongHeight {
        /// Claimed.
        claimed: u32,
        /// On chain.
        found: u32,
    },
    /// Somebody can spend it before its lock.
    #[error("{key} can spend the coin at any time: it is locked by nothing")]
    Unlocked {
        /// Internal key of the output.
        key: XOnlyPublicKey,
    },
    /// The signature is not the bond key's.
    #[error("the certificate is not signed by the bond's key {owner}")]
    ForeignSignature {
        /// Key of the bond.
        owner: XOnlyPublicKey,
    },
    /// The certificate is too old.
    #[error("the certificate holds below height {valid_below}; the tip is at {tip_height}")]
    CertificateExpired {
        /// First height at which it does not hold.
        valid_below: u32,
        /// The chain.
        tip_height: u32,
    },
    /// The certificate holds at no height at which the coin is there.
    #[error(
        "the certificate would hold below height {valid_below} only; the bond was confirmed at {confirmed_height}"
    )]
    NeverValid {
        /// First height at which it does not hold.
        valid_below: u32,
        /// Of the bond.
        confirmed_height: u32,
    },
    /// The lock was over when the coin was confirmed.
    #[error(
        "the bond was confirmed at height {confirmed_height}, when its lock until {lock} was over"
    )]
    NeverLocked {
        /// Its lock.
        lock: Lock,
        /// Of the bond.
        confirmed_height: u32,
    },
    /// The coin was confirmed above the tip.
    #[error(
        "the bond is said to be confirmed at height {confirmed_height}; the tip is at {tip_height}"
    )]
    AboveTip {
        /// Claimed.
        confirmed_height: u32,
        /// The chain.
        tip_height: u32,
    },
    /// No transaction can have made the coin.
    #[error("no coin is at {outpoint}: this names none (null outpoint)")]
    Null {
        /// Where it would be.
        outpoint: OutPoint,
    },
    /// There is no such script.
    #[error(transparent)]
    Script(#[from] BondError),
}

/// Where a coin stands in time: all that the pool of offers needs, which has read the outputs itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Where it is.
    pub outpoint: OutPoint,
    /// Until when it is locked.
    pub lock: Lock,
    /// Height that confirmed it.
    pub confirmed_height: u32,
    /// Whether it is spent at the tip.
    pub spent: bool,
}

/// Confirmed deep enough, not spent, not expired: without that nothing else matters.
pub fn standing(coin: &Standing, tip: BlockTime, depth_wanted: u32) -> Result<(), BondFault> {
    let depth = (tip.height.saturating_add(1)).saturating_sub(coin.confirmed_height);
    // Zero would let unconfirmed coins in.
    let wanted = depth_wanted.max(1);
    if depth < wanted {
        return Err(BondFault::Unconfirmed { depth, wanted });
    }
    if coin.spent {
        let outpoint = coin.outpoint;
        return Err(BondFault::Spent { outpoint });
    }
    if coin.lock.is_open(tip) {
        let lock = coin.lock;
        return Err(BondFault::Expired { lock, tip });
    }
    Ok(())
}

impl Claim {
    /// Whether a certificate up to `valid_below` could count on any chain.
    pub(super) fn check_sense(&self, valid_below: u32) -> Result<(), BondFault> {
        let (outpoint, confirmed_height) = (self.outpoint, self.confirmed_height);
        if is_null(&outpoint) {
            return Err(BondFault::Null { outpoint });
        }
        if valid_below <= confirmed_height {
            return Err(BondFault::NeverValid {
                valid_below,
                confirmed_height,
            });
        }
        let lock = self.script.lock();
        // The time of the block is not known here.
        if !lock.is_time() && lock.to_consensus() <= confirmed_height {
            return Err(BondFault::NeverLocked {
                lock,
                confirmed_height,
            });
        }
        self.script.script_pubkey()?;
        Ok(())
    }

    /// Whether the chain bears the claim out, with at least `depth_wanted` confirmations (taken as 1 if 0).
    pub fn check(
        &self,
        seen: &Sighting,
        tip: BlockTime,
        depth_wanted: u32,
    ) -> Result<Locked, BondFault> {
        let outpoint = self.outpoint;
        let (output, at, spent) = match seen {
            Sighting::Missing => return Err(BondFault::Missing { outpoint }),
            Sighting::Waiting => {
                return Err(BondFault::Unconfirmed {
                    depth: 0,
                    wanted: depth_wanted.max(1),
                });
            }
            Sighting::Confirmed { output, at, spent } => (output, *at, *spent),
        };
        if let Some(key) = self.script.early_key() {
            return Err(BondFault::Unlocked { key });
        }
        let wanted = self.script.script_pubkey()?;
        if output.script_pubkey != wanted {
            return Err(BondFault::WrongScript {
                found: output.script_pubkey.clone(),
                wanted,
            });
        }
        if output.value != self.value {
            return Err(BondFault::WrongAmount {
                claimed: self.value,
                found: output.value,
            });
        }
        if at.height != self.confirmed_height {
            return Err(BondFault::WrongHeight {
                claimed: self.confirmed_height,
                found: at.height,
            });
        }
        let lock = self.script.lock();
        let coin = Standing {
            outpoint,
            lock,
            confirmed_height: at.height,
            spent,
        };
        standing(&coin, tip, depth_wanted)?;
        Ok(Locked {
            value: output.value,
            lock,
            confirmed: at,
        })
    }
}
