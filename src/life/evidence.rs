//! What is brought to the panel, and how an arbiter finds.

use std::sync::Arc;

use narthex_arbiter::{Dossier, Question, Report, Silence, Silent};
use narthex_base::codec::Message;
use narthex_channel::contract::{Book, Done, EvidencePart, Piece, blob_hash};
use narthex_contracts::terms::Role;
use narthex_game_model::{
    Accusation,
    commitment::{Commitment, Opening, ReceiptSigner as _, SignedReceipt},
    computation::StepProgram,
    play::judge,
    ruling::{
        Answer, Brought, Case, ChainFacts, Item, Litigant, MAX_SHOWN_OPENINGS, Part, ProvenRecord,
        Row,
    },
};

use super::{LifeError, LifeSigner, long::Long, signer::Worked, working::SealedFor};
use crate::{
    job::StageJob,
    judging::{JudgeBox, judge_here},
    ruling::CaseFile,
};

impl LifeSigner<'_> {
    /// The case, as each judge derives it alone from terms and chain.
    fn case(&self, book: &Book) -> Result<Case, LifeError> {
        let terms = self.terms().case_terms(*self.own.job.0.spec())?;
        let chain = self.before_panel(book)?;
        Ok(Case { terms, chain })
    }

    /// What of the chain a ruling depends on, with all blocks from the funding on.
    fn before_panel(&self, book: &Book) -> Result<ChainFacts, LifeError> {
        let funded = book.facts().path.first().map(|(_, height)| *height);
        let blocks = self.sight.blocks(funded.unwrap_or(u32::MAX));
        let chain = book.facts().before_panel(book.contract(), blocks);
        chain.ok_or(LifeError::Order("an accusation on chain"))
    }

    /// What this arbiter asks its judge, by what it was brought, or by a part of it.
    pub(super) fn question(
        &self,
        book: &Book,
        hears: impl Fn(Litigant, &Piece) -> bool,
    ) -> Result<Question, LifeError> {
        let mut facts = self.before_panel(book)?;
        // No ruling asks for a later one.
        let last = facts.accused.saturating_add(1);
        facts.blocks.retain(|height, _| *height <= last);
        let mut brought = Vec::new();
        for (by, pieces) in self.brought(book)? {
            let mut part = Brought::by(by);
            let heard = pieces.into_iter().filter(|piece| hears(by, piece));
            heard.for_each(|piece| piece.bring(&mut part));
            brought.push(part);
        }
        let job = &*self.own.job.0;
        let terms = Arc::clone(self.own.signatures.terms());
        Ok(Question {
            dossier: Dossier::new(terms, *job.spec(), job.program().portable(), brought),
            facts,
            cost: self.own.seal_cost,
        })
    }

    /// The case as a file, if there is one, with what this party has brought, or what it was brought.
    pub(super) fn case_file(&self, book: &Book) -> Result<Option<CaseFile>, LifeError> {
        if book.facts().accusation(book.contract()).is_none() {
            return Ok(None);
        }
        let mut evidence = Vec::new();
        for (by, pieces) in self.shown(book)? {
            let mut part = Brought::by(by);
            pieces.into_iter().for_each(|piece| piece.bring(&mut part));
            evidence.push(part);
        }
        Ok(Some(CaseFile::of(&self.case(book)?, evidence)))
    }

    /// What the panel is shown, as far as this party has it.
    fn shown(&self, book: &Book) -> Result<Vec<(Litigant, Vec<Piece>)>, LifeError> {
        let by = match self.role() {
            Role::Client => Litigant::Client,
            Role::Worker => Litigant::Worker,
            Role::Verifier => Litigant::Verifier,
            Role::Arbiter(_) => return self.brought(book),
        };
        let Some(hash) = book.pleaded().last() else {
            return Ok(Vec::new());
        };
        let part = EvidencePart::from_bytes(&self.blobs.kept(hash)?)?;
        Ok(vec![(by, part.pieces)])
    }

    /// Puts own evidence together, once what a disk may have lost has come again. What the panel is brought is fixed then.
    pub(super) fn plead(&mut self, book: &Book) -> Worked {
        if book.awaits_receipts(self.sight.times()) {
            return Ok(None);
        }
        let accusation = book.facts().accusation(book.contract());
        let is_challenged = matches!(accusation, Some((Accusation::Challenge, _)));
        let pieces = match self.role() {
            Role::Client => self.client_pleads(book)?,
            // It opens nothing more.
            Role::Worker if is_challenged || book.contract().is_paper() => {
                self.worker_answers(book)?
            }
            Role::Worker => self.worker_pleads(book)?,
            _ => self.verifier_pleads(book)?,
        };
        let Some(pieces) = pieces else {
            return Ok(None);
        };
        let by = self.role().litigant();
        let by = by.ok_or(LifeError::Order("evidence of its own"))?;
        let case = accusation.map(|(case, _)| case);
        let case = case.ok_or(LifeError::Order("an accusation on chain"))?;
        let part = EvidencePart { case, by, pieces };
        self.blobs.keep(&part.to_bytes())?;
        Ok(Some(Done::Pleaded(self.brings(&part)?)))
    }

    /// This party brings a part of evidence: it signs for the hash of its bytes.
    pub(crate) fn brings(&self, part: &EvidencePart) -> Result<SignedReceipt, LifeError> {
        let (contract, hash) = (*self.terms().contract_id(), blob_hash(&part.to_bytes()));
        Ok(self.signed_by(|word| Part::of(contract, hash, word.key()).bring(word))?)
    }

    /// What was said and acknowledged. Papers have two items of a kind at most.
    pub(super) fn told(&self, book: &Book) -> Vec<Piece> {
        let items = book.papers().items().iter().cloned().map(Piece::Item);
        let receipts = book.papers().receipts().iter().copied().map(Piece::Receipt);
        items.chain(receipts).collect()
    }

    /// The same, as a worker that has made this commitment brings it: whoever is bound by two roots does not say so itself.
    pub(super) fn told_of(&self, book: &Book, commitment: &Commitment) -> Vec<Piece> {
        let mut told = self.told(book);
        told.retain(|piece| match piece {
            Piece::Item(signed) => match &signed.item {
                Item::Commitment(signed) => **signed == *commitment,
                _ => true,
            },
            _ => true,
        });
        told
    }

    /// `None` as long as the block that draws in the verifier's stead is not deep, or the work is not done again.
    fn worker_pleads(&mut self, book: &Book) -> Result<Option<Vec<Piece>>, LifeError> {
        let Some(work) = self.worked()? else {
            return Ok(None);
        };
        let commitment = *work.commitment();
        let contract = *book.contract().id();
        // What it sealed its token for and nothing else: that is what a ruling that pays it asks for.
        let drawn = match self.sealed_for(&commitment, book)? {
            SealedFor::Drawn(drawn) => drawn,
            SealedFor::Awaited => return Ok(None),
            SealedFor::Unsealed => {
                let height = self.case(book)?.substitute_height();
                let Some(block) = self.deep_block(height, book) else {
                    return Ok(None);
                };
                self.draw([0; 32], &commitment, &[0; 32], &block)?
            }
        };
        let opening = self.open_steps(&drawn.indices, book)?;
        let mut pieces = vec![Piece::Commitment(Box::new(commitment))];
        pieces.extend(self.told_of(book, &commitment));
        let token = book.papers().sealed(&contract);
        let answer = token.and_then(|(token, _)| book.papers().reply_to(&contract, &token));
        match answer.map(|(_, answer)| answer) {
            Some(Answer::Shown { hash, .. }) => {
                let x = self.token(book)?;
                let is_false = x.shown(&contract) != hash;
                pieces.extend(is_false.then(|| Piece::Token(*x.expose())));
            }
            Some(Answer::Digests(digests)) => {
                if let Some(opening) = &opening {
                    pieces.extend(self.disputed(opening, &digests)?);
                }
            }
            None => {}
        }
        pieces.extend(opening.map(|opening| Piece::Opening(Box::new(opening))));
        Ok(Some(pieces))
    }

    /// The input of the lowest step on which leaves and digests differ.
    fn disputed(
        &self,
        opening: &Opening,
        digests: &[[u8; 32]],
    ) -> Result<Option<Piece>, LifeError> {
        let mut pairs = opening.leaves.iter().zip(digests);
        let Some((leaf, _)) = pairs.find(|(leaf, own)| leaf.digest != **own) else {
            return Ok(None);
        };
        self.input(leaf.index).map(Some)
    }

    /// The input of a step.
    pub(super) fn input(&self, index: u64) -> Result<Piece, LifeError> {
        let proven = self.own.job.0.prove_record(index);
        let (record, proof) = proven.map_err(|_| LifeError::Order("a record of the job"))?;
        Ok(Piece::Record(ProvenRecord {
            index,
            record,
            proof,
        }))
    }

    /// `None` as long as the sample is not computed again.
    fn verifier_pleads(&mut self, book: &Book) -> Result<Option<Vec<Piece>>, LifeError> {
        let mut pieces = self.told(book);
        let papers = book.papers();
        let named = papers
            .items()
            .iter()
            .filter_map(|signed| signed.item.opened());
        let named: Vec<_> = named.filter_map(|id| papers.opening(id)).copied().collect();
        // A disk that was put back may have its own sample again, and not what it is of.
        let drawn = papers.sample(book.contract().id()).is_some();
        let sampled = match drawn && papers.commitment().is_some() {
            true => self.sampled(book)?.indices,
            false => Vec::new(),
        };
        // What a process before this one computed is computed again: the record that it found wrong is named by it.
        if !(sampled.is_empty() || named.is_empty()) && self.checked(book)?.is_none() {
            return Ok(None);
        }
        for hash in named.iter().take(MAX_SHOWN_OPENINGS) {
            let opening = Opening::from_bytes(&self.blobs.kept(hash)?)?;
            let is_of_sample = opening
                .leaves
                .iter()
                .map(|leaf| leaf.index)
                .eq(sampled.iter().copied());
            if is_of_sample && book.contract().is_paper() {
                pieces.extend(self.disputes(&opening, book)?);
            } else if let (true, Some(own)) = (is_of_sample, self.digests.known()) {
                pieces.extend(self.disputed(&opening, own.digests())?);
            }
            pieces.push(Piece::Opening(Box::new(opening)));
        }
        Ok(Some(pieces))
    }

    /// What was brought to an arbiter, and by whom.
    pub(crate) fn brought(&self, book: &Book) -> Result<Vec<(Litigant, Vec<Piece>)>, LifeError> {
        let mut all = Vec::new();
        for (by, hash) in book.counted() {
            let part = EvidencePart::from_bytes(&self.blobs.kept(&hash)?)?;
            all.push((by, part.pieces));
        }
        Ok(all)
    }

    /// A ruling on one step, whichever it is; `None` if it proves nothing. That it is the step in dispute is nobody's to choose: honest
    /// arbiters go by the table.
    pub(crate) fn rule_on(
        &mut self,
        commitment: &Commitment,
        (record, opening): (ProvenRecord, Opening),
    ) -> Worked {
        let job = &*self.own.job.0;
        let accepted = self.terms().params().accepts_job(job)?;
        let evidence = record.about(opening);
        let found = judge(job.program(), &accepted, commitment, &evidence).ok();
        Ok(found.map(|found| {
            self.ruled = Some((Some(Row::Rerun), found.reason));
            Done::Ruled(found.ruling)
        }))
    }

    /// What an arbiter finds: the first row of the table that applies to its case, and nothing of its own.
    pub(super) fn rule(&mut self, book: &Book) -> Worked {
        if let Some((ruling, _)) = self.ruled_before(book)? {
            return Ok(Some(Done::Ruled(ruling)));
        }
        self.rule_by(book, |_, _| true)
    }

    /// The same by a part of what is brought. Nobody who is honest leaves anything out.
    pub(crate) fn rule_by(
        &mut self,
        book: &Book,
        hears: impl Fn(Litigant, &Piece) -> bool,
    ) -> Worked {
        let tip = self.sight.tip();
        // It has failed at this tip, and would again.
        if matches!(self.silent, Some((at, _)) if at == tip) {
            return Ok(None);
        }
        let question = self.question(book, hears)?;
        let found = match self.judged(question)? {
            None => return Ok(None),
            Some(found) => found.clone(),
        };
        match found {
            Ok(Report { finding, .. }) => {
                self.silent = None;
                let reason = match finding.unpaid {
                    None => finding.reason,
                    Some(unpaid) => format!("{}; {unpaid}", finding.reason),
                };
                self.ruled = Some((Some(finding.row), reason));
                Ok(Some(Done::Ruled(finding.ruling)))
            }
            Err(silent) => {
                self.judged = ([0; 32], Long::default());
                match silent.why {
                    Silence::Awaited => Ok(None),
                    // A limit of this machine is no verdict, and somebody must hear of it. It is tried again with the next block.
                    Silence::EnginesDiffer | Silence::Machine => {
                        self.silent = Some((tip, silent));
                        Ok(None)
                    }
                    Silence::Case => Err(silent.into()),
                }
            }
        }
    }

    /// What the judge says of a question, once it has: it may take as long as a step does.
    fn judged(&mut self, question: Question) -> Result<Option<&Result<Report, Silent>>, LifeError> {
        let id = question.id();
        if self.judged.0 != id {
            self.judged = (id, Long::default());
        }
        let (judge, (job, _)) = (self.own.judge.clone(), self.own.job.clone());
        let judge = move || Ok(put(&question, judge.as_ref(), &job));
        self.judged.1.get(self.own.is_aside, judge)
    }

    /// What the judge has said of this very question, or says now.
    pub(super) fn report(&self, question: &Question) -> Result<Report, Silent> {
        let known = self.judged.1.known();
        let known = known.filter(|_| self.judged.0 == question.id());
        match known {
            Some(found) => found.clone(),
            None => put(question, self.own.judge.as_ref(), &self.own.job.0),
        }
    }
}

/// Puts a question to a judge in its box, or answers it in this process.
fn put(question: &Question, judge: Option<&JudgeBox>, job: &StageJob) -> Result<Report, Silent> {
    match judge {
        Some(judge) => judge.judge(question),
        None => judge_here(question, Some(job.program())),
    }
}
