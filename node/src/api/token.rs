//! The token that opens the API.

use std::path::Path;

use bitcoin::{
    hex::DisplayHex,
    secp256k1::rand::{RngCore, rngs::OsRng},
};
use narthex_base::{secret::Secret, tagged::tagged_hash};
use narthex_disk::{Readers, keep_secret, read_secret, replace};

/// What is left of the token in memory: what is offered is compared by its hash, so that no time says how much was right.
pub(super) struct Token([u8; 32]);

impl Token {
    /// The token of this folder. The secret is drawn once; the text that programs read is written from it at each start, for
    /// its owner alone. Another one is drawn if the secret is taken away.
    pub(super) fn of(secret: &Path, text: &Path) -> std::io::Result<Token> {
        let mut found = Ok(false);
        let mut kept = Secret::drawn(|bytes| found = read_secret(secret, bytes));
        if !found? {
            kept = Secret::drawn(|bytes| OsRng.fill_bytes(bytes));
            keep_secret(secret, kept.expose())?;
        }
        let words = kept.expose().to_lower_hex_string();
        replace(text, format!("{words}\n").as_bytes(), Readers::Owner)?;
        Ok(Token(hash(&words)))
    }

    /// Whether it is this one.
    pub(super) fn is(&self, offered: &str) -> bool {
        hash(offered) == self.0
    }
}

fn hash(words: &str) -> [u8; 32] {
    tagged_hash("narthex/api-token", words.as_bytes())
}
