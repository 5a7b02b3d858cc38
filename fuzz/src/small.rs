//! Messages of the small contracts: bonds, banks, bounties. One property: what is read is written back as it was.

use bitcoin::{
    Amount, OutPoint,
    hashes::{Hash, sha256},
    secp256k1::{
        Keypair, PublicKey, Secp256k1, SecretKey,
        rand::{SeedableRng, rngs::StdRng},
        schnorr,
    },
};
use narthex_contracts::{
    bank::{
        BankFunding, BankRecord, BankTerms, Frame, Leg, Notice, Order, Penny, Receipt, Release,
        Route, Rung, Rungs, Settled,
    },
    bond::{BondScript, Certificate, Claim, Lock},
    bounty::{Closing, Delivery, Envelope, Grant, Layer, Opening, Seal, Share},
    deliver::{Announcement, Consent, Handover, Request},
    musig::AdaptorSignature,
    seal::Sealed,
    slice::{Bundle, Dealt, Evidence, Post},
    terms::{Coin, Contribution, FeeRate},
};
use narthex_game_model::market::LayerSet;

/// Every message that is canonical bytes, and terms as JSON.
pub fn messages(data: &[u8]) {
    let _ = is_read(data);
}

/// Whether any decoder takes it; whichever does writes back the same.
pub fn is_read(data: &[u8]) -> bool {
    fn same<T, E>(data: &[u8], decoded: Result<T, E>, encode: impl Fn(&T) -> Vec<u8>) -> bool {
        let read = decoded.is_ok();
        if let Ok(value) = decoded {
            assert_eq!(encode(&value), data);
        }
        read
    }
    let terms = BankTerms::from_json(data);
    if let Ok(terms) = &terms {
        let json = serde_json::to_vec(terms.record()).expect("what was read can be written");
        let again = BankTerms::from_json(&json).expect("what was written can be read");
        assert_eq!(&again, terms);
    }
    [
        terms.is_ok(),
        same(data, Certificate::from_bytes(data), Certificate::to_bytes),
        same(data, Penny::from_bytes(data), |penny| {
            penny.to_bytes().to_vec()
        }),
        same(data, Rungs::from_bytes(data), Rungs::to_bytes),
        same(data, Frame::from_bytes(data), Frame::to_bytes),
        same(data, Order::from_bytes(data), Order::to_bytes),
        same(data, Notice::from_bytes(data), Notice::to_bytes),
        same(data, Receipt::from_bytes(data), Receipt::to_bytes),
        same(data, Release::from_bytes(data), Release::to_bytes),
        same(data, Settled::from_bytes(data), Settled::to_bytes),
        same(data, Post::from_bytes(data), Post::to_bytes),
        same(data, Bundle::from_bytes(data), Bundle::to_bytes),
        same(data, Dealt::from_bytes(data), Dealt::to_bytes),
        same(data, Evidence::from_bytes(data), Evidence::to_bytes),
        same(data, Announcement::from_bytes(data), Announcement::to_bytes),
        same(data, Consent::from_bytes(data), Consent::to_bytes),
        same(data, Request::from_bytes(data), Request::to_bytes),
        same(data, Handover::from_bytes(data), Handover::to_bytes),
        same(data, Envelope::from_bytes(data), Envelope::to_bytes),
        same(data, Seal::from_bytes(data), Seal::to_bytes),
        same(data, Opening::from_bytes(data), Opening::to_bytes),
        same(data, Closing::from_bytes(data), Closing::to_bytes),
        same(data, Delivery::from_bytes(data), Delivery::to_bytes),
        same(data, Grant::from_bytes(data), Grant::to_bytes),
        same(data, Share::from_bytes(data), Share::to_bytes),
    ]
    .contains(&true)
}

/// Valid inputs.
pub fn seeds() -> Vec<Vec<u8>> {
    let point = public(5);
    let rung = |index| Rung {
        index,
        point,
        signature: AdaptorSignature([3; 64]),
    };
    let rungs = Rungs {
        bank: [1; 32],
        rungs: vec![rung(500), rung(1_000)],
    };
    let penny = Penny {
        bank: [1; 32],
        index: 7,
        secret: [2; 32],
    };
    let settled = Settled {
        penny,
        point,
        secret: secret(5),
    };
    let mut all = [payment(), slice(), delivery(), bounty()].concat();
    all.extend([
        settled.to_bytes(),
        certificate(),
        rungs.to_bytes(),
        penny.to_bytes().to_vec(),
        serde_json::to_vec(&bank()).expect("JSON"),
    ]);
    all
}

/// What travels for a payment through a banker.
fn payment() -> Vec<Vec<u8>> {
    let leg = |byte| Leg {
        bank: [byte; 32],
        count: 700,
    };
    let mut rng = StdRng::seed_from_u64(1);
    let route = Route::new(vec![leg(1), leg(2)], public(4), [5; 32], &mut rng);
    let route = route.expect("a way");
    let notice = route.notice().expect("a payee");
    let signature = schnorr::Signature::from_slice(&[6; 64]).expect("64 bytes");
    let release = Release {
        bank: [2; 32],
        point: public(5),
        secret: secret(5),
    };
    // One promise, no rung at the base, one signature.
    let frame = [
        &b"NXF1"[..],
        &[1; 32],
        &[0, 0, 0, 9],
        &[0, 0, 0, 1],
        &public(5).serialize(),
        &[0, 0, 2, 188],
        &[0],
        &[3; 64],
    ];
    vec![
        route.orders().remove(0).to_bytes(),
        notice.to_bytes(),
        Receipt { notice, signature }.to_bytes(),
        release.to_bytes(),
        frame.concat(),
    ]
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
        outpoint: OutPoint::null(),
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
        outpoint: OutPoint::new(bitcoin::Txid::all_zeros(), 1),
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
        tip: sha256::Hash::all_zeros(),
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
            rate_sat_per_kwu: FeeRate(250),
        },
    }
}
