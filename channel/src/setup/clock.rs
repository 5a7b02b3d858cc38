//! Whom a set-up waits for, and for how long.

use narthex_contracts::party::PartyName;

use super::{Cause, Phase, SetupChange, SetupMachine, machine::Taken, state::Awaited};

impl SetupMachine {
    /// Whose message is awaited, in canonical order; nobody's where own work is.
    pub fn awaits(&self) -> Vec<PartyName> {
        let (about, state) = (&self.about, &self.state);
        let of = |what| state.missing_of(about, what).collect();
        match self.phase() {
            Phase::Proposing if !state.has_proposed(about) => Vec::new(),
            Phase::Proposing if about.is_lead() => of(Awaited::Proposals),
            Phase::Proposing => vec![about.lead()],
            Phase::Agreed if state.attempt.bound.is_none() => Vec::new(),
            Phase::Agreed => of(Awaited::Binds),
            Phase::Announcing => of(Awaited::Nonces),
            Phase::Exchanging => of(Awaited::Shares(state.attempt.closed)),
            Phase::Holding => of(Awaited::Held),
            Phase::Funding if about.is_lead() => of(Awaited::Funding),
            _ => Vec::new(),
        }
    }

    /// The time passes. The first tick in a phase sets its end, so that a set-up that is quick writes nothing of time.
    pub(super) fn tick(&self, unix_s: u64) -> Vec<SetupChange> {
        if self.phase() >= Phase::Committed {
            return Vec::new();
        }
        match self.state.due_s {
            None => vec![self.clock(unix_s)],
            Some(due_s) if unix_s < due_s => Vec::new(),
            Some(_) => match self.awaits().first() {
                // Own work takes long; nobody else is to blame.
                None => vec![self.clock(unix_s)],
                Some(silent) => {
                    let void = self.void(Cause::Silent(silent.id));
                    let after = self.after(std::slice::from_ref(&void));
                    let clock = (after.phase() < Phase::Committed).then(|| after.clock(unix_s));
                    [void].into_iter().chain(clock).collect()
                }
            },
        }
    }

    fn clock(&self, unix_s: u64) -> SetupChange {
        let patience_s = u64::from(self.about.patience_s());
        let (closed, stages) = (self.state.attempt.closed, self.state.stages());
        // Whoever is awaited may itself be waiting, in the phase before, for one that is silent to it alone. It gives up, and
        // says so, before it is given up.
        let rounds = match self.phase() {
            Phase::Proposing if self.about.is_lead() => 1,
            Phase::Proposing => 2,
            Phase::Agreed => 3,
            Phase::Announcing => 4,
            Phase::Signing | Phase::Exchanging => 5 + u64::from(closed),
            Phase::Holding => 5 + u64::from(stages),
            _ => 6 + u64::from(stages),
        };
        let due_s = unix_s.saturating_add(rounds * patience_s);
        SetupChange::Clock { due_s }
    }

    /// Changes, and the void that follows where the sides turn out to have bound themselves to different terms.
    pub(super) fn unless_split(&self, changes: Vec<SetupChange>) -> Taken {
        let after = self.after(&changes);
        let now = &after.state.attempt;
        let Some(own) = now.bound.as_ref().map(|bound| bound.agreement) else {
            return Ok(changes);
        };
        let other = now.binds.iter().find(|(_, (theirs, _))| *theirs != own);
        Ok(match other {
            Some((party, _)) => vec![self.void(Cause::Split(*party))],
            None => changes,
        })
    }
}
