//! What is sent and written down of a set-up, as bytes.

use std::collections::BTreeMap;

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::party::{MAX_PARTIES, PartyId, read_party, write_party};

use super::{
    Body, Bound, Cause, Lengths, SetupChange, SetupMessage,
    message::{MAX_ANNOUNCEMENT, MAX_FUNDING, MAX_PROPOSAL, MAX_REASON, MAX_TERMS, MAX_WITNESSES},
    negotiation::ATTEMPT_NUMBERS,
};

/// Most stages of a ceremony.
const MAX_STAGES: usize = 16;

/// Most bytes of one party's part of a ceremony: what the largest panel needs, with room.
pub(super) const MAX_CEREMONY: usize = 64 << 20;

impl Message for SetupMessage {
    const KIND: Kind = kinds::SETUP_MESSAGE;

    /// Attempt, and the body behind its number.
    fn write(&self, w: &mut Writer) {
        w.u8(self.attempt);
        write_body(w, &self.body);
    }

    fn read(r: &mut Reader<'_>) -> Result<SetupMessage, DecodeError> {
        Ok(SetupMessage {
            attempt: read_attempt(r)?,
            body: read_body(r)?,
        })
    }
}

fn read_attempt(r: &mut Reader<'_>) -> Result<u8, DecodeError> {
    match r.u8("attempt")? {
        attempt if attempt < ATTEMPT_NUMBERS => Ok(attempt),
        attempt => Err(DecodeError::invalid("attempt", attempt)),
    }
}

fn write_body(w: &mut Writer, body: &Body) {
    match body {
        Body::Proposal(bytes) => w.u8(0).bytes(bytes),
        Body::Terms(bytes) => w.u8(1).bytes(bytes),
        Body::Bind {
            agreement,
            announcement,
        } => w.u8(2).fixed(agreement).bytes(announcement),
        Body::Nonces(bytes) => w.u8(3).bytes(bytes),
        Body::Shares { stage, shares } => w.u8(4).u8(*stage).bytes(shares),
        Body::Held => w.u8(5),
        Body::Funding(bytes) => w.u8(6).bytes(bytes),
        Body::Whole(bytes) => w.u8(7).bytes(bytes),
        Body::Abort(cause) => {
            w.u8(8);
            write_cause(w, cause);
            w
        }
        Body::Over(cause) => {
            w.u8(9);
            write_cause(w, cause);
            w
        }
    };
}

fn read_body(r: &mut Reader<'_>) -> Result<Body, DecodeError> {
    let bytes = |r: &mut Reader<'_>, field, limit| -> Result<Vec<u8>, DecodeError> {
        Ok(r.bytes_up_to(field, limit)?.to_vec())
    };
    Ok(match r.u8("message")? {
        0 => Body::Proposal(bytes(r, "proposal", MAX_PROPOSAL)?),
        1 => Body::Terms(bytes(r, "terms", MAX_TERMS)?),
        2 => Body::Bind {
            agreement: r.array("agreement")?,
            announcement: bytes(r, "announcement", MAX_ANNOUNCEMENT)?,
        },
        3 => Body::Nonces(bytes(r, "nonces", MAX_CEREMONY)?),
        4 => Body::Shares {
            stage: r.u8("stage")?,
            shares: bytes(r, "shares", MAX_CEREMONY)?,
        },
        5 => Body::Held,
        6 => Body::Funding(bytes(r, "funding", MAX_WITNESSES)?),
        7 => Body::Whole(bytes(r, "whole funding", MAX_FUNDING)?),
        8 => Body::Abort(read_cause(r)?),
        9 => Body::Over(read_cause(r)?),
        found => return Err(DecodeError::invalid("message", found)),
    })
}

fn write_cause(w: &mut Writer, cause: &Cause) {
    match cause {
        Cause::Lost => w.u8(0),
        Cause::Silent(party) => {
            w.u8(1);
            write_party(w, *party);
            w
        }
        Cause::Fault { party, reason } => {
            w.u8(2);
            write_party(w, *party);
            w.bytes(reason.as_bytes())
        }
        Cause::Split(party) => {
            w.u8(3);
            write_party(w, *party);
            w
        }
        Cause::Told { by, accused } => {
            w.u8(4);
            write_party(w, *by);
            w.flag(accused.is_some());
            if let Some(accused) = accused {
                write_party(w, *accused);
            }
            w
        }
        Cause::Late => w.u8(5),
        Cause::Declined { reason } => w.u8(6).bytes(reason.as_bytes()),
        Cause::Struck(party) => {
            w.u8(7);
            write_party(w, *party);
            w
        }
        Cause::Exhausted => w.u8(8),
        Cause::Spent => w.u8(9),
        Cause::Ahead(party) => {
            w.u8(10);
            write_party(w, *party);
            w
        }
        Cause::Discord => w.u8(11),
    };
}

fn read_cause(r: &mut Reader<'_>) -> Result<Cause, DecodeError> {
    Ok(match r.u8("cause")? {
        0 => Cause::Lost,
        1 => Cause::Silent(read_party(r, "silent party")?),
        2 => Cause::Fault {
            party: read_party(r, "party at fault")?,
            reason: read_reason(r)?,
        },
        3 => Cause::Split(read_party(r, "party of other terms")?),
        4 => Cause::Told {
            by: read_party(r, "who told")?,
            accused: match r.flag("accused")? {
                true => Some(read_party(r, "accused party")?),
                false => None,
            },
        },
        5 => Cause::Late,
        6 => Cause::Declined {
            reason: read_reason(r)?,
        },
        7 => Cause::Struck(read_party(r, "struck party")?),
        8 => Cause::Exhausted,
        9 => Cause::Spent,
        10 => Cause::Ahead(read_party(r, "party that is ahead")?),
        11 => Cause::Discord,
        found => return Err(DecodeError::invalid("cause", found)),
    })
}

fn read_reason(r: &mut Reader<'_>) -> Result<String, DecodeError> {
    let bytes = r.bytes_up_to("reason", MAX_REASON)?;
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|error| DecodeError::invalid("reason", error))?;
    Ok(text.to_owned())
}

impl Message for SetupChange {
    const KIND: Kind = kinds::SETUP_CHANGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Proposed(bytes) => w.u8(0).bytes(bytes),
            Self::Assembled(bytes) => w.u8(1).bytes(bytes),
            Self::Bound(bound) => {
                w.u8(2).fixed(&bound.agreement).bytes(&bound.announcement);
                write_lengths(w, &bound.lengths.nonces);
                w.list(&bound.lengths.shares, write_lengths)
            }
            Self::Announced(bytes) => w.u8(3).bytes(bytes),
            Self::Signed(bytes) => w.u8(4).bytes(bytes),
            Self::Closed { stage, signatures } => {
                w.u8(5).u8(*stage).flag(signatures.is_some());
                match signatures {
                    Some(bytes) => w.bytes(bytes),
                    None => w,
                }
            }
            Self::Funded(bytes) => w.u8(6).bytes(bytes),
            Self::Received { from, body } => {
                w.u8(7);
                write_party(w, *from);
                write_body(w, body);
                w
            }
            Self::Voided { next, cause } => {
                w.u8(8).u8(*next);
                write_cause(w, cause);
                w
            }
            Self::Clock { due_s } => w.u8(9).u64(*due_s),
            Self::Live { height } => w.u8(10).u32(*height),
            Self::Unburied => w.u8(11),
            Self::Withdrawing => w.u8(12),
            Self::Dropped(cause) => {
                w.u8(13);
                write_cause(w, cause);
                w
            }
            Self::Found => w.u8(14),
            Self::Awake => w.u8(15),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<SetupChange, DecodeError> {
        let bytes = |r: &mut Reader<'_>, field| -> Result<Vec<u8>, DecodeError> {
            Ok(r.bytes_up_to(field, MAX_CEREMONY)?.to_vec())
        };
        Ok(match r.u8("change")? {
            0 => Self::Proposed(bytes(r, "proposal")?),
            1 => Self::Assembled(bytes(r, "terms")?),
            2 => Self::Bound(Bound {
                agreement: r.array("agreement")?,
                announcement: bytes(r, "announcement")?,
                lengths: Lengths {
                    nonces: read_lengths(r)?,
                    shares: r.list_up_to("stages", 4, MAX_STAGES, read_lengths)?,
                },
            }),
            3 => Self::Announced(bytes(r, "nonces")?),
            4 => Self::Signed(bytes(r, "ceremony")?),
            5 => Self::Closed {
                stage: r.u8("stage")?,
                signatures: match r.flag("signatures")? {
                    true => Some(bytes(r, "signatures")?),
                    false => None,
                },
            },
            6 => Self::Funded(bytes(r, "funding")?),
            7 => Self::Received {
                from: read_party(r, "sender")?,
                body: read_body(r)?,
            },
            8 => Self::Voided {
                next: read_attempt(r)?,
                cause: read_cause(r)?,
            },
            9 => Self::Clock {
                due_s: r.u64("time")?,
            },
            10 => Self::Live {
                height: r.u32("height")?,
            },
            11 => Self::Unburied,
            12 => Self::Withdrawing,
            13 => Self::Dropped(read_cause(r)?),
            14 => Self::Found,
            15 => Self::Awake,
            found => return Err(DecodeError::invalid("change", found)),
        })
    }
}

fn write_lengths(w: &mut Writer, lengths: &BTreeMap<PartyId, u32>) {
    let lengths: Vec<_> = lengths.iter().collect();
    w.list(&lengths, |w, (party, length)| {
        write_party(w, **party);
        w.u32(**length);
    });
}

fn read_lengths(r: &mut Reader<'_>) -> Result<BTreeMap<PartyId, u32>, DecodeError> {
    let pairs = r.list_up_to("lengths", 5, MAX_PARTIES.into(), |r| {
        Ok((read_party(r, "party")?, r.u32("length")?))
    })?;
    // One encoding: in order, none twice.
    match pairs.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        Some(pair) => Err(DecodeError::invalid("party", pair[1].0.0)),
        None => Ok(pairs.into_iter().collect()),
    }
}
