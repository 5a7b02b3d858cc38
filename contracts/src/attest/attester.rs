//! Whoever attests: the one way from an identity's key and a contract to an attestation.

use bitcoin::{
    key::XOnlyPublicKey,
    secp256k1::{Keypair, Secp256k1, SecretKey, Signing},
};
use narthex_base::tagged::tagged_hash_parts;
use narthex_game_model::Ruling;
use zeroize::Zeroize;

use super::{
    Announcement, Attestation, AttestationNonce, BoundRuling, RulingError, attestation::ruling_byte,
};

/// An arbiter in one contract, with the key of its identity and the nonce that follows from both. It announces the nonce,
/// makes digests of rulings, and attests one: it is used up then, and takes nothing but a ruling that was bound on disk.
/// Made again it gives the same bytes for the same ruling.
///
/// It can be neither copied nor stored:
///
/// ```compile_fail
/// fn copied<T: Clone>() {}
/// copied::<narthex_contracts::attest::Attester>();
/// ```
pub struct Attester {
    identity: SecretKey,
    nonce: AttestationNonce,
    contract_id: [u8; 32],
}

impl Attester {
    /// The arbiter of this identity in this contract; `None` if there is no nonce, once in 2¹²⁸ contracts.
    pub fn of(identity: &SecretKey, contract_id: &[u8; 32]) -> Option<Attester> {
        Some(Attester {
            identity: *identity,
            nonce: AttestationNonce::derive(identity, contract_id)?,
            contract_id: *contract_id,
        })
    }

    /// The public nonce point.
    pub fn point<C: Signing>(&self, secp: &Secp256k1<C>) -> XOnlyPublicKey {
        self.nonce.point(secp)
    }

    /// Announces the nonce.
    pub fn announce<C: Signing>(&self, secp: &Secp256k1<C>) -> Announcement {
        let identity = Keypair::from_secret_key(secp, &self.identity);
        Announcement::new(secp, &identity, &self.nonce)
    }

    /// What stands for a ruling before it is attested: H("narthex/ruling-digest", contract ‖ ruling ‖ blinding), where the
    /// blinding is a hash of the secret nonce and the contract. Others can compare two of them and tell neither which ruling it
    /// is nor make that of the other one; whoever has the key makes it again, also without any disk.
    pub fn digest(&self, ruling: Ruling) -> [u8; 32] {
        let mut blinding = self.nonce.blinding();
        let parts: [&[u8]; 3] = [&self.contract_id, &[ruling_byte(ruling)], &blinding];
        let digest = tagged_hash_parts("narthex/ruling-digest", &parts);
        blinding.zeroize();
        digest
    }

    /// Which ruling a digest stands for, if it is one of this arbiter's in this contract.
    pub fn ruling_of(&self, digest: &[u8; 32]) -> Option<Ruling> {
        let is_it = |ruling: &Ruling| self.digest(*ruling) == *digest;
        Ruling::ALL.into_iter().find(is_it)
    }

    /// Attests a ruling of this contract, as this arbiter of the panel, and is used up.
    ///
    /// # Errors
    /// [`RulingError::OtherCase`] if the ruling was bound for another contract or another identity;
    /// [`RulingError::Degenerate`].
    pub fn attest<C: Signing>(
        self,
        secp: &Secp256k1<C>,
        arbiter: u8,
        ruling: BoundRuling,
    ) -> Result<Attestation, RulingError> {
        let Attester {
            mut identity,
            nonce,
            ..
        } = self;
        let attestation = nonce.attest(secp, &identity, arbiter, ruling);
        identity.non_secure_erase();
        attestation
    }
}

impl std::fmt::Debug for Attester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attester(..)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn attester(key: u8, contract: u8) -> Attester {
        Attester::of(&SecretKey::from_slice(&[key; 32]).unwrap(), &[contract; 32]).unwrap()
    }

    #[test]
    fn a_digest_stands_for_one_ruling_of_one_arbiter_in_one_contract() {
        let mut all = Vec::new();
        for (key, contract) in [(1, 1), (1, 2), (2, 1)] {
            let known = Ruling::ALL.map(|ruling| attester(key, contract).digest(ruling));
            for (digest, ruling) in known.iter().zip(Ruling::ALL) {
                assert_eq!(attester(key, contract).ruling_of(digest), Some(ruling));
            }
            let mut others = all.iter();
            assert!(others.all(|digest| attester(key, contract).ruling_of(digest).is_none()));
            all.extend(known);
        }
        assert_eq!(attester(1, 1).ruling_of(&[0; 32]), None);
    }
}
