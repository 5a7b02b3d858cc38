//! Tx0 as a PSBT (BIP174, BIP371): built by each party alone and signed by its own wallet. What of it goes to others is in
//! [`super::FundingWitnesses`].

use bitcoin::{
    FeeRate, Psbt, ScriptBuf, Transaction, Txid, Weight, Witness, psbt,
    secp256k1::{Secp256k1, VerifyOnly},
    sighash::Prevouts,
};
use miniscript::{interpreter::Interpreter, psbt::PsbtExt};

use crate::{
    graph::{TxGraph, satisfaction_weight},
    party::PartyName,
};

/// Why a funding PSBT or a peer's witnesses are not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FundingError {
    /// The graph has no funding transaction; a template's fault.
    #[error("the graph has no funding transaction")]
    NoFunding,
    /// What brings the coin back is not signed by both. The caller's fault.
    #[error("the way back is not signed by both: nothing is funded before it is")]
    NoWayBack,
    /// A PSBT is of another transaction than the one that this party derived. The own wallet's fault.
    #[error("the PSBT is of transaction {found}, the funding transaction is {expected}")]
    OtherTransaction {
        /// Transaction of the PSBT.
        found: Txid,
        /// Transaction of the graph.
        expected: Txid,
    },
    /// Witnesses are of another agreement. The sender's fault.
    #[error("{from} sent witnesses of another agreement")]
    OtherAgreement {
        /// Sender.
        from: PartyName,
    },
    /// There is no such party.
    #[error("{party} does not take part")]
    Stranger {
        /// Who.
        party: PartyName,
    },
    /// A witness for an input that the party does not bring, or a second one for its own. The sender's fault.
    #[error("{from} sent a witness for input {input}, which is not its own to sign, or not again")]
    ForeignInput {
        /// Sender.
        from: PartyName,
        /// Number of the input.
        input: u32,
    },
    /// No witness for an input that the party brings. The sender's fault.
    #[error("{from} sent no witness for its input {input}")]
    MissingInput {
        /// Sender.
        from: PartyName,
        /// Number of the input.
        input: u32,
    },
    /// A witness that the coin's script does not take. The sender's fault.
    #[error("the witness that {from} sent for input {input} is not taken: {reason}")]
    FalseWitness {
        /// Sender.
        from: PartyName,
        /// Number of the input.
        input: u32,
        /// Why not.
        reason: String,
    },
    /// Inputs are still unsigned, or signed wrongly by the own wallet.
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

/// The transaction of a PSBT whose inputs all have their witnesses.
pub(super) fn extract(funding: Psbt) -> Result<Transaction, FundingError> {
    // The terms bound each party's fee, before anybody signed.
    funding
        .extract_tx_with_fee_rate_limit(FeeRate::MAX)
        .map_err(|e| FundingError::Extract(e.to_string()))
}

/// The witness of one input of `funding`, made of what the own wallet gave back for it and run against the coin's script:
/// the finaliser itself takes a finished witness on trust.
pub(super) fn finish_input(
    secp: &Secp256k1<VerifyOnly>,
    funding: &mut Psbt,
    index: u32,
    signed: &psbt::Input,
) -> Result<Witness, String> {
    if !has_signature(signed) {
        return Err("it has no signature".into());
    }
    let at = index as usize;
    let mut candidate = signed.clone();
    // What the coin holds is what the terms say.
    candidate.witness_utxo = funding.inputs[at].witness_utxo.clone();
    candidate.non_witness_utxo = None;
    funding.inputs[at] = candidate;
    let finished = funding.finalize_inp_mut(secp, at);
    finished.map_err(|e| e.to_string())?;
    let input = &funding.inputs[at];
    // Both coin types that terms take are native segwit.
    if input.final_script_sig.is_some() {
        return Err("it has a script signature".into());
    }
    let witness = input.final_script_witness.clone().unwrap_or_default();
    verify_witness(secp, funding, index, &witness)?;
    Ok(witness)
}

fn has_signature(input: &psbt::Input) -> bool {
    input.final_script_witness.is_some()
        || input.tap_key_sig.is_some()
        || !input.partial_sigs.is_empty()
        || !input.tap_script_sigs.is_empty()
}

impl FundingError {
    /// Who sent what is wrong, where that is one party's.
    pub fn at_fault(&self) -> Option<PartyName> {
        match self {
            FundingError::OtherAgreement { from }
            | FundingError::Stranger { party: from }
            | FundingError::ForeignInput { from, .. }
            | FundingError::MissingInput { from, .. }
            | FundingError::FalseWitness { from, .. } => Some(*from),
            _ => None,
        }
    }
}

/// Runs a witness against the script of the coin that an input spends.
pub(super) fn verify_witness(
    secp: &Secp256k1<VerifyOnly>,
    funding: &Psbt,
    index: u32,
    witness: &Witness,
) -> Result<(), String> {
    let at = index as usize;
    let prevouts = funding
        .inputs
        .iter()
        .map(|input| input.witness_utxo.clone().ok_or("a coin is not known"))
        .collect::<Result<Vec<_>, _>>()?;
    let script = &prevouts
        .get(at)
        .ok_or("there is no such input")?
        .script_pubkey;
    // A spend by a long script would lower the fee rate after everybody has signed. One unit more for a signature
    // with a sighash byte.
    let limit = satisfaction_weight(script).map_or(0, Weight::to_wu) + 1;
    if witness.size() as u64 > limit {
        return Err(format!(
            "its witness weighs {} wu, at most {limit} are agreed on",
            witness.size()
        ));
    }
    let tx = &funding.unsigned_tx;
    let script_sig = ScriptBuf::new();
    let sequence = tx.input[at].sequence;
    let interpreter =
        Interpreter::from_txdata(script, &script_sig, witness, sequence, tx.lock_time)
            .map_err(|e| e.to_string())?;
    interpreter
        .iter(secp, tx, at, &Prevouts::All(&prevouts))
        .try_for_each(|element| element.map(drop))
        .map_err(|e| format!("its witness is false: {e}"))
}

fn listed(parties: &[PartyName]) -> String {
    let names = parties.iter().map(PartyName::to_string);
    names.collect::<Vec<_>>().join(", ")
}
