//! The rows for an approval that the client challenges.

use super::item::{Item, data_id};
use super::table::{Found, Judge, dated, verifier, worker};
use super::{Litigant, RootOfRecord, Row, RuleError};
use crate::arbiters::Ruling;
use crate::commitment::{Commitment, ReceiptKind};
use crate::sample;
use crate::schedule::ChallengeSchedule;

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
        if let Some(why) = self.unserved(&record) {
            return Ok(worker(Row::Unserved, why));
        }
        let audited = match self.audited(&record)? {
            Ok(indices) => indices,
            Err(why) => return Ok(worker(Row::Unopened, why)),
        };
        if let Some(why) = self.shut(&audited, &commitment) {
            return Ok(worker(Row::Unopened, why));
        }
        self.challenged_step(&audited, &commitment)
    }

    /// The worker's opening for the client: id of the item, and of the draw that it names.
    fn audit_opening(&self) -> Option<([u8; 32], [u8; 32])> {
        self.pool.items.iter().find_map(|(id, item)| match item {
            Item::AuditOpening { audit, .. } => Some((*id, *audit)),
            _ => None,
        })
    }

    /// Row c2. A client that can check nothing would have to challenge blindly: so whoever is approved serves it first.
    fn unserved(&self, record: &RootOfRecord) -> Option<String> {
        let dates = ChallengeSchedule::of(&self.case.terms.params, self.case.chain.verdict);
        let data = data_id(&self.case.terms.contract, &record.root);
        let opening = self.audit_opening().map(|(id, _)| id);
        let things = [
            ("boxes", ReceiptKind::Data, Some(data)),
            ("opening", ReceiptKind::Opening, opening),
        ];
        things.into_iter().find_map(|(what, kind, id)| {
            let date = id.and_then(|id| self.handed(kind, &id, &[Litigant::Client]));
            let late = date.is_none_or(|date| date > dates.served);
            late.then(|| {
                let (by, dated) = (dates.served, dated(date));
                format!("{what} not handed over to the client by height {by}: {dated}")
            })
        })
    }

    /// The steps that the client looks at: drawn by itself, if the worker has taken that, else by a block.
    fn audited(&self, record: &RootOfRecord) -> Result<Result<Vec<u64>, String>, RuleError> {
        let taken = self.audit_opening().map(|(_, audit)| audit);
        let seed = match taken.filter(|audit| *audit != [0; 32]) {
            None => {
                let block = self.case.block(self.case.audit_height())?;
                sample::audit_seed(&record.root, &[0; 32], &block)
            }
            Some(named) => {
                let drawn = self.pool.items.iter().find_map(|(id, item)| match item {
                    Item::Audit { root, nonce } if *id == named => Some((root, nonce)),
                    _ => None,
                });
                match drawn {
                    Some((root, nonce)) if *root == record.root => {
                        sample::audit_seed(root, nonce, &[0; 32])
                    }
                    Some(_) => return Ok(Err("the client has drawn for another root".into())),
                    None => {
                        return Ok(Err("what the worker opened, the client did not draw".into()));
                    }
                }
            }
        };
        let params = &self.case.terms.params;
        let count = params.audit().map_or(0, |audit| audit.steps);
        Ok(sample::draw(&seed, params.steps(), count).map_err(|why| why.to_string()))
    }

    /// Row c3: the worker has not opened these steps to the panel, keys and boxes and all.
    fn shut(&self, audited: &[u64], commitment: &Commitment) -> Option<String> {
        let mut why = "the worker has not opened to the panel what the client looks at".to_owned();
        for shown in self.pool.openings.iter().filter(|s| s.is_of(audited)) {
            match shown.unpaid(commitment) {
                None => return None,
                Some(fault) => why = fault,
            }
        }
        Some(why)
    }

    /// Rows c4 and c5: the step whose input the client brings, run again.
    fn challenged_step(
        &mut self,
        audited: &[u64],
        commitment: &Commitment,
    ) -> Result<Found, RuleError> {
        let named = self.pool.records.iter();
        let mut named = named.filter(|(by, _)| *by == Litigant::Client);
        let Some(index) = named.next().map(|(_, input)| input.index) else {
            return Ok(verifier(Row::NoGround, "the client names no step".into()));
        };
        let Some(opening) = self.with_box(audited, commitment, index).cloned() else {
            let reason = format!("step {index} is not among those that the client looks at");
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
