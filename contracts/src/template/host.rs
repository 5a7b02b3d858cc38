//! Contracts that stand on outputs of another transaction, such as a channel's: what that transaction has to pay, whether it
//! does, and the graph below it.

use bitcoin::{Amount, ScriptBuf, Transaction, TxOut, Txid};

use super::{TemplateError, common::hosted_root, derive, stake::stake_keys, stake_unlock_height};
use crate::{
    graph::TxGraph,
    terms::{Role, Terms, TermsDraft, UnplacedDraft},
};

/// The outputs that a contract's host has for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostOutputs {
    /// The pot: what client, worker and verifier put in.
    pub contract: TxOut,
    /// The arbiters' stakes, in order of the panel; none in the `paper` template.
    pub stakes: Vec<TxOut>,
    /// What pays the worker its change, and whose spending records its root; none in the `paper` template.
    pub root_coin: Option<TxOut>,
}

/// What a host has to pay for a contract that is not placed yet.
///
/// # Errors
/// [`TemplateError`], never for checked terms.
pub fn host_outputs(draft: &UnplacedDraft) -> Result<HostOutputs, TemplateError> {
    outputs(draft.draft())
}

fn outputs(draft: &TermsDraft) -> Result<HostOutputs, TemplateError> {
    let params = draft.params();
    let keys = draft.key_set(Role::PRINCIPALS, Some(hosted_root(draft)))?;
    let contract = TxOut {
        value: params.contract_value(),
        script_pubkey: keys.script(),
    };
    if !draft.template().has_delivery() {
        return Ok(HostOutputs {
            contract,
            stakes: Vec::new(),
            root_coin: None,
        });
    }
    let everyone = draft.key_set(draft.roles(), None)?;
    let stake = |i| {
        let (keys, _) = stake_keys(draft, &everyone, i, stake_unlock_height(params))?;
        Ok(TxOut {
            value: params.stake_output_value(),
            script_pubkey: keys.script(),
        })
    };
    let stakes = (0..draft.panel_size()).map(stake);
    let change = draft.record().funding(Role::Worker);
    let change = change.and_then(|funding| funding.change.as_ref());
    Ok(HostOutputs {
        contract,
        stakes: stakes.collect::<Result<_, TemplateError>>()?,
        root_coin: change.map(|change| TxOut {
            value: change.value_sat,
            script_pubkey: change.script.clone(),
        }),
    })
}

/// Why a contract cannot stand on a transaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The terms have a funding transaction of their own. The caller's fault.
    #[error("the contract has a funding transaction of its own")]
    OwnFunding,
    /// The terms name another transaction, whose outputs have not been looked at. The caller's fault.
    #[error(
        "the contract stands on outputs of transaction {txid}, which is to be looked at before anything is signed"
    )]
    Unseen {
        /// The host.
        txid: Txid,
    },
    /// Another transaction than the terms name. The fault of whoever put the terms together, or of the caller.
    #[error("the terms name transaction {named}, this is {found}")]
    OtherTransaction {
        /// In the terms.
        named: Txid,
        /// The one given.
        found: Txid,
    },
    /// Its id is not final: who signs an input that is no segwit input can change it.
    #[error("input {input} of transaction {txid} has a script signature, which can be changed")]
    Malleable {
        /// The host.
        txid: Txid,
        /// Number of the input.
        input: usize,
    },
    /// An output that the terms count on is not there. The fault of whoever put the terms together.
    #[error("transaction {txid} has no output {vout}, which the terms name as the {what}")]
    NoOutput {
        /// The host.
        txid: Txid,
        /// Number of the output.
        vout: u32,
        /// What it is for.
        what: &'static str,
    },
    /// An output pays something else than the contract begins with: what is signed for it would be worthless.
    #[error(
        "output {vout} of transaction {txid} pays {found} to {script:x}; the {what} is {wanted} to {expected:x}"
    )]
    OtherOutput {
        /// The host.
        txid: Txid,
        /// Number of the output.
        vout: u32,
        /// What it is for.
        what: &'static str,
        /// What it pays.
        found: Amount,
        /// To whom.
        script: ScriptBuf,
        /// What it should pay.
        wanted: Amount,
        /// To whom.
        expected: ScriptBuf,
    },
    /// The outputs cannot be derived.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// Whether a transaction, signed or not, has every output that the contract stands on.
///
/// # Errors
/// [`HostError`], with the first output that is not as it must be.
pub fn check_host(terms: &TermsDraft, tx: &Transaction) -> Result<(), HostError> {
    let host = terms.host().ok_or(HostError::OwnFunding)?;
    let (named, txid) = (host.txid, tx.compute_txid());
    if named != txid {
        let found = txid;
        return Err(HostError::OtherTransaction { named, found });
    }
    let signed = tx.input.iter().position(|i| !i.script_sig.is_empty());
    if let Some(input) = signed {
        return Err(HostError::Malleable { txid, input });
    }
    let HostOutputs {
        contract,
        stakes,
        root_coin,
    } = outputs(terms)?;
    let stakes = host.stakes.iter().zip(stakes);
    let all = std::iter::once((host.contract, contract, "contract output"))
        .chain(stakes.map(|(vout, output)| (*vout, output, "stake")))
        .chain((host.root_coin.zip(root_coin)).map(|(vout, output)| (vout, output, "root coin")));
    for (vout, wanted, what) in all {
        let found = tx.output.get(vout as usize);
        let found = found.ok_or(HostError::NoOutput { txid, vout, what })?;
        if *found != wanted {
            return Err(HostError::OtherOutput {
                txid,
                vout,
                what,
                found: found.value,
                script: found.script_pubkey.clone(),
                wanted: wanted.value,
                expected: wanted.script_pubkey,
            });
        }
    }
    Ok(())
}

/// Derives the graph of a contract that stands on outputs of this transaction, signed or not: everything but the funding
/// transaction, with the same relative locks from there.
///
/// # Errors
/// Those of [`check_host`]: then nothing that the graph's transactions say of their coins may be relied on.
pub fn derive_on(terms: &Terms, host: &Transaction) -> Result<TxGraph, HostError> {
    check_host(terms, host)?;
    Ok(derive(terms)?)
}
