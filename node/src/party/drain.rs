//! Draining, and whether a party is ready: no new contract is taken, and what runs goes on.

use narthex::channel::{log::Identity, wire::links::LinkPhase};
use serde::{Deserialize, Serialize};

use super::{
    Core, Fatal, Part, Reply,
    command::{Answer, Command, CommandError, id_of, refused},
    small::SmallCommand,
};
use narthex::contracts::terms::Role;

/// In a word: of what is turned away, of orders that are refused, and of why a node is not ready.
pub(super) const DRAINING: &str = "draining";

/// The same for people.
const WORDS: &str = "draining: this node takes no new contract";

/// Seconds without an answer of the chain after which it is not followed: longer than any time between two looks.
const LOOKED_S: u64 = 150;

/// As long as there is this log, which stays empty, the node drains: so it is durable with everything else.
fn drain_log() -> Identity {
    Identity::new(DRAINING, [0; 32])
}

/// Whether a node does what it is there for, and why not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReadyStatus {
    /// Whether nothing speaks against it.
    pub ready: bool,
    /// What does.
    pub reasons: Vec<UnreadyReason>,
}

/// Why a node is not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UnreadyReason {
    /// For programs: `starting`, `standby`, `stopping`, `chain`, `store`, `box`, `rolled-back` or `draining`.
    pub code: String,
    /// For people.
    pub message: String,
}

impl ReadyStatus {
    /// Nothing speaks against it, so far.
    pub(crate) const fn ready() -> ReadyStatus {
        ReadyStatus {
            ready: true,
            reasons: Vec::new(),
        }
    }

    /// The same, and this speaks against it.
    pub(crate) fn but(mut self, code: &str, message: impl std::fmt::Display) -> ReadyStatus {
        self.ready = false;
        self.reasons.push(UnreadyReason {
            code: code.to_owned(),
            message: message.to_string(),
        });
        self
    }
}

impl Core {
    pub(super) fn recover_draining(&mut self) -> Result<(), Fatal> {
        let known = self.store.known()?;
        self.is_draining = known.iter().any(|whose| whose.machine == DRAINING);
        Ok(())
    }

    /// Takes nothing new from now on, or again.
    pub(super) fn drain(&mut self, on: bool) -> Result<Answer, Fatal> {
        match (on, self.is_draining) {
            (true, false) => drop(self.store.open(&drain_log())?),
            (false, true) => self.store.remove(&drain_log())?,
            _ => {}
        }
        if on != self.is_draining {
            self.note(match on {
                true => WORDS,
                false => "no longer draining",
            });
        }
        self.is_draining = on;
        Ok(Ok(Reply::Node(self.status())))
    }

    /// Whether something new may be taken; else why not.
    pub(super) fn takes_more(&self) -> Result<(), String> {
        match self.is_draining {
            true => Err(WORDS.into()),
            false => Ok(()),
        }
    }

    /// Whether an order begins nothing that must not begin now.
    pub(super) fn may_begin(&self, command: &Command) -> Result<(), CommandError> {
        let is_new = match command {
            Command::Offer(_) | Command::RenewOffer => true,
            // What is taken part in already runs.
            Command::Accept { id } => id_of(id).is_ok_and(|id| self.standing(&id) == "asked"),
            Command::Small { order } => matches!(
                order,
                SmallCommand::Bank(_)
                    | SmallCommand::Deliver(_)
                    | SmallCommand::Collect(_)
                    | SmallCommand::Take { .. }
            ),
            _ => false,
        };
        let more = self.takes_more().map_err(|why| refused("draining", why));
        if is_new { more } else { Ok(()) }
    }

    /// Whether this node sits on a panel, or would without asking.
    pub fn judges(&self) -> bool {
        let sits = |contract: &super::Contract| {
            matches!(contract.me(), Some(Role::Arbiter(_))) && contract.may_publish()
        };
        self.policy.accept.contains(&Part::Arbiter) || self.contracts.values().any(sits)
    }

    /// What a party alone can say of whether it is ready.
    pub(super) fn readiness(&self) -> ReadyStatus {
        let mut status = ReadyStatus::ready();
        let recent = |looked_s: u64| self.now.unix_s.saturating_sub(looked_s) <= LOOKED_S;
        if !self.looked_s.is_some_and(recent) {
            let why = "the Bitcoin node has not answered lately, or its chain is still read";
            status = status.but("chain", why);
        }
        let phases = self.peers.values().map(|peer| peer.link.machine().phase());
        let alarms = phases.filter(|p| matches!(p, LinkPhase::RolledBack | LinkPhase::Forked));
        let alarms = alarms.count();
        if alarms > 0 {
            let why = format_args!(
                "{alarms} links wait for the operator: this disk went back, or the node runs twice (`peers`, `clear`)"
            );
            status = status.but("rolled-back", why);
        }
        match self.takes_more() {
            Ok(()) => status,
            Err(why) => status.but(DRAINING, why),
        }
    }
}
