//! What a node asks its chain, and sends to it.

use std::{collections::BTreeMap, rc::Rc};

use narthex::{
    bitcoin::{BlockHash, Transaction, consensus},
    channel::{
        offer::{Accept, Offer},
        setup::{ChainView, Phase, Seat, SeatError, SetupInput},
    },
    contracts::{party::PartyId, terms::FeeRate},
    regtest::{AcceptedPolicy, ChainSource, NodeAccess},
};

use super::{
    Core, Fatal, Now,
    arbiter::{Unseen, seen_behind},
    contract::{Took, setup_log, short},
    keep,
    signer::{About, NodeSigner, own_coins},
};

/// Blocks after the funding deadline until which a contract that came to nothing is remembered.
const REMEMBERED: u32 = 144;

/// Blocks behind the deadline up to which a coin is taken back at a rate that rises by a quarter each.
const MOST_BUMPS: u64 = 20;

/// Weight of a transaction with one key path spend and one output, and some more.
const OWN_SPEND_WU: u64 = 440;

impl Core {
    /// Looks at the chain: the wallet reads new blocks, set-ups whose time has come begin, all are shown where their funding stands, and what
    /// is to be published is. What the chain does not answer is asked again the next time.
    ///
    /// # Errors
    /// [`Fatal`]. That the chain does not answer is a note.
    pub fn poll(&mut self, chain: &mut dyn NodeAccess, now: Now) -> Result<(), Fatal> {
        self.now = now;
        self.is_ticked = false;
        let tip = match self.follow(chain) {
            Ok(tip) => tip,
            Err(why) => {
                self.note(format_args!("the chain: {why}"));
                return Ok(());
            }
        };
        self.take_out_lost(tip, chain)?;
        let ids: Vec<_> = self.contracts.keys().copied().collect();
        for id in ids {
            self.begin(id, chain)?;
            self.show(id, tip, chain)?;
            self.publish(id, tip, chain)?;
            self.live(id, tip, chain)?;
            self.take_back(id, tip, chain)?;
            self.forget_late(id, tip.0)?;
        }
        self.put_away_due(tip)?;
        self.poll_small(tip, chain)?;
        self.poll_towers(tip, chain)?;
        self.poll_bonds(tip, chain)?;
        self.go_on()
    }

    /// Whether a look at the chain is due before the next tick.
    pub fn wants_poll(&self) -> bool {
        self.contracts.values().any(|contract| {
            let lives = contract.phase() == Some(Phase::Live);
            if lives && contract.life.is_none() && self.now.ms >= contract.again_ms {
                return true;
            }
            let is_joined = contract.offer.machine().standing() == "joined";
            let begins = is_joined && contract.seat.is_none() && self.now.ms >= contract.again_ms;
            let viewed = contract.viewed.map(|(_, phase)| phase);
            begins
                || contract
                    .phase()
                    .is_some_and(|phase| phase == Phase::Committed && viewed != Some(phase))
        })
    }

    /// Height of the chain that the wallet has seen.
    pub const fn tip(&self) -> Option<u32> {
        self.tip
    }

    fn follow(&mut self, chain: &mut dyn NodeAccess) -> Result<(u32, BlockHash), String> {
        let words = |error: narthex::regtest::Error| error.to_string();
        let (height, hash) = chain.tip().map_err(words)?;
        let source: &mut dyn ChainSource = chain;
        let synced = self.own.borrow_mut().wallet.sync(source);
        synced.map_err(|error| error.to_string())?;
        self.tip = Some(height);
        self.looked_s = Some(self.now.unix_s);
        Ok((height, hash))
    }

    /// That the node takes what contracts end with, at this rate.
    pub(super) fn asked(
        &mut self,
        rate: FeeRate,
        chain: &mut dyn NodeAccess,
    ) -> Result<AcceptedPolicy, String> {
        let known = self.asked.get(&rate.to_sat_per_kwu());
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let found = self.own.borrow().wallet.probe(chain, rate);
        let found = found.map_err(|error| error.to_string())?;
        self.asked.insert(rate.to_sat_per_kwu(), found.clone());
        Ok(found)
    }

    /// The set-up of a contract that everybody takes part in: for the first time, or as its log left it.
    fn begin(&mut self, id: [u8; 32], chain: &mut dyn NodeAccess) -> Result<(), Fatal> {
        let ms = self.now.ms;
        let contract = self
            .contracts
            .get(&id)
            .filter(|contract| contract.seat.is_none() && contract.again_ms <= ms);
        let Some(contract) = contract.filter(|_| self.standing(&id) == "joined") else {
            return Ok(());
        };
        let machine = contract.offer.machine();
        let (Some(offer), Some(role)) = (machine.offer().cloned(), machine.me()) else {
            return Ok(());
        };
        let roles = offer.roles().map(|(role, _)| role.into());
        let accepts = roles.filter_map(|party| Some((party, *machine.accept(party)?)));
        let accepts: BTreeMap<_, _> = accepts.collect();
        // After a start it is looked at first.
        if !self.jobs.has(&offer.job) && self.job_comes(&offer.bundle, &offer.job) {
            return Ok(());
        }
        let negotiation = offer.negotiation(role).map_err(|error| error.to_string());
        let job = self.jobs.accept(&offer.job, &offer.params);
        let asked = self.asked(offer.rate, chain);
        let reserve = self
            .reserve(&offer, role)
            .map_err(|error| error.to_string());
        let (negotiation, job, asked, reserve) = match (negotiation, job, asked, reserve) {
            (Ok(negotiation), Ok(job), Ok(asked), Ok(reserve)) => {
                (negotiation, job, asked, reserve)
            }
            (Err(why), ..) | (_, Err(why), ..) | (_, _, Err(why), _) | (.., Err(why)) => {
                self.failed(id, why);
                return Ok(());
            }
        };
        let unbonded = match self.unbonded(id, (&offer, &accepts), chain)? {
            Ok(unbonded) => unbonded,
            Err(why) => {
                self.failed(id, why);
                return Ok(());
            }
        };
        let about = Rc::new(About {
            offer,
            id,
            role,
            accepts,
            unbonded,
            job,
            asked,
            reserve,
            economics: self.policy.economics.clone(),
        });
        let signer = NodeSigner::new(Rc::clone(&self.own), about);
        let log = self.store.open(&setup_log(id))?;
        let (seat, errands) = match Seat::open(negotiation, log, signer, &mut |_| ()) {
            Ok(opened) => opened,
            Err(SeatError::Log(error)) => return Err(Fatal::step(error)),
            Err(SeatError::Open(error)) => return Err(error.into()),
            Err(error) => {
                self.failed(id, error.to_string());
                return Ok(());
            }
        };
        if let Some(contract) = self.contracts.get_mut(&id) {
            contract.seat = Some(seat);
            contract.trouble = None;
        }
        let due = self.errands(id, errands)?;
        self.outcomes(due)
    }

    /// Of the first arbiter whose bond is not on the chain as it has said, which one and why; an error while that cannot be said. A set-up that was
    /// begun has been looked at: its bonds may be spent once it is over.
    fn unbonded(
        &mut self,
        id: [u8; 32],
        (offer, accepts): (&Offer, &BTreeMap<PartyId, Accept>),
        chain: &mut dyn NodeAccess,
    ) -> Result<Result<Option<String>, String>, Fatal> {
        let mut unbonded = None;
        let with_bonds = accepts.values().filter(|accept| accept.bond.is_some());
        let with_bonds: Vec<_> = with_bonds.collect();
        if with_bonds.is_empty() || self.store.has(&setup_log(id))? {
            return Ok(Ok(unbonded));
        }
        let reorg = self.policy.reorg();
        for accept in with_bonds {
            match seen_behind(accept, (offer, reorg), chain) {
                Ok(()) => {}
                Err(Unseen::NotYet(why)) => return Ok(Err(why)),
                Err(Unseen::Missing(why)) => {
                    unbonded.get_or_insert_with(|| format!("{}: {why}", accept.enrolment.role));
                }
            }
        }
        Ok(Ok(unbonded))
    }

    fn failed(&mut self, id: [u8; 32], why: String) {
        self.note_of(id, format_args!("{}: {why}", short(&id)));
        let ms = self.now.ms;
        if let Some(contract) = self.contracts.get_mut(&id) {
            contract.fail(why, ms);
        }
    }

    /// Shows a set-up where its funding stands, if the chain or the set-up is elsewhere than at the last look.
    fn show(
        &mut self,
        id: [u8; 32],
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let own = Rc::clone(&self.own);
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(());
        };
        let Some(seat) = contract.seat.as_mut() else {
            return Ok(());
        };
        let phase = seat.phase();
        if contract.viewed == Some((tip.1, phase)) {
            return Ok(());
        }
        let machine = seat.machine().clone();
        let funding = match seat.signer_mut().funding(&machine) {
            Ok(funding) => funding,
            Err(error) => {
                self.failed(id, error.to_string());
                return Ok(());
            }
        };
        let mut view = ChainView {
            tip: tip.0,
            funded_at: None,
            spent_at: None,
        };
        if let Some((txid, coins)) = funding {
            view.funded_at = txid.and_then(|txid| own.borrow().wallet.confirmed_at(txid));
            if view.funded_at.is_none() {
                for coin in coins {
                    match spent_at(coin, txid, chain) {
                        Ok(None) => {}
                        Ok(found) => view.spent_at = found,
                        Err(error) => {
                            self.note(format_args!("the chain: {error}"));
                            return Ok(());
                        }
                    }
                }
            }
        }
        contract.viewed = Some((tip.1, phase));
        match self.seat_take(id, &SetupInput::Chain(view))? {
            Took::Done(due) => self.outcomes(due),
            Took::Refused(refusal) => {
                self.note_of(id, format_args!("{}: {refusal}", short(&id)));
                Ok(())
            }
            Took::Nothing => Ok(()),
        }
    }

    /// Publishes the funding, as long as it is in no block.
    fn publish(
        &mut self,
        id: [u8; 32],
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(());
        };
        let is_due = contract.phase() == Some(Phase::Committed) && contract.sent_at != Some(tip.1);
        let Some(whole) = contract.funding.clone().filter(|_| is_due) else {
            return Ok(());
        };
        contract.sent_at = Some(tip.1);
        // Own witnesses have left: what has come since, whoever is killed is told again, by the chain if by nobody else.
        if self.has_said {
            self.keep()?;
        }
        let tx = consensus::deserialize::<Transaction>(&whole);
        let sent = tx.map_err(|error| error.to_string()).and_then(|tx| {
            let sent = chain.submit(&tx);
            sent.map_err(|error| error.to_string())
        });
        match sent {
            // The next block may not have it, or may be taken back: it is sent again at each tip.
            Ok(txid) => self.note_of(
                id,
                format_args!("{}: funding {txid} at height {}", short(&id), tip.0),
            ),
            Err(why) => self.note_of(
                id,
                format_args!("{}: the funding was not taken: {why}", short(&id)),
            ),
        }
        Ok(())
    }

    /// Spends an own coin of a funding that is overdue to oneself, at each tip with a higher fee until that is in a block.
    fn take_back(
        &mut self,
        id: [u8; 32],
        tip: (u32, BlockHash),
        chain: &mut dyn NodeAccess,
    ) -> Result<(), Fatal> {
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(());
        };
        let is_due =
            contract.phase() == Some(Phase::Withdrawing) && contract.sent_at != Some(tip.1);
        if !is_due || !contract.wants_back {
            return Ok(());
        }
        contract.sent_at = Some(tip.1);
        keep(&mut self.wallet, &self.own, &mut *self.store)?;
        let Some(seat) = contract.seat.as_mut() else {
            return Ok(());
        };
        let machine = seat.machine().clone();
        let (coins, deadline) = (own_coins(&machine), machine.about().deadline());
        // The funding may wait in a mempool: whatever replaces it pays as much, and for its own bytes.
        let replaced = seat.signer_mut().funding_fee(&machine).unwrap_or_default();
        let replacing = replaced.to_sat().saturating_mul(1000) / OWN_SPEND_WU;
        let rate = contract.offer.machine().offer().map(|offer| offer.rate);
        let rate = rate.map(|rate| rate.to_sat_per_kwu().saturating_add(replacing));
        // And more at each tip.
        let late = u64::from(tip.0.saturating_sub(deadline)).min(MOST_BUMPS);
        let rate = rate.and_then(|rate| rate.checked_add(rate.checked_mul(late)? / 4));
        let (Some(coin), Some(rate)) = (coins.first(), rate) else {
            return Ok(());
        };
        let rate = FeeRate::from_sat_per_kwu(rate);
        let spent = self.own.borrow_mut().wallet.take_back(*coin, rate);
        let spent = spent.map_err(|error| error.to_string()).and_then(|tx| {
            let sent = chain.submit(&tx);
            sent.map_err(|error| error.to_string())
        });
        match spent {
            Ok(txid) => {
                contract.taken_back = Some(txid);
                self.note_of(
                    id,
                    format_args!("{}: {coin} is taken back by {txid}", short(&id)),
                );
            }
            Err(why) => self.note_of(
                id,
                format_args!("{}: {coin} is not taken back: {why}", short(&id)),
            ),
        }
        Ok(())
    }

    /// A set-up that came to nothing is forgotten long after it could be funded.
    fn forget_late(&mut self, id: [u8; 32], tip: u32) -> Result<(), Fatal> {
        let over = self
            .contracts
            .get(&id)
            .filter(|c| c.phase() == Some(Phase::Dropped));
        let offer = over.and_then(|contract| contract.offer.machine().offer());
        let Some(offer) = offer else {
            return Ok(());
        };
        let last = offer.timing.funding_deadline.saturating_add(REMEMBERED);
        match tip > last && self.now.unix_s >= offer.expires_s {
            true => self.forget(id),
            false => Ok(()),
        }
    }
}

/// Height of the block in which a coin was spent by something else than its contract.
fn spent_at(
    coin: narthex::bitcoin::OutPoint,
    funding: Option<narthex::bitcoin::Txid>,
    chain: &mut dyn NodeAccess,
) -> Result<Option<u32>, narthex::regtest::Error> {
    if chain.utxo(coin)?.is_some() {
        return Ok(None);
    }
    let spender = chain.spender(coin)?;
    let spender = spender.filter(|spender| Some(spender.tx.compute_txid()) != funding);
    Ok(spender.and_then(|spender| spender.height))
}
