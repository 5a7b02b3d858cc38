//! What the peer says.

use super::{
    Kept, LinksChange, LinksEffect, LinksMachine, LinksRefusal, MAX_KEPT,
    check::{check_body, check_receivers, check_room, check_sender},
    machine::{Taken, change, seen},
    state::{Talk, Way},
};
use crate::{
    Step,
    wire::{Contradiction, Head, MessageType, WireFault},
};

impl LinksMachine {
    /// Whether a message of the peer's is for this node, in a contract that there is, with a body that it can have. Before its
    /// signature is looked at and before room is made for it.
    ///
    /// # Errors
    /// [`LinksRefusal::NoContract`]; [`LinksRefusal::Wire`].
    pub fn check_head(&self, head: &Head) -> Result<(), LinksRefusal> {
        check_sender(head, &self.peer)?;
        let Talk { of, theirs, .. } = self.talk(&head.contract)?;
        check_receivers(head, of.peer, of.me)?;
        let (given, most) = (head.length as usize, of.most as usize);
        if given > most {
            let message = head.name();
            return Err(WireFault::Contract {
                message,
                given,
                most,
            }
            .into());
        }
        check_room(theirs, head.to, head.seq)
    }

    pub(super) fn taken(&self, kept: &Kept) -> Taken {
        let (signed, head) = (&kept.signed, &kept.signed.head);
        self.check_head(head)?;
        let (contract, talk) = (head.contract, self.talk(&head.contract)?);
        let way = talk.theirs.get(&head.to);
        let next = way.map_or(0, |way| way.next);
        let known = way.and_then(|way| way.kept.get(&head.seq));
        // As it is known, under whatever signature.
        if known.is_some_and(|known| known.signed.head == *head) {
            return seen();
        }
        if talk.contradiction.is_some() {
            return Err(LinksRefusal::Contradicted { contract });
        }
        signed.verify()?;
        if let Some(proof) = Self::contradicted(&talk.theirs, signed) {
            return Ok(contradicted(proof));
        }
        if head.seq != next {
            let given = head.seq;
            return Err(LinksRefusal::Gap { next, given });
        }
        check_body(kept)?;
        let mut kept = kept.clone();
        // Kept is what the peer may need back, as far as there is room.
        let is_kept = MessageType::known(head.message).is_some_and(|row| row.is_kept);
        if !is_kept || bodies(talk).saturating_add(head.length as usize) > MAX_KEPT {
            kept.body = None;
        }
        change(LinksChange::Taken(kept))
    }

    /// Somebody shows two messages of the peer's.
    pub(super) fn proved(&self, proof: &Contradiction) -> Taken {
        proof.verify()?;
        check_sender(&proof.first.head, &self.peer)?;
        let talk = self.talk(&proof.first.head.contract)?;
        match talk.contradiction {
            Some(_) => seen(),
            None => Ok(contradicted(*proof)),
        }
    }
}

fn contradicted(proof: Contradiction) -> Step<LinksChange, LinksEffect> {
    let contract = proof.first.head.contract;
    Step::new(
        vec![LinksChange::Contradicted(proof)],
        vec![LinksEffect::Prove { contract }],
    )
}

/// Bytes of bodies that are kept of a contract's peer.
fn bodies(talk: &Talk) -> usize {
    let kept = talk.theirs.values().flat_map(|way: &Way| way.kept.values());
    kept.filter_map(|kept| kept.body.as_ref())
        .map(|body| body.len())
        .sum()
}
