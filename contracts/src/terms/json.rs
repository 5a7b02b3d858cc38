//! Terms as JSON, with a bound on their size.

use serde::{Serialize, de::DeserializeOwned};

use super::{MAX_TERMS_BYTES, TermsError};

pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, TermsError> {
    if json.len() > MAX_TERMS_BYTES {
        return Err(TermsError::TooLarge {
            bytes: json.len(),
            limit: MAX_TERMS_BYTES,
        });
    }
    narthex_game_model::text::parsed(json, serde_json::from_str)
        .map_err(|e| TermsError::Json(shortened(&e.to_string())))
}

pub(super) fn write(record: &impl Serialize) -> Result<String, TermsError> {
    serde_json::to_string_pretty(record).map_err(|e| TermsError::Json(e.to_string()))
}

/// Both ends of what the parser says: it quotes what it read, which may be long, and names the place at the end.
fn shortened(message: &str) -> String {
    const END: usize = 80;
    let count = message.chars().count();
    if count <= 3 * END {
        return message.to_owned();
    }
    let head = message.chars().take(2 * END);
    let tail = message.chars().skip(count - END);
    head.chain(" … ".chars()).chain(tail).collect()
}
