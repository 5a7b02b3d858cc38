//! What a change does to a side of a channel. Whatever could be wrong with it was looked at before it was written down.

use std::sync::Arc;

use narthex_base::secret::Secret;
use narthex_contracts::{
    channel::{Channel, CommitmentShare, Payment, PaymentId, Side, State, Update},
    musig::{AdaptorSignature, PublicNonce},
};

use super::parts::{Ends, Outcome, Own, Phase, Round};
use super::{ChannelChange, ChannelMachine, ChannelMessage, Order, Revocation};

impl ChannelMachine {
    pub(super) fn changed(&mut self, change: &ChannelChange) {
        match change {
            ChannelChange::Ordered(order) => self.ordered_now(order),
            ChannelChange::Sent(message) => {
                self.said(self.me, message);
                self.keep_said(message);
            }
            ChannelChange::Heard(message) => {
                self.said(self.me.other(), message);
                self.keep_heard(message);
            }
            ChannelChange::Behind => {
                self.is_behind = true;
                self.doubt = None;
            }
            ChannelChange::NotBehind => self.doubt = None,
            ChannelChange::Closed(tx) => {
                self.closing.whole = Some(tx.clone());
                self.said.clear();
            }
            ChannelChange::Tip(height) => self.tip = *height,
            ChannelChange::Confirmed(tx, height) => {
                self.confirmed
                    .insert(tx.compute_txid(), (tx.clone(), *height));
                self.tip = self.tip.max(*height);
                self.ended = self.ended();
                self.note(tx);
            }
            ChannelChange::Reorganised(height) => {
                self.confirmed.retain(|_, (_, at)| *at <= *height);
                self.tip = *height;
                self.ended = self.ended();
            }
            ChannelChange::Seen(tx) => self.note(tx),
            ChannelChange::Learned(id, proof) => {
                self.proofs.insert(*id, proof.clone());
            }
            ChannelChange::Read(tx) => {
                let txid = tx.compute_txid();
                self.unread.retain(|other| other.compute_txid() != txid);
            }
        }
        self.is_force_closing |= self.is_pressed();
        self.stage_queue();
        self.end_on_chain();
    }

    /// What of the queue has room is staged, in order; what has not enough time left any more has failed.
    pub(super) fn stage_queue(&mut self) {
        while let Some(payment) = self.queue.front().copied() {
            // One that waited too long would force the channel on chain.
            if self.is_too_late(payment.expiry) {
                self.queue.pop_front();
                self.outcomes.insert(payment.id, Outcome::Failed);
                continue;
            }
            let update = Update::Add(payment);
            if self.is_settling() || self.fits(self.me, &update).is_err() {
                return;
            }
            self.queue.pop_front();
            self.staged[self.me.index()].updates.push_back(update);
        }
    }

    fn lock(&mut self) {
        let Some(round) = &self.round else { return };
        let (cut, next) = (round.cut, round.next.clone());
        for (side, update) in self.updates(cut) {
            let ended = match update {
                Update::Add(_) => continue,
                Update::Fulfil(id, _) => (id, Outcome::Paid),
                Update::Fail(id) => (id, Outcome::Failed),
            };
            debug_assert_ne!(ended.0.offerer, side);
            self.outcomes.insert(ended.0, ended.1);
        }
        self.states.push(Arc::new(next));
        for side in Side::BOTH {
            self.staged[side.index()].drop_below(cut[side.index()]);
        }
    }

    fn revoked(&mut self, side: Side, revocation: &Revocation) {
        if let Some(ends) = &mut self.ends {
            let ends = &mut ends[side.index()];
            let number = ends.number;
            ends.roll(revocation);
            if side != self.me {
                let secret = Secret::from_bytes(revocation.secret.secret_bytes());
                // It was checked when it came.
                let _ = self.secrets.insert(number, &secret);
                self.claims = std::mem::take(&mut self.claims_next);
            } else if let Some(own) = self.own_next.take() {
                self.own = Some(own);
            }
        }
    }

    /// A message of either side, which is good: what both know after it.
    fn said(&mut self, by: Side, message: &ChannelMessage) {
        match message {
            ChannelMessage::Offer(offer) => self.opening.offer = Some(offer.clone()),
            ChannelMessage::Consent(consent) => self.opening.consent = Some(**consent),
            ChannelMessage::Funded(funding, nonces) => {
                self.opening.funding = Some((*funding, **nonces));
                let channel = self
                    .terms()
                    .and_then(|terms| Channel::new(terms, *funding).ok());
                self.channel = channel.map(Arc::new);
            }
            ChannelMessage::First(first) => {
                self.opening.first = Some(first.0);
                self.begin();
                if by != self.me {
                    self.own = Some(first_own(first.1));
                }
            }
            ChannelMessage::Second(share) => {
                self.opening.is_second = true;
                if by != self.me {
                    self.own = Some(first_own(**share));
                }
            }
            ChannelMessage::Stage { update, .. } => {
                self.staged[by.index()].updates.push_back(update.clone());
                if let Update::Fulfil(id, proof) = update {
                    self.proofs.insert(*id, proof.clone());
                }
            }
            ChannelMessage::Propose { cut, claims, .. } => {
                let updates = self.updates(*cut);
                let next = self.channel().zip(self.locked());
                let next = next.and_then(|(channel, locked)| locked.next(channel, &updates).ok());
                self.round = next.map(|next| Round {
                    owner: by,
                    cut: *cut,
                    next,
                    phase: Phase::Proposed,
                });
                if by != self.me {
                    self.claims_next.clone_from(claims);
                }
            }
            ChannelMessage::Accept {
                number,
                claims,
                share,
                second,
            } => {
                self.set_phase(Phase::Accepted);
                if by != self.me {
                    self.claims_next.clone_from(claims);
                    self.own_next = Some(own(*number, *share, second));
                }
            }
            ChannelMessage::Commit {
                number,
                share,
                second,
                revocation,
            } => {
                self.set_phase(Phase::Committed);
                if by != self.me {
                    self.own_next = Some(own(*number, *share, second));
                    // The proposer's old commitment is gone: the new state is locked for this side.
                    self.lock();
                }
                self.revoked(by, revocation);
            }
            ChannelMessage::Revoke {
                revocation, keep, ..
            } => {
                if by != self.me {
                    self.lock();
                }
                self.revoked(by, revocation);
                self.round = None;
                if !keep {
                    self.turn = self.turn.other();
                }
            }
            ChannelMessage::Reestablish { shown, .. } => self.doubt = *shown,
            ChannelMessage::Shutdown(script) => {
                self.closing.scripts[by.index()] = Some(script.clone());
                if by != self.me && self.closing.scripts[self.me.index()].is_none() {
                    let own = self.channel().map(|channel| channel.payout_script(self.me));
                    self.closing.scripts[self.me.index()] = own;
                }
            }
            ChannelMessage::CloseNonce(rate, nonce) => {
                self.closing.attempt = Some((*rate, **nonce));
                self.closing.share = None;
            }
            ChannelMessage::CloseShare(answer) => self.closing.share = Some(answer.1),
        }
    }

    fn set_phase(&mut self, phase: Phase) {
        if let Some(round) = &mut self.round {
            round.phase = phase;
        }
    }

    fn begin(&mut self) {
        let opening = &self.opening;
        let known = (|| {
            let offer = opening.offer.as_ref()?;
            let (_, points) = opening.consent?;
            let (_, opener) = opening.funding?;
            let accepter = opening.first?;
            let channel = self.channel.as_deref()?;
            let ends = |points, nonces: [PublicNonce; 2]| Ends {
                number: 0,
                points,
                nonce: nonces[1],
            };
            let state = State::first(channel, offer.push).ok()?;
            Some(([ends(offer.points, opener), ends(points, accepter)], state))
        })();
        if let Some((ends, state)) = known {
            self.ends = Some(ends);
            self.states = vec![Arc::new(state)];
        }
    }

    /// What was said of a round, or of the close, goes out again until it was answered.
    fn keep_said(&mut self, message: &ChannelMessage) {
        if !matches!(
            message,
            ChannelMessage::Stage { .. }
                | ChannelMessage::Shutdown(_)
                | ChannelMessage::Reestablish { .. }
        ) {
            let is_attempt = |said: &ChannelMessage| matches!(said, ChannelMessage::CloseNonce(..));
            if is_attempt(message) {
                self.said.retain(|said| !is_attempt(said));
            }
            self.said.push(message.clone());
        }
    }

    fn keep_heard(&mut self, message: &ChannelMessage) {
        if matches!(
            message,
            ChannelMessage::Stage { .. }
                | ChannelMessage::Shutdown(_)
                | ChannelMessage::Reestablish { .. }
        ) {
            return;
        }
        self.heard = Some(message.clone());
        // The counterparty's next word shows that it heard the last.
        self.said.clear();
    }

    fn ordered_now(&mut self, order: &Order) {
        match order {
            Order::Pay {
                number,
                amount,
                lock,
                expiry,
            } => {
                self.ordered = number.saturating_add(1);
                self.queue.push_back(Payment {
                    id: PaymentId {
                        offerer: self.me,
                        number: *number,
                    },
                    amount: *amount,
                    lock: *lock,
                    expiry: *expiry,
                });
            }
            Order::Settle(id, proof) => {
                self.proofs.insert(*id, proof.clone());
                self.stage_own(Update::Fulfil(*id, proof.clone()));
            }
            Order::GiveBack(id) => self.stage_own(Update::Fail(*id)),
            Order::Shutdown(script, rate) => {
                self.closing.scripts[self.me.index()] = Some(script.clone());
                self.closing.rate = Some(*rate);
            }
            Order::ForceClose => self.is_force_closing = true,
            Order::FeeCoins(amount, count) => self.fee_coins = Some((*amount, *count)),
        }
    }

    fn stage_own(&mut self, update: Update) {
        self.staged[self.me.index()].updates.push_back(update);
    }
}

fn own(number: u64, share: CommitmentShare, second: &[AdaptorSignature]) -> Own {
    let second = second.to_vec();
    Own {
        number,
        share,
        second,
    }
}

fn first_own(share: CommitmentShare) -> Own {
    own(0, share, &[])
}
