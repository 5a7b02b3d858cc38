//! What either side should order now: nothing of a kept bank acts by itself.

use narthex_channel::bank::{CoinAt, PayerDuty, ProviderDuty};
use serde::Serialize;

use super::{KeptBank, KeptError};

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

impl KeptBank {
    /// What is due with the coin where the machines last saw it.
    pub(super) fn due(&mut self) -> Result<Vec<Due>, KeptError> {
        let mut all = Vec::new();
        let machine = self.sides.payer.machine();
        let at = machine.coin();
        let (Some(lineage), Some(_)) = (machine.lineage(), machine.force_close_signature()) else {
            return Ok(all);
        };
        let (tip, coin) = (self.chain.chain().height()?, at.into());
        let record = lineage.bank().terms().record();
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
        Ok(all)
    }
}
