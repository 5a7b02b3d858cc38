//! One member gathers what all have dealt.

use bitcoin::secp256k1::{Secp256k1, SecretKey, Signing, Verification};

use super::{Dealing, Share, SharedPoint, Sharing, SharingError, public::RevealedShare};
use crate::musig::add_secrets;

/// What has come in. A member collects its own dealing too.
#[derive(Debug)]
pub struct Collector {
    sharing: Sharing,
    own: u8,
    dealings: Vec<Option<Dealing>>,
    shares: Vec<Option<Share>>,
}

impl Collector {
    /// Member `own` begins.
    pub fn new(sharing: Sharing, own: u8) -> Result<Collector, SharingError> {
        sharing.check_member(own)?;
        let slots = usize::from(sharing.members);
        Ok(Collector {
            sharing,
            own,
            dealings: vec![None; slots],
            shares: (0..slots).map(|_| None).collect(),
        })
    }

    /// Takes a dealing. All dealings must be the same for all members: they go over a channel on which a dealer
    /// cannot say two things, or members compare [`SharedPoint`]s.
    pub fn accept_dealing<C: Verification>(
        &mut self,
        secp: &Secp256k1<C>,
        dealing: Dealing,
    ) -> Result<(), SharingError> {
        dealing.verify(secp, &self.sharing)?;
        let dealer = dealing.dealer;
        match self.dealings.get_mut(usize::from(dealer)) {
            Some(Some(known)) if *known != dealing => Err(SharingError::Contradiction { dealer }),
            Some(slot) => {
                *slot = Some(dealing);
                Ok(())
            }
            None => Err(SharingError::NoSuchMember {
                member: dealer,
                members: self.sharing.members,
            }),
        }
    }

    /// Takes a share for this member, after the dealing that it belongs to.
    pub fn accept_share<C: Verification + Signing>(
        &mut self,
        secp: &Secp256k1<C>,
        share: Share,
    ) -> Result<(), SharingError> {
        let (dealer, to, own) = (share.dealer, share.to, self.own);
        self.sharing.check_member(dealer)?;
        if to != own {
            return Err(SharingError::Misdirected { dealer, to, own });
        }
        let dealing = self
            .dealings
            .get(usize::from(dealer))
            .and_then(Option::as_ref)
            .ok_or(SharingError::Missing { dealer })?;
        dealing.verify_share(secp, &share)?;
        if let Some(slot) = self.shares.get_mut(usize::from(dealer)) {
            *slot = Some(share);
        }
        Ok(())
    }

    /// The panel's point and own share of its secret, when everything is there.
    pub fn finish(self) -> Result<(SharedPoint, KeyShare), SharingError> {
        let mut sum: Option<SecretKey> = None;
        for (dealer, share) in (0u8..).zip(&self.shares) {
            let value = share
                .as_ref()
                .ok_or(SharingError::Missing { dealer })?
                .value;
            sum = Some(match sum {
                None => value,
                Some(sum) => add_secrets(sum, &value).ok_or(SharingError::Degenerate)?,
            });
        }
        let dealings = (0u8..)
            .zip(&self.dealings)
            .map(|(dealer, d)| d.as_ref().ok_or(SharingError::Missing { dealer }))
            .collect::<Result<Vec<_>, _>>()?;
        let public = SharedPoint::new(self.sharing, &dealings)?;
        let value = sum.ok_or(SharingError::Degenerate)?;
        Ok((
            public,
            KeyShare {
                member: self.own,
                value,
            },
        ))
    }
}

/// A member's share of the panel's secret. Neither `Clone` nor `Serialize`; erased when dropped.
pub struct KeyShare {
    member: u8,
    value: SecretKey,
}

impl KeyShare {
    /// Whose it is.
    pub fn member(&self) -> u8 {
        self.member
    }

    /// Gives the share away, and says the same each time. In the `paper` template k of these open *either* verdict.
    pub const fn reveal(&self) -> RevealedShare {
        RevealedShare {
            member: self.member,
            value: self.value,
        }
    }
}

impl Drop for KeyShare {
    fn drop(&mut self) {
        self.value.non_secure_erase();
    }
}

impl std::fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyShare({})", self.member)
    }
}
