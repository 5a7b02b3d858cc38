//! Rules that honest parties do not keep, to see that it is missed.

use narthex_channel::contract::{Book, ContractSigner, Done, Finding, Piece, Policy, Task, Thing};
use narthex_contracts::depth::Depth;
use narthex_game_model::ruling::{Item, Litigant};
use serde::Serialize;

use crate::life::{Hands, LifeError, LifeSigner};

/// A rule of the contract that its honest parties do not keep. Only schedules can have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeFlaw {
    /// What has two confirmations is shown, and relied upon, while three may be needed.
    Shallow,
    /// A transaction is reckoned to confirm in the next block.
    Hasty,
    /// No round of messages is waited for: an arbiter hears nobody who comes later than its deadline, whenever it saw the appeal itself,
    /// and whoever has just started goes by what its disk has.
    Deaf,
    /// The verifier compares digests alone, and opens no box.
    TrustsTree,
    /// Arbiters rule by what the worker brings.
    HearsWorker,
    /// Arbiters rule by what the verifier brings.
    HearsVerifier,
    /// Arbiters take no note of a commitment that the worker signed beside that of the root of record: a worker that is caught off chain is
    /// sampled again on chain.
    ForgetsRoots,
    /// Arbiters rule on whichever step the worker brings the input of.
    AnyStep,
    /// Arbiters tell each other nothing of what they have heard.
    KeepsToItself,
}

impl LifeFlaw {
    /// All of them.
    pub const ALL: [LifeFlaw; 9] = [
        LifeFlaw::Shallow,
        LifeFlaw::Hasty,
        LifeFlaw::Deaf,
        LifeFlaw::TrustsTree,
        LifeFlaw::HearsWorker,
        LifeFlaw::HearsVerifier,
        LifeFlaw::ForgetsRoots,
        LifeFlaw::AnyStep,
        LifeFlaw::KeepsToItself,
    ];

    /// How a party reads the chain that has it.
    pub(super) const fn policy(self, of: Policy) -> Policy {
        match self {
            LifeFlaw::Shallow => Policy {
                depth: Depth::LEAST,
                ..of
            },
            LifeFlaw::Hasty => Policy { confirm: 0, ..of },
            LifeFlaw::Deaf => Policy { message: 0, ..of },
            _ => of,
        }
    }
}

/// Whoever does an honest party's work, but for one rule.
pub(super) struct Flawed<'a> {
    signer: LifeSigner<'a>,
    flaw: LifeFlaw,
}

impl<'a> Flawed<'a> {
    pub(super) const fn new(signer: LifeSigner<'a>, flaw: LifeFlaw) -> Flawed<'a> {
        Flawed { signer, flaw }
    }

    /// A ruling on the step that the worker brings, if it brings one.
    fn on_any_step(&mut self, book: &Book) -> Result<Option<Done>, LifeError> {
        let brought = self.signer.brought(book)?;
        let own = brought
            .into_iter()
            .filter(|(by, _)| *by == Litigant::Worker);
        let (mut opening, mut record, mut commitment) = (None, None, None);
        for piece in own.flat_map(|(_, pieces)| pieces) {
            match piece {
                Piece::Opening(shown) => opening = Some(*shown),
                Piece::Record(shown) => record = Some(shown),
                Piece::Commitment(shown) => commitment = Some(*shown),
                _ => {}
            }
        }
        match (record.zip(opening), commitment) {
            (Some(shown), Some(commitment)) => self.signer.rule_on(&commitment, shown),
            _ => Ok(None),
        }
    }

    fn done(&mut self, task: Task, book: &Book) -> Result<Option<Done>, LifeError> {
        match (self.flaw, task) {
            (LifeFlaw::TrustsTree, Task::Compare) => {
                let done = self.signer.done(task, book)?;
                // What it says of a box is all that it finds in one.
                Ok(done.map(|done| match done {
                    Done::Signed(_) => Done::Found(Finding::Equal),
                    other => other,
                }))
            }
            (LifeFlaw::HearsWorker, Task::Rule) => {
                self.signer.rule_by(book, |by, _| by == Litigant::Worker)
            }
            (LifeFlaw::HearsVerifier, Task::Rule) => {
                self.signer.rule_by(book, |by, _| by == Litigant::Verifier)
            }
            (LifeFlaw::ForgetsRoots, Task::Rule) => {
                let record = book.facts().root.map(|record| record.root);
                self.signer.rule_by(book, |_, piece| match piece {
                    Piece::Item(signed) => match &signed.item {
                        Item::Commitment(signed) => Some(signed.id()) == record,
                        _ => true,
                    },
                    _ => true,
                })
            }
            (LifeFlaw::AnyStep, Task::Rule) => match self.on_any_step(book)? {
                Some(done) => Ok(Some(done)),
                None => self.signer.done(task, book),
            },
            // What is not signed for is not passed on, and counts here all the same.
            (LifeFlaw::KeepsToItself, Task::Look(Thing::Part(_))) => Ok(None),
            _ => self.signer.done(task, book),
        }
    }
}

impl ContractSigner for Flawed<'_> {
    type Error = LifeError;

    fn work(&mut self, task: Task, book: &Book) -> Result<Option<Done>, LifeError> {
        let done = self.done(task, book)?;
        self.signer.tell(done.as_ref());
        Ok(done)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), LifeError> {
        self.signer.keep(bytes)
    }

    fn kept(&mut self, hash: &[u8; 32]) -> Result<Vec<u8>, LifeError> {
        self.signer.kept(hash)
    }
}

impl<'a> Hands<'a> for Flawed<'a> {
    fn signer(&self) -> &LifeSigner<'a> {
        &self.signer
    }

    fn signer_mut(&mut self) -> &mut LifeSigner<'a> {
        &mut self.signer
    }

    fn into_signer(self) -> LifeSigner<'a> {
        self.signer
    }
}
