//! What the sides of a bank say to each other about payments through it, beyond what all places say.

use std::fmt;

use bitcoin::secp256k1::{PublicKey, SecretKey};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_contracts::{
    bank::{Bank, CheckError, FundingStatus, PENNY_BYTES, Penny, Phase},
    depth::Depth,
};

use super::{BankerError, Payer, PennyPtlc, Provider};
use crate::ptlc::{Notice, PtlcError, Receipt, Route};

/// The pennies of a PTLC whose secret was shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The pennies.
    pub penny: Penny,
    /// The PTLC's point.
    pub point: PublicKey,
    /// Its secret.
    pub secret: SecretKey,
}

impl fmt::Debug for Settled {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settled({:?}, {})", self.penny, self.point)
    }
}

impl Message for Settled {
    const KIND: Kind = kinds::SETTLED;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.penny.to_bytes())
            .point(&self.point)
            .scalar(&self.secret);
    }

    fn read(r: &mut Reader<'_>) -> Result<Settled, DecodeError> {
        Ok(Settled {
            penny: Penny::from_bytes(r.slice("penny", PENNY_BYTES)?)?,
            point: r.point("point")?,
            secret: r.scalar("secret")?,
        })
    }
}

impl Route {
    /// What the payer of a bank offers in it for this payment.
    ///
    /// # Errors
    /// [`PtlcError::Way`] if the route was not kept whole.
    pub fn ptlc(&self) -> Result<PennyPtlc, PtlcError> {
        let (point, count) = self.first()?;
        Ok(PennyPtlc { point, count })
    }

    /// The pennies for the first banker, once the payee may know the secret. The bank's record changes.
    ///
    /// # Errors
    /// [`PtlcError::Way`] before that; what the bank says.
    pub fn settle(&self, payer: &mut Payer) -> Result<Settled, BankerError> {
        let own = self.settlement()?;
        Ok(payer.settle(&own.point, own.secret)?)
    }
}

/// The payee's word for a PTLC that it holds, in a bank whose coin it sees. Given for one memo only: the record changes,
/// and must be durable first.
///
/// # Errors
/// [`BankerError`]: the payer's fault, or its banker's; nothing changes.
pub fn receipt(
    provider: &mut Provider,
    notice: &Notice,
    (status, depth): (&FundingStatus, Depth),
) -> Result<Receipt, BankerError> {
    let bank: &Bank = provider.bank();
    if notice.place != bank.terms().bank() {
        return Err(BankerError::NoBank(notice.place));
    }
    provider.in_phase(Phase::Open, "promise")?;
    let wanted = PennyPtlc {
        point: notice.point,
        count: notice.units,
    };
    if !provider.expects(&wanted) {
        let count = notice.units;
        return Err(BankerError::NoPromise { count });
    }
    check_coin(bank, status, depth)?;
    if !provider.receipt_for(notice.point, notice.memo) {
        return Err(BankerError::OtherMemo);
    }
    Ok(Receipt::sign(*notice, &provider.key))
}

/// Fails unless a bank's coin is good.
pub(super) fn check_coin(
    bank: &Bank,
    status: &FundingStatus,
    depth: Depth,
) -> Result<(), BankerError> {
    let checked = bank.check_coin(status, depth);
    checked.map_err(|error| match error {
        CheckError::Coin(error) => BankerError::Coin {
            bank: bank.terms().bank(),
            error,
        },
        CheckError::Bank(error) => error.into(),
    })
}
