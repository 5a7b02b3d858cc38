//! How a bank is left: when a side may order or agree to which end, and which transaction that is.

use bitcoin::{Amount, Transaction, Txid, hashes::Hash};
use narthex_contracts::{
    bank::{BankError, REFUND, TIMEOUT_REFUND},
    graph::NodeId,
};

use super::{BankMachine, Side, Taken, taken::same_transaction};
use crate::bank::{BankChange, Coin, CoinAt, Leaving, ProviderDuty, SideError};

impl<S: Side> BankMachine<S> {
    pub(super) fn leave(&self, tip: u32, how: &Leaving) -> Taken {
        let bank = self.bank("end")?;
        if self.leaving.as_ref() == Some(how) {
            return Ok(None);
        }
        if !matches!(
            self.standing(),
            "open" | "force_closing" | "force_closed" | "leaving"
        ) {
            return self.refuse("end", "");
        }
        if let Some(known) = &self.leaving
            && known.is_of(self.coin)
            && (!known.is_agreed() || how.is_agreed())
        {
            return self.refuse("other end", ": one was agreed to or ordered before");
        }
        let (next, record) = (tip.saturating_add(1), bank.terms().record());
        let early = |from: u32| match next < from {
            true => Err(SideError::Early { from, next }),
            false => Ok(()),
        };
        match (how, self.coin) {
            (
                Leaving::Close {
                    paid,
                    fee_sat,
                    force_closed,
                },
                _,
            ) => {
                if !how.is_of(self.coin) {
                    return self.refuse("such a close", ": its coin is elsewhere");
                }
                self.agree(*paid, Amount::from_sat(*fee_sat))?;
                bank.close(*paid, Amount::from_sat(*fee_sat), *force_closed)?;
            }
            (Leaving::Resume { paid, .. }, CoinAt::ForceClosed { .. }) => {
                self.agree(*paid, Amount::ZERO)?;
            }
            (Leaving::Claim { commitment }, CoinAt::ForceClosed { height }) if !S::PAYS => {
                let coin = Coin::ForceClosed { height };
                let duty = self.book.as_ref().map(|book| book.duty(tip, coin));
                if duty
                    != Some(ProviderDuty::Claim {
                        commitment: *commitment,
                    })
                {
                    let (commitment, problem) = (*commitment, "not the best that is enforceable");
                    return Err(BankError::AdaptorCommitment {
                        commitment,
                        problem,
                    }
                    .into());
                }
            }
            (Leaving::Refund, CoinAt::Banked { .. }) if S::PAYS => {
                early(record.refund_height.saturating_add(1))?;
            }
            (Leaving::TimeoutRefund, CoinAt::ForceClosed { height }) if S::PAYS => {
                early(height.saturating_add(record.claim_blocks.into()))?;
            }
            _ => {
                return self.refuse(
                    "such an end",
                    ": its coin is elsewhere, or it is the other side's",
                );
            }
        }
        Ok(Some(BankChange::Leaving(*how)))
    }

    /// Whether this side agrees to an end after so many pennies.
    fn agree(&self, paid: u32, fee: Amount) -> Result<(), SideError> {
        let known = self.pennies();
        let problem = match S::PAYS {
            true if paid > known => "more than was paid",
            false if paid < known => "less than was paid",
            _ => return Ok(()),
        };
        Err(BankError::Ending { paid, fee, problem }.into())
    }

    pub(super) fn left_by(&self, tx: &Transaction) -> Taken {
        let Some(how) = &self.leaving else {
            return self.refuse("signed end", "");
        };
        same_transaction(self.leaving_txid(how)?, tx)?;
        match &self.left {
            Some(known) if known == tx => Ok(None),
            // Signed twice, it is the same transaction: the one that was written first is published.
            Some(_) => Ok(None),
            None if self.standing() != "leaving" => self.refuse("signed end", ""),
            None => Ok(Some(BankChange::Left(tx.clone()))),
        }
    }

    /// Id of the transaction that leaves so.
    fn leaving_txid(&self, how: &Leaving) -> Result<Option<Txid>, SideError> {
        let bank = self.bank("end")?;
        Ok(match how {
            Leaving::Close {
                paid,
                fee_sat,
                force_closed,
            } => {
                let graph = bank.close(*paid, Amount::from_sat(*fee_sat), *force_closed)?;
                graph.txid(NodeId(0))
            }
            Leaving::Resume { txid, .. } => Some(Txid::from_byte_array(*txid)),
            Leaving::Claim { commitment } => bank.claim(*commitment)?.txid(NodeId(0)),
            Leaving::Refund => bank.graph().txid(REFUND),
            Leaving::TimeoutRefund => bank.graph().txid(TIMEOUT_REFUND),
        })
    }
}
