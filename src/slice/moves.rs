//! Moves: what the chain shows goes into the machines, messages travel as bytes, and what a machine has pending is carried
//! out, with the signer's answer as the next input.

use bitcoin::{Amount, OutPoint, Transaction};
use narthex_channel::CoinSeen;
use narthex_channel::slice::{ClientEffect, ClientInput, ProviderEffect, ProviderInput};
use narthex_contracts::{
    graph::TxGraph,
    slice::{Bundle, Coin, Evidence, Opened, Post, ProviderKeys, Taken, Work, claim},
};

use super::{SlicePlay, play::name};
use crate::harness::{ScenarioError, expect};

impl SlicePlay<'_> {
    /// Where the chain has the prices goes into all machines.
    pub(super) fn look(&mut self) -> Result<(), ScenarioError> {
        let tip = self.harness.chain().height()?;
        for index in 0..self.options.providers {
            let price = self.price(index)?;
            let slice = &mut self.slice;
            slice
                .client
                .step(&ClientInput::Price { index, tip, price })?;
            let provider = slice.provider(index)?;
            provider.side.step(&ProviderInput::Price { tip, price })?;
        }
        Ok(())
    }

    fn price_at(&self, index: u8) -> Result<OutPoint, ScenarioError> {
        let txid = self.client()?.holdings().graph().txid(TxGraph::FUNDING);
        let txid = txid.ok_or_else(|| ScenarioError::broken("no funding"))?;
        let vout = u32::from(index);
        Ok(OutPoint { txid, vout })
    }

    fn price(&mut self, index: u8) -> Result<CoinSeen, ScenarioError> {
        let outpoint = self.price_at(index)?;
        self.harness.seen(outpoint)
    }

    /// Where a provider's price is.
    pub fn coin(&mut self, index: u8) -> Result<Coin, ScenarioError> {
        Ok(self.price(index)?.into())
    }

    /// Tip, and where a provider's price is: as its machine knows it once it is claimed, when it is known from no coin any
    /// longer when it was funded.
    fn status(&mut self, index: u8) -> Result<(u32, Coin), ScenarioError> {
        let coin = match self.coin(index)? {
            Coin::Spent => self.slice.provider(index)?.side.machine().coin(),
            coin => coin,
        };
        Ok((self.harness.chain().height()?, coin))
    }

    /// Height of the funding, as long as a price is locked.
    fn funded(&mut self) -> Result<Option<u32>, ScenarioError> {
        for index in 0..self.options.providers {
            if let Coin::Locked { height } = self.coin(index)? {
                return Ok(Some(height));
            }
        }
        Ok(None)
    }

    /// The client funds the slice, now that it holds all claims.
    pub fn fund(&mut self) -> Result<(), ScenarioError> {
        self.look()?;
        let due = self.slice.client.pending();
        expect(due.contains(&ClientEffect::Fund), "the funding is not due")?;
        let mut psbt = self.client()?.funding_psbt(self.harness.policy())?;
        let (price, n) = (self.options.price, self.options.providers);
        let locked = price.checked_mul(n.into()).unwrap_or(Amount::MAX_MONEY);
        let (tx, fee) = self.harness.sign_funding(0, &mut psbt, locked)?;
        let due = self.slice.client.step(&ClientInput::Funded(tx))?;
        for effect in due {
            if let ClientEffect::Publish(tx) = effect {
                let why = ("Slice", "it holds every claim, encrypted");
                self.harness.submit(0, why, &tx, fee)?;
            }
        }
        self.look()
    }

    /// A provider does the slice, and its signer commits to what `changed` makes of it.
    pub fn work(
        &mut self,
        index: u8,
        changed: impl FnOnce(&mut Work),
    ) -> Result<Post, ScenarioError> {
        let mut work = self.job.run()?;
        changed(&mut work);
        let post = self.commit(index, &work)?;
        self.send_post(&post)?;
        Ok(post)
    }

    /// A provider's signer commits to work; nobody is shown it yet.
    pub(super) fn commit(&mut self, index: u8, work: &Work) -> Result<Post, ScenarioError> {
        self.look()?;
        let provider = self.slice.provider(index)?;
        let (post, opening) = (provider.keys).commit(provider.book()?, work, self.harness.rng())?;
        let input = ProviderInput::Committed {
            post: Box::new(post.clone()),
            opening,
        };
        provider.side.step(&input)?;
        Ok(post)
    }

    /// Everybody gets a post.
    pub fn send_post(&mut self, post: &Post) -> Result<(), ScenarioError> {
        let from = name(post.from.into());
        let read = self.harness.send(&from, "client", post)?;
        (self.slice.client).step(&ClientInput::Post(Box::new(read)))?;
        for (index, provider) in (0u8..).zip(&mut self.slice.providers) {
            if index != post.from {
                let read = self.harness.send(&from, &name(index.into()), post)?;
                (provider.side).step(&ProviderInput::Post(Box::new(read)))?;
            }
        }
        let what = "commits to its root, the result sealed".into();
        self.harness.step(&from, what, "its work is done")
    }

    /// A provider that is to release does, and the client has its bundle. False if it is not due.
    pub fn release(&mut self, index: u8) -> Result<bool, ScenarioError> {
        self.look()?;
        let status = self.status(index)?;
        let provider = self.slice.provider(index)?;
        if !provider.side.pending().contains(&ProviderEffect::Release) {
            return Ok(false);
        }
        let bundle = (provider.keys).release(provider.book()?, status, self.harness.rng())?;
        provider
            .side
            .step(&ProviderInput::Released(bundle.clone()))?;
        self.send_bundle(&bundle)?;
        Ok(true)
    }

    /// The client gets a bundle, to hand it out.
    pub fn send_bundle(&mut self, bundle: &Bundle) -> Result<(), ScenarioError> {
        let from = name(bundle.from.into());
        let read = self.harness.send(&from, "client", bundle)?;
        self.slice.client.step(&ClientInput::Bundle(read))?;
        let what = format!("releases {} shares", bundle.shares.len());
        let why = "readable only to who has its root";
        self.harness.step(&from, what, why)
    }

    /// The client hands out bundles to those that released theirs.
    pub fn hand_out(&mut self) -> Result<(), ScenarioError> {
        for effect in self.slice.client.pending() {
            if let ClientEffect::HandOut { to, bundle } = effect {
                let read = self.harness.send("client", &name(to.into()), &bundle)?;
                self.bring(to, read)?;
            }
        }
        Ok(())
    }

    /// Providers show each other their bundles, without the client.
    pub fn exchange(&mut self) -> Result<(), ScenarioError> {
        let mut bundles = Vec::new();
        for provider in &self.slice.providers {
            bundles.extend(provider.book()?.bundle().cloned());
        }
        for bundle in bundles {
            for to in 0..self.options.providers {
                let (from, named) = (name(bundle.from.into()), name(to.into()));
                let read = self.harness.send(&from, &named, &bundle)?;
                self.bring(to, read)?;
            }
        }
        Ok(())
    }

    /// A provider reads what another released.
    fn bring(&mut self, to: u8, bundle: Bundle) -> Result<(), ScenarioError> {
        let from = bundle.from;
        let provider = self.slice.provider(to)?;
        let (taken, _) = provider.book()?.check_bundle(&bundle)?;
        provider.side.step(&ProviderInput::Bundle(bundle))?;
        let (who, whose) = (name(to.into()), name(from.into()));
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
            // The machine keeps a lie until the slice has ended.
            Taken::Passed | Taken::False(_) => Ok(()),
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
        if let Some(height) = self.funded()? {
            let tip = self.harness.chain().height()?;
            let wanted = self.options.depth.reached_at(height);
            self.harness.mine(wanted.saturating_sub(tip))?;
        }
        Ok(())
    }

    /// A provider's claim, as its signer would put it together now.
    pub fn claim_tx(&mut self, index: u8) -> Result<Transaction, ScenarioError> {
        let status = self.status(index)?;
        let provider = self.slice.provider(index)?;
        Ok(provider.keys.claim(provider.book()?, status)?)
    }

    /// The refund of a provider's price, as the client's signer would sign it now.
    pub fn refund_tx(&mut self, index: u8) -> Result<Transaction, ScenarioError> {
        let key = self.key(0)?;
        let client = self.slice.client()?;
        Ok(client.refund(index, &key, self.harness.rng())?)
    }

    /// A provider claims; the client opens the result with the secret that the claim shows.
    pub fn claim(&mut self, index: u8) -> Result<Opened, ScenarioError> {
        self.look()?;
        if (self.slice.provider(index)?.side.pending()).contains(&ProviderEffect::Claim) {
            let tx = self.claim_tx(index)?;
            let provider = self.slice.provider(index)?;
            provider.side.step(&ProviderInput::Claimed(tx))?;
        }
        let due = self.slice.provider(index)?.side.pending();
        let mut due = due.into_iter().filter_map(|effect| match effect {
            ProviderEffect::Publish(tx) => Some(tx),
            _ => None,
        });
        let Some(tx) = due.next() else {
            return Err(ScenarioError::broken("the claim is not due"));
        };
        let node = claim(index);
        let named = self.client()?.holdings().graph().node(node);
        let named = named.map(|node| node.name.to_string()).unwrap_or_default();
        let participant = 1 + usize::from(index);
        let why = (named.as_str(), "enough others have its root");
        self.harness.publish(participant, why, &tx)?;
        self.harness.moved(0, participant, self.options.price)?;
        self.claims = self.claims.saturating_add(1);
        self.look()?;
        let due = self.slice.client.pending();
        let is_due = due.contains(&ClientEffect::Find { index });
        expect(is_due, "a claim that nobody looks for")?;
        let outpoint = self.price_at(index)?;
        let (_, spender) = self.harness.spent_by(outpoint)?;
        self.opened(index, &spender)
    }

    /// The client reads a claim that it saw, whoever published it.
    pub fn opened(&mut self, index: u8, tx: &Transaction) -> Result<Opened, ScenarioError> {
        let tx = tx.clone();
        (self.slice.client).step(&ClientInput::Claim { index, tx })?;
        let opened = self.client()?.opened(index)?;
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
        self.look()?;
        if (self.slice.client.pending()).contains(&ClientEffect::Refund { index }) {
            let tx = self.refund_tx(index)?;
            (self.slice.client).step(&ClientInput::Refunded { index, tx })?;
        }
        let due = self.slice.client.pending().into_iter();
        let mut due = due.filter_map(|effect| match effect {
            ClientEffect::PublishRefund { index: of, tx } if of == index => Some(tx),
            _ => None,
        });
        let Some(tx) = due.next() else {
            return Ok(false);
        };
        let named = format!("Refund{}", usize::from(index) + 1);
        let why = (named.as_str(), "not claimed in d blocks");
        self.harness.publish(0, why, &tx)?;
        self.refunds = self.refunds.saturating_add(1);
        self.look()?;
        Ok(true)
    }

    /// Everybody who can claims; when the time is over, the client takes back the rest. Who was paid.
    pub fn settle(&mut self) -> Result<Vec<u8>, ScenarioError> {
        let mut paid = Vec::new();
        for index in 0..self.options.providers {
            self.look()?;
            let due = self.slice.provider(index)?.side.pending();
            let is_due = |effect: &ProviderEffect| {
                matches!(effect, ProviderEffect::Claim | ProviderEffect::Publish(_))
            };
            if due.iter().any(is_due) {
                self.claim(index)?;
                paid.push(index);
            }
        }
        self.take_back()?;
        let mut lies = Vec::new();
        for (index, provider) in self.slice.providers.iter().enumerate() {
            let found = provider.side.machine().lies().iter();
            lies.extend(found.map(|lie| (name(index), lie.clone())));
        }
        for (who, evidence) in lies {
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
                expect(self.refund(index)?, "the refund is not due")?;
            }
        }
        Ok(())
    }

    /// Blocks pass until posts are taken no more.
    pub fn close_posts(&mut self) -> Result<(), ScenarioError> {
        if let Some(height) = self.funded()? {
            let until = height.saturating_add(self.options.post_blocks.into());
            self.harness.wait_for(until.saturating_add(1))?;
        }
        Ok(())
    }

    /// Everybody goes down and comes back: machines from their logs, signers from what is kept beside their keys.
    pub fn restart(&mut self) -> Result<(), ScenarioError> {
        self.harness.reopen()?;
        self.slice.client.reopen()?;
        for index in 0..self.options.providers {
            let key = self.key(1 + usize::from(index))?;
            let terms = self.slice.terms.clone();
            let provider = self.slice.provider(index)?;
            let shares = provider.keys.shares_to_bytes();
            provider.keys = ProviderKeys::restore(&terms, key, &shares)?;
            provider.side.reopen()?;
        }
        let what = "come back from their logs".into();
        self.harness.step("everybody", what, "all went down")
    }
}
