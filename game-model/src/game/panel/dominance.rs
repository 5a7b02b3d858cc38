//! From where on checking is dominant for an arbiter whose ruling is a bit.
//!
//! The others are any mixture of arbiters that check, convict, acquit or are silent; only how many of each counts. Nobody
//! knows whether the worker is guilty, so an action is compared with checking on average over both, in each mixture.

use bitcoin_units::Amount;
use serde::{Serialize, Serializer};

use super::Panel;
use crate::game::economics::Economics;
use crate::params::Params;
use crate::ratio::Ratio;
use crate::rational::{Rational, exact, fraction, sat};

/// What audits, or appeals against the panel, have to do for checking to be strictly dominant. `None`: nothing they do
/// makes it so, since being silent is as good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dominance {
    /// τ, the share of guilty workers among those that appeal, planted ones included: that of the case, or a half.
    pub planted: Ratio,
    /// What a wrong ruling must cost on average, audit rate times fine: more than this, in satoshi. It is
    /// a + pot/(k+1) + g/min(τ, 1−τ) for k < n: an arbiter that is right against a majority loses its stake and that share.
    #[serde(serialize_with = "shown")]
    pub least_expected_fine_sat: Option<Rational>,
    /// F, the fine of the case, if it has one.
    #[serde(rename = "fine_sat", serialize_with = "in_sat")]
    pub fine: Option<Amount>,
    /// q: the audit rate above which F does it; above 1 no rate does. `None` without a fine.
    #[serde(serialize_with = "shown")]
    pub least_audit_rate: Option<Rational>,
    /// What is left for audits to do, rate times fine, where every wrong majority is overruled, slashed, and those that it
    /// outvoted are paid: more than this, g/min(τ, 1−τ). Appeals alone never do it: where no side has a majority nothing is
    /// overruled, and a guess costs nothing.
    #[serde(serialize_with = "shown")]
    pub least_beside_appeals_sat: Option<Rational>,
    /// θ: the probability to be overruled above which that is already enough.
    #[serde(serialize_with = "shown")]
    pub least_overruled: Option<Rational>,
}

fn shown<S: Serializer>(value: &Option<Rational>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn in_sat<S: Serializer>(value: &Option<Amount>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(Amount::to_sat).serialize(serializer)
}

impl Dominance {
    pub(super) fn new(params: &Params, economics: &Economics) -> Self {
        let planted = economics.panel_audits.map_or(Ratio::HALF, |a| a.planted);
        let fine = economics.panel_audits.map(|audits| audits.fine);
        let panel = Panel::new(params, economics);
        let tau = fraction(planted);
        let least_expected_fine_sat = panel.least_expected_fine(&tau, false);
        let beside = panel.least_expected_fine(&tau, true);
        let rate = least_expected_fine_sat.as_ref().zip(fine);
        let rate = rate.filter(|(_, fine)| *fine > Amount::ZERO);
        Self {
            planted,
            least_audit_rate: rate.map(|(least, fine)| least / sat(fine)),
            least_overruled: (beside.as_ref()).and_then(|fine| panel.least_overruled(&tau, fine)),
            least_beside_appeals_sat: beside,
            least_expected_fine_sat,
            fine,
        }
    }
}

/// What the others do, by how many.
#[derive(Clone, Copy)]
struct Others {
    check: usize,
    convict: usize,
    acquit: usize,
}

/// What an arbiter does instead of checking.
#[derive(Clone, Copy)]
enum Instead {
    Convict,
    Acquit,
    Silent,
}

impl Instead {
    const ALL: [Self; 3] = [Self::Convict, Self::Acquit, Self::Silent];

    const fn ruling(self) -> Option<bool> {
        match self {
            Self::Convict => Some(true),
            Self::Acquit => Some(false),
            Self::Silent => None,
        }
    }

    /// How often it is a wrong ruling.
    fn wrong(self, tau: &Rational) -> Rational {
        match self {
            Self::Convict => exact(1) - tau,
            Self::Acquit => tau.clone(),
            Self::Silent => exact(0),
        }
    }
}

impl Panel {
    /// Every mixture of the n − 1 others.
    fn mixtures(&self) -> impl Iterator<Item = Others> {
        let others = usize::from(self.n).saturating_sub(1);
        (0..=others).flat_map(move |check| {
            (0..=others - check).flat_map(move |convict| {
                (0..=others - check - convict).map(move |acquit| Others {
                    check,
                    convict,
                    acquit,
                })
            })
        })
    }

    /// What an arbiter has of the settlement with this ruling, where a wrong majority is overruled or not.
    fn settled(&self, own: Option<bool>, others: Others, guilty: bool, over: bool) -> Rational {
        let votes = |side: bool| {
            let guessed = if side { others.convict } else { others.acquit };
            let checked = if side == guilty { others.check } else { 0 };
            guessed + checked + usize::from(own == Some(side))
        };
        let won = [true, false]
            .into_iter()
            .find(|side| votes(*side) >= self.k);
        let Some(won) = won else {
            return match own {
                Some(_) => exact(0),
                None => -self.silence.clone(),
            };
        };
        let paid = if over { guilty } else { won };
        match own {
            Some(side) if side == paid => &self.pot / exact(votes(paid) as u64),
            _ => -self.stake.clone(),
        }
    }

    /// By how much checking is better than this, without audits, where every wrong majority is overruled or none.
    fn ahead(&self, instead: Instead, others: Others, tau: &Rational, over: bool) -> Rational {
        let gap = |guilty: bool| {
            let checked = self.settled(Some(guilty), others, guilty, over);
            checked - self.settled(instead.ruling(), others, guilty, over)
        };
        tau * gap(true) + (exact(1) - tau) * gap(false) - &self.cost
    }

    /// The least that a wrong ruling must cost on average.
    fn least_expected_fine(&self, tau: &Rational, over: bool) -> Option<Rational> {
        let zero = exact(0);
        let mut least = zero.clone();
        for others in self.mixtures() {
            for instead in Instead::ALL {
                let ahead = self.ahead(instead, others, tau, over);
                if ahead > zero {
                    continue;
                }
                let wrong = instead.wrong(tau);
                if wrong == zero {
                    return None;
                }
                least = least.max(-ahead / wrong);
            }
        }
        Some(least)
    }

    /// The least θ for which that expected fine is enough.
    fn least_overruled(&self, tau: &Rational, fine: &Rational) -> Option<Rational> {
        let zero = exact(0);
        let mut least = zero.clone();
        for others in self.mixtures() {
            for instead in Instead::ALL {
                // Linear between the two.
                let fined = instead.wrong(tau) * fine;
                let never = self.ahead(instead, others, tau, false) + &fined;
                let always = self.ahead(instead, others, tau, true) + fined;
                if always < zero {
                    return None;
                }
                if never < zero {
                    least = least.max(-&never / (always - &never));
                }
            }
        }
        Some(least)
    }
}
