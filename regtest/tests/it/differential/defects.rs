//! Everything that can be wrong with a transaction, or just right.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxOut, Txid, Witness};
use narthex_regtest::suite::pay;
use narthex_regtest::{ChainSource, Embedded};

use super::super::coins::Book;
use super::super::rng::Rng;

/// Spoils a signed transaction in one way, possibly not enough to make it bad; returns what was done.
pub(crate) fn add(
    tx: &mut Transaction,
    book: &Book,
    chain: &mut Embedded,
    rng: &mut Rng,
) -> &'static str {
    let choices: [fn(&mut Transaction, &mut Embedded, &mut Rng) -> &'static str; 11] = [
        overspend,
        absolute_lock,
        absolute_time_lock,
        relative_lock,
        relative_time_lock,
        version,
        output_script,
        inputs,
        outputs,
        dust,
        size,
    ];
    // Witnesses and input scripts are spoilt after signing.
    if rng.percent(25) {
        return witness(tx, rng);
    }
    let what = rng.pick(&choices)(tx, chain, rng);
    if rng.percent(95) {
        book.sign(tx);
    }
    what
}

fn witness(tx: &mut Transaction, rng: &mut Rng) -> &'static str {
    let input = &mut tx.input[0];
    match rng.below(8) {
        0 => {
            input.witness = Witness::new();
            "no witness"
        }
        1 | 2 => {
            let mut items = input.witness.to_vec();
            if let Some(byte) = items.first_mut().and_then(|item| item.first_mut()) {
                *byte ^= 1;
            }
            input.witness = Witness::from_slice(&items);
            "bad signature"
        }
        3 => {
            input.witness.push([0x50, 1, 2]);
            "annex"
        }
        4 => {
            input.witness.push([7u8; 81]);
            input.witness.push([0xc0; 33]);
            "script path that is none"
        }
        5 => {
            input.script_sig = ScriptBuf::from_bytes(vec![0x61]);
            "input script that is not just pushes"
        }
        6 => {
            input.script_sig = ScriptBuf::from_bytes(vec![0x51; 1_651]);
            "large input script"
        }
        _ => {
            input.script_sig = ScriptBuf::from_bytes(vec![0x51]);
            "input script where none may be"
        }
    }
}

fn near(rng: &mut Rng, value: u32) -> u32 {
    (value + rng.below(3) as u32).saturating_sub(1)
}

fn overspend(tx: &mut Transaction, _: &mut Embedded, rng: &mut Rng) -> &'static str {
    let value = match rng.below(4) {
        0 => Amount::MAX_MONEY,
        1 => Amount::MAX_MONEY + Amount::from_sat(1),
        2 => Amount::from_sat(u64::MAX),
        _ => tx.output[0].value + Amount::from_sat(1 + rng.below(3_000) as u64),
    };
    tx.output[0].value = value;
    "overspend"
}

fn absolute_lock(tx: &mut Transaction, chain: &mut Embedded, rng: &mut Rng) -> &'static str {
    let height = chain.height().unwrap();
    tx.lock_time = LockTime::from_consensus(near(rng, height));
    if rng.percent(20) {
        tx.input
            .iter_mut()
            .for_each(|input| input.sequence = Sequence::MAX);
    }
    "absolute lock by height"
}

fn absolute_time_lock(tx: &mut Transaction, chain: &mut Embedded, rng: &mut Rng) -> &'static str {
    tx.lock_time = LockTime::from_consensus(near(rng, chain.median_time_past()));
    "absolute lock by time"
}

fn relative_lock(tx: &mut Transaction, chain: &mut Embedded, rng: &mut Rng) -> &'static str {
    let next = chain.height().unwrap() + 1;
    let unconfirmed = next;
    let (_, at) = chain
        .utxo(tx.input[0].previous_output)
        .unwrap()
        .unwrap_or((TxOut::NULL, unconfirmed));
    tx.input[0].sequence = Sequence::from_consensus(near(rng, next - at));
    "relative lock by height"
}

fn relative_time_lock(tx: &mut Transaction, chain: &mut Embedded, rng: &mut Rng) -> &'static str {
    let unconfirmed = chain.height().unwrap() + 1;
    let (_, at) = chain
        .utxo(tx.input[0].previous_output)
        .unwrap()
        .unwrap_or((TxOut::NULL, unconfirmed));
    let mut times: Vec<u32> = (at.saturating_sub(11)..at)
        .map(|height| chain.block(height).unwrap().header.time)
        .collect();
    times.sort_unstable();
    let passed = chain
        .median_time_past()
        .saturating_sub(times[times.len() / 2]);
    tx.input[0].sequence = Sequence::from_consensus(1 << 22 | near(rng, passed >> 9) & 0xffff);
    "relative lock by time"
}

fn version(tx: &mut Transaction, _: &mut Embedded, rng: &mut Rng) -> &'static str {
    tx.version = Version(*rng.pick(&[0, 1, 3, 4, -1, i32::MAX, i32::MIN]));
    "version"
}

fn output_script(tx: &mut Transaction, _: &mut Embedded, rng: &mut Rng) -> &'static str {
    let key = [&[2u8][..], &[0x79; 32]].concat();
    let push_key = [&[33u8][..], &key].concat();
    let multisig = |n: u8| {
        [
            &[0x51][..],
            &push_key.repeat(usize::from(n)),
            &[0x50 + n, 0xae],
        ]
        .concat()
    };
    let scripts: [Vec<u8>; 14] = [
        vec![],
        vec![0x51],
        vec![0x51, 2, 0x4e, 0x73],
        vec![0x51, 2, 0x4e, 0x74],
        [&[0x60, 40][..], &[1; 40]].concat(),
        [&[0, 21][..], &[1; 21]].concat(),
        multisig(1),
        multisig(3),
        multisig(4),
        [&push_key[..], &[0xac]].concat(),
        vec![0x6a],
        vec![0x6a, 0x51, 0x4c, 1, 9],
        vec![0x6a, 0xac],
        vec![0x6a, 5, 1],
    ];
    let script = ScriptBuf::from_bytes(rng.pick(&scripts).clone());
    tx.output[0].value -= Amount::from_sat(10_000);
    tx.output.push(pay(10_000, &script));
    "output script"
}

fn inputs(tx: &mut Transaction, _: &mut Embedded, rng: &mut Rng) -> &'static str {
    let mut copy = tx.input[0].clone();
    match rng.below(4) {
        0 => {
            tx.input.push(copy);
            "duplicate input"
        }
        1 => {
            copy.previous_output = OutPoint {
                txid: Txid::hash(&rng.next().to_le_bytes()),
                vout: 0,
            };
            tx.input.push(copy);
            "missing input"
        }
        2 => {
            copy.previous_output = OutPoint::null();
            tx.input.push(copy);
            "null input"
        }
        _ => {
            tx.input.clear();
            "no input"
        }
    }
}

fn outputs(tx: &mut Transaction, _: &mut Embedded, rng: &mut Rng) -> &'static str {
    if rng.percent(50) {
        tx.output.clear();
        "no output"
    } else {
        tx.output = vec![pay(0, &ScriptBuf::new_op_return([]))];
        tx.input.truncate(1);
        "all to fees, in the smallest transaction"
    }
}

fn dust(tx: &mut Transaction, _: &mut Embedded, rng: &mut Rng) -> &'static str {
    let limit_of = |script: &ScriptBuf| if script.is_p2tr() { 330 } else { 240 };
    let script = if rng.percent(50) {
        ScriptBuf::new_p2a()
    } else {
        tx.output[0].script_pubkey.clone()
    };
    let value = *rng.pick(&[0, 1, limit_of(&script) - 1, limit_of(&script)]);
    for _ in 0..1 + rng.below(2) {
        tx.output.push(pay(value, &script));
        tx.output[0].value -= Amount::from_sat(value);
    }
    "dust"
}

fn size(tx: &mut Transaction, _: &mut Embedded, rng: &mut Rng) -> &'static str {
    let bytes = *rng.pick(&[900, 9_700, 9_900, 99_700, 100_100]);
    tx.output.push(pay(
        0,
        &ScriptBuf::from_bytes([&[0x6a][..], &vec![0x51; bytes]].concat()),
    ));
    tx.output[0].value -= Amount::from_sat(25_000);
    "size"
}
