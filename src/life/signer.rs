//! Whoever does the work of a party's machine: with its keys, the job, long things and what was read of the chain.

use std::{cell::OnceCell, path::PathBuf, sync::Arc};

use bitcoin::secp256k1::{All, Keypair, Secp256k1, SecretKey, schnorr};
use narthex_arbiter::{Report, Silent};
use narthex_base::{secret::Secret, statement};
use narthex_channel::contract::{Book, ContractSigner, Done, Task};
use narthex_contracts::{
    binding::Bindings,
    derive::{OwnSalt, Salted},
    setup::{ContractSignatures, Secrets},
    terms::{Role, Terms, token_secret, word_pair_in},
};
use narthex_game_model::{
    commitment::{ReceiptSigner, ResultSecret, SaltSeed, SignerError},
    play::{BlindDigests, Strategy, Work, WorkerSecrets},
    ruling::{Answer, Item, Row, SignedItem},
    token::{SealCost, Token},
};

use super::{Blobs, LifeError, PaperWork, Sight, ending::Volatile, long::Long, paper};
use crate::{job::StageJob, judging::JudgeBox};

/// What a party brings to a contract, and keeps to itself.
pub struct LifeWork<'a> {
    /// What everything that can be had again follows from.
    pub seed: Secret,
    /// What it drew for this attempt, from the system's source; the worker's and the verifier's secrets follow from both.
    pub own_salt: OwnSalt,
    /// Secret of its contract key.
    pub key: SecretKey,
    /// An arbiter's identity.
    pub identity: Option<Keypair>,
    /// What it holds since the set-up.
    pub signatures: ContractSignatures<Terms>,
    /// First height that may hold the funding, on whatever branch of the chain: from there on it is followed.
    pub since: u32,
    /// The job, and which stage of it.
    pub job: (Arc<StageJob>, u32),
    /// Whether what takes as long as the job is done in threads of its own. Then a task of it is not done before the thread
    /// is, and asked for again with every look at the chain.
    pub is_aside: bool,
    /// How the worker works. Honest parties have one way.
    pub strategy: Strategy,
    /// Whether a worker that is at fault says so.
    pub admits: bool,
    /// What a seal costs.
    pub seal_cost: SealCost,
    /// How an arbiter judges: in a box of its own, or in this process if none.
    pub judge: Option<JudgeBox>,
    /// The party's record of what it has bound, for ever: an arbiter's rulings, and attempts at an ending.
    pub bindings: Option<Box<dyn Bindings + 'a>>,
    /// What only a party of the `paper` template has.
    pub paper: PaperWork,
    /// Told of what came of each task, with the reason of a ruling.
    pub watch: Option<Watch<'a>>,
}

/// A party's word key, for as long as it signs something.
pub(super) struct WordSigner<'k> {
    secp: &'k Secp256k1<All>,
    pair: &'k Keypair,
}

impl WordSigner<'_> {
    pub(super) fn item(&self, item: Item, contract: &[u8; 32]) -> SignedItem {
        let signature = self.over(&item.id(contract));
        SignedItem { item, signature }
    }

    pub(super) fn over(&self, digest: &[u8; 32]) -> schnorr::Signature {
        statement::sign_in(self.secp, digest, self.pair)
    }
}

impl ReceiptSigner for WordSigner<'_> {
    fn key(&self) -> [u8; 32] {
        self.pair.key()
    }

    fn sign(&self, message: &[u8; 32]) -> Result<[u8; 64], SignerError> {
        Ok(statement::sign_in(self.secp, message, self.pair).serialize())
    }
}

/// What came of a task; `None` if it cannot be done before the next block.
pub(crate) type Worked = Result<Option<Done>, LifeError>;

/// How an arbiter has ruled: by which row, where there is a table of rulings, and why.
pub type Ruled = (Option<Row>, String);

/// Told of what came of a task; of a ruling, by which row and for what reason.
pub type Watch<'a> = Box<dyn FnMut(&Done, Option<&Ruled>) + 'a>;

/// Does a party's work.
pub struct LifeSigner<'a> {
    pub(super) own: LifeWork<'a>,
    pub(crate) blobs: Box<dyn Blobs + 'a>,
    pub(super) sight: Sight<'a>,
    /// What it gives its word in. Blinded when it is made, for this process: making one takes longer than a signature.
    secp: Secp256k1<All>,
    /// The worker's work, and the verifier's: computed again after a crash, and the same.
    pub(super) work: Long<Work>,
    pub(super) digests: Long<BlindDigests>,
    /// The client's own digests of what it looks at, and which steps these are.
    pub(super) audited: (Vec<u64>, Long<BlindDigests>),
    /// The verifier's token, once its own reply has given it: to be had again, and asked for with every input.
    kept: OnceCell<Token>,
    /// The worker's result secret, which follows from its seed, checked.
    result: OnceCell<ResultSecret>,
    /// Nonces of an ending, as long as this process lives.
    pub(super) announced: Volatile,
    /// By which row an arbiter has ruled, and why.
    pub(super) ruled: Option<Ruled>,
    /// Why an arbiter has ruled on nothing, where it was asked to and that is no matter of a block; and at which tip.
    pub(super) silent: Option<(u32, Silent)>,
    /// The question that was put to the judge, by its id, and what came of it.
    pub(super) judged: ([u8; 32], Long<Result<Report, Silent>>),
}

impl<'a> LifeSigner<'a> {
    /// A party's, that has seen nothing of the chain yet, and keeps nothing of what it reads there.
    ///
    /// # Errors
    /// None: there is nothing to read.
    pub fn new(own: LifeWork<'a>, blobs: Box<dyn Blobs + 'a>) -> Result<LifeSigner<'a>, LifeError> {
        let sight = Sight::in_memory(own.since)?;
        Ok(LifeSigner::seeing(own, blobs, sight))
    }

    /// A party's, that has read this of the chain.
    pub fn seeing(
        own: LifeWork<'a>,
        blobs: Box<dyn Blobs + 'a>,
        sight: Sight<'a>,
    ) -> LifeSigner<'a> {
        LifeSigner {
            own,
            blobs,
            sight,
            secp: Secp256k1::new(),
            work: Long::default(),
            digests: Long::default(),
            audited: (Vec::new(), Long::default()),
            kept: OnceCell::new(),
            result: OnceCell::new(),
            announced: None,
            ruled: None,
            silent: None,
            judged: ([0; 32], Long::default()),
        }
    }

    /// What outlives a process: everything but what it computed and read.
    pub fn into_work(self) -> (LifeWork<'a>, Box<dyn Blobs + 'a>) {
        (self.own, self.blobs)
    }

    /// The file that a long thing is kept in, where it is in one.
    pub fn blob_file(&self, hash: &[u8; 32]) -> Option<PathBuf> {
        self.blobs.file(hash)
    }

    /// What it has read of the chain.
    pub const fn sight(&self) -> &Sight<'a> {
        &self.sight
    }

    /// The same, to look again.
    pub const fn sight_mut(&mut self) -> &mut Sight<'a> {
        &mut self.sight
    }

    /// Why an arbiter rules on nothing although it was asked to: its machine cannot, or its engines do not agree. It is asked again with each
    /// block.
    pub const fn silent(&self) -> Option<&Silent> {
        match &self.silent {
            Some((_, silent)) => Some(silent),
            None => None,
        }
    }

    /// What it holds since the set-up, with what came since.
    pub const fn signatures(&self) -> &ContractSignatures<Terms> {
        &self.own.signatures
    }

    pub(super) fn role(&self) -> Role {
        self.own.signatures.role()
    }

    pub(super) fn terms(&self) -> &Terms {
        self.own.signatures.terms()
    }

    fn salted(&self) -> Salted<'_> {
        Salted::new(&self.own.seed, self.own.own_salt)
    }

    /// The worker's result secret, token and what its commitment is made with.
    pub(super) fn worker_secrets(&self) -> Result<WorkerSecrets, LifeError> {
        let salted = self.salted();
        let result: Option<ResultSecret> = salted.result();
        let salts: SaltSeed = salted.leaf_salts();
        Ok(WorkerSecrets {
            result: result.ok_or(LifeError::Order("a result secret"))?,
            salts,
            polynomial: salted.polynomial(),
        })
    }

    /// The token: the worker's follows from its seed; the verifier's is in its own reply.
    pub(crate) fn token(&self, book: &Book) -> Result<Token, LifeError> {
        match self.role() {
            Role::Worker => self.salted().token(),
            _ => self.kept_token(book),
        }
        .ok_or(LifeError::Order("a token"))
    }

    fn kept_token(&self, book: &Book) -> Option<Token> {
        if self.kept.get().is_none() {
            let is_shown = |item: &Item| match item {
                Item::Reply { answer, .. } => matches!(answer, Answer::Shown { .. }),
                _ => false,
            };
            let replies = book.papers().items().iter();
            let mut replies = replies.filter(|signed| is_shown(&signed.item));
            let found =
                replies.find_map(|signed| self.terms().kept_token(signed, &self.own.seed).ok());
            let _ = self.kept.set(found?);
        }
        Token::from_bytes(*self.kept.get()?.expose())
    }

    pub(super) fn sample_nonce(&self) -> [u8; 32] {
        *self.salted().sample_nonce().expose()
    }

    /// The client's, for this root.
    pub(super) fn audit_nonce(&self, root: &[u8; 32]) -> [u8; 32] {
        *self.salted().audit_nonce(root).expose()
    }

    /// Salt of the verifier's digests: what stands for a step without output is nobody else's to know.
    pub(super) fn blind_salt(&self) -> [u8; 32] {
        *self.salted().blind_salt().expose()
    }

    /// What a party signs by its word key, which is wiped then.
    pub(super) fn signed_by<T>(&self, sign: impl FnOnce(&WordSigner<'_>) -> T) -> T {
        let secp = &self.secp;
        let mut pair = word_pair_in(secp, self.terms().contract_id(), &self.own.key);
        let signed = sign(&WordSigner { secp, pair: &pair });
        pair.non_secure_erase();
        signed
    }

    /// The secrets that this party completes transactions with, as far as it knows them.
    pub fn secrets(&self, book: &Book) -> Secrets {
        use narthex_contracts::template::ContractSecret;
        let mut secrets = Secrets::default();
        let scalar = |bytes: &[u8; 32]| SecretKey::from_slice(bytes).ok();
        if self.role() == Role::Worker {
            if self.result.get().is_none()
                && let Some(result) = self.salted().result()
            {
                let _ = self.result.set(result);
            }
            let result = self.result.get();
            if let Some(result) = result.and_then(|result| scalar(result.expose())) {
                secrets.insert(ContractSecret::Result, result);
            }
        }
        if let Ok(token) = self.token(book)
            && let Some(token) = scalar(token.expose())
        {
            secrets.insert(ContractSecret::Token, token);
        }
        for attestation in book.attestations() {
            secrets.attest(attestation);
        }
        if let Some(appeal) = self.own.paper.appeal {
            secrets.insert(ContractSecret::Appeal, appeal);
        }
        if let Some(panel) = paper::panel_secret(book) {
            secrets.insert(ContractSecret::Panel, panel);
        }
        secrets
    }

    /// The key of what an approval pays the verifier, once it has the token.
    pub(super) fn payment_key(&self, book: &Book) -> Option<SecretKey> {
        let token = SecretKey::from_slice(self.kept_token(book)?.expose()).ok()?;
        token_secret(&self.own.key, &token)
    }

    /// Takes up the shares and signatures that were checked before: as after a crash.
    pub(super) fn take_up(&mut self, book: &Book) {
        // What was checked once is good; what is there already is not taken twice.
        for release in book.releases() {
            let _ = self.own.signatures.accept(release);
        }
        for release in book.rejections() {
            let _ = self.own.signatures.accept(release);
        }
        for handed in book.handed_over() {
            let _ = self.own.signatures.take(handed);
        }
    }
}

impl ContractSigner for LifeSigner<'_> {
    type Error = LifeError;

    fn work(&mut self, task: Task, book: &Book) -> Worked {
        let done = self.done(task, book)?;
        self.tell(done.as_ref());
        Ok(done)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), LifeError> {
        self.blobs.keep(bytes)?;
        Ok(())
    }

    fn kept(&mut self, hash: &[u8; 32]) -> Result<Vec<u8>, LifeError> {
        Ok(self.blobs.kept(hash)?)
    }
}

impl LifeSigner<'_> {
    /// Tells whoever watches what came of a task.
    pub(crate) fn tell(&mut self, done: Option<&Done>) {
        if let (Some(done), Some(watch)) = (done, &mut self.own.watch) {
            watch(done, self.ruled.as_ref());
        }
    }

    /// What comes of a task.
    pub(crate) fn done(&mut self, task: Task, book: &Book) -> Worked {
        match task {
            Task::Work => self.commit(),
            Task::Sample { height } => Ok(self.sample(height, book)),
            Task::Seal => self.seal(book),
            Task::Answer if book.contract().is_paper() => self.blind(book),
            Task::Answer => self.answer(book),
            Task::Open if book.contract().is_paper() => self.open_blindly(book),
            Task::Open => self.open(book),
            Task::Compare => self.compare(book),
            Task::Draw => self.draw_audit(book),
            Task::Serve => self.serve(book),
            Task::Audit => self.audit(book),
            Task::Look(thing) => self.look(thing, book),
            Task::Approve => self.approve(book),
            Task::Reject => self.reject(book),
            Task::Review => self.review(book),
            Task::Check if book.contract().is_paper() => self.check_verdict(book),
            Task::Check => self.check(book),
            Task::Pass => self.pass(book),
            Task::Plead => self.plead(book),
            Task::Rule if book.contract().is_paper() => self.rule_on_dispute(book),
            Task::Rule => self.rule(book),
            Task::Fix => self.fix(book),
            Task::Attest => self.attest(book),
            Task::Reveal => self.reveal(book),
            Task::Decrypt { settlement } => self.decrypt(settlement, book),
            Task::DecryptEnding => self.decrypt_ending(book),
            Task::Ending { attempt, task } => self.ending(attempt, task, book),
        }
    }
}
