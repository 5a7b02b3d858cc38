//! The rows for an approval that the client challenges.

use super::item::{Item, data_id};
use super::shown::Shown;
use super::table::{Found, Judge, dated, verifier, worker};
use super::{Litigant, RootOfRecord, Row, RuleError};
use crate::arbiters::Ruling;
use crate::commitment::{Boxed, Commitment, ReceiptKind};
use crate::sample;
use crate::schedule::ChallengeSchedule;

/// What the worker has signed as its opening to the client.
#[derive(Clone, Copy)]
struct Served {
    /// Id of the item.
    item: [u8; 32],
    /// The draw that it names; zeros for the block's.
    audit: [u8; 32],
    /// [`Opening::id`](crate::commitment::Opening::id).
    opening: [u8; 32],
}

impl Judge<'_> {
    /// The first row that applies. "Against the verifier" says that the challenge is dismissed.
    ///
    /// Nothing that the verifier signed counts. One in league with the worker has drawn a sample that misses what is wrong, and
    /// one that is in league with the client signs what it likes: it has approved.
    pub(super) fn challenge(&mut self) -> Result<Found, RuleError> {
        if let Some(found) = self.contradiction(&[Litigant::Worker, Litigant::Client]) {
            return Ok(found);
        }
        let (record, commitment) = match self.record() {
            Ok(fine) => fine,
            Err(why) => return Ok(worker(Row::Record, why)),
        };
        let served = match self.served(&record) {
            Ok(served) => served,
            Err(why) => return Ok(worker(Row::Unserved, why)),
        };
        let audited = match self.audited(&record, &served)? {
            Ok(indices) => indices,
            Err(why) => return Ok(worker(Row::Unopened, why)),
        };
        if let Some(why) = self.shut(&audited, &served, &commitment) {
            return Ok(worker(Row::Unopened, why));
        }
        self.challenged_step(&served, &commitment)
    }

    /// Row c2. A client that can check nothing would have to challenge blindly: so whoever is approved serves it first.
    fn served(&self, record: &RootOfRecord) -> Result<Served, String> {
        let dates = ChallengeSchedule::of(&self.case.terms.params, self.case.chain.verdict);
        let data = data_id(&self.case.terms.contract, &record.root);
        let signed = self.pool.items.iter().find_map(|(id, item)| match item {
            Item::AuditOpening { audit, opening } => Some(Served {
                item: *id,
                audit: *audit,
                opening: *opening,
            }),
            _ => None,
        });
        let things = [
            ("boxes", ReceiptKind::Data, Some(data)),
            ("opening", ReceiptKind::Opening, signed.map(|s| s.item)),
        ];
        for (what, kind, id) in things {
            let date = id.and_then(|id| self.handed(kind, &id, &[Litigant::Client]));
            if date.is_none_or(|date| date > dates.served) {
                let (by, dated) = (dates.served, dated(date));
                return Err(format!(
                    "{what} not handed over to the client by height {by}: {dated}"
                ));
            }
        }
        signed.ok_or_else(|| "the worker has signed no opening for the client".into())
    }

    /// The steps that the client looks at: drawn by itself, if the worker has taken that or had it by the approval, else by a
    /// block.
    ///
    /// A worker that could leave the client's draw for the block's would have two: it would take the one that misses what
    /// is wrong.
    fn audited(
        &self,
        record: &RootOfRecord,
        served: &Served,
    ) -> Result<Result<Vec<u64>, String>, RuleError> {
        let approved = self.case.chain.verdict;
        let own = self.pool.items.iter().find_map(|(id, item)| match item {
            Item::Audit { root, nonce } => Some((id, root, nonce)),
            _ => None,
        });
        // Of another root it binds nobody: who takes it has opened what was not asked for.
        let own = own.filter(|(_, root, _)| **root == record.root);
        let had = |id| {
            let date = self.handed(ReceiptKind::Sample, id, &[Litigant::Worker]);
            date.is_some_and(|date| date <= approved)
        };
        let seed = match own {
            Some((id, root, nonce)) if served.audit == *id => {
                sample::audit_seed(root, nonce, &[0; 32])
            }
            Some((id, ..)) if had(id) => {
                let why = "the worker had the client's draw by the approval, and opened by another";
                return Ok(Err(why.into()));
            }
            _ if served.audit != [0; 32] => {
                let why = "what the worker opened, the client did not draw of the root of record";
                return Ok(Err(why.into()));
            }
            _ => {
                let block = self.case.block(self.case.audit_height())?;
                sample::audit_seed(&record.root, &[0; 32], &block)
            }
        };
        let params = &self.case.terms.params;
        let count = params.audit().map_or(0, |audit| audit.steps);
        Ok(sample::draw(&seed, params.steps(), count).map_err(|why| why.to_string()))
    }

    /// Row c3: what the worker signed for the client, it has not shown the panel, or it is not what the client looks at and the
    /// rest of what may be opened, keys and boxes and all.
    ///
    /// It is that very opening: a worker that shows the client garbage and the panel the truth has shown the client nothing.
    /// And it is of d steps: with fewer the client could not open its result where the coefficient box holds garbage.
    fn shut(&self, audited: &[u64], served: &Served, commitment: &Commitment) -> Option<String> {
        let mut why = "the worker does not show the panel what it opened to the client".to_owned();
        for shown in self.signed_for_client(served) {
            let opening = &shown.opening;
            let (opened, most) = (opening.leaves.len(), commitment.openings as usize);
            why = match audited.iter().find(|i| opening.leaf(**i).is_none()) {
                Some(index) => format!("step {index}, which the client looks at, is not opened"),
                None if opened != most => format!("{opened} steps are opened, not {most}"),
                // Nothing is wrong with it.
                None => shown.unpaid(commitment)?,
            };
        }
        Some(why)
    }

    /// The opening that the worker signed for the client, as often as somebody brought it: with all boxes or some.
    fn signed_for_client(&self, served: &Served) -> impl Iterator<Item = &Shown> {
        let named = served.opening;
        let all = self.pool.openings.iter();
        all.filter(move |shown| shown.opening.id() == named)
    }

    /// Rows c4 and c5: the step whose input the client brings, run again.
    fn challenged_step(
        &mut self,
        served: &Served,
        commitment: &Commitment,
    ) -> Result<Found, RuleError> {
        let named = self.pool.records.iter();
        let mut named = named.filter(|(by, _)| *by == Litigant::Client);
        let Some(index) = named.next().map(|(_, input)| input.index) else {
            return Ok(verifier(Row::NoGround, "the client names no step".into()));
        };
        // Row c3 has found it whole, and verified.
        let whole = |shown: &&Shown| {
            let leaf = shown.opening.leaf(index);
            leaf.is_some_and(|leaf| matches!(leaf.sealed, Boxed::Whole(_)))
        };
        let opening = self.signed_for_client(served).find(whole);
        let Some(opening) = opening.map(|shown| shown.opening.clone()) else {
            let reason = format!("step {index} is not among those that were opened to the client");
            return Ok(verifier(Row::NoGround, reason));
        };
        let rerun = self.rerun;
        let found = rerun.judge(self.case, &mut self.pool, commitment, (index, &opening))?;
        Ok(match found {
            None => verifier(
                Row::NoGround,
                format!("what the client brings is not the input of step {index}"),
            ),
            Some(found) => Found {
                row: match found.ruling {
                    Ruling::WorkerAtFault => Row::ChallengedStep,
                    Ruling::VerifierAtFault => Row::NoGround,
                },
                ruling: found.ruling,
                reason: found.reason,
            },
        })
    }
}
