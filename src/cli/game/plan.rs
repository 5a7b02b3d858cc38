//! `narthex game plan`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use bitcoin::Amount;
use clap::Args;
use narthex::{
    contracts::terms::FeeRate,
    game::{
        Case, chart,
        fees::MoveWeights,
        templates::{MICROSECONDS_PER_SHARE, TemplatePrice, template_prices},
    },
    game_model::{
        ParamsRecord, Ratio, Template, Windows,
        game::{
            Economics, Rational, SidePayments, TimeOuts,
            plan::{Plan, PlanError, Point, Wish, best_sample, plan},
            rounded,
        },
    },
};

use super::{PanelArg, bounds::BoundsArgs, write_all};
use crate::cli::{bar::bar, output, value};

/// Options of `narthex game plan`. Amounts are in satoshi.
#[derive(Args)]
pub(crate) struct PlanArgs {
    /// z: what the whole work costs the worker.
    #[arg(long, value_name = "SAT", default_value = "5000", value_parser = value::amount)]
    worker_cost: Amount,
    /// R: what a right result is worth to the client.
    #[arg(long, value_name = "SAT", default_value = "150000", value_parser = value::amount)]
    right_value: Amount,
    /// L: what a wrong result that is taken for right costs the client.
    #[arg(long, value_name = "SAT", default_value = "100000", value_parser = value::amount)]
    wrong_loss: Amount,
    /// B: what the worker gains outside if a result with its bad steps is accepted.
    #[arg(long, value_name = "SAT", default_value = "20000", value_parser = value::amount)]
    outside_gain: Amount,
    /// g: what judging costs an arbiter.
    #[arg(long, value_name = "SAT", default_value = "1000", value_parser = value::amount)]
    arbiter_cost: Amount,
    /// N: number of steps of the job.
    #[arg(long, default_value_t = 10_000)]
    steps: u64,
    /// m: the fewest bad steps that give the worker B.
    #[arg(long, default_value_t = 100)]
    bad_steps: u64,
    /// Sample sizes to look at; without it the cheapest of all that the job has, and 24 between 10 and 3,000 beside it.
    #[arg(long, value_delimiter = ',')]
    samples: Vec<u32>,
    /// What verifying a step costs by what doing it costs.
    #[arg(long, value_name = "FACTOR", default_value = "11/10", value_parser = value::factor)]
    overhead: Ratio,
    /// What verifying costs whatever the sample.
    #[arg(long, value_name = "SAT", default_value = "100", value_parser = value::amount)]
    verification_fixed: Amount,
    /// By how much rewards exceed costs.
    #[arg(long, value_name = "FACTOR", default_value = "1/10", value_parser = value::factor)]
    margin: Ratio,
    /// What locking coins costs, as a share of them per 1,000 blocks.
    #[arg(long, value_name = "SHARE", default_value = "1/1000", value_parser = value::share)]
    capital_cost: Ratio,
    /// Takes side payments between worker and verifier for impossible: then the bounty only pays the fees of a rejection.
    #[arg(long)]
    allow_bribes: bool,
    /// Panel, as k-of-n.
    #[arg(long, default_value = "2-of-3")]
    arbiters: PanelArg,
    /// Fee rate of all moves on chain, in sat/vB, with up to 3 decimals, rounded up to the next 0.004; 0.1 to 10000.
    #[arg(long, value_name = "SAT/VB", default_value = "2", value_parser = value::fee_rate)]
    fee_rate: FeeRate,
    /// Blocks that a party may need to answer; windows are the shortest that leave it as many, and never shorter than
    /// contracts take.
    #[arg(long, value_name = "BLOCKS", default_value_t = 6)]
    response_blocks: u16,
    /// t_deliver of the case that is written.
    #[arg(long, value_name = "HEIGHT", default_value = "800000", value_parser = value::height)]
    deliver_height: u32,
    #[command(flatten)]
    bounds: BoundsArgs,
    /// Writes the chart of the frontier: stake and total cost against sample, with the parameters.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Writes the cheapest contract as a case, for `narthex game solve` and to make terms of.
    #[arg(long)]
    out: Option<PathBuf>,
    /// One JSON object per point.
    #[arg(long)]
    json: bool,
}

impl PlanArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut wish = self.wish()?;
        // Where no size has a contract, those that are shown say why. The search over all sizes is for whoever names none.
        if self.samples.is_empty()
            && let Ok(best) = best_sample(&wish)
        {
            wish.samples.push(best);
        }
        let samples = wish.samples.len() as u64;
        let bar = bar(samples, "{bar:30} {pos}/{len} {msg} {elapsed}", true);
        let plan = plan(&wish, |sample| {
            bar.inc(1);
            bar.set_message(format!("sample of {sample}"));
        });
        bar.finish_and_clear();
        let plan = match plan {
            Ok(plan) => plan,
            Err(no @ PlanError::NoStake { .. }) => {
                output::note(format_args!(
                    "there is no such contract; try --right-value, --samples or --outside-gain: {no}"
                ));
                return Ok(ExitCode::from(super::NO));
            }
            Err(refused) => {
                return Err(anyhow::Error::new(refused).context("there is no such contract"));
            }
        };

        let paid = paid_rejections(&wish, &plan.frontier[plan.best]);
        let best = case(&wish, &plan.frontier[plan.best]);
        let (templates, without) = template_prices(
            &plan.frontier[plan.best].params,
            &best.economics,
            self.fee_rate,
            self.response_blocks,
        )?;
        if let Some(why) = without {
            output::note(format_args!("there is no audited contract: {why:#}"));
        }
        // Those that nobody named are only left out.
        let found = |sample: &u32| plan.frontier.iter().any(|p| p.params.sample() == *sample);
        let mut missing = self.samples.clone();
        missing.retain(|sample| !found(sample));
        if !missing.is_empty() {
            output::note(format_args!(
                "there is no contract for these of --samples: {missing:?}; each alone says why"
            ));
        }
        let svg = self.svg.as_ref().map(|_| chart::svg(&plan, &wish));
        let svg = svg.transpose()?;
        let text = serde_json::to_string_pretty(&best)?;
        let mut files: Vec<(&Path, &str)> = Vec::new();
        files.extend(self.svg.as_deref().zip(svg.as_deref()));
        files.extend(self.out.as_deref().map(|path| (path, text.as_str())));
        write_all(&files)?;
        let mut out = crate::cli::output::out();
        if self.json {
            for (index, point) in plan.frontier.iter().enumerate() {
                let paid = paid.as_ref().filter(|_| index == plan.best);
                let templates = Some(&templates[..]).filter(|_| index == plan.best);
                let line = as_json(point, index == plan.best, paid, templates);
                writeln!(out, "{line}")?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        write_table(&mut out, &plan)?;
        write_paid(&mut out, paid.as_ref())?;
        write_templates(&mut out, &templates)?;
        Ok(ExitCode::SUCCESS)
    }

    fn wish(&self) -> anyhow::Result<Wish> {
        let PanelArg { quorum, arbiters } = self.arbiters;
        let rate = self.fee_rate;
        let economics = Economics {
            worker_cost: self.worker_cost,
            verifier_cost: Amount::ZERO,
            arbiter_cost: self.arbiter_cost,
            right_value: self.right_value,
            wrong_loss: self.wrong_loss,
            outside_gain: self.outside_gain,
            bad_steps: self.bad_steps,
            fees: MoveWeights::example(Template::Hardened, arbiters, quorum)?.fees(rate)?,
            ..Economics::example()
        };
        let base = ParamsRecord {
            windows: self.windows()?,
            job_bounds: self.bounds.bounds(),
            steps: self.steps,
            ..ParamsRecord::example(arbiters, quorum, self.deliver_height)
        };
        let most = u32::try_from(self.steps).unwrap_or(u32::MAX);
        let samples = if self.samples.is_empty() {
            // Even steps on a logarithmic scale, in integers: ×1.28 each.
            let next = |s: &u32| Some(s * 128 / 100);
            let even = std::iter::successors(Some(10), next).take_while(|s| *s <= 3_000);
            let even = even.filter(|s| *s <= most).collect::<Vec<_>>();
            // A job smaller than the smallest of them is looked at as a whole.
            if even.is_empty() { vec![most] } else { even }
        } else {
            self.samples.clone()
        };
        Ok(Wish {
            economics,
            base,
            verification_overhead: self.overhead,
            verification_fixed: self.verification_fixed,
            margin: self.margin,
            resist_bribes: !self.allow_bribes,
            capital_cost: self.capital_cost,
            samples,
        })
    }

    /// The shortest windows in which a party that needs `response_blocks` is in time.
    fn windows(&self) -> anyhow::Result<Windows> {
        let base =
            ParamsRecord::example(self.arbiters.arbiters, self.arbiters.quorum, 800_000).windows;
        let answer = self.response_blocks;
        let missing = u16::from(self.arbiters.arbiters - self.arbiters.quorum);
        let decide = answer
            .checked_mul(2)
            .zip(missing.checked_mul(base.per_missing_blocks))
            .and_then(|(answers, openings)| answers.checked_add(openings));
        let decide = decide.with_context(|| {
            format!(
                "--response-blocks {answer}: a decision takes at least twice as many blocks, and a window is <= {} blocks",
                u16::MAX
            )
        })?;
        Ok(Windows {
            work_blocks: base.work_blocks.max(answer),
            verdict_blocks: base.verdict_blocks.max(answer),
            appeal_blocks: answer.max(2),
            complete_blocks: answer.max(2),
            decide_blocks: decide
                .max(base.decide_blocks)
                .max(self.bounds.decide_blocks),
            ..base
        })
    }
}

fn case(wish: &Wish, point: &Point) -> Case {
    Case {
        params: point.params.record().clone(),
        economics: Economics {
            verifier_cost: point.verifier_cost,
            capital_cost: wish.capital_cost,
            side_payments: match wish.resist_bribes {
                true => wish.economics.side_payments,
                false => SidePayments::Impossible,
            },
            ..wish.economics.clone()
        },
    }
}

/// The cheapest contract with a sample of the same size whose S1 pays a verifier that has rejected; `None` if there is none.
fn paid_rejections(wish: &Wish, point: &Point) -> Option<Point> {
    let wish = Wish {
        economics: Economics {
            time_outs: TimeOuts::PayRejection,
            ..wish.economics.clone()
        },
        samples: vec![point.params.sample()],
        ..wish.clone()
    };
    let plan = plan(&wish, |_| ()).ok()?;
    plan.frontier.into_iter().next()
}

fn write_paid(out: &mut impl Write, paid: Option<&Point>) -> anyhow::Result<()> {
    match paid {
        Some(point) => writeln!(
            out,
            "were S1 to pay a verifier that has rejected, which no contract does: stake {}, total cost {} for the cheapest sample",
            point.params.worker_stake().to_sat(),
            rounded(&point.total_cost, 0)
        )?,
        None => writeln!(
            out,
            "were S1 to pay a verifier that has rejected, there were no contract with the cheapest sample"
        )?,
    }
    Ok(())
}

/// The prices of templates, the recommended first.
fn write_templates(out: &mut impl Write, prices: &[TemplatePrice]) -> anyhow::Result<()> {
    writeln!(
        out,
        "{:>10} {:>16} {:>14} {:>12} {:>14} {:>10}",
        "template", "lost to leagues", "client locks", "happy path", "signed inputs", "set-up"
    )?;
    for (index, price) in prices.iter().enumerate() {
        writeln!(
            out,
            "{:>10} {:>12} sat {:>10} sat {:>9} vB {:>14} {:>8} s{}",
            price.template.to_string(),
            rounded(&price.expected_loss, 0),
            price.locked.to_sat(),
            price.happy_path_vbytes,
            price.signed_inputs,
            seconds(price),
            if index == 0 { "  recommended" } else { "" }
        )?;
    }
    writeln!(
        out,
        "set-up: of one party's machine, at {MICROSECONDS_PER_SHARE} µs a share of a signature; `narthex bench` measures yours"
    )?;
    Ok(())
}

fn seconds(price: &TemplatePrice) -> String {
    let thousandths = price.setup_milliseconds;
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

fn templates_json(prices: &[TemplatePrice]) -> serde_json::Value {
    let each = prices.iter().enumerate().map(|(index, price)| {
        serde_json::json!({
            "template": price.template,
            "recommended": index == 0,
            "lost_to_leagues_sat": price.expected_loss.to_string(),
            "client_locks_sat": price.locked.to_sat(),
            "happy_path_vbytes": price.happy_path_vbytes,
            "signed_inputs": price.signed_inputs,
            "setup_milliseconds": price.setup_milliseconds,
            "assumed_microseconds_per_share": MICROSECONDS_PER_SHARE,
        })
    });
    each.collect()
}

fn percent(share: &Rational) -> String {
    let hundred = narthex::game_model::game::exact(100);
    format!("{} %", rounded(&(share * hundred), 2))
}

fn write_table(out: &mut impl Write, plan: &Plan) -> anyhow::Result<()> {
    writeln!(
        out,
        "{:>8} {:>10} {:>12} {:>10} {:>12} {:>14} {:>14}",
        "sample", "found", "stake w", "reward c", "bounty b", "verification", "total cost"
    )?;
    for (index, point) in plan.frontier.iter().enumerate() {
        let params = &point.params;
        writeln!(
            out,
            "{:>8} {:>10} {:>12} {:>10} {:>12} {:>14} {:>14}{}",
            params.sample(),
            percent(&point.hit),
            params.worker_stake().to_sat(),
            params.reward().to_sat(),
            params.bounty().to_sat(),
            percent(&point.verification_share),
            rounded(&point.total_cost, 0),
            if index == plan.best { "  cheapest" } else { "" }
        )?;
    }
    writeln!(
        out,
        "amounts in sat; found: chance that the sample holds a bad step; verification: its cost as a share of the work's;\n\
         total cost: reward, retainers and the locking of all stakes"
    )?;
    Ok(())
}

fn as_json(
    point: &Point,
    cheapest: bool,
    paid: Option<&Point>,
    templates: Option<&[TemplatePrice]>,
) -> serde_json::Value {
    serde_json::json!({
        "sample": point.params.sample(),
        "hit": point.hit.to_string(),
        "verifier_cost_sat": point.verifier_cost.to_sat(),
        "verification_share": point.verification_share.to_string(),
        "total_cost_sat": point.total_cost.to_string(),
        "params": point.params.record(),
        "cheapest": cheapest,
        "paid_rejections": paid.map(|paid| {
            serde_json::json!({
                "worker_stake_sat": paid.params.worker_stake().to_sat(),
                "total_cost_sat": paid.total_cost.to_string(),
            })
        }),
        "templates": templates.map(templates_json),
    })
}
