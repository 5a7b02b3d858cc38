//! `narthex job example`.

use std::path::PathBuf;

use clap::Args;
use narthex::job::Manifest;

use crate::cli::Misuse;

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// A small WebAssembly program over numbers.
    Wasm,
    /// Nearest neighbours among handwritten digits, in WebAssembly.
    DigitsWasm,
    /// The same, in units that a dispute can be narrowed down to.
    DigitsUnits,
    /// A trained model over handwritten digits, in integers.
    DigitsModel,
    /// Words of texts: map, then rounds of merges.
    WordCount,
}

/// Options of `narthex job example`.
#[derive(Args)]
pub(crate) struct ExampleArgs {
    /// Which one.
    #[arg(value_enum)]
    kind: Kind,
    /// Own input in the place of the shipped: texts (any number), a CSV of images, or a file of 8-byte records.
    #[arg(long, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Nothing changes by it: a job is JSON in any case.
    #[arg(long)]
    json: bool,
}

impl ExampleArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let kind = match self.kind {
            Kind::Wasm => "wasm",
            Kind::DigitsWasm => "digits-wasm",
            Kind::DigitsUnits => "digits-units",
            Kind::DigitsModel => "digits-model",
            Kind::WordCount => "word-count",
        };
        // Paths in a manifest are relative to it; it can be written anywhere.
        let files = self.input.iter().map(std::path::absolute);
        let files = files.collect::<Result<Vec<_>, _>>()?;
        Misuse::unless(files.len() < 2 || kind == "word-count", || {
            format!("{kind} reads one file; give one --input")
        })?;
        let manifest = Manifest::example(kind, &files)
            .ok_or_else(|| anyhow::anyhow!("there is no example {kind}"))?;
        super::print(&serde_json::to_string_pretty(&manifest)?)
    }
}
