//! The recipient of a delivery between nodes: it asks agents for what it was told of, and reads it once one of them is paid.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitcoin::{
    FeeRate, OutPoint, Transaction, Txid, hashes::Hash as _, secp256k1::rand::rngs::OsRng,
};
use narthex_base::{
    codec::Message as _,
    kinds::{self, Kind},
};
use narthex_channel::{
    CoinSeen, Logged, StepError,
    delivery::{RecipientEffect, RecipientInput, RecipientMachine, RecipientStart},
    log::Log,
};
use narthex_contracts::{
    deliver::{
        Announcement, DeliverError, Delivery, Found, Handover, Reading, Recipient, RecipientRecord,
        Served,
    },
    depth::Depth,
    derive::delivery_key,
};

use super::{COPIES, EVIDENCE, FAMILY, NO_RATE, OF, READ, coin};
use crate::small::{
    Delivered, SmallError, SmallHeard, SmallOrder, SmallSide, Surroundings, Talk, apart::Kept,
};

/// The recipient's side.
pub struct DeliveryRecipient {
    machine: Logged<RecipientMachine, Box<dyn Log>>,
    kept: Kept,
    funding: Txid,
    depth: Depth,
    /// The chain as it was seen last.
    seen: (u32, CoinSeen),
    says: VecDeque<(Talk, Vec<u8>)>,
    /// Agents that were told since the start that they are accepted: a link says nothing twice.
    told: BTreeSet<u8>,
}

impl DeliveryRecipient {
    /// As its logs left it; of the delivery with this funding.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        funding: Txid,
        depth: Depth,
        (log, apart): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<DeliveryRecipient, SmallError> {
        Ok(DeliveryRecipient {
            machine: Logged::open(RecipientMachine::default(), log)?,
            kept: Kept::open(apart)?,
            funding,
            depth,
            seen: (0, CoinSeen::Unfunded),
            says: VecDeque::new(),
            told: BTreeSet::new(),
        })
    }

    fn delivery(&self) -> Option<&Delivery> {
        let start = self.machine.machine().start();
        start.map(|start| &*start.delivery)
    }

    fn step(&mut self, input: &RecipientInput) -> Result<(), StepError<DeliverError>> {
        self.machine.step(input).map(drop)
    }

    /// The signer, as the machine stands.
    fn signer(&self, with: &Surroundings<'_>) -> Result<Recipient, SmallError> {
        let machine = self.machine.machine();
        let start = machine.start();
        let start = start.ok_or(SmallError::Order("terms of a delivery"))?;
        let record = RecipientRecord {
            terms: start.delivery.terms().record().clone(),
            depth: start.depth,
            kept: machine.kept().clone(),
            handed: machine.handed().clone(),
        };
        let copies = machine.kept().keys().filter_map(|agent| {
            let bytes = self.kept.get(COPIES + agent)?;
            Some((*agent, Served::from_bytes(bytes).ok()?.copy))
        });
        let key = delivery_key(with.seed).ok_or(SmallError::Order("a recipient's key"))?;
        Ok(Recipient::restore(record, copies.collect(), &key)?)
    }

    /// An agent serves a copy. Terms that lead to the very funding, and a copy under their root, are all that is taken.
    fn served(
        &mut self,
        from: u8,
        body: &[u8],
        with: &Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let refused = |why: &dyn std::fmt::Display| Ok(SmallHeard::Refused(why.to_string()));
        let served = match Served::from_bytes(body) {
            Ok(served) => served,
            Err(error) => return refused(&error),
        };
        if self.delivery().is_none() {
            let found = Found {
                txid: self.funding,
                announcement: Announcement {
                    root: served.terms.root.to_byte_array(),
                    ephemeral: served.terms.ephemeral,
                    view_tag: served.terms.view_tag,
                },
            };
            let key = delivery_key(with.seed).ok_or(SmallError::Order("a recipient's key"))?;
            let own = match Recipient::open(&found, (served.terms.clone(), self.depth), &key) {
                Ok(own) => own,
                Err(error) => return refused(&error),
            };
            let start = RecipientStart {
                delivery: own.delivery().clone(),
                depth: self.depth,
            };
            self.step(&RecipientInput::Found(Box::new(start)))?;
        }
        let checked = self.delivery().map(|of| of.check_served(&served));
        if let Some(Err(error)) = checked {
            return refused(&error);
        }
        let agent = served.agent;
        if self.machine.machine().kept().contains_key(&agent) {
            return Ok(SmallHeard::Taken);
        }
        // A copy is durable before anything is said of it.
        self.kept.keep(COPIES + agent, body)?;
        self.kept.keep(OF + agent, &[from])?;
        match self.step(&RecipientInput::Kept(Box::new(served))) {
            Ok(()) => Ok(SmallHeard::Taken),
            Err(error) => SmallHeard::of_step(error),
        }
    }

    /// The first whose copy is kept, and who was not accepted.
    fn next_agent(&self) -> Option<u8> {
        let machine = self.machine.machine();
        let mut kept = machine.kept().keys().copied();
        kept.find(|agent| !machine.handed().contains_key(agent))
    }

    fn accept(&mut self, agent: u8) -> Result<(), StepError<DeliverError>> {
        let (tip, coin) = self.seen;
        self.step(&RecipientInput::Accept { agent, tip, coin })
    }

    /// The first whose copy is there is accepted, once the coin lies deep and as long as there is time; others by their owner's order.
    fn accept_first(&mut self) -> Result<(), SmallError> {
        let is_first = self.machine.machine().handed().is_empty();
        match self.next_agent().filter(|_| is_first) {
            None => Ok(()),
            Some(agent) => match self.accept(agent) {
                // Not now, or not any more; or it is under way.
                Ok(()) | Err(StepError::Refused(_)) => Ok(()),
                Err(error) => Err(error.into()),
            },
        }
    }

    fn sign(&mut self, agent: u8, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let (tip, coin) = self.seen;
        let mut signer = self.signer(with)?;
        match signer.hand_over(agent, (tip, coin.into()), &mut OsRng) {
            Ok(signed) => Ok(self.step(&RecipientInput::Signed(signed))?),
            // A reorganisation since it was ordered, or too late: nothing is signed.
            Err(
                DeliverError::NotFunded { .. }
                | DeliverError::Shallow { .. }
                | DeliverError::TooLate { .. },
            ) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn hand_over(&mut self, handover: &Handover) {
        let of = self.kept.get(OF + handover.agent);
        let from = of.and_then(|of| of.first().copied());
        if let Some(from) = from.filter(|_| self.told.insert(handover.agent)) {
            self.says.push_back((Talk::Peer(from), handover.to_bytes()));
        }
    }

    /// What a claim shows opens its copy. What is read is durable before that is written down.
    fn read(&mut self, claim: &Transaction, with: &Surroundings<'_>) -> Result<(), SmallError> {
        match self.signer(with)?.read(claim) {
            Ok(Reading::Message(message)) => self.kept.keep(READ, &message)?,
            Ok(Reading::Fraud(evidence)) => self.kept.keep(EVIDENCE, &evidence.to_bytes())?,
            // An agent was paid that this recipient has no copy of: it may still serve it.
            Err(DeliverError::NoCopy { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        Ok(self.step(&RecipientInput::Opened(claim.compute_txid()))?)
    }
}

impl SmallSide for DeliveryRecipient {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "recipient"
    }

    fn standing(&self) -> &'static str {
        self.machine.machine().standing()
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let machine = self.machine.machine();
        let mut figures = vec![
            ("kept", machine.kept().len() as u64),
            ("accepted", machine.handed().len() as u64),
            ("depth", self.depth.blocks().into()),
        ];
        if let Some(delivery) = self.delivery() {
            let record = delivery.terms().record();
            figures.extend([
                ("amount_sat", record.amount_sat.to_sat()),
                ("refund_height", record.refund_height.into()),
                ("claim_blocks", record.claim_blocks.into()),
                ("agents", record.agents.len() as u64),
            ]);
        }
        let read = self.kept.get(READ).map(|message| message.len() as u64);
        figures.extend(read.map(|bytes| ("read_bytes", bytes)));
        let figures = figures.into_iter();
        figures.map(|(name, of)| (name.to_owned(), of)).collect()
    }

    fn rate(&self) -> FeeRate {
        NO_RATE
    }

    fn name_of(&self, tx: &Transaction) -> &'static str {
        self.delivery().map_or("", |of| coin::name_of(of, tx))
    }

    fn hears(&self) -> &'static [Kind] {
        &[kinds::SERVED]
    }

    fn hear(
        &mut self,
        from: Talk,
        body: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        match from {
            Talk::Peer(from) => self.served(from, body, with),
            Talk::Guest(_) => Ok(SmallHeard::Refused("a recipient has no guests".into())),
        }
    }

    fn order(&mut self, order: SmallOrder, _: &mut Surroundings<'_>) -> Result<(), SmallError> {
        match order {
            SmallOrder::Next => {
                let agent = self.next_agent();
                let none =
                    || SmallError::refused("there is no copy of an agent that was not accepted");
                Ok(self.accept(agent.ok_or_else(none)?)?)
            }
            _ => Err(SmallError::refused(
                "a recipient pays nothing, and holds no coin",
            )),
        }
    }

    fn watched(&self) -> Vec<OutPoint> {
        self.delivery().map_or_else(Vec::new, coin::watched)
    }

    fn watches(&self, tx: &Transaction) -> Vec<u32> {
        self.delivery()
            .map_or_else(Vec::new, |of| coin::watches(of, tx))
    }

    fn seen(&mut self, found: &[(u32, &Transaction)], tip: u32) -> Result<(), SmallError> {
        self.seen.0 = tip;
        let Some(delivery) = self.delivery() else {
            return Ok(());
        };
        let coin = coin::seen(delivery, found)?;
        let spender = coin::spender(delivery, found)?.map(|(_, tx)| tx.clone());
        self.seen = (tip, coin);
        self.step(&RecipientInput::Coin { tip, coin })?;
        let looks = self.machine.pending().contains(&RecipientEffect::Look);
        if let Some(tx) = spender.filter(|_| looks) {
            self.step(&RecipientInput::Spender(tx))?;
        }
        Ok(())
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        self.accept_first()?;
        for effect in self.machine.pending() {
            match effect {
                RecipientEffect::Sign { agent } => self.sign(agent, with)?,
                RecipientEffect::Read(claim) => self.read(&claim, with)?,
                RecipientEffect::HandOver(_) | RecipientEffect::Look => {}
            }
        }
        // Those too that were signed just now.
        for effect in self.machine.pending() {
            if let RecipientEffect::HandOver(handover) = effect {
                self.hand_over(&handover);
            }
        }
        Ok(())
    }

    fn said(&mut self) -> Vec<(Talk, Vec<u8>)> {
        self.says.drain(..).collect()
    }

    fn delivered(&self) -> Option<Delivered> {
        let of = |kept: u8, what| {
            let bytes = self.kept.get(kept)?.to_vec();
            Some(Delivered { what, bytes })
        };
        of(READ, "message").or_else(|| of(EVIDENCE, "evidence"))
    }

    fn changes(&self) -> u64 {
        self.machine.changes()
    }

    fn is_over(&self) -> bool {
        let refund_height = self.delivery().map(|of| of.terms().record().refund_height);
        match self.standing() {
            // What is funded above T goes back to its sender.
            "unfunded" => refund_height.is_some_and(|height| self.seen.0 > height),
            standing => standing == "over",
        }
    }
}
