//! The third round: shares go out and come in, stage by stage, and are checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::parallel::*;
use narthex_base::codec::Message as _;

#[cfg(doc)]
use super::Plan;
use super::{
    Agreement, ContractSignatures, Item, SetupError, SharesMessage,
    announced::{Columns, Nonces, nonce_at},
    message::transcript,
    party::Seat,
    plan::context,
    signatures::{Held, Pending},
};
use crate::{
    graph::{Stage, TxGraph},
    musig::{AdaptorSignature, PartialSignature, PublicNonce, Session},
    party::{PartyId, PartyName},
};

/// A party that has signed everything and exchanges shares.
pub struct Signing<T> {
    pub(super) seat: Seat<T>,
    /// Hash of all nonces.
    pub(super) transcript: [u8; 32],
    pub(super) nonces: Nonces,
    columns: Columns,
    sessions: Vec<Option<Session>>,
    pub(super) own: Vec<Option<PartialSignature>>,
    /// What each peer sent, each share at its item's position: one look-up a signer and item
    /// when a stage is closed, which a tree would double the cost of with eighteen signers.
    received: BTreeMap<PartyId, Vec<Option<PartialSignature>>>,
    /// The stages whose shares each peer has sent.
    pub(super) heard: BTreeSet<(Stage, PartyId)>,
    /// Number of stages that are complete and verified.
    pub(super) closed: usize,
    held: BTreeMap<usize, Held>,
}

impl<T: Agreement> Signing<T> {
    pub(super) fn new(
        seat: Seat<T>,
        nonces: Nonces,
        columns: Columns,
        sessions: Vec<Option<Session>>,
        own: Vec<Option<PartialSignature>>,
    ) -> Signing<T> {
        Signing {
            transcript: transcript(&seat.session_id, nonces.iter()),
            seat,
            nonces,
            columns,
            sessions,
            own,
            received: BTreeMap::new(),
            heard: BTreeSet::new(),
            closed: 0,
            held: BTreeMap::new(),
        }
    }

    /// Oneself.
    pub fn me(&self) -> PartyName {
        self.seat.me
    }

    /// The graph as this party derived it.
    pub fn graph(&self) -> &Arc<TxGraph> {
        &self.seat.graph
    }

    /// The shares of `stage` that `to` is to hold. Asking again gives the same bytes.
    pub fn shares_for(
        &self,
        stage: impl Into<Stage>,
        to: impl Into<PartyId>,
    ) -> Result<SharesMessage, SetupError> {
        let (stage, to) = (stage.into(), to.into());
        self.check_open(stage)?;
        if self.seat.terms.signer(to).is_none() {
            let party = self.seat.terms.name(to);
            return Err(SetupError::Stranger { party });
        }
        let from = self.seat.me.id;
        let shares = self
            .seat
            .plan
            .sent(stage, from, to)
            .filter_map(|(i, _)| self.own[i])
            .collect();
        Ok(SharesMessage {
            session_id: self.seat.session_id,
            transcript: self.transcript,
            from,
            to,
            stage,
            shares,
        })
    }

    /// Takes a peer's shares. They are verified when the stage is closed.
    pub fn accept(&mut self, message: SharesMessage) -> Result<(), SetupError> {
        let SharesMessage {
            session_id,
            transcript,
            from: sender,
            to,
            stage,
            shares,
        } = message;
        let from = self.seat.terms.name(sender);
        if session_id != self.seat.session_id {
            return Err(SetupError::ForeignContract { from });
        }
        if to != self.seat.me {
            let to = self.seat.terms.name(to);
            return Err(SetupError::Misdirected { from, to });
        }
        if sender == self.seat.me || self.seat.terms.signer(sender).is_none() {
            return Err(SetupError::Stranger { party: from });
        }
        if self.graph().stages().all(|known| known != stage) {
            let stage = self.graph().stage(stage);
            return Err(SetupError::NoStage { from, stage });
        }
        if transcript != self.transcript {
            return Err(SetupError::Transcript { from });
        }
        let positions = self
            .seat
            .plan
            .sent(stage, sender, to)
            .map(|(i, _)| i)
            .collect::<Vec<_>>();
        if positions.len() != shares.len() {
            return Err(SetupError::Count {
                from,
                given: shares.len(),
                wanted: positions.len(),
            });
        }
        let items = self.seat.plan.items().len();
        let known = self
            .received
            .entry(sender)
            .or_insert_with(|| vec![None; items]);
        let given = || positions.iter().zip(&shares);
        if self.heard.contains(&(stage, sender)) {
            return match given().all(|(i, share)| known[*i].as_ref() == Some(share)) {
                true => Ok(()),
                false => Err(SetupError::Contradiction { from }),
            };
        }
        for (i, share) in given() {
            known[*i] = Some(*share);
        }
        self.heard.insert((stage, sender));
        Ok(())
    }

    /// As [`Signing::accept`], of the bytes that `from` sent for `stage`: how many there must be is known before the first
    /// is read ([`Plan::share_bytes`]).
    ///
    /// # Errors
    /// [`SetupError::Length`], [`SetupError::Wire`], [`SetupError::OtherSender`]; those of [`Signing::accept`].
    pub fn accept_bytes(
        &mut self,
        from: impl Into<PartyId>,
        stage: impl Into<Stage>,
        bytes: &[u8],
    ) -> Result<(), SetupError> {
        let (from, stage): (PartyId, Stage) = (from.into(), stage.into());
        let seat = &self.seat;
        let wanted = seat.plan.share_bytes(stage, from, seat.me);
        seat.check_length(from, bytes, wanted)?;
        let message = SharesMessage::from_bytes(bytes).map_err(|error| SetupError::Wire {
            from: seat.terms.name(from),
            error,
        })?;
        seat.check_sender(from, message.from)?;
        self.accept(message)
    }

    /// Verifies a stage: one check per aggregate, and only where one fails, one per share to name who cheated.
    pub fn close(&mut self, stage: impl Into<Stage>) -> Result<(), SetupError> {
        let stage = stage.into();
        self.check_open(stage)?;
        let me = self.seat.me.id;
        for from in (self.seat.terms.everyone().into_iter()).filter(|from| from.id != me) {
            let expected = self.seat.plan.sent(stage, from, me).next().is_some();
            if expected && !self.heard.contains(&(stage, from.id)) {
                return Err(SetupError::Missing { from });
            }
        }
        let items = self.seat.plan.items();
        let held = items
            .par_iter()
            .enumerate()
            .filter(|(_, item)| item.stage == stage && (item.collects(me) || withholds(item, me)))
            .map(|(i, item)| self.collect(i, item).map(|held| (i, held)))
            .collect::<Result<Vec<_>, _>>()?;
        self.held.extend(held);
        self.closed = self.closed.max(usize::from(stage.0) + 1);
        Ok(())
    }

    /// Everything is verified: what the party holds from now on.
    pub fn finish(self) -> Result<ContractSignatures<T>, SetupError> {
        let (open, last) = (self.open(), self.graph().stages().last());
        match open.zip(last) {
            Some((open, last)) => Err(self.stage_closed(last, open)),
            None => Ok(ContractSignatures::new(
                self.seat.terms,
                self.seat.graph,
                self.seat.plan,
                self.seat.me,
                self.held,
            )),
        }
    }

    fn check_open(&self, stage: Stage) -> Result<(), SetupError> {
        match self.open() {
            Some(open) if open < stage => Err(self.stage_closed(stage, open)),
            _ => Ok(()),
        }
    }

    /// The first stage that is not closed.
    fn open(&self) -> Option<Stage> {
        self.graph().stages().nth(self.closed)
    }

    fn stage_closed(&self, asked: Stage, open: Stage) -> SetupError {
        let graph = self.graph();
        SetupError::StageClosed {
            asked: graph.stage(asked),
            open: graph.stage(open),
        }
    }

    fn collect(&self, i: usize, item: &Item) -> Result<Held, SetupError> {
        let me = self.seat.me.id;
        if !item.collects(me) {
            let share = self.own[i].ok_or(SetupError::Graph("own share"))?;
            return Ok(Held::Withheld(share));
        }
        let (keys, point) = context(&self.seat.graph, item)?;
        let session = self.sessions[i]
            .as_ref()
            .ok_or(SetupError::Graph("session of an item"))?;
        let share = |signer: PartyId| match signer {
            _ if signer == me => self.own[i],
            _ => self.share_of(signer, i),
        };
        let shares = keys.signers().map(share).collect::<Vec<_>>();
        if let Some(withheld) = item.withheld.filter(|a| a.holder == me) {
            self.name_cheat(i, item, session)?;
            let nonces = self.item_nonces(i, item)?;
            return Ok(Held::Pending(Pending {
                nonces,
                shares,
                withheld: withheld.signer,
            }));
        }
        let all = shares
            .iter()
            .zip(keys.names())
            .map(|(share, from)| share.ok_or(SetupError::Missing { from }))
            .collect::<Result<Vec<_>, _>>()?;
        let aggregate: AdaptorSignature = session.aggregate(keys, &all)?;
        if aggregate
            .verify(&keys.output_key(), &item.message, point)
            .is_err()
        {
            self.name_cheat(i, item, session)?;
            // Every share is good and the sum is not: impossible unless own memory is damaged.
            return Err(SetupError::Graph(
                "valid aggregate although every share verifies",
            ));
        }
        Ok(match withholds(item, me) {
            true => Held::CompleteAndWithheld(
                aggregate,
                self.own[i].ok_or(SetupError::Graph("own share"))?,
            ),
            false => Held::Complete(aggregate),
        })
    }

    /// Checks each peer's share by itself.
    fn name_cheat(&self, i: usize, item: &Item, session: &Session) -> Result<(), SetupError> {
        let (keys, _) = context(&self.seat.graph, item)?;
        for signer in keys.names().filter(|signer| *signer != self.seat.me) {
            let Some(share) = self.share_of(signer.id, i) else {
                continue;
            };
            let nonce = nonce_at(&self.nonces, &self.columns, signer.id, i)
                .ok_or(SetupError::Missing { from: signer })?;
            if !session
                .verify_share(keys, signer, nonce, &share)
                .unwrap_or(false)
            {
                let transaction = self
                    .seat
                    .graph
                    .node(item.node)
                    .map(|node| node.name.to_string())
                    .unwrap_or_default();
                return Err(SetupError::FaultyShare {
                    signer,
                    transaction,
                    input: item.input,
                });
            }
        }
        Ok(())
    }

    pub(super) fn share_of(&self, signer: PartyId, i: usize) -> Option<PartialSignature> {
        self.received.get(&signer)?.get(i).copied().flatten()
    }

    fn item_nonces(&self, i: usize, item: &Item) -> Result<Vec<PublicNonce>, SetupError> {
        let (keys, _) = context(&self.seat.graph, item)?;
        keys.names()
            .map(|from| {
                nonce_at(&self.nonces, &self.columns, from.id, i)
                    .copied()
                    .ok_or(SetupError::Missing { from })
            })
            .collect()
    }
}

/// Whether `party` keeps a share back that somebody waits for.
fn withholds(item: &Item, party: PartyId) -> bool {
    item.withheld.is_some_and(|a| a.signer == party)
}

impl<T> std::fmt::Debug for Signing<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing")
            .field("me", &self.seat.me)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
