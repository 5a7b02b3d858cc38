//! From the sample to the settlement: blind digests, opening, verdict, appeal, panel.

use super::delivery::{Delivery, Source};
use super::{Arena, SimulationError};
use crate::commitment::{Opening, OpeningBook};
use crate::computation::StepProgram;
use crate::params::settlement::Outcome;
use crate::play::{
    Appeal, BlindDigests, Evidence, Verdict, VerdictError, VerdictReport, VerifierStrategy, judge,
};
use crate::simulation::league::LeagueGame;
use crate::simulation::{Dice, Unbacked, arbitrate};

/// What worker and verifier came to.
pub(super) struct Checked {
    pub(super) outcome: Outcome,
    pub(super) sampled: bool,
    pub(super) detected: bool,
    pub(super) unopened: bool,
    pub(super) unbacked_approval: bool,
    pub(super) equivocations: u8,
    pub(super) arbiters_that_checked: u8,
    pub(super) by_record: bool,
    /// The verifier approved without the token.
    pub(super) burnt: bool,
    pub(super) league: Option<LeagueGame>,
}

impl Checked {
    pub(super) const fn ended(outcome: Outcome) -> Self {
        Self {
            outcome,
            sampled: false,
            detected: false,
            unopened: false,
            unbacked_approval: false,
            equivocations: 0,
            arbiters_that_checked: 0,
            by_record: false,
            burnt: false,
            league: None,
        }
    }
}

impl<P: StepProgram> Arena<'_, P> {
    /// Blind digests, opening, verdict, and what follows from it.
    pub(super) fn check(
        &self,
        delivery: &Delivery,
        seed: &[u8; 32],
        dice: &Dice,
    ) -> Result<Checked, SimulationError> {
        let sample = self.draw(seed)?;
        let sampled = sample.iter().any(|index| delivery.bad.contains(index));
        let with = |outcome| Checked {
            sampled,
            ..Checked::ended(outcome)
        };
        if self.setup.verifier == VerifierStrategy::Silent {
            return Ok(with(self.after_silence(delivery)));
        }
        let salt = dice.bytes("blind salt", 0);
        let digests = match self.setup.verifier {
            VerifierStrategy::Honest => BlindDigests::recompute(self.job, &sample, salt)?,
            _ => {
                let noise = |index: &u64| dice.bytes("noise", *index);
                BlindDigests::claim(salt, sample.clone(), sample.iter().map(noise).collect())
            }
        };
        let published = digests.commitment();
        let opening = self.open(delivery, &sample)?;
        let compared = opening
            .as_ref()
            .and_then(|opening| digests.verdict(&delivery.commitment, opening).ok());
        let (Some(opening), Some(compared)) = (opening, compared) else {
            let stamped = self.setup.verifier == VerifierStrategy::RubberStamp;
            return Ok(Checked {
                unopened: true,
                unbacked_approval: stamped,
                burnt: stamped && self.setup.unbacked == Unbacked::Burns,
                ..with(self.without_opening(delivery))
            });
        };
        let verdict = match self.setup.verifier {
            VerifierStrategy::RubberStamp => Verdict::Equal,
            _ => compared,
        };
        let report = VerdictReport { digests, verdict };
        let backed = report.check(&published, &sample, &delivery.commitment, &opening);
        if let Err(VerdictError::Opening(_)) = backed {
            return Err(SimulationError::Broken("an opening that was good is not"));
        }
        let unbacked = backed.is_err();
        let detected = self.setup.verifier == VerifierStrategy::Honest && !verdict.approves();
        let after = match verdict {
            Verdict::Equal if unbacked && self.setup.unbacked == Unbacked::CountsAsSilence => {
                with(self.after_silence(delivery))
            }
            Verdict::Equal => with(self.after_approval(delivery)),
            Verdict::Differs { index, .. } | Verdict::BadBox { index } => {
                self.rejected(delivery, index, opening, dice)?
            }
        };
        let unbacked_approval = unbacked && verdict.approves();
        Ok(Checked {
            sampled,
            detected,
            unbacked_approval,
            burnt: unbacked_approval && self.setup.unbacked == Unbacked::Burns,
            ..after
        })
    }

    pub(super) fn open(
        &self,
        delivery: &Delivery,
        sample: &[u64],
    ) -> Result<Option<Opening>, SimulationError> {
        match &delivery.source {
            Source::Own(work) => {
                // Nothing of a game outlives it.
                let allowed = OpeningBook::new(work.commitment()).allow(sample, |_| Ok(()))?;
                Ok(Some(work.open(&allowed)?))
            }
            // It has no salts of its own, so it can only pass on what it has seen.
            Source::Copied(opening) => Ok(Some(opening.clone())),
        }
    }

    /// Only a rubber stamp approves what was not opened, and only where nobody looks.
    fn without_opening(&self, delivery: &Delivery) -> Outcome {
        match (self.setup.verifier, self.setup.unbacked) {
            (VerifierStrategy::RubberStamp, Unbacked::Stands | Unbacked::Burns) => {
                self.after_approval(delivery)
            }
            (VerifierStrategy::RubberStamp, Unbacked::CountsAsSilence) => {
                self.after_silence(delivery)
            }
            // Without an opening there is no evidence to appeal with.
            _ => Outcome::FaultyUnappealed,
        }
    }

    /// The worker's settlement needs its result secret.
    fn after_approval(&self, delivery: &Delivery) -> Outcome {
        match Self::can_reveal(delivery) {
            true => Outcome::Normal,
            false => Outcome::WorkerWithheld,
        }
    }

    fn after_silence(&self, delivery: &Delivery) -> Outcome {
        match Self::can_reveal(delivery) {
            true => Outcome::VerifierTimedOut,
            // The client ends it alone, and is paid as if nothing had been delivered.
            false => Outcome::WorkerTimedOut,
        }
    }

    /// Whether the worker can be paid by what it committed to: a settlement that pays it shows the secret whose point
    /// is in its commitment. What that opens is another question.
    fn can_reveal(delivery: &Delivery) -> bool {
        delivery.secret.point() == Some(delivery.commitment.result)
    }

    fn rejected(
        &self,
        delivery: &Delivery,
        index: u64,
        opening: Opening,
        dice: &Dice,
    ) -> Result<Checked, SimulationError> {
        let appeals = match self.setup.appeal {
            Appeal::Always => true,
            Appeal::Never => false,
            Appeal::Idle => return Ok(Checked::ended(Outcome::WorkerTimedOut)),
            Appeal::WhenRight => !delivery.bad.contains(&index),
        };
        if !appeals {
            return Ok(Checked::ended(Outcome::FaultyUnappealed));
        }
        let evidence = Evidence::gather(self.job, index, opening)?;
        let (program, job) = (self.job.program(), &self.accepted);
        let finding = judge(program, job, &delivery.commitment, &evidence)?;
        let quorum = self.setup.params.quorum();
        let arbitration = arbitrate(&self.setup.arbiters, quorum, finding.ruling, dice);
        Ok(Checked {
            equivocations: arbitration.equivocated.len(),
            arbiters_that_checked: arbitration.checked.len(),
            ..Checked::ended(arbitration.outcome)
        })
    }
}
