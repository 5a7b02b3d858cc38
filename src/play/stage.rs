//! All parties of a play in one room, and what becomes of them from block to block.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use bitcoin::{Amount, Script, Transaction};
use narthex_channel::{
    contract::{Contract, Finding, Order},
    log::MemoryLog,
};
use narthex_contracts::{
    coop::{COOP, Proposal},
    graph::{NodeName, TxGraph},
    terms::Role,
};
use narthex_game_model::Accusation;
use narthex_regtest::Chain;

use super::{
    PlayError, attack,
    cheat::{self, Cheats, SharedCheats, seat},
    conduct::{Conduct, FUNDING, Fails},
    killer::Killer,
    narrate::ROOT_RECORD,
};
use crate::life::{LifeError, LifeParty, LifeSigner, MemoryBlobs, Offered, Own, Paid, Room, Sight};

/// What happened, in order.
pub(super) enum Lived {
    /// Somebody did something while the tip was at this height.
    Step {
        height: u32,
        who: Role,
        what: String,
        why: String,
    },
    /// Something confirmed.
    Confirmed(Confirmed),
}

pub(super) struct Confirmed {
    pub(super) who: Role,
    pub(super) name: NodeName,
    pub(super) height: u32,
    pub(super) tx: Transaction,
    pub(super) fee: Amount,
    pub(super) child: Option<Transaction>,
}

/// All parties of a play, and what becomes of them from block to block.
pub(super) struct Stage<'p, 'c> {
    pub(super) room: Room<'p>,
    conduct: &'c Conduct,
    pub(super) cheats: SharedCheats,
    pub(super) killer: Option<Killer>,
    /// The contract as anybody sees it.
    about: Contract,
    sight: Sight<'p>,
    pub(super) journal: Rc<RefCell<Vec<Lived>>>,
    pub(super) tip: Rc<Cell<u32>>,
    /// What has put the case before the panel.
    pub(super) accusation: Rc<Cell<Accusation>>,
    /// How many transactions of the contract were told of, and the last of them.
    known: usize,
    pub(super) by: NodeName,
    /// Whether it was told that the root is on record by itself.
    is_recorded: bool,
    /// Whether somebody has begun anew.
    has_begun: bool,
    /// What the three agree on, if they do.
    pub(super) ending: Option<Proposal>,
}

impl<'p, 'c> Stage<'p, 'c> {
    /// With everybody's contract, at a tip, funded at a height.
    pub(super) fn new(
        about: Contract,
        conduct: &'c Conduct,
        (tip, since): (u32, u32),
    ) -> Result<Stage<'p, 'c>, LifeError> {
        let cheats = Cheats::shared(conduct.cheats.clone(), conduct.works.1);
        let mut room = Room::new();
        room.place_between(cheat::between(cheats.clone()));
        Ok(Stage {
            room,
            conduct,
            cheats,
            killer: None,
            about,
            sight: Sight::in_memory(since)?,
            journal: Rc::default(),
            tip: Rc::new(Cell::new(tip)),
            accusation: Rc::default(),
            known: 0,
            by: FUNDING,
            is_recorded: false,
            has_begun: false,
            ending: None,
        })
    }

    fn tell(&self, entry: Lived) {
        self.journal.borrow_mut().push(entry);
    }

    /// What confirmed since the last look.
    pub(super) fn look(&mut self, chain: &mut dyn Chain) -> Result<(), PlayError> {
        let view = self.sight.look(chain, &self.about)?;
        self.tip.set(view.tip);
        if let Some((accusation, _)) = view.facts.accusation(&self.about) {
            self.accusation.set(accusation);
        }
        for (node, height) in view.facts.path.iter().skip(self.known).copied() {
            self.known += 1;
            if node != TxGraph::FUNDING {
                let txid = self.about.graph().txid(node);
                // Settlements of a panel that is split one way and the other are one transaction, and two of the graph.
                let paid = self.paid(chain, |paid| Some(paid.tx.compute_txid()) == txid)?;
                let nobody = || PlayError::Broken(format!("{txid:?} by nobody"));
                let paid = paid.ok_or_else(nobody)?;
                let node = paid.1.node.and_then(|node| self.about.graph().node(node));
                self.by = node.ok_or_else(nobody)?.name;
                self.confirmed(self.by, height, paid);
            }
            let conduct = self.conduct;
            for (role, _) in conduct.silent.iter().filter(|(_, from)| *from == self.by) {
                self.room.silence(*role);
            }
        }
        if let (Some(height), true) = (view.facts.agreed, self.by != COOP)
            && let Some((who, paid)) = self.ended()
        {
            self.by = COOP;
            self.confirmed(COOP, height, (who, paid));
        }
        if !self.is_recorded
            && let Some((who, paid)) = self.paid(chain, |paid| paid.node.is_none())?
            && let Some((_, Some(height))) = chain.transaction(paid.tx.compute_txid())?
        {
            self.is_recorded = true;
            self.confirmed(ROOT_RECORD, height, (who, paid));
        }
        Ok(())
    }

    /// Who has given the ending to a node.
    fn ended(&self) -> Option<(Role, Paid)> {
        let mut parties = self.room.parties();
        parties.find_map(|party| Some((party.role(), party.publisher().ended.clone()?)))
    }

    /// Who has paid for a transaction, by the child that confirmed; of several that did not, the first.
    fn paid(
        &self,
        chain: &mut dyn Chain,
        is_it: impl Fn(&Paid) -> bool,
    ) -> Result<Option<(Role, Paid)>, PlayError> {
        let mut all = Vec::new();
        for party in self.room.parties() {
            let paid = party.publisher().paid.iter();
            let paid = paid.filter(|paid| is_it(paid)).cloned();
            all.extend(paid.map(|paid| (party.role(), paid)));
        }
        for (role, paid) in &all {
            let child = paid.child.as_ref().map(Transaction::compute_txid);
            if let Some(child) = child
                && let Some((_, Some(_))) = chain.transaction(child)?
            {
                return Ok(Some((*role, paid.clone())));
            }
        }
        Ok(all.into_iter().next())
    }

    fn confirmed(&self, name: NodeName, height: u32, (who, paid): (Role, Paid)) {
        self.tell(Lived::Confirmed(Confirmed {
            who,
            name,
            height,
            tx: paid.tx,
            fee: paid.fee,
            child: paid.child,
        }));
    }

    /// Everybody looks at the chain; letters are delivered until none is on its way; what is due is published.
    pub(super) fn round(&mut self, chain: &mut dyn Chain) -> Result<(), PlayError> {
        loop {
            let before = self.room.changes();
            self.room.look(chain)?;
            let is_anew = self.deliver(true)?;
            // What came may be waited for by a view of the chain that was seen already.
            if self.room.changes() == before && !is_anew {
                break;
            }
        }
        if let Some(killer) = &mut self.killer {
            killer.kill_some(&mut self.room, &self.cheats)?;
            self.room.look(chain)?;
            self.deliver(false)?;
        }
        Ok(self.room.publish(chain)?)
    }

    /// Owners order that their parties agree on an end: the worker's first, the others' once they have heard of it.
    fn agree(&mut self) -> Result<(), PlayError> {
        let Some(ending) = self.ending.clone() else {
            return Ok(());
        };
        let verifier = self.room.party(Role::Verifier);
        let is_right = verifier.is_some_and(|v| v.book().finding() == Some(Finding::Equal));
        for role in [Role::Worker, Role::Client, Role::Verifier] {
            let Some(party) = self.room.party_mut(role).filter(|_| is_right) else {
                continue;
            };
            let endings = party.book().endings();
            let is_asked = role == Role::Worker
                || endings
                    .of(Role::Worker)
                    .is_some_and(|of| of.is_again(&ending));
            let is_new = endings.own().is_none() && endings.whole().is_empty();
            if !(is_asked && is_new) {
                continue;
            }
            let letters = party.order(Order::Agree(ending.clone()))?;
            self.room.post(role, letters);
            let (what, why) = match role {
                Role::Worker => (
                    "asks client and verifier to end it by one ordinary transaction",
                    "the sample is right, and the shortest way is the cheapest for all",
                ),
                _ => (
                    "agrees to that",
                    "it is paid as by the settlement, and keeps all its exits until it is",
                ),
            };
            self.tell(Lived::Step {
                height: self.tip.get(),
                who: role,
                what: what.to_owned(),
                why: why.to_owned(),
            });
        }
        Ok(())
    }

    /// Delivers letters until none is on its way. Whether somebody has begun anew meanwhile.
    fn deliver(&mut self, may_kill: bool) -> Result<bool, PlayError> {
        let mut is_anew = self.begin_anew()?;
        loop {
            let killer = self.killer.as_mut().filter(|_| may_kill);
            let is_killed = killer.is_some_and(Killer::strikes);
            let Some(to) = self.room.deliver_one(is_killed)? else {
                return Ok(is_anew);
            };
            if let (true, Some(killer)) = (is_killed, &mut self.killer) {
                killer.kill(&mut self.room, to, &self.cheats)?;
            }
            is_anew |= self.begin_anew()?;
            self.leave();
            self.agree()?;
        }
    }

    /// A party is away from here on, if it is time.
    fn leave(&mut self) {
        if let Some((who, (whose, at))) = self.conduct.leaves
            && (self.room.party(whose)).is_some_and(|party| party.standing() == at)
        {
            self.room.silence(who);
        }
    }

    /// What must have failed has.
    pub(super) fn check_failed(&self) -> Result<(), PlayError> {
        let Some((who, what, why)) = self.conduct.fails else {
            return Ok(());
        };
        let broken = || PlayError::Broken(format!("{who} could have published {what}"));
        let (party, node) = (self.room.party(who), self.about.graph().find(what));
        let (party, node) = party.zip(node).ok_or_else(broken)?;
        let has_failed = match why {
            Fails::Incomplete => {
                let (book, signer) = (party.book(), party.signer());
                let secrets = signer.secrets(book);
                signer.signatures().complete(node, &secrets).is_err()
            }
            Fails::Refused => {
                let mut refused = party.publisher().refused.iter();
                refused.any(|refused| {
                    refused.node == Some(node) && matches!(refused.why, Offered::Refused(_))
                })
            }
        };
        has_failed.then_some(()).ok_or_else(broken)
    }

    /// A party begins anew, if it is time.
    fn begin_anew(&mut self) -> Result<bool, PlayError> {
        let anew = self.conduct.anew.as_ref().filter(|_| !self.has_begun);
        let Some(anew) = anew.filter(|anew| {
            let (who, at) = anew.when;
            let party = self.room.party(who);
            party.is_some_and(|party| party.standing() == at)
        }) else {
            return Ok(false);
        };
        let Some(party) = self.room.leave(anew.who) else {
            return Ok(false);
        };
        self.has_begun = true;
        let contract = party.book().contract().clone();
        let (signer, publisher) = party.leave();
        let (mut work, _) = signer.into_work();
        self.cheats.borrow_mut().set(anew.who, anew.cheat);
        if let Some((strategy, why)) = &anew.works {
            work.strategy = strategy.clone();
            self.cheats.borrow_mut().works = why;
        }
        for (what, why) in anew.told {
            self.tell(Lived::Step {
                height: self.tip.get(),
                who: anew.who,
                what: (*what).to_owned(),
                why: (*why).to_owned(),
            });
        }
        let log = match &mut self.killer {
            None => MemoryLog::forgetful(),
            Some(killer) => killer.know(anew.who, &work.signatures)?,
        };
        let own = Own {
            log,
            signer: LifeSigner::new(work, Box::new(MemoryBlobs::default()))?,
            publisher,
        };
        seat(&mut self.room, contract, own, &self.cheats)?;
        if anew.is_told {
            self.room.give_again(anew.who)?;
        }
        Ok(true)
    }

    /// Everybody has what it is given.
    pub(super) fn is_over(&self) -> bool {
        let is_over = |party: &LifeParty<'_>| match party.standing() {
            "settled" | "decrypted" | "over" => true,
            // The key of nothing: no boxes come any more.
            "shown" => party.book().papers().boxes().is_none(),
            _ => false,
        };
        self.room.parties().all(is_over)
    }

    /// What somebody does beside its machine.
    pub(super) fn act(&mut self, chain: &mut dyn Chain, reward: &Script) -> Result<(), PlayError> {
        let conduct = self.conduct;
        if conduct.delivers
            && (self.has_begun || conduct.anew.is_none())
            && let Some(worker) = self.room.party_mut(Role::Worker)
            && worker.standing() == "committed"
            && worker.book().facts().path.len() == 1
        {
            let letters = worker.order(Order::Deliver)?;
            self.room.post(Role::Worker, letters);
            self.round(chain)?;
        }
        if let Some(unasked) = &conduct.unasked {
            unasked.publish(&mut self.room, chain, (self.tip.get(), reward))?;
        }
        if let Some(by) = conduct.outbids {
            attack::outbid(&mut self.room, chain, by)?;
        }
        Ok(())
    }
}
