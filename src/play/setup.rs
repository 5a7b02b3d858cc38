//! From an empty chain to a contract that everybody has signed but nobody has funded yet.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Amount, ScriptBuf, Transaction, consensus,
    hashes::{Hash, HashEngine, sha256},
    secp256k1::{
        PublicKey,
        rand::{SeedableRng, rngs::StdRng},
    },
};
use narthex_channel::{
    log::MemoryLog,
    setup::{ChainView, Negotiation, Phase, SetupEffect, Timing},
};
use narthex_contracts::{
    party::PartyName,
    setup::ContractSignatures,
    template::{Reserve, RootRecord, stage},
    terms::{AcceptancePolicy, Coin, Contribution, Role, Terms, stake_coin_script},
};
use narthex_game_model::{
    AcceptedJob, Params, ParamsRecord, Template, computation::Computation as _,
};
use narthex_regtest::AcceptedPolicy;

use super::{
    ContractParticipant, PlayError,
    contract::{Agreed, Parts},
    records::Records,
    workshop::Workshop,
};
use crate::{
    setup::{Accord, ComputationSigner, Meeting, Stake, Standing},
    wallet::PartyWallet,
};

/// Everybody's second coin, for later fees; the first is for deposit and funding fee.
const FEE_COIN: Amount = Amount::from_sat(200_000);

/// Seconds that a party waits for another. In one process nobody is late.
const PATIENCE_S: u32 = 600;

/// Blocks from the terms to the delivery deadline: setup, work and a check fit with room to spare.
const DELIVERY_BLOCKS: u32 = 40;

/// Blocks of them for the set-up: what the example leaves of them to the work is the rest.
const SETUP_BLOCKS: u32 = 28;

/// Steps that are sampled, at most. Of the shipped job's 897 with eight of them wrong, this catches a cheat so often that no
/// payment between worker and verifier is worth its while (`narthex game solve`).
const SAMPLE: u32 = 130;

/// A 32-byte secret of the play by name.
pub(super) fn secret(seed: &[u8; 32], name: &str) -> [u8; 32] {
    let mut engine = sha256::Hash::engine();
    engine.input(seed);
    engine.input(name.as_bytes());
    sha256::Hash::from_engine(engine).to_byte_array()
}

/// Everything before the funding.
pub(super) fn agree(parts: &mut Parts<'_>) -> Result<Agreed, PlayError> {
    let seed = parts.seed;
    let wallet = |name: &str| PartyWallet::new(name, &secret(&seed, name));
    let mut miner = wallet("miner")?;
    let mut fund = wallet("common fund")?;
    let miner_script = miner.fresh_script();

    let workshop = Workshop::open(&parts.options, |name| secret(&seed, name))?;
    let steps = workshop.job.steps();
    parts.step(
        "client",
        workshop.origin.offer(&workshop.job),
        "pays for the result exactly when it is right",
    )?;

    let mut participants = BTreeMap::new();
    for role in Role::PRINCIPALS {
        participants.insert(
            role,
            ContractParticipant::new(role, &secret(&seed, &role.to_string()))?,
        );
    }
    let policy = hand_out_coins(parts, &mut miner, &miner_script, participants.values_mut())?;
    let params = params(parts, fund.fresh_script(), steps)?;
    if params.template().has_delivery() {
        RootRecord::check_room(&params, parts.options.depth)?;
    }
    // Nobody agrees on a job that the parameters were not made for.
    let job = params
        .accepts_job(&*workshop.job)
        .map_err(super::job::misfit)?;
    // One negotiation is had about parameters in a play.
    let negotiation = params.hash();
    for participant in participants.values_mut() {
        participant.negotiates(negotiation);
    }
    let candidates = super::panel::publish_offers(parts, &mut miner, &miner_script, &params)?;
    let mut keys = Vec::new();
    for participant in participants.values() {
        keys.push(participant.public_key()?);
    }
    let keys: [PublicKey; 3] = keys
        .try_into()
        .map_err(|_| PlayError::Broken("not three principals".into()))?;
    let mut drawn = super::panel::draw(parts, candidates, &params, keys, &miner_script)?;
    let seated = std::mem::take(&mut drawn.participants);
    participants.extend(seated.into_iter().map(|mut participant| {
        participant.negotiates(negotiation);
        (participant.role, participant)
    }));

    let panel_secret = match params.template() {
        Template::Hardened | Template::Audited => None,
        Template::Paper => Some(super::panel::share_secret(
            &params,
            drawn.transcript(),
            &mut parts.rng,
        )?),
    };
    let mut records = Records::begin(participants.keys().copied())?;
    let about = About {
        params: &params,
        job,
        panel: panel_secret
            .as_ref()
            .and_then(|secret| secret.point.point()),
        sample_nonce: workshop.sample_nonce,
        drawn: &drawn,
        miner_script: &miner_script,
    };
    let stakes = stakes(parts, &mut participants, &params, (&miner_script, &policy))?;
    let met = meet(
        parts,
        (&mut participants, &mut records),
        stakes,
        &about,
        &policy,
    )?;
    parts.step(
        "everybody",
        format!(
            "agrees on terms {}",
            sha256::Hash::from_byte_array(*met.terms.contract_id())
        ),
        "same parameters, keys, points and coins: each derives the same transactions alone",
    )?;
    if let Some(why) = &met.accepted {
        parts.step(
            "everybody",
            "solves the game of these terms".to_owned(),
            why,
        )?;
    }
    let Met {
        terms,
        funding,
        signatures,
        holdings,
        ..
    } = met;
    let graph = holdings.first().map(|held| held.graph().clone());
    let graph = graph.ok_or_else(|| PlayError::Broken("no party".into()))?;
    for held in holdings {
        let role = held.role();
        if let Some(participant) = participants.get_mut(&role) {
            participant.fees += funding_fee(&terms, role);
            participant.holdings = Some(held);
        }
    }
    let transactions = graph.nodes().len();
    parts.step(
        "everybody",
        format!("signs {signatures} inputs of {transactions} transactions, checks, and withholds what it must"),
        "nobody funds before holding every signature that it may need",
    )?;
    Ok(Agreed {
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
    })
}

/// Why everybody goes on: nobody signs a contract that makes it pay to cheat, but for research.
fn acceptance(
    parts: &Parts<'_>,
    params: &Params,
) -> Result<(AcceptancePolicy, Option<String>), PlayError> {
    Ok(match parts.options.is_honest_play_best(params) {
        None => (AcceptancePolicy::Research, None),
        Some(Ok(proof)) => {
            let why = "honest play is its only equilibrium, so nobody gains by anything else";
            (AcceptancePolicy::Pays(proof), Some(why.to_owned()))
        }
        Some(Err(why)) if parts.options.research => {
            (AcceptancePolicy::Research, Some(why.to_string()))
        }
        Some(Err(why)) => return Err(why.into()),
    })
}

/// What the set-up is about.
struct About<'a> {
    params: &'a Params,
    job: AcceptedJob,
    panel: Option<PublicKey>,
    sample_nonce: [u8; 32],
    drawn: &'a super::panel::Drawn,
    miner_script: &'a ScriptBuf,
}

/// What the set-up came to.
struct Met {
    terms: Arc<Terms>,
    funding: Transaction,
    /// Inputs that were signed.
    signatures: usize,
    holdings: Vec<ContractSignatures<Terms>>,
    accepted: Option<String>,
}

/// Everybody's machine takes its seat, and they go on until the funding is signed by all: each by its own log, record and
/// signer, and by nothing of the others' but what they sent.
fn meet(
    parts: &mut Parts<'_>,
    (participants, records): (&mut BTreeMap<Role, ContractParticipant>, &mut Records),
    mut stakes: BTreeMap<Role, Stake>,
    about: &About<'_>,
    policy: &AcceptedPolicy,
) -> Result<Met, PlayError> {
    let (acceptance, accepted) = acceptance(parts, about.params)?;
    let accord = Accord {
        params: about.params,
        job: about.job,
        rate: parts.options.common.rate,
        // Each has one coin more than it stakes, which is all that a play needs.
        reserve: Reserve::NONE,
        node: policy,
        panel: about.panel,
        is_panel: &|draft| about.drawn.check(draft).map_err(|error| error.to_string()),
        accepts: &|_| Ok(acceptance.clone()),
    };
    let parties = Role::all(about.params.arbiters()).map(PartyName::from);
    let parties = parties.collect::<Vec<_>>();
    let timing = Timing {
        patience_s: PATIENCE_S,
        // The worker has its time whenever the funding comes.
        funding_deadline: (about.params.deliver_height())
            .saturating_sub(about.params.windows().work_blocks.into()),
        margin: 1,
        burial: 1,
    };
    let id = about.params.hash();
    // Each proposes, binds, announces, signs and closes every stage.
    let total = parties.len() as u32 * (4 + stage::ALL.len() as u32);
    let (seed, mut done) = (parts.seed, 0);
    let reporter = &mut *parts.reporter;
    let mut watch = |who: PartyName, effect: SetupEffect| {
        let what = match effect {
            SetupEffect::Propose { .. } => "proposes its part",
            SetupEffect::Bind { .. } => "binds itself to the terms",
            SetupEffect::Announce { .. } => "derives the graph and draws nonces",
            SetupEffect::Sign { .. } => "signs",
            SetupEffect::Close { .. } => "verifies a stage",
            _ => return,
        };
        reporter.progress(&format!("{who} {what}"), done, total);
        done += 1;
    };
    let mut meeting = Meeting::new();
    for ((role, record), participant) in records.each().zip(participants.values_mut()) {
        let name = PartyName::from(role);
        let lead = Role::Client.into();
        let negotiation = Negotiation::new(id, parties.clone(), (name, lead), timing)
            .map_err(|error| PlayError::Broken(error.to_string()))?;
        let standing = Standing {
            role,
            key: participant.key()?,
            identity: match role {
                Role::Arbiter(_) => Some(participant.identity()?),
                _ => None,
            },
            payout: participant.payout.clone(),
            stake: stakes.remove(&role).unwrap_or(Stake::Wallet),
            wallet: &mut participant.wallet,
            secrets: &participant.secrets,
            sample_nonce: (role == Role::Verifier).then_some(about.sample_nonce),
            bindings: record,
            rng: StdRng::from_seed(secret(&seed, &format!("what {role} draws"))),
        };
        let signer = ComputationSigner::new(standing, &accord);
        meeting.join((negotiation, MemoryLog::forgetful(), signer), &mut watch)?;
    }
    meeting.settle(&mut watch)?;
    let broken = |what: &str| PlayError::Broken(what.to_owned());
    let funding = meeting.broadcasts().first();
    let funding = funding.ok_or_else(|| broken("a set-up that comes to no funding"))?;
    let funding: Transaction =
        consensus::deserialize(funding).map_err(|error| PlayError::Broken(error.to_string()))?;
    parts.chain.submit(&funding)?;
    parts.chain.mine(1, about.miner_script)?;
    let tip = parts.chain.height()?;
    let view = ChainView {
        tip,
        funded_at: Some(tip),
        spent_at: None,
    };
    meeting.show(view, &mut watch)?;
    if !meeting.is_everybody(Phase::Live) {
        return Err(broken("a funding that not everybody sees"));
    }
    let seats = meeting.into_seats().into_values();
    let holdings = seats.map(|seat| seat.into_signer().into_signatures());
    let holdings = holdings.collect::<Option<Vec<_>>>();
    let holdings = holdings.ok_or_else(|| broken("a set-up without signatures"))?;
    let first = holdings.first().ok_or_else(|| broken("no party"))?;
    parts.reporter.progress("signed", total, total);
    Ok(Met {
        terms: first.terms().clone(),
        funding,
        signatures: first.items_signed(),
        holdings,
        accepted,
    })
}

/// Pays everybody its first coins out of block rewards, once the node is known to take what contracts end with.
pub(super) fn hand_out_coins<'a>(
    parts: &mut Parts<'_>,
    miner: &mut PartyWallet,
    miner_script: &ScriptBuf,
    participants: impl Iterator<Item = &'a mut ContractParticipant>,
) -> Result<AcceptedPolicy, PlayError> {
    let mut participants = participants.collect::<Vec<_>>();
    let first_coin = parts.options.first_coin()?;
    let mut payments = Vec::new();
    for participant in &mut participants {
        let coins = [first_coin, FEE_COIN];
        payments.extend(coins.map(|amount| (participant.wallet.fresh_script(), amount)));
    }
    let needed = payments.iter().map(|(_, amount)| *amount).sum::<Amount>();
    if miner.balance() < needed.max(Amount::ONE_BTC) {
        // Later blocks pay half as much.
        let coins = 2 + u32::try_from(needed.to_sat() / Amount::from_int_btc(25).to_sat())
            .unwrap_or(u32::MAX);
        narthex_regtest::mine_coins(parts.chain, coins, miner_script, miner_script)?;
        miner.sync(parts.chain)?;
    }
    let policy = miner.probe(parts.chain, parts.options.common.rate)?;
    let tx = miner.pay(&payments, parts.options.common.rate)?;
    parts.chain.submit(&tx)?;
    parts.chain.mine(1, miner_script)?;
    miner.sync(parts.chain)?;
    for participant in participants {
        participant.wallet.sync(parts.chain)?;
        participant.before = participant.wallet.balance();
    }
    Ok(policy)
}

/// Steps that are sampled of a job of so many, where no case says how many.
pub(super) fn sample_of(steps: u64) -> u32 {
    SAMPLE.min(u32::try_from(steps).unwrap_or(SAMPLE))
}

fn params(parts: &mut Parts<'_>, fund: ScriptBuf, steps: u64) -> Result<Params, PlayError> {
    let (n, k) = (parts.options.arbiters, parts.options.quorum);
    // A case may leave the work more blocks than the example.
    let work = (parts.options.case.as_ref()).map_or(0, |case| case.params.windows.work_blocks);
    let room = DELIVERY_BLOCKS.max(SETUP_BLOCKS + u32::from(work));
    let deliver_height = parts.chain.height()? + room;
    let example = |record: ParamsRecord| record.for_job(steps, sample_of(steps));
    let record = match (&parts.options.case, parts.options.template) {
        (Some(case), _) => super::case::at_height(case, deliver_height)?,
        (None, template) => example(ParamsRecord::example_of(template, n, k, deliver_height))?,
    };
    let record = ParamsRecord {
        fund: fund.into_bytes(),
        ..record
    };
    Ok(Params::new(record)?)
}

/// What a party pays of the funding's fee: its coins less deposit and change. Coins of the `paper` template's stakes are
/// spent later.
fn funding_fee(terms: &Terms, role: Role) -> Amount {
    let coins = terms.record().funding(role);
    let coins = coins.map_or(Amount::ZERO, |funding| {
        let change = funding
            .change
            .as_ref()
            .map_or(Amount::ZERO, |c| c.value_sat);
        funding
            .coins
            .iter()
            .map(|coin| coin.value_sat)
            .sum::<Amount>()
            - change
    });
    coins - terms.deposit(role)
}

/// In the `paper` template arbiters' stakes are coins that are made before.
fn stakes(
    parts: &mut Parts<'_>,
    participants: &mut BTreeMap<Role, ContractParticipant>,
    params: &Params,
    by: (&ScriptBuf, &AcceptedPolicy),
) -> Result<BTreeMap<Role, Stake>, PlayError> {
    let mut stakes = BTreeMap::new();
    if params.template() != Template::Paper {
        return Ok(stakes);
    }
    for (role, participant) in participants.iter_mut() {
        if matches!(role, Role::Arbiter(_)) {
            let coin = stake_coin(parts, participant, params, by)?;
            stakes.insert(*role, Stake::Coin(coin));
        }
    }
    Ok(stakes)
}

/// In the paper's template an arbiter's stake is a coin of its own that it made when it offered itself.
fn stake_coin(
    parts: &mut Parts<'_>,
    participant: &mut ContractParticipant,
    params: &Params,
    (miner_script, _): (&ScriptBuf, &AcceptedPolicy),
) -> Result<Contribution, PlayError> {
    let script = stake_coin_script(participant.role, participant.public_key()?)?;
    let value_sat = params.arbiter_stake();
    let tx = participant
        .wallet
        .pay(&[(script.clone(), value_sat)], parts.options.common.rate)?;
    parts.chain.submit(&tx)?;
    parts.chain.mine(1, miner_script)?;
    participant.wallet.sync(parts.chain)?;
    let (sent, received) = participant.wallet.sent_and_received(&tx);
    participant.fees += sent - received - value_sat;
    let vout = tx
        .output
        .iter()
        .position(|out| out.script_pubkey == script)
        .unwrap_or(0) as u32;
    let outpoint = bitcoin::OutPoint {
        txid: tx.compute_txid(),
        vout,
    };
    Ok(Contribution {
        coins: vec![Coin {
            outpoint,
            value_sat,
            script,
        }],
        change: None,
    })
}
