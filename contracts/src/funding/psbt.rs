//! Tx0 as a PSBT (BIP174, BIP371): built by each party alone, signed by its wallet, combined by anybody.

use bitcoin::{Psbt, Transaction, Txid, psbt::ExtractTxError};
use miniscript::psbt::PsbtExt;

use crate::{
    graph::{Spend, TxGraph},
    role::Role,
    setup::Holdings,
};

/// Why a funding PSBT is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FundingError {
    /// The graph has no funding transaction; a template's fault.
    #[error("the graph has no funding transaction")]
    NoFunding,
    /// A PSBT is of another transaction than the one that this party derived. The sender's fault.
    #[error("the PSBT is of transaction {found}, the funding transaction is {expected}")]
    OtherTransaction {
        /// Transaction of the PSBT.
        found: Txid,
        /// Transaction of the graph.
        expected: Txid,
    },
    /// Inputs are still unsigned, or signed wrongly.
    #[error("the funding is not signed by {missing:?}: {reason}")]
    Unsigned {
        /// Whose inputs are not final.
        missing: Vec<Role>,
        /// What the finaliser says of the first.
        reason: String,
    },
    /// The final transaction is absurd, as by its fee.
    #[error("the funding cannot be extracted: {0}")]
    Extract(String),
    /// PSBTs cannot be combined.
    #[error("the PSBTs do not combine: {0}")]
    Combine(String),
}

impl Holdings {
    /// The funding transaction, unsigned. Only a party that holds its signatures has this method: nobody can
    /// sign away its coins before it holds everything that brings them back.
    pub fn funding_psbt(&self) -> Result<Psbt, FundingError> {
        let graph = self.graph();
        // An agreed ending is a graph of its own, whose first transaction funds nothing.
        if graph.node(TxGraph::FUNDING).is_none_or(|node| node.signing.is_some()) {
            return Err(FundingError::NoFunding);
        }
        let tx = graph
            .assemble(TxGraph::FUNDING)
            .ok_or(FundingError::NoFunding)?;
        let prevouts = graph
            .prevouts(TxGraph::FUNDING)
            .ok_or(FundingError::NoFunding)?;
        let mut psbt =
            Psbt::from_unsigned_tx(tx).map_err(|e| FundingError::Extract(e.to_string()))?;
        for (input, prevout) in psbt.inputs.iter_mut().zip(prevouts) {
            input.witness_utxo = Some(prevout);
        }
        Ok(psbt)
    }
}

/// Copies what a wallet knows of its own coins and change (key origins, scripts) from the PSBT that it
/// contributed with into the funding PSBT, so that it recognises them.
pub fn merge_wallet_data(funding: &mut Psbt, contributed: &Psbt) {
    let outpoints = funding
        .unsigned_tx
        .input
        .iter()
        .map(|i| i.previous_output)
        .collect::<Vec<_>>();
    for (input, outpoint) in funding.inputs.iter_mut().zip(outpoints) {
        let own = contributed
            .unsigned_tx
            .input
            .iter()
            .position(|i| i.previous_output == outpoint);
        if let Some(data) = own.and_then(|i| contributed.inputs.get(i)) {
            let prevout = input.witness_utxo.take();
            *input = data.clone();
            // What the coin holds is what the terms say, not what was said when it was contributed.
            input.witness_utxo = prevout;
        }
    }
    let scripts = funding
        .unsigned_tx
        .output
        .iter()
        .map(|o| o.script_pubkey.clone())
        .collect::<Vec<_>>();
    for (output, script) in funding.outputs.iter_mut().zip(scripts) {
        let own = contributed
            .unsigned_tx
            .output
            .iter()
            .position(|o| o.script_pubkey == script);
        if let Some(data) = own.and_then(|i| contributed.outputs.get(i)) {
            *output = data.clone();
        }
    }
}

/// Puts the signed PSBTs of all parties together. Each must be of exactly the transaction of the graph.
pub fn combine_funding(
    holdings: &Holdings,
    signed: impl IntoIterator<Item = Psbt>,
) -> Result<Transaction, FundingError> {
    let mut funding = holdings.funding_psbt()?;
    let expected = funding.unsigned_tx.compute_txid();
    for psbt in signed {
        if psbt.unsigned_tx != funding.unsigned_tx {
            return Err(FundingError::OtherTransaction {
                found: psbt.unsigned_tx.compute_txid(),
                expected,
            });
        }
        funding
            .combine(psbt)
            .map_err(|e| FundingError::Combine(e.to_string()))?;
    }
    let secp = bitcoin::secp256k1::Secp256k1::verification_only();
    if let Err(errors) = funding.finalize_mut(&secp) {
        let missing = unsigned(holdings.graph(), &funding);
        let reason = errors.first().map(ToString::to_string).unwrap_or_default();
        return Err(FundingError::Unsigned { missing, reason });
    }
    match funding.extract_tx() {
        Ok(tx) => Ok(tx),
        Err(ExtractTxError::AbsurdFeeRate { fee_rate, .. }) => Err(FundingError::Extract(format!(
            "its fee rate of {fee_rate} sat/kwu is absurd"
        ))),
        Err(e) => Err(FundingError::Extract(e.to_string())),
    }
}

fn unsigned(graph: &TxGraph, funding: &Psbt) -> Vec<Role> {
    let Some(node) = graph.node(TxGraph::FUNDING) else {
        return Vec::new();
    };
    let mut roles = node
        .inputs
        .iter()
        .zip(&funding.inputs)
        .filter(|(_, input)| input.final_script_witness.is_none())
        .filter_map(|(node, _)| match node.spend {
            Spend::Wallet(role) => Some(role),
            Spend::KeyPath(_) => None,
        })
        .collect::<Vec<_>>();
    roles.dedup();
    roles
}
