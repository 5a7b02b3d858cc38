//! What two sides of a channel agree on before it is funded, and all that follows from it at once.

use std::fmt;

use bitcoin::{
    Amount, FeeRate, OutPoint, ScriptBuf, TxOut, Weight, XOnlyPublicKey, secp256k1::PublicKey,
};
use narthex_base::{
    codec::{DecodeError, Reader, Writer},
    context,
    tagged::tagged_hash,
};

use super::{Basepoints, ChannelError, Obscured};
use crate::{
    builder::place_key,
    funding::FeeRules,
    musig::KeySet,
    party::{PartyId, PartyName},
};

/// Most pending payments with an output each way: so many keep a commitment within the 10,000 vB of version 3 (TRUC).
pub const MAX_PAYMENTS: usize = 114;

/// What a claim may cost at worst, 20 sat/vB: payments that are not worth a claim at this rate have no output, and fee coins are kept for
/// claims at it.
pub const WORST_RATE: FeeRate = FeeRate::from_sat_per_kwu(5_000);

/// Vsize of a claim, rounded up with its fee input and change: HTLC success, the larger one.
const CLAIM_VBYTES: u64 = 277;
/// The same of a point-locked payment.
const POINT_CLAIM_VBYTES: u64 = 262;
/// Vsize of a commitment without payments, of each payment's output, and of the child that pays for it all.
const COMMITMENT_VBYTES: u64 = 167;
const OUTPUT_VBYTES: u64 = 43;
const CHILD_VBYTES: u64 = 153;

/// A side of a channel, the same word on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Who proposed the channel and pays for its coin.
    Opener,
    /// The other.
    Accepter,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Side; 2] = [Side::Opener, Side::Accepter];

    /// 0 or 1.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The counterparty.
    #[must_use]
    pub const fn other(self) -> Side {
        match self {
            Side::Opener => Side::Accepter,
            Side::Accepter => Side::Opener,
        }
    }

    /// As signers are called.
    pub const fn party(self) -> PartyName {
        match self {
            Side::Opener => PartyName::new(PartyId(0), "opener"),
            Side::Accepter => PartyName::new(PartyId(1), "accepter"),
        }
    }

    /// Writes it, in a byte.
    pub fn write(self, w: &mut Writer) {
        w.u8(self as u8);
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<Side, DecodeError> {
        match r.u8("side")? {
            0 => Ok(Side::Opener),
            1 => Ok(Side::Accepter),
            other => Err(DecodeError::invalid("side", other)),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.party().fmt(f)
    }
}

/// What is agreed on. Pairs are opener's, accepter's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelTerms {
    /// What the coin holds.
    pub capacity: Amount,
    /// Each side's keys.
    pub basepoints: [Basepoints; 2],
    /// Blocks that each side's own money is locked for after it published a commitment: the time to punish it.
    pub delay: [u16; 2],
    /// Payments below have no output.
    pub trim: Amount,
    /// Most that may be pending of each side's payments together.
    pub in_flight: Amount,
}

impl ChannelTerms {
    /// Terms with the usual figures: 144 blocks, payments from what a claim costs at [`WORST_RATE`] on, any amount in flight.
    pub fn usual(capacity: Amount, basepoints: [Basepoints; 2]) -> ChannelTerms {
        ChannelTerms {
            capacity,
            basepoints,
            delay: [144; 2],
            trim: worst_fee(POINT_CLAIM_VBYTES),
            in_flight: capacity,
        }
    }

    /// Least and most blocks of a delay: b + r, and two weeks.
    pub const DELAY: (u16, u16) = (12, 2_016);

    /// Least capacity: below it the reserve is worth no output.
    pub const LEAST_CAPACITY: Amount = Amount::from_sat(100_000);

    fn check(&self) -> Result<(), ChannelError> {
        let fail = |what| Err(ChannelError::Terms(what));
        if self.capacity < Self::LEAST_CAPACITY || self.capacity > Amount::MAX_MONEY {
            return fail("capacity");
        }
        let (least, most) = Self::DELAY;
        if self
            .delay
            .iter()
            .any(|delay| *delay < least || *delay > most)
        {
            return fail("delay");
        }
        if self.trim < Amount::from_sat(330) || self.trim > self.capacity {
            return fail("trim");
        }
        if self.in_flight > self.capacity {
            return fail("in flight");
        }
        let keys: Vec<PublicKey> = self.basepoints.iter().flat_map(Basepoints::all).collect();
        let twice = (1..keys.len()).any(|i| keys[..i].contains(&keys[i]));
        match twice {
            true => fail("a key stands there twice"),
            false => Ok(()),
        }
    }

    /// Writes them.
    pub fn write(&self, w: &mut Writer) {
        w.amount(self.capacity);
        self.basepoints.iter().for_each(|keys| keys.write(w));
        w.u16(self.delay[0]).u16(self.delay[1]);
        w.amount(self.trim).amount(self.in_flight);
    }

    /// Reads them; whether they are in their bounds [`Channel::new`] says.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn read(r: &mut Reader<'_>) -> Result<ChannelTerms, DecodeError> {
        Ok(ChannelTerms {
            capacity: r.amount("capacity")?,
            basepoints: [Basepoints::read(r)?, Basepoints::read(r)?],
            delay: [r.u16("delay")?, r.u16("delay")?],
            trim: r.amount("trim")?,
            in_flight: r.amount("in flight")?,
        })
    }
}

/// Terms that were checked, with the coin and the keys that follow.
#[derive(Debug, Clone)]
pub struct Channel {
    terms: ChannelTerms,
    funding: OutPoint,
    id: [u8; 32],
    funding_keys: KeySet,
    timeout: [KeySet; 2],
    success: [KeySet; 2],
    obscured: Obscured,
}

impl Channel {
    /// Checks the terms and aggregates keys: some 0.2 ms.
    ///
    /// # Errors
    /// [`ChannelError::Terms`], [`ChannelError::KeySet`].
    pub fn new(terms: ChannelTerms, funding: OutPoint) -> Result<Channel, ChannelError> {
        terms.check()?;
        let mut w = Writer::default();
        terms.write(&mut w);
        let id = tagged_hash("narthex/channel", &w.finish());
        let signer = |side: Side| (side.party(), terms.basepoints[side.index()].funding);
        let mut signers = Side::BOTH.map(signer);
        signers.sort_by_key(|(_, key)| key.serialize());
        let place = |name, side: Side| {
            let key = terms.basepoints[side.index()].payment;
            Ok::<_, ChannelError>(place_key(&id, name, (side.party(), key))?)
        };
        let both = |name| {
            Ok::<_, ChannelError>([place(name, Side::Opener)?, place(name, Side::Accepter)?])
        };
        let payout = |side: Side| &terms.basepoints[side.index()].payout;
        Ok(Channel {
            funding_keys: KeySet::new(&signers, None)?,
            timeout: both("timeout")?,
            success: both("success")?,
            obscured: Obscured::new(payout(Side::Opener), payout(Side::Accepter)),
            terms,
            funding,
            id,
        })
    }

    /// What was agreed on.
    pub const fn terms(&self) -> &ChannelTerms {
        &self.terms
    }

    /// Hash of the terms: what tells this channel apart, before its coin is known too.
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The coin.
    pub const fn funding(&self) -> &OutPoint {
        &self.funding
    }

    /// Who signs for the coin.
    pub const fn funding_keys(&self) -> &KeySet {
        &self.funding_keys
    }

    /// The coin as an output.
    pub fn funding_output(&self) -> TxOut {
        TxOut {
            value: self.terms.capacity,
            script_pubkey: self.funding_keys.script(),
        }
    }

    /// How the numbers of its commitments are hidden.
    pub const fn obscured(&self) -> Obscured {
        self.obscured
    }

    /// A side's keys.
    pub const fn basepoints(&self, side: Side) -> &Basepoints {
        &self.terms.basepoints[side.index()]
    }

    /// What each side keeps in the channel, so that a revoked state costs it something: 1 % of the coin.
    pub fn reserve(&self) -> Amount {
        self.terms.capacity / 100
    }

    /// Where a side's money goes that it has at once: its payout key alone.
    pub fn payout_script(&self, side: Side) -> ScriptBuf {
        let key = self.basepoints(side).payout.x_only_public_key().0;
        ScriptBuf::new_p2tr(context::verifying(), key, None)
    }

    /// Whether a payment of this amount has an output.
    pub fn is_trimmed(&self, amount: Amount) -> bool {
        amount < self.terms.trim
    }

    /// What a side has to have in confirmed coins to go on chain with so many payments that it may have to claim, at [`WORST_RATE`]; and
    /// how many coins: one for the commitment's child and one for each claim.
    pub fn fee_reserve(&self, points: usize, hashes: usize) -> (Amount, usize) {
        let (points_vb, hashes_vb) = (points as u64, hashes as u64);
        let outputs = points_vb.saturating_add(hashes_vb);
        let vbytes = (COMMITMENT_VBYTES + CHILD_VBYTES)
            .saturating_add(outputs.saturating_mul(OUTPUT_VBYTES))
            .saturating_add(points_vb.saturating_mul(POINT_CLAIM_VBYTES))
            .saturating_add(hashes_vb.saturating_mul(CLAIM_VBYTES));
        (
            worst_fee(vbytes),
            points.saturating_add(hashes).saturating_add(1),
        )
    }

    /// The key that a side takes payments back with, together with the other; no signature of [`Channel::success_keys`] fits.
    pub(super) const fn timeout_keys(&self, side: Side) -> &KeySet {
        &self.timeout[side.index()]
    }

    pub(super) const fn success_keys(&self, side: Side) -> &KeySet {
        &self.success[side.index()]
    }

    /// The key that a side's own leaves ask for alone.
    pub(super) fn payment_key(&self, side: Side) -> XOnlyPublicKey {
        self.basepoints(side).payment.x_only_public_key().0
    }
}

fn worst_fee(vbytes: u64) -> Amount {
    let fee = WORST_RATE.fee(Weight::from_wu(vbytes.saturating_mul(4)));
    fee.unwrap_or(Amount::MAX_MONEY)
}
