//! Signatures that were put together by one party and go whole to another.

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};

use super::{Agreement, ContractSignatures, SignaturesError, plan::context, signatures::Held};
use crate::{graph::NodeId, musig::AdaptorSignature};

/// A whole signature, put together by one who had all shares and handed over to one that had not. Under a point it is an
/// adaptor signature.
#[derive(Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// What was signed about.
    pub agreement_id: [u8; 32],
    /// Position in the plan.
    pub item: u32,
    /// The signature.
    pub signature: AdaptorSignature,
}

impl std::fmt::Debug for HandedOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandedOver")
            .field("item", &self.item)
            .finish_non_exhaustive()
    }
}

impl Message for HandedOver {
    const KIND: Kind = kinds::HANDED_OVER;

    /// Agreement (32), item, signature; 105 bytes in all.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.agreement_id)
            .u32(self.item)
            .fixed(&self.signature.0);
    }

    /// [`ContractSignatures::take`] checks what it says.
    fn read(r: &mut Reader<'_>) -> Result<HandedOver, DecodeError> {
        Ok(HandedOver {
            agreement_id: r.array("agreement id")?,
            item: r.u32("item")?,
            signature: AdaptorSignature(r.array("signature")?),
        })
    }
}

impl<T: Agreement> ContractSignatures<T> {
    /// The whole signatures of a transaction, for a party that has none of its own. Whoever relies on the transaction's
    /// point has them first, and hands them over then: what is published later gives the secret to who has the signature.
    ///
    /// # Errors
    /// [`SignaturesError::Waiting`] or [`SignaturesError::NotHeld`] as long as they are not whole.
    pub fn hand_over(&self, node: NodeId) -> Result<Vec<HandedOver>, SignaturesError> {
        let mut whole = Vec::new();
        for (i, item) in self.items(node) {
            whole.push(HandedOver {
                agreement_id: *self.terms.id(),
                item: i as u32,
                signature: self.complete_entry(node, i, item)?.1,
            });
        }
        match whole.is_empty() {
            true => Err(self.not_held(node)),
            false => Ok(whole),
        }
    }

    /// Takes a whole signature, after checking it. The same again changes nothing.
    ///
    /// # Errors
    /// [`SignaturesError::FalseSignature`]; [`SignaturesError::OtherAgreement`] if it is of another agreement.
    pub fn take(&mut self, handed: &HandedOver) -> Result<(), SignaturesError> {
        if handed.agreement_id != *self.terms.id() {
            return Err(SignaturesError::OtherAgreement);
        }
        let index = handed.item as usize;
        let (item, plan) = (self.plan.items().get(index), &self.plan);
        let transaction = match item {
            Some(item) => self.name(item.node),
            None => format!("#{index} of {}", plan.items().len()),
        };
        let false_signature = || SignaturesError::FalseSignature { transaction };
        let checked = item.and_then(|item| {
            let (keys, point) = context(&self.graph, item).ok()?;
            let is_good = handed
                .signature
                .verify(&keys.output_key(), &item.message, point);
            is_good.ok()
        });
        checked.ok_or_else(false_signature)?;
        let held = match self.held.get(&index) {
            Some(Held::Withheld(share) | Held::CompleteAndWithheld(_, share)) => {
                Held::CompleteAndWithheld(handed.signature, *share)
            }
            _ => Held::Complete(handed.signature),
        };
        self.held.insert(index, held);
        Ok(())
    }
}
