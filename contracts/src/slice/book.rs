//! What a provider knows, without its key and its shares: what a machine holds.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Transaction,
    hashes::Hash,
    secp256k1::{Secp256k1, SecretKey},
};

use super::{
    Bundle, Coin, Evidence, Opening, Post, ProviderDuty, SliceError, SliceTerms,
    bundle::Found,
    claim,
    participants::member,
    provider,
    template::{self, claim_secret},
};
use crate::{
    depth::Depth,
    setup::{ContractSignatures, Secrets},
    shared_secret::RevealedShare,
};

/// What a bundle brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A good share.
    Share {
        /// Good shares so far.
        have: usize,
        /// Shares that a claim needs.
        need: u8,
    },
    /// Nothing that this provider can read: its sender has another root, or sent rubbish.
    Closed,
    /// Nothing for this provider: its post had not reached the sender.
    Passed,
    /// Its sender has the same root and lied. To be shown when the slice has ended.
    False(Box<Evidence>),
}

/// A share that was read out of a bundle: of whom, and its value.
pub type GoodShare = (u8, SecretKey);

/// What a provider knows of a slice, once its claim is signed. Neither key nor share of others' secrets is in it:
/// [`ProviderKeys`](super::ProviderKeys) has them.
#[derive(Clone, PartialEq)]
pub struct ProviderBook {
    holdings: ContractSignatures<SliceTerms>,
    own: u8,
    /// The own policy: how deep the funding must be.
    depth: Depth,
    opening: Option<Opening>,
    /// The own post and those of others.
    posts: BTreeMap<u8, Post>,
    bundle: Option<Bundle>,
    received: BTreeMap<u8, SecretKey>,
}

impl ProviderBook {
    /// The book of provider `own` after the ceremony.
    ///
    /// # Errors
    /// [`SliceError`] if the signatures are another party's.
    pub fn new(
        holdings: ContractSignatures<SliceTerms>,
        own: u8,
        depth: Depth,
    ) -> Result<ProviderBook, SliceError> {
        holdings.terms().participants().provider_key(own)?;
        if holdings.me() != provider(own) {
            return Err(SliceError::OtherPoints);
        }
        Ok(ProviderBook {
            holdings,
            own,
            depth,
            opening: None,
            posts: BTreeMap::new(),
            bundle: None,
            received: BTreeMap::new(),
        })
    }

    /// The terms.
    pub fn terms(&self) -> &SliceTerms {
        self.holdings.terms()
    }

    /// The signatures.
    pub fn holdings(&self) -> &ContractSignatures<SliceTerms> {
        &self.holdings
    }

    /// Own number, from 0.
    pub fn index(&self) -> u8 {
        self.own
    }

    /// How deep the funding must be before shares are released and the claim is made.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// What was committed to, if the work is done.
    pub fn opening(&self) -> Option<&Opening> {
        self.opening.as_ref()
    }

    /// All posts known, for whoever lacks one: a client that was paid for and not given a post, say.
    pub fn posts(&self) -> impl Iterator<Item = &Post> {
        self.posts.values()
    }

    /// The own post, if the work is done.
    pub fn post(&self) -> Option<&Post> {
        self.posts.get(&self.own)
    }

    /// What was released, if it was.
    pub fn bundle(&self) -> Option<&Bundle> {
        self.bundle.as_ref()
    }

    /// Good shares of others.
    pub fn received(&self) -> usize {
        self.received.len()
    }

    /// Whether a provider's share is among them.
    pub fn has_share(&self, from: u8) -> bool {
        self.received.contains_key(&from)
    }

    /// The shares themselves, by whom they came from.
    pub(super) fn shares(&self) -> &BTreeMap<u8, SecretKey> {
        &self.received
    }

    /// Whether an own post is new and says what the opening says.
    ///
    /// # Errors
    /// [`SliceError::Order`] after another one; [`SliceError::Missing`] if post and opening do not fit. The fault of the own
    /// signer.
    pub fn check_commitment(&self, post: &Post, opening: &Opening) -> Result<bool, SliceError> {
        post.verify(self.terms())?;
        let committed = (self.terms()).commitment(opening.root.as_byte_array(), &opening.x)?;
        if post.from != self.own || committed != post.commitment {
            return Err(SliceError::Missing { from: self.own });
        }
        match (&self.opening, self.post()) {
            (Some(known), Some(posted)) if known == opening && posted.same_as(post) => Ok(false),
            (None, None) => Ok(true),
            _ => Err(SliceError::Order {
                what: "other work than was committed to",
            }),
        }
    }

    /// Keeps the own post and its opening.
    pub fn commit(&mut self, post: &Post, opening: &Opening) {
        self.posts.insert(self.own, post.clone());
        self.opening = Some(opening.clone());
    }

    /// Whether another's post is new. After the own shares were released none is taken: roots may be known then.
    ///
    /// # Errors
    /// [`SliceError`], the sender's fault.
    pub fn check_post(&self, post: &Post) -> Result<bool, SliceError> {
        post.verify(self.terms())?;
        let from = post.from;
        match self.posts.get(&from) {
            Some(known) if known.same_as(post) => Ok(false),
            Some(_) => Err(SliceError::TwoPosts { from }),
            None if from == self.own => Err(SliceError::TwoPosts { from }),
            None if self.bundle.is_some() => Err(SliceError::Late { from }),
            None => Ok(true),
        }
    }

    /// Keeps another's post.
    pub fn hold_post(&mut self, post: &Post) {
        self.posts.insert(post.from, post.clone());
    }

    /// Whether the own shares may be released: all posts are in or the time for them is over, and the price is as deep as
    /// this provider's policy says, or claimed: then it was, and what the claim has shown is shown.
    ///
    /// # Errors
    /// [`SliceError::Shallow`] and [`SliceError::TooSoon`] pass with time.
    pub fn may_release(&self, (tip, coin): (u32, Coin)) -> Result<(), SliceError> {
        if self.opening.is_none() {
            let what = "released before an own commitment";
            return Err(SliceError::Order { what });
        }
        let height = match coin {
            Coin::Claimed { height } => height,
            _ => self.buried((tip, coin), "released without a price that is locked")?,
        };
        let until = self.post_height(height);
        let size = usize::from(self.terms().participants().size());
        match size.saturating_sub(self.posts.len()) {
            missing if missing > 0 && tip < until => Err(SliceError::TooSoon {
                missing,
                height: until,
            }),
            _ => Ok(()),
        }
    }

    /// Whether what the own signer released is new.
    ///
    /// # Errors
    /// [`SliceError`] if it is not of this provider, or another was released. The fault of the own signer.
    pub fn check_release(&self, bundle: &Bundle) -> Result<bool, SliceError> {
        bundle.verify(self.terms())?;
        let what = match &self.bundle {
            _ if bundle.from != self.own => "a bundle of somebody else's",
            Some(known) if known == bundle => return Ok(false),
            Some(_) => "released twice",
            None if self.opening.is_none() => "released before an own commitment",
            None => return Ok(true),
        };
        Err(SliceError::Order { what })
    }

    /// Keeps what was released.
    pub fn release(&mut self, bundle: &Bundle) {
        self.bundle = Some(bundle.clone());
    }

    /// Reads what another released, whoever brings it: what it is, and the share to be kept, if there is one.
    ///
    /// # Errors
    /// [`SliceError`], the fault of whoever signed it, or of who says so.
    pub fn check_bundle(&self, bundle: &Bundle) -> Result<(Taken, Option<GoodShare>), SliceError> {
        bundle.verify(self.terms())?;
        let (Some(opening), Some(post)) = (&self.opening, self.post()) else {
            return Ok((Taken::Passed, None));
        };
        if bundle.from == self.own || !bundle.is_for(self.own) {
            return Ok((Taken::Passed, None));
        }
        let own = (self.own, &post.commitment);
        Ok(match bundle.read(self.terms(), own, &opening.x)? {
            Found::Closed => (Taken::Closed, None),
            Found::False => {
                let evidence = Evidence::FalseShare {
                    post: post.clone(),
                    bundle: bundle.clone(),
                    opening: opening.x,
                    root: opening.root.to_byte_array(),
                };
                (Taken::False(Box::new(evidence)), None)
            }
            Found::Share(share) => {
                let is_new = !self.received.contains_key(&bundle.from);
                let taken = Taken::Share {
                    have: self.received.len() + usize::from(is_new),
                    need: self.terms().participants().needed(),
                };
                (taken, Some((bundle.from, share.value)))
            }
        })
    }

    /// Keeps a good share.
    pub fn hold_share(&mut self, (from, value): GoodShare) {
        self.received.insert(from, value);
    }

    /// Checks a share of the own secret once more.
    pub(super) fn check_share(&self, (from, value): GoodShare) -> Result<(), SliceError> {
        let share = self.received_share(from, value)?;
        let of = self.own;
        let check = self.terms().point(of)?.verify(&Secp256k1::new(), &share);
        check.map_err(|error| SliceError::Sharing { of, error })
    }

    pub(super) fn received_share(
        &self,
        from: u8,
        value: SecretKey,
    ) -> Result<RevealedShare, SliceError> {
        let member = member(self.own, from).ok_or(SliceError::Missing { from })?;
        Ok(RevealedShare { member, value })
    }

    /// Checks that a transaction is the own claim, with a signature that the own secret completes.
    ///
    /// # Errors
    /// [`SliceError`], the fault of the own signer.
    pub fn check_claim(&self, tx: &Transaction) -> Result<(), SliceError> {
        let (wanted, none) = (claim_secret(self.own), Secrets::default());
        (self.holdings).extract_secret(claim(self.own), tx, wanted, &none)?;
        Ok(())
    }

    /// Height of the own price's funding, if it is as deep as the policy says.
    pub(super) fn buried(
        &self,
        (tip, coin): (u32, Coin),
        what: &'static str,
    ) -> Result<u32, SliceError> {
        let Coin::Locked { height } = coin else {
            return Err(SliceError::Order { what });
        };
        let of = self.own;
        let checked = self.depth.check(height, tip);
        checked.map_err(|error| SliceError::Shallow { of, error })?;
        Ok(height)
    }

    /// From this tip on shares are released even if posts are missing.
    pub fn post_height(&self, funded: u32) -> u32 {
        funded.saturating_add(self.terms().record().post_blocks.into())
    }

    /// From this tip on nobody is owed anything more: the client may have taken all prices back, and so deep that it is
    /// not the funding's block that was lost and came again.
    pub fn close_height(&self, funded: u32) -> u32 {
        let refund = funded.saturating_add(self.terms().record().refund_blocks.into());
        self.depth.reached_at(refund)
    }

    /// What is due with the tip at `tip` and the own price there: what it owes the others first, then its claim. Nothing
    /// before the funding, when it is too late to begin, or when it is over.
    ///
    /// Neither hides the other. Whoever pays one provider early, by a share that the others do not get, would otherwise be
    /// rid of all that the others could claim with what this one releases.
    pub fn duties(&self, tip: u32, coin: Coin) -> Vec<ProviderDuty> {
        let (height, is_claimed) = match coin {
            Coin::Locked { height } => (height, false),
            Coin::Claimed { height } if tip < self.close_height(height) => (height, true),
            Coin::Claimed { .. } | Coin::Unfunded | Coin::Spent => return Vec::new(),
        };
        let is_over = tip >= self.post_height(height);
        if is_claimed {
            return self.owed_when(true, is_over).into_iter().collect();
        }
        self.duties_when(self.depth.is_reached(height, tip), is_over)
    }

    /// What is due while the own price is locked: as deep as the policy says or not, the time for posts over or not.
    pub fn duties_when(&self, is_deep: bool, is_over: bool) -> Vec<ProviderDuty> {
        let next = match (&self.opening, is_over) {
            (None, true) => None,
            (None, false) => Some(ProviderDuty::Work),
            (Some(_), _) => self.owed_when(is_deep, is_over),
        };
        // Also when the refund is open: whichever confirms first.
        let claim = is_deep && self.is_paid();
        let claim = claim.then_some(ProviderDuty::Claim);
        next.into_iter().chain(claim).collect()
    }

    /// What it owes the others once it has committed to its work, its price locked or claimed. `is_deep` as the policy
    /// says, or claimed.
    pub fn owed_when(&self, is_deep: bool, is_over: bool) -> Option<ProviderDuty> {
        self.opening.as_ref()?;
        let all = self.posts.len() == usize::from(self.terms().participants().size());
        Some(match &self.bundle {
            None if is_deep && (all || is_over) => ProviderDuty::Release,
            None => ProviderDuty::Show,
            Some(_) => ProviderDuty::Ask,
        })
    }

    /// Whether there are shares enough for the claim.
    pub fn is_paid(&self) -> bool {
        self.received.len() >= usize::from(self.terms().participants().needed())
    }
}

impl std::fmt::Debug for ProviderBook {
    /// Without shares and opening.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderBook")
            .field("index", &self.own)
            .field("posts", &self.posts.len())
            .field("is_committed", &self.opening.is_some())
            .field("is_released", &self.bundle.is_some())
            .field("received", &self.received.len())
            .finish_non_exhaustive()
    }
}

/// Signatures of either side, with the graph derived anew.
///
/// # Errors
/// [`SliceError`]: of other terms, or changed.
pub fn signatures(
    terms: Arc<SliceTerms>,
    bytes: &[u8],
) -> Result<ContractSignatures<SliceTerms>, SliceError> {
    let graph = template::derive(&terms)?;
    Ok(ContractSignatures::restore(terms, |_| Ok(graph), bytes)?)
}
