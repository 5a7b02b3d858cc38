//! A recomputer of a bounty.

use narthex_contracts::{
    bounty::{
        BountyError, BountyTerms, Closing, Coin, Delivery, Envelope, Forwards, Grant, Opening,
        Owed, RecomputerBook, Seal, Share, Work,
    },
    depth::Depth,
    setup::{Agreement, ContractSignatures},
};
use narthex_game_model::market::LayerSet;

use super::{CoinSeen, out_of_order};
use crate::{Machine, Step};

/// What a recomputer begins with: the signatures of the ceremony, and its policy.
#[derive(Clone)]
pub struct RecomputerStart {
    /// Its signatures, with the terms.
    pub holdings: ContractSignatures<BountyTerms>,
    /// How deep the funding must be before it shows anything, and what spends it before the bounty is over.
    pub depth: Depth,
}

impl PartialEq for RecomputerStart {
    fn eq(&self, other: &Self) -> bool {
        let of = |start: &Self| (*start.holdings.terms().id(), start.depth);
        of(self) == of(other) && self.holdings.to_bytes() == other.holdings.to_bytes()
    }
}

impl Eq for RecomputerStart {}

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
    /// Have its secret for this set sent to all members.
    Give {
        /// Who is paid.
        set: LayerSet,
    },
    /// Pass on what it has of the last closing.
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
            _ => {}
        }
        let record = book.record();
        if record.seal.is_none() {
            return match (&record.work, &self.ordered) {
                (Some(_), _) => "layered",
                (None, Some(_)) => "working",
                (None, None) => "idle",
            };
        }
        match (self.coin, &record.closing) {
            (RecomputerCoin::Locked { is_deep: true, .. }, None) => "sealed",
            (RecomputerCoin::Locked { is_deep: true, .. }, Some(_)) => {
                match (book.ready(), book.to_forward()) {
                    (Some(_), _) => "settling",
                    (None, Some(passed)) if passed.grant.is_some() => "granted",
                    _ => "closed",
                }
            }
            _ => "shallow",
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

    fn taken(&self, input: &RecomputerInput) -> Result<Option<RecomputerChange>, BountyError> {
        use RecomputerChange as Change;
        let what = "this";
        let Some(book) = &self.book else {
            return match input {
                RecomputerInput::Held(start) => {
                    // Whether they are a recomputer's.
                    RecomputerBook::new(start.holdings.clone(), start.depth)?;
                    Ok(Some(Change::Held(start.clone())))
                }
                _ => out_of_order(what, "nothing is signed yet"),
            };
        };
        if self.standing() == "over" {
            return match input {
                RecomputerInput::Coin { .. } => Ok(None),
                _ => out_of_order(what, "the bounty is over"),
            };
        }
        let (terms, coin) = (book.terms(), self.locked());
        let change = match input {
            RecomputerInput::Held(start) => {
                let same = start.depth == book.record().depth
                    && start.holdings.terms().id() == terms.id()
                    && start.holdings.to_bytes() == book.holdings().to_bytes();
                return match same {
                    true => Ok(None),
                    false => out_of_order("a ceremony", "another's is over"),
                };
            }
            RecomputerInput::Coin { tip, coin } => {
                let depth = book.record().depth;
                Change::Coin(match *coin {
                    CoinSeen::Unfunded => RecomputerCoin::Unfunded,
                    CoinSeen::Locked { height } => RecomputerCoin::Locked {
                        height,
                        is_deep: depth.is_reached(height, *tip),
                    },
                    CoinSeen::Spent { height, .. } => RecomputerCoin::Spent {
                        is_deep: depth.is_reached(height, *tip),
                    },
                })
            }
            RecomputerInput::Work { before, work } => {
                if terms.work(work.result.clone()) != *work {
                    return Err(BountyError::Damaged("its root is not that of its result"));
                }
                if book.check_work(before, &work.result)?.is_some() {
                    return Ok(None);
                }
                return match &self.ordered {
                    Some((_, known)) if known == work => Ok(None),
                    Some(_) => out_of_order("another layer", "one is being signed"),
                    None => Ok(Some(Change::Work {
                        before: before.clone(),
                        work: work.clone(),
                    })),
                };
            }
            RecomputerInput::Layer(envelope) => {
                let Some((before, _)) = &self.ordered else {
                    let own = book
                        .record()
                        .work
                        .as_ref()
                        .and(book.record().envelope.as_ref());
                    return match own {
                        Some(known) if known.begins(envelope) || envelope.begins(known) => Ok(None),
                        _ => out_of_order("a layer", "nobody asked for it"),
                    };
                };
                book.check_layer(before, envelope)?;
                return Ok(Some(Change::Layer(envelope.clone())));
            }
            RecomputerInput::Envelope { tip, envelope } => {
                book.check_heard(envelope)?;
                Change::Envelope {
                    tip: *tip,
                    envelope: envelope.clone(),
                }
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
                Change::Closing {
                    tip: *tip,
                    closing: closing.clone(),
                }
            }
            RecomputerInput::Delivery { tip, delivery } => {
                book.check_delivery(delivery)?;
                Change::Delivery {
                    tip: *tip,
                    delivery: delivery.clone(),
                }
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
        let mut after = self.clone();
        after.apply(&change);
        Ok((after != *self).then_some(change))
    }

    fn due(&self) -> Vec<RecomputerEffect> {
        use RecomputerEffect as Effect;
        let Some(book) = &self.book else {
            return Vec::new();
        };
        let record = book.record();
        match (self.standing(), &self.ordered, &record.envelope) {
            ("working", Some((before, work)), _) => {
                let (before, work) = (before.clone(), work.clone());
                return vec![Effect::Sign { before, work }];
            }
            ("layered", _, Some(envelope)) => {
                return vec![Effect::Pass(Box::new(envelope.clone()))];
            }
            ("sealed", ..) => return vec![Effect::Open],
            ("closed" | "granted" | "settling", ..) => {}
            _ => return Vec::new(),
        }
        let mut due = Vec::new();
        match book.owed() {
            Owed::Delivery(set) => due.push(Effect::Deliver { set }),
            Owed::GiveBack => due.push(Effect::GiveBack),
            Owed::Nothing => {}
        }
        if let Some(passed) = book.to_forward() {
            let own = passed.grant.map(|grant| Effect::Give { set: grant.set });
            due.extend(own);
            // To nobody, and nothing for the requester: there is nothing to pass on.
            if !passed.to.is_empty() || !passed.deliveries.is_empty() {
                due.push(Effect::Forward(Box::new(passed)));
            }
        }
        let ready = book.ready().map(|grant| Effect::Settle { set: grant.set });
        due.extend(ready);
        due
    }
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
        let Some(change) = self.taken(input)? else {
            return Ok(Step::seen(self.due()));
        };
        let (before, mut after) = (self.due(), self.clone());
        after.apply(&change);
        let mut new = after.due();
        new.retain(|effect| !before.contains(effect));
        Ok(Step::new(vec![change], new))
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
        self.due()
    }
}
