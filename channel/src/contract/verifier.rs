//! The verifier's side.

use bitcoin::hashes::Hash;
use narthex_contracts::{party::PartySet, template::Exit, terms::Role};
use narthex_game_model::{
    ruling::{Answer, Item},
    schedule::Schedule,
};

use super::{Book, ContractChange, ContractEffect, Finding, Parcel, Side, Task, Thing, table};
use crate::Transition;

/// The verifier's side: draws a sample, answers the token, compares what was opened, and approves or rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checking;

impl Book {
    /// What the verifier has answered to the token that was sealed for its sample: id, and whether it has it.
    fn answered(&self) -> Option<([u8; 32], bool)> {
        if self.contract().is_paper() {
            return self.blind().map(|blind| (blind, true));
        }
        let id = self.contract().id();
        let (sample, _) = self.papers.sample(id)?;
        let (token, _) = self.papers.token_for(id, &sample)?;
        let (reply, answer) = self.papers.reply_to(id, &token)?;
        Some((reply, matches!(answer, Answer::Shown { .. })))
    }

    /// Whether the verifier has answered that the seal is shut: it never approves after that.
    pub(super) fn has_denied(&self) -> bool {
        self.answered().is_some_and(|(_, is_shown)| !is_shown)
    }

    /// Whether the worker's commitment is none that the contract asks for, or another one is on record.
    pub(super) fn is_unfit(&self) -> bool {
        let terms = self.contract().terms();
        let Some(commitment) = self.papers.commitment() else {
            return false;
        };
        let params = terms.params();
        let fits = commitment.check_terms(&terms.result_point(), params.openings());
        let job = terms.record().job.to_byte_array();
        // What was shown only is of the root of record.
        let is_recorded = self.facts.root.is_none() || self.is_recorded();
        let is_ours = (commitment.job, commitment.steps) == (job, params.steps());
        fits.is_err() || !is_ours || !is_recorded
    }

    /// What the worker opened after the answer: the item, if the opening itself is here and was acknowledged. With a part of it, the
    /// worker has opened nothing: whoever rejected that would be at fault by the whole.
    fn opened(&self) -> Option<[u8; 32]> {
        let (item, _) = self.opening_here()?;
        let is_whole = self
            .papers
            .has_given(self.contract().id(), Thing::Item(item));
        is_whole.then_some(item)
    }

    /// The item that opens after an answer that the seal is open, and what it names.
    fn opening_named(&self) -> Option<([u8; 32], [u8; 32])> {
        let (reply, _) = self.answered().filter(|(_, is_shown)| *is_shown)?;
        self.papers.opened(self.contract().id(), &reply)
    }

    /// The same, if what it names is here.
    fn opening_here(&self) -> Option<([u8; 32], [u8; 32])> {
        let named = self.opening_named();
        named.filter(|(_, opening)| self.papers.opening(opening).is_some())
    }

    /// Whether the client, or enough arbiters, have all that the key opens: nobody approves what only the worker has.
    pub(super) fn is_served(&self) -> bool {
        // The paper's verifier does not ask.
        if self.contract().is_paper() {
            return true;
        }
        let things = self
            .opened()
            .map(Thing::Item)
            .map(|opening| [Thing::Data, opening]);
        things.is_some_and(|all| {
            all.into_iter()
                .all(|thing| self.is_handed(thing, Role::Client))
        })
    }

    /// What this verifier has of the worker's, to the client or the panel: a worker that has served it and nobody else would
    /// keep it from approving, and have it fined for its silence.
    fn served_on(&self) -> Vec<ContractEffect> {
        let (boxes, Some((item, opening))) = (self.papers.boxes(), self.opening_here()) else {
            return Vec::new();
        };
        if !self.is_appealing {
            return Vec::new();
        }
        let to = [Role::Client];
        let commitment = self.commitment_parcel().into_iter();
        let boxes: Vec<_> = commitment
            .chain(boxes.copied().map(Parcel::Boxes))
            .collect();
        let mut all = self.hand(Thing::Data, &boxes, &to);
        let parcels = self.opening_parcels(item, &opening);
        all.extend(self.hand(Thing::Item(item), &parcels, &to));
        all
    }

    /// Whether the worker has missed a deadline of the delivery that is over at this tip. What it must hand over counts if it
    /// came, or if enough arbiters keep it.
    ///
    /// A rejection for it counts only above the deadline, so the block behind it must be as deep as whatever a party relies on: a
    /// reorganisation could put the rejection into the deadline's own block. Only at the last moment there is nothing to wait for.
    pub(super) fn worker_is_late(&self, tip: u32, schedule: &Schedule, is_last: bool) -> bool {
        let id = self.contract().id();
        let has_root = self
            .facts
            .root
            .is_some_and(|record| record.height <= schedule.record);
        // Boxes that an older disk has lost were handed over all the same, if this party's own word for them is with somebody.
        let has_data = self.papers.has_given(id, Thing::Data)
            || self.papers.has_recalled(id, Thing::Data)
            || self.is_kept(Thing::Data);
        let sampled = self.has_own("sample");
        let (sample, token) = (self.papers.sample(id), self.papers.sealed(id));
        let has_token = match (sample, token) {
            (Some((sample, _)), Some((token, (named, _)))) => {
                sample == named && (self.answered().is_some() || self.may_answer(&token, tip))
            }
            _ => false,
        };
        // To an answer that was late itself the worker owes nothing by a date.
        let owes_opening = self.answered().is_some_and(|(reply, is_shown)| {
            is_shown && self.is_handed(Thing::Item(reply), Role::Worker)
        });
        let depth = self.contract().policy().depth;
        let is_past = |deadline: u32| {
            depth.is_reached(deadline.saturating_add(1), tip) || (is_last && tip >= deadline)
        };
        (is_past(schedule.record) && !(has_root && has_data))
            || (is_past(schedule.token) && sampled && !has_token)
            || (is_past(schedule.opening) && owes_opening && !self.has_opened())
    }

    /// Whether the worker has opened as a panel counts it: to this verifier, or to enough arbiters, from whom it comes.
    fn has_opened(&self) -> bool {
        let named = self.opening_named();
        let is_kept = named.is_some_and(|(item, _)| self.is_kept(Thing::Item(item)));
        self.opened().is_some() || is_kept
    }

    /// Whether a verifier answers a token at this tip. By an answer a token that came late counts after all, and neither it nor what is
    /// opened behind it is late to a panel: whoever has rejected for it, or whose answer may come too late to start the worker's own
    /// deadline, would lose by row 11 whatever the worker does.
    pub fn may_answer(&self, token: &[u8; 32], tip: u32) -> bool {
        let contract = self.contract();
        let Some(delivered) = self.facts.delivered(contract) else {
            return true;
        };
        if self.has_decided(Exit::REJECTED) {
            return false;
        }
        let thing = Thing::Item(*token);
        let given = self.papers.given(thing);
        let is_timely = given
            .is_some_and(|signed| self.is_in_time(thing, Role::Verifier, signed.receipt.height));
        let schedule = contract.schedule(delivered);
        let round = u32::from(contract.policy().message);
        // A round before the deadline of answers, or the block behind that of tokens where there is no more room.
        let last = schedule.reply.saturating_sub(round);
        let last = last.max(schedule.token.saturating_add(1));
        is_timely || self.is_kept(thing) || tip <= last.min(schedule.reply)
    }
}

impl Side for Checking {
    const NAME: &'static str = "contract: verifier";
    const SUMMARY: &'static str = "A verifier's side of a contract: it draws a sample, answers the token before anything is opened, compares what is opened, and approves when the client is served.";
    const TABLE: &'static [&'static [Transition]] = table::VERIFIER;

    fn is_of(role: Role) -> bool {
        role == Role::Verifier
    }

    fn state(book: &Book) -> &'static str {
        if let Some(state) = book.chain_state() {
            return state;
        }
        let id = book.contract().id();
        let sample = book.papers.sample(id).map(|(sample, _)| sample);
        let token = sample.and_then(|sample| book.papers.token_for(id, &sample));
        // Where there is no token, nothing is waited for.
        let is_asked = token.is_some() || (sample.is_some() && book.contract().is_paper());
        match () {
            () if !book.approved.is_empty() => "releasing",
            () if book.finding == Some(Finding::Equal) => "serving",
            () if book.rejects() => "rejecting",
            () if book.opened().is_some() => "comparing",
            () if book.answered().is_some() => "answered",
            () if is_asked => "answering",
            () if sample.is_some() => "sampled",
            () if book.deep.is_some() => "drawing",
            () if book.papers.commitment().is_some() => "committed",
            () => "waiting",
        }
    }

    fn due(book: &Book) -> Vec<ContractEffect> {
        let task = |task| vec![ContractEffect::Task(task)];
        let mut due = match (Self::state(book), book.deep) {
            ("drawing", Some(height)) => task(Task::Sample { height }),
            // A disk that went back may have these again before what they are of.
            ("answering" | "comparing", _) if book.papers.commitment().is_none() => Vec::new(),
            ("answering", _) => task(Task::Answer),
            ("comparing", _) => task(Task::Compare),
            ("serving", _) if !book.is_served() => book.served_on(),
            ("serving", _) if book.is_funded() => task(Task::Approve),
            ("releasing", _) if book.is_funded() => vec![ContractEffect::Send {
                to: PartySet::EMPTY.with(book.contract().approved_to()),
                what: Parcel::Release,
            }],
            // It has approved, or been silent, without hearing that the client has it.
            ("settled", _) if !book.is_served() => book.all_for_client(),
            ("rejecting", _) if book.is_funded() && book.contract().is_paper() => {
                match book.rejected.is_empty() {
                    true => task(Task::Reject),
                    false => vec![ContractEffect::Send {
                        to: PartySet::EMPTY.with(Role::Worker),
                        what: Parcel::Release,
                    }],
                }
            }
            _ => Vec::new(),
        };
        due.extend(book.pleading());
        due
    }

    fn seen(book: &Book, (tip, _): (u32, u32)) -> Vec<ContractChange> {
        let contract = book.contract();
        if let Some(found) = book.unopened(tip) {
            return vec![found];
        }
        let is_drawn = book.deep.is_some() || book.has_own("sample");
        let Some(commitment) = book
            .papers
            .commitment()
            .filter(|_| !is_drawn && !book.is_unfit())
        else {
            return Vec::new();
        };
        let delivered = book.facts.delivered(contract);
        let height = match (delivered, book.facts.root) {
            (Some(delivered), Some(record)) => {
                Some(Schedule::sample_height(delivered, record.height))
            }
            // The root is awaited: it may be another one.
            (Some(_), None) => None,
            // From one's own receipt on, the worker is bound.
            (None, _) => {
                let item = Item::Commitment(Box::new(commitment));
                let thing = Thing::Item(item.id(contract.id()));
                let mut given = book.papers.given.iter();
                let dated = given.find(|(given, _)| *given == thing);
                dated.map(|(_, signed)| signed.receipt.height.saturating_add(1))
            }
        };
        let depth = contract.policy().depth;
        let deep = height.filter(|height| depth.is_reached(*height, tip));
        deep.map(|height| ContractChange::Deep { height })
            .into_iter()
            .collect()
    }
}
