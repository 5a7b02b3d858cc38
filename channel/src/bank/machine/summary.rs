//! What a long log of a bank is replaced by.

use bitcoin::hashes::Hash;
use narthex_contracts::bank::{Penny, Phase};

use super::{BankMachine, Side};
use crate::{
    Summary,
    bank::{BankChange, CoinAt, GoodPenny},
};

impl<S: Side> Summary for BankMachine<S> {
    /// Terms, signatures, where the coin is, the pennies of either side and the commitments that are still of use: however many
    /// pennies there were.
    fn summary(&self) -> Vec<BankChange> {
        let mut all = Vec::new();
        all.extend(self.lineage.clone().map(BankChange::Proposed));
        let signed = |force_close| BankChange::Signed { force_close };
        all.extend(self.force_close.map(signed));
        all.extend(self.funding.clone().map(BankChange::Funded));
        if self.coin != CoinAt::Nowhere {
            all.push(BankChange::Coin(self.coin));
        }
        if self.given > 0 {
            all.push(BankChange::Paid { to: self.given });
        }
        if let Some(book) = &self.book {
            let record = book.record();
            if !record.commitments.is_empty() {
                all.push(BankChange::AdaptorCommitments(record.commitments));
            }
            if record.latest > 0 {
                let (index, secret) = (record.latest, record.secret.to_byte_array());
                let bank = book.bank().terms().bank();
                all.push(BankChange::Taken(GoodPenny {
                    penny: Penny {
                        bank,
                        index,
                        secret,
                    },
                    // That the payer lied stays; the commitment that showed it is gone, and none has number 0.
                    false_commitments: match record.phase {
                        Phase::Cheated => vec![0],
                        _ => Vec::new(),
                    },
                }));
            }
        }
        if self.is_force_closing {
            all.push(BankChange::ForceClosing);
        }
        all.extend(self.leaving.map(BankChange::Leaving));
        all.extend(self.left.clone().map(BankChange::Left));
        all
    }
}
