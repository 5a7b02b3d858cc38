//! The force close is signed both ways before the bank has a coin.

use bitcoin::{
    Psbt,
    hashes::Hash,
    secp256k1::{
        SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::node::AskedNode;

use super::{
    Bank, BankError, ChainSeed, FreshChain, Pebbles,
    template::{FORCE_CLOSE, PAYER, PROVIDER},
};
use crate::{
    binding::{Bindings, Mark},
    builder::{Cosigned, Cosigner, Task, check_key},
    funding::{FundingError, funding_psbt},
    musig::{AdaptorSignature, PartialSignature, PublicNonce},
};

/// A payer before the force close is signed by both: it has no funding transaction yet.
pub struct PayerOpening {
    bank: Bank,
    key: SecretKey,
    chain: Pebbles,
    cosigner: Cosigner,
}

/// A provider before it has the force close.
pub struct ProviderOpening {
    bank: Bank,
    key: SecretKey,
    cosigned: Cosigned,
}

/// What a payer has once both signed the force close: all that its side of the bank is made of.
pub struct SignedPayer {
    /// The bank.
    pub bank: Bank,
    /// The payer's key.
    pub key: SecretKey,
    /// The chain, of which nothing was given.
    pub chain: Pebbles,
    /// Both parties' signature on the force close.
    pub force_close: [u8; 64],
}

/// The same on the provider's side.
pub struct SignedProvider {
    /// The bank.
    pub bank: Bank,
    /// The provider's key.
    pub key: SecretKey,
    /// Both parties' signature on the force close.
    pub force_close: [u8; 64],
}

impl PayerOpening {
    /// Begins with the force close's signature. `fresh` is what the terms name; it is bound to them and used up, so that a bank
    /// whose opening failed is proposed anew with another.
    ///
    /// # Errors
    /// [`BankError::Bind`] if salt or chain have served before; nothing was sent then.
    pub fn new<R: RngCore + CryptoRng>(
        bank: Bank,
        key: SecretKey,
        fresh: FreshChain,
        bindings: &mut dyn Bindings,
        rng: &mut R,
    ) -> Result<(PayerOpening, PublicNonce), BankError> {
        if fresh.salt() != bank.terms().record().salt {
            return Err(BankError::OtherSalt);
        }
        check_key(&key, bank.terms().record().payer, PAYER)?;
        let chain = bank.chain(fresh.seed(), 0)?;
        let (cosigner, nonce) = Cosigner::new(bank.graph(), FORCE_CLOSE, (PAYER, &key), rng)?;
        fresh.bind(bank.terms().id(), bindings)?;
        let opening = PayerOpening {
            bank,
            key,
            chain,
            cosigner,
        };
        Ok((opening, nonce))
    }

    /// Takes the provider's nonce and share; returns the own share, which the provider may have only now: it can do
    /// nothing with it before the bank is funded.
    pub fn finish(
        self,
        nonce: PublicNonce,
        share: PartialSignature,
    ) -> Result<(SignedPayer, PartialSignature), BankError> {
        let (cosigned, own) = self.cosigner.sign(nonce)?;
        let force_close = cosigned.finish(share)?;
        let signed = SignedPayer {
            bank: self.bank,
            key: self.key,
            chain: self.chain,
            force_close,
        };
        Ok((signed, own))
    }
}

impl ProviderOpening {
    /// Answers the payer's nonce with an own one and the share of the force close. The bank is bound to its terms: pennies of
    /// one chain are taken for one bank.
    ///
    /// # Errors
    /// [`BankError::Bind`] if a bank of this salt was opened before; the payer's fault, or that of whoever asks again.
    /// Nothing was sent then.
    pub fn new<R: RngCore + CryptoRng>(
        bank: Bank,
        key: SecretKey,
        nonce: PublicNonce,
        bindings: &mut dyn Bindings,
        rng: &mut R,
    ) -> Result<(ProviderOpening, PublicNonce, PartialSignature), BankError> {
        check_key(&key, bank.terms().record().provider, PROVIDER)?;
        let (cosigner, own) = Cosigner::new(bank.graph(), FORCE_CLOSE, (PROVIDER, &key), rng)?;
        // First, so that a nonce that is none does not use up the bank; the share is nobody's before it is bound.
        let (cosigned, share) = cosigner.sign(nonce)?;
        let bank_mark = Mark::of("bank of a provider", &bank.terms().bank());
        let _once = bank_mark.bind(bank.terms().id(), bindings)?;
        let opening = ProviderOpening {
            bank,
            key,
            cosigned,
        };
        Ok((opening, own, share))
    }

    /// Takes the payer's share. The bank is open once its funding is confirmed.
    pub fn finish(self, share: PartialSignature) -> Result<SignedProvider, BankError> {
        Ok(SignedProvider {
            force_close: self.cosigned.finish(share)?,
            bank: self.bank,
            key: self.key,
        })
    }
}

impl Bank {
    /// The funding transaction, for the wallet of a payer that holds both parties' signature on the force close and has asked
    /// its node.
    ///
    /// # Errors
    /// [`FundingError::NoWayBack`] without that signature; [`FundingError::NoFunding`] if the bank goes on with another's
    /// coin.
    pub fn funding_psbt(
        &self,
        force_close: &[u8; 64],
        _: &impl AskedNode,
    ) -> Result<Psbt, FundingError> {
        self.check_force_close(force_close)
            .map_err(|_| FundingError::NoWayBack)?;
        funding_psbt(self.graph())
    }

    /// Checks that this is both parties' signature on the force close.
    ///
    /// # Errors
    /// [`BuilderError::Signature`](crate::builder::BuilderError::Signature): the fault of whoever brings it.
    pub fn check_force_close(&self, signature: &[u8; 64]) -> Result<(), BankError> {
        let signature = AdaptorSignature(*signature);
        Ok(Task::new(self.graph(), FORCE_CLOSE, 0)?.verify(&signature, None)?)
    }

    /// The chain of this bank after `revealed` pennies.
    ///
    /// # Errors
    /// [`BankError::WrongSeed`] if the seed is not that of the terms, [`BankError::Spent`] if the chain has not so many
    /// pennies. The caller's fault.
    pub fn chain(&self, seed: &ChainSeed, revealed: u32) -> Result<Pebbles, BankError> {
        let (record, id) = (self.terms().record(), self.terms().bank());
        let mut chain = Pebbles::new(id, record.pennies, *seed.expose(), 0);
        if chain.secret(0) != Some(record.chain_root.to_byte_array()) {
            return Err(BankError::WrongSeed);
        }
        let left = chain.left();
        chain.reveal(revealed).ok_or(BankError::Spent {
            wanted: revealed,
            left,
        })?;
        Ok(chain)
    }
}
