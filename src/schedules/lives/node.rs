//! One party of a life: its disk, and its process while that runs.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use narthex_channel::{
    Logged, StepError,
    contract::{
        Book, Checking, Contract, ContractMachine, ContractSeatError, Done, Judging, Paying, Side,
        Working,
    },
    log::{FailingLog, Fault, Identity, Log as _, MemoryDisk, MemoryLog},
};
use narthex_contracts::{
    binding::{BindError, Bindings, Mark, MemoryBindings},
    terms::{FeeRate, Role},
};
use narthex_game_model::{Ruling, play::Strategy, ruling::Row, token::SealCost};

use super::{
    flaw::{Flawed, LifeFlaw},
    pool::{PoolError, Ready},
    purse::SimPurse,
    villain::Villain,
};
use crate::{
    life::{
        Letter, LifeError, LifeParty, LifeSigner, LifeWork, MemoryBlobs, Own, PaperWork, Publisher,
    },
    play::cheat::{Cheats, Crook, SharedCheats},
};

/// Fee rate that everybody begins with.
const RATE: FeeRate = FeeRate::from_sat_per_kwu(500);

/// What an arbiter found.
#[derive(Clone, Debug)]
pub(super) struct Ruled {
    pub(super) by: Role,
    pub(super) ruling: Ruling,
    pub(super) row: Row,
    pub(super) reason: String,
}

pub(super) type Rulings = Rc<RefCell<Vec<Ruled>>>;

/// A record of what was bound that outlives the process.
#[derive(Clone, Default)]
struct Record(Rc<RefCell<MemoryBindings>>);

impl Bindings for Record {
    fn bind(&mut self, mark: Mark, id: [u8; 32]) -> Result<(), BindError> {
        self.0.borrow_mut().bind(mark, id)
    }

    fn bound(&self, mark: &Mark) -> Option<[u8; 32]> {
        self.0.borrow().bound(mark)
    }
}

/// How something ended that a process did.
pub(super) enum Took<T> {
    Done(T),
    /// The process was killed while it wrote.
    Killed,
    /// It cannot go on.
    Failed(String),
}

pub(super) fn took<T>(what: Result<T, LifeError>) -> Took<T> {
    match what {
        Ok(done) => Took::Done(done),
        Err(LifeError::Seat(error)) => match *error {
            ContractSeatError::Log(StepError::Log(_)) => Took::Killed,
            other => Took::Failed(other.to_string()),
        },
        Err(other) => Took::Failed(other.to_string()),
    }
}

/// A party. Its disk outlives its processes.
pub(super) struct LifeNode {
    pub(super) role: Role,
    contract: Contract,
    disk: MemoryDisk,
    blobs: MemoryBlobs,
    record: Record,
    pub(super) purse: SimPurse,
    pub(super) party: Option<LifeParty<'static>>,
    rulings: Rulings,
    /// It stays away until the chain has this height.
    pub(super) away_until: u32,
    /// It hears and sends nothing until then.
    pub(super) cut_until: u32,
    /// It was away longer than anybody counts on.
    pub(super) is_gone: bool,
    pub(super) villain: Option<Villain>,
    pub(super) cheats: Option<SharedCheats>,
    flaw: Option<LifeFlaw>,
}

impl LifeNode {
    pub(super) fn new(
        (ready, role): (&Ready, Role),
        villain: Option<Villain>,
        flaw: Option<LifeFlaw>,
        rulings: Rulings,
    ) -> Result<LifeNode, PoolError> {
        let missing = || PoolError::none(role);
        let flaw = flaw.filter(|_| villain.is_none());
        let known = ready.contracts.get(&role).ok_or_else(missing)?;
        let contract = match flaw {
            None => known.clone(),
            Some(flaw) => known.read_by(flaw.policy(known.policy())),
        };
        let wallet = ready.wallets.get(&role).ok_or_else(missing)?;
        let cheats = villain.as_ref().and_then(|villain| villain.cheat);
        let cheats = cheats.map(|cheat| {
            let cheats = Cheats::shared([(role, cheat)].into(), "");
            cheats.borrow_mut().token = ready.token();
            cheats
        });
        Ok(LifeNode {
            role,
            contract,
            disk: MemoryDisk::default(),
            blobs: MemoryBlobs::default(),
            record: Record::default(),
            purse: SimPurse::new(wallet.clone()),
            party: None,
            rulings,
            away_until: 0,
            cut_until: 0,
            is_gone: false,
            villain,
            cheats,
            flaw,
        })
    }

    pub(super) const fn is_up(&self) -> bool {
        self.party.is_some()
    }

    /// Whether what the contract promises the honest is promised to it.
    pub(super) const fn is_bound(&self) -> bool {
        self.villain.is_none() && !self.is_gone
    }

    /// Whether its disk was put back while there was a case that it had not attested in: it attests with answers of more than half of the
    /// others, or not at all, and loses its stake for that.
    pub(super) fn is_put_back(&self) -> bool {
        let put_back = |book: &Book| book.once().is_put_back();
        match &self.party {
            Some(party) => put_back(party.book()),
            None => self.kept_book().is_ok_and(|book| put_back(&book)),
        }
    }

    fn log(&self) -> Result<MemoryLog, LifeError> {
        let id = u8::try_from(self.role.index()).unwrap_or(u8::MAX);
        Ok(self.disk.open(&Identity::new("contract", [id; 32]))?)
    }

    /// Starts the process. `kill` is after how many writes it is killed, and on which side of that one.
    pub(super) fn start(&mut self, ready: &Ready, kill: Option<(u32, Fault)>) -> Took<Vec<Letter>> {
        self.party = None;
        took(self.open(ready, kill))
    }

    fn open(
        &mut self,
        ready: &Ready,
        kill: Option<(u32, Fault)>,
    ) -> Result<Vec<Letter>, LifeError> {
        let (at, fault) = kill.unwrap_or((u32::MAX, Fault::Before));
        let log = FailingLog::new(self.log()?, at, fault);
        let held = ready.signatures.get(&self.role).cloned();
        let (seed, own_salt) = ready.secret(self.role);
        let (villain, rulings, by) = (&self.villain, self.rulings.clone(), self.role);
        let work = LifeWork {
            seed,
            own_salt,
            key: ready.key(self.role),
            identity: ready.identity(self.role),
            signatures: held.ok_or(LifeError::Order("signatures"))?,
            since: ready.since(),
            job: (ready.job.clone(), 0),
            is_aside: false,
            strategy: villain
                .as_ref()
                .map_or(Strategy::Honest, |v| v.works.clone()),
            admits: villain.as_ref().is_none_or(|v| v.admits),
            seal_cost: SealCost::TRIFLING,
            judge: None,
            bindings: Some(Box::new(self.record.clone())),
            paper: PaperWork::default(),
            watch: Some(Box::new(move |done, ruled| {
                if let (Done::Ruled(ruling), Some((Some(row), reason))) = (done, ruled) {
                    rulings.borrow_mut().push(Ruled {
                        by,
                        ruling: *ruling,
                        row: *row,
                        reason: reason.clone(),
                    });
                }
            })),
        };
        let signer = LifeSigner::new(work, Box::new(self.blobs.clone()))?;
        let publisher = Publisher::new(self.purse.clone(), RATE);
        let contract = self.contract.clone();
        let cheat = villain.as_ref().and_then(|villain| villain.cheat);
        let (party, letters) = match (cheat.zip(self.cheats.clone()), self.flaw) {
            (Some((cheat, cheats)), _) => {
                let signer = Crook::new(signer, cheat, cheats);
                let own = Own {
                    log,
                    signer,
                    publisher,
                };
                LifeParty::open_by(contract, own)?
            }
            (None, Some(flaw)) => {
                let signer = Flawed::new(signer, flaw);
                let own = Own {
                    log,
                    signer,
                    publisher,
                };
                LifeParty::open_by(contract, own)?
            }
            (None, None) => {
                let own = Own {
                    log,
                    signer,
                    publisher,
                };
                LifeParty::open(contract, own)?
            }
        };
        self.party = Some(party);
        Ok(letters)
    }

    /// An adversary begins anew: with what it holds since the set-up, and nothing of what was said.
    pub(super) fn begin_anew(&mut self) {
        self.party = None;
        self.disk = MemoryDisk::default();
        self.blobs = MemoryBlobs::default();
    }

    /// Ends the process at once. Whether its log alone gives back what it knew.
    pub(super) fn kill(&mut self) -> Result<bool, LifeError> {
        let Some(party) = self.party.take() else {
            return Ok(true);
        };
        let book = party.book().clone();
        drop(party);
        Ok(self.kept_book()? == book)
    }

    fn replayed<S: Side>(&self) -> Result<Book, LifeError> {
        let machine = ContractMachine::<S>::new(self.contract.clone())?;
        let logged = Logged::open(machine, self.log()?);
        let logged = logged.map_err(|_| LifeError::Order("a log that reads back"))?;
        Ok(logged.machine().book().clone())
    }

    /// What its log alone tells.
    fn kept_book(&self) -> Result<Book, LifeError> {
        match self.role {
            Role::Client => self.replayed::<Paying>(),
            Role::Worker => self.replayed::<Working>(),
            Role::Verifier => self.replayed::<Checking>(),
            Role::Arbiter(_) => self.replayed::<Judging>(),
        }
    }

    /// Its disk is from now on as it was so many writes ago, long things too: how many entries are left, if there were as many.
    pub(super) fn roll_back(&mut self, writes: usize) -> Result<Option<u64>, LifeError> {
        self.party = None;
        let mut log = self.log()?;
        let mut entries = Vec::new();
        let count = log.read(&mut |_, entry| entries.push(entry.to_vec()))?;
        let Some(left) = entries.len().checked_sub(writes) else {
            return Ok(None);
        };
        entries.truncate(left);
        log.replace(count, &entries)?;
        // A copy of a machine has its record of rulings too. What a litigant's record has is of endings, whose nonces are drawn.
        if matches!(self.role, Role::Arbiter(_)) {
            self.record = Record::default();
        }
        drop(log);
        let book = self.kept_book()?;
        let papers = book.papers();
        let brought = papers
            .brought()
            .iter()
            .map(|part| &part.brought.receipt.item);
        let named = papers.boxes().into_iter().chain(papers.openings());
        let named = named.chain(brought).chain(book.pleaded()).copied();
        let decrypted = book.decrypted().and_then(|(_, result)| result);
        let named: BTreeSet<_> = named.chain(decrypted).collect();
        self.blobs.retain(|hash| named.contains(hash));
        Ok(Some(left as u64))
    }
}
