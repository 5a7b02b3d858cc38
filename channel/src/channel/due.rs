//! What is to be done, as a side of a channel stands.

use narthex_contracts::channel::Side;

use super::parts::Phase;
use super::{Ask, ChannelEffect, ChannelMachine, ChannelMessage};

impl ChannelMachine {
    pub(super) fn asks(&self) -> Vec<Ask> {
        let opening = &self.opening;
        let mut asks = Vec::new();
        if self.spender().is_none() && !self.is_behind {
            let mine = self.me == Side::Opener;
            let ask = match () {
                () if opening.offer.is_none() => None,
                () if opening.consent.is_none() => (!mine).then_some(Ask::Consent),
                () if opening.funding.is_none() => mine.then_some(Ask::Funded),
                () if opening.first.is_none() => (!mine).then_some(Ask::First),
                () if !opening.is_second => mine.then_some(Ask::Second),
                () => self.ask(),
            };
            asks.extend(ask);
        }
        asks.extend(self.doubt.map(|(number, _)| Ask::Judge(number)));
        asks.extend(self.unread.iter().cloned().map(Ask::Read));
        asks
    }

    /// What is to be done as it stands.
    pub(super) fn due(&self) -> Vec<ChannelEffect> {
        let mut due = Vec::new();
        let is_over = self.standing() == "over";
        if is_over {
            return due;
        }
        let is_off_chain = self.spender().is_none();
        if is_off_chain && !self.is_behind && !self.is_force_closing {
            let is_heard = |at: u64| {
                let round = self.round.as_ref();
                round.is_some_and(|round| {
                    let by_them = round.owner != self.me;
                    let is_answered = by_them || round.phase != Phase::Proposed;
                    is_answered && at < round.cut[self.me.index()]
                })
            };
            let staged = &self.staged[self.me.index()];
            let numbered = (staged.first..).zip(&staged.updates);
            let news = numbered.filter(|(number, _)| !is_heard(*number));
            due.extend(news.map(|(number, update)| {
                ChannelEffect::Send(ChannelMessage::Stage {
                    number,
                    update: update.clone(),
                })
            }));
            let shutdown = self.closing.scripts[self.me.index()].clone();
            // Whoever goes on to close shows that it heard it.
            let closing = &self.closing;
            let is_answered = match self.me {
                Side::Opener => closing.share.is_some() || closing.whole.is_some(),
                Side::Accepter => closing.attempt.is_some(),
            };
            let shutdown = shutdown
                .filter(|_| !is_answered)
                .map(ChannelMessage::Shutdown);
            due.extend(shutdown.map(ChannelEffect::Send));
            due.extend(self.said.iter().cloned().map(ChannelEffect::Send));
        }
        due.extend(self.asks().into_iter().map(ChannelEffect::Sign));
        let funding = self
            .funding()
            .and_then(|coin| self.confirmed.get(&coin.txid));
        if self.me == Side::Opener && self.is_signed() && funding.is_none() {
            due.push(ChannelEffect::Fund);
        }
        if is_off_chain && funding.is_some() && !self.is_behind {
            let own = self.own.as_ref().filter(|_| self.is_force_closing);
            due.extend(own.map(|own| ChannelEffect::PublishOwn(own.number)));
            let close = self.closing.whole.clone();
            due.extend(close.map(ChannelEffect::PublishClose));
        }
        due.extend(self.claims().into_iter().map(ChannelEffect::Claim));
        due
    }

    pub(super) fn ask(&self) -> Option<Ask> {
        if self.is_force_closing || self.is_behind || self.spender().is_some() {
            return None;
        }
        if let Some(round) = &self.round {
            let number = round.next.number;
            return match (round.owner == self.me, round.phase) {
                (false, Phase::Proposed) => Some(Ask::Accept(number)),
                (true, Phase::Accepted) => Some(Ask::Commit(number)),
                (false, Phase::Committed) => Some(Ask::Revoke(number)),
                _ => None,
            };
        }
        if !self.is_open() {
            return None;
        }
        let counts = self.counts();
        let is_staged = self.staged.iter().any(|staged| !staged.updates.is_empty());
        if is_staged {
            let is_mine = self.turn == self.me;
            return is_mine.then_some(Ask::Propose(counts));
        }
        let is_agreed = self.closing.scripts.iter().all(Option::is_some);
        let is_quiet = self.locked().is_some_and(|state| state.payments.is_empty());
        if !is_agreed || !is_quiet || self.closing.whole.is_some() {
            return None;
        }
        let closing = &self.closing;
        match (self.me, closing.attempt, closing.share) {
            (Side::Opener, None, _) => Some(Ask::CloseNonce),
            (Side::Opener, Some(_), Some(_)) => Some(Ask::Close),
            (Side::Accepter, Some(_), None) => Some(Ask::CloseShare),
            _ => None,
        }
    }
}
