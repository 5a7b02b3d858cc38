//! Odds and prices beside brute force: all outcomes, all orders, all quorums, in exact fractions.

use narthex_game_model::{
    Amount,
    market::{
        Book, Chance, Faults, Latency, LatencyOffer, PriceError, Quote, QuoteError, RecomputerId,
        Request, odds, split,
    },
    rational::{Rational, exact},
};
use proptest::prelude::*;

fn chance(text: &str) -> Chance {
    text.parse().unwrap()
}

fn quote(recomputer: u8, base: u64, hop_fee: u64, premium: &[(u32, u64)], rho: &str) -> Quote {
    let offer = |(millis, sat): &(u32, u64)| LatencyOffer {
        within: Latency::Millis(*millis),
        premium: Amount::from_sat(*sat),
    };
    Quote {
        recomputer: RecomputerId([recomputer; 32]),
        base: Amount::from_sat(base),
        hop_fee: Amount::from_sat(hop_fee),
        latencies: premium.iter().map(offer).collect(),
        reliability: chance(rho),
    }
}

fn request(reliability: &str, hops: u8, millis: u32) -> Request {
    let latency = Latency::Millis(millis);
    Request {
        reliability: chance(reliability),
        hops,
        latency,
    }
}

/// (right, wrong, nobody) over all 2ⁿ outcomes.
fn brute_odds(chances: &[Chance], quorum: u8, faults: Faults) -> [Rational; 3] {
    let mut sums = [exact(0), exact(0), exact(0)];
    for outcome in 0..1_u32 << chances.len() {
        let is_right = |seat: usize| outcome >> seat & 1 == 1;
        let mut weight = exact(1);
        let mut layers = vec![];
        for (seat, chance) in chances.iter().enumerate() {
            weight *= match is_right(seat) {
                true => chance.exact(),
                false => chance.complement().exact(),
            };
            layers.push(Some(match (is_right(seat), faults) {
                (true, _) => [99; 32],
                (false, Faults::Agreeing) => [0; 32],
                (false, Faults::Differing) => [seat as u8; 32],
            }));
        }
        let paid = split(&layers, quorum).unwrap();
        let ending = match paid.iter().next() {
            Some(seat) if is_right(seat) => 0,
            Some(_) => 1,
            None => 2,
        };
        sums[ending] += weight;
    }
    sums
}

/// Every ordered selection of at most `most` of `items`.
fn arrangements(items: &[usize], most: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![vec![]];
    let mut from = 0;
    while from < all.len() {
        let path = all[from].clone();
        from += 1;
        if path.len() < most {
            let free = items.iter().filter(|item| !path.contains(item));
            all.extend(free.map(|item| [&path[..], &[*item]].concat()));
        }
    }
    all.remove(0);
    all
}

fn chances() -> impl Strategy<Value = Chance> {
    prop_oneof![
        Just(Chance::ZERO),
        Just(Chance::ONE),
        (0..=1_000_000_u64).prop_map(|p| Chance::floor_of(p, 1_000_000)),
        any::<u64>().prop_map(|p| Chance::floor_of(p, u128::from(u64::MAX))),
    ]
}

fn quotes() -> impl Strategy<Value = Vec<Quote>> {
    let offers = prop::collection::vec((1..4_u32, 0..40_u64), 0..3);
    let one = (0..60_u64, 0..12_u64, offers, chances());
    prop::collection::vec(one, 1..6).prop_map(|all| {
        let build =
            |(recomputer, (base, fee, offers, rho)): (usize, (u64, u64, Vec<_>, Chance))| Quote {
                reliability: rho,
                ..quote(recomputer as u8, base, fee, &offers, "0")
            };
        all.into_iter().enumerate().map(build).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn odds_bound_the_exact_ones(
        chances in prop::collection::vec(chances(), 1..=6),
        quorum in 1..=6_u8,
        benign in any::<bool>(),
    ) {
        let faults = if benign { Faults::Differing } else { Faults::Agreeing };
        let quorum = quorum.min(chances.len() as u8);
        let found = odds(&chances, quorum, faults).unwrap();
        let [right, wrong, nobody] = brute_odds(&chances, quorum, faults);
        let slack = chance("0.0000000000000001").exact();
        prop_assert!(found.right.exact() <= right && &right - found.right.exact() <= slack);
        prop_assert!(found.wrong.exact() >= wrong && found.wrong.exact() - &wrong <= slack);
        prop_assert!(found.nobody.exact() >= nobody && found.nobody.exact() - &nobody <= slack);
    }

    #[test]
    fn better_recomputers_are_never_worse(
        chances in prop::collection::vec(chances(), 1..=6), seat in 0..6_usize, better in chances(), quorum in 1..=6_u8,
    ) {
        let quorum = quorum.min(chances.len() as u8);
        let mut improved = chances.clone();
        let seat = seat % chances.len();
        improved[seat] = better.max(chances[seat]);
        for faults in [Faults::Agreeing, Faults::Differing] {
            let (old, new) = (odds(&chances, quorum, faults).unwrap(), odds(&improved, quorum, faults).unwrap());
            // But for the rounding of a hundred products.
            prop_assert!(new.right.atto() + 100 >= old.right.atto());
        }
    }

    #[test]
    fn the_cheapest_line_up_is_the_cheapest(
        quotes in quotes(), asked in chances(), hops in 1..=5_u8, millis in 0..4_u32, benign in any::<bool>(),
    ) {
        let faults = if benign { Faults::Differing } else { Faults::Agreeing };
        let latency = Latency::Millis(millis);
        let request = Request { reliability: asked, hops, latency };
        let found = Book::new(quotes.clone(), faults).unwrap().choose(&request);
        let reversed = quotes.iter().rev().cloned().collect();
        prop_assert_eq!(&Book::new(reversed, faults).unwrap().choose(&request), &found);

        let fast: Vec<usize> = (0..quotes.len()).filter(|i| quotes[*i].premium(latency).is_some()).collect();
        let (mut cheapest, mut best) = (None::<u64>, Chance::ZERO);
        for path in arrangements(&fast, usize::from(hops)) {
            let pay = |(seat, i): (usize, &usize)| {
                let quote = &quotes[*i];
                quote.base.to_sat() + quote.premium(latency).unwrap().to_sat() + (seat as u64 + 1) * quote.hop_fee.to_sat()
            };
            let price: u64 = path.iter().enumerate().map(pay).sum();
            let reliabilities: Vec<Chance> = path.iter().map(|i| quotes[*i].reliability).collect();
            for quorum in 1..=path.len() as u8 {
                let right = odds(&reliabilities, quorum, faults).unwrap().right;
                best = best.max(right);
                if right >= asked {
                    cheapest = Some(cheapest.map_or(price, |old| old.min(price)));
                }
            }
        }
        match (found, cheapest) {
            (Ok(line_up), Some(price)) => {
                prop_assert_eq!(line_up.price.to_sat(), price);
                let seats: Amount = line_up.seats.iter().map(|seat| seat.pay).sum();
                prop_assert_eq!(seats, line_up.price);
                let rho = |seat: &narthex_game_model::market::Seat| {
                    quotes.iter().find(|q| q.recomputer == seat.recomputer).unwrap().reliability
                };
                let chances: Vec<Chance> = line_up.seats.iter().map(rho).collect();
                prop_assert_eq!(odds(&chances, line_up.quorum, faults).unwrap(), line_up.odds);
                prop_assert!(line_up.odds.right >= asked);
            }
            // Orders of one subset round differently.
            (Err(PriceError::Unobtainable { best: found, .. }), None) => {
                prop_assert!(found.odds.right.atto().abs_diff(best.atto()) < 200);
            }
            (Err(PriceError::NoOffer(_)), None) => prop_assert!(fast.is_empty()),
            (found, cheapest) => prop_assert!(false, "{found:?} beside {cheapest:?}"),
        }
    }
}

/// The example of docs/market.md.
fn example() -> Vec<Quote> {
    vec![
        quote(1, 100, 2, &[(500, 0)], "0.99"),
        quote(2, 60, 4, &[(500, 0), (100, 30)], "0.95"),
        quote(3, 55, 3, &[(500, 0), (100, 40)], "0.95"),
        quote(4, 50, 1, &[(500, 0)], "0.9"),
        quote(5, 20, 1, &[(100, 0)], "0.25"),
    ]
}

#[test]
fn the_worked_example() {
    let book = Book::new(example(), Faults::Agreeing).unwrap();
    let three = book.choose(&request("99%", 3, 500)).unwrap();
    // One recomputer of 0.99 is exactly what is asked: 100 + 1·2.
    assert_eq!(
        (three.price.to_sat(), three.seats.len(), three.quorum),
        (102, 1, 1)
    );
    assert_eq!(
        (three.odds.right, three.odds.wrong),
        (chance("0.99"), chance("0.01"))
    );
    // Two of three: 0.99·(1 − 0.05²) + 0.01·0.95² = 0.99655.
    let more = book.choose(&request("99.5%", 3, 500)).unwrap();
    assert_eq!(
        (more.price.to_sat(), more.quorum),
        (60 + 4 + 55 + 6 + 100 + 6, 2)
    );
    assert_eq!(
        (more.odds.right, more.odds.wrong),
        (chance("0.99655"), chance("0.00345"))
    );
    let order: Vec<u8> = more.seats.iter().map(|seat| seat.recomputer.0[0]).collect();
    assert_eq!(order, [2, 3, 1], "hop fees fall along the way");
    // 99.9 % cannot be had: a fourth recomputer can only tie, and a fifth that is hardly ever right is no help.
    let Err(PriceError::Unobtainable { best, .. }) = book.choose(&request("99.9%", 6, 500)) else {
        panic!("99.9% was had");
    };
    assert_eq!(best.odds.right, chance("0.99655"));
    // Within 100 ms only three offer.
    let fast = book.choose(&request("90%", 3, 100)).unwrap();
    assert_eq!((fast.price.to_sat(), fast.seats.len()), (60 + 30 + 4, 1));
    let error = book.choose(&request("90%", 3, 99)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no recomputer offers its layer within 99ms"
    );
}

#[test]
fn a_table_is_monotone_and_says_what_cannot_be_had() {
    let book = Book::new(example(), Faults::Agreeing).unwrap();
    let asked: Vec<Chance> = ["50%", "90%", "95%", "99%", "99.5%", "99.9%"]
        .map(chance)
        .into();
    let hops = [1, 2, 3, 4, 5, 6];
    let latencies = [Latency::Millis(100), Latency::Millis(500)];
    let table = book.table(&asked, &hops, &latencies).unwrap();
    assert_eq!(table.len(), asked.len() * hops.len() * latencies.len());
    // What cannot be had is dearer than everything.
    let price = |reliability: usize, hop: usize, latency: usize| {
        let row = &table[(reliability * hops.len() + hop) * latencies.len() + latency];
        let wanted = Request {
            reliability: asked[reliability],
            hops: hops[hop],
            latency: latencies[latency],
        };
        assert_eq!(row.request, wanted);
        row.line_up
            .as_ref()
            .map_or(u64::MAX, |line_up| line_up.price.to_sat())
    };
    let (mut had, mut missing) = (0, 0);
    for r in 0..asked.len() {
        for h in 0..hops.len() {
            for l in 0..2 {
                let here = price(r, h, l);
                match here {
                    u64::MAX => missing += 1,
                    _ => had += 1,
                }
                assert!(r == 0 || price(r - 1, h, l) <= here);
                assert!(h == 0 || price(r, h - 1, l) >= here);
                assert!(l == 0 || price(r, h, l - 1) >= here);
            }
        }
    }
    assert!(had > 20 && missing > 10, "{had} {missing}");
    let long = vec![Chance::ONE; 3_000];
    assert_eq!(
        book.table(&long, &[1, 2], &latencies),
        Err(PriceError::TooManyRows(12_000))
    );
}

#[test]
fn quotes_have_bounds() {
    let many = (0..13)
        .map(|recomputer| quote(recomputer, 1, 1, &[], "0.5"))
        .collect();
    assert_eq!(
        Book::new(many, Faults::Agreeing).err(),
        Some(QuoteError::TooMany(13))
    );
    let twice = vec![
        quote(1, 1, 1, &[], "0.5"),
        quote(2, 1, 1, &[], "0.5"),
        quote(1, 2, 9, &[], "0.7"),
    ];
    let error = Book::new(twice, Faults::Agreeing).err();
    assert_eq!(error, Some(QuoteError::Twice(RecomputerId([1; 32]))));
    let all = Amount::MAX_MONEY.to_sat();
    for dear in [
        quote(1, all + 1, 0, &[], "1"),
        quote(1, 0, all + 1, &[], "1"),
        quote(1, 0, 0, &[(1, u64::MAX)], "1"),
    ] {
        let error = Book::new(vec![dear], Faults::Agreeing).err();
        assert!(
            matches!(error, Some(QuoteError::Amount { .. })),
            "{error:?}"
        );
    }
    // The dearest that is allowed does not wrap.
    let dear = (0..6)
        .map(|recomputer| quote(recomputer, all, all, &[(1, all)], "0.6"))
        .collect();
    let book = Book::new(dear, Faults::Agreeing).unwrap();
    let line_up = book.choose(&request("0.68", 6, 1)).unwrap();
    assert_eq!((line_up.seats.len(), line_up.price.to_sat()), (5, 25 * all));
    for hops in [0, 7, 255] {
        assert_eq!(
            book.choose(&request("0.5", hops, 1)),
            Err(PriceError::Hops(hops))
        );
    }
}

#[test]
fn twelve_quotes_are_searched_whole() {
    // Any five of these are reliable enough, no four are; only the cheapest five will do.
    let quotes: Vec<Quote> = (0..12)
        .map(|r| quote(r, 100 + u64::from(r), 1, &[(1, 0)], "0.9"))
        .collect();
    let book = Book::new(quotes, Faults::Agreeing).unwrap();
    let line_up = book.choose(&request("0.99", 6, 1)).unwrap();
    let mut recomputers: Vec<u8> = line_up
        .seats
        .iter()
        .map(|seat| seat.recomputer.0[0])
        .collect();
    recomputers.sort_unstable();
    assert_eq!(recomputers, [0, 1, 2, 3, 4]);
    assert_eq!(line_up.odds.right, chance("0.99144"));
    assert_eq!(line_up.quorum, 3);
}
