//! What either side should order now, and what it will have to next: nothing of a kept bank acts by itself.

use narthex_channel::bank::{CoinAt, PayerDuty, ProviderDuty};
use narthex_contracts::bank::{Bank, MIN_CLAIM_BLOCKS};
use serde::Serialize;

use super::KeptBank;

/// Something that a side loses by if it does not order it in time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// `payer` or `provider`.
    pub who: &'static str,
    /// The command that orders it.
    pub command: &'static str,
    /// Height below which it must be confirmed; without one, nobody can take it away.
    pub until: Option<u32>,
}

/// Blocks before a move is due from which on it is called near: the least that terms give for a claim.
const NEAR_BLOCKS: u32 = MIN_CLAIM_BLOCKS as u32;

/// The next move of a side, due or not yet, as the coin lies now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextMove {
    /// `payer` or `provider`.
    pub who: &'static str,
    /// The command that orders it.
    pub command: &'static str,
    /// First height at which it may confirm, or from which it is due.
    pub from: u32,
    /// Blocks until then: 0 if it is now.
    pub in_blocks: u32,
    /// Height below which it must be confirmed; without one, nobody can take it away.
    pub until: Option<u32>,
    /// Blocks that may still hold it, counted from the next one: 0 if it is too late.
    pub blocks_left: Option<u32>,
    /// It has a deadline, and is due or will be in 6 blocks.
    pub is_near: bool,
}

impl NextMove {
    fn new(
        (who, command): (&'static str, &'static str),
        tip: u32,
        (from, until): (u32, Option<u32>),
    ) -> NextMove {
        let next = tip.saturating_add(1);
        let in_blocks = from.saturating_sub(next);
        NextMove {
            who,
            command,
            from,
            in_blocks,
            until,
            blocks_left: until.map(|until| until.saturating_sub(next)),
            is_near: until.is_some() && in_blocks <= NEAR_BLOCKS,
        }
    }
}

impl KeptBank {
    /// The bank once its force close is signed: before, nobody has a move.
    fn signed(&self) -> Option<&Bank> {
        let machine = self.sides.payer.machine();
        machine.force_close_signature()?;
        machine.lineage().map(|lineage| &**lineage.bank())
    }

    /// The next move of each side that has one, with its deadline, as the chain is at this height.
    pub(super) fn next_moves(&self, tip: u32) -> Vec<NextMove> {
        let mut all = Vec::new();
        let Some(bank) = self.signed() else {
            return all;
        };
        let at = self.sides.payer.machine().coin();
        let terms = bank.terms();
        let record = terms.record();
        let book = self.sides.provider.machine().book();
        match at {
            CoinAt::Banked { .. } => {
                let (late, end) = (
                    terms.force_close_height(),
                    record.refund_height.saturating_add(1),
                );
                // As it will be when it is late: without a commitment there is nothing to stop the bank for.
                let then = book.map(|book| book.duty(late.saturating_sub(1).max(tip), at.into()));
                if then == Some(ProviderDuty::ForceClose) {
                    let what = ("provider", "force-close");
                    all.push(NextMove::new(what, tip, (late, Some(end))));
                }
                all.push(NextMove::new(("payer", "refund"), tip, (end, None)));
            }
            CoinAt::ForceClosed { height } => {
                let end = height.saturating_add(record.claim_blocks.into());
                let now = book.map(|book| book.duty(tip, at.into()));
                if matches!(now, Some(ProviderDuty::Claim { .. })) {
                    let from = height.saturating_add(1);
                    let what = ("provider", "claim");
                    all.push(NextMove::new(what, tip, (from, Some(end))));
                }
                all.push(NextMove::new(("payer", "refund"), tip, (end, None)));
            }
            CoinAt::Nowhere | CoinAt::Spent { .. } => {}
        }
        all
    }

    /// What is due at this height, with the coin where the machines last saw it.
    pub(super) fn due(&self, tip: u32) -> Vec<Due> {
        let mut all = Vec::new();
        let Some(bank) = self.signed() else {
            return all;
        };
        let at = self.sides.payer.machine().coin();
        let (coin, record) = (at.into(), bank.terms().record());
        if let Some(book) = self.sides.provider.machine().book() {
            let until = match at {
                CoinAt::ForceClosed { height } => height.saturating_add(record.claim_blocks.into()),
                _ => record.refund_height.saturating_add(1),
            };
            let command = match book.duty(tip, coin) {
                ProviderDuty::ForceClose => Some("force-close"),
                ProviderDuty::Claim { .. } => Some("claim"),
                ProviderDuty::Serve | ProviderDuty::None => None,
            };
            all.extend(command.map(|command| Due {
                who: "provider",
                command,
                until: Some(until),
            }));
        }
        // Who lost the chain of its pennies has not lost its coin, and it is due all the same.
        let payer = PayerDuty::of(record, tip, coin);
        if payer != PayerDuty::None {
            all.push(Due {
                who: "payer",
                command: "refund",
                until: None,
            });
        }
        all
    }
}
