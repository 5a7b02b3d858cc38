//! The multiplication behind adaptor checks against its definition.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{
        Parity, Scalar, Secp256k1, SecretKey,
        constants::{CURVE_ORDER, FIELD_SIZE, ONE},
        rand::{SeedableRng, rngs::StdRng},
    },
};

use super::{bytes, secret};
use crate::musig::adaptor::{s_g_minus_e_p, two_multiplications};

/// The group order less 1.
fn minus_one() -> [u8; 32] {
    let mut bytes = CURVE_ORDER;
    bytes[31] -= 1;
    bytes
}

#[test]
fn random_scalars_and_keys() {
    let secp = Secp256k1::new();
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..500 {
        let key = secret(&mut rng).x_only_public_key(&secp).0;
        let (s, e) = (bytes(&mut rng), secret(&mut rng));
        let naive = two_multiplications(&s, &e, &key);
        assert!(naive.is_some());
        assert_eq!(s_g_minus_e_p(&s, &e, &key), naive);
    }
}

#[test]
fn smallest_and_largest_scalars() {
    let secp = Secp256k1::new();
    let key = SecretKey::from_slice(&[5; 32]).unwrap();
    let key = key.x_only_public_key(&secp).0;
    for s in [ONE, minus_one()] {
        for e in [ONE, minus_one()] {
            let e = SecretKey::from_slice(&e).unwrap();
            let naive = two_multiplications(&s, &e, &key);
            assert!(naive.is_some());
            assert_eq!(s_g_minus_e_p(&s, &e, &key), naive);
        }
    }
}

#[test]
fn what_is_no_scalar_or_no_point_gives_none() {
    let secp = Secp256k1::new();
    let mut rng = StdRng::seed_from_u64(2);
    let p = secret(&mut rng);
    let (key, parity) = p.x_only_public_key(&secp);
    let p = match parity {
        Parity::Even => p,
        Parity::Odd => p.negate(),
    };
    let e = secret(&mut rng);
    // With s = e·p the result is the point at infinity.
    let infinity = e.mul_tweak(&Scalar::from(p)).unwrap().secret_bytes();
    for s in [[0; 32], CURVE_ORDER, [0xff; 32], infinity] {
        assert_eq!(two_multiplications(&s, &e, &key), None);
        assert_eq!(s_g_minus_e_p(&s, &e, &key), None);
    }
}

/// Keys whose x coordinate lies between the group order and the field size: ECDSA recovery cannot take them.
#[test]
fn keys_beyond_the_group_order() {
    let mut rng = StdRng::seed_from_u64(3);
    let mut x = CURVE_ORDER;
    let mut found = 0;
    while found < 20 {
        assert!(x < FIELD_SIZE);
        if let Ok(key) = XOnlyPublicKey::from_slice(&x) {
            let (s, e) = (bytes(&mut rng), secret(&mut rng));
            let naive = two_multiplications(&s, &e, &key);
            assert!(naive.is_some());
            assert_eq!(s_g_minus_e_p(&s, &e, &key), naive);
            found += 1;
        }
        let next = u16::from_be_bytes([x[30], x[31]]) + 1;
        x[30..].copy_from_slice(&next.to_be_bytes());
    }
}
