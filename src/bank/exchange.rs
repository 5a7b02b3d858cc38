//! Customers and the bankers between them, at one table.

use bitcoin::{Amount, Transaction};
use narthex_channel::bank::{Banker, BankerError, Coin, Payer, Provider};
use narthex_channel::ptlc::{Leg, MIN_MARGIN, Policy};
use narthex_contracts::bank::{Bank, ChainSeed, FundingStatus};
use narthex_contracts::depth::Depth;
use narthex_regtest::{Chain, ChainSource, OutputStatus, Spender};

use super::{
    DeskError, DeskOptions,
    desk::{Ends, open, propose},
};
use crate::table::{Table, TableOptions, TableOutcome, TableReporter};

/// Promises that each bank bears.
const PROMISES: u8 = 3;

/// A customer that pays, one or two bankers, a customer that is paid; a bank between each two.
///
/// Seat i pays in bank i, seat i + 1 is paid in it. Each bank has the least delays that its banker accepts.
pub struct Exchange<'c> {
    pub(super) table: Table<'c>,
    pub(super) names: Vec<&'static str>,
    pub(super) policy: Policy,
    pub(super) banks: Vec<[u8; 32]>,
    pub(super) a: Payer,
    pub(super) bankers: Vec<Banker>,
    pub(super) b: Provider,
    /// w_N of each bank.
    pub(super) seeds: Vec<ChainSeed>,
    /// Pennies that were paid through all banks.
    pub(super) arrived: u32,
    pub(super) payments: u32,
    /// Frames that were signed.
    pub(super) frames: u32,
}

impl<'c> Exchange<'c> {
    /// Banks opened and not funded, between two customers of one banker, or of two.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &DeskOptions,
        bankers: usize,
        reporter: &'c mut dyn TableReporter,
    ) -> Result<Exchange<'c>, DeskError> {
        let names = match bankers {
            1 => vec!["payer", "banker", "payee"],
            _ => vec!["payer", "banker-1", "banker-2", "payee"],
        };
        let common = TableOptions {
            rate: options.rate,
            seed: options.seed,
        };
        let mut table = Table::new(chain, &names, common, reporter)?;
        let policy = Policy {
            margin: MIN_MARGIN,
            depth: Depth::LEAST,
            fee_sat: Amount::from_sat(10),
            fee_ppm: 1_000,
        };
        let (mut banks, mut seeds) = (Vec::new(), Vec::new());
        let (mut payers, mut providers) = (Vec::new(), Vec::new());
        for (seat, delays) in delays(options, names.len() - 1).into_iter().enumerate() {
            let ends = Ends {
                payer: (seat, 0),
                provider: (seat + 1, 1),
                promises: PROMISES,
            };
            let (record, fresh) = propose(&mut table, &delays, &ends)?;
            banks.push(record.bank());
            seeds.push(fresh.seed().clone());
            let (payer, provider) = open(record, (fresh, None), (&mut table, &ends), None)?;
            payers.push(payer);
            providers.push(provider);
        }
        let mut payers = payers.into_iter();
        let none = || DeskError::broken("nobody pays or is paid");
        let (a, b) = (payers.next(), providers.pop());
        let (a, b) = (a.ok_or_else(none)?, b.ok_or_else(none)?);
        let bankers = providers.into_iter().zip(payers).map(|(debit, credit)| {
            let mut banker = Banker::new(policy)?;
            banker.open_debit(debit)?;
            banker.open_credit(credit)?;
            Ok(banker)
        });
        Ok(Exchange {
            bankers: bankers.collect::<Result<_, BankerError>>()?,
            table,
            names,
            policy,
            banks,
            a,
            b,
            seeds,
            arrived: 0,
            payments: 0,
            frames: 0,
        })
    }

    /// The table that all sit at.
    pub fn table(&mut self) -> &mut Table<'c> {
        &mut self.table
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.table.chain()
    }

    /// A banker, from the payer's on.
    pub fn banker(&mut self, index: usize) -> Result<&mut Banker, DeskError> {
        let found = self.bankers.get_mut(index);
        found.ok_or_else(|| DeskError::broken("no such banker"))
    }

    /// Who pays.
    pub fn payer(&mut self) -> &mut Payer {
        &mut self.a
    }

    /// Who is paid.
    pub fn payee(&mut self) -> &mut Provider {
        &mut self.b
    }

    /// The two sides of a bank.
    pub fn bank(
        &mut self,
        index: usize,
    ) -> Result<(&mut Payer, &mut Provider, &mut Table<'c>), DeskError> {
        let absent = || DeskError::broken("no such bank");
        let id = *self.banks.get(index).ok_or_else(absent)?;
        let split = index.min(self.bankers.len());
        let (before, after) = self.bankers.split_at_mut(split);
        let payer = match before.last_mut() {
            None => &mut self.a,
            Some(banker) => banker.payer(&id)?,
        };
        let provider = match after.first_mut() {
            None => &mut self.b,
            Some(banker) => banker.provider(&id)?,
        };
        Ok((payer, provider, &mut self.table))
    }

    /// Identity of a bank.
    pub fn id(&self, index: usize) -> Result<[u8; 32], DeskError> {
        let found = self.banks.get(index).copied();
        found.ok_or_else(|| DeskError::broken("no such bank"))
    }

    /// Every payer funds its bank, as deep as bankers ask.
    pub fn fund(&mut self) -> Result<(), DeskError> {
        for index in 0..self.banks.len() {
            self.fund_bank(index)?;
        }
        Ok(self.table.mine(self.policy.depth.blocks())?)
    }

    /// One bank's payer funds it.
    pub fn fund_bank(&mut self, index: usize) -> Result<(), DeskError> {
        let (payer, _, table) = self.bank(index)?;
        let psbt = payer.funding_psbt()?;
        let capacity = payer.bank().terms().record().capacity_sat;
        let why = ("Bank", "both hold the force close");
        table.fund(index, psbt, capacity, why)?;
        Ok(())
    }

    /// What the chain shows of a bank's coin.
    pub fn status(&mut self, index: usize) -> Result<FundingStatus, DeskError> {
        let (outpoint, _) = self.bank(index)?.0.bank().coin(false)?;
        let chain = self.table.chain();
        Ok(FundingStatus {
            tip: chain.height()?,
            found: chain.output_status(outpoint)?.unspent(),
        })
    }

    /// Where the chain says that a bank's coin is.
    pub fn coin(&mut self, index: usize) -> Result<Coin, DeskError> {
        let depth = self.policy.depth;
        let (payer, _, table) = self.bank(index)?;
        coin_of(payer.bank(), table.chain(), depth)
    }

    /// The confirmed transaction that ended a bank, and how deep it is: it spends the coin and is no force close, or spends
    /// the force-closed coin.
    pub fn ending(&mut self, index: usize) -> Result<Option<(Transaction, u32)>, DeskError> {
        if self.coin(index)? != Coin::Spent {
            return Ok(None);
        }
        let (payer, _, table) = self.bank(index)?;
        let chain = table.chain();
        let tip = chain.height()?;
        let spent = ending_of(payer.bank(), chain)?;
        let confirmed = spent.and_then(|by| Some((by.tx, by.height?)));
        Ok(confirmed.map(|(tx, height)| (tx, tip.saturating_sub(height).saturating_add(1))))
    }

    /// What is promised in each bank so that `pennies` arrive: each banker keeps its fee.
    pub fn legs(&mut self, pennies: u32) -> Result<Vec<Leg>, DeskError> {
        let policy = self.policy;
        let (mut count, mut legs) = (pennies, Vec::new());
        for index in (0..self.banks.len()).rev() {
            legs.push(Leg {
                place: self.id(index)?,
                units: count,
            });
            let record = self.bank(index)?.0.bank().terms().record().clone();
            let fee = record.value_sat.checked_mul(count.into());
            let fee = fee.and_then(|worth| policy.fee(worth));
            let fee = fee.ok_or_else(|| DeskError::broken("more than there is"))?;
            let kept = fee.to_sat().div_ceil(record.value_sat.to_sat().max(1));
            let kept = u32::try_from(kept)
                .ok()
                .and_then(|kept| count.checked_add(kept));
            count = kept.ok_or_else(|| DeskError::broken("more than there is"))?;
        }
        legs.reverse();
        Ok(legs)
    }

    /// Balances and figures so far.
    pub fn outcome(&self, story: &str) -> TableOutcome {
        (self.table.outcome(story))
            .with("pennies", self.arrived)
            .with("payments", self.payments)
            .with("frames", self.frames)
            .with("bankers", self.bankers.len())
    }
}

/// The options of each bank from the first to the last, whose are those given: each earlier one has as much more of D
/// and T as its banker needs.
fn delays(options: &DeskOptions, banks: usize) -> Vec<DeskOptions> {
    let mut all = vec![options.clone()];
    while all.len() < banks {
        let mut next = all.last().unwrap_or(options).clone();
        next.refund_blocks = next
            .refund_blocks
            .saturating_add(u32::from(next.claim_blocks))
            .saturating_add(u32::from(MIN_MARGIN));
        next.claim_blocks = next.claim_blocks.saturating_add(MIN_MARGIN);
        all.push(next);
    }
    all.reverse();
    all
}

/// Where the chain says that a bank's coin is, to a party that asks for this depth.
pub(super) fn coin_of(
    bank: &Bank,
    chain: &mut dyn ChainSource,
    depth: Depth,
) -> Result<Coin, DeskError> {
    let ((banked, _), (force_closed, _)) = (bank.coin(false)?, bank.coin(true)?);
    let gone = match chain.output_status(banked)? {
        OutputStatus::Unspent { height, .. } => {
            let is_deep = depth.is_reached(height, chain.height()?);
            return Ok(Coin::Banked { is_deep });
        }
        OutputStatus::Spent { .. } => Coin::Spent,
        OutputStatus::Missing | OutputStatus::Waiting { .. } => Coin::Unfunded,
    };
    Ok(match chain.output_status(force_closed)? {
        OutputStatus::Unspent { height, .. } => Coin::ForceClosed { height },
        _ => gone,
    })
}

/// What spends a bank's coin and is no force close, or spends the force-closed coin.
pub(super) fn ending_of(
    bank: &Bank,
    chain: &mut dyn ChainSource,
) -> Result<Option<Spender>, DeskError> {
    let ((banked, _), (force_closed, _)) = (bank.coin(false)?, bank.coin(true)?);
    let spent = chain.spender(banked)?;
    // A force close ends nothing; what spends the force-closed coin does.
    match spent.as_ref().map(|by| by.tx.compute_txid()) == Some(force_closed.txid) {
        true => Ok(chain.spender(force_closed)?),
        false => Ok(spent),
    }
}
