//! The frontier of a plan as a picture.

use anyhow::anyhow;
use bitcoin::Amount;
use narthex_game_model::game::plan::{Plan, Wish};
use plotters::{coord::Shift, prelude::*};

/// Size of the picture in pixels, and what its heading takes of the height.
const SIZE: (u32, u32) = (1_000, 820);
const HEADING: u32 = 112;

/// A point of a curve: sampled steps, and satoshi.
type Spot = (f64, f64);

/// The worker's stake against the sample, below it the total cost, both from zero; the cheapest point marked, what was
/// given named in the heading: an SVG.
///
/// # Errors
/// If the plan has no points to draw.
pub fn svg(plan: &Plan, wish: &Wish) -> anyhow::Result<String> {
    let stakes = plan.frontier.iter().map(|p| p.coordinates());
    let costs = plan.frontier.iter().map(|p| p.cost_coordinates());
    let (stakes, costs) = (stakes.collect::<Vec<_>>(), costs.collect::<Vec<_>>());
    if plan.frontier.get(plan.best).is_none() {
        return Err(anyhow!("the plan has no points to draw"));
    }
    let mut out = String::new();
    {
        let area = SVGBackend::with_string(&mut out, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let (heading, charts) = area.split_vertically(HEADING);
        for (y, (line, size)) in (14..).step_by(23).zip(titles(plan, wish)) {
            let text = Text::new(line, (20, y), ("sans-serif", size));
            heading.draw(&text).map_err(failed)?;
        }
        let (above, below) = charts.split_vertically((SIZE.1 - HEADING) / 2);
        curve(&above, ("worker's stake w, sat", BLUE), &stakes, plan.best)?;
        curve(&below, ("total cost, sat", MAGENTA), &costs, plan.best)?;
        area.present().map_err(failed)?;
    }
    Ok(out)
}

/// What the curves are of, in lines, each with the size of its letters.
fn titles(plan: &Plan, wish: &Wish) -> Vec<(String, u32)> {
    let (base, game) = (&wish.base, &wish.economics);
    let k = plan.frontier.first().map_or(0, |p| p.params.quorum());
    let sat = |amount: Amount| digits(amount.to_sat());
    let title = "Worker's stake and total cost against the sample";
    let shares = format!(
        "panel k of n = {k} of {}; N = {} steps, m = {} bad; α = {}, β = {}, γ = {}, δ = {}, ε = {}",
        base.arbiters,
        digits(base.steps),
        digits(game.bad_steps),
        base.alpha,
        base.beta,
        base.gamma,
        base.delta,
        base.epsilon,
    );
    let given = format!(
        "in sat: z = {}, g = {}, R = {}, L = {}, B = {}; capital {} per 1,000 blocks",
        sat(game.worker_cost),
        sat(game.arbiter_cost),
        sat(game.right_value),
        sat(game.wrong_loss),
        sat(game.outside_gain),
        wish.capital_cost,
    );
    let mut lines = vec![(title.to_owned(), 22), (shares, 15), (given, 15)];
    if let Some(best) = plan.frontier.get(plan.best).map(|p| p.params.record()) {
        let line = format!(
            "cheapest: {} sampled; reward c = {}, bounty b = {}, stakes w = {}, v = {}, a = {} sat",
            digits(best.sample.into()),
            sat(best.reward),
            sat(best.bounty),
            sat(best.worker_stake),
            sat(best.verifier_stake),
            sat(best.arbiter_stake),
        );
        lines.push((line, 15));
    }
    lines
}

/// One curve with axes of its own. Amounts start at zero; samples are on a logarithmic scale, which has none.
fn curve<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    (name, colour): (&str, RGBColor),
    points: &[Spot],
    best: usize,
) -> anyhow::Result<()> {
    let samples = || points.iter().map(|p| p.0);
    let least = samples().fold(f64::INFINITY, f64::min);
    let most = samples().fold(1.0, f64::max);
    let high = points.iter().map(|p| p.1).fold(1.0, f64::max);
    let across = (least / 1.2).max(0.5)..most * 1.2;
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(110)
        .build_cartesian_2d(across.log_scale(), 0.0..high * 1.1)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("sampled steps (logarithmic)")
        .y_desc(name)
        .label_style(("sans-serif", 14))
        .x_label_formatter(&|x| whole(*x))
        .y_label_formatter(&|y| whole(*y))
        .draw()
        .map_err(failed)?;
    let line = LineSeries::new(points.iter().copied(), &colour).point_size(3);
    chart.draw_series(line).map_err(failed)?;
    if let Some(spot) = points.get(best) {
        // Left of the point if there is no room right of it.
        let left = if spot.0 > (least * most).sqrt() {
            -250
        } else {
            10
        };
        let text = format!("cheapest: {} sampled, {} sat", whole(spot.0), whole(spot.1));
        let mark = EmptyElement::at(*spot)
            + Circle::new((0, 0), 6, RED.filled())
            + Text::new(text, (left, -22), ("sans-serif", 15));
        chart.draw_series([mark]).map_err(failed)?;
    }
    Ok(())
}

/// A figure of an axis, rounded: what is drawn is below 2^53.
fn whole(number: f64) -> String {
    digits(number.round() as u64)
}

/// A number with its digits in threes.
fn digits(number: u64) -> String {
    crate::contracts::graph::in_threes(number)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the chart cannot be drawn: {error}")
}
