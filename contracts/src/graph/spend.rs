//! What it takes to spend: known before anything is signed, and before the fee is.

use bitcoin::{Weight, Witness, hashes::sha256, secp256k1::schnorr};

use super::{GraphBuilder, KeySetId, Node, NodeId, NodeInput, SecretId, Spend, TxGraph};

/// One signature that an input wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slot {
    /// Which input.
    pub input: u32,
    /// Its place among the signatures of the input: those of a leaf's signers in their order, then those of its
    /// releasers. A key path has one, at 0.
    pub place: u16,
    /// Who signs.
    pub keys: KeySetId,
    /// Whether it covers the coin and the leaf alone ([`Leaf::releasers`](super::Leaf::releasers)).
    pub release: bool,
}

/// From when on a transaction is valid, once its coins are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Locks {
    /// In blocks above this height (nLockTime); 0 for no lock.
    pub height: u32,
    /// So many blocks after its coins (BIP68), the longest of its inputs; 0 for no lock.
    pub blocks: u16,
}

/// All that spending by a transaction takes. It does not depend on the fee: who is to pay one out of the coin learns the
/// weight here, and builds the transaction once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpendPlan {
    /// Weight with all witnesses, at most: wallets may sign shorter.
    pub weight: Weight,
    /// When it is valid.
    pub locks: Locks,
    /// The signatures, in order of the inputs. Inputs that wallets sign have none here.
    pub keys: Vec<Slot>,
    /// The secrets whose sum completes the signatures.
    pub secrets: Vec<SecretId>,
    /// The hashes whose preimages leaves want, in order of the inputs.
    pub hashes: Vec<sha256::Hash>,
}

impl GraphBuilder {
    /// What a transaction takes, whether it is put into the graph or not; `None` if it refers to what the graph does
    /// not have. Its values are not looked at.
    pub fn plan(&self, node: &Node) -> Option<SpendPlan> {
        self.0.plan_of(node)
    }
}

impl TxGraph {
    /// What a transaction takes; `None` for an index of another graph.
    pub fn spend_plan(&self, id: NodeId) -> Option<SpendPlan> {
        self.plan_of(self.node(id)?)
    }

    fn plan_of(&self, node: &Node) -> Option<SpendPlan> {
        let mut hashes = Vec::new();
        for input in &node.inputs {
            if let Spend::Leaf(id) = input.spend {
                hashes.extend(&self.leaf(id)?.hashes);
            }
        }
        let adaptor = node.signing.and_then(|signing| signing.adaptor);
        let adaptor = adaptor.map(|id| self.adaptor(id).ok_or(()));
        let secrets = adaptor.transpose().ok()?.map(|a| a.needs.clone());
        Some(SpendPlan {
            weight: self.node_weight(node),
            locks: Locks {
                height: node.lock_height,
                blocks: TxGraph::relative_lock_blocks(node),
            },
            keys: self.slots(node)?,
            secrets: secrets.unwrap_or_default(),
            hashes,
        })
    }

    /// The signatures of a transaction, in order of its inputs.
    pub(crate) fn slots(&self, node: &Node) -> Option<Vec<Slot>> {
        let mut slots = Vec::with_capacity(node.inputs.len());
        for (at, input) in (0u32..).zip(&node.inputs) {
            let slot = |place, keys, release| Slot {
                input: at,
                place,
                keys,
                release,
            };
            match input.spend {
                Spend::Wallet(_) => {}
                Spend::KeyPath(keys) => slots.push(slot(0, keys, false)),
                Spend::Leaf(id) => {
                    let leaf = self.leaf(id)?;
                    let signers = leaf.signers.iter().map(|keys| (*keys, false));
                    let all = signers.chain(leaf.releasers.iter().map(|keys| (*keys, true)));
                    slots.extend(
                        (0u16..)
                            .zip(all)
                            .map(|(i, (k, release))| slot(i, k, release)),
                    );
                }
            }
        }
        Some(slots)
    }

    /// How many preimages an input wants.
    pub(crate) fn preimages(&self, input: &NodeInput) -> usize {
        match input.spend {
            Spend::Leaf(id) => self.leaf(id).map_or(0, |leaf| leaf.hashes.len()),
            Spend::KeyPath(_) | Spend::Wallet(_) => 0,
        }
    }

    /// The signature at a place of a finished input's witness.
    pub(crate) fn signature_in(
        &self,
        input: &NodeInput,
        place: u16,
        witness: &Witness,
    ) -> Option<schnorr::Signature> {
        let at = match input.spend {
            Spend::KeyPath(_) => 0,
            Spend::Wallet(_) => return None,
            // The stack: preimages, then signatures, both in reverse, script and control block.
            Spend::Leaf(id) => {
                let leaf = self.leaf(id)?;
                let last = (leaf.signers.len() + leaf.releasers.len()).checked_sub(1)?;
                leaf.hashes.len() + last.checked_sub(place.into())?
            }
        };
        let bytes = witness.nth(at)?;
        // A releaser's has a sighash byte behind it.
        schnorr::Signature::from_slice(bytes.get(..64)?).ok()
    }
}
