//! What a party has of a contract that somebody may judge by who was not there: an arbiter, a reviewer, a court. Nothing of it is a
//! secret: it is what was said, acknowledged and attested, and once there is a case, what the panel is shown.

use narthex::{
    bitcoin::hex::{DisplayHex, FromHex},
    channel::contract::blob_hash,
    contracts::setup::Agreement as _,
};
use narthex_base::codec::Message as _;
use serde::{Deserialize, Serialize};

use super::{
    Core, Reply,
    command::{Answer, CommandError, id_of, refused},
};

/// A piece of what there is to judge by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EvidenceStatus {
    /// SHA-256 of its bytes.
    pub id: String,
    /// `terms`; `item`: something that a party has signed; `receipt`; `attestation`: how an arbiter has ruled, as a watchtower
    /// takes it; `case`: what `narthex game rule` reads, as far as this party has it, once the panel is asked;
    /// `bundle`: the case as this arbiter has ruled on it, with proofs, which `narthex arbiter replay` rules on again.
    pub kind: String,
    /// Which, in a word.
    pub what: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// `application/json` or `application/octet-stream`.
    pub media_type: String,
}

/// A piece with its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceText {
    /// Which.
    pub evidence: EvidenceStatus,
    /// JSON as it is, bytes in hex.
    pub text: String,
}

impl EvidenceText {
    /// A piece of which the bytes are there.
    pub(super) fn of(evidence: EvidenceStatus, bytes: &[u8]) -> EvidenceText {
        let text = match evidence.media_type.as_str() {
            JSON => String::from_utf8_lossy(bytes).into_owned(),
            _ => bytes.to_lower_hex_string(),
        };
        EvidenceText { evidence, text }
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, CommandError> {
        match self.evidence.media_type.as_str() {
            JSON => Ok(self.text.as_bytes().to_vec()),
            _ => Vec::from_hex(&self.text).map_err(|error| refused("disk", error)),
        }
    }
}

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

fn piece(kind: &str, what: &str, media_type: &str, bytes: &[u8]) -> EvidenceText {
    let evidence = EvidenceStatus {
        id: blob_hash(bytes).to_lower_hex_string(),
        kind: kind.to_owned(),
        what: what.to_owned(),
        bytes: bytes.len() as u64,
        media_type: media_type.to_owned(),
    };
    EvidenceText::of(evidence, bytes)
}

fn json<T: Serialize>(kind: &str, what: &str, value: &T) -> Result<EvidenceText, CommandError> {
    let bytes = serde_json::to_vec(value).map_err(|error| refused("disk", error))?;
    Ok(piece(kind, what, JSON, &bytes))
}

impl Core {
    /// All of it, piece by piece. What a process before this one has kept is read from the disk.
    pub(super) fn each_piece(
        &self,
        id: &[u8; 32],
        take: &mut dyn FnMut(EvidenceText) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let contract = self.contracts.get(id);
        let contract = contract.ok_or_else(|| refused("unknown", "there is no such contract"))?;
        let none = || refused("none", "it is not funded, or not ready yet");
        let party = &contract.life.as_ref().ok_or_else(none)?.party;
        let book = party.book();
        let terms = book.contract().terms();
        let text = terms.to_json().map_err(|error| refused("disk", error))?;
        take(piece("terms", "terms", JSON, text.as_bytes()))?;
        for signed in book.papers().items() {
            take(json("item", signed.item.name(), signed)?)?;
        }
        for receipt in book.papers().receipts() {
            take(json("receipt", "receipt", receipt)?)?;
        }
        for attestation in book.attestations() {
            let what = format!("arbiter {}: {}", attestation.arbiter, attestation.ruling);
            take(piece("attestation", &what, BYTES, &attestation.to_bytes()))?;
        }
        let case = party.case_file();
        if let Some(case) = case.map_err(|error| refused("disk", error))? {
            let what = format!("contract {}", terms.id().to_lower_hex_string());
            take(json("case", &what, &case)?)?;
        }
        let bundle = contract.life.as_ref().and_then(|life| life.bundle.as_ref());
        if let Some((_, Some(bundle))) = bundle {
            let what = format!("contract {}", terms.id().to_lower_hex_string());
            take(piece("bundle", &what, BYTES, bundle))?;
        }
        Ok(())
    }

    pub(super) fn evidence(&self, id: &[u8; 32]) -> Answer {
        let mut all = Vec::new();
        self.each_piece(id, &mut |piece| {
            all.push(piece.evidence);
            Ok(())
        })?;
        Ok(Reply::Evidence(all))
    }

    pub(super) fn evidence_text(&self, id: &[u8; 32], item: &str) -> Answer {
        let which = id_of(item)?.to_lower_hex_string();
        let mut found = None;
        self.each_piece(id, &mut |piece| {
            if piece.evidence.id == which {
                found = Some(piece);
            }
            Ok(())
        })?;
        let found = found.ok_or_else(|| refused("unknown", "there is no such piece of evidence"));
        Ok(Reply::EvidenceText(Box::new(found?)))
    }
}
