//! Messages of the small contracts: bonds, banks, bounties. One property: what is read is written back as it was.

use narthex_base::codec::Message as _;
use std::{fmt::Display, str::FromStr, sync::OnceLock};

use bitcoin::{
    Amount, OutPoint,
    hashes::{Hash, sha256},
    secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey, schnorr},
};
use narthex_contracts::{
    attest,
    bank::{
        self, AdaptorCommitment, AdaptorCommitments, BankFunding, BankRecord, BankTerms, Penny,
    },
    bond::{BondScript, Certificate, Claim, Lock, bip46::Month},
    bounty::{self, Closing, Delivery, Envelope, Grant, Layer, Opening, Seal, Share},
    coop,
    deliver::{self, Announcement, Consent, Handover, Request},
    enrolment,
    fixtures::Fixtures,
    graph::NodeName,
    musig::AdaptorSignature,
    panel,
    seal::Sealed,
    shared_secret,
    slice::{self, Evidence, Post},
    terms::{self, Coin, Contribution, FeeRate, Role},
};
use narthex_game_model::{Template, market::LayerSet, token::TokenBox};
use serde::{Serialize, de::DeserializeOwned};

use super::table::{Decoder, Law, Read};

/// Every message of them and of panels, terms and what a side keeps. Of these inputs and [`seeds`], each has those
/// that it reads.
pub fn decoders(more: &[Vec<u8>]) -> Vec<Decoder> {
    Decoder::seeded(laws(), &[&seeds()[..], more].concat())
}

fn canonical(name: &'static str, read: Read) -> Decoder {
    Decoder::new(name, Law::Canonical, read, Vec::new())
}

fn stable(name: &'static str, read: Read) -> Decoder {
    Decoder::new(name, Law::Stable, read, Vec::new())
}

fn written<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("what was read can be written")
}

fn json<T: Serialize + DeserializeOwned>(data: &[u8]) -> Option<Vec<u8>> {
    Some(written(&serde_json::from_slice::<T>(data).ok()?))
}

fn text<T: FromStr + Display>(data: &[u8]) -> Option<Vec<u8>> {
    let value: T = std::str::from_utf8(data).ok()?.parse().ok()?;
    Some(value.to_string().into_bytes())
}

fn laws() -> Vec<Decoder> {
    vec![
        canonical("certificate", |b| {
            Some(Certificate::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bank commitments", |b| {
            Some(bank::AdaptorCommitments::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("slice post", |b| {
            Some(slice::Post::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("slice bundle", |b| {
            Some(slice::Bundle::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("slice dealt", |b| {
            Some(slice::SliceDealing::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("slice evidence", |b| {
            Some(slice::Evidence::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("deliver announcement", |b| {
            Some(deliver::Announcement::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("deliver consent", |b| {
            Some(deliver::Consent::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("deliver request", |b| {
            Some(deliver::Request::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("deliver handover", |b| {
            Some(deliver::Handover::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bounty envelope", |b| {
            Some(bounty::Envelope::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bounty seal", |b| {
            Some(bounty::Seal::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bounty opening", |b| {
            Some(bounty::Opening::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bounty closing", |b| {
            Some(bounty::Closing::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bounty delivery", |b| {
            Some(bounty::Delivery::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bounty grant", |b| {
            Some(bounty::Grant::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bounty share", |b| {
            Some(bounty::Share::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("panel offerpayload", |b| {
            Some(panel::OfferPayload::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("panel offerterms", |b| {
            Some(panel::OfferTerms::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("enrolment", |b| {
            Some(enrolment::Enrolment::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("part of terms", |b| {
            Some(terms::Part::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("parts of terms", |b| {
            Some(terms::Assembly::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("announced nonce", |b| {
            Some(attest::Announcement::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("ending", |b| {
            Some(coop::Proposal::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("token kept", |b| {
            Some(TokenBox::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("panel willingness", |b| {
            Some(panel::Willingness::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("panel answerset", |b| {
            Some(panel::AnswerSet::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("panel rules of a snapshot", |b| {
            Some(panel::SnapshotRules::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("panel snapshot", |b| {
            Some(panel::Snapshot::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("panel order", |b| {
            Some(panel::Order::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("panel", |b| {
            Some(panel::Panel::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("shared_secret dealing", |b| {
            Some(shared_secret::Dealing::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("shared_secret revealedshare", |b| {
            Some(shared_secret::RevealedShare::from_bytes(b).ok()?.to_bytes())
        }),
        canonical("bank penny", |b| {
            Some(Penny::from_bytes(b).ok()?.to_bytes().to_vec())
        }),
        canonical("share of a panel", |b| {
            Some(
                shared_secret::Share::from_bytes(b)
                    .ok()?
                    .to_bytes()
                    .to_vec(),
            )
        }),
        stable("bank terms in JSON", |b| {
            Some(written(BankTerms::from_json(b).ok()?.record()))
        }),
        stable("slice terms in JSON", |b| {
            Some(written(slice::SliceTerms::from_json(b).ok()?.record()))
        }),
        stable("delivery terms in JSON", |b| {
            Some(written(deliver::DeliverTerms::from_json(b).ok()?.record()))
        }),
        stable("bounty terms in JSON", |b| {
            Some(written(bounty::BountyTerms::from_json(b).ok()?.record()))
        }),
        stable("deliver served", |b| {
            Some(deliver::Served::from_bytes(b).ok()?.to_bytes())
        }),
        stable("deliver assignment", |b| {
            Some(deliver::Assignment::from_bytes(b).ok()?.to_bytes())
        }),
        stable("deliver evidence", |b| {
            Some(deliver::Evidence::from_bytes(b).ok()?.to_bytes())
        }),
        stable("slice clientrecord in JSON", json::<slice::ClientRecord>),
        stable(
            "slice providerrecord in JSON",
            json::<slice::ProviderRecord>,
        ),
        stable(
            "deliver senderrecord in JSON",
            json::<deliver::SenderRecord>,
        ),
        stable("deliver agentrecord in JSON", json::<deliver::AgentRecord>),
        stable(
            "deliver recipientrecord in JSON",
            json::<deliver::RecipientRecord>,
        ),
        stable(
            "bounty requesterrecord in JSON",
            json::<bounty::RequesterRecord>,
        ),
        stable(
            "bounty recomputerrecord in JSON",
            json::<bounty::RecomputerRecord>,
        ),
        stable("attest announcement in JSON", json::<attest::Announcement>),
        stable("panel offer in JSON", json::<panel::Offer>),
        stable("panel snapshotrules in JSON", json::<panel::SnapshotRules>),
        stable("role", text::<Role>),
        stable("month", text::<Month>),
    ]
}

/// Every message that is canonical bytes, and terms as JSON.
pub fn messages(data: &[u8]) {
    let _ = is_read(data);
}

/// Whether any decoder takes it; each that does keeps its law.
pub fn is_read(data: &[u8]) -> bool {
    static LAWS: OnceLock<Vec<Decoder>> = OnceLock::new();
    let laws = LAWS.get_or_init(laws);
    laws.iter()
        .fold(false, |read, decoder| decoder.check(data) | read)
}

/// Valid inputs.
pub fn seeds() -> Vec<Vec<u8>> {
    let point = public(5);
    let commitment = |index| AdaptorCommitment {
        index,
        point,
        signature: AdaptorSignature([3; 64]),
    };
    let commitments = AdaptorCommitments {
        bank: [1; 32],
        commitments: vec![commitment(500), commitment(1_000)],
    };
    let penny = Penny {
        bank: [1; 32],
        index: 7,
        secret: [2; 32],
    };
    let kept = TokenBox {
        ciphertext: [8; 32],
        tag: [9; 16],
    };
    let mut all = [slice(), delivery(), bounty(), parts()].concat();
    all.extend([
        b"arbiter3".to_vec(),
        b"2031-07".to_vec(),
        certificate(),
        commitments.to_bytes(),
        penny.to_bytes().to_vec(),
        ending().to_bytes(),
        kept.to_bytes(),
        serde_json::to_vec(&bank()).expect("JSON"),
    ]);
    all
}

/// Everybody's parts of made-up terms, put together, and what arbiters announce for them.
fn parts() -> Vec<Vec<u8>> {
    let of = |template| {
        let fixtures = Fixtures::example(template, 3, 2, 800_000, [4; 32]).expect("an example");
        let terms = fixtures.terms().expect("terms");
        let sent = fixtures.assembly(&terms).expect("parts");
        let announced = terms.announcements().iter().map(|a| a.to_bytes());
        let parts = sent.parts.iter().map(|part| part.to_bytes());
        let all = parts.chain(announced).chain([sent.to_bytes()]);
        all.collect::<Vec<_>>()
    };
    [of(Template::Hardened), of(Template::Paper)].concat()
}

fn ending() -> coop::Proposal {
    coop::Proposal {
        spends: NodeName::plain("TxV0"),
        payouts: vec![
            (Role::Worker, Amount::from_sat(280_000)),
            (Role::Verifier, Amount::from_sat(239_000)),
        ],
        reveals_result: true,
        attempt: 3,
        expires_height: 800_100,
    }
}

/// A post, a bundle and evidence of two posts; nothing of it verifies.
fn slice() -> Vec<Vec<u8>> {
    let sealed = [&public(6).serialize()[..], &[0, 0, 0, 48], &[7; 48]].concat();
    let post = [
        &b"NXGC1"[..],
        &[1; 32],
        &[0],
        &public(5).serialize(),
        &sealed,
        &[3; 64],
    ]
    .concat();
    let bundle = [
        &b"NXGB1"[..],
        &[1; 32],
        &[0],
        &[0, 0, 0, 1],
        &[1],
        &sealed,
        &[3; 64],
    ]
    .concat();
    let twice = Evidence::TwoPosts {
        first: Post::from_bytes(&post).expect("a post"),
        second: Post::from_bytes(&post).expect("a post"),
    };
    vec![post, bundle, twice.to_bytes()]
}

/// What travels for a delivery, but for copies.
fn delivery() -> Vec<Vec<u8>> {
    let (terms, agent) = ([1; 32], 2);
    let announcement = Announcement {
        root: [4; 32],
        ephemeral: public(6),
        view_tag: [1, 2, 3, 4],
    };
    let signature = schnorr::Signature::from_slice(&[3; 64]).expect("64 bytes");
    let consent = Consent {
        terms,
        agent,
        signature,
    };
    let request = Request {
        funding: bitcoin::Txid::all_zeros(),
        accepted: [0, 14].into(),
    };
    let handover = Handover {
        terms,
        agent,
        signature: schnorr::Signature::from_slice(&[5; 64]).expect("64 bytes"),
    };
    vec![
        announcement.to_bytes(),
        consent.to_bytes(),
        request.to_bytes(),
        handover.to_bytes(),
    ]
}

/// A message of each kind; nothing of it verifies.
fn bounty() -> Vec<Vec<u8>> {
    let (terms, seat) = ([1; 32], 1);
    let set = LayerSet::new(3).expect("two seats");
    let signature = schnorr::Signature::from_slice(&[3; 64]).expect("64 bytes");
    let layer = Layer {
        seat,
        commitment: [2; 32],
        signature,
    };
    let layers = vec![layer];
    let envelope = Envelope { terms, layers };
    let opening = Opening {
        terms,
        seat,
        envelope: envelope.hash(),
        root: [4; 32],
        salt: [5; 32],
        signature,
    };
    let seal = Seal {
        envelope: envelope.clone(),
        signature,
    };
    let closing = Closing {
        round: 0,
        envelope: envelope.clone(),
        openings: vec![opening],
        late: LayerSet::empty(),
        signature,
    };
    let delivery = Delivery {
        terms,
        seat,
        set,
        sealed: Sealed {
            ephemeral: public(6),
            ciphertext: vec![7; 40],
        },
        signature,
    };
    let grant = Grant {
        terms,
        set,
        signature: AdaptorSignature([3; 64]),
    };
    let share = Share {
        terms,
        seat,
        set,
        secret: secret(8),
    };
    vec![
        envelope.to_bytes(),
        seal.to_bytes(),
        opening.to_bytes(),
        closing.to_bytes(),
        delivery.to_bytes(),
        grant.to_bytes(),
        share.to_bytes(),
    ]
}

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).expect("a scalar")
}

fn public(byte: u8) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), &secret(byte))
}

fn certificate() -> Vec<u8> {
    let secp = Secp256k1::new();
    let key = Keypair::from_secret_key(&secp, &secret(9));
    let owner = key.x_only_public_key().0;
    let claim = Claim {
        script: BondScript::taproot(owner, Lock::height(900).expect("a height")),
        outpoint: OutPoint::new(bitcoin::Txid::from_byte_array([7; 32]), 0),
        value: Amount::from_sat(50_000),
        confirmed_height: 100,
        identity: owner,
    };
    let certificate = Certificate::sign(&secp, claim, 800, &key);
    certificate.expect("its key signs").to_bytes()
}

fn bank() -> BankRecord {
    let script = bitcoin::ScriptBuf::new_p2wpkh(&bitcoin::WPubkeyHash::all_zeros());
    let coin = Coin {
        outpoint: OutPoint::new(bitcoin::Txid::from_byte_array([7; 32]), 1),
        value_sat: Amount::from_sat(11_500),
        script: script.clone(),
    };
    BankRecord {
        payer: public(1),
        provider: public(2),
        salt: sha256::Hash::all_zeros(),
        pennies: 10_000,
        value_sat: Amount::ONE_SAT,
        capacity_sat: Amount::from_sat(11_000),
        chain_root: sha256::Hash::all_zeros(),
        refund_height: 1_000,
        claim_blocks: 20,
        step: 500,
        shift: 4,
        promises: 0,
        payer_script: script.clone(),
        provider_script: script,
        funding: BankFunding::Wallet {
            contribution: Contribution {
                coins: vec![coin],
                change: None,
            },
            rate_sat_per_kwu: FeeRate::from_sat_per_kwu(250),
        },
    }
}
