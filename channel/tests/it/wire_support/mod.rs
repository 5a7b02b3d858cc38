//! Two nodes and what they sign.

use bitcoin::secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey};
use narthex_base::statement;
use narthex_channel::wire::{Envelope, Head, SignedHead, body_hash, links::Membership};
use narthex_contracts::party::{PartyId, PartySet};

pub const CHAIN: [u8; 32] = [0xcc; 32];
pub const CONTRACT: [u8; 32] = [0xc0; 32];
/// Places of the two in every contract.
pub const ANNE: PartyId = PartyId(0);
pub const BOB: PartyId = PartyId(1);

pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

pub fn keypair(byte: u8) -> Keypair {
    Keypair::from_secret_key(&Secp256k1::new(), &secret(byte))
}

pub fn public(byte: u8) -> PublicKey {
    keypair(byte).public_key()
}

/// Node keys: 1 is Anne's, 2 Bob's.
pub fn membership(of: u8) -> Membership {
    let (me, peer) = if of == 1 { (ANNE, BOB) } else { (BOB, ANNE) };
    Membership {
        me,
        peer,
        most: 8 << 20,
    }
}

/// For whom what this key says is.
pub fn receivers(key: u8) -> PartySet {
    PartySet::from([if key == 1 { BOB } else { ANNE }])
}

pub fn head(key: u8, contract: [u8; 32], seq: u64, message: u16, body: &[u8]) -> Head {
    Head {
        contract,
        attempt: 0,
        from: public(key),
        to: receivers(key),
        seq,
        message,
        length: body.len() as u32,
        body: body_hash(body),
    }
}

pub fn sign(head: Head, key: u8) -> SignedHead {
    let signature = statement::sign(&head.digest(), &keypair(key));
    SignedHead { head, signature }
}

pub fn envelope(key: u8, seq: u64, message: u16, body: &[u8]) -> Envelope {
    let head = head(key, CONTRACT, seq, message, body);
    sign(head, key).with_body(body.to_vec()).unwrap()
}
