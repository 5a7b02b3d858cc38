//! What a panel of strategies attests, and which settlement follows.

use super::dice::Dice;
use crate::arbiters::{ArbiterSet, Ruling};
use crate::params::settlement::Outcome;
use crate::play::ArbiterStrategy;
use crate::ratio::Ratio;

/// How an arbitration went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arbitration {
    /// The settlement.
    pub outcome: Outcome,
    /// Arbiters whose two attestations give their keys away.
    pub equivocated: ArbiterSet,
    /// Arbiters that ran the disputed step.
    pub checked: ArbiterSet,
}

/// Lets a panel rule on a step about which `truth` is right; `quorum` arbiters decide.
///
/// Equivocating arbiters count for both rulings. If both have a majority, the larger may settle
/// earlier (its window opens first), and equal ones race: a coin.
pub fn arbitrate(panel: &[ArbiterStrategy], quorum: u8, truth: Ruling, dice: &Dice) -> Arbitration {
    let mut votes = [ArbiterSet::empty(); 2];
    let mut checked = ArbiterSet::empty();
    for (index, strategy) in panel.iter().enumerate() {
        if matches!(
            strategy,
            ArbiterStrategy::Honest | ArbiterStrategy::Erring { .. }
        ) {
            checked.insert(index);
        }
        for (ruling, set) in Ruling::ALL.into_iter().zip(&mut votes) {
            if attests(*strategy, ruling, truth, dice, index as u64) {
                set.insert(index);
            }
        }
    }
    let [guilty, innocent] = votes;
    let has = |set: ArbiterSet| !set.is_empty() && set.len() >= quorum;
    let ruling = match (has(guilty), has(innocent)) {
        (true, false) => Some(Ruling::WorkerAtFault),
        (false, true) => Some(Ruling::VerifierAtFault),
        (false, false) => None,
        (true, true) => Some(match guilty.len().cmp(&innocent.len()) {
            std::cmp::Ordering::Greater => Ruling::WorkerAtFault,
            std::cmp::Ordering::Less => Ruling::VerifierAtFault,
            std::cmp::Ordering::Equal => Ruling::ALL[dice.pick("race", 0, &[Ratio::HALF])],
        }),
    };
    let outcome = match ruling {
        Some(Ruling::WorkerAtFault) => Ruling::WorkerAtFault.outcome(guilty),
        Some(Ruling::VerifierAtFault) => Ruling::VerifierAtFault.outcome(innocent),
        None => Outcome::ArbitrationFailed {
            ruled: guilty.iter().chain(innocent.iter()).collect(),
        },
    };
    Arbitration {
        outcome,
        equivocated: guilty.iter().filter(|i| innocent.contains(*i)).collect(),
        checked,
    }
}

/// Whether an arbiter attests `ruling`.
fn attests(
    strategy: ArbiterStrategy,
    ruling: Ruling,
    truth: Ruling,
    dice: &Dice,
    index: u64,
) -> bool {
    match strategy {
        ArbiterStrategy::Honest => ruling == truth,
        ArbiterStrategy::Silent => false,
        ArbiterStrategy::Equivocate => true,
        ArbiterStrategy::Guess => ruling == Ruling::ALL[dice.pick("guess", index, &[Ratio::HALF])],
        ArbiterStrategy::Erring {
            convicts_innocent,
            acquits_guilty,
            undecided,
        } => {
            let wrong = match truth {
                Ruling::VerifierAtFault => convicts_innocent,
                Ruling::WorkerAtFault => acquits_guilty,
            };
            // One roll: wrong below e, undecided in the uppermost e5, right in between.
            let decided_below = undecided.complement().unwrap_or(Ratio::ZERO);
            match dice.pick("errs", index, &[wrong, decided_below]) {
                0 => ruling != truth,
                1 => ruling == truth,
                _ => false,
            }
        }
    }
}
