//! `narthex arbiter replay`.

use std::{io::Write, path::PathBuf, process::ExitCode, str::FromStr};

use anyhow::Context;
use bitcoin::{
    BlockHash, Network,
    hashes::Hash,
    hex::{DisplayHex, FromHex},
};
use clap::Args;
use narthex::{
    arbiter::{Anchor, Bundle, BundleFault, MAX_BUNDLE_BYTES, Replay, Report},
    judging::JudgeBox,
};
use narthex_base::codec::Message as _;
use serde::Serialize;

use super::NO;
use crate::cli::{input, output, value};

/// A block as `HEIGHT:HASH`.
#[derive(Clone, Copy, Debug)]
struct AnchorArg(Anchor);

impl FromStr for AnchorArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':');
        let (height, hash) = parts.ok_or("write it as HEIGHT:HASH")?;
        let height = height
            .parse()
            .map_err(|_| format!("{height:?} is no height"))?;
        let hash = BlockHash::from_byte_array(value::block_hash(hash)?);
        Ok(AnchorArg(Anchor { height, hash }))
    }
}

/// Options of `narthex arbiter replay`.
#[derive(Args)]
pub(crate) struct ReplayArgs {
    /// A bundle, as an arbiter's node gives it: bytes, or the same in hexadecimal; `-` for standard input.
    bundle: PathBuf,
    /// A block of the chain that you know, as HEIGHT:HASH with the hash as bitcoind shows it, at a height from the one before the funding's up
    /// to the last header. Without it the headers hold work, and may be of a chain that somebody made.
    #[arg(long, value_name = "HEIGHT:HASH")]
    anchor: Option<AnchorArg>,
    /// The network that it must be of: bitcoin, testnet, testnet4, signet or regtest.
    #[arg(long, value_parser = value::network)]
    network: Option<Network>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// What is told of it.
#[derive(Serialize)]
struct Told<'a> {
    /// The contract.
    contract: String,
    /// The arbiter's seat.
    arbiter: u8,
    network: String,
    /// Heights of the first and the last header.
    headers: (u32, u32),
    /// Whether the headers are of the chain of an anchor that was given.
    is_anchored: bool,
    /// Whether it shows what has spent the worker's root coin: that nothing has, headers do not prove.
    shows_root_coin: bool,
    /// Whether the finding is the same.
    is_same: bool,
    #[serde(flatten)]
    replay: &'a Replay,
}

/// What is wrong with it, and whose fault that is.
fn fault(fault: BundleFault) -> anyhow::Error {
    let whose = fault.at_fault();
    anyhow::Error::new(fault).context(format!("the bundle is none, by the fault of {whose}"))
}

impl ReplayArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        // Twice as long in hexadecimal, and the end of a line.
        let bytes = input::bytes(&self.bundle, 2 * MAX_BUNDLE_BYTES + 2)?;
        let is_bytes = bytes.starts_with(Bundle::KIND.as_bytes());
        let bytes = match is_bytes {
            true => bytes,
            false => {
                let text =
                    std::str::from_utf8(&bytes).context("neither a bundle nor hexadecimal")?;
                Vec::from_hex(text.trim()).context("neither a bundle nor hexadecimal")?
            }
        };
        anyhow::ensure!(
            bytes.len() as u64 <= MAX_BUNDLE_BYTES,
            "the bundle is larger than {MAX_BUNDLE_BYTES} bytes"
        );
        let bundle = Bundle::from_bytes(&bytes).map_err(|error| fault(error.into()))?;
        let found = bundle.body().network;
        if let Some(expected) = self.network.filter(|expected| *expected != found) {
            return Err(fault(BundleFault::OtherNetwork { expected, found }));
        }
        let anchor = self.anchor.map(|anchor| anchor.0);
        let question = bundle.open(anchor.as_ref()).map_err(fault)?;
        // Whoever made the bundle chose the program.
        let judge = JudgeBox::of_this_program(&["arbiter", "judge"])?;
        let found = judge.judge(&question)?;
        let replay = Replay::of(bundle.report().clone(), found);
        let headers = &bundle.body().headers;
        let told = Told {
            contract: bundle
                .body()
                .dossier
                .terms()
                .contract_id()
                .to_lower_hex_string(),
            arbiter: bundle.seat(),
            network: bundle.body().network.to_string(),
            headers: (headers.first(), headers.last()),
            is_anchored: anchor.is_some(),
            shows_root_coin: bundle.shows_root_coin().map_err(fault)?,
            is_same: replay.differences.is_empty(),
            replay: &replay,
        };
        let mut out = output::out();
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string(&told)?)?,
            false => write_told(&mut out, &told)?,
        }
        Ok(match told.is_same {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(NO),
        })
    }
}

fn write_told(out: &mut impl Write, told: &Told<'_>) -> anyhow::Result<()> {
    let Told {
        contract,
        arbiter,
        network,
        headers: (first, last),
        ..
    } = told;
    writeln!(
        out,
        "contract {contract} on {network}, ruled on by arbiter {arbiter}"
    )?;
    match told.is_anchored {
        true => writeln!(
            out,
            "headers {first} to {last}, of the chain of your anchor"
        )?,
        false => writeln!(
            out,
            "headers {first} to {last}: they hold work, but nothing says that they are of your chain; --anchor does"
        )?,
    }
    if !told.shows_root_coin {
        writeln!(
            out,
            "nothing shown spends the worker's root coin: that nothing does, headers do not prove; ask your own node"
        )?;
    }
    let Report { finding, judged } = &told.replay.found;
    writeln!(out, "ruling: {}", finding.ruling)?;
    writeln!(out, "row {}: {}", finding.row, finding.reason)?;
    if let Some(why) = &finding.unpaid {
        writeln!(out, "the worker is not paid by it: {why}")?;
    }
    writeln!(
        out,
        "judged {judged}; by the arbiter {}",
        told.replay.said.judged
    )?;
    for difference in &told.replay.differences {
        writeln!(
            out,
            "differs in its {}: the arbiter signed {:?}, and here it is {:?}",
            difference.field, difference.said, difference.found
        )?;
    }
    if told.is_same {
        writeln!(out, "the finding is the same")?;
    }
    Ok(())
}
