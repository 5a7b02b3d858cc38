//! A provider's side.

use std::sync::Arc;

use bitcoin::{
    Transaction,
    hashes::{Hash, sha256},
    secp256k1::{
        Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::codec::Message as _;
use zeroize::Zeroizing;

use super::{
    BoundShares, Bundle, Coin, Opening, Post, ProviderBook, ProviderDuty, ProviderRecord, Shares,
    SliceError, SliceTerms, Taken, Work, claim, provider, signatures,
    template::{self, claim_secret},
};
use crate::{
    builder::check_key,
    depth::Depth,
    musig::add_secrets,
    setup::{ContractSignatures, Secrets, Signing},
    shared_secret::SharingError,
};

/// A provider's key and shares: what a machine asks for signatures. Kept by whoever keeps its key.
pub struct ProviderKeys {
    own: u8,
    key: SecretKey,
    shares: Shares,
}

impl ProviderKeys {
    /// The keys of a provider of these terms. `shares` are those of the sharing that the terms are about.
    ///
    /// # Errors
    /// [`SliceError`] if key or shares are of something else.
    pub fn new(
        terms: &SliceTerms,
        key: SecretKey,
        shares: BoundShares,
    ) -> Result<Self, SliceError> {
        ProviderKeys::with(terms, key, shares.shares)
    }

    /// The shares as bytes, secret, to be kept beside the key before the ceremony begins: no log of a machine has them.
    pub fn shares_to_bytes(&self) -> Zeroizing<Vec<u8>> {
        self.shares.to_secret_bytes()
    }

    /// The keys as they were: shares that [`ProviderKeys::shares_to_bytes`] wrote, verified once more.
    ///
    /// # Errors
    /// [`SliceError`] if they cannot be read, or key or shares are of something else.
    pub fn restore(terms: &SliceTerms, key: SecretKey, shares: &[u8]) -> Result<Self, SliceError> {
        ProviderKeys::with(terms, key, Shares::from_bytes(shares)?)
    }

    fn with(terms: &SliceTerms, key: SecretKey, shares: Shares) -> Result<Self, SliceError> {
        let own = shares.own();
        check_key(&key, terms.participants().provider_key(own)?, provider(own))?;
        shares.check(terms)?;
        Ok(ProviderKeys { own, key, shares })
    }

    /// Commits to the work that was done. Once: the same work gives the same post, other work an error.
    ///
    /// # Errors
    /// [`SliceError::Order`] for other work, [`SliceError::TooLarge`].
    pub fn commit<R: RngCore + CryptoRng>(
        &self,
        book: &ProviderBook,
        work: &Work,
        rng: &mut R,
    ) -> Result<(Post, Opening), SliceError> {
        let root = sha256::Hash::from_byte_array(work.root(book.terms()));
        if let (Some(opening), Some(post)) = (book.opening(), book.post()) {
            let what = "other work than was committed to";
            return match opening.root == root {
                true => Ok((post.clone(), opening.clone())),
                false => Err(SliceError::Order { what }),
            };
        }
        let x = SecretKey::new(rng);
        let post = Post::new(book.terms(), (self.own, &self.key), (work, &x), rng)?;
        Ok((post, Opening { x, root }))
    }

    /// The shares of all who posted, each for its owner.
    ///
    /// # Errors
    /// [`SliceError`], as [`ProviderBook::may_release`].
    pub fn release<R: RngCore + CryptoRng>(
        &self,
        book: &ProviderBook,
        status: (u32, Coin),
        rng: &mut R,
    ) -> Result<Bundle, SliceError> {
        book.may_release(status)?;
        let missing = SliceError::Missing { from: self.own };
        let opening = book.opening().ok_or(missing)?;
        let others = book.posts().filter(|post| post.from != self.own);
        let shares = others.map(|post| {
            let missing = SliceError::Missing { from: self.own };
            let share = self.shares.of(post.from).ok_or(missing)?;
            Ok((post, share.value))
        });
        let shares = shares.collect::<Result<Vec<_>, SliceError>>()?;
        let (own, root) = ((self.own, &self.key), opening.root.as_byte_array());
        Bundle::sign(book.terms(), own, root, shares, rng)
    }

    /// The claim, with the secret put together out of the others' shares and the own part. Published, it opens the
    /// result to the client: it is not made while the price can be reorganised away below it.
    ///
    /// # Errors
    /// [`SliceError::Unpaid`] without shares enough, [`SliceError::Shallow`] before the depth of the policy.
    pub fn claim(
        &self,
        book: &ProviderBook,
        status: (u32, Coin),
    ) -> Result<Transaction, SliceError> {
        let secret = self.secret(book)?;
        book.buried(status, "claimed without a price that is locked")?;
        let secrets = Secrets::default().with(claim_secret(self.own), secret);
        Ok(book.holdings().complete(claim(self.own), &secrets)?)
    }

    fn secret(&self, book: &ProviderBook) -> Result<SecretKey, SliceError> {
        let shares = book.shares().iter();
        let shares = shares.map(|(from, value)| book.received_share(*from, *value));
        let shares = shares.collect::<Result<Vec<_>, _>>()?;
        let point = book.terms().point(self.own)?;
        let secret = point.reconstruct(&Secp256k1::new(), &shares);
        let secret = secret.map_err(|error| match error {
            SharingError::TooFew { given, .. } => SliceError::Unpaid {
                have: given,
                need: book.terms().participants().needed(),
            },
            error => SliceError::Sharing {
                of: self.own,
                error,
            },
        })?;
        add_secrets(secret, &self.shares.part).ok_or(SliceError::Degenerate)
    }
}

impl Drop for ProviderKeys {
    fn drop(&mut self) {
        self.key.non_secure_erase();
    }
}

impl std::fmt::Debug for ProviderKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProviderKeys(of {})", self.own)
    }
}

/// A provider of a slice whose claim is signed: its book and its keys, called as one.
///
/// Nothing here does I/O. Each change of [`Provider::record`] must be durable before what the call returned leaves the
/// house; a provider restored from the record sends the same again. Machines do that by their log.
pub struct Provider {
    keys: ProviderKeys,
    book: ProviderBook,
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
        let keys = ProviderKeys::with(holdings.terms(), key, shares)?;
        let book = ProviderBook::new(holdings, keys.own, depth)?;
        Ok(Provider { keys, book })
    }

    /// A provider as it was when `record` was written. Everything in it is verified once more.
    pub fn restore(
        terms: Arc<SliceTerms>,
        (own, key): (u8, SecretKey),
        record: &ProviderRecord,
    ) -> Result<Provider, SliceError> {
        let holdings = signatures(terms.clone(), &record.holdings)?;
        let (part, values) = (record.part, record.shares.clone());
        let shares = Shares { own, part, values };
        let mut restored = Provider::with(holdings, key, (shares, record.depth))?;
        let book = &mut restored.book;
        let (own_posts, others): (Vec<_>, Vec<_>) =
            record.posts.iter().partition(|post| post.from == own);
        match (&record.opening, own_posts.last()) {
            (None, None) => {}
            (Some(opening), Some(post)) => {
                book.check_commitment(post, opening)?;
                book.commit(post, opening);
            }
            _ => return Err(SliceError::Missing { from: own }),
        }
        for post in others {
            post.verify(&terms)?;
            book.hold_post(post);
        }
        if let Some(bundle) = &record.bundle {
            bundle.verify(&terms)?;
            book.release(bundle);
        }
        for (from, value) in &record.received {
            book.check_share((*from, *value))?;
            book.hold_share((*from, *value));
        }
        Ok(restored)
    }

    /// What must be durable.
    pub fn record(&self) -> ProviderRecord {
        ProviderRecord {
            holdings: self.book.holdings().to_bytes(),
            shares: self.keys.shares.values.clone(),
            part: self.keys.shares.part,
            depth: self.book.depth(),
            opening: self.book.opening().cloned(),
            posts: self.posts().cloned().collect(),
            bundle: self.bundle().cloned(),
            received: self.book.shares().clone(),
        }
    }

    /// What it knows, without its key.
    pub fn book(&self) -> &ProviderBook {
        &self.book
    }

    /// The terms.
    pub fn terms(&self) -> &SliceTerms {
        self.book.terms()
    }

    /// The signatures.
    pub fn holdings(&self) -> &ContractSignatures<SliceTerms> {
        self.book.holdings()
    }

    /// Own number, from 0.
    pub fn index(&self) -> u8 {
        self.book.index()
    }

    /// All posts known, for whoever lacks one: a client that was paid for and not given a post, say.
    pub fn posts(&self) -> impl Iterator<Item = &Post> {
        self.book.posts()
    }

    /// What was released, if it was.
    pub fn bundle(&self) -> Option<&Bundle> {
        self.book.bundle()
    }

    /// Good shares of others.
    pub fn received(&self) -> usize {
        self.book.received()
    }

    /// Commits to the work that was done. Once: the same work gives the same post, other work an error.
    pub fn commit<R: RngCore + CryptoRng>(
        &mut self,
        work: &Work,
        rng: &mut R,
    ) -> Result<Post, SliceError> {
        let (post, opening) = self.keys.commit(&self.book, work, rng)?;
        self.book.commit(&post, &opening);
        Ok(post)
    }

    /// Takes another's post. After the own shares were released none is taken: roots may be known then.
    pub fn take_post(&mut self, post: &Post) -> Result<(), SliceError> {
        if self.book.check_post(post)? {
            self.book.hold_post(post);
        }
        Ok(())
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
        status: (u32, Coin),
        rng: &mut R,
    ) -> Result<Bundle, SliceError> {
        if let Some(bundle) = self.bundle() {
            return Ok(bundle.clone());
        }
        let bundle = self.keys.release(&self.book, status, rng)?;
        self.book.release(&bundle);
        Ok(bundle)
    }

    /// Reads what another released, whoever brings it.
    pub fn take_bundle(&mut self, bundle: &Bundle) -> Result<Taken, SliceError> {
        let (taken, share) = self.book.check_bundle(bundle)?;
        if let Some(share) = share {
            self.book.hold_share(share);
        }
        Ok(taken)
    }

    /// Directly between two providers: who shows a bundle with something for this one gets the own one, if that was
    /// released. The client is not needed, and cannot keep the two apart.
    pub fn exchange(&mut self, theirs: &Bundle) -> Result<(Taken, Option<Bundle>), SliceError> {
        let taken = self.take_bundle(theirs)?;
        let fair = theirs.is_for(self.index());
        Ok((taken, self.bundle().cloned().filter(|_| fair)))
    }

    /// The claim, as [`ProviderKeys::claim`] makes it.
    ///
    /// # Errors
    /// [`SliceError::Unpaid`] without shares enough, [`SliceError::Shallow`] before the depth of the policy.
    pub fn claim(&self, status: (u32, Coin)) -> Result<Transaction, SliceError> {
        self.keys.claim(&self.book, status)
    }

    /// What is due with the tip at `tip` and the own price there, as [`ProviderBook::duties`].
    pub fn duties(&self, tip: u32, coin: Coin) -> Vec<ProviderDuty> {
        self.book.duties(tip, coin)
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("index", &self.index())
            .field("record", &self.record())
            .finish_non_exhaustive()
    }
}

/// What a party of a slice stored of a ceremony under way ([`Signing::to_bytes`]), read back.
///
/// # Errors
/// [`SliceError`]: of other terms, or changed.
pub fn resume(terms: &Arc<SliceTerms>, bytes: &[u8]) -> Result<Signing<SliceTerms>, SliceError> {
    let graph = template::derive(terms)?;
    Ok(Signing::restore(terms.clone(), |_| Ok(graph), bytes)?)
}
