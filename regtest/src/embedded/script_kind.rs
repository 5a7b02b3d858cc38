//! What kind of output script this is, as Bitcoin Core's solver tells them apart.

use bitcoin::Script;
use bitcoin::opcodes::all::OP_CHECKMULTISIG;
use bitcoin::script::Instruction;

/// The kinds that policy treats differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScriptKind {
    /// Pay to public key, its hash, or a SegWit version 0 or 1 program of a defined length.
    Key,
    ScriptHash,
    /// `OP_1 <4e73>`, which anyone can spend.
    Anchor,
    Multisig {
        required: u8,
        keys: u8,
    },
    /// `OP_RETURN` and pushes.
    Data,
    /// A witness program that no rule is defined for yet.
    UnknownWitness,
    NonStandard,
}

pub(crate) fn script_kind(script: &Script) -> ScriptKind {
    if script.is_p2sh() {
        return ScriptKind::ScriptHash;
    }
    if let Some(version) = script.witness_version() {
        return if script.is_p2wpkh() || script.is_p2wsh() || script.is_p2tr() {
            ScriptKind::Key
        } else if is_anchor(script) {
            ScriptKind::Anchor
        } else if version.to_num() > 0 {
            ScriptKind::UnknownWitness
        } else {
            ScriptKind::NonStandard
        };
    }
    if script.is_op_return() && Script::from_bytes(&script.as_bytes()[1..]).is_push_only() {
        return ScriptKind::Data;
    }
    if is_p2pk(script) || script.is_p2pkh() {
        return ScriptKind::Key;
    }
    multisig(script).unwrap_or(ScriptKind::NonStandard)
}

pub(crate) fn is_anchor(script: &Script) -> bool {
    script.as_bytes() == [0x51, 0x02, 0x4e, 0x73]
}

fn is_p2pk(script: &Script) -> bool {
    match script.as_bytes() {
        [33, key @ .., 0xac] | [65, key @ .., 0xac] => {
            is_key_sized(key) && key.len() + 2 == script.len()
        }
        _ => false,
    }
}

/// Whether first byte and length belong together; whether it is on the curve is not asked.
fn is_key_sized(key: &[u8]) -> bool {
    matches!(
        (key.first(), key.len()),
        (Some(2 | 3), 33) | (Some(4 | 6 | 7), 65)
    )
}

/// `m <key>... n OP_CHECKMULTISIG` with up to 16 keys; 17 to 20 are not standard anyway.
fn multisig(script: &Script) -> Option<ScriptKind> {
    let instructions = script
        .instructions_minimal()
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    let [first, keys @ .., last, Instruction::Op(OP_CHECKMULTISIG)] = instructions.as_slice()
    else {
        return None;
    };
    let (required, count) = (small_number(first)?, small_number(last)?);
    let sized = keys.iter().all(|key| {
        key.push_bytes()
            .is_some_and(|key| is_key_sized(key.as_bytes()))
    });
    (sized && keys.len() == usize::from(count) && (1..=count).contains(&required)).then_some(
        ScriptKind::Multisig {
            required,
            keys: count,
        },
    )
}

fn small_number(instruction: &Instruction<'_>) -> Option<u8> {
    let number = instruction.opcode()?.to_u8().checked_sub(0x50)?;
    (1..=16).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use bitcoin::hex::FromHex;
    use bitcoin::{ScriptBuf, WitnessProgram, WitnessVersion};

    use super::*;

    fn kind(hex: &str) -> ScriptKind {
        script_kind(&ScriptBuf::from_bytes(
            Vec::from_hex(hex).unwrap_or_default(),
        ))
    }

    #[test]
    fn kinds_are_told_apart() {
        let key = format!("02{}", "11".repeat(32));
        assert_eq!(kind("51024e73"), ScriptKind::Anchor);
        assert_eq!(kind("51024e74"), ScriptKind::UnknownWitness);
        assert_eq!(kind(&format!("5120{}", "22".repeat(32))), ScriptKind::Key);
        assert_eq!(kind(&format!("0020{}", "22".repeat(32))), ScriptKind::Key);
        assert_eq!(
            kind(&format!("0021{}", "22".repeat(33))),
            ScriptKind::NonStandard,
            "version 0, odd length"
        );
        assert_eq!(kind(&format!("21{key}ac")), ScriptKind::Key);
        assert_eq!(
            kind(&format!("2105{}ac", "11".repeat(32))),
            ScriptKind::NonStandard,
            "no key starts with 05"
        );
        assert_eq!(kind("6a0411223344"), ScriptKind::Data);
        assert_eq!(kind("6aac"), ScriptKind::NonStandard);
        assert_eq!(
            kind(&format!("5121{key}21{key}52ae")),
            ScriptKind::Multisig {
                required: 1,
                keys: 2
            }
        );
        assert_eq!(
            kind(&format!("5321{key}21{key}52ae")),
            ScriptKind::NonStandard,
            "3 of 2"
        );
        assert_eq!(kind(""), ScriptKind::NonStandard);
    }

    #[test]
    fn every_longer_program_of_a_later_version_is_unknown() {
        let program = WitnessProgram::new(WitnessVersion::V16, &[7; 40])
            .map(|p| ScriptBuf::new_witness_program(&p));
        assert_eq!(
            program.map(|script| script_kind(&script)),
            Ok(ScriptKind::UnknownWitness)
        );
    }
}
