//! From the offer to the verdict and the worker's answer to it.

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
        let time_out = |b: &mut GameBuilder, (): &()| {
            self.end(b, Outcome::WorkerTimedOut, &Past::new(Work::Idle));
        };
        // Nothing on the paper's chain says whether there was a delivery, and its t1 comes first.
        let idle_claim = |b: &mut GameBuilder, (): &()| {
            self.end(b, Outcome::VerifierTimedOut, &Past::new(Work::Idle));
        };
        let mut moves: Vec<Move<()>> = vec![
            ("honest", &honest),
            ("skip", &skip),
            ("target", &target),
            ("time out", &time_out),
        ];
        if self.is_paper() {
            moves.push(("claim without delivery", &idle_claim));
        }
        board.decide(Player::Worker, "at work", Some(0), &(), &moves);
    }

    /// The verifier's choice before it knows anything.
    fn answer(&self, board: &mut GameBuilder, past: &Past) {
        let verify = |b: &mut GameBuilder, past: &Past| {
            let verified = Past {
                verified: true,
                ..*past
            };
            self.sampled(b, &verified, |b, past| self.compared(b, past));
        };
        let reject = |b: &mut GameBuilder, past: &Past| {
            self.sampled(b, past, |b, past| self.rejected(b, past));
        };
        let approve = |b: &mut GameBuilder, past: &Past| self.approved(b, past);
        let silent = |b: &mut GameBuilder, past: &Past| self.unanswered(b, past);
        let mut moves: Vec<Move<Past>> = vec![("verify", &verify)];
        if self.is_mechanical() {
            moves.push(("answer unseen", &reject));
        } else {
            moves.push(("approve unseen", &approve));
            moves.push(("reject unseen", &reject));
        }
        moves.push(("be silent", &silent));
        board.decide(Player::Verifier, "asked to verify", Some(0), past, &moves);
    }

    /// Nature's sample; it matters only where some steps are bad and others are not.
    fn sampled(
        &self,
        board: &mut GameBuilder,
        past: &Past,
        then: impl Fn(&mut GameBuilder, &Past),
    ) {
        if past.work != Work::Target {
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

    /// The verifier has compared digests.
    fn compared(&self, board: &mut GameBuilder, past: &Past) {
        let approve: Move<Past> = ("approve", &|b, past| self.approved(b, past));
        let reject: Move<Past> = ("reject", &|b, past| self.rejected(b, past));
        let silent: Move<Past> = ("be silent", &|b, past| self.unanswered(b, past));
        let name = if past.hit {
            "sees a difference"
        } else {
            "sees no difference"
        };
        let truthful = usize::from(past.hit);
        match (self.is_mechanical(), past.hit) {
            (true, true) => board.decide(Player::Verifier, name, Some(0), past, &[reject, silent]),
            (true, false) => {
                board.decide(Player::Verifier, name, Some(0), past, &[approve, silent]);
            }
            (false, _) => {
                let moves = [approve, reject, silent];
                board.decide(Player::Verifier, name, Some(truthful), past, &moves);
            }
        }
    }

    fn approved(&self, board: &mut GameBuilder, past: &Past) {
        let withheld = if self.is_paper() {
            Outcome::WorkerTimedOut
        } else {
            Outcome::WorkerWithheld
        };
        self.claim(board, past, "approved", Outcome::Normal, withheld, *past);
    }

    fn unanswered(&self, board: &mut GameBuilder, past: &Past) {
        let delivered = Past {
            delivered: !self.is_paper(),
            ..*past
        };
        let late = Outcome::VerifierTimedOut;
        let withheld = Outcome::WorkerTimedOut;
        self.claim(board, past, "no verdict came", late, withheld, delivered);
    }

    fn claim(
        &self,
        board: &mut GameBuilder,
        past: &Past,
        what: &str,
        claimed: Outcome,
        withheld: Outcome,
        claims_as: Past,
    ) {
        let name = format!("{}, {what}", past.work.name());
        let moves: [Move<Past>; 2] = [
            ("claim", &|b, _| self.end(b, claimed, &claims_as)),
            ("withhold", &|b, past| self.end(b, withheld, past)),
        ];
        let honest = (past.work == Work::Honest).then_some(0);
        board.decide(Player::Worker, &name, honest, past, &moves);
    }

    /// The worker knows whether the sample holds a bad step of its own.
    fn rejected(&self, board: &mut GameBuilder, past: &Past) {
        let name = format!("{}{}, rejected", past.work.name(), past.found());
        let moves: [Move<Past>; 2] = [
            ("admit", &|b, past| {
                self.end(b, Outcome::FaultyUnappealed, past)
            }),
            ("appeal", &|b, past| self.appealed(b, past)),
        ];
        let honest = (past.work == Work::Honest).then_some(1);
        board.decide(Player::Worker, &name, honest, past, &moves);
    }

    fn appealed(&self, board: &mut GameBuilder, past: &Past) {
        let appealed = Past {
            appealed: true,
            delivered: !self.is_paper(),
            ..*past
        };
        if !self.is_paper() {
            return self.arbitration(board, &appealed);
        }
        let knows = match (past.verified, past.hit) {
            (false, _) => "rejected unseen, appealed against",
            (true, true) => "rejected a difference, appealed against",
            (true, false) => "rejected no difference, appealed against",
        };
        let moves: [Move<Past>; 2] = [
            ("hand its share over", &|b, _| {
                self.arbitration(b, &appealed)
            }),
            ("keep its share", &|b, past| {
                self.end(b, Outcome::FaultyUnappealed, past)
            }),
        ];
        let honest = (past.verified && past.hit).then_some(0);
        board.decide(Player::Verifier, knows, honest, past, &moves);
    }
}
