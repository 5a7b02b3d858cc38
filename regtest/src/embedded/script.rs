//! Scripts, run by Bitcoin Core's own interpreter (`libbitcoinconsensus`, Core 26).

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bitcoin::Transaction;
use bitcoin::consensus::encode::serialize;
use bitcoinconsensus::{Utxo, VERIFY_ALL_PRE_TAPROOT, VERIFY_TAPROOT, verify_with_flags};

use super::consensus::Coin;

/// What all script checks of this process have cost so far: the floor of what it takes to play on embedded chains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptChecks {
    /// Inputs.
    pub inputs: u64,
    /// Time, of all threads together.
    pub time: Duration,
}

static INPUTS: AtomicU64 = AtomicU64::new(0);
static NANOS: AtomicU64 = AtomicU64::new(0);

/// What script checks have cost so far, of all embedded chains of this process.
pub fn script_checks() -> ScriptChecks {
    ScriptChecks {
        inputs: INPUTS.load(Ordering::Relaxed),
        time: Duration::from_nanos(NANOS.load(Ordering::Relaxed)),
    }
}

/// Runs the script of every input; `Err` holds the index of the first input that fails.
///
/// All consensus rules up to Taproot. The library knows no policy flags: what is merely discouraged (upgradable
/// opcodes, high S, non-minimal pushes before SegWit) passes here and is refused by a node.
pub(crate) fn verify(tx: &Transaction, spent: &[Coin]) -> Result<(), usize> {
    let begun = Instant::now();
    let verified = verify_all(tx, spent);
    let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    INPUTS.fetch_add(spent.len() as u64, Ordering::Relaxed);
    NANOS.fetch_add(nanos, Ordering::Relaxed);
    verified
}

fn verify_all(tx: &Transaction, spent: &[Coin]) -> Result<(), usize> {
    if spent.len() != tx.input.len() {
        return Err(spent.len().min(tx.input.len()));
    }
    let bytes = serialize(tx);
    // Pointers into `spent`, which outlives every call below.
    let outputs = spent
        .iter()
        .map(|coin| utxo(&coin.output))
        .collect::<Option<Vec<_>>>()
        .ok_or(0usize)?;
    for (index, coin) in spent.iter().enumerate() {
        let script = coin.output.script_pubkey.as_bytes();
        let value = coin.output.value.to_sat();
        let flags = VERIFY_ALL_PRE_TAPROOT | VERIFY_TAPROOT;
        verify_with_flags(script, value, &bytes, Some(&outputs), index, flags)
            .map_err(|_| index)?;
    }
    Ok(())
}

fn utxo(output: &bitcoin::TxOut) -> Option<Utxo> {
    let script = output.script_pubkey.as_bytes();
    Some(Utxo {
        script_pubkey: script.as_ptr(),
        script_pubkey_len: script.len().try_into().ok()?,
        value: output.value.to_sat().try_into().ok()?,
    })
}
