//! A forwarded payment: what is paid in one place can be claimed in the other, whatever happens between.

use std::fmt;

use bitcoin::secp256k1::SecretKey;

use super::{Forward, Policy, Ptlc, PtlcError, PtlcId, RevealedSecret, check_secret};
use crate::{Machine, Step};

/// A payment that a forwarder is asked for, with both its PTLCs as their places describe them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The order.
    pub order: Forward,
    /// What the forwarder holds: it is pending in a place whose coin is good.
    pub incoming: Ptlc,
    /// What it is to offer.
    pub outgoing: Ptlc,
}

/// How the place stands in which the forwarder is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upstream {
    /// As usual.
    Open,
    /// Closed by force, or about to be: the incoming PTLC ends soon.
    Closing,
    /// Ended for good: nothing can be had there any more.
    Gone,
}

/// What comes to a forwarded payment.
#[derive(Clone, PartialEq, Eq)]
pub enum ForwardInput {
    /// An order, with the tip at this height.
    Offer(Box<Offer>, u32),
    /// The outgoing PTLC cannot be taken back any more.
    Sent,
    /// The secret of the outgoing PTLC: shown by its receiver, or by a claim on chain.
    Revealed(SecretKey),
    /// The receiver of the outgoing PTLC was given what it is owed.
    Paid,
    /// The forwarder was given what the incoming PTLC owes, with its secret.
    Collected(SecretKey),
    /// How the place of the incoming PTLC stands.
    Upstream(Upstream),
    /// The outgoing PTLC ended for good: by its claim, or without.
    Ended,
    /// The incoming PTLC is given up: its place counts on it no more.
    Failed,
}

/// What is kept of a forwarded payment.
#[derive(Clone, PartialEq, Eq)]
pub enum ForwardChange {
    /// The order was taken.
    Offered(Box<Offer>),
    /// The outgoing PTLC is out.
    Sent,
    /// Its secret is known.
    Revealed(SecretKey),
    /// Its receiver has what it is owed.
    Paid,
    /// The forwarder has what it is owed.
    Collected,
    /// The place of the incoming PTLC stands so.
    Upstream(Upstream),
    /// The outgoing PTLC ended without its secret.
    Ended,
    /// The incoming one is given up.
    Failed,
}

/// What is to be done for a forwarded payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardEffect {
    /// Offer this PTLC.
    Offer(Ptlc),
    /// Give the receiver of the outgoing PTLC what it is owed.
    Settle(PtlcId, RevealedSecret),
    /// Claim the incoming PTLC: ask for it, and if nothing comes, on chain before it ends.
    Claim(PtlcId, RevealedSecret),
    /// Give the incoming PTLC up.
    Fail(PtlcId),
    /// Close the place of the outgoing PTLC by force, so that it ends in time.
    ForceClose([u8; 32]),
}

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
    /// [`PtlcError::Kept`], [`PtlcError::Proof`], [`PtlcError::OtherSecret`]: the fault of who kept it.
    pub fn replay(policy: Policy, changes: &[ForwardChange]) -> Result<ForwardMachine, PtlcError> {
        let mut machine = ForwardMachine::new(policy);
        for change in changes {
            match (change, &machine.offer) {
                (ForwardChange::Offered(offer), None) => offer.check()?,
                (ForwardChange::Offered(_), Some(_)) => {
                    return Err(PtlcError::Kept("two orders"));
                }
                (_, None) => return Err(PtlcError::Kept("no order at its beginning")),
                (ForwardChange::Revealed(secret), Some(offer)) => {
                    check_secret(&offer.outgoing.point, secret)?;
                }
                _ => {}
            }
            machine.apply(change);
        }
        Ok(machine)
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

impl Offer {
    /// Whether both PTLCs are those of an order by who knows the secret.
    fn check(&self) -> Result<(), PtlcError> {
        let order = &self.order;
        if !order.is_proven() {
            return Err(PtlcError::Proof);
        }
        if order.in_place == order.out_place {
            return Err(PtlcError::Way("it goes back to where it came from"));
        }
        if self.incoming.point != order.point {
            return Err(PtlcError::OtherOrder("incoming PTLC"));
        }
        match self.outgoing.point == order.out_point()? {
            true => Ok(()),
            false => Err(PtlcError::OtherOrder("outgoing PTLC")),
        }
    }
}

impl Machine for ForwardMachine {
    type Input = ForwardInput;
    type Change = ForwardChange;
    type Effect = ForwardEffect;
    type Error = PtlcError;

    fn step(&self, input: &ForwardInput) -> Result<Step<ForwardChange, ForwardEffect>, PtlcError> {
        let changes = self.taken(input)?;
        if changes.is_empty() {
            return Ok(Step::seen(self.due()));
        }
        let mut after = self.clone();
        changes.iter().for_each(|change| after.apply(change));
        Ok(Step::new(changes, after.due()))
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

impl fmt::Debug for ForwardInput {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardInput::Offer(offer, tip) => write!(f, "Offer({offer:?}, {tip})"),
            ForwardInput::Sent => f.write_str("Sent"),
            ForwardInput::Revealed(_) => f.write_str("Revealed(..)"),
            ForwardInput::Paid => f.write_str("Paid"),
            ForwardInput::Collected(_) => f.write_str("Collected(..)"),
            ForwardInput::Upstream(upstream) => write!(f, "Upstream({upstream:?})"),
            ForwardInput::Ended => f.write_str("Ended"),
            ForwardInput::Failed => f.write_str("Failed"),
        }
    }
}

impl fmt::Debug for ForwardChange {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardChange::Offered(offer) => write!(f, "Offered({offer:?})"),
            ForwardChange::Sent => f.write_str("Sent"),
            ForwardChange::Revealed(_) => f.write_str("Revealed(..)"),
            ForwardChange::Paid => f.write_str("Paid"),
            ForwardChange::Collected => f.write_str("Collected"),
            ForwardChange::Upstream(upstream) => write!(f, "Upstream({upstream:?})"),
            ForwardChange::Ended => f.write_str("Ended"),
            ForwardChange::Failed => f.write_str("Failed"),
        }
    }
}
