//! A play whose parties live by their machines: the very code that nodes run, over a network in memory.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use bitcoin::Network;
use narthex_base::codec::Message as _;
use narthex_channel::{
    contract::{Contract, Policy},
    follow::MAX_REORG_BLOCKS,
    log::MemoryLog,
};
use narthex_contracts::{graph::NodeName, template::ContractSecret, terms::Role};
use narthex_game_model::{play::Strategy, ruling::Row};

use super::{
    ContractPlay, PlayError,
    cheat::seat,
    conduct::{Conduct, FUNDING},
    killer::Killer,
    narrate::Narrator,
    panel::PanelSecret,
    participant::own_salt,
    stage::{Lived, Stage},
};
use crate::life::{
    LifeError, LifeSigner, LifeWork, MemoryBlobs, Own, PaperWork, Publisher, Room, ending_like,
};

/// Blocks after which a play is given up: more than all windows of an example.
const MOST_BLOCKS: u32 = 2_000;

/// Blocks in which an agreement is to be concluded: a day.
const AGREEMENT_BLOCKS: u32 = 144;

/// What became of it.
struct Ended {
    journal: Vec<Lived>,
    by: NodeName,
    row: Option<Row>,
    result: Option<Vec<u8>>,
    traffic: (u64, u64),
    bundles: Vec<Vec<u8>>,
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
                    let (child, why) = (done.child.as_ref(), conduct.why(done.name));
                    let what = (done.tx, done.height, done.fee);
                    self.confirmed(done.who, &done.name, why, what, child);
                }
            }
        }
        self.row = ended.row;
        self.traffic = ended.traffic;
        self.bundles = ended.bundles;
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
        let (shared, mut shares) = match self.panel_secret.take() {
            None => (None, Vec::new()),
            Some(PanelSecret { point, shares }) => (Some(Arc::new(point)), shares),
        };
        let (terms, graph) = (self.terms.clone(), self.graph.clone());
        let contract = |role| match &shared {
            None => Contract::new(terms.clone(), graph.clone(), role, policy),
            Some(shared) => {
                let what = (terms.clone(), graph.clone());
                Contract::research(what, role, policy, shared.clone())
            }
        };
        let about = contract(Role::Client);
        let tip = self.chain.height()?;
        let funded = self.confirmed_at(&FUNDING);
        let funded = funded.ok_or_else(|| PlayError::Broken("no funding".into()))?;
        // A reorganisation may have brought it lower since.
        let since = funded.saturating_sub(MAX_REORG_BLOCKS);
        let about = about.map_err(LifeError::from)?;
        let mut stage = Stage::new(about, conduct, (tip, since))?;
        stage.killer = self.options.kills.map(Killer::new);
        stage.ending = match conduct.agrees {
            None => None,
            Some(settlement) => {
                let until = tip.saturating_add(AGREEMENT_BLOCKS);
                Some(ending_like(
                    (&self.terms, &self.graph),
                    settlement,
                    rate,
                    until,
                )?)
            }
        };
        let worker = self.participants.get(&Role::Worker);
        let token = worker.and_then(|worker| worker.secrets.get(ContractSecret::Token));
        stage.cheats.borrow_mut().token = token.map(|token| token.secret_bytes());
        let row = Rc::new(RefCell::new(None));
        let parties = self.participants.values_mut().zip(self.records.each());
        for (participant, (role, record)) in parties {
            let signatures = participant.holdings.clone();
            let signatures = signatures.ok_or_else(|| PlayError::Broken("no holdings".into()))?;
            let contract = contract(role).map_err(LifeError::from)?;
            let paper = PaperWork {
                appeal: participant.secrets.get(ContractSecret::Appeal),
                share: shares
                    .iter()
                    .position(|share| Role::Arbiter(share.member()) == role)
                    .map(|at| Arc::new(shares.swap_remove(at))),
            };
            let identity = match role {
                Role::Arbiter(_) => Some(participant.identity()?),
                _ => None,
            };
            let narrator = Narrator {
                role,
                steps: self.terms.params().steps(),
                sample: self.terms.params().sample(),
                audit: self.terms.params().audit().map_or(0, |audit| audit.steps),
                accusation: stage.accusation.clone(),
                depth,
                is_paper: shared.is_some(),
                cheats: stage.cheats.clone(),
            };
            let (journal, tip, row) = (stage.journal.clone(), stage.tip.clone(), row.clone());
            let is_heard = !conduct.silent.contains(&(role, FUNDING));
            let work = LifeWork {
                seed: participant.seed().clone(),
                own_salt: own_salt(participant.seed().expose()),
                key: participant.key()?,
                identity,
                signatures,
                since,
                job: (self.workshop.job.clone(), self.workshop.origin.stage()),
                is_aside: false,
                strategy: match role {
                    Role::Worker => conduct.works.0.clone(),
                    _ => Strategy::Honest,
                },
                admits: conduct.admits,
                seal_cost: self.options.seal_cost,
                judge: self.options.judge.clone(),
                bindings: Some(Box::new(record)),
                paper,
                watch: Some(Box::new(move |done, ruled| {
                    let height = tip.get();
                    let reason = ruled.map_or("", |(_, reason)| reason);
                    if let (Some((by, _)), true) = (ruled, is_heard) {
                        *row.borrow_mut() = *by;
                    }
                    let told = narrator.told(done, reason).into_iter();
                    let steps = told.map(|(what, why)| Lived::Step {
                        height,
                        who: role,
                        what,
                        why,
                    });
                    journal.borrow_mut().extend(steps);
                })),
            };
            let log = match &mut stage.killer {
                None => MemoryLog::forgetful(),
                Some(killer) => killer.know(role, &work.signatures)?,
            };
            let own = Own {
                log,
                signer: LifeSigner::new(work, Box::new(MemoryBlobs::default()))?,
                publisher: Publisher::new(&mut participant.wallet, rate),
            };
            seat(&mut stage.room, contract, own, &stage.cheats)?;
        }
        for _ in 0..MOST_BLOCKS {
            stage.look(self.chain)?;
            stage.round(self.chain)?;
            if stage.is_over() {
                break;
            }
            stage.act(self.chain, &self.miner_script)?;
            if self.options.probe_early {
                probe(self.chain, &stage.room, &self.miner_script)?;
            }
            self.chain.mine(1, &self.miner_script)?;
            for role in self.terms.roles() {
                if let Some(party) = stage.room.party_mut(role) {
                    party.publisher_mut().purse.wallet().sync(self.chain)?;
                }
            }
        }
        stage.check_failed()?;
        let client = stage.room.party(Role::Client);
        let client = client.ok_or_else(|| PlayError::Broken("no client".into()))?;
        let result = client.result()?;
        let traffic = stage.room.traffic();
        let mut bundles = Vec::new();
        if self.options.bundles {
            for party in stage.room.parties() {
                let ruled = party.book().ruling();
                if ruled.is_some() && matches!(party.role(), Role::Arbiter(_)) {
                    let bundle = party.bundle(self.chain, Network::Regtest);
                    let bundle = bundle.map_err(|why| PlayError::Broken(why.to_string()))?;
                    bundles.push(bundle.to_bytes());
                }
            }
        }
        let verifier = stage.room.party(Role::Verifier);
        let known = verifier.map(|party| party.signer().secrets(party.book()));
        let token = known.and_then(|known| known.get(ContractSecret::Token));
        let (journal, by) = (stage.journal.take(), stage.by);
        drop(stage);
        // What an approval pays is its own, and counted so.
        if let Some(token) = token {
            let verifier = self.participant_mut(Role::Verifier)?;
            verifier.secrets.insert(ContractSecret::Token, token);
        }
        Ok(Ended {
            journal,
            by,
            row: row.take(),
            result,
            traffic,
            bundles,
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
