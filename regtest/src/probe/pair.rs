//! The pair that a node is asked about: formed like a contract's move and its child, and without any signature.

use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness,
    absolute::LockTime, transaction::Version,
};

/// Version of transactions under BIP431.
const TRUC: Version = Version(3);
/// Output 0 of the parent is the coin again, output 1 its anchor.
const ANCHOR: u32 = 1;

/// A parent without fee and the child that pays for both.
pub(super) struct Pair {
    pub(super) parent: Transaction,
    pub(super) child: Transaction,
}

impl Pair {
    /// Spends `coin`, which must be worth [`Pair::least`] at this rate.
    pub(super) fn new(coin: &(OutPoint, TxOut), rate: FeeRate) -> Pair {
        let (outpoint, output) = coin;
        let anchor = TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::new_p2a(),
        };
        let parent = unsigned(&[*outpoint], vec![output.clone(), anchor]);
        let txid = parent.compute_txid();
        let spent = [0, ANCHOR].map(|vout| OutPoint { txid, vout });
        let mut child = unsigned(&spent, vec![output.clone()]);
        let weight = parent.weight() + child.weight();
        let fee = rate.fee_wu(weight).unwrap_or(Amount::MAX_MONEY);
        // Also where the rate is zero: a node's own least rate decides then, and says so.
        child.output[0].value = output.value.checked_sub(fee).unwrap_or(Amount::ZERO);
        Pair { parent, child }
    }

    /// Least value of a coin to ask with: what the child pays, and as much again as is no dust under any script.
    pub(super) fn least(script: &bitcoin::Script, rate: FeeRate) -> Amount {
        const NO_DUST: Amount = Amount::from_sat(1_000);
        let output = TxOut {
            value: Amount::ZERO,
            script_pubkey: script.to_owned(),
        };
        let pair = Pair::new(&(OutPoint::null(), output), rate);
        let weight = pair.parent.weight() + pair.child.weight();
        let fee = rate.fee_wu(weight).unwrap_or(Amount::MAX_MONEY);
        fee.checked_add(NO_DUST).unwrap_or(Amount::MAX_MONEY)
    }
}

fn unsigned(coins: &[OutPoint], output: Vec<TxOut>) -> Transaction {
    let input = |previous_output: &OutPoint| TxIn {
        previous_output: *previous_output,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::new(),
    };
    Transaction {
        version: TRUC,
        lock_time: LockTime::ZERO,
        input: coins.iter().map(input).collect(),
        output,
    }
}
