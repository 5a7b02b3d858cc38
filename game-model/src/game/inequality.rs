//! Conditions that are sufficient for honest play, each with both sides.

use serde::{Serialize, Serializer};

use super::economics::{ArbiterModel, Economics, EconomicsError};
use crate::detection::hit_probability;
use crate::params::Params;
use crate::rational::{Rational, exact, fraction, sat};

/// A strict inequality, `left > right`, in satoshi.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inequality {
    /// What it is for; part of the interface.
    pub name: &'static str,
    /// In symbols.
    pub formula: &'static str,
    /// Left side.
    #[serde(serialize_with = "shown")]
    pub left: Rational,
    /// Right side.
    #[serde(serialize_with = "shown")]
    pub right: Rational,
}

fn shown<S: Serializer>(value: &Rational, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl Inequality {
    /// Whether it holds, strictly.
    pub fn holds(&self) -> bool {
        self.left > self.right
    }
}

/// The inequalities under which honest play is the unique equilibrium of the hardened game without
/// fees. They are sufficient, not necessary: the exact answer is [`super::solve()`]'s. Products are
/// floored as in the settlement table. With strategic arbiters the panel does not err.
///
/// # Errors
/// [`EconomicsError`] if the figures make no game.
pub fn inequalities(
    params: &Params,
    economics: &Economics,
) -> Result<Vec<Inequality>, EconomicsError> {
    economics.check(params)?;
    let s = Symbols::new(params, economics);
    let list = [
        s.participation(),
        s.worker_deviations(),
        s.disputes(),
        s.arbiters(params, economics),
    ];
    Ok(list.into_iter().flatten().collect())
}

/// The letters of the formulas.
struct Symbols {
    c: Rational,
    w: Rational,
    v: Rational,
    b: Rational,
    z: Rational,
    y: Rational,
    r: Rational,
    gain: Rational,
    retainers: Rational,
    rho_c: Rational,
    phi: Rational,
    alpha_w: Rational,
    beta_v: Rational,
    delta_w: Rational,
    eps_w: Rational,
    eps_v: Rational,
    p: Rational,
    e1: Rational,
    e2: Rational,
    e5: Rational,
}

fn row(name: &'static str, formula: &'static str, left: Rational, right: Rational) -> Inequality {
    Inequality {
        name,
        formula,
        left,
        right,
    }
}

impl Symbols {
    fn new(params: &Params, economics: &Economics) -> Self {
        let (e1, e2, e5) = match economics.arbiters {
            ArbiterModel::Rates {
                convicts_innocent,
                acquits_guilty,
                undecided,
            } => (
                fraction(convicts_innocent),
                fraction(acquits_guilty),
                fraction(undecided),
            ),
            ArbiterModel::Strategic => (exact(0), exact(0), exact(0)),
        };
        let (w, v) = (params.worker_stake(), params.verifier_stake());
        Self {
            c: sat(params.reward()),
            w: sat(w),
            v: sat(v),
            b: sat(params.bounty()),
            z: sat(economics.worker_cost),
            y: sat(economics.verifier_cost),
            r: sat(economics.right_value),
            gain: sat(economics.outside_gain),
            retainers: sat(params.retainer()) * exact(params.arbiters()),
            rho_c: sat(params.worker_share()),
            phi: sat(params.verifier_reward()),
            alpha_w: sat(params.alpha().floor_of(w)),
            beta_v: sat(params.beta().floor_of(v)),
            delta_w: sat(params.delta().floor_of(w)),
            eps_w: sat(params.epsilon().floor_of(w)),
            eps_v: sat(params.epsilon().floor_of(v)),
            p: hit_probability(params.steps(), economics.bad_steps, params.sample().into()),
            e1,
            e2,
            e5,
        }
    }

    /// p_I, the probability that an innocent worker is acquitted.
    fn p_i(&self) -> Rational {
        exact(1) - &self.e1 - &self.e5
    }

    /// U, what an innocent worker gets from an appeal.
    fn u(&self) -> Rational {
        self.p_i() * &self.c - &self.e1 * &self.w - &self.e5 * &self.eps_w
    }

    fn participation(&self) -> Vec<Inequality> {
        vec![
            row(
                "client takes part",
                "R > c + retainers",
                self.r.clone(),
                &self.c + &self.retainers,
            ),
            row(
                "worker takes part",
                "ρc > z",
                self.rho_c.clone(),
                self.z.clone(),
            ),
            row(
                "verifier takes part",
                "φ > y",
                self.phi.clone(),
                self.y.clone(),
            ),
            row(
                "verifier lives",
                "φ + βv > y",
                &self.phi + &self.beta_v,
                self.y.clone(),
            ),
        ]
    }

    fn worker_deviations(&self) -> Vec<Inequality> {
        let honest = &self.rho_c - &self.z;
        let missed = exact(1) - &self.p;
        vec![
            row(
                "skip",
                "ρc − z > −δw",
                honest.clone(),
                -self.delta_w.clone(),
            ),
            row("time-out", "ρc − z > −αw", honest, -self.alpha_w.clone()),
            row(
                "target",
                "p(ρc + δw) > (1−p)B",
                &self.p * (&self.rho_c + &self.delta_w),
                missed * &self.gain,
            ),
        ]
    }

    fn disputes(&self) -> Vec<Inequality> {
        let u = self.u();
        let missed = exact(1) - &self.p;
        let p_g = exact(1) - &self.e2 - &self.e5;
        let admitted = -self.delta_w.clone();
        let fought = -(p_g * &self.w) + &self.e2 * (&self.c + &self.gain) - &self.e5 * &self.eps_w;
        let bounty = &self.phi + &self.b;
        let blind = -(self.p_i() * &self.v) + &self.e1 * &bounty - &self.e5 * &self.eps_v;
        vec![
            row(
                "honest appeals rather than time out",
                "U − z > −αw",
                &u - &self.z,
                -self.alpha_w.clone(),
            ),
            row(
                "honest appeals rather than skip",
                "U − z > −δw",
                &u - &self.z,
                admitted.clone(),
            ),
            row(
                "honest appeals rather than target",
                "p(U + δw) > (1−p)·p_I·B",
                &self.p * (&u + &self.delta_w),
                missed * self.p_i() * &self.gain,
            ),
            row(
                "guilty admits",
                "−δw > −p_G·w + e2(c + B) − e5·εw",
                admitted,
                fought,
            ),
            row(
                "no blind verdict",
                "φ − y > −p_I·v + e1(φ + b) − e5·εv",
                &self.phi - &self.y,
                blind,
            ),
            row("bribe", "b > z + B", self.b.clone(), &self.z + &self.gain),
        ]
    }

    fn arbiters(&self, params: &Params, economics: &Economics) -> Vec<Inequality> {
        let a = sat(params.arbiter_stake());
        let g = sat(economics.arbiter_cost);
        let eps_a = sat(params.epsilon().floor_of(params.arbiter_stake()));
        // The largest majority shares the pot in the most parts.
        let pot = (&self.w - &self.phi - &self.b) / exact(params.arbiters());
        vec![
            row(
                "arbiters check rather than be silent",
                "εa > g",
                eps_a,
                g.clone(),
            ),
            row(
                "arbiters check rather than guess",
                "pot/n − g > −a",
                pot.floor() - g,
                -a,
            ),
        ]
    }
}
