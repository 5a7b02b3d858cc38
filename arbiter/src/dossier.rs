//! What parties agreed on and what they brought: the part of a case that is not the chain's.

use std::sync::Arc;

use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_channel::contract::{MAX_EVIDENCE, Piece};
use narthex_contracts::terms::{MAX_TERMS_BYTES, Terms};
use narthex_game_model::{
    computation::{JobSpec, PortableProgram},
    ruling::{Brought, Litigant},
};

/// Most parts of evidence: as often as each of three may bring some.
pub const MAX_PARTS: usize = 24;

/// What was agreed, and what was brought. In one order, each part once: who has the same has the same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dossier {
    terms: Arc<Terms>,
    job: JobSpec,
    program: Option<PortableProgram>,
    evidence: Vec<Brought>,
}

impl Dossier {
    /// Of a job whose program may be data; without it no step is run again from this alone.
    ///
    /// Two parts that say the same are one: what a party brings again is no other part.
    pub fn new(
        terms: Arc<Terms>,
        job: JobSpec,
        program: Option<PortableProgram>,
        evidence: Vec<Brought>,
    ) -> Dossier {
        let mut parts: Vec<_> = evidence.into_iter().map(|p| (key(&p), p)).collect();
        parts.sort_by(|(one, _), (other, _)| one.cmp(other));
        parts.dedup_by(|(one, _), (other, _)| one == other);
        let evidence = parts.into_iter().map(|(_, part)| part).collect();
        Dossier {
            terms,
            job,
            program,
            evidence,
        }
    }

    /// The terms.
    pub const fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// The job, which the terms name by its id.
    pub const fn job(&self) -> &JobSpec {
        &self.job
    }

    /// Its program, where that is data.
    pub const fn program(&self) -> Option<&PortableProgram> {
        self.program.as_ref()
    }

    /// What was brought.
    pub fn evidence(&self) -> &[Brought] {
        &self.evidence
    }

    /// Length and terms as JSON; the job: program (32), root of the input (32), steps (8), bytes of an output (8); whether there is a
    /// program (1), length and message; number of parts (4), each with who brought it (1) and its pieces: their number (4), each with its
    /// length and message.
    pub(crate) fn write(&self, w: &mut Writer) {
        // Checked terms can be written.
        w.bytes(self.terms.to_json().unwrap_or_default().as_bytes());
        let job = &self.job;
        w.fixed(&job.program).fixed(&job.input_root);
        w.u64(job.steps).u64(job.output_bytes);
        w.optional(self.program.as_ref(), |w, program| {
            w.message(program);
        });
        w.list(&self.evidence, |w, part| {
            w.u8(code(part.by)).list(&Piece::all_of(part), |w, piece| {
                w.message(piece);
            });
        });
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Dossier, DecodeError> {
        let json = r.bytes_up_to("terms", MAX_TERMS_BYTES)?;
        let terms = Terms::from_json(json).map_err(|e| DecodeError::invalid("terms", e))?;
        if terms.to_json().ok().as_deref().map(str::as_bytes) != Some(json) {
            return Err(DecodeError::invalid("terms", "spelt otherwise"));
        }
        let job = JobSpec {
            program: r.array("program")?,
            input_root: r.array("input")?,
            steps: r.u64("steps")?,
            output_bytes: r.u64("output")?,
        };
        let program = r.optional("whether there is a program", |r| r.message("program"))?;
        let evidence = r.list_up_to("parts", 5, MAX_PARTS, read_part)?;
        let keys: Vec<_> = evidence.iter().map(key).collect();
        match keys.is_sorted_by(|one, other| one < other) {
            true => Ok(Dossier {
                terms: Arc::new(terms),
                job,
                program,
                evidence,
            }),
            false => Err(DecodeError::invalid(
                "parts",
                "out of order, or one is there twice",
            )),
        }
    }
}

const fn code(by: Litigant) -> u8 {
    match by {
        Litigant::Client => 0,
        Litigant::Worker => 1,
        Litigant::Verifier => 2,
    }
}

/// By what parts are put in order.
fn key(part: &Brought) -> (u8, Vec<Vec<u8>>) {
    let pieces = Piece::all_of(part);
    let pieces = pieces.iter().map(Message::to_bytes).collect();
    (code(part.by), pieces)
}

/// Where a piece stands among others, and whether there is one of it at most; `None` for what no panel looks into.
const fn rank(piece: &Piece) -> Option<(u8, bool)> {
    match piece {
        Piece::Item(_) => Some((0, false)),
        Piece::Receipt(_) => Some((1, false)),
        Piece::Commitment(_) => Some((2, true)),
        Piece::Opening(_) => Some((3, false)),
        Piece::Token(_) => Some((4, true)),
        Piece::Record(_) => Some((5, true)),
        Piece::Boxes(_) => None,
    }
}

fn read_part(r: &mut Reader<'_>) -> Result<Brought, DecodeError> {
    let by = match r.u8("who brought it")? {
        0 => Litigant::Client,
        1 => Litigant::Worker,
        2 => Litigant::Verifier,
        other => return Err(DecodeError::invalid("who brought it", other)),
    };
    let mut part = Brought::by(by);
    let mut last = None;
    // A piece has its length and its kind before anything else.
    r.list_up_to("pieces", 9, MAX_EVIDENCE, |r| {
        let piece: Piece = r.message("piece")?;
        let (next, is_single) =
            rank(&piece).ok_or_else(|| DecodeError::invalid("piece", "boxes are no evidence"))?;
        if last.is_some_and(|last| last > next || (is_single && last == next)) {
            return Err(DecodeError::invalid("pieces", "out of order"));
        }
        last = Some(next);
        piece.bring(&mut part);
        Ok(())
    })?;
    Ok(part)
}
