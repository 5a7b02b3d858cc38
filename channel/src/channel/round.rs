//! What each message of a round must bring before the next is even asked for.

use bitcoin::secp256k1::Secp256k1;
use narthex_base::secret::Secret;
use narthex_contracts::{
    channel::{Channel, ChannelError, CommitmentShare, SecondKind, SecondLevel, Side, State},
    musig::AdaptorSignature,
};

use super::parts::Phase;
use super::{ChannelFault, ChannelMachine, Revocation};

/// What the counterparty of a commitment's owner signs ahead for the owner.
const SECOND: [SecondKind; 2] = [SecondKind::Timeout, SecondKind::Success];

impl ChannelMachine {
    fn channel_of(&self, what: &'static str) -> Result<&Channel, ChannelFault> {
        match self.channel.as_deref() {
            Some(channel) if self.is_open() => Ok(channel),
            _ => self.refuse(what),
        }
    }

    /// 1: every payment to this side has a signature ahead on the proposer's new commitment, old ones too, before this side signs
    /// that commitment.
    pub(super) fn heard_propose(
        &self,
        number: u64,
        cut: [u64; 2],
        claims: &[AdaptorSignature],
    ) -> Result<bool, ChannelFault> {
        let channel = self.channel_of("proposal")?;
        let Some(locked) = self.locked() else {
            return self.refuse("proposal");
        };
        if number <= locked.number {
            return Err(ChannelFault::Contradiction("proposal"));
        }
        if self.round.is_some() || self.turn == self.me || self.is_force_closing {
            return self.refuse("proposal");
        }
        let expected = locked.number + 1;
        if number != expected {
            return Err(ChannelFault::Number {
                what: "proposal",
                expected,
                found: number,
            });
        }
        let counts = self.counts();
        let within = |at: usize| cut[at] >= self.staged[at].first && cut[at] <= counts[at];
        let is_news = cut[0] > self.staged[0].first || cut[1] > self.staged[1].first;
        if !within(0) || !within(1) || !is_news {
            return Err(ChannelFault::Contradiction("cut"));
        }
        let next = locked
            .next(channel, &self.updates(cut))
            .map_err(|(_, error)| error)?;
        let peer = self.me.other();
        self.check_ahead(peer, &next, &[SecondKind::Claim], claims)?;
        Ok(true)
    }

    pub(super) fn in_phase(
        &self,
        number: u64,
        (is_mine, phase): (bool, Phase),
        what: &'static str,
    ) -> Result<&State, ChannelFault> {
        match &self.round {
            Some(round) if round.next.number == number => {
                match (round.owner == self.me) == is_mine && round.phase == phase {
                    true => Ok(&round.next),
                    // For this number something was signed already: only the same bytes are heard again.
                    false => Err(ChannelFault::Contradiction(what)),
                }
            }
            _ => self.refuse(what),
        }
    }

    /// 2: this side's new commitment is whole before its old one is given up.
    pub(super) fn heard_accept(
        &self,
        number: u64,
        claims: &[AdaptorSignature],
        (share, second): (&CommitmentShare, &[AdaptorSignature]),
    ) -> Result<bool, ChannelFault> {
        let next = self.in_phase(number, (true, Phase::Proposed), "acceptance")?;
        self.check_ahead(self.me.other(), next, &[SecondKind::Claim], claims)?;
        self.check_own(next, share, second)?;
        Ok(true)
    }

    pub(super) fn heard_commit(
        &self,
        number: u64,
        (share, second): (&CommitmentShare, &[AdaptorSignature]),
        revocation: &Revocation,
    ) -> Result<bool, ChannelFault> {
        let next = self.in_phase(number, (false, Phase::Accepted), "commitment")?;
        self.check_own(next, share, second)?;
        self.check_revocation(number - 1, revocation)
    }

    fn check_own(
        &self,
        next: &State,
        share: &CommitmentShare,
        second: &[AdaptorSignature],
    ) -> Result<(), ChannelFault> {
        let (Some(channel), Some(ends)) = (self.channel(), &self.ends) else {
            return self.refuse("signature");
        };
        let commitment = self.commitment(self.me, next.number)?;
        channel.check_share(&commitment, &ends[self.me.index()].nonce, share)?;
        self.check_ahead(self.me, next, &SECOND, second)
    }

    /// What the counterparty signed ahead for the commitment of `owner` to a state, that is, all of it.
    fn check_ahead(
        &self,
        owner: Side,
        state: &State,
        kinds: &[SecondKind],
        given: &[AdaptorSignature],
    ) -> Result<(), ChannelFault> {
        let seconds = self.seconds(owner, state, kinds)?;
        if seconds.len() != given.len() {
            return Err(ChannelError::Count {
                side: self.me.other(),
                given: given.len(),
                wanted: seconds.len(),
            }
            .into());
        }
        for (second, signature) in seconds.iter().zip(given) {
            second.check(signature)?;
        }
        Ok(())
    }

    pub(super) fn seconds(
        &self,
        owner: Side,
        state: &State,
        kinds: &[SecondKind],
    ) -> Result<Vec<SecondLevel>, ChannelFault> {
        let Some(channel) = self.channel() else {
            return self.refuse("signature");
        };
        let commitment = self.commitment_to(owner, state)?;
        Ok(channel.second_levels(&commitment, kinds)?)
    }

    pub(super) fn check_revocation(
        &self,
        number: u64,
        revocation: &Revocation,
    ) -> Result<bool, ChannelFault> {
        let secp = Secp256k1::signing_only();
        let point = revocation.secret.public_key(&secp);
        let revoked = self.point(self.me.other(), number);
        if revoked != Some(point) {
            return Err(ChannelFault::NotRevoked { number });
        }
        let secret = Secret::from_bytes(revocation.secret.secret_bytes());
        self.secrets.check(number, &secret)?;
        if revocation.nonce.check().is_none() {
            return Err(ChannelError::Signature {
                side: self.me.other(),
                what: "a nonce",
            }
            .into());
        }
        Ok(true)
    }
}
