//! The provider's side: a few hundred bytes and the rungs ahead, whatever the number of pennies.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{hashes::Hash, secp256k1::SecretKey};
use narthex_contracts::{
    bank::{
        Bank, BankError, Links, MAX_RUNGS, PROVIDER, Penny, Phase, Points, Rung, Rungs,
        SignedProvider,
    },
    pact::check_key,
};

use super::{Accepted, ProviderRecord};

/// A provider with an open bank: its book, and the key for what it must sign.
///
/// As [`super::Payer`]: the record must be durable before the service that a penny pays for is given.
pub struct Provider {
    pub(super) book: ProviderBook,
    pub(super) key: SecretKey,
}

impl std::ops::Deref for Provider {
    type Target = ProviderBook;

    fn deref(&self) -> &ProviderBook {
        &self.book
    }
}

impl std::ops::DerefMut for Provider {
    fn deref_mut(&mut self) -> &mut ProviderBook {
        &mut self.book
    }
}

/// What a provider was given, and what it follows from it: everything but its key.
#[derive(Clone)]
pub struct ProviderBook {
    pub(super) bank: Arc<Bank>,
    pub(super) links: Links,
    pub(super) rungs: BTreeMap<u32, Rung>,
    points: Option<Points>,
    pub(super) record: ProviderRecord,
}

impl std::fmt::Debug for ProviderBook {
    /// Without the penny, as its record.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rungs = &self.rungs.len();
        let book = &mut f.debug_struct("ProviderBook");
        book.field("record", &self.record)
            .field("rungs", rungs)
            .finish_non_exhaustive()
    }
}

/// A penny that was found to be good, before it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodPenny {
    /// The penny.
    pub penny: Penny,
    /// Rungs below it that are false: the payer gave other points than their pennies'.
    pub false_rungs: Vec<u32>,
}

impl From<SignedProvider> for Provider {
    /// Nothing was taken yet.
    fn from(signed: SignedProvider) -> Provider {
        Provider {
            book: ProviderBook::open(signed.bank.into(), signed.freeze),
            key: signed.key,
        }
    }
}

impl Provider {
    /// A provider as it was when `record` was written. Everything in it is verified once more.
    pub fn restore(
        bank: Bank,
        key: SecretKey,
        record: ProviderRecord,
    ) -> Result<Provider, BankError> {
        check_key(&key, bank.terms().record().provider, PROVIDER)?;
        let book = ProviderBook::restore(bank.into(), record)?;
        Ok(Provider { book, key })
    }

    /// A provider with this book.
    ///
    /// # Errors
    /// [`PactError::WrongKey`](narthex_contracts::pact::PactError::WrongKey): the caller's fault.
    pub fn with_key(book: ProviderBook, key: SecretKey) -> Result<Provider, BankError> {
        check_key(&key, book.bank.terms().record().provider, PROVIDER)?;
        Ok(Provider { book, key })
    }
}

impl ProviderBook {
    /// The book of a bank whose freeze is signed by both, as `freeze` says.
    pub fn open(bank: Arc<Bank>, freeze: [u8; 64]) -> ProviderBook {
        let terms = bank.terms();
        let record = ProviderRecord {
            latest: 0,
            secret: terms.record().tip,
            rungs: Vec::new(),
            phase: Phase::Open,
            freeze,
            held: None,
        };
        ProviderBook {
            links: Links::new(&terms.bank()),
            bank,
            rungs: BTreeMap::new(),
            points: None,
            record,
        }
    }

    fn restore(bank: Arc<Bank>, record: ProviderRecord) -> Result<ProviderBook, BankError> {
        let terms = bank.terms();
        let links = Links::new(&terms.bank());
        let forged = BankError::Forged {
            index: record.latest,
        };
        let (latest, secret) = (record.latest, record.secret.to_byte_array());
        let tip = terms.record().tip.to_byte_array();
        if latest > terms.record().pennies || links.down(latest, secret, 0) != tip {
            return Err(forged);
        }
        bank.check_freeze(&record.freeze)?;
        let mut book = ProviderBook {
            links,
            bank,
            rungs: BTreeMap::new(),
            points: None,
            record: ProviderRecord {
                rungs: Vec::new(),
                held: None,
                ..record
            },
        };
        let bank = book.bank.terms().bank();
        let rungs = record.rungs;
        book.take_rungs(&Rungs { bank, rungs })?;
        if let Some(held) = record.held {
            book.restore_claims(held)?;
        }
        Ok(book)
    }

    /// Rungs are held to these points from now on: a set that others rely on too (see [`narthex_contracts::bank::Candidates`]).
    pub fn rely_on(&mut self, points: Points) {
        self.points = Some(points);
    }

    /// What must be durable.
    pub fn record(&self) -> ProviderRecord {
        ProviderRecord {
            rungs: self.rungs.values().copied().collect(),
            ..self.record.clone()
        }
    }

    /// The bank.
    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// Where the bank stands.
    pub fn phase(&self) -> Phase {
        self.record.phase
    }

    /// Pennies paid so far.
    pub fn paid(&self) -> u32 {
        self.record.latest
    }

    /// Pennies that a claim enforces now.
    pub fn enforceable(&self) -> u32 {
        let framed = self.framed().map_or(0, |(index, _)| index);
        self.best(self.record.latest).max(framed)
    }

    /// Whether this is the penny that was taken last.
    pub fn is_latest(&self, penny: &Penny) -> bool {
        let (latest, secret) = (self.record.latest, self.record.secret.to_byte_array());
        penny.bank == self.bank.terms().bank() && (penny.index, penny.secret) == (latest, secret)
    }

    /// Rungs in memory.
    pub fn rungs_held(&self) -> usize {
        self.rungs.len()
    }

    pub(super) fn best(&self, index: u32) -> u32 {
        self.rungs
            .range(..=index)
            .next_back()
            .map_or(0, |(i, _)| *i)
    }

    /// Takes rungs, all or none. Each must be one that its secret completes; whether the secret is the penny's shows
    /// when the penny comes. Rungs that a better one makes useless are dropped.
    pub fn take_rungs(&mut self, rungs: &Rungs) -> Result<(), BankError> {
        let good = self.check_rungs(rungs)?;
        self.hold(&good);
        Ok(())
    }

    /// Those of these rungs that are worth holding, each verified; all of them are refused for one that is bad.
    ///
    /// # Errors
    /// [`BankError`]: the payer's fault.
    pub fn check_rungs(&self, rungs: &Rungs) -> Result<Vec<Rung>, BankError> {
        if rungs.bank != self.bank.terms().bank() {
            return Err(BankError::Foreign);
        }
        let (best, latest) = (self.best(self.record.latest), self.record.latest);
        // Of those whose pennies were given only the highest is of use, and only it is worth a walk down the chain.
        let passed = rungs.rungs.iter().map(|rung| rung.index);
        let highest_passed = passed.filter(|index| *index <= latest).max().unwrap_or(0);
        let mut good: BTreeMap<u32, Rung> = BTreeMap::new();
        for rung in &rungs.rungs {
            let fail = |problem| BankError::Rung {
                rung: rung.index,
                problem,
            };
            let useless = rung.index <= best || rung.index < highest_passed;
            let index = &rung.index;
            if useless || self.rungs.contains_key(index) || good.contains_key(index) {
                continue;
            }
            if self.rungs.len().saturating_add(good.len()) >= MAX_RUNGS {
                return Err(fail("too many at a time"));
            }
            let published = |points: &Points| points.0.get(&rung.index).copied();
            if let Some(point) = self.points.as_ref().and_then(published)
                && point != rung.point
            {
                return Err(fail("another point than the published one"));
            }
            rung.verify(&self.bank)?;
            if rung.index <= latest {
                let secret = self.record.secret.to_byte_array();
                let secret = self.links.down(latest, secret, rung.index);
                if !rung.is_true(&secret) {
                    return Err(fail("another point than the penny's"));
                }
            }
            good.insert(rung.index, *rung);
        }
        Ok(good.into_values().collect())
    }

    /// Holds rungs that [`ProviderBook::check_rungs`] found good.
    pub fn hold(&mut self, good: &[Rung]) {
        self.rungs
            .extend(good.iter().map(|rung| (rung.index, *rung)));
        self.drop_useless();
    }

    /// Takes a penny, whoever brings it. The record changes: it must be durable before anything is given for it.
    ///
    /// Refused without harm: a penny of another bank, old, beyond the last, forged, or one for which the payer must
    /// sign a rung first. The last refusal, and so the exposure, is counted in pennies: fewer than
    /// [`BankTerms::allowance`](narthex_contracts::bank::BankTerms::allowance) of the best rung are ever unenforceable, unless a rung
    /// turns out to be false, which is reported with the penny that shows it.
    pub fn accept(&mut self, penny: &Penny) -> Result<Accepted, BankError> {
        let good = self.check_penny(penny)?;
        Ok(self.take(&good))
    }

    /// Whether [`ProviderBook::accept`] takes this penny, and which rungs it shows to be false.
    ///
    /// # Errors
    /// As [`ProviderBook::accept`].
    pub fn check_penny(&self, penny: &Penny) -> Result<GoodPenny, BankError> {
        let terms = self.bank.terms();
        let (latest, index) = (self.record.latest, penny.index);
        if penny.bank != terms.bank() {
            return Err(BankError::Foreign);
        }
        self.in_phase(Phase::Open, "penny")?;
        if index <= latest {
            return Err(BankError::Old { index, latest });
        }
        let pennies = terms.record().pennies;
        if index.saturating_add(self.kept_back()) > pennies {
            return Err(BankError::Beyond { index, pennies });
        }
        self.check_exposure(index)?;
        let false_rungs = self.walk(penny)?;
        let penny = *penny;
        Ok(GoodPenny { penny, false_rungs })
    }

    /// Takes a penny that [`ProviderBook::check_penny`] found good.
    pub fn take(&mut self, good: &GoodPenny) -> Accepted {
        let GoodPenny { penny, false_rungs } = good;
        let (latest, index) = (self.record.latest, penny.index);
        for rung in false_rungs {
            self.rungs.remove(rung);
        }
        self.record.latest = index;
        self.record.secret = bitcoin::hashes::sha256::Hash::from_byte_array(penny.secret);
        if !false_rungs.is_empty() {
            self.record.phase = Phase::Cheated;
        }
        self.drop_useless();
        Accepted {
            fresh: index.saturating_sub(latest),
            total: index,
            enforceable: self.enforceable(),
            false_rung: false_rungs.first().copied(),
        }
    }

    /// Hashes a penny down to the latest one: an error if it does not get there, else the rungs passed whose points
    /// are not their pennies'.
    fn walk(&self, penny: &Penny) -> Result<Vec<u32>, BankError> {
        let (index, mut secret) = (penny.index, penny.secret);
        let mut at = index;
        let mut passed = Vec::new();
        let between = self.record.latest.saturating_add(1)..=index;
        for (rung, held) in self.rungs.range(between).rev() {
            secret = self.links.down(at, secret, *rung);
            at = *rung;
            passed.push((*held, secret));
        }
        let known = self.record.secret.to_byte_array();
        if self.links.down(at, secret, self.record.latest) != known {
            return Err(BankError::Forged { index });
        }
        let is_false = |(held, secret): &(Rung, _)| !held.is_true(secret);
        let found = passed.into_iter().filter(is_false);
        let found = found.map(|(held, _)| held.index);
        Ok(found.collect())
    }

    pub(super) fn in_phase(&self, wanted: Phase, what: &'static str) -> Result<(), BankError> {
        let phase = self.record.phase;
        match phase == wanted {
            true => Ok(()),
            false => Err(BankError::Phase { phase, what }),
        }
    }

    fn drop_useless(&mut self) {
        let best = self.best(self.record.latest);
        self.rungs = self.rungs.split_off(&best);
    }

    /// Stops serving, whatever comes, as when the own service ends or the payer is not to be trusted any more.
    pub fn stop(&mut self) {
        self.record.phase = Phase::Closing;
    }
}
