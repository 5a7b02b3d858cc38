//! What the worker does until its delivery.

use std::collections::BTreeSet;

use super::{Arena, Grinding, SimulationError, seed_from_root};
use crate::commitment::{Commitment, Opening, OpeningBook, PolynomialSeed, ResultSecret, SaltSeed};
use crate::computation::{Computation, StepProgram};
use crate::play::{Strategy, Work, WorkerSecrets, WorkerStrategy};
use crate::sample;
use crate::simulation::Dice;

/// What a worker has when the sample is drawn.
pub(super) struct Delivery {
    pub(super) commitment: Commitment,
    pub(super) bad: BTreeSet<u64>,
    pub(super) secret: ResultSecret,
    pub(super) source: Source,
    pub(super) grinding: Option<Grinding>,
}

/// Where openings come from.
pub(super) enum Source {
    /// Own work.
    Own(Box<Work>),
    /// What the copied worker opened in its own contract.
    Copied(Opening),
}

impl<P: StepProgram> Arena<'_, P> {
    pub(super) fn deliver(
        &self,
        worker: &WorkerStrategy,
        dice: &Dice,
    ) -> Result<Option<Delivery>, SimulationError> {
        let (steps, openings) = (self.job.steps(), self.setup.params.sample());
        let own = |work: Work, strategy: &Strategy, secrets: WorkerSecrets, grinding| Delivery {
            commitment: *work.commitment(),
            bad: strategy.bad_steps(steps),
            secret: secrets.result,
            source: Source::Own(Box::new(work)),
            grinding,
        };
        Ok(match worker {
            WorkerStrategy::TimeOut => None,
            WorkerStrategy::Deliver(strategy) | WorkerStrategy::Redraw { work: strategy, .. } => {
                let strategy = strategy.reseeded(dice.number("bad steps", 0));
                let secrets = secrets(dice, "worker", 0);
                let work = Work::perform(self.job, &strategy, &secrets, openings)?;
                Some(own(work, &strategy, secrets, None))
            }
            WorkerStrategy::Grind { work, most_tries } => {
                let strategy = work.reseeded(dice.number("bad steps", 0));
                let (work, secrets, grinding) = self.grind(&strategy, *most_tries, dice)?;
                Some(own(work, &strategy, secrets, Some(grinding)))
            }
            WorkerStrategy::Copy => Some(self.copy(dice)?),
        })
    }

    /// Salts the tree anew until the sample that follows from the root alone misses the bad steps.
    fn grind(
        &self,
        strategy: &Strategy,
        most_tries: u32,
        dice: &Dice,
    ) -> Result<(Work, WorkerSecrets, Grinding), SimulationError> {
        let bad = strategy.bad_steps(self.job.steps());
        let mut own = secrets(dice, "worker", 0);
        let mut work = Work::perform(self.job, strategy, &own, self.setup.params.sample())?;
        let mut tries = 1;
        loop {
            let predicted = self.draw(&seed_from_root(work.commitment()))?;
            let found = predicted.iter().all(|index| !bad.contains(index));
            if found || tries >= most_tries {
                return Ok((work, own, Grinding { tries, found }));
            }
            own = secrets(dice, "worker", u64::from(tries));
            work = work.resealed(&own)?;
            tries += 1;
        }
    }

    /// The same work under another root; the secret is the contract's, so it stays. `None` if it is nobody's own work.
    pub(super) fn another_root(
        &self,
        delivery: &Delivery,
        number: u32,
        dice: &Dice,
    ) -> Result<Option<Delivery>, SimulationError> {
        let Source::Own(work) = &delivery.source else {
            return Ok(None);
        };
        let secrets = WorkerSecrets {
            result: secrets(dice, "worker", 0).result,
            ..secrets(dice, "worker", number.into())
        };
        let work = work.resealed(&secrets)?;
        Ok(Some(Delivery {
            commitment: *work.commitment(),
            bad: delivery.bad.clone(),
            secret: secrets.result,
            source: Source::Own(Box::new(work)),
            grinding: None,
        }))
    }

    /// Takes over all that an honest worker of the same job made public in a contract of its own.
    fn copy(&self, dice: &Dice) -> Result<Delivery, SimulationError> {
        let openings = self.setup.params.sample();
        let victim = Work::perform(
            self.job,
            &Strategy::Honest,
            &secrets(dice, "victim", 0),
            openings,
        )?;
        let [nonce, block] = ["victim nonce", "victim block"].map(|part| dice.bytes(part, 0));
        let seed = sample::seed(&victim.commitment().id(), &nonce, &block);
        let sample = self.draw(&seed)?;
        let allowed = OpeningBook::new(victim.commitment()).allow(&sample, |_| Ok(()))?;
        let opened = victim.open(&allowed)?;
        Ok(Delivery {
            commitment: *victim.commitment(),
            bad: BTreeSet::new(),
            // Its own: the point of the contract is that of no other secret.
            secret: secrets(dice, "worker", 0).result,
            source: Source::Copied(opened),
            grinding: None,
        })
    }
}

fn secrets(dice: &Dice, who: &str, number: u64) -> WorkerSecrets {
    let part = |what: &str| dice.bytes(&format!("{who} {what}"), number);
    WorkerSecrets {
        result: ResultSecret::from_bytes(part("result secret")),
        salts: SaltSeed::from_bytes(part("salts")),
        polynomial: PolynomialSeed::from_bytes(part("polynomial")),
    }
}
