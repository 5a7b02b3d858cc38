//! What a judge is asked, and what it answers.

use std::collections::BTreeMap;

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_contracts::terms::TermsError;
use narthex_game_model::{
    Accusation,
    ruling::{Case, ChainFacts, RootOfRecord},
    tagged::TaggedHasher,
    token::SealCost,
};

use crate::{Dossier, MAX_HEADERS, Report, Silence, Silent};

/// A case, as whoever asks has read it off terms and chain, with all that was brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What was agreed and brought.
    pub dossier: Dossier,
    /// What is on chain.
    pub facts: ChainFacts,
    /// What a seal costs: [`SealCost::CONTRACT`] in every contract.
    pub cost: SealCost,
}

impl Question {
    /// The case, as the table takes it.
    ///
    /// # Errors
    /// [`TermsError`]: another job than the terms', or terms under which no panel rules.
    pub fn case(&self) -> Result<Case, TermsError> {
        Ok(Case {
            terms: self.dossier.terms().case_terms(*self.dossier.job())?,
            chain: self.facts.clone(),
        })
    }

    /// By which an answer names it.
    pub fn id(&self) -> [u8; 32] {
        let hash = TaggedHasher::new("narthex/case-question");
        hash.fixed(&self.to_bytes()).finish()
    }
}

impl Message for Question {
    const KIND: Kind = kinds::CASE_QUESTION;

    /// The dossier; heights of funding and delivery (4 each); whether there is a record (1), its height (4) and root; accusation (1: 0 appeal,
    /// 1 challenge); heights of verdict and accusation (4 each); number of blocks (4), each with height (4) and hash; memory in KiB and
    /// passes of a seal (4 each).
    fn write(&self, w: &mut Writer) {
        self.dossier.write(w);
        let chain = &self.facts;
        w.u32(chain.funded).u32(chain.delivered);
        w.optional(chain.record.as_ref(), |w, record| {
            w.u32(record.height).fixed(&record.root);
        });
        w.flag(chain.accusation == Accusation::Challenge);
        w.u32(chain.verdict).u32(chain.accused);
        let blocks: Vec<_> = chain.blocks.iter().collect();
        w.list(&blocks, |w, (height, hash)| {
            w.u32(**height).fixed(*hash);
        });
        w.u32(self.cost.memory_kib).u32(self.cost.passes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let dossier = Dossier::read(r)?;
        let (funded, delivered) = (r.u32("funding")?, r.u32("delivery")?);
        let record = r.optional("whether there is a record", |r| {
            let (height, root) = (r.u32("record")?, r.array("root")?);
            Ok(RootOfRecord { height, root })
        })?;
        let accusation = match r.flag("accusation")? {
            true => Accusation::Challenge,
            false => Accusation::Appeal,
        };
        let (verdict, accused) = (r.u32("verdict")?, r.u32("accusation")?);
        let blocks = r.list_up_to("blocks", 36, MAX_HEADERS, |r| {
            Ok((r.u32("block")?, r.array("hash")?))
        })?;
        if !blocks.is_sorted_by(|(one, _), (other, _)| one < other) {
            return Err(DecodeError::invalid("blocks", "out of order"));
        }
        Ok(Self {
            dossier,
            facts: ChainFacts {
                funded,
                delivered,
                record,
                accusation,
                verdict,
                accused,
                blocks: BTreeMap::from_iter(blocks),
            },
            cost: SealCost {
                memory_kib: r.u32("memory of a seal")?,
                passes: r.u32("passes of a seal")?,
            },
        })
    }
}

/// What a judge in a box has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// [`Question::id`]: an answer to something else is none.
    pub question: [u8; 32],
    /// What was found, or why nothing was.
    pub found: Result<Report, Silent>,
}

impl Message for Answer {
    const KIND: Kind = kinds::CASE_ANSWER;

    /// Id of the question (32); whether there is a ruling (1), then the report, or why there is none: a byte (0 a block is awaited, 1 the
    /// engines differ, 2 this machine, 3 the case) and length and words.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.question).flag(self.found.is_ok());
        match &self.found {
            Ok(report) => report.write(w),
            Err(silent) => {
                w.u8(silent.why.code()).bytes(silent.words.as_bytes());
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let question = r.array("question")?;
        let found = match r.flag("whether there is a ruling")? {
            true => Ok(Report::read(r)?),
            false => Err(Silent {
                why: Silence::read(r)?,
                words: crate::report::words(r, "why there is none")?,
            }),
        };
        Ok(Self { question, found })
    }
}
