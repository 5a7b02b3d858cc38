//! The payer's chain: a million secrets revealed in order from a few dozen in memory.

use zeroize::Zeroize;

use super::{Links, Penny};

/// A hash chain traversed against the direction in which it is computed.
///
/// The seed w_N is kept at the bottom of a stack, and above it pebbles at halving distances towards the next penny:
/// at most 1 + log₂ N of them. Each stretch between two pebbles is walked once per level, so that a penny costs about
/// ½ log₂ N hashes, evened out over the chain.
pub struct Pebbles {
    bank: [u8; 32],
    links: Links,
    /// Indices fall from the bottom to the top.
    stack: Vec<(u32, [u8; 32])>,
    /// The last penny given out.
    revealed: u32,
}

impl Pebbles {
    /// A chain of `top` pennies above `revealed`, from the secret of the highest.
    pub fn new(bank: [u8; 32], top: u32, seed: [u8; 32], revealed: u32) -> Pebbles {
        Pebbles {
            bank,
            links: Links::new(&bank),
            stack: vec![(top, seed)],
            revealed,
        }
    }

    /// The last penny given out; 0 before the first.
    pub fn revealed(&self) -> u32 {
        self.revealed
    }

    /// The highest penny that it can give.
    pub fn top(&self) -> u32 {
        self.stack.first().map_or(0, |(i, _)| *i)
    }

    /// Pennies still to be given out.
    pub fn left(&self) -> u32 {
        self.top().saturating_sub(self.revealed)
    }

    /// Secrets in memory.
    pub fn held(&self) -> usize {
        self.stack.len()
    }

    /// The penny `count` further on; `None` if the chain ends before. 0 gives the last one once more.
    pub fn reveal(&mut self, count: u32) -> Option<Penny> {
        let index = self.revealed.checked_add(count)?;
        let secret = self.secret(index)?;
        self.revealed = index;
        Some(Penny {
            bank: self.bank,
            index,
            secret,
        })
    }

    /// w_index, for an index that was not passed by. Pebbles on the way to it are put down, and those before it are
    /// taken up.
    pub fn secret(&mut self, index: u32) -> Option<[u8; 32]> {
        if index < self.revealed || index > self.top() {
            return None;
        }
        // What lies below can be had from what is asked for; the seed stays.
        while let [_, .., (i, secret)] = self.stack.as_mut_slice() {
            if *i >= index {
                break;
            }
            secret.zeroize();
            self.stack.pop();
        }
        loop {
            let (above, secret) = *self.stack.last()?;
            if above == index {
                return Some(secret);
            }
            let middle = index + (above - index) / 2;
            let next = self.links.down(above, secret, middle);
            self.stack.push((middle, next));
        }
    }

    /// The secrets of these indices, in rising order and none passed by, without moving on: one walk for all of them
    /// from the next pebble above.
    pub fn ahead(&self, indices: &[u32]) -> Option<Vec<[u8; 32]>> {
        let mut secrets = Vec::with_capacity(indices.len());
        let mut walked: Option<(u32, [u8; 32])> = None;
        for index in indices.iter().rev() {
            let pebble = self.stack.iter().rev().find(|(i, _)| i >= index).copied();
            let nearest = match (walked, pebble) {
                (Some(walked), Some(pebble)) if walked.0 < pebble.0 => walked,
                (_, pebble) => pebble?,
            };
            if *index < self.revealed || walked.is_some_and(|(above, _)| above < *index) {
                return None;
            }
            let secret = self.links.down(nearest.0, nearest.1, *index);
            walked = Some((*index, secret));
            secrets.push(secret);
        }
        secrets.reverse();
        Some(secrets)
    }

    /// w_0, which the terms of a bank name. Walks the whole chain once.
    pub fn root(bank: [u8; 32], top: u32, seed: [u8; 32]) -> [u8; 32] {
        Links::new(&bank).down(top, seed, 0)
    }

    /// The bank of the chain.
    pub fn bank(&self) -> [u8; 32] {
        self.bank
    }
}

impl Drop for Pebbles {
    fn drop(&mut self) {
        self.stack
            .iter_mut()
            .for_each(|(_, secret)| secret.zeroize());
    }
}

impl std::fmt::Debug for Pebbles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pebbles({} of {})", self.revealed, self.top())
    }
}
