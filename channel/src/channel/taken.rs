//! Whether an input is taken, and what it changes.

use narthex_contracts::{
    channel::{Channel, ChannelError, Lock, Side, Update},
    funding::FeeRules,
};

use super::parts::Phase;
use super::{
    Ask, ChannelChange, ChannelFault, ChannelInput, ChannelMachine, ChannelMessage, Order,
};

/// Highest height that a lock time says.
const MAX_HEIGHT: u32 = 499_999_999;

type Taken = Result<Vec<ChannelChange>, ChannelFault>;

impl ChannelMachine {
    pub(super) fn taken(&self, input: &ChannelInput) -> Taken {
        if self.standing() == "over" {
            return Ok(Vec::new());
        }
        let one = |change| Ok(vec![change]);
        match input {
            ChannelInput::Order(order) => self.take_order(order),
            ChannelInput::Signed(message) => self.take_signed(message),
            ChannelInput::Heard(message) => match self.take_heard(message)? {
                true => one(ChannelChange::Heard(message.clone())),
                false => Ok(Vec::new()),
            },
            ChannelInput::Judged { number, is_own } => match (&self.doubt, is_own) {
                (Some((shown, _)), true) if shown == number => one(ChannelChange::Behind),
                (Some((shown, _)), false) if shown == number => one(ChannelChange::NotBehind),
                _ => Ok(Vec::new()),
            },
            ChannelInput::Closed(tx) => {
                let is_asked = self.ask() == Some(Ask::Close);
                match &self.closing.whole {
                    Some(whole) if whole == tx => Ok(Vec::new()),
                    None if is_asked => one(ChannelChange::Closed(tx.clone())),
                    _ => self.refuse("closing transaction"),
                }
            }
            ChannelInput::Tip(height) if *height == self.tip => Ok(Vec::new()),
            ChannelInput::Tip(height) => one(ChannelChange::Tip(*height)),
            ChannelInput::Confirmed(tx, height) => {
                let known = self.confirmed.get(&tx.compute_txid());
                if known.is_some_and(|(_, at)| at == height) || !self.concerns(tx) {
                    return Ok(Vec::new());
                }
                one(ChannelChange::Confirmed(tx.clone(), *height))
            }
            ChannelInput::Reorganised(height) => {
                let is_news =
                    self.tip > *height || self.confirmed.values().any(|(_, at)| at > height);
                Ok(is_news
                    .then_some(ChannelChange::Reorganised(*height))
                    .into_iter()
                    .collect())
            }
            ChannelInput::Seen(tx) => match self.is_to_read(tx) {
                true => one(ChannelChange::Seen(tx.clone())),
                false => Ok(Vec::new()),
            },
            ChannelInput::Learned(id, proof) => {
                let states = self.states.iter();
                let payment = states.rev().find_map(|state| state.payment(*id));
                let opens = payment.is_some_and(|payment| payment.lock.opens(proof));
                match self.proofs.contains_key(id) {
                    true => Ok(Vec::new()),
                    false if opens => one(ChannelChange::Learned(*id, proof.clone())),
                    false => Err(ChannelFault::NotLocked(*id)),
                }
            }
            ChannelInput::Read(tx) => {
                let is_unread = self.unread.contains(tx);
                Ok(is_unread
                    .then(|| ChannelChange::Read(tx.clone()))
                    .into_iter()
                    .collect())
            }
        }
    }

    fn take_order(&self, order: &Order) -> Taken {
        let taken = || Ok(vec![ChannelChange::Ordered(order.clone())]);
        let me = self.me;
        if matches!(order, Order::Pay { .. } | Order::Shutdown(..)) && self.spender().is_some() {
            return self.refuse("order");
        }
        match order {
            Order::Pay {
                number,
                amount,
                lock,
                expiry,
            } => {
                if *number < self.ordered {
                    return Ok(Vec::new());
                }
                if *number > self.ordered {
                    return Err(ChannelFault::Number {
                        what: "order",
                        expected: self.ordered,
                        found: *number,
                    });
                }
                let Some(channel) = self.channel.as_deref() else {
                    return self.refuse("payment");
                };
                if self.is_settling() || self.ends.is_none() {
                    return self.refuse("payment");
                }
                let most = channel.terms().capacity - channel.reserve();
                if *amount > most || *amount == bitcoin::Amount::ZERO {
                    return Err(narthex_contracts::channel::UpdateError::Field("amount").into());
                }
                if self.is_too_late(*expiry) || *expiry > MAX_HEIGHT {
                    return Err(narthex_contracts::channel::UpdateError::Field("expiry").into());
                }
                self.check_fee_coins(channel, *lock)?;
                taken()
            }
            Order::Settle(id, _) | Order::GiveBack(id) => {
                let mut own = self.staged[me.index()].updates.iter();
                let is_staged = own.any(|update| match update {
                    Update::Fulfil(other, _) | Update::Fail(other) => other == id,
                    Update::Add(_) => false,
                });
                if is_staged || self.outcomes.contains_key(id) {
                    return Ok(Vec::new());
                }
                if self.spender().is_some() {
                    // On chain a proof is enough; nothing can be given back.
                    return match order {
                        Order::Settle(id, proof) => {
                            self.taken(&ChannelInput::Learned(*id, proof.clone()))
                        }
                        _ => self.refuse("order"),
                    };
                }
                let update = match order {
                    Order::Settle(id, proof) => Update::Fulfil(*id, proof.clone()),
                    _ => Update::Fail(*id),
                };
                self.fits(me, &update)?;
                taken()
            }
            Order::Shutdown(_, rate) => {
                if self.ends.is_none() {
                    return self.refuse("shutdown");
                }
                rate.check().map_err(ChannelError::from)?;
                match self.closing.scripts[me.index()] {
                    Some(_) => Ok(Vec::new()),
                    None => taken(),
                }
            }
            Order::ForceClose => {
                if self.own.is_none() || self.is_behind {
                    return self.refuse("force close");
                }
                match self.is_force_closing {
                    true => Ok(Vec::new()),
                    false => taken(),
                }
            }
            Order::FeeCoins(amount, count) => match self.fee_coins == Some((*amount, *count)) {
                true => Ok(Vec::new()),
                false => taken(),
            },
        }
    }

    /// Coins for the commitment's child and for every payment that may have to be claimed or taken back, this one with them.
    fn check_fee_coins(&self, channel: &Channel, lock: Lock) -> Result<(), ChannelFault> {
        let Some((amount, coins)) = self.fee_coins else {
            return Ok(());
        };
        let staged = self.staged.iter().flat_map(|staged| &staged.updates);
        let staged = staged.filter_map(|update| match update {
            Update::Add(payment) => Some(payment),
            Update::Fulfil(..) | Update::Fail(_) => None,
        });
        let locked = self.locked().into_iter().flat_map(|state| &state.payments);
        let locks = locked
            .chain(staged)
            .chain(&self.queue)
            .map(|payment| payment.lock);
        let is_point = |lock: &Lock| matches!(lock, Lock::Point(_));
        let (points, hashes): (Vec<_>, Vec<_>) = locks.chain([lock]).partition(is_point);
        let (wanted, wanted_coins) = channel.fee_reserve(points.len(), hashes.len());
        if amount < wanted || (coins as usize) < wanted_coins {
            return Err(ChannelFault::FeeCoins {
                wanted_sat: wanted.to_sat(),
                wanted_coins,
            });
        }
        Ok(())
    }

    /// What the signer made: it is what was asked for.
    fn take_signed(&self, message: &ChannelMessage) -> Taken {
        if self.said.contains(message) {
            return Ok(Vec::new());
        }
        let asked = self.asks();
        let fits = |ask: &Ask| match (ask, message) {
            (Ask::Consent, ChannelMessage::Consent(_))
            | (Ask::Funded, ChannelMessage::Funded(..))
            | (Ask::First, ChannelMessage::First(_))
            | (Ask::Second, ChannelMessage::Second(_))
            | (Ask::CloseNonce | Ask::Close, ChannelMessage::CloseNonce(..))
            | (Ask::CloseShare, ChannelMessage::CloseShare(_)) => true,
            (Ask::Propose(most), ChannelMessage::Propose { number, cut, .. }) => {
                let next = self.locked().map(|state| state.number + 1);
                next == Some(*number) && cut[0] <= most[0] && cut[1] <= most[1]
            }
            (Ask::Accept(wanted), ChannelMessage::Accept { number, .. })
            | (Ask::Commit(wanted), ChannelMessage::Commit { number, .. })
            | (Ask::Revoke(wanted), ChannelMessage::Revoke { number, .. }) => wanted == number,
            _ => false,
        };
        let is_first = self.standing() == "new" && self.me == Side::Opener;
        let is_offer = is_first && matches!(message, ChannelMessage::Offer(_));
        match is_offer || asked.iter().any(fits) {
            true => Ok(vec![ChannelChange::Sent(message.clone())]),
            false => self.refuse("signature"),
        }
    }

    /// Whether a message is news, and good.
    fn take_heard(&self, message: &ChannelMessage) -> Result<bool, ChannelFault> {
        if self.heard.as_ref() == Some(message) {
            return Ok(false);
        }
        match message {
            ChannelMessage::Reestablish { number, shown } => {
                self.heard_reestablish(*number, *shown)
            }
            _ if self.is_behind || self.spender().is_some() => self.refuse("message"),
            // What goes on chain is not given up any more for a newer state.
            ChannelMessage::Accept { .. } | ChannelMessage::Commit { .. }
                if self.is_force_closing =>
            {
                self.refuse("message")
            }
            ChannelMessage::Stage { number, update } => self.heard_stage(*number, update),
            ChannelMessage::Propose {
                number,
                cut,
                claims,
            } => self.heard_propose(*number, *cut, claims),
            ChannelMessage::Accept {
                number,
                claims,
                share,
                second,
            } => self.heard_accept(*number, claims, (share, second)),
            ChannelMessage::Commit {
                number,
                share,
                second,
                revocation,
            } => self.heard_commit(*number, (share, second), revocation),
            ChannelMessage::Revoke {
                number, revocation, ..
            } => {
                self.in_phase(*number, (true, Phase::Committed), "revocation")?;
                self.check_revocation(number - 1, revocation)
            }
            ChannelMessage::Shutdown(script) => {
                match &self.closing.scripts[self.me.other().index()] {
                    Some(known) if known == script => Ok(false),
                    Some(_) => Err(ChannelFault::Contradiction("shutdown")),
                    None if self.ends.is_none() => self.refuse("shutdown"),
                    None => Ok(true),
                }
            }
            ChannelMessage::CloseNonce(rate, _) => {
                rate.check().map_err(ChannelError::from)?;
                let is_agreed = self.closing.scripts.iter().all(Option::is_some);
                let is_quiet = self.is_quiet() && self.me == Side::Accepter;
                match is_agreed && is_quiet {
                    true => Ok(true),
                    false => self.refuse("closing nonce"),
                }
            }
            ChannelMessage::CloseShare(answer) => match (self.me, self.closing.attempt) {
                // One for an attempt that is over is nobody's fault.
                (Side::Opener, Some((_, nonce))) => {
                    Ok(nonce == answer.0 && self.closing.share.is_none())
                }
                _ => self.refuse("closing share"),
            },
            opening => self.heard_opening(opening),
        }
    }

    pub(super) fn is_quiet(&self) -> bool {
        let no_payment = self.locked().is_some_and(|state| state.payments.is_empty());
        let no_update = self.staged.iter().all(|staged| staged.updates.is_empty());
        no_payment && no_update && self.round.is_none()
    }

    fn heard_stage(&self, number: u64, update: &Update) -> Result<bool, ChannelFault> {
        let staged = &self.staged[self.me.other().index()];
        let expected = staged.count();
        if number < expected {
            let known = number.checked_sub(staged.first);
            let known = known.and_then(|at| staged.updates.get(usize::try_from(at).ok()?));
            return match known {
                Some(known) if known != update => Err(ChannelFault::Contradiction("update")),
                _ => Ok(false),
            };
        }
        if number > expected {
            return Err(ChannelFault::Number {
                what: "update",
                expected,
                found: number,
            });
        }
        if let Update::Add(_) = update
            && self.closing.scripts[self.me.other().index()].is_some()
        {
            return self.refuse("payment");
        }
        // What is given back or taken here is p·G = P, before anything counts.
        self.fits(self.me.other(), update)?;
        Ok(true)
    }

    /// Only *this* side's secret, of a commitment that it holds for not revoked, shows that its disk is old. Anybody can show the
    /// other's.
    fn heard_reestablish(
        &self,
        _number: u64,
        shown: Option<(u64, bitcoin::secp256k1::SecretKey)>,
    ) -> Result<bool, ChannelFault> {
        let Some(ends) = &self.ends else {
            return self.refuse("return");
        };
        let revoked = ends[self.me.index()].number;
        let is_ahead = shown.is_some_and(|(number, _)| number >= revoked);
        Ok(is_ahead && !self.is_behind && self.doubt != shown)
    }
}
