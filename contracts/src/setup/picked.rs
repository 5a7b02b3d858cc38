//! Whole signatures of some transactions, apart from everything else that a party holds.

use std::{collections::BTreeMap, sync::Arc};

use super::{Agreement, ContractSignatures, Plan, RestoreError, SignaturesError, signatures::Held};
use crate::{
    graph::{NodeId, TxGraph},
    musig::AdaptorSignature,
    party::PartyName,
};

impl<T: Agreement> ContractSignatures<T> {
    /// The whole signatures of one transaction, one for each that its inputs need, in the order of the plan. Under a point they
    /// complete nothing without its secret. Shares that are withheld stay where they are.
    ///
    /// # Errors
    /// [`SignaturesError`] if this party does not hold all of them.
    pub fn pick(&self, node: NodeId) -> Result<Vec<AdaptorSignature>, SignaturesError> {
        let items: Vec<_> = self.items(node).collect();
        if items.is_empty() {
            return Err(self.not_held(node));
        }
        let whole = items.into_iter();
        let whole = whole.map(|(i, item)| Ok(self.complete_entry(node, i, item)?.1));
        whole.collect()
    }

    /// What a party holds to whom nothing was given but these, with the graph that it has derived from the terms alone: every
    /// signature is verified against what it signs there.
    ///
    /// # Errors
    /// [`RestoreError::Damaged`]: signatures that do not verify, too many or too few of a transaction, one that is not in the graph or is
    /// named twice.
    pub fn of_picked(
        (terms, graph): (Arc<T>, Arc<TxGraph>),
        me: PartyName,
        picked: &[(NodeId, Vec<AdaptorSignature>)],
    ) -> Result<ContractSignatures<T>, RestoreError> {
        let plan = Arc::new(Plan::new(&graph)?);
        let none = BTreeMap::new();
        let mut all = ContractSignatures::new(terms, graph, plan, me, none);
        for (node, signatures) in picked {
            let places: Vec<_> = all.items(*node).map(|(i, _)| i).collect();
            if places.is_empty() || places.len() != signatures.len() {
                return Err(RestoreError::Damaged);
            }
            for (place, signature) in places.into_iter().zip(signatures) {
                let held = Held::Complete(*signature);
                if all.held.insert(place, held).is_some() {
                    return Err(RestoreError::Damaged);
                }
            }
        }
        all.verify().map_err(|_| RestoreError::Damaged)?;
        Ok(all)
    }
}
