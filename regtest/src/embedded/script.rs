//! Scripts, run by Bitcoin Core's own interpreter (`libbitcoinconsensus`, Core 26).

use bitcoin::Transaction;
use bitcoin::consensus::encode::serialize;
use bitcoinconsensus::{Utxo, VERIFY_ALL_PRE_TAPROOT, VERIFY_TAPROOT, verify_with_flags};

use super::consensus::Coin;

/// Runs the script of every input; `Err` holds the index of the first input that fails.
///
/// All consensus rules up to Taproot. The library knows no policy flags: what is merely discouraged (upgradable
/// opcodes, high S, non-minimal pushes before SegWit) passes here and is refused by a node.
pub(crate) fn verify(tx: &Transaction, spent: &[Coin]) -> Result<(), usize> {
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
