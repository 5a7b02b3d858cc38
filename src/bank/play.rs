//! Both parties of a bank at one play: wallets, keys, the chain.

use crate::harness::{
    Harness, HarnessOptions, MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Outcome, Reporter,
    ScenarioError, playable,
};
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

/// Figures of a bank.
#[derive(Debug, Clone)]
pub struct BankOptions {
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
    /// Fee rate and seed.
    pub common: HarnessOptions,
}

impl Default for BankOptions {
    fn default() -> Self {
        BankOptions {
            pennies: 100_000,
            value: Amount::from_sat(2),
            step: 500,
            shift: 5,
            refund_blocks: 60,
            claim_blocks: 12,
            common: HarnessOptions::default(),
        }
    }
}

impl BankOptions {
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

/// Pennies that every scenario has enough of: the longest pay 2,118, and commitments beyond them are signed.
const SCENARIO_PENNIES: u64 = 5_000;

/// Pennies for each of a step, so that scenarios end before the commitments do.
const SCENARIO_STEPS: u64 = 10;

/// Most pennies to the first commitment: scenarios pay 700 before somebody looks for one.
const SCENARIO_STEP: u64 = 700;

/// Blocks that scenarios need between opening a bank and the height at which its provider force-closes.
const SCENARIO_BLOCKS: u64 = 8;

/// Weight of an agreed close, `docs/contracts/bank.md`.
const CLOSE: Weight = Weight::from_wu(616);

impl BankOptions {
    /// Whether every scenario can be played with these figures. What terms refuse is left to them.
    pub(super) fn check_figures(&self) -> Result<(), ScenarioError> {
        if self.pennies == 0 || self.pennies > MAX_PENNIES || self.claim_blocks < MIN_CLAIM_BLOCKS {
            return Ok(());
        }
        let pennies = self.pennies;
        playable(
            "--step",
            self.step,
            0..=SCENARIO_STEP,
            "since they pay 700 pennies before they look for a commitment",
        )?;
        let least = SCENARIO_PENNIES.max(SCENARIO_STEPS * u64::from(self.step));
        let why = "enough for all their payments, and 10 for each of a step";
        playable("--pennies", pennies, least..=MAX_PENNIES.into(), why)?;
        playable(
            "--shift",
            self.shift,
            3..=255,
            "since commitments so far apart end before the scenarios do",
        )?;
        let claim = u64::from(self.claim_blocks);
        playable(
            "--claim-blocks",
            claim,
            0..=MOST_BLOCKS - SCENARIO_BLOCKS,
            MINED,
        )?;
        let why = "the claim-blocks and 8 more, and at most what can be mined";
        playable(
            "--refund-blocks",
            self.refund_blocks,
            claim + SCENARIO_BLOCKS..=MOST_BLOCKS,
            why,
        )?;
        let all = self.value.to_sat().saturating_mul(pennies.into());
        playable(
            "pennies of this value are in sat",
            all,
            0..=MOST_SAT,
            ONE_COIN,
        )?;
        let fee = self.common.rate.checked_fee(CLOSE)?;
        Ok(Fees::from(self.common.rate).check_share(fee, Amount::from_sat(all))?)
    }
}

/// A bank between its two parties, on a chain.
pub struct BankPlay<'c> {
    pub(super) harness: Harness<'c>,
    pub(super) options: BankOptions,
    pub(super) payer: Payer,
    pub(super) provider: Provider,
    /// w_N of the bank in use.
    pub(super) chain_seed: ChainSeed,
    /// Terms of the banks whose coin it goes on with, from the first.
    pub(super) earlier: Vec<BankTerms>,
    pub(super) commitments: usize,
}

impl<'c> BankPlay<'c> {
    /// Wallets with coins, terms, and the force close signed both ways; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &BankOptions,
        reporter: &'c mut dyn Reporter,
    ) -> Result<BankPlay<'c>, ScenarioError> {
        let mut harness = Harness::new(chain, &["payer", "provider"], &options.common, reporter)?;
        let (record, fresh) = propose(&mut harness, options, &ENDS)?;
        let chain_seed = fresh.seed().clone();
        let (payer, provider) = open(record, (fresh, None), (&mut harness, &ENDS), None)?;
        Ok(BankPlay {
            harness,
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
    ) -> Result<(Payer, Provider), ScenarioError> {
        let prior = matches!(record.funding, BankFunding::ForceClosed { .. });
        let prior = prior.then(|| self.payer.bank());
        let ends = (&mut self.harness, &ENDS);
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

    /// The harness.
    pub fn harness(&mut self) -> &mut Harness<'c> {
        &mut self.harness
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.harness.chain()
    }

    pub(super) fn key(&self, party: PartyName) -> Result<SecretKey, ScenarioError> {
        Ok(self.harness.key(participant(party), 0)?)
    }

    /// Balances and figures of the whole life so far.
    pub fn outcome(&self, scenario: &str) -> Outcome {
        (self.harness.outcome(scenario))
            .with("pennies", self.provider.paid())
            .with("commitments", self.commitments)
    }
}

/// Where a party sits.
pub(super) fn participant(party: PartyName) -> usize {
    match party {
        PAYER => 0,
        _ => 1,
    }
}

/// Who opens a bank: participants, and the numbers of their keys in it.
pub(super) struct Ends {
    pub(super) payer: (usize, u32),
    pub(super) provider: (usize, u32),
    /// Promises that the bank bears.
    pub(super) promises: u8,
}

/// The two at a play, between whom no banker stands.
const ENDS: Ends = Ends {
    payer: (0, 0),
    provider: (1, 0),
    promises: 0,
};

/// The payer's proposal, with a fresh chain.
pub(super) fn propose(
    harness: &mut Harness<'_>,
    options: &BankOptions,
    ends: &Ends,
) -> Result<(BankRecord, FreshChain), ScenarioError> {
    let height = harness.chain().height()?;
    let secp = Secp256k1::signing_only();
    let public = |key: SecretKey| PublicKey::from_secret_key(&secp, &key);
    let ((from, ours), (to, theirs)) = (ends.payer, ends.provider);
    let keys = [
        public(harness.key(from, ours)?),
        public(harness.key(to, theirs)?),
    ];
    let provider_script = harness.participant(to)?.script.clone();
    let policy = harness.policy().clone();
    let a = harness.participant(from)?;
    let scripts = [a.script.clone(), provider_script];
    let capacity = options.capacity(&a.script);
    let capacity = capacity.ok_or_else(|| ScenarioError::broken("a bank of more than there is"))?;
    let (contribution, _) = a
        .wallet
        .contribute(capacity, options.common.rate, &policy)?;
    let fresh = FreshChain::draw(harness.rng());
    let model = BankRecord {
        promises: ends.promises,
        ..options.record(
            keys,
            scripts,
            height,
            (capacity, contribution, options.common.rate),
        )
    };
    Ok((fresh.name(model)?, fresh))
}

/// Each derives the bank alone; the force close is signed both ways.
pub(super) fn open(
    record: BankRecord,
    (fresh, points): (FreshChain, Option<Points>),
    (harness, ends): (&mut Harness<'_>, &Ends),
    prior: Option<&Bank>,
) -> Result<(Payer, Provider), ScenarioError> {
    let terms = record.check()?;
    let bank = || match prior {
        None => Bank::new(terms.clone()),
        Some(prior) => Bank::resumed(terms.clone(), prior),
    };
    let ((from, ours), (to, theirs)) = (ends.payer, ends.provider);
    let (ours, theirs) = (harness.key(from, ours)?, harness.key(to, theirs)?);
    let (bindings, rng) = harness.draws(from)?;
    let (payer, nonce) = PayerOpening::new(bank()?, ours, fresh, bindings, rng)?;
    let (bindings, rng) = harness.draws(to)?;
    let (provider, answer, share) = ProviderOpening::new(bank()?, theirs, nonce, bindings, rng)?;
    let (payer, share) = payer.finish(answer, share)?;
    let mut provider = Provider::from(provider.finish(share)?);
    if let Some(points) = points {
        provider.rely_on(points);
    }
    Ok((payer.into(), provider))
}
