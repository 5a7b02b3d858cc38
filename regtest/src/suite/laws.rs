//! The laws themselves.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{OutPoint, ScriptBuf, Sequence, Transaction, TxOut};

use super::{Bench, Law, Violation, pay, spend};
use crate::block::COINBASE_MATURITY_BLOCKS;
use crate::subsidy;

/// Ends a law when the condition does not hold. A macro, because the condition borrows the bench.
macro_rules! demand {
    ($bench:ident, $holds:expr, $what:expr $(,)?) => {
        if !$holds {
            return Err($bench.broken($what));
        }
    };
}

type Result = std::result::Result<(), Violation>;

pub(super) const LAWS: [Law; 10] = [
    Law {
        name: "a coinbase pays the subsidy and rests for 100 blocks",
        check: coinbases_mature,
    },
    Law {
        name: "a payment waits, confirms, and is found again",
        check: payments_confirm,
    },
    Law {
        name: "a wrong signature is refused, by mempool and block",
        check: signatures_count,
    },
    Law {
        name: "an absolute locktime holds to the block",
        check: absolute_locks_hold,
    },
    Law {
        name: "a relative locktime holds to the block",
        check: relative_locks_hold,
    },
    Law {
        name: "a parent without fee comes in with a child that pays",
        check: packages_pay,
    },
    Law {
        name: "a replacement pays for what it replaces",
        check: replacements_pay,
    },
    Law {
        name: "disconnected transactions wait again",
        check: disconnections_undo,
    },
    Law {
        name: "a reader finds its way to the tip, and what was taken back",
        check: readers_find_their_way,
    },
    Law {
        name: "a miner alone is bound by consensus only",
        check: miners_are_free,
    },
];

fn outpoint(tx: &Transaction, vout: u32) -> OutPoint {
    OutPoint {
        txid: tx.compute_txid(),
        vout,
    }
}

fn coinbases_mature(bench: &mut Bench<'_>) -> Result {
    let (script, filler) = (bench.signer.script(), bench.filler.clone());
    let hash = bench.chain.mine(1, &script)?;
    let height = bench.chain.height()?;
    demand!(
        bench,
        hash.first() == Some(&bench.chain.block_hash(height)?),
        "the mined block is not the tip",
    );
    let coinbase = bench.chain.block(height)?.txdata.into_iter().next();
    let coinbase = coinbase.ok_or_else(|| bench.broken("a block without coinbase"))?;
    let coin = (outpoint(&coinbase, 0), coinbase.output[0].clone());
    demand!(
        bench,
        coin.1.value >= subsidy(height),
        format!("coinbase pays {}", coin.1.value),
    );
    demand!(
        bench,
        bench.chain.utxo(coin.0)? == Some((coin.1.clone(), height)),
        "the coinbase is no coin",
    );

    let tx = bench.payment(&coin, 1_000)?;
    bench.chain.mine(COINBASE_MATURITY_BLOCKS - 2, &filler)?;
    let code = "bad-txns-premature-spend-of-coinbase";
    let early = bench.chain.submit(&tx);
    bench.demand_refusal(early, code)?;
    let early = bench.chain.mine_exactly(std::slice::from_ref(&tx), &filler);
    bench.demand_refusal(early, code)?;
    bench.chain.mine(1, &filler)?;
    bench.chain.submit(&tx)?;
    bench.chain.mine(1, &filler)?;
    demand!(
        bench,
        bench.chain.utxo(coin.0)?.is_none(),
        "a spent coin is still there",
    );
    Ok(())
}

fn payments_confirm(bench: &mut Bench<'_>) -> Result {
    let coin = bench.coin()?;
    let filler = bench.filler.clone();
    let tx = bench.payment(&coin, 1_000)?;
    let txid = bench.chain.submit(&tx)?;
    demand!(
        bench,
        bench.chain.submit(&tx)? == txid,
        "the same transaction twice is an error",
    );
    demand!(
        bench,
        bench.chain.mempool()?.contains(&txid),
        "it does not wait"
    );
    demand!(
        bench,
        bench.chain.transaction(txid)? == Some((tx.clone(), None)),
        "it is not found while it waits",
    );
    demand!(
        bench,
        bench.chain.utxo(outpoint(&tx, 0))?.is_none(),
        "an unconfirmed output counts as coin",
    );
    bench.chain.mine(1, &filler)?;
    let height = bench.chain.height()?;
    demand!(
        bench,
        !bench.chain.mempool()?.contains(&txid),
        "it still waits after it was mined",
    );
    demand!(
        bench,
        bench.chain.transaction(txid)? == Some((tx.clone(), Some(height))),
        "it is not found on chain",
    );
    let fee_and_subsidy = subsidy(height).to_sat() + 1_000;
    let reward = bench.chain.block(height)?.txdata[0].output[0]
        .value
        .to_sat();
    demand!(
        bench,
        reward == fee_and_subsidy,
        format!("the miner got {reward} sat of {fee_and_subsidy}"),
    );
    Ok(())
}

fn signatures_count(bench: &mut Bench<'_>) -> Result {
    let coin = bench.coin()?;
    let filler = bench.filler.clone();
    let mut tx = bench.payment(&coin, 1_000)?;
    tx.output[0].value = bitcoin::Amount::from_sat(tx.output[0].value.to_sat().saturating_sub(1));
    let offered = bench.chain.submit(&tx);
    bench.demand_refusal(offered, "mempool-script-verify-flag-failed")?;
    let height = bench.chain.height()?;
    let mined = bench.chain.mine_exactly(std::slice::from_ref(&tx), &filler);
    bench.demand_refusal(mined, "block-script-verify-flag-failed")?;
    demand!(
        bench,
        bench.chain.height()? == height,
        "a refused block moved the tip",
    );
    Ok(())
}

/// Demands that `tx` is refused now, both ways, and taken after one more block.
fn demand_one_block_later(bench: &mut Bench<'_>, tx: &Transaction, code: &str) -> Result {
    let filler = bench.filler.clone();
    let early = bench.chain.submit(tx);
    bench.demand_refusal(early, code)?;
    let early = bench.chain.mine_exactly(std::slice::from_ref(tx), &filler);
    bench.demand_refusal(early, "bad-txns-nonfinal")?;
    bench.chain.mine_exactly(&[], &filler)?;
    bench.chain.submit(tx)?;
    bench.chain.mine(1, &filler)?;
    let height = bench.chain.height()?;
    let found = bench.chain.transaction(tx.compute_txid())?;
    demand!(
        bench,
        found.is_some_and(|(_, at)| at == Some(height)),
        "it was not mined on time",
    );
    Ok(())
}

fn absolute_locks_hold(bench: &mut Bench<'_>) -> Result {
    let coin = bench.coin()?;
    let unsigned = bench.payment(&coin, 1_000)?;
    let height = bench.chain.height()?;
    let lock_time = LockTime::from_consensus(height + 1);
    let tx = bench.signed(
        Transaction {
            lock_time,
            ..unsigned
        },
        &[coin.1],
    )?;
    demand_one_block_later(bench, &tx, "non-final")
}

fn relative_locks_hold(bench: &mut Bench<'_>) -> Result {
    let coin = bench.coin()?;
    let mut tx = bench.payment(&coin, 1_000)?;
    // The coin is 99 blocks deep below the tip; the block after the next is 101 above it.
    let confirmed = bench.chain.utxo(coin.0)?.map_or(0, |(_, height)| height);
    let blocks = bench.chain.height()? + 2 - confirmed;
    tx.input[0].sequence = Sequence::from_consensus(blocks);
    let tx = bench.signed(tx, &[coin.1])?;
    demand_one_block_later(bench, &tx, "non-BIP68-final")
}

/// A version-3 transaction without fee and with one empty anchor.
fn zero_fee_parent(
    bench: &Bench<'_>,
    coin: &(OutPoint, TxOut),
) -> std::result::Result<Transaction, Violation> {
    let outputs = vec![
        pay(coin.1.value.to_sat(), &bench.signer.script()),
        pay(0, &ScriptBuf::new_p2a()),
    ];
    let tx = Transaction {
        version: Version(3),
        ..spend(&[coin.0], outputs)
    };
    bench.signed(tx, std::slice::from_ref(&coin.1))
}

fn packages_pay(bench: &mut Bench<'_>) -> Result {
    let (coin, purse) = (bench.coin()?, bench.coin()?);
    let filler = bench.filler.clone();
    let parent = zero_fee_parent(bench, &coin)?;
    let alone = bench.chain.submit(&parent);
    bench.demand_refusal(alone, "min relay fee not met")?;

    let child_of = |bench: &Bench<'_>, coins: &[OutPoint], fee_sat: u64| {
        let output = pay(
            purse.1.value.to_sat().saturating_sub(fee_sat),
            &bench.signer.script(),
        );
        let tx = Transaction {
            version: Version(3),
            ..spend(coins, vec![output])
        };
        let mut spent = vec![purse.1.clone()];
        spent.extend(parent.output.get(1).filter(|_| coins.len() > 1).cloned());
        bench.signed(tx, &spent)
    };
    let anchor = outpoint(&parent, 1);
    let poor = child_of(bench, &[purse.0, anchor], 10)?;
    let refused = bench.chain.submit_package(&[parent.clone(), poor]);
    bench.demand_refusal(refused, "min relay fee not met")?;
    demand!(
        bench,
        bench.chain.mempool()?.is_empty(),
        "a refused package left something behind",
    );

    let child = child_of(bench, &[purse.0, anchor], 5_000)?;
    bench
        .chain
        .submit_package(&[parent.clone(), child.clone()])?;
    demand!(
        bench,
        bench.chain.mempool()?.len() == 2,
        "a taken package does not wait",
    );
    // The anchor lets anybody bump: a dearer child takes the place of the first.
    let dearer = child_of(bench, &[purse.0, anchor], 20_000)?;
    bench
        .chain
        .submit_package(&[parent.clone(), dearer.clone()])?;
    demand!(
        bench,
        !bench.chain.mempool()?.contains(&child.compute_txid()),
        "a replaced child still waits",
    );
    bench.chain.mine(1, &filler)?;
    let height = bench.chain.height()?;
    for tx in [&parent, &dearer] {
        let found = bench.chain.transaction(tx.compute_txid())?;
        demand!(
            bench,
            found.is_some_and(|(_, at)| at == Some(height)),
            "the package was not mined as one",
        );
    }
    Ok(())
}

fn replacements_pay(bench: &mut Bench<'_>) -> Result {
    let coin = bench.coin()?;
    let filler = bench.filler.clone();
    let first = bench.payment(&coin, 1_000)?;
    bench.chain.submit(&first)?;
    let same_rate = bench.payment(&coin, 1_001)?;
    let refused = bench.chain.submit(&same_rate);
    bench.demand_refusal(refused, "insufficient fee")?;
    let better = bench.payment(&coin, 2_000)?;
    bench.chain.submit(&better)?;
    demand!(
        bench,
        bench.chain.mempool()? == [better.compute_txid()],
        "not just the replacement waits",
    );
    bench.chain.mine(1, &filler)?;
    demand!(
        bench,
        bench.chain.transaction(first.compute_txid())?.is_none(),
        "what was replaced is still known",
    );
    Ok(())
}

fn disconnections_undo(bench: &mut Bench<'_>) -> Result {
    let coin = bench.coin()?;
    let (filler, height) = (bench.filler.clone(), bench.chain.height()?);
    let old_tip = bench.chain.block_hash(height)?;
    let tx = bench.payment(&coin, 1_000)?;
    let txid = bench.chain.submit(&tx)?;
    bench.chain.mine(3, &filler)?;
    bench.chain.disconnect(3)?;
    demand!(
        bench,
        bench.chain.height()? == height,
        "the height is not what it was",
    );
    demand!(
        bench,
        bench.chain.block_hash(height)? == old_tip,
        "the tip is not what it was",
    );
    demand!(
        bench,
        bench.chain.mempool()? == [txid],
        "the transaction does not wait again",
    );
    demand!(
        bench,
        bench.chain.utxo(coin.0)?.is_some(),
        "the coin did not come back",
    );
    bench.chain.mine(1, &filler)?;
    let mined = bench.chain.block_hash(height + 1)?;
    bench.chain.reorg(1, &filler)?;
    demand!(
        bench,
        bench.chain.height()? == height + 2,
        "a reorganisation makes the chain one longer",
    );
    demand!(
        bench,
        bench.chain.block_hash(height + 1)? != mined,
        "the same block came back",
    );
    demand!(
        bench,
        bench.chain.mempool()? == [txid],
        "the transaction was lost in the reorganisation",
    );
    bench.chain.mine(1, &filler)?;
    demand!(
        bench,
        bench.chain.utxo(outpoint(&tx, 0))?.is_some(),
        "it was not mined again",
    );
    Ok(())
}

fn readers_find_their_way(bench: &mut Bench<'_>) -> Result {
    let filler = bench.filler.clone();
    bench.chain.mine(5, &filler)?;
    let (tip, hash) = bench.chain.tip()?;
    let lowest = tip - 4;
    let way = bench.chain.way(&|_| None, lowest)?;
    let heights: Vec<_> = way.blocks.iter().map(|(height, _)| *height).collect();
    demand!(
        bench,
        way.from.is_none() && heights == (lowest..=tip).collect::<Vec<_>>(),
        "a new reader is not led from the lowest height on",
    );
    demand!(
        bench,
        way.blocks.last() == Some(&(tip, hash)),
        "the way does not end at the tip",
    );
    let seen: std::collections::BTreeMap<_, _> = way.blocks.into_iter().collect();
    let known = |height: u32| seen.get(&height).copied();
    let nothing = bench.chain.way(&known, lowest)?;
    demand!(
        bench,
        nothing.from == Some(tip) && nothing.blocks.is_empty(),
        "who has read all is led further",
    );
    bench.chain.reorg(2, &filler)?;
    let back = bench.chain.way(&known, lowest)?;
    let heights: Vec<_> = back.blocks.iter().map(|(height, _)| *height).collect();
    demand!(
        bench,
        back.from == Some(tip - 2) && heights == [tip - 1, tip, tip + 1],
        "a reader is not led back to the common block, and on",
    );
    let mut previous = known(tip - 2);
    for (_, hash) in &back.blocks {
        let header = bench.chain.header_of(*hash)?;
        demand!(
            bench,
            Some(header.prev_blockhash) == previous && header.block_hash() == *hash,
            "the way is not one branch",
        );
        previous = Some(*hash);
    }
    bench.chain.reorg(6, &filler)?;
    let gone = bench.chain.way(&known, lowest)?;
    demand!(
        bench,
        gone.from.is_none() && gone.blocks.first().map(|(height, _)| *height) == Some(lowest),
        "a reader of whose blocks none is left is led on from one",
    );
    let taken = bench.chain.block_of(hash);
    demand!(
        bench,
        taken.is_ok() || matches!(taken, Err(crate::Error::NoSuchBlock { .. })),
        "a block that was taken back is neither there nor gone",
    );
    Ok(())
}

fn miners_are_free(bench: &mut Bench<'_>) -> Result {
    let coin = bench.coin()?;
    let filler = bench.filler.clone();
    // No fee, an unknown version, an output script that nobody relays: all policy.
    let output = pay(coin.1.value.to_sat(), &ScriptBuf::from_bytes(vec![0x51]));
    let tx = Transaction {
        version: Version(77),
        ..spend(&[coin.0], vec![output])
    };
    let tx = bench.signed(tx, std::slice::from_ref(&coin.1))?;
    let offered = bench.chain.submit(&tx);
    bench.demand_refusal(offered, "version")?;
    bench
        .chain
        .mine_exactly(std::slice::from_ref(&tx), &filler)?;
    let (made, _) = bench
        .chain
        .utxo(outpoint(&tx, 0))?
        .ok_or_else(|| bench.broken("it was not mined"))?;

    let more = spend(
        &[outpoint(&tx, 0)],
        vec![pay(made.value.to_sat() + 1, &filler)],
    );
    let mined = bench
        .chain
        .mine_exactly(std::slice::from_ref(&more), &filler);
    bench.demand_refusal(mined, "bad-txns-in-belowout")?;
    let twice = bench.chain.mine_exactly(std::slice::from_ref(&tx), &filler);
    demand!(
        bench,
        twice.is_err_and(|error| error.is_refusal()),
        "a transaction was mined twice",
    );
    Ok(())
}
