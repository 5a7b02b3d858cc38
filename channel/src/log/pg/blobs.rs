//! Long things in the database, in pieces: a replica that takes over has none of what the other kept on its disk.

use super::{PgShelf, reach::failed};
use crate::log::LogError;

/// Bytes of a piece: a server and a client have one in memory.
const PIECE: usize = 4 << 20;

impl PgShelf {
    /// Makes something of a contract durable, by the hash of its bytes. It is, on return.
    ///
    /// # Errors
    /// As [`PgShelf::commit`].
    pub fn keep(&self, contract: &[u8; 32], hash: &[u8; 32], bytes: &[u8]) -> Result<(), LogError> {
        let (contract, hash) = (&contract[..], &hash[..]);
        self.0.borrow_mut().commit(|transaction, _| {
            let insert = "INSERT INTO blob (contract, hash, piece, bytes) VALUES ($1, $2, $3, $4)
                ON CONFLICT DO NOTHING";
            let insert = transaction.prepare(insert)?;
            // Nothing is something too.
            let pieces = bytes.chunks(PIECE).chain(bytes.is_empty().then_some(bytes));
            for (number, piece) in (0_i32..).zip(pieces) {
                transaction.execute(&insert, &[&contract, &hash, &number, &piece])?;
            }
            Ok(())
        })
    }

    /// What a contract has by a hash, as the database has it; `None` if it has nothing. Whoever asks holds it against the hash.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn kept(&self, contract: &[u8; 32], hash: &[u8; 32]) -> Result<Option<Vec<u8>>, LogError> {
        let mut shared = self.0.borrow_mut();
        let name = shared.name.clone();
        let (contract, hash) = (&contract[..], &hash[..]);
        let select = "SELECT bytes FROM blob WHERE contract = $1 AND hash = $2 AND piece = $3";
        let mut all: Option<Vec<u8>> = None;
        for number in 0_i32.. {
            let piece = shared
                .client
                .0
                .query_opt(select, &[&contract, &hash, &number]);
            let Some(row) = piece.map_err(|error| failed(&name, error))? else {
                break;
            };
            let piece: &[u8] = row.try_get(0).map_err(|error| failed(&name, error))?;
            all.get_or_insert_default().extend_from_slice(piece);
        }
        Ok(all)
    }
}
