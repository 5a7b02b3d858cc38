//! What each party refuses, whoever asks: sides that are called and machines have these rules once.

use bitcoin::{Txid, secp256k1::schnorr};

use super::{
    AgentDuty, Coin, Consent, DeliverError, Delivery, Handover, Request, SenderDuty, Served,
    agent::check_kept,
};
use crate::depth::Depth;

impl Delivery {
    /// Whether an agent serves who asks so: the coin that pays for the copy is there and a claim would have time.
    ///
    /// # Errors
    /// [`DeliverError::Foreign`], [`DeliverError::NotAlone`]: the asker's matter; [`DeliverError::NotFunded`],
    /// [`DeliverError::Shallow`] and [`DeliverError::TooLate`] by tip and coin.
    pub fn check_request(
        &self,
        request: &Request,
        agent: u8,
        (depth, alone): (Depth, bool),
        status: (u32, Coin),
    ) -> Result<(), DeliverError> {
        let (outpoint, _) = self.coin()?;
        if request.funding != outpoint.txid {
            return Err(DeliverError::Foreign);
        }
        self.check_time(status, depth)?;
        match request.accepted.iter().find(|other| **other != agent) {
            Some(other) if alone => Err(DeliverError::NotAlone {
                agent,
                other: *other,
            }),
            _ => Ok(()),
        }
    }

    /// Whether the coin is there, so deep, and a claim that is published now has time.
    ///
    /// # Errors
    /// [`DeliverError::NotFunded`], [`DeliverError::Shallow`], [`DeliverError::TooLate`].
    pub fn check_time(&self, (tip, coin): (u32, Coin), depth: Depth) -> Result<(), DeliverError> {
        coin.check(tip, depth)?;
        match self.terms().in_time(tip) {
            true => Ok(()),
            false => {
                let refund_height = self.terms().record().refund_height;
                Err(DeliverError::TooLate { tip, refund_height })
            }
        }
    }

    /// Whether this is the recipient's word that this agent may be paid.
    ///
    /// # Errors
    /// [`DeliverError::Foreign`], [`DeliverError::FalseAcceptance`]: the fault of whoever sent it.
    pub fn check_handover(&self, agent: u8, handover: &Handover) -> Result<(), DeliverError> {
        if handover.terms != self.terms().id() || handover.agent != agent {
            return Err(DeliverError::Foreign);
        }
        self.check_acceptance(agent, &handover.signature)
    }

    /// Whether this signature is the recipient's that lets this agent be paid.
    pub(super) fn check_acceptance(
        &self,
        agent: u8,
        signature: &schnorr::Signature,
    ) -> Result<(), DeliverError> {
        match self.accepts(agent, signature)? {
            true => Ok(()),
            false => Err(DeliverError::FalseAcceptance { agent }),
        }
    }

    /// Whether this is the id of the funding.
    ///
    /// # Errors
    /// [`DeliverError::OtherFunding`]: the fault of whoever shows another transaction, or other terms.
    pub fn check_funding(&self, found: Txid) -> Result<(), DeliverError> {
        match self.coin()?.0.txid {
            derived if derived == found => Ok(()),
            derived => Err(DeliverError::OtherFunding { derived, found }),
        }
    }

    /// Whether this is the word of an agent of this delivery.
    ///
    /// # Errors
    /// [`DeliverError::Foreign`], [`DeliverError::FalseConsent`]: its sender's fault.
    pub fn check_consent(&self, consent: &Consent) -> Result<(), DeliverError> {
        let (terms, agent) = (self.terms(), consent.agent);
        if consent.terms != terms.id() {
            return Err(DeliverError::Foreign);
        }
        match consent.is_by(&terms.agent(agent)?.key) {
            true => Ok(()),
            false => Err(DeliverError::FalseConsent { agent }),
        }
    }

    /// Whether this is the copy of an agent of this delivery, by its branch.
    ///
    /// # Errors
    /// [`DeliverError::Foreign`], [`DeliverError::CopyLength`], [`DeliverError::Leaf`]: the fault of whoever served it.
    pub fn check_served(&self, served: &Served) -> Result<(), DeliverError> {
        if served.terms != *self.terms().record() {
            return Err(DeliverError::Foreign);
        }
        check_kept(self.terms(), served.agent, &served.copy, &served.branch)
    }

    /// Whether the next block above this tip may hold the refund.
    pub fn is_refundable(&self, tip: u32) -> bool {
        tip >= self.terms().record().refund_height
    }

    /// Whether a funding that is published at this tip would still be served.
    pub fn has_room(&self, tip: u32) -> bool {
        // Nobody serves a coin of one block.
        self.terms().check_room(tip, Depth::LEAST).is_ok()
    }
}

impl AgentDuty {
    /// What is due while the coin is there: so deep as the policy says or not, with time for a claim or not.
    pub const fn of_funded(is_accepted: bool, is_buried: bool, in_time: bool) -> AgentDuty {
        match (is_accepted, is_buried, in_time) {
            // Also when no time is left: what is shown for a coin that goes away is paid by nobody.
            (true, true, _) => AgentDuty::Claim,
            (false, true, true) => AgentDuty::Serve,
            _ => AgentDuty::Wait,
        }
    }
}

impl SenderDuty {
    /// What is due while the coin is not there.
    pub const fn of_unfunded(has_room: bool, is_missing: bool) -> SenderDuty {
        match (has_room, is_missing) {
            (false, _) => SenderDuty::Abandon,
            (true, true) => SenderDuty::Assign,
            (true, false) => SenderDuty::Fund,
        }
    }
}
