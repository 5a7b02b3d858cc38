//! Stake outputs of arbiters: everybody together at any time, the owner alone after the contract's last deadline.
//!
//! So a stake can neither be spent sideways nor be promised twice, and comes back without anybody's help.

use std::sync::Arc;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness, XOnlyPublicKey,
    absolute::LockTime,
    hashes::Hash,
    secp256k1::{
        Keypair, Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
    },
    sighash::{Prevouts, SighashCache, TapSighashType},
    transaction::Version,
};
use miniscript::{Descriptor, Miniscript, Tap, descriptor::TapTree};

use super::{TemplateError, stake_unlock_height};
use crate::{
    funding::{FeeCoin, Sweep, SweepError, Unlock},
    graph::{Purpose, TxGraph, satisfaction_weight, signed_weight},
    musig::{KeySet, MusigKeypair, PublicNonce, Session},
    terms::{FeeError, Fees, Role, Terms, TermsDraft, TermsError},
};

/// Key set and descriptor of an arbiter's stake.
pub(super) fn stake_keys(
    terms: &TermsDraft,
    everyone: &KeySet,
    i: u8,
    unlock: u32,
) -> Result<(KeySet, String), TemplateError> {
    let owner = Role::Arbiter(i);
    let descriptor = stake_descriptor(terms, everyone, owner, unlock)?;
    let Descriptor::Tr(tr) = &descriptor else {
        return Err(TemplateError::Script("not a Taproot descriptor".into()));
    };
    let root = tr.spend_info().merkle_root();
    let keys = everyone.with_root(root).map_err(TermsError::from)?;
    let text = descriptor.to_string();
    Ok((keys, text.split('#').next().unwrap_or_default().to_owned()))
}

fn stake_descriptor(
    terms: &TermsDraft,
    everyone: &KeySet,
    owner: Role,
    unlock: u32,
) -> Result<Descriptor<XOnlyPublicKey>, TemplateError> {
    let leaf = stake_leaf(terms, owner, unlock)?;
    Descriptor::new_tr(everyone.internal_key(), Some(TapTree::Leaf(Arc::new(leaf))))
        .map_err(|e| TemplateError::Script(e.to_string()))
}

fn stake_leaf(
    terms: &TermsDraft,
    owner: Role,
    unlock: u32,
) -> Result<Miniscript<XOnlyPublicKey, Tap>, TemplateError> {
    // Not before the last deadline, and not before so many blocks after the funding: a funding that somebody kept
    // back would otherwise leave no time for an appeal, which needs every stake.
    let blocks = terms.params().stake_lock_blocks();
    let key = terms
        .key(owner)
        .ok_or(TermsError::NoSuchParty { role: owner })?;
    let key = key.x_only_public_key().0;
    format!("and_v(v:pk({key}),and_v(v:after({unlock}),older({blocks})))")
        .parse()
        .map_err(|e: miniscript::Error| TemplateError::Script(e.to_string()))
}

/// The descriptor by which an arbiter's wallet watches and takes back its stake.
pub fn stake_wallet_descriptor(
    terms: &Terms,
    arbiter: u8,
) -> Result<Descriptor<XOnlyPublicKey>, TemplateError> {
    let everyone = terms.key_set(terms.roles(), None)?;
    stake_descriptor(
        terms,
        &everyone,
        Role::Arbiter(arbiter),
        stake_unlock_height(terms.params()),
    )
}

/// Why a stake cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReclaimError {
    /// The stake's script cannot be built from these terms.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// There is no such stake output, as in templates that have none.
    #[error("the contract has no stake output of arbiter{arbiter}")]
    NoStake {
        /// Index on the panel.
        arbiter: u8,
    },
    /// The key is not the arbiter's contract key.
    #[error("the key is not the contract key of arbiter{arbiter}")]
    WrongKey {
        /// Index on the panel.
        arbiter: u8,
    },
    /// The fee is taken for a mistake.
    #[error(transparent)]
    Mistake(#[from] FeeError),
    /// The fee leaves less than dust.
    #[error("a stake of {stake} less a fee of {fee} is not worth an output")]
    Fee {
        /// Value of the stake output.
        stake: Amount,
        /// Fee at the rate asked for.
        fee: Amount,
    },
}

/// The transaction by which an arbiter takes its stake back alone, valid in blocks above
/// [`stake_unlock_height`] and `Params::stake_lock_blocks` after the funding. It pays its fee out of the stake.
pub fn reclaim_stake(
    terms: &Terms,
    graph: &TxGraph,
    arbiter: u8,
    key: &SecretKey,
    destination: ScriptBuf,
    fees: impl Into<Fees>,
) -> Result<Transaction, ReclaimError> {
    let secp = Secp256k1::new();
    let keypair = Keypair::from_secret_key(&secp, key);
    if terms.key(Role::Arbiter(arbiter)) != Some(keypair.public_key()) {
        return Err(ReclaimError::WrongKey { arbiter });
    }
    let (outpoint, prevout) =
        stake_output(terms, graph, arbiter).ok_or(ReclaimError::NoStake { arbiter })?;
    let script_error = |e: String| ReclaimError::Template(TemplateError::Script(e));
    let unlock = stake_unlock_height(terms.params());
    let Descriptor::Tr(tr) = stake_wallet_descriptor(terms, arbiter)? else {
        return Err(script_error("not a Taproot descriptor".into()));
    };
    let leaf = stake_leaf(terms, Role::Arbiter(arbiter), unlock)?.encode();
    let owner = keypair.x_only_public_key().0;
    let stake = prevout.value;
    let sweep = Sweep {
        coin: FeeCoin { outpoint, prevout },
        lock_time: LockTime::from_height(unlock).map_err(|e| script_error(e.to_string()))?,
        sequence: Sequence::from_height(terms.params().stake_lock_blocks()),
        unlock: Unlock::leaf(&tr.spend_info(), leaf, owner)
            .ok_or_else(|| script_error("the leaf is not in the tree".into()))?,
        outputs: Vec::new(),
        rest: destination,
        fees: fees.into(),
    };
    sweep.sign(key).map_err(|e| match e {
        SweepError::Short { fee, .. } => ReclaimError::Fee { stake, fee },
        SweepError::Unsigned { .. } => ReclaimError::WrongKey { arbiter },
        SweepError::Fee(error) => ReclaimError::Mistake(error),
        other => script_error(other.to_string()),
    })
}

/// Where an arbiter's stake is and what it holds: in the funding transaction, or in the host.
pub fn stake_output(terms: &TermsDraft, graph: &TxGraph, arbiter: u8) -> Option<(OutPoint, TxOut)> {
    if let Some(host) = terms.host() {
        let outpoint = host.outpoint(*host.stakes.get(usize::from(arbiter))?);
        // The appeal spends all of them.
        return graph.external(outpoint).map(|prevout| (outpoint, prevout));
    }
    let node = graph.node(TxGraph::FUNDING)?;
    let vout = node.outputs.iter().position(
        |o| matches!(o.purpose, Purpose::Held { owner, .. } if owner == Role::Arbiter(arbiter)),
    )?;
    graph.coin(TxGraph::FUNDING, vout as u32)
}

/// The transaction by which an arbiter takes back its stake coin of the `paper` template, at any time: nothing there
/// keeps a stake from being spent sideways. It pays its fee out of the stake.
pub fn reclaim_stake_coin<R: RngCore + CryptoRng>(
    terms: &Terms,
    arbiter: u8,
    key: &SecretKey,
    destination: ScriptBuf,
    fees: impl Into<Fees>,
    rng: &mut R,
) -> Result<Transaction, ReclaimError> {
    let role = Role::Arbiter(arbiter);
    let coin = terms.record().funding(role).and_then(|f| f.coins.first());
    let coin = coin.ok_or(ReclaimError::NoStake { arbiter })?;
    let keys = terms.key_set([role], None).map_err(TemplateError::from)?;
    let pair = MusigKeypair::new(key).ok_or(ReclaimError::WrongKey { arbiter })?;
    let prevout = coin.prevout();
    let mut tx = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: coin.outpoint,
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value: prevout.value,
            script_pubkey: destination,
        }],
    };
    let fees = fees.into();
    let witness = satisfaction_weight(&prevout.script_pubkey);
    let witness = witness.ok_or(ReclaimError::NoStake { arbiter })?;
    let fee = fees.in_time(signed_weight(&tx, [witness]), Amount::ZERO)?;
    let limit = tx.output[0].script_pubkey.minimal_non_dust();
    tx.output[0].value = prevout
        .value
        .checked_sub(fee)
        .filter(|left| *left >= limit)
        .ok_or(ReclaimError::Fee {
            stake: prevout.value,
            fee,
        })?;
    fees.check_share(fee, prevout.value)?;
    let message = SighashCache::new(&tx)
        .taproot_key_spend_signature_hash(0, &Prevouts::All(&[prevout]), TapSighashType::Default)
        .map_err(|e| TemplateError::Script(e.to_string()))?
        .to_byte_array();
    let mut seed = zeroize::Zeroizing::new([0u8; 32]);
    rng.fill_bytes(&mut *seed);
    let wrong_key = || ReclaimError::WrongKey { arbiter };
    let (secret, public) =
        PublicNonce::generate(&seed, &pair, &keys, &message).ok_or_else(wrong_key)?;
    let session =
        Session::of_checked(&keys, &[&public], None, &message).map_err(|_| wrong_key())?;
    let share = session
        .sign(&keys, role, &pair, secret)
        .map_err(|_| wrong_key())?;
    let signature = session
        .aggregate(&keys, &[share])
        .map_err(|_| wrong_key())?;
    signature
        .verify(&keys.output_key(), &message, None)
        .map_err(|_| wrong_key())?;
    tx.input[0].witness = Witness::from_slice(&[signature.0]);
    Ok(tx)
}
