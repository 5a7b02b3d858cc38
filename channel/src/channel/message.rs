//! What the two sides of a channel say to each other.

use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf,
    secp256k1::{PublicKey, SecretKey},
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{
    channel::{Basepoints, CommitmentShare, MAX_PAYMENTS, Update},
    musig::{AdaptorSignature, PublicNonce},
    wire::{ReadOutPoint, WriteOutPoint},
};

use crate::fields::{read_script, unknown};

/// What an opener proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelOffer {
    /// What the coin is to hold; the opener pays for it.
    pub capacity: Amount,
    /// What of it is the accepter's from the start.
    pub push: Amount,
    /// Blocks that the opener's, and the accepter's, own money waits for on its own commitments.
    pub delay: [u16; 2],
    /// Payments below have no output.
    pub trim: Amount,
    /// Most that is pending each way.
    pub in_flight: Amount,
    /// The opener's keys.
    pub keys: Basepoints,
    /// Points of its commitments 0 and 1.
    pub points: [PublicKey; 2],
}

/// What a side says once its previous commitment is replaced: the secret of that one, and what the next but one takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Secret of the commitment that is revoked by it.
    pub secret: SecretKey,
    /// Point of the commitment two numbers on.
    pub point: PublicKey,
    /// Verification nonce of the same.
    pub nonce: PublicNonce,
}

impl std::fmt::Debug for Revocation {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocation")
            .field("point", &self.point)
            .finish_non_exhaustive()
    }
}

/// A message of a channel. Each is durable before it leaves, and goes out again as the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelMessage {
    /// Opener: may we have a channel?
    Offer(Box<ChannelOffer>),
    /// Accepter: yes, with these keys and points of commitments 0 and 1.
    Consent(Box<(Basepoints, [PublicKey; 2])>),
    /// Opener: this is the coin. Verification nonces of commitments 0 and 1 follow from it.
    Funded(OutPoint, Box<[PublicNonce; 2]>),
    /// Accepter: its nonces, and its share of the opener's commitment 0.
    First(Box<([PublicNonce; 2], CommitmentShare)>),
    /// Opener: its share of the accepter's commitment 0.
    Second(Box<CommitmentShare>),
    /// Either side, at any time: it wants this changed. `number` counts what it staged.
    Stage {
        /// From 0.
        number: u64,
        /// What.
        update: Update,
    },
    /// 1, by whose turn it is: let us go to state `number` with so much of what was staged.
    Propose {
        /// Of the new state.
        number: u64,
        /// How many of the opener's, and of the accepter's, staged updates are in it, counted from 0.
        cut: [u64; 2],
        /// Signatures ahead for the other's claims on the proposer's new commitment.
        claims: Vec<AdaptorSignature>,
    },
    /// 2, by the other.
    Accept {
        /// Of the new state.
        number: u64,
        /// Signatures ahead for the proposer's claims on the accepting side's new commitment.
        claims: Vec<AdaptorSignature>,
        /// Share of the proposer's new commitment.
        share: CommitmentShare,
        /// Signatures ahead for the proposer's second level on it.
        second: Vec<AdaptorSignature>,
    },
    /// 3, by the proposer.
    Commit {
        /// Of the new state.
        number: u64,
        /// Share of the other's new commitment.
        share: CommitmentShare,
        /// Signatures ahead for its second level on it.
        second: Vec<AdaptorSignature>,
        /// The proposer's old commitment is gone.
        revocation: Revocation,
    },
    /// 4, by the other.
    Revoke {
        /// Of the new state.
        number: u64,
        /// The other's old commitment is gone.
        revocation: Revocation,
        /// Whether the turn stays where it is.
        keep: bool,
    },
    /// On a new connection: where one stands, and that one is not behind.
    Reestablish {
        /// Number of the last state that is locked here.
        number: u64,
        /// The receiver's secret that it showed last, with its commitment's number.
        shown: Option<(u64, SecretKey)>,
    },
    /// No more payments; when none is pending, pay this side here.
    Shutdown(ScriptBuf),
    /// Opener: begins an attempt to close, at this fee rate.
    CloseNonce(FeeRate, Box<PublicNonce>),
    /// Accepter: its share for the attempt with this nonce.
    CloseShare(Box<(PublicNonce, CommitmentShare)>),
}

/// Most signatures of one list: a claim or a timeout of every payment of both sides.
const MOST: usize = 2 * MAX_PAYMENTS;

fn write_signatures(w: &mut Writer, list: &[AdaptorSignature]) {
    w.list(list, |w, signature| {
        w.fixed(&signature.0);
    });
}

fn read_signatures(r: &mut Reader<'_>) -> Result<Vec<AdaptorSignature>, DecodeError> {
    r.list_up_to("signatures", 64, MOST, |r| {
        Ok(AdaptorSignature(r.array("signature")?))
    })
}

fn read_points(r: &mut Reader<'_>) -> Result<[PublicKey; 2], DecodeError> {
    Ok([r.point("point 0")?, r.point("point 1")?])
}

fn read_nonce(r: &mut Reader<'_>) -> Result<PublicNonce, DecodeError> {
    Ok(PublicNonce(r.array("nonce")?))
}

impl Revocation {
    fn write(&self, w: &mut Writer) {
        w.scalar(&self.secret)
            .point(&self.point)
            .fixed(&self.nonce.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Revocation, DecodeError> {
        Ok(Revocation {
            secret: r.scalar("secret")?,
            point: r.point("point")?,
            nonce: read_nonce(r)?,
        })
    }
}

impl ChannelOffer {
    fn write(&self, w: &mut Writer) {
        w.amount(self.capacity).amount(self.push);
        w.u16(self.delay[0]).u16(self.delay[1]);
        w.amount(self.trim).amount(self.in_flight);
        self.keys.write(w);
        w.point(&self.points[0]).point(&self.points[1]);
    }

    fn read(r: &mut Reader<'_>) -> Result<ChannelOffer, DecodeError> {
        Ok(ChannelOffer {
            capacity: r.amount("capacity")?,
            push: r.amount("push")?,
            delay: [r.u16("delay")?, r.u16("delay")?],
            trim: r.amount("trim")?,
            in_flight: r.amount("in flight")?,
            keys: Basepoints::read(r)?,
            points: read_points(r)?,
        })
    }
}

impl Message for ChannelMessage {
    const KIND: Kind = kinds::CHANNEL_MESSAGE;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Offer(offer) => offer.write(w.u8(0)),
            Self::Consent(consent) => {
                consent.0.write(w.u8(1));
                w.point(&consent.1[0]).point(&consent.1[1]);
            }
            Self::Funded(funding, nonces) => {
                w.u8(2).outpoint(funding);
                w.fixed(&nonces[0].0).fixed(&nonces[1].0);
            }
            Self::First(first) => {
                w.u8(3).fixed(&first.0[0].0).fixed(&first.0[1].0);
                first.1.write(w);
            }
            Self::Second(share) => share.write(w.u8(4)),
            Self::Stage { number, update } => update.write(w.u8(5).u64(*number)),
            Self::Propose {
                number,
                cut,
                claims,
            } => {
                w.u8(6).u64(*number).u64(cut[0]).u64(cut[1]);
                write_signatures(w, claims);
            }
            Self::Accept {
                number,
                claims,
                share,
                second,
            } => {
                write_signatures(w.u8(7).u64(*number), claims);
                share.write(w);
                write_signatures(w, second);
            }
            Self::Commit {
                number,
                share,
                second,
                revocation,
            } => {
                share.write(w.u8(8).u64(*number));
                write_signatures(w, second);
                revocation.write(w);
            }
            Self::Revoke {
                number,
                revocation,
                keep,
            } => {
                revocation.write(w.u8(9).u64(*number));
                w.flag(*keep);
            }
            Self::Reestablish { number, shown } => {
                w.u8(10).u64(*number);
                w.optional(shown.as_ref(), |w, (number, secret)| {
                    w.u64(*number).scalar(secret);
                });
            }
            Self::Shutdown(script) => {
                w.u8(11).bytes(script.as_bytes());
            }
            Self::CloseNonce(rate, nonce) => {
                w.u8(12).u64(rate.to_sat_per_kwu()).fixed(&nonce.0);
            }
            Self::CloseShare(answer) => {
                answer.1.write(w.u8(13).fixed(&answer.0.0));
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("message")? {
            0 => Self::Offer(Box::new(ChannelOffer::read(r)?)),
            1 => Self::Consent(Box::new((Basepoints::read(r)?, read_points(r)?))),
            2 => Self::Funded(
                r.outpoint(["txid", "vout"])?,
                Box::new([read_nonce(r)?, read_nonce(r)?]),
            ),
            3 => Self::First(Box::new((
                [read_nonce(r)?, read_nonce(r)?],
                CommitmentShare::read(r)?,
            ))),
            4 => Self::Second(Box::new(CommitmentShare::read(r)?)),
            5 => Self::Stage {
                number: r.u64("number")?,
                update: Update::read(r)?,
            },
            6 => Self::Propose {
                number: r.u64("number")?,
                cut: [r.u64("cut")?, r.u64("cut")?],
                claims: read_signatures(r)?,
            },
            7 => Self::Accept {
                number: r.u64("number")?,
                claims: read_signatures(r)?,
                share: CommitmentShare::read(r)?,
                second: read_signatures(r)?,
            },
            8 => Self::Commit {
                number: r.u64("number")?,
                share: CommitmentShare::read(r)?,
                second: read_signatures(r)?,
                revocation: Revocation::read(r)?,
            },
            9 => Self::Revoke {
                number: r.u64("number")?,
                revocation: Revocation::read(r)?,
                keep: r.flag("keep")?,
            },
            10 => Self::Reestablish {
                number: r.u64("number")?,
                shown: r.optional("shown", |r| Ok((r.u64("number")?, r.scalar("secret")?)))?,
            },
            11 => Self::Shutdown(read_script(r)?),
            12 => Self::CloseNonce(
                FeeRate::from_sat_per_kwu(r.u64("fee rate")?),
                Box::new(read_nonce(r)?),
            ),
            13 => {
                let nonce = read_nonce(r)?;
                Self::CloseShare(Box::new((nonce, CommitmentShare::read(r)?)))
            }
            other => return Err(unknown("message", other)),
        })
    }
}
