//! What a party's signer works with: what all know of a contract, and what is its own.

use bitcoin::{
    ScriptBuf,
    key::Keypair,
    secp256k1::{PublicKey, SecretKey, rand::rngs::StdRng},
};
use narthex_contracts::{
    binding::Bindings,
    setup::Secrets,
    template::{ContractSecret, Reserve},
    terms::{AcceptancePolicy, Contribution, FeeRate, Role, TermsDraft},
};
use narthex_game_model::{AcceptedJob, Params};
use narthex_regtest::AcceptedPolicy;

use crate::wallet::PartyWallet;

/// What the parties know of a contract before they propose anything.
pub struct Accord<'a> {
    /// The parameters.
    pub params: &'a Params,
    /// The job, compared with them.
    pub job: AcceptedJob,
    /// Fee rate of the funding.
    pub rate: FeeRate,
    /// What this party keeps back of its coins to pay for what it may have to publish: without it nothing is proposed.
    pub reserve: Reserve,
    /// A node that was asked whether it takes what the contract ends with.
    pub node: &'a AcceptedPolicy,
    /// Point of the panel's shared secret (`paper` template).
    pub panel: Option<PublicKey>,
    /// Whether these terms name the panel that was drawn; else why not.
    pub is_panel: &'a dyn Fn(&TermsDraft) -> Result<(), String>,
    /// Why the party goes on with these terms; else why it does not.
    pub accepts: &'a dyn Fn(&TermsDraft) -> Result<AcceptancePolicy, String>,
}

/// Where a party's stake comes from.
#[derive(Debug)]
pub enum Stake {
    /// Its wallet chooses coins.
    Wallet,
    /// A coin that was made for it before (an arbiter of the `paper` template).
    Coin(Contribution),
}

/// Secrets of the worker and the verifier. Those of an attempt may follow from its salt, which is drawn when a part is proposed and stands
/// in the terms from then on.
pub trait OwnSecrets {
    /// One of the worker's, for the attempt of this salt.
    fn secret(&self, which: ContractSecret, salt: &[u8; 32]) -> Option<SecretKey>;

    /// The verifier's nonce for drawing the sample, for the attempt of this salt.
    fn sample_nonce(&self, _salt: &[u8; 32]) -> Option<[u8; 32]> {
        None
    }
}

/// The same for every attempt: for plays, whose secrets are worth nothing.
impl OwnSecrets for Secrets {
    fn secret(&self, which: ContractSecret, _: &[u8; 32]) -> Option<SecretKey> {
        self.get(which)
    }
}

/// Who a party is and what is its own.
pub struct Standing<'a> {
    /// Its role.
    pub role: Role,
    /// Secret of its contract key.
    pub key: SecretKey,
    /// An arbiter's identity.
    pub identity: Option<Keypair>,
    /// Where it is paid.
    pub payout: ScriptBuf,
    /// Its coins.
    pub wallet: &'a mut PartyWallet,
    /// Where its deposit comes from.
    pub stake: Stake,
    /// The worker's secrets.
    pub secrets: &'a dyn OwnSecrets,
    /// The verifier's nonce for drawing the sample, where it does not follow from the attempt's salt.
    pub sample_nonce: Option<[u8; 32]>,
    /// Its record of what it has bound, for ever.
    pub bindings: &'a mut dyn Bindings,
    /// The system's source; a play passes one that its seed repeats.
    pub rng: StdRng,
}
