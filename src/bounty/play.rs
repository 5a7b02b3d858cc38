//! Requester and recomputers on one harness, with one bounty after the other.

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
        Requester, recomputer_name, recomputer_party, requester_party,
    },
    depth::Depth,
    setup::ceremony,
};
use narthex_game_model::market::{Ledger, Policy, PolicyRecord, RecomputerId};
use narthex_regtest::Chain;

use super::{
    sides::{RecomputerSide, RequesterSide, terms_of},
    work::Task,
};
use crate::harness::{
    Harness, HarnessOptions, MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Outcome, Reporter,
    ScenarioError, playable,
};

/// What recomputers wait for in a play: it leaves time for the openings whatever the terms are.
pub(super) const DEPTH: Depth = Depth::LEAST;

/// Where the requester sits; recomputers follow.
pub(super) const CLIENT: usize = 0;

/// Figures of a bounty.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BountyOptions {
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
    /// Fee rate and seed.
    pub common: HarnessOptions,
}

impl Default for BountyOptions {
    fn default() -> Self {
        BountyOptions {
            recomputers: 3,
            quorum: 2,
            amount: Amount::from_sat(20_000),
            layer_blocks: 12,
            round_blocks: 4,
            common: HarnessOptions::default(),
        }
    }
}

/// Blocks that the funding takes, before the rounds are counted.
const SCENARIO_BLOCKS: u64 = 2;

impl BountyOptions {
    /// Whether every scenario can be played with these figures. What terms refuse is left to them.
    pub(super) fn check_figures(&self) -> Result<(), ScenarioError> {
        let round = u64::from(self.round_blocks);
        playable("--round-blocks", round, 0..=MOST_BLOCKS / 10, MINED)?;
        let why = "a round and 2 more, and at most what can be mined";
        playable(
            "--layer-blocks",
            self.layer_blocks,
            round + SCENARIO_BLOCKS..=MOST_BLOCKS,
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
    /// Its place in the play.
    pub seat: usize,
    /// What it is paid.
    pub amount: Amount,
}

/// Requester and recomputers, each a machine with what its signer keeps beside it, and the bounty that they are about.
pub struct BountyPlay<'c> {
    pub(super) harness: Harness<'c>,
    pub(super) options: BountyOptions,
    terms: Arc<BountyTerms>,
    pub(super) requester: RequesterSide,
    pub(super) recomputers: Vec<RecomputerSide>,
    /// Where the recomputers of the line-up sit in the play.
    pub(super) line_up: Vec<usize>,
    pub(super) task: Task,
    pub(super) ledger: Ledger,
    /// Bounties signed so far; each has contract keys of its own.
    bounties: u32,
    /// Of them, how many were funded.
    pub(super) funded: u32,
    pub(super) result: Option<Vec<u8>>,
}

impl<'c> BountyPlay<'c> {
    /// Wallets with coins for the requester and so many recomputers, and the first bounty signed; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &BountyOptions,
        reporter: &'c mut dyn Reporter,
    ) -> Result<BountyPlay<'c>, ScenarioError> {
        let names = (0..options.recomputers).map(|seat| recomputer_name(seat).to_string());
        let names = std::iter::once("requester".into()).chain(names);
        // Before wallets are made for a line-up that there is not.
        call(
            options,
            sha256::Hash::all_zeros(),
            sha256::Hash::all_zeros(),
            &unused_key()?,
        )
        .check()?;
        let mut harness = Harness::new(chain, names, &options.common, reporter)?;
        let hired = hired(options)?;
        let task = Task::new(0);
        let signed = sign(&mut harness, options, &hired, (0, &task))?;
        Ok(BountyPlay {
            harness,
            options: options.clone(),
            terms: terms_of(&signed.requester)?,
            requester: signed.requester,
            recomputers: signed.recomputers,
            line_up: signed.line_up,
            task,
            ledger: Ledger::new(Policy::new(PolicyRecord::default())?),
            bounties: 1,
            funded: 0,
            result: None,
        })
    }

    /// Another bounty in place of the one that is over, or was never funded.
    pub(super) fn renew(&mut self, quorum: u8, hired: &[Hired]) -> Result<(), ScenarioError> {
        let recomputers = u8::try_from(hired.len()).unwrap_or(u8::MAX);
        let options = BountyOptions {
            recomputers,
            quorum,
            ..self.options.clone()
        };
        let task = Task::new(usize::try_from(self.bounties).unwrap_or(0));
        let signed = sign(&mut self.harness, &options, hired, (self.bounties, &task))?;
        self.terms = terms_of(&signed.requester)?;
        (self.requester, self.recomputers) = (signed.requester, signed.recomputers);
        self.line_up = signed.line_up;
        self.task = task;
        self.bounties += 1;
        Ok(())
    }

    /// The harness.
    pub fn harness(&mut self) -> &mut Harness<'c> {
        &mut self.harness
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.harness.chain()
    }

    /// The requester's signer, as its machine stands.
    pub fn requester(&self) -> Result<Requester, ScenarioError> {
        self.requester.signer(self.own_keys()?)
    }

    /// A recomputer's signer, by its seat in the line-up, as its machine stands.
    pub fn recomputer(&self, seat: u8) -> Result<Recomputer, ScenarioError> {
        let (identity, _) = keys(&self.harness, self.place(seat)?, 0)?;
        let side = self.recomputers.get(usize::from(seat));
        side.ok_or_else(|| empty(seat))?.signer(identity)
    }

    /// The terms of the bounty at hand.
    pub fn terms(&self) -> &BountyTerms {
        &self.terms
    }

    /// The requester's identity and its contract key of the bounty at hand.
    pub(super) fn own_keys(&self) -> Result<(SecretKey, SecretKey), ScenarioError> {
        keys(&self.harness, CLIENT, self.bounties.saturating_sub(1))
    }

    /// Whom ledgers know the recomputer at a place of the harness as.
    pub(super) fn recomputer_id(&self, seat: usize) -> Result<RecomputerId, ScenarioError> {
        let identity = self.harness.key(seat, 0)?;
        let key = identity.x_only_public_key(&Secp256k1::signing_only()).0;
        Ok(RecomputerId(key.serialize()))
    }

    pub(super) fn side(&mut self, seat: u8) -> Result<&mut RecomputerSide, ScenarioError> {
        let side = self.recomputers.get_mut(usize::from(seat));
        side.ok_or_else(|| empty(seat))
    }

    /// Where a recomputer of the line-up sits in the play.
    pub(super) fn place(&self, seat: u8) -> Result<usize, ScenarioError> {
        let place = self.line_up.get(usize::from(seat));
        place.copied().ok_or_else(|| empty(seat))
    }

    /// Where the chain says that the coin is.
    pub fn coin(&mut self) -> Result<Coin, ScenarioError> {
        Ok(self.seen()?.into())
    }

    /// Height of the tip and where the coin is, which all that recomputers show follows from.
    pub fn status(&mut self) -> Result<(u32, Coin), ScenarioError> {
        Ok((self.chain().height()?, self.coin()?))
    }

    /// Blocks pass until the coin is as deep as the recomputers wait for.
    pub fn bury(&mut self) -> Result<(), ScenarioError> {
        if let (tip, Coin::Locked { height }) = self.status()? {
            let wanted = DEPTH.reached_at(height);
            self.harness.mine(wanted.saturating_sub(tip))?;
        }
        Ok(())
    }

    /// Everybody goes down and comes back: machines from their logs, signers from these and what is kept apart.
    pub fn restart(&mut self) -> Result<(), ScenarioError> {
        self.harness.reopen()?;
        self.requester.side.reopen()?;
        for recomputer in &mut self.recomputers {
            recomputer.side.reopen()?;
        }
        Ok(())
    }

    /// Balances and figures of the whole life so far.
    pub fn outcome(&self, scenario: &str) -> Outcome {
        let words = self.result.as_ref().map(|result| {
            let lines = result.iter().filter(|byte| **byte == b'\n');
            lines.count()
        });
        (self.harness.outcome(scenario))
            .with("recomputers", self.terms().recomputers())
            .with("quorum", self.terms().record().call.quorum)
            .with("bounties", self.funded)
            .with("words", words.map_or(serde_json::Value::Null, Into::into))
    }
}

/// The line-up that the options ask for.
fn hired(options: &BountyOptions) -> Result<Vec<Hired>, ScenarioError> {
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
    hired.ok_or_else(|| ScenarioError::broken("amounts of more than there is"))
}

fn empty(seat: u8) -> ScenarioError {
    ScenarioError::broken(format!("seat {seat} is empty"))
}

struct Signed {
    requester: RequesterSide,
    recomputers: Vec<RecomputerSide>,
    line_up: Vec<usize>,
}

/// Call, offers, terms and ceremony.
fn sign(
    harness: &mut Harness<'_>,
    options: &BountyOptions,
    hired: &[Hired],
    (number, task): (u32, &Task),
) -> Result<Signed, ScenarioError> {
    let (identity, key) = keys(harness, CLIENT, number)?;
    let salt = FreshSalt::draw(harness.rng());
    let call = call(options, salt.value(), task.job()?, &identity);
    let (mut offers, mut seeds) = (Vec::new(), Vec::new());
    for (seat, hire) in (0u8..).zip(hired) {
        let (own, contract) = keys(harness, hire.seat, number)?;
        let seed = RecomputerSeed::draw(harness.rng());
        let script = harness.participant(hire.seat)?.script.clone();
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
    let terms = Arc::new(propose(harness, options, call, offers, &key)?.check()?);
    let bindings = &mut harness.participant(CLIENT)?.bindings;
    let mut parties = vec![requester_party(&terms, &key, salt, bindings)?];
    let tip = harness.chain().height()?;
    for ((seat, hire), seed) in (0u8..).zip(hired).zip(&seeds) {
        let (_, contract) = keys(harness, hire.seat, number)?;
        let bindings = &mut harness.participant(hire.seat)?.bindings;
        let (party, _) = recomputer_party(
            &terms,
            seat,
            &contract,
            (seed.clone(), tip, DEPTH),
            bindings,
        )?;
        parties.push(party);
    }
    let mut held = ceremony::run(parties, harness.rng(), |_| ())?.into_iter();
    let own = held
        .next()
        .ok_or_else(|| ScenarioError::broken("nobody signed"))?;
    let mut recomputers = Vec::with_capacity(hired.len());
    for (held, seed) in held.zip(seeds) {
        recomputers.push(RecomputerSide::new(held, DEPTH, seed)?);
    }
    Ok(Signed {
        requester: RequesterSide::new(own, DEPTH)?,
        recomputers,
        line_up: hired.iter().map(|hire| hire.seat).collect(),
    })
}

fn propose(
    harness: &mut Harness<'_>,
    options: &BountyOptions,
    call: Call,
    recomputers: Vec<RecomputerOffer>,
    key: &SecretKey,
) -> Result<BountyRecord, ScenarioError> {
    let height = harness.chain().height()?;
    let total = recomputers
        .iter()
        .try_fold(Amount::ZERO, |sum, offer| sum.checked_add(offer.amount_sat));
    let total = total.ok_or_else(|| ScenarioError::broken("amounts of more than there is"))?;
    let policy = harness.policy().clone();
    let client = harness.participant(CLIENT)?;
    let requester_script = client.script.clone();
    let (contribution, _) = client
        .wallet
        .contribute(total, options.common.rate, &policy)?;
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
        rate_sat_per_kwu: options.common.rate,
    })
}

fn call(
    options: &BountyOptions,
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
fn keys(
    harness: &Harness<'_>,
    seat: usize,
    number: u32,
) -> Result<(SecretKey, SecretKey), ScenarioError> {
    let key = harness.key(seat, number.saturating_add(1))?;
    Ok((harness.key(seat, 0)?, key))
}

/// A key for a call that is only looked at.
fn unused_key() -> Result<SecretKey, ScenarioError> {
    SecretKey::from_slice(&[1; 32]).map_err(|e| ScenarioError::broken(e.to_string()))
}
