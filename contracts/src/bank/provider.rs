//! The provider's side: a few hundred bytes and the rungs ahead, whatever the number of pennies.

use std::collections::BTreeMap;

use bitcoin::{
    Amount, Transaction,
    hashes::Hash,
    secp256k1::{
        SecretKey,
        rand::{CryptoRng, RngCore},
    },
};

use super::{
    Accepted, Bank, BankError, Coin, Cosigned, Cosigner, FREEZE, Links, Penny, Phase, ProviderDuty,
    ProviderRecord, Rung, Rungs,
    ladder::{self, CLAIM, MAX_RUNGS, PAYER_POSITION, PROVIDER_POSITION, Points},
    scalar,
    template::PROVIDER,
};
use crate::{
    graph::{NodeId, TxGraph},
    musig::{AdaptorSignature, PartialSignature, PublicNonce},
    pact::{Task, check_key, finish},
};

/// A provider before it has the freeze.
pub struct ProviderOpening {
    bank: Bank,
    key: SecretKey,
    cosigned: Cosigned,
}

/// A provider with an open bank.
///
/// As [`super::Payer`]: the record must be durable before the service that a penny pays for is given.
pub struct Provider {
    bank: Bank,
    key: SecretKey,
    links: Links,
    rungs: BTreeMap<u32, Rung>,
    points: Option<Points>,
    record: ProviderRecord,
}

impl ProviderOpening {
    /// Answers the payer's nonce with an own one and the share of the freeze.
    pub fn new<R: RngCore + CryptoRng>(
        bank: Bank,
        key: SecretKey,
        nonce: PublicNonce,
        rng: &mut R,
    ) -> Result<(ProviderOpening, PublicNonce, PartialSignature), BankError> {
        check_key(&key, bank.terms().record().provider, PROVIDER)?;
        let (cosigner, own) = Cosigner::new(bank.graph(), FREEZE, (PROVIDER, &key), rng)?;
        let (cosigned, share) = cosigner.sign(nonce)?;
        let opening = ProviderOpening {
            bank,
            key,
            cosigned,
        };
        Ok((opening, own, share))
    }

    /// Takes the payer's share. The bank is open once its funding is confirmed.
    pub fn finish(self, share: PartialSignature) -> Result<Provider, BankError> {
        let freeze = self.cosigned.finish(share)?;
        let record = ProviderRecord {
            latest: 0,
            secret: self.bank.terms().record().tip,
            rungs: Vec::new(),
            phase: Phase::Open,
            freeze,
        };
        Provider::restore(self.bank, self.key, record)
    }
}

impl Provider {
    /// A provider as it was when `record` was written. Everything in it is verified once more.
    pub fn restore(
        bank: Bank,
        key: SecretKey,
        record: ProviderRecord,
    ) -> Result<Provider, BankError> {
        let terms = bank.terms();
        check_key(&key, terms.record().provider, PROVIDER)?;
        let links = Links::new(&terms.bank());
        let forged = BankError::Forged {
            index: record.latest,
        };
        let (latest, secret) = (record.latest, record.secret.to_byte_array());
        let tip = terms.record().tip.to_byte_array();
        if latest > terms.record().pennies || links.down(latest, secret, 0) != tip {
            return Err(forged);
        }
        let signature = AdaptorSignature(record.freeze);
        Task::new(bank.graph(), FREEZE, 0)?.verify(&signature, None)?;
        let mut provider = Provider {
            links,
            bank,
            key,
            rungs: BTreeMap::new(),
            points: None,
            record: ProviderRecord {
                rungs: Vec::new(),
                ..record
            },
        };
        let bank = provider.bank.terms().bank();
        let rungs = record.rungs;
        provider.take_rungs(&Rungs { bank, rungs })?;
        Ok(provider)
    }

    /// Rungs are held to these points from now on: a set that others rely on too (see [`super::Candidates`]).
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
        self.best(self.record.latest)
    }

    /// Rungs in memory.
    pub fn rungs_held(&self) -> usize {
        self.rungs.len()
    }

    fn best(&self, index: u32) -> u32 {
        self.rungs
            .range(..=index)
            .next_back()
            .map_or(0, |(i, _)| *i)
    }

    /// Takes rungs, all or none. Each must be one that its secret completes; whether the secret is the penny's shows
    /// when the penny comes. Rungs that a better one makes useless are dropped.
    pub fn take_rungs(&mut self, rungs: &Rungs) -> Result<(), BankError> {
        if rungs.bank != self.bank.terms().bank() {
            return Err(BankError::Foreign);
        }
        let (best, latest) = (self.enforceable(), self.record.latest);
        // Of those whose pennies were given only the highest is of use, and only it is worth a walk down the chain.
        let passed = rungs.rungs.iter().map(|rung| rung.index);
        let highest_passed = passed.filter(|index| *index <= latest).max().unwrap_or(0);
        let mut taken = self.rungs.clone();
        for rung in &rungs.rungs {
            let fail = |problem| BankError::Rung {
                rung: rung.index,
                problem,
            };
            let useless = rung.index <= best || rung.index < highest_passed;
            if useless || taken.contains_key(&rung.index) {
                continue;
            }
            if taken.len() >= MAX_RUNGS {
                return Err(fail("too many at a time"));
            }
            let published = |points: &Points| points.0.get(&rung.index).copied();
            if let Some(point) = self.points.as_ref().and_then(published)
                && point != rung.point
            {
                return Err(fail("another point than the published one"));
            }
            ladder::verify(&self.bank, rung)?;
            if rung.index <= latest {
                let secret = self.record.secret.to_byte_array();
                let secret = self.links.down(latest, secret, rung.index);
                if !ladder::is_true(&rung.point, &secret) {
                    return Err(fail("another point than the penny's"));
                }
            }
            taken.insert(rung.index, *rung);
        }
        self.rungs = taken;
        self.drop_useless();
        Ok(())
    }

    /// Takes a penny, whoever brings it. The record changes: it must be durable before anything is given for it.
    ///
    /// Refused without harm: a penny of another bank, old, beyond the last, forged, or one for which the payer must
    /// sign a rung first. The last refusal, and so the exposure, is counted in pennies: fewer than
    /// [`BankTerms::allowance`](super::BankTerms::allowance) of the best rung are ever unenforceable, unless a rung
    /// turns out to be false, which is reported with the penny that shows it.
    pub fn accept(&mut self, penny: &Penny) -> Result<Accepted, BankError> {
        let terms = self.bank.terms();
        let (latest, index) = (self.record.latest, penny.index);
        if penny.bank != terms.bank() {
            return Err(BankError::Foreign);
        }
        if self.record.phase != Phase::Open {
            let (phase, what) = (self.record.phase, "penny");
            return Err(BankError::Phase { phase, what });
        }
        if index <= latest {
            return Err(BankError::Old { index, latest });
        }
        let pennies = terms.record().pennies;
        if index > pennies {
            return Err(BankError::Beyond { index, pennies });
        }
        let rung = self.best(index);
        let allowance = terms.allowance(rung);
        if index - rung >= allowance {
            let allowed_from = index.saturating_sub(allowance);
            return Err(BankError::Unenforceable {
                index,
                rung,
                allowed_from,
            });
        }
        let false_rungs = self.walk(penny)?;
        for rung in &false_rungs {
            self.rungs.remove(rung);
        }
        self.record.latest = index;
        self.record.secret = bitcoin::hashes::sha256::Hash::from_byte_array(penny.secret);
        if !false_rungs.is_empty() {
            self.record.phase = Phase::Cheated;
        }
        self.drop_useless();
        Ok(Accepted {
            fresh: index - latest,
            total: index,
            enforceable: self.enforceable(),
            false_rung: false_rungs.first().copied(),
        })
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
            passed.push((*rung, held.point, secret));
        }
        let known = self.record.secret.to_byte_array();
        if self.links.down(at, secret, self.record.latest) != known {
            return Err(BankError::Forged { index });
        }
        let is_false = |(_, point, secret): &(u32, _, _)| !ladder::is_true(point, secret);
        let found = passed.into_iter().filter(is_false).map(|(rung, ..)| rung);
        Ok(found.collect())
    }

    fn drop_useless(&mut self) {
        let best = self.enforceable();
        self.rungs = self.rungs.split_off(&best);
    }

    /// Stops serving, whatever comes, as when the own service ends or the payer is not to be trusted any more.
    pub fn stop(&mut self) {
        self.record.phase = Phase::Closing;
    }

    /// What is due with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> ProviderDuty {
        let late = tip.saturating_add(1) >= self.bank.terms().freeze_height();
        match coin {
            // Without a rung there is nothing to claim, and a freeze would only cost.
            Coin::Banked
                if self.enforceable() > 0 && (late || self.record.phase == Phase::Cheated) =>
            {
                ProviderDuty::Freeze
            }
            Coin::Banked if self.record.phase == Phase::Open && !late => ProviderDuty::Serve,
            Coin::Frozen { .. } if self.enforceable() > 0 => ProviderDuty::Claim {
                rung: self.enforceable(),
            },
            _ => ProviderDuty::None,
        }
    }

    /// The freeze, complete.
    pub fn freeze(&self) -> Result<Transaction, BankError> {
        Ok(finish(
            self.bank.graph(),
            FREEZE,
            &[self.record.freeze],
            &[],
        )?)
    }

    /// The claim by a rung that is held and whose penny was given.
    pub fn claim<R: RngCore + CryptoRng>(
        &self,
        rung: u32,
        rng: &mut R,
    ) -> Result<Transaction, BankError> {
        let problem = "not signed by the payer, or its penny was not given";
        let held = self.rungs.get(&rung);
        let held = held.filter(|rung| rung.index <= self.record.latest);
        let held = held.ok_or(BankError::Rung { rung, problem })?;
        let latest = self.record.secret.to_byte_array();
        let secret = self.links.down(self.record.latest, latest, rung);
        let secret = scalar(&secret).ok_or(BankError::Rung { rung, problem })?;
        let graph = self.bank.claim(rung)?;
        let theirs = Task::new(&graph, CLAIM, PAYER_POSITION)?;
        let payer = theirs.complete(&held.signature, &secret)?;
        let own = Task::new(&graph, CLAIM, PROVIDER_POSITION)?;
        let own = own.sign_alone((PROVIDER, &self.key), None, rng)?;
        Ok(finish(&graph, CLAIM, &[payer, own.0], &[])?)
    }

    /// Agrees to an end after `paid` pennies, at least as many as were given. No penny is taken after this.
    pub fn close<R: RngCore + CryptoRng>(
        &mut self,
        paid: u32,
        fee: Amount,
        frozen: bool,
        rng: &mut R,
    ) -> Result<(TxGraph, Cosigner, PublicNonce), BankError> {
        if paid < self.paid() {
            let problem = "less than was paid";
            return Err(BankError::Ending { paid, fee, problem });
        }
        let graph = self.bank.close(paid, fee, frozen)?;
        let (cosigner, nonce) = Cosigner::new(&graph, NodeId(0), (PROVIDER, &self.key), rng)?;
        self.record.phase = Phase::Closing;
        Ok((graph, cosigner, nonce))
    }

    /// Signs the transaction that moves the frozen coin of this bank into `next`, of which the provider holds the
    /// freeze. Until it confirms the claim is still due.
    pub fn resume<R: RngCore + CryptoRng>(
        &mut self,
        next: &Provider,
        rng: &mut R,
    ) -> Result<(Cosigner, PublicNonce), BankError> {
        super::resume_paid(&self.bank, &next.bank, |paid| paid >= self.paid())?;
        let graph = next.bank.graph();
        let made = Cosigner::new(graph, TxGraph::FUNDING, (PROVIDER, &self.key), rng)?;
        self.record.phase = Phase::Closing;
        Ok(made)
    }
}
