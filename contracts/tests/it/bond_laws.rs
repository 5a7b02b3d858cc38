//! Withdrawals and roll-overs keep the laws of the engine: value, dust, weight, and the owner's exit alone.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, TxOut, Txid, XOnlyPublicKey,
    hashes::{Hash, sha256},
    secp256k1::{Secp256k1, SecretKey},
};
use narthex_contracts::{
    bond::{BondScript, Lock},
    funding::SweepError,
    terms::{FeeError, FeeRate, FeeRules, Fees},
};
use proptest::prelude::*;

fn secret(n: u64) -> SecretKey {
    SecretKey::from_slice(&sha256::Hash::hash(&n.to_be_bytes()).to_byte_array()).unwrap()
}

fn coin() -> OutPoint {
    OutPoint {
        txid: Txid::from_byte_array([5; 32]),
        vout: 3,
    }
}

fn form(kind: u8, owner: &SecretKey, until: u32) -> BondScript {
    let secp = Secp256k1::new();
    let (key, x) = (owner.public_key(&secp), owner.x_only_public_key(&secp).0);
    let time = || Lock::time(500_000_000 + until).unwrap();
    match kind % 3 {
        0 => BondScript::bip46(key, time()).unwrap(),
        1 => BondScript::taproot(x, Lock::height(until).unwrap()),
        _ => BondScript::taproot(x, time()),
    }
}

fn prevout(bond: &BondScript, sat: u64) -> TxOut {
    TxOut {
        value: Amount::from_sat(sat),
        script_pubkey: bond.script_pubkey().unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn laws(
        kind in any::<u8>(), next in any::<u8>(), n in any::<u64>(), until in 1..400_000_000u32,
        sat in 0..3_000_000u64, rate in 250..20_000u64, part in prop::option::of(0..2_000_000u64),
    ) {
        let owner = secret(n);
        let bond = form(kind, &owner, until);
        let rest = form(next, &owner, until + 1_000).script_pubkey().unwrap();
        let wallet = ScriptBuf::new_p2tr_tweaked(bitcoin::key::TweakedPublicKey::dangerous_assume_tweaked(bond.owner()));
        let outputs = part.map(|sat| TxOut { value: Amount::from_sat(sat), script_pubkey: wallet });
        let sweep = bond
            .sweep(coin(), prevout(&bond, sat), outputs.into_iter().collect(), rest, Fees::waived(FeeRate::from_sat_per_kwu(rate)))
            .unwrap();
        match sweep.sign(&owner) {
            Ok(tx) => {
                // Nothing is lost but the fee, and the fee is what the rate says of a weight that is not exceeded.
                let out: Amount = tx.output.iter().map(|o| o.value).sum();
                let fee = Amount::from_sat(sat) - out;
                let least = FeeRate::from_sat_per_kwu(rate).fee(tx.weight()).unwrap();
                prop_assert!(fee >= least && fee <= FeeRate::from_sat_per_kwu(rate).fee(tx.weight() + bitcoin::Weight::from_wu(4)).unwrap());
                prop_assert!(tx.output.iter().all(|o| o.value >= o.script_pubkey.minimal_non_dust()));
                prop_assert!(tx.weight().to_vbytes_ceil() < 300);
                // The exit has a stated height or time, and is replaceable.
                prop_assert_eq!(tx.lock_time, bond.lock().lock_time());
                prop_assert!(tx.input[0].sequence.is_rbf() && tx.input[0].sequence.enables_absolute_lock_time());
            }
            Err(SweepError::Short { coin, outputs, fee }) => {
                prop_assert!(coin < outputs + fee + Amount::from_sat(331));
            }
            Err(SweepError::Dust { value, limit, .. }) => prop_assert!(value < limit),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn another_key_signs_nothing() {
    let owner = secret(1);
    for kind in 0..3 {
        let bond = form(kind, &owner, 900);
        let sweep = bond
            .sweep(
                coin(),
                prevout(&bond, 50_000),
                vec![],
                ScriptBuf::new_p2a(),
                FeeRate::from_sat_per_kwu(500),
            )
            .unwrap();
        let outpoint = coin();
        assert_eq!(
            sweep.sign(&secret(2)),
            Err(SweepError::Unsigned { outpoint })
        );
        assert_eq!(
            sweep.finish(&sweep.psbt().unwrap()),
            Err(SweepError::Unsigned { outpoint })
        );
        // A signed PSBT of another destination.
        let other = bond
            .sweep(
                coin(),
                prevout(&bond, 50_000),
                vec![],
                bond.script_pubkey().unwrap(),
                FeeRate::from_sat_per_kwu(500),
            )
            .unwrap();
        assert_eq!(
            sweep.finish(&other.psbt().unwrap()),
            Err(SweepError::Foreign)
        );
        assert!(sweep.sign(&owner).is_ok());
    }
}

#[test]
fn figures_of_the_page() {
    let owner = secret(1);
    let wallet = ScriptBuf::new_p2tr(
        &Secp256k1::new(),
        owner.x_only_public_key(&Secp256k1::new()).0,
        None,
    );
    let (mut all, mut good) = (Vec::new(), true);
    for (kind, lock, withdraw, roll) in WEIGHTS {
        let bond = form(kind, &owner, lock);
        let weigh = |rest: ScriptBuf| {
            let sweep = bond
                .sweep(
                    coin(),
                    prevout(&bond, 50_000),
                    vec![],
                    rest,
                    FeeRate::from_sat_per_kwu(500),
                )
                .unwrap();
            sweep.sign(&owner).unwrap().weight().to_wu()
        };
        let found = (weigh(wallet.clone()), weigh(bond.script_pubkey().unwrap()));
        all.push(found);
        // ECDSA signatures differ by a byte or two.
        good &= found.0.abs_diff(withdraw) <= 2 && found.1.abs_diff(roll) <= 2;
    }
    assert!(good, "{all:?}");
}

/// Form, lock, weight of a withdrawal to Taproot and of a roll-over, in wu.
const WEIGHTS: [(u8, u32, u64, u64); 3] = [
    (0, 1_200_000_000, 494, 494),
    (1, 900_000, 518, 518),
    (2, 1_200_000_000, 519, 519),
];

#[test]
fn a_bond_that_ends_where_heights_become_times() {
    let key: XOnlyPublicKey = secret(1).x_only_public_key(&Secp256k1::new()).0;
    for (number, is_time) in [
        (1, false),
        (499_999_999, false),
        (500_000_000, true),
        (i32::MAX as u32, true),
    ] {
        let lock = Lock::new(number).unwrap();
        assert_eq!(lock.is_time(), is_time);
        assert!(BondScript::taproot(key, lock).script_pubkey().is_ok());
    }
    assert!(
        Lock::new(0).is_err() && Lock::height(0).is_err() && Lock::height(500_000_000).is_err()
    );
    assert!(Lock::time(499_999_999).is_err());
    // Miniscript ends at 2³¹ − 1, BIP46 does not.
    let late = Lock::new(u32::MAX).unwrap();
    assert!(BondScript::taproot(key, late).script_pubkey().is_err());
    let bip46 = BondScript::bip46(secret(1).public_key(&Secp256k1::new()), late).unwrap();
    assert!(bip46.script_pubkey().is_ok());
    assert!(
        BondScript::bip46(
            secret(1).public_key(&Secp256k1::new()),
            Lock::height(9).unwrap()
        )
        .is_err()
    );
}

#[test]
fn fees_that_are_mistakes() {
    let owner = secret(1);
    let bond = form(0, &owner, 900);
    let sweep = |outpoint, fees: Fees| {
        let prevout = prevout(&bond, 50_000);
        let sweep = bond.sweep(outpoint, prevout, vec![], ScriptBuf::new_p2a(), fees);
        sweep.unwrap().sign(&owner)
    };
    // 5,000 sat are a tenth.
    let weight = sweep(coin(), FeeRate::from_sat_per_kwu(500).into())
        .unwrap()
        .weight();
    let dear = FeeRate::from_sat_per_kwu(6_000_000 / weight.to_wu());
    let coins = Amount::from_sat(50_000);
    let error = sweep(coin(), dear.into()).unwrap_err();
    assert!(
        matches!(error, SweepError::Fee(FeeError::Share { fee, coins: c }) if c == coins && fee > coins / 10),
        "{error}"
    );
    let paid = sweep(coin(), Fees::waived(dear)).unwrap().output[0].value;
    assert!(coins - paid > coins / 10);
    for (rate, error) in [
        (
            0,
            FeeError::Low {
                rate: FeeRate::from_sat_per_kwu(0),
            },
        ),
        (
            1 << 63,
            FeeError::High {
                rate: FeeRate::from_sat_per_kwu(1 << 63),
            },
        ),
        (
            u64::MAX,
            FeeError::High {
                rate: FeeRate::from_sat_per_kwu(u64::MAX),
            },
        ),
    ] {
        assert_eq!(
            sweep(coin(), FeeRate::from_sat_per_kwu(rate).into()),
            Err(error.into())
        );
    }
    let free = sweep(coin(), Fees::waived(FeeRate::from_sat_per_kwu(0))).unwrap();
    assert_eq!(free.output[0].value, coins);
    // Neither half of the null outpoint names a coin.
    let (mut no_id, mut no_vout) = (coin(), coin());
    no_id.txid = bitcoin::Txid::all_zeros();
    no_vout.vout = u32::MAX;
    for outpoint in [no_id, no_vout] {
        let error = sweep(outpoint, FeeRate::from_sat_per_kwu(500).into()).unwrap_err();
        assert_eq!(error, SweepError::Null { outpoint });
    }
}
