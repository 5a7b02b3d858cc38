//! Contracts that are set up and funded, to begin lives with: made once, and their signatures kept in the user's cache.
//!
//! A ceremony takes far longer than a life. So a pool of them is made, each from a seed of its own, and the signatures are kept in a
//! file by the contract's id, which covers all terms. What is read back is verified as any party verifies its own; what does
//! not verify is made anew.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime,
    hex::DisplayHex,
    secp256k1::{Keypair, Secp256k1, SecretKey, rand::SeedableRng, rand::rngs::StdRng},
    transaction::Version,
};
use narthex_base::{
    codec::{Reader, Writer},
    kinds,
    secret::Secret,
    tagged::tagged_hash_parts,
};
use narthex_channel::contract::{Contract, Policy};
use narthex_contracts::{
    depth::Depth,
    derive::{OwnSalt, Salted},
    fixtures::{Fixtures, MadeUpNode, PlayedWork},
    setup::{ContractSignatures, ceremony},
    terms::{Change, Coin, Contribution, FeeRate, Role, Terms, deposit},
};
use narthex_game_model::{
    Params, ParamsRecord,
    computation::{AnyProgram, Job, StepProgram as _},
    sample::nonce_commitment,
    schedule::Pace,
    simulation::IndexHash,
    workload::Records,
};
use narthex_regtest::{ChainSource as _, Embedded, Miner as _, mine_coins};

use super::purse::SimWallet;
use crate::{
    disk::{self, Readers},
    job::StageJob,
};

/// N, and how many of them are sampled.
pub(super) const STEPS: u64 = 64;
pub(super) const SAMPLE: u32 = 8;
/// What everybody counts on.
pub(super) const PACE: Pace = Pace {
    reorg: 2,
    confirm: 4,
    message: 2,
    setup: 1,
    work: 1,
    check: 1,
    judge: 1,
    evidence: 1,
};
/// Blocks from the funding to the end of the time for a delivery.
const DELIVERY_BLOCKS: u32 = 30;
/// Coins of each party for the fees of what it publishes, beside the change of its deposit.
const FEE_COINS: [Amount; 4] = [Amount::from_sat(120_000); 4];
/// Change of each deposit; the worker's is its root coin.
const CHANGE: Amount = Amount::from_sat(50_000);
/// What each party pays of the funding's fee.
const FEE: Amount = Amount::from_sat(500);
/// Fee rate of the funding.
const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);
/// Most bytes of a file of the cache.
const MOST_BYTES: u64 = 1 << 22;

/// Why there is no contract to begin with. This program's fault, or this computer's.
#[derive(Debug, thiserror::Error)]
#[error("no contract to simulate: {0}")]
pub struct PoolError(String);

impl PoolError {
    pub(super) fn none(role: Role) -> PoolError {
        PoolError(format!("it has no {role}"))
    }
}

pub(super) fn failed(error: impl std::fmt::Display) -> PoolError {
    PoolError(error.to_string())
}

/// How an honest party reads the chain.
pub(super) fn policy() -> Result<Policy, PoolError> {
    Ok(Policy {
        depth: Depth::new(u32::from(PACE.reorg) + 1).map_err(failed)?,
        confirm: PACE.confirm,
        message: PACE.message,
    })
}

/// A contract whose funding is buried, and all that its parties have.
pub(super) struct Ready {
    pub(super) chain: Embedded,
    /// Height of the funding.
    pub(super) funded: u32,
    pub(super) terms: Arc<Terms>,
    pub(super) contracts: BTreeMap<Role, Contract>,
    pub(super) signatures: BTreeMap<Role, ContractSignatures<Terms>>,
    pub(super) wallets: BTreeMap<Role, SimWallet>,
    pub(super) job: Arc<StageJob>,
    /// What whoever does all the work has.
    pub(super) plain: Vec<u8>,
    fixtures: Fixtures,
    identities: Vec<Keypair>,
    seed: [u8; 32],
}

impl Ready {
    /// From where on the chain is followed: no reorganisation of a schedule brings the funding lower.
    pub(super) const fn since(&self) -> u32 {
        self.funded.saturating_sub(6)
    }

    /// What everything of a party follows from.
    pub(super) fn secret(&self, role: Role) -> (Secret, OwnSalt) {
        own(&self.seed, role)
    }

    /// The worker's token: an ally of the worker's knows it.
    pub(super) fn token(&self) -> Option<[u8; 32]> {
        let (seed, salt) = self.secret(Role::Worker);
        let token = Salted::new(&seed, salt).token()?;
        Some(*token.expose())
    }

    pub(super) fn key(&self, role: Role) -> SecretKey {
        self.fixtures.key(role)
    }

    pub(super) fn identity(&self, role: Role) -> Option<Keypair> {
        match role {
            Role::Arbiter(arbiter) => self.identities.get(usize::from(arbiter)).copied(),
            _ => None,
        }
    }
}

/// What everything of a party follows from.
pub(super) fn own(seed: &[u8; 32], role: Role) -> (Secret, OwnSalt) {
    let part = |what| {
        let index = [role.index() as u8];
        tagged_hash_parts("narthex/simulated-life", &[seed, what, &index])
    };
    (
        Secret::from_bytes(part(b"seed")),
        OwnSalt::from_bytes(part(b"own salt")),
    )
}

/// Contracts to begin lives with.
pub struct Pool {
    /// None: each life has a ceremony of its own.
    ready: Vec<Ready>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} contracts to begin with", self.ready.len())
    }
}

impl Pool {
    /// How many contracts lives begin with.
    pub const USUAL: u32 = 16;

    /// So many contracts, with the signatures that were kept before; others are made, and kept.
    ///
    /// # Errors
    /// [`PoolError`].
    pub fn open(contracts: u32, mut progress: impl FnMut(u32)) -> Result<Pool, PoolError> {
        let folder = disk::cache_folder().map(|cache| cache.join("lives"));
        let mut ready = Vec::new();
        for number in 0..contracts {
            let seed = tagged_hash_parts("narthex/simulated-contract", &[&number.to_be_bytes()]);
            ready.push(Ready::make(&seed, number, folder.as_deref())?);
            progress(number + 1);
        }
        Ok(Pool { ready })
    }

    /// No contracts: each life sets up its own.
    pub const fn none() -> Pool {
        Pool { ready: Vec::new() }
    }

    /// Does something with the contract that the life of a seed begins with.
    pub(super) fn with<T>(
        &self,
        seed: &[u8; 32],
        live: impl FnOnce(&Ready) -> Result<T, PoolError>,
    ) -> Result<T, PoolError> {
        let at = tagged_hash_parts("narthex/simulated-choice", &[seed]);
        let at = at.first_chunk::<8>().copied().map_or(0, u64::from_be_bytes);
        let among = self.ready.len() as u64;
        match at.checked_rem(among) {
            None => live(&Ready::make(seed, u32::from(seed[31]), None)?),
            Some(at) => {
                let ready = usize::try_from(at).ok().and_then(|at| self.ready.get(at));
                live(ready.ok_or_else(|| failed("the pool is empty"))?)
            }
        }
    }
}

impl Ready {
    /// A contract of this seed, with a ceremony of its own; where there is a folder, once.
    pub(super) fn make(
        seed: &[u8; 32],
        number: u32,
        folder: Option<&Path>,
    ) -> Result<Ready, PoolError> {
        let (n, k) = match number % 4 {
            3 => (3, 3),
            _ => (3, 2),
        };
        let mut base = Base::new(seed, n)?;
        let tip = base.chain.height().map_err(failed)?;
        let record = ParamsRecord::example(n, k, tip + 1 + DELIVERY_BLOCKS);
        let record = record.for_job(STEPS, SAMPLE).map_err(failed)?;
        let params = Params::new(record.paced(&PACE, 0).map_err(failed)?).map_err(failed)?;
        let (job, plain) = job()?;
        let fixtures = fixtures(seed, &params, &job)?;
        let coins = base.deposits(&params)?;
        let payouts = base.wallets.iter();
        let payouts = payouts.map(|(role, wallet)| (*role, wallet.script().clone()));
        let terms = fixtures.terms_with(coins, payouts.collect(), RATE);
        let terms = Arc::new(terms.map_err(failed)?);
        let signatures = signatures(&fixtures, &terms, (seed, folder))?;
        let client = signatures.get(&Role::Client);
        let client = client.ok_or_else(|| failed("no client"))?;
        let graph = client.graph().clone();
        let mut funding = client.funding_psbt(&MadeUpNode).map_err(failed)?;
        for wallet in base.wallets.values() {
            wallet.sign(&mut funding).map_err(failed)?;
        }
        let funding = funding.extract_tx_with_fee_rate_limit(FeeRate::MAX);
        base.mine(&[funding.map_err(failed)?])?;
        for _ in 0..PACE.reorg {
            base.mine(&[])?;
        }
        let mut contracts = BTreeMap::new();
        for role in terms.roles() {
            let contract = Contract::new(terms.clone(), graph.clone(), role, policy()?);
            contracts.insert(role, contract.map_err(failed)?);
        }
        let secp = Secp256k1::new();
        let identity = |arbiter| Keypair::from_secret_key(&secp, &fixtures.identity(arbiter));
        Ok(Ready {
            identities: (0..n).map(identity).collect(),
            chain: base.chain,
            funded: tip.saturating_add(2),
            terms,
            contracts,
            signatures,
            wallets: base.wallets,
            job: Arc::new(job),
            plain,
            fixtures,
            seed: *seed,
        })
    }
}

/// The job of all lives, and what whoever does all of it has.
pub(super) fn job() -> Result<(StageJob, Vec<u8>), PoolError> {
    let bytes: Vec<u8> = (0..STEPS).flat_map(u64::to_be_bytes).collect();
    let mut plain = Vec::new();
    for record in bytes.chunks(8) {
        plain.extend(IndexHash.run(record).map_err(failed)?);
    }
    let records = Records::from_bytes(8, bytes).map_err(failed)?;
    let program: AnyProgram = Box::new(IndexHash);
    Ok((Job::new(program, records).map_err(failed)?, plain))
}

/// Parties that do this job, with the secrets that follow from the seeds of worker and verifier.
pub(super) fn fixtures(
    seed: &[u8; 32],
    params: &Params,
    job: &StageJob,
) -> Result<Fixtures, PoolError> {
    let (worker, salt) = own(seed, Role::Worker);
    let worker = Salted::new(&worker, salt);
    let (verifier, salt) = own(seed, Role::Verifier);
    let nonce = Salted::new(&verifier, salt).sample_nonce();
    let scalar = |bytes: Option<[u8; 32]>| {
        let bytes = bytes.ok_or_else(|| failed("a secret that is no scalar"))?;
        SecretKey::from_slice(&bytes).map_err(failed)
    };
    Ok(Fixtures::new(params.clone(), *seed).about(PlayedWork {
        spec: *job.spec(),
        job: params.accepts_job(job).map_err(failed)?,
        result: scalar(worker.result().map(|secret| *secret.expose()))?,
        token: scalar(worker.token().map(|token| *token.expose()))?,
        sample_nonce: nonce_commitment(nonce.expose()),
    }))
}

/// A chain on which everybody has coins.
struct Base {
    chain: Embedded,
    wallets: BTreeMap<Role, SimWallet>,
    coin: (OutPoint, TxOut),
}

impl Base {
    fn new(seed: &[u8; 32], arbiters: u8) -> Result<Base, PoolError> {
        let mut chain = Embedded::new();
        let anyone = ScriptBuf::new_p2a();
        let coins = mine_coins(&mut chain, 1, &anyone, &anyone).map_err(failed)?;
        let coin = coins.into_iter().next();
        let coin = coin.ok_or_else(|| failed("no coin"))?;
        let mut wallets = BTreeMap::new();
        for role in Role::all(arbiters) {
            let part = [role.index() as u8];
            let key = tagged_hash_parts("narthex/simulated-wallet", &[seed, &part]);
            let key = SecretKey::from_slice(&key).map_err(failed)?;
            wallets.insert(role, SimWallet::new(&key));
        }
        Ok(Base {
            chain,
            wallets,
            coin,
        })
    }

    fn mine(&mut self, txs: &[Transaction]) -> Result<(), PoolError> {
        let anyone = ScriptBuf::new_p2a();
        self.chain.mine_exactly(txs, &anyone).map_err(failed)?;
        let tip = self.chain.height().map_err(failed)?;
        let block = self.chain.block(tip).map_err(failed)?;
        for wallet in self.wallets.values_mut() {
            wallet.see(tip, &block);
        }
        Ok(())
    }

    /// Gives everybody what it deposits, and coins for fees.
    fn deposits(&mut self, params: &Params) -> Result<BTreeMap<Role, Contribution>, PoolError> {
        let mut outputs = Vec::new();
        let mut staked = Vec::new();
        for (role, wallet) in &self.wallets {
            let pay = |value| TxOut {
                value,
                script_pubkey: wallet.script().clone(),
            };
            let stake = deposit(params, *role).checked_add(CHANGE);
            let stake = stake.and_then(|sum| sum.checked_add(FEE));
            let stake = stake.ok_or_else(|| failed("a deposit that is no amount"))?;
            staked.push((*role, outputs.len(), stake));
            outputs.push(pay(stake));
            outputs.extend(FEE_COINS.map(pay));
        }
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: self.coin.0,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: outputs,
        };
        let txid = tx.compute_txid();
        self.mine(&[tx])?;
        let contribution = |(role, at, value_sat): (Role, usize, Amount)| {
            let script = self.wallets.get(&role)?.script().clone();
            let outpoint = OutPoint {
                txid,
                vout: u32::try_from(at).ok()?,
            };
            let coin = Coin {
                outpoint,
                value_sat,
                script: script.clone(),
            };
            let change = Change {
                value_sat: CHANGE,
                script,
            };
            let coins = vec![coin];
            let change = Some(change);
            Some((role, Contribution { coins, change }))
        };
        Ok(staked.into_iter().filter_map(contribution).collect())
    }
}

type Signed = BTreeMap<Role, ContractSignatures<Terms>>;

/// Everybody's signatures: as they were kept, or from a ceremony.
fn signatures(
    fixtures: &Fixtures,
    terms: &Arc<Terms>,
    (seed, folder): (&[u8; 32], Option<&Path>),
) -> Result<Signed, PoolError> {
    let id = terms.contract_id().to_lower_hex_string();
    let file = folder.map(|folder| folder.join(id));
    if let Some(kept) = file.as_ref().and_then(|file| read(file, terms)) {
        return Ok(kept);
    }
    let parties = fixtures.parties(terms).map_err(failed)?;
    let mut rng = StdRng::from_seed(*seed);
    let held = ceremony::run(parties, &mut rng, |_| ()).map_err(failed)?;
    if let (Some(file), Some(folder)) = (&file, folder) {
        let bytes: Vec<_> = held.iter().map(ContractSignatures::to_bytes).collect();
        let mut w = Writer::new(kinds::CACHED_SIGNATURES);
        let bytes = w.list(&bytes, |w, bytes| {
            w.bytes(bytes);
        });
        // A cache that cannot be written makes the next run slower, and nothing wrong.
        let _ = disk::make_folder(folder, Readers::Owner);
        let _ = disk::replace(file, &bytes.finish(), Readers::Owner);
    }
    Ok(held.into_iter().map(|held| (held.role(), held)).collect())
}

fn read(file: &Path, terms: &Arc<Terms>) -> Option<Signed> {
    let bytes = disk::read_bounded(file, MOST_BYTES).ok()??;
    let mut r = Reader::new(kinds::CACHED_SIGNATURES, &bytes).ok()?;
    let all = r.list("parties", 4, |r| Ok(r.bytes("signatures")?.to_vec()));
    let all = all.ok()?;
    r.finish().ok()?;
    let held = all.iter();
    let held = held.map(|bytes| ContractSignatures::from_bytes(terms.clone(), bytes).ok());
    let held: Signed = held
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .map(|held| (held.role(), held))
        .collect();
    (held.len() == terms.roles().count()).then_some(held)
}
