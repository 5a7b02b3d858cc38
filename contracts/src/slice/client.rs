//! The client's side.

use std::{collections::BTreeMap, sync::Arc};

use bitcoin::{
    Psbt, Transaction,
    secp256k1::{
        PublicKey, Secp256k1, SecretKey,
        rand::{CryptoRng, RngCore},
    },
};
use narthex_base::node::AskedNode;

use super::{
    Bundle, CLIENT, ClientDuty, ClientRecord, Coin, Evidence, Post, SliceError, SliceTerms, Work,
    claim, derive, refund, signatures, template::claim_secret,
};
use crate::{
    builder::{Task, check_key, finish},
    funding::{FundingError, funding_psbt},
    graph::TxGraph,
    setup::{ContractSignatures, Secrets},
};

/// What a client knows of a slice, once all claims are signed; without its key.
#[derive(Clone, PartialEq)]
pub struct ClientBook {
    holdings: ContractSignatures<SliceTerms>,
    posts: BTreeMap<u8, Post>,
    bundles: BTreeMap<u8, Bundle>,
    secrets: BTreeMap<u8, SecretKey>,
}

/// What a provider that was paid had sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The work that it committed to.
    Result {
        /// Its root, by which results are compared.
        root: [u8; 32],
        /// The work.
        work: Work,
    },
    /// Something else.
    False(Box<Evidence>),
}

impl ClientBook {
    /// The client's book after the ceremony.
    ///
    /// # Errors
    /// [`SliceError::OtherPoints`] if the signatures are another party's.
    pub fn new(holdings: ContractSignatures<SliceTerms>) -> Result<ClientBook, SliceError> {
        match holdings.me() == CLIENT {
            false => Err(SliceError::OtherPoints),
            true => Ok(ClientBook {
                holdings,
                posts: BTreeMap::new(),
                bundles: BTreeMap::new(),
                secrets: BTreeMap::new(),
            }),
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

    /// The funding transaction, for the wallet to sign: only a client that holds all claims has it, and whose node
    /// was asked.
    ///
    /// # Errors
    /// [`FundingError`].
    pub fn funding_psbt(&self, _: &impl AskedNode) -> Result<Psbt, FundingError> {
        funding_psbt(self.holdings.graph())
    }

    /// Whether a post is new: it is shown to everybody, and opened when it is paid.
    ///
    /// # Errors
    /// [`SliceError`], the sender's fault.
    pub fn check_post(&self, post: &Post) -> Result<bool, SliceError> {
        post.verify(self.terms())?;
        let from = post.from;
        match self.posts.get(&from) {
            Some(known) if known.same_as(post) => Ok(false),
            Some(_) => Err(SliceError::TwoPosts { from }),
            None => Ok(true),
        }
    }

    /// Keeps a post.
    pub fn hold_post(&mut self, post: &Post) {
        self.posts.insert(post.from, post.clone());
    }

    /// All posts, for everybody.
    pub fn posts(&self) -> impl Iterator<Item = &Post> {
        self.posts.values()
    }

    /// The post of a provider, if it has come.
    pub fn post(&self, index: u8) -> Option<&Post> {
        self.posts.get(&index)
    }

    /// Whether a bundle, of which the client can read nothing, is new. The latest of a provider counts.
    ///
    /// # Errors
    /// [`SliceError`], the sender's fault.
    pub fn check_bundle(&self, bundle: &Bundle) -> Result<bool, SliceError> {
        bundle.verify(self.terms())?;
        Ok(self.bundles.get(&bundle.from) != Some(bundle))
    }

    /// Keeps a bundle.
    pub fn hold_bundle(&mut self, bundle: &Bundle) {
        self.bundles.insert(bundle.from, bundle.clone());
    }

    /// The others' bundles, for a provider that released its own: each only if its own has something for that one too.
    pub fn hand_out(&self, to: u8) -> impl Iterator<Item = &Bundle> {
        let own = self.bundles.get(&to);
        let others = self.bundles.values().filter(move |b| b.from != to);
        others.filter(move |other| own.is_some_and(|own| own.is_for(other.from)))
    }

    /// The secret that a provider's claim shows.
    ///
    /// # Errors
    /// [`SliceError`] if the transaction is not that claim.
    pub fn secret_of(&self, index: u8, tx: &Transaction) -> Result<SecretKey, SliceError> {
        self.terms().participants().provider_key(index)?;
        let (wanted, none) = (claim_secret(index), Secrets::default());
        Ok((self.holdings).extract_secret(claim(index), tx, wanted, &none)?)
    }

    /// Keeps such a secret.
    pub fn hold_secret(&mut self, index: u8, secret: SecretKey) {
        self.secrets.insert(index, secret);
    }

    /// The secret of a provider whose claim was seen.
    pub fn secret(&self, index: u8) -> Option<&SecretKey> {
        self.secrets.get(&index)
    }

    /// What a provider whose claim was seen had sealed.
    ///
    /// # Errors
    /// [`SliceError::Missing`] before its claim and its post came.
    pub fn opened(&self, index: u8) -> Result<Opened, SliceError> {
        let missing = SliceError::Missing { from: index };
        let secret = self.secrets.get(&index).ok_or(missing.clone())?;
        let post = self.posts.get(&index).ok_or(missing)?;
        Ok(match post.open(self.terms(), secret) {
            Some((work, root)) => Opened::Result { root, work },
            None => Opened::False(Box::new(Evidence::FalseSeal {
                post: post.clone(),
                secret: *secret,
            })),
        })
    }

    /// Takes back the price that a provider did not claim; valid d blocks after the funding. `key` is the client's.
    ///
    /// # Errors
    /// [`SliceError`] if there is no such provider, or the key is another's.
    pub fn refund<R: RngCore + CryptoRng>(
        &self,
        index: u8,
        key: &SecretKey,
        rng: &mut R,
    ) -> Result<Transaction, SliceError> {
        self.terms().participants().provider_key(index)?;
        refund_of(self.holdings.graph(), index, key, rng)
    }

    /// What is due about one provider's price, with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> ClientDuty {
        let d = u32::from(self.terms().record().refund_blocks);
        match coin {
            Coin::Locked { height } if tip.saturating_add(1) >= height.saturating_add(d) => {
                ClientDuty::Refund
            }
            _ => ClientDuty::None,
        }
    }
}

impl std::fmt::Debug for ClientBook {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBook")
            .field("posts", &self.posts.len())
            .field("bundles", &self.bundles.len())
            .field("secrets", &self.secrets.len())
            .finish_non_exhaustive()
    }
}

/// Takes back the price that a provider did not claim, of terms alone: for a client that has lost what it held of them.
///
/// # Errors
/// [`SliceError`] if there is no such provider, or the key is not that of the terms.
pub fn lost_refund<R: RngCore + CryptoRng>(
    terms: &SliceTerms,
    index: u8,
    key: &SecretKey,
    rng: &mut R,
) -> Result<Transaction, SliceError> {
    check_key(key, terms.participants().client, CLIENT)?;
    terms.participants().provider_key(index)?;
    refund_of(&derive(terms)?, index, key, rng)
}

fn refund_of<R: RngCore + CryptoRng>(
    graph: &TxGraph,
    index: u8,
    key: &SecretKey,
    rng: &mut R,
) -> Result<Transaction, SliceError> {
    let node = refund(index);
    let task = Task::new(graph, node, 0)?;
    let signature = task.sign_alone((CLIENT, key), None, rng)?;
    Ok(finish(graph, node, &[signature.0], &[])?)
}

/// A client that holds all claims, encrypted: it takes each provider's secret out of what is published. Its book and its
/// key, called as one.
///
/// As for [`super::Provider`], its record must be durable before what a call returned leaves the house.
pub struct Client {
    book: ClientBook,
    key: SecretKey,
}

impl Client {
    /// A client after the ceremony.
    pub fn new(
        holdings: ContractSignatures<SliceTerms>,
        key: SecretKey,
    ) -> Result<Client, SliceError> {
        check_key(&key, holdings.terms().participants().client, CLIENT)?;
        let book = ClientBook::new(holdings)?;
        Ok(Client { book, key })
    }

    /// A client as it was when `record` was written. Everything in it is verified once more.
    pub fn restore(
        terms: Arc<SliceTerms>,
        key: SecretKey,
        record: &ClientRecord,
    ) -> Result<Client, SliceError> {
        let mut client = Client::new(signatures(terms, &record.holdings)?, key)?;
        for post in &record.posts {
            client.take_post(post)?;
        }
        for bundle in &record.bundles {
            client.take_bundle(bundle)?;
        }
        for (index, secret) in &record.secrets {
            let point = PublicKey::from_secret_key(&Secp256k1::signing_only(), secret);
            if point != client.terms().claim_point(*index)? {
                return Err(SliceError::OtherPoints);
            }
            client.book.hold_secret(*index, *secret);
        }
        Ok(client)
    }

    /// What must be durable.
    pub fn record(&self) -> ClientRecord {
        let posts = self.book.posts.values();
        let bundles = self.book.bundles.values();
        ClientRecord {
            holdings: self.book.holdings.to_bytes(),
            posts: posts.cloned().collect(),
            bundles: bundles.cloned().collect(),
            secrets: self.book.secrets.clone(),
        }
    }

    /// What it knows, without its key.
    pub fn book(&self) -> &ClientBook {
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

    /// The funding transaction, for the wallet to sign: only a client that holds all claims has it, and whose node
    /// was asked.
    pub fn funding_psbt(&self, node: &impl AskedNode) -> Result<Psbt, FundingError> {
        self.book.funding_psbt(node)
    }

    /// Takes a post, to show it to everybody and to open it when it is paid.
    pub fn take_post(&mut self, post: &Post) -> Result<(), SliceError> {
        if self.book.check_post(post)? {
            self.book.hold_post(post);
        }
        Ok(())
    }

    /// All posts, for everybody.
    pub fn posts(&self) -> impl Iterator<Item = &Post> {
        self.book.posts()
    }

    /// Takes a bundle, of which the client can read nothing. The latest of a provider counts.
    pub fn take_bundle(&mut self, bundle: &Bundle) -> Result<(), SliceError> {
        if self.book.check_bundle(bundle)? {
            self.book.hold_bundle(bundle);
        }
        Ok(())
    }

    /// The others' bundles, for a provider that released its own: each only if its own has something for that one too.
    pub fn hand_out(&self, to: u8) -> impl Iterator<Item = &Bundle> {
        self.book.hand_out(to)
    }

    /// Takes the secret out of a provider's claim and opens with it what that provider posted.
    ///
    /// A provider that kept its post from the client has to have shown it to all who paid it: they have it
    /// ([`super::Provider::posts`]). Until then this says that it is missing.
    pub fn open(&mut self, index: u8, tx: &Transaction) -> Result<Opened, SliceError> {
        let secret = self.book.secret_of(index, tx)?;
        self.book.hold_secret(index, secret);
        self.opened(index)
    }

    /// What a provider whose claim was seen had sealed.
    pub fn opened(&self, index: u8) -> Result<Opened, SliceError> {
        self.book.opened(index)
    }

    /// Takes back the price that a provider did not claim; valid d blocks after the funding.
    pub fn refund<R: RngCore + CryptoRng>(
        &self,
        index: u8,
        rng: &mut R,
    ) -> Result<Transaction, SliceError> {
        self.book.refund(index, &self.key, rng)
    }

    /// What is due about one provider's price, with the tip at `tip` and the coin there.
    pub fn duty(&self, tip: u32, coin: Coin) -> ClientDuty {
        self.book.duty(tip, coin)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("record", &self.record())
            .finish_non_exhaustive()
    }
}
