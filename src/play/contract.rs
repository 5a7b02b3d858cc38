//! The chain, the parties and what they know at any moment of a play.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, ScriptBuf, Transaction,
    hex::DisplayHex,
    secp256k1::rand::{SeedableRng, rngs::StdRng},
};
use narthex_contracts::{
    graph::{NodeName, TxGraph},
    terms::{FeeRate, Role, Terms},
};
use narthex_game_model::{Outcome as Settlement, ruling::Row};
use narthex_regtest::Chain;
use std::sync::Arc;

use super::{
    ContractParticipant, Event, Outcome, PlayError, PlayOptions, Settled, event::DecryptedResult,
    panel::PanelSecret, records::Records, workshop::Workshop,
};
use crate::{
    harness::{Reporter, Scenario, Step, TransactionEvent},
    job::StageJob,
    wallet::PartyWallet,
};

/// How a script ended: the transaction that settled, and the row of the settlement table that it pays.
pub struct Ending {
    /// Row of the table.
    pub(super) settlement: Settlement,
    /// Whether the table's number says what happened: not for free agreements.
    pub(super) scheme: Option<u8>,
}

impl Ending {
    /// Freely agreed on: it pays as this row does, and no row says what happened.
    pub(super) const fn agreed(settlement: Settlement) -> Ending {
        Ending {
            settlement,
            scheme: None,
        }
    }
}

impl From<Settlement> for Ending {
    fn from(settlement: Settlement) -> Self {
        Ending {
            settlement,
            scheme: Some(settlement.scheme()),
        }
    }
}

/// A confirmed transaction of the contract.
pub(super) struct OnChain {
    pub(super) name: String,
    pub(super) tx: Transaction,
    pub(super) height: u32,
    pub(super) fee: Amount,
}

/// A play in progress.
pub struct ContractPlay<'a> {
    pub(super) chain: &'a mut dyn Chain,
    pub(super) options: PlayOptions,
    pub(super) seed: [u8; 32],
    /// Whatever is drawn in a play is drawn from here, so that its seed repeats it.
    pub(super) rng: StdRng,
    reporter: &'a mut dyn Reporter<Settled>,
    moves: u32,
    pub(super) participants: BTreeMap<Role, ContractParticipant>,
    pub(super) records: Records,
    /// Gets what the settlement table gives to the common fund.
    pub(super) fund: PartyWallet,
    /// Pays everybody their first coins and takes block rewards.
    pub(super) miner: PartyWallet,
    pub(super) miner_script: ScriptBuf,
    pub(super) terms: Arc<Terms>,
    pub(super) graph: Arc<TxGraph>,
    pub(super) workshop: Workshop,
    /// What the panel shares, until its arbiters have it (`paper` template).
    pub(super) panel_secret: Option<PanelSecret>,
    /// By which row of the table the panel ruled.
    pub(super) row: Option<Row>,
    /// Messages that were sent, and their bytes.
    pub(super) traffic: (u64, u64),
    /// Bundles of its arbiters, where they were asked for.
    pub(super) bundles: Vec<Vec<u8>>,
    pub(super) on_chain: Vec<OnChain>,
    pub(super) result: Option<DecryptedResult>,
    /// Arbiters whose stakes were spent sideways (`paper` template).
    pub(super) sideways: Vec<u8>,
}

/// What [`ContractPlay::prepare`] collects before a play is complete.
pub(super) struct Parts<'a> {
    pub(super) chain: &'a mut dyn Chain,
    pub(super) options: PlayOptions,
    pub(super) seed: [u8; 32],
    /// Whatever is drawn in a play is drawn from here, so that its seed repeats it.
    pub(super) rng: StdRng,
    pub(super) reporter: &'a mut dyn Reporter<Settled>,
    pub(super) moves: u32,
}

impl Parts<'_> {
    /// Reports a move off the chain.
    pub(super) fn step(&mut self, who: &str, what: String, why: &str) -> Result<(), PlayError> {
        self.moves += 1;
        let height = self.chain.height()?;
        let step = Step {
            number: self.moves,
            who: who.into(),
            what,
            why: why.into(),
            height,
        };
        self.reporter.report(&Event::Step(step));
        Ok(())
    }
}

/// The parties and their agreement, from setup.
pub(super) struct Agreed {
    /// Signed by all, and confirmed.
    pub(super) funding: Transaction,
    pub(super) participants: BTreeMap<Role, ContractParticipant>,
    pub(super) records: Records,
    pub(super) fund: PartyWallet,
    pub(super) miner: PartyWallet,
    pub(super) miner_script: ScriptBuf,
    pub(super) terms: Arc<Terms>,
    pub(super) graph: Arc<TxGraph>,
    pub(super) workshop: Workshop,
    pub(super) panel_secret: Option<PanelSecret>,
}

impl<'a> ContractPlay<'a> {
    /// Coins for everybody, panel, terms, ceremony, funding: a contract that has just been confirmed.
    pub fn prepare(
        chain: &'a mut dyn Chain,
        options: &PlayOptions,
        reporter: &'a mut dyn Reporter<Settled>,
    ) -> Result<ContractPlay<'a>, PlayError> {
        let seed = options.common.seed;
        let mut parts = Parts {
            chain,
            options: options.clone(),
            seed,
            rng: StdRng::from_seed(super::setup::secret(&seed, "what is drawn")),
            reporter,
            moves: 0,
        };
        let agreed = super::setup::agree(&mut parts)?;
        let Parts {
            chain,
            options,
            seed,
            rng,
            reporter,
            moves,
        } = parts;
        let Agreed {
            funding,
            participants,
            records,
            fund,
            miner,
            miner_script,
            terms,
            graph,
            workshop,
            panel_secret,
        } = agreed;
        let mut play = ContractPlay {
            chain,
            options,
            seed,
            rng,
            reporter,
            moves,
            participants,
            records,
            fund,
            miner,
            miner_script,
            terms,
            graph,
            workshop,
            panel_secret,
            row: None,
            traffic: (0, 0),
            bundles: Vec::new(),
            on_chain: Vec::new(),
            result: None,
            sideways: Vec::new(),
        };
        play.funded(funding)?;
        Ok(play)
    }

    /// The terms that are played.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// The graph that is played.
    pub fn graph(&self) -> &Arc<TxGraph> {
        &self.graph
    }

    /// The chain that is played on.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.chain
    }

    /// The job, and which stage of it the contract is about: for a party that lives by itself.
    pub fn job(&self) -> (Arc<StageJob>, u32) {
        let origin = &self.workshop.origin;
        (Arc::clone(&self.workshop.job), origin.stage())
    }

    /// By which row the panel ruled.
    pub(super) const fn row(&self) -> Option<Row> {
        self.row
    }

    /// Fee rate of this play.
    pub fn rate(&self) -> FeeRate {
        self.options.common.rate
    }

    /// A party.
    pub fn participant(&self, role: Role) -> Result<&ContractParticipant, PlayError> {
        self.participants
            .get(&role)
            .ok_or_else(|| PlayError::Broken(format!("no {role} in the play")))
    }

    /// A party, to change.
    pub fn participant_mut(&mut self, role: Role) -> Result<&mut ContractParticipant, PlayError> {
        self.participants
            .get_mut(&role)
            .ok_or_else(|| PlayError::Broken(format!("no {role} in the play")))
    }

    /// Reports a move off the chain.
    pub(super) fn step(
        &mut self,
        who: impl ToString,
        what: String,
        why: &str,
    ) -> Result<(), PlayError> {
        let height = self.chain.height()?;
        self.step_at(height, who, what, why);
        Ok(())
    }

    /// Reports a move that was made when the tip was at this height.
    pub(super) fn step_at(&mut self, height: u32, who: impl ToString, what: String, why: &str) {
        self.moves += 1;
        let step = Step {
            number: self.moves,
            who: who.to_string(),
            what,
            why: why.into(),
            height,
        };
        self.reporter.report(&Event::Step(step));
    }

    /// Records and reports a confirmed transaction of the contract.
    pub(super) fn confirmed(
        &mut self,
        who: Role,
        name: &NodeName,
        why: &str,
        (tx, height, fee): (Transaction, u32, Amount),
        child: Option<&Transaction>,
    ) {
        self.moves += 1;
        self.reporter.report(&Event::Transaction(TransactionEvent {
            number: self.moves,
            who: who.to_string(),
            name: name.to_string(),
            why: why.into(),
            txid: tx.compute_txid().to_string(),
            vbytes: tx.vsize() as u64,
            fee_sat: fee.to_sat(),
            child_txid: child.map(|c| c.compute_txid().to_string()),
            child_vbytes: child.map(|c| c.vsize() as u64),
            height,
        }));
        self.on_chain.push(OnChain {
            name: name.to_string(),
            tx,
            height,
            fee,
        });
    }

    /// Height of a confirmed transaction of the contract, by name.
    pub(super) fn confirmed_at(&self, name: &NodeName) -> Option<u32> {
        let name = name.to_string();
        self.on_chain
            .iter()
            .rev()
            .find(|t| t.name == name)
            .map(|t| t.height)
    }

    /// Mines blocks and lets every wallet read them.
    pub fn mine(&mut self, blocks: u32) -> Result<(), PlayError> {
        self.chain.mine(blocks, &self.miner_script)?;
        self.sync()
    }

    /// Mines until the last transaction of the contract, and with it all before it, is as deep as everybody waits for:
    /// what is shown now rests on nothing that so short a reorganisation takes away.
    pub fn bury(&mut self) -> Result<(), PlayError> {
        let Some(height) = self.on_chain.last().map(|t| t.height) else {
            return Ok(());
        };
        let wanted = self.options.depth.reached_at(height);
        let missing = wanted.saturating_sub(self.chain.height()?);
        self.mine(missing)?;
        self.check_buried()
    }

    /// Fails unless every transaction of the contract on chain is where it was, as deep as everybody waits for.
    ///
    /// # Errors
    /// [`PlayError::Shallow`]; or [`PlayError::Broken`] if one is gone.
    pub fn check_buried(&mut self) -> Result<(), PlayError> {
        let tip = self.chain.height()?;
        let (depth, mut highest) = (self.options.depth, None);
        for tx in self
            .on_chain
            .iter()
            .map(|t| t.tx.clone())
            .collect::<Vec<_>>()
        {
            highest = highest.max(Some(self.height_of(&tx)?));
        }
        match highest {
            Some(height) => Ok(depth.check(height, tip)?),
            None => Ok(()),
        }
    }

    /// Lets every wallet read the chain, as after a reorganisation.
    pub fn sync(&mut self) -> Result<(), PlayError> {
        for participant in self.participants.values_mut() {
            participant.wallet.sync(self.chain)?;
        }
        self.fund.sync(self.chain)?;
        self.miner.sync(self.chain)?;
        Ok(())
    }

    /// Brings back what is still locked, draws up the balances and ends the play.
    pub(super) fn finish(
        mut self,
        scenario: &Scenario<PlayOptions>,
        ending: Ending,
    ) -> Result<Outcome, PlayError> {
        let settled_at = self.on_chain.last().map_or(0, |t| t.height);
        let contract = self.on_chain.len();
        self.take_stakes_back(&ending)?;
        let balances = self.balances(&ending)?;
        let fees = self.on_chain.iter().map(|t| t.fee.to_sat()).sum();
        let contract_txs = &self.on_chain[..contract];
        let outcome = Outcome {
            scenario: scenario.name.into(),
            chain: self.chain.name().into(),
            seed: self.seed.to_lower_hex_string(),
            figures: Settled {
                template: scenario.needs.to_string(),
                scheme: ending.scheme,
                arbiters: format!(
                    "{}-of-{}",
                    self.terms.params().quorum(),
                    self.terms.panel_size()
                ),
                funded_at: self.on_chain.first().map_or(0, |t| t.height),
                settled_at,
                txids: contract_txs
                    .iter()
                    .map(|t| t.tx.compute_txid().to_string())
                    .collect(),
                fees_sat: fees,
                ruling_row: self.row.map(|row| row.to_string()),
                bundles: self.bundles,
                messages_sent: self.traffic.0,
                bytes_sent: self.traffic.1,
                result: self.result.take(),
            },
            transactions: contract_txs.iter().map(|t| t.name.clone()).collect(),
            vbytes: contract_txs.iter().map(|t| t.tx.vsize() as u64).sum(),
            balances,
        };
        self.reporter.report(&Event::Outcome(outcome.clone()));
        Ok(outcome)
    }
}
