//! Real signers, logs on disk: a party is killed at each of its writes and goes on, and no key, salt or nonce is lost by it.

use std::{collections::BTreeMap, path::Path};

use bitcoin::{
    OutPoint, Transaction, consensus,
    secp256k1::{
        SecretKey,
        rand::{SeedableRng, rngs::StdRng},
    },
};
use narthex::{
    channel::{
        log::{FailingLog, Fault, Identity, SqliteLog},
        setup::{ChainView, Negotiation, Phase, Timing},
    },
    contracts::{
        binding::MemoryBindings,
        fixtures::Fixtures,
        funding::FeeCoin,
        party::PartyName,
        setup::Secrets,
        template::{ContractSecret, Exit, Reserve},
        terms::{AcceptancePolicy, FeeRate, Role},
    },
    game_model::Template,
    regtest::{AcceptedPolicy, Broadcaster, ChainSource, Embedded, Miner, mine_coins},
    setup::{Accord, ComputationSigner, Meeting, Stake, Standing},
    wallet::PartyWallet,
};
use tempfile::TempDir;

pub const ARBITERS: u8 = 3;
pub const SAMPLE_NONCE: [u8; 32] = [9; 32];

type Log = FailingLog<SqliteLog>;

pub struct World {
    pub chain: Embedded,
    pub wallets: BTreeMap<Role, PartyWallet>,
    pub bindings: BTreeMap<Role, MemoryBindings>,
    pub fixtures: Fixtures,
    pub secrets: Secrets,
    pub policy: AcceptedPolicy,
    pub rate: FeeRate,
}

impl World {
    pub fn height(&mut self) -> u32 {
        self.chain.height().unwrap()
    }

    /// A party's coins.
    pub fn coins(&mut self, role: Role) -> Vec<FeeCoin> {
        let (mut coins, wallet) = (Vec::new(), &self.wallets[&role]);
        for height in 1..=self.chain.height().unwrap() {
            for tx in self.chain.block(height).unwrap().txdata {
                let txid = tx.compute_txid();
                let outputs = (0..tx.output.len() as u32).map(|vout| OutPoint { txid, vout });
                coins.extend(outputs.filter_map(|outpoint| wallet.coin(outpoint)));
            }
        }
        coins
    }
}

/// Everybody with so many coins.
pub fn world(coins: u32) -> World {
    let (mut chain, rate) = (Embedded::new(), FeeRate::from_sat_per_kwu(500));
    let mut wallets = BTreeMap::new();
    for role in Role::all(ARBITERS) {
        let seed = [role.index() as u8 + 1; 32];
        let mut wallet = PartyWallet::new(&role.to_string(), &seed).unwrap();
        let script = wallet.fresh_script();
        mine_coins(&mut chain, coins, &script, &crate::common::miner()).unwrap();
        wallet.sync(&mut chain).unwrap();
        wallets.insert(role, wallet);
    }
    for wallet in wallets.values_mut() {
        wallet.sync(&mut chain).unwrap();
    }
    let height = chain.height().unwrap() + 100;
    let fixtures = Fixtures::example(Template::Hardened, ARBITERS, 2, height, [7; 32]).unwrap();
    let secrets = fixtures
        .worker_secrets()
        .with(ContractSecret::Token, fixtures.token());
    let policy = wallets[&Role::Client].probe(&mut chain, rate).unwrap();
    World {
        chain,
        wallets,
        bindings: Role::all(ARBITERS)
            .map(|role| (role, MemoryBindings::default()))
            .collect(),
        fixtures,
        secrets,
        policy,
        rate,
    }
}

struct Killed {
    role: Role,
    write: u32,
    side: Fault,
}

fn log(folder: &Path, role: Role, killed: Option<&Killed>) -> Log {
    let path = folder.join(format!("{role}.log"));
    let log = SqliteLog::open(&path, &Identity::new("setup", [3; 32])).unwrap();
    match killed.filter(|killed| killed.role == role) {
        Some(killed) => FailingLog::new(log, killed.write, killed.side),
        None => FailingLog::new(log, u32::MAX, Fault::Before),
    }
}

/// What all of them know before.
pub fn accord<'a>(fixtures: &'a Fixtures, node: &'a AcceptedPolicy, rate: FeeRate) -> Accord<'a> {
    Accord {
        params: fixtures.params(),
        job: fixtures.job().unwrap(),
        rate,
        reserve: Reserve::NONE,
        node,
        panel: None,
        is_panel: &|_| Ok(()),
        accepts: &|_| Ok(AcceptancePolicy::Research),
    }
}

/// One of them.
pub fn standing<'a>(
    role: Role,
    (wallet, bindings): (&'a mut PartyWallet, &'a mut MemoryBindings),
    (fixtures, secrets): (&Fixtures, &'a Secrets),
    seed: u8,
) -> Standing<'a> {
    let secp = bitcoin::secp256k1::Secp256k1::new();
    let identity = match role {
        Role::Arbiter(i) => Some(fixtures.identity(i).keypair(&secp)),
        _ => None,
    };
    Standing {
        role,
        key: fixtures.key(role),
        identity,
        payout: wallet.fresh_script(),
        wallet,
        stake: Stake::Wallet,
        secrets,
        sample_nonce: (role == Role::Verifier).then_some(SAMPLE_NONCE),
        bindings,
        rng: StdRng::from_seed([seed; 32]),
    }
}

pub fn about(role: Role, deadline: u32) -> Negotiation {
    let timing = Timing {
        patience_s: 60,
        funding_deadline: deadline,
        margin: 1,
        burial: 1,
    };
    let parties = Role::all(ARBITERS).map(PartyName::from);
    let (me, lead) = (role.into(), Role::Client.into());
    Negotiation::new([3; 32], parties, (me, lead), timing).unwrap()
}

/// A set-up in which one is killed; whether it was, and how many attempts it took.
fn set_up(world: &mut World, folder: &Path, killed: &Killed, salt: u8) -> (bool, u8) {
    let World {
        wallets,
        bindings,
        fixtures,
        secrets,
        policy,
        rate,
        chain,
        ..
    } = world;
    let accord = accord(fixtures, policy, *rate);
    let deadline = chain.height().unwrap() + 50;
    let mut meeting: Meeting<ComputationSigner<'_>, Log> = Meeting::new();
    let watch = &mut |_, _| ();
    for ((role, wallet), record) in wallets.iter_mut().zip(bindings.values_mut()) {
        let role = *role;
        let seed = role.index() as u8 * 16 + salt;
        let standing = standing(role, (wallet, record), (fixtures, secrets), seed);
        let seat = (
            about(role, deadline),
            log(folder, role, Some(killed)),
            ComputationSigner::new(standing, &accord),
        );
        meeting.join(seat, watch).unwrap();
    }
    let mut was_killed = false;
    loop {
        match meeting.deliver(watch) {
            Ok(None) => break,
            Ok(Some(_)) => {}
            Err(error) => {
                assert!(error.is_log(), "{error}");
                was_killed = true;
                // All that was in memory goes; what is drawn from now on is other.
                let signer = meeting.leave(killed.role).unwrap();
                let standing = Standing {
                    rng: StdRng::from_seed([0xee ^ salt; 32]),
                    ..signer.into_standing()
                };
                let seat = (
                    about(killed.role, deadline),
                    log(folder, killed.role, None),
                    ComputationSigner::new(standing, &accord),
                );
                meeting.join(seat, watch).unwrap();
            }
        }
    }
    assert!(
        meeting.is_everybody(Phase::Committed),
        "write {}",
        killed.write
    );
    let attempts = meeting.seat(Role::Client).unwrap().machine().attempt() + 1;
    let whole = meeting.broadcasts();
    assert_eq!(whole.len(), 1);
    let whole: Transaction = consensus::deserialize(&whole[0]).unwrap();
    // Everybody holds the same contract, and its way out of it.
    let mut ids = Vec::new();
    for (party, seat) in meeting.into_seats() {
        let machine = seat.machine().clone();
        let mut signer = seat.into_signer();
        signer.restore(&machine).unwrap();
        let signatures = signer.into_signatures().unwrap();
        ids.push(*signatures.terms().agreement_id());
        if party == Role::Client {
            let way_out = signatures.graph().find(Exit::WORKER_TIMEOUT).unwrap();
            signatures.complete(way_out, &Secrets::default()).unwrap();
            assert_eq!(
                signatures
                    .graph()
                    .txid(narthex::contracts::graph::TxGraph::FUNDING),
                Some(whole.compute_txid())
            );
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let coins: Vec<_> = whole
        .input
        .iter()
        .map(|input| input.previous_output)
        .collect();
    for wallet in wallets.values_mut() {
        // What funds the contract is kept for it, after a start in any state too.
        let own = coins.iter().filter(|coin| wallet.coin(**coin).is_some());
        for coin in own.copied().collect::<Vec<_>>() {
            assert!(!wallet.reserve(coin), "write {}", killed.write);
        }
        wallet.free(coins.iter().copied());
    }
    (was_killed, attempts)
}

/// No secret of a party stands in its log, whatever was written there.
fn assert_no_secret(folder: &Path, role: Role, secrets: &[SecretKey]) {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(&role.to_string())
        {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    assert!(bytes.len() > 10_000, "{} bytes of {role}", bytes.len());
    for secret in secrets {
        let secret = secret.secret_bytes();
        assert!(
            !bytes.windows(32).any(|window| window == secret),
            "a secret of {role} is on disk"
        );
    }
}

#[test]
fn whoever_is_killed_while_it_writes_goes_on() {
    // One coin each: whoever loses an attempt has it back for the next.
    let mut world = world(1);
    // Some writes of the worker and of an arbiter; mocks are killed at every one (`schedules`).
    for (role, first) in [(Role::Worker, 1), (Role::Arbiter(1), 2)] {
        let mut kills = 0;
        for write in (first..).step_by(5) {
            let folder = TempDir::new().unwrap();
            let side = if write % 2 == 0 {
                Fault::Before
            } else {
                Fault::After
            };
            let killed = Killed { role, write, side };
            let (was_killed, attempts) = set_up(&mut world, folder.path(), &killed, write as u8);
            assert!(
                attempts <= 2,
                "{role} killed at write {write}: {attempts} attempts"
            );
            if !was_killed {
                break;
            }
            kills += 1;
            let own = [
                world.fixtures.key(role),
                world.fixtures.result(),
                world.fixtures.token(),
            ];
            assert_no_secret(folder.path(), role, &own);
        }
        assert!(kills > 5, "{role} was killed {kills} times");
    }
}

#[test]
fn what_was_set_up_is_funded_and_buried() {
    let mut world = world(2);
    let folder = TempDir::new().unwrap();
    let never = Killed {
        role: Role::Worker,
        write: u32::MAX,
        side: Fault::Before,
    };
    let before = world.chain.height().unwrap();
    set_up(&mut world, folder.path(), &never, 1);
    // A process that comes back later finds its contract in its log, and the funding on the chain.
    let deadline = before + 50;
    let World {
        wallets,
        bindings,
        fixtures,
        secrets,
        policy,
        rate,
        chain,
        ..
    } = &mut world;
    let accord = accord(fixtures, policy, *rate);
    let role = Role::Client;
    let wallet = wallets.get_mut(&role).unwrap();
    let own = (wallet, bindings.get_mut(&role).unwrap());
    let standing = standing(role, own, (fixtures, secrets), 5);
    let mut meeting: Meeting<_, Log> = Meeting::new();
    let signer = ComputationSigner::new(standing, &accord);
    let watch = &mut |_, _| ();
    meeting
        .join(
            (
                about(role, deadline),
                log(folder.path(), role, None),
                signer,
            ),
            watch,
        )
        .unwrap();
    let whole: Transaction = consensus::deserialize(&meeting.broadcasts()[0]).unwrap();
    chain.submit(&whole).unwrap();
    chain.mine(1, &whole.output[0].script_pubkey).unwrap();
    let tip = chain.height().unwrap();
    let view = |funded_at| ChainView {
        tip,
        funded_at,
        spent_at: None,
    };
    meeting.show(view(Some(tip)), watch).unwrap();
    assert!(meeting.is_everybody(Phase::Live));
    // A reorganisation takes it back; later than the deadline, the coins are wanted back.
    meeting.show(view(None), watch).unwrap();
    assert!(meeting.is_everybody(Phase::Committed));
    let late = ChainView {
        tip: deadline + 1,
        funded_at: None,
        spent_at: None,
    };
    meeting.show(late, watch).unwrap();
    assert!(meeting.is_everybody(Phase::Withdrawing));
    assert!(meeting.withdrawing().contains(&role.into()));
    let spent = ChainView {
        tip: deadline + 2,
        spent_at: Some(deadline + 2),
        funded_at: None,
    };
    meeting.show(spent, watch).unwrap();
    assert!(meeting.is_everybody(Phase::Dropped));
}
