//! What a set-up is about, before anything is said.

use narthex_contracts::party::{PartyId, PartyName, PartySet};

/// Most attempts at one set-up, the first among them.
pub const MAX_ATTEMPTS: u8 = 8;

/// Numbers that an attempt may have. One void takes a party that was away to the number that others are at, at most
/// [`MAX_ATTEMPTS`] farther, so that numbers that are passed over cost it none of its attempts.
pub(super) const ATTEMPT_NUMBERS: u8 = MAX_ATTEMPTS * (MAX_ATTEMPTS + 1);

/// Who sets up what, and how long each waits for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiation {
    id: [u8; 32],
    parties: Vec<PartyName>,
    me: PartyName,
    lead: PartyName,
    patience_s: u32,
    funding_deadline: u32,
    margin: u32,
    burial: u32,
}

/// Figures of a [`Negotiation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Seconds that the lead waits for proposals. In each phase that follows a party waits for as much longer, since the
    /// others may wait in the one before until then: who is seen to be silent had the time to say on whom it waits itself.
    /// Much longer than a message takes, and than ticks are apart.
    pub patience_s: u32,
    /// Height up to which the funding must be in a block. After it everybody takes its coins back.
    pub funding_deadline: u32,
    /// Blocks before `funding_deadline` from which on nobody parts with its witnesses any more.
    pub margin: u32,
    /// Blocks, the one of the transaction among them, from which on no reorganisation is reckoned with.
    pub burial: u32,
}

/// Why a negotiation cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// The caller's fault.
    #[error("{0} is not among the parties of the negotiation")]
    Stranger(PartyName),
    /// The caller's fault.
    #[error("{0} is named twice among the parties")]
    Twice(PartyName),
    /// The caller's fault.
    #[error("{field} is 0; it must be at least 1")]
    Zero {
        /// Which of [`Timing`].
        field: &'static str,
    },
}

impl Negotiation {
    /// A negotiation among `parties`, whose terms `lead` puts together, as `me` sees it.
    ///
    /// # Errors
    /// [`NegotiationError`]; nothing in it is a peer's fault.
    pub fn new(
        id: [u8; 32],
        parties: impl IntoIterator<Item = PartyName>,
        (me, lead): (PartyName, PartyName),
        timing: Timing,
    ) -> Result<Negotiation, NegotiationError> {
        let mut parties: Vec<PartyName> = parties.into_iter().collect();
        parties.sort_unstable();
        if let Some(pair) = parties.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(NegotiationError::Twice(pair[0]));
        }
        if let Some(stranger) = [me, lead].into_iter().find(|who| !parties.contains(who)) {
            return Err(NegotiationError::Stranger(stranger));
        }
        let figures = [("patience", timing.patience_s), ("burial", timing.burial)];
        if let Some((field, _)) = figures.into_iter().find(|(_, figure)| *figure == 0) {
            return Err(NegotiationError::Zero { field });
        }
        Ok(Negotiation {
            id,
            parties,
            me,
            lead,
            patience_s: timing.patience_s,
            funding_deadline: timing.funding_deadline,
            margin: timing.margin,
            burial: timing.burial,
        })
    }

    /// What it is known by until there is a contract.
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// Oneself.
    pub const fn me(&self) -> PartyName {
        self.me
    }

    /// Who puts the terms together and funds last.
    pub const fn lead(&self) -> PartyName {
        self.lead
    }

    /// Whether one leads oneself.
    pub fn is_lead(&self) -> bool {
        self.me.id == self.lead.id
    }

    /// Everybody, in canonical order.
    pub fn parties(&self) -> &[PartyName] {
        &self.parties
    }

    /// Everybody but oneself.
    pub fn others(&self) -> impl Iterator<Item = PartyName> + '_ {
        let me = self.me.id;
        self.parties.iter().copied().filter(move |p| p.id != me)
    }

    /// Everybody but oneself, as a set.
    pub fn peers(&self) -> PartySet {
        self.others().collect()
    }

    /// What a party is called.
    pub fn name(&self, party: PartyId) -> PartyName {
        let known = self.parties.iter().find(|name| name.id == party);
        known.copied().unwrap_or(PartyName::unnamed(party))
    }

    /// Whether a party is one of the others.
    pub fn is_peer(&self, party: PartyId) -> bool {
        self.others().any(|name| name.id == party)
    }

    pub(super) const fn patience_s(&self) -> u32 {
        self.patience_s
    }

    /// Whether it is too late to part with witnesses at this height.
    pub const fn is_late(&self, tip: u32) -> bool {
        tip as u64 + self.margin as u64 >= self.funding_deadline as u64
    }

    /// Height up to which the funding must be in a block.
    pub const fn deadline(&self) -> u32 {
        self.funding_deadline
    }

    /// Whether the funding must be in a block by now.
    pub const fn is_past(&self, tip: u32) -> bool {
        tip > self.funding_deadline
    }

    /// Whether a transaction in a block of this height is buried.
    pub const fn is_buried(&self, tip: u32, height: u32) -> bool {
        tip as u64 + 1 >= height as u64 + self.burial as u64
    }
}
