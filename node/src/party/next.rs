//! What a party does next in each contract, and until when: what an operator, a calendar or a watcher of the chain goes by.

use std::fmt;

use narthex::channel::setup::Phase;

use super::Core;

/// When something must be done at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// A height of the chain: the last at which it is surely in time.
    Height(u32),
    /// Seconds since 1970.
    Unix(u64),
}

/// What is done next in a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// The owner of this party answers an offer ([`Command::Accept`](super::Command::Accept), `Decline`).
    Answer,
    /// Nothing: these parties have not done their part of the offer or of the set-up.
    Await(Vec<String>),
    /// The funding is to come into a block. All parties publish it.
    Fund,
    /// This party takes its coin out of a funding that did not come.
    Withdraw,
    /// It publishes a transaction of the contract, such as `TxD`; its root of record, `root`; an ending that was agreed on, `coop`.
    Publish(String),
    /// An arbiter takes its stake back.
    Unstake,
    /// Nothing: the others, or a block, come first.
    Watch,
}

/// The next move in a contract, by what this party knows now. The party makes it by itself, but for [`Move::Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextMove {
    /// Id of the negotiation.
    pub contract: [u8; 32],
    /// What is done.
    pub what: Move,
    /// First height at which a block may hold it, where that is ahead.
    pub from: Option<u32>,
    /// When it must be done.
    pub until: Option<Deadline>,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Move::Answer => write!(f, "answer the offer"),
            Move::Await(parties) => write!(f, "wait for {}", parties.join(", ")),
            Move::Fund => write!(f, "fund"),
            Move::Withdraw => write!(f, "take the coin back"),
            Move::Publish(name) => write!(f, "publish {name}"),
            Move::Unstake => write!(f, "take the stake back"),
            Move::Watch => write!(f, "watch"),
        }
    }
}

impl fmt::Display for NextMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(height) = self.from {
            write!(f, " from height {height}")?;
        }
        match self.until {
            Some(Deadline::Height(height)) => write!(f, " until height {height}"),
            Some(Deadline::Unix(seconds)) => write!(f, " until {seconds} s"),
            None => Ok(()),
        }
    }
}

impl Core {
    /// What is done next in each contract of computation that is not over, and until when. It changes with what is taken and with each
    /// block.
    pub fn next_moves(&self) -> Vec<NextMove> {
        let ids = self.contracts.keys();
        ids.filter_map(|id| self.next_move(id)).collect()
    }

    /// What is done next in one contract; `None` if it is over, or there is none.
    pub fn next_move(&self, id: &[u8; 32]) -> Option<NextMove> {
        let contract = self.contracts.get(id)?;
        let offer = contract.offer.machine().offer()?;
        let ahead = |from: u32| {
            let is_ahead = self.tip.is_none_or(|tip| from > tip.saturating_add(1));
            is_ahead.then_some(from)
        };
        let funded_by = Some(Deadline::Height(offer.timing.funding_deadline));
        let (what, from, until) = match (self.standing(id), contract.phase()) {
            ("asked", _) => (Move::Answer, None, Some(Deadline::Unix(offer.expires_s))),
            ("declined" | "over", _) | (_, Some(Phase::Dropped)) => return None,
            ("waiting", _) => {
                let accepted = |party| contract.offer.machine().enrolment(party).is_some();
                let roles = offer.roles().map(|(role, _)| role);
                let silent = roles.filter(|role| !accepted((*role).into()));
                let silent = silent.map(|role| role.to_string()).collect();
                let until = Some(Deadline::Unix(offer.expires_s));
                (Move::Await(silent), None, until)
            }
            (_, Some(Phase::Committed)) => (Move::Fund, None, funded_by),
            (_, Some(Phase::Withdrawing)) => (Move::Withdraw, None, None),
            (_, Some(Phase::Live)) => {
                let life = contract.life.as_ref();
                if life.is_some_and(|life| life.party.is_past() && life.party.stake_due().is_none())
                {
                    return None;
                }
                let due = life.and_then(|life| {
                    let mut due = life.due().into_iter();
                    let due = due.find(|due| due.name != super::life::STAKE)?;
                    let until = due.until.map(Deadline::Height);
                    Some((Move::Publish(due.name), None, until))
                });
                let next = life.and_then(|life| {
                    let next = life.next_move()?;
                    let name = Move::Publish(life.name(next.node));
                    Some((name, ahead(next.from), next.until.map(Deadline::Height)))
                });
                let stake = life.and_then(|life| {
                    let height = life.party.stake_due()?;
                    Some((Move::Unstake, ahead(height), None))
                });
                due.or(next).or(stake).unwrap_or((Move::Watch, None, None))
            }
            (_, _) => {
                let seat = contract.seat.as_ref();
                let awaited = seat.map(|seat| seat.machine().awaits()).unwrap_or_default();
                let awaited = awaited.into_iter().map(|name| name.to_string());
                let what = match awaited.len() {
                    0 => Move::Watch,
                    _ => Move::Await(awaited.collect()),
                };
                (what, None, funded_by)
            }
        };
        Some(NextMove {
            contract: *id,
            what,
            from,
            until,
        })
    }
}
