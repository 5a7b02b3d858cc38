//! The keys by which parties give their word in a contract: items, receipts and moves that a panel judges later.
//!
//! A word key is a party's contract key, tweaked by a hash of the contract and of the place `word`. A judge needs nothing but
//! the terms to check what was said, and no word is a signature of a transaction or counts in another contract.

use bitcoin::{
    key::{TapTweak, XOnlyPublicKey},
    secp256k1::{All, Keypair, PublicKey, Secp256k1, SecretKey},
};
use narthex_game_model::{
    computation::JobSpec,
    ruling::{CaseTerms, Litigant},
};

use super::{TermsDraft, TermsError};
use crate::{builder::place_root, terms::Role};

/// The place that is no coin's.
const PLACE: &str = "word";

/// The word key of whoever has this contract key, in this contract.
pub fn word_key(contract: &[u8; 32], key: &PublicKey) -> XOnlyPublicKey {
    let secp = narthex_base::context::verifying();
    let root = place_root(contract, PLACE);
    let (key, _) = key.x_only_public_key().0.tap_tweak(secp, Some(root));
    key.to_x_only_public_key()
}

/// The pair of [`word_key`], for who has the contract key. It is to be wiped when it has signed.
pub fn word_pair(contract: &[u8; 32], key: &SecretKey) -> Keypair {
    word_pair_in(&Secp256k1::new(), contract, key)
}

/// The same in a context that the caller has already.
pub fn word_pair_in(secp: &Secp256k1<All>, contract: &[u8; 32], key: &SecretKey) -> Keypair {
    let pair = Keypair::from_secret_key(secp, key);
    pair.tap_tweak(secp, Some(place_root(contract, PLACE)))
        .to_keypair()
}

impl TermsDraft {
    /// A party's word key; `None` if there is no such party.
    pub fn word_key(&self, role: Role) -> Option<XOnlyPublicKey> {
        Some(word_key(self.contract_id(), &self.key(role)?))
    }

    /// What of these terms a ruling depends on. Terms name the job by its id, so a judge brings what the id is of.
    ///
    /// # Errors
    /// [`TermsError::OtherJob`] if the job is another; [`TermsError::NoRulings`] if no panel rules by evidence under these
    /// terms, as in the `paper` template.
    pub fn case_terms(&self, job: JobSpec) -> Result<CaseTerms, TermsError> {
        let token = self.token_point().ok_or(TermsError::NoRulings)?;
        let record = self.record();
        if job.id() != *AsRef::<[u8; 32]>::as_ref(&record.job) {
            return Err(TermsError::OtherJob);
        }
        let key = |role| {
            let key = self.word_key(role);
            key.ok_or(TermsError::NoSuchParty { role })
        };
        let arbiters = (0..self.panel_size()).map(|i| key(Role::Arbiter(i)));
        Ok(CaseTerms {
            contract: *self.contract_id(),
            params: self.params().clone(),
            job,
            result: self.result_point(),
            token,
            sample_nonce: *record.sample_nonce.as_ref(),
            client: key(Role::Client)?,
            worker: key(Role::Worker)?,
            verifier: key(Role::Verifier)?,
            arbiters: arbiters.collect::<Result<_, _>>()?,
        })
    }
}

impl Role {
    /// As whom the party brings evidence; `None` for arbiters, who rule.
    pub const fn litigant(self) -> Option<Litigant> {
        match self {
            Role::Client => Some(Litigant::Client),
            Role::Worker => Some(Litigant::Worker),
            Role::Verifier => Some(Litigant::Verifier),
            Role::Arbiter(_) => None,
        }
    }
}

impl From<Litigant> for Role {
    fn from(who: Litigant) -> Role {
        match who {
            Litigant::Client => Role::Client,
            Litigant::Worker => Role::Worker,
            Litigant::Verifier => Role::Verifier,
        }
    }
}
