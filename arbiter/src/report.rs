//! A finding with who found it.

use narthex_base::codec::{DecodeError, Reader, Writer};
use narthex_game_model::{
    Ruling,
    ruling::{CaseFinding, Litigant, Refused, Row},
};
use serde::{Deserialize, Serialize};

/// Most bytes of words in a finding.
const MAX_WORDS: usize = 1 << 16;
/// Most pieces that are refused: all that 24 parts can have, and the parts.
const MAX_REFUSED: usize = 1 << 13;

/// By which engines a finding was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Judged {
    /// No step was run again: the table needed none.
    NoStep,
    /// A step was run again by one engine alone.
    Alone {
        /// Which.
        engine: String,
        /// Why by no second one.
        why: String,
    },
    /// By two, which agree.
    Both {
        /// The one that rules.
        engine: String,
        /// The other.
        other: String,
    },
}

impl std::fmt::Display for Judged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoStep => f.write_str("no step had to be run again"),
            Self::Alone { engine, why } => write!(f, "by {engine} alone: {why}"),
            Self::Both { engine, other } => write!(f, "by {engine} and {other}, which agree"),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The first row that applies, and what follows.
    pub finding: CaseFinding,
    /// How the step was run again, if one was. It says something of the machine that judged, and nothing of the case.
    pub judged: Judged,
}

pub(crate) fn words(r: &mut Reader<'_>, field: &'static str) -> Result<String, DecodeError> {
    let bytes = r.bytes_up_to(field, MAX_WORDS)?;
    let text = std::str::from_utf8(bytes).map_err(|e| DecodeError::invalid(field, e))?;
    Ok(text.to_owned())
}

fn say(w: &mut Writer, words: &str) {
    // What is longer was cut when it was found.
    w.bytes(words.as_bytes());
}

/// Words, cut to what is read.
pub(crate) fn cut(mut words: String) -> String {
    if words.len() > MAX_WORDS {
        let mut end = MAX_WORDS;
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        words.truncate(end);
    }
    words
}

const LITIGANTS: [Litigant; 3] = Litigant::ALL;

/// Where something stands in a list of all there is of its kind.
fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let at = all.iter().position(|other| other == one);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

fn placed<T: Copy>(all: &[T], r: &mut Reader<'_>, field: &'static str) -> Result<T, DecodeError> {
    let at = r.u8(field)?;
    let one = all.get(usize::from(at)).copied();
    one.ok_or_else(|| DecodeError::invalid(field, at))
}

impl Report {
    /// Of a finding, with words no longer than are read.
    pub(crate) fn new(finding: CaseFinding, judged: Judged) -> Report {
        let finding = CaseFinding {
            reason: cut(finding.reason),
            unpaid: finding.unpaid.map(cut),
            refused: finding
                .refused
                .into_iter()
                .map(|refused| Refused {
                    by: refused.by,
                    what: cut(refused.what),
                    why: cut(refused.why),
                })
                .collect(),
            ..finding
        };
        Report { finding, judged }
    }

    /// Row (1, its place in the table), ruling (1: 0 against the worker, 1 against the verifier), length and reason; whether it pays nobody (1),
    /// length and why; number of pieces that were refused (4), each with who brought it (1), length and what, length and why; a byte: 0 no
    /// step, 1 one engine, 2 two, then two times length and words but for 0.
    pub(crate) fn write(&self, w: &mut Writer) {
        let found = &self.finding;
        w.u8(place(&Row::ALL, &found.row));
        w.u8(place(&Ruling::ALL, &found.ruling));
        say(w, &found.reason);
        w.optional(found.unpaid.as_ref(), |w, why| say(w, why));
        w.list(&found.refused, |w, refused| {
            w.u8(place(&LITIGANTS, &refused.by));
            say(w, &refused.what);
            say(w, &refused.why);
        });
        let (code, words) = match &self.judged {
            Judged::NoStep => (0, None),
            Judged::Alone { engine, why } => (1, Some((engine, why))),
            Judged::Both { engine, other } => (2, Some((engine, other))),
        };
        w.u8(code);
        if let Some((one, other)) = words {
            say(w, one);
            say(w, other);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Report, DecodeError> {
        let finding = CaseFinding {
            row: placed(&Row::ALL, r, "row")?,
            ruling: placed(&Ruling::ALL, r, "ruling")?,
            reason: words(r, "reason")?,
            unpaid: r.optional("whether it pays nobody", |r| words(r, "why it pays nobody"))?,
            refused: r.list_up_to("refused", 9, MAX_REFUSED, |r| {
                Ok(Refused {
                    by: placed(&LITIGANTS, r, "who brought it")?,
                    what: words(r, "what was refused")?,
                    why: words(r, "why it was refused")?,
                })
            })?,
        };
        let judged = match r.u8("engines")? {
            0 => Judged::NoStep,
            1 => Judged::Alone {
                engine: words(r, "engine")?,
                why: words(r, "why by one alone")?,
            },
            2 => Judged::Both {
                engine: words(r, "engine")?,
                other: words(r, "other engine")?,
            },
            other => return Err(DecodeError::invalid("engines", other)),
        };
        Ok(Report { finding, judged })
    }
}
