//! A provider's side.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Transaction,
    hashes::{Hash, sha256},
    secp256k1::{
        Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};

use super::{
    BoundShares, Bundle, Coin, Evidence, Opening, Post, ProviderDuty, ProviderRecord, Shares,
    SliceError, SliceTerms, Work,
    bundle::Found,
    claim,
    participants::member,
    provider,
    template::{self, claim_secret},
};
use crate::{
    builder::check_key,
    depth::Depth,
    musig::add_secrets,
    setup::{ContractSignatures, Secrets, Signing},
    shared_secret::{RevealedShare, SharingError},
};

/// A provider of a slice whose claim is signed.
///
/// Nothing here does I/O. Each change of [`Provider::record`] must be durable before what the call returned leaves the
/// house; a provider restored from the record sends the same again.
pub struct Provider {
    holdings: ContractSignatures<SliceTerms>,
    own: u8,
    key: SecretKey,
    shares: Shares,
    /// The own policy: how deep the funding must be.
    depth: Depth,
    opening: Option<Opening>,
    /// The own post and those of others.
    posts: BTreeMap<u8, Post>,
    bundle: Option<Bundle>,
    received: BTreeMap<u8, SecretKey>,
}

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

impl Provider {
    /// A provider after the ceremony. `shares` are those of the sharing that the terms are about.
    pub fn new(
        holdings: ContractSignatures<SliceTerms>,
        key: SecretKey,
        shares: BoundShares,
    ) -> Result<Provider, SliceError> {
        Provider::with(holdings, key, (shares.shares, shares.depth))
    }

    fn with(
        holdings: ContractSignatures<SliceTerms>,
        key: SecretKey,
        (shares, depth): (Shares, Depth),
    ) -> Result<Provider, SliceError> {
        let own = shares.own();
        let terms = holdings.terms().clone();
        check_key(&key, terms.participants().provider_key(own)?, provider(own))?;
        if holdings.me() != provider(own) {
            return Err(SliceError::OtherPoints);
        }
        shares.check(&terms)?;
        Ok(Provider {
            holdings,
            own,
            key,
            shares,
            depth,
            opening: None,
            posts: BTreeMap::new(),
            bundle: None,
            received: BTreeMap::new(),
        })
    }

    /// A provider as it was when `record` was written. Everything in it is verified once more.
    pub fn restore(
        terms: Arc<SliceTerms>,
        (own, key): (u8, SecretKey),
        record: &ProviderRecord,
    ) -> Result<Provider, SliceError> {
        let holdings = restore(terms.clone(), &record.holdings)?;
        let (part, values) = (record.part, record.shares.clone());
        let shares = Shares { own, part, values };
        let mut restored = Provider::with(holdings, key, (shares, record.depth))?;
        for post in &record.posts {
            post.verify(&terms)?;
            restored.posts.insert(post.from, post.clone());
        }
        let committed = match &record.opening {
            None => None,
            Some(opening) => Some(terms.commitment(opening.root.as_byte_array(), &opening.x)?),
        };
        if committed != restored.posts.get(&own).map(|post| post.commitment) {
            return Err(SliceError::Missing { from: own });
        }
        restored.opening = record.opening.clone();
        if let Some(bundle) = &record.bundle {
            bundle.verify(&terms)?;
            restored.bundle = Some(bundle.clone());
        }
        let secp = Secp256k1::new();
        for (from, value) in &record.received {
            let share = restored.received_share(*from, *value)?;
            let check = terms.point(own)?.verify(&secp, &share);
            check.map_err(|error| SliceError::Sharing { of: own, error })?;
            restored.received.insert(*from, *value);
        }
        Ok(restored)
    }

    /// What must be durable.
    pub fn record(&self) -> ProviderRecord {
        ProviderRecord {
            holdings: self.holdings.to_bytes(),
            shares: self.shares.values.clone(),
            part: self.shares.part,
            depth: self.depth,
            opening: self.opening.clone(),
            posts: self.posts().cloned().collect(),
            bundle: self.bundle.clone(),
            received: self.received.clone(),
        }
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

    /// All posts known, for whoever lacks one: a client that was paid for and not given a post, say.
    pub fn posts(&self) -> impl Iterator<Item = &Post> {
        self.posts.values()
    }

    /// What was released, if it was.
    pub fn bundle(&self) -> Option<&Bundle> {
        self.bundle.as_ref()
    }

    /// Good shares of others.
    pub fn received(&self) -> usize {
        self.received.len()
    }

    /// Commits to the work that was done. Once: the same work gives the same post, other work an error.
    pub fn commit<R: RngCore + CryptoRng>(
        &mut self,
        work: &Work,
        rng: &mut R,
    ) -> Result<Post, SliceError> {
        let root = sha256::Hash::from_byte_array(work.root(self.terms()));
        if let (Some(opening), Some(post)) = (&self.opening, self.posts.get(&self.own)) {
            let what = "other work than was committed to";
            return match opening.root == root {
                true => Ok(post.clone()),
                false => Err(SliceError::Order { what }),
            };
        }
        let x = SecretKey::new(rng);
        let post = Post::new(self.terms(), (self.own, &self.key), (work, &x), rng)?;
        self.opening = Some(Opening { x, root });
        self.posts.insert(self.own, post.clone());
        Ok(post)
    }

    /// Takes another's post. After the own shares were released none is taken: roots may be known then.
    pub fn take_post(&mut self, post: &Post) -> Result<(), SliceError> {
        post.verify(self.terms())?;
        let from = post.from;
        match self.posts.get(&from) {
            Some(known) if known.same_as(post) => Ok(()),
            Some(_) => Err(SliceError::TwoPosts { from }),
            None if from == self.own => Err(SliceError::TwoPosts { from }),
            None if self.bundle.is_some() => Err(SliceError::Late { from }),
            None => {
                self.posts.insert(from, post.clone());
                Ok(())
            }
        }
    }

    /// Directly between two providers, before either released: takes all posts that the other has, and gives all that
    /// are known. The client is not needed, and cannot keep a post back.
    ///
    /// # Errors
    /// The first fault of a post; those before it are taken.
    pub fn compare_posts(&mut self, theirs: &[Post]) -> Result<Vec<Post>, SliceError> {
        for post in theirs {
            // The own one, as the other has it, is no news; another under the own name is a forgery that `take_post` names.
            self.take_post(post)?;
        }
        Ok(self.posts().cloned().collect())
    }

    /// Releases the shares of all who posted, once: when all have, or when the time for posts is over, and not before
    /// the price is as deep as this provider's policy says. Asking again gives the same.
    ///
    /// # Errors
    /// [`SliceError::Shallow`] and [`SliceError::TooSoon`] pass with time; nothing has changed.
    pub fn release<R: RngCore + CryptoRng>(
        &mut self,
        (tip, coin): (u32, Coin),
        rng: &mut R,
    ) -> Result<Bundle, SliceError> {
        if let Some(bundle) = &self.bundle {
            return Ok(bundle.clone());
        }
        let order = |what| SliceError::Order { what };
        let opening = self.opening.as_ref();
        let opening = opening.ok_or(order("released before an own commitment"))?;
        let height = self.buried((tip, coin), "released without a price that is locked")?;
        let until = self.post_height(height);
        let missing =
            usize::from(self.terms().participants().size()).saturating_sub(self.posts.len());
        if missing > 0 && tip < until {
            let height = until;
            return Err(SliceError::TooSoon { missing, height });
        }
        let others = self.posts.values().filter(|post| post.from != self.own);
        let shares = others.map(|post| {
            let missing = SliceError::Missing { from: self.own };
            let share = self.shares.of(post.from).ok_or(missing)?;
            Ok((post, share.value))
        });
        let shares = shares.collect::<Result<Vec<_>, SliceError>>()?;
        let (own, root) = ((self.own, &self.key), opening.root.as_byte_array());
        let bundle = Bundle::sign(self.terms(), own, root, shares, rng)?;
        self.bundle = Some(bundle.clone());
        Ok(bundle)
    }

    /// Reads what another released, whoever brings it.
    pub fn take_bundle(&mut self, bundle: &Bundle) -> Result<Taken, SliceError> {
        bundle.verify(self.terms())?;
        let (Some(opening), Some(post)) = (&self.opening, self.posts.get(&self.own)) else {
            return Ok(Taken::Passed);
        };
        if bundle.from == self.own || !bundle.is_for(self.own) {
            return Ok(Taken::Passed);
        }
        let own = (self.own, &post.commitment);
        match bundle.read(self.terms(), own, &opening.x)? {
            Found::Closed => Ok(Taken::Closed),
            Found::False => Ok(Taken::False(Box::new(Evidence::FalseShare {
                post: post.clone(),
                bundle: bundle.clone(),
                opening: opening.x,
                root: opening.root.to_byte_array(),
            }))),
            Found::Share(share) => {
                self.received.insert(bundle.from, share.value);
                Ok(Taken::Share {
                    have: self.received.len(),
                    need: self.terms().participants().needed(),
                })
            }
        }
    }

    /// Directly between two providers: who shows a bundle with something for this one gets the own one, if that was
    /// released. The client is not needed, and cannot keep the two apart.
    pub fn exchange(&mut self, theirs: &Bundle) -> Result<(Taken, Option<Bundle>), SliceError> {
        let taken = self.take_bundle(theirs)?;
        let fair = theirs.is_for(self.own);
        Ok((taken, self.bundle.clone().filter(|_| fair)))
    }

    /// The claim, with the secret put together out of the others' shares and the own part. Published, it opens the
    /// result to the client: it is not made while the price can be reorganised away below it.
    ///
    /// # Errors
    /// [`SliceError::Unpaid`] without shares enough, [`SliceError::Shallow`] before the depth of the policy.
    pub fn claim(&self, status: (u32, Coin)) -> Result<Transaction, SliceError> {
        let secret = self.secret()?;
        self.buried(status, "claimed without a price that is locked")?;
        let secrets = Secrets::default().with(claim_secret(self.own), secret);
        Ok(self.holdings.complete(claim(self.own), &secrets)?)
    }

    fn secret(&self) -> Result<SecretKey, SliceError> {
        let shares = self.received.iter();
        let shares = shares.map(|(from, value)| self.received_share(*from, *value));
        let shares = shares.collect::<Result<Vec<_>, _>>()?;
        let point = self.terms().point(self.own)?;
        let secret = point.reconstruct(&Secp256k1::new(), &shares);
        let secret = secret.map_err(|error| match error {
            SharingError::TooFew { given, .. } => SliceError::Unpaid {
                have: given,
                need: self.terms().participants().needed(),
            },
            error => SliceError::Sharing {
                of: self.own,
                error,
            },
        })?;
        add_secrets(secret, &self.shares.part).ok_or(SliceError::Degenerate)
    }

    fn received_share(&self, from: u8, value: SecretKey) -> Result<RevealedShare, SliceError> {
        let member = member(self.own, from).ok_or(SliceError::Missing { from })?;
        Ok(RevealedShare { member, value })
    }

    /// Height of the own price's funding, if it is as deep as the policy says.
    fn buried(&self, (tip, coin): (u32, Coin), what: &'static str) -> Result<u32, SliceError> {
        let Coin::Locked { height } = coin else {
            return Err(SliceError::Order { what });
        };
        let of = self.own;
        let checked = self.depth.check(height, tip);
        checked.map_err(|error| SliceError::Shallow { of, error })?;
        Ok(height)
    }

    /// From this tip on shares are released even if posts are missing.
    fn post_height(&self, funded: u32) -> u32 {
        funded.saturating_add(self.terms().record().post_blocks.into())
    }

    /// What is due with the tip at `tip` and the own price there.
    pub fn duty(&self, tip: u32, coin: Coin) -> ProviderDuty {
        let Coin::Locked { height } = coin else {
            return ProviderDuty::None;
        };
        let participants = self.terms().participants();
        let over = tip >= self.post_height(height);
        let deep = self.depth.is_reached(height, tip);
        if deep && self.received.len() >= usize::from(participants.needed()) {
            // Also when the refund is open: whichever confirms first.
            return ProviderDuty::Claim;
        }
        let all = self.posts.len() == usize::from(participants.size());
        match (&self.opening, &self.bundle) {
            (None, _) if over => ProviderDuty::None,
            (None, _) => ProviderDuty::Work,
            (Some(_), None) if deep && (all || over) => ProviderDuty::Release,
            (Some(_), None) => ProviderDuty::Show,
            (Some(_), Some(_)) => ProviderDuty::Ask,
        }
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("index", &self.own)
            .field("record", &self.record())
            .finish_non_exhaustive()
    }
}

/// Signatures of either side, with the graph derived anew.
pub(super) fn restore(
    terms: Arc<SliceTerms>,
    bytes: &[u8],
) -> Result<ContractSignatures<SliceTerms>, SliceError> {
    let graph = template::derive(&terms)?;
    Ok(ContractSignatures::restore(terms, |_| Ok(graph), bytes)?)
}

/// What a party of a slice stored of a ceremony under way ([`Signing::to_bytes`]), read back.
///
/// # Errors
/// [`SliceError`]: of other terms, or changed.
pub fn resume(terms: &Arc<SliceTerms>, bytes: &[u8]) -> Result<Signing<SliceTerms>, SliceError> {
    let graph = template::derive(terms)?;
    Ok(Signing::restore(terms.clone(), |_| Ok(graph), bytes)?)
}
