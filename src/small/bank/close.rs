//! An end that both agree on, and sign in one session of fresh nonces.
//!
//! Whoever orders it says [`BankTalk::Close`]; the other agrees, and begins a session by its nonce; the first answers with nonce and share; the
//! other has the whole signature then, and hands it over. A session lost with a process is begun anew by whoever began it. Either has the
//! agreement in its log before it makes a nonce, and every session is over the same transaction.

use bitcoin::{Transaction, secp256k1::rand::rngs::OsRng};
use narthex_channel::bank::{BankEffect, BankInput, BankTalk, Closing, CoinAt, Side};
use narthex_contracts::{
    bank::{Cosigner, PAYER, PROVIDER, finish_both},
    builder::Task,
    graph::{NodeId, TxGraph},
    musig::{AdaptorSignature, PartialSignature, PublicNonce},
    terms::FeeRules,
};

use super::Shared;
use crate::small::{SmallError, SmallHeard, Surroundings};

/// What is in memory of an end.
#[derive(Default)]
pub(super) struct Session {
    /// The other side has asked for the end that is agreed on: this one need not.
    heard: Option<Closing>,
    /// Begun, and not answered.
    begun: Option<(Closing, Cosigner)>,
}

impl<S: Side> Shared<S> {
    /// The owner orders an end by agreement.
    pub(super) fn order_close(&mut self, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let machine = self.machine.machine();
        let agreed = machine.leaving().filter(|how| how.is_agreed());
        if agreed.is_some_and(|how| how.is_of(machine.coin())) {
            return Ok(());
        }
        let force_closed = matches!(machine.coin(), CoinAt::ForceClosed { .. });
        let paid = machine.pennies();
        let plan = self.bank()?.close_plan(paid, force_closed);
        let plan = plan.map_err(SmallError::refused)?;
        let closing = Closing {
            paid,
            fee: with.rate.checked_fee(plan.weight)?,
            force_closed,
        };
        self.leave(with.tip, &closing)
    }

    fn leave(&mut self, tip: u32, closing: &Closing) -> Result<(), SmallError> {
        let how = closing.leaving();
        self.step(&BankInput::Leave { tip, how })
    }

    /// What this side has agreed to, and nobody has signed.
    fn unsigned(&self) -> Option<Closing> {
        let mut pending = self.machine.pending().into_iter();
        pending.find_map(|effect| match effect {
            BankEffect::Sign(how) => Closing::of(&how),
            _ => None,
        })
    }

    /// Asks for the end that this side has agreed to.
    pub(super) fn ask_close(&mut self) {
        if let Some(closing) = self.unsigned().filter(|c| self.closing.heard != Some(*c)) {
            // Once, until it starts again; the link says nothing twice.
            self.closing.heard = Some(closing);
            self.say(&BankTalk::Close(closing));
        }
    }

    /// What the other side says of an end.
    pub(super) fn hear_end(
        &mut self,
        talk: BankTalk,
        with: &Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        match talk {
            BankTalk::Close(closing) => self.hear_close(closing, with),
            BankTalk::CloseNonce(closing, nonce) => self.hear_close_nonce((closing, nonce), with),
            BankTalk::CloseShare(closing, nonce, share) => {
                self.hear_close_share((closing, nonce, share), with)
            }
            BankTalk::Closed(closing, signature) => self.hear_closed((closing, signature)),
            BankTalk::Terms { .. }
            | BankTalk::Answer { .. }
            | BankTalk::Again { .. }
            | BankTalk::Signed { .. } => refused("it is of the opening"),
        }
    }

    /// The other side has agreed to an end.
    fn hear_close(
        &mut self,
        closing: Closing,
        with: &Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let machine = self.machine.machine();
        let own = machine.leaving().filter(|how| how.is_of(machine.coin()));
        let own = own.and_then(Closing::of);
        if S::PAYS && own.is_some_and(|own| own != closing) {
            return refused("the payer has asked for another end before");
        }
        // The other side may see farther.
        let is_elsewhere = match machine.coin() {
            CoinAt::Nowhere => true,
            CoinAt::Banked { .. } => closing.force_closed,
            _ => false,
        };
        if is_elsewhere {
            return Ok(SmallHeard::Later);
        }
        match self.most_fee(&closing, with) {
            Ok(most) if closing.fee <= most => {}
            Ok(_) => return refused("a fee that is higher than this side agrees to"),
            Err(error) => return Ok(SmallHeard::Refused(error.to_string())),
        }
        match self.leave(with.tip, &closing) {
            Ok(()) => {}
            Err(SmallError::Refused(why)) => return Ok(SmallHeard::Refused(why)),
            Err(error) => return Err(error),
        }
        self.closing.heard = Some(closing);
        self.begin(closing, with)?;
        Ok(SmallHeard::Taken)
    }

    /// The payer pays it, out of its part.
    fn most_fee(
        &self,
        closing: &Closing,
        with: &Surroundings<'_>,
    ) -> Result<bitcoin::Amount, SmallError> {
        if !S::PAYS {
            return Ok(bitcoin::Amount::MAX_MONEY);
        }
        let plan = self
            .bank()?
            .close_plan(closing.paid, closing.force_closed)?;
        Ok(with.max_rate.checked_fee(plan.weight)?)
    }

    fn graph(&self, closing: &Closing) -> Result<TxGraph, SmallError> {
        let Closing {
            paid,
            fee,
            force_closed,
        } = *closing;
        Ok(self.bank()?.close(paid, fee, force_closed)?)
    }

    fn cosigner(
        &self,
        closing: &Closing,
        with: &Surroundings<'_>,
    ) -> Result<(Cosigner, PublicNonce), SmallError> {
        let party = if S::PAYS { PAYER } else { PROVIDER };
        let graph = self.graph(closing)?;
        let made = Cosigner::new(&graph, NodeId(0), (party, &with.key), &mut OsRng);
        Ok(made?)
    }

    fn begin(&mut self, closing: Closing, with: &Surroundings<'_>) -> Result<(), SmallError> {
        if self.unsigned() != Some(closing) {
            return Ok(());
        }
        let (cosigner, nonce) = self.cosigner(&closing, with)?;
        self.closing.begun = Some((closing, cosigner));
        self.say(&BankTalk::CloseNonce(closing, nonce));
        Ok(())
    }

    /// The other side has begun a session.
    fn hear_close_nonce(
        &mut self,
        (closing, nonce): (Closing, PublicNonce),
        with: &Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        if self.unsigned() != Some(closing) {
            // It is signed already, or something else was agreed to since.
            return Ok(SmallHeard::Taken);
        }
        let (cosigner, own) = self.cosigner(&closing, with)?;
        let Ok((_, share)) = cosigner.sign(nonce) else {
            return refused("a nonce that is none");
        };
        self.say(&BankTalk::CloseShare(closing, own, share));
        Ok(SmallHeard::Taken)
    }

    /// The answer to the session that this side began.
    fn hear_close_share(
        &mut self,
        (closing, nonce, share): (Closing, PublicNonce, PartialSignature),
        with: &Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        if self.unsigned() != Some(closing) {
            return Ok(SmallHeard::Taken);
        }
        let begun = self.closing.begun.take();
        let Some((_, cosigner)) = begun.filter(|(of, _)| *of == closing) else {
            // It died with the process that began it.
            self.begin(closing, with)?;
            return Ok(SmallHeard::Taken);
        };
        let signed = cosigner.sign(nonce);
        let Ok(signature) = signed.and_then(|(cosigned, _)| cosigned.finish(share)) else {
            return refused("a share that is none");
        };
        self.say(&BankTalk::Closed(closing, signature));
        self.left(&closing, signature)
    }

    /// The whole signature.
    fn hear_closed(
        &mut self,
        (closing, signature): (Closing, [u8; 64]),
    ) -> Result<SmallHeard, SmallError> {
        if self.unsigned() != Some(closing) {
            return Ok(SmallHeard::Taken);
        }
        let graph = self.graph(&closing)?;
        let task = Task::new(&graph, NodeId(0), 0)?;
        match task.verify(&AdaptorSignature(signature), None) {
            Ok(()) => self.left(&closing, signature),
            Err(error) => Ok(SmallHeard::Refused(error.to_string())),
        }
    }

    fn left(&mut self, closing: &Closing, signature: [u8; 64]) -> Result<SmallHeard, SmallError> {
        let tx: Transaction = finish_both(&self.graph(closing)?, NodeId(0), signature)?;
        self.step(&BankInput::Left(tx))?;
        Ok(SmallHeard::Taken)
    }
}

fn refused(why: &str) -> Result<SmallHeard, SmallError> {
    Ok(SmallHeard::Refused(why.to_owned()))
}
