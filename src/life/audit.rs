//! The client's own look at a result that it can challenge: what it draws, what the worker opens to it, what it finds.

use std::collections::BTreeSet;

use narthex_base::codec::Message;
use narthex_channel::contract::{AuditDraw, Audited, Book, Done, EvidencePart, Piece};
use narthex_game_model::{
    commitment::{Commitment, Opening, OpeningBook},
    play::BlindDigests,
    ruling::{Item, MAX_SHOWN_OPENINGS},
    sample,
};

use super::{LifeError, LifeSigner, signer::Worked, working::SealedFor};
use crate::job::recompute;

impl LifeSigner<'_> {
    /// The client draws, by a nonce that nobody else knows before.
    pub(super) fn draw_audit(&self, book: &Book) -> Worked {
        let commitment = book.papers().commitment();
        let root = commitment.ok_or(LifeError::Order("a commitment"))?.id();
        let nonce = self.audit_nonce(&root);
        Ok(Some(self.say(Item::Audit { root, nonce })))
    }

    /// The steps that the client looks at; `None` as long as the block that draws them is not deep.
    fn audit_steps(
        &self,
        draw: AuditDraw,
        commitment: &Commitment,
        book: &Book,
    ) -> Result<Option<Vec<u64>>, LifeError> {
        let (nonce, block) = match draw {
            AuditDraw::Own { nonce, .. } => (nonce, [0; 32]),
            AuditDraw::Block { height } => match self.deep_block(height, book) {
                Some(block) => ([0; 32], block),
                None => return Ok(None),
            },
        };
        let params = self.terms().params();
        let count = params.audit().map_or(0, |audit| audit.steps);
        let seed = sample::audit_seed(&commitment.id(), &nonce, &block);
        Ok(Some(sample::draw(&seed, params.steps(), count)?))
    }

    /// The worker opens to the client what that looks at, and the rest of what may be opened: with the key the client can open
    /// every box by these, whatever the verifier has drawn. What the token is sealed for is among them: it may still be asked for.
    pub(super) fn serve(&mut self, book: &Book) -> Worked {
        let draw = book.serves_by().ok_or(LifeError::Order("a draw"))?;
        let commitment = match self.worked()? {
            Some(work) => *work.commitment(),
            None => return Ok(None),
        };
        let Some(mut wanted) = self.audit_steps(draw, &commitment, book)? else {
            return Ok(None);
        };
        match self.sealed_for(&commitment, book)? {
            SealedFor::Unsealed => {}
            SealedFor::Awaited => return Ok(None),
            SealedFor::Drawn(drawn) => wanted.extend(drawn.indices),
        }
        let Some(opened) = self.opening_book(book)? else {
            return Ok(None);
        };
        let all = opened.filled(&wanted);
        // A panel was shown others, and a reorganisation took that back: with these whoever has both would have the key.
        let audit = draw.id();
        self.open_as(&all, book, |opening| Item::AuditOpening { audit, opening })
    }

    /// What the worker has opened so far, to whomever; `None` if a disk that was lost had it.
    pub(super) fn opening_book(&mut self, book: &Book) -> Result<Option<OpeningBook>, LifeError> {
        let papers = book.papers();
        let mut openings = Vec::new();
        for signed in papers.items() {
            let Some(named) = signed.item.opened() else {
                continue;
            };
            match papers.opening(named) {
                Some(hash) => openings.push(Opening::from_bytes(&self.blobs.kept(hash)?)?),
                // The sample's steps are known by its token; these are as many as may ever be opened.
                None if matches!(signed.item, Item::AuditOpening { .. }) => return Ok(None),
                None => {}
            }
        }
        for hash in book.pleaded() {
            let part = EvidencePart::from_bytes(&self.blobs.kept(hash)?)?;
            openings.extend(part.pieces.into_iter().filter_map(|piece| match piece {
                Piece::Opening(opening) => Some(*opening),
                _ => None,
            }));
        }
        let leaves = openings.iter().flat_map(|opening| &opening.leaves);
        let steps: BTreeSet<_> = leaves.map(|leaf| leaf.index).collect();
        let work = self.worked()?.ok_or(LifeError::Order("work"))?;
        let restored = OpeningBook::restore(work.commitment(), steps);
        let order = |_| LifeError::Order("steps that may be opened");
        restored.map(Some).map_err(order)
    }

    /// The client runs again what it looks at, and compares.
    pub(super) fn audit(&mut self, book: &Book) -> Worked {
        let found = |audited| Ok(Some(Done::Audited(audited)));
        let (papers, order) = (book.papers(), || LifeError::Order("what was opened"));
        let opened = papers.audit_opening(book.contract().id());
        let (_, [named, opening]) = opened.ok_or_else(order)?;
        let Some(draw) = book.audited_by(&named) else {
            return found(Audited::Unopened);
        };
        let commitment = papers.commitment().ok_or_else(order)?;
        let hash = papers.opening(&opening).ok_or_else(order)?;
        let opening = Opening::from_bytes(&self.blobs.kept(hash)?)?;
        let Some(indices) = self.audit_steps(draw, &commitment, book)? else {
            return Ok(None);
        };
        if !is_whole(&commitment, &opening, &indices) {
            return found(Audited::Unopened);
        }
        let Some(digests) = self.audited_digests(&indices)? else {
            return Ok(None);
        };
        let mut pairs = indices.iter().zip(digests.digests());
        let wrong = pairs.find(|(index, own)| opening.digest(**index) != Some(**own));
        found(match wrong {
            None => Audited::Right,
            Some((step, _)) => Audited::Wrong { step: *step },
        })
    }

    /// The client's own digests of these steps, computed again after a crash.
    fn audited_digests(&mut self, indices: &[u64]) -> Result<Option<&BlindDigests>, LifeError> {
        if self.audited.0 != indices {
            self.audited = (indices.to_vec(), super::long::Long::default());
        }
        let (job, stage) = self.own.job.clone();
        let (salt, indices) = (self.blind_salt(), indices.to_vec());
        let work = move || Ok(recompute(&job, stage, &indices, salt)?);
        self.audited.1.get(self.own.is_aside, work)
    }

    /// The worker brings the panel what it said, what it opened to the client, and what was acknowledged.
    pub(super) fn worker_answers(&mut self, book: &Book) -> Result<Option<Vec<Piece>>, LifeError> {
        let Some(work) = self.worked()? else {
            return Ok(None);
        };
        let commitment = *work.commitment();
        let mut pieces = vec![Piece::Commitment(Box::new(commitment))];
        pieces.extend(self.told_of(book, &commitment));
        pieces.extend(self.signed_openings(book)?);
        Ok(Some(pieces))
    }

    /// The client brings what was said and opened to it, and the input of the step that it names.
    pub(super) fn client_pleads(&self, book: &Book) -> Result<Option<Vec<Piece>>, LifeError> {
        let mut pieces = self.told(book);
        let shown = book.papers().commitment();
        pieces.extend(shown.map(|shown| Piece::Commitment(Box::new(shown))));
        pieces.extend(self.signed_openings(book)?);
        if let Some(Audited::Wrong { step }) = book.audited() {
            pieces.push(self.input(step)?);
        }
        Ok(Some(pieces))
    }

    /// The openings that the worker has signed: those for the client first, which a panel asks for.
    fn signed_openings(&self, book: &Book) -> Result<Vec<Piece>, LifeError> {
        let papers = book.papers();
        let mut items: Vec<_> = papers.items().iter().map(|signed| &signed.item).collect();
        items.sort_by_key(|item| !matches!(item, Item::AuditOpening { .. }));
        let named = items.into_iter().filter_map(Item::opened);
        let named = named.filter_map(|id| papers.opening(id));
        let opened = named.take(MAX_SHOWN_OPENINGS).map(|hash| {
            let opening = Opening::from_bytes(&self.blobs.kept(hash)?)?;
            Ok(Piece::Opening(Box::new(opening)))
        });
        opened.collect()
    }
}

/// Whether the worker has opened these steps and the rest to the client, whole.
fn is_whole(commitment: &Commitment, opening: &Opening, indices: &[u64]) -> bool {
    let has = |index: &u64| opening.leaf(*index).is_some();
    indices.iter().all(has)
        && opening.leaves.len() == commitment.openings as usize
        && opening.verify(commitment).is_ok()
        && opening.bad_box(commitment).is_none()
}
