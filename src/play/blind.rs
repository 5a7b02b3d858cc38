//! How the paper's template checks and judges: the verifier commits to its digests blindly, and arbiters run the step again
//! that it disputes. Nothing keeps it from disputing any.

use bitcoin::hashes::Hash;
use narthex_contracts::{template::RootRecord, terms::Role};
use narthex_game_model::{
    Accusation, Ruling,
    play::{Evidence, EvidenceError, Verdict, judge},
    sample,
};

use super::{
    ContractPlay, PlayError, job,
    work::{described, job_error},
};
use crate::job::recompute;

impl ContractPlay<'_> {
    /// The verifier draws its sample with the hash of the next block, recomputes it blindly, commits to its
    /// digests, and compares with what the worker then opens. True if all agree.
    pub(super) fn check_blindly(&mut self) -> Result<bool, PlayError> {
        let nothing = || PlayError::Broken("nothing delivered".into());
        let delivery = self.delivery.as_ref().ok_or_else(nothing)?;
        let commitment = *delivery.work.commitment();
        let params = self.terms.params();
        let (steps, count) = (params.steps(), params.sample());
        // A commitment to another secret than the contract's would open nothing, whatever it has in its tree.
        let fits = commitment.check_terms(&self.terms.result_point(), count);
        fits.map_err(job_error)?;
        let (height, depth) = (self.sample_height()?, self.options.depth);
        let block = self.chain.block_hash(height)?;
        let shop = &self.workshop;
        let nonce = &shop.sample_nonce;
        let seed = sample::seed(&commitment.id(), nonce, block.as_byte_array());
        let indices = sample::draw(&seed, steps, count).map_err(job_error)?;
        let digests = recompute(&shop.job, shop.origin.stage(), &indices, shop.blind_salt)?;
        let blind = digests.commitment();
        let start: String = blind.iter().take(8).map(|b| format!("{b:02x}")).collect();
        let opening = self.open_steps(&indices)?;
        let verdict = digests.verdict(&commitment, &opening).map_err(job_error)?;
        let found = match &verdict {
            Verdict::Equal => "all equal".to_owned(),
            Verdict::Differs { index, .. } => format!("step {index} differs"),
            Verdict::BadBox { index } => format!("the box of step {index} holds garbage"),
        };
        let approves = verdict.approves();
        if let Some(delivery) = &mut self.delivery {
            delivery.checked = Some((opening, verdict));
        }
        self.step(
            Role::Verifier,
            format!("recomputes {count} of {steps} steps, commits to its digests ({start}…), compares: {found}"),
            &format!("sample drawn from root, its own nonce and the hash of block {height}, {depth} blocks deep"),
        )?;
        Ok(approves)
    }

    /// Height of the block that draws the sample, the next, once that is deep enough.
    fn sample_height(&mut self) -> Result<u32, PlayError> {
        let delivered = self.chain.height()?;
        let depth = self.options.depth;
        let wanted = depth.reached_at(RootRecord::sample_height(delivered, delivered));
        self.mine(wanted.saturating_sub(delivered))?;
        let tip = self.chain.height()?;
        Ok(RootRecord::sample_block(
            (delivered, delivered),
            tip,
            depth,
        )?)
    }

    /// What an arbiter finds that runs the disputed step again.
    pub(super) fn judge_step(&mut self, arbiter: u8) -> Result<Ruling, PlayError> {
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
        let stage = &self.workshop.job;
        // Nobody rules on a job that the contract's parameters were not made for.
        let accepted = self.terms.params().accepts_job(stage);
        let accepted = accepted.map_err(job::misfit)?;
        let evidence = Evidence::gather(stage, index, opening.clone()).map_err(job_error)?;
        let finding = judge(
            stage.program(),
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
            format!("rules: {}", described(Accusation::Appeal, finding.ruling)),
            &finding.reason,
        )?;
        Ok(finding.ruling)
    }
}
