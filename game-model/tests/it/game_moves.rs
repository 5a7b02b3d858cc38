//! The moves that the chain has, and what stands outside the tree: leagues, panels whose rulings are bits, griefing.

use narthex_game_model::game::{
    ArbiterModel, Economics, Inspection, League, Node, Oversight, PanelReport, Player, Rational,
    SidePayments, StakesReport, Verdict, build, exact, hit_probability, inequalities,
    inspection_game, panel_game, rival, solve,
};
use narthex_game_model::{Amount, ArbiterSet, Outcome, Params, ParamsRecord, Ratio, settle};
use proptest::prelude::*;

const HEIGHT: u32 = 800_000;

fn ratio(num: u32, den: u32) -> Ratio {
    Ratio::new(num, den).unwrap()
}

fn with(change: impl FnOnce(&mut ParamsRecord)) -> Params {
    let mut record = ParamsRecord::example(3, 2, HEIGHT);
    change(&mut record);
    Params::new(record).unwrap()
}

fn example() -> Params {
    with(|_| ())
}

fn verdict(params: &Params, economics: &Economics) -> Verdict {
    solve(&build(params, economics).unwrap()).verdict
}

fn holds(params: &Params, economics: &Economics, name: &str) -> bool {
    let rows = inequalities(params, economics).unwrap();
    rows.iter().find(|row| row.name == name).unwrap().holds()
}

/// A worker that was rejected off chain may let its time run out: what it admits must cost less.
#[test]
fn a_rejected_worker_that_does_nothing_must_not_lose_less() {
    let economics = Economics::example();
    for (alpha, honest) in [((1, 2), false), ((3, 4), false), ((9, 10), true)] {
        let params = with(|r| r.alpha = ratio(alpha.0, alpha.1));
        assert_eq!(
            verdict(&params, &economics).honest_play_pays(),
            honest,
            "{alpha:?}"
        );
        assert_eq!(
            holds(&params, &economics, "rejected worker gives up"),
            honest
        );
    }
}

#[test]
fn every_move_of_the_chain_is_in_the_tree() {
    let game = build(&example(), &Economics::example()).unwrap();
    let text = game.to_text();
    for name in [
        "do nothing",
        "deliver",
        "reject on chain",
        "approve on chain",
        "approve unseen",
        "redraw",
        "seal garbage",
        "hand nothing over",
        "promise to pay if caught",
        "promise to pay always",
        "promise to pay if the sample hits",
        "promise to pay for silence",
    ] {
        assert!(text.contains(name), "{name}");
    }
}

/// The case was called the only subgame-perfect equilibrium: a verifier that rejects unseen, and a worker that keeps clear
/// of it, are another.
#[test]
fn two_equilibria() {
    #[derive(serde::Deserialize)]
    struct Case {
        params: ParamsRecord,
        economics: Economics,
    }
    let case: Case =
        serde_json::from_str(include_str!("../vectors/game-two-equilibria.json")).unwrap();
    let late = "honest appeals rather than time out";
    let params = Params::new(case.params.clone()).unwrap();
    assert!(!verdict(&params, &case.economics).honest_play_pays());
    assert!(!holds(&params, &case.economics, late));

    // The same without side payments and with what other moves ask for: only elimination argues the second one away.
    let economics = Economics {
        side_payments: SidePayments::Impossible,
        ..case.economics
    };
    let params = Params::new(ParamsRecord {
        alpha: ratio(7, 10),
        bounty: Amount::from_sat(330),
        ..case.params
    })
    .unwrap();
    let game = build(&params, &economics).unwrap();
    let solution = solve(&game);
    assert!(!holds(&params, &economics, late));
    let other = rival(&game, &solution).expect("a second equilibrium");
    assert_eq!(other.player, Player::Verifier);
    assert_eq!(
        (other.at.as_str(), other.action.as_str()),
        ("verifier: asked to verify", "reject unseen")
    );
    assert!(!other.others.is_empty(), "{other:?}");

    // Where the conditions hold there is none.
    let game = build(&example(), &Economics::example()).unwrap();
    assert_eq!(rival(&game, &solve(&game)), None);
}

/// Promises are refused exactly where the conditions hold, whichever cheat gains more.
#[test]
fn the_bribe_conditions_are_those_of_the_tree() {
    let (mut safe, mut unsafe_) = (0, 0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(60)
    });
    let figures = (
        1_000u64..60_000,
        100u64..9_000,
        1_000u64..40_000,
        1_000u64..60_000,
        2u64..60,
    );
    let counts = std::cell::RefCell::new((&mut safe, &mut unsafe_));
    let done = runner.run(&figures, |(bounty, y, z, gain, bad)| {
        let sat = Amount::from_sat;
        let params = with(|r| {
            for stake in [
                &mut r.worker_stake,
                &mut r.verifier_stake,
                &mut r.arbiter_stake,
            ] {
                *stake = sat(600_000);
            }
            r.bounty = sat(bounty);
        });
        let economics = Economics {
            worker_cost: sat(z),
            verifier_cost: sat(y),
            outside_gain: sat(gain),
            bad_steps: bad,
            ..Economics::example()
        };
        let rows = inequalities(&params, &economics).unwrap();
        let bribes = ["bribe", "bribe of an idle worker", "bribe after a delivery"];
        let others = rows.iter().filter(|row| !bribes.contains(&row.name));
        prop_assume!(others.clone().all(|row| row.holds()));
        let refused = bribes.iter().all(|name| holds(&params, &economics, name));
        let verdict = verdict(&params, &economics);
        let honest = verdict.honest_play_pays();
        prop_assert_eq!(refused, honest, "{:?}", verdict);
        let mut counts = counts.borrow_mut();
        *counts.0 += u32::from(refused);
        *counts.1 += u32::from(!honest);
        Ok(())
    });
    done.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{safe} refused, {unsafe_} taken");
    assert!(safe >= 8 && unsafe_ >= 8, "{safe} {unsafe_}");
}

fn league() -> League {
    League {
        worker_verifier: ratio(1, 10),
        audit_cost: Amount::from_sat(500),
        kappa: Amount::from_sat(100_000),
    }
}

#[test]
fn one_owner_of_worker_and_verifier_in_closed_form() {
    let (params, economics) = (example(), Economics::example());
    let found = Inspection::new(&params, &economics, &league());
    let p = hit_probability(1_000, 20, 100);
    let over = |a: i64, b: i64| Rational::new(a.into(), b.into());
    assert_eq!(found.cheats, exact(500) / (&p * exact(300_000)));
    let rate = exact(25_500) / (&p * exact(540_000));
    assert_eq!(found.audits, Some(rate.clone()));
    assert_eq!(found.accepted, over(1, 10) * &found.cheats);
    assert_eq!(found.accepted_without_challenge, over(1, 10));
    assert_eq!(found.loss_without_challenge, exact(20_000));
    // θ·p(c + w + v) > z + y + B(1 − θp) from that rate on.
    let deters = |theta: &Rational| {
        theta * &p * exact(520_000) > exact(5_500) + exact(20_000) * (exact(1) - theta * &p)
    };
    assert!(!deters(&rate) && deters(&(&rate + over(1, 1_000_000))));

    // The solver finds the same mixed equilibrium, and no other.
    let game = inspection_game(&params, &economics, &league()).unwrap();
    let solution = solve(&game);
    let [mixed] = solution.equilibria.as_slice() else {
        panic!("{solution:?}");
    };
    let odds = |name: &str| {
        let set = game
            .infosets
            .iter()
            .position(|set| set.name.ends_with(name));
        mixed.behaviour[&set.unwrap()].clone()
    };
    assert_eq!(odds("at work")[1], found.cheats);
    assert_eq!(odds("approved")[0], rate);
    assert!(!solution.verdict.honest_play_pays());

    // An audit that costs more than it brings is not made, and one that deters nobody is no threat.
    let dear = League {
        audit_cost: Amount::from_sat(400_000),
        ..league()
    };
    assert_eq!(Inspection::new(&params, &economics, &dear).cheats, exact(1));
    let greedy = Economics {
        outside_gain: Amount::from_sat(50_000_000),
        ..economics
    };
    let hopeless = Inspection::new(&params, &greedy, &league());
    assert_eq!((hopeless.cheats, hopeless.audits), (exact(1), None));
}

/// An audited contract says itself what a caught league loses, and how much the client looks at.
#[test]
fn a_challenge_takes_what_the_inspection_game_says() {
    let mut record = ParamsRecord::audited_example(3, 2, 800_000);
    let audit = record.audit.as_mut().unwrap();
    (audit.steps, audit.compensation) = (40, Amount::from_sat(90_000));
    let params = Params::new(record).unwrap();
    let economics = Economics::example();
    let found = Inspection::new(&params, &economics, &league());
    assert_eq!(found.found, hit_probability(1_000, 20, 40));
    assert_eq!(found.cheats, exact(500) / (&found.found * exact(290_000)));
    let game = inspection_game(&params, &economics, &league()).unwrap();
    let solution = solve(&game);
    let [mixed] = solution.equilibria.as_slice() else {
        panic!("{solution:?}");
    };
    let set = game
        .infosets
        .iter()
        .position(|set| set.name.ends_with("at work"));
    assert_eq!(mixed.behaviour[&set.unwrap()][1], found.cheats);
    // "Caught" pays what the settlement of an upheld challenge pays, less the audit.
    let majority = ArbiterSet::full(3);
    let payout = settle(&params, Outcome::ChallengeUpheld { majority }).unwrap();
    let gained = |got: Amount, put: Amount| exact(got.to_sat()) - exact(put.to_sat());
    let league_gains = gained(payout.worker, params.worker_stake())
        + gained(payout.verifier, params.verifier_stake());
    let client_gains = gained(payout.client, params.client_deposit()) - exact(500);
    let caught = game.nodes.iter().find_map(|node| match node {
        Node::End { name, payoffs } if name == "caught" => Some(payoffs.clone()),
        _ => None,
    });
    assert_eq!(caught.unwrap(), [league_gains, client_gains]);
}

#[test]
fn rulings_that_are_bits_need_oversight() {
    let params = example();
    let bits = Economics {
        arbiters: ArbiterModel::Bits,
        ..Economics::example()
    };
    assert!(!verdict(&params, &bits).honest_play_pays());
    let report = PanelReport::new(&params, &bits);
    // n(a + pot/2) for 2 of 3, pot = 200,000 − 20,000 − 30,000.
    assert_eq!(report.budget_sat, exact(3 * (250_000 + 75_000)));
    assert_eq!(report.buys_worker_sat, exact(150_000 + 100_000 + 20_000));
    assert_eq!(report.buys_verifier_sat, exact(220_000 + 50_000));
    assert!(!report.can_hang);
    let checks = |planted, overruled| {
        let oversight = Oversight {
            overruled,
            ..Oversight::none(planted)
        };
        let game = panel_game(&params, &bits, oversight).unwrap();
        solve(&game).verdict.honest_play_pays()
    };
    // Nobody guilty appeals: whoever acquits unseen is right and saves g.
    assert!(!checks(Ratio::ZERO, Ratio::ONE));
    // Some are planted, and nobody overrules: all may acquit unseen.
    assert!(!checks(ratio(1, 2), Ratio::ZERO));
    assert!(checks(ratio(1, 2), ratio(19, 20)));
    assert!(report.least_planted < Rational::new(1.into(), 100.into()));
    assert_eq!(
        report.least_overruled,
        Rational::new(301.into(), 700.into())
    );
}

#[test]
fn a_panel_that_hangs_costs_the_honest_and_nobody_else() {
    let hangs = Params::new(ParamsRecord::example(5, 4, HEIGHT)).unwrap();
    let report = PanelReport::new(&hangs, &Economics::example());
    assert!(report.can_hang);
    assert_eq!(report.hung_worker_loses_sat, exact(105_000));
    let tables = StakesReport::new(&hangs, &Economics::example()).unwrap();
    let hung = tables
        .griefing
        .iter()
        .find(|g| g.step.starts_with("rule without"));
    let hung = hung.unwrap();
    assert_eq!((hung.by, &hung.attacker_loses_sat), ("arbiters", &exact(0)));
    // 75,000 + 105,000 of the worker's, 19,500 + 110,000 of the verifier's, 50,000 − 20,000 of the client's.
    assert_eq!(hung.victims_lose_sat, exact(180_000 + 129_500 + 30_000));
    let sane = Params::new(ParamsRecord::example(5, 3, HEIGHT)).unwrap();
    assert!(!PanelReport::new(&sane, &Economics::example()).can_hang);
}

/// An honest verifier's approval can be challenged too: the client looks at steps that its sample does not have, and a worker
/// need only serve the client nothing. So v is at risk, and the client's gain must not be worth the worker's w.
#[test]
fn a_challenge_can_cost_an_honest_verifier_its_stake() {
    let params = Params::new(ParamsRecord::audited_example(3, 2, HEIGHT)).unwrap();
    let tables = StakesReport::new(&params, &Economics::example()).unwrap();
    let by = |step: &str| {
        let found = tables.griefing.iter().find(|g| g.step.starts_with(step));
        let found = found.unwrap_or_else(|| panic!("{step}"));
        (found.by, &found.attacker_loses_sat, &found.victims_lose_sat)
    };
    // w and ρc; v and φ. The client, with κ instead of R − c, gains.
    let lost = (&exact(280_000), &exact(240_000));
    for step in ["serve the client nothing", "cheat where the sample misses"] {
        assert_eq!(by(step), ("worker", lost.0, lost.1));
    }
    // κ + φ ≤ w, so that both together lose what the verifier does.
    let kappa = params.audit().unwrap().compensation;
    let gained = kappa.to_sat() + params.verifier_reward().to_sat();
    assert!(gained <= params.worker_stake().to_sat());
    // The bond. The others have what they have by honest play.
    assert_eq!(
        by("challenge what is right"),
        ("client", &exact(60_000), &exact(0))
    );
    // R − c and εx; the worker 75,000 and εw, the verifier 19,500 and εv, and neither has its work paid.
    let hung = by("challenge what is right, and");
    assert_eq!(hung.0, "client");
    let hardened = StakesReport::new(&example(), &Economics::example()).unwrap();
    assert_eq!(tables.griefing.len(), hardened.griefing.len() + 4);
}

#[test]
fn what_harm_costs_whom() {
    let tables = StakesReport::new(&example(), &Economics::example()).unwrap();
    let by = |step: &str| tables.griefing.iter().find(|g| g.step == step).unwrap();
    // αw and the 75,000 of honest play, against R − c and φ − y.
    let idle = by("deliver nothing");
    assert_eq!(idle.attacker_loses_sat, exact(180_000 + 75_000));
    assert_eq!(idle.victims_lose_sat, exact(50_000 + 19_500));
    assert_eq!(
        idle.ratio,
        Some(Rational::new(255_000.into(), 69_500.into()))
    );
    // v and what it would have had; nobody else loses.
    let burnt = by("approve unseen");
    assert_eq!(burnt.attacker_loses_sat, exact(220_000 + 19_500));
    assert_eq!((&burnt.victims_lose_sat, &burnt.ratio), (&exact(0), &None));
    assert_eq!(tables.locked.len(), 6);
    assert!(
        tables
            .options
            .iter()
            .any(|o| o.price_sat == exact(0) && o.blocks == 0)
    );
}
