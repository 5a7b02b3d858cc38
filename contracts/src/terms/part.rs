//! What parties send each other to agree on terms: each its part, and whoever puts them together all of them.

use std::collections::BTreeMap;

use bitcoin::{
    FeeRate,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::PublicKey,
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_game_model::Params;

use super::{
    Contribution, MAX_ARBITERS, PaperRecord, PartyRecord, Role, SecretPoint, TermsRecord,
    role::read_role,
};
use crate::{funding::read_script, party::write_party};

/// One party's part of the terms, as it sends it. Whoever puts the terms together reads no other bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose part it is.
    pub role: Role,
    /// Key, salt, payout script and coins.
    pub record: PartyRecord,
    /// An arbiter's identity key.
    pub identity: Option<XOnlyPublicKey>,
    /// The worker's result point.
    pub result: Option<SecretPoint>,
    /// The worker's token point.
    pub token: Option<SecretPoint>,
    /// The worker's appeal point (`paper` template).
    pub appeal: Option<SecretPoint>,
    /// The verifier's commitment to its sample nonce.
    pub sample_nonce: Option<sha256::Hash>,
}

/// All parts, and what the parties agreed on before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembly {
    /// Hash of the parameters.
    pub params_hash: [u8; 32],
    /// The job.
    pub job: sha256::Hash,
    /// Fee rate of the funding, in whole sat a kwu on the wire.
    pub funding_rate: FeeRate,
    /// Point of the panel's shared secret (`paper` template).
    pub panel: Option<PublicKey>,
    /// Everybody's part, in canonical order.
    pub parts: Vec<Part>,
}

/// Why parts make no terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssemblyError {
    /// Nothing came of this role. The fault of whoever puts the terms together.
    #[error("there is no part of {role}")]
    NoPart {
        /// Whose.
        role: Role,
    },
    /// Two parts of one role, or one of a role that the contract does not have. The same one's fault.
    #[error("there is a part of {role} too many")]
    Surplus {
        /// Whose.
        role: Role,
    },
    /// The party left out what only it can bring. Its fault.
    #[error("the part of {role} lacks its {what}")]
    Lacks {
        /// Whose part.
        role: Role,
        /// What is missing.
        what: &'static str,
    },
    /// These are parts for other parameters. The fault of whoever puts the terms together.
    #[error("the terms are about other parameters")]
    OtherParams,
}

impl AssemblyError {
    /// Whose part is wrong, where it is one party's.
    pub const fn at_fault(&self) -> Option<Role> {
        match self {
            AssemblyError::Lacks { role, .. } => Some(*role),
            _ => None,
        }
    }
}

impl Assembly {
    /// The terms that the parts make, unchecked: [`TermsDraft::new`](super::TermsDraft::new) checks them.
    ///
    /// # Errors
    /// [`AssemblyError`].
    pub fn record(&self, params: &Params) -> Result<TermsRecord, AssemblyError> {
        if self.params_hash != params.hash() {
            return Err(AssemblyError::OtherParams);
        }
        let mut parts = BTreeMap::new();
        for part in &self.parts {
            let role = part.role;
            if parts.insert(role, part).is_some() {
                return Err(AssemblyError::Surplus { role });
            }
        }
        let mut take = |role| parts.remove(&role).ok_or(AssemblyError::NoPart { role });
        let (client, worker, verifier) = (
            take(Role::Client)?,
            take(Role::Worker)?,
            take(Role::Verifier)?,
        );
        let mut arbiters = Vec::new();
        for i in 0..params.arbiters() {
            let part = take(Role::Arbiter(i))?;
            let identity = had(part, part.identity, "identity key")?;
            arbiters.push(part.record.clone().seated(identity));
        }
        if let Some((role, _)) = parts.pop_first() {
            return Err(AssemblyError::Surplus { role });
        }
        let paper = match self.panel {
            None => None,
            Some(panel) => Some(PaperRecord {
                appeal: had(worker, worker.appeal, "appeal point")?,
                panel,
            }),
        };
        Ok(TermsRecord {
            params: params.record().clone(),
            client: client.record.clone(),
            worker: worker.record.clone(),
            verifier: verifier.record.clone(),
            arbiters,
            job: self.job,
            sample_nonce: had(verifier, verifier.sample_nonce, "sample nonce")?,
            result: had(worker, worker.result, "result point")?,
            token: worker.token,
            paper,
            funding_rate_sat_per_kwu: self.funding_rate,
            host: None,
        })
    }
}

fn had<T>(part: &Part, field: Option<T>, what: &'static str) -> Result<T, AssemblyError> {
    let role = part.role;
    field.ok_or(AssemblyError::Lacks { role, what })
}

impl Message for Part {
    const KIND: Kind = kinds::PART;

    /// Role, key (33), salt (32), payout script, coins and change, and of the rest what the role brings.
    fn write(&self, w: &mut Writer) {
        write_party(w, self.role.into());
        let record = &self.record;
        w.point(&record.key)
            .fixed(record.salt.as_byte_array())
            .bytes(record.payout.as_bytes());
        record.funding.write(w);
        let write_point = |w: &mut Writer, point: &SecretPoint| {
            w.point(&point.point).signature(&point.proof);
        };
        w.optional(self.identity.as_ref(), |w, key| {
            w.key(key);
        });
        for point in [&self.result, &self.token, &self.appeal] {
            w.optional(point.as_ref(), write_point);
        }
        w.optional(self.sample_nonce.as_ref(), |w, nonce| {
            w.fixed(nonce.as_byte_array());
        });
    }

    /// What it says is looked at where terms are checked.
    fn read(r: &mut Reader<'_>) -> Result<Part, DecodeError> {
        let role = read_role(r, "role")?;
        let record = PartyRecord {
            key: r.point("key")?,
            salt: sha256::Hash::from_byte_array(r.array("salt")?),
            payout: read_script(r, "payout script")?,
            funding: Contribution::read(r)?,
        };
        let point = |r: &mut Reader<'_>, field| {
            r.optional(field, |r| {
                let (point, proof) = (r.point(field)?, r.signature(field)?);
                Ok(SecretPoint { point, proof })
            })
        };
        Ok(Part {
            role,
            record,
            identity: r.optional("identity", |r| r.key("identity"))?,
            result: point(r, "result point")?,
            token: point(r, "token point")?,
            appeal: point(r, "appeal point")?,
            sample_nonce: r.optional("sample nonce", |r| {
                Ok(sha256::Hash::from_byte_array(r.array("sample nonce")?))
            })?,
        })
    }
}

impl Message for Assembly {
    const KIND: Kind = kinds::ASSEMBLY;

    /// Hash of the parameters (32), job (32), fee rate in sat a kwu (8), the panel's point where there is one, the parts.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.params_hash)
            .fixed(self.job.as_byte_array())
            .u64(self.funding_rate.to_sat_per_kwu());
        w.optional(self.panel.as_ref(), |w, point| {
            w.point(point);
        });
        w.list(&self.parts, |w, part| {
            w.message(part);
        });
    }

    /// What it says is looked at where terms are checked.
    fn read(r: &mut Reader<'_>) -> Result<Assembly, DecodeError> {
        Ok(Assembly {
            params_hash: r.array("parameters")?,
            job: sha256::Hash::from_byte_array(r.array("job")?),
            funding_rate: FeeRate::from_sat_per_kwu(r.u64("fee rate")?),
            panel: r.optional("panel", |r| r.point("panel"))?,
            parts: r.list_up_to(
                "parts",
                80,
                Role::PRINCIPALS.len() + usize::from(MAX_ARBITERS),
                |r| r.message::<Part>("part"),
            )?,
        })
    }
}
