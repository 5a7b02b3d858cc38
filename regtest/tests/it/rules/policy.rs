//! What is relayed at all.

use bitcoin::{OutPoint, ScriptBuf, Witness};
use narthex_regtest::suite::{pay, spend};

use super::bench::{Bench, anyone, data, output};

pub(crate) fn dust_must_be_alone_without_fee_and_spent(mut bench: Bench) {
    let (coin, purse) = (bench.coin(), bench.coin());
    let dusty = |bench: &Bench, fee, anchors| bench.pay(3, &[&coin], fee, anchors);
    let paying = dusty(&bench, 1_000, vec![pay(0, &anyone())]);
    bench.refused(&paying, "dust");
    let double = dusty(&bench, 0, vec![pay(0, &anyone()), pay(0, &anyone())]);
    bench.refused(&double, "dust");
    let own = bench.signer.script();
    let almost = dusty(&bench, 0, vec![pay(329, &own)]);
    bench.refused(&almost, "min relay fee not met");

    let parent = dusty(&bench, 0, vec![pay(0, &anyone())]);
    let ignoring = bench.pay(3, &[&output(&parent, 0), &purse], 5_000, vec![]);
    bench.package_refused(&[&parent, &ignoring], "missing-ephemeral-spends");
    let sweeping = bench.pay(3, &[&output(&parent, 1), &purse], 5_000, vec![]);
    bench.submit_package(&[&parent, &sweeping]);
    assert_eq!(bench.mine().txdata.len(), 3);

    // 330 satoshis are no dust for Taproot, and then a fee is welcome.
    let coin = bench.coin();
    let clean = bench.pay(3, &[&coin], 1_000, vec![pay(330, &own)]);
    bench.submit(&clean);
}

pub(crate) fn anyone_spends_an_anchor_but_without_witness(mut bench: Bench) {
    let coin = bench.coin();
    let parent = bench.pay(2, &[&coin], 1_000, vec![pay(50_000, &anyone())]);
    bench.submit(&parent);
    let anchor = OutPoint {
        txid: parent.compute_txid(),
        vout: 1,
    };
    let mut child = spend(&[anchor], vec![pay(40_000, &bench.signer.script())]);
    child.input[0].witness = Witness::from_slice(&[[1u8]]);
    bench.refused(&child, "bad-witness-nonstandard");
    child.input[0].witness.clear();
    bench.submit(&child);
}

pub(crate) fn output_scripts_are_of_known_kinds(mut bench: Bench) {
    let coin = bench.coin();
    let key = [&[33u8, 2][..], &[0x79; 32]].concat();
    let multisig =
        |keys: u8| [&[0x51][..], &key.repeat(keys.into()), &[0x50 + keys, 0xae]].concat();
    let unknown: [Vec<u8>; 5] = [
        vec![],
        vec![0x51],
        vec![0x6a, 0xac],
        multisig(4),
        [&[0, 21][..], &[1; 21]].concat(),
    ];
    for script in unknown {
        let tx = bench.pay(
            2,
            &[&coin],
            1_000,
            vec![pay(10_000, &ScriptBuf::from_bytes(script))],
        );
        bench.refused(&tx, "scriptpubkey");
    }
    let future_witness = [&[0x60, 40][..], &[1; 40]].concat();
    let known = [
        multisig(3),
        future_witness,
        [&key[..], &[0xac]].concat(),
        vec![0x51, 2, 0x4e, 0x73],
    ];
    let outputs = known
        .map(|script| pay(10_000, &ScriptBuf::from_bytes(script)))
        .to_vec();
    let tx = bench.pay(2, &[&coin], 1_000, outputs);
    bench.submit(&tx);
    // To pay to an unknown witness version is fine, to spend it is not.
    let mut spending = spend(
        &[output(&tx, 2).0],
        vec![pay(5_000, &bench.signer.script())],
    );
    spending.input[0].witness = Witness::from_slice(&[[1u8]]);
    bench.refused(&spending, "bad-txns-nonstandard-inputs");
    for version in [0, 4, -1] {
        let other = bench.coin();
        let tx = bench.pay(version, &[&other], 1_000, vec![]);
        bench.refused(&tx, "version");
    }
}

pub(crate) fn data_is_limited_in_sum_only_by_weight(mut bench: Bench) {
    let coin = bench.coin();
    let two = bench.pay(2, &[&coin], 100_000, vec![data(49_000), data(49_000)]);
    let large = bench.pay(2, &[&coin], 100_000, vec![data(99_900)]);
    bench.refused(&large, "tx-size");
    bench.submit(&two);
}

pub(crate) fn a_cluster_holds_64_transactions(mut bench: Bench) {
    let mut last = bench.coin();
    for _ in 0..64 {
        let tx = bench.pay(2, &[&last], 200, vec![]);
        bench.submit(&tx);
        last = output(&tx, 0);
    }
    let one_more = bench.pay(2, &[&last], 200, vec![]);
    bench.refused(&one_more, "too-large-cluster");
    assert_eq!(bench.mine().txdata.len(), 65);
    bench.submit(&one_more);
    // Or 101,000 virtual bytes.
    let tx = bench.pay(2, &[&output(&one_more, 0)], 100_000, vec![data(99_500)]);
    bench.submit(&tx);
    let child = bench.pay(2, &[&output(&tx, 0)], 20_000, vec![data(1_300)]);
    bench.refused(&child, "too-large-cluster");
}

pub(crate) fn the_smallest_transaction_has_65_bytes(mut bench: Bench) {
    let coin = bench.coin();
    let size = |data: usize| {
        vec![pay(
            0,
            &ScriptBuf::from_bytes([&[0x6a][..], &vec![0x51; data]].concat()),
        )]
    };
    let tx = bench.tx(2, &[&coin], size(3));
    assert_eq!(tx.base_size(), 64);
    bench.refused(&tx, "tx-size-small");
    let tx = bench.tx(2, &[&coin], size(4));
    bench.submit(&tx);
}
