//! What each template costs the client of the same work: what leagues cost it, what it locks, what is signed and published.

use bitcoin::{Amount, Weight};
use narthex_contracts::{
    graph::TxGraph,
    setup::{Item, Plan},
    template::Exit,
    terms::{FeeRate, Role},
};
use narthex_game_model::{
    Params, ParamsRecord, Template,
    game::{Economics, Inspection, League, Rational, exact},
    params::Audit,
};

use super::fees::made_up_graph;

/// What a share of a signature costs a party at set-up, its own or another's that it reads and checks: `narthex bench` took 10 ms
/// for one party of 2 of 3 and 74 ms of 3 of 5 on two cores of a virtual machine, busy with other work, and half of it on a quiet
/// one. Another machine is as much slower or faster as `narthex bench` says there.
pub const MICROSECONDS_PER_SHARE: u64 = 30;

/// A template's price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplatePrice {
    /// Which.
    pub template: Template,
    /// What leagues of worker and verifier cost the client on average, in satoshi: wrong results that it takes, and the
    /// audits that keep them few. It does not know a league when it meets one.
    pub expected_loss: Rational,
    /// What the client locks in the contract output.
    pub locked: Amount,
    /// Size of Tx0 and S3 without their children, in vB.
    pub happy_path_vbytes: u64,
    /// Inputs that are signed at set-up.
    pub signed_inputs: usize,
    /// What one party's machine takes for the set-up, an estimate: [`MICROSECONDS_PER_SHARE`] for each share of a signature in
    /// which it takes part, its own and the others'. Messages come to it.
    pub setup_milliseconds: u64,
    /// Fees and losses together, in satoshi: what the choice goes by.
    pub cost: Rational,
}

/// The hardened template and the audited one for these parameters, of the hardened one; the cheaper first.
///
/// The audited contract looks at as many steps as the sample has, pays arbiters of a challenge what those of an appeal get
/// (w − φ − b), or what a ruling costs if that is more, and a client that is right the price of the work (or what the stakes
/// leave, and w − φ at most). Its window is the shortest that
/// leaves each side `answer_blocks`.
///
/// Where there is no audited contract, such as one whose bond would have to be more than the stakes pay, it is left out, and why
/// comes with the prices.
///
/// # Errors
/// If there are no figures about leagues.
pub fn template_prices(
    params: &Params,
    economics: &Economics,
    rate: FeeRate,
    answer_blocks: u16,
) -> anyhow::Result<(Vec<TemplatePrice>, Option<anyhow::Error>)> {
    let mut prices = vec![price(params, economics, rate)?];
    let without = match challenged(params, economics, answer_blocks) {
        Ok(audited) => {
            prices.push(price(&audited, economics, rate)?);
            None
        }
        Err(why) => Some(why),
    };
    prices.sort_by(|a, b| a.cost.cmp(&b.cost));
    Ok((prices, without))
}

/// The audited contract, if there is one whose bond pays for the ruling.
fn challenged(
    params: &Params,
    economics: &Economics,
    answer_blocks: u16,
) -> anyhow::Result<Params> {
    let audited = Params::new(audited(params, economics, answer_blocks))?;
    economics.check(&audited)?;
    Ok(audited)
}

/// The same contract with a challenge.
fn audited(params: &Params, economics: &Economics, answer_blocks: u16) -> ParamsRecord {
    let (w, v) = (params.worker_stake(), params.verifier_stake());
    let phi = params.verifier_reward();
    let less = |amount: Amount, by: Option<Amount>| {
        let left = by.and_then(|by| amount.checked_sub(by));
        left.unwrap_or(Amount::ZERO)
    };
    // Valid parameters have φ + b ≤ δw ≤ w.
    let panel = params.arbiters();
    let dust = params.dust_limit().checked_mul(panel.into());
    let bond = [Some(less(w, phi.checked_add(params.bounty()))), dust]
        .into_iter()
        .chain([economics.ruling_cost(panel)])
        .flatten()
        .max()
        .unwrap_or(Amount::ZERO);
    let left = less(w.checked_add(v).unwrap_or(w), Some(bond));
    // So much gains a league of client and worker nothing: `Bound::CompensationFromWorkerStake`.
    let left = left.min(less(w, Some(phi)));
    let third = params.windows().verdict_blocks / 3;
    ParamsRecord {
        template: Template::Audited,
        audit: Some(Audit {
            bond,
            compensation: params.reward().min(left),
            steps: params.sample(),
            challenge_blocks: third.saturating_add(answer_blocks.max(1)).saturating_mul(3),
        }),
        ..params.record().clone()
    }
}

fn price(params: &Params, economics: &Economics, rate: FeeRate) -> anyhow::Result<TemplatePrice> {
    let league = economics.league.as_ref();
    let league = league.ok_or_else(|| anyhow::anyhow!("no figures about leagues (`league`)"))?;
    let at_stake = params.reward().to_sat() + economics.wrong_loss.to_sat();
    let at_stake = exact(at_stake);
    // A client that audits as often as it should is indifferent to it: it loses what it would by never looking.
    let expected_loss = match params.audit() {
        Some(_) => lost_off_chain(params, economics, league, &at_stake)?,
        None => Inspection::new(params, economics, league).accepted_without_challenge * at_stake,
    };
    let graph = made_up_graph(params)?;
    let weight = |id| graph.weight(id).unwrap_or(Weight::ZERO);
    let s3 = graph.find(Exit::NORMAL);
    let s3 = s3.ok_or_else(|| anyhow::anyhow!("a contract without S3"))?;
    let happy_path_vbytes = [TxGraph::FUNDING, s3]
        .map(|id| weight(id).to_vbytes_ceil())
        .iter()
        .sum::<u64>();
    let plan = Plan::new(&graph)?;
    let shares = |item: &Item| {
        graph
            .key_set(item.keys)
            .map_or(0, |keys| keys.signers().len())
    };
    // The client takes part in every kind of signature: nobody has more to do.
    let shares = plan
        .signed_by(Role::Client)
        .map(|(_, item)| shares(item) as u64)
        .sum::<u64>();
    let fee = rate.fee_vb(happy_path_vbytes).unwrap_or(Amount::MAX_MONEY);
    Ok(TemplatePrice {
        template: params.template(),
        cost: &expected_loss + exact(fee.to_sat()),
        expected_loss,
        locked: params.client_deposit(),
        happy_path_vbytes,
        signed_inputs: plan.items().len(),
        setup_milliseconds: (shares * MICROSECONDS_PER_SHARE).div_ceil(1_000),
    })
}

/// What leagues cost a client that looks before it hands on the settlement.
///
/// A league that the client's draw finds out then has an exit: it admits (S4), loses δw − φ − b, since it is its own
/// verifier, and pays no κ. w + v and κ are of an approval on chain, which it need not make. So the client's rate of looking is
/// found without κ. A league that an admission costs too little always cheats, and the client looks always, if that is worth it:
/// it loses what its look misses.
fn lost_off_chain(
    params: &Params,
    economics: &Economics,
    league: &League,
    at_stake: &Rational,
) -> anyhow::Result<Rational> {
    let mut record = params.record().clone();
    if let Some(audit) = &mut record.audit {
        audit.compensation = Amount::ZERO;
    }
    let inspection = Inspection::new(&Params::new(record)?, economics, league);
    let sat = |amount: Amount| exact(amount.to_sat());
    let gained =
        sat(economics.worker_cost) + sat(economics.verifier_cost) + sat(economics.outside_gain);
    let admission = sat(params.delta().floor_of(params.worker_stake()))
        - sat(params.verifier_reward())
        - sat(params.bounty());
    let lost = sat(params.reward()) + sat(economics.outside_gain) + admission;
    if &inspection.found * lost >= gained {
        return Ok(inspection.hidden_accepted * at_stake);
    }
    let blind = inspection.accepted_without_challenge * at_stake;
    let missed = &blind * (exact(1) - inspection.found);
    Ok(blind.min(sat(league.audit_cost) + missed))
}
