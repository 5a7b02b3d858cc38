//! What follows a verdict: the worker's answer, and both sides' moves on chain.

use super::promise::Promise;
use super::{Course, Past, Work};
use crate::game::builder::{GameBuilder, Move};
use crate::game::tree::Player;
use crate::params::settlement::Outcome;

impl Course<'_> {
    pub(super) fn approved(&self, board: &mut GameBuilder, past: &Past) {
        let owed = match past.promise {
            Some(Promise::Always) => true,
            Some(Promise::IfHit) => past.hit,
            Some(Promise::IfCaught) => past.hit && past.verified,
            Some(Promise::Silence) | None => false,
        };
        let withheld = if past.approved {
            Outcome::WorkerWithheld
        } else {
            Outcome::WorkerTimedOut
        };
        let stage = if past.approved {
            "approved on chain"
        } else {
            "approved"
        };
        let paid = Past { owed, ..*past };
        self.claim(board, past, stage, Outcome::Normal, withheld, paid);
    }

    pub(super) fn unanswered(&self, board: &mut GameBuilder, past: &Past) {
        let delivered = Past {
            delivered: !self.is_paper(),
            owed: past.promise == Some(Promise::Silence),
            ..*past
        };
        let late = Outcome::VerifierTimedOut;
        let withheld = Outcome::WorkerTimedOut;
        let stage = if past.delivered {
            "delivered, no verdict came"
        } else {
            "no verdict came"
        };
        self.claim(board, past, stage, late, withheld, delivered);
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
        // After an approval unseen the worker does not know what a sample would have shown, and need not.
        let name = format!("{}, {what}", past.known());
        let moves: [Move<Past>; 2] = [
            ("claim", &|b, _| self.end(b, claimed, &claims_as)),
            ("withhold", &|b, past| self.end(b, withheld, past)),
        ];
        let honest = (past.work == Work::Honest).then_some(0);
        board.decide(Player::Worker, &name, honest, past, &moves);
    }

    /// The worker knows whether the sample holds a bad step of its own.
    pub(super) fn rejected(&self, board: &mut GameBuilder, past: &Past) {
        let name = format!("{}, rejected", past.known());
        let admit: Move<Past> = ("admit", &|b, past| {
            self.end(b, Outcome::FaultyUnappealed, past)
        });
        let is_honest = past.work == Work::Honest;
        if self.is_paper() {
            let appeal: Move<Past> = ("appeal", &|b, past| self.appealed_on_paper(b, past));
            let honest = is_honest.then_some(1);
            return board.decide(Player::Worker, &name, honest, past, &[admit, appeal]);
        }
        let deliver = |b: &mut GameBuilder, past: &Past| {
            let delivered = true;
            self.on_chain(b, &Past { delivered, ..*past });
        };
        let nothing = |b: &mut GameBuilder, past: &Past| {
            self.end(b, Outcome::WorkerTimedOut, past);
        };
        let mut moves: Vec<Move<Past>> = vec![("deliver", &deliver)];
        if self.idling_differs(past) {
            moves.push(("do nothing", &nothing));
        }
        if self.admitting_differs() {
            moves.push(admit);
        }
        let honest = is_honest.then_some(0);
        board.decide(Player::Worker, &name, honest, past, &moves);
    }

    /// The verifier has rejected off chain, and the worker has delivered on chain nonetheless.
    fn on_chain(&self, board: &mut GameBuilder, past: &Past) {
        let what = match (past.verified, past.hit, past.work) {
            (false, _, _) => "rejected unseen",
            (true, true, Work::Redraw) => "rejected another root",
            (true, true, _) => "rejected a difference",
            (true, false, _) => "rejected no difference",
        };
        let promised = past.promise.map_or("", Promise::to_verifier);
        let separator = if promised.is_empty() { "" } else { ", " };
        let name = format!("{what}{separator}{promised}, delivered against");
        let found = past.verified && past.hit;
        let reject = |b: &mut GameBuilder, past: &Past| {
            let rejected = true;
            self.rejected_on_chain(b, &Past { rejected, ..*past });
        };
        let approve = |b: &mut GameBuilder, past: &Past| {
            let approved = true;
            self.approved(b, &Past { approved, ..*past });
        };
        let silent = |b: &mut GameBuilder, past: &Past| self.unanswered(b, past);
        let mut moves: Vec<Move<Past>> = vec![("reject on chain", &reject)];
        if found {
            moves.push(("approve on chain", &approve));
        }
        moves.push(("be silent", &silent));
        let honest = found.then_some(0);
        board.decide(Player::Verifier, &name, honest, past, &moves);
    }

    /// The worker's root stands on chain, and the verifier got nothing.
    pub(super) fn handed_nothing(&self, board: &mut GameBuilder) {
        let delivered = true;
        let past = Past {
            delivered,
            ..Past::new(Work::Withhold)
        };
        let reject = |b: &mut GameBuilder, past: &Past| {
            let rejected = true;
            self.rejected_on_chain(b, &Past { rejected, ..*past });
        };
        let silent = |b: &mut GameBuilder, past: &Past| self.unanswered(b, past);
        let moves: [Move<Past>; 2] = [("reject on chain", &reject), ("be silent", &silent)];
        let name = "handed nothing, delivered against";
        board.decide(Player::Verifier, name, Some(0), &past, &moves);
    }

    fn rejected_on_chain(&self, board: &mut GameBuilder, past: &Past) {
        let name = format!("{}, rejected on chain", past.known());
        let appeal = |b: &mut GameBuilder, past: &Past| {
            let appealed = true;
            self.arbitration(b, &Past { appealed, ..*past });
        };
        let leave = |b: &mut GameBuilder, past: &Past| {
            self.end(b, Outcome::FaultyUnappealed, past);
        };
        let moves: [Move<Past>; 2] = [("appeal", &appeal), ("leave it", &leave)];
        let honest = (past.work == Work::Honest).then_some(0);
        board.decide(Player::Worker, &name, honest, past, &moves);
    }

    /// Whether S1 is to anybody something else than S4; where S1 pays a rejection and all fees are alike it need not be.
    fn idling_differs(&self, past: &Past) -> bool {
        let of = |outcome| self.payoffs(outcome, past).ok();
        !self.pays_rejection() || of(Outcome::WorkerTimedOut) != of(Outcome::FaultyUnappealed)
    }

    /// Whether S4 is to anybody something else than TxD, TxV0 and S4'.
    fn admitting_differs(&self) -> bool {
        let fees = &self.economics.fees;
        let paid = [fees.rejection, fees.unappealed];
        fees.delivery != fees.admission || paid.iter().any(|fee| fee.to_sat() > 0)
    }

    fn appealed_on_paper(&self, board: &mut GameBuilder, past: &Past) {
        let appealed = Past {
            appealed: true,
            rejected: true,
            ..*past
        };
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
