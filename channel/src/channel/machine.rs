//! One side of a channel: what it knows, and what others may know of it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bitcoin::{Amount, Transaction, Txid};
use narthex_base::secret::Secret;
use narthex_contracts::{
    channel::{
        Channel, ChannelError, ChannelTerms, Commitment, Lock, Payment, PaymentId, Proof,
        SecretStore, Side, State, Update,
    },
    musig::AdaptorSignature,
};

use super::chain::Ended;
use super::parts::{Closing, Ends, Opening, Outcome, Own, Round, Staged};
use super::{ChannelChange, ChannelEffect, ChannelFault, ChannelInput, ChannelMessage};
use crate::{
    Machine, Step,
    ptlc::{Expiry, Ptlc, PtlcId},
};

/// One side of a channel. See `docs/channels.md`.
///
/// It holds no key: what is signed it asks for. What it knows that must stay secret are the proofs of payments and what
/// the counterparty has revoked.
#[derive(Clone)]
pub struct ChannelMachine {
    pub(super) me: Side,
    pub(super) opening: Opening,
    pub(super) channel: Option<Arc<Channel>>,
    /// Opener's and accepter's.
    pub(super) ends: Option<[Ends; 2]>,
    /// By their numbers: all states that are locked here. Shared by copies of the machine, of which each step makes one.
    pub(super) states: Vec<Arc<State>>,
    pub(super) own: Option<Own>,
    pub(super) own_next: Option<Own>,
    /// Ahead for this side's claims on the counterparty's commitment: of the last that is not revoked, and of the next.
    pub(super) claims: Vec<AdaptorSignature>,
    pub(super) claims_next: Vec<AdaptorSignature>,
    pub(super) secrets: SecretStore,
    pub(super) round: Option<Round>,
    pub(super) turn: Side,
    pub(super) staged: [Staged; 2],
    pub(super) queue: VecDeque<Payment>,
    pub(super) ordered: u64,
    pub(super) proofs: BTreeMap<PaymentId, Proof>,
    pub(super) outcomes: BTreeMap<PaymentId, Outcome>,
    /// What this side said of rounds, opening and close since the counterparty last did: its next word shows that all was heard.
    pub(super) said: Vec<ChannelMessage>,
    pub(super) heard: Option<ChannelMessage>,
    pub(super) closing: Closing,
    pub(super) is_force_closing: bool,
    pub(super) doubt: Option<(u64, bitcoin::secp256k1::SecretKey)>,
    pub(super) is_behind: bool,
    pub(super) fee_coins: Option<(Amount, u32)>,
    pub(super) tip: u32,
    pub(super) confirmed: BTreeMap<Txid, (Transaction, u32)>,
    pub(super) unread: Vec<Transaction>,
    /// Follows from what is confirmed.
    pub(super) ended: Option<Ended>,
}

impl ChannelMachine {
    /// A side of a channel that nobody has proposed.
    pub fn new(me: Side) -> ChannelMachine {
        ChannelMachine {
            me,
            opening: Opening::default(),
            channel: None,
            ends: None,
            states: Vec::new(),
            own: None,
            own_next: None,
            claims: Vec::new(),
            claims_next: Vec::new(),
            secrets: SecretStore::default(),
            round: None,
            turn: Side::Opener,
            staged: Default::default(),
            queue: VecDeque::new(),
            ordered: 0,
            proofs: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            said: Vec::new(),
            heard: None,
            closing: Closing::default(),
            is_force_closing: false,
            doubt: None,
            is_behind: false,
            fee_coins: None,
            tip: 0,
            confirmed: BTreeMap::new(),
            unread: Vec::new(),
            ended: None,
        }
    }

    /// Which side this is.
    pub const fn side(&self) -> Side {
        self.me
    }

    /// The channel, once its coin is known.
    pub fn channel(&self) -> Option<&Channel> {
        self.channel.as_deref()
    }

    /// The terms, once both have said theirs.
    pub fn terms(&self) -> Option<ChannelTerms> {
        let (offer, consent) = (self.opening.offer.as_ref()?, self.opening.consent.as_ref()?);
        Some(ChannelTerms {
            capacity: offer.capacity,
            basepoints: [offer.keys, consent.0],
            delay: offer.delay,
            trim: offer.trim,
            in_flight: offer.in_flight,
        })
    }

    /// The state that is locked: both have it, and neither may go back behind it. Whoever acts on a payment finds it here.
    pub fn locked(&self) -> Option<&State> {
        self.states.last().map(Arc::as_ref)
    }

    /// Payments that are ordered and have no room yet, in their order.
    pub fn queue(&self) -> impl ExactSizeIterator<Item = &Payment> {
        self.queue.iter()
    }

    /// How many payments were ordered: the number of the next.
    pub const fn ordered(&self) -> u64 {
        self.ordered
    }

    /// How a payment ended, once nothing can change that: by a state that is locked, or deep in the chain.
    pub fn outcome(&self, id: PaymentId) -> Option<&Outcome> {
        self.outcomes.get(&id)
    }

    /// What opens a payment, once it is known: by the counterparty's word, from the mempool or from the chain. It is durable here.
    pub fn proof(&self, id: PaymentId) -> Option<&Proof> {
        self.proofs.get(&id)
    }

    /// A pending payment of the locked state as payments of all places are described, for whoever forwards it; `None` for one that is locked to a
    /// hash. Its end is its expiry, whatever is closed.
    pub fn ptlc(&self, id: PaymentId) -> Option<Ptlc> {
        let (channel, payment) = (self.channel()?, self.locked()?.payment(id)?);
        let Lock::Point(point) = payment.lock else {
            return None;
        };
        let offerer = &channel.basepoints(id.offerer).payment;
        Some(Ptlc {
            id: PtlcId::by_number(channel.id(), offerer, id.number),
            amount: payment.amount,
            point,
            expiry: Expiry {
                height: payment.expiry,
                window: None,
            },
        })
    }

    /// What a new connection begins with; what is pending is said again behind it.
    pub fn reestablish(&self) -> Option<ChannelMessage> {
        let number = self.locked()?.number;
        let last = self.secrets.count().checked_sub(1);
        let shown = last.and_then(|last| Some((last, self.revoked_secret(last)?)));
        Some(ChannelMessage::Reestablish { number, shown })
    }

    pub(super) fn revoked_secret(&self, number: u64) -> Option<bitcoin::secp256k1::SecretKey> {
        let secret: Secret = self.secrets.get(number)?;
        bitcoin::secp256k1::SecretKey::from_slice(secret.expose()).ok()
    }

    /// A state by its number: one that is or was locked, or that of the round.
    pub(super) fn state(&self, number: u64) -> Option<&State> {
        let locked = usize::try_from(number)
            .ok()
            .and_then(|number| self.states.get(number));
        let locked = locked.map(Arc::as_ref);
        let next = self.round.as_ref().map(|round| &round.next);
        locked.or(next.filter(|next| next.number == number))
    }

    /// The commitment of a side to a state that is known; of the counterparty's revoked ones too.
    ///
    /// # Errors
    /// [`ChannelError::Missing`] if state or point is not known.
    pub fn commitment(&self, owner: Side, number: u64) -> Result<Commitment, ChannelError> {
        let missing = || ChannelError::Missing("commitment");
        let (channel, state) = (self.channel(), self.state(number));
        let ends = self.ends.as_ref().map(|ends| ends[owner.index()]);
        let known = ends.and_then(|ends| ends.point(number));
        let revoked = || {
            let secp = bitcoin::secp256k1::Secp256k1::signing_only();
            let secret = (owner != self.me).then(|| self.revoked_secret(number))??;
            Some(secret.public_key(&secp))
        };
        let point = known.or_else(revoked).ok_or_else(missing)?;
        let (channel, state) = (channel.ok_or_else(missing)?, state.ok_or_else(missing)?);
        channel.commitment(owner, state, &point)
    }

    /// What of the staged is not locked yet, of both sides in order, up to a cut.
    pub(super) fn updates(&self, cut: [u64; 2]) -> Vec<(Side, Update)> {
        let of = |side: Side| {
            let updates = self.staged[side.index()].below(cut[side.index()]);
            updates.map(move |update| (side, update.clone()))
        };
        Side::BOTH.into_iter().flat_map(of).collect()
    }

    pub(super) fn counts(&self) -> [u64; 2] {
        [self.staged[0].count(), self.staged[1].count()]
    }

    /// Whether one more update fits behind all that is staged.
    pub(super) fn fits(&self, side: Side, update: &Update) -> Result<(), ChannelFault> {
        let (Some(channel), Some(locked)) = (self.channel(), self.locked()) else {
            return self.refuse("update");
        };
        if let Update::Fulfil(id, _) | Update::Fail(id) = update
            && locked.payment(*id).is_none()
        {
            return Err(ChannelFault::NotLocked(*id));
        }
        let mut updates = self.updates(self.counts());
        updates.push((side, update.clone()));
        match locked.next(channel, &updates) {
            Ok(_) => Ok(()),
            Err((_, error)) => Err(error.into()),
        }
    }

    pub(super) fn refuse<T>(&self, what: &'static str) -> Result<T, ChannelFault> {
        let state = self.standing();
        Err(ChannelFault::State { state, what })
    }

    /// Whether nothing is added any more.
    pub(super) fn is_settling(&self) -> bool {
        self.closing.scripts.iter().any(Option::is_some) || self.is_force_closing || self.is_behind
    }

    /// All that it knows, secrets with it, to be compared by tests.
    #[cfg(feature = "testing")]
    pub fn fingerprint(&self) -> String {
        let bytes = |proof: &Proof| match proof {
            Proof::Secret(secret) => secret.secret_bytes(),
            Proof::Preimage(preimage) => *preimage,
        };
        let proofs = self.proofs.iter().map(|(id, proof)| (*id, bytes(proof)));
        let proofs: Vec<_> = proofs.collect();
        let secrets: Vec<_> = (0..self.secrets.count())
            .map(|n| self.revoked_secret(n))
            .collect();
        format!("{self:?} {proofs:?} {secrets:?}")
    }
}

impl std::fmt::Debug for ChannelMachine {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelMachine")
            .field("me", &self.me)
            .field("standing", &self.standing())
            .field("opening", &self.opening)
            .field("ends", &self.ends)
            .field("states", &self.states)
            .field("own", &self.own)
            .field("own_next", &self.own_next)
            .field("claims", &(&self.claims, &self.claims_next))
            .field("secrets", &self.secrets)
            .field("round", &self.round)
            .field("turn", &self.turn)
            .field("staged", &self.staged)
            .field("queue", &self.queue)
            .field("ordered", &self.ordered)
            .field("outcomes", &self.outcomes)
            .field("said", &self.said)
            .field("heard", &self.heard)
            .field("closing", &self.closing)
            .field("is_force_closing", &self.is_force_closing)
            .field("doubt", &self.doubt.map(|(number, _)| number))
            .field("is_behind", &self.is_behind)
            .field("fee_coins", &self.fee_coins)
            .field("tip", &self.tip)
            .field("confirmed", &self.confirmed)
            .field("unread", &self.unread)
            .finish_non_exhaustive()
    }
}

impl Machine for ChannelMachine {
    type Input = ChannelInput;
    type Change = ChannelChange;
    type Effect = ChannelEffect;
    type Error = ChannelFault;

    fn step(
        &self,
        input: &ChannelInput,
    ) -> Result<Step<ChannelChange, ChannelEffect>, ChannelFault> {
        Ok(Step::of_new(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &ChannelChange) {
        self.changed(change);
    }

    fn pending(&self) -> Vec<ChannelEffect> {
        self.due()
    }
}
