//! The third round: shares go out and come in, stage by stage, and are checked.

use std::collections::{BTreeMap, BTreeSet};

use crate::parallel::*;

use super::{
    Agreement, Holdings, Item, SetupError, SharesMessage,
    holdings::{Held, Pending},
    message::transcript,
    party::{Columns, Nonces, Party, nonce_at},
    plan::context,
};
use crate::{
    graph::Stage,
    musig::{AdaptorSignature, PartialSignature, PublicNonce, Session},
    role::Role,
    terms::Terms,
};

/// A party that has signed everything and exchanges shares.
pub struct Signing<T = Terms> {
    party: Party<T>,
    /// Hash of all nonces.
    transcript: [u8; 32],
    nonces: Nonces,
    columns: Columns,
    sessions: Vec<Option<Session>>,
    own: Vec<Option<PartialSignature>>,
    /// What each peer sent, each share at its item's position: one look-up a signer and item
    /// when a stage is closed, which a tree would double the cost of with eighteen signers.
    received: BTreeMap<Role, Vec<Option<PartialSignature>>>,
    /// The stages whose shares each peer has sent.
    heard: BTreeSet<(Stage, Role)>,
    /// Number of stages that are complete and verified.
    closed: usize,
    held: BTreeMap<usize, Held>,
}

impl<T: Agreement> Signing<T> {
    pub(super) fn new(
        party: Party<T>,
        nonces: Nonces,
        columns: Columns,
        sessions: Vec<Option<Session>>,
        own: Vec<Option<PartialSignature>>,
    ) -> Signing<T> {
        Signing {
            transcript: transcript(&party.session_id, nonces.iter()),
            party,
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

    /// Own role.
    pub fn role(&self) -> Role {
        self.party.role
    }

    /// The shares of `stage` that `to` is to hold. Asking again gives the same bytes.
    pub fn shares_for(&self, stage: Stage, to: Role) -> Result<SharesMessage, SetupError> {
        self.check_open(stage)?;
        if self.party.terms.signer(to).is_none() {
            return Err(SetupError::Stranger { role: to });
        }
        let from = self.party.role;
        let shares = self
            .party
            .plan
            .sent(stage, from, to)
            .filter_map(|(i, _)| self.own[i])
            .collect();
        Ok(SharesMessage {
            session_id: self.party.session_id,
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
            from,
            to,
            stage,
            shares,
        } = message;
        if session_id != self.party.session_id {
            return Err(SetupError::ForeignContract { from });
        }
        if to != self.party.role {
            return Err(SetupError::Misdirected { from, to });
        }
        if from == self.party.role || self.party.terms.signer(from).is_none() {
            return Err(SetupError::Stranger { role: from });
        }
        if transcript != self.transcript {
            return Err(SetupError::Transcript { from });
        }
        let positions = self
            .party
            .plan
            .sent(stage, from, to)
            .map(|(i, _)| i)
            .collect::<Vec<_>>();
        if positions.len() != shares.len() {
            return Err(SetupError::Count {
                from,
                given: shares.len(),
                wanted: positions.len(),
            });
        }
        let items = self.party.plan.items().len();
        let known = self
            .received
            .entry(from)
            .or_insert_with(|| vec![None; items]);
        let given = || positions.iter().zip(&shares);
        if self.heard.contains(&(stage, from)) {
            return match given().all(|(i, share)| known[*i].as_ref() == Some(share)) {
                true => Ok(()),
                false => Err(SetupError::Contradiction { from }),
            };
        }
        for (i, share) in given() {
            known[*i] = Some(*share);
        }
        self.heard.insert((stage, from));
        Ok(())
    }

    /// Verifies a stage: one check per aggregate, and only where one fails, one per share to name who cheated.
    pub fn close(&mut self, stage: Stage) -> Result<(), SetupError> {
        self.check_open(stage)?;
        let role = self.party.role;
        for from in (self.party.terms.everyone().into_iter()).filter(|from| *from != role) {
            let expected = self.party.plan.sent(stage, from, role).next().is_some();
            if expected && !self.heard.contains(&(stage, from)) {
                return Err(SetupError::Missing { from });
            }
        }
        let items = self.party.plan.items();
        let held = items
            .par_iter()
            .enumerate()
            .filter(|(_, item)| {
                item.stage == stage && (item.collects(role) || withholds(item, role))
            })
            .map(|(i, item)| self.collect(i, item).map(|held| (i, held)))
            .collect::<Result<Vec<_>, _>>()?;
        self.held.extend(held);
        self.closed = self.closed.max(stage as usize + 1);
        Ok(())
    }

    /// Everything is verified: what the party holds from now on.
    pub fn finish(self) -> Result<Holdings<T>, SetupError> {
        match Stage::ALL.get(self.closed) {
            Some(open) => Err(SetupError::StageClosed {
                asked: Stage::Settlement,
                open: *open,
            }),
            None => Ok(Holdings::new(
                self.party.terms,
                self.party.graph,
                self.party.plan,
                self.party.role,
                self.held,
            )),
        }
    }

    fn check_open(&self, stage: Stage) -> Result<(), SetupError> {
        match Stage::ALL.get(self.closed) {
            Some(open) if *open < stage => Err(SetupError::StageClosed {
                asked: stage,
                open: *open,
            }),
            _ => Ok(()),
        }
    }

    fn collect(&self, i: usize, item: &Item) -> Result<Held, SetupError> {
        let role = self.party.role;
        if !item.collects(role) {
            let share = self.own[i].ok_or(SetupError::Graph("own share"))?;
            return Ok(Held::Withheld(share));
        }
        let (keys, point) = context(&self.party.graph, item)?;
        let session = self.sessions[i]
            .as_ref()
            .ok_or(SetupError::Graph("session of an item"))?;
        let share = |signer: Role| match signer {
            _ if signer == role => self.own[i],
            _ => self.share_of(signer, i),
        };
        let shares = keys.signers().map(share).collect::<Vec<_>>();
        if let Some(awaits) = item.awaits.filter(|a| a.holder == role) {
            self.name_cheat(i, item, session)?;
            let nonces = self.item_nonces(i, item)?;
            return Ok(Held::Pending(Pending {
                nonces,
                shares,
                awaits: awaits.signer,
            }));
        }
        let all = shares
            .iter()
            .zip(keys.signers())
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
        Ok(match withholds(item, role) {
            true => Held::CompleteAndWithheld(
                aggregate,
                self.own[i].ok_or(SetupError::Graph("own share"))?,
            ),
            false => Held::Complete(aggregate),
        })
    }

    /// Checks each peer's share by itself.
    fn name_cheat(&self, i: usize, item: &Item, session: &Session) -> Result<(), SetupError> {
        let (keys, _) = context(&self.party.graph, item)?;
        for signer in keys.signers().filter(|signer| *signer != self.party.role) {
            let Some(share) = self.share_of(signer, i) else {
                continue;
            };
            let nonce = nonce_at(&self.nonces, &self.columns, signer, i)
                .ok_or(SetupError::Missing { from: signer })?;
            if !session
                .verify_share(keys, signer, &nonce, &share)
                .unwrap_or(false)
            {
                let transaction = self
                    .party
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

    fn share_of(&self, signer: Role, i: usize) -> Option<PartialSignature> {
        self.received.get(&signer)?.get(i).copied().flatten()
    }

    fn item_nonces(&self, i: usize, item: &Item) -> Result<Vec<PublicNonce>, SetupError> {
        let (keys, _) = context(&self.party.graph, item)?;
        keys.signers()
            .map(|role| {
                nonce_at(&self.nonces, &self.columns, role, i)
                    .ok_or(SetupError::Missing { from: role })
            })
            .collect()
    }
}

/// Whether `role` keeps a share back that somebody waits for.
fn withholds(item: &Item, role: Role) -> bool {
    item.awaits.is_some_and(|a| a.signer == role)
}

impl<T> std::fmt::Debug for Signing<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing")
            .field("role", &self.party.role)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
