//! Contracts under the paper's template whose funding is on a chain, and parties that begin with them.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime,
    secp256k1::{
        Keypair, PublicKey, Secp256k1, SecretKey,
        rand::{SeedableRng, rngs::StdRng},
    },
    transaction::Version,
};
use narthex_base::{codec::Message as _, tagged::tagged_hash_parts};
use narthex_channel::{
    contract::{Contract, ContractMessage, Policy},
    log::MemoryLog,
};
use narthex_contracts::{
    binding::MemoryBindings,
    depth::Depth,
    fixtures::{Fixtures, MadeUpNode},
    setup::{ContractSignatures, Release, ceremony},
    shared_secret::{KeyShare, SharedPoint},
    template::{ContractSecret, PaperExit},
    terms::{Change, Coin, Contribution, FeeRate, Role, Terms, deposit, stake_coin_script},
};
use narthex_game_model::{Params, ParamsRecord, Ratio, play::Strategy, token::SealCost};
use narthex_regtest::{ChainSource as _, Embedded, Miner as _, mine_coins};

use super::{
    pool::{self, PoolError, failed},
    purse::{SimPurse, SimWallet},
};
use crate::{
    job::StageJob,
    life::{
        Letter, LifeError, LifeParty, LifeSigner, LifeWork, MemoryBlobs, Own, PaperWork, Publisher,
    },
    play::panel::{PanelSecret, share_secret},
};

/// Blocks from the funding to t3.
pub(super) const DELIVERY_BLOCKS: u32 = 40;
const CHANGE: Amount = Amount::from_sat(50_000);
const FEE: Amount = Amount::from_sat(500);
pub(super) const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);
pub(super) const PANEL: (u8, u8) = (3, 2);

/// How the worker works.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Works {
    Right,
    Wrong,
    Nothing,
}

/// A contract under the paper's template whose funding is on the chain.
pub struct PaperPool {
    pub(super) chain: Embedded,
    pub(super) terms: Arc<Terms>,
    held: BTreeMap<Role, ContractSignatures<Terms>>,
    wallets: BTreeMap<Role, SimWallet>,
    pub(super) fixtures: Fixtures,
    job: Arc<StageJob>,
    shared: Arc<SharedPoint>,
    pub(super) shares: Vec<Arc<KeyShare>>,
    /// The verifier's share of Tx4, and of TxA.
    pub(super) halves: [Vec<Release>; 2],
    seed: [u8; 32],
    pub(super) tip: u32,
}

impl std::fmt::Debug for PaperPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a contract under the paper's template, funded at {}",
            self.tip
        )
    }
}

impl PaperPool {
    /// One contract, set up by a ceremony.
    ///
    /// # Errors
    /// [`PoolError`]: this program's fault.
    pub fn make(seed: &[u8; 32]) -> Result<PaperPool, PoolError> {
        let anyone = ScriptBuf::new_p2a();
        let mut chain = Embedded::new();
        let coins = mine_coins(&mut chain, 1, &anyone, &anyone).map_err(failed)?;
        let (coin, _) = coins.into_iter().next().ok_or_else(|| failed("no coin"))?;
        let (n, k) = PANEL;
        let tip = chain.height().map_err(failed)?;
        let record = ParamsRecord::paper_example(n, k, tip + DELIVERY_BLOCKS);
        let record = record.for_job(pool::STEPS, pool::SAMPLE).map_err(failed)?;
        let params = Params::new(record).map_err(failed)?;
        let (job, _) = pool::job()?;
        let fixtures = pool::fixtures(seed, &params, &job)?;
        let mut rng = StdRng::from_seed(*seed);
        let secret = share_secret(&params, *seed, &mut rng).map_err(failed)?;
        let PanelSecret { point, shares } = secret;
        let mut wallets = BTreeMap::new();
        for role in Role::all(n) {
            let part = [role.index() as u8];
            let key = tagged_hash_parts("narthex/simulated-wallet", &[seed, &part]);
            wallets.insert(
                role,
                SimWallet::new(&SecretKey::from_slice(&key).map_err(failed)?),
            );
        }
        let (outputs, staked) = deposits(&params, &fixtures, &wallets)?;
        let paying = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![TxIn {
                previous_output: coin,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
                witness: Witness::new(),
            }],
            output: outputs,
        };
        let txid = paying.compute_txid();
        chain.mine_exactly(&[paying], &anyone).map_err(failed)?;
        let placed = staked.into_iter().map(|(role, vout, part)| {
            let Contribution { mut coins, change } = part;
            for coin in &mut coins {
                coin.outpoint = OutPoint { txid, vout };
            }
            (role, Contribution { coins, change })
        });
        let payouts = wallets.iter();
        let payouts = payouts.map(|(role, wallet)| (*role, wallet.script().clone()));
        let terms = fixtures.terms_with(placed.collect(), payouts.collect(), RATE);
        let mut record = terms.map_err(failed)?.record().clone();
        // Of a secret that its members have made, and not of a fixture's.
        if let (Some(paper), Some(panel)) = (&mut record.paper, point.point()) {
            paper.panel = panel;
        }
        let terms = Arc::new(fixtures.announced(record).map_err(failed)?);
        let parties = fixtures.parties(&terms).map_err(failed)?;
        let held = ceremony::run(parties, &mut rng, |_| ()).map_err(failed)?;
        let held: BTreeMap<_, _> = held.into_iter().map(|held| (held.role(), held)).collect();
        let client = held.get(&Role::Client).ok_or_else(|| failed("no client"))?;
        let mut funding = client.funding_psbt(&MadeUpNode).map_err(failed)?;
        for wallet in wallets.values() {
            wallet.sign(&mut funding).map_err(failed)?;
        }
        let funding = funding.extract_tx_with_fee_rate_limit(FeeRate::MAX);
        let funding = funding.map_err(failed)?;
        chain.mine_exactly(&[funding], &anyone).map_err(failed)?;
        let tip = chain.height().map_err(failed)?;
        let verifier = held
            .get(&Role::Verifier)
            .ok_or_else(|| failed("no verifier"))?;
        let half = |name| {
            let node = verifier.graph().find(name);
            let node = node.ok_or_else(|| failed("no such transaction"))?;
            verifier.release(node, None).map_err(failed)
        };
        let halves = [half(PaperExit::NORMAL)?, half(PaperExit::APPEALED)?];
        Ok(PaperPool {
            chain,
            terms,
            halves,
            held,
            wallets,
            fixtures,
            job: Arc::new(job),
            shared: Arc::new(point),
            shares: shares.into_iter().map(Arc::new).collect(),
            seed: *seed,
            tip,
        })
    }
}

type Staked = Vec<(Role, u32, Contribution)>;

/// Outputs that parties fund from, and which of them is whose.
fn deposits(
    params: &Params,
    fixtures: &Fixtures,
    wallets: &BTreeMap<Role, SimWallet>,
) -> Result<(Vec<TxOut>, Staked), PoolError> {
    let secp = Secp256k1::new();
    let (mut outputs, mut staked) = (Vec::new(), Vec::new());
    for ((role, wallet), vout) in wallets.iter().zip(0u32..) {
        let (value, script, change) = match role {
            Role::Arbiter(_) => {
                let key = PublicKey::from_secret_key(&secp, &fixtures.key(*role));
                let script = stake_coin_script(*role, key).map_err(failed)?;
                (params.arbiter_stake(), script, None)
            }
            _ => {
                let sum = deposit(params, *role).checked_add(CHANGE);
                let sum = sum.and_then(|sum| sum.checked_add(FEE));
                let sum = sum.ok_or_else(|| failed("a deposit that is no amount"))?;
                let change = Change {
                    value_sat: CHANGE,
                    script: wallet.script().clone(),
                };
                (sum, wallet.script().clone(), Some(change))
            }
        };
        let coins = vec![Coin {
            outpoint: OutPoint::null(),
            value_sat: value,
            script: script.clone(),
        }];
        staked.push((*role, vout, Contribution { coins, change }));
        outputs.push(TxOut {
            value,
            script_pubkey: script,
        });
    }
    Ok((outputs, staked))
}

impl PaperPool {
    /// A party that begins.
    pub(super) fn party(
        &self,
        role: Role,
        works: Works,
    ) -> Result<(LifeParty<'static>, Vec<Letter>), LifeError> {
        let order = || LifeError::Order("a party of the pool");
        let policy = Policy {
            depth: Depth::LEAST,
            confirm: 1,
            message: 1,
        };
        let signatures = self.held.get(&role).cloned().ok_or_else(order)?;
        let what = (self.terms.clone(), signatures.graph().clone());
        let contract = Contract::research(what, role, policy, self.shared.clone())?;
        let (seed, own_salt) = pool::own(&self.seed, role);
        let secp = Secp256k1::new();
        let (identity, share) = match role {
            Role::Arbiter(seat) => (
                Some(Keypair::from_secret_key(
                    &secp,
                    &self.fixtures.identity(seat),
                )),
                self.shares.get(usize::from(seat)).cloned(),
            ),
            _ => (None, None),
        };
        let worker = self.fixtures.worker_secrets();
        let appeal = worker.get(ContractSecret::Appeal);
        let work = LifeWork {
            seed,
            own_salt,
            key: self.fixtures.key(role),
            identity,
            signatures,
            since: self.tip.saturating_sub(1),
            job: (self.job.clone(), 0),
            is_aside: false,
            strategy: match works {
                Works::Wrong => Strategy::Falsify {
                    fraction: Ratio::ONE,
                    seed: 1,
                },
                Works::Right | Works::Nothing => Strategy::Honest,
            },
            // Whoever cheats does not say so.
            admits: works == Works::Right,
            seal_cost: SealCost::TRIFLING,
            judge: None,
            bindings: Some(Box::new(MemoryBindings::default())),
            paper: PaperWork {
                appeal: appeal.filter(|_| role == Role::Worker),
                share,
            },
            watch: None,
        };
        let wallet = self.wallets.get(&role).cloned().ok_or_else(order)?;
        let own = Own {
            log: MemoryLog::forgetful(),
            signer: LifeSigner::new(work, Box::new(MemoryBlobs::default()))?,
            publisher: Publisher::new(SimPurse::new(wallet), RATE),
        };
        LifeParty::open(contract, own)
    }

    /// Which half a letter of the verifier's hands over.
    pub(super) fn half(&self, bytes: &[u8]) -> Option<&'static str> {
        let Ok(ContractMessage::Release(release)) = ContractMessage::from_bytes(bytes) else {
            return None;
        };
        let [approval, rejection] = &self.halves;
        match () {
            () if approval.contains(&release) => Some("Tx4"),
            () if rejection.contains(&release) => Some("TxA"),
            () => None,
        }
    }
}
