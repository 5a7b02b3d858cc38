//! A ceremony in which a party has signed, as bytes: stored before its first share leaves, and read back after a crash.

use std::{collections::BTreeMap, sync::Arc};

use narthex_base::{
    codec::{Reader, Writer},
    kinds::{self, Kind},
};

use crate::parallel::*;

use super::{
    Agreement, RestoreError, SetupError, SharesMessage, Signing,
    announced::{Nonces, check, columns, points, session},
    party::Seat,
    stored::{begin, end, open},
};
use crate::{
    graph::{Stage, TxGraph},
    musig::{PartialSignature, PublicNonce},
    party::{read_party, write_party},
};

const SIGNING: Kind = kinds::SIGNING;
const CHECKSUM: &str = "narthex/signing";

impl<T: Agreement> Signing<T> {
    /// As bytes: who this is, how many stages are closed, everybody's nonces, own shares and those that came, and a hash
    /// of all behind them. Of the nonces only the public halves: the secret ones were used up by signing. Sessions and
    /// signatures are computed anew from these when they are read.
    ///
    /// Written down before the first share leaves, it makes a crash cost nothing: a ceremony read back sends the same
    /// shares. As with [`super::ContractSignatures`], whoever gets hold of it has the shares that were to be withheld.
    pub fn to_bytes(&self) -> Vec<u8> {
        let me = self.seat.me.id;
        let mut w = begin(SIGNING, &*self.seat.terms);
        write_party(&mut w, me);
        w.u8(u8::try_from(self.closed).unwrap_or(u8::MAX));
        w.u32(self.nonces.len() as u32);
        for (party, nonces) in &self.nonces {
            write_party(&mut w, *party);
            w.list(nonces, |w, nonce| {
                w.fixed(&nonce.0);
            });
        }
        let own = self.seat.plan.signed_by(me);
        write_shares(&mut w, own.filter_map(|(i, _)| self.own[i]));
        w.u32(self.heard.len() as u32);
        for (stage, from) in &self.heard {
            w.u8(stage.0);
            write_party(&mut w, *from);
            let sent = self.seat.plan.sent(*stage, *from, me);
            write_shares(&mut w, sent.filter_map(|(i, _)| self.share_of(*from, i)));
        }
        end(w, CHECKSUM)
    }

    /// From bytes, with the graph that this party has derived anew from the terms. Shares of closed stages are verified
    /// again.
    pub(crate) fn restore(
        terms: Arc<T>,
        graph: impl FnOnce(&T) -> Result<TxGraph, RestoreError>,
        bytes: &[u8],
    ) -> Result<Signing<T>, RestoreError> {
        let mut r = open(SIGNING, CHECKSUM, &*terms, bytes)?;
        let me = terms.name(read_party(&mut r, "role")?);
        if terms.signer(me.id).is_none() {
            return Err(RestoreError::Damaged);
        }
        let graph = graph(&terms)?;
        let seat = Seat::new(terms, graph, me)?;
        let closed = r.u8("stages closed")?;
        let nonces = read_nonces(&mut r, &seat)?;
        let own = read_shares(&mut r, "own shares")?;
        let mut heard = Vec::new();
        for _ in 0..r.count("messages", 6)? {
            let stage = Stage(r.u8("stage")?);
            let from = read_party(&mut r, "sender")?;
            heard.push((stage, from, read_shares(&mut r, "shares")?));
        }
        r.finish()?;
        let mut signing = resume(seat, nonces, own).map_err(damaged)?;
        for (stage, from, shares) in heard {
            let message = SharesMessage {
                session_id: signing.seat.session_id,
                transcript: signing.transcript,
                from,
                to: me.id,
                stage,
                shares,
            };
            signing.accept(message).map_err(damaged)?;
        }
        let stages = signing.graph().stages().collect::<Vec<_>>();
        let closed = stages.get(..closed.into()).ok_or(RestoreError::Damaged)?;
        for stage in closed {
            signing.close(*stage).map_err(damaged)?;
        }
        // One encoding: nothing twice, nothing in another order.
        match signing.to_bytes() == bytes {
            true => Ok(signing),
            false => Err(RestoreError::Damaged),
        }
    }
}

/// Whatever does not fit a ceremony that was stored by itself was changed since.
fn damaged(_: SetupError) -> RestoreError {
    RestoreError::Damaged
}

fn write_shares(w: &mut Writer, shares: impl Iterator<Item = PartialSignature>) {
    w.list(&shares.collect::<Vec<_>>(), |w, share| {
        w.fixed(&share.0);
    });
}

fn read_shares(
    r: &mut Reader<'_>,
    field: &'static str,
) -> Result<Vec<PartialSignature>, RestoreError> {
    Ok(r.list(field, 32, |r| r.array("share").map(PartialSignature))?)
}

/// The nonces of exactly those who sign, as many as they sign.
fn read_nonces<T: Agreement>(r: &mut Reader<'_>, seat: &Seat<T>) -> Result<Nonces, RestoreError> {
    let mut nonces = Nonces::new();
    for _ in 0..r.count("parties", 5)? {
        let party = read_party(r, "party")?;
        let of_it = r.list("nonces", 66, |r| r.array("nonce").map(PublicNonce))?;
        if of_it.len() != seat.plan.signed_by(party).count() {
            return Err(RestoreError::Damaged);
        }
        nonces.insert(party, of_it);
    }
    Ok(nonces)
}

/// The state behind [`super::Announced::sign`], without signing.
fn resume<T: Agreement>(
    seat: Seat<T>,
    nonces: Nonces,
    shares: Vec<PartialSignature>,
) -> Result<Signing<T>, SetupError> {
    let me = seat.me;
    let wanted = seat.plan.signed_by(me).count();
    if shares.len() != wanted {
        return Err(SetupError::Count {
            from: me,
            given: shares.len(),
            wanted,
        });
    }
    let checked = nonces
        .iter()
        .map(|(id, nonces)| Ok((*id, check(seat.terms.name(*id), nonces)?)))
        .collect::<Result<BTreeMap<_, _>, SetupError>>()?;
    let columns = columns(&seat.plan, nonces.keys());
    let collected = seat.plan.items().iter().filter(|item| item.collects(me));
    let points = points(&seat.graph, collected)?;
    let sessions = (0..seat.plan.items().len())
        .into_par_iter()
        .map(|i| {
            let collects = seat.plan.items()[i].collects(me);
            let session = collects.then(|| session(&seat, &checked, &columns, &points, i));
            session.transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut own = vec![None; seat.plan.items().len()];
    for ((i, _), share) in seat.plan.signed_by(me).zip(shares) {
        own[i] = Some(share);
    }
    Ok(Signing::new(seat, nonces, columns, sessions, own))
}
