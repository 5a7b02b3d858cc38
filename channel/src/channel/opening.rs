//! What the messages of an opening must bring.

use narthex_contracts::channel::{Channel, CommitmentShare, Side, State};

use super::{ChannelFault, ChannelMachine, ChannelMessage};

impl ChannelMachine {
    pub(super) fn heard_opening(&self, message: &ChannelMessage) -> Result<bool, ChannelFault> {
        let (opening, me) = (&self.opening, self.me);
        match message {
            ChannelMessage::Offer(_) if me == Side::Accepter && opening.offer.is_none() => Ok(true),
            ChannelMessage::Consent(consent)
                if me == Side::Opener && opening.offer.is_some() && opening.consent.is_none() =>
            {
                let mut after = self.clone();
                after.opening.consent = Some(**consent);
                let Some(terms) = after.terms() else {
                    return self.refuse("consent");
                };
                Channel::new(terms, bitcoin::OutPoint::null())?;
                Ok(true)
            }
            ChannelMessage::Funded(funding, _)
                if me == Side::Accepter
                    && opening.consent.is_some()
                    && opening.funding.is_none() =>
            {
                let Some(terms) = self.terms() else {
                    return self.refuse("funding");
                };
                Channel::new(terms, *funding)?;
                Ok(true)
            }
            ChannelMessage::First(first)
                if me == Side::Opener && opening.funding.is_some() && opening.first.is_none() =>
            {
                self.check_first(&first.1, Side::Opener)
            }
            ChannelMessage::Second(share)
                if me == Side::Accepter && opening.first.is_some() && !opening.is_second =>
            {
                self.check_first(share, Side::Accepter)
            }
            _ => self.refuse("message"),
        }
    }

    fn check_first(&self, share: &CommitmentShare, owner: Side) -> Result<bool, ChannelFault> {
        let (offer, channel) = (self.opening.offer.as_ref(), self.channel());
        let (Some(offer), Some(channel)) = (offer, channel) else {
            return self.refuse("share");
        };
        let state = State::first(channel, offer.push)?;
        let nonce = match owner {
            Side::Opener => self.opening.funding.map(|(_, nonces)| nonces[0]),
            Side::Accepter => self.opening.first.map(|nonces| nonces[0]),
        };
        let point = self.first_point(owner);
        let (Some(nonce), Some(point)) = (nonce, point) else {
            return self.refuse("share");
        };
        let commitment = channel.commitment(owner, &state, &point)?;
        channel.check_share(&commitment, &nonce, share)?;
        Ok(true)
    }
}
