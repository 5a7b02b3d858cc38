//! The job inside the contract: work, sample, check, rulings, decryption.

use narthex_base::codec::Message as _;
use std::collections::BTreeMap;

use bitcoin::hashes::Hash;
use narthex_contracts::{
    attest::{Attestation, AttestationNonce, BoundRuling},
    graph::{NodeId, NodeName},
    setup::HandedOver,
    template::{ContractSecret, Exit, RootRecord, root_coin},
    terms::Role,
};
use narthex_game_model::{
    Ruling,
    commitment::{Opening, OpeningBook, PolynomialSeed, ResultSecret, SaltSeed, open},
    computation::{Computation, StepError},
    play::{Evidence, EvidenceError, Strategy, Verdict, Work, WorkError, WorkerSecrets, judge},
    sample,
};

use super::{ContractPlay, PlayError, PlayOptions, job::Origin};
use crate::job::{JobError, StageJob, recompute};

/// The job, as client, worker, verifier and arbiters all have it.
pub(super) struct Workshop {
    pub(super) job: StageJob,
    pub(super) origin: Origin,
    /// The verifier's nonce for the sample.
    pub(super) sample_nonce: [u8; 32],
    blind_salt: [u8; 32],
    salts: SaltSeed,
    polynomial: PolynomialSeed,
}

/// What the worker has delivered and the verifier found.
pub(super) struct Delivery {
    pub(super) work: Work,
    /// What the worker has opened of it.
    book: OpeningBook,
    checked: Option<(Opening, Verdict)>,
}

fn job_error(e: impl ToString) -> PlayError {
    PlayError::Job(e.to_string())
}

impl Workshop {
    /// The job of these options, and what its parties draw for it.
    pub(super) fn open(
        options: &PlayOptions,
        secret: impl Fn(&str) -> [u8; 32],
    ) -> Result<Workshop, PlayError> {
        let (job, origin) = super::job::open(options)?;
        Ok(Workshop {
            job,
            origin,
            sample_nonce: secret("sample nonce"),
            blind_salt: secret("blind salt"),
            salts: SaltSeed::from_bytes(secret("leaf salts")),
            polynomial: PolynomialSeed::from_bytes(secret("polynomial")),
        })
    }

    /// The worker's work by this strategy; a step without output is named as `narthex job run` names it.
    fn perform(
        &self,
        strategy: &Strategy,
        secrets: &WorkerSecrets,
        openings: u32,
    ) -> Result<Work, PlayError> {
        Work::perform(&self.job, strategy, secrets, openings).map_err(|error| match error {
            WorkError::Step { index, error } => self.no_output(index, error),
            error => job_error(error),
        })
    }

    /// A step that failed, or that this machine could not decide, which convicts nobody.
    fn no_output(&self, index: u64, error: StepError) -> PlayError {
        JobError::step(self.origin.stage(), index, error).into()
    }
}

impl ContractPlay<'_> {
    /// The worker runs the job and commits.
    pub(super) fn work(&mut self, strategy: &Strategy, why: &str) -> Result<(), PlayError> {
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
        let openings = self.terms.params().sample();
        let work = self.workshop.perform(strategy, &secrets, openings)?;
        let root = hex(&work.commitment().id());
        let steps = work.commitment().steps;
        let bytes = work.sealed().len();
        self.delivery = Some(Delivery {
            book: OpeningBook::new(work.commitment()),
            work,
            checked: None,
        });
        self.step(
            Role::Worker,
            format!(
                "runs {steps} steps, commits to root {root}, hands over {bytes} encrypted bytes"
            ),
            why,
        )
    }

    /// The record of the root that goes with a transaction: the delivery's, and only its.
    pub(super) fn root_record(&self, name: NodeName) -> Option<RootRecord> {
        let delivery = self.delivery.as_ref().filter(|_| name == Exit::DELIVERED)?;
        Some(RootRecord {
            root: delivery.work.commitment().id(),
        })
    }

    /// The verifier draws its sample with the hash of the next block, recomputes it blindly, commits to its
    /// digests, and compares with what the worker then opens. True if all agree.
    pub(super) fn check(&mut self) -> Result<bool, PlayError> {
        let (delivered, recorded) = self.committed_heights()?;
        let depth = self.options.depth;
        // A block after the commitment, which the worker could not know, and so deep that it stays.
        let wanted = depth.reached_at(RootRecord::sample_height(delivered, recorded));
        let missing = wanted.saturating_sub(self.chain.height()?);
        self.mine(missing)?;
        let tip = self.chain.height()?;
        let height = RootRecord::sample_block((delivered, recorded), tip, depth)?;
        let block = self.chain.block_hash(height)?;
        let params = self.terms.params();
        let (steps, count) = (params.steps(), params.sample());
        let delivery = self
            .delivery
            .as_mut()
            .ok_or_else(|| PlayError::Broken("nothing delivered".into()))?;
        // A commitment to another secret than the contract's would open nothing, whatever it has in its tree.
        let result = self.terms.result_point();
        let commitment = delivery.work.commitment();
        commitment.check_terms(&result, count).map_err(job_error)?;
        let root = commitment.id();
        let seed = sample::seed(&root, &self.workshop.sample_nonce, block.as_byte_array());
        let indices = sample::draw(&seed, steps, count).map_err(job_error)?;
        let shop = &self.workshop;
        let digests = recompute(&shop.job, shop.origin.stage(), &indices, shop.blind_salt)?;
        let answer = super::token::Answer::find(
            (&self.terms, &self.participants),
            (&delivery.work, &digests),
            (&seed, &indices),
            self.options.seal_cost,
        )?;
        // A play is not taken up again: nothing of its book outlives it.
        let allowed = delivery
            .book
            .allow(&indices, |_| Ok(()))
            .map_err(job_error)?;
        let opening = delivery.work.open(&allowed).map_err(job_error)?;
        let verdict = digests
            .verdict(delivery.work.commitment(), &opening)
            .map_err(job_error)?;
        let found = match &verdict {
            Verdict::Equal => "all equal".to_owned(),
            Verdict::Differs { index, .. } => format!("step {index} differs"),
            Verdict::BadBox { index } => format!("the box of step {index} holds garbage"),
        };
        let approves = verdict.approves();
        let said = answer.said(&digests);
        if let Some(delivery) = &mut self.delivery {
            delivery.checked = Some((opening, verdict));
        }
        self.step(
            Role::Verifier,
            format!("recomputes {count} of {steps} steps, {said}, compares: {found}"),
            &format!("sample drawn from root, its own nonce and the hash of block {height}, {depth} blocks deep"),
        )?;
        if let super::token::Answer::Shown(token) = answer {
            self.learn_token(token)?;
        }
        Ok(approves)
    }

    /// The verifier hands over the share that it kept back: "r = 1", or its half of the paper's appeal.
    pub(super) fn hand_over(&mut self, name: NodeName, why: &str) -> Result<(), PlayError> {
        self.bury()?;
        let node = self.find(name)?;
        let broken = || PlayError::Broken("no holdings".into());
        let verifier = self
            .participant(Role::Verifier)?
            .holdings
            .as_ref()
            .ok_or_else(broken)?;
        let known = self
            .participant(Role::Verifier)?
            .secrets
            .get(ContractSecret::Token);
        let releases = verifier.release(node, known.as_ref())?;
        // Who waits for the share: in the paper's template the worker itself.
        let signing = self.graph.node(node).and_then(|node| node.signing);
        let waits = signing.and_then(|signing| signing.withheld);
        let waits = Role::from(waits.ok_or_else(broken)?.holder);
        let holder = self.participant_mut(waits)?.holdings.as_mut();
        let holder = holder.ok_or_else(broken)?;
        for release in &releases {
            holder.accept(release)?;
        }
        self.step(
            Role::Verifier,
            format!("hands the {waits} its share of {name}"),
            why,
        )?;
        match waits {
            Role::Worker => Ok(()),
            _ => self.pass_on(waits, node, name),
        }
    }

    /// Whoever has the whole signature now hands it to the worker: it will know the result secret from what the worker
    /// publishes.
    fn pass_on(&mut self, from: Role, node: NodeId, name: NodeName) -> Result<(), PlayError> {
        let broken = || PlayError::Broken("no holdings".into());
        let holder = self
            .participant(from)?
            .holdings
            .as_ref()
            .ok_or_else(broken)?;
        let whole = holder.hand_over(node)?;
        let worker = self.participant_mut(Role::Worker)?.holdings.as_mut();
        let worker = worker.ok_or_else(broken)?;
        for handed in &whole {
            let read = HandedOver::from_bytes(&handed.to_bytes());
            worker.take(&read.map_err(|_| broken())?)?;
        }
        self.step(
            from,
            format!("hands the worker the whole adaptor signature of {name}"),
            "it has verified it: what completes it will show the result secret",
        )
    }

    /// What an arbiter finds that re-executes the disputed step from the evidence.
    pub(super) fn find_ruling(&mut self, arbiter: u8) -> Result<Ruling, PlayError> {
        let delivery = self
            .delivery
            .as_ref()
            .ok_or_else(|| PlayError::Broken("nothing delivered".into()))?;
        let (opening, verdict) = delivery
            .checked
            .as_ref()
            .ok_or_else(|| PlayError::Broken("nothing checked".into()))?;
        // A verifier that rejects against its own check disputes the first sampled step.
        let first = || opening.leaves.first().map_or(0, |leaf| leaf.index);
        let index = verdict.disputed().unwrap_or_else(first);
        let job = &self.workshop.job;
        // Nobody rules on a job that the contract's parameters were not made for.
        let accepted = self.terms.params().accepts_job(job);
        let accepted = accepted.map_err(super::job::misfit)?;
        let evidence = Evidence::gather(job, index, opening.clone()).map_err(job_error)?;
        let finding = judge(
            job.program(),
            &accepted,
            delivery.work.commitment(),
            &evidence,
        )
        .map_err(|error| match error {
            EvidenceError::Defect { index, error } => self.workshop.no_output(index, error),
            error => job_error(error),
        })?;
        self.step(
            Role::Arbiter(arbiter),
            format!("rules: {}", described(finding.ruling)),
            &finding.reason,
        )?;
        Ok(finding.ruling)
    }

    /// An arbiter binds its case to a ruling, in its own record, and attests it; everybody that checks it learns the
    /// secret. Another ruling of the same case is refused by that record. What it judges is deep: delivery, root and
    /// sample. The appeal need not be: each block that a ruling waits brings the smaller majorities, which leave somebody
    /// out, nearer.
    pub(super) fn attest(&mut self, arbiter: u8, ruling: Ruling) -> Result<(), PlayError> {
        let broken = || PlayError::Broken(format!("arbiter{arbiter} cannot attest"));
        let identity = self
            .participant(Role::Arbiter(arbiter))?
            .identity()?
            .secret_key();
        let id = *self.terms.contract_id();
        let nonce = AttestationNonce::derive(&identity, &id).ok_or_else(broken)?;
        let secp = bitcoin::secp256k1::Secp256k1::new();
        let name = identity.x_only_public_key(&secp).0;
        let record = self.records.of(Role::Arbiter(arbiter))?;
        let bound = BoundRuling::bind(&id, &name, ruling, record)?;
        let attestation = nonce.attest(&secp, &identity, arbiter, bound)?;
        let sent = attestation.to_bytes();
        let nonce = self.terms.announcement(arbiter).ok_or_else(broken)?.nonce;
        let identity = *self.terms.identity(arbiter).ok_or_else(broken)?;
        for participant in self.participants.values_mut() {
            let received = Attestation::from_bytes(&sent).map_err(|_| broken())?;
            received
                .verify(&secp, &identity, &nonce, &id)
                .map_err(|_| broken())?;
            participant.secrets.attest(&received);
        }
        self.step(
            Role::Arbiter(arbiter),
            format!("attests: {}", described(ruling)),
            "a signature with the nonce announced at setup",
        )
    }

    /// The client decrypts with the secret it has and checks against the commitment.
    pub(super) fn decrypt(&mut self) -> Result<(), PlayError> {
        let secret = self
            .participant(Role::Client)?
            .secrets
            .get(ContractSecret::Result);
        let secret = secret.ok_or_else(|| PlayError::Broken("the client has no secret".into()))?;
        let Some(delivery) = &self.delivery else {
            return self.step(
                Role::Client,
                "has the secret, and nothing to decrypt".into(),
                "the worker delivered nothing",
            );
        };
        let secret = ResultSecret::from_bytes(secret.secret_bytes());
        let size = self.workshop.job.output_bytes();
        let plain = open(
            delivery.work.commitment(),
            size,
            delivery.work.sealed(),
            &secret,
        )
        .map_err(job_error)?;
        let (result, said) = self.workshop.origin.read(&self.workshop.job, plain);
        self.result = Some(result);
        self.step(
            Role::Client,
            said,
            "each box opens to what the worker's commitment says",
        )
    }

    /// Heights of delivery and root of record, where the delivery is on chain; else it was made at this tip. The block
    /// after both seeds the sample.
    fn committed_heights(&mut self) -> Result<(u32, u32), PlayError> {
        let tip = self.chain.height()?;
        let Some(delivered) = self.confirmed_at(&Exit::DELIVERED) else {
            return Ok((tip, tip));
        };
        let (Some(coin), Some(delivery)) = (root_coin(&self.graph), &self.delivery) else {
            return Ok((tip, tip));
        };
        let expected = delivery.work.commitment().id();
        let spender = self.chain.spender(coin)?;
        let spend = spender.and_then(|by| Some((by.height?, by.tx)));
        let params = self.terms.params();
        let found = spend.as_ref().map(|(height, tx)| (*height, tx));
        let record = RootRecord::of_record(params, delivered, coin, found);
        match (record, spend) {
            (Ok(record), Some((height, _))) if record.root == expected => Ok((delivered, height)),
            (Ok(_), _) => Err(PlayError::Broken("another root is on record".into())),
            (Err(none), _) => Err(PlayError::Broken(none.to_string())),
        }
    }

    /// Everybody on the panel finds its ruling and attests it.
    pub(super) fn everyone_rules(&mut self, silent: &[u8]) -> Result<(), PlayError> {
        let mut rulings = BTreeMap::new();
        for arbiter in (0..self.terms.panel_size()).filter(|i| !silent.contains(i)) {
            rulings.insert(arbiter, self.find_ruling(arbiter)?);
        }
        for (arbiter, ruling) in rulings {
            self.attest(arbiter, ruling)?;
        }
        Ok(())
    }
}

fn described(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::WorkerAtFault => "the worker is at fault",
        Ruling::VerifierAtFault => "the verifier is at fault",
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
