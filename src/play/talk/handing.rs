//! How a thing goes from one party to another, and what comes back.

use narthex_contracts::terms::Role;
use narthex_game_model::{
    commitment::Receipt,
    computation::Computation,
    ruling::{Item, NotReceived, Received, SignedItem},
};

use super::{Piece, missing};
use crate::play::{ContractPlay, PlayError};

impl ContractPlay<'_> {
    /// The author signs an item and has it handed over. Its id.
    pub(in crate::play) fn say(
        &mut self,
        from: Role,
        item: Item,
        to: Role,
    ) -> Result<[u8; 32], PlayError> {
        let contract = *self.terms.contract_id();
        let id = item.id(&contract);
        let signed = self.signed_by(from, |pair| item.signed(&contract, pair))?;
        self.papers_mut(from).file(Piece::Item(signed.clone()));
        self.hand(from, to, &Piece::Item(signed))?;
        Ok(id)
    }

    /// Hands something over. The other side acknowledges what it has now that it is here, whole.
    pub(in crate::play) fn hand(
        &mut self,
        from: Role,
        to: Role,
        piece: &Piece,
    ) -> Result<(), PlayError> {
        let read = self.send(from, to, piece)?;
        self.check_signed(&read)?;
        let found = self.look_into(to, &read);
        let is_data = matches!(read, Piece::Boxes(_));
        // Boxes of nothing that is known take the place of no others.
        if !is_data || found.is_ok() {
            self.papers_mut(to).file(read);
        }
        match found {
            Ok(None) => Ok(()),
            Ok(Some(received)) => self.acknowledge(from, to, &received),
            Err(why) => self.step(
                to,
                format!("acknowledges nothing: {why}"),
                "who hands over half of a thing has handed over nothing, and no date runs from it",
            ),
        }
    }

    /// What a party has received with this piece, if it is something that is acknowledged; or why it has not.
    fn look_into(&self, to: Role, piece: &Piece) -> Result<Option<Received>, String> {
        let contract = self.terms.contract_id();
        let item = |signed: &SignedItem, extra: Option<&_>| {
            let held = self.talk.papers.get(&to);
            let held = held.into_iter().flat_map(|papers| &papers.openings);
            let by = signed.item.author();
            let key = self.terms.word_key(by.into());
            let key = key.ok_or(NotReceived::Unsigned { by })?;
            Received::item(contract, &key, signed, held.chain(extra))
        };
        match piece {
            Piece::Item(signed) => match item(signed, None) {
                Ok(received) => Ok(Some(received)),
                Err(NotReceived::NothingFollows) => Ok(None),
                Err(why) => Err(why.to_string()),
            },
            // Its item may have come before it; if there is none, or boxes are missing, nothing is received yet.
            Piece::Opening(opening) => {
                let id = opening.id();
                let items = self.talk.papers.get(&to).into_iter();
                let mut items = items.flat_map(|papers| papers.said.items());
                let signed = items.find(|signed| signed.item.opened() == Some(&id));
                Ok(signed.and_then(|signed| item(signed, Some(opening.as_ref())).ok()))
            }
            Piece::Boxes(sealed) => {
                let papers = self.talk.papers.get(&to);
                let width = self.workshop.job.output_bytes();
                let data = papers.and_then(|papers| papers.data(width, sealed));
                let data = data.map(|data| Received::data(contract, &data));
                data.map(Some)
                    .ok_or_else(|| "these are not the boxes of a commitment that is here".into())
            }
            _ => Ok(None),
        }
    }

    /// The receiver acknowledges.
    fn acknowledge(&mut self, from: Role, to: Role, received: &Received) -> Result<(), PlayError> {
        let (issuer, holder) = (self.word_key(to)?, self.word_key(from)?);
        let tip = self.chain.height()?;
        let kind = received.kind();
        let signed = self.signed_by(to, |pair| received.acknowledge(holder, tip, pair))?;
        let (contract, item) = (*self.terms.contract_id(), *received.id());
        let expected = Receipt::expected(kind, contract, item, issuer, holder);
        let signed = Piece::Receipt(signed?);
        // What the client and the arbiters have, the verifier must know before it approves.
        let mut holders = vec![from];
        if from == Role::Worker && to != Role::Verifier {
            holders.push(Role::Verifier);
        }
        for holder in holders {
            let read = self.send(to, holder, &signed)?;
            if let Piece::Receipt(receipt) = &read {
                receipt.check(&expected)?;
            }
            self.papers_mut(holder).file(read);
        }
        Ok(())
    }

    /// Nobody takes what its author has not signed.
    fn check_signed(&self, piece: &Piece) -> Result<(), PlayError> {
        let Piece::Item(signed) = piece else {
            return Ok(());
        };
        let by = Role::from(signed.item.author());
        let key = self.terms.word_key(by).ok_or_else(|| missing("a key"))?;
        match signed.is_by(self.terms.contract_id(), &key) {
            true => Ok(()),
            false => Err(PlayError::Unsigned {
                by,
                what: signed.item.name(),
            }),
        }
    }
}
