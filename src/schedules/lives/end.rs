//! The end of a life, and what the oracles say of it.

use bitcoin::Amount;
use narthex_contracts::{
    graph::{NodeId, NodeName, Purpose},
    party::PartyName,
    template::ContractSecret,
    terms::Role,
};
use narthex_game_model::{Outcome as Settlement, play::Strategy, settle};
use narthex_regtest::ChainSource as _;

use super::{
    node::Ruled,
    oracle::settlement,
    world::{Lived, World},
};
use crate::schedules::{Outcome, Violation};

/// Blocks on a settlement until nothing of it changes.
const DEEP: u32 = 4;

impl World<'_> {
    /// Height of the tip that lives begin at.
    pub(super) fn ready_tip(&self) -> u32 {
        let chain = self.sight_path().first().map(|(_, height)| *height);
        chain.unwrap_or(0)
    }

    fn sight_path(&self) -> &[(NodeId, u32)] {
        &self.path
    }

    /// What anybody sees of the contract.
    pub(super) fn see_chain(&mut self) {
        if self.tip == 0 {
            self.tip = self.chain.height().unwrap_or(0);
        }
        if let Some(contract) = self.ready.contracts.get(&Role::Client) {
            let seen = self.sight.look(&mut self.chain, contract);
            if let Ok(view) = seen {
                self.path = view.facts.path;
            }
        }
    }

    /// The transaction that settled, and its height.
    fn settled(&self) -> Option<(NodeId, u32, NodeName)> {
        let (node, height) = self.sight_path().last().copied()?;
        let contract = self.ready.contracts.get(&Role::Client)?;
        let name = contract.graph().node(node)?.name;
        settlement(name)?;
        Some((node, height, name))
    }

    /// Whether the end is so long past that nobody is disturbed any more.
    pub(super) fn is_calm(&self) -> bool {
        let settled = self.settled();
        settled.is_some_and(|(_, height, _)| self.tip > height + 3 * DEEP)
    }

    /// From which height on nobody is away.
    fn all_are_back(&self) -> u32 {
        let nodes = self.nodes.values();
        let back = nodes.map(|node| node.away_until.max(node.cut_until));
        back.max().unwrap_or(0)
    }

    pub(super) fn is_over(&mut self) -> bool {
        if self.tip > self.bound {
            self.judge_locked();
            return true;
        }
        let Some((_, height, _)) = self.settled() else {
            return false;
        };
        if self.tip < height + DEEP {
            return false;
        }
        let all = self.nodes.values().filter(|node| node.is_bound());
        let is_done = |standing| matches!(standing, "settled" | "decrypted" | "over");
        let mut standings = all.map(|node| node.party.as_ref().map(|party| party.standing()));
        let all_know = standings.all(|standing| standing.is_some_and(is_done));
        // The client decrypts, and everybody comes back, some blocks later at most: who is not there has what the client waits for.
        let is_late = self.is_calm() && self.tip > self.all_are_back() + DEEP;
        if self.is_patient && self.tip < self.bound {
            return false;
        }
        if !(all_know || is_late) {
            return false;
        }
        self.judge_end();
        true
    }

    fn judge_locked(&mut self) {
        if self.settled().is_some() {
            return self.judge_end();
        }
        for role in [Role::Client, Role::Worker, Role::Verifier] {
            if self.is_bound(role) {
                let party = PartyName::from(role);
                let height = self.bound;
                self.violation(Violation::Locked { party, height });
            }
        }
    }

    fn judge_end(&mut self) {
        self.judge_rulings();
        let Some((node, _, name)) = self.settled() else {
            return;
        };
        let Some(outcome) = settlement(name) else {
            return;
        };
        self.event(format!("settled by {name}"));
        self.judge_settlement(outcome);
        self.judge_amounts(node, outcome);
        if outcome == Settlement::Normal {
            self.judge_result();
        }
        if self.is_patient && !outcome.spends_stakes() {
            self.judge_stakes();
        }
        for role in self.roles.clone() {
            let node = self.nodes.get(&role).filter(|node| node.is_bound());
            let Some(party) = node.and_then(|node| node.party.as_ref()) else {
                continue;
            };
            let standing = party.standing();
            if !matches!(standing, "settled" | "decrypted" | "over" | "shown") {
                let party = PartyName::from(role);
                let phase = standing;
                self.violation(Violation::Unaware { party, phase });
            }
        }
    }

    /// The transaction pays what the table says.
    fn judge_amounts(&mut self, node: NodeId, outcome: Settlement) {
        let Some(contract) = self.ready.contracts.get(&Role::Client) else {
            return;
        };
        let Some(tx) = contract.graph().node(node) else {
            return;
        };
        let Ok(payout) = settle(self.ready.terms.params(), outcome) else {
            return;
        };
        let paid = |role: Role| -> Amount {
            let outputs = tx.outputs.iter();
            let own = outputs.filter(|output| match output.purpose {
                Purpose::Payout(party) => party == role,
                _ => false,
            });
            own.map(|output| output.value).sum()
        };
        let table = |role: Role| match role {
            Role::Client => payout.client,
            Role::Worker => payout.worker,
            Role::Verifier => payout.verifier,
            Role::Arbiter(at) => {
                let share = payout.arbiters.get(usize::from(at));
                share.copied().unwrap_or(Amount::ZERO)
            }
        };
        let wrong: Vec<_> = self
            .roles
            .iter()
            .filter(|role| paid(**role) != table(**role))
            .copied()
            .collect();
        for role in wrong {
            let party = PartyName::from(role);
            let outcome = format!("{outcome}, by another sum than that of the table");
            self.violation(Violation::Money { party, outcome });
        }
    }

    /// Who paid for the result has it, and who is paid to a token has that.
    fn judge_result(&mut self) {
        let works = |role| {
            let node = self.nodes.get(&role)?;
            node.villain.as_ref()
        };
        let (is_honest, is_all_wrong) = match works(Role::Worker) {
            None => (true, false),
            Some(villain) => (villain.works == Strategy::Honest, villain.is_all_wrong()),
        };
        let (verifier, client) = (self.is_bound(Role::Verifier), self.is_bound(Role::Client));
        let party = |role| {
            let node = self.nodes.get(&role)?;
            node.party.as_ref()
        };
        let mut wrong = Vec::new();
        if verifier && let Some(party) = party(Role::Verifier) {
            let known = party.signer().secrets(party.book());
            if known.get(ContractSecret::Token).is_none() {
                wrong.push("the verifier is paid to a token that it does not know");
            }
        }
        if verifier && is_all_wrong {
            wrong.push("work that is wrong everywhere is approved and paid");
        }
        let is_checked = verifier || works(Role::Worker).is_none();
        if client
            && is_checked
            && let Some(party) = party(Role::Client)
        {
            match party.result() {
                Ok(Some(plain)) if is_honest && plain != self.ready.plain => {
                    wrong.push("the client has paid, and has another result");
                }
                Ok(None) if is_honest || is_all_wrong => {
                    wrong.push("the client has paid, and has no result");
                }
                Ok(_) => {}
                Err(_) => wrong.push("the client has lost its result"),
            }
        }
        for reason in wrong {
            self.violation(Violation::Result { reason });
        }
    }

    /// Arbiters have their stakes back.
    fn judge_stakes(&mut self) {
        let mut left = Vec::new();
        for role in &self.roles {
            let node = self.nodes.get(role).filter(|node| node.is_bound());
            let Some(party) = node.and_then(|node| node.party.as_ref()) else {
                continue;
            };
            if party.stake_due().is_some() {
                left.push(*role);
            }
        }
        for role in left {
            let (party, height) = (PartyName::from(role), self.bound);
            self.violation(Violation::Locked { party, height });
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        let settled = self.settled();
        let rulings = self.rulings.borrow();
        let honest = rulings.iter().filter(|ruled| !self.is_villain(ruled.by));
        let rows = honest.map(|ruled| ruled.row.to_string()).collect();
        let told = |ruled: &Ruled| {
            let (by, Ruled { row, reason, .. }) = (PartyName::from(ruled.by), ruled);
            format!("{by} rules by row {row}: {reason}")
        };
        let told = rulings.iter().map(told).collect();
        let villains = self.nodes.values().filter_map(|node| node.villain.as_ref());
        let villains: Vec<_> = villains.collect();
        let mut habits: Vec<_> = villains.iter().flat_map(|who| who.habits()).collect();
        if villains.len() > 1 {
            habits.push("a league".to_owned());
        }
        habits.sort();
        habits.dedup();
        let life = Lived {
            exit: settled.map(|(_, _, name)| name.base),
            rows,
            rulings: told,
            steps: self.steps,
            blocks: self.blocks,
            habits,
            faults: self.faults,
        };
        drop(rulings);
        Outcome {
            trace: self.trace.hash,
            violations: self.found,
            kinds: self.kinds,
            strategy: None,
            is_live: life.exit.is_some(),
            attempts: 1,
            kills: self.kills,
            messages: self.net.sent,
            last: self.trace.last,
            life: Some(life),
        }
    }
}
