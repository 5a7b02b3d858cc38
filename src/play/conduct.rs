//! How the parties of a play behave, where it is not the usual.

use std::collections::BTreeMap;

use narthex_contracts::{graph::NodeName, terms::Role};
use narthex_game_model::{Outcome, play::Strategy};

use super::cheat::Cheat;

/// What is on chain from the beginning.
pub(super) const FUNDING: NodeName = NodeName::plain("Tx0");

/// How the worker works, and what is said of that.
pub(super) type Works = (Strategy, &'static str);

/// How parties behave. Everybody's machine is the one that nodes run; whoever cheats has another signer, letters that it takes
/// back or changes, or a hand of its own on the chain.
pub(super) struct Conduct {
    /// How the worker works.
    pub(super) works: Works,
    /// Whether a worker that is at fault says so.
    pub(super) admits: bool,
    /// Whether the worker goes on chain as soon as it has done its work.
    pub(super) delivers: bool,
    /// Who says, hears and publishes nothing once this is on chain.
    pub(super) silent: Vec<(Role, NodeName)>,
    /// Who cheats in what it says.
    pub(super) cheats: BTreeMap<Role, Cheat>,
    /// Who publishes what its machine has not asked for.
    pub(super) unasked: Option<Unasked>,
    /// Whose child pays for the delivery in place of the worker's.
    pub(super) outbids: Option<Role>,
    /// The settlement that client, worker and verifier agree to be paid by in one ordinary transaction, as soon as the verifier has found
    /// the work right.
    pub(super) agrees: Option<Outcome>,
    /// Who begins anew.
    pub(super) anew: Option<Anew>,
    /// Who says, hears and publishes nothing once somebody's machine stands so.
    pub(super) leaves: Option<(Role, (Role, &'static str))>,
    /// Who must not be able to publish something to the end, and why not.
    pub(super) fails: Option<(Role, NodeName, Fails)>,
    /// Why something is published, where it is not the usual reason.
    pub(super) why: Vec<(NodeName, &'static str)>,
}

impl Default for Conduct {
    fn default() -> Self {
        Conduct {
            works: (Strategy::Honest, "does the whole work"),
            admits: true,
            delivers: false,
            silent: Vec::new(),
            cheats: BTreeMap::new(),
            unasked: None,
            outbids: None,
            agrees: None,
            anew: None,
            leaves: None,
            fails: None,
            why: Vec::new(),
        }
    }
}

impl Conduct {
    /// Why a transaction of the contract is published.
    pub(super) fn why(&self, name: NodeName) -> &'static str {
        let mut own = self.why.iter();
        let own = own.find_map(|(of, why)| (*of == name).then_some(*why));
        own.unwrap_or_else(|| super::narrate::why(name))
    }
}

/// What a party publishes although its machine has not asked for it: as soon as its parent is on chain.
pub(super) struct Unasked {
    pub(super) by: Role,
    pub(super) what: NodeName,
    /// Where its machine must stand, if that matters.
    pub(super) at: Option<&'static str>,
    /// Whether it has a miner take it past all mempools, as soon as it can be completed.
    pub(super) bribes: bool,
}

/// Why a party cannot publish something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    /// It does not have all of its signatures.
    Incomplete,
    /// It has offered it, and no node takes it.
    Refused,
}

/// A party that begins anew, from its seed and from what it holds since the set-up.
pub(super) struct Anew {
    pub(super) who: Role,
    /// Whose machine must stand where.
    pub(super) when: (Role, &'static str),
    /// How it works now, if it is a worker.
    pub(super) works: Option<Works>,
    /// How it cheats now.
    pub(super) cheat: Option<Cheat>,
    /// Whether the others give it again what it has said and what they have told it.
    pub(super) is_told: bool,
    /// What is said of it.
    pub(super) told: &'static [(&'static str, &'static str)],
}
