//! What others say.

use narthex_contracts::party::{PartyId, PartyName};

use super::{
    Body, Cause, MAX_ATTEMPTS, Phase, SetupChange, SetupMachine, SetupMessage, SetupRefusal,
    codec::MAX_CEREMONY,
    machine::Taken,
    message::{MAX_ANNOUNCEMENT, MAX_FUNDING, MAX_PROPOSAL, MAX_TERMS, MAX_WITNESSES},
};

impl SetupMachine {
    pub(super) fn message_came(&self, from: PartyId, message: &SetupMessage) -> Taken {
        let name = self.about.name(from);
        if !self.about.is_peer(from) {
            return Err(SetupRefusal::Stranger { party: name });
        }
        let SetupMessage { attempt, body } = message;
        self.check_size(name, body)?;
        self.check_part(name, body)?;
        // Own witnesses have left: nothing that is said ends it any more.
        if self.phase() >= Phase::Committed {
            return self.committed(from, message);
        }
        if let Body::Over(cause) = body {
            return Ok(vec![SetupChange::Dropped(told(from, cause))]);
        }
        let now = self.attempt();
        if *attempt > now.saturating_add(MAX_ATTEMPTS) {
            let (from, attempt) = (name, *attempt);
            return Err(SetupRefusal::NoAttempt { from, attempt, now });
        }
        match *attempt {
            attempt if attempt < self.attempt() => Ok(Vec::new()),
            attempt if attempt > self.attempt() => self.ahead(from, message),
            _ => self.said(name, body),
        }
    }

    /// Who speaks of a later attempt has given this one up.
    fn ahead(&self, from: PartyId, message: &SetupMessage) -> Taken {
        if let Body::Abort(cause) = &message.body {
            // One void, however many attempts it passes over.
            let next = message.attempt.saturating_add(1);
            return Ok(vec![self.void_to(next, told(from, cause))]);
        }
        let mut changes = vec![self.void_to(message.attempt, Cause::Ahead(from))];
        let after = self.after(&changes);
        if after.phase() < Phase::Committed {
            // What it says may be refused all the same; that the attempt is void stays.
            let said = after.said(self.about.name(from), &message.body);
            changes.extend(said.unwrap_or_default());
        }
        Ok(changes)
    }

    /// Something of this attempt.
    fn said(&self, from: PartyName, body: &Body) -> Taken {
        if let Body::Abort(cause) = body {
            return Ok(vec![self.void(told(from.id, cause))]);
        }
        match self.state.attempt.repeats(from.id, body) {
            Some(true) => return Ok(Vec::new()),
            Some(false) => {
                let (party, reason) = (from.id, format!("two different messages: {}", body.name()));
                return Ok(vec![self.void(Cause::Fault { party, reason })]);
            }
            None => {}
        }
        self.check_turn(from, body)?;
        self.unless_split(vec![SetupChange::Received {
            from: from.id,
            body: body.clone(),
        }])
    }

    fn committed(&self, from: PartyId, message: &SetupMessage) -> Taken {
        let is_new = self.phase() < Phase::Dropped
            && message.attempt == self.attempt()
            && matches!(message.body, Body::Whole(_))
            && self.state.attempt.whole.is_none();
        Ok(match is_new {
            true => vec![SetupChange::Received {
                from,
                body: message.body.clone(),
            }],
            false => Vec::new(),
        })
    }

    fn check_size(&self, from: PartyName, body: &Body) -> Result<(), SetupRefusal> {
        let (given, limit) = match body {
            Body::Proposal(bytes) => (bytes.len(), MAX_PROPOSAL),
            Body::Terms(bytes) => (bytes.len(), MAX_TERMS),
            Body::Bind { announcement, .. } => (announcement.len(), MAX_ANNOUNCEMENT),
            Body::Nonces(bytes) | Body::Shares { shares: bytes, .. } => (bytes.len(), MAX_CEREMONY),
            Body::Funding(bytes) => (bytes.len(), MAX_WITNESSES),
            Body::Whole(bytes) => (bytes.len(), MAX_FUNDING),
            Body::Held | Body::Abort(_) | Body::Over(_) => return Ok(()),
        };
        let message = body.name();
        match given > limit {
            true => Err(SetupRefusal::TooLong {
                from,
                message,
                given,
                limit,
            }),
            false => Ok(()),
        }
    }

    /// Terms and the whole funding come from the lead alone, proposals and witnesses go to it alone.
    fn check_part(&self, from: PartyName, body: &Body) -> Result<(), SetupRefusal> {
        let of_lead = from.id == self.about.lead().id;
        let is_its = match body {
            Body::Terms(_) | Body::Whole(_) => of_lead,
            Body::Proposal(_) | Body::Funding(_) => self.about.is_lead(),
            _ => true,
        };
        let (to, message) = (self.about.me(), body.name());
        match is_its {
            true => Ok(()),
            false => Err(SetupRefusal::NotItsPart { from, to, message }),
        }
    }

    /// Whether the sender can have what its message rests on, and the message the length that the terms give it.
    fn check_turn(&self, from: PartyName, body: &Body) -> Result<(), SetupRefusal> {
        let (now, message) = (&self.state.attempt, body.name());
        let early = |missing| {
            Err(SetupRefusal::Early {
                from,
                message,
                missing,
            })
        };
        let length = |given: usize, wanted: Option<&u32>| {
            // Who owes nothing is not read, and nothing of it kept.
            let Some(wanted) = wanted.map(|wanted| *wanted as usize) else {
                let to = self.about.me();
                return Err(SetupRefusal::NotItsPart { from, to, message });
            };
            match given == wanted {
                true => Ok(()),
                false => Err(SetupRefusal::Length {
                    from,
                    message,
                    given,
                    wanted,
                }),
            }
        };
        match (body, &now.bound) {
            (Body::Terms(_) | Body::Bind { .. }, _) if !self.state.has_proposed(&self.about) => {
                early("this party's proposal")
            }
            (Body::Nonces(_) | Body::Shares { .. }, None) => early("this party's bind"),
            (Body::Nonces(nonces), Some(bound)) => {
                length(nonces.len(), bound.lengths.nonces.get(&from.id))
            }
            (Body::Shares { .. }, Some(_)) if !self.state.has_announced(&self.about) => {
                early("this party's nonces")
            }
            (Body::Shares { stage, shares }, Some(bound)) => {
                let stage = bound.lengths.shares.get(usize::from(*stage));
                length(shares.len(), stage.and_then(|stage| stage.get(&from.id)))
            }
            // Not everybody is owed shares by everybody: one may hold all before this party has signed, but not without its
            // nonces.
            (Body::Held, _) if !self.state.has_announced(&self.about) => {
                early("this party's nonces")
            }
            (Body::Funding(_), _) if now.signatures.is_none() => early("that this party holds all"),
            (Body::Whole(_), _) => early("this party's witnesses"),
            _ => Ok(()),
        }
    }
}

/// What another said, as it counts here. Who accuses itself owns up; who hands on that a third accuses it does not.
fn told(by: PartyId, cause: &Cause) -> Cause {
    let is_other = |party: &PartyId| *party != by;
    let accused = match cause {
        Cause::Told {
            by: teller,
            accused,
        } => accused.filter(is_other).or(Some(*teller)),
        other => other.accused(),
    };
    let accused = accused.filter(is_other);
    Cause::Told { by, accused }
}
