//! What a worker may promise its verifier beside the contract, and how much of it.

use super::{Course, Past, Work};
use crate::rational::{Rational, exact, sat};

/// When a worker that cheats owes its verifier what it promised. How much is in no field, since one price is enough.
///
/// A promise may name a payment for each thing that can come out: that the sample hit or not, that nothing was done or only
/// a few steps are bad, what the verifier did. There is no end of them. One price for each kind of promise and of cheat
/// stands for all:
///
/// - *No promise does more than its money.* What a promise pays one side the other has less. A verifier that declines it and
///   does its work has φ − y, and b − h more where there is a difference to find (h: what catching costs in fees). It takes the
///   promise if that gives it no less. A worker makes it if it has no less than H, by honest work. So both together must have
///   H + φ − y + x(b − h), with x = p for bad steps and x = 1 for no work. They have the most where the verifier saves
///   y and approves: H + φ + B, or H + φ + z. No promise of whatever form is taken where p(b − h) > B + y and b − h > z + y.
/// - *Nor one that is held up on chain.* A worker that was rejected may deliver, and where S4 is cheaper than TxD the verifier's
///   fees are higher there. It rejects a second time if b less these exceeds the promise less the fee of TxV1.
/// - *One promise reaches both.* Money is worth most to the verifier where rejecting is: where there is a difference. Owed there
///   alone, and of the most with which that cheat still gains (B/p for bad steps, z for no work), it is taken if any is. A
///   smaller one is refused where this one is: what the verifier has by rejecting stays the same.
/// - *Each cheat has its own price.* If one sum were owed whatever was done, an idle worker would offer it rather than one
///   that cheats a little wherever z exceeds B/p, and a verifier that expects an idle one looks. A promise of B/p for a few bad
///   steps and of z for nothing done leaves each cheat with what honest work gives it, so the verifier may believe in either.
/// - *More than b is never needed.* What a verifier has by rejecting is φ + b at most. So a promise stays below αw, and
///   claiming and paying is better for the worker than keeping the result back.
///
/// Mixtures of kinds add none, since the first point counts money of every kind. Payments by the verifier are covered
/// too: it may decline. A promise that both sign *before* the work is one owner of both: [`crate::game::Inspection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// If the verifier has found a difference and approves.
    IfCaught,
    /// If the verifier approves; the token comes with the promise, so it need not look.
    Always,
    /// If the sample hits and the verifier approves; the token comes with the promise.
    IfHit,
    /// If the verifier gives no verdict.
    Silence,
}

impl Promise {
    pub(super) const ALL: [Self; 4] = [Self::IfCaught, Self::Always, Self::IfHit, Self::Silence];

    /// As the worker remembers it.
    pub(super) const fn by_worker(self) -> &'static str {
        match self {
            Self::IfCaught => ", promised to pay if caught",
            Self::Always => ", promised to pay always",
            Self::IfHit => ", promised to pay if the sample hits",
            Self::Silence => ", promised to pay for silence",
        }
    }

    /// As the verifier knows it.
    pub(super) const fn to_verifier(self) -> &'static str {
        match self {
            Self::IfCaught => "promised a payment if it catches",
            Self::Always => "promised a payment always",
            Self::IfHit => "promised a payment if the sample hits",
            Self::Silence => "promised a payment for silence",
        }
    }

    pub(super) const fn hands_token_over(self) -> bool {
        matches!(self, Self::Always | Self::IfHit)
    }

    /// The worker's moves with this promise: without work, and with bad steps.
    pub(super) const fn moves(self) -> [&'static str; 2] {
        match self {
            Self::IfCaught => [
                "skip, promise to pay if caught",
                "target, promise to pay if caught",
            ],
            Self::Always => [
                "skip, promise to pay always",
                "target, promise to pay always",
            ],
            Self::IfHit => [
                "skip, promise to pay if the sample hits",
                "target, promise to pay if the sample hits",
            ],
            Self::Silence => [
                "skip, promise to pay for silence",
                "target, promise to pay for silence",
            ],
        }
    }
}

impl Course<'_> {
    /// What is owed, in satoshi, where this is the past.
    pub(super) fn promised(&self, promise: Promise, past: &Past) -> Rational {
        let economics = self.economics;
        let gain = match past.work {
            Work::Skip => sat(economics.worker_cost),
            _ => sat(economics.outside_gain),
        };
        // There is a bad step and a sample, so p is above 0.
        let odds = match past.work.is_partial() && self.hit > exact(0) {
            true => self.hit.clone(),
            false => exact(1),
        };
        let bounty = sat(self.params.bounty());
        let if_hit = |gain: Rational| match past.hit {
            true => (gain / &odds).min(bounty.clone()),
            false => exact(0),
        };
        match promise {
            Promise::Always => gain.min(bounty.clone()),
            Promise::IfCaught | Promise::IfHit => if_hit(gain),
            Promise::Silence => {
                // S2 has other fees than S3, and costs the verifier φ and βv before anything is gained by it.
                let fees = &economics.fees;
                let late = sat(fees.delivery) + sat(fees.late);
                let gain = (gain + sat(fees.settlement) - late).max(exact(0));
                let params = self.params;
                let lost = sat(params.verifier_reward())
                    + sat(params.beta().floor_of(params.verifier_stake()));
                let made_good = gain.clone().min(lost);
                let rest = gain - &made_good;
                made_good + if_hit(rest)
            }
        }
    }
}
