//! The worker's moves of the talk, honest and otherwise.

use bitcoin::hashes::Hash;
use narthex_contracts::{
    template::{ContractSecret, Exit},
    terms::Role,
};
use narthex_game_model::{
    commitment::{Commitment, ReceiptKind},
    ruling::{Answer, Item, data_id},
    sample,
    schedule::Schedule,
    token::{Token, seal},
};

use super::{Drawn, Piece, missing};
use crate::play::{ContractPlay, PlayError, work::job_error};

use Role::{Client, Verifier, Worker};

/// Under which digests the worker seals the token.
pub(in crate::play) enum Under {
    /// Those of its leaves.
    Leaves,
    /// Those of the steps, whatever its leaves say: it computes the sample when it knows it.
    Steps,
    /// None that anybody computes.
    Nothing,
}

impl ContractPlay<'_> {
    /// The worker signs its commitment for the verifier, and shows it to the client.
    pub(in crate::play) fn commit(&mut self) -> Result<(), PlayError> {
        let commitment = Box::new(self.committed()?);
        self.say(Worker, Item::Commitment(commitment.clone()), Verifier)?;
        self.hand(Worker, Client, &Piece::Commitment(commitment), None)
    }

    /// The worker signs its commitment for the panel alone, which keeps it.
    pub(in crate::play) fn commit_to_panel(&mut self, why: &str) -> Result<(), PlayError> {
        let item = Item::Commitment(Box::new(self.committed()?));
        for arbiter in 0..self.terms.panel_size() {
            self.say(Worker, item.clone(), Role::Arbiter(arbiter))?;
        }
        self.step(Worker, "signs this root for the panel".into(), why)
    }

    /// The worker hands verifier and client all boxes.
    pub(in crate::play) fn hand_boxes(&mut self) -> Result<(), PlayError> {
        let (id, delivery) = (self.committed()?.id(), self.delivery.as_ref());
        let boxes = delivery.ok_or_else(|| missing("work"))?.work.sealed();
        let (bytes, boxes) = (boxes.len(), Piece::Boxes(boxes.to_vec()));
        let data = (ReceiptKind::Data, data_id(self.terms.contract_id(), &id));
        for to in [Verifier, Client] {
            self.hand(Worker, to, &boxes, Some(data))?;
        }
        let mute = [Verifier, Client].iter().any(|to| self.is_mute(*to));
        let why = match mute {
            false => "verifier and client acknowledge them, which dates them",
            true => {
                "who acknowledges nothing is served all the same: the arbiters keep them, which dates them"
            }
        };
        let what = format!("hands over {bytes} encrypted bytes, one box a step");
        self.step(Worker, what, why)
    }

    fn is_mute(&self, role: Role) -> bool {
        self.talk.mute.contains(&role)
    }

    /// What the worker has committed to last.
    pub(super) fn committed(&self) -> Result<Commitment, PlayError> {
        let delivery = self.delivery.as_ref();
        Ok(*delivery.ok_or_else(|| missing("work"))?.work.commitment())
    }

    /// The sample as the worker takes it: of the contract's nonce, and of a block that is there to stay.
    fn take_sample(&mut self) -> Result<Drawn, PlayError> {
        let commitment = self.committed()?;
        let contract = *self.terms.contract_id();
        let said = self.papers(Worker)?.last(&contract, |item| match item {
            Item::Sample {
                nonce,
                height,
                block,
            } => Some((*nonce, *height, *block)),
            _ => None,
        });
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
    pub(in crate::play) fn seal_token(&mut self, under: &Under) -> Result<(), PlayError> {
        let drawn = self.take_sample()?;
        let token = self.token()?;
        let (digests, why) = match under {
            Under::Leaves => (
                self.own_digests(&drawn.indices)?,
                "it opens for whoever has computed them, and for nobody else",
            ),
            Under::Steps => {
                let digests = self.recomputed(&drawn.indices)?;
                (
                    digests.digests().to_vec(),
                    "ATTACK: it has computed the sample since it was drawn; its leaves say something else",
                )
            }
            Under::Nothing => (
                vec![[0; 32]; drawn.indices.len()],
                "ATTACK: under digests that nobody has, so that no check opens it",
            ),
        };
        let cost = self.options.seal_cost;
        let sealed = seal(&token, &drawn.seed, &digests, cost).map_err(PlayError::Seal)?;
        let sample = drawn.id;
        self.say(Worker, Item::Token { sample, sealed }, Verifier)?;
        let steps = drawn.indices.len();
        let what = format!("seals the token under the digests of {steps} sampled steps");
        self.step(Worker, what, why)
    }

    fn token(&self) -> Result<Token, PlayError> {
        let worker = self.participant(Worker)?;
        let secret = worker.secrets.get(ContractSecret::Token);
        let token = secret.and_then(|secret| Token::from_bytes(secret.secret_bytes()));
        token.ok_or_else(|| missing("the worker's token"))
    }

    /// Digests of the worker's leaves.
    pub(super) fn own_digests(&self, indices: &[u64]) -> Result<Vec<[u8; 32]>, PlayError> {
        let delivery = self.delivery.as_ref().ok_or_else(|| missing("work"))?;
        let digests = delivery.work.digests(indices);
        digests.ok_or_else(|| missing("a sampled step"))
    }

    /// The worker opens to the client what it looks at itself: what the client has drawn, or what the block after approval
    /// and root draws.
    pub(in crate::play) fn serve_client(&mut self) -> Result<(), PlayError> {
        let contract = *self.terms.contract_id();
        let root = self.committed()?.id();
        let said = self.papers(Worker)?.last(&contract, |item| match item {
            Item::Audit { root, nonce } => Some((*root, *nonce)),
            _ => None,
        });
        let (audit, seed, by) = match said {
            Some((_, (other, _))) if other != root => {
                return Err(PlayError::FalseSample("drawn for another root"));
            }
            Some((id, (_, nonce))) => {
                (id, sample::audit_seed(&root, &nonce, &[0; 32]), "its nonce")
            }
            None => {
                let block = self.audit_block()?;
                let seed = sample::audit_seed(&root, &[0; 32], &block);
                ([0; 32], seed, "a block")
            }
        };
        let params = self.terms.params();
        let count = params.audit().map_or(0, |audit| audit.steps);
        let indices = sample::draw(&seed, params.steps(), count).map_err(job_error)?;
        let opening = self.open_steps(&indices)?;
        let item = Item::AuditOpening {
            audit,
            opening: opening.id(),
        };
        let opening = Box::new(opening);
        self.papers_mut(Worker)
            .file(Piece::Opening(opening.clone()));
        self.hand(Worker, Client, &Piece::Opening(opening), None)?;
        self.say(Worker, item, Client)?;
        self.step(
            Worker,
            format!("opens {count} steps to the client, which {by} draws"),
            "a league's own sample would miss what is wrong, and who sees nothing has reason to challenge",
        )
    }

    /// The first block after approval and root, once it is deep.
    fn audit_block(&mut self) -> Result<[u8; 32], PlayError> {
        let approved = self.confirmed_at(&Exit::APPROVED);
        let approved = approved.ok_or_else(|| missing("an approval"))?;
        let record = self.root_of_record()?;
        let record = record.ok_or_else(|| missing("a root of record"))?;
        let height = Schedule::sample_height(approved, record.height);
        let deep = self.options.depth.reached_at(height);
        let missing = deep.saturating_sub(self.chain.height()?);
        self.mine(missing)?;
        Ok(self.chain.block_hash(height)?.to_byte_array())
    }

    /// The worker opens the sample to verifier and client, after the right answer.
    ///
    /// # Errors
    /// [`PlayError::NoAnswer`]: nothing is opened.
    pub(in crate::play) fn open_sample(&mut self) -> Result<(), PlayError> {
        let drawn = self.take_sample()?;
        let contract = *self.terms.contract_id();
        let right = self.token()?.shown(&contract);
        let reply = self.papers(Worker)?.last(&contract, |item| match item {
            Item::Reply {
                answer: Answer::Shown { hash, .. },
                ..
            } if *hash == right => Some(()),
            _ => None,
        });
        let (reply, ()) = reply.ok_or(PlayError::NoAnswer)?;
        let opening = self.open_steps(&drawn.indices)?;
        let item = Item::Opening {
            reply,
            opening: opening.id(),
        };
        let opening = Piece::Opening(Box::new(opening));
        for to in [Verifier, Client] {
            self.hand(Worker, to, &opening, None)?;
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
