//! Metered service for pennies of a bank: reserved, debited by what was used, and the rest released, each once by the key of its request.

use std::collections::BTreeMap;

use super::StreamError;

/// Most requests of a bank: their keys are kept, so that one that comes again is known.
pub const MAX_METERED: usize = 1 << 16;

/// Something of a request, in pennies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metering {
    /// So many are kept for it.
    Reserve(u32),
    /// So many of these are used: said once, and the same whenever it is said again.
    Debit(u32),
    /// What was not used is free again.
    Release,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metered {
    /// Pennies that were reserved.
    pub reserved: u32,
    /// Pennies of these that were used, once that was said.
    pub used: Option<u32>,
    /// Whether the rest is free again.
    pub is_released: bool,
}

impl Metered {
    /// Pennies that it keeps from others and has not used.
    const fn held(&self) -> u32 {
        match self.is_released {
            true => 0,
            false => self.reserved.saturating_sub(self.debited()),
        }
    }

    const fn debited(&self) -> u32 {
        match self.used {
            Some(used) => used,
            None => 0,
        }
    }
}

/// What was served for pennies of a bank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterBook {
    /// By streams.
    streamed: u32,
    requests: BTreeMap<[u8; 32], Metered>,
}

impl MeterBook {
    /// A request that is known.
    pub fn request(&self, key: &[u8; 32]) -> Option<&Metered> {
        self.requests.get(key)
    }

    /// Pennies that were served off: by streams, and by what was debited.
    pub fn served(&self) -> u32 {
        let debited = self.requests.values().map(Metered::debited);
        debited.fold(self.streamed, u32::saturating_add)
    }

    /// Pennies that are reserved and not used.
    pub fn reserved(&self) -> u32 {
        let held = self.requests.values().map(Metered::held);
        held.fold(0, u32::saturating_add)
    }

    /// What is left of so many pennies.
    pub(super) fn credit(&self, pennies: u32) -> u32 {
        let free = pennies.saturating_sub(self.served());
        free.saturating_sub(self.reserved())
    }

    /// Whether it is news.
    pub(super) fn check(
        &self,
        key: &[u8; 32],
        what: &Metering,
        credit: u32,
    ) -> Result<bool, StreamError> {
        let known = self.requests.get(key);
        let known_or = known.ok_or(StreamError::Request("there is no such request"));
        match what {
            Metering::Reserve(pennies) => match known {
                Some(known) if known.reserved == *pennies => Ok(false),
                Some(_) => Err(StreamError::Request("it has reserved another number")),
                None if *pennies == 0 => Err(StreamError::Request("nothing is reserved")),
                None if self.requests.len() >= MAX_METERED => {
                    Err(StreamError::Request("the bank has had too many requests"))
                }
                None if *pennies > credit => Err(StreamError::Credit {
                    wanted: *pennies,
                    credit,
                }),
                None => Ok(true),
            },
            Metering::Debit(pennies) => match known_or? {
                known if known.used == Some(*pennies) => Ok(false),
                known if known.used.is_some() => {
                    Err(StreamError::Request("it has used another number"))
                }
                known if known.is_released => Err(StreamError::Request("it is released")),
                known if *pennies > known.reserved => {
                    Err(StreamError::Request("more than is reserved"))
                }
                _ => Ok(true),
            },
            Metering::Release => Ok(!known_or?.is_released),
        }
    }

    pub(super) fn take(&mut self, key: &[u8; 32], what: &Metering) {
        match (what, self.requests.get_mut(key)) {
            (Metering::Reserve(pennies), None) => {
                let fresh = Metered {
                    reserved: *pennies,
                    used: None,
                    is_released: false,
                };
                self.requests.insert(*key, fresh);
            }
            (Metering::Debit(pennies), Some(known)) => known.used = Some(*pennies),
            (Metering::Release, Some(known)) => known.is_released = true,
            _ => {}
        }
    }

    /// A slice of a stream is paid for.
    pub(super) fn serve(&mut self, pennies: u32) {
        self.streamed = self.streamed.saturating_add(pennies);
    }
}
