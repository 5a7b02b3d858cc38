//! The cheapest line-up that is reliable enough, and the table of prices.
//!
//! The search is exact. In a line-up of given recomputers the price is least when hop fees fall along the
//! way (rearrangement), so of all orders one is looked at; of all quorums the greatest that is
//! reliable enough is taken, because it pays for wrong roots least often. What is left are the subsets
//! of at most h of n quotes, Σ C(n, k) for k ≤ h (2,509 for 12 quotes and 6 hops), each at the cost of
//! one more recomputer to a Poisson-binomial count (O(h)) and h quorums of O(h): O(h²·C(n, ≤h)) products.

use bitcoin_units::Amount;
use serde::Serialize;

use super::chance::Chance;
use super::ledger::RecomputerId;
use super::odds::{Faults, Odds, RightOnes, Verdicts};
use super::quote::{Latency, MAX_OFFERS, Quote, Request};
use super::split::MAX_LAYERS;

/// Most quotes that are searched.
pub const MAX_QUOTES: usize = 12;
/// Most rows of a table.
pub const MAX_ROWS: usize = 4096;

/// A recomputer's place in a line-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Seat {
    /// Who.
    pub recomputer: RecomputerId,
    /// What it is paid if its layer is among those that the bounty is split among.
    #[serde(rename = "pay_sat", with = "bitcoin_units::amount::serde::as_sat")]
    pub pay: Amount,
}

/// Recomputers in the order in which they sign, and what that comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineUp {
    /// Who signs, first to last.
    pub seats: Vec<Seat>,
    /// Least equal layers that are paid.
    pub quorum: u8,
    /// What all seats are paid together: what the client locks.
    #[serde(rename = "price_sat", with = "bitcoin_units::amount::serde::as_sat")]
    pub price: Amount,
    /// How it may end.
    pub odds: Odds,
}

/// Quotes whose bounds hold, in an order of their own, so that a price does not depend on the order in
/// which they came.
#[derive(Clone, Debug)]
pub struct Book {
    quotes: Vec<Quote>,
    verdicts: Verdicts,
}

impl Book {
    /// Checks quotes.
    ///
    /// # Errors
    /// [`QuoteError`] names the quote at fault.
    pub fn new(mut quotes: Vec<Quote>, faults: Faults) -> Result<Self, QuoteError> {
        if quotes.len() > MAX_QUOTES {
            return Err(QuoteError::TooMany(quotes.len()));
        }
        quotes.sort_by(|a, b| {
            b.hop_fee
                .cmp(&a.hop_fee)
                .then(a.recomputer.cmp(&b.recomputer))
        });
        let mut recomputers: Vec<_> = quotes.iter().map(|quote| quote.recomputer).collect();
        recomputers.sort_unstable();
        if let Some(pair) = recomputers.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(QuoteError::Twice(pair[0]));
        }
        for quote in &quotes {
            let (recomputer, offers) = (quote.recomputer, quote.latencies.len());
            if offers > MAX_OFFERS {
                return Err(QuoteError::TooManyOffers { recomputer, offers });
            }
            // With this bound no sum over six seats comes near 2⁶⁴.
            let premiums = quote.latencies.iter().map(|offer| offer.premium);
            let mut amounts = [quote.base, quote.hop_fee].into_iter().chain(premiums);
            if let Some(amount) = amounts.find(|amount| *amount > Amount::MAX_MONEY) {
                return Err(QuoteError::Amount { recomputer, amount });
            }
        }
        let verdicts = Verdicts::new(faults);
        Ok(Self { quotes, verdicts })
    }

    /// The cheapest line-up that is reliable enough. Of several, the most reliable.
    ///
    /// # Errors
    /// - [`PriceError::Hops`] if the request names no number of recomputers
    /// - [`PriceError::NoOffer`] if no recomputer is that fast
    /// - [`PriceError::Unobtainable`] with the best that can be had
    pub fn choose(&self, request: &Request) -> Result<LineUp, PriceError> {
        let hops = usize::from(request.hops);
        if !(1..=MAX_LAYERS).contains(&hops) {
            return Err(PriceError::Hops(request.hops));
        }
        let offers = self.offers(request.latency);
        if offers.is_empty() {
            return Err(PriceError::NoOffer(request.latency));
        }
        let mut search = Search {
            offers: &offers,
            verdicts: &self.verdicts,
            hops,
            asked: request.reliability,
            path: Vec::new(),
            cheapest: None,
            best: None,
        };
        search.descend(0, 0, &RightOnes::NOBODY_YET);
        match (search.cheapest, search.best) {
            (Some(found), _) => Ok(found.line_up(&offers)),
            (None, Some(best)) => Err(PriceError::Unobtainable {
                asked: request.reliability,
                hops: request.hops,
                recomputers: offers.len(),
                best: Box::new(best.line_up(&offers)),
            }),
            (None, None) => Err(PriceError::NoOffer(request.latency)),
        }
    }

    /// Who is fast enough, for how much.
    fn offers(&self, latency: Latency) -> Vec<Offer> {
        let offer = |quote: &Quote| {
            let premium = quote.premium(latency)?;
            Some(Offer {
                recomputer: quote.recomputer,
                fixed: quote.base.to_sat() + premium.to_sat(),
                hop_fee: quote.hop_fee.to_sat(),
                reliability: quote.reliability,
            })
        };
        self.quotes.iter().filter_map(offer).collect()
    }

    /// One row for each reliability, number of hops and latency, in that order.
    ///
    /// # Errors
    /// [`PriceError::TooManyRows`]. A row that cannot be had, or is no request, says so in its place.
    pub fn table(
        &self,
        reliabilities: &[Chance],
        hops: &[u8],
        latencies: &[Latency],
    ) -> Result<Vec<Row>, PriceError> {
        let rows = reliabilities.len().saturating_mul(hops.len());
        let rows = rows.saturating_mul(latencies.len());
        if rows > MAX_ROWS {
            return Err(PriceError::TooManyRows(rows));
        }
        let mut table = Vec::with_capacity(rows);
        for reliability in reliabilities {
            for hops in hops {
                for latency in latencies {
                    let request = Request {
                        reliability: *reliability,
                        hops: *hops,
                        latency: *latency,
                    };
                    let line_up = self.choose(&request);
                    table.push(Row { request, line_up });
                }
            }
        }
        Ok(table)
    }
}

/// A row of the table of prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What is asked for.
    pub request: Request,
    /// The cheapest way to have it.
    pub line_up: Result<LineUp, PriceError>,
}

struct Offer {
    recomputer: RecomputerId,
    fixed: u64,
    hop_fee: u64,
    reliability: Chance,
}

impl Offer {
    /// What it asks in this seat, counted from 0. Amounts are bounded, so nothing saturates.
    fn pay(&self, seat: usize) -> u64 {
        let hops = seat as u64 + 1;
        self.fixed.saturating_add(self.hop_fee.saturating_mul(hops))
    }
}

#[derive(Clone)]
struct Found {
    path: Vec<usize>,
    price: u64,
    quorum: u8,
    odds: Odds,
}

impl Found {
    fn line_up(self, offers: &[Offer]) -> LineUp {
        let seat = |(seat, index): (usize, &usize)| Seat {
            recomputer: offers[*index].recomputer,
            pay: Amount::from_sat(offers[*index].pay(seat)),
        };
        LineUp {
            seats: self.path.iter().enumerate().map(seat).collect(),
            quorum: self.quorum,
            price: Amount::from_sat(self.price),
            odds: self.odds,
        }
    }
}

struct Search<'a> {
    offers: &'a [Offer],
    verdicts: &'a Verdicts,
    hops: usize,
    asked: Chance,
    path: Vec<usize>,
    cheapest: Option<Found>,
    best: Option<Found>,
}

impl Search<'_> {
    /// Tries every longer line-up whose next recomputer is one of `offers[from..]`.
    fn descend(&mut self, from: usize, price: u64, right: &RightOnes) {
        if self.path.len() == self.hops {
            return;
        }
        for index in from..self.offers.len() {
            let offer = &self.offers[index];
            let price = price.saturating_add(offer.pay(self.path.len()));
            // Nobody pays to be asked: longer line-ups only cost more.
            if self
                .cheapest
                .as_ref()
                .is_some_and(|found| found.price < price)
            {
                continue;
            }
            let right = right.and(offer.reliability);
            self.path.push(index);
            self.consider(price, &right);
            self.descend(index + 1, price, &right);
            self.path.pop();
        }
    }

    fn consider(&mut self, price: u64, right: &RightOnes) {
        // A greater quorum pays the right root no more often, and a wrong one less.
        for quorum in (1..=self.path.len() as u8).rev() {
            let odds = right.odds(quorum, self.verdicts);
            let found = || Found {
                path: self.path.clone(),
                price,
                quorum,
                odds,
            };
            if odds.right >= self.asked {
                let better = self.cheapest.as_ref().is_none_or(|old| {
                    price < old.price || (price == old.price && odds.right > old.odds.right)
                });
                if better {
                    self.cheapest = Some(found());
                }
                return;
            }
            let better = self.best.as_ref().is_none_or(|old| {
                odds.right > old.odds.right || (odds.right == old.odds.right && price < old.price)
            });
            if better {
                self.best = Some(found());
            }
        }
    }
}

/// Why quotes make no book: whoever collected them passed on one that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// Too many to search exactly.
    #[error("{0} quotes; at most {MAX_QUOTES} are compared")]
    TooMany(usize),
    /// One recomputer quotes twice.
    #[error("recomputer {0} quotes twice; it can sit in one seat only")]
    Twice(RecomputerId),
    /// Too many latencies.
    #[error("recomputer {recomputer} offers {offers} latencies; at most {MAX_OFFERS}")]
    TooManyOffers {
        /// Whose quote.
        recomputer: RecomputerId,
        /// How many.
        offers: usize,
    },
    /// An amount beyond all bitcoin.
    #[error("recomputer {recomputer} asks {amount}, more than there is")]
    Amount {
        /// Whose quote.
        recomputer: RecomputerId,
        /// What it asks.
        amount: Amount,
    },
}

/// Why a request has no price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// No number of recomputers.
    #[error("{0} hops; a line-up has 1 to {MAX_LAYERS} recomputers")]
    Hops(u8),
    /// Nobody is fast enough.
    #[error("no recomputer offers its layer within {0}")]
    NoOffer(Latency),
    /// No line-up is reliable enough.
    #[error(
        "no line-up of at most {hops} recomputers has a reliability of {}; the best, out of {recomputers} that are fast enough, has {} for {}",
        asked.percent(), best.odds.right.percent(), best.price
    )]
    Unobtainable {
        /// What was asked for.
        asked: Chance,
        /// Most recomputers that were asked for.
        hops: u8,
        /// Recomputers that offer the latency asked for: fewer than `hops`, and more seats would not help.
        recomputers: usize,
        /// The most reliable line-up; the cheapest of several.
        best: Box<LineUp>,
    },
    /// The table would be too long.
    #[error("{0} rows; a table has at most {MAX_ROWS}")]
    TooManyRows(usize),
}
