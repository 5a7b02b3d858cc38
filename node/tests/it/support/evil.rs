//! Somebody who says what it likes, signed with its own key, on a link of the right form.

use narthex::{
    bitcoin::{
        key::Keypair,
        secp256k1::{PublicKey, Secp256k1, SecretKey},
    },
    channel::wire::{Frame, Head, Hello, Resume, SignedHead, body_hash},
    contracts::party::PartySet,
};
use narthex_base::statement;
use narthex_node::party::Event;

use super::town::Town;

pub struct Evil {
    pub pair: Keypair,
}

impl Evil {
    pub fn new(byte: u8) -> Evil {
        let key = SecretKey::from_slice(&[byte; 32]).unwrap();
        let pair = Keypair::from_secret_key(&Secp256k1::new(), &key);
        Evil { pair }
    }

    pub fn id(&self) -> PublicKey {
        self.pair.public_key()
    }

    /// Connects a node of the town, and says what comes first on a connection.
    pub fn connect(&self, town: &mut Town, at: usize) {
        let (now, chain) = (town.now, town.genesis());
        let core = town.nodes[at].core.as_mut().unwrap();
        core.take(Event::Connected(self.id()), now).unwrap();
        let hello = Hello {
            chain,
            features: 0,
            boot: 1,
        };
        let resume = Resume {
            marks: Vec::new(),
            is_last: true,
        };
        self.send(town, at, Frame::Hello(hello).to_bytes());
        self.send(town, at, Frame::Resume(resume).to_bytes());
    }

    /// What has been sent to it since this was asked last, and was not read.
    pub fn got(&self, town: &mut Town) -> Vec<Frame> {
        let (own, others) = std::mem::take(&mut town.abroad)
            .into_iter()
            .partition(|(_, to, _)| *to == self.id());
        town.abroad = others;
        let frames = own.iter().map(|(_, _, bytes)| Frame::from_bytes(bytes));
        frames.map(Result::unwrap).collect()
    }

    pub fn send(&self, town: &mut Town, at: usize, bytes: Vec<u8>) {
        let (now, from) = (town.now, self.id());
        let core = town.nodes[at].core.as_mut().unwrap();
        core.take(Event::Frame { from, bytes }, now).unwrap();
    }

    /// An envelope of its own.
    pub fn envelope(
        &self,
        (contract, to): ([u8; 32], PartySet),
        (attempt, seq, message): (u8, u64, u16),
        body: Vec<u8>,
    ) -> Vec<u8> {
        let head = Head {
            contract,
            attempt,
            from: self.id(),
            to,
            seq,
            message,
            length: body.len() as u32,
            body: body_hash(&body),
        };
        let signature = statement::sign(&head.digest(), &self.pair);
        let envelope = SignedHead { head, signature }.with_body(body).unwrap();
        Frame::Envelope(envelope).to_bytes()
    }
}
