//! Which messages there are: number, name and bounds of each, as one table.

use narthex_game_model::bundle::{CHUNK_BYTES, MAX_BUNDLE_SIBLINGS};

use super::WireFault;

/// Longest body that travels in one frame. A longer one goes in pieces.
pub const MAX_WHOLE: u32 = 60_000;

/// Longest message of a transport (BOLT 8), type number included.
pub const MAX_FRAME: usize = 65_535;

/// Longest message of a contract's life. A contract whose boxes are longer is not made between nodes.
pub const MAX_LIFE: u32 = 64 << 20;

// A part of evidence is passed on with the signatures of a whole panel.
const _: () = assert!(crate::contract::MAX_PART + 512 + 16 * 229 <= MAX_LIFE as usize);

/// Longest message of a small contract.
pub const MAX_SMALL: u32 = 1 << 20;

/// Most bytes of a chunk with its kind, contract, number, proof, and the lengths of these.
const LONGEST_CHUNK: u32 =
    5 + 32 + 4 + 4 + 32 * MAX_BUNDLE_SIBLINGS as u32 + 4 + CHUNK_BYTES as u32;

/// What a message travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In an [`Envelope`](super::Envelope), signed and numbered: a contract's.
    Envelope,
    /// Bare: of one connection, between two nodes that the transport has authenticated.
    Link,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageType {
    /// Number on the wire. Whoever does not know an odd one ignores it; an even one it must know.
    pub number: u16,
    /// What it is called in errors.
    pub name: &'static str,
    /// What it travels in.
    pub carrier: Carrier,
    /// Fewest bytes of its body.
    pub least: u32,
    /// Most bytes of its body.
    pub most: u32,
    /// Whether receivers keep its body, and hand it back to a sender that lost its disk.
    pub is_kept: bool,
    /// Whether a sender has one for everybody in an attempt: two different ones are a contradiction, whatever their numbers.
    pub is_single: bool,
}

const fn link(number: u16, name: &'static str, least: u32, most: u32) -> MessageType {
    MessageType {
        number,
        name,
        carrier: Carrier::Link,
        least,
        most,
        is_kept: false,
        is_single: false,
    }
}

/// A message of a contract, whose body receivers keep.
const fn envelope(number: u16, name: &'static str, least: u32, most: u32) -> MessageType {
    MessageType {
        number,
        name,
        carrier: Carrier::Envelope,
        least,
        most,
        is_kept: true,
        is_single: false,
    }
}

/// A message of a set-up: `SetupMessage` with its kind, attempt and tag (7 bytes) before what it carries.
const fn setup(number: u16, name: &'static str, least: u32, most: u32) -> MessageType {
    envelope(number, name, 7 + least, 7 + most)
}

/// A message of an offer: attempts come after it, so that all of them are of attempt 0, and each is said once.
const fn offer(number: u16, name: &'static str, least: u32, most: u32) -> MessageType {
    single(envelope(number, name, least, most))
}

/// A message of a contract's life: `ContractMessage` whole. Attempts are over when it begins: it has that of the set-up.
const fn life(number: u16, name: &'static str, least: u32, most: u32) -> MessageType {
    envelope(number, name, least, most)
}

const fn single(of: MessageType) -> MessageType {
    MessageType {
        is_single: true,
        ..of
    }
}

const fn unkept(of: MessageType) -> MessageType {
    MessageType {
        is_kept: false,
        ..of
    }
}

/// `hello`.
pub const HELLO: u16 = 33_000;
/// `resume`.
pub const RESUME: u16 = 33_002;
/// `ack`.
pub const ACK: u16 = 33_004;
/// `piece`.
pub const PIECE: u16 = 33_006;
/// `recall`.
pub const RECALL: u16 = 33_008;
/// `offer`.
pub const OFFER: u16 = 33_010;
/// `accept`.
pub const ACCEPT: u16 = 33_012;
/// `decline`.
pub const DECLINE: u16 = 33_014;
/// `gone`.
pub const GONE: u16 = 33_016;
/// `declined`: odd, so that a node that does not know it waits for its answer as before.
pub const DECLINED: u16 = 33_019;
/// `want`.
pub const WANT: u16 = 33_020;
/// `chunk`.
pub const CHUNK: u16 = 33_022;
/// `proposal`.
pub const PROPOSAL: u16 = 33_030;
/// `terms`.
pub const TERMS: u16 = 33_032;
/// `bind`.
pub const BIND: u16 = 33_034;
/// `nonces`.
pub const NONCES: u16 = 33_036;
/// `shares`.
pub const SHARES: u16 = 33_038;
/// `held`.
pub const HELD: u16 = 33_040;
/// `funding`.
pub const FUNDING: u16 = 33_042;
/// `abort`.
pub const ABORT: u16 = 33_044;
/// `whole`.
pub const WHOLE: u16 = 33_046;
/// `item`.
pub const ITEM: u16 = 33_050;
/// `receipt`.
pub const RECEIPT: u16 = 33_052;
/// `boxes`.
pub const BOXES: u16 = 33_054;
/// `opening`.
pub const OPENING: u16 = 33_056;
/// `release`.
pub const RELEASE: u16 = 33_058;
/// `handed over`.
pub const HANDED_OVER: u16 = 33_060;
/// `evidence`.
pub const EVIDENCE: u16 = 33_062;
/// `attestation`.
pub const ATTESTATION: u16 = 33_064;
/// `commitment`: one that nobody signed.
pub const COMMITMENT: u16 = 33_066;
/// `ending`: of one that the three agree on.
pub const ENDING: u16 = 33_068;
/// `ruling digest`: an arbiter asks what the others have of it.
pub const RULING_DIGEST: u16 = 33_070;
/// `digest seen`: the answer.
pub const DIGEST_SEEN: u16 = 33_072;
/// `small`: a message of a small contract, with its own kind.
pub const SMALL: u16 = 33_084;
/// `fault`.
pub const FAULT: u16 = 33_090;

/// Every message that there is, by number. Bounds are of the body: with its kind, and with its length where it has one.
pub const MESSAGE_TYPES: &[MessageType] = &[
    link(HELLO, "hello", 53, 53),
    link(RESUME, "resume", 10, MAX_WHOLE),
    link(ACK, "ack", 49, 49),
    link(PIECE, "piece", 50, MAX_WHOLE + 49),
    link(RECALL, "recall", 49, 49),
    offer(OFFER, "offer", 408, 8_192),
    // With the longest certificate of a bond, and its length.
    offer(ACCEPT, "accept", 243, 243 + 4 + 222),
    offer(DECLINE, "decline", 9, 209),
    link(GONE, "gone", 185, 185),
    // Kind, contract, fault, and words with their length.
    link(DECLINED, "declined", 42, 42 + 200),
    link(WANT, "want", 41, 41),
    link(CHUNK, "chunk", 50, LONGEST_CHUNK),
    setup(PROPOSAL, "proposal", 4, 4 + (16 << 10)),
    single(setup(TERMS, "terms", 4, 4 + (1 << 20))),
    single(setup(BIND, "bind", 36, 36 + 256)),
    single(unkept(setup(NONCES, "nonces", 4, 4 + (64 << 20)))),
    unkept(setup(SHARES, "shares", 5, 5 + (64 << 20))),
    single(setup(HELD, "held", 0, 0)),
    setup(FUNDING, "funding", 4, 4 + (4 << 10)),
    setup(ABORT, "abort", 1, 1 + 1 + 4 + 200),
    single(setup(WHOLE, "whole", 4, 4 + 400_000)),
    life(ITEM, "item", 100, 1 << 20),
    life(RECEIPT, "receipt", 240, 260),
    unkept(life(BOXES, "boxes", 20, MAX_LIFE)),
    unkept(life(OPENING, "opening", 20, MAX_LIFE)),
    life(RELEASE, "release", 70, 100),
    life(HANDED_OVER, "handed-over", 100, 130),
    unkept(life(EVIDENCE, "evidence", 254, MAX_LIFE)),
    life(ATTESTATION, "attestation", 70, 100),
    life(COMMITMENT, "commitment", 100, 1 << 20),
    life(ENDING, "ending", 20, 512),
    life(RULING_DIGEST, "ruling-digest", 80, 80),
    life(DIGEST_SEEN, "digest-seen", 80, 80),
    envelope(SMALL, "small", 10, MAX_SMALL),
    link(FAULT, "fault", 11, 512),
];

/// The longest body that there is.
pub(super) const LONGEST: u32 = {
    let (mut at, mut most) = (0, 0);
    while at < MESSAGE_TYPES.len() {
        if MESSAGE_TYPES[at].most > most {
            most = MESSAGE_TYPES[at].most;
        }
        at += 1;
    }
    most
};

impl MessageType {
    /// The row of a number, if there is one.
    pub fn known(number: u16) -> Option<&'static MessageType> {
        MESSAGE_TYPES.iter().find(|row| row.number == number)
    }

    /// The row of a number.
    ///
    /// # Errors
    /// [`WireFault::UnknownType`].
    pub fn of(number: u16) -> Result<&'static MessageType, WireFault> {
        Self::known(number).ok_or(WireFault::UnknownType { number })
    }

    /// Whether a body may have so many bytes. Asked before room is made for any.
    ///
    /// # Errors
    /// [`WireFault::Length`].
    pub fn check_length(&self, given: usize) -> Result<(), WireFault> {
        let (least, most) = (self.least as usize, self.most as usize);
        match (least..=most).contains(&given) {
            true => Ok(()),
            false => Err(WireFault::Length {
                message: self.name,
                given,
                least,
                most,
            }),
        }
    }
}
