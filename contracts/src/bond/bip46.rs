//! BIP46: keys, months and messages of timelocked addresses, as other wallets have them.

use std::fmt;

use bitcoin::hashes::Hash;
use bitcoin::{
    bip32::{ChildNumber, DerivationPath, Xpub},
    secp256k1::{Message, PublicKey, Secp256k1, SecretKey, Signing, Verification},
    sign_message::{MessageSignature, signed_msg_hash},
};

use super::{BondError, BondFault, BondScript, Lock};

/// Number of timelock indices: months from January 2020 to December 2099.
pub const MONTHS: u16 = 960;

/// Chain of timelocked addresses below the account, beside 0 for receiving and 1 for change.
const TIMELOCKED_CHAIN: u32 = 2;

/// Blocks of the period that certificates are dated in.
pub const PERIOD_BLOCKS: u32 = 2_016;

/// A timelock index: a month from January 2020 on, whose first second is the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(u16);

impl Month {
    /// By index, 0 to 959.
    pub fn new(index: u16) -> Result<Month, BondError> {
        if index >= MONTHS {
            let what = format!("timelock index {index} is not one of 0 to 959");
            return Err(BondError::Derivation(what));
        }
        Ok(Month(index))
    }

    /// The index.
    pub fn index(self) -> u16 {
        self.0
    }

    /// The lock: midnight UTC of the month's first day.
    pub fn lock(self) -> Result<Lock, BondError> {
        /// 2020-01-01.
        const START: u32 = 1_577_836_800;
        const DAYS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let (years, months) = (u32::from(self.0) / 12, usize::from(self.0) % 12);
        // Every fourth year is a leap year up to 2099, 2020 first.
        let mut days = years * 365 + years.div_ceil(4) + DAYS[..months].iter().sum::<u32>();
        if years.is_multiple_of(4) && months > 1 {
            days += 1;
        }
        Lock::time(START + days * 86_400)
    }

    /// `2/index`, below the account's `m/84'/0'/0'`.
    pub fn account_path(self) -> [ChildNumber; 2] {
        [
            ChildNumber::Normal {
                index: TIMELOCKED_CHAIN,
            },
            ChildNumber::Normal {
                index: u32::from(self.0),
            },
        ]
    }

    /// `m/84'/coin'/0'/2/index`, with coin 0 for Bitcoin and 1 for test networks (BIP44).
    pub fn path(self, test_network: bool) -> DerivationPath {
        let hardened =
            [84, u32::from(test_network), 0].map(|index| ChildNumber::Hardened { index });
        hardened.into_iter().chain(self.account_path()).collect()
    }

    /// The bond of this month below an account's public key, `m/84'/0'/0'`: a watching wallet needs no secret.
    pub fn bond<C: Verification>(
        self,
        secp: &Secp256k1<C>,
        account: &Xpub,
    ) -> Result<BondScript, BondError> {
        if account.depth != 3 {
            let what = format!(
                "an account key has depth 3 (m/84'/0'/0'); this one has {}",
                account.depth
            );
            return Err(BondError::Derivation(what));
        }
        let key = account
            .derive_pub(secp, &self.account_path())
            .map_err(|e| BondError::Derivation(e.to_string()))?;
        BondScript::bip46(key.public_key, self.lock()?)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", 2020 + self.0 / 12, self.0 % 12 + 1)
    }
}

impl std::str::FromStr for Month {
    type Err = BondError;

    /// From `2030-01`.
    fn from_str(text: &str) -> Result<Month, BondError> {
        let wrong = || BondError::Derivation(format!("{text:?} is no month such as 2030-01"));
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let year: u16 = year.parse().map_err(|_| wrong())?;
        let month: u16 = month.parse().map_err(|_| wrong())?;
        if !(2020..2100).contains(&year) || !(1..=12).contains(&month) {
            return Err(wrong());
        }
        // One month, one text: no signs, no other number of digits.
        Month::new((year - 2020) * 12 + month - 1).and_then(|found| {
            if found.to_string() == text {
                Ok(found)
            } else {
                Err(wrong())
            }
        })
    }
}

/// The BIP's own certificate: a text that hands the bond to another key for some time.
///
/// It names neither outpoint nor amount, so whoever takes it must read both from the chain; Narthex's own
/// [`Certificate`](super::Certificate) binds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCertificate {
    /// The key that speaks for the bond.
    pub key: PublicKey,
    /// Period of 2016 blocks at whose beginning it ends.
    pub end_period: u32,
}

impl KeyCertificate {
    /// The text that is signed.
    pub fn message(&self) -> String {
        format!("fidelity-bond-cert|{}|{}", self.key, self.end_period)
    }

    /// First height at which it does not hold any more.
    pub fn valid_below(&self) -> u32 {
        self.end_period.saturating_mul(PERIOD_BLOCKS)
    }

    /// Whether the key of `bond` signed it and it still holds.
    pub fn verify<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        bond_key: &PublicKey,
        signature: &MessageSignature,
        tip_height: u32,
    ) -> Result<(), BondFault> {
        if !is_signed(secp, bond_key, &self.message(), signature) {
            let owner = bond_key.x_only_public_key().0;
            return Err(BondFault::ForeignSignature { owner });
        }
        let valid_below = self.valid_below();
        if tip_height >= valid_below {
            return Err(BondFault::CertificateExpired {
                valid_below,
                tip_height,
            });
        }
        Ok(())
    }
}

/// Signs a text as Bitcoin wallets do: certificates with the bond's key, endpoints with the certified key.
pub fn sign_message<C: Signing>(
    secp: &Secp256k1<C>,
    key: &SecretKey,
    text: &str,
) -> MessageSignature {
    let message = Message::from_digest(signed_msg_hash(text).to_byte_array());
    MessageSignature::new(secp.sign_ecdsa_recoverable(&message, key), true)
}

/// Whether `key`, compressed, signed the text.
pub fn is_signed<C: Verification>(
    secp: &Secp256k1<C>,
    key: &PublicKey,
    text: &str,
    signature: &MessageSignature,
) -> bool {
    signature
        .recover_pubkey(secp, signed_msg_hash(text))
        .is_ok_and(|found| found.compressed && found.inner == *key)
}
