//! The payer of a bank between two nodes.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Transaction, secp256k1::rand::rngs::OsRng};
use narthex_base::{codec::Message as _, kinds::Kind};
use narthex_channel::{
    bank::{
        BankConsent, BankEffect, BankFigures, BankInput, BankTalk, CoinAt, Leaving, Lineage, Payer,
        PayerDuty, PayerRecord, Paying,
    },
    log::Log,
};
use narthex_contracts::{
    bank::{
        AdaptorCommitments, ChainSeed, PAYER, PayerOpening, Penny, Phase, REFUND, TIMEOUT_REFUND,
    },
    builder::{Task, finish},
    depth::Depth,
    derive::{OwnSalt, Salted},
};

use super::{
    FAMILY, PAYER_HEARS, Shared,
    stream::{Doing, Paying as Streaming},
    talk,
};
use crate::small::{
    Delivered, Publication, SmallError, SmallHeard, SmallOrder, SmallSide, Streamed, Surroundings,
    Talk,
};

/// Commitments that are signed at once.
const BATCH: usize = 8;

/// The payer's side.
pub struct BankPayer {
    pub(super) own: Shared<Paying>,
    stream: Streaming,
    /// The force close is being signed: terms, and what the provider's answer completes.
    pub(super) opening: Option<([u8; 32], PayerOpening)>,
    pub(super) attempts: u32,
    /// Key and chain, made when they are needed first.
    signer: Option<Payer>,
    /// The last penny that was said since the start.
    told: u32,
    is_told_signed: bool,
}

impl BankPayer {
    /// As its logs left it: the bank's, and that of the streams which it pays for.
    ///
    /// # Errors
    /// [`SmallError::Open`].
    pub fn open(
        about: (BankFigures, BankConsent),
        depth: Depth,
        (log, stream): (Box<dyn Log>, Box<dyn Log>),
    ) -> Result<BankPayer, SmallError> {
        Ok(BankPayer {
            own: Shared::open(about, depth, log)?,
            stream: Streaming::open(stream)?,
            opening: None,
            attempts: 0,
            signer: None,
            told: 0,
            is_told_signed: false,
        })
    }

    /// The signer of this bank, as the machine stood before what it has not said.
    fn signer(&mut self, with: &Surroundings<'_>) -> Result<&mut Payer, SmallError> {
        if self.signer.is_none() {
            let machine = self.own.machine.machine();
            let signature = machine.force_close_signature().copied();
            let force_close = signature.ok_or(SmallError::Order("a force close"))?;
            let record = PayerRecord {
                revealed: machine.pennies(),
                phase: Phase::Open,
                force_close,
                ptlcs: Vec::new(),
                framed: 0,
                given: Vec::new(),
            };
            let bank = self.own.lineage()?.derive()?;
            let salt = bank.terms().record().salt;
            let seed = chain_seed(with, salt.as_ref());
            self.signer = Some(Payer::restore(bank, with.key, &seed, record)?);
        }
        self.signer.as_mut().ok_or(SmallError::Order("a signer"))
    }

    /// The penny, behind the commitments that let the provider take it.
    fn give(&mut self, to: u32, with: &Surroundings<'_>) -> Result<(), SmallError> {
        if self.told >= to {
            return Ok(());
        }
        // A slice of a stream is enforceable to its last penny: it has a commitment of its own.
        let ends_slice = self.stream.ends_at(to);
        let signer = self.signer(with)?;
        let slice = match ends_slice && signer.record().revealed < to {
            true => Some(AdaptorCommitments {
                bank: signer.bank().terms().bank(),
                commitments: vec![signer.commitment(to, &mut OsRng)?],
            }),
            false => None,
        };
        let penny = match to.saturating_sub(signer.record().revealed) {
            0 => signer.last_penny(),
            behind => Some(signer.pay(behind)?),
        };
        let (is_slice, mut batches) = (slice.is_some(), Vec::from_iter(slice));
        while !is_slice && signer.covered() < to {
            let batch = signer.commitments(BATCH, &mut OsRng)?;
            if batch.commitments.is_empty() {
                break;
            }
            batches.push(batch);
        }
        for batch in &batches {
            self.own.say(batch);
        }
        if let Some(penny) = penny {
            self.own.says.push_back(penny.to_bytes().to_vec());
        }
        self.told = to;
        Ok(())
    }

    /// Of a bank that ends nothing more is paid for.
    fn end_stream(&mut self) -> Result<(), SmallError> {
        match self.stream.machine().runs() {
            true => self.stream.stop("its bank ends"),
            false => Ok(()),
        }
    }

    /// What it takes back by its key alone.
    fn take_back(&mut self, how: Leaving, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let node = match how {
            Leaving::Refund => REFUND,
            _ => TIMEOUT_REFUND,
        };
        let graph = self.own.bank()?.graph();
        let task = Task::new(graph, node, 0)?;
        let signature = task.sign_alone((PAYER, &with.key), None, &mut OsRng)?;
        let tx = finish(graph, node, &[signature.0], &[])?;
        self.own.step(&BankInput::Left(tx))
    }

    /// The wallet signs the funding, of a node that was asked.
    fn fund(&mut self, with: &Surroundings<'_>) -> Result<(), SmallError> {
        let Some(node) = with.node else {
            return Ok(());
        };
        let signature = self.own.machine.machine().force_close_signature();
        let signature = signature.ok_or(SmallError::Order("a force close"))?;
        let mut psbt = self.own.bank()?.funding_psbt(signature, node)?;
        let tx = with.wallet.sign_all(&mut psbt)?;
        self.own.step(&BankInput::Funded(tx))
    }
}

/// The seed of a bank's chain, by the salt of its terms.
pub(super) fn chain_seed(with: &Surroundings<'_>, salt: &[u8; 32]) -> ChainSeed {
    let secret = Salted::new(with.seed, OwnSalt::from_bytes(*salt)).bank_chain();
    ChainSeed::from_bytes(*secret.expose())
}

impl SmallSide for BankPayer {
    fn family(&self) -> &'static str {
        FAMILY
    }

    fn role(&self) -> &'static str {
        "payer"
    }

    fn standing(&self) -> &'static str {
        self.own.machine.machine().standing()
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let mut figures = self.own.figures();
        let given = self.own.machine.machine().pennies();
        figures.extend(self.stream.figures(given));
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
        PAYER_HEARS
    }

    fn hear(
        &mut self,
        _: Talk,
        body: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Result<SmallHeard, SmallError> {
        let given = self.own.machine.machine().pennies();
        if let Some(heard) = self.stream.hear(body, given)? {
            return Ok(heard);
        }
        let talk = match talk(body) {
            Ok(Some(talk)) => talk,
            Ok(None) => return Ok(SmallHeard::Refused("it is the payer who gives that".into())),
            Err(error) => return Ok(SmallHeard::Refused(error.to_string())),
        };
        match talk {
            BankTalk::Answer {
                terms,
                nonce,
                share,
            } => self.answered(terms, (nonce, share)),
            BankTalk::Again { terms } => {
                self.opening.take_if(|(id, _)| *id == terms);
                Ok(SmallHeard::Taken)
            }
            BankTalk::Terms { .. } | BankTalk::Signed { .. } => {
                Ok(SmallHeard::Refused("it is the payer who says that".into()))
            }
            end => self.own.hear_end(end, with),
        }
    }

    fn came_back(&mut self, body: &[u8]) -> Result<(), SmallError> {
        let machine = self.own.machine.machine();
        match talk(body) {
            Ok(Some(BankTalk::Terms { json, .. })) if machine.lineage().is_none() => {
                if let Ok(terms) = narthex_contracts::bank::BankTerms::from_json(&json) {
                    self.own
                        .step(&BankInput::Propose(Lineage::new(vec![terms])?))?;
                }
            }
            Ok(Some(BankTalk::Signed { terms, force_close }))
                if self.own.terms_id() == Some(terms) =>
            {
                self.own.step(&BankInput::Signed { force_close })?;
            }
            _ => {
                // A penny that was given is given; what a restored payer gives next comes behind it.
                let penny = Penny::from_bytes(body).ok();
                let is_news = |penny: &Penny| penny.index > machine.pennies();
                if let Some(penny) = penny.filter(is_news) {
                    // It may be that its coin was not seen yet.
                    let _ = self.own.hear(&BankInput::Pay { to: penny.index })?;
                }
                self.stream.came_back(body)?;
            }
        }
        Ok(())
    }

    fn order(&mut self, order: SmallOrder, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        match order {
            SmallOrder::Pay { .. } if self.stream.machine().runs() => Err(SmallError::refused(
                "a stream is paid out of this bank: stop it, or wait for its end",
            )),
            SmallOrder::Pay { to } => self.own.step(&BankInput::Pay { to }),
            SmallOrder::Close => {
                self.own.order_close(with)?;
                self.end_stream()
            }
            SmallOrder::ForceClose => {
                self.own.step(&BankInput::ForceClose)?;
                self.end_stream()
            }
            SmallOrder::Stop => self.stream.stop("its payer stops it"),
            SmallOrder::Serve
            | SmallOrder::Reserve { .. }
            | SmallOrder::Debit { .. }
            | SmallOrder::Release { .. } => {
                Err(SmallError::refused("it is the provider who serves"))
            }
            SmallOrder::Next => Err(SmallError::refused("in a bank there is nobody to accept")),
            SmallOrder::GiveUp { .. } => Err(SmallError::refused(
                "in a bank there is nobody's post to wait for",
            )),
        }
    }

    fn give(&mut self, bytes: &[u8]) -> Result<(), SmallError> {
        self.stream.give(bytes, self.own.machine.machine())
    }

    fn delivered(&self) -> Option<Delivered> {
        let opened = self.stream.machine().opened();
        (!opened.is_empty()).then(|| Delivered {
            what: "result",
            bytes: opened.concat(),
        })
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
        let Some(bank) = self.own.signed() else {
            return Ok(());
        };
        let duty = PayerDuty::of(bank.terms().record(), tip, machine.coin().into());
        let how = match duty {
            PayerDuty::None => return Ok(()),
            PayerDuty::Refund => Leaving::Refund,
            PayerDuty::TimeoutRefund => Leaving::TimeoutRefund,
        };
        match machine.leaving() == Some(&how) {
            true => Ok(()),
            false => self.own.step(&BankInput::Leave { tip, how }),
        }
    }

    fn go_on(&mut self, with: &mut Surroundings<'_>) -> Result<(), SmallError> {
        for effect in self.own.machine.pending() {
            if let BankEffect::Sign(how @ (Leaving::Refund | Leaving::TimeoutRefund)) = effect {
                self.take_back(how, with)?;
            }
        }
        if !with.may_sign {
            return Ok(());
        }
        let is_begun = self.opening.is_some() || self.own.is_late();
        if matches!(self.standing(), "new" | "proposed") && !is_begun {
            self.begin(with)?;
        }
        let machine = self.own.machine.machine();
        let signature = machine.force_close_signature().copied();
        if let (Some(force_close), Some(terms), false) =
            (signature, self.own.terms_id(), self.is_told_signed)
        {
            self.is_told_signed = true;
            self.own.say(&BankTalk::Signed { terms, force_close });
        }
        for doing in self.stream.go_on(self.own.machine.machine())? {
            match doing {
                Doing::Pay(to) => self.own.step(&BankInput::Pay { to })?,
                Doing::Say(body) => self.own.says.push_back(body),
            }
        }
        for effect in self.own.machine.pending() {
            match effect {
                BankEffect::Fund if !self.own.is_late() => self.fund(with)?,
                BankEffect::Give { to } => self.give(to, with)?,
                _ => {}
            }
        }
        self.own.ask_close();
        Ok(())
    }

    fn said(&mut self) -> Vec<(Talk, Vec<u8>)> {
        self.own.said()
    }

    fn funds(&self) -> bool {
        matches!(self.standing(), "new" | "proposed" | "signed")
    }

    fn publications(&self) -> Vec<Publication> {
        self.own.publications(self.own.figures.capacity)
    }

    fn coins(&self) -> Vec<OutPoint> {
        match self.own.machine.machine().coin() {
            CoinAt::Nowhere => self.own.funding_coins(),
            _ => Vec::new(),
        }
    }

    fn acts_at(&self) -> Option<u32> {
        let machine = self.own.machine.machine();
        let record = self.own.signed()?.terms().record();
        match machine.coin() {
            CoinAt::Banked { .. } => Some(record.refund_height.saturating_add(1)),
            CoinAt::ForceClosed { height } => {
                Some(height.saturating_add(record.claim_blocks.into()))
            }
            _ => None,
        }
    }

    fn changes(&self) -> u64 {
        let streams = self.stream.changes();
        self.own.machine.changes().saturating_add(streams)
    }

    fn is_over(&self) -> bool {
        let is_funded = || {
            let mut pending = self.own.machine.pending().into_iter();
            pending.any(|effect| matches!(effect, BankEffect::Publish(_)))
        };
        match self.standing() {
            "new" | "proposed" => self.own.is_late(),
            "signed" => self.own.is_late() && !is_funded(),
            standing => standing == "over",
        }
    }
}
