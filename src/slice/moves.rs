//! Moves: messages, which travel as bytes, and transactions.

use bitcoin::{Amount, OutPoint, Transaction};
use narthex_contracts::{
    graph::TxGraph,
    slice::{
        Bundle, Client, ClientDuty, Coin, Evidence, Opened, Post, Provider, ProviderDuty, Taken,
        Work, claim,
    },
};
use narthex_regtest::OutputStatus;

use super::{SlicePlay, play::name};
use crate::harness::ScenarioError;

impl SlicePlay<'_> {
    /// The client funds the slice, now that it holds all claims.
    pub fn fund(&mut self) -> Result<(), ScenarioError> {
        let psbt = self.client.funding_psbt(self.harness.policy())?;
        let (price, n) = (self.options.price, self.options.providers);
        let locked = price.checked_mul(n.into()).unwrap_or(Amount::MAX_MONEY);
        let why = ("Slice", "it holds every claim, encrypted");
        self.harness.fund(0, psbt, locked, why)?;
        Ok(())
    }

    /// Where a provider's price is.
    pub fn coin(&mut self, index: u8) -> Result<Coin, ScenarioError> {
        let txid = self.client.holdings().graph().txid(TxGraph::FUNDING);
        let txid = txid.ok_or_else(|| ScenarioError::broken("no funding"))?;
        let vout = u32::from(index);
        let status = (self.harness.chain()).output_status(OutPoint { txid, vout })?;
        Ok(match status {
            OutputStatus::Unspent { height, .. } => Coin::Locked { height },
            OutputStatus::Spent { .. } => Coin::Spent,
            OutputStatus::Missing | OutputStatus::Waiting { .. } => Coin::Unfunded,
        })
    }

    /// A provider does the slice, and commits to what `changed` makes of it.
    pub fn work(
        &mut self,
        index: u8,
        changed: impl FnOnce(&mut Work),
    ) -> Result<Post, ScenarioError> {
        let mut work = self.job.run()?;
        changed(&mut work);
        let provider = self.providers.get_mut(usize::from(index));
        let provider = provider.ok_or_else(|| ScenarioError::broken("no such provider"))?;
        let post = provider.commit(&work, self.harness.rng())?;
        self.send_post(&post)?;
        Ok(post)
    }

    /// Everybody gets a post.
    pub fn send_post(&mut self, post: &Post) -> Result<(), ScenarioError> {
        let from = name(post.from.into());
        self.client
            .take_post(&self.harness.send(&from, "client", post)?)?;
        for provider in &mut self.providers {
            if provider.index() != post.from {
                let to = name(provider.index().into());
                provider.take_post(&self.harness.send(&from, &to, post)?)?;
            }
        }
        let what = "commits to its root, the result sealed".into();
        self.harness.step(&from, what, "its work is done")
    }

    /// A provider that is to release does, and the client has its bundle. False if it is not due.
    pub fn release(&mut self, index: u8) -> Result<bool, ScenarioError> {
        let (tip, coin) = (self.harness.chain().height()?, self.coin(index)?);
        let provider = self.providers.get_mut(usize::from(index));
        let provider = provider.ok_or_else(|| ScenarioError::broken("no such provider"))?;
        if provider.duty(tip, coin) != ProviderDuty::Release {
            return Ok(false);
        }
        let bundle = provider.release((tip, coin), self.harness.rng())?;
        self.send_bundle(&bundle)?;
        Ok(true)
    }

    /// The client gets a bundle, to hand it out.
    pub fn send_bundle(&mut self, bundle: &Bundle) -> Result<(), ScenarioError> {
        let from = name(bundle.from.into());
        let read = self.harness.send(&from, "client", bundle)?;
        self.client.take_bundle(&read)?;
        let what = format!("releases {} shares", bundle.shares.len());
        let why = "readable only to who has its root";
        self.harness.step(&from, what, why)
    }

    /// The client hands out bundles to those that released theirs.
    pub fn hand_out(&mut self) -> Result<(), ScenarioError> {
        for i in 0..self.providers.len() {
            let Some(provider) = self.providers.get_mut(i) else {
                continue;
            };
            let (mut taken, to) = (Vec::new(), name(i));
            for bundle in self.client.hand_out(provider.index()) {
                let read = self.harness.send("client", &to, bundle)?;
                taken.push((bundle.from, provider.take_bundle(&read)?));
            }
            for (from, taken) in taken {
                self.found(i, from, taken)?;
            }
        }
        Ok(())
    }

    /// Providers show each other their bundles, without the client.
    pub fn exchange(&mut self) -> Result<(), ScenarioError> {
        let bundles = self.providers.iter().map(Provider::bundle);
        let bundles = bundles.flatten().cloned().collect::<Vec<_>>();
        for bundle in bundles {
            for i in 0..self.providers.len() {
                let Some(provider) = self.providers.get_mut(i) else {
                    continue;
                };
                let (from, to) = (name(bundle.from.into()), name(i));
                let read = self.harness.send(&from, &to, &bundle)?;
                let (taken, _) = provider.exchange(&read)?;
                self.found(i, bundle.from, taken)?;
            }
        }
        Ok(())
    }

    fn found(&mut self, reader: usize, from: u8, taken: Taken) -> Result<(), ScenarioError> {
        let (who, whose) = (name(reader), name(from.into()));
        match taken {
            Taken::Share { have, need } => {
                let what = format!("reads a share of {whose}'s: {have} of {need}");
                self.harness.step(&who, what, "their roots are equal")
            }
            Taken::Closed => {
                let what = format!("cannot read what {whose} released");
                self.harness
                    .step(&who, what, "their roots differ, or it is rubbish")
            }
            Taken::Passed => Ok(()),
            Taken::False(evidence) => {
                self.evidence.push((who, *evidence));
                Ok(())
            }
        }
    }

    /// Anybody who has the terms comes to the same conviction.
    pub fn convict(&mut self, who: &str, evidence: &Evidence) -> Result<(), ScenarioError> {
        let read = self.harness.send(who, "anybody", evidence)?;
        let cheat = name(read.verify(self.terms())?.into());
        let what = format!("convicts {cheat} of {}", read.charge());
        self.harness.step(who, what, "signed by the cheat itself")?;
        self.convicted.insert(cheat);
        Ok(())
    }

    /// Blocks pass until the funding is as deep as the providers wait for.
    pub fn bury(&mut self) -> Result<(), ScenarioError> {
        if let Coin::Locked { height } = self.coin(0)? {
            let tip = self.harness.chain().height()?;
            let wanted = self.options.depth.reached_at(height);
            self.harness.mine(wanted.saturating_sub(tip))?;
        }
        Ok(())
    }

    /// A provider's claim, as it would publish it now.
    pub fn claim_tx(&mut self, index: u8) -> Result<Transaction, ScenarioError> {
        let status = (self.harness.chain().height()?, self.coin(index)?);
        Ok(self.provider(index)?.claim(status)?)
    }

    /// A provider claims; the client opens the result with the secret that the claim shows.
    pub fn claim(&mut self, index: u8) -> Result<Opened, ScenarioError> {
        let tx = self.claim_tx(index)?;
        let node = claim(index);
        let named = self.client.holdings().graph().node(node);
        let named = named.map(|node| node.name.to_string()).unwrap_or_default();
        let participant = 1 + usize::from(index);
        let why = (named.as_str(), "enough others have its root");
        self.harness.publish(participant, why, &tx)?;
        self.harness.moved(0, participant, self.options.price)?;
        self.claims = self.claims.saturating_add(1);
        self.opened(index, &tx)
    }

    /// The client reads a claim that it saw, whoever published it.
    pub fn opened(&mut self, index: u8, tx: &Transaction) -> Result<Opened, ScenarioError> {
        let opened = self.client.open(index, tx)?;
        match &opened {
            Opened::Result { root, work } => {
                self.roots.insert(*root);
                let lines = work.result.split(|byte| *byte == b'\n').count();
                let whose = name(index.into());
                let what = format!("opens the result of {whose}: {lines} lines");
                self.harness
                    .step("client", what, "the claim shows the secret")?;
            }
            Opened::False(evidence) => self.convict("client", &evidence.clone())?,
        }
        Ok(opened)
    }

    /// The client takes a price back, if that is due.
    pub fn refund(&mut self, index: u8) -> Result<bool, ScenarioError> {
        let (tip, coin) = (self.harness.chain().height()?, self.coin(index)?);
        if self.client.duty(tip, coin) != ClientDuty::Refund {
            return Ok(false);
        }
        let tx = self.client.refund(index, self.harness.rng())?;
        let named = format!("Refund{}", usize::from(index) + 1);
        let why = (named.as_str(), "not claimed in d blocks");
        self.harness.publish(0, why, &tx)?;
        self.refunds = self.refunds.saturating_add(1);
        Ok(true)
    }

    /// Everybody who can claims; when the time is over, the client takes back the rest. Who was paid.
    pub fn settle(&mut self) -> Result<Vec<u8>, ScenarioError> {
        let mut paid = Vec::new();
        for index in 0..self.options.providers {
            let (tip, coin) = (self.harness.chain().height()?, self.coin(index)?);
            if self.provider(index)?.duty(tip, coin) == ProviderDuty::Claim {
                self.claim(index)?;
                paid.push(index);
            }
        }
        self.take_back()?;
        for (who, evidence) in std::mem::take(&mut self.evidence) {
            self.convict(&who, &evidence)?;
        }
        Ok(paid)
    }

    /// The client waits for d blocks and takes back what nobody claimed.
    pub fn take_back(&mut self) -> Result<(), ScenarioError> {
        for index in 0..self.options.providers {
            if let Coin::Locked { height } = self.coin(index)? {
                let d = u32::from(self.options.refund_blocks);
                self.harness.wait_for(height.saturating_add(d))?;
                if !self.refund(index)? {
                    return Err(ScenarioError::broken("the refund is not due"));
                }
            }
        }
        Ok(())
    }

    /// Blocks pass until posts are taken no more.
    pub fn close_posts(&mut self) -> Result<(), ScenarioError> {
        if let Coin::Locked { height } = self.coin(0)? {
            let until = height.saturating_add(self.options.post_blocks.into());
            self.harness.wait_for(until.saturating_add(1))?;
        }
        Ok(())
    }

    /// Everybody goes down and comes back from what it wrote.
    pub fn restart(&mut self) -> Result<(), ScenarioError> {
        self.harness.reopen()?;
        let terms = std::sync::Arc::new(self.terms().clone());
        let record = serde_json::from_str(&serde_json::to_string(&self.client.record())?)?;
        self.client = Client::restore(terms.clone(), self.key(0)?, &record)?;
        let mut restored = Vec::new();
        for provider in &self.providers {
            let own = provider.index();
            let record = serde_json::from_str(&serde_json::to_string(&provider.record())?)?;
            let key = self.key(1 + usize::from(own))?;
            restored.push(Provider::restore(terms.clone(), (own, key), &record)?);
        }
        self.providers = restored;
        let what = "come back from their records".into();
        self.harness.step("everybody", what, "all went down")
    }
}
