//! What is to be played.

use std::path::PathBuf;

use narthex_contracts::{depth::Depth, terms::FeeRate};
use narthex_game_model::Layout;

use crate::{game::Case, table::ChainKind};

/// Options of a play.
#[derive(Debug, Clone)]
pub struct PlayOptions {
    /// Name of the story.
    pub story: String,
    /// Layout of the contract.
    pub layout: Layout,
    /// The chain.
    pub chain: ChainKind,
    /// Panel: k of n.
    pub quorum: u8,
    /// Panel: k of n.
    pub arbiters: u8,
    /// Own input, a CSV of 64 pixel values a row; the shipped data if none.
    pub input: Option<PathBuf>,
    /// How deep a block must be before anybody shows a secret, or draws a sample, on the strength of it.
    pub depth: Depth,
    /// Fee rate of the funding and of the children that pay for all else.
    pub rate: FeeRate,
    /// Everything random follows from it, if given.
    pub seed: Option<[u8; 32]>,
    /// Parameters to play, and costs and values by which the parties check that honest play pays; the example's if none.
    /// Set by [`PlayOptions::with_case`], with the layout and the panel.
    pub case: Option<Case>,
    /// Sign even if honest play does not pay, as it never does in the paper's layout.
    pub research: bool,
    /// Try every timed move one block too early first, and fail if the chain takes it.
    pub probe_early: bool,
}

impl Default for PlayOptions {
    fn default() -> Self {
        PlayOptions {
            story: "normal".into(),
            layout: Layout::Hardened,
            chain: ChainKind::Embedded,
            quorum: 2,
            arbiters: 3,
            input: None,
            depth: Depth::LEAST,
            rate: FeeRate::from_sat_per_kwu(500),
            seed: None,
            case: None,
            research: false,
            probe_early: false,
        }
    }
}
