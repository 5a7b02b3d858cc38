//! The sender of a delivery between nodes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitcoin::{
    Amount, FeeRate, OutPoint, Transaction,
    secp256k1::{PublicKey, rand::rngs::OsRng},
};
use narthex_base::{
    codec::Message as _,
    kinds::{self, Kind},
};
use narthex_channel::{
    Logged,
    delivery::{
        DeliveryAgent, DeliveryFigures, SenderEffect, SenderInput, SenderMachine, SenderStart,
    },
    log::Log,
};
use narthex_contracts::{
    binding::BindError,
    deliver::{
        Assignment, Consent, DeliverError, Delivery, DeliverySeed, Plan, Sender, SenderRecord,
        unseal,
    },
    depth::Depth,
    derive::{OwnSalt, Salted},
    terms::Contribution,
};
use narthex_game_model::tagged::TaggedHasher;

use super::{ENVELOPE, FAMILY, MESSAGE, RECIPIENT, coin, shown};
use crate::{
    life::{Due, Secrecy},
    small::{
        Publication, SmallError, SmallHeard, SmallOrder, SmallSide, Spend, Surroundings, Talk,
        apart::Kept,
    },
};

/// The sender's side.
pub struct DeliverySender {
    machine: Logged<SenderMachine, Box<dyn Log>>,
    kept: Kept,
    figures: DeliveryFigures,
    agents: Vec<DeliveryAgent>,
    salt: [u8; 32],
    depth: Depth,
    /// Height of the chain as it was seen last.
    tip: u32,
    says: VecDeque<(Talk, Vec<u8>)>,
    /// Agents that were given their copies since the start: a link says nothing twice.
    assigned: BTreeSet<u8>,
}

impl DeliverySender {
    /// As its logs left it. The agents are in the order in which they are asked; the salt is that of the ask.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        (figures, agents): (DeliveryFigures, Vec<DeliveryAgent>),
        (salt, depth): ([u8; 32], Depth),
        (log, apart): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<DeliverySender, SmallError> {
        Ok(DeliverySender {
            machine: Logged::open(SenderMachine::default(), log)?,
            kept: Kept::open(apart)?,
            figures,
            agents,
            salt,
            depth,
            tip: 0,
            says: VecDeque::new(),
            assigned: BTreeSet::new(),
        })
    }

    fn delivery(&self) -> Option<&Delivery> {
        let start = self.machine.machine().start();
        start.map(|start| &*start.delivery)
    }

    /// Whether nobody would serve what is funded now.
    fn is_late(&self) -> bool {
        let first = Depth::LEAST.reached_at(self.tip.saturating_add(1));
        first.saturating_add(self.figures.claim_blocks.into()) > self.figures.refund_height
    }

    /// The seed of an attempt. One that is bound to terms which are not here was killed over them, and serves no others; of which one terms are,
    /// they say.
    fn seed(&self, attempt: u8, with: &Surroundings<'_>) -> DeliverySeed {
        let salt = match attempt {
            0 => self.salt,
            _ => TaggedHasher::new("narthex/delivery-attempt")
                .fixed(&self.salt)
                .fixed(&[attempt])
                .finish(),
        };
        let secret = Salted::new(with.seed, OwnSalt::from_bytes(salt)).delivery_seed();
        DeliverySeed::from_bytes(*secret.expose())
    }

    fn kept(&self, what: u8, name: &'static str) -> Result<&[u8], SmallError> {
        self.kept.get(what).ok_or(SmallError::Order(name))
    }

    /// The signer, as the machine stands.
    fn signer(&self, with: &Surroundings<'_>) -> Result<Sender, SmallError> {
        let machine = self.machine.machine();
        let start = machine.start();
        let terms = start.ok_or(SmallError::Order("terms of a delivery"))?;
        let terms = terms.delivery.terms();
        let ephemeral = &terms.record().ephemeral;
        let mut seeds = (0..=u8::MAX).map(|attempt| self.seed(attempt, with));
        let seed = seeds.find(|seed| seed.is_of(ephemeral));
        let consents = (0..terms.agents()).map(|agent| machine.consents().get(&agent).copied());
        let record = SenderRecord {
            terms: terms.record().clone(),
            seed: seed.ok_or(DeliverError::WrongSeed)?,
            consents: consents.collect(),
        };
        let envelope = self.kept(ENVELOPE, "an envelope")?.to_vec();
        Ok(Sender::restore(record, with.key, envelope)?)
    }

    /// Terms with the wallet's coins. Seed and terms are bound to each other, and all of it is durable before a copy leaves.
    fn begin(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let Some(node) = with.node.filter(|_| with.may_sign && !self.is_late()) else {
            return Ok(());
        };
        let DeliveryFigures { amount, rate, .. } = self.figures;
        let deposit = Plan::deposit(amount, rate);
        let deposit = deposit.ok_or_else(|| SmallError::refused("more than there is"))?;
        let (contribution, _) =
            with.wallet
                .contribute_keeping(deposit, rate, node, &with.reserve)?;
        let coins = contribution.coins.iter().map(|coin| coin.outpoint);
        let coins: Vec<_> = coins.collect();
        let mut attempt = 0u8;
        let begun = loop {
            let begun = self.begin_with((attempt, contribution.clone()), with);
            let is_used = matches!(
                begun,
                Err(SmallError::Delivery(DeliverError::Bind(
                    BindError::Used { .. }
                )))
            );
            // Nothing of those terms has left: others are made at once, under another seed. A side that fails is forgotten, and would count anew.
            match attempt.checked_add(1).filter(|_| is_used) {
                Some(next) => attempt = next,
                None => break begun,
            }
        };
        if begun.is_err() {
            with.wallet.free(coins);
        }
        begun
    }

    fn begin_with(
        &mut self,
        (attempt, contribution): (u8, Contribution),
        with: &mut Surroundings<'_>,
    ) -> Result<(), SmallError> {
        let recipient = PublicKey::from_slice(self.kept(RECIPIENT, "a recipient")?);
        let agents = self.agents.iter();
        let agents = agents.map(|agent| (agent.key, agent.script.clone()));
        let plan = Plan {
            recipient: recipient.map_err(SmallError::refused)?,
            agents: agents.collect(),
            amount: self.figures.amount,
            refund_height: self.figures.refund_height,
            claim_blocks: self.figures.claim_blocks,
            sender_script: with.wallet.fresh_script(),
            contribution,
            rate: self.figures.rate,
        };
        let message = self.kept(MESSAGE, "a message")?;
        let sender = Sender::of_seed(
            plan,
            with.key,
            message,
            self.seed(attempt, with),
            &mut *with.bindings,
        )?;
        self.kept.keep(ENVELOPE, sender.envelope())?;
        self.made(sender.delivery().clone())
    }

    fn made(&mut self, delivery: std::sync::Arc<Delivery>) -> Result<(), SmallError> {
        let depth = self.depth;
        let start = SenderStart { delivery, depth };
        self.machine.step(&SenderInput::Made(Box::new(start)))?;
        Ok(())
    }

    /// The wallet signs the funding, of a node that was asked.
    fn fund(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let Some(node) = with.node else {
            return Ok(());
        };
        let mut psbt = self.signer(with)?.funding_psbt(with.tip, node)?;
        let tx = with.wallet.sign_all(&mut psbt)?;
        self.machine.step(&SenderInput::Funded(tx))?;
        Ok(())
    }

    fn is_unfunded(&self) -> bool {
        let standing = self.machine.machine().standing();
        matches!(standing, "assigning" | "ready" | "funding" | "abandoned")
    }
}

impl SmallSide for DeliverySender {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "sender"
    }

    fn standing(&self) -> &'static str {
        self.machine.machine().standing()
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let consents = self.machine.machine().consents().len();
        shown(&self.figures, self.depth, ("agreed", consents as u64))
    }

    fn rate(&self) -> FeeRate {
        self.figures.rate
    }

    fn name_of(&self, tx: &Transaction) -> &'static str {
        self.delivery().map_or("", |of| coin::name_of(of, tx))
    }

    fn hears(&self) -> &'static [Kind] {
        &[kinds::CONSENT]
    }

    fn hear(
        &mut self,
        _: Talk,
        body: &[u8],
        _: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let consent = match Consent::from_bytes(body) {
            Ok(consent) => consent,
            Err(error) => return Ok(SmallHeard::Refused(error.to_string())),
        };
        match self.machine.step(&SenderInput::Consent(consent)) {
            Ok(_) => Ok(SmallHeard::Taken),
            Err(error) => SmallHeard::of_step(error),
        }
    }

    /// A copy that it has given away is of terms that hold: they may be funded.
    fn came_back(&mut self, body: &[u8]) -> Result<(), SmallError> {
        let is_new = self.machine.machine().start().is_none();
        let Some(given) = Assignment::from_bytes(body).ok().filter(|_| is_new) else {
            return Ok(());
        };
        let Assignment { served, key } = given;
        let envelope = unseal(&key, served.agent, &served.copy);
        let delivery = served.terms.check().and_then(Delivery::new);
        if let (Some(envelope), Ok(delivery)) = (envelope, delivery) {
            self.kept.keep(ENVELOPE, &envelope)?;
            self.made(std::sync::Arc::new(delivery))?;
        }
        Ok(())
    }

    fn order(&mut self, _: SmallOrder, _: &mut Surroundings<'_>) -> Result<(), SmallError> {
        Err(SmallError::refused(
            "a delivery ends by an agent's claim, or goes back to its sender above the refund height",
        ))
    }

    fn watched(&self) -> Vec<OutPoint> {
        self.delivery().map_or_else(Vec::new, coin::watched)
    }

    fn watches(&self, tx: &Transaction) -> Vec<u32> {
        self.delivery()
            .map_or_else(Vec::new, |of| coin::watches(of, tx))
    }

    fn seen(&mut self, found: &[(u32, &Transaction)], tip: u32) -> Result<(), SmallError> {
        self.tip = tip;
        let Some(delivery) = self.delivery() else {
            return Ok(());
        };
        let coin = coin::seen(delivery, found)?;
        self.machine.step(&SenderInput::Coin { tip, coin })?;
        Ok(())
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        if self.standing() == "new" {
            self.begin(with)?;
        }
        for effect in self.machine.pending() {
            match effect {
                SenderEffect::Assign { agent } if !self.assigned.contains(&agent) => {
                    let given = self.signer(with)?.assignment(agent)?;
                    self.says.push_back((Talk::Peer(agent), given.to_bytes()));
                    self.assigned.insert(agent);
                }
                SenderEffect::Fund => self.fund(with)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn said(&mut self) -> Vec<(Talk, Vec<u8>)> {
        self.says.drain(..).collect()
    }

    fn funds(&self) -> bool {
        matches!(self.standing(), "new" | "assigning" | "ready")
    }

    fn publications(&self) -> Vec<Publication> {
        let pending = self.machine.pending().into_iter();
        let funding = pending.filter_map(|effect| match effect {
            SenderEffect::Publish(tx) => Some(Publication {
                name: "Delivery",
                tx,
                due: None,
            }),
            _ => None,
        });
        funding.collect()
    }

    fn spends(&self) -> Vec<Spend> {
        let is_due = self.machine.pending().contains(&SenderEffect::Refund);
        let Some(delivery) = self.delivery().filter(|_| is_due) else {
            return Vec::new();
        };
        let planned = delivery.refund_plan();
        let (Ok(plan), Ok((coin, _))) = (planned, delivery.coin()) else {
            return Vec::new();
        };
        let due = Due {
            until: None,
            confirm: 1,
            at_stake: self.figures.amount,
            secret: Secrecy::None,
        };
        vec![Spend {
            name: "Refund",
            coin,
            weight: plan.weight,
            due,
        }]
    }

    fn spend(
        &mut self,
        _: &'static str,
        fee: Amount,
        with: &mut Surroundings<'_>,
    ) -> Result<Transaction, SmallError> {
        match self.signer(with)?.refund(fee, &mut OsRng) {
            Err(error @ DeliverError::Fee { .. }) => Err(SmallError::refused(error)),
            signed => Ok(signed?),
        }
    }

    fn coins(&self) -> Vec<OutPoint> {
        let terms = self.delivery().filter(|_| self.is_unfunded());
        let coins = terms.map(|delivery| &delivery.terms().record().contribution.coins);
        let coins = coins.into_iter().flatten();
        coins.map(|coin| coin.outpoint).collect()
    }

    fn acts_at(&self) -> Option<u32> {
        let is_there = self.standing() == "funded";
        is_there.then(|| self.figures.refund_height.saturating_add(1))
    }

    fn changes(&self) -> u64 {
        self.machine.changes()
    }

    fn is_over(&self) -> bool {
        match self.standing() {
            "new" => self.is_late(),
            // One that was signed may be in a mempool, and confirm.
            "abandoned" => self.machine.machine().funding().is_none(),
            standing => standing == "over",
        }
    }
}
