//! The panel: nature with error rates, or arbiters that play.

use super::{Course, Past};
use crate::arbiters::{ArbiterSet, Ruling};
use crate::game::builder::{GameBuilder, Move};
use crate::game::economics::ArbiterModel;
use crate::game::tree::Player;
use crate::params::settlement::Outcome;
use crate::ratio::Ratio;
use crate::rational::{Rational, exact, fraction};

/// Votes so far, and what came before them.
#[derive(Clone, Copy)]
struct Votes {
    past: Past,
    worker_at_fault: ArbiterSet,
    verifier_at_fault: ArbiterSet,
}

impl Votes {
    fn with(mut self, index: u8, ruling: Ruling) -> Self {
        let set = match ruling {
            Ruling::WorkerAtFault => &mut self.worker_at_fault,
            Ruling::VerifierAtFault => &mut self.verifier_at_fault,
        };
        set.insert(index.into());
        self
    }

    fn checked(mut self, index: u8) -> Self {
        self.past.checked.insert(index.into());
        let truth = if self.past.hit {
            Ruling::WorkerAtFault
        } else {
            Ruling::VerifierAtFault
        };
        self.with(index, truth)
    }
}

impl Course<'_> {
    pub(super) fn arbitration(&self, board: &mut GameBuilder, past: &Past) {
        match self.economics.arbiters {
            ArbiterModel::Rates {
                convicts_innocent,
                acquits_guilty,
                undecided,
            } => self.by_rates(board, past, convicts_innocent, acquits_guilty, undecided),
            ArbiterModel::Strategic | ArbiterModel::Bits => {
                let votes = Votes {
                    past: *past,
                    worker_at_fault: ArbiterSet::empty(),
                    verifier_at_fault: ArbiterSet::empty(),
                };
                self.vote(board, 0, &votes);
            }
        }
    }

    fn by_rates(&self, board: &mut GameBuilder, past: &Past, e1: Ratio, e2: Ratio, e5: Ratio) {
        let all = ArbiterSet::full(self.params.arbiters());
        let wrong = fraction(if past.hit { e2 } else { e1 });
        let failed = fraction(e5);
        let right = exact(1) - &wrong - &failed;
        let (convicts, acquits) = if past.hit {
            (right, wrong)
        } else {
            (wrong, right)
        };
        let fails = |b: &mut GameBuilder, past: &Past| {
            let ruled = ArbiterSet::empty();
            self.end(b, Outcome::ArbitrationFailed { ruled }, past);
        };
        let branches: [(Rational, Move<Past>); 3] = [
            (
                convicts,
                ("convicts", &|b, past| self.convicted(b, past, all)),
            ),
            (
                acquits,
                ("acquits", &|b, past| self.acquitted(b, past, all)),
            ),
            (failed, ("does not decide", &fails)),
        ];
        board.chance("panel", past, &branches);
    }

    /// Arbiters vote one after the other, none knowing what another did.
    fn vote(&self, board: &mut GameBuilder, index: u8, votes: &Votes) {
        if index == self.params.arbiters() {
            return self.counted(board, votes);
        }
        let next = |board: &mut GameBuilder, votes: &Votes| self.vote(board, index + 1, votes);
        let check = |b: &mut GameBuilder, votes: &Votes| next(b, &votes.checked(index));
        let silent = |b: &mut GameBuilder, votes: &Votes| next(b, votes);
        let for_worker = |b: &mut GameBuilder, votes: &Votes| {
            next(b, &votes.with(index, Ruling::VerifierAtFault))
        };
        let against =
            |b: &mut GameBuilder, votes: &Votes| next(b, &votes.with(index, Ruling::WorkerAtFault));
        let mut moves: Vec<Move<Votes>> = vec![("check", &check)];
        if self.has_token() && self.economics.arbiters != ArbiterModel::Bits {
            // Without digests of its own a guess is not a ruling.
            moves.push(("guess", &silent));
        } else {
            moves.push(("guess worker at fault", &against));
            moves.push(("guess verifier at fault", &for_worker));
        }
        moves.push(("be silent", &silent));
        board.decide(Player::Arbiter(index), "called", Some(0), votes, &moves);
    }

    fn counted(&self, board: &mut GameBuilder, votes: &Votes) {
        let quorum = self.params.quorum();
        if votes.worker_at_fault.len() >= quorum {
            return self.convicted(board, &votes.past, votes.worker_at_fault);
        }
        if votes.verifier_at_fault.len() >= quorum {
            return self.acquitted(board, &votes.past, votes.verifier_at_fault);
        }
        let mut ruled = votes.worker_at_fault;
        for index in votes.verifier_at_fault.iter() {
            ruled.insert(index);
        }
        self.end(board, Outcome::ArbitrationFailed { ruled }, &votes.past);
    }

    fn convicted(&self, board: &mut GameBuilder, past: &Past, majority: ArbiterSet) {
        let convicted = Outcome::WorkerAtFault { majority };
        if !self.is_paper() {
            return self.end(board, convicted, past);
        }
        // The panel has one secret for both verdicts: whoever holds it picks one.
        let acquitted = Outcome::VerifierAtFault { majority };
        let name = format!("{}, convicted by {majority}", past.known());
        let moves: [Move<Past>; 2] = [
            ("yield", &|b, past| self.end(b, convicted, past)),
            ("open the other verdict", &|b, past| {
                self.end(b, acquitted, past)
            }),
        ];
        board.decide(Player::Worker, &name, None, past, &moves);
    }

    fn acquitted(&self, board: &mut GameBuilder, past: &Past, majority: ArbiterSet) {
        self.end(board, Outcome::VerifierAtFault { majority }, past);
    }
}
