//! A play whose parties live by their machines: the very code that nodes run, over a network in memory.

use std::{cell::RefCell, rc::Rc};

use bitcoin::{Amount, Transaction};
use narthex_channel::{
    contract::{Contract, Order, Policy},
    log::{MemoryDisk, MemoryLog},
};
use narthex_contracts::{
    graph::{NodeName, TxGraph},
    template::ContractSecret,
    terms::Role,
};
use narthex_game_model::{play::Strategy, ruling::Row};

use super::{ContractPlay, PlayError, killer::Killer, narrate::Narrator, participant::own_salt};
use crate::life::{
    LifeError, LifeParty, LifeSigner, LifeWork, MemoryBlobs, Own, Publisher, Room, Sight,
};

/// Blocks after which a play is given up: more than all windows of an example.
const MOST_BLOCKS: u32 = 2_000;

/// How parties behave, where it is not the usual.
pub(super) struct Conduct {
    /// How the worker works, and what is said of that.
    pub(super) strategy: (Strategy, &'static str),
    /// Whether a worker that is at fault says so.
    pub(super) admits: bool,
    /// Whether the worker goes on chain as soon as it has done its work.
    pub(super) delivers: bool,
    /// Who says, hears and publishes nothing once this is on chain.
    pub(super) silent: Vec<(Role, NodeName)>,
}

/// What is on chain from the beginning.
pub(super) const FUNDING: NodeName = NodeName::plain("Tx0");

impl Default for Conduct {
    fn default() -> Self {
        Conduct {
            strategy: (Strategy::Honest, "does the whole work"),
            admits: true,
            delivers: false,
            silent: Vec::new(),
        }
    }
}

/// What happened, in order.
pub(super) enum Lived {
    /// Somebody did something while the tip was at this height.
    Step {
        height: u32,
        who: Role,
        what: String,
        why: String,
    },
    /// Something confirmed.
    Confirmed(Confirmed),
}

pub(super) struct Confirmed {
    who: Role,
    name: NodeName,
    height: u32,
    tx: Transaction,
    fee: Amount,
    child: Option<Transaction>,
}

/// What became of it.
struct Ended {
    journal: Vec<Lived>,
    by: NodeName,
    row: Option<Row>,
    result: Option<Vec<u8>>,
    traffic: (u64, u64),
}

impl From<LifeError> for PlayError {
    fn from(error: LifeError) -> PlayError {
        PlayError::Life(Box::new(error))
    }
}

impl ContractPlay<'_> {
    /// Everybody lives by its machine until the contract is settled and the client has what it is given. How it ended.
    pub(super) fn live(&mut self, conduct: &Conduct) -> Result<NodeName, PlayError> {
        let ended = self.lived(conduct)?;
        for entry in ended.journal {
            match entry {
                Lived::Step {
                    height,
                    who,
                    what,
                    why,
                } => self.step_at(height, who, what, &why),
                Lived::Confirmed(done) => {
                    self.participant_mut(done.who)?.fees += done.fee;
                    let (child, why) = (done.child.as_ref(), super::narrate::why(done.name));
                    let what = (done.tx, done.height, done.fee);
                    self.confirmed(done.who, &done.name, why, what, child);
                }
            }
        }
        self.talk.row = ended.row;
        self.network.messages += ended.traffic.0;
        self.network.bytes += ended.traffic.1;
        if let Some(plain) = ended.result {
            let (result, said) = self.workshop.origin.read(&self.workshop.job, plain);
            self.result = Some(result);
            let why = "each box opens to what the worker's commitment says";
            self.step(Role::Client, said, why)?;
        }
        self.sync()?;
        Ok(ended.by)
    }

    fn lived(&mut self, conduct: &Conduct) -> Result<Ended, PlayError> {
        let (rate, depth) = (self.rate(), self.options.depth);
        let policy = Policy {
            depth,
            confirm: 1,
            message: 1,
        };
        let journal = Rc::new(RefCell::new(Vec::new()));
        let tip = Rc::new(RefCell::new(self.chain.height()?));
        let row = Rc::new(RefCell::new(None));
        let mut room = Room::new();
        let mut killer = self.options.kills.map(Killer::new);
        let parties = self.participants.values_mut().zip(self.records.each());
        for (participant, (role, record)) in parties {
            let signatures = participant.holdings.clone();
            let signatures = signatures.ok_or_else(|| PlayError::Broken("no holdings".into()))?;
            let contract = Contract::new(self.terms.clone(), self.graph.clone(), role, policy);
            let contract = contract.map_err(LifeError::from)?;
            let identity = match role {
                Role::Arbiter(_) => Some(participant.identity()?),
                _ => None,
            };
            let narrator = Narrator {
                role,
                steps: self.terms.params().steps(),
                sample: self.terms.params().sample(),
                depth,
                works: conduct.strategy.1,
            };
            let (journal, tip, row) = (journal.clone(), tip.clone(), row.clone());
            let is_heard = !conduct.silent.contains(&(role, FUNDING));
            let work = LifeWork {
                seed: participant.seed().clone(),
                own_salt: own_salt(participant.seed().expose()),
                key: participant.key()?,
                identity,
                signatures,
                job: (self.workshop.job.clone(), self.workshop.origin.stage()),
                is_aside: false,
                strategy: match role {
                    Role::Worker => conduct.strategy.0.clone(),
                    _ => Strategy::Honest,
                },
                admits: conduct.admits,
                seal_cost: self.options.seal_cost,
                bindings: Some(Box::new(record)),
                watch: Some(Box::new(move |done, ruled| {
                    let height = *tip.borrow();
                    let reason = ruled.map_or("", |(_, reason)| reason);
                    if let (Some((by, _)), true) = (ruled, is_heard) {
                        *row.borrow_mut() = Some(*by);
                    }
                    for (what, why) in narrator.told(done, reason) {
                        let who = role;
                        journal.borrow_mut().push(Lived::Step {
                            height,
                            who,
                            what,
                            why,
                        });
                    }
                })),
            };
            let disk = MemoryDisk::default();
            let log = match &mut killer {
                None => MemoryLog::forgetful(),
                Some(killer) => killer.know(role, &disk, &work.signatures)?,
            };
            let own = Own {
                log,
                signer: LifeSigner::new(work, Box::new(MemoryBlobs::default())),
                publisher: Publisher::new(&mut participant.wallet, rate),
            };
            room.join(LifeParty::open(contract, own)?);
        }
        let about = Contract::new(self.terms.clone(), self.graph.clone(), Role::Client, policy);
        let about = about.map_err(LifeError::from)?;
        let mut sight = Sight::default();
        let (mut known, mut by) = (0, FUNDING);
        for _ in 0..MOST_BLOCKS {
            // What confirmed since the last look.
            let view = sight.look(self.chain, &about)?;
            *tip.borrow_mut() = view.tip;
            for (node, height) in view.facts.path.iter().skip(known) {
                known += 1;
                let name = self.graph.node(*node).map(|node| node.name);
                let name = name.ok_or_else(|| PlayError::Broken("no such transaction".into()))?;
                by = name;
                for (role, _) in conduct.silent.iter().filter(|(_, from)| *from == name) {
                    room.silence(*role);
                }
                if *node != TxGraph::FUNDING {
                    let paid = room.parties().find_map(|party| {
                        let mut paid = party.publisher().paid.iter();
                        let paid = paid.find(|paid| paid.node == Some(*node))?;
                        Some((party.role(), paid.clone()))
                    });
                    let (who, paid) =
                        paid.ok_or_else(|| PlayError::Broken(format!("{name} by nobody")))?;
                    journal.borrow_mut().push(Lived::Confirmed(Confirmed {
                        who,
                        name,
                        height: *height,
                        tx: paid.tx,
                        fee: paid.fee,
                        child: paid.child,
                    }));
                }
            }
            match &mut killer {
                None => room.round(self.chain)?,
                Some(killer) => killer.round(&mut room, self.chain)?,
            }
            let is_over = room
                .parties()
                .all(|party| matches!(party.standing(), "settled" | "decrypted" | "over"));
            if is_over {
                break;
            }
            if conduct.delivers
                && let Some(worker) = room.party_mut(Role::Worker)
                && worker.standing() == "committed"
                && worker.book().facts().path.len() == 1
            {
                let letters = worker.order(Order::Deliver)?;
                room.post(Role::Worker, letters);
                room.round(self.chain)?;
            }
            if self.options.probe_early {
                probe(self.chain, &room, &self.miner_script)?;
            }
            self.chain.mine(1, &self.miner_script)?;
            for role in self.terms.roles() {
                if let Some(party) = room.party_mut(role) {
                    party.publisher_mut().purse.wallet().sync(self.chain)?;
                }
            }
        }
        let client = room.party(Role::Client);
        let client = client.ok_or_else(|| PlayError::Broken("no client".into()))?;
        let result = client.result()?;
        let traffic = room.traffic();
        let verifier = room.party(Role::Verifier);
        let known = verifier.map(|party| party.signer().secrets(party.book()));
        let token = known.and_then(|known| known.get(ContractSecret::Token));
        drop(room);
        // What an approval pays is its own, and counted so.
        if let Some(token) = token {
            let verifier = self.participant_mut(Role::Verifier)?;
            verifier.secrets.insert(ContractSecret::Token, token);
        }
        let journal = Rc::into_inner(journal).map(RefCell::into_inner);
        Ok(Ended {
            journal: journal.unwrap_or_default(),
            by,
            row: row.take(),
            result,
            traffic,
        })
    }
}

/// Tries everything that somebody could publish but for a lock that lasts one block more: no block may hold it.
fn probe(
    chain: &mut dyn narthex_regtest::Chain,
    room: &Room<'_>,
    reward: &bitcoin::Script,
) -> Result<(), PlayError> {
    let height = chain.height()?.saturating_add(1);
    let mut tried = Vec::new();
    for party in room.parties() {
        let (book, signer) = (party.book(), party.signer());
        let coin = book.facts().coin(book.contract().graph());
        for node in signer.signatures().complete_nodes() {
            let is_early = book.earliest(node) == Some(height.saturating_add(1));
            if !is_early || tried.contains(&node) {
                continue;
            }
            let Ok(tx) = signer.signatures().complete(node, &signer.secrets(book)) else {
                continue;
            };
            if tx.input.first().map(|input| input.previous_output) != coin {
                continue;
            }
            tried.push(node);
            if chain
                .mine_exactly(std::slice::from_ref(&tx), reward)
                .is_ok()
            {
                let name = book.contract().graph().node(node).map(|node| node.name);
                return Err(PlayError::TooEarly {
                    transaction: name.map(|name| name.to_string()).unwrap_or_default(),
                    height,
                });
            }
        }
    }
    Ok(())
}
