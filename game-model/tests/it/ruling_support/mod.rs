//! A contract that came before its panel, and what its parties say and acknowledge.

pub mod mail;

use std::collections::BTreeMap;

use narthex_game_model::commitment::{
    Commitment, Opening, Receipt, ReceiptKind, ReceiptSigner, SignedReceipt, state_digest,
};
use narthex_game_model::computation::{Computation, Job, StepError, StepNeeds, StepProgram};
use narthex_game_model::params::AcceptedJob;
use narthex_game_model::play::{Strategy, Work};
use narthex_game_model::ruling::{
    Answer, Brought, Case, CaseFinding, CaseTerms, ChainFacts, Item, Litigant, ProvenRecord, Rerun,
    RootOfRecord, RuleError, SignedItem, data_id, rule,
};
use narthex_game_model::schedule::{ChallengeSchedule, Pace, Schedule};
use narthex_game_model::simulation::IndexHash;
use narthex_game_model::tagged::TaggedHasher;
use narthex_game_model::token::{self, ReplySecret, SealCost, Token, TokenBox};
use narthex_game_model::{Accusation, Params, ParamsRecord, sample};
use secp256k1::{Keypair, SECP256K1};

use crate::commitment_support;

pub const STEPS: u64 = 24;
pub const SAMPLED: u32 = 6;
pub const AUDITED: u32 = 8;
pub const CONTRACT: [u8; 32] = [0xc0; 32];
pub const NONCE: [u8; 32] = [0x7e; 32];
pub const DELIVERED: u32 = 1_000;
pub const RECORDED: u32 = 1_010;
pub const COST: SealCost = SealCost::TRIFLING;

pub fn keypair(byte: u8) -> Keypair {
    Keypair::from_seckey_slice(SECP256K1, &[byte; 32]).unwrap()
}

pub fn block(height: u32) -> [u8; 32] {
    TaggedHasher::new("test/block")
        .number(height.into())
        .finish()
}

pub fn x() -> Token {
    Token::from_bytes([0x21; 32]).unwrap()
}

/// One hash a step, but for steps that fail.
pub struct Program {
    pub fails: Vec<u64>,
}

impl StepProgram for Program {
    fn id(&self) -> [u8; 32] {
        IndexHash.id()
    }

    fn output_bytes(&self) -> usize {
        IndexHash.output_bytes()
    }

    fn entropy_bits(&self) -> u32 {
        IndexHash.entropy_bits()
    }

    fn needs(&self) -> StepNeeds {
        IndexHash.needs()
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        match self.fails.iter().any(|step| step.to_be_bytes() == record) {
            true => Err(StepError::Trap("unreachable".into())),
            false => IndexHash.run(record),
        }
    }
}

fn job(fails: &[u64]) -> Job<Program> {
    let bytes = (0..STEPS).flat_map(u64::to_be_bytes).collect();
    let fails = fails.to_vec();
    Job::new(Program { fails }, records(bytes)).unwrap()
}

fn records(bytes: Vec<u8>) -> narthex_game_model::workload::Records {
    narthex_game_model::workload::Records::from_bytes(8, bytes).unwrap()
}

pub fn params(n: u8, k: u8) -> Params {
    let record = ParamsRecord::example(n, k, 800_000).for_job(STEPS, SAMPLED);
    Params::new(record.unwrap().paced(&Pace::MAINNET, 0).unwrap()).unwrap()
}

/// The contract and its worker's work; facts of the chain are those of a rejection at the last moment and an appeal
/// after it.
pub struct Scene {
    pub case: Case,
    pub job: Job<Program>,
    pub accepted: AcceptedJob,
    pub work: Work,
}

impl Scene {
    pub fn new(n: u8, k: u8, strategy: &Strategy) -> Scene {
        Scene::failing(n, k, strategy, &[])
    }

    /// With steps that have no output.
    pub fn failing(n: u8, k: u8, strategy: &Strategy, fails: &[u64]) -> Scene {
        Scene::of(params(n, k), strategy, fails)
    }

    /// A contract whose verifier approved on chain before the reply was due, and whose client challenges that at the last
    /// moment.
    pub fn challenged(n: u8, k: u8, strategy: &Strategy) -> Scene {
        let record = ParamsRecord::audited_example(n, k, 800_000).for_job(STEPS, SAMPLED);
        let mut record = record.unwrap().paced(&Pace::MAINNET, 0).unwrap();
        record.audit.as_mut().unwrap().steps = AUDITED;
        let mut scene = Scene::of(Params::new(record).unwrap(), strategy, &[]);
        let chain = &mut scene.case.chain;
        chain.accusation = Accusation::Challenge;
        let dates = ChallengeSchedule::of(&scene.case.terms.params, chain.verdict);
        chain.accused = dates.claimed - 1;
        scene
    }

    fn of(params: Params, strategy: &Strategy, fails: &[u64]) -> Scene {
        let (n, job) = (params.arbiters(), job(fails));
        let secrets = commitment_support::secrets(9);
        let work = Work::perform(&job, strategy, &secrets, params.openings()).unwrap();
        let accepted = params.accepts_job(&job).unwrap();
        let key = |byte| keypair(byte).x_only_public_key().0;
        let schedule = Schedule::of(&params, DELIVERED);
        let terms = CaseTerms {
            contract: CONTRACT,
            job: *job.spec(),
            result: secrets.result.point().unwrap(),
            token: x().point().unwrap(),
            sample_nonce: sample::nonce_commitment(&NONCE),
            client: key(1),
            worker: key(2),
            verifier: key(3),
            arbiters: (0..n).map(|a| key(10 + a)).collect(),
            params,
        };
        let chain = ChainFacts {
            accusation: Accusation::Appeal,
            funded: 900,
            delivered: DELIVERED,
            record: Some(RootOfRecord {
                height: RECORDED,
                root: work.commitment().id(),
            }),
            verdict: schedule.verdict,
            accused: schedule.verdict + 3,
            blocks: (900..1_200)
                .map(|h| (h, block(h)))
                .collect::<BTreeMap<_, _>>(),
        };
        Scene {
            case: Case { terms, chain },
            job,
            accepted,
            work,
        }
    }

    pub fn schedule(&self) -> Schedule {
        self.case.schedule()
    }

    pub fn commitment(&self) -> Commitment {
        *self.work.commitment()
    }

    /// The sample's block as the chain says.
    pub fn sample_height(&self) -> u32 {
        let chain = &self.case.chain;
        Schedule::sample_height(chain.delivered, chain.record.unwrap().height)
    }

    pub fn sample(&self) -> Item {
        let height = self.sample_height();
        Item::Sample {
            nonce: NONCE,
            height,
            block: block(height),
        }
    }

    pub fn seed(&self, item: &Item) -> [u8; 32] {
        let Item::Sample { nonce, block, .. } = item else {
            panic!("{item:?}")
        };
        sample::seed(&self.commitment().id(), nonce, block)
    }

    pub fn indices(&self, item: &Item) -> Vec<u64> {
        sample::draw(&self.seed(item), STEPS, SAMPLED).unwrap()
    }

    /// Of a sample that nobody has drawn.
    pub fn substitute(&self) -> Vec<u64> {
        let block = block(self.case.substitute_height());
        let seed = sample::seed(&self.commitment().id(), &[0; 32], &block);
        sample::draw(&seed, STEPS, SAMPLED).unwrap()
    }

    /// What the client looks at: drawn by a nonce of its own, or by the block after approval and root.
    pub fn audited(&self, nonce: Option<[u8; 32]>) -> Vec<u64> {
        let root = self.commitment().id();
        let seed = match nonce {
            Some(nonce) => sample::audit_seed(&root, &nonce, &[0; 32]),
            None => sample::audit_seed(&root, &[0; 32], &block(self.case.audit_height())),
        };
        sample::draw(&seed, STEPS, AUDITED).unwrap()
    }

    /// What the worker's leaves say.
    pub fn claimed(&self, indices: &[u64]) -> Vec<[u8; 32]> {
        let width = self.job.output_bytes();
        let outputs: Vec<_> = self
            .work
            .outputs()
            .chunks(width)
            .map(state_digest)
            .collect();
        indices.iter().map(|i| outputs[*i as usize]).collect()
    }

    /// What the steps give.
    pub fn right(&self, indices: &[u64]) -> Vec<[u8; 32]> {
        let step = |i: &u64| state_digest(&self.job.step(*i).unwrap());
        indices.iter().map(step).collect()
    }

    pub fn token(&self, sample: &Item, digests: &[[u8; 32]]) -> Item {
        let seed = self.seed(sample);
        Item::Token {
            sample: id(sample),
            sealed: token::seal(&x(), &seed, digests, COST).unwrap(),
        }
    }

    pub fn open(&self, indices: &[u64]) -> Opening {
        commitment_support::open(&self.work, indices)
    }

    pub fn record(&self, index: u64) -> ProvenRecord {
        let (record, proof) = self.job.prove_record(index).unwrap();
        ProvenRecord {
            index,
            record,
            proof,
        }
    }

    pub fn rule(&self, brought: &[Brought]) -> Result<CaseFinding, RuleError> {
        let rerun = Rerun::Step {
            program: self.job.program(),
            job: &self.accepted,
        };
        rule(&self.case, brought, rerun, COST)
    }
}

pub fn id(item: &Item) -> [u8; 32] {
    item.id(&CONTRACT)
}

pub fn shown(token: &Item) -> Item {
    let x = x();
    Item::Reply {
        token: id(token),
        answer: Answer::Shown {
            hash: x.shown(&CONTRACT),
            kept: TokenBox::seal(&x, &CONTRACT, &ReplySecret::from_bytes([4; 32])).unwrap(),
        },
    }
}

pub fn digests(token: &Item, digests: Vec<[u8; 32]>) -> Item {
    Item::Reply {
        token: id(token),
        answer: Answer::Digests(digests),
    }
}

pub fn opens(reply: &Item, opening: &Opening) -> Item {
    Item::Opening {
        reply: id(reply),
        opening: opening.id(),
    }
}

pub fn key_of(who: Litigant) -> Keypair {
    keypair(match who {
        Litigant::Client => 1,
        Litigant::Worker => 2,
        Litigant::Verifier => 3,
    })
}

pub fn arbiter(index: u8) -> Keypair {
    keypair(10 + index)
}

pub fn sign(item: &Item) -> SignedItem {
    item.clone().signed(&CONTRACT, &key_of(item.author()))
}

/// A receipt of whatever somebody is ready to sign: who lies has no need of the thing.
pub fn receipt(kind: ReceiptKind, item: [u8; 32], by: &Keypair, height: u32) -> SignedReceipt {
    let receipt = Receipt {
        height,
        ..Receipt::expected(kind, CONTRACT, item, by.key(), [0; 32])
    };
    let signature = by.sign(&receipt.id()).unwrap();
    SignedReceipt { receipt, signature }
}

pub fn kept(item: [u8; 32], index: u8, height: u32) -> SignedReceipt {
    receipt(ReceiptKind::Kept, item, &arbiter(index), height)
}

/// Evidence of one party, put together.
pub struct Pile(pub Brought, u8);

impl Pile {
    pub fn of(by: Litigant, scene: &Scene) -> Pile {
        Pile(Brought::by(by), scene.case.terms.params.arbiters())
    }

    /// An item that all arbiters keep since a height.
    pub fn said(mut self, item: &Item, height: u32) -> Pile {
        self = self.unsaid(item);
        self.all_keep(id(item), height)
    }

    /// An item that nobody acknowledges.
    pub fn unsaid(mut self, item: &Item) -> Pile {
        self.0.items.push(sign(item));
        self
    }

    pub fn all_keep(mut self, item: [u8; 32], height: u32) -> Pile {
        let all = (0..self.1).map(|a| kept(item, a, height));
        self.0.receipts.extend(all);
        self
    }

    pub fn data(self, scene: &Scene, height: u32) -> Pile {
        let root = scene.case.chain.record.unwrap().root;
        let mut pile = self.all_keep(data_id(&CONTRACT, &root), height);
        pile.0.commitment = Some(scene.commitment());
        pile
    }

    pub fn with(mut self, change: impl FnOnce(&mut Brought)) -> Pile {
        change(&mut self.0);
        self
    }
}

/// What an honest worker shows the panel of what it opened.
pub fn shows(pile: Pile, opening: Opening) -> Pile {
    pile.with(|b| b.openings.push(opening))
}
