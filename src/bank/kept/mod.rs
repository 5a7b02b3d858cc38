//! A bank that is kept on disk between commands: both sides of it, each with a log, a wallet and a record of bindings of its
//! own, and, where no node is named, a chain.
//!
//! ```text
//! DIR/depth               how deep its owner waits
//! DIR/chain               blocks of the folder's own chain, if it has one
//! DIR/payer/seed          of wallet and key
//! DIR/payer/bindings      what was bound
//! DIR/payer/bank-0        the payer's machine (SQLite)
//! DIR/payer/chain-0       w_N of that bank
//! DIR/provider/…          the same without a chain
//! ```
//!
//! Every command does three things: it looks at the chain, it takes its order into the machines, and it carries out what they
//! have pending, until nothing is left that it can do. Killed anywhere, the next command goes on with what is pending.
//! No nonce is ever written: see `docs/adr/0051-banks-on-disk.md`.

mod act;
mod chain;
mod depth;
mod due;
mod open;
mod order;
mod party;

use std::path::{Path, PathBuf};

use bitcoin::ScriptBuf;
use narthex_channel::{bank::CoinAt, log::SqliteLog};
use narthex_contracts::{depth::Depth, terms::FeeRate};
use serde::Serialize;

pub use chain::KeptChain;
pub use due::{Due, NextMove};

use super::{KeptError, keeper::Keeper as _, sides::Sides};
use party::Party;

/// A bank in a folder, between its two parties.
pub struct KeptBank {
    dir: PathBuf,
    chain: KeptChain,
    rate: FeeRate,
    depth: Depth,
    payer: Party,
    provider: Party,
    /// Which of the banks behind each other.
    number: u32,
    sides: Sides<SqliteLog>,
    /// What was done, in words.
    done: Vec<String>,
}

/// How a kept bank stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptStanding {
    /// What this command did.
    pub done: Vec<String>,
    /// Which of the banks behind each other, from 0.
    pub bank: u32,
    /// Height of the tip.
    pub height: u32,
    /// The payer's state.
    pub payer: &'static str,
    /// The provider's.
    pub provider: &'static str,
    /// Where the coin is.
    pub coin: &'static str,
    /// Pennies that were given.
    pub given: u32,
    /// Pennies that were taken.
    pub taken: u32,
    /// How many of them a claim enforces.
    pub enforceable: u32,
    /// The payer's confirmed coins.
    pub payer_sat: u64,
    /// The provider's.
    pub provider_sat: u64,
    /// Where to send coins to the payer.
    pub payer_address: String,
    /// Where to send coins to the provider, who pays for force close and claim.
    pub provider_address: String,
    /// Whether something waits for a block.
    pub waits: bool,
    /// How deep the coin must lie, in blocks.
    pub depth: u32,
    /// What either side should order now, and until when: nothing acts by itself.
    pub due: Vec<Due>,
    /// What either side will have to order next, or may, with its deadline in blocks.
    pub next: Vec<NextMove>,
}

impl KeptBank {
    /// Opens the folder, or makes it. The wallets read the chain. Pennies are given and taken, and a bank is forgotten,
    /// when what they stand on is so deep, which the folder remembers: 6 blocks
    /// unless it was said, and never less than was.
    ///
    /// # Errors
    /// [`KeptError`]; [`narthex_channel::log::LogError::Busy`] if another command is at work.
    pub fn load(
        dir: &Path,
        mut chain: KeptChain,
        rate: FeeRate,
        depth: Option<Depth>,
    ) -> Result<KeptBank, KeptError> {
        let mut payer = Party::load(dir, "payer", &mut chain)?;
        let depth = depth::in_force(dir, depth)?;
        let mut provider = Party::load(dir, "provider", &mut chain)?;
        let mut number = 0;
        let mut sides = open::sides(dir, number, [&payer, &provider])?;
        sides.share()?;
        // The last bank whose predecessor was left for it.
        loop {
            sides.look(chain.chain(), depth)?;
            if !matches!(sides.payer.machine().coin(), CoinAt::Spent { .. }) {
                break;
            }
            let next = number.saturating_add(1);
            let parties = [&payer, &provider];
            let Some(found) = open::successor(dir, next, parties, &mut chain)? else {
                break;
            };
            (sides, number) = (found, next);
        }
        sides.compact()?;
        payer.reserve(sides.payer.machine());
        provider.wallet.sync(chain.chain())?;
        Ok(KeptBank {
            dir: dir.to_owned(),
            chain,
            rate,
            depth,
            payer,
            provider,
            number,
            sides,
            done: Vec::new(),
        })
    }

    /// How it stands.
    ///
    /// # Errors
    /// [`KeptError`] if the chain does not answer.
    pub fn standing(&mut self) -> Result<KeptStanding, KeptError> {
        self.look()?;
        let height = self.chain.chain().height()?;
        let (waits, due, next) = (self.waits(), self.due(height), self.next_moves(height));
        let address = |script: &ScriptBuf| {
            let address = bitcoin::Address::from_script(script, bitcoin::Network::Regtest);
            address.map_or_else(|_| script.to_hex_string(), |address| address.to_string())
        };
        let (payer, provider) = (self.sides.payer.machine(), self.sides.provider.machine());
        let enforceable = provider.book().map_or(0, |book| book.enforceable());
        Ok(KeptStanding {
            done: self.done.clone(),
            bank: self.number,
            height,
            payer: payer.standing(),
            provider: provider.standing(),
            coin: match payer.coin() {
                CoinAt::Nowhere => "nowhere",
                CoinAt::Banked { is_deep: true } => "banked",
                CoinAt::Banked { is_deep: false } => "shallow",
                CoinAt::ForceClosed { .. } => "force_closed",
                CoinAt::Spent { .. } => "spent",
            },
            given: payer.pennies(),
            taken: provider.pennies(),
            enforceable,
            payer_sat: self.payer.wallet.balance().to_sat(),
            provider_sat: self.provider.wallet.balance().to_sat(),
            payer_address: address(&self.payer.script),
            provider_address: address(&self.provider.script),
            waits,
            depth: self.depth.blocks(),
            due,
            next,
        })
    }

    /// Mines blocks on the folder's own chain.
    ///
    /// # Errors
    /// [`KeptError::State`] if the chain is a node's.
    pub fn mine(&mut self, blocks: u32) -> Result<(), KeptError> {
        self.chain.mine(blocks)?;
        self.look()
    }
}
