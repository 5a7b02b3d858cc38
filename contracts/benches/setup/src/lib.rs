//! The floor of those who call the C library themselves: a context of one's own, randomised once, where the safe
//! interface renews the randomness after each operation on a secret. For measurements only: keys are made up.
//!
//! Only nonce generation and partial signatures differ. Everything else works on public data and is the same call
//! without any re-randomisation in both, so it is left to the safe types.

use std::{hint::black_box, mem::MaybeUninit, time::Instant};

use narthex::bench::{Floor, Seconds, Work};
use rayon::prelude::*;
use secp256k1_musig::{
    All, Keypair, PublicKey, Secp256k1, SecretKey,
    ffi::{self, CPtr},
    musig::{
        AggregatedNonce, KeyAggCache, PartialSignature, PublicNonce, Session, SessionSecretRand,
        new_nonce_pair,
    },
    schnorr,
};

/// Public nonces that are parsed by turns.
const POOL: usize = 512;

/// The message of every operation.
const MESSAGE: [u8; 32] = [7; 32];

/// Bare calls on a context of one's own.
pub struct RawFloor {
    context: Secp256k1<All>,
    secret: [u8; 32],
    keypair: Keypair,
    public: PublicKey,
    /// By number of signers, less one.
    caches: Vec<KeyAggCache>,
    share: PartialSignature,
    pool: Vec<[u8; 66]>,
    own: PublicNonce,
    signature: schnorr::Signature,
}

impl RawFloor {
    /// Prepares key sets of up to `signers` members; `None` is unreachable for the keys it makes up.
    pub fn new(signers: usize) -> Option<RawFloor> {
        let secret = |i: usize| {
            let mut bytes = [1; 32];
            bytes[31] = i as u8;
            SecretKey::from_secret_bytes(bytes).ok()
        };
        let secrets = (1..=signers).map(secret).collect::<Option<Vec<_>>>()?;
        let publics = secrets
            .iter()
            .map(PublicKey::from_secret_key)
            .collect::<Vec<_>>();
        let secret = secrets.first()?;
        let keypair = Keypair::from_secret_key(secret);
        let pool = (0..POOL)
            .map(|i| {
                let seed = SessionSecretRand::assume_uniformly_random(seed(i));
                new_nonce_pair(seed, None, Some(*secret), keypair.public_key(), None, None).1
            })
            .collect::<Vec<_>>();
        Some(RawFloor {
            context: Secp256k1::new(),
            secret: secret.to_secret_bytes(),
            public: keypair.public_key(),
            caches: (1..=signers)
                .map(|n| KeyAggCache::new(&publics.iter().take(n).collect::<Vec<_>>()))
                .collect(),
            share: PartialSignature::from_byte_array(&secret.to_secret_bytes()).ok()?,
            own: *pool.first()?,
            pool: pool.iter().map(PublicNonce::serialize).collect(),
            signature: keypair.sign_schnorr(&MESSAGE),
            keypair,
        })
    }

    fn cache(&self, work: &Work) -> Option<&KeyAggCache> {
        self.caches.get(work.signers.checked_sub(1)?)
    }

    fn nonce(&self, i: usize, cache: &KeyAggCache) -> ffi::MusigSecNonce {
        let mut seed = seed(i);
        let (mut secret, mut public) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: every pointer is to a live value of the type that the C header asks for. The call fails only
        // for a seed of zeros, and then still fills in both outputs; this seed has other bytes.
        unsafe {
            ffi::secp256k1_musig_nonce_gen(
                self.context.ctx().as_ptr(),
                secret.as_mut_ptr(),
                public.as_mut_ptr(),
                seed.as_mut_ptr(),
                self.secret.as_ptr(),
                self.public.as_c_ptr(),
                MESSAGE.as_ptr(),
                cache.as_ptr(),
                std::ptr::null(),
            );
            black_box(public.assume_init());
            secret.assume_init()
        }
    }

    fn sign(&self, mut nonce: ffi::MusigSecNonce, cache: &KeyAggCache, session: &Session) {
        let mut share = MaybeUninit::<ffi::MusigPartialSignature>::uninit();
        // SAFETY: as above. The nonce was made for this key by the call above and is used once.
        unsafe {
            ffi::secp256k1_musig_partial_sign(
                self.context.ctx().as_ptr(),
                share.as_mut_ptr(),
                &mut nonce,
                self.keypair.as_c_ptr(),
                cache.as_ptr(),
                session.as_ptr(),
            );
            black_box(share.assume_init());
        }
    }

    fn open(&self, i: usize, work: &Work) -> Option<Session> {
        let peers = work.signers - usize::from(work.signs);
        let mut nonces = (0..peers)
            .map(|j| PublicNonce::from_byte_array(&self.pool[(i * 31 + j) % POOL]).ok())
            .collect::<Option<Vec<_>>>()?;
        nonces.extend(work.signs.then_some(self.own));
        let sum = AggregatedNonce::new(&nonces.iter().collect::<Vec<_>>());
        Some(Session::new(self.cache(work)?, sum, &MESSAGE))
    }

    fn verify(&self, session: &Session, work: &Work) -> bool {
        black_box(session.partial_sig_agg(&vec![&self.share; work.signers]));
        let key = self.keypair.x_only_public_key().0;
        schnorr::verify(&self.signature, &MESSAGE, &key).is_ok()
    }
}

/// A seed of this number, never zeros.
fn seed(i: usize) -> [u8; 32] {
    let mut seed = [9; 32];
    seed[24..].copy_from_slice(&(i as u64).to_be_bytes());
    seed
}

impl Floor for RawFloor {
    fn run(&self, work: &[Work]) -> Seconds {
        let start = Instant::now();
        let secrets = work
            .par_iter()
            .enumerate()
            .map(|(i, work)| {
                let cache = self.cache(work).filter(|_| work.signs)?;
                Some(self.nonce(i, cache))
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
                if let (Some(secret), Some(cache)) = (secret, self.cache(work)) {
                    self.sign(secret, cache, &session);
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
            .filter(|(work, session)| session.as_ref().is_some_and(|s| self.verify(s, work)))
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
