//! Which family a small contract is of, by the figures of its ask, and what follows from that before it is joined.

use std::collections::BTreeMap;

use bitcoin::{
    ScriptBuf,
    secp256k1::{PublicKey, Secp256k1},
};
use narthex_base::{codec::Message as _, kinds::Kind};
use narthex_channel::{
    bank::{BankConsent, BankFigures},
    bounty::BountyFigures,
    delivery::{DeliveryAgent, DeliveryFigures},
    log::Log,
    slice::{SliceConsent, SliceFigures},
    small::{SmallAnswer, SmallMachine, SmallPeer},
};
use narthex_contracts::{
    deliver::Request,
    depth::Depth,
    template::Reserve,
    terms::{FeeError, FeeRate},
};

use super::{
    BankPayer, BankProvider, BountyRecomputer, BountyRequester, DeliveryKeeper, DeliveryRecipient,
    DeliverySender, Member, SliceClient, SliceProvider, SmallError, SmallSide, bank, bounty,
    check_bank, check_bounty, check_figures, check_slice, delivery, line_up, slice,
};

/// Which family an ask is of, from its figures.
///
/// # Errors
/// [`SmallError::Refused`] if they are of no family that is hosted: the fault of whoever asks.
pub fn family_of(figures: &[u8]) -> Result<&'static str, SmallError> {
    match Family::of(figures)? {
        Family::Bank(_) => Ok(bank::FAMILY),
        Family::Bounty(_) => Ok(bounty::FAMILY),
        Family::Slice(_) => Ok(slice::FAMILY),
        Family::Delivery(_) | Family::Guest(_) => Ok(delivery::FAMILY),
    }
}

/// Whether an ask is for this node's part in a contract with others, from its figures.
pub fn is_guests(figures: &[u8]) -> bool {
    matches!(Family::of(figures), Ok(Family::Guest(_)))
}

/// The other nodes that this one talks with, beside the one that asks it for a contract of these figures.
pub fn members(figures: &[u8], node: &PublicKey) -> Vec<Member> {
    line_up::members(&seats_of(figures), node)
}

/// Those that an ask of these figures names.
fn seats_of(figures: &[u8]) -> Vec<SmallPeer> {
    match Family::of(figures) {
        Ok(Family::Bounty(figures)) => bounty::seats_of(&figures),
        Ok(Family::Slice(figures)) => figures.seats,
        _ => Vec::new(),
    }
}

/// Where the others of a contract of these figures are told that this node listens, if they are.
pub fn named_at(figures: &[u8], node: &PublicKey) -> Option<String> {
    line_up::named_at(&seats_of(figures), node)
}

/// Whether there can be a contract of these figures, asked now of this node, with this key in it, at this height, if its owner takes it for
/// the least depth that there is.
///
/// # Errors
/// [`SmallError::Refused`]; the fault of whoever asks.
pub fn check_ask(
    figures: &[u8],
    (node, own): (&PublicKey, &PublicKey),
    tip: u32,
) -> Result<(), SmallError> {
    match Family::of(figures)? {
        Family::Bank(figures) => {
            // Whatever script its owner will choose: any of this form is as good.
            let (key, _) = own.x_only_public_key();
            let provider_script = ScriptBuf::new_p2tr(&Secp256k1::verification_only(), key, None);
            let consent = BankConsent {
                provider: *own,
                provider_script,
            };
            check_bank(&figures, &consent, (tip, Depth::LEAST))
        }
        Family::Delivery(figures) => check_figures(&figures, tip, Depth::LEAST),
        Family::Bounty(figures) => check_bounty(&figures, (tip, Depth::LEAST), Some(node)),
        Family::Slice(figures) => check_slice(&figures, (tip, Depth::LEAST), Some(node)),
        // What it is about knows.
        Family::Guest(_) => Ok(()),
    }
}

/// What an ask is for.
enum Family {
    Bank(BankFigures),
    Delivery(DeliveryFigures),
    Bounty(BountyFigures),
    Slice(SliceFigures),
    Guest(Request),
}

impl Family {
    fn of(figures: &[u8]) -> Result<Family, SmallError> {
        let begins = |kind: Kind| figures.starts_with(kind.as_bytes());
        if begins(DeliveryFigures::KIND) {
            let read = DeliveryFigures::from_bytes(figures).map(Family::Delivery);
            return read.map_err(SmallError::refused);
        }
        if begins(BountyFigures::KIND) {
            let read = BountyFigures::from_bytes(figures).map(Family::Bounty);
            return read.map_err(SmallError::refused);
        }
        if begins(SliceFigures::KIND) {
            let read = SliceFigures::from_bytes(figures).map(Family::Slice);
            return read.map_err(SmallError::refused);
        }
        if begins(Request::KIND) {
            let read = Request::from_bytes(figures).map(Family::Guest);
            return read.map_err(SmallError::refused);
        }
        let read = BankFigures::from_bytes(figures).map(Family::Bank);
        read.map_err(SmallError::refused)
    }
}

/// The coins that a host keeps back to pay for the exits of a side, by what its ask is for.
///
/// # Errors
/// [`FeeError`] if the rate is taken for a mistake.
pub fn reserve_of(figures: &[u8], rate: FeeRate) -> Result<Reserve, FeeError> {
    match Family::of(figures) {
        // What leaves a delivery pays out of its coin.
        Ok(Family::Delivery(_) | Family::Guest(_)) => Ok(Reserve::NONE),
        Ok(Family::Bounty(_)) => bounty::reserve(rate),
        Ok(Family::Slice(_)) => slice::reserve(rate),
        Ok(Family::Bank(_)) | Err(_) => bank::reserve(rate),
    }
}

/// The side of this node in a contract that is joined, as its logs left it: the machine's, and the one of what is kept apart.
///
/// # Errors
/// [`SmallError`]: a log cannot be read, or it is not joined.
pub fn open(
    asked: &SmallMachine,
    node: &PublicKey,
    (log, apart): (Box<dyn Log>, Box<dyn Log>),
) -> Result<Box<dyn SmallSide>, SmallError> {
    let order = SmallError::Order("a small contract that is joined");
    let (Some(begun), "joined" | "over", Some(depth)) =
        (asked.begun(), asked.standing(), asked.depth())
    else {
        return Err(order);
    };
    let answers = asked.answers().iter();
    let takes = answers.filter_map(|(by, answer)| match answer {
        SmallAnswer::Takes(figures) => Some((*by, &figures[..])),
        SmallAnswer::Declines(_) | SmallAnswer::Declined(_) => None,
    });
    let takes: BTreeMap<_, _> = takes.collect();
    let first = takes.get(&0).copied();
    match (Family::of(&begun.ask.figures)?, begun.is_own) {
        (Family::Bank(figures), is_payer) => {
            let consent = BankConsent::from_bytes(first.ok_or(order)?);
            let consent = consent.map_err(SmallError::refused)?;
            Ok(match is_payer {
                true => Box::new(BankPayer::open((figures, consent), depth, (log, apart))?),
                false => Box::new(BankProvider::open((figures, consent), depth, (log, apart))?),
            })
        }
        (Family::Delivery(figures), true) => {
            let agents = takes
                .values()
                .map(|figures| DeliveryAgent::from_bytes(figures));
            let agents = agents.collect::<Result<Vec<_>, _>>();
            let about = (figures, agents.map_err(SmallError::refused)?);
            let side = DeliverySender::open(about, (begun.ask.salt, depth), (log, apart))?;
            Ok(Box::new(side))
        }
        (Family::Delivery(figures), false) => {
            let own = DeliveryAgent::from_bytes(first.ok_or(order)?);
            let about = (figures, own.map_err(SmallError::refused)?);
            Ok(Box::new(DeliveryKeeper::open(about, depth, (log, apart))?))
        }
        (Family::Bounty(figures), true) => {
            let about = (figures, begun.ask.id());
            Ok(Box::new(BountyRequester::open(about, depth, (log, apart))?))
        }
        (Family::Bounty(figures), false) => {
            let (Some(seat), Some(asking)) = (figures.seat_of(node), begun.peers.first()) else {
                return Err(order);
            };
            let of = (begun.ask.id(), asking.node);
            let side = BountyRecomputer::open(figures, of, (seat, depth), (log, apart))?;
            Ok(Box::new(side))
        }
        (Family::Slice(figures), true) => {
            let brought: Vec<_> = takes.values().copied().collect();
            let of = (begun.ask.id(), depth);
            let side = SliceClient::open((figures, &brought), of, (log, apart))?;
            Ok(Box::new(side))
        }
        (Family::Slice(figures), false) => {
            let (Some(seat), Some(asking)) = (figures.seat_of(node), begun.peers.first()) else {
                return Err(order);
            };
            let own = SliceConsent::from_bytes(first.ok_or(order)?);
            let about = (figures, own.map_err(SmallError::refused)?);
            let of = (begun.ask.id(), asking.node);
            let side = SliceProvider::open(about, of, (seat, depth), (log, apart))?;
            Ok(Box::new(side))
        }
        (Family::Guest(request), true) => {
            let side = DeliveryRecipient::open(request.funding, depth, (log, apart))?;
            Ok(Box::new(side))
        }
        // It has no side of its own: it is served by that of another.
        (Family::Guest(_), false) => Err(order),
    }
}
