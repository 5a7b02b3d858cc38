//! What a client asks nodes for, and what a provider brings: terms follow from both, from what the providers deal, and from the client's coins.

use bitcoin::{
    Amount, FeeRate, ScriptBuf,
    hashes::{Hash, sha256},
    secp256k1::PublicKey,
};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
    tagged::tagged_hash_parts,
};
use narthex_contracts::{
    enrolment::{Enrolment, Scope},
    slice::{MAX_PROVIDERS, Participants, SliceError, SliceRecord, SliceTerms},
    terms::Role,
};

use crate::{
    fields::read_script,
    small::{LEAST_PEER, SmallPeer, read_peer, write_peer},
};

/// What a client asks all providers for. [`SliceRecord`] says what each figure is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceFigures {
    /// The job, by its id: program, input and number of the slice.
    pub job: sha256::Hash,
    /// The providers, 2 to 10 of them, and where each listens: the others connect it.
    pub seats: Vec<SmallPeer>,
    /// m: how many must come to the same, the one that is paid counted.
    pub quorum: u8,
    /// What each provider of those earns.
    pub price: Amount,
    /// Blocks after the funding in which posts are taken.
    pub post_blocks: u16,
    /// d.
    pub refund_blocks: u16,
    /// The last height that may hold the funding: above it nobody works for it.
    pub fund_height: u32,
    /// Fee rate of the funding.
    pub rate: FeeRate,
}

/// What a provider brings to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceConsent {
    /// Its contract key and its node's, tied to each other for this ask and seat: its fellows know by it that nobody stands in for it.
    pub enrolment: Enrolment,
    /// Where it is paid.
    pub script: ScriptBuf,
}

/// As whom the provider of a seat enrols: in the engine it has the place of an arbiter.
pub const fn seat_role(seat: u8) -> Role {
    Role::Arbiter(seat)
}

impl SliceFigures {
    /// The job of the participants of this ask, by this client: job, ask and client are named together, so that whoever signs terms knows that
    /// all others have the same figures, and the same id for what they say to each other.
    pub fn job_of(&self, client: &PublicKey, ask: &[u8; 32]) -> sha256::Hash {
        let parts: [&[u8]; 3] = [self.job.as_byte_array(), ask, &client.serialize()];
        sha256::Hash::from_byte_array(tagged_hash_parts("narthex/slice-job", &parts))
    }

    /// The seat of a node; `None` if it has none.
    pub fn seat_of(&self, node: &PublicKey) -> Option<u8> {
        let mut seats = (0u8..).zip(&self.seats);
        seats.find_map(|(at, seat)| (seat.node == *node).then_some(at))
    }

    /// Whether this is the enrolment of the node in a seat, for the ask of this id.
    ///
    /// # Errors
    /// [`SliceError::Terms`]: the fault of that provider, or of who says it.
    pub fn check_seat(
        &self,
        seat: u8,
        ask: &[u8; 32],
        enrolment: &Enrolment,
    ) -> Result<(), SliceError> {
        let n = u16::from(seat) + 1;
        let bad = |problem: String| SliceError::Terms {
            field: "providers",
            problem,
        };
        let checked = enrolment.check(&Scope::Negotiation(*ask), seat_role(seat));
        checked.map_err(|fault| bad(format!("the enrolment of provider {n}: {fault}")))?;
        let wanted = self.seats.get(usize::from(seat)).map(|of| of.node);
        match wanted == Some(enrolment.node) {
            true => Ok(()),
            false => Err(bad(format!("another node than provider {n} has enrolled"))),
        }
    }

    /// Whether these are the enrolments of all seats' nodes, in order.
    ///
    /// # Errors
    /// As [`SliceFigures::check_seat`], of the first that does not hold; or too few or too many of them.
    pub fn check_enrolled(&self, ask: &[u8; 32], enrolled: &[Enrolment]) -> Result<(), SliceError> {
        let (asked, given) = (self.seats.len(), enrolled.len());
        if asked != given {
            return Err(SliceError::Terms {
                field: "providers",
                problem: format!("{given} have enrolled; {asked} are asked"),
            });
        }
        let mut all = (0u8..).zip(enrolled);
        all.try_for_each(|(seat, one)| self.check_seat(seat, ask, one))
    }

    /// What the client's wallet has to bring.
    pub fn deposit(&self) -> Option<Amount> {
        SliceRecord::deposit_of(self.price, self.seats.len(), self.rate)
    }

    /// Whether terms are those that follow from these figures for these participants: all but points, scripts and coins.
    pub fn are_of(&self, participants: &Participants, terms: &SliceTerms) -> bool {
        let record = terms.record();
        record.participants == *participants
            && record.price_sat == self.price
            && record.post_blocks == self.post_blocks
            && record.refund_blocks == self.refund_blocks
            && record.rate_sat_per_kwu == self.rate
    }
}

impl Message for SliceFigures {
    const KIND: Kind = kinds::SLICE_FIGURES;

    fn write(&self, w: &mut Writer) {
        w.fixed(self.job.as_byte_array());
        w.list(&self.seats, write_peer);
        w.u8(self.quorum)
            .amount(self.price)
            .u16(self.post_blocks)
            .u16(self.refund_blocks)
            .u32(self.fund_height)
            .u64(self.rate.to_sat_per_kwu());
    }

    fn read(r: &mut Reader<'_>) -> Result<SliceFigures, DecodeError> {
        Ok(SliceFigures {
            job: sha256::Hash::from_byte_array(r.array("job")?),
            seats: r.list_up_to("providers", LEAST_PEER, MAX_PROVIDERS, read_peer)?,
            quorum: r.u8("quorum")?,
            price: r.amount("price")?,
            post_blocks: r.u16("post blocks")?,
            refund_blocks: r.u16("refund blocks")?,
            fund_height: r.u32("fund height")?,
            rate: FeeRate::from_sat_per_kwu(r.u64("fee rate")?),
        })
    }
}

impl Message for SliceConsent {
    const KIND: Kind = kinds::SLICE_CONSENT;

    fn write(&self, w: &mut Writer) {
        w.message(&self.enrolment).bytes(self.script.as_bytes());
    }

    fn read(r: &mut Reader<'_>) -> Result<SliceConsent, DecodeError> {
        Ok(SliceConsent {
            enrolment: r.message("enrolment")?,
            script: read_script(r)?,
        })
    }
}
