//! The bank's two outputs: their keys, scripts and proofs.

use std::str::FromStr;

use bitcoin::{
    ScriptBuf, TapNodeHash, XOnlyPublicKey,
    hashes::Hash,
    secp256k1::PublicKey,
    taproot::{ControlBlock, LeafVersion},
};
use miniscript::{Descriptor, Miniscript, Tap};

use super::{BankError, BankTerms, PAYER, PROVIDER};
use crate::{hash::tagged_hash, musig::KeySet, role::Role};

/// An output of the bank, with everything that spends it.
#[derive(Debug, Clone)]
pub(super) struct Vault {
    pub(super) keys: KeySet,
    pub(super) descriptor: String,
    /// Leaf of both and who signs it, in the frozen output only.
    pub(super) both: Option<(ScriptBuf, ControlBlock, [KeySet; 2])>,
    /// Leaf of the payer alone.
    pub(super) alone: (ScriptBuf, ControlBlock, KeySet),
}

impl Vault {
    /// `tr(K(A,P),{and_v(v:pk(A),after(T))})`.
    pub(super) fn bank(terms: &BankTerms) -> Result<Vault, BankError> {
        let alone = lone(terms, PAYER, "refund")?;
        let leaf = format!(
            "and_v(v:pk({}),after({}))",
            alone.output_key(),
            terms.record().refund_height
        );
        let (keys, descriptor, mut leaves) = vault(terms, &leaf, &[&leaf])?;
        let (script, control) = leaves.pop().ok_or(BankError::Missing("leaf"))?;
        Ok(Vault {
            keys,
            descriptor,
            both: None,
            alone: (script, control, alone),
        })
    }

    /// `tr(K,{multi_a(2,A,P),and_v(v:pk(A),older(D))})`.
    pub(super) fn frozen(terms: &BankTerms) -> Result<Vault, BankError> {
        let signers = [lone(terms, PAYER, "rung")?, lone(terms, PROVIDER, "rung")?];
        let alone = lone(terms, PAYER, "thaw")?;
        let [a, p] = [signers[0].output_key(), signers[1].output_key()];
        let both = format!("multi_a(2,{a},{p})");
        let after = format!(
            "and_v(v:pk({}),older({}))",
            alone.output_key(),
            terms.record().claim_blocks
        );
        let tree = format!("{{{both},{after}}}");
        let (keys, descriptor, leaves) = vault(terms, &tree, &[&both, &after])?;
        let [(both, control), (after, after_control)] =
            leaves.try_into().map_err(|_| BankError::Missing("leaf"))?;
        Ok(Vault {
            keys,
            descriptor,
            both: Some((both, control, signers)),
            alone: (after, after_control, alone),
        })
    }

    pub(super) fn script(&self) -> ScriptBuf {
        ScriptBuf::new_p2tr_tweaked(bitcoin::key::TweakedPublicKey::dangerous_assume_tweaked(
            self.keys.output_key(),
        ))
    }
}

/// One party's key at one place: its own for each branch of each bank.
fn lone(terms: &BankTerms, role: Role, place: &str) -> Result<KeySet, BankError> {
    let root = tagged_hash("narthex/bank-key", &[&terms.id(), place.as_bytes()]);
    let root = Some(TapNodeHash::from_byte_array(root));
    Ok(KeySet::new(&[(role, key(terms, role))], root)?)
}

fn key(terms: &BankTerms, role: Role) -> PublicKey {
    match role {
        PROVIDER => terms.record().provider,
        _ => terms.record().payer,
    }
}

type Leaves = Vec<(ScriptBuf, ControlBlock)>;

/// The key set of K with a script tree, its descriptor, and each leaf with its proof.
fn vault(
    terms: &BankTerms,
    tree: &str,
    leaves: &[&str],
) -> Result<(KeySet, String, Leaves), BankError> {
    let script_error = |e: miniscript::Error| BankError::Script(e.to_string());
    let both = [PAYER, PROVIDER].map(|role| (role, key(terms, role)));
    let keys = KeySet::new(&both, None)?;
    let text = format!("tr({},{tree})", keys.internal_key());
    let descriptor = Descriptor::<XOnlyPublicKey>::from_str(&text).map_err(script_error)?;
    let Descriptor::Tr(tr) = &descriptor else {
        return Err(BankError::Script("not a Taproot descriptor".into()));
    };
    let spend = tr.spend_info();
    let proven = leaves
        .iter()
        .map(|leaf| {
            let script = Miniscript::<XOnlyPublicKey, Tap>::from_str(leaf)
                .map_err(script_error)?
                .encode();
            let control = spend
                .control_block(&(script.clone(), LeafVersion::TapScript))
                .ok_or(BankError::Missing("leaf"))?;
            Ok((script, control))
        })
        .collect::<Result<Vec<_>, BankError>>()?;
    Ok((keys.with_root(spend.merkle_root())?, text, proven))
}
