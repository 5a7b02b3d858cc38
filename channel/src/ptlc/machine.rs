//! A forwarded payment: what is paid in one place can be claimed in the other, whatever happens between.

use std::fmt;

use bitcoin::secp256k1::SecretKey;

use super::{
    ForwardChange, ForwardEffect, ForwardInput, Offer, Policy, PtlcError, RevealedSecret, Upstream,
    check_secret,
};
use crate::{Machine, Step};

/// One payment on its way through a forwarder.
///
/// The secret is durable before anybody is paid for it, and the claim on the incoming PTLC is due from then on until it
/// was had: whoever claims the outgoing one has made the incoming one good.
#[derive(Clone)]
pub struct ForwardMachine {
    policy: Policy,
    offer: Option<Box<Offer>>,
    secret: Option<SecretKey>,
    upstream: Upstream,
    is_sent: bool,
    is_paid: bool,
    is_collected: bool,
    /// The place of the incoming PTLC was gone before the secret was known.
    is_late: bool,
    is_ended: bool,
    is_failed: bool,
}

type Taken = Result<Vec<ForwardChange>, PtlcError>;

impl ForwardMachine {
    /// A payment that nobody asked for yet, under this policy.
    pub const fn new(policy: Policy) -> ForwardMachine {
        ForwardMachine {
            policy,
            offer: None,
            secret: None,
            upstream: Upstream::Open,
            is_sent: false,
            is_paid: false,
            is_collected: false,
            is_late: false,
            is_ended: false,
            is_failed: false,
        }
    }

    /// A payment as it was kept. What was kept is checked once more, but for the policy, which may have changed since.
    ///
    /// # Errors
    /// [`PtlcError::Kept`], or what else a machine does not write: the fault of who kept it.
    pub fn replay(policy: Policy, changes: &[ForwardChange]) -> Result<ForwardMachine, PtlcError> {
        let mut machine = ForwardMachine::new(policy);
        for change in changes {
            match (change, &machine.offer) {
                (ForwardChange::Offered(offer), None) => offer.check()?,
                (ForwardChange::Offered(_), Some(_)) => {
                    return Err(PtlcError::Kept("two orders"));
                }
                (_, None) => return Err(PtlcError::Kept("no order at its beginning")),
                (_, Some(offer)) => {
                    let input = machine.input_of(change, offer)?;
                    if machine.taken(&input)? != [change.clone()] {
                        return Err(PtlcError::Kept("a change that does not follow"));
                    }
                }
            }
            machine.apply(change);
        }
        Ok(machine)
    }

    /// An input that makes just this change.
    fn input_of(&self, change: &ForwardChange, offer: &Offer) -> Result<ForwardInput, PtlcError> {
        Ok(match change {
            ForwardChange::Offered(offer) => ForwardInput::Offer(offer.clone(), 0),
            ForwardChange::Sent => ForwardInput::Sent,
            ForwardChange::Revealed(secret) => ForwardInput::Revealed(*secret),
            ForwardChange::Paid => ForwardInput::Paid,
            ForwardChange::Collected => {
                let secret = self.secret.as_ref();
                let secret = secret.ok_or(PtlcError::Kept("collected without a secret"))?;
                ForwardInput::Collected(offer.order.in_secret(secret)?)
            }
            ForwardChange::Upstream(upstream) => ForwardInput::Upstream(*upstream),
            ForwardChange::Ended => ForwardInput::Ended,
            ForwardChange::Failed => ForwardInput::Failed,
        })
    }

    /// What was asked for.
    pub fn offer(&self) -> Option<&Offer> {
        self.offer.as_deref()
    }

    /// The secret of the outgoing PTLC, once it is known.
    pub const fn secret(&self) -> Option<&SecretKey> {
        self.secret.as_ref()
    }

    /// Whether the outgoing PTLC may still have to be paid without anything to be had for it.
    pub const fn is_at_risk(&self) -> bool {
        self.offer.is_some() && self.secret.is_none() && !self.is_ended
    }

    /// Where it stands, in a word.
    pub const fn standing(&self) -> &'static str {
        match (&self.offer, &self.secret) {
            (None, _) => "new",
            (_, Some(_)) => match (self.is_paid, self.is_collected, self.is_late) {
                (false, false, false) => "revealed",
                (true, false, false) => "paid",
                (false, true, _) => "collected",
                (true, true, _) => "fulfilled",
                (false, false, true) => "losing",
                (true, false, true) => "lost",
            },
            (_, None) if self.is_ended => match (self.is_failed, self.upstream) {
                (true, _) | (_, Upstream::Gone) => "expired",
                _ => "failing",
            },
            (_, None) => match (self.upstream, self.is_sent) {
                (Upstream::Open, false) => "offered",
                (Upstream::Open, true) => "forwarded",
                _ => "stranded",
            },
        }
    }

    /// Whether it is over: it can be forgotten.
    pub fn is_over(&self) -> bool {
        matches!(self.standing(), "fulfilled" | "lost" | "expired")
    }

    fn refuse(&self, what: &'static str) -> Taken {
        let state = self.standing();
        Err(PtlcError::State { state, what })
    }

    /// The changes that an input makes; none if it was taken before.
    fn taken(&self, input: &ForwardInput) -> Taken {
        let Some(known) = &self.offer else {
            return match input {
                ForwardInput::Offer(offer, tip) => self.offered(offer, *tip),
                _ => self.refuse("such input: there is no order"),
            };
        };
        if let ForwardInput::Offer(offer, _) = input {
            // Of the same order the places may say something else by now; what was agreed to stays.
            return match known.order == offer.order {
                true => Ok(Vec::new()),
                false => Err(PtlcError::Taken),
            };
        }
        if self.is_over() {
            return Ok(Vec::new());
        }
        let is_known = self.secret.is_some();
        let change = match input {
            ForwardInput::Offer(..) => None,
            ForwardInput::Sent => {
                (!self.is_sent && !is_known && !self.is_ended).then_some(ForwardChange::Sent)
            }
            ForwardInput::Revealed(secret) => return self.revealed(known, secret),
            ForwardInput::Collected(secret) => return self.collected(known, secret),
            ForwardInput::Paid if !is_known => {
                return self.refuse("payment: its secret is not known");
            }
            ForwardInput::Paid => (!self.is_paid).then_some(ForwardChange::Paid),
            ForwardInput::Upstream(upstream) => {
                let is_new = match (self.upstream, upstream) {
                    (Upstream::Gone, _) => false,
                    (_, Upstream::Gone) => !self.is_collected,
                    (before, after) => before != *after && !is_known && !self.is_ended,
                };
                is_new.then_some(ForwardChange::Upstream(*upstream))
            }
            ForwardInput::Ended if is_known => (!self.is_paid).then_some(ForwardChange::Paid),
            ForwardInput::Ended => (!self.is_ended).then_some(ForwardChange::Ended),
            ForwardInput::Failed if self.standing() == "failing" => Some(ForwardChange::Failed),
            ForwardInput::Failed => return self.refuse("failure: its outgoing PTLC is pending"),
        };
        Ok(change.into_iter().collect())
    }

    fn offered(&self, offer: &Offer, tip: u32) -> Taken {
        offer.check()?;
        let (from, to) = (&offer.incoming, &offer.outgoing);
        self.policy.check_expiry(&from.expiry, &to.expiry, tip)?;
        self.policy.check_fee(from, to)?;
        Ok(vec![ForwardChange::Offered(Box::new(offer.clone()))])
    }

    fn revealed(&self, offer: &Offer, secret: &SecretKey) -> Taken {
        check_secret(&offer.outgoing.point, secret)?;
        // Whether it is good for the incoming one too is known before it is taken.
        offer.order.in_secret(secret)?;
        match self.secret {
            Some(_) => Ok(Vec::new()),
            None => Ok(vec![ForwardChange::Revealed(*secret)]),
        }
    }

    /// Who pays the incoming PTLC shows its secret, and by it that of the outgoing one.
    fn collected(&self, offer: &Offer, secret: &SecretKey) -> Taken {
        check_secret(&offer.incoming.point, secret)?;
        if self.is_collected {
            return Ok(Vec::new());
        }
        let mut changes = Vec::new();
        if self.secret.is_none() {
            changes.push(ForwardChange::Revealed(offer.order.out_secret(secret)?));
        }
        changes.push(ForwardChange::Collected);
        Ok(changes)
    }

    /// What is to be done as it stands.
    fn due(&self) -> Vec<ForwardEffect> {
        let Some(offer) = &self.offer else {
            return Vec::new();
        };
        let (from, to) = (&offer.incoming, &offer.outgoing);
        let settle = || {
            let revealed = RevealedSecret {
                place: offer.order.out_place,
                point: to.point,
                secret: self.secret?,
            };
            Some(ForwardEffect::Settle(to.id, revealed))
        };
        let claim = || {
            let revealed = RevealedSecret {
                place: offer.order.in_place,
                point: from.point,
                secret: offer.order.in_secret(self.secret.as_ref()?).ok()?,
            };
            Some(ForwardEffect::Claim(from.id, revealed))
        };
        match self.standing() {
            "offered" => vec![ForwardEffect::Offer(*to)],
            "stranded" => vec![ForwardEffect::ForceClose(offer.order.out_place)],
            "failing" => vec![ForwardEffect::Fail(from.id)],
            "revealed" => settle().into_iter().chain(claim()).collect(),
            "paid" => claim().into_iter().collect(),
            "collected" | "losing" => settle().into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

impl Machine for ForwardMachine {
    type Input = ForwardInput;
    type Change = ForwardChange;
    type Effect = ForwardEffect;
    type Error = PtlcError;

    fn step(&self, input: &ForwardInput) -> Result<Step<ForwardChange, ForwardEffect>, PtlcError> {
        Ok(Step::of(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &ForwardChange) {
        match change {
            ForwardChange::Offered(offer) => self.offer = Some(offer.clone()),
            ForwardChange::Sent => self.is_sent = true,
            ForwardChange::Revealed(secret) => {
                self.secret = Some(*secret);
                self.is_late = matches!(self.upstream, Upstream::Gone);
                // What ended owes nothing; that its secret is known all the same is the forwarder's luck.
                self.is_paid |= self.is_ended;
            }
            ForwardChange::Paid => self.is_paid = true,
            ForwardChange::Collected => self.is_collected = true,
            ForwardChange::Upstream(upstream) => {
                self.upstream = *upstream;
                let is_gone = matches!(upstream, Upstream::Gone);
                self.is_collected |= is_gone && self.secret.is_some() && !self.is_late;
            }
            ForwardChange::Ended => self.is_ended = true,
            ForwardChange::Failed => self.is_failed = true,
        }
    }

    fn pending(&self) -> Vec<ForwardEffect> {
        self.due()
    }
}

impl fmt::Debug for ForwardMachine {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardMachine")
            .field("offer", &self.offer)
            .field("standing", &self.standing())
            .field("upstream", &self.upstream)
            .field("is_sent", &self.is_sent)
            .field("is_ended", &self.is_ended)
            .field("is_failed", &self.is_failed)
            .finish_non_exhaustive()
    }
}
