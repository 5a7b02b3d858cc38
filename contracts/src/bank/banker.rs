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
use serde::{Deserialize, Serialize};

use super::{
    Accepted, BankError, Coin, Frame, Hop, HopError, Order, Payer, PayerDuty, PayerRecord, Phase,
    Policy, Promise, Provider, ProviderDuty, ProviderRecord, Release, Settled, Sight,
};

/// A banker.
pub struct Banker {
    policy: Policy,
    debit: BTreeMap<[u8; 32], Provider>,
    credit: BTreeMap<[u8; 32], Payer>,
    hops: Vec<Hop>,
}

/// What a banker must not forget, besides keys, seeds and terms. Written as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankerRecord {
    /// By bank, those in which it is paid.
    pub debit: BTreeMap<sha256::Hash, ProviderRecord>,
    /// By bank, those in which it pays.
    pub credit: BTreeMap<sha256::Hash, PayerRecord>,
    /// Payments on their way.
    pub hops: Vec<Hop>,
}

/// What a banker does about one of its banks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BankerDuty {
    /// Publish the freeze: the payer's or the provider's, which is the same transaction.
    Freeze,
    /// Publish the claim, at once.
    Claim {
        /// Pennies that it pays.
        rung: u32,
    },
    /// Publish the refund, at once: T has passed.
    Refund,
    /// Publish the thaw, at once: nobody claimed.
    Thaw,
}

/// What comes of a secret that a payee showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The pennies for the payee, unless the bank gives none any more: then it claims.
    pub pay: Option<Settled>,
    /// For the payer of the other bank, who gives pennies for it; nothing if it did.
    pub collect: Option<Release>,
}

impl Banker {
    /// A banker without banks.
    pub fn new(policy: Policy) -> Result<Banker, HopError> {
        Ok(Banker {
            policy: policy.check()?,
            debit: BTreeMap::new(),
            credit: BTreeMap::new(),
            hops: Vec::new(),
        })
    }

    /// A banker as it was, with its banks restored from its record.
    pub fn restore(
        policy: Policy,
        debit: Vec<Provider>,
        credit: Vec<Payer>,
        hops: Vec<Hop>,
    ) -> Result<Banker, HopError> {
        let mut banker = Banker::new(policy)?;
        for bank in debit {
            banker.open_debit(bank)?;
        }
        for bank in credit {
            banker.open_credit(bank)?;
        }
        for hop in &hops {
            let order = &hop.order;
            banker.provider(&order.in_bank)?;
            banker.payer(&order.out_bank)?;
            if !order.is_proven() {
                return Err(HopError::Proof);
            }
        }
        banker.hops = hops;
        Ok(banker)
    }

    /// What must be durable.
    pub fn record(&self) -> BankerRecord {
        let key = |id: &[u8; 32]| sha256::Hash::from_byte_array(*id);
        let debit = self.debit.iter();
        let credit = self.credit.iter();
        BankerRecord {
            debit: debit.map(|(id, bank)| (key(id), bank.record())).collect(),
            credit: credit.map(|(id, bank)| (key(id), bank.record())).collect(),
            hops: self.hops.clone(),
        }
    }

    /// A customer opened a bank in which it pays.
    ///
    /// # Errors
    /// [`HopError::Known`] if a bank of this name is open: a customer that repeats a salt is not to bury what it owes.
    pub fn open_debit(&mut self, bank: Provider) -> Result<(), HopError> {
        let id = bank.bank().terms().bank();
        match self.debit.entry(id) {
            Entry::Occupied(_) => Err(HopError::Known(id)),
            Entry::Vacant(place) => {
                place.insert(bank);
                Ok(())
            }
        }
    }

    /// The banker opened a bank in which it pays a customer, or another banker.
    ///
    /// # Errors
    /// [`HopError::Known`] if a bank of this name is open.
    pub fn open_credit(&mut self, bank: Payer) -> Result<(), HopError> {
        let id = bank.bank().terms().bank();
        match self.credit.entry(id) {
            Entry::Occupied(_) => Err(HopError::Known(id)),
            Entry::Vacant(place) => {
                place.insert(bank);
                Ok(())
            }
        }
    }

    /// A bank in which it is paid.
    pub fn provider(&mut self, bank: &[u8; 32]) -> Result<&mut Provider, HopError> {
        self.debit.get_mut(bank).ok_or(HopError::NoBank(*bank))
    }

    /// A bank in which it pays.
    pub fn payer(&mut self, bank: &[u8; 32]) -> Result<&mut Payer, HopError> {
        self.credit.get_mut(bank).ok_or(HopError::NoBank(*bank))
    }

    /// Payments on their way.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Makes the promise that an order asks for, if another is pending for it, both coins are there, and nothing that
    /// may happen at the end of one bank comes too late for the other. What comes back is for the payee.
    pub fn forward<R: RngCore + CryptoRng>(
        &mut self,
        order: &Order,
        (from, to): (&Sight, &Sight),
        rng: &mut R,
    ) -> Result<Frame, HopError> {
        let same =
            |hop: &&Hop| hop.order.in_bank == order.in_bank && hop.order.point == order.point;
        match self.hops.iter().find(same) {
            // Asked once more, as after a crash.
            Some(hop) if hop.order == *order => {
                return Ok(self.payer(&order.out_bank)?.frame(rng)?);
            }
            Some(_) => return Err(HopError::Taken),
            None => {}
        }
        if !order.is_proven() {
            return Err(HopError::Proof);
        }
        // Two payments under one point of one bank: the secret of the second would be taken for that of the first.
        if self.hop(&order.out_bank, &order.out_point()?).is_ok() {
            return Err(HopError::Taken);
        }
        let policy = self.policy;
        let provider = self.provider(&order.in_bank)?;
        provider.in_phase(Phase::Open, "order")?;
        let given = Promise {
            point: order.point,
            count: order.in_count,
        };
        if !provider.expects(&given) {
            let count = order.in_count;
            return Err(HopError::NoPromise { count });
        }
        policy.check_coin(provider.bank(), from)?;
        let from = provider.bank().terms().clone();
        let payer = self.payer(&order.out_bank)?;
        policy.check_coin(payer.bank(), to)?;
        let to = payer.bank().terms();
        policy.check_timing(&from, to)?;
        policy.check_fee(order, &from, to)?;
        let promise = Promise {
            point: order.out_point()?,
            count: order.out_count,
        };
        let frame = payer.promise_in_frame(promise, rng)?;
        self.hops.push(Hop {
            order: order.clone(),
            secret: None,
            paid: false,
            collected: false,
        });
        Ok(frame)
    }

    fn hop(&mut self, bank: &[u8; 32], point: &PublicKey) -> Result<&mut Hop, HopError> {
        let is_it = |hop: &&mut Hop| {
            hop.order.out_bank == *bank && hop.order.out_point().as_ref() == Ok(point)
        };
        self.hops.iter_mut().find(is_it).ok_or(HopError::NoHop)
    }

    /// A payee shows the secret of a promise: it is paid, and so will be the banker. Shown once more, as after a crash,
    /// it is sent the same pennies again, and nobody else's.
    pub fn show(&mut self, release: &Release) -> Result<Shown, HopError> {
        let Release {
            bank,
            point,
            secret,
        } = release;
        super::promise::check_secret(point, secret)?;
        let collect = match self.hop(bank, point) {
            Ok(_) => Some(self.learn(bank, point, *secret)?),
            Err(_) => None,
        };
        let payer = self.payer(bank)?;
        let pending = payer.promises().iter().any(|p| p.point == *point);
        let pay = match pending && collect.is_some() {
            true => match payer.settle(point, *secret) {
                Ok(settled) => Some(settled),
                Err(BankError::Phase { .. }) => None,
                Err(e) => return Err(e.into()),
            },
            false => payer.settled(point, *secret),
        };
        if pay.is_none() && collect.is_none() {
            return Err(HopError::NoHop);
        }
        if let Ok(hop) = self.hop(bank, point) {
            hop.paid |= pay.is_some();
        }
        self.forget();
        Ok(Shown { pay, collect })
    }

    /// Notes a secret, and that of the promise that it is owed.
    fn learn(
        &mut self,
        bank: &[u8; 32],
        point: &PublicKey,
        secret: SecretKey,
    ) -> Result<Release, HopError> {
        let hop = self.hop(bank, point)?;
        let owed = hop.order.in_secret(&secret)?;
        // Kept even if the customer's bank does not take it now: it is what the customer owes for.
        hop.secret = Some(secret);
        let (order, collected) = (hop.order.clone(), hop.collected);
        if !collected {
            self.provider(&order.in_bank)?.learn(&order.point, owed)?;
        }
        Ok(Release {
            bank: order.in_bank,
            point: order.point,
            secret: owed,
        })
    }

    /// A customer gives the pennies for its promise.
    pub fn settle(&mut self, settled: &Settled) -> Result<Accepted, HopError> {
        let bank = settled.penny.bank;
        let taken = self.provider(&bank)?.settle(settled)?;
        let of_it = |hop: &&mut Hop| hop.order.in_bank == bank && hop.order.point == settled.point;
        if let Some(hop) = self.hops.iter_mut().find(of_it) {
            hop.collected = true;
            // A customer that pays shows the secret by it: what is owed for it stays owed.
            let secret = settled.secret.add_tweak(&hop.order.tweak.into());
            hop.secret = hop.secret.or(secret.ok());
        }
        self.forget();
        Ok(taken)
    }

    /// A transaction spends the coin of a bank, or its frozen coin, for good, and is `depth` blocks deep (0 if it
    /// waits). What it shows is used at once; what it ends counts as ended when it is deep enough.
    pub fn spent(
        &mut self,
        bank: &[u8; 32],
        tx: &Transaction,
        depth: u32,
    ) -> Result<Vec<Release>, HopError> {
        let mut releases = Vec::new();
        if let Some(payer) = self.credit.get(bank) {
            for (point, secret) in payer.extract(tx)? {
                // Promises that the banker made on its own account are no hops.
                if self.hop(bank, &point).is_ok() {
                    releases.push(self.learn(bank, &point, secret)?);
                }
            }
        }
        if depth >= self.policy.depth.blocks() {
            self.bury(bank);
        }
        Ok(releases)
    }

    fn bury(&mut self, bank: &[u8; 32]) {
        for hop in &mut self.hops {
            if hop.order.out_bank == *bank {
                hop.paid = true;
                // Nobody can show the secret in this bank any more.
                if hop.secret.is_none()
                    && let Some(provider) = self.debit.get_mut(&hop.order.in_bank)
                {
                    provider.give_up(&hop.order.point);
                    hop.collected = true;
                }
            }
            hop.collected |= hop.order.in_bank == *bank;
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.hops.retain(|hop| !(hop.paid && hop.collected));
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
                ProviderDuty::Freeze => due.push((*id, BankerDuty::Freeze)),
                ProviderDuty::Claim { rung } => due.push((*id, BankerDuty::Claim { rung })),
                ProviderDuty::Serve | ProviderDuty::None => {}
            }
        }
        for (id, payer) in &self.credit {
            match payer.duty(tip, coin(id)) {
                PayerDuty::Refund => due.push((*id, BankerDuty::Refund)),
                PayerDuty::Thaw => due.push((*id, BankerDuty::Thaw)),
                PayerDuty::None
                    if matches!(coin(id), Coin::Banked { .. })
                        && self.must_stop(id, tip, &coin) =>
                {
                    due.push((*id, BankerDuty::Freeze));
                }
                PayerDuty::None => {}
            }
        }
        due
    }

    /// Whether a payment out of this bank, whose secret is not known, comes out of one that ends.
    fn must_stop(&self, bank: &[u8; 32], tip: u32, coin: &impl Fn(&[u8; 32]) -> Coin) -> bool {
        let open = |hop: &&Hop| hop.order.out_bank == *bank && hop.secret.is_none() && !hop.paid;
        self.hops.iter().filter(open).any(|hop| {
            let from = coin(&hop.order.in_bank);
            let duty = self.debit.get(&hop.order.in_bank);
            let duty = duty.map(|provider| provider.duty(tip, from));
            !matches!(from, Coin::Banked { .. }) || duty == Some(ProviderDuty::Freeze)
        })
    }
}
