//! The processes of one arbiter, and whom they ask.

use std::collections::BTreeSet;

use bitcoin::secp256k1::rand::{Rng, SeedableRng, rngs::StdRng};
use narthex_channel::{
    Machine,
    contract::{
        ArbiterMachine, ChainView, Checking, ContractChange, ContractEffect, ContractInput, Done,
        Judging, Parcel, Paying, RulingDigest, Said, Side, Task, Working,
    },
};
use narthex_contracts::terms::Role;
use narthex_game_model::{Ruling, ruling::Litigant};

use super::{ME, facts};
use crate::contract_support::{CLIENT, PANEL, Seat, VERIFIER, WORKER, world};

/// Somebody who is asked.
pub(super) trait Asked {
    fn ask(&mut self, digest: RulingDigest) -> Option<RulingDigest>;
    fn first(&self) -> Option<RulingDigest>;
}

impl<S: Side> Asked for Seat<S> {
    fn ask(&mut self, digest: RulingDigest) -> Option<RulingDigest> {
        let effects = self.said(PANEL[usize::from(ME)], Said::Digest(digest));
        let mut answers = effects.iter();
        let is_answer = |effect: &ContractEffect| {
            matches!(
                effect,
                ContractEffect::Send {
                    what: Parcel::DigestSeen { arbiter: ME, .. },
                    ..
                }
            )
        };
        answers.any(is_answer).then(|| self.first().unwrap())
    }

    fn first(&self) -> Option<RulingDigest> {
        self.book().once().heard_of(ME).next().copied()
    }
}

/// One of the others, as it behaves towards the arbiter.
pub(super) struct Peer {
    pub(super) role: Role,
    pub(super) seat: Box<dyn Asked>,
    /// It answers nothing, and has heard all the same.
    pub(super) is_silent: bool,
    /// It says whatever it is asked about.
    pub(super) lies: bool,
}

/// The others, what is on its way, and what was signed.
pub(super) struct Around {
    pub(super) peers: Vec<Peer>,
    /// To the others, from which process.
    pub(super) asks: Vec<(usize, Role, RulingDigest)>,
    /// To a process of the arbiter, from whom.
    pub(super) answers: Vec<(usize, Role, RulingDigest)>,
    /// Rulings that a signature was made of.
    pub(super) signed: BTreeSet<String>,
    /// Other arbiters that say that they have ruled by the same evidence.
    pub(super) company: &'static [u8],
    pub(super) rng: StdRng,
}

impl Around {
    pub(super) fn new(silent: &[Role], liar: Option<Role>, seed: u64) -> Around {
        let seats: [(Role, Box<dyn Asked>); 5] = [
            (CLIENT, Box::new(Seat::<Paying>::of(CLIENT))),
            (WORKER, Box::new(Seat::<Working>::of(WORKER))),
            (VERIFIER, Box::new(Seat::<Checking>::of(VERIFIER))),
            (PANEL[0], Box::new(Seat::<Judging>::of(PANEL[0]))),
            (PANEL[2], Box::new(Seat::<Judging>::of(PANEL[2]))),
        ];
        let peer = |(role, seat)| Peer {
            role,
            seat,
            is_silent: silent.contains(&role),
            lies: liar == Some(role),
        };
        Around {
            peers: seats.into_iter().map(peer).collect(),
            asks: Vec::new(),
            answers: Vec::new(),
            signed: BTreeSet::new(),
            company: &[0, 2],
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// A letter to one of the others comes, whichever.
    pub(super) fn deliver(&mut self) -> bool {
        if self.asks.is_empty() {
            return false;
        }
        let next = self.rng.gen_range(0..self.asks.len());
        let (process, role, digest) = self.asks.swap_remove(next);
        let peer = self
            .peers
            .iter_mut()
            .find(|peer| peer.role == role)
            .unwrap();
        let answer = peer.seat.ask(digest);
        let answer = match peer.lies {
            true => Some(digest),
            false => answer.filter(|_| !peer.is_silent),
        };
        self.answers
            .extend(answer.map(|digest| (process, role, digest)));
        true
    }

    /// What links give again to a disk that is an older copy: what others have answered before.
    pub(super) fn given_again(&mut self, process: usize) {
        for peer in self
            .peers
            .iter()
            .filter(|peer| !peer.is_silent && !peer.lies)
        {
            let first = peer.seat.first();
            self.answers
                .extend(first.map(|first| (process, peer.role, first)));
        }
    }
}

/// Where a process is killed: at which of its writes, and whether that is on disk.
pub(super) type Kill = Option<(usize, bool)>;

/// A process of the arbiter.
pub(super) struct Process {
    pub(super) number: usize,
    pub(super) machine: ArbiterMachine,
    /// Its disk: what each write has added.
    pub(super) disk: Vec<Vec<ContractChange>>,
    pub(super) since: u32,
    pub(super) finds: Ruling,
    pub(super) kill: Kill,
    pub(super) writes: usize,
    pub(super) is_dead: bool,
}

impl Process {
    pub(super) fn start(
        number: usize,
        disk: &[Vec<ContractChange>],
        since: u32,
        finds: Ruling,
    ) -> Process {
        let mut machine: ArbiterMachine = world().machine(PANEL[usize::from(ME)]);
        for change in disk.iter().flatten() {
            machine.apply(change);
        }
        Process {
            number,
            machine,
            disk: disk.to_vec(),
            since,
            finds,
            kill: None,
            writes: 0,
            is_dead: false,
        }
    }

    /// What is due as it starts.
    pub(super) fn wake(&mut self, around: &mut Around) {
        let due = self.machine.pending();
        self.carry_out(due, around);
    }

    pub(super) fn take(&mut self, input: &ContractInput, around: &mut Around) {
        if self.is_dead {
            return;
        }
        // What is said twice, or too late, changes nothing.
        let Ok(step) = self.machine.step(input) else {
            return;
        };
        if !step.changes.is_empty() {
            self.writes += 1;
            let kill = self.kill.filter(|(at, _)| *at == self.writes);
            if kill.is_none_or(|(_, is_written)| is_written) {
                step.changes
                    .iter()
                    .for_each(|change| self.machine.apply(change));
                self.disk.push(step.changes);
            }
            if kill.is_some() {
                self.is_dead = true;
                return;
            }
        }
        self.carry_out(step.effects, around);
    }

    fn carry_out(&mut self, due: Vec<ContractEffect>, around: &mut Around) {
        for effect in due {
            let book = self.machine.book();
            let said = || {
                let own = |ruling: &Ruling| {
                    let digest = world().digest(ME, *ruling).digest;
                    book.once().said().any(|said| said.digest == digest)
                };
                Ruling::ALL.into_iter().find(own)
            };
            let done = match effect {
                ContractEffect::Send {
                    to,
                    what: Parcel::Digest,
                } => {
                    let mine = *book.once().fixed().unwrap();
                    let to = to.iter().map(Role::from);
                    around.asks.extend(to.map(|to| (self.number, to, mine)));
                    continue;
                }
                ContractEffect::Task(Task::Rule) => Done::Ruled(said().unwrap_or(self.finds)),
                ContractEffect::Task(Task::Fix) => {
                    let found = book.ruling().unwrap();
                    world().fixed(ME, said().unwrap_or(found))
                }
                ContractEffect::Task(Task::Attest) => {
                    let ruling = book.ruling().unwrap();
                    around.signed.insert(format!("{ruling:?}"));
                    Done::Attested(world().attestation(ME, ruling))
                }
                _ => continue,
            };
            self.take(&ContractInput::Done(done), around);
        }
    }

    pub(super) fn look(&mut self, tip: u32, around: &mut Around) {
        let (since, facts) = (self.since, facts(tip));
        self.take(
            &ContractInput::Chain(ChainView { tip, since, facts }),
            around,
        );
    }

    /// Own words come back, as far as others have them.
    pub(super) fn recall(&mut self, around: &mut Around) {
        let had: BTreeSet<_> = around
            .peers
            .iter()
            .filter_map(|peer| peer.seat.first())
            .collect();
        for digest in had {
            self.take(&ContractInput::Recalled(Said::Digest(digest)), around);
        }
    }

    pub(super) fn brings(&mut self, around: &mut Around) {
        for by in [Litigant::Worker, Litigant::Verifier] {
            let from = Role::from(by);
            let what = world().evidence(from, [self.number as u8; 32]);
            self.take(&ContractInput::Said { from, what }, around);
        }
    }

    /// Other arbiters say that they have ruled, by the same evidence as this one.
    pub(super) fn joined(&mut self, by: &[u8], around: &mut Around) {
        for arbiter in by {
            let from = PANEL[usize::from(*arbiter)];
            let what = Said::Digest(world().digest(*arbiter, self.finds));
            self.take(&ContractInput::Said { from, what }, around);
        }
    }
}
