//! From which audits on checking is dominant for arbiters whose rulings are bits: the closed form beside the tree.

use narthex_game_model::game::{
    ArbiterModel, Dominance, Economics, EconomicsError, Game, Node, NodeId, Oversight, PanelAudits,
    PanelReport, Rational, exact, panel_game, solve,
};
use narthex_game_model::{Amount, Params, ParamsRecord, Ratio};

fn ratio(num: u32, den: u32) -> Ratio {
    Ratio::new(num, den).unwrap()
}

fn panel(n: u8, k: u8) -> Params {
    Params::new(ParamsRecord::example(n, k, 800_000)).unwrap()
}

fn economics(planted: Ratio, fine: u64) -> Economics {
    Economics {
        arbiters: ArbiterModel::Bits,
        panel_audits: Some(PanelAudits {
            planted,
            fine: Amount::from_sat(fine),
        }),
        ..Economics::example()
    }
}

fn dominance(params: &Params, economics: &Economics) -> Dominance {
    PanelReport::new(params, economics).dominance
}

/// Expected payoffs if everybody plays so; each has one information set.
fn payoffs(game: &Game, node: NodeId, play: &[usize]) -> Vec<Rational> {
    match &game.nodes[node] {
        Node::End { payoffs, .. } => payoffs.clone(),
        Node::Decision { infoset, children } => {
            let action = play[game.infosets[*infoset].player];
            payoffs(game, children[action], play)
        }
        Node::Chance { branches, .. } => {
            let mut mean = vec![exact(0); play.len()];
            for (_, odds, child) in branches {
                for (sum, value) in mean.iter_mut().zip(payoffs(game, *child, play)) {
                    *sum += odds * value;
                }
            }
            mean
        }
    }
}

/// Whether checking, the first action, gives the first arbiter strictly more than each other, whatever the others do.
fn dominant(game: &Game) -> bool {
    let players = game.players.len();
    let profiles = 4_usize.pow(players as u32 - 1);
    (0..profiles).all(|mut profile| {
        let mut play = vec![0; players];
        for action in &mut play[1..] {
            (*action, profile) = (profile % 4, profile / 4);
        }
        let mut of = |action| {
            play[0] = action;
            payoffs(game, 0, &play).remove(0)
        };
        let checks = of(0);
        (1..4).all(|action| checks > of(action))
    })
}

fn closed_form(params: &Params, planted: Ratio) -> Rational {
    let sat = |amount: Amount| exact(amount.to_sat());
    let pot = sat(params.worker_stake()) - sat(params.verifier_reward()) - sat(params.bounty());
    let tau = Rational::new(planted.numerator().into(), planted.denominator().into());
    let lesser = (exact(1) - &tau).min(tau);
    let outvoted = sat(params.arbiter_stake()) + pot / exact(params.quorum() + 1);
    outvoted + exact(1_000) / lesser
}

#[test]
fn checking_is_dominant_exactly_from_the_audit_rate_on() {
    const FINE: u64 = 1_000_000;
    for (n, k) in [(3, 2), (4, 3), (5, 3), (5, 4)] {
        for planted in [ratio(1, 10), ratio(1, 2), ratio(3, 4)] {
            let params = panel(n, k);
            let economics = economics(planted, FINE);
            let found = dominance(&params, &economics);
            let least = found.least_expected_fine_sat.clone().unwrap();
            assert_eq!(
                least,
                closed_form(&params, planted),
                "{k} of {n}, {planted}"
            );
            let rate = found.least_audit_rate.clone().unwrap();
            assert_eq!(rate, &least / exact(FINE));
            let game = |audited| {
                let oversight = Oversight {
                    audited,
                    fine: Amount::from_sat(FINE),
                    ..Oversight::none(planted)
                };
                panel_game(&params, &economics, oversight).unwrap()
            };
            // The last rate of so many parts that does not do, and the next.
            const PARTS: u32 = 1_000_000;
            let last = (&rate * exact(PARTS)).floor().to_integer();
            let last = u32::try_from(last).unwrap();
            let (below, above) = (game(ratio(last, PARTS)), game(ratio(last + 1, PARTS)));
            assert!(!dominant(&below), "{k} of {n}, {planted}, {rate}");
            assert!(dominant(&above), "{k} of {n}, {planted}, {rate}");
            // The solver needs no more than that; and in a panel whose others can all be wrong, no less.
            if n == 3 {
                assert!(solve(&above).verdict.honest_play_pays(), "{planted}");
                assert!(!solve(&below).verdict.honest_play_pays(), "{planted}");
            }
        }
    }
}

#[test]
fn appeals_leave_audits_the_cost_of_judging_exactly_from_their_rate_on() {
    for (n, k) in [(3, 2), (5, 3), (5, 4)] {
        let planted = ratio(1, 4);
        let (params, economics) = (panel(n, k), economics(planted, 0));
        let found = dominance(&params, &economics);
        // No fine, no rate.
        assert_eq!(found.least_audit_rate, None);
        // g / τ.
        assert_eq!(found.least_beside_appeals_sat, Some(exact(4_000)));
        let least = found.least_overruled.unwrap();
        println!("{k} of {n}: overruled above {least}");
        const PARTS: u32 = 1_000_000;
        let last = u32::try_from((&least * exact(PARTS)).floor().to_integer()).unwrap();
        // 4,000.01 sat on average, or none.
        let game = |parts, audited| {
            let oversight = Oversight {
                overruled: ratio(parts, PARTS),
                audited,
                fine: Amount::from_sat(4_001),
                ..Oversight::none(planted)
            };
            panel_game(&params, &economics, oversight).unwrap()
        };
        let audited = ratio(400_001, 400_100);
        assert!(!dominant(&game(last - 1, audited)), "{k} of {n}: {least}");
        assert!(dominant(&game(last + 1, audited)), "{k} of {n}: {least}");
        // Without audits a guess among the silent is as good, and nobody overrules what is no ruling.
        assert!(!dominant(&game(PARTS, ratio(0, 1))), "{k} of {n}");
        assert!(!dominant(&game(PARTS, ratio(4_000, 4_001))), "{k} of {n}");
    }
}

#[test]
fn no_audit_helps_where_nobody_is_guilty_or_where_silence_is_free() {
    let params = panel(3, 2);
    for never in [ratio(0, 1), ratio(1, 1)] {
        let found = dominance(&params, &economics(never, 1_000_000));
        assert_eq!(found.least_expected_fine_sat, None, "{never}");
        assert_eq!(found.least_overruled, None, "{never}");
    }
    // εa is less than judging costs: being silent among the silent is better.
    let dear = Economics {
        arbiter_cost: params.epsilon().floor_of(params.arbiter_stake()),
        ..economics(ratio(1, 2), 1_000_000)
    };
    assert_eq!(dominance(&params, &dear).least_expected_fine_sat, None);
    // A fine as large as the stake is too small at any rate: an outvoted arbiter loses that and a share.
    let stake = params.arbiter_stake().to_sat();
    let found = dominance(&params, &economics(ratio(1, 2), stake));
    assert!(found.least_audit_rate.unwrap() > exact(1));
    let share = ratio(11, 10);
    assert_eq!(
        economics(share, 1).check(&params),
        Err(EconomicsError::Share {
            of: "guilty workers",
            share
        })
    );
}
