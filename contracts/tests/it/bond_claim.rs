//! Certificates and claims: each way in which a bond counts nothing.

use bitcoin::{
    Amount, OutPoint, ScriptBuf, TxOut, Txid,
    hashes::{Hash, sha256},
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Secp256k1, SecretKey},
};
use narthex_base::codec::Message as _;
use narthex_contracts::bond::{
    BlockTime, BondError, BondFault, BondScript, Certificate, Claim, Lock, Sighting,
    UNSPENDABLE_KEY,
};
use proptest::prelude::*;

const TIP: BlockTime = BlockTime {
    height: 120,
    median_time: 1_600_000_000,
};

fn key(name: &str) -> Keypair {
    let secret = SecretKey::from_slice(&sha256::Hash::hash(name.as_bytes()).to_byte_array());
    secret.unwrap().keypair(&Secp256k1::new())
}

fn x(name: &str) -> XOnlyPublicKey {
    key(name).x_only_public_key().0
}

fn forms() -> [BondScript; 3] {
    let time = Lock::time(TIP.median_time).unwrap();
    [
        BondScript::bip46(key("bond").public_key(), time).unwrap(),
        BondScript::taproot(x("bond"), Lock::height(121).unwrap()),
        BondScript::taproot(x("bond"), time),
    ]
}

fn claim(script: BondScript) -> Claim {
    Claim {
        script,
        outpoint: OutPoint {
            txid: Txid::from_byte_array([9; 32]),
            vout: 1,
        },
        value: Amount::from_sat(70_000),
        confirmed_height: 110,
        identity: x("identity"),
    }
}

fn seen(claim: &Claim) -> Sighting {
    Sighting::Confirmed {
        output: TxOut {
            value: claim.value,
            script_pubkey: claim.script.script_pubkey().unwrap(),
        },
        at: BlockTime {
            height: 110,
            median_time: TIP.median_time - 6_000,
        },
        spent: false,
    }
}

fn sign(claim: Claim) -> Certificate {
    Certificate::sign(&Secp256k1::new(), claim, 200, &key("bond")).unwrap()
}

#[test]
fn what_is_as_claimed_counts() {
    let secp = Secp256k1::new();
    for script in forms() {
        let claim = claim(script);
        let locked = sign(claim).verify(&secp, &seen(&claim), TIP, 11).unwrap();
        assert_eq!((locked.value, locked.lock), (claim.value, script.lock()));
        assert_eq!(locked.confirmed.height, 110);
    }
}

/// Every named failure, for every form.
#[test]
fn what_is_not_as_claimed_counts_nothing() {
    let secp = Secp256k1::new();
    for script in forms() {
        let good = claim(script);
        let fault = |claim: Claim, seen: &Sighting, tip, depth| {
            sign(claim).verify(&secp, seen, tip, depth).unwrap_err()
        };
        let outpoint = good.outpoint;
        assert_eq!(
            fault(good, &Sighting::Missing, TIP, 1),
            BondFault::Missing { outpoint }
        );
        assert_eq!(
            fault(good, &Sighting::Waiting, TIP, 0),
            BondFault::Unconfirmed {
                depth: 0,
                wanted: 1
            }
        );
        assert_eq!(
            fault(good, &seen(&good), TIP, 12),
            BondFault::Unconfirmed {
                depth: 11,
                wanted: 12
            }
        );
        let Sighting::Confirmed { output, at, .. } = seen(&good) else {
            panic!()
        };
        let with = |output: TxOut, at: BlockTime, spent| Sighting::Confirmed { output, at, spent };
        assert_eq!(
            fault(good, &with(output.clone(), at, true), TIP, 1),
            BondFault::Spent { outpoint }
        );
        // Heights open with the block before, times when the median has passed them.
        let later = BlockTime {
            height: 121,
            median_time: TIP.median_time + 1,
        };
        assert_eq!(
            fault(good, &seen(&good), later, 1),
            BondFault::Expired {
                lock: script.lock(),
                tip: later
            }
        );
        let richer = Claim {
            value: Amount::from_sat(70_001),
            ..good
        };
        assert_eq!(
            fault(richer, &seen(&good), TIP, 1),
            BondFault::WrongAmount {
                claimed: richer.value,
                found: good.value
            }
        );
        let older = Claim {
            confirmed_height: 109,
            ..good
        };
        assert_eq!(
            fault(older, &seen(&good), TIP, 1),
            BondFault::WrongHeight {
                claimed: 109,
                found: 110
            }
        );
        let found = ScriptBuf::new_p2a();
        let other = TxOut {
            script_pubkey: found.clone(),
            ..output
        };
        let wanted = script.script_pubkey().unwrap();
        assert_eq!(
            fault(good, &with(other, at, false), TIP, 1),
            BondFault::WrongScript { found, wanted }
        );
        let aged = BlockTime { height: 200, ..TIP };
        let lasting = Claim {
            script: BondScript::taproot(x("bond"), Lock::height(500).unwrap()),
            ..good
        };
        assert_eq!(
            fault(lasting, &seen(&lasting), aged, 1),
            BondFault::CertificateExpired {
                valid_below: 200,
                tip_height: 200
            }
        );
        assert!(
            sign(lasting)
                .verify(&secp, &seen(&lasting), BlockTime { height: 199, ..TIP }, 1)
                .is_ok()
        );
    }
}

#[test]
fn only_the_bond_key_signs() {
    let secp = Secp256k1::new();
    let claim = claim(forms()[1]);
    let owner = x("bond");
    let foreign = Certificate::sign(&secp, claim, 200, &key("thief"));
    assert_eq!(foreign, Err(BondFault::ForeignSignature { owner }));
    // A thief's own certificate with the bond's key written into it.
    let own = BondScript::taproot(x("thief"), Lock::height(121).unwrap());
    let mut bytes = Certificate::sign(
        &secp,
        Claim {
            script: own,
            ..claim
        },
        200,
        &key("thief"),
    )
    .unwrap()
    .to_bytes();
    bytes[6..38].copy_from_slice(&owner.serialize());
    let forged = Certificate::from_bytes(&bytes).unwrap();
    assert_eq!(forged.claim(), &claim);
    assert_eq!(
        forged.verify(&secp, &seen(&claim), TIP, 1),
        Err(BondFault::ForeignSignature { owner })
    );
}

#[test]
fn a_coin_with_an_open_key_path_is_no_bond() {
    let secp = Secp256k1::new();
    let lock = Lock::height(121).unwrap();
    let open = BondScript::Taproot {
        internal: Some(x("both")),
        owner: x("bond"),
        lock,
    };
    let claim_open = claim(open);
    assert_eq!(
        sign(claim_open).verify(&secp, &seen(&claim_open), TIP, 1),
        Err(BondFault::Unlocked { key: x("both") })
    );
    // The point that nobody can sign for closes it, named or not.
    let nobody = XOnlyPublicKey::from_slice(&UNSPENDABLE_KEY).unwrap();
    let closed = BondScript::Taproot {
        internal: Some(nobody),
        owner: x("bond"),
        lock,
    };
    assert_eq!(
        closed.script_pubkey(),
        BondScript::taproot(x("bond"), lock).script_pubkey()
    );
    assert!(
        sign(claim(closed))
            .verify(&secp, &seen(&claim(closed)), TIP, 1)
            .is_ok()
    );
}

#[test]
fn bytes_come_back_and_nothing_else_is_read() {
    let secp = Secp256k1::new();
    let internal = BondScript::Taproot {
        internal: Some(x("both")),
        owner: x("bond"),
        lock: Lock::height(777).unwrap(),
    };
    for script in forms().into_iter().chain([internal]) {
        let certificate = sign(claim(script));
        let bytes = certificate.to_bytes();
        assert_eq!(Certificate::from_bytes(&bytes), Ok(certificate));
        for cut in 0..bytes.len() {
            assert!(Certificate::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(Certificate::from_bytes(&longer).is_err());
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            // Whatever still reads is not signed.
            if let Ok(read) = Certificate::from_bytes(&changed) {
                assert_eq!(read.to_bytes(), changed);
                assert!(read.check_signature(&secp, 1).is_err(), "byte {i}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_fall_over(mut bytes in prop::collection::vec(any::<u8>(), 0..300), kind in any::<bool>()) {
        if kind && bytes.len() > 6 {
            bytes[..5].copy_from_slice(b"NXBC1");
            bytes[5] %= 4;
        }
        if let Ok(read) = Certificate::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
            let seen = seen(&claim(forms()[0]));
            prop_assert!(read.verify(&Secp256k1::new(), &seen, TIP, 1).is_err());
        }
    }
}

#[test]
fn what_could_never_count_is_not_signed() {
    let secp = Secp256k1::new();
    let attempt = |claim, below| Certificate::sign(&secp, claim, below, &key("bond"));
    let [_, by_height, _] = forms();
    let good = claim(by_height);
    let confirmed_height = good.confirmed_height;
    assert!(attempt(good, confirmed_height + 1).is_ok());
    for valid_below in [0, 1, confirmed_height] {
        let fault = BondFault::NeverValid {
            valid_below,
            confirmed_height,
        };
        assert_eq!(attempt(good, valid_below), Err(fault));
    }
    let lock = Lock::height(confirmed_height).unwrap();
    let over = claim(BondScript::taproot(x("bond"), lock));
    let fault = BondFault::NeverLocked {
        lock,
        confirmed_height,
    };
    assert_eq!(attempt(over, 200), Err(fault));
    for (byte, vout) in [(9, u32::MAX), (0, 1)] {
        let outpoint = OutPoint::new(Txid::from_byte_array([byte; 32]), vout);
        let null = Claim { outpoint, ..good };
        assert_eq!(attempt(null, 200), Err(BondFault::Null { outpoint }));
    }
    // One more than descriptors say; BIP46's form has no descriptor.
    let lock = Lock::time(1 << 31).unwrap();
    let late = claim(BondScript::taproot(x("bond"), lock));
    assert_eq!(attempt(late, 200), Err(BondError::Late { lock }.into()));
    let late = claim(BondScript::bip46(key("bond").public_key(), lock).unwrap());
    assert!(attempt(late, 200).is_ok());
}

#[test]
fn a_tip_below_the_coin_is_no_tip() {
    let (secp, claim) = (Secp256k1::new(), claim(forms()[0]));
    let (certificate, confirmed_height) = (sign(claim), claim.confirmed_height);
    let fault = BondFault::AboveTip {
        confirmed_height,
        tip_height: confirmed_height - 1,
    };
    assert_eq!(
        certificate.check_signature(&secp, confirmed_height - 1),
        Err(fault)
    );
    assert_eq!(certificate.check_signature(&secp, confirmed_height), Ok(()));
}
