//! The game of a contract: what honest play is worth, and what pays better where something does.

use crate::common;

use common::games::{economics, near_the_border, scaled};
use common::params;
use narthex_game_model::game::plan::{PlanError, Wish, plan};
use narthex_game_model::game::{
    ArbiterModel, Economics, EconomicsError, Fees, Game, Node, Player, Rational, Solution, Verdict,
    VerdictRule, build, exact, hit_probability, inequalities, solve,
};
use narthex_game_model::{Amount, Params, ParamsRecord, Ratio, Template};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const HEIGHT: u32 = 800_000;

fn sat(value: u64) -> Amount {
    Amount::from_sat(value)
}

fn hardened() -> Params {
    Params::new(ParamsRecord::example(3, 2, HEIGHT)).unwrap()
}

fn paper() -> Params {
    Params::new(ParamsRecord::paper_example(3, 2, HEIGHT)).unwrap()
}

fn solved(params: &Params, economics: &Economics) -> Solution {
    solve(&build(params, economics).unwrap())
}

fn with(change: impl FnOnce(&mut Economics)) -> Economics {
    let mut economics = Economics::example();
    change(&mut economics);
    economics
}

fn strategic(economics: Economics) -> Economics {
    Economics {
        arbiters: ArbiterModel::Strategic,
        ..economics
    }
}

#[test]
fn honest_play_is_the_only_equilibrium_of_the_example() {
    for economics in [Economics::example(), strategic(Economics::example())] {
        let solution = solved(&hardened(), &economics);
        assert_eq!(solution.verdict, Verdict::Unique);
        let [equilibrium] = solution.equilibria.as_slice() else {
            panic!("{solution:?}");
        };
        // R − c, ρc − z, φ − y.
        let expected = [50_000, 75_000, 19_500].map(exact);
        assert_eq!(equilibrium.payoffs[..3], expected);
        assert!(equilibrium.payoffs[3..].iter().all(|a| *a == exact(0)));
        assert!(
            inequalities(&hardened(), &economics)
                .unwrap()
                .iter()
                .all(|i| i.holds())
        );
    }
}

#[test]
fn panels_up_to_five_can_play() {
    for (n, k) in [(3, 2), (4, 3), (5, 3)] {
        let params = Params::new(ParamsRecord::example(n, k, HEIGHT)).unwrap();
        let verdict = solved(&params, &strategic(Economics::example())).verdict;
        assert_eq!(verdict, Verdict::Unique, "{k} of {n}");
    }
    let large = Params::new(ParamsRecord::example(7, 4, HEIGHT)).unwrap();
    assert_eq!(
        build(&large, &strategic(Economics::example())).unwrap_err(),
        EconomicsError::PanelTooLarge { arbiters: 7 }
    );
}

#[test]
fn arbiters_that_cost_more_than_they_lose_do_not_check() {
    // εa = 125,000: above it silence is as good, so all silent is another equilibrium.
    let dear = strategic(with(|e| e.arbiter_cost = sat(400_000)));
    let solution = solved(&hardened(), &dear);
    assert!(
        !solution.verdict.honest_play_pays(),
        "{:?}",
        solution.verdict
    );
}

/// What the verdict says a player does instead, and what it gains.
fn deviation(solution: &Solution, player: Player) -> (Vec<String>, Rational) {
    let found = solution.deviations.iter().find(|d| d.player == player);
    let found = found.unwrap_or_else(|| panic!("no deviation of {player}: {solution:?}"));
    let plan = found.plan.iter().map(|(at, what)| format!("{at} → {what}"));
    (plan.collect(), found.gain.clone())
}

#[test]
fn each_way_in_which_honest_play_can_fail_is_found_with_its_gain() {
    let refuses = |economics: &Economics, player, first: &str, gain: Rational| {
        let solution = solved(&hardened(), economics);
        let (plan, found) = deviation(&solution, player);
        assert_eq!((plan[0].as_str(), found), (first, gain));
    };
    let client = with(|e| e.right_value = sat(99_000));
    refuses(
        &client,
        Player::Client,
        "client: start → stay away",
        exact(1_000),
    );
    let worker = with(|e| e.worker_cost = sat(80_500));
    refuses(
        &worker,
        Player::Worker,
        "worker: offered → decline",
        exact(500),
    );
    let verifier = with(|e| e.verifier_cost = sat(20_001));
    refuses(
        &verifier,
        Player::Verifier,
        "verifier: offered → decline",
        exact(1),
    );

    // Target: the gain is (1−p)B − p(ρc + δw), for a guilty worker that admits.
    let greedy = with(|e| {
        e.outside_gain = sat(500_000);
        e.bad_steps = 7;
    });
    let p = hit_probability(1_000, 7, 100);
    let gain = (exact(1) - &p) * exact(500_000) - p * exact(80_000 + 150_000);
    refuses(&greedy, Player::Worker, "worker: at work → target", gain);
}

#[test]
fn a_tie_is_not_unique() {
    let indifferent = with(|e| e.worker_cost = sat(80_000));
    let verdict = solved(&hardened(), &indifferent).verdict;
    assert!(matches!(verdict, Verdict::NotUnique { .. }), "{verdict:?}");
    let held = inequalities(&hardened(), &indifferent).unwrap();
    let broken = held
        .iter()
        .filter(|i| !i.holds())
        .map(|i| (i.name, &i.left, &i.right));
    let z = exact(80_000);
    let p = hit_probability(1_000, 20, 100);
    let (caught, paid) = (exact(30_000), exact(80_500));
    let (on_chain, more) = (&p * &caught, &p * &z);
    let (silent, gained) = (exact(20_000 + 55_000), exact(80_000 + 500 + 20_000));
    assert_eq!(
        broken.collect::<Vec<_>>(),
        [
            ("worker takes part", &z, &z),
            ("bribe of an idle worker", &caught, &paid),
            ("bribe after a delivery", &on_chain, &more),
            ("league by silence", &silent, &gained),
        ]
    );
}

#[test]
fn free_verdicts_ruin_the_hardened_layout_too() {
    let free = with(|e| e.verdicts = Some(VerdictRule::Free));
    let solution = solved(&hardened(), &free);
    let (plan, gain) = deviation(&solution, Player::Verifier);
    assert_eq!(plan[0], "verifier: asked to verify → approve unseen");
    // It saves y.
    assert_eq!(gain, exact(500));
}

#[test]
fn the_papers_layout_has_its_known_attacks() {
    let solution = solved(&paper(), &Economics::example());
    assert!(matches!(solution.verdict, Verdict::Deviates(_)));
    let (plan, _) = deviation(&solution, Player::Verifier);
    assert_eq!(plan[0], "verifier: asked to verify → approve unseen");
    // A worker without B: claims for work that it never delivered, and saves z.
    let small = with(|e| e.outside_gain = sat(0));
    let (plan, gain) = deviation(&solved(&paper(), &small), Player::Worker);
    assert!(plan[0].starts_with("worker: at work → "), "{plan:?}");
    assert!(gain >= exact(5_000));
    // A verifier that rejects honest work keeps its half of the appeal.
    let game = build(&paper(), &Economics::example()).unwrap();
    let text = game.to_text();
    for attack in [
        "claim without delivery",
        "keep its share",
        "open the other verdict",
    ] {
        assert!(text.contains(attack));
    }
}

#[test]
fn bad_figures_are_named() {
    let error = |e: &Economics| build(&hardened(), e).unwrap_err();
    let none = with(|e| e.bad_steps = 0);
    assert_eq!(
        error(&none),
        EconomicsError::BadSteps {
            bad: 0,
            steps: 1_000
        }
    );
    let many = with(|e| e.bad_steps = 1_001);
    assert_eq!(
        error(&many),
        EconomicsError::BadSteps {
            bad: 1_001,
            steps: 1_000
        }
    );
    let rate = |num| Ratio::new(num, 10).unwrap();
    let rates = with(|e| {
        e.arbiters = ArbiterModel::Rates {
            convicts_innocent: rate(6),
            acquits_guilty: rate(1),
            undecided: rate(5),
        };
    });
    assert!(matches!(error(&rates), EconomicsError::Rates { .. }));
    let record = ParamsRecord::example(3, 2, HEIGHT).for_job(1_000_000_000, 16_000);
    let large = Params::new(record.unwrap()).unwrap();
    let draws = with(|e| e.bad_steps = 1_000_000);
    let error = build(&large, &draws).unwrap_err();
    assert!(matches!(error, EconomicsError::TooManyDraws { .. }));
}

#[test]
fn fees_are_paid_by_movers() {
    let fees = Fees {
        settlement: sat(100),
        time_out: sat(10),
        late: sat(20),
        admission: sat(30),
        unappealed: sat(40),
        failed: sat(50),
        convicted: sat(60),
        acquitted: sat(70),
        delivery: sat(200),
        approval: sat(80),
        rejection: sat(300),
        appeal: sat(400),
    };
    let game = build(&hardened(), &with(|e| e.fees = fees)).unwrap();
    let free = build(&hardened(), &Economics::example()).unwrap();
    let all = |game: &Game, name: &str| {
        let ends = game.nodes.iter().filter_map(|node| match node {
            Node::End { name: n, payoffs } if n.starts_with(name) => Some(payoffs.clone()),
            _ => None,
        });
        ends.collect::<Vec<_>>()
    };
    let cost = |name: &str| {
        let (free, game) = (all(&free, name).remove(0), all(&game, name).remove(0));
        let pairs = free.into_iter().zip(game);
        pairs.map(|(a, b)| a - b).collect::<Vec<_>>()
    };
    assert_eq!(cost("1"), [10, 0, 0].map(exact));
    assert_eq!(cost("2"), [0, 220, 0].map(exact));
    assert_eq!(cost("3"), [0, 100, 0].map(exact));
    assert_eq!(cost("4"), [0, 200, 340].map(exact));
    assert_eq!(cost("5"), [50, 600, 300].map(exact));
    assert_eq!(cost("6"), [0, 600, 360].map(exact));
    assert_eq!(cost("7"), [0, 670, 300].map(exact));
    // S4 instead: an honest worker that admits.
    let admitted = [0, -5_000 - 150_000 - 30, 20_000 + 30_000 - 500].map(exact);
    assert!(all(&game, "4").contains(&admitted.to_vec()));
    // And an approval on chain, after which the worker claims by S3'.
    let late = [-5_000 + 80_000 + 20_000 - 300, 20_000 - 500 - 80].map(exact);
    assert!(all(&game, "3").iter().any(|p| p[1..] == late));
}

#[test]
fn a_drawn_tree_names_every_set_and_gambit_sees_every_node() {
    let game = build(&hardened(), &Economics::example()).unwrap();
    let (text, dot, efg) = (game.to_text(), game.to_dot(), game.to_efg());
    assert_eq!(text.lines().count(), game.nodes.len() + 1);
    assert_eq!(dot.matches("shape=").count(), game.nodes.len() + 1);
    // Prologue of two lines.
    assert_eq!(efg.lines().count(), game.nodes.len() + 2);
    for set in &game.infosets {
        assert!(text.contains(&set.name) && dot.contains(&set.name) && efg.contains(&set.name));
    }
}

/// A failing case is printed whole, so its seed need not be kept in a file.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

/// Runs `check` on random cases; on failure the panic prints the case and how to repeat it.
fn on_random_cases(cases: u32, mut check: impl FnMut(&Params, &Economics, bool)) {
    let mut runner = TestRunner::new(config(cases));
    let check = std::cell::RefCell::new(&mut check);
    let strategy = (params(), economics(), any::<bool>());
    let done = runner.run(&strategy, |(params, e, play)| {
        let economics = scaled(&params, e, play);
        prop_assume!(economics.check(&params).is_ok());
        (check.borrow_mut())(&params, &economics, play);
        Ok(())
    });
    done.unwrap_or_else(|failure| panic!("{failure}"));
}

/// The inequalities are sufficient, side payments included.
#[test]
fn where_all_inequalities_hold_honest_play_is_unique() {
    let (mut held, mut unique, mut cases) = (0, 0, 0);
    let counts = std::cell::RefCell::new((&mut held, &mut unique, &mut cases));
    let mut runner = TestRunner::new(config(common::times(180)));
    let done = runner.run(
        &near_the_border(Template::Hardened),
        |(params, economics)| {
            let list = inequalities(&params, &economics).unwrap();
            let all = list.iter().all(|i| i.holds());
            let verdict = solved(&params, &economics).verdict;
            let mut counts = counts.borrow_mut();
            *counts.0 += u32::from(all);
            *counts.1 += u32::from(verdict.honest_play_pays());
            *counts.2 += 1;
            if all {
                prop_assert_eq!(&verdict, &Verdict::Unique);
            }
            // And these are necessary.
            for name in [
                "client takes part",
                "worker takes part",
                "verifier takes part",
            ] {
                let broken = list.iter().any(|i| i.name == name && !i.holds());
                prop_assert!(!broken || !verdict.honest_play_pays());
            }
            Ok(())
        },
    );
    done.unwrap_or_else(|failure| panic!("{failure}"));
    println!("of {cases} cases {held} meet the inequalities, {unique} are unique");
    assert!(
        held >= 2 && unique > held && cases >= unique + 20,
        "{held} {unique} {cases}"
    );
}

/// Where silence costs all of v, as losing an appeal does, a verifier that rejects honest work is indifferent after a delivery.
/// Nobody comes there, and honest play says nothing of it: it decides nothing.
#[test]
fn a_tie_where_nobody_comes_decides_nothing() {
    let params = Params::new(ParamsRecord {
        beta: Ratio::ONE,
        ..hardened().record().clone()
    })
    .unwrap();
    let economics = strategic(Economics::example());
    let game = build(&params, &economics).unwrap();
    let solution = solve(&game);
    let set = "verifier: rejected no difference, delivered against";
    let set = game.infosets.iter().position(|info| info.name == set);
    let [only] = solution.equilibria.as_slice() else {
        panic!("{solution:?}");
    };
    assert!(!only.behaviour.contains_key(&set.unwrap()));
    assert_eq!(
        (&solution.verdict, solution.open.len()),
        (&Verdict::Unique, 0)
    );
}

#[test]
fn the_papers_layout_never_makes_honest_play_pay() {
    on_random_cases(60, |params, economics, _| {
        if params.template() == Template::Paper {
            assert!(!solved(params, economics).verdict.honest_play_pays());
        }
    });
}

fn wish() -> Wish {
    Wish {
        economics: Economics::example(),
        base: ParamsRecord::example(3, 2, HEIGHT),
        verification_overhead: Ratio::new(11, 10).unwrap(),
        verification_fixed: sat(200),
        margin: Ratio::new(1, 10).unwrap(),
        resist_bribes: true,
        capital_cost: Ratio::new(1, 1_000).unwrap(),
        samples: vec![300, 20, 50, 100, 100],
    }
}

#[test]
fn a_plan_is_the_least_stake_for_each_sample() {
    let mut seen = Vec::new();
    let plan = plan(&wish(), |sample| seen.push(sample)).unwrap();
    assert_eq!(seen, [20, 50, 100, 300]);
    assert_eq!(plan.frontier.len(), 4);
    for point in &plan.frontier {
        let economics = Economics {
            verifier_cost: point.verifier_cost,
            ..Economics::example()
        };
        assert_eq!(solved(&point.params, &economics).verdict, Verdict::Unique);
        // Two thousandths less is refused by a bound, breaks a condition (some are of leagues, which the tree does not
        // have) or gives another equilibrium.
        let less = sat(point.params.worker_stake().to_sat() / 1_000 * 998);
        let record = ParamsRecord {
            worker_stake: less,
            verifier_stake: less,
            arbiter_stake: less,
            ..point.params.record().clone()
        };
        let pays = Params::new(record).is_ok_and(|params| {
            let rows = inequalities(&params, &economics).unwrap();
            rows.iter().all(|i| i.holds()) && solved(&params, &economics).verdict.honest_play_pays()
        });
        assert!(!pays, "sample {}", point.params.sample());
    }
    let cheapest = plan.frontier.iter().map(|p| &p.total_cost).min().unwrap();
    assert_eq!(&plan.frontier[plan.best].total_cost, cheapest);
    // A larger sample never needs a larger stake while the reward's part in it stays.
    let stakes = plan.frontier.iter().map(|p| p.params.worker_stake());
    assert!(
        stakes
            .clone()
            .zip(stakes.skip(1))
            .take(2)
            .all(|(a, b)| a >= b)
    );
}

#[test]
fn rewards_of_a_plan_cover_fees() {
    let mut wish = wish();
    wish.economics.fees.settlement = sat(5_000);
    wish.samples = vec![100];
    let point = &plan(&wish, |_| ()).unwrap().frontier[0];
    assert!(point.params.worker_share() > sat(10_000));
}

#[test]
fn a_worthless_result_has_no_plan() {
    let mut hopeless = wish();
    hopeless.economics.right_value = sat(1_000);
    hopeless.samples = vec![100];
    let error = plan(&hopeless, |_| ()).unwrap_err();
    assert!(
        matches!(error, PlanError::NoStake { sample: 100, .. }),
        "{error}"
    );
    hopeless.samples.clear();
    assert_eq!(plan(&hopeless, |_| ()).unwrap_err(), PlanError::NoSample);
}

/// A game that somebody puts together is one, or says what is wrong with it first.
#[test]
fn what_is_no_game_is_refused() {
    use narthex_game_model::game::{GameBuilder, GameError, Move};

    let (alice, bob) = (Player::Named("alice"), Player::Named("bob"));
    let over = |b: &mut GameBuilder, (): &()| b.end("over".to_owned(), vec![exact(1)]);
    let two = |b: &mut GameBuilder, (): &()| {
        b.end("one".to_owned(), vec![exact(1)]);
        b.end("two".to_owned(), vec![exact(2)]);
    };
    let nothing = |_: &mut GameBuilder, (): &()| {};
    let unpaid = |b: &mut GameBuilder, (): &()| b.end("unpaid".to_owned(), Vec::new());
    let again = |b: &mut GameBuilder, (): &()| {
        b.decide(alice, "first", Some(0), &(), &[("another", &over)]);
    };
    let built = |put: &dyn Fn(&mut GameBuilder)| {
        let mut builder = GameBuilder::new("a game".to_owned(), vec![alice]);
        put(&mut builder);
        builder.finish()
    };
    let first = |player, honest, follow: &dyn Fn(&mut GameBuilder, &())| {
        built(&|b| b.decide(player, "first", honest, &(), &[("go", follow)]))
    };
    let game = first(alice, Some(0), &over).unwrap();
    assert!(solve(&game).verdict.honest_play_pays());
    assert_eq!(
        first(bob, Some(0), &over),
        Err(GameError::Stranger { player: bob })
    );
    let name = "alice: first".to_owned();
    let actions = Err(GameError::Actions { name });
    assert_eq!(first(alice, Some(1), &over), actions);
    assert_eq!(first(alice, Some(0), &again), actions);
    let following = |after: &str, found| {
        let after = after.to_owned();
        Err(GameError::Following { after, found })
    };
    assert_eq!(first(alice, None, &nothing), following("go", 0));
    assert_eq!(first(alice, None, &two), following("go", 2));
    assert_eq!(built(&|_| ()), following("the beginning", 0));
    assert_eq!(built(&|b| two(b, &())), following("the beginning", 2));
    let payoffs = GameError::Payoffs {
        name: "unpaid".to_owned(),
        found: 0,
        players: 1,
    };
    assert_eq!(first(alice, None, &unpaid), Err(payoffs));
    let half = || exact(1) / exact(2);
    for (p, q) in [
        (half(), half() + half()),
        (exact(-1), exact(2)),
        (half(), exact(0)),
    ] {
        let sum = p.clone() + q.clone();
        let found = built(&|b| {
            let branches: [(Rational, Move<'_, ()>); 2] =
                [(p.clone(), ("p", &over)), (q.clone(), ("q", &over))];
            b.chance("a coin", &(), &branches);
        });
        let name = "a coin".to_owned();
        assert_eq!(found, Err(GameError::Probabilities { name, sum }));
    }
}
