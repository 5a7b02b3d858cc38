//! Drawing lots: exact, and the same on every machine.

mod fenwick;
mod stream;

pub(crate) use fenwick::Fenwick;
pub(crate) use stream::Stream;
