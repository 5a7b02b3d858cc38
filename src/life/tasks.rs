//! What a party computes and signs while work is checked and settled.

use bitcoin::{Txid, secp256k1::SecretKey};
use narthex_base::codec::Message;
use narthex_channel::contract::{Book, Done, Finding, Thing};
use narthex_contracts::{
    derive::reply_secret,
    graph::NodeId,
    setup::SignaturesError,
    template::{Exit, PaperExit},
    terms::Role,
};
use narthex_game_model::{
    commitment::{
        Commitment, KeyPolynomial, OpenError, Opening, ResultSecret, check_sealed, open, open_with,
    },
    computation::Computation,
    play::{BlindDigests, Verdict},
    ruling::{Answer, Item, Received},
    sample,
    token::{SealError, Token, TokenBox, open as open_seal},
};

use super::{LifeError, LifeSigner, signer::Worked};
use crate::job::recompute;

/// A sample, as either side derives it from what was said.
pub(crate) struct Drawn {
    pub(crate) id: [u8; 32],
    pub(crate) seed: [u8; 32],
    pub(crate) indices: Vec<u64>,
}

impl LifeSigner<'_> {
    pub(crate) fn sign(&self, item: Item) -> narthex_game_model::ruling::SignedItem {
        let contract = *self.terms().contract_id();
        self.signed_by(|word| word.item(item, &contract))
    }

    pub(crate) fn say(&self, item: Item) -> Done {
        Done::Signed(self.sign(item))
    }

    pub(super) fn draw(
        &self,
        id: [u8; 32],
        commitment: &Commitment,
        nonce: &[u8; 32],
        block: &[u8; 32],
    ) -> Result<Drawn, LifeError> {
        let params = self.terms().params();
        let seed = sample::seed(&commitment.id(), nonce, block);
        let indices = sample::draw(&seed, params.steps(), params.sample())?;
        Ok(Drawn { id, seed, indices })
    }

    /// The sample that was said first.
    pub(crate) fn sampled(&self, book: &Book) -> Result<Drawn, LifeError> {
        let contract = book.contract().id();
        let commitment = book.papers().commitment();
        let commitment = commitment.ok_or(LifeError::Order("a commitment"))?;
        let sample = book.papers().sample(contract);
        let (id, (nonce, _, block)) = sample.ok_or(LifeError::Order("a sample"))?;
        self.draw(id, &commitment, &nonce, &block)
    }

    // The verifier.

    pub(super) fn sample(&self, height: u32, book: &Book) -> Option<Done> {
        if book.awaits_own_sample(self.sight.times()) {
            return None;
        }
        let block = self.sight.block(height)?;
        let nonce = self.sample_nonce();
        Some(self.say(Item::Sample {
            nonce,
            height,
            block,
        }))
    }

    /// The verifier's own digests of the sample, computed again after a crash.
    pub(crate) fn checked(&mut self, book: &Book) -> Result<Option<&BlindDigests>, LifeError> {
        let indices = self.sampled(book)?.indices;
        let (job, stage) = self.own.job.clone();
        let salt = self.blind_salt();
        let work = move || Ok(recompute(&job, stage, &indices, salt)?);
        self.digests.get(self.own.is_aside, work)
    }

    pub(super) fn answer(&mut self, book: &Book) -> Worked {
        let contract = *book.contract().id();
        let drawn = self.sampled(book)?;
        let sealed = book.papers().token_for(&contract, &drawn.id);
        let (token, sealed) = sealed.ok_or(LifeError::Order("a token"))?;
        if !book.may_answer(&token, self.sight.tip()) {
            return Ok(None);
        }
        let point = self.terms().token_point();
        let point = point.ok_or(LifeError::Order("a token point"))?;
        let Some(digests) = self.checked(book)? else {
            return Ok(None);
        };
        let digests = digests.digests().to_vec();
        let cost = self.own.seal_cost;
        let answer = match open_seal(&sealed, &drawn.seed, &digests, &point, cost) {
            Ok(found) => self.shows(&found)?,
            Err(SealError::Shut | SealError::NoToken) => Answer::Digests(digests),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(self.say(Item::Reply { token, answer })))
    }

    /// The answer of a verifier that has this token, which it keeps in it for itself.
    pub(crate) fn shows(&self, token: &Token) -> Result<Answer, LifeError> {
        let contract = self.terms().contract_id();
        let own = reply_secret(&self.own.seed, contract);
        let kept = TokenBox::seal(token, contract, &own);
        Ok(Answer::Shown {
            hash: token.shown(contract),
            kept: kept.ok_or(LifeError::Order("a token"))?,
        })
    }

    pub(super) fn compare(&mut self, book: &Book) -> Worked {
        let contract = *book.contract().id();
        let papers = book.papers();
        let order = || LifeError::Order("an opening");
        let drawn = self.sampled(book)?;
        let reply = match papers.token_for(&contract, &drawn.id) {
            Some((token, _)) => papers.reply_to(&contract, &token).map(|(reply, _)| reply),
            None => book.blind(),
        };
        let reply = reply.ok_or_else(order)?;
        let (item, opening) = papers.opened(&contract, &reply).ok_or_else(order)?;
        let hash = papers.opening(&opening).ok_or_else(order)?;
        let opening = Opening::from_bytes(&self.blobs.kept(hash)?)?;
        let commitment = papers.commitment().ok_or_else(order)?;
        let Some(digests) = self.checked(book)? else {
            return Ok(None);
        };
        Ok(Some(match digests.verdict(&commitment, &opening) {
            Ok(Verdict::Equal) => Done::Found(Finding::Equal),
            Ok(Verdict::BadBox { index }) => self.say(Item::Verdict {
                opening: item,
                bad_box: index,
            }),
            // What proves nothing, or something else, is not approved.
            Ok(Verdict::Differs { .. }) | Err(_) => Done::Found(Finding::Wrong),
        }))
    }

    pub(super) fn approve(&mut self, book: &Book) -> Worked {
        let node = self.settlement(book)?;
        let token = match book.contract().is_paper() {
            true => None,
            false => Some(SecretKey::from_slice(self.token(book)?.expose())),
        };
        let token = token.transpose();
        let token = token.map_err(|_| LifeError::Order("a token"))?;
        let releases = self.own.signatures.release(node, token.as_ref())?;
        Ok(Some(Done::Approved(releases)))
    }

    fn settlement(&self, book: &Book) -> Result<NodeId, LifeError> {
        let name = match book.contract().is_paper() {
            true => PaperExit::NORMAL,
            false => Exit::NORMAL,
        };
        let node = book.contract().graph().find(name);
        node.ok_or(LifeError::Order("a settlement"))
    }

    // What several do.

    /// Looks into a thing, and acknowledges it, or says that it keeps it.
    pub(super) fn look(&mut self, thing: Thing, book: &Book) -> Worked {
        let none = Ok(Some(Done::NotReceived { thing }));
        // A process that has not looked at the chain yet does not know when it has something: a receipt of height 0 would be in time
        // whatever the deadline, and draw a sample by a block that nobody looks at.
        if self.sight.tip() == 0 {
            return Ok(None);
        }
        if let Thing::Part(hash) = thing {
            let part = book.part_of(&hash).ok_or(LifeError::Order("a part"))?;
            let tip = self.sight.tip();
            let receipt = self.signed_by(|pair| part.hear(tip, pair))?;
            return Ok(Some(Done::Acknowledged { thing, receipt }));
        }
        let Some(received) = self.received(thing, book)? else {
            return none;
        };
        let author = match thing {
            Thing::Data | Thing::Part(_) => Role::Worker,
            Thing::Item(id) => {
                let mut items = book.papers().items().iter();
                let signed = items.find(|signed| signed.item.id(book.contract().id()) == id);
                signed.map_or(Role::Worker, |signed| Role::from(signed.item.author()))
            }
        };
        let holder = book.contract().word_key(author);
        let holder = holder.ok_or(LifeError::Order("a word key"))?.serialize();
        let tip = self.sight.tip();
        let receipt = self.signed_by(|pair| match self.role() {
            Role::Arbiter(_) => received.keep(holder, tip, pair),
            _ => received.acknowledge(holder, tip, pair),
        })?;
        Ok(Some(Done::Acknowledged { thing, receipt }))
    }

    fn received(&self, thing: Thing, book: &Book) -> Result<Option<Received>, LifeError> {
        let (papers, contract) = (book.papers(), book.contract().id());
        match thing {
            Thing::Data => {
                let known = papers.boxes().zip(papers.commitment());
                let (hash, commitment) = known.ok_or(LifeError::Order("boxes"))?;
                let boxes = self.blobs.kept(hash)?;
                let width = self.own.job.0.output_bytes();
                let data = check_sealed(&commitment, width, &boxes);
                Ok(data.ok().map(|data| Received::data(contract, &data)))
            }
            Thing::Part(_) => Ok(None),
            Thing::Item(id) => {
                let mut items = papers.items().iter();
                let signed = items.find(|signed| signed.item.id(contract) == id);
                let signed = signed.ok_or(LifeError::Order("an item"))?;
                let opening = match signed.item.opened().and_then(|id| papers.opening(id)) {
                    None => None,
                    Some(hash) => Some(Opening::from_bytes(&self.blobs.kept(hash)?)?),
                };
                let author = book.contract().word_key(signed.item.author().into());
                let author = author.ok_or(LifeError::Order("a word key"))?;
                Ok(Received::item(contract, &author, signed, &opening).ok())
            }
        }
    }

    /// What came of the settlement: the verifier's share to the client, or the whole signature to the worker.
    pub(super) fn check(&mut self, book: &Book) -> Worked {
        let node = self.settlement(book)?;
        let signatures = &mut self.own.signatures;
        Ok(Some(match book.contract().role() {
            Role::Client => {
                let good = book
                    .releases()
                    .iter()
                    .filter(|release| signatures.accept(release).is_ok());
                let good: Vec<_> = good.cloned().collect();
                match signatures.hand_over(node).is_ok() && !good.is_empty() {
                    true => Done::Approved(good),
                    false => Done::False,
                }
            }
            _ => {
                let good = book
                    .handed_over()
                    .iter()
                    .filter(|handed| signatures.take(handed).is_ok());
                let good: Vec<_> = good.cloned().collect();
                match signatures.adaptor_signature(node).is_ok() && !good.is_empty() {
                    true => Done::Passed(good),
                    false => Done::False,
                }
            }
        }))
    }

    pub(super) fn pass(&mut self, book: &Book) -> Worked {
        self.take_up(book);
        let node = self.settlement(book)?;
        Ok(Some(Done::Passed(self.own.signatures.hand_over(node)?)))
    }

    // The client.

    /// Takes the key out of the settlement, and opens every box with it.
    pub(super) fn decrypt(&mut self, settlement: NodeId, book: &Book) -> Worked {
        self.take_up(book);
        let txid = book.contract().graph().txid(settlement);
        let by = txid.ok_or(LifeError::Order("a settlement"))?;
        let Some(tx) = self.sight.transaction(by) else {
            return Ok(None);
        };
        let known = self.secrets(book);
        let secret = match self.own.signatures.extract_result(settlement, tx, &known) {
            // A share that a disk which was put back has forgotten, or an attestation that is still on its way: it comes.
            Err(SignaturesError::Waiting { .. } | SignaturesError::Secret { .. }) => {
                return Ok(None);
            }
            found => found?,
        };
        self.decrypt_with(by, &secret, book)
    }

    /// Opens every box with the key that this transaction has shown.
    pub(super) fn decrypt_with(&mut self, by: Txid, secret: &SecretKey, book: &Book) -> Worked {
        let secret = ResultSecret::from_bytes(secret.secret_bytes());
        let papers = book.papers();
        let here = papers.boxes().zip(papers.commitment());
        let Some((hash, commitment)) = here else {
            return Ok(None);
        };
        let boxes = self.blobs.kept(hash)?;
        let size = self.own.job.0.output_bytes();
        let plain = match open(&commitment, size, &boxes, &secret) {
            // A coefficient box of garbage: what was opened gives the keys.
            Err(OpenError::Coefficients) => {
                match self.open_by_shares(&commitment, &boxes, &secret, book)? {
                    Some(opened) => opened,
                    // What was opened is with the client or the arbiters before anybody approves: it comes.
                    None => return Ok(None),
                }
            }
            opened => opened.ok(),
        };
        let result = plain.map(|plain| self.blobs.keep(&plain)).transpose()?;
        Ok(Some(Done::Decrypted { by, result }))
    }

    /// With the keys that follow from the secret and an opening of the sample: none without such an opening.
    fn open_by_shares(
        &self,
        commitment: &Commitment,
        boxes: &[u8],
        secret: &ResultSecret,
        book: &Book,
    ) -> Result<Option<Option<Vec<u8>>>, LifeError> {
        let size = self.own.job.0.output_bytes();
        for hash in book.papers().openings() {
            // Whoever sent it may have sent anything.
            let opening = Opening::from_bytes(&self.blobs.kept(hash)?);
            let Some(opening) = opening.ok().filter(|all| all.verify(commitment).is_ok()) else {
                continue;
            };
            let polynomial = KeyPolynomial::from_shares(commitment, secret, &opening.shares());
            if let Ok(polynomial) = polynomial {
                let opened = open_with(commitment, size, boxes, &polynomial);
                return Ok(Some(opened.ok()));
            }
        }
        Ok(None)
    }

    /// Hash of the block at a height, once it is deep.
    pub(super) fn deep_block(&self, height: u32, book: &Book) -> Option<[u8; 32]> {
        let depth = book.contract().policy().depth;
        let hash = self.sight.block(height);
        hash.filter(|_| depth.is_reached(height, self.sight.tip()))
    }
}
