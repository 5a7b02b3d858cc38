//! A set-up against the laws of machines, with bytes of no meaning in place of a ceremony.

use std::collections::BTreeMap;

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::{
    Machine,
    laws::{Effort, Subject, check},
    setup::{
        Body, Bound, Cause, ChainView, Lengths, MAX_ATTEMPTS, Negotiation, Parcel, Phase,
        SetupEffect, SetupInput, SetupMachine, SetupMessage, Timing,
    },
};
use narthex_contracts::party::{PartyId, PartyName};

const STAGES: u8 = 2;
const TIMING: Timing = Timing {
    patience_s: 60,
    funding_deadline: 100,
    margin: 2,
    burial: 3,
};

fn parties() -> [PartyName; 3] {
    [
        PartyName::new(PartyId(0), "client"),
        PartyName::new(PartyId(1), "worker"),
        PartyName::numbered(PartyId(3), "arbiter", 0),
    ]
}

pub fn negotiation(me: usize) -> Negotiation {
    let parties = parties();
    Negotiation::new([7; 32], parties, (parties[me], parties[0]), TIMING).unwrap()
}

/// What a party says in an attempt. Only the arbiter announces; the worker owes no shares of the last stage.
pub fn said(attempt: u8, from: PartyId, what: &str) -> Vec<u8> {
    format!("{what} of {} in {attempt}", from.0).into_bytes()
}

fn bound(attempt: u8, me: PartyId) -> Bound {
    let others = || parties().into_iter().filter(move |p| p.id != me);
    let length = |from: PartyName, what: &str| (from.id, said(attempt, from.id, what).len() as u32);
    let shares = |stage: u8| {
        let owe = others().filter(|p| stage == 0 || p.id != PartyId(1));
        owe.map(|p| length(p, &format!("shares {stage}"))).collect()
    };
    Bound {
        agreement: [attempt; 32],
        announcement: announced(attempt, me),
        lengths: Lengths {
            nonces: others().map(|p| length(p, "nonces")).collect(),
            shares: (0..STAGES).map(shares).collect::<Vec<BTreeMap<_, _>>>(),
        },
    }
}

fn announced(attempt: u8, party: PartyId) -> Vec<u8> {
    match party {
        PartyId(3) => said(attempt, party, "announcement"),
        _ => Vec::new(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Mostly what is waited for.
    Smooth,
    /// Anything.
    Rough,
    /// Nobody answers in time.
    Slow,
    /// Blocks come before it is done.
    Late,
}

struct SetupSubject {
    me: usize,
    /// What this walk tries most.
    mood: Mood,
    /// One attempt after the other is void, up to the last.
    is_stormy: bool,
    /// Nothing disturbs it before this phase.
    target: Phase,
    tip: u32,
    time: u64,
}

impl SetupSubject {
    fn body(&self, attempt: u8, from: PartyId, rng: &mut StdRng) -> Body {
        match rng.gen_range(0..20u8) {
            0..2 => Body::Proposal(said(attempt, from, "proposal")),
            2..4 => Body::Terms(said(attempt, PartyId(0), "terms")),
            4..7 => Body::Bind {
                agreement: [attempt; 32],
                announcement: announced(attempt, from),
            },
            7..10 => Body::Nonces(said(attempt, from, "nonces")),
            10..14 => {
                let stage = rng.gen_range(0..STAGES);
                let shares = said(attempt, from, &format!("shares {stage}"));
                Body::Shares { stage, shares }
            }
            14..16 => Body::Held,
            16..18 => Body::Funding(said(attempt, from, "funding")),
            _ => Body::Whole(said(attempt, from, "whole")),
        }
    }

    fn rough(&mut self, machine: &SetupMachine, rng: &mut StdRng) -> SetupInput {
        let attempt = machine.attempt();
        let from = parties()[rng.gen_range(0..3)].id;
        let other = |rng: &mut StdRng| attempt.wrapping_add(rng.gen_range(0..3u8)).wrapping_sub(1);
        match rng.gen_range(0..9u8) {
            0 => SetupInput::Lost {
                attempt: other(rng),
            },
            1 => SetupInput::Faulty {
                attempt: other(rng),
                party: from,
                reason: "a false share".repeat(rng.gen_range(1..30)),
            },
            2 if rng.gen_range(0..4u8) == 0 => SetupInput::Declined {
                reason: "not for me".into(),
            },
            3 => {
                self.time += rng.gen_range(0..100u64);
                SetupInput::Tick { unix_s: self.time }
            }
            4 => {
                let cause = match rng.gen_range(0..6u8) {
                    0 => Cause::Lost,
                    1 => Cause::Silent(from),
                    2 => Cause::Split(from),
                    3 => Cause::Told {
                        by: from,
                        accused: None,
                    },
                    4 => Cause::Exhausted,
                    _ => Cause::Fault {
                        party: from,
                        reason: "no point".into(),
                    },
                };
                let is_over = rng.gen_range(0..6u8) == 0;
                let message = SetupMessage {
                    attempt: other(rng),
                    body: match is_over {
                        true => Body::Over(cause),
                        false => Body::Abort(cause),
                    },
                };
                SetupInput::Message { from, message }
            }
            5 => {
                let attempt = other(rng);
                let mut body = self.body(attempt, from, rng);
                match &mut body {
                    Body::Bind { agreement, .. } => agreement[0] ^= 1,
                    Body::Nonces(bytes) | Body::Proposal(bytes) | Body::Funding(bytes) => {
                        bytes.pop();
                    }
                    Body::Terms(bytes) => bytes[0] ^= 1,
                    _ => {}
                }
                let message = SetupMessage { attempt, body };
                SetupInput::Message { from, message }
            }
            6 => {
                let attempt = other(rng);
                let body = self.body(attempt, from, rng);
                let message = SetupMessage { attempt, body };
                SetupInput::Message { from, message }
            }
            _ => self.chain(machine, rng),
        }
    }

    /// What the machine waits for.
    fn wanted(&self, machine: &SetupMachine, rng: &mut StdRng) -> Option<SetupInput> {
        let (due, attempt) = (machine.pending(), machine.attempt());
        let mut due = due.into_iter();
        // The others' proposals may be there before the lead's own.
        if machine.phase() == Phase::Proposing && self.me == 0 && rng.gen_range(0..3u8) == 0 {
            let from = parties()[rng.gen_range(1..3)].id;
            let body = Body::Proposal(said(attempt, from, "proposal"));
            let message = SetupMessage { attempt, body };
            return Some(SetupInput::Message { from, message });
        }
        if let Some(done) = due.find_map(|effect| self.done(machine, effect, rng)) {
            return Some(done);
        }
        let from = machine.awaits().first()?.id;
        let said = |what: &str| said(attempt, from, what);
        let body = match machine.phase() {
            Phase::Proposing if self.me == 0 => Body::Proposal(said("proposal")),
            Phase::Proposing => Body::Terms(said("terms")),
            Phase::Agreed => Body::Bind {
                agreement: [attempt; 32],
                announcement: announced(attempt, from),
            },
            Phase::Announcing => Body::Nonces(said("nonces")),
            Phase::Exchanging => {
                let stage = machine.closed();
                let shares = said(&format!("shares {stage}"));
                Body::Shares { stage, shares }
            }
            Phase::Holding => Body::Held,
            _ => Body::Funding(said("funding")),
        };
        let message = SetupMessage { attempt, body };
        Some(SetupInput::Message { from, message })
    }

    fn other_bind(&self, attempt: u8, rng: &mut StdRng) -> SetupInput {
        let from = parties()[(self.me + rng.gen_range(1..3usize)) % 3].id;
        let body = Body::Bind {
            agreement: [attempt ^ 0x80; 32],
            announcement: Vec::new(),
        };
        let message = SetupMessage { attempt, body };
        SetupInput::Message { from, message }
    }

    fn chain(&mut self, machine: &SetupMachine, rng: &mut StdRng) -> SetupInput {
        // The tip moves towards the deadline only after witnesses have left, or in walks that are late.
        let is_committed = machine.phase() >= Phase::Committed;
        if is_committed || self.mood == Mood::Late {
            self.tip = rng.gen_range(90..105);
        }
        let height = |rng: &mut StdRng, tip: u32| {
            let at = tip.saturating_sub(rng.gen_range(0..6));
            // Now and then of a log that knows nothing of it: an old disk.
            let is_old = machine.terms().is_some() && rng.gen_range(0..3u8) == 0;
            ((is_committed || is_old) && rng.gen_range(0..2u8) == 0).then_some(at)
        };
        let funded_at = height(rng, self.tip);
        let spent_at = match rng.gen_range(0..6u8) {
            0 => height(rng, self.tip).filter(|_| funded_at.is_none()),
            _ => None,
        };
        SetupInput::Chain(ChainView {
            tip: self.tip,
            funded_at,
            spent_at,
        })
    }

    /// The result of a piece of own work.
    fn done(
        &self,
        machine: &SetupMachine,
        effect: SetupEffect,
        rng: &mut StdRng,
    ) -> Option<SetupInput> {
        let me = parties()[self.me].id;
        Some(match effect {
            SetupEffect::Propose { attempt } => SetupInput::Proposed {
                attempt,
                proposal: said(attempt, me, "proposal"),
            },
            SetupEffect::Assemble { attempt } => SetupInput::Assembled {
                attempt,
                terms: said(attempt, me, "terms"),
            },
            SetupEffect::Bind { attempt } => SetupInput::Bound {
                attempt,
                bound: bound(attempt, me),
            },
            SetupEffect::Announce { attempt } => SetupInput::Announced {
                attempt,
                nonces: said(attempt, me, "nonces"),
            },
            SetupEffect::Sign { attempt } => SetupInput::Signed {
                attempt,
                signing: said(attempt, me, "signing"),
            },
            SetupEffect::Close { attempt, stage } => SetupInput::Closed {
                attempt,
                stage,
                signatures: (stage + 1 == STAGES).then(|| said(attempt, me, "signatures")),
            },
            SetupEffect::Fund { attempt } => SetupInput::Funded {
                attempt,
                funding: said(attempt, me, "funding"),
                // Blocks came in the meantime.
                tip: self.tip + rng.gen_range(0..22u32),
            },
            SetupEffect::Send { attempt, what, .. } => {
                // Whatever is to be sent can be, but for shares, which the signer makes.
                let message = machine.message(attempt, what);
                assert_eq!(
                    message.is_none(),
                    matches!(what, Parcel::Shares(_)),
                    "{what:?}"
                );
                return None;
            }
            _ => return None,
        })
    }
}

impl Subject for SetupSubject {
    type Machine = SetupMachine;
    type State = String;

    fn fresh(&self) -> SetupMachine {
        SetupMachine::new(negotiation(self.me))
    }

    fn state(&self, machine: &SetupMachine) -> String {
        format!("{machine:?}")
    }

    fn begin(&mut self, rng: &mut StdRng) {
        self.me = rng.gen_range(0..3);
        let moods = [Mood::Smooth, Mood::Rough, Mood::Slow, Mood::Late];
        self.mood = moods[rng.gen_range(0..moods.len())];
        let targets = [
            Phase::Proposing,
            Phase::Announcing,
            Phase::Signing,
            Phase::Exchanging,
            Phase::Holding,
            Phase::Funding,
            Phase::Committed,
        ];
        self.target = targets[rng.gen_range(0..targets.len())];
        self.is_stormy = rng.gen_range(0..3u8) == 0;
        self.tip = 80;
        self.time = 1_000;
    }

    fn input(&mut self, machine: &SetupMachine, rng: &mut StdRng) -> SetupInput {
        // Attempts that are lost to nobody's fault, one behind the other, and then one that gets farther.
        if self.is_stormy
            && machine.attempt() < MAX_ATTEMPTS - 1
            && machine.phase() < Phase::Signing
        {
            let attempt = machine.attempt();
            let due = machine.pending();
            let due = due
                .into_iter()
                .find_map(|effect| self.done(machine, effect, rng));
            return match due {
                Some(proposed @ SetupInput::Proposed { .. }) => proposed,
                _ => SetupInput::Lost { attempt },
            };
        }
        // Up to the phase that this walk is for, just what is waited for comes.
        if machine.phase() < self.target
            && let Some(wanted) = self.wanted(machine, rng)
        {
            return wanted;
        }
        // What is quickly over is disturbed more often.
        let roughness = match machine.phase() {
            Phase::Signing | Phase::Holding | Phase::Funding => 6,
            _ if self.mood == Mood::Rough => 8,
            _ => 40,
        };
        if self.mood == Mood::Slow
            && machine.phase() < Phase::Committed
            && rng.gen_range(0..8u8) == 0
        {
            self.time += rng.gen_range(40..600);
            return SetupInput::Tick { unix_s: self.time };
        }
        // The last attempt gets farther, and whatever ends it then ends the negotiation.
        let is_late = (Phase::Signing..Phase::Committed).contains(&machine.phase());
        if self.is_stormy && is_late && rng.gen_range(0..4u8) == 0 {
            let (attempt, party) = (machine.attempt(), parties()[(self.me + 1) % 3].id);
            return match rng.gen_range(0..7u8) {
                0 => SetupInput::Lost { attempt },
                1 => SetupInput::Faulty {
                    attempt,
                    party,
                    reason: "no nonces".into(),
                },
                2 => SetupInput::Differ { attempt, party },
                _ => {
                    self.time += rng.gen_range(40..600);
                    SetupInput::Tick { unix_s: self.time }
                }
            };
        }
        let (signing, exchanging) = (Phase::Signing, Phase::Exchanging);
        let is_signing = [Phase::Agreed, signing, exchanging].contains(&machine.phase());
        if is_signing && rng.gen_range(0..20u8) == 0 {
            let (attempt, party) = (machine.attempt(), parties()[rng.gen_range(0..3)].id);
            return SetupInput::Differ { attempt, party };
        }
        // It starts again where nothing of it is volatile.
        if rng.gen_range(0..40u8) == 0 {
            let attempt = machine.attempt();
            return SetupInput::Lost { attempt };
        }
        // An old disk was put back.
        if machine.phase() < Phase::Committed && rng.gen_range(0..60u8) == 0 {
            return SetupInput::Imported {
                attempt: machine.attempt().saturating_add(rng.gen_range(0..2u8)),
                is_final: rng.gen_range(0..2u8) == 0,
            };
        }
        if machine.phase() == Phase::Funding && rng.gen_range(0..12u8) == 0 {
            self.time += rng.gen_range(40..600);
            return SetupInput::Tick { unix_s: self.time };
        }
        if machine.phase() == Phase::Funding && rng.gen_range(0..8u8) == 0 {
            return SetupInput::Faulty {
                attempt: machine.attempt(),
                party: parties()[(self.me + 1) % 3].id,
                reason: "a false witness".into(),
            };
        }
        if self.mood == Mood::Late && rng.gen_range(0..30u8) == 0 {
            return self.chain(machine, rng);
        }
        // Somebody binds itself to other terms.
        let is_unbound = machine.phase() == Phase::Agreed
            && machine.message(machine.attempt(), Parcel::Bind).is_none();
        if is_unbound && rng.gen_range(0..20u8) == 0 {
            return self.other_bind(machine.attempt(), rng);
        }
        if rng.gen_range(0..roughness) == 0 || machine.phase() == Phase::Dropped {
            return self.rough(machine, rng);
        }
        if machine.phase() >= Phase::Committed && rng.gen_range(0..3u8) != 0 {
            return self.chain(machine, rng);
        }
        let due = machine.pending();
        let due = due
            .into_iter()
            .filter_map(|effect| self.done(machine, effect, rng));
        let due = due.collect::<Vec<_>>();
        if !due.is_empty() && rng.gen_range(0..2u8) == 0 {
            return due[rng.gen_range(0..due.len())].clone();
        }
        let from = parties()[(self.me + rng.gen_range(1..3usize)) % 3].id;
        let attempt = machine.attempt();
        let body = self.body(attempt, from, rng);
        let message = SetupMessage { attempt, body };
        SetupInput::Message { from, message }
    }
}

#[test]
fn a_setup_keeps_the_laws() {
    let mut subject = SetupSubject {
        me: 0,
        mood: Mood::Smooth,
        is_stormy: false,
        target: Phase::Proposing,
        tip: 80,
        time: 0,
    };
    check(&mut subject, Effort::new(1206, 5_000, 100)).unwrap();
}
