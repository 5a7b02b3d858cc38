//! The PTLCs of a penny bank: pennies that a secret of somebody else's enforces, on top of those that were given.
//!
//! The payer signs one claim for each choice among the pending PTLCs: it pays the pennies given when the set was made and
//! those of the chosen ones. Each chosen one has a signature of its own in it ([`Claims`]): a payer that offered PTLCs for
//! several others can collect from each of them.

use bitcoin::{
    Amount, Transaction,
    secp256k1::{
        PublicKey, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_contracts::{
    bank::{
        AdaptorCommitment, Bank, BankError, BankTerms, CLAIM, MAX_PROMISES, PAYER, PAYER_POSITION,
        PROVIDER,
    },
    builder::{BuilderError, Task, finish},
    graph::TxGraph,
    musig::{AdaptorPoint, AdaptorSignature},
};
use serde::{Deserialize, Serialize};

use crate::ptlc::{self, ClaimSet, Claims, Expiry, Ptlc, PtlcId, extract};

/// A PTLC in pennies: as it travels, and as both sides keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PennyPtlc {
    /// The secret's point.
    pub point: PublicKey,
    /// How many pennies.
    pub count: u32,
}

impl PennyPtlc {
    /// As a forwarder sees it, in the bank of these terms. It ends with the bank: T, or D blocks after a force close.
    pub fn in_bank(&self, terms: &BankTerms) -> Ptlc {
        let record = terms.record();
        Ptlc {
            id: PtlcId::by_point(&terms.bank(), &self.point),
            amount: terms.worth(self.count),
            point: self.point,
            expiry: Expiry {
                height: record.refund_height,
                window: Some(record.claim_blocks),
            },
        }
    }
}

/// All pending PTLCs of a bank with the payer's signatures. A later set takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PennyClaims {
    /// Which bank it is of.
    pub bank: [u8; 32],
    /// Pennies given before, which each claim pays too.
    pub base: u32,
    /// The PTLCs, in the order in which they were offered.
    pub ptlcs: Vec<PennyPtlc>,
    /// The ordinary commitment at the base, if a claim of as little can be published.
    pub foot: Option<AdaptorCommitment>,
    /// For each choice of PTLCs, as a bit mask from 1 on, a signature for each chosen one.
    signatures: ClaimSet,
}

/// The claims of a bank: one for each choice of its PTLCs.
struct Choices<'a> {
    bank: &'a Bank,
    base: u32,
    ptlcs: &'a [PennyPtlc],
}

impl Choices<'_> {
    fn chosen(&self, mask: usize) -> impl Iterator<Item = &PennyPtlc> {
        chosen(self.ptlcs, mask)
    }

    fn graph(&self, mask: usize) -> Result<TxGraph, BankError> {
        let index = index(self.base, self.ptlcs, mask);
        self.bank.claim_by(index, self.chosen(mask).count())
    }

    /// PTLCs that this bank can bear: not too many, no point twice, each worth a claim, all within the balance.
    fn check(&self) -> Result<(), BankError> {
        let terms = self.bank.terms();
        let (given, most) = (self.ptlcs.len(), terms.record().promises);
        if given > usize::from(most) {
            return Err(BankError::Promises { given, most });
        }
        let pennies = terms.record().pennies;
        let mut index = self.base;
        for (i, ptlc) in self.ptlcs.iter().enumerate() {
            let fail = |problem| BankError::Promise {
                point: ptlc.point,
                problem,
            };
            let mut before = self.ptlcs.iter().take(i);
            if before.any(|p| p.point == ptlc.point) {
                return Err(fail("its point has a promise already"));
            }
            let alone = self.base.saturating_add(ptlc.count);
            if ptlc.count == 0 || !terms.has_commitment(alone.min(pennies)) {
                return Err(fail("it is worth less than an output"));
            }
            index = index.saturating_add(ptlc.count);
        }
        match index > pennies {
            true => Err(BankError::Beyond { index, pennies }),
            false => Ok(()),
        }
    }
}

impl Claims for Choices<'_> {
    type Error = BankError;

    fn count(&self) -> usize {
        masks(self.ptlcs.len()).count()
    }

    fn points(&self, claim: usize) -> Vec<PublicKey> {
        let chosen = self.chosen(claim.saturating_add(1));
        chosen.map(|ptlc| ptlc.point).collect()
    }

    fn tasks(&self, claim: usize) -> Result<Vec<Task>, BankError> {
        let mask = claim.saturating_add(1);
        let (graph, secrets) = (self.graph(mask)?, self.chosen(mask).count());
        Ok(tasks(&graph, secrets)?)
    }
}

/// The payer's signatures of a claim that waits for so many secrets.
fn tasks(graph: &TxGraph, secrets: usize) -> Result<Vec<Task>, BuilderError> {
    let task = |slot| Task::new(graph, CLAIM, PAYER_POSITION + slot);
    (0..secrets).map(task).collect()
}

fn masks(ptlcs: usize) -> impl Iterator<Item = usize> {
    1..1usize << ptlcs.min(MAX_PROMISES)
}

fn chosen(ptlcs: &[PennyPtlc], mask: usize) -> impl Iterator<Item = &PennyPtlc> {
    let chosen = move |(i, ptlc)| (mask >> i & 1 == 1).then_some(ptlc);
    ptlcs.iter().enumerate().filter_map(chosen)
}

/// Pennies that the claim of these PTLCs pays.
fn index(base: u32, ptlcs: &[PennyPtlc], mask: usize) -> u32 {
    chosen(ptlcs, mask).fold(base, |sum, p| sum.saturating_add(p.count))
}

impl PennyClaims {
    /// Fails unless a bank with so many pennies given can bear these PTLCs.
    pub(super) fn check_ptlcs(
        bank: &Bank,
        base: u32,
        ptlcs: &[PennyPtlc],
    ) -> Result<(), BankError> {
        Choices { bank, base, ptlcs }.check()
    }

    /// Signs every claim of these PTLCs. The same set comes out each time, but for its foot.
    pub(super) fn sign(
        bank: &Bank,
        key: &SecretKey,
        (base, foot): (u32, Option<AdaptorCommitment>),
        ptlcs: &[PennyPtlc],
    ) -> Result<PennyClaims, BankError> {
        let choices = Choices { bank, base, ptlcs };
        choices.check()?;
        let sign = |task: &Task, point: &AdaptorPoint| task.sign_again((PAYER, key), Some(point));
        Ok(PennyClaims {
            bank: bank.terms().bank(),
            base,
            ptlcs: ptlcs.to_vec(),
            foot,
            signatures: ClaimSet::sign(&choices, sign)?,
        })
    }

    fn choices<'a>(&'a self, bank: &'a Bank) -> Choices<'a> {
        let (base, ptlcs) = (self.base, &self.ptlcs);
        Choices { bank, base, ptlcs }
    }

    /// Checks everything that can be checked without a secret. The payer's fault.
    pub(super) fn verify(&self, bank: &Bank) -> Result<(), BankError> {
        if self.bank != bank.terms().bank() {
            return Err(BankError::Foreign);
        }
        let choices = self.choices(bank);
        choices.check()?;
        match self.signatures.verify(&choices)? {
            true => Ok(()),
            false => Err(BuilderError::Signature {
                signer: PAYER,
                what: "a promise",
            }
            .into()),
        }
    }

    /// Pennies that the claim of these PTLCs pays.
    pub(super) fn index(&self, mask: usize) -> u32 {
        index(self.base, &self.ptlcs, mask)
    }

    /// The choice of all PTLCs that `known` gives a secret for.
    pub(super) fn mask(&self, known: impl Fn(&PublicKey) -> bool) -> usize {
        let bits = self.ptlcs.iter().enumerate();
        bits.filter(|(_, ptlc)| known(&ptlc.point))
            .fold(0, |mask, (i, _)| mask | 1 << i)
    }

    /// The claim of the chosen PTLCs, finished by the provider with their secrets.
    pub(super) fn finish<R: RngCore + CryptoRng>(
        &self,
        bank: &Bank,
        key: &SecretKey,
        (mask, secret): (usize, impl Fn(&PublicKey) -> Option<SecretKey>),
        rng: &mut R,
    ) -> Result<Transaction, BankError> {
        let (commitment, problem) = (self.index(mask), "a promise of it has no secret yet");
        let missing = || BankError::AdaptorCommitment {
            commitment,
            problem,
        };
        let choices = self.choices(bank);
        let claim = mask.checked_sub(1).ok_or_else(missing)?;
        let signatures = self.signatures.complete(&choices, claim, secret)?;
        let mut signatures = signatures.ok_or_else(missing)?;
        let graph = choices.graph(mask)?;
        let own = Task::new(&graph, CLAIM, signatures.len())?;
        signatures.push(own.sign_alone((PROVIDER, key), None, rng)?.0);
        Ok(finish(&graph, CLAIM, &signatures, &[])?)
    }
}

impl Message for PennyClaims {
    const KIND: Kind = kinds::CLAIM_SET;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank)
            .u32(self.base)
            .list(&self.ptlcs, |w, ptlc| {
                w.point(&ptlc.point).u32(ptlc.count);
            })
            .flag(self.foot.is_some());
        if let Some(foot) = &self.foot {
            w.point(&foot.point).fixed(&foot.signature.0);
        }
        self.signatures.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<PennyClaims, DecodeError> {
        let ptlc = |r: &mut Reader<'_>| {
            Ok(PennyPtlc {
                point: r.point("point")?,
                count: r.u32("count")?,
            })
        };
        let (bank, base) = (r.array("bank")?, r.u32("base")?);
        let ptlcs = r.list_up_to("promises", 33 + 4, MAX_PROMISES, ptlc)?;
        let foot = match r.flag("foot")? {
            true => Some(AdaptorCommitment {
                index: base,
                point: r.point("point")?,
                signature: AdaptorSignature(r.array("signature")?),
            }),
            false => None,
        };
        let counts = masks(ptlcs.len()).map(|mask| chosen(&ptlcs, mask).count());
        let signatures = ClaimSet::read(r, counts)?;
        Ok(PennyClaims {
            bank,
            base,
            ptlcs,
            foot,
            signatures,
        })
    }
}

/// The secrets that a published claim shows the payer, of those whose points it asks for. Nothing of a transaction that
/// is no claim of this bank by PTLCs.
pub(super) fn shown_by(
    bank: &Bank,
    key: &SecretKey,
    claim: &Transaction,
    points: impl Iterator<Item = PublicKey> + Clone,
) -> Result<Vec<(PublicKey, SecretKey)>, BankError> {
    let Some((graph, secrets)) = claim_of(bank, claim)? else {
        return Ok(Vec::new());
    };
    let stack = claim.input.first().map(|input| input.witness.iter());
    let mut signatures = stack.map_or(Vec::new(), |stack| stack.collect::<Vec<_>>());
    // They lie in the witness from the last signer, the provider, to the first, below script and control block.
    signatures.truncate(secrets.saturating_add(1));
    signatures.reverse();
    let payers = tasks(&graph, secrets)?.into_iter().zip(signatures);
    let published = payers.filter_map(|(task, bytes)| Some((task, bytes.try_into().ok()?)));
    let sign = |task: &Task, point: &AdaptorPoint| task.sign_again((PAYER, key), Some(point));
    Ok(extract(published, points, sign)?)
}

/// The graph of which this is the claim, if it is one, and for how many secrets it waited: told by how many pennies it
/// pays and how many sign.
fn claim_of(bank: &Bank, claim: &Transaction) -> Result<Option<(TxGraph, usize)>, BankError> {
    let Some((input, first)) = claim.input.first().zip(claim.output.first()) else {
        return Ok(None);
    };
    // Script and control block, the provider's signature, the payer's.
    let secrets = input.witness.len().saturating_sub(3);
    let commitment = pennies_in(bank.terms(), first.value);
    if secrets == 0 || secrets > MAX_PROMISES || !bank.terms().has_commitment(commitment) {
        return Ok(None);
    }
    if secrets > 1 && secrets > usize::from(bank.terms().record().promises) {
        return Ok(None);
    }
    let graph = bank.claim_by(commitment, secrets)?;
    let same = graph.txid(CLAIM) == Some(claim.compute_txid());
    Ok(same.then_some((graph, secrets)))
}

fn pennies_in(terms: &BankTerms, amount: Amount) -> u32 {
    let value = terms.record().value_sat.to_sat().max(1);
    u32::try_from(amount.to_sat() / value).unwrap_or(u32::MAX)
}

/// Fails unless `secret` is that of `point`. The fault of whoever shows it.
pub(super) fn check_secret(point: &PublicKey, secret: &SecretKey) -> Result<(), BankError> {
    let problem = "the secret shown is another's";
    ptlc::check_secret(point, secret).map_err(|_| BankError::Promise {
        point: *point,
        problem,
    })
}
