//! The verifier's moves of the talk, honest and otherwise.

use bitcoin::hashes::Hash;
use narthex_contracts::{
    derive::reply_secret,
    template::{ContractSecret, RootRecord},
    terms::Role,
};
use narthex_game_model::{
    commitment::Commitment,
    computation::Computation,
    play::{BlindDigests, Verdict},
    ruling::{Answer, Item},
    token::{SealError, SealedToken, Token, TokenBox, open},
};

use super::{Drawn, Piece, missing, worker::Under};
use crate::{
    job::recompute,
    play::{ContractPlay, PlayError, work::job_error},
};

use Role::{Verifier, Worker};

/// How the verifier answers the token.
pub(in crate::play) enum Reply {
    /// By what comes of opening the seal with the digests that it computes.
    Checked,
    /// With a hash of nothing, and without work.
    Guessed,
    /// With its digests, although the seal opens.
    Denied,
    /// With digests that it made up, and without work.
    Invented,
}

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
        self.seal_token(&Under::Leaves)?;
        if !self.answer(&Reply::Checked)? {
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
        self.say_sample(height)?;
        let depth = self.options.depth;
        self.step(
            Verifier,
            format!("shows its nonce, which draws {count} steps with the hash of block {height}"),
            &format!(
                "the worker could not know it when it committed, and it is {depth} blocks deep"
            ),
        )
    }

    fn say_sample(&mut self, height: u32) -> Result<(), PlayError> {
        let block = self.chain.block_hash(height)?.to_byte_array();
        let nonce = self.workshop.sample_nonce;
        let item = Item::Sample {
            nonce,
            height,
            block,
        };
        self.say(Verifier, item, Worker)?;
        Ok(())
    }

    /// The verifier names another block, for other steps.
    pub(in crate::play) fn draw_again(&mut self) -> Result<(), PlayError> {
        // As deep as the first: the worker has no other reason to refuse it.
        let height = self.sample_height(&self.received()?)?.saturating_add(1);
        let wanted = self.options.depth.reached_at(height);
        let missing = wanted.saturating_sub(self.chain.height()?);
        self.mine(missing)?;
        self.say_sample(height)?;
        self.step(
            Verifier,
            format!("shows its nonce again, with the hash of block {height}"),
            "ATTACK: a worker that opens both samples gives the result away, and one that opens the other has not opened its own",
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
    pub(in crate::play) fn answer(&mut self, reply: &Reply) -> Result<bool, PlayError> {
        let contract = *self.terms.contract_id();
        let commitment = self.received()?;
        let drawn = self.sampled(Verifier, &commitment)?;
        let sealed = self.papers(Verifier)?.said.token_for(&contract, &drawn.id);
        let (token, sealed) = sealed.ok_or_else(|| missing("a token"))?;
        let (answer, what, why) = match reply {
            Reply::Guessed => (
                Answer::Shown {
                    hash: [0x5a; 32],
                    kept: TokenBox {
                        ciphertext: [0; 32],
                        tag: [0; 16],
                    },
                },
                "answers that it has the token, with a hash of nothing".to_owned(),
                "ATTACK: has computed nothing, and hopes to be shown the leaves",
            ),
            Reply::Invented => (
                Answer::Digests(vec![[0x5a; 32]; drawn.indices.len()]),
                "answers that the seal is shut, with digests that it made up".to_owned(),
                "ATTACK: has computed nothing",
            ),
            Reply::Checked | Reply::Denied => self.checked_answer(reply, &drawn, &sealed)?,
        };
        let shown = matches!(answer, Answer::Shown { .. });
        self.say(Verifier, Item::Reply { token, answer }, Worker)?;
        self.step(Verifier, what, why)?;
        Ok(shown)
    }

    /// The verifier's answer after its work.
    fn checked_answer(
        &mut self,
        reply: &Reply,
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
        let token = match (opened, reply) {
            (Ok(token), Reply::Checked) => token,
            (Ok(_), _) => {
                let what = format!("{recomputes}, and answers that the seal is shut");
                return Ok((Answer::Digests(own), what, "ATTACK: it has opened it"));
            }
            (Err(SealError::Shut), _) => {
                let what =
                    format!("{recomputes}, finds the seal shut and answers with its digests");
                let why = "whoever answers so never approves, and the worker is bound by its root";
                return Ok((Answer::Digests(own), what, why));
            }
            (Err(error), _) => return Err(PlayError::Seal(error)),
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

    /// The verifier loses the token with its disk, before it has used it. The worker returns what the verifier has signed.
    pub(in crate::play) fn lose_token(&mut self) -> Result<(), PlayError> {
        let verifier = self.participant_mut(Verifier)?;
        verifier.secrets.remove(ContractSecret::Token);
        let what = "loses its disk, and with it the token: it has its seed".to_owned();
        let why =
            "it has said that it has the token; an approval without it burns stake and reward";
        self.step(Verifier, what, why)?;
        let mut items = self.papers(Worker)?.said.items().iter();
        let replied = items.find(|signed| matches!(signed.item, Item::Reply { .. }));
        let replied = replied.cloned().ok_or_else(|| missing("a reply"))?;
        let Piece::Item(returned) = self.send(Worker, Verifier, &Piece::Item(replied))? else {
            return Err(missing("a reply"));
        };
        let token = self
            .terms
            .kept_token(&returned, self.participant(Verifier)?.seed());
        let token = token.map_err(|error| PlayError::Broken(error.to_string()))?;
        self.learn_token(token)?;
        let what = "has its own reply back from the worker, and the token out of it".to_owned();
        self.step(
            Verifier,
            what,
            "its seed opens what it kept there; nobody else's does",
        )
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

    /// The verifier names a box that nobody sampled.
    pub(in crate::play) fn name_box_outside(&mut self) -> Result<(), PlayError> {
        let contract = *self.terms.contract_id();
        let (item, _) = self.papers(Verifier)?.opening(&contract)?;
        let commitment = self.received()?;
        let drawn = self.sampled(Verifier, &commitment)?;
        // Where every step is sampled, there is none beyond the last.
        let outside = (0..commitment.steps).find(|i| !drawn.indices.contains(i));
        let outside = outside.unwrap_or(commitment.steps);
        self.name_box(item, outside)?;
        self.step(
            Verifier,
            format!("says that the box of step {outside} is bad"),
            "ATTACK: nobody sampled that step, so nobody can open it",
        )
    }

    /// Mines until a deadline has passed.
    pub(in crate::play) fn pass(&mut self, deadline: u32, what: &str) -> Result<(), PlayError> {
        let missing = deadline.saturating_sub(self.chain.height()?);
        if missing > 0 {
            self.step(Verifier, format!("waits until height {deadline}"), what)?;
        }
        self.mine(missing)
    }
}
