//! Moves: what the chain shows goes into the machines, what they have pending is carried out, and what the parties send each
//! other travels as bytes.

use std::collections::BTreeMap;

use bitcoin::{Amount, Transaction};
use narthex_channel::CoinSeen;
use narthex_channel::delivery::{
    AgentEffect, AgentInput, RecipientEffect, RecipientInput, RecipientMachine, RecipientStart,
    SenderEffect, SenderInput,
};
use narthex_contracts::deliver::{Coin, Found, Handover, Reading, Recipient, Served};
use narthex_regtest::OutputStatus;

use super::{
    DeliveryPlay,
    play::{RecipientSide, participant},
};
use crate::harness::{ScenarioError, Side, expect};

impl DeliveryPlay<'_> {
    /// The sender funds, now that all agents agreed.
    pub fn fund(&mut self) -> Result<(), ScenarioError> {
        self.look()?;
        let due = self.sender.side.pending();
        expect(due.contains(&SenderEffect::Fund), "the funding is not due")?;
        let tip = self.chain().height()?;
        let mut psbt = self.sender()?.funding_psbt(tip, self.harness.policy())?;
        let (tx, fee) = (self.harness).sign_funding(0, &mut psbt, self.options.amount)?;
        for effect in self.sender.side.step(&SenderInput::Funded(tx))? {
            if let SenderEffect::Publish(tx) = effect {
                let why = ("Delivery", "every agent keeps its copy");
                self.harness.submit(0, why, &tx, fee)?;
            }
        }
        self.look()
    }

    /// Where the chain has the coin goes into all machines.
    pub(super) fn look(&mut self) -> Result<(), ScenarioError> {
        let (tip, coin) = (self.chain().height()?, self.seen()?);
        self.sender.side.step(&SenderInput::Coin { tip, coin })?;
        for agent in &mut self.agents {
            agent.side.step(&AgentInput::Coin { tip, coin })?;
        }
        if let Some(recipient) = &mut self.recipient {
            (recipient.side).step(&RecipientInput::Coin { tip, coin })?;
        }
        Ok(())
    }

    fn seen(&mut self) -> Result<CoinSeen, ScenarioError> {
        let (outpoint, prevout) = self.delivery().coin()?;
        Ok(match self.chain().output_status(outpoint)? {
            OutputStatus::Unspent { output, height } if output == prevout => {
                CoinSeen::Locked { height }
            }
            OutputStatus::Spent { .. } => {
                let (height, spender) = self.harness.spent_by(outpoint)?;
                let by = spender.compute_txid();
                CoinSeen::Spent { height, by }
            }
            _ => CoinSeen::Unfunded,
        })
    }

    /// Blocks until the agents serve.
    pub fn bury(&mut self) -> Result<(), ScenarioError> {
        self.harness
            .mine(self.options.depth.blocks().saturating_sub(1))
    }

    /// Where the chain says that the coin is.
    pub fn coin(&mut self) -> Result<Coin, ScenarioError> {
        Ok(self.seen()?.into())
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

    /// What the recipient's scanner found.
    fn found(&self) -> Result<&Found, ScenarioError> {
        let found = self.found.as_ref();
        found.ok_or_else(|| ScenarioError::broken("the recipient found nothing"))
    }

    /// What an agent serves to the recipient that asks, as it travels.
    pub fn served(&mut self, agent: u8) -> Result<Served, ScenarioError> {
        let request = match &self.recipient {
            None => Recipient::first_request(self.found()?),
            Some(_) => self.recipient()?.request()?,
        };
        let request = self.harness.send("recipient", &name(agent), &request)?;
        let (tip, coin) = (self.chain().height()?, self.coin()?);
        let served = self.agent(agent)?.serve(&request, tip, coin)?;
        self.harness.send(&name(agent), "recipient", &served)
    }

    /// The recipient takes up the terms, checks a copy and keeps it.
    pub fn keep(&mut self, served: Served) -> Result<u8, ScenarioError> {
        if self.recipient.is_none() {
            let depth = self.options.depth;
            // Whether it is its own, only who has the key can say.
            let terms = (served.terms.clone(), depth);
            let own = Recipient::open(self.found()?, terms, &self.recipient_key)?;
            let delivery = own.delivery().clone();
            let mut side = Side::<RecipientMachine>::new(delivery.terms().id())?;
            side.step(&RecipientInput::Found(Box::new(RecipientStart {
                delivery,
                depth,
            })))?;
            let copies = BTreeMap::new();
            self.recipient = Some(RecipientSide { side, copies });
            self.look()?;
        }
        let (agent, copy) = (served.agent, served.copy.clone());
        let kept = RecipientInput::Kept(Box::new(served));
        let recipient = self.recipient_side()?;
        recipient.side.step(&kept)?;
        recipient.copies.insert(agent, copy);
        Ok(agent)
    }

    /// The recipient asks an agent, checks what it gets, and keeps it.
    pub fn ask(&mut self, agent: u8) -> Result<(), ScenarioError> {
        let served = self.served(agent)?;
        let bytes = served.copy.len();
        let agent = self.keep(served)?;
        let what = format!("keeps {bytes} bytes of {}", name(agent));
        self.harness.step("recipient", what, "under the root")
    }

    /// The recipient accepts an agent: ordered first, signed then, and sent.
    pub fn hand_over(&mut self, agent: u8) -> Result<(), ScenarioError> {
        self.look()?;
        let (tip, coin) = (self.chain().height()?, self.seen()?);
        let order = RecipientInput::Accept { agent, tip, coin };
        let due = self.recipient_side()?.side.step(&order)?;
        if due.contains(&RecipientEffect::Sign { agent }) {
            let mut signer = self.recipient()?;
            let signed = signer.hand_over(agent, (tip, coin.into()), self.harness.rng())?;
            (self.recipient_side()?.side).step(&RecipientInput::Signed(signed))?;
        }
        for effect in self.recipient_side()?.side.pending() {
            if let RecipientEffect::HandOver(handover) = effect
                && handover.agent == agent
            {
                let handover = self.harness.send("recipient", &name(agent), &handover)?;
                self.take(agent, handover)?;
            }
        }
        let what = format!("signs that {} may be paid", name(agent));
        self.harness.step("recipient", what, "the copy is kept")
    }

    /// An agent gets what is said to be its acceptance.
    pub fn take(&mut self, agent: u8, handover: Handover) -> Result<(), ScenarioError> {
        let agent = self.agent_side(agent)?;
        agent.side.step(&AgentInput::Accepted(handover))?;
        Ok(())
    }

    /// An agent's claim, and its fee. Nothing is published.
    pub fn claim_of(&mut self, agent: u8) -> Result<(Transaction, Amount), ScenarioError> {
        let fee = self.harness.fee(&self.delivery().claim_plan(agent)?)?;
        let status = self.status()?;
        let own = self.agent(agent)?;
        Ok((own.claim(status, fee, self.harness.rng())?, fee))
    }

    /// The sender's refund, and its fee. Nothing is published.
    pub fn refund_of(&mut self) -> Result<(Transaction, Amount), ScenarioError> {
        let fee = self.harness.fee(&self.delivery().refund_plan()?)?;
        Ok((self.sender()?.refund(fee, self.harness.rng())?, fee))
    }

    /// An agent claims, at the fee rate in force, and gets what was promised less the fee.
    pub fn claim(&mut self, agent: u8, why: &str) -> Result<Transaction, ScenarioError> {
        self.look()?;
        let due = self.agent_side(agent)?.side.pending();
        expect(due.contains(&AgentEffect::Claim), "the claim is not due")?;
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
        self.look()?;
        let due = self.sender.side.pending();
        expect(due.contains(&SenderEffect::Refund), "the refund is not due")?;
        let (refund, fee) = self.refund_of()?;
        self.harness.submit(0, ("Refund", why), &refund, fee)
    }

    /// The recipient finds what spends the coin, if it has to: a claim that it is to read then, or what shows no key.
    fn find_spender(&mut self) -> Result<Option<Transaction>, ScenarioError> {
        self.look()?;
        if (self.recipient_side()?.side.pending()).contains(&RecipientEffect::Look) {
            let (outpoint, _) = self.delivery().coin()?;
            let (_, spender) = self.harness.spent_by(outpoint)?;
            (self.recipient_side()?.side).step(&RecipientInput::Spender(spender))?;
        }
        let due = self.recipient_side()?.side.pending().into_iter();
        let mut shown = due.filter_map(|effect| match effect {
            RecipientEffect::Read(claim) => Some(claim),
            _ => None,
        });
        Ok(shown.next())
    }

    /// The recipient reads the message with the key that a claim shows, however deep that lies.
    pub fn read(&mut self) -> Result<Reading, ScenarioError> {
        let claim = self.find_spender()?;
        let claim = claim.ok_or_else(|| ScenarioError::broken("there is nothing to read"))?;
        let reading = self.recipient()?.read(&claim)?;
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
        // What was read is kept: from here on nobody owes the recipient anything.
        let opened = RecipientInput::Opened(claim.compute_txid());
        self.recipient_side()?.side.step(&opened)?;
        let why = "the claim shows the key of its copy";
        self.harness.step("recipient", what, why)?;
        Ok(reading)
    }

    /// The coin's spend gets as deep as the recipient wants it, and the recipient has nothing left to do.
    pub fn finish(&mut self) -> Result<(), ScenarioError> {
        self.find_spender()?;
        self.bury()?;
        self.look()?;
        let standing = self.recipient_side()?.side.machine().standing();
        expect(
            standing == "over",
            format!("the recipient's machine is {standing}"),
        )
    }

    /// Everybody goes down and comes back: machines from their logs, signers from these and what is kept apart.
    pub fn restart(&mut self) -> Result<(), ScenarioError> {
        self.harness.reopen()?;
        self.sender.side.reopen()?;
        for agent in &mut self.agents {
            agent.side.reopen()?;
        }
        if let Some(recipient) = &mut self.recipient {
            recipient.side.reopen()?;
        }
        let what = "come back from their logs".into();
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
