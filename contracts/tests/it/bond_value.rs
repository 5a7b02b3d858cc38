//! What bonds weigh, by both valuations.

use bitcoin::Amount;
use narthex_contracts::bond::{
    BlockTime, Interest, Lock, Locked, VALUE_FRACTION_BITS, Valuation, ValuationError, YEAR_SECONDS,
};
use narthex_game_model::Ratio;
use proptest::prelude::*;

fn at(height: u32) -> BlockTime {
    BlockTime {
        height,
        median_time: 1_600_000_000 + height.saturating_mul(600).min(2_000_000_000),
    }
}

fn bond(sat: u64, confirmed: u32, until: u32) -> Locked {
    Locked {
        value: Amount::from_sat(sat),
        lock: Lock::height(until).unwrap(),
        confirmed: at(confirmed),
    }
}

fn ratio(num: u32, den: u32) -> Ratio {
    Ratio::new(num, den).unwrap()
}

/// The formula in floating point.
fn formula(bond: &Locked, now: BlockTime, r: f64, p: f64) -> f64 {
    let years = |seconds: i64| seconds as f64 / f64::from(YEAR_SECONDS);
    let whole = years(bond.lock.seconds_after(bond.confirmed)).max(0.0);
    let late = years(-bond.lock.seconds_after(now)).max(0.0);
    let growth = |t: f64| (r * t).exp_m1().min(1.0);
    let a = (growth(whole) - growth(late)).max(0.0);
    (bond.value.to_sat() as f64 * a).powf(p)
}

fn value(weight: u128) -> f64 {
    weight as f64 / f64::from(1u32 << VALUE_FRACTION_BITS)
}

/// Figures that must be the same on every machine and in every version.
#[test]
fn golden_weights() {
    let by_interest = Valuation::default();
    let year = YEAR_SECONDS / 600 + 1;
    let found = [
        (bond(100_000_000, 100, 100 + year), 100),
        (bond(1_000_000, 100, 100 + 6 * year), 5_000),
        (bond(50_000, 100, 1_100), 100),
        (bond(2_100_000_000_000_000, 1, 400_000_000), 1),
    ]
    .map(|(bond, now)| {
        (
            by_interest.weight(&bond, at(now)),
            Valuation::Linear.weight(&bond, at(now)),
        )
    });
    println!("{found:?}");
    assert_eq!(found, GOLDEN);
}

/// By interest checked with 120 decimal digits elsewhere.
const GOLDEN: [(u128, u128); 4] = [
    (7_073_577_184_530, 5_259_500_000_000),
    (191_687_084_484, 310_670_000_000),
    (2_074_498, 50_000_000),
    (
        5_437_071_118_982_297_769_156_628,
        5_103_000_000_000_000_000_000,
    ),
];

#[test]
fn values_follow_the_formula() {
    for (num, den, r) in [(3, 200, 0.015), (1, 10, 0.1), (0, 1, 0.0)] {
        for (pn, pd, p) in [(13, 10, 1.3), (1, 1, 1.0), (2, 1, 2.0), (1, 2, 0.5)] {
            let valuation = Interest::new(ratio(num, den), ratio(pn, pd)).unwrap();
            for sat in [10_000_000, 123_456_789, 21_000_000_000] {
                for until in [20_000, 600_000, 9_000_000] {
                    for now in [100, 15_000, 700_000, 8_999_000, 30_000_000] {
                        let bond = bond(sat, 100, until);
                        let found = value(Valuation::Interest(valuation).weight(&bond, at(now)));
                        let wanted = formula(&bond, at(now), r, p);
                        let error = (found - wanted).abs();
                        assert!(
                            error <= wanted * 1e-9 + 1e-4,
                            "{r} {p} {bond:?} at {now}: {found}, not {wanted}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn times_and_heights_of_the_same_length_weigh_the_same() {
    let confirmed = BlockTime {
        height: 800_000,
        median_time: 1_700_000_000,
    };
    let locks = [
        Lock::height(852_560).unwrap(),
        Lock::time(1_700_000_000 + 52_560 * 600).unwrap(),
    ];
    for valuation in [Valuation::Linear, Valuation::default()] {
        let [a, b] = locks.map(|lock| {
            let value = Amount::from_sat(5_000_000);
            valuation.weight(
                &Locked {
                    value,
                    lock,
                    confirmed,
                },
                confirmed,
            )
        });
        assert_eq!(a, b);
        assert!(a > 0);
    }
}

#[test]
fn exponents_have_bounds() {
    for (num, den) in [(0, 1), (201, 100), (3, 1), (101, 101), (1, 101)] {
        let exponent = ratio(num, den);
        let made = Interest::new(Ratio::ONE, exponent);
        let refused = exponent.numerator() == 0 || exponent.denominator() > 100 || num > 2 * den;
        assert_eq!(made.is_err(), refused, "{exponent}");
        if refused {
            assert_eq!(made, Err(ValuationError::Exponent { exponent }));
        }
    }
}

fn bonds() -> impl Strategy<Value = (Locked, BlockTime)> {
    (
        any::<u64>(),
        0..499_999_999u32,
        1..500_000_000u32,
        any::<bool>(),
        any::<u32>(),
    )
        .prop_map(|(sat, confirmed, until, as_time, now)| {
            let lock = if as_time {
                Lock::time(until + 3_000_000_000)
            } else {
                Lock::height(until)
            };
            let moment = |height: u32| BlockTime {
                height,
                median_time: height.saturating_mul(7),
            };
            let bond = Locked {
                value: Amount::from_sat(sat),
                lock: lock.unwrap(),
                confirmed: moment(confirmed),
            };
            (bond, moment(now))
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes in, weights stay below their bounds, and more money or a longer lock never weighs less.
    #[test]
    fn weights_are_bounded_and_monotone(
        (bond, now) in bonds(),
        more in any::<u32>(),
        num in any::<u32>(), den in 1u32.., pn in 1..200u32,
    ) {
        let interest = Interest::new(ratio(num, den), ratio(pn, 100)).unwrap();
        for (valuation, bits) in [(Valuation::Linear, 87), (Valuation::Interest(interest), 118)] {
            let weight = valuation.weight(&bond, now);
            prop_assert!(weight >> bits <= 1);
            let richer = Locked { value: Amount::from_sat(bond.value.to_sat().saturating_add(more.into())), ..bond };
            prop_assert!(valuation.weight(&richer, now) >= weight);
            let longer = bond.lock.to_consensus().saturating_add(more % 1_000);
            if let Ok(lock) = Lock::new(longer) && lock.is_time() == bond.lock.is_time() {
                let longer = Locked { lock, ..bond };
                prop_assert!(valuation.weight(&longer, now) >= weight);
            }
        }
    }
}
