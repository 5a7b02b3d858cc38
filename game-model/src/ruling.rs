//! What a panel must find: a pure function of terms, facts of the chain and evidence.
//!
//! Arbiters that see the same case come to the same ruling, and anybody can check it. [`rule`] goes through a table of rows
//! and takes the first that applies; the order is part of the rules. Nothing in it is a matter of opinion, and a limit of
//! the machine that judges is no ruling ([`RuleError`]).
//!
//! | row | fact | against |
//! |---|---|---|
//! | 0 | two different items of one kind, signed by the worker or by the verifier | that one, the worker first |
//! | 1 | no root of record in time and before the appeal; or the worker signed another one; or nobody shows what it commits to; or it commits to another job, secret or number of openings | worker |
//! | 2* | boxes not handed over | worker |
//! | 3 | no sample handed over | verifier |
//! | 4* | no token for it handed over | worker |
//! | 5 | no reply to it handed over, or of another number of digests; or it is a hash and not that of x | verifier |
//! | 6 | digests, and the seal opens under them to x | verifier |
//! | 7 | digests, and the worker's leaves are not shown, are not its own, or are equal to all of them | worker |
//! | 8 | digests: the lowest step on which they differ is run again, with the input that the worker brings | as it finds |
//! | 9* | hash, and no opening handed over; or the one that the worker signed is none | worker |
//! | 9a | hash, and the seal does not open to x under the opened leaves | worker |
//! | 10 | hash, and the box that the verifier names does not open to its leaf | worker |
//! | 11 | anything else | verifier |
//!
//! Rows with a star apply only if TxV0 confirmed after the deadline that they name: a verifier that rejects at once does
//! not cut short what the worker has to do. What the verifier hands over must be there before TxV0.
//!
//! Where the client challenges an approval (`audited` template), these rows stand in place of those from 2 on; there "against
//! the verifier" says that the challenge is dismissed:
//!
//! | row | fact | against |
//! |---|---|---|
//! | 0 | two different items of one kind, signed by the worker or by the client | that one, the worker first |
//! | 1 | as above | worker and verifier |
//! | c2 | boxes, or the opening of what the client looks at, not handed over to it by ⌊Δ_C/3⌋ after TxV1 | worker and verifier |
//! | c3 | the worker does not show the panel the very opening that it signed for the client; or it names another draw, or is not of its steps and others, d in all, keys and boxes and all | worker and verifier |
//! | c4 | the step whose input the client brings is opened in it, and its leaf is not what it gives when it is run again | worker and verifier |
//! | c5 | anything else | client |
//!
//! *A ruling against the verifier pays the worker.* So it also takes what an approval takes: the sample opened to the
//! panel, with keys and boxes that fit the commitment. Where no sample was drawn, the hash of a later block draws it
//! ([`Case::substitute_height`]). Without that the ruling is against the worker.
//!
//! *Handed over* is what the receiver acknowledges, or n − k + 1 arbiters, which keep it for the receiver; the date is then
//! the (n − k + 1)-th smallest of their heights. Whoever signs an answer that names a thing has acknowledged the thing.
//!
//! A date is of what was looked into: receipts are made of a [`Received`], and of nothing else.
//!
//! Who follows the schedule and asks all arbiters is not ruled against while at most k − 1 arbiters are mute and at most
//! n − k lie about what they keep. See `docs/rulings.md` and `docs/adr/0062-rulings.md`.

mod case;
mod challenge;
mod evidence;
mod finding;
mod item;
mod part;
mod received;
mod rerun;
mod shown;
mod table;

pub use case::{Case, CaseTerms, ChainFacts, Litigant, RootOfRecord};
pub use evidence::{Brought, MAX_ITEMS, MAX_RECEIPTS, MAX_SHOWN_OPENINGS, ProvenRecord, Refused};
pub use finding::{CaseFinding, Row, RuleError};
pub use item::{Answer, Item, KeptError, SignedItem, data_id};
pub use part::Part;
pub use received::{NotReceived, Received};
pub use rerun::Rerun;
pub use table::rule;
