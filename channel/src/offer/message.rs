//! What is offered, and what is answered.

use bitcoin::{Amount, FeeRate, secp256k1::PublicKey};
use narthex_base::{codec::Message as _, tagged::tagged_hash};
use narthex_contracts::{
    bond::Certificate,
    enrolment::{Enrolment, EnrolmentFault, Scope},
    party::{PartyId, PartyName},
    terms::Role,
};
use narthex_game_model::{Params, bundle::Bundle, computation::JobSpec};

use super::Unbonded;
use crate::setup::{Negotiation, NegotiationError, Timing};

/// Most bytes of an address: a host's name and a port.
pub const MAX_ADDRESS: usize = 260;

/// Most bytes of the reason of a [`Decline`].
pub const MAX_DECLINE: usize = 200;

/// Who is asked to take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// By which key its node is known.
    pub node: PublicKey,
    /// Where the node listens, `HOST:PORT`; empty for one that comes itself. Printable ASCII, for others to connect to.
    pub address: String,
}

/// What a contract is to be about, and who is asked to take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Hash of the first block of the chain that it is on.
    pub chain: [u8; 32],
    /// Drawn by the client for this offer: the same offered twice is two offers.
    pub salt: [u8; 32],
    /// The parameters.
    pub params: Params,
    /// The job.
    pub job: JobSpec,
    /// What it travels as: whoever takes part fetches it from the client.
    pub bundle: Bundle,
    /// Fee rate of the funding, in whole sat a kwu.
    pub rate: FeeRate,
    /// Who is asked for each role, in canonical order: client, worker, verifier, and the panel. Here the client names all
    /// of them; where they are drawn it names who was drawn.
    pub parties: Vec<Invited>,
    /// How long each waits for the others, and up to which height the funding must be in a block.
    pub timing: Timing,
    /// When it is not accepted any more, in seconds since 1970.
    pub expires_s: u64,
    /// Least bond, in sat, that each arbiter is to have behind its rulings; of zero nobody need have one.
    pub bond: Amount,
}

/// What is wrong with an offer or an answer. Whoever sent it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferFault {
    /// A role without a node, or a node too many.
    #[error("{given} parties are named; by the parameters there are {wanted}")]
    Parties {
        /// Nodes that are named.
        given: usize,
        /// Roles that there are.
        wanted: usize,
    },
    /// One node in two roles: it would be judge or counterparty of itself.
    #[error("{first} and {second} are one node, {node}")]
    OneNode {
        /// The one.
        first: PartyName,
        /// The other.
        second: PartyName,
        /// The node.
        node: Box<PublicKey>,
    },
    /// It comes from a node that it does not name for that.
    #[error("the offer names another node for {role} than {node}")]
    OtherNode {
        /// Which role.
        role: PartyName,
        /// Whose message it is.
        node: Box<PublicKey>,
    },
    /// It came under another id.
    #[error("an offer under an id that is not its own")]
    OtherId,
    /// Its figures make no set-up.
    #[error(transparent)]
    Negotiation(#[from] NegotiationError),
    /// Nobody can keep its last moment.
    #[error("a funding up to height {funding}, for a delivery up to height {deliver}")]
    Deadline {
        /// Height up to which it is funded.
        funding: u32,
        /// Height up to which is delivered.
        deliver: u32,
    },
    /// An enrolment does not hold.
    #[error("the enrolment of {role}: {fault}")]
    Enrolment {
        /// Whose.
        role: PartyName,
        /// What is wrong.
        fault: EnrolmentFault,
    },
    /// There is no bond behind an arbiter's rulings, where one is wanted or one is claimed.
    #[error("{role}: {why}")]
    Bond {
        /// Whose.
        role: PartyName,
        /// What is wrong.
        #[source]
        why: Unbonded,
    },
}

impl Offer {
    /// What the negotiation is known by until there is a contract: a hash of all of it.
    pub fn id(&self) -> [u8; 32] {
        tagged_hash("narthex/negotiation", &self.to_bytes())
    }

    /// The roles that there are, with the node that is asked for each.
    pub fn roles(&self) -> impl Iterator<Item = (Role, &Invited)> {
        Role::all(self.params.arbiters()).zip(&self.parties)
    }

    /// The node that is asked for a role.
    pub fn invited(&self, party: PartyId) -> Option<&Invited> {
        self.parties.get(party.index())
    }

    /// As whom a node is asked.
    pub fn role_of(&self, node: &PublicKey) -> Option<Role> {
        let mut roles = self.roles();
        roles.find_map(|(role, invited)| (invited.node == *node).then_some(role))
    }

    /// Whether its parts go together.
    ///
    /// # Errors
    /// [`OfferFault`]; the client is at fault.
    pub fn check(&self) -> Result<(), OfferFault> {
        let (given, wanted) = (
            self.parties.len(),
            Role::all(self.params.arbiters()).count(),
        );
        if given != wanted {
            return Err(OfferFault::Parties { given, wanted });
        }
        for (role, invited) in self.roles() {
            let other = self.role_of(&invited.node).filter(|other| *other != role);
            if let Some(other) = other {
                return Err(OfferFault::OneNode {
                    first: other.into(),
                    second: role.into(),
                    node: Box::new(invited.node),
                });
            }
        }
        let (funding, deliver) = (self.timing.funding_deadline, self.params.deliver_height());
        if funding >= deliver {
            return Err(OfferFault::Deadline { funding, deliver });
        }
        self.negotiation(Role::Client).map(drop)
    }

    /// The set-up that follows, as one of its parties sees it.
    ///
    /// # Errors
    /// [`OfferFault::Negotiation`].
    pub fn negotiation(&self, me: Role) -> Result<Negotiation, OfferFault> {
        let parties = self.roles().map(|(role, _)| PartyName::from(role));
        let who = (me.into(), Role::Client.into());
        Ok(Negotiation::new(self.id(), parties, who, self.timing)?)
    }

    /// Whether a node has enrolled for a role in this negotiation, and is the one that was asked.
    ///
    /// # Errors
    /// [`OfferFault`]; whoever sent it is at fault.
    pub fn check_enrolment(&self, role: Role, enrolment: &Enrolment) -> Result<(), OfferFault> {
        let name = PartyName::from(role);
        let node = Box::new(enrolment.node);
        if self.role_of(&enrolment.node) != Some(role) {
            return Err(OfferFault::OtherNode { role: name, node });
        }
        let checked = enrolment.check(&Scope::Negotiation(self.id()), role);
        checked.map_err(|fault| OfferFault::Enrolment { role: name, fault })
    }

    /// The same of all that an answer has: of an arbiter also the bond behind its rulings. Whether that bond is on the chain is not looked at.
    ///
    /// # Errors
    /// [`OfferFault`]; whoever sent it is at fault.
    pub fn check_accept(&self, role: Role, accept: &Accept) -> Result<(), OfferFault> {
        self.check_enrolment(role, &accept.enrolment)?;
        let bond = self.check_bond(role, &accept.enrolment.node, accept.bond.as_ref());
        bond.map_err(|why| OfferFault::Bond {
            role: role.into(),
            why,
        })
    }
}

/// An offer as the client sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offering {
    /// What is offered.
    pub offer: Offer,
    /// The client's node key and contract key.
    pub enrolment: Enrolment,
}

impl Offering {
    /// Whether it holds in itself.
    ///
    /// # Errors
    /// [`OfferFault`]; the client is at fault.
    pub fn check(&self) -> Result<(), OfferFault> {
        self.offer.check()?;
        self.offer.check_enrolment(Role::Client, &self.enrolment)
    }
}

/// The sender takes part, with this contract key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accept {
    /// Its node key and contract key.
    pub enrolment: Enrolment,
    /// Of an arbiter: the bond's word that it stands for its node. The terms name the bond's key for it then.
    pub bond: Option<Certificate>,
}

/// The sender does not take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decline {
    /// Why, for people, up to [`MAX_DECLINE`] bytes.
    pub reason: String,
}

impl Decline {
    /// With as much of the reason as there is room for.
    pub fn new(reason: &str) -> Decline {
        let mut end = reason.len().min(MAX_DECLINE);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let reason = reason.get(..end).unwrap_or_default().to_owned();
        Decline { reason }
    }
}
