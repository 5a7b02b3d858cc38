//! Scripts of a commitment's outputs and of what is claimed from them.

use bitcoin::{
    ScriptBuf, XOnlyPublicKey,
    hashes::{Hash, ripemd160},
    opcodes::all::{
        OP_CHECKSIG, OP_CHECKSIGVERIFY, OP_CLTV, OP_CSV, OP_EQUALVERIFY, OP_HASH160, OP_SIZE,
    },
    script::Builder,
    secp256k1::PublicKey,
    taproot::{TaprootBuilder, TaprootSpendInfo},
};
use narthex_base::context;

use super::{Channel, ChannelError, Lock, Payment, Side, revocation_key};

/// `<key> CHECKSIGVERIFY <delay> CSV`: what a side waits with for its own money.
pub fn delayed_leaf(key: XOnlyPublicKey, delay: u16) -> ScriptBuf {
    let script = Builder::new().push_x_only_key(&key);
    let script = script.push_opcode(OP_CHECKSIGVERIFY).push_int(delay.into());
    script.push_opcode(OP_CSV).into_script()
}

/// The output that a side's own money goes to, from its commitment and from what it claims there: the counterparty's at once by the
/// revocation key, its own after the delay.
///
/// # Errors
/// [`ChannelError::Script`]: unreachable.
pub fn delayed_output(
    revocation: XOnlyPublicKey,
    leaf: &ScriptBuf,
) -> Result<TaprootSpendInfo, ChannelError> {
    tree(revocation, &[leaf])
}

/// Both leaves of a payment's output on the commitment of `owner`: by the secret, and back after the expiry.
pub(super) struct Leaves {
    pub(super) success: ScriptBuf,
    pub(super) timeout: ScriptBuf,
}

impl Leaves {
    pub(super) fn new(channel: &Channel, owner: Side, payment: &Payment) -> Leaves {
        let (offerer, claimant) = (payment.id.offerer, payment.id.offerer.other());
        let hash = match payment.lock {
            Lock::Point(_) => Builder::new(),
            Lock::Hash(hash) => {
                let short = ripemd160::Hash::hash(hash.as_byte_array());
                let script = Builder::new().push_opcode(OP_SIZE).push_int(32);
                let script = script.push_opcode(OP_EQUALVERIFY).push_opcode(OP_HASH160);
                let script = script.push_slice(short.as_byte_array());
                script.push_opcode(OP_EQUALVERIFY)
            }
        };
        let is_offered = offerer == owner;
        // On its offerer's commitment a hash alone is claimed without the offerer: what is claimed there is not revocable.
        let alone = is_offered && matches!(payment.lock, Lock::Hash(_));
        let success = match alone {
            true => check(hash, channel.payment_key(claimant)),
            false => {
                let keys = [offerer, claimant].map(|side| channel.success_keys(side).output_key());
                both(hash, keys)
            }
        };
        let timeout = match is_offered {
            true => {
                let keys = [offerer, claimant].map(|side| channel.timeout_keys(side).output_key());
                both(Builder::new(), keys)
            }
            false => {
                let script = Builder::new().push_x_only_key(&channel.payment_key(offerer));
                let script = script.push_opcode(OP_CHECKSIGVERIFY);
                let script = script.push_int(payment.expiry.into());
                script.push_opcode(OP_CLTV).into_script()
            }
        };
        Leaves { success, timeout }
    }
}

fn check(script: Builder, key: XOnlyPublicKey) -> ScriptBuf {
    let script = script.push_x_only_key(&key);
    script.push_opcode(OP_CHECKSIG).into_script()
}

fn both(script: Builder, [first, second]: [XOnlyPublicKey; 2]) -> ScriptBuf {
    let script = script.push_x_only_key(&first);
    check(script.push_opcode(OP_CHECKSIGVERIFY), second)
}

pub(super) fn tree(
    internal: XOnlyPublicKey,
    leaves: &[&ScriptBuf],
) -> Result<TaprootSpendInfo, ChannelError> {
    let fail = || ChannelError::Script("tree");
    let depth = u8::from(leaves.len() > 1);
    let mut builder = TaprootBuilder::new();
    for leaf in leaves {
        builder = builder
            .add_leaf(depth, (*leaf).clone())
            .map_err(|_| fail())?;
    }
    let secp = context::verifying();
    builder.finalize(secp, internal).map_err(|_| fail())
}

impl Channel {
    /// Internal key of everything that `owner` can be punished by on the commitment with this point.
    pub(super) fn revocation(
        &self,
        owner: Side,
        point: &PublicKey,
    ) -> Result<XOnlyPublicKey, ChannelError> {
        let base = &self.basepoints(owner.other()).revocation;
        Ok(revocation_key(base, point)?.x_only_public_key().0)
    }

    /// Leaf of what a side waits for.
    pub(super) fn delayed(&self, owner: Side) -> ScriptBuf {
        let key = self.basepoints(owner).delayed.x_only_public_key().0;
        delayed_leaf(key, self.terms().delay[owner.index()])
    }
}
