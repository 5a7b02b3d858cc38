//! `narthex bench`.

use std::io::Write;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use narthex::bench::{Measurement, Options, run};

use super::PanelArg;

/// Options of `narthex bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Panels, as k-of-n; may be given more than once. 8-of-15 takes minutes and gigabytes, since all 18 parties run
    /// in this process.
    #[arg(long)]
    arbiters: Vec<PanelArg>,
    /// How often each is measured; medians are printed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// One JSON object per measurement.
    #[arg(long)]
    json: bool,
}

impl BenchArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut options = Options {
            rounds: self.rounds,
            ..Options::default()
        };
        if !self.arbiters.is_empty() {
            options.panels = self
                .arbiters
                .iter()
                .map(|p| (p.arbiters, p.quorum))
                .collect();
        }
        let bar = ProgressBar::new((options.panels.len() * options.rounds.max(1)) as u64);
        // The template is a literal; if it were wrong, the default bar would do.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed}") {
            bar.set_style(style);
        }
        let mut begun = 0;
        let measurements = run(&options, |what| {
            bar.set_position(begun);
            bar.set_message(what.to_owned());
            begun += 1;
        })?;
        bar.finish_and_clear();
        let mut out = std::io::stdout().lock();
        for m in &measurements {
            match self.json {
                true => writeln!(out, "{}", serde_json::to_string(m)?)?,
                false => writeln!(out, "{}", line(m))?,
            }
        }
        Ok(())
    }
}

fn line(m: &Measurement) -> String {
    let floor = m
        .floor_safe
        .map_or("-".to_owned(), |s| format!("{:.1} ms", s * 1e3));
    let ratio = m.ratio.map_or("-".to_owned(), |r| format!("{r:.2}"));
    format!(
        "{:40} {:>12} floor {floor:>12} ratio {ratio:>6}",
        m.name,
        format!("{:.1} ms", m.figure * 1e3)
    )
}
