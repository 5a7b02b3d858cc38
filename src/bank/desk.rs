//! Both parties of a bank at one desk: wallets, keys, the chain.

use bitcoin::{
    Amount, ScriptBuf,
    hashes::{Hash, sha256},
    hex::DisplayHex,
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{RngCore, SeedableRng, rngs::StdRng},
    },
};
use narthex_contracts::{
    bank::{
        Bank, BankFunding, BankRecord, PAYER, Payer, PayerOpening, Pebbles, Points, Provider,
        ProviderOpening,
    },
    role::Role,
    terms::FeeRate,
};
use narthex_regtest::{Chain, mine_coins};

use super::{BankEvent, BankOutcome, BankReporter, DeskError};
use crate::{
    play::{PartyBalance, Step, TransactionEvent},
    wallet::PartyWallet,
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
            rate: FeeRate(500),
            seed: [0; 32],
        }
    }
}

/// One party's wallet and account.
pub(super) struct Side {
    pub(super) wallet: PartyWallet,
    pub(super) before: Amount,
    pub(super) fees: Amount,
    pub(super) script: ScriptBuf,
}

/// A bank between its two parties, on a chain.
pub struct Desk<'c> {
    pub(super) chain: &'c mut dyn Chain,
    pub(super) reporter: &'c mut dyn BankReporter,
    pub(super) options: DeskOptions,
    pub(super) rng: StdRng,
    pub(super) sides: [Side; 2],
    pub(super) payer: Payer,
    pub(super) provider: Provider,
    /// w_N of the bank in use.
    pub(super) chain_seed: [u8; 32],
    /// What the provider has earned for good, by what the two agreed to or the ladder enforces.
    pub(super) earned: Amount,
    pub(super) rungs: usize,
    pub(super) events: u32,
    pub(super) on_chain: Vec<(String, u64)>,
}

impl<'c> Desk<'c> {
    /// Wallets with coins, terms, and the freeze signed both ways; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &DeskOptions,
        reporter: &'c mut dyn BankReporter,
    ) -> Result<Desk<'c>, DeskError> {
        let mut rng = StdRng::from_seed(options.seed);
        let mut sides = [side("payer", &mut rng)?, side("provider", &mut rng)?];
        for side in &mut sides {
            mine_coins(chain, 3, &side.script, &miner())?;
        }
        for side in &mut sides {
            side.wallet.sync(chain)?;
            side.before = side.wallet.balance();
        }
        let (record, chain_seed) = propose(chain.height()?, options, &mut sides, &mut rng)?;
        let (payer, provider) = open(record, (chain_seed, None), &sides, &mut rng, None)?;
        Ok(Desk {
            chain,
            reporter,
            options: options.clone(),
            rng,
            sides,
            payer,
            provider,
            chain_seed,
            earned: Amount::ZERO,
            rungs: 0,
            events: 0,
            on_chain: Vec::new(),
        })
    }

    /// Opens another bank in place of the one that was prepared or frozen: with these terms and this chain, holding
    /// rungs to `points` if there are any.
    pub(super) fn reopen(
        &mut self,
        record: BankRecord,
        (chain_seed, points): ([u8; 32], Option<Points>),
    ) -> Result<(Payer, Provider), DeskError> {
        let prior = matches!(record.funding, BankFunding::Frozen { .. });
        let prior = prior.then(|| self.payer.bank());
        open(
            record,
            (chain_seed, points),
            &self.sides,
            &mut self.rng,
            prior,
        )
    }

    /// The payer.
    pub fn payer(&mut self) -> &mut Payer {
        &mut self.payer
    }

    /// The provider.
    pub fn provider(&mut self) -> &mut Provider {
        &mut self.provider
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.chain
    }

    /// The random source of the story.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    pub(super) fn side(&mut self, role: Role) -> &mut Side {
        let [payer, provider] = &mut self.sides;
        if role == PAYER { payer } else { provider }
    }

    pub(super) fn key(&self, role: Role) -> Result<SecretKey, DeskError> {
        key(&self.sides, role)
    }

    /// The fee rate of what follows.
    pub fn set_rate(&mut self, rate: FeeRate) {
        self.options.rate = rate;
    }

    /// Mines blocks; the wallets read them.
    pub fn mine(&mut self, blocks: u32) -> Result<(), DeskError> {
        self.chain.mine(blocks, &miner())?;
        self.sync()
    }

    /// The wallets read what they have not seen.
    pub fn sync(&mut self) -> Result<(), DeskError> {
        for side in &mut self.sides {
            side.wallet.sync(self.chain)?;
        }
        Ok(())
    }

    pub(super) fn step(&mut self, who: &str, what: String, why: &str) -> Result<(), DeskError> {
        self.events += 1;
        let event = BankEvent::Step(Step {
            number: self.events,
            who: who.into(),
            what,
            why: why.into(),
            height: self.chain.height()?,
        });
        self.reporter.report(&event);
        Ok(())
    }

    pub(super) fn confirmed(&mut self, mut event: TransactionEvent) {
        self.events += 1;
        event.number = self.events;
        self.on_chain.push((event.name.clone(), event.vbytes));
        self.reporter.report(&BankEvent::Transaction(event));
    }

    /// Balances and figures of the whole life.
    pub fn outcome(&mut self, story: &str) -> Result<BankOutcome, DeskError> {
        let earned = self.earned.to_signed().map_or(i64::MAX, |a| a.to_sat());
        let balance = |side: &Side, party: &str, settlement_sat| PartyBalance {
            party: party.into(),
            before_sat: side.before.to_sat(),
            after_sat: side.wallet.balance().to_sat(),
            settlement_sat,
            fees_sat: side.fees.to_sat(),
        };
        let [payer, provider] = &self.sides;
        let balances = vec![
            balance(payer, "payer", -earned),
            balance(provider, "provider", earned),
        ];
        let outcome = BankOutcome {
            story: story.into(),
            chain: self.chain.name().into(),
            seed: self.options.seed.to_lower_hex_string(),
            pennies: self.provider.paid(),
            rungs: self.rungs,
            transactions: self.on_chain.iter().map(|(name, _)| name.clone()).collect(),
            vbytes: self.on_chain.iter().map(|(_, vbytes)| vbytes).sum(),
            balances,
        };
        let event = BankEvent::Outcome(outcome.clone());
        self.reporter.report(&event);
        Ok(outcome)
    }
}

/// Blocks pay to anybody: nobody's balance changes by them.
pub(super) fn miner() -> ScriptBuf {
    ScriptBuf::new_p2a()
}

fn side(name: &str, rng: &mut StdRng) -> Result<Side, DeskError> {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let mut wallet = PartyWallet::new(name, &seed)?;
    let script = wallet.fresh_script();
    Ok(Side {
        wallet,
        before: Amount::ZERO,
        fees: Amount::ZERO,
        script,
    })
}

fn key(sides: &[Side; 2], role: Role) -> Result<SecretKey, DeskError> {
    let [payer, provider] = sides;
    let side = if role == PAYER { payer } else { provider };
    Ok(side.wallet.contract_key(0)?)
}

/// The payer's proposal, with a fresh chain.
fn propose(
    height: u32,
    options: &DeskOptions,
    sides: &mut [Side; 2],
    rng: &mut StdRng,
) -> Result<(BankRecord, [u8; 32]), DeskError> {
    let secp = Secp256k1::signing_only();
    let public = |role| Ok::<_, DeskError>(PublicKey::from_secret_key(&secp, &key(sides, role)?));
    let (payer, provider) = (public(PAYER)?, public(Role::Worker)?);
    let [a, p] = sides;
    let all = options.value.checked_mul(options.pennies.into());
    // The payer's own output of the last claim.
    let rest = a.script.minimal_non_dust();
    let capacity = all.and_then(|all| all.checked_add(rest));
    let capacity = capacity.ok_or(DeskError::Broken("a bank of more than there is".into()))?;
    let (contribution, _) = a.wallet.contribute(capacity, options.rate)?;
    let (mut salt, mut chain_seed) = ([0; 32], [0; 32]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut chain_seed);
    let mut record = BankRecord {
        payer,
        provider,
        salt: sha256::Hash::from_byte_array(salt),
        pennies: options.pennies,
        value_sat: options.value,
        capacity_sat: capacity,
        tip: sha256::Hash::all_zeros(),
        refund_height: height.saturating_add(options.refund_blocks),
        claim_blocks: options.claim_blocks,
        step: options.step,
        shift: options.shift,
        promises: 0,
        payer_script: a.script.clone(),
        provider_script: p.script.clone(),
        funding: BankFunding::Wallet {
            contribution,
            rate_sat_per_kwu: options.rate,
        },
    };
    // Before the walk down the chain, whose length they bound.
    record.clone().check()?;
    let tip = Pebbles::tip(record.bank(), record.pennies, chain_seed);
    record.tip = sha256::Hash::from_byte_array(tip);
    Ok((record, chain_seed))
}

/// Each derives the bank alone; the freeze is signed both ways.
fn open(
    record: BankRecord,
    (chain_seed, points): ([u8; 32], Option<Points>),
    sides: &[Side; 2],
    rng: &mut StdRng,
    prior: Option<&Bank>,
) -> Result<(Payer, Provider), DeskError> {
    let terms = record.check()?;
    let bank = || match prior {
        None => Bank::new(terms.clone()),
        Some(prior) => Bank::resumed(terms.clone(), prior),
    };
    let key = |role| key(sides, role);
    let (payer, nonce) = PayerOpening::new(bank()?, key(PAYER)?, chain_seed, rng)?;
    let (provider, theirs, share) = ProviderOpening::new(bank()?, key(Role::Worker)?, nonce, rng)?;
    let (payer, share) = payer.finish(theirs, share)?;
    let mut provider = provider.finish(share)?;
    if let Some(points) = points {
        provider.rely_on(points);
    }
    Ok((payer, provider))
}
