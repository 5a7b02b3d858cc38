//! A case with its ruling, for whoever was not there.

use std::sync::Arc;

use bitcoin::{Network, hashes::Hash, p2p::Magic, secp256k1::schnorr};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    statement,
};
use narthex_channel::contract::{Contract, Facts, Policy};
use narthex_contracts::{depth::Depth, template::derive, terms::Role};
use narthex_game_model::{tagged::TaggedHasher, token::SealCost};

use crate::{Anchor, BundleFault, Dossier, Headers, MAX_BLOCKS, ProvenBlock, Question, Report};

/// Largest bundle that is read, in bytes: evidence of three, and headers.
pub const MAX_BUNDLE_BYTES: u64 = 256 << 20;

/// What an arbiter signs.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// The network, which the terms do not name.
    pub network: Network,
    /// What was agreed and brought.
    pub dossier: Dossier,
    /// The chain from the funding on.
    pub headers: Headers,
    /// What of the contract is in it, up to the appeal or challenge, and the record.
    pub blocks: Vec<ProvenBlock>,
    /// What was found.
    pub report: Report,
}

impl Body {
    /// Magic of the network (4); the dossier; the headers; number of blocks (4) and blocks; the report.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.network.magic().to_bytes());
        self.dossier.write(w);
        self.headers.write(w);
        w.list(&self.blocks, |w, block| block.write(w));
        self.report.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Body, DecodeError> {
        let magic = Magic::from_bytes(r.array("network")?);
        let network = Network::from_magic(magic);
        let network = network.ok_or_else(|| DecodeError::invalid("network", magic))?;
        let dossier = Dossier::read(r)?;
        let headers = Headers::read(r)?;
        let blocks = r.list_up_to("blocks", 24, MAX_BLOCKS, ProvenBlock::read)?;
        let heights: Vec<_> = blocks.iter().map(|block| block.height).collect();
        if !heights.is_sorted_by(|one, other| one < other) {
            return Err(DecodeError::invalid("blocks", "out of order"));
        }
        Ok(Body {
            network,
            dossier,
            headers,
            blocks,
            report: Report::read(r)?,
        })
    }

    /// What the arbiter signs, with its word key: tagged hash of the contract's id and all bytes before the signature.
    pub fn digest(&self) -> [u8; 32] {
        let mut w = Writer::new(Bundle::KIND);
        self.write(&mut w);
        TaggedHasher::new("narthex/case-bundle")
            .fixed(self.dossier.terms().contract_id())
            .fixed(&w.finish())
            .finish()
    }

    /// Signed by the arbiter in this seat.
    pub const fn signed(self, seat: u8, signature: schnorr::Signature) -> Bundle {
        Bundle {
            body: self,
            seat,
            signature,
        }
    }
}

/// A case with its ruling, signed. Every byte is covered by the signature, which is an arbiter's word and no proof: what it says is checked
/// by [`Bundle::open`] and by ruling again.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    body: Body,
    seat: u8,
    signature: schnorr::Signature,
}

impl Message for Bundle {
    const KIND: Kind = kinds::CASE_BUNDLE;

    /// What is signed, the arbiter's seat (1), its signature (64).
    fn write(&self, w: &mut Writer) {
        self.body.write(w);
        w.u8(self.seat).signature(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            body: Body::read(r)?,
            seat: r.u8("arbiter")?,
            signature: r.signature("signature")?,
        })
    }
}

impl Bundle {
    /// What is signed.
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// Who has signed.
    pub const fn seat(&self) -> u8 {
        self.seat
    }

    /// What the arbiter has found.
    pub const fn report(&self) -> &Report {
        &self.body.report
    }

    /// The question that it answers, from nothing but itself: the arbiter has signed it; the headers stand on each other and hold their network's
    /// work; every transaction is in its block, and is the next one of the very graph that the terms give; the blocks are those
    /// that the case asks for. `anchor` is a block of one's own chain at a height from the one before the funding's up to the
    /// last. Without one nothing says that it is that chain, and not one that somebody made.
    ///
    /// # Errors
    /// [`BundleFault`], which says [whose fault](BundleFault::at_fault) it is.
    pub fn open(&self, anchor: Option<&Anchor>) -> Result<Question, BundleFault> {
        let (body, seat) = (&self.body, self.seat);
        let terms = body.dossier.terms();
        let role = Role::Arbiter(seat);
        let key = terms.word_key(role);
        let key = key.ok_or(BundleFault::NoArbiter { seat })?;
        let signed = statement::verify(&body.digest(), &self.signature, &key);
        signed.map_err(|_| BundleFault::Unsigned { seat })?;
        terms.case_terms(*body.dossier.job())?;
        body.headers.check(body.network)?;
        if let Some(anchor) = anchor {
            self.is_of(anchor)?;
        }
        let contract = Contract::new(
            Arc::clone(terms),
            Arc::new(derive(terms)?),
            role,
            // What is read of a chain does not depend on it.
            Policy {
                depth: Depth::LEAST,
                confirm: 1,
                message: 1,
            },
        )?;
        let facts = self.facts(&contract)?;
        let blocks = body.headers.hashes();
        let blocks = blocks.map(|(height, hash)| (height, hash.to_byte_array()));
        let facts = facts.before_panel(&contract, blocks.collect());
        let facts = facts.ok_or(BundleFault::NoCase)?;
        // A ruling asks for none above the one behind the accusation.
        let record = facts.record.map_or(0, |record| record.height);
        let (from, to) = (facts.funded, facts.accused.saturating_add(1).max(record));
        let (first, last) = (body.headers.first(), body.headers.last());
        if (first, last) != (from, to) {
            return Err(BundleFault::Range {
                first,
                last,
                from,
                to,
            });
        }
        Ok(Question {
            dossier: body.dossier.clone(),
            facts,
            cost: SealCost::CONTRACT,
        })
    }

    fn is_of(&self, anchor: &Anchor) -> Result<(), BundleFault> {
        let headers = &self.body.headers;
        match headers.hash(anchor.height) {
            Some(found) if found == anchor.hash => Ok(()),
            Some(found) => Err(BundleFault::OtherChain {
                anchor: *anchor,
                found,
            }),
            None => Err(BundleFault::FarAnchor {
                height: anchor.height,
                first: headers.first().saturating_sub(1),
                last: headers.last(),
            }),
        }
    }

    /// What the transactions say of the contract, each of them something.
    fn facts(&self, contract: &Contract) -> Result<Facts, BundleFault> {
        let root = contract.root_coin();
        let mut facts = Facts::default();
        for block in &self.body.blocks {
            let height = block.height;
            let header = self.body.headers.root(height);
            block.check(header.ok_or(BundleFault::NoHeader { height })?)?;
            for tx in block.transactions() {
                let before = facts.clone();
                facts.take(contract, tx, height);
                // A spend of the root coin that records nothing says that there is no record.
                let mut spent = tx.input.iter().map(|input| input.previous_output);
                let is_spend = !before.path.is_empty() && spent.any(|coin| Some(coin) == root);
                if facts == before && !is_spend {
                    let txid = tx.compute_txid();
                    return Err(BundleFault::Foreign { txid });
                }
            }
        }
        let last = facts.accusation(contract).map(|(_, height)| height);
        match facts.agreed.is_none() && last.is_some() && last == facts.last().map(|(_, h)| h) {
            true => Ok(facts),
            false => Err(BundleFault::NoCase),
        }
    }

    /// Whether it shows what became of the worker's root coin. Headers prove that something is on a chain, and never that nothing is: where no
    /// spend of it is shown, that there is none is the arbiter's word, to be compared with a chain of one's own.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn shows_root_coin(&self) -> Result<bool, BundleFault> {
        let terms = self.body.dossier.terms();
        let graph = derive(terms)?;
        let coin = narthex_contracts::template::root_coin(terms, &graph);
        let mut all = self.body.blocks.iter().flat_map(ProvenBlock::transactions);
        Ok(all.any(|tx| tx.input.iter().any(|i| Some(i.previous_output) == coin)))
    }
}
