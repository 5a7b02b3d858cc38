//! Who sits in the play, and their accounts.

use std::{collections::BTreeMap, path::PathBuf};

use bitcoin::{
    Amount, OutPoint, ScriptBuf, SignedAmount, Transaction, Txid,
    hex::DisplayHex,
    secp256k1::{
        SecretKey,
        rand::{RngCore, SeedableRng, rngs::StdRng},
    },
};
use narthex_channel::CoinSeen;
use narthex_contracts::{
    graph::SpendPlan,
    terms::{FeeRate, FeeRules},
};
use narthex_regtest::{AcceptedPolicy, Chain, OutputStatus, mine_coins};

use super::{
    Event, Outcome, PartyBalance, Reporter, ScenarioError, Step, TransactionEvent, miner,
    network::Network,
};
use crate::{
    bindings::FileBindings,
    disk::{TempDir, temporary_folder},
    wallet::PartyWallet,
};

/// What holds for any contract that is played.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HarnessOptions {
    /// Fee rate of fundings and of the children that pay for all else.
    pub rate: FeeRate,
    /// Everything random follows from it.
    pub seed: [u8; 32],
}

impl Default for HarnessOptions {
    fn default() -> Self {
        Self::seeded([0; 32])
    }
}

impl HarnessOptions {
    /// At the usual rate, 2 sat/vB.
    pub fn seeded(seed: [u8; 32]) -> Self {
        let rate = FeeRate::from_sat_per_kwu(500);
        Self { rate, seed }
    }

    /// The same at this fee rate.
    #[must_use]
    pub fn at(self, rate: FeeRate) -> Self {
        Self { rate, ..self }
    }
}

/// One party's wallet and account.
pub struct Participant {
    /// What it is called.
    pub name: String,
    /// Its wallet.
    pub wallet: PartyWallet,
    /// Where it is paid.
    pub script: ScriptBuf,
    /// Its record of what it has bound, in a file of the harness's.
    pub bindings: FileBindings,
    before: Amount,
    fees: Amount,
    earned: SignedAmount,
}

/// Parties with their wallets, on a chain.
pub struct Harness<'c> {
    pub(super) chain: &'c mut dyn Chain,
    reporter: &'c mut dyn Reporter,
    rng: StdRng,
    options: HarnessOptions,
    pub(super) participants: Vec<Participant>,
    pub(super) network: Network,
    events: u32,
    on_chain: Vec<(String, u64)>,
    policy: AcceptedPolicy,
    /// Holds the parties' records; goes with the harness.
    folder: TempDir,
}

impl<'c> Harness<'c> {
    /// Wallets with three coins each, of 50 BTC where the chain is young.
    pub fn new(
        chain: &'c mut dyn Chain,
        names: impl IntoIterator<Item = impl ToString>,
        options: &HarnessOptions,
        reporter: &'c mut dyn Reporter,
    ) -> Result<Harness<'c>, ScenarioError> {
        options.rate.check()?;
        let mut rng = StdRng::from_seed(options.seed);
        let folder = temporary_folder("narthex-records-", None).map_err(ScenarioError::Folder)?;
        let mut participants = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            let name = name.to_string();
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            let mut wallet = PartyWallet::new(&name, &seed)?;
            participants.push(Participant {
                name,
                script: wallet.fresh_script(),
                wallet,
                bindings: FileBindings::open(&record_path(&folder, index))?,
                before: Amount::ZERO,
                fees: Amount::ZERO,
                earned: SignedAmount::ZERO,
            });
        }
        // What ripens the last party's coins ripens all.
        if let Some((last, others)) = participants.split_last() {
            for participant in others {
                chain.mine(3, &participant.script)?;
            }
            mine_coins(chain, 3, &last.script, &miner())?;
        }
        for participant in &mut participants {
            participant.wallet.sync(chain)?;
            participant.before = participant.wallet.balance();
        }
        // Before a contract is proposed, let alone funded.
        let first = participants.first();
        let first =
            first.ok_or_else(|| ScenarioError::Broken("a play without participants".into()))?;
        let policy = first.wallet.probe(chain, options.rate)?;
        Ok(Harness {
            chain,
            reporter,
            rng,
            options: options.clone(),
            participants,
            network: Network::default(),
            events: 0,
            on_chain: Vec::new(),
            policy,
            folder,
        })
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.chain
    }

    /// That the chain takes what contracts end with, which whoever funds must show.
    pub fn policy(&self) -> &AcceptedPolicy {
        &self.policy
    }

    /// The random source of the scenario.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    /// A party's record of what it has bound, and the random source of the scenario.
    pub fn draws(
        &mut self,
        participant: usize,
    ) -> Result<(&mut FileBindings, &mut StdRng), ScenarioError> {
        let taken = self.participants.len();
        match self.participants.get_mut(participant) {
            Some(found) => Ok((&mut found.bindings, &mut self.rng)),
            None => Err(ScenarioError::Broken(format!(
                "participant {participant} of {taken}"
            ))),
        }
    }

    /// All parties drop their records of bindings and open them again, as after a crash.
    pub fn reopen(&mut self) -> Result<(), ScenarioError> {
        for index in 0..self.participants.len() {
            // A record is locked while it is open: it makes room before it is opened anew.
            let aside = self.folder.path().join("aside");
            let aside = FileBindings::open(&aside)?;
            let path = record_path(&self.folder, index);
            drop(std::mem::replace(
                &mut self.participant(index)?.bindings,
                aside,
            ));
            self.participant(index)?.bindings = FileBindings::open(&path)?;
        }
        Ok(())
    }

    /// 32 random bytes of the scenario.
    pub fn random(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A party, by its place in the list of names.
    pub fn participant(&mut self, participant: usize) -> Result<&mut Participant, ScenarioError> {
        let taken = self.participants.len();
        (self.participants.get_mut(participant))
            .ok_or_else(|| ScenarioError::Broken(format!("participant {participant} of {taken}")))
    }

    /// A contract key of a party's.
    pub fn key(&self, participant: usize, index: u32) -> Result<SecretKey, ScenarioError> {
        let participant = self.participants.get(participant);
        let participant =
            participant.ok_or_else(|| ScenarioError::Broken("nobody has this key".into()))?;
        Ok(participant.wallet.contract_key(index)?)
    }

    /// The fee rate in force.
    pub fn rate(&self) -> FeeRate {
        self.options.rate
    }

    /// The fee, at the rate in force, of a transaction that takes this.
    pub fn fee(&self, plan: &SpendPlan) -> Result<Amount, ScenarioError> {
        Ok(self.rate().checked_fee(plan.weight)?)
    }

    /// The fee rate of what follows.
    pub fn set_rate(&mut self, rate: FeeRate) {
        self.options.rate = rate;
    }

    /// Mines blocks; the wallets read them.
    pub fn mine(&mut self, blocks: u32) -> Result<(), ScenarioError> {
        self.chain.mine(blocks, &miner())?;
        self.sync()
    }

    /// The wallets read what they have not seen.
    pub fn sync(&mut self) -> Result<(), ScenarioError> {
        for participant in &mut self.participants {
            participant.wallet.sync(self.chain)?;
        }
        Ok(())
    }

    /// Mines until the next block is at `height`.
    pub fn wait_for(&mut self, height: u32) -> Result<(), ScenarioError> {
        let next = self.chain.height()?.saturating_add(1);
        self.mine(height.saturating_sub(next))
    }

    /// Height of the block that holds a transaction, if one does.
    pub fn confirmed_at(&mut self, txid: Txid) -> Result<Option<u32>, ScenarioError> {
        Ok(self.chain.transaction(txid)?.and_then(|(_, height)| height))
    }

    /// The transaction in a block that spends an output, and the height of that block.
    ///
    /// # Errors
    /// [`ScenarioError::Broken`] if none does.
    pub(crate) fn spent_by(
        &mut self,
        outpoint: OutPoint,
    ) -> Result<(u32, Transaction), ScenarioError> {
        let spender = self.chain.spender(outpoint)?;
        let confirmed = spender.and_then(|by| Some((by.height?, by.tx)));
        confirmed.ok_or_else(|| ScenarioError::broken(format!("{outpoint} is not spent")))
    }

    /// Where the chain has a coin.
    ///
    /// # Errors
    /// Those of the chain.
    pub(crate) fn seen(&mut self, outpoint: OutPoint) -> Result<CoinSeen, ScenarioError> {
        Ok(match self.chain.output_status(outpoint)? {
            OutputStatus::Unspent { height, .. } => CoinSeen::Locked { height },
            OutputStatus::Missing | OutputStatus::Waiting { .. } => CoinSeen::Unfunded,
            OutputStatus::Spent { .. } => {
                let (height, tx) = self.spent_by(outpoint)?;
                let by = tx.compute_txid();
                CoinSeen::Spent { height, by }
            }
        })
    }

    /// Books what a party gained by the contract, or lost if negative; fees are not counted in it.
    pub fn earn(&mut self, participant: usize, gain: SignedAmount) -> Result<(), ScenarioError> {
        let participant = self.participant(participant)?;
        let sum = participant.earned.checked_add(gain);
        participant.earned =
            sum.ok_or_else(|| ScenarioError::Broken("a gain beyond all money".into()))?;
        Ok(())
    }

    /// Books that `from` paid `to` by the contract.
    pub fn moved(&mut self, from: usize, to: usize, amount: Amount) -> Result<(), ScenarioError> {
        let gain = amount.to_signed();
        let gain = gain.map_err(|e| ScenarioError::Broken(e.to_string()))?;
        self.earn(from, -gain)?;
        self.earn(to, gain)
    }

    pub(super) fn paid_fee(
        &mut self,
        participant: usize,
        fee: Amount,
    ) -> Result<(), ScenarioError> {
        self.participant(participant)?.fees += fee;
        Ok(())
    }

    /// Reports a move off the chain.
    pub fn step(&mut self, who: &str, what: String, why: &str) -> Result<(), ScenarioError> {
        self.events += 1;
        let event = Event::Step(Step {
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
        self.reporter.report(&Event::Transaction(event));
    }

    /// Balances and transactions of the whole scenario so far.
    pub fn outcome(&self, scenario: &str) -> Outcome {
        let balance = |participant: &Participant| PartyBalance {
            party: participant.name.clone(),
            before_sat: participant.before.to_sat(),
            after_sat: participant.wallet.balance().to_sat(),
            settlement_sat: participant.earned.to_sat(),
            fees_sat: participant.fees.to_sat(),
        };
        Outcome {
            scenario: scenario.into(),
            chain: self.chain.name().into(),
            seed: self.options.seed.to_lower_hex_string(),
            figures: BTreeMap::from([
                ("messages_sent".into(), self.network.messages.into()),
                ("bytes_sent".into(), self.network.bytes.into()),
            ]),
            transactions: self.on_chain.iter().map(|(name, _)| name.clone()).collect(),
            vbytes: self.on_chain.iter().map(|(_, vbytes)| vbytes).sum(),
            balances: self.participants.iter().map(balance).collect(),
        }
    }

    /// Reports the end.
    pub fn end(&mut self, outcome: Outcome) -> Outcome {
        let event = Event::Outcome(outcome.clone());
        self.reporter.report(&event);
        outcome
    }
}

fn record_path(folder: &TempDir, participant: usize) -> PathBuf {
    folder.path().join(format!("bindings-{participant}"))
}
