//! One party of a schedule: its disk, and its process while that runs.

use std::{cell::RefCell, rc::Rc};

use bitcoin::secp256k1::rand::{Rng, RngCore, rngs::StdRng};
use narthex_channel::{
    StepError,
    log::{FailingLog, Fault, Identity, MemoryDisk, MemoryLog},
    setup::{Errand, Negotiation, Phase, Seat, SeatError, SetupInput, SetupMachine},
    toy::{ToyFault, ToyLedger, ToySigner},
};

type ToySeat = Seat<ToySigner, FailingLog<MemoryLog>>;

/// How an input ended.
pub(super) enum Taken {
    /// Taken, with what is left to do.
    Done(Vec<Errand>),
    /// Refused: the fault of whoever sent it, where it came from another.
    Refused(String),
    /// The process was killed while it wrote.
    Killed,
}

/// A party. Its disk outlives its processes.
pub(super) struct Node {
    about: Negotiation,
    disk: MemoryDisk,
    seat: Option<ToySeat>,
    ledger: Rc<RefCell<ToyLedger>>,
    fault: Option<ToyFault>,
    /// Each of its processes draws what the one before drew.
    draws_same: bool,
    /// It stays away until this time.
    pub(super) away_until_s: u64,
    pub(super) starts: u32,
}

impl Node {
    pub(super) fn new(
        about: Negotiation,
        ledger: Rc<RefCell<ToyLedger>>,
        (fault, draws_same): (Option<ToyFault>, bool),
    ) -> Node {
        Node {
            about,
            disk: MemoryDisk::default(),
            seat: None,
            ledger,
            fault,
            draws_same,
            away_until_s: 0,
            starts: 0,
        }
    }

    pub(super) const fn is_up(&self) -> bool {
        self.seat.is_some()
    }

    /// The machine, while the process runs.
    pub(super) fn machine(&self) -> Option<&SetupMachine> {
        self.seat.as_ref().map(Seat::machine)
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        self.seat.as_ref().map(Seat::phase)
    }

    /// Starts the process. `kill` is after how many writes it is killed, and on which side of that one.
    pub(super) fn start(
        &mut self,
        tip: u32,
        kill: Option<(u32, Fault)>,
        rng: &mut StdRng,
    ) -> Result<Taken, String> {
        self.seat = None;
        self.starts += 1;
        let mut seed = [0; 32];
        let me = self.about.me().id;
        match self.draws_same {
            true => seed[0] = me.0,
            false => rng.fill_bytes(&mut seed),
        }
        let signer = ToySigner::new(me, seed, (self.ledger.clone(), tip));
        let signer = signer.with_fault(self.fault);
        let whose = Identity::new("setup", *self.about.id());
        let log = self.disk.open(&whose).map_err(|error| error.to_string())?;
        let (at, fault) = kill.unwrap_or((u32::MAX, Fault::Before));
        let log = FailingLog::new(log, at, fault);
        match Seat::open(self.about.clone(), log, signer, &mut |_| ()) {
            Ok((seat, errands)) => {
                self.seat = Some(seat);
                Ok(Taken::Done(errands))
            }
            Err(error) => self.ended(error),
        }
    }

    /// Gives the process an input, if it runs.
    pub(super) fn take(&mut self, input: &SetupInput) -> Result<Taken, String> {
        let Some(seat) = &mut self.seat else {
            return Ok(Taken::Done(Vec::new()));
        };
        match seat.take(input, &mut |_| ()) {
            Ok(errands) => Ok(Taken::Done(errands)),
            Err(error) => self.ended(error),
        }
    }

    fn ended<E: std::fmt::Display>(&mut self, error: SeatError<E>) -> Result<Taken, String> {
        match error {
            SeatError::Refused(refusal) => Ok(Taken::Refused(refusal.to_string())),
            SeatError::Log(StepError::Log(_)) => {
                self.seat = None;
                Ok(Taken::Killed)
            }
            other => Err(other.to_string()),
        }
    }

    /// Ends the process at once.
    pub(super) fn kill(&mut self) {
        self.seat = None;
    }

    /// Lets the wallet know of the tip.
    pub(super) fn see(&mut self, tip: u32) {
        if let Some(seat) = &mut self.seat {
            seat.signer_mut().see(tip);
        }
    }
}

/// After how many writes a process is killed, if it is.
pub(in crate::schedules) fn draw_kill(rng: &mut StdRng) -> (u32, Fault) {
    let fault = if rng.gen_range(0..2u8) == 0 {
        Fault::Before
    } else {
        Fault::After
    };
    (rng.gen_range(0..40), fault)
}
