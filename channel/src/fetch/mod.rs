//! A job that is fetched from the client who offers it, or served to those who take part.
//!
//! [`FetchMachine`] is what is durable of it: how much of a bundle lies on the disk, which contracts wait for it, and that it
//! is no job after all. [`FetchWindow`] is what is not: which chunks were asked for on a connection. Neither has the bytes:
//! whoever drives them has a chunk on the disk before it says so, and asks again for what a crash took.

mod codec;
mod machine;
mod table;
mod window;

pub use machine::{FetchChange, FetchEffect, FetchInput, FetchMachine, FetchRefusal};
pub use window::{FETCH_WINDOW, FetchWindow};
