//! Contracts made up from a seed: for tests, benchmarks, drawings and simulations. Keys follow from the seed and
//! are worth nothing; coins are made up too unless the caller brings real ones.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Txid,
    hashes::{Hash, sha256},
    secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey},
};
use narthex_game_model::{Layout, Params, ParamsRecord, game::Economics};

use crate::{
    attest::{Announcement, AttestationNonce, CaseContext},
    hash::tagged_hash,
    role::Role,
    setup::{Grounds, Secrets},
    terms::{
        ArbiterRecord, Change, Coin, Contribution, FeeRate, PaperRecord, PartyRecord, SecretPoint,
        Terms, TermsError, TermsRecord, stake_coin_script,
    },
};

/// All secret keys of a made-up contract.
pub struct Cast {
    seed: [u8; 32],
    params: Params,
}

impl Cast {
    /// The parties of a contract with these parameters.
    pub fn new(params: Params, seed: [u8; 32]) -> Cast {
        Cast { seed, params }
    }

    /// Example parameters with a panel of `k` of `n`, for delivery up to `deliver_height`.
    pub fn example(
        layout: Layout,
        n: u8,
        k: u8,
        deliver_height: u32,
        seed: [u8; 32],
    ) -> Result<Cast, TermsError> {
        let record = match layout {
            Layout::Hardened => ParamsRecord::example(n, k, deliver_height),
            Layout::Paper => ParamsRecord::paper_example(n, k, deliver_height),
        };
        Ok(Cast::new(Params::new(record)?, seed))
    }

    /// The parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// A party's contract key.
    pub fn key(&self, role: Role) -> SecretKey {
        self.secret("key", role.index() as u8)
    }

    /// An arbiter's identity key.
    pub fn identity(&self, arbiter: u8) -> SecretKey {
        self.secret("identity", arbiter)
    }

    /// The worker's result secret.
    pub fn result(&self) -> SecretKey {
        self.secret("result", 0)
    }

    /// The worker's appeal secret (`paper` layout).
    pub fn appeal(&self) -> SecretKey {
        self.secret("appeal", 0)
    }

    /// The panel's shared secret (`paper` layout).
    pub fn panel(&self) -> SecretKey {
        self.secret("panel", 0)
    }

    /// What the worker knows.
    pub fn worker_secrets(&self) -> Secrets {
        Secrets {
            result: Some(self.result()),
            appeal: Some(self.appeal()),
            ..Secrets::default()
        }
    }

    /// An arbiter's nonce for this contract.
    pub fn nonce(&self, arbiter: u8) -> Option<AttestationNonce> {
        AttestationNonce::derive(&self.identity(arbiter), &self.context(arbiter))
    }

    /// Terms with made-up coins of exactly fitting value.
    pub fn terms(&self) -> Result<Terms, TermsError> {
        let rate = FeeRate(500);
        let funding =
            Role::all(self.params.arbiters()).map(|role| Ok((role, self.made_up_funding(role)?)));
        let payouts = Role::all(self.params.arbiters())
            .map(|role| (role, self.made_up_script("payout", role)));
        self.terms_with(
            funding.collect::<Result<_, TermsError>>()?,
            payouts.collect(),
            rate,
        )
    }

    /// Terms with these coins and payout scripts, both by role.
    pub fn terms_with(
        &self,
        mut funding: BTreeMap<Role, Contribution>,
        payouts: BTreeMap<Role, ScriptBuf>,
        rate: FeeRate,
    ) -> Result<Terms, TermsError> {
        let secp = Secp256k1::new();
        let hash = self.params.hash();
        let worker = self.public(Role::Worker);
        let payout = |role: Role| payouts.get(&role).cloned().unwrap_or_default();
        let mut party = |role: Role| PartyRecord {
            key: self.public(role),
            salt: self.salt(role),
            payout: payout(role),
            funding: funding.remove(&role).unwrap_or_default(),
        };
        let (client, w, verifier) = (
            party(Role::Client),
            party(Role::Worker),
            party(Role::Verifier),
        );
        let arbiters = (0..self.params.arbiters())
            .map(|i| {
                let PartyRecord {
                    key,
                    salt,
                    payout,
                    funding,
                } = party(Role::Arbiter(i));
                let nonce = self
                    .nonce(i)
                    .ok_or(TermsError::DegenerateRuling { arbiter: i })?;
                let identity = Keypair::from_secret_key(&secp, &self.identity(i));
                let announcement = Announcement::new(&secp, &identity, &nonce, &self.context(i));
                Ok(ArbiterRecord {
                    key,
                    salt,
                    payout,
                    funding,
                    announcement,
                })
            })
            .collect::<Result<Vec<_>, TermsError>>()?;
        let paper = (self.params.layout() == Layout::Paper).then(|| PaperRecord {
            appeal: SecretPoint::appeal(&secp, &self.appeal(), &worker, &hash),
            panel: PublicKey::from_secret_key(&secp, &self.panel()),
        });
        Terms::new(TermsRecord {
            params: self.params.record().clone(),
            client,
            worker: w,
            verifier,
            arbiters,
            job: sha256::Hash::hash(b"made-up job"),
            sample_nonce: sha256::Hash::hash(b"made-up nonce"),
            result: SecretPoint::result(&secp, &self.result(), &worker, &hash),
            paper,
            funding_rate_sat_per_kwu: rate,
        })
    }

    /// Every party, ready to set up; on the grounds that honest play pays with the example's figures, or in the
    /// paper's layout, where it never does, of research.
    pub fn parties(
        &self,
        terms: &Arc<Terms>,
    ) -> Result<Vec<crate::setup::Party>, crate::setup::SetupError> {
        let grounds = Cast::grounds(terms);
        terms
            .roles()
            .map(|role| crate::setup::Party::new(terms.clone(), role, &self.key(role), &grounds))
            .collect()
    }

    /// The grounds of [`Self::parties`].
    pub fn grounds(terms: &Terms) -> Grounds {
        Grounds::of(terms, &Economics::example()).unwrap_or(Grounds::Research)
    }

    fn public(&self, role: Role) -> PublicKey {
        PublicKey::from_secret_key(&Secp256k1::signing_only(), &self.key(role))
    }

    fn context(&self, arbiter: u8) -> CaseContext {
        let [c, w, v] = Role::PRINCIPALS.map(|role| self.public(role));
        CaseContext::new(
            &self.params.hash(),
            [&c, &w, &v],
            &self.public(Role::Arbiter(arbiter)),
            self.salt(Role::Arbiter(arbiter)).as_byte_array(),
        )
    }

    fn salt(&self, role: Role) -> sha256::Hash {
        sha256::Hash::from_byte_array(tagged_hash(
            "narthex/sample-salt",
            &[&self.seed, &[role.index() as u8]],
        ))
    }

    fn secret(&self, what: &str, index: u8) -> SecretKey {
        // A hash is no valid key once in 2¹²⁸ seeds; then the next counter's is.
        let mut counter = 0u64;
        loop {
            let parts: [&[u8]; 4] = [
                &self.seed,
                what.as_bytes(),
                &[index],
                &counter.to_be_bytes(),
            ];
            match SecretKey::from_slice(&tagged_hash("narthex/sample", &parts)) {
                Ok(key) => return key,
                Err(_) => counter += 1,
            }
        }
    }

    fn made_up_script(&self, what: &str, role: Role) -> ScriptBuf {
        let key = self
            .secret(what, role.index() as u8)
            .x_only_public_key(&Secp256k1::signing_only())
            .0;
        ScriptBuf::new_p2tr_tweaked(bitcoin::key::TweakedPublicKey::dangerous_assume_tweaked(
            key,
        ))
    }

    fn made_up_funding(&self, role: Role) -> Result<Contribution, TermsError> {
        let (paper, arbiter) = (
            self.params.layout() == Layout::Paper,
            matches!(role, Role::Arbiter(_)),
        );
        let txid = Txid::from_byte_array(tagged_hash(
            "narthex/sample-coin",
            &[&self.seed, &[role.index() as u8]],
        ));
        let coin = |value_sat, script| Coin {
            outpoint: OutPoint { txid, vout: 0 },
            value_sat,
            script,
        };
        if paper && arbiter {
            let script = stake_coin_script(role, self.public(role))?;
            return Ok(Contribution {
                coins: vec![coin(self.params.arbiter_stake(), script)],
                change: None,
            });
        }
        let change = Amount::from_sat(50_000);
        let fee = Amount::from_sat(500);
        let deposit = crate::terms::deposit(&self.params, role);
        let value = deposit
            .checked_add(change)
            .and_then(|v| v.checked_add(fee))
            .unwrap_or(Amount::MAX_MONEY);
        Ok(Contribution {
            coins: vec![coin(value, self.made_up_script("coin", role))],
            change: Some(Change {
                value_sat: change,
                script: self.made_up_script("change", role),
            }),
        })
    }
}
