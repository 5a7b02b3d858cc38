//! Requester and recomputers at one table, with one bounty after the other.

use std::sync::Arc;

use bitcoin::{
    Amount,
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_contracts::{
    binding::FreshSalt,
    bounty::{
        BountyRecord, BountyTerms, Call, Coin, Recomputer, RecomputerOffer, RecomputerSeed,
        Requester, recomputer_name, recomputer_party, requester_party, restore,
    },
    depth::Depth,
    graph::TxGraph,
    setup::ceremony,
    terms::FeeRate,
};
use narthex_game_model::market::{Ledger, Policy, PolicyRecord, RecomputerId};
use narthex_regtest::{Chain, OutputStatus};

use super::{BoardError, work::Task};
use crate::table::{
    MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Table, TableOptions, TableOutcome, TableReporter,
    playable,
};

/// What recomputers wait for in a play: it leaves time for the openings whatever the terms are.
pub(super) const DEPTH: Depth = Depth::LEAST;

/// Where the requester sits; recomputers follow.
pub(super) const CLIENT: usize = 0;

/// Figures of a bounty.
#[derive(Debug, Clone)]
pub struct BoardOptions {
    /// Recomputers of the line-up.
    pub recomputers: u8,
    /// Least number of equal layers that are paid.
    pub quorum: u8,
    /// What the first recomputer is paid; each next 1,000 sat more, so that no two are mistaken for each other.
    pub amount: Amount,
    /// Blocks until the layers are due.
    pub layer_blocks: u32,
    /// B: blocks of a round.
    pub round_blocks: u16,
    /// Fee rate of fundings and of the children that pay for all else.
    pub rate: FeeRate,
    /// Everything random follows from it.
    pub seed: [u8; 32],
}

impl Default for BoardOptions {
    fn default() -> Self {
        BoardOptions {
            recomputers: 3,
            quorum: 2,
            amount: Amount::from_sat(20_000),
            layer_blocks: 12,
            round_blocks: 4,
            rate: FeeRate::from_sat_per_kwu(500),
            seed: [0; 32],
        }
    }
}

/// Blocks that the funding takes, before the rounds are counted.
const STORY_BLOCKS: u64 = 2;

impl BoardOptions {
    /// Whether every story can be played with these figures. What terms refuse is left to them.
    pub(super) fn check(&self) -> Result<(), BoardError> {
        let round = u64::from(self.round_blocks);
        playable("--round-blocks", round, 0..=MOST_BLOCKS / 10, MINED)?;
        let why = "a round and 2 more, and at most what can be mined";
        playable(
            "--layer-blocks",
            self.layer_blocks,
            round + STORY_BLOCKS..=MOST_BLOCKS,
            why,
        )?;
        let dearest = self.amount.to_sat().saturating_add(5_000);
        let all = dearest.saturating_mul(self.recomputers.into());
        playable(
            "amounts of all recomputers are in sat",
            all,
            0..=MOST_SAT,
            ONE_COIN,
        )?;
        Ok(())
    }
}

/// A recomputer that is hired: who, and for how much.
#[derive(Debug, Clone, Copy)]
pub struct Hired {
    /// Its place at the table.
    pub seat: usize,
    /// What it is paid.
    pub amount: Amount,
}

/// Requester and recomputers, with the bounty that they are about.
pub struct Board<'c> {
    pub(super) table: Table<'c>,
    pub(super) options: BoardOptions,
    pub(super) requester: Requester,
    pub(super) recomputers: Vec<Recomputer>,
    /// Where the recomputers of the line-up sit at the table.
    pub(super) line_up: Vec<usize>,
    pub(super) task: Task,
    /// Seeds of the line-up's recomputers, kept beside their records.
    seeds: Vec<RecomputerSeed>,
    pub(super) ledger: Ledger,
    /// Bounties signed so far; each has contract keys of its own.
    bounties: u32,
    /// Of them, how many were funded.
    pub(super) funded: u32,
    pub(super) result: Option<Vec<u8>>,
}

impl<'c> Board<'c> {
    /// Wallets with coins for the requester and so many recomputers, and the first bounty signed; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &BoardOptions,
        reporter: &'c mut dyn TableReporter,
    ) -> Result<Board<'c>, BoardError> {
        let names = (0..options.recomputers).map(|seat| recomputer_name(seat).to_string());
        let names: Vec<String> = std::iter::once("requester".into()).chain(names).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let common = TableOptions {
            rate: options.rate,
            seed: options.seed,
        };
        // Before wallets are made for a line-up that there is not.
        call(
            options,
            sha256::Hash::all_zeros(),
            sha256::Hash::all_zeros(),
            &unused_key()?,
        )
        .check()?;
        let mut table = Table::new(chain, &names, common, reporter)?;
        let hired = hired(options)?;
        let task = Task::new(0);
        let signed = sign(&mut table, options, &hired, (0, &task))?;
        Ok(Board {
            table,
            options: options.clone(),
            requester: signed.requester,
            recomputers: signed.recomputers,
            line_up: signed.line_up,
            seeds: signed.seeds,
            task,
            ledger: Ledger::new(Policy::new(PolicyRecord::default())?),
            bounties: 1,
            funded: 0,
            result: None,
        })
    }

    /// Another bounty in place of the one that is over, or was never funded.
    pub(super) fn renew(&mut self, quorum: u8, hired: &[Hired]) -> Result<(), BoardError> {
        let recomputers = u8::try_from(hired.len()).unwrap_or(u8::MAX);
        let options = BoardOptions {
            recomputers,
            quorum,
            ..self.options.clone()
        };
        let task = Task::new(usize::try_from(self.bounties).unwrap_or(0));
        let signed = sign(&mut self.table, &options, hired, (self.bounties, &task))?;
        (self.requester, self.recomputers) = (signed.requester, signed.recomputers);
        (self.line_up, self.seeds) = (signed.line_up, signed.seeds);
        self.task = task;
        self.bounties += 1;
        Ok(())
    }

    /// The table that all sit at.
    pub fn table(&mut self) -> &mut Table<'c> {
        &mut self.table
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.table.chain()
    }

    /// The requester.
    pub fn requester(&mut self) -> &mut Requester {
        &mut self.requester
    }

    /// The recomputers of the line-up, by their seats in it.
    pub fn recomputers(&mut self) -> &mut [Recomputer] {
        &mut self.recomputers
    }

    /// The terms of the bounty at hand.
    pub fn terms(&self) -> &BountyTerms {
        self.requester.terms()
    }

    /// The requester's identity and its contract key of the bounty at hand.
    pub(super) fn own_keys(&self) -> Result<(SecretKey, SecretKey), BoardError> {
        keys(&self.table, CLIENT, self.bounties.saturating_sub(1))
    }

    /// Whom ledgers know the recomputer at a place of the table as.
    pub(super) fn recomputer_id(&self, seat: usize) -> Result<RecomputerId, BoardError> {
        let identity = self.table.key(seat, 0)?;
        let key = identity.x_only_public_key(&Secp256k1::signing_only()).0;
        Ok(RecomputerId(key.serialize()))
    }

    pub(super) fn recomputer(&mut self, seat: u8) -> Result<&mut Recomputer, BoardError> {
        let recomputer = self.recomputers.get_mut(usize::from(seat));
        recomputer.ok_or_else(|| BoardError::broken(format!("seat {seat} is empty")))
    }

    /// Where a recomputer of the line-up sits at the table.
    pub(super) fn place(&self, seat: u8) -> Result<usize, BoardError> {
        let place = self.line_up.get(usize::from(seat));
        (place.copied()).ok_or_else(|| BoardError::broken(format!("seat {seat} is empty")))
    }

    /// Where the chain says that the coin is.
    pub fn coin(&mut self) -> Result<Coin, BoardError> {
        let txid = self.requester.holdings().graph().txid(TxGraph::FUNDING);
        let txid = txid.ok_or_else(|| BoardError::broken("no funding"))?;
        let locked = bitcoin::OutPoint { txid, vout: 0 };
        Ok(match self.chain().output_status(locked)? {
            OutputStatus::Unspent { height, .. } => Coin::Locked { height },
            OutputStatus::Spent { .. } => Coin::Spent,
            OutputStatus::Missing | OutputStatus::Waiting { .. } => Coin::Unfunded,
        })
    }

    /// Height of the tip and where the coin is, which all that recomputers show follows from.
    pub fn status(&mut self) -> Result<(u32, Coin), BoardError> {
        Ok((self.chain().height()?, self.coin()?))
    }

    /// Blocks pass until the coin is as deep as the recomputers wait for.
    pub fn bury(&mut self) -> Result<(), BoardError> {
        if let (tip, Coin::Locked { height }) = self.status()? {
            let wanted = DEPTH.reached_at(height);
            self.table.mine(wanted.saturating_sub(tip))?;
        }
        Ok(())
    }

    /// Everybody goes down and comes back from what was written.
    pub fn restart(&mut self) -> Result<(), BoardError> {
        self.table.reopen()?;
        let terms = Arc::new(self.terms().clone());
        let number = self.bounties.saturating_sub(1);
        let held = restore(&terms, &self.requester.holdings().to_bytes())?;
        let json = serde_json::to_string(self.requester.record())?;
        let (identity, key) = keys(&self.table, CLIENT, number)?;
        self.requester = Requester::restore(held, identity, key, serde_json::from_str(&json)?)?;
        for (recomputer, (place, seed)) in
            (self.recomputers.iter_mut()).zip(self.line_up.iter().zip(&self.seeds))
        {
            let held = restore(&terms, &recomputer.holdings().to_bytes())?;
            let json = serde_json::to_string(recomputer.record())?;
            let (identity, _) = keys(&self.table, *place, number)?;
            *recomputer =
                Recomputer::restore(held, identity, seed.clone(), serde_json::from_str(&json)?)?;
        }
        Ok(())
    }

    /// Balances and figures of the whole life so far.
    pub fn outcome(&self, story: &str) -> TableOutcome {
        let words = self.result.as_ref().map(|result| {
            let lines = result.iter().filter(|byte| **byte == b'\n');
            lines.count()
        });
        (self.table.outcome(story))
            .with("recomputers", self.terms().recomputers())
            .with("quorum", self.terms().record().call.quorum)
            .with("bounties", self.funded)
            .with("words", words.map_or(serde_json::Value::Null, Into::into))
    }

    /// Reports the end.
    pub(super) fn end(&mut self, story: &str) -> TableOutcome {
        let outcome = self.outcome(story);
        self.table.end(outcome)
    }
}

/// The line-up that the options ask for.
fn hired(options: &BoardOptions) -> Result<Vec<Hired>, BoardError> {
    let step = Amount::from_sat(1_000);
    let hire = |seat: u8| {
        let more = step.checked_mul(seat.into());
        let amount = more.and_then(|more| options.amount.checked_add(more));
        Some(Hired {
            seat: usize::from(seat) + 1,
            amount: amount?,
        })
    };
    let hired = (0..options.recomputers)
        .map(hire)
        .collect::<Option<Vec<_>>>();
    hired.ok_or_else(|| BoardError::broken("amounts of more than there is"))
}

struct Signed {
    requester: Requester,
    recomputers: Vec<Recomputer>,
    line_up: Vec<usize>,
    seeds: Vec<RecomputerSeed>,
}

/// Call, offers, terms and ceremony.
fn sign(
    table: &mut Table<'_>,
    options: &BoardOptions,
    hired: &[Hired],
    (number, task): (u32, &Task),
) -> Result<Signed, BoardError> {
    let (identity, key) = keys(table, CLIENT, number)?;
    let salt = FreshSalt::draw(table.rng());
    let call = call(options, salt.value(), task.job()?, &identity);
    let (mut offers, mut seeds) = (Vec::new(), Vec::new());
    for (seat, hire) in (0u8..).zip(hired) {
        let (own, contract) = keys(table, hire.seat, number)?;
        let seed = RecomputerSeed::draw(table.rng());
        let script = table.seat(hire.seat)?.script.clone();
        let paid = (script, hire.amount);
        offers.push(RecomputerOffer::new(
            &call,
            seat,
            (&own, &contract),
            &seed,
            paid,
        )?);
        seeds.push(seed);
    }
    let terms = Arc::new(propose(table, options, call, offers, &key)?.check()?);
    let bindings = &mut table.seat(CLIENT)?.bindings;
    let mut parties = vec![requester_party(&terms, &key, salt, bindings)?];
    let mut bound = Vec::with_capacity(hired.len());
    let tip = table.chain().height()?;
    for ((seat, hire), seed) in (0u8..).zip(hired).zip(&seeds) {
        let (_, contract) = keys(table, hire.seat, number)?;
        let bindings = &mut table.seat(hire.seat)?.bindings;
        let (party, seed) = recomputer_party(
            &terms,
            seat,
            &contract,
            (seed.clone(), tip, DEPTH),
            bindings,
        )?;
        parties.push(party);
        bound.push(seed);
    }
    let mut held = ceremony::run(parties, table.rng(), |_| ())?.into_iter();
    let own = held
        .next()
        .ok_or_else(|| BoardError::broken("nobody signed"))?;
    let mut recomputers = Vec::with_capacity(hired.len());
    for (held, (hire, seed)) in held.zip(hired.iter().zip(bound)) {
        let (identity, _) = keys(table, hire.seat, number)?;
        recomputers.push(Recomputer::new(held, identity, seed)?);
    }
    Ok(Signed {
        requester: Requester::new(own, identity, key)?,
        recomputers,
        line_up: hired.iter().map(|hire| hire.seat).collect(),
        seeds,
    })
}

fn propose(
    table: &mut Table<'_>,
    options: &BoardOptions,
    call: Call,
    recomputers: Vec<RecomputerOffer>,
    key: &SecretKey,
) -> Result<BountyRecord, BoardError> {
    let height = table.chain().height()?;
    let total = recomputers
        .iter()
        .try_fold(Amount::ZERO, |sum, offer| sum.checked_add(offer.amount_sat));
    let total = total.ok_or_else(|| BoardError::broken("amounts of more than there is"))?;
    let policy = table.policy().clone();
    let client = table.seat(CLIENT)?;
    let requester_script = client.script.clone();
    let (contribution, _) = client.wallet.contribute(total, options.rate, &policy)?;
    let layer_height = height.saturating_add(options.layer_blocks);
    // The rounds that the terms need, and two more: nobody is hurried.
    let rounds = 5 + u32::from(call.recomputers.saturating_sub(call.quorum));
    let blocks = rounds.saturating_mul(options.round_blocks.into());
    Ok(BountyRecord {
        call,
        requester_key: PublicKey::from_secret_key(&Secp256k1::signing_only(), key),
        requester_script,
        recomputers,
        layer_height,
        round_blocks: options.round_blocks,
        refund_height: layer_height.saturating_add(blocks),
        contribution,
        rate_sat_per_kwu: options.rate,
    })
}

fn call(
    options: &BoardOptions,
    salt: sha256::Hash,
    job: sha256::Hash,
    identity: &SecretKey,
) -> Call {
    Call {
        requester: identity.x_only_public_key(&Secp256k1::signing_only()).0,
        job,
        salt,
        recomputers: options.recomputers,
        quorum: options.quorum,
    }
}

/// Identity, the same in every bounty, and the key of one bounty.
fn keys(table: &Table<'_>, seat: usize, number: u32) -> Result<(SecretKey, SecretKey), BoardError> {
    let key = table.key(seat, number.saturating_add(1))?;
    Ok((table.key(seat, 0)?, key))
}

/// A key for a call that is only looked at.
fn unused_key() -> Result<SecretKey, BoardError> {
    SecretKey::from_slice(&[1; 32]).map_err(|e| BoardError::broken(e.to_string()))
}
