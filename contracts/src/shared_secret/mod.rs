//! One secret of a panel, of which any k of n members can make the whole, and which nobody ever dealt.
//!
//! The `paper` template opens either verdict with the panel's one secret, for research; in a gated slice
//! ([`crate::slice`]) each provider's pay hangs on a secret that the others share.
//! Every member shares a random secret of its own by Shamir's scheme, with public commitments to its polynomial
//! (Feldman, 1987), and the panel's secret is the sum of all (Pedersen, 1991):
//!
//! 1. [`Dealer::new`] draws a polynomial of degree k − 1; its [`Dealing`] goes to everybody and one [`Share`] to each
//!    member, over a private channel.
//! 2. [`Collector`] checks every dealing and share against the commitments and names whoever dealt badly.
//! 3. [`Collector::finish`] gives the [`SharedPoint`], the same for all, and the member's own [`KeyShare`].
//! 4. [`SharedPoint::reconstruct`] takes k revealed shares, names false ones, and returns the secret.
//!
//! The last dealer to publish can choose among its dealings and so bias bits of the point; as an adaptor point it
//! need not be uniform, only unknown. It cannot choose a dealing that cancels the others': each dealing proves that
//! its constant term is known.

mod collect;
mod deal;
mod error;
mod polynomial;
mod public;

pub use collect::{Collector, KeyShare};
pub use deal::{Dealer, Dealing, Share};
pub use error::SharingError;
pub use public::{RevealedShare, SharedPoint};

/// Most members of a sharing, as of a panel.
const MAX_MEMBERS: u8 = 15;

/// Who shares among whom: binds proofs to one panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    context: [u8; 32],
    members: u8,
    threshold: u8,
}

impl Sharing {
    /// Sharing among `members` of which `threshold` reconstruct. `context` is fresh for every panel: the draw's
    /// transcript, say.
    pub fn new(context: [u8; 32], members: u8, threshold: u8) -> Result<Sharing, SharingError> {
        if threshold == 0 || threshold > members || members > MAX_MEMBERS {
            return Err(SharingError::Shape { members, threshold });
        }
        Ok(Sharing {
            context,
            members,
            threshold,
        })
    }

    /// n.
    pub fn members(&self) -> u8 {
        self.members
    }

    /// k.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    fn check_member(&self, member: u8) -> Result<(), SharingError> {
        if member < self.members {
            Ok(())
        } else {
            Err(SharingError::NoSuchMember {
                member,
                members: self.members,
            })
        }
    }
}
