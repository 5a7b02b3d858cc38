//! What is shown of contracts that are put away.

use narthex::bitcoin::hex::DisplayHex as _;

use super::{Pack, ROW, Row, row::ArchiveStatus, row_of};
use crate::party::{
    Core, Fatal, Reply,
    command::{Answer, Command, CommandError, id_of, refused},
    evidence::EvidenceText,
};

/// Contracts of a page, if no number of them was said.
const PAGE: u32 = 100;

/// Most contracts of a page.
const MAX_PAGE: u32 = 500;

pub(super) fn unknown() -> CommandError {
    refused("unknown", "there is no such contract")
}

fn disk(error: impl std::fmt::Display) -> CommandError {
    refused("disk", error)
}

impl Core {
    /// A page of the archive: those before a number, or the last.
    pub(in crate::party) fn archive_page(
        &mut self,
        before: Option<u64>,
        most: Option<u32>,
    ) -> Result<Answer, Fatal> {
        let most = usize::try_from(most.unwrap_or(PAGE).clamp(1, MAX_PAGE)).unwrap_or(1);
        let mut found = self.store.away(ROW, before, most.saturating_add(1))?;
        let has_more = found.len() > most;
        found.truncate(most);
        let next = found.last().map(|(number, _)| *number).filter(|_| has_more);
        let mut contracts = Vec::new();
        for (number, whose) in found {
            let row = row_of(&mut *self.store, whose.id)?;
            contracts.extend(row.map(|row| row.shown(number)));
        }
        Ok(Ok(Reply::Archive(Box::new(ArchiveStatus {
            all: self.archive.counts.rows,
            contracts,
            next,
        }))))
    }

    /// The answer to what is asked of a contract that is put away; `None` if it is about none.
    pub(in crate::party) fn asks_archive(
        &mut self,
        command: &Command,
    ) -> Result<Option<Answer>, Fatal> {
        let is_small = matches!(command, Command::Small { .. });
        let id = command.contract().filter(|_| !is_small);
        let Some(id) = id.and_then(|id| id_of(id).ok()) else {
            return Ok(None);
        };
        if !self.is_archived(&id)? {
            return Ok(None);
        }
        let Some(row) = row_of(&mut *self.store, id)? else {
            return Ok(None);
        };
        let over = || refused("late", "the contract is over, and put away");
        Ok(Some(match command {
            Command::Show { .. } => Ok(Reply::Contract(Box::new(row.contract))),
            Command::Result { .. } => match row.contract.result {
                Some(result) => Ok(Reply::Result(result)),
                None => Err(refused("none", "nothing is decrypted here")),
            },
            Command::Graph { .. } => self.read_pack(&id, &row).and_then(|pack| {
                let graph = pack.graph.map(Box::new).map(Reply::Graph);
                graph.ok_or_else(over)
            }),
            Command::Evidence { .. } => self.read_pack(&id, &row).map(|pack| {
                let pieces = pack.pieces.into_iter();
                Reply::Evidence(pieces.map(|piece| piece.evidence).collect())
            }),
            Command::EvidenceText { item, .. } => self.piece_of(&id, &row, item),
            Command::Bundle { .. } => Err(refused(
                "none",
                "the contract is over, and put away: nothing is to be watched",
            )),
            _ => Err(over()),
        }))
    }

    fn read_pack(&mut self, id: &[u8; 32], row: &Row) -> Result<Pack, CommandError> {
        let blobs = self.store.blobs(id).map_err(disk)?;
        let bytes = blobs.kept(&row.pack).map_err(disk)?;
        serde_json::from_slice(&bytes).map_err(disk)
    }

    fn piece_of(&mut self, id: &[u8; 32], row: &Row, item: &str) -> Answer {
        let hash = id_of(item)?;
        let which = hash.to_lower_hex_string();
        let pieces = self.read_pack(id, row)?.pieces.into_iter();
        let mut found = pieces.filter(|piece| piece.evidence.id == which);
        let none = || refused("unknown", "there is no such piece of evidence");
        let EvidenceText { evidence, text } = found.next().ok_or_else(none)?;
        let piece = match evidence.bytes > Pack::MAX_PIECE {
            false => EvidenceText { evidence, text },
            true => {
                let blobs = self.store.blobs(id).map_err(disk)?;
                EvidenceText::of(evidence, &blobs.kept(&hash).map_err(disk)?)
            }
        };
        Ok(Reply::EvidenceText(Box::new(piece)))
    }

    /// Keeps what there is to judge by of a contract, and the hash of what it is found by.
    pub(super) fn packed_evidence(
        &mut self,
        id: &[u8; 32],
        mut pack: Pack,
    ) -> Result<[u8; 32], CommandError> {
        let mut blobs = self.store.blobs(id).map_err(disk)?;
        self.each_piece(id, &mut |mut piece| {
            if piece.evidence.bytes > Pack::MAX_PIECE {
                blobs.keep(&piece.bytes()?).map_err(disk)?;
                piece.text = String::new();
            }
            pack.pieces.push(piece);
            Ok(())
        })?;
        let bytes = serde_json::to_vec(&pack).map_err(disk)?;
        blobs.keep(&bytes).map_err(disk)
    }
}
