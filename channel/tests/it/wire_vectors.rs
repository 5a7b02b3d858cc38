//! Frames as data: bytes, fields, keys; and one bad one for each bound. A second reader in Python has to agree.
//!
//! `NARTHEX_BLESS=1 cargo test -p narthex-channel --test it wire_vectors` writes the files anew.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use bitcoin::{
    Amount, FeeRate,
    hashes::{Hash as _, sha256},
    hex::{DisplayHex, FromHex},
    secp256k1::{Keypair, Secp256k1},
};
use narthex_base::{codec::Message as _, kinds::Kind};
use narthex_channel::{
    bounty::{BountyFigures, BountySeat, BountyTalk},
    contract::{self, ContractMessage, EvidencePart},
    offer::{Accept, Decline},
    setup::{Body, Cause, SetupMessage},
    slice::{SliceConsent, SliceFigures, SliceTalk, seat_role},
    small::{AskFault, Declined, SmallAnswer, SmallAsk, SmallPeer},
    stream::{SealedSlice, StreamOrder, StreamTalk},
    wire::{
        Ack, AskDeclined, Carrier, Chunk, Fault, Frame, HELLO, Head, Hello, MAX_MARKS, MAX_WHOLE,
        MESSAGE_TYPES, Mark, MessageType, OfferMessage, Piece, Recall, Resume, SMALL, SignedHead,
        Want, WireFault, contract_type, setup_type,
    },
};
use narthex_contracts::{
    attest::Attestation,
    enrolment::{Enrolment, Scope},
    musig::PartialSignature,
    party::{PartyId, PartySet},
    setup::{HandedOver, Release},
};
use narthex_game_model::{
    bundle::{CHUNK_BYTES, MAX_BUNDLE_SIBLINGS},
    commitment::{Commitment, Multiproof, ResultSecret},
    computation::{PortableProgram, ProgramData},
    market::LayerSet,
};
use serde_json::{Value, json};

use crate::offer::offering;
use crate::wire_support::{CHAIN, CONTRACT, head, receivers, sign};

const KEY: u8 = 2;

/// Bytes in parts: hexadecimal, and runs of one byte.
fn parts(bytes: &[u8]) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    let mut plain = Vec::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        if run.len() < 64 {
            plain.extend_from_slice(run);
            continue;
        }
        if !plain.is_empty() {
            parts.push(json!(std::mem::take(&mut plain).to_lower_hex_string()));
        }
        parts.push(json!({ "byte": run[0], "times": run.len() }));
    }
    if !plain.is_empty() {
        parts.push(json!(plain.to_lower_hex_string()));
    }
    Value::Array(parts)
}

fn bytes(parts: &Value) -> Vec<u8> {
    let part = |part: &Value| match part.as_str() {
        Some(hex) => Vec::from_hex(hex).unwrap(),
        None => {
            let times = part["times"].as_u64().unwrap() as usize;
            vec![part["byte"].as_u64().unwrap() as u8; times]
        }
    };
    parts.as_array().unwrap().iter().flat_map(part).collect()
}

fn mask(to: PartySet) -> u64 {
    to.iter().map(|party| 1u64 << party.0).sum()
}

fn head_fields(signed: &SignedHead) -> Value {
    let Head {
        contract,
        attempt,
        from,
        to,
        seq,
        message,
        length,
        body,
    } = &signed.head;
    json!({
        "contract": contract.to_lower_hex_string(), "attempt": attempt,
        "from": from.serialize().to_lower_hex_string(), "to": mask(*to), "seq": seq, "message": message,
        "length": length, "body_hash": body.to_lower_hex_string(),
        "digest": signed.head.digest().to_lower_hex_string(),
        "signature": signed.signature.serialize().to_lower_hex_string(),
    })
}

fn fields(frame: &Frame) -> Value {
    match frame {
        Frame::Envelope(envelope) => head_fields(envelope.signed()),
        Frame::Head(signed) | Frame::Gone(signed) => head_fields(signed),
        Frame::Hello(m) => {
            json!({ "chain": m.chain.to_lower_hex_string(), "features": m.features, "boot": m.boot })
        }
        Frame::Resume(m) => {
            let mark = |m: &Mark| {
                json!({
                    "contract": m.contract.to_lower_hex_string(), "to": mask(m.to), "next": m.next,
                    "proof": m.proof.as_ref().map(head_fields),
                    "partial": m.partial.map(|(hash, have)| json!([hash.to_lower_hex_string(), have])),
                })
            };
            json!({ "is_last": m.is_last, "marks": m.marks.iter().map(mark).collect::<Vec<_>>() })
        }
        Frame::Ack(m) => {
            json!({ "contract": m.contract.to_lower_hex_string(), "to": mask(m.to), "next": m.next })
        }
        Frame::Recall(m) => {
            json!({ "contract": m.contract.to_lower_hex_string(), "to": mask(m.to), "from": m.from })
        }
        Frame::Piece(m) => json!({
            "hash": m.hash.to_lower_hex_string(), "total": m.total, "offset": m.offset, "bytes": parts(&m.bytes),
        }),
        Frame::Want(m) => {
            json!({ "contract": m.contract.to_lower_hex_string(), "index": m.index })
        }
        Frame::Chunk(m) => {
            let siblings = m.proof.siblings.iter();
            let siblings = siblings.map(|hash| hash.to_lower_hex_string());
            json!({
                "contract": m.contract.to_lower_hex_string(), "index": m.index,
                "proof": siblings.collect::<Vec<_>>(), "bytes": parts(&m.bytes),
            })
        }
        Frame::Declined(m) => json!({
            "contract": m.contract.to_lower_hex_string(), "fault": m.why.fault.code(), "words": m.why.decline.reason,
        }),
        Frame::Fault(m) => json!({ "code": m.code, "words": m.words }),
        Frame::Ignored(_) => json!({}),
    }
}

/// What is read and whose signatures hold.
fn read(bytes: &[u8]) -> Result<Frame, WireFault> {
    let frame = Frame::from_bytes(bytes)?;
    match &frame {
        Frame::Envelope(envelope) => envelope.signed().verify()?,
        Frame::Head(signed) | Frame::Gone(signed) => signed.verify()?,
        Frame::Resume(resume) => {
            let proofs = resume.marks.iter().filter_map(|mark| mark.proof.as_ref());
            proofs.into_iter().try_for_each(SignedHead::verify)?;
        }
        _ => {}
    }
    Ok(frame)
}

fn signed(row: &MessageType, body: &[u8]) -> SignedHead {
    sign(head(KEY, CONTRACT, 5, row.number, body), KEY)
}

/// The frame of a body, whatever its length is.
fn frame_of(row: &MessageType, length: u32) -> Vec<u8> {
    let body = vec![0x5a; length as usize];
    let signed = signed(row, &body);
    if length > MAX_WHOLE {
        return [&row.number.to_be_bytes()[..], &signed.to_bytes()].concat();
    }
    whole(row, &signed, &body)
}

/// An envelope, written by hand so that it may be wrong.
fn whole(row: &MessageType, signed: &SignedHead, body: &[u8]) -> Vec<u8> {
    let head = &signed.head;
    let fixed = [
        &row.number.to_be_bytes()[..],
        b"NXEV1",
        &head.contract,
        &[head.attempt],
        &head.from.serialize(),
        &(mask(head.to) as u32).to_be_bytes(),
        &head.seq.to_be_bytes(),
        &head.message.to_be_bytes(),
        &(body.len() as u32).to_be_bytes(),
        body,
        signed.signature.as_ref(),
    ];
    fixed.concat()
}

type Cases = (Vec<(String, Vec<u8>)>, Vec<(String, Vec<u8>)>);

fn setup_messages() -> Vec<SetupMessage> {
    let bodies = [
        Body::Proposal(vec![1; 20]),
        Body::Terms(vec![2; 30]),
        Body::Bind {
            agreement: [3; 32],
            announcement: vec![3; 9],
        },
        Body::Nonces(vec![4; 70]),
        Body::Shares {
            stage: 1,
            shares: vec![5; 80],
        },
        Body::Held,
        Body::Funding(vec![6; 12]),
        Body::Whole(vec![7; 20]),
        Body::Abort(Cause::Late),
    ];
    let message = |body| SetupMessage { attempt: 0, body };
    bodies.into_iter().map(message).collect()
}

fn offer_messages() -> Vec<OfferMessage> {
    let offering = Box::new(offering());
    let (enrolment, bond) = (offering.enrolment, Some(crate::offer::bond()));
    vec![
        OfferMessage::Offer(offering),
        OfferMessage::Accept(Box::new(Accept { enrolment, bond })),
        OfferMessage::Decline(Decline::new("busy")),
    ]
}

fn ending() -> contract::EndingSaid {
    contract::EndingSaid::Release {
        attempt: 1,
        release: Release {
            agreement_id: [9; 32],
            from: PartyId(0),
            item: 0,
            share: PartialSignature([9; 32]),
        },
    }
}

const fn digest() -> contract::RulingDigest {
    contract::RulingDigest {
        arbiter: 1,
        evidence: [7; 32],
        digest: [8; 32],
    }
}

/// What a frame carries is looked into by whoever takes it: these say what they are, and then nothing of meaning.
fn life_bodies() -> Vec<Vec<u8>> {
    let message = |which: u8, inner: &[u8]| {
        let length = (inner.len() as u32).to_be_bytes();
        [ContractMessage::KIND.as_bytes(), &[which], &length, inner].concat()
    };
    let piece = |which: u8, length: usize| {
        let inner = [
            contract::Piece::KIND.as_bytes(),
            &[which],
            &vec![which; length],
        ];
        message(0, &inner.concat())
    };
    let kind = |kind: Kind, length: usize| [kind.as_bytes(), &vec![9; length]].concat();
    vec![
        piece(1, 120),
        piece(2, 229),
        piece(3, 400),
        ContractMessage::Piece(contract::Piece::Boxes(vec![4; 40])).to_bytes(),
        piece(5, 90),
        nobodys_evidence(),
        message(2, &kind(Release::KIND, 69)),
        message(3, &kind(HandedOver::KIND, 100)),
        message(4, &kind(Attestation::KIND, 66)),
        ContractMessage::Ending(Box::new(ending())).to_bytes(),
        ContractMessage::Digest(digest()).to_bytes(),
        ContractMessage::DigestSeen(digest()).to_bytes(),
    ]
}

/// Evidence of nothing, which nobody has heard, under a signature that is none.
fn nobodys_evidence() -> Vec<u8> {
    let part = EvidencePart {
        case: narthex_game_model::Accusation::Appeal,
        by: narthex_game_model::ruling::Litigant::Client,
        pieces: Vec::new(),
    };
    let [kind, part] = [ContractMessage::KIND.as_bytes().to_vec(), part.to_bytes()];
    let length = (part.len() as u32).to_be_bytes().to_vec();
    let receipt = [vec![9], vec![7; 228]].concat();
    [kind, vec![1], length, part, receipt, vec![0; 4]].concat()
}

/// What is asked for and said of a bounty before it is funded.
fn bounty_bodies() -> Vec<(String, Vec<u8>)> {
    let seat = |byte| BountySeat {
        node: head(byte, CONTRACT, 0, SMALL, &[]).from,
        address: "127.0.0.1:9735".into(),
        amount: Amount::from_sat(20_000),
    };
    let salt = sha256::Hash::from_byte_array([5; 32]);
    let figures = BountyFigures {
        job: sha256::Hash::from_byte_array([6; 32]),
        seats: vec![seat(2), seat(3)],
        quorum: 2,
        layer_height: 200,
        round_blocks: 6,
        refund_height: 300,
        rate: FeeRate::from_sat_per_kwu(500),
    };
    let ask = SmallAsk {
        salt: [1; 32],
        expires_s: 1_000,
        figures: figures.to_bytes(),
    };
    let (terms, json) = ([4; 32], b"{}".to_vec());
    let all = vec![vec![1; 20], vec![2; 30]];
    let (set, missing) = (LayerSet::full(2), LayerSet::full(1));
    let talk = [
        ("call", BountyTalk::Call { salt }),
        (
            "offer",
            BountyTalk::Offer {
                salt,
                json: json.clone(),
            },
        ),
        ("terms", BountyTalk::Terms { json }),
        (
            "nonces",
            BountyTalk::Nonces {
                terms,
                all: all.clone(),
            },
        ),
        ("shares", BountyTalk::Shares { terms, all }),
        ("held", BountyTalk::Held { terms }),
        ("again", BountyTalk::Again { terms }),
        (
            "lacks",
            BountyTalk::Lacks {
                terms,
                set,
                missing,
            },
        ),
    ];
    let talk = talk.map(|(what, talk)| (format!("a bounty's {what}"), talk.to_bytes()));
    let ask = ("an ask for a bounty".to_owned(), ask.to_bytes());
    std::iter::once(ask).chain(talk).collect()
}

/// What is asked for, brought and said of a gated slice before it is funded.
fn slice_bodies() -> Vec<(String, Vec<u8>)> {
    let seat = |byte| SmallPeer {
        node: head(byte, CONTRACT, 0, SMALL, &[]).from,
        address: "127.0.0.1:9735".into(),
    };
    let salt = sha256::Hash::from_byte_array([5; 32]);
    let figures = SliceFigures {
        job: sha256::Hash::from_byte_array([6; 32]),
        seats: vec![seat(2), seat(3)],
        quorum: 2,
        price: Amount::from_sat(20_000),
        post_blocks: 72,
        refund_blocks: 144,
        fund_height: 300,
        rate: FeeRate::from_sat_per_kwu(500),
    };
    let ask = SmallAsk {
        salt: [1; 32],
        expires_s: 1_000,
        figures: figures.to_bytes(),
    };
    let pair = |byte| Keypair::from_seckey_slice(&Secp256k1::new(), &[byte; 32]).unwrap();
    let enrolled = |seat: u8| {
        let scope = Scope::Negotiation(ask.id());
        let (node, key) = (pair(2 + seat), pair(20 + seat));
        Enrolment::sign(scope, seat_role(seat), &node, &key).unwrap()
    };
    let consent = SliceConsent {
        enrolment: enrolled(0),
        script: [vec![0x51, 0x20], vec![7; 32]].concat().into(),
    };
    let takes = SmallAnswer::Takes(consent.to_bytes());
    let (terms, all) = ([4; 32], vec![vec![1; 20], vec![2; 30]]);
    let talk = [
        (
            "call",
            SliceTalk::Call {
                salt,
                client: head(9, CONTRACT, 0, SMALL, &[]).from,
                enrolled: vec![enrolled(0), enrolled(1)],
            },
        ),
        (
            "dealing",
            SliceTalk::Deal {
                salt,
                dealing: vec![8; 50],
            },
        ),
        (
            "terms",
            SliceTalk::Terms {
                json: b"{}".to_vec(),
                dealings: all.clone(),
            },
        ),
        (
            "nonces",
            SliceTalk::Nonces {
                terms,
                all: all.clone(),
            },
        ),
        ("shares", SliceTalk::Shares { terms, all }),
        ("held", SliceTalk::Held { terms }),
        ("again", SliceTalk::Again { terms }),
        ("lacks", SliceTalk::Lacks { terms, post_of: 1 }),
    ];
    let talk = talk.map(|(what, talk)| (format!("a slice's {what}"), talk.to_bytes()));
    let ask = ("an ask for a slice".to_owned(), ask.to_bytes());
    let takes = ("what a provider brings".to_owned(), takes.to_bytes());
    [ask, takes].into_iter().chain(talk).collect()
}

/// What is ordered and said of a stream.
fn stream_bodies() -> Vec<(String, Vec<u8>)> {
    let order = StreamOrder {
        bank: [1; 32],
        first: 7,
        price: 3,
        slices: 2,
        steps: 2,
        output_bytes: 4,
        width: 1,
        program: PortableProgram::of(ProgramData::Wasm {
            source: b"(module)".to_vec().into(),
            fuel: 10,
            memory_bytes: 65_536,
            output_bytes: 4,
            max_units: None,
        }),
        records: vec![1, 2, 3, 4],
    };
    let slice = SealedSlice {
        slice: 1,
        commitment: Commitment {
            job: StreamOrder::slice_id(&order.id(), 1),
            steps: 2,
            root: [3; 32],
            result: head(KEY, CONTRACT, 0, SMALL, &[]).from,
            openings: 1,
            points: [4; 32],
            boxes: [5; 32],
            coefficients: [6; 32],
        },
        sealed: vec![8; 30],
    };
    let stream = order.id();
    let secret = ResultSecret::from_bytes([9; 32]);
    let talk = [
        ("slice", StreamTalk::Slice(stream, Box::new(slice))),
        ("key", StreamTalk::Key(stream, 1, secret)),
        ("stop", StreamTalk::Stop(stream, Decline::new("enough"))),
    ];
    let talk = talk.map(|(what, talk)| (format!("a stream's {what}"), talk.to_bytes()));
    let order = ("a stream's order".to_owned(), order.to_bytes());
    std::iter::once(order).chain(talk).collect()
}

fn contract_cases(row: &MessageType) -> Cases {
    let lives = life_bodies().into_iter();
    let lives = lives.map(|body| (contract_type(&body).unwrap(), body));
    let setups = setup_messages().into_iter();
    let setups = setups.map(|m| (setup_type(&m), m.to_bytes()));
    let offers = offer_messages().into_iter();
    let offers = offers.map(|m| (m.number(), m.to_bytes()));
    let ask = SmallAsk {
        salt: [1; 32],
        expires_s: 1_000,
        figures: vec![2; 9],
    };
    let mut bodies = setups
        .chain(offers)
        .chain(lives)
        .chain([(SMALL, ask.to_bytes())]);
    let (_, body) = bodies.find(|(number, _)| *number == row.number).unwrap();
    let real = signed(row, &body);
    let is_long = row.most > MAX_WHOLE;
    let good = whole(row, &real, &body);
    let mut valid = vec![
        ("a message".into(), good.clone()),
        ("the shortest body".into(), frame_of(row, row.least)),
        (
            "the longest body in one frame".into(),
            frame_of(row, row.most.min(MAX_WHOLE)),
        ),
    ];
    if row.number == SMALL {
        let bodies = bounty_bodies()
            .into_iter()
            .chain(stream_bodies())
            .chain(slice_bodies());
        valid.extend(bodies.map(|(what, body)| (what, whole(row, &signed(row, &body), &body))));
    }
    if is_long {
        valid.push((
            "the shortest body in pieces".into(),
            frame_of(row, MAX_WHOLE + 1),
        ));
        let mut longest = head(KEY, CONTRACT, 5, row.number, &[]);
        longest.length = row.most;
        let longest = sign(longest, KEY).to_bytes();
        let longest = [&row.number.to_be_bytes()[..], &longest].concat();
        valid.push(("the longest body".into(), longest));
    }
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut other_body = good.clone();
    let at = other_body.len() - 65;
    other_body[at] ^= 1;
    let mut cut = good.clone();
    cut.pop();
    let mut other_number = good.clone();
    let other = if row.number == 33_036 {
        33_038u16
    } else {
        33_036
    };
    other_number[..2].copy_from_slice(&other.to_be_bytes());
    let mut other_kind = good.clone();
    other_kind[6] = b'2';
    let mut no_point = good.clone();
    no_point[40] = 5;
    let mut bad = vec![
        ("another signature".into(), flipped),
        ("another body".into(), other_body),
        ("cut off".into(), cut),
        ("a byte more".into(), [&good[..], &[0]].concat()),
        ("under another number".into(), other_number),
        ("another kind".into(), other_kind),
        ("a sender that is no point".into(), no_point),
        ("too short".into(), frame_of(row, row.least - 1)),
        (
            "in pieces without need".into(),
            [&row.number.to_be_bytes()[..], &real.to_bytes()].concat(),
        ),
    ];
    let mut too_long = head(KEY, CONTRACT, 5, row.number, &[]);
    too_long.length = row.most + 1;
    let head_only = sign(too_long, KEY).to_bytes();
    bad.push((
        "too long".into(),
        match is_long {
            true => [&row.number.to_be_bytes()[..], &head_only].concat(),
            false => frame_of(row, row.most + 1),
        },
    ));
    if is_long {
        let body = vec![0x5a; MAX_WHOLE as usize + 1];
        bad.push((
            "whole, and longer than a frame has".into(),
            whole(row, &signed(row, &body), &body),
        ));
    }
    (valid, bad)
}

fn resume_cases() -> Cases {
    let mark = |next: u64, proof: bool| {
        let last = next.checked_sub(1).filter(|_| proof);
        let proof = last.map(|last| sign(head(KEY, CONTRACT, last, 33_038, &[1; 20]), KEY));
        Mark {
            contract: CONTRACT,
            to: receivers(KEY),
            next,
            proof,
            partial: (next == 7).then_some(([9; 32], 60_000)),
        }
    };
    let frame = |marks: Vec<Mark>, is_last| Frame::Resume(Resume { marks, is_last }).to_bytes();
    let valid = vec![
        ("nothing was read".into(), frame(Vec::new(), true)),
        (
            "three marks".into(),
            frame(vec![mark(0, false), mark(3, true), mark(7, true)], true),
        ),
        (
            "more follow".into(),
            frame(vec![mark(0, false); MAX_MARKS], false),
        ),
    ];
    let one = frame(vec![mark(3, true)], true);
    // Behind number, kind, flag and count: contract, receivers, then the number.
    let at = 2 + 5 + 1 + 4 + 32 + 4 + 7;
    let mut other_number = one.clone();
    other_number[at] ^= 1;
    let mut other_contract = one.clone();
    other_contract[2 + 5 + 1 + 4] ^= 1;
    let mut flag = one.clone();
    flag[7] = 2;
    let mut forged = one.clone();
    let last = forged.len() - 2;
    forged[last] ^= 1;
    let mut count = one.clone();
    count[11] = 2;
    let bad = vec![
        ("a proof of another number".into(), other_number),
        ("a proof of another contract".into(), other_contract),
        ("a flag that is neither".into(), flag),
        ("a proof that nobody signed".into(), forged),
        ("fewer marks than it says".into(), count),
        (
            "too many marks".into(),
            frame(vec![mark(0, false); MAX_MARKS + 1], true),
        ),
        ("too long".into(), [&one[..], &vec![0; 60_000]].concat()),
    ];
    (valid, bad)
}

fn piece_cases() -> Cases {
    let piece = |total: u32, offset: u32, length: usize| {
        let bytes = vec![0x5a; length];
        let hash = [9; 32];
        Frame::Piece(Piece {
            hash,
            total,
            offset,
            bytes,
        })
        .to_bytes()
    };
    let longest = MESSAGE_TYPES.iter().map(|row| row.most).max().unwrap();
    let valid = vec![
        ("a piece".into(), piece(60_001, 0, 60_000)),
        ("the last byte".into(), piece(60_001, 60_000, 1)),
        (
            "of the longest body".into(),
            piece(longest, longest - 60_000, 60_000),
        ),
    ];
    let bad = vec![
        (
            "of nothing that goes in pieces".into(),
            piece(60_000, 0, 60_000),
        ),
        (
            "of more than any body has".into(),
            piece(longest + 1, 0, 60_000),
        ),
        ("behind the end".into(), piece(60_001, 60_000, 2)),
        (
            "an offset that overflows".into(),
            piece(60_001, u32::MAX, 2),
        ),
        ("of no bytes".into(), piece(60_001, 0, 0)),
        ("longer than a piece".into(), piece(70_000, 0, 60_001)),
    ];
    (valid, bad)
}

fn chunk_cases() -> Cases {
    let chunk = |siblings: usize, length: usize| {
        Frame::Chunk(Chunk {
            contract: CONTRACT,
            index: 7,
            proof: Multiproof {
                siblings: (0..siblings).map(|at| [at as u8; 32]).collect(),
            },
            bytes: vec![0x5a; length],
        })
        .to_bytes()
    };
    let valid = vec![
        ("a chunk".into(), chunk(2, 100)),
        ("the shortest".into(), chunk(0, 1)),
        (
            "the longest".into(),
            chunk(MAX_BUNDLE_SIBLINGS, CHUNK_BYTES),
        ),
    ];
    // Behind number, kind, contract and index.
    let count = 2 + 5 + 32 + 4;
    let mut many = chunk(2, 100);
    many[count..count + 4].copy_from_slice(&[0xff; 4]);
    let mut fewer = chunk(2, 100);
    fewer[count + 3] = 1;
    let bad = vec![
        ("of no bytes".into(), chunk(2, 0)),
        ("longer than a chunk".into(), chunk(2, CHUNK_BYTES + 1)),
        (
            "a proof that is too long".into(),
            chunk(MAX_BUNDLE_SIBLINGS + 1, 100),
        ),
        ("more hashes than there are bytes".into(), many),
        ("fewer hashes than there are".into(), fewer),
    ];
    (valid, bad)
}

fn link_cases(row: &MessageType) -> Cases {
    let (contract, to) = (CONTRACT, receivers(KEY));
    let proof = sign(head(KEY, CONTRACT, 5, 33_038, &[1; 20]), KEY);
    let (valid, mut bad): Cases = match row.name {
        "resume" => resume_cases(),
        "piece" => piece_cases(),
        "chunk" => chunk_cases(),
        "want" => {
            let index = 65_599;
            let want = Want { contract, index };
            (
                vec![("a want".into(), Frame::Want(want).to_bytes())],
                Vec::new(),
            )
        }
        "hello" => {
            let hello = Hello {
                chain: CHAIN,
                features: 2,
                boot: 7,
            };
            (
                vec![("a hello".into(), Frame::Hello(hello).to_bytes())],
                Vec::new(),
            )
        }
        "ack" => {
            let next = u64::MAX;
            let ack = Ack { contract, to, next };
            (
                vec![("an ack".into(), Frame::Ack(ack).to_bytes())],
                Vec::new(),
            )
        }
        "recall" => {
            let from = 3;
            let recall = Recall { contract, to, from };
            (
                vec![("a recall".into(), Frame::Recall(recall).to_bytes())],
                Vec::new(),
            )
        }
        "gone" => {
            let mut forged = proof;
            forged.head.seq = 6;
            let mut link = proof;
            link.head.message = HELLO;
            let link = sign(link.head, KEY);
            (
                vec![("a body that is gone".into(), Frame::Gone(proof).to_bytes())],
                vec![
                    (
                        "of another number than was signed".into(),
                        Frame::Gone(forged).to_bytes(),
                    ),
                    (
                        "of no contract's message".into(),
                        Frame::Gone(link).to_bytes(),
                    ),
                ],
            )
        }
        "declined" => {
            let declined = |fault, words: &str| {
                let why = Declined::new(fault, words);
                Frame::Declined(AskDeclined { contract, why }).to_bytes()
            };
            let mut garbled = declined(AskFault::Figures, "wrong");
            *garbled.last_mut().unwrap() = 0xff;
            let newer = declined(AskFault::Other(200), "");
            let longest = declined(AskFault::Unknown, &"é".repeat(200));
            (
                vec![
                    ("words".into(), declined(AskFault::Figures, "wrong")),
                    ("the longest words".into(), longest),
                    ("a fault of a newer program, and no words".into(), newer),
                ],
                vec![("words that are no text".into(), garbled)],
            )
        }
        "fault" => {
            let fault = |words: &str| Frame::Fault(Fault::new(3, words)).to_bytes();
            let mut garbled = fault("wrong");
            *garbled.last_mut().unwrap() = 0xff;
            let longest = fault(&"é".repeat(400));
            (
                vec![
                    ("words".into(), fault("wrong")),
                    ("the longest words".into(), longest),
                ],
                vec![("words that are no text".into(), garbled)],
            )
        }
        other => panic!("no vectors of {other}"),
    };
    let good = valid[0].1.clone();
    bad.push(("cut off".into(), good[..good.len() - 1].to_vec()));
    bad.push(("a byte more".into(), [&good[..], &[0]].concat()));
    let mut kind = good.clone();
    kind[6] ^= 1;
    bad.push(("another kind".into(), kind));
    if row.least > 5 {
        let short = vec![0; row.least as usize - 1];
        bad.push((
            "too short".into(),
            [&row.number.to_be_bytes()[..], &short].concat(),
        ));
    }
    let long = vec![0; row.most as usize + 1];
    bad.push((
        "too long for its type".into(),
        [&row.number.to_be_bytes()[..], &long].concat(),
    ));
    (valid, bad)
}

fn made(row: &MessageType) -> Value {
    let (valid, bad) = match row.carrier {
        Carrier::Envelope => contract_cases(row),
        Carrier::Link => link_cases(row),
    };
    let valid = valid.into_iter().map(|(what, bytes)| {
        let frame = read(&bytes).unwrap_or_else(|e| panic!("{} {what}: {e}", row.name));
        json!({ "what": what, "frame": parts(&bytes), "fields": fields(&frame) })
    });
    let valid = valid.collect::<Vec<_>>();
    let bad = bad
        .into_iter()
        .map(|(what, bytes)| json!({ "what": what, "frame": parts(&bytes) }));
    let secret_key = [KEY; 32].to_lower_hex_string();
    json!({
        "message": row.name, "number": row.number, "least": row.least, "most": row.most,
        "secret_key": secret_key,
        "valid": valid, "bad": bad.collect::<Vec<_>>(),
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/wire")
}

fn path(row: &MessageType) -> PathBuf {
    folder().join(row.name).with_extension("json")
}

/// Files are written anew while nobody else reads them.
static FILES: Mutex<()> = Mutex::new(());

#[test]
fn frames_are_those_of_the_files() {
    let _files = FILES.lock();
    for row in MESSAGE_TYPES {
        if std::env::var_os("NARTHEX_BLESS").is_some() {
            fs::create_dir_all(folder()).unwrap();
            let text = serde_json::to_string_pretty(&made(row)).unwrap() + "\n";
            fs::write(path(row), text).unwrap();
        }
        let text = fs::read_to_string(path(row)).unwrap_or_default();
        let vector: Value = serde_json::from_str(&text).unwrap();
        // From the file alone, as another implementation would.
        for case in vector["valid"].as_array().unwrap() {
            let frame = read(&bytes(&case["frame"])).unwrap();
            assert_eq!(
                frame.to_bytes(),
                bytes(&case["frame"]),
                "{}: {}",
                row.name,
                case["what"]
            );
            assert_eq!(
                fields(&frame),
                case["fields"],
                "{}: {}",
                row.name,
                case["what"]
            );
        }
        for case in vector["bad"].as_array().unwrap() {
            assert!(
                read(&bytes(&case["frame"])).is_err(),
                "{}: {}",
                row.name,
                case["what"]
            );
        }
        assert_eq!(
            vector,
            made(row),
            "{}: NARTHEX_BLESS=1 writes the file anew",
            row.name
        );
    }
    let files = fs::read_dir(folder()).unwrap().count();
    assert_eq!(
        files,
        MESSAGE_TYPES.len(),
        "files of messages that there are not"
    );
}

/// Whether the second reader agrees with these files, and its words.
fn second_opinion(files: &[PathBuf]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/wire.py");
    let run = Command::new("python3")
        .arg("-B")
        .arg(script)
        .args(files)
        .output();
    let run =
        run.expect("python3 is needed for the second reader (Debian: apt-get install python3)");
    let words = [run.stdout, run.stderr].concat();
    (
        run.status.success(),
        String::from_utf8_lossy(&words).into_owned(),
    )
}

#[test]
fn a_second_reader_agrees() {
    let _files = FILES.lock();
    let files: Vec<_> = MESSAGE_TYPES.iter().map(path).collect();
    let (agrees, words) = second_opinion(&files);
    assert!(agrees, "{words}");
    let count = |row: &MessageType| {
        let vector = made(row);
        ["valid", "bad"]
            .map(|kind| vector[kind].as_array().unwrap().len())
            .iter()
            .sum::<usize>()
    };
    let all: usize = MESSAGE_TYPES.iter().map(count).sum();
    assert!(
        words.contains(&format!("{all} frames, 0 disagreements")),
        "{words}"
    );
}

/// The comparison itself can fail: every field with something else in it, and a bad frame that is called valid.
#[test]
fn a_changed_field_is_a_disagreement() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = 0;
    let mut files = Vec::new();
    for row in MESSAGE_TYPES {
        let mut vector = made(row);
        let first = vector["valid"][0].clone();
        let mut cases = Vec::new();
        for name in first["fields"].as_object().unwrap().keys() {
            let mut case = first.clone();
            case["fields"][name] = json!("something else");
            case["what"] = json!(format!("{} changed", name));
            cases.push(case);
        }
        expected += cases.len();
        for bad in vector["bad"].as_array().unwrap() {
            let mut case = bad.clone();
            case["fields"] = first["fields"].clone();
            cases.push(case);
            expected += 1;
        }
        let valid = vector["valid"].as_array().unwrap().clone();
        expected += valid.len();
        vector["valid"] = Value::Array(cases);
        vector["bad"] = Value::Array(valid);
        let path = folder.path().join(row.name).with_extension("json");
        fs::write(&path, serde_json::to_vec(&vector).unwrap()).unwrap();
        files.push(path);
    }
    let (agrees, words) = second_opinion(&files);
    assert!(!agrees);
    assert!(
        words.contains(&format!("{expected} disagreements")),
        "{expected}: {words}"
    );
    assert!(!second_opinion(&[]).0);
}
