//! Promises of a worker that cheats: the tree prices them so that no other promise does more, and so that it says what the
//! conditions say.

use crate::common;

use common::games::near_the_border;
use common::runner;
use narthex_game_model::game::{
    Economics, Fees, GameBuilder, HonestPlay, Inequality, Move, Player, Rational, SidePayments,
    TimeOuts, Verdict, build, exact, hit_probability, inequalities, solve,
};
use narthex_game_model::{Amount, Params, ParamsRecord, Template};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn sat(value: u64) -> Amount {
    Amount::from_sat(value)
}

fn verdict(params: &Params, economics: &Economics) -> Verdict {
    solve(&build(params, economics).unwrap()).verdict
}

fn is_bribe(row: &Inequality) -> bool {
    row.name.starts_with("bribe")
}

/// B is less than pz: an idle worker can offer more than one that cheats a little. But what costs an idle worker nothing less
/// than the work, and the other B, is taken: p(b − B/p) < y.
#[test]
fn a_worker_that_cheats_a_little_need_not_pay_what_an_idle_one_would() {
    let params = Params::new(ParamsRecord::example(3, 2, 800_000)).unwrap();
    let economics = |gain| Economics {
        worker_cost: sat(20_900),
        verifier_cost: sat(9_000),
        outside_gain: sat(gain),
        ..Economics::example()
    };
    let p = hit_probability(1_000, 20, 100);
    // p · 30,000 − 9,000, where it is a tie.
    let border = (&p * exact(30_000) - exact(9_000)).to_integer();
    let border = u64::try_from(border).unwrap();
    assert!(exact(border + 1) < &p * exact(20_900));
    for (gain, honest) in [(border, true), (border + 1, false)] {
        let economics = economics(gain);
        let rows = inequalities(&params, &economics).unwrap();
        let fail = rows.iter().filter(|row| is_bribe(row) && !row.holds());
        let fail = fail.map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(fail.is_empty(), honest, "{fail:?}");
        let verdict = verdict(&params, &economics);
        assert_eq!(verdict.honest_play_pays(), honest, "{verdict:?}");
        assert_eq!(HonestPlay::prove(&params, &economics).is_ok(), honest);
    }
}

/// Where S4 is cheaper for a worker than TxD, catching it costs the verifier no fees; but a worker that has promised something
/// delivers after a rejection, and there the verifier's fees count.
#[test]
fn a_promise_may_be_held_up_on_chain() {
    let params = Params::new(ParamsRecord::example(3, 2, 800_000)).unwrap();
    let p = hit_probability(1_000, 20, 100);
    let economics = |rejection| Economics {
        fees: Fees {
            delivery: sat(300),
            rejection: sat(rejection),
            approval: sat(500),
            ..Fees::default()
        },
        ..Economics::example()
    };
    // b + 500 − fee > B/p.
    let least = exact(30_500) - exact(20_000) / p;
    let fee = u64::try_from(least.floor().to_integer()).unwrap();
    for (fee, honest) in [(fee, true), (fee + 1, false)] {
        let economics = economics(fee);
        let rows = inequalities(&params, &economics).unwrap();
        let fail = rows.iter().filter(|row| !row.holds());
        let fail = fail.map(|row| row.name).collect::<Vec<_>>();
        let expected: &[&str] = if honest {
            &[]
        } else {
            &["bribe after a delivery"]
        };
        assert_eq!(fail, expected);
        let verdict = verdict(&params, &economics);
        assert_eq!(verdict.honest_play_pays(), honest, "{verdict:?}");
    }
}

/// Contracts with bounties, gains and costs near those that decide, some with fees.
fn cases() -> impl Strategy<Value = (Params, Economics)> {
    let figures = (10u64..3_000, 0u64..120, 0u64..110, 0u64..60);
    let contracts = near_the_border(Template::Hardened);
    let fees = (any::<[u16; 12]>(), 0u64..3);
    (contracts, figures, fees).prop_filter_map("breaks a bound", |(case, figures, fees)| {
        let (params, economics) = case;
        let (bounty, gain, z, y) = figures;
        let bounty = 30 * bounty;
        let params = Params::new(ParamsRecord {
            bounty: sat(bounty),
            ..params.record().clone()
        });
        let of = |percent| sat(bounty * percent / 100);
        let fee = |index: usize| sat(u64::from(fees.0[index]) * fees.1 / 40);
        let economics = Economics {
            worker_cost: of(z),
            verifier_cost: of(y),
            outside_gain: of(gain),
            side_payments: SidePayments::Possible,
            fees: Fees {
                settlement: fee(0),
                time_out: fee(1),
                late: fee(2),
                admission: fee(3),
                unappealed: fee(4),
                failed: fee(5),
                convicted: fee(6),
                acquitted: fee(7),
                delivery: fee(8),
                approval: fee(9),
                rejection: fee(10),
                appeal: fee(11),
            },
            ..economics
        };
        Some((params.ok()?, economics))
    })
}

/// One judgement: what is called unique, no condition against bribes calls bribable; where all else holds the conditions and
/// the tree say the same; and a proof of honest play is what the solver says.
#[test]
fn the_tree_and_the_conditions_against_bribes_agree() {
    let mut runner = runner();
    let strategy = cases();
    let (mut unique, mut refused, mut cheap) = (0, 0, 0);
    for number in 0..common::times(240) {
        let (params, economics) = strategy.new_tree(&mut runner).unwrap().current();
        let rows = inequalities(&params, &economics).unwrap();
        let others = rows.iter().filter(|row| !is_bribe(row));
        let others = others.clone().all(|row| row.holds());
        let bribes = rows.iter().filter(|row| is_bribe(row));
        let refuses = bribes.clone().all(|row| row.holds());
        let game = build(&params, &economics).unwrap();
        let verdict = solve(&game).verdict;
        let pays = verdict.honest_play_pays();
        let case = || format!("case {number}: {verdict:?} {params:?} {economics:?}");
        assert!(refuses || !pays, "{}", case());
        if others {
            assert_eq!(refuses, pays, "{}", case());
            let p = hit_probability(params.steps(), economics.bad_steps, params.sample().into());
            let little =
                exact(economics.outside_gain.to_sat()) <= p * exact(economics.worker_cost.to_sat());
            unique += u32::from(pays);
            refused += u32::from(!pays);
            cheap += u32::from(!pays && little);
        }
        if economics.time_outs == TimeOuts::PayNobody && number < 100 {
            assert_eq!(HonestPlay::prove(&params, &economics).is_ok(), pays);
        }
    }
    println!("{unique} unique, {refused} bribable, {cheap} of them where B <= pz");
    assert!(
        unique >= 10 && refused >= 10 && cheap >= 2,
        "{unique} {refused} {cheap}"
    );
}

/// What a promise names a payment for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Hit,
    Missed,
    /// All that was sampled is wrong.
    Idle,
}

/// What a verifier does with a promise, without looking (one action for all) or after it has looked.
#[derive(Clone, Copy, Debug)]
enum Act {
    Approve,
    Silence,
    Reject,
}

/// A contract's figures as they bear on promises, in satoshi.
struct Bare {
    p: Rational,
    bounty: Rational,
    /// y, z, B.
    looking: Rational,
    work: Rational,
    outside: Rational,
    phi: Rational,
    beta_v: Rational,
}

impl Bare {
    /// What the verifier gets by contract.
    fn earns(&self, seen: Seen, act: Act) -> Rational {
        match (act, seen) {
            (Act::Approve, _) => self.phi.clone(),
            (Act::Silence, _) => -self.beta_v.clone(),
            (Act::Reject, Seen::Missed) => exact(-10_000),
            (Act::Reject, _) => &self.phi + &self.bounty,
        }
    }

    /// What a cheat has more than by honest work; rejected it loses so much that none pays that is looked for.
    fn gains(&self, idle: bool, act: Act) -> Rational {
        match (act, idle) {
            (Act::Reject, _) => exact(-10_000_000),
            (_, true) => self.work.clone(),
            (_, false) => self.outside.clone(),
        }
    }

    fn seen(&self, idle: bool) -> Vec<(Rational, Seen)> {
        match idle {
            true => vec![(exact(1), Seen::Idle)],
            false => vec![
                (self.p.clone(), Seen::Hit),
                (exact(1) - &self.p, Seen::Missed),
            ],
        }
    }

    /// Whether a verifier that takes the worker for an idle one with this probability has a best reply to the promise by
    /// which neither cheat that it believes in loses.
    fn is_taken(&self, pays: &dyn Fn(Seen, Act, bool) -> Rational, idle: &Rational) -> bool {
        let works = [(true, idle.clone()), (false, exact(1) - idle)];
        let works = works.into_iter().filter(|(_, odds)| *odds > exact(0));
        let works = works.collect::<Vec<_>>();
        // Look or not, and an act for each thing seen: one for all if it does not look.
        let acts = [Act::Approve, Act::Silence, Act::Reject];
        let mut plans = Vec::new();
        for hit in acts {
            // To reject unseen what was promised is out, as in the tree: it would only make promises worse.
            if !matches!(hit, Act::Reject) {
                plans.push((false, [hit; 3]));
            }
            for missed in acts {
                plans.extend(acts.map(|nothing| (true, [hit, missed, nothing])));
            }
        }
        let worth = |(looks, acts): &(bool, [Act; 3])| {
            let looking = if *looks {
                self.looking.clone()
            } else {
                exact(0)
            };
            let each = works.iter().flat_map(|(idle, odds)| {
                let each = self.seen(*idle).into_iter().map(move |(chance, seen)| {
                    let act = acts[seen as usize];
                    odds * chance * (self.earns(seen, act) + pays(seen, act, *looks))
                });
                each.collect::<Vec<_>>()
            });
            each.sum::<Rational>() - looking
        };
        let best = plans.iter().map(worth).max().unwrap();
        let mut replies = plans.iter().filter(|plan| worth(plan) == best);
        replies.any(|(looks, acts)| {
            works.iter().all(|(idle, _)| {
                let each = self.seen(*idle).into_iter().map(|(chance, seen)| {
                    let act = acts[seen as usize];
                    chance * (self.gains(*idle, act) - pays(seen, act, *looks))
                });
                each.sum::<Rational>() >= exact(0)
            })
        })
    }
}

/// Whatever a promise pays for whatever comes out, no belief makes a verifier take it, if the conditions hold; and if they do
/// not, the one that the tree has is taken. The game is put together here once more, without the tree and its fees.
#[test]
fn no_promise_of_any_form_is_taken_where_the_conditions_hold() {
    let mut runner = runner();
    let strategy = (
        (1_000i64..40_000, 0i64..3_000, 0i64..40_000, 0i64..40_000),
        1i64..100,
        (5_000i64..50_000, 0i64..60_000),
        prop::collection::vec(0i64..60_000, 9),
        prop::collection::vec(any::<bool>(), 9),
        0i64..=10,
    );
    let (mut held, mut taken) = (0, 0);
    for _ in 0..6_000 {
        let figures = strategy.new_tree(&mut runner).unwrap().current();
        let ((b, y, z, gain), percent, (phi, beta_v), amounts, given, idle) = figures.clone();
        let bare = Bare {
            p: Rational::new(percent.into(), 100.into()),
            bounty: exact(b),
            looking: exact(y),
            work: exact(z),
            outside: exact(gain),
            phi: exact(phi),
            beta_v: exact(beta_v),
        };
        let caught = &bare.p * &bare.bounty;
        let holds =
            caught > &bare.outside + &bare.looking && bare.bounty > &bare.work + &bare.looking;
        held += u32::from(holds);
        // Half of the payments are none, so that promises of one or two things are tried too; some are owed only to who has
        // looked.
        let random = |seen: Seen, act: Act, looked: bool| {
            let index = 3 * seen as usize + act as usize;
            let owed = given[index] && (looked || index.is_multiple_of(2));
            exact(if owed { amounts[index] } else { 0 })
        };
        let idle = Rational::new(idle.into(), 10.into());
        let is_taken = bare.is_taken(&random, &idle);
        taken += u32::from(is_taken);
        assert!(!(holds && is_taken), "{figures:?}");
        let of_the_tree = |seen: Seen, act: Act, _: bool| match (act, seen) {
            (Act::Approve, Seen::Hit) => (&bare.outside / &bare.p).min(bare.bounty.clone()),
            (Act::Approve, Seen::Idle) => bare.work.clone().min(bare.bounty.clone()),
            _ => exact(0),
        };
        let believed = [exact(0), exact(1)];
        let is_taken = believed
            .iter()
            .any(|idle| bare.is_taken(&of_the_tree, idle));
        assert_eq!(is_taken, !holds, "{figures:?}");
    }
    println!("{held} hold; of random promises {taken} are taken");
    assert!(held >= 300 && taken >= 40, "{held} {taken}");
}

/// An honest worker may hand its token over, and the verifier need not look. That pays nobody: but if it costs the worker
/// *nothing*, it may mix that with cheats so seldom that the verifier does not look always, and have what honest
/// work gives it. One satoshi takes this away.
#[test]
fn a_token_given_away_for_nothing_is_a_tie() {
    let (honest, loses, gain, phi, y, b) = (75_000, 150_000, 20_000, 20_000, 500, 30_000);
    let p = hit_probability(1_000, 20, 100);
    let game = |price: i64| {
        let players = vec![Player::Worker, Player::Verifier];
        let mut board = GameBuilder::new("a token given away".to_owned(), players);
        let as_usual = |b: &mut GameBuilder, (): &()| {
            b.end("as usual".to_owned(), vec![exact(honest), exact(phi - y)]);
        };
        let offered = |b_: &mut GameBuilder, cheats: &bool| {
            let looked = |board: &mut GameBuilder, cheats: &bool| {
                let caught = &p * exact(honest + loses) - (exact(1) - &p) * exact(gain);
                let (worker, verifier) = match cheats {
                    true => (exact(honest) - caught, exact(phi - y) + &p * exact(b)),
                    false => (exact(honest), exact(phi - y)),
                };
                board.end("looked".to_owned(), vec![worker - exact(price), verifier]);
            };
            let took = |board: &mut GameBuilder, cheats: &bool| {
                let worker = honest - price + if *cheats { gain } else { 0 };
                board.end("took".to_owned(), vec![exact(worker), exact(phi)]);
            };
            let moves: [Move<'_, bool>; 2] = [("verify", &looked), ("approve unseen", &took)];
            b_.decide(
                Player::Verifier,
                "handed the token",
                Some(0),
                cheats,
                &moves,
            );
        };
        let moves: [Move<'_, ()>; 3] = [
            ("honest", &as_usual),
            ("honest, hand the token over", &|b, ()| offered(b, &false)),
            ("target, hand the token over", &|b, ()| offered(b, &true)),
        ];
        board.decide(Player::Worker, "at work", Some(0), &(), &moves);
        board.finish().unwrap()
    };
    assert!(solve(&game(1)).verdict.honest_play_pays());
    let tie = solve(&game(0));
    assert!(!tie.verdict.honest_play_pays());
    // The verifier is indifferent where it is cheated with y/(pb), and the worker never has more.
    let rate = exact(y) / (&p * exact(b));
    let cheats = tie.equilibria.iter().map(|e| e.behaviour[&0][2].clone());
    assert_eq!(cheats.max(), Some(rate));
    assert!(tie.equilibria.iter().all(|e| e.payoffs[0] == exact(honest)));
}
