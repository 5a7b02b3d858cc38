//! What a party publishes, and what it writes down before where that shows the result secret.

use narthex_channel::contract::{ContractErrand, ContractInput, Done};
use narthex_contracts::graph::NodeId;
use narthex_regtest::NodeAccess;

use super::LifeParty;
use crate::life::{
    LifeError, Secrecy,
    ending::{self, publish_ending},
    mempool::rivals,
    publish, record_root,
    stake::{self, Stake},
};

impl<'a> LifeParty<'a> {
    /// Writes down that what is due is about to show the result secret, where it does and no rival waits, or has waited for b blocks, and gives
    /// the way to publish it. Whoever has a log that is durable later than it is written makes it durable in between: whoever is killed
    /// then knows that the secret may have been shown, and fights for it; holding back saves nothing any more.
    ///
    /// # Errors
    /// [`LifeError`].
    pub fn resolve(&mut self, chain: &mut dyn NodeAccess) -> Result<Resolved<'_, 'a>, LifeError> {
        self.write_down(chain)?;
        Ok(Resolved(self))
    }

    fn write_down(&mut self, chain: &mut dyn NodeAccess) -> Result<(), LifeError> {
        for errand in self.seat.on_chain() {
            let ContractErrand::Publish { node, until } = errand else {
                self.resolve_ending(chain, &errand)?;
                continue;
            };
            let book = self.seat.book();
            let is_written = book.has_shown();
            if !book.shows_secret(node) || (is_written && !self.is_hidden) {
                continue;
            }
            let signer = self.seat.signer();
            // What is missing is said when it is to be published.
            let Ok(tx) = signer.signatures().complete(node, &signer.secrets(book)) else {
                continue;
            };
            let is_alone = rivals(chain, &tx)?.is_empty();
            if is_alone || self.is_tired(chain.height()?, (node, until)) {
                if !is_written {
                    self.seat.take(&ContractInput::Done(Done::Showing(node)))?;
                }
                // Beside a rival it is fought for, as what was shown before.
                self.is_hidden = is_alone;
            }
        }
        Ok(())
    }

    /// Whether what shows the secret has been held back beside a rival for long enough. One that nobody mines may wait for ever: a
    /// verdict that a reorganisation took out of its block, without what paid for it.
    fn is_tired(&mut self, tip: u32, (node, until): (NodeId, Option<u32>)) -> bool {
        let held = self.beside.filter(|(held, _)| *held == node);
        let (_, since) = *self.beside.insert(held.unwrap_or((node, tip)));
        let confirm = u32::from(self.book().contract().policy().confirm);
        // Behind it the rival may be what has its turn by then.
        let is_last = until == Some(tip.saturating_add(1));
        is_last || tip >= since.saturating_add(confirm)
    }

    /// The same of an ending.
    fn resolve_ending(
        &mut self,
        chain: &mut dyn NodeAccess,
        errand: &ContractErrand,
    ) -> Result<(), LifeError> {
        let (book, signer) = (self.seat.book(), self.seat.signer());
        let is_it = matches!(errand, ContractErrand::PublishEnding { .. });
        if !is_it || !book.shows_by_ending() || book.has_shown() {
            return Ok(());
        }
        let (tx, _) = ending::complete(signer, book)?;
        if rivals(chain, &tx)?.is_empty() {
            let done = ContractInput::Done(Done::EndingShowing);
            self.seat.take(&done)?;
            self.is_hidden = true;
        }
        Ok(())
    }

    /// How what is published stands to the result secret, if it shows that.
    fn secrecy(&self, shows: bool) -> Secrecy {
        match self.seat.book().has_shown() {
            _ if !shows => Secrecy::None,
            true if self.is_hidden => Secrecy::Written,
            true => Secrecy::Shown,
            false => Secrecy::Kept,
        }
    }

    fn publish_due(&mut self, chain: &mut dyn NodeAccess) -> Result<bool, LifeError> {
        let (mut is_done, mut failed) = (false, None);
        for errand in self.seat.on_chain() {
            let secret = self.secrecy(match &errand {
                ContractErrand::Publish { node, .. } => self.book().shows_secret(*node),
                ContractErrand::PublishEnding { .. } => self.book().shows_by_ending(),
                ContractErrand::Record { .. } | ContractErrand::Send { .. } => false,
            });
            let (seat, publisher) = (&self.seat, &mut self.publisher);
            let done = match errand {
                ContractErrand::Publish { node, until } => {
                    let due = (node, until, secret);
                    publish(chain, (seat.signer(), publisher), seat.book(), due)
                }
                ContractErrand::PublishEnding { .. } => {
                    let ending = ending::complete(seat.signer(), seat.book());
                    ending.and_then(|ending| publish_ending(chain, publisher, ending, secret))
                }
                ContractErrand::Record { until } => {
                    record_root(chain, publisher, seat.book(), until)
                }
                ContractErrand::Send { .. } => Ok(false),
            };
            if secret == Secrecy::Written && matches!(done, Ok(true)) {
                self.is_hidden = false;
            }
            // Who has no coins for the one may have the root coin for the other.
            match done {
                Ok(done) => is_done |= done,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let height = chain.height()?;
        self.publisher.rest(Some(height));
        if let Some(error) = failed {
            return Err(error);
        }
        let tip = self.signer().sight().tip();
        // A block that is taken back has taken nothing.
        if matches!(self.stake, Stake::Spent { seen } if tip < seen) {
            self.stake = Stake::Locked;
        }
        if self
            .stake_due()
            .is_some_and(|height| tip.saturating_add(1) >= height)
        {
            let (stake, is_taken) =
                stake::take_back(chain, (self.seat.signer(), &mut self.publisher))?;
            self.stake = stake;
            is_done |= is_taken;
        }
        Ok(is_done)
    }
}

/// A party that has written down what it is about to show, and nothing since: the one way to publish what is due.
#[must_use = "nothing is published yet"]
pub struct Resolved<'p, 'a>(&'p mut LifeParty<'a>);

impl Resolved<'_, '_> {
    /// Publishes what is due, as far as the chain does not have it; whether there was anything. What was written down is durable by now.
    ///
    /// # Errors
    /// [`LifeError`]; what a node does not take now is tried again with the next block.
    pub fn publish(self, chain: &mut dyn NodeAccess) -> Result<bool, LifeError> {
        self.0.publish_due(chain)
    }
}
