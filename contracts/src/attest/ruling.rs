//! One ruling of a case for ever: bound on disk before its signature exists.

use bitcoin::key::XOnlyPublicKey;
use narthex_game_model::Ruling;

use super::attestation::ruling_message;
use crate::binding::{BindError, Bindings, Mark};

/// What a case of an arbiter is bound as.
const PURPOSE: &str = "ruling";

/// A ruling that an arbiter has bound its case to, durably. [`Attester::attest`](super::Attester::attest) takes nothing else.
///
/// The nonce of a contract can be derived again, so that an arbiter that was restarted can attest; two rulings under it
/// give the identity key away, and the bond with it. So what it attests is written down first, and the record decides
/// from then on, whatever the evidence looks like the second time. The same ruling can be bound again, and gives the same
/// signature. It can be neither copied nor read from anywhere:
///
/// ```compile_fail
/// fn copied<T: Clone>() {}
/// copied::<narthex_contracts::attest::BoundRuling>();
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct BoundRuling {
    contract_id: [u8; 32],
    identity: XOnlyPublicKey,
    ruling: Ruling,
}

impl BoundRuling {
    /// Binds the case of this contract and identity to `ruling`, for ever. Durable on return, before anything is signed.
    ///
    /// # Errors
    /// [`RulingError::Contradicts`] if the record has the other ruling: nothing is signed, and the one that was bound
    /// can still be. [`RulingError::Bind`] if the record cannot be written, or has something else under this case.
    pub fn bind(
        contract_id: &[u8; 32],
        identity: &XOnlyPublicKey,
        ruling: Ruling,
        store: &mut dyn Bindings,
    ) -> Result<BoundRuling, RulingError> {
        let case = [&contract_id[..], &identity.serialize()].concat();
        let id = |ruling| ruling_message(contract_id, ruling);
        match store.bind(Mark::of(PURPOSE, &case), id(ruling)) {
            Ok(()) => {}
            // It has been found in the record, so it is as durable as when it was written.
            Err(BindError::Used { bound_to, .. }) if bound_to == id(ruling) => {}
            Err(BindError::Used { mark, bound_to }) => {
                let bound = Ruling::ALL.into_iter().find(|r| id(*r) == bound_to);
                return Err(match bound {
                    Some(bound) => RulingError::Contradicts {
                        bound,
                        asked: ruling,
                    },
                    None => BindError::Used { mark, bound_to }.into(),
                });
            }
            Err(error) => return Err(error.into()),
        }
        Ok(BoundRuling {
            contract_id: *contract_id,
            identity: *identity,
            ruling,
        })
    }

    /// The ruling.
    pub fn ruling(&self) -> Ruling {
        self.ruling
    }

    /// Whether it was bound for this contract and identity.
    pub(super) fn is_of(&self, contract_id: &[u8; 32], identity: &XOnlyPublicKey) -> bool {
        self.contract_id == *contract_id && self.identity == *identity
    }
}

/// Why an arbiter attests nothing. Its own matter: no party is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulingError {
    /// The case is bound to the other ruling.
    #[error(
        "this case is bound to the ruling that {} is at fault; attesting that {} is would give the identity key away", party(*bound), party(*asked)
    )]
    Contradicts {
        /// The ruling in the record.
        bound: Ruling,
        /// The ruling asked for now.
        asked: Ruling,
    },
    /// The record cannot be written, or holds something else.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The ruling was bound for another contract or identity than the nonce and the key are of.
    #[error("the ruling was bound for another case than it is to be attested in")]
    OtherCase,
    /// The signature degenerates, once in 2¹²⁸ cases.
    #[error("no signature comes of this key and nonce")]
    Degenerate,
}

fn party(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::WorkerAtFault => "the worker",
        Ruling::VerifierAtFault => "the verifier",
    }
}
