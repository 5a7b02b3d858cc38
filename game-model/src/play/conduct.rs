//! How each role of a simulated game plays, as data. Anything but honest play is for simulations,
//! tests and demonstrations.

use serde::{Deserialize, Serialize};

use super::strategy::Strategy;
use crate::ratio::Ratio;

/// How a worker plays up to its delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkerStrategy {
    /// Delivers in time, having done with the steps what this says.
    Deliver(Strategy),
    /// Delivers nothing.
    TimeOut,
    /// Does no work: presents commitment, sealed result and openings of another worker of the same job
    /// as its own. It has what that worker made public, and no secret of it.
    Copy,
    /// Cheats on some steps and salts its tree anew until the sample that it predicts from the root
    /// alone has none of them, or it has tried often enough.
    Grind {
        /// What it does with the steps.
        work: Strategy,
        /// Most trees that it makes.
        most_tries: u32,
    },
    /// Cheats on some steps and, each time it is found out, shows another root for the same contract, of the same work under
    /// other salts: the nonce has been seen, and the other root draws another sample.
    Redraw {
        /// What it does with the steps.
        work: Strategy,
        /// Most roots that it shows, the first one included.
        most_roots: u32,
    },
}

impl WorkerStrategy {
    /// What it does with the steps; `None` if it computes none.
    pub const fn work(&self) -> Option<&Strategy> {
        match self {
            Self::Deliver(work) | Self::Grind { work, .. } | Self::Redraw { work, .. } => {
                Some(work)
            }
            Self::TimeOut | Self::Copy => None,
        }
    }
}

/// When a worker that is rejected appeals to the panel instead of admitting a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Appeal {
    /// If it knows that its disputed step is right: what pays in the equilibrium.
    #[default]
    WhenRight,
    /// Always, in the hope of erring arbiters.
    Always,
    /// Never: it admits.
    Never,
    /// Never, and it does not admit either: it lets its time run out.
    Idle,
}

/// How a verifier plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifierStrategy {
    /// Recomputes the sample, commits to its digests, says what comparing gives.
    Honest,
    /// Approves without work. It has no digests to commit to, so it commits to noise.
    RubberStamp,
    /// Rejects without work, over the first sampled step; its noise does differ.
    BlindAccuse,
    /// Gives no verdict.
    Silent,
}

/// How an arbiter plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ArbiterStrategy {
    /// Runs the disputed step and attests what it finds.
    Honest,
    /// Runs the disputed step and errs at these rates.
    Erring {
        /// e1: finds against a worker that was right.
        convicts_innocent: Ratio,
        /// e2: finds for a worker that was wrong.
        acquits_guilty: Ratio,
        /// e5: attests nothing.
        undecided: Ratio,
    },
    /// Attests one of the rulings by the toss of a coin.
    Guess,
    /// Attests nothing.
    Silent,
    /// Attests both rulings: it counts for either majority, and the two attestations give its key
    /// away.
    Equivocate,
}
