//! `narthex bond draw`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use bitcoin::hex::DisplayHex;
use clap::Args;
use narthex::{
    bond::{DrawFile, Redrawn},
    contracts::panel::OfferRole,
};
use serde_json::json;

use crate::cli::{input, output};

/// Largest file that is read, in bytes: some 100,000 offers.
const MAX_FILE_BYTES: u64 = 64 << 20;

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum RoleArg {
    /// A panel of arbiters.
    Arbiter,
    /// The verifier.
    Verifier,
}

/// Options of `narthex bond draw`.
#[derive(Args)]
pub(crate) struct DrawArgs {
    /// A draw as JSON; `-` for standard input.
    #[arg(required_unless_present = "example")]
    draw: Option<PathBuf>,
    /// Writes a made-up draw in place of drawing one again.
    #[arg(long, value_enum, conflicts_with = "draw")]
    example: Option<RoleArg>,
    /// One JSON object. An example is JSON in any case.
    #[arg(long)]
    json: bool,
}

impl DrawArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if let Some(example) = self.example {
            let file = DrawFile::example(match example {
                RoleArg::Arbiter => OfferRole::Arbiter,
                RoleArg::Verifier => OfferRole::Verifier,
            })?;
            let text = serde_json::to_string_pretty(&file)?;
            return Ok(writeln!(output::out(), "{text}")?);
        }
        let path = self.draw.as_deref().unwrap_or(Path::new("-"));
        let file: DrawFile = input::json(path, MAX_FILE_BYTES, "draw of a panel or a verifier")?;
        let redrawn = file.redraw()?;
        match self.json {
            true => Ok(writeln!(output::out(), "{}", as_json(&redrawn))?),
            false => tell(&redrawn),
        }
    }
}

fn as_json(redrawn: &Redrawn) -> serde_json::Value {
    let (order, height) = (&redrawn.order, redrawn.snapshot.rules().height);
    let entries = (1u64..).zip(order.entries()).map(|(place, entry)| {
        json!({
            "place": place, "identity": entry.identity.to_string(), "bond": entry.outpoint.to_string(),
            "weight": entry.weight(height).to_string(), "terms": entry.terms_hash.to_string(),
        })
    });
    let seated = redrawn.seated.as_ref().map(|seated| {
        let seats = seated.identities.iter().map(ToString::to_string);
        json!({
            "seats": seats.collect::<Vec<_>>(),
            "transcript": seated.transcript.to_lower_hex_string(),
            "concealed": seated.report.concealed.iter()
                .map(|c| json!({ "by": c.by, "answer_of": c.arbiter.to_string() })).collect::<Vec<_>>(),
            "useless": seated.report.useless.iter()
                .map(|u| json!({ "by": u.by, "answer_of": u.arbiter.to_string(), "why": u.reason })).collect::<Vec<_>>(),
        })
    });
    json!({
        "role": order.role(),
        "case": redrawn.case.id().to_lower_hex_string(),
        "snapshot": redrawn.snapshot.hash().to_lower_hex_string(),
        "draw": order.id().to_lower_hex_string(),
        "wanted": order.seats(),
        "order": entries.collect::<Vec<_>>(),
        "seated": seated,
        "contract_is_of_the_draw": redrawn.held_terms.then_some(true),
    })
}

fn tell(redrawn: &Redrawn) -> anyhow::Result<()> {
    let (mut out, order) = (output::out(), &redrawn.order);
    let height = redrawn.snapshot.rules().height;
    let (role, id) = (order.role(), order.id().to_lower_hex_string());
    writeln!(out, "draw {id} of {} {role}", order.seats())?;
    for (place, entry) in (1u64..).zip(order.entries()) {
        let weight = entry.weight(height);
        writeln!(out, "{place} {} weight {weight}", entry.identity)?;
    }
    let Some(seated) = &redrawn.seated else {
        return Ok(());
    };
    for identity in &seated.identities {
        writeln!(out, "seated {identity}")?;
    }
    for concealed in &seated.report.concealed {
        let (by, whose) = (concealed.by, concealed.arbiter);
        writeln!(out, "{by} did not show the answer of {whose}")?;
    }
    for useless in &seated.report.useless {
        let (by, whose) = (useless.by, useless.arbiter);
        writeln!(out, "{by} showed an answer of {whose}: {}", useless.reason)?;
    }
    if redrawn.held_terms {
        writeln!(out, "the contract is of this draw")?;
    }
    Ok(())
}
