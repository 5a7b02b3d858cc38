//! The bare operations through the safe interface of the `secp256k1` crate.

use std::{hint::black_box, time::Instant};

use anyhow::Context;
use rayon::prelude::*;
use secp256k1_musig::{
    Keypair, PublicKey, SecretKey,
    musig::{
        AggregatedNonce, KeyAggCache, PartialSignature, PublicNonce, SecretNonce, Session,
        SessionSecretRand, new_nonce_pair,
    },
    schnorr,
};

use super::Seconds;

/// One signature from one party's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// How many sign it.
    pub signers: usize,
    /// Whether the party is one of them: it makes a nonce pair and a share.
    pub signs: bool,
    /// Whether it adds the shares up and checks the sum.
    pub verifies: bool,
}

/// Something that does the bare operations of a party's share of a set-up.
pub trait Floor {
    /// Seconds by phase; nothing for deriving.
    fn run(&self, work: &[Work]) -> Seconds;
}

/// Public nonces that are parsed by turns, so that no branch predictor knows them by heart.
const POOL: usize = 512;

/// The message of every operation. They take the same time for any.
const MESSAGE: [u8; 32] = [7; 32];

/// The floor of those who write no unsafe code.
pub struct SafeFloor {
    keypair: Keypair,
    /// By number of signers, less one.
    groups: Vec<Group>,
    pool: Vec<[u8; 66]>,
    own: PublicNonce,
    signature: schnorr::Signature,
}

struct Group {
    cache: KeyAggCache,
    shares: Vec<PartialSignature>,
}

impl SafeFloor {
    /// Prepares key sets of up to `signers` members. None of this is timed.
    pub fn new(signers: usize) -> anyhow::Result<SafeFloor> {
        let secret = |i: usize| {
            let mut bytes = [1u8; 32];
            bytes[24..].copy_from_slice(&(i as u64).to_be_bytes());
            SecretKey::from_secret_bytes(bytes).context("a small number is a secret key")
        };
        let secrets = (1..=signers.max(1))
            .map(secret)
            .collect::<Result<Vec<_>, _>>()?;
        let publics = secrets
            .iter()
            .map(PublicKey::from_secret_key)
            .collect::<Vec<_>>();
        let first = secrets.first().context("at least one signer")?;
        let keypair = Keypair::from_secret_key(first);
        let own = nonce(&keypair, None, 0).1;
        let share = first.to_secret_bytes();
        let share = PartialSignature::from_byte_array(&share).context("a secret key is a share")?;
        let groups = (1..=publics.len())
            .map(|n| Group {
                cache: KeyAggCache::new(&publics.iter().take(n).collect::<Vec<_>>()),
                shares: vec![share; n],
            })
            .collect();
        Ok(SafeFloor {
            groups,
            pool: (0..POOL)
                .map(|i| nonce(&keypair, None, i).1.serialize())
                .collect(),
            own,
            signature: keypair.sign_schnorr(&MESSAGE),
            keypair,
        })
    }

    fn group(&self, work: &Work) -> Option<&Group> {
        self.groups.get(work.signers.checked_sub(1)?)
    }

    fn open(&self, i: usize, work: &Work) -> Option<Session> {
        let group = self.group(work)?;
        // One's own public nonce is at hand without parsing.
        let peers = work.signers - usize::from(work.signs);
        let mut nonces = Vec::with_capacity(work.signers);
        for j in 0..peers {
            nonces.push(PublicNonce::from_byte_array(&self.pool[(i * 31 + j) % POOL]).ok()?);
        }
        nonces.extend(work.signs.then_some(self.own));
        let sum = AggregatedNonce::new(&nonces.iter().collect::<Vec<_>>());
        Some(Session::new(&group.cache, sum, &MESSAGE))
    }

    fn verify(&self, session: &Option<Session>, work: &Work) -> Option<bool> {
        let group = self.group(work)?;
        let shares = group.shares.iter().collect::<Vec<_>>();
        black_box(session.as_ref()?.partial_sig_agg(&shares));
        let key = self.keypair.x_only_public_key().0;
        Some(schnorr::verify(&self.signature, &MESSAGE, &key).is_ok())
    }
}

/// A nonce pair of this number.
fn nonce(keypair: &Keypair, cache: Option<&KeyAggCache>, i: usize) -> (SecretNonce, PublicNonce) {
    let mut seed = [9; 32];
    seed[24..].copy_from_slice(&(i as u64).to_be_bytes());
    let seed = SessionSecretRand::assume_uniformly_random(seed);
    let (secret, public) = (keypair.secret_key(), keypair.public_key());
    new_nonce_pair(seed, cache, Some(secret), public, Some(&MESSAGE), None)
}

impl Floor for SafeFloor {
    fn run(&self, work: &[Work]) -> Seconds {
        let start = Instant::now();
        let secrets = work
            .par_iter()
            .enumerate()
            .map(|(i, work)| {
                let cache = self.group(work).map(|group| &group.cache);
                work.signs.then(|| {
                    let (secret, public) = nonce(&self.keypair, cache, i);
                    black_box(public.serialize());
                    secret
                })
            })
            .collect::<Vec<_>>();
        let nonces = start.elapsed();
        let start = Instant::now();
        let sessions = work
            .par_iter()
            .zip(secrets)
            .enumerate()
            .map(|(i, (work, secret))| {
                let session = self.open(i, work)?;
                if let (Some(secret), Some(group)) = (secret, self.group(work)) {
                    let share = session.partial_sign(secret, &self.keypair, &group.cache);
                    black_box(share.serialize());
                }
                Some(session)
            })
            .collect::<Vec<_>>();
        let sign = start.elapsed();
        let start = Instant::now();
        let valid = work
            .par_iter()
            .zip(&sessions)
            .filter(|(work, _)| work.verifies)
            .filter_map(|(work, session)| self.verify(session, work))
            .filter(|valid| *valid)
            .count();
        black_box(valid);
        let verify = start.elapsed();
        [
            0.0,
            nonces.as_secs_f64(),
            sign.as_secs_f64(),
            verify.as_secs_f64(),
        ]
    }
}
