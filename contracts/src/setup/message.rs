//! What parties send each other during setup.

use crate::{
    graph::Stage,
    musig::{PartialSignature, PublicNonce},
    role::Role,
};
use narthex_base::codec::{DecodeError, Reader, Writer};
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

/// Hash of everybody's nonces, in canonical order of the parties.
pub(super) fn transcript<'a>(
    session_id: &[u8; 32],
    nonces: impl Iterator<Item = (&'a Role, &'a Vec<PublicNonce>)>,
) -> [u8; 32] {
    let mut w = Writer::new(kinds::NONCE_TABLE);
    for (role, nonces) in nonces {
        write_role(&mut w, *role);
        w.u32(nonces.len() as u32);
        for nonce in nonces {
            w.fixed(&nonce.0);
        }
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

const NONCES: Kind = kinds::NONCES;
const SHARES: Kind = kinds::SHARES;

pub(super) fn write_role(w: &mut Writer, role: Role) {
    w.u8(role.index() as u8);
}

pub(super) fn read_role(r: &mut Reader<'_>, field: &'static str) -> Result<Role, DecodeError> {
    let index = r.u8(field)?;
    Role::from_index(index.into()).ok_or_else(|| DecodeError::invalid(field, index))
}

impl NoncesMessage {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(NONCES);
        w.fixed(&self.session_id);
        write_role(&mut w, self.from);
        w.u32(self.nonces.len() as u32);
        for nonce in &self.nonces {
            w.fixed(&nonce.0);
        }
        w.finish()
    }

    /// From bytes; the points are checked when they are used.
    pub fn from_bytes(bytes: &[u8]) -> Result<NoncesMessage, DecodeError> {
        let mut r = Reader::new(NONCES, bytes)?;
        let session_id = r.array("session id")?;
        let from = read_role(&mut r, "sender")?;
        let nonces = (0..r.count("nonces", 66)?)
            .map(|_| r.array("nonce").map(PublicNonce))
            .collect::<Result<_, _>>()?;
        r.finish()?;
        Ok(NoncesMessage {
            session_id,
            from,
            nonces,
        })
    }
}

impl SharesMessage {
    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new(SHARES);
        w.fixed(&self.session_id).fixed(&self.transcript);
        write_role(&mut w, self.from);
        write_role(&mut w, self.to);
        w.u8(self.stage as u8).u32(self.shares.len() as u32);
        for share in &self.shares {
            w.fixed(&share.0);
        }
        w.finish()
    }

    /// From bytes; the shares are checked when the stage is closed.
    pub fn from_bytes(bytes: &[u8]) -> Result<SharesMessage, DecodeError> {
        let mut r = Reader::new(SHARES, bytes)?;
        let session_id = r.array("session id")?;
        let transcript = r.array("transcript")?;
        let from = read_role(&mut r, "sender")?;
        let to = read_role(&mut r, "addressee")?;
        let stage = r.u8("stage")?;
        let stage = *Stage::ALL
            .get(usize::from(stage))
            .ok_or_else(|| DecodeError::invalid("stage", stage))?;
        let shares = (0..r.count("shares", 32)?)
            .map(|_| r.array("share").map(PartialSignature))
            .collect::<Result<_, _>>()?;
        r.finish()?;
        Ok(SharesMessage {
            session_id,
            transcript,
            from,
            to,
            stage,
            shares,
        })
    }
}
