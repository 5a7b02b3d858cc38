//! Version 3: BIP431.

use narthex_regtest::suite::pay;

use super::bench::{Bench, data, output};

pub(crate) fn versions_do_not_mix(mut bench: Bench) {
    let (a, b) = (bench.coin(), bench.coin());
    let (restricted, ordinary) = (
        bench.pay(3, &[&a], 1_000, vec![]),
        bench.pay(2, &[&b], 1_000, vec![]),
    );
    bench.submit(&restricted);
    bench.submit(&ordinary);
    for (parent, version) in [(&restricted, 2), (&ordinary, 3)] {
        let child = bench.pay(version, &[&output(parent, 0)], 1_000, vec![]);
        bench.refused(&child, "TRUC-violation");
    }
    bench.mine();
    // Once the parents are confirmed, versions don't matter.
    for (parent, version) in [(&restricted, 2), (&ordinary, 3)] {
        let child = bench.pay(version, &[&output(parent, 0)], 1_000, vec![]);
        bench.submit(&child);
    }
}

pub(crate) fn a_family_has_two_members(mut bench: Bench) {
    let (a, b) = (bench.coin(), bench.coin());
    let (first, second) = (
        bench.pay(3, &[&a], 1_000, vec![]),
        bench.pay(3, &[&b], 1_000, vec![]),
    );
    bench.submit(&first);
    bench.submit(&second);
    let of_two = bench.pay(3, &[&output(&first, 0), &output(&second, 0)], 1_000, vec![]);
    bench.refused(&of_two, "TRUC-violation");
    let child = bench.pay(3, &[&output(&first, 0)], 1_000, vec![]);
    bench.submit(&child);
    let grandchild = bench.pay(3, &[&output(&child, 0)], 1_000, vec![]);
    bench.refused(&grandchild, "TRUC-violation");
    // Nor as a package.
    let low = bench.pay(3, &[&output(&second, 0)], 0, vec![]);
    let its_child = bench.pay(3, &[&output(&low, 0)], 5_000, vec![]);
    bench.package_refused(&[&low, &its_child], "TRUC-violation");
}

pub(crate) fn sizes_are_limited(mut bench: Bench) {
    let (a, b) = (bench.coin(), bench.coin());
    let large = bench.pay(3, &[&a], 100_000, vec![data(9_900)]);
    bench.refused(&large, "TRUC-violation");
    let parent = bench.pay(3, &[&a], 100_000, vec![data(9_800)]);
    bench.submit(&parent);
    let child = bench.pay(3, &[&output(&parent, 0), &b], 100_000, vec![data(900)]);
    bench.refused(&child, "TRUC-violation");
    let child = bench.pay(3, &[&output(&parent, 0), &b], 100_000, vec![data(800)]);
    bench.submit(&child);
}

pub(crate) fn a_sibling_is_evicted_for_a_better_fee(mut bench: Bench) {
    let coin = bench.coin();
    let more = vec![pay(100_000, &bench.signer.script())];
    let parent = bench.pay(3, &[&coin], 1_000, more);
    let first = bench.pay(3, &[&output(&parent, 0)], 2_000, vec![]);
    bench.submit(&parent);
    bench.submit(&first);
    // It spends another output, yet has to pay for its sibling.
    let cheap = bench.pay(3, &[&output(&parent, 1)], 2_000, vec![]);
    bench.refused(&cheap, "insufficient fee");
    let dear = bench.pay(3, &[&output(&parent, 1)], 3_000, vec![]);
    bench.submit(&dear);
    assert!(bench.waits(&dear) && !bench.waits(&first) && bench.waits(&parent));
}
