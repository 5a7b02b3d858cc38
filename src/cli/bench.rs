//! `narthex bench`.

use std::{ffi::OsString, io::Write};

use clap::Args;
use narthex::bench::{Measurement, Options, model, run};

use super::{Misuse, PanelArg, TemplateArg, bar::bar};

/// Steps of progress in [`model::run`].
const MODEL_PARTS: usize = 5;

/// Options of `narthex bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Panels of the set-up, as k-of-n; may be given more than once. 8-of-15 takes minutes and gigabytes, since all 18 parties run
    /// in this process.
    #[arg(long)]
    arbiters: Vec<PanelArg>,
    /// Template of the contracts that are set up; hardened if none is named.
    #[arg(long, value_enum)]
    template: Option<TemplateArg>,
    /// What to measure; without it the set-up of contracts, and with `all` everything.
    #[arg(long, value_enum, default_value = "setup")]
    what: What,
    /// How often each is measured, at least once, solving at least five times. Of a set-up's phases the least is printed, of the
    /// floor's too; medians of everything else.
    #[arg(long, default_value_t = 3, value_parser = rounds)]
    rounds: usize,
    /// One JSON object per measurement.
    #[arg(long)]
    json: bool,
}

/// Groups of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// The set-up of contracts, beside the curve operations that it needs.
    Setup,
    /// Committing, checking, storing, solving, simulating.
    Model,
    /// Both.
    All,
    /// What a party costs as a process: durable steps, messages, whole contracts between six nodes. `narthex-node bench`, a program of its own,
    /// measures it, and has more options.
    Node,
}

impl BenchArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if self.what == What::Node {
            return self.of_nodes();
        }
        let measures_setup = self.what != What::Model;
        Misuse::unless(measures_setup || self.arbiters.is_empty(), || {
            "--arbiters are those of a set-up, which --what model does not measure".into()
        })?;
        Misuse::unless(measures_setup || self.template.is_none(), || {
            "--template is that of a set-up, which --what model does not measure".into()
        })?;
        let mut options = Options::default();
        options.rounds = self.rounds;
        if let Some(template) = self.template {
            options.template = template.into();
        }
        if !self.arbiters.is_empty() {
            options.panels = self
                .arbiters
                .iter()
                .map(|p| (p.arbiters, p.quorum))
                .collect();
        }
        let (setup, model) = (self.what != What::Model, self.what != What::Setup);
        let ceremonies = options.panels.len() * options.rounds;
        let total = usize::from(setup) * ceremonies + usize::from(model) * MODEL_PARTS;
        let bar = bar(total as u64, "{bar:30} {pos}/{len} {msg} {elapsed}", true);
        let mut begun = 0;
        let mut progress = |what: &str| {
            bar.set_position(begun);
            bar.set_message(what.to_owned());
            begun += 1;
        };
        let mut measurements = Vec::new();
        if setup {
            measurements.extend(run(&options, &mut progress)?);
        }
        if model {
            measurements.extend(model::run(options.rounds, &mut progress)?);
        }
        bar.finish_and_clear();
        let mut out = crate::cli::output::out();
        for m in &measurements {
            match self.json {
                true => writeln!(out, "{}", serde_json::to_string(m)?)?,
                false => writeln!(out, "{}", line(m))?,
            }
        }
        Ok(())
    }
}

impl BenchArgs {
    /// By the program that nodes are.
    fn of_nodes(&self) -> anyhow::Result<()> {
        Misuse::unless(self.arbiters.is_empty() && self.template.is_none(), || {
            "--arbiters and --template are those of a set-up; --what node measures hardened 2-of-3"
                .into()
        })?;
        let rounds = self.rounds.to_string();
        let mut words = vec!["bench", "--rounds", &rounds];
        words.extend(self.json.then_some("--json"));
        let words: Vec<_> = words.into_iter().map(OsString::from).collect();
        super::node::program(&words)
    }
}

fn rounds(text: &str) -> Result<usize, String> {
    let rounds = text.parse().ok().filter(|rounds| *rounds > 0);
    rounds.ok_or_else(|| "a number of rounds, at least 1".into())
}

fn line(m: &Measurement) -> String {
    let floor = m
        .floor_safe
        .map_or("-".to_owned(), |s| format!("{:.1} ms", s * 1e3));
    let ratio = m.ratio.map_or("-".to_owned(), |r| format!("{r:.2}"));
    format!(
        "{:56} {:>12} floor {floor:>12} ratio {ratio:>6}",
        m.name,
        format!("{:.1} ms", m.figure * 1e3)
    )
}
