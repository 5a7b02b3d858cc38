//! What is said in contracts.

use narthex::{
    bitcoin::{
        hashes::{Hash as _, sha256},
        secp256k1::PublicKey,
    },
    channel::setup::{Body, SetupMessage},
};
use narthex::{
    channel::{
        contract::ContractMessage,
        offer::{Decline, OfferInput},
        setup::{Phase, SetupInput},
        wire::{
            Contradiction, Envelope, FUNDING, HELD, Head, OfferMessage, Outcome, PROPOSAL, SMALL,
            Saying, SignedHead, WHOLE, is_contract_type, links::Kept,
        },
    },
    contracts::{
        binding::BindError,
        party::{PartyId, PartySet},
        terms::salt_mark,
    },
};

use super::{
    Core, Fatal,
    contract::{Took, short},
    life::Told,
    peers::Due,
    signer::salt_of,
};

pub(super) const fn place(head: &Head) -> ([u8; 32], PartySet, u64) {
    (head.contract, head.to, head.seq)
}

impl Core {
    /// As whom a node takes part.
    fn party_of(&self, node: &PublicKey, contract: &[u8; 32]) -> Option<PartyId> {
        let peer = self.peers.get(node)?;
        let of = peer.link.machine().membership(contract)?;
        Some(of.peer)
    }

    /// A message for a contract. It is taken once it is on the contract's disk, or refused for good; until it can be it waits.
    pub(super) fn delivered(&mut self, node: PublicKey, envelope: &Envelope) -> Result<Due, Fatal> {
        let head = *envelope.head();
        let id = head.contract;
        if head.message == SMALL {
            return self.small_delivered(node, envelope);
        }
        let Some(from) = self.party_of(&node, &id) else {
            return Ok(Vec::new());
        };
        let message = match Saying::of(envelope) {
            Ok(Saying::Offer(message)) => {
                self.offer_said(id, from, message)?;
                return self.taken(node, place(&head));
            }
            Ok(Saying::Contract(message)) => {
                return self.life_delivered((node, from), &head, *message);
            }
            Ok(Saying::SetUp(message)) => message,
            Ok(Saying::Small(_)) => return self.small_delivered(node, envelope),
            Err(fault) => return self.refused(node, &head, fault),
        };
        // Of an offer that came to nothing there is no set-up that it could be for.
        if matches!(self.standing(&id), "over" | "declined" | "new") {
            return self.taken(node, place(&head));
        }
        if !self.is_ready(&id) {
            self.held.insert(id);
            return Ok(Vec::new());
        }
        match self.seat_take(id, &SetupInput::Message { from, message })? {
            Took::Done(mut due) => {
                due.extend(self.taken(node, place(&head))?);
                Ok(due)
            }
            Took::Refused(refusal) => self.refused(node, &head, refusal),
            Took::Nothing => {
                self.held.insert(id);
                Ok(Vec::new())
            }
        }
    }

    /// A message that is refused is refused for good: it is noted, and taken.
    pub(super) fn refused(
        &mut self,
        node: PublicKey,
        head: &Head,
        why: impl std::fmt::Display,
    ) -> Result<Due, Fatal> {
        self.note_of(
            head.contract,
            format_args!(
                "{}: {} of {node} is refused: {why}",
                short(&head.contract),
                head.name()
            ),
        );
        self.taken(node, place(head))
    }

    /// Whether there is no contract that a message of its life could be for, and never will be.
    fn never_lives(&self, id: &[u8; 32]) -> bool {
        let phase = self.contracts.get(id).and_then(|c| c.phase());
        matches!(self.standing(id), "over" | "declined" | "new") || phase == Some(Phase::Dropped)
    }

    /// A message of a contract's life: on its disk, or refused for good; until it lives it waits.
    fn life_delivered(
        &mut self,
        (node, from): (PublicKey, PartyId),
        head: &Head,
        message: ContractMessage,
    ) -> Result<Due, Fatal> {
        let id = head.contract;
        if self.never_lives(&id) {
            return self.taken(node, place(head));
        }
        match self.life_hears(id, from, message)? {
            Told::Taken(mut due) => {
                due.extend(self.taken(node, place(head))?);
                Ok(due)
            }
            Told::Refused(why) => self.refused(node, head, why),
            // The look at the chain that lets it live asks for it.
            Told::NotNow => Ok(Vec::new()),
        }
    }

    /// A message whose body its sender has lost with its disk: the attempt cannot go on.
    pub(super) fn missing(&mut self, node: PublicKey, signed: &SignedHead) -> Result<Due, Fatal> {
        let head = &signed.head;
        let id = head.contract;
        let Some(party) = self.party_of(&node, &id) else {
            return Ok(Vec::new());
        };
        // Of a contract that lives something is missing that its machine waits for, as if it had not been said; of a small one too.
        if is_contract_type(head.message) || head.message == SMALL {
            return self.taken(node, place(head));
        }
        let input = SetupInput::Faulty {
            attempt: head.attempt,
            party,
            reason: "what it sent is gone with its disk".to_owned(),
        };
        let mut due = self.taken(node, place(head))?;
        if let Took::Done(out) = self.seat_take(id, &input)? {
            due.extend(out);
        }
        Ok(due)
    }

    /// A body that the peer has lost, and that is with its contract alone. Nothing before that lives: then it is asked for once more.
    pub(super) fn refill(
        &mut self,
        node: PublicKey,
        signed: &SignedHead,
    ) -> Result<Vec<Outcome>, Fatal> {
        let head = &signed.head;
        let body = match self.life_has(head.contract, head)? {
            Some(body) => body,
            // It has been, or is not to be.
            None if self.never_lives(&head.contract) => None,
            None => return Ok(Vec::new()),
        };
        let peer = self.peers.get(&node);
        Ok(peer.map_or_else(Vec::new, |peer| peer.link.refilled(signed, body)))
    }

    /// An own message that this disk has forgotten: it was said, and what was drawn for it is gone.
    pub(super) fn came_back(&mut self, node: PublicKey, kept: &Kept) -> Result<Due, Fatal> {
        let head = kept.signed.head;
        let id = head.contract;
        let body = kept.body.as_ref().map(|body| body.to_vec());
        let envelope = body.and_then(|body| kept.signed.with_body(body));
        if head.message == SMALL {
            self.small_came_back(&id, envelope.as_ref())?;
            return self.imported(node, &head);
        }
        let saying = envelope.as_ref().map(Saying::of);
        if let Some(Err(fault)) = &saying {
            self.note_of(id, format_args!("{}: own words: {fault}", short(&id)));
        }
        if let Some(Ok(Saying::Offer(message))) = saying {
            self.offer_came_back(id, message)?;
        } else if is_contract_type(head.message) {
            // What this party has signed before counts.
            let lives = !self.never_lives(&id);
            if let Some(Ok(Saying::Contract(message))) = saying.filter(|_| lives) {
                match self.life_recalls(id, *message)? {
                    Told::Taken(mut due) => {
                        due.extend(self.imported(node, &head)?);
                        return Ok(due);
                    }
                    Told::Refused(why) => self.note_of(id, format_args!("{}: {why}", short(&id))),
                    Told::NotNow => return Ok(Vec::new()),
                }
            }
        } else if head.message >= PROPOSAL {
            if matches!(self.standing(&id), "asked" | "waiting") {
                // Its answer comes back as well, and those of the others.
                self.held.insert(id);
                return Ok(Vec::new());
            }
            if let Some(Ok(Saying::SetUp(message))) = saying {
                self.import_binding(id, message);
            }
            let input = SetupInput::Imported {
                attempt: head.attempt,
                is_final: matches!(head.message, HELD | FUNDING | WHOLE),
            };
            match self.seat_take(id, &input)? {
                Took::Done(due) => {
                    let mut due = due;
                    due.extend(self.imported(node, &head)?);
                    return Ok(due);
                }
                Took::Refused(refusal) => {
                    self.note_of(id, format_args!("{}: {refusal}", short(&id)))
                }
                Took::Nothing => {
                    self.held.insert(id);
                    return Ok(Vec::new());
                }
            }
        }
        self.imported(node, &head)
    }

    fn imported(&mut self, node: PublicKey, head: &Head) -> Result<Due, Fatal> {
        let (id, to, seq) = place(head);
        self.mark(node, |peer| peer.link.imported(&id, to, seq))
    }

    /// An own answer to an offer is a fact.
    fn offer_came_back(&mut self, id: [u8; 32], message: OfferMessage) -> Result<(), Fatal> {
        let me = self
            .contracts
            .get(&id)
            .and_then(super::contract::Contract::me);
        let Some(me) = me.map(PartyId::from) else {
            return Ok(());
        };
        let is_accept = matches!(message, OfferMessage::Accept(_));
        self.offer_said(id, me, message)?;
        if is_accept && self.standing(&id) != "declined" {
            let due = self.join(id)?;
            self.outcomes(due)?;
        }
        Ok(())
    }

    /// A salt that this party has proposed serves the agreement that it has bound itself to, whatever the record of bindings
    /// knows.
    fn import_binding(&mut self, id: [u8; 32], message: SetupMessage) {
        let Some(contract) = self.contracts.get_mut(&id) else {
            return;
        };
        let attempt = message.attempt;
        match message.body {
            Body::Proposal(bytes) => {
                contract
                    .salts
                    .extend(salt_of(&bytes).map(|salt| (attempt, salt)));
            }
            Body::Bind { agreement, .. } => {
                contract.binds.insert(attempt, agreement);
            }
            _ => return,
        }
        let salt = contract.salts.get(&attempt).copied();
        if let (Some(salt), Some(agreement)) = (salt, contract.binds.get(&attempt).copied()) {
            let mark = salt_mark(&sha256::Hash::from_byte_array(salt));
            let bound = self.own.borrow_mut().bindings.bind(mark, agreement);
            if let Err(error @ BindError::Store(_)) = bound {
                self.note_of(id, format_args!("{}: {error}", short(&id)));
            }
        }
    }

    /// A peer has signed two things: it is at fault in this contract. Both heads are in the log of its link.
    pub(super) fn contradicted(
        &mut self,
        node: PublicKey,
        proof: &Contradiction,
    ) -> Result<Due, Fatal> {
        let (first, second) = (&proof.first.head, &proof.second.head);
        let id = first.contract;
        let words = format!(
            "it has signed two: {} number {} and {} number {}",
            first.name(),
            first.seq,
            second.name(),
            second.seq,
        );
        self.note_of(id, format_args!("{}: {node}: {words}", short(&id)));
        let mut due = Vec::new();
        if let Some(party) = self.party_of(&node, &id) {
            let phase = self
                .contracts
                .get(&id)
                .and_then(|contract| contract.phase());
            if phase.is_some_and(|phase| phase < Phase::Committed) {
                let input = SetupInput::Faulty {
                    attempt: self.attempt(&id).unwrap_or(first.attempt),
                    party,
                    reason: words,
                };
                if let Took::Done(out) = self.seat_take(id, &input)? {
                    due.extend(out);
                }
            } else if matches!(self.standing(&id), "asked" | "waiting") {
                let decline = Decline::new(&words);
                let input = OfferInput::Declined { by: party, decline };
                if let Err(refusal) = self.offer_step(id, &input)? {
                    self.note_of(id, format_args!("{}: {refusal}", short(&id)));
                }
            }
        }
        due.extend(self.mark(node, |peer| peer.link.noted(id))?);
        Ok(due)
    }

    fn attempt(&self, id: &[u8; 32]) -> Option<u8> {
        self.contracts.get(id)?.attempt()
    }

    /// Time passes.
    pub(super) fn tick(&mut self) -> Result<(), Fatal> {
        self.tick_offers()?;
        self.tick_jobs()?;
        self.tick_small()?;
        let unix_s = self.now.unix_s;
        let ids: Vec<_> = self.contracts.keys().copied().collect();
        for id in ids {
            let phase = self
                .contracts
                .get(&id)
                .and_then(|contract| contract.phase());
            // While a link is not open nobody is silent: nothing could have been said.
            if phase.is_some_and(|phase| phase < Phase::Committed)
                && self.is_ready(&id)
                && let Took::Done(due) = self.seat_take(id, &SetupInput::Tick { unix_s })?
            {
                self.outcomes(due)?;
            }
        }
        self.compact()
    }

    /// What waited goes on, where it can.
    pub(super) fn go_on(&mut self) -> Result<(), Fatal> {
        let unsaid = |contract: &super::contract::Contract| !contract.unsent.is_empty();
        let unsaid = self
            .contracts
            .iter()
            .filter(|(_, contract)| unsaid(contract));
        let unsaid: Vec<_> = unsaid.map(|(id, _)| *id).collect();
        for id in unsaid {
            let due = self.flush(id)?;
            self.outcomes(due)?;
        }
        for id in self.held.clone() {
            let has_seat = self.contracts.get(&id).is_none_or(|c| c.seat.is_some());
            // What came back needs no open link: it opens one.
            if has_seat || self.standing(&id) == "over" {
                self.held.remove(&id);
                let due = self.waiting_for(&id);
                self.outcomes(due)?;
            }
        }
        self.small_go_on()?;
        self.fetch_on()
    }
}
