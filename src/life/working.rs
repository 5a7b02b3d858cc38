//! What a worker computes and signs while its work is done and checked.

use narthex_base::codec::Message;
use narthex_channel::contract::{Blob, Book, Done, Finding};
use narthex_game_model::{
    commitment::{Commitment, Opening},
    play::{BlindDigests, Work, WorkError},
    ruling::{Answer, Item},
    token::seal,
};

use super::{LifeError, LifeSigner, signer::Worked, tasks::Drawn};
use crate::job::{JobError, recompute};

/// What a worker has sealed its token for.
pub(super) enum SealedFor {
    /// It has sealed none.
    Unsealed,
    /// A disk that was put back has its own token again before what it names: that comes. Whatever is opened in its stead would give
    /// the key to whoever has both.
    Awaited,
    /// This sample.
    Drawn(Drawn),
}

impl LifeSigner<'_> {
    /// The sample that the worker's own token names: the one that it opens, and no other, whatever else was drawn.
    pub(super) fn sealed_for(
        &self,
        commitment: &Commitment,
        book: &Book,
    ) -> Result<SealedFor, LifeError> {
        let contract = book.contract().id();
        let Some((_, (named, _))) = book.papers().sealed(contract) else {
            return Ok(SealedFor::Unsealed);
        };
        let Some(Item::Sample { nonce, block, .. }) = book.papers().item(contract, &named) else {
            return Ok(SealedFor::Awaited);
        };
        let drawn = self.draw(named, commitment, nonce, block)?;
        Ok(SealedFor::Drawn(drawn))
    }

    /// The worker's work: done again after a crash, to the same.
    pub(super) fn worked(&mut self) -> Result<Option<&Work>, LifeError> {
        let secrets = self.worker_secrets()?;
        let openings = self.terms().params().openings();
        let (job, stage) = self.own.job.clone();
        let strategy = self.own.strategy.clone();
        self.work.get(self.own.is_aside, move || {
            let work = Work::perform(&*job, &strategy, &secrets, openings);
            work.map_err(|error| match error {
                WorkError::Step { index, error } => JobError::step(stage, index, error).into(),
                error => LifeError::from(error),
            })
        })
    }

    pub(super) fn commit(&mut self) -> Worked {
        let Some(work) = self.worked()? else {
            return Ok(None);
        };
        let (commitment, boxes) = (*work.commitment(), work.sealed().to_vec());
        let boxes = self.blobs.keep(&boxes)?;
        let commitment = self.sign(Item::Commitment(Box::new(commitment)));
        Ok(Some(Done::Committed { commitment, boxes }))
    }

    pub(super) fn seal(&mut self, book: &Book) -> Worked {
        let contract = book.contract().id();
        let sample = book.papers().sample(contract);
        let (_, (_, height, block)) = sample.ok_or(LifeError::Order("a sample"))?;
        match self.sight.block(height) {
            None => return Ok(None),
            Some(known) if known != block => return Ok(Some(Done::Found(Finding::Wrong))),
            Some(_) => {}
        }
        let drawn = self.sampled(book)?;
        let Some(work) = self.worked()? else {
            return Ok(None);
        };
        let digests = work.digests(&drawn.indices);
        let digests = digests.ok_or(LifeError::Order("a sampled step"))?;
        self.seal_under(&drawn, &digests, book)
    }

    /// The token, sealed under these digests.
    pub(crate) fn seal_under(&self, drawn: &Drawn, digests: &[[u8; 32]], book: &Book) -> Worked {
        let (token, cost) = (self.token(book)?, self.own.seal_cost);
        let sealed = seal(&token, &drawn.seed, digests, cost)?;
        let sample = drawn.id;
        Ok(Some(self.say(Item::Token { sample, sealed })))
    }

    /// Digests of steps that are run again.
    pub(crate) fn recomputed(&self, indices: &[u64]) -> Result<BlindDigests, LifeError> {
        let (job, stage) = &self.own.job;
        Ok(recompute(job, *stage, indices, self.blind_salt())?)
    }

    pub(super) fn open(&mut self, book: &Book) -> Worked {
        let contract = *book.contract().id();
        let order = || LifeError::Order("an answer");
        let (token, _) = book.papers().sealed(&contract).ok_or_else(order)?;
        let (reply, answer) = book
            .papers()
            .reply_to(&contract, &token)
            .ok_or_else(order)?;
        let commitment = match self.worked()? {
            Some(work) => *work.commitment(),
            None => return Ok(None),
        };
        let drawn = match self.sealed_for(&commitment, book)? {
            SealedFor::Unsealed => return Err(order()),
            SealedFor::Awaited => return Ok(None),
            SealedFor::Drawn(drawn) => drawn,
        };
        match answer {
            Answer::Shown { hash, .. } if hash == self.token(book)?.shown(&contract) => self
                .open_as(&drawn.indices, book, |opening| Item::Opening {
                    reply,
                    opening,
                }),
            Answer::Shown { .. } => Ok(Some(Done::Found(Finding::Wrong))),
            Answer::Digests(theirs) => {
                let is_ours = self.own.admits && !self.is_right(&drawn.indices, &theirs)?;
                let finding = match is_ours {
                    true => Finding::OwnFault,
                    false => Finding::Wrong,
                };
                Ok(Some(Done::Found(finding)))
            }
        }
    }

    /// Whether the own leaves are right where the verifier has other digests: the first of these steps is run again.
    fn is_right(&mut self, indices: &[u64], theirs: &[[u8; 32]]) -> Result<bool, LifeError> {
        let own = self.worked()?.and_then(|work| work.digests(indices));
        let own = own.ok_or(LifeError::Order("a sampled step"))?;
        let mut pairs = indices.iter().zip(&own).zip(theirs);
        let Some(((index, leaf), _)) = pairs.find(|((_, leaf), other)| leaf != other) else {
            return Ok(true);
        };
        let again = self.recomputed(&[*index])?;
        Ok(again.digests().first() == Some(leaf))
    }

    /// The worker opens these steps, keeps what it opened, and signs the item that names it.
    pub(super) fn open_as(
        &mut self,
        indices: &[u64],
        book: &Book,
        item: impl FnOnce([u8; 32]) -> Item,
    ) -> Worked {
        let Some(opening) = self.open_steps(indices, book)? else {
            return Ok(None);
        };
        let id = opening.id();
        let hash = self.blobs.keep(&opening.to_bytes())?;
        let item = self.sign(item(id));
        let opening = Blob::Opening { id, hash };
        Ok(Some(Done::Opened { item, opening }))
    }

    /// The worker opens these steps; `None` if they are too many beside those that it has opened before.
    pub(super) fn open_steps(
        &mut self,
        indices: &[u64],
        book: &Book,
    ) -> Result<Option<Opening>, LifeError> {
        let Some(mut opened) = self.opening_book(book)? else {
            return Ok(None);
        };
        let allowed = opened.allow(indices, |_| Ok(()));
        let (Ok(allowed), Some(work)) = (allowed, self.worked()?) else {
            return Ok(None);
        };
        let opening = work.open(&allowed);
        let order = |_| LifeError::Order("steps that can be opened");
        opening.map(Some).map_err(order)
    }
}
