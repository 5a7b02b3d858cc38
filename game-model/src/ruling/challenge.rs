//! The rows for an approval that the client challenges.

use super::item::{Item, data_id};
use super::table::{Found, Judge, dated, verifier, worker};
use super::{Litigant, RootOfRecord, Row, RuleError};
use crate::arbiters::Ruling;
use crate::commitment::{Commitment, ReceiptKind};
use crate::schedule::ChallengeSchedule;

impl Judge<'_> {
    /// The first row that applies. Only the worker's part of the talk counts: a verifier in league would sign anything, and
    /// one that is not has approved. "Against the verifier" says that the challenge is dismissed.
    pub(super) fn challenge(&mut self) -> Result<Found, RuleError> {
        if let Some(found) = self.contradiction(&[Litigant::Worker]) {
            return Ok(found);
        }
        let (record, commitment) = match self.record() {
            Ok(fine) => fine,
            Err(why) => return Ok(worker(Row::Record, why)),
        };
        if let Some(why) = self.unserved(&record) {
            return Ok(worker(Row::Unserved, why));
        }
        if let Some(why) = self.unpaid()? {
            return Ok(worker(Row::Unopened, why));
        }
        self.challenged_step(&record, &commitment)
    }

    /// Row c2. A client that can check nothing would have to challenge blindly: so whoever is approved serves it first.
    fn unserved(&self, record: &RootOfRecord) -> Option<String> {
        let chain = &self.case.chain;
        let dates = ChallengeSchedule::of(&self.case.terms.params, chain.rejected);
        let data = data_id(&self.case.terms.contract, &record.root);
        let opening = self.pool.items.iter().find_map(|(id, item)| {
            let signed = matches!(item, Item::Opening { .. });
            signed.then_some(*id)
        });
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

    /// Rows c4 and c5: the step whose input the client brings, run again.
    fn challenged_step(
        &mut self,
        record: &RootOfRecord,
        commitment: &Commitment,
    ) -> Result<Found, RuleError> {
        let named = self.pool.records.iter();
        let mut named = named.filter(|(by, _)| *by == Litigant::Client);
        let Some(index) = named.next().map(|(_, input)| input.index) else {
            return Ok(verifier(Row::NoGround, "the client names no step".into()));
        };
        // Row c3 has seen to it that there is one.
        let drawn = self.paid_sample(record)?;
        let drawn = drawn.map_err(|_| RuleError::Facts("a sample that was opened can be drawn"))?;
        let opening = self.with_box(&drawn.indices, commitment, index).cloned();
        let Some(opening) = opening else {
            let reason = format!("step {index} is not in the sample");
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
