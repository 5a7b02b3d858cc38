//! The letters of the formulas.

use crate::detection::hit_probability;
use crate::game::economics::{ArbiterModel, Economics, SidePayments, TimeOuts};
use crate::params::{Params, ParamsRecord};
use crate::ratio::Ratio;
use crate::rational::{Rational, exact, fraction, sat};

/// What of a contract a search has not settled yet, in satoshi.
pub(in crate::game) struct Deposits {
    pub(in crate::game) w: Rational,
    pub(in crate::game) v: Rational,
    pub(in crate::game) a: Rational,
    pub(in crate::game) retainer: Rational,
}

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
    /// TxV1; TxV0 + S4'; the cheaper of S4 and TxD; what a verifier that catches pays at most.
    pub(in crate::game) f_approval: Rational,
    pub(in crate::game) f_rejecting: Rational,
    pub(in crate::game) f_giving_up: Rational,
    pub(in crate::game) f_catching: Rational,
    /// Whether S1 pays a verifier that has rejected.
    pub(in crate::game) pays_rejection: bool,
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
        let deposits = Deposits {
            w: sat(params.worker_stake()),
            v: sat(params.verifier_stake()),
            a: sat(params.arbiter_stake()),
            retainer: sat(params.retainer()),
        };
        // Parts of a stake are floored as in the settlement table.
        let part = |share: Ratio, stake: &Rational| (fraction(share) * stake).floor();
        let symbols = Self::of(params.record(), deposits, part, economics, p);
        Self {
            locking: locking(economics.capital_cost, params.stake_lock_blocks()),
            ..symbols
        }
    }

    /// The letters for these deposits, whatever the record has in their place; `part` is a share of a stake. Locking costs
    /// nothing.
    pub(in crate::game) fn of(
        record: &ParamsRecord,
        deposits: Deposits,
        part: impl Fn(Ratio, &Rational) -> Rational,
        economics: &Economics,
        p: Rational,
    ) -> Self {
        let [e1, e2, e5] = errors(&economics.arbiters);
        let Deposits { w, v, a, retainer } = deposits;
        let fees = &economics.fees;
        // A record's ρ is at most 1.
        let rest = record.rho.complement().unwrap_or(Ratio::ZERO);
        Self {
            c: sat(record.reward),
            b: sat(record.bounty),
            z: sat(economics.worker_cost),
            y: sat(economics.verifier_cost),
            g: sat(economics.arbiter_cost),
            r: sat(economics.right_value),
            gain: sat(economics.outside_gain),
            retainer,
            n: record.arbiters,
            rho_c: sat(record.rho.floor_of(record.reward)),
            phi: sat(rest.floor_of(record.reward)),
            alpha_w: part(record.alpha, &w),
            beta_v: part(record.beta, &v),
            delta_w: part(record.delta, &w),
            eps_w: part(record.epsilon, &w),
            eps_v: part(record.epsilon, &v),
            eps_a: part(record.epsilon, &a),
            w,
            v,
            a,
            p,
            e1,
            e2,
            e5,
            f_claim: sat(fees.settlement),
            f_late: sat(fees.late),
            f_acquitted: sat(fees.acquitted),
            f_delivery: sat(fees.delivery),
            f_appeal: sat(fees.appeal),
            f_approval: sat(fees.approval),
            f_rejecting: fees.rejecting(),
            f_giving_up: fees.giving_up(),
            f_catching: fees.catching(),
            pays_rejection: economics.time_outs == TimeOuts::PayRejection,
            bribes: economics.side_payments == SidePayments::Possible,
            locking: None,
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

    /// What a worker loses that is found out and does what is best for it: S1 included, whatever the conditions ask for.
    pub(in crate::game) fn gives_up_for(&self) -> Rational {
        self.admitted().min(self.alpha_w.clone())
    }

    /// What a worker loses that is found out and gives up: by S4, or TxD and S4'; and by S1, where that need not be dearer.
    pub(super) fn penalty(&self) -> Rational {
        match self.pays_rejection {
            true => self.gives_up_for(),
            false => self.admitted(),
        }
    }

    /// δw + f.
    pub(super) fn admitted(&self) -> Rational {
        &self.delta_w + &self.f_giving_up
    }

    /// What is left of the bounty where the worker gives up in the way that is cheapest for it.
    pub(super) fn net_bounty(&self) -> Rational {
        if self.pays_rejection && self.alpha_w < self.admitted() {
            return self.b.clone();
        }
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
