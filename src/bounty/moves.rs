//! Moves: messages between requester and recomputers, as bytes; transactions on the chain.

use bitcoin::Transaction;
use narthex_base::codec::Message;
use narthex_contracts::bounty::{
    Answer, Closing, Delivery, Envelope, Grant, Seal, Share, recomputer_name,
};
use narthex_game_model::market::LayerSet;

use super::{
    BountyPlay,
    play::{CLIENT, DEPTH},
};
use crate::harness::ScenarioError;

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

    /// The requester funds the bounty, now that it holds every settlement.
    pub fn fund(&mut self) -> Result<Transaction, ScenarioError> {
        let psbt = {
            let tip = self.chain().height()?;
            self.requester.funding_psbt(tip, self.harness.policy())?
        };
        let total = self.terms().total();
        let why = ("Bounty", "it holds the signatures of every settlement");
        let tx = self.harness.fund(CLIENT, psbt, total, why)?;
        self.funded += 1;
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
            envelope = self.recomputer(seat)?.sign(&before, &result)?;
            from = Of(seat);
            signed.push(seat);
        }
        let height = self.chain().height()?;
        for seat in &signed {
            let heard = self.send(from, Of(*seat), &envelope)?;
            self.recomputer(*seat)?.hear(height, &heard)?;
        }
        let arrived = self.send(from, Client, &envelope)?;
        self.requester.take_envelope(&arrived)?;
        let (who, bytes) = (names(envelope.seats()), envelope.to_bytes().len());
        let what =
            format!("recompute the job and sign the envelope, one upon the other ({bytes} bytes)");
        self.harness
            .step(&who, what, "each hides its result from the next")?;
        Ok(envelope)
    }

    /// The requester seals the envelope, those in it open, and everybody hears it. `silent` opens nothing.
    pub fn open(&mut self, silent: Option<u8>) -> Result<Seal, ScenarioError> {
        let complete = self.requester.record().envelope.as_ref();
        let complete = complete.is_some_and(|envelope| envelope.seats() == self.terms().all());
        if !complete {
            let due = self.terms().record().layer_height;
            self.wait_until(due)?;
        }
        self.bury()?;
        let (height, coin) = self.status()?;
        let seal = self.requester.seal(height)?;
        let layers = seal.envelope.seats();
        let mut openings = Vec::new();
        for seat in seats(layers).filter(|seat| Some(*seat) != silent) {
            let seal = self.send(Client, Of(seat), &seal)?;
            openings.push((seat, self.recomputer(seat)?.open((height, coin), &seal)?));
        }
        for (from, opening) in &openings {
            let opened = self.send(Of(*from), Client, opening)?;
            self.requester.take_opening(&opened)?;
            for seat in seats(layers).filter(|seat| Some(*seat) != silent) {
                let opened = self.send(Of(*from), Of(seat), opening)?;
                self.recomputer(seat)?.hear_opening(&opened)?;
            }
        }
        let what = format!("seals the envelope of {}", names(layers));
        self.harness
            .step("requester", what, "then all open at once; nobody can copy")?;
        Ok(seal)
    }

    /// The requester closes: everybody computes who is paid.
    pub fn close(&mut self) -> Result<Closing, ScenarioError> {
        let sealed = self.requester.record().seal.as_ref();
        let layers = sealed.map_or(0, |seal| seal.envelope.layers.len());
        if self.requester.record().openings.len() < layers {
            let due = self.terms().open_height();
            self.wait_until(due)?;
        }
        let height = self.chain().height()?;
        let closing = self.requester.close(height)?;
        self.announce(&closing)?;
        Ok(closing)
    }

    /// The requester leaves out members who withhold something, when their round is over.
    pub fn close_again(&mut self, late: LayerSet) -> Result<Closing, ScenarioError> {
        let round = self.requester.record().closing.as_ref();
        let next = round.map_or(0, |closing| closing.round.saturating_add(1));
        let due = self.terms().round_height(next);
        self.wait_until(due)?;
        let height = self.chain().height()?;
        let closing = self.requester.close_again(height, late)?;
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
        let (height, coin) = self.status()?;
        // Who has no layer in it may still help to give back.
        let asked = closing.opened();
        for seat in seats(asked).filter(|seat| Some(*seat) != silent) {
            let read = self.send(Client, Of(seat), closing)?;
            match self.recomputer(seat)?.accept((height, coin), &read) {
                Ok(Answer::Deliver(made)) => self.delivered(Of(seat), (height, paid), &made)?,
                Ok(Answer::GiveBack(share)) => {
                    let share = self.send(Of(seat), Client, &share)?;
                    self.requester.take_share(&share)?;
                }
                Ok(Answer::Nothing) => {}
                // Whoever is left out says so, or knows of no closing before, and does nothing.
                Err(_) if closing.late.contains(seat.into()) => {}
                Err(e) => return Err(e.into()),
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

    /// A delivery comes to the requester and to those who are paid with its sender.
    pub(super) fn delivered(
        &mut self,
        from: End,
        (height, paid): (u32, LayerSet),
        made: &Delivery,
    ) -> Result<(), ScenarioError> {
        let read = self.send(from, Client, made)?;
        self.requester.take_delivery(&read)?;
        for member in seats(paid) {
            let read = self.send(from, Of(member), made)?;
            self.recomputer(member)?.hear_delivery(height, &read)?;
        }
        Ok(())
    }

    /// A share of a settlement comes to those who are paid by it.
    pub(super) fn shared(
        &mut self,
        from: End,
        (height, paid): (u32, LayerSet),
        share: &Share,
    ) -> Result<(), ScenarioError> {
        for member in seats(paid) {
            let read = self.send(from, Of(member), share)?;
            self.recomputer(member)?.take_share(height, &read)?;
        }
        Ok(())
    }

    /// The requester grants the settlement and the members put their secrets together, all but `silent`.
    pub fn grant(&mut self, paid: LayerSet, silent: Option<u8>) -> Result<Grant, ScenarioError> {
        let grant = self.requester.grant()?;
        let (height, coin) = self.status()?;
        for seat in seats(paid).filter(|seat| Some(*seat) != silent) {
            let read = self.send(Client, Of(seat), &grant)?;
            let share = self.recomputer(seat)?.take_grant((height, coin), &read)?;
            self.shared(Of(seat), (height, paid), &share)?;
        }
        self.forward(silent)?;
        let what = format!("grants the settlement of {}", names(paid));
        self.harness
            .step("requester", what, "all of them have delivered")?;
        Ok(grant)
    }

    /// A member publishes the settlement; the requester takes the result out of it.
    pub fn settle(&mut self, seat: u8) -> Result<Transaction, ScenarioError> {
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
        let learned = self.requester.learn(&tx)?;
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
        let tx = self.requester.cancel()?;
        let tx = tx.ok_or_else(|| ScenarioError::broken("a recomputer does not give back"))?;
        self.harness
            .publish(CLIENT, ("Cancel", "nobody is paid, and all agree"), &tx)?;
        Ok(tx)
    }

    /// Everything back above T.
    pub fn refund(&mut self) -> Result<Transaction, ScenarioError> {
        let due = self.terms().record().refund_height;
        self.wait_until(due)?;
        let tx = self.requester.refund(self.harness.rng())?;
        self.harness
            .publish(CLIENT, ("Refund", "not settled until T"), &tx)?;
        Ok(tx)
    }

    /// What the ledger learns of this bounty, once its end is as deep as everybody waits for.
    pub fn audit(&mut self) -> Result<(), ScenarioError> {
        self.harness.mine(DEPTH.blocks().saturating_sub(1))?;
        let height = self.chain().height()?;
        let audits = self.requester.audits(height)?;
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
