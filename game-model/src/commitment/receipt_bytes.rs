//! Canonical bytes of receipts.

use hex_conservative::{DisplayHex, FromHex};
use narthex_base::codec::{self, Reader};

use super::receipt::{Receipt, ReceiptKind, SignedReceipt};
use super::wire::DecodeError;

/// Kind, five hashes or keys, height.
const RECEIPT_BYTES: usize = 1 + 5 * 32 + 4;

impl Receipt {
    /// Canonical bytes (165): kind (1: 1 commitment, 2 blind digests, 3 opening, 4 kept, 5 data,
    /// 6 token, 7 reply, 8 sample, 9 evidence brought, 10 evidence heard), contract, item,
    /// issuer, holder, previous (32 each), height (4, big-endian).
    pub fn to_bytes(&self) -> [u8; RECEIPT_BYTES] {
        let fields = [
            &self.contract,
            &self.item,
            &self.issuer,
            &self.holder,
            &self.previous,
        ];
        let mut out = [0; RECEIPT_BYTES];
        out[0] = self.kind.code();
        for (place, field) in out[1..].chunks_exact_mut(32).zip(fields) {
            place.copy_from_slice(field);
        }
        out[RECEIPT_BYTES - 4..].copy_from_slice(&self.height.to_be_bytes());
        out
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = r.u8("kind of receipt")?;
        let kind = ReceiptKind::from_code(code)
            .ok_or_else(|| codec::DecodeError::invalid("kind of receipt", code))?;
        Ok(Self {
            kind,
            contract: r.array("contract")?,
            item: r.array("item")?,
            issuer: r.array("issuer")?,
            holder: r.array("holder")?,
            previous: r.array("previous")?,
            height: r.u32("height")?,
        })
    }
}

impl SignedReceipt {
    /// Canonical bytes (229): those of the receipt, then the signature (64).
    pub fn to_bytes(&self) -> [u8; RECEIPT_BYTES + 64] {
        let mut out = [0; RECEIPT_BYTES + 64];
        out[..RECEIPT_BYTES].copy_from_slice(&self.receipt.to_bytes());
        out[RECEIPT_BYTES..].copy_from_slice(&self.signature);
        out
    }

    /// Reads canonical bytes; the signature is not checked.
    ///
    /// # Errors
    /// [`DecodeError`] if they are not those of a receipt.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::plain(bytes);
        let receipt = Receipt::read(&mut r)?;
        let signature = r.array("signature")?;
        r.finish()?;
        Ok(Self { receipt, signature })
    }
}

impl From<SignedReceipt> for String {
    fn from(signed: SignedReceipt) -> Self {
        signed.to_bytes().to_lower_hex_string()
    }
}

impl TryFrom<String> for SignedReceipt {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = Vec::from_hex(&text).map_err(|error| error.to_string())?;
        Self::from_bytes(&bytes).map_err(|error| error.to_string())
    }
}
