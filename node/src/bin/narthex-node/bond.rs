//! `narthex-node arbiter offer`: an arbiter's offers on chain and their bonds.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use narthex::bitcoin::{Amount, FeeRate};
use narthex_node::party::{BondPolicy, BondStatus, Command, OfferStatus, OfferingStatus, Policy};

use super::args::Dir;

/// What is offered on chain.
#[derive(Args)]
pub(crate) struct BondArgs {
    /// As an arbiter: offers to judge on chain, with so many satoshi locked for each offer; made by itself, and renewed before it ends. Without it
    /// nothing is offered, and bonds that have ended come back to the wallet.
    #[arg(long, value_name = "SAT")]
    bond: Option<u64>,
    /// Blocks from the making of an offer to its end; its bond is locked as long.
    #[arg(long, value_name = "BLOCKS", default_value_t = BondPolicy::BLOCKS)]
    bond_blocks: u32,
    /// Most blocks after a delivery is due that a stake may be locked, as it is offered; so long, and some blocks more, before one offer ends the
    /// next is made.
    #[arg(long, value_name = "BLOCKS", default_value_t = BondPolicy::LONGEST_LOCK)]
    bond_longest_lock: u32,
    /// Stake that is offered, in satoshi, exactly; --max-stake without it.
    #[arg(long, value_name = "SAT")]
    bond_stake: Option<u64>,
    /// Fee rate in sat/kwu (250 are 1 sat/vB) that its transactions begin with.
    #[arg(long, value_name = "SAT/KWU", default_value_t = 500)]
    bond_rate: u64,
}

impl BondArgs {
    pub(crate) fn policy(&self, max_stake: u64) -> Option<BondPolicy> {
        Some(BondPolicy {
            amount: Amount::from_sat(self.bond?),
            blocks: self.bond_blocks,
            longest_lock: self.bond_longest_lock,
            stake: Amount::from_sat(self.bond_stake.unwrap_or(max_stake)),
            rate: FeeRate::from_sat_per_kwu(self.bond_rate),
        })
    }

    /// Lines for a file of options.
    pub(super) fn text(&self) -> String {
        let mark = if self.bond.is_some() { "" } else { "# " };
        let (bond, blocks, lock) = (
            self.bond.unwrap_or(1_000_000),
            self.bond_blocks,
            self.bond_longest_lock,
        );
        let mut text = format!(
            "{mark}bond = {bond}\n{mark}bond-blocks = {blocks}\n{mark}bond-longest-lock = {lock}\n{mark}bond-rate = {}\n",
            self.bond_rate
        );
        if let Some(stake) = self.bond_stake {
            text += &format!("{mark}bond-stake = {stake}\n");
        }
        text
    }

    /// What its wallet needs beside what it stakes.
    pub(super) fn coins(&self) -> String {
        match self.bond {
            Some(bond) => format!(
                "; and two of some more than {bond} sat for its bonds, of which the next is locked before the last is free"
            ),
            None => "; for bonds too, if it is to have any (--bond)".to_owned(),
        }
    }
}

/// Refuses what cannot be.
pub(super) fn check(policy: &Policy) -> anyhow::Result<()> {
    let checked = policy.check_bond();
    checked.map_err(|why| anyhow!("--bond: {why}"))
}

/// About an arbiter's offers on chain.
#[derive(Subcommand)]
pub(crate) enum OfferOrder {
    /// Says which offers stand, until when, and what is locked for them.
    Status(Dir),
    /// Makes the next offer now, though the last one stands long enough: with other terms, or another bond, as the node was started with.
    Renew(Dir),
}

impl OfferOrder {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            OfferOrder::Status(dir) => dir.ask(&Command::Arbiter),
            OfferOrder::Renew(dir) => dir.ask(&Command::RenewOffer),
        }
    }
}

/// The offer that others see.
pub(super) fn posted(out: &mut impl Write, offer: &OfferStatus) -> io::Result<()> {
    let OfferStatus {
        identity,
        end_height,
        outpoint,
        value_sat,
        terms_hash,
        certificate,
        ..
    } = offer;
    writeln!(
        out,
        "offer     {identity} until {end_height}, terms {terms_hash}\nbond      {value_sat} sat at {outpoint}\nproof     {certificate}"
    )
}

/// Offers and bonds, for their operator.
pub(super) fn show(out: &mut impl Write, offering: &OfferingStatus) -> io::Result<()> {
    let OfferingStatus {
        amount_sat,
        next_height,
        locked_sat,
        fees_sat,
        trouble,
        offers,
        ..
    } = offering;
    let next = match (amount_sat, next_height) {
        (None, _) => "no further one".to_owned(),
        (Some(_), Some(height)) => format!("the next at {height}"),
        (Some(_), None) => "the next as soon as it can be".to_owned(),
    };
    writeln!(
        out,
        "offers    {next}; {locked_sat} sat in bonds, {fees_sat} paid in fees"
    )?;
    for bond in offers {
        let BondStatus {
            identity,
            state,
            end_height,
            outpoint,
            value_sat,
            ..
        } = bond;
        let place = outpoint.as_deref().unwrap_or("no block yet");
        writeln!(
            out,
            "    {identity}  {state}  until {end_height}  {value_sat} sat at {place}"
        )?;
    }
    if let Some(trouble) = trouble {
        writeln!(out, "    TROUBLE: {trouble}")?;
    }
    Ok(())
}
