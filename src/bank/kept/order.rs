//! What the owners order, once a bank is open.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::rand::rngs::OsRng,
};
use narthex_channel::bank::{BankInput, CoinAt, Leaving};
use narthex_contracts::{
    bank::{BankFunding, FreshChain},
    graph::TxGraph,
};

use super::{KeptBank, KeptError, open};

impl KeptBank {
    /// Carries out what is pending, as after a command that was killed.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn go_on(&mut self) -> Result<(), KeptError> {
        self.settle()
    }

    /// Pays so many pennies more.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn pay(&mut self, count: u32) -> Result<(), KeptError> {
        let given = self.sides.payer.machine().pennies();
        self.pay_to(given.saturating_add(count))
    }

    /// Pays up to this penny: the same twice pays once.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn pay_to(&mut self, to: u32) -> Result<(), KeptError> {
        self.settle()?;
        // Whoever has a chain for itself does not wait for others' blocks.
        while self.chain.is_own() && self.coin() == (CoinAt::Banked { is_deep: false }) {
            self.mine(1)?;
        }
        self.sides.payer(&BankInput::Pay { to })?;
        self.settle()?;
        let (taken, worth) = (self.sides.provider.machine().pennies(), self.lineage()?);
        let worth = worth.bank().terms().worth(taken);
        self.done
            .push(format!("{taken} pennies are paid in all, {worth}"));
        Ok(())
    }

    /// Stops the bank, by the payer or the provider.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn freeze(&mut self, by_payer: bool) -> Result<(), KeptError> {
        self.settle()?;
        match by_payer {
            true => self.sides.payer(&BankInput::Freeze)?,
            false => self.sides.provider(&BankInput::Freeze)?,
        }
        self.settle()
    }

    /// The provider claims by its best rung, if there is one.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn claim(&mut self) -> Result<(), KeptError> {
        self.settle()?;
        let machine = self.sides.provider.machine();
        if machine.left().is_none() {
            let rung = machine.book().map_or(0, |book| book.enforceable());
            let (tip, how) = (self.chain.chain().height()?, Leaving::Claim { rung });
            self.sides.provider(&BankInput::Leave { tip, how })?;
        }
        self.settle()
    }

    /// The payer takes back what is its own: above T, or D blocks after a freeze that nobody claimed from.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn refund(&mut self) -> Result<(), KeptError> {
        self.settle()?;
        let how = match self.coin() {
            CoinAt::Frozen { .. } => Leaving::Thaw,
            _ => Leaving::Refund,
        };
        let tip = self.chain.chain().height()?;
        self.sides.payer(&BankInput::Leave { tip, how })?;
        self.settle()
    }

    /// Both agree on the end.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn close(&mut self) -> Result<(), KeptError> {
        self.settle()?;
        if self.sides.payer.machine().leaving().is_none() {
            let frozen = matches!(self.coin(), CoinAt::Frozen { .. });
            let paid = self.sides.provider.machine().pennies();
            let plan = self.lineage()?.bank().close_plan(paid, frozen)?;
            let fee_sat = self.fee(plan.weight)?.to_sat();
            self.agree(Leaving::Close {
                paid,
                fee_sat,
                frozen,
            })?;
        }
        self.settle()
    }

    /// The frozen coin goes on in another bank of what is left. Its freeze is signed before the coin moves.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn resume(&mut self, refund_blocks: u32) -> Result<(), KeptError> {
        self.settle()?;
        if self.sides.payer.machine().leaving().is_none() {
            if !matches!(self.coin(), CoinAt::Frozen { .. }) {
                let why = "only a frozen bank goes on in another; `narthex bank freeze` freezes it";
                return Err(KeptError::State(why.into()));
            }
            let (paid, txid) = self.next_bank(refund_blocks)?;
            self.agree(Leaving::Resume { paid, txid })?;
        }
        self.settle()
    }

    /// The bank that goes on, with its freeze signed: pennies that the provider gets first, and what moves the coin.
    fn next_bank(&mut self, refund_blocks: u32) -> Result<(u32, [u8; 32]), KeptError> {
        let (paid, number) = (
            self.sides.provider.machine().pennies(),
            self.number.saturating_add(1),
        );
        let mut next = open::sides(&self.dir, number, [&self.payer, &self.provider])?;
        if next.payer.machine().freeze_signature().is_none() {
            let lineage = self.lineage()?;
            let terms = lineage.bank().terms();
            let mut record = terms.record().clone();
            record.pennies = record.pennies.saturating_sub(paid);
            let rest = record.capacity_sat.checked_sub(terms.worth(paid));
            let more = || KeptError::State("more was paid than is there".into());
            record.capacity_sat = rest.ok_or_else(more)?;
            record.refund_height = (self.chain.chain().height()?).saturating_add(refund_blocks);
            record.funding = BankFunding::Frozen {
                prior: sha256::Hash::from_byte_array(terms.id()),
                paid,
            };
            let fresh = FreshChain::draw(&mut OsRng);
            let resumed = lineage.resumed(fresh.name(record)?.check()?)?;
            self.sign_freeze(number, resumed, fresh, Some(&mut next))?;
        } else if let Some(freeze) = next.payer.machine().freeze_signature().copied() {
            next.provider(&BankInput::Signed { freeze })?;
        }
        let lineage = next.payer.machine().lineage();
        let txid = lineage.and_then(|lineage| lineage.bank().graph().txid(TxGraph::FUNDING));
        let txid = txid.ok_or_else(|| KeptError::State("no bank goes on".into()))?;
        Ok((paid, txid.to_byte_array()))
    }
}
