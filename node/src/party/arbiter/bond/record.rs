//! Which offers an arbiter has planned, as its log has them: a plan is durable before anything of it leaves, and names the coins that it
//! spends, so that whatever is made of it again, after whatever death, only one can be in a block.

use std::collections::BTreeMap;

use narthex::{
    bitcoin::{Amount, FeeRate, ScriptBuf, TxOut},
    channel::{Machine, Step, Summary},
    contracts::{
        funding::FeeCoin,
        panel::OfferTerms,
        wire::{ReadOutPoint as _, WriteOutPoint as _},
    },
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};

/// Longest script of an own output, in bytes.
const MAX_SCRIPT: usize = 64;

/// An offer that is to be made, with its bond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::party) struct Plan {
    /// Height at which it ends; its identity follows from that.
    pub(super) end: u32,
    /// Height of the chain when it was planned.
    pub(super) since: u32,
    /// Last height at which it is surely in time, if one stands that it follows.
    pub(super) until: Option<u32>,
    /// What the operator wanted to be locked.
    pub(super) asked: Amount,
    /// Fee rate that it begins with.
    pub(super) rate: FeeRate,
    /// Its terms.
    pub(super) terms: OfferTerms,
    /// The bond that goes into it, by the end of that offer; without one it is paid from the wallet.
    pub(super) rolls: Option<u32>,
    /// What it spends: that bond, or coins of the wallet.
    pub(super) coins: Vec<FeeCoin>,
    /// Where the wallet has back what is left.
    pub(super) change: ScriptBuf,
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::party) enum BondChange {
    /// An offer is made from now on.
    Planned(Box<Plan>),
    /// A bond whose lock is over goes there from now on, in the wallet.
    Withdrawn {
        /// The end of its offer.
        end: u32,
        /// To whom.
        script: ScriptBuf,
    },
    /// Nothing of it can come any more. Of none that is known: it was once.
    Over {
        /// The end of the offer.
        end: u32,
        /// What its transactions have paid to miners.
        fees: Amount,
    },
    /// The operator wants the next offer now.
    Asked,
}

/// An offer that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) plan: Plan,
    /// Where its bond goes, if it goes to the wallet.
    pub(super) withdrawn: Option<ScriptBuf>,
}

/// All that are not over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::party) struct BondRecord {
    pub(super) entries: BTreeMap<u32, Entry>,
    /// Highest end that ever was.
    pub(super) last: Option<u32>,
    /// What those that are over have paid to miners.
    pub(super) fees: Amount,
    pub(super) is_asked: bool,
}

/// It changes nothing that is there.
#[derive(Debug, thiserror::Error)]
#[error("nothing is there that this would change, or it is there already")]
pub(in crate::party) struct NoChange;

impl Machine for BondRecord {
    type Input = BondChange;
    type Change = BondChange;
    type Effect = ();
    type Error = NoChange;

    fn step(&self, input: &BondChange) -> Result<Step<BondChange, ()>, NoChange> {
        let fits = match input {
            BondChange::Planned(plan) => self.last.is_none_or(|last| plan.end > last),
            BondChange::Withdrawn { end, .. } => {
                let entry = self.entries.get(end);
                entry.is_some_and(|entry| entry.withdrawn.is_none())
            }
            BondChange::Over { end, .. } => self.entries.contains_key(end),
            BondChange::Asked => !self.is_asked,
        };
        match fits {
            true => Ok(Step::new(vec![input.clone()], Vec::new())),
            false => Err(NoChange),
        }
    }

    fn apply(&mut self, change: &BondChange) {
        match change {
            BondChange::Planned(plan) => {
                let (plan, withdrawn) = ((**plan).clone(), None);
                self.last = self.last.max(Some(plan.end));
                self.is_asked = false;
                self.entries.insert(plan.end, Entry { plan, withdrawn });
            }
            BondChange::Withdrawn { end, script } => {
                if let Some(entry) = self.entries.get_mut(end) {
                    entry.withdrawn = Some(script.clone());
                }
            }
            BondChange::Over { end, fees } => {
                self.entries.remove(end);
                self.last = self.last.max(Some(*end));
                self.fees = self.fees.checked_add(*fees).unwrap_or(self.fees);
            }
            BondChange::Asked => self.is_asked = true,
        }
    }

    fn pending(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Summary for BondRecord {
    fn summary(&self) -> Vec<BondChange> {
        let fees = self.fees;
        let over = self.last.map(|end| BondChange::Over { end, fees });
        let plans = self.entries.values().flat_map(|entry| {
            let end = entry.plan.end;
            let script = entry.withdrawn.clone();
            let planned = BondChange::Planned(Box::new(entry.plan.clone()));
            let back = script.map(|script| BondChange::Withdrawn { end, script });
            std::iter::once(planned).chain(back)
        });
        let asked = self.is_asked.then_some(BondChange::Asked);
        over.into_iter().chain(plans).chain(asked).collect()
    }
}

fn write_coin(w: &mut Writer, coin: &FeeCoin) {
    w.outpoint(&coin.outpoint)
        .amount(coin.prevout.value)
        .bytes(coin.prevout.script_pubkey.as_bytes());
}

fn read_script(r: &mut Reader<'_>) -> Result<ScriptBuf, DecodeError> {
    let bytes = r.bytes_up_to("script", MAX_SCRIPT)?;
    Ok(ScriptBuf::from_bytes(bytes.to_vec()))
}

fn read_coin(r: &mut Reader<'_>) -> Result<FeeCoin, DecodeError> {
    Ok(FeeCoin {
        outpoint: r.outpoint(["transaction of a coin", "output of a coin"])?,
        prevout: TxOut {
            value: r.amount("value of a coin")?,
            script_pubkey: read_script(r)?,
        },
    })
}

/// A byte that says which, and its fields.
impl Message for BondChange {
    const KIND: Kind = kinds::BOND_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            BondChange::Planned(plan) => {
                w.u8(0).u32(plan.end).u32(plan.since);
                w.optional(plan.until.as_ref(), |w, until| {
                    w.u32(*until);
                });
                w.amount(plan.asked)
                    .u64(plan.rate.to_sat_per_kwu())
                    .message(&plan.terms);
                w.optional(plan.rolls.as_ref(), |w, rolls| {
                    w.u32(*rolls);
                });
                w.list(&plan.coins, write_coin)
                    .bytes(plan.change.as_bytes());
            }
            BondChange::Withdrawn { end, script } => {
                w.u8(1).u32(*end).bytes(script.as_bytes());
            }
            BondChange::Over { end, fees } => {
                w.u8(2).u32(*end).amount(*fees);
            }
            BondChange::Asked => {
                w.u8(3);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<BondChange, DecodeError> {
        Ok(match r.u8("change")? {
            0 => BondChange::Planned(Box::new(Plan {
                end: r.u32("end")?,
                since: r.u32("since")?,
                until: r.optional("until", |r| r.u32("until"))?,
                asked: r.amount("bond")?,
                rate: FeeRate::from_sat_per_kwu(r.u64("fee rate")?),
                terms: r.message("terms")?,
                rolls: r.optional("bond before", |r| r.u32("bond before"))?,
                coins: r.list("coins", 36 + 8 + 4, read_coin)?,
                change: read_script(r)?,
            })),
            1 => BondChange::Withdrawn {
                end: r.u32("end")?,
                script: read_script(r)?,
            },
            2 => BondChange::Over {
                end: r.u32("end")?,
                fees: r.amount("fees")?,
            },
            3 => BondChange::Asked,
            other => return Err(DecodeError::invalid("change", other)),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use narthex::{
        bitcoin::{OutPoint, Txid, hashes::Hash as _},
        contracts::panel::OfferRole,
        game_model::Template,
    };

    fn plan(end: u32, rolls: Option<u32>) -> BondChange {
        let coin = FeeCoin {
            outpoint: OutPoint::new(Txid::from_byte_array([7; 32]), end),
            prevout: TxOut {
                value: Amount::from_sat(60_000),
                script_pubkey: ScriptBuf::from_bytes(vec![0x51; 34]),
            },
        };
        let stake = Amount::from_sat(10_000);
        BondChange::Planned(Box::new(Plan {
            end,
            since: 5,
            until: rolls.map(|end| end + 1),
            asked: Amount::from_sat(50_000),
            rate: FeeRate::from_sat_per_kwu(500),
            terms: OfferTerms::undemanding(OfferRole::Arbiter, Template::Hardened, stake),
            rolls,
            coins: vec![coin],
            change: ScriptBuf::from_bytes(vec![0x52; 34]),
        }))
    }

    /// What is written is read again; a summary gives the same state; and no end comes twice, though its offer is long over.
    #[test]
    fn it_is_the_same_after_a_start_and_no_end_comes_twice() {
        let script = ScriptBuf::from_bytes(vec![0x53; 34]);
        let fees = Amount::from_sat(300);
        let changes = [
            plan(107, None),
            plan(207, None),
            BondChange::Withdrawn { end: 107, script },
            BondChange::Over { end: 107, fees },
            plan(307, Some(207)),
            BondChange::Over { end: 307, fees },
            BondChange::Asked,
        ];
        let mut record = BondRecord::default();
        for change in &changes {
            assert_eq!(BondChange::from_bytes(&change.to_bytes()).unwrap(), *change);
            assert!(record.step(change).is_ok(), "{change:?}");
            record.apply(change);
            let mut again = BondRecord::default();
            record
                .summary()
                .iter()
                .for_each(|change| again.apply(change));
            assert_eq!(again, record);
            assert!(record.step(change).is_err(), "{change:?}");
        }
        assert_eq!((record.last, record.fees), (Some(307), fees + fees));
        for end in [106, 107, 207, 307] {
            assert!(record.step(&plan(end, None)).is_err(), "{end}");
        }
        assert!(record.step(&plan(308, None)).is_ok());
    }
}
