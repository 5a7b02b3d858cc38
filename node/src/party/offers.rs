//! Offers: made, come, decided about, and found again after a start.

use narthex::{
    bitcoin::{
        key::Keypair,
        secp256k1::{PublicKey, Secp256k1},
    },
    channel::{
        Logged, StepError,
        offer::{
            Accept, Decline, Offer, OfferEffect, OfferInput, OfferMachine, OfferRefusal, Offering,
        },
        wire::{Envelope, MAX_LIFE, OFFER, OfferMessage, Outcome, SMALL, offer_message},
    },
    contracts::{
        enrolment::{Enrolment, Scope},
        party::PartyId,
        template::Reserve,
        terms::{FeeError, Role, deposit},
    },
};

use super::{
    Action, Core, Fatal,
    arbiter::{bond_log, burn_log},
    contract::{Contract, offer_log, short},
    peers::Due,
};
use crate::transport::PeerAddress;

impl Core {
    /// Contracts and links as their logs left them.
    pub(super) fn recover(&mut self) -> Result<(), Fatal> {
        let known = self.store.known()?;
        if known.contains(&burn_log()) {
            self.recover_burn()?;
        }
        if known.contains(&bond_log()) {
            self.recover_bonds()?;
        }
        self.recover_archive(&known)?;
        for whose in known.iter().filter(|whose| whose.machine == "offer") {
            let log = self.store.open(whose)?;
            let offer = Logged::open(OfferMachine::default(), log)?;
            self.contracts.insert(whose.id, Contract::new(offer));
        }
        let ids: Vec<_> = self.contracts.keys().copied().collect();
        for id in ids {
            let asked = self.standing(&id) == "asked";
            let Some(contract) = self.contracts.get(&id) else {
                continue;
            };
            let mut others = contract.others();
            if asked {
                others.retain(|(role, _)| *role == Role::Client);
            }
            for (_, node) in &others {
                self.keep_peer(*node)?;
            }
            if !asked {
                self.meet(id);
            }
            let due = self.open_links(id, &others)?;
            self.outcomes(due)?;
            let effects = self.contracts.get(&id).map(|c| c.offer.pending());
            self.offer_effects(id, effects.unwrap_or_default());
        }
        self.recover_doubts(&known);
        self.recover_draining()?;
        self.recover_small()?;
        self.recover_towers()?;
        // What links have to tell that no contract has noted yet.
        let mut due = Vec::new();
        for (node, peer) in &self.peers {
            let news = peer.link.due().into_iter();
            let news = news.filter(|n| matches!(n, Outcome::Prove(_) | Outcome::Alarm(_)));
            due.extend(news.map(|outcome| (*node, outcome)));
        }
        self.outcomes(due)?;
        self.recover_jobs()?;
        self.go_on()
    }

    /// How an offer stands.
    pub(super) fn standing(&self, id: &[u8; 32]) -> &'static str {
        let contract = self.contracts.get(id);
        contract.map_or("new", |contract| contract.offer.machine().standing())
    }

    /// The other nodes of a contract are no strangers, and are connected.
    pub(super) fn meet(&mut self, id: [u8; 32]) {
        self.meet_some(id, |_| true);
    }

    /// The same of its client alone: its job is fetched before anybody takes part.
    pub(super) fn meet_client(&mut self, id: [u8; 32]) {
        self.meet_some(id, |role| role == Role::Client);
    }

    fn meet_some(&mut self, id: [u8; 32], is_meant: impl Fn(Role) -> bool) {
        let Some(contract) = self.contracts.get(&id) else {
            return;
        };
        let (me, is_client) = (self.me, contract.me() == Some(Role::Client));
        let offer = contract.offer.machine().offer().cloned();
        let own = contract.me();
        let Some(offer) = offer else {
            return;
        };
        let (own_place, mut wanted) = (own.and_then(|me| offer.invited(me.into())), Vec::new());
        let is_silent = own_place.is_none_or(|place| place.address.is_empty());
        let others = offer.roles().filter(|(_, invited)| invited.node != me);
        for (role, invited) in others.filter(|(role, _)| is_meant(*role)) {
            // One of two connects: the client, else the one with the lower key, else the one that cannot be reached.
            let connects = match role {
                Role::Client => is_silent,
                _ => is_client || is_silent || me < invited.node,
            };
            let address = format!("{}@{}", invited.node, invited.address);
            let address = address.parse::<PeerAddress>().ok().filter(|_| connects);
            wanted.push((invited.node, address));
        }
        for (node, address) in wanted {
            self.vouch(&node);
            self.out.extend(address.map(Action::Connect));
        }
    }

    /// A first message of a contract that this node does not know.
    pub(super) fn knocked(&mut self, from: PublicKey, envelope: Envelope) -> Result<Due, Fatal> {
        let id = envelope.head().contract;
        if let Some(due) = self.heard_late(from, envelope.head())? {
            return Ok(due);
        }
        // It is over here, and its link was forgotten while the peer was away: there is nothing to be heard or said in it, and
        // its log is open.
        if self.contracts.contains_key(&id) || self.small.contains_key(&id) {
            return Ok(Vec::new());
        }
        if envelope.head().message == SMALL {
            return self.small_knocked(from, envelope);
        }
        // Others' answers that come before the offer are asked for again when it is there.
        if envelope.head().message != OFFER {
            return Ok(Vec::new());
        }
        let offering = match offer_message(&envelope) {
            Ok(Some(OfferMessage::Offer(offering))) => offering,
            Ok(_) => return Ok(Vec::new()),
            Err(fault) => {
                self.tally.bad("offer");
                self.fault(from, &fault.to_string());
                return Ok(Vec::new());
            }
        };
        let me = match self.may_take(from, &offering) {
            Ok(me) => me,
            Err(why) => {
                self.note_of(
                    id,
                    format_args!("{} of {from} is turned away: {why}", short(&id)),
                );
                self.fault(from, &why);
                return Ok(Vec::new());
            }
        };
        let mut decided = self.decide(&offering.offer, me);
        let has_job = self.jobs.has(&offering.offer.job);
        let begun = self.begin_offer(id, me, offering)?;
        if let Err(refusal) = begun {
            self.fault(from, &refusal.to_string());
            return Ok(Vec::new());
        }
        let mut due = self.open_links(id, &[(Role::Client, from)])?;
        if decided.is_ok() && !has_job {
            // It is decided again once the job is here.
            decided = self.fetch(id)?;
            if decided.is_ok() {
                decided = Err("its job is fetched".into());
            }
        }
        match decided {
            Ok(()) => due.extend(self.accept(id)?.unwrap_or_default()),
            Err(why) => self.note_of(
                id,
                format_args!("{} waits for a decision: {why}", short(&id)),
            ),
        }
        // It is delivered again, to a contract that is there now.
        if let Some(peer) = self.peers.get_mut(&from) {
            let out = peer.link.received_envelope(envelope)?;
            due.extend(super::peers::of(from, out));
        }
        Ok(due)
    }

    /// Whether an offer of this node is looked at; as whom this node is asked.
    fn may_take(&self, from: PublicKey, offering: &Offering) -> Result<Role, String> {
        let offer = &offering.offer;
        if offer.chain != self.chain {
            return Err("it is on another chain".into());
        }
        offering.check().map_err(|error| error.to_string())?;
        if offer.role_of(&from) != Some(Role::Client) {
            return Err("it is not its client's word".into());
        }
        let me = offer.role_of(&self.me).filter(|me| *me != Role::Client);
        let me = me.ok_or("this node is not asked for anything in it")?;
        self.takes_more()?;
        self.policy.check(offer, self.now.unix_s)?;
        self.sits(offer, me)?;
        let standing = |contract: &Contract| contract.offer.machine().standing();
        let open = |contract: &&Contract| !contract.is_settled && standing(contract) != "over";
        if self.contracts.values().filter(open).count() >= self.policy.max_setups {
            return Err("this node is in as many set-ups as it takes".into());
        }
        // Whoever it has a contract with has a claim; of all others there are so many.
        let is_known = self.contracts.values().any(|contract| {
            matches!(standing(contract), "waiting" | "joined") && contract.nodes().contains(&from)
        });
        let asked = self
            .contracts
            .values()
            .filter(|c| standing(c) == "asked")
            .count();
        if !is_known && asked >= self.policy.max_asked && self.decide(offer, me).is_err() {
            return Err("as many offers as may wait for a decision are waiting".into());
        }
        Ok(me)
    }

    /// Whether an offer is accepted without asking the operator, as far as that is known without its job.
    fn decide(&self, offer: &Offer, me: Role) -> Result<(), String> {
        self.takes_more()?;
        self.policy.accepts(offer, me)?;
        self.can_without_job(offer, me)?;
        match self.jobs.has(&offer.job) {
            true => self.can(offer, me),
            false => Ok(()),
        }
    }

    /// Whether this node can take part.
    pub(super) fn can(&self, offer: &Offer, me: Role) -> Result<(), String> {
        is_lived(offer)?;
        self.jobs.accept(&offer.job, &offer.params)?;
        self.can_without_job(offer, me)
    }

    /// The same, as far as that is known before the job is here.
    pub(super) fn can_without_job(&self, offer: &Offer, me: Role) -> Result<(), String> {
        travels(offer)?;
        self.sits(offer, me)?;
        self.keeps(offer)?;
        self.has_coins(offer, me)
    }

    /// Whether this party keeps every deadline of it, at its own pace.
    pub(super) fn keeps(&self, offer: &Offer) -> Result<(), String> {
        let until = (self.tip, offer.timing.funding_deadline);
        let kept = self.policy.keeps(&offer.params, until);
        kept.map_err(|error| format!("windows that this party does not keep: {error}"))
    }

    /// Whether this node has coins for the deposit beside those that pay for what it may have to publish; else what is missing.
    pub(super) fn has_coins(&self, offer: &Offer, me: Role) -> Result<(), String> {
        let reserve = self.reserve(offer, me).map_err(|error| error.to_string())?;
        let spare = self.own.borrow().wallet.stakeable(&reserve);
        let spare = spare.map_err(|error| error.to_string())?;
        let stake = deposit(&offer.params, me);
        match stake <= spare {
            true => Ok(()),
            false => Err(format!("a deposit of {stake}, of {spare} that are free")),
        }
    }

    /// What is kept back for fees: for this contract, and for every other one in which this party may have to publish something.
    pub(super) fn reserve(&self, offer: &Offer, me: Role) -> Result<Reserve, FeeError> {
        let own = Reserve::of(&offer.params, me, self.policy.max_rate)?;
        Ok(self.reserved(Some(offer.id()))?.and(own))
    }

    /// What is kept back for all contracts but this one.
    pub(super) fn reserved(&self, but: Option<[u8; 32]>) -> Result<Reserve, FeeError> {
        let mut all = self.small_reserved()?;
        let counted = self
            .contracts
            .iter()
            .filter(|(id, contract)| Some(**id) != but && contract.may_publish());
        for (_, contract) in counted {
            let machine = contract.offer.machine();
            if let (Some(offer), Some(role)) = (machine.offer(), machine.me()) {
                all = all.and(Reserve::of(&offer.params, role, self.policy.max_rate)?);
            }
        }
        Ok(all)
    }

    /// An offer is written down.
    pub(super) fn begin_offer(
        &mut self,
        id: [u8; 32],
        me: Role,
        offering: Box<Offering>,
    ) -> Result<Result<(), OfferRefusal>, Fatal> {
        let log = self.store.open(&offer_log(id))?;
        let mut offer = Logged::open(OfferMachine::default(), log)?;
        match offer.step(&OfferInput::Offered { me, offering }) {
            Ok(effects) => {
                self.contracts.insert(id, Contract::new(offer));
                self.offer_effects(id, effects);
                Ok(Ok(()))
            }
            Err(StepError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(Fatal::step(error)),
        }
    }

    /// This party takes part.
    pub(super) fn accept(&mut self, id: [u8; 32]) -> Result<Result<Due, String>, Fatal> {
        let Some(me) = self.contracts.get(&id).and_then(Contract::me) else {
            return Ok(Err("there is no such offer".into()));
        };
        let enrolment = self.enrol(id, me).ok_or(Fatal::Key)?;
        let machine = self
            .contracts
            .get(&id)
            .map(|contract| contract.offer.machine());
        let offer = machine.and_then(OfferMachine::offer);
        let offer = offer.filter(|_| matches!(me, Role::Arbiter(_)));
        let bond = match offer.map(|offer| self.bond_behind(offer)).transpose() {
            Ok(bond) => bond.flatten(),
            Err(why) => return Ok(Err(why)),
        };
        let (by, accept) = (me.into(), Box::new(Accept { enrolment, bond }));
        if let Err(refusal) = self.offer_step(id, &OfferInput::Accepted { by, accept })? {
            return Ok(Err(refusal.to_string()));
        }
        self.join(id).map(Ok)
    }

    /// All the others are met, and the contract is open on the links to them.
    pub(super) fn join(&mut self, id: [u8; 32]) -> Result<Due, Fatal> {
        let others = self.contracts.get(&id).map(Contract::others);
        let others = others.unwrap_or_default();
        for (_, node) in &others {
            self.keep_peer(*node)?;
        }
        self.meet(id);
        let mut due = self.open_links(id, &others)?;
        due.extend(self.flush(id)?);
        Ok(due)
    }

    pub(super) fn enrol(&self, id: [u8; 32], me: Role) -> Option<Enrolment> {
        let own = self.own.borrow();
        let (node, key) = (own.node_pair()?, own.contract_key(&id)?);
        let key = Keypair::from_secret_key(&Secp256k1::new(), &key);
        Enrolment::sign(Scope::Negotiation(id), me, &node, &key).ok()
    }

    /// Gives an input to an offer, and does what follows.
    pub(super) fn offer_step(
        &mut self,
        id: [u8; 32],
        input: &OfferInput,
    ) -> Result<Result<(), OfferRefusal>, Fatal> {
        let Some(contract) = self.contracts.get_mut(&id) else {
            return Ok(Err(OfferRefusal::Nothing));
        };
        match contract.offer.step(input) {
            Ok(effects) => {
                self.offer_effects(id, effects);
                Ok(Ok(()))
            }
            Err(StepError::Refused(refusal)) => Ok(Err(refusal)),
            Err(error) => Err(Fatal::step(error)),
        }
    }

    fn offer_effects(&mut self, id: [u8; 32], effects: Vec<OfferEffect>) {
        for effect in effects {
            let Some(contract) = self.contracts.get(&id) else {
                return;
            };
            let machine = contract.offer.machine();
            let me = contract.me().map(PartyId::from);
            let message = match effect {
                OfferEffect::Offer => {
                    let offering = machine.offering().cloned();
                    offering.map(|offering| OfferMessage::Offer(Box::new(offering)))
                }
                OfferEffect::Accept => me
                    .and_then(|me| machine.accept(me))
                    .map(|own| OfferMessage::Accept(Box::new(*own))),
                OfferEffect::Decline => {
                    let declined = machine.declined();
                    declined.map(|(_, reason)| OfferMessage::Decline(Decline::new(reason)))
                }
                // The next look at the chain begins it.
                OfferEffect::Begin => None,
            };
            let Some(message) = message else {
                continue;
            };
            let what = (contract.peers(), 0, message.number());
            for node in contract.nodes() {
                self.say(id, node, what, message.to_bytes());
            }
        }
    }

    /// What somebody says of an offer. What is refused is refused for good.
    pub(super) fn offer_said(
        &mut self,
        id: [u8; 32],
        by: PartyId,
        message: OfferMessage,
    ) -> Result<(), Fatal> {
        let input = match message {
            OfferMessage::Offer(offering) => {
                let Some(me) = self.contracts.get(&id).and_then(Contract::me) else {
                    return Ok(());
                };
                OfferInput::Offered { me, offering }
            }
            OfferMessage::Accept(accept) => OfferInput::Accepted { by, accept },
            OfferMessage::Decline(decline) => OfferInput::Declined { by, decline },
        };
        if let Err(refusal) = self.offer_step(id, &input)? {
            self.note_of(id, format_args!("{}: {refusal}", short(&id)));
        }
        Ok(())
    }
}

/// Whether nodes live contracts of its template: nobody locks coins in what nobody can go on with.
pub(super) fn is_lived(offer: &Offer) -> Result<(), String> {
    let template = offer.params.template();
    match template.has_delivery() {
        true => Ok(()),
        false => Err(format!(
            "nodes do not live contracts of the {template} template, which has no delivery on chain and is there for research alone"
        )),
    }
}

/// Whether the result fits a message, with what stands around each output.
pub(super) fn travels(offer: &Offer) -> Result<(), String> {
    let job = &offer.job;
    // A tag behind each output, and a coefficient for each step that may be opened; and room for what says what it is.
    let each = job.output_bytes.saturating_add(16);
    let coefficients = u64::from(offer.params.openings()).saturating_add(2) * 32;
    let all = job.steps.saturating_mul(each).saturating_add(coefficients);
    match all.saturating_add(1 << 10) <= MAX_LIFE.into() {
        true => Ok(()),
        false => Err(format!(
            "a result of {all} bytes; {MAX_LIFE} travel between nodes"
        )),
    }
}
