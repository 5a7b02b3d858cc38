//! The dispute is held to the laws of machines.

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::{
    Logged, Machine, Tabled,
    dispute::{DisputeInput, DisputeMachine},
    laws::{Effort, Subject, check},
    log::{Identity, MemoryDisk},
};
use narthex_game_model::{
    computation::Job,
    dispute::{
        Dispute, Entry, Equivocation, Event, Move, Phase, Reveal, Side, SignedMove, Standing,
        Transcript, unit_digest,
    },
    play::Finding,
};

use secp256k1::{Message, Secp256k1};

use crate::world::{Chain, INDEX, OPENED_AT, job, keypair, terms};

struct Disputes<'p>(&'p Job<Chain>);

fn record(job: &Job<Chain>) -> Vec<u8> {
    job.prove_record(INDEX).unwrap().0
}

fn state_at(job: &Job<Chain>, point: u64) -> Vec<u8> {
    job.program().state(&record(job), point)
}

/// The move that is due: true digests, and any part.
fn due(job: &Job<Chain>, dispute: &Dispute, rng: &mut StdRng) -> Move {
    let fan_out = dispute.terms().fan_out;
    match dispute.phase() {
        Phase::Post(phase) => {
            let cuts = phase.interval.cuts(fan_out);
            let digests = cuts
                .map(|point| unit_digest(&state_at(job, point)))
                .collect();
            Move::Post { digests }
        }
        Phase::Choice(phase) => Move::Choose {
            part: rng.gen_range(0..phase.interval.parts(fan_out)),
        },
        Phase::Reveal(phase) => Move::Reveal(match phase.interval.agreed {
            0 => {
                let (record, proof) = job.prove_record(INDEX).unwrap();
                Reveal::Record { record, proof }
            }
            point => Reveal::State {
                state: state_at(job, point),
            },
        }),
        Phase::Ended(_) => Move::Choose { part: 0 },
    }
}

fn entry(entry: Entry) -> DisputeInput {
    DisputeInput::Entry(Box::new(entry))
}

/// Signs whatever it is told, without a book: a party that means to sign twice has means of its own.
fn sign(dispute: &Dispute, side: Side, action: Move, aux: u8) -> SignedMove {
    let (number, previous) = dispute.place();
    let secp = Secp256k1::new();
    let sign = |hash| {
        let message = Message::from_digest(hash);
        secp.sign_schnorr_with_aux_rand(&message, &keypair(side), &[aux; 32])
    };
    let mut signed = SignedMove {
        number,
        previous,
        action,
        signature: sign([0; 32]),
    };
    signed.signature = sign(signed.message(dispute.id()));
    signed
}

impl<'p> Subject for Disputes<'p> {
    type Machine = DisputeMachine<'p, Chain>;
    type State = (Dispute, Option<Transcript>, Option<Finding>);

    fn fresh(&self) -> Self::Machine {
        DisputeMachine::new(terms(self.0), self.0.program()).unwrap()
    }

    fn state(&self, machine: &Self::Machine) -> Self::State {
        let (dispute, ruled) = (machine.dispute().clone(), machine.ruled().cloned());
        (dispute, machine.transcript().cloned(), ruled)
    }

    fn input(&mut self, machine: &Self::Machine, rng: &mut StdRng) -> DisputeInput {
        let dispute = machine.dispute();
        if machine.transcript().is_none() && rng.gen_bool(0.7) {
            let opened_at = OPENED_AT;
            return DisputeInput::Opened { opened_at };
        }
        let side = Side::of(dispute.place().0);
        let height = dispute.since() + rng.gen_range(0..5);
        let moved = |signed| {
            entry(Entry {
                height,
                event: Event::Moved(signed),
            })
        };
        match rng.gen_range(0..40u8) {
            // Of the other side, or of the right one at a height where it is too late.
            0 => moved(sign(dispute, side.other(), due(self.0, dispute, rng), 1)),
            1 => entry(Entry {
                height: dispute.since() + 7,
                event: Event::Moved(sign(dispute, side, due(self.0, dispute, rng), 1)),
            }),
            2 => moved(sign(dispute, side, Move::Choose { part: 77 }, 1)),
            // The last that counted, once more and elsewhere.
            3 => match machine.transcript().and_then(|t| t.entries.last()) {
                Some(last) => entry(Entry {
                    height: last.height + 1,
                    ..last.clone()
                }),
                None => DisputeInput::Tip { height },
            },
            4 => {
                let two = [5, 6].map(|part| sign(dispute, side, Move::Choose { part }, 1));
                let [first, second] = two;
                entry(Entry {
                    height,
                    event: Event::Equivocated(Equivocation { first, second }),
                })
            }
            5 => DisputeInput::Opened {
                opened_at: OPENED_AT + rng.gen_range(0..2),
            },
            6 => DisputeInput::Tip {
                height: dispute.since() + rng.gen_range(0..12),
            },
            7 => DisputeInput::Tip {
                height: dispute.since() + rng.gen_range(0..3),
            },
            // The same move with another signature is the same move.
            aux => moved(sign(dispute, side, due(self.0, dispute, rng), aux)),
        }
    }
}

#[test]
fn keeps_the_laws() {
    let job = job();
    check(&mut Disputes(&job), Effort::new(5, 250, 30)).unwrap_or_else(|e| panic!("{e}"));
}

/// A dispute whose process dies after every entry comes to the ruling that its transcript gives.
#[test]
fn a_party_that_dies_after_every_entry_rules_alike() {
    use bitcoin::secp256k1::rand::SeedableRng;
    let (job, disk) = (job(), MemoryDisk::default());
    let mut rng = StdRng::seed_from_u64(3);
    let open = || {
        let machine = DisputeMachine::new(terms(&job), job.program()).unwrap();
        let whose = Identity::new("dispute", *machine.dispute().id());
        Logged::open(machine, disk.open(&whose).unwrap()).unwrap()
    };
    let opened_at = OPENED_AT;
    open().step(&DisputeInput::Opened { opened_at }).unwrap();
    loop {
        let mut driven = open();
        let dispute = driven.machine().dispute();
        if matches!(dispute.phase(), Phase::Ended(_)) {
            break;
        }
        let side = Side::of(dispute.place().0);
        let signed = sign(dispute, side, due(&job, dispute, &mut rng), 0);
        let (height, event) = (dispute.since() + 2, Event::Moved(signed));
        let entry = DisputeInput::Entry(Box::new(Entry { height, event }));
        let effects = driven.step(&entry).unwrap();
        assert_eq!(effects, driven.pending());
        // What came before changes nothing, and is answered alike.
        let changes = driven.changes();
        assert_eq!(driven.step(&entry).unwrap(), effects);
        assert_eq!(driven.changes(), changes);
    }
    let mut driven = open();
    let height = driven.machine().dispute().since() + 2;
    driven.step(&DisputeInput::Tip { height }).unwrap();
    drop(driven);
    let driven = open();
    let ruled = driven.machine().ruled().unwrap();
    assert_eq!(driven.machine().state(), "ruled");
    let mut transcript = driven.machine().transcript().unwrap().clone();
    transcript.complete_to = height;
    let judged = transcript.replay(&terms(&job), job.program()).unwrap();
    assert_eq!(judged, Standing::Ruled(ruled.clone()));
    assert_eq!(driven.machine().pending().len(), 1);
}
