//! What parties of a contract send each other from its funding on, and what each writes down of it. What is read is written
//! back as it was.

use bitcoin::{
    Txid,
    hashes::Hash,
    secp256k1::{Keypair, Secp256k1, SecretKey},
};
use narthex_base::codec::Message;
use narthex_channel::contract::{
    Audited, Blob, BroughtPart, ContractChange, ContractMessage, Evidence, EvidencePart, Facts,
    Finding, Piece, RulingDigest, Thing,
};
use narthex_contracts::{
    attest::Attestation,
    graph::NodeId,
    musig::{AdaptorSignature, PartialSignature},
    party::PartyId,
    setup::{HandedOver, Release},
    shared_secret::RevealedShare,
};
use narthex_game_model::{
    Accusation, Ruling,
    commitment::{
        Boxed, Commitment, KeyPoints, KeyShare, LeafOpening, Multiproof, Opening, Receipt,
        ReceiptKind, ReceiptSigner, SignedReceipt,
    },
    ruling::{Answer, Item, Litigant, ProvenRecord, RootOfRecord, SignedItem},
    token::{SealedToken, TokenBox},
};

use super::table::{Decoder, Law, Read};

const CONTRACT: [u8; 32] = [0xc0; 32];

/// Each has the seeds that it reads.
pub fn decoders() -> Vec<Decoder> {
    Decoder::seeded(laws(), &seeds())
}

fn message<T: Message>(data: &[u8]) -> Option<Vec<u8>> {
    Some(T::from_bytes(data).ok()?.to_bytes())
}

fn laws() -> Vec<Decoder> {
    let canonical = |name, read: Read| Decoder::new(name, Law::Canonical, read, Vec::new());
    vec![
        canonical("message of a contract", message::<ContractMessage>),
        canonical("piece of a contract", message::<Piece>),
        canonical("part of evidence", message::<EvidencePart>),
        canonical("change of a contract", message::<ContractChange>),
    ]
}

/// Every one of them.
pub fn messages(data: &[u8]) {
    for decoder in laws() {
        decoder.check(data);
    }
}

fn pair() -> Keypair {
    let secret = SecretKey::from_slice(&[3; 32]).expect("a key");
    Keypair::from_secret_key(&Secp256k1::new(), &secret)
}

fn items() -> Vec<SignedItem> {
    let (sample, token, reply, opening) = ([1; 32], [2; 32], [3; 32], [4; 32]);
    let items = [
        Item::Commitment(Box::new(commitment())),
        Item::Sample {
            nonce: sample,
            height: 7,
            block: [9; 32],
        },
        Item::Token {
            sample,
            sealed: SealedToken {
                ciphertext: [5; 32],
                tag: [6; 16],
            },
        },
        Item::Reply {
            token,
            answer: Answer::Shown {
                hash: [7; 32],
                kept: TokenBox {
                    ciphertext: [5; 32],
                    tag: [6; 16],
                },
            },
        },
        Item::Reply {
            token,
            answer: Answer::Digests(vec![[8; 32]; 3]),
        },
        Item::Opening { reply, opening },
        Item::Verdict {
            opening,
            bad_box: 5,
        },
        Item::Audit {
            root: [6; 32],
            nonce: [7; 32],
        },
        Item::AuditOpening {
            audit: [8; 32],
            opening,
        },
        Item::Blind {
            sample,
            digests: [9; 32],
        },
    ];
    items.map(|item| item.signed(&CONTRACT, &pair())).into()
}

fn commitment() -> Commitment {
    Commitment {
        job: [1; 32],
        steps: 1_000,
        root: [2; 32],
        result: pair().public_key(),
        openings: 3,
        points: [3; 32],
        boxes: [4; 32],
        coefficients: [5; 32],
    }
}

fn receipt() -> SignedReceipt {
    let key = pair().x_only_public_key().0.serialize();
    let receipt = Receipt::expected(ReceiptKind::Kept, CONTRACT, [1; 32], key, [2; 32]);
    let signature = pair().sign(&receipt.id()).expect("a signature");
    SignedReceipt { receipt, signature }
}

fn opening() -> Opening {
    let leaf = |index, sealed| LeafOpening {
        index,
        salt: [1; 32],
        digest: [2; 32],
        share: KeyShare::from_bytes([3; 32]),
        sealed,
    };
    let siblings = |count| Multiproof {
        siblings: vec![[4; 32]; count],
    };
    // No points: their number is 0.
    let points = KeyPoints::from_bytes(b"NXKP1\0\0\0\0").expect("no points");
    Opening {
        leaves: vec![
            leaf(3, Boxed::Hash([5; 32])),
            leaf(9, Boxed::Whole(vec![6; 50])),
        ],
        proof: siblings(2),
        boxes: siblings(1),
        points,
    }
}

fn pieces() -> Vec<Piece> {
    let items = items().into_iter().map(Piece::Item);
    let record = ProvenRecord {
        index: 3,
        record: vec![1; 20],
        proof: Multiproof {
            siblings: vec![[2; 32]; 2],
        },
    };
    let others = [
        Piece::Receipt(receipt()),
        Piece::Commitment(Box::new(commitment())),
        Piece::Boxes(vec![7; 90]),
        Piece::Opening(Box::new(opening())),
        Piece::Token([8; 32]),
        Piece::Record(record),
    ];
    items.chain(others).collect()
}

fn changes() -> Vec<ContractChange> {
    let (release, handed) = (release(), handed());
    let facts = Facts {
        path: vec![(NodeId(0), 100), (NodeId(4), 110)],
        root: Some(RootOfRecord {
            height: 111,
            root: [1; 32],
        }),
        agreed: Some(112),
    };
    let (by, hash, id) = (PartyId(1), [2; 32], [3; 32]);
    let items = items().into_iter().map(ContractChange::Filed);
    let others = [
        ContractChange::Seen(facts),
        ContractChange::Seen(Facts::default()),
        ContractChange::Shown(Box::new(commitment())),
        ContractChange::Kept {
            by,
            blob: Blob::Boxes { hash },
        },
        ContractChange::Kept {
            by,
            blob: Blob::Opening { id, hash },
        },
        ContractChange::Brought(BroughtPart {
            case: Accusation::Appeal,
            by: Litigant::Verifier,
            bytes: 7,
            brought: receipt(),
        }),
        ContractChange::Receipt(receipt()),
        ContractChange::Acknowledged {
            thing: Thing::Item(id),
            receipt: receipt(),
        },
        ContractChange::Acknowledged {
            thing: Thing::Part(hash),
            receipt: receipt(),
        },
        ContractChange::NotReceived(Thing::Data),
        ContractChange::Deep { height: 107 },
        ContractChange::Found(Finding::OwnFault),
        ContractChange::Released(release.clone()),
        ContractChange::HandedOver(handed.clone()),
        ContractChange::Approved(vec![release.clone(), release]),
        ContractChange::Passed(vec![handed]),
        ContractChange::False,
        ContractChange::Decided(NodeId(7)),
        ContractChange::Appealing,
        ContractChange::Pleaded(receipt()),
        ContractChange::Summoned { tip: 108 },
        ContractChange::Showing(NodeId(8)),
        ContractChange::Closed,
        ContractChange::Ruled(Ruling::VerifierAtFault),
        ContractChange::Attested(attestation()),
        ContractChange::Decrypted {
            by: Txid::all_zeros(),
            result: Some(hash),
        },
        ContractChange::Over,
        ContractChange::AuditDeep { height: 109 },
        ContractChange::Audited(Audited::Right),
        ContractChange::Audited(Audited::Wrong { step: 5 }),
        ContractChange::Audited(Audited::Unopened),
        ContractChange::Rejected(vec![self::release()]),
        ContractChange::Revealed(share()),
        ContractChange::RulingFixed {
            mine: digest(),
            other: [6; 32],
        },
        ContractChange::DigestSeen {
            by: PartyId(4),
            digest: digest(),
        },
        ContractChange::Asked { tip: 110 },
        ContractChange::MayAttest,
        ContractChange::PutBack(true),
        ContractChange::DigestHeard(digest()),
    ];
    items.chain(others).collect()
}

const fn release() -> Release {
    Release {
        agreement_id: [1; 32],
        from: PartyId(2),
        item: 4,
        share: PartialSignature([5; 32]),
    }
}

fn share() -> RevealedShare {
    let value = SecretKey::from_slice(&[3; 32]).expect("a scalar");
    RevealedShare { member: 2, value }
}

const fn digest() -> RulingDigest {
    RulingDigest {
        arbiter: 2,
        evidence: [7; 32],
        digest: [8; 32],
    }
}

const fn handed() -> HandedOver {
    HandedOver {
        agreement_id: [1; 32],
        item: 4,
        signature: AdaptorSignature([5; 64]),
    }
}

fn attestation() -> Attestation {
    Attestation {
        arbiter: 2,
        ruling: Ruling::WorkerAtFault,
        signature: items()[0].signature,
    }
}

fn part(pieces: Vec<Piece>) -> EvidencePart {
    EvidencePart {
        case: Accusation::Challenge,
        by: Litigant::Worker,
        pieces,
    }
}

fn evidence(pieces: Vec<Piece>, heard: usize) -> ContractMessage {
    ContractMessage::Evidence(Box::new(Evidence {
        part: part(pieces),
        brought: receipt(),
        heard: vec![receipt(); heard],
    }))
}

/// Valid inputs: one of each message, piece and change.
pub fn seeds() -> Vec<Vec<u8>> {
    let pieces = pieces();
    let mut messages = vec![
        evidence(pieces.clone(), 2),
        evidence(Vec::new(), 0),
        ContractMessage::Release(release()),
        ContractMessage::HandedOver(handed()),
        ContractMessage::Attestation(attestation()),
        ContractMessage::Share(share()),
        ContractMessage::Digest(digest()),
        ContractMessage::DigestSeen(digest()),
    ];
    messages.extend(pieces.iter().cloned().map(ContractMessage::Piece));
    let messages = messages.iter().map(Message::to_bytes);
    let part = part(pieces.clone()).to_bytes();
    let pieces = pieces.iter().map(Message::to_bytes).chain([part]);
    let changes = changes();
    let changes = changes.iter().map(Message::to_bytes);
    messages.chain(pieces).chain(changes).collect()
}
