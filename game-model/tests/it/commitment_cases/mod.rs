//! Cases that two implementations compare: inputs with the outputs that this one computes.

use std::path::PathBuf;
use std::process::Command;

use hex_conservative::DisplayHex;
use narthex_base::codec::Message as _;
use narthex_game_model::commitment::{
    Boxed, CheckpointBuilder, Commitment, Domain, Opener, OpeningBook, PolynomialSeed, Receipt,
    ReceiptKind, ResultSecret, SaltSeed, SealedShape, Sealer, Sealing, SignedReceipt, TreeBuilder,
    WorkerSecrets, input_leaf, state_digest, work_leaf,
};
use narthex_game_model::play::BlindDigests;
use narthex_game_model::retrieval::{Archive, Challenge, Shape, chunk_leaf};
use narthex_game_model::sample;
use narthex_game_model::tagged::tagged_hash;
use secp256k1::{Keypair, Message, SECP256K1};
use serde_json::{Value, json};

/// Bytes from a seed: every input of a case that is not fixed.
pub(crate) struct Source {
    seed: [u8; 32],
    counter: u64,
}

impl Source {
    pub(crate) fn new(seed: &str) -> Self {
        let seed = tagged_hash("test/seed", seed.as_bytes());
        Self { seed, counter: 0 }
    }

    pub(crate) fn hash(&mut self) -> [u8; 32] {
        self.counter += 1;
        tagged_hash(
            "test/source",
            &[&self.seed[..], &self.counter.to_be_bytes()].concat(),
        )
    }

    /// Any number; mostly a small one, so that the lengths of encodings vary.
    pub(crate) fn number(&mut self) -> u64 {
        let bytes = self.hash();
        u64::from_be_bytes(bytes[..8].try_into().unwrap()) >> (bytes[8] % 64)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let bytes = self.hash();
        u64::from_be_bytes(bytes[..8].try_into().unwrap()) % limit
    }

    pub(crate) fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = self.below(most + 1) as usize;
        let blocks = length.div_ceil(32);
        let mut out: Vec<u8> = (0..blocks).flat_map(|_| self.hash()).collect();
        out.truncate(length);
        out
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.to_lower_hex_string()
}

fn list(hashes: &[[u8; 32]]) -> Vec<String> {
    hashes.iter().map(|hash| hex(hash)).collect()
}

fn domain(name: &str) -> Domain {
    match name {
        "work" => Domain::Work,
        "input" => Domain::Input,
        "chunk" => Domain::Chunks,
        _ => panic!("no domain {name}"),
    }
}

/// Leaf `index` of the trees in the cases.
fn made_leaf(domain: &str, seed: &[u8; 32], index: u64) -> [u8; 32] {
    let record = [&seed[..], &index.to_be_bytes()].concat();
    match domain {
        "work" => {
            let salt = SaltSeed::from_bytes(*seed).salt(index);
            work_leaf(index, &salt, &state_digest(&index.to_be_bytes()))
        }
        "input" => input_leaf(index, &record),
        _ => chunk_leaf(index, &record),
    }
}

pub(crate) fn tagged(tag: &str, message: &[u8]) -> Value {
    let hash = hex(&tagged_hash(tag, message));
    json!({"kind": "tagged", "tag": tag, "message": hex(message), "hash": hash})
}

/// One case of each hash at the bottom of a tree.
pub(crate) fn leaves(source: &mut Source, most: u64) -> Vec<Value> {
    let (index, seed, digest, bytes) = (
        source.number(),
        source.hash(),
        source.hash(),
        source.bytes(most),
    );
    let salt = SaltSeed::from_bytes(seed).salt(index);
    let leaf = work_leaf(index, &salt, &digest);
    vec![
        json!({"kind": "state", "output": hex(&bytes), "digest": hex(&state_digest(&bytes))}),
        json!({"kind": "salt", "seed": hex(&seed), "index": index, "salt": hex(&salt)}),
        json!({"kind": "leaf", "index": index, "salt": hex(&salt), "digest": hex(&digest),
            "leaf": hex(&leaf)}),
        json!({"kind": "record", "index": index, "record": hex(&bytes),
            "leaf": hex(&input_leaf(index, &bytes))}),
        json!({"kind": "chunk", "index": index, "chunk": hex(&bytes),
            "leaf": hex(&chunk_leaf(index, &bytes))}),
    ]
}

pub(crate) fn tree(name: &str, leaves: u64, seed: [u8; 32]) -> Value {
    let mut tree = TreeBuilder::new(domain(name));
    (0..leaves).for_each(|index| tree.push(made_leaf(name, &seed, index)));
    let (root, _) = tree.finish().unwrap();
    json!({"kind": "tree", "domain": name, "leaves": leaves, "seed": hex(&seed), "root": hex(&root)})
}

pub(crate) fn multiproof(name: &str, leaves: u64, seed: [u8; 32], indices: &[u64]) -> Value {
    let mut tree = TreeBuilder::proving(domain(name), leaves, indices).unwrap();
    (0..leaves).for_each(|index| tree.push(made_leaf(name, &seed, index)));
    let (root, proof) = tree.finish().unwrap();
    json!({"kind": "multiproof", "domain": name, "leaves": leaves, "seed": hex(&seed),
        "indices": indices, "siblings": list(&proof.siblings), "root": hex(&root)})
}

pub(crate) fn saved(name: &str, leaves: u64, seed: [u8; 32], level: u32) -> Value {
    let mut tree = TreeBuilder::new(domain(name));
    let mut kept = CheckpointBuilder::new(domain(name), level);
    for index in 0..leaves {
        tree.push(made_leaf(name, &seed, index));
        kept.push(made_leaf(name, &seed, index));
    }
    let kept = kept.finish().unwrap().to_bytes();
    json!({"kind": "saved", "domain": name, "leaves": leaves, "seed": hex(&seed), "level": level,
        "tree": hex(&tree.save()), "checkpoints": hex(&kept)})
}

pub(crate) fn seeds(source: &mut Source) -> Vec<Value> {
    let (root, nonce, block) = (source.hash(), source.hash(), source.hash());
    vec![
        json!({"kind": "nonce", "nonce": hex(&nonce),
            "commitment": hex(&sample::nonce_commitment(&nonce))}),
        json!({"kind": "seed", "root": hex(&root), "nonce": hex(&nonce), "block_hash": hex(&block),
            "seed": hex(&sample::seed(&root, &nonce, &block))}),
    ]
}

pub(crate) fn draw(seed: [u8; 32], steps: u64, count: u32) -> Value {
    let indices = sample::draw(&seed, steps, count).unwrap();
    json!({"kind": "draw", "seed": hex(&seed), "steps": steps, "count": count, "indices": indices})
}

pub(crate) fn blind(source: &mut Source, indices: &[u64]) -> Value {
    let digests: Vec<_> = indices.iter().map(|_| source.hash()).collect();
    let mut case =
        json!({"salt": hex(&source.hash()), "indices": indices, "digests": list(&digests)});
    let blind: BlindDigests = serde_json::from_value(case.clone()).unwrap();
    case["kind"] = "blind".into();
    case["commitment"] = hex(&blind.commitment()).into();
    case
}

/// Secrets from the source; a result secret that is no secret key has one chance in 2^128.
fn secrets(source: &mut Source) -> (WorkerSecrets, Value) {
    let [result, salts, polynomial] = [source.hash(), source.hash(), source.hash()];
    let shown = json!({"secret": hex(&result), "salt_seed": hex(&salts),
        "polynomial_seed": hex(&polynomial)});
    let secrets = WorkerSecrets {
        result: ResultSecret::from_bytes(result),
        salts: SaltSeed::from_bytes(salts),
        polynomial: PolynomialSeed::from_bytes(polynomial),
    };
    (secrets, shown)
}

/// A result of `steps` outputs of `width` bytes, sealed, with an opening of `indices` and what stands in its id.
pub(crate) fn sealed(
    source: &mut Source,
    (steps, width): (u64, usize),
    openings: u32,
    indices: &[u64],
) -> Value {
    let (secrets, mut case) = secrets(source);
    let job = source.hash();
    let bytes = steps as usize * width;
    let outputs: Vec<u8> = (0..bytes.div_ceil(32))
        .flat_map(|_| source.hash())
        .take(bytes)
        .collect();
    let mut tree = TreeBuilder::new(Domain::Work);
    for (index, output) in (0..).zip(outputs.chunks(width)) {
        tree.push(work_leaf(
            index,
            &secrets.salts.salt(index),
            &state_digest(output),
        ));
    }
    let (root, _) = tree.finish().unwrap();
    let shape = SealedShape::new(steps, width, openings).unwrap();
    let what = Sealing { job, root, shape };
    let mut sealer = Sealer::new(&what, &secrets).unwrap();
    let mut sealed = sealer.coefficients().to_vec();
    for output in outputs.chunks(width) {
        sealed.append(&mut sealer.push(output).unwrap());
    }
    let commitment = sealer.finish().unwrap();
    let polynomial = what.polynomial(&secrets).unwrap();
    let allowed = OpeningBook::new(&commitment)
        .allow(indices, |_| Ok(()))
        .unwrap();
    let mut opener = Opener::new(&commitment, &allowed, &polynomial).unwrap();
    let records = sealed[shape.coefficient_bytes()..].chunks(shape.record_bytes());
    for (index, (output, record)) in (0..).zip(outputs.chunks(width).zip(records)) {
        let boxed = Boxed::Whole(record[SealedShape::LEAF_BYTES..].to_vec());
        let salt = secrets.salts.salt(index);
        opener.push(salt, state_digest(output), boxed).unwrap();
    }
    let opening = opener.finish().unwrap();
    opening.verify(&commitment).unwrap();
    let more = json!({"kind": "sealed", "job": hex(&job), "steps": steps, "outputs": hex(&outputs),
        "openings": openings, "opened": indices, "sealed": hex(&sealed),
        "points": hex(&polynomial.points().unwrap().to_bytes()),
        "commitment_bytes": hex(&commitment.to_bytes()), "id": hex(&commitment.id()),
        "opening": hex(&opening.to_bytes()), "opening_id": hex(&opening.id())});
    case.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    case
}

pub(crate) fn commitment(source: &mut Source) -> Value {
    let commitment = Commitment {
        job: source.hash(),
        steps: source.number(),
        root: source.hash(),
        result: ResultSecret::from_bytes(source.hash()).point().unwrap(),
        openings: source.below(1 << 32) as u32,
        points: source.hash(),
        boxes: source.hash(),
        coefficients: source.hash(),
    };
    let mut case = serde_json::to_value(commitment).unwrap();
    case["kind"] = "commitment".into();
    case["bytes"] = hex(&commitment.to_bytes()).into();
    case["id"] = hex(&commitment.id()).into();
    case
}

pub(crate) fn receipt(source: &mut Source, kind: ReceiptKind) -> Value {
    let secret = source.hash();
    let key = Keypair::from_seckey_slice(SECP256K1, &secret).unwrap();
    let receipt = Receipt {
        kind,
        contract: source.hash(),
        item: source.hash(),
        issuer: key.x_only_public_key().0.serialize(),
        holder: source.hash(),
        previous: source.hash(),
        height: source.below(1 << 32) as u32,
    };
    let message = Message::from_digest(receipt.id());
    let signature = SECP256K1
        .sign_schnorr_no_aux_rand(&message, &key)
        .serialize();
    let signed = SignedReceipt { receipt, signature };
    json!({"kind": "receipt", "receipt": kind, "contract": hex(&receipt.contract),
        "item": hex(&receipt.item), "secret": hex(&secret), "issuer": hex(&receipt.issuer),
        "holder": hex(&receipt.holder), "previous": hex(&receipt.previous),
        "height": receipt.height, "id": hex(&receipt.id()), "signature": hex(&signature),
        "bytes": hex(&signed.to_bytes())})
}

/// An archive with a challenge of it.
pub(crate) fn archive(source: &mut Source, shape: Shape) -> Value {
    let root = source.hash();
    let archive = Archive { shape, root };
    let challenge = Challenge {
        archive: archive.id(),
        nonce: source.hash(),
        block_hash: source.hash(),
        chunks: 1 + source.below(shape.chunks().min(100)) as u32,
    };
    json!({"kind": "archive", "file_bytes": shape.file_bytes(), "data_chunks": shape.data_chunks(),
        "parity_chunks": shape.parity_chunks(), "chunk_bytes": shape.chunk_bytes(),
        "root": hex(&root), "id": hex(&archive.id()), "nonce": hex(&challenge.nonce),
        "block_hash": hex(&challenge.block_hash), "count": challenge.chunks,
        "challenge": hex(&challenge.id()), "indices": challenge.indices(&archive).unwrap()})
}

/// What the second implementation says of these files: whether it agrees, and its words.
pub(crate) fn second_opinion(files: &[PathBuf]) -> (bool, String) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/python/commitment.py");
    let run = Command::new("python3")
        .arg("-B")
        .arg(script)
        .args(files)
        .output();
    let run = run.expect(
        "python3 is needed for the second implementation; install it (Debian: apt-get install python3)",
    );
    let words = [run.stdout, run.stderr].concat();
    (
        run.status.success(),
        String::from_utf8_lossy(&words).into_owned(),
    )
}
