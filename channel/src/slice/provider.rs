//! A provider of a slice.

use bitcoin::{Transaction, Txid};
use narthex_contracts::{
    depth::Depth,
    setup::ContractSignatures,
    slice::{
        Bundle, Coin, Evidence, GoodShare, Opening, Post, ProviderBook, ProviderDuty, SliceError,
        SliceTerms, Taken, claim,
    },
};

use super::out_of_order;
use crate::{CoinSeen, Machine, Step};

/// What a provider begins with: the signatures of the ceremony, and its policy.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderStart {
    /// Its signatures, with the terms.
    pub holdings: ContractSignatures<SliceTerms>,
    /// Its number, from 0.
    pub own: u8,
    /// How deep the funding must be before it releases shares and claims, and before the slice is over for it a spend, and
    /// the block from which the client may take prices back.
    pub depth: Depth,
}

impl std::fmt::Debug for ProviderStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProviderStart(of {}, {} deep)", self.own, self.depth)
    }
}

/// Where the own price is, by the own policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderPrice {
    /// Not confirmed.
    #[default]
    Unfunded,
    /// Neither claimed nor refunded.
    Locked {
        /// Height that confirmed it.
        height: u32,
        /// As deep as the policy asks for.
        is_deep: bool,
        /// The time for posts is over.
        is_over: bool,
    },
    /// Gone to this provider, which may owe the others something still.
    Claimed {
        /// Height that confirmed the funding as it was last seen locked, or else the claim: the latest that it can be.
        funded: u32,
        /// So deep that the claim stays.
        is_deep: bool,
        /// The time for posts is over.
        is_over: bool,
        /// Nobody is owed anything more: [`ProviderBook::close_height`].
        is_closed: bool,
    },
    /// Gone to the client, which may have all prices by then: nothing is owed.
    Spent {
        /// So deep that it stays gone.
        is_deep: bool,
    },
}

/// What comes to a provider.
#[derive(Clone, Debug)]
pub enum ProviderInput {
    /// The ceremony is over.
    Held(Box<ProviderStart>),
    /// Where the own price is, with the tip.
    Price {
        /// Height of the tip.
        tip: u32,
        /// Where it is.
        price: CoinSeen,
    },
    /// The signer has committed to the work.
    Committed {
        /// For everybody.
        post: Box<Post>,
        /// What opens it.
        opening: Opening,
    },
    /// Another's post.
    Post(Box<Post>),
    /// The signer has released the shares.
    Released(Bundle),
    /// What another released, whoever brings it.
    Bundle(Bundle),
    /// The signer has put the claim together.
    Claimed(Transaction),
}

/// What is written down.
#[derive(Clone, PartialEq, Eq)]
pub enum ProviderChange {
    /// The ceremony is over.
    Held(Box<ProviderStart>),
    /// The own price is there now.
    Price(ProviderPrice),
    /// Committed to.
    Committed {
        /// For everybody.
        post: Box<Post>,
        /// What opens it.
        opening: Opening,
    },
    /// Another has committed to its work.
    Posted(Box<Post>),
    /// Shares were released.
    Released(Bundle),
    /// A good share.
    Share(GoodShare),
    /// Somebody lied.
    Lied(Box<Evidence>),
    /// The claim.
    Claimed(Transaction),
}

impl std::fmt::Debug for ProviderChange {
    /// Without openings and shares.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held(start) => start.fmt(f),
            Self::Price(price) => price.fmt(f),
            Self::Committed { .. } => f.write_str("Committed"),
            Self::Posted(post) => write!(f, "Posted({})", post.from),
            Self::Released(_) => f.write_str("Released"),
            Self::Share((from, _)) => write!(f, "Share(from {from})"),
            Self::Lied(evidence) => evidence.fmt(f),
            Self::Claimed(tx) => write!(f, "Claimed({})", tx.compute_txid()),
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderEffect {
    /// Do the work, and have the signer commit to it: [`ProviderInput::Committed`].
    Work,
    /// Show the own post to everybody, and take theirs.
    Show(Box<Post>),
    /// Have the signer release the shares: [`ProviderInput::Released`].
    Release,
    /// Show the own bundle to everybody, and ask each for its own.
    Ask(Bundle),
    /// Have the signer put the claim together: [`ProviderInput::Claimed`].
    Claim,
    /// Publish the claim, with a child that pays for it.
    Publish(Transaction),
}

/// A provider of one slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProviderMachine {
    book: Option<ProviderBook>,
    price: ProviderPrice,
    lies: Vec<Evidence>,
    claim: Option<Transaction>,
}

type Taking = Result<Option<ProviderChange>, SliceError>;

impl ProviderMachine {
    /// What it knows, once the ceremony is over.
    pub const fn book(&self) -> Option<&ProviderBook> {
        self.book.as_ref()
    }

    /// Where the own price is.
    pub const fn price(&self) -> ProviderPrice {
        self.price
    }

    /// Proofs that somebody lied, to be shown when the slice has ended.
    pub fn lies(&self) -> &[Evidence] {
        &self.lies
    }

    /// The claim, once it is put together.
    pub const fn claim(&self) -> Option<&Transaction> {
        self.claim.as_ref()
    }

    /// Where the own price is, as its signer is to know it.
    pub const fn coin(&self) -> Coin {
        match self.price {
            ProviderPrice::Unfunded => Coin::Unfunded,
            ProviderPrice::Locked { height, .. } => Coin::Locked { height },
            ProviderPrice::Claimed { funded, .. } => Coin::Claimed { height: funded },
            ProviderPrice::Spent { .. } => Coin::Spent,
        }
    }

    /// Where it stands, in a word: how far it is with what it owes the others. That its claim is due is an effect beside.
    pub fn standing(&self) -> &'static str {
        if self.book.is_none() {
            return "new";
        }
        match self.price {
            ProviderPrice::Unfunded => "unfunded",
            ProviderPrice::Spent { is_deep: true } => "over",
            ProviderPrice::Spent { is_deep: false } => "spent",
            // Until then others may be paid by nothing but what this one owes them.
            ProviderPrice::Claimed { is_deep: true, .. } if self.duties().is_empty() => "over",
            ProviderPrice::Claimed { .. } => "claimed",
            ProviderPrice::Locked { .. } => match self.duties().first() {
                None | Some(ProviderDuty::Claim) => "idle",
                Some(ProviderDuty::Work) => "working",
                Some(ProviderDuty::Show) => "posted",
                Some(ProviderDuty::Release) => "releasing",
                Some(ProviderDuty::Ask) => "released",
            },
        }
    }

    /// What is due by book and price: what it owes the others first, then its claim.
    fn duties(&self) -> Vec<ProviderDuty> {
        let Some(book) = &self.book else {
            return Vec::new();
        };
        match self.price {
            ProviderPrice::Locked {
                is_deep, is_over, ..
            } => book.duties_when(is_deep, is_over),
            ProviderPrice::Claimed {
                is_over,
                is_closed: false,
                ..
            } => book.owed_when(true, is_over).into_iter().collect(),
            ProviderPrice::Unfunded
            | ProviderPrice::Claimed { .. }
            | ProviderPrice::Spent { .. } => Vec::new(),
        }
    }

    fn is_due(&self, duty: ProviderDuty) -> bool {
        self.duties().contains(&duty)
    }

    fn taken(&self, input: &ProviderInput) -> Taking {
        let Some(book) = &self.book else {
            return match input {
                ProviderInput::Held(start) => {
                    // Whether they are this provider's.
                    ProviderBook::new(start.holdings.clone(), start.own, start.depth)?;
                    Ok(Some(ProviderChange::Held(start.clone())))
                }
                _ => out_of_order("nothing is signed yet"),
            };
        };
        let state = self.standing();
        if state == "over" {
            return match input {
                ProviderInput::Price { .. } => Ok(None),
                _ => out_of_order("the slice is over"),
            };
        }
        match input {
            ProviderInput::Held(start) => {
                let same = start.own == book.index()
                    && start.depth == book.depth()
                    && start.holdings == *book.holdings();
                match same {
                    true => Ok(None),
                    false => out_of_order("another slice's ceremony is over"),
                }
            }
            ProviderInput::Price { tip, price } => {
                let now = self.see(book, *tip, *price);
                Ok((now != self.price).then_some(ProviderChange::Price(now)))
            }
            ProviderInput::Committed { post, opening } => {
                match book.check_commitment(post, opening)? {
                    false => Ok(None),
                    true if state == "working" => Ok(Some(ProviderChange::Committed {
                        post: post.clone(),
                        opening: opening.clone(),
                    })),
                    true => out_of_order("committed to work that is not due"),
                }
            }
            ProviderInput::Post(post) => match book.check_post(post)? {
                false => Ok(None),
                // Who claimed takes posts until it releases, as others do: it owes them the same.
                true if matches!(state, "spent" | "idle") => {
                    Err(SliceError::Late { from: post.from })
                }
                true => Ok(Some(ProviderChange::Posted(post.clone()))),
            },
            ProviderInput::Released(bundle) => match book.check_release(bundle)? {
                false => Ok(None),
                true if self.is_due(ProviderDuty::Release) => {
                    Ok(Some(ProviderChange::Released(bundle.clone())))
                }
                true => out_of_order("released before it is due, or after it is of use"),
            },
            ProviderInput::Bundle(bundle) => match book.check_bundle(bundle)? {
                (Taken::False(evidence), _) if !self.lies.contains(&evidence) => {
                    Ok(Some(ProviderChange::Lied(evidence)))
                }
                (_, Some(share)) if !book.has_share(share.0) => {
                    Ok(Some(ProviderChange::Share(share)))
                }
                _ => Ok(None),
            },
            ProviderInput::Claimed(tx) => {
                book.check_claim(tx)?;
                match &self.claim {
                    Some(_) => Ok(None),
                    None if self.is_due(ProviderDuty::Claim) => {
                        Ok(Some(ProviderChange::Claimed(tx.clone())))
                    }
                    None => out_of_order("claimed before it is due"),
                }
            }
        }
    }

    /// Where the own price is, by the own policy.
    fn see(&self, book: &ProviderBook, tip: u32, price: CoinSeen) -> ProviderPrice {
        match price {
            CoinSeen::Unfunded => ProviderPrice::Unfunded,
            CoinSeen::Locked { height } => ProviderPrice::Locked {
                height,
                is_deep: book.depth().is_reached(height, tip),
                is_over: tip >= book.post_height(height),
            },
            CoinSeen::Spent { height, by } if is_claim(book, by) => {
                let funded = match self.price {
                    ProviderPrice::Locked { height: known, .. }
                    | ProviderPrice::Claimed { funded: known, .. } => known.min(height),
                    ProviderPrice::Unfunded | ProviderPrice::Spent { .. } => height,
                };
                ProviderPrice::Claimed {
                    funded,
                    is_deep: book.depth().is_reached(height, tip),
                    is_over: tip >= book.post_height(funded),
                    is_closed: tip >= book.close_height(funded),
                }
            }
            CoinSeen::Spent { height, .. } => ProviderPrice::Spent {
                is_deep: book.depth().is_reached(height, tip),
            },
        }
    }
}

fn is_claim(book: &ProviderBook, by: Txid) -> bool {
    book.holdings().graph().txid(claim(book.index())) == Some(by)
}

impl Machine for ProviderMachine {
    type Input = ProviderInput;
    type Change = ProviderChange;
    type Effect = ProviderEffect;
    type Error = SliceError;

    fn step(
        &self,
        input: &ProviderInput,
    ) -> Result<Step<ProviderChange, ProviderEffect>, SliceError> {
        Ok(Step::of(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &ProviderChange) {
        if let ProviderChange::Held(start) = change {
            // What is of another party was refused, or not read back.
            self.book = ProviderBook::new(start.holdings.clone(), start.own, start.depth).ok();
        }
        let Some(book) = &mut self.book else {
            return;
        };
        match change {
            ProviderChange::Held(_) => {}
            ProviderChange::Price(price) => self.price = *price,
            ProviderChange::Committed { post, opening } => book.commit(post, opening),
            ProviderChange::Posted(post) => book.hold_post(post),
            ProviderChange::Released(bundle) => book.release(bundle),
            ProviderChange::Share(share) => book.hold_share(*share),
            ProviderChange::Lied(evidence) => self.lies.push((**evidence).clone()),
            ProviderChange::Claimed(tx) => self.claim = Some(tx.clone()),
        }
    }

    fn pending(&self) -> Vec<ProviderEffect> {
        let Some(book) = &self.book else {
            return Vec::new();
        };
        // What is due although there is nothing to do it with comes of no log of this machine's.
        let effect = |duty| match duty {
            ProviderDuty::Work => Some(ProviderEffect::Work),
            ProviderDuty::Show => {
                (book.post().cloned()).map(|post| ProviderEffect::Show(Box::new(post)))
            }
            ProviderDuty::Release => Some(ProviderEffect::Release),
            ProviderDuty::Ask => book.bundle().cloned().map(ProviderEffect::Ask),
            ProviderDuty::Claim => Some(match self.claim.clone() {
                Some(tx) => ProviderEffect::Publish(tx),
                None => ProviderEffect::Claim,
            }),
        };
        self.duties().into_iter().filter_map(effect).collect()
    }
}
