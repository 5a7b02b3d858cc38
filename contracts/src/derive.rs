//! How a party's secrets of a contract follow from its seed.
//!
//! A seed is written down once, by its owner. What is lost with a disk must follow from it again: the contract key
//! ([`contract_key`]) from seed and negotiation alone, so that every attempt at a contract has the same, and whoever has the seed
//! can spend; and what a verifier keeps its token under ([`reply_secret`]), from seed and contract. What may never come twice must not: a worker that was restored from an old copy and drew the same
//! secret for another attempt would sell two results under one. So these ([`Salted`]) need a salt beside the seed, drawn from the system's source
//! for the attempt ([`OwnSalt`]) and kept with it.
//!
//! All are HKDF-SHA256 (RFC 5869) with the seed as key material; the salt is the negotiation's id, the contract's id or the own salt, and `info`
//! has the [`Derived`] name. Salts of terms are none of them: those come from the system's source alone.

use bitcoin::{
    hashes::{Hash, HashEngine, Hmac, HmacEngine, sha256},
    secp256k1::{
        SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::secret::Secret;
use narthex_game_model::{
    commitment::{PolynomialSeed, ResultSecret, SaltSeed},
    token::{ReplySecret, Token},
};
use zeroize::Zeroizing;

/// What is derived. No two have one name, so that none is another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derived {
    /// A party's key in one contract.
    ContractKey,
    /// t, the worker's result secret.
    Result,
    /// Seed of the polynomial that its step keys lie on.
    Polynomial,
    /// Seed of the salts of its leaves.
    LeafSalts,
    /// x, the worker's token.
    Token,
    /// The verifier's nonce, which draws the sample.
    SampleNonce,
    /// Salt of the verifier's digests, which nobody else may know: of what stands for a step without output, and of the
    /// commitment to them (`paper` template). Not the nonce's, which is shown before they are computed.
    BlindSalt,
    /// What the verifier encrypts the token with in its reply, for itself.
    ReplyKey,
    /// The client's nonce, which draws what it looks at itself.
    AuditNonce,
    /// w_N of a penny bank, by the salt of its terms.
    BankChain,
    /// What all secrets of a sealed delivery's sender come from, by the salt of its ask.
    DeliverySeed,
    /// The key that senders of sealed deliveries encrypt to: one for all of them.
    DeliveryKey,
    /// What all secrets of a bounty's recomputer come from, by the salt of its call.
    BountySeed,
    /// What all secrets of a gated slice's provider come from, by the id of its participants.
    SliceSeed,
    /// The identity of an arbiter's offer on chain, by the height at which it ends.
    OfferIdentity,
}

impl Derived {
    /// All of them.
    pub const ALL: [Derived; 15] = [
        Derived::ContractKey,
        Derived::Result,
        Derived::Polynomial,
        Derived::LeafSalts,
        Derived::Token,
        Derived::SampleNonce,
        Derived::BlindSalt,
        Derived::ReplyKey,
        Derived::AuditNonce,
        Derived::BankChain,
        Derived::DeliverySeed,
        Derived::DeliveryKey,
        Derived::BountySeed,
        Derived::SliceSeed,
        Derived::OfferIdentity,
    ];

    /// What stands in `info`, before a counter of one byte.
    pub const fn info(self) -> &'static str {
        match self {
            Derived::ContractKey => "narthex/derived/contract-key",
            Derived::Result => "narthex/derived/result",
            Derived::Polynomial => "narthex/derived/polynomial",
            Derived::LeafSalts => "narthex/derived/leaf-salts",
            Derived::Token => "narthex/derived/token",
            Derived::SampleNonce => "narthex/derived/sample-nonce",
            Derived::BlindSalt => "narthex/derived/blind-salt",
            Derived::ReplyKey => "narthex/derived/reply-key",
            Derived::AuditNonce => "narthex/derived/audit-nonce",
            Derived::BankChain => "narthex/derived/bank-chain",
            Derived::DeliverySeed => "narthex/derived/delivery-seed",
            Derived::DeliveryKey => "narthex/derived/delivery-key",
            Derived::BountySeed => "narthex/derived/bounty-seed",
            Derived::SliceSeed => "narthex/derived/slice-seed",
            Derived::OfferIdentity => "narthex/derived/offer-identity",
        }
    }
}

/// 32 bytes that were drawn for one attempt at a contract, and serve no other. Kept with what it was drawn for: without
/// it what follows from it is lost. Not secret by itself, and of no use without the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnSalt([u8; 32]);

impl OwnSalt {
    /// Draws one. `rng` is the system's source, whatever a seed would give.
    pub fn draw<R: RngCore + CryptoRng + ?Sized>(rng: &mut R) -> OwnSalt {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        OwnSalt(salt)
    }

    /// One that was drawn and kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> OwnSalt {
        OwnSalt(bytes)
    }

    /// As it is kept.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// A party's contract key in this negotiation, the same in each of its attempts; `None` once in 2¹²⁸ negotiations to the
/// power of 256.
pub fn contract_key(seed: &Secret, negotiation: &[u8; 32]) -> Option<SecretKey> {
    scalar(seed, negotiation, Derived::ContractKey, |bytes| {
        SecretKey::from_slice(bytes).ok()
    })
}

/// The key that senders of sealed deliveries encrypt to, by the seed alone: who gave it away once is found by it for ever. `None` as for
/// [`contract_key`].
pub fn delivery_key(seed: &Secret) -> Option<SecretKey> {
    scalar(seed, &[0; 32], Derived::DeliveryKey, |bytes| {
        SecretKey::from_slice(bytes).ok()
    })
}

/// The identity of an arbiter's offer on chain that ends at this height, which owns its bond. The height stands in the offer: whoever has the
/// seed alone finds its offers on the chain, and their bonds; and whose offers end at rising heights has no identity twice. `None` as for
/// [`contract_key`].
pub fn offer_identity(seed: &Secret, expiry_height: u32) -> Option<SecretKey> {
    let mut salt = [0; 32];
    let (_, last) = salt.split_at_mut(28);
    last.copy_from_slice(&expiry_height.to_be_bytes());
    scalar(seed, &salt, Derived::OfferIdentity, |bytes| {
        SecretKey::from_slice(bytes).ok()
    })
}

/// What a verifier encrypts the token with in its reply of this contract, so that it has the token back from any peer that kept
/// the reply. From the seed and the contract's id, which the reply is signed for: a salt of the attempt would be lost with
/// the disk, and each attempt has an id of its own.
pub fn reply_secret(seed: &Secret, contract: &[u8; 32]) -> ReplySecret {
    ReplySecret::from_bytes(*derived(
        seed.expose(),
        contract,
        &info(Derived::ReplyKey, 0),
    ))
}

/// What follows from a seed and a salt that was drawn for one attempt.
#[derive(Debug)]
pub struct Salted<'a> {
    seed: &'a Secret,
    salt: OwnSalt,
}

impl<'a> Salted<'a> {
    /// Secrets of the attempt that this salt was drawn for.
    pub const fn new(seed: &'a Secret, salt: OwnSalt) -> Salted<'a> {
        Salted { seed, salt }
    }

    /// The worker's result secret; `None` as for [`contract_key`].
    pub fn result(&self) -> Option<ResultSecret> {
        scalar(self.seed, &self.salt.0, Derived::Result, |bytes| {
            let secret = ResultSecret::from_bytes(*bytes);
            secret.point().is_some().then_some(secret)
        })
    }

    /// Seed of the worker's polynomial.
    pub fn polynomial(&self) -> PolynomialSeed {
        PolynomialSeed::from_bytes(*self.bytes(Derived::Polynomial))
    }

    /// Seed of the salts of the worker's leaves.
    pub fn leaf_salts(&self) -> SaltSeed {
        SaltSeed::from_bytes(*self.bytes(Derived::LeafSalts))
    }

    /// The worker's token; `None` as for [`contract_key`].
    pub fn token(&self) -> Option<Token> {
        scalar(self.seed, &self.salt.0, Derived::Token, |bytes| {
            Token::from_bytes(*bytes)
        })
    }

    /// The verifier's nonce, a secret until it shows it.
    pub fn sample_nonce(&self) -> Secret {
        Secret::from_bytes(*self.bytes(Derived::SampleNonce))
    }

    /// Salt of the verifier's digests.
    pub fn blind_salt(&self) -> Secret {
        Secret::from_bytes(*self.bytes(Derived::BlindSalt))
    }

    /// The client's nonce for a root, a secret until it is shown. For another root it is another: a worker that has seen the one can't
    /// make a root for it.
    pub fn audit_nonce(&self, root: &[u8; 32]) -> Secret {
        let info = [&info(Derived::AuditNonce, 0)[..], root].concat();
        Secret::from_bytes(*derived(self.seed.expose(), &self.salt.0, &info))
    }

    /// Seed of a penny bank's chain. The salt is that of the bank's terms, which both sides keep: a payer that lost its disk has its pennies
    /// again.
    pub fn bank_chain(&self) -> Secret {
        Secret::from_bytes(*self.bytes(Derived::BankChain))
    }

    /// Seed of a sealed delivery. The salt is that of the ask, which is drawn for this delivery and names its message.
    pub fn delivery_seed(&self) -> Secret {
        Secret::from_bytes(*self.bytes(Derived::DeliverySeed))
    }

    /// Seed of a recomputer's secrets in a bounty. The salt is that of the call, which its requester draws for each attempt: no seed serves two.
    pub fn bounty_seed(&self) -> Secret {
        Secret::from_bytes(*self.bytes(Derived::BountySeed))
    }

    /// Seed of a provider's secrets in a gated slice: of what it deals, and of its post. The salt is of the ask and of the participants, which have
    /// a salt of their client's for each attempt: no seed serves two.
    pub fn slice_seed(&self) -> Secret {
        Secret::from_bytes(*self.bytes(Derived::SliceSeed))
    }

    fn bytes(&self, what: Derived) -> Zeroizing<[u8; 32]> {
        derived(self.seed.expose(), &self.salt.0, &info(what, 0))
    }
}

/// The first of what is derived that is one of them, by a counter: bytes that are no scalar are passed over.
fn scalar<T>(
    seed: &Secret,
    salt: &[u8; 32],
    what: Derived,
    take: impl Fn(&[u8; 32]) -> Option<T>,
) -> Option<T> {
    (0..=u8::MAX).find_map(|counter| take(&derived(seed.expose(), salt, &info(what, counter))))
}

fn info(what: Derived, counter: u8) -> Vec<u8> {
    [what.info().as_bytes(), &[counter]].concat()
}

/// HKDF-SHA256 with one block of output.
fn derived(key_material: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let hmac = |key: &[u8], parts: &[&[u8]]| {
        let mut engine = HmacEngine::<sha256::Hash>::new(key);
        for part in parts {
            engine.input(part);
        }
        Zeroizing::new(Hmac::from_engine(engine).to_byte_array())
    };
    let extracted = hmac(salt, &[key_material]);
    hmac(extracted.as_slice(), &[info, &[1]])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// RFC 5869, test cases 1 and 2 (the first 32 bytes of what they give).
    #[test]
    fn as_the_rfc_has_it() {
        let hex = |bytes: &[u8]| bitcoin::hex::DisplayHex::to_lower_hex_string(bytes);
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let found = derived(&[0x0b; 22], &salt, &info);
        let wanted = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(hex(found.as_slice()), wanted);
        let key: Vec<u8> = (0..=0x4f).collect();
        let salt: Vec<u8> = (0x60..=0xaf).collect();
        let info: Vec<u8> = (0xb0..=0xff).collect();
        let found = derived(&key, &salt, &info);
        let wanted = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c";
        assert_eq!(hex(found.as_slice()), wanted);
    }

    #[test]
    fn bytes_that_are_no_scalar_are_passed_over() {
        let seed = Secret::from_bytes([1; 32]);
        let seen = std::cell::RefCell::new(Vec::new());
        let third = scalar(&seed, &[2; 32], Derived::Token, |bytes| {
            seen.borrow_mut().push(*bytes);
            (seen.borrow().len() == 3).then_some(*bytes)
        });
        let seen = seen.into_inner();
        assert_eq!(third, seen.last().copied());
        assert!(
            seen.iter()
                .all(|bytes| seen.iter().filter(|b| *b == bytes).count() == 1)
        );
        assert_eq!(
            scalar(&seed, &[2; 32], Derived::Token, |_| None::<()>),
            None
        );
    }
}
