//! Points of both sides' commitments, as far as they are known.

use bitcoin::secp256k1::PublicKey;
use narthex_contracts::channel::{ChannelError, Commitment, Side, State};

use super::ChannelMachine;

impl ChannelMachine {
    /// Point of a commitment that is not revoked, or of the one after it.
    pub(super) fn point(&self, owner: Side, number: u64) -> Option<PublicKey> {
        self.ends.as_ref()?[owner.index()].point(number)
    }

    pub(super) fn first_point(&self, owner: Side) -> Option<PublicKey> {
        let points = match owner {
            Side::Opener => self.opening.offer.as_ref()?.points,
            Side::Accepter => self.opening.consent?.1,
        };
        Some(points[0])
    }

    /// The commitment of a side to a state that is not locked yet.
    pub(super) fn commitment_to(
        &self,
        owner: Side,
        state: &State,
    ) -> Result<Commitment, ChannelError> {
        let missing = || ChannelError::Missing("commitment");
        let point = self.point(owner, state.number).ok_or_else(missing)?;
        let channel = self.channel().ok_or_else(missing)?;
        channel.commitment(owner, state, &point)
    }
}
