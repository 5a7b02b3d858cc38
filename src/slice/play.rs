//! A client and its providers around one slice after the other.

use std::collections::BTreeSet;

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::rngs::StdRng},
};
use narthex_channel::slice::{
    ClientInput, ClientMachine, ClientStart, ProviderInput, ProviderMachine, ProviderStart,
};
use narthex_contracts::{
    binding::FreshSalt,
    depth::Depth,
    setup::ceremony,
    slice::{
        ClientBook, Participants, Points, ProviderBook, ProviderKeys, Shares, SliceDealer,
        SliceRecord, SliceTerms,
    },
    terms::Contribution,
};
use narthex_regtest::Chain;

use super::SliceJob;
use crate::harness::{
    Harness, HarnessOptions, MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Outcome, Reporter,
    ScenarioError, Side, playable,
};

/// What providers wait for in a play: it leaves time for claims whatever the terms are.
const DEPTH: Depth = match Depth::new(3) {
    Ok(depth) => depth,
    Err(_) => Depth::LEAST,
};

/// Figures of gated slices.
#[derive(Debug, Clone)]
pub struct SliceOptions {
    /// n.
    pub providers: u8,
    /// m.
    pub quorum: u8,
    /// Slices of a stream.
    pub slices: u32,
    /// What each provider earns by a slice.
    pub price: Amount,
    /// Blocks for posts, if not all are in before.
    pub post_blocks: u16,
    /// d.
    pub refund_blocks: u16,
    /// How deep the funding must be before a provider releases shares and claims.
    pub depth: Depth,
    /// Fee rate and seed.
    pub common: HarnessOptions,
}

impl Default for SliceOptions {
    fn default() -> Self {
        SliceOptions {
            providers: 3,
            quorum: 2,
            slices: 3,
            price: Amount::from_sat(20_000),
            post_blocks: 6,
            refund_blocks: 24,
            depth: DEPTH,
            common: HarnessOptions::default(),
        }
    }
}

impl SliceOptions {
    /// Whether every scenario can be played with these figures. What terms refuse is left to them.
    pub(super) fn check_figures(&self) -> Result<(), ScenarioError> {
        let most = SliceJob::available()?;
        playable(
            "--slices",
            self.slices,
            1..=most,
            "of a text that has no more",
        )?;
        let blocks = self.refund_blocks.max(self.post_blocks);
        playable(
            "--refund-blocks or --post-blocks",
            blocks,
            0..=MOST_BLOCKS,
            MINED,
        )?;
        let (price, many) = (self.price.to_sat(), u64::from(self.slices));
        let all = price
            .saturating_mul(self.providers.into())
            .saturating_mul(many);
        playable(
            "prices of all providers and slices are in sat",
            all,
            0..=MOST_SAT,
            ONE_COIN,
        )?;
        Ok(())
    }
}

/// A client and its providers, on a chain, with the slice that is due. Each is a machine; its signer is the key beside it.
pub struct SlicePlay<'c> {
    pub(super) harness: Harness<'c>,
    pub(super) options: SliceOptions,
    pub(super) number: u32,
    pub(super) job: SliceJob,
    pub(super) slice: Slice,
    /// Claims on chain, of all slices.
    pub(super) claims: u32,
    /// Refunds on chain, of all slices.
    pub(super) refunds: u32,
    /// Different roots that were paid for in this slice.
    pub(super) roots: BTreeSet<[u8; 32]>,
    /// Providers that evidence convicts.
    pub(super) convicted: BTreeSet<String>,
}

/// The parties of one slice.
pub(super) struct Slice {
    pub(super) terms: SliceTerms,
    pub(super) client: Side<ClientMachine>,
    pub(super) providers: Vec<Provider>,
}

/// A provider's machine, and its signer.
pub(super) struct Provider {
    pub(super) side: Side<ProviderMachine>,
    pub(super) keys: ProviderKeys,
}

impl Provider {
    /// What its machine knows.
    pub(super) fn book(&self) -> Result<&ProviderBook, ScenarioError> {
        let book = self.side.machine().book();
        book.ok_or_else(|| ScenarioError::broken("a provider without signatures"))
    }
}

impl Slice {
    /// What the client's machine knows.
    pub(super) fn client(&self) -> Result<&ClientBook, ScenarioError> {
        let book = self.client.machine().book();
        book.ok_or_else(|| ScenarioError::broken("a client without signatures"))
    }

    pub(super) fn provider(&mut self, index: u8) -> Result<&mut Provider, ScenarioError> {
        let found = self.providers.get_mut(usize::from(index));
        found.ok_or_else(|| ScenarioError::broken("no such provider"))
    }
}

impl<'c> SlicePlay<'c> {
    /// Wallets with coins, secrets shared, terms, and the claims of the first slice signed; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &SliceOptions,
        reporter: &'c mut dyn Reporter,
    ) -> Result<SlicePlay<'c>, ScenarioError> {
        // Before wallets are made for them.
        Participants::check_numbers(options.providers.into(), options.quorum.into())?;
        let names = (0..options.providers).map(|i| name(i.into()));
        let names = std::iter::once("client".into()).chain(names);
        let mut harness = Harness::new(chain, names, &options.common, reporter)?;
        let job = SliceJob::new(0)?;
        let slice = open(&mut harness, options, &job, 0)?;
        Ok(SlicePlay {
            harness,
            options: options.clone(),
            number: 0,
            job,
            slice,
            claims: 0,
            refunds: 0,
            roots: BTreeSet::new(),
            convicted: BTreeSet::new(),
        })
    }

    /// The next slice, with keys, secrets and terms of its own; not funded.
    pub fn next_slice(&mut self) -> Result<(), ScenarioError> {
        let number = self.number.saturating_add(1);
        self.job = SliceJob::new(number)?;
        self.slice = open(&mut self.harness, &self.options, &self.job, number)?;
        self.number = number;
        self.roots.clear();
        Ok(())
    }

    /// What the client's machine knows.
    pub fn client(&self) -> Result<&ClientBook, ScenarioError> {
        self.slice.client()
    }

    /// What the machine of a provider knows, from 0.
    pub fn provider(&self, index: u8) -> Result<&ProviderBook, ScenarioError> {
        let found = self.slice.providers.get(usize::from(index));
        found
            .ok_or_else(|| ScenarioError::broken("no such provider"))?
            .book()
    }

    /// The terms of the slice that is due.
    pub fn terms(&self) -> &SliceTerms {
        &self.slice.terms
    }

    /// The work that is due.
    pub fn job(&self) -> &SliceJob {
        &self.job
    }

    /// The harness.
    pub fn harness(&mut self) -> &mut Harness<'c> {
        &mut self.harness
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.harness.chain()
    }

    /// The random source of the scenario.
    pub fn rng(&mut self) -> &mut StdRng {
        self.harness.rng()
    }

    /// A party's key of this slice, by its participant: the client's is 0, provider i's is 1 + i.
    pub fn key(&self, participant: usize) -> Result<SecretKey, ScenarioError> {
        self.harness.key(participant, self.number)
    }

    /// Balances and figures so far.
    pub fn outcome(&self, scenario: &str) -> Outcome {
        let convicted = self.convicted.iter().cloned().collect::<Vec<_>>();
        (self.harness.outcome(scenario))
            .with("providers", self.options.providers)
            .with("quorum", self.options.quorum)
            .with("slices", self.number.saturating_add(1))
            .with("claims", self.claims)
            .with("refunds", self.refunds)
            .with("roots_paid", self.roots.len())
            .with("convicted", convicted)
    }
}

/// What a provider is called.
pub(super) fn name(index: usize) -> String {
    format!("provider {}", index + 1)
}

/// Secrets are shared, the client proposes, everybody signs.
fn open(
    harness: &mut Harness<'_>,
    options: &SliceOptions,
    job: &SliceJob,
    number: u32,
) -> Result<Slice, ScenarioError> {
    let secp = Secp256k1::signing_only();
    let participants = 0..=usize::from(options.providers);
    let keys = participants.map(|participant| harness.key(participant, number));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let public = keys
        .iter()
        .map(|key| PublicKey::from_secret_key(&secp, key));
    let mut public = public.collect::<Vec<_>>().into_iter();
    let client = public
        .next()
        .ok_or_else(|| ScenarioError::broken("nobody"))?;
    let salt = FreshSalt::draw(harness.rng());
    let participants = Participants {
        client,
        providers: public.collect(),
        quorum: options.quorum,
        job: job.id(),
        salt: salt.value(),
    };
    let (points, shares) = share(harness, &participants, &keys)?;
    let terms = propose(harness, options, participants, &points)?.check()?;
    let mut keys = keys.into_iter();
    let key = keys.next().ok_or_else(|| ScenarioError::broken("nobody"))?;
    let keys = keys.collect::<Vec<_>>();
    let bindings = &mut harness.participant(0)?.bindings;
    let mut parties = vec![terms.client_party(&key, &points, salt, bindings)?];
    let mut bound = Vec::new();
    for ((participant, key), shares) in (1..).zip(&keys).zip(shares) {
        let bindings = &mut harness.participant(participant)?.bindings;
        let shares = (shares, options.depth);
        let (party, shares) = terms.provider_party(key, &points, shares, bindings)?;
        parties.push(party);
        bound.push(shares);
    }
    // What a provider's machine does not have is kept beside its key before anything is signed.
    let mut signers = Vec::new();
    for (key, shares) in keys.into_iter().zip(bound) {
        let depth = shares.depth();
        signers.push((ProviderKeys::new(&terms, key, shares)?, depth));
    }
    let mut held = ceremony::run(parties, harness.rng(), |_| {})?.into_iter();
    let own = held.next().ok_or_else(|| ScenarioError::broken("nobody"))?;
    let mut client = Side::<ClientMachine>::new(terms.id())?;
    let (holdings, depth) = (own, options.depth);
    client.step(&ClientInput::Held(Box::new(ClientStart {
        holdings,
        depth,
    })))?;
    let mut providers = Vec::new();
    for (own, (holdings, (keys, depth))) in (0..).zip(held.zip(signers)) {
        let mut side = Side::<ProviderMachine>::new(terms.id())?;
        side.step(&ProviderInput::Held(Box::new(ProviderStart {
            holdings,
            own,
            depth,
        })))?;
        providers.push(Provider { side, keys });
    }
    Ok(Slice {
        terms,
        client,
        providers,
    })
}

/// Each provider deals shares of all others' secrets; messages travel as bytes.
fn share(
    harness: &mut Harness<'_>,
    participants: &Participants,
    keys: &[SecretKey],
) -> Result<(Points, Vec<Shares>), ScenarioError> {
    let mut dealers = Vec::new();
    for (index, key) in participants.indices().zip(keys.iter().skip(1)) {
        dealers.push(SliceDealer::new(
            participants.clone(),
            index,
            *key,
            harness.rng(),
        )?);
    }
    let mut all = Vec::new();
    for (index, dealer) in participants.indices().zip(&dealers) {
        let from = name(index.into());
        all.push(harness.send(&from, "everybody", dealer.dealt())?);
    }
    let points = Points::gather(participants, &all)?;
    let mut shares = Vec::new();
    for dealer in dealers {
        shares.push(dealer.finish(&all)?.1);
    }
    Ok((points, shares))
}

/// The client's proposal.
fn propose(
    harness: &mut Harness<'_>,
    options: &SliceOptions,
    participants: Participants,
    points: &Points,
) -> Result<SliceRecord, ScenarioError> {
    let mut scripts = Vec::new();
    for index in participants.indices() {
        scripts.push(harness.participant(1 + usize::from(index))?.script.clone());
    }
    let policy = harness.policy().clone();
    let client = harness.participant(0)?;
    let mut record = SliceRecord {
        participants,
        points: points.commitments(),
        own_points: points.own_points().to_vec(),
        price_sat: options.price,
        post_blocks: options.post_blocks,
        refund_blocks: options.refund_blocks,
        client_script: client.script.clone(),
        provider_scripts: scripts,
        contribution: Contribution::default(),
        rate_sat_per_kwu: options.common.rate,
    };
    let deposit = record.deposit();
    let deposit = deposit.ok_or_else(|| ScenarioError::broken("a price of more than there is"))?;
    (record.contribution, _) = client
        .wallet
        .contribute(deposit, options.common.rate, &policy)?;
    Ok(record)
}
