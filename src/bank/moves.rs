//! Moves: payments off the chain, transactions on it.

use bitcoin::{
    Amount, Transaction,
    hashes::{Hash, sha256},
};
use narthex_base::codec::Message as _;
use narthex_channel::bank::{Coin, Payer, Provider};
use narthex_contracts::{
    bank::{
        AdaptorCommitments, Bank, BankFunding, BankRecord, ChainSeed, Cosigner, FORCE_CLOSE,
        FreshChain, PAYER, PROVIDER, Penny, Points, finish_both,
    },
    depth::Depth,
    graph::{NodeId, TxGraph},
    musig::PublicNonce,
    party::PartyName,
};

use super::{Desk, DeskError, desk::seat, exchange::coin_of};

/// A bank that goes on with a force-closed coin, before it does.
pub struct Resumption {
    /// Moves the coin.
    pub tx: Transaction,
    payer: Payer,
    provider: Provider,
    chain_seed: ChainSeed,
}

/// Commitments of one batch.
const BATCH: usize = 8;

impl Desk<'_> {
    /// The payer funds the bank, now that both hold the force close.
    pub fn fund(&mut self) -> Result<(), DeskError> {
        let psbt = self.payer.funding_psbt()?;
        let capacity = self.payer.bank().terms().record().capacity_sat;
        let why = ("Bank", "both hold the force close");
        self.table.fund(seat(PAYER), psbt, capacity, why)?;
        Ok(())
    }

    /// The payer signs the next commitments and the provider takes them.
    pub fn sign_commitments(&mut self, count: usize) -> Result<AdaptorCommitments, DeskError> {
        let commitments = self.payer.commitments(count, self.table.rng())?;
        self.provider.take_commitments(
            &AdaptorCommitments::from_bytes(&commitments.to_bytes())
                .map_err(|e| DeskError::Bank(e.into()))?,
        )?;
        self.commitments += commitments.commitments.len();
        Ok(commitments)
    }

    /// Pays `pennies` one by one, with commitments as they fall due; first both wait until the coin lies as deep as the
    /// provider asks.
    pub fn pay(&mut self, pennies: u32) -> Result<(), DeskError> {
        while self.coin()? == (Coin::Banked { is_deep: false }) {
            self.table.mine(1)?;
        }
        for _ in 0..pennies {
            let penny = self.payer.pay(1)?;
            self.bring(&penny)?;
        }
        let (paid, safe) = (self.provider.paid(), self.provider.enforceable());
        let what = format!("pays {pennies} pennies, {paid} in all; {safe} are enforceable");
        Ok(self.table.step("payer", what, "for service")?)
    }

    /// Brings a penny to the provider; the payer signs commitments if it asks for them.
    pub fn bring(&mut self, penny: &Penny) -> Result<(), DeskError> {
        use narthex_contracts::bank::BankError::Unenforceable;
        let penny = Penny::from_bytes(&penny.to_bytes()).map_err(|e| DeskError::Bank(e.into()))?;
        // One batch may be all below what was paid in a leap; the next begins there.
        for _ in 0..2 {
            match self.provider.accept(&penny) {
                Err(Unenforceable { .. }) => drop(self.sign_commitments(BATCH)?),
                Err(e) => return Err(e.into()),
                Ok(_) => return Ok(()),
            }
        }
        self.provider.accept(&penny)?;
        Ok(())
    }

    /// Where the chain says that the coin is, to a provider that asks for the least depth.
    pub fn coin(&mut self) -> Result<Coin, DeskError> {
        coin_of(self.payer.bank(), self.table.chain(), Depth::LEAST)
    }

    /// Publishes a pre-signed transaction with a child that `who` pays, and confirms both.
    pub fn publish(
        &mut self,
        who: PartyName,
        name: &str,
        tx: &Transaction,
        why: &str,
    ) -> Result<(), DeskError> {
        Ok(self.table.publish(seat(who), (name, why), tx)?)
    }

    /// Books what the provider has earned for good, by what the two agreed to or the chain of commitments enforces.
    fn earned(&mut self, amount: Amount) -> Result<(), DeskError> {
        Ok(self.table.moved(seat(PAYER), seat(PROVIDER), amount)?)
    }

    /// Either party stops the bank.
    pub fn force_close(&mut self, who: PartyName, why: &str) -> Result<(), DeskError> {
        let tx = match who {
            PAYER => self.payer.force_close()?,
            _ => self.provider.force_close()?,
        };
        self.publish(who, "ForceClose", &tx, why)
    }

    /// The provider claims by its best commitment.
    pub fn claim(&mut self) -> Result<(), DeskError> {
        let best = self.provider.enforceable();
        let tx = self.provider.claim(best, self.table.rng())?;
        self.publish(PROVIDER, "Claim", &tx, "its best commitment")?;
        let worth = self.payer.bank().terms().worth(best);
        self.earned(worth)
    }

    /// The payer takes back what was not claimed.
    pub fn timeout_refund(&mut self) -> Result<(), DeskError> {
        let tx = self.payer.timeout_refund(self.table.rng())?;
        self.publish(PAYER, "TimeoutRefund", &tx, "not claimed in time")
    }

    /// The payer takes everything back after T.
    pub fn refund(&mut self) -> Result<(), DeskError> {
        let tx = self.payer.refund(self.table.rng())?;
        self.publish(PAYER, "Refund", &tx, "nobody force-closed until T")
    }

    /// Both agree on the end, in the bank or force-closed: one ordinary transaction that pays its own fee.
    pub fn close(&mut self, force_closed: bool) -> Result<Transaction, DeskError> {
        let paid = self.provider.paid();
        let (tx, fee) = self.sign_close(force_closed)?;
        let why = ("Close", "both agree");
        self.table.submit(seat(PAYER), why, &tx, fee)?;
        let worth = self.payer.bank().terms().worth(paid);
        self.earned(worth)?;
        Ok(tx)
    }

    /// An agreed end and its fee. Nothing is published or booked.
    pub fn sign_close(&mut self, force_closed: bool) -> Result<(Transaction, Amount), DeskError> {
        let paid = self.provider.paid();
        let fee = self
            .table
            .fee(&self.payer.bank().close_plan(paid, force_closed)?)?;
        let rng = self.table.rng();
        let (graph, ours, nonce) = self.payer.close(paid, fee, force_closed, rng)?;
        let (_, theirs, answer) = self.provider.close(paid, fee, force_closed, rng)?;
        let tx = sign_both(&graph, NodeId(0), (ours, nonce), (theirs, answer))?;
        Ok((tx, fee))
    }

    /// The force-closed coin goes on in a new bank of what is left, after the provider was paid.
    pub fn resume(&mut self) -> Result<(), DeskError> {
        let Resumption {
            tx,
            payer,
            provider,
            chain_seed,
        } = self.sign_resume()?;
        let terms = self.payer.bank().terms().clone();
        let worth = terms.worth(self.provider.paid());
        self.publish(PAYER, "Resume", &tx, "both go on")?;
        self.earned(worth)?;
        self.earlier.push(terms);
        (self.payer, self.provider, self.chain_seed) = (payer, provider, chain_seed);
        Ok(())
    }

    /// The next bank and the transaction that moves the force-closed coin into it. Nothing is published or booked.
    pub fn sign_resume(&mut self) -> Result<Resumption, DeskError> {
        let (record, fresh) = self.successor()?;
        let chain_seed = fresh.seed().clone();
        let (payer, provider) = self.reopen(record, (fresh, None))?;
        let (ours, nonce) = self.payer.resume(&payer, self.table.rng())?;
        let (theirs, answer) = self.provider.resume(&provider, self.table.rng())?;
        let graph = payer.bank().graph();
        let tx = sign_both(graph, TxGraph::FUNDING, (ours, nonce), (theirs, answer))?;
        Ok(Resumption {
            tx,
            payer,
            provider,
            chain_seed,
        })
    }

    /// Terms of the bank that goes on, with a chain of its own.
    fn successor(&mut self) -> Result<(BankRecord, FreshChain), DeskError> {
        let paid = self.provider.paid();
        let terms = self.payer.bank().terms();
        let mut record = terms.record().clone();
        record.pennies = record.pennies.saturating_sub(paid);
        let rest = record.capacity_sat.checked_sub(terms.worth(paid));
        record.capacity_sat =
            rest.ok_or_else(|| DeskError::broken("more was paid than is there"))?;
        let height = self.table.chain().height()?;
        record.refund_height = height.saturating_add(self.options.refund_blocks);
        record.funding = BankFunding::ForceClosed {
            prior: sha256::Hash::from_byte_array(terms.id()),
            paid,
        };
        let fresh = FreshChain::draw(self.table.rng());
        Ok((fresh.name(record)?, fresh))
    }

    /// Takes the prepared bank's place by one of other salt and chain, as after a cut and choose; not funded yet.
    pub(super) fn replace(
        &mut self,
        record: BankRecord,
        fresh: FreshChain,
        points: Points,
    ) -> Result<(), DeskError> {
        let chain_seed = fresh.seed().clone();
        let (payer, provider) = self.reopen(record, (fresh, Some(points)))?;
        (self.payer, self.provider, self.chain_seed) = (payer, provider, chain_seed);
        Ok(())
    }

    /// The bank in use, derived from its terms and those of the banks that it goes on with.
    fn derived(&self) -> Result<Bank, DeskError> {
        let last = self.payer.bank().terms();
        let mut bank: Option<Bank> = None;
        for terms in self.earlier.iter().chain([last]) {
            let terms = terms.clone();
            bank = Some(match &bank {
                None => Bank::new(terms)?,
                Some(prior) => Bank::resumed(terms, prior)?,
            });
        }
        bank.ok_or_else(|| DeskError::broken("there is no bank"))
    }

    /// Both go down and come back from what they wrote.
    pub fn restart(&mut self) -> Result<(), DeskError> {
        self.table.reopen()?;
        let (ours, theirs) = (self.derived()?, self.derived()?);
        let record = serde_json::from_str(&serde_json::to_string(&self.payer.record())?)?;
        let key = self.key(PAYER)?;
        self.payer = Payer::restore(ours, key, &self.chain_seed, record)?;
        let record = serde_json::from_str(&serde_json::to_string(&self.provider.record())?)?;
        self.provider = Provider::restore(theirs, self.key(PROVIDER)?, record)?;
        let what = "come back from their records".into();
        Ok(self
            .table
            .step("payer and provider", what, "both went down")?)
    }

    /// Height of the force close on the chain.
    pub fn force_closed_at(&mut self) -> Result<u32, DeskError> {
        let found = match self.payer.bank().graph().txid(FORCE_CLOSE) {
            Some(txid) => self.table.confirmed_at(txid)?,
            None => None,
        };
        found.ok_or_else(|| DeskError::broken("it is not force-closed"))
    }
}

/// Both sign, each from its own graph; the transaction is complete.
pub(super) fn sign_both(
    graph: &TxGraph,
    node: NodeId,
    (ours, nonce): (Cosigner, PublicNonce),
    (theirs, answer): (Cosigner, PublicNonce),
) -> Result<Transaction, DeskError> {
    let (ours, _) = ours.sign(answer)?;
    let (_, share) = theirs.sign(nonce)?;
    Ok(finish_both(graph, node, ours.finish(share)?)?)
}
