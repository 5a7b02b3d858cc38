//! The panel: the first willing arbiters in drawn order, out of what all three parties show. A verifier is seated alike.

use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    tagged::tagged_hash_parts,
};
use std::collections::BTreeMap;

use bitcoin::{hashes::sha256, key::XOnlyPublicKey, secp256k1::PublicKey};

use super::{AnswerSet, DrawCase, Entry, MAX_ANSWERS, OfferRole, Order, Unacceptable, Willingness};
use crate::{
    party::PartySet,
    terms::{MAX_ARBITERS, Role, TermsDraft},
};

/// Why there is no panel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgreeError {
    /// The order is one of the other role. The caller's fault.
    #[error("this is the order of a draw for the role of {found}, not for that of {wanted}")]
    OtherRole {
        /// Whose order it is.
        found: OfferRole,
        /// Who is wanted.
        wanted: OfferRole,
    },
    /// All who draw must each show one set: client and worker, and the verifier for a panel.
    #[error("the sets of all who draw are needed, once each; {role} is missing")]
    MissingSet {
        /// Whose set is missing.
        role: Role,
    },
    /// A set is larger than any honest one. Its sender's fault.
    #[error("{by} shows {given} answers; at most {MAX_ANSWERS} are read")]
    TooMany {
        /// Who showed it.
        by: Role,
        /// Answers in it.
        given: usize,
    },
    /// Too few are willing: draw again, with other terms or later.
    #[error("{willing} of those drawn are willing, {wanted} are needed")]
    TooFew {
        /// Valid answers.
        willing: usize,
        /// Seats.
        wanted: u8,
    },
}

/// A party did not show the answer of an arbiter that others could show.
///
/// Either it hid the answer, or the arbiter did not send it one; an arbiter that answers some and not others shows
/// up here again and again. The panel is the same in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concealed {
    /// Whose set lacks the answer.
    pub by: Role,
    /// Whose answer.
    pub arbiter: XOnlyPublicKey,
    /// Who showed it.
    pub shown_by: PartySet,
}

/// An answer that counts for nothing. Whoever showed it can check that itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UselessAnswer {
    /// Who showed it.
    pub by: Role,
    /// Whose answer it claims to be.
    pub arbiter: XOnlyPublicKey,
    /// Why it does not count.
    pub reason: &'static str,
}

/// What the three sets say about those who showed them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Answers of arbiters with a seat, that a party did not show. Later ones it need not have asked.
    pub concealed: Vec<Concealed>,
    /// Answers with a wrong signature, or of somebody who was not drawn.
    pub useless: Vec<UselessAnswer>,
}

/// A panel with the report on how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The panel.
    pub panel: Panel,
    /// Who kept what back.
    pub report: Report,
}

/// The arbiters of one contract, in drawn order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// First drawn first: arbiter i of the contract is `arbiters[i]`.
    pub arbiters: Vec<Entry>,
    /// Hash of the draw and of all valid answers. Parties whose transcripts differ were shown different sets by
    /// somebody, and exchange them before they go on.
    pub transcript: [u8; 32],
}

/// Why terms do not name the panel that was drawn. The proposer's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsMismatch {
    /// The draw was for other parameters.
    #[error("the terms have other parameters than the draw")]
    Params,
    /// The draw was between other parties.
    #[error("the terms name another key for {role} than the draw")]
    Principal {
        /// Whose key differs.
        role: Role,
    },
    /// The terms name somebody else, or nobody, for a seat.
    #[error("seat {seat} is drawn for {drawn}; the terms name another")]
    Seat {
        /// Index on the panel.
        seat: u8,
        /// Identity drawn.
        drawn: XOnlyPublicKey,
    },
    /// A seat is filled by an offer that the draw was not among.
    #[error("seat {seat}, {drawn}, offers other terms ({terms}) than the draw was among")]
    UnknownOffer {
        /// Index on the panel.
        seat: u8,
        /// Identity drawn.
        drawn: XOnlyPublicKey,
        /// Hash of its terms.
        terms: sha256::Hash,
    },
    /// The contract asks more of an arbiter than it offers.
    #[error("seat {seat}, {drawn}: {error}")]
    Offer {
        /// Index on the panel.
        seat: u8,
        /// Identity drawn.
        drawn: XOnlyPublicKey,
        /// The bound that is broken, with both values.
        error: Box<Unacceptable>,
    },
    /// The verifier that was drawn would judge itself.
    #[error("seat {seat} is drawn for {drawn}, who is the verifier")]
    BothRoles {
        /// Index on the panel.
        seat: u8,
        /// Identity drawn.
        drawn: XOnlyPublicKey,
    },
    /// The terms and the panel are not of one size.
    #[error("the terms name {named} arbiters, {drawn} were drawn")]
    Size {
        /// Arbiters in the terms.
        named: u8,
        /// Arbiters drawn.
        drawn: usize,
    },
}

impl Panel {
    /// Takes the first willing arbiters of the order. Whoever has the same three sets gets the same panel; and
    /// an arbiter that one party shows cannot be kept out by the others.
    ///
    /// # Errors
    /// [`AgreeError`].
    pub fn agree(order: &Order, sets: &[AnswerSet]) -> Result<Agreement, AgreeError> {
        let (arbiters, transcript, report) = seated(order, OfferRole::Arbiter, sets)?;
        Ok(Agreement {
            panel: Panel {
                arbiters,
                transcript,
            },
            report,
        })
    }

    /// Whether proposed terms are those of the draw: parameters, parties and the arbiters seat by seat, each of whom takes
    /// such a contract.
    ///
    /// # Errors
    /// [`TermsMismatch`]: the first that differs. Who proposed the terms is at fault.
    pub fn check_terms(&self, case: &DrawCase, terms: &TermsDraft) -> Result<(), TermsMismatch> {
        if terms.params().hash() != *case.params_hash() {
            return Err(TermsMismatch::Params);
        }
        for role in Role::PRINCIPALS {
            let key: Option<PublicKey> = terms.key(role);
            if key.as_ref() != case.principal(role) {
                return Err(TermsMismatch::Principal { role });
            }
        }
        if usize::from(terms.panel_size()) != self.arbiters.len() {
            return Err(TermsMismatch::Size {
                named: terms.panel_size(),
                drawn: self.arbiters.len(),
            });
        }
        for (seat, entry) in (0u8..).zip(&self.arbiters) {
            if terms.identity(seat) != Some(&entry.identity) {
                return Err(TermsMismatch::Seat {
                    seat,
                    drawn: entry.identity,
                });
            }
            let drawn = entry.identity;
            if case.verifier() == Some(&drawn) {
                return Err(TermsMismatch::BothRoles { seat, drawn });
            }
            let offer = case
                .offer(&entry.terms_hash)
                .ok_or(TermsMismatch::UnknownOffer {
                    seat,
                    drawn,
                    terms: entry.terms_hash,
                })?;
            let accepted = offer.accepts(terms.params());
            accepted.map_err(|error| TermsMismatch::Offer {
                seat,
                drawn,
                error: Box::new(error),
            })?;
        }
        Ok(())
    }
}

impl Message for Panel {
    const KIND: Kind = kinds::PANEL;

    /// Entries as drawn, transcript (32).
    fn write(&self, w: &mut Writer) {
        w.list(&self.arbiters, |w, entry| entry.write(w))
            .fixed(&self.transcript);
    }

    fn read(r: &mut Reader<'_>) -> Result<Panel, DecodeError> {
        let most = MAX_ARBITERS.into();
        Ok(Panel {
            arbiters: r.list_up_to("arbiters", Entry::BYTES, most, Entry::read)?,
            transcript: r.array("transcript")?,
        })
    }
}

/// Those who take the seats, the hash of the draw with all valid answers, and who kept what back.
pub(super) fn seated(
    order: &Order,
    wanted: OfferRole,
    sets: &[AnswerSet],
) -> Result<(Vec<Entry>, [u8; 32], Report), AgreeError> {
    let found = order.role();
    if found != wanted {
        return Err(AgreeError::OtherRole { found, wanted });
    }
    let sets = by_party(order, sets)?;
    let (shown, useless) = valid_answers(order, &sets);
    let seats = usize::from(order.seats());
    let arbiters = order
        .entries()
        .iter()
        .filter(|e| shown.contains_key(&e.identity))
        .take(seats)
        .copied()
        .collect::<Vec<_>>();
    if arbiters.len() < seats {
        return Err(AgreeError::TooFew {
            willing: arbiters.len(),
            wanted: order.seats(),
        });
    }
    let mut concealed = Vec::new();
    for entry in &arbiters {
        let shown_by = shown
            .get(&entry.identity)
            .copied()
            .unwrap_or(PartySet::EMPTY);
        concealed.extend(
            (order.role().drawn_by().iter())
                .filter(|role| !shown_by.contains(**role))
                .map(|by| Concealed {
                    by: *by,
                    arbiter: entry.identity,
                    shown_by,
                }),
        );
    }
    let report = Report { concealed, useless };
    Ok((arbiters, transcript(order, &shown), report))
}

/// The sets of all who draw, in canonical order.
fn by_party<'a>(order: &Order, sets: &'a [AnswerSet]) -> Result<Vec<&'a AnswerSet>, AgreeError> {
    let of = |role| {
        let mut own = sets.iter().filter(|set| set.by == role);
        match (own.next(), own.next()) {
            (Some(set), None) if set.answers.len() <= MAX_ANSWERS => Ok(set),
            (Some(set), None) => Err(AgreeError::TooMany {
                by: role,
                given: set.answers.len(),
            }),
            _ => Err(AgreeError::MissingSet { role }),
        }
    };
    order
        .role()
        .drawn_by()
        .iter()
        .map(|role| of(*role))
        .collect()
}

/// Who shows a valid answer of whom, by identity; and the answers that are not valid.
fn valid_answers(
    order: &Order,
    sets: &[&AnswerSet],
) -> (BTreeMap<XOnlyPublicKey, PartySet>, Vec<UselessAnswer>) {
    let secp = narthex_base::context::verifying();
    let drawn = order
        .entries()
        .iter()
        .map(|e| e.identity)
        .collect::<std::collections::BTreeSet<_>>();
    let mut shown: BTreeMap<XOnlyPublicKey, PartySet> = BTreeMap::new();
    let mut useless = Vec::new();
    for set in sets {
        let mut report = |answer: &Willingness, reason| {
            useless.push(UselessAnswer {
                by: set.by,
                arbiter: answer.identity,
                reason,
            });
        };
        for answer in &set.answers {
            if !drawn.contains(&answer.identity) {
                report(answer, "it is not in the pool of this draw");
            } else if !answer.verify(secp, order.id()) {
                report(answer, "the signature is not its own on this draw");
            } else {
                let parties = shown.entry(answer.identity).or_default();
                *parties = parties.with(set.by);
            }
        }
    }
    useless.sort_by_key(|u| (u.by, u.arbiter.serialize()));
    (shown, useless)
}

fn transcript(order: &Order, shown: &BTreeMap<XOnlyPublicKey, PartySet>) -> [u8; 32] {
    let mut lines = shown
        .iter()
        .map(|(identity, roles)| {
            let mask = roles.iter().fold(0u8, |mask, r| mask | 1 << r.index());
            let mut line = identity.serialize().to_vec();
            line.push(mask);
            line
        })
        .collect::<Vec<_>>();
    lines.sort();
    tagged_hash_parts("narthex/panel-transcript", &[order.id(), &lines.concat()])
}
