//! The node key as the library asks for it: for the handshake, and for nothing else.

use bitcoin::secp256k1::{
    PublicKey, Scalar,
    ecdh::SharedSecret,
    ecdsa::{RecoverableSignature, Signature},
    rand::{RngCore, rngs::OsRng},
    schnorr,
};
use lightning::{
    bolt11_invoice::RawBolt11Invoice,
    ln::{inbound_payment::ExpandedKey, msgs::UnsignedGossipMessage},
    offers::invoice::UnsignedBolt12Invoice,
    sign::{NodeSigner, PeerStorageKey, ReceiveAuthKey, Recipient},
};

use crate::NodeKey;

/// Lends the key to the handshake. What else a Lightning node would sign or decrypt is refused: no such message is handled.
pub(super) struct Signer(pub(super) NodeKey);

/// For what must have some key and is never used: one that nobody knows.
fn nobodys() -> [u8; 32] {
    let mut key = [0; 32];
    OsRng.fill_bytes(&mut key);
    key
}

impl NodeSigner for Signer {
    fn get_node_id(&self, recipient: Recipient) -> Result<PublicKey, ()> {
        match recipient {
            Recipient::Node => Ok(self.0.id()),
            Recipient::PhantomNode => Err(()),
        }
    }

    fn ecdh(
        &self,
        recipient: Recipient,
        other: &PublicKey,
        tweak: Option<&Scalar>,
    ) -> Result<SharedSecret, ()> {
        self.get_node_id(recipient)?;
        let shared = self.0.lend(|key| {
            let mut tweaked = match tweak {
                Some(tweak) => key.mul_tweak(tweak).map_err(drop)?,
                None => *key,
            };
            let shared = SharedSecret::new(other, &tweaked);
            tweaked.non_secure_erase();
            Ok(shared)
        });
        shared.ok_or(())?
    }

    fn get_expanded_key(&self) -> ExpandedKey {
        ExpandedKey::new(nobodys())
    }

    fn get_peer_storage_key(&self) -> PeerStorageKey {
        PeerStorageKey { inner: nobodys() }
    }

    fn get_receive_auth_key(&self) -> ReceiveAuthKey {
        ReceiveAuthKey(nobodys())
    }

    fn sign_invoice(&self, _: &RawBolt11Invoice, _: Recipient) -> Result<RecoverableSignature, ()> {
        Err(())
    }

    fn sign_bolt12_invoice(&self, _: &UnsignedBolt12Invoice) -> Result<schnorr::Signature, ()> {
        Err(())
    }

    fn sign_gossip_message(&self, _: UnsignedGossipMessage<'_>) -> Result<Signature, ()> {
        Err(())
    }

    fn sign_message(&self, _: &[u8]) -> Result<String, ()> {
        Err(())
    }
}
