//! What each template costs the client of the same work: what leagues cost it, what it locks, what is signed and published.

use bitcoin::{Amount, Weight};
use narthex_contracts::{graph::TxGraph, template::Exit, terms::FeeRate};
use narthex_game_model::{
    Params, ParamsRecord, Template,
    game::{Economics, Inspection, Rational, exact},
    params::Audit,
};

use super::fees::made_up_graph;

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
    /// Inputs that everybody signs at set-up.
    pub signed_inputs: usize,
    /// Fees and losses together, in satoshi: what the choice goes by.
    pub cost: Rational,
}

/// The hardened template and the audited one for these parameters, of the hardened one; the cheaper first.
///
/// The audited contract looks at as many steps as the sample has, pays arbiters of a challenge what those of an appeal get
/// (w − φ − b), and a client that is right the price of the work (or what the stakes leave, and w − φ at most). Its window is the shortest that
/// leaves each side `answer_blocks`.
///
/// # Errors
/// If there is no such contract, or no figures about leagues.
pub fn template_prices(
    params: &Params,
    economics: &Economics,
    rate: FeeRate,
    answer_blocks: u16,
) -> anyhow::Result<Vec<TemplatePrice>> {
    let audited = Params::new(audited(params, answer_blocks))?;
    let mut prices = [params, &audited]
        .into_iter()
        .map(|params| price(params, economics, rate))
        .collect::<anyhow::Result<Vec<_>>>()?;
    prices.sort_by(|a, b| a.cost.cmp(&b.cost));
    Ok(prices)
}

/// The same contract with a challenge.
fn audited(params: &Params, answer_blocks: u16) -> ParamsRecord {
    let (w, v) = (params.worker_stake(), params.verifier_stake());
    let paid = params.verifier_reward().checked_add(params.bounty());
    // Valid parameters have φ + b ≤ δw ≤ w.
    let bond = paid.and_then(|paid| w.checked_sub(paid));
    let bond = bond.unwrap_or(Amount::ZERO).max(params.dust_limit());
    let stakes = w.checked_add(v).unwrap_or(w);
    let left = stakes.checked_sub(bond).unwrap_or(Amount::ZERO);
    // So much gains a league of client and worker nothing: `Bound::ChallengeGainsNoLeague`.
    let own = w.checked_sub(params.verifier_reward());
    let left = left.min(own.unwrap_or(Amount::ZERO));
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
    let inspection = Inspection::new(params, economics, league);
    let at_stake = params.reward().to_sat() + economics.wrong_loss.to_sat();
    let wrong = match params.audit() {
        Some(_) => inspection.hidden_accepted,
        None => inspection.accepted_without_challenge,
    };
    // A client that audits as often as it should is indifferent to it: it loses what it would by never looking.
    let expected_loss = wrong * exact(at_stake);
    let graph = made_up_graph(params)?;
    let weight = |id| graph.weight(id).unwrap_or(Weight::ZERO);
    let s3 = graph.find(Exit::NORMAL);
    let s3 = s3.ok_or_else(|| anyhow::anyhow!("a contract without S3"))?;
    let happy_path_vbytes = [TxGraph::FUNDING, s3]
        .map(|id| weight(id).to_vbytes_ceil())
        .iter()
        .sum::<u64>();
    let signed = graph.nodes().filter(|(_, node)| node.signing.is_some());
    let fee = rate.fee_vb(happy_path_vbytes).unwrap_or(Amount::MAX_MONEY);
    Ok(TemplatePrice {
        template: params.template(),
        cost: &expected_loss + exact(fee.to_sat()),
        expected_loss,
        locked: params.client_deposit(),
        happy_path_vbytes,
        signed_inputs: signed.map(|(_, node)| node.inputs.len()).sum(),
    })
}
