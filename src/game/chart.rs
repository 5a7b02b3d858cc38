//! The frontier of a plan as a picture.

use anyhow::anyhow;
use narthex_game_model::game::plan::Plan;
use plotters::prelude::*;

/// The worker's stake against the sample, both axes logarithmic, the cheapest point marked: an SVG.
///
/// # Errors
/// If the plan has no points to draw.
pub fn svg(plan: &Plan) -> anyhow::Result<String> {
    let points = plan
        .frontier
        .iter()
        .map(|p| p.coordinates())
        .collect::<Vec<_>>();
    let best = points
        .get(plan.best)
        .copied()
        .ok_or_else(|| anyhow!("the plan has no points to draw"))?;
    let bounds = |pick: fn(&(f64, f64)) -> f64| {
        let low = points.iter().map(pick).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(pick).fold(0.0, f64::max);
        (low / 1.3).max(0.1)..high * 1.3
    };
    let mut out = String::new();
    {
        let area = SVGBackend::with_string(&mut out, (860, 520)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let mut chart = ChartBuilder::on(&area)
            .caption("Stake against sample", ("sans-serif", 22))
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(96)
            .build_cartesian_2d(bounds(|p| p.0).log_scale(), bounds(|p| p.1).log_scale())
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc("sampled steps")
            .y_desc("worker's stake, sat")
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()
            .map_err(failed)?;
        chart
            .draw_series(LineSeries::new(points.iter().copied(), &BLUE).point_size(3))
            .map_err(failed)?;
        let label = format!("cheapest: {} sampled, {} sat", best.0, best.1);
        chart
            .draw_series([EmptyElement::at(best)
                + Circle::new((0, 0), 6, RED.filled())
                + Text::new(label, (10, -6), ("sans-serif", 15))])
            .map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(out)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the chart cannot be drawn: {error}")
}
