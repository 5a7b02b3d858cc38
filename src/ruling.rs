//! Cases before a panel as files, and made-up ones to look at.

use std::collections::BTreeMap;

use narthex_base::hex;
use narthex_game_model::{
    Accusation, Params, ParamsError, ParamsRecord,
    commitment::{
        Opening, OpeningBook, PolynomialSeed, ResultSecret, SaltSeed, WorkerSecrets, check_sealed,
        state_digest,
    },
    computation::{Computation, Job, JobSpec},
    play::{Strategy, Work},
    ruling::{
        Answer, Brought, Case, CaseTerms, ChainFacts, Item, Litigant, Received, RootOfRecord,
    },
    sample,
    schedule::{Pace, Schedule},
    secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey, XOnlyPublicKey},
    simulation::IndexHash,
    tagged::TaggedHasher,
    token::{self, ReplySecret, SealCost, Token, TokenBox},
    workload::Records,
};
use serde::{Deserialize, Serialize};

/// Largest file of a case in bytes: evidence of three, boxes included, in hexadecimal.
pub const MAX_CASE_BYTES: u64 = 256 << 20;

/// A block's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Its height.
    pub height: u32,
    /// Its hash, in the byte order in which it is hashed.
    #[serde(with = "hex::array")]
    pub hash: [u8; 32],
}

/// What the chain says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainRecord {
    /// Height of Tx0.
    pub funded: u32,
    /// Height of TxD.
    pub delivered: u32,
    /// The root of record, if there is one.
    #[serde(default)]
    pub record: Option<RootOfRecord>,
    /// What put the case before the panel.
    #[serde(default)]
    pub accusation: Accusation,
    /// Height of TxV0, or of TxV1 where the client challenges it.
    pub verdict: u32,
    /// Height of TxA, or of TxC.
    pub accused: u32,
    /// Hashes of blocks.
    pub blocks: Vec<Block>,
}

/// Word keys of those who sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The client's.
    pub client: XOnlyPublicKey,
    /// The worker's.
    pub worker: XOnlyPublicKey,
    /// The verifier's.
    pub verifier: XOnlyPublicKey,
    /// The panel's.
    pub arbiters: Vec<XOnlyPublicKey>,
}

/// A case as a file: what `narthex game rule` reads. Whoever judges takes all but the evidence from terms and chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// The contract's identity.
    #[serde(with = "hex::array")]
    pub contract: [u8; 32],
    /// Its parameters.
    pub params: ParamsRecord,
    /// Its job.
    pub job: JobSpec,
    /// T.
    pub result: PublicKey,
    /// X.
    pub token: PublicKey,
    /// What the verifier committed to its nonce with.
    #[serde(with = "hex::array")]
    pub sample_nonce: [u8; 32],
    /// Who signs.
    pub keys: Keys,
    /// What is on chain.
    pub chain: ChainRecord,
    /// What the parties bring.
    pub evidence: Vec<Brought>,
}

impl CaseFile {
    /// A case as a file, with what is brought.
    pub fn of(case: &Case, evidence: Vec<Brought>) -> CaseFile {
        let (terms, chain) = (&case.terms, &case.chain);
        let blocks = chain.blocks.iter();
        CaseFile {
            contract: terms.contract,
            params: terms.params.record().clone(),
            job: terms.job,
            result: terms.result,
            token: terms.token,
            sample_nonce: terms.sample_nonce,
            keys: Keys {
                client: terms.client,
                worker: terms.worker,
                verifier: terms.verifier,
                arbiters: terms.arbiters.clone(),
            },
            chain: ChainRecord {
                funded: chain.funded,
                delivered: chain.delivered,
                record: chain.record,
                accusation: chain.accusation,
                verdict: chain.verdict,
                accused: chain.accused,
                blocks: blocks
                    .map(|(height, hash)| Block {
                        height: *height,
                        hash: *hash,
                    })
                    .collect(),
            },
            evidence,
        }
    }

    /// The case, without the evidence.
    ///
    /// # Errors
    /// [`ParamsError`] with every bound that the parameters break.
    pub fn case(&self) -> Result<Case, ParamsError> {
        let blocks = self
            .chain
            .blocks
            .iter()
            .map(|block| (block.height, block.hash));
        Ok(Case {
            terms: CaseTerms {
                contract: self.contract,
                params: Params::new(self.params.clone())?,
                job: self.job,
                result: self.result,
                token: self.token,
                sample_nonce: self.sample_nonce,
                client: self.keys.client,
                worker: self.keys.worker,
                verifier: self.keys.verifier,
                arbiters: self.keys.arbiters.clone(),
            },
            chain: ChainFacts {
                funded: self.chain.funded,
                delivered: self.chain.delivered,
                record: self.chain.record,
                accusation: self.chain.accusation,
                verdict: self.chain.verdict,
                accused: self.chain.accused,
                blocks: blocks.collect::<BTreeMap<_, _>>(),
            },
        })
    }
}

/// What goes wrong in a made-up case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeUp {
    /// The verifier shows no nonce.
    NoSample,
    /// The worker hands over no token.
    NoToken,
    /// The verifier does not answer it.
    NoReply,
    /// The verifier says that it has not opened the seal, with digests that open it.
    FalseRejection,
    /// The worker seals right digests, and its tree holds others.
    FalseSeal,
    /// Nothing: the verifier rejects what is right, without a ground.
    NoGround,
}

/// A step of making up a case failed: only where this machine lacks memory for a seal.
#[derive(Debug, thiserror::Error)]
#[error("no case could be made up: {0}")]
pub struct NoCase(String);

fn none(why: impl std::fmt::Display) -> NoCase {
    NoCase(why.to_string())
}

/// Secrets of made-up cases follow from a byte that everybody knows.
fn key(byte: u8) -> Result<Keypair, NoCase> {
    let secret = SecretKey::from_slice(&[byte; 32]).map_err(none)?;
    Ok(secret.keypair(&Secp256k1::new()))
}

const CLIENT: u8 = 1;
const WORKER: u8 = 2;
const VERIFIER: u8 = 3;
const ARBITERS: u8 = 10;
const CONTRACT: [u8; 32] = [0xc0; 32];
const NONCE: [u8; 32] = [0x7e; 32];
const STEPS: u64 = 24;
const SAMPLED: u32 = 6;
const DELIVERED: u32 = 800_100;

/// What the parties of a made-up case say.
struct Scenario {
    file: CaseFile,
    said: [Brought; 2],
}

impl Scenario {
    /// Something that is said and kept by the whole panel since a height; of an opening, what it names too.
    fn say(
        &mut self,
        item: &Item,
        opened: Option<&Opening>,
        height: u32,
    ) -> Result<[u8; 32], NoCase> {
        let (author, by) = match item.author() {
            Litigant::Worker => (WORKER, 0),
            _ => (VERIFIER, 1),
        };
        let pair = key(author)?;
        let signed = item.clone().signed(&CONTRACT, &pair);
        let received = Received::item(&CONTRACT, &pair.x_only_public_key().0, &signed, opened)
            .map_err(none)?;
        self.said[by].items.push(signed);
        self.keep(by, &received, height)?;
        Ok(*received.id())
    }

    fn keep(&mut self, by: usize, received: &Received, height: u32) -> Result<(), NoCase> {
        for (number, _) in (ARBITERS..).zip(&self.file.keys.arbiters) {
            let kept = received.keep([0; 32], height, &key(number)?);
            self.said[by].receipts.push(kept.map_err(none)?);
        }
        Ok(())
    }
}

fn block(height: u32) -> [u8; 32] {
    let hash = TaggedHasher::new("narthex/made-up-block");
    hash.number(height.into()).finish()
}

/// A made-up case of a small job, with keys that everybody knows.
///
/// # Errors
/// [`NoCase`].
pub fn made_up(what: MadeUp) -> Result<CaseFile, NoCase> {
    let record = ParamsRecord::example(3, 2, 800_000);
    let record = record.for_job(STEPS, SAMPLED).map_err(none)?;
    let record = record.paced(&Pace::MAINNET, 0).map_err(none)?;
    let params = Params::new(record.clone()).map_err(none)?;
    let bytes = (0..STEPS).flat_map(u64::to_be_bytes).collect();
    let records = Records::from_bytes(8, bytes).map_err(none)?;
    let job = Job::new(IndexHash, records).map_err(none)?;
    let secrets = WorkerSecrets {
        result: ResultSecret::from_bytes([9; 32]),
        salts: SaltSeed::from_bytes([5; 32]),
        polynomial: PolynomialSeed::from_bytes([6; 32]),
    };
    let strategy = match what {
        MadeUp::FalseSeal => Strategy::Target {
            steps: (0..STEPS).collect(),
        },
        _ => Strategy::Honest,
    };
    let work = Work::perform(&job, &strategy, &secrets, SAMPLED).map_err(none)?;
    let x = Token::from_bytes([0x21; 32]).ok_or_else(|| none("no token"))?;
    let schedule = Schedule::of(&params, DELIVERED);
    let root = work.commitment().id();
    let public = |byte| Ok::<_, NoCase>(key(byte)?.x_only_public_key().0);
    let arbiters = (ARBITERS..)
        .take(usize::from(params.arbiters()))
        .map(public);
    let point = |point: Option<PublicKey>| point.ok_or_else(|| none("no point"));
    let file = CaseFile {
        contract: CONTRACT,
        params: record,
        job: *job.spec(),
        result: point(secrets.result.point())?,
        token: point(x.point())?,
        sample_nonce: sample::nonce_commitment(&NONCE),
        keys: Keys {
            client: public(CLIENT)?,
            worker: public(WORKER)?,
            verifier: public(VERIFIER)?,
            arbiters: arbiters.collect::<Result<_, _>>()?,
        },
        chain: ChainRecord {
            funded: DELIVERED - 50,
            delivered: DELIVERED,
            record: Some(RootOfRecord {
                height: DELIVERED + 1,
                root,
            }),
            accusation: Accusation::Appeal,
            verdict: schedule.verdict,
            accused: schedule.verdict + 3,
            blocks: Vec::new(),
        },
        evidence: Vec::new(),
    };
    let said = [Litigant::Worker, Litigant::Verifier].map(Brought::by);
    let mut scenario = Scenario { file, said };
    scenario.said[0].commitment = Some(*work.commitment());
    let boxes = check_sealed(work.commitment(), job.output_bytes(), work.sealed()).map_err(none)?;
    let boxes = Received::data(&CONTRACT, &boxes);
    scenario.keep(0, &boxes, schedule.record)?;
    let drawn = tell(&mut scenario, what, (&job, &work, &x), &schedule)?;
    let mut book = OpeningBook::new(work.commitment());
    let allowed = book.allow(&drawn, |_| Ok(())).map_err(none)?;
    scenario.said[0].openings = vec![work.open(&allowed).map_err(none)?];
    let mut file = scenario.file;
    for height in [DELIVERED + 2, schedule.token] {
        let hash = block(height);
        file.chain.blocks.push(Block { height, hash });
    }
    file.evidence = scenario.said.into();
    Ok(file)
}

/// What is said, and the steps that the worker opens to the panel in the end.
fn tell(
    scenario: &mut Scenario,
    what: MadeUp,
    (job, work, x): (&Job<IndexHash>, &Work, &Token),
    schedule: &Schedule,
) -> Result<Vec<u64>, NoCase> {
    let root = work.commitment().id();
    let drawn = |nonce, height| {
        let seed = sample::seed(&root, nonce, &block(height));
        let indices = sample::draw(&seed, STEPS, SAMPLED).map_err(none)?;
        Ok::<_, NoCase>((seed, indices))
    };
    if what == MadeUp::NoSample {
        return Ok(drawn(&[0; 32], schedule.token)?.1);
    }
    let height = DELIVERED + 2;
    let sample = Item::Sample {
        nonce: NONCE,
        height,
        block: block(height),
    };
    let sample = scenario.say(&sample, None, schedule.nonce)?;
    let (seed, indices) = drawn(&NONCE, height)?;
    if what == MadeUp::NoToken {
        return Ok(indices);
    }
    let step = |i: &u64| job.step(*i).map(|output| state_digest(&output));
    let right = indices.iter().map(step).collect::<Result<Vec<_>, _>>();
    let right = right.map_err(none)?;
    let sealed = token::seal(x, &seed, &right, SealCost::CONTRACT).map_err(none)?;
    let token = scenario.say(&Item::Token { sample, sealed }, None, schedule.token)?;
    let answer = match what {
        MadeUp::NoReply => return Ok(indices),
        MadeUp::FalseRejection => Answer::Digests(right),
        _ => Answer::Shown {
            hash: x.shown(&CONTRACT),
            kept: TokenBox::seal(x, &CONTRACT, &ReplySecret::from_bytes([4; 32]))
                .ok_or_else(|| none("no box"))?,
        },
    };
    let reply = scenario.say(&Item::Reply { token, answer }, None, schedule.reply)?;
    if what != MadeUp::FalseRejection {
        let mut book = OpeningBook::new(work.commitment());
        let allowed = book.allow(&indices, |_| Ok(())).map_err(none)?;
        let opened: Opening = work.open(&allowed).map_err(none)?;
        let opening = opened.id();
        let item = Item::Opening { reply, opening };
        scenario.say(&item, Some(&opened), schedule.opening)?;
    }
    Ok(indices)
}
