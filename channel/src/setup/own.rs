//! Results of own work.

use super::{
    Cause, MAX_ATTEMPTS, Phase, SetupChange, SetupInput, SetupMachine, SetupRefusal,
    machine::Taken, message::shortened, state::Awaited,
};

impl SetupMachine {
    pub(super) fn own(&self, input: &SetupInput) -> Taken {
        let me = self.about.me().id;
        match input {
            SetupInput::Proposed { attempt, proposal } => {
                let known = self.state.attempt.proposals.get(&me).map(|own| &**own);
                let is_due = self.phase() == Phase::Proposing;
                self.result(
                    *attempt,
                    "proposal",
                    (known, proposal.as_slice(), is_due),
                    || Ok(vec![SetupChange::Proposed(proposal.clone())]),
                )
            }
            SetupInput::Assembled { attempt, terms } => {
                let is_due = self.about.is_lead() && self.is_here(Awaited::Proposals);
                let own = self.state.has_proposed(&self.about);
                let known = self.state.attempt.terms.as_deref();
                self.result(
                    *attempt,
                    "terms",
                    (known, terms.as_slice(), is_due && own),
                    || Ok(vec![SetupChange::Assembled(terms.clone())]),
                )
            }
            SetupInput::Bound { attempt, bound } => {
                let known = self.state.attempt.bound.as_ref();
                let is_due = self.phase() == Phase::Agreed;
                self.result(*attempt, "bind", (known, bound, is_due), || {
                    self.unless_split(vec![SetupChange::Bound(bound.clone())])
                })
            }
            SetupInput::Announced { attempt, nonces } => {
                let known = self.state.attempt.nonces.get(&me).map(|own| &**own);
                let is_due = self.phase() == Phase::Announcing;
                self.result(
                    *attempt,
                    "nonces",
                    (known, nonces.as_slice(), is_due),
                    || Ok(vec![SetupChange::Announced(nonces.clone())]),
                )
            }
            SetupInput::Signed { attempt, signing } => {
                let known = self.state.attempt.signing.as_deref();
                let is_due = self.phase() == Phase::Signing;
                self.result(
                    *attempt,
                    "ceremony",
                    (known, signing.as_slice(), is_due),
                    || Ok(vec![SetupChange::Signed(signing.clone())]),
                )
            }
            SetupInput::Closed {
                attempt,
                stage,
                signatures,
            } => self.closed_stage(*attempt, *stage, signatures.as_ref()),
            SetupInput::Funded {
                attempt,
                funding,
                tip,
            } => {
                let known = self.state.attempt.funded.as_deref();
                let is_ready = !self.about.is_lead() || self.is_here(Awaited::Funding);
                let is_due = self.phase() == Phase::Funding && is_ready;
                self.result(
                    *attempt,
                    "funding",
                    (known, funding.as_slice(), is_due),
                    || {
                        Ok(vec![match self.about.is_late(*tip) {
                            true => SetupChange::Dropped(Cause::Late),
                            false => SetupChange::Funded(funding.clone()),
                        }])
                    },
                )
            }
            SetupInput::Faulty {
                attempt,
                party,
                reason,
            } => {
                if self.is_past(*attempt) || self.phase() >= Phase::Committed {
                    return Ok(Vec::new());
                }
                if *attempt > self.attempt() || !self.about.is_peer(*party) {
                    return self.not_asked("fault");
                }
                let (party, reason) = (*party, shortened(reason));
                Ok(vec![self.void(Cause::Fault { party, reason })])
            }
            SetupInput::Differ { attempt, party } => {
                if self.is_past(*attempt) || self.phase() > Phase::Exchanging {
                    return Ok(Vec::new());
                }
                let phases = [Phase::Agreed, Phase::Signing, Phase::Exchanging];
                let is_due = phases.contains(&self.phase()) && *attempt == self.attempt();
                if !is_due || !self.about.is_peer(*party) {
                    return self.not_asked("difference");
                }
                Ok(vec![self.void(Cause::Split(*party))])
            }
            SetupInput::Declined { reason } => match self.phase() {
                Phase::Dropped => Ok(Vec::new()),
                phase if phase >= Phase::Committed => Err(SetupRefusal::TooLate {
                    deadline: self.about.deadline(),
                }),
                _ => {
                    let reason = shortened(reason);
                    Ok(vec![SetupChange::Dropped(Cause::Declined { reason })])
                }
            },
            SetupInput::Lost { attempt } => {
                let now = &self.state.attempt;
                if self.is_past(*attempt) || *attempt != now.number {
                    return Ok(Vec::new());
                }
                // What the chain has is no attempt any more.
                let is_open = self.phase() < Phase::Committed;
                let is_volatile = self.state.has_proposed(&self.about) && now.signing.is_none();
                Ok(match (is_open && is_volatile, self.state.due_s) {
                    (true, _) => vec![self.void(Cause::Lost)],
                    (false, Some(_)) if is_open => vec![SetupChange::Awake],
                    _ => Vec::new(),
                })
            }
            SetupInput::Imported { attempt, is_final } => {
                // What the chain decides, and what is over, stays.
                if self.phase() >= Phase::Committed || *attempt < self.attempt() {
                    return Ok(Vec::new());
                }
                if *attempt > self.attempt().saturating_add(MAX_ATTEMPTS) {
                    return self.not_asked("message");
                }
                Ok(vec![match is_final {
                    // Signatures that only this party had went with its disk. It does not pay for them a second time.
                    true => SetupChange::Dropped(Cause::Declined {
                        reason: "this party's disk is older than its witnesses".to_owned(),
                    }),
                    false => self.void_to(attempt.saturating_add(1), Cause::Lost),
                }])
            }
            // Taken elsewhere.
            SetupInput::Message { .. } | SetupInput::Chain(_) | SetupInput::Tick { .. } => {
                Ok(Vec::new())
            }
        }
    }

    fn closed_stage(&self, attempt: u8, stage: u8, signatures: Option<&Vec<u8>>) -> Taken {
        let now = &self.state.attempt;
        if self.is_past(attempt) || (attempt == now.number && stage < now.closed) {
            return Ok(Vec::new());
        }
        let is_last = stage.saturating_add(1) == self.state.stages();
        let is_due = self.phase() == Phase::Exchanging
            && stage == now.closed
            && self.is_here(Awaited::Shares(stage));
        match attempt == now.number && is_due && is_last == signatures.is_some() {
            true => Ok(vec![SetupChange::Closed {
                stage,
                signatures: signatures.cloned(),
            }]),
            false => self.not_asked("stage"),
        }
    }

    /// A result of this attempt, which is known already, or wanted just now.
    fn result<T: PartialEq + ?Sized>(
        &self,
        attempt: u8,
        result: &'static str,
        (known, given, is_due): (Option<&T>, &T, bool),
        change: impl FnOnce() -> Taken,
    ) -> Taken {
        if self.is_past(attempt) {
            return Ok(Vec::new());
        }
        match known {
            Some(known) if attempt == self.attempt() && known == given => Ok(Vec::new()),
            None if attempt == self.attempt() && is_due => change(),
            _ => self.not_asked(result),
        }
    }

    fn not_asked(&self, result: &'static str) -> Taken {
        let state = self.phase().name();
        Err(SetupRefusal::NotAsked { result, state })
    }

    /// Whether an attempt is void, or the whole negotiation over.
    pub(super) fn is_past(&self, attempt: u8) -> bool {
        attempt < self.attempt() || self.phase() == Phase::Dropped
    }

    pub(super) fn is_here(&self, what: Awaited) -> bool {
        self.state.is_here(&self.about, what)
    }
}
