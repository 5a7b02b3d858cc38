//! The table, row by row.

use super::evidence::{Brought, Pool};
use super::item::{Answer, Item, data_id};
use super::{Case, CaseFinding, Litigant, Rerun, RootOfRecord, Row, RuleError};
use crate::arbiters::{Accusation, Ruling};
use crate::commitment::{Commitment, ReceiptKind};
use crate::sample;
use crate::schedule::Schedule;
use crate::token::{self, SealCost, SealError, SealedToken};

/// Rules on a case: the first row of the table that applies.
///
/// `brought` is all that was in evidence at [`PanelSchedule::evidence`](crate::schedule::PanelSchedule), in any order. Who
/// brought a part, the caller has seen to: parts are not signed. Of two parts of one party the one with more pieces counts,
/// of as many the one with the smaller hash. `cost` is that of the seal, [`SealCost::CONTRACT`] in every contract.
///
/// # Errors
/// [`RuleError`]: nothing is found, and nothing is said about any party.
pub fn rule(
    case: &Case,
    brought: &[Brought],
    rerun: Rerun<'_>,
    cost: SealCost,
) -> Result<CaseFinding, RuleError> {
    case.check()?;
    let mut judge = Judge {
        case,
        schedule: case.schedule(),
        pool: Pool::admit(&case.terms, brought),
        rerun,
        cost,
    };
    let found = match case.chain.accusation {
        Accusation::Appeal => judge.table()?,
        Accusation::Challenge => judge.challenge()?,
    };
    let Found {
        row,
        ruling,
        reason,
    } = found;
    let unpaid = match ruling {
        Ruling::WorkerAtFault => None,
        Ruling::VerifierAtFault => match case.chain.accusation {
            Accusation::Appeal => judge.unpaid()?,
            // Row c3 has asked for what the worker is paid for.
            Accusation::Challenge => None,
        },
    };
    Ok(CaseFinding {
        row,
        ruling: match unpaid {
            None => ruling,
            Some(_) => Ruling::WorkerAtFault,
        },
        reason,
        unpaid,
        refused: judge.pool.refused,
    })
}

pub(super) struct Found {
    pub(super) row: Row,
    pub(super) ruling: Ruling,
    pub(super) reason: String,
}

pub(super) const fn worker(row: Row, reason: String) -> Found {
    Found {
        row,
        ruling: Ruling::WorkerAtFault,
        reason,
    }
}

pub(super) const fn verifier(row: Row, reason: String) -> Found {
    Found {
        row,
        ruling: Ruling::VerifierAtFault,
        reason,
    }
}

pub(super) struct Judge<'a> {
    pub(super) case: &'a Case,
    schedule: Schedule,
    pub(super) pool: Pool,
    pub(super) rerun: Rerun<'a>,
    cost: SealCost,
}

/// A sample that counts.
pub(super) struct Drawn {
    id: [u8; 32],
    seed: [u8; 32],
    pub(super) indices: Vec<u64>,
    /// Whether it was handed over by its deadline: the worker's deadlines bind it to nothing that the verifier began behind its own.
    is_timely: bool,
}

/// A reply that counts.
struct Reply {
    id: [u8; 32],
    answer: Answer,
    sealed: SealedToken,
    /// As of a sample.
    is_timely: bool,
}

impl Judge<'_> {
    fn table(&mut self) -> Result<Found, RuleError> {
        if let Some(found) = self.contradiction(&[Litigant::Worker, Litigant::Verifier]) {
            return Ok(found);
        }
        let (record, commitment) = match self.record() {
            Ok(fine) => fine,
            Err(why) => return Ok(worker(Row::Record, why)),
        };
        let (boxes, rejected) = (self.schedule.record, self.case.chain.verdict);
        let data = data_id(&self.case.terms.contract, &record.root);
        let receivers = [Litigant::Verifier];
        let late = |date: Option<u32>, deadline: u32| date.is_none_or(|date| date > deadline);
        let date = self.handed(ReceiptKind::Data, &data, &receivers);
        if late(date, boxes) && rejected > boxes {
            let reason = format!("boxes not handed over by height {boxes}: {}", dated(date));
            return Ok(worker(Row::Boxes, reason));
        }
        let drawn = match self.sample(&record)? {
            Ok(drawn) => drawn,
            Err(why) => return Ok(verifier(Row::Sample, why)),
        };
        let (deadline, token) = (self.schedule.token, self.token(&drawn.id));
        let handed = token.as_ref().is_some_and(|(id, _)| {
            let answered = self.reply().is_some_and(|(_, named, _)| named == *id);
            let date = self.handed(ReceiptKind::Token, id, &[Litigant::Verifier]);
            answered || !late(date, deadline)
        });
        if !handed && rejected > deadline && drawn.is_timely {
            let reason = format!("no token for the sample handed over by height {deadline}");
            return Ok(worker(Row::Token, reason));
        }
        let deadline = self.schedule.reply.min(rejected);
        let reply = match self.answer(&drawn, token, deadline) {
            Ok(fine) => fine,
            Err(why) => return Ok(verifier(Row::Reply, why)),
        };
        match &reply.answer {
            Answer::Digests(digests) => self.digests(&drawn, (&reply.sealed, digests), &commitment),
            Answer::Shown { hash, .. } => {
                if let Some(why) = self.false_hash(hash) {
                    return Ok(verifier(Row::Reply, why));
                }
                self.shown(&drawn, &reply, &commitment)
            }
        }
    }

    pub(super) fn handed(
        &self,
        kind: ReceiptKind,
        item: &[u8; 32],
        receivers: &[Litigant],
    ) -> Option<u32> {
        self.pool.handed(&self.case.terms, kind, item, receivers)
    }

    /// Row 0. Items are in the pool once each, so two of one kind are different.
    pub(super) fn contradiction(&self, authors: &[Litigant]) -> Option<Found> {
        for author in authors.iter().copied() {
            let mut said: Vec<_> = self.pool.items.iter().map(|(_, item)| item).collect();
            said.retain(|item| item.author() == author);
            said.sort_by_key(|item| item.code());
            let twice = said.windows(2).find(|two| two[0].code() == two[1].code());
            if let Some(two) = twice {
                let reason = format!("the {author} signed two different items: {}", two[0].name());
                return Some(match author {
                    Litigant::Worker => worker(Row::Contradiction, reason),
                    _ => verifier(Row::Contradiction, reason),
                });
            }
        }
        None
    }

    /// Row 1: the root of record, with what it commits to.
    pub(super) fn record(&self) -> Result<(RootOfRecord, Commitment), String> {
        let (deadline, accused) = (self.schedule.record, self.case.chain.accused);
        let record = self.case.chain.record.ok_or("no root of record")?;
        let height = record.height;
        if height > deadline {
            return Err(format!(
                "root of record at height {height}, after {deadline}"
            ));
        }
        // An appeal: before a challenge the root is late already (`Bound::ChallengeAfterRecord`). In one block with it no root was chosen by
        // what draws a sample: no block behind was known.
        if height > accused {
            let why = format!("root of record at height {height}, the appeal at {accused}");
            return Err(why + ": it must be on record by then");
        }
        for (_, item) in &self.pool.items {
            if let Item::Commitment(signed) = item
                && signed.id() != record.root
            {
                return Err("the worker signed a commitment with another root".into());
            }
        }
        let shown = self.pool.commitments.iter();
        let shown = shown.copied().find(|shown| shown.id() == record.root);
        let shown = shown.ok_or("nobody shows what the root of record commits to")?;
        let terms = &self.case.terms;
        let fits = shown.check_terms(&terms.result, terms.params.openings());
        fits.map_err(|why| why.to_string())?;
        match shown.job == terms.job.id() && shown.steps == terms.params.steps() {
            true => Ok((record, shown)),
            false => Err("the root of record commits to another job".into()),
        }
    }

    /// Row 3: the sample that the verifier has drawn, if it counts and was handed over.
    pub(super) fn sample(&self, record: &RootOfRecord) -> Result<Result<Drawn, String>, RuleError> {
        let deadline = self.schedule.nonce.min(self.case.chain.verdict);
        let mut why = format!("no sample handed over by height {deadline}");
        let own = self.pool.items.iter().find_map(|(id, item)| match item {
            Item::Sample {
                nonce,
                height,
                block,
            } => Some((*id, *nonce, *height, *block)),
            _ => None,
        });
        let Some((id, nonce, height, block)) = own else {
            return Ok(Err(why));
        };
        // Whoever seals a token for a sample has it, and takes it for the contract's.
        let taken = self.token(&id).is_some();
        if sample::nonce_commitment(&nonce) != self.case.terms.sample_nonce {
            return Ok(Err("the sample's nonce is not the contract's".into()));
        }
        if !taken && !self.may_draw(height, &block)? {
            return Ok(Err(format!("no block at height {height} draws the sample")));
        }
        let date = self.handed(ReceiptKind::Sample, &id, &[Litigant::Worker]);
        let is_timely = date.is_some_and(|date| date <= deadline);
        if taken || is_timely {
            let drawn = self.draw(id, &record.root, &nonce, &block);
            return Ok(drawn.map(|drawn| Drawn { is_timely, ..drawn }));
        }
        why = format!("{why}: {}", dated(date));
        Ok(Err(why))
    }

    /// Whether a block may draw the sample: any of the chain since the funding. Which one, the verifier says, and it
    /// signs one sample only. Were it bound to the block after a height that only it has seen (off chain), a worker
    /// could not know whether a sample counts that it must seal a token for.
    fn may_draw(&self, height: u32, block: &[u8; 32]) -> Result<bool, RuleError> {
        let chain = &self.case.chain;
        match (chain.funded..=chain.accused).contains(&height) {
            true => Ok(self.case.block(height)? == *block),
            false => Ok(false),
        }
    }

    pub(super) fn draw(
        &self,
        id: [u8; 32],
        root: &[u8; 32],
        nonce: &[u8; 32],
        block: &[u8; 32],
    ) -> Result<Drawn, String> {
        let seed = sample::seed(root, nonce, block);
        let params = &self.case.terms.params;
        let indices = sample::draw(&seed, params.steps(), params.sample());
        let indices = indices.map_err(|why| why.to_string())?;
        Ok(Drawn {
            id,
            seed,
            indices,
            is_timely: true,
        })
    }

    /// The worker's token for a sample.
    pub(super) fn token(&self, sample: &[u8; 32]) -> Option<([u8; 32], SealedToken)> {
        self.pool.items.iter().find_map(|(id, item)| match item {
            Item::Token {
                sample: named,
                sealed,
            } if named == sample => Some((*id, *sealed)),
            _ => None,
        })
    }

    /// The verifier's reply, and the token that it names.
    fn reply(&self) -> Option<([u8; 32], [u8; 32], &Answer)> {
        self.pool.items.iter().find_map(|(id, item)| match item {
            Item::Reply { token, answer } => Some((*id, *token, answer)),
            _ => None,
        })
    }

    /// The worker's opening of what follows a reply: id of the item, and of what is opened.
    fn signed_opening(&self, reply: &[u8; 32]) -> Option<([u8; 32], [u8; 32])> {
        self.pool.items.iter().find_map(|(id, item)| match item {
            Item::Opening {
                reply: named,
                opening,
            } if named == reply => Some((*id, *opening)),
            _ => None,
        })
    }

    /// Row 5, but for a false hash.
    fn answer(
        &self,
        drawn: &Drawn,
        token: Option<([u8; 32], SealedToken)>,
        deadline: u32,
    ) -> Result<Reply, String> {
        let late = format!("no reply to the token handed over by height {deadline}");
        let (id, named, answer) = self.reply().ok_or_else(|| late.clone())?;
        let (_, sealed) = token
            .filter(|(token, _)| *token == named)
            .ok_or("the reply is to a token that the worker did not sign for this sample")?;
        let opened = self.signed_opening(&id).is_some();
        let date = self.handed(ReceiptKind::Reply, &id, &[Litigant::Worker]);
        let is_timely = date.is_some_and(|date| date <= deadline);
        if !opened && !is_timely {
            return Err(format!("{late}: {}", dated(date)));
        }
        if let Answer::Digests(digests) = answer
            && digests.len() != drawn.indices.len()
        {
            let (found, sampled) = (digests.len(), drawn.indices.len());
            return Err(format!("a reply of {found} digests for {sampled} steps"));
        }
        Ok(Reply {
            id,
            answer: answer.clone(),
            sealed,
            is_timely,
        })
    }

    /// Row 5: the hash is not that of x, which the worker gives to the panel.
    fn false_hash(&self, hash: &[u8; 32]) -> Option<String> {
        let contract = &self.case.terms.contract;
        let mut shown = self.pool.tokens.iter().map(|token| token.shown(contract));
        let other = shown.find(|right| right != hash);
        other.map(|_| "the reply is not the hash of the token".into())
    }

    /// Whether the seal opens to x under these digests.
    fn opens(
        &self,
        drawn: &Drawn,
        sealed: &SealedToken,
        digests: &[[u8; 32]],
    ) -> Result<bool, RuleError> {
        let point = &self.case.terms.token;
        match token::open(sealed, &drawn.seed, digests, point, self.cost) {
            Ok(_) => Ok(true),
            Err(SealError::Shut) => Ok(false),
            Err(why) => Err(RuleError::Seal(why)),
        }
    }

    /// Rows 6 to 8.
    fn digests(
        &mut self,
        drawn: &Drawn,
        (sealed, digests): (&SealedToken, &[[u8; 32]]),
        commitment: &Commitment,
    ) -> Result<Found, RuleError> {
        if self.opens(drawn, sealed, digests)? {
            let reason = "the seal opens under the verifier's own digests".into();
            return Ok(verifier(Row::OpenSeal, reason));
        }
        let Some(opening) = self.opened(&drawn.indices, commitment).cloned() else {
            let reason = "the worker shows no leaves of the sample that are its own".into();
            return Ok(worker(Row::Leaves, reason));
        };
        let mut pairs = opening.leaves.iter().zip(digests);
        let Some((leaf, _)) = pairs.find(|(leaf, own)| leaf.digest != **own) else {
            let reason = "the worker's leaves are the verifier's digests, and the seal is shut";
            return Ok(worker(Row::Leaves, reason.into()));
        };
        let index = leaf.index;
        // Somebody may have brought the same opening with the hash of this box.
        let Some(opening) = self.with_box(&drawn.indices, commitment, index).cloned() else {
            let reason = format!("the worker shows its leaves without the box of step {index}");
            return Ok(worker(Row::Leaves, reason));
        };
        let rerun = self.rerun;
        let found = rerun.judge(self.case, &mut self.pool, commitment, (index, &opening))?;
        // The worker has the digests since the reply, and its own leaves: it knows the step before anybody else, and has to
        // bring the input with the leaves. The verifier learns which step it is from them, maybe when nothing can be brought
        // any more.
        let Some(found) = found else {
            let reason =
                format!("nobody brings the input of step {index}, on which the digests differ");
            return Ok(worker(Row::Rerun, reason));
        };
        Ok(Found {
            row: Row::Rerun,
            ruling: found.ruling,
            reason: found.reason,
        })
    }

    /// Rows 9 to 11.
    fn shown(
        &self,
        drawn: &Drawn,
        reply: &Reply,
        commitment: &Commitment,
    ) -> Result<Found, RuleError> {
        let (deadline, rejected) = (self.schedule.opening, self.case.chain.verdict);
        let signed = self.signed_opening(&reply.id);
        let date = signed
            .and_then(|(item, _)| self.handed(ReceiptKind::Opening, &item, &[Litigant::Verifier]));
        let is_late = date.is_none_or(|date| date > deadline) && rejected > deadline;
        if is_late && reply.is_timely {
            let reason = format!(
                "no opening handed over by height {deadline}: {}",
                dated(date)
            );
            return Ok(worker(Row::Opening, reason));
        }
        // What the worker signed as its opening and is none convicts it whenever the verifier rejects.
        let named = signed.and_then(|(_, named)| {
            let mut all = self.pool.openings.iter();
            all.find(|shown| shown.opening.id() == named)
        });
        if let Some(shown) = named {
            let why = match shown.is_of(&drawn.indices) {
                false => Some("it opens other steps than the sample's".to_owned()),
                true => shown.check(commitment).err().map(|why| why.to_string()),
            };
            if let Some(why) = why {
                let reason = format!("the opening that the worker signed is none: {why}");
                return Ok(worker(Row::Opening, reason));
            }
        }
        if let Some(opening) = self.opened(&drawn.indices, commitment) {
            let digests: Vec<_> = opening.leaves.iter().map(|leaf| leaf.digest).collect();
            if !self.opens(drawn, &reply.sealed, &digests)? {
                let reason = "the seal does not open to the token under the opened leaves";
                return Ok(worker(Row::FalseSeal, reason.into()));
            }
        }
        Ok(self.ground(drawn, commitment))
    }

    /// Rows 10 and 11.
    fn ground(&self, drawn: &Drawn, commitment: &Commitment) -> Found {
        let ground = self.pool.items.iter().find_map(|(_, item)| match item {
            Item::Verdict { bad_box, .. } => Some(*bad_box),
            _ => None,
        });
        let Some(index) = ground else {
            return verifier(Row::Else, "the verifier gives no ground".into());
        };
        if drawn.indices.binary_search(&index).is_err() {
            return verifier(Row::Else, format!("step {index} is not in the sample"));
        }
        // Openings may have the box or its hash; whoever has the box shows it.
        for shown in &self.pool.openings {
            let fits = shown.answers(&drawn.indices, commitment);
            let leaf = shown.opening.leaf(index).filter(|_| fits);
            if let Some(Err(why)) = leaf.and_then(|leaf| leaf.check_box(commitment)) {
                return worker(
                    Row::BadBox,
                    format!("the worker's box of step {index} {why}"),
                );
            }
        }
        verifier(
            Row::Else,
            format!("the box of step {index} is not shown to be bad"),
        )
    }
}

pub(super) fn dated(date: Option<u32>) -> String {
    date.map_or_else(
        || "nobody has acknowledged it".to_owned(),
        |height| format!("acknowledged at height {height}"),
    )
}
