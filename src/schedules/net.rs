//! Links between the parties. What was sent on a link comes in order, some time; senders keep it until then.

use std::collections::{BTreeMap, VecDeque};

use bitcoin::secp256k1::rand::{Rng, rngs::StdRng};
use narthex_contracts::party::PartyId;

pub(super) type Link = (PartyId, PartyId);

/// Everything that is on its way.
#[derive(Debug)]
pub(super) struct Net<M> {
    /// Each with what its sender's time was.
    links: BTreeMap<Link, VecDeque<(M, u32)>>,
    /// How slow each link is: it is passed over so many times in 8.
    slow: BTreeMap<Link, u8>,
    pub(super) sent: u64,
}

impl<M> Default for Net<M> {
    fn default() -> Self {
        Net {
            links: BTreeMap::new(),
            slow: BTreeMap::new(),
            sent: 0,
        }
    }
}

impl<M: Clone> Net<M> {
    /// Sends a message, at the sender's time: what may be late, and by how much, is whoever delivers it to say.
    pub(super) fn send(&mut self, link: Link, message: M, at: u32) {
        self.sent += 1;
        let queue = self.links.entry(link).or_default();
        queue.push_back((message, at));
    }

    /// Sends messages once more, before anything else that is on its way on their link.
    pub(super) fn send_again(&mut self, link: Link, messages: Vec<M>, at: u32) {
        let queue = self.links.entry(link).or_default();
        for message in messages.into_iter().rev() {
            queue.push_front((message, at));
        }
    }

    /// A message that is on its way since before a time, on a link that is open: the first of the first such link.
    pub(super) fn overdue(&self, is_open: impl Fn(Link) -> bool, before: u32) -> Option<(Link, M)> {
        let mut links = self.links.iter().filter(|(link, _)| is_open(**link));
        links.find_map(|(link, queue)| {
            let (message, at) = queue.front()?;
            (*at < before).then(|| (*link, message.clone()))
        })
    }

    /// Makes a link slow.
    pub(super) fn slow(&mut self, link: Link, by: u8) {
        self.slow.insert(link, by.min(7));
    }

    /// The message that comes next on one of the links that are open, if any is on its way: it stays there until
    /// [`Net::delivered`].
    pub(super) fn next(
        &self,
        is_open: impl Fn(Link) -> bool,
        rng: &mut StdRng,
    ) -> Option<(Link, M)> {
        let waiting = self.links.iter();
        let waiting = waiting.filter(|(link, queue)| !queue.is_empty() && is_open(**link));
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
        Some((*link, queue.front()?.0.clone()))
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
