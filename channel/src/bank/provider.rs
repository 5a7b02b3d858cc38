//! The provider's side: a few hundred bytes and the commitments ahead, whatever the number of pennies.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{hashes::Hash, secp256k1::SecretKey};
use narthex_contracts::{
    bank::{
        AdaptorCommitment, AdaptorCommitments, Bank, BankError, Links, MAX_COMMITMENTS, PROVIDER,
        Penny, Phase, Points, SignedProvider,
    },
    builder::check_key,
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
    pub(super) commitments: BTreeMap<u32, AdaptorCommitment>,
    points: Option<Points>,
    pub(super) record: ProviderRecord,
}

impl std::fmt::Debug for ProviderBook {
    /// Without the penny, as its record.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let commitments = &self.commitments.len();
        let book = &mut f.debug_struct("ProviderBook");
        book.field("record", &self.record)
            .field("commitments", commitments)
            .finish_non_exhaustive()
    }
}

/// A penny that was found to be good, before it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodPenny {
    /// The penny.
    pub penny: Penny,
    /// Commitments below it that are false: the payer gave other points than their pennies'.
    pub false_commitments: Vec<u32>,
}

impl From<SignedProvider> for Provider {
    /// Nothing was taken yet.
    fn from(signed: SignedProvider) -> Provider {
        Provider {
            book: ProviderBook::open(signed.bank.into(), signed.force_close),
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
    /// [`BuilderError::WrongKey`](narthex_contracts::builder::BuilderError::WrongKey): the caller's fault.
    pub fn with_key(book: ProviderBook, key: SecretKey) -> Result<Provider, BankError> {
        check_key(&key, book.bank.terms().record().provider, PROVIDER)?;
        Ok(Provider { book, key })
    }
}

impl ProviderBook {
    /// The book of a bank whose force close is signed by both, as `force-close` says.
    pub fn open(bank: Arc<Bank>, force_close: [u8; 64]) -> ProviderBook {
        let terms = bank.terms();
        let record = ProviderRecord {
            latest: 0,
            secret: terms.record().chain_root,
            commitments: Vec::new(),
            phase: Phase::Open,
            force_close,
            held: None,
        };
        ProviderBook {
            links: Links::new(&terms.bank()),
            bank,
            commitments: BTreeMap::new(),
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
        let tip = terms.record().chain_root.to_byte_array();
        if latest > terms.record().pennies || links.down(latest, secret, 0) != tip {
            return Err(forged);
        }
        bank.check_force_close(&record.force_close)?;
        let mut book = ProviderBook {
            links,
            bank,
            commitments: BTreeMap::new(),
            points: None,
            record: ProviderRecord {
                commitments: Vec::new(),
                held: None,
                ..record
            },
        };
        let bank = book.bank.terms().bank();
        let commitments = record.commitments;
        book.take_commitments(&AdaptorCommitments { bank, commitments })?;
        if let Some(held) = record.held {
            book.restore_claims(held)?;
        }
        Ok(book)
    }

    /// Commitments are held to these points from now on: a set that others rely on too (see [`narthex_contracts::bank::Candidates`]).
    pub fn rely_on(&mut self, points: Points) {
        self.points = Some(points);
    }

    /// What must be durable.
    pub fn record(&self) -> ProviderRecord {
        ProviderRecord {
            commitments: self.commitments.values().copied().collect(),
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

    /// Commitments in memory.
    pub fn commitments_held(&self) -> usize {
        self.commitments.len()
    }

    pub(super) fn best(&self, index: u32) -> u32 {
        self.commitments
            .range(..=index)
            .next_back()
            .map_or(0, |(i, _)| *i)
    }

    /// Takes commitments, all or none. Each must be one that its secret completes; whether the secret is the penny's shows
    /// when the penny comes. Commitments that a better one makes useless are dropped.
    pub fn take_commitments(&mut self, commitments: &AdaptorCommitments) -> Result<(), BankError> {
        let good = self.check_commitments(commitments)?;
        self.hold(&good);
        Ok(())
    }

    /// Those of these commitments that are worth holding, each verified; all of them are refused for one that is bad.
    ///
    /// # Errors
    /// [`BankError`]: the payer's fault.
    pub fn check_commitments(
        &self,
        commitments: &AdaptorCommitments,
    ) -> Result<Vec<AdaptorCommitment>, BankError> {
        if commitments.bank != self.bank.terms().bank() {
            return Err(BankError::Foreign);
        }
        let (best, latest) = (self.best(self.record.latest), self.record.latest);
        // Of those whose pennies were given only the highest is of use, and only it is worth a walk down the chain.
        let passed = commitments
            .commitments
            .iter()
            .map(|commitment| commitment.index);
        let highest_passed = passed.filter(|index| *index <= latest).max().unwrap_or(0);
        let mut good: BTreeMap<u32, AdaptorCommitment> = BTreeMap::new();
        for commitment in &commitments.commitments {
            let fail = |problem| BankError::AdaptorCommitment {
                commitment: commitment.index,
                problem,
            };
            let useless = commitment.index <= best || commitment.index < highest_passed;
            let index = &commitment.index;
            if useless || self.commitments.contains_key(index) || good.contains_key(index) {
                continue;
            }
            if self.commitments.len().saturating_add(good.len()) >= MAX_COMMITMENTS {
                return Err(fail("too many at a time"));
            }
            let published = |points: &Points| points.0.get(&commitment.index).copied();
            if let Some(point) = self.points.as_ref().and_then(published)
                && point != commitment.point
            {
                return Err(fail("another point than the published one"));
            }
            commitment.verify(&self.bank)?;
            if commitment.index <= latest {
                let secret = self.record.secret.to_byte_array();
                let secret = self.links.down(latest, secret, commitment.index);
                if !commitment.is_true(&secret) {
                    return Err(fail("another point than the penny's"));
                }
            }
            good.insert(commitment.index, *commitment);
        }
        Ok(good.into_values().collect())
    }

    /// Holds commitments that [`ProviderBook::check_commitments`] found good.
    pub fn hold(&mut self, good: &[AdaptorCommitment]) {
        self.commitments.extend(
            good.iter()
                .map(|commitment| (commitment.index, *commitment)),
        );
        self.drop_useless();
    }

    /// Takes a penny, whoever brings it. The record changes: it must be durable before anything is given for it.
    ///
    /// Refused without harm: a penny of another bank, old, beyond the last, forged, or one for which the payer must
    /// sign a commitment first. The last refusal, and so the exposure, is counted in pennies: fewer than
    /// [`BankTerms::allowance`](narthex_contracts::bank::BankTerms::allowance) of the best commitment are ever unenforceable, unless a commitment
    /// turns out to be false, which is reported with the penny that shows it.
    pub fn accept(&mut self, penny: &Penny) -> Result<Accepted, BankError> {
        let good = self.check_penny(penny)?;
        Ok(self.take(&good))
    }

    /// Whether [`ProviderBook::accept`] takes this penny, and which commitments it shows to be false.
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
        let false_commitments = self.walk(penny)?;
        let penny = *penny;
        Ok(GoodPenny {
            penny,
            false_commitments,
        })
    }

    /// Takes a penny that [`ProviderBook::check_penny`] found good.
    pub fn take(&mut self, good: &GoodPenny) -> Accepted {
        let GoodPenny {
            penny,
            false_commitments,
        } = good;
        let (latest, index) = (self.record.latest, penny.index);
        for commitment in false_commitments {
            self.commitments.remove(commitment);
        }
        self.record.latest = index;
        self.record.secret = bitcoin::hashes::sha256::Hash::from_byte_array(penny.secret);
        if !false_commitments.is_empty() {
            self.record.phase = Phase::Cheated;
        }
        self.drop_useless();
        Accepted {
            fresh: index.saturating_sub(latest),
            total: index,
            enforceable: self.enforceable(),
            false_commitment: false_commitments.first().copied(),
        }
    }

    /// Hashes a penny down to the latest one: an error if it does not get there, else the commitments passed whose points
    /// are not their pennies'.
    fn walk(&self, penny: &Penny) -> Result<Vec<u32>, BankError> {
        let (index, mut secret) = (penny.index, penny.secret);
        let mut at = index;
        let mut passed = Vec::new();
        let between = self.record.latest.saturating_add(1)..=index;
        for (commitment, held) in self.commitments.range(between).rev() {
            secret = self.links.down(at, secret, *commitment);
            at = *commitment;
            passed.push((*held, secret));
        }
        let known = self.record.secret.to_byte_array();
        if self.links.down(at, secret, self.record.latest) != known {
            return Err(BankError::Forged { index });
        }
        let is_false = |(held, secret): &(AdaptorCommitment, _)| !held.is_true(secret);
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
        self.commitments = self.commitments.split_off(&best);
    }

    /// Stops serving, whatever comes, as when the own service ends or the payer is not to be trusted any more.
    pub fn stop(&mut self) {
        self.record.phase = Phase::Closing;
    }
}
