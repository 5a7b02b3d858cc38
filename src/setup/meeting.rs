//! All parties of a set-up in one process: each with its own machine, log and signer, and messages between them as bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use narthex_base::codec::{DecodeError, Message};
use narthex_channel::{
    log::Log,
    setup::{
        ChainView, Errand, Negotiation, Phase, Seat, SeatError, SetupEffect, SetupInput,
        SetupMessage, SetupSigner,
    },
};
use narthex_contracts::party::{PartyId, PartyName};

/// Why a meeting does not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeetingError<E> {
    /// A party's log or signer fails, or it refuses what another says.
    #[error("{party}: {error}")]
    Seat {
        /// Who.
        party: PartyName,
        /// Why.
        error: Box<SeatError<E>>,
    },
    /// What a party sent cannot be read.
    #[error("what {party} sent cannot be read: {error}")]
    Message {
        /// Who sent it.
        party: PartyName,
        /// Why not.
        error: DecodeError,
    },
}

fn seat_error<E>(party: PartyName, error: SeatError<E>) -> MeetingError<E> {
    let error = Box::new(error);
    MeetingError::Seat { party, error }
}

impl<E> MeetingError<E> {
    /// Whether a party's log failed: its process is to be started again.
    pub fn is_log(&self) -> bool {
        matches!(self, MeetingError::Seat { error, .. } if matches!(**error, SeatError::Log(_)))
    }
}

/// A message on its way: from whom, to whom, its bytes.
type Letter = (PartyId, PartyId, Vec<u8>);

/// A letter as its addressee reads it.
fn read<S: SetupSigner, L: Log>(
    to: &Seat<S, L>,
    (from, _, bytes): Letter,
) -> Result<SetupInput, MeetingError<S::Error>> {
    let message = SetupMessage::from_bytes(&bytes);
    let message = message.map_err(|error| MeetingError::Message {
        party: to.machine().about().name(from),
        error,
    })?;
    Ok(SetupInput::Message { from, message })
}

/// Everybody in one room.
pub struct Meeting<S, L> {
    seats: BTreeMap<PartyId, Seat<S, L>>,
    letters: VecDeque<Letter>,
    /// What is to be published, in the order in which it came; the same once.
    broadcasts: Vec<Vec<u8>>,
    /// Who wants its coins back.
    withdrawing: BTreeSet<PartyId>,
    messages: u64,
    bytes: u64,
}

/// Told of each piece of work before it is done.
pub type Watch<'w> = &'w mut dyn FnMut(PartyName, SetupEffect);

impl<S: SetupSigner, L: Log> Meeting<S, L> {
    /// An empty room.
    pub fn new() -> Meeting<S, L> {
        Meeting {
            seats: BTreeMap::new(),
            letters: VecDeque::new(),
            broadcasts: Vec::new(),
            withdrawing: BTreeSet::new(),
            messages: 0,
            bytes: 0,
        }
    }

    /// A party takes its seat, for the first time or after a crash.
    ///
    /// # Errors
    /// [`MeetingError::Seat`].
    pub fn join(
        &mut self,
        (about, log, signer): (Negotiation, L, S),
        watch: Watch<'_>,
    ) -> Result<(), MeetingError<S::Error>> {
        let party = about.me();
        let mut watch = |effect| watch(party, effect);
        let (seat, errands) =
            Seat::open(about, log, signer, &mut watch).map_err(|error| seat_error(party, error))?;
        self.seats.insert(party.id, seat);
        self.post(party.id, errands);
        Ok(())
    }

    /// A party leaves, or was killed: what was sent to it stays on its way.
    pub fn leave(&mut self, party: impl Into<PartyId>) -> Option<S> {
        self.seats.remove(&party.into()).map(Seat::into_signer)
    }

    /// Delivers one message to somebody who is there; `None` if none is on its way.
    ///
    /// # Errors
    /// [`MeetingError`]; a refusal too.
    pub fn deliver(
        &mut self,
        watch: Watch<'_>,
    ) -> Result<Option<(PartyId, PartyId)>, MeetingError<S::Error>> {
        let here = |(_, to, _): &Letter| self.seats.contains_key(to);
        let Some(at) = self.letters.iter().position(here) else {
            return Ok(None);
        };
        let Some((from, to, bytes)) = self.letters.get(at).cloned() else {
            return Ok(None);
        };
        let Some(seat) = self.seats.get(&to) else {
            return Ok(None);
        };
        let input = read(seat, (from, to, bytes))?;
        // Its sender has it until it was taken: one that was killed over it gets it again.
        let taken = self.take(to, &input, watch);
        if !taken.as_ref().is_err_and(MeetingError::is_log) {
            self.letters.remove(at);
        }
        taken.map(|()| Some((from, to)))
    }

    /// Delivers until nothing is on its way any more: to each party in turn all that waits for it, with one write.
    ///
    /// # Errors
    /// [`MeetingError`].
    pub fn settle(&mut self, watch: Watch<'_>) -> Result<(), MeetingError<S::Error>> {
        while let Some(to) = self.next_addressee() {
            let (own, others): (Vec<_>, Vec<_>) = self
                .letters
                .drain(..)
                .partition(|(_, addressee, _)| *addressee == to);
            self.letters = others.into();
            let Some(seat) = self.seats.get_mut(&to) else {
                continue;
            };
            let party = seat.machine().about().me();
            let inputs = own.into_iter().map(|letter| read(seat, letter));
            let inputs = inputs.collect::<Result<Vec<_>, MeetingError<S::Error>>>()?;
            let taken = seat.take_all(&inputs, &mut |effect| watch(party, effect));
            let (errands, refused) = taken.map_err(|error| seat_error(party, error))?;
            if let Some((_, refusal)) = refused.into_iter().next() {
                return Err(seat_error(party, SeatError::Refused(refusal)));
            }
            self.post(to, errands);
        }
        Ok(())
    }

    /// To whom the oldest message is that somebody who is there can take.
    fn next_addressee(&self) -> Option<PartyId> {
        let mut letters = self.letters.iter().map(|(_, to, _)| *to);
        letters.find(|to| self.seats.contains_key(to))
    }

    /// Gives a party an input.
    ///
    /// # Errors
    /// [`MeetingError::Seat`].
    pub fn take(
        &mut self,
        party: PartyId,
        input: &SetupInput,
        watch: Watch<'_>,
    ) -> Result<(), MeetingError<S::Error>> {
        let Some(seat) = self.seats.get_mut(&party) else {
            return Ok(());
        };
        let name = seat.machine().about().me();
        let taken = seat.take(input, &mut |effect| watch(name, effect));
        let errands = taken.map_err(|error| seat_error(name, error))?;
        self.post(party, errands);
        Ok(())
    }

    /// Shows everybody the chain.
    ///
    /// # Errors
    /// [`MeetingError::Seat`].
    pub fn show(
        &mut self,
        view: ChainView,
        watch: Watch<'_>,
    ) -> Result<(), MeetingError<S::Error>> {
        let parties: Vec<_> = self.seats.keys().copied().collect();
        for party in parties {
            self.take(party, &SetupInput::Chain(view), watch)?;
        }
        Ok(())
    }

    fn post(&mut self, from: PartyId, errands: Vec<Errand>) {
        for errand in errands {
            match errand {
                Errand::Send { to, message } => {
                    let bytes = message.to_bytes();
                    self.messages += 1;
                    self.bytes += bytes.len() as u64;
                    self.letters.push_back((from, to, bytes));
                }
                Errand::Broadcast(bytes) if !self.broadcasts.contains(&bytes) => {
                    self.broadcasts.push(bytes);
                }
                Errand::Broadcast(_) => {}
                Errand::Withdraw => {
                    self.withdrawing.insert(from);
                }
            }
        }
    }

    /// Those who are there.
    pub fn seats(&self) -> impl Iterator<Item = (PartyId, &Seat<S, L>)> {
        self.seats.iter().map(|(party, seat)| (*party, seat))
    }

    /// One of them.
    pub fn seat(&self, party: impl Into<PartyId>) -> Option<&Seat<S, L>> {
        self.seats.get(&party.into())
    }

    /// Whether everybody who is there stands so.
    pub fn is_everybody(&self, phase: Phase) -> bool {
        self.seats.values().all(|seat| seat.phase() == phase)
    }

    /// What was to be published, in consensus encoding.
    pub fn broadcasts(&self) -> &[Vec<u8>] {
        &self.broadcasts
    }

    /// Who is to spend an own input of the funding otherwise.
    pub const fn withdrawing(&self) -> &BTreeSet<PartyId> {
        &self.withdrawing
    }

    /// Number of messages that were sent, and their bytes.
    pub const fn traffic(&self) -> (u64, u64) {
        (self.messages, self.bytes)
    }

    /// Everybody leaves, with its machine's and signer's state.
    pub fn into_seats(self) -> BTreeMap<PartyId, Seat<S, L>> {
        self.seats
    }
}

impl<S: SetupSigner, L: Log> Default for Meeting<S, L> {
    fn default() -> Self {
        Meeting::new()
    }
}
