//! The root of record: only the worker can write it, once, and whatever others put on chain counts for nothing.

use crate::common;

use bitcoin::{Amount, ScriptBuf, Transaction, script::PushBytesBuf};
use common::rival;
use narthex::{
    contracts::{
        depth::{Depth, Shallow},
        template::{Exit, Hasty, RootRecord, root_coin},
        terms::{FeeRate, Role},
    },
    play::{ContractPlay, PlayError},
    regtest::Chain,
    wallet::ChildRequest,
};

use Role::{Verifier, Worker};

on_both_chains!(
    only_the_workers_root_counts,
    one_root_and_no_second,
    a_sample_waits_for_its_block,
    secrets_wait_for_the_contract,
);

const ROOT: RootRecord = RootRecord { root: [0x5a; 32] };
const OTHER: RootRecord = RootRecord { root: [0xa5; 32] };

fn child(
    play: &mut ContractPlay<'_>,
    who: Role,
    parent: &Transaction,
    record: RootRecord,
    with_coin: bool,
    least: u64,
) -> Transaction {
    let coin = root_coin(play.terms(), play.graph()).unwrap();
    let wallet = &mut play.participant_mut(who).unwrap().wallet;
    let coins = if with_coin {
        vec![wallet.coin(coin).unwrap()]
    } else {
        Vec::new()
    };
    let request = ChildRequest {
        parent,
        coins,
        data: Some(record.script()),
        rate: FeeRate::from_sat_per_kwu(500),
        least_fee: Amount::from_sat(least),
    };
    wallet.child(request).unwrap()
}

/// Roots of record that the chain holds from a height on.
fn on_record(play: &mut ContractPlay<'_>, from: u32) -> Vec<RootRecord> {
    let coin = root_coin(play.terms(), play.graph()).unwrap();
    let tip = play.chain().height().unwrap();
    let blocks: Vec<_> = (from..=tip)
        .map(|height| play.chain().block(height).unwrap())
        .collect();
    blocks
        .iter()
        .flat_map(|b| &b.txdata)
        .filter_map(|tx| RootRecord::find(tx, coin))
        .collect()
}

/// The verifier replaces the worker's child by one that claims another root. The delivery confirms under the same id;
/// nothing is on record until the worker spends its root coin.
fn only_the_workers_root_counts(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let start = play.chain().height().unwrap();
    let id = common::node(&play, Exit::DELIVERED);
    let txd = play.complete(Worker, id).unwrap();
    assert_eq!(Some(txd.compute_txid()), play.graph().txid(id));
    let coin = root_coin(play.terms(), play.graph()).unwrap();

    let own = child(&mut play, Worker, &txd, ROOT, true, 0);
    let another = child(&mut play, Worker, &txd, OTHER, true, 0);
    for (child, root) in [(&own, ROOT), (&another, OTHER)] {
        assert_eq!(RootRecord::find(child, coin), Some(root));
        assert_eq!(
            child.input[0].previous_output.txid,
            txd.compute_txid(),
            "one delivery for any root"
        );
    }
    play.chain()
        .submit_package(&[txd.clone(), own.clone()])
        .unwrap();
    let forged = child(&mut play, Verifier, &txd, OTHER, false, 5_000);
    assert_eq!(RootRecord::find(&forged, coin), None);
    play.chain().submit(&forged).unwrap();
    assert!(!rival::waits(&mut play, &own), "an anchor is anybody's");
    play.mine(1).unwrap();
    assert!(rival::is_confirmed(&mut play, &txd) && rival::is_confirmed(&mut play, &forged));
    assert_eq!(on_record(&mut play, start), []);

    // The worker's own transaction, which nobody can replace; in time it counts.
    let delivered = play.height_of(&txd).unwrap();
    let record = alone(&mut play, ROOT);
    play.chain().submit(&record).unwrap();
    play.mine(1).unwrap();
    assert_eq!(on_record(&mut play, start), [ROOT]);
    let deadline = RootRecord::deadline(play.terms().params(), delivered);
    assert_eq!(deadline, delivered + 2, "a third of the verdict's window");
    assert!(play.height_of(&record).unwrap() <= deadline);
    // The moves behind the delivery are as they were signed before anybody knew a root.
    play.publish(Verifier, Exit::APPROVED, "test").unwrap();
    play.publish(Worker, Exit::NORMAL_LONG, "test").unwrap();
}

fn alone(play: &mut ContractPlay<'_>, record: RootRecord) -> Transaction {
    let coin = root_coin(play.terms(), play.graph()).unwrap();
    let wallet = &mut play.participant_mut(Worker).unwrap().wallet;
    let coin = wallet.coin(coin).unwrap();
    let mut psbt = record
        .transaction(
            coin,
            &[],
            wallet.fresh_script(),
            FeeRate::from_sat_per_kwu(500),
            Amount::ZERO,
        )
        .unwrap();
    wallet.sign_all(&mut psbt).unwrap()
}

/// A coin is spent once: the worker cannot record a second root, nor two in one transaction, nor one that is cut.
fn one_root_and_no_second(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let start = play.chain().height().unwrap();
    let coin = root_coin(play.terms(), play.graph()).unwrap();
    let txd = play
        .complete(Worker, common::node(&play, Exit::DELIVERED))
        .unwrap();
    let first = child(&mut play, Worker, &txd, ROOT, true, 0);
    let second = alone(&mut play, OTHER);
    let mut double = first.clone();
    double.output.push(bitcoin::TxOut {
        value: Amount::ZERO,
        script_pubkey: OTHER.script(),
    });
    assert_eq!(RootRecord::find(&double, coin), None, "two roots are none");
    let mut cut = first.clone();
    for output in &mut cut.output {
        if output.script_pubkey.is_op_return() {
            let bytes = output.script_pubkey.as_bytes()[2..37].to_vec();
            output.script_pubkey = ScriptBuf::new_op_return(PushBytesBuf::try_from(bytes).unwrap());
        }
    }
    assert_eq!(RootRecord::find(&cut, coin), None);

    play.chain().submit_package(&[txd, first]).unwrap();
    play.mine(1).unwrap();
    assert_eq!(on_record(&mut play, start), [ROOT]);
    assert!(play.chain().submit(&second).is_err());
    assert!(common::is_spent(&common::refused(&mut play, &second)));
}

fn deep(blocks: u32) -> Depth {
    Depth::new(blocks).unwrap()
}

/// The sample's block is refused while one block could replace it, and a reorganisation of one block then leaves the
/// sample as it was drawn. Windows that leave no time for the depth are refused.
fn a_sample_waits_for_its_block(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let txd = play
        .complete(Worker, common::node(&play, Exit::DELIVERED))
        .unwrap();
    let own = child(&mut play, Worker, &txd, ROOT, true, 0);
    play.chain()
        .submit_package(&[txd.clone(), own.clone()])
        .unwrap();
    play.mine(2).unwrap();
    let (delivered, recorded) = (play.height_of(&txd).unwrap(), play.height_of(&own).unwrap());
    let tip = play.chain().height().unwrap();
    assert_eq!((delivered, recorded), (tip - 1, tip - 1));
    let draw = |tip| RootRecord::sample_block((delivered, recorded), tip, deep(2));
    let shallow = |at| Shallow {
        height: delivered + 1,
        tip: at,
        depth: deep(2),
    };
    assert_eq!(
        draw(tip - 1),
        Err(shallow(tip - 1)),
        "there is no block yet"
    );
    assert_eq!(draw(tip), Err(shallow(tip)), "one block could replace it");
    play.mine(1).unwrap();
    assert_eq!(draw(tip + 1), Ok(tip));
    let drawn = play.chain().block_hash(tip).unwrap();
    play.chain().disconnect(1).unwrap();
    for _ in 0..2 {
        play.chain().mine_exactly(&[], &common::miner()).unwrap();
    }
    assert_eq!(play.chain().block_hash(tip).unwrap(), drawn);
    // Six blocks for a verdict: two for the record, one for the sample's block, one upon it, and one for the verdict.
    let room = |depth| RootRecord::check_room(play.terms().params(), deep(depth));
    assert_eq!(room(2), Ok(()));
    let hasty = Hasty {
        verdict_blocks: 6,
        depth: deep(3),
    };
    assert_eq!(room(3), Err(hasty));
}

/// Nobody shows a secret on the strength of a transaction of the contract that one block could take away.
fn secrets_wait_for_the_contract(chain: &mut dyn Chain) {
    let mut play = common::funded(chain);
    let funded = play.chain().height().unwrap();
    match play.check_buried() {
        Err(PlayError::Shallow(shallow)) => assert_eq!(
            shallow,
            Shallow {
                height: funded,
                tip: funded,
                depth: deep(2)
            }
        ),
        other => panic!("{other:?}"),
    }
    play.bury().unwrap();
    assert_eq!(play.chain().height().unwrap(), funded + 1);
    play.check_buried().unwrap();
    // What one block took away is not relied on, and what is back is new.
    play.chain().disconnect(2).unwrap();
    assert!(play.check_buried().is_err());
}
