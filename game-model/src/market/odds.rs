//! What a line-up comes to: the right root paid, a wrong one, or nobody.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::chance::Chance;
use super::split::{MAX_LAYERS, SplitError, split};

/// What faulty recomputers answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Faults {
    /// All the same wrong root: the worst that they can do to a split.
    #[default]
    Agreeing,
    /// Wrong roots of their own, as broken hardware would: benign.
    Differing,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agreeing => "agreeing",
            Self::Differing => "differing",
        })
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "agreeing" => Ok(Self::Agreeing),
            "differing" => Ok(Self::Differing),
            _ => Err(format!("{text:?}: faults are agreeing or differing")),
        }
    }
}

/// How a request ends, as far as the split is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The right root is paid for.
    Right,
    /// A wrong root is paid for.
    Wrong,
    /// No group is large enough, or two are the largest.
    Nobody,
}

/// Probabilities of the endings. They add up to 1 but for rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Odds {
    /// At least this for [`Ending::Right`].
    pub right: Chance,
    /// At most this for [`Ending::Wrong`].
    pub wrong: Chance,
    /// At most this for [`Ending::Nobody`].
    pub nobody: Chance,
}

/// How many recomputers are right, as recomputers join: bounds of each probability, rounded outward.
#[derive(Clone, Copy, Debug)]
pub(super) struct RightOnes {
    recomputers: usize,
    least: [Chance; MAX_LAYERS + 1],
    most: [Chance; MAX_LAYERS + 1],
}

impl RightOnes {
    pub(super) const NOBODY_YET: Self = {
        let mut none = [Chance::ZERO; MAX_LAYERS + 1];
        none[0] = Chance::ONE;
        Self {
            recomputers: 0,
            least: none,
            most: none,
        }
    };

    /// With one more recomputer, independent of the others. Beyond the sixth nothing is counted, which no
    /// line-up reaches.
    pub(super) fn and(&self, reliability: Chance) -> Self {
        let fault = reliability.complement();
        let mut more = *self;
        more.recomputers += 1;
        for right in 0..=MAX_LAYERS {
            let (mut least, mut most) = (
                self.least[right].and_down(fault),
                self.most[right].and_up(fault),
            );
            if let Some(before) = right.checked_sub(1) {
                least = least.or(self.least[before].and_down(reliability));
                most = most.or(self.most[before].and_up(reliability));
            }
            (more.least[right], more.most[right]) = (least, most);
        }
        more
    }

    pub(super) fn odds(&self, quorum: u8, verdicts: &Verdicts) -> Odds {
        let mut odds = Odds {
            right: Chance::ZERO,
            wrong: Chance::ZERO,
            nobody: Chance::ZERO,
        };
        for right in 0..=self.recomputers.min(MAX_LAYERS) {
            match verdicts.ending(self.recomputers, right, quorum) {
                Ending::Right => odds.right = odds.right.or(self.least[right]),
                Ending::Wrong => odds.wrong = odds.wrong.or(self.most[right]),
                Ending::Nobody => odds.nobody = odds.nobody.or(self.most[right]),
            }
        }
        odds
    }
}

/// How each count of right recomputers ends, from [`split`] itself, looked up many times.
#[derive(Clone, Debug)]
pub(super) struct Verdicts([[[Ending; MAX_LAYERS + 1]; MAX_LAYERS + 1]; MAX_LAYERS + 1]);

impl Verdicts {
    pub(super) fn new(faults: Faults) -> Self {
        let mut table = [[[Ending::Nobody; MAX_LAYERS + 1]; MAX_LAYERS + 1]; MAX_LAYERS + 1];
        for (recomputers, by_right) in table.iter_mut().enumerate() {
            for (right, by_quorum) in by_right.iter_mut().enumerate().take(recomputers + 1) {
                for (quorum, ending) in by_quorum.iter_mut().enumerate().skip(1) {
                    // A quorum that is no number of these recomputers pays nobody.
                    *ending = ending_of(recomputers, right, quorum as u8, faults)
                        .unwrap_or(Ending::Nobody);
                }
            }
        }
        Self(table)
    }

    fn ending(&self, recomputers: usize, right: usize, quorum: u8) -> Ending {
        let by_right = self.0.get(recomputers).and_then(|table| table.get(right));
        let ending = by_right.and_then(|table| table.get(usize::from(quorum)));
        ending.copied().unwrap_or(Ending::Nobody)
    }
}

/// How the split of `recomputers` layers ends, the first `right` of which are right. Which ones does not
/// matter: [`split`] does not look at the order.
fn ending_of(
    recomputers: usize,
    right: usize,
    quorum: u8,
    faults: Faults,
) -> Result<Ending, SplitError> {
    let root = |seat: usize| match (seat < right, faults) {
        (true, _) => [0; 32],
        (false, Faults::Agreeing) => [1; 32],
        (false, Faults::Differing) => [1 + seat as u8; 32],
    };
    let layers: Vec<_> = (0..recomputers).map(|seat| Some(root(seat))).collect();
    let paid = split(&layers, quorum)?;
    Ok(match paid.iter().next() {
        None => Ending::Nobody,
        Some(first) if first < right => Ending::Right,
        Some(_) => Ending::Wrong,
    })
}

/// What a line-up of recomputers with these reliabilities comes to, faults being independent.
///
/// The count of right recomputers is Poisson-binomial; each product is rounded outward, so `right` is at
/// most 10⁻¹⁶ too low, the others as much too high. `right` grows with each reliability, so lower
/// bounds of reliabilities give a lower bound.
///
/// # Errors
/// [`SplitError`] if the line-up is too long or the quorum no number of its recomputers.
pub fn odds(reliabilities: &[Chance], quorum: u8, faults: Faults) -> Result<Odds, SplitError> {
    let recomputers = reliabilities.len();
    // The split's own check of both numbers.
    ending_of(recomputers, recomputers, quorum, faults)?;
    let right = reliabilities.iter();
    let right = right.fold(RightOnes::NOBODY_YET, |right, chance| right.and(*chance));
    Ok(right.odds(quorum, &Verdicts::new(faults)))
}
