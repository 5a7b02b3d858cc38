//! From data to transactions and to the messages that are signed.

use bitcoin::{
    OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness,
    absolute::LockTime,
    hashes::{Hash, sha256},
    sighash::{Prevouts, SighashCache, TapSighashType},
    taproot::{LeafVersion, TapLeafHash},
    transaction::Version,
};

use super::{Node, NodeId, NodeInput, NodeOutput, Source, Spend, TxGraph};

/// What BIP342 hashes where no OP_CODESEPARATOR was executed.
const NO_CODE_SEPARATOR: u32 = u32::MAX;

/// What the signatures of a leaf's releasers cover.
const RELEASE: TapSighashType = TapSighashType::NonePlusAnyoneCanPay;

impl TxGraph {
    /// The unsigned transaction; `None` for an index of another graph.
    pub fn assemble(&self, id: NodeId) -> Option<Transaction> {
        let node = self.node(id)?;
        let input = node
            .inputs
            .iter()
            .map(|input| {
                Some(TxIn {
                    previous_output: self.outpoint(input)?,
                    script_sig: ScriptBuf::new(),
                    sequence: input.sequence,
                    witness: Witness::new(),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Transaction {
            version: Version(node.version),
            lock_time: LockTime::from_height(node.lock_height).unwrap_or(LockTime::ZERO),
            input,
            output: self.outputs(node)?,
        })
    }

    /// Id of a transaction. Signatures are in witnesses, so it is known before anything is signed.
    pub fn txid(&self, id: NodeId) -> Option<Txid> {
        let cell = self.txids.get(id.0 as usize)?;
        if let Some(txid) = cell.get() {
            return Some(*txid);
        }
        let txid = self.assemble(id)?.compute_txid();
        Some(*cell.get_or_init(|| txid))
    }

    /// The coins that a transaction spends, in the order of its inputs.
    pub fn prevouts(&self, id: NodeId) -> Option<Vec<TxOut>> {
        self.node(id)?
            .inputs
            .iter()
            .map(|input| self.prevout(input))
            .collect()
    }

    /// The message that the signatures of each input sign (BIP341 and BIP342, SIGHASH_DEFAULT).
    pub fn sighashes(&self, id: NodeId) -> Option<Vec<[u8; 32]>> {
        self.messages(id, TapSighashType::Default)
    }

    /// The message that the releasers of each input's leaf sign: the coin, the leaf, version and lock time of the
    /// transaction, and nothing that it pays.
    pub fn release_hashes(&self, id: NodeId) -> Option<Vec<[u8; 32]>> {
        self.messages(id, RELEASE)
    }

    fn messages(&self, id: NodeId, kind: TapSighashType) -> Option<Vec<[u8; 32]>> {
        let tx = self.assemble(id)?;
        let prevouts = self.prevouts(id)?;
        let mut cache = SighashCache::new(&tx);
        let inputs = self.node(id)?.inputs.iter().enumerate();
        inputs
            .map(|(i, input)| {
                let leaf = match input.spend {
                    Spend::Leaf(leaf) => {
                        let script = &self.leaf(leaf)?.script;
                        let hash = TapLeafHash::from_script(script, LeafVersion::TapScript);
                        Some((hash, NO_CODE_SEPARATOR))
                    }
                    Spend::KeyPath(_) | Spend::Wallet(_) => None,
                };
                let prevouts = Prevouts::All(&prevouts);
                let hash = cache.taproot_signature_hash(i, &prevouts, None, leaf, kind);
                hash.ok().map(|hash| hash.to_byte_array())
            })
            .collect()
    }

    /// The witness of an input, of signatures in the order of its signers, then of its releasers, and preimages
    /// in the order of its hashes. `None` if they do not fit in number, a preimage is another's, or for an input that a wallet signs.
    pub fn witness(
        &self,
        input: &NodeInput,
        signatures: &[[u8; 64]],
        preimages: &[[u8; 32]],
    ) -> Option<Witness> {
        match (input.spend, signatures) {
            (Spend::KeyPath(_), [signature]) if preimages.is_empty() => {
                Some(Witness::from_slice(&[signature]))
            }
            (Spend::Leaf(id), _) => {
                let leaf = self.leaf(id)?;
                let mut witness = Witness::new();
                let hashed = preimages.iter().map(|p| sha256::Hash::hash(p));
                let whole = leaf.signers.len();
                if whole.checked_add(leaf.releasers.len())? != signatures.len()
                    || !hashed.eq(leaf.hashes.iter().copied())
                {
                    return None;
                }
                let (signed, released) = signatures.split_at_checked(whole)?;
                preimages.iter().rev().for_each(|p| witness.push(p));
                for signature in released.iter().rev() {
                    witness.push([&signature[..], &[RELEASE as u8]].concat());
                }
                signed.iter().rev().for_each(|s| witness.push(s));
                witness.push(&leaf.script);
                witness.push(leaf.control.serialize());
                Some(witness)
            }
            _ => None,
        }
    }

    /// Where an input's coin is.
    pub fn outpoint(&self, input: &NodeInput) -> Option<OutPoint> {
        match &input.source {
            Source::External { outpoint, .. } => Some(*outpoint),
            Source::Output { node, vout } => Some(OutPoint {
                txid: self.txid(*node)?,
                vout: *vout,
            }),
        }
    }

    /// Relative timelock of a transaction in blocks, 0 if none.
    pub fn relative_lock_blocks(node: &Node) -> u16 {
        let blocks = |s: Sequence| match s.to_relative_lock_time() {
            Some(bitcoin::relative::LockTime::Blocks(height)) => height.value(),
            _ => 0,
        };
        node.inputs
            .iter()
            .map(|input| blocks(input.sequence))
            .max()
            .unwrap_or(0)
    }

    /// The coin that an input spends.
    pub(super) fn prevout(&self, input: &NodeInput) -> Option<TxOut> {
        match &input.source {
            Source::External { prevout, .. } => Some(prevout.clone()),
            Source::Output { node, vout } => {
                self.output(self.node(*node)?.outputs.get(*vout as usize)?)
            }
        }
    }

    /// An output of a transaction, and where it is.
    pub(crate) fn coin(&self, node: NodeId, vout: u32) -> Option<(OutPoint, TxOut)> {
        let output = self.node(node)?.outputs.get(vout as usize)?;
        let txid = self.txid(node)?;
        Some((OutPoint { txid, vout }, self.output(output)?))
    }

    fn output(&self, output: &NodeOutput) -> Option<TxOut> {
        Some(TxOut {
            value: output.value,
            script_pubkey: self.script(output.script)?.script.clone(),
        })
    }

    fn outputs(&self, node: &Node) -> Option<Vec<TxOut>> {
        let outputs = node.outputs.iter();
        outputs.map(|output| self.output(output)).collect()
    }
}
