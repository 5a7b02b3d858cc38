//! A made-up contract with all its keys, and one party of it that is driven by hand.

use std::{
    cell::Cell,
    sync::{Arc, OnceLock},
};

use bitcoin::{
    Amount,
    hashes::{Hash, sha256},
    secp256k1::{
        Keypair, Secp256k1,
        rand::{Rng as _, SeedableRng as _, rngs::StdRng},
    },
};
use narthex_channel::{
    Machine,
    contract::{
        Blob, Book, ChainView, Checking, Contract, ContractChange, ContractEffect, ContractInput,
        ContractMachine, ContractRefusal, Done, EndingSaid, EndingTask, Facts, Finding, Judging,
        Order, Parcel, PartSaid, Policy, RulingDigest, Said, Side, StoredEnding, Task, Thing,
        Working,
    },
};
use narthex_contracts::{
    attest::{Attestation, Attester},
    coop::Proposal,
    depth::Depth,
    fixtures::Fixtures,
    graph::{NodeId, NodeName, Stage, TxGraph},
    musig::{AdaptorSignature, PartialSignature, PublicNonce},
    party::PartyId,
    setup::{HandedOver, NoncesMessage, Release, SharesMessage},
    shared_secret::{Collector, Dealer, KeyShare, RevealedShare, SharedPoint, Sharing},
    template::derive,
    terms::{Role, Terms, word_pair},
};
use narthex_game_model::{
    Accusation, Params, ParamsRecord, Ruling, Template,
    commitment::{Commitment, Receipt, ReceiptKind, ReceiptSigner, SignedReceipt},
    params::{Audit, Windows},
    ruling::{Answer, Item, Litigant, RootOfRecord, SignedItem, data_id},
    sample::nonce_commitment,
    schedule::{ChallengeSchedule, PanelSchedule, Schedule},
    token::{SealedToken, TokenBox},
};

/// Height at which the funding confirmed.
pub const FUNDED: u32 = 100;
/// t_deliver.
pub const DELIVER: u32 = 130;
/// b, in every party's policy.
pub const CONFIRM: u32 = 2;
/// m.
pub const MESSAGE: u32 = 1;
/// r, as a depth.
pub const DEPTH: u32 = 3;
/// b + r: blocks that are left when something is published that another party's may replace.
pub const SETTLES: u32 = CONFIRM + DEPTH - 1;

pub const CLIENT: Role = Role::Client;
pub const WORKER: Role = Role::Worker;
pub const VERIFIER: Role = Role::Verifier;
pub const PANEL: [Role; 3] = [Role::Arbiter(0), Role::Arbiter(1), Role::Arbiter(2)];

/// What all parties of the made-up contract have between them.
pub struct World {
    pub terms: Arc<Terms>,
    pub graph: Arc<TxGraph>,
    pairs: Vec<(Role, Keypair)>,
    attestations: Vec<Attestation>,
    attesters: Vec<Attester>,
    /// What the panel shares, of the paper's template.
    panel: Option<(Arc<SharedPoint>, Vec<KeyShare>)>,
}

thread_local! {
    static TEMPLATE: Cell<Template> = const { Cell::new(Template::Hardened) };
}

impl Seat<Judging> {
    /// It fixes what it has ruled, and enough of the others have the digest.
    pub fn is_seconded(&mut self) {
        let Role::Arbiter(me) = self.book().contract().role() else {
            panic!("no arbiter");
        };
        let ruling = self.book().ruling().unwrap();
        self.done(world().fixed(me, ruling));
        let others = self.book().contract().others();
        for other in others.iter().take(self.book().enough_answers()) {
            self.said(other.into(), Said::DigestSeen(world().digest(me, ruling)));
        }
    }
}

/// From here on, in this thread, contracts are of this template.
pub fn in_template(template: Template) {
    TEMPLATE.set(template);
}

/// The contract of this thread's template: its graph takes its time.
pub fn world() -> &'static World {
    static HARDENED: OnceLock<World> = OnceLock::new();
    static AUDITED: OnceLock<World> = OnceLock::new();
    static PAPER: OnceLock<World> = OnceLock::new();
    let template = TEMPLATE.get();
    let world = match template {
        Template::Audited => &AUDITED,
        Template::Paper => &PAPER,
        Template::Hardened => &HARDENED,
    };
    world.get_or_init(|| World::new(template))
}

impl World {
    fn new(template: Template) -> World {
        let example = ParamsRecord::example_of(template, 3, 2, DELIVER);
        let is_paper = template == Template::Paper;
        let is_audited = template == Template::Audited;
        let delivered = ParamsRecord {
            windows: Windows {
                work_blocks: 12,
                verdict_blocks: 48,
                appeal_blocks: 6,
                complete_blocks: 6,
                decide_blocks: 24,
                // One with room for the arbiters' rounds, one without.
                per_missing_blocks: if is_audited { 18 } else { 9 },
            },
            audit: example.audit.map(|audit| Audit {
                challenge_blocks: 60,
                ..audit
            }),
            ..example.clone()
        };
        // The paper has its locks, and no windows.
        let record = if is_paper { example } else { delivered };
        let fixtures = Fixtures::new(Params::new(record).unwrap(), [7; 32]);
        let mut record = fixtures.terms().unwrap().record().clone();
        record.sample_nonce = sha256::Hash::from_byte_array(nonce_commitment(&[1; 32]));
        let panel = is_paper.then(share_secret);
        if let (Some(paper), Some((point, _))) = (&mut record.paper, &panel) {
            paper.panel = point.point().unwrap();
        }
        let terms = fixtures.announced(record).unwrap();
        let graph = Arc::new(derive(&terms).unwrap());
        let pair = |role| (role, word_pair(terms.contract_id(), &fixtures.key(role)));
        let pairs = terms.roles().map(pair).collect();
        let attested = |arbiter| Ruling::ALL.map(|ruling| (arbiter, ruling));
        let attestations = (0..3u8).flat_map(attested);
        let attestations = attestations
            .map(|(by, ruling)| {
                fixtures
                    .attestation(by, terms.contract_id(), ruling)
                    .unwrap()
            })
            .collect();
        let attesters = (0..3u8).map(|by| {
            let identity = fixtures.identity(by);
            Attester::of(&identity, terms.contract_id()).unwrap()
        });
        World {
            pairs,
            attestations,
            attesters: attesters.collect(),
            panel,
            graph,
            terms: Arc::new(terms),
        }
    }

    pub fn id(&self) -> &[u8; 32] {
        self.terms.contract_id()
    }

    pub fn contract(&self, role: Role) -> Contract {
        let policy = Policy {
            depth: Depth::new(DEPTH).unwrap(),
            confirm: CONFIRM as u16,
            message: MESSAGE as u16,
        };
        let (terms, graph) = (self.terms.clone(), self.graph.clone());
        let contract = match &self.panel {
            None => Contract::new(terms, graph, role, policy),
            Some((point, _)) => Contract::research((terms, graph), role, policy, point.clone()),
        };
        contract.unwrap()
    }

    pub fn machine<S: Side>(&self, role: Role) -> ContractMachine<S> {
        ContractMachine::new(self.contract(role)).unwrap()
    }

    pub fn node(&self, name: NodeName) -> NodeId {
        self.graph.find(name).unwrap()
    }

    fn pair(&self, role: Role) -> &Keypair {
        let mut pairs = self.pairs.iter();
        &pairs.find(|(of, _)| *of == role).unwrap().1
    }

    /// Says something, as its author.
    pub fn sign(&self, item: Item) -> SignedItem {
        let pair = self.pair(item.author().into());
        item.signed(self.id(), pair)
    }

    /// What the worker commits to: with 0 the right thing, with others other things.
    pub fn commitment(&self, other: u8) -> Commitment {
        let params = self.terms.params();
        Commitment {
            job: self.terms.record().job.to_byte_array(),
            steps: params.steps(),
            root: [other; 32],
            result: self.terms.result_point(),
            openings: params.openings(),
            points: [2; 32],
            boxes: [3; 32],
            coefficients: [4; 32],
        }
    }

    pub fn committed(&self, other: u8) -> SignedItem {
        self.sign(Item::Commitment(Box::new(self.commitment(other))))
    }

    /// The verifier's sample of a block; with nonce 1 it is that of the terms.
    pub fn sample(&self, nonce: u8, height: u32) -> SignedItem {
        self.sign(Item::Sample {
            nonce: [nonce; 32],
            height,
            block: [9; 32],
        })
    }

    pub fn token(&self, sample: &SignedItem) -> SignedItem {
        self.sign(Item::Token {
            sample: self.name(sample),
            sealed: SealedToken {
                ciphertext: [5; 32],
                tag: [6; 16],
            },
        })
    }

    pub fn reply(&self, token: &SignedItem, is_shown: bool) -> SignedItem {
        let kept = TokenBox {
            ciphertext: [7; 32],
            tag: [8; 16],
        };
        let answer = match is_shown {
            true => Answer::Shown {
                hash: [9; 32],
                kept,
            },
            false => Answer::Digests(vec![[10; 32]; 3]),
        };
        self.sign(Item::Reply {
            token: self.name(token),
            answer,
        })
    }

    /// The verifier's hash of what it has computed of a sample, of the paper's template.
    pub fn blind(&self, sample: &SignedItem) -> SignedItem {
        let (sample, digests) = (self.name(sample), [11; 32]);
        self.sign(Item::Blind { sample, digests })
    }

    /// An arbiter's share of the panel's secret.
    pub fn share(&self, arbiter: u8) -> RevealedShare {
        let (_, shares) = self.panel.as_ref().unwrap();
        shares[usize::from(arbiter)].reveal()
    }

    pub fn opening(&self, reply: &SignedItem, opening: u8) -> SignedItem {
        self.sign(Item::Opening {
            reply: self.name(reply),
            opening: [opening; 32],
        })
    }

    pub fn verdict(&self, opening: &SignedItem) -> SignedItem {
        self.sign(Item::Verdict {
            opening: self.name(opening),
            bad_box: 3,
        })
    }

    /// The client's draw of a root, by the number of that and of a nonce.
    pub fn audit(&self, other: u8, nonce: u8) -> SignedItem {
        let root = self.commitment(other).id();
        let nonce = [nonce; 32];
        self.sign(Item::Audit { root, nonce })
    }

    /// What the worker opens to the client by a draw, or by a block's.
    pub fn audit_opening(&self, audit: Option<&SignedItem>, opening: u8) -> SignedItem {
        self.sign(Item::AuditOpening {
            audit: audit.map_or([0; 32], |audit| self.name(audit)),
            opening: [opening; 32],
        })
    }

    /// How items and receipts name an item.
    pub fn name(&self, signed: &SignedItem) -> [u8; 32] {
        signed.item.id(self.id())
    }

    pub fn data(&self) -> [u8; 32] {
        data_id(self.id(), &self.commitment(0).id())
    }

    /// A receipt of a party, to another, dated.
    pub fn receipt(
        &self,
        (kind, item): (ReceiptKind, [u8; 32]),
        (issuer, holder): (Role, Role),
        height: u32,
    ) -> SignedReceipt {
        let key = |role| self.terms.word_key(role).unwrap().serialize();
        let expected = Receipt::expected(kind, *self.id(), item, key(issuer), key(holder));
        let receipt = Receipt { height, ..expected };
        let signature = self.pair(issuer).sign(&receipt.id()).unwrap();
        SignedReceipt { receipt, signature }
    }

    /// First tip at which a case is closed whose window has room for the arbiters' rounds.
    pub fn closed(&self, accused: u32) -> u32 {
        self.panel_schedule(accused).heard + 1
    }

    /// A party brings this part of evidence.
    pub fn brought(&self, by: Role, hash: [u8; 32]) -> SignedReceipt {
        self.receipt((ReceiptKind::Brought, hash), (by, by), 0)
    }

    /// The same, as it comes from that party, in time.
    pub fn evidence(&self, by: Role, hash: [u8; 32]) -> Said {
        self.passed_on((by, hash), &[], 1)
    }

    /// The same, as these arbiters have heard it and it comes at this tip.
    pub fn passed_on(&self, (by, hash): (Role, [u8; 32]), heard: &[Role], tip: u32) -> Said {
        let heard = heard.iter();
        let heard = heard.map(|of| self.receipt((ReceiptKind::Heard, hash), (*of, by), tip));
        Said::Evidence(Box::new(PartSaid {
            case: match self.terms.params().template() {
                Template::Audited => Accusation::Challenge,
                _ => Accusation::Appeal,
            },
            bytes: 1000,
            by: by.litigant().unwrap_or(Litigant::Client),
            hash,
            brought: self.brought(by, hash),
            heard: heard.collect(),
            tip,
        }))
    }

    pub fn attestation(&self, arbiter: u8, ruling: Ruling) -> Attestation {
        let mut all = self.attestations.iter();
        let found = all.find(|of| (of.arbiter, of.ruling) == (arbiter, ruling));
        *found.unwrap()
    }

    /// An end of the funding that the three may agree on, in an attempt.
    /// What stands for an arbiter's ruling.
    pub fn digest(&self, arbiter: u8, ruling: Ruling) -> RulingDigest {
        let attester = &self.attesters[usize::from(arbiter)];
        RulingDigest {
            arbiter,
            evidence: [0xe0; 32],
            digest: attester.digest(ruling),
        }
    }

    /// What an arbiter's record says when it fixes a ruling.
    pub fn fixed(&self, arbiter: u8, ruling: Ruling) -> Done {
        let other = Ruling::ALL.into_iter().find(|other| *other != ruling);
        Done::Fixed {
            ruling,
            mine: self.digest(arbiter, ruling),
            other: self.digest(arbiter, other.unwrap()).digest,
        }
    }

    pub fn proposal(&self, attempt: u32) -> Proposal {
        let funding = self.graph.assemble(TxGraph::FUNDING).unwrap();
        let coin = &funding.output[0];
        Proposal {
            spends: NodeName::plain("Tx0"),
            payouts: vec![(WORKER, coin.value - Amount::from_sat(500))],
            reveals_result: true,
            attempt,
            expires_height: DELIVER - 8,
        }
    }

    pub fn ending_nonces(&self, from: Role) -> NoncesMessage {
        NoncesMessage {
            session_id: [1; 32],
            from: from.into(),
            nonces: vec![PublicNonce([2; 66])],
        }
    }

    pub fn ending_share(&self, from: Role, to: Role) -> SharesMessage {
        SharesMessage {
            session_id: [1; 32],
            transcript: [3; 32],
            from: from.into(),
            to: to.into(),
            stage: Stage(0),
            shares: vec![PartialSignature([4; 32])],
        }
    }

    /// What comes of signing one; machines do not look into it.
    pub fn ended(&self, task: EndingTask, role: Role) -> Done {
        match task {
            EndingTask::Announce => Done::EndingAnnounced(self.ending_nonces(role)),
            EndingTask::Sign => Done::EndingSigned {
                signing: StoredEnding(vec![5; 40]),
                shares: match role {
                    VERIFIER => vec![
                        self.ending_share(VERIFIER, CLIENT),
                        self.ending_share(VERIFIER, WORKER),
                    ],
                    WORKER => vec![self.ending_share(WORKER, CLIENT)],
                    _ => Vec::new(),
                },
            },
            EndingTask::Close => Done::EndingWhole {
                signatures: StoredEnding(vec![6; 40]),
                releases: (role == CLIENT).then(|| release(9)).into_iter().collect(),
            },
        }
    }

    /// What another party says of one.
    pub fn of_ending(&self, rng: &mut StdRng, from: Role, to: Role) -> EndingSaid {
        let attempt = rng.gen_range(0..3);
        match rng.gen_range(0..8u8) {
            0..4 => EndingSaid::Agrees(self.proposal(attempt)),
            4 | 5 => EndingSaid::Nonces {
                attempt,
                nonces: self.ending_nonces(from),
            },
            6 => EndingSaid::Shares {
                attempt,
                shares: self.ending_share(from, to),
            },
            _ => EndingSaid::Release {
                attempt,
                release: release(9),
            },
        }
    }

    pub fn challenge_schedule(&self, approved: u32) -> ChallengeSchedule {
        ChallengeSchedule::of(self.terms.params(), approved)
    }

    pub fn schedule(&self, delivered: u32) -> Schedule {
        Schedule::of(self.terms.params(), delivered)
    }

    pub fn panel_schedule(&self, accused: u32) -> PanelSchedule {
        PanelSchedule::of(self.terms.params(), accused)
    }
}

/// The panel's one secret, made by its members.
fn share_secret() -> (Arc<SharedPoint>, Vec<KeyShare>) {
    let (secp, mut rng) = (Secp256k1::new(), StdRng::seed_from_u64(7));
    let sharing = Sharing::new([7; 32], 3, 2).unwrap();
    let dealers: Vec<_> = (0..3)
        .map(|by| Dealer::new(sharing, by, &mut rng).unwrap())
        .collect();
    let of = |own| {
        let mut collector = Collector::new(sharing, own).unwrap();
        for dealer in &dealers {
            let (dealing, share) = (dealer.dealing(&secp).unwrap(), dealer.share(own).unwrap());
            collector.accept_dealing(&secp, dealing).unwrap();
            collector.accept_share(&secp, share).unwrap();
        }
        collector.finish().unwrap()
    };
    let all: Vec<_> = (0..3).map(of).collect();
    let point = Arc::new(all[0].0.clone());
    (point, all.into_iter().map(|(_, share)| share).collect())
}

/// A share of the settlement; machines do not look into it.
pub fn release(number: u8) -> Release {
    Release {
        agreement_id: [1; 32],
        from: PartyId(2),
        item: number.into(),
        share: PartialSignature([number; 32]),
    }
}

/// A signature of the settlement.
pub fn handed(number: u8) -> HandedOver {
    HandedOver {
        agreement_id: [1; 32],
        item: number.into(),
        signature: AdaptorSignature([number; 64]),
    }
}

/// A party, driven by hand.
#[derive(Clone)]
pub struct Seat<S> {
    pub machine: ContractMachine<S>,
    /// The funding and what followed, with heights.
    pub path: Vec<(NodeId, u32)>,
    pub root: Option<RootOfRecord>,
}

impl<S: Side> Seat<S> {
    /// A party whose funding is buried.
    pub fn of(role: Role) -> Seat<S> {
        let mut seat = Seat {
            machine: world().machine(role),
            path: vec![(TxGraph::FUNDING, FUNDED)],
            root: None,
        };
        seat.tip(FUNDED + 6);
        seat
    }

    pub fn book(&self) -> &Book {
        self.machine.book()
    }

    pub fn step(&mut self, input: &ContractInput) -> Result<Vec<ContractEffect>, ContractRefusal> {
        let step = self.machine.step(input)?;
        let changes: Vec<ContractChange> = step.changes;
        changes.iter().for_each(|change| self.machine.apply(change));
        Ok(step.effects)
    }

    pub fn done(&mut self, done: Done) -> Vec<ContractEffect> {
        self.step(&ContractInput::Done(done)).unwrap()
    }

    pub fn said(&mut self, from: Role, what: Said) -> Vec<ContractEffect> {
        self.try_said(from, what).unwrap()
    }

    pub fn try_said(
        &mut self,
        from: Role,
        what: Said,
    ) -> Result<Vec<ContractEffect>, ContractRefusal> {
        self.step(&ContractInput::Said { from, what })
    }

    pub fn item(&mut self, from: Role, signed: &SignedItem) -> Vec<ContractEffect> {
        self.said(from, Said::Item(signed.clone()))
    }

    pub fn order(&mut self, order: Order) -> Vec<ContractEffect> {
        self.step(&ContractInput::Order(order)).unwrap()
    }

    /// The chain as it stands, with its tip here.
    pub fn tip(&mut self, tip: u32) -> Vec<ContractEffect> {
        let facts = Facts {
            path: self.path.clone(),
            root: self.root,
            agreed: None,
        };
        let view = ChainView {
            tip,
            since: 0,
            facts,
        };
        self.step(&ContractInput::Chain(view)).unwrap()
    }

    /// The next transaction of the contract confirms.
    pub fn confirm(&mut self, name: NodeName, height: u32) -> Vec<ContractEffect> {
        self.path.push((world().node(name), height));
        self.tip(height)
    }

    /// The right root is on record.
    pub fn record(&mut self, height: u32) {
        let root = world().commitment(0).id();
        self.root = Some(RootOfRecord { height, root });
    }

    pub fn is_asked(&self, task: Task) -> bool {
        self.machine.pending().contains(&ContractEffect::Task(task))
    }

    /// It acknowledges a thing of the worker's, as what is named.
    pub fn has(&mut self, thing: Thing, named: (ReceiptKind, [u8; 32]), height: u32) {
        let me = self.book().contract().role();
        let receipt = world().receipt(named, (me, WORKER), height);
        self.done(Done::Acknowledged { thing, receipt });
    }

    /// Whether it sends this, and to whom.
    pub fn sends(&self, what: Parcel) -> Vec<Role> {
        let pending = self.machine.pending();
        let mut to: Vec<Role> = pending
            .iter()
            .filter_map(|effect| match effect {
                ContractEffect::Send { to, what: sent } if *sent == what => Some(*to),
                _ => None,
            })
            .flat_map(|to| to.iter().map(Role::from).collect::<Vec<_>>())
            .collect();
        to.sort();
        to
    }

    /// What it publishes, and until when.
    pub fn publishes(&self) -> Vec<(NodeName, Option<u32>)> {
        let pending = self.machine.pending();
        let published = pending.iter().filter_map(|effect| match effect {
            ContractEffect::Publish { node, until } => {
                Some((world().graph.node(*node).unwrap().name, *until))
            }
            _ => None,
        });
        published.collect()
    }

    /// What it publishes next if nothing else happens: the name, the first height for it, and the last.
    pub fn next_move(&self, tip: u32) -> Option<(NodeName, u32, Option<u32>)> {
        let next = self.machine.next_move(tip)?;
        let name = world().graph.node(next.node).unwrap().name;
        Some((name, next.from, next.until))
    }
}

/// By what the boxes are kept, and which opening.
pub const BOXES: [u8; 32] = [0xb0; 32];
pub const OPENED: u8 = 0x0b;

pub fn opened() -> Blob {
    Blob::Opening {
        id: [OPENED; 32],
        hash: [0x0c; 32],
    }
}

/// What worker and verifier say to each other where both do right.
pub struct Talk {
    pub commitment: SignedItem,
    pub sample: SignedItem,
    pub token: SignedItem,
    pub reply: SignedItem,
    pub opening: SignedItem,
}

/// With a sample of the block at this height, and an answer that the verifier has the token, or that it has not.
pub fn talk(height: u32, is_shown: bool) -> Talk {
    let sample = world().sample(1, height);
    let token = world().token(&sample);
    let reply = world().reply(&token, is_shown);
    Talk {
        opening: world().opening(&reply, OPENED),
        commitment: world().committed(0),
        sample,
        token,
        reply,
    }
}

/// Height of the block of the sample, where the funding is as deep as need be.
pub const DRAWN: u32 = FUNDED + 7;

impl Seat<Working> {
    /// It has committed, to nobody who acknowledged it.
    pub fn committed() -> Self {
        let mut seat = Seat::of(WORKER);
        let commitment = world().committed(0);
        let boxes = BOXES;
        seat.done(Done::Committed { commitment, boxes });
        seat
    }

    /// It has opened the sample to a verifier that has its token.
    pub fn opened() -> Self {
        let (mut seat, talk) = (Seat::committed(), talk(DRAWN, true));
        seat.item(VERIFIER, &talk.sample);
        seat.tip(DRAWN + 3);
        seat.done(Done::Signed(talk.token));
        seat.item(VERIFIER, &talk.reply);
        seat.done(Done::Opened {
            item: talk.opening,
            opening: opened(),
        });
        seat
    }

    /// It has the settlement's signature.
    pub fn paid() -> Self {
        let mut seat = Seat::opened();
        seat.said(CLIENT, Said::HandedOver(handed(1)));
        seat.done(Done::Passed(vec![handed(1)]));
        seat
    }
}

impl Seat<Checking> {
    /// It has acknowledged commitment and boxes, with its tip at this height.
    pub fn bound_at(height: u32) -> Self {
        let (mut seat, talk) = (Seat::of(VERIFIER), talk(DRAWN, true));
        seat.item(WORKER, &talk.commitment);
        seat.said(WORKER, Said::Blob(Blob::Boxes { hash: BOXES }));
        let name = world().name(&talk.commitment);
        seat.has(Thing::Item(name), (ReceiptKind::Commitment, name), height);
        seat.has(Thing::Data, (ReceiptKind::Data, world().data()), height);
        seat
    }

    /// It has drawn its sample.
    pub fn drawn() -> Self {
        let mut seat = Seat::bound_at(DRAWN - 1);
        seat.tip(DRAWN + 3);
        seat.done(Done::Signed(talk(DRAWN, true).sample));
        seat
    }

    /// It has answered.
    pub fn answered(is_shown: bool) -> Self {
        let (mut seat, talk) = (Seat::drawn(), talk(DRAWN, is_shown));
        seat.item(WORKER, &talk.token);
        seat.done(Done::Signed(talk.reply));
        seat
    }

    /// It has what was opened, and is to compare it.
    pub fn comparing() -> Self {
        let mut seat = Seat::answered(true);
        seat.item(WORKER, &talk(DRAWN, true).opening);
        seat.said(WORKER, Said::Blob(opened()));
        seat.has_opening(DRAWN);
        seat
    }

    /// It has looked into what was opened, and acknowledged it.
    pub fn has_opening(&mut self, height: u32) {
        let name = world().name(&talk(DRAWN, true).opening);
        self.has(Thing::Item(name), (ReceiptKind::Opening, name), height);
    }

    /// What was opened is right.
    pub fn found_equal() -> Self {
        let mut seat = Seat::comparing();
        seat.done(Done::Found(Finding::Equal));
        seat
    }

    /// What was opened is right, and it has none of the boxes.
    pub fn equal_without_boxes() -> Self {
        let (mut seat, talk) = (Seat::of(VERIFIER), talk(DRAWN, true));
        seat.item(WORKER, &talk.commitment);
        let name = world().name(&talk.commitment);
        let named = (ReceiptKind::Commitment, name);
        seat.has(Thing::Item(name), named, DRAWN - 1);
        seat.tip(DRAWN + 3);
        seat.done(Done::Signed(talk.sample));
        seat.item(WORKER, &talk.token);
        seat.done(Done::Signed(talk.reply));
        seat.item(WORKER, &talk.opening);
        seat.said(WORKER, Said::Blob(opened()));
        seat.has_opening(DRAWN);
        seat.done(Done::Found(Finding::Equal));
        seat
    }

    /// What must be with the client before it approves.
    pub fn to_serve() -> [(ReceiptKind, [u8; 32]); 2] {
        let opening = world().name(&talk(DRAWN, true).opening);
        [
            (ReceiptKind::Data, world().data()),
            (ReceiptKind::Opening, opening),
        ]
    }

    /// The client has acknowledged all of it.
    pub fn serve(&mut self) {
        for named in Self::to_serve() {
            let receipt = world().receipt(named, (CLIENT, WORKER), DRAWN);
            self.said(CLIENT, Said::Receipt(receipt));
        }
    }

    /// The worker acknowledges the own sample and reply.
    pub fn be_heard(&mut self, is_shown: bool, height: u32) {
        let talk = talk(DRAWN, is_shown);
        let sample = (ReceiptKind::Sample, world().name(&talk.sample));
        let reply = (ReceiptKind::Reply, world().name(&talk.reply));
        for named in [sample, reply] {
            let receipt = world().receipt(named, (WORKER, VERIFIER), height);
            self.said(WORKER, Said::Receipt(receipt));
        }
    }
}
