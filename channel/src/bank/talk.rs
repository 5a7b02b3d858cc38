//! What the two sides of a bank say to each other before its first penny and at its end. Commitments and pennies travel as they are.
//!
//! The payer asks by its [`BankFigures`], the provider answers by its [`BankConsent`]; the terms follow from both, a fresh salt and
//! the payer's coins. The force close is signed in one session of fresh nonces ([`BankTalk::Terms`] to [`BankTalk::Signed`]). A
//! session that died with a process is begun anew, over other terms: the payer's, or at the provider's wish
//! ([`BankTalk::Again`]). An end is agreed on by both before either makes a nonce for it.

use bitcoin::{Amount, FeeRate, ScriptBuf, hashes::sha256, secp256k1::PublicKey};
use narthex_base::{
    codec::{DecodeError, Message, Reader, Writer},
    kinds::{self, Kind},
};
use narthex_contracts::{
    bank::{BankError, BankFunding, BankRecord, MAX_BANK_TERMS_BYTES},
    musig::{PartialSignature, PublicNonce},
    terms::Contribution,
};

use super::Leaving;
use crate::fields::{read_script, unknown};

/// What a payer asks for. [`BankRecord`] says what each figure is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankFigures {
    /// Key of A, who pays.
    pub payer: PublicKey,
    /// Where the payer is paid.
    pub payer_script: ScriptBuf,
    /// Number of pennies.
    pub pennies: u32,
    /// What one is worth.
    pub value: Amount,
    /// What the bank holds.
    pub capacity: Amount,
    /// T.
    pub refund_height: u32,
    /// D.
    pub claim_blocks: u16,
    /// Fewest pennies that are enforced at a time.
    pub step: u32,
    /// The other part of the allowance.
    pub shift: u8,
    /// Fee rate of the funding.
    pub rate: FeeRate,
}

/// What a provider brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankConsent {
    /// Key of P, who is paid.
    pub provider: PublicKey,
    /// Where the provider is paid.
    pub provider_script: ScriptBuf,
}

impl BankFigures {
    /// The terms that follow, without salt and chain.
    pub fn record(&self, consent: &BankConsent, contribution: Contribution) -> BankRecord {
        let funding = BankFunding::Wallet {
            contribution,
            rate_sat_per_kwu: self.rate,
        };
        self.record_of(consent, funding)
    }

    fn record_of(&self, consent: &BankConsent, funding: BankFunding) -> BankRecord {
        let none = <sha256::Hash as bitcoin::hashes::Hash>::all_zeros();
        BankRecord {
            payer: self.payer,
            provider: consent.provider,
            salt: none,
            pennies: self.pennies,
            value_sat: self.value,
            capacity_sat: self.capacity,
            chain_root: none,
            refund_height: self.refund_height,
            claim_blocks: self.claim_blocks,
            step: self.step,
            shift: self.shift,
            promises: 0,
            payer_script: self.payer_script.clone(),
            provider_script: consent.provider_script.clone(),
            funding,
        }
    }

    /// Whether there can be a bank of these figures, whatever its coins.
    ///
    /// # Errors
    /// [`BankError`]; the fault of whoever the field is of.
    pub fn check(&self, consent: &BankConsent) -> Result<(), BankError> {
        let prior = <sha256::Hash as bitcoin::hashes::Hash>::all_zeros();
        let elsewhere = BankFunding::ForceClosed { prior, paid: 0 };
        self.record_of(consent, elsewhere).check().map(drop)
    }

    /// Whether terms are those that follow from these figures and this consent: all but salt, chain and coins.
    ///
    /// # Errors
    /// [`BankError::Terms`]; the payer's fault.
    pub fn check_terms(&self, consent: &BankConsent, terms: &BankRecord) -> Result<(), BankError> {
        let bad = |field, problem: &str| {
            let problem = problem.to_owned();
            Err(BankError::Terms { field, problem })
        };
        let BankFunding::Wallet { contribution, .. } = &terms.funding else {
            return bad("funding", "is not of the payer's wallet");
        };
        let wanted = BankRecord {
            salt: terms.salt,
            chain_root: terms.chain_root,
            ..self.record(consent, contribution.clone())
        };
        match wanted == *terms {
            true => Ok(()),
            false => bad("figures", "are others than were asked for"),
        }
    }
}

impl Message for BankFigures {
    const KIND: Kind = kinds::BANK_FIGURES;

    fn write(&self, w: &mut Writer) {
        w.point(&self.payer)
            .bytes(self.payer_script.as_bytes())
            .u32(self.pennies)
            .amount(self.value)
            .amount(self.capacity)
            .u32(self.refund_height)
            .u16(self.claim_blocks)
            .u32(self.step)
            .u8(self.shift)
            .u64(self.rate.to_sat_per_kwu());
    }

    fn read(r: &mut Reader<'_>) -> Result<BankFigures, DecodeError> {
        Ok(BankFigures {
            payer: r.point("payer")?,
            payer_script: read_script(r)?,
            pennies: r.u32("pennies")?,
            value: r.amount("value")?,
            capacity: r.amount("capacity")?,
            refund_height: r.u32("refund height")?,
            claim_blocks: r.u16("claim blocks")?,
            step: r.u32("step")?,
            shift: r.u8("shift")?,
            rate: FeeRate::from_sat_per_kwu(r.u64("rate")?),
        })
    }
}

impl Message for BankConsent {
    const KIND: Kind = kinds::BANK_CONSENT;

    fn write(&self, w: &mut Writer) {
        w.point(&self.provider)
            .bytes(self.provider_script.as_bytes());
    }

    fn read(r: &mut Reader<'_>) -> Result<BankConsent, DecodeError> {
        Ok(BankConsent {
            provider: r.point("provider")?,
            provider_script: read_script(r)?,
        })
    }
}

/// An agreed end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Pennies for the provider.
    pub paid: u32,
    /// Its own fee, out of the payer's part.
    pub fee: Amount,
    /// Whether it spends the force-closed coin.
    pub force_closed: bool,
}

impl Closing {
    /// As the machines have it.
    pub fn leaving(&self) -> Leaving {
        Leaving::Close {
            paid: self.paid,
            fee_sat: self.fee.to_sat(),
            force_closed: self.force_closed,
        }
    }

    /// That of a machine, if it is one.
    pub const fn of(leaving: &Leaving) -> Option<Closing> {
        match leaving {
            Leaving::Close {
                paid,
                fee_sat,
                force_closed,
            } => Some(Closing {
                paid: *paid,
                fee: Amount::from_sat(*fee_sat),
                force_closed: *force_closed,
            }),
            _ => None,
        }
    }
}

/// What the sides say. Terms are named by their id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BankTalk {
    /// The payer's terms, as JSON, with its nonce for the force close.
    Terms {
        /// [`BankTerms::to_json`](narthex_contracts::bank::BankTerms::to_json).
        json: Vec<u8>,
        /// For this session alone.
        nonce: PublicNonce,
    },
    /// The provider's nonce and share of the force close.
    Answer {
        /// Of which terms.
        terms: [u8; 32],
        /// For this session alone.
        nonce: PublicNonce,
        /// Its share.
        share: PartialSignature,
    },
    /// The provider does not sign these terms any more: a session of theirs has died with its process.
    Again {
        /// Of which terms.
        terms: [u8; 32],
    },
    /// The force close, signed by both.
    Signed {
        /// Of which terms.
        terms: [u8; 32],
        /// The signature.
        force_close: [u8; 64],
    },
    /// The sender has agreed to this end, and asks for the same.
    Close(Closing),
    /// The sender has agreed to it as well, and begins a session.
    CloseNonce(Closing, PublicNonce),
    /// The answer: nonce and share.
    CloseShare(Closing, PublicNonce, PartialSignature),
    /// Both parties' signature.
    Closed(Closing, [u8; 64]),
}

impl Message for BankTalk {
    const KIND: Kind = kinds::BANK_TALK;

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Terms { json, nonce } => w.u8(0).bytes(json).fixed(&nonce.0),
            Self::Answer {
                terms,
                nonce,
                share,
            } => w.u8(1).fixed(terms).fixed(&nonce.0).fixed(&share.0),
            Self::Again { terms } => w.u8(2).fixed(terms),
            Self::Signed { terms, force_close } => w.u8(3).fixed(terms).fixed(force_close),
            Self::Close(closing) => write_closing(w.u8(4), closing),
            Self::CloseNonce(closing, nonce) => write_closing(w.u8(5), closing).fixed(&nonce.0),
            Self::CloseShare(closing, nonce, share) => write_closing(w.u8(6), closing)
                .fixed(&nonce.0)
                .fixed(&share.0),
            Self::Closed(closing, signature) => write_closing(w.u8(7), closing).fixed(signature),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<BankTalk, DecodeError> {
        Ok(match r.u8("what is said")? {
            0 => Self::Terms {
                json: r.bytes_up_to("terms", MAX_BANK_TERMS_BYTES)?.to_vec(),
                nonce: PublicNonce(r.array("nonce")?),
            },
            1 => Self::Answer {
                terms: r.array("terms")?,
                nonce: PublicNonce(r.array("nonce")?),
                share: PartialSignature(r.array("share")?),
            },
            2 => Self::Again {
                terms: r.array("terms")?,
            },
            3 => Self::Signed {
                terms: r.array("terms")?,
                force_close: r.array("force close")?,
            },
            4 => Self::Close(read_closing(r)?),
            5 => Self::CloseNonce(read_closing(r)?, PublicNonce(r.array("nonce")?)),
            6 => {
                let (closing, nonce) = (read_closing(r)?, PublicNonce(r.array("nonce")?));
                Self::CloseShare(closing, nonce, PartialSignature(r.array("share")?))
            }
            7 => Self::Closed(read_closing(r)?, r.array("signature")?),
            kind => return Err(unknown("what is said", kind)),
        })
    }
}

fn write_closing<'w>(w: &'w mut Writer, closing: &Closing) -> &'w mut Writer {
    w.u32(closing.paid)
        .amount(closing.fee)
        .flag(closing.force_closed)
}

fn read_closing(r: &mut Reader<'_>) -> Result<Closing, DecodeError> {
    Ok(Closing {
        paid: r.u32("paid")?,
        fee: r.amount("fee")?,
        force_closed: r.flag("force-closed")?,
    })
}
