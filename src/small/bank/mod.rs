//! Both sides of a penny bank between two nodes.

mod close;
mod coin;
mod opening;
mod payer;
mod provider;
mod stream;

use std::collections::{BTreeMap, VecDeque};

use bitcoin::{Amount, OutPoint, Transaction, Weight};
use narthex_base::{
    codec::Message,
    kinds::{self, Kind},
};
use narthex_channel::{
    Logged,
    bank::{
        BankConsent, BankEffect, BankFigures, BankInput, BankMachine, BankTalk, CoinAt, Leaving,
        Lineage, Side,
    },
    log::Log,
};
use narthex_contracts::{
    bank::{Bank, BankFunding, FORCE_CLOSE},
    depth::Depth,
    template::Reserve,
    terms::{FeeError, FeeRate, FeeRules},
};

use super::{Publication, SmallError, Talk};
use crate::life::{Due, Secrecy};

pub use payer::BankPayer;
pub use provider::BankProvider;

/// Its name.
pub(super) const FAMILY: &str = "bank";

/// By how many entries a summary must be shorter than a log before it takes its place.
const MUCH_SHORTER: u64 = 64;

/// The largest exit, a claim (870 wu), with a child of one coin and change.
const LARGEST_EXIT: Weight = Weight::from_wu(870 + 800);

/// Exits of one side behind each other: the force close, and what it is left by.
const EXITS: u32 = 2;

/// The coins that pay for a side's exits at this rate.
pub(super) fn reserve(rate: FeeRate) -> Result<Reserve, FeeError> {
    // What is left of a coin must be worth an output (P2TR, at Bitcoin Core's dust rate).
    let each = rate.checked_fee(LARGEST_EXIT)? + Amount::from_sat(330);
    Ok(Reserve { coins: EXITS, each })
}

/// Whether there can be a bank of these figures and this consent, and whether it is of use: asked at this height by a provider that waits
/// for this depth.
///
/// # Errors
/// [`SmallError::Refused`]; the fault of whoever asks.
pub fn check_bank(
    figures: &BankFigures,
    consent: &BankConsent,
    (tip, depth): (u32, Depth),
) -> Result<(), SmallError> {
    figures.check(consent).map_err(SmallError::refused)?;
    let last = figures
        .refund_height
        .saturating_sub(figures.claim_blocks.into());
    let first = tip.saturating_add(depth.blocks()).saturating_add(1);
    match first < last {
        true => Ok(()),
        false => Err(SmallError::refused(format_args!(
            "a penny is taken from height {first} on, and the force close is due at {last}"
        ))),
    }
}

/// What either side is made of.
struct Shared<S: Side> {
    machine: Logged<BankMachine<S>, Box<dyn Log>>,
    figures: BankFigures,
    consent: BankConsent,
    depth: Depth,
    /// Height of the chain as it was seen last.
    tip: u32,
    /// What is to be said.
    says: VecDeque<Vec<u8>>,
    closing: close::Session,
}

impl<S: Side> Shared<S> {
    fn open(
        (figures, consent): (BankFigures, BankConsent),
        depth: Depth,
        log: Box<dyn Log>,
    ) -> Result<Self, SmallError> {
        Ok(Shared {
            machine: Logged::open(BankMachine::default(), log)?,
            figures,
            consent,
            depth,
            tip: 0,
            says: VecDeque::new(),
            closing: close::Session::default(),
        })
    }

    fn step(&mut self, input: &BankInput) -> Result<(), SmallError> {
        self.machine.step(input)?;
        self.machine.compact(MUCH_SHORTER)?;
        Ok(())
    }

    /// The same of what a peer sends: what is refused is its fault, in words.
    fn hear(&mut self, input: &BankInput) -> Result<super::SmallHeard, SmallError> {
        match self.step(input) {
            Ok(()) => Ok(super::SmallHeard::Taken),
            Err(SmallError::Refused(why)) => Ok(super::SmallHeard::Refused(why)),
            Err(error) => Err(error),
        }
    }

    /// Whether a bank that is funded now would be force-closed at once.
    fn is_late(&self) -> bool {
        let claim_blocks = u32::from(self.figures.claim_blocks);
        let last = self.figures.refund_height.saturating_sub(claim_blocks);
        self.tip.saturating_add(1) >= last
    }

    fn say(&mut self, message: &impl Message) {
        self.says.push_back(message.to_bytes());
    }

    fn said(&mut self) -> Vec<(Talk, Vec<u8>)> {
        let all = self.says.drain(..);
        all.map(|body| (Talk::Peer(0), body)).collect()
    }

    fn lineage(&self) -> Result<&Lineage, SmallError> {
        let lineage = self.machine.machine().lineage();
        lineage.ok_or(SmallError::Order("terms of a bank"))
    }

    fn bank(&self) -> Result<&Bank, SmallError> {
        Ok(self.lineage()?.bank())
    }

    /// Once the force close is signed: before, nobody funds.
    fn signed(&self) -> Option<&Bank> {
        let machine = self.machine.machine();
        machine.force_close_signature()?;
        machine.lineage().map(|lineage| &**lineage.bank())
    }

    fn terms_id(&self) -> Option<[u8; 32]> {
        let lineage = self.machine.machine().lineage()?;
        Some(lineage.bank().terms().id())
    }

    /// The payer's coins in the terms.
    fn funding_coins(&self) -> Vec<OutPoint> {
        let lineage = self.machine.machine().lineage();
        let record = lineage.map(|lineage| lineage.bank().terms().record());
        match record.map(|record| &record.funding) {
            Some(BankFunding::Wallet { contribution, .. }) => {
                let coins = contribution.coins.iter();
                coins.map(|coin| coin.outpoint).collect()
            }
            _ => Vec::new(),
        }
    }

    /// One of the coins that the funding spends tells of it.
    fn watched(&self) -> Vec<OutPoint> {
        match self.signed() {
            Some(_) => self.funding_coins().into_iter().take(1).collect(),
            None => Vec::new(),
        }
    }

    /// Which outputs of a transaction are watched then.
    fn watches(&self, tx: &Transaction) -> Vec<u32> {
        let bank = self.signed();
        bank.map_or_else(Vec::new, |bank| coin::watches(bank, tx))
    }

    fn figures(&self) -> BTreeMap<String, u64> {
        let (machine, figures) = (self.machine.machine(), &self.figures);
        let sat = Amount::to_sat;
        [
            ("pennies", figures.pennies.into()),
            ("penny_sat", sat(figures.value)),
            ("capacity_sat", sat(figures.capacity)),
            ("paid", machine.pennies().into()),
            ("refund_height", figures.refund_height.into()),
            ("claim_blocks", figures.claim_blocks.into()),
            ("depth", self.depth.blocks().into()),
        ]
        .map(|(name, figure)| (name.to_owned(), figure))
        .into()
    }

    /// What is pending of transactions, as the host publishes them.
    fn publications(&self, at_stake: Amount) -> Vec<Publication> {
        let machine = self.machine.machine();
        let force_close = self
            .signed()
            .and_then(|bank| bank.graph().txid(FORCE_CLOSE));
        let due = |until| Due {
            until,
            confirm: 1,
            at_stake,
            secret: Secrecy::None,
        };
        let refund_height = self.figures.refund_height;
        let pending = self.machine.pending().into_iter();
        let transactions = pending.filter_map(|effect| match effect {
            BankEffect::Publish(tx) => Some((tx, false)),
            BankEffect::PublishWithChild(tx) => Some((tx, true)),
            _ => None,
        });
        let published = transactions.map(|(tx, needs_child)| {
            let is_force_close = Some(tx.compute_txid()) == force_close;
            let name = match (machine.leaving(), needs_child) {
                _ if is_force_close => "ForceClose",
                (Some(Leaving::Claim { .. }), true) => "Claim",
                (Some(Leaving::Refund), true) => "Refund",
                (Some(Leaving::TimeoutRefund), true) => "TimeoutRefund",
                (Some(_), false) if machine.coin() != CoinAt::Nowhere => "Close",
                _ => "Bank",
            };
            let until = match (is_force_close, machine.leaving(), machine.coin()) {
                // From T on the payer takes it back.
                (true, ..) if !S::PAYS => Some(refund_height),
                (_, Some(Leaving::Claim { .. }), CoinAt::ForceClosed { height }) => {
                    Some(height.saturating_add(self.figures.claim_blocks.into()))
                }
                _ => None,
            };
            let due = needs_child.then(|| due(until));
            Publication { name, tx, due }
        });
        published.collect()
    }
}

/// What may be heard of the other side in a message of the opening or the end.
fn talk(body: &[u8]) -> Result<Option<BankTalk>, narthex_base::codec::DecodeError> {
    match body.starts_with(BankTalk::KIND.as_bytes()) {
        true => BankTalk::from_bytes(body).map(Some),
        false => Ok(None),
    }
}

/// What the payer hears.
const PAYER_HEARS: &[Kind] = &[kinds::BANK_TALK, kinds::STREAM_TALK];
/// What the provider hears.
const PROVIDER_HEARS: &[Kind] = &[
    kinds::BANK_TALK,
    kinds::COMMITMENTS,
    kinds::PENNY,
    kinds::STREAM_ORDER,
    kinds::STREAM_TALK,
];
