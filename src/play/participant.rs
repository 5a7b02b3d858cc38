//! A party with its own wallet and keys.

use bitcoin::{
    Amount, Psbt, ScriptBuf,
    secp256k1::{Keypair, PublicKey, Secp256k1, SecretKey},
};
use narthex_contracts::{
    setup::{ContractSignatures, Secrets},
    template::ContractSecret,
    terms::{Proposal, Role, Terms},
};

use crate::wallet::{PartyWallet, WalletError};

/// Index of the contract key among a party's keys.
const CONTRACT_KEY: u32 = 0;
/// Index of an arbiter's identity key.
const IDENTITY_KEY: u32 = 1;
/// Index of the worker's result secret.
const RESULT_SECRET: u32 = 2;
/// Index of the worker's appeal secret (`paper` template).
const APPEAL_SECRET: u32 = 3;

/// Index of the worker's token.
const TOKEN: u32 = 4;

/// A party of the play.
pub struct ContractParticipant {
    /// Its role.
    pub role: Role,
    /// Its coins.
    pub wallet: PartyWallet,
    /// Where it wants to be paid.
    pub payout: ScriptBuf,
    /// What it proposed for itself; terms that say otherwise are not its own.
    pub proposed: Option<Proposal>,
    /// What its wallet contributed with, to recognise its coins by.
    pub contributed: Option<Psbt>,
    /// What it holds since setup.
    pub holdings: Option<ContractSignatures<Terms>>,
    /// Secrets that it knows.
    pub secrets: Secrets,
    /// Balance before the funding.
    pub before: Amount,
    /// Fees paid so far.
    pub fees: Amount,
}

impl ContractParticipant {
    /// A party with an empty wallet; all its keys follow from `seed`.
    pub fn new(role: Role, seed: &[u8; 32]) -> Result<ContractParticipant, WalletError> {
        let mut wallet = PartyWallet::new(&role.to_string(), seed)?;
        let payout = wallet.fresh_script();
        let mut secrets = Secrets::default();
        if role == Role::Worker {
            secrets.insert(ContractSecret::Result, wallet.contract_key(RESULT_SECRET)?);
            secrets.insert(ContractSecret::Token, wallet.contract_key(TOKEN)?);
            secrets.insert(ContractSecret::Appeal, wallet.contract_key(APPEAL_SECRET)?);
        }
        Ok(ContractParticipant {
            role,
            wallet,
            payout,
            proposed: None,
            contributed: None,
            holdings: None,
            secrets,
            before: Amount::ZERO,
            fees: Amount::ZERO,
        })
    }

    /// Secret of the contract key.
    pub fn key(&self) -> Result<SecretKey, WalletError> {
        self.wallet.contract_key(CONTRACT_KEY)
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
