//! A member's own secret, shared among all.

use bitcoin::secp256k1::{
    PublicKey, Secp256k1, SecretKey, Signing, Verification,
    rand::{CryptoRng, Rng},
    schnorr,
};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};
use narthex_base::statement;
use narthex_base::tagged::tagged_hash_parts;

use super::{
    Sharing, SharingError,
    polynomial::{evaluate, evaluate_points},
};

/// A dealer's polynomial. Neither `Clone` nor `Serialize`; erased when dropped.
pub struct Dealer {
    sharing: Sharing,
    dealer: u8,
    coefficients: Vec<SecretKey>,
}

impl Dealer {
    /// Draws a polynomial of degree k − 1 for member `dealer`.
    pub fn new<R: Rng + CryptoRng>(
        sharing: Sharing,
        dealer: u8,
        rng: &mut R,
    ) -> Result<Dealer, SharingError> {
        sharing.check_member(dealer)?;
        Ok(Dealer {
            sharing,
            dealer,
            coefficients: (0..sharing.threshold)
                .map(|_| SecretKey::new(rng))
                .collect(),
        })
    }

    /// What everybody gets.
    pub fn dealing<C: Signing>(&self, secp: &Secp256k1<C>) -> Result<Dealing, SharingError> {
        let commitments = self
            .coefficients
            .iter()
            .map(|c| PublicKey::from_secret_key(secp, c))
            .collect::<Vec<_>>();
        let secret = self.coefficients.first().ok_or(SharingError::Degenerate)?;
        let proof = statement::sign_by(&digest(&self.sharing, self.dealer, &commitments), secret);
        Ok(Dealing {
            dealer: self.dealer,
            commitments,
            proof,
        })
    }

    /// What member `to` gets, and nobody else.
    pub fn share(&self, to: u8) -> Result<Share, SharingError> {
        self.sharing.check_member(to)?;
        Ok(Share {
            dealer: self.dealer,
            to,
            value: evaluate(&self.coefficients, to).ok_or(SharingError::Degenerate)?,
        })
    }
}

impl Drop for Dealer {
    fn drop(&mut self) {
        self.coefficients
            .iter_mut()
            .for_each(SecretKey::non_secure_erase);
    }
}

impl std::fmt::Debug for Dealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dealer({})", self.dealer)
    }
}

/// The public part of a dealing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dealing {
    /// Who dealt.
    pub dealer: u8,
    /// Points of the coefficients, from the constant one up.
    pub commitments: Vec<PublicKey>,
    /// BIP340 signature by the constant coefficient: proof that it is known.
    pub proof: schnorr::Signature,
}

impl Dealing {
    /// Checks degree and proof.
    pub fn verify<C: Verification>(
        &self,
        secp: &Secp256k1<C>,
        sharing: &Sharing,
    ) -> Result<(), SharingError> {
        let dealer = self.dealer;
        sharing.check_member(dealer)?;
        let constant = match self.commitments.first() {
            Some(constant) if self.commitments.len() == usize::from(sharing.threshold) => constant,
            _ => {
                return Err(SharingError::Degree {
                    dealer,
                    given: self.commitments.len(),
                    wanted: sharing.threshold,
                });
            }
        };
        let digest = digest(sharing, dealer, &self.commitments);
        statement::verify_in(secp, &digest, &self.proof, &constant.x_only_public_key().0)
            .map_err(|_| SharingError::Proof { dealer })
    }

    /// Checks a share against the commitments. Anybody can, once the share is shown.
    pub fn verify_share<C: Verification + Signing>(
        &self,
        secp: &Secp256k1<C>,
        share: &Share,
    ) -> Result<(), SharingError> {
        let expected = evaluate_points(secp, &self.commitments, share.to);
        let found = PublicKey::from_secret_key(secp, &share.value);
        if share.dealer == self.dealer && expected == Some(found) {
            Ok(())
        } else {
            Err(SharingError::BadShare {
                dealer: self.dealer,
                to: share.to,
            })
        }
    }
}

impl Message for Dealing {
    const KIND: Kind = kinds::DEALING;

    fn write(&self, w: &mut Writer) {
        w.u8(self.dealer)
            .list(&self.commitments, |w, point| {
                w.point(point);
            })
            .signature(&self.proof);
    }

    fn read(r: &mut Reader<'_>) -> Result<Dealing, DecodeError> {
        Ok(Dealing {
            dealer: r.u8("dealer")?,
            commitments: r.list("commitments", 33, |r| r.point("commitment"))?,
            proof: r.signature("proof")?,
        })
    }
}

/// One member's share of one dealing: secret to that member. Not `Clone`; erased when dropped.
pub struct Share {
    /// Who dealt.
    pub dealer: u8,
    /// Whose it is.
    pub to: u8,
    pub(super) value: SecretKey,
}

/// 39 bytes in all, for a private channel: [`Message::to_secret_bytes`].
/// [`Collector::accept_share`](super::Collector::accept_share) checks what is read.
impl Message for Share {
    const KIND: Kind = kinds::DEALT_SHARE;

    fn write(&self, w: &mut Writer) {
        w.u8(self.dealer).u8(self.to).scalar(&self.value);
    }

    fn read(r: &mut Reader<'_>) -> Result<Share, DecodeError> {
        Ok(Share {
            dealer: r.u8("dealer")?,
            to: r.u8("addressee")?,
            value: r.scalar("value")?,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.value.non_secure_erase();
    }
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Share({} to {})", self.dealer, self.to)
    }
}

/// What a dealer's constant coefficient signs.
fn digest(sharing: &Sharing, dealer: u8, commitments: &[PublicKey]) -> [u8; 32] {
    let mut w = Writer::default();
    w.fixed(&sharing.context)
        .fixed(&[sharing.members, sharing.threshold, dealer]);
    for commitment in commitments {
        w.point(commitment);
    }
    tagged_hash_parts("narthex/panel-dealing", &[&w.finish()])
}
