//! A worker that is rejected off chain: S1 dearer than S4, as contracts have it, beside an S1 that pays for a rejection.

use narthex_game_model::game::plan::{PlanError, Wish, plan};
use narthex_game_model::game::{
    Economics, EconomicsError, Fees, HonestPlay, Rational, RejectedWorker, TimeOuts, Unprofitable,
    Verdict, build, exact, hindrance_game, inequalities, rejected_worker, solve,
};
use narthex_game_model::{Amount, Params, ParamsRecord, Ratio, Template};

fn sat(value: u64) -> Amount {
    Amount::from_sat(value)
}

fn ratio(num: u32, den: u32) -> Ratio {
    Ratio::new(num, den).unwrap()
}

fn shares(alpha: (u32, u32), delta: (u32, u32)) -> Params {
    Params::new(ParamsRecord {
        alpha: ratio(alpha.0, alpha.1),
        delta: ratio(delta.0, delta.1),
        ..ParamsRecord::example(3, 2, 800_000)
    })
    .unwrap()
}

fn under(time_outs: TimeOuts) -> Economics {
    Economics {
        time_outs,
        ..Economics::example()
    }
}

#[test]
fn an_s1_that_pays_a_rejection_bears_a_cheap_one() {
    let (nobody, paid) = (TimeOuts::PayNobody, TimeOuts::PayRejection);
    for (alpha, delta, honest) in [
        ((1, 2), (3, 4), [false, true]),
        ((3, 4), (3, 4), [false, true]),
        ((9, 10), (3, 4), [true, true]),
        // Not even φ + b: a tenth of 200,000 is less than 50,000.
        ((1, 10), (3, 4), [false, false]),
    ] {
        let params = shares(alpha, delta);
        let found = rejected_worker(&params, &Economics::example()).unwrap();
        let pays = [&found[0], &found[1]].map(|rule: &RejectedWorker| rule.honest_play_pays);
        assert_eq!(pays, honest, "{alpha:?} {delta:?} {found:?}");
        for (rule, time_outs) in found.iter().zip([nobody, paid]) {
            assert_eq!(rule.time_outs, time_outs);
            let rows = inequalities(&params, &under(time_outs)).unwrap();
            let unmet = rows.iter().filter(|row| !row.holds()).map(|row| row.name);
            assert_eq!(rule.unmet, unmet.collect::<Vec<_>>());
        }
    }
    let found = rejected_worker(&shares((1, 2), (3, 4)), &Economics::example()).unwrap();
    assert_eq!(found[0].unmet, ["rejected worker gives up"]);
    // What is best for it is the cheaper of both, under either rule.
    assert_eq!(found[0].worker_loses_sat, exact(100_000));
    assert_eq!(found[1].worker_loses_sat, exact(100_000));
    let example = rejected_worker(&shares((9, 10), (3, 4)), &Economics::example()).unwrap();
    assert_eq!(example[1].worker_loses_sat, exact(150_000));
    let paper = Params::new(ParamsRecord::paper_example(3, 2, 800_000)).unwrap();
    assert_eq!(paper.template(), Template::Paper);
    assert_eq!(rejected_worker(&paper, &Economics::example()), Ok(vec![]));
}

/// A rejection costs nothing and need not be about anything: whoever may be paid for one signs it.
#[test]
fn a_rejection_of_nothing_is_paid() {
    let params = shares((9, 10), (3, 4));
    let game = build(&params, &under(TimeOuts::PayRejection)).unwrap();
    let solution = solve(&game);
    assert_eq!(solution.verdict, Verdict::Unique);
    let idle = game.infosets.iter().position(|set| {
        set.name.ends_with("handed nothing in time") && set.actions[0].starts_with("sign")
    });
    let chosen = &solution.equilibria[0].behaviour[&idle.unwrap()];
    assert_eq!(*chosen, [exact(1), exact(0)]);
    // The contract's tree has no such move.
    let text = build(&params, &Economics::example()).unwrap().to_text();
    assert!(!text.contains("sign a rejection"));
}

/// Whoever can keep a worker from delivering does so for less than b + y, if S1 pays for it; else not at any price.
#[test]
fn hindering_a_worker_pays_only_where_s1_pays_for_a_rejection() {
    let params = shares((9, 10), (3, 4));
    let found = rejected_worker(&params, &Economics::example()).unwrap();
    // −(φ − y), and b + y.
    assert_eq!(found[0].hindering_pays_sat, exact(-19_500));
    assert_eq!(found[1].hindering_pays_sat, exact(30_500));
    let lets = |time_outs, cost| {
        let game = hindrance_game(&params, &under(time_outs), sat(cost)).unwrap();
        solve(&game).verdict.honest_play_pays()
    };
    assert!(lets(TimeOuts::PayNobody, 0));
    assert!(!lets(TimeOuts::PayRejection, 30_499));
    assert!(lets(TimeOuts::PayRejection, 30_501));
}

/// No contract has the other rule, so it proves nothing.
#[test]
fn nothing_is_proved_by_a_rule_that_no_contract_has() {
    let refused = HonestPlay::prove(&shares((1, 2), (3, 4)), &under(TimeOuts::PayRejection));
    let no = Unprofitable::Economics(EconomicsError::NoSuchContract);
    assert_eq!(refused, Err(no));
}

/// The cheapest contracts under both rules, over α and δ. What an honest worker that is late loses is αw in both; for each α
/// the rule of the contracts does as well with a δ a little below it.
#[test]
fn neither_rule_makes_cheaper_contracts() {
    let fees = Fees {
        settlement: sat(600),
        admission: sat(800),
        delivery: sat(560),
        rejection: sat(560),
        unappealed: sat(800),
        appeal: sat(900),
        acquitted: sat(850),
        late: sat(750),
        approval: sat(560),
        ..Fees::default()
    };
    let cost = |alpha: u32, delta: u32, time_outs, resist_bribes| -> Option<(Rational, u64)> {
        let wish = Wish {
            economics: Economics {
                fees,
                time_outs,
                // Against bribes the bounty asks for the stake; without them the lottery of being found out.
                outside_gain: sat(if resist_bribes { 120_000 } else { 3_000_000 }),
                right_value: sat(9_000_000),
                bad_steps: 2,
                ..Economics::example()
            },
            base: ParamsRecord {
                steps: 100,
                alpha: ratio(alpha, 100),
                delta: ratio(delta, 100),
                ..ParamsRecord::example(3, 2, 800_000)
            },
            verification_overhead: ratio(11, 10),
            verification_fixed: sat(100),
            margin: ratio(1, 10),
            resist_bribes,
            capital_cost: ratio(1, 1_000),
            samples: vec![30],
        };
        match plan(&wish, |_| ()) {
            Ok(plan) => {
                let point = &plan.frontier[0];
                Some((
                    point.total_cost.clone(),
                    point.params.worker_stake().to_sat(),
                ))
            }
            Err(PlanError::NoStake { .. }) => None,
            Err(other) => panic!("{alpha} {delta}: {other}"),
        }
    };
    let near = |a: &Rational, b: &Rational| {
        let off = a - b;
        &off * exact(100) <= b.clone() && &off * exact(-100) <= b.clone()
    };
    let grid = [(50, 75, 49), (75, 75, 74), (90, 75, 75), (90, 89, 89)];
    let each = grid.into_iter().flat_map(|at| [(at, true), (at, false)]);
    for ((alpha, delta, below), bribes) in each {
        let nobody = cost(alpha, delta, TimeOuts::PayNobody, bribes);
        let paid = cost(alpha, delta, TimeOuts::PayRejection, bribes);
        let own = cost(alpha, below, TimeOuts::PayNobody, bribes);
        println!("{alpha} {delta} {bribes}: {nobody:?}, paid {paid:?}, δ = {below}: {own:?}");
        // Where S4 is dearer than S1 there is none at all without the payment.
        assert_eq!(nobody.is_some(), delta < alpha, "{alpha} {delta}");
        let (paid, own) = (paid.unwrap(), own.unwrap());
        assert!(near(&paid.0, &own.0), "{alpha} {delta}: {paid:?} {own:?}");
    }
}
