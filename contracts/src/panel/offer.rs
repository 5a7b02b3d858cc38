//! An arbitration offer: built as outputs for a wallet's transaction, found in transactions of the chain.

use bitcoin::{Amount, OutPoint, Transaction, TxOut, hashes::sha256, key::XOnlyPublicKey};
use miniscript::Descriptor;
use narthex_base::codec::DecodeError;
use serde::{Deserialize, Serialize};

use super::{BondError, OfferPayload, OfferTerms, OfferTermsError, bond_descriptor, bond_script};
use crate::bond::{BondScript, Claim, Lock};

/// Why a transaction is no offer, although it says so, or why an offer cannot be made. The offering arbiter's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The data output cannot be read.
    #[error("the offer's data output: {0}")]
    Payload(#[from] DecodeError),
    /// More than one data output of an offer: which bond would belong to which?
    #[error("outputs {first} and {second} both announce an offer; a transaction makes one")]
    SeveralPayloads {
        /// First output.
        first: u32,
        /// Second output.
        second: u32,
    },
    /// No output pays to the bond script of this identity and expiry.
    #[error("no output is a bond of {identity} until height {expiry_height}")]
    NoBond {
        /// Identity announced.
        identity: XOnlyPublicKey,
        /// Expiry announced.
        expiry_height: u32,
    },
    /// The expiry is no height, or there is no script.
    #[error(transparent)]
    Bond(#[from] BondError),
    /// Nobody may draw by such terms.
    #[error(transparent)]
    Terms(#[from] OfferTermsError),
    /// The bond was expired when it confirmed.
    #[error("confirmed at {confirmed_height}, not below its expiry at {expiry_height}")]
    Expired {
        /// Height of its block.
        confirmed_height: u32,
        /// Expiry announced.
        expiry_height: u32,
    },
    /// The bond is too small to be relayed, or more money than there is.
    #[error("a bond of {value} is not between {least} and all bitcoin")]
    Value {
        /// Value asked for.
        value: Amount,
        /// Dust limit of its output.
        least: Amount,
    },
}

/// An offer that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferDraft {
    payload: OfferPayload,
    value: Amount,
}

impl OfferDraft {
    /// Offers to judge or to verify under `terms`, with `value` locked until `expiry_height`.
    ///
    /// # Errors
    /// [`OfferError::Terms`] for terms that are none, [`OfferError::Value`] or [`OfferError::Bond`] for a bond that is none.
    pub fn new(
        identity: XOnlyPublicKey,
        expiry_height: u32,
        value: Amount,
        terms: &OfferTerms,
    ) -> Result<OfferDraft, OfferError> {
        terms.check()?;
        let least = bond_script(&identity, expiry_height)?.minimal_non_dust();
        if value < least || value > Amount::MAX_MONEY {
            return Err(OfferError::Value { value, least });
        }
        Ok(OfferDraft {
            payload: OfferPayload {
                identity,
                expiry_height,
                terms_hash: terms.hash(),
            },
            value,
        })
    }

    /// What the data output says.
    pub fn payload(&self) -> &OfferPayload {
        &self.payload
    }

    /// The bond and the data output, for a wallet to put into a transaction in whatever order.
    pub fn outputs(&self) -> Result<[TxOut; 2], OfferError> {
        Ok([
            TxOut {
                value: self.value,
                script_pubkey: bond_script(&self.payload.identity, self.payload.expiry_height)?,
            },
            TxOut {
                value: Amount::ZERO,
                script_pubkey: self.payload.script(),
            },
        ])
    }

    /// Descriptor by which the arbiter's wallet watches the bond, and withdraws it after the expiry.
    pub fn descriptor(&self) -> Result<Descriptor<XOnlyPublicKey>, OfferError> {
        Ok(bond_descriptor(
            &self.payload.identity,
            self.payload.expiry_height,
        )?)
    }
}

/// A confirmed offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Key that the arbiter is known by; signs its answers and rulings.
    pub identity: XOnlyPublicKey,
    /// The bond.
    pub outpoint: OutPoint,
    /// What the bond holds: read from the chain, not claimed.
    #[serde(with = "bitcoin::amount::serde::as_sat")]
    pub value_sat: Amount,
    /// Height from which the bond can be withdrawn.
    pub expiry_height: u32,
    /// [`OfferTerms::hash`] of the terms that the arbiter accepts.
    pub terms_hash: sha256::Hash,
    /// Height of the block with the offer.
    pub confirmed_height: u32,
}

impl Offer {
    /// The offer's bond as a claim, to be held against a chain like any other bond: it stands for its own key.
    pub fn claim(&self) -> Result<Claim, BondError> {
        Ok(Claim {
            script: BondScript::taproot(self.identity, Lock::height(self.expiry_height)?),
            outpoint: self.outpoint,
            value: self.value_sat,
            confirmed_height: self.confirmed_height,
            identity: self.identity,
        })
    }

    /// The offer in a transaction confirmed at `height`; `Ok(None)` for a transaction without one. If several
    /// outputs pay to the bond script, the first is the bond: the others buy nothing.
    pub fn from_transaction(tx: &Transaction, height: u32) -> Result<Option<Offer>, OfferError> {
        let mut found: Option<(u32, Result<OfferPayload, DecodeError>)> = None;
        for (vout, output) in (0u32..).zip(&tx.output) {
            let Some(payload) = OfferPayload::from_script(&output.script_pubkey) else {
                continue;
            };
            if let Some((first, _)) = found {
                return Err(OfferError::SeveralPayloads {
                    first,
                    second: vout,
                });
            }
            found = Some((vout, payload));
        }
        let Some((_, payload)) = found else {
            return Ok(None);
        };
        let OfferPayload {
            identity,
            expiry_height,
            terms_hash,
        } = payload?;
        let script = bond_script(&identity, expiry_height)?;
        let (vout, bond) = (0u32..)
            .zip(&tx.output)
            .find(|(_, output)| output.script_pubkey == script)
            .ok_or(OfferError::NoBond {
                identity,
                expiry_height,
            })?;
        if expiry_height <= height {
            return Err(OfferError::Expired {
                confirmed_height: height,
                expiry_height,
            });
        }
        Ok(Some(Offer {
            identity,
            outpoint: OutPoint {
                txid: tx.compute_txid(),
                vout,
            },
            value_sat: bond.value,
            expiry_height,
            terms_hash,
            confirmed_height: height,
        }))
    }
}
