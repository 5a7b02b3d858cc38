//! The decoders of the game model: what a party, a store or a user's file supplies to it.

use std::{fmt::Display, str::FromStr, sync::OnceLock};

use narthex_base::codec::Message;
use narthex_game_model::{
    Params, ParamsRecord, Ratio, Template,
    commitment::{
        Boxed, CheckpointBuilder, Checkpoints, Commitment, Domain, KeyPoints, Multiproof, Opener,
        Opening, OpeningBook, PolynomialSeed, Receipt, ReceiptKind, ResultSecret, SaltSeed,
        SealFault, SealedShape, Sealer, Sealing, SignedReceipt, TreeBuilder, WorkerSecrets,
        prove_box, state_digest, work_leaf,
    },
    computation::{JobSpec, StepProgram, UnitProgram},
    dispute::{DisputeTerms, Entry, Event, Move, Reveal, SignedMove, Transcript},
    game::Economics,
    market::{
        Chance, Faults, Latency, Ledger, LedgerRecord, Policy, PolicyRecord, Quote, RecomputerId,
        Request,
    },
    params::JobBounds,
    play::{BlindDigests, Evidence, Strategy, Verdict, VerdictReport},
    retrieval::{Archive, Challenge, ChunkHashes, Shape},
    ruling::{Answer, Brought, Item, Litigant},
    tagged::tagged_hash,
    token::{SealedToken, TokenBox},
    workload::{
        Limits, Records, WasmProgram, WasmUnitProgram,
        digits::{self, Labelled},
        model::{Model, ModelProgram},
        words::{WordCount, partitions, table},
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::table::{Decoder, Law, Read};

/// All of them.
pub fn decoders() -> Vec<Decoder> {
    let mut all = commitments();
    all.extend(disputes());
    all.extend(workloads());
    all.extend(records());
    all.extend(texts());
    all
}

/// Every decoder on these bytes, checksums put right as well.
pub fn inputs(data: &[u8]) {
    static ALL: OnceLock<Vec<Decoder>> = OnceLock::new();
    for decoder in ALL.get_or_init(decoders) {
        decoder.check(data);
        if let Some(reseal) = decoder.reseal {
            decoder.check(&reseal(data));
        }
    }
}

fn json<T: Serialize + DeserializeOwned>(data: &[u8]) -> Option<Vec<u8>> {
    let value: T = serde_json::from_slice(data).ok()?;
    Some(serde_json::to_vec(&value).expect("what was read can be written"))
}

fn written<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("JSON")
}

fn text<T: FromStr + Display>(data: &[u8]) -> Option<Vec<u8>> {
    let value: T = std::str::from_utf8(data).ok()?.parse().ok()?;
    Some(value.to_string().into_bytes())
}

fn canonical(name: &'static str, read: Read, seeds: Vec<Vec<u8>>) -> Decoder {
    Decoder::new(name, Law::Canonical, read, seeds)
}

fn stable(name: &'static str, read: Read, seeds: Vec<Vec<u8>>) -> Decoder {
    Decoder::new(name, Law::Stable, read, seeds)
}

fn resealed(tag: &str, bytes: &[u8]) -> Vec<u8> {
    let content = &bytes[..bytes.len().saturating_sub(32)];
    [content, &tagged_hash(tag, content)].concat()
}

/// A small commitment with its opening, its points, and the proof that a box of it is garbage.
fn sealed() -> (Commitment, Opening, SealFault) {
    let secrets = WorkerSecrets {
        result: ResultSecret::from_bytes([1; 32]),
        salts: SaltSeed::from_bytes([2; 32]),
        polynomial: PolynomialSeed::from_bytes([3; 32]),
    };
    let outputs = [*b"one", *b"two", *b"six"];
    let mut leaves = TreeBuilder::new(Domain::Work);
    for (index, output) in (0..).zip(outputs) {
        let digest = state_digest(&output);
        leaves.push(work_leaf(index, &secrets.salts.salt(index), &digest));
    }
    let what = Sealing {
        job: [1; 32],
        root: leaves.finish().expect("leaves").0,
        shape: SealedShape::new(3, 3, 2).expect("a shape"),
    };
    let mut sealer = Sealer::new(&what, &secrets).expect("secrets");
    let mut records = sealer.coefficients().to_vec();
    for output in outputs {
        records.extend(sealer.push(&output).expect("an output"));
    }
    let commitment = sealer.finish().expect("all outputs");
    let polynomial = what.polynomial(&secrets).expect("secrets");
    let allowed = OpeningBook::new(&commitment).allow(&[0, 2], |_| Ok(()));
    let allowed = allowed.expect("two openings");
    let mut opener = Opener::new(&commitment, &allowed, &polynomial).expect("its own");
    let boxes = records[what.shape.coefficient_bytes()..].chunks(what.shape.record_bytes());
    for ((index, output), record) in (0..).zip(outputs).zip(boxes) {
        let sealed = Boxed::Whole(record[SealedShape::LEAF_BYTES..].to_vec());
        let salt = secrets.salts.salt(index);
        opener
            .push(salt, state_digest(&output), sealed)
            .expect("a step");
    }
    let fault = prove_box(&commitment, 3, &records, &polynomial, 1).expect("a step");
    (commitment, opener.finish().expect("all steps"), fault)
}

fn opening() -> Opening {
    sealed().1
}

fn commitment() -> Commitment {
    sealed().0
}

fn faults() -> Vec<Vec<u8>> {
    let coefficients = SealFault::Coefficients {
        result: ResultSecret::from_bytes([1; 32]),
        sealed: vec![5; 80],
    };
    vec![sealed().2.to_bytes(), coefficients.to_bytes()]
}

fn message<T: Message>(data: &[u8]) -> Option<Vec<u8>> {
    Some(T::from_bytes(data).ok()?.to_bytes())
}

/// A sealer that stopped on the way, read with its own secrets.
fn sealer_state(data: &[u8]) -> Option<Vec<u8>> {
    static SEALING: OnceLock<(Sealing, WorkerSecrets)> = OnceLock::new();
    let (what, secrets) = SEALING.get_or_init(|| {
        let secrets = WorkerSecrets {
            result: ResultSecret::from_bytes([1; 32]),
            salts: SaltSeed::from_bytes([2; 32]),
            polynomial: PolynomialSeed::from_bytes([3; 32]),
        };
        let shape = SealedShape::new(9, 3, 1).expect("a shape");
        let what = Sealing {
            job: [1; 32],
            root: [2; 32],
            shape,
        };
        (what, secrets)
    });
    if data.is_empty() {
        let mut sealer = Sealer::new(what, secrets).ok()?;
        for output in [b"one", b"two", b"six"] {
            sealer.push(output).ok()?;
        }
        return Some(sealer.save());
    }
    Some(Sealer::resume(what, secrets, data).ok()?.save())
}

fn items() -> Vec<Item> {
    let sealed = SealedToken {
        ciphertext: [4; 32],
        tag: [5; 16],
    };
    let kept = TokenBox {
        ciphertext: [6; 32],
        tag: [7; 16],
    };
    vec![
        Item::Commitment(Box::new(commitment())),
        Item::Sample {
            nonce: [1; 32],
            height: 800_000,
            block: [2; 32],
        },
        Item::Token {
            sample: [3; 32],
            sealed,
        },
        Item::Reply {
            token: [8; 32],
            answer: Answer::Shown {
                hash: [9; 32],
                kept,
            },
        },
        Item::Reply {
            token: [8; 32],
            answer: Answer::Digests(vec![[1; 32]; 3]),
        },
        Item::Opening {
            reply: [8; 32],
            opening: [1; 32],
        },
        Item::Verdict {
            opening: [1; 32],
            bad_box: 7,
        },
    ]
}

fn brought() -> Brought {
    let mut part = Brought::by(Litigant::Worker);
    part.commitment = Some(commitment());
    part.openings = vec![opening()];
    part.token = Some([1; 32]);
    part
}

fn commitments() -> Vec<Decoder> {
    let push = |mut tree: TreeBuilder, leaves: u8| {
        (0..leaves).for_each(|leaf| tree.push([leaf; 32]));
        tree.save()
    };
    let proving = TreeBuilder::proving(Domain::Work, 9, &[2, 7]).expect("leaves of the tree");
    let trees = vec![push(TreeBuilder::new(Domain::Input), 11), push(proving, 6)];
    let checkpoints = || {
        let mut builder = CheckpointBuilder::new(Domain::Work, 2);
        (0..11).for_each(|leaf| builder.push([leaf; 32]));
        builder
    };
    let receipt = Receipt {
        kind: ReceiptKind::Commitment,
        contract: [1; 32],
        item: [2; 32],
        issuer: [3; 32],
        holder: [4; 32],
        previous: [0; 32],
        height: 100,
    };
    let signed = SignedReceipt {
        receipt,
        signature: [6; 64],
    };
    let finished = checkpoints().finish().expect("leaves");
    vec![
        Decoder {
            reseal: Some(|bytes| resealed("narthex/tree-state", bytes)),
            ..canonical(
                "saved tree",
                |b| Some(TreeBuilder::resume(b).ok()?.save()),
                trees,
            )
        },
        Decoder {
            reseal: Some(|bytes| resealed("narthex/checkpoints-state", bytes)),
            ..canonical(
                "saved checkpoint builder",
                |b| Some(CheckpointBuilder::resume(b).ok()?.save()),
                vec![checkpoints().save()],
            )
        },
        Decoder {
            reseal: Some(|bytes| resealed("narthex/checkpoints", bytes)),
            ..canonical(
                "checkpoints",
                |b| Some(Checkpoints::from_bytes(b).ok()?.to_bytes()),
                vec![finished.to_bytes()],
            )
        },
        canonical(
            "opening",
            message::<Opening>,
            vec![opening().to_bytes(), opening().about(2).to_bytes()],
        ),
        canonical(
            "commitment",
            message::<Commitment>,
            vec![commitment().to_bytes()],
        ),
        canonical(
            "points of keys",
            message::<KeyPoints>,
            vec![opening().points.to_bytes()],
        ),
        canonical("proof of garbage", message::<SealFault>, faults()),
        canonical(
            "item of a case",
            message::<Item>,
            items().iter().map(Item::to_bytes).collect(),
        ),
        stable(
            "evidence of a party",
            json::<Brought>,
            vec![written(&brought())],
        ),
        Decoder {
            reseal: Some(|bytes| resealed("narthex/sealer-state", bytes)),
            ..canonical(
                "saved sealer",
                |b| if b.is_empty() { None } else { sealer_state(b) },
                sealer_state(&[]).into_iter().collect(),
            )
        },
        canonical(
            "receipt",
            |b| Some(SignedReceipt::from_bytes(b).ok()?.to_bytes().to_vec()),
            vec![signed.to_bytes().to_vec()],
        ),
        stable(
            "receipt in JSON",
            json::<SignedReceipt>,
            vec![written(&signed)],
        ),
        stable(
            "opening in JSON",
            json::<Opening>,
            vec![written(&opening())],
        ),
        stable(
            "commitment in JSON",
            json::<Commitment>,
            vec![written(&commitment())],
        ),
        canonical(
            "hashes of chunks",
            read_hashes,
            vec![[[1; 32], [2; 32], [3; 32]].concat()],
        ),
    ]
}

fn archive() -> Archive {
    let mut tree = TreeBuilder::new(Domain::Chunks);
    [[1; 32], [2; 32], [3; 32]]
        .into_iter()
        .for_each(|leaf| tree.push(leaf));
    Archive {
        shape: Shape::new(100, 64, 1).expect("two chunks and parity"),
        root: tree.finish().expect("leaves").0,
    }
}

fn read_hashes(data: &[u8]) -> Option<Vec<u8>> {
    Some(ChunkHashes::from_bytes(&archive(), data).ok()?.to_bytes())
}

fn signed(number: u32, action: Move) -> SignedMove {
    let signature = "03".repeat(64);
    let previous = "07".repeat(32);
    let value =
        json!({"number": number, "previous": previous, "move": action, "signature": signature});
    serde_json::from_value(value).expect("a move")
}

fn job() -> JobSpec {
    let value = json!({"program": "01".repeat(32), "input_root": "02".repeat(32), "steps": 9, "output_bytes": 8});
    serde_json::from_value(value).expect("a job")
}

fn dispute_terms() -> DisputeTerms {
    let key = |digits: &str| serde_json::from_value(json!(digits)).expect("a point of the curve");
    DisputeTerms {
        contract: [9; 32],
        job: job(),
        bounds: JobBounds::default(),
        commitment: commitment(),
        index: 1,
        opening: opening(),
        worker: key("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
        challenger: key("c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"),
        max_units: 30,
        fan_out: 4,
        response_blocks: 13,
        date_depth: 6,
    }
}

fn disputes() -> Vec<Decoder> {
    let record = Reveal::Record {
        record: vec![1, 2, 3],
        proof: Multiproof {
            siblings: vec![[5; 32]; 2],
        },
    };
    let moves = [
        Move::Post {
            digests: vec![[1; 32]; 3],
        },
        Move::Choose { part: 2 },
        Move::Reveal(record),
        Move::Reveal(Reveal::State { state: vec![7; 20] }),
        Move::Reveal(Reveal::Failed),
    ];
    let signed: Vec<_> = (0..)
        .zip(moves)
        .map(|(number, action)| signed(number, action))
        .collect();
    let mut entries: Vec<_> = (1_000..)
        .zip(&signed)
        .map(|(height, signed)| Entry {
            height,
            event: Event::Moved(signed.clone()),
        })
        .collect();
    let two = json!({"height": 1_009, "event": {"equivocated": {"first": signed[0], "second": signed[1]}}});
    entries.push(serde_json::from_value(two).expect("an equivocation"));
    let transcript = Transcript {
        dispute: [8; 32],
        opened_at: 999,
        complete_to: 1_020,
        entries,
    };
    vec![
        canonical(
            "transcript",
            |b| Some(Transcript::from_bytes(b).ok()?.to_bytes()),
            vec![transcript.to_bytes()],
        ),
        stable(
            "transcript in JSON",
            json::<Transcript>,
            vec![written(&transcript)],
        ),
        stable(
            "dispute terms in JSON",
            json::<DisputeTerms>,
            vec![written(&dispute_terms())],
        ),
        canonical(
            "move as it is written down",
            |b| Some(SignedMove::from_bytes(b).ok()?.to_bytes()),
            signed.iter().map(SignedMove::to_bytes).collect(),
        ),
    ]
}

/// A program with units, and a state of it.
fn units() -> &'static (WasmUnitProgram, Vec<u8>, ModelProgram, Vec<u8>) {
    static UNITS: OnceLock<(WasmUnitProgram, Vec<u8>, ModelProgram, Vec<u8>)> = OnceLock::new();
    UNITS.get_or_init(|| {
        let (few, _) = Labelled::shipped().expect("as shipped").split(4);
        let wasm = digits::unit_program(&few).expect("four images").program;
        let model = ModelProgram::new(Model::shipped().expect("as shipped"));
        let record = vec![3; digits::PIXELS];
        let start = wasm.start(&record).expect("a record");
        let state = wasm.advance(&start).expect("a unit");
        let units = model.units().expect("a model has units");
        let other = units
            .advance(&units.start(&record).expect("a record"))
            .expect("a unit");
        (wasm, state, model, other)
    })
}

fn read_wasm_state(data: &[u8]) -> Option<Vec<u8>> {
    units().0.advance(data).ok()
}

fn read_model_state(data: &[u8]) -> Option<Vec<u8>> {
    units().2.units()?.advance(data).ok()
}

const LIMITS: Limits = Limits {
    fuel: 10_000,
    memory_bytes: 65_536,
    output_bytes: 8,
};

/// A small model: 2 inputs, 3 outputs.
fn model_file() -> Vec<u8> {
    let head = [&b"NXMODEL1"[..], &[1, 2, 0, 16], &[3, 0, 0]];
    [head.concat(), vec![1; 3 * 4 + 2 * 3]].concat()
}

fn workloads() -> Vec<Decoder> {
    let words: table::Table = [(b"a".to_vec(), 1), (b"bb".to_vec(), 70_000)].into();
    let table = table::encode(&words, 40).expect("room");
    let partition = partitions(&[b"some words, and more"], 128).expect("a text");
    let (_, wasm_state, _, model_state) = units();
    let csv = |width| {
        format!("{}\n", vec!["3"; width].join(","))
            .repeat(2)
            .into_bytes()
    };
    let wat = br#"(module (memory (export "memory") 1) (global (export "input") i32 (i32.const 0))
        (func (export "step") (param i32) (result i64) (i64.const 8)))"#;
    // Types, functions, memory, globals, exports, code.
    let binary = [
        &b"\0asm\x01\0\0\0"[..],
        b"\x01\x06\x01\x60\x01\x7f\x01\x7e",
        b"\x03\x02\x01\0",
        b"\x05\x03\x01\0\x01",
        b"\x06\x06\x01\x7f\0\x41\0\x0b",
        b"\x07\x19\x03\x06memory\x02\0\x05input\x03\0\x04step\0\0",
        b"\x0a\x06\x01\x04\0\x42\x08\x0b",
    ]
    .concat();
    vec![
        canonical(
            "table of words",
            |b| table::encode(&table::decode(b).ok()?, b.len()).ok(),
            vec![table],
        ),
        Decoder::new(
            "partition of a text",
            Law::Bears,
            |b| WordCount::new(128).ok()?.run(b).ok(),
            partition.iter().map(<[u8]>::to_vec).collect(),
        ),
        Decoder::new(
            "model",
            Law::Bears,
            |b| Some(Model::from_bytes(b).ok()?.hash().to_vec()),
            vec![model_file()],
        ),
        Decoder::new(
            "state of a model",
            Law::Bears,
            read_model_state,
            vec![model_state.clone()],
        ),
        Decoder::new(
            "state of a program",
            Law::Bears,
            read_wasm_state,
            vec![wasm_state.clone()],
        ),
        Decoder::new(
            "program",
            Law::Bears,
            |b| Some(WasmProgram::new(b, LIMITS).ok()?.id().to_vec()),
            vec![wat.to_vec(), binary],
        ),
        stable(
            "records in CSV",
            |b| {
                let records = Records::from_csv(std::str::from_utf8(b).ok()?, 3, 200).ok()?;
                let lines = records.iter().map(|record| {
                    let values: Vec<_> = record.iter().map(u8::to_string).collect();
                    values.join(",") + "\n"
                });
                Some(lines.collect::<String>().into_bytes())
            },
            vec![
                b"1,2,3\n4,5,6\n".to_vec(),
                b" 1 , 2,+3\r\n\r\n200,0,0".to_vec(),
            ],
        ),
        Decoder::new(
            "labelled images in CSV",
            Law::Bears,
            |b| {
                Some(
                    Labelled::from_csv(std::str::from_utf8(b).ok()?)
                        .ok()?
                        .labels()
                        .collect(),
                )
            },
            vec![csv(digits::PIXELS + 1)],
        ),
        Decoder::new(
            "images in CSV",
            Law::Bears,
            |b| {
                digits::images_from_csv(std::str::from_utf8(b).ok()?)
                    .ok()?
                    .get(0)
                    .map(<[u8]>::to_vec)
            },
            vec![csv(digits::PIXELS)],
        ),
    ]
}

fn read_ledger(data: &[u8]) -> Option<Vec<u8>> {
    let record: LedgerRecord = serde_json::from_slice(data).ok()?;
    Some(written(&Ledger::replay(&record).ok()?.record()))
}

fn read_params(data: &[u8]) -> Option<Vec<u8>> {
    let record: ParamsRecord = serde_json::from_slice(data).ok()?;
    Some(written(Params::new(record).ok()?.record()))
}

fn records() -> Vec<Decoder> {
    let templates = [
        ParamsRecord::example(5, 3, 500),
        ParamsRecord::paper_example(3, 2, 500),
    ];
    let params = templates.map(|record| Params::new(record).expect("an example"));
    let bytes = params.iter().map(Params::to_bytes).collect();
    let evidence = Evidence {
        index: 1,
        record: vec![1, 2],
        record_proof: opening().proof,
        opening: opening(),
    };
    let digests = BlindDigests::claim([1; 32], vec![1, 5], vec![[2; 32]; 2]);
    let report = VerdictReport {
        digests: digests.clone(),
        verdict: Verdict::Equal,
    };
    let challenge = Challenge {
        archive: [1; 32],
        nonce: [2; 32],
        block_hash: [3; 32],
        chunks: 2,
    };
    let recomputer = "01".repeat(32);
    let mut ledger = Ledger::new(Policy::new(PolicyRecord::default()).expect("the default"));
    let audit = json!({"job": "07".repeat(32), "recomputer": recomputer, "passed": true, "height": 800_000});
    ledger
        .enter(serde_json::from_value(audit).expect("an audit"))
        .expect("the first");
    let economics = Economics::example();
    vec![
        canonical(
            "parameters",
            |b| Some(Params::from_bytes(b).ok()?.to_bytes()),
            bytes,
        ),
        stable(
            "parameters in JSON",
            read_params,
            params
                .iter()
                .map(|params| written(params.record()))
                .collect(),
        ),
        stable(
            "evidence in JSON",
            json::<Evidence>,
            vec![written(&evidence)],
        ),
        stable(
            "blind digests in JSON",
            json::<BlindDigests>,
            vec![written(&digests)],
        ),
        stable(
            "verdict in JSON",
            json::<VerdictReport>,
            vec![written(&report)],
        ),
        stable("job in JSON", json::<JobSpec>, vec![written(&job())]),
        stable(
            "archive in JSON",
            json::<Archive>,
            vec![written(&archive())],
        ),
        stable(
            "challenge in JSON",
            json::<Challenge>,
            vec![written(&challenge)],
        ),
        stable(
            "ledger in JSON",
            read_ledger,
            vec![written(&ledger.record())],
        ),
        stable(
            "economics in JSON",
            json::<Economics>,
            vec![written(&economics)],
        ),
        stable(
            "template in JSON",
            json::<Template>,
            vec![written(&Template::Hardened)],
        ),
        stable(
            "strategy in JSON",
            json::<Strategy>,
            vec![
                br#"{"skip":{"fraction":"1/10","seed":3}}"#.to_vec(),
                b"\"honest\"".to_vec(),
            ],
        ),
    ]
}

fn texts() -> Vec<Decoder> {
    let seeds = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    let recomputer = "01".repeat(32);
    let quote = json!({"recomputer": recomputer, "base_sat": 900, "hop_fee_sat": 5, "reliability": "0.9",
        "latencies": [{"within": "500ms", "premium_sat": 3}]});
    let request = json!({"reliability": "0.99", "hops": 3, "latency": "2b"});
    vec![
        stable(
            "share",
            text::<Ratio>,
            seeds(&["1/10", "4294967295/4294967295"]),
        ),
        stable("probability", text::<Chance>, seeds(&["0.5", "99.9%", "1"])),
        stable("recomputer", text::<RecomputerId>, seeds(&[&recomputer])),
        stable("faults", text::<Faults>, seeds(&["agreeing", "differing"])),
        stable("latency", text::<Latency>, seeds(&["500ms", "2b"])),
        stable("quote in JSON", json::<Quote>, vec![written(&quote)]),
        stable("request in JSON", json::<Request>, vec![written(&request)]),
    ]
}
