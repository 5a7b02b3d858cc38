//! What is said and written down of endings, as bytes.

use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_contracts::party::PartyId;

use super::{EndingChange, EndingSaid, StoredEnding};

/// Most bytes of a ceremony of three about one transaction, or of what is held of it: both are below 1,000.
const MAX_STORED: usize = 4_096;

impl EndingSaid {
    /// A byte that says which, then: 0 what is agreed on (length, message); 1 attempt (4) and nonces; 2 attempt and share; 3 attempt
    /// and the client's share, each with its length before it.
    pub(in crate::contract) fn write<'w>(&self, w: &'w mut Writer) -> &'w mut Writer {
        match self {
            EndingSaid::Agrees(proposal) => w.u8(0).message(proposal),
            EndingSaid::Nonces { attempt, nonces } => w.u8(1).u32(*attempt).message(nonces),
            EndingSaid::Shares { attempt, shares } => w.u8(2).u32(*attempt).message(shares),
            EndingSaid::Release { attempt, release } => w.u8(3).u32(*attempt).message(release),
        }
    }

    pub(in crate::contract) fn read(r: &mut Reader<'_>) -> Result<EndingSaid, DecodeError> {
        Ok(match r.u8("which word")? {
            0 => EndingSaid::Agrees(r.message("ending")?),
            1 => EndingSaid::Nonces {
                attempt: r.u32("attempt")?,
                nonces: r.message("nonces")?,
            },
            2 => EndingSaid::Shares {
                attempt: r.u32("attempt")?,
                shares: r.message("share")?,
            },
            3 => EndingSaid::Release {
                attempt: r.u32("attempt")?,
                release: r.message("last share")?,
            },
            other => return Err(DecodeError::invalid("which word", other)),
        })
    }
}

impl EndingChange {
    /// A byte that says which, then its fields.
    pub(in crate::contract) fn write<'w>(&self, w: &'w mut Writer) -> &'w mut Writer {
        match self {
            EndingChange::Agreed(proposal) => w.u8(0).message(proposal),
            EndingChange::Heard { by, what } => w.u8(1).u8(by.0).message(what),
            EndingChange::Nonces(nonces) => w.u8(2).message(nonces),
            EndingChange::Signed { signing, shares } => {
                w.u8(3).bytes(&signing.0).list(shares, |w, shares| {
                    w.message(shares);
                })
            }
            EndingChange::Shares(shares) => w.u8(4).message(shares),
            EndingChange::Released(release) => w.u8(5).message(release),
            EndingChange::Whole {
                signatures,
                releases,
            } => w.u8(6).bytes(&signatures.0).list(releases, |w, release| {
                w.message(release);
            }),
            EndingChange::Decided => w.u8(7),
            EndingChange::Showing => w.u8(8),
            EndingChange::Lapsed => w.u8(9),
        }
    }

    pub(in crate::contract) fn read(r: &mut Reader<'_>) -> Result<EndingChange, DecodeError> {
        Ok(match r.u8("change of an ending")? {
            0 => EndingChange::Agreed(r.message("ending")?),
            1 => EndingChange::Heard {
                by: party(r)?,
                what: r.message("ending")?,
            },
            2 => EndingChange::Nonces(r.message("nonces")?),
            3 => EndingChange::Signed {
                signing: stored(r, "ceremony")?,
                shares: r.list_up_to("shares", 4, 2, |r| r.message("share"))?,
            },
            4 => EndingChange::Shares(r.message("share")?),
            5 => EndingChange::Released(r.message("last share")?),
            6 => EndingChange::Whole {
                signatures: stored(r, "signatures")?,
                releases: r.list_up_to("last shares", 4, 1, |r| r.message("last share"))?,
            },
            7 => EndingChange::Decided,
            8 => EndingChange::Showing,
            9 => EndingChange::Lapsed,
            other => return Err(DecodeError::invalid("change of an ending", other)),
        })
    }
}

fn stored(r: &mut Reader<'_>, field: &'static str) -> Result<StoredEnding, DecodeError> {
    let bytes = r.bytes(field)?;
    match bytes.len() <= MAX_STORED {
        true => Ok(StoredEnding(bytes.to_vec())),
        false => Err(DecodeError::invalid(field, bytes.len())),
    }
}

fn party(r: &mut Reader<'_>) -> Result<PartyId, DecodeError> {
    let index = r.u8("party")?;
    PartyId::from_index(index.into()).ok_or_else(|| DecodeError::invalid("party", index))
}
