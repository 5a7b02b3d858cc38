//! What must not happen in a life, whoever is killed and whatever adversaries do.

use std::collections::BTreeSet;

use narthex_channel::{
    Tabled,
    contract::{
        ArbiterMachine, ClientMachine, ContractMessage, Piece, VerifierMachine, WorkerMachine,
    },
};
use narthex_contracts::{
    graph::NodeName,
    party::PartyName,
    template::{Exit, Rulings},
    terms::Role,
};
use narthex_game_model::{ArbiterSet, Outcome as Settlement, Ruling, ruling::Row};

use super::{
    node::LifeNode,
    talk::message,
    world::{Step, World},
};
use crate::{life::Letter, schedules::Violation};

/// Rows of the machines' tables that none of these steps is.
pub fn uncovered(steps: &BTreeSet<Step>) -> Vec<String> {
    let rows = |name: &'static str, table: &[&[narthex_channel::Transition]]| {
        let all = table.iter().flat_map(|part| part.iter());
        let missing = all.filter(|row| !steps.contains(&(name, row.from, row.input, row.to)));
        let names =
            missing.map(|row| format!("{name}: {} + {} -> {}", row.from, row.input, row.to));
        names.collect::<BTreeSet<_>>()
    };
    // What the own work came to is no input of its own here: it follows from what came.
    let mut all = rows("client", ClientMachine::TABLE);
    all.extend(rows("worker", WorkerMachine::TABLE));
    all.extend(rows("verifier", VerifierMachine::TABLE));
    all.extend(rows("arbiter", ArbiterMachine::TABLE));
    all.retain(|row| !row.contains(" + done "));
    all.into_iter().collect()
}

/// The row of the settlement table that a transaction pays.
pub(super) fn settlement(name: NodeName) -> Option<Settlement> {
    let rulings = name.variant.map(Rulings::from);
    let of = |pick: fn(Rulings) -> ArbiterSet| rulings.map_or(ArbiterSet::empty(), pick);
    Some(match name.base {
        base if base == Exit::NORMAL.base || base == Exit::NORMAL_LONG.base => Settlement::Normal,
        base if base == Exit::ADMITTED.base || base == Exit::UNAPPEALED.base => {
            Settlement::FaultyUnappealed
        }
        base if base == Exit::WORKER_TIMEOUT.base || base == Exit::ABANDONED.base => {
            Settlement::WorkerTimedOut
        }
        base if base == Exit::WITHHELD.base => Settlement::WorkerWithheld,
        base if base == Exit::VERIFIER_TIMEOUT.base => Settlement::VerifierTimedOut,
        "S6" => Settlement::WorkerAtFault {
            majority: of(|rulings| rulings.worker),
        },
        "S7" => Settlement::VerifierAtFault {
            majority: of(|rulings| rulings.verifier),
        },
        "S5" | "S5any" => Settlement::ArbitrationFailed {
            ruled: of(Rulings::ruled),
        },
        _ => return None,
    })
}

/// Whether it asks whether something was handed over.
const fn is_of_handing(row: Row) -> bool {
    matches!(
        row,
        Row::Boxes | Row::Sample | Row::Token | Row::Reply | Row::Opening | Row::Unserved
    )
}

impl World<'_> {
    /// What an honest party sends.
    pub(super) fn look_into(&mut self, from: Role, (_, bytes): &Letter) {
        match message(bytes) {
            // What it says of when it had something is true.
            Some(ContractMessage::Piece(Piece::Receipt(signed))) => {
                let height = signed.receipt.height;
                let first = self.ready_tip();
                if !(first..=self.tip).contains(&height) {
                    let (party, tip) = (PartyName::from(from), self.tip);
                    self.violation(Violation::Dated { party, height, tip });
                }
            }
            Some(ContractMessage::Attestation(attestation)) => {
                let by = Role::Arbiter(attestation.arbiter);
                if by != from {
                    return;
                }
                let known = *self.attested.entry(by).or_insert(attestation);
                if known != attestation {
                    let party = PartyName::from(from);
                    self.violation(Violation::Twice { party });
                }
            }
            _ => {}
        }
    }

    /// Whether so many arbiters are honest and there that they are a majority.
    pub(super) fn has_panel(&self) -> bool {
        self.is_majority(|role| self.is_bound(role))
    }

    fn is_majority(&self, counts: impl Fn(Role) -> bool) -> bool {
        let arbiters = self.roles.iter();
        let arbiters = arbiters.filter(|role| matches!(role, Role::Arbiter(_)));
        let many = arbiters.filter(|role| counts(**role)).count();
        many >= usize::from(self.ready.terms.params().quorum())
    }

    /// Whether an arbiter rules where its stake depends on it, whoever is silent. One whose disk was put back meanwhile may have to do without.
    fn is_heard(&self, role: Role) -> bool {
        let is_put_back = self.nodes.get(&role).is_some_and(LifeNode::is_put_back);
        self.is_bound(role) && (!is_put_back || self.attested.contains_key(&role))
    }

    /// Whether the verifier had anything to gain by a verdict. Where a worker acknowledges nothing and there is no majority of the panel to
    /// keep the answer to its token, a rejection is lost too, and dearer than silence.
    fn could_reject(&self) -> bool {
        let verifier = self.nodes.get(&Role::Verifier);
        let party = verifier.and_then(|node| node.party.as_ref());
        self.has_panel() || party.is_none_or(|party| party.book().has_handed_own())
    }

    /// Whether an arbiter is told that it has fixed another ruling, which its disk has forgotten: it attests nothing then.
    fn is_contradicted(&self, role: Role) -> bool {
        let party = self.nodes.get(&role).and_then(|node| node.party.as_ref());
        party.is_some_and(|party| party.book().once().is_contradicted())
    }

    /// How honest arbiters have ruled: against nobody honest. For what was not handed over only as long as a majority of the panel was there
    /// to keep what one side does not acknowledge. What an arbiter finds anew and does not attest, since its case is bound to the other, is nothing.
    pub(super) fn judge_rulings(&mut self) {
        let is_kept = self.has_panel();
        let rulings = self.rulings.borrow().clone();
        for ruled in rulings {
            let attested = self.attested.get(&ruled.by).map(|said| said.ruling);
            let is_other = match attested {
                Some(said) => said != ruled.ruling,
                None => self.is_contradicted(ruled.by),
            };
            if is_other || (is_of_handing(ruled.row) && !is_kept) {
                continue;
            }
            let against = match ruled.ruling {
                Ruling::WorkerAtFault => Role::Worker,
                Ruling::VerifierAtFault => Role::Verifier,
            };
            if self.is_bound(ruled.by) && self.is_bound(against) {
                let (by, party) = (ruled.by.into(), against.into());
                let row = ruled.row.to_string();
                self.violation(Violation::Convicted { by, party, row });
            }
        }
    }

    /// Whom a settlement wrongs.
    pub(super) fn judge_settlement(&mut self, outcome: Settlement) {
        let bound = |role| self.is_bound(role);
        let (worker, verifier) = (bound(Role::Worker), bound(Role::Verifier));
        let panel = self.is_majority(|role| self.is_heard(role));
        let mut wronged = Vec::new();
        match outcome {
            Settlement::Normal => {}
            Settlement::VerifierTimedOut if verifier && self.could_reject() => {
                wronged.push(Role::Verifier);
            }
            Settlement::WorkerTimedOut
            | Settlement::WorkerWithheld
            | Settlement::FaultyUnappealed
                if worker =>
            {
                wronged.push(Role::Worker);
            }
            Settlement::WorkerAtFault { .. } if worker && panel => wronged.push(Role::Worker),
            Settlement::VerifierAtFault { .. } if verifier && panel => wronged.push(Role::Verifier),
            Settlement::ArbitrationFailed { .. } if panel => {
                wronged.extend(worker.then_some(Role::Worker));
                wronged.extend(verifier.then_some(Role::Verifier));
            }
            _ => {}
        }
        // An arbiter that has ruled as it must is not among the silent ones, nor alone with its ruling, whoever brings what to whom.
        // Nobody but the worker publishes a ruling that pays it: an adversary may wait for a smaller set, whatever the arbiters say.
        let is_workers = matches!(outcome, Settlement::VerifierAtFault { .. });
        if let Some(set) = outcome.named_arbiters()
            && panel
            && (worker || verifier || !is_workers)
        {
            let arbiters = self.roles.iter().filter(|role| match role {
                Role::Arbiter(at) => !set.contains(usize::from(*at)) && self.is_heard(**role),
                _ => false,
            });
            wronged.extend(arbiters.copied());
        }
        for role in wronged {
            let party = PartyName::from(role);
            let outcome = outcome.to_string();
            self.violation(Violation::Money { party, outcome });
        }
    }
}
