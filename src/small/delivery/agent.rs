//! An agent of a delivery between nodes: it talks with the sender, and with whoever asks for its copy as a guest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bitcoin::{Amount, FeeRate, OutPoint, Transaction, secp256k1::rand::rngs::OsRng};
use narthex_base::{
    codec::Message as _,
    kinds::{self, Kind},
};
use narthex_channel::{
    CoinSeen, Logged,
    delivery::{AgentEffect, AgentInput, AgentMachine, AgentStart, DeliveryAgent, DeliveryFigures},
    log::Log,
};
use narthex_contracts::{
    deliver::{
        Agent, AgentRecord, Assignment, Conditions, DeliverError, Delivery, Handover, Request,
    },
    depth::Depth,
};

use super::{ASSIGNMENT, FAMILY, coin, shown};
use crate::{
    life::{Due, Secrecy},
    small::{
        SmallError, SmallHeard, SmallOrder, SmallSide, Spend, Surroundings, Talk, Welcome,
        apart::Kept,
    },
};

/// An agent's side.
pub struct DeliveryKeeper {
    machine: Logged<AgentMachine, Box<dyn Log>>,
    kept: Kept,
    figures: DeliveryFigures,
    own: DeliveryAgent,
    depth: Depth,
    /// The chain as it was seen last.
    seen: (u32, CoinSeen),
    says: VecDeque<(Talk, Vec<u8>)>,
    /// Whether the consent was said since the start, and which guests were served: a link says nothing twice.
    is_told: bool,
    served: BTreeSet<[u8; 32]>,
}

impl DeliveryKeeper {
    /// As its logs left it.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        (figures, own): (DeliveryFigures, DeliveryAgent),
        depth: Depth,
        (log, apart): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<DeliveryKeeper, SmallError> {
        Ok(DeliveryKeeper {
            machine: Logged::open(AgentMachine::default(), log)?,
            kept: Kept::open(apart)?,
            figures,
            own,
            depth,
            seen: (0, CoinSeen::Unfunded),
            says: VecDeque::new(),
            is_told: false,
            served: BTreeSet::new(),
        })
    }

    fn start(&self) -> Option<&AgentStart> {
        self.machine.machine().start()
    }

    fn delivery(&self) -> Option<&Delivery> {
        self.start().map(|start| &*start.delivery)
    }

    /// What it was given: copy and key are kept apart from the machine.
    fn assignment(&self) -> Result<Assignment, SmallError> {
        let bytes = self.kept.get(ASSIGNMENT);
        let given = bytes.and_then(|bytes| Assignment::from_bytes(bytes).ok());
        given.ok_or(SmallError::Order("an agent's copy"))
    }

    /// The signer, as the machine stands.
    fn signer(&self, with: &Surroundings<'_>) -> Result<Agent, SmallError> {
        let start = self.start();
        let start = start.ok_or(SmallError::Order("terms of a delivery"))?;
        let Assignment { served, key } = self.assignment()?;
        let record = AgentRecord {
            terms: start.delivery.terms().record().clone(),
            agent: start.agent,
            branch: start.branch.clone(),
            key,
            depth: start.depth,
            alone: start.alone,
            accepted: self.machine.machine().accepted().copied(),
        };
        Ok(Agent::restore(record, served.copy, with.key)?)
    }

    /// The sender gives it its copy: all that it can check is checked before it agrees.
    fn assigned(&mut self, body: &[u8], with: &Surroundings<'_>) -> Result<SmallHeard, SmallError> {
        let refused = |why: &dyn std::fmt::Display| Ok(SmallHeard::Refused(why.to_string()));
        let given = match Assignment::from_bytes(body) {
            Ok(given) => given,
            Err(error) => return refused(&error),
        };
        let terms = &given.served.terms;
        if let Some(delivery) = self.delivery() {
            return match delivery.terms().record() == terms {
                true => Ok(SmallHeard::Taken),
                false => refused(&"another delivery was agreed to"),
            };
        }
        if !self.figures.are_of(terms) {
            return refused(&"terms with other figures than were asked for");
        }
        let conditions = Conditions {
            least: self.figures.amount,
            most_bytes: self.figures.most_bytes(),
            latest_height: self.figures.refund_height,
            claim_blocks: self.figures.claim_blocks,
            script: self.own.script.clone(),
            depth: self.depth,
            alone: false,
        };
        let (agent, _) = match Agent::new(given, with.key, &conditions, with.tip) {
            Ok(agreed) => agreed,
            Err(error) => return refused(&error),
        };
        self.kept.keep(ASSIGNMENT, body)?;
        let record = agent.record();
        let start = AgentStart {
            delivery: agent.delivery().clone(),
            agent: record.agent,
            branch: record.branch.clone(),
            depth: record.depth,
            alone: record.alone,
        };
        self.machine.step(&AgentInput::Agreed(Box::new(start)))?;
        Ok(SmallHeard::Taken)
    }

    /// Somebody says that it is the recipient, and accepts: its signature shows it.
    fn accepted(&mut self, body: &[u8]) -> Result<SmallHeard, SmallError> {
        let handover = match Handover::from_bytes(body) {
            Ok(handover) => handover,
            Err(error) => return Ok(SmallHeard::Refused(error.to_string())),
        };
        match self.machine.step(&AgentInput::Accepted(handover)) {
            Ok(_) => Ok(SmallHeard::Taken),
            Err(error) => SmallHeard::of_step(error),
        }
    }
}

impl SmallSide for DeliveryKeeper {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "agent"
    }

    fn standing(&self) -> &'static str {
        self.machine.machine().standing()
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let is_accepted = self.machine.machine().accepted().is_some();
        shown(&self.figures, self.depth, ("accepted", is_accepted.into()))
    }

    fn rate(&self) -> FeeRate {
        self.figures.rate
    }

    fn name_of(&self, tx: &Transaction) -> &'static str {
        self.delivery().map_or("", |of| coin::name_of(of, tx))
    }

    fn hears(&self) -> &'static [Kind] {
        &[kinds::ASSIGNMENT, kinds::HANDOVER]
    }

    fn hear(
        &mut self,
        from: Talk,
        body: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let is_handover = body.starts_with(Handover::KIND.as_bytes());
        match (from, is_handover) {
            (Talk::Peer(_), false) => self.assigned(body, with),
            (Talk::Guest(_), true) => self.accepted(body),
            _ => Ok(SmallHeard::Refused("that is another's to say".into())),
        }
    }

    fn order(&mut self, _: SmallOrder, _: &mut Surroundings<'_>) -> Result<(), SmallError> {
        Err(SmallError::refused(
            "an agent serves who asks, and claims by itself once it is accepted",
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
        self.seen.0 = tip;
        let Some(delivery) = self.delivery() else {
            return Ok(());
        };
        let coin = coin::seen(delivery, found)?;
        self.seen = (tip, coin);
        self.machine.step(&AgentInput::Coin { tip, coin })?;
        Ok(())
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        let is_due = self.machine.pending().contains(&AgentEffect::Consent);
        if is_due && !self.is_told {
            let consent = self.signer(with)?.consent();
            self.says.push_back((Talk::Peer(0), consent.to_bytes()));
            self.is_told = true;
        }
        Ok(())
    }

    fn said(&mut self) -> Vec<(Talk, Vec<u8>)> {
        self.says.drain(..).collect()
    }

    fn welcomes(&self, figures: &[u8]) -> Option<Welcome> {
        let request = Request::from_bytes(figures).ok()?;
        let start = self.start()?;
        let policy = (start.depth, start.alone);
        let status = (self.seen.0, self.seen.1.into());
        let checked = start
            .delivery
            .check_request(&request, start.agent, policy, status);
        Some(match checked {
            Ok(()) => Welcome::Now,
            Err(DeliverError::Foreign) => return None,
            Err(DeliverError::NotFunded { .. } | DeliverError::Shallow { .. }) => Welcome::Later,
            Err(error) => Welcome::Never(error.to_string()),
        })
    }

    fn serve(&mut self, guest: [u8; 32]) -> Result<bool, SmallError> {
        if self.served.contains(&guest) {
            return Ok(false);
        }
        let served = self.assignment()?.served;
        self.says.push_back((Talk::Guest(guest), served.to_bytes()));
        self.served.insert(guest);
        Ok(true)
    }

    fn spends(&self) -> Vec<Spend> {
        let is_due = self.machine.pending().contains(&AgentEffect::Claim);
        let Some(start) = self.start().filter(|_| is_due) else {
            return Vec::new();
        };
        let planned = start.delivery.claim_plan(start.agent);
        let (Ok(plan), Ok((coin, _))) = (planned, start.delivery.coin()) else {
            return Vec::new();
        };
        let due = Due {
            until: Some(self.figures.refund_height),
            confirm: 1,
            at_stake: self.figures.amount,
            // Beside a rival it would show the key of its copy, and be paid nothing for it.
            secret: Secrecy::Written,
        };
        vec![Spend {
            name: "Claim",
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
        let status = (self.seen.0, self.seen.1.into());
        match self.signer(with)?.claim(status, fee, &mut OsRng) {
            Err(error @ DeliverError::Fee { .. }) => Err(SmallError::refused(error)),
            signed => Ok(signed?),
        }
    }

    fn changes(&self) -> u64 {
        self.machine.changes()
    }

    fn is_over(&self) -> bool {
        // Nobody is accepted above T, and what is funded then goes back.
        let is_past = self.seen.0 > self.figures.refund_height;
        let is_accepted = self.machine.machine().accepted().is_some();
        self.standing() == "over" || (is_past && !is_accepted)
    }
}
