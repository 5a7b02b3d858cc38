//! Ceremonies that a crash cuts anywhere behind the signing: read back, they go on to the same signatures, byte for byte.

use crate::golden_json;
use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    hashes::{Hash, sha256},
    hex::DisplayHex,
    secp256k1::rand::{self, CryptoRng, RngCore, SeedableRng, rngs::StdRng},
};
use narthex_base::{codec::Message as _, tagged::tagged_hash_parts};
use narthex_contracts::{
    binding::MemoryBindings,
    coop::{Ending, Proposal},
    fixtures::Fixtures,
    graph::NodeName,
    party::PartyName,
    setup::{Agreement, Party, RestoreError, SetupError, Signing},
    template,
    terms::{Role, Terms},
};
use narthex_game_model::Template;

/// Everybody after the second round, nonces taken one by one.
fn signed<T: Agreement, R: RngCore + CryptoRng>(
    parties: Vec<Party<T>>,
    rng: &mut R,
) -> Vec<Signing<T>> {
    let announced = parties
        .into_iter()
        .map(|party| party.announce(rng).unwrap());
    let (announced, nonces): (Vec<_>, Vec<_>) = announced.unzip();
    let each = announced.into_iter();
    each.map(|mut party| {
        let me = party.me().id;
        for message in nonces.iter().filter(|m| me != m.from) {
            party.accept(message.clone()).unwrap();
        }
        party.sign().unwrap()
    })
    .collect()
}

/// Runs the exchange; `crash` gets each party after each of its steps and gives back what goes on in its place. Gives
/// every message sent and everything held in the end.
fn exchange<T: Agreement>(
    mut all: Vec<Signing<T>>,
    mut crash: impl FnMut(Signing<T>) -> Signing<T>,
) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let names = all.iter().map(Signing::me).collect::<Vec<PartyName>>();
    let mut step = |all: &mut Vec<Signing<T>>, at: usize| {
        let party = all.remove(at);
        all.insert(at, crash(party));
    };
    let mut sent = Vec::new();
    for at in 0..all.len() {
        step(&mut all, at);
    }
    let stages = all[0].graph().stages().collect::<Vec<_>>();
    for stage in stages {
        for from in 0..all.len() {
            for to in (0..all.len()).filter(|to| *to != from) {
                let message = all[from].shares_for(stage, names[to]).unwrap();
                step(&mut all, from);
                assert_eq!(all[from].shares_for(stage, names[to]), Ok(message.clone()));
                sent.push(message.to_bytes());
                if !message.shares.is_empty() {
                    all[to].accept(message.clone()).unwrap();
                    step(&mut all, to);
                    // What came before the crash is remembered: the same is nothing new, other shares contradict.
                    all[to].accept(message.clone()).unwrap();
                    let mut other = message;
                    other.shares[0].0[31] ^= 1;
                    let from = names[from];
                    assert_eq!(
                        all[to].accept(other),
                        Err(SetupError::Contradiction { from })
                    );
                }
            }
        }
        for at in 0..all.len() {
            all[at].close(stage).unwrap();
            step(&mut all, at);
        }
    }
    let held = all
        .into_iter()
        .map(|party| party.finish().unwrap().to_bytes());
    (sent, held.collect())
}

fn fixtures(template: Template) -> (Fixtures, Arc<Terms>) {
    let fixtures = Fixtures::example(template, 3, 2, 500, [7; 32]).unwrap();
    let terms = Arc::new(fixtures.terms().unwrap());
    (fixtures, terms)
}

/// The same parties in the same ceremony: another set of marks, the same randomness.
fn contract(template: Template) -> (Arc<Terms>, Vec<Signing<Terms>>) {
    let (fixtures, terms) = fixtures(template);
    let parties = fixtures.parties(&terms).unwrap();
    (terms, signed(parties, &mut StdRng::seed_from_u64(3)))
}

#[test]
fn a_contract_resumed_after_every_step_is_the_undisturbed_one() {
    for template in [Template::Hardened, Template::Paper] {
        let (terms, all) = contract(template);
        let undisturbed = exchange(all, |party| party);
        let (_, all) = contract(template);
        let mut crashes = 0;
        let disturbed = exchange(all, |party| {
            crashes += 1;
            let bytes = party.to_bytes();
            // Whatever is in memory only is gone.
            drop(party);
            let again = Signing::<Terms>::from_bytes(terms.clone(), &bytes).unwrap();
            assert_eq!(again.to_bytes(), bytes);
            again
        });
        assert!(crashes > 60, "{crashes}");
        assert!(disturbed == undisturbed, "{template:?}");
    }
}

fn ending() -> Proposal {
    Proposal {
        spends: NodeName::plain("Tx0"),
        payouts: vec![
            (Role::Worker, bitcoin::Amount::from_sat(280_000)),
            (Role::Verifier, bitcoin::Amount::from_sat(239_000)),
        ],
        reveals_result: true,
        attempt: 3,
        expires_height: 600,
    }
}

fn ending_parties() -> (Arc<Terms>, Vec<Signing<Ending>>) {
    ending_parties_with(&mut StdRng::seed_from_u64(4))
}

fn ending_parties_with<R: RngCore + CryptoRng>(rng: &mut R) -> (Arc<Terms>, Vec<Signing<Ending>>) {
    let (fixtures, terms) = fixtures(Template::Hardened);
    let graph = template::derive(&terms).unwrap();
    let parties = Role::PRINCIPALS.map(|role| {
        let (key, mut record) = (fixtures.key(role), MemoryBindings::default());
        let party = ending().party(&terms, &graph, (role, &key), 590, &mut record);
        party.unwrap()
    });
    (terms, signed(parties.into(), rng))
}

#[test]
fn an_ending_resumed_after_every_step_is_the_undisturbed_one_and_of_its_attempt_only() {
    let (terms, all) = ending_parties();
    let graph = template::derive(&terms).unwrap();
    let undisturbed = exchange(all, |party| party);
    let (_, all) = ending_parties();
    let other = Proposal {
        attempt: 4,
        ..ending()
    };
    let disturbed = exchange(all, |party| {
        let bytes = party.to_bytes();
        let error = other.resume(&terms, &graph, &bytes).unwrap_err();
        assert_eq!(error, RestoreError::OtherContract.into());
        ending().resume(&terms, &graph, &bytes).unwrap()
    });
    assert!(disturbed == undisturbed);
    for held in &undisturbed.1 {
        let again = ending().restore(&terms, &graph, held).unwrap();
        assert_eq!(&again.to_bytes(), held);
        let error = other.restore(&terms, &graph, held).unwrap_err();
        assert_eq!(error, RestoreError::OtherContract.into());
    }
}

/// Every byte is accounted for by what is public or meant for somebody: there is no room for a secret nonce, and the
/// randomness that they were made of is nowhere in it.
#[test]
fn nothing_is_stored_of_a_secret_nonce() {
    let (fixtures, terms) = fixtures(Template::Hardened);
    let mut rng = StdRng::seed_from_u64(3);
    let mut seeds = vec![[0u8; 32]; 400];
    let mut same = StdRng::seed_from_u64(3);
    seeds.iter_mut().for_each(|seed| same.fill_bytes(seed));
    let parties = fixtures.parties(&terms).unwrap();
    let plan = parties[0].plan().clone();
    for party in signed(parties, &mut rng) {
        let bytes = party.to_bytes();
        let signed_by = |name: PartyName| plan.signed_by(name).count();
        let nonces = terms.everyone().into_iter();
        let nonces = nonces
            .map(|name| 1 + 4 + 66 * signed_by(name))
            .sum::<usize>();
        let own = 4 + 32 * signed_by(party.me());
        // Kind, agreement, who, stages closed, nonces, own shares, no message yet, hash.
        assert_eq!(bytes.len(), 5 + 32 + 1 + 1 + 4 + nonces + own + 4 + 32);
        for seed in &seeds {
            assert!(!bytes.windows(32).any(|window| window == seed));
        }
        let key = fixtures.key(party.role()).secret_bytes();
        assert!(!bytes.windows(32).any(|window| window == key));
    }
}

#[test]
fn what_was_changed_or_belongs_elsewhere_is_not_taken() {
    let (terms, all) = contract(Template::Hardened);
    let mut stored = BTreeMap::new();
    drop(exchange(all, |party| {
        // The last state of each, with every stage closed.
        stored.insert(party.role(), party.to_bytes());
        party
    }));
    let bytes = &stored[&Role::Worker];
    let read = |bytes: &[u8]| Signing::<Terms>::from_bytes(terms.clone(), bytes).map(drop);
    assert_eq!(read(bytes), Ok(()));
    for at in (37..bytes.len()).step_by(211) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(read(&bytes), Err(RestoreError::Damaged), "byte {at}");
    }
    for len in [0, 4, 5, 36, 37, 70, bytes.len() - 1] {
        assert!(read(&bytes[..len]).is_err(), "{len} bytes");
    }
    // With a hash that fits what was changed: a false share of a closed stage, another number of stages, a nonce that is
    // no point, a party twice.
    let forged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut body = bytes[..bytes.len() - 32].to_vec();
        change(&mut body);
        body.extend(tagged_hash_parts("narthex/signing", &[&body]));
        read(&body)
    };
    assert_eq!(forged(&|_| ()), Ok(()));
    let last = bytes.len() - 33;
    for change in [
        (&|b: &mut Vec<u8>| b[last] ^= 1) as &dyn Fn(&mut Vec<u8>),
        &|b| b[38] = 9,
        &|b| b[48..81].fill(5),
        &|b| b[43] = 1,
        &|b| b[37] = 14,
    ] {
        assert_eq!(forged(change), Err(RestoreError::Damaged));
    }
    let other = Fixtures::example(Template::Hardened, 3, 2, 501, [7; 32]).unwrap();
    let other = Arc::new(other.terms().unwrap());
    assert_eq!(
        Signing::<Terms>::from_bytes(other, bytes).map(drop),
        Err(RestoreError::OtherContract)
    );
}

/// Numbers that are the same in every version of every library, for golden bytes alone.
struct Counted(u64);

impl CryptoRng for Counted {}

impl RngCore for Counted {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_be_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for part in out.chunks_mut(32) {
            self.0 += 1;
            let block = sha256::Hash::hash(&self.0.to_be_bytes());
            part.copy_from_slice(&block.as_byte_array()[..part.len()]);
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

/// What stored ceremonies look like: of an agreed ending whole, of a contract by length and hash, before the first message and
/// with every stage closed. `NARTHEX_BLESS=1` writes the file anew; ceremonies that were stored before are then lost.
#[test]
fn golden_stored_ceremonies() {
    let (_, endings) = ending_parties_with(&mut Counted(0));
    let whole = endings.iter().map(|party| {
        let bytes = party.to_bytes();
        serde_json::json!({ "party": party.me().to_string(), "bytes": bytes.to_lower_hex_string() })
    });
    let whole: Vec<_> = whole.collect();
    let (fixtures, terms) = fixtures(Template::Hardened);
    let all = signed(fixtures.parties(&terms).unwrap(), &mut Counted(1 << 32));
    let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
    drop(exchange(all, |party| {
        let bytes = party.to_bytes();
        let seen = serde_json::json!({
            "length": bytes.len(),
            "sha256": sha256::Hash::hash(&bytes).to_string(),
        });
        first
            .entry(party.role().to_string())
            .or_insert(seen.clone());
        last.insert(party.role().to_string(), seen);
        party
    }));
    let found = serde_json::json!({
        "ending": whole,
        "contract": { "signed": first, "closed": last },
    });
    golden_json::holds("signing.json", &found);
}
