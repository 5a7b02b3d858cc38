//! The provider of a bank between two nodes.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Transaction, secp256k1::rand::rngs::OsRng};
use narthex_base::{codec::Message as _, kinds::Kind};
use narthex_channel::{
    bank::{
        BankConsent, BankEffect, BankFigures, BankInput, BankTalk, Coin, CoinAt, Leaving, Lineage,
        Provider, ProviderDuty, Receiving,
    },
    log::Log,
    stream::Metering,
};
use narthex_contracts::{
    bank::{AdaptorCommitments, BankError, BankTerms, Penny, ProviderOpening},
    binding::BindError,
    depth::Depth,
    musig::PublicNonce,
};

use super::{FAMILY, PROVIDER_HEARS, Shared, stream::Serving, talk};
use crate::small::{
    Publication, SmallError, SmallHeard, SmallOrder, SmallSide, Streamed, Surroundings, Talk,
};

/// Terms that are looked at between two starts: each costs a line in the record of what was bound.
const MOST_PROPOSALS: u32 = 64;

/// The provider's side.
pub struct BankProvider {
    own: Shared<Receiving>,
    stream: Serving,
    /// Terms that were looked at since the start.
    proposals: u32,
}

impl BankProvider {
    /// As its logs left it: the bank's, and that of the streams that it serves.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        about: (BankFigures, BankConsent),
        depth: Depth,
        (log, stream): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<BankProvider, SmallError> {
        Ok(BankProvider {
            own: Shared::open(about, depth, log)?,
            stream: Serving::open(stream)?,
            proposals: 0,
        })
    }

    /// The payer's terms. They are in the log before a nonce for them leaves; those of a session that died give way.
    fn proposed(
        &mut self,
        (json, nonce): (&[u8], PublicNonce),
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let refused = |why: &dyn std::fmt::Display| Ok(SmallHeard::Refused(why.to_string()));
        if self.own.signed().is_some() {
            return refused(&"the force close of other terms is signed");
        }
        if self.proposals >= MOST_PROPOSALS {
            return refused(&"so many terms were proposed before");
        }
        self.proposals += 1;
        let terms = match BankTerms::from_json(json) {
            Ok(terms) => terms,
            Err(error) => return refused(&error),
        };
        let (figures, consent) = (&self.own.figures, &self.own.consent);
        if let Err(error) = figures.check_terms(consent, terms.record()) {
            return refused(&error);
        }
        let id = terms.id();
        let lineage = match Lineage::new(vec![terms]) {
            Ok(lineage) => lineage,
            Err(error) => return refused(&error),
        };
        let bank = lineage.derive()?;
        self.own.step(&BankInput::Abandon)?;
        self.own.step(&BankInput::Propose(lineage))?;
        let opened = ProviderOpening::new(bank, with.key, nonce, &mut *with.bindings, &mut OsRng);
        match opened {
            // The payer puts the signature together, and shows it whole.
            Ok((_, nonce, share)) => self.own.say(&BankTalk::Answer {
                terms: id,
                nonce,
                share,
            }),
            Err(BankError::Bind(BindError::Used { .. })) => {
                self.own.say(&BankTalk::Again { terms: id });
            }
            Err(BankError::Bind(error)) => return Err(SmallError::Bank(error.into())),
            Err(error) => return refused(&error),
        }
        Ok(SmallHeard::Taken)
    }

    /// Before its coin is there as deep as this side wants it, nothing is taken for it.
    fn paid(&mut self, input: &BankInput) -> Result<SmallHeard, SmallError> {
        let machine = self.own.machine.machine();
        let is_early = match machine.coin() {
            CoinAt::Nowhere => machine.standing() == "signed",
            CoinAt::Banked { is_deep } => !is_deep && machine.standing() == "open",
            _ => false,
        };
        match is_early && matches!(input, BankInput::Penny(_)) {
            true => Ok(SmallHeard::Later),
            false => self.own.hear(input),
        }
    }

    /// Pennies that are no stream's: kept, used or freed for a request. What is enforceable alone counts.
    fn meter(&mut self, key: [u8; 32], what: Metering) -> Result<(), SmallError> {
        let book = self.own.machine.machine().book();
        let enforceable = book.map_or(0, |book| book.enforceable());
        self.stream.meter(key, what, enforceable)
    }

    /// Its claim by the best commitment.
    fn claim(&mut self, commitment: u32, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let book = self.own.machine.machine().book().cloned();
        let book = book.ok_or(SmallError::Order("a provider's book"))?;
        let signer = Provider::with_key(book, with.key)?;
        let tx = signer.claim(commitment, &mut OsRng)?;
        self.own.step(&BankInput::Left(tx))
    }
}

impl SmallSide for BankProvider {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "provider"
    }

    fn standing(&self) -> &'static str {
        self.own.machine.machine().standing()
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let mut figures = self.own.figures();
        let book = self.own.machine.machine().book();
        let enforceable = book.map_or(0, |book| book.enforceable());
        figures.insert("enforceable".to_owned(), enforceable.into());
        figures.extend(self.stream.figures(enforceable));
        figures
    }

    fn stream(&self) -> Option<Streamed> {
        let machine = self.stream.machine();
        machine.order()?;
        Some(Streamed {
            standing: machine.standing(),
            why: machine.why_stopped().map(|why| why.reason.clone()),
        })
    }

    fn rate(&self) -> FeeRate {
        self.own.figures.rate
    }

    fn name_of(&self, tx: &Transaction) -> &'static str {
        self.own.name_of(tx)
    }

    fn hears(&self) -> &'static [Kind] {
        PROVIDER_HEARS
    }

    fn hear(
        &mut self,
        _: Talk,
        body: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let refused = |error: &dyn std::fmt::Display| Ok(SmallHeard::Refused(error.to_string()));
        if let Some(heard) = self.stream.hear(body, self.own.machine.machine())? {
            return Ok(heard);
        }
        if body.starts_with(AdaptorCommitments::KIND.as_bytes()) {
            return match AdaptorCommitments::from_bytes(body) {
                Ok(commitments) => self.paid(&BankInput::AdaptorCommitments(commitments)),
                Err(error) => refused(&error),
            };
        }
        let talk = match talk(body) {
            Ok(Some(talk)) => talk,
            Ok(None) => {
                return match Penny::from_bytes(body) {
                    Ok(penny) => self.paid(&BankInput::Penny(penny)),
                    Err(error) => refused(&error),
                };
            }
            Err(error) => return refused(&error),
        };
        match talk {
            BankTalk::Terms { json, nonce } => self.proposed((&json, nonce), with),
            BankTalk::Signed { terms, force_close } => match self.own.terms_id() == Some(terms) {
                true => self.own.hear(&BankInput::Signed { force_close }),
                false => refused(&"the force close is of other terms"),
            },
            BankTalk::Answer { .. } | BankTalk::Again { .. } => {
                refused(&"it is the provider who says that")
            }
            end => self.own.hear_end(end, with),
        }
    }

    fn order(&mut self, order: SmallOrder, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        match order {
            SmallOrder::Pay { .. } => Err(SmallError::refused(
                "the provider is paid, and does not pay",
            )),
            SmallOrder::Close => self.own.order_close(with),
            SmallOrder::ForceClose => self.own.step(&BankInput::ForceClose),
            SmallOrder::Serve => self.stream.serve(),
            SmallOrder::Reserve { key, pennies } => self.meter(key, Metering::Reserve(pennies)),
            SmallOrder::Debit { key, pennies } => self.meter(key, Metering::Debit(pennies)),
            SmallOrder::Release { key } => self.meter(key, Metering::Release),
            SmallOrder::Stop => self.stream.stop("its provider stops it"),
            SmallOrder::Next => Err(SmallError::refused("in a bank there is nobody to accept")),
            SmallOrder::GiveUp { .. } => Err(SmallError::refused(
                "in a bank there is nobody's post to wait for",
            )),
        }
    }

    fn watched(&self) -> Vec<OutPoint> {
        self.own.watched()
    }

    fn watches(&self, tx: &Transaction) -> Vec<u32> {
        self.own.watches(tx)
    }

    fn seen(&mut self, found: &[(u32, &Transaction)], tip: u32) -> Result<(), SmallError> {
        self.own.look(found, tip)?;
        let machine = self.own.machine.machine();
        let Some(book) = machine.book() else {
            return Ok(());
        };
        let coin = Coin::from(machine.coin());
        match book.duty(tip, coin) {
            ProviderDuty::ForceClose => self.own.step(&BankInput::ForceClose),
            ProviderDuty::Claim { commitment } => {
                let how = Leaving::Claim { commitment };
                match machine.leaving() == Some(&how) {
                    true => Ok(()),
                    false => self.own.step(&BankInput::Leave { tip, how }),
                }
            }
            _ => Ok(()),
        }
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        for effect in self.own.machine.pending() {
            if let BankEffect::Sign(Leaving::Claim { commitment }) = effect {
                self.claim(commitment, with)?;
            }
        }
        let bank = self.own.machine.machine();
        let said = self.stream.go_on(bank, (with.seed, with.may_sign))?;
        self.own.says.extend(said);
        if with.may_sign {
            self.own.ask_close();
        }
        Ok(())
    }

    fn said(&mut self) -> Vec<(Talk, Vec<u8>)> {
        self.own.said()
    }

    fn funds(&self) -> bool {
        matches!(self.standing(), "new" | "proposed" | "signed")
    }

    fn publications(&self) -> Vec<Publication> {
        let book = self.own.machine.machine().book();
        let worth = book.map(|book| book.bank().terms().worth(book.enforceable()));
        self.own.publications(worth.unwrap_or_default())
    }

    fn acts_at(&self) -> Option<u32> {
        let machine = self.own.machine.machine();
        let book = machine.book().filter(|book| book.enforceable() > 0)?;
        match machine.coin() {
            CoinAt::Banked { .. } => Some(book.bank().terms().force_close_height()),
            _ => None,
        }
    }

    fn changes(&self) -> u64 {
        let streams = self.stream.changes();
        self.own.machine.changes().saturating_add(streams)
    }

    fn is_over(&self) -> bool {
        // A coin that comes above T is the payer's to take back, and pays for nothing.
        let is_past = self.own.tip > self.own.figures.refund_height;
        match self.standing() {
            "new" | "proposed" | "signed" => is_past,
            standing => standing == "over",
        }
    }
}
