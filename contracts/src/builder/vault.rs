//! Taproot outputs of small contracts: their keys, leaves and proofs.

use narthex_base::tagged::tagged_hash_parts;
use std::str::FromStr;

use bitcoin::{
    ScriptBuf, TapNodeHash, XOnlyPublicKey,
    hashes::{Hash, sha256},
    key::TweakedPublicKey,
    secp256k1::PublicKey,
    taproot::{ControlBlock, LeafVersion},
};
use miniscript::{Descriptor, Miniscript, Tap};

use super::BuilderError;
use crate::{bond::UNSPENDABLE_KEY, musig::KeySet, party::PartyName};

/// A leaf to be: its script as miniscript, and what the script checks.
#[derive(Debug, Clone)]
pub struct LeafPlan {
    /// Such as `and_v(v:pk(KEY),after(T))`. Keys are the output keys of `signers`.
    pub script: String,
    /// Whose signatures it checks, in its order.
    pub signers: Vec<KeySet>,
    /// Whose signatures of the coin and this leaf alone it checks after those, in its order.
    pub releasers: Vec<KeySet>,
    /// Which hashes it wants the preimages of, after the signatures, in its order.
    pub hashes: Vec<sha256::Hash>,
}

/// A leaf with the proof that the output commits to it.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) plan: LeafPlan,
    pub(super) script: ScriptBuf,
    pub(super) control: ControlBlock,
}

/// An output, with everything that spends it.
#[derive(Debug, Clone)]
pub struct Vault {
    pub(super) keys: Option<KeySet>,
    pub(super) descriptor: String,
    pub(super) branches: Vec<Branch>,
    output_key: XOnlyPublicKey,
}

impl Vault {
    /// `tr(K(owners),{leaves})`, the leaves in a balanced tree. With nobody among `owners` the key path is closed by
    /// BIP341's point without known logarithm, and leaves alone spend it.
    pub fn new(
        owners: &[(PartyName, PublicKey)],
        leaves: Vec<LeafPlan>,
    ) -> Result<Vault, BuilderError> {
        let keys = match owners {
            [] => None,
            _ => Some(KeySet::new(owners, None)?),
        };
        let internal = match &keys {
            Some(keys) => keys.internal_key(),
            None => XOnlyPublicKey::from_slice(&UNSPENDABLE_KEY)
                .map_err(|e| BuilderError::Script(e.to_string()))?,
        };
        let script_error = |e: miniscript::Error| BuilderError::Script(e.to_string());
        let scripts = leaves.iter().map(|leaf| leaf.script.as_str());
        let descriptor = match tree(&scripts.collect::<Vec<_>>()) {
            None => format!("tr({internal})"),
            Some(tree) => format!("tr({internal},{tree})"),
        };
        let parsed = Descriptor::<XOnlyPublicKey>::from_str(&descriptor).map_err(script_error)?;
        let Descriptor::Tr(tr) = &parsed else {
            return Err(BuilderError::Script("not a Taproot descriptor".into()));
        };
        let spend = tr.spend_info();
        let branch = |plan: LeafPlan| {
            let script = Miniscript::<XOnlyPublicKey, Tap>::from_str(&plan.script)
                .map_err(script_error)?
                .encode();
            let control = spend
                .control_block(&(script.clone(), LeafVersion::TapScript))
                .ok_or(BuilderError::Missing("leaf"))?;
            Ok(Branch {
                plan,
                script,
                control,
            })
        };
        let branches = leaves.into_iter().map(branch);
        Ok(Vault {
            branches: branches.collect::<Result<_, BuilderError>>()?,
            keys: match keys {
                None => None,
                Some(keys) => Some(keys.with_root(spend.merkle_root())?),
            },
            output_key: spend.output_key().to_x_only_public_key(),
            descriptor,
        })
    }

    /// The scriptPubKey.
    pub fn script(&self) -> ScriptBuf {
        let key = TweakedPublicKey::dangerous_assume_tweaked(self.output_key);
        ScriptBuf::new_p2tr_tweaked(key)
    }
}

/// A balanced script tree of these leaves, in descriptor syntax; `None` of none.
fn tree(leaves: &[&str]) -> Option<String> {
    match leaves {
        [] => None,
        [leaf] => Some((*leaf).to_owned()),
        _ => {
            let (left, right) = leaves.split_at(leaves.len().div_ceil(2));
            Some(format!("{{{},{}}}", tree(left)?, tree(right)?))
        }
    }
}

/// One party's key for one place of one contract: its own for each branch, so that a signature there is good nowhere
/// else. The contract's key, tweaked by a hash of the terms' `id` and the place.
pub fn place_key(
    id: &[u8; 32],
    place: &str,
    (party, key): (PartyName, PublicKey),
) -> Result<KeySet, BuilderError> {
    let root = tagged_hash_parts("narthex/place-key", &[id, place.as_bytes()]);
    let root = Some(TapNodeHash::from_byte_array(root));
    Ok(KeySet::new(&[(party, key)], root)?)
}
