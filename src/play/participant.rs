//! A party with its own wallet and keys.

use bitcoin::{
    Amount, ScriptBuf,
    secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey},
};
use narthex_base::secret::Secret;
use narthex_contracts::{
    derive::{OwnSalt, Salted, contract_key},
    setup::{ContractSignatures, Secrets},
    template::ContractSecret,
    terms::{Role, Terms},
};

use crate::wallet::{PartyWallet, WalletError};

/// Index of an arbiter's identity key among a party's keys.
const IDENTITY_KEY: u32 = 1;
/// Index of the worker's appeal secret (`paper` template).
const APPEAL_SECRET: u32 = 3;

/// A party of the play.
pub struct ContractParticipant {
    /// Its role.
    pub role: Role,
    /// Its coins.
    pub wallet: PartyWallet,
    /// Where it wants to be paid.
    pub payout: ScriptBuf,
    /// What it holds since setup.
    pub holdings: Option<ContractSignatures<Terms>>,
    /// Secrets that it knows.
    pub secrets: Secrets,
    /// Balance before the funding.
    pub before: Amount,
    /// Fees paid so far.
    pub fees: Amount,
    seed: Secret,
    negotiation: Option<[u8; 32]>,
}

/// What a party would draw from the system's source for its attempt at a contract. A play can be repeated, so here it
/// follows from the party's seed.
pub(super) fn own_salt(seed: &[u8; 32]) -> OwnSalt {
    OwnSalt::from_bytes(super::setup::secret(seed, "own salt"))
}

impl ContractParticipant {
    /// A party with an empty wallet; all its keys follow from `seed`.
    pub fn new(role: Role, seed: &[u8; 32]) -> Result<ContractParticipant, WalletError> {
        let mut wallet = PartyWallet::new(&role.to_string(), seed)?;
        let payout = wallet.fresh_script();
        let mut secrets = Secrets::default();
        let own = Secret::from_bytes(*seed);
        if role == Role::Worker {
            let none = || unset(role, "a secret that is no scalar");
            let salted = Salted::new(&own, own_salt(seed));
            let (result, token) = (salted.result(), salted.token());
            let result = result.and_then(|secret| SecretKey::from_slice(secret.expose()).ok());
            let token = token.and_then(|token| SecretKey::from_slice(token.expose()).ok());
            secrets.insert(ContractSecret::Result, result.ok_or_else(none)?);
            secrets.insert(ContractSecret::Token, token.ok_or_else(none)?);
            secrets.insert(ContractSecret::Appeal, wallet.contract_key(APPEAL_SECRET)?);
        }
        Ok(ContractParticipant {
            role,
            wallet,
            payout,
            holdings: None,
            secrets,
            before: Amount::ZERO,
            fees: Amount::ZERO,
            seed: own,
            negotiation: None,
        })
    }

    /// Takes part in a negotiation, which its contract key is for.
    pub(super) fn negotiates(&mut self, negotiation: [u8; 32]) {
        self.negotiation = Some(negotiation);
    }

    /// Secret of the contract key.
    ///
    /// # Errors
    /// [`WalletError::Setup`] before there is a contract to negotiate.
    pub fn key(&self) -> Result<SecretKey, WalletError> {
        let negotiation = self.negotiation.as_ref();
        let key = negotiation.and_then(|id| contract_key(&self.seed, id));
        key.ok_or_else(|| unset(self.role, "no contract is negotiated"))
    }

    /// What everything that can be had again follows from. Whoever plays has the seeds of all.
    pub const fn seed(&self) -> &Secret {
        &self.seed
    }

    /// What a party would have drawn for its attempt at the contract.
    pub fn own_salt(&self) -> OwnSalt {
        own_salt(self.seed.expose())
    }

    /// The contract key.
    pub fn public_key(&self) -> Result<PublicKey, WalletError> {
        Ok(PublicKey::from_secret_key(
            &Secp256k1::signing_only(),
            &self.key()?,
        ))
    }

    /// An arbiter's identity.
    pub fn identity(&self) -> Result<Keypair, WalletError> {
        Ok(Keypair::from_secret_key(
            &Secp256k1::new(),
            &self.wallet.contract_key(IDENTITY_KEY)?,
        ))
    }
}

fn unset(role: Role, reason: &str) -> WalletError {
    WalletError::Setup {
        owner: role.to_string(),
        reason: reason.to_owned(),
    }
}
