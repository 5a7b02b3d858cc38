//! Both parties of a bank at one desk: wallets, keys, the chain.

use bitcoin::{
    Amount, ScriptBuf, Weight,
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_channel::bank::{Payer, Provider};
use narthex_contracts::{
    bank::{
        Bank, BankFunding, BankRecord, BankTerms, ChainSeed, FreshChain, MAX_PENNIES,
        MIN_CLAIM_BLOCKS, PAYER, PayerOpening, Points, ProviderOpening,
    },
    party::PartyName,
    terms::{Contribution, FeeRate, FeeRules, Fees},
};
use narthex_regtest::Chain;

use super::DeskError;
use crate::table::{
    MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Table, TableOptions, TableOutcome, TableReporter,
    playable,
};

/// Figures of a bank.
#[derive(Debug, Clone)]
pub struct DeskOptions {
    /// Number of pennies.
    pub pennies: u32,
    /// What one is worth.
    pub value: Amount,
    /// Pennies that may be unenforceable.
    pub step: u32,
    /// And the 2^shift-th part of what is enforced.
    pub shift: u8,
    /// Blocks from the opening until T.
    pub refund_blocks: u32,
    /// D.
    pub claim_blocks: u16,
    /// Fee rate of the funding and of the children that pay for all else.
    pub rate: FeeRate,
    /// Everything random follows from it.
    pub seed: [u8; 32],
}

impl Default for DeskOptions {
    fn default() -> Self {
        DeskOptions {
            pennies: 100_000,
            value: Amount::from_sat(2),
            step: 500,
            shift: 5,
            refund_blocks: 60,
            claim_blocks: 12,
            rate: FeeRate::from_sat_per_kwu(500),
            seed: [0; 32],
        }
    }
}

impl DeskOptions {
    /// What the coin of such a bank holds: all pennies, and the payer's own output of the last claim. `None`: more than
    /// can be counted.
    pub(super) fn capacity(&self, payer_script: &ScriptBuf) -> Option<Amount> {
        let all = self.value.checked_mul(self.pennies.into())?;
        all.checked_add(payer_script.minimal_non_dust())
    }

    /// The record of such a bank, without promises; salt and tip are for the payer to name. Keys and scripts are the
    /// payer's and then the provider's.
    pub(super) fn record(
        &self,
        [payer, provider]: [PublicKey; 2],
        [payer_script, provider_script]: [ScriptBuf; 2],
        height: u32,
        (capacity, contribution, rate): (Amount, Contribution, FeeRate),
    ) -> BankRecord {
        BankRecord {
            payer,
            provider,
            salt: sha256::Hash::all_zeros(),
            pennies: self.pennies,
            value_sat: self.value,
            capacity_sat: capacity,
            chain_root: sha256::Hash::all_zeros(),
            refund_height: height.saturating_add(self.refund_blocks),
            claim_blocks: self.claim_blocks,
            step: self.step,
            shift: self.shift,
            promises: 0,
            payer_script,
            provider_script,
            funding: BankFunding::Wallet {
                contribution,
                rate_sat_per_kwu: rate,
            },
        }
    }
}

/// Pennies that every story has enough of: the longest pay 2,118, and commitments beyond them are signed.
const STORY_PENNIES: u64 = 5_000;

/// Pennies for each of a step, so that stories end before the commitments do.
const STORY_STEPS: u64 = 10;

/// Most pennies to the first commitment: stories pay 700 before somebody looks for one.
const STORY_STEP: u64 = 700;

/// Blocks that stories need between opening a bank and the height at which its provider force-closes.
const STORY_BLOCKS: u64 = 8;

/// Weight of an agreed close, `docs/contracts/bank.md`.
const CLOSE: Weight = Weight::from_wu(616);

impl DeskOptions {
    /// Whether every story can be played with these figures. What terms refuse is left to them.
    pub(super) fn check(&self) -> Result<(), DeskError> {
        if self.pennies == 0 || self.pennies > MAX_PENNIES || self.claim_blocks < MIN_CLAIM_BLOCKS {
            return Ok(());
        }
        let pennies = self.pennies;
        playable(
            "--step",
            self.step,
            0..=STORY_STEP,
            "since they pay 700 pennies before they look for a commitment",
        )?;
        let least = STORY_PENNIES.max(STORY_STEPS * u64::from(self.step));
        let why = "enough for all their payments, and 10 for each of a step";
        playable("--pennies", pennies, least..=MAX_PENNIES.into(), why)?;
        playable(
            "--shift",
            self.shift,
            3..=255,
            "since commitments so far apart end before the stories do",
        )?;
        let claim = u64::from(self.claim_blocks);
        playable(
            "--claim-blocks",
            claim,
            0..=MOST_BLOCKS - STORY_BLOCKS,
            MINED,
        )?;
        let why = "the claim-blocks and 8 more, and at most what can be mined";
        playable(
            "--refund-blocks",
            self.refund_blocks,
            claim + STORY_BLOCKS..=MOST_BLOCKS,
            why,
        )?;
        let all = self.value.to_sat().saturating_mul(pennies.into());
        playable(
            "pennies of this value are in sat",
            all,
            0..=MOST_SAT,
            ONE_COIN,
        )?;
        let fee = self.rate.checked_fee(CLOSE)?;
        Ok(Fees::from(self.rate).check_share(fee, Amount::from_sat(all))?)
    }
}

/// A bank between its two parties, on a chain.
pub struct Desk<'c> {
    pub(super) table: Table<'c>,
    pub(super) options: DeskOptions,
    pub(super) payer: Payer,
    pub(super) provider: Provider,
    /// w_N of the bank in use.
    pub(super) chain_seed: ChainSeed,
    /// Terms of the banks whose coin it goes on with, from the first.
    pub(super) earlier: Vec<BankTerms>,
    pub(super) commitments: usize,
}

impl<'c> Desk<'c> {
    /// Wallets with coins, terms, and the force close signed both ways; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &DeskOptions,
        reporter: &'c mut dyn TableReporter,
    ) -> Result<Desk<'c>, DeskError> {
        let common = TableOptions {
            rate: options.rate,
            seed: options.seed,
        };
        let mut table = Table::new(chain, &["payer", "provider"], common, reporter)?;
        let (record, fresh) = propose(&mut table, options, &DESK)?;
        let chain_seed = fresh.seed().clone();
        let (payer, provider) = open(record, (fresh, None), (&mut table, &DESK), None)?;
        Ok(Desk {
            table,
            options: options.clone(),
            payer,
            provider,
            chain_seed,
            earlier: Vec::new(),
            commitments: 0,
        })
    }

    /// Opens another bank in place of the one that was prepared or force-closed: with these terms and this chain, holding
    /// commitments to `points` if there are any.
    pub(super) fn reopen(
        &mut self,
        record: BankRecord,
        (fresh, points): (FreshChain, Option<Points>),
    ) -> Result<(Payer, Provider), DeskError> {
        let prior = matches!(record.funding, BankFunding::ForceClosed { .. });
        let prior = prior.then(|| self.payer.bank());
        let ends = (&mut self.table, &DESK);
        open(record, (fresh, points), ends, prior)
    }

    /// The payer.
    pub fn payer(&mut self) -> &mut Payer {
        &mut self.payer
    }

    /// The provider.
    pub fn provider(&mut self) -> &mut Provider {
        &mut self.provider
    }

    /// The table that both sit at.
    pub fn table(&mut self) -> &mut Table<'c> {
        &mut self.table
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.table.chain()
    }

    pub(super) fn key(&self, party: PartyName) -> Result<SecretKey, DeskError> {
        Ok(self.table.key(seat(party), 0)?)
    }

    /// Balances and figures of the whole life so far.
    pub fn outcome(&self, story: &str) -> TableOutcome {
        (self.table.outcome(story))
            .with("pennies", self.provider.paid())
            .with("commitments", self.commitments)
    }

    /// Reports the end.
    pub(super) fn end(&mut self, story: &str) -> TableOutcome {
        let outcome = self.outcome(story);
        self.table.end(outcome)
    }
}

/// Where a party sits.
pub(super) fn seat(party: PartyName) -> usize {
    match party {
        PAYER => 0,
        _ => 1,
    }
}

/// Who opens a bank: seats, and the numbers of their keys in it.
pub(super) struct Ends {
    pub(super) payer: (usize, u32),
    pub(super) provider: (usize, u32),
    /// Promises that the bank bears.
    pub(super) promises: u8,
}

/// The two at a desk, between whom no banker stands.
const DESK: Ends = Ends {
    payer: (0, 0),
    provider: (1, 0),
    promises: 0,
};

/// The payer's proposal, with a fresh chain.
pub(super) fn propose(
    table: &mut Table<'_>,
    options: &DeskOptions,
    ends: &Ends,
) -> Result<(BankRecord, FreshChain), DeskError> {
    let height = table.chain().height()?;
    let secp = Secp256k1::signing_only();
    let public = |key: SecretKey| PublicKey::from_secret_key(&secp, &key);
    let ((from, ours), (to, theirs)) = (ends.payer, ends.provider);
    let keys = [
        public(table.key(from, ours)?),
        public(table.key(to, theirs)?),
    ];
    let provider_script = table.seat(to)?.script.clone();
    let policy = table.policy().clone();
    let a = table.seat(from)?;
    let scripts = [a.script.clone(), provider_script];
    let capacity = options.capacity(&a.script);
    let capacity = capacity.ok_or_else(|| DeskError::broken("a bank of more than there is"))?;
    let (contribution, _) = a.wallet.contribute(capacity, options.rate, &policy)?;
    let fresh = FreshChain::draw(table.rng());
    let model = BankRecord {
        promises: ends.promises,
        ..options.record(
            keys,
            scripts,
            height,
            (capacity, contribution, options.rate),
        )
    };
    Ok((fresh.name(model)?, fresh))
}

/// Each derives the bank alone; the force close is signed both ways.
pub(super) fn open(
    record: BankRecord,
    (fresh, points): (FreshChain, Option<Points>),
    (table, ends): (&mut Table<'_>, &Ends),
    prior: Option<&Bank>,
) -> Result<(Payer, Provider), DeskError> {
    let terms = record.check()?;
    let bank = || match prior {
        None => Bank::new(terms.clone()),
        Some(prior) => Bank::resumed(terms.clone(), prior),
    };
    let ((from, ours), (to, theirs)) = (ends.payer, ends.provider);
    let (ours, theirs) = (table.key(from, ours)?, table.key(to, theirs)?);
    let (bindings, rng) = table.draws(from)?;
    let (payer, nonce) = PayerOpening::new(bank()?, ours, fresh, bindings, rng)?;
    let (bindings, rng) = table.draws(to)?;
    let (provider, answer, share) = ProviderOpening::new(bank()?, theirs, nonce, bindings, rng)?;
    let (payer, share) = payer.finish(answer, share)?;
    let mut provider = Provider::from(provider.finish(share)?);
    if let Some(points) = points {
        provider.rely_on(points);
    }
    Ok((payer.into(), provider))
}
