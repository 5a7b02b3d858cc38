//! Links against the laws of machines.

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::{
    Summary as _,
    laws::{Effort, Subject, check, check_summary},
    wire::{
        ABORT, Ack, BIND, Contradiction, Mark, PROPOSAL, Resume, SHARES,
        links::{Kept, LinkPhase, LinksInput, LinksMachine},
    },
};
use narthex_contracts::party::PartySet;

use crate::wire_support::{envelope, head, membership, public, receivers, sign};

struct LinksSubject;

const CONTRACTS: [[u8; 32]; 4] = [[0xc0; 32], [0xc1; 32], [0xc2; 32], [0xc3; 32]];

/// What a side says under a number, and, one time in some, something else.
fn said(key: u8, contract: [u8; 32], seq: u64, other: bool) -> Kept {
    let message = [PROPOSAL, BIND, SHARES, ABORT][seq as usize % 4];
    let mut body = vec![seq as u8; 50];
    if message == ABORT {
        body.truncate(20);
    }
    if other {
        body[0] ^= 0x80;
    }
    let mut head = head(key, contract, seq, message, &body);
    // A bind is said once in an attempt.
    head.attempt = (seq / 4) as u8;
    Kept {
        signed: sign(head, key),
        body: Some(body.into()),
    }
}

impl LinksSubject {
    fn contradiction(contract: [u8; 32], seq: u64) -> Contradiction {
        let [first, second] = [false, true].map(|other| said(2, contract, seq, other).signed);
        Contradiction::between(&first, &second).unwrap()
    }

    fn resume(machine: &LinksMachine, rng: &mut StdRng) -> Resume {
        let mut marks = Vec::new();
        for contract in CONTRACTS {
            let next = machine.next(true, &contract, receivers(1));
            let at = match rng.gen_range(0..10u8) {
                0..5 => next,
                5 | 6 => rng.gen_range(0..=next),
                _ => next + rng.gen_range(1..3u64),
            };
            let is_proved = rng.gen_range(0..8u8) != 0;
            let is_fork = rng.gen_range(0..20u8) == 0;
            let last = at.checked_sub(1).filter(|_| is_proved);
            marks.push(Mark {
                contract,
                to: receivers(1),
                next: at,
                proof: last.map(|last| said(1, contract, last, is_fork).signed),
                partial: None,
            });
        }
        Resume {
            marks,
            is_last: true,
        }
    }
}

impl Subject for LinksSubject {
    type Machine = LinksMachine;
    type State = LinksMachine;

    fn fresh(&self) -> LinksMachine {
        LinksMachine::new(public(1), public(2))
    }

    fn state(&self, machine: &LinksMachine) -> LinksMachine {
        machine.clone()
    }

    fn input(&mut self, machine: &LinksMachine, rng: &mut StdRng) -> LinksInput {
        let contract = CONTRACTS[rng.gen_range(0..CONTRACTS.len())];
        let own = machine.next(true, &contract, receivers(1));
        let theirs = machine.next(false, &contract, receivers(2));
        // What is rare in a walk that goes well is tried more where it is the question.
        let is_stuck = matches!(machine.phase(), LinkPhase::RolledBack | LinkPhase::Forked);
        if machine.membership(&contract).is_none() && rng.gen_range(0..4u8) != 0 {
            let of = membership(1);
            return LinksInput::Opened { contract, of };
        }
        match rng.gen_range(0..26u8) {
            0 => LinksInput::Booted {
                boot: machine.boot() + rng.gen_range(0..2u64),
            },
            1 => {
                let mut of = membership(1);
                of.most = rng.gen_range(100..104);
                LinksInput::Opened { contract, of }
            }
            2 => LinksInput::Settled { contract },
            3 if rng.gen_range(0..4u8) == 0 || is_stuck => match rng.gen_range(0..2u8) {
                0 => LinksInput::Ended { contract },
                _ => LinksInput::Closed { contract },
            },
            4..9 => {
                let seq = own + rng.gen_range(0..3u64).saturating_sub(1);
                let kept = said(1, contract, seq, rng.gen_range(0..8u8) == 0);
                let envelope = kept.signed.with_body(kept.body.unwrap().to_vec()).unwrap();
                LinksInput::Post(envelope)
            }
            9..13 => {
                let is_again = theirs > 0 && rng.gen_range(0..4u8) == 0;
                let seq = theirs - u64::from(is_again);
                let is_other = rng.gen_range(0..if is_again { 3u8 } else { 12 }) == 0;
                let mut kept = said(2, contract, seq, is_other);
                if rng.gen_range(0..6u8) == 0 {
                    kept.body = None;
                }
                LinksInput::Taken(kept)
            }
            13..16 => LinksInput::Resumed(Self::resume(machine, rng)),
            16 | 17 => LinksInput::Acked(Ack {
                contract,
                to: receivers(1),
                next: rng.gen_range(0..=own + 1),
            }),
            18 | 19 => {
                let seq = (own + rng.gen_range(0..4u64)).saturating_sub(1);
                LinksInput::Claimed(said(1, contract, seq, rng.gen_range(0..3u8) == 0).signed)
            }
            20..23 => LinksInput::Imported(said(1, contract, own, false)),
            23 if rng.gen_range(0..4u8) == 0 => {
                LinksInput::Contradiction(Self::contradiction(contract, rng.gen_range(0..5)))
            }
            23 | 24 => LinksInput::Noted { contract },
            _ if is_stuck && rng.gen_range(0..2u8) == 0 => LinksInput::Cleared,
            _ => {
                // Of another, for another, or for both.
                let mut wrong = said(2, contract, theirs, false);
                match rng.gen_range(0..3u8) {
                    0 => wrong.signed.head.to = PartySet::EMPTY,
                    1 => wrong.signed.head.from = public(3),
                    _ => wrong.signed.head.seq += 1,
                }
                LinksInput::Taken(wrong)
            }
        }
    }
}

#[test]
fn links_keep_the_laws() {
    check(&mut LinksSubject, Effort::new(77, 400, 100)).unwrap();
    check_summary(&mut LinksSubject, Effort::new(78, 60, 60)).unwrap();
}

/// What the machine refuses it says why, and changes nothing; these are the reasons that a walk does not tell apart.
#[test]
fn nothing_is_signed_before_the_peer_has_spoken() {
    use narthex_channel::{Machine as _, wire::links::LinksRefusal};
    let mut machine = LinksMachine::new(public(1), public(2));
    let (contract, of) = (CONTRACTS[0], membership(1));
    let take = |machine: &mut LinksMachine, input: &LinksInput| {
        let step = machine.step(input).unwrap();
        step.changes.iter().for_each(|change| machine.apply(change));
    };
    take(&mut machine, &LinksInput::Booted { boot: 1 });
    take(&mut machine, &LinksInput::Opened { contract, of });
    let post = LinksInput::Post(envelope(1, 0, PROPOSAL, &[1; 20]));
    let phase = LinkPhase::Waking;
    assert_eq!(machine.step(&post), Err(LinksRefusal::NotNow { phase }));
    let marks = Vec::new();
    let is_last = true;
    take(
        &mut machine,
        &LinksInput::Resumed(Resume { marks, is_last }),
    );
    take(&mut machine, &post);
    // Another body under the same number is never sent, whoever asks.
    let other = LinksInput::Post(envelope(1, 0, PROPOSAL, &[2; 20]));
    let refused = machine.step(&other).unwrap_err();
    assert!(
        matches!(
            refused,
            LinksRefusal::OwnContradiction {
                message: "proposal",
                seq: 0
            }
        ),
        "{refused}"
    );
    // Nor a second bind of an attempt under another number.
    take(
        &mut machine,
        &LinksInput::Post(envelope(1, 1, BIND, &[1; 50])),
    );
    let other = LinksInput::Post(envelope(1, 2, BIND, &[2; 50]));
    let refused = machine.step(&other).unwrap_err();
    assert!(
        matches!(
            refused,
            LinksRefusal::OwnContradiction {
                message: "bind",
                seq: 2
            }
        ),
        "{refused}"
    );
    // Of one that is closed nothing is left, in a log that is written anew neither: whoever has the link knows that it was.
    let mut closed = machine.clone();
    take(&mut closed, &LinksInput::Closed { contract });
    assert_eq!(
        (closed.contracts().next(), closed.is_ended(&contract)),
        (None, false)
    );
    assert!(closed.summary().len() <= 2, "{:?}", closed.summary());
    assert_eq!(
        closed
            .step(&LinksInput::Closed { contract })
            .unwrap()
            .changes,
        []
    );
    // A contract that is over is not begun again: its numbers are used.
    take(&mut machine, &LinksInput::Ended { contract });
    let refused = machine.step(&LinksInput::Opened { contract, of });
    assert_eq!(refused, Err(LinksRefusal::OtherContract { contract }));
}
