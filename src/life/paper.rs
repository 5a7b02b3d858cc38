//! What parties of a contract of the `paper` template compute and sign besides. It is lived for research alone.

use std::sync::Arc;

use bitcoin::secp256k1::{Secp256k1, SecretKey};
use narthex_base::codec::Message;
use narthex_channel::contract::{Book, Done, Finding, Piece};
use narthex_contracts::{
    graph::{NodeId, NodeName},
    setup::Release,
    shared_secret::KeyShare,
    template::PaperExit,
    terms::Role,
};
use narthex_game_model::{
    Ruling,
    commitment::{Commitment, Opening, ReceiptKind},
    play::{BlindDigests, EvidenceError, judge},
    ruling::{Item, Litigant, ProvenRecord},
};

use super::{LifeError, LifeSigner, signer::Worked};

/// What a party of such a contract has, and nobody else.
#[derive(Default)]
pub struct PaperWork {
    /// The worker's secret that completes an appeal.
    pub appeal: Option<SecretKey>,
    /// An arbiter's share of the panel's one secret, for all its processes.
    pub share: Option<Arc<KeyShare>>,
}

/// What both sides have brought an arbiter.
#[derive(Default)]
struct Brought {
    commitments: Vec<Commitment>,
    openings: Vec<Opening>,
    record: Option<ProvenRecord>,
    /// Whether the worker has acknowledged that the verifier has computed its sample.
    is_asked: bool,
}

/// The panel's one secret, once enough of it is out.
pub(super) fn panel_secret(book: &Book) -> Option<SecretKey> {
    let shared = book.contract().shared()?;
    // Each was checked when it came.
    shared.reconstruct(&Secp256k1::new(), book.revealed()).ok()
}

impl LifeSigner<'_> {
    fn node(&self, name: NodeName, book: &Book) -> Result<NodeId, LifeError> {
        let node = book.contract().graph().find(name);
        node.ok_or(LifeError::Order("a transaction of the paper's graph"))
    }

    // The verifier.

    /// The verifier computes the sample, and signs a hash of what it found before anything of it is opened.
    pub(super) fn blind(&mut self, book: &Book) -> Worked {
        let sample = self.sampled(book)?.id;
        let Some(digests) = self.checked(book)?.map(BlindDigests::commitment) else {
            return Ok(None);
        };
        Ok(Some(self.say(Item::Blind { sample, digests })))
    }

    /// Its share of the appeal is how it rejects.
    pub(super) fn reject(&mut self, book: &Book) -> Worked {
        let node = self.node(PaperExit::APPEALED, book)?;
        let releases = self.own.signatures.release(node, None)?;
        Ok(Some(Done::Rejected(releases)))
    }

    /// The input of the step that a verifier disputes: the first that is wrong, or the first of all. Nobody asks it for a better one.
    pub(super) fn disputes(
        &mut self,
        opening: &Opening,
        book: &Book,
    ) -> Result<Option<Piece>, LifeError> {
        let commitment = book.papers().commitment();
        let commitment = commitment.ok_or(LifeError::Order("a commitment"))?;
        let Some(own) = self.checked(book)? else {
            return Ok(None);
        };
        let verdict = own.verdict(&commitment, opening).ok();
        let first = opening.leaves.first().map(|leaf| leaf.index);
        let index = verdict.and_then(|verdict| verdict.disputed()).or(first);
        index.map(|index| self.input(index)).transpose()
    }

    // The worker.

    /// The worker opens what the verifier has said that it has computed.
    pub(super) fn open_blindly(&mut self, book: &Book) -> Worked {
        let order = || LifeError::Order("blind digests");
        let reply = book.blind().ok_or_else(order)?;
        let sample = book.papers().sample(book.contract().id());
        let (_, (_, height, block)) = sample.ok_or_else(order)?;
        match self.sight.block(height) {
            None => return Ok(None),
            Some(known) if known != block => return Ok(Some(Done::Found(Finding::Wrong))),
            Some(_) => {}
        }
        let indices = self.sampled(book)?.indices;
        if self.worked()?.is_none() {
            return Ok(None);
        }
        self.open_as(&indices, book, |opening| Item::Opening { reply, opening })
    }

    /// What came from the verifier: its share of the settlement, or of the appeal.
    pub(super) fn check_verdict(&mut self, book: &Book) -> Worked {
        let approved = self.node(PaperExit::NORMAL, book)?;
        let rejected = self.node(PaperExit::APPEALED, book)?;
        let signatures = &mut self.own.signatures;
        let good = book.unchecked().iter();
        let good: Vec<Release> = good
            .filter(|release| signatures.accept(release).is_ok())
            .cloned()
            .collect();
        let is_whole = |node| !good.is_empty() && signatures.adaptor_signature(node).is_ok();
        Ok(Some(match (is_whole(approved), is_whole(rejected)) {
            (true, _) => Done::Approved(good),
            (false, true) if book.rejections().is_empty() => Done::Rejected(good),
            _ => Done::False,
        }))
    }

    /// A worker that is rejected runs again what it has opened. One that has opened nothing has nothing to admit.
    pub(super) fn review(&mut self, book: &Book) -> Worked {
        let found = |finding| Ok(Some(Done::Found(finding)));
        let opened = book
            .blind()
            .and_then(|blind| book.papers().opened(book.contract().id(), &blind));
        let hash = opened.and_then(|(_, id)| book.papers().opening(&id));
        let (Some(hash), true) = (hash, self.own.admits) else {
            return found(Finding::Wrong);
        };
        let opening = Opening::from_bytes(&self.blobs.kept(hash)?)?;
        let indices: Vec<_> = opening.leaves.iter().map(|leaf| leaf.index).collect();
        let again = self.recomputed(&indices)?;
        let commitment = match self.worked()? {
            Some(work) => *work.commitment(),
            None => return Ok(None),
        };
        match again.verdict(&commitment, &opening) {
            Ok(verdict) if verdict.approves() => found(Finding::Wrong),
            _ => found(Finding::OwnFault),
        }
    }

    // An arbiter.

    /// The share of the one secret, once the appeal is deep: it opens either ruling.
    pub(super) fn reveal(&self, book: &Book) -> Worked {
        let order = || LifeError::Order("a share of the panel's secret");
        let (_, accused) = book.facts().accusation(book.contract()).ok_or_else(order)?;
        if !book
            .contract()
            .policy()
            .depth
            .is_reached(accused, self.sight.tip())
        {
            return Ok(None);
        }
        let share = self.own.paper.share.as_ref().ok_or_else(order)?;
        Ok(Some(Done::Revealed(share.reveal())))
    }

    /// What an arbiter finds: it runs the step that the verifier disputes. Nothing keeps that from disputing any.
    pub(super) fn rule_on_dispute(&mut self, book: &Book) -> Worked {
        let brought = self.disputed_by(book)?;
        let params = self.terms().params();
        let found = |this: &mut Self, ruling, reason: String| {
            this.ruled = Some((None, reason));
            Ok(Some(Done::Ruled(ruling)))
        };
        let convicts = Ruling::WorkerAtFault;
        let clears = Ruling::VerifierAtFault;
        let Some(commitment) = brought.commitments.first() else {
            return found(self, convicts, "nothing was committed to".into());
        };
        let result = self.terms().result_point();
        if let Err(why) = commitment.check_terms(&result, params.openings()) {
            return found(self, convicts, why.to_string());
        }
        // Nobody rules on a job that the contract's parameters were not made for.
        let job = &*self.own.job.0;
        let accepted = params.accepts_job(job)?;
        let mut openings = brought.openings.into_iter();
        let Some(opening) = openings.find(|opening| opening.verify(commitment).is_ok()) else {
            return match brought.is_asked {
                true => found(self, convicts, "what was asked for is not opened".into()),
                false => found(self, clears, "nothing was asked for".into()),
            };
        };
        let Some(record) = brought.record else {
            return found(self, clears, "no step is disputed".into());
        };
        let evidence = record.about(opening);
        match judge(self.own.job.0.program(), &accepted, commitment, &evidence) {
            Ok(finding) => found(self, finding.ruling, finding.reason),
            // A step that this machine cannot run: no ruling is no verdict.
            Err(EvidenceError::Defect { .. }) => Ok(None),
            Err(error @ EvidenceError::OtherJob) => found(self, convicts, error.to_string()),
            Err(error) => found(self, clears, error.to_string()),
        }
    }

    /// What was brought, as far as its author has signed it: the verifier's part first, which picks the step.
    fn disputed_by(&self, book: &Book) -> Result<Brought, LifeError> {
        let contract = book.contract();
        let mut parts = self.brought(book)?;
        parts.sort_by_key(|(by, _)| *by != Litigant::Verifier);
        let mut all = Brought::default();
        let key = |role| contract.word_key(role);
        let (mut blind, mut acknowledged) = (Vec::new(), Vec::new());
        for (by, pieces) in parts {
            for piece in pieces {
                match piece {
                    Piece::Item(signed) => {
                        let author = Role::from(signed.item.author());
                        if !key(author).is_some_and(|key| signed.is_by(contract.id(), &key)) {
                            continue;
                        }
                        match &signed.item {
                            Item::Commitment(commitment) => all.commitments.push(**commitment),
                            item @ Item::Blind { .. } => blind.push(item.id(contract.id())),
                            _ => {}
                        }
                    }
                    Piece::Receipt(signed) => {
                        let receipt = &signed.receipt;
                        let by_worker =
                            key(Role::Worker).is_some_and(|key| key.serialize() == receipt.issuer);
                        let is_good = by_worker
                            && receipt.contract == *contract.id()
                            && receipt.kind == ReceiptKind::Reply
                            && signed.check(receipt).is_ok();
                        acknowledged.extend(is_good.then_some(receipt.item));
                    }
                    Piece::Opening(opening) => all.openings.push(*opening),
                    Piece::Record(record) if by == Litigant::Verifier => {
                        all.record = all.record.or(Some(record));
                    }
                    _ => {}
                }
            }
        }
        all.is_asked = acknowledged.iter().any(|item| blind.contains(item));
        Ok(all)
    }
}
