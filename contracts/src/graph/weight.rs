//! Weights of the transactions of a graph, known before anything is signed.

use bitcoin::{Script, Transaction, Weight};

use super::{Leaf, Node, NodeId, Source, Spend, TxGraph};

/// Largest version 3 transaction that is relayed (BIP431), in vB.
pub const MAX_TRUC_VBYTES: u64 = 10_000;

/// Largest child of an unconfirmed version 3 transaction (BIP431), in vB.
pub const MAX_CHILD_VBYTES: u64 = 1_000;

/// Witness of a key-path spend with SIGHASH_DEFAULT: count (1), length (1), signature (64).
const KEY_PATH_WITNESS: u64 = 66;

/// Witness of a P2WPKH spend: count (1), length (1), DER signature of at most 72 with its sighash byte, length
/// (1), key (33). Wallets grind for a low r, so that 72 is an upper bound that most miss by one.
const P2WPKH_WITNESS: u64 = 1 + 1 + 72 + 1 + 33;

/// Weight of the witness that spends `script`, for the single-key script types; `None` for others.
pub fn satisfaction_weight(script: &Script) -> Option<Weight> {
    if script.is_p2tr() {
        Some(Weight::from_wu(KEY_PATH_WITNESS))
    } else if script.is_p2wpkh() {
        Some(Weight::from_wu(P2WPKH_WITNESS))
    } else {
        None
    }
}

/// Weight of a transaction with the witnesses that it does not have yet, one for each input.
pub fn signed_weight(
    unsigned: &Transaction,
    witnesses: impl IntoIterator<Item = Weight>,
) -> Weight {
    // Marker and flag.
    unsigned.weight() + Weight::from_wu(2) + witnesses.into_iter().sum::<Weight>()
}

impl TxGraph {
    /// Weight of a transaction with all its witnesses, in weight units.
    pub fn weight(&self, id: NodeId) -> Option<Weight> {
        self.node(id).map(|node| self.node_weight(node))
    }

    /// Virtual size in vB, rounded up.
    pub(super) fn vsize(&self, node: &Node) -> u64 {
        self.node_weight(node).to_vbytes_ceil()
    }

    pub(super) fn node_weight(&self, node: &Node) -> Weight {
        // Version 4, input and output counts, lock time 4; outpoint 36, empty script 1, sequence 4; value 8.
        let mut base = 4
            + varint(node.inputs.len())
            + varint(node.outputs.len())
            + 4
            + 41 * node.inputs.len() as u64;
        for output in &node.outputs {
            let len = self.script(output.script).map_or(0, |s| s.script.len());
            base += 8 + varint(len) + len as u64;
        }
        // Segwit marker and flag.
        let mut witness = 2;
        for input in &node.inputs {
            witness += match (&input.spend, &input.source) {
                (Spend::Wallet(_), Source::External { prevout, .. }) => {
                    satisfaction_weight(&prevout.script_pubkey)
                        .map_or(KEY_PATH_WITNESS, Weight::to_wu)
                }
                (Spend::Leaf(id), _) => self.leaf(*id).map_or(KEY_PATH_WITNESS, leaf_witness),
                _ => KEY_PATH_WITNESS,
            };
        }
        Weight::from_wu(4 * base + witness)
    }
}

/// Witness of a leaf: count, signatures of 64, those of releasers with their sighash byte, and preimages of 32, with
/// their lengths, script and control block with theirs.
fn leaf_witness(leaf: &Leaf) -> u64 {
    let (script, control) = (leaf.script.len(), leaf.control.size());
    let count = varint(leaf.signers.len() + leaf.releasers.len() + leaf.hashes.len() + 2);
    count
        + 65 * leaf.signers.len() as u64
        + 66 * leaf.releasers.len() as u64
        + 33 * leaf.hashes.len() as u64
        + varint(script)
        + script as u64
        + varint(control)
        + control as u64
}

fn varint(n: usize) -> u64 {
    bitcoin::VarInt::from(n).size() as u64
}
