//! Numbers modulo the order of secp256k1's group.
//!
//! libsecp256k1 shows its scalars only as secret keys, which cannot be 0 and cost a call each; a worker adds hundreds of
//! millions of them. Nothing here branches on a value, since most of them are secret. Points stay with libsecp256k1.

use zeroize::Zeroize;

/// A number below the order; limbs from the least significant.
#[derive(Clone, Copy, Default, PartialEq, Eq, Zeroize)]
pub(super) struct Scalar([u64; 4]);

impl std::fmt::Debug for Scalar {
    /// Without the value: most are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scalar(..)")
    }
}

/// The order.
const ORDER: [u64; 4] = [
    0xbfd2_5e8c_d036_4141,
    0xbaae_dce6_af48_a03b,
    0xffff_ffff_ffff_fffe,
    u64::MAX,
];
/// 2²⁵⁶ less the order: what a carry out of 256 bits is worth.
const CARRY: [u64; 4] = [0x402d_a173_2fc9_bebf, 0x4551_2319_50b7_5fc4, 1, 0];

/// a + b·c + carry, as low and high limb; it never overflows.
const fn mac(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let wide = a as u128 + b as u128 * c as u128 + carry as u128;
    (wide as u64, (wide >> 64) as u64)
}

/// a + b, and whether it exceeds 256 bits.
const fn add(a: &[u64; 4], b: &[u64; 4]) -> ([u64; 4], u64) {
    let (c0, carry) = mac(a[0], b[0], 1, 0);
    let (c1, carry) = mac(a[1], b[1], 1, carry);
    let (c2, carry) = mac(a[2], b[2], 1, carry);
    let (c3, carry) = mac(a[3], b[3], 1, carry);
    ([c0, c1, c2, c3], carry)
}

/// The remainder of a number below twice the order, 256 bits and a carry.
const fn reduced(low: &[u64; 4], carry: u64) -> Scalar {
    // Below the order, adding its complement carries nothing.
    let (less, over) = add(low, &CARRY);
    let mask = (carry | over).wrapping_neg();
    Scalar([
        low[0] ^ (mask & (low[0] ^ less[0])),
        low[1] ^ (mask & (low[1] ^ less[1])),
        low[2] ^ (mask & (low[2] ^ less[2])),
        low[3] ^ (mask & (low[3] ^ less[3])),
    ])
}

impl Scalar {
    pub(super) const ONE: Self = Self([1, 0, 0, 0]);

    pub(super) const fn from_u64(value: u64) -> Self {
        Self([value, 0, 0, 0])
    }

    pub(super) const fn from_u128(value: u128) -> Self {
        Self([value as u64, (value >> 64) as u64, 0, 0])
    }

    /// Big-endian bytes of a number below the order; each number has one spelling.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let (limbs, _) = bytes.as_chunks::<8>();
        let mut out = [0; 4];
        for (limb, bytes) in out.iter_mut().zip(limbs.iter().rev()) {
            *limb = u64::from_be_bytes(*bytes);
        }
        let (_, over) = add(&out, &CARRY);
        (over == 0).then_some(Self(out))
    }

    pub(super) fn to_bytes(self) -> [u8; 32] {
        let mut out = [0; 32];
        for (bytes, limb) in out
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .zip(self.0.iter().rev())
        {
            *bytes = limb.to_be_bytes();
        }
        out
    }

    pub(super) fn is_zero(self) -> bool {
        self.0.iter().fold(0, |all, limb| all | limb) == 0
    }

    #[inline]
    pub(super) const fn plus(self, other: Self) -> Self {
        let (sum, carry) = add(&self.0, &other.0);
        reduced(&sum, carry)
    }

    pub(super) const fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    const fn negated(self) -> Self {
        // order − x, as order + ¬x + 1; of 0 it is the order, which reduces to 0.
        let not = [!self.0[0], !self.0[1], !self.0[2], !self.0[3]];
        let (sum, _) = add(&ORDER, &not);
        let (sum, _) = add(&sum, &[1, 0, 0, 0]);
        reduced(&sum, 0)
    }

    /// Times a number of 64 bits, several times cheaper than by a scalar.
    #[inline]
    pub(super) const fn times_u64(self, factor: u64) -> Self {
        let (c0, high) = mac(0, self.0[0], factor, 0);
        let (c1, high) = mac(0, self.0[1], factor, high);
        let (c2, high) = mac(0, self.0[2], factor, high);
        let (c3, high) = mac(0, self.0[3], factor, high);
        let (c0, carry) = mac(c0, high, CARRY[0], 0);
        let (c1, carry) = mac(c1, high, CARRY[1], carry);
        let (c2, carry) = mac(c2, high, CARRY[2], carry);
        let (c3, carry) = mac(c3, carry, 1, 0);
        reduced(&[c0, c1, c2, c3], carry)
    }

    pub(super) const fn times(self, other: Self) -> Self {
        let mut wide = [0; 8];
        let mut i = 0;
        while i < 4 {
            let (mut carry, mut j) = (0, 0);
            while j < 4 {
                (wide[i + j], carry) = mac(wide[i + j], self.0[i], other.0[j], carry);
                j += 1;
            }
            wide[i + 4] = carry;
            i += 1;
        }
        // 512 bits, then at most 386, 260, 257.
        let wide = folded(&folded(&folded(&wide)));
        reduced(&[wide[0], wide[1], wide[2], wide[3]], wide[4])
    }

    /// The inverse, by Fermat; of 0 it is 0.
    pub(super) fn inverse(self) -> Self {
        let mut power = Self::ONE;
        // The order less 2, from its highest bit: a public number.
        for (limb, less) in ORDER.iter().zip([2, 0, 0, 0]).rev() {
            for bit in (0..64).rev() {
                power = power.times(power);
                if (limb - less) >> bit & 1 == 1 {
                    power = power.times(self);
                }
            }
        }
        power
    }
}

/// The same number modulo the order, with what is above 256 bits folded into the rest.
const fn folded(wide: &[u64; 8]) -> [u64; 8] {
    let mut out = [wide[0], wide[1], wide[2], wide[3], 0, 0, 0, 0];
    let mut i = 0;
    while i < 4 {
        let (mut carry, mut j) = (0, 0);
        while i + j < 8 {
            let limb = if j < 3 { CARRY[j] } else { 0 };
            (out[i + j], carry) = mac(out[i + j], wide[4 + i], limb, carry);
            j += 1;
        }
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;
    use crate::tagged::TaggedHasher;

    fn order() -> BigUint {
        big(&Scalar(ORDER))
    }

    fn big(scalar: &Scalar) -> BigUint {
        BigUint::from_bytes_be(&scalar.to_bytes())
    }

    fn scalar(value: &BigUint) -> Scalar {
        let bytes = (value % order()).to_bytes_be();
        let mut out = [0; 32];
        out[32 - bytes.len()..].copy_from_slice(&bytes);
        Scalar::from_bytes(&out).unwrap()
    }

    /// The edges of the arithmetic, and some hundred numbers between.
    fn cases() -> Vec<Scalar> {
        let one = BigUint::from(1u8);
        let mut all: Vec<_> = [1u64, 2, 3]
            .map(|n| order() - n)
            .into_iter()
            .chain([BigUint::ZERO, one.clone(), BigUint::from(u64::MAX)])
            .chain([64, 128, 129, 192, 255].map(|bit| &one << bit))
            .chain([big(&Scalar(CARRY)), order() / 2u8])
            .collect();
        all.extend((0..30).map(|n| {
            let hash = TaggedHasher::new("test/scalar").number(n).finish();
            BigUint::from_bytes_be(&hash)
        }));
        all.iter().map(scalar).collect()
    }

    #[test]
    fn arithmetic_is_that_of_integers_modulo_the_order() {
        for a in cases() {
            assert_eq!(scalar(&big(&a)), a);
            for b in cases() {
                let (x, y) = (big(&a), big(&b));
                assert_eq!(a.plus(b), scalar(&(&x + &y)));
                assert_eq!(a.minus(b), scalar(&(&x + order() - &y)));
                assert_eq!(a.times(b), scalar(&(&x * &y)));
                let low = b.0[0];
                assert_eq!(a.times_u64(low), scalar(&(&x * low)), "{x} {low}");
            }
            if !a.is_zero() {
                assert_eq!(a.times(a.inverse()), Scalar::ONE);
            }
        }
        assert!(Scalar::default().inverse().is_zero());
    }

    #[test]
    fn each_number_has_one_spelling() {
        let mut bytes = Scalar(ORDER).to_bytes();
        assert_eq!(Scalar::from_bytes(&bytes), None);
        bytes[31] -= 1;
        assert_eq!(
            Scalar::from_bytes(&bytes),
            Some(Scalar::default().minus(Scalar::ONE))
        );
        assert_eq!(Scalar::from_bytes(&[0xff; 32]), None);
    }
}
