//! Links between the parties. What was sent on a link comes in order, some time; senders keep it until then.

use std::collections::{BTreeMap, VecDeque};

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_channel::setup::SetupMessage;
use narthex_contracts::party::PartyId;

type Link = (PartyId, PartyId);

/// Everything that is on its way.
#[derive(Debug, Default)]
pub(super) struct Net {
    links: BTreeMap<Link, VecDeque<SetupMessage>>,
    /// How slow each link is: it is passed over so many times in 8.
    slow: BTreeMap<Link, u8>,
    pub(super) sent: u64,
}

impl Net {
    pub(super) fn send(&mut self, link: Link, message: SetupMessage) {
        self.sent += 1;
        self.links.entry(link).or_default().push_back(message);
    }

    /// Makes a link slow.
    pub(super) fn slow(&mut self, link: Link, by: u8) {
        self.slow.insert(link, by.min(7));
    }

    /// The message that comes next to one of those who are there, if any is on its way: it stays there until
    /// [`Net::delivered`].
    pub(super) fn next(
        &self,
        is_there: impl Fn(PartyId) -> bool,
        rng: &mut StdRng,
    ) -> Option<(Link, SetupMessage)> {
        let waiting = self.links.iter();
        let waiting = waiting.filter(|((_, to), queue)| !queue.is_empty() && is_there(*to));
        let waiting: Vec<_> = waiting.collect();
        let fast: Vec<_> = waiting
            .iter()
            .filter(|(link, _)| {
                let by = self.slow.get(link).copied().unwrap_or(0);
                by == 0 || rng.gen_range(0..8u8) >= by
            })
            .collect();
        let among = if fast.is_empty() {
            waiting.len()
        } else {
            fast.len()
        };
        if among == 0 {
            return None;
        }
        let at = rng.gen_range(0..among);
        let (link, queue) = if fast.is_empty() {
            waiting[at]
        } else {
            *fast[at]
        };
        Some((*link, queue.front()?.clone()))
    }

    /// A message has come; `again` if it comes once more.
    pub(super) fn delivered(&mut self, link: Link, again: bool) {
        if let Some(queue) = self.links.get_mut(&link)
            && !again
        {
            queue.pop_front();
        }
    }
}
