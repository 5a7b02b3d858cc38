//! That a node was asked, as far as who funds needs to know.

/// A node that takes what contracts end with: parents of version 3 without fee, with a child that pays. Whoever funds shows one,
/// or its contract may end in transactions that its node does not take.
///
/// To implement it is to say so of a node. `narthex-regtest` does, for what comes of asking one (`AcceptedPolicy`) and of
/// nothing else; whoever has another way to a node asks it in another way, and says so in another type.
pub trait AskedNode {}
