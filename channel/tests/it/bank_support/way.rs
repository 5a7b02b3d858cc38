//! Payments through bankers whose banks are on no chain.

use bitcoin::Amount;
use narthex_base::codec::Message as _;
use narthex_channel::bank::{Banker, BankerRecord, Payer, PennyClaims, Provider, Settled, receipt};
use narthex_channel::ptlc::{Forward, Leg, Policy, Receipt, RevealedSecret, Route};
use narthex_contracts::bank::{
    Bank, BankRecord, BankTerms, FundingStatus, PayerOpening, Pebbles, ProviderOpening,
};

use super::{fresh, kept, public, record, rng, secret};
use narthex_contracts::binding::MemoryBindings;
use narthex_contracts::depth::Depth;

/// Who is who: the customer that pays, two bankers, the customer that is paid.
pub const A: u8 = 1;
pub const FIRST: u8 = 2;
pub const SECOND: u8 = 3;
pub const B: u8 = 4;

pub const TIP: u32 = 100;

pub fn policy() -> Policy {
    Policy {
        margin: 6,
        depth: Depth::LEAST,
        fee_sat: Amount::from_sat(10),
        fee_ppm: 1_000,
    }
}

/// Terms between two, with T and D.
pub fn between(payer: u8, provider: u8, (t, d): (u32, u16)) -> BankRecord {
    let mut record = record(10_000);
    (record.payer, record.provider) = (public(payer), public(provider));
    (record.refund_height, record.claim_blocks) = (t, d);
    record.promises = 3;
    record.salt = bitcoin::hashes::Hash::from_byte_array([payer * 16 + provider + d as u8; 32]);
    let tip = Pebbles::root(record.bank(), record.pennies, seed(payer, provider));
    record.chain_root = bitcoin::hashes::Hash::from_byte_array(tip);
    record
}

pub fn seed(payer: u8, provider: u8) -> [u8; 32] {
    [payer * 16 + provider + 100; 32]
}

pub fn open_between(record: BankRecord, payer: u8, provider: u8) -> (Payer, Provider) {
    let terms: BankTerms = record.check().unwrap();
    let bank = || Bank::new(terms.clone()).unwrap();
    let mut rng = rng();
    let seed = seed(payer, provider);
    let fresh = fresh(&terms, seed);
    let mut own = MemoryBindings::default();
    let (a, nonce) = PayerOpening::new(bank(), secret(payer), fresh, &mut own, &mut rng).unwrap();
    let mut own = MemoryBindings::default();
    let opening = ProviderOpening::new(bank(), secret(provider), nonce, &mut own, &mut rng);
    let (p, theirs, share) = opening.unwrap();
    let (a, share) = a.finish(theirs, share).unwrap();
    (a.into(), p.finish(share).unwrap().into())
}

/// The coin of a bank, as deep as the policy asks.
pub fn status(bank: &Bank) -> FundingStatus {
    let (_, output) = bank.coin(false).unwrap();
    FundingStatus {
        tip: TIP,
        found: Some((output, TIP - 1)),
    }
}

pub fn id(payer: &Payer) -> [u8; 32] {
    payer.bank().terms().bank()
}

/// A customer, its bankers in order, another customer.
pub struct Way {
    pub a: Payer,
    pub bankers: Vec<Banker>,
    pub b: Provider,
    /// Ids of the banks, in order.
    pub banks: Vec<[u8; 32]>,
}

impl Way {
    /// With these T and D for each bank, from the first to the last.
    pub fn new(delays: &[(u32, u16)]) -> Way {
        let people = [A, FIRST, SECOND, B];
        let mut providers = Vec::new();
        let mut payers = Vec::new();
        for (i, delay) in delays.iter().enumerate() {
            let (from, to) = (people[i], people[i + 1]);
            let (payer, provider) = open_between(between(from, to, *delay), from, to);
            payers.push(payer);
            providers.push(provider);
        }
        let banks = payers.iter().map(id).collect();
        let b = providers.pop().unwrap();
        let mut payers = payers.into_iter();
        let a = payers.next().unwrap();
        let bankers = providers.into_iter().zip(payers).map(|(debit, credit)| {
            let mut banker = Banker::new(policy()).unwrap();
            banker.open_debit(debit).unwrap();
            banker.open_credit(credit).unwrap();
            banker
        });
        Way {
            a,
            bankers: bankers.collect(),
            b,
            banks,
        }
    }

    pub fn one() -> Way {
        Way::new(&[(1_000, 26), (900, 20)])
    }

    pub fn two() -> Way {
        Way::new(&[(1_100, 32), (1_000, 26), (900, 20)])
    }

    /// Key of the payee.
    pub fn payee(&self) -> u8 {
        [A, FIRST, SECOND, B][self.bankers.len() + 1]
    }

    pub fn route(&self, counts: &[u32]) -> Route {
        let legs = self.banks.iter().zip(counts);
        let legs = legs.map(|(bank, count)| Leg {
            place: *bank,
            units: *count,
        });
        Route::new(
            legs.collect(),
            public(self.payee()),
            [5; 32],
            &mut rand_rng(),
        )
        .unwrap()
    }

    /// The payer promises to the first banker.
    pub fn begin(&mut self, route: &Route) {
        self.a.offer(route.ptlc().unwrap()).unwrap();
        let frame = self.a.claims(&mut rng()).unwrap();
        let provider = self.bankers[0].provider(&self.banks[0]).unwrap();
        provider.take_claims(&frame).unwrap();
    }

    pub fn statuses(&mut self, i: usize) -> (FundingStatus, FundingStatus) {
        let from = status(self.bankers[i].provider(&self.banks[i]).unwrap().bank());
        let to = status(self.bankers[i].payer(&self.banks[i + 1]).unwrap().bank());
        (from, to)
    }

    /// A banker passes it on; the next, or the payee, takes the frame.
    pub fn pass(&mut self, i: usize, order: &Forward) {
        let (from, to) = self.statuses(i);
        let order = Forward::from_bytes(&order.to_bytes()).unwrap();
        let frame = self.bankers[i]
            .forward(&order, (&from, &to), &mut rng())
            .unwrap();
        let frame = PennyClaims::from_bytes(&frame.to_bytes()).unwrap();
        let bank = self.banks[i + 1];
        let next = match self.bankers.get_mut(i + 1) {
            Some(banker) => banker.provider(&bank).unwrap(),
            None => &mut self.b,
        };
        next.take_claims(&frame).unwrap();
    }

    pub fn receipt(&mut self, route: &Route) -> Receipt {
        let status = status(self.b.bank());
        let receipt = receipt(
            &mut self.b,
            &route.notice().unwrap(),
            (&status, Depth::LEAST),
        )
        .unwrap();
        Receipt::from_bytes(&receipt.to_bytes()).unwrap()
    }

    /// A banker is shown the secret, and pays; what it collects with comes back.
    pub fn show(&mut self, i: usize, release: &RevealedSecret) -> RevealedSecret {
        let release = RevealedSecret::from_bytes(&release.to_bytes()).unwrap();
        let shown = self.bankers[i].show(&release).unwrap();
        self.pay(i + 1, &shown.pay.unwrap());
        shown.collect.unwrap()
    }

    /// Pennies arrive in a bank.
    pub fn pay(&mut self, bank: usize, settled: &Settled) {
        let settled = Settled::from_bytes(&settled.to_bytes()).unwrap();
        match self.bankers.get_mut(bank) {
            Some(banker) => banker.settle(&settled).map(drop).unwrap(),
            None => self.b.settle(&settled).map(drop).unwrap(),
        }
    }

    /// All bankers go down and come back from what they wrote, as JSON.
    pub fn crash(&mut self) {
        let people = [A, FIRST, SECOND, B];
        for (i, banker) in self.bankers.iter_mut().enumerate() {
            let json = serde_json::to_string(&banker.record()).unwrap();
            let record: BankerRecord = serde_json::from_str(&json).unwrap();
            let (from, own, to) = (people[i], people[i + 1], people[i + 2]);
            let terms = |bank: &Bank| Bank::new(bank.terms().clone()).unwrap();
            let debit = terms(banker.provider(&self.banks[i]).unwrap().bank());
            let credit = terms(banker.payer(&self.banks[i + 1]).unwrap().bank());
            let debits = record.debit.into_values();
            let credits = record.credit.into_values();
            let debits = debits.zip([debit]).map(|(record, bank)| {
                assert_eq!(bank.terms().record().payer, public(from));
                Provider::restore(bank, secret(own), record).unwrap()
            });
            let credits = credits.zip([credit]).map(|(record, bank)| {
                Payer::restore(bank, secret(own), &kept(seed(own, to)), record).unwrap()
            });
            let restored = Banker::restore(
                policy(),
                debits.collect(),
                credits.collect(),
                record.forwards,
            );
            *banker = restored.unwrap();
        }
    }
}

/// Routes draw fresh secrets each time.
fn rand_rng() -> bitcoin::secp256k1::rand::rngs::ThreadRng {
    bitcoin::secp256k1::rand::thread_rng()
}
