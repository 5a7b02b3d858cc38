//! Each of the four sides of a contract keeps the laws of machines.

use bitcoin::{
    Txid,
    hashes::Hash,
    secp256k1::rand::{Rng, rngs::StdRng, seq::SliceRandom},
};
use narthex_channel::{
    Machine,
    contract::{
        Audited, Blob, Book, ChainView, Checking, ContractEffect, ContractInput, ContractMachine,
        Done, Facts, Finding, Judging, Order, Paying, Said, Side, Task, Thing, Working,
    },
    laws::{Effort, Subject, check},
};
use narthex_contracts::{
    graph::{NodeId, TxGraph},
    template::Exit,
    terms::Role,
};
use narthex_game_model::{
    Ruling, Template,
    commitment::ReceiptKind,
    ruling::{Answer, Item, SignedItem},
};

use crate::{
    contract_chain::{Blocks, Mood},
    contract_support::{
        BOXES, CLIENT, OPENED, PANEL, VERIFIER, WORKER, handed, in_template, opened, release, world,
    },
    rows,
};

/// Most inputs before a walk begins: laws are not tried on them, so that walks begin late and are short.
const PRELUDE: u32 = 48;

/// What is opened to a client that looks for itself.
const SERVED: u8 = 0x0e;

fn served() -> Blob {
    Blob::Opening {
        id: [SERVED; 32],
        hash: [0x0f; 32],
    }
}

/// Walks of one side.
struct Walks<S> {
    role: Role,
    blocks: Blocks,
    mood: Mood,
    /// Of how many inputs one is of the chain.
    pace: u32,
    /// Whether an arbiter's own rulings come back to it from others.
    echoes: bool,
    fresh: ContractMachine<S>,
}

impl<S: Side> Walks<S> {
    fn of(role: Role) -> Walks<S> {
        Walks {
            role,
            blocks: Blocks::new(),
            mood: Mood::Smooth,
            pace: 4,
            echoes: false,
            fresh: world().machine(role),
        }
    }

    /// Hardly anything was said: a worker has admitted a fault, others have the commitment, and arbiters keep the boxes.
    fn begin_bare(&mut self) {
        self.fresh = world().machine(self.role);
        self.blocks = Blocks::new();
        let view = self.blocks.view();
        self.take(&view);
        self.take(&match self.role {
            Role::Worker => ContractInput::Order(Order::Admit),
            _ => ContractInput::Said {
                from: WORKER,
                what: Said::Item(world().committed(0)),
            },
        });
        if matches!(self.role, Role::Arbiter(_)) {
            let what = Said::Blob(Blob::Boxes { hash: BOXES });
            self.take(&ContractInput::Said { from: WORKER, what });
            if let Some(done) = self.acknowledged(Thing::Data, self.fresh.book()) {
                self.take(&ContractInput::Done(done));
            }
        }
    }

    /// What walks begin with takes this.
    fn take(&mut self, input: &ContractInput) {
        if let Ok(step) = self.fresh.step(input) {
            let changes = step.changes.iter();
            changes.for_each(|change| self.fresh.apply(change));
        }
    }

    /// What of the talk is missing, in its order, with who says it.
    fn next_item(&self, book: &Book, rng: &mut StdRng) -> SignedItem {
        let is_false = self.mood == Mood::False || self.mood == Mood::Wild;
        let is_off = is_false && rng.gen_ratio(1, 6);
        let items = book.papers().items();
        let find = |name: &str| items.iter().find(|signed| signed.item.name() == name);
        if is_off && rng.gen_ratio(1, 2) {
            return world().committed(1);
        }
        if find("commitment").is_none() {
            return world().committed(0);
        }
        let Some(sample) = find("sample") else {
            return world().sample(1 + u8::from(is_off), self.blocks.tip.saturating_sub(3));
        };
        if world().contract(self.role).is_paper() {
            return match (find("blind digests"), find("opening")) {
                (None, _) => world().blind(sample),
                (Some(_), Some(opening)) if is_off => world().verdict(opening),
                (Some(blind), _) => world().opening(blind, OPENED),
            };
        }
        let Some(token) = find("token") else {
            return world().token(sample);
        };
        let Some(reply) = find("reply") else {
            return world().reply(token, !is_off);
        };
        let is_audited = world().terms.params().audit().is_some();
        if is_audited && find("opening").is_some() && rng.r#gen() {
            let audit = find("audit");
            return match (audit, find("opening of the audit")) {
                (None, None) if is_off => world().audit_opening(None, SERVED),
                (None, _) => world().audit(0, 4),
                (_, Some(_)) if is_off => world().audit_opening(audit, SERVED + 1),
                (Some(_), _) => world().audit_opening(audit.filter(|_| !is_off), SERVED),
            };
        }
        match find("opening") {
            Some(opening) if is_off => world().verdict(opening),
            Some(_) if is_off => world().opening(reply, OPENED + 1),
            _ => world().opening(reply, OPENED),
        }
    }

    /// What comes of a task.
    fn done(&self, task: Task, book: &Book, rng: &mut StdRng) -> Option<Done> {
        let is_false = self.mood != Mood::Smooth && rng.gen_ratio(1, 3);
        let find = |name: &str| {
            let mut items = book.papers().items().iter();
            items.find(|signed| signed.item.name() == name)
        };
        Some(match task {
            Task::Work => Done::Committed {
                commitment: world().committed(0),
                boxes: BOXES,
            },
            Task::Sample { height } => Done::Signed(world().sample(1, height)),
            Task::Seal if is_false => Done::Found(Finding::Wrong),
            Task::Seal => Done::Signed(world().token(find("sample")?)),
            Task::Answer if book.contract().is_paper() => {
                Done::Signed(world().blind(find("sample")?))
            }
            Task::Answer => Done::Signed(world().reply(find("token")?, !is_false)),
            Task::Open if is_false => Done::Found(match rng.r#gen() {
                true => Finding::Wrong,
                false => Finding::OwnFault,
            }),
            Task::Open if book.contract().is_paper() => Done::Opened {
                item: world().opening(find("blind digests")?, OPENED),
                opening: opened(),
            },
            Task::Open => {
                let reply = find("reply")?;
                match &reply.item {
                    Item::Reply {
                        answer: Answer::Shown { .. },
                        ..
                    } => Done::Opened {
                        item: world().opening(reply, OPENED),
                        opening: opened(),
                    },
                    _ => Done::Found(Finding::OwnFault),
                }
            }
            Task::Compare if is_false && rng.r#gen() => {
                Done::Signed(world().verdict(find("opening")?))
            }
            Task::Compare => Done::Found(match is_false {
                true => Finding::Wrong,
                false => Finding::Equal,
            }),
            Task::Draw => Done::Signed(world().audit(0, 4)),
            Task::Serve => {
                let audit = book.serves_by()?;
                let named = find("audit").filter(|item| world().name(item) == audit.id());
                Done::Opened {
                    item: world().audit_opening(named, SERVED),
                    opening: served(),
                }
            }
            Task::Audit => Done::Audited(match (is_false, rng.r#gen()) {
                (false, _) => Audited::Right,
                (true, true) => Audited::Wrong { step: 5 },
                (true, false) => Audited::Unopened,
            }),
            Task::Look(thing) if self.mood != Mood::Smooth && rng.r#gen() => {
                Done::NotReceived { thing }
            }
            Task::Look(thing) => self.acknowledged(thing, book)?,
            Task::Approve => Done::Approved(vec![release(1)]),
            Task::Check if is_false => Done::False,
            Task::Check if book.contract().is_paper() => {
                let came = book.unchecked().to_vec();
                match rng.r#gen::<bool>() || !book.rejections().is_empty() {
                    true => Done::Approved(came),
                    false => Done::Rejected(came),
                }
            }
            Task::Reject => Done::Rejected(vec![release(2)]),
            Task::Review => Done::Found(match rng.r#gen() {
                true => Finding::Wrong,
                false => Finding::OwnFault,
            }),
            Task::Reveal => {
                let Role::Arbiter(me) = self.role else {
                    return None;
                };
                Done::Revealed(world().share(me))
            }
            Task::Check if self.role == CLIENT => Done::Approved(book.releases().to_vec()),
            Task::Check => Done::Passed(book.handed_over().to_vec()),
            Task::Pass => Done::Passed(vec![handed(1)]),
            Task::Plead => Done::Pleaded(world().brought(self.role, [0xee; 32])),
            Task::Rule => Done::Ruled(match rng.r#gen() {
                true => Ruling::WorkerAtFault,
                false => Ruling::VerifierAtFault,
            }),
            Task::Fix => {
                let Role::Arbiter(me) = self.role else {
                    return None;
                };
                let found = book.ruling()?;
                world().fixed(
                    me,
                    if is_false {
                        Ruling::WorkerAtFault
                    } else {
                        found
                    },
                )
            }
            Task::Attest => {
                let Role::Arbiter(me) = self.role else {
                    return None;
                };
                Done::Attested(world().attestation(me, book.ruling()?))
            }
            Task::DecryptEnding => Done::Decrypted {
                by: Txid::all_zeros(),
                result: (!is_false).then_some([0xdd; 32]),
            },
            Task::Ending { .. } if is_false => Done::EndingVoid,
            Task::Ending { task, .. } => world().ended(task, self.role),
            Task::Decrypt { settlement } => Done::Decrypted {
                by: world().graph.txid(settlement)?,
                result: (!is_false).then_some([0xdd; 32]),
            },
        })
    }

    fn acknowledged(&self, thing: Thing, book: &Book) -> Option<Done> {
        let is_arbiter = matches!(self.role, Role::Arbiter(_));
        let (kind, item, author) = match thing {
            Thing::Data => (
                ReceiptKind::Data,
                narthex_game_model::ruling::data_id(
                    world().id(),
                    &book.papers().commitment()?.id(),
                ),
                WORKER,
            ),
            Thing::Item(id) => {
                let mut items = book.papers().items().iter();
                let signed = items.find(|signed| world().name(signed) == id)?;
                let author = Role::from(signed.item.author());
                (signed.item.receipt()?, id, author)
            }
            Thing::Part(hash) => {
                let mut parts = book.papers().brought().iter();
                let part = parts.find(|part| part.hash() == hash)?;
                (ReceiptKind::Heard, hash, part.by.into())
            }
        };
        let kind = match (is_arbiter, thing) {
            (true, Thing::Item(_) | Thing::Data) => ReceiptKind::Kept,
            _ => kind,
        };
        let receipt = world().receipt((kind, item), (self.role, author), self.blocks.tip);
        Some(Done::Acknowledged { thing, receipt })
    }

    /// What another party sends.
    fn said(&self, book: &Book, rng: &mut StdRng) -> ContractInput {
        let from = *[WORKER, VERIFIER, CLIENT, PANEL[0], PANEL[1], PANEL[2]]
            .choose(rng)
            .unwrap();
        let said = |from, what| ContractInput::Said { from, what };
        let things = |rng: &mut StdRng| some_thing(book, rng);
        match rng.gen_range(0..18u8) {
            16 | 17 => {
                let from = *[WORKER, VERIFIER, CLIENT].choose(rng).unwrap();
                let said = world().of_ending(rng, from, self.role);
                ContractInput::Said {
                    from,
                    what: Said::Ending(Box::new(said)),
                }
            }
            0..5 => {
                let signed = self.next_item(book, rng);
                let author = Role::from(signed.item.author());
                let from = if rng.gen_ratio(1, 8) { from } else { author };
                said(from, Said::Item(signed))
            }
            5..8 => {
                let thing = things(rng);
                let other = if self.role == WORKER {
                    VERIFIER
                } else {
                    WORKER
                };
                let (thing, issuer) = match rng.gen_range(0..6u8) {
                    0 if self.role != CLIENT => (thing, CLIENT),
                    1 | 2 => (thing, other),
                    _ => ((ReceiptKind::Kept, thing.1), *PANEL.choose(rng).unwrap()),
                };
                let height = self.blocks.tip + 60 * u32::from(rng.gen_ratio(1, 8));
                let receipt = world().receipt(thing, (issuer, self.role), height);
                said(issuer, Said::Receipt(receipt))
            }
            8 => said(
                WORKER,
                Said::Commitment(Box::new(world().commitment(u8::from(rng.gen_ratio(1, 4))))),
            ),
            9..12 if matches!(self.role, Role::Arbiter(_)) && rng.r#gen() => {
                let by = *[WORKER, VERIFIER, CLIENT].choose(rng).unwrap();
                let from = *[by, by, PANEL[0], PANEL[1]].choose(rng).unwrap();
                let heard = &PANEL[..rng.gen_range(0..3)];
                let tip = self.blocks.tip;
                let part = (by, [rng.gen_range(0..12); 32]);
                said(from, world().passed_on(part, heard, tip))
            }
            9 | 10 => {
                let hash = if rng.gen_ratio(1, 4) { [1; 32] } else { BOXES };
                let from = if rng.gen_ratio(1, 4) { from } else { WORKER };
                said(from, Said::Blob(Blob::Boxes { hash }))
            }
            11 if rng.r#gen() => said(WORKER, Said::Blob(served())),
            11 => said(WORKER, Said::Blob(opened())),
            12 => said(from, world().evidence(from, [rng.gen_range(0..12); 32])),
            13 if self.role == WORKER && book.contract().is_paper() => {
                said(VERIFIER, Said::Release(release(rng.gen_range(0..6))))
            }
            14 if book.contract().is_paper() => {
                said(from, Said::Share(world().share(rng.gen_range(0..3))))
            }
            13 if self.role == CLIENT => {
                said(VERIFIER, Said::Release(release(rng.gen_range(0..6))))
            }
            13 if self.role == WORKER => {
                said(CLIENT, Said::HandedOver(handed(rng.gen_range(0..6))))
            }
            13 if rng.r#gen() => said(from, Said::Release(release(0))),
            13 => {
                let ruling = *Ruling::ALL.choose(rng).unwrap();
                let by = rng.gen_range(0..3u8);
                match (from, rng.r#gen()) {
                    (Role::Arbiter(by), true) => {
                        said(from, Said::Digest(world().digest(by, ruling)))
                    }
                    _ => said(from, Said::DigestSeen(world().digest(by, ruling))),
                }
            }
            _ => {
                let ruling = match rng.gen_ratio(1, 3) {
                    true => Ruling::WorkerAtFault,
                    false => Ruling::VerifierAtFault,
                };
                let by = match self.echoes {
                    true => 0,
                    false => rng.gen_range(1..3u8),
                };
                said(from, Said::Attestation(world().attestation(by, ruling)))
            }
        }
    }

    /// What a peer may give back to this party of its own words.
    fn own_word(&self, book: &Book, rng: &mut StdRng) -> ContractInput {
        let kept = (ReceiptKind::Kept, some_thing(book, rng).1);
        let receipt = |thing, issuer, rng: &mut StdRng| {
            let height = self.blocks.tip.saturating_sub(rng.gen_range(0..3));
            Said::Receipt(world().receipt(thing, (issuer, WORKER), height))
        };
        ContractInput::Recalled(match rng.gen_range(0..5u8) {
            0 => receipt(some_thing(book, rng), self.role, rng),
            1 => receipt(kept, self.role, rng),
            2 => receipt(kept, PANEL[0], rng),
            3 => Said::Item(self.next_item(book, rng)),
            _ => Said::Blob(opened()),
        })
    }

    /// What nobody should send or do.
    fn garbage(&self, book: &Book, rng: &mut StdRng) -> ContractInput {
        let signature = self.next_item(book, rng).signature;
        let other = |item: Item| SignedItem { item, signature };
        let said = |from, what| ContractInput::Said { from, what };
        match rng.gen_range(0..9u8) {
            0 => said(WORKER, Said::Item(other(world().sample(3, 7).item))),
            1 => said(Role::Arbiter(9), world().evidence(WORKER, [0; 32])),
            2 => said(self.role, world().evidence(self.role, [0; 32])),
            3 => ContractInput::Done(Done::Signed(world().sample(2, 0))),
            4 => ContractInput::Done(Done::Decrypted {
                by: Txid::all_zeros(),
                result: None,
            }),
            5 => ContractInput::Done(Done::Passed(Vec::new())),
            6 => {
                let node = world().graph.find(Exit::NORMAL_LONG);
                ContractInput::Done(Done::Showing(node.unwrap_or(TxGraph::FUNDING)))
            }
            7 => {
                let facts = Facts {
                    // Not a funding.
                    path: vec![(NodeId(1), 5)],
                    ..Facts::default()
                };
                ContractInput::Chain(ChainView {
                    tip: 9,
                    since: 0,
                    facts,
                })
            }
            _ => ContractInput::Order(match rng.r#gen() {
                true => Order::Admit,
                false => Order::Deliver,
            }),
        }
    }
}

impl<S: Side + PartialEq> Subject for Walks<S> {
    type Machine = ContractMachine<S>;
    type State = ContractMachine<S>;

    fn fresh(&self) -> ContractMachine<S> {
        self.fresh.clone()
    }

    fn begin(&mut self, rng: &mut StdRng) {
        // Each walk is of a contract of some template.
        in_template(match rng.gen_range(0..8u8) {
            0 => Template::Paper,
            1..5 => Template::Hardened,
            _ => Template::Audited,
        });
        self.blocks = Blocks::new();
        let moods = [Mood::Smooth, Mood::OnChain, Mood::False, Mood::Wild];
        // What a walk begins with came about in one mood, and goes on in another.
        let (before, after) = (*moods.choose(rng).unwrap(), *moods.choose(rng).unwrap());
        self.pace = *[2, 4, 8].choose(rng).unwrap();
        self.mood = before;
        self.echoes = false;
        self.blocks.leaps = *[0, 0, 8, 2].choose(rng).unwrap();
        self.fresh = world().machine(self.role);
        for _ in 0..rng.gen_range(0..PRELUDE) {
            let machine = self.fresh.clone();
            let input = self.input(&machine, rng);
            self.take(&input);
        }
        self.mood = after;
        self.echoes = rng.r#gen();
        let (is_bare, is_settled) = (rng.gen_ratio(1, 3), rng.r#gen());
        if is_bare {
            self.begin_bare();
        }
        if self.echoes && rng.r#gen() {
            self.take(&ContractInput::Said {
                from: if self.role == PANEL[1] {
                    VERIFIER
                } else {
                    PANEL[1]
                },
                what: Said::Attestation(world().attestation(0, Ruling::VerifierAtFault)),
            });
        }
        (self.pace, self.blocks.leaps) = match rng.gen_range(0..5u8) {
            // The chain goes to and fro.
            0 | 1 => (1, 1),
            // Much is said and done at some late place of it.
            2 | 3 => {
                for _ in 0..8 {
                    self.blocks.leap(rng);
                    let is_late = match is_bare && is_settled {
                        true => self.blocks.next().is_empty(),
                        false => self.blocks.path.len() > 2,
                    };
                    if is_late {
                        break;
                    }
                }
                let view = self.blocks.view();
                self.take(&view);
                (8, 0)
            }
            _ => (*[2, 4].choose(rng).unwrap(), 0),
        };
        // A new walk is one of a contract that goes on.
        if self.fresh.standing() == "over" {
            self.fresh = world().machine(self.role);
            let leaps = self.blocks.leaps;
            self.blocks = Blocks::new();
            self.blocks.leaps = leaps;
        }
    }

    fn state(&self, machine: &ContractMachine<S>) -> ContractMachine<S> {
        machine.clone()
    }

    fn input(&mut self, machine: &ContractMachine<S>, rng: &mut StdRng) -> ContractInput {
        let book = machine.book();
        if rng.gen_ratio(1, self.pace) {
            self.blocks.go_on(self.mood, rng);
            return self.blocks.view();
        }
        if self.mood == Mood::Wild && rng.gen_ratio(1, 8) {
            return self.garbage(book, rng);
        }
        if self.mood == Mood::Wild && rng.gen_ratio(1, 12) {
            return self.own_word(book, rng);
        }
        if Role::principals().contains(self.role) && rng.gen_ratio(1, 16) {
            let last = book
                .facts()
                .last()
                .and_then(|(last, _)| world().graph.node(last));
            let mut proposal = world().proposal(rng.gen_range(0..3));
            proposal.spends = last.map_or(proposal.spends, |node| node.name);
            return ContractInput::Order(Order::Agree(proposal));
        }
        if self.role == WORKER && rng.gen_ratio(1, 16) {
            return ContractInput::Order(match self.mood {
                Mood::Smooth | Mood::OnChain => Order::Deliver,
                Mood::False | Mood::Wild => Order::Admit,
            });
        }
        let pending = machine.pending();
        let tasks: Vec<_> = pending
            .iter()
            .filter_map(|effect| match effect {
                ContractEffect::Task(task) => Some(*task),
                _ => None,
            })
            .collect();
        if let Some(task) = tasks.choose(rng).filter(|_| rng.gen_ratio(2, 3))
            && let Some(done) = self.done(*task, book, rng)
        {
            return ContractInput::Done(done);
        }
        self.said(book, rng)
    }
}

fn keeps_the_laws<S: Side + PartialEq>(role: Role, seed: u64) {
    let mut walks = Walks::<S>::of(role);
    rows::print(&mut walks, 6_000, 10);
    let checked = check(&mut walks, Effort::new(seed, 2_000, 10));
    checked.unwrap_or_else(|broken| panic!("{broken}"));
}

#[test]
fn a_client_keeps_the_laws() {
    keeps_the_laws::<Paying>(CLIENT, 1);
}

#[test]
fn a_worker_keeps_the_laws() {
    keeps_the_laws::<Working>(WORKER, 2);
}

#[test]
fn a_verifier_keeps_the_laws() {
    keeps_the_laws::<Checking>(VERIFIER, 3);
}

#[test]
fn an_arbiter_keeps_the_laws() {
    keeps_the_laws::<Judging>(PANEL[0], 4);
}

/// Something that may be acknowledged, as far as this party knows.
fn some_thing(book: &Book, rng: &mut StdRng) -> (ReceiptKind, [u8; 32]) {
    let items = book.papers().items().iter();
    let items = items.filter_map(|signed| Some((signed.item.receipt()?, world().name(signed))));
    let all: Vec<_> = items.chain([(ReceiptKind::Data, world().data())]).collect();
    *all.choose(rng).unwrap()
}
