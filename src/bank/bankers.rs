//! Customers and the bankers between them, on one harness.

use bitcoin::{Amount, Transaction};
use narthex_channel::bank::{Banker, BankerError, Coin, Payer, Provider};
use narthex_channel::ptlc::{Leg, MIN_MARGIN, Policy};
use narthex_contracts::bank::{
    Bank, BankRecord, ChainSeed, FreshChain, FundingStatus, PayerOpening, ProviderOpening,
};
use narthex_contracts::depth::Depth;
use narthex_regtest::Chain;

use super::{
    BankOptions,
    coin::{coin_of, ending_of},
    play::{Ends, propose},
};
use crate::harness::{Harness, Outcome, Reporter, ScenarioError};

/// Promises that each bank bears.
const PROMISES: u8 = 3;

/// Figures of the banks between customers and bankers: those of the last bank; each earlier one has as much more of D and T
/// as its banker needs.
#[derive(Debug, Clone, Default)]
pub struct BankersOptions(pub BankOptions);

/// A customer that pays, one or two bankers, a customer that is paid; a bank between each two.
///
/// Participant i pays in bank i, participant i + 1 is paid in it. Each bank has the least delays that its banker accepts.
pub struct BankersPlay<'c> {
    pub(super) harness: Harness<'c>,
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

impl<'c> BankersPlay<'c> {
    /// Banks opened and not funded, between two customers of one banker, or of two.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &BankOptions,
        bankers: usize,
        reporter: &'c mut dyn Reporter,
    ) -> Result<BankersPlay<'c>, ScenarioError> {
        let names = match bankers {
            1 => vec!["payer", "banker", "payee"],
            _ => vec!["payer", "banker-1", "banker-2", "payee"],
        };
        let mut harness = Harness::new(chain, &names, &options.common, reporter)?;
        let policy = Policy {
            margin: MIN_MARGIN,
            depth: Depth::LEAST,
            fee_sat: Amount::from_sat(10),
            fee_ppm: 1_000,
        };
        let (mut banks, mut seeds) = (Vec::new(), Vec::new());
        let (mut payers, mut providers) = (Vec::new(), Vec::new());
        for (participant, delays) in delays(options, names.len() - 1).into_iter().enumerate() {
            let ends = Ends {
                payer: (participant, 0),
                provider: (participant + 1, 1),
                promises: PROMISES,
            };
            let (record, fresh) = propose(&mut harness, &delays, &ends)?;
            banks.push(record.bank());
            seeds.push(fresh.seed().clone());
            let (payer, provider) = open(record, fresh, (&mut harness, &ends))?;
            payers.push(payer);
            providers.push(provider);
        }
        let mut payers = payers.into_iter();
        let none = || ScenarioError::broken("nobody pays or is paid");
        let (a, b) = (payers.next(), providers.pop());
        let (a, b) = (a.ok_or_else(none)?, b.ok_or_else(none)?);
        let bankers = providers.into_iter().zip(payers).map(|(debit, credit)| {
            let mut banker = Banker::new(policy)?;
            banker.open_debit(debit)?;
            banker.open_credit(credit)?;
            Ok(banker)
        });
        Ok(BankersPlay {
            bankers: bankers.collect::<Result<_, BankerError>>()?,
            harness,
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

    /// The harness.
    pub fn harness(&mut self) -> &mut Harness<'c> {
        &mut self.harness
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.harness.chain()
    }

    /// A banker, from the payer's on.
    pub fn banker(&mut self, index: usize) -> Result<&mut Banker, ScenarioError> {
        let found = self.bankers.get_mut(index);
        found.ok_or_else(|| ScenarioError::broken("no such banker"))
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
    ) -> Result<(&mut Payer, &mut Provider, &mut Harness<'c>), ScenarioError> {
        let absent = || ScenarioError::broken("no such bank");
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
        Ok((payer, provider, &mut self.harness))
    }

    /// Identity of a bank.
    pub fn id(&self, index: usize) -> Result<[u8; 32], ScenarioError> {
        let found = self.banks.get(index).copied();
        found.ok_or_else(|| ScenarioError::broken("no such bank"))
    }

    /// Every payer funds its bank, as deep as bankers ask.
    pub fn fund(&mut self) -> Result<(), ScenarioError> {
        for index in 0..self.banks.len() {
            self.fund_bank(index)?;
        }
        self.harness.mine(self.policy.depth.blocks())
    }

    /// One bank's payer funds it.
    pub fn fund_bank(&mut self, index: usize) -> Result<(), ScenarioError> {
        let (payer, _, harness) = self.bank(index)?;
        let psbt = payer.funding_psbt(harness.policy())?;
        let capacity = payer.bank().terms().record().capacity_sat;
        let why = ("Bank", "both hold the force close");
        harness.fund(index, psbt, capacity, why)?;
        Ok(())
    }

    /// What the chain shows of a bank's coin.
    pub fn status(&mut self, index: usize) -> Result<FundingStatus, ScenarioError> {
        let (outpoint, _) = self.bank(index)?.0.bank().coin(false)?;
        let chain = self.harness.chain();
        Ok(FundingStatus {
            tip: chain.height()?,
            found: chain.output_status(outpoint)?.unspent(),
        })
    }

    /// Where the chain says that a bank's coin is.
    pub fn coin(&mut self, index: usize) -> Result<Coin, ScenarioError> {
        let depth = self.policy.depth;
        let (payer, _, harness) = self.bank(index)?;
        coin_of(payer.bank(), harness.chain(), depth)
    }

    /// The confirmed transaction that ended a bank, and how deep it is: it spends the coin and is no force close, or spends
    /// the force-closed coin.
    pub fn ending(&mut self, index: usize) -> Result<Option<(Transaction, u32)>, ScenarioError> {
        if self.coin(index)? != Coin::Spent {
            return Ok(None);
        }
        let (payer, _, harness) = self.bank(index)?;
        let chain = harness.chain();
        let tip = chain.height()?;
        let spent = ending_of(payer.bank(), chain)?;
        let confirmed = spent.and_then(|by| Some((by.tx, by.height?)));
        Ok(confirmed.map(|(tx, height)| (tx, tip.saturating_sub(height).saturating_add(1))))
    }

    /// What is promised in each bank so that `pennies` arrive: each banker keeps its fee.
    pub fn legs(&mut self, pennies: u32) -> Result<Vec<Leg>, ScenarioError> {
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
            let fee = fee.ok_or_else(|| ScenarioError::broken("more than there is"))?;
            let kept = fee.to_sat().div_ceil(record.value_sat.to_sat().max(1));
            let kept = u32::try_from(kept)
                .ok()
                .and_then(|kept| count.checked_add(kept));
            count = kept.ok_or_else(|| ScenarioError::broken("more than there is"))?;
        }
        legs.reverse();
        Ok(legs)
    }

    /// Balances and figures so far.
    pub fn outcome(&self, scenario: &str) -> Outcome {
        (self.harness.outcome(scenario))
            .with("pennies", self.arrived)
            .with("payments", self.payments)
            .with("frames", self.frames)
            .with("bankers", self.bankers.len())
    }
}

/// Each derives the bank alone; the force close is signed both ways.
fn open(
    record: BankRecord,
    fresh: FreshChain,
    (harness, ends): (&mut Harness<'_>, &Ends),
) -> Result<(Payer, Provider), ScenarioError> {
    let terms = record.check()?;
    let bank = || Bank::new(terms.clone());
    let ((from, ours), (to, theirs)) = (ends.payer, ends.provider);
    let (ours, theirs) = (harness.key(from, ours)?, harness.key(to, theirs)?);
    let (bindings, rng) = harness.draws(from)?;
    let (payer, nonce) = PayerOpening::new(bank()?, ours, fresh, bindings, rng)?;
    let (bindings, rng) = harness.draws(to)?;
    let (provider, answer, share) = ProviderOpening::new(bank()?, theirs, nonce, bindings, rng)?;
    let (payer, share) = payer.finish(answer, share)?;
    Ok((payer.into(), provider.finish(share)?.into()))
}

/// The options of each bank from the first to the last, whose are those given: each earlier one has as much more of D
/// and T as its banker needs.
fn delays(options: &BankOptions, banks: usize) -> Vec<BankOptions> {
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
