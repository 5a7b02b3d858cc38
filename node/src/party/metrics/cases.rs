//! Figures of a node as an arbiter: its cases, what it has ruled and attested, what it was silent about, and until when something is due.
//!
//! What is ruled and attested is read out of what is stored: it is the same after a start, as soon as a contract is looked at again. What
//! was counted begins anew with the process, and says so.

use std::collections::BTreeMap;

use narthex::{
    arbiter::Silence,
    channel::wire::Close,
    contracts::terms::Role,
    game_model::{Ruling, ruling::Row},
};

use super::{Figures, label};
use crate::party::{Core, Deadline, life::Life};

/// What is counted since the process started.
#[derive(Debug, Default)]
pub(in crate::party) struct Tally {
    /// Bytes of frames that were given out to be sent.
    pub(in crate::party) sent_bytes: u64,
    /// By why nothing was ruled.
    silences: BTreeMap<&'static str, u64>,
    /// By what was wrong with what a peer sent.
    bad: BTreeMap<&'static str, u64>,
}

/// What stands for silence because another ruling of this arbiter's was heard of.
const CONTRADICTED: &str = "contradicted";

/// Every reason for which an arbiter rules on nothing and somebody must hear of it.
const SILENCES: [&str; 4] = [
    word(Silence::EnginesDiffer),
    word(Silence::Machine),
    word(Silence::Case),
    CONTRADICTED,
];

const fn word(why: Silence) -> &'static str {
    match why {
        Silence::Awaited => "awaited",
        Silence::EnginesDiffer => "engines-differ",
        Silence::Machine => "machine",
        Silence::Case => "case",
    }
}

/// Every state of an arbiter in a contract that lives, as [`ContractStatus::standing`](crate::party::ContractStatus) has it.
const STATES: [&str; 10] = [
    "keeping",
    "hearing",
    "ruling",
    "ruled",
    "asking",
    "attesting",
    "silent",
    "attested",
    "settled",
    "over",
];

impl Tally {
    /// An arbiter was asked and has ruled on nothing.
    pub(in crate::party) fn silent(&mut self, why: Silence) {
        *self.silences.entry(word(why)).or_default() += 1;
    }

    /// What came from a peer ends its connection.
    pub(in crate::party) fn closed(&mut self, why: &Close) {
        let code = match why {
            Close::Fault(_) => "frame",
            Close::Flood { .. } => "flood",
            Close::Stranger { .. } => "stranger",
            Close::Contracts { .. } => "contracts",
            Close::Hello => "hello",
            Close::OtherChain => "other-chain",
            Close::Features { .. } => "features",
            _ => "other",
        };
        self.bad(code);
    }

    /// What came from a peer was no good.
    pub(in crate::party) fn bad(&mut self, code: &'static str) {
        *self.bad.entry(code).or_default() += 1;
    }
}

/// An arbiter's side of a contract that lives.
fn judging(life: &Life) -> Option<u8> {
    match life.party.role() {
        Role::Arbiter(seat) => Some(seat),
        _ => None,
    }
}

/// As [`Ruling`] is written in files.
const fn ruled(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::WorkerAtFault => "worker_at_fault",
        Ruling::VerifierAtFault => "verifier_at_fault",
    }
}

/// As [`Row`] is written in files; where a bundle could not be drawn up, it is not known.
fn row(row: Option<Row>) -> String {
    row.map_or("unknown".to_owned(), |row| label(&row))
}

impl Life {
    /// The ruling of an arbiter, and by which row it was, once its bundle says so: a block after the ruling at most.
    pub(in crate::party) fn ruled(&self) -> Option<(&'static str, String)> {
        let ruling = self.party.book().ruling()?;
        self.bundle.as_ref()?;
        Some((ruled(ruling), row(self.row)))
    }
}

impl Core {
    /// Bad input of peers by code, since the process started.
    pub(crate) const fn bad_input(&self) -> &BTreeMap<&'static str, u64> {
        &self.tally.bad
    }

    pub(super) fn case_figures(&self, out: &mut Figures) {
        let lives = self.contracts.values();
        let lives = lives.filter_map(|contract| contract.life.as_ref());
        let cases: Vec<_> = lives
            .filter_map(|life| Some((life, judging(life)?)))
            .collect();
        let archived = self.archived_counts();
        let count = |state| archived.cases.get(state).copied().unwrap_or_default();
        let mut states: BTreeMap<_, u64> = STATES.map(|state| (state, count(state))).into();
        let mut rulings = archived.rulings.clone();
        let (mut attested, mut contradicted) = (archived.attested, count("silent"));
        for (life, seat) in &cases {
            let (book, standing) = (life.party.book(), life.standing());
            *states.entry(standing).or_default() += 1;
            contradicted += u64::from(standing == "silent");
            let own = |one: &narthex::contracts::attest::Attestation| one.arbiter == *seat;
            attested += u64::from(book.attestations().iter().any(own));
            if let Some((ruling, row)) = life.ruled() {
                let rows = rulings.entry(ruling.to_owned()).or_default();
                *rows.entry(row).or_default() += 1;
            }
        }
        let name = "narthex_cases";
        let help =
            "Contracts that live and have this node on their panel, by where it stands in them.";
        out.family(name, "gauge", help);
        for (state, count) in states {
            out.sample(name, &[("state", state)], count);
        }
        let name = "narthex_rulings_total";
        let help = "Cases that this arbiter has ruled on, by ruling and row of the table; of contracts that are kept, also after a start.";
        out.family(name, "counter", help);
        for (ruling, rows) in rulings {
            for (row, count) in rows {
                out.sample(name, &[("ruling", &ruling), ("row", &row)], count);
            }
        }
        out.one(
            "narthex_attestations_total",
            "counter",
            "Rulings that this arbiter has attested; of contracts that are kept, also after a start.",
            attested,
        );
        let name = "narthex_silent_total";
        let help = "How often this arbiter was asked and has ruled on nothing, by reason, since the process started; `contradicted` is of contracts that stand so.";
        out.family(name, "counter", help);
        for reason in SILENCES {
            let counted = self.tally.silences.get(reason).copied().unwrap_or_default();
            let counted = if reason == CONTRADICTED {
                contradicted
            } else {
                counted
            };
            out.sample(name, &[("reason", reason)], counted);
        }
        self.deadline_figure(out, &cases);
    }

    /// The nearest of all heights until which this node does something, also as an arbiter that has not attested yet.
    fn deadline_figure(&self, out: &mut Figures, cases: &[(&Life, u8)]) {
        let name = "narthex_deadline_blocks_min";
        let help = "Blocks left until the nearest height by which this node is to have published, been funded or attested in any contract; no sample where nothing has a date.";
        out.family(name, "gauge", help);
        let moves = self.next_moves().into_iter();
        let moves = moves.filter_map(|next| match next.until {
            Some(Deadline::Height(height)) => Some(height),
            _ => None,
        });
        let due = self.contracts.values();
        let due = due.filter_map(|contract| contract.life.as_ref());
        let due = due.flat_map(|life| life.due().into_iter().filter_map(|due| due.until));
        let open = ["hearing", "ruling", "ruled", "asking", "attesting"];
        let judged = cases
            .iter()
            .filter(|(life, _)| open.contains(&life.standing()))
            .filter_map(|(life, _)| life.party.book().last_moment());
        if let Some(nearest) = moves.chain(due).chain(judged).min() {
            let left = nearest.saturating_sub(self.tip.unwrap_or_default());
            out.sample(name, &[], left);
        }
    }
}
