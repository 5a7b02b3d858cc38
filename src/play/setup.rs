//! From an empty chain to a contract that everybody has signed but nobody has funded yet.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Amount, ScriptBuf,
    hashes::{Hash, HashEngine, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_contracts::{
    binding::FreshSalt,
    setup::{
        ContractSignatures, Party,
        ceremony::{self, CeremonyStep},
    },
    template::{ContractSecret, RootRecord, stage},
    terms::{
        AcceptancePolicy, ArbiterRecord, BoundDraft, BoundTerms, Coin, Contribution, PaperRecord,
        PartyRecord, Proposal, Role, SecretPoint, Terms, TermsDraft, TermsRecord,
        stake_coin_script,
    },
};
use narthex_game_model::{
    AcceptedJob, Params, ParamsRecord, Template, computation::Computation, sample,
};
use narthex_regtest::AcceptedPolicy;

use super::{
    ContractParticipant, PlayError,
    contract::{Agreed, Parts},
    panel::PanelSecret,
    records::Records,
    work::Workshop,
};
use crate::wallet::PartyWallet;

/// Everybody's second coin, for later fees; the first is for deposit and funding fee.
const FEE_COIN: Amount = Amount::from_sat(200_000);

/// Blocks from the terms to the delivery deadline: setup, work and a check fit with room to spare.
const DELIVERY_BLOCKS: u32 = 40;

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
        .accepts_job(&workshop.job)
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
    let record = propose(
        parts,
        &mut participants,
        &params,
        (&workshop, &job),
        panel_secret.as_ref(),
        (&miner_script, &policy),
    )?;
    let draft = TermsDraft::new(record)?;
    drawn.check(&draft)?;
    for participant in participants.values() {
        if let Some(coin) = draft
            .coins_of_others(participant.role)
            .find(|coin| participant.wallet.coin(*coin).is_some())
        {
            return Err(PlayError::Broken(format!("{coin} is no coin of others")));
        }
    }
    let mut records = Records::begin(participants.keys().copied())?;
    let bound = bind(&mut participants, &draft, &mut records)?;
    parts.step(
        "everybody",
        format!(
            "agrees on terms {}",
            sha256::Hash::from_byte_array(*draft.contract_id())
        ),
        "same parameters, keys, points and coins: each derives the same transactions alone",
    )?;

    let acceptance = acceptance(parts, &draft)?;
    let terms: Arc<Terms> = match bound.first() {
        Some(party) => party.terms().clone(),
        None => return Err(PlayError::Broken("no party".into())),
    };
    let (signatures, holdings) = sign_everything(parts, &participants, bound, &acceptance)?;
    let graph = holdings.first().map(|held| held.graph().clone());
    let graph = graph.ok_or_else(|| PlayError::Broken("no party".into()))?;
    for held in holdings {
        if let Some(participant) = participants.get_mut(&held.role()) {
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

/// Everybody checks that the terms are its own and binds its salt to them, durably; only then the arbiters announce.
fn bind(
    participants: &mut BTreeMap<Role, ContractParticipant>,
    draft: &TermsDraft,
    records: &mut Records,
) -> Result<Vec<BoundTerms>, PlayError> {
    let mut bound = Vec::new();
    for (role, participant) in participants.iter_mut() {
        let proposed = participant.proposed.take();
        let proposed = proposed.ok_or_else(|| PlayError::Broken("no proposal".into()))?;
        bound.push(draft.clone().bind(proposed, records.of(*role)?)?);
    }
    let secp = Secp256k1::new();
    let mut announcements = Vec::new();
    for party in &mut bound {
        if let (Role::Arbiter(_), Some(participant)) =
            (party.role(), participants.get(&party.role()))
        {
            announcements.push(party.announce(&secp, &participant.identity()?)?);
        }
    }
    let complete = |party: BoundDraft| Ok(party.complete(announcements.clone())?);
    bound.into_iter().map(complete).collect()
}

/// Nobody signs a contract that makes it pay to cheat, but for research.
fn acceptance(parts: &mut Parts<'_>, terms: &TermsDraft) -> Result<AcceptancePolicy, PlayError> {
    let found = parts.options.is_honest_play_best(terms.params());
    let (acceptance, why) = match found {
        None => return Ok(AcceptancePolicy::Research),
        Some(Ok(proof)) => (
            AcceptancePolicy::Pays(proof),
            "honest play is its only equilibrium, so nobody gains by anything else".to_owned(),
        ),
        Some(Err(why)) if parts.options.research => (AcceptancePolicy::Research, why.to_string()),
        Some(Err(why)) => return Err(why.into()),
    };
    parts.step(
        "everybody",
        "solves the game of these terms".to_owned(),
        &why,
    )?;
    Ok(acceptance)
}

/// Everybody derives the graph and signs it with everybody.
fn sign_everything(
    parts: &mut Parts<'_>,
    participants: &BTreeMap<Role, ContractParticipant>,
    bound: Vec<BoundTerms>,
    acceptance: &AcceptancePolicy,
) -> Result<(usize, Vec<ContractSignatures<Terms>>), PlayError> {
    // Each party derives, draws nonces, signs and closes every stage.
    let total = participants.len() as u32 * (3 + stage::ALL.len() as u32);
    let mut done = 0;
    let nobody = || PlayError::Broken("no party".into());
    let mut parties = Vec::new();
    for party in bound {
        let role = party.role();
        parts
            .reporter
            .progress(&format!("{role} derives the graph"), done, total);
        let participant = participants.get(&role).ok_or_else(nobody)?;
        parties.push(Party::new(party, &participant.key()?, acceptance)?);
        done += 1;
    }
    let first = parties.first().ok_or_else(nobody)?;
    let signatures = first.plan().items().len();
    let holdings = ceremony::run(parties, &mut parts.rng, |step| {
        let what = match step {
            CeremonyStep::Nonces(role) => format!("{role} draws nonces"),
            CeremonyStep::Sign(role) => format!("{role} signs"),
            CeremonyStep::Close(role, stage) => format!("{role} verifies {stage}"),
        };
        parts.reporter.progress(&what, done, total);
        done += 1;
    })?;
    parts.reporter.progress("signed", total, total);
    Ok((signatures, holdings))
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
    let deliver_height = parts.chain.height()? + DELIVERY_BLOCKS;
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

/// Each party makes its own part of the terms.
fn propose(
    parts: &mut Parts<'_>,
    participants: &mut BTreeMap<Role, ContractParticipant>,
    params: &Params,
    (workshop, job): (&Workshop, &AcceptedJob),
    panel_secret: Option<&PanelSecret>,
    (miner_script, policy): (&ScriptBuf, &AcceptedPolicy),
) -> Result<TermsRecord, PlayError> {
    let mut records = BTreeMap::new();
    for (role, participant) in participants.iter_mut() {
        let funding = match (params.template(), role) {
            (Template::Paper, Role::Arbiter(_)) => {
                stake_coin(parts, participant, params, (miner_script, policy))?
            }
            _ => contribution(participant, params, (parts, policy))?,
        };
        let point = |secret: Option<SecretKey>| {
            secret.map(|secret| PublicKey::from_secret_key(&Secp256k1::new(), &secret))
        };
        let nonce = sample::nonce_commitment(&workshop.sample_nonce);
        let identity = match role {
            Role::Arbiter(_) => Some(participant.identity()?.x_only_public_key().0),
            _ => None,
        };
        let proposal = Proposal {
            role: *role,
            key: participant.public_key()?,
            salt: FreshSalt::draw(&mut parts.rng),
            payout: participant.payout.clone(),
            funding,
            params_hash: params.hash(),
            job: *job,
            funding_rate: parts.options.common.rate,
            identity,
            result: point(participant.secrets.get(ContractSecret::Result)),
            token: point(participant.secrets.get(ContractSecret::Token))
                .filter(|_| params.template().has_delivery()),
            appeal: point(participant.secrets.get(ContractSecret::Appeal))
                .filter(|_| params.template() == Template::Paper),
            sample_nonce: (*role == Role::Verifier).then(|| sha256::Hash::from_byte_array(nonce)),
        };
        records.insert(*role, proposal.record());
        participant.proposed = Some(proposal);
    }
    let mut take = |role: Role| {
        records
            .remove(&role)
            .ok_or_else(|| PlayError::Broken(format!("no {role}")))
    };
    let (client, worker, verifier) = (
        take(Role::Client)?,
        take(Role::Worker)?,
        take(Role::Verifier)?,
    );

    let secp = Secp256k1::new();
    let hash = params.hash();
    let mut arbiters = Vec::new();
    for i in 0..params.arbiters() {
        let PartyRecord {
            key,
            salt,
            payout,
            funding,
        } = take(Role::Arbiter(i))?;
        let participant = participants.get(&Role::Arbiter(i));
        let participant = participant.ok_or_else(|| PlayError::Broken("an empty seat".into()))?;
        arbiters.push(ArbiterRecord {
            key,
            salt,
            payout,
            funding,
            identity: participant.identity()?.x_only_public_key().0,
        });
    }
    let secrets = &participants[&Role::Worker].secrets;
    let missing = || PlayError::Broken("a worker without secrets".into());
    let result = SecretPoint::result(
        &secp,
        &secrets.get(ContractSecret::Result).ok_or_else(missing)?,
        &worker.key,
        &hash,
    );
    let token = match params.template() {
        Template::Hardened | Template::Audited => Some(SecretPoint::token(
            &secp,
            &secrets.get(ContractSecret::Token).ok_or_else(missing)?,
            &worker.key,
            &hash,
        )),
        Template::Paper => None,
    };
    let paper = match params.template() {
        Template::Hardened | Template::Audited => None,
        Template::Paper => Some(PaperRecord {
            appeal: SecretPoint::appeal(
                &secp,
                &secrets.get(ContractSecret::Appeal).ok_or_else(missing)?,
                &worker.key,
                &hash,
            ),
            panel: panel_secret
                .and_then(|s| s.point.point())
                .ok_or_else(missing)?,
        }),
    };
    Ok(TermsRecord {
        params: params.record().clone(),
        client,
        worker,
        verifier,
        arbiters,
        job: sha256::Hash::from_byte_array(job.id()),
        sample_nonce: sha256::Hash::from_byte_array(sample::nonce_commitment(
            &workshop.sample_nonce,
        )),
        result,
        token,
        paper,
        funding_rate_sat_per_kwu: parts.options.common.rate,
    })
}

/// A party's coins and change for its deposit.
fn contribution(
    participant: &mut ContractParticipant,
    params: &Params,
    (parts, policy): (&Parts<'_>, &AcceptedPolicy),
) -> Result<Contribution, PlayError> {
    let deposit = narthex_contracts::terms::deposit(params, participant.role);
    let (contribution, psbt) =
        participant
            .wallet
            .contribute(deposit, parts.options.common.rate, policy)?;
    let coins: Amount = contribution.coins.iter().map(|c| c.value_sat).sum();
    let change = contribution
        .change
        .as_ref()
        .map_or(Amount::ZERO, |c| c.value_sat);
    participant.fees += coins - deposit - change;
    participant.contributed = Some(psbt);
    Ok(contribution)
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
