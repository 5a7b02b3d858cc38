//! What a worker may promise its verifier beside the contract.

use super::Course;
use crate::rational::{Rational, exact, sat};

/// When a worker that cheats owes its verifier what it promised.
///
/// It promises the most with which it still gains: s = max(z, B) where it pays in any case, and max(z, B/p) where it pays
/// only if the sample hits a target. A promise that is refused at this price is refused at any that a cheat would offer.
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
    /// What is promised, in satoshi.
    pub(super) fn promised(&self, promise: Promise) -> Rational {
        let (z, gain) = (
            sat(self.economics.worker_cost),
            sat(self.economics.outside_gain),
        );
        match promise {
            Promise::Always | Promise::Silence => z.max(gain),
            // There is a bad step and a sample, so p is above 0.
            Promise::IfCaught | Promise::IfHit if self.hit > exact(0) => z.max(gain / &self.hit),
            Promise::IfCaught | Promise::IfHit => z.max(gain),
        }
    }
}
