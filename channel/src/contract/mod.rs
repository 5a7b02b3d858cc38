//! A party's life in a contract of computation, from the buried funding to the end: as a machine.
//!
//! There are four machines, one for each part that a party may have ([`ClientMachine`], [`WorkerMachine`], [`VerifierMachine`],
//! [`ArbiterMachine`]). They know two things. What the *chain* says ([`Facts`]) is shown to them whole each time, so that a
//! reorganisation is a view that says something else. What parties *say* is filed in [`Papers`]: signed items, receipts, and
//! the names of long things (boxes, openings) that whoever drives the machine keeps as blobs. Talk never overrides the chain.
//!
//! A machine has no key and computes nothing that takes long. It asks for work ([`Task`]), and what came of it is an input
//! ([`Done`]). What it *decides*, it writes down before anything is published ([`ContractChange::Decided`]): a
//! transaction that shows a secret has shown it once it is in a pool.
//!
//! Secrets are not in its log either. The worker's follow from its seed, the verifier's token from its own reply
//! (it keeps it there, sealed to itself), the client's from the transaction that settles.
//!
//! The three may agree on another end at any time (`ending`): the same machines sign it and publish it.
//!
//! The templates with a delivery on chain are lived so: `hardened`, and `audited`, where the client looks for itself and can
//! challenge an approval (`audit.rs`; in a hardened contract nothing of it is due). The `paper` template is lived for research alone
//! (`paper.rs`): [`Contract::new`] refuses it, and [`Contract::research`] does not.

mod about;
mod arbiter;
mod audit;
mod book;
mod change;
mod client;
mod codec;
mod digest;
mod duty;
mod effect;
mod ending;
mod error;
mod facts;
mod handing;
mod input;
mod machine;
mod message;
mod next;
mod once;
mod paper;
mod papers;
mod parts;
mod receipts;
mod seat;
mod table;
mod tower;
mod verifier;
mod worker;
mod worth;

pub use about::{Contract, Policy};
pub use arbiter::Judging;
pub use audit::AuditDraw;
pub use book::Book;
pub use change::{Audited, ContractChange, Finding};
pub use client::Paying;
pub use digest::RulingDigest;
pub use effect::{ContractEffect, Parcel, Task};
pub use ending::{
    EndingChange, EndingParcel, EndingSaid, EndingTask, Endings, StoredEnding, WholeEnding,
};
pub use error::{ContractRefusal, Unfit};
pub use facts::{ChainView, Facts};
pub use input::{ContractInput, Done, Order, Said};
pub use machine::{ContractMachine, Side};
pub use message::{ContractMessage, Evidence, EvidencePart, MAX_EVIDENCE, MAX_PART, Piece};
pub use next::NextMove;
pub use once::Once;
pub use papers::{Blob, Papers, Thing, blob_hash};
pub use parts::{BroughtPart, MAX_SIDE_BYTES, PartSaid};
pub use seat::{ContractErrand, ContractSeat, ContractSeatError, ContractSigner};
pub use tower::Tower;
pub use verifier::Checking;
pub use worker::Working;

/// The client's side of a contract.
pub type ClientMachine = ContractMachine<Paying>;
/// The worker's.
pub type WorkerMachine = ContractMachine<Working>;
/// The verifier's.
pub type VerifierMachine = ContractMachine<Checking>;
/// An arbiter's.
pub type ArbiterMachine = ContractMachine<Judging>;
