//! A play whose parties live by their machines: the very code that nodes run, over a network in memory.

use bitcoin::{Amount, Transaction, Txid};
use narthex_channel::{
    contract::{Contract, Order, Policy},
    log::MemoryLog,
};
use narthex_contracts::{
    graph::{NodeId, NodeName, TxGraph},
    terms::Role,
};
use narthex_game_model::{play::Strategy, ruling::Row};

use super::{ContractPlay, PlayError, participant::own_salt};
use crate::life::{
    LifeError, LifeParty, LifeSigner, LifeWork, MemoryBlobs, Own, Paid, Publisher, Room,
};

/// Blocks after which a play is given up: more than all windows of an example.
const MOST_BLOCKS: u32 = 1_000;

/// How parties behave, where it is not the usual.
pub(super) struct Conduct {
    /// How the worker works.
    pub(super) strategy: Strategy,
    /// Whether a worker that is at fault says so.
    pub(super) admits: bool,
    /// Who neither says nor hears anything, from the beginning.
    pub(super) silent: Vec<Role>,
    /// Whether the worker goes on chain as soon as it has done its work.
    pub(super) delivers: bool,
}

impl Default for Conduct {
    fn default() -> Self {
        Conduct {
            strategy: Strategy::Honest,
            admits: true,
            silent: Vec::new(),
            delivers: false,
        }
    }
}

/// What became of it.
struct Lived {
    /// What confirmed behind the funding, with its height, who paid for it, its fee and child.
    path: Vec<Confirmed>,
    /// What parties said and did, in order, with the height of the tip.
    steps: Vec<(u32, Role, String)>,
    row: Option<Row>,
    result: Option<Vec<u8>>,
    traffic: (u64, u64),
}

struct Confirmed {
    who: Role,
    name: NodeName,
    height: u32,
    tx: Transaction,
    fee: Amount,
    child: Option<Transaction>,
}

impl From<LifeError> for PlayError {
    fn from(error: LifeError) -> PlayError {
        PlayError::Life(Box::new(error))
    }
}

impl ContractPlay<'_> {
    /// Everybody lives by its machine until the contract is settled and the client has what it is given. How it ended.
    pub(super) fn live(&mut self, conduct: &Conduct) -> Result<NodeName, PlayError> {
        let lived = self.lived(conduct)?;
        for (height, who, what) in &lived.steps {
            self.step_at(*height, who, what.clone(), "");
        }
        self.talk.row = lived.row;
        self.network.messages += lived.traffic.0;
        self.network.bytes += lived.traffic.1;
        let mut ended = NodeName::plain("Tx0");
        for done in lived.path {
            self.participant_mut(done.who)?.fees += done.fee;
            ended = done.name;
            let child = done.child.as_ref();
            let what = (done.tx, done.height, done.fee);
            self.confirmed(done.who, &done.name, "as its machine has it", what, child);
        }
        if let Some(plain) = lived.result {
            let (result, said) = self.workshop.origin.read(&self.workshop.job, plain);
            self.result = Some(result);
            let why = "each box opens to what the worker's commitment says";
            self.step(Role::Client, said, why)?;
        }
        self.sync()?;
        Ok(ended)
    }

    fn lived(&mut self, conduct: &Conduct) -> Result<Lived, PlayError> {
        let (rate, depth) = (self.rate(), self.options.depth);
        let policy = Policy {
            depth,
            confirm: 1,
            message: 1,
        };
        let mut room = Room::new();
        let parties = self.participants.values_mut().zip(self.records.each());
        for (participant, (role, record)) in parties {
            let signatures = participant.holdings.clone();
            let signatures = signatures.ok_or_else(|| PlayError::Broken("no holdings".into()))?;
            let contract = Contract::new(self.terms.clone(), self.graph.clone(), role, policy);
            let identity = match role {
                Role::Arbiter(_) => Some(participant.identity()?),
                _ => None,
            };
            let work = LifeWork {
                seed: participant.seed().clone(),
                own_salt: own_salt(participant.seed().expose()),
                key: participant.key()?,
                identity,
                signatures,
                job: (&self.workshop.job, self.workshop.origin.stage()),
                strategy: match role {
                    Role::Worker => conduct.strategy.clone(),
                    _ => Strategy::Honest,
                },
                admits: conduct.admits,
                seal_cost: self.options.seal_cost,
                bindings: Some(Box::new(record)),
            };
            let own = Own {
                log: MemoryLog::forgetful(),
                signer: LifeSigner::new(work, Box::new(MemoryBlobs::default())),
                publisher: Publisher::new(&mut participant.wallet, rate),
            };
            let contract = contract.map_err(LifeError::from)?;
            room.join(LifeParty::open(contract, own)?);
        }
        conduct.silent.iter().for_each(|role| room.silence(*role));
        let mut steps = Vec::new();
        let mut stood: Vec<(Role, &'static str)> = Vec::new();
        for _ in 0..MOST_BLOCKS {
            room.round(self.chain)?;
            let tip = self.chain.height()?;
            if std::env::var_os("LIFE_DEBUG").is_some() {
                eprintln!("tip {tip}: {:?} refused {:?}", room.parties().map(|p| (p.role().to_string(), p.standing(), p.changes())).collect::<Vec<_>>(), room.refused().len());
                for (f,t,w) in room.refused() { eprintln!("  {f} -> {t}: {w}"); }
            }
            let mut is_over = true;
            for party in room.parties() {
                let (role, now) = (party.role(), party.standing());
                let before = stood.iter().position(|(known, _)| *known == role);
                match before.and_then(|at| stood.get_mut(at)) {
                    Some((_, was)) if *was == now => {}
                    Some((_, was)) => {
                        steps.push((tip, role, format!("is {now} now, after {was}")));
                        *was = now;
                    }
                    None => stood.push((role, now)),
                }
                is_over &= matches!(now, "settled" | "decrypted" | "over");
            }
            if is_over {
                break;
            }
            if conduct.delivers
                && let Some(worker) = room.party_mut(Role::Worker)
                && worker.standing() == "committed"
            {
                // Refused once it is on its way.
                let letters = worker.order(Order::Deliver).unwrap_or_default();
                room.post(Role::Worker, letters);
            }
            self.chain.mine(1, &self.miner_script)?;
            for role in self.terms.roles() {
                if let Some(party) = room.party_mut(role) {
                    party.publisher_mut().wallet.sync(self.chain)?;
                }
            }
        }
        let client = room.party(Role::Client);
        let client = client.ok_or_else(|| PlayError::Broken("no client".into()))?;
        let paid: Vec<(Role, Paid)> = room
            .parties()
            .flat_map(|party| {
                let paid = party.publisher().paid.iter();
                paid.map(move |paid| (party.role(), paid.clone()))
            })
            .collect();
        let graph = &self.graph;
        let of = |node: NodeId, height: u32| {
            let txid: Option<Txid> = graph.txid(node);
            let found = paid.iter().find(|(_, paid)| paid.node == Some(node));
            let (who, paid) = found
                .ok_or_else(|| PlayError::Broken(format!("{txid:?} was published by nobody")))?;
            let name = graph.node(node).map(|node| node.name);
            Ok(Confirmed {
                who: *who,
                name: name.ok_or_else(|| PlayError::Broken("no such transaction".into()))?,
                height,
                tx: paid.tx.clone(),
                fee: paid.fee,
                child: paid.child.clone(),
            })
        };
        let path = client.book().facts().path.iter();
        let path = path.filter(|(node, _)| *node != TxGraph::FUNDING);
        let path = path.map(|(node, height)| of(*node, *height));
        let rows = room.parties().filter_map(|party| party.signer().row());
        Ok(Lived {
            path: path.collect::<Result<_, PlayError>>()?,
            steps,
            row: rows.last(),
            result: client.result()?,
            traffic: room.traffic(),
        })
    }
}
