//! A seat of a contract of computation, whichever side's.

use narthex_channel::{
    contract::{
        Book, Checking, Contract, ContractErrand, ContractInput, ContractMessage, ContractSeat,
        ContractSeatError, ContractSigner, Judging, NextMove, Parcel, Paying, Side, Working,
    },
    log::Log,
};
use narthex_contracts::terms::Role;

use super::{LifeError, LifeSigner};

/// Whoever does a party's work: its signer, or one that has it in hand.
pub(crate) trait Hands<'a>: ContractSigner<Error = LifeError> {
    fn signer(&self) -> &LifeSigner<'a>;
    fn signer_mut(&mut self) -> &mut LifeSigner<'a>;
    fn into_signer(self) -> LifeSigner<'a>;
}

impl<'a> Hands<'a> for LifeSigner<'a> {
    fn signer(&self) -> &LifeSigner<'a> {
        self
    }

    fn signer_mut(&mut self) -> &mut LifeSigner<'a> {
        self
    }

    fn into_signer(self) -> LifeSigner<'a> {
        self
    }
}

/// A seat of any side.
pub(super) trait Seat<'a> {
    fn take(&mut self, input: &ContractInput) -> Taken;
    fn hear(&mut self, from: Role, message: ContractMessage) -> Taken;
    fn recall(&mut self, message: ContractMessage) -> Taken;
    fn on_chain(&self) -> Vec<ContractErrand>;
    fn book(&self) -> &Book;
    fn standing(&self) -> &'static str;
    fn place(&self) -> &'static str;
    fn changes(&self) -> u64;
    fn is_waiting(&self) -> bool;
    fn next_move(&self, tip: u32) -> Option<NextMove>;
    fn parcel(
        &mut self,
        what: Parcel,
    ) -> Result<Vec<ContractMessage>, ContractSeatError<LifeError>>;
    fn signer(&self) -> &LifeSigner<'a>;
    fn signer_mut(&mut self) -> &mut LifeSigner<'a>;
    fn into_signer(self: Box<Self>) -> LifeSigner<'a>;
}

pub(super) type Taken = Result<Vec<ContractErrand>, ContractSeatError<LifeError>>;

impl<'a, M: Side, S: Hands<'a>, L: Log> Seat<'a> for ContractSeat<M, S, L> {
    fn take(&mut self, input: &ContractInput) -> Taken {
        ContractSeat::take(self, input)
    }

    fn hear(&mut self, from: Role, message: ContractMessage) -> Taken {
        ContractSeat::hear(self, from, message)
    }

    fn recall(&mut self, message: ContractMessage) -> Taken {
        ContractSeat::recall(self, message)
    }

    fn on_chain(&self) -> Vec<ContractErrand> {
        ContractSeat::on_chain(self)
    }

    fn book(&self) -> &Book {
        ContractSeat::book(self)
    }

    fn standing(&self) -> &'static str {
        ContractSeat::standing(self)
    }

    fn place(&self) -> &'static str {
        M::place(ContractSeat::book(self))
    }

    fn changes(&self) -> u64 {
        ContractSeat::changes(self)
    }

    fn is_waiting(&self) -> bool {
        ContractSeat::is_waiting(self)
    }

    fn next_move(&self, tip: u32) -> Option<NextMove> {
        ContractSeat::next_move(self, tip)
    }

    fn parcel(
        &mut self,
        what: Parcel,
    ) -> Result<Vec<ContractMessage>, ContractSeatError<LifeError>> {
        ContractSeat::parcel(self, what)
    }

    fn signer(&self) -> &LifeSigner<'a> {
        ContractSeat::signer(self).signer()
    }

    fn signer_mut(&mut self) -> &mut LifeSigner<'a> {
        ContractSeat::signer_mut(self).signer_mut()
    }

    fn into_signer(self: Box<Self>) -> LifeSigner<'a> {
        ContractSeat::into_signer(*self).into_signer()
    }
}

type Boxed<'a> = Result<(Box<dyn Seat<'a> + 'a>, Vec<ContractErrand>), LifeError>;

/// The seat of a party's part, for the first time or after its process ended, with what is left to do.
///
/// # Errors
/// [`LifeError::Seat`].
pub(super) fn seated<'a, L: Log + 'a, S: Hands<'a> + 'a>(
    contract: Contract,
    log: L,
    signer: S,
) -> Boxed<'a> {
    match contract.role() {
        Role::Client => boxed::<Paying, L, S>(contract, log, signer),
        Role::Worker => boxed::<Working, L, S>(contract, log, signer),
        Role::Verifier => boxed::<Checking, L, S>(contract, log, signer),
        Role::Arbiter(_) => boxed::<Judging, L, S>(contract, log, signer),
    }
}

fn boxed<'a, M: Side + 'a, L: Log + 'a, S: Hands<'a> + 'a>(
    contract: Contract,
    log: L,
    signer: S,
) -> Boxed<'a> {
    let (seat, errands) = ContractSeat::<M, _, _>::open(contract, log, signer)?;
    Ok((Box::new(seat), errands))
}
