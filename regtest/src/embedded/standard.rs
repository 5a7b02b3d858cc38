//! What Bitcoin Core 31.99 relays: the rules that one transaction, with the coins that it spends, can break alone.

use bitcoin::script::Instruction;
use bitcoin::{Amount, Script, ScriptBuf, Transaction, TxIn, TxOut, Witness};

use super::consensus::Coin;
use super::fee::{DUST_RELAY_SAT_PER_KVB, fee_for};
use super::refusal::Refusal;
use super::script_kind::{ScriptKind, is_anchor, script_kind};
use super::state::is_unspendable;

const MAX_STANDARD_VERSION: u32 = 3;
const MAX_STANDARD_WEIGHT: u64 = 400_000;
const MAX_SCRIPT_SIG_SIZE: usize = 1_650;
/// Of all `OP_RETURN` outputs of a transaction together, in bytes: in effect the weight limit.
const MAX_DATA_CARRIER_SIZE: usize = 100_000;
const MAX_DUST_OUTPUTS: usize = 1;
/// A 64-byte transaction looks like an inner node of a merkle tree (CVE-2017-12842).
const MIN_BASE_SIZE: usize = 65;
const MAX_P2SH_SIGOPS: usize = 15;
/// BIP54.
const MAX_LEGACY_SIGOPS: usize = 2_500;
const MAX_P2WSH_SCRIPT_SIZE: usize = 3_600;
const MAX_P2WSH_STACK_ITEMS: usize = 100;
const MAX_STACK_ITEM_SIZE: usize = 80;
const ANNEX_TAG: u8 = 0x50;
const TAPSCRIPT_LEAF: u8 = 0xc0;
const LEAF_MASK: u8 = 0xfe;

/// Rules on form: version, weight, scripts, dust, size.
pub(crate) fn check_form(tx: &Transaction) -> Result<(), Refusal> {
    if !(1..=MAX_STANDARD_VERSION).contains(&(tx.version.0 as u32)) {
        return Err(Refusal::new("version"));
    }
    if tx.weight().to_wu() > MAX_STANDARD_WEIGHT {
        return Err(Refusal::new("tx-size"));
    }
    for input in &tx.input {
        if input.script_sig.len() > MAX_SCRIPT_SIG_SIZE {
            return Err(Refusal::new("scriptsig-size"));
        }
        if !input.script_sig.is_push_only() {
            return Err(Refusal::new("scriptsig-not-pushonly"));
        }
    }
    let mut data_left = MAX_DATA_CARRIER_SIZE;
    for output in &tx.output {
        match script_kind(&output.script_pubkey) {
            ScriptKind::NonStandard => return Err(Refusal::new("scriptpubkey")),
            ScriptKind::Multisig { keys, required } if keys > 3 || required > keys => {
                return Err(Refusal::new("scriptpubkey"));
            }
            ScriptKind::Data => {
                data_left = data_left
                    .checked_sub(output.script_pubkey.len())
                    .ok_or_else(|| Refusal::new("datacarrier"))?;
            }
            _ => {}
        }
    }
    if tx.output.iter().filter(|output| is_dust(output)).count() > MAX_DUST_OUTPUTS {
        return Err(Refusal::new("dust"));
    }
    if tx.base_size() < MIN_BASE_SIZE {
        return Err(Refusal::new("tx-size-small"));
    }
    Ok(())
}

/// Whether an output costs more to spend, at 3 sat/vB, than it is worth.
pub(crate) fn is_dust(output: &TxOut) -> bool {
    if is_unspendable(&output.script_pubkey) {
        return false;
    }
    // Outpoint, sequence and script length, and then 107 bytes of signature and key, discounted for SegWit.
    let input_size = if output.script_pubkey.is_witness_program() {
        41 + 107 / 4
    } else {
        41 + 107
    };
    output.value < fee_for(DUST_RELAY_SAT_PER_KVB, output.size() as u64 + input_size)
}

/// Dust must be ephemeral: only a transaction without fee, which nobody mines alone, may have it.
pub(crate) fn check_dust_pays_no_fee(tx: &Transaction, fee: Amount) -> Result<(), Refusal> {
    if fee != Amount::ZERO && tx.output.iter().any(is_dust) {
        return Err(Refusal::new("dust, tx with dust output must be 0-fee"));
    }
    Ok(())
}

/// Rules on what is spent and how.
pub(crate) fn check_spends(tx: &Transaction, spent: &[Coin]) -> Result<(), Refusal> {
    let refuse = |details: String| {
        Err(Refusal::new(format!(
            "bad-txns-nonstandard-inputs, {details}"
        )))
    };
    let inputs = || {
        tx.input.iter().zip(
            spent
                .iter()
                .map(|coin| coin.output.script_pubkey.as_script()),
        )
    };
    let sigops: usize = inputs()
        .map(|(input, script)| input.script_sig.count_sigops() + executed_sigops(input, script))
        .sum();
    if sigops > MAX_LEGACY_SIGOPS {
        return refuse("non-witness sigops exceed bip54 limit".into());
    }
    for (index, (input, script)) in inputs().enumerate() {
        match script_kind(script) {
            ScriptKind::NonStandard => return refuse(format!("input {index} script unknown")),
            ScriptKind::UnknownWitness => {
                return refuse(format!("input {index} witness program is undefined"));
            }
            ScriptKind::ScriptHash => match redeem_script(input) {
                None => return refuse(format!("input {index} P2SH redeemscript missing")),
                Some(redeem) if redeem.count_sigops() > MAX_P2SH_SIGOPS => {
                    return refuse(format!(
                        "p2sh redeemscript sigops exceed limit (input {index})"
                    ));
                }
                Some(_) => {}
            },
            _ => {}
        }
    }
    if inputs()
        .any(|(input, script)| !input.witness.is_empty() && !is_witness_standard(input, script))
    {
        return Err(Refusal::new("bad-witness-nonstandard"));
    }
    Ok(())
}

fn executed_sigops(input: &TxIn, script: &Script) -> usize {
    if script.is_p2sh() {
        redeem_script(input).map_or(0, |redeem| redeem.count_sigops())
    } else {
        script.count_sigops()
    }
}

/// The last push of a push-only script.
fn redeem_script(input: &TxIn) -> Option<ScriptBuf> {
    let last = input.script_sig.instructions().last()?.ok()?;
    Some(match last {
        Instruction::PushBytes(bytes) => ScriptBuf::from_bytes(bytes.as_bytes().to_vec()),
        // OP_1 to OP_16 and OP_1NEGATE push one byte, which is a script as good as any.
        Instruction::Op(op) if op.to_u8() == 0x4f => ScriptBuf::from_bytes(vec![0x81]),
        Instruction::Op(op) => {
            ScriptBuf::from_bytes(vec![op.to_u8().checked_sub(0x50).filter(|n| *n > 0)?])
        }
    })
}

fn is_witness_standard(input: &TxIn, script: &Script) -> bool {
    if is_anchor(script) {
        return false;
    }
    let redeem = if script.is_p2sh() {
        redeem_script(input)
    } else {
        None
    };
    let program = match (&redeem, script.is_p2sh()) {
        (Some(redeem), _) => redeem.as_script(),
        (None, true) => return false,
        (None, false) => script,
    };
    if program.is_p2wsh() {
        return is_p2wsh_witness_standard(&input.witness);
    }
    if program.is_p2tr() && redeem.is_none() {
        return is_taproot_witness_standard(&input.witness);
    }
    program.is_witness_program()
}

fn is_p2wsh_witness_standard(witness: &Witness) -> bool {
    let items: Vec<_> = witness.iter().collect();
    let Some((script, stack)) = items.split_last() else {
        return true;
    };
    script.len() <= MAX_P2WSH_SCRIPT_SIZE
        && stack.len() <= MAX_P2WSH_STACK_ITEMS
        && stack.iter().all(|item| item.len() <= MAX_STACK_ITEM_SIZE)
}

fn is_taproot_witness_standard(witness: &Witness) -> bool {
    let items: Vec<_> = witness.iter().collect();
    match items.as_slice() {
        [] => false,
        [_] => true,
        [.., last] if last.first() == Some(&ANNEX_TAG) => false,
        [stack @ .., _script, control] => match control.first() {
            None => false,
            Some(leaf) if leaf & LEAF_MASK == TAPSCRIPT_LEAF => {
                stack.iter().all(|item| item.len() <= MAX_STACK_ITEM_SIZE)
            }
            Some(_) => true,
        },
    }
}
