//! One party of a contract as it runs: its machine, the log of it, and whoever does its work.

use std::{cell::OnceCell, collections::VecDeque};

use narthex_base::codec::Message;
use narthex_contracts::{graph::NodeId, terms::Role};
use narthex_game_model::commitment::Opening;

use super::{
    Blob, Book, Contract, ContractEffect, ContractInput, ContractMachine, ContractMessage,
    ContractRefusal, Done, Evidence, EvidencePart, NextMove, Parcel, PartSaid, Piece, Said, Side,
    Task, Unfit, blob_hash,
};
use crate::{Logged, Machine, OpenError, StepError, log::Log};

/// What a contract asks of who has the keys, the job, the blobs and the chain.
pub trait ContractSigner {
    /// Why it cannot go on. Never what a peer sent: that is a [`Done`].
    type Error;

    /// Does a piece of work; `None` if it cannot be done yet, and is asked for again with the next block.
    ///
    /// # Errors
    /// This computer's, or this program's.
    fn work(&mut self, task: Task, book: &Book) -> Result<Option<Done>, Self::Error>;

    /// Makes a long thing durable, by its [`blob_hash`].
    ///
    /// # Errors
    /// This computer's.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// A long thing that was kept.
    ///
    /// # Errors
    /// This computer's: it is gone.
    fn kept(&mut self, hash: &[u8; 32]) -> Result<Vec<u8>, Self::Error>;
}

/// What is left to do for whoever has sockets and a wallet. Doing it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractErrand {
    /// Send a message.
    Send {
        /// To whom.
        to: Role,
        /// What.
        message: Box<ContractMessage>,
    },
    /// Publish a transaction of the graph ([`ContractEffect::Publish`]).
    Publish {
        /// Which.
        node: NodeId,
        /// Last height at which it is surely in time.
        until: Option<u32>,
    },
    /// Record the root ([`ContractEffect::Record`]).
    Record {
        /// Last height at which it counts.
        until: u32,
    },
    /// Publish the ending that was agreed on ([`ContractEffect::PublishEnding`]).
    PublishEnding {
        /// Last height at which it is surely in time.
        until: Option<u32>,
    },
}

/// Why a seat does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractSeatError<E> {
    /// The input was refused, and changed nothing.
    #[error(transparent)]
    Refused(ContractRefusal),
    /// It may not be durable. The fault of this computer.
    #[error("{0}")]
    Log(StepError<ContractRefusal>),
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is another party's seat. The caller's fault.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// Whoever does its work cannot go on.
    #[error("{0}")]
    Signer(E),
    /// The machine does not take what own work gave. The fault of this program. What was taken before it is durable.
    #[error("own work: {0}")]
    Work(ContractRefusal),
    /// What is to be sent is not among the papers. The fault of this program.
    #[error("{0} is to be sent and is not there")]
    Missing(&'static str),
    /// It failed before, so that what is to be done is not known here: open its log again.
    #[error("it failed before; open its log again")]
    Broken,
}

/// One party of a contract. Whoever is killed opens its log again.
#[derive(Debug)]
pub struct ContractSeat<M: Side, S, L> {
    logged: Logged<ContractMachine<M>, L>,
    signer: S,
    /// Work that cannot be done before the next block.
    waiting: Vec<Task>,
    /// What is to be done as it stands, reckoned when it is asked for.
    pending: OnceCell<Vec<ContractEffect>>,
    /// Tip that it was shown last; 0 before any.
    tip: u32,
    is_broken: bool,
}

type Errands<E> = Result<Vec<ContractErrand>, ContractSeatError<E>>;

impl<M: Side, S: ContractSigner, L: Log> ContractSeat<M, S, L> {
    /// Takes its seat: a new one, or one that was left by a process that ended.
    ///
    /// # Errors
    /// [`ContractSeatError`].
    pub fn open(
        contract: Contract,
        log: L,
        signer: S,
    ) -> Result<(Self, Vec<ContractErrand>), ContractSeatError<S::Error>> {
        let logged = Logged::open(ContractMachine::new(contract)?, log)?;
        let mut seat = ContractSeat {
            logged,
            signer,
            waiting: Vec::new(),
            pending: OnceCell::new(),
            tip: 0,
            is_broken: false,
        };
        let errands = seat.again()?;
        Ok((seat, errands))
    }

    /// All that is to be done as it stands, again: at a start, and with each block what has to be published.
    ///
    /// # Errors
    /// As [`Self::take`], but for refusals.
    pub fn again(&mut self) -> Errands<S::Error> {
        self.waiting.clear();
        let pending = self.pending().to_vec();
        self.carry_out(pending.into())
    }

    /// Takes an input, does all own work that follows, and says what is left to do.
    ///
    /// # Errors
    /// [`ContractSeatError::Refused`], if nothing has happened; others if what happened is to be read from the log again: this
    /// seat takes nothing more.
    pub fn take(&mut self, input: &ContractInput) -> Errands<S::Error> {
        if self.is_broken {
            return Err(ContractSeatError::Broken);
        }
        let effects = self.step(input)?;
        if let ContractInput::Chain(view) = input {
            self.tip = view.tip;
        }
        let mut due: VecDeque<_> = effects.into();
        if matches!(input, ContractInput::Chain(_)) {
            let waiting = std::mem::take(&mut self.waiting);
            due.extend(waiting.into_iter().map(ContractEffect::Task));
        }
        self.carry_out(due)
    }

    /// Takes a message of another party's. Long things in it are durable before the machine takes note of them, and only if it
    /// does: what it refuses, or has already, fills no disk.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn hear(&mut self, from: Role, message: ContractMessage) -> Errands<S::Error> {
        if self.is_broken {
            return Err(ContractSeatError::Broken);
        }
        let said = said(message, self.tip);
        let (what, long) = said.map_err(ContractSeatError::Refused)?;
        let input = ContractInput::Said { from, what };
        if let Some(bytes) = long {
            let step = self.logged.machine().step(&input);
            if !step.map_err(ContractSeatError::Refused)?.changes.is_empty() {
                self.signer
                    .keep(&bytes)
                    .map_err(ContractSeatError::Signer)?;
            }
        }
        self.take(&input)
    }

    /// Takes an own message back that this disk has forgotten ([`ContractInput::Recalled`]).
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn recall(&mut self, message: ContractMessage) -> Errands<S::Error> {
        let (what, _) = said(message, self.tip).map_err(ContractSeatError::Refused)?;
        self.take(&ContractInput::Recalled(what))
    }

    fn step(
        &mut self,
        input: &ContractInput,
    ) -> Result<Vec<ContractEffect>, ContractSeatError<S::Error>> {
        let before = self.logged.changes();
        let stepped = self.logged.step(input);
        if self.logged.changes() != before {
            self.pending = OnceCell::new();
        }
        stepped.map_err(|error| match error {
            StepError::Refused(refusal) => ContractSeatError::Refused(refusal),
            other => ContractSeatError::Log(other),
        })
    }

    /// It follows from what the machine knows, and is asked for between changes again and again.
    fn pending(&self) -> &[ContractEffect] {
        self.pending.get_or_init(|| self.logged.pending())
    }

    fn carry_out(&mut self, due: VecDeque<ContractEffect>) -> Errands<S::Error> {
        let errands = self.work(due);
        self.is_broken = errands.is_err();
        errands
    }

    fn work(&mut self, mut due: VecDeque<ContractEffect>) -> Errands<S::Error> {
        let mut errands = Vec::new();
        while let Some(effect) = due.pop_front() {
            // What came of the work before may have settled it.
            if !self.pending().contains(&effect) {
                continue;
            }
            match effect {
                ContractEffect::Publish { node, until } => {
                    errands.push(ContractErrand::Publish { node, until });
                }
                ContractEffect::PublishEnding { until } => {
                    errands.push(ContractErrand::PublishEnding { until });
                }
                ContractEffect::Record { until } => errands.push(ContractErrand::Record { until }),
                ContractEffect::Send { to, what } => {
                    for message in self.parcel(what)? {
                        errands.extend(to.iter().map(|party| ContractErrand::Send {
                            to: party.into(),
                            message: Box::new(message.clone()),
                        }));
                    }
                }
                ContractEffect::Task(task) => {
                    let done = self.signer.work(task, self.logged.machine().book());
                    match done.map_err(ContractSeatError::Signer)? {
                        None => self.waiting.push(task),
                        Some(done) => {
                            let next = self.step(&ContractInput::Done(done));
                            due.extend(next.map_err(|error| match error {
                                ContractSeatError::Refused(refusal) => {
                                    ContractSeatError::Work(refusal)
                                }
                                other => other,
                            })?);
                        }
                    }
                }
            }
        }
        Ok(errands)
    }

    /// The messages of a parcel, as they are sent: the same bytes each time.
    ///
    /// # Errors
    /// [`ContractSeatError::Missing`], [`ContractSeatError::Signer`] if it is not here.
    pub fn parcel(
        &mut self,
        what: Parcel,
    ) -> Result<Vec<ContractMessage>, ContractSeatError<S::Error>> {
        let book = self.logged.machine().book();
        let papers = book.papers();
        let piece = |piece| vec![ContractMessage::Piece(piece)];
        let missing = |what| ContractSeatError::Missing(what);
        Ok(match what {
            Parcel::Item(id) => {
                let contract = book.contract().id();
                let mut items = papers.items().iter();
                let signed = items.find(|signed| signed.item.id(contract) == id);
                piece(Piece::Item(
                    signed.ok_or_else(|| missing("an item"))?.clone(),
                ))
            }
            Parcel::Commitment => {
                let shown = papers.bare.ok_or_else(|| missing("a commitment"))?;
                piece(Piece::Commitment(Box::new(shown)))
            }
            Parcel::Receipt(thing) => {
                let given = papers.given(thing).ok_or_else(|| missing("a receipt"))?;
                piece(Piece::Receipt(*given))
            }
            Parcel::Boxes(hash) => piece(Piece::Boxes(self.kept(&hash)?)),
            Parcel::Opening(hash) => {
                let opening = Opening::from_bytes(&self.kept(&hash)?);
                let opening = opening.map_err(|_| missing("an opening"))?;
                piece(Piece::Opening(Box::new(opening)))
            }
            Parcel::Evidence(hash) => {
                let signed = book.signed_for(&hash);
                let (brought, heard) = signed.ok_or_else(|| missing("a signature of evidence"))?;
                let part = EvidencePart::from_bytes(&self.kept(&hash)?);
                let part = part.map_err(|_| missing("evidence"))?;
                let evidence = Evidence {
                    part,
                    brought,
                    heard,
                };
                vec![ContractMessage::Evidence(Box::new(evidence))]
            }
            Parcel::Release => {
                let releases = match book.rejections() {
                    [] => book.releases(),
                    rejections => rejections,
                };
                let releases = releases.iter().cloned();
                releases.map(ContractMessage::Release).collect()
            }
            Parcel::HandedOver => {
                let handed = book.handed_over().iter().cloned();
                handed.map(ContractMessage::HandedOver).collect()
            }
            Parcel::Digest => {
                let mine = book.once().fixed();
                let mine = mine.ok_or_else(|| missing("the digest of a ruling"))?;
                vec![ContractMessage::Digest(*mine)]
            }
            Parcel::DigestSeen { arbiter, .. } => {
                let first = book.once().heard_of(arbiter).next();
                let first = first.ok_or_else(|| missing("an arbiter's digest"))?;
                vec![ContractMessage::DigestSeen(*first)]
            }
            Parcel::Attestation => {
                let own = |by: u8| Role::Arbiter(by) == book.contract().role();
                let rulings = book.attestations().iter();
                let rulings = rulings.filter(|attestation| own(attestation.arbiter));
                rulings.cloned().map(ContractMessage::Attestation).collect()
            }
            Parcel::Share => {
                let own = |by: u8| Role::Arbiter(by) == book.contract().role();
                let shares = book.revealed().iter().filter(|share| own(share.member));
                shares.copied().map(ContractMessage::Share).collect()
            }
            Parcel::Ending { attempt, what } => {
                let me = book.contract().role();
                let said = book.endings().said(attempt, what, me);
                let said = said.ok_or_else(|| missing("a word of an ending"))?;
                vec![ContractMessage::Ending(Box::new(said))]
            }
        })
    }

    fn kept(&mut self, hash: &[u8; 32]) -> Result<Vec<u8>, ContractSeatError<S::Error>> {
        self.signer.kept(hash).map_err(ContractSeatError::Signer)
    }

    /// What is to be published as it stands: again with each block.
    pub fn on_chain(&self) -> Vec<ContractErrand> {
        let due = self.pending().iter();
        let errands = due.filter_map(|effect| match *effect {
            ContractEffect::Publish { node, until } => {
                Some(ContractErrand::Publish { node, until })
            }
            ContractEffect::PublishEnding { until } => {
                Some(ContractErrand::PublishEnding { until })
            }
            ContractEffect::Record { until } => Some(ContractErrand::Record { until }),
            ContractEffect::Send { .. } | ContractEffect::Task(_) => None,
        });
        errands.collect()
    }

    /// What it publishes next if nothing else happens ([`ContractMachine::next_move`]).
    pub fn next_move(&self, tip: u32) -> Option<NextMove> {
        self.logged.machine().next_move(tip)
    }

    /// Whether there is work that could not be done yet: it is asked for with the next look at the chain.
    pub const fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What it knows, as it stands on disk.
    pub const fn book(&self) -> &Book {
        self.logged.machine().book()
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        self.logged.machine().standing()
    }

    /// Number of entries in its log.
    pub const fn changes(&self) -> u64 {
        self.logged.changes()
    }

    /// Whoever does its work.
    pub const fn signer(&self) -> &S {
        &self.signer
    }

    /// Whoever does its work, to be told what it must know besides.
    pub const fn signer_mut(&mut self) -> &mut S {
        &mut self.signer
    }

    /// Whoever does its work, once the seat is left.
    pub fn into_signer(self) -> S {
        self.signer
    }
}

/// What a message says that comes at this tip, with long things by their names, and their bytes.
fn said(message: ContractMessage, tip: u32) -> Result<(Said, Option<Vec<u8>>), ContractRefusal> {
    let short = |said| Ok((said, None));
    match message {
        ContractMessage::Piece(Piece::Item(signed)) => short(Said::Item(signed)),
        ContractMessage::Piece(Piece::Receipt(receipt)) => short(Said::Receipt(receipt)),
        ContractMessage::Piece(Piece::Commitment(shown)) => short(Said::Commitment(shown)),
        ContractMessage::Piece(Piece::Boxes(bytes)) => {
            let hash = blob_hash(&bytes);
            Ok((Said::Blob(Blob::Boxes { hash }), Some(bytes)))
        }
        ContractMessage::Piece(Piece::Opening(opening)) => {
            let (id, bytes) = (opening.id(), opening.to_bytes());
            let hash = blob_hash(&bytes);
            Ok((Said::Blob(Blob::Opening { id, hash }), Some(bytes)))
        }
        ContractMessage::Piece(Piece::Token(_) | Piece::Record(_)) => Err(ContractRefusal::Loose),
        ContractMessage::Evidence(evidence) => {
            let bytes = evidence.part.to_bytes();
            let said = PartSaid {
                case: evidence.part.case,
                by: evidence.part.by,
                // It was read with a bound that 32 bits count.
                bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                hash: blob_hash(&bytes),
                brought: evidence.brought,
                heard: evidence.heard,
                tip,
            };
            Ok((Said::Evidence(Box::new(said)), Some(bytes)))
        }
        ContractMessage::Release(release) => short(Said::Release(release)),
        ContractMessage::HandedOver(handed) => short(Said::HandedOver(handed)),
        ContractMessage::Attestation(attestation) => short(Said::Attestation(attestation)),
        ContractMessage::Ending(said) => short(Said::Ending(said)),
        ContractMessage::Share(share) => short(Said::Share(share)),
        ContractMessage::Digest(digest) => short(Said::Digest(digest)),
        ContractMessage::DigestSeen(digest) => short(Said::DigestSeen(digest)),
    }
}
