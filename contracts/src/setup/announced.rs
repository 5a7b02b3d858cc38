//! The second round: everybody's nonces come in, one message after the other, and everything is signed at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::parallel::*;
use narthex_base::codec::Message as _;

use super::{
    Agreement, Item, NoncesMessage, Party, Plan, SetupError, Signing, party::Seat, plan::context,
};
use crate::{
    graph::{AdaptorId, TxGraph},
    musig::{
        CheckedNonce, MusigKeypair, PartialSignature, PointTerm, PublicNonce, SecretNonce, Session,
        SessionError,
    },
    party::{PartyId, PartyName},
};

/// A party that has announced its nonces and takes the others'.
#[derive(Debug)]
pub struct Announced<T> {
    seat: Seat<T>,
    keypair: MusigKeypair,
    secrets: Vec<SecretNonce>,
    /// Of everybody who was heard, oneself among them.
    pub(super) nonces: BTreeMap<PartyId, Vec<CheckedNonce>>,
}

impl<T: Agreement> Announced<T> {
    pub(super) fn new(
        party: Party<T>,
        secrets: Vec<SecretNonce>,
        own: Vec<CheckedNonce>,
    ) -> Announced<T> {
        let Party { seat, keypair } = party;
        let nonces = BTreeMap::from([(seat.me.id, own)]);
        Announced {
            seat,
            keypair,
            secrets,
            nonces,
        }
    }

    /// Oneself.
    pub fn me(&self) -> PartyName {
        self.seat.me
    }

    /// The signatures that the graph needs, and with them how long every message is.
    pub fn plan(&self) -> &Plan {
        &self.seat.plan
    }

    /// Takes a party's nonces, all of them points. The same again changes nothing, and neither does what is refused: own
    /// nonces and everybody's that came before stay good, and the sender may still send what it should have.
    ///
    /// # Errors
    /// By the sender's fault: [`SetupError::ForeignContract`], [`SetupError::Stranger`], [`SetupError::Count`],
    /// [`SetupError::Session`] with [`SessionError::BadNonce`], [`SetupError::Contradiction`] for other nonces than it
    /// sent before.
    pub fn accept(&mut self, message: NoncesMessage) -> Result<(), SetupError> {
        let seat = &self.seat;
        let from = seat.terms.name(message.from);
        if message.session_id != seat.session_id {
            return Err(SetupError::ForeignContract { from });
        }
        if seat.terms.signer(from.id).is_none() {
            return Err(SetupError::Stranger { party: from });
        }
        let wanted = seat.plan.signed_by(from).count();
        if message.nonces.len() != wanted {
            return Err(SetupError::Count {
                from,
                given: message.nonces.len(),
                wanted,
            });
        }
        if let Some(known) = self.nonces.get(&from.id) {
            let known = known.iter().map(CheckedNonce::to_public);
            return match known.eq(message.nonces.iter().copied()) {
                true => Ok(()),
                false => Err(SetupError::Contradiction { from }),
            };
        }
        let checked = check(from, &message.nonces)?;
        self.nonces.insert(from.id, checked);
        Ok(())
    }

    /// As [`Announced::accept`], of the bytes that `from` sent: how many there must be is known before the first is read
    /// ([`Plan::nonce_bytes`]).
    ///
    /// # Errors
    /// [`SetupError::Length`], [`SetupError::Wire`], [`SetupError::OtherSender`]; those of [`Announced::accept`].
    pub fn accept_bytes(
        &mut self,
        from: impl Into<PartyId>,
        bytes: &[u8],
    ) -> Result<(), SetupError> {
        let (seat, from): (_, PartyId) = (&self.seat, from.into());
        seat.check_length(from, bytes, seat.plan.nonce_bytes(from))?;
        let message = NoncesMessage::from_bytes(bytes).map_err(|error| SetupError::Wire {
            from: seat.terms.name(from),
            error,
        })?;
        seat.check_sender(from, message.from)?;
        self.accept(message)
    }

    /// Those whose nonces are awaited, in canonical order.
    pub fn missing(&self) -> Vec<PartyName> {
        let signs = |name: &PartyName| self.seat.plan.signed_by(*name).next().is_some();
        let everyone = self.seat.terms.everyone().into_iter();
        everyone
            .filter(signs)
            .filter(|name| !self.nonces.contains_key(&name.id))
            .collect()
    }

    /// Signs everything with everybody's nonces. The secret nonces are gone afterwards, also if it fails: ask
    /// [`Announced::missing`] before.
    ///
    /// A ceremony that fails is not run again: a party that cancelled an adaptor point with its nonce may hold plain
    /// signatures on the transactions of these terms (ADR 0002). The terms were used up when it began; everybody proposes
    /// anew, and the new salts make other messages of them all.
    ///
    /// # Errors
    /// [`SetupError::Missing`] for the first of [`Announced::missing`].
    pub fn sign(self) -> Result<Signing<T>, SetupError> {
        if let Some(from) = self.missing().into_iter().next() {
            return Err(SetupError::Missing { from });
        }
        let Announced {
            seat,
            keypair,
            secrets,
            nonces,
        } = self;
        let columns = columns(&seat.plan, nonces.keys());
        let mut secrets = secrets.into_iter();
        let jobs = seat
            .plan
            .items()
            .iter()
            .enumerate()
            .map(|(i, item)| {
                let secret = if item.signers.contains(seat.me) {
                    secrets.next()
                } else {
                    None
                };
                (i, secret)
            })
            .filter(|(i, secret)| secret.is_some() || seat.plan.items()[*i].collects(seat.me))
            .collect::<Vec<_>>();
        let needed = jobs.iter().map(|(i, _)| &seat.plan.items()[*i]);
        let points = points(&seat.graph, needed)?;
        let signed = jobs
            .into_par_iter()
            .map(|(i, secret)| {
                let session = session(&seat, &nonces, &columns, &points, i)?;
                let item = &seat.plan.items()[i];
                let (keys, _) = context(&seat.graph, item)?;
                let share = match secret {
                    None => None,
                    Some(secret) => Some(session.sign(keys, seat.me, &keypair, secret)?),
                };
                // Only what is aggregated later needs its session kept.
                Ok((i, item.collects(seat.me).then_some(session), share))
            })
            .collect::<Result<Vec<_>, SetupError>>()?;
        let count = seat.plan.items().len();
        let mut sessions: Vec<Option<Session>> = (0..count).map(|_| None).collect();
        let mut shares: Vec<Option<PartialSignature>> = vec![None; count];
        for (i, session, share) in signed {
            sessions[i] = session;
            shares[i] = share;
        }
        let public = |nonces: Vec<CheckedNonce>| {
            let public = nonces.iter().map(CheckedNonce::to_public);
            public.collect::<Vec<_>>()
        };
        let nonces = nonces.into_iter().map(|(id, n)| (id, public(n)));
        let nonces = nonces.collect::<Nonces>();
        Ok(Signing::new(seat, nonces, columns, sessions, shares))
    }

    /// Takes all messages and signs, where they are all at hand, as in one process.
    ///
    /// # Errors
    /// Those of [`Announced::accept`] and [`Announced::sign`].
    pub fn sign_with(
        mut self,
        messages: impl IntoIterator<Item = NoncesMessage>,
    ) -> Result<Signing<T>, SetupError> {
        for message in messages {
            self.accept(message)?;
        }
        self.sign()
    }
}

/// The nonces of one party, each looked at once.
pub(super) fn check(
    from: PartyName,
    nonces: &[PublicNonce],
) -> Result<Vec<CheckedNonce>, SetupError> {
    let bad = SessionError::BadNonce { signer: from };
    let checked = nonces
        .par_iter()
        .map(|nonce| nonce.check().ok_or(bad.clone()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(checked)
}

/// The points of a graph as they are added to nonces, those that some items need: several of them have one in common.
pub(super) type Points = BTreeMap<AdaptorId, PointTerm>;

pub(super) fn points<'i>(
    graph: &TxGraph,
    items: impl Iterator<Item = &'i Item>,
) -> Result<Points, SetupError> {
    let needed = items.filter_map(|item| item.adaptor);
    let needed = needed.collect::<BTreeSet<_>>();
    let points = needed
        .into_par_iter()
        .map(|id| {
            let adaptor = graph.adaptor(id).ok_or(NO_ADAPTOR)?;
            Ok((id, PointTerm::new(&adaptor.point)?))
        })
        .collect::<Result<Vec<_>, SetupError>>()?;
    Ok(points.into_iter().collect())
}

const NO_ADAPTOR: SetupError = SetupError::Graph("adaptor of an input");

/// The session of an item of the plan.
pub(super) fn session<T: Agreement>(
    seat: &Seat<T>,
    nonces: &BTreeMap<PartyId, Vec<CheckedNonce>>,
    columns: &Columns,
    points: &Points,
    i: usize,
) -> Result<Session, SetupError> {
    let item = (seat.plan.items().get(i)).ok_or(SetupError::Graph("such signature"))?;
    let (keys, _) = context(&seat.graph, item)?;
    let of_all = keys
        .names()
        .map(|from| nonce_at(nonces, columns, from.id, i).ok_or(SetupError::Missing { from }))
        .collect::<Result<Vec<_>, _>>()?;
    let point = item.adaptor.map(|id| points.get(&id).ok_or(NO_ADAPTOR));
    let point = point.transpose()?;
    Ok(Session::of_checked(keys, &of_all, point, &item.message)?)
}

/// Every party's nonces.
pub(super) type Nonces = BTreeMap<PartyId, Vec<PublicNonce>>;

/// For each party, which of its nonces belongs to which item of the plan; `u32::MAX` if none.
pub(super) type Columns = BTreeMap<PartyId, Vec<u32>>;

pub(super) fn columns<'a>(plan: &Plan, parties: impl Iterator<Item = &'a PartyId>) -> Columns {
    parties
        .map(|id| {
            let mut column = vec![u32::MAX; plan.items().len()];
            for ((i, _), n) in plan.signed_by(*id).zip(0u32..) {
                column[i] = n;
            }
            (*id, column)
        })
        .collect()
}

pub(super) fn nonce_at<'n, N>(
    nonces: &'n BTreeMap<PartyId, Vec<N>>,
    columns: &Columns,
    party: PartyId,
    item: usize,
) -> Option<&'n N> {
    let at = *columns.get(&party)?.get(item)?;
    nonces.get(&party)?.get(at as usize)
}
