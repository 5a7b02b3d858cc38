//! The envelope: each recomputer signs the one before and a commitment to its own result.

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{SecretKey, schnorr},
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::market::{LayerSet, MAX_LAYERS};

use super::{BountyError, BountyTerms};
use crate::setup::Agreement;

const LAYER_BYTES: usize = 1 + 32 + 64;

/// One recomputer's layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Whose, from 0.
    pub seat: u8,
    /// Hides the root until all layers are there, so that nobody copies it ([`commitment`]).
    pub commitment: [u8; 32],
    /// By the recomputer's identity, over the envelope before and the commitment.
    pub signature: schnorr::Signature,
}

/// Layers in the order of their seats. A seat that is passed over is passed over by the signature of the next.
/// [`Envelope::verify`] checks what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Which bounty.
    pub terms: [u8; 32],
    /// The layers.
    pub layers: Vec<Layer>,
}

/// Commitment of a seat to a root: bound to bounty, seat and identity, so that another's cannot be opened as one's own.
pub fn commitment(
    terms: &BountyTerms,
    seat: u8,
    root: &[u8; 32],
    salt: &[u8; 32],
) -> Result<[u8; 32], BountyError> {
    let identity = terms.identity(seat)?.serialize();
    let parts: [&[u8]; 5] = [terms.id(), &[seat], &identity, root, salt];
    Ok(tagged_hash_parts("narthex/bounty-commitment", &parts))
}

impl Envelope {
    /// An envelope without layers.
    pub fn new(terms: &BountyTerms) -> Envelope {
        Envelope {
            terms: *terms.id(),
            layers: Vec::new(),
        }
    }

    /// With one more layer. The envelope is one that was verified.
    pub(super) fn with(
        &self,
        seat: u8,
        commitment: [u8; 32],
        identity: &SecretKey,
    ) -> Result<Envelope, BountyError> {
        if self.layers.last().is_some_and(|last| last.seat >= seat) {
            let problem = "comes after a later seat's";
            return Err(BountyError::Layer { seat, problem });
        }
        let hash = self.hash();
        let digest = layer_digest(hash.as_byte_array(), seat, &commitment);
        let mut next = self.clone();
        next.layers.push(Layer {
            seat,
            commitment,
            signature: statement::sign_by(&digest, identity),
        });
        Ok(next)
    }

    /// Checks every layer. Errors name the first that does not hold.
    pub fn verify(&self, terms: &BountyTerms) -> Result<(), BountyError> {
        if self.terms != *terms.id() {
            return Err(BountyError::Foreign);
        }
        let mut hash = self.base();
        let mut last = None;
        for layer in &self.layers {
            let (seat, identity) = (layer.seat, terms.identity(layer.seat)?);
            let bad = |problem| Err(BountyError::Layer { seat, problem });
            if last.is_some_and(|last| last >= seat) {
                return bad("is out of order or there twice");
            }
            let digest = layer_digest(&hash, seat, &layer.commitment);
            if statement::verify(&digest, &layer.signature, &identity).is_err() {
                return bad("is not signed by its recomputer upon the layers before it");
            }
            (hash, last) = (layer.upon(&hash), Some(seat));
        }
        Ok(())
    }

    /// Who has a layer.
    pub fn seats(&self) -> LayerSet {
        let bits = self
            .layers
            .iter()
            .map(|layer| 1u8.checked_shl(layer.seat.into()));
        let mask = bits.flatten().fold(0, |mask, bit| mask | bit);
        LayerSet::new(mask).unwrap_or_default()
    }

    /// The layer of a seat.
    pub fn layer(&self, seat: u8) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.seat == seat)
    }

    /// Hash of all layers, signatures included.
    pub fn hash(&self) -> sha256::Hash {
        let layers = self.layers.iter();
        sha256::Hash::from_byte_array(layers.fold(self.base(), |hash, layer| layer.upon(&hash)))
    }

    /// Whether `other` goes on from this one, or is it.
    pub fn begins(&self, other: &Envelope) -> bool {
        self.terms == other.terms && other.layers.starts_with(&self.layers)
    }

    fn base(&self) -> [u8; 32] {
        tagged_hash_parts("narthex/bounty-envelope", &[&self.terms])
    }
}

impl Message for Envelope {
    const KIND: Kind = kinds::ENVELOPE;

    /// 97 bytes for each layer.
    fn write(&self, w: &mut Writer) {
        w.fixed(&self.terms).list(&self.layers, |w, layer| {
            w.u8(layer.seat)
                .fixed(&layer.commitment)
                .signature(&layer.signature);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Envelope, DecodeError> {
        let layer = |r: &mut Reader<'_>| {
            Ok(Layer {
                seat: r.u8("seat")?,
                commitment: r.array("commitment")?,
                signature: r.signature("signature")?,
            })
        };
        Ok(Envelope {
            terms: r.array("terms")?,
            layers: r.list_up_to("layers", LAYER_BYTES, MAX_LAYERS, layer)?,
        })
    }
}

impl Layer {
    /// Hash of the envelope that it makes of one with this hash.
    fn upon(&self, before: &[u8; 32]) -> [u8; 32] {
        let parts: [&[u8]; 4] = [
            before,
            &[self.seat],
            &self.commitment,
            self.signature.as_ref(),
        ];
        tagged_hash_parts("narthex/bounty-envelope-layer", &parts)
    }
}

/// What a recomputer signs to put its layer upon an envelope with the hash `before`.
fn layer_digest(before: &[u8; 32], seat: u8, commitment: &[u8; 32]) -> [u8; 32] {
    tagged_hash_parts("narthex/bounty-layer", &[before, &[seat], commitment])
}
