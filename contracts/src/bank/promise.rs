//! Promises: pennies that a secret of somebody else's enforces, on top of those that were given.
//!
//! A frame holds the payer's signatures on one claim for each choice among the pending promises: it pays the pennies
//! given when the frame was made and those of the chosen promises. Each chosen promise has a signature of its own in
//! it, that lacks its secret and nothing else. So whoever publishes a claim shows the payer each secret by itself:
//! a payer that made promises for several others can collect from each of them. One signature under the sum of the
//! points would show the sum alone.

use bitcoin::{
    Transaction,
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use serde::{Deserialize, Serialize};

use super::{
    Bank, BankError, Rung,
    ladder::{CLAIM, PAYER_POSITION},
    template::{PAYER, PROVIDER},
};
use crate::{
    graph::TxGraph,
    musig::{AdaptorPoint, AdaptorSignature},
    pact::{PactError, Task, finish},
};

/// Most promises of a bank that are pending at a time: n of them need n·2ⁿ⁻¹ signatures, 12 for three.
pub const MAX_PROMISES: usize = 3;

/// Pennies that are the provider's once a secret is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// The secret's point.
    pub point: PublicKey,
    /// How many pennies.
    pub count: u32,
}

/// All pending promises of a bank with the payer's signatures. A later frame takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which bank it is of.
    pub bank: [u8; 32],
    /// Pennies given before, which each claim pays too.
    pub base: u32,
    /// The promises, in the order in which they were made.
    pub promises: Vec<Promise>,
    /// The ordinary rung at the base, if a claim of as little can be published.
    pub foot: Option<Rung>,
    /// For each choice of promises, as a bit mask from 1 on, a signature for each chosen one.
    signatures: Vec<Vec<AdaptorSignature>>,
}

impl Frame {
    /// Fails unless a bank with so many pennies given can bear these promises.
    pub(super) fn check_promises(
        bank: &Bank,
        base: u32,
        promises: &[Promise],
    ) -> Result<(), BankError> {
        let frame = Frame {
            bank: bank.terms().bank(),
            base,
            promises: promises.to_vec(),
            foot: None,
            signatures: Vec::new(),
        };
        frame.check(bank)
    }

    /// Signs every claim of these promises. The same frame comes out each time, but for its foot.
    pub(super) fn sign(
        bank: &Bank,
        key: &SecretKey,
        (base, foot): (u32, Option<Rung>),
        promises: &[Promise],
    ) -> Result<Frame, BankError> {
        let mut frame = Frame {
            bank: bank.terms().bank(),
            base,
            promises: promises.to_vec(),
            foot,
            signatures: Vec::new(),
        };
        frame.check(bank)?;
        for mask in frame.masks() {
            let graph = frame.claim_graph(bank, mask)?;
            let chosen = frame.chosen(mask).enumerate();
            let sign = |(slot, promise): (usize, &Promise)| {
                sign(&graph, key, slot, &promise.point).map_err(BankError::from)
            };
            let signatures = chosen.map(sign).collect::<Result<_, BankError>>()?;
            frame.signatures.push(signatures);
        }
        Ok(frame)
    }

    /// Checks everything that can be checked without a secret. The payer's fault.
    pub(super) fn verify(&self, bank: &Bank) -> Result<(), BankError> {
        if self.bank != bank.terms().bank() {
            return Err(BankError::Foreign);
        }
        self.check(bank)?;
        let false_signature = || PactError::Signature {
            signer: PAYER,
            what: "a promise",
        };
        for mask in self.masks() {
            let graph = self.claim_graph(bank, mask)?;
            let held = self.held(mask).ok_or_else(false_signature)?;
            if held.len() != self.chosen(mask).count() {
                return Err(false_signature().into());
            }
            for (slot, (promise, signature)) in self.chosen(mask).zip(held).enumerate() {
                let point = AdaptorPoint::try_from(promise.point).map_err(PactError::from)?;
                Task::new(&graph, CLAIM, slot)?
                    .verify(signature, Some(&point))
                    .map_err(|_| false_signature())?;
            }
        }
        Ok(())
    }

    /// Promises that this bank can bear: not too many, no point twice, each worth a claim, all within the balance.
    fn check(&self, bank: &Bank) -> Result<(), BankError> {
        let terms = bank.terms();
        let (given, most) = (self.promises.len(), terms.record().promises);
        if given > usize::from(most) {
            return Err(BankError::Promises { given, most });
        }
        let pennies = terms.record().pennies;
        let mut index = self.base;
        for (i, promise) in self.promises.iter().enumerate() {
            let fail = |problem| BankError::Promise {
                point: promise.point,
                problem,
            };
            if self.promises[..i].iter().any(|p| p.point == promise.point) {
                return Err(fail("its point has a promise already"));
            }
            let alone = self.base.saturating_add(promise.count);
            if promise.count == 0 || !terms.has_rung(alone.min(pennies)) {
                return Err(fail("it is worth less than an output"));
            }
            index = index.saturating_add(promise.count);
        }
        match index > pennies {
            true => Err(BankError::Beyond { index, pennies }),
            false => Ok(()),
        }
    }

    fn masks(&self) -> impl Iterator<Item = usize> + use<> {
        1..1usize << self.promises.len().min(MAX_PROMISES)
    }

    fn chosen(&self, mask: usize) -> impl Iterator<Item = &Promise> {
        let chosen = move |(i, promise)| (mask >> i & 1 == 1).then_some(promise);
        self.promises.iter().enumerate().filter_map(chosen)
    }

    fn held(&self, mask: usize) -> Option<&Vec<AdaptorSignature>> {
        self.signatures.get(mask.checked_sub(1)?)
    }

    /// Pennies that the claim of these promises pays.
    pub(super) fn index(&self, mask: usize) -> u32 {
        self.chosen(mask)
            .fold(self.base, |sum, p| sum.saturating_add(p.count))
    }

    fn claim_graph(&self, bank: &Bank, mask: usize) -> Result<TxGraph, BankError> {
        bank.claim_by(self.index(mask), self.chosen(mask).count())
    }

    /// The choice of all promises that `known` gives a secret for.
    pub(super) fn mask(&self, known: impl Fn(&PublicKey) -> bool) -> usize {
        let bits = self.promises.iter().enumerate();
        bits.filter(|(_, promise)| known(&promise.point))
            .fold(0, |mask, (i, _)| mask | 1 << i)
    }

    /// The claim of the chosen promises, finished by the provider with their secrets.
    pub(super) fn finish<R: RngCore + CryptoRng>(
        &self,
        bank: &Bank,
        key: &SecretKey,
        (mask, secret): (usize, impl Fn(&PublicKey) -> Option<SecretKey>),
        rng: &mut R,
    ) -> Result<Transaction, BankError> {
        let (rung, problem) = (self.index(mask), "a promise of it has no secret yet");
        let missing = || BankError::Rung { rung, problem };
        let held = self.held(mask).ok_or_else(missing)?;
        let graph = self.claim_graph(bank, mask)?;
        let mut signatures = Vec::with_capacity(held.len() + 1);
        for (slot, (promise, signature)) in self.chosen(mask).zip(held).enumerate() {
            let secret = secret(&promise.point).ok_or_else(missing)?;
            let task = Task::new(&graph, CLAIM, slot)?;
            signatures.push(task.complete(signature, &secret)?);
        }
        let own = Task::new(&graph, CLAIM, signatures.len())?;
        signatures.push(own.sign_alone((PROVIDER, key), None, rng)?.0);
        Ok(finish(&graph, CLAIM, &signatures, &[])?)
    }
}

impl Message for Frame {
    const KIND: Kind = kinds::CLAIM_SET;

    fn write(&self, w: &mut Writer) {
        w.fixed(&self.bank)
            .u32(self.base)
            .list(&self.promises, |w, promise| {
                w.point(&promise.point).u32(promise.count);
            })
            .flag(self.foot.is_some());
        if let Some(foot) = &self.foot {
            w.point(&foot.point).fixed(&foot.signature.0);
        }
        for signature in self.signatures.iter().flatten() {
            w.fixed(&signature.0);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Frame, DecodeError> {
        let promise = |r: &mut Reader<'_>| {
            Ok(Promise {
                point: r.point("point")?,
                count: r.u32("count")?,
            })
        };
        let signature = |r: &mut Reader<'_>| r.array("signature").map(AdaptorSignature);
        let mut frame = Frame {
            bank: r.array("bank")?,
            base: r.u32("base")?,
            promises: r.list_up_to("promises", 33 + 4, MAX_PROMISES, promise)?,
            foot: None,
            signatures: Vec::new(),
        };
        if r.flag("foot")? {
            frame.foot = Some(Rung {
                index: frame.base,
                point: r.point("point")?,
                signature: signature(r)?,
            });
        }
        for mask in frame.masks() {
            let chosen = (0..mask.count_ones()).map(|_| signature(r));
            frame.signatures.push(chosen.collect::<Result<_, _>>()?);
        }
        Ok(frame)
    }
}

/// The payer's signature in the claim of a graph, under a promise's point.
fn sign(
    graph: &TxGraph,
    key: &SecretKey,
    slot: usize,
    point: &PublicKey,
) -> Result<AdaptorSignature, PactError> {
    let point = AdaptorPoint::try_from(*point)?;
    Task::new(graph, CLAIM, slot)?.sign_again((PAYER, key), &point)
}

/// The secrets that a published claim shows the payer, of those whose points it asks for. Nothing of a transaction
/// that is no claim of this bank by promises.
///
/// The payer makes its signatures again instead of keeping those of every frame that was ever sent.
pub(super) fn extract(
    bank: &Bank,
    key: &SecretKey,
    claim: &Transaction,
    points: impl Iterator<Item = PublicKey> + Clone,
) -> Result<Vec<(PublicKey, SecretKey)>, BankError> {
    let Some(graph) = claim_of(bank, claim)? else {
        return Ok(Vec::new());
    };
    let stack = claim.input.first().map(|input| input.witness.iter());
    let mut signatures = stack.map_or(Vec::new(), |stack| stack.collect::<Vec<_>>());
    // They lie in the witness from the last signer, the provider, to the first, below script and control block.
    signatures.truncate(signatures.len().saturating_sub(2));
    signatures.reverse();
    let mut found = Vec::new();
    for (slot, published) in signatures.iter().enumerate() {
        let Ok(published) = <&[u8; 64]>::try_from(*published) else {
            continue;
        };
        if slot + 1 == signatures.len() {
            break;
        }
        let task = Task::new(&graph, CLAIM, PAYER_POSITION + slot)?;
        for point in points.clone() {
            let own = sign(&graph, key, slot, &point)?;
            let adaptor = AdaptorPoint::try_from(point).map_err(PactError::from)?;
            if let Ok(secret) = task.extract(&own, published, &adaptor) {
                found.push((point, secret));
            }
        }
    }
    Ok(found)
}

/// The graph of which this is the claim, if it is one: told by how many pennies it pays and how many sign.
fn claim_of(bank: &Bank, claim: &Transaction) -> Result<Option<TxGraph>, BankError> {
    let Some((input, first)) = claim.input.first().zip(claim.output.first()) else {
        return Ok(None);
    };
    // Script and control block, the provider's signature, the payer's.
    let secrets = input.witness.len().saturating_sub(3);
    let value = bank.terms().record().value_sat.to_sat();
    let rung = u32::try_from(first.value.to_sat() / value.max(1)).unwrap_or(u32::MAX);
    if secrets == 0 || secrets > MAX_PROMISES || !bank.terms().has_rung(rung) {
        return Ok(None);
    }
    if secrets > 1 && secrets > usize::from(bank.terms().record().promises) {
        return Ok(None);
    }
    let graph = bank.claim_by(rung, secrets)?;
    let same = graph.txid(CLAIM) == Some(claim.compute_txid());
    Ok(same.then_some(graph))
}

/// Fails unless `secret` is that of `point`. The fault of whoever shows it.
pub(super) fn check_secret(point: &PublicKey, secret: &SecretKey) -> Result<(), BankError> {
    let problem = "the secret shown is another's";
    match PublicKey::from_secret_key(&Secp256k1::signing_only(), secret) == *point {
        true => Ok(()),
        false => Err(BankError::Promise {
            point: *point,
            problem,
        }),
    }
}
