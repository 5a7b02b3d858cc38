//! Who a party is. Terms name contract keys and nobody's identity, and a node is known by its own key: an [`Enrolment`] ties the
//! two together for one contract and one role. Both keys sign one statement, so that neither can be claimed by who has
//! the other alone.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Keypair, PublicKey, Secp256k1, Verification, schnorr},
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    statement,
    tagged::tagged_hash_parts,
};

use crate::{
    party::PartyId,
    terms::{Role, TermsDraft, read_role},
};

/// What somebody enrols for. An enrolment for one counts for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A negotiation, before there are terms, by its id; or the draw of a panel or a verifier, by that of its case.
    Negotiation([u8; 32]),
    /// A contract, by its id.
    Contract([u8; 32]),
}

impl Scope {
    fn byte(&self) -> u8 {
        match self {
            Scope::Negotiation(_) => 0,
            Scope::Contract(_) => 1,
        }
    }

    /// The id.
    pub fn id(&self) -> &[u8; 32] {
        match self {
            Scope::Negotiation(id) | Scope::Contract(id) => id,
        }
    }
}

/// One of the two keys of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolledKey {
    /// By which the party's node is known.
    Node,
    /// That terms name.
    Contract,
}

impl std::fmt::Display for EnrolledKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            EnrolledKey::Node => "node key",
            EnrolledKey::Contract => "contract key",
        })
    }
}

/// Why an enrolment does not hold. Whoever sent it is at fault, but for [`EnrolmentFault::OtherContractKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolmentFault {
    /// It is for another negotiation or contract: perhaps shown a second time.
    #[error("whoever sent it enrolled for another negotiation or contract")]
    OtherScope {
        /// What it is for.
        found: Scope,
    },
    /// It is for another role.
    #[error("whoever sent it enrolled as {found}, not as {wanted}")]
    OtherRole {
        /// What it is for.
        found: Role,
        /// What it was shown for.
        wanted: Role,
    },
    /// One key in both places. A contract key is made for one contract; a node key is not.
    #[error("whoever sent it enrols one key, {key}, as node key and as contract key")]
    OneKey {
        /// The key.
        key: XOnlyPublicKey,
    },
    /// A key that somebody else has.
    #[error("the {whose} {key} did not sign; whoever sent it claims a key that it does not have")]
    Unsigned {
        /// Which of the two.
        whose: EnrolledKey,
        /// The key.
        key: PublicKey,
    },
    /// Terms name another contract key for the role. Who put the terms together is at fault.
    #[error("the terms name another key for {role} than {enrolled}, which has enrolled")]
    OtherContractKey {
        /// Whose key.
        role: Role,
        /// The key enrolled.
        enrolled: PublicKey,
    },
}

/// A node key and a contract key that sign each other, for one role in one negotiation or contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enrolment {
    /// What it is for.
    pub scope: Scope,
    /// As whom.
    pub role: Role,
    /// Key by which the party's node is known; of who was drawn from bonded offers the identity of its offer.
    pub node: PublicKey,
    /// Key that terms name.
    pub key: PublicKey,
    /// BIP340 signature by the node key.
    pub by_node: schnorr::Signature,
    /// BIP340 signature by the contract key, over the same.
    pub by_key: schnorr::Signature,
}

impl Enrolment {
    /// Signs with both keys.
    ///
    /// # Errors
    /// [`EnrolmentFault::OneKey`].
    pub fn sign(
        scope: Scope,
        role: Role,
        node: &Keypair,
        key: &Keypair,
    ) -> Result<Enrolment, EnrolmentFault> {
        let digest = statement_of(&scope, role, &node.public_key(), &key.public_key());
        let enrolment = Enrolment {
            scope,
            role,
            node: node.public_key(),
            key: key.public_key(),
            by_node: statement::sign(&digest, node),
            by_key: statement::sign(&digest, key),
        };
        enrolment.two_keys()?;
        Ok(enrolment)
    }

    /// Whether somebody who has both keys enrolled, in this role, for this negotiation or contract.
    ///
    /// # Errors
    /// [`EnrolmentFault`], naming what differs.
    pub fn check(&self, scope: &Scope, role: Role) -> Result<(), EnrolmentFault> {
        self.check_in(narthex_base::context::verifying(), scope, role)
    }

    /// The same in a context that the caller has already.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_in<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        scope: &Scope,
        role: Role,
    ) -> Result<(), EnrolmentFault> {
        if self.scope != *scope {
            return Err(EnrolmentFault::OtherScope { found: self.scope });
        }
        if self.role != role {
            return Err(EnrolmentFault::OtherRole {
                found: self.role,
                wanted: role,
            });
        }
        self.two_keys()?;
        let digest = statement_of(&self.scope, self.role, &self.node, &self.key);
        for (whose, key, signature) in [
            (EnrolledKey::Node, self.node, &self.by_node),
            (EnrolledKey::Contract, self.key, &self.by_key),
        ] {
            let signer = key.x_only_public_key().0;
            let signed = statement::verify_in(secp, &digest, signature, &signer);
            signed.map_err(|_| EnrolmentFault::Unsigned { whose, key })?;
        }
        Ok(())
    }

    /// Whether the terms name the contract key that was enrolled, in the role that it was enrolled for.
    ///
    /// # Errors
    /// [`EnrolmentFault::OtherContractKey`]; who put the terms together is at fault.
    pub fn check_terms(&self, terms: &TermsDraft) -> Result<(), EnrolmentFault> {
        match terms.key(self.role) == Some(self.key) {
            true => Ok(()),
            false => Err(EnrolmentFault::OtherContractKey {
                role: self.role,
                enrolled: self.key,
            }),
        }
    }

    fn two_keys(&self) -> Result<(), EnrolmentFault> {
        let key = self.node.x_only_public_key().0;
        match key == self.key.x_only_public_key().0 {
            true => Err(EnrolmentFault::OneKey { key }),
            false => Ok(()),
        }
    }
}

impl Message for Enrolment {
    const KIND: Kind = kinds::ENROLMENT;

    /// Negotiation 0 or contract 1 (1), its id (32), role (1: client 0, worker 1, verifier 2, arbiter i 3 + i), node key (33),
    /// contract key (33), signature by the node key (64), by the contract key (64).
    fn write(&self, w: &mut Writer) {
        w.u8(self.scope.byte())
            .fixed(self.scope.id())
            .u8(PartyId::from(self.role).0)
            .point(&self.node)
            .point(&self.key)
            .signature(&self.by_node)
            .signature(&self.by_key);
    }

    fn read(r: &mut Reader<'_>) -> Result<Enrolment, DecodeError> {
        let (scope, id) = (r.u8("scope")?, r.array("negotiation or contract")?);
        Ok(Enrolment {
            scope: match scope {
                0 => Scope::Negotiation(id),
                1 => Scope::Contract(id),
                other => return Err(DecodeError::invalid("scope", other)),
            },
            role: read_role(r, "role")?,
            node: r.point("node key")?,
            key: r.point("contract key")?,
            by_node: r.signature("signature by the node key")?,
            by_key: r.signature("signature by the contract key")?,
        })
    }
}

/// What both keys sign. All fields have fixed lengths; the keys are whole, so that the parity of each is signed too.
fn statement_of(scope: &Scope, role: Role, node: &PublicKey, key: &PublicKey) -> [u8; 32] {
    tagged_hash_parts(
        "narthex/enrolment",
        &[
            &[scope.byte()],
            scope.id(),
            &[PartyId::from(role).0],
            &node.serialize(),
            &key.serialize(),
        ],
    )
}
