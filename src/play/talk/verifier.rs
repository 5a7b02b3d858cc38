//! The verifier's moves of the talk, honest and otherwise.

use bitcoin::hashes::Hash;
use narthex_contracts::{derive::reply_secret, template::RootRecord, terms::Role};
use narthex_game_model::{
    commitment::Commitment,
    computation::Computation,
    play::{BlindDigests, Verdict},
    ruling::{Answer, Item},
    token::{SealError, SealedToken, Token, TokenBox, open},
};

use super::{Drawn, missing};
use crate::{
    job::recompute,
    play::{ContractPlay, PlayError, work::job_error},
};

use Role::{Verifier, Worker};

impl ContractPlay<'_> {
    /// What the verifier was shown as the worker's commitment.
    pub(super) fn received(&self) -> Result<Commitment, PlayError> {
        let commitment = self.papers(Verifier)?.commitment;
        commitment.ok_or_else(|| missing("a commitment"))
    }

    /// The honest course: sample, token, answer, and after the right hash opening and comparison. Whether the verifier
    /// approves.
    pub(in crate::play) fn check(&mut self) -> Result<bool, PlayError> {
        self.draw_sample()?;
        self.seal_token()?;
        if !self.answer()? {
            return Ok(false);
        }
        self.open_sample()?;
        if !self.compare()?.approves() {
            return Ok(false);
        }
        match self.check_served() {
            Ok(()) => Ok(true),
            Err(PlayError::Unserved) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The verifier shows the nonce that it committed to and names a block, which together draw the sample. The block is
    /// deep before it is named: a reorganisation would draw another sample, and who opened both opens too much.
    pub(in crate::play) fn draw_sample(&mut self) -> Result<(), PlayError> {
        let commitment = self.received()?;
        let params = self.terms.params();
        let (result, count) = (self.terms.result_point(), params.openings());
        // A commitment to another secret than the contract's would open nothing, whatever it has in its tree.
        let fits = commitment.check_terms(&result, count);
        fits.map_err(job_error)?;
        let height = self.sample_height(&commitment)?;
        let item = Item::Sample {
            nonce: self.workshop.sample_nonce,
            height,
            block: self.chain.block_hash(height)?.to_byte_array(),
        };
        self.say(Verifier, item, Worker)?;
        let depth = self.options.depth;
        self.step(
            Verifier,
            format!("shows its nonce, which draws {count} steps with the hash of block {height}"),
            &format!(
                "the worker could not know it when it committed, and it is {depth} blocks deep"
            ),
        )
    }

    /// The height that draws the sample, once it is deep enough.
    pub(in crate::play) fn sample_height(
        &mut self,
        commitment: &Commitment,
    ) -> Result<u32, PlayError> {
        let (delivered, recorded) = self.committed_heights(&commitment.id())?;
        let depth = self.options.depth;
        let wanted = depth.reached_at(RootRecord::sample_height(delivered, recorded));
        let missing = wanted.saturating_sub(self.chain.height()?);
        self.mine(missing)?;
        let tip = self.chain.height()?;
        Ok(RootRecord::sample_block((delivered, recorded), tip, depth)?)
    }

    /// Digests of the steps, run again.
    pub(super) fn recomputed(&self, indices: &[u64]) -> Result<BlindDigests, PlayError> {
        let shop = &self.workshop;
        // Nothing is committed to: the answer comes before any leaf. But what stands for a step without output is nobody
        // else's to know.
        Ok(recompute(
            &shop.job,
            shop.origin.stage(),
            indices,
            shop.blind_salt,
        )?)
    }

    /// The verifier answers the token, before the worker opens anything. Whether it says that it has it.
    pub(in crate::play) fn answer(&mut self) -> Result<bool, PlayError> {
        let contract = *self.terms.contract_id();
        let commitment = self.received()?;
        let drawn = self.sampled(Verifier, &commitment)?;
        let sealed = self.papers(Verifier)?.said.token_for(&contract, &drawn.id);
        let (token, sealed) = sealed.ok_or_else(|| missing("a token"))?;
        let (answer, what, why) = self.checked_answer(&drawn, &sealed)?;
        let shown = matches!(answer, Answer::Shown { .. });
        self.say(Verifier, Item::Reply { token, answer }, Worker)?;
        self.step(Verifier, what, why)?;
        Ok(shown)
    }

    /// The verifier's answer after its work.
    fn checked_answer(
        &mut self,
        drawn: &Drawn,
        sealed: &SealedToken,
    ) -> Result<(Answer, String, &'static str), PlayError> {
        let digests = self.recomputed(&drawn.indices)?;
        let point = self.terms.token_point();
        let point = point.ok_or_else(|| missing("a token point"))?;
        let cost = self.options.seal_cost;
        let opened = open(sealed, &drawn.seed, digests.digests(), &point, cost);
        let own = digests.digests().to_vec();
        self.talk.digests = Some(digests);
        let (count, steps) = (drawn.indices.len(), self.workshop.job.steps());
        let recomputes = format!("recomputes {count} of {steps} steps");
        let token = match opened {
            Ok(token) => token,
            Err(SealError::Shut) => {
                let what =
                    format!("{recomputes}, finds the seal shut and answers with its digests");
                let why = "whoever answers so never approves, and the worker is bound by its root";
                return Ok((Answer::Digests(own), what, why));
            }
            Err(error) => return Err(PlayError::Seal(error)),
        };
        let answer = self.shows_token(token)?;
        let what = format!("{recomputes}, opens the seal with its digests and names the token");
        let why = "its answer is there before any leaf, so that it can only be its own work";
        Ok((answer, what, why))
    }

    /// The answer of a verifier that has the token.
    pub(super) fn shows_token(&mut self, token: Token) -> Result<Answer, PlayError> {
        let contract = self.terms.contract_id();
        let hash = token.shown(contract);
        let own = reply_secret(self.participant(Verifier)?.seed(), contract);
        let kept = TokenBox::seal(&token, contract, &own);
        let kept = kept.ok_or_else(|| missing("a token"))?;
        // It has the token before it says so: what an approval pays it, its wallet sees.
        self.learn_token(token)?;
        Ok(Answer::Shown { hash, kept })
    }

    /// The verifier compares what was opened, leaf by leaf and box by box; it says which box is bad.
    pub(in crate::play) fn compare(&mut self) -> Result<Verdict, PlayError> {
        let contract = *self.terms.contract_id();
        let commitment = self.received()?;
        let papers = self.papers(Verifier)?;
        let (item, named) = papers.opening(&contract)?;
        let mut openings = papers.openings.iter();
        let opening = openings.find(|opening| opening.id() == named);
        let opening = opening.ok_or_else(|| missing("what was opened"))?;
        let digests = self.talk.digests.as_ref();
        let digests = digests.ok_or_else(|| missing("the verifier's work"))?;
        let verdict = digests.verdict(&commitment, opening);
        let verdict = verdict.map_err(job_error)?;
        let found = match &verdict {
            Verdict::Equal => "all equal, and every box opens".to_owned(),
            Verdict::Differs { index, .. } => format!("the leaf of step {index} is another one"),
            Verdict::BadBox { index } => format!("the box of step {index} holds garbage"),
        };
        if let Verdict::BadBox { index } = verdict {
            self.name_box(item, index)?;
        }
        self.step(
            Verifier,
            format!("compares what was opened: {found}"),
            "an open seal says what the worker knew, not what it committed to",
        )?;
        Ok(verdict)
    }

    /// The verifier names the box that it rejects for.
    fn name_box(&mut self, opening: [u8; 32], bad_box: u64) -> Result<(), PlayError> {
        self.say(Verifier, Item::Verdict { opening, bad_box }, Worker)?;
        Ok(())
    }
}
