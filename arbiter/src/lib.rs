//! What an arbiter rules by, and what it shows for a ruling to whoever was not there.
//!
//! A ruling is a function of terms, chain and evidence ([`narthex_game_model::ruling`]). Here is what makes it one that can be repeated:
//!
//! - a [`Question`] is a case with all that was brought and the program of its job: what a judge in a box is given on its standard input;
//! - [`judge()`] answers it, by two engines where there are two: they agree, or nothing is ruled ([`Silent`]);
//! - a [`Bundle`] is a case with its ruling, signed by the arbiter: the chain's part of it as transactions with proofs to headers. It
//!   [opens](Bundle::open) to the question again, or says what is wrong with it and whose fault that is.
//!
//! Nothing here reads a clock, a socket or a file, or has a key: engines, anchors and signatures are passed in.

mod bundle;
mod dossier;
mod engines;
mod error;
mod headers;
mod judge;
mod proof;
mod question;
mod replay;
mod report;

pub use bundle::{Body, Bundle, MAX_BUNDLE_BYTES};
pub use dossier::{Dossier, MAX_PARTS};
pub use engines::{Engines, Opinion, SecondEngine};
pub use error::{AtFault, BundleFault};
pub use headers::{Anchor, HeaderFault, Headers, MAX_HEADERS};
pub use judge::{Silence, Silent, judge};
pub use proof::{MAX_BLOCKS, ProofFault, ProvenBlock, ProvenTransaction, shown};
pub use question::{Answer, Question};
pub use replay::{Difference, Replay, differences};
pub use report::{Judged, Report};
