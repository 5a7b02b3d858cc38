//! Both parties of a bank on one harness: wallets, keys, logs, the chain.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, Psbt, ScriptBuf, Transaction, Weight,
    hashes::{Hash, sha256},
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{SeedableRng, rngs::StdRng},
    },
};
use narthex_base::codec::Message;
use narthex_channel::{
    bank::{Leaving, Lineage, Payer, Provider},
    log::{Identity, MemoryDisk, MemoryLog},
};
use narthex_contracts::{
    bank::{
        AdaptorCommitments, BankFunding, BankRecord, ChainSeed, FORCE_CLOSE, FreshChain,
        MAX_PENNIES, MIN_CLAIM_BLOCKS, Points, SignedPayer,
    },
    depth::Depth,
    graph::TxGraph,
    terms::{Contribution, FeeRate, FeeRules, Fees},
};
use narthex_game_model::tagged::tagged_hash;
use narthex_regtest::{AcceptedPolicy, Chain, ChainSource};

use super::{
    KeptError,
    keeper::Keeper,
    sides::{Sides, Who},
};
use crate::{
    bindings::FileBindings,
    harness::{
        Harness, HarnessOptions, MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Outcome, Reporter,
        ScenarioError, expect, playable,
    },
};

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

/// Weight of an agreed close, for figures that have no terms yet, and so no graph that plans it. A test holds it to what
/// `Bank::close_plan` says; every close that is made is planned by that.
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

/// A bank between its two parties, on a chain: both sides as machines with logs in memory, driven by the code that drives
/// the banks in folders.
pub struct BankPlay<'c> {
    pub(super) harness: Harness<'c>,
    pub(super) options: BankOptions,
    /// The disk of both.
    disk: MemoryDisk,
    /// Which of the banks behind each other.
    pub(super) number: u32,
    pub(super) sides: Sides<MemoryLog>,
    /// The payer's signer: key and chain of the bank in use.
    pub(super) payer: Option<Payer>,
    /// The same of the bank that goes on, once it is signed.
    pub(super) next_payer: Option<Payer>,
    /// w_N of each bank.
    seeds: BTreeMap<u32, ChainSeed>,
    /// Points that others rely on too.
    pub(super) points: Option<Points>,
    pub(super) commitments: usize,
    /// Why the next transactions are published.
    why: String,
    funding_fee: Amount,
}

impl<'c> BankPlay<'c> {
    /// Wallets with coins, terms, and the force close signed both ways; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &BankOptions,
        reporter: &'c mut dyn Reporter,
    ) -> Result<BankPlay<'c>, ScenarioError> {
        let mut harness = Harness::new(chain, ["payer", "provider"], &options.common, reporter)?;
        let (record, fresh) = propose(&mut harness, options, &ENDS)?;
        let disk = MemoryDisk::default();
        let mut play = BankPlay {
            harness,
            options: options.clone(),
            sides: Sides::open(logs(&disk, 0)?)?,
            disk,
            number: 0,
            payer: None,
            next_payer: None,
            seeds: BTreeMap::new(),
            points: None,
            commitments: 0,
            why: String::new(),
            funding_fee: Amount::ZERO,
        };
        play.sign_force_close(&lineage_of(record)?, fresh, None)?;
        Ok(play)
    }

    /// The payer's signer.
    pub fn payer(&mut self) -> Result<&mut Payer, ScenarioError> {
        let payer = self.payer.as_mut();
        payer.ok_or_else(|| ScenarioError::broken("no payer has signed"))
    }

    /// The provider's book with its key, as its machine stands.
    pub fn provider(&self) -> Result<Provider, ScenarioError> {
        let key = self.key(Who::Provider)?;
        Ok(self.sides.provider_signer(key)?)
    }

    /// The harness.
    pub fn harness(&mut self) -> &mut Harness<'c> {
        &mut self.harness
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.harness.chain()
    }

    /// Balances and figures of the whole life so far.
    pub fn outcome(&self, scenario: &str) -> Outcome {
        (self.harness.outcome(scenario))
            .with("pennies", self.sides.provider.machine().pennies())
            .with("commitments", self.commitments)
    }

    /// Why the next transactions are published.
    pub(super) fn told(&mut self, why: &str) {
        self.why = why.into();
    }

    pub(super) fn logs(&self, number: u32) -> Result<[MemoryLog; 2], KeptError> {
        logs(&self.disk, number)
    }

    pub(super) fn payer_signer(
        &self,
        sides: &Sides<MemoryLog>,
        number: u32,
    ) -> Result<Payer, ScenarioError> {
        let seed = self.seeds.get(&number);
        let seed = seed.ok_or_else(|| ScenarioError::broken("a bank without a chain"))?;
        Ok(sides.payer_signer(self.key(Who::Payer)?, seed)?)
    }

    /// What a transaction of the bank in use is called.
    fn name_of(&self, tx: &Transaction) -> Result<&'static str, KeptError> {
        let (lineage, txid) = (self.sides.lineage()?, Some(tx.compute_txid()));
        let graph = lineage.bank().graph();
        let leaving = |sides: &Sides<MemoryLog>| {
            let payers = sides.payer.machine();
            match payers.left() == Some(tx) {
                true => payers.leaving().copied(),
                false => sides.provider.machine().leaving().copied(),
            }
        };
        Ok(match leaving(&self.sides) {
            _ if graph.txid(TxGraph::FUNDING) == txid => "Bank",
            _ if graph.txid(FORCE_CLOSE) == txid => "ForceClose",
            Some(Leaving::Claim { .. }) => "Claim",
            Some(Leaving::Refund) => "Refund",
            Some(Leaving::TimeoutRefund) => "TimeoutRefund",
            Some(Leaving::Resume { .. }) => "Resume",
            Some(Leaving::Close { .. }) | None => "Close",
        })
    }
}

impl Keeper for BankPlay<'_> {
    type Log = MemoryLog;
    type Rng = StdRng;

    fn sides(&self) -> &Sides<MemoryLog> {
        &self.sides
    }

    fn sides_mut(&mut self) -> &mut Sides<MemoryLog> {
        &mut self.sides
    }

    fn next(&mut self) -> Result<Sides<MemoryLog>, KeptError> {
        Sides::open(self.logs(self.number.saturating_add(1))?)
    }

    fn go_to_next(&mut self) -> Result<bool, KeptError> {
        if self.next_payer.is_none() {
            return Ok(false);
        }
        let next = self.next()?;
        if !next.has_coin(self.harness.chain())? {
            return Ok(false);
        }
        self.sides = next;
        self.number = self.number.saturating_add(1);
        self.payer = self.next_payer.take();
        Ok(true)
    }

    fn chain(&mut self) -> &mut dyn ChainSource {
        self.harness.chain()
    }

    fn look(&mut self) -> Result<(), KeptError> {
        self.sides.look(self.harness.chain(), Depth::LEAST)?;
        Ok(self.harness.sync()?)
    }

    fn asked(&mut self) -> Result<AcceptedPolicy, KeptError> {
        Ok(self.harness.policy().clone())
    }

    fn fee(&self, weight: Weight) -> Result<Amount, KeptError> {
        Ok(self.harness.rate().checked_fee(weight)?)
    }

    fn key(&self, who: Who) -> Result<SecretKey, KeptError> {
        Ok(self.harness.key(place(who), 0)?)
    }

    fn bindings(&mut self, who: Who) -> Result<&mut FileBindings, KeptError> {
        Ok(&mut self.harness.participant(place(who))?.bindings)
    }

    fn rng(&mut self) -> StdRng {
        StdRng::from_seed(self.harness.random())
    }

    fn keep_seed(&mut self, is_next: bool, seed: &ChainSeed) -> Result<(), KeptError> {
        let number = self.number.saturating_add(is_next.into());
        self.seeds.insert(number, seed.clone());
        Ok(())
    }

    fn keep_payer(&mut self, is_next: bool, payer: SignedPayer) {
        let kept = match is_next {
            true => &mut self.next_payer,
            false => &mut self.payer,
        };
        *kept = Some(payer.into());
    }

    fn with_payer<T>(
        &mut self,
        act: impl FnOnce(&mut Payer, &mut StdRng) -> Result<T, KeptError>,
    ) -> Result<T, KeptError> {
        let mut rng = self.rng();
        act(self.payer()?, &mut rng)
    }

    fn sign_funding(&mut self, mut psbt: Psbt) -> Result<Transaction, KeptError> {
        let capacity = self.sides.lineage()?.bank().terms().record().capacity_sat;
        let (tx, fee) = self.harness.sign_funding(0, &mut psbt, capacity)?;
        self.funding_fee = fee;
        Ok(tx)
    }

    fn carry<M: Message>(&mut self, message: M) -> Result<M, KeptError> {
        Ok(self.harness.send("payer", "provider", &message)?)
    }

    /// Whoever relies on published points holds each commitment to them.
    fn taking(&mut self, signed: &AdaptorCommitments) -> Result<(), KeptError> {
        let published = |index| self.points.as_ref().and_then(|points| points.0.get(index));
        for one in &signed.commitments {
            let is_published = published(&one.index).is_none_or(|point| *point == one.point);
            expect(is_published, "a commitment under another point")?;
        }
        self.commitments += signed.commitments.len();
        Ok(())
    }

    fn put_out(&mut self, tx: &Transaction, child_of: Option<Who>) -> Result<(), KeptError> {
        let (name, why) = (self.name_of(tx)?, self.why.clone());
        let why = (name, why.as_str());
        match (child_of, self.sides.payer.machine().leaving()) {
            (Some(who), _) => self.harness.publish(place(who), why, tx)?,
            (None, Some(Leaving::Close { fee_sat, .. })) => {
                let fee = Amount::from_sat(*fee_sat);
                self.harness.submit(0, why, tx, fee)?;
            }
            (None, _) => self.harness.submit(0, why, tx, self.funding_fee)?,
        }
        Ok(())
    }

    /// The harness has mined it.
    fn confirm(&mut self) -> Result<(), KeptError> {
        Ok(())
    }
}

/// Which participant a side is.
const fn place(who: Who) -> usize {
    match who {
        Who::Payer => 0,
        Who::Provider => 1,
    }
}

/// The logs of both sides of a bank.
fn logs(disk: &MemoryDisk, number: u32) -> Result<[MemoryLog; 2], KeptError> {
    let id = tagged_hash("narthex/played-bank", &number.to_be_bytes());
    let log = |who: &str| disk.open(&Identity::new(format!("bank-{who}"), id));
    Ok([log("payer")?, log("provider")?])
}

/// The first of the banks behind each other.
pub(super) fn lineage_of(record: BankRecord) -> Result<Lineage, ScenarioError> {
    Ok(Lineage::new(vec![record.check()?])?)
}

/// Who opens a bank: participants, and the numbers of their keys in it.
pub(super) struct Ends {
    pub(super) payer: (usize, u32),
    pub(super) provider: (usize, u32),
    /// Promises that the bank bears.
    pub(super) promises: u8,
}

/// The two of a bank, between whom no banker stands.
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
