//! One party of a set-up as it runs: its machine, the log of it, and the signer that does its work.

use std::collections::VecDeque;

use narthex_contracts::party::PartyId;

use super::{
    Body, Negotiation, Parcel, Phase, SetupEffect, SetupInput, SetupMachine, SetupMessage,
    SetupRefusal,
};
use crate::{Logged, OpenError, StepError, log::Log};

/// What a set-up asks of who has the keys. What it draws, it draws from a source of its own and keeps in memory alone.
pub trait SetupSigner {
    /// Why it cannot go on. Never what a peer sent: that is an input.
    type Error;

    /// The process starts, and `machine` is as the log left it: coins that its attempt needs are reserved again, so that
    /// nothing else is paid with them. A wallet forgets with its process what was reserved.
    ///
    /// # Errors
    /// This computer's, or this program's.
    fn resume(&mut self, machine: &SetupMachine) -> Result<(), Self::Error>;

    /// Whether this is the funding that the own terms lead to. The lead may send anything.
    ///
    /// # Errors
    /// This computer's, or this program's.
    fn is_funding(&mut self, whole: &[u8], machine: &SetupMachine) -> Result<bool, Self::Error>;

    /// Does a piece of work and answers with what came of it: its result, or whose fault it is that there is none
    /// ([`SetupInput::Faulty`], [`SetupInput::Differ`], [`SetupInput::Declined`]). [`SetupEffect::Forget`] has no answer.
    ///
    /// # Errors
    /// This computer's, or this program's.
    fn work(
        &mut self,
        effect: SetupEffect,
        machine: &SetupMachine,
    ) -> Result<Option<SetupInput>, Self::Error>;

    /// Own shares of a stage for a party; `None` if it is owed none. The same each time, after a crash too: from
    /// [`SetupMachine::signing`] if the signer has nothing in memory.
    ///
    /// # Errors
    /// This computer's, or this program's.
    fn shares(
        &mut self,
        stage: u8,
        to: PartyId,
        machine: &SetupMachine,
    ) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// What is left to do for whoever has sockets and a chain. Doing it twice does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Send a message.
    Send {
        /// To whom.
        to: PartyId,
        /// What.
        message: SetupMessage,
    },
    /// Publish the funding transaction, in consensus encoding. It is that of the own terms.
    Broadcast(Vec<u8>),
    /// Spend an own input of the funding transaction to oneself.
    Withdraw,
}

/// Which of several inputs were refused, and why.
pub type Refused = Vec<(usize, SetupRefusal)>;

/// Why a seat does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeatError<E> {
    /// The input was refused, and changed nothing.
    #[error(transparent)]
    Refused(SetupRefusal),
    /// It may not be durable. The fault of this computer.
    #[error("{0}")]
    Log(StepError<SetupRefusal>),
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The signer cannot go on.
    #[error("{0}")]
    Signer(E),
    /// The machine does not take what own work gave. The fault of this program. What was taken before it is durable.
    #[error("own work: {0}")]
    Work(SetupRefusal),
    /// It failed before, so that what is to be done is not known here: open its log again.
    #[error("it failed before; open its log again")]
    Broken,
}

/// A seat that was taken, and what is left to do.
pub type Opened<S, L> = (Seat<S, L>, Vec<Errand>);

/// One party of a set-up. Whoever is killed opens its log again with a new signer.
#[derive(Debug)]
pub struct Seat<S, L> {
    logged: Logged<SetupMachine, L>,
    signer: S,
    /// Work was not done, or what is to be sent was not handed out.
    is_broken: bool,
}

impl<S: SetupSigner, L: Log> Seat<S, L> {
    /// Takes its seat: a new one, or one that was left by a process that ended. Then what was in the memory of that one's
    /// signer is lost, and with it, it may be, the attempt.
    ///
    /// # Errors
    /// [`SeatError`].
    pub fn open(
        about: Negotiation,
        log: L,
        signer: S,
        watch: &mut dyn FnMut(SetupEffect),
    ) -> Result<Opened<S, L>, SeatError<S::Error>> {
        let logged = Logged::open(SetupMachine::new(about), log)?;
        let mut seat = Seat {
            logged,
            signer,
            is_broken: false,
        };
        if seat.phase() != Phase::Dropped {
            let resumed = seat.signer.resume(seat.logged.machine());
            resumed.map_err(SeatError::Signer)?;
        }
        let attempt = seat.machine().attempt();
        let mut errands = seat.take(&SetupInput::Lost { attempt }, watch)?;
        // What was lost is void by now; the rest is still to be done.
        let pending = seat.logged.pending();
        let known = errands.clone();
        let again = seat.carry_out(pending.into(), watch)?;
        errands.extend(again.into_iter().filter(|errand| !known.contains(errand)));
        Ok((seat, errands))
    }

    /// Takes an input, does all own work that follows, and says what is left to do.
    ///
    /// # Errors
    /// [`SeatError::Refused`], if nothing has happened; others if what happened is to be read from the log again: this seat
    /// takes nothing more.
    pub fn take(
        &mut self,
        input: &SetupInput,
        watch: &mut dyn FnMut(SetupEffect),
    ) -> Result<Vec<Errand>, SeatError<S::Error>> {
        if self.is_broken {
            return Err(SeatError::Broken);
        }
        let effects = self.step(input)?;
        self.carry_out(effects.into(), watch)
    }

    /// Takes what came together, with one write, and does all own work that follows. What is refused is in the second list, by
    /// its number.
    ///
    /// # Errors
    /// As [`Seat::take`], but for refusals.
    pub fn take_all(
        &mut self,
        inputs: &[SetupInput],
        watch: &mut dyn FnMut(SetupEffect),
    ) -> Result<(Vec<Errand>, Refused), SeatError<S::Error>> {
        if self.is_broken {
            return Err(SeatError::Broken);
        }
        let taken = self.logged.step_all(inputs).map_err(SeatError::Log)?;
        let errands = self.carry_out(taken.effects.into(), watch)?;
        Ok((errands, taken.refused))
    }

    fn step(&mut self, input: &SetupInput) -> Result<Vec<SetupEffect>, SeatError<S::Error>> {
        self.logged.step(input).map_err(|error| match error {
            StepError::Refused(refusal) => SeatError::Refused(refusal),
            other => SeatError::Log(other),
        })
    }

    fn carry_out(
        &mut self,
        due: VecDeque<SetupEffect>,
        watch: &mut dyn FnMut(SetupEffect),
    ) -> Result<Vec<Errand>, SeatError<S::Error>> {
        let errands = self.work(due, watch);
        self.is_broken = errands.is_err();
        errands
    }

    fn work(
        &mut self,
        mut due: VecDeque<SetupEffect>,
        watch: &mut dyn FnMut(SetupEffect),
    ) -> Result<Vec<Errand>, SeatError<S::Error>> {
        let mut errands = Vec::new();
        while let Some(effect) = due.pop_front() {
            // What came of the work before may have settled it.
            if !self.logged.pending().contains(&effect) {
                continue;
            }
            match effect {
                SetupEffect::Send { attempt, to, what } => {
                    for to in to.iter() {
                        errands.extend(self.sent(attempt, to, what)?);
                    }
                }
                SetupEffect::Broadcast => {
                    let machine = self.logged.machine();
                    if let Some(whole) = machine.whole() {
                        let is_own = self.signer.is_funding(whole, machine);
                        if is_own.map_err(SeatError::Signer)? {
                            errands.push(Errand::Broadcast(whole.to_vec()));
                        }
                    }
                }
                SetupEffect::Withdraw => errands.push(Errand::Withdraw),
                work => {
                    watch(work);
                    let done = self.signer.work(work, self.logged.machine());
                    if let Some(done) = done.map_err(SeatError::Signer)? {
                        let next = self.step(&done).map_err(|error| match error {
                            SeatError::Refused(refusal) => SeatError::Work(refusal),
                            other => other,
                        });
                        due.extend(next?);
                    }
                }
            }
        }
        Ok(errands)
    }

    fn sent(
        &mut self,
        attempt: u8,
        to: PartyId,
        what: Parcel,
    ) -> Result<Option<Errand>, SeatError<S::Error>> {
        let machine = self.logged.machine();
        let message = match what {
            Parcel::Shares(stage) if attempt == machine.attempt() => {
                let shares = self.signer.shares(stage, to, machine);
                let shares = shares.map_err(SeatError::Signer)?;
                shares.map(|shares| SetupMessage {
                    attempt,
                    body: Body::Shares { stage, shares },
                })
            }
            _ => machine.message(attempt, what),
        };
        Ok(message.map(|message| Errand::Send { to, message }))
    }

    /// The machine as it stands on disk.
    pub const fn machine(&self) -> &SetupMachine {
        self.logged.machine()
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.machine().phase()
    }

    /// Number of entries in its log.
    pub const fn changes(&self) -> u64 {
        self.logged.changes()
    }

    /// The signer.
    pub const fn signer(&self) -> &S {
        &self.signer
    }

    /// The signer, to be told what it must know besides.
    pub const fn signer_mut(&mut self) -> &mut S {
        &mut self.signer
    }

    /// The signer, once the seat is left.
    pub fn into_signer(self) -> S {
        self.signer
    }
}
