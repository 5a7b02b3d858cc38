//! Moves of bankers and their customers: a payment step by step, and what each does on the chain.

use std::collections::BTreeMap;

use narthex_channel::bank::{
    Banker, BankerDuty, BankerRecord, Payer, PennyClaims, Provider, ProviderDuty, Settled, receipt,
};
use narthex_channel::ptlc::{Forward, Receipt, RevealedSecret, Route};
use narthex_contracts::{bank::Bank, graph::NodeId};

use super::{BankersPlay, keeper::sign_both};
use crate::harness::ScenarioError;

impl BankersPlay<'_> {
    fn name(&self, participant: usize) -> Result<&'static str, ScenarioError> {
        let found = self.names.get(participant).copied();
        found.ok_or_else(|| ScenarioError::broken("no such participant"))
    }

    /// The payer draws a payment's secrets and promises to the first banker.
    pub fn begin(&mut self, pennies: u32) -> Result<Route, ScenarioError> {
        let legs = self.legs(pennies)?;
        let payee = self.b.bank().terms().record().provider;
        let memo = self.harness.random();
        let route = Route::new(legs, payee, memo, self.harness.rng())?;
        self.a.offer(route.ptlc()?)?;
        let frame = self.a.claims(self.harness.rng())?;
        self.take(0, &frame)?;
        self.payments += 1;
        let what = format!(
            "promises {} pennies to {}",
            route.ptlc()?.count,
            self.names[1]
        );
        let why = "under a point whose secret it drew";
        self.harness.step(self.names[0], what, why)?;
        Ok(route)
    }

    /// The provider of a bank takes a frame.
    pub fn take(&mut self, bank: usize, frame: &PennyClaims) -> Result<(), ScenarioError> {
        let (from, to) = (self.name(bank)?, self.name(bank + 1)?);
        let frame = self.harness.send(from, to, frame)?;
        self.frames += 1;
        Ok(self.bank(bank)?.1.take_claims(&frame)?)
    }

    /// A banker does what an order says, if it likes what it sees on the chain; the next takes the frame.
    pub fn pass(&mut self, banker: usize, order: &Forward) -> Result<(), ScenarioError> {
        let order = self
            .harness
            .send(self.names[0], self.name(banker + 1)?, order)?;
        let (from, to) = (self.status(banker)?, self.status(banker + 1)?);
        let BankersPlay {
            bankers, harness, ..
        } = self;
        let found = bankers.get_mut(banker);
        let found = found.ok_or_else(|| ScenarioError::broken("no such banker"))?;
        let frame = found.forward(&order, (&from, &to), harness.rng())?;
        self.take(banker + 1, &frame)?;
        let (who, next) = (self.name(banker + 1)?, self.name(banker + 2)?);
        let what = format!("promises {} pennies to {next}", order.out_units);
        let why = "for a promise under a point that differs by what the order says";
        self.harness.step(who, what, why)
    }

    /// All bankers do what their orders say.
    pub fn pass_all(&mut self, route: &Route) -> Result<(), ScenarioError> {
        let orders = route.orders();
        (orders.iter().enumerate()).try_for_each(|(banker, order)| self.pass(banker, order))
    }

    /// The payee says that it holds the promise.
    pub fn receipt(&mut self, route: &Route) -> Result<Receipt, ScenarioError> {
        let status = self.status(self.banks.len() - 1)?;
        let (payer, payee) = (self.names[0], self.name(self.banks.len())?);
        let notice = self.harness.send(payer, payee, &route.notice()?)?;
        let receipt = receipt(&mut self.b, &notice, (&status, self.policy.depth))?;
        self.harness.send(payee, payer, &receipt)
    }

    /// The payee says that it holds the promise, and the payer gives it the secret: it is paid.
    pub fn release(&mut self, route: &mut Route) -> Result<RevealedSecret, ScenarioError> {
        let receipt = self.receipt(route)?;
        let payee = self.name(self.banks.len())?;
        let release = (self.harness).send(self.names[0], payee, &route.reveal(&receipt)?)?;
        self.b.learn(&release.point, release.secret)?;
        let count = route.notice()?.units;
        self.arrived = self.arrived.saturating_add(count);
        let what = format!("gives the payee the secret of {count} pennies");
        self.harness
            .step(self.names[0], what, "for the payee's receipt")?;
        Ok(release)
    }

    /// A banker is shown the secret and gives pennies for it. What it can collect with comes back.
    pub fn show(
        &mut self,
        banker: usize,
        release: &RevealedSecret,
    ) -> Result<RevealedSecret, ScenarioError> {
        let (from, to) = (self.name(banker + 2)?, self.name(banker + 1)?);
        let release = self.harness.send(from, to, release)?;
        let shown = self.banker(banker)?.show(&release)?;
        let gone = || ScenarioError::broken("a payment that went through already");
        self.settle(banker + 1, &shown.pay.ok_or_else(gone)?)?;
        shown.collect.ok_or_else(gone)
    }

    /// Pennies for a promise arrive in a bank.
    pub fn settle(&mut self, bank: usize, settled: &Settled) -> Result<(), ScenarioError> {
        let (from, to) = (self.name(bank)?, self.name(bank + 1)?);
        let settled = self.harness.send(from, to, settled)?;
        let total = match self.bankers.get_mut(bank) {
            Some(banker) => banker.settle(&settled)?.total,
            None => self.b.settle(&settled)?.total,
        };
        let what = format!("gives {to} the pennies, {total} in all");
        self.harness.step(from, what, "for the secret")
    }

    /// Secrets go back from banker to banker, pennies forth, from banker `last` on.
    pub fn show_back(
        &mut self,
        last: usize,
        release: RevealedSecret,
        route: &Route,
    ) -> Result<(), ScenarioError> {
        let mut release = release;
        for banker in (0..=last).rev() {
            release = self.show(banker, &release)?;
        }
        let settled = route.settle(&mut self.a)?;
        self.settle(0, &settled)
    }

    /// A whole payment.
    pub fn pay(&mut self, pennies: u32) -> Result<(), ScenarioError> {
        let mut route = self.begin(pennies)?;
        self.pass_all(&route)?;
        let release = self.release(&mut route)?;
        self.show_back(self.bankers.len() - 1, release, &route)
    }

    /// Either side of a bank stops it.
    pub fn force_close(
        &mut self,
        bank: usize,
        participant: usize,
        why: &str,
    ) -> Result<(), ScenarioError> {
        let (payer, _, harness) = self.bank(bank)?;
        let tx = payer.force_close()?;
        harness.publish(participant, ("ForceClose", why), &tx)
    }

    /// The provider of a bank claims all that it can enforce.
    pub fn claim(&mut self, bank: usize, why: &str) -> Result<(), ScenarioError> {
        let (_, provider, harness) = self.bank(bank)?;
        let best = provider.enforceable();
        let tx = provider.claim(best, harness.rng())?;
        harness.publish(bank + 1, ("Claim", why), &tx)?;
        let worth = provider.bank().terms().worth(best);
        harness.moved(bank, bank + 1, worth)
    }

    /// The payer of a bank takes back what was not claimed.
    pub fn timeout_refund(&mut self, bank: usize) -> Result<(), ScenarioError> {
        let (payer, _, harness) = self.bank(bank)?;
        let tx = payer.timeout_refund(harness.rng())?;
        harness.publish(bank, ("TimeoutRefund", "not claimed in time"), &tx)
    }

    /// The payer of a bank takes everything back after T.
    pub fn refund(&mut self, bank: usize) -> Result<(), ScenarioError> {
        let (payer, _, harness) = self.bank(bank)?;
        let tx = payer.refund(harness.rng())?;
        harness.publish(bank, ("Refund", "nobody force-closed until T"), &tx)
    }

    /// Both sides of a bank agree on its end.
    pub fn close(&mut self, bank: usize) -> Result<(), ScenarioError> {
        let (payer, provider, harness) = self.bank(bank)?;
        let paid = provider.owed();
        let fee = harness.fee(&payer.bank().close_plan(paid, false)?)?;
        let (graph, ours, nonce) = payer.close(paid, fee, false, harness.rng())?;
        let (_, theirs, answer) = provider.close(paid, fee, false, harness.rng())?;
        let tx = sign_both(&graph, NodeId(0), (ours, nonce), (theirs, answer))?;
        harness.submit(bank, ("Close", "both agree"), &tx, fee)?;
        let worth = payer.bank().terms().worth(paid);
        harness.moved(bank, bank + 1, worth)
    }

    /// All banks end by agreement.
    pub fn close_all(&mut self) -> Result<(), ScenarioError> {
        (0..self.banks.len()).try_for_each(|bank| self.close(bank))
    }

    /// What a banker has to do now, by the number of the bank.
    pub fn duties(&mut self, banker: usize) -> Result<Vec<(usize, BankerDuty)>, ScenarioError> {
        let mut coins = BTreeMap::new();
        for bank in 0..self.banks.len() {
            coins.insert(self.id(bank)?, self.coin(bank)?);
        }
        let tip = self.harness.chain().height()?;
        let due = self.banker(banker)?.duties(tip, &coins);
        let number = |id| self.banks.iter().position(|bank| *bank == id);
        let due = due.into_iter();
        Ok(due
            .filter_map(|(id, duty)| Some((number(id)?, duty)))
            .collect())
    }

    /// A banker looks at the chain, learns what it shows, and does what is due. Returns whether it did anything on the
    /// chain.
    pub fn tend(&mut self, banker: usize) -> Result<bool, ScenarioError> {
        for bank in [banker, banker + 1] {
            if let Some((tx, depth)) = self.ending(bank)? {
                let id = self.id(bank)?;
                let found = self.banker(banker)?.spent(&id, &tx, depth)?;
                if !found.is_empty() {
                    let what = format!("reads {} secret out of the claim", found.len());
                    let who = self.name(banker + 1)?;
                    self.harness
                        .step(who, what, "it completes a signature there")?;
                }
            }
        }
        let due = self.duties(banker)?;
        for (bank, duty) in &due {
            match duty {
                BankerDuty::ForceClose => self.force_close(*bank, banker + 1, "it is due")?,
                BankerDuty::Claim { .. } => self.claim(*bank, "what it holds")?,
                BankerDuty::TimeoutRefund => self.timeout_refund(*bank)?,
                BankerDuty::Refund => self.refund(*bank)?,
            }
        }
        Ok(!due.is_empty())
    }

    /// The payee does what is due in its bank. Returns whether it did anything on the chain.
    pub fn payee_tends(&mut self) -> Result<bool, ScenarioError> {
        let last = self.banks.len() - 1;
        let (tip, coin) = (self.harness.chain().height()?, self.coin(last)?);
        match self.b.duty(tip, coin) {
            ProviderDuty::ForceClose => self.force_close(last, last + 1, "T comes near")?,
            ProviderDuty::Claim { .. } => self.claim(last, "what it holds")?,
            ProviderDuty::Serve | ProviderDuty::None => return Ok(false),
        }
        Ok(true)
    }

    /// All bankers go down and come back from what they wrote.
    pub fn restart(&mut self) -> Result<(), ScenarioError> {
        self.harness.reopen()?;
        for index in 0..self.bankers.len() {
            let participant = index + 1;
            let (pays, paid) = (
                self.harness.key(participant, 0)?,
                self.harness.key(participant, 1)?,
            );
            let (from, to) = (self.id(index)?, self.id(index + 1)?);
            let seed = self.seeds.get(index + 1).cloned();
            let seed = seed.ok_or_else(|| ScenarioError::broken("a bank without a chain"))?;
            let policy = self.policy;
            let banker = self.banker(index)?;
            let json = serde_json::to_string(&banker.record())?;
            let record: BankerRecord = serde_json::from_str(&json)?;
            let again = |bank: &Bank| Bank::new(bank.terms().clone());
            let debit = again(banker.provider(&from)?.bank())?;
            let credit = again(banker.payer(&to)?.bank())?;
            let mut debits = Vec::new();
            for (bank, record) in [debit].into_iter().zip(record.debit.into_values()) {
                debits.push(Provider::restore(bank, paid, record)?);
            }
            let mut credits = Vec::new();
            for (bank, record) in [credit].into_iter().zip(record.credit.into_values()) {
                credits.push(Payer::restore(bank, pays, &seed, record)?);
            }
            *banker = Banker::restore(policy, debits, credits, record.forwards)?;
        }
        let what = "come back from their records".into();
        self.harness.step("bankers", what, "all went down")
    }
}
