//! What parties send and publish, and what an adversary makes of it.

use narthex_channel::{
    setup::{Body, Errand},
    toy::toy_funding,
};
use narthex_contracts::party::PartyId;

use super::World;
use crate::schedules::{Strategy, chain::Spend, node::Node};

impl World {
    pub(super) fn errands(&mut self, party: PartyId, errands: Vec<Errand>) {
        for errand in errands {
            match errand {
                Errand::Send { to, message } => {
                    let is_parting = matches!(message.body, Body::Funding(_) | Body::Whole(_));
                    let own = self.adversary.as_mut().filter(|who| who.party == party);
                    let messages = match own {
                        None => vec![message],
                        Some(own) => {
                            if is_parting && own.strategy == Strategy::Outspend {
                                self.chain.publish(Spend::Back(party));
                            }
                            own.filter(to, message, &mut self.rng)
                        }
                    };
                    for message in messages {
                        self.net.send((party, to), message, self.chain.tip);
                    }
                }
                Errand::Broadcast(whole) => self.publish(party, whole),
                Errand::Withdraw => self.chain.publish(Spend::Back(party)),
            }
        }
    }

    /// Only the funding that the own terms lead to, with everybody's witnesses, is published: nodes take no other.
    pub(super) fn publish(&mut self, party: PartyId, whole: Vec<u8>) {
        let own = self.nodes.get(&party).and_then(Node::machine);
        if own.and_then(toy_funding) != Some(whole.clone()) {
            return;
        }
        let adversary = self.adversary.as_ref().filter(|who| who.party == party);
        match adversary.map(|who| who.strategy) {
            Some(Strategy::Withhold) => {}
            Some(Strategy::Hoard) => self.hoarded = Some(whole),
            _ => self.chain.publish(Spend::Funding(whole)),
        }
    }
}
