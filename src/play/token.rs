//! The token, once the verifier has it.

use bitcoin::secp256k1::SecretKey;
use narthex_contracts::{
    template::ContractSecret,
    terms::{Role, token_secret},
};
use narthex_game_model::token::Token;

use super::{ContractPlay, PlayError};

impl ContractPlay<'_> {
    /// The verifier has the token: its wallet watches what an approval will pay it, before it approves.
    pub(super) fn learn_token(&mut self, token: Token) -> Result<(), PlayError> {
        let broken = || PlayError::Broken("a token that is no scalar".into());
        let secret = SecretKey::from_slice(token.expose()).map_err(|_| broken())?;
        let verifier = self.participant_mut(Role::Verifier)?;
        verifier.secrets.insert(ContractSecret::Token, secret);
        let key = token_secret(&verifier.key()?, &secret).ok_or_else(broken)?;
        Ok(verifier.wallet.import(&key)?)
    }
}
