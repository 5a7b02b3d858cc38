//! A banker: banks in which customers pay it, banks in which it pays customers, and payments that go through it.
//!
//! Nothing here does I/O. Each change of [`Banker::record`] must be durable before what the call returned leaves the
//! house; all calls may be repeated after a crash and then return the same, or what is as good.

use std::collections::{BTreeMap, btree_map::Entry};

use bitcoin::{
    Transaction,
    hashes::{Hash, sha256},
    secp256k1::{
        PublicKey, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_contracts::bank::{BankError, FundingStatus, Phase};
use serde::{Deserialize, Serialize};

use super::{
    Accepted, BankerError, Coin, Payer, PayerDuty, PayerRecord, PennyClaims, PennyPtlc, Provider,
    ProviderDuty, ProviderRecord, Settled, messages::check_coin,
};
use crate::ptlc::{
    Forward, ForwardChange, ForwardEffect, ForwardInput, KeptForward, Offer, Policy, PtlcError,
    RevealedSecret, Upstream,
};

/// A banker.
pub struct Banker {
    policy: Policy,
    debit: BTreeMap<[u8; 32], Provider>,
    credit: BTreeMap<[u8; 32], Payer>,
    forwards: Vec<KeptForward>,
}

/// What a banker must not forget, besides keys, seeds and terms. Written as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankerRecord {
    /// By bank, those in which it is paid.
    pub debit: BTreeMap<sha256::Hash, ProviderRecord>,
    /// By bank, those in which it pays.
    pub credit: BTreeMap<sha256::Hash, PayerRecord>,
    /// Payments on their way: the log of each.
    pub forwards: Vec<ForwardLog>,
}

/// All changes of one forwarded payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForwardLog(#[serde(with = "narthex_base::hex::messages")] pub Vec<ForwardChange>);

/// What a banker does about one of its banks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BankerDuty {
    /// Publish the force close: the payer's or the provider's, which is the same transaction.
    ForceClose,
    /// Publish the claim, at once.
    Claim {
        /// Pennies that it pays.
        commitment: u32,
    },
    /// Publish the refund, at once: T has passed.
    Refund,
    /// Publish the timeout refund, at once: nobody claimed.
    TimeoutRefund,
}

/// What comes of a secret that a payee showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The pennies for the payee, unless the bank gives none any more: then it claims.
    pub pay: Option<Settled>,
    /// For the payer of the other bank, who gives pennies for it; nothing if it did.
    pub collect: Option<RevealedSecret>,
}

impl Banker {
    /// A banker without banks.
    ///
    /// # Errors
    /// [`PtlcError::Policy`](crate::ptlc::PtlcError::Policy): the banker's own fault.
    pub fn new(policy: Policy) -> Result<Banker, BankerError> {
        Ok(Banker {
            policy: policy.check()?,
            debit: BTreeMap::new(),
            credit: BTreeMap::new(),
            forwards: Vec::new(),
        })
    }

    /// A banker as it was, with its banks restored from its record.
    ///
    /// # Errors
    /// What was kept is not what a banker writes, or a bank is missing.
    pub fn restore(
        policy: Policy,
        debit: Vec<Provider>,
        credit: Vec<Payer>,
        forwards: Vec<ForwardLog>,
    ) -> Result<Banker, BankerError> {
        let mut banker = Banker::new(policy)?;
        for bank in debit {
            banker.open_debit(bank)?;
        }
        for bank in credit {
            banker.open_credit(bank)?;
        }
        for ForwardLog(changes) in forwards {
            let forward = KeptForward::restore(policy, changes)?;
            banker.provider(&forward.order().in_place)?;
            banker.payer(&forward.order().out_place)?;
            banker.forwards.push(forward);
        }
        Ok(banker)
    }

    /// What must be durable.
    pub fn record(&self) -> BankerRecord {
        let key = |id: &[u8; 32]| sha256::Hash::from_byte_array(*id);
        let debit = self.debit.iter();
        let credit = self.credit.iter();
        let forwards = self.forwards.iter();
        BankerRecord {
            debit: debit.map(|(id, bank)| (key(id), bank.record())).collect(),
            credit: credit.map(|(id, bank)| (key(id), bank.record())).collect(),
            forwards: forwards
                .map(|forward| ForwardLog(forward.changes().to_vec()))
                .collect(),
        }
    }

    /// A customer opened a bank in which it pays.
    ///
    /// # Errors
    /// [`BankerError::Known`] if a bank of this name is open: a customer that repeats a salt is not to bury what it owes.
    pub fn open_debit(&mut self, bank: Provider) -> Result<(), BankerError> {
        let id = bank.bank().terms().bank();
        match self.debit.entry(id) {
            Entry::Occupied(_) => Err(BankerError::Known(id)),
            Entry::Vacant(place) => {
                place.insert(bank);
                Ok(())
            }
        }
    }

    /// The banker opened a bank in which it pays a customer, or another banker.
    ///
    /// # Errors
    /// [`BankerError::Known`] if a bank of this name is open.
    pub fn open_credit(&mut self, bank: Payer) -> Result<(), BankerError> {
        let id = bank.bank().terms().bank();
        match self.credit.entry(id) {
            Entry::Occupied(_) => Err(BankerError::Known(id)),
            Entry::Vacant(place) => {
                place.insert(bank);
                Ok(())
            }
        }
    }

    /// A bank in which it is paid.
    ///
    /// # Errors
    /// [`BankerError::NoBank`].
    pub fn provider(&mut self, bank: &[u8; 32]) -> Result<&mut Provider, BankerError> {
        self.debit.get_mut(bank).ok_or(BankerError::NoBank(*bank))
    }

    /// A bank in which it pays.
    ///
    /// # Errors
    /// [`BankerError::NoBank`].
    pub fn payer(&mut self, bank: &[u8; 32]) -> Result<&mut Payer, BankerError> {
        self.credit.get_mut(bank).ok_or(BankerError::NoBank(*bank))
    }

    /// Payments on their way.
    pub fn forwards(&self) -> &[KeptForward] {
        &self.forwards
    }

    /// Offers the PTLC that an order asks for, if another is pending for it, both coins are there, and nothing that may
    /// happen at the end of one bank comes too late for the other. What comes back is for the payee.
    ///
    /// Asked once more, as after a crash, it gives the same, unless a coin has moved meanwhile: a PTLC that may not have
    /// left yet does not leave then.
    ///
    /// # Errors
    /// [`BankerError`]: nothing changes.
    pub fn forward<R: RngCore + CryptoRng>(
        &mut self,
        order: &Forward,
        (from, to): (&FundingStatus, &FundingStatus),
        rng: &mut R,
    ) -> Result<PennyClaims, BankerError> {
        let same = |known: &&KeptForward| {
            (known.order().in_place, known.order().point) == (order.in_place, order.point)
        };
        let is_known = match self.forwards.iter().find(same) {
            Some(known) if known.order() != order => return Err(PtlcError::Taken.into()),
            // With the secret known there is nothing to lose by it.
            Some(known) if !known.is_at_risk() => {
                return Ok(self.payer(&order.out_place)?.claims(rng)?);
            }
            known => known.is_some(),
        };
        if !order.is_proven() {
            return Err(PtlcError::Proof.into());
        }
        let out_point = order.out_point()?;
        // Two payments under one point of one bank: the secret of the second would be taken for that of the first.
        if !is_known && self.find(&order.out_place, &out_point).is_some() {
            return Err(PtlcError::Taken.into());
        }
        let policy = self.policy;
        let provider = self.provider(&order.in_place)?;
        provider.in_phase(Phase::Open, "order")?;
        let incoming = PennyPtlc {
            point: order.point,
            count: order.in_units,
        };
        if !provider.expects(&incoming) {
            let count = order.in_units;
            return Err(BankerError::NoPromise { count });
        }
        check_coin(provider.bank(), from, policy.depth)?;
        let incoming = incoming.in_bank(provider.bank().terms());
        let payer = self.payer(&order.out_place)?;
        check_coin(payer.bank(), to, policy.depth)?;
        if is_known {
            return Ok(payer.claims(rng)?);
        }
        let outgoing = PennyPtlc {
            point: out_point,
            count: order.out_units,
        };
        let offer = Offer {
            order: order.clone(),
            incoming,
            outgoing: outgoing.in_bank(payer.bank().terms()),
        };
        // The tips are those of one chain, seen one after the other.
        let forward = KeptForward::new(policy, offer, from.tip.max(to.tip))?;
        let claims = payer.offer_signed(outgoing, rng)?;
        self.forwards.push(forward);
        Ok(claims)
    }

    fn find(&self, bank: &[u8; 32], point: &PublicKey) -> Option<usize> {
        let is_it = |forward: &KeptForward| forward.is_out(bank, point);
        self.forwards.iter().position(is_it)
    }

    /// A payee shows the secret of a PTLC: it is paid, and so will be the banker. Shown once more, as after a crash, it is
    /// sent the same pennies again, and nobody else's.
    ///
    /// # Errors
    /// [`BankerError`]: the secret is not one that the banker owes anything for.
    pub fn show(&mut self, shown: &RevealedSecret) -> Result<Shown, BankerError> {
        let RevealedSecret {
            place: bank,
            point,
            secret,
        } = shown;
        super::claims::check_secret(point, secret)?;
        let found = self.find(bank, point);
        // Good upstream first: what is paid can be claimed.
        let collect = match found {
            Some(index) => Some(self.learn(index, *secret)?),
            None => None,
        };
        let payer = self.payer(bank)?;
        let pending = payer.ptlcs().iter().any(|p| p.point == *point);
        let pay = match pending && collect.is_some() {
            true => match payer.settle(point, *secret) {
                Ok(settled) => Some(settled),
                Err(BankError::Phase { .. }) => None,
                Err(e) => return Err(e.into()),
            },
            false => payer.settled(point, *secret),
        };
        if pay.is_none() && collect.is_none() {
            return Err(BankerError::NoHop);
        }
        if let Some(forward) = found.and_then(|index| self.forwards.get_mut(index))
            && pay.is_some()
        {
            forward.step(&ForwardInput::Paid)?;
        }
        self.forget();
        Ok(Shown { pay, collect })
    }

    /// Notes a secret, and that of the PTLC that it is owed.
    fn learn(&mut self, index: usize, secret: SecretKey) -> Result<RevealedSecret, BankerError> {
        let forward = self.forwards.get_mut(index).ok_or(BankerError::NoHop)?;
        let order = forward.order().clone();
        let owed = RevealedSecret {
            place: order.in_place,
            point: order.point,
            secret: order.in_secret(&secret)?,
        };
        // Kept first: it is what the customer owes for, even if its bank does not take it now.
        for effect in forward.step(&ForwardInput::Revealed(secret))? {
            if let ForwardEffect::Claim(_, owed) = effect {
                self.provider(&owed.place)?
                    .learn(&owed.point, owed.secret)?;
            }
        }
        Ok(owed)
    }

    /// A customer gives the pennies for its PTLC.
    ///
    /// # Errors
    /// What the bank says; nothing changes but that a good secret is kept.
    pub fn settle(&mut self, settled: &Settled) -> Result<Accepted, BankerError> {
        let bank = settled.penny.bank;
        let taken = self.provider(&bank)?.settle(settled)?;
        let mut forwards = self.forwards.iter_mut();
        if let Some(forward) = forwards.find(|forward| forward.is_in(&bank, &settled.point)) {
            // A customer that pays shows the secret by it: what is owed for it stays owed.
            forward.step(&ForwardInput::Collected(settled.secret))?;
        }
        self.forget();
        Ok(taken)
    }

    /// A transaction spends the coin of a bank, or its force-closed coin, for good, and is `depth` blocks deep (0 if it
    /// waits). What it shows is used at once; what it ends counts as ended when it is deep enough.
    ///
    /// # Errors
    /// What a bank says.
    pub fn spent(
        &mut self,
        bank: &[u8; 32],
        tx: &Transaction,
        depth: u32,
    ) -> Result<Vec<RevealedSecret>, BankerError> {
        let mut revealed = Vec::new();
        if let Some(payer) = self.credit.get(bank) {
            for (point, secret) in payer.extract(tx)? {
                // PTLCs that the banker offered on its own account are no forwarded ones.
                if let Some(index) = self.find(bank, &point) {
                    revealed.push(self.learn(index, secret)?);
                }
            }
        }
        if depth >= self.policy.depth.blocks() {
            self.bury(bank)?;
        }
        Ok(revealed)
    }

    fn bury(&mut self, bank: &[u8; 32]) -> Result<(), BankerError> {
        for forward in &mut self.forwards {
            let order = forward.order().clone();
            let input = match (order.in_place == *bank, order.out_place == *bank) {
                (true, _) => ForwardInput::Upstream(Upstream::Gone),
                (_, true) => ForwardInput::Ended,
                _ => continue,
            };
            let due = forward.step(&input)?;
            // Nobody can show the secret any more.
            if due.iter().any(|e| matches!(e, ForwardEffect::Fail(_))) {
                let provider = self.debit.get_mut(&order.in_place);
                let provider = provider.ok_or(BankerError::NoBank(order.in_place))?;
                provider.give_up(&order.point);
                forward.step(&ForwardInput::Failed)?;
            }
        }
        self.forget();
        Ok(())
    }

    fn forget(&mut self) {
        self.forwards.retain(|forward| !forward.is_over());
    }

    /// What is due with the tip at `tip` and the coins there, by bank. A bank whose coin is not given is taken for
    /// not funded.
    pub fn duties(
        &self,
        tip: u32,
        coins: &BTreeMap<[u8; 32], Coin>,
    ) -> Vec<([u8; 32], BankerDuty)> {
        let coin = |bank: &[u8; 32]| coins.get(bank).copied().unwrap_or(Coin::Unfunded);
        let mut due = Vec::new();
        for (id, provider) in &self.debit {
            match provider.duty(tip, coin(id)) {
                ProviderDuty::ForceClose => due.push((*id, BankerDuty::ForceClose)),
                ProviderDuty::Claim { commitment } => {
                    due.push((*id, BankerDuty::Claim { commitment }))
                }
                ProviderDuty::Serve | ProviderDuty::None => {}
            }
        }
        for (id, payer) in &self.credit {
            match payer.duty(tip, coin(id)) {
                PayerDuty::Refund => due.push((*id, BankerDuty::Refund)),
                PayerDuty::TimeoutRefund => due.push((*id, BankerDuty::TimeoutRefund)),
                PayerDuty::None
                    if matches!(coin(id), Coin::Banked { .. })
                        && self.must_stop(id, tip, &coin) =>
                {
                    due.push((*id, BankerDuty::ForceClose));
                }
                PayerDuty::None => {}
            }
        }
        due
    }

    /// Whether a payment out of this bank comes out of one that ends, and the secret is not known.
    fn must_stop(&self, bank: &[u8; 32], tip: u32, coin: &impl Fn(&[u8; 32]) -> Coin) -> bool {
        self.forwards.iter().any(|forward| {
            let from = coin(&forward.order().in_place);
            let duty = self.debit.get(&forward.order().in_place);
            let duty = duty.map(|provider| provider.duty(tip, from));
            let is_banked = matches!(from, Coin::Banked { .. });
            let ends = !is_banked || duty == Some(ProviderDuty::ForceClose);
            ends && forward.closes_by(Upstream::Closing) == Some(*bank)
        })
    }
}
