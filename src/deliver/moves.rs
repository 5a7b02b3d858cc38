//! Moves: what the parties send each other, transactions on the chain.

use bitcoin::{Amount, Transaction};
use narthex_contracts::deliver::{Agent, Coin, Reading, Recipient, Sender, Served};
use narthex_regtest::OutputStatus;

use super::{DeliveryPlay, play::participant};
use crate::harness::ScenarioError;

impl DeliveryPlay<'_> {
    /// The sender funds, now that all agents agreed.
    pub fn fund(&mut self) -> Result<(), ScenarioError> {
        let tip = self.chain().height()?;
        let psbt = self.sender.funding_psbt(tip, self.harness.policy())?;
        let why = ("Delivery", "every agent keeps its copy");
        self.harness.fund(0, psbt, self.options.amount, why)?;
        Ok(())
    }

    /// Blocks until the agents serve.
    pub fn bury(&mut self) -> Result<(), ScenarioError> {
        self.harness
            .mine(self.options.depth.blocks().saturating_sub(1))
    }

    /// Where the chain says that the coin is.
    pub fn coin(&mut self) -> Result<Coin, ScenarioError> {
        let (outpoint, prevout) = self.delivery().coin()?;
        Ok(match self.harness.chain().output_status(outpoint)? {
            OutputStatus::Unspent { output, height } if output == prevout => {
                Coin::Funded { height }
            }
            OutputStatus::Spent { .. } => Coin::Spent,
            _ => Coin::Unfunded,
        })
    }

    /// The recipient looks through the blocks that it has not seen.
    pub fn scan(&mut self) -> Result<(), ScenarioError> {
        let tip = self.chain().height()?;
        while self.scanned <= tip {
            let block = self.harness.chain().block(self.scanned)?;
            for tx in &block.txdata {
                if let Some(found) = self.scanner.look(tx) {
                    let what = format!("finds {}", found.txid);
                    self.harness.step("recipient", what, "the tag fits")?;
                    self.found = Some(found);
                }
            }
            self.scanned = self.scanned.saturating_add(1);
        }
        Ok(())
    }

    /// What an agent serves to the recipient that asks, as it travels.
    pub fn served(&mut self, agent: u8) -> Result<Served, ScenarioError> {
        let found = self.found.as_ref();
        let found = found.ok_or_else(|| ScenarioError::broken("the recipient found nothing"))?;
        let request = match &self.recipient {
            None => Recipient::first_request(found),
            Some(known) => known.request()?,
        };
        let request = self.harness.send("recipient", &name(agent), &request)?;
        let (tip, coin) = (self.chain().height()?, self.coin()?);
        let served = self.agent(agent)?.serve(&request, tip, coin)?;
        self.harness.send(&name(agent), "recipient", &served)
    }

    /// The recipient takes up the terms, checks a copy and keeps it.
    pub fn keep(&mut self, served: Served) -> Result<u8, ScenarioError> {
        if self.recipient.is_none() {
            let found = self.found.as_ref();
            let found =
                found.ok_or_else(|| ScenarioError::broken("the recipient found nothing"))?;
            let terms = (served.terms.clone(), self.options.depth);
            self.recipient = Some(Recipient::open(found, terms, &self.recipient_key)?);
        }
        Ok(self.recipient()?.keep(served)?)
    }

    /// The recipient asks an agent, checks what it gets, and keeps it.
    pub fn ask(&mut self, agent: u8) -> Result<(), ScenarioError> {
        let served = self.served(agent)?;
        let bytes = served.copy.len();
        let agent = self.keep(served)?;
        let what = format!("keeps {bytes} bytes of {}", name(agent));
        self.harness.step("recipient", what, "under the root")
    }

    /// The recipient accepts an agent.
    pub fn hand_over(&mut self, agent: u8) -> Result<(), ScenarioError> {
        let (tip, coin) = (self.chain().height()?, self.coin()?);
        let known = self.recipient.as_mut();
        let known = known.ok_or_else(|| ScenarioError::broken("the recipient knows no terms"))?;
        let handover = known.hand_over(agent, (tip, coin), self.harness.rng())?;
        let handover = self.harness.send("recipient", &name(agent), &handover)?;
        self.agent(agent)?.take(&handover)?;
        let what = format!("signs that {} may be paid", name(agent));
        self.harness.step("recipient", what, "the copy is kept")
    }

    /// An agent's claim, and its fee. Nothing is published.
    pub fn claim_of(&mut self, agent: u8) -> Result<(Transaction, Amount), ScenarioError> {
        let fee = self.harness.fee(&self.delivery().claim_plan(agent)?)?;
        let status = self.status()?;
        let own = self.agents.get(usize::from(agent));
        let own = own.ok_or_else(|| ScenarioError::broken("no such agent"))?;
        Ok((own.claim(status, fee, self.harness.rng())?, fee))
    }

    /// The sender's refund, and its fee. Nothing is published.
    pub fn refund_of(&mut self) -> Result<(Transaction, Amount), ScenarioError> {
        let fee = self.harness.fee(&self.delivery().refund_plan()?)?;
        Ok((self.sender.refund(fee, self.harness.rng())?, fee))
    }

    /// An agent claims, at the fee rate in force, and gets what was promised less the fee.
    pub fn claim(&mut self, agent: u8, why: &str) -> Result<Transaction, ScenarioError> {
        let (claim, fee) = self.claim_of(agent)?;
        let label = format!("Claim {}", participant(agent));
        let participant = participant(agent);
        self.harness
            .submit(participant, (&label, why), &claim, fee)?;
        self.harness.moved(0, participant, self.options.amount)?;
        Ok(claim)
    }

    /// The sender takes its coin back.
    pub fn refund(&mut self, why: &str) -> Result<(), ScenarioError> {
        let (refund, fee) = self.refund_of()?;
        self.harness.submit(0, ("Refund", why), &refund, fee)
    }

    /// The transaction that spent the coin, as anybody finds it in the blocks since the funding.
    pub fn spender(&mut self) -> Result<Option<Transaction>, ScenarioError> {
        let (outpoint, _) = self.delivery().coin()?;
        let spender = self.harness.chain().spender(outpoint)?;
        let confirmed = spender.filter(|by| by.height.is_some());
        Ok(confirmed.map(|by| by.tx))
    }

    /// The recipient reads the message with the key that a claim shows.
    pub fn read(&mut self) -> Result<Reading, ScenarioError> {
        let spender = self.spender()?;
        let spender = spender.ok_or_else(|| ScenarioError::broken("the coin is not spent"))?;
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
        self.harness.step("recipient", what, why)?;
        Ok(reading)
    }

    /// Everybody goes down and comes back from what it wrote.
    pub fn restart(&mut self) -> Result<(), ScenarioError> {
        self.harness.reopen()?;
        let record = serde_json::from_str(&serde_json::to_string(&self.sender.record())?)?;
        let (key, envelope) = (self.harness.key(0, 0)?, self.sender.envelope().to_vec());
        self.sender = Sender::restore(record, key, envelope)?;
        let mut agents = Vec::with_capacity(self.agents.len());
        for (index, agent) in (0..).zip(&self.agents) {
            let record = serde_json::from_str(&serde_json::to_string(agent.record())?)?;
            let key = self.harness.key(participant(index), 0)?;
            agents.push(Agent::restore(record, agent.copy().to_vec(), key)?);
        }
        self.agents = agents;
        if let Some(recipient) = &self.recipient {
            let record = serde_json::from_str(&serde_json::to_string(recipient.record())?)?;
            let copies = recipient.copies().clone();
            self.recipient = Some(Recipient::restore(record, copies, &self.recipient_key)?);
        }
        let what = "come back from their records".into();
        self.harness.step("all", what, "all went down")
    }

    /// Height of the tip and where the coin is, which all duties follow from.
    pub fn status(&mut self) -> Result<(u32, Coin), ScenarioError> {
        Ok((self.chain().height()?, self.coin()?))
    }
}

/// What an agent is called.
pub(super) fn name(agent: u8) -> String {
    format!("agent {}", participant(agent))
}
