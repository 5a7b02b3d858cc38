//! Frames of links between nodes. What is read is written back as it was; and a link that any frames come to neither panics
//! nor holds more than it may.

use bitcoin::secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey};
use narthex_base::{codec::Message, statement};
use narthex_channel::{
    log::MemoryLog,
    wire::{
        ABORT, Ack, BIND, Contradiction, Envelope, Fault, Frame, Head, Hello, Limits, Link,
        MAX_WHOLE, Mark, NONCES, PROPOSAL, Piece, Recall, Resume, SHARES, SignedHead, Standing,
        body_hash, frames,
        links::{Kept, LinksChange, Membership},
        setup_message,
    },
};
use narthex_contracts::party::{PartyId, PartySet};

use super::table::{Decoder, Law, Read};

const CONTRACT: [u8; 32] = [0xc0; 32];
const CHAIN: [u8; 32] = [0xcc; 32];

/// Every message of a link. Of [`seeds`], each has those that it reads.
pub fn decoders() -> Vec<Decoder> {
    let mut all = laws();
    let seeds = seeds();
    for decoder in &mut all {
        let read = |bytes: &&Vec<u8>| (decoder.read)(bytes).is_some();
        decoder.seeds = seeds.iter().filter(read).cloned().collect();
    }
    all
}

fn message<T: Message>(data: &[u8]) -> Option<Vec<u8>> {
    Some(T::from_bytes(data).ok()?.to_bytes())
}

fn frame(data: &[u8]) -> Option<Vec<u8>> {
    match Frame::from_bytes(data).ok()? {
        // Whatever stands behind a number that nobody knows.
        Frame::Ignored(_) => None,
        frame => Some(frame.to_bytes()),
    }
}

/// The message of a set-up within; it says what its envelope says.
fn inner(data: &[u8]) -> Option<Vec<u8>> {
    let envelope = Envelope::from_bytes(data).ok()?;
    let message = setup_message(&envelope).ok()?;
    let signed = *envelope.signed();
    let envelope = signed.with_body(message.to_bytes())?;
    Some(envelope.to_bytes())
}

fn laws() -> Vec<Decoder> {
    let canonical = |name, read: Read| Decoder::new(name, Law::Canonical, read, Vec::new());
    vec![
        canonical("frame", frame),
        canonical("envelope", message::<Envelope>),
        canonical("envelope of a set-up", inner),
        canonical("head of an envelope", message::<SignedHead>),
        canonical("contradiction", message::<Contradiction>),
        canonical("hello", message::<Hello>),
        canonical("resume", message::<Resume>),
        canonical("ack", message::<Ack>),
        canonical("recall", message::<Recall>),
        canonical("piece", message::<Piece>),
        canonical("fault", message::<Fault>),
        canonical("change of a link", message::<LinksChange>),
        Decoder::new("link", Law::Bears, link, Vec::new()),
    ]
}

/// Every one of them.
pub fn messages(data: &[u8]) {
    for decoder in laws() {
        decoder.check(data);
    }
}

/// A frame comes to a link that has said hello: it does the same each time, and holds no more than it may.
fn link(data: &[u8]) -> Option<Vec<u8>> {
    let keys = (keypair(1).public_key(), keypair(2).public_key());
    let limits = Limits::USUAL;
    let log = MemoryLog::forgetful();
    let mut link = Link::open(keys, log, CHAIN, (limits, Standing::Known)).ok()?;
    let of = Membership {
        me: PartyId(0),
        peer: PartyId(1),
        most: 1 << 20,
    };
    link.open_contract(CONTRACT, of).ok()?;
    link.connected();
    link.received(&Frame::Hello(hello()).to_bytes(), 0).ok()?;
    let before = link.changes();
    // A log in memory does not fail.
    let out = link.received(data, 1).expect("no frame stops a link");
    assert!(link.held_bytes() <= limits.bytes);
    // No single frame fills the log.
    assert!(link.changes() - before < 10);
    match Frame::from_bytes(data) {
        Ok(Frame::Ignored(_)) | Err(_) => None,
        Ok(_) => Some(format!("{out:?}").into_bytes()),
    }
}

const fn hello() -> Hello {
    Hello {
        chain: CHAIN,
        features: 0,
        boot: 3,
    }
}

fn keypair(byte: u8) -> Keypair {
    let secret = SecretKey::from_slice(&[byte; 32]).expect("a key");
    Keypair::from_secret_key(&Secp256k1::new(), &secret)
}

fn signed(seq: u64, message: u16, body: Vec<u8>) -> Envelope {
    let pair = keypair(2);
    let from: PublicKey = pair.public_key();
    let head = Head {
        contract: CONTRACT,
        attempt: 0,
        from,
        to: PartySet::from([PartyId(0)]),
        seq,
        message,
        length: body.len() as u32,
        body: body_hash(&body),
    };
    let signature = statement::sign(&head.digest(), &pair);
    let signed = SignedHead { head, signature };
    signed.with_body(body).expect("its body")
}

/// Valid inputs: what travels on a link, and what is kept of it.
pub fn seeds() -> Vec<Vec<u8>> {
    // A set-up's held and abort, and bodies of no meaning.
    let held = signed(0, 33_040, b"NXSM1\0\x05".to_vec());
    let abort = signed(1, ABORT, b"NXSM1\0\x08\0".to_vec());
    let proposal = signed(0, PROPOSAL, vec![1; 20]);
    let binds = [1, 2].map(|byte| signed(0, BIND, vec![byte; 50]));
    let long = signed(2, NONCES, vec![7; MAX_WHOLE as usize + 9]);
    let last = *signed(4, SHARES, vec![1; 20]).signed();
    let contradiction = Contradiction::between(binds[0].signed(), binds[1].signed());
    let contradiction = contradiction.expect("two binds");
    let (contract, to) = (CONTRACT, PartySet::from([PartyId(0)]));
    let mark = Mark {
        contract,
        to,
        next: 5,
        proof: Some(last),
        partial: Some(([1; 32], 60_000)),
    };
    let resume = Resume {
        marks: vec![mark],
        is_last: true,
    };
    let kept = Kept {
        signed: *proposal.signed(),
        body: Some(proposal.body().into()),
    };
    let ack = Ack {
        contract,
        to,
        next: 3,
    };
    let recall = Recall {
        contract,
        to,
        from: 1,
    };
    let all = [
        Frame::Hello(hello()),
        Frame::Resume(resume),
        Frame::Ack(ack),
        Frame::Recall(recall),
        Frame::Gone(last),
        Frame::Envelope(held),
        Frame::Envelope(abort),
        Frame::Envelope(proposal),
        Frame::Fault(Fault::new(4, "terms: no point")),
    ];
    let all = all.into_iter().chain(frames(&long, 0));
    let all: Vec<Frame> = all.collect();
    let payloads = all.iter().map(Frame::payload);
    let whole = all.iter().map(Frame::to_bytes);
    payloads
        .chain(whole)
        .chain([
            contradiction.to_bytes(),
            LinksChange::Posted(kept).to_bytes(),
            LinksChange::Claimed(last).to_bytes(),
            LinksChange::Forked(contradiction).to_bytes(),
        ])
        .collect()
}
