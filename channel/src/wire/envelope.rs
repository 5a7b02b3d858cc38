//! Signed messages of contracts.
//!
//! What is signed is a head: everything but the body, and the body's length and hash. So a proof that somebody said two
//! things is two heads, however long the bodies, and the announcement of a long body is checked before its first piece.

use bitcoin::secp256k1::{PublicKey, Secp256k1, Verification, schnorr};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    statement,
    tagged::{Tag, tagged_hash},
};
use narthex_contracts::party::{PartySet, read_parties, write_parties};

use super::{
    WireFault,
    types::{Carrier, MAX_WHOLE, MessageType},
};

/// Everything that an envelope says but its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Id of the negotiation until there is a contract, then of the contract.
    pub contract: [u8; 32],
    /// Which attempt at it, from 0.
    pub attempt: u8,
    /// Node key of the sender.
    pub from: PublicKey,
    /// For whom it is.
    pub to: PartySet,
    /// Its number among those of this sender, in this contract, to these receivers: from 0, without gaps.
    pub seq: u64,
    /// Number in [`MESSAGE_TYPES`](super::MESSAGE_TYPES).
    pub message: u16,
    /// Bytes of the body.
    pub length: u32,
    /// Tagged hash of the body, `narthex/envelope-body`.
    pub body: [u8; 32],
}

/// A head with the signature of the sender's node key: it stands for the whole envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// What is signed.
    pub head: Head,
    /// BIP340 signature over the tagged hash of the head, `narthex/envelope`.
    pub signature: schnorr::Signature,
}

/// A message of a contract, signed by the sender's node key.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    signed: SignedHead,
    body: Vec<u8>,
}

/// The hash that stands for a body in its head.
pub fn body_hash(body: &[u8]) -> [u8; 32] {
    tagged_hash("narthex/envelope-body", body)
}

static TAG: Tag = Tag::new("narthex/envelope");

impl Head {
    /// What the sender signs.
    pub fn digest(&self) -> [u8; 32] {
        let mut w = Writer::default();
        self.write_whole(&mut w);
        TAG.start().fixed(&w.finish()).finish()
    }

    /// The row of its type.
    ///
    /// # Errors
    /// [`WireFault::UnknownType`]; [`WireFault::Carrier`] if it does not travel in envelopes.
    pub fn row(&self) -> Result<&'static MessageType, WireFault> {
        let row = MessageType::of(self.message)?;
        match row.carrier {
            Carrier::Envelope => Ok(row),
            Carrier::Link => Err(WireFault::Carrier { message: row.name }),
        }
    }

    /// What it is called in errors.
    pub fn name(&self) -> &'static str {
        MessageType::known(self.message).map_or("message", |row| row.name)
    }

    /// Whether its body goes in pieces.
    pub const fn is_long(&self) -> bool {
        self.length > MAX_WHOLE
    }

    fn check(&self) -> Result<(), DecodeError> {
        let invalid = |error: WireFault| DecodeError::invalid("type", error);
        let row = self.row().map_err(invalid)?;
        let length = row.check_length(self.length as usize);
        length.map_err(|error| DecodeError::invalid("body", error))
    }

    fn write_whole(&self, w: &mut Writer) {
        self.write(w);
        w.u32(self.length).fixed(&self.body);
    }

    /// All but length and hash of the body.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.contract).u8(self.attempt).point(&self.from);
        write_parties(w, self.to);
        w.u64(self.seq).u16(self.message);
    }

    /// What [`Head::write`] writes.
    fn read(r: &mut Reader<'_>) -> Result<Head, DecodeError> {
        Ok(Head {
            contract: r.array("contract")?,
            attempt: r.u8("attempt")?,
            from: r.point("sender")?,
            to: read_parties(r, "receivers")?,
            seq: r.u64("number")?,
            message: r.u16("type")?,
            length: 0,
            body: [0; 32],
        })
    }
}

impl SignedHead {
    /// Whether the sender signed it.
    ///
    /// # Errors
    /// [`WireFault::Unsigned`].
    pub fn verify(&self) -> Result<(), WireFault> {
        self.verify_in(narthex_base::context::verifying())
    }

    /// The same in a context that the caller has already.
    ///
    /// # Errors
    /// [`WireFault::Unsigned`].
    pub fn verify_in<C: Verification>(&self, secp: &Secp256k1<C>) -> Result<(), WireFault> {
        let head = &self.head;
        let key = head.from.x_only_public_key().0;
        let held = statement::verify_in(secp, &head.digest(), &self.signature, &key);
        held.map_err(|_| WireFault::Unsigned {
            message: head.name(),
            seq: head.seq,
            from: head.from,
        })
    }

    /// The envelope, if this is its body.
    pub fn with_body(self, body: Vec<u8>) -> Option<Envelope> {
        self.is_of(&body).then(|| self.around(body))
    }

    /// Whether this is its body.
    pub(super) fn is_of(&self, body: &[u8]) -> bool {
        body.len() == self.head.length as usize && body_hash(body) == self.head.body
    }

    /// The envelope with a body that is known to be its own: a long one takes long to hash.
    pub(super) const fn around(self, body: Vec<u8>) -> Envelope {
        Envelope { signed: self, body }
    }
}

impl Envelope {
    /// What is signed of it, and the signature.
    pub const fn signed(&self) -> &SignedHead {
        &self.signed
    }

    /// Everything but the body.
    pub const fn head(&self) -> &Head {
        &self.signed.head
    }

    /// The body: a message with its kind.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, taken out.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

// Bodies are long.
impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Envelope").field(&self.signed.head).finish()
    }
}

impl Message for SignedHead {
    const KIND: Kind = kinds::WIRE_HEAD;

    fn write(&self, w: &mut Writer) {
        self.head.write_whole(w);
        w.signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<SignedHead, DecodeError> {
        let head = Head::read(r)?;
        let head = Head {
            length: r.u32("length of the body")?,
            body: r.array("hash of the body")?,
            ..head
        };
        head.check()?;
        let signature = r.signature("signature")?;
        Ok(SignedHead { head, signature })
    }
}

impl Message for Envelope {
    const KIND: Kind = kinds::WIRE_ENVELOPE;

    fn write(&self, w: &mut Writer) {
        self.signed.head.write(w);
        w.bytes(&self.body).signature(&self.signed.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Envelope, DecodeError> {
        let head = Head::read(r)?;
        let row = head.row().map_err(|e| DecodeError::invalid("type", e))?;
        let body = r.bytes_up_to("body", row.most as usize)?;
        let head = Head {
            // At most `row.most`, which has 32 bits.
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            body: body_hash(body),
            ..head
        };
        head.check()?;
        let signature = r.signature("signature")?;
        Ok(Envelope {
            signed: SignedHead { head, signature },
            body: body.to_vec(),
        })
    }
}

/// Two messages of which a sender may have signed one. Whoever has it can show it to anybody: both signatures are its sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The one that was known first.
    pub first: SignedHead,
    /// The other one.
    pub second: SignedHead,
}

impl Contradiction {
    /// Whether these two are one, but for their signatures: the same number and something else, or two of a message that a
    /// sender has one of in an attempt.
    pub fn between(first: &SignedHead, second: &SignedHead) -> Option<Contradiction> {
        let (a, b) = (&first.head, &second.head);
        if a.from != b.from || a.contract != b.contract {
            return None;
        }
        let is_number = a.to == b.to && a.seq == b.seq && a != b;
        let is_single = MessageType::known(a.message).is_some_and(|row| row.is_single);
        let is_other = a.body != b.body || a.length != b.length;
        let is_twice = is_single && a.message == b.message && a.attempt == b.attempt && is_other;
        (is_number || is_twice).then_some(Contradiction {
            first: *first,
            second: *second,
        })
    }

    /// Whose it is, if it is one that holds.
    ///
    /// # Errors
    /// [`WireFault::Unsigned`]; [`WireFault::Carrier`] for two that do not contradict each other.
    pub fn verify(&self) -> Result<PublicKey, WireFault> {
        let message = self.second.head.name();
        if Self::between(&self.first, &self.second).is_none() {
            return Err(WireFault::Carrier { message });
        }
        let secp = narthex_base::context::verifying();
        self.first.verify_in(secp)?;
        self.second.verify_in(secp)?;
        Ok(self.first.head.from)
    }
}

impl Message for Contradiction {
    const KIND: Kind = kinds::WIRE_CONTRADICTION;

    fn write(&self, w: &mut Writer) {
        w.message(&self.first).message(&self.second);
    }

    fn read(r: &mut Reader<'_>) -> Result<Contradiction, DecodeError> {
        let (first, second): (SignedHead, SignedHead) = (r.message("first")?, r.message("second")?);
        Contradiction::between(&first, &second)
            .ok_or_else(|| DecodeError::invalid("second", "it does not contradict the first"))
    }
}
