//! What is brought to the panel, and how it rules.

use std::collections::BTreeMap;

use bitcoin::hashes::Hash;
use narthex_contracts::{
    graph::NodeName,
    template::{Exit, RootRecord, root_coin},
    terms::Role,
};
use narthex_game_model::{
    Accusation, Ruling,
    commitment::Opening,
    play::EvidenceError,
    ruling::{
        Answer, Brought, Case, ChainFacts, Item, ProvenRecord, Rerun, RootOfRecord, Row, RuleError,
        rule,
    },
};

use super::{Piece, missing};
use crate::play::{ContractPlay, PlayError, job, work::described, work::job_error};

use Role::{Verifier, Worker};

impl ContractPlay<'_> {
    fn height_on_chain(&self, name: &NodeName) -> Result<u32, PlayError> {
        let height = self.confirmed_at(name);
        height.ok_or_else(|| missing(&name.to_string()))
    }

    /// The case, as each judge derives it alone from terms and chain.
    fn case(&mut self) -> Result<Case, PlayError> {
        let terms = self.terms.case_terms(*self.workshop.job.spec())?;
        let funded = self.on_chain.first().map(|tx| tx.height);
        let funded = funded.ok_or_else(|| missing("Tx0"))?;
        let delivered = self.height_on_chain(&Exit::DELIVERED)?;
        let accusation = self.accusation();
        let [verdict, step] = match accusation {
            Accusation::Appeal => [Exit::REJECTED, Exit::APPEALED],
            Accusation::Challenge => [Exit::APPROVED, Exit::CHALLENGED],
        };
        let verdict = self.height_on_chain(&verdict)?;
        let accused = self.height_on_chain(&step)?;
        let record = self.root_of_record()?;
        let mut blocks = BTreeMap::new();
        for height in funded..=self.chain.height()? {
            blocks.insert(height, self.chain.block_hash(height)?.to_byte_array());
        }
        Ok(Case {
            terms,
            chain: ChainFacts {
                funded,
                delivered,
                record,
                accusation,
                verdict,
                accused,
                blocks,
            },
        })
    }

    /// What has put the case before the panel: an appeal, unless the client has challenged.
    pub(in crate::play) fn accusation(&self) -> Accusation {
        match self.confirmed_at(&Exit::CHALLENGED) {
            Some(_) => Accusation::Challenge,
            None => Accusation::Appeal,
        }
    }

    pub(super) fn root_of_record(&mut self) -> Result<Option<RootOfRecord>, PlayError> {
        let Some(coin) = root_coin(&self.terms, &self.graph) else {
            return Ok(None);
        };
        let spender = self.chain.spender(coin)?;
        Ok(spender.and_then(|by| {
            Some(RootOfRecord {
                height: by.height?,
                root: RootRecord::find(&by.tx, coin)?.root,
            })
        }))
    }

    /// The worker opens these steps, as its book allows.
    pub(in crate::play) fn open_steps(&mut self, indices: &[u64]) -> Result<Opening, PlayError> {
        let delivery = self.delivery.as_mut().ok_or_else(|| missing("work"))?;
        // A play is not taken up again: nothing of its book outlives it.
        let allowed = delivery.book.allow(indices, |_| Ok(()));
        let opening = delivery.work.open(&allowed.map_err(job_error)?);
        opening.map_err(job_error)
    }

    /// Both sides bring the panel what they have.
    pub(in crate::play) fn bring_evidence(&mut self) -> Result<(), PlayError> {
        self.worker_brings()?;
        self.verifier_brings()
    }

    /// Worker and client bring the panel what they have of an approval that was challenged.
    pub(in crate::play) fn bring_challenge(&mut self, step: Option<u64>) -> Result<(), PlayError> {
        self.worker_answers()?;
        self.client_brings(step)
    }

    /// The worker brings the panel what it opened to the client, if it did.
    fn worker_answers(&mut self) -> Result<(), PlayError> {
        let commitment = Piece::Commitment(Box::new(self.committed()?));
        let mut pieces = vec![commitment];
        pieces.extend(self.papers(Worker)?.evidence());
        let count = pieces.len();
        self.bring(Worker, &pieces)?;
        self.step(
            Worker,
            format!("brings the panel {count} pieces of evidence"),
            "what it said, what it opened to the client, and what was acknowledged",
        )
    }

    fn worker_brings(&mut self) -> Result<(), PlayError> {
        let commitment = self.committed()?;
        let contract = *self.terms.contract_id();
        // What it sealed its token for and nothing else: that is what a ruling that pays it asks for.
        let drawn = self.taken()?.ok_or_else(|| missing("a token"))?;
        let opening = self.open_steps(&drawn.indices)?;
        let mut pieces = vec![Piece::Commitment(Box::new(commitment))];
        let papers = self.papers(Worker)?;
        let own = |item: &Item| match item {
            // Whoever is bound by two roots does not say so itself.
            Item::Commitment(signed) => **signed == commitment,
            _ => true,
        };
        let items = papers.told().into_iter();
        let items = items.filter(|signed| own(&signed.item));
        pieces.extend(items.map(Piece::Item));
        pieces.extend(papers.receipts.iter().copied().map(Piece::Receipt));
        let token = papers.said.sealed(&contract);
        let answer = token.and_then(|(token, _)| papers.said.reply_to(&contract, &token));
        if let Some((_, Answer::Digests(digests))) = answer {
            pieces.extend(self.record(&opening, &digests)?);
        }
        let opening = Piece::Opening(Box::new(opening));
        // What the panel is shown, the other side sees too.
        self.hand(Worker, Verifier, &opening)?;
        pieces.push(opening);
        self.bring(Worker, &pieces)?;
        self.step(
            Worker,
            "brings the panel what was signed and acknowledged, and opens the sample that its token names".into(),
            "evidence: no approval is possible any more, and a ruling that pays it asks for it",
        )
    }

    /// The input of the lowest step on which leaves and digests differ.
    fn record(&self, opening: &Opening, digests: &[[u8; 32]]) -> Result<Option<Piece>, PlayError> {
        let mut pairs = opening.leaves.iter().zip(digests);
        let differs = pairs.find(|(leaf, own)| leaf.digest != **own);
        let Some((leaf, _)) = differs else {
            return Ok(None);
        };
        self.input(leaf.index).map(Some)
    }

    /// The input of a step, with its proof.
    pub(super) fn input(&self, index: u64) -> Result<Piece, PlayError> {
        let (record, proof) = self.workshop.job.prove_record(index).map_err(job_error)?;
        Ok(Piece::Record(ProvenRecord {
            index,
            record,
            proof,
        }))
    }

    /// Hash of the block at a height, once it is deep.
    pub(super) fn deep_block(&mut self, height: u32) -> Result<[u8; 32], PlayError> {
        let deep = self.options.depth.reached_at(height);
        let missing = deep.saturating_sub(self.chain.height()?);
        self.mine(missing)?;
        Ok(self.chain.block_hash(height)?.to_byte_array())
    }

    fn verifier_brings(&mut self) -> Result<(), PlayError> {
        let papers = self.papers(Verifier)?;
        let mut pieces: Vec<_> = papers.evidence().collect();
        if let Some(digests) = &self.talk.digests {
            let sampled = self.sampled(Verifier, &self.received()?)?.indices;
            let of_sample = |opening: &&Opening| {
                let opened = opening.leaves.iter().map(|leaf| leaf.index);
                opened.eq(sampled.iter().copied())
            };
            if let Some(opening) = papers.openings.iter().find(of_sample) {
                pieces.extend(self.record(opening, digests.digests())?);
            }
        }
        self.bring(Verifier, &pieces)?;
        let count = pieces.len();
        self.step(
            Verifier,
            format!("brings the panel {count} pieces of evidence"),
            "what it was sent, what it said, and what it was acknowledged",
        )
    }

    /// Every arbiter gets every piece; which of them count, the table says.
    pub(super) fn bring(&mut self, from: Role, pieces: &[Piece]) -> Result<(), PlayError> {
        let by = from.litigant().ok_or_else(|| missing("a litigant"))?;
        for arbiter in 0..self.terms.panel_size() {
            let arbiter = Role::Arbiter(arbiter);
            for piece in pieces {
                let read = self.send(from, arbiter, piece)?;
                let papers = self.papers_mut(arbiter);
                let part = papers.brought.entry(by);
                read.bring(part.or_insert_with(|| Brought::by(by)));
            }
        }
        Ok(())
    }

    /// By which row the panel ruled.
    pub(in crate::play) fn row(&self) -> Option<Row> {
        self.talk.row
    }

    /// What an arbiter finds: the first row of the table that applies to its case, and nothing of its own.
    pub(in crate::play) fn find_ruling(&mut self, arbiter: u8) -> Result<Ruling, PlayError> {
        let case = self.case()?;
        let shop = &self.workshop;
        // Nobody rules on a job that the contract's parameters were not made for.
        let accepted = self.terms.params().accepts_job(&shop.job);
        let accepted = accepted.map_err(job::misfit)?;
        let brought = self.papers(Role::Arbiter(arbiter))?.brought.values();
        let brought: Vec<Brought> = brought.cloned().collect();
        let rerun = Rerun::Step {
            program: shop.job.program(),
            job: &accepted,
        };
        let found = rule(&case, &brought, rerun, self.options.seal_cost);
        let found = found.map_err(|error| match error {
            RuleError::Step(EvidenceError::Defect { index, error }) => shop.no_output(index, error),
            error => PlayError::Rule(error),
        })?;
        self.talk.row = Some(found.row);
        let (row, who) = (found.row, described(self.accusation(), found.ruling));
        let reason = match found.unpaid {
            None => found.reason,
            Some(unpaid) => format!("{}; {unpaid}", found.reason),
        };
        self.step(
            Role::Arbiter(arbiter),
            format!("rules: {who}, by row {row}"),
            &reason,
        )?;
        Ok(found.ruling)
    }
}
