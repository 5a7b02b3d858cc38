//! Who has what in a channel: balances, pending payments, and how one state follows from another.

use std::fmt;

use bitcoin::{
    Amount,
    hashes::{Hash, sha256},
    secp256k1::{PublicKey, Secp256k1, SecretKey},
};
use narthex_base::codec::{DecodeError, Reader, Writer};

use super::{Channel, ChannelError, MAX_NUMBER, MAX_PAYMENTS, Side};

/// Highest height that a lock time can say.
const MAX_HEIGHT: u32 = 499_999_999;

/// What tells a payment of a channel apart. Its amount, expiry and point do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentId {
    /// Who pays.
    pub offerer: Side,
    /// Counts what the offerer staged, from 0.
    pub number: u64,
}

impl PaymentId {
    /// Writes it.
    pub fn write(self, w: &mut Writer) {
        self.offerer.write(w);
        w.u64(self.number);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<PaymentId, DecodeError> {
        Ok(PaymentId {
            offerer: Side::read(r)?,
            number: r.u64("payment")?,
        })
    }
}

/// What a payment waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// The secret of a point (PTLC).
    Point(PublicKey),
    /// The preimage of a SHA-256 hash (HTLC).
    Hash(sha256::Hash),
}

/// What opens a lock: both are secret until the payment is settled.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// The secret of the point.
    Secret(SecretKey),
    /// The preimage of the hash.
    Preimage([u8; 32]),
}

impl fmt::Debug for Proof {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(..)")
    }
}

impl Lock {
    /// Whether `proof` opens it.
    pub fn opens(&self, proof: &Proof) -> bool {
        match (self, proof) {
            (Lock::Point(point), Proof::Secret(secret)) => {
                secret.public_key(&Secp256k1::signing_only()) == *point
            }
            (Lock::Hash(hash), Proof::Preimage(preimage)) => sha256::Hash::hash(preimage) == *hash,
            _ => false,
        }
    }

    /// Writes it.
    pub fn write(&self, w: &mut Writer) {
        match self {
            Lock::Point(point) => w.u8(0).point(point),
            Lock::Hash(hash) => w.u8(1).fixed(hash.as_byte_array()),
        };
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<Lock, DecodeError> {
        match r.u8("lock")? {
            0 => Ok(Lock::Point(r.point("point")?)),
            1 => Ok(Lock::Hash(sha256::Hash::from_byte_array(r.array("hash")?))),
            other => Err(DecodeError::invalid("lock", other)),
        }
    }
}

impl Proof {
    /// Writes it.
    pub fn write(&self, w: &mut Writer) {
        match self {
            Proof::Secret(secret) => w.u8(0).scalar(secret),
            Proof::Preimage(preimage) => w.u8(1).fixed(preimage),
        };
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<Proof, DecodeError> {
        match r.u8("proof")? {
            0 => Ok(Proof::Secret(r.scalar("secret")?)),
            1 => Ok(Proof::Preimage(r.array("preimage")?)),
            other => Err(DecodeError::invalid("proof", other)),
        }
    }
}

/// A pending payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    /// Which one.
    pub id: PaymentId,
    /// What is paid.
    pub amount: Amount,
    /// What it waits for.
    pub lock: Lock,
    /// Height from which the offerer takes it back.
    pub expiry: u32,
}

impl Payment {
    /// Writes it.
    pub fn write(&self, w: &mut Writer) {
        self.id.write(w);
        w.amount(self.amount);
        self.lock.write(w);
        w.u32(self.expiry);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<Payment, DecodeError> {
        Ok(Payment {
            id: PaymentId::read(r)?,
            amount: r.amount("amount")?,
            lock: Lock::read(r)?,
            expiry: r.u32("expiry")?,
        })
    }
}

/// What a side wants changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// It offers a payment.
    Add(Payment),
    /// It takes one that it was offered.
    Fulfil(PaymentId, Proof),
    /// It gives one back that it was offered.
    Fail(PaymentId),
}

impl Update {
    /// Writes it.
    pub fn write(&self, w: &mut Writer) {
        match self {
            Update::Add(payment) => payment.write(w.u8(0)),
            Update::Fulfil(id, proof) => {
                id.write(w.u8(1));
                proof.write(w);
            }
            Update::Fail(id) => id.write(w.u8(2)),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<Update, DecodeError> {
        match r.u8("update")? {
            0 => Ok(Update::Add(Payment::read(r)?)),
            1 => Ok(Update::Fulfil(PaymentId::read(r)?, Proof::read(r)?)),
            2 => Ok(Update::Fail(PaymentId::read(r)?)),
            other => Err(DecodeError::invalid("update", other)),
        }
    }
}

/// Why an update is not taken: the fault of the side that staged it. Those that pass by themselves are
/// [`UpdateError::waits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Not its own payment, or not one that it was offered.
    #[error("it is not for the {0} to say that")]
    NotItsOwn(Side),
    /// There is no such payment.
    #[error("no payment {} of the {} is pending", .0.number, .0.offerer)]
    Unknown(PaymentId),
    /// There is such a payment already.
    #[error("payment {} of the {} is there already", .0.number, .0.offerer)]
    Repeated(PaymentId),
    /// What is shown does not open it.
    #[error("that does not open payment {} of the {}", .0.number, .0.offerer)]
    Proof(PaymentId),
    /// An amount of nothing, or a height that is none.
    #[error("the payment has no valid {0}")]
    Field(&'static str),
    /// As many are pending as may.
    #[error("{MAX_PAYMENTS} payments are pending")]
    Slots,
    /// As much is pending as may.
    #[error("more would be pending than was agreed on")]
    InFlight,
    /// One payment without an output is pending.
    #[error("a payment that is too small for an output is pending already")]
    Trimmed,
    /// The balance would fall below the reserve.
    #[error("the balance would fall below the reserve")]
    Reserve,
}

impl UpdateError {
    /// Whether it is only too early: another update may make room.
    pub const fn waits(&self) -> bool {
        matches!(
            self,
            Self::Slots | Self::InFlight | Self::Trimmed | Self::Reserve
        )
    }
}

/// Balances and pending payments, as both commitments of one number pay them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Number of both commitments.
    pub number: u64,
    /// What opener and accepter have, without what is pending.
    pub balances: [Amount; 2],
    /// By their identity.
    pub payments: Vec<Payment>,
}

impl State {
    /// The first, in which the accepter is given `push`.
    ///
    /// # Errors
    /// [`ChannelError::Terms`] if it leaves the opener less than the reserve.
    pub fn first(channel: &Channel, push: Amount) -> Result<State, ChannelError> {
        let rest = channel.terms().capacity.checked_sub(push);
        let rest = rest.filter(|rest| *rest >= channel.reserve());
        Ok(State {
            number: 0,
            balances: [rest.ok_or(ChannelError::Terms("push"))?, push],
            payments: Vec::new(),
        })
    }

    /// A pending payment.
    pub fn payment(&self, id: PaymentId) -> Option<&Payment> {
        self.payments.iter().find(|payment| payment.id == id)
    }

    /// All that is there, which is always what the coin holds.
    pub fn sum(&self) -> Option<Amount> {
        let pending = self.payments.iter().map(|payment| payment.amount);
        let mut all = pending.chain(self.balances);
        all.try_fold(Amount::ZERO, Amount::checked_add)
    }

    /// The next state: what is fulfilled or failed goes first, then what is added, so that it can take the place.
    ///
    /// # Errors
    /// [`UpdateError`] with the number of the update, from 0.
    pub fn next(
        &self,
        channel: &Channel,
        updates: &[(Side, Update)],
    ) -> Result<State, (usize, UpdateError)> {
        let mut state = self.clone();
        state.number = self.number.saturating_add(1).min(MAX_NUMBER);
        let numbered = || updates.iter().enumerate();
        let is_add = |update: &Update| matches!(update, Update::Add(_));
        for (at, (side, update)) in numbered().filter(|(_, (_, update))| !is_add(update)) {
            state.remove(*side, update).map_err(|e| (at, e))?;
        }
        for (at, (side, update)) in numbered() {
            if let Update::Add(payment) = update {
                state.add(channel, *side, payment).map_err(|e| (at, e))?;
            }
        }
        state.payments.sort_by_key(|payment| payment.id);
        Ok(state)
    }

    fn remove(&mut self, by: Side, update: &Update) -> Result<(), UpdateError> {
        let (id, paid) = match update {
            Update::Fulfil(id, proof) => (*id, Some(proof)),
            Update::Fail(id) => (*id, None),
            Update::Add(_) => return Ok(()),
        };
        if id.offerer == by {
            return Err(UpdateError::NotItsOwn(by));
        }
        let at = self.payments.iter().position(|payment| payment.id == id);
        let at = at.ok_or(UpdateError::Unknown(id))?;
        if paid.is_some_and(|proof| !self.payments[at].lock.opens(proof)) {
            return Err(UpdateError::Proof(id));
        }
        let payment = self.payments.remove(at);
        let payee = if paid.is_some() { by } else { id.offerer };
        // Both are parts of one coin.
        self.balances[payee.index()] += payment.amount;
        Ok(())
    }

    fn add(&mut self, channel: &Channel, by: Side, payment: &Payment) -> Result<(), UpdateError> {
        let (terms, id) = (channel.terms(), payment.id);
        if id.offerer != by {
            return Err(UpdateError::NotItsOwn(by));
        }
        let own = |payment: &&Payment| payment.id.offerer == by;
        if self
            .payments
            .iter()
            .filter(own)
            .any(|other| other.id.number >= id.number)
        {
            return Err(UpdateError::Repeated(id));
        }
        if payment.amount == Amount::ZERO || payment.amount > terms.capacity {
            return Err(UpdateError::Field("amount"));
        }
        if payment.expiry == 0 || payment.expiry > MAX_HEIGHT {
            return Err(UpdateError::Field("expiry"));
        }
        let is_trimmed = channel.is_trimmed(payment.amount);
        let alike = |other: &&Payment| own(other) && channel.is_trimmed(other.amount) == is_trimmed;
        let pending = self.payments.iter().filter(alike).count();
        if is_trimmed && pending >= 1 {
            return Err(UpdateError::Trimmed);
        }
        if pending >= MAX_PAYMENTS {
            return Err(UpdateError::Slots);
        }
        let amounts = self.payments.iter().filter(own).map(|other| other.amount);
        let pending: Amount = amounts.sum();
        if pending + payment.amount > terms.in_flight {
            return Err(UpdateError::InFlight);
        }
        let left = self.balances[by.index()].checked_sub(payment.amount);
        let left = left.filter(|left| *left >= channel.reserve());
        self.balances[by.index()] = left.ok_or(UpdateError::Reserve)?;
        self.payments.push(*payment);
        Ok(())
    }

    /// Writes it.
    pub fn write(&self, w: &mut Writer) {
        w.u64(self.number);
        w.amount(self.balances[0]).amount(self.balances[1]);
        w.list(&self.payments, |w, payment| payment.write(w));
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<State, DecodeError> {
        // A payment has 9 bytes of identity, 8 of amount, 33 of lock at least, 4 of expiry; each side may have one that is trimmed.
        let most = 2 * (MAX_PAYMENTS + 1);
        Ok(State {
            number: r.u64("number")?,
            balances: [r.amount("balance")?, r.amount("balance")?],
            payments: r.list_up_to("payments", 54, most, Payment::read)?,
        })
    }
}
