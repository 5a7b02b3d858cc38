//! What everybody knows of the panel's secret, and how shares become the secret.

use bitcoin::secp256k1::{PublicKey, Secp256k1, SecretKey, Signing, Verification};
use narthex_base::codec::{DecodeError, Message, Reader, Writer};
use narthex_base::kinds::{self, Kind};

use super::{
    Dealing, Sharing, SharingError,
    polynomial::{evaluate_points, weight_at_zero},
};
use crate::musig::add_secrets;

/// The panel's point, with the commitments that shares are checked against. Equal for all honest members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPoint {
    sharing: Sharing,
    commitments: Vec<PublicKey>,
}

/// A share of the panel's secret that its member has made public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevealedShare {
    /// Whose it is.
    pub member: u8,
    /// The share.
    pub value: SecretKey,
}

impl Message for RevealedShare {
    const KIND: Kind = kinds::REVEALED_SHARE;

    /// 38 bytes in all. [`SharedPoint::verify`] checks what is read.
    fn write(&self, w: &mut Writer) {
        w.u8(self.member).scalar(&self.value);
    }

    fn read(r: &mut Reader<'_>) -> Result<RevealedShare, DecodeError> {
        Ok(RevealedShare {
            member: r.u8("member")?,
            value: r.scalar("value")?,
        })
    }
}

impl SharedPoint {
    /// Adds the dealings of all members up, coefficient by coefficient.
    pub(super) fn new(
        sharing: Sharing,
        dealings: &[&Dealing],
    ) -> Result<SharedPoint, SharingError> {
        let commitments = (0..usize::from(sharing.threshold))
            .map(|degree| {
                let points = dealings
                    .iter()
                    .filter_map(|d| d.commitments.get(degree))
                    .collect::<Vec<_>>();
                PublicKey::combine_keys(&points).map_err(|_| SharingError::Degenerate)
            })
            .collect::<Result<_, _>>()?;
        Ok(SharedPoint {
            sharing,
            commitments,
        })
    }

    /// From the public parts alone, as somebody sees them who is no member: one dealing of each member, all checked.
    pub fn of<C: Verification>(
        secp: &Secp256k1<C>,
        sharing: Sharing,
        dealings: &[Dealing],
    ) -> Result<SharedPoint, SharingError> {
        let of_member = |dealer: u8| {
            let mut own = dealings.iter().filter(|dealing| dealing.dealer == dealer);
            match (own.next(), own.next()) {
                (Some(dealing), None) => dealing.verify(secp, &sharing).map(|()| dealing),
                (Some(_), Some(_)) => Err(SharingError::Contradiction { dealer }),
                (None, _) => Err(SharingError::Missing { dealer }),
            }
        };
        let dealt = (0..sharing.members)
            .map(of_member)
            .collect::<Result<Vec<_>, _>>()?;
        SharedPoint::new(sharing, &dealt)
    }

    /// From commitments that were agreed on; `None` if they are not of this threshold.
    pub(crate) fn agreed(sharing: Sharing, commitments: &[PublicKey]) -> Option<SharedPoint> {
        (commitments.len() == usize::from(sharing.threshold)).then(|| SharedPoint {
            sharing,
            commitments: commitments.to_vec(),
        })
    }

    /// Points of the summed polynomial's coefficients, from the constant one up.
    pub fn commitments(&self) -> &[PublicKey] {
        &self.commitments
    }

    /// S, the point of the secret; `None` is unreachable, since a threshold is at least 1.
    pub fn point(&self) -> Option<PublicKey> {
        self.commitments.first().copied()
    }

    /// Whether a revealed share is its member's.
    pub fn verify<C: Verification + Signing>(
        &self,
        secp: &Secp256k1<C>,
        share: &RevealedShare,
    ) -> Result<(), SharingError> {
        self.sharing.check_member(share.member)?;
        let expected = evaluate_points(secp, &self.commitments, share.member);
        if expected == Some(PublicKey::from_secret_key(secp, &share.value)) {
            Ok(())
        } else {
            Err(SharingError::FalseReveal {
                member: share.member,
            })
        }
    }

    /// The secret out of k or more shares; a share given twice counts once.
    pub fn reconstruct<C: Verification + Signing>(
        &self,
        secp: &Secp256k1<C>,
        shares: &[RevealedShare],
    ) -> Result<SecretKey, SharingError> {
        let mut used: Vec<RevealedShare> = Vec::new();
        for share in shares {
            self.verify(secp, share)?;
            if used.iter().all(|s| s.member != share.member) {
                used.push(*share);
            }
        }
        let wanted = self.sharing.threshold;
        if used.len() < usize::from(wanted) {
            return Err(SharingError::TooFew {
                given: used.len(),
                wanted,
            });
        }
        used.truncate(wanted.into());
        let members = used.iter().map(|s| s.member).collect::<Vec<_>>();
        let secret = used
            .iter()
            .map(|s| s.value.mul_tweak(&weight_at_zero(s.member, &members)?).ok())
            .reduce(|a, b| add_secrets(a?, &b?))
            .flatten()
            .ok_or(SharingError::Degenerate)?;
        // Shares that verify cannot lead elsewhere; an error in the arithmetic could.
        if Some(PublicKey::from_secret_key(secp, &secret)) == self.point() {
            Ok(secret)
        } else {
            Err(SharingError::Degenerate)
        }
    }
}
