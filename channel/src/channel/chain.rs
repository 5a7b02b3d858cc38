//! Where a channel stands on chain, what is to be claimed there, and when.

use std::sync::Arc;

use bitcoin::{OutPoint, Transaction, Txid};
use narthex_contracts::{
    channel::{
        Channel, Commitment, CommitmentOutput, Lock, Payment, PaymentId, Purpose, SecondKind,
        SecondLevel,
    },
    depth::Depth,
    musig::AdaptorSignature,
};

use super::parts::{Outcome, Phase};
use super::{ChannelClaim, ChannelMachine};

/// Blocks that a transaction may take to be confirmed, and that a reorganisation may take away: b and r of the plan.
const CONFIRM: u32 = 6;
const REORG: u32 = 6;
/// A side that can claim a payment goes on chain so long before it expires: its commitment is confirmed first, its claim after that.
pub const CLAIM_BEFORE: u32 = 2 * CONFIRM + 2;
/// A side that offered one goes on chain so long after it expired without an answer.
pub const GRACE: u32 = 3;
/// So much later a payment that comes in must expire than the one that goes out for it.
pub const UPSTREAM_MARGIN: u32 = GRACE + 4 * CONFIRM + 2 * REORG + 2;

/// Whose commitment ended the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both agreed.
    Agreed,
    /// This side's own.
    Own(u64),
    /// The counterparty's, and it had not revoked it.
    Theirs(u64),
    /// The counterparty's, and it had: all of it is this side's.
    Revoked(u64),
    /// One that this side does not know: its disk is behind. It has its balance there, and claims nothing else.
    Unknown,
}

/// An ending, and the commitment by which it came.
pub(super) type Ended = (Ending, Option<Arc<Commitment>>);
/// What was signed ahead, and by which signature.
type SecondAhead = (SecondLevel, AdaptorSignature);

impl ChannelMachine {
    pub(super) fn funding(&self) -> Option<OutPoint> {
        self.channel().map(|channel| *channel.funding())
    }

    fn confirmations(&self, height: u32) -> u32 {
        self.tip.saturating_add(1).saturating_sub(height)
    }

    fn is_deep(&self, height: u32) -> bool {
        self.confirmations(height) >= Depth::USUAL.blocks()
    }

    /// Whether the coin is there, deep enough to be paid with.
    pub(super) fn is_open(&self) -> bool {
        let funded = self
            .funding()
            .and_then(|coin| self.confirmed.get(&coin.txid));
        self.is_signed() && funded.is_some_and(|(_, height)| self.is_deep(*height))
    }

    pub(super) fn is_signed(&self) -> bool {
        self.own.is_some() && self.opening.is_second
    }

    /// The confirmed transaction that spends an output, with its height.
    fn spender_of(&self, at: OutPoint) -> Option<(&Transaction, u32)> {
        let spends = |tx: &Transaction| tx.input.iter().any(|input| input.previous_output == at);
        let mut all = self.confirmed.values();
        all.find(|(tx, _)| spends(tx))
            .map(|(tx, height)| (tx, *height))
    }

    pub(super) fn spender(&self) -> Option<(&Transaction, u32)> {
        self.spender_of(self.funding()?)
    }

    /// How the channel ended, as the chain has it now.
    pub fn ending(&self) -> Option<Ending> {
        self.ended.as_ref().map(|(ending, _)| *ending)
    }

    /// The same with the commitment that ended it, if this side knows it. It is worked out when the chain changes: to derive a commitment takes
    /// a millisecond, and it is looked at often.
    pub(super) fn ended(&self) -> Option<Ended> {
        let (tx, _) = self.spender()?;
        let channel = self.channel()?;
        let Some(number) = channel.obscured().read(tx) else {
            return Some((Ending::Agreed, None));
        };
        let txid = tx.compute_txid();
        let of = |owner| {
            let commitment = self.commitment(owner, number).ok();
            commitment
                .filter(|commitment| commitment.txid() == txid)
                .map(Arc::new)
        };
        if let Some(own) = of(self.me) {
            return Some((Ending::Own(number), Some(own)));
        }
        let Some(theirs) = of(self.me.other()) else {
            return Some((Ending::Unknown, None));
        };
        let ending = match number < self.secrets.count() {
            true => Ending::Revoked(number),
            false => Ending::Theirs(number),
        };
        Some((ending, Some(theirs)))
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        if let Some(ending) = self.ending() {
            if self.is_over() {
                return "over";
            }
            return match ending {
                Ending::Agreed => "agreed_close",
                Ending::Own(_) => "own_close",
                Ending::Theirs(_) => "their_close",
                Ending::Revoked(_) => "breached",
                Ending::Unknown => "unknown_close",
            };
        }
        let opening = &self.opening;
        match () {
            () if self.is_behind => "behind",
            () if self.is_force_closing => "force_closing",
            () if opening.offer.is_none() => "new",
            () if opening.consent.is_none() => "offered",
            () if opening.funding.is_none() => "consented",
            () if opening.first.is_none() => "funded",
            () if !opening.is_second => "half_signed",
            () if !self.is_open() => "signed",
            () => self.word(),
        }
    }

    fn word(&self) -> &'static str {
        use Phase::{Accepted, Committed, Proposed};
        let round = self
            .round
            .as_ref()
            .map(|round| (round.owner == self.me, round.phase));
        match round {
            Some((true, Proposed)) => "proposed",
            Some((true, Accepted)) => "agreed",
            Some((true, Committed)) => "committed",
            Some((false, Proposed)) => "asked",
            Some((false, Accepted)) => "accepted",
            Some((false, Committed)) => "relieved",
            None if self.closing.whole.is_some() => "closed",
            None if self.closing.attempt.is_some() => "closing",
            None if self.closing.scripts.iter().any(Option::is_some) => "shut",
            None if self.turn == self.me => "idle",
            None => "waiting",
        }
    }

    /// Whether a transaction is the funding, or spends something of this channel.
    pub(super) fn concerns(&self, tx: &Transaction) -> bool {
        let Some(funding) = self.funding() else {
            return false;
        };
        let is_ours = |txid: &Txid| *txid == funding.txid || self.confirmed.contains_key(txid);
        tx.compute_txid() == funding.txid
            || tx.input.iter().any(|input| {
                let at = input.previous_output;
                at == funding || (at.txid != funding.txid && is_ours(&at.txid))
            })
    }

    /// Whether secrets may stand in it: it spends an output of a commitment.
    pub(super) fn is_to_read(&self, tx: &Transaction) -> bool {
        let Some((closing, _)) = self.spender() else {
            return false;
        };
        let txid = closing.compute_txid();
        let spends = tx
            .input
            .iter()
            .any(|input| input.previous_output.txid == txid);
        let has_leaf = tx.input.iter().any(|input| input.witness.len() > 1);
        spends && has_leaf && !self.unread.contains(tx)
    }

    pub(super) fn note(&mut self, tx: &Transaction) {
        if self.is_to_read(tx) {
            self.unread.push(tx.clone());
        }
    }

    /// The commitment that ended the channel, if this side knows it.
    pub(super) fn ended_commitment(&self) -> Option<&Commitment> {
        self.ended.as_ref()?.1.as_deref()
    }

    /// What is to be taken now, in the next block.
    pub(super) fn claims(&self) -> Vec<ChannelClaim> {
        let (Some(channel), Some(ending)) = (self.channel(), self.ending()) else {
            return Vec::new();
        };
        let Some(commitment) = self.ended_commitment() else {
            return match ending {
                Ending::Unknown => self.claims_of_unknown(channel),
                _ => Vec::new(),
            };
        };
        let mut claims = Vec::new();
        let seconds = self.seconds_ahead(channel, ending, commitment);
        for placed in commitment.placed() {
            match self.spender_of(placed.0) {
                None => claims.extend(self.claim(channel, (ending, commitment), placed, &seconds)),
                Some(spent) => {
                    claims.extend(self.claims_behind(channel, (ending, commitment), spent));
                }
            }
        }
        let mut taken: Vec<OutPoint> = Vec::new();
        claims.retain(|claim| {
            let at = claim.outpoint();
            let is_new = !taken.contains(&at) && self.spender_of(at).is_none();
            taken.push(at);
            is_new
        });
        claims
    }

    fn claims_of_unknown(&self, channel: &Channel) -> Vec<ChannelClaim> {
        let Some((tx, _)) = self.spender() else {
            return Vec::new();
        };
        let (script, txid) = (channel.payout_script(self.me), tx.compute_txid());
        let outputs = (0u32..).zip(&tx.output);
        let own = outputs.filter(|(_, output)| output.script_pubkey == script);
        let own = own.map(|(vout, output)| (OutPoint { txid, vout }, output.clone()));
        own.filter(|(at, _)| self.spender_of(*at).is_none())
            .map(|(at, coin)| ChannelClaim::Spend(Box::new(channel.paid_out(self.me, at, coin))))
            .collect()
    }

    fn claim(
        &self,
        channel: &Channel,
        (ending, commitment): (Ending, &Commitment),
        (at, output): (OutPoint, &CommitmentOutput),
        seconds: &[SecondAhead],
    ) -> Option<ChannelClaim> {
        let spend = |spend| Some(ChannelClaim::Spend(Box::new(spend)));
        if let Ending::Revoked(number) = ending
            && !matches!(output.purpose, Purpose::ToPeer | Purpose::Anchor)
        {
            let secret = self.revoked_secret(number)?;
            return spend(channel.penalty(commitment, at, &secret).ok()?);
        }
        match &output.purpose {
            Purpose::Anchor => None,
            Purpose::ToOwner if commitment.owner() != self.me => None,
            Purpose::ToOwner => {
                let (_, height) = self.spender()?;
                let is_due = self.confirmations(height) >= self.delay(channel);
                is_due.then(|| spend(channel.own_balance(commitment).ok()?))?
            }
            Purpose::ToPeer if commitment.owner() == self.me => None,
            Purpose::ToPeer => spend(channel.peer_balance(commitment).ok()?),
            Purpose::Payment(payment) => self.claim_payment(channel, commitment, payment, seconds),
        }
    }

    fn delay(&self, channel: &Channel) -> u32 {
        channel.terms().delay[self.me.index()].into()
    }

    fn claim_payment(
        &self,
        channel: &Channel,
        commitment: &Commitment,
        payment: &Payment,
        seconds: &[SecondAhead],
    ) -> Option<ChannelClaim> {
        let second = |kind| self.second(seconds, payment.id, kind);
        let spend = |spend| Some(ChannelClaim::Spend(Box::new(spend)));
        let is_own = commitment.owner() == self.me;
        if payment.id.offerer == self.me {
            // It is final in the block behind its lock time.
            if self.tip < payment.expiry {
                return None;
            }
            return match is_own {
                true => second(SecondKind::Timeout),
                false => spend(channel.refund(commitment, payment.id).ok()?),
            };
        }
        let proof = self.proofs.get(&payment.id)?;
        match (is_own, payment.lock, proof) {
            (true, ..) => second(SecondKind::Success),
            (false, Lock::Point(_), _) => second(SecondKind::Claim),
            (false, Lock::Hash(_), narthex_contracts::channel::Proof::Preimage(preimage)) => spend(
                channel
                    .preimage_claim(commitment, payment.id, *preimage)
                    .ok()?,
            ),
            _ => None,
        }
    }

    /// What the counterparty signed ahead for this side on a commitment; the lists are in the order of outputs, as they were asked for.
    fn seconds_ahead(
        &self,
        channel: &Channel,
        ending: Ending,
        commitment: &Commitment,
    ) -> Vec<SecondAhead> {
        let number = commitment.number();
        let (kinds, ahead): (&[SecondKind], _) = match ending {
            Ending::Own(_) => {
                let mut both = [&self.own, &self.own_next].into_iter().flatten();
                let own = both.find(|own| own.number == number);
                let kinds = &[SecondKind::Timeout, SecondKind::Success];
                (kinds, own.map(|own| &own.second))
            }
            Ending::Theirs(_) if number == self.secrets.count() => {
                (&[SecondKind::Claim], Some(&self.claims))
            }
            Ending::Theirs(_) => (&[SecondKind::Claim], Some(&self.claims_next)),
            _ => return Vec::new(),
        };
        let seconds = channel.second_levels(commitment, kinds).unwrap_or_default();
        let ahead = ahead.into_iter().flatten().copied();
        seconds.into_iter().zip(ahead).collect()
    }

    fn second(
        &self,
        seconds: &[SecondAhead],
        id: PaymentId,
        kind: SecondKind,
    ) -> Option<ChannelClaim> {
        let mut seconds = seconds.iter();
        let is = |second: &SecondLevel| second.payment().id == id && second.kind() == kind;
        let (second, ahead) = seconds.find(|(second, _)| is(second))?;
        let proof = self.proofs.get(&id).cloned();
        Some(ChannelClaim::Second {
            second: Box::new(second.clone()),
            ahead: *ahead,
            proof: proof.filter(|_| kind != SecondKind::Timeout),
        })
    }

    /// What follows from a confirmed spend of an output.
    fn claims_behind(
        &self,
        channel: &Channel,
        (ending, commitment): (Ending, &Commitment),
        (tx, height): (&Transaction, u32),
    ) -> Vec<ChannelClaim> {
        let spends = match ending {
            Ending::Revoked(number) => self
                .revoked_secret(number)
                .and_then(|secret| channel.second_penalties(commitment, tx, &secret).ok()),
            Ending::Own(_) if self.confirmations(height) >= self.delay(channel) => {
                channel.own_claims(commitment, tx).ok()
            }
            Ending::Theirs(_) => {
                let (script, txid) = (channel.payout_script(self.me), tx.compute_txid());
                let outputs = (0u32..).zip(&tx.output);
                let paid = outputs.filter(|(_, output)| output.script_pubkey == script);
                let spend = |(vout, output): (u32, &bitcoin::TxOut)| {
                    channel.paid_out(self.me, OutPoint { txid, vout }, output.clone())
                };
                Some(paid.map(spend).collect())
            }
            _ => None,
        };
        let spends = spends.unwrap_or_default().into_iter();
        spends
            .map(|spend| ChannelClaim::Spend(Box::new(spend)))
            .collect()
    }

    /// Whether all that can be had was had, and lies deep.
    fn is_over(&self) -> bool {
        let Some((_, height)) = self.spender() else {
            return false;
        };
        if !self.is_deep(height) || !self.claims().is_empty() || !self.unread.is_empty() {
            return false;
        }
        let Some(commitment) = self.ended_commitment() else {
            return true;
        };
        // Whatever is pending there is spent, deep, and so is what followed from it.
        let is_settled = commitment
            .placed()
            .all(|(at, output)| match output.purpose {
                Purpose::Anchor => true,
                Purpose::ToOwner if commitment.owner() != self.me => true,
                Purpose::ToPeer if commitment.owner() == self.me => true,
                _ => self
                    .spender_of(at)
                    .is_some_and(|(_, height)| self.is_deep(height)),
            });
        is_settled && self.own_claims_spent(commitment)
    }

    fn own_claims_spent(&self, commitment: &Commitment) -> bool {
        if commitment.owner() != self.me {
            return true;
        }
        let Some(channel) = self.channel() else {
            return true;
        };
        commitment.placed().all(|(at, _)| {
            let Some((tx, _)) = self.spender_of(at) else {
                return true;
            };
            let claims = channel.own_claims(commitment, tx).unwrap_or_default();
            let mut claims = claims.iter();
            claims.all(|claim| self.spender_of(claim.outpoint()).is_some())
        })
    }

    /// Payments whose end on chain lies deep have their outcome: whoever forwards them may act.
    pub(super) fn end_on_chain(&mut self) {
        let Some((_, Some(commitment))) = self.ended.clone() else {
            return;
        };
        let Some(mut state) = self.state(commitment.number()).cloned() else {
            return;
        };
        // What is pending in the locked state and not in this one has come to nothing by it.
        let locked = self
            .locked()
            .into_iter()
            .flat_map(|locked| &locked.payments);
        let missing: Vec<_> = locked
            .filter(|payment| state.payment(payment.id).is_none())
            .copied()
            .collect();
        state.payments.extend(missing);
        for payment in &state.payments {
            let ended = match commitment.payment(payment.id) {
                // Without an output it is nobody's.
                Err(_) => self.spender(),
                Ok((at, ..)) => self.spender_of(at),
            };
            if !ended.is_some_and(|(_, height)| self.is_deep(height)) {
                continue;
            }
            let is_paid =
                self.proofs.contains_key(&payment.id) && commitment.payment(payment.id).is_ok();
            let outcome = if is_paid {
                Outcome::Paid
            } else {
                Outcome::Failed
            };
            self.outcomes.entry(payment.id).or_insert(outcome);
        }
    }

    /// Whether nobody could claim a payment in time that ends then.
    pub(super) const fn is_too_late(&self, expiry: u32) -> bool {
        expiry <= self.tip.saturating_add(CLAIM_BEFORE)
    }

    /// Whether a payment forces the channel on chain at this tip.
    pub(super) fn is_pressed(&self) -> bool {
        let Some(state) = self.locked().filter(|_| !self.is_behind) else {
            return false;
        };
        let next = self.round.as_ref().map(|round| &round.next);
        let states = [Some(state), next].into_iter().flatten();
        let mut payments = states.flat_map(|state| &state.payments);
        payments.any(|payment| match payment.id.offerer == self.me {
            true => self.tip >= payment.expiry.saturating_add(GRACE),
            false => {
                let is_claimable = self.proofs.contains_key(&payment.id);
                is_claimable && self.tip >= payment.expiry.saturating_sub(CLAIM_BEFORE)
            }
        })
    }
}
