//! The scripts that lock a bond.

use std::sync::Arc;

use bitcoin::{
    ScriptBuf,
    key::XOnlyPublicKey,
    opcodes::all::{OP_CHECKSIG, OP_CLTV, OP_DROP},
    script::Builder,
    secp256k1::PublicKey,
};
use miniscript::{Descriptor, Miniscript, Tap, descriptor::TapTree};

use super::Lock;

/// The point of BIP341 of which nobody knows the discrete logarithm: the hash of the generator, lifted to the curve.
///
/// As internal key it closes the key path, so that a bond cannot be spent early. BIP341 suggests adding r·G to hide
/// that the key path is closed; here it must be *seen* to be closed by everybody who reads the chain, so r would
/// have to be public and would hide nothing. Without it the script follows from identity and expiry alone.
pub const UNSPENDABLE_KEY: [u8; 32] = [
    0x50, 0x92, 0x9b, 0x74, 0xc1, 0xa0, 0x49, 0x54, 0xb7, 0x8b, 0x4b, 0x60, 0x35, 0xe9, 0x7a, 0x5e,
    0x07, 0x8a, 0x5a, 0x0f, 0x28, 0xec, 0x96, 0xd5, 0x47, 0xbf, 0xee, 0x9a, 0xce, 0x80, 0x3a, 0xc0,
];

/// Latest lock of a Taproot bond: miniscript's `after(n)` takes 1 to 2³¹ − 1, so that a height or time is never read as
/// negative (Bitcoin Core, `miniscript.h`; the Rust library takes one more).
pub const MAX_TAPROOT_LOCK: u32 = (1 << 31) - 1;

/// Why there is no bond script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BondError {
    /// The expiry is no block height.
    #[error("a bond cannot expire at {expiry_height}: heights are 1 to 499999999 (BIP65)")]
    Expiry {
        /// Height asked for.
        expiry_height: u32,
    },
    /// The expiry is no time, as BIP46 needs one.
    #[error("a bond cannot expire at time {time}: times are Unix seconds from 500000000 (BIP65)")]
    Time {
        /// Time asked for.
        time: u32,
    },
    /// A timelock index of BIP46 out of range, or an account key of another depth.
    #[error("no key for a timelocked address: {0}")]
    Derivation(String),
    /// A Taproot lock that no descriptor can say: wallets could not watch the bond, or spend it.
    #[error(
        "a Taproot bond cannot be locked until {lock}: descriptors say locks up to {MAX_TAPROOT_LOCK} (2^31 - 1; as a time 2038-01-19 03:14:07 UTC); BIP46's form takes months up to 2099-12"
    )]
    Late {
        /// The lock asked for.
        lock: Lock,
    },
    /// The script library refuses; not reachable for locks up to [`MAX_TAPROOT_LOCK`].
    #[error("the script of the bond cannot be built: {0}")]
    Script(String),
}

/// What a bond pays to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BondScript {
    /// BIP46: `<lock> OP_CLTV OP_DROP <key> OP_CHECKSIG` behind P2WSH.
    Bip46 {
        /// Who can spend it after the lock.
        key: PublicKey,
        /// A time; the BIP uses firsts of months.
        lock: Lock,
    },
    /// `tr(INTERNAL,and_v(v:pk(OWNER),after(LOCK)))`.
    Taproot {
        /// Who can spend it at any time: `None` for nobody ([`UNSPENDABLE_KEY`]), which alone makes it a bond.
        internal: Option<XOnlyPublicKey>,
        /// Who can spend it after the lock.
        owner: XOnlyPublicKey,
        /// A height or a time.
        lock: Lock,
    },
}

impl BondScript {
    /// BIP46's script; the lock must be a time.
    pub fn bip46(key: PublicKey, lock: Lock) -> Result<BondScript, BondError> {
        if !lock.is_time() {
            let time = lock.to_consensus();
            return Err(BondError::Time { time });
        }
        Ok(BondScript::Bip46 { key, lock })
    }

    /// The Taproot form that nobody can spend before the lock.
    pub fn taproot(owner: XOnlyPublicKey, lock: Lock) -> BondScript {
        BondScript::Taproot {
            internal: None,
            owner,
            lock,
        }
    }

    /// What it is locked until.
    pub fn lock(&self) -> Lock {
        match self {
            BondScript::Bip46 { lock, .. } | BondScript::Taproot { lock, .. } => *lock,
        }
    }

    /// The key that spends it after the lock and signs its certificates, x-only.
    pub fn owner(&self) -> XOnlyPublicKey {
        match self {
            BondScript::Bip46 { key, .. } => key.x_only_public_key().0,
            BondScript::Taproot { owner, .. } => *owner,
        }
    }

    /// Who could spend it before the lock, if anybody.
    pub fn early_key(&self) -> Option<XOnlyPublicKey> {
        match self {
            BondScript::Bip46 { .. } => None,
            BondScript::Taproot { internal, .. } => {
                internal.filter(|key| key.serialize() != UNSPENDABLE_KEY)
            }
        }
    }

    /// The script that a spend after the lock shows: BIP46's witness script, or the Taproot leaf.
    pub fn inner(&self) -> Result<ScriptBuf, BondError> {
        match self {
            BondScript::Bip46 { key, lock } => Ok(Builder::new()
                .push_lock_time(lock.lock_time())
                .push_opcode(OP_CLTV)
                .push_opcode(OP_DROP)
                .push_slice(key.serialize())
                .push_opcode(OP_CHECKSIG)
                .into_script()),
            BondScript::Taproot { owner, lock, .. } => Ok(leaf(owner, *lock)?.encode()),
        }
    }

    /// Descriptor of the Taproot form, by which any wallet watches it. `None` for BIP46's script, which ends its
    /// lock with `OP_DROP` and is no miniscript.
    pub fn descriptor(&self) -> Result<Option<Descriptor<XOnlyPublicKey>>, BondError> {
        let BondScript::Taproot {
            internal,
            owner,
            lock,
        } = self
        else {
            return Ok(None);
        };
        let internal = match internal {
            Some(key) => *key,
            None => XOnlyPublicKey::from_slice(&UNSPENDABLE_KEY)
                .map_err(|e| BondError::Script(e.to_string()))?,
        };
        let tree = TapTree::Leaf(Arc::new(leaf(owner, *lock)?));
        Descriptor::new_tr(internal, Some(tree))
            .map(Some)
            .map_err(|e| BondError::Script(e.to_string()))
    }

    /// The output script.
    pub fn script_pubkey(&self) -> Result<ScriptBuf, BondError> {
        match self.descriptor()? {
            Some(descriptor) => Ok(descriptor.script_pubkey()),
            None => Ok(self.inner()?.to_p2wsh()),
        }
    }
}

fn leaf(owner: &XOnlyPublicKey, lock: Lock) -> Result<Miniscript<XOnlyPublicKey, Tap>, BondError> {
    if lock.to_consensus() > MAX_TAPROOT_LOCK {
        return Err(BondError::Late { lock });
    }
    format!("and_v(v:pk({owner}),after({}))", lock.to_consensus())
        .parse()
        .map_err(|e: miniscript::Error| BondError::Script(e.to_string()))
}

/// `tr(UNSPENDABLE,and_v(v:pk(IDENTITY),after(EXPIRY)))`: plain miniscript, so that any wallet that knows Taproot
/// descriptors can watch the bond, and withdraw it once it has expired.
///
/// The bond is the identity's own: an arbiter that attests twice gives its identity key away, and with it the
/// bond to whoever is first at the expiry.
pub fn bond_descriptor(
    identity: &XOnlyPublicKey,
    expiry_height: u32,
) -> Result<Descriptor<XOnlyPublicKey>, BondError> {
    let script = BondScript::taproot(*identity, Lock::height(expiry_height)?);
    script
        .descriptor()?
        .ok_or_else(|| BondError::Script("not Taproot".into()))
}

/// Output script of the bond.
pub fn bond_script(identity: &XOnlyPublicKey, expiry_height: u32) -> Result<ScriptBuf, BondError> {
    BondScript::taproot(*identity, Lock::height(expiry_height)?).script_pubkey()
}
