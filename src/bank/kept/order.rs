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
    /// Carries out what is pending, as after a command that was killed. What does not go through is said in
    /// [`KeptStanding::done`](super::KeptStanding::done), and is tried again by the next command.
    pub fn go_on(&mut self) {
        self.catch_up();
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
        self.catch_up();
        // Whoever has a chain for itself does not wait for others' blocks.
        while self.chain.is_own() && self.coin() == (CoinAt::Banked { is_deep: false }) {
            self.mine(1)?;
        }
        // What nobody takes is not given.
        let provider = self.sides.provider.machine().standing();
        if provider != "open" {
            let why = format!("the provider takes no penny: its side of the bank is {provider}");
            return Err(KeptError::State(why));
        }
        self.has_seed()?;
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
    pub fn force_close(&mut self, by_payer: bool) -> Result<(), KeptError> {
        self.catch_up();
        match by_payer {
            true => self.sides.payer(&BankInput::ForceClose)?,
            false => self.sides.provider(&BankInput::ForceClose)?,
        }
        self.settle()
    }

    /// The provider claims by its best commitment, if there is one.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn claim(&mut self) -> Result<(), KeptError> {
        self.catch_up();
        let machine = self.sides.provider.machine();
        // An end that was agreed to and does not confirm keeps nobody from it.
        if !matches!(machine.leaving(), Some(Leaving::Claim { .. })) {
            let commitment = machine.book().map_or(0, |book| book.enforceable());
            let (tip, how) = (self.chain.chain().height()?, Leaving::Claim { commitment });
            self.sides.provider(&BankInput::Leave { tip, how })?;
        }
        self.settle()
    }

    /// The payer takes back what is its own: above T, or D blocks after a force close that nobody claimed from.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn refund(&mut self) -> Result<(), KeptError> {
        self.catch_up();
        let how = match self.coin() {
            CoinAt::ForceClosed { .. } => Leaving::TimeoutRefund,
            _ => Leaving::Refund,
        };
        let tip = self.chain.chain().height()?;
        self.sides.payer(&BankInput::Leave { tip, how })?;
        self.settle()
    }

    /// Whether both have agreed on an end of the coin where it is, or where it was until it was spent.
    fn is_agreed(&self) -> bool {
        let coin = self.coin();
        let is_spent = matches!(coin, CoinAt::Spent { .. });
        let leaving = self.sides.payer.machine().leaving();
        leaving.is_some_and(|how| how.is_agreed() && (is_spent || how.is_of(coin)))
    }

    /// Both agree on the end.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn close(&mut self) -> Result<(), KeptError> {
        self.catch_up();
        if !self.is_agreed() {
            let force_closed = matches!(self.coin(), CoinAt::ForceClosed { .. });
            let paid = self.sides.provider.machine().pennies();
            let plan = self.lineage()?.bank().close_plan(paid, force_closed)?;
            let fee_sat = self.fee(plan.weight)?.to_sat();
            self.agree(Leaving::Close {
                paid,
                fee_sat,
                force_closed,
            })?;
        }
        self.settle()
    }

    /// The force-closed coin goes on in another bank of what is left. Its force close is signed before the coin moves.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn resume(&mut self, refund_blocks: u32) -> Result<(), KeptError> {
        self.catch_up();
        if !self.is_agreed() {
            if !matches!(self.coin(), CoinAt::ForceClosed { .. }) {
                let why = "only a force-closed bank goes on in another; `narthex bank force-close` force-closes it";
                return Err(KeptError::State(why.into()));
            }
            let (paid, txid) = self.next_bank(refund_blocks)?;
            self.agree(Leaving::Resume { paid, txid })?;
        }
        self.settle()
    }

    /// The bank that goes on, with its force close signed: pennies that the provider gets first, and what moves the coin.
    fn next_bank(&mut self, refund_blocks: u32) -> Result<(u32, [u8; 32]), KeptError> {
        let (paid, number) = (
            self.sides.provider.machine().pennies(),
            self.number.saturating_add(1),
        );
        let mut next = open::sides(&self.dir, number, [&self.payer, &self.provider])?;
        open::share(&mut next)?;
        let lineage = self.lineage()?;
        let funding = BankFunding::ForceClosed {
            prior: sha256::Hash::from_byte_array(lineage.bank().terms().id()),
            paid,
        };
        if next.payer.machine().force_close_signature().is_none() {
            let terms = lineage.bank().terms();
            let mut record = terms.record().clone();
            record.pennies = record.pennies.saturating_sub(paid);
            let rest = record.capacity_sat.checked_sub(terms.worth(paid));
            let more = || KeptError::State("more was paid than is there".into());
            record.capacity_sat = rest.ok_or_else(more)?;
            record.refund_height = (self.chain.chain().height()?).saturating_add(refund_blocks);
            record.funding = funding.clone();
            let fresh = FreshChain::draw(&mut OsRng);
            let resumed = lineage.resumed(fresh.name(record)?.check()?)?;
            self.sign_force_close(number, resumed, fresh, Some(&mut next))?;
        }
        let lineage = next.payer.machine().lineage();
        // One that was signed earlier and not agreed to: a reorganisation let more be paid since.
        if lineage.is_some_and(|next| next.bank().terms().record().funding != funding) {
            let why = format!(
                "a bank that goes on was signed when fewer than {paid} pennies were paid; `narthex bank close` or `claim` ends this one"
            );
            return Err(KeptError::State(why));
        }
        let txid = lineage.and_then(|lineage| lineage.bank().graph().txid(TxGraph::FUNDING));
        let txid = txid.ok_or_else(|| KeptError::State("no bank goes on".into()))?;
        Ok((paid, txid.to_byte_array()))
    }
}
