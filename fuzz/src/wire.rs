//! Frames of links between nodes. What is read is written back as it was; and a link that any frames come to neither panics
//! nor holds more than it may.

use bitcoin::{
    Amount, FeeRate, OutPoint, Txid,
    hashes::{Hash as _, sha256},
    secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey},
};
use narthex_base::{codec::Message, statement};
use narthex_channel::{
    bank::{BankConsent, BankFigures, BankTalk, Closing},
    bounty::{BountyFigures, BountySeat, BountyTalk},
    contract::{self, ContractMessage},
    delivery::{DeliveryAgent, DeliveryFigures},
    fetch::FetchChange,
    log::MemoryLog,
    offer::{Accept, Decline, Invited, Offer, OfferChange, Offering},
    setup::Timing,
    slice::{SliceConsent, SliceFigures, SliceTalk, seat_role},
    small::{
        Apart, AskFault, Declined, SmallAnswer, SmallAsk, SmallBeginning, SmallChange, SmallPeer,
    },
    stream::{Metering, PayingChange, SealedSlice, ServingChange, StreamOrder, StreamTalk},
    wire::{
        ABORT, ACCEPT, Ack, AskDeclined, BIND, BOXES, Chunk, Contradiction, DECLINE, Envelope,
        Fault, Frame, Head, Hello, Limits, Link, MAX_WHOLE, Mark, NONCES, OFFER, PROPOSAL, Piece,
        Recall, Resume, SHARES, SMALL, SMALL_KINDS, SignedHead, Standing, Want, body_hash,
        contract_message, contract_type, frames,
        links::{Kept, LinksChange, Membership},
        offer_message, setup_message, small_kind,
    },
};
use narthex_contracts::{
    bond::{BondScript, Certificate, Claim, Lock},
    depth::Depth,
    enrolment::{Enrolment, Scope},
    musig::{PartialSignature, PublicNonce},
    party::{PartyId, PartySet},
    terms::Role,
};
use narthex_game_model::{
    Params, ParamsRecord, Template,
    bundle::{Bundle, BundleTree, CHUNK_BYTES},
    commitment::{Commitment, ResultSecret},
    computation::{JobSpec, PortableProgram, ProgramData},
    market::LayerSet,
};

use super::table::{Decoder, Law, Read};

const CONTRACT: [u8; 32] = [0xc0; 32];
const CHAIN: [u8; 32] = [0xcc; 32];

/// Every message of a link. Of [`seeds`], each has those that it reads.
pub fn decoders() -> Vec<Decoder> {
    Decoder::seeded(laws(), &seeds())
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

/// The message of an offer within; an offer is under its own id.
fn offered(data: &[u8]) -> Option<Vec<u8>> {
    let envelope = Envelope::from_bytes(data).ok()?;
    let message = offer_message(&envelope).ok()??;
    let envelope = envelope.signed().with_body(message.to_bytes())?;
    Some(envelope.to_bytes())
}

/// The message of a contract's life within; its number is what it is.
fn lived(data: &[u8]) -> Option<Vec<u8>> {
    let envelope = Envelope::from_bytes(data).ok()?;
    let message = contract_message(&envelope).ok()??;
    assert_eq!(
        contract_type(&message.to_bytes()),
        Some(envelope.head().message)
    );
    let envelope = envelope.signed().with_body(message.to_bytes())?;
    Some(envelope.to_bytes())
}

/// The message of a small contract within: of a kind that may travel so.
fn small(data: &[u8]) -> Option<Vec<u8>> {
    let envelope = Envelope::from_bytes(data).ok()?;
    let kind = small_kind(&envelope).ok()??;
    assert!(SMALL_KINDS.contains(&kind));
    Some(envelope.to_bytes())
}

fn laws() -> Vec<Decoder> {
    let canonical = |name, read: Read| Decoder::new(name, Law::Canonical, read, Vec::new());
    vec![
        canonical("frame", frame),
        canonical("envelope", message::<Envelope>),
        canonical("envelope of a set-up", inner),
        canonical("envelope of an offer", offered),
        canonical("envelope of a contract that lives", lived),
        canonical("envelope of a small contract", small),
        canonical("ask of a small contract", message::<SmallAsk>),
        canonical("answer to an ask", message::<SmallAnswer>),
        canonical("change of a small contract", message::<SmallChange>),
        canonical("what is kept apart", message::<Apart>),
        canonical("figures of a delivery", message::<DeliveryFigures>),
        canonical("what an agent brings", message::<DeliveryAgent>),
        canonical("figures of a bounty", message::<BountyFigures>),
        canonical("talk of a bounty", message::<BountyTalk>),
        canonical("figures of a slice", message::<SliceFigures>),
        canonical("what a provider brings", message::<SliceConsent>),
        canonical("talk of a slice", message::<SliceTalk>),
        canonical("order of a stream", message::<StreamOrder>),
        canonical("talk of a stream", message::<StreamTalk>),
        canonical("change of a stream's payer", message::<PayingChange>),
        canonical("change of a stream's provider", message::<ServingChange>),
        canonical("figures of a bank", message::<BankFigures>),
        canonical("consent to a bank", message::<BankConsent>),
        canonical("talk of a bank", message::<BankTalk>),
        canonical("offer", message::<Offering>),
        canonical("accept", message::<Accept>),
        canonical("decline", message::<Decline>),
        canonical("change of an offer", message::<OfferChange>),
        canonical("head of an envelope", message::<SignedHead>),
        canonical("contradiction", message::<Contradiction>),
        canonical("hello", message::<Hello>),
        canonical("resume", message::<Resume>),
        canonical("ack", message::<Ack>),
        canonical("recall", message::<Recall>),
        canonical("piece", message::<Piece>),
        canonical("ask that is turned away", message::<AskDeclined>),
        canonical("fault", message::<Fault>),
        canonical("change of a link", message::<LinksChange>),
        canonical("want", message::<Want>),
        canonical("chunk", message::<Chunk>),
        canonical("change of a job that is fetched", message::<FetchChange>),
        Decoder::new("chunk of a job", Law::Bears, chunk, Vec::new()),
        Decoder::new("link", Law::Bears, link, Vec::new()),
    ]
}

/// Every one of them.
pub fn messages(data: &[u8]) {
    for decoder in laws() {
        decoder.check(data);
    }
}

/// The files of a job, and what they travel as.
fn files() -> ([Vec<u8>; 3], Bundle) {
    let files = [vec![1; 300], Vec::new(), vec![2; CHUNK_BYTES + 7]];
    let lengths: Vec<_> = files.iter().map(|file| file.len() as u64).collect();
    let mut tree = BundleTree::new(&lengths).expect("three files");
    for chunk in files.iter().flat_map(|file| file.chunks(CHUNK_BYTES)) {
        tree.push(chunk);
    }
    let (bundle, _) = tree.finish().expect("all chunks");
    (files, bundle)
}

/// Right chunks of that job, as they are served.
fn chunks() -> Vec<Chunk> {
    let (files, bundle) = files();
    let lengths = bundle.files().to_vec();
    let mut tree = BundleTree::new(&lengths).expect("three files");
    let chunks: Vec<_> = files
        .iter()
        .flat_map(|file| file.chunks(CHUNK_BYTES))
        .collect();
    let leaves: Vec<_> = chunks.iter().map(|chunk| tree.push(chunk)).collect();
    let (_, checkpoints) = tree.finish().expect("all chunks");
    let leaf = |at: u64| leaves.get(at as usize).copied().ok_or("no such leaf");
    let chunk = |(index, bytes): (u32, &&[u8])| Chunk {
        contract: CONTRACT,
        index,
        proof: checkpoints.prove(&[index.into()], leaf).expect("a proof"),
        bytes: bytes.to_vec(),
    };
    (0..).zip(&chunks).map(chunk).collect()
}

/// Whatever is taken for a chunk of a job is that chunk.
fn chunk(data: &[u8]) -> Option<Vec<u8>> {
    let (files, bundle) = files();
    let chunk = Chunk::from_bytes(data).ok()?;
    bundle.check(chunk.index, &chunk.bytes, &chunk.proof).ok()?;
    let place = bundle.place(chunk.index).expect("it was taken");
    let start = place.offset as usize;
    let right = files.get(place.file)?.get(start..start + place.bytes)?;
    assert_eq!(chunk.bytes, right, "another chunk was taken");
    Some(chunk.bytes)
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

/// An offer among six.
fn offering() -> Offering {
    let record = ParamsRecord::example_of(Template::Hardened, 3, 2, 500);
    let invited = |byte| Invited {
        node: keypair(byte).public_key(),
        address: "127.0.0.1:9735".into(),
    };
    let offer = Offer {
        chain: CHAIN,
        salt: [1; 32],
        params: Params::new(record).expect("parameters"),
        job: JobSpec {
            program: [2; 32],
            input_root: [3; 32],
            steps: 10,
            output_bytes: 4,
        },
        bundle: files().1,
        rate: FeeRate::from_sat_per_kwu(500),
        parties: (2..8).map(invited).collect(),
        timing: Timing {
            patience_s: 30,
            funding_deadline: 300,
            margin: 1,
            burial: 1,
        },
        expires_s: 1_000,
        bond: Amount::from_sat(50_000),
    };
    let scope = Scope::Negotiation(offer.id());
    let enrolment = Enrolment::sign(scope, Role::Client, &keypair(2), &keypair(9));
    let enrolment = enrolment.expect("two keys");
    Offering { offer, enrolment }
}

/// A bond behind rulings.
fn bond() -> Certificate {
    let (owner, lock) = (keypair(10), Lock::height(900).expect("a height"));
    let claim = Claim {
        script: BondScript::taproot(owner.x_only_public_key().0, lock),
        outpoint: OutPoint::new(Txid::from_byte_array([9; 32]), 1),
        value: Amount::from_sat(60_000),
        confirmed_height: 100,
        identity: keypair(3).x_only_public_key().0,
    };
    Certificate::sign(&Secp256k1::new(), claim, 900, &owner).expect("its own key")
}

fn signed(seq: u64, message: u16, body: Vec<u8>) -> Envelope {
    signed_in(CONTRACT, seq, message, body)
}

fn signed_in(contract: [u8; 32], seq: u64, message: u16, body: Vec<u8>) -> Envelope {
    let pair = keypair(2);
    let from: PublicKey = pair.public_key();
    let head = Head {
        contract,
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

fn figures() -> BankFigures {
    BankFigures {
        payer: keypair(2).public_key(),
        payer_script: vec![1; 34].into(),
        pennies: 100,
        value: Amount::from_sat(100),
        capacity: Amount::from_sat(20_000),
        refund_height: 500,
        claim_blocks: 12,
        step: 10,
        shift: 4,
        rate: FeeRate::from_sat_per_kwu(500),
    }
}

fn ask() -> SmallAsk {
    SmallAsk {
        salt: [1; 32],
        expires_s: 1_000,
        figures: figures().to_bytes(),
    }
}

/// What is asked for and said of a bounty before it is funded.
fn bounties() -> Vec<Vec<u8>> {
    let seat = |byte| BountySeat {
        node: keypair(byte).public_key(),
        address: "127.0.0.1:9735".into(),
        amount: Amount::from_sat(20_000),
    };
    let salt = sha256::Hash::from_byte_array([5; 32]);
    let figures = BountyFigures {
        job: salt,
        seats: vec![seat(3), seat(4)],
        quorum: 2,
        layer_height: 200,
        round_blocks: 6,
        refund_height: 300,
        rate: FeeRate::from_sat_per_kwu(500),
    };
    let (terms, json) = ([4; 32], b"{}".to_vec());
    let all = vec![vec![1; 20], vec![2; 30]];
    let (set, missing) = (LayerSet::full(2), LayerSet::full(1));
    let talk = [
        BountyTalk::Call { salt },
        BountyTalk::Offer {
            salt,
            json: json.clone(),
        },
        BountyTalk::Terms { json },
        BountyTalk::Nonces {
            terms,
            all: all.clone(),
        },
        BountyTalk::Shares { terms, all },
        BountyTalk::Held { terms },
        BountyTalk::Again { terms },
        BountyTalk::Lacks {
            terms,
            set,
            missing,
        },
    ];
    let talk = talk.iter().map(Message::to_bytes);
    std::iter::once(figures.to_bytes()).chain(talk).collect()
}

/// What is asked for, brought and said of a gated slice before it is funded.
fn slices() -> Vec<Vec<u8>> {
    let seat = |byte| SmallPeer {
        node: keypair(byte).public_key(),
        address: "127.0.0.1:9735".into(),
    };
    let salt = sha256::Hash::from_byte_array([5; 32]);
    let figures = SliceFigures {
        job: salt,
        seats: vec![seat(3), seat(4)],
        quorum: 2,
        price: Amount::from_sat(20_000),
        post_blocks: 72,
        refund_blocks: 144,
        fund_height: 300,
        rate: FeeRate::from_sat_per_kwu(500),
    };
    let enrolled = |seat: u8| {
        let (node, key) = (keypair(3 + seat), keypair(20 + seat));
        let scope = Scope::Negotiation([7; 32]);
        Enrolment::sign(scope, seat_role(seat), &node, &key).expect("two keys")
    };
    let consent = SliceConsent {
        enrolment: enrolled(0),
        script: vec![1; 34].into(),
    };
    let (terms, all) = ([4; 32], vec![vec![1; 20], vec![2; 30]]);
    let talk = [
        SliceTalk::Call {
            salt,
            client: keypair(9).public_key(),
            enrolled: vec![enrolled(0), enrolled(1)],
        },
        SliceTalk::Deal {
            salt,
            dealing: vec![8; 50],
        },
        SliceTalk::Terms {
            json: b"{}".to_vec(),
            dealings: all.clone(),
        },
        SliceTalk::Nonces {
            terms,
            all: all.clone(),
        },
        SliceTalk::Shares { terms, all },
        SliceTalk::Held { terms },
        SliceTalk::Again { terms },
        SliceTalk::Lacks { terms, post_of: 1 },
    ];
    let talk = talk.iter().map(Message::to_bytes);
    let before = [figures.to_bytes(), consent.to_bytes()];
    before.into_iter().chain(talk).collect()
}

/// What is ordered, said and kept of a stream.
fn streams() -> Vec<Vec<u8>> {
    let order = StreamOrder {
        bank: [1; 32],
        first: 7,
        price: 3,
        slices: 2,
        steps: 2,
        output_bytes: 4,
        width: 1,
        program: PortableProgram::of(ProgramData::Wasm {
            source: vec![1; 9].into(),
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
            job: [2; 32],
            steps: 2,
            root: [3; 32],
            result: keypair(3).public_key(),
            openings: 1,
            points: [4; 32],
            boxes: [5; 32],
            coefficients: [6; 32],
        },
        sealed: vec![8; 30],
    };
    let (stream, why) = (order.id(), Decline::new("enough"));
    let secret = ResultSecret::from_bytes([9; 32]);
    let talk = [
        StreamTalk::Slice(stream, Box::new(slice.clone())),
        StreamTalk::Key(stream, 1, secret.clone()),
        StreamTalk::Stop(stream, why.clone()),
    ];
    let (order, slice, is_own) = (std::sync::Arc::new(order), std::sync::Arc::new(slice), true);
    let paying = [
        PayingChange::Ordered(order.clone()),
        PayingChange::Held(slice.clone()),
        PayingChange::Opened {
            secret: secret.clone(),
            outputs: vec![1; 8],
        },
        PayingChange::Looked,
        PayingChange::False(secret),
        PayingChange::Stopped {
            is_own,
            why: why.clone(),
        },
    ];
    let serving = [
        ServingChange::Ordered(order.clone()),
        ServingChange::Served,
        ServingChange::Made(slice),
        ServingChange::Paid,
        ServingChange::Stopped { is_own, why },
        ServingChange::Metered([5; 32], Metering::Reserve(3)),
        ServingChange::Metered([5; 32], Metering::Debit(2)),
        ServingChange::Metered([5; 32], Metering::Release),
    ];
    let talk = talk.iter().map(Message::to_bytes);
    let paying = paying.iter().map(Message::to_bytes);
    let serving = serving.iter().map(Message::to_bytes);
    let all = std::iter::once(order.to_bytes()).chain(talk);
    all.chain(paying).chain(serving).collect()
}

/// What is said and kept of small contracts.
fn smalls() -> Vec<Vec<u8>> {
    let consent = BankConsent {
        provider: keypair(3).public_key(),
        provider_script: vec![2; 22].into(),
    };
    let takes = SmallAnswer::Takes(consent.to_bytes());
    let peer = |byte| SmallPeer {
        node: keypair(byte).public_key(),
        address: "127.0.0.1:9735".into(),
    };
    let begun = SmallBeginning::of_two(ask(), true, peer(3), 100);
    let among = SmallBeginning {
        peers: vec![peer(3), peer(4)],
        quorum: 2,
        ..begun.clone()
    };
    let closing = Closing {
        paid: 7,
        fee: Amount::from_sat(300),
        force_closed: false,
    };
    let (terms, nonce, share) = ([4; 32], PublicNonce([2; 66]), PartialSignature([1; 32]));
    let json = b"{}".to_vec();
    let (answered, force_close) = (SmallChange::Answered(0, takes.clone()), [5; 64]);
    let talk = [
        BankTalk::Terms { json, nonce },
        BankTalk::Answer {
            terms,
            nonce,
            share,
        },
        BankTalk::Again { terms },
        BankTalk::Signed { terms, force_close },
        BankTalk::Close(closing),
        BankTalk::CloseNonce(closing, nonce),
        BankTalk::CloseShare(closing, nonce, share),
        BankTalk::Closed(closing, [6; 64]),
    ];
    let changes = [
        SmallChange::Begun(Box::new(begun)),
        SmallChange::Begun(Box::new(among)),
        SmallChange::Answered(1, takes.clone()),
        SmallChange::Depth(Depth::USUAL),
        answered,
        SmallChange::Ended,
    ];
    let delivery = DeliveryFigures {
        amount: Amount::from_sat(20_000),
        refund_height: 500,
        claim_blocks: 12,
        message_bytes: 31,
        agents: 2,
        rate: FeeRate::from_sat_per_kwu(500),
    };
    let agent = DeliveryAgent {
        key: keypair(4).public_key(),
        script: vec![1; 34].into(),
    };
    let apart = Apart {
        what: 3,
        bytes: vec![7; 9],
    };
    let talk = talk.iter().map(Message::to_bytes);
    let changes = changes.iter().map(Message::to_bytes);
    let declines = SmallAnswer::Declines(Decline::new("busy"));
    [
        ask().to_bytes(),
        takes.to_bytes(),
        declines.to_bytes(),
        SmallAnswer::Declined(Declined::new(AskFault::Late, "over")).to_bytes(),
        figures().to_bytes(),
        consent.to_bytes(),
        delivery.to_bytes(),
        agent.to_bytes(),
        apart.to_bytes(),
    ]
    .into_iter()
    .chain(talk)
    .chain(changes)
    .chain(bounties())
    .chain(slices())
    .chain(streams())
    .collect()
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
    let (offering, decline) = (offering(), Decline::new("busy"));
    let accept = Accept {
        enrolment: offering.enrolment,
        bond: Some(bond()),
    };
    let id = offering.offer.id();
    let declined = OfferChange::Declined {
        by: PartyId(3),
        reason: "busy".into(),
    };
    let offered = OfferChange::Offered {
        me: PartyId(1),
        offering: Box::new(offering.clone()),
    };
    let offers = [
        offering.to_bytes(),
        accept.to_bytes(),
        decline.to_bytes(),
        declined.to_bytes(),
        offered.to_bytes(),
    ];
    let boxes = ContractMessage::Piece(contract::Piece::Boxes(vec![4; 40]));
    let all = [
        Frame::Envelope(signed_in(id, 0, OFFER, offering.to_bytes())),
        Frame::Envelope(signed(0, ACCEPT, accept.to_bytes())),
        Frame::Envelope(signed(0, DECLINE, decline.to_bytes())),
        Frame::Hello(hello()),
        Frame::Resume(resume),
        Frame::Ack(ack),
        Frame::Recall(recall),
        Frame::Gone(last),
        Frame::Envelope(held),
        Frame::Envelope(abort),
        Frame::Envelope(proposal),
        Frame::Fault(Fault::new(4, "terms: no point")),
        Frame::Declined(AskDeclined {
            contract,
            why: Declined::new(AskFault::Unknown, "not here"),
        }),
        Frame::Want(Want { contract, index: 2 }),
        Frame::Envelope(signed(0, BOXES, boxes.to_bytes())),
        Frame::Envelope(signed(0, SMALL, ask().to_bytes())),
    ];
    let served = chunks().into_iter().map(Frame::Chunk);
    let all = all.into_iter().chain(served).chain(frames(&long, 0));
    let all: Vec<Frame> = all.collect();
    let payloads = all.iter().map(Frame::payload);
    let whole = all.iter().map(Frame::to_bytes);
    payloads
        .chain(whole)
        .chain(offers)
        .chain(smalls())
        .chain([
            contradiction.to_bytes(),
            LinksChange::Posted(kept).to_bytes(),
            LinksChange::Claimed(last).to_bytes(),
            LinksChange::Forked(contradiction).to_bytes(),
            FetchChange::Begun(files().1).to_bytes(),
            FetchChange::Kept(2).to_bytes(),
            FetchChange::Useless("no job".into()).to_bytes(),
        ])
        .collect()
}
