//! Slices on coins that are on no chain: sharing, ceremony, both sides.

pub(crate) use super::given;

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Txid, WPubkeyHash,
    hashes::{Hash, HashEngine, sha256},
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{RngCore, SeedableRng, rngs::StdRng},
    },
};
use narthex_base::codec::Message as _;
use narthex_contracts::{
    binding::{FreshSalt, MemoryBindings},
    depth::Depth,
    setup::Party,
    setup::ceremony,
    slice::{
        BoundShares, Client, Coin, Participants, Points, Post, Provider, Shares, SliceDealer,
        SliceDealing, SliceRecord, SliceTerms, Taken, Work,
    },
    terms::{Coin as WalletCoin, Contribution, FeeRate},
};

/// Height that confirms the funding.
pub const FUNDED: Coin = Coin::Locked { height: 100 };

/// A tip at which posts are over and every price is as deep as [`DEPTH`].
pub const BURIED: (u32, Coin) = (106, FUNDED);

/// What every provider waits for.
pub const DEPTH: u32 = 3;

pub fn depth() -> Depth {
    Depth::new(DEPTH).unwrap()
}

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// The seed of a random test, printed so that it can be repeated.
pub fn fresh_seed() -> u64 {
    let given = std::env::var("NARTHEX_TEST_SEED").ok();
    let seed = given.map_or_else(
        || bitcoin::secp256k1::rand::thread_rng().next_u64(),
        |seed| seed.parse().unwrap(),
    );
    println!("NARTHEX_TEST_SEED={seed}");
    seed
}

/// The client has key 1, provider i key 2 + i.
pub fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

pub fn public(byte: u8) -> PublicKey {
    PublicKey::from_secret_key(&Secp256k1::new(), &secret(byte))
}

pub fn key(index: u8) -> SecretKey {
    secret(2 + index)
}

pub fn script(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([byte; 20]))
}

pub fn participants(m: u8, n: u8, salt: u8) -> Participants {
    Participants {
        client: public(1),
        providers: (0..n).map(|i| public(2 + i)).collect(),
        quorum: m,
        job: sha256::Hash::hash(b"count these words"),
        salt: sha256::Hash::from_byte_array([salt; 32]),
    }
}

pub fn dealers(participants: &Participants, rng: &mut StdRng) -> Vec<SliceDealer> {
    let dealer = |i| SliceDealer::new(participants.clone(), i, key(i), rng).unwrap();
    participants.indices().map(dealer).collect()
}

/// Everybody's message, as it travels.
pub fn dealt(dealers: &[SliceDealer]) -> Vec<SliceDealing> {
    dealers
        .iter()
        .map(|dealer| SliceDealing::from_bytes(&dealer.dealt().to_bytes()).unwrap())
        .collect()
}

pub fn shared(participants: &Participants, rng: &mut StdRng) -> (Points, Vec<Shares>) {
    let dealers = dealers(participants, rng);
    let all = dealt(&dealers);
    let points = Points::gather(participants, &all).unwrap();
    let mut shares = Vec::new();
    for dealer in dealers {
        let (theirs, own) = dealer.finish(&all).unwrap();
        assert_eq!(theirs, points);
        shares.push(own);
    }
    (points, shares)
}

/// 5,000 sat each; 6 blocks for posts, refund after 18.
pub fn record(participants: &Participants, points: &Points) -> SliceRecord {
    let mut record = SliceRecord {
        points: points.commitments(),
        own_points: points.own_points().to_vec(),
        price_sat: Amount::from_sat(5_000),
        post_blocks: 6,
        refund_blocks: 18,
        client_script: script(1),
        provider_scripts: participants.indices().map(|i| script(2 + i)).collect(),
        contribution: Contribution::default(),
        rate_sat_per_kwu: FeeRate::from_sat_per_kwu(250),
        participants: participants.clone(),
    };
    record.contribution.coins = vec![WalletCoin {
        outpoint: OutPoint::new(Txid::from_byte_array([3; 32]), 1),
        value_sat: record.deposit().unwrap() + Amount::from_sat(300),
        script: script(3),
    }];
    record
}

/// Everybody's side of the ceremony, the client first, and the providers' shares by index.
pub fn parties(
    terms: &SliceTerms,
    points: &Points,
    shares: Vec<Shares>,
) -> (Vec<Party<SliceTerms>>, Vec<(u8, BoundShares)>) {
    let mut parties = vec![client_party(terms, points)];
    let mut bound = Vec::new();
    for shares in shares {
        let index = shares.own();
        let mut bindings = MemoryBindings::default();
        let party = terms.provider_party(&key(index), points, (shares, depth()), &mut bindings);
        let (party, shares) = party.unwrap();
        parties.push(party);
        bound.push((index, shares));
    }
    (parties, bound)
}

pub fn client_party(terms: &SliceTerms, points: &Points) -> Party<SliceTerms> {
    let mut bindings = MemoryBindings::default();
    let salt = drawn_salt(terms);
    terms
        .client_party(&secret(1), points, salt, &mut bindings)
        .unwrap()
}

/// The salt of these terms, as if it had been drawn.
pub fn drawn_salt(terms: &SliceTerms) -> FreshSalt {
    given::salt(terms.participants().salt.to_byte_array())
}

/// A slice whose claims are signed.
pub struct Slice {
    pub terms: SliceTerms,
    pub client: Client,
    pub providers: Vec<Provider>,
    pub rng: StdRng,
}

pub fn slice_of(m: u8, n: u8, salt: u8) -> Slice {
    let mut rng = rng(u64::from(salt));
    let participants = participants(m, n, salt);
    let (points, shares) = shared(&participants, &mut rng);
    let terms = record(&participants, &points).check().unwrap();
    let (parties, shares) = parties(&terms, &points, shares);
    let mut holdings = ceremony::run(parties, &mut rng, |_| {})
        .unwrap()
        .into_iter();
    let client = Client::new(holdings.next().unwrap(), secret(1)).unwrap();
    let providers = holdings
        .zip(shares)
        .map(|(holdings, shares)| {
            let key = key(shares.0);
            Provider::new(holdings, key, shares.1).unwrap()
        })
        .collect();
    Slice {
        terms,
        client,
        providers,
        rng,
    }
}

/// The work of everybody who does it right.
pub fn right() -> Work {
    work(b"the: 7, of: 3")
}

pub fn work(result: &[u8]) -> Work {
    Work {
        commitment: sha256::Hash::hash(result).to_byte_array(),
        result: result.to_vec(),
    }
}

impl Slice {
    pub fn commit(&mut self, index: u8, work: &Work) -> Post {
        let provider = &mut self.providers[usize::from(index)];
        let post = provider.commit(work, &mut self.rng).unwrap();
        Post::from_bytes(&post.to_bytes()).unwrap()
    }

    /// Everybody sees a post that is still in time.
    pub fn show(&mut self, post: &Post) {
        self.client.take_post(post).unwrap();
        for provider in &mut self.providers {
            if provider.index() != post.from {
                provider.take_post(post).unwrap();
            }
        }
    }

    /// Each provider does its work, or none.
    pub fn commit_all(&mut self, works: &[Option<Work>]) {
        let mut posts = Vec::new();
        for (i, work) in (0u8..).zip(works) {
            if let Some(work) = work {
                posts.push(self.commit(i, work));
            }
        }
        for post in &posts {
            self.show(post);
        }
    }

    /// These release, at a tip when the time for posts is over.
    pub fn release(&mut self, who: &[u8]) {
        for i in who {
            let provider = &mut self.providers[usize::from(*i)];
            let bundle = provider.release((106, FUNDED), &mut self.rng).unwrap();
            self.client.take_bundle(&bundle).unwrap();
        }
    }

    /// The client hands out what it has.
    pub fn hand_out(&mut self) {
        for provider in &mut self.providers {
            for bundle in self.client.hand_out(provider.index()) {
                provider.take_bundle(bundle).unwrap();
            }
        }
    }

    /// Who can claim.
    pub fn paid(&self) -> Vec<u8> {
        let can = self.providers.iter().filter(|p| p.claim(BURIED).is_ok());
        can.map(Provider::index).collect()
    }

    pub fn provider(&mut self, index: u8) -> &mut Provider {
        &mut self.providers[usize::from(index)]
    }
}

pub fn is_share(taken: &Taken) -> bool {
    matches!(taken, Taken::Share { .. })
}

/// A tagged hash as BIP340 defines it.
pub fn tagged(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256::Hash::hash(tag.as_bytes());
    let mut engine = sha256::Hash::engine();
    engine.input(tag.as_byte_array());
    engine.input(tag.as_byte_array());
    parts.iter().for_each(|part| engine.input(part));
    sha256::Hash::from_engine(engine).to_byte_array()
}
