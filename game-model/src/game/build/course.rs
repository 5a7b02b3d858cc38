//! From the offer to the verifier's answer.

use super::promise::Promise;
use super::{Course, Past, Work};
use crate::game::builder::{GameBuilder, Move};
use crate::game::tree::Player;
use crate::params::settlement::Outcome;
use crate::rational::{Rational, exact};

impl Course<'_> {
    pub(super) fn offer(&self, board: &mut GameBuilder) {
        let out: Move<()> = ("stay away", &|b, ()| self.no_contract(b));
        let decline: Move<()> = ("decline", &|b, ()| self.no_contract(b));
        let verifier = |b: &mut GameBuilder, (): &()| {
            let accept: Move<()> = ("accept", &|b, ()| self.work(b));
            b.decide(
                Player::Verifier,
                "offered",
                Some(0),
                &(),
                &[accept, decline],
            );
        };
        let worker = |b: &mut GameBuilder, (): &()| {
            let moves = [("accept", &verifier as _), decline];
            b.decide(Player::Worker, "offered", Some(0), &(), &moves);
        };
        let moves = [("offer", &worker as _), out];
        board.decide(Player::Client, "start", Some(0), &(), &moves);
    }

    fn work(&self, board: &mut GameBuilder) {
        let with = |work| move |b: &mut GameBuilder, (): &()| self.answer(b, &Past::new(work));
        let (honest, skip) = (with(Work::Honest), with(Work::Skip));
        let target = with(Work::Target);
        let time_out = |b: &mut GameBuilder, (): &()| self.timed_out(b);
        // Nothing on the paper's chain says whether there was a delivery, and its t1 comes first.
        let idle_claim = |b: &mut GameBuilder, (): &()| {
            self.end(b, Outcome::VerifierTimedOut, &Past::new(Work::Idle));
        };
        let (redraw, garbage) = (with(Work::Redraw), with(Work::Garbage));
        let nothing = |b: &mut GameBuilder, (): &()| self.handed_nothing(b);
        let promising = |work, promise| {
            move |b: &mut GameBuilder, (): &()| {
                let promise = Some(promise);
                let past = Past::new(work);
                self.answer(b, &Past { promise, ..past });
            }
        };
        let promises = Promise::ALL.map(|promise| {
            let each = [Work::Skip, Work::Target].map(|work| promising(work, promise));
            (promise.moves(), each)
        });
        let mut moves: Vec<Move<()>> = vec![
            ("honest", &honest),
            ("skip", &skip),
            ("target", &target),
            ("time out", &time_out),
        ];
        if self.is_paper() {
            moves.push(("claim without delivery", &idle_claim));
        } else {
            moves.push(("redraw", &redraw));
            moves.push(("seal garbage", &garbage));
            moves.push(("hand nothing over", &nothing));
        }
        if self.has_promises() {
            for (names, [skip, target]) in &promises {
                moves.push((names[0], skip));
                moves.push((names[1], target));
            }
        }
        board.decide(Player::Worker, "at work", Some(0), &(), &moves);
    }

    /// The worker has done nothing, and there is nothing to reject.
    fn timed_out(&self, board: &mut GameBuilder) {
        let idle = Past::new(Work::Idle);
        let end = |b: &mut GameBuilder, past: &Past| self.end(b, Outcome::WorkerTimedOut, past);
        if !self.pays_rejection() {
            return end(board, &idle);
        }
        let leave = |b: &mut GameBuilder, past: &Past| {
            let left = true;
            end(b, &Past { left, ..*past });
        };
        let moves: [Move<Past>; 2] = [("sign a rejection of nothing", &end), ("leave it", &leave)];
        board.decide(
            Player::Verifier,
            "handed nothing in time",
            None,
            &idle,
            &moves,
        );
    }

    /// The verifier's choice before it knows anything.
    fn answer(&self, board: &mut GameBuilder, past: &Past) {
        let verify = |b: &mut GameBuilder, past: &Past| {
            let verified = Past {
                verified: true,
                token: true,
                ..*past
            };
            self.sampled(b, &verified, |b, past| self.compared(b, past));
        };
        let reject = |b: &mut GameBuilder, past: &Past| {
            self.sampled(b, past, |b, past| self.rejected(b, past));
        };
        let given = past.promise.is_some_and(Promise::hands_token_over);
        let approve = |b: &mut GameBuilder, past: &Past| {
            let token = given;
            let past = Past { token, ..*past };
            match past.promise {
                // Whether it is paid depends on the sample.
                Some(Promise::IfHit) => self.sampled(b, &past, |b, past| self.approved(b, past)),
                _ => self.approved(b, &past),
            }
        };
        let silent = |b: &mut GameBuilder, past: &Past| match past.promise {
            // So does this.
            Some(Promise::Silence) => self.sampled(b, past, |b, past| self.unanswered(b, past)),
            _ => self.unanswered(b, past),
        };
        let mut moves: Vec<Move<Past>> = vec![("verify", &verify)];
        if past.promise.is_none() || given || !self.has_token() {
            moves.push(("approve unseen", &approve));
        }
        if past.promise.is_none() {
            moves.push(("reject unseen", &reject));
        }
        moves.push(("be silent", &silent));
        let name = past.promise.map_or("asked to verify", Promise::to_verifier);
        board.decide(Player::Verifier, name, Some(0), past, &moves);
    }

    /// Nature's sample; it matters only where some steps are bad and others are not.
    fn sampled(
        &self,
        board: &mut GameBuilder,
        past: &Past,
        then: impl Fn(&mut GameBuilder, &Past),
    ) {
        if !past.work.is_partial() {
            return then(board, past);
        }
        let with = |hit| {
            let then = &then;
            move |b: &mut GameBuilder, past: &Past| then(b, &Past { hit, ..*past })
        };
        let (hit, missed) = (with(true), with(false));
        let branches: [(Rational, Move<Past>); 2] = [
            (self.hit.clone(), ("hit", &hit)),
            (exact(1) - &self.hit, ("missed", &missed)),
        ];
        board.chance("sample", past, &branches);
    }

    /// The verifier has compared digests, or has seen a second root instead.
    fn compared(&self, board: &mut GameBuilder, past: &Past) {
        let approve: Move<Past> = ("approve", &|b, past| self.approved(b, past));
        let reject: Move<Past> = ("reject", &|b, past| self.rejected(b, past));
        let silent: Move<Past> = ("be silent", &|b, past| self.unanswered(b, past));
        let seen = match (past.hit, past.work) {
            (true, Work::Redraw) => "is shown another root",
            (true, _) => "sees a difference",
            (false, _) => "sees no difference",
        };
        let promised = past.promise.map_or("", Promise::to_verifier);
        let name = [seen, promised].join(if promised.is_empty() { "" } else { ", " });
        let truthful = usize::from(past.hit);
        let moves = [approve, reject, silent];
        board.decide(Player::Verifier, &name, Some(truthful), past, &moves);
    }
}
