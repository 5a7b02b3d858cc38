//! The token on its way from the worker to a verifier that has computed the sample.

use std::collections::BTreeMap;

use bitcoin::secp256k1::SecretKey;
use narthex_contracts::{
    template::ContractSecret,
    terms::{Role, Terms, token_secret},
};
use narthex_game_model::{
    play::{BlindDigests, Work},
    token::{SealCost, SealError, Token, open, seal},
};

use super::{ContractParticipant, ContractPlay, PlayError};

/// What the verifier answers before the worker opens anything.
pub(super) enum Answer {
    /// The seal opened under its digests: the answer names the token.
    Shown(Token),
    /// It stayed shut: the answer is the digests, in the clear, and the verifier never approves.
    Digests,
    /// There is no token in these terms: it commits to its digests blindly.
    Blind,
}

impl Answer {
    /// The worker seals its token under its own digests of the sample; the verifier tries its own on the seal. The worker
    /// checks what the answer names.
    pub(super) fn find(
        (terms, participants): (&Terms, &BTreeMap<Role, ContractParticipant>),
        (work, digests): (&Work, &BlindDigests),
        (seed, indices): (&[u8; 32], &[u64]),
        cost: SealCost,
    ) -> Result<Answer, PlayError> {
        let broken = |what: &str| PlayError::Broken(what.into());
        let Some(point) = terms.token_point() else {
            return Ok(Answer::Blind);
        };
        let worker = participants.get(&Role::Worker);
        let secret = worker.and_then(|worker| worker.secrets.get(ContractSecret::Token));
        let token = secret.and_then(|secret| Token::from_bytes(secret.secret_bytes()));
        let token = token.ok_or_else(|| broken("a worker without token"))?;
        let own = work.digests(indices);
        let own = own.ok_or_else(|| broken("a sample beyond the last step"))?;
        let sealed = seal(&token, seed, &own, cost).map_err(PlayError::Seal)?;
        match open(&sealed, seed, digests.digests(), &point, cost) {
            Ok(found) => {
                let contract = terms.contract_id();
                match found.shown(contract) == token.shown(contract) {
                    true => Ok(Answer::Shown(found)),
                    false => Err(broken("an answer that names another token")),
                }
            }
            Err(SealError::Shut) => Ok(Answer::Digests),
            Err(error) => Err(PlayError::Seal(error)),
        }
    }

    /// The verifier's words.
    pub(super) fn said(&self, digests: &BlindDigests) -> String {
        match self {
            Answer::Shown(_) => "opens the seal with its digests and names the token".into(),
            Answer::Digests => "finds the seal shut and answers with its digests".into(),
            Answer::Blind => {
                let blind = digests.commitment();
                let start: String = blind.iter().take(8).map(|b| format!("{b:02x}")).collect();
                format!("commits to its digests ({start}…)")
            }
        }
    }
}

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
