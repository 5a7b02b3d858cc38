//! A client and its providers around one slice after the other.

use narthex_base::codec::Message as _;
use std::collections::BTreeSet;

use bitcoin::{
    Amount,
    secp256k1::{PublicKey, Secp256k1, SecretKey, rand::rngs::StdRng},
};
use narthex_contracts::{
    binding::FreshSalt,
    depth::Depth,
    setup::ceremony,
    slice::{
        Client, Evidence, Participants, Points, Provider, Shares, SliceDealer, SliceDealing,
        SliceRecord, SliceTerms,
    },
    terms::{Contribution, FeeRate},
};
use narthex_regtest::Chain;

use super::{GateError, SliceJob};
use crate::table::{
    MINED, MOST_BLOCKS, MOST_SAT, ONE_COIN, Table, TableOptions, TableOutcome, TableReporter,
    playable,
};

/// What providers wait for in a play: it leaves time for claims whatever the terms are.
const DEPTH: Depth = match Depth::new(3) {
    Ok(depth) => depth,
    Err(_) => Depth::LEAST,
};

/// Figures of gated slices.
#[derive(Debug, Clone)]
pub struct GateOptions {
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
    /// Fee rate of the funding and of the children that pay for all else.
    pub rate: FeeRate,
    /// Everything random follows from it.
    pub seed: [u8; 32],
}

impl Default for GateOptions {
    fn default() -> Self {
        GateOptions {
            providers: 3,
            quorum: 2,
            slices: 3,
            price: Amount::from_sat(20_000),
            post_blocks: 6,
            refund_blocks: 24,
            depth: DEPTH,
            rate: FeeRate::from_sat_per_kwu(500),
            seed: [0; 32],
        }
    }
}

impl GateOptions {
    /// Whether every story can be played with these figures. What terms refuse is left to them.
    pub(super) fn check(&self) -> Result<(), GateError> {
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

/// A client and its providers, on a chain, with the slice that is due.
pub struct Gate<'c> {
    pub(super) table: Table<'c>,
    pub(super) options: GateOptions,
    pub(super) number: u32,
    pub(super) job: SliceJob,
    pub(super) client: Client,
    pub(super) providers: Vec<Provider>,
    /// Claims on chain, of all slices.
    pub(super) claims: u32,
    /// Refunds on chain, of all slices.
    pub(super) refunds: u32,
    /// Different roots that were paid for in this slice.
    pub(super) roots: BTreeSet<[u8; 32]>,
    /// Providers that evidence convicts.
    pub(super) convicted: BTreeSet<String>,
    /// Evidence that waits for the end of the slice, and who found it.
    pub(super) evidence: Vec<(String, Evidence)>,
}

impl<'c> Gate<'c> {
    /// Wallets with coins, secrets shared, terms, and the claims of the first slice signed; nothing is funded.
    pub fn prepare(
        chain: &'c mut dyn Chain,
        options: &GateOptions,
        reporter: &'c mut dyn TableReporter,
    ) -> Result<Gate<'c>, GateError> {
        // Before wallets are made for them.
        Participants::check_numbers(options.providers.into(), options.quorum.into())?;
        let common = TableOptions {
            rate: options.rate,
            seed: options.seed,
        };
        let names = (0..options.providers).map(|i| name(i.into()));
        let names = std::iter::once("client".into()).chain(names);
        let names = names.collect::<Vec<String>>();
        let names = names.iter().map(String::as_str).collect::<Vec<_>>();
        let mut table = Table::new(chain, &names, common, reporter)?;
        let job = SliceJob::new(0)?;
        let (client, providers) = open(&mut table, options, &job, 0)?;
        Ok(Gate {
            table,
            options: options.clone(),
            number: 0,
            job,
            client,
            providers,
            claims: 0,
            refunds: 0,
            roots: BTreeSet::new(),
            convicted: BTreeSet::new(),
            evidence: Vec::new(),
        })
    }

    /// The next slice, with keys, secrets and terms of its own; not funded.
    pub fn next_slice(&mut self) -> Result<(), GateError> {
        let number = self.number.saturating_add(1);
        self.job = SliceJob::new(number)?;
        let made = open(&mut self.table, &self.options, &self.job, number)?;
        (self.client, self.providers) = made;
        self.number = number;
        self.roots.clear();
        Ok(())
    }

    /// The client.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// A provider, from 0.
    pub fn provider(&mut self, index: u8) -> Result<&mut Provider, GateError> {
        let found = self.providers.get_mut(usize::from(index));
        found.ok_or_else(|| GateError::broken("no such provider"))
    }

    /// The terms of the slice that is due.
    pub fn terms(&self) -> &SliceTerms {
        self.client.terms()
    }

    /// The work that is due.
    pub fn job(&self) -> &SliceJob {
        &self.job
    }

    /// The table that all sit at.
    pub fn table(&mut self) -> &mut Table<'c> {
        &mut self.table
    }

    /// The chain.
    pub fn chain(&mut self) -> &mut dyn Chain {
        self.table.chain()
    }

    /// The random source of the story.
    pub fn rng(&mut self) -> &mut StdRng {
        self.table.rng()
    }

    /// A party's key of this slice, by its seat: the client's is 0, provider i's is 1 + i.
    pub fn key(&self, seat: usize) -> Result<SecretKey, GateError> {
        Ok(self.table.key(seat, self.number)?)
    }

    /// Balances and figures so far.
    pub fn outcome(&self, story: &str) -> TableOutcome {
        let convicted = self.convicted.iter().cloned().collect::<Vec<_>>();
        (self.table.outcome(story))
            .with("providers", self.options.providers)
            .with("quorum", self.options.quorum)
            .with("slices", self.number.saturating_add(1))
            .with("claims", self.claims)
            .with("refunds", self.refunds)
            .with("roots_paid", self.roots.len())
            .with("convicted", convicted)
    }

    /// Reports the end.
    pub(super) fn end(&mut self, story: &str) -> TableOutcome {
        let outcome = self.outcome(story);
        self.table.end(outcome)
    }
}

/// What a provider is called.
pub(super) fn name(index: usize) -> String {
    format!("provider {}", index + 1)
}

/// Secrets are shared, the client proposes, everybody signs.
fn open(
    table: &mut Table<'_>,
    options: &GateOptions,
    job: &SliceJob,
    number: u32,
) -> Result<(Client, Vec<Provider>), GateError> {
    let secp = Secp256k1::signing_only();
    let seats = 0..=usize::from(options.providers);
    let keys = seats.map(|seat| table.key(seat, number));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let public = keys
        .iter()
        .map(|key| PublicKey::from_secret_key(&secp, key));
    let mut public = public.collect::<Vec<_>>().into_iter();
    let client = public.next().ok_or_else(|| GateError::broken("nobody"))?;
    let salt = FreshSalt::draw(table.rng());
    let participants = Participants {
        client,
        providers: public.collect(),
        quorum: options.quorum,
        job: job.id(),
        salt: salt.value(),
    };
    let (points, shares) = share(table, &participants, &keys)?;
    let terms = propose(table, options, participants, &points)?.check()?;
    let mut keys = keys.into_iter();
    let key = keys.next().ok_or_else(|| GateError::broken("nobody"))?;
    let keys = keys.collect::<Vec<_>>();
    let bindings = &mut table.seat(0)?.bindings;
    let mut parties = vec![terms.client_party(&key, &points, salt, bindings)?];
    let mut bound = Vec::new();
    for ((seat, key), shares) in (1..).zip(&keys).zip(shares) {
        let bindings = &mut table.seat(seat)?.bindings;
        let shares = (shares, options.depth);
        let (party, shares) = terms.provider_party(key, &points, shares, bindings)?;
        parties.push(party);
        bound.push(shares);
    }
    let mut held = ceremony::run(parties, table.rng(), |_| {})?.into_iter();
    let own = held.next().ok_or_else(|| GateError::broken("nobody"))?;
    let client = Client::new(own, key)?;
    let mut providers = Vec::new();
    for ((holdings, key), shares) in held.zip(keys).zip(bound) {
        providers.push(Provider::new(holdings, key, shares)?);
    }
    Ok((client, providers))
}

/// Each provider deals shares of all others' secrets; messages travel as bytes.
fn share(
    table: &mut Table<'_>,
    participants: &Participants,
    keys: &[SecretKey],
) -> Result<(Points, Vec<Shares>), GateError> {
    let mut dealers = Vec::new();
    for (index, key) in participants.indices().zip(keys.iter().skip(1)) {
        dealers.push(SliceDealer::new(
            participants.clone(),
            index,
            *key,
            table.rng(),
        )?);
    }
    let sent = dealers.iter().map(|dealer| dealer.dealt().to_bytes());
    let all =
        sent.map(|bytes| SliceDealing::from_bytes(&bytes).map_err(|e| GateError::Slice(e.into())));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    let points = Points::gather(participants, &all)?;
    let mut shares = Vec::new();
    for dealer in dealers {
        shares.push(dealer.finish(&all)?.1);
    }
    Ok((points, shares))
}

/// The client's proposal.
fn propose(
    table: &mut Table<'_>,
    options: &GateOptions,
    participants: Participants,
    points: &Points,
) -> Result<SliceRecord, GateError> {
    let mut scripts = Vec::new();
    for index in participants.indices() {
        scripts.push(table.seat(1 + usize::from(index))?.script.clone());
    }
    let policy = table.policy().clone();
    let client = table.seat(0)?;
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
        rate_sat_per_kwu: options.rate,
    };
    let deposit = record.deposit();
    let deposit = deposit.ok_or_else(|| GateError::broken("a price of more than there is"))?;
    (record.contribution, _) = client.wallet.contribute(deposit, options.rate, &policy)?;
    Ok(record)
}
