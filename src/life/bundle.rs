//! The bundle of a case: what an arbiter shows for its ruling.

use std::collections::BTreeMap;

use bitcoin::{BlockHash, Network};
use narthex_arbiter::{Body, Bundle, Headers, ProvenBlock, Silent, shown};
use narthex_contracts::terms::Role;
use narthex_game_model::{Ruling, token::SealCost};
use narthex_regtest::ChainSource;

use super::{LifeError, LifeParty};

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoBundle {
    /// Others rule on nothing.
    #[error("the {0} rules on nothing")]
    NoArbiter(Role),
    /// There is no case, or no ruling of it yet.
    #[error("there is no ruling yet")]
    NoRuling,
    /// The block behind the accusation is not there yet.
    #[error("the block at height {height} is awaited")]
    Awaited {
        /// Its height.
        height: u32,
    },
    /// What is at hand of the case does not give the ruling that is bound: this disk has forgotten some of it.
    #[error("what this disk has of the case gives that the {} is at fault, and the ruling that is bound is the other", who(*found))]
    Forgotten {
        /// What follows from what is left.
        found: Ruling,
    },
    /// It was played with a seal of another cost than contracts have, and nobody comes to the same ruling by a contract's.
    #[error("the seal has another cost than a contract's")]
    OtherSeal,
    /// A transaction is not in the block that it was read in: the chain is being reorganised, and is read again.
    #[error("the block at height {height} does not have what was read in it")]
    Gone {
        /// Height of the block.
        height: u32,
    },
    /// It cannot be judged now.
    #[error(transparent)]
    Silent(#[from] Silent),
    /// The chain or the disk cannot be read.
    #[error(transparent)]
    Life(#[from] LifeError),
}

impl From<narthex_regtest::Error> for NoBundle {
    fn from(error: narthex_regtest::Error) -> NoBundle {
        NoBundle::Life(error.into())
    }
}

const fn who(found: Ruling) -> &'static str {
    match found {
        Ruling::WorkerAtFault => "worker",
        Ruling::VerifierAtFault => "verifier",
    }
}

impl LifeParty<'_> {
    /// The block that a bundle of this case ends with, once there is a ruling and this block: another branch asks for another bundle.
    pub fn bundle_branch(&self) -> Option<BlockHash> {
        let (book, contract) = (self.book(), self.book().contract());
        let is_judge = matches!(contract.role(), Role::Arbiter(_)) && !contract.is_paper();
        book.ruling().filter(|_| is_judge)?;
        let (_, accused) = book.facts().accusation(contract)?;
        let record = book.facts().root.map_or(0, |record| record.height);
        let last = accused.saturating_add(1).max(record);
        self.signer().sight().block_hash(last)
    }

    /// The case as this arbiter has ruled on it, signed with its word key, with proofs out of this chain: what `narthex arbiter replay` rules on
    /// again. It has opened steps in it, as a panel is shown them, and no secret.
    ///
    /// # Errors
    /// [`NoBundle`].
    pub fn bundle(
        &self,
        chain: &mut dyn ChainSource,
        network: Network,
    ) -> Result<Bundle, NoBundle> {
        let (book, signer) = (self.book(), self.signer());
        let contract = book.contract();
        let Role::Arbiter(seat) = contract.role() else {
            return Err(NoBundle::NoArbiter(contract.role()));
        };
        let bound = book.ruling().ok_or(NoBundle::NoRuling)?;
        if book.facts().accusation(contract).is_none() || contract.is_paper() {
            return Err(NoBundle::NoRuling);
        }
        if signer.own.seal_cost != SealCost::CONTRACT {
            return Err(NoBundle::OtherSeal);
        }
        let question = signer.question(book, |_, _| true)?;
        let facts = &question.facts;
        let record = facts.record.map_or(0, |record| record.height);
        let last = facts.accused.saturating_add(1).max(record);
        let hash = |height| {
            let hash = signer.sight().block_hash(height);
            hash.ok_or(NoBundle::Awaited { height })
        };
        let mut headers = Vec::new();
        for height in facts.funded..=last {
            headers.push(chain.header_of(hash(height)?)?);
        }
        let found = shown(contract, signer.sight().found());
        let mut at: BTreeMap<u32, Vec<_>> = BTreeMap::new();
        for (height, txid) in found {
            at.entry(height).or_default().push(txid);
        }
        let mut blocks = Vec::new();
        for (height, txids) in at {
            let block = chain.block_of(hash(height)?)?;
            let proven = ProvenBlock::of(&block, height, &txids);
            blocks.push(proven.ok_or(NoBundle::Gone { height })?);
        }
        let report = signer.report(&question)?;
        if report.finding.ruling != bound {
            let found = report.finding.ruling;
            return Err(NoBundle::Forgotten { found });
        }
        let body = Body {
            network,
            headers: Headers::new(facts.funded, headers),
            blocks,
            report,
            dossier: question.dossier,
        };
        let digest = body.digest();
        let signature = signer.signed_by(|word| word.over(&digest));
        Ok(body.signed(seat, signature))
    }
}
