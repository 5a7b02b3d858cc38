//! `narthex contract …`.

use std::{
    io::{Read, Write},
    path::PathBuf,
};

use anyhow::Context;
use bitcoin::hex::DisplayHex;
use clap::{Args, Subcommand};
use narthex::{
    contracts::{
        fixtures::Fixtures,
        graph::{Purpose, TxGraph},
        template,
        terms::{MAX_TERMS_BYTES, Terms},
    },
    game::Case,
    game_model::{Params, game::HonestPlay},
};

use super::{PanelArg, TemplateArg, output, scenario::Drawing};

/// What to do with a contract.
#[derive(Subcommand)]
pub(crate) enum ContractCommand {
    /// Draws the transaction graph of given terms with weights and values.
    Show(ShowArgs),
    /// Writes the terms of a made-up contract, to look at or to start from.
    Example(ExampleArgs),
    /// Makes terms of a case, with keys and coins made up from a seed that everybody knows: for research, worth nothing.
    Make(MakeArgs),
}

/// Options of `narthex contract show`.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// Terms as JSON; `-` for standard input. Without it a made-up contract is shown.
    #[arg(conflicts_with_all = ["template", "arbiters"])]
    terms: Option<PathBuf>,
    #[command(flatten)]
    example: MadeUp,
    #[command(flatten)]
    drawing: Drawing,
}

/// Options of `narthex contract example`.
#[derive(Args)]
pub(crate) struct ExampleArgs {
    #[command(flatten)]
    made_up: MadeUp,
    /// Nothing changes by it: terms are JSON in any case.
    #[arg(long)]
    json: bool,
}

/// Options of `narthex contract make`.
#[derive(Args)]
pub(crate) struct MakeArgs {
    /// Parameters, costs and values, as `narthex game plan --out` writes them; `-` for standard input.
    #[arg(long)]
    case: PathBuf,
    /// Makes the terms even if honest play does not pay.
    #[arg(long)]
    research: bool,
    /// Where the terms go; standard output if none.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Nothing changes by it: terms are JSON in any case.
    #[arg(long)]
    json: bool,
}

/// A made-up contract.
#[derive(Args)]
struct MadeUp {
    /// Template.
    #[arg(long, value_enum, default_value = "hardened")]
    template: TemplateArg,
    /// Panel, as k-of-n.
    #[arg(long, default_value = "2-of-3")]
    arbiters: PanelArg,
}

impl ContractCommand {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            ContractCommand::Show(args) => args.run(),
            ContractCommand::Example(args) => {
                writeln!(output::out(), "{}", args.made_up.terms()?.to_json()?)?;
                Ok(())
            }
            ContractCommand::Make(args) => args.run(),
        }
    }
}

/// What keys and coins of made-up contracts follow from.
const EVERYBODYS_SEED: [u8; 32] = [1; 32];

impl MakeArgs {
    fn run(self) -> anyhow::Result<()> {
        let shown = self.case.display();
        let Case { params, economics } = super::game::read_case(&self.case)?;
        let params = Params::new(params).with_context(|| format!("{shown} is refused"))?;
        let pays = HonestPlay::prove(&params, &economics);
        if let Err(why) = pays {
            anyhow::ensure!(
                self.research,
                "{shown}: {why}. Nobody should sign this; `--research` makes the terms all the same"
            );
            output::note(format_args!("{shown}: {why}"));
        }
        let terms = Fixtures::new(params, EVERYBODYS_SEED).terms()?;
        output::note(
            "keys, proofs and coins of these terms are made up from a seed that everybody knows: for research only",
        );
        super::game::write_out(self.out.as_deref(), &(terms.to_json()? + "\n"))
    }
}

impl MadeUp {
    fn terms(&self) -> anyhow::Result<Terms> {
        let PanelArg { quorum, arbiters } = self.arbiters;
        Ok(Fixtures::example(
            self.template.into(),
            arbiters,
            quorum,
            800_000,
            EVERYBODYS_SEED,
        )?
        .terms()?)
    }
}

impl ShowArgs {
    fn run(self) -> anyhow::Result<()> {
        let terms = match &self.terms {
            None => self.example.terms()?,
            Some(path) => read_terms(path)?,
        };
        let graph = template::derive(&terms)?;
        let title = format!("contract {}", terms.contract_id().to_lower_hex_string());
        self.drawing.write(&graph, Some(&title))
    }
}

fn read_terms(path: &PathBuf) -> anyhow::Result<Terms> {
    let shown = path.display();
    // One byte more than is accepted, so that the library says what is wrong with a longer one.
    let limit = MAX_TERMS_BYTES as u64 + 1;
    let read = |source: &mut dyn Read| {
        let mut bytes = Vec::new();
        source.take(limit).read_to_end(&mut bytes).map(|_| bytes)
    };
    let json = if path.as_os_str() == "-" {
        read(&mut std::io::stdin().lock())?
    } else {
        let file = std::fs::File::open(path).and_then(|mut file| read(&mut file));
        file.with_context(|| {
            format!("cannot read terms from {shown}; `narthex contract example` writes some to start from")
        })?
    };
    Terms::from_json(&json).with_context(|| format!("the terms in {shown} are refused"))
}

pub(super) fn write_json(out: &mut impl Write, graph: &TxGraph) -> anyhow::Result<()> {
    for (id, node) in graph.nodes() {
        let outputs = node
            .outputs
            .iter()
            .map(|o| {
                let script = graph.script(o.script);
                serde_json::json!({
                    "purpose": purpose(graph, &o.purpose),
                    "value_sat": o.value.to_sat(),
                    "script": script.map(|s| s.script.to_hex_string()),
                    "descriptor": script.map(|s| s.descriptor.clone()),
                })
            })
            .collect::<Vec<_>>();
        let broadcasters = node.signing.map(|s| graph.parties(s.broadcasters));
        let broadcasters =
            broadcasters.map(|m| m.iter().map(ToString::to_string).collect::<Vec<_>>());
        let line = serde_json::json!({
            "name": node.name.to_string(),
            "meaning": node.meaning,
            "txid": graph.txid(id).map(|txid| txid.to_string()),
            "weight_wu": graph.weight(id).map(|w| w.to_wu()),
            "lock_height": node.lock_height,
            "relative_lock_blocks": TxGraph::relative_lock_blocks(node),
            "broadcasters": broadcasters,
            "outputs": outputs,
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn purpose(graph: &TxGraph, purpose: &Purpose) -> String {
    match purpose {
        Purpose::Contract(_) | Purpose::Locked => "contract".into(),
        Purpose::Held { owner, what, .. } => format!("{what} of {}", graph.party(*owner)),
        Purpose::Payout(role) => format!("payout to {}", graph.party(*role)),
        Purpose::Fund => "common fund".into(),
        Purpose::Change(role) => format!("change of {}", graph.party(*role)),
        Purpose::Anchor => "anchor".into(),
        Purpose::Data => "data".into(),
    }
}
