//! What a contract does once its funding is buried: its party, as plays have it, with the wallet, record and jobs of this node.

mod bundles;
mod doubts;
mod said;
mod shown;

use std::{
    cell::{Cell, RefCell, RefMut},
    collections::BTreeMap,
    rc::Rc,
};

use narthex::{
    bitcoin::{BlockHash, hashes::sha256},
    channel::{
        StepError,
        contract::{Contract as About, ContractSeatError, Done, NextMove, Order, Policy as Pace},
        follow::MAX_REORG_BLOCKS,
        log::Identity,
        offer::Offer,
        setup::Phase,
    },
    contracts::{
        binding::{BindError, Bindings, Mark},
        depth::Depth,
        derive::OwnSalt,
        graph::{NodeName, TxGraph},
        terms::{Role, TermsRecord, salt_mark},
    },
    game_model::{play::Strategy, ruling::Row, token::SealCost},
    life::{
        FeeWallet, Held, Letter, LifeError, LifeParty, LifeSigner, LifeWork, Own as Begins,
        PaperWork, Publisher, Purse, Sight,
    },
    regtest::NodeAccess,
};

use super::{
    Core, Fatal, Note, Own, Reply,
    command::{Answer, refused},
    contract::{Contract, short},
    keep,
};

pub use doubts::{follow_anew, go_by_peers};
pub(super) use said::Told;

/// The wallet that all contracts of this node share.
struct Shared(Rc<RefCell<Own>>);

impl Purse for Shared {
    fn wallet(&mut self) -> Held<'_> {
        Box::new(RefMut::map(self.0.borrow_mut(), |own| {
            let wallet: &mut dyn FeeWallet = &mut own.wallet;
            wallet
        }))
    }
}

impl Bindings for Shared {
    fn bind(&mut self, mark: Mark, id: [u8; 32]) -> Result<(), BindError> {
        self.0.borrow_mut().bindings.bind(mark, id)
    }

    fn bound(&self, mark: &Mark) -> Option<[u8; 32]> {
        self.0.borrow().bindings.bound(mark)
    }

    fn settle(&mut self) -> Result<(), BindError> {
        self.0.borrow_mut().bindings.settle()
    }
}

/// A next move, with the height of the tip and the length of the log that it was reckoned from.
type Reckoned = ((u32, u64), Option<NextMove>);

/// A contract whose funding is buried.
pub(super) struct Life {
    pub(super) party: LifeParty<'static>,
    /// The tip that it has seen.
    looked: Option<BlockHash>,
    /// The tip, and the length of its log, as it was when it published what was due.
    published: Option<(BlockHash, u64)>,
    /// What it publishes next, as it was reckoned last.
    next: Cell<Option<Reckoned>>,
    /// The bundle of the case that this arbiter has ruled on, or none, as it was drawn up on the branch that ends with this block.
    pub(super) bundle: Option<(BlockHash, Option<Vec<u8>>)>,
    /// By which row an arbiter's bundle rules, once one was drawn up.
    pub(super) row: Option<Row>,
    /// Why it was silent at the last look, as an arbiter that could not judge.
    silent: Option<String>,
}

/// What an arbiter's own stake is called among what is due.
pub(super) const STAKE: &str = "stake";

pub(super) fn life_log(id: [u8; 32]) -> Identity {
    Identity::new("contract", id)
}

/// Where it stands how far the chain was read for a contract.
pub(super) fn follow_log(id: [u8; 32]) -> Identity {
    Identity::new(FOLLOWED, id)
}

const FOLLOWED: &str = "followed";

/// The life of a contract, where there is one.
fn life_of<'c>(
    contracts: &'c mut BTreeMap<[u8; 32], Contract>,
    id: &[u8; 32],
) -> Option<&'c mut Life> {
    contracts.get_mut(id)?.life.as_mut()
}

/// The salt of a party's part, which its secrets of this contract follow from.
fn salt(record: &TermsRecord, role: Role) -> Option<OwnSalt> {
    Some(OwnSalt::from_bytes(*salt_in(record, role)?.as_ref()))
}

/// What stands in terms as this party's salt.
fn salt_in(record: &TermsRecord, role: Role) -> Option<sha256::Hash> {
    Some(match role {
        Role::Client => record.client.salt,
        Role::Worker => record.worker.salt,
        Role::Verifier => record.verifier.salt,
        Role::Arbiter(seat) => record.arbiters.get(usize::from(seat))?.salt,
    })
}

/// In a word, for the operator.
const fn word(done: &Done) -> &'static str {
    match done {
        Done::Committed { .. } => "the work is done and committed to",
        Done::Signed(_) => "its next item is signed",
        Done::Opened { .. } => "steps are opened",
        Done::Found(_) => "what came was looked at",
        Done::Audited(_) => "what was drawn by oneself was looked at",
        Done::Acknowledged { .. } => "a receipt is given",
        Done::NotReceived { .. } => "something is not what it is said to be",
        Done::Approved(_) => "the result is approved",
        Done::Passed(_) => "the settlement is passed on",
        Done::False => "what came as a signature is none",
        Done::Pleaded(_) => "evidence is put together",
        Done::Showing(_) => "the result secret is about to be shown",
        Done::EndingAnnounced(_) => "an ending is being signed",
        Done::EndingSigned { .. } => "the own share of an ending is signed",
        Done::EndingWhole { .. } => "an ending is signed by all three",
        Done::EndingVoid => "an attempt at an ending has failed",
        Done::EndingShowing => "the result secret is about to be shown",
        Done::Ruled(_) => "the case is ruled on",
        Done::Fixed { .. } => "the ruling is fixed, and the others are asked what they have of it",
        Done::Attested(_) => "the ruling is attested",
        // Of research: no node lives such a contract.
        Done::Rejected(_) => "the result is rejected",
        Done::Revealed(_) => "the share of the panel's secret is shown",
        Done::Decrypted { .. } => "the result is decrypted",
    }
}

impl Core {
    /// Lets a contract live: begins it when its funding is buried, shows it the chain, and publishes what is due.
    pub(super) fn live(
        &mut self,
        id: [u8; 32],
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let Some(contract) = self.contracts.get(&id) else {
            return Ok(());
        };
        if contract.phase() != Some(Phase::Live) || contract.again_ms > self.now.ms {
            return Ok(());
        }
        if contract.life.is_none() {
            // After a start its job is looked at first.
            let offer = contract.offer.machine().offer();
            let comes = |offer: &Offer| {
                !self.jobs.has(&offer.job) && self.job_comes(&offer.bundle, &offer.job)
            };
            if offer.is_some_and(comes) {
                return Ok(());
            }
            match self.open_life(id)? {
                Ok(letters) => self.send_letters(id, letters)?,
                Err(error) => return self.life_failed(id, error),
            }
            self.look(id, tip.1, chain)?;
            // Whoever has not seen the chain does not know when it heard something: it is opened anew once the chain answers.
            if let Some(contract) = self.contracts.get_mut(&id)
                && contract
                    .life
                    .as_ref()
                    .is_some_and(|life| life.looked.is_none())
            {
                contract.life = None;
                return Ok(());
            }
            // What came before it lived, or while something of this computer's failed; and what it alone has for others.
            let mut due = self.waiting_for(&id);
            due.extend(self.refills(&id));
            self.outcomes(due)?;
        } else {
            self.look(id, tip.1, chain)?;
        }
        self.publish_due(id, tip.1, chain)
    }

    fn open_life(&mut self, id: [u8; 32]) -> Result<Result<Vec<Letter>, LifeError>, Fatal> {
        let order = |what| Ok(Err(LifeError::Order(what)));
        let log = self.store.open(&life_log(id))?;
        let followed = self.store.open(&follow_log(id))?;
        let (own, journal) = (Rc::clone(&self.own), Rc::clone(&self.journal));
        let forgotten = Rc::clone(&journal);
        let Some(contract) = self.contracts.get_mut(&id) else {
            return order("a contract");
        };
        let (offer, role) = (contract.offer.machine().offer().cloned(), contract.me());
        let (Some(offer), Some(role), Some(seat)) = (offer, role, contract.seat.as_mut()) else {
            return order("a set-up");
        };
        let machine = seat.machine().clone();
        let signatures = match seat.signer_mut().signatures(&machine) {
            Ok(Some(signatures)) => signatures.clone(),
            Ok(None) => return order("signatures"),
            Err(error) => {
                let why = error.to_string();
                contract.fail(why, self.now.ms);
                return order("signatures that can be read");
            }
        };
        let (terms, graph) = (signatures.terms().clone(), signatures.graph().clone());
        // Where its own wallet does not see the funding now, it may come again on another branch, and lower.
        let funding = graph.txid(TxGraph::FUNDING);
        let seen = funding.and_then(|txid| own.borrow().wallet.confirmed_at(txid));
        let live = machine.live().unwrap_or_default();
        let since = seen.unwrap_or(live.saturating_sub(MAX_REORG_BLOCKS));
        let sight = Sight::open(followed, since)?;
        let (job, own_salt) = (self.jobs.stage(&offer.job), salt(terms.record(), role));
        let is_arbiter = matches!(role, Role::Arbiter(_));
        let accept = contract.offer.machine().accept(role.into());
        let accept = accept.filter(|_| is_arbiter).copied();
        let (key, identity) = {
            let own = own.borrow();
            let identity = accept.and_then(|accept| own.identity(&accept));
            (own.contract_key(&id), identity)
        };
        let (Some(job), Some(own_salt), Some(key)) = (job, own_salt, key) else {
            return order("its job, and a key");
        };
        // A record that does not know of the contract's own salt is not the one that this disk had: what was ruled may be forgotten too.
        let is_doubted = self.doubted.contains(&id);
        let has_forgotten = is_arbiter && {
            let salt = salt_in(terms.record(), role);
            salt.is_some_and(|salt| own.borrow().bindings.bound(&salt_mark(&salt)).is_none())
        };
        // Nothing is shown for a block that is not two deep, however shallow the offer says that it may be.
        let depth = Depth::new(offer.timing.burial).unwrap_or(Depth::LEAST);
        let pace = Pace {
            depth,
            confirm: self.policy.confirm,
            message: self.policy.message,
        };
        let about = match About::new(terms, graph, role, pace) {
            Ok(about) => about,
            Err(error) => return Ok(Err(error.into())),
        };
        let blobs = match self.store.blobs(&id) {
            Ok(blobs) => blobs,
            Err(error) => return Ok(Err(error.into())),
        };
        let name = short(&id);
        let work = LifeWork {
            seed: own.borrow().seed.clone(),
            own_salt,
            key,
            identity,
            signatures,
            since,
            job,
            is_aside: self.policy.is_aside,
            strategy: Strategy::Honest,
            admits: true,
            seal_cost: SealCost::CONTRACT,
            judge: self.policy.judge.clone(),
            bindings: Some(Box::new(Shared(Rc::clone(&own)))),
            paper: PaperWork::default(),
            watch: Some(Box::new(move |done, ruled| {
                let row = ruled.and_then(|(row, why)| Some(format!(": {:?}, {why}", (*row)?)));
                let row = row.unwrap_or_default();
                let words = format!("{name}: {}{row}", word(done));
                let contract = Some(id);
                journal.borrow_mut().push(Note { contract, words });
            })),
        };
        let begins = Begins {
            log,
            signer: LifeSigner::seeing(work, blobs, sight),
            publisher: Publisher::new(Shared(own), offer.rate).up_to(self.policy.max_rate),
        };
        let lives = LifeParty::open(about, begins).and_then(|(mut party, mut letters)| {
            if has_forgotten || (is_doubted && is_arbiter) {
                letters.extend(party.put_back()?);
                let why = match has_forgotten {
                    true => "the record of bindings knows nothing of it",
                    false => "the store may lack what happened in it",
                };
                let words = format!(
                    "{}: {why}; what was ruled is asked of the others",
                    short(&id)
                );
                let contract = Some(id);
                forgotten.borrow_mut().push(Note { contract, words });
            }
            contract.trouble = None;
            contract.life = Some(Life {
                party,
                looked: None,
                published: None,
                next: Cell::default(),
                bundle: None,
                row: None,
                silent: None,
            });
            Ok(letters)
        });
        if is_doubted && lives.is_ok() {
            self.end_doubt(&id)?;
        }
        Ok(lives)
    }

    /// Shows it the chain, if that has another tip than at the last look, or if work waits.
    fn look(
        &mut self,
        id: [u8; 32],
        tip: BlockHash,
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let life = life_of(&mut self.contracts, &id);
        let Some(life) = life.filter(|l| l.looked != Some(tip) || l.party.is_waiting()) else {
            return Ok(());
        };
        let before = life.party.standing();
        match life.party.look(chain) {
            Ok(letters) => {
                life.looked = Some(tip);
                let after = life.party.standing();
                if before != after {
                    self.note_of(id, format_args!("{}: {after}", short(&id)));
                }
                self.say_silence(id);
                self.draw_up(id, chain);
                self.send_letters(id, letters)
            }
            Err(error) => self.life_failed(id, error),
        }
    }

    /// That an arbiter rules on nothing although it was asked to, its operator must hear of: it costs its stake.
    fn say_silence(&mut self, id: [u8; 32]) {
        let Some(contract) = self.contracts.get_mut(&id) else {
            return;
        };
        let Some(life) = &mut contract.life else {
            return;
        };
        let found = life.party.signer().silent().cloned();
        let silent = found.as_ref().map(ToString::to_string);
        if life.silent != silent {
            life.silent.clone_from(&silent);
            contract.trouble.clone_from(&silent);
            if let Some((why, found)) = silent.zip(found) {
                self.tally.silent(found.why);
                self.note_of(id, format_args!("{}: {why}", short(&id)));
            }
        }
    }

    /// Publishes what is due: at each tip, and whenever something new is due.
    fn publish_due(
        &mut self,
        id: [u8; 32],
        tip: BlockHash,
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let Some(life) = life_of(&mut self.contracts, &id) else {
            return Ok(());
        };
        let before = (tip, life.party.changes());
        let has_due = !life.party.on_chain().is_empty() || life.party.stake_due().is_some();
        if life.published == Some(before) || !has_due {
            return Ok(());
        }
        // What is durable alone leaves, and that a secret is about to be shown is durable before it is.
        let resolved = life.party.resolve(chain);
        keep(&mut self.wallet, &self.own, &mut *self.store)?;
        let published = resolved.and_then(|resolved| resolved.publish(chain));
        life.published = Some((tip, life.party.changes()));
        let refused = life.party.publisher().refused.iter();
        let refused: Vec<_> = refused.map(|refused| refused.why.to_string()).collect();
        let due: Vec<_> = life.due().into_iter().map(|due| due.name).collect();
        for why in refused {
            self.note_of(id, format_args!("{}: not published yet: {why}", short(&id)));
        }
        match published {
            Ok(false) => Ok(()),
            Ok(true) => {
                self.note_of(
                    id,
                    format_args!("{}: published: {}", short(&id), due.join(", ")),
                );
                Ok(())
            }
            // It is tried again with the next block.
            Err(error) => {
                self.note_of(id, format_args!("{}: not published: {error}", short(&id)));
                Ok(())
            }
        }
    }

    /// Does what the operator orders.
    pub(super) fn life_ordered(
        &mut self,
        id: [u8; 32],
        order: Order,
    ) -> Result<Result<(), String>, Fatal> {
        let Some(life) = life_of(&mut self.contracts, &id) else {
            return Ok(Err("it is not funded, or not ready yet".into()));
        };
        match life.party.order(order) {
            Ok(letters) => {
                self.send_letters(id, letters)?;
                Ok(Ok(()))
            }
            Err(error) => {
                let why = error.to_string();
                if !is_refusal(&error) {
                    self.life_failed(id, error)?;
                }
                Ok(Err(why))
            }
        }
    }

    /// Name of the transaction whose coin an ending would spend.
    pub(super) fn spent_by_ending(&self, id: &[u8; 32]) -> Option<NodeName> {
        let life = self.contracts.get(id)?.life.as_ref()?;
        let book = life.party.book();
        let (last, _) = book.facts().last()?;
        Some(book.contract().graph().node(last)?.name)
    }

    /// Something of this computer's failed: what is not durable is forgotten, and the contract goes on from its log later.
    fn life_failed(&mut self, id: [u8; 32], error: LifeError) -> Result<(), Fatal> {
        self.tell_journal();
        let why = error.to_string();
        match error {
            // Nothing was taken.
            LifeError::Chain(_) | LifeError::Follow(_) => {}
            LifeError::Silent(silent) => {
                self.tally.silent(silent.why);
                self.end_life(id, &why);
            }
            LifeError::Sight(error) => return Err(error.into()),
            LifeError::Log(error) => return Err(error.into()),
            LifeError::Seat(error) => match *error {
                ContractSeatError::Log(StepError::Log(error)) => return Err(error.into()),
                ContractSeatError::Open(error) => return Err(error.into()),
                _ => self.end_life(id, &why),
            },
            _ => self.end_life(id, &why),
        }
        self.note_of(id, format_args!("{}: {why}", short(&id)));
        Ok(())
    }

    fn end_life(&mut self, id: [u8; 32], why: &str) {
        let ms = self.now.ms;
        if let Some(contract) = self.contracts.get_mut(&id) {
            contract.life = None;
            contract.trouble = Some(why.to_owned());
            contract.again_ms = ms.saturating_add(super::contract::AGAIN_MS);
        }
    }
}

fn is_refusal(error: &LifeError) -> bool {
    matches!(error, LifeError::Seat(seat) if matches!(**seat, ContractSeatError::Refused(_)))
}
