//! What cheating providers send.

use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey};
use narthex_contracts::{
    seal::Sealed,
    slice::{Bundle, Post},
};

use super::SlicePlay;
use crate::harness::ScenarioError;

impl SlicePlay<'_> {
    /// A copier shifts another's commitment, so that nobody sees that it is the same, and takes its seal.
    pub(super) fn copied(&mut self, copier: u8, of: &Post) -> Result<Post, ScenarioError> {
        let shift = SecretKey::new(self.rng());
        let shift = PublicKey::from_secret_key(&Secp256k1::signing_only(), &shift);
        let commitment = of.commitment.combine(&shift);
        let commitment = commitment.map_err(|e| ScenarioError::broken(e.to_string()))?;
        self.signed(copier, commitment, of.sealed.clone())
    }

    /// A true commitment, and rubbish under the seal.
    pub(super) fn badly_sealed(&mut self, cheat: u8) -> Result<Post, ScenarioError> {
        let work = self.job.run()?;
        let post = self.commit(cheat, &work)?;
        let to = self.terms().claim_point(cheat)?;
        let rubbish = Sealed::new(&to, &[0; 32], b"nothing of worth", self.rng())
            .map_err(narthex_contracts::slice::SliceError::from)?;
        self.signed(cheat, post.commitment, rubbish)
    }

    fn signed(
        &mut self,
        from: u8,
        commitment: PublicKey,
        sealed: Sealed,
    ) -> Result<Post, ScenarioError> {
        let key = self.key(1 + usize::from(from))?;
        let terms = self.terms().clone();
        let said = (commitment, sealed);
        Ok(Post::sign(&terms, (from, &key), said, self.rng())?)
    }

    /// Shares that are none, readable to all who have the root.
    pub(super) fn false_shares(&mut self, liar: u8) -> Result<Bundle, ScenarioError> {
        let key = self.key(1 + usize::from(liar))?;
        let root = self.job.run()?.root(self.terms());
        let terms = self.terms().clone();
        let posts = self.client()?.posts().filter(|post| post.from != liar);
        let posts = posts.cloned().collect::<Vec<_>>();
        let rng = self.rng();
        let lies = posts.iter().map(|post| (post, SecretKey::new(rng)));
        let lies = lies.collect::<Vec<_>>();
        Ok(Bundle::sign(&terms, (liar, &key), &root, lies, self.rng())?)
    }
}
