//! The worker's moves of the talk, honest and otherwise.

use bitcoin::hashes::Hash;
use narthex_contracts::{template::ContractSecret, terms::Role};
use narthex_game_model::{
    commitment::{Commitment, Opening},
    ruling::{Answer, Item},
    sample,
    token::{Token, seal},
};

use super::{Drawn, Piece, missing};
use crate::play::{ContractPlay, PlayError, work::job_error};

use Role::{Client, Verifier, Worker};

impl ContractPlay<'_> {
    /// The worker signs its commitment for the verifier, and shows it to the client. One that will draw of it has it signed:
    /// else a league could leave a draw that hits for another root.
    pub(in crate::play) fn commit(&mut self) -> Result<(), PlayError> {
        let commitment = Box::new(self.committed()?);
        let item = Item::Commitment(commitment.clone());
        self.say(Worker, item.clone(), Verifier)?;
        match self.terms.params().audit() {
            Some(_) => self.say(Worker, item, Client).map(drop),
            None => self.hand(Worker, Client, &Piece::Commitment(commitment)),
        }
    }

    /// The worker hands verifier and client all boxes.
    pub(in crate::play) fn hand_boxes(&mut self) -> Result<(), PlayError> {
        let delivery = self.delivery.as_ref();
        let boxes = delivery.ok_or_else(|| missing("work"))?.work.sealed();
        let (bytes, boxes) = (boxes.len(), Piece::Boxes(boxes.to_vec()));
        for to in [Verifier, Client] {
            self.hand(Worker, to, &boxes)?;
        }
        let why = "verifier and client check them and acknowledge them, which dates them";
        let what = format!("hands over {bytes} encrypted bytes, one box a step");
        self.step(Worker, what, why)
    }

    /// What the worker has committed to last.
    pub(super) fn committed(&self) -> Result<Commitment, PlayError> {
        let delivery = self.delivery.as_ref();
        Ok(*delivery.ok_or_else(|| missing("work"))?.work.commitment())
    }

    /// The sample that the worker's own token names: the one that it opens, and no other, whatever else the verifier says.
    /// It opened two, and had given the result away. `None` before it has sealed.
    pub(super) fn taken(&self) -> Result<Option<Drawn>, PlayError> {
        let (contract, papers) = (self.terms.contract_id(), self.papers(Worker)?);
        let Some((_, (named, _))) = papers.said.sealed(contract) else {
            return Ok(None);
        };
        let mut items = papers.said.items().iter().map(|signed| &signed.item);
        let drawn = items.find_map(|item| match item {
            Item::Sample { nonce, block, .. } if item.id(contract) == named => Some((nonce, block)),
            _ => None,
        });
        let (nonce, block) = drawn.ok_or_else(|| missing("the sample of the token"))?;
        self.draw(named, &self.committed()?, nonce, block).map(Some)
    }

    /// The sample as the worker takes it: the first that it is sent, of the contract's nonce, and of a block that is there to
    /// stay.
    fn take_sample(&mut self) -> Result<Drawn, PlayError> {
        let commitment = self.committed()?;
        let contract = *self.terms.contract_id();
        let said = self.papers(Worker)?.said.sample(&contract);
        let (_, (nonce, height, block)) = said.ok_or_else(|| missing("a sample"))?;
        let committed = self.terms.record().sample_nonce.to_byte_array();
        if sample::nonce_commitment(&nonce) != committed {
            return Err(PlayError::FalseSample("not the nonce of the terms"));
        }
        self.options.depth.check(height, self.chain.height()?)?;
        if self.chain.block_hash(height)?.to_byte_array() != block {
            return Err(PlayError::FalseSample("not a block of the chain"));
        }
        self.sampled(Worker, &commitment)
    }

    /// The worker seals its token under the digests of the sample.
    pub(in crate::play) fn seal_token(&mut self) -> Result<(), PlayError> {
        let drawn = self.take_sample()?;
        let token = self.token()?;
        let digests = self.own_digests(&drawn.indices)?;
        let cost = self.options.seal_cost;
        let sealed = seal(&token, &drawn.seed, &digests, cost).map_err(PlayError::Seal)?;
        let sample = drawn.id;
        self.say(Worker, Item::Token { sample, sealed }, Verifier)?;
        let steps = drawn.indices.len();
        let what = format!("seals the token under the digests of {steps} sampled steps");
        let why = "it opens for whoever has computed them, and for nobody else";
        self.step(Worker, what, why)
    }

    pub(super) fn token(&self) -> Result<Token, PlayError> {
        let worker = self.participant(Worker)?;
        let secret = worker.secrets.get(ContractSecret::Token);
        let token = secret.and_then(|secret| Token::from_bytes(secret.secret_bytes()));
        token.ok_or_else(|| missing("the worker's token"))
    }

    /// The worker opens these steps, as its book allows.
    pub(in crate::play) fn open_steps(&mut self, indices: &[u64]) -> Result<Opening, PlayError> {
        let delivery = self.delivery.as_mut().ok_or_else(|| missing("work"))?;
        // A play is not taken up again: nothing of its book outlives it.
        let allowed = delivery.book.allow(indices, |_| Ok(()));
        let opening = delivery.work.open(&allowed.map_err(job_error)?);
        opening.map_err(job_error)
    }

    /// Digests of the worker's leaves.
    pub(super) fn own_digests(&self, indices: &[u64]) -> Result<Vec<[u8; 32]>, PlayError> {
        let delivery = self.delivery.as_ref().ok_or_else(|| missing("work"))?;
        let digests = delivery.work.digests(indices);
        digests.ok_or_else(|| missing("a sampled step"))
    }

    /// The reply to the worker's own token that says that it is open, with the right hash; and the sample of that token.
    fn answered(&self) -> Result<([u8; 32], Drawn), PlayError> {
        let contract = *self.terms.contract_id();
        let right = self.token()?.shown(&contract);
        let papers = self.papers(Worker)?;
        let sealed = papers.said.sealed(&contract);
        let reply = sealed.and_then(|(token, _)| papers.said.reply_to(&contract, &token));
        let (Some((reply, answer)), Some(drawn)) = (reply, self.taken()?) else {
            return Err(PlayError::NoAnswer);
        };
        match answer {
            Answer::Shown { hash, .. } if hash == right => Ok((reply, drawn)),
            _ => Err(PlayError::NoAnswer),
        }
    }

    /// The worker opens the sample that it sealed its token for to verifier and client, after the right answer.
    ///
    /// # Errors
    /// [`PlayError::NoAnswer`]: nothing is opened.
    pub(in crate::play) fn open_sample(&mut self) -> Result<(), PlayError> {
        let (reply, drawn) = self.answered()?;
        let opening = self.open_steps(&drawn.indices)?;
        let item = Item::Opening {
            reply,
            opening: opening.id(),
        };
        let opening = Piece::Opening(Box::new(opening));
        for to in [Verifier, Client] {
            self.hand(Worker, to, &opening)?;
            self.say(Worker, item.clone(), to)?;
        }
        let count = drawn.indices.len();
        self.step(
            Worker,
            format!("opens leaves, keys and boxes of {count} steps"),
            "the answer is the hash of the token; with the key the client can open every box by these",
        )
    }
}
