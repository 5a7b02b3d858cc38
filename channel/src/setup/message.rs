//! What parties tell each other during a set-up.

use narthex_contracts::party::PartyId;

/// Most bytes of a proposal.
pub(super) const MAX_PROPOSAL: usize = 16 << 10;
/// Most bytes of terms.
pub(super) const MAX_TERMS: usize = 1 << 20;
/// Most bytes of an announcement that comes with a bind.
pub(super) const MAX_ANNOUNCEMENT: usize = 256;
/// Most bytes of one party's witnesses.
pub(super) const MAX_WITNESSES: usize = 4 << 10;
/// Most bytes of a whole funding transaction.
pub(super) const MAX_FUNDING: usize = 400_000;
/// Most bytes of a reason.
pub(super) const MAX_REASON: usize = 200;

/// A message of one party to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupMessage {
    /// The attempt that it belongs to, from 0.
    pub attempt: u8,
    /// What it says.
    pub body: Body,
}

/// What a message says. Bytes in it are read by signers.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// A party's part of the terms, to the lead.
    Proposal(Vec<u8>),
    /// The terms, from the lead to everybody.
    Terms(Vec<u8>),
    /// The sender's salt serves this agreement and no other, for ever; with it an arbiter's announcement.
    Bind {
        /// Id of the agreement.
        agreement: [u8; 32],
        /// Empty but for those who announce something.
        announcement: Vec<u8>,
    },
    /// The sender's nonces, to everybody.
    Nonces(Vec<u8>),
    /// The sender's shares of a stage, for one receiver.
    Shares {
        /// Which stage, from 0.
        stage: u8,
        /// The shares.
        shares: Vec<u8>,
    },
    /// The sender holds every signature that it may need.
    Held,
    /// The sender's witnesses of the funding transaction, to the lead.
    Funding(Vec<u8>),
    /// The funding transaction, from the lead to everybody.
    Whole(Vec<u8>),
    /// The attempt is void.
    Abort(Cause),
    /// The sender has left the negotiation, whatever attempt others are at.
    Over(Cause),
}

impl Body {
    /// What it is called in errors.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Body::Proposal(_) => "proposal",
            Body::Terms(_) => "terms",
            Body::Bind { .. } => "bind",
            Body::Nonces(_) => "nonces",
            Body::Shares { .. } => "shares",
            Body::Held => "held",
            Body::Funding(_) => "funding",
            Body::Whole(_) => "whole funding",
            Body::Abort(_) => "abort",
            Body::Over(_) => "farewell",
        }
    }
}

// Terms and shares are long.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Body::Proposal(bytes)
            | Body::Terms(bytes)
            | Body::Nonces(bytes)
            | Body::Funding(bytes)
            | Body::Whole(bytes) => write!(f, "{} of {} bytes", self.name(), bytes.len()),
            Body::Shares { stage, shares } => {
                write!(f, "shares of stage {stage}, {} bytes", shares.len())
            }
            Body::Bind { .. } | Body::Held => f.write_str(self.name()),
            Body::Abort(cause) => write!(f, "abort: {cause:?}"),
            Body::Over(cause) => write!(f, "farewell: {cause:?}"),
        }
    }
}

/// Why an attempt, or the whole negotiation, came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Who says so was killed before it had signed, and its nonces are gone.
    Lost,
    /// Nothing came of this party in time.
    Silent(PartyId),
    /// What this party sent is wrong.
    Fault {
        /// Whose.
        party: PartyId,
        /// In what.
        reason: String,
    },
    /// This party has bound itself to other terms, or signed with other nonces, than oneself: somebody said two things. Whoever
    /// compares the signed messages that both have knows who.
    Split(PartyId),
    /// Another party said that the attempt is void.
    Told {
        /// Who.
        by: PartyId,
        /// Whom it accuses.
        accused: Option<PartyId>,
    },
    /// This party speaks of a later attempt already, and has not said why.
    Ahead(PartyId),
    /// The funding can no longer be in a block in time. The negotiation is over.
    Late,
    /// The party does not want this contract. The negotiation is over.
    Declined {
        /// Why.
        reason: String,
    },
    /// This party has cost too many attempts. The negotiation is over.
    Struck(PartyId),
    /// Too many attempts were lost to what parties say of each other, or to what nobody can be shown to have caused. The
    /// negotiation is over; whoever compares everybody's signed messages knows by whose fault.
    Discord,
    /// There were [`MAX_ATTEMPTS`](super::MAX_ATTEMPTS). The negotiation is over.
    Exhausted,
    /// An input of the funding was spent otherwise, and that is buried. The negotiation is over.
    Spent,
}

impl Cause {
    /// Whom it accuses.
    pub const fn accused(&self) -> Option<PartyId> {
        match self {
            Cause::Silent(party)
            | Cause::Fault { party, .. }
            | Cause::Split(party)
            | Cause::Ahead(party)
            | Cause::Struck(party) => Some(*party),
            Cause::Told { accused, .. } => *accused,
            _ => None,
        }
    }

    /// Whether there is no other attempt after it.
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Cause::Late
                | Cause::Declined { .. }
                | Cause::Struck(_)
                | Cause::Discord
                | Cause::Exhausted
                | Cause::Spent
        )
    }
}

/// A reason, short enough to be sent.
pub(super) fn shortened(reason: &str) -> String {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default().to_owned()
}
