//! What other parties say.

use narthex_contracts::{
    attest::Attestation, setup::Release, shared_secret::RevealedShare, terms::Role,
};
use narthex_game_model::{
    commitment::{ReceiptKind, SignedReceipt},
    ruling::SignedItem,
};

use super::{ContractMachine, Side, Taken};
use crate::contract::{Blob, ContractChange, ContractRefusal, Said, paper::is_of_paper};

/// Most receipts of one issuer that are filed.
const MAX_OF_ISSUER: usize = 24;

/// Most shares or signatures of the settlement that wait to be checked.
const MAX_UNCHECKED: usize = 4;

/// How often they may be found to be none before no more are taken.
const MAX_FALSE: u8 = 16;

/// What completes the settlement, and the same from who has sent too many that were none.
const SHARE: [&str; 2] = [
    "share of the settlement",
    "share of the settlement, after so many that were none",
];
const SIGNATURE: [&str; 2] = [
    "signature of the settlement",
    "signature of the settlement, after so many that were none",
];

impl<S: Side> ContractMachine<S> {
    pub(super) fn said(&self, from: Role, what: &Said) -> Taken {
        let (book, contract) = (&self.book, self.contract());
        let me = contract.role();
        let not_its_part = |what| book.not_its_part(from, what);
        let is_known = contract.terms().key(from).is_some() && from != me;
        let papers = &book.papers;
        match what {
            _ if !is_known => not_its_part("message"),
            Said::Item(signed) => self.item(from, signed),
            Said::Receipt(signed) => self.receipt(from, signed),
            Said::Commitment(commitment) => match (from, papers.commitment()) {
                // What the worker has not signed binds it only by the root of record: another one may be.
                // The root of record says whose it is, whoever shows it: a verifier hands it on with the boxes.
                (Role::Worker | Role::Verifier, None) if book.has_root(&commitment.id()) => {
                    Ok(vec![ContractChange::Shown(commitment.clone())])
                }
                (Role::Worker | Role::Verifier, Some(_)) => Ok(Vec::new()),
                (Role::Worker | Role::Verifier, None) => {
                    not_its_part("commitment to no root on record")
                }
                _ => not_its_part("commitment"),
            },
            Said::Blob(Blob::Boxes { .. }) if papers.commitment().is_none() => {
                not_its_part("boxes of no commitment")
            }
            // Another one's opening under this name is not taken first: what nobody signed fills no place.
            Said::Blob(Blob::Opening { id, .. }) if !papers.is_named(id) => {
                not_its_part("opening that no item names")
            }
            Said::Blob(blob) => {
                let (what, is_here) = match blob {
                    Blob::Boxes { .. } => ("boxes", papers.boxes().is_some()),
                    Blob::Opening { id, .. } => ("opening", papers.opening(id).is_some()),
                };
                let by = from.into();
                match is_here {
                    _ if me == Role::Worker || from == Role::Client => not_its_part(what),
                    // The first is looked into before another one takes its place.
                    true => Ok(Vec::new()),
                    false if papers.is_heard(by) => {
                        Ok(vec![ContractChange::Kept { by, blob: *blob }])
                    }
                    false => not_its_part("long thing more, after so many that were none"),
                }
            }
            Said::Evidence(said) => book.part_said(from, said),
            Said::Release(release) => {
                let is_known = |known: &[Release]| known.contains(release);
                let is_new = book.approved.is_empty()
                    && !is_known(&book.released)
                    && !is_known(&book.rejected);
                let change = ContractChange::Released(release.clone());
                let waiting = is_new.then_some((book.released.len(), change));
                self.unchecked(
                    from,
                    (Role::Verifier, contract.approved_to()),
                    SHARE,
                    waiting,
                )
            }
            Said::HandedOver(_) if contract.is_paper() => {
                not_its_part("signature of the settlement")
            }
            Said::HandedOver(handed) => {
                let is_new = book.passed.is_empty() && !book.handed.contains(handed);
                let change = ContractChange::HandedOver(handed.clone());
                let waiting = is_new.then_some((book.handed.len(), change));
                self.unchecked(from, (Role::Client, Role::Worker), SIGNATURE, waiting)
            }
            Said::Attestation(attestation) => {
                let checked = attestation.check(contract.terms());
                checked.map_err(|error| ContractRefusal::Attestation { from, error })?;
                self.attestation(attestation)
            }
            Said::Share(share) => self.share(from, share),
            Said::Digest(digest) => book.digest_said(from, digest),
            Said::DigestSeen(digest) => book.digest_seen(from, digest),
            Said::Ending(said) => {
                let changes = book.ending_said(from, said)?.into_iter();
                let changes = changes.map(|change| ContractChange::Ending(Box::new(change)));
                Ok(changes.collect())
            }
        }
    }

    /// What this party has said before its disk was an older copy. Its key is on it: whatever binds it is taken, whoever gives it back.
    /// What it would come to again by itself is not: it works on what it has.
    pub(super) fn recalled(&self, what: &Said) -> Taken {
        let changes = self.recalls(what)?;
        if changes.is_empty() {
            return Ok(changes);
        }
        Ok(self.put_back().into_iter().chain(changes).collect())
    }

    /// Its disk is not what it was. Only an arbiter acts on that: it may have ruled.
    pub(super) fn put_back(&self) -> Vec<ContractChange> {
        let is_arbiter = matches!(self.contract().role(), Role::Arbiter(_));
        let is_news = is_arbiter && !self.book.once().is_put_back();
        is_news
            .then_some(ContractChange::PutBack(true))
            .into_iter()
            .collect()
    }

    fn recalls(&self, what: &Said) -> Taken {
        let contract = self.contract();
        let from = contract.role();
        match what {
            // Also another party's, which it has handed on.
            Said::Item(signed) => self.item(from, signed),
            Said::Receipt(signed) => {
                let receipt = &signed.receipt;
                let is_own = self.book.word(from) == Some(receipt.issuer)
                    && receipt.contract == *contract.id();
                if !is_own || signed.check(receipt).is_err() {
                    let what = "receipt";
                    return Err(ContractRefusal::Unsigned { from, what });
                }
                let is_news = self.book.papers.recalls(signed);
                let change = ContractChange::Recalled(*signed);
                Ok(is_news.then_some(change).into_iter().collect())
            }
            Said::Attestation(attestation) => {
                let checked = attestation.check(contract.terms());
                checked.map_err(|error| ContractRefusal::Attestation { from, error })?;
                self.attestation(attestation)
            }
            Said::Share(share) => self.share(from, share),
            Said::Digest(digest) | Said::DigestSeen(digest) => {
                Ok(self.book.digest_recalled(digest))
            }
            Said::Commitment(_)
            | Said::Blob(_)
            | Said::Evidence(_)
            | Said::Release(_)
            | Said::HandedOver(_)
            | Said::Ending(_) => Ok(Vec::new()),
        }
    }

    /// A share or a signature of the settlement, which one party sends another; so many wait to be checked.
    fn unchecked(
        &self,
        from: Role,
        way: (Role, Role),
        [what, once_more]: [&'static str; 2],
        waiting: Option<(usize, ContractChange)>,
    ) -> Taken {
        let to = self.contract().role();
        if (from, to) != way {
            return self.book.not_its_part(from, what);
        }
        if self.book.fakes >= MAX_FALSE {
            return self.book.not_its_part(from, once_more);
        }
        let waiting = waiting.filter(|(before, _)| *before < MAX_UNCHECKED);
        Ok(waiting.map(|(_, change)| change).into_iter().collect())
    }

    /// A share of the panel's secret, whoever hands it on.
    fn share(&self, from: Role, share: &RevealedShare) -> Taken {
        let contract = self.contract();
        if !contract.is_paper() {
            return self.book.not_its_part(from, "share of a panel's secret");
        }
        let checked = contract.check_share(share);
        checked.map_err(|error| ContractRefusal::Share { from, error })?;
        let mut known = self.book.revealed.iter();
        let is_new = known.all(|known| known.member != share.member);
        let change = ContractChange::Revealed(*share);
        Ok(is_new.then_some(change).into_iter().collect())
    }

    fn attestation(&self, attestation: &Attestation) -> Taken {
        // Two rulings of one arbiter are both kept: they show its key.
        let same = |known: &Attestation| {
            (known.arbiter, known.ruling) == (attestation.arbiter, attestation.ruling)
        };
        match self.book.attested.iter().any(same) {
            true => Ok(Vec::new()),
            false => Ok(vec![ContractChange::Attested(*attestation)]),
        }
    }

    fn item(&self, from: Role, signed: &SignedItem) -> Taken {
        let contract = self.contract();
        // What is filed was checked when it came: most of what is said is said again.
        if self.book.papers.items().contains(signed) {
            return Ok(Vec::new());
        }
        if is_of_paper(&signed.item).is_some_and(|of| of != contract.is_paper()) {
            return self.book.not_its_part(from, signed.item.name());
        }
        let author = Role::from(signed.item.author());
        let key = contract.word_key(author);
        if !key.is_some_and(|key| signed.is_by(contract.id(), &key)) {
            let what = signed.item.name();
            return Err(ContractRefusal::Unsigned { from, what });
        }
        let filed = ContractChange::Filed(signed.clone());
        let is_news = self.book.papers.is_news(signed);
        Ok(is_news.then_some(filed).into_iter().collect())
    }

    /// What another party acknowledges, or keeps. It may come before what it is for.
    fn receipt(&self, from: Role, signed: &SignedReceipt) -> Taken {
        let (book, contract) = (&self.book, self.contract());
        let (me, receipt) = (contract.role(), &signed.receipt);
        let what = "receipt";
        // A client that draws must know who has its draw.
        let is_client = me == Role::Client && contract.is_audited();
        // An arbiter sends boxes to nobody who has them.
        let is_of_boxes = matches!(me, Role::Arbiter(_)) && receipt.kind == ReceiptKind::Data;
        if !(matches!(me, Role::Worker | Role::Verifier) || is_client || is_of_boxes) {
            return book.not_its_part(from, what);
        }
        if book.papers.receipts.contains(signed) {
            return Ok(Vec::new());
        }
        let issuer = book
            .holder_of(&receipt.issuer)
            .filter(|issuer| *issuer != me);
        let kind_fits = issuer.is_some_and(|issuer| {
            matches!(issuer, Role::Arbiter(_)) == (receipt.kind == ReceiptKind::Kept)
        });
        let is_ours = receipt.contract == *contract.id() && kind_fits;
        // It is compared with itself: what it is for may not have come yet.
        if !is_ours || signed.check(receipt).is_err() {
            return Err(ContractRefusal::Unsigned { from, what });
        }
        let mut of_issuer = 0usize;
        for known in &book.papers.receipts {
            let known = &known.receipt;
            of_issuer += usize::from(known.issuer == receipt.issuer);
            if (known.issuer, known.item, known.kind)
                == (receipt.issuer, receipt.item, receipt.kind)
            {
                return Ok(Vec::new());
            }
        }
        let filed = ContractChange::Receipt(*signed);
        let has_room = of_issuer < MAX_OF_ISSUER;
        Ok(has_room.then_some(filed).into_iter().collect())
    }
}
