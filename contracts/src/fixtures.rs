//! Contracts made up from a seed: for tests, benchmarks, drawings and simulations. Keys follow from the seed and
//! are worth nothing; coins are made up too unless the caller brings real ones.

use narthex_base::{node::AskedNode, tagged::tagged_hash_parts};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    absolute::LockTime,
    hashes::{Hash, sha256},
    secp256k1::{
        Keypair, PublicKey, Secp256k1, SecretKey,
        rand::{self, CryptoRng, RngCore},
    },
    transaction::Version,
};
use narthex_game_model::{
    AcceptedJob, JobMisfit, Params, ParamsRecord, Ruling, Template,
    computation::{JobSpec, StepError, StepNeeds, StepProgram},
    game::Economics,
};

use crate::{
    attest::{Announcement, Attestation, AttestationNonce, BoundRuling, RulingError},
    binding::{FreshSalt, MemoryBindings},
    setup::{Party, Secrets},
    template::{ContractSecret, HostOutputs, PartyError, host_outputs},
    terms::{
        AcceptancePolicy, ArbiterRecord, Assembly, BoundDraft, BoundTerms, Change, Coin,
        Contribution, FeeRate, Host, PaperRecord, Part, PartyRecord, Proposal, Role, SecretPoint,
        Terms, TermsDraft, TermsError, TermsRecord, UnplacedDraft, stake_coin_script,
    },
};

/// All secret keys of a made-up contract, and what its parties have bound: they sign its terms once, as all others do.
pub struct Fixtures {
    seed: [u8; 32],
    params: Params,
    attempt: u32,
    /// One record for all of them, whose salts differ.
    bindings: Mutex<MemoryBindings>,
}

impl Fixtures {
    /// The parties of a contract with these parameters.
    pub fn new(params: Params, seed: [u8; 32]) -> Fixtures {
        Fixtures {
            seed,
            params,
            attempt: 0,
            bindings: Mutex::default(),
        }
    }

    /// Lets everybody draw a new salt, as after a ceremony that failed: terms made from now on are others.
    pub fn next_attempt(&mut self) {
        self.attempt += 1;
    }

    /// Example parameters with a panel of `k` of `n`, for delivery up to `deliver_height`.
    pub fn example(
        template: Template,
        n: u8,
        k: u8,
        deliver_height: u32,
        seed: [u8; 32],
    ) -> Result<Fixtures, TermsError> {
        let record = ParamsRecord::example_of(template, n, k, deliver_height);
        Ok(Fixtures::new(Params::new(record)?, seed))
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

    /// The worker's token.
    pub fn token(&self) -> SecretKey {
        self.secret("token", 0)
    }

    /// The worker's appeal secret (`paper` template).
    pub fn appeal(&self) -> SecretKey {
        self.secret("appeal", 0)
    }

    /// The panel's shared secret (`paper` template).
    pub fn panel(&self) -> SecretKey {
        self.secret("panel", 0)
    }

    /// What the worker knows.
    pub fn worker_secrets(&self) -> Secrets {
        Secrets::default()
            .with(ContractSecret::Result, self.result())
            .with(ContractSecret::Appeal, self.appeal())
    }

    /// An arbiter's nonce for a contract.
    pub fn nonce(&self, arbiter: u8, contract_id: &[u8; 32]) -> Option<AttestationNonce> {
        AttestationNonce::derive(&self.identity(arbiter), contract_id)
    }

    /// What an arbiter attests that keeps no record of its rulings ([`attest_without_record`]).
    ///
    /// # Errors
    /// Those of [`AttestationNonce::attest`].
    pub fn attestation(
        &self,
        arbiter: u8,
        contract_id: &[u8; 32],
        ruling: Ruling,
    ) -> Result<Attestation, RulingError> {
        let nonce = self.nonce(arbiter, contract_id);
        let nonce = nonce.ok_or(RulingError::Degenerate)?;
        attest_without_record(nonce, contract_id, &self.identity(arbiter), arbiter, ruling)
    }

    /// The job, accepted under the parameters.
    ///
    /// # Errors
    /// None: it takes as little as any parameters allow.
    pub fn job(&self) -> Result<AcceptedJob, JobMisfit> {
        self.params.accepts(&self.job_spec(), &MadeUpProgram, 0)
    }

    fn job_spec(&self) -> JobSpec {
        JobSpec {
            program: MadeUpProgram.id(),
            input_root: tagged_hash_parts("narthex/sample-input", &[&self.seed]),
            steps: self.params.steps(),
            output_bytes: MadeUpProgram.output_bytes() as u64,
        }
    }

    /// What an arbiter announces for a contract, whether it has bound itself to it or not.
    pub fn announcement(
        &self,
        arbiter: u8,
        contract_id: &[u8; 32],
    ) -> Result<Announcement, TermsError> {
        let nonce = self
            .nonce(arbiter, contract_id)
            .ok_or(TermsError::DegenerateRuling { arbiter })?;
        let secp = Secp256k1::new();
        let identity = Keypair::from_secret_key(&secp, &self.identity(arbiter));
        Ok(Announcement::new(&secp, &identity, &nonce))
    }

    /// What everybody on the panel announces for a contract.
    pub fn announcements(&self, contract_id: &[u8; 32]) -> Result<Vec<Announcement>, TermsError> {
        (0..self.params.arbiters())
            .map(|i| self.announcement(i, contract_id))
            .collect()
    }

    /// Terms with made-up coins of exactly fitting value.
    pub fn terms(&self) -> Result<Terms, TermsError> {
        let rate = FeeRate::from_sat_per_kwu(500);
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
        funding: BTreeMap<Role, Contribution>,
        payouts: BTreeMap<Role, ScriptBuf>,
        rate: FeeRate,
    ) -> Result<Terms, TermsError> {
        self.announced(self.record_with(funding, payouts, rate)?)
    }

    /// Terms of this record, with everybody's announcements for it.
    pub fn announced(&self, record: TermsRecord) -> Result<Terms, TermsError> {
        let draft = TermsDraft::new(record)?;
        let announcements = self.announcements(draft.contract_id())?;
        Terms::new(draft.record().clone(), announcements)
    }

    fn record_with(
        &self,
        mut funding: BTreeMap<Role, Contribution>,
        payouts: BTreeMap<Role, ScriptBuf>,
        rate: FeeRate,
    ) -> Result<TermsRecord, TermsError> {
        let secp = Secp256k1::new();
        let hash = self.params.hash();
        let worker = self.public(Role::Worker);
        let payout = |role: Role| payouts.get(&role).cloned().unwrap_or_default();
        let mut party = |role: Role| PartyRecord {
            key: self.public(role),
            salt: self.salt(role).value(),
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
                ArbiterRecord {
                    key,
                    salt,
                    payout,
                    funding,
                    identity: self.identity(i).x_only_public_key(&secp).0,
                }
            })
            .collect();
        let paper = (self.params.template() == Template::Paper).then(|| PaperRecord {
            appeal: SecretPoint::appeal(&secp, &self.appeal(), &worker, &hash),
            panel: PublicKey::from_secret_key(&secp, &self.panel()),
        });
        Ok(TermsRecord {
            params: self.params.record().clone(),
            client,
            worker: w,
            verifier,
            arbiters,
            job: sha256::Hash::from_byte_array(self.job_spec().id()),
            sample_nonce: sha256::Hash::hash(b"made-up nonce"),
            result: SecretPoint::result(&secp, &self.result(), &worker, &hash),
            token: self
                .params
                .template()
                .has_delivery()
                .then(|| SecretPoint::token(&secp, &self.token(), &worker, &hash)),
            paper,
            funding_rate_sat_per_kwu: rate,
            host: None,
        })
    }

    /// Terms like those of [`Fixtures::terms`], of a contract that another transaction is to host.
    ///
    /// # Errors
    /// None, for parameters that have terms.
    pub fn unplaced(&self) -> Result<UnplacedDraft, TermsError> {
        let mut record = self.terms()?.record().clone();
        let delivers = self.params.template().has_delivery();
        record.client.funding = Contribution::default();
        record.verifier.funding = Contribution::default();
        record.worker.funding.coins.clear();
        if delivers {
            for arbiter in &mut record.arbiters {
                arbiter.funding = Contribution::default();
            }
        } else {
            record.worker.funding.change = None;
        }
        UnplacedDraft::new(record)
    }

    /// A transaction that spends these coins and hosts a contract among other outputs, unsigned.
    pub fn host(
        outputs: &HostOutputs,
        coins: impl IntoIterator<Item = OutPoint>,
        others: &[TxOut],
    ) -> (Transaction, Host) {
        let mut output = others.to_vec();
        let mut put = |out: &TxOut| {
            output.push(out.clone());
            output.len() as u32 - 1
        };
        // Not in the order in which the contract names them.
        let root_coin = outputs.root_coin.as_ref().map(&mut put);
        let stakes = outputs.stakes.iter().rev().map(&mut put);
        let mut stakes = stakes.collect::<Vec<_>>();
        stakes.reverse();
        let contract = put(&outputs.contract);
        let input = coins.into_iter().map(|previous_output| TxIn {
            previous_output,
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            ..TxIn::default()
        });
        let tx = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: input.collect(),
            output,
        };
        let host = Host {
            txid: tx.compute_txid(),
            contract,
            stakes,
            root_coin,
        };
        (tx, host)
    }

    /// The terms of [`Fixtures::unplaced`] at this place, with everybody's announcements.
    ///
    /// # Errors
    /// [`TermsError::Host`] for a place that cannot be one.
    pub fn placed(&self, draft: UnplacedDraft, host: Host) -> Result<Terms, TermsError> {
        self.announced(draft.place(host)?.record().clone())
    }

    /// A made-up contract on outputs of a transaction that is made up as well.
    ///
    /// # Errors
    /// Those of [`Fixtures::unplaced`].
    pub fn hosted(&self) -> Result<(Terms, Transaction), PartyError> {
        let draft = self.unplaced()?;
        let outputs = host_outputs(&draft)?;
        let txid = tagged_hash_parts("narthex/sample-coin", &[&self.seed, b"host"]);
        let coin = OutPoint {
            txid: Txid::from_byte_array(txid),
            vout: 0,
        };
        let balance = TxOut {
            value: Amount::from_sat(77_000),
            script_pubkey: self.made_up_script("balance", Role::Client),
        };
        let (tx, host) = Fixtures::host(&outputs, [coin], &[balance]);
        Ok((self.placed(draft, host)?, tx))
    }

    /// What a party proposed, as these terms have it, but for its salt, which is its own for the present attempt.
    pub fn proposal(&self, role: Role, draft: &TermsDraft) -> Result<Proposal, TermsError> {
        let record = draft.record();
        let stranger = TermsError::NoSuchParty { role };
        let (key, payout, funding) = (draft.key(role), draft.payout(role), record.funding(role));
        Ok(Proposal {
            role,
            key: key.ok_or(stranger.clone())?,
            salt: self.salt(role),
            payout: payout.ok_or(stranger.clone())?.clone(),
            funding: funding.ok_or(stranger)?.clone(),
            params_hash: self.params.hash(),
            job: self.job()?,
            funding_rate: record.funding_rate_sat_per_kwu,
            identity: match role {
                Role::Arbiter(i) => draft.identity(i).copied(),
                _ => None,
            },
            result: Some(record.result.point),
            token: draft.token_point(),
            appeal: record.paper.as_ref().map(|paper| paper.appeal.point),
            sample_nonce: Some(record.sample_nonce),
        })
    }

    /// What everybody sends for these terms, put together.
    ///
    /// # Errors
    /// None, for parties of these terms.
    pub fn assembly(&self, draft: &TermsDraft) -> Result<Assembly, TermsError> {
        let record = draft.record();
        let part = |role| {
            let Proposal {
                key,
                salt,
                payout,
                funding,
                identity,
                ..
            } = self.proposal(role, draft)?;
            let works = role == Role::Worker;
            Ok(Part {
                role,
                record: PartyRecord {
                    key,
                    salt: salt.value(),
                    payout,
                    funding,
                },
                identity,
                result: works.then_some(record.result),
                token: record.token.filter(|_| works),
                appeal: (record.paper.as_ref()).map(|p| p.appeal).filter(|_| works),
                sample_nonce: (role == Role::Verifier).then_some(record.sample_nonce),
            })
        };
        Ok(Assembly {
            params_hash: self.params.hash(),
            job: record.job,
            funding_rate: record.funding_rate_sat_per_kwu,
            panel: record.paper.as_ref().map(|paper| paper.panel),
            parts: draft.roles().map(part).collect::<Result<_, TermsError>>()?,
        })
    }

    /// These terms, bound to the salt of one of the parties.
    ///
    /// # Errors
    /// [`TermsError::Bind`] if the party has bound its salt of this attempt already.
    pub fn bound(&self, role: Role, terms: &Terms) -> Result<BoundTerms, TermsError> {
        let proposal = self.proposal(role, terms)?;
        let mut store = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bound: BoundDraft = terms.draft().clone().bind(proposal, &mut *store)?;
        if let Role::Arbiter(i) = role {
            let secp = Secp256k1::new();
            bound.announce(&secp, &Keypair::from_secret_key(&secp, &self.identity(i)))?;
        }
        bound.complete(terms.announcements().to_vec())
    }

    /// Every party, ready to set up; because honest play pays with the example's figures, or in the
    /// paper's template, where it never does, of research. Once for each attempt: see [`Fixtures::next_attempt`].
    pub fn parties(&self, terms: &Terms) -> Result<Vec<Party<Terms>>, PartyError> {
        let policy = Fixtures::policy(terms);
        terms
            .roles()
            .map(|role| {
                let bound = self.bound(role, terms)?;
                Party::new(bound, &self.key(role), &policy)
            })
            .collect()
    }

    /// As [`Fixtures::parties`], of a contract that this transaction hosts.
    ///
    /// # Errors
    /// Those of [`Party::hosted`].
    pub fn hosted_parties(
        &self,
        terms: &Terms,
        host: &Transaction,
    ) -> Result<Vec<Party<Terms>>, PartyError> {
        let policy = Fixtures::policy(terms);
        terms
            .roles()
            .map(|role| {
                let bound = self.bound(role, terms)?;
                Party::hosted(bound, &self.key(role), &policy, host)
            })
            .collect()
    }

    /// The policy of [`Self::parties`].
    pub fn policy(terms: &TermsDraft) -> AcceptancePolicy {
        AcceptancePolicy::of(terms, &Economics::example()).unwrap_or(AcceptancePolicy::Research)
    }

    fn public(&self, role: Role) -> PublicKey {
        PublicKey::from_secret_key(&Secp256k1::signing_only(), &self.key(role))
    }

    fn salt(&self, role: Role) -> FreshSalt {
        FreshSalt::draw(&mut Seeded {
            seed: self.seed,
            role,
            attempt: self.attempt,
            counter: 0,
        })
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
            match SecretKey::from_slice(&tagged_hash_parts("narthex/sample", &parts)) {
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
            self.params.template() == Template::Paper,
            matches!(role, Role::Arbiter(_)),
        );
        let txid = Txid::from_byte_array(tagged_hash_parts(
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

/// Attests as an arbiter does that begins a new record each time: it rules as often and as differently as it is asked.
/// With the second ruling of a case anybody has its key ([`crate::attest::extract_identity_key`]). For cheats that are
/// played, and for tests.
///
/// # Errors
/// Those of [`AttestationNonce::attest`].
pub fn attest_without_record(
    nonce: AttestationNonce,
    contract_id: &[u8; 32],
    identity: &SecretKey,
    arbiter: u8,
    ruling: Ruling,
) -> Result<Attestation, RulingError> {
    let secp = Secp256k1::new();
    let name = identity.x_only_public_key(&secp).0;
    let bound = BoundRuling::bind(contract_id, &name, ruling, &mut MemoryBindings::default())?;
    nonce.attest(&secp, identity, arbiter, bound)
}

/// A node that nobody asked: for contracts that are made up, and for nothing else.
#[derive(Debug, Clone, Copy)]
pub struct MadeUpNode;

impl AskedNode for MadeUpNode {}

/// A program that nobody runs, and that takes as little as any parameters allow.
#[derive(Debug, Clone, Copy)]
pub struct MadeUpProgram;

impl StepProgram for MadeUpProgram {
    fn id(&self) -> [u8; 32] {
        tagged_hash_parts("narthex/sample-program", &[])
    }

    fn output_bytes(&self) -> usize {
        1
    }

    fn needs(&self) -> StepNeeds {
        StepNeeds {
            fuel: 1,
            units: 1,
            memory_bytes: 0,
            program_bytes: 0,
        }
    }

    /// As much as its one byte can have: the job is made up, and contracts with a token take no other.
    fn entropy_bits(&self) -> u32 {
        8
    }

    fn run(&self, record: &[u8]) -> Result<Vec<u8>, StepError> {
        let bytes = record.len();
        Err(StepError::RecordDoesNotFit { bytes })
    }
}

/// A source of salts that repeats, the same in every version of every library: for contracts that are made up, and for
/// nothing else.
struct Seeded {
    seed: [u8; 32],
    role: Role,
    attempt: u32,
    counter: u64,
}

impl Seeded {
    fn block(&mut self) -> [u8; 32] {
        self.counter += 1;
        let place = [
            self.attempt.to_be_bytes(),
            (self.role.index() as u32).to_be_bytes(),
        ];
        let parts: [&[u8]; 3] = [&self.seed, &place.concat(), &self.counter.to_be_bytes()];
        tagged_hash_parts("narthex/sample-salt", &parts)
    }
}

impl CryptoRng for Seeded {}

impl RngCore for Seeded {
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
            part.copy_from_slice(&self.block()[..part.len()]);
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}
