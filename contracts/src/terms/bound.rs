//! Terms that a party has bound its salt to: the only ones that it can sign, once.

use std::sync::Arc;

use bitcoin::{
    hashes::{Hash, sha256},
    secp256k1::{Keypair, Secp256k1, Signing},
};

use super::{Proposal, Terms, TermsDraft, TermsError};
use crate::{
    attest::{Announcement, Attester},
    binding::{Binding, Bindings, Mark},
    terms::Role,
};

/// What a salt of terms is bound as.
const PURPOSE: &str = "terms";

/// What a record of bindings keeps of a salt that stands in terms: for whoever learns from others that it has served, as a party
/// whose disk is older than what it has said.
pub fn salt_mark(salt: &sha256::Hash) -> Mark {
    Mark::of(PURPOSE, salt.as_byte_array())
}

impl TermsDraft {
    /// Binds the proposal's salt to these terms, for ever: no other terms with this salt can be signed, nor these again.
    /// Durable on return. Only then may the party tell the others that it goes on, and an arbiter announce its nonce.
    ///
    /// # Errors
    /// Those of [`TermsDraft::check_proposal`], and then nothing is written; [`TermsError::Bind`] if the salt has served
    /// already or the record cannot be written. The proposal is gone either way.
    pub fn bind(
        self,
        proposal: Proposal,
        store: &mut dyn Bindings,
    ) -> Result<BoundDraft, TermsError> {
        self.check_proposal(&proposal)?;
        let Proposal { role, salt, .. } = proposal;
        let binding = salt.bind(PURPOSE, *self.contract_id(), store)?;
        Ok(BoundDraft {
            draft: self,
            role,
            binding,
            announced: None,
        })
    }
}

/// A draft that a party has bound its salt to. Made by [`TermsDraft::bind`] alone; neither `Clone` nor `Serialize`.
#[derive(Debug)]
pub struct BoundDraft {
    draft: TermsDraft,
    role: Role,
    binding: Binding,
    /// An arbiter's own announcement, once it is made.
    announced: Option<Announcement>,
}

impl BoundDraft {
    /// The draft.
    pub fn draft(&self) -> &TermsDraft {
        &self.draft
    }

    /// Whose salt is bound.
    pub fn role(&self) -> Role {
        self.role
    }

    /// An arbiter's announcement for this contract. Asking again gives the same.
    ///
    /// # Errors
    /// [`TermsError::NotAsProposed`] if `identity` is not the key that the terms name, or the party is no arbiter;
    /// [`TermsError::DegenerateRuling`] if there is no nonce, once in 2¹²⁸ contracts.
    pub fn announce<C: Signing>(
        &mut self,
        secp: &Secp256k1<C>,
        identity: &Keypair,
    ) -> Result<Announcement, TermsError> {
        let role = self.role;
        let not_mine = TermsError::NotAsProposed {
            role,
            field: "identity key",
        };
        let Role::Arbiter(arbiter) = role else {
            return Err(not_mine);
        };
        if self.draft.identity(arbiter) != Some(&identity.x_only_public_key().0) {
            return Err(not_mine);
        }
        let attester = Attester::of(&identity.secret_key(), self.draft.contract_id())
            .ok_or(TermsError::DegenerateRuling { arbiter })?;
        let announcement = attester.announce(secp);
        self.announced = Some(announcement);
        Ok(announcement)
    }

    /// The whole terms, with everybody's announcements in order of the panel.
    ///
    /// # Errors
    /// Those of [`Terms::new`]; [`TermsError::NotAsProposed`] if an arbiter's own announcement is not the one that it
    /// made. The salt is used up then as well: see [`TermsDraft::check_announcement`].
    pub fn complete(self, announcements: Vec<Announcement>) -> Result<BoundTerms, TermsError> {
        let role = self.role;
        let terms = Terms::announced(self.draft, announcements)?;
        if let Role::Arbiter(i) = role
            && (self.announced.is_none() || terms.announcement(i) != self.announced.as_ref())
        {
            let field = "announcement";
            return Err(TermsError::NotAsProposed { role, field });
        }
        Ok(BoundTerms {
            terms: Arc::new(terms),
            role,
            binding: self.binding,
        })
    }
}

/// Whole terms that a party has bound its salt to. [`Party::new`](crate::setup::Party::new) takes nothing else, and
/// uses them up: what cannot be copied, stored or made twice cannot be signed twice. `Terms` can be copied, and are not
/// taken:
///
/// ```
/// fn copied<T: Clone>() {}
/// copied::<narthex_contracts::terms::Terms>();
/// ```
/// ```compile_fail
/// fn copied<T: Clone>() {}
/// copied::<narthex_contracts::terms::BoundTerms>();
/// ```
/// ```compile_fail
/// fn copied<T: Clone>() {}
/// copied::<narthex_contracts::terms::BoundDraft>();
/// ```
#[derive(Debug)]
pub struct BoundTerms {
    terms: Arc<Terms>,
    role: Role,
    binding: Binding,
}

impl BoundTerms {
    /// The terms, to be shared and kept.
    pub fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }

    /// Whose salt is bound.
    pub fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn into_parts(self) -> (Arc<Terms>, Role, Binding) {
        (self.terms, self.role, self.binding)
    }
}
