//! A recomputer of a bounty.

use narthex_contracts::{
    bounty::{
        BountyError, BountyTerms, Closing, Coin, Delivery, Envelope, Forwards, Grant, Opening,
        Owed, RecomputerBook, Seal, Share, Work,
    },
    depth::Depth,
    setup::ContractSignatures,
};
use narthex_game_model::market::LayerSet;

use crate::{CoinSeen, Machine, Step};

/// What a recomputer begins with: the signatures of the ceremony, and its policy.
#[derive(Clone, PartialEq, Eq)]
pub struct RecomputerStart {
    /// Its signatures, with the terms.
    pub holdings: ContractSignatures<BountyTerms>,
    /// How deep the funding must be before it shows anything, and what spends it before the bounty is over.
    pub depth: Depth,
}

impl std::fmt::Debug for RecomputerStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecomputerStart({} deep)", self.depth)
    }
}

/// Where the coin is, by the recomputer's policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecomputerCoin {
    /// Not confirmed.
    #[default]
    Unfunded,
    /// Locked.
    Locked {
        /// Height that confirmed it.
        height: u32,
        /// As deep as the policy asks for.
        is_deep: bool,
        /// From [`BountyTerms::give_below`] on: nothing is handed out for a settlement any more.
        is_late: bool,
    },
    /// Gone.
    Spent {
        /// So deep that it stays gone.
        is_deep: bool,
    },
}

/// What comes to a recomputer. What is judged by when it came carries the height of the tip.
#[derive(Clone, Debug)]
pub enum RecomputerInput {
    /// The ceremony is over.
    Held(Box<RecomputerStart>),
    /// Where the coin is, with the tip.
    Coin {
        /// Height of the tip.
        tip: u32,
        /// Where it is.
        coin: CoinSeen,
    },
    /// It has done the work, and has the envelope of those before it.
    Work {
        /// That envelope.
        before: Box<Envelope>,
        /// The result ([`BountyTerms::work`]).
        work: Work,
    },
    /// The signer has added its layer.
    Layer(Box<Envelope>),
    /// The envelope, with layers upon its own.
    Envelope {
        /// Height of the tip.
        tip: u32,
        /// The envelope.
        envelope: Box<Envelope>,
    },
    /// The requester seals.
    Seal {
        /// Height of the tip.
        tip: u32,
        /// The seal.
        seal: Box<Seal>,
    },
    /// Another opens its layer.
    Opening(Box<Opening>),
    /// The requester closes.
    Closing {
        /// Height of the tip.
        tip: u32,
        /// The closing.
        closing: Box<Closing>,
    },
    /// Another has delivered.
    Delivery {
        /// Height of the tip.
        tip: u32,
        /// What it delivered.
        delivery: Box<Delivery>,
    },
    /// The requester consents to the settlement.
    Grant {
        /// Height of the tip.
        tip: u32,
        /// Its consent.
        grant: Grant,
    },
    /// Another member's secret.
    Share {
        /// Height of the tip.
        tip: u32,
        /// The secret.
        share: Share,
    },
}

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecomputerChange {
    /// The ceremony is over.
    Held(Box<RecomputerStart>),
    /// The coin is there now.
    Coin(RecomputerCoin),
    /// A layer for this result is to be signed.
    Work {
        /// The envelope of those before it.
        before: Box<Envelope>,
        /// The result.
        work: Work,
    },
    /// It is signed.
    Layer(Box<Envelope>),
    /// A longer envelope came.
    Envelope {
        /// Height of the tip then.
        tip: u32,
        /// The envelope.
        envelope: Box<Envelope>,
    },
    /// It opens its layer of this.
    Seal(Box<Seal>),
    /// Another's layer is open.
    Opening(Box<Opening>),
    /// It has taken a closing.
    Closing {
        /// Height of the tip then.
        tip: u32,
        /// The closing.
        closing: Box<Closing>,
    },
    /// Another's delivery came.
    Delivery {
        /// Height of the tip then.
        tip: u32,
        /// The delivery.
        delivery: Box<Delivery>,
    },
    /// It gives its secret for this.
    Grant {
        /// Height of the tip then.
        tip: u32,
        /// The requester's consent.
        grant: Grant,
    },
    /// Another's secret came.
    Share {
        /// Height of the tip then.
        tip: u32,
        /// The secret.
        share: Share,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecomputerEffect {
    /// Have a layer signed: [`RecomputerInput::Layer`].
    Sign {
        /// Upon this.
        before: Box<Envelope>,
        /// For this result.
        work: Work,
    },
    /// Send the envelope to the next, or to the requester.
    Pass(Box<Envelope>),
    /// Have its layer opened, and send that to the requester and all others.
    Open,
    /// Have its result encrypted to this set's secrets, and send it to the requester and all members.
    Deliver {
        /// Who is paid.
        set: LayerSet,
    },
    /// Have its secret sent to the requester, which gives everything back.
    GiveBack,
    /// Pass on what it has of the last closing. With a grant in it the signer adds the own secret for that set
    /// ([`Recomputer::forwards`](narthex_contracts::bounty::Recomputer::forwards)).
    Forward(Box<Forwards>),
    /// Have this set's settlement completed, and publish it with a child that pays for it.
    Settle {
        /// Whom it pays.
        set: LayerSet,
    },
}

/// A recomputer of one bounty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecomputerMachine {
    book: Option<RecomputerBook>,
    coin: RecomputerCoin,
    /// Ordered, and not signed yet.
    ordered: Option<(Box<Envelope>, Work)>,
}

type Taking = Result<Option<RecomputerChange>, BountyError>;

impl RecomputerMachine {
    /// What it knows, once the ceremony is over.
    pub const fn book(&self) -> Option<&RecomputerBook> {
        self.book.as_ref()
    }

    /// Where it stands, in a word.
    pub fn standing(&self) -> &'static str {
        let Some(book) = &self.book else {
            return "new";
        };
        match self.coin {
            RecomputerCoin::Spent { is_deep: true } => return "over",
            RecomputerCoin::Spent { is_deep: false } => return "spent",
            RecomputerCoin::Unfunded | RecomputerCoin::Locked { .. } => {}
        }
        let record = book.record();
        match (&record.closing, &record.seal, &record.work) {
            (Some(_), ..) => "closed",
            (None, Some(_), _) => "sealed",
            (None, None, Some(_)) => "layered",
            (None, None, None) if self.ordered.is_some() => "working",
            (None, None, None) => "idle",
        }
    }

    /// The coin, as rules want it.
    const fn locked(&self) -> Coin {
        match self.coin {
            RecomputerCoin::Unfunded => Coin::Unfunded,
            RecomputerCoin::Locked { height, .. } => Coin::Locked { height },
            RecomputerCoin::Spent { .. } => Coin::Spent,
        }
    }

    fn taken(&self, input: &RecomputerInput) -> Taking {
        use RecomputerChange as Change;
        let Some(book) = &self.book else {
            return match input {
                RecomputerInput::Held(start) => {
                    // Whether they are a recomputer's.
                    RecomputerBook::new(start.holdings.clone(), start.depth)?;
                    Ok(Some(Change::Held(start.clone())))
                }
                _ => out_of_order(input, "nothing is signed yet"),
            };
        };
        if self.standing() == "over" {
            return match input {
                RecomputerInput::Coin { .. } => Ok(None),
                _ => out_of_order(input, "the bounty is over"),
            };
        }
        let (record, coin) = (book.record(), self.locked());
        let change = match input {
            RecomputerInput::Held(start) => {
                return match start.depth == record.depth && start.holdings == *book.holdings() {
                    true => Ok(None),
                    false => out_of_order(input, "another's is over"),
                };
            }
            RecomputerInput::Coin { tip, coin } => Change::Coin(see(book, *tip, *coin)),
            RecomputerInput::Work { before, work } => {
                if book.terms().work(work.result.clone()) != *work {
                    return Err(BountyError::Damaged("its root is not that of its result"));
                }
                if book.check_work(before, &work.result)?.is_some() {
                    return Ok(None);
                }
                match (&self.ordered, coin) {
                    (Some((_, known)), _) if known == work => return Ok(None),
                    (Some(_), _) => return out_of_order(input, "another is being signed"),
                    (None, Coin::Spent) => return out_of_order(input, "the coin is gone"),
                    (None, _) => {}
                }
                let (before, work) = (before.clone(), work.clone());
                Change::Work { before, work }
            }
            RecomputerInput::Layer(envelope) => match (&self.ordered, &record.envelope) {
                (Some((before, _)), _) => {
                    book.check_layer(before, envelope)?;
                    Change::Layer(envelope.clone())
                }
                (None, Some(known)) if envelope.begins(known) => return Ok(None),
                _ => return out_of_order(input, "nobody asked for it"),
            },
            RecomputerInput::Envelope { tip, envelope } => {
                book.check_heard(envelope)?;
                if record.seal.is_some() {
                    return Ok(None);
                }
                let (tip, envelope) = (*tip, envelope.clone());
                Change::Envelope { tip, envelope }
            }
            RecomputerInput::Seal { tip, seal } => {
                book.check_seal((*tip, coin), seal)?;
                Change::Seal(seal.clone())
            }
            RecomputerInput::Opening(opening) => {
                book.check_opening(opening)?;
                Change::Opening(opening.clone())
            }
            RecomputerInput::Closing { tip, closing } => {
                book.check_closing((*tip, coin), closing)?;
                let (tip, closing) = (*tip, closing.clone());
                Change::Closing { tip, closing }
            }
            RecomputerInput::Delivery { tip, delivery } => {
                book.check_delivery(delivery)?;
                let (tip, delivery) = (*tip, delivery.clone());
                Change::Delivery { tip, delivery }
            }
            RecomputerInput::Grant { tip, grant } => {
                book.check_grant((*tip, coin), grant)?;
                let (tip, grant) = (*tip, *grant);
                Change::Grant { tip, grant }
            }
            RecomputerInput::Share { tip, share } => {
                book.check_share(share)?;
                let (tip, share) = (*tip, *share);
                Change::Share { tip, share }
            }
        };
        Ok(Some(change))
    }
}

/// Where the coin is, by the own policy.
fn see(book: &RecomputerBook, tip: u32, coin: CoinSeen) -> RecomputerCoin {
    let depth = book.record().depth;
    match coin {
        CoinSeen::Unfunded => RecomputerCoin::Unfunded,
        CoinSeen::Locked { height } => RecomputerCoin::Locked {
            height,
            is_deep: depth.is_reached(height, tip),
            is_late: tip >= book.terms().give_below(),
        },
        CoinSeen::Spent { height, .. } => RecomputerCoin::Spent {
            is_deep: depth.is_reached(height, tip),
        },
    }
}

/// What is to be done of a deep coin by the closing that was taken last.
fn of_closed(book: &RecomputerBook, is_late: bool) -> Vec<RecomputerEffect> {
    use RecomputerEffect as Effect;
    let mut due = Vec::new();
    match book.owed() {
        Owed::Delivery(set) if !is_late => due.push(Effect::Deliver { set }),
        Owed::GiveBack => due.push(Effect::GiveBack),
        Owed::Delivery(_) | Owed::Nothing => {}
    }
    let passed = book.to_forward().filter(|passed| {
        // To nobody, and nothing for the requester: there is nothing to pass on.
        !is_late && (!passed.to.is_empty() || !passed.deliveries.is_empty())
    });
    due.extend(passed.map(Box::new).map(Effect::Forward));
    let ready = book.ready().map(|grant| Effect::Settle { set: grant.set });
    due.extend(ready);
    due
}

/// Not as it stands, in words.
fn out_of_order<T>(input: &RecomputerInput, why: &'static str) -> Result<T, BountyError> {
    let what = match input {
        RecomputerInput::Held(_) => "a ceremony",
        RecomputerInput::Coin { .. } => "a look at the coin",
        RecomputerInput::Work { .. } | RecomputerInput::Layer(_) => "a layer",
        RecomputerInput::Envelope { .. } => "an envelope",
        RecomputerInput::Seal { .. } => "a seal",
        RecomputerInput::Opening(_) => "an opening",
        RecomputerInput::Closing { .. } => "a closing",
        RecomputerInput::Delivery { .. } => "a delivery",
        RecomputerInput::Grant { .. } => "a grant",
        RecomputerInput::Share { .. } => "a secret",
    };
    Err(BountyError::Phase { what, why })
}

impl Machine for RecomputerMachine {
    type Input = RecomputerInput;
    type Change = RecomputerChange;
    type Effect = RecomputerEffect;
    type Error = BountyError;

    /// The effects of a step are those that were not due before it.
    fn step(
        &self,
        input: &RecomputerInput,
    ) -> Result<Step<RecomputerChange, RecomputerEffect>, BountyError> {
        Ok(Step::of_news(self, self.taken(input)?))
    }

    fn apply(&mut self, change: &RecomputerChange) {
        if let RecomputerChange::Held(start) = change {
            // What is of another party was refused, or not read back.
            self.book = RecomputerBook::new(start.holdings.clone(), start.depth).ok();
        }
        let Some(book) = &mut self.book else {
            return;
        };
        match change {
            RecomputerChange::Held(_) => {}
            RecomputerChange::Coin(coin) => self.coin = *coin,
            RecomputerChange::Work { before, work } => {
                self.ordered = Some((before.clone(), work.clone()));
            }
            RecomputerChange::Layer(envelope) => {
                if let Some((_, work)) = self.ordered.take() {
                    book.hold_layer(envelope, &work.result);
                }
            }
            RecomputerChange::Envelope { tip, envelope } => book.hold_heard(*tip, envelope),
            RecomputerChange::Seal(seal) => book.hold_seal(seal),
            RecomputerChange::Opening(opening) => book.hold_opening(opening),
            RecomputerChange::Closing { tip, closing } => book.hold_closing(*tip, closing),
            RecomputerChange::Delivery { tip, delivery } => book.hold_delivery(*tip, delivery),
            RecomputerChange::Grant { tip, grant } => book.hold_grant(*tip, grant),
            RecomputerChange::Share { tip, share } => book.hold_share(*tip, share),
        }
    }

    fn pending(&self) -> Vec<RecomputerEffect> {
        use RecomputerEffect as Effect;
        let Some(book) = &self.book else {
            return Vec::new();
        };
        let effect = match (self.standing(), &self.ordered, self.coin) {
            ("working", Some((before, work)), _) => {
                let (before, work) = (before.clone(), work.clone());
                Some(Effect::Sign { before, work })
            }
            ("layered", ..) => {
                let envelope = book.record().envelope.clone();
                envelope.map(Box::new).map(Effect::Pass)
            }
            ("sealed", _, RecomputerCoin::Locked { is_deep: true, .. }) => Some(Effect::Open),
            (
                "closed",
                _,
                RecomputerCoin::Locked {
                    is_deep: true,
                    is_late,
                    ..
                },
            ) => return of_closed(book, is_late),
            _ => None,
        };
        effect.into_iter().collect()
    }
}
