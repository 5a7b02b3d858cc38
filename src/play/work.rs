//! The job inside the contract: work, sample, check, rulings, decryption.

use std::sync::Arc;

use narthex_base::secret::Secret;
use narthex_contracts::{derive::Salted, graph::NodeName, template::ContractSecret, terms::Role};
use narthex_game_model::{
    Accusation, Ruling,
    commitment::{Commitment, Opening, OpeningBook, PolynomialSeed, ResultSecret, SaltSeed, open},
    computation::{Computation, StepError},
    play::{Strategy, Verdict, Work, WorkError, WorkerSecrets},
};

use super::{ContractPlay, PlayError, PlayOptions, job::Origin, participant::own_salt};
use crate::job::{JobError, StageJob};

/// The job, as client, worker, verifier and arbiters all have it.
pub(super) struct Workshop {
    pub(super) job: Arc<StageJob>,
    pub(super) origin: Origin,
    /// The verifier's nonce for the sample.
    pub(super) sample_nonce: [u8; 32],
    /// Salt of its digests: of the commitment to them (`paper` template), and of what stands for a step without output.
    pub(super) blind_salt: [u8; 32],
    salts: SaltSeed,
    polynomial: PolynomialSeed,
}

/// What the worker has made, and how much of it is open.
pub(super) struct Delivery {
    pub(super) work: Work,
    /// What the worker has opened of it.
    pub(super) book: OpeningBook,
    /// What the verifier found (`paper` template).
    pub(super) checked: Option<(Opening, Verdict)>,
}

pub(super) fn job_error(e: impl ToString) -> PlayError {
    PlayError::Job(e.to_string())
}

impl Workshop {
    /// The job of these options, and what its parties need for it, from the seed of each.
    pub(super) fn open(
        options: &PlayOptions,
        secret: impl Fn(&str) -> [u8; 32],
    ) -> Result<Workshop, PlayError> {
        let (job, origin) = super::job::open(options)?;
        let [worker, verifier] = [Role::Worker, Role::Verifier].map(|role| {
            let seed = secret(&role.to_string());
            (own_salt(&seed), Secret::from_bytes(seed))
        });
        let (verifies, works) = (
            Salted::new(&verifier.1, verifier.0),
            Salted::new(&worker.1, worker.0),
        );
        Ok(Workshop {
            job: Arc::new(job),
            origin,
            sample_nonce: *verifies.sample_nonce().expose(),
            blind_salt: *verifies.blind_salt().expose(),
            salts: works.leaf_salts(),
            polynomial: works.polynomial(),
        })
    }

    /// The worker's work by this strategy; a step without output is named as `narthex job run` names it.
    fn perform(
        &self,
        strategy: &Strategy,
        secrets: &WorkerSecrets,
        openings: u32,
    ) -> Result<Work, PlayError> {
        Work::perform(&*self.job, strategy, secrets, openings).map_err(|error| match error {
            WorkError::Step { index, error } => self.no_output(index, error),
            error => job_error(error),
        })
    }

    /// A step that failed, or that this machine could not decide, which convicts nobody.
    pub(super) fn no_output(&self, index: u64, error: StepError) -> PlayError {
        JobError::step(self.origin.stage(), index, error).into()
    }
}

impl ContractPlay<'_> {
    /// The worker runs the job, commits, and hands over all boxes.
    pub(super) fn work(&mut self, strategy: &Strategy, why: &str) -> Result<(), PlayError> {
        self.compute(strategy, why)?;
        self.commit()?;
        self.hand_boxes()
    }

    /// The worker runs the job and makes its commitment, which it keeps for now.
    pub(super) fn compute(&mut self, strategy: &Strategy, why: &str) -> Result<(), PlayError> {
        let secret = self
            .participant(Role::Worker)?
            .secrets
            .get(ContractSecret::Result);
        let secret = secret.ok_or_else(|| PlayError::Broken("a worker without secret".into()))?;
        let secrets = WorkerSecrets {
            result: ResultSecret::from_bytes(secret.secret_bytes()),
            salts: self.workshop.salts.clone(),
            polynomial: self.workshop.polynomial.clone(),
        };
        let openings = self.terms.params().openings();
        let work = self.workshop.perform(strategy, &secrets, openings)?;
        let root = hex(&work.commitment().id());
        let steps = work.commitment().steps;
        self.delivery = Some(Delivery {
            book: OpeningBook::new(work.commitment()),
            work,
            checked: None,
        });
        self.step(
            Role::Worker,
            format!("runs {steps} steps, commits to root {root}"),
            why,
        )
    }

    /// The verifier hands over the share that it kept back, to whoever waits for it: "r = 1", or its half of the paper's
    /// appeal.
    pub(super) fn hand_over(&mut self, name: NodeName, why: &str) -> Result<(), PlayError> {
        self.bury()?;
        let node = self.find(name)?;
        let broken = || PlayError::Broken("no holdings".into());
        let verifier = self
            .participant(Role::Verifier)?
            .holdings
            .as_ref()
            .ok_or_else(broken)?;
        let releases = verifier.release(node, None)?;
        let signing = self.graph.node(node).and_then(|node| node.signing);
        let waits = signing.and_then(|signing| signing.withheld);
        let waits = Role::from(waits.ok_or_else(broken)?.holder);
        for release in &releases {
            let read = self.send(Role::Verifier, waits, release)?;
            let holder = self.participant_mut(waits)?.holdings.as_mut();
            holder.ok_or_else(broken)?.accept(&read)?;
        }
        self.step(
            Role::Verifier,
            format!("hands the {waits} its share of {name}"),
            why,
        )
    }

    /// The client decrypts with the secret it has and checks against the commitment.
    pub(super) fn decrypt(&mut self) -> Result<(), PlayError> {
        let secret = self
            .participant(Role::Client)?
            .secrets
            .get(ContractSecret::Result);
        let secret = secret.ok_or_else(|| PlayError::Broken("the client has no secret".into()))?;
        let Some((commitment, boxes)) = self.boxes_of_client() else {
            return self.step(
                Role::Client,
                "has the secret, and nothing to decrypt".into(),
                "the worker delivered nothing",
            );
        };
        let secret = ResultSecret::from_bytes(secret.secret_bytes());
        let size = self.workshop.job.output_bytes();
        let plain = open(&commitment, size, &boxes, &secret).map_err(job_error)?;
        let (result, said) = self.workshop.origin.read(&self.workshop.job, plain);
        self.result = Some(result);
        self.step(
            Role::Client,
            said,
            "each box opens to what the worker's commitment says",
        )
    }

    /// What was sent to the client.
    fn boxes_of_client(&self) -> Option<(Commitment, Vec<u8>)> {
        let papers = self.papers(Role::Client).ok()?;
        Some((papers.commitment?, papers.boxes.clone()?))
    }
}

pub(super) fn described(accusation: Accusation, ruling: Ruling) -> &'static str {
    match (accusation, ruling) {
        (Accusation::Appeal, Ruling::WorkerAtFault) => "the worker is at fault",
        (Accusation::Appeal, Ruling::VerifierAtFault) => "the verifier is at fault",
        (Accusation::Challenge, Ruling::WorkerAtFault) => "the challenge is upheld",
        (Accusation::Challenge, Ruling::VerifierAtFault) => "the challenge is dismissed",
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
