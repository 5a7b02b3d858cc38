//! What parties send each other during setup.

use crate::{
    graph::Stage,
    musig::{PartialSignature, PublicNonce},
    role::Role,
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
    pub from: Role,
    /// 66 bytes each.
    pub nonces: Vec<PublicNonce>,
}

impl Message for NoncesMessage {
    const KIND: Kind = kinds::NONCES;

    /// The points are checked when they are used.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.session_id);
        write_role(w, self.from);
        w.list(&self.nonces, |w, nonce| {
            w.fixed(&nonce.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<NoncesMessage, DecodeError> {
        Ok(NoncesMessage {
            session_id: r.array("session id")?,
            from: read_role(r, "sender")?,
            nonces: r.list("nonces", 66, |r| r.array("nonce").map(PublicNonce))?,
        })
    }
}

/// Hash of everybody's nonces, in canonical order of the parties.
pub(super) fn transcript<'a>(
    session_id: &[u8; 32],
    nonces: impl Iterator<Item = (&'a Role, &'a Vec<PublicNonce>)>,
) -> [u8; 32] {
    let mut w = Writer::new(kinds::NONCE_TABLE);
    for (role, nonces) in nonces {
        write_role(&mut w, *role);
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
    pub from: Role,
    /// Who is to hold them.
    pub to: Role,
    /// The stage.
    pub stage: Stage,
    /// 32 bytes each.
    pub shares: Vec<PartialSignature>,
}

impl Message for SharesMessage {
    const KIND: Kind = kinds::SHARES;

    /// The shares are checked when the stage is closed.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.session_id).fixed(&self.transcript);
        write_role(w, self.from);
        write_role(w, self.to);
        w.u8(self.stage as u8).list(&self.shares, |w, share| {
            w.fixed(&share.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<SharesMessage, DecodeError> {
        let session_id = r.array("session id")?;
        let transcript = r.array("transcript")?;
        let from = read_role(r, "sender")?;
        let to = read_role(r, "addressee")?;
        let stage = r.u8("stage")?;
        let stage = *Stage::ALL
            .get(usize::from(stage))
            .ok_or_else(|| DecodeError::invalid("stage", stage))?;
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

pub(super) fn write_role(w: &mut Writer, role: Role) {
    w.u8(role.index() as u8);
}

pub(super) fn read_role(r: &mut Reader<'_>, field: &'static str) -> Result<Role, DecodeError> {
    let index = r.u8(field)?;
    Role::from_index(index.into()).ok_or_else(|| DecodeError::invalid(field, index))
}
