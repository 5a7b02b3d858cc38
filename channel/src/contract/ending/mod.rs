//! Endings that client, worker and verifier agree on while the contract lives: one transaction of the coin where it is, by a
//! ceremony of three.
//!
//! Each owner orders it ([`Order::Agree`](super::Order)), and each party tells the two others. When all three have said the same, in the same
//! attempt, they sign: nonces, shares, and last the client's share to the worker, which publishes. Talk never overrides the chain:
//! what each has to publish it publishes, but for a worker that has agreed. That holds back what it need not publish yet.
//!
//! Nonces are never on a disk. Whoever loses them begins the next attempt, which the others follow without asking
//! their owners again: it is the same agreement. From its signature on a party loses nothing by a crash.

mod codec;

use std::collections::BTreeMap;

use narthex_contracts::{
    coop::Proposal,
    party::{PartyId, PartySet},
    setup::{NoncesMessage, Release, SharesMessage},
    terms::Role,
};

use super::{Book, ContractEffect, ContractRefusal, Parcel, Task, Thing, duty};

/// Attempts of all endings of a contract together. Who makes them fail costs the others these, and nothing else.
const MAX_ATTEMPTS: u32 = 32;

/// How many agreements of one other party are taken note of: as many as it may make, and some that it changes its mind about.
const MAX_HEARD: u8 = 64;

/// What a party says of an ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndingSaid {
    /// Its owner agrees to this, in this attempt.
    Agrees(Proposal),
    /// Its nonces.
    Nonces {
        /// Of which attempt.
        attempt: u32,
        /// What it announces.
        nonces: NoncesMessage,
    },
    /// Its share, for one of the others.
    Shares {
        /// Of which attempt.
        attempt: u32,
        /// What it has signed.
        shares: SharesMessage,
    },
    /// The client's share, to the worker: the last that is missing.
    Release {
        /// Of which attempt.
        attempt: u32,
        /// The share.
        release: Release,
    },
}

/// Which of it is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndingParcel {
    /// That one agrees.
    Agreement,
    /// Own nonces.
    Nonces,
    /// Own share for one party.
    Shares(PartyId),
    /// The client's share.
    Release,
}

/// Work for whoever has the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndingTask {
    /// Bind the attempt to the agreement, and draw nonces. They live in this process alone.
    Announce,
    /// Sign with everybody's nonces.
    Sign,
    /// Check what came, and put together what is held from now on.
    Close,
}

/// A ceremony, or what is held of it, as bytes. Shares that are withheld are in it, so that it can't be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredEnding(pub Vec<u8>);

impl std::fmt::Debug for StoredEnding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredEnding({} bytes)", self.0.len())
    }
}

/// What is written down of endings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndingChange {
    /// Its owner agrees to this, in this attempt: what belongs to an earlier one is forgotten.
    Agreed(Proposal),
    /// Another party does.
    Heard {
        /// Who.
        by: PartyId,
        /// To what.
        what: Proposal,
    },
    /// Somebody's nonces of the attempt, own ones too.
    Nonces(NoncesMessage),
    /// It is signed: from here on a crash costs nothing.
    Signed {
        /// The ceremony as it stands.
        signing: StoredEnding,
        /// Own shares, for each that is to have one.
        shares: Vec<SharesMessage>,
    },
    /// Somebody's share.
    Shares(SharesMessage),
    /// The client's share, at the worker.
    Released(Release),
    /// The signature is here whole: at the client, and at the worker.
    Whole {
        /// All that is held.
        signatures: StoredEnding,
        /// What the client hands to the worker.
        releases: Vec<Release>,
    },
    /// The worker publishes it.
    Decided,
    /// It is about to be given to a node, and with it the result secret: from here on that counts as shown.
    Showing,
    /// It is void: too late, or its coin is spent.
    Lapsed,
}

/// A signature that is here whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeEnding {
    /// Of what.
    pub proposal: Proposal,
    /// All that is held, as bytes.
    pub signatures: StoredEnding,
    releases: Vec<Release>,
}

/// What is known of endings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endings {
    own: Option<Proposal>,
    others: BTreeMap<PartyId, Proposal>,
    heard: BTreeMap<PartyId, u8>,
    /// The first number that no own attempt has had.
    next: u32,
    nonces: BTreeMap<PartyId, NoncesMessage>,
    signed: Option<(StoredEnding, Vec<SharesMessage>)>,
    shares: BTreeMap<PartyId, SharesMessage>,
    released: Option<Release>,
    whole: Vec<WholeEnding>,
    pub(super) is_decided: bool,
}

impl Endings {
    /// What this party has agreed to, until it is void.
    pub const fn own(&self) -> Option<&Proposal> {
        self.own.as_ref()
    }

    /// What another party has agreed to last.
    pub fn of(&self, party: impl Into<PartyId>) -> Option<&Proposal> {
        self.others.get(&party.into())
    }

    /// Nonces of the attempt, own ones too.
    pub fn nonces(&self) -> impl Iterator<Item = &NoncesMessage> {
        self.nonces.values()
    }

    /// The ceremony in which one has signed, as bytes.
    pub fn signing(&self) -> Option<&[u8]> {
        self.signed
            .as_ref()
            .map(|(signing, _)| signing.0.as_slice())
    }

    /// Shares that came.
    pub fn shares(&self) -> impl Iterator<Item = &SharesMessage> {
        self.shares.values()
    }

    /// The client's share, as it came.
    pub const fn released(&self) -> Option<&Release> {
        self.released.as_ref()
    }

    /// Signatures that are here whole, in the order in which they were.
    pub fn whole(&self) -> &[WholeEnding] {
        &self.whole
    }

    /// What is to be said, as it is said.
    pub(super) fn said(&self, attempt: u32, what: EndingParcel, me: Role) -> Option<EndingSaid> {
        let own = self.own.as_ref().filter(|own| own.attempt == attempt)?;
        Some(match what {
            EndingParcel::Agreement => EndingSaid::Agrees(own.clone()),
            EndingParcel::Nonces => EndingSaid::Nonces {
                attempt,
                nonces: self.nonces.get(&me.into())?.clone(),
            },
            EndingParcel::Shares(to) => {
                let mut shares = self.signed.as_ref()?.1.iter();
                let shares = shares.find(|shares| shares.to == to)?.clone();
                EndingSaid::Shares { attempt, shares }
            }
            EndingParcel::Release => EndingSaid::Release {
                attempt,
                release: self.held()?.releases.first()?.clone(),
            },
        })
    }

    /// What is whole of the attempt that is under way.
    fn held(&self) -> Option<&WholeEnding> {
        let own = self.own.as_ref()?;
        self.whole.iter().find(|whole| whole.proposal == *own)
    }

    /// Whether the two others have said the same as this one.
    fn is_agreed(&self) -> bool {
        let is_it = |other: &Proposal| Some(other) == self.own.as_ref();
        self.own.is_some() && self.others.values().filter(|other| is_it(other)).count() == 2
    }

    /// The agreement in its next attempt; `None` if there were too many.
    pub(super) fn again(&self) -> Option<Proposal> {
        let own = self.own.clone().filter(|_| self.next < MAX_ATTEMPTS)?;
        Some(Proposal {
            attempt: self.next,
            ..own
        })
    }

    pub(super) fn apply(&mut self, change: &EndingChange) {
        match change {
            EndingChange::Agreed(proposal) => {
                self.next = proposal.attempt.saturating_add(1).max(self.next);
                self.own = Some(proposal.clone());
                self.clear();
            }
            EndingChange::Heard { by, what } => {
                let heard = self.heard.entry(*by).or_default();
                *heard = heard.saturating_add(1);
                self.others.insert(*by, what.clone());
            }
            EndingChange::Nonces(nonces) => {
                self.nonces.insert(nonces.from, nonces.clone());
            }
            EndingChange::Signed { signing, shares } => {
                self.signed = Some((signing.clone(), shares.clone()));
            }
            EndingChange::Shares(shares) => {
                self.shares.insert(shares.from, shares.clone());
            }
            EndingChange::Released(release) => self.released = Some(release.clone()),
            EndingChange::Whole {
                signatures,
                releases,
            } => {
                let whole = self.own.clone().map(|proposal| WholeEnding {
                    proposal,
                    signatures: signatures.clone(),
                    releases: releases.clone(),
                });
                self.whole.extend(whole);
            }
            EndingChange::Decided => self.is_decided = true,
            EndingChange::Showing => {}
            EndingChange::Lapsed => {
                self.own = None;
                self.clear();
            }
        }
    }

    fn clear(&mut self) {
        self.nonces.clear();
        self.signed = None;
        self.shares.clear();
        self.released = None;
    }
}

type Taken = Result<Vec<EndingChange>, ContractRefusal>;

impl Book {
    /// Where the chain stands, as endings name it.
    fn spends_here(&self, proposal: &Proposal) -> bool {
        let last = self.facts.last().filter(|_| self.facts.agreed.is_none());
        last.is_some_and(|(last, _)| self.contract().name(last) == Some(proposal.spends))
    }

    /// Whether the ending that is whole shows the result secret to whoever sees it.
    pub fn shows_by_ending(&self) -> bool {
        let whole = self.whole_here();
        whole.is_some_and(|whole| whole.proposal.reveals_result)
    }

    /// What is whole and of the coin where it is: the last.
    pub fn whole_here(&self) -> Option<&WholeEnding> {
        let mut all = self.endings.whole.iter().rev();
        all.find(|whole| self.spends_here(&whole.proposal))
    }

    /// Its owner agrees to an ending.
    pub(super) fn agree(&self, proposal: &Proposal) -> Taken {
        let (contract, endings) = (self.contract(), &self.endings);
        proposal
            .check(contract.terms(), contract.graph())
            .map_err(ContractRefusal::Ending)?;
        let is_again = |other: &&Proposal| other.is_again(proposal);
        if endings.own().is_some_and(|own| is_again(&own)) {
            return Ok(Vec::new());
        }
        let others = endings.others.values().filter(is_again);
        let attempt = others.map(|other| other.attempt).max();
        let attempt = attempt.unwrap_or(0).max(endings.next);
        // Research ends by what the paper has, and by nothing else.
        let is_principal = Role::principals().contains(contract.role()) && !contract.is_paper();
        let is_free = self.publishing().is_none() && !endings.is_decided;
        if !(is_principal && is_free && self.spends_here(proposal) && attempt < MAX_ATTEMPTS) {
            return Err(ContractRefusal::NoEnding {
                spends: proposal.spends,
            });
        }
        let proposal = proposal.clone();
        Ok(vec![EndingChange::Agreed(Proposal {
            attempt,
            ..proposal
        })])
    }

    /// What another party says of an ending. What is of another attempt came late, and says nothing.
    pub(super) fn ending_said(&self, from: Role, said: &EndingSaid) -> Taken {
        let (me, endings) = (self.contract().role(), &self.endings);
        let not_its_part = |what| self.not_its_part(from, what);
        let principals = Role::principals();
        if !(principals.contains(me) && principals.contains(from)) {
            return not_its_part("word of an ending");
        }
        let by: PartyId = from.into();
        let own = endings.own.as_ref().filter(|_| endings.held().is_none());
        let is_open = |attempt: u32| own.is_some_and(|own| own.attempt == attempt);
        let change = match said {
            EndingSaid::Agrees(what) => {
                if endings.of(from) == Some(what) {
                    return Ok(Vec::new());
                }
                if endings.heard.get(&by).is_some_and(|n| *n >= MAX_HEARD) {
                    return not_its_part("agreement more, after so many");
                }
                let what = what.clone();
                let is_next = own.is_some_and(|own| {
                    let is_later = what.attempt > own.attempt && what.attempt < MAX_ATTEMPTS;
                    own.is_again(&what) && is_later
                });
                let next = is_next.then(|| EndingChange::Agreed(what.clone()));
                let heard = EndingChange::Heard { by, what };
                return Ok([heard].into_iter().chain(next).collect());
            }
            // One transaction with one input takes one of each.
            EndingSaid::Nonces { nonces, .. } if nonces.from != by || nonces.nonces.len() != 1 => {
                return not_its_part("nonces of another");
            }
            EndingSaid::Nonces { attempt, nonces } => {
                let is_new = is_open(*attempt) && !endings.nonces.contains_key(&by);
                is_new.then(|| EndingChange::Nonces(nonces.clone()))
            }
            EndingSaid::Shares { shares, .. }
                if (shares.from, shares.to) != (by, me.into()) || shares.shares.len() != 1 =>
            {
                return not_its_part("share of another");
            }
            EndingSaid::Shares { attempt, shares } => {
                let is_new = is_open(*attempt) && !endings.shares.contains_key(&by);
                is_new.then(|| EndingChange::Shares(shares.clone()))
            }
            EndingSaid::Release { .. } if (from, me) != (Role::Client, Role::Worker) => {
                return not_its_part("last share of an ending");
            }
            EndingSaid::Release { attempt, release } => {
                let is_new = is_open(*attempt) && endings.released.is_none();
                is_new.then(|| EndingChange::Released(release.clone()))
            }
        };
        Ok(change.into_iter().collect())
    }

    /// What is asked of whoever has the key, if anything.
    fn ending_task(&self) -> Option<EndingTask> {
        let (me, endings) = (self.contract().role(), &self.endings);
        let own = endings.own.as_ref().filter(|_| endings.held().is_none())?;
        let all = Role::PRINCIPALS.map(PartyId::from);
        let has_nonces = |party: &PartyId| endings.nonces.contains_key(party);
        let has_share = |role: Role| endings.shares.contains_key(&PartyId::from(role));
        let is_served = || {
            let id = self.contract().id();
            // What the key opens is here: who pays without it pays for nothing.
            !own.reveals_result || self.papers.has_given(id, Thing::Data)
        };
        match (&endings.signed, me) {
            _ if !endings.is_agreed() => None,
            (None, _) if !has_nonces(&me.into()) => Some(EndingTask::Announce),
            (None, _) => all.iter().all(has_nonces).then_some(EndingTask::Sign),
            (Some(_), Role::Client) => {
                let is_here = has_share(Role::Worker) && has_share(Role::Verifier) && is_served();
                is_here.then_some(EndingTask::Close)
            }
            (Some(_), Role::Worker) => {
                let is_here = has_share(Role::Verifier) && endings.released.is_some();
                is_here.then_some(EndingTask::Close)
            }
            _ => None,
        }
    }

    /// What is to be done for an ending.
    pub(super) fn ending_due(&self) -> Vec<ContractEffect> {
        let (me, endings) = (self.contract().role(), &self.endings);
        let mut due = Vec::new();
        if let Some(until) = self.ending_published() {
            due.push(ContractEffect::PublishEnding { until });
        }
        let Some(own) = endings.own.as_ref() else {
            return due;
        };
        let attempt = own.attempt;
        let others = Role::principals();
        let others: PartySet = others
            .iter()
            .filter(|party| *party != PartyId::from(me))
            .collect();
        let send = |to, what| ContractEffect::Send {
            to,
            what: Parcel::Ending { attempt, what },
        };
        due.push(send(others, EndingParcel::Agreement));
        if endings.nonces.contains_key(&me.into()) {
            due.push(send(others, EndingParcel::Nonces));
        }
        let shares = endings.signed.iter().flat_map(|(_, shares)| shares);
        due.extend(shares.map(|shares| {
            let to = PartySet::EMPTY.with(shares.to);
            send(to, EndingParcel::Shares(shares.to))
        }));
        if endings.held().is_some_and(|held| !held.releases.is_empty()) {
            let to = PartySet::EMPTY.with(Role::Worker);
            due.push(send(to, EndingParcel::Release));
        }
        due.extend(self.ending_task().map(|task| {
            let task = Task::Ending { attempt, task };
            ContractEffect::Task(task)
        }));
        due
    }

    /// The last height at which what is published is surely in time, if the ending is.
    fn ending_published(&self) -> Option<Option<u32>> {
        let is_due = self.endings.is_decided && self.whole_here().is_some();
        is_due.then(|| duty::ending_until(self))
    }

    /// What follows for endings from the height of the tip.
    pub(super) fn ending_seen(&self, tip: u32) -> Vec<EndingChange> {
        let lapses = |own: &Proposal| tip >= own.expires_height || !self.spends_here(own);
        let lapsed = self.endings.own.as_ref().is_some_and(lapses);
        let is_due = !self.endings.is_decided && duty::is_ending_due(self, tip);
        let lapsed = lapsed.then_some(EndingChange::Lapsed);
        let decided = is_due.then_some(EndingChange::Decided);
        lapsed.into_iter().chain(decided).collect()
    }

    /// Whether the contract ended as was agreed, and that has shown the result secret.
    pub(super) fn is_shown_by_ending(&self) -> bool {
        let mut whole = self.endings.whole.iter();
        self.facts.agreed.is_some() && whole.any(|whole| whole.proposal.reveals_result)
    }
}
