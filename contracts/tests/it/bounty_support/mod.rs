//! A bounty on coins that are on no chain, signed, and its honest course as far as a test wants it.

pub(crate) use super::given;

use narthex_base::codec::Message as _;
use std::sync::Arc;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Transaction, Txid, WPubkeyHash,
    hashes::{Hash, sha256},
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{SeedableRng, rngs::StdRng},
    },
};
use narthex_contracts::{
    binding::{FreshSalt, MemoryBindings},
    bounty::{
        Answer, BoundSeed, BountyError, BountyRecord, BountyTerms, Call, Closing, Coin, Delivery,
        Envelope, Grant, Opening, REQUESTER, Recomputer, RecomputerOffer, RecomputerRecord,
        RecomputerSeed, Requester, RequesterRecord, Seal, Share, recomputer_name, recomputer_party,
        requester_party, restore,
    },
    depth::Depth,
    party::PartyName,
    setup::{Party, ceremony},
    terms::{Coin as WalletCoin, Contribution, FeeRate},
};
use narthex_game_model::market::LayerSet;

pub const LAYERS: u32 = 200;
pub const ROUND: u16 = 6;
pub const REFUND_AT: u32 = 260;
/// Height that confirms the funding.
pub const FUNDED: Coin = Coin::Locked { height: 90 };
/// What every recomputer waits for.
pub const DEPTH: Depth = Depth::USUAL;
/// A tip with the coin deep.
pub const SETTLING: (u32, Coin) = (OPEN, FUNDED);

/// This tip, with the coin where it is.
pub fn at(height: u32) -> (u32, Coin) {
    (height, FUNDED)
}

pub const RIGHT: &[u8] = b"the words: 42";
pub const WRONG: &[u8] = b"the words: 41";

pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

pub fn public(byte: u8) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), &secret(byte))
}

pub fn script(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([byte; 20]))
}

/// The requester's identity has the key 100, its contract key 101; recomputer i has 1 + i and 11 + i, and its seed 31 + i.
pub fn identity(seat: u8) -> SecretKey {
    secret(1 + seat)
}

pub fn seed(seat: u8) -> RecomputerSeed {
    RecomputerSeed::from_bytes([31 + seat; 32])
}

pub fn amount(seat: u8) -> Amount {
    Amount::from_sat(10_000 + 1_000 * u64::from(seat))
}

pub fn call(recomputers: u8, quorum: u8, salt: u8) -> Call {
    Call {
        requester: secret(100).x_only_public_key(&Secp256k1::new()).0,
        job: sha256::Hash::hash(b"count the words"),
        salt: sha256::Hash::from_byte_array([salt; 32]),
        recomputers,
        quorum,
    }
}

pub fn offer(call: &Call, seat: u8) -> RecomputerOffer {
    let keys = (&identity(seat), &secret(11 + seat));
    RecomputerOffer::new(call, seat, keys, &seed(seat), (script(seat), amount(seat))).unwrap()
}

pub fn record(recomputers: u8, quorum: u8, salt: u8) -> BountyRecord {
    let call = call(recomputers, quorum, salt);
    let offers = (0..recomputers)
        .map(|seat| offer(&call, seat))
        .collect::<Vec<_>>();
    let total: Amount = offers.iter().map(|offer| offer.amount_sat).sum();
    let coin = WalletCoin {
        outpoint: OutPoint::new(Txid::from_byte_array([3; 32]), 1),
        value_sat: total + Amount::from_sat(500),
        script: script(90),
    };
    BountyRecord {
        requester_key: public(101),
        requester_script: script(91),
        recomputers: offers,
        layer_height: LAYERS,
        round_blocks: ROUND,
        refund_height: REFUND_AT,
        contribution: Contribution {
            coins: vec![coin],
            change: None,
        },
        rate_sat_per_kwu: FeeRate::from_sat_per_kwu(250),
        call,
    }
}

pub fn rng() -> StdRng {
    StdRng::seed_from_u64(11)
}

/// A bounty after the ceremony.
pub struct Bounty {
    pub terms: Arc<BountyTerms>,
    pub requester: Requester,
    pub recomputers: Vec<Recomputer>,
}

pub fn roles(recomputers: u8) -> impl Iterator<Item = (PartyName, SecretKey)> {
    let recomputer = |seat| (recomputer_name(seat), secret(11 + seat));
    std::iter::once((REQUESTER, secret(101))).chain((0..recomputers).map(recomputer))
}

/// Everybody's side of the ceremony, the requester first, and the recomputers' seeds by seat.
pub fn parties(terms: &Arc<BountyTerms>) -> (Vec<Party<BountyTerms>>, Vec<BoundSeed>) {
    let mut bindings = MemoryBindings::default();
    let (mut parties, mut seeds) = (Vec::new(), Vec::new());
    for (party, key) in roles(terms.recomputers()) {
        let Some(seat) = (0..terms.recomputers()).find(|seat| recomputer_name(*seat) == party)
        else {
            let salt = drawn_salt(terms);
            parties.push(requester_party(terms, &key, salt, &mut bindings).unwrap());
            continue;
        };
        let mut bindings = MemoryBindings::default();
        let (party, seed) =
            recomputer_party(terms, seat, &key, (seed(seat), 80, DEPTH), &mut bindings).unwrap();
        parties.push(party);
        seeds.push(seed);
    }
    (parties, seeds)
}

/// The salt of these terms, as if it had been drawn.
pub fn drawn_salt(terms: &BountyTerms) -> FreshSalt {
    given::salt(terms.record().call.salt.to_byte_array())
}

pub fn signed(recomputers: u8, quorum: u8) -> Bounty {
    signed_by(record(recomputers, quorum, 7))
}

pub fn signed_by(record: BountyRecord) -> Bounty {
    let terms = Arc::new(record.check().unwrap());
    let (parties, seeds) = parties(&terms);
    let mut held = ceremony::run(parties, &mut rng(), |_| ())
        .unwrap()
        .into_iter();
    let requester = held.next().unwrap();
    let recomputers = (0..).zip(held.zip(seeds));
    Bounty {
        requester: Requester::new(requester, secret(100), secret(101)).unwrap(),
        recomputers: recomputers
            .map(|(seat, (held, seed))| Recomputer::new(held, identity(seat), seed).unwrap())
            .collect(),
        terms,
    }
}

pub fn set(seats: &[u8]) -> LayerSet {
    LayerSet::new(seats.iter().fold(0, |mask, seat| mask | 1 << seat)).unwrap()
}

pub fn of(set: LayerSet) -> Vec<u8> {
    set.iter().map(|seat| seat as u8).collect()
}

impl Bounty {
    pub fn recomputer(&mut self, seat: u8) -> &mut Recomputer {
        &mut self.recomputers[usize::from(seat)]
    }

    /// These recomputers sign these results one upon the other; everybody sees the envelope in time.
    pub fn layers(&mut self, results: &[(u8, &[u8])]) -> Envelope {
        let mut envelope = Envelope::new(&self.terms);
        for (seat, result) in results {
            let before = Envelope::from_bytes(&envelope.to_bytes()).unwrap();
            envelope = self.recomputer(*seat).sign(&before, result).unwrap();
        }
        for (seat, _) in results {
            self.recomputer(*seat).hear(LAYERS - 20, &envelope).unwrap();
        }
        self.requester.take_envelope(&envelope).unwrap();
        envelope
    }

    pub fn sealed(&mut self, results: &[(u8, &[u8])]) -> Seal {
        self.layers(results);
        let seal = self.requester.seal(LAYERS).unwrap();
        Seal::from_bytes(&seal.to_bytes()).unwrap()
    }

    /// These open, and everybody hears it.
    pub fn opened(&mut self, results: &[(u8, &[u8])]) -> Vec<Opening> {
        let seal = self.sealed(results);
        let mut openings = Vec::new();
        for (seat, _) in results {
            let opening = self.recomputer(*seat).open(at(LAYERS), &seal).unwrap();
            openings.push(Opening::from_bytes(&opening.to_bytes()).unwrap());
        }
        for opening in &openings {
            self.requester.take_opening(opening).unwrap();
            for (seat, _) in results {
                self.recomputer(*seat).hear_opening(opening).unwrap();
            }
        }
        openings
    }

    pub fn closed(&mut self, results: &[(u8, &[u8])]) -> Closing {
        self.opened(results);
        let closing = self.requester.close(LAYERS + u32::from(ROUND)).unwrap();
        Closing::from_bytes(&closing.to_bytes()).unwrap()
    }

    /// Those whom a closing pays deliver, all of them see it, and so does the requester.
    pub fn deliver(&mut self, height: u32, closing: &Closing) -> LayerSet {
        let paid = closing.verify(&self.terms).unwrap().paid;
        for seat in of(paid) {
            let Answer::Deliver(made) = self.recomputer(seat).accept(at(height), closing).unwrap()
            else {
                panic!("seat {seat} does not deliver");
            };
            let made = Delivery::from_bytes(&made.to_bytes()).unwrap();
            self.requester.take_delivery(&made).unwrap();
            for other in of(paid) {
                self.recomputer(other).hear_delivery(height, &made).unwrap();
            }
        }
        paid
    }

    /// A grant, and the shares of these members for everybody in the set.
    pub fn granted(&mut self, height: u32, paid: LayerSet, givers: &[u8]) -> Grant {
        let grant = self.requester.grant().unwrap();
        let grant = Grant::from_bytes(&grant.to_bytes()).unwrap();
        for seat in givers {
            let share = self
                .recomputer(*seat)
                .take_grant(at(height), &grant)
                .unwrap();
            let share = Share::from_bytes(&share.to_bytes()).unwrap();
            for other in of(paid) {
                self.recomputer(other).take_share(height, &share).unwrap();
            }
        }
        grant
    }

    /// The whole course; the first member's settlement.
    pub fn settled(&mut self, results: &[(u8, &[u8])]) -> (LayerSet, Transaction) {
        let height = LAYERS + u32::from(ROUND);
        let closing = self.closed(results);
        let paid = self.deliver(height, &closing);
        self.granted(height, paid, &of(paid));
        let first = of(paid)[0];
        self.recomputer(first).settle(SETTLING).unwrap().unwrap()
    }

    /// Everybody goes down and comes back from what was written.
    pub fn restart(&mut self) {
        let json = serde_json::to_string(self.requester.record()).unwrap();
        let record: RequesterRecord = serde_json::from_str(&json).unwrap();
        let held = restore(&self.terms, &self.requester.holdings().to_bytes()).unwrap();
        self.requester = Requester::restore(held, secret(100), secret(101), record).unwrap();
        for recomputer in &mut self.recomputers {
            let json = serde_json::to_string(recomputer.record()).unwrap();
            let record: RecomputerRecord = serde_json::from_str(&json).unwrap();
            let held = restore(&self.terms, &recomputer.holdings().to_bytes()).unwrap();
            let seat = recomputer.seat();
            *recomputer = Recomputer::restore(held, identity(seat), seed(seat), record).unwrap();
        }
    }
}

pub const OPEN: u32 = LAYERS + ROUND as u32;

pub const THREE: [(u8, &[u8]); 3] = [(0, RIGHT), (1, RIGHT), (2, RIGHT)];

pub fn left_out(seat: u8) -> impl Fn(&BountyError) -> bool {
    move |error| *error == BountyError::LeftOut { seat }
}

#[track_caller]
pub fn refuses<T: std::fmt::Debug>(
    result: Result<T, BountyError>,
    why: impl Fn(&BountyError) -> bool,
) {
    let error = result.unwrap_err();
    assert!(why(&error), "{error}");
}

pub fn requester(error: &BountyError) -> bool {
    matches!(error, BountyError::Requester { .. })
}

pub fn time(error: &BountyError) -> bool {
    matches!(error, BountyError::Time { .. })
}

pub fn phase(error: &BountyError) -> bool {
    matches!(error, BountyError::Phase { .. })
}

pub fn layer(error: &BountyError) -> bool {
    matches!(error, BountyError::Layer { .. })
}

/// What a recomputer passes on reaches these members, and what they answer reaches everybody in the set.
pub fn forwarded(bounty: &mut Bounty, height: u32, from: u8) {
    let passed = bounty.recomputer(from).forwards().unwrap().unwrap();
    for made in &passed.deliveries {
        bounty.requester.take_delivery(made).unwrap();
    }
    for member in of(passed.to) {
        for made in &passed.deliveries {
            bounty
                .recomputer(member)
                .hear_delivery(height, made)
                .unwrap();
        }
        for share in &passed.shares {
            bounty.recomputer(member).take_share(height, share).unwrap();
        }
        let answer = bounty
            .recomputer(member)
            .accept(at(height), &passed.closing);
        if let Answer::Deliver(made) = answer.unwrap() {
            bounty.requester.take_delivery(&made).unwrap();
            for other in of(made.set) {
                bounty
                    .recomputer(other)
                    .hear_delivery(height, &made)
                    .unwrap();
            }
        }
        if let Some(grant) = &passed.grant {
            let share = bounty
                .recomputer(member)
                .take_grant(at(height), grant)
                .unwrap();
            for other in of(grant.set) {
                bounty.recomputer(other).take_share(height, &share).unwrap();
            }
        }
    }
}
