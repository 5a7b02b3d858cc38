//! Guests: who asks by itself for this node's part in a contract that it has with others, and is served by the side of that one.

use narthex::{
    channel::small::{AskFault, Declined, SmallAnswer},
    contracts::depth::Depth,
    small::Welcome,
};

use super::Small;
use crate::party::{Core, Fatal};

impl Small {
    /// What a guest asks for; `None` of any other ask.
    pub(super) fn guests_figures(&self) -> Option<Vec<u8>> {
        let begun = self.begun().filter(|_| self.is_guest());
        begun.map(|begun| begun.ask.figures.clone())
    }
}

impl Core {
    /// The contract that a guest's ask is about, and what its side says to it.
    fn welcomed(&self, figures: &[u8]) -> Option<([u8; 32], Welcome)> {
        let mut all = self.small.iter();
        all.find_map(|(id, small)| {
            let says = small.side.as_ref()?.welcomes(figures)?;
            match small.standing() {
                "joined" => Some((*id, says)),
                "over" => Some((*id, Welcome::Never("it is over".into()))),
                _ => None,
            }
        })
    }

    /// Whether a guest's ask is taken in, to be served now or when the coin lies deep.
    pub(super) fn may_visit(&self, figures: &[u8]) -> Result<(), Declined> {
        match self.welcomed(figures) {
            Some((_, Welcome::Now | Welcome::Later)) => Ok(()),
            Some((_, Welcome::Never(why))) => Err(Declined::new(AskFault::Late, why)),
            None => Err(Declined::new(
                AskFault::Unknown,
                "there is nothing of that here, or not yet",
            )),
        }
    }

    /// The contract that it is about, as long as that is not over.
    pub(super) fn host_of(&self, figures: &[u8]) -> Option<[u8; 32]> {
        let (id, _) = self.welcomed(figures)?;
        let host = self.small.get(&id)?;
        (host.standing() == "joined").then_some(id)
    }

    /// Answers those that wait, by what the sides say, without their owner; and serves those that are welcome.
    pub(super) fn see_guests(&mut self) -> Result<(), Fatal> {
        let guests = self.small.iter().filter_map(|(id, small)| {
            let is_waiting = matches!(small.standing(), "asked" | "joined");
            Some((
                *id,
                small.standing(),
                small.guests_figures().filter(|_| is_waiting)?,
            ))
        });
        let guests: Vec<_> = guests.collect();
        for (guest, standing, figures) in guests {
            let (answer, host) = match self.welcomed(&figures) {
                Some((host, Welcome::Now)) => (SmallAnswer::Takes(Vec::new()), Some(host)),
                Some((_, Welcome::Never(why))) => {
                    let declined = Declined::new(AskFault::Late, why);
                    (SmallAnswer::Declined(declined), None)
                }
                Some((_, Welcome::Later)) | None => continue,
            };
            // The answer is said first: before it nothing else is heard.
            if standing == "asked"
                && let Ok(due) = self.answer_small(guest, (0, answer), Some(Depth::LEAST))?
            {
                self.outcomes(due)?;
            }
            if let Some(host) = host {
                self.serve_guest(host, guest)?;
            }
        }
        Ok(())
    }

    /// The side says it once; what it says is among what it has to say next.
    fn serve_guest(&mut self, host: [u8; 32], guest: [u8; 32]) -> Result<(), Fatal> {
        let Some(small) = self.small.get_mut(&host) else {
            return Ok(());
        };
        let served = small.side.as_mut().map(|side| side.serve(guest));
        match served {
            Some(Err(error)) => self.small_failed(host, error),
            Some(Ok(true)) => self.side_goes_on(host),
            _ => Ok(()),
        }
    }
}
