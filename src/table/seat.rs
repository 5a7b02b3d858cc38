//! Who sits at the table, and their accounts.

use std::{collections::BTreeMap, path::PathBuf};

use bitcoin::{
    Amount, ScriptBuf, SignedAmount, Txid,
    hex::DisplayHex,
    secp256k1::{
        SecretKey,
        rand::{RngCore, SeedableRng, rngs::StdRng},
    },
};
use narthex_contracts::{
    graph::SpendPlan,
    terms::{FeeRate, FeeRules},
};
use narthex_regtest::{AcceptedPolicy, Chain, mine_coins};

use super::{
    PartyBalance, Step, TableError, TableEvent, TableOutcome, TableReporter, TransactionEvent,
    miner,
};
use crate::{
    bindings::FileBindings,
    disk::{TempDir, temporary_folder},
    wallet::PartyWallet,
};

/// What holds for any small contract that is played.
#[derive(Debug, Clone)]
pub struct TableOptions {
    /// Fee rate of fundings and of the children that pay for all else.
    pub rate: FeeRate,
    /// Everything random follows from it.
    pub seed: [u8; 32],
}

/// One party's wallet and account.
pub struct Seat {
    /// What it is called.
    pub name: String,
    /// Its wallet.
    pub wallet: PartyWallet,
    /// Where it is paid.
    pub script: ScriptBuf,
    /// Its record of what it has bound, in a file of the table's.
    pub bindings: FileBindings,
    before: Amount,
    fees: Amount,
    earned: SignedAmount,
}

/// Parties with their wallets, on a chain.
pub struct Table<'c> {
    pub(super) chain: &'c mut dyn Chain,
    reporter: &'c mut dyn TableReporter,
    rng: StdRng,
    options: TableOptions,
    pub(super) seats: Vec<Seat>,
    events: u32,
    on_chain: Vec<(String, u64)>,
    policy: AcceptedPolicy,
    /// Holds the parties' records; goes with the table.
    folder: TempDir,
}

impl<'c> Table<'c> {
    /// Wallets with three coins each, of 50 BTC where the chain is young.
    pub fn new(
        chain: &'c mut dyn Chain,
        names: &[&str],
        options: TableOptions,
        reporter: &'c mut dyn TableReporter,
    ) -> Result<Table<'c>, TableError> {
        options.rate.check()?;
        let mut rng = StdRng::from_seed(options.seed);
        let folder = temporary_folder("narthex-records-", None).map_err(TableError::Folder)?;
        let mut seats = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            let mut wallet = PartyWallet::new(name, &seed)?;
            seats.push(Seat {
                name: (*name).into(),
                script: wallet.fresh_script(),
                wallet,
                bindings: FileBindings::open(&record_path(&folder, index))?,
                before: Amount::ZERO,
                fees: Amount::ZERO,
                earned: SignedAmount::ZERO,
            });
        }
        // What ripens the last party's coins ripens all.
        if let Some((last, others)) = seats.split_last() {
            for seat in others {
                chain.mine(3, &seat.script)?;
            }
            mine_coins(chain, 3, &last.script, &miner())?;
        }
        for seat in &mut seats {
            seat.wallet.sync(chain)?;
            seat.before = seat.wallet.balance();
        }
        // Before a contract is proposed, let alone funded.
        let first = seats.first();
        let first = first.ok_or_else(|| TableError::Broken("a table without parties".into()))?;
        let policy = first.wallet.probe(chain, options.rate)?;
        Ok(Table {
            chain,
            reporter,
            rng,
            options,
            seats,
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

    /// The random source of the story.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.rng
    }

    /// A party's record of what it has bound, and the random source of the story.
    pub fn draws(&mut self, seat: usize) -> Result<(&mut FileBindings, &mut StdRng), TableError> {
        let taken = self.seats.len();
        match self.seats.get_mut(seat) {
            Some(found) => Ok((&mut found.bindings, &mut self.rng)),
            None => Err(TableError::Broken(format!("seat {seat} of {taken}"))),
        }
    }

    /// All parties drop their records of bindings and open them again, as after a crash.
    pub fn reopen(&mut self) -> Result<(), TableError> {
        for index in 0..self.seats.len() {
            // A record is locked while it is open: it makes room before it is opened anew.
            let aside = self.folder.path().join("aside");
            let aside = FileBindings::open(&aside)?;
            let path = record_path(&self.folder, index);
            drop(std::mem::replace(&mut self.seat(index)?.bindings, aside));
            self.seat(index)?.bindings = FileBindings::open(&path)?;
        }
        Ok(())
    }

    /// 32 random bytes of the story.
    pub fn random(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A party, by its place in the list of names.
    pub fn seat(&mut self, seat: usize) -> Result<&mut Seat, TableError> {
        let taken = self.seats.len();
        (self.seats.get_mut(seat))
            .ok_or_else(|| TableError::Broken(format!("seat {seat} of {taken}")))
    }

    /// A contract key of a party's.
    pub fn key(&self, seat: usize, index: u32) -> Result<SecretKey, TableError> {
        let seat = self.seats.get(seat);
        let seat = seat.ok_or_else(|| TableError::Broken("nobody has this key".into()))?;
        Ok(seat.wallet.contract_key(index)?)
    }

    /// The fee rate in force.
    pub fn rate(&self) -> FeeRate {
        self.options.rate
    }

    /// The fee, at the rate in force, of a transaction that takes this.
    pub fn fee(&self, plan: &SpendPlan) -> Result<Amount, TableError> {
        Ok(self.rate().checked_fee(plan.weight)?)
    }

    /// The fee rate of what follows.
    pub fn set_rate(&mut self, rate: FeeRate) {
        self.options.rate = rate;
    }

    /// Mines blocks; the wallets read them.
    pub fn mine(&mut self, blocks: u32) -> Result<(), TableError> {
        self.chain.mine(blocks, &miner())?;
        self.sync()
    }

    /// The wallets read what they have not seen.
    pub fn sync(&mut self) -> Result<(), TableError> {
        for seat in &mut self.seats {
            seat.wallet.sync(self.chain)?;
        }
        Ok(())
    }

    /// Mines until the next block is at `height`.
    pub fn wait_for(&mut self, height: u32) -> Result<(), TableError> {
        let next = self.chain.height()?.saturating_add(1);
        self.mine(height.saturating_sub(next))
    }

    /// Height of the block that holds a transaction, if one does.
    pub fn confirmed_at(&mut self, txid: Txid) -> Result<Option<u32>, TableError> {
        Ok(self.chain.transaction(txid)?.and_then(|(_, height)| height))
    }

    /// Books what a party gained by the contract, or lost if negative; fees are not counted in it.
    pub fn earn(&mut self, seat: usize, gain: SignedAmount) -> Result<(), TableError> {
        let seat = self.seat(seat)?;
        let sum = seat.earned.checked_add(gain);
        seat.earned = sum.ok_or_else(|| TableError::Broken("a gain beyond all money".into()))?;
        Ok(())
    }

    /// Books that `from` paid `to` by the contract.
    pub fn moved(&mut self, from: usize, to: usize, amount: Amount) -> Result<(), TableError> {
        let gain = amount.to_signed();
        let gain = gain.map_err(|e| TableError::Broken(e.to_string()))?;
        self.earn(from, -gain)?;
        self.earn(to, gain)
    }

    pub(super) fn paid_fee(&mut self, seat: usize, fee: Amount) -> Result<(), TableError> {
        self.seat(seat)?.fees += fee;
        Ok(())
    }

    /// Reports a move off the chain.
    pub fn step(&mut self, who: &str, what: String, why: &str) -> Result<(), TableError> {
        self.events += 1;
        let event = TableEvent::Step(Step {
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
        self.reporter.report(&TableEvent::Transaction(event));
    }

    /// Balances and transactions of the whole story so far.
    pub fn outcome(&self, story: &str) -> TableOutcome {
        let balance = |seat: &Seat| PartyBalance {
            party: seat.name.clone(),
            before_sat: seat.before.to_sat(),
            after_sat: seat.wallet.balance().to_sat(),
            settlement_sat: seat.earned.to_sat(),
            fees_sat: seat.fees.to_sat(),
        };
        TableOutcome {
            story: story.into(),
            chain: self.chain.name().into(),
            seed: self.options.seed.to_lower_hex_string(),
            figures: BTreeMap::new(),
            transactions: self.on_chain.iter().map(|(name, _)| name.clone()).collect(),
            vbytes: self.on_chain.iter().map(|(_, vbytes)| vbytes).sum(),
            balances: self.seats.iter().map(balance).collect(),
        }
    }

    /// Reports the end.
    pub fn end(&mut self, outcome: TableOutcome) -> TableOutcome {
        let event = TableEvent::Outcome(outcome.clone());
        self.reporter.report(&event);
        outcome
    }
}

fn record_path(folder: &TempDir, seat: usize) -> PathBuf {
    folder.path().join(format!("bindings-{seat}"))
}
