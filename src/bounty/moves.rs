//! Moves: what the chain shows goes into the machines, what they have pending is carried out, and what the parties send each
//! other travels as bytes.

use bitcoin::{OutPoint, Transaction};
use narthex_base::codec::Message;
use narthex_channel::CoinSeen;
use narthex_channel::bounty::{RecomputerEffect, RecomputerInput, RequesterEffect, RequesterInput};
use narthex_contracts::{
    bounty::{Answer, Closing, Envelope, Grant, Seal, recomputer_name},
    graph::TxGraph,
};
use narthex_game_model::market::LayerSet;

use super::{
    BountyPlay,
    play::{CLIENT, DEPTH},
};
use crate::harness::{ScenarioError, expect};

/// What a recomputer does with the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// Recomputes it.
    Honest,
    /// Leaves out so many bytes of the input.
    Lazy(usize),
    /// Never comes.
    Absent,
}

/// Who sends a message, or reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Requester,
    /// By its seat in the line-up.
    Recomputer(u8),
}

use End::{Recomputer as Of, Requester as Client};

/// Seats of a set.
pub(super) fn seats(set: LayerSet) -> impl Iterator<Item = u8> {
    (0u8..6).filter(move |seat| set.contains(usize::from(*seat)))
}

/// How people call the recomputers of a set.
pub(super) fn names(set: LayerSet) -> String {
    match seats(set)
        .map(|seat| recomputer_name(seat).to_string())
        .collect::<Vec<_>>()
    {
        none if none.is_empty() => "nobody".into(),
        some => some.join(", "),
    }
}

impl BountyPlay<'_> {
    /// A message as the other end reads it.
    pub(super) fn send<M: Message>(
        &mut self,
        from: End,
        to: End,
        message: &M,
    ) -> Result<M, ScenarioError> {
        let (from, to) = (self.name_of(from)?, self.name_of(to)?);
        self.harness.send(&from, &to, message)
    }

    fn name_of(&mut self, end: End) -> Result<String, ScenarioError> {
        let place = match end {
            Client => CLIENT,
            Of(seat) => self.place(seat)?,
        };
        Ok(self.harness.participant(place)?.name.clone())
    }

    /// Where the chain has the coin goes into all machines.
    pub(super) fn look(&mut self) -> Result<(), ScenarioError> {
        let (tip, coin) = (self.chain().height()?, self.seen()?);
        let seen = RequesterInput::Coin { tip, coin };
        self.requester.side.step(&seen)?;
        for recomputer in &mut self.recomputers {
            recomputer.side.step(&RecomputerInput::Coin { tip, coin })?;
        }
        Ok(())
    }

    /// The bounty's coin.
    pub(super) fn locked(&self) -> Result<OutPoint, ScenarioError> {
        let txid = self
            .requester
            .book()?
            .holdings()
            .graph()
            .txid(TxGraph::FUNDING);
        let txid = txid.ok_or_else(|| ScenarioError::broken("no funding"))?;
        Ok(OutPoint { txid, vout: 0 })
    }

    pub(super) fn seen(&mut self) -> Result<CoinSeen, ScenarioError> {
        let locked = self.locked()?;
        self.harness.seen(locked)
    }

    /// What the requester has pending of one kind.
    pub(super) fn due<T>(
        &self,
        what: &str,
        of: impl FnMut(RequesterEffect) -> Option<T>,
    ) -> Result<T, ScenarioError> {
        let found = self.requester.side.pending().into_iter().find_map(of);
        found.ok_or_else(|| ScenarioError::broken(format!("{what} is not due")))
    }

    /// The requester funds the bounty, now that it holds every settlement.
    pub fn fund(&mut self) -> Result<Transaction, ScenarioError> {
        self.look()?;
        self.due("the funding", |effect| {
            (effect == RequesterEffect::Fund).then_some(())
        })?;
        let tip = self.chain().height()?;
        let mut psbt = self.requester()?.funding_psbt(tip, self.harness.policy())?;
        let total = self.terms().total();
        let (tx, fee) = self.harness.sign_funding(CLIENT, &mut psbt, total)?;
        self.requester.side.step(&RequesterInput::Funded(tx))?;
        let tx = self.due("publishing", |effect| match effect {
            RequesterEffect::Publish(tx) => Some(tx),
            _ => None,
        })?;
        let why = ("Bounty", "it holds the signatures of every settlement");
        self.harness.submit(CLIENT, why, &tx, fee)?;
        self.funded += 1;
        self.look()?;
        Ok(tx)
    }

    /// The recomputers do the work in the order of the line-up, each upon the envelope of those before it; everybody sees
    /// what goes on from its own.
    pub fn layers(&mut self, conduct: &[Conduct]) -> Result<Envelope, ScenarioError> {
        let mut envelope = Envelope::new(self.terms());
        let (mut signed, mut from) = (Vec::new(), Client);
        for (seat, conduct) in (0u8..).zip(conduct) {
            let result = match conduct {
                Conduct::Absent => continue,
                Conduct::Honest => self.task.run()?,
                Conduct::Lazy(bytes) => self.task.run_lazily(*bytes)?,
            };
            let before = self.send(from, Of(seat), &envelope)?;
            envelope = self.layer(seat, before, result)?;
            from = Of(seat);
            signed.push(seat);
        }
        let tip = self.chain().height()?;
        for seat in &signed {
            let envelope = Box::new(self.send(from, Of(*seat), &envelope)?);
            (self.side(*seat)?.side).step(&RecomputerInput::Envelope { tip, envelope })?;
        }
        let arrived = Box::new(self.send(from, Client, &envelope)?);
        self.requester
            .side
            .step(&RequesterInput::Envelope(arrived))?;
        let (who, bytes) = (names(envelope.seats()), envelope.to_bytes().len());
        let what =
            format!("recompute the job and sign the envelope, one upon the other ({bytes} bytes)");
        self.harness
            .step(&who, what, "each hides its result from the next")?;
        Ok(envelope)
    }

    /// A recomputer's layer: ordered first, signed then, and passed on.
    fn layer(
        &mut self,
        seat: u8,
        before: Envelope,
        result: Vec<u8>,
    ) -> Result<Envelope, ScenarioError> {
        let (before, work) = (Box::new(before), self.terms().work(result));
        let order = RecomputerInput::Work { before, work };
        for effect in self.side(seat)?.side.step(&order)? {
            if let RecomputerEffect::Sign { before, work } = effect {
                let layer = self.recomputer(seat)?.sign(&before, &work.result)?;
                (self.side(seat)?.side).step(&RecomputerInput::Layer(Box::new(layer)))?;
            }
        }
        let due = self.side(seat)?.side.pending().into_iter();
        let mut passed = due.filter_map(|effect| match effect {
            RecomputerEffect::Pass(envelope) => Some(*envelope),
            _ => None,
        });
        let passed = passed.next();
        passed.ok_or_else(|| ScenarioError::broken("there is no layer to pass on"))
    }

    /// The requester seals the envelope, those in it open, and everybody hears it. `silent` opens nothing.
    pub fn open(&mut self, silent: Option<u8>) -> Result<Seal, ScenarioError> {
        let complete = self.requester.book()?.record().envelope.as_ref();
        let complete = complete.is_some_and(|envelope| envelope.seats() == self.terms().all());
        if !complete {
            let due = self.terms().record().layer_height;
            self.wait_until(due)?;
        }
        self.bury()?;
        self.look()?;
        let tip = self.chain().height()?;
        self.due("the seal", |effect| {
            matches!(effect, RequesterEffect::SignSeal(_)).then_some(())
        })?;
        let sealed = Box::new(self.requester()?.seal(tip)?);
        self.requester.side.step(&RequesterInput::Sealed(sealed))?;
        let seal = self.due("sending the seal", |effect| match effect {
            RequesterEffect::Seal(seal) => Some(*seal),
            _ => None,
        })?;
        let layers = seal.envelope.seats();
        let mut openings = Vec::new();
        for seat in seats(layers).filter(|seat| Some(*seat) != silent) {
            let seal = Box::new(self.send(Client, Of(seat), &seal)?);
            let due = self
                .side(seat)?
                .side
                .step(&RecomputerInput::Seal { tip, seal })?;
            if due.contains(&RecomputerEffect::Open) {
                openings.push((seat, self.recomputer(seat)?.opening()?));
            }
        }
        for (from, opening) in &openings {
            let opened = Box::new(self.send(Of(*from), Client, opening)?);
            self.requester.side.step(&RequesterInput::Opening(opened))?;
            for seat in seats(layers).filter(|seat| Some(*seat) != silent) {
                let opened = Box::new(self.send(Of(*from), Of(seat), opening)?);
                (self.side(seat)?.side).step(&RecomputerInput::Opening(opened))?;
            }
        }
        let what = format!("seals the envelope of {}", names(layers));
        self.harness
            .step("requester", what, "then all open at once; nobody can copy")?;
        Ok(seal)
    }

    /// The requester closes: everybody computes who is paid.
    pub fn close(&mut self) -> Result<Closing, ScenarioError> {
        let record = self.requester.book()?.record();
        let layers = record.seal.as_ref();
        let layers = layers.map_or(0, |seal| seal.envelope.layers.len());
        if record.openings.len() < layers {
            let due = self.terms().open_height();
            self.wait_until(due)?;
        }
        self.sign_closing()
    }

    /// The requester leaves out members who withhold something, when their round is over.
    pub fn close_again(&mut self, late: LayerSet) -> Result<Closing, ScenarioError> {
        let round = self.requester.book()?.record().closing.as_ref();
        let next = round.map_or(0, |closing| closing.round.saturating_add(1));
        let due = self.terms().round_height(next);
        self.wait_until(due)?;
        self.look()?;
        self.requester.side.step(&RequesterInput::LeaveOut(late))?;
        self.sign_closing()
    }

    /// What is to be closed is signed, and sent then.
    fn sign_closing(&mut self) -> Result<Closing, ScenarioError> {
        self.look()?;
        let draft = self.due("a closing", |effect| match effect {
            RequesterEffect::SignClosing(draft) => Some(draft),
            _ => None,
        })?;
        let closed = Box::new(self.requester()?.sign_closing(&draft)?);
        self.requester.side.step(&RequesterInput::Closed(closed))?;
        let closing = self.due("sending the closing", |effect| match effect {
            RequesterEffect::Close(closing) => Some(*closing),
            _ => None,
        })?;
        self.announce(&closing)?;
        Ok(closing)
    }

    fn announce(&mut self, closing: &Closing) -> Result<(), ScenarioError> {
        let verdict = closing.verify(self.terms())?;
        let (opened, paid) = (names(verdict.opened), names(verdict.paid));
        let what = format!("closes with what {opened} opened: {paid} to be paid");
        self.harness
            .step("requester", what, "the largest group of equal results")
    }

    /// Those in the envelope take the closing; who is paid delivers, or all give back. `silent` does nothing.
    pub fn answer(
        &mut self,
        closing: &Closing,
        silent: Option<u8>,
    ) -> Result<LayerSet, ScenarioError> {
        let paid = closing.verify(self.terms())?.paid;
        self.look()?;
        let tip = self.chain().height()?;
        // Who has no layer in it may still help to give back.
        let asked = closing.opened();
        for seat in seats(asked).filter(|seat| Some(*seat) != silent) {
            let closing = Box::new(self.send(Client, Of(seat), closing)?);
            let late = closing.late.contains(seat.into());
            let order = RecomputerInput::Closing { tip, closing };
            match self.side(seat)?.side.step(&order) {
                Ok(_) => self.deliver(seat)?,
                // Whoever is left out says so, or knows of no closing before, and does nothing.
                Err(_) if late => {}
                Err(e) => return Err(e),
            }
        }
        self.forward(silent)?;
        let came = seats(paid).filter(|seat| Some(*seat) != silent);
        let came = came.fold(0u8, |mask, seat| mask | 1 << seat);
        if let Some(came) = LayerSet::new(came).filter(|came| !came.is_empty()) {
            let what = "deliver their results, encrypted to the sum of their secrets".into();
            self.harness
                .step(&names(came), what, "the settlement will reveal the sum")?;
        }
        Ok(paid)
    }

    /// A recomputer does what it owes by the closing that it took: a delivery to the requester and to those who are paid with
    /// it, or a secret that gives everything back.
    pub(super) fn deliver(&mut self, seat: u8) -> Result<(), ScenarioError> {
        let owes = |effect: &RecomputerEffect| {
            matches!(
                effect,
                RecomputerEffect::GiveBack | RecomputerEffect::Deliver { .. }
            )
        };
        if !self.side(seat)?.side.pending().iter().any(owes) {
            return Ok(());
        }
        let tip = self.chain().height()?;
        match self.recomputer(seat)?.answer()? {
            Answer::Deliver(made) => {
                let read = Box::new(self.send(Of(seat), Client, &*made)?);
                self.requester.side.step(&RequesterInput::Delivery(read))?;
                for member in seats(made.set) {
                    let delivery = Box::new(self.send(Of(seat), Of(member), &*made)?);
                    let read = RecomputerInput::Delivery { tip, delivery };
                    self.side(member)?.side.step(&read)?;
                }
            }
            Answer::GiveBack(share) => {
                let share = self.send(Of(seat), Client, &share)?;
                self.requester.side.step(&RequesterInput::Share(share))?;
            }
            Answer::Nothing => {}
        }
        Ok(())
    }

    /// A recomputer gets what is said to be the requester's consent.
    pub fn take_grant(&mut self, seat: u8, grant: &Grant) -> Result<(), ScenarioError> {
        let (tip, grant) = (self.chain().height()?, *grant);
        self.side(seat)?
            .side
            .step(&RecomputerInput::Grant { tip, grant })?;
        Ok(())
    }

    /// A recomputer's secret comes to those whom the settlement pays.
    pub(super) fn give(&mut self, seat: u8, set: LayerSet) -> Result<(), ScenarioError> {
        // Passed on with all else that it has, or needed by nobody else.
        let due = self.side(seat)?.side.pending();
        let is_due = due.iter().any(|effect| match effect {
            RecomputerEffect::Forward(passed) => passed.grant.is_some_and(|grant| grant.set == set),
            RecomputerEffect::Settle { set: complete } => *complete == set,
            _ => false,
        });
        expect(is_due, "no secret is asked for")?;
        let (share, tip) = (
            self.recomputer(seat)?.own_share(set)?,
            self.chain().height()?,
        );
        for member in seats(set) {
            let share = self.send(Of(seat), Of(member), &share)?;
            (self.side(member)?.side).step(&RecomputerInput::Share { tip, share })?;
        }
        Ok(())
    }

    /// The requester grants the settlement and the members put their secrets together, all but `silent`.
    pub fn grant(&mut self, paid: LayerSet, silent: Option<u8>) -> Result<Grant, ScenarioError> {
        self.look()?;
        let grant = self.due("a grant", |effect| match effect {
            RequesterEffect::Grant(grant) => Some(grant),
            _ => None,
        })?;
        for seat in seats(paid).filter(|seat| Some(*seat) != silent) {
            let read = self.send(Client, Of(seat), &grant)?;
            self.take_grant(seat, &read)?;
            self.give(seat, paid)?;
        }
        self.forward(silent)?;
        let what = format!("grants the settlement of {}", names(paid));
        self.harness
            .step("requester", what, "all of them have delivered")?;
        Ok(grant)
    }

    /// A member publishes the settlement; the requester takes the result out of it.
    pub fn settle(&mut self, seat: u8) -> Result<Transaction, ScenarioError> {
        self.look()?;
        let settles = |effect: &RecomputerEffect| matches!(effect, RecomputerEffect::Settle { .. });
        let due = self.side(seat)?.side.pending();
        expect(due.iter().any(settles), "a secret is missing")?;
        let status = self.status()?;
        let settled = self.recomputer(seat)?.settle(status)?;
        let (set, tx) = settled.ok_or_else(|| ScenarioError::broken("a secret is missing"))?;
        let place = self.place(seat)?;
        let why = ("Settle", "every secret of the set is there");
        self.harness.publish(place, why, &tx)?;
        for member in seats(set) {
            let (to, amount) = (
                self.place(member)?,
                self.terms().recomputer(member)?.amount_sat,
            );
            self.harness.moved(CLIENT, to, amount)?;
        }
        self.look()?;
        self.due("looking", |effect| {
            (effect == RequesterEffect::Look).then_some(())
        })?;
        let locked = self.locked()?;
        let (_, spender) = self.harness.spent_by(locked)?;
        (self.requester.side).step(&RequesterInput::Settlement(spender))?;
        let shown = self.due("reading", |effect| match effect {
            RequesterEffect::Read(tx) => Some(tx),
            _ => None,
        })?;
        let learned = self.requester.book()?.read(&shown)?;
        let bytes = learned.result.as_ref().map_or(0, Vec::len);
        let cheats = names(learned.cheats);
        let what =
            format!("reads {bytes} bytes of result out of the settlement; cheated by {cheats}");
        self.harness
            .step("requester", what, "payment and result in one")?;
        self.result = learned.result;
        Ok(tx)
    }

    /// Everything back at once, with every recomputer's secret.
    pub fn cancel(&mut self) -> Result<Transaction, ScenarioError> {
        self.look()?;
        let tx = self.due("the cancellation", |effect| match effect {
            RequesterEffect::Cancel(tx) => Some(tx),
            _ => None,
        })?;
        self.harness
            .publish(CLIENT, ("Cancel", "nobody is paid, and all agree"), &tx)?;
        Ok(tx)
    }

    /// Everything back above T.
    pub fn refund(&mut self) -> Result<Transaction, ScenarioError> {
        let due = self.terms().record().refund_height;
        self.wait_until(due)?;
        self.look()?;
        self.due("the refund", |effect| {
            (effect == RequesterEffect::Refund).then_some(())
        })?;
        let signer = self.requester()?;
        let tx = signer.refund(self.harness.rng())?;
        self.harness
            .publish(CLIENT, ("Refund", "not settled until T"), &tx)?;
        Ok(tx)
    }

    /// What the ledger learns of this bounty, once its end is as deep as everybody waits for.
    pub fn audit(&mut self) -> Result<(), ScenarioError> {
        self.harness.mine(DEPTH.blocks().saturating_sub(1))?;
        let height = self.chain().height()?;
        self.look()?;
        let audits = self.requester.book()?.audits(height)?;
        let passed = audits.iter().filter(|audit| audit.passed).count();
        for audit in &audits {
            self.ledger.enter(*audit)?;
        }
        let what = format!("enters {} audits, {passed} passed", audits.len());
        self.harness
            .step("requester", what, "they price the next request")
    }

    /// Mines until the tip is at `height`.
    pub fn wait_until(&mut self, height: u32) -> Result<(), ScenarioError> {
        self.harness.wait_for(height.saturating_add(1))
    }
}
