//! Several inputs with one write: the same state as one after the other, and nothing of them where the write fails.

use std::{cell::RefCell, rc::Rc};

use narthex_channel::{
    Logged, StepError,
    log::{FailingLog, Fault, Identity, Log, LogError, MemoryDisk, MemoryLog},
    setup::{Errand, Phase, Seat, SetupInput, SetupMachine},
    toy::{ToyLedger, ToySigner},
};

use crate::setup_laws::negotiation;

/// Counts writes.
struct Counted(MemoryLog, Rc<RefCell<u32>>);

impl Log for Counted {
    fn read(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<u64, LogError> {
        self.0.read(each)
    }

    fn append(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        *self.1.borrow_mut() += 1;
        self.0.append(next, entries)
    }

    fn replace(&mut self, next: u64, entries: &[Vec<u8>]) -> Result<(), LogError> {
        *self.1.borrow_mut() += 1;
        self.0.replace(next, entries)
    }
}

type Room = Vec<(Seat<ToySigner, Counted>, Rc<RefCell<u32>>, Vec<SetupInput>)>;

/// Hands messages to those that they are for; what waits for a party is taken at once, or one by one.
fn run(at_once: bool) -> (Room, Vec<SetupInput>) {
    let ledger = Rc::new(RefCell::new(ToyLedger::default()));
    let mut room: Room = Vec::new();
    let mut letters = Vec::new();
    for me in 0..3 {
        let (about, writes) = (negotiation(me), Rc::new(RefCell::new(0)));
        let id = about.me().id;
        let signer = ToySigner::new(id, [me as u8; 32], (ledger.clone(), 80));
        let log = Counted(MemoryLog::forgetful(), writes.clone());
        let (seat, errands) = Seat::open(about, log, signer, &mut |_| ()).unwrap();
        letters.extend(errands.into_iter().map(|errand| (id, errand)));
        room.push((seat, writes, Vec::new()));
    }
    let mut first = Vec::new();
    loop {
        for (from, errand) in letters.drain(..) {
            let Errand::Send { to, message } = errand else {
                continue;
            };
            let input = SetupInput::Message { from, message };
            let found = room
                .iter_mut()
                .find(|(seat, ..)| seat.machine().about().me().id == to);
            found.unwrap().2.push(input);
        }
        let Some((seat, _, waiting)) = room.iter_mut().find(|(.., waiting)| !waiting.is_empty())
        else {
            break;
        };
        let inputs = std::mem::take(waiting);
        let id = seat.machine().about().me().id;
        if id.0 == 0 {
            first.extend(inputs.clone());
        }
        let errands = if at_once {
            let (errands, refused) = seat.take_all(&inputs, &mut |_| ()).unwrap();
            assert_eq!(refused, []);
            errands
        } else {
            let each = inputs.iter();
            each.flat_map(|input| seat.take(input, &mut |_| ()).unwrap())
                .collect()
        };
        letters.extend(errands.into_iter().map(|errand| (id, errand)));
    }
    assert_eq!(ledger.borrow().violations(), []);
    (room, first)
}

#[test]
fn what_comes_together_is_one_write() {
    let (at_once, _) = run(true);
    let (one_by_one, _) = run(false);
    for ((few, few_writes, _), (many, many_writes, _)) in at_once.iter().zip(&one_by_one) {
        assert_eq!(
            (few.phase(), many.phase()),
            (Phase::Committed, Phase::Committed)
        );
        assert!(few_writes.borrow().lt(&many_writes.borrow()));
        assert!(*few_writes.borrow() <= 20, "{} writes", few_writes.borrow());
    }
}

#[test]
fn a_batch_is_taken_as_a_whole_or_not() {
    let (room, inputs) = run(true);
    let about = room[0].0.machine().about().clone();
    let whose = Identity::new("setup", *about.id());
    let proposed = SetupInput::Proposed {
        attempt: 0,
        proposal: vec![1],
    };
    // Proposals of the two others, and something refused between.
    let early = inputs.iter().filter(|input| {
        matches!(input, SetupInput::Message { message, .. } if format!("{:?}", message.body).starts_with("proposal"))
    });
    let mut batch = vec![proposed];
    batch.extend(early.cloned());
    batch.insert(
        1,
        SetupInput::Assembled {
            attempt: 0,
            terms: vec![2],
        },
    );
    for fault in [None, Some(Fault::Before), Some(Fault::After)] {
        let disk = MemoryDisk::default();
        let log = FailingLog::new(
            disk.open(&whose).unwrap(),
            fault.map_or(u32::MAX, |_| 0),
            fault.unwrap_or(Fault::Before),
        );
        let mut logged = Logged::open(SetupMachine::new(about.clone()), log).unwrap();
        let taken = logged.step_all(&batch);
        match (fault, taken) {
            (None, Ok(taken)) => {
                let refused: Vec<_> = taken.refused.iter().map(|(number, _)| *number).collect();
                assert_eq!(refused, [1]);
                assert_eq!(taken.effects, logged.pending());
            }
            (Some(_), Err(StepError::Log(_))) => {
                assert_eq!(logged.machine().proposals().count(), 0);
                assert!(matches!(logged.step_all(&batch), Err(StepError::Uncertain)));
            }
            other => panic!("{other:?}"),
        }
        drop(logged);
        let again =
            Logged::open(SetupMachine::new(about.clone()), disk.open(&whose).unwrap()).unwrap();
        let wanted = if fault == Some(Fault::Before) { 0 } else { 3 };
        assert_eq!(again.machine().proposals().count(), wanted, "{fault:?}");
    }
}
