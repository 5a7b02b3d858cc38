//! Tx0 as a PSBT (BIP174, BIP371): built by each party alone, signed by its wallet, combined by anybody.

use bitcoin::{
    FeeRate, Psbt, ScriptBuf, Transaction, Txid, Weight, psbt,
    secp256k1::{Secp256k1, VerifyOnly},
    sighash::Prevouts,
};
use miniscript::{interpreter::Interpreter, psbt::PsbtExt};

use crate::{
    graph::{Spend, TxGraph, satisfaction_weight},
    party::PartyName,
    setup::{Agreement, ContractSignatures},
};

/// Why a funding PSBT is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FundingError {
    /// The graph has no funding transaction; a template's fault.
    #[error("the graph has no funding transaction")]
    NoFunding,
    /// What brings the coin back is not signed by both. The caller's fault.
    #[error("the way back is not signed by both: nothing is funded before it is")]
    NoWayBack,
    /// A PSBT is of another transaction than the one that this party derived. The sender's fault.
    #[error("the PSBT is of transaction {found}, the funding transaction is {expected}")]
    OtherTransaction {
        /// Transaction of the PSBT.
        found: Txid,
        /// Transaction of the graph.
        expected: Txid,
    },
    /// Inputs are still unsigned, or signed wrongly.
    #[error("the funding is not signed by {}: {reason}", listed(missing))]
    Unsigned {
        /// Whose inputs are not final.
        missing: Vec<PartyName>,
        /// What the finaliser says of the first.
        reason: String,
    },
    /// The final transaction is absurd, as by its fee.
    #[error("the funding cannot be extracted: {0}")]
    Extract(String),
}

/// The funding transaction of a graph, unsigned. The caller sees to it that its party holds its exits before.
pub(crate) fn funding_psbt(graph: &TxGraph) -> Result<Psbt, FundingError> {
    // An agreed ending is a graph of its own, whose first transaction funds nothing.
    if graph
        .node(TxGraph::FUNDING)
        .is_none_or(|node| node.signing.is_some())
    {
        return Err(FundingError::NoFunding);
    }
    let tx = graph
        .assemble(TxGraph::FUNDING)
        .ok_or(FundingError::NoFunding)?;
    let prevouts = graph
        .prevouts(TxGraph::FUNDING)
        .ok_or(FundingError::NoFunding)?;
    let mut psbt = Psbt::from_unsigned_tx(tx).map_err(|e| FundingError::Extract(e.to_string()))?;
    for (input, prevout) in psbt.inputs.iter_mut().zip(prevouts) {
        input.witness_utxo = Some(prevout);
    }
    Ok(psbt)
}

/// Removes signatures and finished witnesses.
fn strip_signatures(input: &mut psbt::Input) {
    input.partial_sigs.clear();
    input.tap_key_sig = None;
    input.tap_script_sigs.clear();
    input.final_script_sig = None;
    input.final_script_witness = None;
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
            // Signatures in it are of another transaction.
            strip_signatures(input);
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
///
/// Each input takes the first witness that verifies, whoever sent it: a false signature that a peer puts on another
/// party's input neither counts nor hides the true one.
pub fn combine_funding<T: Agreement>(
    holdings: &ContractSignatures<T>,
    signed: impl IntoIterator<Item = Psbt>,
) -> Result<Transaction, FundingError> {
    let mut funding = funding_psbt(holdings.graph())?;
    let expected = funding.unsigned_tx.compute_txid();
    let signed = signed.into_iter().collect::<Vec<_>>();
    if let Some(foreign) = signed
        .iter()
        .find(|psbt| psbt.unsigned_tx != funding.unsigned_tx)
    {
        return Err(FundingError::OtherTransaction {
            found: foreign.unsigned_tx.compute_txid(),
            expected,
        });
    }
    let secp = Secp256k1::verification_only();
    let mut problem = None;
    for index in 0..funding.inputs.len() {
        let given = signed.iter().filter_map(|psbt| psbt.inputs.get(index));
        if let Err(reason) = take_witness(&secp, &mut funding, index, given) {
            problem.get_or_insert(reason);
        }
    }
    if let Some(reason) = problem {
        let missing = unsigned(holdings.graph(), &funding);
        return Err(FundingError::Unsigned { missing, reason });
    }
    // The terms bound each party's fee, before anybody signed.
    funding
        .extract_tx_with_fee_rate_limit(FeeRate::MAX)
        .map_err(|e| FundingError::Extract(e.to_string()))
}

/// Gives one input the first witness of `given` that verifies; the error is about the last that does not.
fn take_witness<'a>(
    secp: &Secp256k1<VerifyOnly>,
    funding: &mut Psbt,
    index: usize,
    given: impl Iterator<Item = &'a psbt::Input>,
) -> Result<(), String> {
    let unsigned = funding.inputs[index].clone();
    let mut problem = "it has no signature".to_owned();
    for theirs in given.filter(|input| has_signature(input)) {
        let mut candidate = theirs.clone();
        // What the coin holds is what the terms say.
        candidate.witness_utxo = unsigned.witness_utxo.clone();
        candidate.non_witness_utxo = None;
        funding.inputs[index] = candidate;
        match finish_input(secp, funding, index) {
            Ok(()) => return Ok(()),
            Err(reason) => problem = reason,
        }
    }
    funding.inputs[index] = unsigned;
    Err(problem)
}

fn has_signature(input: &psbt::Input) -> bool {
    input.final_script_witness.is_some()
        || input.tap_key_sig.is_some()
        || !input.partial_sigs.is_empty()
        || !input.tap_script_sigs.is_empty()
}

/// Makes the input's witness, if it is not made yet, and runs it against the coin's script: the finaliser itself
/// takes a finished witness on trust.
fn finish_input(
    secp: &Secp256k1<VerifyOnly>,
    funding: &mut Psbt,
    index: usize,
) -> Result<(), String> {
    funding
        .finalize_inp_mut(secp, index)
        .map_err(|e| e.to_string())?;
    let prevouts = funding
        .inputs
        .iter()
        .map(|input| input.witness_utxo.clone().ok_or("a coin is not known"))
        .collect::<Result<Vec<_>, _>>()?;
    let input = &funding.inputs[index];
    // Both coin types that terms take are native segwit.
    if input.final_script_sig.is_some() {
        return Err("it has a script signature".into());
    }
    let witness = input.final_script_witness.clone().unwrap_or_default();
    // A spend by a long script would lower the fee rate after everybody has signed. One unit more for a signature
    // with a sighash byte.
    let limit = satisfaction_weight(&prevouts[index].script_pubkey).map_or(0, Weight::to_wu) + 1;
    if witness.size() as u64 > limit {
        return Err(format!(
            "its witness weighs {} wu, at most {limit} are agreed on",
            witness.size()
        ));
    }
    let tx = &funding.unsigned_tx;
    let script_sig = ScriptBuf::new();
    let interpreter = Interpreter::from_txdata(
        &prevouts[index].script_pubkey,
        &script_sig,
        &witness,
        tx.input[index].sequence,
        tx.lock_time,
    )
    .map_err(|e| e.to_string())?;
    interpreter
        .iter(secp, tx, index, &Prevouts::All(&prevouts))
        .try_for_each(|element| element.map(drop))
        .map_err(|e| format!("its witness is false: {e}"))
}

fn unsigned(graph: &TxGraph, funding: &Psbt) -> Vec<PartyName> {
    let Some(node) = graph.node(TxGraph::FUNDING) else {
        return Vec::new();
    };
    let mut parties = node
        .inputs
        .iter()
        .zip(&funding.inputs)
        .filter(|(_, input)| input.final_script_witness.is_none())
        .filter_map(|(node, _)| match node.spend {
            Spend::Wallet(party) => Some(graph.party(party)),
            Spend::KeyPath(_) | Spend::Leaf(_) => None,
        })
        .collect::<Vec<_>>();
    parties.dedup();
    parties
}

fn listed(parties: &[PartyName]) -> String {
    let names = parties.iter().map(PartyName::to_string);
    names.collect::<Vec<_>>().join(", ")
}
