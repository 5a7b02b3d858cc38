//! Moves: what the parties send each other, transactions on the chain.

use bitcoin::{Amount, Transaction};
use narthex_base::codec::Message as _;
use narthex_contracts::deliver::{
    Agent, Coin, DeliverError, Handover, Reading, Recipient, Request, Sender, Served,
};
use narthex_regtest::OutputStatus;

use super::{Post, PostError, post::seat};

impl Post<'_> {
    /// The sender funds, now that all agents agreed.
    pub fn fund(&mut self) -> Result<(), PostError> {
        let tip = self.chain().height()?;
        let psbt = self.sender.funding_psbt(tip)?;
        let why = ("Delivery", "every agent keeps its copy");
        self.table.fund(0, psbt, self.options.amount, why)?;
        Ok(())
    }

    /// Blocks until the agents serve.
    pub fn bury(&mut self) -> Result<(), PostError> {
        Ok(self
            .table
            .mine(self.options.depth.blocks().saturating_sub(1))?)
    }

    /// Where the chain says that the coin is.
    pub fn coin(&mut self) -> Result<Coin, PostError> {
        let (outpoint, prevout) = self.delivery().coin()?;
        Ok(match self.table.chain().output_status(outpoint)? {
            OutputStatus::Unspent { output, height } if output == prevout => {
                Coin::Funded { height }
            }
            OutputStatus::Spent { .. } => Coin::Spent,
            _ => Coin::Unfunded,
        })
    }

    /// The recipient looks through the blocks that it has not seen.
    pub fn scan(&mut self) -> Result<(), PostError> {
        let tip = self.chain().height()?;
        while self.scanned <= tip {
            let block = self.table.chain().block(self.scanned)?;
            for tx in &block.txdata {
                if let Some(found) = self.scanner.look(tx) {
                    let what = format!("finds {}", found.txid);
                    self.table.step("recipient", what, "the tag fits")?;
                    self.found = Some(found);
                }
            }
            self.scanned = self.scanned.saturating_add(1);
        }
        Ok(())
    }

    /// What an agent serves to the recipient that asks, as it travels.
    pub fn served(&mut self, agent: u8) -> Result<Served, PostError> {
        let found = self.found.as_ref();
        let found = found.ok_or_else(|| PostError::broken("the recipient found nothing"))?;
        let request = match &self.recipient {
            None => Recipient::first_request(found),
            Some(known) => known.request()?,
        };
        let request = request.to_bytes();
        let request = Request::from_bytes(&request).map_err(DeliverError::from)?;
        let (tip, coin) = (self.chain().height()?, self.coin()?);
        let served = self.agent(agent)?.serve(&request, tip, coin)?;
        let bytes = served.to_bytes();
        Ok(Served::from_bytes(&bytes).map_err(DeliverError::from)?)
    }

    /// The recipient takes up the terms, checks a copy and keeps it.
    pub fn keep(&mut self, served: Served) -> Result<u8, PostError> {
        if self.recipient.is_none() {
            let found = self.found.as_ref();
            let found = found.ok_or_else(|| PostError::broken("the recipient found nothing"))?;
            let terms = (served.terms.clone(), self.options.depth);
            self.recipient = Some(Recipient::open(found, terms, &self.recipient_key)?);
        }
        Ok(self.recipient()?.keep(served)?)
    }

    /// The recipient asks an agent, checks what it gets, and keeps it.
    pub fn ask(&mut self, agent: u8) -> Result<(), PostError> {
        let served = self.served(agent)?;
        let bytes = served.copy.len();
        let agent = self.keep(served)?;
        let what = format!("keeps {bytes} bytes of {}", name(agent));
        Ok(self.table.step("recipient", what, "under the root")?)
    }

    /// The recipient accepts an agent.
    pub fn hand_over(&mut self, agent: u8) -> Result<(), PostError> {
        let (tip, coin) = (self.chain().height()?, self.coin()?);
        let known = self.recipient.as_mut();
        let known = known.ok_or_else(|| PostError::broken("the recipient knows no terms"))?;
        let handover = known.hand_over(agent, (tip, coin), self.table.rng())?;
        let handover = handover.to_bytes();
        let handover = Handover::from_bytes(&handover).map_err(DeliverError::from)?;
        self.agent(agent)?.take(&handover)?;
        let what = format!("signs that {} may be paid", name(agent));
        Ok(self.table.step("recipient", what, "the copy is kept")?)
    }

    /// An agent's claim, and its fee. Nothing is published.
    pub fn claim_of(&mut self, agent: u8) -> Result<(Transaction, Amount), PostError> {
        let fee = self.table.fee(&self.delivery().claim_plan(agent)?)?;
        let status = self.status()?;
        let own = self.agents.get(usize::from(agent));
        let own = own.ok_or_else(|| PostError::broken("no such agent"))?;
        Ok((own.claim(status, fee, self.table.rng())?, fee))
    }

    /// The sender's refund, and its fee. Nothing is published.
    pub fn refund_of(&mut self) -> Result<(Transaction, Amount), PostError> {
        let fee = self.table.fee(&self.delivery().refund_plan()?)?;
        Ok((self.sender.refund(fee, self.table.rng())?, fee))
    }

    /// An agent claims, at the fee rate in force, and gets what was promised less the fee.
    pub fn claim(&mut self, agent: u8, why: &str) -> Result<Transaction, PostError> {
        let (claim, fee) = self.claim_of(agent)?;
        let label = format!("Claim {}", seat(agent));
        let seat = seat(agent);
        self.table.submit(seat, (&label, why), &claim, fee)?;
        self.table.moved(0, seat, self.options.amount)?;
        Ok(claim)
    }

    /// The sender takes its coin back.
    pub fn refund(&mut self, why: &str) -> Result<(), PostError> {
        let (refund, fee) = self.refund_of()?;
        Ok(self.table.submit(0, ("Refund", why), &refund, fee)?)
    }

    /// The transaction that spent the coin, as anybody finds it in the blocks since the funding.
    pub fn spender(&mut self) -> Result<Option<Transaction>, PostError> {
        let (outpoint, _) = self.delivery().coin()?;
        let spender = self.table.chain().spender(outpoint)?;
        let confirmed = spender.filter(|by| by.height.is_some());
        Ok(confirmed.map(|by| by.tx))
    }

    /// The recipient reads the message with the key that a claim shows.
    pub fn read(&mut self) -> Result<Reading, PostError> {
        let spender = self.spender()?;
        let spender = spender.ok_or_else(|| PostError::broken("the coin is not spent"))?;
        let reading = self.recipient()?.read(&spender)?;
        let what = match &reading {
            Reading::Message(message) => {
                self.read = Some(message.clone());
                let same = *message == self.options.message;
                let word = if same {
                    "byte for byte"
                } else {
                    "another message"
                };
                format!("reads {} bytes, {word}", message.len())
            }
            Reading::Fraud(_) => "finds that the sender committed to no message".into(),
        };
        let why = "the claim shows the key of its copy";
        self.table.step("recipient", what, why)?;
        Ok(reading)
    }

    /// Everybody goes down and comes back from what it wrote.
    pub fn restart(&mut self) -> Result<(), PostError> {
        self.table.reopen()?;
        let record = serde_json::from_str(&serde_json::to_string(&self.sender.record())?)?;
        let (key, envelope) = (self.table.key(0, 0)?, self.sender.envelope().to_vec());
        self.sender = Sender::restore(record, key, envelope)?;
        let mut agents = Vec::with_capacity(self.agents.len());
        for (index, agent) in (0..).zip(&self.agents) {
            let record = serde_json::from_str(&serde_json::to_string(agent.record())?)?;
            let key = self.table.key(seat(index), 0)?;
            agents.push(Agent::restore(record, agent.copy().to_vec(), key)?);
        }
        self.agents = agents;
        if let Some(recipient) = &self.recipient {
            let record = serde_json::from_str(&serde_json::to_string(recipient.record())?)?;
            let copies = recipient.copies().clone();
            self.recipient = Some(Recipient::restore(record, copies, &self.recipient_key)?);
        }
        let what = "come back from their records".into();
        Ok(self.table.step("all", what, "all went down")?)
    }

    /// Height of the tip and where the coin is, which all duties follow from.
    pub fn status(&mut self) -> Result<(u32, Coin), PostError> {
        Ok((self.chain().height()?, self.coin()?))
    }
}

/// What an agent is called.
pub(super) fn name(agent: u8) -> String {
    format!("agent {}", seat(agent))
}
