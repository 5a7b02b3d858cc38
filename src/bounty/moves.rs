//! Moves: messages between requester and recomputers, as bytes; transactions on the chain.

use bitcoin::Transaction;
use narthex_base::codec::Message as _;
use narthex_contracts::bounty::{
    Answer, BountyError, Closing, Delivery, Envelope, Grant, Opening, Seal, Share, recomputer_name,
};
use narthex_game_model::market::LayerSet;

use super::{
    Board, BoardError,
    board::{CLIENT, DEPTH},
};

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

/// A message as its addressee reads it.
pub(super) fn sent<T, E>(
    bytes: Vec<u8>,
    read: impl Fn(&[u8]) -> Result<T, E>,
) -> Result<T, BoardError>
where
    BountyError: From<E>,
{
    Ok(read(&bytes).map_err(BountyError::from)?)
}

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

impl Board<'_> {
    /// The requester funds the bounty, now that it holds every settlement.
    pub fn fund(&mut self) -> Result<Transaction, BoardError> {
        let psbt = {
            let tip = self.chain().height()?;
            self.requester.funding_psbt(tip)?
        };
        let total = self.terms().total();
        let why = ("Bounty", "it holds the signatures of every settlement");
        let tx = self.table.fund(CLIENT, psbt, total, why)?;
        self.funded += 1;
        Ok(tx)
    }

    /// The recomputers do the work in the order of the line-up, each upon the envelope of those before it; everybody sees
    /// what goes on from its own.
    pub fn layers(&mut self, conduct: &[Conduct]) -> Result<Envelope, BoardError> {
        let mut envelope = Envelope::new(self.terms());
        let mut signed = Vec::new();
        for (seat, conduct) in (0u8..).zip(conduct) {
            let result = match conduct {
                Conduct::Absent => continue,
                Conduct::Honest => self.task.run()?,
                Conduct::Lazy(bytes) => self.task.run_lazily(*bytes)?,
            };
            let before = sent(envelope.to_bytes(), Envelope::from_bytes)?;
            envelope = self.recomputer(seat)?.sign(&before, &result)?;
            signed.push(seat);
        }
        let height = self.chain().height()?;
        for seat in &signed {
            self.recomputer(*seat)?.hear(height, &envelope)?;
        }
        let arrived = sent(envelope.to_bytes(), Envelope::from_bytes)?;
        self.requester.take_envelope(&arrived)?;
        let (who, bytes) = (names(envelope.seats()), envelope.to_bytes().len());
        let what =
            format!("recompute the job and sign the envelope, one upon the other ({bytes} bytes)");
        self.table
            .step(&who, what, "each hides its result from the next")?;
        Ok(envelope)
    }

    /// The requester seals the envelope, those in it open, and everybody hears it. `silent` opens nothing.
    pub fn open(&mut self, silent: Option<u8>) -> Result<Seal, BoardError> {
        let complete = self.requester.record().envelope.as_ref();
        let complete = complete.is_some_and(|envelope| envelope.seats() == self.terms().all());
        if !complete {
            let due = self.terms().record().layer_height;
            self.wait_until(due)?;
        }
        self.bury()?;
        let (height, coin) = self.status()?;
        let seal = sent(self.requester.seal(height)?.to_bytes(), Seal::from_bytes)?;
        let layers = seal.envelope.seats();
        let mut openings = Vec::new();
        for seat in seats(layers).filter(|seat| Some(*seat) != silent) {
            let opening = self.recomputer(seat)?.open((height, coin), &seal)?;
            openings.push(sent(opening.to_bytes(), Opening::from_bytes)?);
        }
        for opening in &openings {
            self.requester.take_opening(opening)?;
            for seat in seats(layers).filter(|seat| Some(*seat) != silent) {
                self.recomputer(seat)?.hear_opening(opening)?;
            }
        }
        let what = format!("seals the envelope of {}", names(layers));
        self.table
            .step("requester", what, "then all open at once; nobody can copy")?;
        Ok(seal)
    }

    /// The requester closes: everybody computes who is paid.
    pub fn close(&mut self) -> Result<Closing, BoardError> {
        let sealed = self.requester.record().seal.as_ref();
        let layers = sealed.map_or(0, |seal| seal.envelope.layers.len());
        if self.requester.record().openings.len() < layers {
            let due = self.terms().open_height();
            self.wait_until(due)?;
        }
        let height = self.chain().height()?;
        let closing = self.requester.close(height)?;
        self.announce(&closing)?;
        sent(closing.to_bytes(), Closing::from_bytes)
    }

    /// The requester leaves out members who withhold something, when their round is over.
    pub fn close_again(&mut self, late: LayerSet) -> Result<Closing, BoardError> {
        let round = self.requester.record().closing.as_ref();
        let next = round.map_or(0, |closing| closing.round.saturating_add(1));
        let due = self.terms().round_height(next);
        self.wait_until(due)?;
        let height = self.chain().height()?;
        let closing = self.requester.close_again(height, late)?;
        self.announce(&closing)?;
        sent(closing.to_bytes(), Closing::from_bytes)
    }

    fn announce(&mut self, closing: &Closing) -> Result<(), BoardError> {
        let verdict = closing.verify(self.terms())?;
        let (opened, paid) = (names(verdict.opened), names(verdict.paid));
        let what = format!("closes with what {opened} opened: {paid} to be paid");
        Ok(self
            .table
            .step("requester", what, "the largest group of equal results")?)
    }

    /// Those in the envelope take the closing; who is paid delivers, or all give back. `silent` does nothing.
    pub fn answer(
        &mut self,
        closing: &Closing,
        silent: Option<u8>,
    ) -> Result<LayerSet, BoardError> {
        let paid = closing.verify(self.terms())?.paid;
        let (height, coin) = self.status()?;
        // Who has no layer in it may still help to give back.
        let asked = closing.opened();
        for seat in seats(asked).filter(|seat| Some(*seat) != silent) {
            match self.recomputer(seat)?.accept((height, coin), closing) {
                Ok(Answer::Deliver(made)) => {
                    let made = sent(made.to_bytes(), Delivery::from_bytes)?;
                    self.requester.take_delivery(&made)?;
                    for member in seats(paid) {
                        self.recomputer(member)?.hear_delivery(height, &made)?;
                    }
                }
                Ok(Answer::GiveBack(share)) => {
                    let share = sent(share.to_bytes(), Share::from_bytes)?;
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
            self.table
                .step(&names(came), what, "the settlement will reveal the sum")?;
        }
        Ok(paid)
    }

    /// The requester grants the settlement and the members put their secrets together, all but `silent`.
    pub fn grant(&mut self, paid: LayerSet, silent: Option<u8>) -> Result<Grant, BoardError> {
        let grant = sent(self.requester.grant()?.to_bytes(), Grant::from_bytes)?;
        let (height, coin) = self.status()?;
        for seat in seats(paid).filter(|seat| Some(*seat) != silent) {
            let share = self.recomputer(seat)?.take_grant((height, coin), &grant)?;
            let share = sent(share.to_bytes(), Share::from_bytes)?;
            for member in seats(paid) {
                self.recomputer(member)?.take_share(height, &share)?;
            }
        }
        self.forward(silent)?;
        let what = format!("grants the settlement of {}", names(paid));
        self.table
            .step("requester", what, "all of them have delivered")?;
        Ok(grant)
    }

    /// A member publishes the settlement; the requester takes the result out of it.
    pub fn settle(&mut self, seat: u8) -> Result<Transaction, BoardError> {
        let status = self.status()?;
        let settled = self.recomputer(seat)?.settle(status)?;
        let (set, tx) = settled.ok_or_else(|| BoardError::broken("a secret is missing"))?;
        let place = self.place(seat)?;
        let why = ("Settle", "every secret of the set is there");
        self.table.publish(place, why, &tx)?;
        for member in seats(set) {
            let (to, amount) = (
                self.place(member)?,
                self.terms().recomputer(member)?.amount_sat,
            );
            self.table.moved(CLIENT, to, amount)?;
        }
        let learned = self.requester.learn(&tx)?;
        let bytes = learned.result.as_ref().map_or(0, Vec::len);
        let cheats = names(learned.cheats);
        let what =
            format!("reads {bytes} bytes of result out of the settlement; cheated by {cheats}");
        self.table
            .step("requester", what, "payment and result in one")?;
        self.result = learned.result;
        Ok(tx)
    }

    /// Everything back at once, with every recomputer's secret.
    pub fn cancel(&mut self) -> Result<Transaction, BoardError> {
        let tx = self.requester.cancel()?;
        let tx = tx.ok_or_else(|| BoardError::broken("a recomputer does not give back"))?;
        self.table
            .publish(CLIENT, ("Cancel", "nobody is paid, and all agree"), &tx)?;
        Ok(tx)
    }

    /// Everything back above T.
    pub fn refund(&mut self) -> Result<Transaction, BoardError> {
        let due = self.terms().record().refund_height;
        self.wait_until(due)?;
        let tx = self.requester.refund(self.table.rng())?;
        self.table
            .publish(CLIENT, ("Refund", "not settled until T"), &tx)?;
        Ok(tx)
    }

    /// What the ledger learns of this bounty, once its end is as deep as everybody waits for.
    pub fn audit(&mut self) -> Result<(), BoardError> {
        self.table.mine(DEPTH.blocks().saturating_sub(1))?;
        let height = self.chain().height()?;
        let audits = self.requester.audits(height)?;
        let passed = audits.iter().filter(|audit| audit.passed).count();
        for audit in &audits {
            self.ledger.enter(*audit)?;
        }
        let what = format!("enters {} audits, {passed} passed", audits.len());
        Ok(self
            .table
            .step("requester", what, "they price the next request")?)
    }

    /// Mines until the tip is at `height`.
    pub fn wait_until(&mut self, height: u32) -> Result<(), BoardError> {
        Ok(self.table.wait_for(height.saturating_add(1))?)
    }
}
