//! `narthex bond snapshot`, and what it writes.

use narthex_base::codec::Message as _;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use bitcoin::{Amount, OutPoint, hex::FromHex, key::XOnlyPublicKey, secp256k1::Secp256k1};
use clap::Args;
use narthex::{
    bond::{StatusError, moment, verify},
    contracts::{
        bond::{BlockTime, Certificate, Lock, Locked},
        terms::is_null,
    },
    regtest::ChainSource,
};
use serde::{Deserialize, Serialize};

use crate::cli::{input, node::NodeArgs};

/// Largest file that is read, in bytes: some 100,000 bonds.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Bonds that count at one height, and identities without.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshot {
    height: u32,
    median_time: u32,
    bonds: Vec<Bond>,
    #[serde(default)]
    pub(super) bondless: Vec<XOnlyPublicKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bond {
    identity: XOnlyPublicKey,
    outpoint: OutPoint,
    value_sat: u64,
    lock: u32,
    confirmed_height: u32,
    confirmed_median_time: u32,
}

/// Bonds as a register takes them.
type Bonds = Vec<(XOnlyPublicKey, OutPoint, Locked)>;

impl Snapshot {
    pub(super) fn read(path: &Path) -> anyhow::Result<Snapshot> {
        input::json(path, MAX_FILE_BYTES, "snapshot of bonds")
    }

    /// When it was taken, and what counts then.
    pub(super) fn bonds(&self) -> anyhow::Result<(BlockTime, Bonds)> {
        let now = BlockTime {
            height: self.height,
            median_time: self.median_time,
        };
        let mut bonds = Vec::new();
        for bond in &self.bonds {
            let value = Amount::from_sat(bond.value_sat);
            let lock =
                Lock::new(bond.lock).with_context(|| format!("the bond {}", bond.outpoint))?;
            let confirmed = BlockTime {
                height: bond.confirmed_height,
                median_time: bond.confirmed_median_time,
            };
            anyhow::ensure!(
                !is_null(&bond.outpoint),
                "no coin is at {}: this names none (null outpoint)",
                bond.outpoint
            );
            anyhow::ensure!(
                value <= Amount::MAX_MONEY,
                "the bond {} holds {value}: more than there is",
                bond.outpoint
            );
            anyhow::ensure!(
                confirmed.height <= now.height && !lock.is_open(now),
                "the bond {} is not confirmed, or its lock until {lock} is over: leave it out",
                bond.outpoint
            );
            let locked = Locked {
                value,
                lock,
                confirmed,
            };
            bonds.push((bond.identity, bond.outpoint, locked));
        }
        Ok((now, bonds))
    }
}

/// Options of `narthex bond snapshot`.
#[derive(Args)]
pub(crate) struct SnapshotArgs {
    /// File with certificates as `prove` printed them, one a line.
    certificates: PathBuf,
    /// File with keys of identities without bond, one a line.
    #[arg(long)]
    bondless: Option<PathBuf>,
    /// Confirmations wanted, at least 1.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    depth: u32,
    #[command(flatten)]
    node: NodeArgs,
    /// Nothing changes by it: a snapshot is JSON in any case.
    #[arg(long)]
    json: bool,
}

impl SnapshotArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let certificates = lines(&self.certificates, |line| {
            let bytes = Vec::<u8>::from_hex(line)?;
            Ok(Certificate::from_bytes(&bytes)?)
        })?;
        let bondless = match &self.bondless {
            None => Vec::new(),
            Some(path) => lines(path, |line| Ok(line.parse()?))?,
        };
        let mut node = self.node.needed()?;
        let height = node.height()?;
        let now = moment(&mut node, height)?;
        let mut snapshot = Snapshot {
            height,
            median_time: now.median_time,
            bonds: Vec::new(),
            bondless,
        };
        let secp = Secp256k1::new();
        for certificate in &certificates {
            let claim = certificate.claim();
            let checked = match certificate.check_signature(&secp, height) {
                Ok(()) => verify(&mut node, claim, self.depth),
                Err(fault) => Err(StatusError::Fault(fault)),
            };
            match checked {
                Ok(locked) => snapshot.bonds.push(Bond {
                    identity: claim.identity,
                    outpoint: claim.outpoint,
                    value_sat: locked.value.to_sat(),
                    lock: locked.lock.to_consensus(),
                    confirmed_height: locked.confirmed.height,
                    confirmed_median_time: locked.confirmed.median_time,
                }),
                // Left out, and said so: the others count all the same.
                Err(StatusError::Fault(fault)) => {
                    crate::cli::output::note(format_args!(
                        "{} is left out: {fault}",
                        claim.outpoint
                    ));
                }
                Err(StatusError::Chain(error)) => return Err(error.into()),
            }
        }
        let line = serde_json::to_string(&snapshot)?;
        Ok(writeln!(crate::cli::output::out(), "{line}")?)
    }
}

/// What stands in a file, a line each; empty ones are skipped.
fn lines<T>(path: &Path, read: impl Fn(&str) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    let text = input::text(path, MAX_FILE_BYTES)?;
    let lines = text.lines().map(str::trim).enumerate();
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(i, line)| {
            read(line).with_context(|| format!("line {} of {}", i + 1, path.display()))
        })
        .collect()
}
