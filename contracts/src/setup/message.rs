//! What parties send each other during setup.

use crate::{
    graph::Stage,
    musig::{PartialSignature, PublicNonce},
    party::{PartyId, read_party, write_party},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::tagged::tagged_hash_parts;

/// A party's public nonces for everything that it signs, in order of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoncesMessage {
    /// Which ceremony.
    pub session_id: [u8; 32],
    /// Whose nonces.
    pub from: PartyId,
    /// 66 bytes each.
    pub nonces: Vec<PublicNonce>,
}

impl Message for NoncesMessage {
    const KIND: Kind = kinds::NONCES;

    /// The points are checked when they are used.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.session_id);
        write_party(w, self.from);
        w.list(&self.nonces, |w, nonce| {
            w.fixed(&nonce.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<NoncesMessage, DecodeError> {
        Ok(NoncesMessage {
            session_id: r.array("session id")?,
            from: read_party(r, "sender")?,
            nonces: r.list("nonces", 66, |r| r.array("nonce").map(PublicNonce))?,
        })
    }
}

/// Hash of everybody's nonces, in canonical order of the parties.
pub(super) fn transcript<'a>(
    session_id: &[u8; 32],
    nonces: impl Iterator<Item = (&'a PartyId, &'a Vec<PublicNonce>)>,
) -> [u8; 32] {
    let mut w = Writer::new(kinds::NONCE_TABLE);
    for (party, nonces) in nonces {
        write_party(&mut w, *party);
        w.list(nonces, |w, nonce| {
            w.fixed(&nonce.0);
        });
    }
    tagged_hash_parts("narthex/nonces", &[session_id, &w.finish()])
}

/// A party's shares of one stage for one other party, in order of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharesMessage {
    /// Which ceremony.
    pub session_id: [u8; 32],
    /// Hash of all nonces as the signer saw them: shares made with other nonces are nobody's proof.
    pub transcript: [u8; 32],
    /// Signer.
    pub from: PartyId,
    /// Who is to hold them.
    pub to: PartyId,
    /// The stage.
    pub stage: Stage,
    /// 32 bytes each.
    pub shares: Vec<PartialSignature>,
}

impl Message for SharesMessage {
    const KIND: Kind = kinds::SHARES;

    /// Whether there is such a stage is checked when the message is taken, the shares when the stage is closed.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.session_id).fixed(&self.transcript);
        write_party(w, self.from);
        write_party(w, self.to);
        w.u8(self.stage.0).list(&self.shares, |w, share| {
            w.fixed(&share.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<SharesMessage, DecodeError> {
        let session_id = r.array("session id")?;
        let transcript = r.array("transcript")?;
        let from = read_party(r, "sender")?;
        let to = read_party(r, "addressee")?;
        let stage = Stage(r.u8("stage")?);
        Ok(SharesMessage {
            session_id,
            transcript,
            from,
            to,
            stage,
            shares: r.list("shares", 32, |r| r.array("share").map(PartialSignature))?,
        })
    }
}
