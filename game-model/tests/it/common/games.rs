//! Random costs and values for the tests of the game.

use narthex_game_model::game::{ArbiterModel, Economics, Fees, SidePayments, TimeOuts};
use narthex_game_model::{Amount, Params, ParamsRecord, Ratio, Template};
use proptest::prelude::*;

const HEIGHT: u32 = 800_000;

fn sat(value: u64) -> Amount {
    Amount::from_sat(value)
}

pub fn economics() -> impl Strategy<Value = (u64, u64, u64, u64, u64, u64, u64, [u32; 3])> {
    // By order of magnitude, relative to what the contract pays.
    let part = || 0u64..=1_200;
    let rates = [0u32..=60, 0u32..=60, 0u32..=60];
    (
        part(),
        part(),
        part(),
        part(),
        part(),
        part(),
        1u64..=50,
        rates,
    )
}

pub fn scaled(
    params: &Params,
    e: (u64, u64, u64, u64, u64, u64, u64, [u32; 3]),
    play: bool,
) -> Economics {
    let (z, y, g, r, l, b, bad, rates) = e;
    let of = |amount: Amount, part: u64| {
        sat((u128::from(amount.to_sat()) * u128::from(part) / 1_000) as u64)
    };
    let ratio = |index: usize| Ratio::new(rates[index], 1_000).unwrap();
    Economics {
        worker_cost: of(params.worker_share(), z),
        verifier_cost: of(params.verifier_reward(), y),
        arbiter_cost: of(params.arbiter_stake(), g / 2),
        right_value: of(params.reward(), r + 500),
        wrong_loss: of(params.reward(), l),
        outside_gain: of(params.worker_stake(), b),
        bad_steps: bad.min(params.steps()),
        arbiters: if play && params.arbiters() <= 5 {
            ArbiterModel::Strategic
        } else {
            ArbiterModel::Rates {
                convicts_innocent: ratio(0),
                acquits_guilty: ratio(1),
                undecided: ratio(2),
            }
        },
        verdicts: None,
        fees: Fees::default(),
        ..Economics::example()
    }
}

/// Contracts about as large as the example, near the border between paying and not paying.
pub fn near_the_border(template: Template) -> impl Strategy<Value = (Params, Economics)> {
    let percent = |low: u64, high: u64| low..=high;
    let shares = [(70, 100), (1, 100), (1, 10), (30, 80), (20, 100), (50, 95)];
    let shares = shares.map(|(low, high): (u32, u32)| low..=high);
    let stakes = (percent(60, 400), percent(0, 60), percent(0, 60));
    let costs = (
        percent(1, 130),
        percent(1, 130),
        percent(0, 120),
        percent(80, 300),
    );
    let others = (
        percent(0, 500),
        1u64..=60,
        [0u32..=40, 0u32..=40, 0u32..=40],
        any::<bool>(),
        0u64..=80,
    );
    (shares, stakes, costs, others).prop_filter_map("breaks a bound", move |(s, t, c, o)| {
        let [alpha, beta, gamma, delta, epsilon, rho] = s.map(|p| Ratio::new(p, 100).unwrap());
        let w = 1_000 * t.0;
        let v = w + w * t.1 / 100;
        let a = v + v * t.2 / 100;
        let (example, bounty) = match template {
            Template::Hardened => (ParamsRecord::example(3, 2, HEIGHT), sat(w * o.4 / 100)),
            Template::Paper => (ParamsRecord::paper_example(3, 2, HEIGHT), Amount::ZERO),
            Template::Audited => (
                ParamsRecord::audited_example(3, 2, HEIGHT),
                sat(w * o.4 / 100),
            ),
        };
        let record = ParamsRecord {
            worker_stake: sat(w),
            verifier_stake: sat(v),
            arbiter_stake: sat(a),
            bounty,
            alpha,
            beta,
            gamma,
            delta,
            epsilon,
            rho,
            ..example
        };
        let params = Params::new(record).ok()?;
        let of = |amount: Amount, percent: u64| sat(amount.to_sat() * percent / 100);
        let rate = |index: usize| Ratio::new(o.2[index], 1_000).unwrap();
        let economics = Economics {
            worker_cost: of(params.worker_share(), c.0),
            verifier_cost: of(params.verifier_reward(), c.1),
            arbiter_cost: of(params.arbiter_stake(), c.2),
            right_value: of(params.reward(), c.3),
            wrong_loss: params.reward(),
            outside_gain: of(params.reward(), o.0),
            bad_steps: o.1,
            arbiters: if o.3 {
                ArbiterModel::Strategic
            } else {
                ArbiterModel::Rates {
                    convicts_innocent: rate(0),
                    acquits_guilty: rate(1),
                    undecided: rate(2),
                }
            },
            verdicts: None,
            fees: Fees::default(),
            side_payments: if o.4 % 2 == 0 {
                SidePayments::Impossible
            } else {
                SidePayments::Possible
            },
            time_outs: match o.4 % 3 {
                0 => TimeOuts::PayRejection,
                _ => TimeOuts::PayNobody,
            },
            ..Economics::example()
        };
        Some((params, economics))
    })
}
