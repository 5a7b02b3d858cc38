//! The letters of the formulas.

use crate::detection::hit_probability;
use crate::game::economics::{ArbiterModel, Economics, SidePayments};
use crate::params::Params;
use crate::ratio::Ratio;
use crate::rational::{Rational, exact, fraction, sat};

/// Amounts in satoshi, from a record or, for a search, from figures that no record has yet.
pub(in crate::game) struct Symbols {
    pub(in crate::game) c: Rational,
    pub(in crate::game) w: Rational,
    pub(in crate::game) v: Rational,
    pub(in crate::game) a: Rational,
    pub(in crate::game) b: Rational,
    pub(in crate::game) z: Rational,
    pub(in crate::game) y: Rational,
    pub(in crate::game) g: Rational,
    pub(in crate::game) r: Rational,
    pub(in crate::game) gain: Rational,
    pub(in crate::game) retainer: Rational,
    pub(in crate::game) n: u8,
    pub(in crate::game) rho_c: Rational,
    pub(in crate::game) phi: Rational,
    pub(in crate::game) alpha_w: Rational,
    pub(in crate::game) beta_v: Rational,
    pub(in crate::game) delta_w: Rational,
    pub(in crate::game) eps_w: Rational,
    pub(in crate::game) eps_v: Rational,
    pub(in crate::game) eps_a: Rational,
    pub(in crate::game) p: Rational,
    pub(in crate::game) e1: Rational,
    pub(in crate::game) e2: Rational,
    pub(in crate::game) e5: Rational,
    /// Fees, by transaction: S3, S2, S7, TxD, TxA.
    pub(in crate::game) f_claim: Rational,
    pub(in crate::game) f_late: Rational,
    pub(in crate::game) f_acquitted: Rational,
    pub(in crate::game) f_delivery: Rational,
    pub(in crate::game) f_appeal: Rational,
    /// TxV0 + S4'; the cheaper of S4 and TxD; what a verifier that catches pays at most.
    pub(in crate::game) f_rejecting: Rational,
    pub(in crate::game) f_giving_up: Rational,
    pub(in crate::game) f_catching: Rational,
    /// Whether side payments are possible.
    pub(in crate::game) bribes: bool,
    /// What locking 1 sat for as long as a stake costs; `None` if it costs nothing.
    pub(in crate::game) locking: Option<Rational>,
}

/// e1, e2, e5 of the panel; players do not err.
pub(in crate::game) fn errors(model: &ArbiterModel) -> [Rational; 3] {
    match model {
        ArbiterModel::Rates {
            convicts_innocent,
            acquits_guilty,
            undecided,
        } => [*convicts_innocent, *acquits_guilty, *undecided].map(fraction),
        ArbiterModel::Strategic | ArbiterModel::Bits => [0, 0, 0].map(exact),
    }
}

impl Symbols {
    pub(in crate::game) fn new(params: &Params, economics: &Economics) -> Self {
        let (steps, sample) = (params.steps(), params.sample().into());
        let hit = hit_probability(steps, economics.bad_steps, sample);
        Self::with_hit(params, economics, hit)
    }

    /// The same where the sample hits with probability `p`.
    pub(in crate::game) fn with_hit(params: &Params, economics: &Economics, p: Rational) -> Self {
        let [e1, e2, e5] = errors(&economics.arbiters);
        let (w, v, a) = (
            params.worker_stake(),
            params.verifier_stake(),
            params.arbiter_stake(),
        );
        let fees = &economics.fees;
        Self {
            c: sat(params.reward()),
            w: sat(w),
            v: sat(v),
            a: sat(a),
            b: sat(params.bounty()),
            z: sat(economics.worker_cost),
            y: sat(economics.verifier_cost),
            g: sat(economics.arbiter_cost),
            r: sat(economics.right_value),
            gain: sat(economics.outside_gain),
            retainer: sat(params.retainer()),
            n: params.arbiters(),
            rho_c: sat(params.worker_share()),
            phi: sat(params.verifier_reward()),
            alpha_w: sat(params.alpha().floor_of(w)),
            beta_v: sat(params.beta().floor_of(v)),
            delta_w: sat(params.delta().floor_of(w)),
            eps_w: sat(params.epsilon().floor_of(w)),
            eps_v: sat(params.epsilon().floor_of(v)),
            eps_a: sat(params.epsilon().floor_of(a)),
            p,
            e1,
            e2,
            e5,
            f_claim: sat(fees.settlement),
            f_late: sat(fees.late),
            f_acquitted: sat(fees.acquitted),
            f_delivery: sat(fees.delivery),
            f_appeal: sat(fees.appeal),
            f_rejecting: fees.rejecting(),
            f_giving_up: fees.giving_up(),
            f_catching: fees.catching(),
            bribes: economics.side_payments == SidePayments::Possible,
            locking: locking(economics.capital_cost, params.stake_lock_blocks()),
        }
    }

    /// p_I, the probability that an innocent worker is acquitted.
    pub(super) fn p_i(&self) -> Rational {
        exact(1) - &self.e1 - &self.e5
    }

    /// U, what an innocent worker gets from an appeal.
    pub(super) fn u(&self) -> Rational {
        self.p_i() * (&self.c - &self.f_acquitted)
            - &self.e1 * &self.w
            - &self.e5 * &self.eps_w
            - &self.f_delivery
            - &self.f_appeal
    }

    /// What a worker loses that is found out and gives up.
    pub(super) fn penalty(&self) -> Rational {
        &self.delta_w + &self.f_giving_up
    }

    /// What is left of the bounty where the worker gives up in the way that is cheapest for it.
    pub(super) fn net_bounty(&self) -> Rational {
        &self.b - &self.f_catching
    }

    /// 1 − p.
    pub(super) fn missed(&self) -> Rational {
        exact(1) - &self.p
    }
}

/// What locking 1 sat for so many blocks costs, at a share of it per 1,000 blocks.
pub(in crate::game) fn locking(cost: Ratio, blocks: u16) -> Option<Rational> {
    (cost != Ratio::ZERO).then(|| fraction(cost) * exact(blocks) / exact(1_000))
}
