//! What can go wrong in a sharing, and by whose fault.

/// Why a sharing or a reconstruction stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharingError {
    /// Not a panel, or not a threshold of it. The caller's fault.
    #[error("{threshold} of {members} is no sharing")]
    Shape {
        /// n asked for.
        members: u8,
        /// k asked for.
        threshold: u8,
    },
    /// No member has this index. The sender's fault.
    #[error("there is no member {member} among {members}")]
    NoSuchMember {
        /// Index given.
        member: u8,
        /// n.
        members: u8,
    },
    /// A dealing has another degree than the threshold asks for: fewer or more members could reconstruct. The
    /// dealer's fault.
    #[error("member {dealer} committed to {given} coefficients instead of {wanted}")]
    Degree {
        /// Who dealt.
        dealer: u8,
        /// Commitments given.
        given: usize,
        /// k.
        wanted: u8,
    },
    /// A dealing does not prove that its secret is known: it may be chosen to cancel the others'. The dealer's
    /// fault.
    #[error("member {dealer} does not prove that it knows the secret that it deals")]
    Proof {
        /// Who dealt.
        dealer: u8,
    },
    /// The dealer said something else before. Its fault.
    #[error("member {dealer} contradicts what it dealt before")]
    Contradiction {
        /// Who dealt.
        dealer: u8,
    },
    /// A share does not lie on the dealer's polynomial. The dealer's fault; the share, shown to all, proves it.
    #[error("the share from member {dealer} to member {to} does not fit its commitments")]
    BadShare {
        /// Who dealt.
        dealer: u8,
        /// Whose share it is.
        to: u8,
    },
    /// A share for somebody else. The sender's fault.
    #[error("member {dealer} sent the share of member {to} to member {own}")]
    Misdirected {
        /// Who dealt.
        dealer: u8,
        /// Whose share it is.
        to: u8,
        /// Who got it.
        own: u8,
    },
    /// A dealing or a share is missing.
    #[error("nothing complete came from member {dealer} yet")]
    Missing {
        /// Who is late.
        dealer: u8,
    },
    /// A revealed share is not the member's. That member's fault.
    #[error("the share revealed by member {member} is false")]
    FalseReveal {
        /// Whose share it claims to be.
        member: u8,
    },
    /// Too few shares.
    #[error("{given} shares of different members, {wanted} are needed")]
    TooFew {
        /// Shares given.
        given: usize,
        /// k.
        wanted: u8,
    },
    /// Values cancel; happens once in 2²⁵⁶ honest tries, or when somebody knows another's secret. Share anew.
    #[error("secrets cancel each other; share anew")]
    Degenerate,
}
